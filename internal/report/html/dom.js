// Elements are made by these functions only. Text becomes text nodes, so that
// no name can become markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

const byId = (id) => document.getElementById(id);

function announce(text) {
  byId("announcer").textContent = text;
}

const numbers = new Intl.NumberFormat("en-US");
const number = (n) => numbers.format(n);
const count = (n, one, many) => `${number(n)} ${n === 1 ? one : many}`;

function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${unit === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[unit]}`;
}

// Times are UTC everywhere, as AWS has them. An absent one is year 1.
const isTime = (text) => Boolean(text) && !text.startsWith("0001-");
const day = (text) => (isTime(text) ? text.slice(0, 10) : "–");
const minute = (text) => (isTime(text) ? `${text.slice(0, 10)} ${text.slice(11, 16)} UTC` : "–");

const severities = ["critical", "high", "medium", "low", "info"];
const statuses = ["fail", "unknown", "waived"];
const changes = ["new", "worsened", "known"];

const severityBadge = (name) => el("span", { class: `severity ${name}` }, name);
const statusBadge = (name) => el("span", { class: `status ${name}` }, name);

// Short forms of names that are too long for their place keep both ends, which
// tell them apart.
function shortened(text, limit) {
  const letters = Array.from(text);
  if (letters.length <= limit) return text;
  const tail = Math.floor((limit - 1) * 0.6);
  return letters.slice(0, limit - 1 - tail).join("") + "…" + letters.slice(-tail).join("");
}

const shortDigest = (digest) => (digest.length > 19 ? digest.slice(0, 19) + "…" : digest);

// facts is a list of names and values; what has no value is left out.
function facts(...pairs) {
  return el("dl", { class: "facts" },
    pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

// grid is a table whose cells are text or nodes.
function grid(heads, rows, { label, numeric = [] } = {}) {
  const looks = (i) => (numeric.includes(i) ? "number" : undefined);
  return el("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": label },
    el("table", { class: "lines" },
      el("thead", {}, el("tr", {}, heads.map((head, i) => el("th", { scope: "col", class: looks(i) }, head)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, i) =>
        el(i === 0 ? "th" : "td", { scope: i === 0 ? "row" : undefined, class: looks(i) }, cell)))))));
}
