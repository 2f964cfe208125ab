package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

const (
	tenantsPolicy = `policy tenants
deployer group platform

tenant webapp {
  namespaces    webapp, webapp-jobs
  members       group webapp-team
  role          edit
  deployer      flux
  pod security  baseline, warn restricted
  quota         pods 4, configmaps 20
}

tenant shop {
  namespaces  shop
  members     group shop-team
  role        edit
}
`
	byRBAC = "RBAC" // in place of a lock
)

// tenantsChanged has a tenant more, a member more and a namespace less.
var tenantsChanged = strings.NewReplacer("webapp, webapp-jobs", "webapp", "group webapp-team", "group webapp-team, user vic").Replace(tenantsPolicy) + `
tenant lab {
  namespaces  lab
  members     user rae
  role        edit
}
`

// TestTenants has people, accounts and controllers meet tenants, each with a token of its own and the rights that it would have:
// who makes them, who is one, who is another one, and who is none.
func TestTenants(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	for _, minor := range cluster.MinorsForTest(t) {
		kubectl(t)
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			c := cluster.ForTest(t, cluster.Options{Minor: minor, ControllerManager: true, Users: map[string][]string{
				"dana": {"webapp-team"}, "vic": nil, "rae": nil, "sam": {"shop-team"}, "pat": {"platform"}, "eve": nil,
				// These hold every right, so that locks decide.
				"mo": {"webapp-team", "everything"}, "li": {"webapp-team", "shop-team", "everything"}, "paul": {"platform", "everything"}, "cora": {"everything"},
			}})
			kubeconfig, err := c.Kubeconfig()
			if err != nil {
				t.Fatal(err)
			}
			s := stage.New(t, c)
			s.StartKubelet(t.Context())
			nodes := s.StartNodes(t.Context())
			if err := c.Bind(t.Context(), "cluster-admin", "everything"); err != nil {
				t.Fatal(err)
			}
			w := &tenants{Stage: s, nodes: nodes, admin: newShell(t, kubeconfig), people: map[string]*stage.Actor{"root": s.Admin}}
			for name := range c.Options().Users {
				config := c.WithTokenOf(name)
				config.WarningHandler = rest.NoWarnings{}
				w.people[name] = s.Holder(name, config)
			}
			w.platform = w.shellOf("pat")
			w.made()
			w.asked()
			w.namespaces()
			w.enforced()
			w.verified()
			w.changed()
			w.ended()
		})
	}
}

// tenants are a cluster with people.
type tenants struct {
	*stage.Stage
	nodes           *stage.Nodes
	admin, platform *shell
	people          map[string]*stage.Actor
}

func (w *tenants) shellOf(name string) *shell {
	w.T.Helper()
	kubeconfig, err := w.Cluster.UserKubeconfig(name, "default")
	if err != nil {
		w.T.Fatal(err)
	}
	s := newShell(w.T, kubeconfig)
	s.dir = w.admin.dir
	return s
}

// apply is what docs say: an administrator gives the deployer its rights, and it applies everything, again and again.
func (w *tenants) apply(policy string) {
	w.T.Helper()
	w.admin.write("tenants.klock", policy)
	w.admin.must("klockc compile tenants.klock >tenants.yaml && klockc compile tenants.klock --output-dir parts && mkdir -p deployer && mv parts/*deployer* deployer")
	w.admin.must("kubectl apply --server-side --force-conflicts -f deployer")
	const apply = "kubectl apply --server-side --force-conflicts -f tenants.yaml"
	out := ""
	w.eventually("the deployer applies its policy", func() bool {
		var status int
		out, status = w.platform.run(apply)
		return status == 0
	}, func() string { return out })
	if out, status := w.platform.run("kubectl diff --server-side --force-conflicts -f tenants.yaml"); status != 0 {
		w.T.Errorf("what was applied differs from what would be:\n%s", out)
	}
	written := `kubectl get -f tenants.yaml -o jsonpath='{range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name} {.metadata.generation} {.metadata.labels} {.metadata.annotations} {.spec} {.rules} {.subjects}{"\n"}{end}'`
	before := w.admin.must(written)
	w.platform.must(apply)
	if after := w.admin.must(written); after != before {
		w.T.Errorf("applying again changes something:\n%s\n%s", before, after)
	}
	w.admin.verify("what the deployer has applied", "klockc verify tenants.klock --cluster", 0)
}

func (w *tenants) eventually(what string, done func() bool, there func() string) {
	w.T.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.T.Fatalf("it does not happen that %s; there is %s", what, there())
		}
	}
}

// made: one of the namespaces is older than the policy, and somebody was given rights there.
func (w *tenants) made() {
	w.T.Helper()
	w.Namespace("webapp", "")
	w.Namespace("default", "")
	w.Allowed("a stranger is given rights", func() error {
		return w.Admin.Create("{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: eve, namespace: webapp}, " +
			"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}, subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: eve}]}")
	})
	w.admin.write("tenants.klock", tenantsPolicy)
	w.admin.must("klockc compile tenants.klock >tenants.yaml")
	if out, status := w.platform.run("kubectl apply --server-side -f tenants.yaml"); status == 0 || !strings.Contains(out, "forbidden") {
		w.T.Errorf("the deployer applies without the rights of one: status %d\n%s", status, out)
	}
	w.apply(tenantsPolicy)
	w.acts("webapp")

	for _, namespace := range []string{"webapp", "webapp-jobs", "shop", "default", "kube-system"} {
		who := map[string]string{"shop": "sam", "webapp": "dana", "webapp-jobs": "dana"}[namespace]
		if who == "" {
			who = "root"
		}
		w.Until(namespace+" has its account", func() bool { return w.Admin.Exists(stage.At("serviceaccounts " + namespace + "/default")) })
		w.Allowed(who+" fills "+namespace, func() error {
			return w.people[who].Create(strings.ReplaceAll(`
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: NS}}
---
{apiVersion: v1, kind: Pod, metadata: {name: idle, namespace: NS}, spec: {containers: [{name: c, image: "registry.example/image:1"}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: none, namespace: NS}
spec: {replicas: 0, selector: {matchLabels: {run: none}}, template: {metadata: {labels: {run: none}}, spec: {containers: [{name: c, image: "registry.example/image:1"}]}}}
`, "NS", namespace))
		})
	}

	// The account that Flux takes, one that a workload runs as and that has been given everything, and one that has nothing.
	w.Allowed("a member makes an account", func() error {
		return w.people["dana"].Create("{apiVersion: v1, kind: ServiceAccount, metadata: {name: builder, namespace: webapp}}")
	})
	for _, name := range []string{"webapp", "builder", "default"} {
		kubeconfig, err := w.Cluster.AccountKubeconfig(w.T.Context(), "webapp", name)
		if err != nil {
			w.T.Fatal(err)
		}
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			w.T.Fatal(err)
		}
		w.people["account "+name] = w.Holder(name, config)
	}
	w.Allowed("an administrator gives an account everything", func() error {
		_, err := w.Admin.Typed.RbacV1().ClusterRoleBindings().Create(context.Background(), &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "builder"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "webapp", Name: "builder"}},
		}, metav1.CreateOptions{})
		return err
	})
}

// acts waits until the namespace belongs to somebody.
func (w *tenants) acts(namespace string) {
	w.T.Helper()
	var err error
	w.eventually("an administrator is refused in "+namespace, func() bool {
		_, err = w.Admin.Typed.CoreV1().ConfigMaps(namespace).Create(context.Background(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "probe"}}, metav1.CreateOptions{DryRun: rehearsed})
		return err != nil && strings.Contains(err.Error(), "(lock tenants of policy tenants")
	}, func() string { return fmt.Sprint(err) })
}

var rehearsed = []string{metav1.DryRunAll}

// deeds are what may be done in a namespace. None of them changes anything.
var deeds = []struct {
	what string
	do   func(who *stage.Actor, namespace string) error
}{
	{"create", func(who *stage.Actor, namespace string) error {
		_, err := who.Typed.CoreV1().ConfigMaps(namespace).Create(context.Background(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "another"}}, metav1.CreateOptions{DryRun: rehearsed})
		return err
	}},
	{"update", func(who *stage.Actor, namespace string) error {
		_, err := who.Typed.CoreV1().ConfigMaps(namespace).Update(context.Background(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings"}, Data: map[string]string{"k": "v"}}, metav1.UpdateOptions{DryRun: rehearsed})
		return err
	}},
	{"patch", func(who *stage.Actor, namespace string) error {
		_, err := who.Typed.CoreV1().ConfigMaps(namespace).Patch(context.Background(), "settings", types.MergePatchType, []byte(`{"data":{"k":"v"}}`), metav1.PatchOptions{DryRun: rehearsed})
		return err
	}},
	{"apply", func(who *stage.Actor, namespace string) error {
		return who.Apply("somebody", "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: "+namespace+"}, data: {k: v}}", rehearsed...)
	}},
	{"delete", func(who *stage.Actor, namespace string) error {
		return who.Typed.CoreV1().ConfigMaps(namespace).Delete(context.Background(), "settings", metav1.DeleteOptions{DryRun: rehearsed})
	}},
	{"delete a collection", func(who *stage.Actor, namespace string) error {
		return who.Typed.CoreV1().ConfigMaps(namespace).DeleteCollection(context.Background(), metav1.DeleteOptions{DryRun: rehearsed}, metav1.ListOptions{FieldSelector: "metadata.name=settings"})
	}},
	{"evict", func(who *stage.Actor, namespace string) error {
		return who.Typed.PolicyV1().Evictions(namespace).Evict(context.Background(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "idle", Namespace: namespace}, DeleteOptions: &metav1.DeleteOptions{DryRun: rehearsed}})
	}},
	{"scale", func(who *stage.Actor, namespace string) error {
		_, err := who.Typed.AppsV1().Deployments(namespace).Patch(context.Background(), "none", types.MergePatchType, []byte(`{"spec":{"replicas":1}}`), metav1.PatchOptions{DryRun: rehearsed}, "scale")
		return err
	}},
	{"exec", func(who *stage.Actor, namespace string) error {
		err := who.Typed.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name("idle").SubResource("exec").
			Param("command", "true").Param("stdout", "true").Do(context.Background()).Error()
		if err != nil && !apierrors.IsForbidden(err) {
			return nil // there is no container to connect to
		}
		return err
	}},
}

// may does all deeds, and says unless the lock refuses, or the authorizer, or nobody.
func (w *tenants) may(name, namespace, lock string) {
	w.T.Helper()
	who := w.people[name]
	for _, deed := range deeds {
		w.answer(fmt.Sprintf("%s: %s in %s", name, deed.what, namespace), lock, func() error { return deed.do(who, namespace) })
	}
}

// answer waits for caches, and no longer.
func (w *tenants) answer(what, lock string, ask func() error) {
	w.T.Helper()
	var err error
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		err = ask()
		right := err == nil
		switch lock {
		case "":
		case byRBAC:
			right = apierrors.IsForbidden(err) && strings.Contains(err.Error(), " cannot ")
		default:
			right = err != nil && strings.Contains(err.Error(), stage.PolicyRefusal) && strings.Contains(err.Error(), "(lock "+lock+" of policy tenants")
		}
		if right {
			return
		}
		if time.Now().After(deadline) {
			break
		}
	}
	w.T.Errorf("%s: it is not answered as by %q: %v", what, lock, err)
}

func (w *tenants) asked() {
	for _, try := range []struct{ who, namespace, lock string }{
		{"dana", "webapp", ""}, {"dana", "webapp-jobs", ""}, {"dana", "shop", byRBAC}, {"dana", "default", byRBAC}, {"dana", "kube-system", byRBAC},
		{"mo", "webapp", ""}, {"mo", "shop", "tenants"}, {"mo", "default", "tenants-elsewhere"}, {"mo", "kube-system", "tenants-elsewhere"},
		{"sam", "shop", ""}, {"sam", "webapp", byRBAC},
		{"li", "webapp", ""}, {"li", "shop", ""}, {"li", "default", "tenants-elsewhere"},
		{"account webapp", "webapp", ""}, {"account webapp", "webapp-jobs", ""}, {"account webapp", "shop", byRBAC}, {"account webapp", "default", byRBAC},
		{"account builder", "webapp", ""}, {"account builder", "webapp-jobs", ""}, {"account builder", "shop", "tenants"},
		{"account builder", "default", "tenants-elsewhere"}, {"account builder", "kube-system", "tenants-elsewhere"},
		{"account default", "webapp", byRBAC},
		{"eve", "webapp", "tenants"}, {"eve", "shop", byRBAC},
		{"root", "webapp", "tenants"}, {"root", "shop", "tenants"}, {"root", "default", ""}, {"root", "kube-system", ""},
		{"cora", "webapp-jobs", "tenants"}, {"cora", "default", ""},
		{"paul", "webapp", ""}, {"paul", "default", ""}, {"pat", "webapp", byRBAC},
	} {
		w.may(try.who, try.namespace, try.lock)
	}
	for name, lock := range map[string]string{"mo": "", "root": "tenants", "account builder": "", "paul": ""} {
		w.answer(name+": debug a pod", lock, func() error {
			const debugger = `{"spec":{"ephemeralContainers":[{"name":"debug","image":"registry.example/debug:1"}]}}`
			_, err := w.people[name].Typed.CoreV1().Pods("webapp").Patch(context.Background(), "idle", types.StrategicMergePatchType, []byte(debugger), metav1.PatchOptions{DryRun: rehearsed}, "ephemeralcontainers")
			return err
		})
	}
}

// namespaces are what the platform says, and what it made in them.
func (w *tenants) namespaces() {
	const webapp = stage.At("namespaces webapp")
	patch := func(place stage.At, patch string) func(*stage.Actor) error {
		return func(who *stage.Actor) error {
			client, name, sub := who.Find(place)
			_, err := client.Patch(context.Background(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{DryRun: rehearsed}, sub...)
			return err
		}
	}
	remove := func(place stage.At) func(*stage.Actor) error {
		return func(who *stage.Actor) error {
			client, name, _ := who.Find(place)
			return client.Delete(context.Background(), name, metav1.DeleteOptions{DryRun: rehearsed})
		}
	}
	create := func(text string) func(*stage.Actor) error {
		return func(who *stage.Actor) error { return who.Apply("somebody", text, rehearsed...) }
	}
	finalize := func(change func(*corev1.Namespace)) func(*stage.Actor) error {
		return func(who *stage.Actor) error {
			namespace, err := w.Admin.Typed.CoreV1().Namespaces().Get(context.Background(), "webapp", metav1.GetOptions{})
			if err != nil {
				return err
			}
			change(namespace)
			_, err = who.Typed.CoreV1().Namespaces().Finalize(context.Background(), namespace, metav1.UpdateOptions{DryRun: rehearsed})
			return err
		}
	}
	binding := func(subject string) func(*stage.Actor) error {
		return create("{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: x, namespace: webapp}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}, subjects: [" + subject + "]}")
	}
	const namespaces, objects, accounts = "tenants-namespaces", "tenants-objects", "tenants-default-accounts"
	for _, try := range []struct {
		what string
		lock string // refuses administrators and members alike, and lets the platform pass
		do   func(*stage.Actor) error
	}{
		{"soften how pods are secured", namespaces, patch(webapp, `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"privileged"}}}`)},
		{"take the level away", namespaces, patch(webapp, `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":null}}}`)},
		{"exempt an older level", namespaces, patch(webapp, `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce-version":"v1.0"}}}`)},
		{"give the namespace away", namespaces, patch(webapp, `{"metadata":{"labels":{"klock.dev/tenant":"shop"}}}`)},
		{"take it from everybody", namespaces, patch(webapp, `{"metadata":{"labels":{"klock.dev/tenant":null}}}`)},
		{"take it through its status", namespaces, patch(webapp+"/status", `{"metadata":{"labels":{"klock.dev/tenant":null}}}`)},
		{"join through its status", namespaces, patch(webapp+"/status", `{"metadata":{"annotations":{"klock.dev/tenant-members":"user eve"}}}`)},
		{"take it through its finalizers", namespaces, finalize(func(n *corev1.Namespace) { delete(n.Labels, "klock.dev/tenant") })},
		{"join through its finalizers", namespaces, finalize(func(n *corev1.Namespace) { n.Annotations["klock.dev/tenant-members"] = "group system:masters" })},
		{"join", namespaces, patch(webapp, `{"metadata":{"annotations":{"klock.dev/tenant-members":"group system:masters\ngroup webapp-team"}}}`)},
		{"let nobody in", namespaces, patch(webapp, `{"metadata":{"annotations":{"klock.dev/tenant-members":null}}}`)},
		{"apply it with other labels", namespaces, create("{apiVersion: v1, kind: Namespace, metadata: {name: webapp, labels: {klock.dev/tenant: mine}}}")},
		{"make one more", namespaces, create("{apiVersion: v1, kind: Namespace, metadata: {name: more, labels: {klock.dev/tenant: webapp, klock.dev/policy: tenants}}}")},
		{"take in one that is there", namespaces, patch("namespaces default", `{"metadata":{"labels":{"klock.dev/tenant":"webapp","klock.dev/policy":"tenants"}}}`)},
		{"delete it", namespaces, remove(webapp)},
		{"annotate it otherwise", "", patch(webapp, `{"metadata":{"annotations":{"note":"x"}}}`)},
		{"own nothing of it", "", create("{apiVersion: v1, kind: Namespace, metadata: {name: webapp}}")},
		{"raise the quota", objects, patch("resourcequotas webapp/webapp", `{"spec":{"hard":{"pods":"1000"}}}`)},
		{"delete the quota", objects, remove("resourcequotas webapp/webapp")},
		{"delete the binding", objects, remove("rolebindings.rbac.authorization.k8s.io webapp/tenants_edit:webapp")},
		{"bind others", objects, patch("rolebindings.rbac.authorization.k8s.io webapp/tenants_edit:webapp", `{"subjects":[]}`)},
		{"delete the account", objects, remove("serviceaccounts webapp/webapp")},
		{"mount its token", objects, patch("serviceaccounts webapp/webapp", `{"automountServiceAccountToken":true}`)},
		{"take the label off", objects, patch("resourcequotas webapp/webapp", `{"metadata":{"labels":{"klock.dev/policy":null}}}`)},
		{"bind the default account", accounts, binding("{kind: ServiceAccount, name: default, namespace: webapp}")},
		{"bind the default account of others", accounts, binding("{kind: ServiceAccount, name: default, namespace: shop}")},
		{"bind all accounts", accounts, binding("{apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'system:serviceaccounts:webapp'}")},
		{"bind everybody", accounts, binding("{apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'system:authenticated'}")},
		{"bind the default account by its user", accounts, binding("{apiGroup: rbac.authorization.k8s.io, kind: User, name: 'system:serviceaccount:webapp:default'}")},
	} {
		for _, name := range []string{"root", "mo", "cora", "account builder", "paul"} {
			lock := try.lock
			if name == "paul" {
				lock = ""
			}
			who := w.people[name]
			// Of several locks that refuse, the server names one.
			if lock != "" && name != "paul" {
				w.refused(name+": "+try.what, func() error { return try.do(who) })
				continue
			}
			w.answer(name+": "+try.what, lock, func() error { return try.do(who) })
		}
	}
	w.answer("mo: raise the quota", objects, func() error {
		return patch("resourcequotas webapp/webapp", `{"spec":{"hard":{"pods":"1000"}}}`)(w.people["mo"])
	})
	w.answer("a member deletes the namespace", byRBAC, func() error { return remove(webapp)(w.people["dana"]) })
	w.answer("a member binds somebody", byRBAC, func() error {
		return binding("{kind: ServiceAccount, name: builder, namespace: webapp}")(w.people["dana"])
	})
}

// refused is answer for any lock of the policy.
func (w *tenants) refused(what string, ask func() error) {
	w.T.Helper()
	if err := ask(); err == nil || !strings.Contains(err.Error(), stage.PolicyRefusal) || !strings.Contains(err.Error(), " of policy tenants;") && !strings.Contains(err.Error(), " of policy tenants)") {
		w.T.Errorf("%s: no lock refuses: %v", what, err)
	}
}

// enforced is what Kubernetes makes of it: quotas and pod security act, and controllers work.
func (w *tenants) enforced() {
	dana := w.people["dana"]
	pod := func(name, security string) string {
		return "{apiVersion: v1, kind: Pod, metadata: {name: " + name + ", namespace: webapp}, spec: {containers: [{name: c, image: 'registry.example/image:1'" + security + "}]}}"
	}
	if err := dana.Create(pod("strong", ", securityContext: {privileged: true}")); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `violates PodSecurity "baseline`) {
		w.T.Errorf("a privileged pod: %v", err)
	}
	w.Until("the pod is counted", func() bool { return w.used("webapp", "pods") == "1" })
	w.Allowed("a member deploys", func() error {
		return dana.Create(strings.Replace(stage.Deployment("webapp", "", ""), "replicas: 3", "replicas: 2", 1))
	})
	w.Until("it rolls out", w.RolledOut("webapp", 2))
	w.Allowed("a member makes the last pod", func() error { return dana.Create(pod("last", "")) })
	if err := dana.Create(pod("more", "")); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "exceeded quota: webapp") {
		w.T.Errorf("a pod beyond the quota: %v", err)
	}
	w.Allowed("a member deletes a pod", func() error { return dana.Remove("pods webapp/last") })
	w.Until("there is room again", func() bool { return w.used("webapp", "pods") == "3" })
	w.Allowed("a member rolls out", func() error { return dana.Patch("deployments.apps webapp/web", stage.NewImage) })
	w.Until("the rollout ends", w.RolledOut("webapp", 2))
	first := stage.At("pods webapp/" + w.Admin.First("pods webapp", "run=web"))
	w.Allowed("a member evicts a pod", func() error { return w.evict(dana, first) })
	w.Until("the pod is replaced", w.Replaced(first, "webapp", 2))
	w.Allowed("the account scales", func() error {
		return w.people["account webapp"].Patch("deployments.apps webapp/web/scale", `{"spec":{"replicas":1}}`)
	})
	w.Until("it is scaled", w.RolledOut("webapp", 1))
	w.Allowed("a member runs a Job", func() error {
		return dana.Create("{apiVersion: batch/v1, kind: Job, metadata: {name: once, namespace: webapp-jobs}, spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'registry.example/image:1'}]}}}}")
	})
	w.Until("the Job has a pod", func() bool { return w.Admin.Count("pods webapp-jobs", "batch.kubernetes.io/job-name=once") == 1 })
	w.Allowed("a member takes the Job away", func() error { return dana.Delete("jobs.batch webapp-jobs/once", metav1.DeletePropagationForeground) })
	w.Until("the Job is gone", func() bool { return !w.Admin.Exists("jobs.batch webapp-jobs/once") })
	w.quiet()
}

func (w *tenants) evict(who *stage.Actor, pod stage.At) error {
	_, name, _ := strings.Cut(string(pod), "/")
	return who.Typed.PolicyV1().Evictions("webapp").Evict(context.Background(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "webapp"}})
}

func (w *tenants) used(namespace, what string) string {
	quota, err := w.Admin.Typed.CoreV1().ResourceQuotas(namespace).Get(context.Background(), "webapp", metav1.GetOptions{})
	if err != nil {
		return err.Error()
	}
	used := quota.Status.Used[corev1.ResourceName(what)]
	return used.String()
}

// quiet says whether a lock has refused the control plane anything.
func (w *tenants) quiet() {
	w.T.Helper()
	lines, _ := w.ControllerRefusals(0)
	for _, line := range append(lines, w.nodes.TakeRefusals()...) {
		w.T.Errorf("the control plane is refused: %s", line)
	}
}

// verified is what klockc says of what the platform does by hand.
func (w *tenants) verified() {
	w.T.Helper()
	paul := w.shellOf("paul")
	const verify = "klockc verify tenants.klock --cluster"
	for _, happening := range []struct{ what, script, code string }{
		{"the quota is raised", `kubectl patch resourcequota webapp -n webapp --type=merge -p '{"spec":{"hard":{"pods":"500"}}}'`, "K0702"},
		{"the quota is gone", "kubectl delete resourcequota webapp -n webapp", "K0701"},
		{"the level is softened", "kubectl label namespace webapp --overwrite pod-security.kubernetes.io/enforce=privileged", "K0710"},
		{"an older level counts", "kubectl label namespace webapp pod-security.kubernetes.io/enforce-version=v1.25", "K0702"},
		{"somebody joins", "kubectl annotate namespace webapp --overwrite klock.dev/tenant-members='user eve'", "K0710"},
		{"the namespace is given away", "kubectl label namespace webapp --overwrite klock.dev/tenant=shop", "K0710"},
		{"a namespace is not ours", "kubectl label namespace webapp-jobs klock.dev/policy-", "K0701"},
		{"a namespace is left over", "kubectl create namespace former && kubectl label namespace former klock.dev/policy=tenants klock.dev/tenant=webapp", "K0706"},
	} {
		paul.must(happening.script)
		w.admin.verify(happening.what, verify, 1, happening.code)
		paul.must("kubectl label namespace webapp pod-security.kubernetes.io/enforce-version- && kubectl apply --server-side --force-conflicts -f tenants.yaml")
	}
	paul.must("kubectl label namespace former klock.dev/policy- klock.dev/tenant-")
	w.admin.verify("in the end", verify, 0)

	// Where Argo CD is not there, its project is missing, and nothing else.
	w.admin.write("argo.klock", "policy argo\ndeployer group platform\ntenant cd {\n  namespaces cd\n  members user cd\n  role edit\n  deployer argocd\n}\n")
	paul.must("kubectl create namespace argocd && klockc compile argo.klock >argo.yaml && ! kubectl apply --server-side -f argo.yaml")
	w.admin.verify("without Argo CD", "klockc verify argo.klock --cluster", 1, "K0701")
	w.Define(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "AppProject"}, "appprojects")
	paul.must("kubectl apply --server-side -f argo.yaml")
	w.admin.verify("with Argo CD", "klockc verify argo.klock --cluster", 0)
	paul.must(`kubectl patch appproject cd -n argocd --type=merge -p '{"spec":{"destinations":[{"namespace":"*","server":"*"}]}}'`)
	w.admin.verify("with a wider project", "klockc verify argo.klock --cluster", 1, "K0702")
	paul.must("kubectl delete validatingadmissionpolicybindings -l klock.dev/policy=argo && kubectl delete -f argo.yaml --wait=false --ignore-not-found")
}

// changed is the policy some time later. What is no more in it goes, but for namespaces.
func (w *tenants) changed() {
	w.admin.write("tenants.klock", tenantsChanged)
	w.admin.must("klockc compile tenants.klock >tenants.yaml")
	// Nobody gives away rights that it does not have.
	if out, status := w.platform.run("kubectl apply --server-side -f tenants.yaml"); status == 0 || !strings.Contains(out, "attempting to grant RBAC permissions not currently held") {
		w.T.Errorf("the deployer gives itself rights: status %d\n%s", status, out)
	}
	w.applyChanged()
	w.may("vic", "webapp", "")
	w.may("vic", "shop", byRBAC)
	w.Until("the new namespace has its account", func() bool { return w.Admin.Exists("serviceaccounts lab/default") })
	w.Allowed("the new tenant deploys", func() error {
		return w.people["rae"].Create("{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: lab}}")
	})
	w.answer("root: in the namespace of the new tenant", "tenants", func() error { return deeds[0].do(w.Admin, "lab") })
	w.answer("mo: in the namespace of the new tenant", "tenants", func() error { return deeds[0].do(w.people["mo"], "lab") })

	if !w.Admin.Exists("namespaces webapp-jobs") || w.Admin.Get("namespaces webapp-jobs").GetDeletionTimestamp() != nil {
		w.T.Fatal("a namespace goes that is no more in the policy")
	}
	w.answer("root: in a namespace that is no more in the policy", "tenants", func() error { return deeds[0].do(w.Admin, "webapp-jobs") })
	w.answer("mo: in a namespace that is no more in the policy", "", func() error { return deeds[0].do(w.people["mo"], "webapp-jobs") })
	// What a tool prunes, which leaves Namespaces where they say so.
	w.platform.must("kubectl delete -n webapp-jobs rolebinding/tenants_edit:webapp serviceaccount/webapp resourcequota/webapp")
	w.may("dana", "webapp-jobs", byRBAC)
	w.admin.verify("what is pruned", "klockc verify tenants.klock --cluster", 1, "K0706")
}

func (w *tenants) applyChanged() {
	w.T.Helper()
	w.admin.must("rm -rf parts deployer && klockc compile tenants.klock --output-dir parts && mkdir -p deployer && mv parts/*deployer* deployer && kubectl apply --server-side --force-conflicts -f deployer")
	out := ""
	w.eventually("the deployer applies the changed policy", func() bool {
		var status int
		out, status = w.platform.run("kubectl apply --server-side --force-conflicts -f tenants.yaml")
		return status == 0
	}, func() string { return out })
}

// ended: a namespace goes when the platform says so, with everything in it.
func (w *tenants) ended() {
	w.RemoveNamespaceAs(w.people["pat"], "webapp")
	w.RemoveNamespaceAs(w.people["paul"], "webapp-jobs")
	w.quiet()
}

// liveWithTenants has a team deploy under the example, and the platform end it.
func liveWithTenants(s *stage.Stage, manifest []byte) {
	for kind, plural := range map[string]string{"Application": "applications", "AppProject": "appprojects"} {
		s.Define(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: kind}, plural)
	}
	s.Namespace("argocd", "")
	s.Apply(manifest)
	platform, carol := s.User("pat", "platform", cluster.Testers), s.User("carol", cluster.Testers)
	dana := s.User("dana", "webapp-team", cluster.Testers)
	controller := s.Account("argocd", "argocd-application-controller", cluster.Testers)
	for _, namespace := range []string{"webapp", "payments"} {
		s.Until("the namespace has its account", func() bool { return s.Admin.Exists(stage.At("serviceaccounts " + namespace + "/default")) })
		s.Until("and the certificates", func() bool { return s.Admin.Exists(stage.At("configmaps " + namespace + "/kube-root-ca.crt")) })
	}
	s.Allowed("a member deploys", func() error { return carol.Create(stage.Deployment("payments", "", "")) })
	s.Allowed("with an autoscaler, a Service, a quota, a Job and a CronJob", func() error {
		return carol.Create(strings.ReplaceAll(besideWeb, "namespace: shop", "namespace: payments") + `---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: payments}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: 4, maxReplicas: 6}
`)
	})
	s.Until("the autoscaler scales it to four", s.RolledOut("payments", 4))
	pod := stage.At("pods payments/" + s.Admin.First("pods payments", "run=web"))
	for who, actor := range map[string]*stage.Actor{"another tenant": dana, "an administrator": s.Admin, "Argo CD": controller} {
		s.Refused("tenants", who+" makes an object", actor.Create("{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: payments}}"))
		s.Refused("tenants", who+" rolls out", actor.Patch("deployments.apps payments/web", stage.NewImage))
		s.Refused("tenants", who+" scales", actor.Patch("deployments.apps payments/web/scale", `{"spec":{"replicas":0}}`))
		s.Refused("tenants", who+" deletes a pod", actor.Remove(pod))
		// Several locks refuse, and any of them may be named.
		if err := actor.Remove("namespaces payments"); err == nil || !strings.Contains(err.Error(), " of policy tenants;") {
			s.T.Errorf("%s deletes the namespace: %v", who, err)
		}
	}
	s.Refused("tenants-elsewhere", "a member writes elsewhere", dana.Create("{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: default}}"))
	s.Allowed("a member writes in all of the tenant's namespaces", func() error {
		return dana.Create("{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: webapp-jobs}}")
	})
	s.Allowed("Argo CD applies as the tenant's account", func() error {
		return s.Account("payments", "payments", cluster.Testers).Apply("argocd-controller", "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: payments}}")
	})
	s.Allowed("an Application is made", func() error {
		return carol.Create("{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: web, namespace: payments}, spec: {project: payments}}")
	})
	s.Allowed("Argo CD writes its status", func() error {
		return controller.Patch("applications.argoproj.io payments/web", `{"status":{"sync":{"status":"Synced"}}}`)
	})
	s.Refused("tenants-applications", "leave the project", carol.Patch("applications.argoproj.io payments/web", `{"spec":{"project":"default"}}`))
	s.Allowed("a member deletes a pod", func() error { return carol.Remove(pod) })
	s.Until("the pod is replaced", s.Replaced(pod, "payments", 4))
	s.Allowed("a member rolls out", func() error { return carol.Patch("deployments.apps payments/web", stage.NewImage) })
	s.Until("the rollout ends", s.RolledOut("payments", 4))
	s.RemoveNamespaceAs(platform, "payments")
	for _, namespace := range []string{"webapp", "webapp-jobs", "argocd"} {
		s.RemoveNamespaceAs(platform, namespace)
	}
}
