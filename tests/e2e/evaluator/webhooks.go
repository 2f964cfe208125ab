package evaluator

import (
	"context"
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/webhook"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/generic"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	webhookutil "k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
)

// webhooks are those of a manifest, with the API server's own plugin, which is asked whether it would call them.
type webhooks struct {
	plugin               *generic.Webhook
	namespaces           cache.Indexer
	mutating, validating []webhook.WebhookAccessor
}

func newWebhooks(e *Evaluator) (*webhooks, error) {
	plugin, err := generic.NewWebhook(admission.NewHandler(admission.Create, admission.Update, admission.Delete, admission.Connect), nil, nil,
		func(*webhookutil.ClientManager) generic.Dispatcher { return nil })
	if err != nil {
		return nil, err
	}
	client := fake.NewClientset()
	factory := informers.NewSharedInformerFactory(client, 0)
	w := &webhooks{plugin: plugin, namespaces: factory.Core().V1().Namespaces().Informer().GetIndexer()}
	plugin.SetExternalKubeClientSet(client)
	plugin.SetExternalKubeInformerFactory(factory)
	plugin.SetUnconditionalAuthorizer(authorizerFunc(e.authorize))
	return w, nil
}

// add takes a configuration with the defaults that a server would fill in.
func (w *webhooks) add(object *unstructured.Unstructured) error {
	if object.GetKind() == "MutatingWebhookConfiguration" {
		configuration, err := typed[admissionv1.MutatingWebhookConfiguration](object)
		if err != nil {
			return err
		}
		for i := range configuration.Webhooks {
			h := &configuration.Webhooks[i]
			hookDefaults(&h.FailurePolicy, &h.MatchPolicy, &h.NamespaceSelector, &h.ObjectSelector, h.Rules)
			w.mutating = append(w.mutating, webhook.NewMutatingWebhookAccessor(h.Name, configuration.Name, h))
		}
		return nil
	}
	configuration, err := typed[admissionv1.ValidatingWebhookConfiguration](object)
	if err != nil {
		return err
	}
	for i := range configuration.Webhooks {
		h := &configuration.Webhooks[i]
		hookDefaults(&h.FailurePolicy, &h.MatchPolicy, &h.NamespaceSelector, &h.ObjectSelector, h.Rules)
		w.validating = append(w.validating, webhook.NewValidatingWebhookAccessor(h.Name, configuration.Name, h))
	}
	return nil
}

func hookDefaults(failure **admissionv1.FailurePolicyType, match **admissionv1.MatchPolicyType, namespaces, objects **metav1.LabelSelector, hookRules []admissionv1.RuleWithOperations) {
	fail, equivalent, all := admissionv1.Fail, admissionv1.Equivalent, admissionv1.AllScopes
	if *failure == nil {
		*failure = &fail
	}
	if *match == nil {
		*match = &equivalent
	}
	if *namespaces == nil {
		*namespaces = &metav1.LabelSelector{}
	}
	if *objects == nil {
		*objects = &metav1.LabelSelector{}
	}
	for i := range hookRules {
		if hookRules[i].Scope == nil {
			hookRules[i].Scope = &all
		}
	}
}

// versioned gives the request's objects in the version that a rule names.
type versioned struct {
	attributes admission.Attributes
	types      admission.ObjectInterfaces
}

func (v versioned) VersionedAttribute(kind schema.GroupVersionKind) (*admission.VersionedAttributes, error) {
	return admission.NewVersionedAttributes(v.attributes, kind, v.types)
}

// called lists the hooks that a server would call, and says which refuse the request by failing.
func (w *webhooks) called(ctx context.Context, e *Evaluator, hooks []webhook.WebhookAccessor, attributes admission.Attributes, types admission.ObjectInterfaces) (called, refusals []string, err error) {
	if len(hooks) == 0 || rules.IsExemptAdmissionConfigurationResource(attributes) {
		return nil, nil, nil
	}
	var present []any
	if e.namespace != nil {
		present = append(present, e.namespace)
	}
	if err := w.namespaces.Replace(present, ""); err != nil {
		return nil, nil, err
	}
	for _, hook := range hooks {
		invocation, failed := w.plugin.ShouldCallHook(ctx, hook, attributes, types, versioned{attributes, types})
		switch {
		case failed != nil:
			refusals = append(refusals, fmt.Sprintf("webhook %s: %v", hook.GetName(), failed))
		case invocation != nil:
			called = append(called, hook.GetName())
		}
	}
	return called, refusals, nil
}

// ---- what accounts may do ----

// mayByRoles answers for service accounts as a server with the manifest's roles does.
func (e *Evaluator) mayByRoles(a authorizer.Attributes) bool {
	for _, binding := range e.roleBindings {
		if binding.GetKind() == "RoleBinding" && binding.GetNamespace() != a.GetNamespace() {
			continue
		}
		read, err := typed[rbacv1.RoleBinding](asRoleBinding(binding))
		if err != nil || !slices.ContainsFunc(read.Subjects, func(s rbacv1.Subject) bool { return isSubject(s, a) }) {
			continue
		}
		for _, role := range e.roles {
			if role.GetKind() != read.RoleRef.Kind || role.GetName() != read.RoleRef.Name || role.GetKind() == "Role" && role.GetNamespace() != binding.GetNamespace() {
				continue
			}
			held, err := typed[rbacv1.Role](asRole(role))
			if err == nil && slices.ContainsFunc(held.Rules, func(r rbacv1.PolicyRule) bool { return allows(r, a) }) {
				return true
			}
		}
	}
	return false
}

// A binding of the cluster has the fields of one in a namespace, and a role as well.
func asRoleBinding(object *unstructured.Unstructured) *unstructured.Unstructured {
	same := object.DeepCopy()
	same.SetKind("RoleBinding")
	return same
}

func asRole(object *unstructured.Unstructured) *unstructured.Unstructured {
	same := object.DeepCopy()
	same.SetKind("Role")
	return same
}

func isSubject(s rbacv1.Subject, a authorizer.Attributes) bool {
	switch s.Kind {
	case rbacv1.ServiceAccountKind:
		return a.GetUser().GetName() == "system:serviceaccount:"+s.Namespace+":"+s.Name
	case rbacv1.GroupKind:
		return slices.Contains(a.GetUser().GetGroups(), s.Name)
	}
	return a.GetUser().GetName() == s.Name
}

func allows(r rbacv1.PolicyRule, a authorizer.Attributes) bool {
	has := func(list []string, word string) bool {
		return slices.Contains(list, "*") || slices.Contains(list, word)
	}
	resource := a.GetResource()
	if a.GetSubresource() != "" {
		resource += "/" + a.GetSubresource()
	}
	return has(r.Verbs, a.GetVerb()) && has(r.APIGroups, a.GetAPIGroup()) &&
		(has(r.Resources, resource) || a.GetSubresource() != "" && slices.Contains(r.Resources, "*/"+a.GetSubresource())) &&
		(len(r.ResourceNames) == 0 || slices.Contains(r.ResourceNames, a.GetName()))
}
