package portrait

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/imagegraph"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

const (
	mostImages   = 200
	mostTags     = 20
	mostChildren = 100
)

func drawImages(r *snapshot.Repository, e *evaluate.ImageEvidence, findings []finding.Finding) *report.DetailImages {
	s := selection{graph: e.Graph, shown: map[string]bool{}}
	for _, image := range concerned(r.Images, findings) {
		s.addConcerned(image)
	}
	if !s.full() {
		for _, root := range e.Graph.Roots() {
			s.add(s.tree(imagegraph.Part{Digest: root.Digest}, root))
			if s.full() {
				break
			}
		}
	}
	d := &report.DetailImages{
		Total: len(r.Images), Bytes: e.Bytes, Shown: make([]report.DetailImage, len(s.nodes)), Omitted: len(r.Images) - len(s.nodes),
	}
	for i, n := range s.nodes {
		d.Shown[i] = drawImage(n, e)
	}
	return d
}

// concerned are the images that findings are on, those with the worst first, and
// no more of them than are shown.
func concerned(images []snapshot.Image, findings []finding.Finding) (found []*snapshot.Image) {
	worst := map[string]int{}
	for i := range findings {
		if f := &findings[i]; f.Digest != "" && f.Status != finding.Waived {
			worst[f.Digest] = max(worst[f.Digest], gravity(f))
		}
	}
	if len(worst) == 0 {
		return nil
	}
	for i := range images {
		if worst[images[i].Digest] > 0 {
			found = append(found, &images[i])
		}
	}
	slices.SortFunc(found, func(a, b *snapshot.Image) int {
		return cmp.Or(cmp.Compare(worst[b.Digest], worst[a.Digest]), b.PushedAt.Compare(a.PushedAt), strings.Compare(a.Digest, b.Digest))
	})
	return found[:min(len(found), mostImages)]
}

// gravity orders findings by severity, and of one severity what is unknown
// below what fails. It is never 0.
func gravity(f *finding.Finding) int {
	g := 2 * (int(f.Severity) + 1)
	if f.Status == finding.Fail {
		g++
	}
	return g
}

// selection gathers the images to show, at most mostImages.
type selection struct {
	graph *imagegraph.Graph
	shown map[string]bool
	nodes []node
}

// node is an image with the platform that an index gives it.
type node struct {
	image    *snapshot.Image
	platform string
}

func (s *selection) full() bool { return len(s.nodes) >= mostImages }

func (s *selection) room() int { return mostImages - len(s.nodes) }

// add shows images as far as there is room.
func (s *selection) add(tree []node) {
	for _, n := range tree[:min(len(tree), s.room())] {
		s.nodes = append(s.nodes, n)
		s.shown[n.image.Digest] = true
	}
}

// addConcerned shows an image with all that it belongs to, or where there is no
// room for that with what belongs to it.
func (s *selection) addConcerned(image *snapshot.Image) {
	if s.full() || s.shown[image.Digest] {
		return
	}
	root := s.graph.Root(image)
	if whole := s.tree(imagegraph.Part{Digest: root.Digest}, root); len(whole) <= s.room() {
		s.add(whole)
	}
	if !s.shown[image.Digest] {
		s.add(s.tree(imagegraph.Part{Digest: image.Digest, Platform: s.graph.Platform(image)}, image))
	}
}

// tree is an image with everything that belongs to it and is not shown yet, as
// far as it could be shown.
func (s *selection) tree(of imagegraph.Part, image *snapshot.Image) (tree []node) {
	taken := map[string]bool{}
	var walk func(imagegraph.Part, *snapshot.Image)
	walk = func(of imagegraph.Part, image *snapshot.Image) {
		if image == nil || taken[of.Digest] || s.shown[of.Digest] || len(tree) > mostImages {
			return
		}
		taken[of.Digest] = true
		tree = append(tree, node{image, of.Platform})
		for _, part := range s.graph.Parts(image) {
			walk(part, s.graph.Image(part.Digest))
		}
	}
	walk(of, image)
	return tree
}

func drawImage(n node, e *evaluate.ImageEvidence) report.DetailImage {
	i := n.image
	d := report.DetailImage{
		Digest: i.Digest, Tags: i.Tags[:min(len(i.Tags), mostTags)], Kind: i.Kind, Platform: n.platform, Status: i.Status, Bytes: i.SizeBytes,
		PushedAt: i.PushedAt.UTC(), PulledAt: e.Graph.LastPull(i).UTC(),
		Release: slices.ContainsFunc(i.Tags, e.Settings.ReleaseTagsRegexp().MatchString),
	}
	if subjects := imagegraph.Subjects(i); len(subjects) > 0 {
		d.Subject = subjects[0]
	}
	for _, child := range i.Children[:min(len(i.Children), mostChildren)] {
		d.Children = append(d.Children, child.Digest)
	}
	if e.Scans && (i.Kind == snapshot.KindImage || i.Kind == snapshot.KindIndex) {
		drawScan(&d, e.Graph.Scan(i))
	}
	return d
}

// drawScan tells the vulnerabilities. Of an index of which not all is known it
// tells those that are surely there, beside the reason.
func drawScan(d *report.DetailImage, scan imagegraph.Scan) {
	d.Scan = string(scan.State)
	if !scan.Known() {
		d.Scan = scan.Reason
	}
	for severity, n := range scan.Counts {
		if n == 0 {
			continue
		}
		if d.Vulnerabilities == nil {
			d.Vulnerabilities = map[string]int{}
		}
		d.Vulnerabilities[severity] = n
	}
}
