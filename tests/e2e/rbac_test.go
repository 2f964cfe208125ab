package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"klock.dev/e2e/bootstrap"
	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/differential"
)

const rbacKinds = "clusterroles,clusterrolebindings,roles,rolebindings"

// TestRBAC holds what klockc finds in RBAC, and who may do what by it, against the authorizers of real servers: by the roles that
// they make themselves, and by those of charts.
func TestRBAC(t *testing.T) {
	cases.NeedKlockc(t)
	for _, minor := range cluster.MinorsForTest(t) {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			kubectl(t)
			r := newRBAC(t, minor)
			r.bootstrap()
			r.apply()
			r.dump()
			r.anchors()
			r.findings()
			r.sample()
		})
	}
}

type rbac struct {
	*shell
	cluster *cluster.Cluster
	client  *kubernetes.Clientset
	ctx     context.Context
	files   []string
	// all is what the server has.
	all string
}

func newRBAC(t *testing.T, minor string) *rbac {
	t.Helper()
	c := cluster.ForTest(t, cluster.Options{Minor: minor, ControllerManager: true})
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	config, err := c.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(cluster.Root(), "tests", "golden", "rbac", "*.yaml"))
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	// What a server would refuse, and what gives every account everything, so that nothing more could be found.
	files = slices.DeleteFunc(files, func(path string) bool {
		return strings.HasPrefix(filepath.Base(path), "bad-") || filepath.Base(path) == "others.yaml"
	})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	return &rbac{shell: newShell(t, config), cluster: c, client: client, ctx: ctx, files: files}
}

// allowed is what the server's authorizer says.
func (r *rbac) allowed(q differential.Access) bool {
	r.t.Helper()
	spec := authorizationv1.SubjectAccessReviewSpec{User: q.User, Groups: q.Groups}
	if q.Path != "" {
		spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Path: q.Path, Verb: q.Verb}
	} else {
		spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
			Namespace: q.Namespace, Verb: q.Verb, Group: q.Group, Resource: q.Resource, Subresource: q.Subresource, Name: q.Name,
		}
	}
	review := &authorizationv1.SubjectAccessReview{Spec: spec}
	answer, err := r.client.AuthorizationV1().SubjectAccessReviews().Create(r.ctx, review, metav1.CreateOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	return answer.Status.Allowed
}

// bootstrap holds the table of the roles that servers make against this one, and shows that nothing is found in them.
func (r *rbac) bootstrap() {
	policy, err := bootstrap.Of(r.ctx, r.cluster)
	if err != nil {
		r.t.Fatal(err)
	}
	own, err := bootstrap.Own(policy)
	if err != nil {
		r.t.Fatal(err)
	}
	committed, err := bootstrap.Committed(r.cluster.Minor)
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range own {
		if !committed[line] {
			r.t.Errorf("compiler/kubernetes/bootstrap.def lacks %s", line)
		}
	}
	for line := range committed {
		if !own[line] {
			r.t.Errorf("compiler/kubernetes/bootstrap.def has what no server of %s makes: %s", r.cluster.Minor, line)
		}
	}
	out := r.must("kubectl get " + rbacKinds + " -A -l kubernetes.io/bootstrapping=rbac-defaults -o yaml >bootstrap.yaml && klockc check --rbac bootstrap.yaml")
	if out != "" {
		r.t.Errorf("the server's own roles raise\n%s", out)
	}
}

// apply makes the roles and bindings of the charts, and waits until the authorizer knows them.
func (r *rbac) apply() {
	r.must("for n in tools blog argocd cert-manager ingress monitoring webapp flux-system payments shop ci; do kubectl create namespace $n; done")
	for _, file := range r.files {
		r.must("kubectl apply -f " + file)
	}
	known := []differential.Access{
		{User: "x", Groups: []string{"platform"}, Verb: "create", Resource: "serviceaccounts", Subresource: "token"}, // aggregated
		{User: "others", Verb: "delete", Group: "admissionregistration.k8s.io", Resource: "validatingadmissionpolicies", Name: "other"},
		{User: "x", Groups: []string{"developers"}, Verb: "create", Resource: "pods", Namespace: "blog"},
		{User: "x", Groups: []string{"developers"}, Verb: "create", Resource: "pods", Namespace: "shop"},
	}
	for _, q := range known {
		for !r.allowed(q) {
			select {
			case <-r.ctx.Done():
				r.t.Fatalf("the authorizer does not learn of %+v", q)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

// anchors shows that kubectl writes out what klockc refuses, as its help says.
func (r *rbac) anchors() {
	r.t.Helper()
	file := filepath.Join(cluster.Root(), "tests", "golden", "rbac", "bad-anchors.yaml")
	if out, status := r.run("klockc check --rbac " + file); status != 1 || !strings.Contains(out, "kubectl create --dry-run=client --validate=false -o yaml -f FILE") {
		r.t.Errorf("%s: status %d\n%s", file, status, out)
	}
	r.must("kubectl create --dry-run=client --validate=false -o yaml -f " + file + " >plain.yaml && klockc check --rbac plain.yaml && test $(grep -c pods plain.yaml) = 2")
}

func (r *rbac) dump() {
	r.must("kubectl get " + rbacKinds + " -A -o yaml >all.yaml")
	bytes, err := os.ReadFile(r.path("all.yaml"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.all = string(bytes)
}

// ---- findings ----

type rbacFound struct {
	Code, Message string
	who           []string
	what, in      string
}

var (
	findingText = regexp.MustCompile(`^(.*?) (may|will) (.*): (ClusterRoleBinding|RoleBinding) '([^']*)' gives (ClusterRole|Role) '([^']*)'`)
	listOf      = regexp.MustCompile(`, | and `)
)

// check is what klockc finds.
func (r *rbac) check(arguments string) []rbacFound {
	r.t.Helper()
	// Errors of the policy and unused acceptances are no matter here.
	cmd := exec.Command("sh", "-c", "klockc check -o json "+arguments)
	cmd.Dir, cmd.Env = r.dir, r.env
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", arguments, err, out)
	}
	var report []rbacFound
	if err := json.Unmarshal(out, &report); err != nil {
		r.t.Fatalf("%v\n%s", err, out)
	}
	var found []rbacFound
	for _, f := range report {
		if !strings.HasPrefix(f.Code, "K08") {
			continue
		}
		match := findingText.FindStringSubmatch(f.Message)
		if match == nil || strings.Contains(match[1], " more") {
			r.t.Fatalf("this cannot be read: %s", f.Message)
		}
		f.who, f.what = listOf.Split(match[1], -1), match[3]
		if match[4] == "RoleBinding" {
			f.in, _, _ = strings.Cut(match[5], "/")
		}
		found = append(found, f)
	}
	return found
}

// requester is somebody of whom the label is true.
func requester(label string) (user string, groups []string) {
	kind, name, _ := strings.Cut(label, " ")
	switch kind {
	case "serviceaccount":
		namespace, account, _ := strings.Cut(name, "/")
		return "system:serviceaccount:" + namespace + ":" + account,
			[]string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"}
	case "serviceaccounts":
		return requester("serviceaccount " + name + "/any")
	case "user":
		return name, []string{"system:authenticated"}
	case "group":
		return "somebody", []string{name}
	}
	return "", nil
}

const (
	rbacGroup         = "rbac.authorization.k8s.io"
	certificatesGroup = "certificates.k8s.io"
)

// What a finding says, as questions; all are answered with yes.
func questionsOf(f rbacFound) [][]differential.Access {
	one := func(qs ...differential.Access) []differential.Access { return qs }
	var asked [][]differential.Access
	says := func(phrase string, qs ...differential.Access) {
		if strings.Contains(f.what, phrase) {
			asked = append(asked, qs)
		}
	}
	name := ""
	if match := regexp.MustCompile(`\(([a-z-]+)\)$`).FindStringSubmatch(f.what); match != nil {
		name = match[1]
	}
	switch f.Code {
	case "K0801":
		return [][]differential.Access{
			one(differential.Access{Verb: "anything", Group: "any.group", Resource: "things", Subresource: "part"}),
			one(differential.Access{Verb: "impersonate", Resource: "serviceaccounts"}),
		}
	case "K0802":
		match := regexp.MustCompile(`^(.*?) every resource of `).FindStringSubmatch(f.what)
		for _, verb := range listOf.Split(match[1], -1) {
			asked = append(asked, one(differential.Access{Verb: verb, Resource: "everything"}))
		}
	case "K0803":
		return [][]differential.Access{
			one(differential.Access{Verb: "escalate", Group: rbacGroup, Resource: "clusterroles"}),
			one(differential.Access{Verb: "update", Group: rbacGroup, Resource: "clusterroles"}),
		}
	case "K0804":
		return [][]differential.Access{
			one(differential.Access{Verb: "bind", Group: rbacGroup, Resource: "clusterroles", Name: "edit"}),
			one(differential.Access{Verb: "create", Group: rbacGroup, Resource: "clusterrolebindings"},
				differential.Access{Verb: "create", Group: rbacGroup, Resource: "rolebindings", Namespace: "shop"}),
		}
	case "K0807":
		return [][]differential.Access{
			one(differential.Access{Verb: "update", Group: certificatesGroup, Resource: "certificatesigningrequests", Subresource: "approval"}),
			one(differential.Access{Verb: "approve", Group: certificatesGroup, Resource: "signers", Name: "kubernetes.io/kube-apiserver-client"}),
		}
	case "K0806":
		return [][]differential.Access{one(differential.Access{Verb: "get", Resource: "nodes", Subresource: "proxy"},
			differential.Access{Verb: "create", Resource: "nodes", Subresource: "proxy"})}
	case "K0811":
		return [][]differential.Access{one(differential.Access{Verb: "unlock", Group: "klock.dev", Resource: "locks", Name: "ledger"})}
	}
	says("nodes/proxy", differential.Access{Verb: "get", Resource: "nodes", Subresource: "proxy"},
		differential.Access{Verb: "create", Resource: "nodes", Subresource: "proxy"})
	policies := []differential.Access{}
	for _, verb := range []string{"update", "patch", "delete"} {
		for _, resource := range []string{"validatingadmissionpolicies", "validatingadmissionpolicybindings"} {
			policies = append(policies, differential.Access{Verb: verb, Group: "admissionregistration.k8s.io", Resource: resource,
				Name: "payments-objects--configmaps"})
		}
	}
	says("admission policies", policies...)
	account := ""
	if match := regexp.MustCompile(`serviceaccount [a-z-]+/([a-z-]+), which`).FindStringSubmatch(f.what); match != nil {
		account = match[1]
	}
	if match := regexp.MustCompile(`become group ([a-z-]+), which`).FindStringSubmatch(f.what); match != nil {
		name = match[1]
	}
	if strings.Contains(f.what, "impersonate:serviceaccount") {
		says("service accounts (impersonate:serviceaccount)", differential.Access{Verb: "impersonate:serviceaccount",
			Group: "authentication.k8s.io", Resource: "serviceaccounts", Name: account})
	} else {
		says("impersonating service accounts", differential.Access{Verb: "impersonate", Resource: "serviceaccounts", Name: account})
	}
	says("impersonating users", differential.Access{Verb: "impersonate", Resource: "users", Name: name})
	says("impersonating groups", differential.Access{Verb: "impersonate", Resource: "groups", Name: name})
	says("impersonating users and groups", differential.Access{Verb: "impersonate", Resource: "groups", Name: name})
	says("creating tokens", differential.Access{Verb: "create", Resource: "serviceaccounts", Subresource: "token", Name: account})
	says("running pods", differential.Access{Verb: "create", Resource: "pods"})
	var workloads []differential.Access
	for _, workload := range []string{"apps/deployments", "apps/daemonsets", "apps/statefulsets", "apps/replicasets", "batch/jobs", "batch/cronjobs", "/replicationcontrollers"} {
		group, resource, _ := strings.Cut(workload, "/")
		for _, verb := range []string{"create", "update", "patch"} {
			workloads = append(workloads, differential.Access{Verb: verb, Group: group, Resource: resource})
		}
	}
	says("running workloads", workloads...)
	var enter []differential.Access
	for _, verb := range []string{"get", "create"} {
		enter = append(enter, differential.Access{Verb: verb, Resource: "pods", Subresource: "exec"},
			differential.Access{Verb: verb, Resource: "pods", Subresource: "attach"})
	}
	says("entering pods", enter...)
	says("adding containers", differential.Access{Verb: "patch", Resource: "pods", Subresource: "ephemeralcontainers"})
	says("reading Secrets", differential.Access{Verb: "list", Resource: "secrets"}, differential.Access{Verb: "get", Resource: "secrets"})
	says("reading token Secrets", differential.Access{Verb: "list", Resource: "secrets"}, differential.Access{Verb: "get", Resource: "secrets"})
	says("making and", differential.Access{Verb: "create", Resource: "secrets"})
	return asked
}

// findings asks the authorizer about everything that each finding says.
func (r *rbac) findings() {
	r.t.Helper()
	locks := filepath.Join(cluster.Root(), "tests", "golden", "rbac", "locks.klock")
	found := append(r.check("--rbac all.yaml"), r.check(locks+" --rbac all.yaml")...)
	codes := map[string]bool{}
	asked := 0
	said := saying{}
	for _, f := range found {
		codes[f.Code] = true
		for _, label := range f.who {
			said[f.Code+" "+label] = true
		}
		if f.Code == "K0812" {
			continue // of what is not there, no authorizer knows
		}
		qs := questionsOf(f)
		if len(qs) == 0 {
			r.t.Errorf("nothing can be asked about: %s", f.Message)
		}
		for _, label := range f.who {
			user, groups := requester(label)
			for _, alternatives := range qs {
				yes := false
				for _, q := range alternatives {
					q.User, q.Groups = user, groups
					if q.Namespace == "" {
						q.Namespace = f.in
					}
					yes = yes || r.allowed(q)
					asked++
				}
				if !yes {
					r.t.Errorf("the authorizer does not say so of %s: %s\n%+v", label, f.Message, alternatives)
				}
			}
		}
	}
	for i := 1; i <= 12; i++ {
		if code := fmt.Sprintf("K08%02d", i); !codes[code] {
			r.t.Errorf("nothing raises %s", code)
		}
	}
	// The built-in roles stand for those of the server, where it is not asked.
	for _, file := range r.files {
		for _, f := range r.check("--rbac " + file) {
			for _, label := range f.who {
				if !said[f.Code+" "+label] {
					r.t.Errorf("%s alone raises what all of the server's RBAC does not: %s", filepath.Base(file), f.Message)
				}
			}
		}
	}
	r.t.Logf("%d findings, %d questions about them, %d about what is found of nobody else", len(found), asked, r.complete(said))
}

// saying is which code names whom: "K0801 user alice".
type saying map[string]bool

// Whatever somebody holds in the whole cluster of this, some finding says: one of the codes, of the subject or of a group of it.
var searched = []struct {
	code string
	all  [][]differential.Access
}{
	{"K0803", [][]differential.Access{{{Verb: "escalate", Group: rbacGroup, Resource: "clusterroles"}},
		{{Verb: "create", Group: rbacGroup, Resource: "clusterroles"}, {Verb: "update", Group: rbacGroup, Resource: "clusterroles"}}}},
	{"K0804", [][]differential.Access{{{Verb: "bind", Group: rbacGroup, Resource: "clusterroles", Name: "edit"}, {Verb: "bind", Group: rbacGroup, Resource: "roles"}},
		{{Verb: "create", Group: rbacGroup, Resource: "clusterrolebindings"}, {Verb: "create", Group: rbacGroup, Resource: "rolebindings"}}}},
	{"K0805", [][]differential.Access{{{Verb: "impersonate", Resource: "users", Name: "alice"}, {Verb: "impersonate", Resource: "groups", Name: "on-call"},
		{Verb: "impersonate", Resource: "serviceaccounts"}, {Verb: "impersonate:serviceaccount", Group: "authentication.k8s.io", Resource: "serviceaccounts"}}}},
	{"K0806", [][]differential.Access{{{Verb: "get", Resource: "nodes", Subresource: "proxy"}, {Verb: "create", Resource: "nodes", Subresource: "proxy"}}}},
	{"K0807", [][]differential.Access{{{Verb: "update", Group: certificatesGroup, Resource: "certificatesigningrequests", Subresource: "approval"}},
		{{Verb: "approve", Group: certificatesGroup, Resource: "signers", Name: "kubernetes.io/kube-apiserver-client"}}}},
	{"K0808", [][]differential.Access{{{Verb: "create", Resource: "serviceaccounts", Subresource: "token"}, {Verb: "create", Resource: "pods"},
		{Verb: "patch", Group: "apps", Resource: "deployments"}, {Verb: "create", Group: "batch", Resource: "jobs"}, {Verb: "create", Resource: "pods", Subresource: "exec"}}}},
	{"K0808", [][]differential.Access{{{Verb: "create", Resource: "secrets"}}, {{Verb: "get", Resource: "secrets"}, {Verb: "list", Resource: "secrets"}}}},
	{"K0809", [][]differential.Access{{{Verb: "delete", Group: "admissionregistration.k8s.io", Resource: "validatingadmissionpolicies"},
		{Verb: "delete", Group: "admissionregistration.k8s.io", Resource: "validatingadmissionpolicybindings"}}}},
}

// complete asks the authorizer about everybody whom no server binds by itself, and gives the number of questions.
func (r *rbac) complete(said saying) int {
	r.t.Helper()
	asked := 0
	p := r.pool()
	var labels []string
	for _, user := range p.users {
		if account, ok := strings.CutPrefix(user, "system:serviceaccount:"); ok {
			if !strings.HasPrefix(account, "kube-system:") {
				labels = append(labels, "serviceaccount "+strings.Replace(account, ":", "/", 1))
			}
		} else if !strings.HasPrefix(user, "system:") {
			labels = append(labels, "user "+user)
		}
	}
	for _, group := range p.groups {
		if !strings.HasPrefix(group, "system:") && group != cluster.Testers {
			labels = append(labels, "group "+group)
		}
	}
	if len(labels) < 20 {
		r.t.Fatalf("only %d subjects", len(labels))
	}
	for _, label := range labels {
		user, groups := requester(label)
		names := []string{label}
		for _, group := range groups {
			names = append(names, "group "+group)
			if namespace, ok := strings.CutPrefix(group, "system:serviceaccounts:"); ok {
				names = append(names, "serviceaccounts "+namespace)
			}
		}
		for _, search := range searched {
			holds := true
			for _, alternatives := range search.all {
				yes := false
				for _, q := range alternatives {
					q.User, q.Groups = user, groups
					yes = yes || r.allowed(q)
					asked++
				}
				holds = holds && yes
			}
			found := slices.ContainsFunc(names, func(name string) bool {
				return said["K0801 "+name] || said["K0802 "+name] || said[search.code+" "+name]
			})
			if holds && !found {
				r.t.Errorf("%s holds what %s is about, and no finding says so", label, search.code)
			}
		}
	}
	return asked
}

// ---- a sample ----

// pool is what questions are made of.
type pool struct{ users, groups, verbs, apiGroups, resources, names, namespaces, paths []string }

func (r *rbac) pool() pool {
	client := r.client.RbacV1()
	clusterRoles, err := client.ClusterRoles().List(r.ctx, metav1.ListOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	roles, err := client.Roles("").List(r.ctx, metav1.ListOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	clusterBindings, err := client.ClusterRoleBindings().List(r.ctx, metav1.ListOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	bindings, err := client.RoleBindings("").List(r.ctx, metav1.ListOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	sets := map[string]map[string]bool{}
	add := func(set string, texts ...string) {
		if sets[set] == nil {
			sets[set] = map[string]bool{}
		}
		for _, text := range texts {
			sets[set][text] = true
		}
	}
	rules := func(list []rbacv1.PolicyRule) {
		for _, rule := range list {
			add("verbs", rule.Verbs...)
			add("groups", rule.APIGroups...)
			add("resources", rule.Resources...)
			add("names", rule.ResourceNames...)
			for _, url := range rule.NonResourceURLs {
				add("paths", url, strings.TrimSuffix(url, "*")+"more")
			}
		}
	}
	subjects := func(list []rbacv1.Subject) {
		for _, s := range list {
			switch s.Kind {
			case rbacv1.ServiceAccountKind:
				add("users", "system:serviceaccount:"+s.Namespace+":"+s.Name)
			case rbacv1.UserKind:
				add("users", s.Name)
			case rbacv1.GroupKind:
				add("members", s.Name)
			}
		}
	}
	for _, role := range clusterRoles.Items {
		rules(role.Rules)
	}
	for _, role := range roles.Items {
		rules(role.Rules)
		add("namespaces", role.Namespace)
	}
	for _, b := range clusterBindings.Items {
		subjects(b.Subjects)
	}
	for _, b := range bindings.Items {
		subjects(b.Subjects)
		add("namespaces", b.Namespace)
	}
	add("users", "nobody", "system:serviceaccount:tools:other")
	add("verbs", "get", "other")
	add("names", "", "other")
	add("namespaces", "", "default")
	add("resources", "pods/status", "deployments/scale")
	delete(sets["members"], "system:masters") // whom no RBAC is asked about
	list := func(set string) []string { return slices.Sorted(maps.Keys(sets[set])) }
	return pool{list("users"), list("members"), list("verbs"), list("groups"), list("resources"), list("names"), list("namespaces"), list("paths")}
}

// sample asks klockc's resolver and the authorizer the same, at random.
func (r *rbac) sample() {
	r.t.Helper()
	const count = 3000
	asked, err := differential.Start(oracle(r.t))
	if err != nil {
		r.t.Fatal(err)
	}
	defer asked.Close()
	p, random := r.pool(), rand.New(rand.NewPCG(1, 2))
	one := func(list []string) string { return list[random.IntN(len(list))] }
	var qs []differential.Access
	for range count {
		q := differential.Access{User: one(p.users), Groups: []string{"system:authenticated"}, Verb: one(p.verbs)}
		if namespace, _, ok := strings.Cut(strings.TrimPrefix(q.User, "system:serviceaccount:"), ":"); ok && q.User != namespace {
			q.Groups = append(q.Groups, "system:serviceaccounts", "system:serviceaccounts:"+namespace)
		}
		if random.IntN(3) == 0 {
			q.Groups = append(q.Groups, one(p.groups))
		}
		if random.IntN(10) == 0 {
			q.Path = "/" + strings.Trim(one(p.paths), "*/")
		} else {
			resource, subresource, _ := strings.Cut(one(p.resources), "/")
			q.Group, q.Resource, q.Subresource, q.Namespace = one(p.apiGroups), resource, subresource, one(p.namespaces)
			if random.IntN(2) == 0 {
				q.Group = ""
			}
			if random.IntN(2) == 0 {
				q.Name = one(p.names)
			}
		}
		qs = append(qs, q)
	}
	answers, err := asked.Allowed(r.all, qs)
	if err != nil {
		r.t.Fatal(err)
	}
	yes := 0
	for i, q := range qs {
		if r.allowed(q) != answers[i] {
			r.t.Errorf("klockc says %t, and the authorizer does not: %+v", answers[i], q)
		}
		if answers[i] {
			yes++
		}
	}
	if yes < count/50 || yes > count-count/50 {
		r.t.Errorf("%d of %d are allowed: that shows little", yes, count)
	}
	r.t.Logf("%d of %d questions are answered with yes", yes, count)
}
