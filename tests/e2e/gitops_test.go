package e2e

import (
	"fmt"
	"slices"
	"strings"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// gitops is what applies objects from Git: each time a dry run of all of them and then the real thing, as kustomize-controller does,
// and the deletion of what Git no longer holds, in the order of a namespace's end.
type gitops struct {
	*stage.Stage
	who     *stage.Actor
	manager string
	// mark is put on everything that is applied.
	mark string
}

// part is an object as Git holds it: its place, kind and body behind the metadata.
type part struct {
	place           stage.At
	api, kind, body string
}

func (g *gitops) text(p part) string {
	_, where, _ := strings.Cut(string(p.place), " ")
	namespace, name, namespaced := strings.Cut(where, "/")
	if !namespaced {
		return fmt.Sprintf("{apiVersion: %s, kind: %s, metadata: {name: %s, %s}%s}", p.api, p.kind, namespace, g.mark, p.body)
	}
	return fmt.Sprintf("{apiVersion: %s, kind: %s, metadata: {name: %s, namespace: %s, %s}%s}", p.api, p.kind, name, namespace, g.mark, p.body)
}

func (g *gitops) reconcile(what string, parts ...part) {
	g.T.Helper()
	for _, p := range parts {
		// Before its namespace is there, nothing in it can be tried.
		_, where, _ := strings.Cut(string(p.place), " ")
		if namespace, _, in := strings.Cut(where, "/"); in && !g.Admin.Exists(stage.At("namespaces "+namespace)) {
			continue
		}
		g.Allowed(what+": a dry run of "+string(p.place), func() error { return g.who.Apply(g.manager, g.text(p), metav1.DryRunAll) })
	}
	for _, p := range parts {
		g.Allowed(what+": "+string(p.place), func() error { return g.who.Apply(g.manager, g.text(p)) })
	}
}

func (g *gitops) prune(propagation metav1.DeletionPropagation, places ...stage.At) {
	g.T.Helper()
	for _, place := range slices.Backward(places) {
		g.Allowed("what Git no longer holds goes: "+string(place), func() error { return g.who.Delete(place, propagation) })
	}
}

// appParts are an application as it is kept in Git. The autoscaler scales it, so that Git does not say how many pods there are.
func appParts(image int, theme string) []part {
	return []part{
		{"namespaces shop", "v1", "Namespace", ""},
		{"configmaps shop/settings", "v1", "ConfigMap", ", data: {theme: " + theme + "}"},
		{"serviceaccounts shop/web", "v1", "ServiceAccount", ""},
		{"roles.rbac.authorization.k8s.io shop/reader", "rbac.authorization.k8s.io/v1", "Role", `, rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]`},
		{"services shop/web", "v1", "Service", ", spec: {selector: {run: web}, ports: [{port: 80}]}"},
		{"poddisruptionbudgets.policy shop/web", "policy/v1", "PodDisruptionBudget", ", spec: {maxUnavailable: 1, selector: {matchLabels: {run: web}}}"},
		{"deployments.apps shop/web", "apps/v1", "Deployment", fmt.Sprintf(
			", spec: {selector: {matchLabels: {run: web}}, template: {metadata: {labels: {run: web}}, spec: {containers: [{name: c, image: 'registry.example/image:%d'}]}}}", image)},
		{"horizontalpodautoscalers.autoscaling shop/web", "autoscaling/v2", "HorizontalPodAutoscaler",
			", spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: 3, maxReplicas: 6}"},
		{"cronjobs.batch shop/often", "batch/v1", "CronJob",
			`, spec: {schedule: "* * * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}`},
		{"jobs.batch shop/once", "batch/v1", "Job", ", spec: {ttlSecondsAfterFinished: 1, template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}"},
	}
}

const (
	webAt     = stage.At("deployments.apps shop/web")
	restarted = `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-08-01T12:00:00Z"}}}}}`
)

// liveFromGit is the life of an application that comes from Git, until what it is made of is to go. unmark is a patch that takes
// the mark off.
func liveFromGit(g *gitops, unmark string) {
	s := g.Stage
	s.T.Helper()
	oncall := s.User("carol", "platform-oncall", cluster.Testers)
	dana := s.User("dana", "team-shop", cluster.Testers)

	g.reconcile("it is applied", appParts(1, "light")...)
	s.Until("the autoscaler scales it to three", s.RolledOut("shop", 3))
	s.Until("the Job ends and is taken away", func() bool { return !s.Admin.Exists("jobs.batch shop/once") })
	app := slices.DeleteFunc(appParts(1, "light"), func(p part) bool { return p.kind == "Job" })
	g.reconcile("nothing has changed", app...)
	for _, p := range app {
		s.Allowed("an administrator applies the same: "+string(p.place), func() error { return s.Admin.Apply("kubectl", g.text(p)) })
		// Each of the managers has it now, as where Flux finds what kubectl had applied: it takes that away.
		s.Allowed("its manager is taken away", func() error { return g.who.Patch(p.place, `{"metadata":{"managedFields":[{}]}}`) })
	}
	g.reconcile("it takes its fields back", app...)

	const lock = "from-git"
	for what, err := range map[string]error{
		"change the image":          s.Admin.Patch(webAt, stage.NewImage),
		"scale":                     s.Admin.Patch(webAt+"/scale", `{"spec":{"replicas":0}}`),
		"delete the Deployment":     s.Admin.Remove(webAt),
		"apply other settings":      s.Admin.Apply("kubectl", g.text(part{"configmaps shop/settings", "v1", "ConfigMap", ", data: {theme: dark}"})),
		"delete the Service":        s.Admin.Remove("services shop/web"),
		"suspend the CronJob":       s.Admin.Patch("cronjobs.batch shop/often", `{"spec":{"suspend":true}}`),
		"change the autoscaler":     s.Admin.Patch("horizontalpodautoscalers.autoscaling shop/web", `{"spec":{"minReplicas":1}}`),
		"extend the Role":           s.Admin.Patch("roles.rbac.authorization.k8s.io shop/reader", `{"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}`),
		"take its mark off":         s.Admin.Patch("configmaps shop/settings", unmark),
		"take it off in its status": s.Admin.Patch("namespaces shop/status", unmark),
		"delete the namespace":      s.Admin.Remove("namespaces shop"),
	} {
		s.Refused(lock, what, err)
	}

	s.Allowed("a person annotates", func() error {
		return dana.Patch("services shop/web", `{"metadata":{"annotations":{"a":"b"},"finalizers":["example.com/load-balancer"]}}`)
	})
	s.Allowed("a person takes the finalizer off", func() error { return dana.Patch("services shop/web", `{"metadata":{"finalizers":null}}`) })
	s.Allowed("a person restarts", func() error { return dana.Patch(webAt, restarted) })
	s.Until("the restart rolls out", s.RolledOut("shop", 3))
	pod := stage.At("pods shop/" + s.Admin.First("pods shop", "run=web"))
	s.Allowed("a person deletes a pod", func() error { return dana.Remove(pod) })
	s.Until("the pod is replaced", s.Replaced(pod, "shop", 3))

	g.reconcile("an image and settings", slices.DeleteFunc(appParts(2, "dark"), func(p part) bool { return p.kind == "Job" })...)
	s.Until("the image rolls out", s.RolledOut("shop", 3))
	s.Allowed("on-call repairs", func() error { return oncall.Patch("configmaps shop/settings", `{"data":{"theme":"none"}}`) })
	s.Allowed("on-call scales", func() error { return oncall.Patch(webAt+"/scale", `{"spec":{"replicas":4}}`) })
	s.Until("there are four", s.RolledOut("shop", 4))
	g.reconcile("it is healed", part{"configmaps shop/settings", "v1", "ConfigMap", ", data: {theme: dark}"})
	if theme := s.Admin.Get("configmaps shop/settings").Object["data"].(map[string]any)["theme"]; theme != "dark" {
		s.T.Errorf("the settings are %v after they are healed", theme)
	}
	s.Allowed("a person's own object is changed", func() error {
		if err := dana.Create("{apiVersion: v1, kind: ConfigMap, metadata: {name: mine, namespace: shop}}"); err != nil {
			return err
		}
		return dana.Remove("configmaps shop/mine")
	})
}

// Flux applies with its labels, which a Service hands on to its EndpointSlices.
func liveWithFlux(s *stage.Stage, manifest []byte) {
	s.Define(schema.GroupVersionKind{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Kind: "Kustomization"}, "kustomizations", "status")
	s.Define(schema.GroupVersionKind{Group: "source.toolkit.fluxcd.io", Version: "v1", Kind: "GitRepository"}, "gitrepositories", "status")
	s.Namespace("flux-system", "")
	s.Apply(manifest)
	kustomize := s.Account("flux-system", "kustomize-controller", cluster.Testers)
	source := s.Account("flux-system", "source-controller", cluster.Testers)
	const label = "kustomize.toolkit.fluxcd.io/name"
	root := &gitops{s, kustomize, "kustomize-controller", "labels: {" + label + ": flux-system, kustomize.toolkit.fluxcd.io/namespace: flux-system}"}
	app := &gitops{s, kustomize, "kustomize-controller", "labels: {" + label + ": shop, kustomize.toolkit.fluxcd.io/namespace: flux-system}"}

	const shop, repository = stage.At("kustomizations.kustomize.toolkit.fluxcd.io flux-system/shop"), stage.At("gitrepositories.source.toolkit.fluxcd.io flux-system/shop")
	fromGit := []part{
		{repository, "source.toolkit.fluxcd.io/v1", "GitRepository", ", spec: {url: 'ssh://ours', interval: 1m}"},
		{shop, "kustomize.toolkit.fluxcd.io/v1", "Kustomization", ", spec: {path: ./shop, prune: true, interval: 10m}"},
	}
	root.reconcile("the root applies", fromGit...)
	for place, who := range map[stage.At]*stage.Actor{shop: kustomize, repository: source} {
		s.Allowed("its controller puts the finalizer on", func() error { return who.Patch(place, `{"metadata":{"finalizers":["finalizers.fluxcd.io"]}}`) })
		s.Allowed("its controller writes the status", func() error { return who.Patch(place+"/status", `{"status":{"observedGeneration":1}}`) })
	}
	liveFromGit(app, `{"metadata":{"labels":{"`+label+`":null}}}`)
	if s.Admin.Count("endpointslices.discovery.k8s.io shop", label+"=shop") == 0 {
		s.T.Error("no EndpointSlice has the label of its Service")
	}

	s.Refused("from-git", "delete the Kustomization", s.Admin.Remove(shop))
	s.Refused("from-git", "let it prune elsewhere", s.Admin.Patch(shop, `{"spec":{"path":"./mine"}}`))
	s.Refused("from-git", "apply from elsewhere", s.Admin.Patch(repository, `{"spec":{"url":"ssh://mine"}}`))
	s.Allowed("a person asks for a reconciliation", func() error {
		return s.Admin.Patch(shop, `{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":"now"}}}`)
	})
	s.Allowed("on-call suspends", func() error {
		return s.User("carol", "platform-oncall", cluster.Testers).Patch(shop, `{"spec":{"suspend":true}}`)
	})
	root.reconcile("the root resumes", fromGit...)

	app.prune(metav1.DeletePropagationBackground, "services shop/web")
	s.Until("the EndpointSlices are collected", func() bool {
		return s.Admin.Count("endpointslices.discovery.k8s.io shop", "kubernetes.io/service-name=web") == 0
	})
	root.prune(metav1.DeletePropagationBackground, shop)
	s.Until("the Kustomization waits for its controller", func() bool { return s.Admin.Get(shop).GetDeletionTimestamp() != nil })
	app.prune(metav1.DeletePropagationBackground, "configmaps shop/settings", webAt, "horizontalpodautoscalers.autoscaling shop/web", "cronjobs.batch shop/often")
	s.Until("what it owned is collected", collected(s, "shop"))
	app.prune(metav1.DeletePropagationBackground, "namespaces shop")
	s.Until("the namespace is gone", func() bool { return !s.Admin.Exists("namespaces shop") })
	s.Allowed("the finalizer goes", func() error { return kustomize.Patch(shop, `{"metadata":{"finalizers":null}}`) })
	s.Until("the Kustomization is gone", func() bool { return !s.Admin.Exists(shop) })
	root.prune(metav1.DeletePropagationBackground, repository)
	s.Allowed("source-controller lets its source go", func() error { return source.Patch(repository, `{"metadata":{"finalizers":null}}`) })
	s.RemoveNamespace("flux-system")
}

// Argo CD applies with its annotation, which a Deployment hands on to its ReplicaSets.
func liveWithArgoCD(s *stage.Stage, manifest []byte) {
	s.Define(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Application"}, "applications")
	s.Namespace("argocd", "")
	s.Apply(manifest)
	controller := s.Account("argocd", "argocd-application-controller", cluster.Testers)
	server := s.Account("argocd", "argocd-server", cluster.Testers)
	dana := s.User("dana", "team-shop", cluster.Testers)
	const annotation = "argocd.argoproj.io/tracking-id"
	app := &gitops{s, controller, "argocd-controller", "annotations: {" + annotation + ": 'shop:any'}"}

	const shop = stage.At("applications.argoproj.io argocd/shop")
	s.Allowed("a person makes an Application", func() error {
		return dana.Create("{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: shop, namespace: argocd, finalizers: [resources-finalizer.argocd.argoproj.io]}, spec: {source: {path: shop}}}")
	})
	s.Allowed("Argo CD writes its status", func() error { return controller.Patch(shop, `{"status":{"sync":{"status":"OutOfSync"}}}`) })
	liveFromGit(app, `{"metadata":{"annotations":{"`+annotation+`":null}}}`)
	set := s.Admin.First("replicasets.apps shop", "run=web")
	if s.Admin.Get(stage.At("replicasets.apps shop/" + set)).GetAnnotations()[annotation] == "" {
		s.T.Error("the ReplicaSet has no annotation of its Deployment")
	}

	s.Refused("applications", "delete the Application", s.Admin.Remove(shop))
	s.Refused("applications", "sync from elsewhere", s.Admin.Patch(shop, `{"spec":{"source":{"path":"mine"}}}`))
	s.Refused("applications", "delete Argo CD's namespace", s.Admin.Remove("namespaces argocd"))
	s.Allowed("a person refreshes and syncs", func() error {
		return dana.Patch(shop, `{"metadata":{"annotations":{"argocd.argoproj.io/refresh":"hard"}},"operation":{"sync":{"revision":"main"}}}`)
	})
	s.Allowed("Argo CD takes the operation", func() error {
		return controller.Patch(shop, `{"operation":null,"status":{"sync":{"status":"Synced"}}}`)
	})
	s.Allowed("on-call stops healing", func() error {
		return s.User("carol", "platform-oncall", cluster.Testers).Patch(shop, `{"spec":{"syncPolicy":{"automated":null}}}`)
	})

	app.prune(metav1.DeletePropagationForeground, "services shop/web")
	s.Until("the EndpointSlices are collected", func() bool {
		return s.Admin.Count("endpointslices.discovery.k8s.io shop", "kubernetes.io/service-name=web") == 0
	})
	s.Allowed("it is deleted in the interface", func() error { return server.Remove(shop) })
	app.prune(metav1.DeletePropagationForeground, "configmaps shop/settings", webAt, "horizontalpodautoscalers.autoscaling shop/web", "cronjobs.batch shop/often")
	s.Until("what it owned is collected", collected(s, "shop"))
	s.Until("the Deployment goes after it", func() bool { return !s.Admin.Exists(webAt) })
	app.prune(metav1.DeletePropagationForeground, "namespaces shop")
	s.Until("the namespace is gone", func() bool { return !s.Admin.Exists("namespaces shop") })
	s.Allowed("the finalizer goes", func() error { return controller.Patch(shop, `{"metadata":{"finalizers":null}}`) })
	s.Until("the Application is gone", func() bool { return !s.Admin.Exists(shop) })
	s.RemoveNamespaceAs(s.User("carol", "platform-oncall", cluster.Testers), "argocd")
}

// External Secrets Operator makes a Secret, which its ExternalSecret owns and a pod mounts.
func liveWithExternalSecrets(s *stage.Stage, manifest []byte) {
	s.Define(schema.GroupVersionKind{Group: "external-secrets.io", Version: "v1", Kind: "ExternalSecret"}, "externalsecrets", "status")
	s.Namespace("shop", "")
	s.Apply(manifest)
	operator := s.Account("external-secrets", "external-secrets", cluster.Testers)
	flux := s.Account("flux-system", "kustomize-controller", cluster.Testers)
	dana := s.User("dana", "team-shop", cluster.Testers)
	const external, secret = stage.At("externalsecrets.external-secrets.io shop/db"), stage.At("secrets shop/db")
	// The operator applies with the owner, as its policy of creation says by default.
	fetch := func(password string) error {
		return operator.Apply("external-secrets", fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata:
  name: db
  namespace: shop
  labels: {reconcile.external-secrets.io/managed: "true", reconcile.external-secrets.io/created-by: x}
  annotations: {reconcile.external-secrets.io/data-hash: %s}
  ownerReferences: [{apiVersion: external-secrets.io/v1, kind: ExternalSecret, name: db, uid: %s, controller: true, blockOwnerDeletion: true}]
stringData: {password: %[1]s}
`, password, s.Admin.Get(external).GetUID()))
	}
	begin := func() {
		s.T.Helper()
		s.Allowed("a person makes an ExternalSecret", func() error {
			return dana.Create("{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {name: db, namespace: shop}, spec: {refreshInterval: 1h}}")
		})
		s.Allowed("the operator puts its finalizer on", func() error {
			return operator.Patch(external, `{"metadata":{"finalizers":["externalsecrets.external-secrets.io/externalsecret-cleanup"]}}`)
		})
		s.Allowed("the operator fetches", func() error { return fetch("one") })
		s.Allowed("it writes the status", func() error { return operator.Patch(external+"/status", `{"status":{"refreshTime":"now"}}`) })
	}
	begin()
	s.Allowed("a Deployment mounts the Secret", func() error {
		return dana.Create(strings.Replace(stage.Deployment("shop", "", ""), "containers:", "volumes: [{name: db, secret: {secretName: db}}]\n      containers:", 1))
	})
	s.Until("its pods run", s.RolledOut("shop", 3))

	s.Refused("fetched", "change the Secret", dana.Patch(secret, `{"stringData":{"password":"mine"}}`))
	s.Refused("fetched", "take the label off", s.Admin.Patch(secret, `{"metadata":{"labels":{"reconcile.external-secrets.io/managed":null}}}`))
	s.Refused("fetched", "give it another owner", s.Admin.Patch(secret, `{"metadata":{"ownerReferences":null}}`))
	s.Refused("fetched", "delete it", s.Admin.Remove(secret))
	s.Refused("sources", "delete the ExternalSecret", s.Admin.Remove(external))
	s.Refused("sources", "delete the definition", s.Admin.Remove("customresourcedefinitions.apiextensions.k8s.io externalsecrets.external-secrets.io"))
	s.Allowed("a person edits the ExternalSecret", func() error { return dana.Patch(external, `{"spec":{"refreshInterval":"5m"}}`) })
	s.Allowed("the operator fetches again", func() error { return fetch("two") })
	s.Allowed("a person reads it", func() error {
		if s.Admin.Get(secret).Object["data"].(map[string]any)["password"] != "dHdv" {
			return fmt.Errorf("it is not what was fetched")
		}
		return nil
	})
	s.Allowed("a person's own Secret is changed", func() error {
		if err := dana.Create("{apiVersion: v1, kind: Secret, metadata: {name: mine, namespace: shop}}"); err != nil {
			return err
		}
		return dana.Remove("secrets shop/mine")
	})

	s.Allowed("Flux prunes the ExternalSecret", func() error { return flux.Delete(external, metav1.DeletePropagationBackground) })
	s.Allowed("the operator lets it go", func() error { return operator.Patch(external, `{"metadata":{"finalizers":null}}`) })
	s.Until("the Secret is collected", func() bool { return !s.Admin.Exists(secret) })

	begin()
	s.Allowed("the operator itself deletes a Secret", func() error { return operator.Remove(secret) })
	s.Allowed("and makes it again", func() error { return fetch("three") })
	s.Allowed("the namespace is deleted", func() error { return s.Admin.Remove("namespaces shop") })
	s.Until("the ExternalSecret waits for the operator", func() bool { return s.Admin.Get(external).GetDeletionTimestamp() != nil })
	s.Allowed("the operator lets it go", func() error { return operator.Patch(external, `{"metadata":{"finalizers":null}}`) })
	s.Until("the namespace is gone", func() bool { return !s.Admin.Exists("namespaces shop") })
}

// liveWithSelfService has a team lock and unlock what stands in its namespace, while its workload goes on.
func liveWithSelfService(s *stage.Stage, manifest []byte) {
	s.Apply(manifest)
	dana, eve := s.User("dana", "team-shop", cluster.Testers), s.User("eve", "team-pay", cluster.Testers)
	platform := s.User("pat", "platform", cluster.Testers)
	s.Namespace("shop", "team: shop")
	s.Allowed("the team deploys", func() error { return dana.Create(stage.Deployment("shop", "app: web", "")) })
	s.Allowed("with a Service", func() error {
		return dana.Create("{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: {selector: {run: web}, ports: [{port: 80}]}}")
	})
	s.Until("it runs", s.RolledOut("shop", 3))
	lock := func(name, data string) string {
		return fmt.Sprintf(`{apiVersion: v1, kind: ConfigMap, metadata: {name: %s, namespace: shop, labels: {klock.dev/lock: "true"}}, data: {%s}}`, name, data)
	}
	touch := func(who *stage.Actor) error {
		return who.Patch("services shop/web", `{"metadata":{"labels":{"touched":"yes"}}}`)
	}
	s.Refused("who-locks", "another team locks", eve.Create(lock("sale", "labels: app=web")))
	s.Refused("team-locks", "make a ConfigMap that says no lock", dana.Create(lock("sale", "labels: app!=web")))
	s.Allowed("the team locks", func() error { return dana.Create(lock("sale", "labels: app=web, exclusive: user dana")) })
	s.Until("it is locked", func() bool { return touch(s.Admin) != nil })
	s.Refused("team-locks", "an administrator changes the Service", touch(s.Admin))
	s.Refused("workloads-stay", "an administrator deletes the workload", s.Admin.Remove(webAt))
	s.Refused("workloads-stay", "an administrator takes the label off", s.Admin.Patch(webAt, `{"metadata":{"labels":{"app":null}}}`))
	if err := s.Admin.Remove("configmaps shop/sale"); err == nil || !strings.Contains(err.Error(), "the ConfigMap is a lock") {
		s.T.Errorf("an administrator unlocks: %v", err)
	}
	if err := s.Admin.Remove("namespaces shop"); err == nil || !strings.Contains(err.Error(), "ConfigMap sale;") {
		s.T.Errorf("an administrator deletes the namespace: %v", err)
	}
	s.Allowed("an administrator rolls out", func() error { return s.Admin.Patch(webAt, stage.NewImage) })
	s.Until("the rollout ends", s.RolledOut("shop", 3))
	pod := stage.At("pods shop/" + s.Admin.First("pods shop", "run=web"))
	s.Allowed("and deletes a pod", func() error { return s.Admin.Remove(pod) })
	s.Until("which is replaced", s.Replaced(pod, "shop", 3))
	s.Allowed("the team changes the Service", func() error { return touch(dana) })
	s.Allowed("the team unlocks", func() error { return dana.Remove("configmaps shop/sale") })
	s.Allowed("an administrator changes the Service then", func() error {
		return s.Admin.Patch("services shop/web", `{"metadata":{"labels":{"touched":"again"}}}`)
	})
	s.Allowed("the team locks for ever", func() error { return dana.Create(lock("for-ever", "labels: app")) })
	s.Until("it is locked", func() bool { return touch(dana) != nil })
	s.Allowed("the platform team unlocks", func() error { return platform.Remove("configmaps shop/for-ever") })
	s.Allowed("the namespace is deleted", func() error { return s.Admin.Remove("namespaces shop") })
	s.Until("it is gone", func() bool { return !s.Admin.Exists("namespaces shop") })
}

// Teams have a namespace each, which a label gives them.
func liveWithTeams(s *stage.Stage, manifest []byte) {
	s.Apply(manifest)
	platform := s.User("pat", "platform", cluster.Testers)
	shop, pay := s.User("dana", "team-shop", cluster.Testers), s.User("paul", "team-pay", cluster.Testers)
	namespace := func(name, team string) string {
		return fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {team: %s}}}", name, team)
	}
	s.Refused("whose-namespace", "make a namespace of the team", shop.Create(namespace("shop", "shop")))
	for _, team := range []string{"shop", "pay"} {
		s.Allowed("the platform makes a namespace", func() error { return platform.Create(namespace(team, team)) })
		s.Until("it has its ServiceAccount", func() bool { return s.Admin.Exists(stage.At("serviceaccounts " + team + "/default")) })
	}
	s.Until("and the certificates", func() bool { return s.Admin.Exists("configmaps shop/kube-root-ca.crt") })

	s.Allowed("a team deploys", func() error { return shop.Create(stage.Deployment("shop", "", "")) })
	s.Allowed("with an autoscaler, a Service, a quota, a Job and a CronJob", func() error {
		return shop.Create(besideWeb + `---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: 4, maxReplicas: 6}
`)
	})
	s.Until("the autoscaler scales it to four", s.RolledOut("shop", 4))
	awaitBesideWeb(s)

	pod := stage.At("pods shop/" + s.Admin.First("pods shop", "run=web"))
	for who, actor := range map[string]*stage.Actor{"another team": pay, "an administrator": s.Admin, "Argo CD": s.Account("argocd", "argocd-application-controller", cluster.Testers)} {
		s.Refused("of-a-team", who+" makes an object", actor.Create("{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: shop}}"))
		s.Refused("of-a-team", who+" rolls out", actor.Patch(webAt, stage.NewImage))
		s.Refused("of-a-team", who+" scales", actor.Patch(webAt+"/scale", `{"spec":{"replicas":0}}`))
		s.Refused("of-a-team", who+" deletes a pod", actor.Remove(pod))
		s.Refused("of-a-team", who+" deletes the namespace", actor.Remove("namespaces shop"))
		// Both locks refuse, and either may be named.
		if err := actor.Patch("namespaces shop", `{"metadata":{"labels":{"team":"pay"}}}`); err == nil || !strings.Contains(err.Error(), " of policy teams;") {
			s.T.Errorf("%s takes the namespace: %v", who, err)
		}
	}
	s.Refused("whose-namespace", "give the namespace away", shop.Patch("namespaces shop", `{"metadata":{"labels":{"team":"pay"}}}`))
	s.Refused("whose-namespace", "take the label off", shop.Patch("namespaces shop", `{"metadata":{"labels":{"team":null}}}`))
	s.Allowed("the team labels its namespace otherwise", func() error { return shop.Patch("namespaces shop", `{"metadata":{"labels":{"tier":"web"}}}`) })
	s.Allowed("a workload writes at home", func() error {
		return s.Account("shop", "web", cluster.Testers).Create("{apiVersion: v1, kind: ConfigMap, metadata: {name: leader, namespace: shop}}")
	})
	s.Refused("of-a-team", "a workload writes elsewhere",
		s.Account("shop", "web", cluster.Testers).Create("{apiVersion: v1, kind: ConfigMap, metadata: {name: leader, namespace: pay}}"))
	s.Allowed("Flux applies", func() error {
		return s.Account("flux-system", "kustomize-controller", cluster.Testers).Apply("kustomize-controller",
			"{apiVersion: v1, kind: ConfigMap, metadata: {name: leader, namespace: shop}, data: {a: b}}")
	})

	s.Allowed("the team deletes a pod", func() error { return shop.Remove(pod) })
	s.Until("the pod is replaced", s.Replaced(pod, "shop", 4))
	s.Allowed("the team rolls out", func() error { return shop.Patch(webAt, stage.NewImage) })
	s.Until("the rollout ends", s.RolledOut("shop", 4))
	s.Allowed("the platform gives the namespace to another team", func() error { return platform.Patch("namespaces shop", `{"metadata":{"labels":{"team":"pay"}}}`) })
	s.Until("the other team is heard", func() bool { return pay.Patch(webAt, restarted) == nil })
	s.Refused("of-a-team", "change what was the team's", shop.Patch(webAt, `{"spec":{"replicas":1}}`))
	s.Allowed("the other team deletes the Deployment", func() error { return pay.Remove(webAt) })
	s.Until("what it owned is collected", collected(s, "shop"))
	s.RemoveNamespaceAs(pay, "shop")
	s.RemoveNamespaceAs(platform, "pay")
}
