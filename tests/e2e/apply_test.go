package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/evaluator"
	"klock.dev/e2e/live"
	"klock.dev/e2e/resources"
	"klock.dev/e2e/stage"
)

// TestApply shows that a server takes every manifest as it is: dry runs succeed, what is stored is what was emitted, a
// second apply writes nothing, and the type checker of the newest controller manager has nothing to say. Of the objects that have
// the same fields, one is applied, and the type checker is asked each question once, all of a resource in one policy.
func TestApply(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	all := rows(t)
	minors := cluster.MinorsForTest(t)
	for _, minor := range minors {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			newest := minor == minors[len(minors)-1]
			c := cluster.ForTest(t, cluster.Options{Minor: minor, ControllerManager: newest, TypeChecker: true})
			s := stage.New(t, c)
			// The type checker looks into custom resources as well, as far as they are served.
			var files []*live.File
			for _, r := range all {
				if r.err == nil {
					files = append(files, &live.File{Cases: r.cases})
				}
			}
			if err := s.Judge.Admit(context.Background(), files); err != nil {
				t.Fatal(err)
			}
			owners := map[string]string{}
			fields, types := news{}, &questions{seen: news{}, sheets: map[string]*sheet{}}
			objects := 0
			for _, r := range all {
				// Errors are those of TestRowsEvaluator. What is written by hand leaves defaults to the server, and a
				// server takes static manifests from files only.
				older := !cluster.AtLeast(minor, fmt.Sprintf("1.%d", r.comments.minor()))
				if r.err != nil || r.manifest == nil || r.byHand || older || slices.Contains(r.comments.options, "static") {
					continue
				}
				t.Run(r.name, func(t *testing.T) {
					all, err := evaluator.Objects(r.manifest)
					if err != nil {
						t.Fatal(err)
					}
					var own []*unstructured.Unstructured
					for _, object := range all {
						if fields.has(fieldsOf(object)) {
							own = append(own, object)
						}
						if object.GetKind() != "ValidatingAdmissionPolicy" {
							continue
						}
						name := object.GetName()
						if before, ok := owners[name]; ok {
							t.Errorf("%s emits the policy %s, too", before, name)
						}
						owners[name] = r.name
						if !newest {
							continue
						}
						var policy admissionv1.ValidatingAdmissionPolicy
						if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &policy); err != nil {
							t.Fatal(err)
						}
						types.add(&policy, r.name+": "+name)
					}
					objects += len(own)
					applyTwice(s.In(t), own)
				})
			}
			t.Logf("%d objects applied", objects)
			if newest {
				typesAreRight(s, types)
			}
		})
	}
}

// applyTwice applies objects as GitOps does. Each goes again at once, because it is in the way of other
// manifests: bindings make policies act, and accounts and roles may be in several.
func applyTwice(s *stage.Stage, objects []*unstructured.Unstructured) {
	s.T.Helper()
	ctx := context.Background()
	admin := dynamic.NewForConfigOrDie(s.Cluster.Config)
	for _, object := range objects {
		kind := object.GroupVersionKind()
		what := kind.Kind + " " + object.GetName()
		if object.GetNamespace() != "" {
			if err := s.Admin.Create(fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s}}", object.GetNamespace())); err != nil && !apierrors.IsAlreadyExists(err) {
				s.T.Fatal(err)
			}
		}
		var client dynamic.ResourceInterface = admin.Resource(kind.GroupVersion().WithResource(resources.Of(kind.GroupKind())))
		if object.GetNamespace() != "" {
			client = client.(dynamic.NamespaceableResourceInterface).Namespace(object.GetNamespace())
		}
		dry := []string{metav1.DryRunAll}
		data, err := json.Marshal(object)
		if err != nil {
			s.T.Fatal(err)
		}
		apply := func(dryRun []string) (*unstructured.Unstructured, error) {
			return client.Patch(ctx, object.GetName(), types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: "klock-e2e", DryRun: dryRun, FieldValidation: "Strict"})
		}
		isNamespace := kind.Kind == "Namespace"
		s.Allowed("create "+what+" as a dry run", func() error {
			_, err := client.Create(ctx, object.DeepCopy(), metav1.CreateOptions{DryRun: dry, FieldValidation: "Strict"})
			if isNamespace && apierrors.IsAlreadyExists(err) {
				return nil // what another manifest has in it was there before
			}
			return err
		})
		stored, err := apply(dry)
		if err != nil {
			s.T.Errorf("apply %s as a dry run: %v", what, err)
			continue
		}
		storedAsEmitted(s, what, object, stored)
		if strings.HasSuffix(kind.Kind, "WebhookConfiguration") {
			// It would call a service that is not there.
			continue
		}
		s.Allowed("apply "+what, func() (err error) {
			stored, err = apply(nil)
			return err
		})
		storedAsEmitted(s, what, object, stored)
		again, err := apply(nil)
		if err != nil {
			s.T.Errorf("apply %s again: %v", what, err)
		} else if again.GetResourceVersion() != stored.GetResourceVersion() && !onlyStatusChanged(stored, again) || again.GetGeneration() != stored.GetGeneration() {
			s.T.Errorf("the second apply changes %s", what)
		}
		if isNamespace {
			continue // it would not be gone before the objects in it come
		}
		if err := client.Delete(ctx, object.GetName(), metav1.DeleteOptions{}); err != nil {
			s.T.Error(err)
		}
	}
}

// onlyStatusChanged says whether the type checker wrote in between, and nobody else.
func onlyStatusChanged(a, b *unstructured.Unstructured) bool {
	return !equality.Semantic.DeepEqual(a.Object["status"], b.Object["status"]) && equality.Semantic.DeepEqual(withoutServer(a), withoutServer(b))
}

// storedAsEmitted shows that the server adds nothing to an object and takes nothing away.
func storedAsEmitted(s *stage.Stage, what string, emitted, stored *unstructured.Unstructured) {
	s.T.Helper()
	a, b := withoutServer(emitted), withoutServer(stored)
	for _, key := range slices.Sorted(maps.Keys(union(a, b))) {
		if !equality.Semantic.DeepEqual(a[key], b[key]) {
			s.T.Errorf("%s: emitted and stored %s differ:\n%s\n%s", what, key, text(a[key]), text(b[key]))
		}
	}
}

func text(value any) []byte {
	data, _ := json.Marshal(value)
	return data
}

func union(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// withoutServer leaves out what only the server writes.
func withoutServer(object *unstructured.Unstructured) map[string]any {
	content := runtime.DeepCopyJSON(object.Object)
	delete(content, "status")
	metadata, _ := content["metadata"].(map[string]any)
	for _, key := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} {
		delete(metadata, key)
	}
	if object.GetKind() == "Namespace" {
		unstructured.RemoveNestedField(content, "metadata", "labels", "kubernetes.io/metadata.name")
		delete(content, "spec") // its finalizer
	}
	return content
}

// misspelt is a policy that the type checker must warn of, written as those that hold its questions.
const misspelt = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: misspelt}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [configmaps]}]}
  validations: [{expression: "[(object.metadata.name == 'x'), (object.metadata.nam == 'x')].all(answer, answer)"}]
`

// typesAreRight waits until every policy was checked that asks about the types of some row.
func typesAreRight(s *stage.Stage, asked *questions) {
	s.T.Helper()
	ctx := context.Background()
	policies := s.Admin.Typed.AdmissionregistrationV1().ValidatingAdmissionPolicies()
	count := 0
	for _, sheet := range asked.ordered {
		count += len(sheet.questions)
		if _, err := policies.Create(ctx, sheet.policy, metav1.CreateOptions{}); err != nil {
			s.T.Fatalf("%v: %v", sheet.from, err)
		}
	}
	if err := s.Admin.Create(misspelt); err != nil {
		s.T.Fatal(err)
	}
	warnings := func(name string) []admissionv1.ExpressionWarning {
		var p *admissionv1.ValidatingAdmissionPolicy
		stage.Within(s.T, 8*time.Minute, "the types of "+name+" are checked", func() bool {
			var err error
			p, err = policies.Get(ctx, name, metav1.GetOptions{})
			return err == nil && p.Status.TypeChecking != nil && p.Status.ObservedGeneration == p.Generation
		})
		return p.Status.TypeChecking.ExpressionWarnings
	}
	if len(warnings("misspelt")) == 0 {
		s.T.Fatal("the type checker finds nothing at all")
	}
	for _, sheet := range asked.ordered {
		for _, w := range warnings(sheet.policy.Name) {
			s.T.Errorf("%s: %s\nin policies of %v", w.FieldRef, w.Warning, sheet.from)
		}
	}
	s.T.Logf("%d questions about types in %d policies", count, len(asked.ordered))
}
