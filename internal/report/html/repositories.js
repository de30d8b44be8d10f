// The view of all repositories of which the report knows something.

const listedRepositories = 200; // at a time

// allRepositories lists them, those with the worst findings first and the others
// by name.
function allRepositories() {
  const all = new Map();
  const at = (account, region, name) => {
    const key = JSON.stringify([account, region, name]);
    if (!all.has(key)) all.set(key, { account, region, name, findings: [], gaps: 0, searched: `${name} ${accountLabel(account)} ${region}`.toLowerCase() });
    return all.get(key);
  };
  for (const finding of findings) {
    if (finding.repository) at(finding.account, finding.region, finding.repository).findings.push(finding);
  }
  for (const gap of gaps) {
    if (gap.repository) at(gap.account, gap.region, gap.repository).gaps++;
  }
  for (const place of detailPlaces()) at(...place);
  const worst = (repository) => repository.findings[0]?.order ?? Infinity;
  return [...all.values()].sort((a, b) => (worst(a) === worst(b) ? 0 : worst(a) - worst(b)) || textOrder(a.name, b.name));
}

let repositoryList = null;

function repositoriesPage(query) {
  repositoryList ??= allRepositories();
  const rows = el("tbody");
  const total = el("p", { class: "total", role: "status" });
  const more = el("button", { type: "button", class: "quiet-button", click: () => add() }, "Show more");
  let matching = repositoryList;
  const add = () => {
    const from = rows.childElementCount;
    rows.append(...matching.slice(from, from + listedRepositories).map(repositoryRow));
    more.hidden = rows.childElementCount === matching.length;
  };
  const filter = () => {
    const wanted = words(search.value);
    matching = repositoryList.filter((one) => wanted.every((word) => one.searched.includes(word)));
    total.textContent = wanted.length > 0 ? `${number(matching.length)} of ${number(repositoryList.length)}` : count(matching.length, "repository", "repositories");
    rows.replaceChildren();
    add();
  };
  const search = el("input", {
    type: "search", "aria-label": "Search repositories", placeholder: "Name, account, region", autocomplete: "off", spellcheck: "false",
    input: () => {
      history.replaceState(null, "", `#/repos${search.value ? `?q=${encodeURIComponent(search.value)}` : ""}`);
      filter();
    },
  });
  search.value = new URLSearchParams(query).get("q") ?? "";
  filter();
  return {
    title: "Repositories",
    nodes: [
      el("h1", { tabindex: "-1" }, "Repositories"),
      el("p", { class: "quiet" }, "Those with findings, gaps or details in this report. Others that were read are counted in the overview."),
      el("div", { class: "bar-line" }, search, total),
      el("section", { class: "card", "aria-label": "Repositories" },
        el("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": "Repositories" }, el("table", { class: "lines" },
          el("thead", {}, el("tr", {}, ["Repository", "Fail and unknown", "Findings", "Gaps"].map((head, i) => el("th", { scope: "col", class: i > 1 ? "number" : undefined }, head)))),
          rows)),
        more),
    ],
  };
}

function repositoryRow({ account, region, name, findings: found, gaps: missing }) {
  return el("tr", {},
    el("th", { scope: "row" }, el("a", { href: link.repository(account, region, name) }, name), el("small", {}, `${accountLabel(account)} ${region}`)),
    el("td", { class: "counts" }, counters(found)),
    el("td", { class: `number${found.length === 0 ? " zero" : ""}` }, number(found.length)),
    el("td", { class: `number ${missing === 0 ? "zero" : "alarm"}` }, number(missing)));
}
