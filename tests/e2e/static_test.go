package e2e

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/evaluator"
	"klock.dev/e2e/live"
	"klock.dev/e2e/stage"
)

// TestStatic shows that a server enforces static manifests from its first request on.
func TestStatic(t *testing.T) {
	t.Parallel()
	for name, manifest := range renderings(t, "static", "--target", "static") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cluster.StaticForTest(t, map[string][]byte{"policies": manifest})
			ctx := context.Background()
			maps := kubernetes.NewForConfigOrDie(c.Config).CoreV1().ConfigMaps("default")
			for _, name := range []string{"keep", "other"} {
				if _, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			if err := maps.Delete(ctx, "keep", metav1.DeleteOptions{}); err == nil || !strings.Contains(err.Error(), stage.PolicyRefusal) {
				t.Errorf("the locked ConfigMap is deleted: %v", err)
			}
			if err := maps.Delete(ctx, "other", metav1.DeleteOptions{}); err != nil {
				t.Errorf("another ConfigMap is not deleted: %v", err)
			}
		})
	}
}

// TestStaticRows asks the cases of examples and rows under static manifests: those of all files whose locks do not meet
// the cases of the others, at once on one server, and each of the other examples on a server of its own.
func TestStaticRows(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	if !slices.Contains(cluster.Minors(), cluster.StaticMinor) {
		t.Skipf("no servers for Kubernetes %s", cluster.StaticMinor)
	}
	var files []*static
	found, err := cases.Files(append(slices.Clone(cases.ExampleFiles), "tests/rows/*.klock")...)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		if s := compileStatic(t, path); s != nil {
			files = append(files, s)
		}
	}
	// Objects are completed where no policy is in the way.
	plain, err := live.New(cluster.ForTest(t, cluster.Options{Minor: cluster.StaticMinor}))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	var all []*live.File
	for _, f := range files {
		all = append(all, f.File)
	}
	if err := plain.Prepare(ctx, all); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for _, c := range f.Cases {
			f.requests = append(f.requests, &c.Request)
		}
		completed, err := f.Completed()
		if err != nil {
			t.Fatal(err)
		}
		f.requests = append(f.requests, completed...)
	}

	var servers [][]*static
	together := 0
	for _, f := range files {
		switch {
		case together < len(servers) && !slices.ContainsFunc(servers[together], f.meets):
			servers[together] = append(servers[together], f)
		case len(servers) == 0:
			servers = append(servers, []*static{f})
		case strings.HasPrefix(f.path, "examples"):
			servers = append(servers, []*static{f})
		}
	}

	for i, group := range servers {
		t.Run(fmt.Sprintf("server%d", i), func(t *testing.T) {
			t.Parallel()
			manifests := map[string][]byte{}
			var own []*live.File
			for _, f := range group {
				manifests[f.name] = f.Manifest
				own = append(own, f.File)
			}
			judge, err := live.New(cluster.StaticForTest(t, manifests))
			if err != nil {
				t.Fatal(err)
			}
			if err := judge.Admit(ctx, own); err != nil {
				t.Fatal(err)
			}
			verdicts := map[string]int{}
			for _, f := range group {
				t.Run(f.name, func(t *testing.T) {
					outcomes, err := judge.Ask(ctx, f.File)
					if err != nil {
						t.Fatal(err)
					}
					for _, o := range outcomes {
						switch {
						case o.Skipped != "":
							verdicts["not asked"]++
						case o.Problem != "":
							t.Error(o.Problem)
						default:
							verdicts[o.Case.Expect.Verdict]++
						}
					}
				})
			}
			t.Logf("%d files: %v", len(group), verdicts)
			if verdicts[cases.Denied] == 0 || verdicts[cases.Allowed] == 0 {
				t.Error("nothing is refused, or nothing is allowed")
			}
		})
	}
}

type static struct {
	*live.File
	path, name string
	names      []string // of its policies and bindings
	evaluator  *evaluator.Evaluator
	// requests are those of the cases, as written and about whole objects.
	requests []*cases.Request
}

// compileStatic returns nothing for a file that has no static form: errors, options, parameters.
func compileStatic(t *testing.T, path string) *static {
	t.Helper()
	comments, err := readComments(path)
	if err != nil {
		t.Fatal(err)
	}
	options := []string{"--target", "static"}
	if len(comments.errors) > 0 || len(comments.options) > 0 && !isStatic(comments) {
		return nil
	} else if isStatic(comments) {
		options = comments.options
	}
	relative, err := filepath.Rel(cluster.Root(), path)
	if err != nil {
		t.Fatal(err)
	}
	s := &static{File: &live.File{}, path: relative, name: strings.TrimSuffix(filepath.Base(path), ".klock")}
	var diagnostics string
	if s.Manifest, diagnostics, err = cases.Compile(append(slices.Clone(options), relative)...); err != nil {
		t.Logf("%s has no static form: %s", s.name, strings.SplitN(diagnostics, "\n", 2)[0])
		return nil
	}
	objects, err := evaluator.Objects(s.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		s.names = append(s.names, object.GetName())
		if !strings.HasSuffix(object.GetName(), ".static.k8s.io") {
			t.Errorf("%s: %s %s is not named as a static object", s.name, object.GetKind(), object.GetName())
		}
	}
	if s.Cases, err = cases.Load(append(slices.Clone(options), relative)...); err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Cases {
		// Static policies have no parameters, by which these would be covered; K0211 says so.
		if c.Decision.Verdict != c.Expect.Verdict && c.Request.CarriesNameOnly() {
			c.Expect.Verdict = c.Decision.Verdict
		}
	}
	if s.evaluator, err = evaluator.New(s.Manifest); err != nil {
		t.Fatal(err)
	}
	if len(objects) == 0 || len(s.Cases) == 0 {
		return nil
	}
	return s
}

// isStatic says whether a row is about static manifests.
func isStatic(c comments) bool {
	return slices.Contains(c.options, "static")
}

// meets says whether the locks of one file have a say in the cases of the other, or go by the same names.
func (s *static) meets(other *static) bool {
	hit := func(a, b *static) bool {
		return slices.ContainsFunc(b.requests, func(r *cases.Request) bool {
			verdict, err := a.evaluator.Judge(r)
			return err != nil || verdict.Verdict != cases.Allowed
		})
	}
	return slices.ContainsFunc(s.names, func(name string) bool { return slices.Contains(other.names, name) }) || hit(s, other) || hit(other, s)
}

// TestStaticNames shows that a name of a static policy is refused by the API, so that nobody doubles one.
func TestStaticNames(t *testing.T) {
	t.Parallel()
	manifest := cases.MustCompile(t, "--target", "static", "examples/payments.klock")
	s := stage.New(t, cluster.ForTest(t, cluster.Options{Minor: cluster.StaticMinor}))
	err := s.Admin.Create(string(manifest))
	if status := apierrors.APIStatus(nil); !errors.As(err, &status) || status.Status().Code != 422 {
		t.Errorf("a static manifest is created through the API: %v", err)
	}
}
