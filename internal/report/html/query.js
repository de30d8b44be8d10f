// The state of the list of findings, and its form in the address: so that a
// filtered list can be sent to somebody.

const multiple = { severity: severities, status: statuses, change: changes };
const single = ["rule", "account", "region", "repository", "q", "group", "sort"];

const organization = "organization"; // stands for the account of findings on it

function emptyState() {
  return { severity: [], status: [], change: [], rule: "", account: "", region: "", repository: "", q: "", group: "", sort: "" };
}

function parseState(query) {
  const state = emptyState();
  const given = new URLSearchParams(query);
  for (const [name, values] of Object.entries(multiple)) {
    state[name] = (given.get(name) ?? "").split(",").filter((value) => values.includes(value));
  }
  for (const name of single) state[name] = given.get(name) ?? "";
  return state;
}

function formatState(state) {
  const filters = {};
  for (const name of Object.keys(multiple)) {
    if (state[name].length > 0) filters[name] = state[name].join(",");
  }
  for (const name of single) {
    if (state[name]) filters[name] = state[name];
  }
  return link.findings(filters);
}

const filterNames = ["severity", "status", "change", "rule", "account", "region", "repository"];
const isFiltered = (state) => state.q.trim() !== "" || filterNames.some((name) => state[name].length > 0);

// words are what a search looks for: each of them, or what stands in quotes as
// a whole.
function words(text) {
  return Array.from(text.toLowerCase().matchAll(/"([^"]+)"|(\S+)/g), (match) => match[1] ?? match[2]);
}

// nameMatcher matches a name by a part of it, whole by a pattern with *, or
// exactly after =.
function nameMatcher(pattern) {
  if (pattern.startsWith("=")) return (name) => name === pattern.slice(1);
  const wanted = pattern.toLowerCase();
  if (!wanted.includes("*")) return (name) => name.toLowerCase().includes(wanted);
  const parts = wanted.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&"));
  const whole = new RegExp(`^${parts.join(".*")}$`, "u");
  return (name) => whole.test(name.toLowerCase());
}

// predicate is what a finding must be to be in the list.
function predicate(state) {
  const tests = [];
  for (const name of Object.keys(multiple)) {
    const wanted = new Set(state[name]);
    if (wanted.size > 0) tests.push((finding) => wanted.has(finding[name]));
  }
  if (state.rule) tests.push((finding) => finding.rule.id === state.rule);
  if (state.account) {
    const id = state.account === organization ? "" : state.account;
    tests.push((finding) => finding.account === id);
  }
  if (state.region) tests.push((finding) => finding.region === state.region);
  if (state.repository) {
    const matches = nameMatcher(state.repository);
    tests.push((finding) => finding.repository !== "" && matches(finding.repository));
  }
  for (const word of words(state.q)) tests.push((finding) => searchText(finding).includes(word));
  return (finding) => tests.every((test) => test(finding));
}

// The orders of the list. Each falls back on the order of the report: the worst
// first, then by place.
const textOrder = new Intl.Collator("en", { numeric: true }).compare;
const placeKey = (finding) => `${finding.account}/${finding.region}/${finding.repository}`;
const keys = {
  rule: (finding) => finding.rule.id,
  place: placeKey,
  message: (finding) => finding.message,
  status: (finding) => String(statuses.indexOf(finding.status)),
  severity: (finding) => String(severities.indexOf(finding.severity)),
  change: (finding) => String(changes.indexOf(finding.change)),
};

const orders = new Map();

// ordered is all findings by a key, worked out once for each.
function ordered(sort) {
  if (!sort) return findings;
  if (!orders.has(sort)) orders.set(sort, sorted(sort));
  return orders.get(sort);
}

function sorted(sort) {
  const descending = sort.startsWith("-");
  const key = keys[descending ? sort.slice(1) : sort];
  if (!key) return findings;
  // Equal keys are many: they are ranked once, and then numbers are compared.
  const found = new Map(findings.map((finding) => [key(finding), 0]));
  [...found.keys()].sort(textOrder).forEach((text, rank) => found.set(text, rank));
  const ranks = findings.map((finding) => found.get(key(finding)));
  const sign = descending ? -1 : 1;
  return [...findings].sort((a, b) => sign * (ranks[a.order] - ranks[b.order]) || a.order - b.order);
}

const groupings = {
  rule: { key: (finding) => finding.rule.id, label: (finding) => finding.rule.id, hint: (finding) => finding.rule.title },
  repository: {
    key: placeKey,
    label: (finding) => finding.repository || finding.region || "organization",
    hint: (finding) => [accountLabel(finding.account), finding.region].filter(Boolean).join(" "),
  },
  account: { key: (finding) => finding.account, label: (finding) => accountLabel(finding.account), hint: () => "" },
  severity: { key: (finding) => finding.severity, label: (finding) => finding.severity, hint: () => "" },
};

// grouped puts a list into groups, those with the worst findings first.
function grouped(list, by) {
  const { key, label, hint } = groupings[by];
  const groups = new Map();
  for (const finding of list) {
    const id = key(finding);
    const group = groups.get(id);
    if (group) group.findings.push(finding);
    else groups.set(id, { id, label: label(finding), hint: hint(finding), findings: [finding], worst: Infinity });
  }
  for (const group of groups.values()) {
    for (const finding of group.findings) group.worst = Math.min(group.worst, finding.order);
  }
  return [...groups.values()].sort((a, b) => a.worst - b.worst);
}
