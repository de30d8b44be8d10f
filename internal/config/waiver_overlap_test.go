package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var inJanuary = time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)

func TestIdleWaivers(t *testing.T) {
	const same, longer = "e.yaml:3: the waiver excuses what e.yaml:2 does, until the same day: remove one of the two", "the waiver excuses what e.yaml:%d does, which holds longer, until 2026-03-31: remove one of the two"
	const needless = "the waiver has no effect: e.yaml:%d excuses all that it does, and more, until 2026-03-31; remove it, or let that one be for less"
	for _, c := range []struct{ name, first, second, want string }{
		{"the same twice", "rule: a, match: {regions: x}, until: 2026-02-01", "rule: a, match: {regions: x}, until: 2026-02-01", same},
		{"the same in another order", "rule: [a, b], match: {regions: [x, y]}, until: 2026-02-01", "rule: [b, a], match: {regions: [y, x]}, until: 2026-02-01", same},
		{"a fingerprint twice", "rule: a, fingerprint: 00000000000000000000000000000001, until: 2026-02-01", "rule: a, fingerprint: 00000000000000000000000000000001, until: 2026-02-01", same},
		{"ended twice", "rule: a, match: {regions: x}, until: 2025-02-01", "rule: a, match: {regions: x}, until: 2025-02-01", same},
		{"the second longer", "rule: a, match: {regions: x}, until: 2026-02-01", "rule: a, match: {regions: x}, until: 2026-03-31", "e.yaml:2: " + fmt.Sprintf(longer, 3)},
		{"the first longer", "rule: a, match: {regions: x}, until: 2026-03-31", "rule: a, match: {regions: x}, until: 2026-02-01", "e.yaml:3: " + fmt.Sprintf(longer, 2)},
		{"a part, shorter", "rule: a, match: {regions: x, repositories: 'r/*'}, until: 2026-02-01", "rule: [a, b], match: {regions: x}, until: 2026-03-31", "e.yaml:2: " + fmt.Sprintf(needless, 3)},
		{"some images, shorter", "rule: a, match: {regions: x}, until: 2026-03-31", "rule: a, match: {regions: x, image_tags: 'v*'}, until: 2026-02-01", "e.yaml:3: " + fmt.Sprintf(needless, 2)},
		{"a part, longer", "rule: a, match: {regions: x, repositories: 'r/*'}, until: 2026-03-31", "rule: a, match: {regions: x}, until: 2026-02-01", ""},
		{"images and a repository", "rule: a, match: {regions: x, image_tags: 'v*'}, until: 2026-03-31", "rule: a, match: {regions: x}, until: 2026-02-01", ""},
		{"ended already", "rule: a, match: {regions: x}, until: 2025-02-01", "rule: a, match: {regions: x}, until: 2026-02-01", ""},
		{"approved", "rule: a, match: {regions: x}, until: 2026-02-01, approved_by: j, approved_on: 2026-01-01", "rule: a, match: {regions: x}, until: 2026-03-31", ""},
		{"other rules", "rule: [a, b], match: {regions: x}, until: 2026-02-01", "rule: [b, c], match: {regions: x}, until: 2026-03-31", ""},
		{"another finding", "rule: a, fingerprint: 00000000000000000000000000000001, until: 2026-02-01", "rule: a, fingerprint: 00000000000000000000000000000002, until: 2026-02-01", ""},
		{"one finding and a place", "rule: a, fingerprint: 00000000000000000000000000000001, until: 2026-02-01", "rule: a, match: {regions: x}, until: 2026-03-31", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, err := Parse("e.yaml", []byte("waivers:\n  - {"+c.first+", reason: r, owner: o}\n  - {"+c.second+", reason: s, owner: p}\n"))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, lines(config.Idle(inJanuary)), c.want)
		})
	}
}

// Of those that hold, the one that holds longest counts, and the others say so.
func TestWaiversForSayWhichCounts(t *testing.T) {
	c := parse(t, `waivers:
  - {rule: [a, b], match: {regions: x}, reason: r, owner: o, until: 2026-02-01}
  - {rule: a, match: {repositories: "r/*"}, reason: r, owner: o, until: 2026-03-31}
  - {rule: a, match: {repositories: "r/*", image_tags: v1}, reason: r, owner: o, until: 2026-04-30}
  - {rule: b, match: {accounts: "9*"}, reason: r, owner: o, until: 2026-12-31}
`)
	var why []string
	for _, h := range c.WaiversFor(Resource{Account: "111122223333", Region: "x", Repository: "r/one"}, inJanuary) {
		why = append(why, h.At+" "+h.Why)
	}
	equal(t, strings.Join(why, "\n"), `conf/ecraudit.yaml:2 which holds longest counts: findings of a by conf/ecraudit.yaml:3, until 2026-03-31
conf/ecraudit.yaml:3 
conf/ecraudit.yaml:4 `)
}

func BenchmarkIdleWaivers(b *testing.B) {
	var text strings.Builder
	text.WriteString("waivers:\n")
	for i := range 2000 {
		fmt.Fprintf(&text, "  - {rule: a, match: {repositories: 'team-%d/*'}, reason: r, owner: o, until: 2026-02-01}\n", i)
	}
	c := parse(b, text.String())
	for b.Loop() {
		if len(c.Idle(inJanuary)) > 0 {
			b.Fatal("none of them is idle")
		}
	}
}
