package differential

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"klock.dev/e2e/cases"
)

// Policy is a policy that can be taken apart.
type Policy struct {
	Blocks []*Block
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
	b.WriteString("policy p\n")
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

var globs = []string{"*", "a*", "*-?", "re?", "*.example.com", "?*", "[a]*", "a.b", "\\*", "*'*"}
var patterns = []string{"^a", "red|blue", "^[a-z]+$", "\\d+", "^$", "(?i)RED", "x{1,3}", ".", "^web(-[0-9]+)?$", "[^a]", "é", "'", "[é-ü]+", "^(?:system:)", "a\\.b"}
var fragments = []string{"a", "e", "", "red", "-", ".", "'", "system:"}

var (
	sizes     = []string{"10Gi", "500m", "2k", "1e3", "0.5Ki", "1n", "16Ei", "99E"}
	keyGlobs  = []string{"a*", "*/*", "?", "example.com/*", "*.kubernetes.io/*", "*_1"}
	relations = []string{" < ", " <= ", " > ", " >= "}
)

// reading is what the request or the object brings, other than what stands on the left; ordered is what has an order.
func (m *maker) reading(left string, ordered bool) string {
	for range 8 {
		var text string
		switch n := m.s.IntN(8); {
		case n < 2:
			text = "label " + keyWord(pick(m.s, m.w.keys))
		case m.namespace || n < 3:
			text = pick(m.s, []string{"user", "name", "namespace"})
			if ordered || (m.namespace && text == "namespace") {
				continue
			}
		case n < 4:
			text = "annotation " + keyWord(pick(m.s, m.w.annotations))
		case n < 5:
			text = "namespace label " + keyWord(pick(m.s, m.w.keys))
		default:
			path := m.fieldPath().path
			if slices.Contains(path, "*") {
				continue
			}
			text = pick(m.s, []string{"", "", "old ", "new "}) + "field " + pathText(path)
		}
		if text != left {
			return text
		}
	}
	return ""
}

// text comparison behind a label, annotation, name, …
func (m *maker) compare(kind, key string, exists bool) string {
	value := func() string { return word(m.textFor(kind, key)) }
	text := func(from []string) string { return quote(pick(m.c, from)) }
	n := m.s.IntN(27)
	if !exists && n < 3 {
		n = 3
	}
	if n >= 22 {
		left := strings.TrimSpace(kind + " " + keyWord(key))
		reading := m.reading(left, n == 22)
		m.textFor(kind, key)
		switch {
		case n == 23 && exists:
			return pick(m.s, relations) + pick(m.c, sizes)
		case reading == "" || (n == 22 && !exists):
			return " = " + value()
		case n == 22:
			return pick(m.s, relations) + reading
		case n == 24:
			return " != " + reading
		case n == 25:
			return " in (" + value() + ", " + reading + ")"
		default:
			return " = " + reading
		}
	}
	switch {
	case n < 3:
		m.textFor(kind, key)
		return ""
	case n < 9:
		return " = " + value()
	case n < 11:
		return " != " + value()
	case n < 14:
		return " in " + m.list(value)
	case n < 15:
		return " not in " + m.list(value)
	case n < 16:
		return " notin " + m.list(value)
	case n < 18:
		operator := pick(m.s, []string{" < ", " <= ", " > ", " >= "})
		m.textFor(kind, key)
		if chance(m.s, 60) {
			return operator + pick(m.c, []string{"5", "0", "3", "10", "999999999999999999", "7"})
		}
		return operator + quote(pick(m.c, []string{"a", "5", "", "re", "é"}))
	case n < 19:
		return " like " + text(globs)
	case n < 21:
		return " matches " + text(patterns)
	default:
		return " contains " + text(fragments)
	}
}

func (m *maker) selector(depth int) string {
	n := m.s.IntN(10)
	if depth <= 0 || n < 6 {
		keys := m.w.keys
		key := pick(m.s, keys)
		kind := "label"
		return keyWord(key) + m.compare(kind, key, true)
	}
	switch {
	case n < 8:
		return m.selector(depth-1) + pick(m.s, []string{", ", " and "}) + m.selector(depth-1)
	case n < 9:
		return "(" + m.selector(depth-1) + " or " + m.selector(depth-1) + ")"
	default:
		m.negative = !m.negative
		defer func() { m.negative = !m.negative }()
		return pick(m.s, []string{"not (", "!("}) + m.selector(depth-1) + ")"
	}
}

// keyWord writes a label key; keywords that begin other things stand in quotes.
func keyWord(key string) string {
	if strings.Contains(key, "/") || key == "in" || key == "test" {
		return quote(key)
	}
	return key
}

func pathText(path []string) string {
	var b strings.Builder
	for i, key := range path {
		switch {
		case key == "*":
			b.WriteString("[*]")
		case strings.ContainsAny(key, "./ '"):
			b.WriteString("[" + quote(key) + "]")
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(key)
		}
	}
	return b.String()
}

func scalar(value any) string {
	switch v := value.(type) {
	case string:
		return quote(v)
	case bool:
		return strconv.FormatBool(v)
	case int64:
		if v < 0 {
			return "0" // a word cannot begin with a sign
		}
		return strconv.FormatInt(v, 10)
	case float64:
		text := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		return text
	}
	return `""`
}

func isText(value any) bool { _, ok := value.(string); return ok }

// value of a field, of the type that the structure asks for where a table needs one.
func (m *maker) fieldValue(f field, root bool) string {
	value := pick(m.c, f.values)
	if root && !m.negative {
		m.aim.fields = append(m.aim.fields, assignment{f.path, value})
	}
	return scalar(value)
}

func (m *maker) compareField(f field, root bool) string {
	value := func() string { return m.fieldValue(f, root) }
	text := func(from []string) string { return quote(pick(m.c, from)) }
	switch n := m.s.IntN(26); {
	case n >= 20:
		reading := m.reading("", n < 22)
		value()
		switch {
		case n == 24:
			return pick(m.s, relations) + pick(m.c, sizes)
		case n == 25:
			return pick(m.s, []string{" = ", " != "}) + pick(m.c, sizes)
		case reading == "":
			return ""
		case n < 22:
			return pick(m.s, relations) + reading
		case n == 22:
			return pick(m.s, []string{" = ", " != "}) + reading
		default:
			return " contains " + reading
		}
	case n < 3:
		value()
		return ""
	case n < 8:
		return " = " + value()
	case n < 10:
		return " != " + value()
	case n < 12:
		return " in " + m.list(value)
	case n < 13:
		return " not in " + m.list(value)
	case n < 16:
		operator := pick(m.s, []string{" < ", " <= ", " > ", " >= "})
		if chance(m.s, 70) {
			return operator + pick(m.c, []string{"2", "3", "0", "2.5", "9007199254740992", "9007199254740993", "3.0"})
		}
		return operator + text([]string{"a", "5", "", "re"})
	case n < 17:
		return " like " + text(globs)
	case n < 18:
		return " matches " + text(patterns)
	default:
		if chance(m.s, 50) {
			return " contains " + text(fragments)
		}
		return " contains " + value()
	}
}

// A path that some field has: the whole or only its beginning.
func (m *maker) fieldPath() field {
	f := pick(m.s, m.w.fields)
	if f.path[0] != "metadata" && chance(m.s, 12) {
		cut := 1 + m.s.IntN(len(f.path))
		return field{f.path[:cut], f.values}
	}
	return f
}

func (m *maker) quantifier(depth int) string {
	var lists []field
	for _, f := range m.w.fields {
		for i, key := range f.path {
			if key == "*" && i < len(f.path) {
				lists = append(lists, f)
				break
			}
		}
	}
	if len(lists) == 0 {
		return m.field()
	}
	f := pick(m.s, lists)
	if !m.negative {
		m.aim.fields = append(m.aim.fields, assignment{f.path, pick(m.c, f.values)})
	}
	return m.quantify(f.path, f, 0, depth)
}

func (m *maker) quantify(path []string, f field, nesting, depth int) string {
	star := 0
	for star < len(path) && path[star] != "*" {
		star++
	}
	variable := fmt.Sprintf("v%c", 'a'+m.variables)
	m.variables++
	rest := path[min(star+1, len(path)):]
	head := pick(m.s, []string{"any ", "all "}) + pathText(path[:star]) + " as " + variable + " ("
	inner := field{append([]string{variable}, rest...), f.values}
	var body string
	more := false
	for _, key := range rest {
		more = more || key == "*"
	}
	switch {
	case more && chance(m.s, 60) && len(rest) > 0 && rest[0] != "*":
		body = m.quantify(inner.path, f, nesting+1, depth)
	default:
		body = pathText(inner.path) + m.compareField(inner, false)
	}
	switch m.s.IntN(8) {
	case 0:
		body = "not " + body
	case 1:
		body += " and " + m.atom(depth-1)
	case 2:
		body += " or " + pathText(inner.path) + m.compareField(inner, false)
	case 3:
		body = "(" + body + ") and not " + m.atom(depth-1)
	}
	return head + body + ")"
}

func (m *maker) field() string {
	f := m.fieldPath()
	state := pick(m.s, []string{"", "", "", "", "old ", "new "})
	left := state + "field " + pathText(f.path)
	for {
		comparison := m.compareField(f, true)
		if !strings.HasSuffix(comparison, " "+left) { // which would be equal to itself
			return left + comparison
		}
	}
}

var celExpressions = []string{
	`object.spec.replicas > 3`,
	`has(object.spec) && has(object.spec.replicas)`,
	`oldObject != null && oldObject.metadata.name == 'web'`,
	`request.userInfo.username.startsWith('system:')`,
	`request.operation == 'DELETE' || object.metadata.labels.aura == 'red'`,
	`namespaceObject.metadata.labels['aura'] == 'red'`,
	`namespaceObject != null`,
	`object.metadata.annotations['a/b'].size() > 2`,
	`object.spec.containers.all(c, c.image.startsWith('reg'))`,
	`request.namespace == 'default'`,
	`has(request.namespace)`,
	`request.name.startsWith('w')`,
	`has(request.name)`,
	`request.userInfo.groups.exists(g, g == 'devs')`,
	`request.userInfo.extra['scopes'].exists(v, v == 'v')`,
	`int(object.metadata.labels['n']) > 3`,
	`object.spec.text.matches('^a')`,
	`request.resource.resource == 'pods'`,
	`request.kind.kind == 'Pod'`,
	`object.spec.ratio > 1.0`,
	`string(object.spec.replicas) == '3'`,
	`oldObject.spec == object.spec`,
	`has(request.subResource) && request.subResource == 'status'`,
	`"""` + `'a' in oldObject.spec.list` + `"""`,
	`object.metadata.labels.exists(k, k == 'tier')`,
	`has(oldObject.metadata.labels)`,
	`oldObject.spec.list.size() == 1 || object.spec.list.size() == 1`,
	`has(request.userInfo.uid)`,
	`request.dryRun`,
	`object.metadata.name != oldObject.metadata.name`,
	`1 / object.spec.replicas > 0`,
	`object != null && object.spec['text'] == 'red'`,
	`object.spec.containers.exists(c, c.image.startsWith('reg'))`,
	`!has(object.metadata.labels) || !('tier' in object.metadata.labels)`,
	`object.spec.all(k, k != 'paused')`,
	`object.spec.big + 1 > 0`,
	`[1, 2].exists(x, x == oldObject.spec.replicas)`,
	`object.?spec.replicas.orValue(0) > 2`,
	`object.?metadata.labels[?'aura'] == oldObject.?metadata.labels[?'aura']`,
	`[?object.?spec.text, ?oldObject.?spec.text].size() == 1`,
	`object.?spec.replicas.optMap(r, r > 1).orValue(false)`,
	`'%s/%s'.format([request.?namespace.orValue(''), request.?name.orValue('')]) == 'default/web'`,
	`'%d'.format([object.spec.replicas]) == '3'`,
	`sets.contains(['a', 'b', 'c'], object.spec.list)`,
	`sets.intersects(request.?userInfo.groups.orValue([]), ['devs', 'ops'])`,
	`isQuantity(object.spec.text)`,
	`quantity(object.metadata.labels['n']).isLessThan(quantity('5'))`,
	`quantity(string(object.spec.replicas)).add(1).compareTo(quantity('4')) >= 0`,
	`isURL(object.metadata.name) || url('https://' + object.metadata.name + '/x').getHost() == 'web'`,
	`object.metadata.name.find('[a-w]+') == 'w'`,
	`timestamp(object.spec.text) > timestamp(0)`,
	`duration(string(object.spec.replicas) + 's') >= duration('3s')`,
	`timestamp(object.spec.replicas).getSeconds() == 3`,
	`bytes(object.metadata.name).size() == 3`,
	`has(object.?spec.replicas)`,
}

func (m *maker) atom(depth int) string {
	switch n := m.s.IntN(31); {
	case n == 30:
		return pick(m.s, []string{"any label like ", "any annotation like "}) + quote(pick(m.c, keyGlobs))
	case n < 5:
		key := pick(m.s, m.w.keys)
		return "label " + keyWord(key) + m.compare("label", key, true)
	case n < 7:
		key := pick(m.s, m.w.annotations)
		return "annotation " + keyWord(key) + m.compare("annotation", key, true)
	case n < 9:
		return "name" + m.compare("name", "", false)
	case n < 10:
		return "namespace" + m.compare("namespace", "", false)
	case n < 12:
		key := pick(m.s, m.w.keys)
		return "namespace label " + keyWord(key) + m.compare("namespace label", key, true)
	case n < 20:
		return m.field()
	case n < 22:
		return m.quantifier(depth)
	case n < 23:
		return "user" + m.compare("user", "", false)
	case n < 24:
		return "group" + m.groups()
	case n < 25 && len(m.w.actors) > 0:
		return "actor " + pick(m.s, append(slices.Clone(m.w.actors), m.w.computedActors...))
	case n < 26:
		return "operation in (" + strings.Join(some(m.s, []string{"create", "update", "delete"}, 3), ", ") + ")"
	case n < 29 && depth >= 0:
		return `cel """` + strings.Trim(pick(m.s, celExpressions), `"`) + `"""`
	default:
		key := pick(m.s, m.w.keys)
		return "label " + keyWord(key) + m.compare("label", key, true)
	}
}

// groups is what is asked of the requester's groups.
func (m *maker) groups() string {
	group := func() string { return word(pick(m.c, allGroups)) }
	switch n := m.s.IntN(9); {
	case n < 3:
		return " " + group()
	case n < 4:
		return " like " + quote(pick(m.c, globs))
	case n < 5:
		return " matches " + quote(pick(m.c, patterns))
	case n < 6:
		return pick(m.s, []string{" = ", " != "}) + group()
	case n < 7:
		return " in " + m.list(group)
	}
	if reading := m.reading("", false); reading != "" {
		return pick(m.s, []string{" = ", " != "}) + reading
	}
	return " = " + group()
}

func (m *maker) expr(depth int) string {
	n := m.s.IntN(12)
	if depth <= 0 || n < 5 {
		return m.atom(depth)
	}
	switch {
	case n < 8:
		return "(" + m.expr(depth-1) + ") and (" + m.expr(depth-1) + ")"
	case n < 10:
		return "(" + m.expr(depth-1) + ") or (" + m.expr(depth-1) + ")"
	default:
		m.negative = !m.negative
		defer func() { m.negative = !m.negative }()
		return pick(m.s, []string{"not (", "!("}) + m.expr(depth-1) + ")"
	}
}

// ---- who ----

// computed is a subject whose name the object gives, and somebody who has it where the object is as it was meant.
func (m *maker) computed() string {
	type reading struct{ text, value string }
	read := func() reading {
		switch n := m.s.IntN(8); {
		case n < 3:
			key := pick(m.s, m.w.keys)
			return reading{"{label " + key + "}", m.textFor("label", key)}
		case n < 4:
			key := pick(m.s, m.w.annotations)
			return reading{"{annotation " + key + "}", m.textFor("annotation", key)}
		case n < 6:
			key := pick(m.s, m.w.keys)
			return reading{"{namespace label " + key + "}", m.textFor("namespace label", key)}
		case n < 7:
			return reading{"{namespace}", pick(m.c, m.w.namespaces)}
		}
		return reading{"{name}", pick(m.c, m.writable())}
	}
	piece := func() string { return pick(m.c, []string{"", "", "team-", "é'", "{x}:", "system:", "a:"}) }
	first, before, behind := read(), piece(), ""
	name, text := before+first.value, strings.ReplaceAll(before, "{", "{{")+first.text
	if chance(m.s, 30) {
		second := read()
		name, text = name+second.value, text+second.text
	}
	if chance(m.s, 30) {
		behind = piece()
	}
	name, text = name+behind, text+strings.ReplaceAll(behind, "{", "{{")
	// What an audit annotation begins and ends with, API servers trim.
	named := func(name string) {
		if name == strings.TrimSpace(name) {
			m.aim.users = append(m.aim.users, cases.User{Username: name})
		}
	}
	switch n := m.s.IntN(5); {
	case n < 2:
		named(name)
		return "user " + quote(text)
	case n < 3:
		named("system:serviceaccount:prod:" + first.value)
		return "sa " + quote("prod/"+first.text)
	}
	m.aim.users = append(m.aim.users, cases.User{Username: "member", Groups: []string{name}})
	return "group " + quote(text)
}

func (m *maker) subjectForm() string {
	if !m.fixed && chance(m.s, 14) {
		if len(m.w.computedActors) > 0 && chance(m.s, 30) {
			return pick(m.s, m.w.computedActors)
		}
		return m.computed()
	}
	switch n := m.s.IntN(13); {
	case n < 5:
		user := pick(m.c, m.w.users)
		m.aim.users = append(m.aim.users, user)
		if user.Username == "" {
			return "user ghost"
		}
		if rest, ok := strings.CutPrefix(user.Username, "system:serviceaccount:"); ok && chance(m.c, 70) {
			namespace, name, _ := strings.Cut(rest, ":")
			return pick(m.c, []string{"sa ", "serviceaccount "}) + namespace + "/" + name
		}
		return "user " + word(user.Username)
	case n < 8:
		group := pick(m.c, allGroups)
		m.aim.users = append(m.aim.users, cases.User{Username: "member", Groups: []string{group}})
		return "group " + word(group)
	case n < 9:
		m.aim.users = append(m.aim.users, cases.User{Username: "system:serviceaccount:prod:x", Groups: []string{"system:serviceaccounts:prod"}})
		return "serviceaccounts prod"
	case n < 10:
		uid := pick(m.c, allUIDs)
		m.aim.users = append(m.aim.users, cases.User{Username: "x", UID: uid})
		return "uid " + word(uid)
	case n < 11 && !m.noMay:
		if len(m.w.mayActors) > 0 && chance(m.s, 40) {
			return pick(m.s, m.w.mayActors)
		}
		return "may " + pick(m.s, allVerbs)
	default:
		if len(m.w.actors) > 0 {
			return pick(m.s, m.w.actors)
		}
		return "user alice"
	}
}

func (m *maker) subject() string {
	text := m.subjectForm()
	if chance(m.s, 15) {
		text += " and " + m.subjectForm()
	}
	if chance(m.s, 12) {
		key, value := pick(m.s, allExtra), pick(m.c, extraValues)
		text += " with extra " + word(key) + " = " + word(value)
		if n := len(m.aim.users); n > 0 {
			user := m.aim.users[n-1]
			user.Extra = map[string][]string{key: {value}}
			m.aim.users = append(m.aim.users, user)
		}
	}
	return text
}

func (m *maker) subjects() string {
	items := []string{m.subject()}
	for range m.s.IntN(3) {
		items = append(items, m.subject())
	}
	return strings.Join(items, ", ")
}

// ---- objects ----

func names(list []resource) string {
	var texts []string
	for _, r := range list {
		texts = append(texts, r.name)
	}
	return strings.Join(texts, ", ")
}

func split(list []resource, namespaced bool) []resource {
	var out []resource
	for _, r := range list {
		if r.namespaced == namespaced {
			out = append(out, r)
		}
	}
	return out
}

// writable gives the names that a policy may write of what it is about: klockc refuses what no object can be called.
func (m *maker) writable() []string {
	var out []string
	for _, name := range m.w.names {
		if m.wildcard || slices.ContainsFunc(m.aim.resources, func(r resource) bool { return r.takes(name) }) {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		out = []string{"web"}
	}
	return out
}

// where writes the clauses that say which objects could be meant.
func (m *maker) where(wildcards bool) []string {
	var clauses []string
	namespaced := chance(m.s, 75)
	candidates := split(m.w.resources, namespaced)
	if len(candidates) == 0 {
		namespaced = !namespaced
		candidates = split(m.w.resources, namespaced)
	}
	if wildcards && chance(m.s, 12) {
		pattern := pick(m.s, []string{"*", "*", "*.apps", "*.core"})
		m.wildcard = true
		clauses = append(clauses, "resources "+pattern)
		for _, r := range candidates {
			if pattern == "*" || pattern == "*."+r.group || pattern == "*.core" && r.group == "" {
				m.aim.resources = append(m.aim.resources, r)
			}
		}
		if len(m.aim.resources) == 0 {
			m.aim.resources = candidates
		}
		if chance(m.s, 30) {
			clauses[0] += ", " + names(some(m.s, candidates, 2))
		}
		if chance(m.s, 30) {
			clauses = append(clauses, "except resources "+names(some(m.s, candidates, 2)))
		}
	} else {
		chosen := some(m.c, candidates, 3)
		m.aim.resources = chosen
		text := names(chosen)
		if through := m.subresources(chosen); through != "" {
			text = through
		} else if r := chosen[0]; len(chosen) == 1 && r.hasVersion() && chance(m.s, 10) {
			text = r.plural
			if r.group != "" {
				text += "." + r.group
			}
			text += "/" + pick(m.c, r.versions[:1])
		}
		clauses = append(clauses, "resources "+text)
	}
	if !namespaced {
		if chance(m.s, 30) || strings.Contains(clauses[0], "*") {
			clauses = append(clauses, "cluster")
		}
		return clauses
	}
	switch n := m.s.IntN(10); {
	case n < 5:
		m.aim.namespaces = some(m.c, m.w.namespaces, 2)
		clauses = append(clauses, "namespace "+strings.Join(m.aim.namespaces, ", "))
	case n < 7:
		text := "namespace *"
		if chance(m.s, 30) {
			text += ", " + pick(m.s, []string{"kube-system", "kube-public"})
		}
		clauses = append(clauses, text)
	default:
		m.namespace = true
		clauses = append(clauses, "namespace labeled "+m.selector(1))
		m.namespace = false
	}
	return clauses
}

// which writes the clauses that select among the objects.
func (m *maker) which() (clauses []string, movable bool) {
	if chance(m.s, 20) {
		m.aim.names = some(m.c, m.writable(), 3)
		var texts []string
		for _, name := range m.aim.names {
			texts = append(texts, word(name))
		}
		clauses = append(clauses, "name "+strings.Join(texts, ", "))
	}
	if chance(m.s, 55) {
		clauses = append(clauses, "labels "+m.selector(2))
		movable = true
	}
	if chance(m.s, 12) {
		key := pick(m.s, m.w.annotations)
		clauses = append(clauses, "annotations "+keyWord(key)+m.compare("annotation", key, true))
		movable = true
	}
	if chance(m.s, 25) {
		clauses = append(clauses, "where "+m.expr(2))
	}
	return clauses, movable
}

var metadataPaths = []string{"metadata", "metadata.labels", "metadata.annotations", "metadata.finalizers", "metadata.ownerReferences"}

func (m *maker) paths(each bool) string {
	var texts []string
	for range 1 + m.s.IntN(3) {
		switch n := m.s.IntN(10); {
		case n < 2:
			path := pick(m.s, metadataPaths)
			if each && chance(m.s, 30) {
				path = pick(m.s, []string{"metadata.finalizers[*]", "metadata.ownerReferences[*]", "metadata.ownerReferences[*].kind"})
			}
			texts = append(texts, path)
		case n < 4:
			key := pick(m.s, m.w.keys)
			if chance(m.s, 40) {
				key = pick(m.s, keyGlobs)
			}
			texts = append(texts, pick(m.s, []string{"metadata.labels", "metadata.annotations"})+"["+quote(key)+"]")
		case n < 5:
			texts = append(texts, pick(m.s, []string{"spec", "data", "spec.template", "status", "spec.containers", "spec.map"}))
		default:
			f := m.fieldPath()
			path := f.path
			if path[0] == "metadata" && len(path) > 1 && path[1] == "generation" {
				path = []string{"spec"}
			}
			if !each {
				for i, key := range path {
					if key == "*" {
						path = path[:i]
						break
					}
				}
			}
			texts = append(texts, pathText(path))
		}
	}
	return strings.Join(texts, ", ")
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
			denies = append(denies, "create")
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
	if !require || chance(m.s, 50) {
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
	case 2, 3:
		block.Clauses = append(block.Clauses, "exempt controllers")
	case 4:
		block.Clauses = append(block.Clauses, "exempt lifecycle, "+m.subject())
	case 5:
		block.Clauses = append(block.Clauses, "exempt controllers, "+m.subject())
	}
	block.Clauses = append(block.Clauses, m.guards(block, movable, !movable || len(which) > 1)...)
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

func newRand(a, b uint64) *rand.Rand { return rand.New(rand.NewPCG(a, b)) }

// newPolicy makes a policy of the world's words.
func newPolicy(r *rand.Rand, w *world) *Policy {
	p := &Policy{}
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
