// Package evaluator judges requests with the API server's own ValidatingAdmissionPolicy code, without a server.
//
// The dispatcher, the matcher and the validator are those of k8s.io/apiserver. Objects reach CEL as they are given: no
// defaults, no pruning.
package evaluator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/policy/generic"
	"k8s.io/apiserver/pkg/admission/plugin/policy/matching"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/client-go/kubernetes/fake"
	corelisters "k8s.io/client-go/listers/core/v1"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/resources"
)

// Verdict is the judge's answer.
type Verdict struct {
	Verdict string `json:"verdict"`
	// Messages are those of every refusal, in the order of policies. A server shows the first.
	Messages []string `json:"messages,omitempty"`
	// Warnings are those that the requester sees.
	Warnings []string `json:"warnings,omitempty"`
	// Otherwise are the names for which the answer is another one.
	Otherwise []string `json:"otherwise,omitempty"`
	// Audit holds the audit annotations.
	Audit map[string]string `json:"audit,omitempty"`
	// Errors are those of expressions that could not be evaluated, whether they count or not.
	Errors []string `json:"errors,omitempty"`
	// Called are the webhooks that a server would call.
	Called []string `json:"called,omitempty"`
	// Cost is that of all expressions that were evaluated; UnknownCost says that there was more.
	Cost        int64 `json:"cost"`
	UnknownCost bool  `json:"unknownCost,omitempty"`
}

// Evaluator holds the compiled policies of a manifest. It judges one request at a time.
type Evaluator struct {
	hooks      []*hook
	dispatcher generic.Dispatcher[validating.PolicyHook]
	params     map[schema.GroupVersionKind]*params
	// lockRoles are the names of locks, by verb, for which the manifest has roles.
	lockRoles           map[string][]string
	webhooks            *webhooks
	roles, roleBindings []*unstructured.Unstructured
	// versions are those that the rules name.
	versions map[schema.GroupResource][]string

	// The request that is being judged.
	namespace *corev1.Namespace
	grants    []string
	costs     costs
}

// hook is a policy with one of its bindings.
type hook struct {
	validating.PolicyHook
	recorder *recorder
}

// recorder keeps what the validator decides, because the dispatcher shows the first refusal only.
type recorder struct {
	validating.Validator
	results []validating.ValidateResult
}

func (r *recorder) Validate(ctx context.Context, resource schema.GroupVersionResource, attr *admission.VersionedAttributes, params runtime.Object, namespace *corev1.Namespace, budget int64, authz authorizer.UnconditionalAuthorizer) validating.ValidateResult {
	result := r.Validator.Validate(ctx, resource, attr, params, namespace, budget, authz)
	r.results = append(r.results, result)
	return result
}

// Oldest is the minor of the oldest server that manifests are for.
const Oldest = 30

// New compiles the policies of a manifest as the oldest server would. Objects that are neither policies nor bindings may
// serve as parameters.
func New(manifest []byte) (*Evaluator, error) { return NewFor(manifest, Oldest) }

// NewFor compiles them as a server of the minor would, 33 for 1.33.
func NewFor(manifest []byte, minor uint) (*Evaluator, error) {
	objects, err := Objects(manifest)
	if err != nil {
		return nil, err
	}
	e := &Evaluator{params: map[schema.GroupVersionKind]*params{}, versions: map[schema.GroupResource][]string{}}
	matcher := matching.NewMatcher(namespaceLister{e: e}, fake.NewClientset())
	e.dispatcher = validating.NewDispatcher(authorizerFunc(e.authorize), generic.NewPolicyMatcher(matcher))

	if e.lockRoles, err = lockNames(objects); err != nil {
		return nil, err
	}
	policies := map[string]*admissionv1.ValidatingAdmissionPolicy{}
	var bindings []*admissionv1.ValidatingAdmissionPolicyBinding
	var others []*unstructured.Unstructured
	for _, object := range objects {
		switch object.GetKind() {
		case "ValidatingAdmissionPolicy":
			policy, err := typed[admissionv1.ValidatingAdmissionPolicy](object)
			if err != nil {
				return nil, err
			}
			setDefaults(policy.Spec.MatchConstraints)
			e.noteVersions(policy)
			policies[policy.Name] = policy
		case "ValidatingAdmissionPolicyBinding":
			binding, err := typed[admissionv1.ValidatingAdmissionPolicyBinding](object)
			if err != nil {
				return nil, err
			}
			setDefaults(binding.Spec.MatchResources)
			bindings = append(bindings, binding)
		case "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration":
			if e.webhooks == nil {
				if e.webhooks, err = newWebhooks(e); err != nil {
					return nil, err
				}
			}
			if err := e.webhooks.add(object); err != nil {
				return nil, err
			}
		case "Role", "ClusterRole":
			e.roles = append(e.roles, object)
		case "RoleBinding", "ClusterRoleBinding":
			e.roleBindings = append(e.roleBindings, object)
		default:
			others = append(others, object)
		}
	}

	slices.SortStableFunc(bindings, func(a, b *admissionv1.ValidatingAdmissionPolicyBinding) int {
		return cmp.Or(strings.Compare(a.Spec.PolicyName, b.Spec.PolicyName), strings.Compare(a.Name, b.Name))
	})
	validators := map[string]validating.Validator{}
	for _, binding := range bindings {
		policy := policies[binding.Spec.PolicyName]
		if policy == nil {
			return nil, fmt.Errorf("binding %s is of an unknown policy %s", binding.Name, binding.Spec.PolicyName)
		}
		if validators[policy.Name] == nil {
			if validators[policy.Name], err = compile(policy, minor, &e.costs); err != nil {
				return nil, fmt.Errorf("policy %s: %w", policy.Name, err)
			}
		}
		r := &recorder{Validator: validators[policy.Name]}
		h := &hook{recorder: r}
		h.Policy = policy
		h.Bindings = []*admissionv1.ValidatingAdmissionPolicyBinding{binding}
		h.Evaluator = r
		if kind := policy.Spec.ParamKind; kind != nil {
			p := e.paramsOf(schema.FromAPIVersionAndKind(kind.APIVersion, kind.Kind))
			h.ParamInformer, h.ParamScope = p, p.scope
		}
		e.hooks = append(e.hooks, h)
	}
	for _, object := range others {
		if p := e.params[object.GroupVersionKind()]; p != nil {
			p.indexer.Add(object)
		}
	}
	return e, nil
}

func (e *Evaluator) noteVersions(policy *admissionv1.ValidatingAdmissionPolicy) {
	if policy.Spec.MatchConstraints == nil {
		return
	}
	for _, rule := range policy.Spec.MatchConstraints.ResourceRules {
		for _, group := range rule.APIGroups {
			for _, name := range rule.Resources {
				resource, _, _ := strings.Cut(name, "/")
				key := schema.GroupResource{Group: group, Resource: resource}
				for _, version := range rule.APIVersions {
					if version != "*" && !slices.Contains(e.versions[key], version) {
						e.versions[key] = append(e.versions[key], version)
					}
				}
			}
		}
	}
}

func (e *Evaluator) paramsOf(kind schema.GroupVersionKind) *params {
	if e.params[kind] == nil {
		e.params[kind] = newParams(kind, resources.Namespaced(kind.GroupKind()))
	}
	return e.params[kind]
}

// Judge answers a request, under each of the names by which it can be asked.
func (e *Evaluator) Judge(r *cases.Request) (*Verdict, error) {
	var verdict *Verdict
	for _, form := range r.AskedAs() {
		v, err := e.judge(form)
		if err != nil {
			return nil, err
		}
		if verdict == nil {
			verdict = v
		} else if v.Verdict != verdict.Verdict {
			verdict.Otherwise = append(verdict.Otherwise, fmt.Sprintf("asked as %s: %s", form.Asked, v.Verdict))
		}
	}
	return verdict, e.askOfOther(r, verdict)
}

// askOfOther asks the same of an object of another name: who carries the name only must not be answered by what another
// object holds, which is among the parameters as well.
func (e *Evaluator) askOfOther(r *cases.Request, verdict *Verdict) error {
	if !r.CarriesNameOnly() || r.Parent() == nil || len(e.params) == 0 {
		return nil
	}
	other := *r
	other.Name, other.OldObject, other.Stored = "e2e-other", nil, nil
	alone, err := e.judge(&other)
	if err != nil {
		return err
	}
	defer e.storeParam(r)()
	beside, err := e.judge(&other)
	if err == nil && alone.Verdict != beside.Verdict {
		verdict.Otherwise = append(verdict.Otherwise, fmt.Sprintf("asked of %s: %s, and %s without %s", other.Name, beside.Verdict, alone.Verdict, r.Name))
	}
	return err
}

func (e *Evaluator) judge(r *cases.Request) (*Verdict, error) {
	if neverAdmitted(r) {
		return &Verdict{Verdict: cases.Allowed}, nil
	}
	e.grants, e.costs = r.Grants, costs{}
	var err error
	if e.namespace, err = namespaceOf(r); err != nil {
		return nil, err
	}
	defer e.storeParam(r)()
	defer e.storeGiven(r)()

	attributes := e.attributesOf(r)
	types := &interfaces{request: r, named: e.versions[schema.GroupResource{Group: r.Group, Resource: r.Resource}]}
	verdict := &Verdict{Verdict: cases.Allowed}
	var warnings warningRecorder
	ctx := warning.WithWarningRecorder(context.Background(), &warnings)
	if err := e.call(ctx, attributes, types, true, verdict); err != nil {
		return nil, err
	}
	for _, h := range e.hooks {
		if excluded(r) && !strings.HasSuffix(h.Policy.Name, ".static.k8s.io") {
			continue
		}
		h.recorder.results = h.recorder.results[:0]
		err := e.dispatcher.Dispatch(ctx, attributes, types, []validating.PolicyHook{h.PolicyHook})
		verdict.Errors = append(verdict.Errors, h.errors()...)
		if err == nil {
			continue
		}
		var status apierrors.APIStatus
		if !errors.As(err, &status) || !strings.Contains(err.Error(), "ValidatingAdmissionPolicy '") {
			return nil, err
		}
		verdict.Verdict = cases.Denied
		verdict.Messages = append(verdict.Messages, h.refusals(err)...)
	}
	// A server asks policies before validating webhooks.
	if verdict.Verdict != cases.Denied {
		if err := e.call(ctx, attributes, types, false, verdict); err != nil {
			return nil, err
		}
	}
	verdict.Warnings = warnings
	if verdict.Verdict == cases.Allowed && len(warnings) > 0 {
		verdict.Verdict = cases.Warned
	}
	verdict.Audit = attributes.annotations
	verdict.Cost, verdict.UnknownCost = e.costs.total, e.costs.unknown
	return verdict, nil
}

// call adds the webhooks of a kind that would be called.
func (e *Evaluator) call(ctx context.Context, attributes admission.Attributes, types admission.ObjectInterfaces, mutating bool, verdict *Verdict) error {
	if e.webhooks == nil {
		return nil
	}
	hooks := e.webhooks.validating
	if mutating {
		hooks = e.webhooks.mutating
	}
	called, refusals, err := e.webhooks.called(ctx, e, hooks, attributes, types)
	verdict.Called = append(verdict.Called, called...)
	if len(refusals) > 0 {
		verdict.Verdict = cases.Denied
		verdict.Messages = append(verdict.Messages, refusals...)
	}
	return err
}

// refusals are the messages of every validation that refused. A refusal without one, such as a missing parameter, is
// only in the error.
func (h *hook) refusals(err error) []string {
	var messages []string
	for _, result := range h.recorder.results {
		for _, decision := range result.Decisions {
			if decision.Action == validating.ActionDeny {
				messages = append(messages, decision.Message)
			}
		}
	}
	if len(messages) == 0 {
		messages = []string{err.Error()}
	}
	return messages
}

// errors are the messages of everything that could not be evaluated.
func (h *hook) errors() []string {
	var messages []string
	for _, result := range h.recorder.results {
		for _, decision := range result.Decisions {
			if decision.Evaluation == validating.EvalError {
				messages = append(messages, decision.Message)
			}
		}
		for _, annotation := range result.AuditAnnotations {
			if annotation.Error != "" {
				messages = append(messages, annotation.Error)
			}
		}
	}
	return messages
}

// storeParam makes the stored object that the request is about a parameter for the time of the request.
func (e *Evaluator) storeParam(r *cases.Request) (restore func()) {
	parent := r.Parent()
	if parent == nil {
		return func() {}
	}
	for kind, p := range e.params {
		// The request may be of another kind (an Eviction), so the kind of a partial object that does not say its own is
		// found by the resource.
		if apiVersion, _ := parent["apiVersion"].(string); apiVersion != "" {
			// In whichever version it is written, a server's informer has it in that of the parameters.
			if schema.FromAPIVersionAndKind(apiVersion, "").Group != kind.Group || kind.Kind != parent["kind"] {
				continue
			}
		} else if kind.Group != r.Group || resources.Plural(kind.GroupKind()) != r.Resource {
			continue
		}
		return p.put(object(parent, kind, r.Namespace, r.Name))
	}
	return func() {}
}

// storeGiven makes the ConfigMaps that are there parameters for the time of the request.
func (e *Evaluator) storeGiven(r *cases.Request) (restore func()) {
	p := e.params[schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}]
	var restores []func()
	for _, given := range r.Beside() {
		if p != nil {
			restores = append(restores, p.put(&unstructured.Unstructured{Object: given}))
		}
	}
	return func() {
		for _, restore := range slices.Backward(restores) {
			restore()
		}
	}
}

// auditedAttributes keeps the annotations that would go to the audit log.
type auditedAttributes struct {
	admission.Attributes
	annotations map[string]string
}

func (a *auditedAttributes) AddAnnotation(key, value string) error {
	if a.annotations == nil {
		a.annotations = map[string]string{}
	}
	a.annotations[key] = value
	return nil
}

func (e *Evaluator) attributesOf(r *cases.Request) *auditedAttributes {
	kind := resources.KindOf(r)
	var newObject, oldObject runtime.Object
	if r.Object != nil && r.Operation != "DELETE" {
		newObject = e.labeled(object(r.Object, kind, r.Namespace, r.Name))
	}
	if r.OldObject != nil && (r.Operation == "UPDATE" || r.Operation == "DELETE") {
		oldObject = e.labeled(object(r.OldObject, kind, r.Namespace, r.Name))
	}
	if kind.Kind == "Scale" {
		newObject, oldObject = scaleOf(r, r.Object), scaleOf(r, r.OldObject)
	}
	var options runtime.Object
	switch r.Operation {
	case "CREATE":
		options = &metav1.CreateOptions{}
		if newObject == nil {
			newObject = object(map[string]any{}, kind, r.Namespace, r.Name)
		}
	case "UPDATE":
		options = &metav1.UpdateOptions{}
	case "DELETE":
		options = &metav1.DeleteOptions{}
	case "CONNECT":
		if newObject == nil {
			newObject = &unstructured.Unstructured{Object: map[string]any{"apiVersion": kind.GroupVersion().String(), "kind": kind.Kind}}
		}
	}
	name, namespace := cmp.Or(r.Asked, r.Name), r.Namespace
	if r.DeleteCollection {
		name = ""
	}
	if isNamespace(r) {
		namespace = r.Name
	}
	return &auditedAttributes{Attributes: admission.NewAttributesRecord(newObject, oldObject, kind, namespace, name,
		schema.GroupVersionResource{Group: r.Group, Version: r.Version, Resource: r.Resource}, r.Subresource,
		admission.Operation(r.Operation), options, false, userOf(r))}
}

// scaleOf is the Scale of an object: it has neither labels nor annotations.
func scaleOf(r *cases.Request, parent map[string]any) runtime.Object {
	replicas, found, err := unstructured.NestedFieldNoCopy(parent, "spec", "replicas")
	if !found || err != nil {
		replicas = int64(1)
	}
	spec := map[string]any{"replicas": replicas}
	if replicas == int64(0) {
		// As a server writes it.
		spec = map[string]any{}
	}
	return object(map[string]any{"spec": spec}, resources.KindOf(r), r.Namespace, r.Name)
}

// object fills in the identity of a partial object.
func object(partial map[string]any, kind schema.GroupVersionKind, namespace, name string) *unstructured.Unstructured {
	full := maps.Clone(partial)
	full["apiVersion"], full["kind"] = kind.GroupVersion().String(), kind.Kind
	metadata, _ := full["metadata"].(map[string]any)
	if metadata = maps.Clone(metadata); metadata == nil {
		metadata = map[string]any{}
	}
	if name != "" && metadata["name"] == nil {
		metadata["name"] = name
	}
	if namespace != "" && metadata["namespace"] == nil && kind.Kind != "Namespace" {
		metadata["namespace"] = namespace
	}
	full["metadata"] = metadata
	return &unstructured.Unstructured{Object: full}
}

// labeled gives a Namespace the label that every server gives it, by which webhooks select. klockc's own judge does so where
// webhooks select, and what expressions cost is compared.
func (e *Evaluator) labeled(object *unstructured.Unstructured) *unstructured.Unstructured {
	if e.webhooks == nil || object == nil || object.GroupVersionKind().GroupKind() != (schema.GroupKind{Kind: "Namespace"}) {
		return object
	}
	labels := object.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[corev1.LabelMetadataName] = object.GetName()
	object.SetLabels(labels)
	return object
}

func userOf(r *cases.Request) user.Info {
	return &user.DefaultInfo{Name: r.User.Username, UID: r.User.UID, Groups: r.User.Groups, Extra: r.User.Extra}
}

func isNamespace(r *cases.Request) bool { return r.Resource == "namespaces" && r.Group == "" }

// namespaceOf is the stored namespace of the request. Every namespace of a server carries its name as a label.
func namespaceOf(r *cases.Request) (*corev1.Namespace, error) {
	name, partial := r.Namespace, r.NamespaceObject
	if isNamespace(r) {
		// Only that it is there counts: the API server does not show a Namespace to its own policies a second time.
		name, partial = r.Name, map[string]any{"metadata": r.OldObject["metadata"]}
		if r.OldObject == nil {
			partial = nil
		}
	}
	if name == "" {
		return nil, nil
	}
	namespace := &corev1.Namespace{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(partial, namespace); err != nil {
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	namespace.Name = name
	namespace.Labels = labels.Merge(namespace.Labels, labels.Set{corev1.LabelMetadataName: name})
	return namespace, nil
}

// neverAdmitted says whether a server asks no policy at all.
func neverAdmitted(r *cases.Request) bool {
	switch r.Group {
	case "authentication.k8s.io", "authorization.k8s.io":
		return true
	}
	return false
}

// excluded says whether a server asks static policies only, so that policies cannot lock themselves out.
func excluded(r *cases.Request) bool {
	if r.Group != admissionv1.GroupName {
		return false
	}
	switch r.Resource {
	case "validatingadmissionpolicies", "validatingadmissionpolicybindings", "mutatingadmissionpolicies", "mutatingadmissionpolicybindings":
		return true
	}
	return false
}

// authorize answers as a server with RBAC does that gives the grants to the user, through the roles of the manifest where
// it has any: system:masters hold every permission.
func (e *Evaluator) authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if slices.Contains(a.GetUser().GetGroups(), user.SystemPrivilegedGroup) {
		return authorizer.DecisionAllow, "", nil
	}
	if a.GetAPIGroup() == cluster.LocksGroup && a.GetResource() == "locks" && slices.Contains(e.grants, a.GetVerb()) &&
		(len(e.lockRoles) == 0 || slices.Contains(e.lockRoles[a.GetVerb()], a.GetName())) {
		return authorizer.DecisionAllow, "", nil
	}
	if strings.HasPrefix(a.GetUser().GetName(), "system:serviceaccount:") && e.mayByRoles(a) {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

type authorizerFunc func(context.Context, authorizer.Attributes) (authorizer.Decision, string, error)

func (f authorizerFunc) Authorize(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	return f(ctx, a)
}

type warningRecorder []string

func (w *warningRecorder) AddWarning(_, text string) { *w = append(*w, text) }

// namespaceLister knows the namespace of the request that is being judged.
type namespaceLister struct {
	corelisters.NamespaceLister
	e *Evaluator
}

func (l namespaceLister) Get(name string) (*corev1.Namespace, error) {
	if l.e.namespace == nil || l.e.namespace.Name != name {
		return nil, apierrors.NewNotFound(corev1.Resource("namespaces"), name)
	}
	return l.e.namespace, nil
}
