// Package differential makes policies and requests at random and compares what klockc decides with what the API server's
// evaluator makes of the manifests.
package differential

import (
	"iter"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"klock.dev/e2e/cases"
)

// resource is a kind of object that policies lock.
type resource struct {
	name         string // as policies write it
	plural, kind string
	group        string
	versions     []string
	namespaced   bool
	subresources []string // those whose object is the whole parent
	acts         []string // those that carry nothing of it
	declaration  string   // of a custom resource
}

var builtin = []resource{
	{name: "pods", plural: "pods", kind: "Pod", versions: []string{"v1"}, namespaced: true, subresources: []string{"status", "ephemeralcontainers", "resize"}, acts: podActs},
	{name: "configmaps", plural: "configmaps", kind: "ConfigMap", versions: []string{"v1"}, namespaced: true},
	{name: "Secret", plural: "secrets", kind: "Secret", versions: []string{"v1"}, namespaced: true},
	{name: "svc", plural: "services", kind: "Service", versions: []string{"v1"}, namespaced: true, subresources: []string{"status"}, acts: []string{"proxy"}},
	{name: "deployments.apps", plural: "deployments", kind: "Deployment", group: "apps", versions: []string{"v1"}, namespaced: true, subresources: []string{"status"}, acts: []string{"scale"}},
	{name: "sts", plural: "statefulsets", kind: "StatefulSet", group: "apps", versions: []string{"v1"}, namespaced: true, subresources: []string{"status"}, acts: []string{"scale"}},
	{name: "jobs.batch", plural: "jobs", kind: "Job", group: "batch", versions: []string{"v1"}, namespaced: true, subresources: []string{"status"}},
	{name: "hpa", plural: "horizontalpodautoscalers", kind: "HorizontalPodAutoscaler", group: "autoscaling", versions: []string{"v2", "v1"}, namespaced: true, subresources: []string{"status"}},
	{name: "ingresses", plural: "ingresses", kind: "Ingress", group: "networking.k8s.io", versions: []string{"v1"}, namespaced: true, subresources: []string{"status"}},
	{name: "endpoints", plural: "endpoints", kind: "Endpoints", versions: []string{"v1"}, namespaced: true},
	{name: "leases", plural: "leases", kind: "Lease", group: "coordination.k8s.io", versions: []string{"v1"}, namespaced: true},
	{name: "nodes", plural: "nodes", kind: "Node", versions: []string{"v1"}, subresources: []string{"status"}, acts: []string{"proxy"}},
	{name: "namespaces", plural: "namespaces", kind: "Namespace", versions: []string{"v1"}, subresources: []string{"status", "finalize"}},
	{name: "csr", plural: "certificatesigningrequests", kind: "CertificateSigningRequest", group: "certificates.k8s.io", versions: []string{"v1"}, subresources: []string{"status", "approval"}},
	{name: "pvc", plural: "persistentvolumeclaims", kind: "PersistentVolumeClaim", versions: []string{"v1"}, namespaced: true, subresources: []string{"status"}},
	{name: "pv", plural: "persistentvolumes", kind: "PersistentVolume", versions: []string{"v1"}, subresources: []string{"status"}},
	{name: "clusterroles.rbac.authorization.k8s.io", plural: "clusterroles", kind: "ClusterRole", group: "rbac.authorization.k8s.io", versions: []string{"v1"}},
	{name: "serviceaccounts", plural: "serviceaccounts", kind: "ServiceAccount", versions: []string{"v1"}, namespaced: true, acts: []string{"token"}},
	{name: "rs", plural: "replicasets", kind: "ReplicaSet", group: "apps", versions: []string{"v1"}, namespaced: true, subresources: []string{"status"}, acts: []string{"scale"}},
	{name: "daemonsets", plural: "daemonsets", kind: "DaemonSet", group: "apps", versions: []string{"v1"}, namespaced: true, subresources: []string{"status"}},
	{name: "cronjobs", plural: "cronjobs", kind: "CronJob", group: "batch", versions: []string{"v1"}, namespaced: true, subresources: []string{"status"}},
	{name: "rc", plural: "replicationcontrollers", kind: "ReplicationController", versions: []string{"v1"}, namespaced: true, subresources: []string{"status"}, acts: []string{"scale"}},
	{name: "podtemplates", plural: "podtemplates", kind: "PodTemplate", versions: []string{"v1"}, namespaced: true},
	{name: "roles", plural: "roles", kind: "Role", group: "rbac.authorization.k8s.io", versions: []string{"v1"}, namespaced: true},
	{name: "rolebindings", plural: "rolebindings", kind: "RoleBinding", group: "rbac.authorization.k8s.io", versions: []string{"v1"}, namespaced: true},
	{name: "clusterrolebindings", plural: "clusterrolebindings", kind: "ClusterRoleBinding", group: "rbac.authorization.k8s.io", versions: []string{"v1"}},
	{name: "apiservices", plural: "apiservices", kind: "APIService", group: "apiregistration.k8s.io", versions: []string{"v1"}, subresources: []string{"status"}},
	{name: "crd", plural: "customresourcedefinitions", kind: "CustomResourceDefinition", group: "apiextensions.k8s.io", versions: []string{"v1"}, subresources: []string{"status"}},
}

var podActs = []string{"eviction", "exec", "attach", "portforward", "proxy", "binding"}

// named is a built-in resource.
func named(plural string) resource {
	i := slices.IndexFunc(builtin, func(r resource) bool { return r.plural == plural })
	return builtin[i]
}

// hasVersion is whether the resource can be written with its version: one that is declared without has none.
func (r resource) hasVersion() bool {
	return r.declaration == "" || strings.Contains(r.declaration, "/v1")
}

var (
	dnsLabel     = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	dnsSubdomain = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
)

// takes is whether klockc takes the name for one of the resource.
func (r resource) takes(name string) bool {
	switch {
	case r.declaration != "", r.group == "rbac.authorization.k8s.io", r.group == "apiregistration.k8s.io":
		return true
	case r.plural == "services", r.plural == "namespaces":
		return dnsLabel.MatchString(name)
	}
	return dnsSubdomain.MatchString(name)
}

var custom = []resource{
	{name: "widgets.example.com", plural: "widgets", kind: "Widget", group: "example.com", versions: []string{"v1", "v1beta1"}, namespaced: true,
		subresources: []string{"status"}, acts: []string{"scale"}, declaration: "resource widgets.example.com /v1 namespaced kind Widget subresources scale, status"},
	{name: "gadgets.example.com", plural: "gadgets", kind: "Gadget", group: "example.com", versions: []string{"v1"},
		declaration: "resource gadgets.example.com cluster kind Gadget"},
	{name: "pods.metrics.example.com", plural: "pods", kind: "PodMetrics", group: "metrics.example.com", versions: []string{"v1"}, namespaced: true,
		declaration: "resource pods.metrics.example.com namespaced kind PodMetrics"},
}

// What texts may look like: everything that some notation on the way might take for its own.
var awkward = []string{
	"", " ", "'", "\"", "\\", "\\n", "a'b\"c", "${x}", "$${{ x }}", "$$", "{{", "#", "# no comment", "a: b", ": ", "- a", "-", "?", "!tag",
	"&a", "*a", "|", ">", "%d %s", "@", "`", "~", "null", "true", "no", "yes", "on", "0x1F", "1e3", ".5", "1_000", "0o7", "2026-01-01",
	"<<", "=", "[a]", "{a: b}", "é日", "😀", "\u00a0", "\u0085", "\u2028", "\ufeff", "\ufffd", "\ufffe", "e\u0301", ".*", "a|b", "^$", "(?i)a", "a+b", "[", "\\d+",
	" a", "a ", "a  b", "---", "...", "\tx", "x\ny", "\r", "\x01", "\x7f", "\u009f", "a/b", "//", "%{", "\"\"\"",
}

var (
	allNamespaces = []string{"default", "prod", "team-a", "kube-system", "kube-public", "lock", "x1"}
	allNames      = []string{"web", "db-0", "web.example.com", "a", "lock", "system:node", "x_Y", "it's", "db-1"}
	allKeys       = []string{"aura", "app.kubernetes.io/name", "tier", "a/b", "x_1", "in", "test", "a.b-c_d", "n", "example.com/Odd.Key_1"}
	allValues     = []string{"red", "blue", "", "a", "5", "10", "007", "x_Y.z-1", "true", "1.5", "999999999999999999", "1234567890123456789", "lock", "10Gi", "500m", "1e999999999"}
	allUsers      = []string{"alice", "bob", "system:serviceaccount:prod:operator", "system:serviceaccount:default:jonny-op", "o'neil", "kubernetes-admin", "é@example.com"}
	allGroups     = []string{"devs", "system:masters", "system:serviceaccounts:prod", "ops team", "oidc:\"x\"", "system:authenticated"}
	allUIDs       = []string{"u-1", "u-2"}
	allExtra      = []string{"scopes", "example.com/key", "it's"}
	extraValues   = []string{"v", "w", "", "a b"}
)

var systemUsers = []cases.User{
	{Username: "system:node:n1", Groups: []string{"system:nodes", "system:authenticated"}},
	{Username: "system:node:n1", Groups: []string{"system:authenticated"}},
	{Username: "system:node", Groups: []string{"system:nodes"}},
	{Username: "system:kube-controller-manager"},
	{Username: "system:apiserver", Groups: []string{"system:masters"}},
	{Username: "system:apiserver", Groups: []string{"system:authenticated"}},
	{Username: "system:apiserver:", Groups: []string{"system:masters"}},
	{Username: "system:serviceaccount:kube-system:persistent-volume-binder"},
	{Username: "system:serviceaccount:kube-system:legacy-service-account-token-cleaner"},
	{Username: "system:serviceaccount:kube-system:token-cleaner"},
	{Username: "system:serviceaccount:kube-system:root-ca-cert-publisher"},
	{Username: "deployment-controller"},
	{Username: "system:serviceaccount:kube-system:daemon-set-controller"},
	{Username: "system:serviceaccount:kube-system:replication-controller"},
	{Username: "system:serviceaccount:kube-system:cronjob-controller"},
	{Username: "system:serviceaccount:kube-system:ttl-after-finished-controller"},
	{Username: "system:serviceaccount:kube-system:service-account-controller"},
	{Username: "system:kube-scheduler"},
	{Username: "system:serviceaccount:kube-system:namespace-controller", Groups: []string{"system:serviceaccounts:kube-system"}},
	{Username: "system:serviceaccount:kube-system:generic-garbage-collector"},
	{Username: "system:serviceaccount:kube-system:pod-garbage-collector"},
	{Username: "system:serviceaccount:kube-system:deployment-controller"},
	{Username: "system:serviceaccount:kube-system:replicaset-controller"},
	{Username: "system:serviceaccount:kube-system:statefulset-controller"},
	{Username: "system:serviceaccount:kube-system:job-controller"},
	{Username: "system:serviceaccount:kube-system:node-controller"},
	{Username: "system:serviceaccount:kube-system:horizontal-pod-autoscaler"},
	{Username: "system:serviceaccount:kube-system:attachdetach-controller"},
	{Username: "system:serviceaccount:kube-system:certificate-controller"},
	{Username: "system:serviceaccount:kube-system:other"},
}

// field is a place in an object with the values that are found there.
type field struct {
	path   []string // "*" is each element of a list
	values []any
}

func strs(values ...string) []any {
	var list []any
	for _, v := range values {
		list = append(list, v)
	}
	return list
}

var allFields = []field{
	{[]string{"spec", "replicas"}, []any{int64(0), int64(1), int64(3), int64(5), int64(-1), 3.0, 2.5}},
	{[]string{"spec", "big"}, []any{int64(9007199254740993), int64(9007199254740992), int64(9223372036854775807), 9007199254740992.0, 1e19, int64(-9223372036854775807)}},
	{[]string{"spec", "ratio"}, []any{0.5, 1.0, 3.0, int64(1), int64(3), 1e-7}},
	{[]string{"spec", "paused"}, []any{true, false}},
	{[]string{"spec", "text"}, strs("red", "blue", "5", "", "a'b\"c", "é日", "x\ny", "true")},
	{[]string{"spec", "limit"}, []any{"50%", int64(1), int64(2), "1"}},
	{[]string{"spec", "size"}, []any{"10Gi", "10240Mi", "500m", "0.5", int64(2000), "2k", 0.5, "1e3", "Ki", "1e999999999", "red", true, 1e-7}},
	{[]string{"spec", "owner"}, []any{"alice", "web", "default", "red", int64(5)}},
	{[]string{"spec", "list", "*"}, strs("a", "b", "", "red")},
	{[]string{"spec", "numbers", "*"}, []any{int64(1), int64(2), 2.0, 2.5, "2"}},
	{[]string{"spec", "map", "x"}, strs("1", "2", "red")},
	{[]string{"spec", "map", "a/b"}, strs("1", "2", "red")},
	{[]string{"spec", "in"}, strs("1", "red")},
	{[]string{"spec", "namespace"}, strs("1", "red")},
	{[]string{"spec", "under_score"}, []any{"1", int64(1)}},
	{[]string{"spec", "odd key's"}, []any{"1", true}},
	{[]string{"spec", "containers", "*", "name"}, strs("c1", "c2")},
	{[]string{"spec", "containers", "*", "image"}, strs("reg.io/a:1", "reg.io/b:2", "other/c")},
	{[]string{"spec", "containers", "*", "ports", "*"}, []any{int64(80), int64(443), "http"}},
	{[]string{"spec", "containers", "*", "env", "*", "name"}, strs("A", "B")},
	{[]string{"spec", "template", "spec", "containers", "*", "image"}, strs("reg.io/a:1", "other/c")},
	{[]string{"spec", "matrix", "*", "*"}, []any{int64(1), int64(2), "x"}},
	{[]string{"spec", "deep", "er", "est"}, []any{"1", int64(1), true}},
	{[]string{"data", "a.b"}, strs("1", "2", "x\ny")},
	{[]string{"data", "key"}, strs("1", "2")},
	{[]string{"immutable"}, []any{true, false}},
	{[]string{"status", "phase"}, strs("Running", "Failed")},
	{[]string{"status", "conditions", "*", "type"}, strs("Ready", "Failed")},
	{[]string{"metadata", "finalizers", "*"}, strs("example.com/a", "b", "kubernetes.io/pvc")},
	{[]string{"metadata", "ownerReferences", "*", "kind"}, strs("ReplicaSet", "Job")},
	{[]string{"metadata", "generation"}, []any{int64(1), int64(2)}},
}

// Words that nearly coincide: what is made of them must not.
var (
	nearKeys  = []string{"tier", "tier-new", "tier_new", "tier.new", "tierNew", "tier-2", "tier2", "tier--new", "a.b/tier", "x/tier"}
	nearLocks = []string{"a-b", "a_b", "a.b", "aB", "ab", "a--b", "a-bC", "a:b", "AB", "a-B", "a_2db"}
	nearKinds = []resource{
		{name: "widgets.example.com-by-name", plural: "widgets", kind: "Widget", group: "example.com-by-name", versions: []string{"v1"}, namespaced: true,
			acts: []string{"scale"}, declaration: "resource widgets.example.com-by-name /v1 namespaced kind Widget subresources scale"},
		{name: "widgets.example.com-warn", plural: "widgets", kind: "Widget", group: "example.com-warn", versions: []string{"v1"}, namespaced: true,
			acts: []string{"scale"}, declaration: "resource widgets.example.com-warn /v1 namespaced kind Widget subresources scale"},
		{name: "widgets.example.com-objects", plural: "widgets", kind: "Widget", group: "example.com-objects", versions: []string{"v1"}, namespaced: true,
			acts: []string{"scale"}, declaration: "resource widgets.example.com-objects /v1 namespaced kind Widget subresources scale"},
		{name: "widgets.example.com.tier", plural: "widgets", kind: "Widget", group: "example.com.tier", versions: []string{"v1"}, namespaced: true,
			acts: []string{"scale"}, declaration: "resource widgets.example.com.tier /v1 namespaced kind Widget subresources scale"},
	}
)

// world is the small set of words that a policy and its requests share.
type world struct {
	resources      []resource
	namespaces     []string
	names          []string
	keys           []string
	values         []string
	annotations    []string // keys
	texts          []string // values of annotations
	users          []cases.User
	fields         []field
	actors         []string // names
	mayActors      []string // those that ask the authorizer
	computedActors []string // those whose names objects give
	granted        bool     // the policy has a grant
	insiders       bool     // the policy is against insiders
	objects        []string
	near           bool // its words nearly coincide
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

// some gives up to n different elements, at least one.
func some[T any](r *rand.Rand, list []T, n int) []T {
	list = slices.Clone(list)
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:1+r.IntN(min(n, len(list)))]
}

func newWorld(r *rand.Rand) *world {
	w := &world{
		namespaces:  some(r, allNamespaces, 4),
		names:       some(r, allNames, 5),
		keys:        some(r, allKeys, 4),
		values:      some(r, allValues, 6),
		annotations: some(r, allKeys, 3),
		texts:       some(r, append(slices.Clone(awkward), allValues...), 8),
		fields:      some(r, allFields, 8),
		resources:   some(r, builtin, 4),
	}
	// What has subresources of its own comes more often.
	for _, often := range []struct {
		plural  string
		percent int
	}{{"pods", 50}, {"deployments", 20}, {"serviceaccounts", 12}, {"services", 12}, {"nodes", 12}} {
		has := slices.ContainsFunc(w.resources, func(res resource) bool { return res.plural == often.plural && res.declaration == "" })
		if chance(r, often.percent) && !has {
			w.resources = append(w.resources, named(often.plural))
		}
	}
	if chance(r, 40) {
		w.resources = append(w.resources, some(r, custom, 3)...)
	}
	if w.near = chance(r, 12); w.near {
		w.keys, w.annotations = some(r, nearKeys, 6), some(r, nearKeys, 4)
		w.resources = append(some(r, nearKinds, 4), some(r, append(slices.Clone(builtin[:8]), custom[0]), 2)...)
	}
	for range 2 + r.IntN(4) {
		w.users = append(w.users, randomUser(r))
	}
	return w
}

func randomUser(r *rand.Rand) cases.User {
	u := cases.User{Username: pick(r, allUsers)}
	if chance(r, 30) {
		u.UID = pick(r, allUIDs)
	}
	if chance(r, 75) {
		u.Groups = some(r, allGroups, 3)
	}
	if chance(r, 30) {
		u.Extra = map[string][]string{}
		for _, key := range some(r, allExtra, 2) {
			if chance(r, 10) {
				u.Extra[key] = []string{}
			} else {
				u.Extra[key] = some(r, extraValues, 2)
			}
		}
	}
	return u
}

// quote writes a text as a klock string.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7f:
			b.WriteString(`\u{` + hex(c) + `}`)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func hex(c rune) string {
	const digits = "0123456789abcdef"
	if c < 16 {
		return digits[c : c+1]
	}
	return hex(c/16) + digits[c%16:c%16+1]
}

func isPlain(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < 'a' || text[i] > 'z' {
			return false
		}
	}
	// These words are other values, or read one.
	return text != "" && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "user", "name", "namespace", "label",
		"annotation", "field", "old", "new"}, text)
}

// word writes a text without quotes where that is clearly possible.
func word(text string) string {
	if isPlain(text) {
		return text
	}
	return quote(text)
}

// Awkward are strings that some notation on the way might take for its own.
func Awkward() []string { return slices.Clone(awkward) }

// Quote writes a text as a klock string.
func Quote(text string) string { return quote(text) }

// sorted goes through a map in the same order every time.
func sorted(m map[string]string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}
