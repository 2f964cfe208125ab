package e2e

import (
	"slices"
	"strings"
	"testing"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

const fluxTenants = `policy tenants
deployer group platform, sa flux-system/kustomize-controller

tenant webapp {
  namespaces  webapp, webapp-jobs
  members     group webapp-team
  role        edit
  deployer    flux
}

tenant shop {
  namespaces  shop
  members     group shop-team
  role        edit
  deployer    flux
}
`

// TestFluxTenants lets Flux make the tenants of a policy, and deploy what they ask for with what they may.
func TestFluxTenants(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	for _, minor := range cluster.MinorsForTest(t) {
		kubectl(t)
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			f := newFlux(t, minor, "kustomize-controller", "helm-controller")
			f.shell.write("tenants/locks.klock", fluxTenants)
			f.shell.must("klockc compile tenants/locks.klock --output-dir tenants/policies")
			tenants := f.make("tenants", ", path: ./policies, wait: true")
			f.applied(tenants, f.commit("tenants", "tenants"))
			f.acts("tenants", "configmaps webapp/kube-root-ca.crt", dark)
			for what, patch := range map[string]string{"give it away": `"shop"`, "take it": `null`} {
				f.refusedByTenants(what, f.Admin.Patch("namespaces webapp", `{"metadata":{"labels":{"klock.dev/tenant":`+patch+`}}}`))
			}
			f.tenIntervals([]stage.At{tenants}, kustomizer)
			f.shell.must("klockc verify tenants/locks.klock --cluster")
			f.deployedAsTenant()
			f.notAsTenant()
			f.releasedAsTenant()
			f.tenantLeft(tenants)
		})
	}
}

// refusedByTenants is Refused by any lock: of several that refuse, the server names one.
func (f *flux) refusedByTenants(what string, err error) {
	f.T.Helper()
	if err == nil || !strings.Contains(err.Error(), stage.PolicyRefusal) || !strings.Contains(err.Error(), " of policy tenants") {
		f.T.Errorf("no lock refuses: %s: %v", what, err)
	}
}

func fluxApp(spec string) string {
	return "{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: app, namespace: webapp}, spec: {interval: 1s, retryInterval: 1s, timeout: 20s, prune: true, " + spec + "}}"
}

const (
	tenantApp     = stage.At("kustomizations.kustomize.toolkit.fluxcd.io webapp/app")
	tenantGit     = stage.At("gitrepositories.source.toolkit.fluxcd.io webapp/app")
	tenantAccount = "system:serviceaccount:webapp:webapp"
	tenantTheme   = stage.At("configmaps webapp/settings")
)

// deployedAsTenant is a Kustomization of a member: its account applies, prunes, and is refused elsewhere.
func (f *flux) deployedAsTenant() {
	dana := f.User("dana", "webapp-team", cluster.Testers)
	f.shell.write("app/settings.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: webapp}, data: {theme: light}}\n")
	f.shell.write("app/web.yaml", stage.Deployment("webapp", "", ""))
	f.Allowed("a member makes a source", func() error {
		return dana.Create("{apiVersion: source.toolkit.fluxcd.io/v1, kind: GitRepository, metadata: {name: app, namespace: webapp}, spec: {interval: 1m, url: 'ssh://git@git.example.com/app'}}")
	})
	_, offset := f.refusals(0)
	f.Allowed("a member deploys", func() error {
		return dana.Create(fluxApp("serviceAccountName: webapp, sourceRef: {kind: GitRepository, name: app}"))
	})
	commit := func() string {
		revision := f.revision()
		f.serve(tenantGit, revision, f.packed(f.shell.path("app")))
		return revision
	}
	f.applied(tenantApp, commit())
	f.Until("it rolls out", f.RolledOut("webapp", 3))
	writes, _, err := f.Cluster.Audit(offset)
	f.must(err)
	if !slices.ContainsFunc(writes, func(w cluster.Write) bool {
		return w.Who() == tenantAccount && w.ObjectRef.Resource == "configmaps" && w.ObjectRef.Name == "settings" && w.ResponseStatus.Code < 300
	}) {
		f.T.Error("the account of the tenant has written no settings")
	}
	for _, w := range writes {
		if w.Who() == kustomizer && w.ObjectRef.Namespace == "webapp" && (w.ObjectRef.Resource == "configmaps" || w.ObjectRef.Resource == "deployments") {
			f.T.Errorf("the controller itself has written: %s %s", w.Verb, w.ObjectRef.Name)
		}
	}
	f.Until("there are events", func() bool { return f.Admin.Count("events webapp", "") > 0 })
	f.refusedByTenants("an administrator changes the settings", f.Admin.Patch(tenantTheme, dark))
	f.tenIntervals([]stage.At{tenantApp}, tenantAccount)
	// What a member changes by hand is put back.
	f.Allowed("a member changes the settings", func() error { return dana.Patch(tenantTheme, dark) })
	f.holds(tenantTheme, "light", "data", "theme")

	// The account applies nowhere else, whatever the repository says.
	f.shell.write("app/elsewhere.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: mine, namespace: shop}}\n")
	commit()
	f.failing(tenantApp, `ConfigMap/shop/mine .*(forbidden|denied)`)
	f.shell.must("rm app/elsewhere.yaml")
	f.applied(tenantApp, commit())
}

// notAsTenant are those that the controller would apply with its own rights, or with what others have.
func (f *flux) notAsTenant() {
	dana := f.User("dana", "webapp-team", cluster.Testers)
	for what, spec := range map[string]string{
		"without an account":       "sourceRef: {kind: GitRepository, name: app}",
		"with another account":     "serviceAccountName: default, sourceRef: {kind: GitRepository, name: app}",
		"with a source elsewhere":  "serviceAccountName: webapp, sourceRef: {kind: GitRepository, name: tenants, namespace: flux-system}",
		"with another credentials": "serviceAccountName: webapp, kubeConfig: {secretRef: {name: mine}}, sourceRef: {kind: GitRepository, name: app}",
	} {
		f.Refused("tenants-kustomizations", "a Kustomization "+what, dana.Create(strings.Replace(fluxApp(spec), "name: app,", "name: mine,", 1)))
	}
	f.Refused("tenants-kustomizations", "take the account away", dana.Patch(tenantApp, `{"spec":{"serviceAccountName":null}}`))
	f.Refused("tenants-kustomizations", "take a source elsewhere", dana.Patch(tenantApp, `{"spec":{"sourceRef":{"namespace":"flux-system"}}}`))
	f.refusedByTenants("an administrator suspends it", f.Admin.Patch(tenantApp, `{"spec":{"suspend":true}}`))
	sam := f.User("sam", "shop-team", cluster.Testers)
	f.refusedByTenants("another tenant suspends it", sam.Patch(tenantApp, `{"spec":{"suspend":true}}`))
	f.Refused("tenants-elsewhere", "a member deploys from flux-system",
		dana.Create("{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: mine, namespace: flux-system}, spec: {interval: 1s, prune: true, sourceRef: {kind: GitRepository, name: tenants}}}"))
}

// releasedAsTenant is a HelmRelease: helm-controller makes its HelmChart and its finalizers as itself, and everything else as the account.
func (f *flux) releasedAsTenant() {
	dana := f.User("dana", "webapp-team", cluster.Testers)
	const release, chart = stage.At("helmreleases.helm.toolkit.fluxcd.io webapp/charted"), stage.At("helmcharts.source.toolkit.fluxcd.io webapp/webapp-charted")
	of := func(spec string) string {
		return "{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: charted, namespace: webapp}, spec: {interval: 1s, releaseName: charted, " + spec + "}}"
	}
	const source = "chart: {spec: {chart: ./charted, sourceRef: {kind: GitRepository, name: app}}}"
	f.Refused("tenants-helmreleases", "a HelmRelease without an account", dana.Create(of(source)))
	f.Refused("tenants-helmreleases", "a HelmRelease with a chart elsewhere", dana.Create(of("serviceAccountName: webapp, "+strings.Replace(source, "name: app}", "name: tenants, namespace: flux-system}", 1))))
	f.Refused("tenants-helmreleases", "a HelmRelease with a chart of others", dana.Create(of("serviceAccountName: webapp, chartRef: {kind: OCIRepository, name: x, namespace: shop}")))
	f.shell.write("chart/charted/Chart.yaml", "apiVersion: v2\nname: charted\nversion: 0.1.0\n")
	f.shell.write("chart/charted/templates/settings.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: charted}\ndata: {theme: light}\n")
	_, offset := f.refusals(0)
	f.Allowed("a member releases", func() error { return dana.Create(of("serviceAccountName: webapp, " + source)) })
	f.Until("helm-controller asks for the chart", func() bool { return f.Admin.Exists(chart) })
	f.serve(chart, "0.1.0", f.packed(f.shell.path("chart")))
	f.eventually("the chart is installed", func() (bool, string) {
		status, message := readiness(f.Admin.Get(release))
		return status == "True", status + ": " + message
	})
	f.holds("configmaps webapp/charted", "light", "data", "theme")
	if refused, _ := f.refusals(offset, helmer, tenantAccount, kustomizer); len(refused) > 0 {
		f.T.Errorf("refused:\n%s", strings.Join(refused, "\n"))
	}
	f.Refused("tenants", "helm-controller writes as itself", f.Account("flux-system", "helm-controller", cluster.Testers).Patch("configmaps webapp/charted", dark))
	f.Allowed("a member takes it away", func() error { return dana.Remove(release) })
	f.gone(release, "configmaps webapp/charted")
	f.Allowed("and what it deploys", func() error { return dana.Remove(tenantApp) })
	f.gone(tenantApp, tenantTheme)
}

// tenantLeft is a tenant that is taken out of the policy, and then all of it: namespaces stay.
func (f *flux) tenantLeft(tenants stage.At) {
	for _, namespace := range []string{"shop", "webapp-jobs"} {
		if !f.Admin.Exists(stage.At("serviceaccounts " + namespace + "/" + strings.TrimSuffix(namespace, "-jobs"))) {
			f.T.Errorf("there is no account of a tenant in %s", namespace)
		}
	}
	f.shell.write("tenants/locks.klock", strings.Replace(fluxTenants[:strings.Index(fluxTenants, "\ntenant shop")], "webapp, webapp-jobs", "webapp", 1))
	f.shell.must("klockc compile tenants/locks.klock --output-dir tenants/policies")
	f.applied(tenants, f.commit("tenants", "tenants"))
	f.gone("serviceaccounts shop/shop", "rolebindings.rbac.authorization.k8s.io shop/tenants_edit:shop", "serviceaccounts webapp-jobs/webapp")
	f.refusedByTenants("an administrator writes where the tenant was", f.Admin.Create("{apiVersion: v1, kind: ConfigMap, metadata: {name: mine, namespace: shop}}"))
	f.must(f.Admin.Remove(tenants))
	f.gone(tenants, bindingsAt+"tenants-objects--namespaces", policiesAt+"tenants-objects--namespaces", "serviceaccounts webapp/webapp")
	for _, namespace := range []stage.At{"namespaces webapp", "namespaces webapp-jobs", "namespaces shop"} {
		if f.Admin.Get(namespace).GetDeletionTimestamp() != nil {
			f.T.Errorf("%s goes with the policy", namespace)
		}
	}
}
