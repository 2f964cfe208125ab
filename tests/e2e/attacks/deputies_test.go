package attacks

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"klock.dev/e2e/stage"
)

// renamed is the Deployment "web" of the examples under another name.
func renamed(text, name string) string {
	return strings.NewReplacer("name: web", "name: "+name, "run: web", "run: "+name).Replace(text)
}

// dependent is a ConfigMap that the ConfigMap "owner" owns.
func (w *world) dependent(name, labels string) {
	w.T.Helper()
	w.Owned("ConfigMap", w.ns, name, labels)
}

// collected waits until the garbage collector has taken an object that is not locked, and so has seen the locked one.
func (w *world) seenByCollector() {
	w.T.Helper()
	w.Until("the garbage collector takes what is not locked", func() bool { return w.gone("configmaps NS/twin") })
}

// realScheduler is the name by which pods ask for kube-scheduler. The others are put on n1 by the stage, where most ways need
// them.
const realScheduler = "real"

// onPort is a pod that wants a port of n1 for itself, with more fields of its spec.
func onPort(w *world, name, labels, spec string) string {
	port := 8081
	if w.locked {
		port = 8082
	}
	return fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: NS, labels: {%s}}
spec:
  {containers: [{name: c, image: i, ports: [{containerPort: 80, hostPort: %d}]}],
  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchFields: [{key: metadata.name, operator: In, values: [n1]}]}]}}},
  %s}
`, name, labels, port, spec)
}

// The ways on which somebody else does the last part: a controller, or whoever has a node's or the scheduler's name.
var waysByDeputy = []way{
	{
		number: 4, name: "autoscaler",
		policy: `
lock guarded {
  resources  deployments
  namespace  NS
  labels     aura=red
  deny       scale
  exclusive  sa NS/keeper
  exempt     lifecycle
}
lock scalers {
  resources  horizontalpodautoscalers
  namespace  NS
  where      field spec.scaleTargetRef.name = web
  deny       write
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace
}
`,
		setup: func(w *world) {
			w.make(stage.Deployment("NS", "aura: red", ""))
			w.make(renamed(stage.Deployment("NS", "aura: red", ""), "side"))
		},
		acts: []act{
			creates("a scaler of the Deployment", hpa("web", 4)).refusedBy("lock scalers"),
			creates("a scaler of another one", hpa("side", 4)).refusedBy(nobody),
		},
		done: func(w *world) bool {
			return w.field("deployments.apps NS/web", "spec", "replicas") == int64(4) || w.locked && w.field("deployments.apps NS/side", "spec", "replicas") == int64(4)
		},
		deputy: deputyRefused(guarded),
	},
	{
		number: 4, name: "autoscaler-exempt",
		// What K0222 warns of.
		policy: `
lock guarded {
  resources  deployments
  namespace  NS
  labels     aura=red
  deny       update
  exempt     controllers
  exclusive  sa NS/keeper
}
`,
		warns: "K0222",
		setup: func(w *world) { w.make(stage.Deployment("NS", "aura: red", "")) },
		acts:  []act{patches("deployments.apps NS/web", `{"spec":{"replicas":2}}`)},
		done:  func(w *world) bool { return w.field("deployments.apps NS/web", "spec", "replicas") == int64(2) },
		after: func(w *world) {
			w.passes("a scaler is made", func() error { return w.mallory.Create(w.text(hpa("web", 4))) })
			w.Until("the autoscaler, which is exempt, scales", func() bool {
				return w.field("deployments.apps NS/web", "spec", "replicas") == int64(4)
			})
		},
	},
	{
		number: 4, name: "autoscaler-of-guarded-pods",
		// `guard owners` does not reach an autoscaler that `exempt controllers` lets through.
		policy: `
lock guarded {
  resources  pods
  namespace  NS
  labels     aura=red
  deny       delete
  guard      owners, no namespace
  exempt     controllers
  exclusive  sa NS/keeper
}
lock scalers {
  resources  horizontalpodautoscalers
  namespace  NS
  where      field spec.scaleTargetRef.name = web
  deny       write
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace
}
`,
		setup: func(w *world) {
			w.make(stage.Deployment("NS", "", "aura: red"))
			w.Until("the Deployment rolls out", w.RolledOut(w.ns, 3))
		},
		acts: []act{creates("a scaler that leaves one pod", strings.Replace(hpa("web", 1), "maxReplicas: 5", "maxReplicas: 1", 1)).refusedBy("lock scalers")},
		done: func(w *world) bool { return w.field("deployments.apps NS/web", "spec", "replicas") == int64(1) },
	},
	{
		number: 10, name: "namespace",
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  labels     aura=red
  deny       delete
  guard      namespace, no owners
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		unguarded: "K0218",
		setup:     makes(vault),
		acts:      []act{removes("namespaces NS")},
		done:      gone("configmaps NS/vault"),
		after: func(w *world) {
			w.passes("the keeper deletes the namespace", func() error { return w.keeper.Remove(w.at("namespaces NS")) })
			w.Until("it goes with all that is locked in it", func() bool { return w.gone("namespaces NS") })
		},
	},
	{
		number: 12, name: "owner",
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  labels     aura=red
  deny       delete
  guard      owners, no namespace
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		setup: func(w *world) { w.dependent("vault", "aura: red"); w.dependent("twin", "") },
		acts:  []act{removes("configmaps NS/owner").refusedBy(nobody)},
		done:  gone("configmaps NS/vault"),
		deputy: func(w *world) {
			w.seenByCollector()
			deputyRefused(guarded)(w)
		},
	},
	{
		number: 12, name: "owner-in-the-foreground",
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  labels     aura=red
  deny       delete
  guard      owners, no namespace
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		setup: func(w *world) { w.dependent("vault", "aura: red"); w.dependent("twin", "") },
		acts: []act{{what: "delete the owner after its dependents", by: nobody, do: func(w *world) error {
			client, name, _ := w.mallory.Find(w.at("configmaps NS/owner"))
			return client.Delete(context.Background(), name, metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationForeground)})
		}}},
		done: gone("configmaps NS/vault"),
		deputy: func(w *world) {
			w.seenByCollector()
			deputyRefused(guarded)(w)
			if w.gone("configmaps NS/owner") {
				w.T.Error("the owner does not wait for what is locked")
			}
		},
	},
	{
		number: 12, name: "workload",
		policy:    ownedPods,
		unguarded: "K0215",
		setup: func(w *world) {
			w.make(stage.Deployment("NS", "", "aura: red"))
			w.Until("the Deployment rolls out", w.RolledOut(w.ns, 3))
		},
		acts: []act{
			{what: "delete the ReplicaSet", do: func(w *world) error {
				return w.mallory.Remove(w.at("replicasets.apps NS/" + w.Admin.First(w.at("replicasets.apps NS"), "run=web")))
			}},
			patches("deployments.apps NS/web", stage.NewImage),
			patches("deployments.apps NS/web/scale", `{"spec":{"replicas":1}}`),
			removes("deployments.apps NS/web"),
		},
		done: func(w *world) bool { return w.Admin.Count(w.at("pods NS"), "run=web") == 0 },
		after: func(w *world) {
			w.refusedBy(guarded, "make a workload of such pods", w.mallory.Create(w.text(renamed(stage.Deployment("NS", "", "aura: red"), "other"))))
			w.passes("the keeper rolls out", func() error { return w.keeper.Patch(w.at("deployments.apps NS/web"), stage.NewImage) })
			w.Until("the controllers follow", w.RolledOut(w.ns, 3))
			w.passes("the keeper scales down", func() error { return w.keeper.Patch(w.at("deployments.apps NS/web"), `{"spec":{"replicas":1}}`) })
			w.Until("the controllers follow", w.RolledOut(w.ns, 1))
		},
	},
	{
		number: 12, name: "cascade",
		policy: `
lock guarded {
  resources  deployments
  namespace  NS
  labels     aura=red
  deny       update, delete
  cascade
  exempt     controllers
  exclusive  sa NS/keeper
  guard      no owners, no namespace
}
`,
		unguarded: "K0216",
		setup: func(w *world) {
			w.make(stage.Deployment("NS", "aura: red", "aura: red"))
			w.Until("the Deployment rolls out", w.RolledOut(w.ns, 3))
		},
		acts: []act{
			{what: "delete a pod", do: func(w *world) error {
				return w.mallory.Remove(w.at("pods NS/" + w.Admin.First(w.at("pods NS"), "run=web")))
			}},
			{what: "delete the ReplicaSet", do: func(w *world) error {
				return w.mallory.Remove(w.at("replicasets.apps NS/" + w.Admin.First(w.at("replicasets.apps NS"), "run=web")))
			}},
			removes("deployments.apps NS/web"),
		},
		done: func(w *world) bool { return w.Admin.Count(w.at("pods NS"), "run=web") == 0 },
		after: func(w *world) {
			w.passes("the keeper rolls out", func() error { return w.keeper.Patch(w.at("deployments.apps NS/web"), stage.NewImage) })
			w.Until("the controllers follow", w.RolledOut(w.ns, 3))
		},
	},
	{
		number: 13, name: "owner-reference",
		policy: `
lock guarded {
  resources  configmaps, deployments
  namespace  NS
  labels     aura=red
  deny       delete
  guard      owners, no namespace
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		setup: func(w *world) { makes(vault, stage.Deployment("NS", "aura: red", ""))(w) },
		acts:  []act{patches("configmaps NS/vault", orphaned), patches("deployments.apps NS/web/status", orphaned)},
		done:  func(w *world) bool { return w.gone("configmaps NS/vault") && w.gone("deployments.apps NS/web") },
		deputy: func(w *world) {
			w.passes("the keeper gives it an owner", func() error { return w.keeper.Patch(w.at("configmaps NS/vault"), orphaned) })
			// Even then the garbage collector has no key.
			deputyRefused(guarded)(w)
		},
	},
	{
		number: 28, name: "job-time-to-live",
		policy: `
lock guarded {
  resources  jobs
  namespace  NS
  labels     aura=red
  deny       delete
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace
}
lock lasting {
  resources  jobs
  namespace  NS
  name       other
  deny       update
  changing   spec.ttlSecondsAfterFinished
  exempt     controllers
  exclusive  sa NS/keeper
}
`,
		setup: func(w *world) {
			for _, name := range []string{"once", "other"} {
				w.make(fmt.Sprintf(`
apiVersion: batch/v1
kind: Job
metadata: {name: %s, namespace: NS, labels: {aura: red}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}
`, name))
				w.Until("the Job ends", func() bool { return w.field("jobs.batch NS/"+name, "status", "succeeded") == int64(1) })
			}
		},
		acts: []act{
			patches("jobs.batch NS/once", `{"spec":{"ttlSecondsAfterFinished":0}}`).refusedBy(nobody),
			patches("jobs.batch NS/other", `{"spec":{"ttlSecondsAfterFinished":0}}`).refusedBy("lock lasting"),
		},
		done:   func(w *world) bool { return w.gone("jobs.batch NS/once") || w.gone("jobs.batch NS/other") },
		deputy: deputyRefused(guarded),
	},
	{
		number: 28, name: "status",
		policy: ownedPods,
		setup: func(w *world) {
			w.make(ledger)
			w.Until("there is a pod", func() bool { return !w.gone("pods NS/ledger-0") })
			w.running("pods NS/ledger-0")
			w.passes("the first pod is marked", func() error {
				return w.Admin.Patch(w.at("pods NS/ledger-0"), `{"metadata":{"labels":{"generation":"first"}}}`)
			})
		},
		acts: []act{patches("pods NS/ledger-0/status", `{"status":{"phase":"Failed"}}`)},
		done: func(w *world) bool { return w.Admin.Count(w.at("pods NS"), "generation=first") == 0 },
	},
	{
		number: 28, name: "taint",
		policy: fmt.Sprintf(redPods, "delete") + `
lock taints {
  resources  nodes
  name       NS
  deny       update
  changing   spec.taints
  exempt     controllers
  exclusive  sa NS/keeper
}
`,
		setup: func(w *world) {
			for _, name := range []string{w.ns, w.ns + "-2"} {
				w.machine.join(w.Stage, name)
			}
			for pod, node := range map[string]string{"app": w.ns, "side": w.ns + "-2"} {
				w.make(fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: NS, labels: {aura: red}}, spec: {nodeName: %s, containers: [{name: c, image: i}]}}`, pod, node))
				w.running("pods NS/" + pod)
			}
		},
		acts: []act{
			patches("nodes NS", noExecute).refusedBy("lock taints"),
			patches("nodes NS-2", noExecute).refusedBy(nobody),
		},
		done:   func(w *world) bool { return w.gone("pods NS/app") || w.gone("pods NS/side") },
		deputy: deputyRefused(guarded),
	},
	{
		number: 28, name: "node-deletion",
		// The collector of pods without nodes is exempt, a minute later.
		policy: `
lock guarded {
  resources  nodes
  name       NS
  deny       delete
  exempt     controllers
  exclusive  sa NS/keeper
  guard      no owners
}
`,
		setup: func(w *world) { w.machine.join(w.Stage, w.ns) },
		acts:  []act{removes("nodes NS")},
		done:  gone("nodes NS"),
	},
	{
		number: 28, name: "preemption",
		policy: fmt.Sprintf(redPods, "delete") + `
lock priorities {
  resources  priorityclasses
  all objects
  deny       create
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		setup: func(w *world) {
			w.make(onPort(w, "app", "aura: red", ""))
			w.running("pods NS/app")
		},
		acts: []act{
			creates("a class above all others", `{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: NS}, value: 1000000}`).refusedBy("lock priorities"),
			{what: "run a pod of this class", by: itself, do: func(w *world) error {
				return w.mallory.Create(w.text(onPort(w, "urgent", "", "priorityClassName: NS, schedulerName: "+realScheduler)))
			}},
			// A class that every cluster has. The scheduler is refused then.
			{what: "run a pod of another class", by: nobody, do: func(w *world) error {
				return w.mallory.Create(w.text(onPort(w, "critical", "", "priorityClassName: system-cluster-critical, schedulerName: "+realScheduler)))
			}},
		},
		done: gone("pods NS/app"),
		deputy: func(w *world) {
			w.Until("the scheduler is refused", func() bool { return w.logged(guarded, "kube-scheduler") })
		},
		alone: true,
	},
	{
		number: 33, name: "static-pod",
		policy: `
lock guarded {
  resources  pods
  namespace  NS
  all objects
  deny       create
  exempt     none
  exclusive  sa NS/keeper
}
`,
		acts: []act{{what: "show the pod that a kubelet has from a file", do: func(w *world) error {
			uid := w.Admin.Get("nodes n1").GetUID()
			return w.Node("n1").Create(w.text(fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata:
  name: static-n1
  namespace: NS
  annotations: {kubernetes.io/config.mirror: abc, kubernetes.io/config.source: file, kubernetes.io/config.hash: abc}
  ownerReferences: [{apiVersion: v1, kind: Node, name: n1, uid: %s, controller: true}]
spec: {nodeName: n1, enableServiceLinks: false, automountServiceAccountToken: false, containers: [{name: c, image: i}], tolerations: [{operator: Exists}]}
`, uid)))
		}}},
		done: func(w *world) bool { return !w.gone("pods NS/static-n1") },
	},
	{
		number: 34, name: "node-identity",
		policy: `
lock guarded {
  resources  pods
  namespace  NS
  labels     aura=red
  deny       delete
  exempt     none
  exclusive  sa NS/keeper
  guard      no owners, no namespace
}
`,
		setup: runningApp,
		acts:  []act{{what: "delete the pod as its node", do: func(w *world) error { return w.Node("n1").Remove(w.at("pods NS/app")) }}},
		done:  gone("pods NS/app"),
		after: func(w *world) {
			err := w.Node("n2").Remove(w.at("pods NS/app"))
			if err == nil || !strings.Contains(err.Error(), "node") || isPolicyRefusal(err) {
				w.T.Errorf("NodeRestriction does not keep other nodes away: %v", err)
			}
		},
	},
	{
		number: 47, name: "adoption",
		policy: `
lock guarded {
  resources  pods
  namespace  NS
  labels     aura=red
  deny       delete
  guard      owners, no namespace
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		unguarded: "K0215",
		setup: func(w *world) {
			w.make(strings.Replace(app, "aura: red", "aura: red, run: web", 1))
			w.running("pods NS/app")
		},
		acts:   []act{creates("a ReplicaSet of no pods that takes it in", adopter).refusedBy(nobody)},
		done:   gone("pods NS/app"),
		deputy: deputyRefused(guarded),
		after: func(w *world) {
			if owners := w.Admin.Get(w.at("pods NS/app")).GetOwnerReferences(); len(owners) > 0 {
				w.T.Errorf("the pod was taken in: %v", owners)
			}
		},
	},
	{
		number: 47, name: "adoption-with-controllers",
		policy: ownedPods,
		setup: func(w *world) {
			w.make(strings.Replace(app, "aura: red", "aura: red, run: web", 1))
			w.running("pods NS/app")
		},
		acts:   []act{creates("a ReplicaSet of no pods that takes it in", adopter).refusedBy(nobody)},
		done:   gone("pods NS/app"),
		deputy: deputyRefused(guarded),
	},
	{
		number: 52, name: "volume",
		policy: `
lock volumes {
  resources  persistentvolumes
  labels     aura=red
  deny       update, delete
  exempt     controllers
  exclusive  sa NS/keeper
  guard      no owners
}
lock guarded {
  resources  persistentvolumeclaims
  namespace  NS
  name       data
  deny       delete
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace
}
`,
		setup: func(w *world) {
			w.make(`
apiVersion: v1
kind: PersistentVolume
metadata: {name: NS, labels: {aura: red}}
spec:
  storageClassName: ""
  accessModes: [ReadWriteOnce]
  capacity: {storage: 1Gi}
  persistentVolumeReclaimPolicy: Delete
  hostPath: {path: /tmp/klock-e2e-volume-NS}
  claimRef: {namespace: NS, name: data}
`)
			w.make(`
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: NS}
spec: {storageClassName: "", volumeName: NS, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`)
			w.Until("the claim is bound", func() bool { return w.field("persistentvolumeclaims NS/data", "status", "phase") == "Bound" })
		},
		acts: []act{
			removes("persistentvolumeclaims NS/data"),
		},
		done: gone("persistentvolumes NS"),
		after: func(w *world) {
			w.refusedBy("lock volumes", "delete the volume", w.mallory.Remove(w.at("persistentvolumes NS")))
		},
	},
	{
		number: 47, name: "adoption-of-a-claim",
		policy: `
lock guarded {
  resources  persistentvolumeclaims
  namespace  NS
  labels     aura=red
  deny       update, delete
  guard      owners, no namespace
  exempt     controllers
  exclusive  sa NS/keeper
}
`,
		setup: makes(`
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data-ledger-0, namespace: NS, labels: {aura: red}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`),
		acts: []act{
			creates("a StatefulSet that takes its claims with it", ledger+`
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`).refusedBy(nobody),
			{what: "delete it", by: nobody, do: func(w *world) error {
				w.Until("the claim has an owner", func() bool {
					owners, _ := w.field("persistentvolumeclaims NS/data-ledger-0", "metadata", "ownerReferences").([]any)
					return len(owners) > 0
				})
				return w.mallory.Remove(w.at("statefulsets.apps NS/ledger"))
			}},
		},
		// A claim that somebody uses waits for that to end.
		done: func(w *world) bool {
			return w.gone("persistentvolumeclaims NS/data-ledger-0") ||
				w.field("persistentvolumeclaims NS/data-ledger-0", "metadata", "deletionTimestamp") != nil
		},
		deputy: deputyRefused(guarded),
	},
}

const (
	// ownedPods is a lock on pods that go with nothing, and whose controllers go on.
	ownedPods = `
lock guarded {
  resources  pods
  namespace  NS
  labels     aura=red
  deny       delete
  guard      owners, no namespace
  exempt     controllers
  exclusive  sa NS/keeper
}
`
	ledger = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: ledger, namespace: NS}
spec:
  serviceName: ledger
  replicas: 1
  selector: {matchLabels: {run: ledger}}
  template: {metadata: {labels: {run: ledger, aura: red}}, spec: {containers: [{name: c, image: i}]}}
`
	orphaned  = `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"nobody","uid":"00000000-0000-0000-0000-000000000001"}]}}`
	noExecute = `{"spec":{"taints":[{"key":"klock.dev/away","effect":"NoExecute"}]}}`
	adopter   = `
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web, namespace: NS}
spec:
  replicas: 0
  selector: {matchLabels: {run: web}}
  template: {metadata: {labels: {run: web}}, spec: {containers: [{name: c, image: i}]}}
`
)
