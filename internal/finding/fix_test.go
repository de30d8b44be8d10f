package finding

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var (
	someDigest = "sha256:" + strings.Repeat("0a", 32)

	// validFixes has each shape of fix.v1.json, with what is to be understood.
	validFixes = []struct {
		text string
		want Fix
	}{
		{
			`{"action": "set_policy_statement", "source": "repository-policy", "statement": "#2", "principal": "everyone", "abilities": ["pull", "read"]}`,
			Fix{Action: SetPolicyStatement, Source: "repository-policy", Statement: "#2", Principal: "everyone", Abilities: []string{"pull", "read"}},
		},
		{
			`{"action": "set_policy_statement", "source": "registry-policy", "statement": "Readers", "accounts": ["111122223333", "222233334444"], "abilities": ["pull"]}`,
			Fix{Action: SetPolicyStatement, Source: "registry-policy", Statement: "Readers", Accounts: []string{"111122223333", "222233334444"}, Abilities: []string{"pull"}},
		},
		{
			`{"action": "remove_policy_statement", "source": "repository-policy", "statement": "Public", "principal": "everyone"}`,
			Fix{Action: RemovePolicyStatement, Source: "repository-policy", Statement: "Public", Principal: "everyone"},
		},
		{`{"action": "put_lifecycle_policy", "baseline": true}`, Fix{Action: PutLifecyclePolicy, Baseline: true}},
		{`{"action": "put_lifecycle_policy", "baseline": true, "template": "ROOT"}`, Fix{Action: PutLifecyclePolicy, Baseline: true, Template: "ROOT"}},
		{`{"action": "put_lifecycle_policy", "repair": true}`, Fix{Action: PutLifecyclePolicy, Repair: true}},
		{`{"action": "set_scanning", "scan_on_push": true}`, Fix{Action: SetScanning, ScanOnPush: true}},
		{`{"action": "set_tag_mutability", "mutability": "IMMUTABLE", "tags": "release"}`, Fix{Action: SetTagMutability, Mutability: "IMMUTABLE", ImmutableTags: "release"}},
		{
			`{"action": "set_tag_mutability", "mutability": "IMMUTABLE", "tags": "all", "template": "team/"}`,
			Fix{Action: SetTagMutability, Mutability: "IMMUTABLE", ImmutableTags: "all", Template: "team/"},
		},
		{`{"action": "tag_resource", "tags": {"team": "a", "empty": ""}}`, Fix{Action: TagResource, ResourceTags: map[string]string{"team": "a", "empty": ""}}},
		{`{"action": "tag_resource", "tags": {"team": "a"}, "template": "team"}`, Fix{Action: TagResource, ResourceTags: map[string]string{"team": "a"}, Template: "team"}},
		{`{"action": "untag_image", "digest": "` + someDigest + `", "tag": "latest"}`, Fix{Action: UntagImage, Digest: someDigest, Tag: "latest"}},
		{`{"action": "archive_image", "digest": "` + someDigest + `"}`, Fix{Action: ArchiveImage, Digest: someDigest}},
		{`{"action": "start_scan", "digest": "` + someDigest + `"}`, Fix{Action: StartScan, Digest: someDigest}},
	}

	// invalidFixes has fixes of no shape, with what is said about each.
	invalidFixes = []struct{ text, want string }{
		{`null`, "fix is not an object"},
		{`[]`, "fix is not an object"},
		{`"start_scan"`, "fix is not an object"},
		{`{}`, "fix.action is missing: use one of set_policy_statement, "},
		{`{"Action": "set_scanning", "scan_on_push": true}`, "fix.action is missing: "},
		{`{"action": "delete_image"}`, `fix.action "delete_image" is not known: use one of `},
		{`{"action": ["start_scan"]}`, `fix.action ["start_scan"] is not known: use one of `},
		{`{"action": "start_scan"}`, "fix.digest is missing: use sha256: and 64 hexadecimal digits"},
		{`{"action": "start_scan", "digest": "sha256:a"}`, `fix.digest "sha256:a" is wrong: use sha256: and 64 hexadecimal digits`},
		{`{"action": "start_scan", "digest": "` + strings.ToUpper(someDigest) + `"}`, "fix.digest "},
		{`{"action": "start_scan", "digest": "` + someDigest + `\n"}`, "fix.digest "},
		{`{"action": "start_scan", "digest": "` + someDigest + `", "tag": "latest"}`, "fix.tag does not belong to start_scan: its fields are action, digest"},
		{`{"action": "archive_image", "digset": "` + someDigest + `"}`, "fix.digset does not belong to archive_image: its fields are action, digest"},
		{`{"action": "archive_image", "digest": null}`, "fix.digest null is wrong: "},
		{`{"action": "untag_image", "digest": "` + someDigest + `"}`, "fix.tag is missing: use a text"},
		{`{"action": "untag_image", "digest": "` + someDigest + `", "tag": ""}`, `fix.tag "" is wrong: use a text`},
		{`{"action": "put_lifecycle_policy"}`, "fix.baseline is missing: use true"},
		{`{"action": "put_lifecycle_policy", "baseline": false}`, "fix.baseline false is wrong: use true"},
		{`{"action": "put_lifecycle_policy", "baseline": "true"}`, `fix.baseline "true" is wrong: use true`},
		{`{"action": "put_lifecycle_policy", "baseline": true, "repair": true}`, "fix.baseline does not belong to put_lifecycle_policy: its fields are action, repair"},
		{`{"action": "put_lifecycle_policy", "repair": true, "template": "ROOT"}`, "fix.template does not belong to put_lifecycle_policy"},
		{`{"action": "put_lifecycle_policy", "baseline": true, "template": ""}`, `fix.template "" is wrong: use a text`},
		{`{"action": "put_lifecycle_policy", "baseline": true, "template": null}`, "fix.template null is wrong: use a text"},
		{`{"action": "set_scanning"}`, "fix.scan_on_push is missing: use true"},
		{`{"action": "set_scanning", "scan_on_push": true, "template": "ROOT"}`, "fix.template does not belong to set_scanning"},
		{`{"action": "set_tag_mutability", "mutability": "IMMUTABLE"}`, "fix.tags is missing: use one of release, all"},
		{`{"action": "set_tag_mutability", "mutability": "MUTABLE", "tags": "all"}`, `fix.mutability "MUTABLE" is not known: use IMMUTABLE`},
		{`{"action": "set_tag_mutability", "mutability": "IMMUTABLE", "tags": "none"}`, `fix.tags "none" is not known: use one of release, all`},
		{`{"action": "set_tag_mutability", "mutability": "IMMUTABLE", "tags": {"team": "a"}}`, `fix.tags {"team":"a"} is not known: `},
		{`{"action": "tag_resource"}`, "fix.tags is missing: use an object of resource tags"},
		{`{"action": "tag_resource", "tags": {}}`, "fix.tags {} is wrong: "},
		{`{"action": "tag_resource", "tags": "all"}`, `fix.tags "all" is wrong: `},
		{`{"action": "tag_resource", "tags": {"team": "a", "cost": 7}}`, "fix.tags "},
		{`{"action": "set_policy_statement", "source": "repository-policy", "statement": "A", "principal": "everyone"}`, "fix.abilities is missing: use a list of some of read, pull, push, delete, administer"},
		{`{"action": "set_policy_statement", "source": "repository-policy", "statement": "A", "principal": "everyone", "abilities": []}`, "fix.abilities [] is wrong: "},
		{`{"action": "set_policy_statement", "source": "repository-policy", "statement": "A", "principal": "everyone", "abilities": ["own"]}`, `fix.abilities ["own"] is wrong: `},
		{`{"action": "set_policy_statement", "source": "repository-policy", "statement": "A", "principal": "everyone", "abilities": ["pull", "pull"]}`, `fix.abilities ["pull","pull"] is wrong: `},
		{`{"action": "set_policy_statement", "source": "repository-policy", "statement": "A", "abilities": ["pull"]}`, "fix.principal is missing: use a text"},
		{`{"action": "set_policy_statement", "source": "policy", "statement": "A", "principal": "everyone", "abilities": ["pull"]}`, `fix.source "policy" is not known: use one of repository-policy, registry-policy`},
		{`{"action": "set_policy_statement", "source": "repository-policy", "statement": "#1", "accounts": ["111122223333"], "abilities": ["pull"]}`, `fix.statement "#1" is wrong: use a Sid of letters and digits`},
		{`{"action": "set_policy_statement", "source": "repository-policy", "statement": "A", "accounts": ["1111"], "abilities": ["pull"]}`, `fix.accounts ["1111"] is wrong: use a list of account ids of 12 digits`},
		{`{"action": "set_policy_statement", "source": "repository-policy", "statement": "A", "accounts": [], "abilities": ["pull"]}`, "fix.accounts [] is wrong: "},
		{`{"action": "set_policy_statement", "source": "repository-policy", "statement": "A", "accounts": ["111122223333"], "principal": "everyone", "abilities": ["pull"]}`, "fix.principal does not belong to set_policy_statement"},
		{`{"action": "remove_policy_statement", "source": "repository-policy", "statement": "A"}`, "fix.principal is missing: use a text"},
		{`{"action": "remove_policy_statement", "source": "repository-policy", "statement": 1, "principal": "everyone"}`, "fix.statement 1 is wrong: use a text"},
		{`{"action": "remove_policy_statement", "source": "repository-policy", "statement": "A", "principal": "everyone", "abilities": ["pull"]}`, "fix.abilities does not belong to remove_policy_statement"},
	}
)

// fixSchema is fix.v1.json, or one of its shapes.
func fixSchema(tb testing.TB, shape string) *jsonschema.Schema {
	tb.Helper()
	text, err := os.ReadFile("../../policies/schema/fix/fix.v1.json")
	if err != nil {
		tb.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		tb.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("fix.json", document); err != nil {
		tb.Fatal(err)
	}
	compiled, err := compiler.Compile("fix.json" + shape)
	if err != nil {
		tb.Fatal(err)
	}
	return compiled
}

func follows(schema *jsonschema.Schema, text string) bool {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	return err == nil && schema.Validate(value) == nil
}

func TestParseFix(t *testing.T) {
	schema := fixSchema(t, "")
	for _, c := range validFixes {
		got, err := ParseFix(json.RawMessage(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", c.text, diff)
		}
		if !follows(schema, c.text) {
			t.Errorf("%s does not follow the schema", c.text)
		}
	}
	for _, c := range invalidFixes {
		if got, err := ParseFix(json.RawMessage(c.text)); err == nil || !strings.HasPrefix(err.Error(), c.want) || got.Action != "" {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
		if follows(schema, c.text) {
			t.Errorf("%s follows the schema", c.text)
		}
	}
}

// Every shape of the schema, and each of its fields, is in a valid fix, so that
// whatever is added to the schema must be understood.
func TestParseFixKnowsEveryShape(t *testing.T) {
	text, err := os.ReadFile("../../policies/schema/fix/fix.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		OneOf []struct {
			Properties map[string]struct {
				Const any `json:"const"`
			} `json:"properties"`
		} `json:"oneOf"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	actions := map[Action]bool{}
	for i, shape := range document.OneOf {
		actions[Action(fmt.Sprint(shape.Properties["action"].Const))] = true
		schema := fixSchema(t, fmt.Sprintf("#/oneOf/%d", i))
		seen := map[string]bool{}
		for _, c := range validFixes {
			if !follows(schema, c.text) {
				continue
			}
			var fields map[string]any
			if err := json.Unmarshal([]byte(c.text), &fields); err != nil {
				t.Fatal(err)
			}
			for name := range fields {
				seen[name] = true
			}
		}
		for name := range shape.Properties {
			if !seen[name] {
				t.Errorf("no valid fix of shape %d has the field %s", i, name)
			}
		}
	}
	for _, action := range Actions() {
		if !actions[action] {
			t.Errorf("the schema does not know %s", action)
		}
	}
	for action := range actions {
		if !slices.Contains(Actions(), action) {
			t.Errorf("the schema knows %s, which is no action", action)
		}
	}
}

// FuzzParseFix holds ParseFix to the schema.
func FuzzParseFix(f *testing.F) {
	for _, c := range validFixes {
		f.Add(c.text)
	}
	for _, c := range invalidFixes {
		f.Add(c.text)
	}
	schema := fixSchema(f, "")
	vast := regexp.MustCompile(`[eE][+-]?[0-9]{4,}`) // the library of the schema writes such numbers out
	f.Fuzz(func(t *testing.T, text string) {
		if vast.MatchString(text) {
			t.Skip()
		}
		_, err := ParseFix(json.RawMessage(text))
		if want := follows(schema, text); want != (err == nil) {
			t.Errorf("%q follows the schema: %t; ParseFix says %v", text, want, err)
		}
	})
}
