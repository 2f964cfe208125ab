package e2e

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/live"
	"klock.dev/e2e/stage"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// lives are the stories of the examples and of testdata/workloads.klock: what the controllers do to locked objects from their
// making to their end, while an administrator of the cluster is refused what the policy says.
var lives = map[string]func(s *stage.Stage, manifest []byte){
	"blog":              liveWithBlog,
	"nodes":             liveWithNodes,
	"payments":          liveWithPayments,
	"database":          liveWithDatabase,
	"freeze":            liveWithFreeze,
	"operator":          liveWithOperator,
	"flux":              liveWithFlux,
	"argocd":            liveWithArgoCD,
	"teams":             liveWithTeams,
	"tenants":           liveWithTenants,
	"self-service":      liveWithSelfService,
	"external-secrets":  liveWithExternalSecrets,
	"delete-protection": liveWithDeleteProtection,
	"workloads":         liveWithWorkloads,

	"webhooks":           liveWithWebhooks,
	"webhook-governance": liveWithWebhookGovernance,

	"forbidden-namespace":    liveWithForbiddenNamespace,
	"kept-out":               liveWithKeptOut,
	"replicas":               liveWithReplicas,
	"test-namespaces":        liveWithTestNamespaces,
	"scoped-webhook":         liveWithScopedWebhook,
	"consenting-webhooks":    liveWithConsentingWebhooks,
	"shards":                 liveWithShards,
	"conditional-annotation": liveWithConditionalAnnotation,
	"flux-tenant":            liveWithFluxTenant,
	"asserted":               liveWithAsserted,
}

// sharedMinor runs its controllers as system:kube-controller-manager, the others as their own accounts.
const sharedMinor = "1.33"

// TestExampleLifecycle runs controllers under every example. A controller that a policy refuses is an error, even where
// its objects reach their goal all the same.
func TestExampleLifecycle(t *testing.T) {
	t.Parallel()
	files := cases.Examples(t)
	files["workloads"] = filepath.Join(cluster.Root(), "tests", "e2e", "testdata", "workloads.klock")
	manifests := map[string][]byte{}
	for name, file := range files {
		if lives[name] == nil {
			t.Fatalf("nobody lives under %s", name)
		}
		manifests[name] = cases.MustCompile(t, file)
	}
	for _, minor := range cluster.MinorsForTest(t) {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			shared := minor == sharedMinor
			c := cluster.ForTest(t, cluster.Options{Minor: minor, ControllerManager: true, SharedCredentials: shared})
			outer := stage.New(t, c)
			outer.Shared = shared
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			outer.StartKubelet(ctx)
			nodes := outer.StartNodes(ctx)
			outer.Namespace("default", "")
			// Manifests come and go.
			var all []*live.File
			for _, manifest := range manifests {
				all = append(all, &live.File{Manifest: manifest})
			}
			if err := outer.Judge.Admit(ctx, all); err != nil {
				t.Fatal(err)
			}
			outer.Clear(nil)
			log := 0
			for _, name := range slices.Sorted(maps.Keys(manifests)) {
				t.Run(name, func(t *testing.T) {
					manifest := manifests[name]
					s := outer.In(t)
					defer s.Clear(manifest)
					lives[name](s, manifest)
					s.Remove(manifest)
					for _, line := range nodes.TakeRefusals() {
						t.Errorf("a node is refused: %s", line)
					}
					var lines []string
					lines, log = s.ControllerRefusals(log)
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

// collected says whether what the Deployment owned is gone.
func collected(s *stage.Stage, namespace string) func() bool {
	return func() bool {
		return s.Admin.Count(stage.At("pods "+namespace), "run=web") == 0 && s.Admin.Count(stage.At("replicasets.apps "+namespace), "run=web") == 0
	}
}

// outlives deletes the owner of an object that `guard owners` keeps then. The garbage collector is refused, again and again.
func outlives(s *stage.Stage, lock, policy string, object stage.At) {
	s.T.Helper()
	if err := s.Admin.Patch(object, `{"metadata":{"ownerReferences":null}}`); err == nil || !strings.Contains(err.Error(), stage.PolicyRefusal) {
		s.T.Errorf("the owner is taken off: %v", err)
	}
	what, where, _ := strings.Cut(string(object), " ")
	namespace, name, _ := strings.Cut(where, "/")
	s.Allowed("the owner is deleted", func() error { return s.Admin.Remove(stage.At("configmaps " + namespace + "/owner")) })
	s.Until("the garbage collector is refused "+what, func() bool {
		lines, _ := s.ControllerRefusals(0)
		return slices.ContainsFunc(lines, func(line string) bool {
			return isCollection(line) && strings.Contains(line, name) && strings.Contains(line, "(lock "+lock+" of policy "+policy)
		})
	})
	if !s.Admin.Exists(object) {
		s.T.Errorf("%s is gone with its owner", object)
	}
}

// The lock is on pods and ConfigMaps of `default`. That namespace has no end: the server itself keeps it.
func liveWithPayments(s *stage.Stage, manifest []byte) {
	s.Apply(manifest)
	jonny := s.Account("default", "jonny-op")

	// The lock's actor may have such a Deployment, whoever gave it the right to.
	owner := s.Account("default", "jonny-op", cluster.Testers)
	s.Refused("lockred", "make a Deployment of locked pods", s.Admin.Create(stage.Deployment("default", "", "aura: red")))
	s.Allowed("a Deployment of locked pods is made", func() error { return owner.Create(stage.Deployment("default", "", "aura: red")) })
	s.Until("the Deployment rolls out", s.RolledOut("default", 3))
	pod := stage.At("pods default/" + s.Admin.First("pods default", "run=web"))
	s.Refused("lockred", "relabel a pod", s.Admin.Patch(pod, `{"metadata":{"labels":{"aura":"blue"}}}`))
	s.Refused("lockred", "annotate a pod", s.Admin.Patch(pod, `{"metadata":{"annotations":{"a":"b"}}}`))
	s.Refused("lockred", "annotate a pod through its status", s.Admin.Patch(pod+"/status", `{"metadata":{"labels":{"aura":"blue"}}}`))
	s.Refused("lockred", "delete a pod", s.Admin.Remove(pod))
	s.Allowed("jonny annotates a pod", func() error { return jonny.Patch(pod, `{"metadata":{"annotations":{"here":"was-jonny"}}}`) })
	s.Allowed("jonny deletes a pod", func() error { return jonny.Remove(pod) })
	s.Until("the pod is replaced", s.Replaced(pod, "default", 3))
	released := stage.At("pods default/" + s.Admin.First("pods default", "run=web"))
	s.Allowed("jonny takes a pod out of its ReplicaSet", func() error { return jonny.Patch(released, `{"metadata":{"labels":{"run":null}}}`) })
	s.Until("the pod is released and replaced", func() bool {
		return len(s.Admin.Get(released).GetOwnerReferences()) == 0 && s.RolledOut("default", 3)()
	})

	const web = stage.At("deployments.apps default/web")
	s.Refused("lockred", "change the Deployment", s.Admin.Patch(web, stage.NewImage))
	s.Refused("lockred", "scale it", s.Admin.Patch(web+"/scale", `{"spec":{"replicas":0}}`))
	s.Refused("lockred", "delete it", s.Admin.Remove(web))
	s.Allowed("a new image rolls out", func() error { return owner.Patch(web, stage.NewImage) })
	s.Until("the rollout ends", s.RolledOut("default", 3))
	s.Allowed("the Deployment is scaled down", func() error { return owner.Patch(web, `{"spec":{"replicas":1}}`) })
	s.Until("it is scaled down", s.RolledOut("default", 1))

	s.Owned("ConfigMap", "default", "dependent", "aura: red")
	s.Refused("lockred", "change a ConfigMap", s.Admin.Patch("configmaps default/dependent", `{"data":{"k":"v"}}`))
	s.Refused("lockred", "delete a ConfigMap", s.Admin.Remove("configmaps default/dependent"))
	s.Allowed("jonny changes it", func() error { return jonny.Patch("configmaps default/dependent", `{"data":{"k":"v"}}`) })
	outlives(s, "lockred", "payments", "configmaps default/dependent")
	s.Allowed("jonny deletes it", func() error { return jonny.Remove("configmaps default/dependent") })

	s.Allowed("the Deployment is deleted", func() error { return owner.Remove(web) })
	s.Until("what it owned is collected", collected(s, "default"))
	s.Allowed("the released pod goes", func() error { return jonny.Remove(released) })
	if err := s.Admin.Remove("namespaces default"); err == nil {
		s.T.Error("the namespace default is deleted")
	}
}

// Nobody deletes the StatefulSet, so its pods end with the namespace, which on-call deletes.
// liveWithBlog has a Deployment whose pods are locked: its owner deploys it as ever, since against accidents the workload is its
// own.
// The servers of these webhooks are not there, as on the day on which all of it is applied.
func liveWithWebhooks(s *stage.Stage, manifest []byte) {
	s.Namespace("shop", "")
	s.Namespace("web", "")
	s.Namespace("hooks", "")
	s.Apply(manifest)
	s.Allowed("a Deployment is made", func() error { return s.Admin.Create(stage.Deployment("shop", "", "")) })
	s.Until("the Deployment rolls out", s.RolledOut("shop", 3))
	s.Allowed("the Deployment is deleted", func() error { return s.Admin.Remove("deployments.apps shop/web") })
}

func liveWithWebhookGovernance(s *stage.Stage, manifest []byte) {
	const hook = `{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: a-chart},
  webhooks: [{name: a.hooks.example.com, admissionReviewVersions: [v1], sideEffects: None, failurePolicy: Ignore, timeoutSeconds: 1,
  clientConfig: {url: "https://127.0.0.1:1/"}, namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}]},
  rules: [{apiGroups: [GROUP], apiVersions: ["*"], operations: [CREATE], resources: [RESOURCE]}]}]}`
	of := func(group, resource string) string {
		return strings.NewReplacer("GROUP", group, "RESOURCE", resource).Replace(hook)
	}
	const chart = stage.At("validatingwebhookconfigurations.admissionregistration.k8s.io a-chart")
	s.Apply(manifest)
	s.Refused("bounded", "register a webhook for everything", s.Admin.Create(of(`"*"`, `"*"`)))
	s.Refused("secrets", "register a webhook for Secrets", s.Admin.Create(of(`""`, `secrets`)))
	s.Allowed("a webhook for one kind is registered", func() error { return s.Admin.Create(of("example.com", "widgets")) })
	s.Allowed("it is taken away", func() error { return s.Admin.Remove(chart) })
}

func liveWithBlog(s *stage.Stage, manifest []byte) {
	s.Apply(manifest)
	jonny := s.Account("default", "jonny-op", cluster.Testers)
	const web = stage.At("deployments.apps default/web")
	s.Allowed("a Deployment of locked pods is made", func() error { return s.Admin.Create(stage.Deployment("default", "", "aura: red")) })
	s.Until("the Deployment rolls out", s.RolledOut("default", 3))
	pod := stage.At("pods default/" + s.Admin.First("pods default", "run=web"))
	s.Refused("red", "relabel a pod", s.Admin.Patch(pod, `{"metadata":{"labels":{"aura":"blue"}}}`))
	s.Refused("red", "delete a pod", s.Admin.Remove(pod))
	s.Allowed("jonny deletes a pod", func() error { return jonny.Remove(pod) })
	s.Until("the pod is replaced", s.Replaced(pod, "default", 3))
	s.Allowed("a new image rolls out", func() error { return s.Admin.Patch(web, stage.NewImage) })
	s.Until("the rollout ends", s.RolledOut("default", 3))
	s.Allowed("the Deployment is scaled down", func() error { return s.Admin.Patch(web, `{"spec":{"replicas":1}}`) })
	s.Until("it is scaled down", s.RolledOut("default", 1))
	s.Allowed("the Deployment is deleted", func() error { return s.Admin.Remove(web) })
	s.Until("what it owned is collected", collected(s, "default"))
}

func liveWithNodes(s *stage.Stage, manifest []byte) {
	s.Apply(manifest)
	autoscaler := s.Account("kube-system", "cluster-autoscaler", cluster.Testers)
	for _, name := range []string{"n3", "n4"} {
		s.Allowed("a Node is made", func() error { return s.Admin.Create("{apiVersion: v1, kind: Node, metadata: {name: " + name + "}}") })
	}
	s.Refused("machines", "delete a Node", s.Admin.Remove("nodes n3"))
	s.Allowed("the Node is cordoned", func() error { return s.Admin.Patch("nodes n3", `{"spec":{"unschedulable":true}}`) })
	s.Allowed("the autoscaler deletes it", func() error { return autoscaler.Remove("nodes n3") })
	s.Allowed("a Node is marked", func() error { return s.Admin.Patch("nodes n4", `{"metadata":{"labels":{"decommissioned":"yes"}}}`) })
	s.Allowed("the Node is deleted", func() error { return s.Admin.Remove("nodes n4") })
}

func liveWithDatabase(s *stage.Stage, manifest []byte) {
	const labels = "app.kubernetes.io/instance: orders-db"
	s.Namespace("orders", "")
	s.Apply(manifest)
	gitops := s.Account("flux-system", "kustomize-controller")

	for i := range 3 {
		s.Allowed("a volume is made", func() error {
			return s.Admin.Create(fmt.Sprintf(`
apiVersion: v1
kind: PersistentVolume
metadata: {name: orders-%d}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], storageClassName: by-hand, hostPath: {path: /srv/orders-%[1]d}}
`, i))
		})
	}
	s.Allowed("gitops makes the database", func() error {
		return gitops.Create(`
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
			object := s.Admin.Get("statefulsets.apps orders/orders-db")
			status, _ := object.Object["status"].(map[string]any)
			count := s.Admin.Count("pods orders", "run=db")
			return status["observedGeneration"] == object.GetGeneration() && status["readyReplicas"] == replicas && status["updatedReplicas"] == replicas && count == int(replicas)
		}
	}
	s.Until("the StatefulSet has its pods", ready(2))
	s.Until("the volumes are bound", func() bool {
		for _, name := range []stage.At{"persistentvolumeclaims orders/data-orders-db-0", "persistentvolumeclaims orders/data-orders-db-1"} {
			status, _ := s.Admin.Get(name).Object["status"].(map[string]any)
			if status["phase"] != "Bound" {
				return false
			}
		}
		return true
	})

	const set, claim = stage.At("statefulsets.apps orders/orders-db"), stage.At("persistentvolumeclaims orders/data-orders-db-0")
	s.Refused("never-deleted", "delete the StatefulSet", s.Admin.Remove(set))
	s.Refused("never-deleted", "gitops deletes it", gitopsWithRights(s).Remove(set))
	s.Refused("never-deleted", "delete a volume claim", s.Admin.Remove(claim))
	s.Refused("never-deleted", "gitops takes the label off", gitops.Patch(claim, `{"metadata":{"labels":{"app.kubernetes.io/instance":null}}}`))
	s.Refused("changed-by-merge", "scale by hand", s.Admin.Patch(set, `{"spec":{"replicas":0}}`))
	s.Refused("changed-by-merge", "annotate a claim by hand", s.Admin.Patch(claim, `{"metadata":{"annotations":{"a":"b"}}}`))

	s.Allowed("gitops scales up", func() error { return gitops.Patch(set, `{"spec":{"replicas":3}}`) })
	s.Until("it is scaled up", ready(3))
	s.Allowed("gitops changes the image", func() error { return gitops.Patch(set, stage.NewImage) })
	s.Until("the update rolls out", ready(3))
	s.Allowed("a pod is restarted by hand", func() error { return s.Admin.Remove("pods orders/orders-db-0") })
	s.Until("it comes back", ready(3))
	s.Allowed("gitops scales down", func() error { return gitops.Patch(set, `{"spec":{"replicas":2}}`) })
	s.Until("it is scaled down", ready(2))
	if !s.Admin.Exists("persistentvolumeclaims orders/data-orders-db-2") {
		s.T.Error("the claim of the third pod is gone")
	}

	s.Owned("Secret", "orders", "dependent", labels)
	s.Refused("never-deleted", "delete a Secret", s.Admin.Remove("secrets orders/dependent"))
	outlives(s, "never-deleted", "database", "secrets orders/dependent")

	s.Refused("never-deleted", "delete the namespace", s.Admin.Remove("namespaces orders"))
	s.RemoveNamespaceAs(s.User("carol", "on-call", cluster.Testers), "orders")
	for i := range 3 {
		s.Allowed("a volume goes", func() error { return s.Admin.Remove(stage.At(fmt.Sprintf("persistentvolumes orders-%d", i))) })
	}
}

func gitopsWithRights(s *stage.Stage) *stage.Actor {
	return s.Account("flux-system", "kustomize-controller", cluster.Testers)
}

// besideWeb is what stands in `shop` beside a Deployment `web`.
const besideWeb = `
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
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: shop}
spec:
  ttlSecondsAfterFinished: 1
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: often, namespace: shop}
spec: {schedule: "* * * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}
`

// awaitBesideWeb waits until controllers have done their part for it.
func awaitBesideWeb(s *stage.Stage) {
	s.T.Helper()
	s.Until("the endpoints follow", func() bool {
		return s.Admin.Count("endpointslices.discovery.k8s.io shop", "kubernetes.io/service-name=web") == 1
	})
	s.Until("the quota is counted", func() bool {
		status, _ := s.Admin.Get("resourcequotas shop/quota").Object["status"].(map[string]any)
		return status["used"] != nil
	})
	s.Until("the Job ends and is taken away", func() bool { return !s.Admin.Exists("jobs.batch shop/once") })
}

// Everything in `shop` is frozen, and only a captain creates, changes and deletes. The namespace is made under the freeze.
func liveWithFreeze(s *stage.Stage, manifest []byte) {
	s.Apply(manifest)
	s.Namespace("shop", "")
	captain := s.User("carol", "release-captains", cluster.Testers)
	s.Until("the namespace has the certificates", func() bool { return s.Admin.Exists("configmaps shop/kube-root-ca.crt") })

	web := stage.Deployment("shop", "", "")
	s.Refused("frozen", "make a Deployment", s.Admin.Create(web))
	s.Allowed("a captain makes it", func() error { return captain.Create(web) })
	s.Allowed("a captain makes a Service, a quota and a budget", func() error {
		return captain.Create(besideWeb + `---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {maxUnavailable: 1, selector: {matchLabels: {run: web}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {run: agent}}
  template: {metadata: {labels: {run: agent}}, spec: {containers: [{name: c, image: i}]}}
`)
	})
	s.Until("the Deployment rolls out", s.RolledOut("shop", 3))
	awaitBesideWeb(s)
	s.Until("the budget is counted", func() bool {
		status, _ := s.Admin.Get("poddisruptionbudgets.policy shop/web").Object["status"].(map[string]any)
		return status["expectedPods"] == int64(3)
	})

	pod := stage.At("pods shop/" + s.Admin.First("pods shop", "run=web"))
	s.Refused("frozen", "delete a pod", s.Admin.Remove(pod))
	s.Refused("frozen", "change the Deployment", s.Admin.Patch("deployments.apps shop/web", stage.NewImage))
	s.Refused("frozen", "delete the Service", s.Admin.Remove("services shop/web"))
	s.Refused("frozen", "make a ConfigMap", s.Admin.Create("{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: shop}}"))
	pipeline := s.Account("cicd", "deployer", cluster.Testers)
	s.Refused("frozen", "deploy by a pipeline", pipeline.Patch("deployments.apps shop/web", stage.NewImage))

	s.Allowed("a captain deletes a pod", func() error { return captain.Remove(pod) })
	s.Until("the pod is replaced", s.Replaced(pod, "shop", 3))
	s.Allowed("a captain rolls out", func() error { return captain.Patch("deployments.apps shop/web", stage.NewImage) })
	s.Until("the rollout ends", s.RolledOut("shop", 3))
	s.Allowed("a captain scales down", func() error { return captain.Patch("deployments.apps shop/web", `{"spec":{"replicas":1}}`) })
	s.Until("it is scaled down", s.RolledOut("shop", 1))
	s.Allowed("a captain deletes the Deployment", func() error { return captain.Remove("deployments.apps shop/web") })
	s.Until("what it owned is collected", collected(s, "shop"))

	s.Allowed("a captain makes it again", func() error { return captain.Create(web) })
	s.Until("the Deployment rolls out again", s.RolledOut("shop", 3))
	s.Refused("frozen", "delete the namespace", s.Admin.Remove("namespaces shop"))
	s.RemoveNamespaceAs(captain, "shop")
}

// The locked kinds are custom resources: nothing rolls out, but there are owners, finalizers and a namespace to delete.
func liveWithOperator(s *stage.Stage, manifest []byte) {
	for _, kind := range []string{"Database", "DatabaseShard"} {
		s.Define(schema.GroupVersionKind{Group: "db.example.com", Version: "v1", Kind: kind}, strings.ToLower(kind)+"s", "status")
	}
	s.Namespace("db-system", "")
	s.Namespace("team-a", "")
	s.Apply(manifest)
	// Its rights are those of the grants.
	operator := s.Account("db-system", "database-operator")

	database := func(name, finalizers string) string {
		return fmt.Sprintf("{apiVersion: db.example.com/v1, kind: Database, metadata: {name: %s, namespace: team-a, finalizers: [%s]}, spec: {replicas: 2}}", name, finalizers)
	}
	shard := func(of string) string {
		uid := s.Admin.Get(stage.At("databases.db.example.com team-a/" + of)).GetUID()
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
	const orders, part = stage.At("databases.db.example.com team-a/orders"), stage.At("databaseshards.db.example.com team-a/orders-0")
	s.Allowed("a Database is made", func() error { return s.Admin.Create(database("orders", "db.example.com/release-volumes")) })
	s.Refused("shards-are-the-operators", "make a shard", s.Admin.Create(shard("orders")))
	s.Allowed("the operator makes a shard", func() error { return operator.Create(shard("orders")) })
	s.Allowed("the operator writes a status", func() error {
		return s.Account("db-system", "database-operator", cluster.Testers).Patch(orders, `{"spec":{"seen":true}}`)
	})
	s.Refused("shards-are-the-operators", "change a shard", s.Admin.Patch(part, `{"spec":{"primary":false}}`))
	s.Refused("shards-are-the-operators", "delete a shard", s.Admin.Remove(part))
	s.Refused("finalizers", "force the finalizer off", s.Admin.Patch(orders, `{"metadata":{"finalizers":null}}`))
	s.Refused("databases-need-consent", "delete the Database", s.Admin.Remove(orders))
	s.Allowed("the Database is edited", func() error { return s.Admin.Patch(orders, `{"spec":{"replicas":3}}`) })
	s.Allowed("the operator edits its shard", func() error { return operator.Patch(part, `{"spec":{"primary":false}}`) })

	s.Allowed("consent is given", func() error {
		return s.Admin.Patch(orders, `{"metadata":{"annotations":{"db.example.com/allow-deletion":"yes"}}}`)
	})
	s.Allowed("the Database is deleted", func() error { return s.Admin.Remove(orders) })
	s.Until("the Database waits for its operator", func() bool { return s.Admin.Get(orders).GetDeletionTimestamp() != nil })
	s.Allowed("the operator lets it go", func() error { return operator.Patch(orders, `{"metadata":{"finalizers":null}}`) })
	s.Until("the shard is collected", func() bool { return !s.Admin.Exists(part) && !s.Admin.Exists(orders) })

	s.Allowed("another Database is made", func() error { return s.Admin.Create(database("mail", "")) })
	s.Allowed("the operator makes its shard", func() error { return operator.Create(shard("mail")) })
	s.RemoveNamespace("team-a")
	s.RemoveNamespace("db-system")
	const databases, shards = stage.At("customresourcedefinitions.apiextensions.k8s.io databases.db.example.com"), stage.At("customresourcedefinitions.apiextensions.k8s.io databaseshards.db.example.com")
	s.Refused("databases-need-consent", "delete the definition", s.Admin.Remove(databases))
	s.Refused("shards-are-the-operators", "delete the definition of shards", s.Admin.Remove(shards))
	s.Allowed("the definition changes with its operator", func() error { return s.Admin.Patch(shards, `{"spec":{"names":{"shortNames":["mine"]}}}`) })
	for _, definition := range []stage.At{databases, shards} {
		s.Allowed("the definition goes", func() error { return s.Account("db-system", "database-operator", cluster.Testers).Remove(definition) })
	}
}

// A protected pod is not deleted by anybody, its ReplicaSet included: that is what the example says of everything that
// carries the label, so the label belongs on owners and not on the pods that they replace.
func liveWithDeleteProtection(s *stage.Stage, manifest []byte) {
	s.Namespace("team-a", "protected-against-deletion: 'yes'")
	s.Apply(manifest)
	oncall := s.User("carol", "platform-oncall", cluster.Testers)

	s.Allowed("a Deployment is made", func() error { return s.Admin.Create(stage.Deployment("default", "", "")) })
	s.Until("the Deployment rolls out", s.RolledOut("default", 3))
	pod := stage.At("pods default/" + s.Admin.First("pods default", "run=web"))
	s.Refused("need-consent", "delete a pod", s.Admin.Remove(pod))
	s.Allowed("a pod is labelled", func() error { return s.Admin.Patch(pod, `{"metadata":{"labels":{"allowed-for-deletion":""}}}`) })
	s.Allowed("the pod is deleted", func() error { return s.Admin.Remove(pod) })
	s.Until("the pod is replaced", s.Replaced(pod, "default", 3))
	s.Allowed("a new image rolls out", func() error { return s.Admin.Patch("deployments.apps default/web", stage.NewImage) })
	s.Until("the rollout ends", s.RolledOut("default", 3))
	s.Allowed("the Deployment is scaled down", func() error { return s.Admin.Patch("deployments.apps default/web", `{"spec":{"replicas":1}}`) })
	s.Until("it is scaled down", s.RolledOut("default", 1))
	s.Allowed("the Deployment is deleted", func() error { return s.Admin.Remove("deployments.apps default/web") })
	s.Until("what it owned is collected", collected(s, "default"))

	s.Allowed("a Node is made", func() error { return s.Admin.Create("{apiVersion: v1, kind: Node, metadata: {name: n2}}") })
	s.Refused("need-consent", "delete a Node", s.Admin.Remove("nodes n2"))
	s.Allowed("the Node is labelled", func() error { return s.Admin.Patch("nodes n2", `{"metadata":{"labels":{"allowed-for-deletion":""}}}`) })
	s.Allowed("the Node is deleted", func() error { return s.Admin.Remove("nodes n2") })

	const protected = "protected-against-deletion: 'yes'"
	s.Allowed("a protected Deployment is made", func() error { return s.Admin.Create(stage.Deployment("team-a", protected, "")) })
	s.Until("the Deployment rolls out", s.RolledOut("team-a", 3))
	s.Refused("protected", "delete the Deployment", s.Admin.Remove("deployments.apps team-a/web"))
	s.Refused("protected", "take the label off", s.Admin.Patch("deployments.apps team-a/web", `{"metadata":{"labels":{"protected-against-deletion":null}}}`))
	s.Allowed("a new image rolls out", func() error { return s.Admin.Patch("deployments.apps team-a/web", stage.NewImage) })
	s.Until("the rollout ends", s.RolledOut("team-a", 3))
	s.Allowed("the Deployment is scaled down", func() error { return s.Admin.Patch("deployments.apps team-a/web", `{"spec":{"replicas":1}}`) })
	s.Until("it is scaled down", s.RolledOut("team-a", 1))

	s.Allowed("on-call deletes it", func() error { return oncall.Remove("deployments.apps team-a/web") })
	s.Until("what it owned is collected", collected(s, "team-a"))

	if s.Shared {
		// The garbage collector passes, and here every controller has its name.
		s.Allowed("on-call deletes the namespace", func() error { return oncall.Remove("namespaces team-a") })
		s.Until("the namespace is gone", func() bool { return !s.Admin.Exists("namespaces team-a") })
		return
	}
	s.Allowed("a Deployment of protected pods is made", func() error { return s.Admin.Create(stage.Deployment("team-a", "", protected)) })
	s.Until("the Deployment rolls out", s.RolledOut("team-a", 3))
	s.Allowed("it is told to scale down", func() error { return s.Admin.Patch("deployments.apps team-a/web", `{"spec":{"replicas":0}}`) })
	s.Until("its controller is refused", func() bool {
		log, err := s.Cluster.Log("kube-controller-manager")
		return err == nil && strings.Contains(string(log), "(lock protected of policy delete-protection")
	})
	if pods := s.Admin.Count("pods team-a", "run=web"); pods != 3 {
		s.T.Errorf("%d of 3 protected pods are left", pods)
	}

	s.Refused("protected", "delete the namespace", s.Admin.Remove("namespaces team-a"))
	s.Refused("protected", "take its label off", s.Admin.Patch("namespaces team-a", `{"metadata":{"labels":{"protected-against-deletion":null}}}`))
	s.Allowed("on-call deletes the namespace", func() error { return oncall.Remove("namespaces team-a") })
	s.Until("the namespace is gone, with everything that was protected in it", func() bool { return !s.Admin.Exists("namespaces team-a") })
}
