// The view of all findings: search, filters, groups, and a tree grid that is
// used with the keyboard. The grid itself has the focus and names the active
// row, so that rows may come and go while one scrolls.

const table = (() => {
  let state = emptyState();
  let shownFindings = [];
  let active = null; // item
  const expanded = new Set(); // ids of groups

  const view = byId("findings");
  const total = el("span", { class: "total" });
  const search = el("input", {
    type: "search", id: "search", "aria-label": "Search findings", placeholder: "Search: words, \"a phrase\"", autocomplete: "off", spellcheck: "false",
    input: () => change({ q: search.value }),
  });
  const group = select("Group by", "group", [["", "no groups"], ["rule", "rule"], ["repository", "repository"], ["account", "account"], ["severity", "severity"]]);
  const sort = select("Sort by", "sort", [["", "worst first"], ["place", "place"], ["rule", "rule"], ["message", "message"], ["status", "status"],
    ...(run.baseline ? [["change", "change"]] : [])]);
  const unfold = el("button", { type: "button", class: "quiet-button", click: toggleGroups }, "Expand all");
  const toggles = Object.entries(multiple).filter(([name]) => name !== "change" || run.baseline).map(([name, values]) => toggleGroup(name, values));
  const pickers = [
    picker("Rule", "rule", (finding) => finding.rule.id),
    picker("Account", "account", (finding) => finding.account || organization, (id) => (id === organization ? id : accountLabel(id))),
    picker("Region", "region", (finding) => finding.region),
  ];
  const repository = el("input", {
    type: "search", id: "repository", placeholder: "part of a name, team-*, =name", autocomplete: "off", spellcheck: "false",
    input: () => change({ repository: repository.value }),
  });
  const clear = el("button", { type: "button", class: "quiet-button", click: () => { go(emptyState()); search.focus(); } }, "Clear filters");
  const filterCount = el("span", { class: "pill" });
  const filters = el("details", { class: "filters" },
    el("summary", {}, "Filters ", filterCount),
    el("div", { class: "filter-body" },
      el("div", { class: "toggles" }, toggles.map((toggle) => toggle.node)),
      el("div", { class: "pickers" }, pickers.map((one) => one.node),
        el("label", {}, el("span", {}, "Repository"), repository), clear)));
  const box = el("div", { class: "rows" });
  const head = el("div", { class: "head", role: "row" }, header("Severity", "severity"), header("Rule", "rule"), header("Place", "place"), header("Message", "message"));
  const gridBox = el("div", {
    class: "findings", role: "treegrid", id: "grid", tabindex: "0", "aria-label": "Findings", "aria-rowcount": "0", "aria-describedby": "grid-keys", keydown: pressed,
  }, el("div", { role: "rowgroup", class: "heads" }, head), box);
  box.setAttribute("role", "rowgroup");
  const none = el("p", { class: "none", hidden: true });
  const bars = el("div", { class: "bars-top" }, el("div", { class: "bar-line" }, search, group.node, sort.node, unfold, total), filters);
  view.append(
    el("h1", { class: "unseen" }, "Findings"),
    el("p", { class: "unseen", id: "grid-keys" }, "Arrows or j and k move, Enter folds out, slash searches, question mark shows all keys."),
    bars, gridBox, none);

  const list = new VirtualList(box, row, panel);

  function select(label, name, options) {
    const input = el("select", { id: name, change: () => change({ [name]: input.value }) }, options.map(([value, text]) => el("option", { value }, text)));
    return { input, node: el("label", { class: "inline" }, el("span", {}, label), input) };
  }

  function toggleGroup(name, values) {
    const counts = new Map();
    for (const finding of findings) counts.set(finding[name], (counts.get(finding[name]) ?? 0) + 1);
    const buttons = values.map((value) => el("button", {
      type: "button", class: `toggle ${value}`, "data-value": value, "aria-pressed": "false", disabled: !counts.has(value),
      click: () => change({ [name]: state[name].includes(value) ? state[name].filter((other) => other !== value) : [...state[name], value] }),
    }, value, " ", el("span", { class: "n" }, number(counts.get(value) ?? 0))));
    const node = el("div", { role: "group", "aria-label": name }, buttons);
    return { node, show: () => buttons.forEach((button) => button.setAttribute("aria-pressed", String(state[name].includes(button.dataset.value)))) };
  }

  function picker(label, name, valueOf, textOf = (value) => value) {
    const counts = new Map();
    for (const finding of findings) {
      const value = valueOf(finding);
      if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    const options = [...counts.keys()].map((value) => [value, textOf(value)]).sort((a, b) => textOrder(a[1], b[1]));
    const input = el("select", { id: `by-${name}`, change: () => change({ [name]: input.value }) },
      el("option", { value: "" }, "all"), options.map(([value, text]) => el("option", { value }, `${text} (${number(counts.get(value))})`)));
    return {
      node: el("label", {}, el("span", {}, label), input),
      // A value that no finding has, from an address, is an option too: the
      // list is empty because of it, and that must be seen.
      show: () => {
        const value = state[name];
        if (value && !counts.has(value)) {
          counts.set(value, 0);
          input.append(el("option", { value }, `${value} (0)`));
        }
        input.value = value;
      },
    };
  }

  function header(text, key) {
    const button = el("button", { type: "button", tabindex: "-1", click: () => change({ sort: nextSort(key) }) }, text);
    return el("span", { role: "columnheader", class: "cell", "data-key": key }, button);
  }

  // nextSort goes from ascending to descending to the order of the report.
  function nextSort(key) {
    if (state.sort === key) return `-${key}`;
    return state.sort === `-${key}` ? "" : key;
  }

  // change takes part of the state over and says so in the address.
  function change(part) {
    go({ ...state, ...part });
  }

  function go(next) {
    state = next;
    history.replaceState(null, "", formatState(state));
    show();
  }

  function show() {
    const wanted = predicate(state);
    shownFindings = ordered(state.sort).filter(wanted);
    fillControls();
    layOut();
    const text = isFiltered(state) ? `${number(shownFindings.length)} of ${number(findings.length)} findings` : count(findings.length, "finding", "findings");
    total.textContent = report.left_out > 0 ? `${text}, of ${number(report.summary.findings)} in the audit` : text;
    announce(text);
  }

  function fillControls() {
    if (search.value !== state.q) search.value = state.q;
    if (repository.value !== state.repository) repository.value = state.repository;
    group.input.value = state.group;
    sort.input.value = sort.input.querySelector(`option[value="${CSS.escape(state.sort)}"]`) ? state.sort : "";
    for (const control of [...toggles, ...pickers]) control.show();
    const used = filterNames.filter((name) => state[name].length > 0).length;
    filterCount.textContent = used > 0 ? String(used) : "";
    clear.hidden = !isFiltered(state);
    for (const column of head.children) {
      const key = column.dataset.key;
      column.setAttribute("aria-sort", state.sort === key ? "ascending" : state.sort === `-${key}` ? "descending" : "none");
    }
  }

  // layOut makes the items of the list: findings, or groups with the findings
  // of those that are expanded.
  function layOut() {
    const groups = groupings[state.group] ? grouped(shownFindings, state.group) : null;
    const items = groups ? groups.flatMap((one) => (expanded.has(groupKey(one)) ? [one, ...one.findings] : [one])) : shownFindings;
    unfold.hidden = !groups;
    unfold.textContent = groups?.some((one) => !expanded.has(groupKey(one))) ? "Expand all" : "Collapse all";
    gridBox.setAttribute("aria-rowcount", String(items.length + 1));
    gridBox.hidden = items.length === 0;
    none.hidden = items.length > 0;
    none.textContent = emptyText();
    if (!items.includes(active)) setActive(null);
    list.show(items);
  }

  // An empty list says why it is empty, and never that all is well where
  // something was not read.
  function emptyText() {
    if (findings.length > 0) return "No finding matches the search and the filters.";
    if (report.incomplete) return "No findings in what was read. The audit is NOT complete: what was not read is unknown.";
    return run.query ? `No findings match ${run.query}.` : "No findings.";
  }

  const groupKey = (one) => `${state.group} ${one.id}`;
  const isGroup = (item) => Boolean(item.findings);

  function row(item, index) {
    const isActive = item === active;
    const attributes = {
      role: "row", id: `row-${index}`, "data-index": index, "aria-rowindex": index + 2, "aria-level": state.group && !isGroup(item) ? 2 : 1,
      "aria-expanded": String(isGroup(item) ? expanded.has(groupKey(item)) : list.open.has(item)),
      class: `row ${isGroup(item) ? "group" : `finding ${item.severity}`}${isActive ? " active" : ""}`, click: (event) => clicked(event, item),
    };
    return el("div", attributes, isGroup(item) ? groupCells(item) : findingRow(item, index));
  }

  function groupCells(one) {
    return [
      el("span", { role: "gridcell", class: "cell label" }, el("strong", {}, one.label), one.hint && el("small", {}, one.hint)),
      el("span", { role: "gridcell", class: "cell counts" }, counters(one.findings), el("span", { class: "all" }, number(one.findings.length))),
    ];
  }

  function panel(finding) {
    return el("div", { role: "row", class: "panel-row" }, el("div", { role: "gridcell", class: "panel", "aria-colspan": "4" }, findingBody(finding)));
  }

  function clicked(event, item) {
    if (event.target.closest("a")) return;
    setActive(item);
    toggle(item);
  }

  function toggle(item, open) {
    if (!isGroup(item)) {
      list.toggle(item, open);
      return;
    }
    const key = groupKey(item);
    if (open ?? !expanded.has(key)) expanded.add(key);
    else expanded.delete(key);
    const was = item.id;
    layOut();
    setActive(list.items.find((one) => isGroup(one) && one.id === was) ?? null);
  }

  function toggleGroups() {
    const groups = grouped(shownFindings, state.group);
    const all = groups.every((one) => expanded.has(groupKey(one)));
    for (const one of groups) {
      if (all) expanded.delete(groupKey(one));
      else expanded.add(groupKey(one));
    }
    layOut();
  }

  function setActive(item) {
    const mark = (one, on) => list.nodes.get(one)?.[0].classList.toggle("active", on);
    if (active) mark(active, false);
    active = item;
    if (active) mark(active, true);
    const index = active ? list.items.indexOf(active) : -1;
    if (index < 0) gridBox.removeAttribute("aria-activedescendant");
    else gridBox.setAttribute("aria-activedescendant", `row-${index}`);
  }

  // The height of what stays at the top of the window while one scrolls.
  const covered = () => byId("top").offsetHeight + head.offsetHeight + 8;

  function move(to) {
    if (list.items.length === 0) return;
    const index = Math.min(Math.max(to, 0), list.items.length - 1);
    list.reveal(index, covered());
    setActive(list.items[index]);
    gridBox.focus({ preventScroll: true });
  }

  function step(by) {
    const index = active ? list.items.indexOf(active) : -1;
    move(index < 0 ? 0 : index + by);
  }

  const page = () => Math.max(1, Math.floor((innerHeight - covered()) / list.rowHeight) - 1);

  // The keys of a tree grid: https://www.w3.org/WAI/ARIA/apg/patterns/treegrid/
  const keyActions = {
    ArrowDown: () => step(1), ArrowUp: () => step(-1), PageDown: () => step(page()), PageUp: () => step(-page()),
    Home: () => move(0), End: () => move(list.items.length - 1),
    ArrowRight: () => active && toggle(active, true), ArrowLeft: () => active && toggle(active, false),
    Enter: () => active && toggle(active), " ": () => active && toggle(active),
  };

  function pressed(event) {
    if (event.target !== gridBox || event.ctrlKey || event.metaKey || event.altKey || !keyActions[event.key]) return;
    event.preventDefault();
    keyActions[event.key]();
  }

  return {
    view, search, step,
    toggleActive: () => active && toggle(active),
    activeFinding: () => (active && !isGroup(active) ? active : null),
    shown: () => shownFindings,
    isFiltered: () => isFiltered(state),
    openState(query) {
      state = parseState(query);
      filters.open ||= matchMedia("(min-width: 60rem)").matches;
      show();
    },
    // prepare makes the list without showing it.
    prepare() {
      state = emptyState();
      shownFindings = findings;
    },
    nextGroup() {
      const all = ["", ...Object.keys(groupings)];
      change({ group: all[(all.indexOf(state.group) + 1) % all.length] });
    },
    // openFinding shows a finding among all others, and reports whether it is
    // there.
    openFinding(fingerprint) {
      const finding = findings.find((one) => one.fingerprint === fingerprint);
      this.openState("");
      if (!finding) return false;
      list.toggle(finding, true);
      list.lead(list.items.indexOf(finding), covered());
      setActive(finding);
      return true;
    },
    escape() {
      if (document.activeElement === search && search.value) change({ q: "" });
      else if (active && list.open.has(active)) toggle(active, false);
      else gridBox.focus();
    },
  };
})();
