// The page of one rule: what it asks, why, and what it found.

const frameworkNames = {
  "security-hub": "AWS Security Hub", prowler: "Prowler", "nist-800-53": "NIST SP 800-53", "nist-800-190": "NIST SP 800-190", cis: "CIS", soc2: "SOC 2", pci: "PCI DSS",
};

function rulePage(id) {
  const rule = rules.get(id);
  if (!rule) return { title: id, nodes: [el("h1", { tabindex: "-1" }, id), el("p", { class: "banner notice" }, "This rule was not active in this audit: what it would say is not known.")] };
  const counts = report.summary.by_rule[id] ?? { fail: 0, unknown: 0, waived: 0 };
  const all = counts.fail + counts.unknown + counts.waived;
  const found = findings.filter((finding) => finding.rule === rule);
  return {
    title: id,
    nodes: [
      el("p", { class: "path" }, el("a", { href: "#/rules" }, "Rules")),
      el("h1", { tabindex: "-1" }, rule.id),
      el("p", { class: "lead" }, severityBadge(rule.severity), " ", rule.title),
      section("What it asks", "asks-title",
        el("p", {}, rule.description),
        rule.why && el("p", {}, el("strong", {}, "Why: "), rule.why),
        rule.remediation && el("p", {}, el("strong", {}, "Fix: "), rule.remediation),
        facts(
          ["Judges", rule.scope],
          ["Needs", (rule.needs ?? []).join(", ")],
          ["Uses", (rule.uses ?? []).join(", ")],
          ...Object.entries(rule.frameworks ?? {}).map(([name, controls]) => [frameworkNames[name] ?? name, controls.join(", ")]),
          ["Read more", rule.links?.length > 0 && rule.links.map((address) => [el("a", { href: address, rel: "noopener noreferrer", target: "_blank" }, address), " "])],
        )),
      section(`Findings (${number(all)})`, "found-title",
        el("p", {}, `${number(counts.fail)} fail, ${number(counts.unknown)} unknown, ${number(counts.waived)} waived.`),
        report.incomplete && el("p", { class: "alarm" }, "The audit is NOT complete: what was not read is not counted here."),
        run.query && el("p", {}, `The report is filtered by ${run.query}.`),
        all > 0 && findingList(found, { rule: id })),
    ],
  };
}
