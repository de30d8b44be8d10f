package remediate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Aspect names one thing of a registry, a repository or an image that is read
// and written as a whole.
type Aspect string

// The aspects.
const (
	RepositoryPolicy Aspect = "repository-policy"
	RegistryPolicy   Aspect = "registry-policy"
	LifecyclePolicy  Aspect = "lifecycle-policy"
	RegistryScanning Aspect = "registry-scanning"
	ScanOnPush       Aspect = "scan-on-push" // the repository's own flag
	TagMutability    Aspect = "tag-mutability"
	ResourceTag      Aspect = "resource-tag"      // named by its key
	CreationTemplate Aspect = "creation-template" // named by its prefix
	ImageTag         Aspect = "image-tag"         // named by the tag
	StorageClass     Aspect = "storage-class"     // named by the image's digest
	ImageScan        Aspect = "image-scan"        // named by the image's digest
	ImageItself      Aspect = "image"             // named by the image's digest
)

// Step takes one aspect from one state to another.
type Step struct {
	Aspect Aspect `json:"aspect"`
	Name   string `json:"name,omitempty"` // which one, where there are several
	From   State  `json:"from"`
	To     State  `json:"to"`
}

// inverse is the step back.
func (s Step) inverse() Step {
	s.From, s.To = s.To, s.From
	return s
}

// State is what an aspect is, or becomes. At most one field is set; none says
// that there is no such thing.
type State struct {
	Document   string                     `json:"document,omitempty"`   // the text of a policy
	Enabled    *bool                      `json:"enabled,omitempty"`    // of a flag
	Scanning   *snapshot.RegistryScanning `json:"scanning,omitempty"`   // of a registry
	Mutability *snapshot.Mutability       `json:"mutability,omitempty"` //
	Value      *string                    `json:"value,omitempty"`      // of a resource tag
	Template   *snapshot.CreationTemplate `json:"template,omitempty"`   //
	Image      *Manifest                  `json:"image,omitempty"`      // that a tag points to, or that is there
	Class      string                     `json:"class,omitempty"`      // ACTIVE or ARCHIVED
	Scan       *Scan                      `json:"scan,omitempty"`       // of an image; none where it was never scanned
}

// Manifest is an image, and what it takes to give it a tag. The text is filled
// in when a change is carried out, before it is journaled.
type Manifest struct {
	Digest    string   `json:"digest"`
	MediaType string   `json:"media_type,omitempty"`
	Text      string   `json:"text,omitempty"` // the exact bytes
	Tags      []string `json:"tags,omitempty"` // of an image that is deleted
}

// Scan is the state of an image's scan.
type Scan struct {
	Status      string    `json:"status"` // AWS's, or STARTED for one that was started after the time
	CompletedAt time.Time `json:"completed_at,omitzero"`
}

// aspect knows how to read and write one aspect, and when two states of it mean
// the same.
//
// read looks at AWS. write makes one attempt and does not repeat it: whether a
// lost answer needs another is decided by looking. It returns a *Refusal where
// writing would do harm, or what AWS says.
type aspect interface {
	read(ctx context.Context, at *place, s Step) (State, error)
	write(ctx context.Context, at *place, s Step) error
	same(a, b State) bool
	permissions() permissions
}

// permissions are the IAM actions that reading and writing an aspect take.
type permissions struct{ read, write []string }

func aspects() map[Aspect]aspect {
	return map[Aspect]aspect{
		RepositoryPolicy: repositoryPolicy{}, RegistryPolicy: registryPolicy{}, LifecyclePolicy: lifecyclePolicy{},
		RegistryScanning: registryScanning{}, ScanOnPush: scanFlag{}, TagMutability: tagMutability{},
		ResourceTag: resourceTag{}, CreationTemplate: creationTemplate{},
		ImageTag: imageTag{}, StorageClass: storageClass{}, ImageScan: imageScan{}, ImageItself: wholeImage{},
	}
}

// of finds an aspect of a step that came from a file.
func (s Step) of() (aspect, error) {
	if a, ok := aspects()[s.Aspect]; ok {
		return a, nil
	}
	return nil, fmt.Errorf("there is no aspect %q: the file was written by another version of ecraudit", s.Aspect)
}

// Refusal is a reason not to write. It is no fault: people read it.
type Refusal struct { //nolint:errname // it is no fault
	Reason string
	Remedy string // what they can do about it; may be empty
}

func (r *Refusal) Error() string {
	if r.Remedy == "" {
		return r.Reason
	}
	return r.Reason + ": " + r.Remedy
}

func refuse(remedy, format string, args ...any) error {
	return &Refusal{Reason: fmt.Sprintf(format, args...), Remedy: remedy}
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*Refusal](err)
	return ok
}

// mishapError is what went wrong with a write that took effect. To look again
// would only show that it did.
type mishapError struct{ error }

func (e *mishapError) Unwrap() error { return e.error }

func mishap(format string, args ...any) error { return &mishapError{fmt.Errorf(format, args...)} }

func isMishap(err error) bool {
	_, ok := errors.AsType[*mishapError](err)
	return ok
}

// Permission is an IAM action that a kind of change takes.
type Permission struct {
	Kind   Kind
	Action string
	Writes bool
}

// stepsOf are the aspects that changes of a kind touch.
var stepsOf = map[Kind][]Aspect{
	KindPolicy: {RepositoryPolicy, RegistryPolicy}, KindScanning: {ScanOnPush, RegistryScanning}, KindMutability: {TagMutability},
	KindTags: {ResourceTag}, KindTemplate: {CreationTemplate}, KindUntag: {ImageTag}, KindArchive: {StorageClass}, KindScan: {ImageScan},
	KindLifecycle: {LifecyclePolicy}, KindRestore: {ImageTag}, KindPurge: {ImageItself},
}

// guardsOf are the actions that looking before the first step takes.
var guardsOf = map[Kind][]string{
	KindUntag:     {"ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetLifecyclePolicy"},
	KindRestore:   {"ecr:BatchGetImage", "ecr:DescribeImages"},
	KindLifecycle: {"ecr:DescribeImages", "ecr:GetLifecyclePolicyPreview", "ecr:StartLifecyclePolicyPreview"},
	KindPurge:     {"ecr:BatchGetImage", "ecr:DescribeImages"},
}

// Permissions lists the IAM actions that changes of a kind take, reading ones
// first, from the table by which they are carried out.
func Permissions(k Kind) []Permission {
	all := aspects()
	reads, writes := slices.Clone(guardsOf[k]), []string(nil)
	for _, name := range stepsOf[k] {
		p := all[name].permissions()
		reads, writes = append(reads, p.read...), append(writes, p.write...)
	}
	var list []Permission
	for _, action := range sorted(reads) {
		list = append(list, Permission{k, action, false})
	}
	for _, action := range sorted(writes) {
		if !slices.Contains(reads, action) {
			list = append(list, Permission{k, action, true})
		}
	}
	return list
}

func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
