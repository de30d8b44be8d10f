package access

import "testing"

// TestActions guards the list of actions: it is sorted, it fits the bit set,
// and every ability has some.
func TestActions(t *testing.T) {
	if len(actions) > 64 {
		t.Errorf("there are %d actions, more than an actionSet holds", len(actions))
	}
	for i := range actions[1:] {
		if actions[i].name >= actions[i+1].name {
			t.Errorf("%s does not come before %s", actions[i].name, actions[i+1].name)
		}
	}
	if got := repositoryActions.abilities(); len(got) != int(abilityCount) {
		t.Errorf("repository actions are for %v only", got)
	}
}
