package evaluator

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"klock.dev/e2e/cluster"
)

// LockRoles are the ClusterRoles of a manifest that let their holders pass authorizer checks on locks, by verb.
func LockRoles(objects []*unstructured.Unstructured) map[string][]string {
	names := map[string][]string{}
	eachLockRule(objects, func(role *rbacv1.ClusterRole, rule *rbacv1.PolicyRule) {
		for _, verb := range rule.Verbs {
			names[verb] = append(names[verb], role.Name)
		}
	})
	return names
}

// lockNames are the locks that these roles are for, by verb.
func lockNames(objects []*unstructured.Unstructured) (map[string][]string, error) {
	names := map[string][]string{}
	err := eachLockRule(objects, func(_ *rbacv1.ClusterRole, rule *rbacv1.PolicyRule) {
		for _, verb := range rule.Verbs {
			names[verb] = append(names[verb], rule.ResourceNames...)
		}
	})
	return names, err
}

func eachLockRule(objects []*unstructured.Unstructured, f func(*rbacv1.ClusterRole, *rbacv1.PolicyRule)) error {
	for _, object := range objects {
		if object.GetKind() != "ClusterRole" {
			continue
		}
		role, err := typed[rbacv1.ClusterRole](object)
		if err != nil {
			return err
		}
		for i := range role.Rules {
			if rule := &role.Rules[i]; slices.Contains(rule.APIGroups, cluster.LocksGroup) && slices.Contains(rule.Resources, "locks") {
				f(role, rule)
			}
		}
	}
	return nil
}
