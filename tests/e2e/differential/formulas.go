package differential

import (
	"slices"
	"strings"
)

// What a formula asks: comparisons, selectors, atoms and what joins them.

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
