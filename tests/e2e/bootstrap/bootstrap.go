// Package bootstrap reads the roles and bindings that API servers make when they start, and writes
// compiler/kubernetes/bootstrap.def from them.
package bootstrap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"klock.dev/e2e/cluster"
)

const label = "kubernetes.io/bootstrapping=rbac-defaults"

// Policy is what the servers of one minor make.
type Policy struct {
	Minor               string
	ClusterRoles        []rbacv1.ClusterRole
	ClusterRoleBindings []rbacv1.ClusterRoleBinding
	Roles               []rbacv1.Role
	RoleBindings        []rbacv1.RoleBinding
}

// Path is where the table is.
func Path() string { return filepath.Join(cluster.Root(), "compiler", "kubernetes", "bootstrap.def") }

// Read starts a server of the minor.
func Read(ctx context.Context, minor string) (Policy, error) {
	c, err := cluster.Start(cluster.Options{Minor: minor})
	if err != nil {
		return Policy{}, err
	}
	defer c.Stop()
	return Of(ctx, c)
}

// Of reads the policy of a server that runs.
func Of(ctx context.Context, c *cluster.Cluster) (Policy, error) {
	p := Policy{Minor: c.Minor}
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return p, err
	}
	rbac, options := client.RbacV1(), metav1.ListOptions{LabelSelector: label}
	clusterRoles, err := rbac.ClusterRoles().List(ctx, options)
	if err != nil {
		return p, err
	}
	clusterBindings, err := rbac.ClusterRoleBindings().List(ctx, options)
	if err != nil {
		return p, err
	}
	roles, err := rbac.Roles("").List(ctx, options)
	if err != nil {
		return p, err
	}
	bindings, err := rbac.RoleBindings("").List(ctx, options)
	if err != nil {
		return p, err
	}
	p.ClusterRoles, p.ClusterRoleBindings, p.Roles, p.RoleBindings = clusterRoles.Items, clusterBindings.Items, roles.Items, bindings.Items
	if len(p.ClusterRoleBindings) == 0 || len(p.RoleBindings) == 0 {
		return p, errors.New("the server has no bootstrap bindings")
	}
	return p, nil
}

// ---- lines ----

// A line of the table, and the minors that it is of. Lines are in the order of their keys, and else in that of the servers.
type line struct {
	macro, key, text string
	minors           []string
}

type table struct {
	lines []*line
	known map[string]*line
}

func (t *table) add(minor, macro, key string, columns ...string) {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = fmt.Sprintf("%q", c)
	}
	text := strings.Join(quoted, ", ")
	l := t.known[macro+text]
	if l == nil {
		l = &line{macro: macro, key: key, text: text}
		t.known[macro+text] = l
		t.lines = append(t.lines, l)
	}
	if !slices.Contains(l.minors, minor) {
		l.minors = append(l.minors, minor)
	}
}

// Words that are separated by blanks, sorted. The core group has no name of its own.
func words(list []string) string {
	named := make([]string, len(list))
	for i, word := range list {
		named[i] = cmp.Or(word, "core")
	}
	slices.Sort(named)
	return strings.Join(named, " ")
}

func pairs(labels map[string]string) []string {
	var list []string
	for key, value := range labels {
		list = append(list, key+"="+value)
	}
	slices.Sort(list)
	return list
}

func (t *table) rules(minor, namespace, name string, rules []rbacv1.PolicyRule) {
	for _, r := range rules {
		t.add(minor, "RULE", namespace+"/"+name, namespace, name, words(r.Verbs), words(r.APIGroups), words(r.Resources), words(r.ResourceNames),
			words(r.NonResourceURLs))
	}
}

func (t *table) binding(minor, namespace, name string, role rbacv1.RoleRef, subjects []rbacv1.Subject) {
	in := ""
	if role.Kind == "Role" {
		in = namespace
	}
	for _, s := range subjects {
		kind, who := "USER", s.Name
		switch s.Kind {
		case rbacv1.GroupKind:
			kind = "GROUP"
		case rbacv1.ServiceAccountKind:
			who = "system:serviceaccount:" + s.Namespace + ":" + s.Name
		}
		t.add(minor, kind, namespace+"/"+name, namespace, name, in, role.Name, who)
	}
}

// Lines is the table, without its head.
func Lines(policies []Policy) (string, error) {
	t := table{known: map[string]*line{}}
	for _, p := range policies {
		for _, r := range p.ClusterRoles {
			var aggregated []string
			if r.AggregationRule != nil {
				for _, s := range r.AggregationRule.ClusterRoleSelectors {
					labels := pairs(s.MatchLabels)
					if len(labels) != 1 || len(s.MatchExpressions) > 0 {
						return "", fmt.Errorf("ClusterRole %s of %s selects by more than a label", r.Name, p.Minor)
					}
					aggregated = append(aggregated, labels...)
				}
			} else {
				t.rules(p.Minor, "", r.Name, r.Rules)
			}
			t.add(p.Minor, "ROLE", "/"+r.Name, r.Name, strings.Join(pairs(r.Labels), " "), strings.Join(aggregated, " "))
		}
		for _, r := range p.Roles {
			t.rules(p.Minor, r.Namespace, r.Name, r.Rules)
		}
		for _, b := range p.ClusterRoleBindings {
			t.binding(p.Minor, "", b.Name, b.RoleRef, b.Subjects)
		}
		for _, b := range p.RoleBindings {
			t.binding(p.Minor, b.Namespace, b.Name, b.RoleRef, b.Subjects)
		}
	}
	order := []string{"ROLE", "RULE", "USER", "GROUP"}
	slices.SortStableFunc(t.lines, func(a, b *line) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.macro), slices.Index(order, b.macro)), cmp.Compare(a.key, b.key))
	})
	var out strings.Builder
	macro := "ROLE"
	for _, l := range t.lines {
		if l.macro != macro {
			out.WriteString("\n")
			macro = l.macro
		}
		fmt.Fprintf(&out, "%s(%s, %q)\n", l.macro, l.text, strings.Join(l.minors, " "))
	}
	return out.String(), nil
}

// Text is the whole file.
func Text(policies []Policy) (string, error) {
	var minors []string
	for _, p := range policies {
		minors = append(minors, p.Minor)
	}
	lines, err := Lines(policies)
	return `// Generated by tests/e2e/cmd/bootstrap from API servers ` + strings.Join(minors, ", ") + `, do not edit.
//
// The RBAC that every API server makes when it starts. Lists are separated by blanks; "core" is the group without a name.
// ROLE(name, labels, what it aggregates, minors) is a ClusterRole; those that aggregate have no rules of their own.
// RULE(namespace or "", role, verbs, API groups, resources, resourceNames, nonResourceURLs, minors)
// USER(namespace or "", binding, namespace of a Role or "", role, user, minors), and GROUP likewise.
// Whoever includes this defines those that it wants.
#ifndef ROLE
#define ROLE(name, labels, aggregates, minors)
#endif
#ifndef RULE
#define RULE(namespace, role, verbs, groups, resources, names, urls, minors)
#endif
#ifndef USER
#define USER(namespace, binding, role_namespace, role, name, minors)
#endif
#ifndef GROUP
#define GROUP(namespace, binding, role_namespace, role, name, minors)
#endif

` + lines + `
#undef ROLE
#undef RULE
#undef USER
#undef GROUP
`, err
}

var ofMinors = regexp.MustCompile(`, "([0-9. ]+)"\)$`)

// Committed are the lines of the table that are of a minor.
func Committed(minor string) (map[string]bool, error) {
	bytes, err := os.ReadFile(Path())
	if err != nil {
		return nil, err
	}
	lines := map[string]bool{}
	for text := range strings.Lines(string(bytes)) {
		text = strings.TrimSpace(text)
		if match := ofMinors.FindStringSubmatch(text); match != nil && slices.Contains(strings.Fields(match[1]), minor) {
			lines[strings.TrimSuffix(text, match[0])] = true
		}
	}
	return lines, nil
}

// Own are the lines that one policy makes, as Committed has them.
func Own(p Policy) (map[string]bool, error) {
	text, err := Lines([]Policy{p})
	lines := map[string]bool{}
	for text := range strings.Lines(text) {
		text = strings.TrimSpace(text)
		if match := ofMinors.FindString(text); match != "" {
			lines[strings.TrimSuffix(text, match)] = true
		}
	}
	return lines, err
}
