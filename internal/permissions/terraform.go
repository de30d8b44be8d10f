package permissions

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// TerraformPlace is the account that Terraform's provider is configured for.
func TerraformPlace() Place {
	return Place{"${data.aws_partition.current.partition}", "${data.aws_caller_identity.current.account_id}"}
}

// Terraform is a configuration that makes roles in one account, as terraform fmt
// formats it. The roles must be made for [TerraformPlace]; comment stands at its
// head.
func Terraform(roles []Role, comment string) []byte {
	var b strings.Builder
	for line := range strings.Lines(comment) {
		b.WriteString(strings.TrimRight("# "+line, " \n") + "\n")
	}
	b.WriteString("\ndata \"aws_caller_identity\" \"current\" {}\n\ndata \"aws_partition\" \"current\" {}\n")
	for _, r := range roles {
		path, name := r.split()
		fmt.Fprintf(&b, "\nresource \"aws_iam_role\" %q {\n", "ecraudit_"+string(r.Kind))
		attributes(&b, "  ", []attribute{{"name", name}, {"path", path}, {"description", r.About}})
		b.WriteString("\n  assume_role_policy = jsonencode(")
		value(&b, "  ", r.Trust.object())
		fmt.Fprintf(&b, ")\n}\n\nresource \"aws_iam_role_policy\" %q {\n", "ecraudit_"+string(r.Kind))
		fmt.Fprintf(&b, "  name = \"ecraudit\"\n  role = aws_iam_role.ecraudit_%s.id\n\n  policy = jsonencode(", r.Kind)
		value(&b, "  ", r.Policy.object())
		b.WriteString(")\n}\n")
	}
	return []byte(strings.TrimPrefix(b.String(), "\n"))
}

// attribute is a key of an object and its value: a string, a list or an object.
type attribute struct {
	key   string
	value any
}

func (p Policy) object() []attribute {
	var statements []any
	for _, s := range p.Statement {
		statements = append(statements, s.object())
	}
	return []attribute{{"Version", p.Version}, {"Statement", statements}}
}

func (s Statement) object() []attribute {
	of := []attribute{{"Sid", s.Sid}, {"Effect", s.Effect}}
	if s.Principal != nil {
		of = append(of, attribute{"Principal", []attribute{{"AWS", s.Principal.AWS}}})
	}
	of = append(of, attribute{"Action", elements(s.Action)})
	if s.Resource != nil {
		of = append(of, attribute{"Resource", elements(s.Resource)})
	}
	if s.Condition != nil {
		of = append(of, attribute{"Condition", s.Condition.object()})
	}
	return of
}

func (c Conditions) object() (of []attribute) {
	for _, operator := range sortedKeys(c) {
		var keys []attribute
		for _, key := range sortedKeys(c[operator]) {
			keys = append(keys, attribute{key, c[operator][key]})
		}
		of = append(of, attribute{operator, keys})
	}
	return of
}

func elements(values []string) (all []any) {
	for _, v := range values {
		all = append(all, v)
	}
	return all
}

// value writes a value that begins on a line with this indentation.
func value(b *strings.Builder, indent string, v any) {
	switch v := v.(type) {
	case string:
		b.WriteString(quoted(v))
	case []attribute:
		b.WriteString("{\n")
		attributes(b, indent+"  ", v)
		b.WriteString(indent + "}")
	case []any:
		b.WriteString("[\n")
		for _, element := range v {
			b.WriteString(indent + "  ")
			value(b, indent+"  ", element)
			b.WriteString(",\n")
		}
		b.WriteString(indent + "]")
	}
}

// attributes writes lines of key and value. The equals signs of those that
// follow each other and take one line stand below each other.
func attributes(b *strings.Builder, indent string, of []attribute) {
	width := make([]int, len(of))
	for i, a := range of {
		if _, single := a.value.(string); !single {
			continue
		}
		width[i] = len(name(a.key))
		for j := i - 1; j >= 0 && width[j] > 0; j-- {
			width[i] = max(width[i], width[j])
			for k := j; k < i; k++ {
				width[k] = width[i]
			}
		}
	}
	for i, a := range of {
		key := name(a.key)
		fmt.Fprintf(b, "%s%-*s = ", indent, cmp.Or(width[i], len(key)), key)
		value(b, indent, a.value)
		b.WriteString("\n")
	}
}

// name is a key as it is written: in quotes unless it is an identifier.
func name(key string) string {
	if strings.ContainsAny(key, ":/.") {
		return quoted(key)
	}
	return key
}

// quoted is a string in which IAM's variables are left for IAM.
func quoted(text string) string {
	return strings.NewReplacer("${aws:", "$${aws:", "%{", "%%{").Replace(strconv.Quote(text))
}

func sortedKeys[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }
