package evaluator

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/resources"
)

// interfaces are what the plugin asks about types. Objects are unstructured, and a conversion between versions changes
// the version only: that is right for metadata, and for fields that are alike in all versions.
type interfaces struct {
	admission.ObjectInterfaces
	request *cases.Request
	// named are the versions of the request's resource that the rules of policies name.
	named []string
}

func (i *interfaces) GetObjectCreater() runtime.ObjectCreater     { return converter{} }
func (i *interfaces) GetObjectConvertor() runtime.ObjectConvertor { return converter{} }

func (i *interfaces) GetEquivalentResourceMapper() runtime.EquivalentResourceMapper { return i }

// EquivalentResourcesFor lists the versions of a resource that a server serves. Which of a custom resource it serves
// nobody says, so those count that policies speak of.
func (i *interfaces) EquivalentResourcesFor(resource schema.GroupVersionResource, _ string) []schema.GroupVersionResource {
	equivalent := []schema.GroupVersionResource{resource}
	for _, same := range cohabiting(resource.GroupResource()) {
		versions := resources.Versions(same)
		if len(versions) == 0 {
			versions = i.named
		}
		for _, version := range versions {
			if same.WithVersion(version) != resource {
				equivalent = append(equivalent, same.WithVersion(version))
			}
		}
	}
	return equivalent
}

// cohabiting lists the resources that have the same objects, as pkg/kubeapiserver has it (AddCohabitatingResources).
func cohabiting(resource schema.GroupResource) []schema.GroupResource {
	events := []schema.GroupResource{{Resource: "events"}, {Group: "events.k8s.io", Resource: "events"}}
	if slices.Contains(events, resource) {
		return events
	}
	return []schema.GroupResource{resource}
}

func (i *interfaces) KindFor(resource schema.GroupVersionResource, subresource string) schema.GroupVersionKind {
	request := *i.request
	request.Group, request.Version, request.Subresource = resource.Group, resource.Version, subresource
	return resources.KindOf(&request)
}

type converter struct{ runtime.ObjectConvertor }

func (converter) New(kind schema.GroupVersionKind) (runtime.Object, error) {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	return object, nil
}

func (converter) Convert(in, out, _ any) error {
	from, ok := in.(*unstructured.Unstructured)
	to, both := out.(*unstructured.Unstructured)
	if !ok || !both {
		return fmt.Errorf("cannot convert %T to %T", in, out)
	}
	kind := to.GroupVersionKind()
	to.Object = runtime.DeepCopyJSON(from.Object)
	to.SetGroupVersionKind(kind)
	return nil
}
