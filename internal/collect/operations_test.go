package collect

import (
	"context"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// No file but that of the table calls AWS past it.
func TestCallsGoThroughTheTable(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	past := regexp.MustCompile(`awsapi\.(Call|EachPage|Once)\(`)
	for _, file := range files {
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		if file.Name() != "operations.go" && past.Match(text) {
			t.Errorf("%s calls AWS past the table of calls", file.Name())
		}
	}
}

// What is not in the table is not called.
func TestUnlistedOperation(t *testing.T) {
	never := func(context.Context) (int, error) { t.Error("it was called"); return 0, nil }
	if _, err := ask(t.Context(), nil, "ecr:DeleteRepository", never); err == nil {
		t.Error("there is no error")
	}
	page := func(context.Context, *string) (*string, error) { t.Error("it was called"); return nil, nil }
	if err := eachPage(t.Context(), nil, "ecr:ListImages", page); err == nil {
		t.Error("there is no error")
	}
}

// Every need takes a call, but those for which what is read anyway is enough.
func TestEveryNeedHasItsCall(t *testing.T) {
	needs := slices.Concat(snapshot.RegistryNeeds(), snapshot.RepositoryNeeds(), snapshot.ImageNeeds(), []snapshot.Need{snapshot.NeedUnitNames, snapshot.NeedAccountTags})
	for _, need := range needs {
		if !slices.ContainsFunc(Calls(), func(c Call) bool { return slices.Contains(c.Needs, need) }) {
			t.Errorf("no call is made for %s", need)
		}
	}
}
