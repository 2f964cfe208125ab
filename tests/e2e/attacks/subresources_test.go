package attacks

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"klock.dev/e2e/stage"
)

const (
	redPods = `
lock guarded {
  resources  pods
  namespace  NS
  labels     aura=red
  deny       %s
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`
	mergePatch = types.MergePatchType
)

func gvr(group, version, resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: version, Resource: resource}
}

// runningApp makes the locked pod and waits for it.
func runningApp(w *world) {
	w.T.Helper()
	w.make(app)
	w.running("pods NS/app")
}

// evict is what kubectl drain does.
func evict(who *stage.Actor, namespace, pod string) error {
	return who.Typed.PolicyV1().Evictions(namespace).Evict(context.Background(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod, Namespace: namespace}})
}

// debug is what kubectl debug does.
func debug(who *stage.Actor, namespace, pod string) error {
	patch := []byte(`{"spec":{"ephemeralContainers":[{"name":"debug","image":"evil.example/image"}]}}`)
	_, err := who.Typed.CoreV1().Pods(namespace).Patch(context.Background(), pod, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "ephemeralcontainers")
	return err
}

func evicts(pod string) act {
	return act{what: "evict " + pod, do: func(w *world) error { return evict(w.mallory, w.ns, pod) }}
}

func debugs(pod string) act {
	return act{what: "put a container into " + pod, do: func(w *world) error { return debug(w.mallory, w.ns, pod) }}
}

// reimage gives a running pod another image.
func reimage(who *stage.Actor, namespace, pod string) error {
	patch := []byte(`{"spec":{"containers":[{"name":"c","image":"evil.example/image"}]}}`)
	_, err := who.Typed.CoreV1().Pods(namespace).Patch(context.Background(), pod, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	return err
}

// enters is an act that is done when the kubelet hears of it.
func enters(subresource, pod string) act {
	query := map[string]string{"exec": "?command=id&stdout=true", "attach": "?stdout=true", "portforward": "?ports=80"}[subresource]
	heard := map[string]string{"exec": "/exec/", "attach": "/attach/", "portforward": "/portForward/"}[subresource]
	return act{what: subresource + " " + pod, do: func(w *world) error {
		path := w.text(fmt.Sprintf("/api/v1/namespaces/NS/pods/%s/%s%s", pod, subresource, query))
		err := connect(w.mallory, path)
		if w.machine.saw(heard, w.ns, pod) {
			// No kubelet answers, but it was asked.
			return nil
		}
		return err
	}}
}

// visits asks the machine through the API server. NS and the machine's PORT stand in the path, in which the last part is
// what the machine sees.
func visits(what, path, last string) act {
	return act{what: what, do: func(w *world) error {
		if err := ask(w.mallory, http.MethodGet, w.machine.text(w.text(path+last))); err != nil {
			return err
		}
		return w.heard(w.text(last))
	}}
}

func (w *world) heard(parts ...string) error {
	if w.machine.saw(parts...) {
		return nil
	}
	return errNothing
}

// The ways that lead through subresources.
var waysBySubresource = []way{
	{
		number: 3, name: "scale",
		policy: `
lock guarded {
  resources  deployments
  namespace  NS
  labels     aura=red
  deny       update
  exempt     controllers
  exclusive  sa NS/keeper
}
lock named {
  resources  deployments
  namespace  NS
  name       other
  deny       scale
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		setup: func(w *world) {
			w.make(stage.Deployment("NS", "aura: red", ""))
			w.make(renamed(stage.Deployment("NS", "", ""), "other"))
		},
		acts: []act{
			patches("deployments.apps NS/web/scale", `{"spec":{"replicas":0}}`),
			patches("deployments.apps NS/other/scale", `{"spec":{"replicas":0}}`).refusedBy("lock named"),
		},
		done: func(w *world) bool {
			return w.field("deployments.apps NS/web", "spec", "replicas") == int64(0) && w.field("deployments.apps NS/other", "spec", "replicas") == int64(0)
		},
		after: func(w *world) {
			w.passes("the keeper scales", func() error { return w.keeper.Patch(w.at("deployments.apps NS/web/scale"), `{"spec":{"replicas":1}}`) })
			w.Until("its controller follows", func() bool { return w.field("deployments.apps NS/web", "status", "replicas") == int64(1) })
			w.passes("`deny scale` leaves other changes alone", func() error {
				return w.mallory.Patch(w.at("deployments.apps NS/other"), `{"metadata":{"labels":{"a":"b"}}}`)
			})
		},
	},
	{
		number: 3, name: "scale-of-a-custom-resource",
		policy: `
resource widgets.NS.example.com/v1 namespaced
kind Widget
subresources scale, status
lock guarded {
  resources  widgets.NS.example.com
  namespace  NS
  labels     aura=red
  deny       scale
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		early: func(w *world) { w.define("status", "scale") },
		setup: func(w *world) {
			w.make(widget)
			w.make(strings.NewReplacer("vault", "other", "aura: red", "aura: blue").Replace(widget))
		},
		acts: []act{patches("widgets.NS.example.com NS/vault/scale", `{"spec":{"replicas":7}}`)},
		done: func(w *world) bool { return w.field("widgets.NS.example.com NS/vault", "spec", "replicas") == int64(7) },
		after: func(w *world) {
			w.passes("another one is scaled", func() error {
				return w.mallory.Patch(w.at("widgets.NS.example.com NS/other/scale"), `{"spec":{"replicas":7}}`)
			})
		},
	},
	{
		number: 5, name: "eviction",
		policy: fmt.Sprintf(redPods, "delete") + `
lock named {
  resources  pods
  namespace  NS
  name       other
  deny       evict
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		setup: func(w *world) {
			runningApp(w)
			w.make(`{apiVersion: v1, kind: Pod, metadata: {name: other, namespace: NS}, spec: {containers: [{name: c, image: i}]}}`)
			w.running("pods NS/other")
		},
		acts: []act{evicts("app"), evicts("other").refusedBy("lock named")},
		done: func(w *world) bool { return w.gone("pods NS/app") && w.gone("pods NS/other") },
		after: func(w *world) {
			w.passes("the keeper evicts", func() error { return evict(w.keeper, w.ns, "app") })
			w.passes("`deny evict` leaves deletion alone", func() error { return w.mallory.Remove(w.at("pods NS/other")) })
		},
	},
	{
		number: 6, name: "debug-container",
		policy: fmt.Sprintf(redPods, "update"),
		setup: func(w *world) {
			w.make(strings.Replace(app, "name: c,", "name: c, resources: {requests: {cpu: 1}},", 1))
			w.running("pods NS/app")
		},
		acts: []act{
			debugs("app"),
			{what: "resize app", since: "1.33", do: func(w *world) error {
				patch := []byte(`{"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"2"}}}]}}`)
				_, err := w.mallory.Typed.CoreV1().Pods(w.ns).Patch(context.Background(), "app", types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "resize")
				return err
			}},
		},
		done: func(w *world) bool { return w.field("pods NS/app", "spec", "ephemeralContainers") != nil },
		after: func(w *world) {
			w.passes("the keeper debugs", func() error { return debug(w.keeper, w.ns, "app") })
		},
	},
	{
		number: 7, name: "connect",
		policy: fmt.Sprintf(redPods, "connect") + `
lock service {
  resources  services
  namespace  NS
  labels     aura=red
  deny       proxy
  exclusive  sa NS/keeper
  exempt     lifecycle
}
lock named {
  resources  pods
  namespace  NS
  name       other
  deny       exec
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		setup: func(w *world) {
			runningApp(w)
			w.machine.becomes(w, "pods NS/app")
			w.make(`{apiVersion: v1, kind: Pod, metadata: {name: other, namespace: NS}, spec: {containers: [{name: c, image: i}]}}`)
			w.running("pods NS/other")
			w.make(w.machine.text(`
apiVersion: v1
kind: Service
metadata: {name: web, namespace: NS, labels: {aura: red}}
spec: {selector: {aura: red}, ports: [{port: 443, targetPort: PORT}]}
`))
			w.Until("the service has its endpoints", func() bool {
				client, _, _ := w.Admin.Find(w.at("endpointslices.discovery.k8s.io NS"))
				list, err := client.List(context.Background(), metav1.ListOptions{})
				return err == nil && strings.Contains(fmt.Sprint(list.Items), w.machine.ip)
			})
		},
		acts: []act{
			enters("exec", "app"), enters("attach", "app"), enters("portforward", "app"),
			visits("ask the pod", "/api/v1/namespaces/NS/pods/https:app:PORT/proxy", "/NS/pod"),
			visits("ask the service", "/api/v1/namespaces/NS/services/https:web:443/proxy", "/NS/service").refusedBy("lock service"),
			enters("exec", "other").refusedBy("lock named"),
		},
		done: func(w *world) bool { return w.machine.saw(w.ns) },
		after: func(w *world) {
			w.passes("`deny exec` leaves attach alone", func() error { return enters("attach", "other").do(w) })
			w.passes("the keeper enters", func() error {
				err := connect(w.keeper, w.text("/api/v1/namespaces/NS/pods/app/exec?command=keeper&stdout=true"))
				if w.machine.saw("/exec/", w.ns, "app") {
					return nil
				}
				return err
			})
		},
	},
	{
		number: 8, name: "node-proxy",
		policy: `
lock guarded {
  resources  nodes
  name       NS
  deny       connect
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		setup: func(w *world) { w.machine.join(w.Stage, w.ns) },
		acts: []act{
			visits("run a command through the kubelet's API", "/api/v1/nodes/NS/proxy", "/run/NS/app/c"),
			visits("ask another port of the node", "/api/v1/nodes/https:NS:PORT/proxy", "/NS/other"),
		},
		done: func(w *world) bool { return w.machine.saw(w.ns) },
		after: func(w *world) {
			// Whoever reaches a kubelet past the API server is judged by RBAC alone: the kubelet asks for this right.
			w.refusedBy(authorizer, "use the proxy without the right", ask(w.Account(w.ns, "dev"), http.MethodGet, w.text("/api/v1/nodes/NS/proxy/pods")))
		},
	},
	{
		number: 9, name: "binding",
		policy: `
lock guarded {
  resources  pods/binding
  namespace  NS
  labels     aura=red
  deny       create
  exempt     controllers
  exclusive  sa NS/keeper
}
`,
		setup: func(w *world) {
			for _, name := range []string{"app", "later", "own"} {
				w.make(fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: NS, labels: {aura: red}}, spec: {schedulerName: by-hand, containers: [{name: c, image: i}]}}`, name))
			}
		},
		acts: []act{{what: "place it", do: func(w *world) error { return bind(w.mallory, w.ns, "app") }}},
		done: func(w *world) bool { return w.field("pods NS/app", "spec", "nodeName") == "n1" },
		after: func(w *world) {
			w.passes("the scheduler places it", func() error { return bind(w.User("system:kube-scheduler"), w.ns, "later") })
			w.passes("the keeper places it", func() error { return bind(w.keeper, w.ns, "own") })
		},
	},
	{
		number: 11, name: "namespace-finalize",
		policy: `
lock guarded {
  resources  namespaces/finalize, namespaces/status
  name       NS
  deny       update
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		setup: func(w *world) {
			w.make(`{apiVersion: v1, kind: ConfigMap, metadata: {name: vault, namespace: NS, finalizers: [klock.dev/hold]}}`)
			w.Allowed("the namespace is deleted", func() error { return w.Admin.Remove(w.at("namespaces NS")) })
			w.Until("it waits for its content", func() bool { return w.field("namespaces NS", "status", "conditions") != nil })
		},
		acts: []act{{what: "force it to its end", do: func(w *world) error {
			namespaces := w.mallory.Typed.CoreV1().Namespaces()
			object, err := namespaces.Get(context.Background(), w.ns, metav1.GetOptions{})
			if err != nil {
				return err
			}
			object.Spec.Finalizers = nil
			_, err = namespaces.Finalize(context.Background(), object, metav1.UpdateOptions{})
			return err
		}}},
		done: gone("namespaces NS"),
		after: func(w *world) {
			w.passes("its content may go", func() error {
				return w.mallory.Patch(w.at("configmaps NS/vault"), `{"metadata":{"finalizers":null}}`)
			})
			w.Until("the namespace ends as it should", func() bool { return w.gone("namespaces NS") })
		},
	},
	{
		number: 39, name: "namespace-label",
		policy: `
lock guarded {
  resources  configmaps
  namespace  labeled way=NS
  labels     aura=red
  deny       delete
  guard      namespace, no owners, no crd
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		unguarded: "K0218",
		setup:     makes(vault),
		acts: []act{
			patches("namespaces NS", `{"metadata":{"labels":{"way":"other"}}}`),
			patches("namespaces NS/status", `{"metadata":{"labels":{"way":null}}}`),
			{what: "take it off through finalize", do: func(w *world) error {
				namespaces := w.mallory.Typed.CoreV1().Namespaces()
				object, err := namespaces.Get(context.Background(), w.ns, metav1.GetOptions{})
				if err != nil {
					return err
				}
				// Without a lock an earlier act took it off already.
				object.Labels["way"] = "another"
				_, err = namespaces.Finalize(context.Background(), object, metav1.UpdateOptions{})
				return err
			}},
			removes("configmaps NS/vault"),
		},
		done: gone("configmaps NS/vault"),
		after: func(w *world) {
			w.passes("other labels of the namespace change", func() error {
				return w.mallory.Patch(w.at("namespaces NS"), `{"metadata":{"labels":{"a":"b"}}}`)
			})
			w.passes("the keeper takes it off", func() error {
				return w.keeper.Patch(w.at("namespaces NS"), `{"metadata":{"labels":{"way":null}}}`)
			})
		},
	},
}

// bind puts a pod on n1 and writes an annotation.
func bind(who *stage.Actor, namespace, pod string) error {
	return who.Typed.CoreV1().Pods(namespace).Bind(context.Background(), &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: pod, Namespace: namespace, Annotations: map[string]string{"by": "hand"}},
		Target:     corev1.ObjectReference{Kind: "Node", Name: "n1"},
	}, metav1.CreateOptions{})
}
