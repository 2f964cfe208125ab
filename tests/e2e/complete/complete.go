// Package complete turns the partial objects of test cases into objects that an API server accepts.
package complete

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// Object is the partial object with everything that its kind cannot do without.
func Object(kind schema.GroupVersionKind, namespace, name string, partial map[string]any) (map[string]any, error) {
	object := map[string]any{}
	if text, ok := templates[kind.GroupKind()]; ok {
		text = strings.NewReplacer("NAMESPACE", namespace, "NAME", name, "CSR", signingRequest()).Replace(text)
		if err := yaml.Unmarshal([]byte(text), &object); err != nil {
			return nil, fmt.Errorf("template of %s: %w", kind, err)
		}
	}
	merge(object, runtime.DeepCopyJSON(partial))
	object["apiVersion"], object["kind"] = kind.GroupVersion().String(), kind.Kind
	metadata := child(object, "metadata")
	metadata["name"] = name
	delete(metadata, "namespace")
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	fill(kind.GroupKind(), object)
	return object, nil
}

// Update is the full object after the change that leads from one partial object to another. Everything that the two
// do not speak of stays as it is in full.
func Update(kind schema.GroupVersionKind, full, before, after map[string]any) map[string]any {
	updated := runtime.DeepCopyJSON(full)
	change(updated, before, after)
	fill(kind.GroupKind(), updated)
	return updated
}

// merge lays the fields of src over dst. Lists are values.
func merge(dst, src map[string]any) {
	for key, value := range src {
		from, ok := value.(map[string]any)
		to, both := dst[key].(map[string]any)
		if ok && both {
			merge(to, from)
		} else {
			dst[key] = value
		}
	}
}

func change(full, before, after map[string]any) {
	for key := range before {
		if _, kept := after[key]; !kept {
			delete(full, key)
		}
	}
	for key, value := range after {
		if reflect.DeepEqual(before[key], value) {
			continue
		}
		to, ok := value.(map[string]any)
		current, inFull := full[key].(map[string]any)
		if !ok || !inFull {
			full[key] = runtime.DeepCopyJSONValue(value)
			continue
		}
		from, _ := before[key].(map[string]any)
		change(current, from, to)
	}
}

// fill adds what depends on other fields, and what elements of lists lack. It changes nothing in a complete object.
func fill(kind schema.GroupKind, object map[string]any) {
	metadata := child(object, "metadata")
	owners, _ := metadata["ownerReferences"].([]any)
	for i, owner := range owners {
		setDefaults(owner, map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": fmt.Sprintf("00000000-0000-0000-0000-%012d", i)})
	}
	if metadata["deletionTimestamp"] != nil && metadata["deletionGracePeriodSeconds"] == nil {
		metadata["deletionGracePeriodSeconds"] = int64(0)
		if kind.Kind == "Pod" {
			metadata["deletionGracePeriodSeconds"] = int64(30)
		}
	}
	switch kind {
	case schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}:
		fillDefinition(object)
	case schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "Role"}, schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}:
		fillRules(object)
	case schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}, schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding"}:
		fillSubjects(object)
	case schema.GroupKind{Kind: "Secret"}:
		fillSecret(object)
	case schema.GroupKind{Group: "certificates.k8s.io", Kind: "CertificateSigningRequest"}:
		fillConditions(object)
	case schema.GroupKind{Group: "policy", Kind: "PodDisruptionBudget"}:
		if spec := child(object, "spec"); spec["maxUnavailable"] == nil {
			setDefaults(spec, map[string]any{"minAvailable": int64(0)})
		}
	case schema.GroupKind{Group: "apiregistration.k8s.io", Kind: "APIService"}:
		version, group, _ := strings.Cut(metadata["name"].(string), ".")
		setDefaults(child(object, "spec"), map[string]any{"version": version, "group": group})
	case schema.GroupKind{Kind: "Pod"}:
		fillPodSpec(child(object, "spec"))
	case schema.GroupKind{Kind: "PodTemplate"}:
		fillPodSpec(child(object, "template", "spec"))
	case schema.GroupKind{Kind: "ReplicationController"}:
		fillPodSpec(child(object, "spec", "template", "spec"))
		merge(child(object, "spec", "template", "metadata", "labels"), child(object, "spec", "selector"))
	case schema.GroupKind{Group: "batch", Kind: "CronJob"}:
		fillPodSpec(child(object, "spec", "jobTemplate", "spec", "template", "spec"))
	case schema.GroupKind{Group: "batch", Kind: "Job"}:
		fillPodSpec(child(object, "spec", "template", "spec"))
	}
	if kind.Group == "apps" && kind.Kind != "ControllerRevision" {
		fillPodSpec(child(object, "spec", "template", "spec"))
		merge(child(object, "spec", "template", "metadata", "labels"), child(object, "spec", "selector", "matchLabels"))
	}
}

func fillPodSpec(spec map[string]any) {
	containers, _ := spec["containers"].([]any)
	if len(containers) == 0 {
		containers = []any{map[string]any{}}
	}
	spec["containers"] = containers
	for i, container := range containers {
		setDefaults(container, map[string]any{"name": fmt.Sprintf("c%d", i), "image": "registry.example/image:1"})
	}
	for _, list := range []string{"initContainers", "ephemeralContainers"} {
		others, _ := spec[list].([]any)
		for i, container := range others {
			setDefaults(container, map[string]any{"name": fmt.Sprintf("%.1s%d", list, i), "image": "registry.example/image:1"})
		}
	}
}

func setDefaults(object any, defaults map[string]any) {
	fields, ok := object.(map[string]any)
	if !ok {
		return
	}
	for key, value := range defaults {
		if fields[key] == nil {
			fields[key] = value
		}
	}
}

// child is the map at a path, which is made where it is missing.
func child(object map[string]any, path ...string) map[string]any {
	for _, key := range path {
		next, ok := object[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			object[key] = next
		}
		object = next
	}
	return object
}

// Definition is a CustomResourceDefinition that accepts every object of the kind and serves the subresources.
func Definition(kind schema.GroupVersionKind, plural string, namespaced bool, subresources ...string) map[string]any {
	object := map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   map[string]any{"name": plural + "." + kind.Group},
		"spec":       definition(kind, plural, namespaced, subresources...),
	}
	approve(object, kind.Group)
	return object
}

func definition(kind schema.GroupVersionKind, plural string, namespaced bool, subresources ...string) map[string]any {
	scope := "Cluster"
	if namespaced {
		scope = "Namespaced"
	}
	served := map[string]any{}
	for _, subresource := range subresources {
		switch subresource {
		case "status":
			served["status"] = map[string]any{}
		case "scale":
			served["scale"] = map[string]any{"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
		}
	}
	open := func(properties map[string]any) map[string]any {
		return map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": properties}
	}
	part := map[string]any{"x-kubernetes-preserve-unknown-fields": true}
	if served["scale"] != nil {
		// Where nobody scales, nothing says that these are maps, and that a field of this name is a number.
		part = open(map[string]any{"replicas": map[string]any{"type": "integer"}})
	}
	return map[string]any{
		"group": kind.Group,
		"scope": scope,
		"names": map[string]any{"plural": plural, "singular": strings.ToLower(kind.Kind), "kind": kind.Kind, "listKind": kind.Kind + "List"},
		"versions": []any{map[string]any{
			"name": kind.Version, "served": true, "storage": true, "subresources": served,
			"schema": map[string]any{"openAPIV3Schema": open(map[string]any{"spec": part, "status": part})},
		}},
	}
}

// signingRequest is a PEM certificate request in base64.
var signingRequest = sync.OnceValue(func() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "e2e"}}, key)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
})
