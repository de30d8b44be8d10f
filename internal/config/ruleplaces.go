package config

// RulePlace is a place of the configuration that turns a rule on or off, or
// changes its severity.
type RulePlace struct {
	At    Place  `json:"at"`
	Value string `json:"value"` // on, off or a severity
	// Scope is where the scope begins for which it is said. It is the zero place
	// where it is said for everything.
	Scope Place `json:"scope"`
}

// RulePlaces are all that the configuration says of a rule, in the order in
// which it is laid over what was said before.
func (c *Config) RulePlaces(id string) []RulePlace {
	places := placesOf(c.Rules[id], c.origins.rules[id], Place{})
	for i := range c.Scopes {
		scope := &c.Scopes[i]
		at := scope.at
		if scope.Everywhere {
			at = Place{}
		}
		places = append(places, placesOf(scope.Rules[id], scope.rules[id], at)...)
	}
	return places
}

func placesOf(said RuleSetting, origin ruleOrigin, scope Place) (places []RulePlace) {
	if text := said.showEnabled(); text != "" {
		places = append(places, RulePlace{At: origin.enabled, Value: text, Scope: scope})
	}
	if text := said.showSeverity(); text != "" {
		places = append(places, RulePlace{At: origin.severity, Value: text, Scope: scope})
	}
	return places
}

// RuleOrigin is where it stands that a rule is on or off, which is the zero
// place where that is as its METADATA has it.
func (e *Effective) RuleOrigin(id string) Place { return e.origins.rules[id].enabled }
