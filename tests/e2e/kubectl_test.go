package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

// TestKubectl does with kubectl what somebody who reads the example of the beginning does.
func TestKubectl(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	for _, minor := range cluster.MinorsForTest(t) {
		// The newest kubectl serves every server.
		path := kubectl(t)
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			c := cluster.ForTest(t, cluster.Options{Minor: minor, ControllerManager: true})
			kubeconfig, err := c.Kubeconfig()
			if err != nil {
				t.Fatal(err)
			}
			s := stage.New(t, c)
			s.Namespace("default", "")
			manifest := filepath.Join(t.TempDir(), "payments.yaml")
			if err := os.WriteFile(manifest, cases.MustCompile(t, "examples/payments.klock"), 0o600); err != nil {
				t.Fatal(err)
			}
			// run returns what kubectl says, on whatever stream, and its exit status.
			run := func(args ...string) (string, int) {
				cmd := exec.Command(path, append([]string{"--kubeconfig", kubeconfig, "--cache-dir", filepath.Join(c.Dir, "cache")}, args...)...)
				out, err := cmd.CombinedOutput()
				if cmd.ProcessState == nil {
					t.Fatal(err)
				}
				return string(out), cmd.ProcessState.ExitCode()
			}
			must := func(want string, args ...string) string {
				t.Helper()
				out, code := run(args...)
				if code != 0 || !regexp.MustCompile(want).MatchString(out) {
					t.Errorf("kubectl %s: status %d\n%s", strings.Join(args, " "), code, out)
				}
				return out
			}
			mustNot := func(want string, args ...string) {
				t.Helper()
				out, code := run(args...)
				if code == 0 || !regexp.MustCompile(want).MatchString(out) {
					t.Errorf("kubectl %s: status %d\n%s", strings.Join(args, " "), code, out)
				}
			}

			// Whoever removes the policy is of the team that it names, or its own accounts and roles would stay behind. The
			// role that the policy brings for that team is what the removal begins with, so it takes another one as well.
			remover := []string{"--as=root", "--as-group=system:masters", "--as-group=platform-team"}
			for _, mode := range [][]string{{}, {"--server-side"}} {
				args := func(verb string, more ...string) []string {
					return append(append([]string{verb, "-f", manifest}, mode...), more...)
				}
				must(`payments-objects--configmaps (created|serverside-applied) \(server dry run\)`, args("apply", "--dry-run=server")...)
				mustNot(`\+ *policyName: payments-objects--configmaps`, args("diff")...)
				out := must("payments-objects--configmaps (created|serverside-applied)", args("apply")...)
				if strings.Contains(out, "Warning") {
					t.Errorf("kubectl %v warns:\n%s", mode, out)
				}
				if out := must("^$", args("diff")...); out != "" {
					t.Errorf("something differs after kubectl apply %v:\n%s", mode, out)
				}
				before := must("payments-objects--configmaps", "get", "-f", manifest, "-o", versions)
				out = must("", args("apply")...)
				if strings.Contains(out, "configured") || strings.Contains(out, "created") {
					t.Errorf("the second kubectl apply %v changes something:\n%s", mode, out)
				}
				if after := must("payments-objects--configmaps", "get", "-f", manifest, "-o", versions); after != before {
					t.Errorf("the second kubectl apply %v writes:\n%s\n%s", mode, before, after)
				}
				must("deleted", append([]string{"delete", "-f", manifest}, remover...)...)
			}

			must("created", "apply", "-f", manifest)
			// From here on the team needs no other rights than the policy gives it.
			deployer := []string{"--as=dana", "--as-group=platform-team"}
			changed := filepath.Join(t.TempDir(), "changed.yaml")
			other := bytes.ReplaceAll(cases.MustCompile(t, "examples/payments.klock"), []byte("#payments"), []byte("#payments-team"))
			if err := os.WriteFile(changed, other, 0o600); err != nil {
				t.Fatal(err)
			}
			s.Until("the deployer has its rights", func() bool {
				_, code := run(append([]string{"diff", "-f", manifest}, deployer...)...)
				return code == 0
			})
			mustNot("payments-team", append([]string{"diff", "-f", changed}, deployer...)...)
			must("payments-objects--configmaps configured", append([]string{"apply", "-f", changed}, deployer...)...)
			must("payments-objects--configmaps configured", append([]string{"apply", "-f", manifest}, deployer...)...)
			must("payments-objects--configmaps serverside-applied", append([]string{"apply", "--server-side", "--force-conflicts", "-f", manifest}, deployer...)...)
			mustNot("Forbidden", append([]string{"get", "secrets"}, deployer...)...)
			must("created", "create", "configmap", "my-cm", "--from-literal=limit=100")
			must("labeled", "label", "configmap/my-cm", "aura=red")
			must("created", "run", "my-pod", "--image=registry.example/image:1", "--labels=aura=red")
			refusal := regexp.QuoteMeta("denied, there is a lock: map[aura:red]: aura=red belongs to jonny-op; change the Payment object and let the operator do it (lock lockred of policy payments; only serviceaccount default/jonny-op may; owner: team payments, #payments)")
			admin := []string{"--as=kubernetes-admin", "--as-group=system:masters"}
			jonny := []string{"--as=system:serviceaccount:default:jonny-op"}
			as := func(who []string, args ...string) []string { return append(args, who...) }
			s.Until("the lock acts", func() bool {
				_, code := run(as(admin, "label", "pod/my-pod", "aura=blue", "--overwrite", "--dry-run=server")...)
				return code != 0
			})
			mustNot(refusal, as(admin, "label", "pod/my-pod", "aura=blue", "--overwrite")...)
			mustNot(refusal, as(admin, "label", "pod/my-pod", "aura-")...)
			mustNot(refusal, as(admin, "annotate", "configmap/my-cm", "a=b")...)
			mustNot(refusal, as(admin, "delete", "configmap", "--all", "--namespace=default")...)
			mustNot(refusal, as(admin, "patch", "configmap/my-cm", "-p", `{"data":{"limit":"1000"}}`)...)
			must("labeled", as(jonny, "label", "pod/my-pod", "here=was-jonny")...)
			must("patched", as(jonny, "patch", "configmap/my-cm", "-p", `{"data":{"limit":"1000"}}`)...)

			for _, verb := range []string{"get", "list", "watch", "create", "update", "patch", "delete"} {
				must("^yes", as(jonny, "auth", "can-i", verb, "pods")...)
				must("^yes", as(jonny, "auth", "can-i", verb, "configmaps")...)
				mustNot("no", as(jonny, "auth", "can-i", verb, "secrets")...)
				mustNot("no", as(jonny, "auth", "can-i", verb, "pods", "--namespace=kube-system")...)
			}
			mustNot("no", as(jonny, "auth", "can-i", "deletecollection", "pods")...)
			mustNot("no", "auth", "can-i", "get", "pods", "--as=system:serviceaccount:staging:jonny-op")
		})
	}
}

const versions = `jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation}{"\n"}{end}`

func kubectl(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(cluster.Servers(), "*", "kubectl"))
	if err != nil || len(found) == 0 {
		t.Skipf("no kubectl in %s: run tests/e2e/servers/build.sh", cluster.Servers())
	}
	return found[len(found)-1]
}
