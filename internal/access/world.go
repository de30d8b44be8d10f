package access

import (
	"slices"
	"strings"
)

// world holds the callers among which the documents distinguish: a finite set
// that stands for all there are. See the package comment.
type world struct {
	ctx       *Context
	partition string

	ownAccount []reading // nil when unknown
	ownOrg     []reading
	ownPath    []reading
	region     []reading

	home          string               // the own organization, "" when there is none
	guessed       bool                 // home is a stand-in: the organization is not known
	root          string               // path from the own organization to its root, "" when unknown
	orgs          []organization       // other organizations that documents name
	orgPaths      map[string][]orgPath // by organization, those that documents name
	scopes        []scope
	sourceless    scope
	identities    []*identity
	identitiesIn  map[string][]*identity // by account, "" for those of every account
	homes         map[string][]int       // the scopes that stand for accounts of an organization
	services      []string               // host names, sorted
	servants      map[string][]caller    // of a service for each scope, and last for nobody
	nobodies      []caller               // for each scope one whom nobody names, made when asked for
	allows        []*statement
	denies        []*statement
	personal      bool // some Deny distinguishes the principals of an account
	effort        int  // left for searches
	decided       *decision
	unless        []*statement // what interned returned last
	partial       []refusal    // room for those that concern one caller
	portions      []portion
	founds        []found // room for one entry, by scope
	crowded       bool    // the documents name too many to tell them apart
	unheeded      bool    // that was so of some Deny, which is left out
	tellsServices bool    // a Deny or a condition distinguishes services

	allRepositories bool // the repository stands for others of the registry

	arns           bool // aws:PrincipalArn is asked for
	persons        bool // some key of the identity is asked for
	orgKeys        bool // some key of the organization is asked for
	sourceAccounts bool // aws:SourceAccount is asked for
}

const (
	strangeOrg  = "o-" + filler + "x"
	guessedOrg  = "o-" + filler
	strangePath = "/r-9q7z/ou-9q7z-" + filler + "/"
)

// newWorld builds the world of the statements. Where they name more than a
// world can hold it does without the Deny statements that name most: as nobody
// can tell whom these cover, they surely take nothing away.
func newWorld(ctx *Context, statements []*statement, also ...string) *world {
	heeded := statements
	for {
		w := buildWorld(ctx, heeded, also)
		w.unheeded = len(heeded) < len(statements)
		if !w.crowded || len(w.denies) == 0 {
			return w
		}
		heeded = withoutLargestDenies(heeded)
	}
}

// withoutLargestDenies leaves out Deny statements, largest first, that make up
// half of what all of them name.
func withoutLargestDenies(statements []*statement) []*statement {
	denies, total := []*statement{}, 0
	for _, s := range statements {
		if s.deny {
			denies, total = append(denies, s), total+s.size()
		}
	}
	slices.SortStableFunc(denies, func(a, b *statement) int { return b.size() - a.size() })
	left := total
	for len(denies) > 0 && left > total/2 {
		left, denies = left-denies[0].size(), denies[1:]
	}
	return slices.DeleteFunc(slices.Clone(statements), func(s *statement) bool { return s.deny && !slices.Contains(denies, s) })
}

// size is how much the statement names.
func (s *statement) size() int {
	size := 1 + len(s.principals)
	for _, t := range s.tests {
		size += len(t.operands)
	}
	return size
}

func buildWorld(ctx *Context, statements []*statement, also []string) *world {
	w := &world{ctx: ctx, partition: ctx.Partition, home: ctx.OrganizationID, effort: searchEffort}
	if w.partition == "" {
		w.partition = "aws"
	}
	for _, s := range statements {
		if s.deny {
			w.denies = append(w.denies, s)
			w.personal = w.personal || s.personal()
		} else {
			w.allows = append(w.allows, s)
		}
	}
	if w.home == "" && !ctx.NoOrganization {
		w.home, w.guessed = guessedOrg, true
	}
	m := gather(statements)
	m.accounts = append(m.accounts, also...)
	w.arns, w.persons, w.orgKeys = m.arns, m.persons, m.orgKeys
	slices.Sort(m.services)
	w.services = slices.Compact(m.services)
	w.sourceAccounts = m.sourceAccounts
	w.tellsServices = slices.ContainsFunc(statements, (*statement).tellsServices)
	w.sourceless = scope{kind: sourcelessScope, org: absent, paths: absent, low: outside, high: outside}
	if w.crowded = m.tooMany(); w.crowded {
		return w
	}
	w.orgs = m.organizations(w.home)
	if parts := strings.SplitN(ctx.Members[ctx.Account], "/", 3); len(parts) == 3 && parts[0] == w.home {
		w.root = parts[0] + "/" + parts[1] + "/"
	}
	const usual = 16
	w.scopes = make([]scope, 0, usual)
	w.own(m)
	w.named(m)
	w.classes(m)
	w.people(m)
	if w.populate(); w.crowded {
		return w
	}
	m.markOdd(w)
	return w
}

// The world of a policy that people write is a thousandth of these.
const (
	mostPatterns = 200
	mostCallers  = 20_000
)

// tooMany reports whether the documents name more than a world can hold.
func (m *mentions) tooMany() bool {
	return max(len(m.patterns), len(m.orgs), len(m.paths), len(m.people)/16) > mostPatterns
}

// populate prepares the callers, which are made when they are asked for: every
// identity in every scope.
func (w *world) populate() {
	w.homes, w.servants, w.identitiesIn = map[string][]int{}, map[string][]caller{}, map[string][]*identity{}
	for _, who := range w.identities {
		w.identitiesIn[who.account] = append(w.identitiesIn[who.account], who)
	}
	if w.crowded = len(w.identitiesIn[""])*len(w.scopes) > mostCallers; w.crowded {
		return
	}
	ids := make([]reading, len(w.scopes))
	for i := range w.scopes {
		s := &w.scopes[i]
		ids[i] = reading{s.account, true}
		s.at, s.id = i, ids[i:i+1:i+1]
		if s.kind == memberScope || s.kind == orgScope {
			w.homes[s.home] = append(w.homes[s.home], i)
		}
	}
}

// callers returns who is in the scope.
func (w *world) callers(s *scope) []caller {
	if s.callers != nil {
		return s.callers
	}
	anywhere, here := w.identitiesIn[""], w.identitiesIn[s.account]
	if s.account == "" {
		here = nil
	}
	s.callers = make([]caller, 0, len(anywhere)+len(here))
	for _, list := range [][]*identity{anywhere, here} {
		for _, who := range list {
			s.callers = append(s.callers, w.caller(s, who))
		}
	}
	return s.callers
}

// nobody returns one of those in the scope whom nobody names.
func (w *world) nobody(s *scope) []caller {
	if w.nobodies == nil {
		w.nobodies = make([]caller, len(w.scopes))
		for i := range w.nobodies {
			w.nobodies[i] = w.caller(&w.scopes[i], w.identities[0])
		}
	}
	return w.nobodies[s.at : s.at+1]
}

// emptyFounds returns one for each scope, good until it is called again.
func (w *world) emptyFounds() []found {
	if w.founds == nil {
		w.founds = make([]found, len(w.scopes))
	}
	clear(w.founds)
	return w.founds
}

// somebody reports whether there is a caller, services aside, who is like that.
func (w *world) somebody(is func(*caller) bool) bool {
	for i := range w.scopes {
		callers := w.callers(&w.scopes[i])
		for j := range callers {
			if is(&callers[j]) {
				return true
			}
		}
	}
	return false
}

// serving returns the callers that a service is: one for each scope, for which
// it acts, and one that does not say for whom it acts.
func (w *world) serving(name string) []caller {
	if callers, ok := w.servants[name]; ok {
		return callers
	}
	callers := make([]caller, len(w.scopes)+1)
	for i := range callers {
		callers[i] = caller{scope: &w.sourceless, service: name, world: w}
		if i < len(w.scopes) {
			callers[i].scope = &w.scopes[i]
		}
	}
	w.servants[name] = callers
	return callers
}

// own adds the repository's account.
func (w *world) own(m *mentions) {
	c := w.ctx
	if c.Account != "" {
		w.ownAccount = value(c.Account)
	}
	if c.Region != "" {
		w.region = value(c.Region)
	}
	s := scope{kind: ownScope, account: c.Account, home: w.home, org: absent, paths: absent}
	w.ownOrg = absent
	if w.home != "" {
		s.org, w.ownOrg = value(w.home), value(w.home)
		s.paths = w.pathsOf(c.Account, w.home, m)
		if len(s.paths) == 1 {
			w.ownPath = s.paths
		}
	}
	if w.guessed {
		for _, org := range w.orgs {
			s.org = append(s.org, reading{org.id, true})
			s.paths = append(s.paths, w.pathsOf("", org.id, m)...)
		}
		s.org, s.paths = append(s.org, reading{}), append(s.paths, reading{})
	}
	w.scopes = append(w.scopes, s)
}

// pathsOf returns the path of the account, or the paths that it might have.
func (w *world) pathsOf(account, org string, m *mentions) []reading {
	if path := w.ctx.Members[account]; path != "" && org == w.home {
		return value(path)
	}
	paths := value(w.pathOfNobody(org))
	for _, p := range w.pathsIn(org, m) {
		paths = append(paths, reading{p.path, true})
	}
	return paths
}

// pathOfNobody is a path in the organization that no document names.
func (w *world) pathOfNobody(org string) string {
	if org == w.home && w.root != "" {
		return w.root + "ou-9q7z-" + filler + "/"
	}
	return org + strangePath
}

// pathsIn returns the paths in the organization that documents name. It has but
// one root.
func (w *world) pathsIn(org string, m *mentions) []orgPath {
	if list, ok := w.orgPaths[org]; ok {
		return list
	}
	list := m.pathsIn(org)
	if org == w.home && w.root != "" {
		list = slices.DeleteFunc(list, func(p orgPath) bool { return !strings.HasPrefix(p.path, w.root) })
	}
	if w.orgPaths == nil {
		w.orgPaths = map[string][]orgPath{}
	}
	w.orgPaths[org] = list
	return list
}

// named adds the accounts that documents name.
func (w *world) named(m *mentions) {
	slices.Sort(m.accounts)
	for _, id := range slices.Compact(m.accounts) {
		if id == w.ctx.Account {
			continue
		}
		low := outside
		if _, ok := w.ctx.trust(id); ok {
			low = trusted
		}
		_, member := w.ctx.Members[id]
		if member || w.ctx.Members == nil && w.home != "" {
			w.scopes = append(w.scopes, scope{
				kind: namedScope, account: id, home: w.home, low: inside, high: inside,
				org: value(w.home), paths: w.pathsOf(id, w.home, m),
			})
		}
		if !member {
			w.strangers(scope{kind: namedScope, account: id, low: low, high: low}, m)
		}
	}
}

// strangers adds the scope once for each organization that it may belong to.
func (w *world) strangers(s scope, m *mentions) {
	s.org, s.paths = absent, absent
	w.scopes = append(w.scopes, s)
	if !w.orgKeys {
		return
	}
	s.home, s.org, s.paths = strangeOrg, value(strangeOrg), w.pathsOf("", strangeOrg, m)
	w.scopes = append(w.scopes, s)
	for _, org := range w.orgs {
		s.home, s.org, s.paths = org.id, value(org.id), w.pathsOf("", org.id, m)
		if w.guessed && s.low != trusted {
			s.low = inside
		}
		w.scopes = append(w.scopes, s)
	}
}

// classes adds what stands for the accounts that no document names.
func (w *world) classes(m *mentions) {
	known := func(id string) bool {
		_, member := w.ctx.Members[id]
		_, trusted := w.ctx.trust(id)
		return id == w.ctx.Account || member || trusted || slices.Contains(m.accounts, id)
	}
	free := m.freeAccount(known)
	if w.home != "" {
		s := scope{kind: memberScope, account: free, home: w.home, org: value(w.home), low: inside, high: inside}
		w.perPath(s, "organization "+w.homeName(), m)
	}
	stranger := scope{kind: strangerScope, account: free, org: absent, paths: absent, low: public, high: public}
	w.scopes = append(w.scopes, stranger)
	stranger.home, stranger.org = strangeOrg, value(strangeOrg)
	w.perPath(stranger, "", m)
	for _, org := range w.orgs {
		s := scope{kind: orgScope, account: free, home: org.id, org: value(org.id), low: outside, high: outside}
		if w.guessed {
			s.low = inside
		}
		w.perPath(s, org.label, m)
	}
	for _, p := range m.accountClasses(known) {
		if w.home != "" {
			s := scope{kind: patternScope, account: p.id, label: p.pattern, home: w.home, org: value(w.home), low: inside, high: inside}
			if w.memberMatches(p.glob) {
				s.paths = w.pathsOf("", w.home, m)
				w.scopes = append(w.scopes, s)
			}
		}
		w.strangers(scope{kind: patternScope, account: p.id, label: p.pattern, low: outside, high: outside}, m)
	}
}

func (w *world) homeName() string {
	if w.guessed {
		return "of the own account"
	}
	return w.home
}

// perPath adds the scope once for each class of paths in its organization.
func (w *world) perPath(s scope, label string, m *mentions) {
	s.label, s.paths, s.wholeOrg = label, value(w.pathOfNobody(s.home)), true
	w.scopes = append(w.scopes, s)
	s.wholeOrg = false
	for _, p := range w.pathsIn(s.home, m) {
		s.paths, s.within = value(p.path), wildcards(p.pattern)
		if label != "" {
			s.label = "organization path " + p.pattern
		}
		w.scopes = append(w.scopes, s)
	}
}

// memberMatches reports whether the organization has an account that the
// pattern matches, or may have one.
func (w *world) memberMatches(pattern glob) bool {
	if w.ctx.Members == nil {
		return true
	}
	for id := range w.ctx.Members {
		if pattern.match(id, false) {
			return true
		}
	}
	return false
}

// people adds the identities: one for all that nobody names, and where a
// document asks who it is, one of each kind and one for each pattern.
func (w *world) people(m *mentions) {
	w.identities = []*identity{{resource: "role/" + filler + "zz", generic: true}}
	if !w.persons {
		return
	}
	for _, resource := range []string{"user/" + filler + "zz", "root", "federated-user/" + filler + "zz"} {
		w.addIdentities(&identity{resource: resource, generic: true})
	}
	w.addIdentities(m.people...)
}

// isOrganization is lenient about the length that AWS gives to an id.
func isOrganization(text string) bool {
	rest, ok := strings.CutPrefix(text, "o-")
	return ok && rest != "" && !strings.ContainsFunc(rest, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	})
}
