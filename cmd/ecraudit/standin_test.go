package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/doctor"
)

// behind puts something before AWS that answers some calls itself: intercept
// reports whether it did.
func (w *world) behind(intercept func(http.ResponseWriter, *http.Request) bool) {
	w.t.Helper()
	to, err := url.Parse(os.Getenv("AWS_ENDPOINT_URL"))
	if err != nil {
		w.t.Fatal(err)
	}
	onward := httputil.NewSingleHostReverseProxy(to)
	front := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		if !intercept(answer, r) {
			onward.ServeHTTP(answer, r)
		}
	}))
	w.t.Cleanup(front.Close)
	w.t.Setenv("AWS_ENDPOINT_URL", front.URL)
}

// lacking answers operations as a web server does that has an error.
func lacking(operations ...string) func(http.ResponseWriter, *http.Request) bool {
	return func(answer http.ResponseWriter, r *http.Request) bool {
		for _, operation := range operations {
			if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+operation) {
				answer.Header().Set("Content-Type", "text/html")
				answer.WriteHeader(http.StatusInternalServerError)
				_, _ = io.WriteString(answer, "<!doctype html><title>500 Internal Server Error</title>")
				return true
			}
		}
		return false
	}
}

// What stands in for AWS may find the service by the signature alone.
func TestDoctorOfAStandInThatGoesByTheSignature(t *testing.T) {
	w := demoWorld(t)
	w.behind(func(answer http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") != "" {
			return false
		}
		_, _ = io.WriteString(answer, "<html>which service?</html>")
		return true
	})
	d := w.diagnose("--regions all")
	for _, area := range []doctor.Area{doctor.Endpoints, doctor.Clock} {
		if len(d.in(area, doctor.OK)) == 0 || len(d.in(area, doctor.Failed))+len(d.in(area, doctor.NotChecked)) > 0 {
			t.Errorf("%s: %+v", area, d.Checks)
		}
	}
	if d.Summary.ExitCode != 0 {
		t.Errorf("%+v", d.Checks)
	}
}

// Signatures that AWS refuses are answered, and so is the question what time it is.
func TestDoctorOfKeysThatAWSDoesNotKnow(t *testing.T) {
	w := demoWorld(t)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	d := w.diagnose("")
	if len(d.in(doctor.Endpoints, doctor.OK)) != 3 || len(d.in(doctor.Clock, doctor.OK)) != 1 || len(d.in(doctor.Credentials, doctor.Failed)) != 1 {
		t.Errorf("%+v", d.Checks)
	}
}

// An operation that something else answers than AWS is a gap that says so, and not
// compliant.
func TestAnswersThatAreNotOfAWS(t *testing.T) {
	w := demoWorld(t)
	w.behind(lacking("GetRegistryPolicy", "GetAccountSetting", "StartLifecyclePolicyPreview"))
	const says = "what came has the HTTP status 500 and is no answer of AWS (invalid character '<' looking for beginning of value): check AWS_ENDPOINT_URL and proxies"
	d := w.audit("--regions eu-west-1 --retry-for 600ms")
	found := map[string]bool{}
	for _, g := range d.Gaps {
		found[g.Operation] = true
		if g.Code != "ForeignAnswer" || g.Message != says {
			t.Errorf("%+v", g)
		}
	}
	if len(found) != 2 || d.Summary.Complete {
		t.Errorf("%v; complete %v", found, d.Summary.Complete)
	}
	c := w.diagnose("--regions eu-west-1 --retry-for 600ms").in(doctor.Permissions, doctor.NotChecked)
	if len(c) != 1 || !strings.Contains(c[0].Detail, "ecr:GetAccountSetting, ecr:GetRegistryPolicy (ForeignAnswer: "+says+")") {
		t.Errorf("%+v", c)
	}
	w.as(awssim.DemoPlatform, "eu-west-1")
	w.behind(lacking("StartLifecyclePolicyPreview"))
	r := w.expect("audit --regions eu-west-1 --retry-for 600ms --fix --only lifecycle-missing --yes", exitChanges)
	if !strings.Contains(flat(r.out), "StartLifecyclePolicyPreview: "+says) {
		t.Errorf("%s%s", r.out, r.err)
	}
}

// Nothing, and a page where there are no errors, are no answers that say that there
// is nothing.
func TestAnswersThatSayNothing(t *testing.T) {
	w := demoWorld(t)
	saying := func(text string, operations ...string) {
		w.as(awssim.DemoPlatform, "eu-west-1")
		w.behind(func(answer http.ResponseWriter, r *http.Request) bool {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			for _, operation := range operations {
				if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+operation) || strings.HasPrefix(string(body), "Action="+operation+"&") || r.URL.Path == "/"+operation {
					_, _ = io.WriteString(answer, text)
					return true
				}
			}
			return false
		})
	}
	saying("", "GetRepositoryPolicy", "DescribeImages")
	d := w.audit("--regions eu-west-1 --retry-for 600ms")
	for _, g := range d.Gaps {
		if g.Code != "ForeignAnswer" || g.Message != "what came has the HTTP status 200 and is no answer of AWS (it is empty): check AWS_ENDPOINT_URL and proxies" {
			t.Errorf("%+v", g)
		}
	}
	if len(d.Gaps) < 2 || d.Summary.Complete {
		t.Errorf("%d gaps, complete %v", len(d.Gaps), d.Summary.Complete)
	}
	saying("<html><body>Welcome</body></html>", "DescribeRegions", "listRegions")
	d = w.audit("--regions all --retry-for 600ms")
	if len(d.Gaps) != 1 || !strings.Contains(d.Gaps[0].Message, "the answer names no region") || d.Summary.Complete {
		t.Errorf("%+v, complete %v", d.Gaps, d.Summary.Complete)
	}
	c := w.diagnose("--regions all --retry-for 600ms").in(doctor.Permissions, doctor.NotChecked)
	if len(c) != 1 || !strings.Contains(c[0].Detail, "the answer names no region") {
		t.Errorf("%+v", c)
	}
}

// flat is text without its line breaks.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }
