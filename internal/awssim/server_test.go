package awssim_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

// post sends a signed request of one's own making, and returns the status and the answer.
func (w *world) post(target, contentEncoding string, body []byte) (int, string) {
	w.Helper()
	request := must(http.NewRequestWithContext(w.Context(), http.MethodPost, w.srv.URL()+"/", bytes.NewReader(body)))(w)
	request.Header.Set("X-Amz-Target", target)
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	if contentEncoding != "" {
		request.Header.Set("Content-Encoding", contentEncoding)
	}
	sum := sha256.Sum256(body)
	c := w.org.Account(member).Credentials()
	if err := v4.NewSigner().SignHTTP(w.Context(), c, request, hex.EncodeToString(sum[:]), "ecr", region, time.Now()); err != nil {
		w.Fatal(err)
	}
	response := must(http.DefaultClient.Do(request))(w)
	defer response.Body.Close()
	return response.StatusCode, string(must(io.ReadAll(response.Body))(w))
}

const ecrTarget = "AmazonEC2ContainerRegistry_V20150921."

func TestCompressedRequests(t *testing.T) {
	w := newWorld(t)
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	if _, err := io.WriteString(z, `{"repositoryName":"repo"}`); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	status, _ := w.post(ecrTarget+"CreateRepository", "gzip", body.Bytes())
	wantSame(t, fmt.Sprint(status, w.has("repo")), "200 true")
	status, answer := w.post(ecrTarget+"CreateRepository", "gzip", []byte("not compressed"))
	wantSame(t, fmt.Sprint(status, strings.Contains(answer, "SerializationException")), "400 true")
}

func TestBrokenRequests(t *testing.T) {
	w := newWorld(t)
	for body, code := range map[string]string{
		`{`:                     "SerializationException",
		`{"maxResults":"many"}`: "SerializationException",
		`[]`:                    "SerializationException",
	} {
		status, answer := w.post(ecrTarget+"DescribeRepositories", "", []byte(body))
		wantSame(t, fmt.Sprint(status, strings.Contains(answer, code)), "400 true")
	}
	status, answer := w.post("Robots_V1.Build", "", nil)
	wantSame(t, fmt.Sprint(status, strings.Contains(answer, "UnknownOperationException")), "400 true")
}

// The operations of ECR that are not simulated are these, and no others.
func TestUnsimulatedOperations(t *testing.T) {
	w := newWorld(t)
	var got []string
	for method := range reflect.TypeFor[*ecr.Client]().Methods() {
		if method.Type.NumIn() != 4 { // the receiver, a context, the input, options
			continue
		}
		if _, answer := w.post(ecrTarget+method.Name, "", []byte("{}")); strings.Contains(answer, "UnknownOperationException") {
			got = append(got, method.Name)
		}
	}
	slices.Sort(got)
	wantSame(t, got, []string{
		"BatchCheckLayerAvailability", "CompleteLayerUpload", "DescribeReplicationBackfillResults", "GetDownloadUrlForLayer",
		"InitiateLayerUpload", "ListReplicationBackfills", "StartReplicationBackfill", "StopReplicationBackfill", "UploadLayerPart",
	})
}

func TestServe(t *testing.T) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- awssim.Serve(ctx, awssim.NewOrganization(awssim.OrganizationOptions{}), listener, awssim.Options{})
	}()
	response := must(http.Get("http://" + listener.Addr().String()))(t)
	_ = response.Body.Close()
	wantSame(t, response.StatusCode, http.StatusForbidden)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Whatever is sent, every operation answers, and with nothing but an error of the API's.
func FuzzRequests(f *testing.F) {
	org := awssim.NewOrganization(awssim.OrganizationOptions{Reformat: true})
	repo := org.ManagementAccount().Registry(region).AddRepository(awssim.Repository{Name: "repo", Images: []awssim.Image{{Tags: []string{"v1"}}}})
	srv := awssim.Start(org, awssim.Options{AnySignature: true})
	f.Cleanup(srv.Close)
	var operations []string
	for method := range reflect.TypeFor[*ecr.Client]().Methods() {
		if method.Type.NumIn() == 4 {
			operations = append(operations, method.Name)
		}
	}
	for i := range operations {
		f.Add(i, `{"repositoryName":"repo","imageIds":[{"imageTag":"v1"},null],"imageId":{"imageTag":"v1"},"policyText":"{}","maxResults":1}`)
		f.Add(i, `null`)
		f.Add(i, `{"repositoryName":"repo","rules":[null],"replicationConfiguration":{"rules":[{"destinations":[null]}]},"signingConfiguration":{"rules":[null]}}`)
	}
	key := org.ManagementAccount().Credentials().AccessKeyID
	f.Fuzz(func(t *testing.T, n int, body string) {
		operation := operations[uint(n)%uint(len(operations))]
		request := must(http.NewRequest(http.MethodPost, srv.URL(), strings.NewReader(body)))(t)
		request.Header.Set("X-Amz-Target", ecrTarget+operation)
		request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+key+"/20260101/"+region+"/ecr/aws4_request, SignedHeaders=host, Signature=00")
		w := &discard{header: http.Header{}}
		srv.ServeHTTP(w, request)
		if w.status != http.StatusOK && w.status != http.StatusBadRequest {
			t.Errorf("%s %s: status %d", operation, body, w.status)
		}
		_ = repo.Describe()
	})
}
