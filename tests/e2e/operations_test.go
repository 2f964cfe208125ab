package e2e

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/evaluator"
)

// commands are the blocks of docs/operations.md that are marked for this test, by the section that they stand in.
func commands(t *testing.T) (policy string, blocks []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cluster.Root(), "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?ms)^```(klock|sh operations.*?)\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		if block[1] == "klock" {
			policy = block[2]
		} else {
			blocks = append(blocks, block[2])
		}
	}
	if len(blocks) < 8 || policy == "" {
		t.Fatalf("docs/operations.md has %d blocks of commands", len(blocks))
	}
	return policy, blocks
}

const grown = `
lock deployments {
  resources  deployments
  namespace  default
  labels     settings=locked
  deny       update, delete
  exclusive  group platform
  accept     starves-controller, controller-not-locked, namespace-not-guarded "to be left out again"
  exempt     lifecycle
  guard      no owners, no namespace
}
lock doors {
  resources  pods
  namespace  default
  labels     settings=locked
  deny       exec, evict
  exempt     lifecycle
}
grant readers to group readers {
  resources  configmaps
  namespace  default
  allow      get
}
`

// TestOperations runs the commands of docs/operations.md one after the other, and looks at what they leave in the cluster:
// what is compiled at the time and nothing else, also where a policy has shrunk in between.
func TestOperations(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	policy, blocks := commands(t)
	for _, minor := range cluster.MinorsForTest(t) {
		path := kubectl(t)
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			c := cluster.ForTest(t, cluster.Options{Minor: minor})
			kubeconfig, err := c.Kubeconfig()
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			shop := filepath.Join(dir, "shop.klock")
			write := func(path, text string) {
				t.Helper()
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			anchors, err := os.ReadFile(filepath.Join(cluster.Root(), "deploy", "anchors.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			write(filepath.Join(dir, "deploy", "anchors.yaml"), string(anchors))
			write(shop, policy)
			command := func(script string) *exec.Cmd {
				cmd := exec.Command("sh", "-eu", "-c", script)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "KUBECACHEDIR="+filepath.Join(dir, "cache"),
					"PATH="+filepath.Dir(path)+":"+filepath.Dir(cases.Klockc())+":"+os.Getenv("PATH"))
				return cmd
			}
			run := func(script string) string {
				t.Helper()
				out, err := command(script).CombinedOutput()
				if err != nil {
					t.Fatalf("%s\n%v\n%s", script, err, out)
				}
				return string(out)
			}
			fails := func(script string) string {
				t.Helper()
				out, err := command(script).CombinedOutput()
				if err == nil {
					t.Errorf("%s\nsucceeds\n%s", script, out)
				}
				return string(out)
			}
			// there are the objects with the label of a policy.
			there := func(policy string) []string {
				t.Helper()
				out := run("kubectl get validatingadmissionpolicies,validatingadmissionpolicybindings,clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts" +
					" --all-namespaces -l klock.dev/policy=" + policy + ` -o 'jsonpath={range .items[*]}{.kind}/{.metadata.name}{"\n"}{end}'`)
				names := strings.Fields(out)
				slices.Sort(names)
				return names
			}
			compiled := func(file string) []string {
				t.Helper()
				objects, err := evaluator.Objects(cases.MustCompile(t, file))
				if err != nil {
					t.Fatal(err)
				}
				names := map[string]bool{}
				for _, object := range objects {
					names[object.GetKind()+"/"+object.GetName()] = true
				}
				return slices.Sorted(maps.Keys(names))
			}
			same := func(policy, file string) {
				t.Helper()
				var want []string
				if file != "" {
					want = compiled(file)
				}
				if have := there(policy); !slices.Equal(have, want) {
					t.Errorf("policy %s has in the cluster\n%s\nand should have\n%s", policy, strings.Join(have, "\n"), strings.Join(want, "\n"))
				}
			}
			store := filepath.Join(dir, "store.klock")
			next := 0
			block := func(contains string) string {
				t.Helper()
				if !strings.Contains(blocks[next], contains) {
					t.Fatalf("block %d of docs/operations.md does not have %q", next+1, contains)
				}
				next++
				return blocks[next-1]
			}

			run(block("deploy/anchors.yaml"))
			run(block("kubectl apply -f shop.yaml"))
			same("shop", shop)
			// The policy grows and shrinks again.
			change := block("--prune")
			write(shop, policy+grown)
			run(change)
			same("shop", shop)
			write(shop, policy+grown[:strings.Index(grown, "lock doors")]+grown[strings.Index(grown, "grant "):])
			run(change)
			same("shop", shop)
			// Of the last grant of a namespace the roles stay, as the document says: kubectl does not look there.
			write(shop, policy)
			run(change)
			if out := run("kubectl get roles,rolebindings --all-namespaces -l klock.dev/policy=shop -o name"); strings.Count(out, "shop:readers") != 2 {
				t.Errorf("kubectl prunes roles as well, and docs/operations.md says that it does not: %s", out)
			}
			// They are leftovers, and klockc verify says so.
			verify := block("klockc verify shop.klock --cluster")
			if out := fails(verify); strings.Count(out, "K0706") != 2 {
				t.Errorf("klockc verify of two leftovers says\n%s", out)
			}
			run("kubectl delete roles,rolebindings --all-namespaces -l klock.dev/policy=shop")
			same("shop", shop)
			run(verify)
			write(filepath.Join(dir, "kustomization.yaml"), "resources: [shop.yaml]\n")
			run(block("kubectl kustomize"))

			run(block("store.klock"))
			same("shop", "")
			same("store", store)
			run(block("delete validatingadmissionpolicybindings"))
			if have := there("store"); slices.ContainsFunc(have, func(name string) bool { return strings.Contains(name, "PolicyBinding/") }) {
				t.Errorf("there are bindings after unlocking: %v", have)
			}
			run(block("store.klock"))
			same("store", store)
			run(block("delete rolebindings"))
			same("store", "")
			write(shop, policy+grown)
			if out := run("kubectl get validatingadmissionpolicies -l app.kubernetes.io/name=klock-anchors -o name"); strings.Count(out, "klock-anchor--") < 8 {
				t.Errorf("the anchors are gone:\n%s", out)
			}

			// Without the grant: its roles are in another namespace than the set.
			write(shop, policy+grown[:strings.Index(grown, "grant ")])
			set := block("--applyset")
			run(set)
			same("shop", shop)
			write(shop, policy)
			run(strings.Replace(set, "kubectl create namespace klock\n", "", 1))
			same("shop", shop)
			if next != len(blocks) {
				t.Errorf("%d of %d blocks are run", next, len(blocks))
			}
		})
	}
}
