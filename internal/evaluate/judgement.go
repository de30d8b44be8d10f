package evaluate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// judgement gathers the findings on one registry or repository.
type judgement struct {
	engine     *Engine
	target     snapshot.Target
	repository *snapshot.Repository // nil for a registry
	settings   *config.Effective
	gap        func(snapshot.Need) *snapshot.Gap
	findings   []keyed
	guessed    bool // settings are, as it is not known which hold
}

// keyed is a finding with the rule's own key, which tells apart what one rule
// finds in one place.
type keyed struct {
	finding.Finding
	key string
}

// base is the part of the input that every scope sees.
func (j *judgement) base(registry *ast.Term) (object, error) {
	settings, err := j.engine.settingsTerm(j.settings)
	if err != nil {
		return nil, err
	}
	base := make(object, 0, 6)
	base.set("now", j.engine.now)
	base.set("config", settings)
	base.set("organization", j.engine.organizationTerm)
	base.set("registry", registry)
	return base, nil
}

// run evaluates those of the rules whose documents were read, and says of the
// others, once, that they cannot tell.
func (j *judgement) run(ctx context.Context, rules []*Rule, input object) error {
	var ready []*Rule
	for _, rule := range rules {
		if !j.settings.Enabled(rule.ID, !rule.Optional) {
			continue
		}
		if gap := j.missing(rule); gap != nil {
			j.add(rule, finding.Unknown, answer{Message: cannotTell(gap)})
			continue
		}
		ready = append(ready, rule)
	}
	if len(ready) == 0 {
		return nil
	}
	return j.runReady(ctx, ready, ast.NewObject(input...))
}

// runReady evaluates rules in one query, and those that failed before each by
// itself, so that they do not make the others fail again.
func (j *judgement) runReady(ctx context.Context, rules []*Rule, input ast.Value) error {
	var together, apart []*Rule
	for _, rule := range rules {
		failed, _, ended := j.engine.conducts[rule.ID].evaluatedApart()
		switch {
		case ended != "":
			j.failed(rule, "not run any more: "+ended)
		case failed:
			apart = append(apart, rule)
		default:
			together = append(together, rule)
		}
	}
	if err := j.runTogether(ctx, together, input); err != nil {
		return err
	}
	for _, rule := range apart {
		_, slow, _ := j.engine.conducts[rule.ID].evaluatedApart()
		if err := j.runOne(ctx, rule, input, slow); err != nil {
			return err
		}
	}
	return nil
}

// runTogether evaluates rules in one query. Where that fails, it finds out
// which rule does, so that the others still count: it costs the time limit once,
// and once more for each rule that is too slow.
func (j *judgement) runTogether(ctx context.Context, rules []*Rule, input ast.Value) error {
	if len(rules) == 0 {
		return nil
	}
	began := time.Now()
	err := j.evaluate(ctx, rules, input)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return j.findSlow(ctx, rules, input, time.Since(began))
	}
	crowded := errors.Is(err, errTimeout) || errors.Is(err, errUnstoppable) || errors.Is(err, errMemory)
	for _, rule := range rules {
		if err := j.runOne(ctx, rule, input, crowded); err != nil {
			return err
		}
	}
	return nil
}

// runOne evaluates a rule by itself, where it may be a slow one while no other is.
func (j *judgement) runOne(ctx context.Context, rule *Rule, input ast.Value, alone bool) error {
	if alone {
		release, err := j.engine.alone(ctx)
		if err != nil {
			return err
		}
		defer release()
	}
	c := j.engine.conducts[rule.ID]
	if _, _, ended := c.evaluatedApart(); ended != "" { // while this waited
		j.failed(rule, "not run any more: "+ended)
		return nil
	}
	began := time.Now()
	err := j.evaluate(ctx, []*Rule{rule}, input)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.note(j.where(), time.Since(began), j.engine.options.TimeLimit, err)
	if err != nil {
		j.failed(rule, fmt.Sprintf("the rule failed: %v", err))
	}
	return nil
}

// failed says that a rule gave no verdict.
func (j *judgement) failed(rule *Rule, why string) {
	j.engine.failures.Add(1)
	j.add(rule, finding.Unknown, answer{Message: why, Key: "failed"})
}

// findSlow times rules that took long together one by one, a few times in a run,
// so that it can be said which of them it is. What they answer is known already.
func (j *judgement) findSlow(ctx context.Context, rules []*Rule, input ast.Value, took time.Duration) error {
	if took < j.engine.slow() || j.engine.timings.Add(1) > slowTimings {
		return nil
	}
	release, err := j.engine.alone(ctx)
	if err != nil {
		return err
	}
	defer release()
	for _, rule := range rules {
		query, err := j.engine.prepare(ctx, []*Rule{rule})
		if err != nil {
			return compileError(err)
		}
		began := time.Now()
		if _, err := j.engine.answerOf(ctx, query, input); ctx.Err() != nil {
			return ctx.Err()
		} else if err == nil {
			j.engine.conducts[rule.ID].note(j.where(), time.Since(began), j.engine.options.TimeLimit, nil)
		}
	}
	return nil
}

// where is what is judged: a registry, a repository, or the organization.
func (j *judgement) where() string {
	place := strings.Trim(j.target.String(), "/")
	switch {
	case j.repository != nil:
		return place + "/" + j.repository.Name
	case place == "":
		return "the organization"
	}
	return place
}

func (j *judgement) missing(rule *Rule) *snapshot.Gap {
	for _, need := range rule.Needs {
		if gap := j.gap(need); gap != nil {
			return gap
		}
	}
	return nil
}

func cannotTell(gap *snapshot.Gap) string {
	message := fmt.Sprintf("cannot tell: %s could not be read (%s: %s)", strings.ReplaceAll(string(gap.Need), "-", " "), gap.Code, gap.Message)
	if gap.Permission != "" {
		message += "; the role needs " + gap.Permission
	}
	return message
}

// undecided says of every rule of the scopes that it cannot tell, because which
// settings hold for a resource depends on what could not be read.
func (j *judgement) undecided(why string, resource config.Resource, scopes ...finding.Scope) {
	j.engine.doubted.CompareAndSwap(nil, &why)
	j.guessed = true
	for _, rule := range j.engine.rules {
		if slices.Contains(scopes, rule.Scope) && !rule.engine && j.engine.config.MayRunFor(resource, rule.ID, !rule.Optional) {
			j.add(rule, finding.Unknown, answer{Message: why})
		}
	}
}

// evaluate runs rules in one query and adds what they answer, or adds nothing.
func (j *judgement) evaluate(ctx context.Context, rules []*Rule, input ast.Value) error {
	query, err := j.engine.prepare(ctx, rules)
	if err != nil {
		return compileError(err)
	}
	results, err := j.engine.answerOf(ctx, query, input)
	if err != nil {
		return err
	}
	if len(results) != 1 {
		return errors.New("the rule gives no answer")
	}
	answers, err := decodeAnswers(results[0].Bindings["answer"])
	if err != nil {
		return err
	}
	for _, rule := range rules {
		for _, a := range answers[rule.ID].Deny {
			j.add(rule, finding.Fail, a)
		}
		for _, a := range answers[rule.ID].Unknown {
			j.add(rule, finding.Unknown, a)
		}
	}
	return nil
}

// answer is what a rule says of one resource.
type answer struct {
	Message string          `json:"message"`
	Digest  string          `json:"digest"`
	Tag     string          `json:"tag"`
	Key     string          `json:"key"`
	Fix     json.RawMessage `json:"fix"`
}

type answers struct {
	Deny    []answer `json:"deny"`
	Unknown []answer `json:"unknown"`
}

func decodeAnswers(value any) (map[string]answers, error) {
	if rules, ok := value.(map[string]any); ok && !anyAnswer(rules) {
		return nil, nil
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(strings.NewReader(string(encoded)))
	decoder.DisallowUnknownFields()
	var decoded map[string]answers
	if err := decoder.Decode(&decoded); err != nil {
		return nil, fmt.Errorf("a finding is an object of message, digest, tag, key and fix: %w", inWordsOfRego(err))
	}
	for _, of := range decoded {
		for _, a := range slices.Concat(of.Deny, of.Unknown) {
			if err := a.check(); err != nil {
				return nil, err
			}
		}
	}
	return decoded, nil
}

// inWordsOfRego says which field has a value of the wrong type.
func inWordsOfRego(err error) error {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err
	}
	field := wrong.Field[strings.LastIndex(wrong.Field, ".")+1:]
	if field == "deny" || field == "unknown" {
		return fmt.Errorf("%s contains a %s, which is none", field, wrong.Value)
	}
	return fmt.Errorf("%s is a %s, and is to be a text", field, wrong.Value)
}

// anyAnswer reports whether some rule said something, as most do not.
func anyAnswer(rules map[string]any) bool {
	for _, rule := range rules {
		for _, set := range rule.(map[string]any) {
			if list, ok := set.([]any); !ok || len(list) > 0 {
				return true
			}
		}
	}
	return false
}

func (a answer) check() error {
	if strings.TrimSpace(a.Message) == "" {
		return errors.New("a finding has no message")
	}
	if a.Fix == nil {
		return nil
	}
	_, err := finding.ParseFix(a.Fix)
	return err
}

func (j *judgement) add(rule *Rule, status finding.Status, a answer) {
	f := finding.Finding{
		Rule: rule.ID, Severity: j.settings.Severity(rule.ID, rule.Severity), Status: status,
		Account: j.target.Account, Region: j.target.Region,
		Digest: a.Digest, Tag: a.Tag, Message: a.Message, Remediation: rule.Remediation, Fix: a.Fix,
	}
	if j.repository != nil {
		f.Repository, f.RepositoryARN = j.repository.Name, j.repository.ARN
	}
	j.findings = append(j.findings, keyed{f, a.Key})
}

// finish orders the findings, drops repetitions and gives each its fingerprint.
func (j *judgement) finish() []finding.Finding {
	slices.SortFunc(j.findings, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Digest, b.Digest), cmp.Compare(a.Tag, b.Tag),
			cmp.Compare(a.Status, b.Status), cmp.Compare(a.key, b.key), cmp.Compare(a.Message, b.Message), slices.Compare(a.Fix, b.Fix))
	})
	result := make([]finding.Finding, 0, len(j.findings))
	seen := map[string]int{}
	for i, f := range j.findings {
		if i > 0 && f.key == j.findings[i-1].key && sameFinding(f.Finding, j.findings[i-1].Finding) {
			continue
		}
		identity := strings.Join([]string{f.Rule, f.Account, f.Region, f.Repository, f.Digest, f.Tag, f.key}, "\x00")
		seen[identity]++
		if n := seen[identity]; n > 1 {
			identity += fmt.Sprintf("\x00%d", n)
		}
		sum := sha256.Sum256([]byte(identity))
		f.Fingerprint = hex.EncodeToString(sum[:16])
		result = append(result, f.Finding)
	}
	return result
}

func sameFinding(a, b finding.Finding) bool {
	return a.Rule == b.Rule && a.Status == b.Status && a.Digest == b.Digest && a.Tag == b.Tag && a.Message == b.Message && slices.Equal(a.Fix, b.Fix)
}

func oneLine(err error) error {
	return errors.New(strings.Join(strings.Fields(err.Error()), " "))
}
