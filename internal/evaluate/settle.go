package evaluate

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/rulesource"
)

// ContractVersion is the version of the contract between rules and this program:
// what METADATA can say, what the input has, and what a finding is made of.
const ContractVersion = 1

// contractOf refuses a rule that is written for a contract to come. What else
// seems wrong with it would only follow from that.
func contractOf(annotations *ast.Annotations, filename string) error {
	where := fmt.Sprintf("%s:%d: METADATA: custom.contract", filename, annotations.Location.Row)
	value, given := annotations.Custom["contract"]
	if !given {
		return nil
	}
	var version int
	if number, ok := value.(json.Number); ok {
		whole, err := number.Int64()
		if err != nil {
			whole = 0
		}
		version = int(whole)
	} else if number, ok := value.(float64); ok && number == float64(int(number)) {
		version = int(number)
	} else if number, ok := value.(int); ok {
		version = number
	}
	if version < 1 {
		return fmt.Errorf("%s must be a version such as %d, not %v", where, ContractVersion, value)
	}
	if version > ContractVersion {
		return fmt.Errorf("%s: the rule %v is written for version %d of the contract for rules, and this ecraudit knows version %d: upgrade ecraudit, or take an older version of the rule", where, annotations.Custom["id"], version, ContractVersion)
	}
	return nil
}

// checkContract is the same for a whole bundle.
func checkContract(version int, reference string) error {
	if version > ContractVersion {
		return fmt.Errorf("rules: %s: its manifest says that the rules are written for version %d of the contract for rules, and this ecraudit knows version %d: upgrade ecraudit, or take an older version of the bundle", reference, version, ContractVersion)
	}
	if version < 0 {
		return fmt.Errorf("rules: %s: metadata.ecraudit.contract in its manifest must be a version such as %d, not %d", reference, ContractVersion, version)
	}
	return nil
}

// copies is an error for each source that holds files of the default rules as they
// are: with them, all rules would clash.
func copies(sources []sourceText) error {
	ours := map[string]bool{}
	told := map[string]bool{}
	var problems []error
	for _, s := range sources {
		switch {
		case s.builtin():
			ours[s.text] = true
		case ours[s.text] && !told[s.reference]:
			told[s.reference] = true
			problems = append(problems, fmt.Errorf("rules: %s is one of the default rules as it is, which are a part of ecraudit: leave %s out, or keep only rules of your own there", s.filename, s.reference))
		}
	}
	return errors.Join(problems...)
}

// settleIDs sorts the rules by id, and has those that replace a default rule
// stand in its place.
func (r *Rules) settleIDs() (problems []error) {
	slices.SortStableFunc(r.All, func(a, b *Rule) int { return cmp.Compare(a.ID, b.ID) })
	var defaults []string
	for _, rule := range r.All {
		if rule.builtin {
			defaults = append(defaults, rule.ID)
		}
	}
	var settled []*Rule
	for _, rule := range r.All {
		last := len(settled) - 1
		same := last >= 0 && settled[last].ID == rule.ID
		switch {
		case same && settled[last].builtin && rule.Replaces: // default rules stand first
			settled[last] = rule
			continue
		case same:
			problems = append(problems, clash(settled[last], rule))
		case rule.Replaces:
			problems = append(problems, fmt.Errorf("%s: custom.replaces: there is no default rule %q to replace%s", rule.filename, rule.ID, orTakeOut(rule.ID, defaults)))
		}
		settled = append(settled, rule)
	}
	r.All = settled
	return problems
}

func orTakeOut(id string, defaults []string) string {
	if hint := didYouMean(id, defaults); hint != "" {
		return hint
	}
	return ": take replaces out"
}

func clash(first, second *Rule) error {
	remedy := "choose another id and package"
	if first.builtin {
		remedy += ", or replace the default rule by yours with replaces: true below custom in its METADATA"
	}
	return fmt.Errorf("%s: the rule id %q is already that of %s: %s", second.filename, second.ID, first.filename, remedy)
}

// dataDocuments are what bundles have below data beside modules, by its first
// key.
type dataDocuments map[string]any

// add adds the documents of a source, each below a key that no other has.
func (d dataDocuments) add(source rulesource.Source) error {
	for key, value := range source.Data {
		if key == strings.Split(rulePackage, ".")[0] {
			return fmt.Errorf("rules: %s: its data stands below %q, where the rules are: put it below another key", source.Record.Reference, key)
		}
		if known, twice := d[key]; twice && ast.MustInterfaceToValue(known).Compare(ast.MustInterfaceToValue(value)) != 0 {
			return fmt.Errorf("rules: %s: it has other data below %q than a source before it: put it below another key", source.Record.Reference, key)
		}
		d[key] = value
	}
	return nil
}

// writeTo has the data count in the digest of the rules.
func (d dataDocuments) writeTo(sum io.Writer) error {
	if len(d) == 0 {
		return nil
	}
	return json.NewEncoder(sum).Encode(d) // in the order of keys
}
