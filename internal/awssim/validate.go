package awssim

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What names look like, from the ECR API reference.
const (
	repositoryPattern = `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`
	digestPattern     = `[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+`
	tagPattern        = `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
	prefixPattern     = `([a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*\/?|ROOT)`
)

var (
	repositoryName  = regexp.MustCompile(`^` + repositoryPattern + `$`)
	imageDigest     = regexp.MustCompile(`^` + digestPattern + `$`)
	imageTag        = regexp.MustCompile(`^` + tagPattern + `$`)
	repositoryPref  = regexp.MustCompile(`^` + prefixPattern + `$`)
	exclusionFilter = regexp.MustCompile(`^[0-9a-zA-Z._*-]{1,128}$`)
	scanFilter      = regexp.MustCompile(`^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$`)
	replicaFilter   = regexp.MustCompile(`^(?:[a-z0-9]+(?:[._-][a-z0-9]*)*/)*[a-z0-9]*(?:[._-][a-z0-9]*)*$`)
	signingFilter   = regexp.MustCompile(`^(?:[a-z0-9*]+(?:[._-][a-z0-9*]+)*/)*[a-z0-9*]+(?:[._-][a-z0-9*]+)*$`)
	signingProfile  = regexp.MustCompile(`^arn:aws(-[a-z]+)*:signer:[a-z0-9-]+:[0-9]{12}:/signing-profiles/[a-zA-Z0-9_]{2,}$`)
	credentialARN   = regexp.MustCompile(`^arn:aws(-\w+)*:secretsmanager:[a-zA-Z0-9-:]+:secret:ecr-pullthroughcache/[a-zA-Z0-9/_+=.@-]+$`)
	pullerARN       = regexp.MustCompile(`^arn:aws(-[a-z]+)*:iam::[0-9]{12}:(role|user)/[\w+=,.@-]+(/[\w+=,.@-]+)*$`)
	regionName      = regexp.MustCompile(`^[0-9a-z-]{2,25}$`)
)

func validateRepositoryName(name string) error {
	switch {
	case name == "":
		return invalid("repositoryName", "must not be null")
	case len(name) < 2:
		return invalid("repositoryName", "must have length greater than or equal to 2")
	case len(name) > 256:
		return invalid("repositoryName", "must have length less than or equal to 256")
	case !repositoryName.MatchString(name):
		return invalid("repositoryName", "must satisfy regular expression '"+repositoryPattern+"'")
	}
	return nil
}

// oneOf validates an enumeration; an empty value is taken where it is optional.
func oneOf(parameter, value string, optional bool, values ...string) error {
	if value == "" && optional {
		return nil
	}
	if slices.Contains(values, value) {
		return nil
	}
	return invalid(parameter, "Member must satisfy enum value set: ["+strings.Join(values, ", ")+"]")
}

func required(parameter, value string) error {
	if value == "" {
		return invalid(parameter, "must not be null")
	}
	return nil
}

// batch validates the number of members of a list that must be given.
func batch(parameter string, n, most int) error {
	switch {
	case n == 0:
		return invalid(parameter, "Member must have length greater than or equal to 1")
	case n > most:
		return invalid(parameter, fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
	return nil
}

// firstError is the first that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// paging is what the inputs of listings have in common.
type paging struct {
	MaxResults *int   `json:"maxResults"`
	NextToken  string `json:"nextToken"`
}

// size is how many entries a page has at most. With ShortPages it is by turns none, and a third of that.
func (p paging) size(c *call, standard, most int) (int, error) {
	n := standard
	if p.MaxResults != nil {
		n = *p.MaxResults
		if n < 1 {
			return 0, invalid("maxResults", "must have value greater than or equal to 1")
		}
		if n > most {
			return 0, invalid("maxResults", fmt.Sprintf("must have value less than or equal to %d", most))
		}
	}
	return c.shortened(n, p.NextToken), nil
}

// shortened is the size of a page under ShortPages: none, unless the token says that the page before was empty.
func (c *call) shortened(n int, token string) int {
	if !c.server.options.ShortPages {
		return n
	}
	if kind, _, err := openToken(c, token); err == nil && kind == 'e' {
		return max(1, n/3)
	}
	return 0
}

// continuation opens a token that this listing gave: position is "" at the start.
func (p paging) continuation(c *call, listing string) (position string, err error) {
	if p.NextToken == "" {
		return "", nil
	}
	_, position, err = openToken(c, p.NextToken)
	if err != nil {
		return "", err
	}
	of, position, ok := strings.Cut(position, "\n")
	if !ok || of != c.operation+" "+listing {
		return "", badToken()
	}
	return position, nil
}

// token makes the token with which a listing goes on after a position. Its kind alternates under ShortPages.
func (c *call) token(listing, position string, page int) string {
	kind := byte('f')
	if page == 0 {
		kind = 'e' // this page was empty, the next one is not
	}
	text := string(kind) + c.operation + " " + listing + "\n" + position
	seal := shortHash("token", c.region, c.caller.account.id, text)[:8]
	return base64.URLEncoding.EncodeToString([]byte(seal + text))
}

func openToken(c *call, token string) (kind byte, text string, err error) {
	raw, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(raw) < 9 || shortHash("token", c.region, c.caller.account.id, string(raw[8:]))[:8] != string(raw[:8]) {
		return 0, "", badToken()
	}
	return raw[8], string(raw[9:]), nil
}

func badToken() error { return invalid("nextToken", "Invalid nextToken provided") }

// pageOf cuts a page out of sorted keys, and returns it with the token of the next one.
func pageOf(c *call, p paging, listing string, keys []string, standard, most int) (page []string, next string, err error) {
	n, err := p.size(c, standard, most)
	if err != nil {
		return nil, "", err
	}
	after, err := p.continuation(c, listing)
	if err != nil {
		return nil, "", err
	}
	start := 0
	for p.NextToken != "" && start < len(keys) && keys[start] <= after {
		start++
	}
	rest := keys[start:]
	if len(rest) <= n {
		return rest, "", nil
	}
	if n > 0 {
		after = rest[n-1]
	}
	return rest[:n], c.token(listing, after, n), nil
}
