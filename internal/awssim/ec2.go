package awssim

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

func ec2Operations() map[string]operation {
	return map[string]operation{"DescribeRegions": {false, describeRegions}}
}

type ec2Region struct {
	Name     string `xml:"regionName"`
	Endpoint string `xml:"regionEndpoint"`
	Status   string `xml:"optInStatus"`
}

func describeRegions(c *call) (any, error) {
	if err := c.allow("*"); err != nil {
		return nil, err
	}
	if c.form.Get("DryRun") == "true" {
		return nil, &apiError{code: "DryRunOperation", status: 412, message: "Request would have succeeded, but DryRun flag is set."}
	}
	names := c.formList("RegionName")
	for _, name := range names {
		if known, _ := lookupRegion(c.org.Partition(), name); !known {
			return nil, failure("InvalidParameterValue", "Invalid region names: [%s]", name)
		}
	}
	filters, err := c.formFilters()
	if err != nil {
		return nil, err
	}
	all := c.form.Get("AllRegions") == "true"
	out := struct {
		XMLName xml.Name    `xml:"regionInfo"`
		Items   []ec2Region `xml:"item"`
	}{}
	for _, r := range regionsOf[c.org.Partition()] {
		enabled := c.caller.account.regionEnabled(r.name)
		view := ec2Region{r.name, "ec2." + r.name + "." + c.org.dnsSuffix(), "opt-in-not-required"}
		if r.optIn {
			view.Status = map[bool]string{true: "opted-in", false: "not-opted-in"}[enabled]
		}
		if (all || enabled || len(names) > 0) && (len(names) == 0 || slices.Contains(names, r.name)) && view.passes(filters) {
			out.Items = append(out.Items, view)
		}
	}
	return out, nil
}

func (r ec2Region) passes(filters map[string][]string) bool {
	fields := map[string]string{"opt-in-status": r.Status, "region-name": r.Name, "endpoint": r.Endpoint}
	for name, values := range filters {
		if !slices.ContainsFunc(values, func(v string) bool { return globMatch(v, fields[name]) }) {
			return false
		}
	}
	return true
}

// formList reads a list of the query protocol: Name.1, Name.2, and so on.
func (c *call) formList(name string) []string {
	var values []string
	for i := 1; c.form.Has(fmt.Sprintf("%s.%d", name, i)); i++ {
		values = append(values, c.form.Get(fmt.Sprintf("%s.%d", name, i)))
	}
	return values
}

func (c *call) formFilters() (map[string][]string, error) {
	filters := map[string][]string{}
	for i := 1; c.form.Has(fmt.Sprintf("Filter.%d.Name", i)); i++ {
		name := c.form.Get(fmt.Sprintf("Filter.%d.Name", i))
		if !slices.Contains([]string{"opt-in-status", "region-name", "endpoint"}, name) {
			return nil, failure("InvalidParameterValue", "The filter '%s' is invalid", strings.TrimSpace(name))
		}
		filters[name] = c.formList(fmt.Sprintf("Filter.%d.Value", i))
	}
	return filters, nil
}
