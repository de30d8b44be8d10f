package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/remediate"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

func newQuarantine(s streams) *cobra.Command {
	command := &cobra.Command{
		Use:   "quarantine",
		Short: "Images that are parked because they lost their last tag",
		Long: `ECR deletes an image with its last tag. So an image that is about to lose it is
parked first under a tag ecraudit-quarantine-<day>-<digest>. These commands list
what is parked, give an image its tags back, and delete what is parked for long.`,
		Example: "  ecraudit quarantine list",
		Args:    subcommand,
		RunE:    func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(newQuarantineList(s), newQuarantineRestore(s), newQuarantinePurge(s))
	return command
}

// parkedSink collects what is parked.
type parkedSink struct {
	mu     sync.Mutex
	id     string
	parked []remediate.Parked
	unread []snapshot.Gap
}

func (p *parkedSink) Begin(o snapshot.Organization) error {
	p.id = o.ID
	return nil
}

func (*parkedSink) Registry(context.Context, *snapshot.Registry) error { return nil }

func (p *parkedSink) Repository(_ context.Context, reg *snapshot.Registry, r *snapshot.Repository) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if gap := r.Gap(snapshot.NeedImages); gap != nil {
		p.unread = append(p.unread, *gap)
	}
	p.parked = append(p.parked, remediate.ParkedIn(reg, r)...)
	return nil
}

func (p *parkedSink) Done(t snapshot.TargetResult) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unread = append(p.unread, t.Gaps...)
	return nil
}

// sort puts what is parked in order, with the tags that the journal knows.
func (p *parkedSink) sort(journal *remediate.Journal) error {
	taken, err := journal.TakenTags()
	if err != nil {
		return err
	}
	for i := range p.parked {
		for _, tag := range taken[p.parked[i].Key()] {
			if !slices.Contains(p.parked[i].Other, tag) {
				p.parked[i].Had = append(p.parked[i].Had, tag)
			}
		}
	}
	slices.SortFunc(p.parked, func(a, b remediate.Parked) int {
		return cmp.Or(a.Target.Compare(b.Target), cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.Digest, b.Digest))
	})
	return nil
}

func newQuarantineList(s streams) *cobra.Command {
	var f struct {
		surveyFlags
		writeFlags
		format string
	}
	command := &cobra.Command{
		Use:   "list",
		Short: "List the images that are parked",
		Long: `Lists the images that are parked, as ecraudit quarantine restore takes them, with
the tags that the journal says they had.

Exit codes:
  0  everything was read
  1  usage or internal error
  3  something could not be read`,
		Example: `  ecraudit quarantine list --org --role-name ecraudit-reader --regions all
  ecraudit quarantine list --snapshot org.snapshot --format json`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := errors.Join(oneOf("--format", f.format, planFormats()), f.surveyFlags.check(command)); err != nil {
				return err
			}
			sink, err := survey(command.Context(), &f.surveyFlags, &f.writeFlags, s)
			if err != nil {
				return err
			}
			if f.format == "json" {
				err = writeJSON(s.out, append([]remediate.Parked{}, sink.parked...))
			} else {
				err = showParked(s, sink.parked)
			}
			if err != nil {
				return err
			}
			return sink.complain(s)
		},
	}
	f.surveyFlags.add(command.Flags())
	f.addJournal(command.Flags())
	command.Flags().StringVar(&f.format, "format", "text", "`FORMAT`: text or json")
	complete(command, "format", planFormats())
	return command
}

// survey looks for what is parked.
func survey(ctx context.Context, f *surveyFlags, w *writeFlags, s streams) (*parkedSink, error) {
	dir, err := journalFolder(w.journal)
	if err != nil {
		return nil, err
	}
	journal := remediate.JournalIn(dir)
	c, err := f.load(ctx, messagesOf(s.err))
	if err != nil {
		return nil, err
	}
	sink := &parkedSink{}
	if err := f.visit(ctx, c, []snapshot.Need{snapshot.NeedImages}, s, sink); err != nil {
		return nil, err
	}
	return sink, sink.sort(journal)
}

// complain says what could not be read, which is no empty quarantine.
func (p *parkedSink) complain(s streams) error {
	if len(p.unread) == 0 {
		return nil
	}
	messagesOf(s.err).notRead(p.unread)
	return exit(3)
}

func showParked(s streams, parked []remediate.Parked) error {
	p := newSheet(s)
	var bytes int64
	for i := range parked {
		one := &parked[i]
		bytes += one.SizeBytes
		p.show(one.URI + ":" + one.Tags[0] + "\n")
		p.say("  ", "", "parked on %s, %s", one.ParkedOn.Format("2006-01-02"), sizeText(one.SizeBytes))
		if len(one.Had) > 0 {
			p.say("  ", "", "had %s", tagList(one.Had))
		}
		if len(one.Other) > 0 {
			p.say("  ", "", "in use again: it has %s", tagList(one.Other))
		}
	}
	if len(parked) > 0 {
		p.gap()
	}
	p.say("", "", "%s parked, %s.", plural(len(parked), "image", "images"), sizeText(bytes))
	return p.writeTo(s.out)
}

var parkedImage = regexp.MustCompile(`^(.+?)(?:@(sha256:[0-9a-f]{64})|:(ecraudit-quarantine-[0-9]{8}-[0-9a-f]{12}))$`)

func newQuarantineRestore(s streams) *cobra.Command {
	var f struct {
		subjectFlags
		applyFlags
		tags []string
	}
	command := &cobra.Command{
		Use:   "restore IMAGE",
		Short: "Give a parked image its tags back",
		Long: `Gives a parked image back the tags that the journal says it had, or those of
--tag, and takes the quarantine tag away. The image is REPOSITORY@DIGEST or
REPOSITORY:QUARANTINE-TAG, with name, ARN or URI of the repository.

` + applyExitCodes,
		Example: `  ecraudit quarantine restore team/api:ecraudit-quarantine-20261125-0123456789ab
  ecraudit quarantine restore team/api:ecraudit-quarantine-20261125-0123456789ab --tag 1.4.2`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			m := parkedImage.FindStringSubmatch(args[0])
			if m == nil {
				return fmt.Errorf("%q is no parked image: write REPOSITORY@sha256:… or REPOSITORY:ecraudit-quarantine-…, as ecraudit quarantine list shows them", args[0])
			}
			if f.snapshot != "" {
				return errors.New("--snapshot means nothing with quarantine restore: the image is in AWS")
			}
			messagesOf(s.err).summary.beginWriting()
			subject, err := f.read(command.Context(), m[1], []snapshot.Need{snapshot.NeedImages}, messagesOf(s.err))
			if err != nil {
				return err
			}
			if gap := subject.gap(snapshot.NeedImages); gap != nil {
				return fmt.Errorf("the images of %s could not be read: %s: %s", m[1], gap.Code, gap.Message)
			}
			w := &writer{streams: s, writeFlags: &f.writeFlags, targetFlags: &targetFlags{options: withDefaults(f.options, subject.config, nil, &placedSink{})}}
			journal, err := w.openJournal()
			if err != nil {
				return err
			}
			parked, err := findParked(subject, journal, m[2], m[3])
			if err != nil {
				return err
			}
			tags := f.tags
			if len(tags) == 0 {
				tags = parked.Had
			}
			plan, err := remediate.RestorePlan(*parked, tags, remediate.Plan{Version: version, Clock: subject.clock, Organization: subject.organization.ID})
			if err != nil {
				return err
			}
			if err := w.open(command.Context(), []string{parked.Region}); err != nil {
				return err
			}
			f.maxChanges = max(f.maxChanges, 1)
			return f.applyFlags.apply(command.Context(), w, plan, remediate.Filter{})
		},
	}
	flags := command.Flags()
	f.subjectFlags.add(flags)
	f.writeFlags.add(flags)
	flags.StringSliceVar(&f.tags, "tag", nil, "give the image these `TAGS` instead of those of the journal")
	if err := flags.MarkHidden("snapshot"); err != nil {
		panic(err) // a flag that does not exist
	}
	return command
}

// findParked finds the image of a digest or quarantine tag.
func findParked(s *subject, journal *remediate.Journal, digest, tag string) (*remediate.Parked, error) {
	sink := &parkedSink{parked: remediate.ParkedIn(s.registry, s.repository)}
	if err := sink.sort(journal); err != nil {
		return nil, err
	}
	for i := range sink.parked {
		if p := &sink.parked[i]; p.Digest == digest || slices.Contains(p.Tags, tag) {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s is not parked in %s/%s: ecraudit quarantine list shows what is", cmp.Or(digest, tag), s.repository.Target, s.repository.Name)
}

func newQuarantinePurge(s streams) *cobra.Command {
	var f struct {
		surveyFlags
		applyFlags
		olderThan string
	}
	command := &cobra.Command{
		Use:   "purge",
		Short: "Delete images that have been parked for long",
		Long: `Deletes images that have been parked for longer than --older-than, have no other
tag and were not pulled since. This is the only command that deletes images, and
nothing brings them back.

` + applyExitCodes + `
  3  nothing is left, but something could not be read`,
		Example: `  ecraudit quarantine purge --older-than 30d
  ecraudit quarantine purge --older-than 90d --org --role-name ecraudit-reader --fix-role-name ecraudit-fixer --regions all`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			age, err := parseDays(f.olderThan)
			if err != nil {
				return err
			}
			if err := errors.Join(f.applyFlags.check(), f.surveyFlags.check(command)); err != nil {
				return err
			}
			if f.snapshot != "" {
				return errors.New("--snapshot means nothing with quarantine purge: the images are in AWS")
			}
			messagesOf(s.err).summary.beginWriting()
			sink, err := survey(command.Context(), &f.surveyFlags, &f.writeFlags, s)
			if err != nil {
				return err
			}
			now := s.clock()
			plan := remediate.PurgePlan(sink.parked, now.Add(-age), remediate.Plan{Version: version, Clock: now, Organization: sink.id})
			w := &writer{streams: s, writeFlags: &f.writeFlags, targetFlags: &f.surveyFlags.targetFlags}
			if err := w.open(command.Context(), planRegions(plan.Changes)); err != nil {
				return err
			}
			notRead := sink.complain(s)
			return cmp.Or(f.applyFlags.apply(command.Context(), w, plan, remediate.Filter{}), notRead)
		},
	}
	flags := command.Flags()
	f.surveyFlags.add(flags)
	f.applyFlags.add(flags)
	flags.StringVar(&f.olderThan, "older-than", "", "how long images have been parked, in days (`DAYS`, such as 30d)")
	yes := flags.Lookup("yes")
	yes.Usage += "; of variables ECRAUDIT_QUARANTINE_PURGE_YES says it, and ECRAUDIT_YES does not"
	yes.Annotations = map[string][]string{ownVariableOnly: {}}
	for _, name := range []string{"snapshot", "allow", "preview-timeout", "force-policy"} {
		if err := flags.MarkHidden(name); err != nil {
			panic(err) // a flag that does not exist
		}
	}
	return command
}

// parseDays reads "30d".
func parseDays(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	days, err := strconv.Atoi(strings.TrimSuffix(text, "d"))
	if err != nil || days < 0 || !strings.HasSuffix(text, "d") {
		return 0, fmt.Errorf("--older-than %q: say how many days, as in --older-than 30d", text)
	}
	return time.Duration(days) * day, nil
}
