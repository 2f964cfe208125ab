package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

// fluxTool is where a program of Flux is.
func fluxTool(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(cluster.Servers(), "flux", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%v: run tests/e2e/servers/flux/build.sh", err)
	}
	return path
}

// flux is a cluster in which controllers of Flux run. What source-controller does, the test does: it serves artifacts and writes
// of them in the status of sources.
type flux struct {
	*stage.Stage
	source *stage.Actor
	shell  *shell
	served *artifacts
}

// artifacts are served by path.
type artifacts struct {
	url string

	mutex sync.Mutex
	files map[string][]byte
	// revisions is how many there have been.
	revisions int
}

func (a *artifacts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mutex.Lock()
	file, ok := a.files[r.URL.Path]
	a.mutex.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Write(file)
}

// reconciler is what `flux install` gives the controllers (fluxcd/flux2: manifests/rbac/reconciler.yaml).
const reconciler = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: cluster-reconciler}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
- {kind: ServiceAccount, name: kustomize-controller, namespace: flux-system}
- {kind: ServiceAccount, name: helm-controller, namespace: flux-system}
`

// newFlux starts controllers, each as the account that it has where Flux is installed.
func newFlux(t *testing.T, minor string, controllers ...string) *flux {
	t.Helper()
	for _, name := range controllers {
		fluxTool(t, name)
	}
	c := cluster.ForTest(t, cluster.Options{Minor: minor, ControllerManager: true, TypeChecker: true, Audit: true})
	kubeconfig, err := c.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	f := &flux{Stage: stage.New(t, c), shell: newShell(t, kubeconfig), served: &artifacts{files: map[string][]byte{}}}
	f.shell.before = "PATH=" + filepath.Join(cluster.Servers(), "flux") + ":$PATH\n"
	f.StartNodes(t.Context())
	server := httptest.NewServer(f.served)
	t.Cleanup(server.Close)
	f.served.url = server.URL

	definitions, err := filepath.Glob(filepath.Join(cluster.Servers(), "flux", "crds", "*.yaml"))
	if err != nil || len(definitions) == 0 {
		t.Fatalf("no definitions of Flux: %v", err)
	}
	for _, path := range definitions {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f.DefineAs(string(text))
	}
	f.Namespace("flux-system", "")
	f.source = f.Account("flux-system", "source-controller", cluster.Testers)
	f.must(f.Admin.Create(reconciler))
	for _, name := range controllers {
		f.must(f.Admin.Create("{apiVersion: v1, kind: ServiceAccount, metadata: {name: " + name + ", namespace: flux-system}}"))
		kubeconfig, err := c.AccountKubeconfig(t.Context(), "flux-system", name)
		if err != nil {
			t.Fatal(err)
		}
		files := filepath.Join(c.Dir, name)
		if err := os.Mkdir(files, 0o700); err != nil {
			t.Fatal(err)
		}
		// The controllers of a node have ports of their own; here several clusters share them.
		flags := []string{"--metrics-addr=0", "--health-addr=0", "--events-addr=", "--requeue-dependency=250ms", "--concurrent=10"}
		if err := c.Run(name, fluxTool(t, name), []string{"KUBECONFIG=" + kubeconfig, "RUNTIME_NAMESPACE=flux-system", "TMPDIR=" + files}, flags...); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (f *flux) in(t *testing.T) *flux {
	shell := *f.shell
	shell.t = t
	return &flux{f.Stage.In(t), f.source, &shell, f.served}
}

func (f *flux) must(err error) {
	f.T.Helper()
	if err != nil {
		f.T.Fatal(err)
	}
}

// often lets everything be reconciled each second. Flux puts back what is deleted while it waits for health when it has waited.
func often(text string) string {
	text = regexp.MustCompile(`(?m)^(\s+timeout: )\d+m$`).ReplaceAllString(text, "${1}20s")
	return regexp.MustCompile(`(?m)^(\s+(?:interval|retryInterval): )\d+m$`).ReplaceAllString(text, "${1}1s")
}

// packed is a directory as source-controller packs it.
func (f *flux) packed(dir string) []byte {
	f.T.Helper()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	out := tar.NewWriter(zip)
	f.must(filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if entry != nil && entry.Name() == ".git" {
				return filepath.SkipDir
			}
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if err := out.WriteHeader(&tar.Header{Name: filepath.ToSlash(name), Mode: 0o644, Size: int64(len(text))}); err != nil {
			return err
		}
		_, err = out.Write(text)
		return err
	}))
	f.must(out.Close())
	f.must(zip.Close())
	return packed.Bytes()
}

// serve gives the source an artifact.
func (f *flux) serve(source stage.At, revision string, artifact []byte) {
	f.T.Helper()
	digest := fmt.Sprintf("%x", sha256.Sum256(artifact))
	f.served.mutex.Lock()
	path := "/" + strings.ReplaceAll(strings.ReplaceAll(string(source), " ", "/"), ".", "/") + "/" + digest + ".tar.gz"
	f.served.files[path] = artifact
	f.served.mutex.Unlock()
	now := time.Now().UTC().Format(time.RFC3339)
	status, err := json.Marshal(map[string]any{"status": map[string]any{
		"observedGeneration": f.Admin.Get(source).GetGeneration(),
		"artifact": map[string]any{"digest": "sha256:" + digest, "lastUpdateTime": now, "path": path[1:], "revision": revision,
			"size": len(artifact), "url": f.served.url + path},
		"conditions": []any{map[string]any{"type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored artifact", "lastTransitionTime": now}},
	}})
	f.must(err)
	f.Allowed("source-controller writes the status of "+string(source), func() error { return f.source.Patch(source+"/status", string(status)) })
}

// revision is another one each time.
func (f *flux) revision() string {
	f.served.mutex.Lock()
	defer f.served.mutex.Unlock()
	f.served.revisions++
	return fmt.Sprintf("main@sha1:%040x", f.served.revisions)
}

const (
	kustomizationAt = stage.At("kustomizations.kustomize.toolkit.fluxcd.io flux-system/")
	gitAt           = stage.At("gitrepositories.source.toolkit.fluxcd.io flux-system/")
	kustomizer      = "system:serviceaccount:flux-system:kustomize-controller"
)

// commit gives the GitRepository what the directory holds now.
func (f *flux) commit(repository, dir string) (revision string) {
	f.T.Helper()
	revision = f.revision()
	f.serve(gitAt+stage.At(repository), revision, f.packed(f.shell.path(dir)))
	return revision
}

// readiness is the condition Ready.
func readiness(o *unstructured.Unstructured) (status, message string) {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		if c := c.(map[string]any); c["type"] == "Ready" {
			return c["status"].(string), c["message"].(string)
		}
	}
	return "", ""
}

// eventually is Until with more patience, and says what was there last.
func (f *flux) eventually(what string, look func() (done bool, there string)) {
	f.T.Helper()
	deadline := time.Now().Add(3 * time.Minute)
	for {
		done, there := look()
		if done {
			return
		}
		if time.Now().After(deadline) {
			f.T.Fatalf("it does not happen that %s; there is %s", what, there)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// applied waits until the Kustomization is ready with what was committed.
func (f *flux) applied(place stage.At, revision string) {
	f.T.Helper()
	f.eventually(string(place)+" is applied at "+revision, func() (bool, string) {
		if !f.Admin.Exists(place) {
			return false, "no Kustomization"
		}
		k := f.Admin.Get(place)
		status, message := readiness(k)
		last, _, _ := unstructured.NestedString(k.Object, "status", "lastAppliedRevision")
		observed, _, _ := unstructured.NestedInt64(k.Object, "status", "observedGeneration")
		return status == "True" && last == revision && observed == k.GetGeneration(), status + ": " + message
	})
}

// failing waits until the Kustomization fails for this reason.
func (f *flux) failing(place stage.At, because string) {
	f.T.Helper()
	pattern := regexp.MustCompile(because)
	f.eventually(string(place)+" fails: "+because, func() (bool, string) {
		status, message := readiness(f.Admin.Get(place))
		return status == "False" && pattern.MatchString(message), status + ": " + message
	})
}

// reconciliations are those that ended well, of what is applied now.
func reconciliations(o *unstructured.Unstructured) (n int64) {
	history, _, _ := unstructured.NestedSlice(o.Object, "status", "history")
	if len(history) == 0 {
		return 0
	}
	last := history[0].(map[string]any)
	if last["lastReconciledStatus"] != "ReconciliationSucceeded" {
		return 0
	}
	n, _ = last["totalReconciliations"].(int64)
	return n
}

// refusals are the answers to writes since the offset in which a policy refuses one of the accounts.
func (f *flux) refusals(offset int, accounts ...string) (refused []string, end int) {
	f.T.Helper()
	writes, end, err := f.Cluster.Audit(offset)
	f.must(err)
	for _, w := range writes {
		if slices.Contains(accounts, w.Who()) && strings.Contains(w.ResponseStatus.Message, stage.PolicyRefusal) {
			refused = append(refused, fmt.Sprintf("%s %s %s/%s: %s", w.Who(), w.Verb, w.ObjectRef.Resource, w.ObjectRef.Name, w.ResponseStatus.Message))
		}
	}
	return refused, end
}

// tenIntervals lets Kustomizations be reconciled ten more times, and fails for each refusal.
func (f *flux) tenIntervals(places []stage.At, accounts ...string) {
	f.T.Helper()
	_, offset := f.refusals(0)
	for _, place := range places {
		before := reconciliations(f.Admin.Get(place))
		f.eventually(string(place)+" is reconciled ten more times", func() (bool, string) {
			k := f.Admin.Get(place)
			status, message := readiness(k)
			// While a Kustomization is looked at, it is not ready to those that depend on it.
			if status == "False" && !strings.HasPrefix(message, "dependency '") {
				f.T.Fatalf("%s: %s", place, message)
			}
			return reconciliations(k) >= before+10, fmt.Sprintf("%d after %d: %s", reconciliations(k), before, message)
		})
	}
	if refused, _ := f.refusals(offset, accounts...); len(refused) > 0 {
		f.T.Errorf("refused in ten intervals:\n%s", strings.Join(refused, "\n"))
	}
	if writes, _, err := f.Cluster.Audit(offset); err != nil || !slices.ContainsFunc(writes, func(w cluster.Write) bool { return slices.Contains(accounts, w.Who()) }) {
		f.T.Errorf("nobody of %v wrote anything in ten intervals, error %v", accounts, err)
	}
}

// acts waits until a lock refuses the patch to an administrator, without changing anything where it does not yet.
func (f *flux) acts(lock string, place stage.At, patch string) {
	f.T.Helper()
	client, name, sub := f.Admin.Find(place)
	f.eventually("the lock "+lock+" acts on "+string(place), func() (bool, string) {
		_, err := client.Patch(context.Background(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}}, sub...)
		return err != nil && strings.Contains(err.Error(), stage.PolicyRefusal) && strings.Contains(err.Error(), "(lock "+lock+" of policy "), fmt.Sprint(err)
	})
}

// opens waits until nothing refuses the patch any more.
func (f *flux) opens(place stage.At, patch string, first ...func()) {
	f.T.Helper()
	client, name, sub := f.Admin.Find(place)
	f.eventually("nothing keeps anybody from "+string(place), func() (bool, string) {
		for _, do := range first {
			do()
		}
		_, err := client.Patch(context.Background(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}}, sub...)
		return err == nil, fmt.Sprint(err)
	})
}

// holds waits until a field of an object has a value.
func (f *flux) holds(place stage.At, value string, field ...string) {
	f.T.Helper()
	f.eventually(fmt.Sprintf("%s has %s in %v", place, value, field), func() (bool, string) {
		if !f.Admin.Exists(place) {
			return false, "no object"
		}
		have, _, _ := unstructured.NestedFieldNoCopy(f.Admin.Get(place).Object, field...)
		return fmt.Sprint(have) == value, fmt.Sprint(have)
	})
}

func (f *flux) gone(places ...stage.At) {
	f.T.Helper()
	for _, place := range places {
		f.eventually(string(place)+" is gone", func() (bool, string) { return !f.Admin.Exists(place), "it" })
	}
}

// edit replaces texts in a file of the repository.
func (f *flux) edit(file string, oldnew ...string) {
	f.T.Helper()
	text, err := os.ReadFile(f.shell.path(file))
	f.must(err)
	changed := strings.NewReplacer(oldnew...).Replace(string(text))
	if changed == string(text) {
		f.T.Fatalf("%s does not have %q", file, oldnew)
	}
	f.shell.write(file, changed)
}

// bootstrapped are the files that `flux bootstrap` puts into a repository, as far as they say what is applied.
const bootstrapped = `
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m0s, ref: {branch: main}, url: "ssh://git@git.example.com/shop"}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1s, retryInterval: 1s, path: ./clusters/production, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
`

// bootstrap puts the example into a repository, lets Flux apply it, and returns the revision.
func (f *flux) bootstrap() (revision string) {
	f.T.Helper()
	f.must(os.CopyFS(f.shell.path("shop"), os.DirFS(filepath.Join(cluster.Root(), "examples", "gitops", "flux"))))
	for _, file := range []string{"locks", "shop"} {
		text, err := os.ReadFile(f.shell.path("shop/clusters/production/" + file + ".yaml"))
		f.must(err)
		f.shell.write("shop/clusters/production/"+file+".yaml", often(string(text)))
	}
	f.shell.write("shop/clusters/production/flux-system/gotk-sync.yaml", bootstrapped)
	f.must(f.Admin.Create(bootstrapped))
	return f.commit("flux-system", "shop")
}
