package report

import (
	"bytes"
	"encoding/csv"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rowsOf reads a report as a strict reader of RFC 4180 does; rows of different
// lengths are an error.
func rowsOf(t *testing.T, s script) [][]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(written(t, "csv", s, Options{}))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestCSVRows(t *testing.T) {
	for _, name := range []string{"typical", "empty", "partial"} {
		s := scripts()[name]
		want := [][]string{csvColumns}
		for _, f := range s.findings {
			want = append(want, []string{
				f.Severity.String(), string(f.Status), f.Rule, f.Account, accountNames[f.Account], f.Region, f.Repository,
				f.Digest, f.Tag, f.Message, f.Remediation, f.Fingerprint, "", "", "", "", "", "", "",
			})
		}
		got := rowsOf(t, s)
		if diff := cmp.Diff(want, got[:len(want)]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		gaps := got[len(want) : len(got)-1]
		if len(gaps) != len(s.gaps) {
			t.Fatalf("%s has %d rows for %d gaps", name, len(gaps), len(s.gaps))
		}
		for i, g := range s.gaps {
			row := gaps[i]
			if row[1] != "gap" || row[3] != g.Account || row[5] != g.Region || row[6] != g.Repository ||
				!strings.Contains(row[9], g.Code) || !strings.Contains(row[9], g.Permission) {
				t.Errorf("%s: the gap %v became %q", name, g, row)
			}
		}
	}
}

func TestCSVLinesEndAsTheStandardSays(t *testing.T) {
	for name, s := range scripts() {
		out := written(t, "csv", s, Options{})
		if n := bytes.Count(out, []byte("\r\n")); n != bytes.Count(out, []byte("\n")) || n != bytes.Count(out, []byte("\r")) || !bytes.HasSuffix(out, []byte("\r\n")) {
			t.Errorf("%s has line ends other than CRLF", name)
		}
	}
}

func TestCSVLastRow(t *testing.T) {
	last := func(s script) []string {
		rows := rowsOf(t, s)
		return rows[len(rows)-1]
	}
	for name, s := range incompletes() {
		if row := last(s); row[1] != "incomplete" || !strings.HasPrefix(row[9], "NOT complete: ") {
			t.Errorf("%s ends with %q", name, row)
		}
	}
	if row := last(clean()); row[1] != "complete" || !strings.HasPrefix(row[9], "Everything was read: 10 targets") {
		t.Errorf("a clean run ends with %q", row)
	}
	s := clean()
	s.run.OrganizationUnread = "=no access"
	if row := last(s); !strings.Contains(row[9], "not known in full: =no access") {
		t.Errorf("a run without the organization ends with %q", row)
	}
}

func TestDefuse(t *testing.T) {
	for cell, want := range map[string]string{
		"":                         "",
		"plain":                    "plain",
		"a=b":                      "a=b",
		"1-2":                      "1-2",
		"=1+1":                     "'=1+1",
		"+1":                       "'+1",
		"-1":                       "'-1",
		"@SUM(A1)":                 "'@SUM(A1)",
		"  =1":                     "'  =1",
		"\u00a0\u3000=1":           "'\u00a0\u3000=1",
		`"=1"`:                     `'"=1"`,
		"＝1":                       "'＝1",
		"＋1":                       "'＋1",
		"－1":                       "'－1",
		"＠SUM(A1)":                 "'＠SUM(A1)",
		"﹦1":                       "'﹦1",
		"−1":                       "'−1",
		"'=1":                      "'=1",
		"a;=1;b; -2":               "a;'=1;b;' -2",
		"; the role needs ecr:Get": "; the role needs ecr:Get",
		"\u6f22=1":                 "\u6f22=1",
	} {
		if got := defuse(cell); got != want {
			t.Errorf("defuse(%q) = %q, want %q", cell, got, want)
		}
	}
}

// Whatever text comes, wherever a spreadsheet splits it, no cell is a formula.
// Cells are those that encoding/csv writes of text that was defused.
func TestCSVCells(t *testing.T) {
	for _, start := range append([]string{"", "a", " ", "-", "+", "=", "@", `\`, ";", `"`, ",", "'", "\t", "\n", "\u3000", "\u00a0", "＝", "é", "漢", "\xff"}, awkwardText...) {
		for _, end := range []string{"", "a", ".", ";=1", `; "-1`, `"`, `""`, ",", " ", "é", "\r\n"} {
			for _, text := range []string{start + end, start + "word" + end} {
				var want bytes.Buffer
				w := csv.NewWriter(&want)
				w.UseCRLF = true
				if err := w.Write([]string{defuse(shown(text)), ""}); err != nil {
					t.Fatal(err)
				}
				w.Flush()
				if got := string(appendCell(nil, text)) + ",\r\n"; got != want.String() {
					t.Errorf("%q became %q, not %q", text, got, want.String())
				}
			}
		}
	}
}

func TestCSVHasNoFormulas(t *testing.T) {
	attacks := []string{
		"=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\r\n=1", " =1", "\u00a0=1", "\u200b=1", "\ufeff=1", "\x00=1",
		"＝1", "＋1", "－1", "＠1", `"=1`, `","=1`, "a,=1", "a;=1", "a\t=1", "a\n=1", `a";"=1`, "\xff=1", "\u202e=1",
	}
	s := hostile()
	for _, text := range attacks {
		f := s.found("111122223333/eu-west-1/"+text, text, text)
		f.Digest, f.Tag, f.Remediation, f.Fingerprint, f.Region = text, text, text, text, text
		g := s.gaps[0]
		g.Repository, g.Need, g.Code, g.Message, g.Permission = text, "", text, text, text
		s.gaps = append(s.gaps, g)
		s.run.Targets[0].AccountName = text
		s.run.OrganizationUnread += text
	}
	formula := regexp.MustCompile(`^[\s\p{Z}"]*[=+\-@＝＋－＠﹦﹢﹣﹫−]`)
	out := written(t, "csv", s, Options{})
	cells := slices.Concat(rowsOf(t, s)...)
	for line := range strings.Lines(string(out)) { // as where a semicolon or a tab separates cells
		cells = append(cells, strings.FieldsFunc(line, func(r rune) bool { return r == ';' || r == '\t' })...)
	}
	for _, cell := range cells {
		if formula.MatchString(cell) {
			t.Errorf("the cell %q is a formula", cell)
		}
	}
}
