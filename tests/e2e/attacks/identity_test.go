package attacks

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

const (
	// sealedKeeper is a lock that is safe as long as nobody becomes its actor.
	sealedKeeper = `
actor keeper = sa NS/keeper sealed
lock guarded {
  resources  configmaps
  namespace  NS
  labels     aura=red
  deny       delete
  exclusive  keeper
  exempt     lifecycle
  guard      no owners, no namespace
}
`
	// keeperMay gives the keeper what RBAC has to give: a lock only lets it pass.
	keeperMay = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: keeper, namespace: NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "` + cluster.Testers + `"}
subjects: [{kind: ServiceAccount, name: keeper, namespace: NS}]
`
	// dev is an account that may do nothing yet.
	dev = `{apiVersion: v1, kind: ServiceAccount, metadata: {name: dev, namespace: NS}}`
)

func binding(name, kind, role string) string {
	return fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: %s, namespace: NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: %s, name: %q}
subjects: [{kind: ServiceAccount, name: dev, namespace: NS}]
`, name, kind, role)
}

// mint gets a token from the API, with the powers of an account.
func mint(who *stage.Actor, namespace, account string, bound *authenticationv1.BoundObjectReference) (string, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{BoundObjectRef: bound}}
	request, err := who.Typed.CoreV1().ServiceAccounts(namespace).CreateToken(context.Background(), account, request, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return request.Status.Token, nil
}

// dev asks with a token of its own, so that it may impersonate.
func (w *world) dev() *stage.Actor {
	w.T.Helper()
	token, err := mint(w.Admin, w.ns, "dev", nil)
	if err != nil {
		w.T.Fatal(err)
	}
	return w.Holder("dev", w.Cluster.WithToken(token))
}

// as is somebody who says to be somebody else.
func (w *world) as(who *stage.Actor, name string) *stage.Actor {
	config := rest.CopyConfig(who.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: name}
	return w.Holder(name, config)
}

func (w *world) keeperName() string { return "system:serviceaccount:" + w.ns + ":keeper" }

// robs deletes the vault with stolen credentials.
func (w *world) robs(thief *stage.Actor) error { return thief.Remove(w.at("configmaps NS/vault")) }

// mintsAndRobs is what whoever may mint the keeper's token does.
func mintsAndRobs(who func(w *world) *stage.Actor) func(w *world) error {
	return func(w *world) error {
		token, err := mint(who(w), w.ns, "keeper", nil)
		if err != nil {
			return err
		}
		return w.robs(w.Holder("thief", w.Cluster.WithToken(token)))
	}
}

func mallory(w *world) *stage.Actor { return w.mallory }

// asKeeper are the built-in objects whose pods run as the keeper.
var asKeeper = map[string]string{
	"a pod":                    `{apiVersion: v1, kind: Pod, metadata: {name: thief, namespace: NS}, spec: SPEC}`,
	"a Deployment":             `{apiVersion: apps/v1, kind: Deployment, metadata: {name: thief, namespace: NS}, spec: {selector: {matchLabels: {a: d}}, template: {metadata: {labels: {a: d}}, spec: SPEC}}}`,
	"a ReplicaSet":             `{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: thief, namespace: NS}, spec: {selector: {matchLabels: {a: r}}, template: {metadata: {labels: {a: r}}, spec: SPEC}}}`,
	"a StatefulSet":            `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: thief-set, namespace: NS}, spec: {serviceName: x, selector: {matchLabels: {a: s}}, template: {metadata: {labels: {a: s}}, spec: SPEC}}}`,
	"a DaemonSet":              `{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: thief, namespace: NS}, spec: {selector: {matchLabels: {a: a}}, template: {metadata: {labels: {a: a}}, spec: SPEC}}}`,
	"a ReplicationController":  `{apiVersion: v1, kind: ReplicationController, metadata: {name: thief, namespace: NS}, spec: {selector: {a: c}, template: {metadata: {labels: {a: c}}, spec: SPEC}}}`,
	"a Job":                    `{apiVersion: batch/v1, kind: Job, metadata: {name: thief, namespace: NS}, spec: {template: {spec: SPEC}}}`,
	"a CronJob":                `{apiVersion: batch/v1, kind: CronJob, metadata: {name: thief, namespace: NS}, spec: {schedule: "* * * * *", jobTemplate: {spec: {template: {spec: SPEC}}}}}`,
	"a PodTemplate":            `{apiVersion: v1, kind: PodTemplate, metadata: {name: thief, namespace: NS}, template: {spec: SPEC}}`,
	"a pod by its older field": `{apiVersion: v1, kind: Pod, metadata: {name: older, namespace: NS}, spec: {serviceAccount: keeper, containers: [{name: c, image: i}]}}`,
}

func actsAsKeeper() []act {
	var acts []act
	for _, what := range []string{"a pod", "a pod by its older field", "a Deployment", "a ReplicaSet", "a StatefulSet", "a DaemonSet", "a ReplicationController", "a Job", "a CronJob"} {
		spec := `{serviceAccountName: keeper, containers: [{name: c, image: evil.example/image}]`
		if strings.HasSuffix(what, "Job") {
			spec += ", restartPolicy: Never"
		}
		acts = append(acts, creates(what+" that runs as the keeper", strings.ReplaceAll(asKeeper[what], "SPEC", spec+"}")).refusedBy(keeper))
	}
	return append(acts,
		patches("deployments.apps NS/other", `{"spec":{"template":{"spec":{"serviceAccountName":"keeper"}}}}`).refusedBy(keeper),
		patches("replicasets.apps NS/idle", `{"spec":{"template":{"spec":{"serviceAccountName":"keeper"}}}}`).refusedBy(keeper),
		patches("cronjobs.batch NS/idle", `{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"serviceAccountName":"keeper"}}}}}}`).refusedBy(keeper),
		patches("deployments.apps NS/web", `{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"evil.example/image"}]}}}}`).refusedBy(keeper),
	)
}

// operator makes a Deployment whose pods run as the keeper.
func operator(w *world) {
	w.T.Helper()
	w.make(strings.Replace(stage.Deployment("NS", "", ""), "    spec:\n", "    spec:\n      serviceAccountName: keeper\n      initContainers: [{name: first, image: i}]\n", 1))
	w.Until("the keeper's Deployment rolls out", w.RolledOut(w.ns, 3))
}

// calm waits until nobody has written an object for a while: its controller must not look in the middle of an act.
func (w *world) calm(place string) {
	w.T.Helper()
	version, since := "", time.Now()
	w.Until(place+" is left alone", func() bool {
		if now := w.Admin.Get(w.at(place)).GetResourceVersion(); now != version {
			version, since = now, time.Now()
		}
		return time.Since(since) > time.Second
	})
}

// accountOf is that of a pod, empty where there is none, or one that ends.
func (w *world) accountOf(pod string) string {
	object, err := w.Admin.Typed.CoreV1().Pods(w.ns).Get(context.Background(), pod, metav1.GetOptions{})
	if err != nil || object.DeletionTimestamp != nil {
		return ""
	}
	return object.Spec.ServiceAccountName
}

func aPodOf(w *world) string { return w.Admin.First(w.at("pods NS"), "run=web") }

// The ways on which somebody becomes the actor.
var waysByIdentity = []way{
	{
		number: 20, name: "impersonation",
		policy:    sealedKeeper,
		unguarded: "K0219",
		setup: makes(vault, keeperMay, dev, `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NS-reader}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]
`),
		acts: []act{
			creates("a role that impersonates the keeper, and its binding", `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: actor, namespace: NS}
rules: [{apiGroups: [""], resources: [serviceaccounts], verbs: [impersonate], resourceNames: [keeper]}]
---
`+binding("actor", "Role", "actor")).refusedBy(keeper),
			creates("a cluster role that impersonates everybody", `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NS-everybody}
rules: [{apiGroups: [""], resources: [users, serviceaccounts], verbs: [impersonate]}]
`).refusedBy(keeper),
			patches("clusterroles.rbac.authorization.k8s.io NS-reader", `{"rules":[{"apiGroups":[""],"resources":["serviceaccounts"],"verbs":["impersonate"]}]}`).refusedBy(keeper),
			creates("a role that impersonates in a narrower way", `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NS-narrow}
rules:
- {apiGroups: [authentication.k8s.io], resources: [serviceaccounts], verbs: ["impersonate:serviceaccount"]}
- {apiGroups: [""], resources: [configmaps], verbs: ["impersonate-on:serviceaccount:delete"]}
`).refusedBy(keeper),
			creates("a role that may do anything", `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: anything, namespace: NS}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
`).refusedBy(keeper),
			{what: "delete the vault as the keeper", by: authorizer, do: func(w *world) error { return w.robs(w.as(w.dev(), w.keeperName())) }},
		},
		done:  gone("configmaps NS/vault"),
		alone: true,
	},
	{
		number: 20, name: "impersonation-by-whoever-may",
		policy: sealedKeeper,
		setup: func(w *world) {
			makes(vault, keeperMay, dev)(w)
			w.make(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: NS-dev}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: dev, namespace: NS}]
`)
		},
		acts: []act{
			// Admission sees the keeper: this stays open.
			{what: "delete the vault as the keeper", by: nobody, do: func(w *world) error { return w.robs(w.as(w.dev(), w.keeperName())) }},
		},
		after: func(w *world) {
			if !w.gone("configmaps NS/vault") {
				w.T.Error("the vault is still there")
			}
		},
		alone: true,
	},
	{
		number: 21, name: "edit-in-the-actors-namespace",
		policy:    sealedKeeper,
		unguarded: "K0219",
		setup:     makes(vault, keeperMay, dev, strings.Replace(binding("editors", "ClusterRole", "edit"), "name: dev", "name: other", 1)),
		acts: []act{
			creates("a binding to edit", binding("edit", "ClusterRole", "edit")).refusedBy(keeper),
			creates("a binding to admin", binding("admin", "ClusterRole", "admin")).refusedBy(keeper),
			creates("a binding to what edit is made of", binding("aggregate", "ClusterRole", "system:aggregate-to-edit")).refusedBy(keeper),
			patches("rolebindings.rbac.authorization.k8s.io NS/editors", `{"subjects":[{"kind":"ServiceAccount","name":"dev","namespace":"NS"}]}`).refusedBy(keeper),
			creates("a cluster role of what edit is made of, and its binding", `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NS-same}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {rbac.authorization.k8s.io/aggregate-to-edit: "true"}}]}
rules: []
---
`+binding("same", "ClusterRole", "NS-same")).refusedBy(nobody),
			{what: "mint a token of the keeper", by: authorizer, do: mintsAndRobs((*world).dev)},
		},
		deputy: func(w *world) {
			// The controller that fills such a role has no key.
			deputyRefused(keeper)(w)
			w.passes("something harmless is given to editors", func() error {
				return w.mallory.Create(w.text(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NS-harmless, labels: {rbac.authorization.k8s.io/aggregate-to-edit: "true"}}
rules: [{apiGroups: [NS.example.com], resources: [widgets], verbs: [get]}]
`))
			})
			w.Until("editors have it", func() bool {
				return strings.Contains(fmt.Sprint(w.field("clusterroles.rbac.authorization.k8s.io edit", "rules")), w.group())
			})
		},
		done:  gone("configmaps NS/vault"),
		alone: true,
	},
	{
		number: 22, name: "token",
		policy:    sealedKeeper,
		unguarded: "K0219",
		setup: func(w *world) {
			makes(vault, keeperMay)(w)
			w.make(`{apiVersion: v1, kind: Pod, metadata: {name: own, namespace: NS}, spec: {serviceAccountName: keeper, containers: [{name: c, image: i}]}}`)
			w.running("pods NS/own")
		},
		acts: []act{{what: "mint a token of the keeper", by: keeper, do: mintsAndRobs(mallory)}},
		done: gone("configmaps NS/vault"),
		after: func(w *world) {
			w.passes("the kubelet mints one for the keeper's pod", func() error {
				pod := w.Admin.Get(w.at("pods NS/own"))
				_, err := mint(w.Node("n1"), w.ns, "keeper", &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: "own", UID: pod.GetUID()})
				return err
			})
			w.passes("the keeper mints one", func() error {
				_, err := mint(w.keeper, w.ns, "keeper", nil)
				return err
			})
			w.passes("tokens of others are minted", func() error {
				_, err := mint(w.mallory, w.ns, "default", nil)
				return err
			})
		},
		alone: true,
	},
	{
		number: 51, name: "token-of-a-controller",
		policy:    strings.Replace(sealedKeeper, "guard      no owners", "guard      labels, controllers, no owners", 1),
		unguarded: "K0219",
		setup:     makes(vault),
		acts: []act{{what: "mint a token of the garbage collector", by: guarded, do: func(w *world) error {
			token, err := mint(w.mallory, "kube-system", "generic-garbage-collector", nil)
			if err != nil {
				return err
			}
			return w.robs(w.Holder("thief", w.Cluster.WithToken(token)))
		}}},
		done: gone("configmaps NS/vault"),
		after: func(w *world) {
			w.passes("tokens of other accounts are minted", func() error {
				_, err := mint(w.mallory, "kube-system", "default", nil)
				return err
			})
		},
		alone: true,
	},
	{
		number: 23, name: "token-secret",
		policy:    sealedKeeper,
		unguarded: "K0219",
		setup: func(w *world) {
			makes(vault, keeperMay)(w)
			w.make(`{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token, metadata: {name: other, namespace: NS, annotations: {kubernetes.io/service-account.name: default}}}`)
			w.Until("the other Secret has its token", func() bool { return w.field("secrets NS/other", "data", "token") != nil })
		},
		acts: []act{
			creates("a token Secret of the keeper", `{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token, metadata: {name: thief, namespace: NS, annotations: {kubernetes.io/service-account.name: keeper}}}`).refusedBy(keeper),
			patches("secrets NS/other", `{"metadata":{"annotations":{"kubernetes.io/service-account.name":"keeper","kubernetes.io/service-account.uid":null}}}`).refusedBy(keeper),
			{what: "delete the vault with its token", by: itself, do: func(w *world) error {
				if w.gone("secrets NS/thief") {
					return errNothing
				}
				w.Until("the Secret has its token", func() bool { return w.field("secrets NS/thief", "data", "token") != nil })
				token, err := base64.StdEncoding.DecodeString(w.field("secrets NS/thief", "data", "token").(string))
				if err != nil {
					return err
				}
				return w.robs(w.Holder("thief", w.Cluster.WithToken(string(token))))
			}},
		},
		done: gone("configmaps NS/vault"),
		after: func(w *world) {
			w.passes("token Secrets of others are made", func() error {
				return w.mallory.Create(w.text(`{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token, metadata: {name: third, namespace: NS, annotations: {kubernetes.io/service-account.name: default}}}`))
			})
			w.Until("and get their tokens", func() bool { return w.field("secrets NS/third", "data", "token") != nil })
		},
		alone: true,
	},
	{
		number: 24, name: "pod-as-the-actor",
		policy:    sealedKeeper,
		unguarded: "K0219",
		setup: func(w *world) {
			operator(w)
			w.make(strings.ReplaceAll(renamed(stage.Deployment("NS", "", ""), "other"), "replicas: 3", "replicas: 0"))
			w.make(`
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: idle, namespace: NS}
spec: {replicas: 0, selector: {matchLabels: {a: i}}, template: {metadata: {labels: {a: i}}, spec: {containers: [{name: c, image: i}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: idle, namespace: NS}
spec: {schedule: "0 0 1 1 *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}
`)
		},
		acts: actsAsKeeper(),
		done: func(w *world) bool { return w.Admin.Count(w.at("pods NS"), "a=d") > 0 },
		end: func(w *world) {
			// These would go on for as long as the cluster.
			ending("daemonsets.apps NS/thief")(w)
			ending("cronjobs.batch NS/thief")(w)
		},
		after: func(w *world) {
			w.passes("the keeper's Deployment is scaled", func() error {
				return w.mallory.Patch(w.at("deployments.apps NS/web"), `{"spec":{"replicas":1}}`)
			})
			w.Until("its controllers follow", w.RolledOut(w.ns, 1))
			w.passes("the keeper rolls itself out", func() error { return w.keeper.Patch(w.at("deployments.apps NS/web"), stage.NewImage) })
			w.Until("its controllers follow", w.RolledOut(w.ns, 1))
			w.passes("others deploy", func() error {
				return w.mallory.Patch(w.at("deployments.apps NS/other"), `{"spec":{"replicas":1}}`)
			})
			w.Until("their controllers follow", func() bool { return w.Admin.Count(w.at("pods NS"), "run=other") == 1 })
		},
		alone: true,
	},
	{
		number: 24, name: "pod-as-the-default-account",
		policy: `
actor keeper = sa NS/default sealed
lock guarded {
  resources  configmaps
  namespace  NS
  labels     aura=red
  deny       delete
  exclusive  keeper
  exempt     lifecycle
  guard      no owners, no namespace
}
`,
		acts: []act{
			creates("a Deployment that names no account", stage.Deployment("NS", "", "")).refusedBy(keeper),
			creates("a pod that names no account", `{apiVersion: v1, kind: Pod, metadata: {name: thief, namespace: NS}, spec: {containers: [{name: c, image: i}]}}`).refusedBy(keeper),
			creates("a CronJob that names no account", strings.ReplaceAll(asKeeper["a CronJob"], "SPEC", "{restartPolicy: Never, containers: [{name: c, image: i}]}")).refusedBy(keeper),
		},
		done:  func(w *world) bool { return w.Admin.Count(w.at("pods NS"), "run=web") > 0 },
		alone: true,
	},
	{
		number: 24, name: "pod-from-a-revision",
		policy: sealedKeeper,
		setup: func(w *world) {
			// The pods below the partition are made of what the ControllerRevision says.
			w.make(`
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: thief, namespace: NS}
spec:
  serviceName: thief
  replicas: 1
  updateStrategy: {rollingUpdate: {partition: 1}}
  selector: {matchLabels: {run: web}}
  template: {metadata: {labels: {run: web}}, spec: {containers: [{name: c, image: "registry.example/image:1"}]}}
`)
			w.Until("its pod runs", func() bool { return w.accountOf("thief-0") != "" })
			w.Until("the first revision is current", func() bool { return w.field("statefulsets.apps NS/thief", "status", "currentRevision") != nil })
		},
		acts: []act{
			patches("statefulsets.apps NS/thief", `{"spec":{"template":{"metadata":{"annotations":{"a":"b"}}}}}`).refusedBy(nobody),
			{what: "write the account into the revision", by: keeper, do: func(w *world) error {
				w.Until("there are two revisions", func() bool {
					return w.field("statefulsets.apps NS/thief", "status", "updateRevision") != w.field("statefulsets.apps NS/thief", "status", "currentRevision")
				})
				w.calm("statefulsets.apps NS/thief")
				place := w.at("controllerrevisions.apps NS/" + w.field("statefulsets.apps NS/thief", "status", "currentRevision").(string))
				revision := w.mallory.Get(place)
				if err := w.mallory.Remove(place); err != nil {
					return err
				}
				// The controller reads it without regard to case.
				if err := unstructured.SetNestedField(revision.Object, "keeper", "data", "spec", "template", "spec", "serviceaccountname"); err != nil {
					return err
				}
				revision.SetResourceVersion("")
				revision.SetUID("")
				client, _, _ := w.mallory.Find(w.at("controllerrevisions.apps NS"))
				_, err := client.Create(context.Background(), revision, metav1.CreateOptions{})
				return err
			}},
			removes("pods NS/thief-0").refusedBy(nobody),
		},
		done: func(w *world) bool {
			return w.accountOf("thief-0") == "keeper"
		},
		deputy: func(w *world) {
			w.Until("the pod is back", func() bool { return w.accountOf("thief-0") != "" })
		},
		alone: true,
	},
	{
		number: 25, name: "into-the-actors-pod",
		policy:    sealedKeeper,
		unguarded: "K0219",
		setup:     operator,
		acts: []act{
			{what: "run a command in it", by: keeper, do: func(w *world) error { return enters("exec", aPodOf(w)).do(w) }},
			{what: "forward a port to it", by: keeper, do: func(w *world) error { return enters("portforward", aPodOf(w)).do(w) }},
			{what: "put a container into it", by: keeper, do: func(w *world) error { return debug(w.mallory, w.ns, aPodOf(w)) }},
			{what: "change the image of what runs first in it", by: keeper, do: func(w *world) error {
				patch := []byte(`{"spec":{"initContainers":[{"name":"first","image":"evil.example/image"}]}}`)
				_, err := w.mallory.Typed.CoreV1().Pods(w.ns).Patch(context.Background(), aPodOf(w), types.StrategicMergePatchType, patch, metav1.PatchOptions{})
				return err
			}},
			{what: "change its image", by: keeper, do: func(w *world) error { return reimage(w.mallory, w.ns, aPodOf(w)) }},
		},
		done: func(w *world) bool { return w.machine.saw("/exec/", w.ns) || w.machine.saw("/portForward/", w.ns) },
		after: func(w *world) {
			pod := aPodOf(w)
			w.passes("its pod is deleted", func() error { return w.mallory.Remove(stage.At("pods " + w.ns + "/" + pod)) })
			w.Until("and replaced", w.Replaced(stage.At("pods "+w.ns+"/"+pod), w.ns, 3))
		},
		alone: true,
	},
	{
		number: 26, name: "roles-of-the-policy",
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  labels     aura=red
  deny       delete
  guard      rbac, no owners, no namespace
  exclusive  sa NS/keeper
  exempt     lifecycle
}
grant keep to sa NS/keeper {
  resources  configmaps
  namespace  NS
  allow      get, delete, patch
}
`,
		setup: func(w *world) {
			makes(vault, dev)(w)
			if !w.locked {
				w.make(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: POLICY:keep, namespace: NS}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get, delete, patch]}]
---
` + strings.Replace(binding("POLICY:keep", "Role", "POLICY:keep"), "name: dev", "name: keeper", 1))
			}
		},
		acts: []act{
			creates("another binding of the role", binding("thief", "Role", "POLICY:keep")),
			patches("rolebindings.rbac.authorization.k8s.io NS/POLICY:keep", `{"subjects":[{"kind":"ServiceAccount","name":"dev","namespace":"NS"}]}`),
			patches("roles.rbac.authorization.k8s.io NS/POLICY:keep", `{"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}`),
			patches("roles.rbac.authorization.k8s.io NS/POLICY:keep", `{"metadata":{"labels":{"klock.dev/policy":null,"a":"b"}}}`),
			removes("rolebindings.rbac.authorization.k8s.io NS/POLICY:keep"),
			removes("roles.rbac.authorization.k8s.io NS/POLICY:keep"),
			creates("a cluster role that edit takes in", `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NS-more, labels: {rbac.authorization.k8s.io/aggregate-to-edit: "true"}}
rules: [{apiGroups: [""], resources: [serviceaccounts/token], verbs: [create]}]
`),
			creates("a binding to cluster-admin", `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: NS-thief}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: dev, namespace: NS}]
`),
			creates("a binding of a controller's role", `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: NS-controller}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:kube-controller-manager"}
subjects: [{kind: ServiceAccount, name: dev, namespace: NS}]
`),
			{what: "mint a token of the keeper", by: authorizer, do: func(w *world) error {
				_, err := mint(w.dev(), w.ns, "keeper", nil)
				return err
			}},
		},
		after: func(w *world) {
			w.passes("other roles are made", func() error {
				return w.mallory.Create(w.text(`{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: reader, namespace: NS}, rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]}`))
			})
			w.passes("and bound", func() error { return w.mallory.Create(w.text(binding("reader", "Role", "reader"))) })
		},
		alone: true,
	},
	{
		number: 27, name: "certificate",
		policy: strings.Replace(sealedKeeper, "guard      no owners", "guard      labels, certificates, no owners", 1),
		warns:  "K0220",
		setup:  makes(vault, keeperMay),
		acts: []act{
			{what: "approve a certificate with the keeper's name", by: guarded, do: (*world).certify},
			creates("a bootstrap token", `
apiVersion: v1
kind: Secret
type: bootstrap.kubernetes.io/token
metadata: {name: bootstrap-token-TOKEN, namespace: kube-system}
stringData: {token-id: TOKEN, token-secret: 0123456789abcdef, usage-bootstrap-authentication: "true"}
`),
		},
		done:  gone("configmaps NS/vault"),
		alone: true,
	},
	{
		number: 50, name: "the-actors-name-from-elsewhere",
		policy: sealedKeeper,
		setup:  makes(vault, keeperMay),
		acts: []act{
			// Names are all that admission sees: this stays open.
			{what: "delete the vault with a certificate that the authority itself signed", by: nobody, do: func(w *world) error {
				certificate, key, err := w.Cluster.Issue(w.keeperName())
				if err != nil {
					return err
				}
				config, err := w.Cluster.WithCertificate(certificate, key)
				if err != nil {
					return err
				}
				return w.robs(w.Holder("thief", config))
			}},
		},
		after: func(w *world) {
			if !w.gone("configmaps NS/vault") {
				w.T.Error("the vault is still there")
			}
			anonymous := rest.CopyConfig(w.Cluster.Config)
			anonymous.BearerToken = "made up"
			w.refusedBy(authorizer, "ask with a token that nobody signed", ask(w.Holder("thief", anonymous), http.MethodGet, w.text("/api/v1/namespaces/NS/configmaps/vault")))
		},
		alone: true,
	},
}

// certify lets the controller manager sign the keeper's name, and robs with the certificate.
func (w *world) certify() error {
	request, key, err := cluster.SignRequest(w.keeperName())
	if err != nil {
		return err
	}
	ctx := context.Background()
	requests := w.mallory.Typed.CertificatesV1().CertificateSigningRequests()
	object, err := requests.Get(ctx, w.ns, metav1.GetOptions{})
	if err != nil {
		object, err = requests.Create(ctx, &certificatesv1.CertificateSigningRequest{
			ObjectMeta: metav1.ObjectMeta{Name: w.ns},
			Spec: certificatesv1.CertificateSigningRequestSpec{
				Request: request, SignerName: certificatesv1.KubeAPIServerClientSignerName, Usages: []certificatesv1.KeyUsage{certificatesv1.UsageClientAuth},
			},
		}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
	}
	object.Status.Conditions = append(object.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Test",
	})
	if _, err := requests.UpdateApproval(ctx, w.ns, object, metav1.UpdateOptions{}); err != nil {
		return err
	}
	w.Until("the certificate is signed", func() bool {
		object, err = requests.Get(ctx, w.ns, metav1.GetOptions{})
		return err == nil && len(object.Status.Certificate) > 0
	})
	config, err := w.Cluster.WithCertificate(object.Status.Certificate, key)
	if err != nil {
		return err
	}
	return w.robs(w.Holder("thief", config))
}
