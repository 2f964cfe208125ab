package differential

import (
	"strings"

	"klock.dev/e2e/cases"
)

// Who may: subjects of every form.

// A reading is what stands in a name, and what it reads where the object is as it was meant.
type reading struct{ text, value string }

// computedName is one that the object gives, and the first of what it reads.
func (m *maker) computedName() (name, first reading) {
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
	before, behind := piece(), ""
	first = read()
	name = reading{strings.ReplaceAll(before, "{", "{{") + first.text, before + first.value}
	if chance(m.s, 30) {
		second := read()
		name = reading{name.text + second.text, name.value + second.value}
	}
	if chance(m.s, 30) {
		behind = piece()
	}
	return reading{name.text + strings.ReplaceAll(behind, "{", "{{"), name.value + behind}, first
}

// computed is a subject whose name the object gives, and somebody who has it where the object is as it was meant.
func (m *maker) computed() string {
	name, first := m.computedName()
	// Every requester has a name. What an audit annotation begins and ends with, API servers trim.
	named := func(name string) {
		if name != "" && name == strings.TrimSpace(name) {
			m.aim.users = append(m.aim.users, cases.User{Username: name})
		}
	}
	switch n := m.s.IntN(5); {
	case n < 2:
		named(name.value)
		return "user " + quote(name.text)
	case n < 3:
		named("system:serviceaccount:prod:" + first.value)
		return "sa " + quote("prod/"+first.text)
	}
	m.aim.users = append(m.aim.users, cases.User{Username: "member", Groups: []string{name.value}})
	return "group " + quote(name.text)
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
		written := word(value)
		if !m.fixed && chance(m.s, 40) {
			name, _ := m.computedName()
			written, value = quote(name.text), name.value
		}
		text += " with extra " + word(key) + " = " + written
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
