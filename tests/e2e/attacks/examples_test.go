package attacks

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/evaluator"
	"klock.dev/e2e/resources"
	"klock.dev/e2e/stage"
)

// A victim is what an example locks: text makes such an object, and free makes a twin of it that the example does not lock.
// NAME stands for its name in both, {{…}} is filled in where the assault needs it to be so.
type victim struct {
	example, lock string
	text, free    string
	// only are the assaults that are made on it, where the lock says nothing of the others.
	only []string
	// mallory is whom the lock is about, where it is not about everybody.
	mallory func(s *stage.Stage) *stage.Actor
}

// An assault is a way that applies to objects of many kinds. Under each example it is made on a victim and on its twin: the
// twin shows that the way leads to its end, and how long it takes.
type assault struct {
	name string
	// on are the resources that it applies to, under the examples; none means all. Under those of but it is none: what it prepares
	// is not locked there.
	on, under, but []string
	// code is what klockc says about a lock that leaves the way open.
	code string
	// since is the oldest minor that has what it takes.
	since string
	// setup is done before there is a policy.
	setup func(v *attacked)
	act   func(v *attacked) error
	done  func(v *attacked) bool
}

// attacked is one object, made for one assault.
type attacked struct {
	*stage.Stage
	mallory         *stage.Actor
	place           stage.At
	resource        string
	namespace, name string
	uid             string
	// pod is one of those that the object owns.
	pod string
}

// lockOfNAME is a ConfigMap that locks NAME where ConfigMaps are locks, noLockOfNAME one that does not.
const (
	lockOfNAME   = "\n---\n" + `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME-lock, namespace: pay, labels: {klock.dev/lock: "true"}}, data: {labels: locked=NAME}}`
	noLockOfNAME = "\n---\n" + `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME-lock, namespace: pay}, data: {labels: locked=NAME}}`
)

// victims are at least one for each lock and kind of the examples.
var victims = []victim{
	{
		example: "payments", lock: "lockred",
		text: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: default, labels: {aura: red}}, data: {gold: "1"}}`,
		free: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: default}, data: {gold: "1"}}`,
	},
	{
		example: "payments", lock: "lockred",
		text: `{apiVersion: v1, kind: Pod, metadata: {name: NAME, namespace: default, labels: {aura: red}}, spec: {containers: [{name: c, image: i}]}}`,
		free: `{apiVersion: v1, kind: Pod, metadata: {name: NAME, namespace: default}, spec: {containers: [{name: c, image: i}]}}`,
	},
	{
		example: "payments", lock: "lockred",
		text: strings.NewReplacer("template: {metadata: {labels: {", "template: {metadata: {labels: {aura: red, ").Replace(fmt.Sprintf(unscheduled, "Deployment", "default", "{}")),
		// What nobody may be given in `default`, no twin there gets.
		free: fmt.Sprintf(unscheduled, "Deployment", "staging", "{}"),
	},
	{
		example: "webhook-governance", lock: "security-hooks",
		text: `{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: NAME, labels: {owner: security}}}`,
		free: `{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: NAME}}`,
	},
	{
		example: "database", lock: "never-deleted",
		text: `{apiVersion: v1, kind: Secret, metadata: {name: NAME, namespace: orders, labels: {app.kubernetes.io/instance: orders-db}}}`,
		free: `{apiVersion: v1, kind: Secret, metadata: {name: NAME, namespace: orders}}`,
	},
	{
		example: "database", lock: "never-deleted",
		text: boundClaim("orders", "{app.kubernetes.io/instance: orders-db}"),
		free: boundClaim("staging", "{}"),
	},
	{
		example: "database", lock: "never-deleted",
		text: fmt.Sprintf(unscheduled, "StatefulSet", "orders", "{app.kubernetes.io/instance: orders-db}"),
		free: fmt.Sprintf(unscheduled, "StatefulSet", "orders", "{}"),
	},
	{
		example: "freeze", lock: "frozen",
		text: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: shop}}`,
		free: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: staging}}`,
	},
	{
		example: "freeze", lock: "frozen",
		text: `{apiVersion: v1, kind: Pod, metadata: {name: NAME, namespace: shop}, spec: {containers: [{name: c, image: i}]}}`,
		free: `{apiVersion: v1, kind: Pod, metadata: {name: NAME, namespace: staging}, spec: {containers: [{name: c, image: i}]}}`,
	},
	{
		example: "freeze", lock: "frozen",
		text: fmt.Sprintf(unscheduled, "Deployment", "shop", "{}"),
		free: fmt.Sprintf(unscheduled, "Deployment", "staging", "{}"),
	},
	{
		example: "blog", lock: "red",
		text: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: default, labels: {aura: red}}, data: {gold: "1"}}`,
		free: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: default}, data: {gold: "1"}}`,
	},
	{
		example: "nodes", lock: "machines",
		text: `{apiVersion: v1, kind: Node, metadata: {name: NAME}}`,
		free: `{apiVersion: v1, kind: Node, metadata: {name: NAME, labels: {decommissioned: "yes"}}}`,
	},
	{
		example: "operator", lock: "shards-are-the-operators",
		text: `{apiVersion: db.example.com/v1, kind: DatabaseShard, metadata: {name: NAME, namespace: team-a}}`,
		free: `{apiVersion: db.example.com/v1, kind: DatabaseShard, metadata: {name: NAME, namespace: kube-public}}`,
	},
	{
		example: "operator", lock: "databases-need-consent",
		text: `{apiVersion: db.example.com/v1, kind: Database, metadata: {name: NAME, namespace: team-a}}`,
		free: `{apiVersion: db.example.com/v1, kind: Database, metadata: {name: NAME, namespace: team-a, annotations: {db.example.com/allow-deletion: "yes"}}}`,
	},
	{
		example: "delete-protection", lock: "need-consent",
		text: `{apiVersion: v1, kind: Pod, metadata: {name: NAME, namespace: default}, spec: {containers: [{name: c, image: i}]}}`,
		free: `{apiVersion: v1, kind: Pod, metadata: {name: NAME, namespace: staging}, spec: {containers: [{name: c, image: i}]}}`,
	},
	{
		example: "delete-protection", lock: "need-consent",
		text: `{apiVersion: v1, kind: Node, metadata: {name: NAME}}`,
		free: `{apiVersion: v1, kind: Node, metadata: {name: NAME, labels: {allowed-for-deletion: "yes"}}}`,
	},
	{
		example: "delete-protection", lock: "protected",
		text: `{apiVersion: v1, kind: Secret, metadata: {name: NAME, namespace: staging, labels: {protected-against-deletion: "yes"}}}`,
		free: `{apiVersion: v1, kind: Secret, metadata: {name: NAME, namespace: staging}}`,
	},
	{
		example: "delete-protection", lock: "protected",
		text: `{apiVersion: v1, kind: Namespace, metadata: {name: NAME, labels: {protected-against-deletion: "yes"}}}`,
		free: `{apiVersion: v1, kind: Namespace, metadata: {name: NAME}}`,
	},
	{
		example: "flux", lock: "from-git",
		text: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: staging, labels: {kustomize.toolkit.fluxcd.io/name: shop}}, data: {gold: "1"}}`,
		free: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: staging}, data: {gold: "1"}}`,
	},
	{
		example: "flux", lock: "from-git",
		text: fmt.Sprintf(unscheduled, "Deployment", "staging", "{helm.toolkit.fluxcd.io/name: web}"),
		free: fmt.Sprintf(unscheduled, "Deployment", "staging", "{}"),
	},
	{
		example: "flux", lock: "from-git",
		text: `{apiVersion: v1, kind: Namespace, metadata: {name: NAME, labels: {kustomize.toolkit.fluxcd.io/name: cluster}}}`,
		free: `{apiVersion: v1, kind: Namespace, metadata: {name: NAME}}`,
	},
	{
		example: "flux", lock: "from-git",
		text: `{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: NAME, namespace: staging, labels: {kustomize.toolkit.fluxcd.io/name: root}}}`,
		free: `{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: NAME, namespace: staging}}`,
	},
	{
		example: "argocd", lock: "from-git",
		text: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: staging, annotations: {argocd.argoproj.io/tracking-id: shop}}, data: {gold: "1"}}`,
		free: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: staging}, data: {gold: "1"}}`,
	},
	{
		example: "argocd", lock: "from-git",
		text: strings.Replace(fmt.Sprintf(unscheduled, "Deployment", "staging", "{}"), "labels: {}", "annotations: {argocd.argoproj.io/tracking-id: shop}", 1),
		free: fmt.Sprintf(unscheduled, "Deployment", "staging", "{}"),
	},
	{
		example: "argocd", lock: "from-git",
		text: `{apiVersion: v1, kind: Namespace, metadata: {name: NAME, annotations: {argocd.argoproj.io/tracking-id: cluster}}}`,
		free: `{apiVersion: v1, kind: Namespace, metadata: {name: NAME}}`,
	},
	{
		example: "argocd", lock: "applications",
		text: `{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: NAME, namespace: argocd}}`,
		free: `{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: NAME, namespace: staging}}`,
	},
	{
		example: "teams", lock: "of-a-team",
		text: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: pay}, data: {gold: "1"}}`,
		free: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: staging}, data: {gold: "1"}}`,
	},
	{
		example: "teams", lock: "of-a-team",
		text: `{apiVersion: v1, kind: Pod, metadata: {name: NAME, namespace: pay}, spec: {containers: [{name: c, image: i}]}}`,
		free: `{apiVersion: v1, kind: Pod, metadata: {name: NAME, namespace: staging}, spec: {containers: [{name: c, image: i}]}}`,
	},
	{
		example: "teams", lock: "of-a-team",
		text: fmt.Sprintf(unscheduled, "Deployment", "pay", "{}"),
		free: fmt.Sprintf(unscheduled, "Deployment", "staging", "{}"),
	},
	{
		example: "teams", lock: "of-a-team",
		text: `{apiVersion: v1, kind: Namespace, metadata: {name: NAME, labels: {team: pay}}}`,
		free: `{apiVersion: v1, kind: Namespace, metadata: {name: NAME}}`,
	},
	{
		example: "tenants", lock: "tenants",
		text: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: payments}, data: {gold: "1"}}`,
		free: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: staging}, data: {gold: "1"}}`,
	},
	{
		example: "tenants", lock: "tenants",
		text: `{apiVersion: v1, kind: Pod, metadata: {name: NAME, namespace: payments}, spec: {containers: [{name: c, image: i}]}}`,
		free: `{apiVersion: v1, kind: Pod, metadata: {name: NAME, namespace: staging}, spec: {containers: [{name: c, image: i}]}}`,
	},
	{
		example: "tenants", lock: "tenants",
		text: fmt.Sprintf(unscheduled, "Deployment", "payments", "{}"),
		free: fmt.Sprintf(unscheduled, "Deployment", "staging", "{}"),
	},
	{
		example: "tenants", lock: "tenants-namespaces",
		text: `{apiVersion: v1, kind: Namespace, metadata: {name: NAME, labels: {klock.dev/tenant: payments, klock.dev/policy: tenants}}}`,
		free: `{apiVersion: v1, kind: Namespace, metadata: {name: NAME}}`,
	},
	{
		example: "tenants", lock: "tenants-argocd",
		text: `{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: NAME, namespace: payments}, spec: {project: payments}}`,
		free: `{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: NAME, namespace: staging}, spec: {project: payments}}`,
	},
	{
		example: "self-service", lock: "team-locks",
		text: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: pay, labels: {locked: NAME}}, data: {gold: "1"}}` + lockOfNAME,
		free: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: pay}, data: {gold: "1"}}` + noLockOfNAME,
	},
	{
		example: "self-service", lock: "team-locks",
		text: `{apiVersion: v1, kind: Secret, metadata: {name: NAME, namespace: pay, labels: {locked: NAME}}}` + lockOfNAME,
		free: `{apiVersion: v1, kind: Secret, metadata: {name: NAME, namespace: pay}}` + noLockOfNAME,
	},
	{
		example: "self-service", lock: "workloads-stay",
		text: fmt.Sprintf(unscheduled, "Deployment", "pay", "{locked: NAME}") + lockOfNAME,
		free: fmt.Sprintf(unscheduled, "Deployment", "pay", "{}") + noLockOfNAME,
	},
	{
		example: "external-secrets", lock: "fetched",
		text: `{apiVersion: v1, kind: Secret, metadata: {name: NAME, namespace: staging, labels: {reconcile.external-secrets.io/managed: "true"}}}`,
		free: `{apiVersion: v1, kind: Secret, metadata: {name: NAME, namespace: staging}}`,
	},
	{
		example: "external-secrets", lock: "sources",
		text: `{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {name: NAME, namespace: staging}}`,
		// In the namespaces of the control plane nothing is locked.
		free: `{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {name: NAME, namespace: kube-public}}`,
	},
	{
		example: "asserted", lock: "quick-start",
		text: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: default, labels: {app: quick-start}}, data: {gold: "1"}}`,
		free: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: default}, data: {gold: "1"}}`,
	},
	{
		example: "kept-out", lock: "not-user1", mallory: user1,
		text: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: ns1}, data: {gold: "1"}}`,
		free: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: staging}, data: {gold: "1"}}`,
	},
	{
		example: "kept-out", lock: "not-user1", mallory: user1,
		text: `{apiVersion: v1, kind: Pod, metadata: {name: NAME, namespace: ns1}, spec: {containers: [{name: c, image: i}]}}`,
		free: `{apiVersion: v1, kind: Pod, metadata: {name: NAME, namespace: staging}, spec: {containers: [{name: c, image: i}]}}`,
	},
	{
		example: "kept-out", lock: "not-user1", mallory: user1,
		text: fmt.Sprintf(unscheduled, "Deployment", "ns1", "{}"),
		free: fmt.Sprintf(unscheduled, "Deployment", "staging", "{}"),
	},
	{
		example: "replicas", lock: "at-most-five", only: []string{"scaled-up", "replicas"},
		text: fmt.Sprintf(unscheduled, "Deployment", "staging", "{}"),
		// In the namespaces of the control plane nothing is required.
		free: fmt.Sprintf(unscheduled, "Deployment", "kube-public", "{}"),
	},
	{
		example: "test-namespaces", lock: "at-most-five", only: []string{"scaled-up", "replicas"},
		text: fmt.Sprintf(unscheduled, "Deployment", "test", "{}"),
		free: fmt.Sprintf(unscheduled, "Deployment", "staging", "{}"),
	},
	{
		example: "test-namespaces", lock: "at-most-five",
		text: `{apiVersion: v1, kind: Namespace, metadata: {name: NAME, labels: {environment: test}}}`,
		free: `{apiVersion: v1, kind: Namespace, metadata: {name: NAME}}`,
	},
	{
		example: "scoped-webhook", lock: "stays-under-it",
		text: `{apiVersion: v1, kind: Namespace, metadata: {name: NAME, labels: {webhook-example: enabled}}}`,
		free: `{apiVersion: v1, kind: Namespace, metadata: {name: NAME}}`,
	},
	{
		example: "shards", lock: "of-its-shard",
		mallory: func(s *stage.Stage) *stage.Actor {
			return s.Bound("operators", "operator-demo", "operator-demo-0", "system:masters")
		},
		text: `{apiVersion: example.com/v1, kind: Demo, metadata: {name: NAME, namespace: demo, labels: {shard: "1"}}}`,
		free: `{apiVersion: example.com/v1, kind: Demo, metadata: {name: NAME, namespace: demo, labels: {shard: "0"}}}`,
	},
	{
		example: "conditional-annotation", lock: "not-managed", only: []string{"annotation"},
		text: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: staging, annotations: {config.kubernetes.io/local-config: "true", configmanagement.gke.io/managed: disabled}}}`,
		free: `{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME, namespace: staging, annotations: {configmanagement.gke.io/managed: disabled}}}`,
	},
}

func user1(s *stage.Stage) *stage.Actor { return s.User("user1", "system:masters") }

const unscheduled = `
apiVersion: apps/v1
kind: %s
metadata: {name: NAME, namespace: %s, labels: %s}
spec:
  replicas: 0
  selector: {matchLabels: {run: NAME}}
  template: {metadata: {labels: {run: NAME}}, spec: {containers: [{name: c, image: i}]}}
`

// boundClaim is a claim with its volume, which goes with it.
func boundClaim(namespace, labels string) string {
	return strings.NewReplacer("SPACE", namespace, "LABELS", labels).Replace(`
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME, namespace: SPACE, labels: LABELS}
spec: {storageClassName: "", volumeName: NAME, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: NAME}
spec:
  storageClassName: ""
  accessModes: [ReadWriteOnce]
  capacity: {storage: 1Gi}
  persistentVolumeReclaimPolicy: Delete
  hostPath: {path: /tmp/klock-e2e-NAME}
  claimRef: {namespace: SPACE, name: NAME}
`)
}

// TestExamplesAttacked goes under every example every way that applies to what it locks. The example holds, or klockc says
// about the lock that it does not, where nobody has accepted that.
func TestExamplesAttacked(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	for _, minor := range cluster.MinorsForTest(t) {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			s := stage.New(t, cluster.ForTest(t, cluster.Options{
				Minor: minor, ControllerManager: true,
				ControllerManagerFlags: []string{"--pvclaimbinder-sync-period=1s", "--horizontal-pod-autoscaler-sync-period=1s"},
			}))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			startMachine(t).join(s, "n1")
			s.StartNodes(ctx)
			for _, name := range []string{"default", "orders", "shop", "staging", "team-a", "argocd", "ns1", "demo"} {
				s.Namespace(name, "")
			}
			s.Namespace("pay", "team: pay")
			s.Namespace("test", "environment: test")
			s.Namespace("payments", "")
			define(s)
			for _, example := range exampleNames(t) {
				t.Run(example, func(t *testing.T) { attack(s.In(t), example) })
			}
		})
	}
}

// unharmed are examples with nothing that an assault could be made on.
var unharmed = map[string]string{
	"webhooks":            "locks one annotation, which W08 and W09 are about",
	"consenting-webhooks": "locks one annotation",
	"forbidden-namespace": "is about what is not there yet",
	"flux-tenant":         "has the locks of tenants",
}

func exampleNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for name := range cases.Examples(t) {
		if !slices.ContainsFunc(victims, func(v victim) bool { return v.example == name }) {
			if unharmed[name] == "" {
				t.Errorf("nobody attacks %s", name)
			}
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// define makes the custom resources of the examples.
func define(s *stage.Stage) {
	s.T.Helper()
	for _, kind := range []string{"Database", "DatabaseShard"} {
		s.Define(schema.GroupVersionKind{Group: "db.example.com", Version: "v1", Kind: kind}, strings.ToLower(kind)+"s", "status")
	}
	s.Define(schema.GroupVersionKind{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Kind: "Kustomization"}, "kustomizations", "status")
	s.Define(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Application"}, "applications")
	s.Define(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "AppProject"}, "appprojects")
	s.Define(schema.GroupVersionKind{Group: "external-secrets.io", Version: "v1", Kind: "ExternalSecret"}, "externalsecrets", "status")
	s.Define(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Demo"}, "demos", "status")
}

// pair is one assault on one victim.
type pair struct {
	assault      assault
	victim       victim
	locked, twin *attacked
	name         string
}

func attack(s *stage.Stage, example string) {
	s.T.Helper()
	file := cases.Examples(s.T)[example]
	pairs := pairsOf(s, example)
	for _, p := range pairs {
		for _, a := range []*attacked{p.locked, p.twin} {
			if p.assault.setup != nil {
				p.assault.setup(a)
			}
		}
	}
	manifest := cases.MustCompile(s.T, file)
	s.Apply(manifest)
	defer func() {
		s.Remove(manifest)
		for _, p := range pairs {
			for _, a := range []*attacked{p.locked, p.twin} {
				a.Admin.Remove(a.place)
				a.Admin.Remove(stage.At("pods " + a.namespace + "/mine-" + a.name))
				a.Admin.Remove(stage.At("horizontalpodautoscalers.autoscaling " + a.namespace + "/" + a.name))
			}
		}
	}()
	for _, p := range pairs {
		s.Allowed(p.name+": the way is open to others", func() error { return p.assault.act(p.twin) })
		if err := persist(func() error { return p.assault.act(p.locked) }); err != nil && !isPolicyRefusal(err) {
			s.T.Errorf("%s: not a lock refuses: %v", p.name, err)
		}
	}
	for _, p := range pairs {
		s.Until(p.name+": the way leads to its end where nothing is locked", func() bool { return p.assault.done(p.twin) })
	}
	// Whoever did that has had its time for what is locked as well.
	time.Sleep(2 * time.Second)
	said := warnings(s.T, file)
	for _, p := range pairs {
		if !p.assault.done(p.locked) {
			continue
		}
		if !said[p.victim.lock+" "+p.assault.code] {
			s.T.Errorf("%s: the lock %s does not hold, and klockc does not say so with %s", p.name, p.victim.lock, p.assault.code)
		}
	}
}

// persist asks again while somebody else writes.
func persist(request func() error) error {
	err := request()
	for i := 0; i < 50 && apierrors.IsConflict(err); i++ {
		time.Sleep(100 * time.Millisecond)
		err = request()
	}
	return err
}

// pairsOf makes the objects of every assault that applies.
func pairsOf(s *stage.Stage, example string) []*pair {
	s.T.Helper()
	var pairs []*pair
	for i, v := range victims {
		if v.example != example {
			continue
		}
		for _, a := range assaults {
			resource := resourceOf(s.T, v.text)
			applies := (len(a.on) == 0 || slices.Contains(a.on, resource)) && (len(a.under) == 0 || slices.Contains(a.under, example))
			applies = applies && (len(v.only) == 0 || slices.Contains(v.only, a.name))
			if !applies || slices.Contains(a.but, example) || !cluster.AtLeast(s.Cluster.Minor, a.since) {
				continue
			}
			p := &pair{assault: a, victim: v, name: fmt.Sprintf("%s of %s under %s", a.name, resource, v.lock)}
			p.locked = makeAttacked(s, &v, v.text, fmt.Sprintf("v%d-%s", i, a.name))
			p.twin = makeAttacked(s, &v, v.free, fmt.Sprintf("v%d-%s-free", i, a.name))
			pairs = append(pairs, p)
		}
	}
	return pairs
}

func firstObject(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	objects, err := evaluator.Objects([]byte(text))
	if err != nil || len(objects) == 0 {
		t.Fatalf("%v: %s", err, text)
	}
	return objects[0]
}

func resourceOf(t *testing.T, text string) string {
	t.Helper()
	kind := firstObject(t, text).GroupVersionKind()
	plural := resources.Of(kind.GroupKind())
	if kind.Group != "" {
		plural += "." + kind.Group
	}
	return plural
}

func makeAttacked(s *stage.Stage, v *victim, text, name string) *attacked {
	s.T.Helper()
	mallory := s.User("mallory", "system:masters")
	if v.mallory != nil {
		mallory = v.mallory(s)
	}
	text = strings.ReplaceAll(text, "NAME", name)
	object := firstObject(s.T, text)
	a := &attacked{
		Stage: s, mallory: mallory,
		resource: resourceOf(s.T, text), namespace: object.GetNamespace(), name: name,
	}
	a.place = stage.At(a.resource + " " + name)
	if a.namespace != "" {
		a.place = stage.At(a.resource + " " + a.namespace + "/" + name)
	}
	s.Allowed("a victim is made", func() error { return s.Admin.Create(text) })
	a.uid = string(s.Admin.Get(a.place).GetUID())
	switch a.resource {
	case "pods":
		s.Until(string(a.place)+" runs", func() bool { return a.field("status", "phase") == "Running" })
	case "persistentvolumeclaims":
		s.Until(string(a.place)+" is bound", func() bool { return a.field("status", "phase") == "Bound" })
	}
	return a
}

// field is a value in the object, nil where there is none.
func (a *attacked) field(path ...string) any {
	a.T.Helper()
	value, _, _ := unstructured.NestedFieldNoCopy(a.Admin.Get(a.place).Object, path...)
	return value
}

// scaleUp has the workload run a pod.
func (a *attacked) scaleUp() {
	a.T.Helper()
	a.Allowed("it is scaled", func() error { return a.Admin.Patch(a.place+"/scale", `{"spec":{"replicas":1}}`) })
	pods := stage.At("pods " + a.namespace)
	a.Until("there is a pod", func() bool { return a.Admin.Count(pods, "run="+a.name) == 1 })
	a.pod = a.Admin.First(pods, "run="+a.name)
	a.Until("it runs", func() bool { return phaseOf(a.Admin.Get(stage.At("pods "+a.namespace+"/"+a.pod))) == "Running" })
}

func phaseOf(object *unstructured.Unstructured) string {
	phase, _, _ := unstructured.NestedString(object.Object, "status", "phase")
	return phase
}

// lost says whether the object is gone, another one, or about to go.
func (a *attacked) lost() bool {
	a.T.Helper()
	client, name, _ := a.Admin.Find(a.place)
	object, err := client.Get(context.Background(), name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		a.T.Fatalf("%s: %v", a.place, err)
	}
	return err != nil || string(object.GetUID()) != a.uid || object.GetDeletionTimestamp() != nil
}

var (
	acceptance = regexp.MustCompile(`(?m)^ *accept +.*$`)
	head       = regexp.MustCompile(`(?m)^policy (\S+)( against insiders)?$`)
	ofLock     = regexp.MustCompile(`lock '([^']+)'`)
)

// warnings are those about the locks of an example, "LOCK CODE", if nothing in it were accepted, and if it were against
// insiders.
func warnings(t *testing.T, file string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	policy := acceptance.ReplaceAllString(string(text), "")
	if found := head.FindStringSubmatch(policy); found[2] == "" {
		// Against accidents, the guard of owners leaves workloads alone.
		policy = "policy " + found[1] + " " + againstInsiders(strings.Replace(policy, found[0], "", 1), []string{"owners"})
	}
	bare := filepath.Join(t.TempDir(), filepath.Base(file))
	if err := os.WriteFile(bare, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	diagnostics, err := cases.Diagnose(bare)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, d := range diagnostics {
		if lock := ofLock.FindStringSubmatch(d.Message); lock != nil && d.Severity == "warning" {
			said[lock[1]+" "+d.Code] = true
		}
	}
	return said
}

// assaults are the ways that apply to objects of many kinds.
var assaults = []assault{
	{
		name: "owner-that-is-gone",
		act:  func(a *attacked) error { return a.mallory.Patch(a.place, ownedByNobody) },
		done: (*attacked).lost,
	},
	{
		// What a webhook makes of a request of the scheduler, which passes.
		name: "mutation", on: []string{"pods"}, under: []string{"payments"},
		act: func(a *attacked) error {
			return a.User("system:kube-scheduler").Patch(a.place+"/status", `{"metadata":{"labels":{"aura":null,"taken":"yes"}}}`)
		},
		done: func(a *attacked) bool { return a.field("metadata", "labels", "taken") != nil },
	},
	{
		name: "status-of-a-pod", on: []string{"pods"}, under: []string{"payments"}, code: "K0245",
		act:  func(a *attacked) error { return a.mallory.Patch(a.place+"/status", `{"status":{"reason":"Mine"}}`) },
		done: func(a *attacked) bool { return a.field("status", "reason") == "Mine" },
	},
	{
		name: "status-of-a-shard", on: []string{"databaseshards.db.example.com"},
		act:  func(a *attacked) error { return a.mallory.Patch(a.place+"/status", `{"status":{"primary":true}}`) },
		done: func(a *attacked) bool { return a.field("status", "primary") != nil },
	},
	{
		name: "deadline", on: []string{"pods"},
		act:  func(a *attacked) error { return a.mallory.Patch(a.place, `{"spec":{"activeDeadlineSeconds":1}}`) },
		done: func(a *attacked) bool { return a.field("spec", "activeDeadlineSeconds") != nil },
	},
	{
		name: "volume-given-away", on: []string{"persistentvolumeclaims"}, code: "K0235",
		act: func(a *attacked) error {
			return a.mallory.Patch(stage.At("persistentvolumes "+a.name), `{"spec":{"claimRef":{"name":"other","uid":"00000000-0000-0000-0000-000000000001"}}}`)
		},
		done: func(a *attacked) bool { return a.field("status", "phase") == "Lost" },
	},
	{
		name: "volume-deleted", on: []string{"persistentvolumeclaims"}, code: "K0235",
		act: func(a *attacked) error {
			if err := a.mallory.Remove(stage.At("persistentvolumes " + a.name)); err != nil {
				return err
			}
			return a.mallory.Patch(stage.At("persistentvolumes "+a.name), `{"metadata":{"finalizers":null}}`)
		},
		done: func(a *attacked) bool { return a.field("status", "phase") == "Lost" },
	},
	{
		// Under self-service, workloads are locked and their pods are not.
		name: "scaled-away", but: []string{"self-service"}, on: []string{"deployments.apps", "statefulsets.apps"}, code: "K0238",
		setup: func(a *attacked) { a.scaleUp() },
		act:   func(a *attacked) error { return a.mallory.Patch(a.place+"/scale", `{"spec":{"replicas":0}}`) },
		done:  func(a *attacked) bool { return !a.Admin.Exists(stage.At("pods " + a.namespace + "/" + a.pod)) },
	},
	{
		name: "scaled-up", on: []string{"deployments.apps"}, under: []string{"kept-out", "replicas", "test-namespaces"},
		act:  func(a *attacked) error { return a.mallory.Patch(a.place+"/scale", `{"spec":{"replicas":6}}`) },
		done: func(a *attacked) bool { return a.field("spec", "replicas") == int64(6) },
	},
	{
		name: "replicas", on: []string{"deployments.apps"}, under: []string{"replicas", "test-namespaces"},
		act:  func(a *attacked) error { return a.mallory.Patch(a.place, `{"spec":{"replicas":6}}`) },
		done: func(a *attacked) bool { return a.field("spec", "replicas") == int64(6) },
	},
	{
		name: "annotation", on: []string{"configmaps"}, under: []string{"conditional-annotation"},
		act: func(a *attacked) error {
			return a.mallory.Patch(a.place, `{"metadata":{"annotations":{"configmanagement.gke.io/managed":null}}}`)
		},
		done: func(a *attacked) bool {
			return a.field("metadata", "annotations", "configmanagement.gke.io/managed") == nil
		},
	},
	{
		name: "surplus", but: []string{"self-service"}, on: []string{"deployments.apps"}, code: "K0236",
		setup: func(a *attacked) {
			a.T.Helper()
			a.scaleUp()
			a.Allowed("another pod is made", func() error {
				return a.Admin.Create(fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: mine-%s, namespace: %s, annotations: {controller.kubernetes.io/pod-deletion-cost: "1000"}}, spec: {containers: [{name: c, image: i}]}}`, a.name, a.namespace))
			})
			mine := stage.At("pods " + a.namespace + "/mine-" + a.name)
			a.Until("it runs", func() bool { return phaseOf(a.Admin.Get(mine)) == "Running" })
		},
		act: func(a *attacked) error {
			hash := a.Admin.Get(stage.At("pods " + a.namespace + "/" + a.pod)).GetLabels()["pod-template-hash"]
			return a.mallory.Patch(stage.At("pods "+a.namespace+"/mine-"+a.name), fmt.Sprintf(`{"metadata":{"labels":{"run":%q,"pod-template-hash":%q}}}`, a.name, hash))
		},
		done: func(a *attacked) bool { return !a.Admin.Exists(stage.At("pods " + a.namespace + "/" + a.pod)) },
	},
	{
		// Everything by which the object may be selected is taken off.
		name: "relabel", on: []string{"configmaps", "secrets", "pods", "deployments.apps", "namespaces", "kustomizations.kustomize.toolkit.fluxcd.io"},
		under: []string{"flux", "argocd", "external-secrets", "teams", "tenants", "self-service", "kept-out", "test-namespaces", "scoped-webhook"},
		act: func(a *attacked) error {
			object := a.Admin.Get(a.place)
			labels, annotations := []string{`"taken":"yes"`}, []string{}
			for key := range object.GetLabels() {
				// The server puts this one on again.
				if key != "kubernetes.io/metadata.name" {
					labels = append(labels, fmt.Sprintf("%q:null", key))
				}
			}
			for key := range object.GetAnnotations() {
				annotations = append(annotations, fmt.Sprintf("%q:null", key))
			}
			return a.mallory.Patch(a.place, fmt.Sprintf(`{"metadata":{"labels":{%s},"annotations":{%s}}}`, strings.Join(labels, ","), strings.Join(annotations, ",")))
		},
		done: func(a *attacked) bool { return a.field("metadata", "labels", "taken") != nil },
	},
	{
		name: "deleted",
		act:  func(a *attacked) error { return a.mallory.Remove(a.place) },
		done: (*attacked).lost,
	},
	{
		name: "collection", on: []string{
			"configmaps", "secrets", "pods", "nodes", "deployments.apps", "statefulsets.apps", "databases.db.example.com", "databaseshards.db.example.com",
			"kustomizations.kustomize.toolkit.fluxcd.io", "applications.argoproj.io", "externalsecrets.external-secrets.io", "demos.example.com",
		},
		act: func(a *attacked) error {
			client, name, _ := a.mallory.Find(a.place)
			if a.namespace != "" {
				client, _, _ = a.mallory.Find(stage.At(a.resource + " " + a.namespace))
			}
			return client.DeleteCollection(context.Background(), metav1.DeleteOptions{}, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
		},
		done: (*attacked).lost,
	},
	{
		name: "rollback", on: []string{"deployments.apps"}, under: []string{"freeze", "flux", "argocd", "teams", "tenants"},
		setup: func(a *attacked) {
			a.T.Helper()
			a.Until("there is a ReplicaSet", func() bool { return a.Admin.Count(stage.At("replicasets.apps "+a.namespace), "run="+a.name) == 1 })
			a.Allowed("another image", func() error { return a.Admin.Patch(a.place, stage.NewImage) })
			a.Until("there is another ReplicaSet", func() bool { return a.Admin.Count(stage.At("replicasets.apps "+a.namespace), "run="+a.name) == 2 })
		},
		act: func(a *attacked) error {
			return a.mallory.Patch(a.place, `{"metadata":{"annotations":{"deprecated.deployment.rollback.to":"1"}}}`)
		},
		done: func(a *attacked) bool {
			return !strings.Contains(fmt.Sprint(a.field("spec", "template", "spec", "containers")), "image:2")
		},
	},
	{
		name: "autoscaler", on: []string{"deployments.apps"}, under: []string{"freeze", "flux", "argocd", "teams", "tenants"}, code: "K0222",
		setup: func(a *attacked) { a.scaleUp() },
		act: func(a *attacked) error {
			return a.mallory.Create(strings.Replace(hpa(a.name, 2), "namespace: NS", "namespace: "+a.namespace, 1))
		},
		done: func(a *attacked) bool { return a.field("spec", "replicas") == int64(2) },
	},
	{
		// The lock is taken away first.
		name: "unlock", under: []string{"self-service"},
		act: func(a *attacked) error {
			if err := a.mallory.Remove(stage.At("configmaps " + a.namespace + "/" + a.name + "-lock")); err != nil {
				return err
			}
			return a.mallory.Remove(a.place)
		},
		done: (*attacked).lost,
	},
	{
		// What has an owner is not locked where the lock is about what has none.
		name: "owner-deleted", code: "K0215", but: []string{"flux", "argocd"},
		setup: func(a *attacked) {
			a.T.Helper()
			owner := "owner-" + a.name
			a.Allowed("the owner is made", func() error {
				return a.Admin.Create("{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: " + owner + "}}")
			})
			uid := a.Admin.Get(stage.At("clusterroles.rbac.authorization.k8s.io " + owner)).GetUID()
			a.Allowed("it owns the victim", func() error {
				return a.Admin.Patch(a.place, fmt.Sprintf(`{"metadata":{"ownerReferences":[{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","name":%q,"uid":%q}]}}`, owner, uid))
			})
		},
		act: func(a *attacked) error {
			return a.mallory.Remove(stage.At("clusterroles.rbac.authorization.k8s.io owner-" + a.name))
		},
		done: (*attacked).lost,
	},
}

// ownedByNobody gives an object of any scope an owner that is not there.
const ownedByNobody = `{"metadata":{"ownerReferences":[{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","name":"nobody","uid":"00000000-0000-0000-0000-000000000001"}]}}`
