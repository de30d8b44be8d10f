package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/lifecycle"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// simulateFlags say what to simulate.
type simulateFlags struct {
	policyFlags
	images string
	at     string
	format string
}

var simulateFormats = []string{"text", "json"}

func newLifecycleSimulate(s streams) *cobra.Command {
	var f simulateFlags
	command := &cobra.Command{
		Use:   "simulate [REPOSITORY]",
		Short: "Say what one evaluation of a lifecycle policy would do",
		Long: `Computes which images one evaluation of a lifecycle policy expires and archives,
without changing anything: of the policy that a repository has or of another one,
now or at a later date, up to which nothing is pushed, pulled or expired.

Without AWS it takes the images from what aws ecr describe-images prints, pages
one after the other. Which untagged images are children of an index is not in
there: beside an index they are undecided.`,
		Example: `  ecraudit lifecycle simulate landing-zone/customizations --region us-east-1
  ecraudit lifecycle simulate lifecycle/none --snapshot org.snapshot --policy policy.json
  ecraudit lifecycle simulate --policy policy.json --images images.json --at 2027-01-31 --format json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(command *cobra.Command, args []string) error {
			c, err := f.prepare(command, args)
			if err != nil {
				return err
			}
			if f.format == "json" {
				return writeResult(s.out, c.policy.Simulate(c.images, c.at))
			}
			return c.simulate(newSheet(s)).writeTo(s.out)
		},
	}
	flags := command.Flags()
	f.add(flags)
	flags.StringVar(&f.images, "images", "", "`FILE` with the output of aws ecr describe-images, instead of a repository; - is standard input")
	flags.StringVar(&f.at, "at", "", "`DATE` of the evaluation, as in 2027-01-31 (midnight UTC) or 2027-01-31T12:00:00Z (default: now, or the time of the snapshot)")
	flags.StringVar(&f.format, "format", "text", "`FORMAT`: text or json")
	complete(command, "format", simulateFormats)
	return command
}

// prepare checks the flags and reads what is to be simulated.
func (f *simulateFlags) prepare(command *cobra.Command, args []string) (*lifecycleCase, error) {
	if err := oneOf("--format", f.format, simulateFormats); err != nil {
		return nil, err
	}
	at, err := parseMoment("--at", f.at)
	if err != nil {
		return nil, err
	}
	if len(args) > 0 {
		leaveAside(command.Flags(), "images") // they are those of the repository
	}
	var c *lifecycleCase
	if f.images != "" {
		c, err = f.fromFile(command, args)
	} else {
		c, err = f.fromRepository(command.Context(), command, args)
	}
	if err != nil {
		return nil, err
	}
	if !at.IsZero() {
		c.at = at
	}
	return c, nil
}

func (f *simulateFlags) fromRepository(ctx context.Context, command *cobra.Command, args []string) (*lifecycleCase, error) {
	if len(args) == 0 {
		return nil, errors.New("there is nothing to simulate: give a repository (name, ARN or URI), or --policy FILE with --images FILE")
	}
	if err := oneRepository(command, args); err != nil {
		return nil, err
	}
	return f.read(ctx, args[0], command.InOrStdin(), messagesOf(command.ErrOrStderr()))
}

// fromFile takes policy and images from files.
func (f *simulateFlags) fromFile(command *cobra.Command, args []string) (*lifecycleCase, error) {
	switch {
	case len(args) > 0:
		return nil, fmt.Errorf("%q is one too many: with --images the images come from the file, not from a repository", args[0])
	case f.policy == "":
		return nil, errors.New("--policy is missing: with --images it names the policy to simulate")
	case f.policy == "-" && f.images == "-":
		return nil, errors.New("--policy and --images cannot both be standard input")
	}
	err := refuse(command.Flags(), "with --images: nothing is read from AWS", "account", "region", "snapshot", "role-name", "external-id", "hub-role-arn", "profile")
	if err != nil {
		return nil, err
	}
	policy, err := readLifecyclePolicy(f.policy, command.InOrStdin())
	if err != nil {
		return nil, err
	}
	images, err := readImages(f.images, command.InOrStdin())
	if err != nil {
		return nil, err
	}
	return &lifecycleCase{name: "Images of " + f.images, from: f.policy, policy: policy, images: images, at: time.Now().UTC()}, nil
}

func readImages(path string, stdin io.Reader) ([]lifecycle.Image, error) {
	in, name := stdin, "standard input"
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("--images: %s: %w", path, snapshot.Cause(err))
		}
		defer file.Close()
		in, name = file, path
	}
	images, err := lifecycle.ReadImages(in)
	if err != nil {
		return nil, fmt.Errorf("--images: %s: %w", name, err)
	}
	return images, nil
}

// parseMoment reads a date or time. Nothing is the zero time.
func parseMoment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil && at.Year() >= 1970 && at.Year() <= 2255 {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s: %q is not a date between 1970 and 2255: write it as 2027-01-31 or 2027-01-31T12:00:00Z", flag, text)
}

// writeResult writes what the simulation says for programs.
func writeResult(w io.Writer, result lifecycle.Result) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(result); err != nil {
		return fmt.Errorf("showing the result: %w", err)
	}
	return nil
}

// simulate fills a sheet.
func (c *lifecycleCase) simulate(p *sheet) *sheet {
	result := c.policy.Simulate(c.images, c.at)
	left := survivors(c.images, result, c.at)
	after := c.policy.Simulate(left, c.at)
	p.headline(c)
	p.gap()
	p.ruleTable(result, after)
	p.gap()
	p.outcome(c, result)
	p.compared(c, result)
	if n := len(after.Expired) + len(after.Archived); n > 0 {
		p.say("", "", "The evaluation after this one would act on %d more, which an index that is gone by then had kept.", n)
	}
	p.acted(c, result, lifecycle.Expires, "Expired")
	p.acted(c, result, lifecycle.Archives, "Archived")
	return p
}

// survivors are the images as the evaluation leaves them.
func survivors(images []lifecycle.Image, result lifecycle.Result, at time.Time) []lifecycle.Image {
	var left []lifecycle.Image
	for i, image := range images {
		switch result.Images[i].Effect {
		case lifecycle.Expires:
			continue
		case lifecycle.Archives:
			image.Status, image.LastArchivedAt = "ARCHIVED", at
		}
		left = append(left, image)
	}
	return left
}

// ruleTable shows what each rule selects before and after, and why it acts or
// does not.
func (p *sheet) ruleTable(result, after lifecycle.Result) {
	rows := [][]string{{"RULE", "BEFORE", "ACTED", "HIGHER", "INDEX", "YOUNG", "UNDECIDED", "AFTER"}}
	for i, r := range result.Rules {
		row := []string{strconv.Itoa(r.Priority)}
		for _, n := range []int{r.Selected, r.Acted, r.KeptByHigherRule, r.KeptByIndex, r.Young, r.Undecided, after.Rules[i].Selected} {
			row = append(row, strconv.Itoa(n))
		}
		rows = append(rows, row)
	}
	p.numbers(rows)
	p.gap()
	for _, legend := range []string{
		"BEFORE  images that the rule selects; the next five columns add up to it",
		"ACTED   expired or archived by the rule",
		"HIGHER  left to the first rule that selects them, whether or not it acts",
		"INDEX   beyond the limit, but kept by an index that refers to them",
		"YOUNG   within the number or the age",
		"AFTER   images that the rule selects when all is done",
	} {
		p.show(legend)
	}
}

// numbers lays out a table of numbers below a header.
func (p *sheet) numbers(rows [][]string) {
	for _, row := range rows {
		var line strings.Builder
		for column, cell := range row {
			widest := 0
			for _, other := range rows {
				widest = max(widest, len(other[column]))
			}
			fmt.Fprintf(&line, "%*s  ", widest, cell)
		}
		p.show(strings.TrimRight(line.String(), " "))
	}
}

// compared says what differs from the policy in force.
func (p *sheet) compared(c *lifecycleCase, result lifecycle.Result) {
	if c.inForce == nil {
		return
	}
	before := c.inForce.Simulate(c.images, c.at)
	if slices.Equal(before.Expired, result.Expired) && slices.Equal(before.Archived, result.Archived) {
		p.say("", "", "The policy in force would do the same to these images.")
		return
	}
	p.say("", "", "The policy in force would expire %d and archive %d. Of the images above, %d would stay under it; and it would expire or archive %d that stay here.",
		len(before.Expired), len(before.Archived), onlyIn(result, before), onlyIn(before, result))
}

// onlyIn is how many images one result acts on and the other does not.
func onlyIn(one, other lifecycle.Result) (n int) {
	acted := map[string]bool{}
	for _, digest := range slices.Concat(other.Expired, other.Archived) {
		acted[digest] = true
	}
	for _, digest := range slices.Concat(one.Expired, one.Archived) {
		if !acted[digest] {
			n++
		}
	}
	return n
}

// maxListed is how many images a sheet lists of a kind.
const maxListed = 20

// acted lists the images with an effect, oldest first.
func (p *sheet) acted(c *lifecycleCase, result lifecycle.Result, effect lifecycle.Effect, title string) {
	var places []int
	for i, r := range result.Images {
		if r.Effect == effect {
			places = append(places, i)
		}
	}
	if len(places) == 0 {
		return
	}
	slices.SortStableFunc(places, func(a, b int) int {
		return cmp.Or(c.images[a].PushedAt.Compare(c.images[b].PushedAt), cmp.Compare(c.images[a].Digest, c.images[b].Digest))
	})
	p.gap()
	p.say("", "", "%s, oldest first:", title)
	for _, i := range places[:min(len(places), maxListed)] {
		image := c.images[i]
		p.say("", "  ", "%s  %s  rule %d  %s", pushed(image), shortDigests([]string{image.Digest})[0], result.Images[i].Rule, tagList(image.Tags))
	}
	if n := len(places) - maxListed; n > 0 {
		p.say("", "  ", "and %d more; --format json lists all", n)
	}
}

func pushed(image lifecycle.Image) string {
	if image.PushedAt.IsZero() {
		return "no push date"
	}
	return image.PushedAt.UTC().Format(time.DateOnly)
}

func tagList(tags []string) string {
	if len(tags) == 0 {
		return "(no tag)"
	}
	printable := make([]string, len(tags))
	for i, tag := range tags {
		printable[i] = report.Printable(tag)
	}
	return strings.Join(printable, " ")
}
