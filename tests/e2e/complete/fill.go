package complete

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// fillDefinition adds what a CustomResourceDefinition says beside its name.
func fillDefinition(object map[string]any) {
	plural, group, _ := strings.Cut(child(object, "metadata")["name"].(string), ".")
	spec := child(object, "spec")
	whole := definition(schema.GroupVersionKind{Group: group, Version: "v1", Kind: "Kind" + plural}, plural, true)
	setDefaults(spec, whole)
	setDefaults(spec["names"], whole["names"].(map[string]any))
	versions, _ := spec["versions"].([]any)
	for i, version := range versions {
		defaults := whole["versions"].([]any)[0].(map[string]any)
		setDefaults(version, map[string]any{"name": defaults["name"], "served": true, "storage": i == 0, "schema": defaults["schema"]})
	}
	approve(object, group)
}

// approve lets a definition into a group that the API server protects.
func approve(definition map[string]any, group string) {
	if strings.HasSuffix(group, ".k8s.io") {
		setDefaults(child(definition, "metadata", "annotations"), map[string]any{"api-approved.kubernetes.io": "unapproved, of a test"})
	}
}

func fillRules(role map[string]any) {
	rules, _ := role["rules"].([]any)
	for _, rule := range rules {
		fields, _ := rule.(map[string]any)
		if fields["nonResourceURLs"] == nil {
			setDefaults(rule, map[string]any{"apiGroups": []any{""}, "resources": []any{"pods"}})
		}
		setDefaults(rule, map[string]any{"verbs": []any{"get"}})
	}
}

func fillSubjects(binding map[string]any) {
	subjects, _ := binding["subjects"].([]any)
	for _, subject := range subjects {
		setDefaults(subject, map[string]any{"kind": "User", "name": "somebody"})
		fields, _ := subject.(map[string]any)
		if fields["kind"] != "ServiceAccount" {
			setDefaults(subject, map[string]any{"apiGroup": "rbac.authorization.k8s.io"})
		} else {
			namespace, _ := child(binding, "metadata")["namespace"].(string)
			if namespace == "" {
				namespace = "default"
			}
			setDefaults(subject, map[string]any{"namespace": namespace})
		}
	}
}

// fillSecret adds what a type asks for.
func fillSecret(secret map[string]any) {
	data := func(key, text string) { setDefaults(child(secret, "data"), map[string]any{key: text}) }
	switch secret["type"] {
	case "kubernetes.io/service-account-token":
		setDefaults(child(secret, "metadata", "annotations"), map[string]any{"kubernetes.io/service-account.name": "e2e"})
	case "kubernetes.io/dockercfg":
		data(".dockercfg", "e30=")
	case "kubernetes.io/dockerconfigjson":
		data(".dockerconfigjson", "e30=")
	case "kubernetes.io/basic-auth":
		data("username", "ZTJl")
	case "kubernetes.io/ssh-auth":
		data("ssh-privatekey", "ZTJl")
	case "kubernetes.io/tls":
		data("tls.crt", "")
		data("tls.key", "")
	}
}

// fillConditions adds what the conditions of a CertificateSigningRequest cannot do without.
func fillConditions(request map[string]any) {
	status, _ := request["status"].(map[string]any)
	conditions, _ := status["conditions"].([]any)
	for _, condition := range conditions {
		setDefaults(condition, map[string]any{"status": "True", "reason": "Test", "message": "of a test"})
	}
}
