package main

import (
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/ecraudit/ecraudit/internal/imagegraph"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// imagesView is one repository with the graph of its images.
type imagesView struct {
	*subject
	graph *imagegraph.Graph
	roots []*snapshot.Image // what belongs to no other image, the newest first
	gaps  []unreadGroup
}

func newImagesView(s *subject, gaps []unreadGroup) *imagesView {
	graph := imagegraph.New(s.repository.Images)
	return &imagesView{subject: s, graph: graph, roots: graph.Roots(), gaps: gaps}
}

// imageNode is an image at one place of the tree. An image is at several where
// several indexes refer to it.
type imageNode struct {
	digest   string
	platform string          // that an index gives
	image    *snapshot.Image // nil when the repository does not hold it
	parts    []imageNode     // the images of an index, and what describes the image
	above    bool            // the parts are shown at another place before
}

// tree is an image with everything that belongs to it. What has parts is
// followed once only, and then in shown.
func (v *imagesView) tree(image *snapshot.Image, of imagegraph.Part, shown map[string]bool) imageNode {
	n := imageNode{digest: of.Digest, platform: of.Platform, image: image}
	if n.image == nil {
		return n
	}
	parts := v.graph.Parts(n.image)
	if n.above = len(parts) > 0 && shown[n.digest]; n.above {
		return n
	}
	shown[n.digest] = true
	for _, part := range parts {
		n.parts = append(n.parts, v.tree(v.graph.Image(part.Digest), part, shown))
	}
	return n
}

func isArtifact(i *snapshot.Image) bool {
	return i.Kind != snapshot.KindImage && i.Kind != snapshot.KindIndex
}

// broken counts the indexes that refer to what is not there.
func (v *imagesView) broken() (n int) {
	for _, image := range v.repository.Images {
		if slices.ContainsFunc(image.Children, func(c snapshot.Child) bool { return v.graph.Image(c.Digest) == nil }) {
			n++
		}
	}
	return n
}

// sources are the operations that told scan results, sorted.
func (v *imagesView) sources() (sources []string) {
	for _, image := range v.repository.Images {
		if image.Scan != nil && image.Scan.Source != "" {
			sources = append(sources, image.Scan.Source)
		}
	}
	slices.Sort(sources)
	return slices.Compact(sources)
}

// The JSON document. Images are in order of their digests.
type (
	imagesDocument struct {
		Repository string        `json:"repository"`
		ARN        string        `json:"arn"`
		Clock      time.Time     `json:"clock"`
		Scanning   scanningView  `json:"scanning"`
		Images     []imageView   `json:"images"`
		Complete   bool          `json:"complete"`
		Gaps       []unreadGroup `json:"gaps"`
	}
	// scanningView is the scanning that holds. A field is empty or null where it
	// could not be read.
	scanningView struct {
		Type           string   `json:"type"` // BASIC or ENHANCED
		Version        string   `json:"basic_version"`
		Frequency      string   `json:"frequency"`
		Filters        []string `json:"filters"` // of the registry, that give the frequency
		RepositoryFlag bool     `json:"repository_flag"`
		Sources        []string `json:"sources"` // the operations that told scan results
	}
	imageView struct {
		Digest       string        `json:"digest"`
		Tags         []string      `json:"tags"`
		Kind         snapshot.Kind `json:"kind"`
		Status       string        `json:"status"`
		SizeBytes    int64         `json:"size_bytes"`
		PushedAt     time.Time     `json:"pushed_at,omitzero"`
		LastPulledAt time.Time     `json:"last_pulled_at,omitzero"` // itself or as a part of an index
		Subject      string        `json:"subject,omitempty"`
		Children     []childView   `json:"children"` // null where the manifest of an index was not read
		Parents      []string      `json:"parents"`
		Referrers    []string      `json:"referrers"`
		Scan         *scanView     `json:"scan"` // null where there is nothing to scan
	}
	childView struct {
		Digest      string `json:"digest"`
		Platform    string `json:"platform,omitempty"`
		Attestation bool   `json:"attestation,omitempty"`
		Missing     bool   `json:"missing"`
	}
	scanView struct {
		State     string         `json:"state"`
		Reason    string         `json:"reason,omitempty"`
		Status    string         `json:"status,omitempty"`
		Counts    map[string]int `json:"counts"`
		Source    string         `json:"source,omitempty"`
		ScannedAt time.Time      `json:"scanned_at,omitzero"`
	}
)

func (v *imagesView) writeJSON(to io.Writer, limit int) error {
	d := imagesDocument{
		Repository: v.repository.Name, ARN: v.repository.ARN, Clock: v.clock, Scanning: v.scanning(),
		Images: []imageView{}, Complete: len(v.gaps) == 0, Gaps: v.gaps,
	}
	for _, image := range v.within(limit) {
		d.Images = append(d.Images, v.imageView(image))
	}
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(d)
}

// shownRoots are the newest images that belong to no other.
func (v *imagesView) shownRoots(limit int) []*snapshot.Image {
	if limit > 0 && len(v.roots) > limit {
		return v.roots[:limit]
	}
	return v.roots
}

// within are the images of the trees that are shown, by digest.
func (v *imagesView) within(limit int) (images []*snapshot.Image) {
	shown := map[string]bool{}
	for _, root := range v.shownRoots(limit) {
		v.graph.Reach(root.Digest, shown)
	}
	for i := range v.repository.Images {
		if image := &v.repository.Images[i]; shown[image.Digest] {
			images = append(images, image)
		}
	}
	return images
}

func (v *imagesView) scanning() scanningView {
	s := scanningView{RepositoryFlag: v.repository.ScanOnPush, Version: v.registry.Settings[scanVersionSetting], Sources: v.sources()}
	if v.registry.Scanning != nil {
		s.Type = v.registry.Scanning.Type
	}
	if e := v.repository.Scanning; e != nil {
		s.Frequency, s.Filters = e.Frequency, append([]string{}, e.Filters...)
	}
	if s.Sources == nil {
		s.Sources = []string{}
	}
	return s
}

// scanVersionSetting is the account setting that says which generation of basic
// scanning holds.
const scanVersionSetting = "BASIC_SCAN_TYPE_VERSION"

func (v *imagesView) imageView(i *snapshot.Image) imageView {
	view := imageView{
		Digest: i.Digest, Tags: append([]string{}, i.Tags...), Kind: i.Kind, Status: i.Status, SizeBytes: i.SizeBytes,
		PushedAt: i.PushedAt, LastPulledAt: v.graph.LastPull(i), Subject: i.Subject,
		Parents: digestsOf(v.graph.Parents(i)), Referrers: digestsOf(v.graph.Referrers(i)),
	}
	if i.Children != nil || i.Kind != snapshot.KindIndex {
		view.Children = []childView{}
	}
	for _, c := range i.Children {
		view.Children = append(view.Children, childView{c.Digest, c.Platform, c.Attestation, v.graph.Image(c.Digest) == nil})
	}
	if !isArtifact(i) {
		scan := v.graph.Scan(i)
		view.Scan = &scanView{string(scan.State), scan.Reason, scan.Status, scan.Counts, scan.Source, scan.ScannedAt}
	}
	return view
}

func digestsOf(images []*snapshot.Image) []string {
	list := make([]string, len(images))
	for i, image := range images {
		list[i] = image.Digest
	}
	slices.Sort(list)
	return slices.Compact(list)
}
