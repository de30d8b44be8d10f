package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// document is the json format as a reader of ours may declare it.
type document struct {
	Schema   string            `json:"schema"`
	Run      Run               `json:"run"`
	Findings []finding.Finding `json:"findings"`
	Gaps     []snapshot.Gap    `json:"gaps"`
	Summary  Summary           `json:"summary"`
}

// valid is what is left of text in JSON: invalid bytes are replaced.
func valid(s script) script {
	body, _ := json.Marshal(s.run)
	_ = json.Unmarshal(body, &s.run)
	body, _ = json.Marshal(s.findings)
	s.findings = nil
	_ = json.Unmarshal(bytes.ToValidUTF8(body, []byte("\ufffd")), &s.findings)
	body, _ = json.Marshal(s.gaps)
	_ = json.Unmarshal(body, &s.gaps)
	return s
}

// sameJSON compares fixes by meaning.
var sameJSON = cmp.Transformer("fix", func(raw json.RawMessage) any {
	var v any
	_ = json.Unmarshal(raw, &v)
	return v
})

func TestJSONHoldsTheRun(t *testing.T) {
	for name, s := range scripts() {
		var got document
		dec := json.NewDecoder(bytes.NewReader(written(t, "json", s, Options{})))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s = valid(s)
		want := document{Schema, s.run, s.findings, s.gaps, s.summary()}
		if want.Findings == nil {
			want.Findings = []finding.Finding{}
		}
		if want.Gaps == nil {
			want.Gaps = []snapshot.Gap{}
		}
		if diff := cmp.Diff(want, got, sameJSON); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestNDJSONHoldsTheSame(t *testing.T) {
	for name, s := range scripts() {
		var got document
		for line := range bytes.Lines(written(t, "ndjson", s, Options{})) {
			var kind struct {
				Type string `json:"type"`
			}
			var f finding.Finding
			var g snapshot.Gap
			var err error
			if err := json.Unmarshal(line, &kind); err != nil {
				t.Fatal(err)
			}
			switch kind.Type {
			case "run":
				err = json.Unmarshal(line, &got.Run)
				got.Schema, got.Run.Schema = got.Run.Schema, ""
			case "finding":
				err = json.Unmarshal(line, &f)
				got.Findings = append(got.Findings, f)
			case "gap":
				err = json.Unmarshal(line, &g)
				got.Gaps = append(got.Gaps, g)
			case "summary":
				err = json.Unmarshal(line, &got.Summary)
			default:
				t.Errorf("%s: unknown type in %s", name, line)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		s = valid(s)
		if diff := cmp.Diff(document{Schema, s.run, s.findings, s.gaps, s.summary()}, got, sameJSON); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestJSONElementsHaveTheirLines(t *testing.T) {
	out := string(written(t, "json", typical(), Options{}))
	for _, prefix := range []string{`    {"fingerprint":`, `      {"account":`, `      {"id":`} {
		if !strings.Contains(out, "\n"+prefix) {
			t.Errorf("no line begins with %q", prefix)
		}
	}
}

func TestJSONWithoutArrays(t *testing.T) {
	want := "\"findings\": [],\n  \"gaps\": [],"
	if out := string(written(t, "json", script{}, Options{})); !strings.Contains(out, want) || strings.Contains(out, "null") {
		t.Errorf("no %q, or null, in:\n%s", want, out)
	}
}

func TestHandlersRefuseWrongOrder(t *testing.T) {
	h := newJSON(io.Discard)
	if err := h.Finding(finding.Finding{}); err == nil {
		t.Error("a finding before the run is accepted")
	}
	_ = h.Begin(Run{})
	_ = h.Gap(snapshot.Gap{})
	if err := h.Finding(finding.Finding{}); err == nil {
		t.Error("a finding after a gap is accepted")
	}
}

func TestBrokenFixIsAnError(t *testing.T) {
	for _, format := range []string{"json", "ndjson"} {
		h, _ := New(format, io.Discard, Options{})
		_ = h.Begin(Run{})
		err := h.Finding(finding.Finding{Rule: "encryption", Fingerprint: "f1", Fix: json.RawMessage(`{"action":`)})
		if err == nil || !strings.Contains(err.Error(), "finding f1 of rule encryption") {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// compile compiles the published schema, or the part of it at pointer.
func compile(t *testing.T, pointer string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(SchemaJSON()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("report.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("report.json" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func check(t *testing.T, schema *jsonschema.Schema, body []byte) error {
	t.Helper()
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(instance)
}

func TestOutputFollowsTheSchema(t *testing.T) {
	whole, record := compile(t, ""), compile(t, "#/$defs/record")
	all := scripts()
	all["every field"] = everyField()
	for name, s := range all {
		if err := check(t, whole, written(t, "json", s, Options{})); err != nil {
			t.Errorf("json of %s: %v", name, err)
		}
		for line := range bytes.Lines(written(t, "ndjson", s, Options{})) {
			if err := check(t, record, line); err != nil {
				t.Errorf("ndjson of %s: %v\n%s", name, err, line)
			}
		}
	}
}

// everyField is a run in which no field is left out, so that a field that the
// schema does not know fails the test above.
func everyField() script {
	s := script{run: newRun(), failOn: finding.High}
	s.run.Interrupted, s.run.OrganizationUnread = true, "why"
	s.run.Targets = s.run.Targets[:1]
	s.run.Targets[0].Reason = "why"
	s.run.Rules = s.run.Rules[:1]
	s.run.Rules[0].Needs, s.run.Rules[0].Uses = nil, []string{string(snapshot.NeedReplication)}
	for _, needs := range [][]snapshot.Need{{snapshot.NeedRepositories}, snapshot.RegistryNeeds(), snapshot.RepositoryNeeds(), snapshot.ImageNeeds()} {
		for _, need := range needs {
			s.run.Rules[0].Needs = append(s.run.Rules[0].Needs, string(need))
		}
	}
	s.run.Framework = "cis"
	s.run.Rules[0].Why, s.run.Rules[0].Optional = "why", true
	s.run.Rules[0].Source, s.run.Rules[0].Replaces = "platform.tar.gz", true
	bundle := finding.Source{Reference: "platform.tar.gz", Kind: finding.FromBundle, Digest: digest(4), Signature: finding.Verified, Key: "platform.pem"}
	s.run.RuleSources = []finding.RuleSource{{Source: bundle, Rules: []string{s.run.Rules[0].ID}}}
	s.run.ConfigSources = []finding.Source{bundle}
	f := s.found("111122223333/eu-west-1/a", s.run.Rules[0].ID, "message")
	f.Digest, f.Tag, f.Fix, f.Change = digest(1), "tag", json.RawMessage(`{"action":"x"}`), finding.New
	waived := *f
	waived.Fingerprint, waived.Status, waived.Change = strings.Repeat("1", 32), finding.Waived, finding.Known
	waived.Waiver = &finding.Waiver{Verdict: finding.Fail, Reason: "why", Owner: "team", Ticket: "T-1", Until: "2027-01-31"}
	s.findings = append(s.findings, waived)
	s.run.Query, s.run.Baseline = "rule=*", &Baseline{Name: "baseline.txt", Findings: 2}
	s.changes = &Changes{New: 1, Worsened: 1, Known: 1, Fixed: 1, NotSeen: 1}
	s.details = []Detail{everyDetail()}
	s.gaps = []snapshot.Gap{{
		Target:     snapshot.Target{Partition: "aws", Account: "111122223333", Region: "eu-west-1"},
		Repository: "a", Digest: digest(1), Need: snapshot.NeedPolicy, Operation: "ecr:X", Code: "C", Message: "m", Permission: "ecr:X",
	}}
	for _, need := range []snapshot.Need{snapshot.NeedAccounts, snapshot.NeedUnitNames, snapshot.NeedAccountTags} {
		s.gaps = append(s.gaps, snapshot.Gap{Target: s.gaps[0].Target, Need: need, Code: "C", Message: "m"})
	}
	return s
}

func everyDetail() Detail {
	at := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	return Detail{
		Account: "111122223333", Region: "eu-west-1", Repository: "a", URI: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/a", CreatedAt: at,
		Mutability: snapshot.Mutability{Setting: "IMMUTABLE_WITH_EXCLUSION", Exclusions: []string{"dev-*"}},
		Encryption: snapshot.Encryption{Type: "KMS", KMSKey: "key"},
		ScanOnPush: true,
		Scanning:   &snapshot.EffectiveScanning{Frequency: "SCAN_ON_PUSH", ScanOnPush: true, Filters: []string{"*"}},
		Tags:       map[string]string{"team": "a"},
		Access: &DetailAccess{
			Exposure: access.ExposureOutside, Omitted: 1, Problems: []string{"why"}, Policy: "{}",
			Grants: []access.Grant{{
				Principal: "account 444455556666", Kind: "account", Account: "444455556666", Exposure: access.ExposureOutside, Widest: access.ExposureOutside,
				Reason: "why", Abilities: []string{"pull"}, Level: "pull", Actions: []string{"ecr:BatchGetImage"}, Conditions: []string{"from a network"},
				Statement: "Pull", Source: "repository-policy", OutsideOrganization: true, OutsideAccount: true, Trusted: "a vendor",
			}},
		},
		Lifecycle: &DetailLifecycle{
			Present: true, Problems: []string{"why"}, Rules: []string{"rule 1 expires"}, Horizon: at, Stay: 1, Undecided: 1,
			Timeline: []DetailDue{{At: at, Rule: 1, Action: "expire", Images: 1, Bytes: 1, Tags: []string{"dev-1"}}},
		},
		Images: &DetailImages{
			Total: 2, Bytes: 2, Omitted: 1,
			Shown: []DetailImage{{
				Digest: digest(1), Tags: []string{"v1"}, Kind: snapshot.KindIndex, Platform: "linux/amd64", Status: "ACTIVE", Bytes: 1, PushedAt: at, PulledAt: at,
				Children: []string{digest(2)}, Subject: digest(3), Release: true, Scan: "findings", Vulnerabilities: map[string]int{"CRITICAL": 1},
			}},
		},
		Cost: &DetailCost{Currency: "USD", Monthly: 3, Unused: 2, Freed: new(1.0)},
	}
}

func TestEveryFieldIsFilled(t *testing.T) {
	s := everyField()
	// The schema's name is the handler's to fill; an exit code of 0 is a value.
	s.run.Schema = Schema
	var empty []string
	for _, v := range []any{s.run, s.findings[1], s.gaps[0], s.details[0]} {
		empty = append(empty, emptyFields(reflect.ValueOf(v), reflect.TypeOf(v).Name())...)
	}
	if len(empty) > 0 {
		t.Errorf("everyField leaves these empty, so that no test shows whether the schema knows them: %s", strings.Join(empty, ", "))
	}
}

func emptyFields(v reflect.Value, name string) []string {
	var empty []string
	switch v.Kind() {
	case reflect.Struct:
		if _, ok := reflect.TypeAssert[time.Time](v); ok {
			return nil
		}
		for i := range v.NumField() {
			empty = append(empty, emptyFields(v.Field(i), name+"."+v.Type().Field(i).Name)...)
		}
	case reflect.Slice:
		for i := range min(1, v.Len()) {
			empty = emptyFields(v.Index(i), name)
		}
	}
	if v.IsZero() {
		empty = append(empty, name)
	}
	return empty
}

// The schema knows the fields of the types and no others, and requires those
// that are always there.
func TestSchemaMatchesTypes(t *testing.T) {
	var schema struct {
		Defs map[string]struct {
			Properties map[string]any `json:"properties"`
			Required   []string       `json:"required"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(SchemaJSON(), &schema); err != nil {
		t.Fatal(err)
	}
	for def, value := range map[string]any{
		"runFields": Run{}, "target": Target{}, "rule": finding.Rule{}, "findingFields": finding.Finding{},
		"gapFields": snapshot.Gap{}, "summaryFields": Summary{}, "counts": Counts{},
		"baseline": Baseline{}, "waiver": finding.Waiver{}, "changes": Changes{},
		"detailFields": Detail{}, "mutability": snapshot.Mutability{}, "encryption": snapshot.Encryption{}, "scanning": snapshot.EffectiveScanning{},
		"access": DetailAccess{}, "grant": access.Grant{}, "lifecycle": DetailLifecycle{}, "due": DetailDue{},
		"images": DetailImages{}, "image": DetailImage{}, "cost": DetailCost{},
	} {
		fields := make(map[string]bool) // whether always there
		for _, f := range reflect.VisibleFields(reflect.TypeOf(value)) {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.Anonymous {
				fields[name] = !strings.Contains(options, "omit")
			}
		}
		if def == "runFields" {
			delete(fields, "schema") // the document has it at its top
		}
		got := slices.Sorted(maps.Keys(schema.Defs[def].Properties))
		if diff := cmp.Diff(slices.Sorted(maps.Keys(fields)), got); diff != "" {
			t.Errorf("%s: properties differ from the fields of %T (-type +schema):\n%s", def, value, diff)
		}
		maps.DeleteFunc(fields, func(_ string, always bool) bool { return !always })
		slices.Sort(schema.Defs[def].Required)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(fields)), schema.Defs[def].Required); diff != "" {
			t.Errorf("%s: required properties differ from the fields of %T (-type +schema):\n%s", def, value, diff)
		}
	}
}

func TestSchemaIsStrict(t *testing.T) {
	whole, record := compile(t, ""), compile(t, "#/$defs/record")
	body := string(written(t, "json", everyField(), Options{}))
	lines := string(written(t, "ndjson", everyField(), Options{}))
	for name, edit := range map[string][2]string{
		"an unknown field of the run":     {`"clock"`, `"new":1,"clock"`},
		"an unknown field of a target":    {`"account_name"`, `"new":1,"account_name"`},
		"an unknown field of a rule":      {`"title"`, `"new":1,"title"`},
		"an unknown field of a finding":   {`"fingerprint"`, `"new":1,"fingerprint"`},
		"an unknown field of a gap":       {`"partition"`, `"new":1,"partition"`},
		"an unknown field of the summary": {`"fail_on"`, `"new":1,"fail_on"`},
		"an unknown field of a detail":    {`"uri"`, `"new":1,"uri"`},
		"a waived finding without waiver": {`"waiver":{"verdict":"fail","reason":"why","owner":"team","ticket":"T-1","until":"2027-01-31"},`, ``},
		"an unknown change":               {`"change":"new"`, `"change":"old"`},
		"a missing field":                 {`"fail_on":`, `"failon":`},
		"an unknown severity":             {`"severity":"critical"`, `"severity":"awful"`},
		"an unknown status":               {`"status":"fail"`, `"status":"pass"`},
		"an unknown target status":        {`"status":"complete"`, `"status":"done"`},
		"an unknown need":                 {`"need":"policy"`, `"need":"police"`},
		"an account of 11 digits":         {`"account":"111122223333"`, `"account":"11112222333"`},
		"a short digest":                  {digest(1), "sha256:abcd"},
		"a short fingerprint":             {strings.Repeat("0", 32), "00"},
		"a fix without action":            {`"action"`, `"act"`},
		"a clock that is none":            {`"2026-09-14T08:30:00Z"`, `"yesterday"`},
		"another schema":                  {Schema, "ecraudit.report/v2"},
	} {
		spaceless := strings.ReplaceAll(body, `": `, `":`)
		spoiled := strings.ReplaceAll(spaceless, edit[0], edit[1])
		if spoiled == spaceless {
			t.Errorf("%s: the document has no %s to spoil", name, edit[0])
		}
		if check(t, whole, []byte(spoiled)) == nil {
			t.Errorf("%s is accepted in the document", name)
		}
		refused := false
		for line := range strings.Lines(strings.ReplaceAll(lines, edit[0], edit[1])) {
			refused = refused || check(t, record, []byte(line)) != nil
		}
		if !refused {
			t.Errorf("%s is accepted in a record", name)
		}
	}
}

func TestReplayIsIdentity(t *testing.T) {
	for name, s := range scripts() {
		for _, from := range []string{"json", "ndjson"} {
			saved := written(t, from, s, Options{})
			for _, to := range Formats() {
				var out bytes.Buffer
				h, _ := New(to, &out, Options{})
				if err := Replay(bytes.NewReader(saved), h); err != nil {
					t.Fatalf("%s from %s to %s: %v", name, from, to, err)
				}
				if name == "hostile" && slices.Contains([]string{"table", "github", "markdown"}, to) {
					continue // an invalid byte is another escape than what replaced it
				}
				if diff := cmp.Diff(string(written(t, to, s, Options{})), out.String()); diff != "" {
					t.Errorf("%s from %s to %s (-direct +replayed):\n%s", name, from, to, diff)
				}
			}
		}
	}
}

// A report that another program laid out anew says the same.
func TestReplayOfOtherLayouts(t *testing.T) {
	want := written(t, "json", typical(), Options{})
	var indented, compact bytes.Buffer
	_ = json.Indent(&indented, want, "", "\t")
	_ = json.Compact(&compact, want)
	for name, body := range map[string][]byte{
		"indented": indented.Bytes(), "compact": compact.Bytes(), "with a byte order mark": append([]byte("\xef\xbb\xbf"), want...),
	} {
		var out bytes.Buffer
		if err := Replay(bytes.NewReader(body), newJSON(&out)); err != nil || !bytes.Equal(out.Bytes(), want) {
			t.Errorf("%s: %v, or the report changed", name, err)
		}
	}
}

func TestReplayRefuses(t *testing.T) {
	doc := string(written(t, "json", typical(), Options{}))
	lines := string(written(t, "ndjson", typical(), Options{}))
	lastFinding := strings.LastIndex(lines, `{"type":"finding"`)
	secondFinding := strings.Index(lines, `{"type":"finding"`)
	for name, c := range map[string]struct{ body, want string }{
		"nothing":            {"", "it is empty"},
		"spaces":             {" \n", "it is empty"},
		"text":               {"SEVERITY  RULE", "no report"},
		"a snapshot":         {"\x28\xb5\x2f\xfd\x04\x00", "it is a snapshot"},
		"not complete":       {strings.Replace(doc, `"complete": true`, `"complete": false`, 1), "do not agree"},
		"complete with gaps": {strings.ReplaceAll(string(written(t, "json", partial(), Options{})), `"complete": false`, `"complete": true`), "do not agree"},
		"an array":           {"[1]", "no report"},
		"an empty object":    {"{}", "no report"},
		"another document":   {`{"version":"2.1.0","runs":[]}`, "no report"},
		"another schema":     {strings.Replace(doc, Schema, "x.y/v1", 1), `its schema is "x.y/v1"`},
		"a newer version":    {strings.Replace(doc, Schema, "ecraudit.report/v2", 1), `its format is "ecraudit.report/v2"`},
		"newer records":      {strings.Replace(lines, Schema, "ecraudit.report/v2", 1), `its format is "ecraudit.report/v2"`},
		"an unknown field":   {strings.Replace(doc, `"fingerprint"`, `"mood":1,"fingerprint"`, 1), "mood"},
		"an unknown part":    {strings.Replace(doc, `"gaps"`, `"graphs"`, 1), "graphs"},
		"an unknown status":  {strings.Replace(doc, `"status":"fail"`, `"status":"pass"`, 1), `unknown status "pass"`},
		"an unknown level":   {strings.Replace(doc, `"severity":"high"`, `"severity":"bad"`, 1), `unknown severity "bad"`},
		"an unknown record":  {strings.Replace(lines, `"type":"finding"`, `"type":"idea"`, 1), `unknown record type "idea"`},
		"cut in a finding":   {doc[:len(doc)/2], "truncated: it ends after "},
		"cut in a record":    {lines[:len(lines)/2], "truncated: it ends after "},
		"cut after a record": {lines[:lastFinding], "truncated: it ends after 88 findings"},
		"a finding lost":     {lines[:secondFinding] + lines[strings.Index(lines, "\n")+1+strings.Index(lines[secondFinding:], "\n")+1:], "altered"},
		"sorted keys":        {`{"findings":[{"rule":"x"}],"run":{}}`, "come before its run"},
		"two runs":           {lines[:secondFinding] + lines, "two runs"},
		"two documents":      {doc + doc, "something follows its end"},
		"two sets of lines":  {lines + lines, "something follows its summary"},
		"findings no array":  {`{"schema":"` + Schema + `","run":{},"findings":{}}`, "must be arrays"},
	} {
		var h recorder
		err := Replay(strings.NewReader(c.body), &h)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if h.ended {
			t.Errorf("%s: the handler saw the end", name)
		}
	}
}

// A summary that somebody made to say less than was found is not shown as if an
// audit had said it.
func TestReplayRefusesAlteredSummaries(t *testing.T) {
	first := func(s *script, status finding.Status) *finding.Finding {
		return &s.findings[slices.IndexFunc(s.findings, func(f finding.Finding) bool { return f.Status == status && f.Severity >= finding.High })]
	}
	for name, c := range map[string]struct {
		alter func(*script, *Summary)
		want  string
	}{
		"milder":            {func(s *script, _ *Summary) { first(s, finding.Fail).Severity = finding.Low }, "summary.by_severity says "},
		"another rule":      {func(s *script, _ *Summary) { first(s, finding.Fail).Rule = "tag-latest" }, "summary.by_rule says "},
		"unknown, not fail": {func(s *script, _ *Summary) { first(s, finding.Fail).Status = finding.Unknown }, "summary.by_severity says "},
		"a severity away":   {func(_ *script, sum *Summary) { delete(sum.BySeverity, "high") }, "summary.by_severity says of high 0 fail, 0 unknown and 0 waived, and there are "},
		"failing":           {func(_ *script, sum *Summary) { sum.Failing-- }, "summary.failing says "},
		"undecided":         {func(_ *script, sum *Summary) { sum.Undecided = 0 }, "summary.undecided says 0, and there are "},
		"fail_on":           {func(_ *script, sum *Summary) { sum.FailOn = "none" }, "summary.failing says "},
		"fail_on unknown":   {func(_ *script, sum *Summary) { sum.FailOn = "huge" }, `summary.fail_on: unknown severity "huge"`},
		"exit code":         {func(_ *script, sum *Summary) { sum.ExitCode = 0 }, "summary.exit_code says 0, and it follows from the rest that it was 2"},
		"repositories":      {func(_ *script, sum *Summary) { sum.Repositories++ }, "summary.repositories says "},
		"images":            {func(_ *script, sum *Summary) { sum.Images-- }, "summary.images says "},
		"targets":           {func(_ *script, sum *Summary) { sum.Targets++ }, "summary.targets says "},
	} {
		for _, format := range []string{"json", "ndjson"} {
			s := typical()
			summary := s.summary()
			s.summarized = &summary
			c.alter(&s, s.summarized)
			h := recorder{}
			err := Replay(bytes.NewReader(written(t, format, s, Options{})), &h)
			if err == nil || !strings.Contains(err.Error(), "it was altered: "+c.want) || h.ended {
				t.Errorf("%s in %s: %v, want %q", name, format, err, c.want)
			}
		}
	}
}

func TestReplayReturnsErrors(t *testing.T) {
	doc := written(t, "json", typical(), Options{})
	want := fmt.Errorf("no more")
	if err := Replay(bytes.NewReader(doc), &recorder{fail: want}); !errors.Is(err, want) {
		t.Errorf("the handler's error became %v", err)
	}
	if err := Replay(io.MultiReader(bytes.NewReader(doc[:9000]), failingReader{want}), &recorder{}); err == nil || !strings.Contains(err.Error(), "no more") {
		t.Errorf("the reader's error became %v", err)
	}
}

type recorder struct {
	ended bool
	fail  error // what Finding returns
}

func (*recorder) Begin(Run) error                 { return nil }
func (r *recorder) Finding(finding.Finding) error { return r.fail }
func (*recorder) Gap(snapshot.Gap) error          { return nil }
func (r *recorder) End(Summary) error             { r.ended = true; return nil }

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

// FuzzReplay: whatever is read, Replay returns, and what it accepts is
// written again as it was meant.
func FuzzReplay(f *testing.F) {
	small := everyField()
	small.run.Rules[0].Needs = nil
	for _, format := range []string{"json", "ndjson"} {
		f.Add(written(f, format, small, Options{}))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var once, twice bytes.Buffer
		if Replay(bytes.NewReader(body), newJSON(&once)) != nil {
			return
		}
		if err := Replay(bytes.NewReader(once.Bytes()), newJSON(&twice)); err != nil || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Errorf("%v, or the report changed", err)
		}
	})
}
