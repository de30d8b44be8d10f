// Small drawings that several views share. Colours come from the style sheet by
// class; what a drawing says it also says in words beside it.

// bar draws parts of a whole: [{look, value}], the longest bar being `of`.
function bar(parts, of) {
  let at = 0;
  const rects = parts.filter((part) => part.value > 0).map((part) => {
    const width = Math.max((100 * part.value) / (of || 1), 0.5);
    const rect = svg("rect", { class: part.look, x: at, y: 0, width, height: 10 });
    at += width;
    return rect;
  });
  return svg("svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, rects);
}

// counters are badges with how many findings of each severity fail, and how
// many are unknown.
function counters(list) {
  const counts = new Map();
  for (const finding of list) {
    if (finding.status === "waived") continue;
    const key = finding.status === "unknown" ? "unknown" : finding.severity;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...severities, "unknown"].filter((name) => counts.has(name)).map((name) =>
    el("span", { class: `severity ${name}`, title: name },
      el("span", { class: "short", "aria-hidden": "true" }, name === "unknown" ? "?" : name[0]), el("span", { class: "unseen" }, ` ${name} `), ` ${number(counts.get(name))}`));
}

// drawing is an SVG that is drawn anew for the width that its place has.
function drawing(label, draw) {
  const box = el("div", { class: "drawing" });
  let width = 0;
  const redraw = () => {
    const now = Math.floor(box.clientWidth);
    if (now === 0 || now === width) return;
    width = now;
    const { height, nodes } = draw(width);
    box.replaceChildren(svg("svg", { role: "img", "aria-label": label, width, height, viewBox: `0 0 ${width} ${height}` }, nodes));
  };
  new ResizeObserver(redraw).observe(box);
  return box;
}

// The width of text in a drawing is that of its letters, which are as wide as
// each other.
const letter = 7.3;
const fits = (text, width) => shortened(text, Math.max(3, Math.floor(width / letter)));

function begins(text, width) {
  const letters = Array.from(text);
  const room = Math.max(3, Math.floor(width / letter));
  return letters.length <= room ? text : letters.slice(0, room - 1).join("") + "…";
}

const titled = (node, text) => {
  node.append(svg("title", {}, text));
  return node;
};

function legend(...entries) {
  return el("p", { class: "legend" }, entries.map(([look, text]) => [el("span", { class: `key ${look}` }), `${text} `]));
}
