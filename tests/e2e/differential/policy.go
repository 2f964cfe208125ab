package differential

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"klock.dev/e2e/cases"
)

// Policy is a policy that can be taken apart.
type Policy struct {
	Against string // "accidents" or "insiders"; empty where it is not said
	Blocks  []*Block
	Target  Target
}

// Block is a declaration with its clauses; without clauses, one line.
type Block struct {
	Head    string
	Clauses []string

	aim  *aim   // of a lock
	ways []*aim // around the lock, or to the sealed actor
}

// String is the policy as klock source.
func (p *Policy) String() string {
	var b strings.Builder
	b.WriteString("policy p")
	if p.Against != "" {
		b.WriteString(" against " + p.Against)
	}
	b.WriteByte('\n')
	for _, block := range p.Blocks {
		b.WriteString("\n" + block.Head)
		if block.Clauses != nil {
			b.WriteString(" {\n")
			for _, clause := range block.Clauses {
				b.WriteString("  " + clause + "\n")
			}
			b.WriteString("}")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// mode is that of a lock.
func (p *Policy) mode(lock string) string {
	mode := "deny"
	for _, block := range p.Blocks {
		if name, _, _ := strings.Cut(strings.TrimPrefix(block.Head, "lock "), " "); name != lock || block.aim == nil {
			continue
		}
		for _, clause := range block.Clauses {
			if text, ok := strings.CutPrefix(clause, "mode "); ok {
				mode = text
			}
		}
	}
	return mode
}

// aim is what a request should look like to meet a lock.
type aim struct {
	resources  []resource
	namespaces []string
	names      []string
	operations []string
	namespace  map[string]string // labels of the namespace
	labels     map[string]string
	annotation map[string]string
	fields     []assignment
	users      []cases.User

	acts    []string // subresources that the lock names
	way     string   // for the report; empty: the objects of the lock
	asks    string   // for the report, of the objects: "require" or "changing"
	targets []target // of a way
	dress   func(r *rand.Rand, object map[string]any)
}

type assignment struct {
	path  []string
	value any
}

func newAim() *aim {
	return &aim{namespace: map[string]string{}, labels: map[string]string{}, annotation: map[string]string{}}
}

// maker writes one lock. What its structure depends on is drawn from s, its constants from c: with the same s, locks share
// a skeleton.
type maker struct {
	w         *world
	s, c      *rand.Rand
	aim       *aim
	negative  bool // below a `not`: aims are of no use
	namespace bool // labels are those of the namespace
	variables int
	depth     int
	denies    string // what a lock on subresources must deny
	wildcard  bool
	noMay     bool // break-glass does without the authorizer
	fixed     bool // names are not computed
	many      bool // and so do many locks at once, which a server's budget does not allow for
}

// text is a constant and tells the aim of it.
func (m *maker) textFor(kind, key string) string {
	value := ""
	switch kind {
	case "label", "namespace label":
		value = pick(m.c, m.w.values)
	case "annotation":
		value = pick(m.c, m.w.texts)
	case "name":
		value = pick(m.c, m.writable())
	case "namespace":
		value = pick(m.c, m.w.namespaces)
	case "user":
		value = pick(m.c, m.w.users).Username
	}
	if !m.negative {
		switch {
		case kind == "label" && !m.namespace:
			m.aim.labels[key] = value
		case kind == "namespace label" || kind == "label":
			m.aim.namespace[key] = value
		case kind == "annotation":
			m.aim.annotation[key] = value
		case kind == "name":
			m.aim.names = append(m.aim.names, value)
		}
	}
	return value
}

func (m *maker) list(value func() string) string {
	var items []string
	for range 1 + m.c.IntN(3) {
		items = append(items, value())
	}
	return "(" + strings.Join(items, ", ") + ")"
}

// A text for people, on one line.
func sentence(c *rand.Rand) string {
	for {
		text := pick(c, awkward) + pick(c, []string{"", " ", "x"}) + pick(c, awkward)
		line := text != ""
		for _, r := range text {
			line = line && r >= ' ' && r != 0x7f
		}
		if line {
			return text
		}
	}
}

func (m *maker) lock(name string) *Block {
	m.aim = newAim()
	glass := chance(m.s, 12)
	m.noMay = glass || m.many
	block := &Block{Head: "lock " + name, aim: m.aim}
	movable := false
	objects := len(m.w.objects) > 0 && chance(m.s, 12)
	if objects {
		block.Head += " on " + strings.Join(some(m.s, m.w.objects, 3), ", ")
	} else {
		block.Clauses = m.where(true)
	}
	which, movable := m.which()
	block.Clauses = append(block.Clauses, which...)
	narrowed := len(which) > 0 || objects

	denies := m.operations()
	silent := chance(m.s, 12) // without `deny`, which means these
	if silent && m.denies == "" {
		denies = []string{"update", "delete"}
	}
	updates := false
	for _, operation := range denies {
		updates = updates || operation == "update" || operation == "write" || operation == "all"
		m.aim.operations = append(m.aim.operations, operationsOf[operation]...)
	}
	require := chance(m.s, 22)
	if require {
		m.aim.asks = "require"
		block.Clauses = append(block.Clauses, "require "+m.expr(2))
		m.aim.operations = append(m.aim.operations, "CREATE", "UPDATE")
		narrowed, updates = true, true
	}
	if changing := m.s.IntN(10); changing < 3 && (m.denies == "" || m.denies == "update") {
		create := changing < 2 && m.denies == "" && chance(m.s, 50) // alone, or beside updates
		if create {
			denies, silent = append(denies, "create"), false
			m.aim.operations = append(m.aim.operations, "CREATE", "CREATE", "CREATE")
		}
		if !require && !(create && chance(m.s, 40)) {
			denies = append(denies, "update")
			m.aim.operations = append(m.aim.operations, "UPDATE", "UPDATE")
		}
		if !require {
			m.aim.asks = "changing"
		}
		if changing < 2 {
			block.Clauses = append(block.Clauses, "changing "+m.paths(true))
		} else {
			block.Clauses = append(block.Clauses, "except changing "+m.paths(false))
		}
		narrowed, updates = true, true
	}
	switch {
	case require && chance(m.s, 50):
		denies = nil
	case require || !silent:
		block.Clauses = append(block.Clauses, "deny "+strings.Join(denies, ", "))
	}
	if chance(m.s, 12) {
		block.Clauses = append(block.Clauses, "when "+m.expr(1))
		narrowed = true
	}
	if chance(m.s, 12) {
		block.Clauses = append(block.Clauses, "unless "+m.expr(1))
		narrowed = true
	}
	if !narrowed {
		block.Clauses = append(block.Clauses, "all objects")
	}
	if chance(m.s, 60) {
		block.Clauses = append(block.Clauses, "exclusive "+m.subjects())
	}
	if glass {
		block.Clauses = append(block.Clauses, "break-glass "+m.subjects())
	}
	switch m.s.IntN(12) {
	case 0, 1:
		block.Clauses = append(block.Clauses, "exempt none")
	case 2:
		block.Clauses = append(block.Clauses, "exempt controllers")
	case 3, 4, 5:
		block.Clauses = append(block.Clauses, "exempt lifecycle")
	}
	keeps := slices.ContainsFunc(denies, func(operation string) bool { return slices.Contains(operationsOf[operation], "DELETE") })
	block.Clauses = append(block.Clauses, m.guards(block, movable, keeps, !movable || len(which) > 1)...)
	if chance(m.c, 5) {
		block.Clauses = append(block.Clauses, acceptance(m.c))
	}
	if cover := m.cover(denies, require); cover != "" {
		block.Clauses = append(block.Clauses, cover)
	}
	switch m.s.IntN(14) {
	case 0:
		block.Clauses = append(block.Clauses, "mode warn")
	case 1:
		block.Clauses = append(block.Clauses, "mode audit")
	case 2:
		block.Clauses = append(block.Clauses, "mode deny, audit")
	case 3:
		block.Clauses = append(block.Clauses, "mode warn, audit")
	}
	if chance(m.s, 10) {
		block.Clauses = append(block.Clauses, "on error "+pick(m.s, []string{"allow", "deny", "allow"}))
	}
	if chance(m.c, 20) {
		block.Clauses = append(block.Clauses, "message "+quote(sentence(m.c)))
	}
	if chance(m.c, 10) {
		block.Clauses = append(block.Clauses, "owner "+quote(sentence(m.c)))
	}
	if chance(m.c, 10) {
		block.Clauses = append(block.Clauses, "ticket "+quote(sentence(m.c)))
	}
	return block
}

// acceptance is a clause, or a line of the policy; nothing comes of it but warnings.
func acceptance(c *rand.Rand) string {
	names := []string{"K0215", "K0218", "starves-controller", "K0201", "namespace-not-guarded", "actor-not-sealed"}
	text := "accept " + strings.Join(some(c, names, 2), ", ")
	if chance(c, 70) {
		text += " " + quote(sentence(c))
	}
	return text
}

func newRand(a, b uint64) *rand.Rand { return rand.New(rand.NewPCG(a, b)) }

// newPolicy makes a policy of the world's words.
func newPolicy(r *rand.Rand, w *world) *Policy {
	p := &Policy{Against: pick(r, []string{"", "", "", "accidents", "insiders", "insiders"})}
	p.Target = Target{Minor: pick(r, []uint{0, 0, 33, 36}), Controllers: pick(r, []int{0, 0, 1, 2})}
	w.insiders = p.Against == "insiders"
	if chance(r, 10) {
		p.Blocks = append(p.Blocks, &Block{Head: acceptance(r)})
	}
	for _, res := range w.resources {
		if res.declaration != "" {
			p.Blocks = append(p.Blocks, &Block{Head: res.declaration})
		}
	}
	m := &maker{w: w, s: r, c: r, aim: newAim()}
	if chance(r, 40) {
		for i := range 1 + r.IntN(3) {
			name := fmt.Sprintf("actor-%d", i)
			m.noMay, m.fixed = chance(r, 70), chance(r, 70)
			m.noMay = m.noMay || !m.fixed
			p.Blocks = append(p.Blocks, &Block{Head: "actor " + name + " = " + m.subjects()})
			if !m.fixed {
				w.computedActors = append(w.computedActors, name)
			} else if m.noMay {
				w.actors = append(w.actors, name)
			} else {
				w.mayActors = append(w.mayActors, name)
			}
		}
	}
	if chance(r, 25) {
		for i := range 1 + r.IntN(2) {
			p.Blocks = append(p.Blocks, m.sealed(fmt.Sprintf("sealed-%d", i)))
			w.actors = append(w.actors, fmt.Sprintf("sealed-%d", i))
		}
	}
	if chance(r, 25) {
		p.Blocks = append(p.Blocks, &Block{Head: "deployer " + strings.Join(some(r, grantees, 2), ", ")})
	}
	if chance(r, 35) {
		p.Blocks = append(p.Blocks, m.grant("g0"))
		w.granted = true
	}
	var aims []*aim
	if chance(r, 30) {
		for i := range 1 + r.IntN(3) {
			m.aim = newAim()
			name := fmt.Sprintf("object-%d", i)
			block := &Block{Head: "object " + name, Clauses: m.where(false)}
			which, _ := m.which()
			if len(which) == 0 {
				which = []string{"all objects"}
			}
			block.Clauses = append(block.Clauses, which...)
			p.Blocks = append(p.Blocks, block)
			w.objects = append(w.objects, name)
			aims = append(aims, m.aim)
		}
	}
	count := 0
	for range 1 + r.IntN(4) {
		seed, rows := r.Uint64(), 1
		if chance(r, 55) {
			rows = 2 + r.IntN(5)
			if chance(r, 10) {
				rows = 10 + r.IntN(21)
			}
		}
		for range rows {
			maker := &maker{w: w, s: newRand(seed, 1), c: r, many: rows > 7}
			name := fmt.Sprintf("%s%d", pick(r, []string{"lock-", "l", "Lock_", "a.b-"}), count)
			if w.near && count < len(nearLocks) {
				name = nearLocks[count]
			}
			block := maker.lock(name)
			if len(block.aim.resources) == 0 && len(aims) > 0 {
				other := pick(r, aims)
				block.aim.resources, block.aim.namespaces = other.resources, other.namespaces
				for key, value := range other.labels {
					block.aim.labels[key] = value
				}
				for key, value := range other.namespace {
					block.aim.namespace[key] = value
				}
			}
			p.Blocks = append(p.Blocks, block)
			count++
		}
	}
	return p
}
