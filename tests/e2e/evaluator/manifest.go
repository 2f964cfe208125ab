package evaluator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/yaml"

	"klock.dev/e2e/unique"
)

// parsed are the objects of manifests: those of rows are asked for several times on each minor.
var (
	parsedMutex sync.Mutex
	parsed      = map[string][]*unstructured.Unstructured{}
)

// Objects reads a YAML or JSON stream. Lists are flattened. What is there twice is an error, as it is of nobody else.
func Objects(manifest []byte) ([]*unstructured.Unstructured, error) {
	parsedMutex.Lock()
	known, ok := parsed[string(manifest)]
	parsedMutex.Unlock()
	if !ok {
		var err error
		if known, err = parse(manifest); err != nil {
			return nil, err
		}
		parsedMutex.Lock()
		if len(parsed) >= 500 {
			clear(parsed)
		}
		parsed[string(manifest)] = known
		parsedMutex.Unlock()
	}
	// Whoever asks may change them.
	var objects []*unstructured.Unstructured
	for _, object := range known {
		objects = append(objects, object.DeepCopy())
	}
	return objects, nil
}

func parse(manifest []byte) ([]*unstructured.Unstructured, error) {
	if err := unique.Check(manifest); err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096)
	for {
		object := &unstructured.Unstructured{}
		var document runtime.RawExtension
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err == nil && len(document.Raw) > 0 { // comments alone are none
			err = json.Unmarshal(document.Raw, &object.Object) // whole numbers as servers have them, not as floats
		}
		if err != nil {
			return nil, err
		}
		if len(object.Object) == 0 {
			continue
		}
		if !object.IsList() {
			objects = append(objects, object)
			continue
		}
		if err := object.EachListItem(func(item runtime.Object) error {
			objects = append(objects, item.(*unstructured.Unstructured))
			return nil
		}); err != nil {
			return nil, err
		}
	}
}

// typed reads an object strictly: a misspelt field is an error, as it is for kubectl.
func typed[T any](object *unstructured.Unstructured) (*T, error) {
	out := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, out, true); err != nil {
		return nil, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return out, nil
}

func setDefaults(m *admissionv1.MatchResources) {
	if m == nil {
		return
	}
	if m.NamespaceSelector == nil {
		m.NamespaceSelector = &metav1.LabelSelector{}
	}
	if m.ObjectSelector == nil {
		m.ObjectSelector = &metav1.LabelSelector{}
	}
	if m.MatchPolicy == nil {
		equivalent := admissionv1.Equivalent
		m.MatchPolicy = &equivalent
	}
	for _, rules := range [][]admissionv1.NamedRuleWithOperations{m.ResourceRules, m.ExcludeResourceRules} {
		for i := range rules {
			if rules[i].Scope == nil {
				all := admissionv1.AllScopes
				rules[i].Scope = &all
			}
		}
	}
}
