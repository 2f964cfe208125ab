package differential

import (
	"fmt"
	"strconv"
	"strings"
)

// Fields, what they are compared with, and what any and all say of lists of them.

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
