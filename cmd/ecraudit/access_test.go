package main

import (
	"encoding/json"
	"strings"
	"testing"
)

const publicPolicy = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"ECR:batchgetimage"}}`

func TestAccessText(t *testing.T) {
	w := reader(t)
	for name, line := range map[string]string{
		"access-repository.text": "access access/stringlike-star --snapshot org.snapshot",
		"access-service.text":    "access access/lambda-of-anyone --snapshot org.snapshot",
		"access-none.text":       "access access/no-readers --snapshot org.snapshot",
		"access-file.text":       "access --policy statement.json --own-account 111122223333 --organization-id o-a1b2c3d4e5 --organization-accounts 444455556666",
		"access-principal.text":  "access --principal arn:aws:iam::333344445555:role/ci --action push --snapshot org.snapshot",
	} {
		r := w.run(line)
		if r.code != 0 && name != "access-principal.text" {
			t.Errorf("%s: exit code %d: %s", line, r.code, r.err)
		}
		golden(t, name, r.out)
		for text := range strings.Lines(r.out) {
			if len([]rune(text)) > 81 {
				t.Errorf("longer than 80: %s", text)
			}
		}
	}
}

func TestAccessJSON(t *testing.T) {
	w := demoWorld(t)
	w.write("p.json", publicPolicy)
	var answer struct {
		Exposure string           `json:"exposure"`
		Grants   []map[string]any `json:"grants"`
		Problems []string         `json:"problems"`
	}
	for line, want := range map[string]string{
		"--policy p.json --own-account 111122223333":                                                     "public",
		"access/organization-only --account 222233334444 --region eu-west-1 --role-name ecraudit-reader": "inside",
		"arn:aws:ecr:eu-west-1:222233334444:repository/access/partner --role-name ecraudit-reader":       "outside",
		"222233334444.dkr.ecr.eu-west-1.amazonaws.com/access/undecidable --role-name ecraudit-reader":    "unknown",
		"access/vendor --account 222233334444 --region eu-west-1 --role-name ecraudit-reader":            "trusted",
	} {
		r := w.run("access --format json " + line)
		if err := json.Unmarshal([]byte(r.out), &answer); err != nil || answer.Exposure != want || answer.Grants == nil || answer.Problems == nil {
			t.Errorf("%s: %v, exit code %d, want %s: %s%s", line, err, r.code, want, r.out, r.err)
		}
	}
	var rows []whereabouts
	r := w.run("access --principal arn:aws:iam::999988887777:role/x --format json --role-name ecraudit-reader --accounts 222233334444")
	if err := json.Unmarshal([]byte(r.out), &rows); err != nil || r.code != 0 {
		t.Fatalf("%v: exit code %d, %s", err, r.code, r.err)
	}
	yes := map[string]bool{}
	for _, row := range rows {
		yes[row.Repository] = row.Answer.Answer == "yes"
	}
	if !yes["access/public"] || !yes["access/partner"] || yes["access/sound"] || yes["access/organization-only"] {
		t.Errorf("a stranger can pull from %v", yes)
	}
}

// Names in a policy reach the terminal as text only.
func TestAccessIsHarmless(t *testing.T) {
	w := demoWorld(t)
	w.write("p.json", `{"Statement":{"Sid":"a\u001b[31m\u202e\u009b\ud83d\ude00","Effect":"Allow","Principal":{"Service":"x\u0007\n"},"Action":["ecr:*","\u001b]0;x"]}}`)
	for _, format := range []string{"text", "json"} {
		r := w.run("access --policy p.json --own-account 111122223333 --format " + format)
		if r.code != 0 || strings.ContainsAny(r.out, "\x1b\u202e\u009b\a") {
			t.Errorf("exit code %d: %q", r.code, r.out)
		}
		if format == "json" && !json.Valid([]byte(r.out)) {
			t.Errorf("not JSON: %s", r.out)
		}
	}
}

func TestAccessMistakes(t *testing.T) {
	w := demoWorld(t)
	w.write("p.json", publicPolicy)
	w.write("text.json", "hello")
	for line, want := range map[string]string{
		"":                                "takes one of a repository, --policy and --principal",
		"a b":                             "takes one of a repository, --policy and --principal",
		"a --policy p.json":               "takes one of a repository, --policy and --principal",
		"a --action pull":                 "--action means nothing without --principal",
		"a --trusted 111122223333=x":      "--trusted means nothing without --policy",
		"a --format yaml":                 `--format: "yaml" is not one of text, json`,
		"nothing/here":                    "there is no repository nothing/here in",
		"a:tag":                           "without tag and digest",
		"--policy p.json":                 "--own-account is missing",
		"--policy p.json --own-account 1": `"1" is not an account id`,
		"--policy none.json --own-account 111122223333":             "none.json: no such file",
		"--policy text.json --own-account 111122223333":             "line 1 of text.json is not JSON",
		"--policy - --registry-policy - --own-account 111122223333": "cannot both be standard input",
		"--policy p.json --own-account 111122223333 --org":          "--org means nothing with --policy",
		"a --org":                      "--org means nothing for one repository",
		"a --snapshot s --role-name x": "--role-name means nothing with --snapshot",
		"a --own-account 111122223333": "--own-account means nothing without --policy",
		"--policy p.json --own-account 111122223333 --organization-id x":                  `"x" is not an organization id`,
		"--policy p.json --own-account 111122223333 --organization-accounts 111122223333": "means nothing without --organization-id",
		"--principal nobody":                              "is no principal",
		"--principal 111122223333 --action fly":           `"fly" is neither`,
		"--principal 111122223333 --account 111122223333": "use --accounts",
		"--principal 111122223333 --org --snapshot x":     "--org means nothing with --snapshot",
	} {
		if r := w.run("access " + line); r.code != exitError || !strings.Contains(r.err, want) {
			t.Errorf("access %s: exit code %d, %q does not say %q", line, r.code, r.err, want)
		}
	}
}
