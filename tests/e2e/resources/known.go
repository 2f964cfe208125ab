package resources

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
)

var (
	resourceLine    = regexp.MustCompile(`^RESOURCE\("([^"]*)", "[^"]*", "([^"]*)", "([^"]*)", "([^"]*)", "([^"]*)", (NAMESPACED|CLUSTER), "[^"]*", "([^"]*)"`)
	subresourceLine = regexp.MustCompile(`^SUBRESOURCE\("([^"]*)", "([^"]*)", "([^"]*)", "([^"]*)", "([^"]*)", "([^"]*)",`)
)

// Resource is a line of the table.
type Resource struct {
	Plural, Kind, Group, Version string
	// Versions are all that are served, the preferred one first.
	Versions   []string
	Namespaced bool
	Verbs      []string
}

type table struct {
	all        []Resource
	plural     map[schema.GroupKind]string
	namespaced map[schema.GroupKind]bool
	versions   map[schema.GroupResource][]string
	// subresources is keyed by resource, group and subresource.
	subresources map[[3]string]schema.GroupVersionKind
}

// known is the table that is committed. Nothing works without it.
var known = sync.OnceValue(func() *table {
	path := filepath.Join(cluster.Root(), "compiler", "kubernetes", "resources.def")
	content, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	t := &table{
		plural:       map[schema.GroupKind]string{},
		namespaced:   map[schema.GroupKind]bool{},
		versions:     map[schema.GroupResource][]string{},
		subresources: map[[3]string]schema.GroupVersionKind{},
	}
	for line := range strings.Lines(string(content)) {
		if m := resourceLine.FindStringSubmatch(line); m != nil {
			kind := schema.GroupKind{Group: m[3], Kind: m[2]}
			r := Resource{Plural: m[1], Kind: m[2], Group: m[3], Version: m[4], Versions: strings.Fields(m[5]), Namespaced: m[6] == "NAMESPACED", Verbs: strings.Fields(m[7])}
			t.all = append(t.all, r)
			t.versions[schema.GroupResource{Group: r.Group, Resource: r.Plural}] = r.Versions
			t.plural[kind], t.namespaced[kind] = r.Plural, r.Namespaced
		} else if m := subresourceLine.FindStringSubmatch(line); m != nil {
			t.subresources[[3]string{m[1], m[2], m[3]}] = schema.GroupVersionKind{Group: m[5], Version: m[6], Kind: m[4]}
		}
	}
	return t
})

// All is the whole table.
func All() []Resource { return known().all }

// Namespaced says whether objects of a kind live in namespaces. A kind that the table does not know is taken to be a
// namespaced custom resource.
func Namespaced(kind schema.GroupKind) bool {
	namespaced, ok := known().namespaced[kind]
	return namespaced || !ok
}

// Plural is the resource name of a kind, or empty.
func Plural(kind schema.GroupKind) string {
	return known().plural[kind]
}

// Of is the resource name of the kind of an object in a manifest. The table does not have custom resources.
func Of(kind schema.GroupKind) string {
	return cmp.Or(Plural(kind), strings.ToLower(kind.Kind)+"s")
}

// Versions are those that are served of a built-in resource.
func Versions(resource schema.GroupResource) []string {
	return known().versions[resource]
}

// KindOf is the kind of the objects in a request.
func KindOf(r *cases.Request) schema.GroupVersionKind {
	parent := schema.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind}
	if r.Subresource == "" {
		return parent
	}
	kind, ok := known().subresources[[3]string{r.Resource, r.Group, r.Subresource}]
	switch {
	case !ok && r.Subresource == "scale":
		return schema.GroupVersionKind{Group: "autoscaling", Version: "v1", Kind: "Scale"}
	case !ok || kind.Group == r.Group && kind.Kind == r.Kind:
		return parent
	}
	return kind
}
