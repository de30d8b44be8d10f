package lifecycle

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// articlePolicy has the mistake that many policies have: one rule for three
// prefixes.
const articlePolicy = `{
  "rules": [
    {
      "rulePriority": 1,
      "description": "age out git dev tags",
      "selection": {
        "tagStatus": "tagged",
        "tagPrefixList": ["gitsha_", "gitbranch_", "gitpr_"],
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": 7
      },
      "action": {"type": "expire"}
    },
    {
      "rulePriority": 2,
      "description": "age out untagged images",
      "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 5},
      "action": {"type": "expire"}
    }
  ]
}`

// ruleText writes a rule whose selection has the given fields and an action.
func ruleText(priority int, selection, action string) string {
	return fmt.Sprintf(`{"rulePriority":%d,"selection":{%s},"action":%s}`, priority, selection, action)
}

func policyText(rules ...string) string { return `{"rules":[` + strings.Join(rules, ",") + `]}` }

const (
	expire   = `{"type":"expire"}`
	archive  = `{"type":"transition","targetStorageClass":"archive"}`
	newest5  = `"countType":"imageCountMoreThan","countNumber":5`
	pushed7  = `"countType":"sinceImagePushed","countUnit":"days","countNumber":7`
	pulled30 = `"countType":"sinceImagePulled","countUnit":"days","countNumber":30`
	shelved  = `"storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":90`
	untagged = `"tagStatus":"untagged"`
	anyTag   = `"tagStatus":"any"`
)

func prefixes(list ...string) string { return tagged("tagPrefixList", list) }
func patterns(list ...string) string { return tagged("tagPatternList", list) }

func tagged(key string, list []string) string {
	text, _ := json.Marshal(list)
	return fmt.Sprintf(`"tagStatus":"tagged",%q:%s`, key, text)
}

func mustParse(t testing.TB, rules ...string) *Policy {
	t.Helper()
	p, err := Parse(policyText(rules...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParse(t *testing.T) {
	got, err := Parse(articlePolicy)
	if err != nil {
		t.Fatal(err)
	}
	want := &Policy{Rules: []Rule{
		{
			Priority: 1, Description: "age out git dev tags",
			Selection: Selection{
				TagStatus: Tagged, TagPrefixes: []string{"gitsha_", "gitbranch_", "gitpr_"},
				StorageClass: Standard, CountType: SinceImagePushed, CountNumber: 7,
			},
			Action: Action{Type: Expire},
		},
		{
			Priority: 2, Description: "age out untagged images",
			Selection: Selection{TagStatus: Untagged, StorageClass: Standard, CountType: ImageCountMoreThan, CountNumber: 5},
			Action:    Action{Type: Expire},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseSortsByPriority(t *testing.T) {
	p := mustParse(t, ruleText(30, anyTag+","+newest5, expire), ruleText(7, untagged+","+pushed7, expire))
	if p.Rules[0].Priority != 7 || p.Rules[1].Priority != 30 {
		t.Errorf("got %+v", p.Rules)
	}
}

func TestParseAccepts(t *testing.T) {
	fifty := make([]string, 50)
	for i := range fifty {
		fifty[i] = ruleText(i+1, prefixes(fmt.Sprint("p", i))+","+pushed7, expire)
	}
	tests := map[string]string{
		"explicit standard":                       policyText(ruleText(1, anyTag+`,"storageClass":"standard",`+newest5, expire)),
		"archive by pull, then delete":            policyText(ruleText(1, anyTag+","+pulled30, archive), ruleText(2, anyTag+","+shelved, expire)),
		"any per storage class, archive first":    policyText(ruleText(1, anyTag+","+shelved, expire), ruleText(2, anyTag+","+pulled30, archive)),
		"untagged per storage class":              policyText(ruleText(1, untagged+","+shelved, expire), ruleText(2, untagged+","+pushed7, expire)),
		"same prefixes in other storage class":    policyText(ruleText(1, prefixes("a")+","+shelved, expire), ruleText(2, prefixes("a")+","+pushed7, archive)),
		"a prefix of another":                     policyText(ruleText(1, prefixes("a")+","+pushed7, expire), ruleText(2, prefixes("a", "b")+","+pushed7, expire)),
		"prefix and pattern of the same spelling": policyText(ruleText(1, prefixes("a")+","+pushed7, expire), ruleText(2, patterns("a")+","+pushed7, expire)),
		"four wildcards":                          policyText(ruleText(1, patterns("*test*1*2*3", "test*1*2*3*")+","+pushed7, expire)),
		"priorities with holes":                   policyText(ruleText(10, untagged+","+pushed7, expire), ruleText(500, anyTag+","+newest5, expire)),
		"fifty rules":                             policyText(fifty...),
		"white space":                             "\n\t" + articlePolicy + "\n",
		"pull age may not expire, but is a doubt": policyText(ruleText(1, anyTag+","+pulled30, expire)),
		"empty description":                       policyText(`{"rulePriority":1,"description":"","selection":{` + anyTag + "," + newest5 + `},"action":` + expire + `}`),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(text); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	one := func(selection, action string) string { return policyText(ruleText(1, selection, action)) }
	long := policyText(`{"rulePriority":1,"description":"` + strings.Repeat("ä", maxCharacters) + `","selection":{` + anyTag + "," + newest5 + `},"action":` + expire + `}`)
	tests := []struct {
		name, text string
		want       []string
	}{
		{"empty", ``, []string{`not a JSON document: it ends too early`}},
		{"cut off", `{"rules":[`, []string{`not a JSON document: it ends too early`}},
		{"not JSON", "{\n rules: []}", []string{`not a JSON document: line 2: invalid character 'r' looking for beginning of object key string`}},
		{"two documents", `{"rules":[]} {}`, []string{`not a JSON document: something follows after its end`}},
		{"not UTF-8", "{\"rules\xff\":[]}", []string{`not a JSON document: it is not UTF-8 text`}},
		{"an array", `[]`, []string{`the document must be an object, not an array`}},
		{"null", `null`, []string{`the document must be an object, not null`}},
		{"no rules", `{}`, []string{`rules is missing`}},
		{"rules is an object", `{"rules":{}}`, []string{`rules must be an array, not an object`}},
		{"rules is empty", `{"rules":[]}`, []string{`rules is empty: a policy has at least one rule`}},
		{"too long", long, []string{fmt.Sprintf(`the document has %d characters, 30720 are allowed`, len([]rune(long)))}},
		{"unknown field", `{"Rules":[],"rules":[` + ruleText(1, anyTag+","+newest5, expire) + `]}`, []string{`unknown field "Rules"; the fields here are rules`}},
		{"rule is null", policyText(`null`), []string{`rule 1: it must be an object, not null`}},
		{"empty rule", policyText(`{}`), []string{`rule 1: rulePriority is missing`, `rule 1: selection is missing`, `rule 1: action is missing`}},
		{"misspelt rule field", policyText(`{"rulePriority":1,"priority":1,"selection":{` + anyTag + `,` + newest5 + `},"action":` + expire + `}`), []string{`rule 1 (priority 1): unknown field "priority"; the fields here are rulePriority, description, selection, action`}},
		{"priority zero", policyText(ruleText(0, anyTag+","+newest5, expire)), []string{`rule 1: rulePriority must be a positive integer, not 0`}},
		{"priority is text", policyText(`{"rulePriority":"1","selection":{` + anyTag + `,` + newest5 + `},"action":` + expire + `}`), []string{`rule 1: rulePriority must be a positive integer, not a string`}},
		{"priority is a fraction", policyText(`{"rulePriority":1.5,"selection":{` + anyTag + `,` + newest5 + `},"action":` + expire + `}`), []string{`rule 1: rulePriority must be a positive integer, not 1.5`}},
		{"description is null", policyText(`{"rulePriority":3,"description":null,"selection":{` + anyTag + `,` + newest5 + `},"action":` + expire + `}`), []string{`rule 1 (priority 3): description must be a string, not null`}},
		{"same priority", policyText(ruleText(4, untagged+","+pushed7, expire), ruleText(4, prefixes("a")+","+pushed7, expire)), []string{`rule 2 (priority 4): rule 1 (priority 4) has the same rulePriority`}},
		{"selection is a string", policyText(`{"rulePriority":1,"selection":"any","action":` + expire + `}`), []string{`rule 1 (priority 1): selection must be an object, not a string`}},
		{"empty selection", one("", expire), []string{`rule 1 (priority 1): tagStatus is missing`, `rule 1 (priority 1): countType is missing`, `rule 1 (priority 1): countNumber is missing`}},
		{"tagStatus in capitals", one(`"tagStatus":"ANY",`+newest5, expire), []string{`rule 1 (priority 1): tagStatus is "ANY"; it must be tagged or untagged or any`}},
		{"tagged without a list", one(`"tagStatus":"tagged",`+newest5, expire), []string{`rule 1 (priority 1): tagStatus "tagged" needs tagPrefixList or tagPatternList; the pattern "*" selects every tagged image`}},
		{"both lists", one(prefixes("a")+`,"tagPatternList":["b"],`+newest5, expire), []string{`rule 1 (priority 1): tagPrefixList and tagPatternList exclude each other`}},
		{"empty list", one(`"tagStatus":"tagged","tagPrefixList":[],`+newest5, expire), []string{`rule 1 (priority 1): tagPrefixList is empty`}},
		{"list is null", one(`"tagStatus":"tagged","tagPrefixList":null,`+newest5, expire), []string{`rule 1 (priority 1): tagPrefixList must be an array, not null`}},
		{"list is a string", one(`"tagStatus":"tagged","tagPatternList":"a*",`+newest5, expire), []string{`rule 1 (priority 1): tagPatternList must be an array, not a string`}},
		{"list of numbers", one(`"tagStatus":"tagged","tagPatternList":["a",1],`+newest5, expire), []string{`rule 1 (priority 1): tagPatternList must hold strings, not a number`}},
		{"empty entry", one(prefixes("")+","+newest5, expire), []string{`rule 1 (priority 1): tagPrefixList has an empty entry`}},
		{"list with untagged", one(untagged+`,"tagPrefixList":["a"],`+newest5, expire), []string{`rule 1 (priority 1): tagPrefixList and tagPatternList go only with tagStatus "tagged", not with "untagged"`}},
		{"list with any", one(anyTag+`,"tagPatternList":["a"],`+newest5, expire), []string{`rule 1 (priority 1): tagPrefixList and tagPatternList go only with tagStatus "tagged", not with "any"`}},
		{"five wildcards", one(patterns("*a*b*c*d*")+","+newest5, expire), []string{`rule 1 (priority 1): the pattern "*a*b*c*d*" has 5 wildcards, 4 are allowed`}},
		{"unknown countType", one(anyTag+`,"countType":"sinceImageBuilt","countUnit":"days","countNumber":1`, expire), []string{`rule 1 (priority 1): countType is "sinceImageBuilt"; it must be imageCountMoreThan or sinceImagePushed or sinceImagePulled or sinceImageTransitioned`}},
		{"age without unit", one(anyTag+`,"countType":"sinceImagePushed","countNumber":1`, expire), []string{`rule 1 (priority 1): countUnit is missing: countType "sinceImagePushed" needs "days"`}},
		{"age in weeks", one(anyTag+`,"countType":"sinceImagePushed","countUnit":"weeks","countNumber":1`, expire), []string{`rule 1 (priority 1): countUnit is "weeks"; it must be days`}},
		{"number with unit", one(anyTag+`,"countUnit":"days",`+newest5, expire), []string{`rule 1 (priority 1): countUnit does not go with countType "imageCountMoreThan"`}},
		{"count of zero", one(anyTag+`,"countType":"imageCountMoreThan","countNumber":0`, expire), []string{`rule 1 (priority 1): countNumber must be a positive integer, not 0`}},
		{"negative count", one(anyTag+`,"countType":"imageCountMoreThan","countNumber":-3`, expire), []string{`rule 1 (priority 1): countNumber must be a positive integer, not -3`}},
		{"huge count", one(anyTag+`,"countType":"imageCountMoreThan","countNumber":99999999999`, expire), []string{`rule 1 (priority 1): countNumber must be a positive integer, not 99999999999`}},
		{"unknown storageClass", one(anyTag+`,"storageClass":"glacier",`+newest5, expire), []string{`rule 1 (priority 1): storageClass is "glacier"; it must be standard or archive`}},
		{"number in the archive", one(anyTag+`,"storageClass":"archive",`+newest5, expire), []string{`rule 1 (priority 1): countType "imageCountMoreThan" does not go with storageClass "archive": "sinceImageTransitioned", and only it, goes with "archive"`}},
		{"transitioned in standard storage", one(anyTag+`,"countType":"sinceImageTransitioned","countUnit":"days","countNumber":90`, expire), []string{`rule 1 (priority 1): countType "sinceImageTransitioned" does not go with storageClass "standard": "sinceImageTransitioned", and only it, goes with "archive"`}},
		{"action without type", one(anyTag+","+newest5, `{}`), []string{`rule 1 (priority 1): type is missing`}},
		{"unknown action", one(anyTag+","+newest5, `{"type":"delete"}`), []string{`rule 1 (priority 1): type is "delete"; it must be expire or transition`}},
		{"transition to nowhere", one(anyTag+","+newest5, `{"type":"transition"}`), []string{`rule 1 (priority 1): targetStorageClass is missing: the action "transition" needs "archive"`}},
		{"transition to standard", one(anyTag+","+newest5, `{"type":"transition","targetStorageClass":"standard"}`), []string{`rule 1 (priority 1): targetStorageClass is "standard"; it must be archive`}},
		{"expire with target", one(anyTag+","+newest5, `{"type":"expire","targetStorageClass":null}`), []string{`rule 1 (priority 1): targetStorageClass does not go with the action "expire"`}},
		{"archive twice", one(anyTag+","+shelved, archive), []string{`rule 1 (priority 1): an archived image cannot be archived again: the action of a rule with storageClass "archive" must be "expire"`}},
		{"two untagged rules", policyText(ruleText(1, untagged+","+pushed7, expire), ruleText(2, untagged+","+newest5, archive)), []string{`rule 2 (priority 2): rule 1 (priority 1) selects untagged images already, and only one rule of a storage class may`}},
		{"same prefixes", policyText(ruleText(1, prefixes("a", "b")+","+pushed7, expire), ruleText(2, prefixes("b", "a", "b")+","+newest5, expire)), []string{`rule 2 (priority 2): rule 1 (priority 1) has the same set of tag prefixes`}},
		{"same patterns", policyText(ruleText(1, patterns("a*")+","+pushed7, expire), ruleText(2, patterns("a*")+","+newest5, archive)), []string{`rule 2 (priority 2): rule 1 (priority 1) has the same set of tag patterns`}},
		{"any is not last", policyText(ruleText(1, anyTag+","+newest5, expire), ruleText(2, untagged+","+pushed7, expire)), []string{`rule 1 (priority 1): a rule with tagStatus "any" must have the highest rulePriority of its storage class, but that of rule 2 (priority 2) is higher`}},
		{"two any rules", policyText(ruleText(5, anyTag+","+newest5, expire), ruleText(3, anyTag+","+pushed7, expire)), []string{`rule 2 (priority 3): a rule with tagStatus "any" must have the highest rulePriority of its storage class, but that of rule 1 (priority 5) is higher`}},
		{"hostile field", policyText(`{"\u001b[2J":1,"rulePriority":1,"selection":{` + anyTag + `,` + newest5 + `},"action":` + expire + `}`), []string{`rule 1 (priority 1): unknown field "\x1b[2J"; the fields here are rulePriority, description, selection, action`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(tt.text)
			var invalid *InvalidError
			if !errors.As(err, &invalid) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(tt.want, invalid.Violations); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseReportsEveryViolation(t *testing.T) {
	_, err := Parse(policyText(
		ruleText(2, anyTag+`,"countUnit":"days",`+newest5, expire),
		ruleText(2, `"tagStatus":"tagged",`+pushed7, `{"type":"transition"}`),
		ruleText(9, patterns("*****")+","+pulled30, archive),
	))
	var invalid *InvalidError
	if !errors.As(err, &invalid) || len(invalid.Violations) != 6 {
		t.Fatalf("got %v", err)
	}
	for _, v := range invalid.Violations {
		if !strings.Contains(err.Error(), v) {
			t.Errorf("the error does not say %q", v)
		}
	}
}

func TestTooManyRules(t *testing.T) {
	rules := make([]string, 51)
	for i := range rules {
		rules[i] = ruleText(i+1, prefixes(fmt.Sprint("p", i))+","+pushed7, expire)
	}
	_, err := Parse(policyText(rules...))
	if err == nil || err.Error() != "invalid lifecycle policy: the policy has 51 rules, 50 are allowed" {
		t.Errorf("got %v", err)
	}
}

func TestDoubts(t *testing.T) {
	p := mustParse(t,
		ruleText(1, patterns("v*", "feature/*")+","+pulled30, expire),
		ruleText(2, prefixes("a*")+","+strings.Replace(shelved, "90", "30", 1), expire),
		ruleText(3, anyTag+","+shelved, expire),
	)
	want := []string{
		"rule with priority 1: the user guide describes sinceImagePulled for archiving images only, not for expiring them",
		"rule with priority 2: archived images stay at least 90 days; a policy cannot delete them after 30",
	}
	if diff := cmp.Diff(want, p.Doubts()); diff != "" {
		t.Error(diff)
	}
}

func TestMarshal(t *testing.T) {
	p := mustParse(t, ruleText(5, anyTag+`,"storageClass":"standard",`+pulled30, archive), ruleText(6, anyTag+","+shelved, expire))
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"rules":[` +
		`{"rulePriority":5,"selection":{"tagStatus":"any","countType":"sinceImagePulled","countUnit":"days","countNumber":30},"action":{"type":"transition","targetStorageClass":"archive"}},` +
		`{"rulePriority":6,"selection":{"tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":90},"action":{"type":"expire"}}]}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
}

func TestEqual(t *testing.T) {
	a := mustParse(t, ruleText(1, prefixes("a", "b")+","+pushed7, expire), ruleText(2, anyTag+","+newest5, expire))
	tests := []struct {
		name string
		b    *Policy
		want bool
	}{
		{"itself", a, true},
		{"order of rules in the document", mustParse(t, ruleText(2, anyTag+","+newest5, expire), ruleText(1, prefixes("a", "b")+","+pushed7, expire)), true},
		{"order and repetition in a list", mustParse(t, ruleText(1, prefixes("b", "a", "b")+","+pushed7, expire), ruleText(2, anyTag+","+newest5, expire)), true},
		{"numbers of priorities", mustParse(t, ruleText(10, prefixes("a", "b")+","+pushed7, expire), ruleText(20, anyTag+","+newest5, expire)), true},
		{"prefixes as patterns", mustParse(t, ruleText(1, patterns("a*", "b**")+","+pushed7, expire), ruleText(2, anyTag+","+newest5, expire)), true},
		{"explicit default", mustParse(t, ruleText(1, prefixes("a", "b")+`,"storageClass":"standard",`+pushed7, expire), ruleText(2, anyTag+","+newest5, expire)), true},
		{"patterns are not prefixes", mustParse(t, ruleText(1, patterns("a", "b")+","+pushed7, expire), ruleText(2, anyTag+","+newest5, expire)), false},
		{"other list", mustParse(t, ruleText(1, prefixes("a")+","+pushed7, expire), ruleText(2, anyTag+","+newest5, expire)), false},
		{"other number", mustParse(t, ruleText(1, prefixes("a", "b")+","+strings.Replace(pushed7, "7", "8", 1), expire), ruleText(2, anyTag+","+newest5, expire)), false},
		{"other action", mustParse(t, ruleText(1, prefixes("a", "b")+","+pushed7, archive), ruleText(2, anyTag+","+newest5, expire)), false},
		{"fewer rules", mustParse(t, ruleText(1, prefixes("a", "b")+","+pushed7, expire)), false},
		{"none", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if Equal(a, tt.b) != tt.want || Equal(tt.b, a) != tt.want {
				t.Errorf("want %v", tt.want)
			}
		})
	}
	if !Equal(nil, nil) {
		t.Error("no policy differs from no policy")
	}
}

func TestDescribe(t *testing.T) {
	p := mustParse(t,
		`{"rulePriority":1,"description":"dev\u001b[31m","selection":{`+prefixes("a", "b")+","+pushed7+`},"action":`+expire+`}`,
		ruleText(2, patterns("v*")+","+newest5, expire),
		ruleText(3, untagged+`,"countType":"sinceImagePushed","countUnit":"days","countNumber":1`, expire),
		ruleText(4, anyTag+","+pulled30, archive),
		ruleText(5, anyTag+","+shelved, expire),
	)
	want := []string{
		`priority 1: expires images that have, all at once, a tag starting with "a" and one starting with "b" that were pushed more than 7 days ago — "dev\x1b[31m"`,
		`priority 2: expires all but the newest 5 images with a tag matching "v*"`,
		`priority 3: expires images without a tag that were pushed more than 1 day ago`,
		`priority 4: archives images with or without a tag that were not pulled for more than 30 days`,
		`priority 5: expires archived images with or without a tag that were archived more than 90 days ago`,
	}
	if diff := cmp.Diff(want, p.Describe()); diff != "" {
		t.Error(diff)
	}
}

// TestExamples parses policies as people write them.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("testdata/valid/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(string(text)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		articlePolicy, `{"rules":[]}`, `null`, `{"rules":[null,{},{"rulePriority":1e9}]}`,
		policyText(ruleText(1, patterns("a*b*", "*")+","+pulled30, archive), ruleText(2, anyTag+","+shelved, expire)),
		policyText(ruleText(3, anyTag+","+newest5, expire)),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			var invalid *InvalidError
			if !errors.As(err, &invalid) || len(invalid.Violations) == 0 {
				t.Errorf("error without violations: %v", err)
			}
			return
		}
		p.Describe()
		p.Inspect()
		p.Repair()
		written, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(string(written))
		if err != nil && len(written) <= maxCharacters { // escapes may have made it longer
			t.Fatalf("%s: %v", written, err)
		}
		if err == nil && (!Equal(p, again) || cmp.Diff(p, again) != "") {
			t.Errorf("%s does not mean what %s means", written, text)
		}
	})
}
