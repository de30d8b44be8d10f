// The graph of a repository's images: what an index consists of, and what
// signatures, SBOMs and attestations are about.

const vulnerabilityOrder = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNTRIAGED", "UNDEFINED"];
const drawnImages = 60;

// imageTree lists images so that each follows what it belongs to, with its
// depth. What an index refers to and the repository does not have is there too.
function imageTree(shown) {
  const images = new Map(shown.map((image) => [image.digest, image]));
  const referrers = new Map();
  const belongs = new Set();
  for (const image of shown) {
    if (image.subject && images.has(image.subject)) {
      if (!referrers.has(image.subject)) referrers.set(image.subject, []);
      referrers.get(image.subject).push(image.digest);
      belongs.add(image.digest);
    }
    for (const child of image.children ?? []) belongs.add(child);
  }
  const rows = [];
  const placed = new Set();
  const put = (digest, depth, relation) => {
    const image = images.get(digest);
    const again = placed.has(digest);
    const row = { digest, image, depth, relation, again, last: rows.length };
    rows.push(row);
    if (again || !image) return;
    placed.add(digest);
    for (const child of image.children ?? []) put(child, depth + 1, "part");
    for (const referrer of referrers.get(digest) ?? []) put(referrer, depth + 1, "about");
    row.last = rows.length - 1;
  };
  for (const image of shown) {
    if (!belongs.has(image.digest)) put(image.digest, 0, "");
  }
  for (const image of shown) {
    if (!placed.has(image.digest)) put(image.digest, 0, ""); // of a circle
  }
  return rows;
}

function vulnerabilityCounts(image) {
  return vulnerabilityOrder.filter((name) => image.vulnerabilities?.[name] > 0).map((name) => ({ name, look: `vulnerability ${name.toLowerCase()}`, value: image.vulnerabilities[name] }));
}

// vulnerabilityText never calls clean what was not scanned: then the scan says
// why, and counts beside that are only those that are surely there.
function vulnerabilityText(image, long) {
  const text = vulnerabilityCounts(image).map(({ name, value }) => (long ? `${number(value)} ${name.toLowerCase()}` : `${number(value)}${name[0]}`)).join(long ? ", " : " ");
  if (image.scan === "clean" || image.scan === "findings") return text || "no vulnerabilities";
  const why = image.scan || (image.kind === "image" ? "not known" : "");
  return text ? `at least ${text}: ${why || "not all is known"}` : why;
}

const kindShapes = {
  image: (x, y) => svg("circle", { class: "kind image", cx: x, cy: y, r: 6 }),
  index: (x, y) => svg("rect", { class: "kind index", x: x - 6, y: y - 6, width: 12, height: 12, rx: 2 }),
  signature: (x, y) => svg("path", { class: "kind signature", d: `M${x} ${y - 7}l7 7-7 7-7-7z` }),
  sbom: (x, y) => svg("path", { class: "kind sbom", d: `M${x} ${y - 7}l7 12h-14z` }),
  attestation: (x, y) => svg("path", { class: "kind attestation", d: `M${x - 4} ${y - 7}h8l4 7-4 7h-8l-4-7z` }),
  artifact: (x, y) => svg("circle", { class: "kind artifact", cx: x, cy: y, r: 6 }),
  missing: (x, y) => svg("circle", { class: "kind missing", cx: x, cy: y, r: 6 }),
};

function imageLabel(row) {
  const tags = row.image?.tags ?? [];
  if (tags.length === 0) return shortDigest(row.digest);
  return tags.slice(0, 3).join(", ") + (tags.length > 3 ? ` +${tags.length - 3}` : "");
}

function imageWords({ image, again }) {
  if (!image) return "not in the repository, or not in this report";
  const words = [image.platform ? `${image.kind} ${image.platform}` : image.kind];
  if (again) words.push("shown above");
  if (image.status !== "ACTIVE") words.push(image.status.toLowerCase());
  words.push(bytes(image.bytes));
  if (isTime(image.pushed_at)) words.push(`pushed ${day(image.pushed_at)}`);
  return words.join(" · ");
}

function drawImages(rows, width) {
  const rowHeight = 44;
  const indent = width < 500 ? 18 : 28;
  const side = width < 500 ? 92 : 190; // for vulnerabilities
  const most = Math.max(1, ...rows.map(({ image }) => (image ? vulnerabilityCounts(image).reduce((sum, one) => sum + one.value, 0) : 0)));
  const x = (row) => 10 + row.depth * indent;
  const y = (index) => index * rowHeight + rowHeight / 2;
  const lines = [];
  const nodes = [];
  const trunk = []; // the row that stands at each depth
  rows.forEach((row, index) => {
    trunk[row.depth] = index;
    if (row.depth > 0) {
      const parent = trunk[row.depth - 1];
      lines.push(svg("path", { class: `branch ${row.relation}`, d: `M${x(rows[parent])} ${y(parent) + 8}V${y(index)}H${x(row) - 9}` }));
    }
    const { image } = row;
    const start = x(row) + 14;
    const room = width - side - start - 8;
    const mark = image?.release ? "release" : "";
    nodes.push(
      kindShapes[image ? image.kind : "missing"]?.(x(row), y(index)) ?? kindShapes.artifact(x(row), y(index)),
      titled(svg("text", { class: "main", x: start, y: y(index) - 3 }, fits(imageLabel(row), room - (mark ? 66 : 0))), `${row.digest} ${(image?.tags ?? []).join(", ")}`),
      svg("text", { class: "sub", x: start, y: y(index) + 13 }, begins(imageWords(row), room)));
    if (mark) {
      const at = start + Math.min(room - 60, Array.from(fits(imageLabel(row), room - 66)).length * letter + 8);
      nodes.push(svg("g", { class: "release" }, svg("rect", { x: at, y: y(index) - 15, width: 56, height: 16, rx: 8 }), svg("text", { x: at + 28, y: y(index) - 3, "text-anchor": "middle", class: "sub" }, mark)));
    }
    if (image && (image.kind === "image" || image.kind === "index")) nodes.push(...drawVulnerabilities(image, width - side, y(index), side, most));
  });
  return { height: rows.length * rowHeight, nodes: [...lines, ...nodes] };
}

function drawVulnerabilities(image, left, y, width, most) {
  const parts = [];
  let at = left;
  for (const { look, value } of vulnerabilityCounts(image)) {
    const wide = Math.max(2, (width * value) / most);
    parts.push(svg("rect", { class: look, x: at, y: y - 12, width: wide, height: 8 }));
    at += wide;
  }
  const text = vulnerabilityText(image, false);
  return [...parts, titled(svg("text", { class: "sub", x: left, y: parts.length > 0 ? y + 12 : y + 3 }, begins(text, width)), vulnerabilityText(image, true))];
}

function imagesSection(images) {
  const rows = imageTree(images.shown);
  const box = el("div");
  const draw = (limit) => {
    const some = rows.slice(0, limit);
    box.replaceChildren(drawing(`The graph of ${count(images.shown.length, "image", "images")}, listed in the table below`, (width) => drawImages(some, width)));
    if (rows.length > limit) box.append(el("button", { type: "button", class: "quiet-button", click: () => draw(rows.length) }, `Draw all ${number(rows.length)}`));
  };
  draw(drawnImages);
  const kinds = [...new Set(images.shown.map((image) => image.kind))];
  return [
    el("p", {}, `${count(images.total, "image", "images")}, ${bytes(images.bytes)}.`,
      images.omitted > 0 && ` ${number(images.omitted)} of them are not in this report: those with findings are first, then the newest.`),
    rows.length > 0 && [
      box,
      legend(...kinds.map((kind) => [`kind-${kind}`, kind]), ["kind-missing", "missing"]),
      el("details", {}, el("summary", {}, "Images as a table"), grid(["Image", "Kind", "Size", "Pushed", "Pulled", "Vulnerabilities"],
        images.shown.map((image) => [
          [(image.tags ?? []).join(", ") || "untagged", image.release && [" ", el("span", { class: "release-mark" }, "release")], el("small", {}, image.digest)],
          [image.kind, image.platform && el("small", {}, image.platform)], bytes(image.bytes), day(image.pushed_at), day(image.pulled_at),
          image.kind === "image" || image.kind === "index" ? vulnerabilityText(image, true) || "not known" : "",
        ]), { label: "Images", numeric: [2] })),
    ],
  ];
}
