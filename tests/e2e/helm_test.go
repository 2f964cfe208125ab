package e2e

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

// tool is a program that servers/tools.sh builds; the test is skipped where it is missing.
func tool(t *testing.T, directory, name string) string {
	t.Helper()
	path := filepath.Join(cluster.Servers(), directory, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%v: run tests/e2e/servers/tools.sh %s", err, directory)
	}
	return path
}

// shown are the commands in the blocks of a document that are marked so, by the words behind "sh".
func shown(t *testing.T, document string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cluster.Root(), "docs", document))
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]string{}
	for _, block := range regexp.MustCompile("(?ms)^```sh (.+?)\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		blocks[block[1]] += block[2]
	}
	return blocks
}

// copyOf puts what is in a directory of the repository into one of the shell.
func (s *shell) copyOf(from, to string) {
	s.t.Helper()
	if err := os.CopyFS(s.path(to), os.DirFS(filepath.Join(cluster.Root(), from))); err != nil {
		s.t.Fatal(err)
	}
}

// fails runs a script that has to fail and to say why.
func (s *shell) fails(script, why string) {
	s.t.Helper()
	if out, status := s.run(script); status == 0 || !strings.Contains(out, why) {
		s.t.Errorf("%s\nstatus %d, and it should fail with %q\n%s", script, status, why, out)
	}
}

// TestHelm installs, upgrades, rolls back and uninstalls examples/gitops/helm with the commands of docs/helm.md, as the account
// that its locks let through, with its hooks; an administrator is refused meanwhile.
func TestHelm(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	for _, minor := range cluster.MinorsForTest(t) {
		kubectl(t)
		for _, version := range []string{"helm-3", "helm-4"} {
			t.Run(minor+"/"+version, func(t *testing.T) {
				t.Parallel()
				helm := tool(t, version, "helm")
				c := cluster.ForTest(t, cluster.Options{Minor: minor, ControllerManager: true})
				s := stage.New(t, c)
				ctx, cancel := context.WithCancel(t.Context())
				t.Cleanup(cancel)
				s.StartNodes(ctx)
				runHelm(t, s, version, filepath.Dir(helm))
			})
		}
	}
}

// runHelm is one life of the release.
func runHelm(t *testing.T, s *stage.Stage, version, helm string) {
	blocks := shown(t, "helm.md")
	kubeconfig, err := s.Cluster.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	admin := newShell(t, kubeconfig)
	admin.env = append(admin.env, "PATH="+helm+":"+filepath.Dir(kubectl(t))+":"+filepath.Dir(cases.Klockc())+":"+os.Getenv("PATH"), "HOME="+admin.dir)
	admin.copyOf("examples/gitops/helm", ".")
	admin.copyOf("deploy", "deploy")
	admin.must("cp deploy/anchors.yaml anchors.yaml")
	admin.must(blocks["helm administrator"])
	s.Until("the roles of a new cluster are put together", func() bool {
		_, status := admin.run("kubectl auth can-i create secrets -n shop --as system:serviceaccount:ci:shop")
		return status == 0
	})
	kubeconfig, err = s.Cluster.AccountKubeconfig(t.Context(), "ci", "shop")
	if err != nil {
		t.Fatal(err)
	}
	ci := *admin
	ci.env = append(admin.env, "KUBECONFIG="+kubeconfig)
	if version == "helm-4" {
		ci.fails(blocks["helm-4 pipeline"], "Type:postrenderer/v1} not found")
		ci.must(blocks["helm-4 plugin"])
	}
	pipeline := blocks[version+" pipeline"]
	upgrade := strings.Split(pipeline, "\n")[1]
	if !strings.HasPrefix(upgrade, "helm upgrade ") {
		t.Fatalf("the second command for %s does not upgrade: %s", version, upgrade)
	}

	const web, settings = stage.At("deployments.apps shop/web"), stage.At("configmaps shop/settings")
	locks := func() []string {
		return strings.Fields(admin.must("kubectl get validatingadmissionpolicies,validatingadmissionpolicybindings -l klock.dev/policy=shop -o name"))
	}
	theme := func() any { return s.Admin.Get(settings).Object["data"].(map[string]any)["theme"] }
	migration := func() string {
		s.Until("the hook has run", func() bool {
			return admin.must("kubectl get job migrate -n shop -o jsonpath={.status.succeeded}") == "1"
		})
		return admin.must("kubectl get job migrate -n shop -o jsonpath={.metadata.uid}")
	}
	revision := func() string {
		return admin.must("kubectl get secrets -n shop -l owner=helm,name=shop -o jsonpath={.items[*].metadata.name},{.items[*].metadata.labels.status}")
	}
	// Nobody else changes the release, by whatever tool; what was tried leaves no trace.
	refused := func(what string) {
		t.Helper()
		s.Until("the locks act", func() bool {
			_, status := admin.run("kubectl scale deployment web -n shop --replicas 0 --dry-run=server && exit 1 || exit 0")
			return status == 0
		})
		before := revision()
		admin.fails("kubectl scale deployment web -n shop --replicas 0", "this is part of release shop: change its chart")
		admin.fails("kubectl delete configmap settings -n shop", "this is part of release shop: change its chart")
		admin.fails(upgrade+" --set theme=mine", "release shop is installed, upgraded and rolled back by its pipeline")
		admin.fails("helm upgrade shop ./chart -n shop --set theme=mine", "lock history of policy shop")
		admin.fails("helm rollback shop 1 -n shop", "lock history of policy shop")
		if after := revision(); after != before {
			t.Errorf("%s: somebody else's helm leaves a trace: %s, before %s", what, after, before)
		}
		if theme() == "mine" {
			t.Errorf("%s: somebody else's helm has changed the settings", what)
		}
	}

	ci.must(pipeline)
	rolledOut := func(replicas string) {
		t.Helper()
		s.Until("the Deployment is rolled out", func() bool {
			return admin.must("kubectl get deployment web -n shop -o jsonpath={.status.updatedReplicas},{.status.readyReplicas},{.status.replicas}") == replicas+","+replicas+","+replicas
		})
	}
	rolledOut("2")
	first := migration()
	all := len(locks())
	if all == 0 {
		t.Fatal("there are no locks")
	}
	refused("installed")

	ci.must(strings.ReplaceAll(pipeline, upgrade, upgrade+" --set theme=dark --set replicas=3"))
	if theme() != "dark" {
		t.Errorf("after an upgrade the theme is %v", theme())
	}
	rolledOut("3")
	if migration() == first {
		t.Error("the hook has not run before the upgrade")
	}
	refused("upgraded")

	// What the policy does not make any more goes with the upgrade, and comes back with a rollback.
	text, err := os.ReadFile(ci.path("locks.klock"))
	if err != nil {
		t.Fatal(err)
	}
	history := regexp.MustCompile(`(?ms)^# Helm keeps.*?^}\n`).FindString(string(text))
	tests := strings.Index(string(text), "\ntest ")
	if history == "" || tests < 0 {
		t.Fatal("the example has another form")
	}
	ci.write("locks.klock", strings.Replace(string(text)[:tests], history, "", 1))
	ci.must(pipeline)
	if fewer := len(locks()); fewer == 0 || fewer >= all {
		t.Errorf("of a lock that was taken out, %d of %d objects are left", fewer, all)
	}
	ci.write("locks.klock", string(text))
	ci.must("helm rollback shop 2 -n shop --wait")
	ci.must("klockc verify locks.klock --cluster")
	if theme() != "dark" {
		t.Errorf("after the rollback the theme is %v", theme())
	}
	refused("rolled back")

	// Whatever is wrong is said, and changes nothing.
	before := revision()
	ci.fails(strings.ReplaceAll(upgrade, "locks.klock", "nowhere.klock"), "nowhere.klock")
	ci.must("mkdir -p none")
	ci.fails(strings.ReplaceAll(upgrade, "locks.klock", "none"), "this directory contains no .klock file")
	ci.write("wrong.klock", strings.Replace(string(text), "deployments,", "deploymentz,", 1))
	ci.fails(strings.ReplaceAll(upgrade, "locks.klock", "wrong.klock"), "K0103")
	ci.fails(strings.ReplaceAll(upgrade, "--post-renderer-args locks.klock", ""), "post-render needs an argument")
	ci.must("mkdir -p broken && echo nothing >broken/klockc")
	broken := "PATH=$PWD/broken:" + helm + ":/usr/bin:/bin; "
	ci.fails(broken+upgrade, "klockc")
	if after := revision(); after != before {
		t.Errorf("an upgrade that failed leaves a trace: %s, before %s", after, before)
	}
	if theme() != "dark" || len(locks()) != all {
		t.Errorf("an upgrade that failed has changed the release: theme %v, %d locks", theme(), len(locks()))
	}

	// A program that prints nothing is for Helm 3 a release of nothing.
	ci.must("chmod +x broken/klockc && printf '#!/bin/sh\\n' >broken/klockc")
	if version == "helm-4" {
		ci.fails(broken+upgrade, "produced empty output")
	} else {
		ci.must(broken + upgrade)
		ci.fails("klockc verify locks.klock --cluster", "K0712")
		// The account of the hook is gone as well, so that an upgrade would wait for the hook until it gives up.
		ci.must("helm uninstall shop -n shop")
		ci.must(pipeline)
	}

	// Without the flag all is well but the locks, and verify says so.
	ci.must("helm upgrade shop ./chart -n shop")
	if left := locks(); len(left) > 0 {
		t.Errorf("an upgrade without the post-renderer leaves %v, and docs/helm.md says that all are gone", left)
	}
	ci.fails("klockc verify locks.klock --cluster", "K0712")
	ci.must(pipeline)
	refused("installed again")

	ci.must("helm uninstall shop -n shop --wait")
	for _, place := range []stage.At{web, settings, "serviceaccounts shop/web"} {
		if s.Admin.Exists(place) {
			t.Errorf("%s is left after uninstalling", place)
		}
	}
	if left := locks(); len(left) > 0 {
		t.Errorf("after uninstalling there are %v", left)
	}
}
