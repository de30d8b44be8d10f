package awssim

import (
	"encoding/json"
	"slices"
	"strings"
)

// compiledPolicy is a resource policy that can be evaluated. Text that is no policy compiles to one without statements.
type compiledPolicy struct {
	Statement []statement
}

// statement is one statement of a policy, with its scalars as lists of one.
type statement struct {
	SID                       string
	Effect                    string
	Principals, NotPrincipals map[string][]string
	Actions, NotActions       []string
	Resources                 []string
	Conditions                map[string]map[string][]string // operator → key → values
}

// compilePolicy parses a policy, or returns nil for an empty text.
func compilePolicy(text string) *compiledPolicy {
	if text == "" {
		return nil
	}
	p, _ := parsePolicy(text)
	return p
}

// parsePolicy parses a policy and reports whether its form is sound; what can be made out of an unsound one is returned as well.
func parsePolicy(text string) (*compiledPolicy, bool) {
	p := new(compiledPolicy)
	var top map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &top) != nil {
		return p, false
	}
	sound := true
	for field, raw := range top {
		switch field {
		case "Version":
			var version string
			sound = json.Unmarshal(raw, &version) == nil && (version == "2012-10-17" || version == "2008-10-17") && sound
		case "Id":
		case "Statement":
			var ok bool
			p.Statement, ok = parseStatements(raw)
			sound = sound && ok
		default:
			sound = false
		}
	}
	return p, sound && len(p.Statement) > 0
}

func parseStatements(raw json.RawMessage) ([]statement, bool) {
	var list []map[string]json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		var one map[string]json.RawMessage
		if json.Unmarshal(raw, &one) != nil {
			return nil, false
		}
		list = append(list, one)
	}
	sound := true
	var statements []statement
	sids := map[string]bool{}
	for _, fields := range list {
		s, ok := parseStatement(fields)
		statements = append(statements, s)
		sound = sound && ok && (s.SID == "" || !sids[s.SID])
		sids[s.SID] = true
	}
	return statements, sound
}

func parseStatement(fields map[string]json.RawMessage) (statement, bool) {
	var s statement
	sound := true
	for field, raw := range fields {
		var ok bool
		switch field {
		case "Sid":
			ok = json.Unmarshal(raw, &s.SID) == nil
		case "Effect":
			ok = json.Unmarshal(raw, &s.Effect) == nil && (s.Effect == "Allow" || s.Effect == "Deny")
		case "Principal":
			s.Principals, ok = parsePrincipals(raw)
		case "NotPrincipal":
			s.NotPrincipals, ok = parsePrincipals(raw)
		case "Action":
			s.Actions, ok = parseStrings(raw)
		case "NotAction":
			s.NotActions, ok = parseStrings(raw)
		case "Resource", "NotResource":
			s.Resources, ok = parseStrings(raw)
		case "Condition":
			s.Conditions, ok = parseConditions(raw)
		default:
			ok = false
		}
		sound = sound && ok
	}
	return s, sound && s.Effect != "" && (s.Principals == nil) != (s.NotPrincipals == nil) && (s.Actions == nil) != (s.NotActions == nil)
}

// parseStrings reads a string or a list of strings that is not empty.
func parseStrings(raw json.RawMessage) ([]string, bool) {
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return list, len(list) > 0
	}
	var one string
	if json.Unmarshal(raw, &one) != nil {
		return nil, false
	}
	return []string{one}, true
}

func parsePrincipals(raw json.RawMessage) (map[string][]string, bool) {
	var all string
	if json.Unmarshal(raw, &all) == nil {
		return map[string][]string{"AWS": {all}}, all == "*"
	}
	var kinds map[string]json.RawMessage
	if json.Unmarshal(raw, &kinds) != nil || len(kinds) == 0 {
		return nil, false
	}
	principals, sound := map[string][]string{}, true
	for kind, raw := range kinds {
		list, ok := parseStrings(raw)
		sound = sound && ok && slices.Contains([]string{"AWS", "Service", "Federated", "CanonicalUser"}, kind)
		if kind == "AWS" {
			sound = sound && !slices.ContainsFunc(list, func(p string) bool { return !validPrincipal(p) })
		}
		principals[kind] = list
	}
	return principals, sound
}

// validPrincipal reports whether IAM would take an AWS principal. A deleted one comes back as its unique id, which it takes too.
func validPrincipal(p string) bool {
	if p == "*" || accountID.MatchString(p) || strings.HasPrefix(p, "AIDA") || strings.HasPrefix(p, "AROA") {
		return true
	}
	parts := strings.SplitN(p, ":", 6)
	return len(parts) == 6 && parts[0] == "arn" && (parts[2] == "iam" || parts[2] == "sts") && accountID.MatchString(parts[4]) &&
		parts[5] != "" && !strings.Contains(parts[5], "*")
}

func parseConditions(raw json.RawMessage) (map[string]map[string][]string, bool) {
	var operators map[string]map[string]json.RawMessage
	if json.Unmarshal(raw, &operators) != nil {
		return nil, false
	}
	conditions, sound := map[string]map[string][]string{}, true
	for operator, keys := range operators {
		conditions[operator] = map[string][]string{}
		for key, raw := range keys {
			list, ok := parseStrings(raw)
			if !ok && len(raw) > 0 && raw[0] != '[' && raw[0] != '{' { // a number or a boolean
				list, ok = []string{string(raw)}, true
			}
			conditions[operator][key] = list
			sound = sound && ok && knownOperator(operator)
		}
	}
	return conditions, sound
}

// repositoryPolicyError says what SetRepositoryPolicy objects to, if anything: a repository policy has no Resource, and grants only ECR's actions.
func repositoryPolicyError(text string) error {
	return policyError(text, "Invalid repository policy provided", func(s statement) bool { return s.Resources == nil })
}

// registryPolicyError says what PutRegistryPolicy objects to, if anything: a registry policy names resources.
func registryPolicyError(text string) error {
	return policyError(text, "Invalid registry policy provided", func(s statement) bool { return s.Resources != nil })
}

func policyError(text, complaint string, resources func(statement) bool) error {
	if len(text) > 10240 {
		return invalid("policyText", "Member must have length less than or equal to 10240")
	}
	p, sound := parsePolicy(text)
	for _, s := range p.Statement {
		for _, action := range slices.Concat(s.Actions, s.NotActions) {
			sound = sound && (action == "*" || strings.HasPrefix(strings.ToLower(action), "ecr:"))
		}
		sound = sound && resources(s)
	}
	if !sound {
		return invalid("PolicyText", complaint)
	}
	return nil
}

// decision is what a policy says about a call.
type decision int

const (
	silent decision = iota
	allowed
	forbidden
)

// reformatted is a policy as AWS may return it. Roles that were deleted are always named by their unique ids; with Reformat, account
// ids become root ARNs, lists of one scalars, and white space and the order of keys differ.
func (o *Organization) reformatted(text string) string {
	o.removed.Range(func(arn, id any) bool {
		text = strings.ReplaceAll(text, `"`+arn.(string)+`"`, `"`+id.(string)+`"`)
		return true
	})
	if !o.options.Reformat {
		return text
	}
	var document any
	if json.Unmarshal([]byte(text), &document) != nil {
		return text
	}
	out, err := json.MarshalIndent(o.rewrite(document, ""), "", "  ")
	if err != nil {
		return text
	}
	return strings.ReplaceAll(string(out), `": `, `" : `)
}

// rewrite reformats one value that stands under a key of a policy.
func (o *Organization) rewrite(value any, key string) any {
	switch v := value.(type) {
	case string:
		if key == "AWS" && accountID.MatchString(v) {
			return o.arn("iam", "", v, "root")
		}
	case []any:
		for i := range v {
			v[i] = o.rewrite(v[i], key)
		}
		if len(v) == 1 && key != "Statement" {
			return v[0]
		}
	case map[string]any:
		for k := range v {
			v[k] = o.rewrite(v[k], k)
		}
	}
	return value
}
