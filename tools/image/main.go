// Image builds the container image of ecraudit from its source, without a
// container engine and without a base image:
//
//	go run -C tools/image . --version 0.1.0 --layout dist/image
//	go run -C tools/image . --version 0.1.0 --push ghcr.io/ecraudit/ecraudit
//
// The image is the static binary, the folders that it writes to, and its user.
// Certificates of authorities are in the binary. The same commit and version
// give the same digest, wherever and whenever the image is built: the times in
// it are that of the commit, or SOURCE_DATE_EPOCH.
//
// --push logs in as the Docker client does, or to ghcr.io with GITHUB_TOKEN.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/authn/github"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

type options struct {
	release
	source    string
	platforms string
	layout    string
	push      string
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.StringVar(&o.version, "version", "", "`VERSION` that the binary says and the tag of the image")
	flags.StringVar(&o.source, "source", "../..", "`FOLDER` of ecraudit's source")
	flags.StringVar(&o.platforms, "platforms", "linux/amd64,linux/arm64", "`PLATFORMS` to build for, separated by commas")
	flags.StringVar(&o.layout, "layout", "", "`FOLDER` to write an OCI image layout to; it must not exist")
	flags.StringVar(&o.push, "push", "", "`REPOSITORY` to push the image to")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("%q is one argument too many", flags.Arg(0))
	case o.version == "":
		return o, errors.New("--version is missing")
	case o.layout == "" && o.push == "":
		return o, errors.New("nowhere to put the image: give --layout or --push")
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if err := o.describe(ctx); err != nil {
		return err
	}
	index, err := build(ctx, o)
	if err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	if o.layout != "" {
		if err := writeLayout(o.layout, index); err != nil {
			return err
		}
	}
	if o.push != "" {
		if err := push(ctx, o.push, o.version, index); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(stdout, digest)
	return err
}

// describe fills in which commit is built, and when it was made.
func (o *options) describe(ctx context.Context) error {
	revision, err := o.git(ctx, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	o.revision = revision
	seconds := os.Getenv("SOURCE_DATE_EPOCH")
	if seconds == "" {
		if seconds, err = o.git(ctx, "log", "-1", "--format=%ct"); err != nil {
			return err
		}
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH is %q: write seconds since 1970", seconds)
	}
	o.created = time.Unix(unix, 0).UTC()
	return nil
}

func (o *options) git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", o.source}, args...)...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s in %s: %w", strings.Join(args, " "), o.source, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// build compiles for each platform and makes an index of the images.
func build(ctx context.Context, o options) (v1.ImageIndex, error) {
	scratch, err := os.MkdirTemp("", "image-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	var images []v1.Image
	for platform := range strings.SplitSeq(o.platforms, ",") {
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			return nil, err
		}
		binary := filepath.Join(scratch, strings.ReplaceAll(platform, "/", "-"))
		if err := compile(ctx, o.source, "./cmd/ecraudit", binary, p, o.version); err != nil {
			return nil, err
		}
		image, err := newImage(binary, p, o.release)
		if err != nil {
			return nil, err
		}
		images = append(images, image)
	}
	return newIndex(images, o.release)
}

// compile builds a static binary that is the same wherever it is built.
func compile(ctx context.Context, source, of, to string, p *v1.Platform, version string) error {
	to, err := filepath.Abs(to)
	if err != nil {
		return err
	}
	// What git says of the checkout is in the labels, not in the binary.
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version="+version, "-o", to, of)
	command.Dir = source
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Architecture, "GOAMD64=v1", "GOARM64=v8.0")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("compiling for %s: %w\n%s", p, err, out)
	}
	return nil
}

func writeLayout(folder string, index v1.ImageIndex) error {
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("--layout %s: it is there already", folder)
	}
	to, err := layout.Write(folder, empty.Index)
	if err != nil {
		return err
	}
	return to.AppendIndex(index)
}

func push(ctx context.Context, repository, tag string, index v1.ImageIndex) error {
	to, err := name.NewRepository(repository)
	if err != nil {
		return fmt.Errorf("--push: %w", err)
	}
	keys := authn.NewMultiKeychain(authn.DefaultKeychain, github.Keychain)
	return remote.WriteIndex(to.Tag(tag), index, remote.WithAuthFromKeychain(keys), remote.WithContext(ctx))
}
