package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// priceClock is when the snapshots of these tests were taken.
var priceClock = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

// saved writes a snapshot that holds these repositories, and of their
// registries the settings of one.
func (w *world) saved(name string, needs []snapshot.Need, like snapshot.Registry, repositories ...*snapshot.Repository) {
	w.t.Helper()
	writer, err := snapshot.NewWriter(snapshot.Header{Clock: priceClock, Needs: needs})
	w.must(err)
	defer writer.Close()
	targets := map[snapshot.Target]*snapshot.TargetResult{}
	for _, r := range repositories {
		result := targets[r.Target]
		if result == nil {
			result = &snapshot.TargetResult{Target: r.Target, Status: snapshot.StatusComplete}
			targets[r.Target] = result
			registry := like
			registry.Target = r.Target
			w.must(writer.Registry(w.t.Context(), &registry))
		}
		result.Repositories++
		result.Images += len(r.Images)
		w.must(writer.Repository(w.t.Context(), nil, r))
	}
	for _, result := range targets {
		w.must(writer.Done(*result))
	}
	file, err := os.Create(name)
	w.must(err)
	defer file.Close()
	w.must(writer.Write(file, false))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

var costNeeds = []snapshot.Need{snapshot.NeedImages, snapshot.NeedImageGraph, snapshot.NeedLifecycle, snapshot.NeedTags}

func savedRepository(account, region, name string, images ...snapshot.Image) *snapshot.Repository {
	target := snapshot.Target{Partition: "aws", Account: account, Region: region}
	return &snapshot.Repository{Target: target, Name: name, ARN: target.RepositoryARN(name), Images: images}
}

func savedImage(digest string, mebibytes int64, days int, tags ...string) snapshot.Image {
	return snapshot.Image{
		Digest: "sha256:" + strings.Repeat(digest, 64), Kind: snapshot.KindImage, Status: "ACTIVE", Tags: tags,
		SizeBytes: mebibytes << 20, PushedAt: priceClock.AddDate(0, 0, -days),
	}
}

// hostile is what an attacker writes into a resource tag.
const hostile = "=HYPERLINK(\"http://x\")\x1b[2J\n@team, \"quoted\""

// costWorld has something of everything that is priced, and of what cannot be.
func costWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, awssim.NewOrganization(awssim.OrganizationOptions{}))
	w.write("ecraudit.yaml", "prices: {standard: 0.1, archive: 0.07, regions: {us-east-1: 0.2}}\n")
	index := savedImage("f", 3000, 200, "2.0.0")
	index.Kind, index.Children = snapshot.KindIndex, []snapshot.Child{{Digest: savedImage("e", 0, 0).Digest}}
	archived := savedImage("d", 40_000, 400, "1.0.0")
	archived.Status = "ARCHIVED"
	signature := savedImage("c", 1, 200)
	signature.Kind, signature.Subject = snapshot.KindSignature, index.Digest
	api := savedRepository("111122223333", "eu-west-1", "team/api", index, savedImage("e", 3000, 200), archived, signature,
		savedImage("b", 2_000_000, 3, "dev-1"), savedImage("a", 500, 60))
	api.Lifecycle = `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}}]}`
	api.Tags = map[string]string{"team": "api"}
	unread := savedRepository("111122223333", "eu-west-1", "team/unread")
	unread.Gaps = []snapshot.Gap{{Target: unread.Target, Repository: unread.Name, Need: snapshot.NeedImages, Operation: "ecr:DescribeImages", Code: "AccessDeniedException", Message: "no", Permission: "ecr:DescribeImages"}}
	unread.Tags = map[string]string{"team": hostile}
	unreadPolicy := savedRepository("444455556666", "us-east-1", "a/very/long/name/of/a/repository/that/does/not/fit/on/any/line-"+strings.Repeat("x", 30), savedImage("9", 1500, 100, "dev"))
	unreadPolicy.Gaps = []snapshot.Gap{
		{Target: unreadPolicy.Target, Repository: unreadPolicy.Name, Need: snapshot.NeedLifecycle, Operation: "ecr:GetLifecyclePolicy", Code: "Timeout", Message: "no answer within 30s"},
		{Target: unreadPolicy.Target, Repository: unreadPolicy.Name, Need: snapshot.NeedPolicy, Operation: "ecr:GetRepositoryPolicy", Code: "Timeout", Message: "nobody asked for it"},
	}
	invalid := savedRepository("444455556666", "us-east-1", "invalid", savedImage("8", 2, 1))
	invalid.Lifecycle = "{}"
	invalid.Tags = map[string]string{"team": hostile}
	w.saved("s", costNeeds, snapshot.Registry{}, api, unread, unreadPolicy, invalid, savedRepository("444455556666", "us-east-1", "empty"))
	return w
}

func TestCostTables(t *testing.T) {
	w := costWorld(t)
	var all strings.Builder
	for _, flags := range []string{"", "--by tag:team --unused-days 50", "--by account", "--by region", "--by age", "--by tag-class", "--limit 1"} {
		r := w.run("cost --snapshot s " + flags)
		if r.code != 3 || r.err != "" {
			t.Errorf("%s: exit code %d: %s", flags, r.code, r.err)
		}
		fmt.Fprintf(&all, "$ ecraudit cost --snapshot s %s\n%s\n", flags, r.out)
		for line := range strings.Lines(r.out) {
			if width := runewidth.StringWidth(strings.TrimSuffix(line, "\n")); width > 80 {
				t.Errorf("%s: a line of %d: %s", flags, width, line)
			}
		}
		if strings.ContainsAny(r.out, "\x1b\r\t") {
			t.Errorf("%s: control characters: %q", flags, r.out)
		}
	}
	golden(t, "cost.table", all.String())
}

func TestCostJSON(t *testing.T) {
	w := costWorld(t)
	r := w.run("cost --snapshot s --format json --by tag:team")
	if r.code != 3 {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	golden(t, "cost.json", r.out)
	if r := w.run("cost --snapshot s --format json --allow-incomplete"); r.code != 0 {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

// The rows of CSV add up to the total, are RFC 4180, and no formulas.
func TestCostCSV(t *testing.T) {
	w := costWorld(t)
	var whole struct {
		Total struct {
			Bytes int64 `json:"bytes"`
		} `json:"total"`
	}
	w.must(json.Unmarshal([]byte(w.run("cost --snapshot s --format json").out), &whole))
	for _, by := range []string{"repository", "repository --limit 1", "tag:team", "age"} {
		r := w.run("cost --snapshot s --format csv --by " + by)
		if r.code != 3 || !strings.Contains(r.err, "ecraudit: not known: 111122223333/eu-west-1/team/unread: ecr:DescribeImages") {
			t.Errorf("exit code %d: %s", r.code, r.err)
		}
		if strings.Count(r.out, "\r\n") < 2 || !strings.HasSuffix(r.out, "\r\n") {
			t.Errorf("no CRLF: %q", r.out)
		}
		records, err := csv.NewReader(strings.NewReader(r.out)).ReadAll()
		w.must(err)
		sum := int64(0)
		for _, record := range records[1:] {
			for i, cell := range record {
				if strings.ContainsAny(cell[:min(1, len(cell))], "=+-@") {
					t.Errorf("a formula: %q", cell)
				}
				if records[0][i] == "bytes" && cell != "" {
					var n int64
					_, err := fmt.Sscan(cell, &n)
					w.must(err)
					sum += n
				}
			}
		}
		if sum != whole.Total.Bytes {
			t.Errorf("by %s: %d bytes in rows, %d in total", by, sum, whole.Total.Bytes)
		}
	}
	golden(t, "cost.csv", w.run("cost --snapshot s --format csv --by tag:team").out)
}

// What AWS holds and its snapshot cost the same, and nothing is asked in vain.
func TestCostOfAWS(t *testing.T) {
	w := demoWorld(t)
	w.server.ResetCalls()
	r := w.run("cost --by account --format json" + orgFlags)
	if r.code != 3 {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	for operation := range w.server.Calls().ByOperation() {
		switch operation {
		case "ecr:DescribeRepositories", "ecr:DescribeImages", "ecr:BatchGetImage", "ecr:GetLifecyclePolicy":
		default:
			if strings.HasPrefix(operation, "ecr:") {
				t.Errorf("%s is called", operation)
			}
		}
	}
	var document costDocument
	w.must(json.Unmarshal([]byte(r.out), &document))
	denied := slices.ContainsFunc(document.Gaps, func(g unreadGroup) bool { return g.Account == awssim.DemoLegacy && g.Operation == "sts:AssumeRole" })
	if len(document.Rows) < 4 || document.Total.Repositories < 20 || *document.Total.Bytes == 0 || document.Complete || !denied {
		t.Errorf("%s", r.out)
	}
	if r := w.run("cost --accounts " + awssim.DemoPayments + " --role-name ecraudit-reader"); r.code != 0 || !strings.Contains(r.out, "repositories of "+awssim.DemoPayments+"/eu-west-1, ") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
}

func TestCostMistakes(t *testing.T) {
	for _, c := range []struct {
		name, line string
		config     string
		want       []string
	}{
		{name: "unknown grouping", line: "cost --by repositry", want: []string{`--by: "repositry"`, `did you mean "repository"`, "tag:KEY"}},
		{name: "tag without key", line: "cost --by tag:", want: []string{"--by tag:", "--by tag:team"}},
		{name: "unknown format", line: "cost --format cvs", want: []string{`"cvs"`, `did you mean "csv"`}},
		{name: "no days", line: "cost --unused-days 0", want: []string{"--unused-days 0", "from 1"}},
		{name: "negative limit", line: "cost --limit -1", want: []string{"--limit -1", "0 for all"}},
		{name: "snapshot with AWS flags", line: "cost --snapshot s --org", want: []string{"--org means nothing with --snapshot"}},
		{name: "no snapshot", line: "cost --snapshot nowhere", want: []string{"nowhere", "ecraudit snapshot -o FILE"}},
		{name: "snapshot without images", line: "cost --snapshot poor", want: []string{"poor was collected without image-graph"}},
		{name: "two currencies", line: "cost --snapshot s", config: "scopes:\n  - match: {regions: [us-east-1]}\n    settings: {prices: {currency: EUR}}\n", want: []string{"EUR (for arn:", "USD (for arn:", "prices.currency"}},
		{name: "argument", line: "cost team/api", want: []string{"ecraudit cost takes no arguments"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := costWorld(t)
			w.saved("poor", []snapshot.Need{snapshot.NeedImages}, snapshot.Registry{})
			if c.config != "" {
				w.write("ecraudit.yaml", c.config)
			}
			r := w.run(c.line)
			if r.code != exitError || r.out != "" || strings.Count(r.err, "\n") != 1 {
				t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
			}
			for _, want := range c.want {
				if !strings.Contains(r.err, want) {
					t.Errorf("the message has no %q:\n%s", want, r.err)
				}
			}
			t.Log(r.err)
		})
	}
}

// Whatever AWS says, a cell of CSV is neither a formula nor a terminal's command.
func FuzzDefused(f *testing.F) {
	for _, seed := range []string{"", "team", "=1+1", " @x", "\t=1", "\"=1", "'-1", "\u00a0+1", "\x1b[2J", "\xff=", "＝1", "|calc", "a=b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cell := defused([]string{text})[0]
		if strings.ContainsFunc(cell, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("%q becomes %q", text, cell)
		}
		if start := strings.TrimLeft(cell, " "); start != "" && strings.ContainsAny(firstCharacter(start), "=+-@|%＝＋－＠") {
			t.Errorf("%q becomes %q", text, cell)
		}
	})
}
