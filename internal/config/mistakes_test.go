package config

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
)

const allKeys = "extends, organization, rules, rule_paths, rule_keys, scopes, waiver_files, waivers, trusted_accounts, vendor_accounts, reader_accounts, release_tags, protected_tags, protect, forbidden_tags, tag_pattern, vulnerabilities, lifecycle, required_tags, encryption, immutable, scan_on_push, repository_names, ages, limits, pull_through_cache, retention, prices, fixes, waiving"

// mistakes are files that must be refused, with all that is said of them. The
// path before each line and column is left out.
var mistakes = []struct{ name, text, want string }{
	{"unknown key", "required_tag: []", `1:1: unknown key "required_tag": did you mean "required_tags"?`},
	{"unknown key like no other", "zzzzz: 1", `1:1: unknown key "zzzzz": use one of ` + allKeys},
	{"settings at the top", "settings: {}", `1:1: unknown key "settings": settings stand at the top of the file, without it`},
	{"unknown key of organization", "organization: {ids: x}", `1:16: organization: unknown key "ids": did you mean "id"?`},
	{"unknown key of lifecycle", "lifecycle:\n  max-day: 3", `2:3: lifecycle: unknown key "max-day": did you mean "max_days"?`},
	{"unknown key of encryption", "encryption: {keys: []}", `1:14: encryption: unknown key "keys": use one of type, kms_keys`},
	{"unknown key of a rule", "rules: {a: {sevrity: low}}", `1:13: rules.a: unknown key "sevrity": did you mean "severity"?`},
	{"unknown key of a scope", "scopes: [{matches: {}}]", `1:11: scopes[0]: unknown key "matches": did you mean "match"?`},
	{"unknown key of match", "scopes: [{match: {repos: x}}]", `1:19: scopes[0].match: unknown key "repos": did you mean "repositories"?`},
	{"unknown key of a scope's settings", "scopes: [{match: {regions: x}, settings: {lifecycle: {untaged: on}}}]",
		`1:55: scopes[0].settings.lifecycle: unknown key "untaged": did you mean "untagged"?`},
	{"what only the file has in a scope's settings", "scopes: [{match: {regions: x}, settings: {immutable: all, rule_paths: []}}]",
		`1:59: scopes[0].settings: unknown key "rule_paths": use one of trusted_accounts, vendor_accounts, reader_accounts, release_tags, protected_tags, protect, forbidden_tags, tag_pattern, vulnerabilities, lifecycle, required_tags, encryption, immutable, scan_on_push, repository_names, ages, limits, pull_through_cache, retention, prices, fixes, waiving`},
	{"settings straight in a scope", "scopes: [{lifecycle: {}}]", `1:11: scopes[0]: unknown key "lifecycle": it belongs below settings`},
	{"criteria straight in a scope", "scopes: [{regions: x}]", `1:11: scopes[0]: unknown key "regions": it belongs below match`},
	{"every mistake in the order of the file", "immutable: no\nrulez: {}\nscan_on_push: 1",
		"1:12: immutable: unknown choice \"no\": use one of release, all, none\n2:1: unknown key \"rulez\": did you mean \"rules\"?\n3:15: scan_on_push: \"1\" is neither true nor false: write one of them"},

	{"duplicate key", "immutable: all\n\nimmutable: none", `3:1: duplicate key "immutable": first on line 1, remove one of the two`},
	{"duplicate key in a section", "lifecycle: {untagged: on,\n  untagged: off}", `2:3: lifecycle: duplicate key "untagged": first on line 1, remove one of the two`},
	{"duplicate rule", "rules:\n  a: on\n  a: off", `3:3: rules: duplicate key "a": first on line 2, remove one of the two`},
	{"duplicate account", "trusted_accounts:\n  111122223333: a\n  \"111122223333\": b", `3:3: trusted_accounts: duplicate key "111122223333": first on line 2, remove one of the two`},
	{"duplicate entry", "reader_accounts:\n  - 111122223333\n  - '111122223333'", `3:5: reader_accounts: "111122223333" stands in the list twice: first on line 2, remove one of the two`},

	{"a list for a file", "- a", `1:1: found a list: a configuration file is a mapping of keys, such as "rules:" or "scopes:"`},
	{"text for a file", "hello", `1:1: found "hello": a configuration file is a mapping of keys, such as "rules:" or "scopes:"`},
	{"a second document", "immutable: all\n---\nimmutable: none", `2:1: a second document starts here: a configuration file holds one, remove the "---"`},
	{"a second document with a mistake", "immutable: all\n---\n{", `3: not valid YAML: did not find expected node content: check indentation, quotes and brackets there and above`},
	{"bad indentation", "immutable: all\n scan_on_push: on", `2: not valid YAML: mapping values are not allowed in this context: check indentation, quotes and brackets there and above`},
	{"a tab", "rules:\n\ta: on", `2: not valid YAML: found character that cannot start any token: indent with spaces, not with tabs`},
	{"unknown alias", "immutable: all\nreader_accounts: *ids", `2: not valid YAML: unknown anchor 'ids' referenced: define it with & further up, or quote text that begins with *`},
	{"a glob without quotes", "immutable: all\nlifecycle: {dev_tags: [*]}", `2: not valid YAML: did not find expected alphabetic or numeric character: quote text that begins with * or &`},
	{"a mistake on the first line", "%", `1: not valid YAML: could not find expected directive name: check indentation, quotes and brackets there and above`},
	{"a control character", "immutable: all\nrules: \x00", `2:8: control character U+0000: remove it`},
	{"not UTF-8", "# caf\xe9", `1:6: not UTF-8: save the file as UTF-8`},
	{"UTF-16", "\xff\xfea\x00", `1:1: not UTF-8: save the file as UTF-8`},
	{"a list as a key", "rules: {? [a] : on}", `1:11: rules: found a list as a key: keys are text`},
	{"an unknown YAML tag", "immutable: !choice all", `1:12: immutable: tag "!choice" is not supported: remove it`},
	{"binary", "tag_pattern: !!binary YQ==", `1:14: tag_pattern: tag "!!binary" is not supported: remove it`},
	{"a merge key that merges itself", "rules: &a\n  <<: *a", `2:7: rules: merge keys (<<) nest more than 32 deep: write the keys out`},
	{"a merge key with text", "rules: {<<: a}", `1:13: rules: found "a": write a mapping, or a list of them, after <<`},

	{"an amount with a currency", "prices: {standard: 0.1 USD}", `1:20: prices.standard: "0.1 USD" is not an amount: write a number such as 0.1 or 25, without currency`},
	{"a negative amount", "limits: {monthly_cost: -1}", `1:24: limits.monthly_cost: "-1" is not an amount: write a number such as 0.1 or 25, without currency`},
	{"a size of unknown unit", "limits: {image_bytes: 2GB}", `1:23: limits.image_bytes: "2GB" is not a size: write a whole number of bytes, or one with KiB, MiB or GiB, such as 2GiB`},
	{"a size beyond all images", "limits: {image_bytes: 999999999999999TiB}", `1:23: limits.image_bytes: "999999999999999TiB" is larger than any image: write less`},
	{"a price of no region", "prices: {regions: {Ireland: 1}}", `1:20: prices.regions: "Ireland" is not a region: write one such as eu-west-1`},
	{"an upstream with a scheme", "pull_through_cache: {upstreams: ['https://docker.io']}", `1:34: pull_through_cache.upstreams[0]: "https://docker.io" cannot match the address of a registry: write one such as registry-1.docker.io, with * for any part, without https://`},
	{"retention that is no list", "retention: {name: a}", `1:12: retention: found a mapping: write a list of classes, each after a dash, or [] for none`},
	{"a class without name", "retention: [{tags: a, keep_days: 1}]", `1:13: retention[0]: has no name: give it one, such as name: branches`},
	{"a class without tags", "retention: [{name: a, keep_days: 1}]", `1:13: retention[0]: has no tags: write the RE2 pattern of its tags, such as '^pr-'`},
	{"a class without limit", "retention: [{name: a, tags: b}]", `1:13: retention[0]: keeps every tag: say how many with keep_newest, or how long with keep_days`},
	{"two classes of one name", "retention:\n  - {name: a, tags: b, keep_days: 1}\n  - {name: a, tags: c, keep_days: 1}", `3:5: retention[1]: the name "a" is already that of the class on line 2: choose another`},
	{"a class with a bad pattern", "retention: [{name: a, tags: '(?=b)', keep_days: 1}]", `1:30: retention[0].tags: not a pattern: invalid or unsupported Perl syntax in "(?=": RE2 syntax has no lookaround and no backreferences`},

	{"text for a section", "lifecycle: on", `1:12: lifecycle: found "on": write keys below it, such as required:`},
	{"text for a list", "reader_accounts: 111122223333", `1:18: reader_accounts: found "111122223333": write a list in [], or [] for none`},
	{"nothing for a list", "reader_accounts:", `1:17: reader_accounts: found nothing: write a list in [], or [] for none`},
	{"nothing for text", "immutable: ~", `1:12: immutable: found nothing: write one value, or remove the key`},
	{"a list for text", "immutable: [all]", `1:12: immutable: found a list: write one value, or remove the key`},

	{"organization id", "organization: {id: a1b2c3d4e5}", `1:20: organization.id: "a1b2c3d4e5" is not an organization id: it looks like "o-a1b2c3d4e5"; aws organizations describe-organization shows it`},
	{"account id of 11 digits", "organization:\n  accounts: [12345678901]", `2:14: organization.accounts[0]: account id "12345678901": 12 digits are needed, found 11: look it up again, and keep leading zeros`},
	{"account id of 13 digits", "trusted_accounts: {1234567890123: x}", `1:20: trusted_accounts: account id "1234567890123": 12 digits are needed, found 13: look it up again, and keep leading zeros`},
	{"account id with dashes", "reader_accounts: [1111-2222-3333]", `1:19: reader_accounts[0]: "1111-2222-3333" is not an account id: write its 12 digits`},
	{"account name that is a list", "trusted_accounts: {111122223333: [x]}", `1:34: trusted_accounts.111122223333: found a list: write one value, or remove the key`},
	{"trusted accounts that are text", "trusted_accounts: all", `1:19: trusted_accounts: found "all": write account ids with names, a list of ids, or {} for none`},

	{"rule switch", "rules: {a: maybe}", `1:12: rules.a: found "maybe": write on, off or {enabled: on, severity: high}`},
	{"rule with a severity for a switch", "rules: {a: low}", `1:12: rules.a: found "low": write on, off or {enabled: on, severity: high}`},
	{"rule without a setting", "rules: {a: }", `1:12: rules.a: found nothing: write on, off or {enabled: on, severity: high}`},
	{"rule with an empty setting", "rules: {a: {}}", `1:12: rules.a: says nothing: write on, off or {enabled: on, severity: high}`},
	{"rules as a list", "rules: [a]", `1:8: rules: found a list: write rule ids with on or off`},
	{"severity", "rules: {a: {severity: hihg}}", `1:23: rules.a.severity: unknown severity "hihg": did you mean "high"?`},
	{"severity like no other", "rules: {a: {severity: blocker}}", `1:23: rules.a.severity: unknown severity "blocker": use one of critical, high, medium, low, info`},
	{"enabled", "rules: {a: {enabled: yes}}", `1:22: rules.a.enabled: "yes" is neither true nor false: write one of them`},
	{"empty rule path", "rule_paths: ['']", `1:14: rule_paths[0]: empty: write the path of a file or folder of rules`},

	{"pattern that is not closed", "tag_pattern: 'ab[c'", `1:17: tag_pattern: not a pattern: missing closing ] in "[c": mend the pattern, which is written in RE2 syntax`},
	{"pattern that is not quoted", "tag_pattern: a**", `1:15: tag_pattern: not a pattern: invalid nested repetition operator in "**": mend the pattern, which is written in RE2 syntax`},
	{"pattern in double quotes", `tag_pattern: "\x61["`, `1:14: tag_pattern: not a pattern: missing closing ] in "[": mend the pattern, which is written in RE2 syntax`},
	{"pattern with lookahead", "release_tags: '^v(?!0)'", `1:18: release_tags: not a pattern: invalid or unsupported Perl syntax in "(?!": RE2 syntax has no lookaround and no backreferences`},
	{"pattern with a backreference", `tag_pattern: '(a)\1'`, `1:18: tag_pattern: not a pattern: invalid escape sequence in "\\1": RE2 syntax has no lookaround and no backreferences`},
	{"empty release pattern", "release_tags: ''", `1:15: release_tags: empty, which matches every tag: write '.*' if every tag is a release, or remove the key`},

	{"scan severity", "vulnerabilities: {hi: 0}", `1:19: vulnerabilities: unknown severity of scan findings "hi": use one of critical, high, medium, low, informational, undefined, untriaged`},
	{"abbreviated scan severity", "vulnerabilities: {info: 0}", `1:19: vulnerabilities: unknown severity of scan findings "info": did you mean "informational"?`},
	{"negative number", "vulnerabilities: {high: -1}", `1:25: vulnerabilities.high: "-1" is not a number that can stand here: write a whole number from 0 to 999999999`},
	{"nothing for limits", "vulnerabilities:", `1:17: vulnerabilities: found nothing: write severities with numbers, or {} to limit none`},
	{"fraction", "lifecycle: {max_days: 1.5}", `1:23: lifecycle.max_days: "1.5" is not a number that can stand here: write a whole number from 0 to 999999999`},
	{"octal", "lifecycle: {max_days: 030}", `1:23: lifecycle.max_days: "030" is not a number that can stand here: write a whole number from 0 to 999999999`},
	{"number that overflows", "lifecycle: {max_days: 99999999999999999999}", `1:23: lifecycle.max_days: "99999999999999999999" is not a number that can stand here: write a whole number from 0 to 999999999`},
	{"boolean", "scan_on_push: 1", `1:15: scan_on_push: "1" is neither true nor false: write one of them`},
	{"wildcard with five stars", "lifecycle: {dev_tags: ['a*b*c*d*e*']}", `1:24: lifecycle.dev_tags[0]: "a*b*c*d*e*" has 5 *: ECR allows four`},
	{"wildcard that ECR does not know", "lifecycle: {dev_tags: ['pr-?']}", `1:24: lifecycle.dev_tags[0]: "pr-?" is not an ECR wildcard: write 1 to 128 letters, digits, dots, dashes, underscores and *`},
	{"tag key", "required_tags: ['a!']", `1:17: required_tags[0]: "a!" cannot be a tag key: write 1 to 128 letters, digits, spaces and _.:/=+-@`},
	{"tag value", "required_tags: {a b: ['!']}", `1:23: required_tags."a b"[0]: "!" cannot be a tag value: write up to 256 letters, digits, spaces and _.:/=+-@`},
	{"required tags as text", "required_tags: owner", `1:16: required_tags: found "owner": write a list of tag keys, tag keys with lists of values, or [] for none`},
	{"encryption type", "encryption: {type: kms}", `1:20: encryption.type: unknown encryption type "kms": did you mean "KMS"?`},
	{"key alias", "encryption: {kms_keys: ['arn:aws:kms:eu-west-1:111122223333:alias/x']}",
		`1:25: encryption.kms_keys[0]: "arn:aws:kms:eu-west-1:111122223333:alias/x" is not the ARN of a KMS key: write "arn:aws:kms:<region>:<account>:key/<id>", not an alias, because ECR reports the key`},
	{"immutable", "immutable: yes", `1:12: immutable: unknown choice "yes": use one of release, all, none`},

	{"scopes as a mapping", "scopes: {match: {}}", `1:9: scopes: found a mapping: write a list, each scope after a dash`},
	{"scope that is text", "scopes: [a]", `1:10: scopes[0]: found "a": write keys below it, such as match:`},
	{"scope without match", "scopes:\n  - settings: {immutable: all}", `2:5: scopes[0]: has no match: write which resources it is for, or move its settings to the top of the file`},
	{"scope with an empty match", "scopes:\n  - match:\n    settings: {immutable: all}", `2:5: scopes[0]: match is empty: name what it is for, such as accounts or repositories, or move its settings to the top of the file`},
	{"scope without effect", "scopes:\n  - match: {regions: x}\n    settings: {lifecycle: {}}\n    rules: {}", `2:5: scopes[0]: has no effect: give it settings or rules, or remove it`},
	{"empty criterion", "scopes: [{match: {regions: []}}]", `1:28: scopes[0].match.regions: empty, so the scope would match nothing: add a glob or remove the key`},
	{"empty criterion of tags", "scopes: [{match: {tags: {}}}]", `1:25: scopes[0].match.tags: empty: add a tag key with a glob or remove the key`},
	{"account glob too short", "scopes: [{match: {accounts: 1111}}]", `1:29: scopes[0].match.accounts: "1111" cannot match an account id: write its 12 digits, with * and ? for those left out`},
	{"account glob too long", "scopes: [{match: {accounts: ['1111222233334*']}}]", `1:30: scopes[0].match.accounts[0]: "1111222233334*" cannot match an account id: write its 12 digits, with * and ? for those left out`},
	{"region glob", "scopes: [{match: {regions: [EU]}}]", `1:29: scopes[0].match.regions[0]: "EU" cannot match a region: write small letters, digits, dashes, * and ?`},
	{"repository glob", "scopes: [{match: {repositories: [Team]}}]", `1:34: scopes[0].match.repositories[0]: "Team" cannot match a repository name: write small letters, digits, ._-/, * and ?`},

	{"waivers as a mapping", "waivers: {rule: a}", `1:10: waivers: found a mapping: write a list, each waiver after a dash`},
	{"waiver that is text", "waivers: [a]", `1:11: waivers[0]: found "a": write keys below it, such as rule:`},
	{"waiver without anything needed", "waivers:\n  - match: {regions: x}", "2:5: waivers[0]: has no rule: write the id of the rule whose findings it excuses\n" +
		"2:5: waivers[0]: has no reason: write why this may be as it is\n2:5: waivers[0]: has no owner: write who answers for it\n" +
		"2:5: waivers[0]: has no until: write the last day on which it holds, such as 2027-01-31; no waiver holds for ever"},
	{"waiver without a day", "waivers:\n  - {rule: a, match: {regions: x}, reason: b, owner: c, until: }", `2:64: waivers[0].until: found nothing: write one value, or remove the key`},
	{"waiver for everything", "waivers:\n  - {rule: a, reason: b, owner: c, until: 2027-01-31}", `2:5: waivers[0]: has neither match nor fingerprint, and so would excuse everything: say where; if everywhere is meant, match: {accounts: "*"}`},
	{"waiver with an empty match", "waivers:\n  - {rule: a, match: {}, reason: b, owner: c, until: 2027-01-31}", `2:22: waivers[0].match: is empty, and so would excuse everything: say where; if everywhere is meant, match: {accounts: "*"}`},
	{"waiver on a day that is none", "waivers:\n  - {rule: a, match: {regions: x}, reason: b, owner: c, until: 2027-02-30}", `2:64: waivers[0].until: "2027-02-30" is not a day: write one such as 2027-01-31`},
	{"waiver on a day of another form", "waivers:\n  - {rule: a, match: {regions: x}, reason: b, owner: c, until: 31.1.2027}", `2:64: waivers[0].until: "31.1.2027" is not a day: write one such as 2027-01-31`},
	{"waiver with criteria straight in it", "waivers: [{rule: a, regions: x}]", `1:21: waivers[0]: unknown key "regions": it belongs below match`},
	{"waiver with another word", "waivers: [{rules: a, expires: 2027-01-31}]", "1:12: waivers[0]: unknown key \"rules\": did you mean \"rule\"? It takes one id or a list\n1:22: waivers[0]: unknown key \"expires\": did you mean \"until\"?"},
	{"waiver of no rule", "waivers: [{rule: [], match: {regions: x}, reason: b, owner: c, until: 2027-01-31}]", `1:18: waivers[0].rule: empty: write the id of a rule; ecraudit rules lists them`},
	{"waiver of what is wrong with waivers", "waivers: [{rule: waiver-expired}]", `1:18: waivers[0].rule: waiver-expired says what is wrong with waivers, and cannot be waived itself: turn it off below rules, or mend the waiver`},
	{"waiver with half an approval", "waivers:\n  - {rule: a, match: {regions: x}, reason: b, owner: c, until: 2027-01-31, approved_by: d}", `2:5: waivers[0]: has one of approved_by and approved_on: an approval needs both`},
	{"waiver with an empty reason", "waivers: [{rule: a, reason: ' '}]", `1:29: waivers[0].reason: empty: write some words, or remove the key`},
	{"waiver of half a fingerprint", "waivers: [{rule: a, fingerprint: 0123abcd}]", `1:34: waivers[0].fingerprint: "0123abcd" is not a fingerprint: write all 32 hexadecimal digits, as a report in JSON has them`},
	{"waiver of a bare digest", "waivers: [{rule: a, match: {digests: 0123abcd}}]", `1:38: waivers[0].match.digests: "0123abcd" cannot match a digest: write sha256: and 64 hexadecimal digits, with * and ? for those left out`},
	{"waiver of a tag of no image", "waivers: [{rule: a, match: {image_tags: 'a b'}}]", `1:41: waivers[0].match.image_tags: "a b" cannot match a tag of an image: write 1 to 128 letters, digits, dots, dashes, underscores, * and ?`},
	{"approval from no severity on", "waiving: {approval: hihg}", `1:21: waiving.approval: unknown severity "hihg": did you mean "high"?`},
	{"file of waivers without a name", "waiver_files: ''", `1:15: waiver_files: empty: write the path of a file of waivers`},

	{"what holds everywhere in a scope", "scopes: [{match: {regions: x}, settings: {waiving: {tags: on, max_days: 3}}}]",
		`1:63: scopes[0].settings.waiving: unknown key "max_days": it holds everywhere, and stands at the top of the file; a scope can only have tags`},
	{"nothing in a message obeys the terminal", `{"\e[31m": 1, rules: {"\e[2J": 7}}`,
		"1:2: unknown key \"\\x1b[31m\": use one of " + allKeys + "\n" + `1:32: rules."\x1b[2J": found "7": write on, off or {enabled: on, severity: high}`},
	{"long text is cut", "immutable: " + strings.Repeat("x", 200),
		`1:12: immutable: unknown choice "` + strings.Repeat("x", 80) + `…": use one of release, all, none`},
}

func TestMistakes(t *testing.T) {
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			c, err := Parse("e.yaml", []byte(m.text))
			if err == nil || c != nil {
				t.Fatalf("Parse = %v, %v; want an error only", c, err)
			}
			equal(t, strings.ReplaceAll("\n"+err.Error(), "\ne.yaml:", "\n")[1:], m.want)
		})
	}
}

func TestManyMistakesAreCounted(t *testing.T) {
	var text strings.Builder
	for i := range maxErrors + 7 {
		fmt.Fprintf(&text, "key%d: 1\n", i)
	}
	_, err := Parse("e.yaml", []byte(text.String()))
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	equal(t, len(lines), maxErrors+1)
	equal(t, lines[maxErrors], "e.yaml: and 7 more mistakes")
}

func TestAliasesDoNotMakeAFileLarge(t *testing.T) {
	ids := make([]string, 2000)
	for i := range ids {
		ids[i] = fmt.Sprintf("%012d", i)
	}
	text := "reader_accounts: &ids [" + strings.Join(ids, ",") + "]\nscopes:\n"
	text += "  - &scope {match: {regions: x}, settings: {reader_accounts: *ids}}\n" + strings.Repeat("  - *scope\n", 1000)
	_, err := Parse("e.yaml", []byte(text))
	if err == nil || !strings.HasSuffix(err.Error(), "aliases make this file larger than 1048576 values: write them out") {
		t.Errorf("Parse: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, m := range mistakes {
		f.Add([]byte(m.text))
	}
	f.Add([]byte(everything))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("e.yaml", text)
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.HasPrefix(line, "e.yaml") || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("message without a place, or not to be printed: %q", line)
				}
			}
			return
		}
		for i := range c.Scopes {
			resource := Resource{Account: "111122223333", Region: "eu-west-1", Repository: "team/api"}
			if s := toJSON(t, c.For(resource).Settings); strings.Contains(s, "null") && !strings.Contains(string(text), "null") {
				t.Errorf("scope %d: rules see null:\n%s", i, s)
			}
		}
	})
}
