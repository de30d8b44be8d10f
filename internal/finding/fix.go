package finding

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Action is the kind of a [Fix].
type Action string

// The actions of fixes.
const (
	SetPolicyStatement    Action = "set_policy_statement"
	RemovePolicyStatement Action = "remove_policy_statement"
	PutLifecyclePolicy    Action = "put_lifecycle_policy"
	SetScanning           Action = "set_scanning"
	SetTagMutability      Action = "set_tag_mutability"
	TagResource           Action = "tag_resource"
	UntagImage            Action = "untag_image"
	ArchiveImage          Action = "archive_image"
	StartScan             Action = "start_scan"
)

// Actions returns all actions.
func Actions() []Action {
	return []Action{
		SetPolicyStatement, RemovePolicyStatement, PutLifecyclePolicy, SetScanning,
		SetTagMutability, TagResource, UntagImage, ArchiveImage, StartScan,
	}
}

func actionNames() []string {
	names := make([]string, 0, len(Actions()))
	for _, action := range Actions() {
		names = append(names, string(action))
	}
	return names
}

// Fix is the desired state that would mend a finding. The finding says of which
// registry and repository. Fields that its action does not have are empty;
// policies/schema/fix/fix.v1.json says what each means.
type Fix struct {
	Action Action

	// Of set_policy_statement and remove_policy_statement.
	Source    string   // "repository-policy" or "registry-policy"
	Statement string   // its Sid, or its number in the document: "#2"
	Principal string   // as repository.access of the input has it; empty where Accounts has those meant
	Accounts  []string // 12 digits each, only of set_policy_statement
	Abilities []string // of "read", "pull", "push", "delete" and "administer"; only of set_policy_statement

	// Of put_lifecycle_policy, one of the two.
	Baseline bool // meets the baseline of the configuration
	Repair   bool // does what was evidently meant

	ScanOnPush bool // of set_scanning

	Mutability    string // of set_tag_mutability: "IMMUTABLE"
	ImmutableTags string // of set_tag_mutability, its tags: "release" or "all"

	ResourceTags map[string]string // of tag_resource, its tags: by key

	// Template is the prefix of the repository creation template that is meant
	// instead of the repository, or "ROOT"; empty where the repository is. Only
	// of put_lifecycle_policy for the baseline, set_tag_mutability and tag_resource.
	Template string

	Digest string // of untag_image, archive_image and start_scan: "sha256:<64 hex>"
	Tag    string // of untag_image
}

// ParseFix reads the fix of a finding and accepts what fix.v1.json does. The
// error names the field that is wrong or missing, and what is expected.
func ParseFix(raw json.RawMessage) (Fix, error) {
	r := fixReader{}
	if err := json.Unmarshal(raw, &r.fields); err != nil || r.fields == nil {
		return Fix{}, errors.New("fix is not an object")
	}
	f := Fix{Action: Action(r.oneOf("action", actionNames()))}
	if r.err != nil {
		return Fix{}, r.err
	}
	switch f.Action {
	case SetPolicyStatement:
		f.Source = r.oneOf("source", fixSources())
		if r.has("accounts") {
			f.Statement = r.matching("statement", fixSid, "a Sid of letters and digits")
			f.Accounts = r.list("accounts", "a list of account ids of 12 digits", fixAccount.MatchString)
		} else {
			f.Statement, f.Principal = r.text("statement"), r.text("principal")
		}
		f.Abilities = r.abilities()
	case RemovePolicyStatement:
		f.Source, f.Statement, f.Principal = r.oneOf("source", fixSources()), r.text("statement"), r.text("principal")
	case PutLifecyclePolicy:
		if r.has("repair") {
			f.Repair = r.yes("repair")
		} else {
			f.Baseline, f.Template = r.yes("baseline"), r.template()
		}
	case SetScanning:
		f.ScanOnPush = r.yes("scan_on_push")
	case SetTagMutability:
		f.Mutability, f.ImmutableTags = r.oneOf("mutability", []string{"IMMUTABLE"}), r.oneOf("tags", []string{"release", "all"})
		f.Template = r.template()
	case TagResource:
		f.ResourceTags, f.Template = r.tags(), r.template()
	case UntagImage:
		f.Digest, f.Tag = r.digest(), r.text("tag")
	case ArchiveImage, StartScan:
		f.Digest = r.digest()
	}
	if err := r.finish(f.Action); err != nil {
		return Fix{}, err
	}
	return f, nil
}

var (
	fixDigest  = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	fixAccount = regexp.MustCompile(`^[0-9]{12}$`)
	fixSid     = regexp.MustCompile(`^[A-Za-z0-9]+$`)
)

func fixSources() []string { return []string{"repository-policy", "registry-policy"} }

func fixAbilities() []string { return []string{"read", "pull", "push", "delete", "administer"} }

// fixReader takes the fields of a fix one by one, and remembers which these
// were and the first that is wrong.
type fixReader struct {
	fields map[string]any
	taken  []string
	err    error
}

func (r *fixReader) has(name string) bool {
	_, there := r.fields[name]
	return there
}

func (r *fixReader) take(name string) any {
	r.taken = append(r.taken, name)
	return r.fields[name]
}

func (r *fixReader) wrong(name, want string) { r.fail(name, "is wrong", want) }

func (r *fixReader) fail(name, problem, want string) {
	switch {
	case r.err != nil:
	case !r.has(name):
		r.err = fmt.Errorf("fix.%s is missing: use %s", name, want)
	default:
		r.err = fmt.Errorf("fix.%s %s %s: use %s", name, shown(r.fields[name]), problem, want)
	}
}

// shown is a value as it was written, shortened.
func shown(value any) string {
	const longest = 80
	encoded, err := json.Marshal(value)
	if err != nil {
		return "not JSON"
	}
	if text := []rune(string(encoded)); len(text) > longest {
		return string(text[:longest]) + "…"
	}
	return string(encoded)
}

func (r *fixReader) text(name string) string {
	text, _ := r.take(name).(string)
	if text == "" {
		r.wrong(name, "a text")
	}
	return text
}

func (r *fixReader) matching(name string, pattern *regexp.Regexp, want string) string {
	text, _ := r.take(name).(string)
	if !pattern.MatchString(text) {
		r.wrong(name, want)
	}
	return text
}

func (r *fixReader) digest() string {
	return r.matching("digest", fixDigest, "sha256: and 64 hexadecimal digits in lower case")
}

func (r *fixReader) oneOf(name string, allowed []string) string {
	text, _ := r.take(name).(string)
	if !slices.Contains(allowed, text) {
		r.fail(name, "is not known", oneOf(allowed))
	}
	return text
}

func (r *fixReader) yes(name string) bool {
	yes, _ := r.take(name).(bool)
	if !yes {
		r.wrong(name, "true")
	}
	return yes
}

func (r *fixReader) template() string {
	if !r.has("template") {
		r.take("template")
		return ""
	}
	return r.text("template")
}

// list reads a list of at least one text, all of them valid.
func (r *fixReader) list(name, want string, valid func(string) bool) []string {
	items, _ := r.take(name).([]any)
	texts := make([]string, 0, len(items))
	for _, item := range items {
		text, ok := item.(string)
		if !ok || !valid(text) {
			r.wrong(name, want)
			return nil
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		r.wrong(name, want)
	}
	return texts
}

func (r *fixReader) abilities() []string {
	allowed := fixAbilities()
	want := "a list of some of " + strings.Join(allowed, ", ") + ", each once"
	abilities := r.list("abilities", want, func(text string) bool { return slices.Contains(allowed, text) })
	if unique := slices.Compact(slices.Sorted(slices.Values(abilities))); len(unique) < len(abilities) {
		r.wrong("abilities", want)
	}
	return abilities
}

func (r *fixReader) tags() map[string]string {
	const want = "an object of resource tags, each key with its value"
	values, _ := r.take("tags").(map[string]any)
	tags := make(map[string]string, len(values))
	for key, value := range values {
		text, ok := value.(string)
		if !ok {
			r.wrong("tags", want)
		}
		tags[key] = text
	}
	if len(tags) == 0 {
		r.wrong("tags", want)
	}
	return tags
}

// finish returns what is wrong. A field too many comes first, because it may be
// one that is missing, misspelt.
func (r *fixReader) finish(action Action) error {
	for _, name := range slices.Sorted(maps.Keys(r.fields)) {
		if !slices.Contains(r.taken, name) {
			return fmt.Errorf("fix.%s does not belong to %s: its fields are %s", name, action, strings.Join(r.taken, ", "))
		}
	}
	return r.err
}

func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return "one of " + strings.Join(words, ", ")
}
