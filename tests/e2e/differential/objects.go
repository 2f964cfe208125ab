package differential

import (
	"slices"
	"strings"
)

// Which objects a lock is on, where, and which of their fields.

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
