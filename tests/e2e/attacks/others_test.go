package attacks

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"klock.dev/e2e/stage"
)

const (
	// clusterOrphaned is `orphaned` for what is in no namespace.
	clusterOrphaned = `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Namespace","name":"nobody","uid":"00000000-0000-0000-0000-000000000001"}]}}`
	// ofMine are pods of mallory's own that a controller would rather keep.
	ofMine = `{apiVersion: v1, kind: Pod, metadata: {name: mine-%d, namespace: NS, labels: {run: mine}, annotations: {controller.kubernetes.io/pod-deletion-cost: "1000"}}, spec: {containers: [{name: c, image: i}]}}`
	// replicas is the ReplicaSet that nobody but its author owns.
	replicas = `
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web, namespace: NS}
spec:
  replicas: 2
  selector: {matchLabels: {run: web}}
  template: {metadata: {labels: {run: web, aura: red}}, spec: {containers: [{name: c, image: i}]}}
`
	claimsGo = `
  persistentVolumeClaimRetentionPolicy: {whenScaled: Delete}
  volumeClaimTemplates:
  - metadata: {name: data, labels: {aura: red}}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`
)

// crowd marks the locked pods that there are, and runs two of mallory's own.
func crowd(w *world) {
	w.T.Helper()
	w.Until("the pods are there", func() bool { return w.Admin.Count(w.at("pods NS"), "aura=red") == 2 })
	client, _, _ := w.Admin.Find(w.at("pods NS"))
	list, err := client.List(w.T.Context(), metav1.ListOptions{})
	if err != nil {
		w.T.Fatal(err)
	}
	for _, pod := range list.Items {
		w.running("pods NS/" + pod.GetName())
		w.passes("it is marked", func() error {
			return w.Admin.Patch(stage.At("pods "+w.ns+"/"+pod.GetName()), `{"metadata":{"labels":{"generation":"first"}}}`)
		})
	}
	for i := range 2 {
		w.make(fmt.Sprintf(ofMine, i))
		w.running(fmt.Sprintf("pods NS/mine-%d", i))
	}
}

func firstPodsGone(w *world) bool { return w.Admin.Count(w.at("pods NS"), "generation=first") == 0 }

// joins puts mallory's pods under the labels that the ReplicaSet selects by.
func joins() []act {
	var acts []act
	for i := range 2 {
		acts = append(acts, act{what: fmt.Sprintf("give pod %d to the ReplicaSet", i), do: func(w *world) error {
			labels := `"run":"web"`
			client, _, _ := w.Admin.Find(w.at("replicasets.apps NS"))
			list, err := client.List(w.T.Context(), metav1.ListOptions{})
			if err != nil || len(list.Items) == 0 {
				return fmt.Errorf("no ReplicaSet: %w", err)
			}
			if hash := list.Items[0].GetLabels()["pod-template-hash"]; hash != "" {
				labels += `,"pod-template-hash":"` + hash + `"`
			}
			return w.mallory.Patch(w.at(fmt.Sprintf("pods NS/mine-%d", i)), `{"metadata":{"labels":{`+labels+`}}}`)
		}})
	}
	return acts
}

// The ways on which others delete or write what is locked, because somebody told them to.
var waysByOthers = []way{
	{
		number: 53, name: "owner-added",
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  labels     aura=red
  deny       delete
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace
}
lock machines {
  resources  nodes
  name       NS
  deny       delete
  exempt     controllers
  exclusive  sa NS/keeper
  guard      no owners
}
`,
		warns: "K0215",
		setup: func(w *world) { makes(vault)(w); w.machine.join(w.Stage, w.ns) },
		acts: []act{
			patches("configmaps NS/vault", orphaned),
			patches("nodes NS", clusterOrphaned).refusedBy("lock machines"),
		},
		done: func(w *world) bool { return w.gone("configmaps NS/vault") && w.gone("nodes NS") },
		after: func(w *world) {
			w.passes("the keeper gives it an owner", func() error { return w.keeper.Patch(w.at("configmaps NS/vault"), orphaned) })
			w.Until("and it goes with that", func() bool { return w.gone("configmaps NS/vault") })
		},
	},
	{
		number: 54, name: "owner-of-a-claim",
		policy: `
lock guarded {
  resources  persistentvolumeclaims
  namespace  NS
  labels     aura=red
  deny       delete
  guard      owners, no namespace
  exempt     controllers
  exclusive  sa NS/keeper
}
`,
		unguarded: "K0215",
		setup: func(w *world) {
			w.make(ledger + claimsGo)
			w.Until("there is a claim", func() bool { return !w.gone("persistentvolumeclaims NS/data-ledger-0") })
		},
		acts: []act{patches("statefulsets.apps NS/ledger/scale", `{"spec":{"replicas":0}}`).refusedBy(nobody)},
		// A claim that somebody uses waits for that to end.
		done:   func(w *world) bool { return w.going("persistentvolumeclaims NS/data-ledger-0") },
		deputy: deputyRefused(guarded),
	},
	{
		number: 54, name: "owner-by-whom-the-lock-means",
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  labels     aura=red
  deny       delete
  when       user = mallory
  exempt     controllers
  guard      owners, no namespace
}
`,
		warns: "K0215",
		setup: func(w *world) { makes(vault)(w); w.Owned("ConfigMap", w.ns, "heirloom", "aura: red") },
		acts:  []act{removes("configmaps NS/heirloom"), patches("configmaps NS/vault", orphaned)},
		done:  func(w *world) bool { return w.gone("configmaps NS/heirloom") && w.gone("configmaps NS/vault") },
		after: func(w *world) {
			w.passes("the owner is deleted", func() error { return w.mallory.Remove(w.at("configmaps NS/owner")) })
			w.Until("it goes with that", func() bool { return w.gone("configmaps NS/heirloom") })
		},
	},
	{
		number: 55, name: "volume-under-a-claim",
		policy: `
lock guarded {
  resources  persistentvolumeclaims
  namespace  NS
  labels     aura=red
  deny       update, delete
  guard      owners, volumes, no namespace
  exempt     controllers
  exclusive  sa NS/keeper
}
`,
		unguarded: "K0235",
		setup: func(w *world) {
			for _, name := range []string{"data", "more"} {
				w.make(strings.ReplaceAll(boundVolume, "NAME", name))
				w.Until("the claim is bound", func() bool { return w.field("persistentvolumeclaims NS/"+name, "status", "phase") == "Bound" })
			}
		},
		acts: []act{
			patches("persistentvolumes NS-data", `{"spec":{"claimRef":{"name":"other","uid":"00000000-0000-0000-0000-000000000001"}}}`),
			removes("persistentvolumes NS-more"),
			patches("persistentvolumes NS-more", `{"metadata":{"finalizers":null}}`).refusedBy(nobody),
		},
		done: func(w *world) bool {
			return w.field("persistentvolumeclaims NS/data", "status", "phase") == "Lost" && w.field("persistentvolumeclaims NS/more", "status", "phase") == "Lost"
		},
		after: func(w *world) {
			w.refusedBy(guarded, "say that it is released", w.mallory.Patch(w.at("persistentvolumes NS-data/status"), `{"status":{"phase":"Released"}}`))
			w.passes("the volume is to be kept", func() error {
				return w.mallory.Patch(w.at("persistentvolumes NS-data"), `{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}`)
			})
			w.passes("the keeper deletes the claim", func() error { return w.keeper.Remove(w.at("persistentvolumeclaims NS/more")) })
			w.Until("and the binder the volume", func() bool { return w.gone("persistentvolumes NS-more") })
		},
	},
	{
		number: 56, name: "surplus",
		policy:    ownedPods,
		unguarded: "K0236",
		setup: func(w *world) {
			w.make(strings.Replace(stage.Deployment("NS", "", "aura: red"), "replicas: 3", "replicas: 2", 1))
			crowd(w)
		},
		acts: joins(),
		done: firstPodsGone,
		after: func(w *world) {
			w.refusedBy(guarded, "make a pod of the ReplicaSet", w.mallory.Create(w.text(`
{apiVersion: v1, kind: Pod, metadata: {name: more, namespace: NS, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web, uid: 00000000-0000-0000-0000-000000000001, controller: true}]}, spec: {containers: [{name: c, image: i}]}}`)))
			w.passes("the keeper rolls out", func() error { return w.keeper.Patch(w.at("deployments.apps NS/web"), stage.NewImage) })
			w.Until("the controllers follow", func() bool { return firstPodsGone(w) })
		},
	},
	{
		number: 56, name: "surplus-of-a-replica-set",
		// What K0236 warns of: its selector is made of labels that anybody puts on.
		policy: ownedPods,
		warns:  "K0236",
		setup:  func(w *world) { w.make(replicas); crowd(w) },
		acts: []act{
			removes("replicasets.apps NS/web"),
		},
		done: firstPodsGone,
		after: func(w *world) {
			for _, a := range joins() {
				w.passes(a.what, func() error { return a.do(w) })
			}
			w.Until("the controller, which is exempt, deletes the locked ones", func() bool { return firstPodsGone(w) })
		},
	},
	{
		number: 57, name: "rollback",
		policy: `
lock guarded {
  resources  deployments
  namespace  NS
  labels     aura=red
  deny       update
  changing   spec.template
  exempt     controllers
  exclusive  sa NS/keeper
}
`,
		setup: func(w *world) {
			w.make(stage.Deployment("NS", "aura: red", ""))
			w.Until("the Deployment rolls out", w.RolledOut(w.ns, 3))
			w.passes("another image", func() error { return w.Admin.Patch(w.at("deployments.apps NS/web"), stage.NewImage) })
			w.Until("it rolls out", w.RolledOut(w.ns, 3))
		},
		acts: []act{patches("deployments.apps NS/web", `{"metadata":{"annotations":{"deprecated.deployment.rollback.to":"1"}}}`)},
		done: func(w *world) bool {
			return strings.Contains(fmt.Sprint(w.field("deployments.apps NS/web", "spec", "template", "spec", "containers")), "image:1")
		},
		after: func(w *world) {
			w.passes("other annotations", func() error {
				return w.mallory.Patch(w.at("deployments.apps NS/web"), `{"metadata":{"annotations":{"note":"x"}}}`)
			})
			w.passes("the keeper rolls back", func() error {
				return w.keeper.Patch(w.at("deployments.apps NS/web"), `{"metadata":{"annotations":{"deprecated.deployment.rollback.to":"1"}}}`)
			})
			w.Until("the controller follows", func() bool {
				return strings.Contains(fmt.Sprint(w.field("deployments.apps NS/web", "spec", "template", "spec", "containers")), "image:1")
			})
		},
	},
	{
		number: 58, name: "job-counters",
		policy: `
lock guarded {
  resources  jobs, pods
  namespace  NS
  labels     aura=red
  deny       delete
  exempt     controllers
  exclusive  sa NS/keeper
  guard      no owners, no namespace
}
`,
		setup: func(w *world) {
			// Of another scheduler, so that it never runs.
			w.make(`
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: NS, labels: {aura: red}}
spec: {template: {metadata: {labels: {aura: red}}, spec: {schedulerName: nobody, restartPolicy: Never, containers: [{name: c, image: i}]}}}
`)
			w.Until("there is a pod", func() bool { return w.Admin.Count(w.at("pods NS"), "aura=red") == 1 })
			w.Until("the Job counts it", func() bool { return w.field("jobs.batch NS/once", "status", "active") == int64(1) })
		},
		acts: []act{patches("jobs.batch NS/once/status", `{"status":{"succeeded":1}}`)},
		done: func(w *world) bool { return w.Admin.Count(w.at("pods NS"), "aura=red") == 0 },
	},
	{
		number: 59, name: "deadline",
		policy: `
lock guarded {
  resources  jobs, pods
  namespace  NS
  labels     aura=red
  deny       delete
  exempt     controllers
  exclusive  sa NS/keeper
  guard      no owners, no namespace
}
`,
		setup: func(w *world) {
			runningApp(w)
			w.make(`
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: NS, labels: {aura: red}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}
`)
			w.Until("the Job ends", func() bool { return w.field("jobs.batch NS/once", "status", "succeeded") == int64(1) })
		},
		acts: []act{
			patches("jobs.batch NS/once", `{"spec":{"ttlSecondsAfterFinished":0}}`),
			// There is no kubelet that would end it.
			patches("pods NS/app", `{"spec":{"activeDeadlineSeconds":1}}`),
		},
		done: func(w *world) bool { return w.gone("jobs.batch NS/once") },
	},
	{
		number: 60, name: "node-label",
		// What K0237 warns of.
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
lock labels-of-nodes {
  resources  nodes
  name       NS-kept
  deny       update
  changing   metadata.labels
  exempt     controllers
  exclusive  sa NS/keeper
}
`,
		warns: "K0237",
		setup: func(w *world) {
			for _, node := range []string{w.ns, w.ns + "-kept"} {
				w.machine.join(w.Stage, node)
				w.passes("it is labelled", func() error {
					return w.Admin.Patch(stage.At("nodes "+node), w.text(`{"metadata":{"labels":{"NS":"runs"}}}`))
				})
			}
			w.make(`
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: NS}
spec:
  selector: {matchLabels: {run: agent}}
  template: {metadata: {labels: {run: agent, aura: red}}, spec: {nodeSelector: {NS: runs}, containers: [{name: c, image: i}]}}
`)
			w.Until("it runs on both", func() bool { return w.Admin.Count(w.at("pods NS"), "aura=red") == 2 })
		},
		acts: []act{patches("nodes NS-kept", `{"metadata":{"labels":{"NS":null}}}`).refusedBy("lock labels-of-nodes")},
		done: func(w *world) bool { return w.Admin.Count(w.at("pods NS"), "aura=red") < 2 },
		after: func(w *world) {
			w.passes("a label of another node", func() error {
				return w.mallory.Patch(w.at("nodes NS"), w.text(`{"metadata":{"labels":{"NS":null}}}`))
			})
			w.Until("the controller, which is exempt, deletes its pod", func() bool { return w.Admin.Count(w.at("pods NS"), "aura=red") == 1 })
		},
	},
	{
		number: 60, name: "aggregated-role",
		// What K0237 warns of.
		policy: `
lock guarded {
  resources  clusterroles
  name       NS
  deny       update
  exempt     controllers
  exclusive  sa NS/keeper
}
`,
		warns: "K0237",
		setup: makes(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NS}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {into: NS}}]}
`),
		acts: []act{patches("clusterroles.rbac.authorization.k8s.io NS", `{"aggregationRule":null,"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]}`)},
		done: func(w *world) bool { return w.field("clusterroles.rbac.authorization.k8s.io NS", "rules") != nil },
		after: func(w *world) {
			w.passes("a role that is aggregated", func() error {
				return w.mallory.Create(w.text(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NS-more, labels: {into: NS}}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get]}]
`))
			})
			w.Until("the controller, which is exempt, writes the locked one", func() bool {
				return w.field("clusterroles.rbac.authorization.k8s.io NS", "rules") != nil
			})
		},
	},
	{
		number: 60, name: "selector-of-a-service",
		// What K0237 warns of.
		policy: `
lock guarded {
  resources  endpointslices
  namespace  NS
  labels     kubernetes.io/service-name=web
  deny       update, delete
  guard      owners, no namespace
  exempt     controllers
  exclusive  sa NS/keeper
}
lock services {
  resources  services
  namespace  NS
  name       web
  deny       update, delete
  exempt     controllers
  exclusive  sa NS/keeper
  guard      no owners, no namespace
}
`,
		warns: "K0237",
		setup: func(w *world) {
			makes(`{apiVersion: v1, kind: Service, metadata: {name: web, namespace: NS}, spec: {selector: {aura: red}, ports: [{port: 80}]}}`)(w)
			runningApp(w)
			w.Until("there is an endpoint", func() bool { return endpointsOf(w) == 1 })
		},
		acts: []act{patches("services NS/web", `{"spec":{"selector":{"aura":"none"}}}`).refusedBy("lock services")},
		done: func(w *world) bool { return endpointsOf(w) == 0 },
		after: func(w *world) {
			w.passes("another label for the pod", func() error {
				return w.mallory.Patch(w.at("pods NS/app"), `{"metadata":{"labels":{"aura":"none"}}}`)
			})
			w.Until("the controller, which is exempt, takes it out", func() bool { return endpointsOf(w) == 0 })
		},
	},
	{
		number: 61, name: "scaled-away",
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
		setup: func(w *world) {
			w.make(stage.Deployment("NS", "aura: red", "aura: red"))
			w.Until("the Deployment rolls out", w.RolledOut(w.ns, 3))
		},
		acts: []act{
			patches("deployments.apps NS/web/scale", `{"spec":{"replicas":0}}`),
			patches("deployments.apps NS/web", stage.NewImage),
		},
		done: func(w *world) bool {
			return w.field("deployments.apps NS/web", "spec", "replicas") == int64(0)
		},
	},
	{
		number: 61, name: "scaled-away-where-only-deleting-is-denied",
		// What K0238 warns of.
		policy: `
lock guarded {
  resources  deployments
  namespace  NS
  labels     aura=red
  deny       delete
  cascade
  exempt     controllers
  exclusive  sa NS/keeper
  guard      no owners, no namespace
}
`,
		warns: "K0238",
		setup: func(w *world) {
			w.make(stage.Deployment("NS", "aura: red", "aura: red"))
			w.Until("the Deployment rolls out", w.RolledOut(w.ns, 3))
		},
		acts: []act{removes("deployments.apps NS/web")},
		done: func(w *world) bool { return w.Admin.Count(w.at("pods NS"), "run=web") == 0 },
		after: func(w *world) {
			w.passes("it is scaled to nothing", func() error {
				return w.mallory.Patch(w.at("deployments.apps NS/web/scale"), `{"spec":{"replicas":0}}`)
			})
			w.Until("the controllers delete its pods", func() bool { return w.Admin.Count(w.at("pods NS"), "run=web") == 0 })
		},
	},
}

// endpointsOf counts those of the Service "web".
func endpointsOf(w *world) int {
	w.T.Helper()
	client, _, _ := w.Admin.Find(w.at("endpointslices.discovery.k8s.io NS"))
	list, err := client.List(w.T.Context(), metav1.ListOptions{})
	if err != nil {
		w.T.Fatal(err)
	}
	count := 0
	for _, slice := range list.Items {
		endpoints, _ := slice.Object["endpoints"].([]any)
		count += len(endpoints)
	}
	return count
}

const boundVolume = `
apiVersion: v1
kind: PersistentVolume
metadata: {name: NS-NAME}
spec:
  storageClassName: ""
  accessModes: [ReadWriteOnce]
  capacity: {storage: 1Gi}
  persistentVolumeReclaimPolicy: Delete
  hostPath: {path: /tmp/klock-e2e-under-NS-NAME}
  claimRef: {namespace: NS, name: NAME}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME, namespace: NS, labels: {aura: red}}
spec: {storageClassName: "", volumeName: NS-NAME, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`
