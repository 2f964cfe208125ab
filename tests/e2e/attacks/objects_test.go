package attacks

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"klock.dev/e2e/evaluator"
	"klock.dev/e2e/stage"
)

const (
	redConfigMaps = `
lock guarded {
  resources  configmaps
  namespace  NS
  labels     aura=red
  deny       delete
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace, no crd
}
`
	unlabel = `{"metadata":{"labels":{"aura":null}}}`
)

// The ways that lead through the locked object itself.
var waysByObject = []way{
	{
		number: 1, name: "relabel",
		policy: redConfigMaps,
		setup:  makes(vault),
		acts:   []act{patches("configmaps NS/vault", unlabel), removes("configmaps NS/vault")},
		done:   gone("configmaps NS/vault"),
		after: func(w *world) {
			w.passes("somebody adds another label", func() error {
				return w.mallory.Patch(w.at("configmaps NS/vault"), `{"metadata":{"labels":{"other":"label"}}}`)
			})
			w.passes("the keeper relabels it", func() error { return w.keeper.Patch(w.at("configmaps NS/vault"), unlabel) })
		},
	},
	{
		number: 2, name: "relabel-through-status",
		policy: fmt.Sprintf(redPods, "delete") + `
lock noted {
  resources   deployments
  namespace   NS
  annotations keep=yes
  deny        delete
  exclusive   sa NS/keeper
  exempt      lifecycle
  guard       no owners, no namespace, no crd
}
`,
		setup: func(w *world) {
			w.make(app)
			w.make(strings.Replace(stage.Deployment("NS", "", ""), "labels: {}", "annotations: {keep: 'yes'}", 1))
		},
		acts: []act{
			patches("pods NS/app/status", unlabel),
			removes("pods NS/app"),
			patches("deployments.apps NS/web/status", `{"metadata":{"annotations":{"keep":null}}}`).refusedBy("lock noted"),
			removes("deployments.apps NS/web").refusedBy("lock noted"),
		},
		done: func(w *world) bool { return w.gone("pods NS/app") && w.gone("deployments.apps NS/web") },
	},
	{
		number: 2, name: "metadata-through-status",
		policy: fmt.Sprintf(redPods, "update") + `
lock held {
  resources  pods
  namespace  NS
  name       held
  deny       update
  changing   metadata.finalizers
  exempt     none
  exclusive  sa NS/keeper
}
`,
		setup: func(w *world) {
			runningApp(w)
			w.make(`{apiVersion: v1, kind: Pod, metadata: {name: held, namespace: NS, finalizers: [klock.dev/hold]}, spec: {containers: [{name: c, image: i}]}}`)
		},
		acts: []act{
			patches("pods NS/app/status", `{"metadata":{"annotations":{"a":"b"}}}`),
			patches("pods NS/app/status", `{"metadata":{"labels":{"run":"other"}}}`),
			patches("pods NS/held/status", `{"metadata":{"finalizers":null}}`).refusedBy("lock held"),
		},
		done: func(w *world) bool { return w.field("pods NS/held", "metadata", "finalizers") == nil },
		after: func(w *world) {
			w.passes("the kubelet writes the status", func() error {
				return w.Node("n1").Patch(w.at("pods NS/app/status"), `{"status":{"message":"well"}}`)
			})
		},
	},
	{
		number: 19, name: "finalizer",
		// `exempt lifecycle` lets finalizers of terminating objects go.
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  labels     aura=red
  deny       update
  changing   metadata.finalizers
  exempt     none
  exclusive  sa NS/keeper
}
`,
		setup: func(w *world) {
			w.make(`{apiVersion: v1, kind: ConfigMap, metadata: {name: vault, namespace: NS, labels: {aura: red}, finalizers: [klock.dev/hold]}}`)
			w.Allowed("its deletion is permitted", func() error { return w.Admin.Remove(w.at("configmaps NS/vault")) })
		},
		acts: []act{patches("configmaps NS/vault", `{"metadata":{"finalizers":null}}`)},
		done: gone("configmaps NS/vault"),
		after: func(w *world) {
			w.passes("the keeper lets it go", func() error {
				return w.keeper.Patch(w.at("configmaps NS/vault"), `{"metadata":{"finalizers":null}}`)
			})
			w.Until("it is gone", func() bool { return w.gone("configmaps NS/vault") })
		},
	},
	{
		number: 29, name: "delete-and-create",
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  name       vault
  deny       write
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace, no crd
}
`,
		setup: makes(vault),
		acts: []act{
			removes("configmaps NS/vault"),
			{what: "apply another of that name", do: func(w *world) error {
				object, err := evaluator.Objects([]byte(w.text(`{apiVersion: v1, kind: ConfigMap, metadata: {name: vault, namespace: NS}, data: {gold: "2"}}`)))
				if err != nil {
					return err
				}
				client, _, _ := w.mallory.Find(w.at("configmaps NS"))
				_, err = client.Apply(context.Background(), "vault", object[0], metav1.ApplyOptions{FieldManager: "mallory", Force: true})
				return err
			}},
			removes("configmaps NS/vault"),
			creates("another of that name", `{apiVersion: v1, kind: ConfigMap, metadata: {name: vault, namespace: NS}, data: {gold: "0"}}`),
		},
		done: func(w *world) bool { return w.field("configmaps NS/vault", "data", "gold") == "0" },
		after: func(w *world) {
			w.passes("the keeper deletes it", func() error { return w.keeper.Remove(w.at("configmaps NS/vault")) })
			w.refusedBy(guarded, "take the name when it is free", w.mallory.Create(w.text(vault)))
		},
	},
	{
		number: 30, name: "generated-name",
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  where      name like "vault-?????"
  deny       create
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		acts: []act{creates("one with a generated name", `{apiVersion: v1, kind: ConfigMap, metadata: {generateName: vault-, namespace: NS, labels: {a: b}}}`)},
		done: func(w *world) bool { return w.Admin.Count(w.at("configmaps NS"), "a=b") > 0 },
	},
	{
		number: 35, name: "other-version",
		policy: `
lock guarded {
  resources  horizontalpodautoscalers.autoscaling/v2
  namespace  NS
  name       web
  deny       update, delete
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace, no crd
}
`,
		setup: makes(hpa("web", 1)),
		acts: []act{
			{what: "patch it as autoscaling/v1", do: func(w *world) error {
				client := w.mallory.Dynamic.Resource(gvr("autoscaling", "v1", "horizontalpodautoscalers")).Namespace(w.ns)
				_, err := client.Patch(context.Background(), "web", mergePatch, []byte(`{"spec":{"maxReplicas":9}}`), metav1.PatchOptions{})
				return err
			}},
			{what: "delete it as autoscaling/v1", do: func(w *world) error {
				client := w.mallory.Dynamic.Resource(gvr("autoscaling", "v1", "horizontalpodautoscalers")).Namespace(w.ns)
				return client.Delete(context.Background(), "web", metav1.DeleteOptions{})
			}},
		},
		done: gone("horizontalpodautoscalers.autoscaling NS/web"),
	},
	{
		number: 36, name: "input-that-fails",
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  where      cel """oldObject.data.owner == 'red'"""
  deny       delete
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace, no crd
}
lock loose {
  resources  configmaps
  namespace  NS
  where      cel """oldObject.data.colour == 'blue'"""
  when       name = loose
  deny       delete
  on error   allow
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace, no crd
}
`,
		setup: makes(
			`{apiVersion: v1, kind: ConfigMap, metadata: {name: vault, namespace: NS}, data: {owner: red}}`,
			`{apiVersion: v1, kind: ConfigMap, metadata: {name: empty, namespace: NS}}`,
			`{apiVersion: v1, kind: ConfigMap, metadata: {name: loose, namespace: NS}, data: {owner: nobody}}`,
		),
		acts: []act{removes("configmaps NS/vault"), removes("configmaps NS/empty").refusedBy(failure)},
		done: func(w *world) bool { return w.gone("configmaps NS/vault") && w.gone("configmaps NS/empty") },
		after: func(w *world) {
			w.passes("`on error allow` lets through what fails", func() error { return w.mallory.Remove(w.at("configmaps NS/loose")) })
		},
	},
	{
		number: 37, name: "costly-input",
		policy: `
lock guarded {
  resources  pods
  namespace  NS
  require    all spec.containers as c ( c.image like "registry.example/*" and all c.env as e ( e.value != secret ) )
  exempt     lifecycle
}
lock long-values {
  resources  configmaps
  namespace  NS
  where      field data.text matches "^(a|b|ab)*gold$"
  deny       create
  exempt     lifecycle
}
`,
		acts: []act{
			creates("a pod whose last of many containers is the wrong one", manyContainers("bad", 600, "elsewhere.example/image")),
			creates("a ConfigMap of a megabyte", bigConfigMap("bad", "gold")).refusedBy("lock long-values"),
		},
		done: func(w *world) bool { return !w.gone("pods NS/bad") || !w.gone("configmaps NS/bad") },
		after: func(w *world) {
			w.passes("a large pod that is right", func() error { return w.mallory.Create(w.text(manyContainers("good", 600, "registry.example/image"))) })
			w.passes("a large ConfigMap that is right", func() error { return w.mallory.Create(w.text(bigConfigMap("good", "silver"))) })
		},
	},
	{
		number: 38, name: "parameters",
		// Evictions are refused by parameters, which are the pods themselves: who changes them changes the lock.
		policy: `
lock guarded {
  resources  pods
  namespace  NS
  labels     aura in (red, crimson), !off
  deny       delete
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace, no crd
}
`,
		setup: makes(app),
		acts: []act{
			patches("pods NS/app", `{"metadata":{"labels":{"off":"yes"}}}`),
			patches("pods NS/app/status", unlabel),
			evicts("app"),
		},
		done: gone("pods NS/app"),
	},
	{
		number: 40, name: "opt-out-label",
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  labels     !unlocked
  deny       delete
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace, no crd
}
`,
		setup: makes(vault),
		acts:  []act{patches("configmaps NS/vault", `{"metadata":{"labels":{"unlocked":"yes"}}}`), removes("configmaps NS/vault")},
		done:  gone("configmaps NS/vault"),
	},
	{
		number: 41, name: "delete-collection",
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  name       vault
  deny       delete
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace, no crd
}
`,
		setup: makes(vault),
		acts: []act{{what: "delete the collection", do: func(w *world) error {
			client, _, _ := w.mallory.Find(w.at("configmaps NS"))
			return client.DeleteCollection(context.Background(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "aura=red"})
		}}},
		done: gone("configmaps NS/vault"),
	},
	{
		number: 42, name: "wildcard",
		policy: `
lock guarded {
  resources  *
  namespace  NS
  name       app
  deny       update, delete
  exempt     controllers
  exclusive  sa NS/keeper
  guard      no owners, no namespace, no crd
}
`,
		setup: func(w *world) {
			w.make(app)
			w.make(strings.ReplaceAll(stage.Deployment("NS", "", ""), "name: web", "name: app"))
			w.running("pods NS/app")
		},
		acts: []act{
			patches("pods NS/app/status", `{"metadata":{"annotations":{"a":"b"}}}`),
			patches("deployments.apps NS/app/scale", `{"spec":{"replicas":1}}`),
			debugs("app"),
			evicts("app"),
		},
		done: gone("pods NS/app"),
	},
	{
		number: 43, name: "other-version-of-a-field",
		policy: `
resource widgets.NS.example.com/v1 namespaced
kind Widget
lock guarded {
  resources  widgets.NS.example.com
  namespace  NS
  where      field spec.gold = 1
  deny       delete
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace, no crd
}
`,
		setup: func(w *world) { w.define("status"); w.make(widget) },
		acts: []act{{what: "delete it as v1beta1", do: func(w *world) error {
			return w.mallory.Dynamic.Resource(gvr(w.group(), "v1beta1", "widgets")).Namespace(w.ns).Delete(context.Background(), "vault", metav1.DeleteOptions{})
		}}},
		done: func(w *world) bool { return w.gone("widgets." + w.group() + " NS/vault") },
	},
	{
		number: 48, name: "twin-kind",
		policy: `
lock guarded {
  resources  endpoints, endpointslices.discovery.k8s.io
  namespace  NS
  labels     aura=red
  deny       update, delete
  exempt     controllers
  exclusive  sa NS/keeper
  guard      no owners, no namespace, no crd
}
`,
		setup: makes(`
apiVersion: v1
kind: Endpoints
metadata: {name: web, namespace: NS, labels: {aura: red, endpointslice.kubernetes.io/skip-mirror: "true"}}
subsets: [{addresses: [{ip: 10.9.9.1}], ports: [{port: 80}]}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: NS, labels: {aura: red, kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.9.9.1]}]
`),
		acts: []act{
			patches("endpoints NS/web", `{"subsets":[{"addresses":[{"ip":"10.6.6.6"}],"ports":[{"port":80}]}]}`),
			patches("endpointslices.discovery.k8s.io NS/web-1", `{"endpoints":[{"addresses":["10.6.6.6"]}]}`),
		},
		done: func(w *world) bool {
			return strings.Contains(fmt.Sprint(w.field("endpointslices.discovery.k8s.io NS/web-1", "endpoints")), "10.6.6.6")
		},
	},
	{
		number: 49, name: "reading",
		policy: `
lock guarded {
  resources  secrets
  namespace  NS
  all objects
  deny       all
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace, no crd
}
`,
		setup: makes(`{apiVersion: v1, kind: Secret, metadata: {name: vault, namespace: NS}, stringData: {gold: "1"}}`),
		acts: []act{
			{what: "read it with the right to", by: nobody, do: func(w *world) error {
				_, err := w.mallory.Typed.CoreV1().Secrets(w.ns).Get(context.Background(), "vault", metav1.GetOptions{})
				return err
			}},
		},
		after: func(w *world) {
			dev := w.Account(w.ns, "dev")
			_, err := dev.Typed.CoreV1().Secrets(w.ns).Get(context.Background(), "vault", metav1.GetOptions{})
			w.refusedBy(authorizer, "read without the right", err)
		},
	},
}

func hpa(target string, min int) string {
	return fmt.Sprintf(`
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: %s, namespace: NS}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: %[1]s}, minReplicas: %d, maxReplicas: 5}
`, target, min)
}

func manyContainers(name string, count int, last string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: NS}, spec: {containers: [", name)
	for i := range count {
		image := "registry.example/image"
		if i == count-1 {
			image = last
		}
		fmt.Fprintf(&text, "{name: c%d, image: %q, env: [{name: a, value: b}, {name: c, value: d}]}, ", i, image)
	}
	return text.String() + "]}}"
}

func bigConfigMap(name, end string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: %s, namespace: NS}, data: {text: %q}}", name, strings.Repeat("ab", 450_000)+end)
}

// group is the API group of the world's custom resources.
func (w *world) group() string { return w.ns + ".example.com" }

const widget = `{apiVersion: NS.example.com/v1, kind: Widget, metadata: {name: vault, namespace: NS, labels: {aura: red}}, spec: {gold: 1}}`

// define makes widgets, which are served as v1 and v1beta1.
func (w *world) define(subresources ...string) {
	w.T.Helper()
	served := ""
	for _, name := range subresources {
		fields := map[string]string{"scale": "specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas"}[name]
		served += name + ": {" + fields + "}, "
	}
	w.defineVersions(served, "v1", "v1beta1", "")
}

// defineVersions makes widgets with such subresources in two versions, of which the first is stored; more goes on in the spec.
func (w *world) defineVersions(subresources, stored, other, more string) {
	w.T.Helper()
	version := func(name string, storage bool) string {
		return fmt.Sprintf(`{name: %s, served: true, storage: %t, subresources: {%s}, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}`, name, storage, subresources)
	}
	w.make(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.NS.example.com}
spec:
  group: NS.example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget}
  versions: [` + version(stored, true) + ", " + version(other, false) + "]\n" + more)
	w.Until("widgets are served", func() bool {
		client, _, _ := w.Admin.Find(w.at("widgets.NS.example.com NS"))
		_, err := client.List(context.Background(), metav1.ListOptions{})
		return err == nil
	})
}
