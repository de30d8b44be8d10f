// The page of one repository: what there is to see of it, and what is wrong.

function section(title, id, ...children) {
  return el("section", { "aria-labelledby": id, class: "card" }, el("h2", { id }, title), children);
}

const notCollected = (what) => el("p", { class: "quiet" }, `${what}: not collected. No rule that was active needs it, or it could not be read: then the gaps below say why.`);

function settingsSection(detail) {
  const { mutability, encryption, scanning, tags } = detail;
  const exclusions = mutability.exclusions?.length > 0 ? `, except ${mutability.exclusions.join(", ")}` : "";
  const frequency = scanning && `${scanning.frequency}${scanning.filters?.length > 0 ? ` (filters ${scanning.filters.join(", ")})` : ""}`;
  return facts(
    ["Address", el("code", {}, detail.uri)],
    ["Created", minute(detail.created_at)],
    ["Tag mutability", (mutability.setting || "–") + exclusions],
    ["Encryption", encryption.kms_key ? `${encryption.type} with ${encryption.kms_key}` : encryption.type],
    ["Scanning in effect", frequency ?? "not collected"],
    ["Its own scan-on-push flag", `${detail.scan_on_push ? "on" : "off"}, which decides nothing where the registry has a scanning configuration`],
    ["Resource tags", tags ? Object.entries(tags).map(([key, value]) => `${key}=${value}`).join(", ") || "none" : "not collected"],
  );
}

function costSection(cost) {
  const money = (amount) => `${amount.toFixed(2)} ${cost.currency}`;
  const line = (name, amount, meaning) => el("tr", {},
    el("th", { scope: "row" }, name, el("small", {}, meaning)), el("td", { class: "bar" }, bar([{ look: "cost", value: amount }], cost.monthly)),
    el("td", { class: "number" }, money(amount)));
  return [
    el("table", { class: "plain" }, el("tbody", {},
      line("a month", cost.monthly, "an upper bound: layers that images share count for each"),
      line("unused", cost.unused, "of images that nobody pushed or pulled for long"),
      typeof cost.freed === "number" && line("freed", cost.freed, "that the lifecycle policy would expire now"))),
    typeof cost.freed !== "number" && el("p", { class: "quiet" }, "What the lifecycle policy would free is not known."),
  ];
}

// withoutDetail says why there is nothing to see of a repository.
function withoutDetail() {
  if (report.details === 0) {
    return el("p", {}, "This report holds no details of repositories: settings, policy, lifecycle, images, cost. An audit gathers them when it writes HTML; a saved report has them if it was written with ",
      el("code", {}, "--details"), ".");
  }
  if (report.details_left_out > 0 || report.details >= report.repository_limit) {
    return el("p", {}, `The details of this repository are not in the report, which has room for ${number(report.repository_limit)} repositories, those with the worst findings first.`);
  }
  return el("p", {}, "Of this repository there are no details in the report: it was not read.");
}

function detailSections({ detail, policy }) {
  return [
    section("Settings", "settings-title", settingsSection(detail)),
    section("Who can do what", "access-title", detail.access ? accessSection(detail.access, policy) : notCollected("Access")),
    section("Lifecycle", "lifecycle-title", detail.lifecycle ? lifecycleSection(detail.lifecycle) : notCollected("The lifecycle policy")),
    section("Images", "images-title", detail.images ? imagesSection(detail.images) : notCollected("Images")),
    section("Cost", "cost-title", detail.cost ? costSection(detail.cost) : notCollected("Cost")),
  ];
}

function gapText(gap) {
  const what = gap.operation || gap.need || "something";
  const of = gap.digest ? ` of ${shortDigest(gap.digest)}` : "";
  return [el("code", {}, what), of, `: ${gap.code || "no code given"}`, gap.message && `: ${gap.message}`, gap.permission && [" – the role needs ", el("code", {}, gap.permission)]];
}

// gapsAt are those of the repository, and those of its registry or account,
// which may hide something of it.
function gapsAt(account, region, repository) {
  return gaps.filter((gap) => gap.account === account && (!gap.region || gap.region === region) && (!gap.repository || gap.repository === repository));
}

function gapsSection(account, region, repository) {
  const list = gapsAt(account, region, repository);
  return [
    list.length > 0 ? el("ul", { class: "problems" }, list.slice(0, 100).map((gap) => el("li", {}, !gap.repository && "Of the registry: ", gapText(gap)))) : el("p", { class: "quiet" }, "None that is known."),
    list.length > 100 && el("p", {}, `${number(list.length - 100)} more are not shown.`),
    report.gaps_left_out > 0 && el("p", { class: "alarm" }, `${count(report.gaps_left_out, "gap of the audit is", "gaps of the audit are")} not listed in this report; there may be more of this repository.`),
  ];
}

function repositoryPage(account, region, repository) {
  const found = findings.filter((finding) => finding.account === account && finding.region === region && finding.repository === repository);
  const details = detailOf(account, region, repository);
  const known = details || found.length > 0 || gaps.some((gap) => gap.repository === repository && gap.account === account && gap.region === region);
  return {
    title: repository,
    nodes: [
      el("p", { class: "path" }, el("a", { href: link.findings({ account }) }, accountLabel(account)), " / ", region),
      el("h1", { tabindex: "-1" }, repository),
      !known && el("p", { class: "banner notice" }, el("strong", {}, "Nothing is known of this repository. "), "There are no findings, gaps or details of it in this report; that may mean that all is well, or that it was not read."),
      el("p", { class: "counts" }, counters(found)),
      section(`Findings (${number(found.length)})`, "found-title", findingList(found, { account: account || organization, region, repository: `=${repository}` }),
        report.left_out > 0 && el("p", { class: "alarm" }, `${number(report.left_out)} findings of the audit are not listed in this report; there may be more of this repository.`)),
      details ? detailSections(details) : section("Details", "details-title", withoutDetail()),
      section("Not read", "gaps-title", gapsSection(account, region, repository)),
    ],
  };
}
