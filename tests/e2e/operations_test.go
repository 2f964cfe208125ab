package e2e

import (
	"maps"
	"os"
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
		kubectl(t)
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			c := cluster.ForTest(t, cluster.Options{Minor: minor})
			kubeconfig, err := c.Kubeconfig()
			if err != nil {
				t.Fatal(err)
			}
			s := newShell(t, kubeconfig)
			anchors, err := os.ReadFile(filepath.Join(cluster.Root(), "deploy", "anchors.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			s.write("deploy/anchors.yaml", string(anchors))
			s.write("shop.klock", policy)
			// there are the objects with the label of a policy.
			there := func(policy string) []string {
				t.Helper()
				out := s.must("kubectl get validatingadmissionpolicies,validatingadmissionpolicybindings,clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts" +
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
					want = compiled(s.path(file))
				}
				if have := there(policy); !slices.Equal(have, want) {
					t.Errorf("policy %s has in the cluster\n%s\nand should have\n%s", policy, strings.Join(have, "\n"), strings.Join(want, "\n"))
				}
			}
			next := 0
			block := func(contains string) string {
				t.Helper()
				if !strings.Contains(blocks[next], contains) {
					t.Fatalf("block %d of docs/operations.md does not have %q", next+1, contains)
				}
				next++
				return blocks[next-1]
			}

			s.must(block("deploy/anchors.yaml"))
			s.must(block("kubectl apply -f shop.yaml"))
			same("shop", "shop.klock")
			// The policy grows and shrinks again.
			change := block("--prune")
			s.write("shop.klock", policy+grown)
			s.must(change)
			same("shop", "shop.klock")
			s.write("shop.klock", policy+grown[:strings.Index(grown, "lock doors")]+grown[strings.Index(grown, "grant "):])
			s.must(change)
			same("shop", "shop.klock")
			// Of the last grant of a namespace the roles stay, as the document says: kubectl does not look there.
			s.write("shop.klock", policy)
			s.must(change)
			if out := s.must("kubectl get roles,rolebindings --all-namespaces -l klock.dev/policy=shop -o name"); strings.Count(out, "shop:readers") != 2 {
				t.Errorf("kubectl prunes roles as well, and docs/operations.md says that it does not: %s", out)
			}
			// They are leftovers, and klockc verify says so.
			verify := block("klockc verify shop.klock --cluster")
			if out, status := s.run(verify); status == 0 || strings.Count(out, "K0706") != 2 {
				t.Errorf("klockc verify of two leftovers: status %d\n%s", status, out)
			}
			s.must("kubectl delete roles,rolebindings --all-namespaces -l klock.dev/policy=shop")
			same("shop", "shop.klock")
			s.must(verify)
			s.write("kustomization.yaml", "resources: [shop.yaml]\n")
			s.must(block("kubectl kustomize"))

			s.must(block("store.klock"))
			same("shop", "")
			same("store", "store.klock")
			s.must(block("delete validatingadmissionpolicybindings"))
			if have := there("store"); slices.ContainsFunc(have, func(name string) bool { return strings.Contains(name, "PolicyBinding/") }) {
				t.Errorf("there are bindings after unlocking: %v", have)
			}
			s.must(block("store.klock"))
			same("store", "store.klock")
			s.must(block("delete rolebindings"))
			same("store", "")
			s.write("shop.klock", policy+grown)
			if out := s.must("kubectl get validatingadmissionpolicies -l app.kubernetes.io/name=klock-anchors -o name"); strings.Count(out, "klock-anchor--") < 8 {
				t.Errorf("the anchors are gone:\n%s", out)
			}

			// Without the grant: its roles are in another namespace than the set.
			s.write("shop.klock", policy+grown[:strings.Index(grown, "grant ")])
			set := block("--applyset")
			s.must(set)
			same("shop", "shop.klock")
			s.write("shop.klock", policy)
			s.must(strings.Replace(set, "kubectl create namespace klock\n", "", 1))
			same("shop", "shop.klock")
			if next != len(blocks) {
				t.Errorf("%d of %d blocks are run", next, len(blocks))
			}
		})
	}
}
