package reference

import (
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for of, want := range map[string]struct {
		pack, inside string
		packed       bool
	}{
		"my-rules":                 {"my-rules", "", false},
		"my-rules//one.rego":       {"my-rules//one.rego", "", false},
		"a.tar.gz":                 {"a.tar.gz", "", true},
		"dir/a.tgz//rules/":        {"dir/a.tgz", "rules", true},
		"a.tar.gz//":               {"a.tar.gz", "", true},
		"a.tar.gz//../../etc":      {"a.tar.gz", "etc", true},
		"x//a.tar.gz//base.yaml":   {"x//a.tar.gz", "base.yaml", true},
		"oci://h/r@sha256:a":       {"oci://h/r@sha256:a", "", true},
		"oci://h:5000/r:t@s:a//b/": {"oci://h:5000/r:t@s:a", "b", true},
		"a.tar.gz/b.rego":          {"a.tar.gz/b.rego", "", false},
	} {
		if pack, inside := Split(of); pack != want.pack || inside != want.inside || IsPacked(of) != want.packed {
			t.Errorf("%s: %q, %q, %t", of, pack, inside, IsPacked(of))
		}
	}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct{ from, text, want string }{
		{"ecraudit.yaml", "rules/", "rules"},
		{"conf/ecraudit.yaml", "../a.tar.gz//base.yaml", "a.tar.gz//base.yaml"},
		{"conf/ecraudit.yaml", "/x/a.tar.gz", "/x/a.tar.gz"},
		{"conf/ecraudit.yaml", "oci://h/r@sha256:a//b", "oci://h/r@sha256:a//b"},
		{"a.tar.gz//base.yaml", "rules/", "a.tar.gz//rules"},
		{"a.tar.gz//x/base.yaml", "../rules", "a.tar.gz//rules"},
		{"a.tar.gz//base.yaml", ".", "a.tar.gz"},
		{"oci://h/r@sha256:a//x/base.yaml", "more.yaml", "oci://h/r@sha256:a//x/more.yaml"},
		{"a.tar.gz//base.yaml", "../x", `error: "../x" leads out of the bundle`},
		{"a.tar.gz//base.yaml", "/x", `error: "/x" is no path in the bundle`},
		{"a.tar.gz//base.yaml", "b.tar.gz//x", `error: "b.tar.gz//x" names another bundle`},
		{"a.tar.gz//base.yaml", "oci://h/r", `error: "oci://h/r" names another bundle`},
	} {
		got, err := Resolve(c.from, c.text)
		if err != nil {
			got = "error: " + err.Error()
		}
		if !strings.HasPrefix(got, c.want) || err == nil && got != c.want {
			t.Errorf("%s in %s is %s, want %s", c.text, c.from, got, c.want)
		}
	}
}

// What a file in a pack names is in the same pack.
func FuzzResolve(f *testing.F) {
	f.Add("a.tar.gz//x/base.yaml", "../../rules")
	f.Add("oci://h/r//b", "..//../c.tgz//d")
	f.Fuzz(func(t *testing.T, from, text string) {
		pack, file := Split(from)
		got, err := Resolve(from, text)
		if err != nil || !IsPacked(from) || file == "" {
			return
		}
		if other, inside := Split(got); other != pack || inside == ".." || strings.HasPrefix(inside, "../") {
			t.Errorf("%q in %q is %q", text, from, got)
		}
	})
}
