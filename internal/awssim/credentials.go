package awssim

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// principal is who makes a call.
type principal struct {
	account *LiveAccount
	arn     string // as GetCallerIdentity tells it
	userID  string
	role    string // the role's name, when the principal is a session of one
	session string
}

// roleARN is the ARN of the principal's role, or its own ARN when it has none. Policies name principals so.
func (p principal) roleARN() string {
	if p.role == "" {
		return p.arn
	}
	return p.account.RoleARN(p.role)
}

// credential is an access key and what it stands for.
type credential struct {
	principal
	AccessKeyID, SecretAccessKey, SessionToken string
	expires                                    time.Time // simulated; zero when it does not expire
	signingKeys                                sync.Map  // scope → derived key
}

func newCredential(prefix string, p principal, seed ...string) *credential {
	return &credential{
		principal:       p,
		AccessKeyID:     prefix + keyHash(append([]string{"key"}, seed...)...)[:16],
		SecretAccessKey: keyHash(append([]string{"secret"}, seed...)...)[:40],
	}
}

func (a *LiveAccount) sessionPrincipal(role, session string) principal {
	return principal{
		account: a,
		arn:     a.org.arn("sts", "", a.id, "assumed-role/"+role+"/"+session),
		userID:  a.roleID(role) + ":" + session,
		role:    role,
		session: session,
	}
}

// roleID is the unique id of a role.
func (a *LiveAccount) roleID(name string) string {
	return "AROA" + keyHash("role", a.id, name)[:17]
}

// Credentials returns the long-lived access key of an administrator of the account.
func (a *LiveAccount) Credentials() aws.Credentials { return a.admin.sdk() }

// RoleCredentials returns credentials of a session of a role, which do not expire; ok is false when there is no such role.
func (a *LiveAccount) RoleCredentials(role string) (credentials aws.Credentials, ok bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.roleKeys[role] == nil {
		return aws.Credentials{}, false
	}
	return a.roleKeys[role].sdk(), true
}

func (c *credential) sdk() aws.Credentials {
	return aws.Credentials{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken,
		Source: "awssim", AccountID: c.account.id,
	}
}

// newSession makes temporary credentials for a principal, valid for a duration of simulated time.
func (o *Organization) newSession(p principal, duration time.Duration) *credential {
	now := o.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sessions++
	c := newCredential("ASIA", p, "session", strconv.Itoa(o.sessions))
	c.SessionToken = "session/" + shortHash("token", strconv.Itoa(o.sessions))
	c.expires = now.Add(duration)
	o.keys[c.AccessKeyID] = c
	return c
}

// signature is what the Authorization header of a request says.
type signature struct {
	accessKey, date, region, service string
	signedHeaders                    []string
	value                            []byte
}

// parseSignature reads a SigV4 Authorization header.
func parseSignature(r *http.Request) (signature, bool) {
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !ok {
		return signature{}, false
	}
	var s signature
	for field := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch name {
		case "Credential":
			scope := strings.Split(value, "/")
			if len(scope) != 5 || scope[4] != "aws4_request" {
				return signature{}, false
			}
			s.accessKey, s.date, s.region, s.service = scope[0], scope[1], scope[2], scope[3]
		case "SignedHeaders":
			s.signedHeaders = strings.Split(value, ";")
		case "Signature":
			s.value, _ = hex.DecodeString(value)
		}
	}
	return s, s.accessKey != "" && len(s.signedHeaders) > 0 && len(s.value) > 0
}

// verify reports whether the signature is the one that the credential's secret gives for the request.
func (s signature) verify(c *credential, r *http.Request, body []byte) bool {
	var canonical bytes.Buffer
	canonical.WriteString(r.Method + "\n" + canonicalPath(r) + "\n" + canonicalQuery(r) + "\n")
	for _, name := range s.signedHeaders {
		canonical.WriteString(name + ":" + headerValue(r, name) + "\n")
	}
	canonical.WriteString("\n" + strings.Join(s.signedHeaders, ";") + "\n" + payloadHash(r, body))
	sum := sha256.Sum256(canonical.Bytes())
	scope := s.date + "/" + s.region + "/" + s.service + "/aws4_request"
	toSign := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n" + scope + "\n" + hex.EncodeToString(sum[:])
	return hmac.Equal(s.value, hmacSHA256(c.signingKey(s, scope), toSign))
}

// signingKey derives the key for a scope, once.
func (c *credential) signingKey(s signature, scope string) []byte {
	if key, ok := c.signingKeys.Load(scope); ok {
		return key.([]byte)
	}
	key := []byte("AWS4" + c.SecretAccessKey)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request"} {
		key = hmacSHA256(key, part)
	}
	c.signingKeys.Store(scope, key)
	return key
}

func hmacSHA256(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

func payloadHash(r *http.Request, body []byte) string {
	if told := r.Header.Get("X-Amz-Content-Sha256"); told != "" && told != "UNSIGNED-PAYLOAD" {
		sum := sha256.Sum256(body)
		if told == hex.EncodeToString(sum[:]) {
			return told
		}
		return "mismatch"
	} else if told != "" {
		return told
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func canonicalPath(r *http.Request) string {
	if path := r.URL.EscapedPath(); path != "" {
		return path
	}
	return "/"
}

func canonicalQuery(r *http.Request) string {
	pairs := strings.Split(r.URL.RawQuery, "&")
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// headerValue is a signed header as canonical requests hold it; net/http keeps two of them out of the header map.
func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	}
	values := r.Header.Values(name)
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(trimmed, ",")
}
