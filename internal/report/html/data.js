// What the report holds, read once from its blocks of data. Details are many
// and large, so that each is parsed only when its page is opened.

const block = (name) => byId(`data-${name}`).textContent;

const run = JSON.parse(block("run"));
const report = JSON.parse(block("facts"));
const gaps = JSON.parse(block("gaps"));

const accountNames = new Map();
for (const target of run.targets) {
  if (target.account_name) accountNames.set(target.account, target.account_name);
}

const rules = new Map(run.rules.map((rule) => [rule.id, rule]));

// ruleNamed also describes a rule that the run does not.
function ruleNamed(id) {
  if (!rules.has(id)) rules.set(id, { id, title: "", description: "", severity: "info", scope: "" });
  return rules.get(id);
}

// The opposite of htmlRows in html_data.go: what a row leaves out is
// that of its rule, or of the row before in its section.
function decodeFindings(rows) {
  const places = new Map();
  const texts = new Map();
  return rows.map((row, order) => {
    const rule = typeof row.r === "number" ? run.rules[row.r] : ruleNamed(row.r);
    const severity = row.s ?? rule.severity;
    const status = row.k ?? "fail";
    const section = `${severity} ${status} ${row.c === "known"}`;
    const series = `${section} ${rule.id}`;
    const place = row.p ?? places.get(section) ?? ["", "", ""];
    places.set(section, place);
    const last = texts.get(series) ?? { message: "", remediation: typeof row.r === "number" ? rule.remediation ?? "" : "", fix: null };
    const text = {
      message: row.m ?? last.message,
      remediation: row.x ?? last.remediation,
      fix: row.j === undefined ? last.fix : row.j,
    };
    texts.set(series, text);
    return {
      order, rule, severity, status,
      fingerprint: row.f,
      account: place[0], region: place[1], repository: place[2],
      digest: row.d ?? "", tag: row.t ?? "",
      message: text.message, remediation: text.remediation, fix: text.fix,
      change: row.c ?? "", waiver: row.w ?? null,
      searched: null,
    };
  });
}

const findings = decodeFindings(JSON.parse(block("findings")));

const accountLabel = (id) => (accountNames.has(id) ? `${accountNames.get(id)} (${id})` : id || "organization");

function imageOf(finding) {
  if (!finding.digest) return finding.tag;
  const digest = shortDigest(finding.digest);
  return finding.tag ? `${finding.tag}@${digest}` : digest;
}

// searchText is what a search looks through: all that a finding shows.
function searchText(finding) {
  finding.searched ??= [
    finding.message, finding.rule.id, finding.rule.title, finding.account || "organization", accountNames.get(finding.account) ?? "",
    finding.region, finding.repository, finding.digest, finding.tag, finding.severity, finding.status, finding.change,
    finding.fingerprint, finding.waiver ? `${finding.waiver.reason} ${finding.waiver.owner ?? ""} ${finding.waiver.ticket ?? ""}` : "",
  ].join("\n").toLowerCase();
  return finding.searched;
}

// What searches look through is made while nobody waits, so that the first
// letter is found as fast as the second.
function prepareSearch(from) {
  const until = Math.min(from + 1000, findings.length);
  for (let i = from; i < until; i++) searchText(findings[i]);
  if (until < findings.length) setTimeout(prepareSearch, 0, until);
}

// detailOf finds the line of a repository without parsing the others.
let lines = null;
function detailLines() {
  lines ??= block("details").split("\n").filter((line) => line.startsWith("{"));
  return lines;
}

// detailPlaces are account, region and name of the repositories with details.
const threeTexts = /\["(?:[^"\\]|\\.)*","(?:[^"\\]|\\.)*","(?:[^"\\]|\\.)*"\]/;
const detailPlaces = () => detailLines().map((line) => JSON.parse(line.match(threeTexts)[0]));

function detailOf(account, region, repository) {
  const begins = `{"place":${JSON.stringify([account, region, repository]).replaceAll("<", "\\u003c")},`; // as appendShown writes it
  const line = detailLines().find((text) => text.startsWith(begins));
  return line ? JSON.parse(line.replace(/,$/, "")) : null;
}

const link = {
  finding: (finding) => `#/finding/${encodeURIComponent(finding.fingerprint)}`,
  repository: (account, region, name) => "#/repo/" + [account, region, name].map(encodeURIComponent).join("/"),
  rule: (rule) => `#/rule/${encodeURIComponent(rule.id)}`,
  findings: (filters) => {
    const query = Object.entries(filters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
    return "#/findings" + (query ? "?" + query : "");
  },
};
