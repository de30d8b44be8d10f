package evaluate

import (
	"context"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Measurement is what judging took: of OPA for each rule alone, and of all.
type Measurement struct {
	Registries, Repositories, Images int
	Rules                            map[string]time.Duration // by id: OPA's evaluation, the shortest of some
	TooSlow                          map[string]int           // by id: how often it took longer than the time limit
	Building                         time.Duration            // of the inputs
	Judging                          time.Duration            // as in an audit, with all rules, inputs included
}

// rounds is how often each evaluation is timed; the shortest counts, because
// others only wait for other things of the machine.
const rounds = 3

// Meter measures what rules cost. It is used by one goroutine.
type Meter struct {
	engine *Engine
	result Measurement
}

// NewMeter measures the rules of an engine that has begun.
func NewMeter(e *Engine) *Meter {
	return &Meter{engine: e, result: Measurement{Rules: map[string]time.Duration{}, TooSlow: map[string]int{}}}
}

// Registry measures the rules on a registry.
func (m *Meter) Registry(ctx context.Context, r *snapshot.Registry) error {
	m.result.Registries++
	e := m.engine
	judged, err := better(func() error {
		_, err := e.ImagineRegistry(ctx, r)
		return err
	})
	if err != nil {
		return err
	}
	m.result.Judging += judged
	e.table.addRegistry(e, r)
	settings, _ := e.config.Decide(e.accounts.Target(r.Target))
	j := &judgement{engine: e, target: r.Target, settings: settings, gap: r.Gap}
	base, err := j.base(e.registryValue(r))
	if err != nil {
		return err
	}
	return m.rules(ctx, j, e.rulesOf(finding.ScopeRegistry), base)
}

// Repository measures the rules on a repository and its images.
func (m *Meter) Repository(ctx context.Context, reg *snapshot.Registry, r *snapshot.Repository) error {
	m.result.Repositories++
	m.result.Images += len(r.Images)
	e := m.engine
	judged, err := better(func() error {
		_, err := e.Imagine(ctx, reg, r)
		return err
	})
	if err != nil {
		return err
	}
	m.result.Judging += judged
	began := time.Now()
	v := e.view(reg, r)
	j := e.judgementOf(v)
	base, err := j.repositoryInput(v)
	if err != nil {
		return err
	}
	m.result.Building += time.Since(began)
	e.table.addRepository(e, v)
	if v.undecided != "" {
		return nil
	}
	if err := m.rules(ctx, j, e.rulesOf(finding.ScopeRepository), base); err != nil {
		return err
	}
	began = time.Now()
	for rules, input := range e.imageInputs(base, v) {
		m.result.Building += time.Since(began)
		if err := m.rules(ctx, j, rules, input); err != nil {
			return err
		}
		began = time.Now()
	}
	m.result.Building += time.Since(began)
	return nil
}

// Finish measures the rules on the organization, and returns the measurement.
func (m *Meter) Finish(ctx context.Context) (Measurement, error) {
	e := m.engine
	if !e.judgesOrganization() {
		return m.result, nil
	}
	j := &judgement{engine: e, settings: e.config.For(config.Resource{}), gap: func(snapshot.Need) *snapshot.Gap { return nil }}
	input, err := j.organizationInput()
	if err != nil {
		return m.result, err
	}
	before := m.sum()
	err = m.rules(ctx, j, e.rulesOf(finding.ScopeOrganization), input)
	m.result.Judging += m.sum() - before
	return m.result, err
}

func (m *Meter) sum() (all time.Duration) {
	for _, d := range m.result.Rules {
		all += d
	}
	return all
}

// rules times each rule alone. One that fails or takes too long counts with the
// time until then: what it costs is what is asked. One that takes too long several
// times is measured no further, as an audit would not run it any more.
func (m *Meter) rules(ctx context.Context, j *judgement, rules []*Rule, input object) error {
	value := ast.NewObject(input...)
	for _, rule := range rules {
		if !j.settings.Enabled(rule.ID, !rule.Optional) || j.missing(rule) != nil || m.result.TooSlow[rule.ID] >= timeoutsInARow {
			continue
		}
		query, err := m.engine.prepare(ctx, []*Rule{rule})
		if err != nil {
			return fmt.Errorf("measuring %s: %w", rule.ID, compileError(err))
		}
		took, expired := m.shortest(ctx, func(limited context.Context) {
			_, _ = query.Eval(limited, rego.EvalParsedInput(value))
		})
		m.result.Rules[rule.ID] += took
		if expired {
			m.result.TooSlow[rule.ID]++
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// shortest also reports whether the time limit ended an evaluation.
func (m *Meter) shortest(ctx context.Context, evaluate func(context.Context)) (least time.Duration, expired bool) {
	for i := range rounds {
		limited, cancel := context.WithTimeout(ctx, m.engine.options.TimeLimit)
		took, _ := timed(func() error { evaluate(limited); return nil })
		expired = limited.Err() != nil
		cancel()
		if i == 0 || took < least {
			least = took
		}
		if expired {
			break
		}
	}
	return least, expired
}

// better is the shorter of two times: the first compiles what is kept after.
func better(f func() error) (time.Duration, error) {
	first, err := timed(f)
	if err != nil {
		return 0, err
	}
	second, err := timed(f)
	return min(first, second), err
}

func timed(f func() error) (time.Duration, error) {
	began := time.Now()
	err := f()
	return time.Since(began), err
}
