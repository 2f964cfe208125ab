package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/complete"
	"klock.dev/e2e/live"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// lives are the stories of the examples and of testdata/workloads.klock: what the controllers do to locked objects from their
// making to their end, while an administrator of the cluster is refused what the policy says.
var lives = map[string]func(s *stage, manifest []byte){
	"payments":          liveWithPayments,
	"database":          liveWithDatabase,
	"freeze":            liveWithFreeze,
	"operator":          liveWithOperator,
	"delete-protection": liveWithDeleteProtection,
	"workloads":         liveWithWorkloads,
}

// sharedMinor runs its controllers as system:kube-controller-manager, the others as their own accounts.
const sharedMinor = "1.33"

// TestExampleLifecycle runs controllers under every example. A controller that a policy refuses is an error, even where
// its objects reach their goal all the same.
func TestExampleLifecycle(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(cluster.Root(), "examples", "*.klock"))
	if err != nil {
		t.Fatal(err)
	}
	manifests := map[string][]byte{}
	for _, file := range append(files, filepath.Join(cluster.Root(), "tests", "e2e", "testdata", "workloads.klock")) {
		name := strings.TrimSuffix(filepath.Base(file), ".klock")
		if lives[name] == nil {
			t.Errorf("nobody lives under %s", name)
		}
		manifests[name] = mustCompile(t, file)
	}
	for _, minor := range minors(t) {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			shared := minor == sharedMinor
			c := cluster.ForTest(t, cluster.Options{Minor: minor, ControllerManager: true, SharedCredentials: shared})
			outer := newStage(t, c)
			outer.shared = shared
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			outer.startKubelet(ctx)
			nodes := outer.startNodes(ctx)
			outer.namespace("default", "")
			// Manifests come and go.
			var all []*live.File
			for _, manifest := range manifests {
				all = append(all, &live.File{Manifest: manifest})
			}
			if err := outer.judge.Admit(ctx, all); err != nil {
				t.Fatal(err)
			}
			log := 0
			for name, manifest := range manifests {
				t.Run(name, func(t *testing.T) {
					s := outer.in(t)
					lives[name](s, manifest)
					s.remove(manifest)
					for _, line := range nodes.takeRefusals() {
						t.Errorf("a node is refused: %s", line)
					}
					var lines []string
					lines, log = s.controllerRefusals(log)
					for _, line := range lines {
						if !expectedRefusal(line) {
							t.Errorf("a controller is refused: %s", line)
						}
					}
				})
			}
		})
	}
}

// expectedRefusal is one that the policy is about: see liveWithDeleteProtection, outlives and adopts.
func expectedRefusal(line string) bool {
	return strings.Contains(line, "(lock protected of policy delete-protection") || isCollection(line) || isAdoption(line)
}

// isCollection says whether the garbage collector is refused what is left behind by its owner.
func isCollection(line string) bool {
	if !strings.Contains(line, "garbagecollector.go") {
		return false
	}
	for _, lock := range []string{"lockred of policy payments", "never-deleted of policy database", "settings of policy workloads"} {
		if strings.Contains(line, "(lock "+lock) {
			return true
		}
	}
	return false
}

func mustCompile(t *testing.T, args ...string) []byte {
	t.Helper()
	needKlockc(t)
	manifest, _, err := cases.Compile(args...)
	if err != nil {
		t.Fatal(err)
	}
	return manifest
}

// deployment is a Deployment "web" of three pods, with labels of its own and labels of its pods.
func deployment(namespace, labels, podLabels string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %s, labels: {%s}}
spec:
  replicas: 3
  selector: {matchLabels: {run: web}}
  template:
    metadata: {labels: {run: web, %s}}
    spec:
      containers: [{name: c, image: "registry.example/image:1"}]
`, namespace, labels, podLabels)
}

const newImage = `{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"registry.example/image:2"}]}}}}`

// rolledOut says whether every pod of the Deployment is the newest and ready, and there is none too many.
func (s *stage) rolledOut(namespace string, replicas int64) func() bool {
	return func() bool {
		d := s.admin.get(at("deployments.apps " + namespace + "/web"))
		status, _ := d.Object["status"].(map[string]any)
		return status["observedGeneration"] == d.GetGeneration() && status["replicas"] == replicas &&
			status["updatedReplicas"] == replicas && status["availableReplicas"] == replicas &&
			s.admin.count(at("pods "+namespace), "run=web") == int(replicas)
	}
}

// replaced says whether a deleted pod is gone and another has come.
func (s *stage) replaced(pod at, namespace string, replicas int64) func() bool {
	return func() bool { return !s.admin.exists(pod) && s.rolledOut(namespace, replicas)() }
}

// collected says whether what the Deployment owned is gone.
func (s *stage) collected(namespace string) func() bool {
	return func() bool {
		return s.admin.count(at("pods "+namespace), "run=web") == 0 && s.admin.count(at("replicasets.apps "+namespace), "run=web") == 0
	}
}

// owned is a ConfigMap that a ConfigMap "owner" owns.
func (s *stage) owned(kind, namespace, name, labels string) {
	s.t.Helper()
	if !s.admin.exists(at("configmaps " + namespace + "/owner")) {
		s.allowed("the owner is made", func() error {
			return s.admin.create(fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: owner, namespace: %s}}", namespace))
		})
	}
	uid := s.admin.get(at("configmaps " + namespace + "/owner")).GetUID()
	s.allowed("the dependent is made", func() error {
		return s.admin.create(fmt.Sprintf(`
apiVersion: v1
kind: %s
metadata:
  name: %s
  namespace: %s
  labels: {%s}
  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: owner, uid: %s, blockOwnerDeletion: true}]
`, kind, name, namespace, labels, uid))
	})
}

// outlives deletes the owner of an object that `guard owners` keeps then. The garbage collector is refused, again and again.
func (s *stage) outlives(lock, policy string, object at) {
	s.t.Helper()
	if err := s.admin.patch(object, `{"metadata":{"ownerReferences":null}}`); err == nil || !strings.Contains(err.Error(), policyRefusal) {
		s.t.Errorf("the owner is taken off: %v", err)
	}
	what, where, _ := strings.Cut(string(object), " ")
	namespace, name, _ := strings.Cut(where, "/")
	s.allowed("the owner is deleted", func() error { return s.admin.remove(at("configmaps " + namespace + "/owner")) })
	s.until("the garbage collector is refused "+what, func() bool {
		lines, _ := s.controllerRefusals(0)
		return slices.ContainsFunc(lines, func(line string) bool {
			return isCollection(line) && strings.Contains(line, name) && strings.Contains(line, "(lock "+lock+" of policy "+policy)
		})
	})
	if !s.admin.exists(object) {
		s.t.Errorf("%s is gone with its owner", object)
	}
}

// The lock is on pods and ConfigMaps of `default`. That namespace has no end: the server itself keeps it.
func liveWithPayments(s *stage, manifest []byte) {
	s.apply(manifest)
	jonny := s.account("default", "jonny-op")

	// The lock's actor may have such a Deployment, whoever gave it the right to.
	owner := s.account("default", "jonny-op", cluster.Testers)
	s.refused("lockred", "make a Deployment of locked pods", s.admin.create(deployment("default", "", "aura: red")))
	s.allowed("a Deployment of locked pods is made", func() error { return owner.create(deployment("default", "", "aura: red")) })
	s.until("the Deployment rolls out", s.rolledOut("default", 3))
	pod := at("pods default/" + s.admin.first("pods default", "run=web"))
	s.refused("lockred", "relabel a pod", s.admin.patch(pod, `{"metadata":{"labels":{"aura":"blue"}}}`))
	s.refused("lockred", "annotate a pod", s.admin.patch(pod, `{"metadata":{"annotations":{"a":"b"}}}`))
	s.refused("lockred", "annotate a pod through its status", s.admin.patch(pod+"/status", `{"metadata":{"labels":{"aura":"blue"}}}`))
	s.refused("lockred", "delete a pod", s.admin.remove(pod))
	s.allowed("jonny annotates a pod", func() error { return jonny.patch(pod, `{"metadata":{"annotations":{"here":"was-jonny"}}}`) })
	s.allowed("jonny deletes a pod", func() error { return jonny.remove(pod) })
	s.until("the pod is replaced", s.replaced(pod, "default", 3))
	released := at("pods default/" + s.admin.first("pods default", "run=web"))
	s.allowed("jonny takes a pod out of its ReplicaSet", func() error { return jonny.patch(released, `{"metadata":{"labels":{"run":null}}}`) })
	s.until("the pod is released and replaced", func() bool {
		return len(s.admin.get(released).GetOwnerReferences()) == 0 && s.rolledOut("default", 3)()
	})

	const web = at("deployments.apps default/web")
	s.refused("lockred", "change the Deployment", s.admin.patch(web, newImage))
	s.refused("lockred", "scale it", s.admin.patch(web+"/scale", `{"spec":{"replicas":0}}`))
	s.refused("lockred", "delete it", s.admin.remove(web))
	s.allowed("a new image rolls out", func() error { return owner.patch(web, newImage) })
	s.until("the rollout ends", s.rolledOut("default", 3))
	s.allowed("the Deployment is scaled down", func() error { return owner.patch(web, `{"spec":{"replicas":1}}`) })
	s.until("it is scaled down", s.rolledOut("default", 1))

	s.owned("ConfigMap", "default", "dependent", "aura: red")
	s.refused("lockred", "change a ConfigMap", s.admin.patch("configmaps default/dependent", `{"data":{"k":"v"}}`))
	s.refused("lockred", "delete a ConfigMap", s.admin.remove("configmaps default/dependent"))
	s.allowed("jonny changes it", func() error { return jonny.patch("configmaps default/dependent", `{"data":{"k":"v"}}`) })
	s.outlives("lockred", "payments", "configmaps default/dependent")
	s.allowed("jonny deletes it", func() error { return jonny.remove("configmaps default/dependent") })

	s.allowed("the Deployment is deleted", func() error { return owner.remove(web) })
	s.until("what it owned is collected", s.collected("default"))
	s.allowed("the released pod goes", func() error { return jonny.remove(released) })
	if err := s.admin.remove("namespaces default"); err == nil {
		s.t.Error("the namespace default is deleted")
	}
}

// Nobody deletes the StatefulSet, so its pods end with the namespace, which on-call deletes.
func liveWithDatabase(s *stage, manifest []byte) {
	const labels = "app.kubernetes.io/instance: orders-db"
	s.namespace("orders", "")
	s.apply(manifest)
	gitops := s.account("flux-system", "kustomize-controller")

	for i := range 3 {
		s.allowed("a volume is made", func() error {
			return s.admin.create(fmt.Sprintf(`
apiVersion: v1
kind: PersistentVolume
metadata: {name: orders-%d}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], storageClassName: by-hand, hostPath: {path: /srv/orders-%[1]d}}
`, i))
		})
	}
	s.allowed("gitops makes the database", func() error {
		return gitops.create(`
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: orders-db, namespace: orders, labels: {` + labels + `}}
spec:
  replicas: 2
  serviceName: orders-db
  selector: {matchLabels: {` + labels + `}}
  template:
    metadata: {labels: {` + labels + `, run: db}}
    spec:
      containers: [{name: c, image: "registry.example/image:1"}]
  volumeClaimTemplates:
  - metadata: {name: data, labels: {` + labels + `}}
    spec: {accessModes: [ReadWriteOnce], storageClassName: by-hand, resources: {requests: {storage: 1Gi}}}
`)
	})
	ready := func(replicas int64) func() bool {
		return func() bool {
			object := s.admin.get("statefulsets.apps orders/orders-db")
			status, _ := object.Object["status"].(map[string]any)
			count := s.admin.count("pods orders", "run=db")
			return status["observedGeneration"] == object.GetGeneration() && status["readyReplicas"] == replicas && status["updatedReplicas"] == replicas && count == int(replicas)
		}
	}
	s.until("the StatefulSet has its pods", ready(2))
	s.until("the volumes are bound", func() bool {
		for _, name := range []at{"persistentvolumeclaims orders/data-orders-db-0", "persistentvolumeclaims orders/data-orders-db-1"} {
			status, _ := s.admin.get(name).Object["status"].(map[string]any)
			if status["phase"] != "Bound" {
				return false
			}
		}
		return true
	})

	const set, claim = at("statefulsets.apps orders/orders-db"), at("persistentvolumeclaims orders/data-orders-db-0")
	s.refused("never-deleted", "delete the StatefulSet", s.admin.remove(set))
	s.refused("never-deleted", "gitops deletes it", gitopsWithRights(s).remove(set))
	s.refused("never-deleted", "delete a volume claim", s.admin.remove(claim))
	s.refused("never-deleted", "gitops takes the label off", gitops.patch(claim, `{"metadata":{"labels":{"app.kubernetes.io/instance":null}}}`))
	s.refused("changed-by-merge", "scale by hand", s.admin.patch(set, `{"spec":{"replicas":0}}`))
	s.refused("changed-by-merge", "annotate a claim by hand", s.admin.patch(claim, `{"metadata":{"annotations":{"a":"b"}}}`))

	s.allowed("gitops scales up", func() error { return gitops.patch(set, `{"spec":{"replicas":3}}`) })
	s.until("it is scaled up", ready(3))
	s.allowed("gitops changes the image", func() error { return gitops.patch(set, newImage) })
	s.until("the update rolls out", ready(3))
	s.allowed("a pod is restarted by hand", func() error { return s.admin.remove("pods orders/orders-db-0") })
	s.until("it comes back", ready(3))
	s.allowed("gitops scales down", func() error { return gitops.patch(set, `{"spec":{"replicas":2}}`) })
	s.until("it is scaled down", ready(2))
	if !s.admin.exists("persistentvolumeclaims orders/data-orders-db-2") {
		s.t.Error("the claim of the third pod is gone")
	}

	s.owned("Secret", "orders", "dependent", labels)
	s.refused("never-deleted", "delete a Secret", s.admin.remove("secrets orders/dependent"))
	s.outlives("never-deleted", "database", "secrets orders/dependent")

	s.refused("never-deleted", "delete the namespace", s.admin.remove("namespaces orders"))
	s.removeNamespaceAs(s.user("carol", "on-call", cluster.Testers), "orders")
	for i := range 3 {
		s.allowed("a volume goes", func() error { return s.admin.remove(at(fmt.Sprintf("persistentvolumes orders-%d", i))) })
	}
}

func gitopsWithRights(s *stage) *actor {
	return s.account("flux-system", "kustomize-controller", cluster.Testers)
}

// Everything in `shop` is frozen, and only a captain creates, changes and deletes. The namespace is made under the freeze.
func liveWithFreeze(s *stage, manifest []byte) {
	s.apply(manifest)
	s.namespace("shop", "")
	captain := s.user("carol", "release-captains", cluster.Testers)
	s.until("the namespace has the certificates", func() bool { return s.admin.exists("configmaps shop/kube-root-ca.crt") })

	web := deployment("shop", "", "")
	s.refused("frozen", "make a Deployment", s.admin.create(web))
	s.allowed("a captain makes it", func() error { return captain.create(web) })
	s.allowed("a captain makes a Service, a quota and a budget", func() error {
		return captain.create(`
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {run: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota, namespace: shop}
spec: {hard: {pods: "20"}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {maxUnavailable: 1, selector: {matchLabels: {run: web}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: shop}
spec:
  ttlSecondsAfterFinished: 1
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {run: agent}}
  template: {metadata: {labels: {run: agent}}, spec: {containers: [{name: c, image: i}]}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: often, namespace: shop}
spec: {schedule: "* * * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}
`)
	})
	s.until("the Deployment rolls out", s.rolledOut("shop", 3))
	s.until("the endpoints follow", func() bool {
		return s.admin.count("endpointslices.discovery.k8s.io shop", "kubernetes.io/service-name=web") == 1
	})
	s.until("the quota is counted", func() bool {
		status, _ := s.admin.get("resourcequotas shop/quota").Object["status"].(map[string]any)
		return status["used"] != nil
	})
	s.until("the budget is counted", func() bool {
		status, _ := s.admin.get("poddisruptionbudgets.policy shop/web").Object["status"].(map[string]any)
		return status["expectedPods"] == int64(3)
	})
	s.until("the Job ends and is taken away", func() bool { return !s.admin.exists("jobs.batch shop/once") })

	pod := at("pods shop/" + s.admin.first("pods shop", "run=web"))
	s.refused("frozen", "delete a pod", s.admin.remove(pod))
	s.refused("frozen", "change the Deployment", s.admin.patch("deployments.apps shop/web", newImage))
	s.refused("frozen", "delete the Service", s.admin.remove("services shop/web"))
	s.refused("frozen", "make a ConfigMap", s.admin.create("{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: shop}}"))
	pipeline := s.account("cicd", "deployer", cluster.Testers)
	s.refused("frozen", "deploy by a pipeline", pipeline.patch("deployments.apps shop/web", newImage))

	s.allowed("a captain deletes a pod", func() error { return captain.remove(pod) })
	s.until("the pod is replaced", s.replaced(pod, "shop", 3))
	s.allowed("a captain rolls out", func() error { return captain.patch("deployments.apps shop/web", newImage) })
	s.until("the rollout ends", s.rolledOut("shop", 3))
	s.allowed("a captain scales down", func() error { return captain.patch("deployments.apps shop/web", `{"spec":{"replicas":1}}`) })
	s.until("it is scaled down", s.rolledOut("shop", 1))
	s.allowed("a captain deletes the Deployment", func() error { return captain.remove("deployments.apps shop/web") })
	s.until("what it owned is collected", s.collected("shop"))

	s.allowed("a captain makes it again", func() error { return captain.create(web) })
	s.until("the Deployment rolls out again", s.rolledOut("shop", 3))
	s.refused("frozen", "delete the namespace", s.admin.remove("namespaces shop"))
	s.removeNamespaceAs(captain, "shop")
}

// The locked kinds are custom resources: nothing rolls out, but there are owners, finalizers and a namespace to delete.
func liveWithOperator(s *stage, manifest []byte) {
	for _, kind := range []string{"Database", "DatabaseShard"} {
		gvk := schema.GroupVersionKind{Group: "db.example.com", Version: "v1", Kind: kind}
		text, err := yaml.Marshal(complete.Definition(gvk, strings.ToLower(kind)+"s", true, "status"))
		if err != nil {
			s.t.Fatal(err)
		}
		if err := s.admin.create(string(text)); err != nil {
			s.t.Fatal(err)
		}
		s.until("the custom resource is served", func() bool {
			client, _, _ := s.admin.find(at(strings.ToLower(kind) + "s.db.example.com team-a"))
			_, err := client.List(context.Background(), listOptions)
			return err == nil
		})
	}
	s.namespace("db-system", "")
	s.namespace("team-a", "")
	s.apply(manifest)
	// Its rights are those of the grants.
	operator := s.account("db-system", "database-operator")

	database := func(name, finalizers string) string {
		return fmt.Sprintf("{apiVersion: db.example.com/v1, kind: Database, metadata: {name: %s, namespace: team-a, finalizers: [%s]}, spec: {replicas: 2}}", name, finalizers)
	}
	shard := func(of string) string {
		uid := s.admin.get(at("databases.db.example.com team-a/" + of)).GetUID()
		return fmt.Sprintf(`
apiVersion: db.example.com/v1
kind: DatabaseShard
metadata:
  name: %s-0
  namespace: team-a
  ownerReferences: [{apiVersion: db.example.com/v1, kind: Database, name: %[1]s, uid: %[2]s, blockOwnerDeletion: true, controller: true}]
spec: {primary: true}
`, of, uid)
	}
	const orders, part = at("databases.db.example.com team-a/orders"), at("databaseshards.db.example.com team-a/orders-0")
	s.allowed("a Database is made", func() error { return s.admin.create(database("orders", "db.example.com/release-volumes")) })
	s.refused("shards-are-the-operators", "make a shard", s.admin.create(shard("orders")))
	s.allowed("the operator makes a shard", func() error { return operator.create(shard("orders")) })
	s.allowed("the operator writes a status", func() error {
		return s.account("db-system", "database-operator", cluster.Testers).patch(orders, `{"spec":{"seen":true}}`)
	})
	s.refused("shards-are-the-operators", "change a shard", s.admin.patch(part, `{"spec":{"primary":false}}`))
	s.refused("shards-are-the-operators", "delete a shard", s.admin.remove(part))
	s.refused("finalizers", "force the finalizer off", s.admin.patch(orders, `{"metadata":{"finalizers":null}}`))
	s.refused("databases-need-consent", "delete the Database", s.admin.remove(orders))
	s.allowed("the Database is edited", func() error { return s.admin.patch(orders, `{"spec":{"replicas":3}}`) })
	s.allowed("the operator edits its shard", func() error { return operator.patch(part, `{"spec":{"primary":false}}`) })

	s.allowed("consent is given", func() error {
		return s.admin.patch(orders, `{"metadata":{"annotations":{"db.example.com/allow-deletion":"yes"}}}`)
	})
	s.allowed("the Database is deleted", func() error { return s.admin.remove(orders) })
	s.until("the Database waits for its operator", func() bool { return s.admin.get(orders).GetDeletionTimestamp() != nil })
	s.allowed("the operator lets it go", func() error { return operator.patch(orders, `{"metadata":{"finalizers":null}}`) })
	s.until("the shard is collected", func() bool { return !s.admin.exists(part) && !s.admin.exists(orders) })

	s.allowed("another Database is made", func() error { return s.admin.create(database("mail", "")) })
	s.allowed("the operator makes its shard", func() error { return operator.create(shard("mail")) })
	s.removeNamespace("team-a")
	s.removeNamespace("db-system")
	const databases, shards = at("customresourcedefinitions.apiextensions.k8s.io databases.db.example.com"), at("customresourcedefinitions.apiextensions.k8s.io databaseshards.db.example.com")
	s.refused("databases-need-consent", "delete the definition", s.admin.remove(databases))
	s.refused("shards-are-the-operators", "delete the definition of shards", s.admin.remove(shards))
	s.refused("shards-are-the-operators", "take the version off", s.admin.patch(shards, `{"spec":{"names":{"shortNames":["mine"]}}}`))
	for _, definition := range []at{databases, shards} {
		s.allowed("the definition goes", func() error { return s.account("db-system", "database-operator", cluster.Testers).remove(definition) })
	}
}

// A protected pod is not deleted by anybody, its ReplicaSet included: that is what the example says of everything that
// carries the label, so the label belongs on owners and not on the pods that they replace.
func liveWithDeleteProtection(s *stage, manifest []byte) {
	s.namespace("team-a", "protected-against-deletion: 'yes'")
	s.apply(manifest)
	oncall := s.user("carol", "platform-oncall", cluster.Testers)

	s.allowed("a Deployment is made", func() error { return s.admin.create(deployment("default", "", "")) })
	s.until("the Deployment rolls out", s.rolledOut("default", 3))
	pod := at("pods default/" + s.admin.first("pods default", "run=web"))
	s.refused("pods-need-consent", "delete a pod", s.admin.remove(pod))
	s.allowed("a pod is labelled", func() error { return s.admin.patch(pod, `{"metadata":{"labels":{"allowed-for-deletion":""}}}`) })
	s.allowed("the pod is deleted", func() error { return s.admin.remove(pod) })
	s.until("the pod is replaced", s.replaced(pod, "default", 3))
	s.allowed("a new image rolls out", func() error { return s.admin.patch("deployments.apps default/web", newImage) })
	s.until("the rollout ends", s.rolledOut("default", 3))
	s.allowed("the Deployment is scaled down", func() error { return s.admin.patch("deployments.apps default/web", `{"spec":{"replicas":1}}`) })
	s.until("it is scaled down", s.rolledOut("default", 1))
	s.allowed("the Deployment is deleted", func() error { return s.admin.remove("deployments.apps default/web") })
	s.until("what it owned is collected", s.collected("default"))

	s.allowed("a Node is made", func() error { return s.admin.create("{apiVersion: v1, kind: Node, metadata: {name: n2}}") })
	s.refused("nodes-need-consent", "delete a Node", s.admin.remove("nodes n2"))
	s.allowed("the Node is labelled", func() error { return s.admin.patch("nodes n2", `{"metadata":{"labels":{"allowed-for-deletion":""}}}`) })
	s.allowed("the Node is deleted", func() error { return s.admin.remove("nodes n2") })

	const protected = "protected-against-deletion: 'yes'"
	s.allowed("a protected Deployment is made", func() error { return s.admin.create(deployment("team-a", protected, "")) })
	s.until("the Deployment rolls out", s.rolledOut("team-a", 3))
	s.refused("protected", "delete the Deployment", s.admin.remove("deployments.apps team-a/web"))
	s.refused("protected", "take the label off", s.admin.patch("deployments.apps team-a/web", `{"metadata":{"labels":{"protected-against-deletion":null}}}`))
	s.allowed("a new image rolls out", func() error { return s.admin.patch("deployments.apps team-a/web", newImage) })
	s.until("the rollout ends", s.rolledOut("team-a", 3))
	s.allowed("the Deployment is scaled down", func() error { return s.admin.patch("deployments.apps team-a/web", `{"spec":{"replicas":1}}`) })
	s.until("it is scaled down", s.rolledOut("team-a", 1))

	s.allowed("on-call deletes it", func() error { return oncall.remove("deployments.apps team-a/web") })
	s.until("what it owned is collected", s.collected("team-a"))

	if s.shared {
		// The garbage collector passes, and here every controller has its name.
		s.allowed("on-call deletes the namespace", func() error { return oncall.remove("namespaces team-a") })
		s.until("the namespace is gone", func() bool { return !s.admin.exists("namespaces team-a") })
		return
	}
	s.allowed("a Deployment of protected pods is made", func() error { return s.admin.create(deployment("team-a", "", protected)) })
	s.until("the Deployment rolls out", s.rolledOut("team-a", 3))
	s.allowed("it is told to scale down", func() error { return s.admin.patch("deployments.apps team-a/web", `{"spec":{"replicas":0}}`) })
	s.until("its controller is refused", func() bool {
		log, err := s.c.Log("kube-controller-manager")
		return err == nil && strings.Contains(string(log), "(lock protected of policy delete-protection")
	})
	if pods := s.admin.count("pods team-a", "run=web"); pods != 3 {
		s.t.Errorf("%d of 3 protected pods are left", pods)
	}

	s.refused("protected-cluster", "delete the namespace", s.admin.remove("namespaces team-a"))
	s.refused("protected-cluster", "take its label off", s.admin.patch("namespaces team-a", `{"metadata":{"labels":{"protected-against-deletion":null}}}`))
	s.allowed("on-call deletes the namespace", func() error { return oncall.remove("namespaces team-a") })
	s.until("the namespace is gone, with everything that was protected in it", func() bool { return !s.admin.exists("namespaces team-a") })
}
