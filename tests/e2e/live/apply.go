package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/evaluator"
	"klock.dev/e2e/resources"
)

// Apply creates the objects of a manifest on a cluster, as they stand in it, and waits until its policies act.
func Apply(ctx context.Context, c *cluster.Cluster, manifest []byte) error {
	j, err := New(c)
	if err != nil {
		return err
	}
	return j.createAll(ctx, manifest)
}

// Apply creates the objects of a manifest, as they stand in it, and waits until its policies act.
func (j *Judge) Apply(ctx context.Context, manifest []byte) error { return j.createAll(ctx, manifest) }

// ApplyTimed is Apply with several requests at once, for cluster-scoped objects. It returns how long their creation took; the
// rest of the time passed until the policies acted.
func (j *Judge) ApplyTimed(ctx context.Context, manifest []byte) (created time.Duration, err error) {
	objects, err := evaluator.Objects(manifest)
	if err != nil {
		return 0, err
	}
	started := time.Now()
	errs := make([]error, 4)
	var workers sync.WaitGroup
	for w := range errs {
		workers.Go(func() {
			for i := w; i < len(objects) && errs[w] == nil; i += len(errs) {
				errs[w] = j.create(ctx, objects[i])
			}
		})
	}
	workers.Wait()
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	created = time.Since(started)
	return created, j.settle(ctx)
}

// Remove deletes the objects of a manifest, bindings first, and waits until none of its policies acts.
func (j *Judge) Remove(ctx context.Context, manifest []byte) error {
	if err := j.Withdraw(ctx, manifest); err != nil {
		return err
	}
	return j.settle(ctx)
}

// Withdraw is Remove without the wait. The next Apply waits for its effect, too.
func (j *Judge) Withdraw(ctx context.Context, manifest []byte) error {
	objects, err := evaluator.Objects(manifest)
	if err != nil {
		return err
	}
	slices.Reverse(objects)
	// What else there is may be under the locks.
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int { return cmp.Compare(removedLast(a), removedLast(b)) })
	for _, object := range objects {
		kind := object.GroupVersionKind()
		path := collection(kind.Group, kind.Version, resources.Of(kind.GroupKind()), object.GetNamespace()) + "/" + url.PathEscape(object.GetName())
		var answer *reply
		err := eventually(ctx, patience, func() (_ bool, err error) {
			answer, err = j.client.do(ctx, http.MethodDelete, path, nil, nil, nil)
			// What the policies guard goes when their bindings have gone.
			return err == nil && !refusedByPolicy(answer), err
		})
		if answer != nil && answer.code != http.StatusNotFound && answer.err() != nil {
			return fmt.Errorf("delete %s %s: %w", kind.Kind, object.GetName(), answer.err())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removedLast is 0 for what makes policies act, and 1 for everything else.
func removedLast(object *unstructured.Unstructured) int {
	if object.GetKind() == "ValidatingAdmissionPolicyBinding" {
		return 0
	}
	return 1
}

func (j *Judge) createAll(ctx context.Context, manifest []byte) error {
	objects, err := evaluator.Objects(manifest)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := j.create(ctx, object); err != nil {
			return err
		}
	}
	return j.settle(ctx)
}

func (j *Judge) create(ctx context.Context, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	switch kind.Kind {
	case "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration":
		if err := j.redirect(object); err != nil {
			return err
		}
	}
	resource := collection(kind.Group, kind.Version, resources.Of(kind.GroupKind()), object.GetNamespace())
	if err := j.needNamespace(ctx, object.GetNamespace()); err != nil {
		return err
	}
	var answer *reply
	err := eventually(ctx, patience, func() (_ bool, err error) {
		answer, err = j.client.do(ctx, http.MethodPost, resource, nil, object, nil)
		if kind.Kind == "Namespace" && err == nil && answer.code == http.StatusConflict {
			// Somebody has made it before it is said whose it is.
			answer, err = j.client.do(ctx, http.MethodPatch, resource+"/"+object.GetName(), nil, object, nil)
		}
		// The policies of the file before may still act.
		return err == nil && (answer.ok() || !refusedByPolicy(answer)), err
	})
	if answer != nil && answer.err() != nil {
		return fmt.Errorf("create %s %s: %w", kind.Kind, object.GetName(), answer.err())
	}
	return err
}

// settle waits until a new sentinel acts. It only warns, so that it shows even where a policy under test refuses the
// probe.
func (j *Judge) settle(ctx context.Context) error {
	j.generation++
	name := fmt.Sprintf("klock-sentinel-%d", j.generation)
	const group = "/apis/admissionregistration.k8s.io/v1/"
	// Of too many warnings the server leaves out the last.
	if err := j.removeSentinel(ctx, group); err != nil {
		return err
	}
	policy := map[string]any{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
		"metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"matchConstraints": map[string]any{"resourceRules": []any{map[string]any{
				"apiGroups": []any{""}, "apiVersions": []any{"v1"}, "operations": []any{"CREATE"}, "resources": []any{"configmaps"},
			}}},
			"matchConditions": []any{map[string]any{"name": "probe", "expression": "object.metadata.name == 'klock-probe'"}},
			"validations":     []any{map[string]any{"expression": "false", "message": name}},
		},
	}
	binding := map[string]any{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
		"metadata": map[string]any{"name": name},
		"spec":     map[string]any{"policyName": name, "validationActions": []any{"Warn"}},
	}
	for path, object := range map[string]any{"validatingadmissionpolicies": policy, "validatingadmissionpolicybindings": binding} {
		answer, err := j.client.do(ctx, http.MethodPost, group+path, nil, object, nil)
		if err != nil {
			return err
		}
		if err := answer.err(); err != nil {
			return fmt.Errorf("sentinel: %w", err)
		}
	}
	// Cases may do anything to other namespaces.
	if err := j.putNamespace(ctx, ProbeNamespace, nil); err != nil {
		return err
	}
	probe := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "klock-probe"}}
	// A server looks for policies once a second.
	return every(ctx, 100*time.Millisecond, settleTimeout, func() (bool, error) {
		answer, err := j.client.do(ctx, http.MethodPost, collection("", "v1", "configmaps", ProbeNamespace), url.Values{"dryRun": {"All"}}, probe, nil)
		if err != nil {
			return false, err
		}
		return slices.ContainsFunc(answer.warnings, func(w string) bool { return strings.HasSuffix(w, ": "+name) }), nil
	})
}

// removeSentinel deletes the one before the newest.
func (j *Judge) removeSentinel(ctx context.Context, group string) error {
	for _, resource := range []string{"validatingadmissionpolicybindings", "validatingadmissionpolicies"} {
		path := fmt.Sprintf("%s%s/klock-sentinel-%d", group, resource, j.generation-1)
		answer, err := j.client.do(ctx, http.MethodDelete, path, nil, nil, nil)
		if err != nil {
			return err
		}
		if answer.code != http.StatusNotFound && answer.err() != nil {
			return answer.err()
		}
	}
	return nil
}

// needNamespace makes the namespace of a manifest's object where there is none.
func (j *Judge) needNamespace(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	answer, err := j.client.do(ctx, http.MethodGet, collection("", "v1", "namespaces", "")+"/"+url.PathEscape(name), nil, nil, nil)
	if err != nil || answer.code != http.StatusNotFound {
		return err
	}
	delete(j.namespaces, name) // it has gone by the API
	return j.putNamespace(ctx, name, nil)
}

// Anchor applies deploy/anchors.yaml, as whoever sets up a cluster does: policies come and go here.
func (j *Judge) Anchor(ctx context.Context) error {
	manifest, err := os.ReadFile(filepath.Join(cluster.Root(), "deploy", "anchors.yaml"))
	if err != nil {
		return err
	}
	objects, err := evaluator.Objects(manifest)
	if err != nil {
		return err
	}
	for _, object := range objects {
		kind := object.GroupVersionKind()
		answer, err := j.client.do(ctx, http.MethodPost, collection(kind.Group, kind.Version, resources.Plural(kind.GroupKind()), ""), nil, object, nil)
		if err != nil {
			return err
		}
		if answer.code != http.StatusConflict && answer.err() != nil {
			return fmt.Errorf("create %s %s: %w", kind.Kind, object.GetName(), answer.err())
		}
	}
	return nil
}

// keepParameters binds every kind of parameter of the files once, under policies that match nothing, for as long as the
// server runs. A server that loses the last binding with a kind stops watching it, and one that gets it back may go on with
// what it knew before (kubernetes/kubernetes#130887); files come and go here all the time, in clusters they do not.
func (j *Judge) keepParameters(ctx context.Context, files []*File) error {
	for _, f := range files {
		objects, err := evaluator.Objects(f.Manifest)
		if err != nil {
			return err
		}
		for _, object := range objects {
			kind, found, err := unstructured.NestedMap(object.Object, "spec", "paramKind")
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			name := strings.ToLower(fmt.Sprintf("klock-keeps-%s.%s", kind["kind"], strings.ReplaceAll(fmt.Sprint(kind["apiVersion"]), "/", ".")))
			if err := j.keep(ctx, name, kind); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *Judge) keep(ctx context.Context, name string, kind map[string]any) error {
	const group = "/apis/admissionregistration.k8s.io/v1/"
	policy := map[string]any{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
		"metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"paramKind": kind,
			"matchConstraints": map[string]any{"resourceRules": []any{map[string]any{
				"apiGroups": []any{"nowhere.klock.dev"}, "apiVersions": []any{"v1"}, "operations": []any{"CREATE"}, "resources": []any{"nothing"},
			}}},
			"validations": []any{map[string]any{"expression": "true"}},
		},
	}
	binding := map[string]any{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
		"metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"policyName": name, "validationActions": []any{"Audit"},
			"paramRef": map[string]any{"selector": map[string]any{}, "parameterNotFoundAction": "Allow"},
		},
	}
	for path, object := range map[string]any{"validatingadmissionpolicies": policy, "validatingadmissionpolicybindings": binding} {
		answer, err := j.client.do(ctx, http.MethodPost, group+path, nil, object, nil)
		if err != nil {
			return err
		}
		if answer.code != http.StatusConflict && answer.err() != nil {
			return fmt.Errorf("keep the informer of %s: %w", kind, answer.err())
		}
	}
	return nil
}
