package e2e

import (
	"fmt"
	"strings"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The lives under the examples of examples/seed: besides what goes on, each shows that the sample's mistake is not made.

const webOf = "deployments.apps "

func scaled(replicas int) string { return fmt.Sprintf(`{"spec":{"replicas":%d}}`, replicas) }

// The namespace is made under the lock, as every namespace is one day, and what people made before goes on.
func liveWithForbiddenNamespace(s *stage.Stage, manifest []byte) {
	s.Namespace("forbidden-namespace", "")
	s.Allowed("a Deployment is made before", func() error { return s.Admin.Create(stage.Deployment("forbidden-namespace", "", "")) })
	s.Until("the Deployment rolls out", s.RolledOut("forbidden-namespace", 3))
	s.Apply(manifest)
	s.Refused("nothing-new", "make a ConfigMap", s.Admin.Create("{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: forbidden-namespace}}"))
	s.Refused("nothing-new", "make a pod", s.Admin.Create("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: forbidden-namespace}, spec: {containers: [{name: c, image: i}]}}"))
	s.Allowed("a ConfigMap is made elsewhere", func() error {
		return s.Admin.Create("{apiVersion: v1, kind: ConfigMap, metadata: {name: not-forbidden, namespace: default}}")
	})
	s.Allowed("it is deleted", func() error { return s.Admin.Remove("configmaps default/not-forbidden") })
	s.Allowed("a new image rolls out", func() error { return s.Admin.Patch(webOf+"forbidden-namespace/web", stage.NewImage) })
	s.Until("the rollout ends, with another ReplicaSet", s.RolledOut("forbidden-namespace", 3))
	s.RemoveNamespace("forbidden-namespace")

	s.Namespace("forbidden-namespace", "")
	s.Until("it has the certificates", func() bool { return s.Admin.Exists("configmaps forbidden-namespace/kube-root-ca.crt") })
	s.Refused("nothing-new", "make the Deployment", s.Admin.Create(stage.Deployment("forbidden-namespace", "", "")))
	s.RemoveNamespace("forbidden-namespace")
}

func liveWithKeptOut(s *stage.Stage, manifest []byte) {
	s.Namespace("ns1", "")
	s.Apply(manifest)
	user1, user2 := s.User("user1", cluster.Testers), s.User("user2", cluster.Testers)
	const web = stage.At(webOf + "ns1/web")
	s.Refused("not-user1", "make a Deployment", user1.Create(stage.Deployment("ns1", "", "")))
	s.Allowed("somebody else makes it", func() error { return user2.Create(stage.Deployment("ns1", "", "")) })
	s.Until("the Deployment rolls out", s.RolledOut("ns1", 3))
	pod := stage.At("pods ns1/" + s.Admin.First("pods ns1", "run=web"))
	s.Refused("not-user1", "scale it", user1.Patch(web+"/scale", scaled(0)))
	s.Refused("not-user1", "change the image", user1.Patch(web, stage.NewImage))
	s.Refused("not-user1", "delete a pod", user1.Remove(pod))
	s.Refused("not-user1", "delete the Deployment", user1.Remove(web))
	s.Refused("not-user1", "delete the namespace", user1.Remove("namespaces ns1"))
	s.Allowed("somebody else deletes a pod", func() error { return user2.Remove(pod) })
	s.Until("the pod is replaced", s.Replaced(pod, "ns1", 3))
	s.Allowed("somebody else scales it", func() error { return user2.Patch(web+"/scale", scaled(1)) })
	s.Until("it is scaled down", s.RolledOut("ns1", 1))
	s.RemoveNamespaceAs(user2, "ns1")
}

func liveWithReplicas(s *stage.Stage, manifest []byte) {
	s.Namespace("shop", "")
	s.Apply(manifest)
	const web = stage.At(webOf + "shop/web")
	s.Allowed("a Deployment is made", func() error { return s.Admin.Create(stage.Deployment("shop", "", "")) })
	s.Until("the Deployment rolls out", s.RolledOut("shop", 3))
	s.Refused("at-most-five", "ask for six", s.Admin.Patch(web, scaled(6)))
	s.Refused("at-most-five", "scale to six", s.Admin.Patch(web+"/scale", scaled(6)))
	s.Allowed("it is scaled to five", func() error { return s.Admin.Patch(web+"/scale", scaled(5)) })
	s.Until("it is scaled up", s.RolledOut("shop", 5))
	s.Allowed("a new image rolls out", func() error { return s.Admin.Patch(web, stage.NewImage) })
	s.Until("the rollout ends", s.RolledOut("shop", 5))
	s.RemoveNamespace("shop")
}

func liveWithTestNamespaces(s *stage.Stage, manifest []byte) {
	s.Namespace("shop", "environment: test")
	s.Apply(manifest)
	platform := s.User("pat", "platform", cluster.Testers)
	const web, shop = stage.At(webOf + "shop/web"), stage.At("namespaces shop")
	s.Allowed("a Deployment is made", func() error { return s.Admin.Create(stage.Deployment("shop", "", "")) })
	s.Until("the Deployment rolls out", s.RolledOut("shop", 3))
	s.Refused("at-most-five", "scale to six", s.Admin.Patch(web+"/scale", scaled(6)))
	s.Refused("at-most-five", "take the label off", s.Admin.Patch(shop, `{"metadata":{"labels":{"environment":null}}}`))
	s.Refused("at-most-five", "delete the namespace", s.Admin.Remove(shop))
	s.Allowed("another label is put on", func() error { return s.Admin.Patch(shop, `{"metadata":{"labels":{"team":"web"}}}`) })
	s.Allowed("the platform team takes the label off", func() error { return platform.Patch(shop, `{"metadata":{"labels":{"environment":null}}}`) })
	s.Allowed("it is scaled to six", func() error { return s.Admin.Patch(web+"/scale", scaled(6)) })
	s.Until("it is scaled up", s.RolledOut("shop", 6))
	s.Allowed("the label is put on again", func() error { return s.Admin.Patch(shop, `{"metadata":{"labels":{"environment":"test"}}}`) })
	s.Allowed("a new image rolls out, with six as before", func() error { return s.Admin.Patch(web, stage.NewImage) })
	s.Until("the rollout ends", s.RolledOut("shop", 6))
	s.RemoveNamespaceAs(platform, "shop")
}

// A server of ours answers for the webhook. Who calls it, the cases of the example say.
func liveWithScopedWebhook(s *stage.Stage, manifest []byte) {
	s.Namespace("judged", "webhook-example: enabled")
	s.Namespace("shop", "")
	s.Apply(manifest)
	platform := s.User("pat", "platform", cluster.Testers)
	for _, namespace := range []string{"judged", "shop"} {
		s.Allowed("a Deployment is made", func() error { return s.Admin.Create(stage.Deployment(namespace, "", "")) })
		s.Until("the Deployment rolls out", s.RolledOut(namespace, 3))
	}
	s.Refused("stays-under-it", "take the label off", s.Admin.Patch("namespaces judged", `{"metadata":{"labels":{"webhook-example":null}}}`))
	s.Refused("stays-under-it", "delete the namespace", s.Admin.Remove("namespaces judged"))
	s.RemoveNamespaceAs(platform, "judged")
	s.RemoveNamespace("shop")
}

func liveWithConsentingWebhooks(s *stage.Stage, manifest []byte) {
	s.Namespace("shop", "")
	s.Namespace("kcl", "")
	s.Apply(manifest)
	const web = stage.At(webOf + "shop/web")
	s.Allowed("a Deployment is made that agrees to nothing", func() error { return s.Admin.Create(stage.Deployment("shop", "", "")) })
	s.Until("the Deployment rolls out", s.RolledOut("shop", 3))
	s.Refused("https-only.kcl.example.com", "agree for others", s.Admin.Patch(web, `{"metadata":{"annotations":{"klock.dev/can-validate":"*"}}}`))
	s.Allowed("a new image rolls out", func() error { return s.Admin.Patch(web, stage.NewImage) })
	s.Until("the rollout ends", s.RolledOut("shop", 3))
	s.RemoveNamespace("shop")
	s.RemoveNamespace("kcl")
}

func liveWithShards(s *stage.Stage, manifest []byte) {
	s.Define(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Demo"}, "demos", "status")
	s.Namespace("demo", "")
	s.Apply(manifest)
	replica := s.Bound("operators", "operator-demo", "operator-demo-0", cluster.Testers)
	unbound := s.Account("operators", "operator-demo", cluster.Testers)
	platform := s.User("pat", "platform", cluster.Testers)
	demo := func(name, shard string) string {
		return `{apiVersion: example.com/v1, kind: Demo, metadata: {name: ` + name + `, namespace: demo, labels: {shard: "` + shard + `"}}, spec: {size: 1}}`
	}
	const mine, others = stage.At("demos.example.com demo/mine"), stage.At("demos.example.com demo/others")
	s.Allowed("Demos are made", func() error { return s.Admin.Create(demo("mine", "0") + "\n---\n" + demo("others", "1")) })
	s.Allowed("the replica writes its own", func() error { return replica.Patch(mine, `{"spec":{"size":2}}`) })
	s.Allowed("and its status", func() error { return replica.Patch(mine+"/status", `{"status":{"ready":true}}`) })
	s.Refused("of-its-shard", "write another's", replica.Patch(others, `{"spec":{"size":2}}`))
	s.Refused("of-its-shard", "write another's status", replica.Patch(others+"/status", `{"status":{"ready":true}}`))
	s.Refused("of-its-shard", "delete another's", replica.Remove(others))
	s.Refused("of-its-shard", "write with a token that is bound to no pod", unbound.Patch(mine, `{"spec":{"size":3}}`))
	if !replica.Exists(others) {
		s.T.Error("reads are not kept from others, and the replica does not see the object of another")
	}
	s.Refused("moved", "give it to another", s.Admin.Patch(mine, `{"metadata":{"labels":{"shard":"1"}}}`))
	s.Allowed("the platform team gives it to another", func() error { return platform.Patch(mine, `{"metadata":{"labels":{"shard":"1"}}}`) })
	s.Refused("of-its-shard", "write what is another's now", replica.Patch(mine, `{"spec":{"size":4}}`))
	s.RemoveNamespace("demo")
	s.Allowed("the definition goes", func() error {
		return s.Admin.Remove("customresourcedefinitions.apiextensions.k8s.io demos.example.com")
	})
}

// A namespace is made under the lock: what the control plane makes there has no such annotation.
func liveWithConditionalAnnotation(s *stage.Stage, manifest []byte) {
	s.Apply(manifest)
	s.Namespace("shop", "")
	s.Until("the namespace has the certificates", func() bool { return s.Admin.Exists("configmaps shop/kube-root-ca.crt") })
	// compiler/kubernetes/made.def says so.
	if made := s.Admin.Get("configmaps shop/kube-root-ca.crt"); len(made.GetLabels()) != 0 || len(made.GetAnnotations()) != 1 || made.GetAnnotations()["kubernetes.io/description"] == "" {
		s.T.Errorf("the ConfigMap of the certificates has labels %v and annotations %v", made.GetLabels(), made.GetAnnotations())
	}
	if made := s.Admin.Get("serviceaccounts shop/default"); len(made.GetLabels()) != 0 || len(made.GetAnnotations()) != 0 {
		s.T.Errorf("the default account has labels %v and annotations %v", made.GetLabels(), made.GetAnnotations())
	}

	settings := func(annotations string) string {
		return "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop, annotations: {" + annotations + "}}}"
	}
	const local, managed = `config.kubernetes.io/local-config: "true"`, "configmanagement.gke.io/managed: disabled"
	const place = stage.At("configmaps shop/settings")
	s.Refused("not-managed", "make it without the second annotation", s.Admin.Create(settings(local)))
	s.Allowed("it is made with both", func() error { return s.Admin.Create(settings(local + ", " + managed)) })
	s.Refused("not-managed", "take the second off", s.Admin.Patch(place, `{"metadata":{"annotations":{"configmanagement.gke.io/managed":null}}}`))
	s.Allowed("both are taken off", func() error { return s.Admin.Patch(place, `{"metadata":{"annotations":null}}`) })
	s.Refused("not-managed", "put the first on alone", s.Admin.Patch(place, `{"metadata":{"annotations":{"config.kubernetes.io/local-config":"true"}}}`))

	web := strings.Replace(stage.Deployment("shop", "", ""), "labels: {}}", "annotations: {"+local+", "+managed+"}}", 1)
	s.Allowed("a Deployment is made with both", func() error { return s.Admin.Create(web) })
	s.Until("the Deployment rolls out", s.RolledOut("shop", 3))
	s.Allowed("a new image rolls out", func() error { return s.Admin.Patch(webOf+"shop/web", stage.NewImage) })
	s.Until("the rollout ends", s.RolledOut("shop", 3))
	s.RemoveNamespace("shop")
}

func liveWithFluxTenant(s *stage.Stage, manifest []byte) {
	s.Define(schema.GroupVersionKind{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Kind: "Kustomization"}, "kustomizations", "status")
	s.Apply(manifest)
	dana := s.User("dana", "guestbook-team", cluster.Testers)
	flux := s.Account("flux-system", "kustomize-controller", cluster.Testers)
	tenant := s.Account("guestbook", "guestbook", cluster.Testers)
	s.Until("the namespace has its account", func() bool { return s.Admin.Exists("serviceaccounts guestbook/default") })
	s.Refused("tenants-kustomizations", "name no account", dana.Create("{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: app, namespace: guestbook}, spec: {path: ./}}"))
	s.Allowed("a Kustomization names the account", func() error {
		return dana.Create("{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: app, namespace: guestbook}, spec: {path: ./, serviceAccountName: guestbook}}")
	})
	s.Refused("tenants-kustomizations", "take the name away", dana.Patch("kustomizations.kustomize.toolkit.fluxcd.io guestbook/app", `{"spec":{"serviceAccountName":null}}`))
	s.Allowed("Flux writes its finalizer", func() error {
		return flux.Patch("kustomizations.kustomize.toolkit.fluxcd.io guestbook/app", `{"metadata":{"finalizers":["finalizers.fluxcd.io"]}}`)
	})
	s.Allowed("and its status", func() error {
		return flux.Patch("kustomizations.kustomize.toolkit.fluxcd.io guestbook/app/status", `{"status":{"observedGeneration":1}}`)
	})
	s.Allowed("the account makes a Deployment", func() error { return tenant.Create(stage.Deployment("guestbook", "", "")) })
	s.Until("the Deployment rolls out", s.RolledOut("guestbook", 3))
	s.Refused("tenants", "roll out as an administrator", s.Admin.Patch(webOf+"guestbook/web", stage.NewImage))
	s.Allowed("the account rolls out", func() error { return tenant.Patch(webOf+"guestbook/web", stage.NewImage) })
	s.Until("the rollout ends", s.RolledOut("guestbook", 3))
	s.Allowed("the Kustomization is deleted", func() error { return dana.Remove("kustomizations.kustomize.toolkit.fluxcd.io guestbook/app") })
	s.Allowed("and let go by Flux", func() error {
		return flux.Patch("kustomizations.kustomize.toolkit.fluxcd.io guestbook/app", `{"metadata":{"finalizers":null}}`)
	})
	s.RemoveNamespaceAs(s.User("pat", "platform", cluster.Testers), "guestbook")
}

func liveWithAsserted(s *stage.Stage, manifest []byte) {
	s.Allowed("the quick start is made", func() error {
		return s.Admin.Create("{apiVersion: v1, kind: ConfigMap, metadata: {name: quick-start, namespace: default, labels: {app: quick-start}}, data: {foo: bar}}")
	})
	s.Apply(manifest)
	rita := s.User("rita", "releases", cluster.Testers)
	s.Refused("quick-start", "change it", s.Admin.Patch("configmaps default/quick-start", `{"data":{"foo":"lorem"}}`))
	s.Refused("quick-start", "delete it", s.Admin.Remove("configmaps default/quick-start"))
	s.Allowed("releases change it", func() error { return rita.Patch("configmaps default/quick-start", `{"data":{"foo":"lorem"}}`) })
	s.Allowed("releases delete it", func() error { return rita.Remove("configmaps default/quick-start") })
}
