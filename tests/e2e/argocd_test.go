package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

// argo is Argo CD beside a cluster: its application controller as the account that it has, its repo server, and klockc's sidecar, each as
// it is in a pod but for where its files are.
type argo struct {
	t     *testing.T
	s     *stage.Stage
	admin *shell
	dir   string
	env   []string
}

// start runs one of its programs until the test ends, or until it is stopped.
func (a *argo) start(name string, args ...string) (stop func()) {
	a.t.Helper()
	log, err := os.Create(filepath.Join(a.s.Cluster.Dir, name+".log"))
	if err != nil {
		a.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, filepath.Join(cluster.Servers(), "argocd", name), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = a.dir, a.env, log, log
	// It must not outlive a test binary that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, done := make(chan error), make(chan struct{})
	go func() {
		// Pdeathsig follows the thread that forked, so that thread has to stay.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
		close(done)
	}()
	if err := <-started; err != nil {
		a.t.Fatal(err)
	}
	stop = func() {
		cancel()
		<-done
		log.Close()
	}
	a.t.Cleanup(stop)
	return stop
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// startArgo starts all of it, with the files of deploy/argocd.
func startArgo(t *testing.T, s *stage.Stage) (a *argo, stopSidecar func()) {
	t.Helper()
	kubeconfig, err := s.Cluster.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	admin := newShell(t, kubeconfig)
	admin.copyOf("deploy", "deploy")
	for _, file := range []string{"application-crd.yaml", "appproject-crd.yaml", "applicationset-crd.yaml"} {
		admin.must("kubectl apply --server-side -f " + filepath.Join(cluster.Servers(), "argocd", "crds", file))
	}
	admin.write("argocd.yaml", `
{apiVersion: v1, kind: Namespace, metadata: {name: argocd}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: argocd-application-controller, namespace: argocd}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: argocd-application-controller}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: argocd-application-controller, namespace: argocd}]
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: argocd-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: argocd-rbac-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}}
---
{apiVersion: v1, kind: Secret, metadata: {name: argocd-secret, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}, stringData: {server.secretkey: key}}
---
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default, namespace: argocd}
spec:
  sourceRepos: ["*"]
  destinations: [{namespace: "*", server: "*"}]
  clusterResourceWhitelist: [{group: "*", kind: "*"}]
`)
	admin.must("kubectl apply -f argocd.yaml && kubectl patch configmap argocd-cm -n argocd --patch-file deploy/argocd/health.yaml")

	own, err := s.Cluster.AccountKubeconfig(t.Context(), "argocd", "argocd-application-controller")
	if err != nil {
		t.Fatal(err)
	}
	a = &argo{t: t, s: s, admin: admin, dir: t.TempDir()}
	sockets, config := filepath.Join(a.dir, "p"), filepath.Join(a.dir, "config")
	for _, path := range []string{sockets, config, filepath.Join(a.dir, "tmp")} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(admin.path("deploy/argocd/plugin.yaml"), filepath.Join(config, "plugin.yaml")); err != nil {
		t.Fatal(err)
	}
	a.env = append(os.Environ(), "KUBECONFIG="+own, "ARGOCD_FAKE_IN_CLUSTER=true", "ARGOCD_PLUGINSOCKFILEPATH="+sockets, "ARGOCD_CMP_WORKDIR="+a.dir,
		"ARGOCD_ASK_PASS_SOCK="+filepath.Join(a.dir, "ask.sock"), "ARGOCD_GPG_ENABLED=false", "TMPDIR="+filepath.Join(a.dir, "tmp"), "HOME="+a.dir,
		"PATH="+filepath.Dir(cases.Klockc())+":"+os.Getenv("PATH"))
	redis := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	repo := freePort(t)
	a.start("redis", redis)
	stopSidecar = a.start("argocd-cmp-server", "--config-dir-path", config)
	a.start("argocd-repo-server", "--address", "127.0.0.1", "--port", fmt.Sprint(repo), "--metrics-address", "127.0.0.1", "--metrics-port", fmt.Sprint(freePort(t)), "--disable-tls", "--redis", redis)
	a.start("argocd-application-controller", "--kubeconfig", own, "--namespace", "argocd", "--repo-server", fmt.Sprintf("127.0.0.1:%d", repo), "--repo-server-plaintext",
		"--redis", redis, "--metrics-port", fmt.Sprint(freePort(t)), "--app-resync", "3600", "--repo-error-grace-period-seconds", "0", "--self-heal-timeout-seconds", "1", "--loglevel", "debug", "--application-namespaces", "team")
	return a, stopSidecar
}

// look makes Argo CD look at the repository and at the cluster again, and waits until it has.
func (a *argo) look() {
	a.t.Helper()
	a.admin.must("kubectl annotate application shop -n argocd --overwrite argocd.argoproj.io/refresh=hard")
	a.s.Until("Argo CD has looked again", func() bool {
		return a.admin.must(`kubectl get application shop -n argocd -o 'jsonpath={.metadata.annotations.argocd\.argoproj\.io/refresh}'`) == ""
	})
}

func (a *argo) status(path string) string {
	a.t.Helper()
	return a.admin.must("kubectl get application shop -n argocd -o 'jsonpath={.status" + path + "}'")
}

// synced waits until the cluster is what a commit says.
func (a *argo) synced(revision string) {
	a.t.Helper()
	a.look()
	last := ""
	a.s.Until("the application is synced and healthy", func() bool {
		last = a.status(".sync.status}/{.status.health.status}/{.status.operationState.phase}/{.status.sync.revisions[0]")
		return last == "Synced/Healthy/Succeeded/"+revision
	})
}

// TestArgoCD runs Argo CD's application controller, repo server and plugin server on examples/gitops/argocd with deploy/argocd: policies
// come before what they lock and go after it, nothing is out of sync, and where the plugin fails, nothing is pruned.
func TestArgoCD(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	for _, minor := range cluster.MinorsForTest(t) {
		kubectl(t)
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			tool(t, "argocd", "argocd-application-controller")
			c := cluster.ForTest(t, cluster.Options{Minor: minor, ControllerManager: true, TypeChecker: true, Audit: true})
			s := stage.New(t, c)
			ctx, cancel := context.WithCancel(t.Context())
			t.Cleanup(cancel)
			s.StartNodes(ctx)
			runArgo(t, s)
		})
	}
}

func runArgo(t *testing.T, s *stage.Stage) {
	a, stopSidecar := startArgo(t, s)
	admin := a.admin
	admin.copyOf("examples/gitops/argocd", "repository")
	git := `git -C repository -c user.name=ci -c user.email=ci@example.com `
	commit := func() string {
		t.Helper()
		return strings.TrimSpace(admin.must(git + "add -A && " + git + "commit -qm change && " + git + "rev-parse HEAD"))
	}
	admin.must("git init -q -b main repository")
	revision := commit()
	admin.must("sed 's|https://git.example/shop.git|file://'$PWD'/repository|' repository/application.yaml >application.yaml && kubectl apply -f application.yaml")
	a.synced(revision)

	// What was written in which order.
	offset := 0
	order := func(verbs ...string) (resources []string) {
		t.Helper()
		writes, end, err := s.Cluster.Audit(offset)
		if err != nil {
			t.Fatal(err)
		}
		offset = end
		for _, w := range writes {
			ours := strings.HasPrefix(w.ObjectRef.Name, "shop-") || w.ObjectRef.Namespace == "shop"
			if w.Who() != "system:serviceaccount:argocd:argocd-application-controller" || !slices.Contains(verbs, w.Verb) || !ours || w.ResponseStatus.Code >= 300 {
				continue
			}
			if what := w.ObjectRef.Resource; len(resources) == 0 || resources[len(resources)-1] != what {
				resources = append(resources, what)
			}
		}
		return resources
	}
	const policies, bindings = "validatingadmissionpolicies", "validatingadmissionpolicybindings"
	// A sync begins with dry runs of everything, which the audit log does not tell from the writes behind them: the last of each counts.
	follows := func(resources []string, first, then string) bool {
		return lastOf(resources, first) >= 0 && lastOf(resources, first) < lastOf(resources, then)
	}
	made := order("create", "patch", "update")
	if !follows(made, policies, bindings) || !follows(made, bindings, "configmaps") || !follows(made, bindings, "deployments") {
		t.Errorf("Argo CD has applied in this order: %v", made)
	}

	refused := func() {
		t.Helper()
		admin.fails("kubectl scale deployment web -n shop --replicas 0", "this is applied by Argo CD: change it in Git")
		admin.fails("kubectl delete configmap settings -n shop", "this is applied by Argo CD: change it in Git")
		admin.fails("kubectl delete namespace shop", "shop")
	}
	refused()
	admin.must("klockc verify repository/locks --cluster")
	// Nothing differs from what is in Git, by whatever comparison.
	inSync := func(how string) {
		t.Helper()
		a.look()
		if out := a.status(".sync.status} {.status.resources[?(@.status!=\"Synced\")].name} {.status.conditions[*].message"); strings.TrimSpace(out) != "Synced" {
			t.Errorf("%s: %s", how, out)
		}
	}
	inSync("in a comparison with the last state")
	admin.must("kubectl annotate application shop -n argocd argocd.argoproj.io/compare-options=ServerSideDiff=true")
	inSync("in a comparison by the server")
	admin.must("kubectl annotate application shop -n argocd argocd.argoproj.io/compare-options-")

	change := func(file, from, to string) {
		t.Helper()
		text, err := os.ReadFile(admin.path(file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), from) {
			t.Fatalf("%s does not have %q", file, from)
		}
		admin.write(file, strings.Replace(string(text), from, to, 1))
	}
	change("repository/shop/settings.yaml", "light", "dark")
	a.synced(commit())
	if theme := admin.must("kubectl get configmap settings -n shop -o jsonpath={.data.theme}"); theme != "dark" {
		t.Errorf("after a change in Git the theme is %s", theme)
	}
	refused()
	locks := func() int {
		return strings.Count(admin.must("kubectl get validatingadmissionpolicies,validatingadmissionpolicybindings -l klock.dev/policy=shop -o name"), "\n")
	}
	all := locks()

	// Where the plugin fails, the application says why, and stays what it is.
	broken := func(what, why string) {
		t.Helper()
		a.look()
		s.Until("the application says what is wrong: "+what, func() bool {
			if strings.Contains(a.status(".conditions[*].message"), why) {
				return true
			}
			// What went wrong while the plugin came or went is remembered until somebody looks again.
			a.look()
			return false
		})
		if left := locks(); left != all {
			t.Errorf("%s: %d of %d objects are left", what, left, all)
		}
		refused()
	}
	change("repository/locks/locks.klock", "resources  deployments,", "resources  deploymentz,")
	commit()
	broken("a policy with an error", "K0103")
	admin.must(git + "mv locks/locks.klock locks/locks.txt")
	commit()
	broken("no policy", "could not find cmp-server plugin with name")
	admin.must(git + "mv locks/locks.txt locks/locks.klock")
	change("repository/locks/locks.klock", "deploymentz", "deployments")
	a.synced(commit())
	stopSidecar()
	broken("no plugin", "could not find cmp-server plugin with name")
	lacking := *a
	lacking.env = append(slices.Clone(a.env), "PATH="+a.dir)
	stopSidecar = lacking.start("argocd-cmp-server", "--config-dir-path", filepath.Join(a.dir, "config"))
	broken("no klockc in the sidecar", "executable file not found")
	stopSidecar()
	// An Application that does not name it goes on without it, as docs/argocd.md warns, and verify says so.
	admin.must(`kubectl patch application shop -n argocd --type json -p '[{"op": "remove", "path": "/spec/sources/1/plugin"}]'`)
	s.Until("the locks are pruned", func() bool { return locks() == 0 })
	admin.fails("klockc verify repository/locks --cluster", "K0712")
	a.start("argocd-cmp-server", "--config-dir-path", filepath.Join(a.dir, "config"))
	admin.must("kubectl apply -f application.yaml")
	a.synced(strings.TrimSpace(admin.must(git + "rev-parse HEAD")))
	if back := locks(); back != all {
		t.Errorf("with the plugin there are %d of %d objects again", back, all)
	}

	// A policy with a mistake that the cluster's type checker sees is not healthy.
	admin.write("repository/shop/mistaken.yaml", `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: shop-mistaken}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]}
  validations: [{expression: "object.nothing == 1"}]
`)
	commit()
	a.look()
	s.Until("the application is degraded", func() bool { return a.status(".health.status") == "Degraded" })
	admin.must("rm repository/shop/mistaken.yaml")

	// A smaller policy, and what it does not make any more is pruned.
	change("repository/locks/locks.klock", "resources  deployments, configmaps", "resources  configmaps")
	text, err := os.ReadFile(admin.path("repository/locks/locks.klock"))
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(text), "\ntest ")
	admin.write("repository/locks/locks.klock", before)
	a.synced(commit())
	if left := locks(); left == 0 || left >= all {
		t.Errorf("of a policy that has shrunk there are %d objects, before %d", left, all)
	}
	admin.must("klockc verify repository/locks --cluster")

	// The application goes, and its locks after it.
	order()
	admin.must("kubectl delete application shop -n argocd --wait=false")
	s.Until("the application is gone", func() bool {
		return admin.must("kubectl get applications -n argocd -o name") == ""
	})
	if left := locks(); left != 0 {
		t.Errorf("of an application that is gone there are %d objects", left)
	}
	gone := order("delete")
	if !follows(gone, "configmaps", bindings) || !follows(gone, "deployments", bindings) || !follows(gone, bindings, policies) {
		t.Errorf("Argo CD has deleted in this order: %v", gone)
	}
}

// TestArgoCDTenants lets Argo CD deploy for a tenant whose Application is in its own namespace.
func TestArgoCDTenants(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	for _, minor := range cluster.MinorsForTest(t) {
		kubectl(t)
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			tool(t, "argocd", "argocd-application-controller")
			s := stage.New(t, cluster.ForTest(t, cluster.Options{Minor: minor, ControllerManager: true, Audit: true}))
			a, _ := startArgo(t, s)
			a.tenant()
		})
	}
}

const argoTenant = `policy teams
deployer group platform
tenant team {
  namespaces  team
  members     group team
  role        edit
  deployer    argocd
}
`

// tenant has an Application of its own in its namespace, which Argo CD syncs as the account of the tenant, or not at all.
func (a *argo) tenant() {
	a.t.Helper()
	admin := a.admin
	admin.must("git init -q -b main repository")
	const git = `git -C repository -c user.name=ci -c user.email=ci@example.com `
	admin.write("teams.klock", argoTenant)
	const platform, member = "--as=pat --as-group=system:masters --as-group=platform", "--as=dana --as-group=" + cluster.Testers + " --as-group=team"
	admin.must("klockc compile teams.klock >teams.yaml && kubectl apply --server-side --validate=strict -f teams.yaml " + platform)
	admin.must("klockc verify teams.klock --cluster")
	admin.write("repository/web/settings.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: team}, data: {theme: light}}\n")
	admin.write("repository/elsewhere/settings.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: mine, namespace: default}}\n")
	revision := strings.TrimSpace(admin.must(git + "add -A && " + git + "commit -qm tenant && " + git + "rev-parse HEAD"))
	if err := a.s.Cluster.Allow(a.t.Context(), cluster.Testers, rbacv1.PolicyRule{APIGroups: []string{"argoproj.io"}, Resources: []string{"*"}, Verbs: []string{"*"}}); err != nil {
		a.t.Fatal(err)
	}
	application := func(name, project, path string) string {
		return fmt.Sprintf("{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: %s, namespace: team}, spec: {project: %s, destination: {server: 'https://kubernetes.default.svc', namespace: team}, "+
			"source: {repoURL: 'file://%s', targetRevision: HEAD, path: %s}, syncPolicy: {automated: {prune: true, selfHeal: true}, syncOptions: [ServerSideApply=true]}}}\n", name, project, admin.path("repository"), path)
	}
	a.s.Until("an administrator is refused", func() bool {
		out, _ := admin.run("kubectl create configmap mine -n team --dry-run=server")
		return strings.Contains(out, "(lock tenants of policy teams")
	})
	admin.write("of-default.yaml", application("mine", "default", "web"))
	admin.fails("kubectl apply -f of-default.yaml "+member, "(lock tenants-applications of policy teams")
	admin.write("web.yaml", application("web", "team", "web"))
	admin.fails("kubectl apply -f web.yaml", " of policy teams")
	state := func(name, path string) string {
		return admin.must("kubectl get application " + name + " -n team -o 'jsonpath={.status" + path + "}'")
	}
	because := func(name, why string) {
		a.t.Helper()
		last := ""
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(500 * time.Millisecond) {
			last = state(name, "}")
			if strings.Contains(last, why) {
				return
			}
			if time.Now().After(deadline) {
				a.t.Fatalf("the application %s does not say %q:\n%s", name, why, last)
			}
		}
	}
	admin.must("kubectl apply -f web.yaml " + member)
	// As itself, Argo CD is no tenant.
	because("web", "(lock tenants of policy teams")

	admin.must(`kubectl patch configmap argocd-cm -n argocd --type=merge -p '{"data":{"application.sync.impersonation.enabled":"true"}}'`)
	_, offset, err := a.s.Cluster.Audit(0)
	if err != nil {
		a.t.Fatal(err)
	}
	admin.must("kubectl delete application web -n team --wait=false " + member)
	a.s.Until("the application is gone", func() bool { return admin.must("kubectl get applications -n team -o name") == "" })
	admin.must("kubectl apply -f web.yaml " + member)
	because("web", `"phase":"Succeeded"`)
	if got := state("web", ".sync.status}/{.status.sync.revision"); got != "Synced/"+revision {
		a.t.Errorf("the application is %s", got)
	}
	writes, _, err := a.s.Cluster.Audit(offset)
	if err != nil {
		a.t.Fatal(err)
	}
	if !slices.ContainsFunc(writes, func(w cluster.Write) bool {
		return w.Who() == "system:serviceaccount:team:team" && w.ObjectRef.Resource == "configmaps" && w.ObjectRef.Name == "settings" && w.ResponseStatus.Code < 300
	}) {
		a.t.Error("the account of the tenant has written no settings")
	}
	// The project lets it write nowhere else.
	admin.write("elsewhere.yaml", application("elsewhere", "team", "elsewhere"))
	admin.must("kubectl apply -f elsewhere.yaml " + member)
	because("elsewhere", "is not permitted in project")
	admin.fails(`kubectl patch appproject team -n argocd --type=merge -p '{"spec":{"destinations":[{"namespace":"*","server":"*"}]}}'`, "(lock tenants-projects of policy teams")
	admin.fails(`kubectl patch application web -n team --type=merge -p '{"spec":{"project":"default"}}' `+member, "(lock tenants-applications of policy teams")
}

func lastOf(list []string, what string) int {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == what {
			return i
		}
	}
	return -1
}
