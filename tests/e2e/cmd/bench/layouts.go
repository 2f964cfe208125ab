package main

import (
	"bytes"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// namespace is where the objects are: that of the examples, so that their locks can be measured as well.
const namespace = "default"

func actorOf(i int) string { return fmt.Sprintf("service-%d", i) }

// source is a policy of so many locks, each for a label value and an account of its own.
func source(locks int) []byte {
	var b bytes.Buffer
	b.WriteString("policy bench\n")
	for i := range locks {
		fmt.Fprintf(&b, `
lock service-%d {
  resources  configmaps
  namespace  %s
  labels     app=service-%[1]d
  deny       update, delete
  exclusive  serviceaccount deployers/%[3]s
  message    "service-%[1]d is deployed by its pipeline"
  exempt     lifecycle
  guard      no owners, no namespace
}
`, i, namespace, actorOf(i))
	}
	return b.Bytes()
}

// compiled are the locks as klockc emits them.
func compiled(locks int) ([]byte, error) { return compileSource(source(locks)) }

// trivial is a policy on the same requests that lets all of them pass.
const trivial = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: trivial}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: ["*"], operations: [UPDATE, DELETE], resources: [configmaps]}]}
  validations: [{expression: "true"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: trivial}
spec: {policyName: trivial, validationActions: [Deny]}
`

// passing is what a lock by hand lets through besides its actor: the end of an object and of its namespace, the garbage
// collector, an update that changes nothing.
const passing = ` || request.userInfo.username == 'system:serviceaccount:kube-system:generic-garbage-collector'` +
	` || request.userInfo.username == 'system:serviceaccount:kube-system:namespace-controller' && has(namespaceObject.metadata.deletionTimestamp)` +
	` || request.operation == 'DELETE' && has(oldObject.metadata.deletionTimestamp)` +
	` || request.operation == 'UPDATE' && object.metadata.labels == oldObject.metadata.labels` +
	` && has(object.data) == has(oldObject.data) && (!has(object.data) || object.data == oldObject.data)` +
	` && has(object.metadata.annotations) == has(oldObject.metadata.annotations) && (!has(object.metadata.annotations) || object.metadata.annotations == oldObject.metadata.annotations)`

// byHand are a policy and its binding.
func byHand(name string, selector map[string]any, spec map[string]any) ([]byte, error) {
	match := map[string]any{
		"matchPolicy":       "Equivalent",
		"namespaceSelector": map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": namespace}},
		"resourceRules": []any{map[string]any{
			"apiGroups": []any{""}, "apiVersions": []any{"*"}, "operations": []any{"UPDATE", "DELETE"}, "resources": []any{"configmaps"}, "scope": "Namespaced",
		}},
	}
	if selector != nil {
		match["objectSelector"] = selector
	}
	spec["failurePolicy"] = "Fail"
	spec["matchConstraints"] = match
	var b bytes.Buffer
	for _, object := range []any{
		map[string]any{
			"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
			"metadata": map[string]any{"name": name},
			"spec":     spec,
		},
		map[string]any{
			"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
			"metadata": map[string]any{"name": name},
			"spec":     map[string]any{"policyName": name, "validationActions": []any{"Deny"}},
		},
	} {
		text, err := yaml.Marshal(object)
		if err != nil {
			return nil, err
		}
		b.WriteString("---\n")
		b.Write(text)
	}
	return b.Bytes(), nil
}

// oneEach are the same locks by hand, a policy and a binding for each. With a selector, the server looks only into those
// policies whose label the object has.
func oneEach(locks int, selector bool) ([]byte, error) {
	var b bytes.Buffer
	for i := range locks {
		label := fmt.Sprintf("service-%d", i)
		var selected map[string]any
		if selector {
			selected = map[string]any{"matchLabels": map[string]any{"app": label}}
		}
		text, err := byHand("bench-"+label, selected, map[string]any{
			"validations": []any{map[string]any{
				"expression": fmt.Sprintf(`!(has(oldObject.metadata.labels) && 'app' in oldObject.metadata.labels && oldObject.metadata.labels['app'] == '%s')`+
					` || request.userInfo.username == 'system:serviceaccount:deployers:%s'`, label, actorOf(i)) + passing,
				"message": fmt.Sprintf("denied, there is a lock: map[app:%s]", label),
				"reason":  "Forbidden",
			}},
		})
		if err != nil {
			return nil, err
		}
		b.Write(text)
	}
	return b.Bytes(), nil
}

// table are the same locks by hand, as somebody writes them who knows that one policy costs less than a thousand: who may
// act on which label stands in a map, or in several, since an expression has at most 100 000 characters.
func table(locks int) ([]byte, error) {
	const part = 1000
	var variables, validations []any
	for first := 0; first < locks; first += part {
		name := fmt.Sprintf("accounts%d", first/part)
		var accounts strings.Builder
		for i := first; i < min(first+part, locks); i++ {
			fmt.Fprintf(&accounts, "'service-%d': 'system:serviceaccount:deployers:%s',\n", i, actorOf(i))
		}
		variables = append(variables, map[string]any{"name": name, "expression": "{\n" + strings.TrimSuffix(accounts.String(), ",\n") + "\n}"})
		validations = append(validations, map[string]any{
			"expression": fmt.Sprintf(`!(variables.app in variables.%s) || request.userInfo.username == variables.%[1]s[variables.app]`, name) + passing,
			"message":    "denied, there is a lock on this label",
			"reason":     "Forbidden",
		})
	}
	variables = append(variables, map[string]any{"name": "app", "expression": "has(oldObject.metadata.labels) && 'app' in oldObject.metadata.labels ? oldObject.metadata.labels['app'] : ''"})
	exists := map[string]any{"matchExpressions": []any{map[string]any{"key": "app", "operator": "Exists"}}}
	return byHand("bench", exists, map[string]any{"variables": variables, "validations": validations})
}
