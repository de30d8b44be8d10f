package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter/tw"

	"github.com/ecraudit/ecraudit/internal/imagegraph"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// scanCells is how wide the column of scan results is at most.
const scanCells = 24

func (v *imagesView) writeTable(to io.Writer, limit, width int) error {
	width = cmp.Or(width, defaultWidth)
	var text strings.Builder
	paragraph := func(indent, line string) {
		text.WriteString(strings.Join(folded(report.Printable(line), width, indent), "\n") + "\n")
	}
	r := v.repository
	paragraph("  ", fmt.Sprintf("%s of %s, %s, %s", r.Name, r.Target, v.number(), v.clock.Format("2006-01-02 15:04 UTC")))
	paragraph("  ", v.effectiveScanning())
	if sources := v.sources(); len(sources) > 0 {
		paragraph("  ", "Scan results by "+strings.Join(sources, " and "))
	}
	if len(v.roots) > 0 {
		text.WriteString("\n")
		if err := v.renderImages(&text, v.shownRoots(limit), width); err != nil {
			return err
		}
	}
	text.WriteString("\n")
	if left := len(v.roots) - len(v.shownRoots(limit)); left > 0 {
		paragraph("  ", fmt.Sprintf("%s older and not shown: --limit 0 shows all.", plural(left, "image is", "images are")))
	}
	v.remarks(paragraph)
	for _, gap := range v.gaps {
		paragraph("      ", "? "+gap.String())
	}
	_, err := io.WriteString(to, strings.TrimRight(text.String(), "\n")+"\n")
	return err
}

// number says how many images there are.
func (v *imagesView) number() string {
	if v.gap(snapshot.NeedImages) != nil {
		return "whose images could not be read"
	}
	return plural(len(v.repository.Images), "image", "images")
}

// remarks says what the table's signs mean where they occur.
func (v *imagesView) remarks(paragraph func(indent, line string)) {
	if n := v.broken(); n > 0 {
		paragraph("  ", fmt.Sprintf("%s broken: pulls fail for a platform whose image is missing.", plural(n, "index is", "indexes are")))
	}
	notAsked := func(i snapshot.Image) bool { return i.Kind == snapshot.KindImage && i.Scan == nil }
	if slices.ContainsFunc(v.repository.Images, notAsked) {
		paragraph("  ", "Only releases are asked for their scans: --scan asks for all images.")
	}
	if len(v.gaps) > 0 {
		paragraph("  ", "NOT KNOWN:")
	}
}

var frequencies = map[string]string{"SCAN_ON_PUSH": "on push", "CONTINUOUS_SCAN": "continuously", "MANUAL": "only when asked for"}

// effectiveScanning says what AWS does for the repository, and why.
func (v *imagesView) effectiveScanning() string {
	effective := v.repository.Scanning
	if effective == nil {
		return "How it is scanned is not known: it could not be read"
	}
	text := "Scanned " + cmp.Or(frequencies[effective.Frequency], effective.Frequency)
	switch len(effective.Filters) {
	case 0:
		text += ", because no filter of the registry matches it"
	case 1:
		text += fmt.Sprintf(", because the registry's filter %q matches it", effective.Filters[0])
	default:
		text += fmt.Sprintf(", because the registry's filters %q match it", effective.Filters)
	}
	if v.registry.Scanning != nil {
		text += ", by " + strings.ToLower(v.registry.Scanning.Type) + " scanning"
		if version := v.registry.Settings[scanVersionSetting]; version != "" && v.registry.Scanning.Type == "BASIC" {
			text += " (" + version + ")"
		}
	}
	if v.repository.ScanOnPush != effective.ScanOnPush {
		text += ". Its own flag says otherwise and decides nothing"
	}
	return text
}

func (v *imagesView) renderImages(to io.Writer, roots []*snapshot.Image, width int) error {
	header := []string{"IMAGE", "SIZE", "PUSHED", "PULLED", "SCAN"}
	var lines []treeLine
	shown := map[string]bool{}
	for _, root := range roots {
		lines = v.flatten(lines, v.tree(root, imagegraph.Part{Digest: root.Digest}, shown), "", "")
	}
	rows := make([][]string, len(lines))
	for i := range lines {
		rows[i] = append([]string{""}, v.facts(lines[i].imageNode)...)
	}
	room := max(width-widthOfOthers(header, rows), minNames)
	for i, line := range lines {
		rows[i][0] = strings.Join(folded(line.first+v.title(line.imageNode), room, line.rest), "\n")
	}
	return renderAligned(to, header, rows, []tw.Align{tw.AlignLeft, tw.AlignRight, tw.AlignRight, tw.AlignRight, tw.AlignLeft})
}

// treeLine is a node with the branches drawn before its first line, and before
// the others.
type treeLine struct {
	imageNode
	first, rest string
}

func (v *imagesView) flatten(lines []treeLine, n imageNode, first, below string) []treeLine {
	rest := below + "  "
	if len(n.parts) > 0 {
		rest = below + "│ "
	}
	lines = append(lines, treeLine{n, first, rest})
	for i, part := range n.parts {
		if i == len(n.parts)-1 {
			lines = v.flatten(lines, part, below+"└ ", below+"  ")
		} else {
			lines = v.flatten(lines, part, below+"├ ", below+"│ ")
		}
	}
	return lines
}

// title names an image: what it is, the beginning of its digest, its tags.
func (v *imagesView) title(n imageNode) string {
	words := []string{cmp.Or(n.platform, "image"), shortDigest(n.digest)}
	if n.image == nil {
		return report.Printable(strings.Join(words, " "))
	}
	if n.image.Kind != snapshot.KindImage {
		words[0] = string(n.image.Kind)
	}
	for _, tag := range n.image.Tags {
		if !isArtifact(n.image) || !strings.HasPrefix(tag, "sha256-") { // which is the digest that it describes
			words = append(words, tag)
		}
	}
	if n.image.Status != "ACTIVE" {
		words = append(words, "("+strings.ToLower(n.image.Status)+")")
	}
	if n.above {
		words = append(words, "(shown above)")
	}
	if missing := v.graph.Missing(n.image); missing != "" {
		words = append(words, "of "+shortDigest(missing)+", which is not here")
	}
	return report.Printable(strings.Join(words, " "))
}

// shortDigest is enough of a digest to tell it from others.
func shortDigest(digest string) string {
	hex := strings.TrimPrefix(digest, "sha256:")
	return hex[:min(12, len(hex))]
}

// facts are the cells beside an image's title.
func (v *imagesView) facts(n imageNode) []string {
	if n.image == nil {
		return []string{nothing, nothing, nothing, "MISSING"}
	}
	size := binarySize(n.image.SizeBytes)
	if n.image.Kind == snapshot.KindIndex {
		size = nothing // its images have theirs
	}
	return []string{
		size, v.since(n.image.PushedAt, "?"), v.since(v.graph.LastPull(n.image), "never"),
		strings.Join(folded(report.Printable(v.scanWords(n.image)), scanCells, " "), "\n"),
	}
}

// scanWords says what is known of an image's vulnerabilities.
func (v *imagesView) scanWords(i *snapshot.Image) string {
	if isArtifact(i) {
		return nothing
	}
	scan := v.graph.Scan(i)
	text := string(scan.State)
	switch {
	case scan.State == imagegraph.Unknown && i.Kind == snapshot.KindImage && scan.Status == "":
		text = "not asked"
	case scan.State == imagegraph.Unknown && i.Kind == snapshot.KindIndex && i.Children == nil:
		text = "unknown: not read"
	case scan.State == imagegraph.Findings:
		text = severityCounts(scan.Counts)
	}
	if !scan.ScannedAt.IsZero() {
		text += ", " + v.since(scan.ScannedAt, "") + " ago"
	}
	return text
}

// severityOrder is from worst to best.
var severityOrder = []string{"CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNTRIAGED", "UNDEFINED"}

func severityCounts(counts map[string]int) string {
	var words []string
	for _, severity := range severityOrder {
		if n := counts[severity]; n > 0 {
			words = append(words, strconv.Itoa(n)+" "+strings.ToLower(severity))
		}
	}
	return cmp.Or(strings.Join(words, ", "), "findings")
}

// since says how long ago a moment was, in the largest unit that fits.
func (v *imagesView) since(moment time.Time, never string) string {
	age := v.clock.Sub(moment)
	switch {
	case moment.IsZero():
		return never
	case age < time.Hour:
		return "<1 h"
	case age < 48*time.Hour:
		return fmt.Sprintf("%d h", age/time.Hour)
	default:
		return fmt.Sprintf("%d d", age/(24*time.Hour))
	}
}

// binarySize shows bytes in the largest unit that fits.
func binarySize(size int64) string {
	units := []string{"B", "KiB", "MiB", "GiB"}
	value, unit := float64(size), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	if unit == 0 || value >= 100 {
		return withCommas(strconv.FormatFloat(value, 'f', 0, 64)) + " " + units[unit]
	}
	return strconv.FormatFloat(value, 'f', 1, 64) + " " + units[unit]
}
