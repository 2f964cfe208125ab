package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/resources"
	"klock.dev/e2e/stage"
)

var chainsawPolicies = flag.String("chainsaw.policies", "", "the policies whose tests Chainsaw runs, in place of some")

// chainsaw is a cluster that Chainsaw tests, with what its tests need beforehand.
type chainsaw struct {
	*stage.Stage
	shell   *shell
	defined map[schema.GroupKind]bool
}

func newChainsaw(t *testing.T, minor string) *chainsaw {
	t.Helper()
	path := filepath.Join(cluster.Servers(), "chainsaw")
	if _, err := os.Stat(filepath.Join(path, "chainsaw")); err != nil {
		t.Skipf("%v: run tests/e2e/servers/chainsaw/build.sh", err)
	}
	c := cluster.ForTest(t, cluster.Options{Minor: minor, ControllerManager: true})
	kubeconfig, err := c.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	s := newShell(t, kubeconfig)
	s.before = "PATH=" + path + ":$PATH\n"
	return &chainsaw{Stage: stage.New(t, c), shell: s, defined: map[schema.GroupKind]bool{}}
}

// in is the cluster for a subtest.
func (c *chainsaw) in(t *testing.T) *chainsaw {
	s := *c.shell
	s.t, s.dir = t, t.TempDir()
	return &chainsaw{Stage: c.In(t), shell: &s, defined: c.defined}
}

// define makes the definitions of the custom resources that the tests are about.
func (c *chainsaw) define(of []*cases.Case) {
	c.T.Helper()
	for _, one := range of {
		kind := schema.GroupVersionKind{Group: one.Request.Group, Version: one.Request.Version, Kind: one.Request.Kind}
		if !strings.Contains(kind.Group, ".") || strings.HasSuffix(kind.Group, ".k8s.io") || c.defined[kind.GroupKind()] {
			continue
		}
		c.defined[kind.GroupKind()] = true
		c.Define(kind, one.Request.Resource, "status", "scale")
	}
}

// export is what klockc prints of the policy, which lies below the root of the repository.
func (c *chainsaw) export(policy string) string {
	c.T.Helper()
	of, err := cases.Load(policy)
	if err != nil {
		c.T.Fatal(err)
	}
	c.define(of)
	return c.shell.must("klockc test --print chainsaw " + filepath.Join(cluster.Root(), policy) + " 2>left-out")
}

// test has Chainsaw run a test, and gives what it prints.
func (c *chainsaw) test(text string) (string, bool) {
	c.T.Helper()
	c.shell.write("locks/chainsaw-test.yaml", text)
	out, status := c.shell.run("chainsaw test --no-color locks")
	return out, status == 0
}

// mutilate changes what the test applies: it gives nil for what is to be left out.
func (c *chainsaw) mutilate(text string, change func(resource map[string]any) map[string]any) string {
	c.T.Helper()
	var test map[string]any
	if err := yaml.Unmarshal([]byte(text), &test); err != nil {
		c.T.Fatal(err)
	}
	changed := 0
	steps, _, err := unstructured.NestedSlice(test, "spec", "steps")
	if err != nil {
		c.T.Fatal(err)
	}
	for _, step := range steps {
		var kept []any
		for _, operation := range step.(map[string]any)["try"].([]any) {
			resource, found, _ := unstructured.NestedMap(operation.(map[string]any), "create", "resource")
			if found {
				after := change(runtime.DeepCopyJSON(resource))
				if !reflect.DeepEqual(resource, after) {
					changed++
				}
				if after == nil {
					continue
				}
				operation.(map[string]any)["create"].(map[string]any)["resource"] = after
			}
			kept = append(kept, operation)
		}
		step.(map[string]any)["try"] = kept
	}
	if changed == 0 {
		c.T.Fatal("nothing was changed")
	}
	test["spec"].(map[string]any)["steps"] = steps
	out, err := yaml.Marshal(test)
	if err != nil {
		c.T.Fatal(err)
	}
	return string(out)
}

// isNamed says whether it is the object of a kind, and of the name or that name in a family.
func isNamed(resource map[string]any, kind, name string) bool {
	object := unstructured.Unstructured{Object: resource}
	return object.GetKind() == kind && strings.HasPrefix(object.GetName(), name)
}

// TestChainsaw has Chainsaw run what klockc test --print chainsaw makes of tests: it passes, it leaves nothing behind, and it
// fails where the locks are not what klockc has made.
func TestChainsaw(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	minors := cluster.MinorsForTest(t)
	for _, minor := range minors {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			c := newChainsaw(t, minor)
			policies := []string{"tests/rows/P15.klock"}
			if minor == minors[len(minors)-1] {
				policies = append(policies, "examples/payments.klock", "examples/self-service.klock", "examples/tenants.klock")
			}
			if *chainsawPolicies != "" {
				policies = strings.Fields(*chainsawPolicies)
			}
			// What controllers make once, they have made.
			c.Until("the first accounts are there", func() bool {
				_, status := c.shell.run("kubectl get serviceaccounts -n default default && kubectl get serviceaccounts -n kube-system generic-garbage-collector")
				return status == 0
			})
			before := c.inventory()
			for _, policy := range policies {
				t.Run(policy, func(t *testing.T) {
					c := c.in(t)
					if out, passed := c.test(c.export(policy)); !passed {
						t.Errorf("%s", out)
					}
				})
			}
			t.Run("the commands of docs/cli.md", func(t *testing.T) {
				c := c.in(t)
				source, err := os.ReadFile(filepath.Join(cluster.Root(), "examples", "blog.klock"))
				if err != nil {
					t.Fatal(err)
				}
				c.shell.write("policies/blog.klock", string(source))
				if out := c.shell.must(c.commands()); !strings.Contains(out, "Passed  tests 1") {
					t.Errorf("%s", out)
				}
			})
			t.Run("without a binding", func(t *testing.T) { c.in(t).fails(withoutBinding, "delete pods my-pod") })
			t.Run("a weaker lock", func(t *testing.T) { c.in(t).fails(weaker, "delete pods my-pod") })
			t.Run("where the policy is in use", func(t *testing.T) {
				c := c.in(t)
				text := c.export("examples/blog.klock")
				c.shell.write("blog.yaml", string(cases.MustCompile(t, "examples/blog.klock")))
				c.shell.must("kubectl apply -f blog.yaml")
				bindings := c.shell.must("kubectl get validatingadmissionpolicybindings -o name")
				if out, passed := c.test(text); passed || !strings.Contains(out, "no such policy is there yet") {
					t.Errorf("it passes, or does not say why it does not:\n%s", out)
				}
				if after := c.shell.must("kubectl get validatingadmissionpolicybindings -o name"); after != bindings {
					t.Errorf("the locks were lifted:\n%s\n%s", bindings, after)
				}
				c.shell.must("kubectl delete -f blog.yaml")
			})
			t.Run("nothing is left", func(t *testing.T) {
				if after := c.in(t).inventory(); after != before {
					t.Errorf("before:\n%s\nafter:\n%s", before, after)
				}
			})
		})
	}
}

// commands are those of the page for users.
func (c *chainsaw) commands() string {
	c.T.Helper()
	text, err := os.ReadFile(filepath.Join(cluster.Root(), "docs", "cli.md"))
	if err != nil {
		c.T.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "```sh chainsaw\n")
	if !found {
		c.T.Fatal("docs/cli.md has no block of Chainsaw's commands")
	}
	block, _, _ = strings.Cut(block, "```")
	return block
}

func withoutBinding(resource map[string]any) map[string]any {
	if isNamed(resource, "ValidatingAdmissionPolicyBinding", "blog-objects") {
		return nil
	}
	return resource
}

// weaker is a lock that lets anybody delete.
func weaker(resource map[string]any) map[string]any {
	if !isNamed(resource, "ValidatingAdmissionPolicy", "blog-objects") {
		return resource
	}
	rules, _, _ := unstructured.NestedSlice(resource, "spec", "matchConstraints", "resourceRules")
	for _, rule := range rules {
		operations := rule.(map[string]any)["operations"].([]any)
		rule.(map[string]any)["operations"] = slices.DeleteFunc(operations, func(o any) bool { return o == "DELETE" })
	}
	if err := unstructured.SetNestedSlice(resource, rules, "spec", "matchConstraints", "resourceRules"); err != nil {
		panic(err)
	}
	return resource
}

// fails has Chainsaw run the test of the smallest example on locks that were changed, and fail at that request.
func (c *chainsaw) fails(change func(map[string]any) map[string]any, request string) {
	c.T.Helper()
	out, passed := c.test(c.mutilate(c.export("examples/blog.klock"), change))
	if passed || !strings.Contains(out, "Failed  tests 1") || !strings.Contains(out, request) {
		c.T.Errorf("it does not fail, or not at %q:\n%s", request, out)
	}
}

// inventory is everything that tests make, but for what the cluster makes by itself.
func (c *chainsaw) inventory() string {
	c.T.Helper()
	return c.shell.must(`kubectl get -A -o name validatingadmissionpolicies,validatingadmissionpolicybindings,namespaces,pods,deployments,configmaps,secrets,` +
		`serviceaccounts,nodes | grep -v -e kube-root-ca -e klock-anchor -e kube-apiserver-legacy | sort
		kubectl get -o name clusterroles,clusterrolebindings | grep klock-chainsaw || true`)
}

// unasked are kinds that are no objects, that need a certificate, or that no lock can be about.
var unasked = regexp.MustCompile(`Review$|^Binding$|^(CertificateSigningRequest|ClusterTrustBundle|PodCertificateRequest)$|^ValidatingAdmissionPolicy`)

// names are those that API servers ask for of some kinds.
var names = map[string]string{
	"APIService": "v1.templates.example.com", "CustomResourceDefinition": "things.templates.example.com", "IPAddress": "10.96.7.7",
}

// TestChainsawTemplates has a server take, in a dry run, an object of every built-in kind of which a test says no more than
// the name.
func TestChainsawTemplates(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	for _, minor := range cluster.MinorsForTest(t) {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			c := newChainsaw(t, minor)
			served := map[schema.GroupVersionResource]bool{}
			_, lists, err := c.Admin.Typed.Discovery().ServerGroupsAndResources()
			if err != nil {
				t.Fatal(err)
			}
			for _, list := range lists {
				version, err := schema.ParseGroupVersion(list.GroupVersion)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range list.APIResources {
					served[version.WithResource(r.Name)] = true
				}
			}
			policy := "policy templates\n\nlock nothing {\n  resources  secrets\n  namespace  nowhere\n  name       nothing\n  deny       delete\n  guard      none\n}\n\n" +
				"test \"every kind\" {\n  as      user alice\n"
			count := 0
			for _, r := range resources.All() {
				if unasked.MatchString(r.Kind) || !slices.Contains(r.Verbs, "create") || !served[schema.GroupVersionResource{Group: r.Group, Version: r.Version, Resource: r.Plural}] {
					continue
				}
				name := "templates"
				if special, ok := names[r.Kind]; ok {
					name = special
				}
				if r.Namespaced {
					name = "templates/" + name
				}
				policy += fmt.Sprintf("  create  %s %s\n  expect  allowed\n", strings.TrimSuffix(r.Plural+"."+r.Group, "."), name)
				count++
			}
			if count < 40 {
				t.Errorf("only %d kinds are asked about", count)
			}
			c.shell.write("templates.klock", policy+"}\n")
			text := c.shell.must("klockc test --print chainsaw templates.klock 2>said; grep 'left out' said >&2 || true")
			if strings.Contains(text, "left out") {
				t.Errorf("%s", text)
			}
			// One that fails should not hide the others.
			text = strings.ReplaceAll(text, "      script:\n", "      continueOnError: true\n      script:\n")
			if out, passed := c.test(text); !passed {
				t.Errorf("%s", out)
			}
		})
	}
}
