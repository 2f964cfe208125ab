package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

const anchored = `policy anchored
lock kept {
  resources  deployments
  namespace  default
  labels     tier=kept
  deny       scale
  exempt     lifecycle
}
`

// TestAnchors deletes a policy that looks Deployments up and applies it again. Without anchors the server goes on with what it
// knew of Deployments before, and one that is made afterwards is scaled by anybody; with them it is not.
func TestAnchors(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	for _, minor := range cluster.MinorsForTest(t) {
		path := kubectl(t)
		for _, name := range []string{"without", "with"} {
			t.Run(minor+"/"+name, func(t *testing.T) {
				t.Parallel()
				c := cluster.ForTest(t, cluster.Options{Minor: minor})
				kubeconfig, err := c.Kubeconfig()
				if err != nil {
					t.Fatal(err)
				}
				dir := t.TempDir()
				source, manifest := filepath.Join(dir, "anchored.klock"), filepath.Join(dir, "anchored.yaml")
				if err := os.WriteFile(source, []byte(anchored), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(manifest, cases.MustCompile(t, source), 0o600); err != nil {
					t.Fatal(err)
				}
				run := func(args ...string) (string, bool) {
					out, err := exec.Command(path, append([]string{"--kubeconfig", kubeconfig, "--cache-dir", filepath.Join(dir, "cache")}, args...)...).CombinedOutput()
					return string(out), err == nil
				}
				must := func(args ...string) {
					t.Helper()
					if out, ok := run(args...); !ok {
						t.Fatalf("kubectl %s: %s", strings.Join(args, " "), out)
					}
				}
				refused := func(deployment string) bool {
					out, ok := run("scale", "deployment/"+deployment, "--replicas=2", "--dry-run=server")
					if !ok && !strings.Contains(out, "lock kept of policy anchored") {
						t.Fatalf("kubectl scale: %s", out)
					}
					return !ok
				}
				create := func(name string) {
					t.Helper()
					must("create", "deployment", name, "--image=registry.example/image:1")
					must("label", "deployment/"+name, "tier=kept")
				}
				if name == "with" {
					must("apply", "-f", filepath.Join(cluster.Root(), "deploy", "anchors.yaml"))
				}
				create("before")
				must("apply", "-f", manifest)
				stage.Until(t, "the lock acts", func() bool { return refused("before") })
				must("delete", "-f", manifest)
				stage.Until(t, "the lock is gone", func() bool { return !refused("before") })
				time.Sleep(3 * time.Second) // a server looks for kinds that no policy has any more once a second
				must("apply", "-f", manifest)
				stage.Until(t, "the lock acts again", func() bool { return refused("before") })
				create("after")
				if name == "with" {
					stage.Until(t, "the lock sees what is made now", func() bool { return refused("after") })
					return
				}
				for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
					if refused("after") {
						t.Fatal("the server sees what is made after a delete and an apply: it needs no anchors any more")
					}
				}
			})
		}
	}
}
