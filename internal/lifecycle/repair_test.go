package lifecycle

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

func TestRepair(t *testing.T) {
	split := func(priority int, entries string) string {
		return fmt.Sprintf("the rule with priority %d selected only images that carry a tag of each of %s; now there is a rule for each of them", priority, entries)
	}
	tests := []struct {
		name  string
		rules []string
		want  []string // rules; nil where there is nothing to repair
		words []string
	}{
		{"nothing to repair", []string{ruleText(1, prefixes("a")+","+pushed7, expire), ruleText(2, untagged+","+newest5, expire)}, nil, nil},
		{"entries that one tag can match", []string{ruleText(1, patterns("dev-*", "*-tmp")+","+pushed7, expire)}, nil, nil},
		{
			"an ANDed list", []string{ruleText(1, prefixes("gitsha_", "gitbranch_", "gitpr_")+","+pushed7, expire), ruleText(2, untagged+","+newest5, expire)},
			[]string{ruleText(1, prefixes("gitsha_")+","+pushed7, expire), ruleText(2, prefixes("gitbranch_")+","+pushed7, expire), ruleText(3, prefixes("gitpr_")+","+pushed7, expire), ruleText(4, untagged+","+newest5, expire)},
			[]string{split(1, `"gitsha_", "gitbranch_", "gitpr_"`)},
		},
		{
			"room between priorities", []string{ruleText(10, prefixes("a", "b")+","+newest5, archive), ruleText(20, anyTag+","+pushed7, expire)},
			[]string{ruleText(10, prefixes("a")+","+newest5, archive), ruleText(11, prefixes("b")+","+newest5, archive), ruleText(20, anyTag+","+pushed7, expire)},
			[]string{split(10, `"a", "b"`), "each of these rules keeps the newest 5 of its own images, where one limit was for all"},
		},
		{
			"the highest priority there is", []string{ruleText(2147483646, prefixes("a", "b")+","+pushed7, expire), ruleText(2147483647, anyTag+","+pushed7, expire)},
			[]string{ruleText(1, prefixes("a")+","+pushed7, expire), ruleText(2, prefixes("b")+","+pushed7, expire), ruleText(3, anyTag+","+pushed7, expire)},
			[]string{split(2147483646, `"a", "b"`)},
		},
		{
			"an entry that has a rule already", []string{ruleText(1, patterns("a*", "b*")+","+pushed7, expire), ruleText(2, patterns("b*")+","+newest5, expire)},
			[]string{ruleText(1, patterns("a*")+","+pushed7, expire), ruleText(2, patterns("b*")+","+newest5, expire)},
			[]string{split(1, `"a*", "b*"`), `"b*" is already the list of the rule with priority 2, which stays the only one`},
		},
		{
			"two lists with a common entry", []string{ruleText(1, prefixes("a", "b")+","+pushed7, expire), ruleText(2, prefixes("b", "c")+","+pushed7, expire)},
			[]string{ruleText(1, prefixes("a")+","+pushed7, expire), ruleText(2, prefixes("b")+","+pushed7, expire), ruleText(3, prefixes("c")+","+pushed7, expire)},
			[]string{split(1, `"a", "b"`), split(2, `"b", "c"`), `"b" is already the list of the rule with priority 1, which stays the only one`},
		},
		{
			"an entry that another one makes superfluous", []string{ruleText(1, prefixes("pr-1", "pr-", "sha", "sha")+","+pushed7, expire)},
			[]string{ruleText(1, prefixes("pr-")+","+pushed7, expire), ruleText(2, prefixes("sha")+","+pushed7, expire)},
			[]string{split(1, `"pr-1", "pr-", "sha", "sha"`)},
		},
		{
			"an asterisk in a prefix", []string{ruleText(1, prefixes("v*")+","+newest5, expire)},
			[]string{ruleText(1, patterns("v*")+","+newest5, expire)},
			[]string{"the rule with priority 1 had asterisks in its prefixes, where they stand for themselves and match no tag; they are patterns now"},
		},
		{
			"asterisks in several prefixes", []string{ruleText(1, prefixes("v*", "rel-*-rc", "x")+","+pushed7, expire)},
			[]string{ruleText(1, patterns("v*")+","+pushed7, expire), ruleText(2, patterns("rel-*-rc*")+","+pushed7, expire), ruleText(3, patterns("x*")+","+pushed7, expire)},
			[]string{"the rule with priority 1 had asterisks in its prefixes, where they stand for themselves and match no tag; they are patterns now", split(1, `"v*", "rel-*-rc*", "x*"`)},
		},
		{
			"an asterisk in a prefix whose pattern is there", []string{ruleText(1, prefixes("v*")+","+newest5, expire), ruleText(2, patterns("v*")+","+pushed7, expire)},
			nil, []string{"the rule with priority 1 has asterisks in its prefixes, where they stand for themselves; as patterns they would be those of the rule with priority 2, so it stays as it is"},
		},
		{"more asterisks than a pattern can have", []string{ruleText(1, prefixes("a*b*c*d*e")+","+newest5, expire)}, nil, nil},
		{
			"storage classes apart", []string{ruleText(1, prefixes("a", "b")+","+pulled30, archive), ruleText(2, prefixes("a")+","+shelved, expire)},
			[]string{ruleText(1, prefixes("a")+","+pulled30, archive), ruleText(2, prefixes("b")+","+pulled30, archive), ruleText(3, prefixes("a")+","+shelved, expire)},
			[]string{split(1, `"a", "b"`)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := mustParse(t, tt.rules...)
			before := p.Text()
			got, words := p.Repair()
			if diff := cmp.Diff(tt.words, words); diff != "" {
				t.Error(diff)
			}
			var want *Policy
			if tt.want != nil {
				want = mustParse(t, tt.want...)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if p.Text() != before {
				t.Error("the policy itself was changed")
			}
		})
	}
}

func TestRepairWithinLimits(t *testing.T) {
	var rules []string
	for i := range 49 {
		rules = append(rules, ruleText(i+1, prefixes(fmt.Sprintf("p%02d", i))+","+pushed7, expire))
	}
	got, words := mustParse(t, append(rules, ruleText(50, prefixes("a", "b")+","+pushed7, expire))...).Repair()
	if got != nil || len(words) != 1 || !strings.Contains(words[0], "a policy can have 50") {
		t.Errorf("got %v, %q", got, words)
	}
	long := strings.Repeat("x", 700)
	rules = nil
	for i := range 8 {
		rules = append(rules, fmt.Sprintf(`{"rulePriority":%d,"description":%q,"selection":{%s,%s},"action":%s}`, i+1, long+long+long+long, prefixes(fmt.Sprint("a", i), fmt.Sprint("b", i)), pushed7, expire))
	}
	got, words = mustParse(t, rules...).Repair()
	if got != nil || len(words) != 1 || !strings.Contains(words[0], "30720 characters") {
		t.Errorf("got %v, %q", got, words)
	}
}

func TestRepairLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		got, words := p.Repair()
		if got == nil {
			return
		}
		again, err := Parse(got.Text())
		if err != nil || cmp.Diff(got, again) != "" {
			t.Fatalf("%v: %s", err, got.Text())
		}
		if more, words := got.Repair(); more != nil {
			t.Fatalf("the repaired policy is repaired again: %q", words)
		}
		selector := newSelector(got)
		for _, r := range p.Rules {
			if !r.needsSeveralTags() {
				continue
			}
			for _, e := range compileEntries(r.Selection) {
				tags, _, err := newEffort().findTagged([]tagpattern.Pattern{e}, nil)
				if err != nil || selector.rules(tags, r.Selection.StorageClass == Archive) == 0 {
					t.Fatalf("no rule selects images of %s: %q", e, words)
				}
			}
		}
	})
}

func TestText(t *testing.T) {
	p := mustParse(t, `{"rulePriority":1,"description":"older & <gone>","selection":{`+prefixes("a")+","+pushed7+`},"action":`+expire+`}`)
	want := `{
  "rules": [
    {
      "rulePriority": 1,
      "description": "older & <gone>",
      "selection": {
        "tagStatus": "tagged",
        "tagPrefixList": [
          "a"
        ],
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": 7
      },
      "action": {
        "type": "expire"
      }
    }
  ]
}
`
	if diff := cmp.Diff(want, p.Text()); diff != "" {
		t.Error(diff)
	}
}

func TestTextRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		again, err := Parse(p.Text())
		if err != nil || !Equal(p, again) || cmp.Diff(p, again) != "" {
			t.Fatalf("%v: %s", err, p.Text())
		}
	})
}
