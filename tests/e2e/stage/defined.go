package stage

import (
	"context"
	"encoding/json"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/complete"
	"klock.dev/e2e/evaluator"
	"klock.dev/e2e/resources"
)

// defined are the custom resources that a stage has, all of them namespaced.
type defined struct {
	kinds   map[schema.GroupKind]schema.GroupVersionResource
	plurals map[schema.GroupResource]schema.GroupVersionResource
}

// Define makes a namespaced custom resource of any content, with which testers may do everything, and waits until it is served.
func (s *Stage) Define(kind schema.GroupVersionKind, plural string, subresources ...string) {
	s.T.Helper()
	text, err := yaml.Marshal(complete.Definition(kind, plural, true, subresources...))
	if err != nil {
		s.T.Fatal(err)
	}
	s.define(string(text), kind, plural)
}

// DefineAs does the same with a definition that a project publishes.
func (s *Stage) DefineAs(text string) {
	s.T.Helper()
	var definition struct {
		Spec struct {
			Group    string
			Names    struct{ Kind, Plural string }
			Versions []struct {
				Name            string
				Served, Storage bool
			}
		}
	}
	if err := yaml.Unmarshal([]byte(text), &definition); err != nil {
		s.T.Fatal(err)
	}
	for _, v := range definition.Spec.Versions {
		if v.Served && v.Storage {
			s.define(text, schema.GroupVersionKind{Group: definition.Spec.Group, Version: v.Name, Kind: definition.Spec.Names.Kind}, definition.Spec.Names.Plural)
			return
		}
	}
	s.T.Fatalf("no version is served: %s", text)
}

func (s *Stage) define(text string, kind schema.GroupVersionKind, plural string) {
	s.T.Helper()
	if err := s.Admin.Create(text); err != nil && !apierrors.IsAlreadyExists(err) {
		s.T.Fatal(err)
	}
	rule := rbacv1.PolicyRule{APIGroups: []string{kind.Group}, Resources: []string{"*"}, Verbs: []string{"*"}}
	if err := s.Cluster.Allow(context.Background(), cluster.Testers, rule); err != nil {
		s.T.Fatal(err)
	}
	gvr := kind.GroupVersion().WithResource(plural)
	s.defined.kinds[kind.GroupKind()] = gvr
	s.defined.plurals[gvr.GroupResource()] = gvr
	s.Until(plural+" are served", func() bool {
		_, err := s.Admin.Dynamic.Resource(gvr).List(context.Background(), metav1.ListOptions{})
		return err == nil
	})
}

// clientOf is the client for an object of a manifest.
func (a *Actor) clientOf(object *unstructured.Unstructured) dynamic.ResourceInterface {
	kind := object.GroupVersionKind()
	gvr, custom := a.s.defined.kinds[kind.GroupKind()]
	if !custom {
		gvr = kind.GroupVersion().WithResource(resources.Of(kind.GroupKind()))
	}
	if object.GetNamespace() == "" {
		return a.Dynamic.Resource(gvr)
	}
	return a.Dynamic.Resource(gvr).Namespace(object.GetNamespace())
}

// Apply applies the objects on the server, as the field manager, and takes fields from others.
func (a *Actor) Apply(manager, text string, dryRun ...string) error {
	objects, err := evaluator.Objects([]byte(text))
	if err != nil {
		return err
	}
	force := true
	for _, object := range objects {
		body, err := json.Marshal(object)
		if err != nil {
			return err
		}
		options := metav1.PatchOptions{FieldManager: manager, Force: &force, DryRun: dryRun}
		if _, err := a.clientOf(object).Patch(context.Background(), object.GetName(), types.ApplyPatchType, body, options); err != nil {
			return err
		}
	}
	return nil
}

// Delete is Remove with a propagation: what the object owns goes before it, after it, or stays.
func (a *Actor) Delete(place At, propagation metav1.DeletionPropagation) error {
	client, name, sub := a.Find(place)
	return client.Delete(context.Background(), name, metav1.DeleteOptions{PropagationPolicy: &propagation}, sub...)
}
