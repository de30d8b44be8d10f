package workbench

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

var inputImages = ast.MustParseRef("input.images")

// replacedInput finds rules that evaluate something on another input.
func (c *linter) replacedInput(rule *evaluate.Rule) {
	ast.WalkExprs(rule.Module(), func(e *ast.Expr) bool {
		for _, with := range e.With {
			if ref, ok := with.Target.Value.(ast.Ref); ok && ref[0].Equal(ast.InputRootDocument) {
				c.report("input-replaced", rule, with.Location, "hand what differs to a function as an argument", "%s replaces the input: everything that was known of it is evaluated again", with.Target)
			}
		}
		if operator := e.Operator(); operator.String() == "print" {
			c.report("print", rule, e.Location, "remove it: nobody sees what it prints", "a print is left in the rule")
		}
		return false
	})
}

// nestedImages finds bodies that go over the images of a page more than once.
func (c *linter) nestedImages(rule *evaluate.Rule) {
	if rule.Scope != finding.ScopeImage {
		return
	}
	for _, r := range rule.Module().Rules {
		loops := imageLoops(r)
		allowed := 1
		if len(r.Head.Args) > 0 {
			allowed = 0 // a function is called for each image
		}
		for i, at := range loops {
			if i < allowed {
				continue
			}
			message := "the images of the page are gone over again for each image"
			if allowed == 0 {
				message = "a function goes over the images of the page, each time it is called"
			}
			c.report("nested-images", rule, at, "look at each image for itself: what is needed of others stands in parents, children, inherited_tags and input.repository.stats; make a set of what is needed in a rule of its own otherwise", "%s", message)
		}
	}
}

// imageLoops are the places where a rule goes over the images.
func imageLoops(r *ast.Rule) []*ast.Location {
	var loops []*ast.Location
	visitor := ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Every:
			if isImages(x.Domain) {
				loops = append(loops, x.Location)
			}
		case *ast.SomeDecl:
			if call, ok := x.Symbols[0].Value.(ast.Call); ok && isImages(call[len(call)-1]) {
				loops = append(loops, x.Location)
			}
		case *ast.Term:
			ref, ok := x.Value.(ast.Ref)
			if ok && ref.HasPrefix(inputImages) && len(ref) > len(inputImages) && !ref[len(inputImages)].IsGround() {
				loops = append(loops, x.Location)
			}
		}
		return false
	})
	visitor.Walk(r)
	return loops
}

func isImages(term *ast.Term) bool { return term.Value.Compare(inputImages) == 0 }

// negations finds calls under not whose operands may be absent. OPA evaluates
// operands before the negation, so that the body is undefined then, not true.
func (c *linter) negations(rule *evaluate.Rule) {
	for _, r := range rule.Module().Rules {
		elements := elementsOf(r)
		ast.WalkExprs(r, func(e *ast.Expr) bool {
			terms, isCall := e.Terms.([]*ast.Term)
			if !e.Negated || !isCall || plainComparison(e) {
				return false
			}
			for _, term := range terms[1:] {
				ref, ok := resolved(term, elements)
				if !ok || alsoPlain(r, term) || !evaluate.MayBeAbsent(rule, ref) && !strings.HasPrefix(e.Operator().String(), "is_") {
					continue
				}
				c.report("not-of-absent", rule, e.Location, "use not "+term.String()+" where it is absent, or object.get with a value to take then",
					"where %s is absent, this is undefined and not true: OPA evaluates the operands of a call before not", term)
			}
			return false
		})
	}
}

// alsoPlain reports whether the rule holds only where the term is there anyway,
// because it is in an expression without not as well.
func alsoPlain(r *ast.Rule, term *ast.Term) bool {
	for _, e := range r.Body {
		found := false
		ast.WalkTerms(e, func(t *ast.Term) bool {
			found = found || t.Equal(term)
			return found
		})
		if found && !e.Negated && !e.IsAssignment() {
			return true
		}
	}
	return false
}

// plainComparison reports whether an expression compares with ==, of which OPA
// leaves the operands where they are.
func plainComparison(e *ast.Expr) bool {
	operator := e.Operator().String()
	return operator == "equal" || operator == "eq"
}

// elementsOf are the variables of a rule that go over lists of the input: image
// of `some image in input.images` is input.images[_].
func elementsOf(r *ast.Rule) map[ast.Var]ast.Ref {
	elements := map[ast.Var]ast.Ref{}
	ast.WalkNodes(r, func(n ast.Node) bool {
		some, ok := n.(*ast.SomeDecl)
		if !ok {
			return false
		}
		call, ok := some.Symbols[0].Value.(ast.Call)
		if !ok || len(call) < 3 {
			return false
		}
		element, isVar := call[len(call)-2].Value.(ast.Var)
		if ref, isRef := resolved(call[len(call)-1], elements); isVar && isRef {
			elements[element] = ref.Append(ast.VarTerm("_"))
		}
		return false
	})
	return elements
}

// resolved is the field of the input that a term stands for.
func resolved(term *ast.Term, elements map[ast.Var]ast.Ref) (ast.Ref, bool) {
	ref, ok := term.Value.(ast.Ref)
	if !ok || len(ref) < 2 {
		return nil, false
	}
	if ref[0].Equal(ast.InputRootDocument) {
		return ref, true
	}
	head, _ := ref[0].Value.(ast.Var)
	if base, known := elements[head]; known {
		return append(base.Copy(), ref[1:]...), true
	}
	return nil, false
}

// needs finds documents that are collected for the rule, and that it does not
// look at.
func (c *linter) needs(rule *evaluate.Rule) error {
	for kind, needs := range map[string][]snapshot.Need{"needs:": rule.Needs, "uses:": rule.Uses} {
		for _, need := range needs {
			used, err := c.serves(rule, need)
			if err != nil {
				return err
			}
			if !used {
				c.report("unused-need", rule, c.metadataLine(rule, kind), "remove it from "+strings.TrimSuffix(kind, ":"), "the rule declares %s, and looks at nothing of it: it is collected for nothing", need)
			}
		}
	}
	return nil
}

// feeds are documents of which other fields than their own are made: who has
// access is decided by the registry's policy and settings, too.
var feeds = map[snapshot.Need][]snapshot.Need{
	snapshot.NeedAccountSettings:     {snapshot.NeedPolicy, snapshot.NeedRegistryPolicy},
	snapshot.NeedRegistryPolicy:      {snapshot.NeedPolicy},
	snapshot.NeedImageGraph:          {snapshot.NeedImages},
	snapshot.NeedReleaseScanFindings: {snapshot.NeedScanFindings},
	snapshot.NeedScanFindings:        {snapshot.NeedReleaseScanFindings},
}

// serves reports whether a need makes a difference for the rule.
func (c *linter) serves(rule *evaluate.Rule, need snapshot.Need) (bool, error) {
	for _, fed := range append([]snapshot.Need{need}, feeds[need]...) {
		if fed == snapshot.NeedImages && rule.Scope == finding.ScopeImage {
			return true, nil
		}
		if used, err := c.looksAt(rule, fed); used || err != nil {
			return used, err
		}
	}
	return false, nil
}

// looksAt reports whether a rule, or a library that it imports, names a field
// that is there only with the need.
func (c *linter) looksAt(rule *evaluate.Rule, need snapshot.Need) (bool, error) {
	if !c.library.Rules.CompilesWithout(rule, need) {
		return true, nil
	}
	fields, err := evaluate.FieldsOf(rule.Scope, need)
	if err != nil {
		return false, err
	}
	found := false
	for _, module := range c.reachable(rule.Module()) {
		ast.WalkTerms(module, func(t *ast.Term) bool {
			if text, ok := t.Value.(ast.String); ok {
				found = found || fields[string(text)]
			}
			return found
		})
	}
	return found, nil
}

// reachable are a module and the libraries that it imports, directly or not.
func (c *linter) reachable(module *ast.Module) []*ast.Module {
	modules := []*ast.Module{module}
	seen := map[*ast.Module]bool{module: true}
	for i := 0; i < len(modules); i++ {
		for _, imported := range modules[i].Imports {
			ref, ok := imported.Path.Value.(ast.Ref)
			if !ok {
				continue
			}
			for _, library := range c.library.Rules.Library() {
				if !seen[library] && ref.HasPrefix(library.Package.Path) {
					seen[library] = true
					modules = append(modules, library)
				}
			}
		}
	}
	return modules
}
