package config

import (
	"strings"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

func TestWaiversAreRead(t *testing.T) {
	c := parse(t, `
waiving: {max_days: 0, approval: high, tags: on}
waivers:
  - rule: [a, b]
    match: {accounts: "1111*", tags: {env: prod}, digests: ["sha256:*"], image_tags: [v1]}
    reason: |
      on two
      lines
    owner: team
    until: 2027-01-31
  - {rule: c, fingerprint: 00000000000000000000000000000001, reason: r, owner: o, ticket: 7, until: "2027-02-28", approved_by: J, approved_on: 2026-01-01}
`)
	high := finding.High
	equal(t, c.Waiving, Waiving{Approval: &high})
	equal(t, c.Settings.WaivedByTags, true)
	first, second := &c.Waivers[0], &c.Waivers[1]
	equal(t, first.Place().String(), "conf/ecraudit.yaml:4")
	equal(t, first.Reason, "on two lines")
	equal(t, first.Where(), "accounts 1111*; tags env=prod; digests sha256:*; image_tags v1")
	equal(t, second.Where(), "fingerprint 00000000000000000000000000000001")
	equal(t, second.Ticket, "7")
	equal(t, second.Approved() && !first.Approved(), true)
	last := time.Date(2027, 1, 31, 23, 59, 59, 0, time.UTC)
	equal(t, first.Expired(last), false)
	equal(t, first.Expired(last.Add(time.Second)), true)
	equal(t, first.DaysLeft(last), 0)
	equal(t, first.DaysLeft(last.Add(time.Second)), -1)
	equal(t, c.Needs(), []snapshot.Need{snapshot.NeedTags})
	equal(t, parse(t, "waiving: {tags: on}").Needs(), []snapshot.Need{snapshot.NeedTags})
}

// What a waiver excuses stays the same thing when its reason, dates and place
// change, and is another when its rules or criteria do.
func TestWaiverIdentity(t *testing.T) {
	const waiver = "- {rule: [a, b], match: {regions: x}, reason: r, owner: o, until: 2027-01-31}"
	of := func(from, to string) string {
		return parse(t, "# c\nwaivers:\n"+strings.Replace(waiver, from, to, 1)).Waivers[0].Identity()
	}
	same := of("", "")
	for from, to := range map[string]string{"reason: r": "reason: s", "2027": "2028", "owner: o": "owner: p, ticket: q", "[a, b]": "[b, a]", "- {": "\n# d\n- {"} {
		equal(t, of(from, to), same)
	}
	for from, to := range map[string]string{"[a, b]": "a", "regions: x": "regions: y", "match": "fingerprint: 00000000000000000000000000000001, match"} {
		equal(t, of(from, to) == same, false)
	}
}

// The schema of a file of waivers accepts what is accepted, and refuses what is
// wrong in structure.
func TestWaiversSchema(t *testing.T) {
	schema := compiled(t, WaiversSchemaID, WaiversSchema([]KnownRule{{ID: "a"}, {ID: finding.WaiverExpired}}))
	for _, text := range []string{
		"{}", "waivers:", "waivers: []", "waivers: [{rule: a, match: {accounts: '*'}, reason: r, owner: o, until: 2027-01-31}]",
		"waivers: [{rule: [a, mine], fingerprint: '0123456789abcdef0123456789abcdef', match: {digests: 'sha256:*'}, reason: r, owner: o, ticket: 7, until: 2027-01-31, approved_by: x, approved_on: 2026-01-01}]",
	} {
		if _, err := Parse("w.yaml", []byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if err := refuses(t, schema, text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{
		"immutable: all", "waivers: {}", "waivers: [{}]", "waivers: [{rule: a, reason: r, owner: o, until: 2027-01-31}]", "waivers: [{rule: a, match: {}, reason: r, owner: o, until: 2027-01-31}]",
		"waivers: [{rule: a, match: {repos: x}, reason: r, owner: o, until: 2027-01-31}]", "waivers: [{rule: a, match: {regions: x}, reason: r, owner: o}]",
		"waivers: [{rule: a, match: {regions: x}, reason: r, owner: o, until: soon}]", "waivers: [{rule: a, match: {regions: x}, reason: r, owner: o, until: 2027-01-31, approved_by: x}]",
	} {
		if refuses(t, schema, text) == nil {
			t.Errorf("the schema accepts %s", text)
		}
	}
}
