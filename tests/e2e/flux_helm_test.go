package e2e

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

const (
	releaseAt = stage.At("helmreleases.helm.toolkit.fluxcd.io flux-system/shop")
	helmer    = "system:serviceaccount:flux-system:helm-controller"
)

// TestFluxHelm lets helm-controller install, upgrade, mend and uninstall a chart under a lock that only it passes.
func TestFluxHelm(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	for _, minor := range cluster.MinorsForTest(t) {
		kubectl(t)
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			newFlux(t, minor, "helm-controller").release()
		})
	}
}

func (f *flux) release() {
	f.shell.write("locks.klock", `policy charts
deployer flux
lock from-charts {
  resources        deployments, configmaps
  namespace        shop
  labels           helm.toolkit.fluxcd.io/name = shop
  except changing  metadata, status
  exclusive        helm-controller
  break-glass      group platform-oncall
}
`)
	f.shell.must("klockc compile locks.klock | kubectl apply -f -")
	f.shell.write("chart/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n")
	f.shell.write("chart/shop/values.yaml", "theme: light\n")
	f.shell.write("chart/shop/templates/settings.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {theme: {{ .Values.theme }}}\n")
	f.shell.write("chart/shop/templates/web.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: web}}\n"+
		"  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: registry.example/web:1}]}\n")
	f.must(f.Admin.Create(`
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: shop, namespace: flux-system}
spec: {interval: 1m, url: "ssh://git@git.example.com/shop"}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: shop, namespace: flux-system}
spec:
  interval: 1s
  releaseName: shop
  targetNamespace: shop
  install: {createNamespace: true}
  driftDetection: {mode: enabled}
  chart: {spec: {chart: ./shop, sourceRef: {kind: GitRepository, name: shop}}}
`))
	const chart = stage.At("helmcharts.source.toolkit.fluxcd.io flux-system/flux-system-shop")
	f.Until("helm-controller asks for the chart", func() bool { return f.Admin.Exists(chart) })
	f.serve(chart, "0.1.0", f.packed(f.shell.path("chart")))
	released := func(what string) {
		f.T.Helper()
		f.eventually(what, func() (bool, string) {
			r := f.Admin.Get(releaseAt)
			status, message := readiness(r)
			observed, _, _ := unstructured.NestedInt64(r.Object, "status", "observedGeneration")
			return status == "True" && observed == r.GetGeneration(), status + ": " + message
		})
	}
	released("the chart is installed")
	f.holds(settingsAt, "light", "data", "theme")
	f.acts("from-charts", settingsAt, dark)

	// With drift detection, each interval tries out all of it.
	_, offset := f.refusals(0)
	f.eventually("ten more intervals pass", func() (bool, string) {
		writes, _, err := f.Cluster.Audit(offset)
		f.must(err)
		n := 0
		for _, w := range writes {
			if w.Who() == helmer && w.ObjectRef.Resource == "configmaps" && w.ObjectRef.Name == "settings" {
				n++
			}
		}
		return n >= 10, fmt.Sprintf("%d writes of the settings", n)
	})
	f.must(f.Admin.Patch(releaseAt, `{"spec":{"values":{"theme":"dim"}}}`))
	released("the chart is upgraded")
	f.holds(settingsAt, "dim", "data", "theme")
	if refused, _ := f.refusals(offset, helmer, "system:serviceaccount:kube-system:deployment-controller"); len(refused) > 0 {
		f.T.Errorf("refused:\n%s", strings.Join(refused, "\n"))
	}

	for what, err := range map[string]error{
		"change the settings":               f.Admin.Patch(settingsAt, dark),
		"delete the Deployment":             f.Admin.Remove(webAt),
		"scale":                             f.Admin.Patch(webAt+"/scale", `{"spec":{"replicas":0}}`),
		"take the label off":                f.Admin.Patch(settingsAt, `{"metadata":{"labels":{"helm.toolkit.fluxcd.io/name":null}}}`),
		"change it as kustomize-controller": f.Account("flux-system", "kustomize-controller", cluster.Testers).Patch(settingsAt, dark),
	} {
		f.Refused("from-charts", what, err)
	}
	carol := f.User("carol", "platform-oncall", cluster.Testers)
	f.Allowed("on-call changes the settings", func() error { return carol.Patch(settingsAt, dark) })
	f.holds(settingsAt, "dim", "data", "theme")

	f.must(f.Admin.Remove(releaseAt))
	f.gone(releaseAt, settingsAt, webAt)
	f.shell.must("klockc verify locks.klock --cluster")
}
