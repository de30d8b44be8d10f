package audit

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// filled gives every field of a struct a value of its own, so that none that is
// added later is forgotten.
func filled(t *testing.T, v reflect.Value, name string) {
	t.Helper()
	for i := range v.NumField() {
		field, name := v.Field(i), name+"."+v.Type().Field(i).Name
		switch field.Kind() {
		case reflect.String:
			field.SetString(name + "\xff\n")
		case reflect.Int:
			field.SetInt(int64(finding.High))
		case reflect.Slice:
			field.SetBytes([]byte(`{"name":"` + name + `"}`))
		case reflect.Pointer:
			field.Set(reflect.New(field.Type().Elem()))
			filled(t, field.Elem(), name)
		default:
			t.Fatalf("%s has the kind %s, which this test does not know", name, field.Kind())
		}
	}
}

func keptFindings(t *testing.T) []finding.Finding {
	t.Helper()
	var all finding.Finding
	filled(t, reflect.ValueOf(&all).Elem(), "finding")
	unwaived := all
	unwaived.Waiver, unwaived.Fix = nil, nil
	return []finding.Finding{all, {}, unwaived}
}

func TestKeptFindingsAreWhole(t *testing.T) {
	want := keptFindings(t)
	var chunk []byte
	for i := range want {
		chunk = appendKept(chunk, &want[i])
	}
	var got []finding.Finding
	if err := eachKept(chunk, func(f finding.Finding) error {
		got = append(got, f)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	clear(chunk) // what was read must not depend on it
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-kept +read):\n%s", diff)
	}
}

// Whatever became of the file, it is an error and no wrong finding.
func TestBrokenKeptFindings(t *testing.T) {
	want := keptFindings(t)
	chunk := appendKept(nil, &want[0])
	for n := 1; n < len(chunk); n++ {
		if err := eachKept(chunk[:n], func(finding.Finding) error { return nil }); err == nil {
			t.Errorf("no error after %d of %d bytes", n, len(chunk))
		}
	}
	for i := range chunk {
		altered := append([]byte(nil), chunk...)
		altered[i] ^= 0x80
		_ = eachKept(altered, func(finding.Finding) error { return nil }) // must not panic
	}
}

func BenchmarkKept(b *testing.B) {
	f := finding.Finding{
		Fingerprint: "3215f1df04fcdb3f7cdfa080e1547910", Rule: "release-vulnerabilities", Severity: finding.High, Status: finding.Fail,
		Account: "222233334444", Region: "eu-west-1", Repository: "team/service", RepositoryARN: "arn:aws:ecr:eu-west-1:222233334444:repository/team/service",
		Digest: fmt.Sprintf("sha256:%064d", 1), Tag: "1.2.0", Message: "12 critical and 40 high vulnerabilities",
		Remediation: "Rebuild the image on a current base and release it again.",
	}
	nothing := func(finding.Finding) error { return nil }
	b.Run("fields", func(b *testing.B) {
		for b.Loop() {
			if err := eachKept(appendKept(nil, &f), nothing); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json", func(b *testing.B) {
		for b.Loop() {
			line, err := json.Marshal(f)
			if err == nil {
				err = each(line, nothing)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
