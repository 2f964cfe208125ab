package attacks

import (
	"context"
	"fmt"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

// lockedByConfigMap is locked where a ConfigMap says so, which redLock does.
const (
	lockedByConfigMap = `
lock guarded {
  resources   configmaps
  namespace   NS
  locks from  configmaps labeled klock.dev/lock=true
  deny        update, delete
  exclusive   sa NS/keeper
}
`
	redLock = `{apiVersion: v1, kind: ConfigMap, metadata: {name: red, namespace: NS, labels: {klock.dev/lock: "true"}}, data: {labels: aura=red}}`
)

// The ways that lead through what a lock reads, and through requests that it lets pass.
var waysByCondition = []way{
	{
		number: 63, name: "mutation-of-an-exempt-request",
		policy: fmt.Sprintf(strings.Replace(redPods, "exempt     lifecycle", "exempt     controllers", 1), "delete"),
		setup: func(w *world) {
			runningApp(w)
			w.makeAsIs(strings.Replace(w.webhook("MutatingWebhookConfiguration", w.ns), "[configmaps]", "[configmaps, pods/status]", 1))
			w.asked()
		},
		acts: []act{
			// What kubelets write, NodeRestriction looks at as well.
			{what: "have a webhook take the label off what the scheduler writes", do: func(w *world) error {
				return w.User("system:kube-scheduler").Patch(w.at("pods NS/app/status"), `{"status":{"message":"as ever"}}`)
			}},
			removes("pods NS/app"),
		},
		done: gone("pods NS/app"),
		after: func(w *world) {
			ending(mutating)(w)
			w.Until("the scheduler goes on without the webhook", func() bool {
				return w.User("system:kube-scheduler").Patch(w.at("pods NS/app/status"), `{"status":{"message":"as ever"}}`) == nil
			})
		},
		end: ending(mutating),
	},
	{
		number: 64, name: "condition",
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  deny       delete
  when       label aura = red
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace, no crd
}
lock consent {
  resources  configmaps
  namespace  NS
  name       other
  deny       delete
  unless     label released
  exempt     lifecycle
  guard      no owners, no namespace, no crd
}
`,
		setup: makes(vault, `{apiVersion: v1, kind: ConfigMap, metadata: {name: other, namespace: NS}}`),
		acts: []act{
			patches("configmaps NS/vault", `{"metadata":{"labels":{"aura":"blue"}}}`),
			removes("configmaps NS/vault"),
		},
		done: gone("configmaps NS/vault"),
		after: func(w *world) {
			w.refusedBy("lock consent", "delete without consent", w.mallory.Remove(w.at("configmaps NS/other")))
			w.passes("whoever may write the object consents", func() error {
				return w.mallory.Patch(w.at("configmaps NS/other"), `{"metadata":{"labels":{"released":"yes"}}}`)
			})
			w.passes("and it is deleted", func() error { return w.mallory.Remove(w.at("configmaps NS/other")) })
			w.passes("the keeper relabels", func() error {
				return w.keeper.Patch(w.at("configmaps NS/vault"), `{"metadata":{"labels":{"aura":"blue"}}}`)
			})
		},
	},
	{
		number: 65, name: "made-under-the-lock",
		policy: fmt.Sprintf(strings.Replace(redPods, "exempt     lifecycle", "exempt     controllers\n  guard      label-in", 1), "delete"),
		acts:   []act{creates("a pod that others cannot delete then", app)},
		done:   func(w *world) bool { return !w.gone("pods NS/app") },
		after: func(w *world) {
			w.passes("the keeper makes one", func() error { return w.keeper.Create(w.text(app)) })
			w.make(stage.Deployment(w.ns, "app: web", "app: web, aura: red"))
			w.Until("controllers make theirs", w.RolledOut(w.ns, 3))
		},
	},
	{
		number: 74, name: "lock-taken-away",
		policy: lockedByConfigMap,
		setup:  makes(vault, redLock),
		acts: []act{
			patches("configmaps NS/red", `{"data":{"exclusive":"user mallory"}}`),
			patches("configmaps NS/red", `{"data":{"labels":"aura=blue"}}`),
			patches("configmaps NS/red", `{"data":{"labels":"!aura"}}`),
			patches("configmaps NS/red", `{"metadata":{"labels":{"klock.dev/lock":null}}}`),
			removes("configmaps NS/red"),
			removes("configmaps NS/vault"),
		},
		done: gone("configmaps NS/vault"),
		after: func(w *world) {
			w.passes("somebody deletes what the ConfigMap does not lock", func() error {
				w.make(`{apiVersion: v1, kind: ConfigMap, metadata: {name: other, namespace: NS, labels: {aura: blue}}}`)
				return w.mallory.Remove(w.at("configmaps NS/other"))
			})
			w.refusedBy(guarded, "give it an owner that is gone", w.mallory.Patch(w.at("configmaps NS/red"), ownedByNobody))
			w.refusedBy(guarded, "delete the namespace", w.mallory.Remove(w.at("namespaces NS")))
			w.passes("the keeper unlocks it", func() error { return w.keeper.Remove(w.at("configmaps NS/red")) })
			w.passes("somebody deletes it then", func() error { return w.mallory.Remove(w.at("configmaps NS/vault")) })
		},
	},
	{
		number: 75, name: "locked-by-others",
		policy: lockedByConfigMap + `
lock who-locks {
  resources  configmaps
  namespace  NS
  labels     klock.dev/lock=true
  deny       create
  exclusive  sa NS/keeper
  guard      label-in
}
`,
		setup: makes(vault, strings.Replace(strings.Replace(redLock, "name: red", "name: blue", 1), "true", "false", 1)),
		acts: []act{
			creates("a ConfigMap that locks it", redLock).refusedBy("lock who-locks"),
		},
		after: func(w *world) {
			// Both locks refuse that.
			if err := w.mallory.Patch(w.at("configmaps NS/blue"), `{"metadata":{"labels":{"klock.dev/lock":"true"}}}`); err == nil || !isPolicyRefusal(err) {
				w.T.Errorf("a ConfigMap that is there becomes a lock: %v", err)
			}
			w.refusedBy(guarded, "make a ConfigMap that says no lock", w.keeper.Create(w.text(strings.Replace(redLock, "aura=red", "everything!", 1))))
			w.passes("the keeper locks it", func() error { return w.keeper.Create(w.text(redLock)) })
			w.Until("it is locked", func() bool { return w.mallory.Patch(w.at("configmaps NS/vault"), `{"data":{"gold":"2"}}`) != nil })
			w.passes("the keeper passes", func() error { return w.keeper.Patch(w.at("configmaps NS/vault"), `{"data":{"gold":"3"}}`) })
		},
	},
	{
		number: 66, name: "certificate-of-a-node",
		policy: fmt.Sprintf(strings.Replace(redPods, "exempt     lifecycle", "exempt     lifecycle\n  guard      certificates", 1), "delete"),
		setup: func(w *world) {
			runningApp(w)
			// What the authorizer of nodes grants, where there is one.
			w.make(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: nodes, namespace: NS}
rules: [{apiGroups: [""], resources: ["pods"], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: nodes, namespace: NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: nodes}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:nodes"}]
`)
		},
		acts: []act{
			{what: "have a kubelet's certificate approved by nobody, and delete the pod as its node", do: func(w *world) error {
				node, err := w.enlist(w.mallory, "n1")
				if err != nil {
					return err
				}
				return node.Remove(w.at("pods NS/app"))
			}},
			creates("a bootstrap token, with which to ask", `
apiVersion: v1
kind: Secret
type: bootstrap.kubernetes.io/token
metadata: {name: bootstrap-token-TOKEN, namespace: kube-system}
stringData: {token-id: TOKEN, token-secret: 0123456789abcdef, usage-bootstrap-authentication: "true"}
`),
		},
		done: gone("pods NS/app"),
		after: func(w *world) {
			w.passes("the node renews its certificate", func() error {
				_, err := w.enlist(w.Node("n1"), "n1")
				return err
			})
		},
		end:   func(w *world) { ending("secrets kube-system/" + w.text("bootstrap-token-TOKEN"))(w) },
		alone: true,
	},
	{
		number: 67, name: "definition-under-a-wildcard",
		policy: `
lock guarded {
  resources  *
  namespace  NS
  all objects
  deny       delete
  exempt     controllers
  guard      namespace, crd, no owners
  exclusive  sa NS/keeper
}
`,
		unguarded: "K0217",
		setup:     func(w *world) { w.define("status"); w.make(widget) },
		acts: []act{
			patches("apiservices.apiregistration.k8s.io v1.NS.example.com", `{"metadata":{"labels":{"kube-aggregator.kubernetes.io/automanaged":null}},"spec":{"versionPriority":7}}`),
			removes(definition),
		},
		done: gone(definition),
		after: func(w *world) {
			w.passes("the keeper deletes the definition", func() error { return w.keeper.Remove(w.at(definition)) })
			w.Until("it goes with its objects", func() bool { return w.gone(definition) })
		},
		alone: true,
	},
	{
		number: 68, name: "controller-of-a-lock-without-actors",
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  labels     aura=red
  deny       delete
  guard      labels, controllers, no owners, no namespace, no crd
  exempt     lifecycle
}
`,
		unguarded: "K0224",
		setup:     makes(vault),
		acts: []act{{what: "mint a token of the garbage collector", do: func(w *world) error {
			token, err := mint(w.mallory, "kube-system", "generic-garbage-collector", nil)
			if err != nil {
				return err
			}
			return w.robs(w.Holder("thief", w.Cluster.WithToken(token)))
		}}},
		done:  gone("configmaps NS/vault"),
		alone: true,
	},
	{
		number: 70, name: "label-of-a-namespace",
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  labels     aura=red
  deny       delete
  when       namespace label way = NS
  guard      namespace, no owners, no crd
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		unguarded: "K0243",
		setup:     makes(vault),
		acts: []act{
			patches("namespaces NS", `{"metadata":{"labels":{"way":"none"}}}`),
			removes("configmaps NS/vault"),
		},
		done: gone("configmaps NS/vault"),
	},
	{
		number: 70, name: "label-that-selects",
		policy: `
lock guarded {
  resources  configmaps
  namespace  labeled way=NS
  labels     aura=red
  deny       update
  guard      namespace
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		unguarded: "K0243",
		setup:     makes(vault),
		acts: []act{
			patches("namespaces NS", `{"metadata":{"labels":{"way":"none"}}}`),
			patches("configmaps NS/vault", `{"data":{"gold":"0"}}`),
		},
		done: func(w *world) bool {
			return fmt.Sprint(w.Admin.Get(w.at("configmaps NS/vault")).Object["data"]) == "map[gold:0]"
		},
	},
	{
		number: 71, name: "status-of-custom-resources",
		policy: `
resource widgets.NS.example.com/v1 namespaced kind Widget subresources status
lock guarded {
  resources  widgets.NS.example.com
  namespace  NS
  labels     aura=red
  deny       update
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`,
		setup: func(w *world) {
			w.define("status")
			w.make(widget)
			w.make(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: keeper, namespace: NS}
rules: [{apiGroups: ["NS.example.com"], resources: ["*"], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: keeper, namespace: NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: keeper}
subjects: [{kind: ServiceAccount, name: keeper, namespace: NS}]
`)
		},
		acts: []act{patches("widgets.NS.example.com NS/vault/status", `{"status":{"ready":true}}`)},
		done: func(w *world) bool { return w.field("widgets.NS.example.com NS/vault", "status", "ready") == true },
		after: func(w *world) {
			w.passes("the keeper writes the status", func() error {
				return w.keeper.Patch(w.at("widgets.NS.example.com NS/vault/status"), `{"status":{"ready":false}}`)
			})
		},
	},
	{
		number: 72, name: "status-of-a-quota",
		// This stays open under a lock on the quota, and says so.
		policy: `
lock guarded {
  resources  resourcequotas
  namespace  NS
  name       quota
  deny       update
  exempt     controllers
}
`,
		warns: "K0245",
		setup: makes(`{apiVersion: v1, kind: ResourceQuota, metadata: {name: quota, namespace: NS}, spec: {hard: {pods: "1"}}}`),
		acts: []act{
			patches("resourcequotas NS/quota", `{"spec":{"hard":{"pods":"9"}}}`),
			patches("resourcequotas NS/quota/status", `{"metadata":{"annotations":{"a":"b"}}}`),
			patches("resourcequotas NS/quota/status", `{"status":{"used":{"pods":"0"}}}`).refusedBy(nobody),
		},
	},
	{
		number: 72, name: "status-of-a-quota-locked",
		policy: `
lock guarded {
  resources  resourcequotas, resourcequotas/status
  namespace  NS
  name       quota
  deny       update
  exempt     controllers
}
`,
		setup: func(w *world) {
			w.make(`{apiVersion: v1, kind: ResourceQuota, metadata: {name: quota, namespace: NS}, spec: {hard: {pods: "5"}}}`)
			w.Until("the quota is counted", func() bool { return w.field("resourcequotas NS/quota", "status", "used") != nil })
		},
		acts: []act{patches("resourcequotas NS/quota/status", `{"status":{"used":{"pods":"3"}}}`)},
		after: func(w *world) {
			w.make(app)
			w.Until("it goes on being counted", func() bool {
				used, _ := w.field("resourcequotas NS/quota", "status", "used").(map[string]any)
				return used["pods"] == "1"
			})
		},
	},
	{
		number: 69, name: "lock-of-others",
		// Whoever passes the lock on the namespace, and not the one on its objects.
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  labels     aura=red
  deny       delete
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace, no crd
}
lock namespaces {
  resources  namespaces
  name       NS
  deny       delete
  exclusive  user mallory
  exempt     lifecycle
  guard      no owners, no crd
}
`,
		warns: "K0218",
		setup: makes(vault),
		acts: []act{
			{what: "delete the namespace", by: nobody, do: func(w *world) error { return w.mallory.Remove(w.at("namespaces NS")) }},
		},
		after: func(w *world) {
			w.Until("the namespace is gone with what was locked", func() bool { return w.gone("namespaces NS") })
		},
	},
}

// enlist has a certificate signed that says that its holder is the node.
func (w *world) enlist(who *stage.Actor, node string) (*stage.Actor, error) {
	request, key, err := cluster.SignRequest("system:node:"+node, "system:nodes")
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	requests := who.Typed.CertificatesV1().CertificateSigningRequests()
	object, err := requests.Create(ctx, &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{GenerateName: w.ns + "-"},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request: request, SignerName: certificatesv1.KubeAPIServerClientKubeletSignerName,
			Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	w.Until("the certificate is signed", func() bool {
		object, err = w.Admin.Typed.CertificatesV1().CertificateSigningRequests().Get(ctx, object.Name, metav1.GetOptions{})
		return err == nil && len(object.Status.Certificate) > 0
	})
	config, err := w.Cluster.WithCertificate(object.Status.Certificate, key)
	if err != nil {
		return nil, err
	}
	return w.Holder("thief", config), nil
}
