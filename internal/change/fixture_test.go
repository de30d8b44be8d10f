package change

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/report/reporttest"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// script is a run that a report is made of.
type script struct {
	run      report.Run
	findings []finding.Finding
	gaps     []snapshot.Gap
}

const (
	platform = "222233334444"
	payments = "444455556666"
	region   = "eu-west-1"
)

// newScript is a run of two accounts that found nothing.
func newScript() *script {
	s := &script{run: report.Run{
		Version: "0.1.0", RulesDigest: "sha256:" + strings.Repeat("5e", 32), OrganizationID: "o-a1b2c3d4e5",
		Clock: time.Date(2026, 9, 14, 8, 30, 0, 0, time.UTC), Complete: true,
		Rules: []finding.Rule{
			{ID: "encryption", Severity: finding.Low, Scope: finding.ScopeRepository},
			{ID: "external-push", Severity: finding.Critical, Scope: finding.ScopeRepository, Needs: []string{"policy"}, Uses: []string{"registry-policy"}},
			{ID: "release-vulnerabilities", Severity: finding.High, Scope: finding.ScopeImage, Needs: []string{"release-scan-findings"}},
			{ID: "replica-parity", Severity: finding.Medium, Scope: finding.ScopeOrganization, Needs: []string{"replication"}},
		},
	}}
	for _, account := range []string{platform, payments} {
		s.run.Targets = append(s.run.Targets, report.Target{Account: account, Region: region, Status: snapshot.StatusComplete, Repositories: 3, Images: 30})
	}
	return s
}

// found adds a finding of a rule at account/region/repository, or on the
// organization where that is empty.
func (s *script) found(rule, place string) *finding.Finding {
	f := finding.Finding{Rule: rule, Status: finding.Fail, Message: rule + " fails at " + place}
	if place != "" {
		parts := strings.SplitN(place+"//", "/", 3)
		f.Account, f.Region, f.Repository = parts[0], parts[1], strings.TrimRight(parts[2], "/")
	}
	for _, r := range s.run.Rules {
		if r.ID == rule {
			f.Severity = r.Severity
		}
	}
	f.Fingerprint = fingerprint(rule, place)
	s.findings = append(s.findings, f)
	return &s.findings[len(s.findings)-1]
}

// image makes the last finding one on an image.
func (s *script) image(n int) *finding.Finding {
	f := &s.findings[len(s.findings)-1]
	f.Digest, f.Tag = digest(n), fmt.Sprintf("1.%d.0", n)
	f.Fingerprint = fingerprint(f.Rule, PlaceOf(f).String(), f.Digest)
	return f
}

func fingerprint(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

func digest(n int) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte{byte(n), byte(n >> 8)}))
}

func (s *script) gap(region, repository string, need snapshot.Need) {
	const account = platform
	s.gaps = append(s.gaps, snapshot.Gap{
		Target:     snapshot.Target{Partition: "aws", Account: account, Region: region},
		Repository: repository, Need: need, Code: "AccessDenied", Message: "denied",
	})
	s.run.Complete = false
	for i := range s.run.Targets {
		if t := &s.run.Targets[i]; t.Account == account && (t.Region == region || region == "") && t.Status == snapshot.StatusComplete {
			t.Status = snapshot.StatusPartial
		}
	}
}

// clone is a script that can be changed without the other.
func (s *script) clone() *script {
	c := *s
	c.run.Targets, c.run.Rules = slices.Clone(s.run.Targets), slices.Clone(s.run.Rules)
	c.findings, c.gaps = slices.Clone(s.findings), slices.Clone(s.gaps)
	return &c
}

// saved is the report in a format.
func (s *script) saved(tb testing.TB, format string) []byte {
	tb.Helper()
	var b bytes.Buffer
	h, err := report.New(format, &b, report.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	if err := h.Begin(s.run); err != nil {
		tb.Fatal(err)
	}
	for _, f := range s.findings {
		if err := h.Finding(f); err != nil {
			tb.Fatal(err)
		}
	}
	for _, g := range s.gaps {
		if err := h.Gap(g); err != nil {
			tb.Fatal(err)
		}
	}
	if err := h.End(reporttest.Summarize(s.run, s.findings, len(s.gaps))); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func diffOf(tb testing.TB, older, newer *script, o DiffOptions) *Diff {
	tb.Helper()
	if o.FailOn == "" {
		o.FailOn = "high"
	}
	o.OldName, o.NewName = "before.json", "after.json"
	d, err := Reports(bytes.NewReader(older.saved(tb, "json")), bytes.NewReader(newer.saved(tb, "ndjson")), o)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// typical is a run that found something of every scope.
func typical() *script {
	s := newScript()
	s.found("replica-parity", "")
	s.found("encryption", platform+"/"+region+"/web/shop")
	s.found("external-push", platform+"/"+region+"/web/shop")
	for i := range 5 {
		s.found("release-vulnerabilities", platform+"/"+region+"/web/shop")
		s.image(i)
	}
	s.found("external-push", payments+"/"+region+"/ledger").Status = finding.Unknown
	s.found("encryption", payments+"/"+region+"/ledger")
	return s
}

// random is a run that found something here and there.
func random(r *rand.Rand) *script {
	s := newScript()
	for i := range 40 {
		if r.IntN(3) == 0 {
			continue
		}
		account := []string{platform, payments}[i%2]
		f := s.found(s.run.Rules[r.IntN(3)].ID, fmt.Sprintf("%s/%s/r%d", account, region, i))
		if i%4 == 0 {
			f = s.image(i)
		}
		f.Severity = finding.Severity(r.IntN(5))
		switch r.IntN(5) {
		case 0:
			f.Status = finding.Unknown
		case 1:
			f.Status, f.Waiver = finding.Waived, &finding.Waiver{Verdict: finding.Fail, Reason: "agreed"}
		}
	}
	if r.IntN(3) == 0 {
		s.gap(region, "r2", snapshot.NeedPolicy)
	}
	return s
}

// hostile is a run whose texts try to be more than text.
func hostile() *script {
	s := newScript()
	s.run.Version = "0\x1b[31m"
	for i, text := range []string{"\x1b[2J", "a\u202eb", "<script>|`x`", "=cmd()", "@here #1 **x**", "line\nbreak\rx", "\x00\x7f\u0085", "per%20cent %", "bad\xff\xfe", strings.Repeat("漢", 90), " @x :y #z", "organization", "../.."} {
		f := s.found("external-push", platform+"/"+region+"/x")
		f.Repository, f.Message, f.Tag = text, text, text
		f.Fingerprint = fingerprint("hostile", fmt.Sprint(i))
		g := s.found("rule "+text, text+"/"+text)
		g.Account, g.Region, g.Repository, g.Digest = text, text, text, text
		g.Fingerprint = fingerprint("hostile account", fmt.Sprint(i))
		s.run.Targets = append(s.run.Targets, report.Target{Account: text, Region: text, Status: snapshot.StatusFailed, Reason: text})
	}
	s.run.Complete = false
	return s
}
