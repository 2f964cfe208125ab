package main

import (
	"bytes"
	"fmt"

	"sigs.k8s.io/yaml"
)

const namespace = "services"

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

// oneEach are the same locks by hand, a policy and a binding for each: what is selected, what passes (the actor, the
// end of an object and of its namespace, the garbage collector, an update that changes nothing), and a message. With a
// selector, the server looks only into those policies whose label the object has.
func oneEach(locks int, selector bool) ([]byte, error) {
	var b bytes.Buffer
	for i := range locks {
		label := fmt.Sprintf("service-%d", i)
		match := map[string]any{
			"matchPolicy":       "Equivalent",
			"namespaceSelector": map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": namespace}},
			"resourceRules": []any{map[string]any{
				"apiGroups": []any{""}, "apiVersions": []any{"*"}, "operations": []any{"UPDATE", "DELETE"}, "resources": []any{"configmaps"}, "scope": "Namespaced",
			}},
		}
		if selector {
			match["objectSelector"] = map[string]any{"matchLabels": map[string]any{"app": label}}
		}
		policy := map[string]any{
			"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
			"metadata": map[string]any{"name": "bench-" + label},
			"spec": map[string]any{
				"failurePolicy":    "Fail",
				"matchConstraints": match,
				"validations": []any{map[string]any{
					"expression": fmt.Sprintf(`!(has(oldObject.metadata.labels) && 'app' in oldObject.metadata.labels && oldObject.metadata.labels['app'] == '%s')`+
						` || request.userInfo.username == 'system:serviceaccount:deployers:%s'`+
						` || request.userInfo.username == 'system:serviceaccount:kube-system:generic-garbage-collector'`+
						` || request.userInfo.username == 'system:serviceaccount:kube-system:namespace-controller' && has(namespaceObject.metadata.deletionTimestamp)`+
						` || request.operation == 'DELETE' && has(oldObject.metadata.deletionTimestamp)`+
						` || request.operation == 'UPDATE' && object.metadata.labels == oldObject.metadata.labels`+
						` && has(object.data) == has(oldObject.data) && (!has(object.data) || object.data == oldObject.data)`+
						` && has(object.metadata.annotations) == has(oldObject.metadata.annotations) && (!has(object.metadata.annotations) || object.metadata.annotations == oldObject.metadata.annotations)`,
						label, actorOf(i)),
					"message": fmt.Sprintf("denied, there is a lock: map[app:%s]", label),
					"reason":  "Forbidden",
				}},
			},
		}
		binding := map[string]any{
			"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
			"metadata": map[string]any{"name": "bench-" + label},
			"spec":     map[string]any{"policyName": "bench-" + label, "validationActions": []any{"Deny"}},
		}
		for _, object := range []any{policy, binding} {
			text, err := yaml.Marshal(object)
			if err != nil {
				return nil, err
			}
			b.WriteString("---\n")
			b.Write(text)
		}
	}
	return b.Bytes(), nil
}
