// One finding: its row in the list, and all there is to say about it.

function findingRow(finding, index) {
  const place = finding.repository || finding.region || "organization";
  const below = [imageOf(finding), accountNames.get(finding.account) ?? finding.account, finding.repository ? finding.region : ""];
  return [
    el("span", { role: "gridcell", class: "cell marks" }, severityBadge(finding.severity), finding.status !== "fail" && statusBadge(finding.status)),
    el("span", { role: "gridcell", class: "cell rule" }, el("span", { class: "name" }, finding.rule.id),
      finding.change && el("span", { class: `change ${finding.change}` }, finding.change)),
    el("span", { role: "gridcell", class: "cell place" },
      el("span", { class: "name" }, finding.repository
        ? el("a", { href: link.repository(finding.account, finding.region, finding.repository), tabindex: "-1" }, place) : place),
      el("small", {}, below.filter(Boolean).join(" · "))),
    el("span", { role: "gridcell", class: "cell message" }, finding.message || finding.rule.title || finding.rule.id),
  ];
}

function waiverText(waiver) {
  const parts = [waiver.reason];
  if (waiver.owner) parts.push(`owner ${waiver.owner}`);
  if (waiver.ticket) parts.push(`ticket ${waiver.ticket}`);
  if (waiver.until) parts.push(`until ${waiver.until}`);
  return `${parts.join(", ")} (otherwise: ${waiver.verdict})`;
}

const changeMeanings = {
  new: "new: the baseline does not have it",
  worsened: "worsened: the baseline has it less severe, or unknown",
  known: "known: the baseline has it, so it decides nothing",
};

function findingBody(finding) {
  const { rule } = finding;
  return [
    el("p", { class: "says" }, finding.status === "unknown" && el("strong", {}, "Unknown: "), finding.message),
    finding.waiver && el("p", {}, el("strong", {}, "Waived: "), waiverText(finding.waiver)),
    finding.remediation && el("p", {}, el("strong", {}, "Fix: "), finding.remediation),
    finding.fix && el("details", {}, el("summary", {}, "The change that would mend it"), el("pre", {}, JSON.stringify(finding.fix, null, 2))),
    facts(
      ["Rule", [el("a", { href: link.rule(rule) }, rule.id), rule.title && ` – ${rule.title}`]],
      ["Why", rule.why],
      ["Repository", finding.repository && el("a", { href: link.repository(finding.account, finding.region, finding.repository) }, finding.repository)],
      ["Account", accountLabel(finding.account)],
      ["Region", finding.region],
      ["Tag", finding.tag],
      ["Digest", finding.digest && el("code", {}, finding.digest)],
      ["Baseline", changeMeanings[finding.change]],
      ["Fingerprint", [el("code", {}, finding.fingerprint), " ", el("a", { href: link.finding(finding) }, "permalink")]],
    ),
  ];
}

function findingFold(finding) {
  const fold = el("details", {},
    el("summary", {}, severityBadge(finding.severity), " ", finding.status !== "fail" && [statusBadge(finding.status), " "],
      el("strong", {}, finding.rule.id), " ", imageOf(finding) && el("span", { class: "quiet" }, imageOf(finding), " "), finding.message));
  fold.addEventListener("toggle", () => fold.childElementCount === 1 && fold.append(el("div", { class: "panel" }, findingBody(finding))));
  return el("li", {}, fold);
}

// findingList is a list of findings that fold out, for pages: the first ones,
// and the next hundred at a time.
function findingList(list, filters) {
  if (list.length === 0) return el("p", { class: "quiet" }, "None.");
  const box = el("ul", { class: "folds" });
  const more = el("button", { type: "button", class: "quiet-button", click: () => add(100) });
  const add = (some) => {
    const from = box.childElementCount;
    box.append(...list.slice(from, from + some).map(findingFold));
    more.hidden = box.childElementCount === list.length;
    more.textContent = `Show ${number(Math.min(100, list.length - box.childElementCount))} more`;
  };
  add(8);
  return [box, el("p", { class: "more" }, more, " ", el("a", { href: link.findings(filters) }, "Open in the list of findings"))];
}
