package evaluate

import "errors"

// Check type-checks every rule, the default ones included, against the schema
// of what it declared to need. Loading leaves the default rules out, because
// their tests check them once for all.
func (r *Rules) Check() error {
	var problems []error
	for _, rule := range r.All {
		problems = append(problems, r.typeCheck(rule))
	}
	return errors.Join(problems...)
}
