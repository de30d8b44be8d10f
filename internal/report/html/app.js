// Which view is shown follows from the address, so that every view can be
// linked to and the browser's own buttons work.

const views = { overview: byId("overview"), findings: byId("findings"), page: byId("page") };
const places = new Map(); // how far each address was scrolled
let address = null;

function showView(name, title, part = name) {
  for (const [other, node] of Object.entries(views)) node.hidden = other !== name;
  for (const a of document.querySelectorAll("nav a")) {
    if (a.dataset.view === part) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  document.title = `${title} – ecraudit`;
}

// showPage shows what a view makes anew each time. part is what of the
// navigation it belongs to.
function showPage({ title, nodes }, part = "") {
  views.page.replaceChildren(...nodes.flat(Infinity).filter(Boolean));
  showView("page", title, part);
  return views.page.querySelector("h1");
}

function showSection(id) {
  showView("overview", "Overview", id);
  const title = byId(`${id}-title`);
  byId(id)?.scrollIntoView({ block: "start" });
  return title;
}

function missingFinding(fingerprint) {
  return showPage({
    title: "Finding", nodes: [
      el("h1", { tabindex: "-1" }, "This finding is not listed here"),
      el("p", {}, "No finding of this report has the fingerprint ", el("code", {}, fingerprint), ". It was fixed, was not read, ",
        report.left_out > 0 ? "is one of those that are left out of this report, " : "", run.query ? "does not match the filter of this report, " : "", "or is of another audit."),
    ],
  });
}

// A part of an address that is no valid encoding stands for itself.
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// route shows what the address names, and returns what gets the focus.
function route(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [view, ...parts] = path.split("/").map(decoded);
  switch (view) {
    case "findings":
      showView("findings", "Findings");
      table.openState(query);
      return table.view.querySelector("h1");
    case "finding":
      showView("findings", "Finding");
      return table.openFinding(parts[0] ?? "") ? byId("grid") : missingFinding(parts[0] ?? "");
    case "repo":
      return showPage(repositoryPage(parts[0] ?? "", parts[1] ?? "", parts.slice(2).join("/")), "repos");
    case "repos":
      return showPage(repositoriesPage(query), "repos");
    case "rule":
      return showPage(rulePage(parts[0] ?? ""));
    case "coverage": case "accounts": case "rules":
      return showSection(view);
    default:
      showView("overview", "Overview");
      return byId("main");
  }
}

function arrive(event) {
  if (location.hash === address) return;
  const first = address === null;
  if (event) places.set(new URL(event.oldURL).hash, scrollY);
  address = location.hash;
  const focus = route(address);
  const isTarget = /^#\/(finding|coverage|accounts|rules)\b(?!s)/.test(address);
  if (!isTarget) scrollTo({ top: first ? 0 : places.get(address) ?? 0, behavior: "instant" });
  if ((first && !isTarget) || !focus) return;
  if (focus.tabIndex < 0) focus.tabIndex = -1; // so that it can be given the focus
  focus.focus({ preventScroll: true });
}

history.scrollRestoration = "manual";
addEventListener("hashchange", arrive);

const keyHelp = [
  ["/", "search the findings"], ["j or ↓, k or ↑", "next and previous row"], ["Enter or Space", "fold a row out or in"], ["→ and ←", "fold out, fold in"],
  ["Page ↓, Page ↑, Home, End", "move far"], ["r", "the page of the row's repository"], ["g", "group by the next of rule, repository, account, severity"],
  ["o, f, p", "overview, findings, repositories"], ["Esc", "clear the search, fold in, close"], ["?", "this help"],
];
const help = el("dialog", { class: "help", "aria-labelledby": "help-title" },
  el("h2", { id: "help-title" }, "Keys"),
  el("dl", { class: "keys" }, keyHelp.map(([key, text]) => el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, text)))),
  el("form", { method: "dialog" }, el("button", { type: "submit" }, "Close")));
document.body.append(help);
byId("help").addEventListener("click", () => help.showModal());

function toFindings() {
  if (views.findings.hidden) {
    location.hash = "#/findings";
    arrive();
  }
}

const shortcuts = {
  "/": () => { toFindings(); table.search.focus(); table.search.select(); },
  "?": () => help.showModal(),
  o: () => { location.hash = "#/"; },
  f: () => { location.hash = "#/findings"; },
  p: () => { location.hash = "#/repos"; },
  j: () => { toFindings(); table.step(1); },
  k: () => { toFindings(); table.step(-1); },
  g: () => { toFindings(); table.nextGroup(); },
  r: () => {
    const finding = views.findings.hidden ? null : table.activeFinding();
    if (finding?.repository) location.hash = link.repository(finding.account, finding.region, finding.repository);
  },
  Escape: () => { if (!views.findings.hidden) table.escape(); },
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  const typing = event.target.closest?.("input, select, textarea");
  if (typing && event.key !== "Escape") return;
  const action = shortcuts[event.key];
  if (!action) return;
  if (event.key !== "Escape") event.preventDefault();
  action();
});

// On paper stand the overview and the findings that the filters let through, or
// the page that is open. Rows that are not near the window exist only then.
const printedFindings = 1000;
let printed = null;

function printList() {
  const list = table.shown();
  const cut = list.length - printedFindings;
  return el("section", { class: "printed" }, el("h2", {}, `Findings (${number(list.length)})`),
    table.isFiltered() && el("p", {}, `Filtered: ${number(list.length)} of ${number(findings.length)} findings.`),
    cut > 0 && el("p", {}, el("strong", {}, `Only ${number(printedFindings)} are printed, ${number(cut)} are not.`), " Filter the list to print others."),
    list.slice(0, printedFindings).map((finding) => el("div", { class: "printed-finding" },
      el("p", {}, severityBadge(finding.severity), " ", statusBadge(finding.status), " ", el("strong", {}, finding.rule.id), " ",
        [finding.account || organization, finding.region, finding.repository].filter(Boolean).join("/"), " ", imageOf(finding)),
      el("p", {}, finding.message), finding.remediation && el("p", { class: "quiet" }, `Fix: ${finding.remediation}`))));
}

addEventListener("beforeprint", () => {
  if (!views.page.hidden || printed) return;
  if (views.findings.hidden && table.shown().length === 0 && !table.isFiltered()) table.prepare();
  printed = printList();
  byId("main").append(printed);
});
addEventListener("afterprint", () => {
  printed?.remove();
  printed = null;
});

arrive();
setTimeout(prepareSearch, 200, 0);
