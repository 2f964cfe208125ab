package differential

import (
	"math/rand/v2"
	"slices"
	"strings"

	"klock.dev/e2e/cases"
)

// target is what a request is for.
type target struct {
	resource               resource
	subresource, operation string
}

// What `may` asks for, and what requesters hold.
var allVerbs = []string{"unlock", "enter", "release"}

var operationsOf = map[string][]string{
	"create": {"CREATE"}, "update": {"UPDATE"}, "delete": {"DELETE"}, "write": {"CREATE", "UPDATE", "DELETE"},
	"all": {"CREATE", "UPDATE", "DELETE", "CONNECT"}, "connect": {"CONNECT"}, "exec": {"CONNECT"}, "attach": {"CONNECT"},
	"portforward": {"CONNECT"}, "proxy": {"CONNECT"}, "evict": {"CREATE"}, "scale": {"UPDATE"},
}

var connections = []string{"exec", "attach", "portforward", "proxy"}

// isAct says whether requests for the subresource carry nothing of the object.
func isAct(subresource string) bool {
	return subresource == "scale" || operationOf(subresource) != "UPDATE"
}

func operationOf(subresource string) string {
	switch {
	case slices.Contains(connections, subresource):
		return "CONNECT"
	case slices.Contains([]string{"eviction", "binding", "token"}, subresource):
		return "CREATE"
	}
	return "UPDATE"
}

// sortOf names the sort of a request: the way that it takes, or the subresource that it is for.
func sortOf(request *cases.Request, a *aim) string {
	switch {
	case a != nil && a.way != "":
		return a.way
	case request.Subresource == "" && a != nil && a.asks != "" && request.Operation != "DELETE":
		return a.asks + " " + request.Operation
	case request.Subresource == "":
		return "objects"
	}
	return "/" + request.Subresource
}

// Sorts are all sorts of requests.
func Sorts() []string {
	sorts := []string{"objects", "guard namespace", "guard crd", "guard owners", "guard volumes", "guard rbac", "guard accounts", "guard controllers",
		"guard certificates", "cascade",
		"adoption", "surplus", "deadline", "order",
		"sealed tokens", "sealed secrets", "sealed pods", "sealed templates", "sealed rbac",
		"require CREATE", "require UPDATE", "changing CREATE", "changing UPDATE"}
	for _, name := range []string{"status", "approval", "finalize", "ephemeralcontainers", "resize", "eviction", "scale", "exec", "attach",
		"portforward", "proxy", "binding", "token"} {
		sorts = append(sorts, "/"+name)
	}
	return sorts
}

// subresources lets a lock be on subresources of the resources: all of one operation, since it has to deny that.
func (m *maker) subresources(chosen []resource) string {
	if !chance(m.s, 20) {
		return ""
	}
	operation := pick(m.s, []string{"UPDATE", "UPDATE", "CREATE", "CONNECT"})
	var texts []string
	var on []resource
	for _, r := range chosen {
		var fitting []string
		for _, name := range slices.Concat(r.subresources, r.acts) {
			if operationOf(name) == operation {
				fitting = append(fitting, name)
			}
		}
		if len(fitting) == 0 {
			continue
		}
		on = append(on, r)
		for _, name := range some(m.c, fitting, 2) {
			texts = append(texts, r.name+"/"+name)
			m.aim.acts = append(m.aim.acts, name)
		}
	}
	if len(texts) == 0 {
		return ""
	}
	m.aim.resources = on
	m.denies = map[string]string{"UPDATE": "update", "CREATE": "create", "CONNECT": "connect"}[operation]
	return strings.Join(texts, ", ")
}

// operations is what the lock denies: of its resources' acts, those that all of them have.
func (m *maker) operations() []string {
	if m.denies != "" {
		return []string{m.denies}
	}
	words := []string{"create", "update", "delete", "write", "update", "delete", "all"}
	has := func(fits func(act string) bool) bool {
		return len(m.aim.resources) > 0 && !slices.ContainsFunc(m.aim.resources, func(r resource) bool { return !slices.ContainsFunc(r.acts, fits) })
	}
	for _, name := range connections {
		if has(func(act string) bool { return act == name }) {
			words = append(words, name)
		}
	}
	if has(func(act string) bool { return slices.Contains(connections, act) }) {
		words = append(words, "connect", "connect", "all")
	}
	if has(func(act string) bool { return act == "eviction" }) {
		words = append(words, "evict", "delete")
	}
	if has(func(act string) bool { return act == "scale" }) {
		words = append(words, "scale", "update")
	}
	return some(m.c, words, 2)
}

// cover says how requests that carry nothing of the object are reached.
func (m *maker) cover(denies []string, require bool) string {
	if !chance(m.s, 22) {
		return ""
	}
	denied := func(words ...string) bool {
		return slices.ContainsFunc(denies, func(word string) bool { return slices.Contains(words, word) })
	}
	has := func(act string) bool {
		return slices.ContainsFunc(m.aim.resources, func(r resource) bool { return slices.Contains(r.acts, act) })
	}
	var covers []string
	if m.denies != "" {
		return ""
	}
	if has("eviction") && denied("delete", "write", "all", "evict") {
		covers = append(covers, "evictions")
	}
	if has("scale") && (require || denied("update", "write", "all", "scale")) {
		covers = append(covers, "scale")
	}
	if (has("proxy") || has("exec")) && denied(append(connections, "all", "connect")...) {
		covers = append(covers, "connect")
	}
	if len(covers) == 0 {
		return ""
	}
	how := pick(m.s, []string{" by params", " by params", " never"})
	if len(m.aim.names) > 0 && len(m.aim.labels)+len(m.aim.annotation)+len(m.aim.fields) == 0 && chance(m.s, 60) {
		how = " by name"
	}
	return "cover " + strings.Join(some(m.s, covers, 2), ", ") + how
}

// ---- guards ----

// guards writes the guards of a lock, or takes away those that it has without a word, with the ways that they close. What
// selects by labels only may cascade.
func (m *maker) guards(block *Block, movable, keeps, more bool) []string {
	var words []string
	way := func(name string, targets ...target) *aim {
		a := newAim()
		a.way, a.targets, a.users = name, targets, m.aim.users
		a.namespaces, a.names, a.labels, a.namespace, a.annotation = m.aim.namespaces, m.aim.names, m.aim.labels, m.aim.namespace, m.aim.annotation
		block.ways = append(block.ways, a)
		return a
	}
	// says whether the way is tried: where the guard is asked for, half the time where it is there without that, and at
	// times where it is taken away.
	says := func(word string, fits, byDefault bool, percent int) bool {
		switch {
		case chance(m.s, 7):
			words = append(words, "no "+word)
			return fits && chance(m.s, 30)
		case fits && chance(m.s, percent):
			words = append(words, word)
			return true
		}
		return fits && byDefault && chance(m.s, 50)
	}
	if movable && chance(m.s, 25) {
		words = append(words, "label-in")
	}
	says("labels", movable, true, 15)
	resources := m.aim.resources
	isNamespaced := len(resources) > 0 && resources[0].namespaced
	if says("namespace", isNamespaced && (len(m.aim.namespaces) > 0 || len(m.aim.namespace) > 0), keeps, 20) {
		namespaces := named("namespaces")
		a := way("guard namespace", target{namespaces, "", "DELETE"}, target{namespaces, "", "DELETE"}, target{namespaces, "", "UPDATE"},
			target{namespaces, "status", "UPDATE"}, target{namespaces, "finalize", "UPDATE"})
		a.names = m.aim.namespaces
		// What `unless` reads of the objects is read of the namespace.
		if len(m.aim.namespace) > 0 || chance(m.s, 50) {
			a.labels = m.aim.namespace
		}
	}
	if says("crd", slices.ContainsFunc(resources, func(r resource) bool { return r.declaration != "" }), keeps, 30) {
		m.guardDefinitions(way)
	}
	if chance(m.s, 10) {
		words = append(words, "certificates")
		m.guardCertificates(way)
	}
	if says("owners", true, keeps, 15) {
		m.guardOwners(way)
	} else if chance(m.s, 30) {
		m.giveOwners(way)
	}
	if isNamespaced && len(m.aim.namespaces) > 0 && m.denies == "" && slices.ContainsFunc(resources, func(r resource) bool { return r.plural == "persistentvolumeclaims" }) && chance(m.s, 50) {
		words = append(words, "volumes")
		m.guardVolumes(way)
	}
	if chance(m.s, 40) {
		m.tell(way)
	}
	exclusive := slices.ContainsFunc(block.Clauses, func(clause string) bool { return strings.HasPrefix(clause, "exclusive ") })
	if says("rbac", exclusive || m.w.granted, m.w.insiders, 15) {
		m.guardRBAC(way)
	}
	if says("accounts", exclusive, m.w.insiders, 12) {
		m.guardAccounts(way)
	}
	if says("controllers", true, m.w.insiders, 6) {
		m.guardControllers(way)
	}
	ownOnly := slices.ContainsFunc(block.Clauses, func(clause string) bool {
		return strings.HasPrefix(clause, "changing ") || strings.HasPrefix(clause, "except changing ") || strings.HasPrefix(clause, "require ") ||
			strings.HasPrefix(clause, "when ") || strings.HasPrefix(clause, "unless ")
	})
	clauses := m.cascade(way, movable, more || ownOnly)
	if len(words) == 0 && chance(m.s, 8) {
		words = []string{"none"}
	}
	if len(words) > 0 {
		m.s.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
		clauses = append(clauses, "guard "+strings.Join(words, ", "))
	}
	return clauses
}

type newWay func(name string, targets ...target) *aim

func (m *maker) guardCertificates(way newWay) {
	requests, secrets := named("certificatesigningrequests"), named("secrets")
	a := way("guard certificates", target{requests, "", "CREATE"}, target{requests, "approval", "UPDATE"}, target{requests, "status", "UPDATE"})
	a.dress = func(r *rand.Rand, object map[string]any) {
		set(r, object, []string{"spec", "signerName"}, pick(r, []any{"kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving"}))
		set(r, object, []string{"status", "certificate"}, pick(r, []any{"a", "b"}))
	}
	a = way("guard certificates", target{secrets, "", "CREATE"}, target{secrets, "", "UPDATE"})
	a.namespaces = []string{"kube-system"}
	a.dress = func(r *rand.Rand, object map[string]any) {
		set(r, object, []string{"type"}, pick(r, []any{"bootstrap.kubernetes.io/token", "Opaque"}))
	}
}

func (m *maker) guardDefinitions(way newWay) {
	crd, services := named("customresourcedefinitions"), named("apiservices")
	var names, groups []string
	for _, r := range m.aim.resources {
		if r.declaration != "" {
			names, groups = append(names, r.plural+"."+r.group), append(groups, r.group)
		}
	}
	groups = append(groups, "example.com", "apps")
	a := way("guard crd", target{crd, "", "DELETE"}, target{crd, "", "UPDATE"}, target{crd, "status", "UPDATE"})
	a.names = names
	a.dress = func(r *rand.Rand, object map[string]any) {
		set(r, object, []string{"spec", "group"}, pick(r, groups))
		set(r, object, []string{"spec", "scope"}, pick(r, []any{"Namespaced", "Cluster"}))
		set(r, object, []string{"status", "storedVersions", "*"}, pick(r, []any{"v1", "v2"}))
	}
	a = way("guard crd", target{services, "", "DELETE"}, target{services, "", "UPDATE"}, target{services, "", "CREATE"}, target{services, "status", "UPDATE"})
	a.names = []string{"v1.example.com"}
	a.dress = func(r *rand.Rand, object map[string]any) {
		set(r, object, []string{"spec", "group"}, pick(r, groups))
		set(r, object, []string{"spec", "service", "name"}, pick(r, []any{"a", "b"}))
	}
}

var workloads = []string{"deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "replicationcontrollers", "cronjobs"}

// templateOf is where a kind keeps the template of its pods; nothing for what runs itself.
func templateOf(object map[string]any) []string {
	switch object["kind"] {
	case "Pod":
		return nil
	case "PodTemplate":
		return []string{"template"}
	case "CronJob":
		return []string{"spec", "jobTemplate", "spec", "template"}
	}
	return []string{"spec", "template"}
}

func (m *maker) guardOwners(way newWay) {
	var targets []target
	for _, r := range m.aim.resources {
		targets = append(targets, target{r, "", "UPDATE"}, target{r, "", "DELETE"})
		if slices.Contains(r.subresources, "status") {
			targets = append(targets, target{r, "status", "UPDATE"})
		}
	}
	a := way("guard owners", targets...)
	a.operations, a.fields = m.aim.operations, m.aim.fields
	a.users = append(slices.Clone(a.users), cases.User{Username: "system:serviceaccount:kube-system:generic-garbage-collector"})
	a.dress = func(r *rand.Rand, object map[string]any) {
		set(r, object, []string{"metadata", "ownerReferences", "*", "name"}, pick(r, []any{"a", "b"}))
	}
	targets = nil
	for _, plural := range workloads {
		r := named(plural)
		targets = append(targets, target{r, "", "CREATE"}, target{r, "", "UPDATE"}, target{r, "", "DELETE"})
		if len(r.acts) > 0 {
			targets = append(targets, target{r, "scale", "UPDATE"})
		}
	}
	labels, w := m.aim.labels, m.w
	a = way("guard owners", targets...)
	a.names, a.labels = nil, map[string]string{}
	a.dress = func(r *rand.Rand, object map[string]any) { dressTemplate(r, object, labels, w) }
}

// giveOwners tries what is closed without a guard, where deleting is denied.
func (m *maker) giveOwners(way newWay) {
	var targets []target
	for _, r := range m.aim.resources {
		targets = append(targets, target{r, "", "UPDATE"})
		if slices.Contains(r.subresources, "status") {
			targets = append(targets, target{r, "status", "UPDATE"})
		}
	}
	if len(targets) == 0 {
		return
	}
	a := way("adoption", targets...)
	a.operations, a.fields = m.aim.operations, m.aim.fields
	a.users = append(slices.Clone(a.users), cases.User{Username: "system:serviceaccount:kube-system:replicaset-controller"})
	a.dress = func(r *rand.Rand, object map[string]any) {
		for _, key := range []string{"name", "kind", "uid", "apiVersion"} {
			if chance(r, 70) {
				set(r, object, []string{"metadata", "ownerReferences", "*", key}, pick(r, []any{"a", "b"}))
			}
		}
	}
}

// guardVolumes tries volumes that are bound to claims of the lock, and others.
func (m *maker) guardVolumes(way newWay) {
	volumes, namespaces, names := named("persistentvolumes"), m.aim.namespaces, m.aim.names
	a := way("guard volumes", target{volumes, "", "DELETE"}, target{volumes, "", "UPDATE"}, target{volumes, "status", "UPDATE"})
	a.names, a.labels = nil, map[string]string{}
	a.users = append(slices.Clone(a.users), cases.User{Username: "system:serviceaccount:kube-system:persistent-volume-binder"})
	a.dress = func(r *rand.Rand, object map[string]any) {
		set(r, object, []string{"spec", "claimRef", "namespace"}, any(pick(r, namespaces)))
		name := any("data")
		if len(names) > 0 {
			name = pick(r, names)
		}
		set(r, object, []string{"spec", "claimRef", "name"}, name)
		set(r, object, []string{"status", "phase"}, pick(r, []any{"Bound", "Bound", "Bound", "Released"}))
	}
}

// tell tries what has a controller delete or write the objects.
func (m *maker) tell(way newWay) {
	var ended, made, told []target
	for _, r := range m.aim.resources {
		if r.declaration != "" {
			continue
		}
		switch r.plural {
		case "pods":
			ended, made = append(ended, target{r, "", "UPDATE"}), append(made, target{r, "", "CREATE"}, target{r, "", "UPDATE"})
		case "jobs":
			ended = append(ended, target{r, "", "UPDATE"}, target{r, "status", "UPDATE"})
			made = append(made, target{r, "", "CREATE"}, target{r, "", "UPDATE"})
		case "deployments", "replicasets":
			told = append(told, target{r, "", "UPDATE"})
		}
	}
	if len(ended) > 0 {
		way("deadline", ended...).dress = func(r *rand.Rand, object map[string]any) {
			set(r, object, []string{"spec", pick(r, []string{"activeDeadlineSeconds", "ttlSecondsAfterFinished"})}, pick(r, []any{int64(0), int64(1)}))
			set(r, object, []string{"status", pick(r, []string{"succeeded", "failed", "startTime"})}, pick(r, []any{"1", "2"}))
			if chance(r, 30) {
				set(r, object, []string{"spec", "suspend"}, pick(r, []any{true, false}))
			}
		}
	}
	if len(made) > 0 {
		a := way("surplus", made...)
		a.users = append(slices.Clone(a.users), cases.User{Username: "system:serviceaccount:kube-system:job-controller"})
		a.dress = func(r *rand.Rand, object map[string]any) {
			if chance(r, 60) {
				set(r, object, []string{"metadata", "labels", pick(r, []string{"pod-template-hash", "controller-uid", "batch.kubernetes.io/controller-uid"})}, "a")
			} else {
				set(r, object, []string{"metadata", "ownerReferences", "*", "kind"}, pick(r, []any{"ReplicaSet", "CronJob", "Widget"}))
			}
		}
	}
	if len(told) > 0 {
		a := way("order", told...)
		a.operations, a.fields = m.aim.operations, m.aim.fields
		a.dress = func(r *rand.Rand, object map[string]any) {
			set(r, object, []string{"metadata", "annotations", pick(r, []string{"deprecated.deployment.rollback.to", "deployment.kubernetes.io/max-replicas"})}, pick(r, []any{"1", "2"}))
		}
	}
}

// dressTemplate gives a pod template labels, mostly those.
func dressTemplate(r *rand.Rand, object map[string]any, labels map[string]string, w *world) {
	place := append(templateOf(object), "metadata", "labels")
	for key, value := range sorted(labels) {
		if !chance(r, 8) {
			set(r, object, append(slices.Clone(place), key), value)
		}
	}
	if chance(r, 30) {
		set(r, object, append(slices.Clone(place), pick(r, w.keys)), pick(r, w.values))
	}
}

func (m *maker) cascade(way newWay, movable, more bool) []string {
	locked := func(plural string) bool {
		return slices.ContainsFunc(m.aim.resources, func(r resource) bool { return r.plural == plural && r.declaration == "" })
	}
	if !movable || more || m.denies != "" || m.wildcard || !slices.ContainsFunc(workloads, locked) || !chance(m.s, 50) {
		return nil
	}
	pods, sets, jobs := named("pods"), named("replicasets"), named("jobs")
	targets := []target{{pods, "", "UPDATE"}, {pods, "", "DELETE"}, {pods, "eviction", "CREATE"}, {pods, "status", "UPDATE"}}
	if locked("deployments") {
		targets = append(targets, target{sets, "", "UPDATE"}, target{sets, "", "DELETE"}, target{sets, "scale", "UPDATE"})
	}
	if locked("cronjobs") {
		targets = append(targets, target{jobs, "", "UPDATE"}, target{jobs, "", "DELETE"})
	}
	way("cascade", targets...)
	return []string{"cascade"}
}

// ---- RBAC ----

var (
	accountNames = []string{"operator", "jonny-op", "x", "alice", "bob", "devs", "o'neil", "system:serviceaccounts:prod"}
	output       = map[string]string{"app.kubernetes.io/managed-by": "klockc", "klock.dev/policy": "p"}
)

// anyRules are the rules of a role, among them such as impersonate.
func anyRules(r *rand.Rand) any {
	if chance(r, 8) {
		return pick(r, []any{nil, []any{}})
	}
	var rules []any
	for range 1 + r.IntN(2) {
		rule := map[string]any{"verbs": list(some(r, []string{"impersonate", "*", "create", "get", "impersonate:serviceaccount", "impersonate:user-info", "impersonate"}, 2))}
		if chance(r, 8) {
			rule["nonResourceURLs"] = []any{"*"}
		} else {
			rule["apiGroups"] = list(some(r, []string{"", "*", "authentication.k8s.io", "apps", ""}, 2))
			rule["resources"] = list(some(r, []string{"serviceaccounts", "serviceaccounts/token", "*/token", "*", "users", "groups", "pods", "uids"}, 3))
			if chance(r, 50) {
				rule["resourceNames"] = list(some(r, accountNames, 3))
			}
		}
		rules = append(rules, rule)
	}
	return rules
}

func dressRole(r *rand.Rand, object map[string]any) {
	object["rules"] = anyRules(r)
	if object["kind"] == "ClusterRole" && chance(r, 25) {
		selector := pick(r, []map[string]any{
			{"matchLabels": map[string]any{"rbac.authorization.k8s.io/aggregate-to-edit": "true"}},
			{"matchLabels": map[string]any{"kubernetes.io/bootstrapping": "rbac-defaults"}},
			{"matchLabels": map[string]any{"team": "a"}},
			{"matchExpressions": []any{map[string]any{"key": "a", "operator": "Exists"}}},
			{},
		})
		object["aggregationRule"] = map[string]any{"clusterRoleSelectors": []any{selector}}
	}
}

func dressBinding(r *rand.Rand, object map[string]any) {
	object["roleRef"] = map[string]any{
		"apiGroup": "rbac.authorization.k8s.io", "kind": pick(r, []any{"ClusterRole", "Role"}),
		"name": pick(r, []any{"cluster-admin", "admin", "edit", "view", "p-g0", "p-g1"}),
	}
	if chance(r, 70) {
		object["subjects"] = []any{map[string]any{"kind": "User", "name": pick(r, accountNames)}}
	}
}

func (m *maker) guardRBAC(way newWay) {
	roles, clusterRoles := named("roles"), named("clusterroles")
	bindings, clusterBindings := named("rolebindings"), named("clusterrolebindings")
	var targets []target
	for _, r := range []resource{roles, clusterRoles, bindings, clusterBindings, named("serviceaccounts")} {
		targets = append(targets, target{r, "", "UPDATE"}, target{r, "", "DELETE"})
	}
	a := way("guard rbac", targets...)
	a.names, a.labels = nil, output
	rbacWays(way, "guard rbac", m.w.namespaces)
}

// rbacWays are roles and bindings that would make somebody an actor.
func rbacWays(way newWay, name string, namespaces []string) {
	namespaces = append(slices.Clone(namespaces), "prod", "default")
	for _, each := range []struct {
		plurals []string
		dress   func(*rand.Rand, map[string]any)
	}{{[]string{"roles", "clusterroles"}, dressRole}, {[]string{"rolebindings", "clusterrolebindings"}, dressBinding}} {
		var targets []target
		for _, plural := range each.plurals {
			targets = append(targets, target{named(plural), "", "CREATE"}, target{named(plural), "", "UPDATE"})
		}
		a := way(name, targets...)
		a.names, a.labels, a.namespaces, a.dress = nil, map[string]string{}, namespaces, each.dress
	}
}

// grantees are subjects that RBAC knows.
var grantees = []string{"sa prod/operator", "sa default/jonny-op", "group devs", "user alice"}

func (m *maker) grant(name string) *Block {
	return &Block{Head: "grant " + name + " to " + pick(m.c, grantees), Clauses: []string{"resources configmaps", "namespace prod", "allow get, create"}}
}

// ---- sealed actors ----

// sealed is an actor that nobody else becomes.
func (m *maker) sealed(name string) *Block {
	subjects := some(m.c, []string{"sa prod/operator", "sa default/jonny-op", "serviceaccounts prod", "user alice", "group devs",
		"sa prod/operator and uid u-1", "serviceaccount default/jonny-op with extra scopes = v"}, 2)
	block := &Block{Head: "actor " + name + " = " + strings.Join(subjects, ", ") + " sealed"}
	users := []cases.User{
		{Username: "system:serviceaccount:prod:operator", UID: "u-1", Groups: []string{"system:serviceaccounts:prod"}},
		{Username: "system:serviceaccount:default:jonny-op", Extra: map[string][]string{"scopes": {"v"}}},
	}
	if chance(m.c, 40) {
		m.aim = newAim()
		m.noMay, m.fixed = false, true
		block.Head += " by " + m.subjects()
		users = append(users, m.aim.users...)
	}
	way := func(what string, targets ...target) *aim {
		a := newAim()
		a.way, a.targets, a.users, a.namespaces = what, targets, users, []string{"prod", "default"}
		block.ways = append(block.ways, a)
		return a
	}
	m.accountWays(way, []string{"operator", "jonny-op", "other"}, func(what string) string { return "sealed " + what })
	rbacWays(way, "sealed rbac", nil)
	return block
}

// accountWays are the ways to act as one of the accounts.
func (m *maker) accountWays(way newWay, accounts []string, name func(what string) string) {
	pods, serviceAccounts, secrets := named("pods"), named("serviceaccounts"), named("secrets")
	way(name("tokens"), target{serviceAccounts, "token", "CREATE"}).names = accounts

	way(name("secrets"), target{secrets, "", "CREATE"}, target{secrets, "", "UPDATE"}).dress = func(r *rand.Rand, object map[string]any) {
		if !chance(r, 15) {
			object["type"] = pick(r, []any{"kubernetes.io/service-account-token", "kubernetes.io/service-account-token", "Opaque"})
		}
		if !chance(r, 15) {
			setPair(metadataOf(object), "annotations", "kubernetes.io/service-account.name", pick(r, accounts))
		}
	}

	running := []target{{pods, "", "CREATE"}, {pods, "", "UPDATE"}, {pods, "ephemeralcontainers", "UPDATE"}}
	for _, connection := range connections {
		running = append(running, target{pods, connection, "CONNECT"})
	}
	way(name("pods"), running...).dress = func(r *rand.Rand, object map[string]any) { dressRunning(r, object, accounts) }

	var templates []target
	for _, plural := range append(slices.Clone(workloads), "podtemplates") {
		templates = append(templates, target{named(plural), "", "CREATE"}, target{named(plural), "", "UPDATE"})
	}
	way(name("templates"), templates...).dress = func(r *rand.Rand, object map[string]any) { dressRunning(r, object, accounts) }
}

// guardAccounts tries to act as the service accounts that pass.
func (m *maker) guardAccounts(way newWay) {
	var namespaces, accounts []string
	for _, user := range m.aim.users {
		if rest, ok := strings.CutPrefix(user.Username, "system:serviceaccount:"); ok {
			namespace, name, _ := strings.Cut(rest, ":")
			namespaces, accounts = append(namespaces, namespace), append(accounts, name)
		}
	}
	if len(accounts) == 0 {
		return
	}
	m.accountWays(func(name string, targets ...target) *aim {
		a := way(name, targets...)
		a.namespaces, a.names, a.labels = namespaces, nil, map[string]string{}
		return a
	}, append(accounts, "other"), func(string) string { return "guard accounts" })
}

// guardControllers tries to act as controllers.
func (m *maker) guardControllers(way newWay) {
	m.accountWays(func(name string, targets ...target) *aim {
		a := way(name, targets...)
		a.namespaces, a.names, a.labels = []string{"kube-system"}, nil, map[string]string{}
		return a
	}, []string{"replicaset-controller", "generic-garbage-collector", "coredns"}, func(string) string { return "guard controllers" })
}

// dressRunning lets a pod or a template run as one of the accounts.
func dressRunning(r *rand.Rand, object map[string]any, accounts []string) {
	place := append(templateOf(object), "spec")
	if !chance(r, 12) {
		set(r, object, append(slices.Clone(place), "serviceAccountName"), pick(r, accounts))
	}
	for _, field := range some(r, []string{"containers", "initContainers", "ephemeralContainers"}, 2) {
		set(r, object, append(slices.Clone(place), field, "*", "image"), pick(r, []any{"reg.io/a:1", "other/c"}))
	}
}

func list(texts []string) []any {
	var items []any
	for _, text := range texts {
		items = append(items, text)
	}
	return items
}
