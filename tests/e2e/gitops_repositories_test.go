package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

// pipeline is a copy of a repository of examples/gitops, with the rights of its pipeline on a cluster.
type pipeline struct {
	*shell
	stage *stage.Stage
	// admin has the rights of an administrator.
	admin *shell
}

// newPipeline does once what the README of the repository says that an administrator does.
func newPipeline(t *testing.T, minor, repository string) *pipeline {
	t.Helper()
	// The controller manager fills the role that the pipeline gets.
	c := cluster.ForTest(t, cluster.Options{Minor: minor, ControllerManager: true})
	kubeconfig, err := c.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	admin := newShell(t, kubeconfig)
	if err := os.CopyFS(admin.dir, os.DirFS(filepath.Join(cluster.Root(), "examples", "gitops", repository))); err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(admin.path("README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(readme), "```sh\n")
	bootstrap, _, ended := strings.Cut(block, "```")
	if !found || !ended || !strings.Contains(bootstrap, "bootstrap.yaml") {
		t.Fatalf("the README of %s does not begin with the commands of an administrator", repository)
	}
	admin.must(bootstrap)

	// The pipeline has a token of its account and nothing else.
	own := newShell(t, filepath.Join(t.TempDir(), "kubeconfig"))
	own.dir = admin.dir
	token := strings.TrimSpace(admin.must("kubectl create token shop --namespace=ci"))
	if err := os.WriteFile(filepath.Join(own.dir, "token"), []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	own.must(`KUBECONFIG=` + kubeconfig + ` kubectl config view --raw --flatten >"$KUBECONFIG"
kubectl config set-credentials pipeline --token="$(cat token)"
kubectl config set-context --current --user=pipeline
rm token`)
	// kustomize calls klockc-fn.
	bin := t.TempDir()
	for _, name := range []string{"klockc", "klockc-fn"} {
		if err := os.Symlink(cases.Klockc(), filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	own.env = append(own.env, "PATH="+bin+":"+filepath.Dir(kubectl(t))+":"+os.Getenv("PATH"))
	p := &pipeline{own, stage.New(t, c), admin}
	p.stage.Until("the pipeline has its rights", func() bool {
		out, status := own.run("kubectl auth can-i delete validatingadmissionpolicies && kubectl auth can-i create deployments --namespace=shop")
		return status == 0 && strings.Count(out, "yes") == 2
	})
	return p
}

// fails runs a script that has to fail, and to say why.
func (p *pipeline) fails(says, script string) {
	p.t.Helper()
	if out, status := p.run(script); status == 0 || !strings.Contains(out, says) {
		p.t.Errorf("%s\nstatus %d, and should fail and say %q:\n%s", script, status, says, out)
	}
}

// replace changes a file of the repository.
func (p *pipeline) replace(file, old, new string) {
	p.t.Helper()
	text, err := os.ReadFile(p.path(file))
	if err != nil {
		p.t.Fatal(err)
	}
	if strings.Count(string(text), old) != 1 {
		p.t.Fatalf("%s does not have once:\n%s", file, old)
	}
	p.write(file, strings.Replace(string(text), old, new, 1))
}

// policies are the names of the policies in the cluster.
func (p *pipeline) policies() string {
	p.t.Helper()
	return p.admin.must("kubectl get validatingadmissionpolicies,validatingadmissionpolicybindings -l klock.dev/policy=shop -o name")
}

const (
	settingsByHand = `kubectl patch configmap settings --namespace=shop --patch '{"data":{"theme":"dark"}}' --dry-run=server`
	more           = `
lock services {
  resources  services
  namespace  shop
  name       web
  exclusive  pipeline
}
`
)

// lives is the life of a repository, whose locks are in the file: first apply, again, a lock more, a lock less, mistakes.
func (p *pipeline) lives(locks string) {
	t := p.t
	t.Helper()
	p.must("make apply")
	p.stage.Until("the locks act", func() bool {
		out, status := p.admin.run(settingsByHand)
		return status != 0 && strings.Contains(out, "this comes from Git: change it there")
	})
	first := p.policies()
	if !strings.Contains(first, "shop-objects--configmaps--deployments.apps") {
		t.Errorf("the locks are not in the cluster:\n%s", first)
	}

	// Applying again changes nothing.
	generations := "kubectl get validatingadmissionpolicies,validatingadmissionpolicybindings,deployments,configmaps --namespace=shop -o '" + versions + "'"
	before := p.admin.must(generations)
	if out := p.must("make apply"); strings.Contains(out, " created") || strings.Contains(out, " configured") || strings.Contains(out, "pruned") {
		t.Errorf("the second apply changes something:\n%s", out)
	}
	if after := p.admin.must(generations); after != before {
		t.Errorf("the second apply writes:\n%s\n%s", before, after)
	}
	// A change of the application.
	p.replace("app/settings.yaml", "light", "blue")
	p.must("make apply")
	if theme := p.admin.must("kubectl get configmap settings --namespace=shop -o jsonpath={.data.theme}"); theme != "blue" {
		t.Errorf("the pipeline applied blue, and the theme is %s", theme)
	}

	// A lock more, and a lock less.
	text, err := os.ReadFile(p.path(locks))
	if err != nil {
		t.Fatal(err)
	}
	p.write(locks, string(text)+more)
	p.must("make apply")
	if grown := p.policies(); strings.Count(grown, "services") != 2 {
		t.Errorf("the lock that came is not in the cluster:\n%s", grown)
	}
	p.write(locks, string(text))
	if out := p.must("make plan"); !strings.Contains(out, "services pruned (server dry run)") {
		t.Errorf("make plan does not list what is pruned:\n%s", out)
	}
	p.fails("K0706", "make verify")
	if out := p.must("make apply"); strings.Count(out, "services pruned") != 2 {
		t.Errorf("the lock that went is not pruned:\n%s", out)
	}
	if last := p.policies(); last != first {
		t.Errorf("there are\n%s\nand should be\n%s", last, first)
	}
	p.must("make verify")

	// What somebody removes, verify finds and apply puts back.
	p.admin.must("kubectl delete validatingadmissionpolicybinding shop-objects--configmaps--deployments.apps")
	p.fails("K0701", "make verify")
	p.must("make apply")
	if last := p.policies(); last != first {
		t.Errorf("there are\n%s\nand should be\n%s", last, first)
	}

	// Nothing is applied of what has mistakes, and nothing is pruned by it.
	unchanged := func(what string) {
		t.Helper()
		if last := p.policies(); last != first {
			t.Errorf("%s: there are\n%s\nand should be\n%s", what, last, first)
		}
	}
	p.write(locks, strings.Replace(string(text), "exclusive    pipeline", "exclusive    pipelin", 1))
	p.fails("K0101", "make apply")
	unchanged("a policy with a mistake")
	p.write(locks, "policy shop\n\nactor pipeline = serviceaccount ci/shop\n")
	p.fails("K0005", "make apply")
	unchanged("a policy without locks")
	p.write(locks, strings.Replace(string(text), "expect  denied by set", "expect  allowed", 1))
	p.fails("denied by set", "make apply")
	unchanged("a test that fails")
	p.write(locks, string(text))
	p.fails("no-klockc", "make apply KLOCKC=./no-klockc")
	unchanged("no klockc")
}

// TestGitopsKubectl is the life of examples/gitops/kubectl.
func TestGitopsKubectl(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	for _, minor := range cluster.MinorsForTest(t) {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			p := newPipeline(t, minor, "kubectl")
			p.lives("locks.klock")
			// Without its variable, kubectl knows no sets, and prunes nothing that it should not.
			p.replace("Makefile", "KUBECTL_APPLYSET=true ", "")
			p.fails("unknown flag: --applyset", "make apply")
		})
	}
}

// TestGitopsKustomize is the life of examples/gitops/kustomize.
func TestGitopsKustomize(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	kustomize, _ := filepath.Glob(filepath.Join(cluster.Servers(), "*", "kustomize"))
	if len(kustomize) == 0 {
		t.Skipf("no kustomize in %s: run tests/e2e/servers/build.sh", cluster.Servers())
	}
	for _, minor := range cluster.MinorsForTest(t) {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			p := newPipeline(t, minor, "kustomize")
			p.env = append(p.env, "KUSTOMIZE="+kustomize[0])
			p.lives("locks/locks.klock")

			// The wrong uses of the README's table.
			text, err := os.ReadFile(p.path("Makefile"))
			if err != nil {
				t.Fatal(err)
			}
			p.replace("Makefile", " --enable-exec", "")
			p.fails("validator shouldn't modify the resource map", "make apply")
			p.write("Makefile", string(text))
			p.replace("Makefile", " --enable-alpha-plugins", "")
			p.fails("external plugins disabled", "make apply")
			p.write("Makefile", string(text))
			p.write("bin/klockc-fn", "")
			p.replace("locks/locks.yaml", "path: klockc-fn", "path: ../bin/klockc-fn")
			p.fails("permission denied", "make apply")
			p.replace("locks/locks.yaml", "path: ../bin/klockc-fn", "path: klockc-fn")
			p.replace("locks/kustomization.yaml", "generators: [locks.yaml]\n", "")
			p.fails("K0712", "make apply")
			p.replace("locks/kustomization.yaml", "validators:", "namePrefix: my-\ngenerators: [locks.yaml]\nvalidators:")
			p.fails("K0707", "make apply")
		})
	}
}
