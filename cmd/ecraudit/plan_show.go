package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/ecraudit/ecraudit/internal/remediate"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// showPlan shows a plan to a person.
func showPlan(s streams, plan *remediate.Plan) error {
	p := newSheet(s)
	p.say("", "", "Plan %s of %s, organization %s", shortDigest(plan.Digest), plan.Clock.Format("2006-01-02 15:04 UTC"), orUnknown(plan.Organization))
	if !plan.Complete {
		p.say("", "", "Not everything could be read: what is missing is not in the plan. ecraudit audit says what and why.")
	}
	p.say("", "", "%s", planSummary(plan.Changes, len(plan.Left)))
	p.changes(plan.Changes)
	p.left(plan.Left)
	if len(plan.Changes)+len(plan.Left) > 0 {
		p.gap()
		p.say("", "", "%s", planSummary(plan.Changes, len(plan.Left)))
	}
	if plan.NotChosen > 0 {
		p.say("", "", "Not chosen: %s of a higher risk.", plural(plan.NotChosen, "change", "changes"))
	}
	return p.writeTo(s.out)
}

func orUnknown(text string) string {
	if text == "" {
		return "not known"
	}
	return text
}

// planSummary is "12 changes in 7 repositories of 3 accounts: 9 safe, 3 to review".
func planSummary(changes []remediate.Change, left int) string {
	if len(changes) == 0 && left == 0 {
		return "Nothing is to be changed."
	}
	repositories, registries, accounts, risks := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[remediate.Risk]int{}
	for i := range changes {
		c := &changes[i]
		accounts[c.Account] = true
		risks[c.Risk]++
		if c.Repository != "" {
			repositories[c.Where()] = true
		} else {
			registries[c.Where()] = true
		}
	}
	text := plural(len(changes), "change", "changes")
	if len(changes) > 0 {
		var places []string
		if n := len(repositories); n > 0 {
			places = append(places, plural(n, "repository", "repositories"))
		}
		if n := len(registries); n > 0 {
			places = append(places, plural(n, "registry", "registries"))
		}
		text += fmt.Sprintf(" in %s of %s", strings.Join(places, " and "), plural(len(accounts), "account", "accounts"))
		var parts []string
		for _, r := range []struct {
			risk  remediate.Risk
			words string
		}{{remediate.RiskSafe, "%d safe"}, {remediate.RiskReview, "%d to review"}, {remediate.RiskDestructive, "%d destructive"}} {
			if n := risks[r.risk]; n > 0 {
				parts = append(parts, fmt.Sprintf(r.words, n))
			}
		}
		text += ": " + strings.Join(parts, ", ")
	}
	if left > 0 {
		text += "; " + plural(left, "finding cannot be mended", "findings cannot be mended")
	}
	return text
}

// changes shows changes by repository.
func (p *sheet) changes(changes []remediate.Change) {
	where := ""
	for i := range changes {
		c := &changes[i]
		if at := c.Where(); at != where {
			where = at
			p.gap()
			p.say("", "", "%s%s", at, named(c.AccountName))
		}
		p.change(c)
	}
}

func named(account string) string {
	if account == "" {
		return ""
	}
	return " (" + account + ")"
}

func (p *sheet) change(c *remediate.Change) {
	title := fmt.Sprintf("%s: %s", c.Kind, strings.Join(c.Summary, "; "))
	p.say("  ", changeMark(c.Risk), "%s [%s, %s]", title, c.Risk, c.ID)
	if c.Image != nil {
		p.say("      ", "", "%s  %s  %s", shortDigests([]string{c.Image.Digest})[0], sizeText(c.Image.SizeBytes), tagList(c.Image.Tags))
	}
	for _, why := range c.Why {
		p.say("      ", "mends ", "%s (%s): %s", why.Rule, why.Severity, why.Message)
	}
	for _, text := range c.Loses {
		p.say("      ", "loses ", "%s", text)
	}
	for _, text := range c.Gains {
		p.say("      ", "gains ", "%s", text)
	}
	p.expiry(c.Expiry)
	for _, text := range c.Notes {
		p.say("      ", "note  ", "%s", text)
	}
	for _, s := range c.Steps {
		p.difference(s)
	}
}

func changeMark(r remediate.Risk) string {
	return map[remediate.Risk]string{remediate.RiskSafe: "~ ", remediate.RiskReview: "! ", remediate.RiskDestructive: "!! "}[r]
}

func (p *sheet) expiry(e *remediate.Expiry) {
	if e == nil {
		return
	}
	text := fmt.Sprintf("%s, %s", plural(len(e.Images), "image", "images"), sizeText(e.Bytes))
	if e.Already > 0 {
		text += fmt.Sprintf(", %d of which the present policy expires as well", e.Already)
	}
	if e.Undecided > 0 {
		text += fmt.Sprintf("; of %d more it cannot be told", e.Undecided)
	}
	p.say("      ", "expires ", "%s within a day of the change", text)
	for _, digest := range e.Images[:min(len(e.Images), 3)] {
		p.say("        ", "", "%s", shortDigests([]string{digest})[0])
	}
	if more := len(e.Images) - 3; more > 0 {
		p.say("        ", "", "and %d more", more)
	}
}

// difference shows what a step changes, as a unified diff of the two states.
func (p *sheet) difference(s remediate.Step) {
	if s.Aspect == remediate.ImageTag || s.Aspect == remediate.StorageClass || s.Aspect == remediate.ImageScan || s.Aspect == remediate.ImageItself {
		return // the summary says it all
	}
	from, to := byElement(stateText(s, s.From)), byElement(stateText(s, s.To))
	lines := slices.Collect(strings.Lines(udiff.Unified("now", "then", from, to)))
	for i, line := range lines {
		line, _, _ = strings.Cut(line, elementMark)
		switch {
		case i < 2 || strings.HasPrefix(line, `\ `): // names, and remarks on the end of lines
		case strings.HasPrefix(line, "@@"):
			if i > 2 {
				p.show("      :\n")
			}
		default:
			p.show("      | " + strings.TrimRight(line, "\n") + "\n")
		}
	}
}

// elementMark stands between a line and the statement or rule that it is of.
const elementMark = "\x00"

// byElement marks each line of a policy with the statement or rule that it is
// of, so that a diff never takes a line of one for the same line of another.
func byElement(text string) string {
	var marked, element strings.Builder
	key := ""
	for line := range strings.Lines(text) {
		body := strings.TrimRight(line, "\n")
		switch {
		case body == "    {":
			key = ""
			element.Reset()
		case strings.HasPrefix(body, `      "Sid": `):
			key = strings.TrimSuffix(body, ",")
		}
		if body == "    {" || element.Len() > 0 {
			element.WriteString(body + "\n")
		} else {
			marked.WriteString(body + elementMark + "\n")
		}
		if body == "    }" || body == "    }," {
			whole := element.String()
			if key == "" {
				key = withoutNumber(whole)
			}
			for inner := range strings.Lines(whole) {
				marked.WriteString(strings.TrimRight(inner, "\n") + elementMark + key + "\n")
			}
			element.Reset()
		}
	}
	marked.WriteString(element.String())
	return strings.ReplaceAll(strings.ReplaceAll(marked.String(), "    },"+elementMark, "    }"+elementMark), "\n\n", "\n")
}

// withoutNumber is a lifecycle rule without its priority, as one line.
func withoutNumber(rule string) string {
	var kept []string
	for line := range strings.Lines(rule) {
		if !strings.Contains(line, `"rulePriority"`) && strings.TrimSpace(line) != "}," && strings.TrimSpace(line) != "}" {
			kept = append(kept, strings.TrimSpace(line))
		}
	}
	return strings.Join(kept, " ")
}

// stateText writes a state for a diff: documents as indented JSON, with members
// in the order in which they stand.
func stateText(s remediate.Step, state remediate.State) string {
	value := any(nil)
	switch {
	case state.Document != "":
		return indented(state.Document)
	case state.Enabled != nil:
		return fmt.Sprintf("%s: %t\n", s.Aspect, *state.Enabled)
	case state.Value != nil:
		return fmt.Sprintf("%s: %s\n", s.Name, *state.Value)
	case state.Scanning != nil:
		value = state.Scanning
	case state.Mutability != nil:
		value = state.Mutability
	case state.Template != nil:
		value = readableTemplate(*state.Template)
	default:
		return ""
	}
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return ""
	}
	return string(text) + "\n"
}

// readableTemplate has the policies of a template as JSON rather than as texts.
func readableTemplate(t snapshot.CreationTemplate) map[string]any {
	fields := map[string]any{
		"applied_for": t.AppliedFor, "mutability": t.Mutability, "encryption": t.Encryption, "tags": t.Tags,
		"description": t.Description, "custom_role_arn": t.CustomRoleARN,
	}
	for name, text := range map[string]string{"policy": t.Policy, "lifecycle": t.Lifecycle} {
		var document any
		if json.Unmarshal([]byte(text), &document) == nil {
			fields[name] = document
		}
	}
	return fields
}

func indented(document string) string {
	var text strings.Builder
	var raw json.RawMessage
	if json.Unmarshal([]byte(document), &raw) != nil {
		return document
	}
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if encoder.Encode(raw) != nil {
		return document
	}
	return text.String()
}

// fewLeft is how many findings of a rule that are left for one reason are shown
// one by one, and of more of them how many places.
const fewLeft = 5

// left shows what no change mends. Many findings of a rule that are left for one
// reason stand together.
func (p *sheet) left(left []remediate.Left) {
	if len(left) == 0 {
		return
	}
	p.gap()
	p.say("", "", "NOT MENDED")
	type kind struct{ rule, reason string }
	alike := map[kind][]remediate.Left{}
	for _, l := range left {
		alike[kind{l.Rule, l.Reason}] = append(alike[kind{l.Rule, l.Reason}], l)
	}
	said := map[string]bool{}
	for _, l := range left {
		of := kind{l.Rule, l.Reason}
		switch same := alike[of]; {
		case len(same) == 0:
			continue // was said with the first of them
		case len(same) > fewLeft:
			p.leftTogether(same)
			alike[of] = nil
		default:
			p.say("  ", "- ", "%s: %s: %s", placeOf(l), l.Rule, l.Reason)
		}
		p.stepsByHand(l.Steps, said)
	}
}

func (p *sheet) leftTogether(left []remediate.Left) {
	p.say("  ", "- ", "%s: %s: %s", plural(len(left), "finding", "findings"), left[0].Rule, left[0].Reason)
	for _, l := range left[:fewLeft] {
		p.say("      ", "", "%s", placeOf(l))
	}
	p.say("      ", "", "and %d more", len(left)-fewLeft)
}

func placeOf(l remediate.Left) string {
	where := l.Target.String()
	if l.Repository != "" {
		where += "/" + l.Repository
	}
	if l.Digest != "" {
		where += "@" + shortDigests([]string{l.Digest})[0]
	}
	return where
}

// stepsByHand are what a person would do, said once.
func (p *sheet) stepsByHand(all []string, said map[string]bool) {
	steps := strings.Join(all, "\n")
	if steps != "" && said[steps] {
		p.say("      ", "", "The steps are those above.")
		return
	}
	said[steps] = true
	for i, step := range all {
		mark := ""
		if len(all) > 1 {
			mark = fmt.Sprintf("%d. ", i+1)
		}
		p.say("      ", mark, "%s", step)
	}
}
