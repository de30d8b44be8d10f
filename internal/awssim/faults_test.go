package awssim_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

func (w *world) describe() error {
	_, err := w.ecr().DescribeRegistry(w.Context(), &ecr.DescribeRegistryInput{})
	return err
}

func (w *world) create(name string) error {
	_, err := w.ecr().CreateRepository(w.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name})
	return err
}

func (w *world) has(name string) bool { return w.registry().Repository(name) != nil }

func TestErrorFaults(t *testing.T) {
	for _, test := range []struct {
		kind     awssim.FaultKind
		ecr, sts string
	}{
		{awssim.Throttle, "ThrottlingException", "Throttling"},
		{awssim.ServerError, "ServerException", "InternalFailure"},
		{awssim.Denied, "AccessDeniedException", "AccessDenied"},
		{awssim.ExpiredToken, "ExpiredTokenException", "ExpiredToken"},
	} {
		t.Run(string(test.kind), func(t *testing.T) {
			w := newWorld(t)
			remove := w.srv.Faults().Add(awssim.Fault{Kind: test.kind})
			wantCode(t, w.create("repo"), test.ecr)
			wantSame(t, w.has("repo"), false)
			_, err := w.sts().GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			wantCode(t, err, test.sts)
			remove()
			if err := w.create("repo"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFaultSelection(t *testing.T) {
	for _, test := range []struct {
		fault awssim.Fault
		want  string // what becomes of eight calls
	}{
		{awssim.Fault{}, "xxxxxxxx"},
		{awssim.Fault{First: 2}, "xx......"},
		{awssim.Fault{After: 3}, "...xxxxx"},
		{awssim.Fault{After: 3, First: 1}, "...x...."},
		{awssim.Fault{Every: 3}, "..x..x.."},
		{awssim.Fault{Every: 3, First: 1}, "..x....."},
		{awssim.Fault{Operation: "ecr:Get*"}, "........"},
		{awssim.Fault{Operation: "ecr:describe*"}, "xxxxxxxx"},
		{awssim.Fault{Account: other}, "........"},
		{awssim.Fault{Region: "eu-*", Account: "2*"}, "xxxxxxxx"},
		{awssim.Fault{Writes: true}, "........"},
		{awssim.Fault{Repository: "*"}, "........"},
		{awssim.Fault{Probability: 0.5, Seed: 6}, "..xxx..x"},
	} {
		w := newWorld(t)
		test.fault.Kind = awssim.ServerError
		w.srv.Faults().Add(test.fault)
		got := ""
		for range 8 {
			got += map[bool]string{true: ".", false: "x"}[w.describe() == nil]
		}
		if test.fault.Probability > 0 {
			wantSame(t, strings.Contains(got, ".") && strings.Contains(got, "x"), true)
			continue
		}
		wantSame(t, fmt.Sprintf("%+v %s", test.fault, got), fmt.Sprintf("%+v %s", test.fault, test.want))
	}
}

func TestFaultsOfOneRepository(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"team/a", "team/b", "other"} {
		w.registry().AddRepository(awssim.Repository{Name: name, Policy: pullPolicy})
	}
	w.srv.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: "ecr:GetRepositoryPolicy", Repository: "team/*"})
	for name, denied := range map[string]bool{"team/a": true, "team/b": true, "other": false} {
		_, err := w.ecr().GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: &name})
		wantSame(t, err != nil, denied)
		if denied {
			wantSame(t, strings.Contains(err.Error(), "repository/"+name), true)
		}
	}
}

func TestProbabilityDoesNotDependOnInterleaving(t *testing.T) {
	run := func(parallel bool) int {
		w := newWorld(t)
		w.srv.Faults().Add(awssim.Fault{Kind: awssim.Throttle, Probability: 0.3, Seed: 42})
		var wait sync.WaitGroup
		for range 40 {
			call := func() { _ = w.describe() }
			if parallel {
				wait.Go(call)
			} else {
				call()
			}
		}
		wait.Wait()
		return w.srv.Calls().Total().Throttled
	}
	one := run(false)
	wantSame(t, run(true), one)
	if one < 4 || one > 24 {
		t.Errorf("%d of 40 calls were throttled at a chance of 0.3", one)
	}
}

func TestRateLimitIsPerAccountAndOperation(t *testing.T) {
	w := newWorld(t)
	w.srv.Faults().Add(awssim.Fault{Kind: awssim.RateLimit, PerSecond: 0.001, Burst: 2})
	for i := range 3 {
		err := w.describe()
		wantSame(t, err != nil, i == 2)
		if i == 2 {
			wantCode(t, err, "ThrottlingException")
			wantSame(t, strings.Contains(err.Error(), "Rate exceeded"), true)
		}
	}
	if err := w.create("repo"); err != nil { // another operation
		t.Error(err)
	}
	c := ecr.NewFromConfig(w.configFor(w.org.Account(other).Credentials()))
	must(c.DescribeRegistry(t.Context(), &ecr.DescribeRegistryInput{}))(t)
	wantSame(t, w.srv.Calls().For(member, region, "ecr:DescribeRegistry"), awssim.Count{Calls: 3, Throttled: 1})
}

func TestConnectionFaults(t *testing.T) {
	for _, test := range []struct {
		fault   awssim.Fault
		effect  bool
		message string
	}{
		{awssim.Fault{Kind: awssim.Reset}, false, ""},
		{awssim.Fault{Kind: awssim.ResetAfter}, true, ""},
		{awssim.Fault{Kind: awssim.Truncate, Bytes: 20}, true, "EOF"},
	} {
		t.Run(string(test.fault.Kind), func(t *testing.T) {
			w := newWorld(t)
			var done atomic.Int32
			test.fault.Do = func() { done.Add(1) }
			test.fault.First = 1
			w.srv.Faults().Add(test.fault)
			err := w.create("repo")
			if err == nil || !strings.Contains(err.Error(), test.message) {
				t.Errorf("got error %v", err)
			}
			wantSame(t, w.has("repo"), test.effect)
			wantSame(t, done.Load(), int32(1))
			if err := w.describe(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A client that retries after its answer was lost meets its own success.
func TestLostAnswerThenRetry(t *testing.T) {
	w := newWorld(t)
	w.srv.Faults().Add(awssim.Fault{Kind: awssim.ResetAfter, Operation: "ecr:CreateRepository", First: 1})
	config := w.config()
	config.RetryMaxAttempts = 3
	_, err := ecr.NewFromConfig(config).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: repoName})
	wantError[*types.RepositoryAlreadyExistsException](t, err)
	wantSame(t, w.srv.Calls().Of("ecr:CreateRepository"), awssim.Count{Calls: 2, Failed: 1, Lost: 1})
}

func TestLatencyAndSlowAnswers(t *testing.T) {
	w := newWorld(t)
	w.srv.Faults().Add(awssim.Fault{Kind: awssim.Latency, Delay: 40 * time.Millisecond})
	w.srv.Faults().Add(awssim.Fault{Kind: awssim.Slow, BytesPerSecond: 1000, Operation: "ecr:DescribeRegistry"})
	start := time.Now()
	if err := w.describe(); err != nil { // about 75 bytes
		t.Fatal(err)
	}
	if d := time.Since(start); d < 80*time.Millisecond {
		t.Errorf("took %v", d)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := w.ecr().DescribeRegistry(ctx, &ecr.DescribeRegistryInput{}); err == nil {
		t.Error("the deadline did not hold")
	}
}

func TestLatencyDoesNotHoldUpOthers(t *testing.T) {
	w := newWorld(t)
	w.srv.Faults().Add(awssim.Fault{Kind: awssim.Latency, Delay: 100 * time.Millisecond})
	start := time.Now()
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if err := w.describe(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if d := time.Since(start); d > time.Second {
		t.Errorf("20 calls of 100 ms took %v", d)
	}
}

func TestCrashAfter(t *testing.T) {
	for after := range 4 {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			w := newWorld(t)
			var crashes atomic.Int32
			w.srv.Faults().Add(awssim.Fault{Kind: awssim.CrashAfter, Operation: "ecr:CreateRepository", After: after, Do: func() { crashes.Add(1) }})
			made := 0
			for i := range 4 {
				if err := w.create(fmt.Sprint("repo", i)); err == nil {
					made++
				}
			}
			state := w.registry().State()
			wantSame(t, len(state.Repositories), after)
			wantSame(t, made, max(0, after-1)) // the answer of the last call that took effect was lost
			wantSame(t, crashes.Load(), int32(1))
			wantSame(t, w.srv.Faults().Crashed(), true)
			wantSame(t, w.describe() != nil, true)
			w.srv.Faults().Clear()
			if err := w.describe(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Do makes another writer come between two calls.
func TestConcurrentWriter(t *testing.T) {
	w := newWorld(t)
	repo := w.registry().AddRepository(awssim.Repository{Name: "repo"})
	w.srv.Faults().Add(awssim.Fault{Kind: awssim.Latency, Operation: "ecr:GetRepositoryPolicy", First: 1, Do: func() { repo.SetPolicy(pullPolicy) }})
	got := must(w.ecr().GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: repoName}))(t)
	wantSame(t, *got.PolicyText, pullPolicy)
}

func TestReadOnly(t *testing.T) {
	w := newWorld(t)
	end := w.srv.ReadOnly()
	wantCode(t, w.create("repo"), "AccessDeniedException")
	if err := w.describe(); err != nil {
		t.Error(err)
	}
	wantSame(t, w.srv.Calls().Writes().Calls, 1)
	end()
	if err := w.create("repo"); err != nil {
		t.Error(err)
	}
}

func TestCallsAreCounted(t *testing.T) {
	w := newWorld(t)
	_ = w.create("repo")
	_ = w.create("repo")
	_ = w.describe()
	calls := w.srv.Calls()
	wantSame(t, calls, awssim.Calls{
		{Account: member, Region: region, Operation: "ecr:CreateRepository"}: {Calls: 2, Failed: 1},
		{Account: member, Region: region, Operation: "ecr:DescribeRegistry"}: {Calls: 1},
	})
	wantSame(t, calls.Total().Calls, 3)
	wantSame(t, calls.Writes().Calls, 2)
	wantSame(t, calls.String(), "222222222222 eu-west-1 ecr:CreateRepository: 2 (0 throttled, 1 failed, 0 lost)\n222222222222 eu-west-1 ecr:DescribeRegistry: 1\n")
	w.srv.ResetCalls()
	wantSame(t, w.srv.Calls().Total().Calls, 0)
}

func TestUnsignedRequests(t *testing.T) {
	w := newWorld(t)
	request := must(http.NewRequestWithContext(t.Context(), http.MethodPost, w.srv.URL(), strings.NewReader("{}")))(t)
	request.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.DescribeRegistry")
	response := must(http.DefaultClient.Do(request))(t)
	defer response.Body.Close()
	body := must(io.ReadAll(response.Body))(t)
	wantSame(t, response.StatusCode, http.StatusForbidden)
	wantSame(t, strings.Contains(string(body), `"__type":"MissingAuthenticationTokenException"`), true)
	wantSame(t, response.Header.Get("X-Amzn-Requestid") != "", true)
}

func TestConcurrentUse(t *testing.T) {
	w := newWorld(t)
	w.registry().AddSyntheticRepositories(50, func(i int) awssim.Repository {
		return awssim.Repository{Name: fmt.Sprintf("s%02d", i), Synthetic: awssim.Synthesize(uint64(i), 50, awssim.Epoch)}
	})
	w.registry().AddRepository(awssim.Repository{Name: "repo"})
	c := w.ecr()
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for i := range 12 {
				name := fmt.Sprintf("s%02d", (g*7+i)%50)
				image := awssim.BuildImage(awssim.ImageOptions{Seed: fmt.Sprint(g, i)})
				tag := fmt.Sprintf("t%d", i)
				var errs []error
				_, err := c.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: &name})
				errs = append(errs, err)
				_, err = c.PutImage(t.Context(), &ecr.PutImageInput{RepositoryName: repoName, ImageManifest: &image.Manifest, ImageTag: &tag})
				errs = append(errs, err)
				_, err = c.PutImageTagMutability(t.Context(), &ecr.PutImageTagMutabilityInput{RepositoryName: &name, ImageTagMutability: "IMMUTABLE"})
				errs = append(errs, err)
				_, err = c.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(10)})
				errs = append(errs, err)
				_, err = c.BatchDeleteImage(t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: repoName, ImageIds: []types.ImageIdentifier{byTag(tag)}})
				errs = append(errs, err)
				_ = w.org.Dump()
				for _, err := range errs {
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wait.Wait()
}

// A clock that is off tells so in every answer, and signatures of another time are refused.
func TestClockSkew(t *testing.T) {
	for skew, refused := range map[time.Duration]bool{time.Minute: false, 6 * time.Minute: true, -6 * time.Minute: true} {
		w := newWorld(t)
		w.srv.Faults().Add(awssim.Fault{Kind: awssim.ClockSkew, Delay: skew})
		_, err := w.sts().GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if refused {
			wantCode(t, err, "SignatureDoesNotMatch")
		} else if err != nil {
			t.Error(err)
		}
		asked, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.srv.URL(), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(asked)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		told, err := http.ParseTime(answer.Header.Get("Date"))
		if off := time.Until(told) - skew; err != nil || off.Abs() > 10*time.Second {
			t.Errorf("skewed by %s, the answer is %s off: %v", skew, off, err)
		}
	}
}
