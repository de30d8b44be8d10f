package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/audit"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// imagesFlags are the flags of the view of one repository's images.
type imagesFlags struct {
	subjectFlags
	scan            bool
	limit           int
	format          string
	allowIncomplete bool
}

// imagesShown is how many images a table shows, with what belongs to them,
// where nothing else is said.
const imagesShown = 50

func newImages(s streams) *cobra.Command {
	var f imagesFlags
	command := &cobra.Command{
		Use:   "images REPOSITORY",
		Short: "Show how a repository is scanned, and its images with what belongs to them",
		Long: `Shows which scanning holds for a repository and why, and then its images, newest
first: indexes with their images by platform, and signatures, SBOMs and
attestations beneath what they describe. What an index refers to and the
repository does not hold is shown as missing.

The repository is given by name, ARN or URI.

Exit codes:
  0  everything was read
  1  usage or internal error
  3  something could not be read (--allow-incomplete makes it 0)`,
		Example: `  ecraudit images payments/multi-arch-sound --account 333344445555 --role-name ecraudit-reader
  ecraudit images arn:aws:ecr:eu-west-1:333344445555:repository/payments/patched --role-name ecraudit-reader --scan
  ecraudit images payments/multi-arch-sound --account 333344445555 --role-name ecraudit-reader --format json`,
		Args: func(command *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%s takes one repository, not %d: give its name, ARN or URI, as in %s team/api", command.CommandPath(), len(args), command.CommandPath())
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			if err := f.check(command); err != nil {
				return err
			}
			return f.run(command.Context(), args[0], s)
		},
	}
	flags := command.Flags()
	f.subjectFlags.add(flags)
	flags.BoolVar(&f.scan, "scan", false, "read the scan results of every image, which takes one call each, not only of releases")
	flags.IntVar(&f.limit, "limit", 0, "`NUMBER` of images to show, the newest, with what belongs to them; 0 shows all (default: 50 in a table, all in json)")
	flags.StringVar(&f.format, "format", "table", "`FORMAT`: table or json")
	flags.BoolVar(&f.allowIncomplete, "allow-incomplete", false, "exit with 0 even when something could not be read")
	complete(command, "format", []string{"table", "json"})
	return command
}

// check refuses flags that cannot be meant, and completes the limit.
func (f *imagesFlags) check(command *cobra.Command) error {
	if err := oneOf("--format", f.format, []string{"table", "json"}); err != nil {
		return err
	}
	if f.limit < 0 {
		return fmt.Errorf("--limit %d: use a number of images from 1, or 0 for all", f.limit)
	}
	if f.format == "table" && !given(command.Flags(), "limit") {
		f.limit = imagesShown
	}
	return nil
}

func (f *imagesFlags) needs() []snapshot.Need {
	needs := []snapshot.Need{
		snapshot.NeedImages, snapshot.NeedImageGraph, snapshot.NeedScanning, snapshot.NeedRegistryScanning, snapshot.NeedAccountSettings,
	}
	if f.scan {
		needs = append(needs, snapshot.NeedScanFindings)
	} else {
		needs = append(needs, snapshot.NeedReleaseScanFindings)
	}
	return needs
}

func (f *imagesFlags) run(ctx context.Context, repository string, s streams) error {
	needs := f.needs()
	found, err := f.read(ctx, repository, needs, messagesOf(s.err))
	if err != nil {
		return err
	}
	missing := newUnread(slices.Concat(needs, found.config.Needs(), []snapshot.Need{snapshot.NeedScanFindings})) // as a gap of a single image is called
	missing.add(found.registry.Gaps)
	missing.add(found.repository.Gaps)
	view := newImagesView(found, missing.sorted())
	if f.format == "json" {
		err = view.writeJSON(s.out, f.limit)
	} else {
		err = view.writeTable(s.out, f.limit, tableOptions(s.out).Width)
	}
	if err != nil {
		return fmt.Errorf("showing the images: %w", err)
	}
	if len(view.gaps) > 0 && !f.allowIncomplete {
		return exit(audit.ExitIncomplete)
	}
	return nil
}
