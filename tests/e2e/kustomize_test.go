package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/evaluator"
	"klock.dev/e2e/stage"
)

// kustomization is a way to build: the kustomize in a kubectl, or the program itself.
type kustomization struct {
	name, path string
	standalone bool
}

func kustomizations(t *testing.T) (all []kustomization) {
	t.Helper()
	for _, minor := range cluster.MinorsForTest(t) {
		all = append(all, kustomization{"kubectl-" + minor, filepath.Join(cluster.Servers(), minor, "kubectl"), false})
	}
	found, _ := filepath.Glob(filepath.Join(cluster.Servers(), "*", "kustomize"))
	for _, path := range found {
		all = append(all, kustomization{"standalone", path, true})
	}
	for _, k := range all {
		if _, err := os.Stat(k.path); err != nil {
			t.Skipf("%v: run tests/e2e/servers/build.sh", err)
		}
	}
	if len(found) == 0 {
		t.Skipf("no kustomize in %s: run tests/e2e/servers/build.sh", cluster.Servers())
	}
	return all
}

// directory is a kustomization with files in it, and with klockc as a plugin and as a function.
type directory struct {
	t    *testing.T
	path string
}

func newDirectory(t *testing.T, files map[string]string) directory {
	t.Helper()
	d := directory{t, t.TempDir()}
	plugin := filepath.Join(d.path, "plugins", "klock.dev", "v1alpha1", "klockpolicy", "KlockPolicy")
	if err := os.MkdirAll(filepath.Dir(plugin), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{plugin, filepath.Join(d.path, "klockc-fn")} {
		if err := os.Symlink(cases.Klockc(), link); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(d.path, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// build gives the objects, or what is said.
func (d directory) build(k kustomization, flags ...string) (manifest []byte, said string, err error) {
	args := append([]string{"build"}, flags...)
	if !k.standalone {
		args[0] = "kustomize"
	}
	cmd := exec.Command(k.path, append(args, d.path)...)
	cmd.Env = append(os.Environ(), "KUSTOMIZE_PLUGIN_HOME="+filepath.Join(d.path, "plugins"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.Bytes(), stderr.String(), err
}

func klockPolicy(function bool, spec string) string {
	annotations := ""
	if function {
		annotations = `
  annotations:
    config.kubernetes.io/local-config: "true"
    config.kubernetes.io/function: |
      exec: {path: ./klockc-fn}`
	}
	return "apiVersion: klock.dev/v1alpha1\nkind: KlockPolicy\nmetadata:\n  name: locks" + annotations + "\nspec: " + spec + "\n"
}

// byName are the objects of a manifest.
func byName(t *testing.T, manifest []byte) map[string]*unstructured.Unstructured {
	t.Helper()
	objects, err := evaluator.Objects(manifest)
	if err != nil {
		t.Fatalf("%v\n%s", err, manifest)
	}
	all := map[string]*unstructured.Unstructured{}
	for _, o := range objects {
		all[strings.Join([]string{o.GetKind(), o.GetNamespace(), o.GetName()}, "/")] = o
	}
	return all
}

// same fails unless the objects are those of the policy, and what is named beside them.
func same(t *testing.T, have map[string]*unstructured.Unstructured, want map[string]*unstructured.Unstructured, beside ...string) {
	t.Helper()
	names := append(slices.Collect(maps.Keys(want)), beside...)
	slices.Sort(names)
	if there := slices.Sorted(maps.Keys(have)); !slices.Equal(there, names) {
		t.Fatalf("there is\n%s\nand should be\n%s", strings.Join(there, "\n"), strings.Join(names, "\n"))
	}
	for name, object := range want {
		if !reflect.DeepEqual(object.Object, have[name].Object) {
			t.Errorf("%s is\n%v\nand should be\n%v", name, have[name].Object, object.Object)
		}
	}
}

const (
	kustomizedPolicy = `
policy kustomized
lock settings {
  resources  configmaps
  namespace  default
  labels     settings=locked
  deny       update, delete
  exclusive  group platform
  guard      no owners, no namespace
  accept     controller-not-locked "they are looked at by hand"
}
lock widgets {
  resources  widgets.example.com
  namespace  default
  name       settings
  deny       delete
  guard      no owners, no namespace, no crd
  accept     controller-not-locked, definition-not-guarded "they are looked at by hand"
}
test "others are kept out" {
  as       user alice
  delete   configmaps default/c labels settings=locked
  expect   denied by settings
}
`
	kustomizedDefinition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget, singular: widget, listKind: WidgetList}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
`
	kustomizedMap = "{apiVersion: v1, kind: ConfigMap, metadata: {name: app, namespace: default}}\n"
	kustomizedCRD = "CustomResourceDefinition//widgets.example.com"
)

// TestKustomize lists a KlockPolicy as what it can be, as a plugin and as a function, and looks at what comes out of each
// kustomize, and at how it fails.
func TestKustomize(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	declared := "resource widgets.example.com/v1 namespaced kind Widget\n"
	withDeclaration := strings.Replace(kustomizedPolicy, "lock settings", declared+"lock settings", 1)
	broken := strings.Replace(withDeclaration, "resources  configmaps", "resources  configmapz", 1)
	failing := strings.Replace(withDeclaration, "denied by settings", "allowed", 1)
	files := map[string]string{"app.yaml": kustomizedMap, "crd.yaml": kustomizedDefinition, "declared.klock": withDeclaration,
		"policy.klock": kustomizedPolicy, "broken.klock": broken, "failing.klock": failing}
	const app = "ConfigMap/default/app"
	for _, k := range kustomizations(t) {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			d := newDirectory(t, files)
			want := byName(t, cases.MustCompile(t, filepath.Join(d.path, "declared.klock")))
			list := func(function bool, key, spec string) {
				t.Helper()
				d.t = t
				text := "resources: [app.yaml, crd.yaml]\n" + key + ": [locks.yaml]\n"
				for name, text := range map[string]string{"locks.yaml": klockPolicy(function, spec), "kustomization.yaml": text} {
					if err := os.WriteFile(filepath.Join(d.path, name), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			must := func(want map[string]*unstructured.Unstructured, flags ...string) {
				t.Helper()
				manifest, said, err := d.build(k, flags...)
				if err != nil {
					t.Fatalf("%v\n%s", err, said)
				}
				same(t, byName(t, manifest), want, app, kustomizedCRD)
			}
			mustNot := func(reason string, flags ...string) {
				t.Helper()
				manifest, said, err := d.build(k, flags...)
				if err == nil || !strings.Contains(said, reason) || len(manifest) > 0 {
					t.Errorf("%v\n%s\n%s", err, said, manifest)
				}
			}
			for _, function := range []bool{false, true} {
				flags := []string{"--enable-alpha-plugins"}
				if function && k.standalone {
					flags = append(flags, "--enable-exec")
				}
				if function && !k.standalone {
					// What docs/kustomize.md warns of: functions are left out without a word. Only validators are missed.
					list(true, "generators", "{files: [declared.klock]}")
					must(nil, flags...)
					list(true, "transformers", "{files: [policy.klock], as: transformer}")
					must(nil, flags...)
					list(true, "validators", "{files: [declared.klock], as: validator}")
					mustNot("validator shouldn't modify the resource map", flags...)
					continue
				}
				list(function, "generators", "{files: [declared.klock]}")
				must(want, flags...)
				mustNot("external plugins disabled")
				// Only whoever sees the items sees the definition among them.
				list(function, "generators", "{files: [policy.klock]}")
				mustNot("policy.klock:13:14: error: unknown resource 'widgets.example.com'", flags...)
				list(function, "transformers", "{files: [policy.klock], as: transformer}")
				defined, said, err := d.build(k, flags...)
				if err != nil {
					t.Fatalf("%v\n%s", err, said)
				}
				if have := byName(t, defined); len(have) != len(want)+2 || have["ValidatingAdmissionPolicy//kustomized-objects--widgets.example.com"] == nil {
					t.Errorf("there is\n%s", strings.Join(slices.Sorted(maps.Keys(have)), "\n"))
				}
				list(function, "validators", "{files: [policy.klock], as: validator}")
				must(nil, flags...)
				list(function, "validators", "{files: [failing.klock], as: validator}")
				mustNot("test failed: kustomized: others are kept out", flags...)
				for key, as := range map[string]string{"generators": "generator", "transformers": "transformer", "validators": "validator"} {
					list(function, key, "{files: [broken.klock], as: "+as+"}")
					mustNot("broken.klock:5:14: error: unknown resource 'configmapz'", flags...)
				}
				list(function, "generators", "{files: [../outside.klock]}")
				mustNot("not below the directory of the kustomization", flags...)
				list(function, "generators", "{files: [declared.klock], nonsense: 1}")
				mustNot("spec.nonsense: there is no such field", flags...)

				// What the policy made before is put right, and what it made too much is taken away.
				list(function, "transformers", "{files: [policy.klock], as: transformer}")
				before := strings.ReplaceAll(string(cases.MustCompile(t, filepath.Join(d.path, "declared.klock"))), "reason: Forbidden", "reason: Invalid") +
					"---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: left-over, labels: {klock.dev/policy: kustomized}}\n"
				if err := os.WriteFile(filepath.Join(d.path, "before.yaml"), []byte(before), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(d.path, "kustomization.yaml"),
					[]byte("resources: [app.yaml, crd.yaml, before.yaml]\ntransformers: [locks.yaml]\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				again, said, err := d.build(k, flags...)
				if err != nil {
					t.Fatalf("%v\n%s", err, said)
				}
				same(t, byName(t, again), byName(t, defined))
			}
		})
	}
}

const renamedPolicy = `
policy renamed
deployer group platform
lock settings {
  resources  configmaps
  namespace  shop
  labels     settings=locked
  deny       update, delete
  exclusive  group owners
  guard      no owners, no namespace
  accept     controller-not-locked, namespace-not-guarded "they are looked at by hand"
}
lock scale {
  resources  deployments
  namespace  shop
  labels     settings=locked
  deny       scale
  exclusive  may unlock
  guard      no owners, no namespace
}
grant owners to group owners {
  resources  configmaps
  namespace  shop
  allow      get, update
}
grant reader to sa shop/reader {
  resources  nodes
  allow      get
}
`

// support are the files that docs/kustomize.md says to copy.
func support(t *testing.T, files map[string]string) map[string]string {
	t.Helper()
	for _, name := range []string{"names.yaml", "openapi.json"} {
		text, err := os.ReadFile(filepath.Join(cluster.Root(), "deploy", "kustomize", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	return files
}

// dangling are the names in objects that no object has.
func dangling(objects map[string]*unstructured.Unstructured) (missing []string) {
	look := func(from, kind, namespace, name string) {
		if objects[strings.Join([]string{kind, namespace, name}, "/")] == nil {
			missing = append(missing, fmt.Sprintf("%s names %s %s/%s", from, kind, namespace, name))
		}
	}
	kinds := map[string]string{"roles": "Role", "rolebindings": "RoleBinding", "clusterroles": "ClusterRole", "clusterrolebindings": "ClusterRoleBinding",
		"validatingadmissionpolicies": "ValidatingAdmissionPolicy", "validatingadmissionpolicybindings": "ValidatingAdmissionPolicyBinding"}
	for id, o := range objects {
		switch o.GetKind() {
		case "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding":
			if o.GetNamespace() != "" {
				missing = append(missing, id+" has a namespace")
			}
		}
		if name, ok, _ := unstructured.NestedString(o.Object, "spec", "policyName"); ok {
			look(id, "ValidatingAdmissionPolicy", "", name)
		}
		if ref, ok, _ := unstructured.NestedStringMap(o.Object, "roleRef"); ok {
			namespace := o.GetNamespace()
			if ref["kind"] == "ClusterRole" {
				namespace = ""
			}
			look(id, ref["kind"], namespace, ref["name"])
		}
		subjects, _, _ := unstructured.NestedSlice(o.Object, "subjects")
		for _, subject := range subjects {
			if s := subject.(map[string]any); s["kind"] == "ServiceAccount" {
				look(id, "ServiceAccount", s["namespace"].(string), s["name"].(string))
			}
		}
		rules, _, _ := unstructured.NestedSlice(o.Object, "rules")
		for _, rule := range rules {
			resources, _, _ := unstructured.NestedStringSlice(rule.(map[string]any), "resources")
			names, _, _ := unstructured.NestedStringSlice(rule.(map[string]any), "resourceNames")
			for _, name := range names {
				if kind := kinds[resources[0]]; kind != "" {
					look(id, kind, o.GetNamespace(), name)
				}
			}
		}
	}
	slices.Sort(missing)
	return missing
}

// TestKustomizeNames looks for names of nobody behind a prefix, a suffix and a namespace: none with the configuration that is
// shipped, and those that docs/kustomize.md speaks of without it.
func TestKustomizeNames(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	const account = "---\n{apiVersion: v1, kind: ServiceAccount, metadata: {name: reader, namespace: shop}}\n"
	configuration := "configurations: [names.yaml]\nopenapi: {path: openapi.json}\n"
	for _, k := range kustomizations(t) {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			d := newDirectory(t, support(t, map[string]string{"policy.klock": renamedPolicy}))
			compiled := cases.MustCompile(t, filepath.Join(d.path, "policy.klock"))
			plain := byName(t, append(slices.Clone(compiled), account...))
			if len(plain) < 12 || len(dangling(plain)) > 0 {
				t.Fatalf("%d objects: %v", len(plain), dangling(plain))
			}
			build := func(kustomization string) map[string]*unstructured.Unstructured {
				t.Helper()
				for name, text := range map[string]string{"locks.yaml": string(compiled) + account, "kustomization.yaml": kustomization,
					"transformer.yaml": klockPolicy(false, "{files: [own.klock], as: transformer}"),
					"validator.yaml":   klockPolicy(false, "{files: [policy.klock], as: validator}"), "app.yaml": kustomizedMap} {
					if err := os.WriteFile(filepath.Join(d.path, name), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				manifest, said, err := d.build(k, "--enable-alpha-plugins")
				if err != nil {
					t.Fatalf("%v\n%s", err, said)
				}
				return byName(t, manifest)
			}
			for _, change := range []string{"namePrefix: p-\n", "nameSuffix: -s\n", "namespace: other\n", "namePrefix: p-\nnameSuffix: -s\nnamespace: other\n"} {
				have := build("resources: [locks.yaml]\n" + change + configuration)
				if missing := dangling(have); len(missing) > 0 || len(have) != len(plain) {
					t.Errorf("%q: %d objects\n%s", change, len(have), strings.Join(missing, "\n"))
				}
				for id, o := range have {
					renamed := strings.Contains(change, "namePrefix") == strings.HasPrefix(o.GetName(), "p-") && strings.Contains(change, "nameSuffix") == strings.HasSuffix(o.GetName(), "-s")
					moved := o.GetNamespace() == "" || strings.Contains(change, "namespace") == (o.GetNamespace() == "other")
					if !renamed || !moved {
						t.Errorf("%q: %s", change, id)
					}
				}
			}
			// Without it: a binding without a policy where kustomize is old, roles of the deployer everywhere.
			missing := strings.Join(dangling(build("resources: [locks.yaml]\nnamePrefix: p-\n")), "\n")
			if old := k.name == "kubectl-1.30"; strings.Contains(missing, "Binding//p-renamed-objects--configmaps names ValidatingAdmissionPolicy") != old {
				t.Errorf("without the configuration:\n%s", missing)
			}
			if !strings.Contains(missing, "ClusterRole//p-renamed-deployer names ValidatingAdmissionPolicy") {
				t.Errorf("kustomize follows names in roles by itself:\n%s", missing)
			}
			if missing := strings.Join(dangling(build("resources: [locks.yaml]\nnamespace: other\n")), "\n"); !strings.Contains(missing, "has a namespace") {
				t.Errorf("kustomize knows that policies have no namespace:\n%s", missing)
			}

			// A transformer keeps its names, those of accounts that the policy makes as well.
			own := strings.Replace(renamedPolicy, "grant reader to sa shop/reader", "actor bot = new sa shop/reader\ngrant reader to bot", 1)
			if err := os.WriteFile(filepath.Join(d.path, "own.klock"), []byte(own), 0o600); err != nil {
				t.Fatal(err)
			}
			kept := build("resources: [app.yaml]\nnamePrefix: p-\nnamespace: other\ntransformers: [transformer.yaml]\n")
			same(t, kept, byName(t, cases.MustCompile(t, filepath.Join(d.path, "own.klock"))), "ConfigMap/other/p-app")
			// A validator sees what was renamed.
			if err := os.WriteFile(filepath.Join(d.path, "kustomization.yaml"), []byte("resources: [locks.yaml]\nnamespace: other\nvalidators: [validator.yaml]\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, said, err := d.build(k, "--enable-alpha-plugins"); err == nil || !strings.Contains(said, "Role other/renamed:owners of policy renamed is not made by this policy") {
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
}

// TestKustomizeEnforced lets API servers enforce what kustomize has renamed: the locks refuse, the roles grant, and the deployer
// may change what is there.
func TestKustomizeEnforced(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	minors := cluster.MinorsForTest(t)
	minor := minors[len(minors)-1]
	all := kustomizations(t)
	c := cluster.ForTest(t, cluster.Options{Minor: minor})
	s := stage.New(t, c)
	s.Allowed("make the namespace", func() error { return s.Admin.Create("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}") })
	for _, k := range all {
		t.Run(k.name, func(t *testing.T) {
			s := s.In(t)
			prefix := strings.ReplaceAll(k.name, ".", "-") + "-"
			d := newDirectory(t, support(t, map[string]string{
				"policy.klock": renamedPolicy,
				"locks.yaml":   klockPolicy(false, "{files: [policy.klock]}"),
				"kustomization.yaml": "generators: [locks.yaml]\nnamePrefix: " + prefix + "\nnameSuffix: -s\nnamespace: shop\n" +
					"configurations: [names.yaml]\nopenapi: {path: openapi.json}\n",
			}))
			manifest, said, err := d.build(k, "--enable-alpha-plugins")
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			s.Apply(manifest)
			const settings = stage.At("configmaps shop/settings")
			s.Allowed("make a ConfigMap", func() error {
				return s.Admin.Create("{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop, labels: {settings: locked}}}")
			})
			s.Refused("settings", "change it", s.Admin.Patch(settings, `{"data":{"a":"b"}}`))
			s.Refused("settings", "delete it", s.Admin.Remove(settings))
			owner := s.User("olga", "owners")
			s.Allowed("the owner has her role", func() error {
				_, err := owner.Typed.CoreV1().ConfigMaps("shop").Get(context.Background(), "settings", metav1.GetOptions{})
				return err
			})
			s.Allowed("and passes the lock", func() error {
				m, err := owner.Typed.CoreV1().ConfigMaps("shop").Get(context.Background(), "settings", metav1.GetOptions{})
				if err == nil {
					m.Data = map[string]string{"a": "c"}
					_, err = owner.Typed.CoreV1().ConfigMaps("shop").Update(context.Background(), m, metav1.UpdateOptions{})
				}
				return err
			})
			dana := s.User("dana", "platform")
			for id, o := range byName(t, manifest) {
				kinds := map[string]string{"ValidatingAdmissionPolicy": "validatingadmissionpolicies.admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings.admissionregistration.k8s.io",
					"ClusterRole": "clusterroles.rbac.authorization.k8s.io", "ClusterRoleBinding": "clusterrolebindings.rbac.authorization.k8s.io", "Role": "roles.rbac.authorization.k8s.io", "RoleBinding": "rolebindings.rbac.authorization.k8s.io"}
				place := stage.At(kinds[o.GetKind()] + " " + strings.TrimPrefix(o.GetNamespace()+"/"+o.GetName(), "/"))
				s.Allowed("the deployer changes "+id, func() error { return dana.Patch(place, `{"metadata":{"annotations":{"deployed":"again"}}}`) })
			}
			s.Remove(manifest)
			s.Allowed("without the policy it can be deleted", func() error { return s.Admin.Remove(settings) })
		})
	}

	// Without openapi.json policies have a namespace, which kubectl leaves out, as docs/kustomize.md says.
	kubeconfig, err := c.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	d := newDirectory(t, map[string]string{
		"policy.klock":       renamedPolicy,
		"locks.yaml":         klockPolicy(false, "{files: [policy.klock]}"),
		"kustomization.yaml": "generators: [locks.yaml]\nnamespace: shop\n",
	})
	manifest, said, err := d.build(all[len(all)-2], "--enable-alpha-plugins")
	if err != nil || !bytes.Contains(manifest, []byte("name: renamed-objects--configmaps\n  namespace: shop\n")) {
		t.Fatalf("%v\n%s\n%s", err, said, manifest)
	}
	cmd := exec.Command(kubectl(t), "--kubeconfig", kubeconfig, "--cache-dir", filepath.Join(d.path, "cache"), "apply", "-f", "-")
	cmd.Stdin = bytes.NewReader(manifest)
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("validatingadmissionpolicy.admissionregistration.k8s.io/renamed-objects--configmaps created")) {
		t.Errorf("%v\n%s", err, out)
	}
	const policy = "validatingadmissionpolicies.admissionregistration.k8s.io renamed-objects--configmaps"
	if !s.Admin.Exists(policy) || s.Admin.Get(policy).GetNamespace() != "" {
		t.Errorf("the policy is not there, or has a namespace")
	}
}
