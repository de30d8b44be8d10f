// Who can do what with a repository: lines from principals to abilities.

const abilities = ["read", "pull", "push", "delete", "administer"];

const exposureMeanings = {
  own: "only the account itself", inside: "other accounts of the organization", trusted: "accounts that the configuration trusts",
  outside: "somebody outside the organization", public: "everyone", unknown: "cannot be decided",
};

const drawnGrants = 40;

function exposureText(grant) {
  if (grant.exposure !== "unknown") return grant.exposure;
  return grant.widest && grant.widest !== "unknown" ? `unknown, at most ${grant.widest}` : "unknown";
}

function conditionsText(grant) {
  const conditions = grant.conditions ?? [];
  return [`statement ${grant.statement}`, ...conditions.map((text) => `if ${text}`)].join(", ");
}

function drawAccess(grants, width) {
  const rowHeight = 54;
  const boxHeight = 44;
  const left = Math.floor(Math.min(width * 0.56, 520));
  const right = Math.floor(Math.min(width * 0.24, 150));
  const height = Math.max(grants.length * rowHeight, abilities.length * 46);
  const abilityY = (i) => (height / abilities.length) * (i + 0.5);
  const grantY = (i) => (height / grants.length) * (i + 0.5);
  const lines = [];
  const boxes = [];
  grants.forEach((grant, i) => {
    const y = grantY(i);
    const middle = (left + width - right) / 2;
    for (const ability of grant.abilities ?? []) {
      const to = abilityY(abilities.indexOf(ability));
      lines.push(titled(svg("path", {
        class: `flow ${grant.exposure}`, d: `M${left} ${y}C${middle} ${y} ${middle} ${to} ${width - right} ${to}`,
      }), `${grant.principal}: ${ability} (${exposureText(grant)})`));
    }
    const room = left - 20;
    boxes.push(titled(svg("g", { class: `grant ${grant.exposure}` },
      svg("rect", { class: "box", x: 0.5, y: y - boxHeight / 2, width: left - 1, height: boxHeight, rx: 5 }),
      svg("rect", { class: "stripe", x: 0.5, y: y - boxHeight / 2, width: 6, height: boxHeight, rx: 2 }),
      svg("text", { x: 14, y: y - 4, class: "main" }, fits(grant.principal, room)),
      svg("text", { x: 14, y: y + 13, class: "sub" }, begins(`${exposureText(grant)} · ${conditionsText(grant)}`, room))),
    `${grant.principal}: ${exposureText(grant)}; ${conditionsText(grant)}`));
  });
  abilities.forEach((ability, i) => {
    const held = grants.filter((grant) => (grant.abilities ?? []).includes(ability));
    boxes.push(svg("g", { class: `ability${held.length === 0 ? " idle" : ""}` },
      svg("rect", { class: "box", x: width - right + 0.5, y: abilityY(i) - 15, width: right - 1, height: 30, rx: 15 }),
      svg("text", { x: width - right / 2, y: abilityY(i) + 4, "text-anchor": "middle", class: "main" }, fits(ability, right - 10))));
  });
  return { height, nodes: [lines, boxes].flat() };
}

function accessSection(access, policy) {
  const { grants, exposure } = access;
  const drawn = grants.slice(0, drawnGrants);
  const looks = [...new Set(grants.map((grant) => grant.exposure))];
  return [
    el("p", { class: "says" }, "Widest exposure: ", el("span", { class: `exposure ${exposure}` }, exposure), ` – ${exposureMeanings[exposure] ?? ""}.`),
    access.problems?.length > 0 && el("ul", { class: "problems warning" }, access.problems.map((text) => el("li", {}, text))),
    grants.length === 0 && el("p", { class: "quiet" }, policy ? "The policies let nobody in but the account itself." : "There is no policy: nobody but the account itself is let in."),
    drawn.length > 0 && [
      drawing(`Who can do what: ${count(drawn.length, "grant", "grants")}, listed in the table below`, (width) => drawAccess(drawn, width)),
      legend(...looks.map((look) => [`flow-${look}`, `${look}: ${exposureMeanings[look] ?? ""}`])),
      grants.length > drawn.length && el("p", {}, `${count(grants.length - drawn.length, "grant is", "grants are")} in the table only.`),
      access.omitted > 0 && el("p", {}, `${count(access.omitted, "narrower grant is", "narrower grants are")} not in this report.`),
      el("details", { open: drawn.length <= 5 }, el("summary", {}, "Grants as a table"), grid(
        ["Who", "Exposure", "Can", "Conditions", "Statement", "Actions"],
        grants.map((grant) => [
          [grant.principal, grant.trusted && el("small", {}, `trusted as ${grant.trusted}`)],
          [el("span", { class: `exposure ${grant.exposure}` }, exposureText(grant)), grant.reason && el("small", {}, grant.reason)],
          (grant.abilities ?? []).join(", "), (grant.conditions ?? []).join("; ") || "none",
          `${grant.statement} (${grant.source})`, (grant.actions ?? []).join(", "),
        ]), { label: "Grants" })),
    ],
    policy && el("details", {}, el("summary", {}, "The policy as it is written"), el("pre", { tabindex: "0" }, policy.join("\n"))),
  ];
}
