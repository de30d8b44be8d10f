package access

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// demand is a test that must hold, or must not.
type demand struct {
	test *test
	want bool
}

// search looks for the values of the free keys with which a request passes:
// all tests of an Allow hold, and of each Deny that could hold at least one
// does not. Each key can be solved by itself.
type search struct {
	caller *caller
	keys   []string
	wishes [][]demand // by key
	denies [][]*test
	effort *int // what may still be spent, for the whole analysis
}

// searchEffort bounds the work that policies made to be slow can cause. Those
// that people write need a thousandth of it.
const searchEffort = 300_000

// start adds what the Allow demands.
func (q *search) start(tests []*test) certainty {
	result := certain
	for _, t := range tests {
		q.add(demand{t, true})
	}
	for _, w := range q.wishes {
		result = result.and(q.solve(w))
	}
	return result
}

// run looks for a way past the Deny statements from i on, and tells how certain
// the best one is, given that the request so far is as certain as that.
func (q *search) run(i int, sofar certainty) certainty {
	if i == len(q.denies) || sofar == never {
		return sofar
	}
	best := never
	for _, t := range q.denies[i] {
		if *q.effort <= 0 {
			return max(best, sofar.and(doubtful))
		}
		at := q.add(demand{t, false})
		best = max(best, q.run(i+1, sofar.and(q.solve(q.wishes[at]))))
		q.wishes[at] = q.wishes[at][:len(q.wishes[at])-1]
		if best == sofar {
			break
		}
	}
	return best
}

func (q *search) add(d demand) int {
	at := slices.Index(q.keys, d.test.key)
	if at < 0 {
		at = len(q.keys)
		q.keys, q.wishes = append(q.keys, d.test.key), append(q.wishes, nil)
	}
	q.wishes[at] = append(q.wishes[at], d)
	return at
}

func (q *search) solve(demands []demand) certainty {
	work := 1
	for _, d := range demands {
		work += len(d.test.operands)
	}
	if *q.effort -= work * work; *q.effort <= 0 {
		return doubtful
	}
	return q.caller.solve(demands)
}

// candidate is a value that a free key might have.
type candidate struct {
	values []string // none: the key is absent
	best   certainty
}

// solve tries the values that can make a difference for one key.
func (c *caller) solve(demands []demand) certainty {
	class, best, unsure := demands[0].test.class, never, false
	for _, d := range demands {
		unsure = unsure || d.want && d.test.broken != ""
	}
	for _, can := range c.candidates(class, demands) {
		result := yes
		for _, d := range demands {
			result = result.and(d.holds(can.values, c))
		}
		switch result {
		case yes:
			best = max(best, can.best)
		case maybe:
			unsure = true
		}
		if best == certain && !unsure {
			break
		}
	}
	if class == addressKey && best == narrowed && wide(demands) {
		best = certain
	}
	if unsure || best == never && intertwined(demands) {
		return doubtful
	}
	if best != never && decidedByNobody(class) && wanted(demands) {
		return doubtful
	}
	return best
}

// holds is lenient with a Deny that cannot be evaluated: it surely denies
// nothing.
func (d demand) holds(values []string, c *caller) truth {
	result := d.test.holds(values, c)
	if !d.want {
		if result == maybe {
			return yes
		}
		return result.not()
	}
	return result
}

func wanted(demands []demand) bool {
	for _, d := range demands {
		if d.want {
			return true
		}
	}
	return false
}

func decidedByNobody(class keyClass) bool {
	switch class {
	case undecidedKey, resourceAccountKey, resourceOrgIDKey, resourceOrgPathsKey, regionKey:
		return true
	default:
		return false
	}
}

// intertwined reports whether two tests demand different patterns of the key,
// so that a value might meet both although none of the candidates did.
func intertwined(demands []demand) bool {
	open := 0
	for _, d := range demands {
		fixed := true
		for i := range d.test.operands {
			o := &d.test.operands[i]
			fixed = fixed && o.pattern != nil && o.pattern.fixed()
		}
		if d.want == d.test.positive() && d.test.family <= arnFamily {
			if fixed {
				return false
			}
			open++
		}
	}
	return open > 1
}

// candidates returns absence, a value that no document names, and what the
// tests' own values suggest.
func (c *caller) candidates(class keyClass, demands []demand) []candidate {
	list := make([]candidate, 0, 8)
	if class != clockKey && class != flagKey {
		list = append(list, candidate{best: certain})
	}
	add := func(text string, best certainty) {
		list = append(list, candidate{[]string{text}, best})
	}
	switch class {
	case flagKey, openFlagKey:
		add("true", certain)
		add("false", certain)
		return list
	case clockKey:
		add("2000000000", certain) // seconds since 1970
	case ownARNKey, sourceARNKey:
		c.arnCandidates(add, demands)
		return list
	case addressKey:
		addressCandidates(add, demands)
		return list
	case networkKey:
		add(nobodysNetwork(demands[0].test.key), certain)
	default:
		add(filler+"zz", certain)
	}
	specific := certain
	if class == networkKey || class == userIDKey {
		specific = narrowed
	}
	for _, d := range demands {
		for i := range d.test.operands {
			d.test.operands[i].suggest(add, d.test, specific)
		}
	}
	for _, text := range instances(shapes(demands)) {
		add(text, specific)
	}
	if class == tagsKey || class == undecidedKey {
		list = pairs(list)
	}
	return list
}

// nobodysNetwork is a value that no document names.
func nobodysNetwork(key string) string {
	switch key {
	case "aws:SourceVpce":
		return "vpce-" + filler
	case "aws:SourceVpc", "aws:Ec2InstanceSourceVpc":
		return "vpc-" + filler
	default:
		return filler
	}
}

// pairs adds a few requests with two values of the key.
func pairs(list []candidate) []candidate {
	for i := range list[:min(len(list), 8)] {
		for j := range i {
			if len(list[i].values) == 1 && len(list[j].values) == 1 {
				list = append(list, candidate{[]string{list[j].values[0], list[i].values[0]}, certain})
			}
		}
	}
	return list
}

// suggest offers the values just at and beside the operand.
func (o *operand) suggest(add func(string, certainty), t *test, specific certainty) {
	switch t.family {
	case boolFamily:
		add("true", specific)
		add("false", specific)
	case dateFamily, numberFamily:
		for _, step := range []float64{0, -1, 1, -0.5, 0.5} {
			if value := o.number + step; value >= 0 || !t.neverNegative() {
				add(strconv.FormatFloat(value, 'f', -1, 64), specific)
			}
		}
	case binaryFamily:
		add(o.text, specific)
	case addressFamily:
		add(o.address.Addr().String(), specific)
	case textFamily, arnFamily:
		g := o.shape(t.fold)
		if len(g) > 0 && g[0] == anyRun {
			specific = certain // anybody's value can end like this
		}
		add(g.fill(filler, 'q'), specific)
		add(g.fill("", 'q'), specific)
		if t.fold {
			add(o.text, specific)
			add(strings.ToUpper(o.text), specific)
		}
	}
}

// neverNegative reports whether the key is a time or an age.
func (t *test) neverNegative() bool {
	return t.class == clockKey || t.key == "aws:MultiFactorAuthAge"
}

func shapes(demands []demand) []glob {
	var list []glob
	for _, d := range demands {
		if d.test.family > arnFamily {
			continue
		}
		for i := range d.test.operands {
			if g := d.test.operands[i].shape(d.test.fold); !g.fixed() {
				list = append(list, g)
			}
		}
	}
	if len(list) < 2 {
		return nil
	}
	return list
}

// arnCandidates offers ARNs of the caller's own account, and ARNs without an
// account such as those of buckets, of which nobody can tell whose they are.
func (c *caller) arnCandidates(add func(string, certainty), demands []demand) {
	name, _, _ := strings.Cut(c.service, ".")
	add("arn:"+c.world.partition+":"+name+":"+c.world.ctx.Region+":"+c.scope.account+":"+filler+"/"+filler, certain)
	add("arn:"+c.world.partition+":s3:::"+filler, certain)
	for _, d := range demands {
		if d.test.family > arnFamily {
			continue
		}
		for i := range d.test.operands {
			shape := d.test.operands[i].shape(d.test.fold)
			if shape.ofOthers(c.scope.account) {
				continue
			}
			c.arnsLike(shape, func(text string) {
				arn, ok := parseARN(text)
				switch {
				case !ok && d.test.class == sourceARNKey, strings.ContainsAny(arn.partition+arn.service+arn.region, "*?"):
				case !ok: // the name of an identity provider
					add(text, certain)
				case arn.account == "" && shape.fixedAccount():
					add(text, narrowed)
				case arn.account == c.scope.account:
					add(text, certain)
				}
			})
		}
	}
}

// ofOthers reports whether the pattern matches ARNs of other accounts only.
func (g glob) ofOthers(account string) bool {
	parts := g.cut()
	return len(parts) == 6 && len(parts[4]) > 0 && !parts[4].match(account, false)
}

// fixedAccount reports whether the fifth part of the pattern has no wildcard.
func (g glob) fixedAccount() bool {
	parts := g.cut()
	return len(parts) == 6 && parts[4].fixed()
}

// arnsLike yields ARNs of the caller's account that match the pattern.
func (c *caller) arnsLike(g glob, yield func(string)) {
	parts := g.cut()
	if len(parts) == 6 {
		if !parts[4].match(c.scope.account, false) {
			yield(g.fill(filler, 'q'))
			return
		}
		yield(joinARN(parts, c.scope.account, filler))
		yield(joinARN(parts, c.scope.account, ""))
		return
	}
	yield(g.fill(filler, 'q'))
	tail := ""
	for range 5 - len(parts) {
		tail += filler + ":"
	}
	yield(g.fill(filler+":"+tail+c.scope.account+":"+filler, 'q'))
	yield(g.fill(tail+c.scope.account+":"+filler, 'q'))
}

func joinARN(parts []glob, account, fill string) string {
	var b strings.Builder
	const usual = 96
	b.Grow(usual)
	for i, p := range parts {
		if i > 0 {
			b.WriteByte(':')
		}
		if i == 4 {
			b.WriteString(account)
		} else {
			p.fillInto(&b, fill, 'q')
		}
	}
	return b.String()
}

// addressCandidates offers addresses in and beside the ranges of the tests.
func addressCandidates(add func(string, certainty), demands []demand) {
	for _, text := range []string{"198.18.0.7", "2600::7"} {
		add(text, narrowed)
	}
	for _, d := range demands {
		if d.test.family != addressFamily {
			continue
		}
		for i := range d.test.operands {
			p := d.test.operands[i].address
			if !p.IsValid() {
				continue
			}
			add(p.Addr().String(), narrowed)
			if next := lastOf(p).Next(); next.IsValid() {
				add(next.String(), narrowed)
			}
			if before := p.Addr().Prev(); before.IsValid() {
				add(before.String(), narrowed)
			}
		}
	}
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// wide reports whether the ranges that the demands leave are as good as the
// whole internet. S3 calls a policy public where a range is shorter than /8 (or
// /32 of IPv6), and so does this; it also adds the ranges up.
func wide(demands []demand) bool {
	for _, d := range demands {
		if d.test.family != addressFamily || d.want == d.test.negated {
			continue
		}
		short, parts := false, [2]float64{}
		for i := range d.test.operands {
			p := d.test.operands[i].address
			switch {
			case !p.IsValid():
			case p.Addr().Is4():
				short = short || p.Bits() < 8
				parts[0] += math.Exp2(-float64(p.Bits()))
			default:
				short = short || p.Bits() < 32
				parts[1] += math.Exp2(-float64(p.Bits()))
			}
		}
		if !short && max(parts[0], parts[1]) < 0.25 {
			return false
		}
	}
	return true
}
