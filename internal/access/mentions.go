package access

import (
	"cmp"
	"slices"
	"strings"
)

// mentions are the accounts, organizations, paths and principals that the
// documents speak of. Only these can make a difference.
type mentions struct {
	accounts       []string    // ids
	patterns       []glob      // of account ids
	orgs           []glob      // of organization ids
	paths          []glob      // of organization paths
	people         []*identity // of principals
	arnTests       []*test
	services       []string
	arns           bool
	persons        bool
	orgKeys        bool
	sourceAccounts bool
}

func gather(statements []*statement) *mentions {
	m := &mentions{}
	var resources []principalPattern
	for _, s := range statements {
		for i := range s.principals {
			m.principal(&s.principals[i])
		}
		for _, t := range s.tests {
			resources = append(resources, m.test(t)...)
		}
	}
	m.resources(resources)
	return m
}

func (m *mentions) principal(p *principal) {
	if p.account != "" {
		m.accounts = append(m.accounts, p.account)
	}
	switch p.kind {
	case service:
		m.services = append(m.services, p.name)
	case role, user, session:
		m.people, m.persons = append(m.people, identityOf(p)), true
	case federated:
		if p.doubt == "" {
			m.people, m.persons = append(m.people, identityOf(p)), true
		}
	}
}

// principalPattern is a pattern of the last part of a principal's ARN, and the
// account to which the rest of the ARN binds it, if it does.
type principalPattern struct {
	glob    glob
	account string
}

// test notes what a test speaks of, and returns the patterns of principals.
func (m *mentions) test(t *test) (resources []principalPattern) {
	switch t.class {
	case orgIDKey, orgPathsKey, sourceOrgIDKey, sourceOrgPathsKey, resourceOrgIDKey, resourceOrgPathsKey:
		m.orgKeys = true
	case arnKey:
		m.arns, m.persons = true, true
		m.arnTests = append(m.arnTests, t)
	case typeKey, userIDKey, userNameKey:
		m.persons = true
	case sourceAccountKey:
		m.sourceAccounts = true
	}
	if t.family != textFamily && t.family != arnFamily {
		return nil
	}
	for _, shape := range t.shapes() {
		switch t.class {
		case orgIDKey, sourceOrgIDKey, resourceOrgIDKey:
			m.orgs = append(m.orgs, shape)
		case orgPathsKey, sourceOrgPathsKey, resourceOrgPathsKey:
			m.paths = append(m.paths, shape)
			m.orgs = append(m.orgs, beforeSlash(shape))
		case accountKey, sourceAccountKey, userIDKey:
			m.account(shape)
		case arnKey, ownARNKey, sourceARNKey:
			parts := shape.cut()
			if len(parts) > 4 {
				m.account(parts[4])
			}
			if t.class == arnKey {
				resources = append(resources, patternOf(parts))
				if before := len(shape.head()); t.family == textFamily && before < len(shape)-len(parts[len(parts)-1]) {
					// In text a run reaches over colons, and paths of principals may hold them.
					resources = append(resources, principalPattern{glob: append(literal("role/"+filler), shape[before+1:]...)})
				}
			}
		case userNameKey:
			resources = append(resources, principalPattern{glob: append(literal("user/"), shape...)})
		case serviceNameKey:
			m.services = append(m.services, strings.ToLower(shape.fill("", 'x')))
		}
	}
	return resources
}

func patternOf(parts []glob) principalPattern {
	last := parts[len(parts)-1]
	if len(parts) == arnParts && parts[4].fixed() {
		return principalPattern{last, parts[4].String()}
	}
	return principalPattern{glob: last}
}

// shape is the operand with anything where a variable stands.
func (o *operand) shape(fold bool) glob {
	if o.pattern != nil {
		if fold {
			return literal(strings.ToLower(o.text))
		}
		return o.pattern
	}
	var g glob
	for _, p := range o.parts {
		g = append(g, p.text...)
		if p.key != "" {
			g = append(g, anyRun)
		}
	}
	return g
}

// shapes are the shapes of the operands, and what they are when the defaults of
// their variables stand in.
func (t *test) shapes() []glob {
	list := make([]glob, 0, len(t.operands))
	for i := range t.operands {
		o := &t.operands[i]
		list = append(list, o.shape(t.fold))
		if t.fold {
			list = append(list, literal(o.text), literal(strings.ToUpper(o.text)))
		}
		var g glob
		defaults := false
		for _, p := range o.parts {
			g = append(g, p.text...)
			if p.standard != nil {
				g, defaults = append(g, literal(*p.standard)...), true
			}
		}
		if defaults {
			list = append(list, g)
		}
	}
	return list
}

func beforeSlash(g glob) glob {
	if i := slices.Index(g, '/'); i >= 0 {
		return g[:i]
	}
	return g
}

func (m *mentions) account(g glob) {
	if !g.fixed() {
		m.patterns = append(m.patterns, g)
	} else if id := g.String(); isAccount(id) {
		m.accounts = append(m.accounts, id)
	}
	if digits := g.tail(); len(digits) == 0 && len(g.head()) == 12 { // 111122223333*
		m.account(g.head())
	}
}

// organization is one that documents name, or that stands for a pattern.
type organization struct{ id, label string }

// organizations returns the other organizations that the documents name, and
// for each pattern one that it matches.
func (m *mentions) organizations(home string) []organization {
	var orgs []organization
	add := func(id, label string) {
		if isOrganization(id) && id != home && id != strangeOrg && id != guessedOrg {
			orgs = append(orgs, organization{id, label})
		}
	}
	for _, p := range m.orgs {
		if p.fixed() {
			add(p.String(), "organization "+p.String())
		} else {
			add(p.fill(filler, 'q'), "organizations "+p.String())
		}
	}
	for _, id := range instances(m.orgs) {
		if len(id) >= len("o-a1b2c3d4e5") {
			add(id, "organization "+id)
		}
	}
	slices.SortFunc(orgs, func(a, b organization) int {
		return cmp.Or(strings.Compare(a.id, b.id), strings.Compare(a.label, b.label))
	})
	return slices.CompactFunc(orgs, func(a, b organization) bool { return a.id == b.id })
}

// orgPath is a path in an organization that stands for a pattern of paths.
type orgPath struct{ path, pattern string }

func (m *mentions) pathsIn(org string) []orgPath {
	var rests []glob
	var list []orgPath
	for _, p := range m.paths {
		head := beforeSlash(p)
		if from := p.head(); len(from) < len(head) { // the run may reach over the slash
			for _, rest := range instances([]glob{p[len(from)+1:]}) {
				path := org + "/r-9q7z/" + rest
				if p.match(path, false) {
					list = append(list, orgPath{path, p.String()})
				}
			}
		}
		if !head.match(org, false) || len(head) == len(p) {
			continue
		}
		rests = append(rests, p[len(head)+1:])
		for _, rest := range instances(rests[len(rests)-1:]) {
			list = append(list, orgPath{org + "/" + rest, p.String()})
		}
	}
	slices.SortFunc(list, func(a, b orgPath) int {
		return cmp.Or(strings.Compare(a.path, b.path), strings.Compare(a.pattern, b.pattern))
	})
	for _, rest := range instances(rests) {
		list = append(list, orgPath{org + "/" + rest, org + "/" + rest})
	}
	slices.SortStableFunc(list, func(a, b orgPath) int { return strings.Compare(a.path, b.path) })
	list = slices.CompactFunc(list, func(a, b orgPath) bool { return a.path == b.path })
	return slices.DeleteFunc(list, func(p orgPath) bool {
		return strings.ContainsAny(p.path, "*?") || !strings.HasSuffix(p.path, "/") && !strings.HasSuffix(p.path, filler)
	})
}

// accountClass is an account id that stands for a pattern of ids.
type accountClass struct {
	id, pattern string
	glob        glob
}

// accountClasses returns, for each pattern of account ids, ids that no
// document names and the pattern matches.
func (m *mentions) accountClasses(known func(string) bool) []accountClass {
	var list []accountClass
	add := func(head, tail, g glob) {
		for digit := '0'; digit <= '9'; digit++ {
			open := 12 - len(head) - len(tail)
			if open < 0 || open > 0 && g.fixed() {
				return
			}
			id := head.fill("", digit) + strings.Repeat(string(digit), open) + tail.fill("", digit)
			if isAccount(id) && !known(id) && g.match(id, false) {
				list = append(list, accountClass{id, g.String(), g})
			}
		}
	}
	for i, p := range m.patterns {
		if p.everything() || i > 12 {
			continue
		}
		add(p.head(), p[len(p.head()):].tail(), p)
		for _, q := range m.patterns[:i] {
			add(p.head(), q.tail(), p)
			add(q.head(), p.tail(), p)
		}
	}
	slices.SortFunc(list, func(a, b accountClass) int {
		return strings.Compare(a.id+a.pattern, b.id+b.pattern)
	})
	return slices.CompactFunc(list, func(a, b accountClass) bool { return a.id == b.id })
}

// freeAccount returns an account id that stands for those of which no document
// speaks. It matches as few patterns as can be.
func (m *mentions) freeAccount(known func(string) bool) string {
	best, fewest := "", len(m.patterns)+1
	for i := range 40 {
		digit := string(rune('0' + i%10))
		id := digit + strings.Repeat(string(rune('0'+(i*7+3)%10)), 11-i/10) + strings.Repeat(digit, i/10)
		if known(id) {
			continue
		}
		matched := 0
		for _, p := range m.patterns {
			if p.match(id, false) {
				matched++
			}
		}
		if matched < fewest {
			best, fewest = id, matched
		}
		if fewest == 0 {
			break
		}
	}
	return best
}

// resources adds identities that stand for the patterns of principals.
func (m *mentions) resources(patterns []principalPattern) {
	var globs []glob
	for _, p := range patterns {
		if p.glob.everything() {
			continue
		}
		globs = append(globs, p.glob)
		for _, with := range []string{filler, "", "role/" + filler, "user/" + filler, "role", "user", "role/", "user/"} {
			m.resource(p.glob.fillFirst(with, filler), p.account, p.glob.String())
			m.resource(p.glob.fillFirst(with, ""), p.account, p.glob.String())
		}
	}
	if len(globs) > 1 {
		for _, text := range instances(globs) {
			m.resource(text, "", text)
		}
	}
}

// fillFirst fills the first run with one text and the others with another.
func (g glob) fillFirst(first, others string) string {
	head := g.head()
	if len(head) == len(g) {
		return g.fill("", 'q')
	}
	return head.fill("", 'q') + first + g[len(head)+1:].fill(others, 'q')
}

func (m *mentions) resource(text, account, label string) {
	i := &identity{account: account, resource: text, label: label}
	switch kind := i.kind(); {
	case text == "root":
	case kind != "role" && kind != "user" && kind != "federated-user", text == kind, i.name() == "":
		return
	case strings.ContainsAny(i.name(), "*?"), strings.ContainsFunc(text, func(r rune) bool { return r < '!' || r > '~' }):
		return
	}
	m.people = append(m.people, i)
}

// markOdd finds the patterns of principals that match nobody in the world. A
// pattern without wildcards then matches nobody at all, unless it is the ARN
// of a session; of the others that cannot be told.
func (m *mentions) markOdd(w *world) {
	for _, t := range m.arnTests {
		for i := range t.operands {
			o := &t.operands[i]
			if o.pattern == nil || o.odd || o.pattern.fixed() && !strings.Contains(o.text, ":assumed-role/") {
				continue
			}
			o.odd = !w.somebody(func(c *caller) bool {
				return slices.ContainsFunc(c.arn, func(r reading) bool { return t.matchesPattern(o, o.pattern, r.value) == yes })
			})
		}
	}
}
