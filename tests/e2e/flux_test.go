package e2e

import (
	"cmp"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

const (
	settingsAt = stage.At("configmaps shop/settings")
	dark       = `{"data":{"theme":"dark"}}`
	policiesAt = stage.At("validatingadmissionpolicies.admissionregistration.k8s.io ")
	bindingsAt = stage.At("validatingadmissionpolicybindings.admissionregistration.k8s.io ")
)

// TestFlux lets kustomize-controller apply examples/gitops/flux and more: locks, what they protect, and both together.
func TestFlux(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	for _, minor := range cluster.MinorsForTest(t) {
		kubectl(t)
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			f := newFlux(t, minor, "kustomize-controller")
			for _, situation := range []struct {
				name string
				is   func(f *flux)
			}{
				{"first reconciliation", (*flux).firstReconciliation},
				{"ten more intervals", func(f *flux) {
					f.tenIntervals([]stage.At{kustomizationAt + "flux-system", kustomizationAt + "locks", kustomizationAt + "shop"}, kustomizer)
				}},
				{"a change by Flux", (*flux).changeByFlux},
				{"a change by a person", (*flux).changeByAPerson},
				{"drift", (*flux).drift},
				{"unlocking", (*flux).unlocking},
				{"force", (*flux).force},
				{"a lock is removed", (*flux).lockRemoved},
				{"locks and what they protect together", (*flux).together},
				{"health", (*flux).health},
				{"a tenant", (*flux).tenant},
				{"variables", (*flux).variables},
				{"mistakes", (*flux).mistakes},
				{"a Kustomization is deleted", (*flux).deleted},
				{"an OCI artifact", (*flux).artifact},
			} {
				if !t.Run(situation.name, func(t *testing.T) { situation.is(f.in(t)) }) {
					break
				}
			}
		})
	}
}

func (f *flux) firstReconciliation() {
	revision := f.bootstrap()
	for _, name := range []stage.At{"flux-system", "locks", "shop"} {
		f.applied(kustomizationAt+name, revision)
	}
	f.holds(settingsAt, "light", "data", "theme")
	f.shell.must("klockc verify shop/locks.klock --cluster")
	// The locks were there before what they protect, because it depends on them.
	locks, app := f.Admin.Get(bindingsAt+"shop-objects--configmaps").GetCreationTimestamp(), f.Admin.Get(settingsAt).GetCreationTimestamp()
	if app.Before(&locks) {
		f.T.Errorf("the settings are of %v, and their lock of %v", app, locks)
	}
	f.acts("from-git", settingsAt, dark)
}

func (f *flux) changeByFlux() {
	_, offset := f.refusals(0)
	f.edit("shop/apps/shop/settings.yaml", "light", "dim")
	f.edit("shop/apps/shop/web.yaml", "web:1", "web:2", "replicas: 2", "replicas: 3")
	f.applied(kustomizationAt+"shop", f.commit("flux-system", "shop"))
	f.holds(settingsAt, "dim", "data", "theme")
	f.Until("the change rolls out", func() bool {
		status, _, _ := unstructured.NestedMap(f.Admin.Get(webAt).Object, "status")
		return fmt.Sprint(status["observedGeneration"]) == fmt.Sprint(f.Admin.Get(webAt).GetGeneration()) && fmt.Sprint(status["updatedReplicas"]) == "3" && fmt.Sprint(status["availableReplicas"]) == "3"
	})
	if refused, _ := f.refusals(offset, kustomizer, "system:serviceaccount:kube-system:deployment-controller"); len(refused) > 0 {
		f.T.Errorf("refused:\n%s", strings.Join(refused, "\n"))
	}
}

func (f *flux) changeByAPerson() {
	for what, err := range map[string]error{
		"change the settings":  f.Admin.Patch(settingsAt, dark),
		"delete them":          f.Admin.Remove(settingsAt),
		"take the label off":   f.Admin.Patch(settingsAt, `{"metadata":{"labels":{"kustomize.toolkit.fluxcd.io/name":null}}}`),
		"change the image":     f.Admin.Patch(webAt, stage.NewImage),
		"scale":                f.Admin.Patch(webAt+"/scale", `{"spec":{"replicas":0}}`),
		"delete the namespace": f.Admin.Remove("namespaces shop"),
	} {
		f.Refused("from-git", what, err)
	}
	for what, err := range map[string]error{
		"apply from elsewhere":     f.Admin.Patch(kustomizationAt+"shop", `{"spec":{"path":"./mine"}}`),
		"let the locks be pruned":  f.Admin.Remove(kustomizationAt + "locks"),
		"suspend the locks":        f.Admin.Patch(kustomizationAt+"locks", `{"spec":{"suspend":true}}`),
		"change where Git is":      f.Admin.Patch(gitAt+"flux-system", `{"spec":{"url":"ssh://mine.example.com/shop"}}`),
		"delete what Flux runs on": f.Admin.Remove("namespaces flux-system"),
	} {
		f.Refused("flux-itself", what, err)
	}
	dana := f.User("dana", "team-shop", cluster.Testers)
	f.Allowed("a person restarts", func() error { return dana.Patch(webAt, restarted) })
	const now = "2026-08-01T12:00:00Z"
	f.Allowed("a person asks for a reconciliation", func() error {
		return dana.Patch(kustomizationAt+"shop", `{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":"`+now+`"}}}`)
	})
	f.holds(kustomizationAt+"shop", now, "status", "lastHandledReconcileAt")
}

// drift is what whoever may break a lock leaves, and what is done to the locks themselves: no policy is asked about those.
func (f *flux) drift() {
	carol := f.User("carol", "platform-oncall", cluster.Testers)
	f.Allowed("on-call changes the settings", func() error { return carol.Patch(settingsAt, dark) })
	f.holds(settingsAt, "dim", "data", "theme")
	f.Allowed("on-call deletes them", func() error { return carol.Remove(settingsAt) })
	f.holds(settingsAt, "dim", "data", "theme")

	const binding = bindingsAt + "shop-objects--configmaps"
	before := f.Admin.Get(binding).GetUID()
	f.must(f.Admin.Patch(policiesAt+"shop-objects--configmaps", `{"spec":{"failurePolicy":"Ignore"}}`))
	f.holds(policiesAt+"shop-objects--configmaps", "Fail", "spec", "failurePolicy")
	f.must(f.Admin.Remove(binding))
	f.eventually("the binding is there again", func() (bool, string) {
		return f.Admin.Exists(binding) && f.Admin.Get(binding).GetUID() != before, "none"
	})
	f.acts("from-git", settingsAt, dark)
	f.shell.must("klockc verify shop/locks.klock --cluster")
}

// unlocking is what docs/flux.md says for an emergency: without the suspension, the bindings would be back within an interval.
func (f *flux) unlocking() {
	carol := f.User("carol", "platform-oncall", cluster.Testers)
	f.Allowed("on-call suspends the root", func() error { return carol.Patch(kustomizationAt+"flux-system", `{"spec":{"suspend":true}}`) })
	f.Allowed("on-call suspends the locks", func() error { return carol.Patch(kustomizationAt+"locks", `{"spec":{"suspend":true}}`) })
	// A reconciliation that was under way makes them once more.
	f.opens(settingsAt, dark, func() { f.shell.must("kubectl delete validatingadmissionpolicybindings -l klock.dev/policy=shop") })
	// Each policy goes by itself: the one of these objects may act a moment longer, and on-call passes it.
	f.Allowed("on-call resumes the locks", func() error { return carol.Patch(kustomizationAt+"locks", `{"spec":{"suspend":false}}`) })
	f.acts("from-git", settingsAt, dark)
	f.Allowed("on-call resumes the root", func() error { return carol.Patch(kustomizationAt+"flux-system", `{"spec":{"suspend":false}}`) })
	f.acts("flux-itself", kustomizationAt+"locks", `{"spec":{"suspend":true}}`)
}

// force deletes and makes again what cannot be changed.
func (f *flux) force() {
	before := f.Admin.Get(webAt).GetUID()
	f.edit("shop/apps/shop/web.yaml", "app: web", "app: shop")
	f.commit("flux-system", "shop")
	f.failing(kustomizationAt+"shop", "field is immutable")
	f.edit("shop/clusters/production/shop.yaml", "  prune: true", "  prune: true\n  force: true")
	f.applied(kustomizationAt+"shop", f.commit("flux-system", "shop"))
	if f.Admin.Get(webAt).GetUID() == before {
		f.T.Error("the Deployment is the one from before")
	}
	f.acts("from-git", webAt, stage.NewImage)
}

func (f *flux) lockRemoved() {
	text, err := os.ReadFile(f.shell.path("shop/locks.klock"))
	f.must(err)
	without := regexp.MustCompile(`(?s)lock flux-itself \{.*?\n\}\n`).ReplaceAllString(string(text), "")
	without = regexp.MustCompile(`(?s)test "[^"]*" \{.*?\n\}\n`).ReplaceAllString(without, "")
	f.shell.write("shop/locks.klock", without)
	f.shell.must("klockc compile shop/locks.klock --output-dir shop/policies")
	if !f.Admin.Exists(bindingsAt + "shop-objects--gitrepositories.source.toolkit.fluxcd.io") {
		f.T.Fatal("there is no binding of the lock that is removed")
	}
	f.applied(kustomizationAt+"locks", f.commit("flux-system", "shop"))
	f.gone(bindingsAt+"shop-objects--gitrepositories.source.toolkit.fluxcd.io", policiesAt+"shop-objects--gitrepositories.source.toolkit.fluxcd.io",
		policiesAt+"shop-guards--customresourcedefinitions.apiextensions.k8s.io")
	f.shell.must("klockc verify shop/locks.klock --cluster")
	f.opens(kustomizationAt+"shop", `{"spec":{"path":"./mine"}}`)
	f.acts("from-git", settingsAt, dark)
}

// make makes a repository, and a Kustomization of the same name that applies what is in it.
func (f *flux) make(name, spec string) stage.At {
	f.T.Helper()
	f.must(f.Admin.Create(fmt.Sprintf("{apiVersion: source.toolkit.fluxcd.io/v1, kind: GitRepository, metadata: {name: %s, namespace: flux-system}, spec: {interval: 1m, url: 'ssh://git@git.example.com/%s'}}", name, name)))
	f.must(f.Admin.Create(fmt.Sprintf("{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: %s, namespace: flux-system}, spec: {interval: 1s, retryInterval: 1s, prune: true, sourceRef: {kind: GitRepository, name: %s}%s}}", name, name, spec)))
	return kustomizationAt + stage.At(name)
}

// together is a Kustomization that owns locks and what they protect.
func (f *flux) together() {
	const policy = `policy both
deployer flux
lock settings {
  resources  configmaps
  namespace  both
  labels     kustomize.toolkit.fluxcd.io/name = both
  exclusive  flux
}
`
	f.shell.write("both/locks.klock", policy+`
lock accounts {
  resources  serviceaccounts
  namespace  both
  labels     kustomize.toolkit.fluxcd.io/name = both
  deny       update, delete
  exclusive  flux
}
grant readers to group readers {
  resources  configmaps
  namespace  both
  allow      get
}
`)
	app := "{apiVersion: v1, kind: Namespace, metadata: {name: both}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: both}, data: {theme: light}}\n"
	const account = "---\n{apiVersion: v1, kind: ServiceAccount, metadata: {name: worker, namespace: both}}\n"
	f.shell.write("both/app.yaml", app+account)
	f.shell.write("both/kustomization.yaml", "resources: [policies, app.yaml]\n")
	f.shell.must("klockc compile both/locks.klock --output-dir both/policies")
	both := f.make("both", ", wait: true")
	f.applied(both, f.commit("both", "both"))
	// What is protected came before its lock.
	lock, settings := f.Admin.Get(bindingsAt+"both-objects--configmaps").GetCreationTimestamp(), f.Admin.Get("configmaps both/settings").GetCreationTimestamp()
	if lock.Before(&settings) {
		f.T.Errorf("the settings are of %v, and their lock of %v", settings, lock)
	}
	f.acts("settings", "configmaps both/settings", dark)
	f.acts("accounts", "serviceaccounts both/worker", `{"automountServiceAccountToken":false}`)
	f.tenIntervals([]stage.At{both}, kustomizer)

	// A lock goes in one commit with what it protects.
	f.shell.write("both/locks.klock", policy)
	f.shell.write("both/app.yaml", strings.ReplaceAll(app, "light", "dim"))
	f.shell.must("klockc compile both/locks.klock --output-dir both/policies")
	f.applied(both, f.commit("both", "both"))
	f.gone("serviceaccounts both/worker", bindingsAt+"both-objects--serviceaccounts", policiesAt+"both-objects--serviceaccounts", "roles.rbac.authorization.k8s.io both/both:readers")
	f.holds("configmaps both/settings", "dim", "data", "theme")
	f.shell.must("klockc verify both/locks.klock --cluster")
	f.acts("settings", "configmaps both/settings", dark)

	// All of it goes with the Kustomization.
	f.must(f.Admin.Remove(both))
	f.gone(both, "namespaces both", bindingsAt+"both-objects--configmaps", policiesAt+"both-objects--configmaps")
}

// health is what the example asks of policies: one whose types do not fit is not ready.
func (f *flux) health() {
	text, err := os.ReadFile(filepath.Join(cluster.Root(), "examples", "gitops", "flux", "clusters", "production", "locks.yaml"))
	f.must(err)
	document, err := os.ReadFile(filepath.Join(cluster.Root(), "docs", "flux.md"))
	f.must(err)
	checks := string(text)[strings.Index(string(text), "  healthCheckExprs:"):]
	if shown := strings.ReplaceAll(checks, "\n  ", "\n")[2:]; !strings.Contains(string(document), shown) {
		f.T.Errorf("docs/flux.md does not show\n%s", shown)
	}
	unhealthy := f.make("unhealthy", ", wait: true")
	f.must(f.Admin.Apply("health", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: unhealthy, namespace: flux-system}\nspec:\n"+checks))
	policy := func(field string) {
		f.shell.write("unhealthy/policy.yaml", "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: unhealthy}\nspec:\n"+
			"  matchConstraints: {resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}]}\n"+
			"  validations: [{expression: 'object.spec."+field+" == 1'}]\n")
	}
	policy("nonexistent")
	f.commit("unhealthy", "unhealthy")
	f.failing(unhealthy, "ValidatingAdmissionPolicy/unhealthy status: 'Failed'")
	policy("replicas")
	f.applied(unhealthy, f.commit("unhealthy", "unhealthy"))
	f.must(f.Admin.Remove(unhealthy))
	f.gone(unhealthy, policiesAt+"unhealthy")
}

// tenant is an account that a Kustomization names, and that alone passes the lock.
func (f *flux) tenant() {
	f.Namespace("tenant", "")
	f.must(f.Admin.Create("{apiVersion: v1, kind: ServiceAccount, metadata: {name: deployer, namespace: tenant}}"))
	f.must(f.Admin.Create("{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: deployer, namespace: tenant}, " +
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}, subjects: [{kind: ServiceAccount, name: deployer, namespace: tenant}]}"))
	f.shell.write("tenants/locks.klock", `policy tenants
deployer flux
lock settings {
  resources  configmaps
  namespace  tenant
  labels     kustomize.toolkit.fluxcd.io/namespace = tenant
  exclusive  sa tenant/deployer
  accept     actor-without-grant "the account has the role admin in its namespace"
}
`)
	f.shell.must("klockc compile tenants/locks.klock --output-dir tenants/policies")
	tenants := f.make("tenants", ", path: ./policies, wait: true")
	f.applied(tenants, f.commit("tenants", "tenants"))

	settings := func(theme string) string {
		return "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: tenant}, data: {theme: " + theme + "}}\n"
	}
	const at = stage.At("configmaps tenant/settings")
	f.shell.write("app/settings.yaml", settings("light"))
	const app, git = stage.At("kustomizations.kustomize.toolkit.fluxcd.io tenant/app"), stage.At("gitrepositories.source.toolkit.fluxcd.io tenant/app")
	f.must(f.Admin.Create("{apiVersion: source.toolkit.fluxcd.io/v1, kind: GitRepository, metadata: {name: app, namespace: tenant}, spec: {interval: 1m, url: 'ssh://git@git.example.com/app'}}"))
	f.must(f.Admin.Create("{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: app, namespace: tenant}, spec: {interval: 1s, retryInterval: 1s, prune: true, serviceAccountName: deployer, sourceRef: {kind: GitRepository, name: app}}}"))
	commit := func() string {
		revision := f.revision()
		f.serve(git, revision, f.packed(f.shell.path("app")))
		return revision
	}
	f.applied(app, commit())
	f.acts("settings", at, dark)
	f.tenIntervals([]stage.At{app}, "system:serviceaccount:tenant:deployer")
	f.shell.write("app/settings.yaml", settings("dim"))
	f.applied(app, commit())
	f.holds(at, "dim", "data", "theme")

	// Without the account it is the controller who asks, and the lock does not know that.
	f.must(f.Admin.Patch(app, `{"spec":{"serviceAccountName":null}}`))
	f.shell.write("app/settings.yaml", settings("dark"))
	revision := commit()
	f.failing(app, `ConfigMap/tenant/settings dry-run failed.*denied, there is a lock: .*\(lock settings of policy tenants; only serviceaccount tenant/deployer may`)
	f.must(f.Admin.Patch(app, `{"spec":{"serviceAccountName":"deployer"}}`))
	f.applied(app, revision)
	f.holds(at, "dark", "data", "theme")
	f.must(f.Admin.Remove(app))
	f.gone(app, at)
}

// variables are replaced in everything but what klockc writes.
func (f *flux) variables() {
	row, err := os.ReadFile(filepath.Join(cluster.Root(), "tests", "rows", "dollars.klock"))
	f.must(err)
	f.shell.write("dollars/dollars.klock", string(row))
	f.shell.write("dollars/app/app.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: replaced, namespace: default, labels: {settings: locked}}, data: {theme: 'a ${x}'}}\n")
	f.shell.write("dollars/kustomization.yaml", "resources: [policies, app/app.yaml]\n")
	f.shell.must("klockc compile dollars/dollars.klock --output-dir dollars/policies")
	dollars := f.make("dollars", ", wait: true, postBuild: {substitute: {x: value}}")
	f.applied(dollars, f.commit("dollars", "dollars"))
	f.holds("configmaps default/replaced", "a value", "data", "theme")
	f.shell.must("klockc verify dollars/dollars.klock --cluster")
	f.acts("settings", "configmaps default/replaced", dark)
	if err := f.Admin.Patch("configmaps default/replaced", dark); err == nil || !strings.Contains(err.Error(), "ask ${x} or $$x, and pay $5") {
		f.T.Errorf("the refusal is %v", err)
	}
	f.must(f.Admin.Remove(bindingsAt + "dollars-objects--configmaps"))
	f.must(f.Admin.Remove(dollars))
}

// mistakes are what people do to locks on the way to the cluster, what Flux makes of it, and what the pipeline of docs/flux.md says
// before it does.
func (f *flux) mistakes() {
	const function = "apiVersion: klock.dev/v1alpha1\nkind: KlockPolicy\nmetadata:\n  name: locks\n  annotations:\n    config.kubernetes.io/local-config: 'true'\n" +
		"    config.kubernetes.io/function: |\n      exec: {path: klockc-fn}\nspec: {files: [locks.klock]}\n"
	stray := regexp.MustCompile(`(?s)  annotations:.*\nspec`).ReplaceAllString(function, "spec")
	f.Namespace("mistaken", "")
	f.Namespace("elsewhere", "")
	mistakes := []struct {
		name, path, spec string
		// What is written, and taken away, after the locks are there.
		files   map[string]string
		without string
		// Why Flux does not apply it. It applies it where this is empty.
		fails string
		// What is found in the cluster then.
		binding string
		// What the pipeline says; it does not notice where this is empty.
		said string
	}{
		{name: "no-directory", path: "policies", without: "policies", fails: "kustomization path not found", binding: "no-directory", said: "invalid resource path"},
		// Flux deletes all locks without a word.
		{name: "no-object", path: "policies", files: map[string]string{"policies/README.md": "nothing"}, without: "policies", said: "K0712"},
		{name: "empty-list", path: "policies", files: map[string]string{"policies/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: []\n"}, without: "policies", said: "K0712"},
		// The list is made from what is there.
		{name: "no-list", path: "policies", without: "policies/kustomization.yaml", binding: "no-list"},
		{name: "moved", path: "policies", spec: ", targetNamespace: elsewhere", binding: "moved", said: "K0708"},
		{name: "renamed", path: "policies", spec: ", namePrefix: p-", binding: "p-renamed", said: "K0705"},
		{name: "prefixed", path: ".", files: map[string]string{"kustomization.yaml": "resources: [policies]\nnamePrefix: p-\n"}, binding: "p-prefixed", said: "K0705"},
		{name: "generator", path: ".", files: map[string]string{"kustomization.yaml": "generators: [function.yaml]\n", "function.yaml": function}, fails: "external plugins disabled", binding: "generator", said: "external plugins disabled"},
		{name: "plugin", path: ".", files: map[string]string{"kustomization.yaml": "generators: [function.yaml]\n", "function.yaml": stray}, fails: "external plugins disabled", binding: "plugin", said: "external plugins disabled"},
		{name: "transformer", path: ".", files: map[string]string{"kustomization.yaml": "resources: [policies]\ntransformers: [function.yaml]\n", "function.yaml": function}, fails: "external plugins disabled", binding: "transformer", said: "external plugins disabled"},
		{name: "validator", path: ".", files: map[string]string{"kustomization.yaml": "resources: [policies]\nvalidators: [function.yaml]\n", "function.yaml": function}, fails: "external plugins disabled", binding: "validator", said: "external plugins disabled"},
		// The annotation keeps it from being applied.
		{name: "local", path: "policies", files: map[string]string{"policies/function.yaml": function}, without: "policies/kustomization.yaml", binding: "local"},
		{name: "stray", path: "policies", files: map[string]string{"policies/function.yaml": stray}, without: "policies/kustomization.yaml", fails: `no matches for kind "KlockPolicy"`, binding: "stray"},
	}
	for _, m := range mistakes {
		f.shell.write(m.name+"/locks.klock", "policy "+m.name+"\ndeployer flux\nlock settings {\n  resources  configmaps\n  namespace  mistaken\n  name       settings\n  exclusive  flux\n}\n"+
			"grant readers to group readers {\n  resources  configmaps\n  namespace  mistaken\n  allow      get\n}\n")
		f.shell.must("klockc compile " + m.name + "/locks.klock --output-dir " + m.name + "/policies")
		f.shell.write(m.name+".yaml", fmt.Sprintf("apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: %[1]s, namespace: flux-system}\n"+
			"spec: {interval: 1s, prune: true, path: %[2]s, sourceRef: {kind: GitRepository, name: %[1]s}%[3]s}\n", m.name, m.path, m.spec))
		f.make(m.name, ", path: "+m.path)
		f.commit(m.name, m.name)
	}
	revisions := map[string]string{}
	for _, m := range mistakes {
		f.eventually(m.name+" is there", func() (bool, string) {
			_, message := readiness(f.Admin.Get(kustomizationAt + stage.At(m.name)))
			return f.Admin.Exists(bindingsAt + stage.At(m.name+"-objects--configmaps")), message
		})
		f.must(os.RemoveAll(f.shell.path(m.name + "/" + cmp.Or(m.without, "none"))))
		for name, text := range m.files {
			f.shell.write(m.name+"/"+name, text)
		}
		revisions[m.name] = f.commit(m.name, m.name)
		f.shell.must("kubectl apply --server-side --force-conflicts -f " + m.name + ".yaml")
	}
	for _, m := range mistakes {
		place := kustomizationAt + stage.At(m.name)
		if m.fails != "" {
			f.failing(place, m.fails)
		} else {
			f.applied(place, revisions[m.name])
		}
		for _, name := range []string{m.name, "p-" + m.name} {
			if f.Admin.Exists(bindingsAt+stage.At(name+"-objects--configmaps")) != (name == m.binding) {
				f.T.Errorf("%s: is there a binding %s: %v", m.name, name, name != m.binding)
			}
		}
		said, status := f.shell.run(strings.NewReplacer("PATH", m.name+"/"+m.path, "NAME", m.name).Replace(
			"flux build kustomization NAME --path PATH --kustomization-file NAME.yaml --dry-run >rendered.yaml\nklockc verify NAME/locks.klock --against rendered.yaml"))
		if (status != 0) != (m.said != "") || !strings.Contains(said, m.said) {
			f.T.Errorf("%s: the pipeline says, with status %d:\n%s", m.name, status, said)
		}
		f.must(f.Admin.Remove(place))
	}
	for _, m := range mistakes {
		f.gone(kustomizationAt+stage.At(m.name), bindingsAt+stage.At(m.name+"-objects--configmaps"))
	}
}

// artifact is pushed to a registry and applied from there, by the commands of docs/flux.md.
func (f *flux) artifact() {
	fluxTool(f.T, "flux")
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	f.must(os.CopyFS(f.shell.path("oci"), os.DirFS(filepath.Join(cluster.Root(), "examples", "gitops", "flux"))))
	sh := *f.shell
	sh.before += "cd oci\nREGISTRY=" + host + "\n"
	sh.must("git init -q -b main; git remote add origin https://git.example.com/shop; git add .; git -c user.name=dana -c user.email=dana@example.com commit -q -m policy")
	for _, block := range fluxCommands(f.T) {
		sh.must(block)
	}
	pulled := sh.must("mkdir pulled; flux pull artifact oci://$REGISTRY/policies:$(git rev-parse --short HEAD) --output pulled 2>&1")
	digest := regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(pulled)
	if digest == "" {
		f.T.Fatalf("no digest: %s", pulled)
	}
	const oci = stage.At("ocirepositories.source.toolkit.fluxcd.io flux-system/policies")
	f.must(f.Admin.Create("{apiVersion: source.toolkit.fluxcd.io/v1, kind: OCIRepository, metadata: {name: policies, namespace: flux-system}, spec: {interval: 1m, url: 'oci://" + host + "/policies', ref: {tag: latest}}}"))
	f.must(f.Admin.Create("{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: policies, namespace: flux-system}, spec: {interval: 1s, retryInterval: 1s, prune: true, wait: true, path: ./, sourceRef: {kind: OCIRepository, name: policies}}}"))
	revision := "latest@" + digest
	f.serve(oci, revision, f.packed(f.shell.path("oci/pulled")))
	f.applied(kustomizationAt+"policies", revision)
	sh.must("klockc verify locks.klock --cluster")
	f.must(f.Admin.Remove(kustomizationAt + "policies"))
	f.gone(kustomizationAt+"policies", bindingsAt+"shop-objects--configmaps")
}

// fluxCommands are the blocks of docs/flux.md that are marked for this test.
func fluxCommands(t *testing.T) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cluster.Root(), "docs", "flux.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?ms)^```sh flux\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, block[1])
	}
	if len(blocks) < 2 {
		t.Fatalf("docs/flux.md has %d blocks of commands", len(blocks))
	}
	return blocks
}

// deleted are Kustomizations that Git no longer has, and with them what they applied.
func (f *flux) deleted() {
	_, offset := f.refusals(0)
	f.must(os.Remove(f.shell.path("shop/clusters/production/shop.yaml")))
	f.applied(kustomizationAt+"flux-system", f.commit("flux-system", "shop"))
	f.gone(kustomizationAt+"shop", settingsAt, webAt, "namespaces shop")
	f.must(os.Remove(f.shell.path("shop/clusters/production/locks.yaml")))
	f.applied(kustomizationAt+"flux-system", f.commit("flux-system", "shop"))
	f.gone(kustomizationAt+"locks", bindingsAt+"shop-objects--configmaps", policiesAt+"shop-objects--configmaps", "clusterroles.rbac.authorization.k8s.io shop-deployer")
	if refused, _ := f.refusals(offset, kustomizer); len(refused) > 0 {
		f.T.Errorf("refused:\n%s", strings.Join(refused, "\n"))
	}
}
