package report

import (
	"net/url"
	"regexp"
	"strings"
)

// RulePage is the address of the page about a default rule.
func RulePage(id string) string {
	return projectURL + "/blob/main/docs/rules/" + url.PathEscape(id) + ".md"
}

var (
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
	regionName = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]+$`)
)

// consoleDomains are those of AWS's consoles by how the names of a partition's
// regions begin; the first that fits holds.
var consoleDomains = []struct{ regions, domain string }{
	{"cn-", "console.amazonaws.cn"},
	{"us-gov-", "console.amazonaws-us-gov.com"},
	{"us-iso", ""}, // which nobody reaches from elsewhere
	{"eu-isoe-", ""},
	{"eusc-", ""}, // of which the address is not known here
	{"", "console.aws.amazon.com"},
}

// consoleURL is the page of a repository in the console of AWS, or empty where
// there is none. Nothing in it is more than part of a path, whatever the names
// are.
func consoleURL(account, region, repository string) string {
	if repository == "" || !accountID.MatchString(account) || !regionName.MatchString(region) {
		return ""
	}
	parts := strings.Split(repository, "/")
	for i, part := range parts {
		if strings.Trim(part, ".") == "" {
			return "" // which a browser would take for the folder above
		}
		parts[i] = url.PathEscape(part)
	}
	for _, partition := range consoleDomains {
		if strings.HasPrefix(region, partition.regions) {
			if partition.domain == "" {
				return ""
			}
			return "https://" + region + "." + partition.domain + "/ecr/repositories/private/" + account + "/" + strings.Join(parts, "/") + "?region=" + region
		}
	}
	return ""
}
