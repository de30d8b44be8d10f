package awssim_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

// benchmarkPage measures what one call costs the server, without a client and a socket.
func benchmarkPage(b *testing.B, srv *awssim.Server, operation, body string) {
	defer srv.Close()
	request := httptest.NewRequest(http.MethodPost, srv.URL()+"/", http.NoBody)
	request.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921."+operation)
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	sum := sha256.Sum256([]byte(body))
	credentials := srv.Organization().ManagementAccount().Credentials()
	if err := v4.NewSigner().SignHTTP(b.Context(), credentials, request, hex.EncodeToString(sum[:]), "ecr", region, time.Now()); err != nil {
		b.Fatal(err)
	}
	var written int64
	b.ReportAllocs()
	for b.Loop() {
		request.Body = io.NopCloser(bytes.NewReader([]byte(body)))
		w := &discard{header: http.Header{}}
		srv.ServeHTTP(w, request)
		if w.status != http.StatusOK {
			b.Fatalf("status %d", w.status)
		}
		written = w.n
	}
	b.SetBytes(written)
}

type discard struct {
	header http.Header
	status int
	n      int64
}

func (d *discard) Header() http.Header    { return d.header }
func (d *discard) WriteHeader(status int) { d.status = status }

func (d *discard) Write(p []byte) (int, error) {
	d.n += int64(len(p))
	return len(p), nil
}
