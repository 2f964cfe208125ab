// Package live asks a running API server the questions of test cases.
//
// The stored object of every case is written straight into etcd, so that no policy has to step aside between two cases
// and every state can be held. Every question is a dry run by an impersonated user. A sentinel policy, created after
// those under test, shows when they act: the API server takes policies over in the order of their creation.
package live

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/complete"
	"klock.dev/e2e/evaluator"
	"klock.dev/e2e/hooks"
	"klock.dev/e2e/resources"
)

const (
	// anyone is the name of a requester for whom a case has none: only named users can be impersonated.
	anyone = "klock:anyone"
	// grantGroup begins the names of the groups that hold a verb on locks.
	grantGroup = "klock:grants:"

	// ProbeNamespace is where the judge tries whether policies act.
	ProbeNamespace = "klock-sentinel"

	settleTimeout = 30 * time.Second
	// NotServed is the reason to skip a case about a resource that the server does not have.
	NotServed = "not served by this minor"

	// patience is for what comes to an end, unasked for what mostly stays as it is: a server that refuses by itself.
	patience = 15 * time.Second
	unasked  = 4 * time.Second
)

// Judge asks one API server. It is used by one goroutine.
type Judge struct {
	cluster *cluster.Cluster
	client  *client
	admin   kubernetes.Interface
	store   *store

	served     map[schema.GroupVersionResource]struct{}
	custom     map[schema.GroupVersionResource]bool
	namespaces map[string]string
	generation int
	// hooks stands for every webhook of a manifest; nil before the first.
	hooks *hooks.Server

	// Patience is how long an unexpected answer may be the fault of a cache inside the server.
	Patience time.Duration
	// Brief ends a file with the first problem.
	Brief bool
}

// Outcome is what came of a case.
type Outcome struct {
	Case *cases.Case
	// Problem is empty when the server answers as the test expects and as klockc decides.
	Problem string
	// Skipped says why the server could not be asked.
	Skipped string
}

// New prepares a server.
func New(c *cluster.Cluster) (*Judge, error) {
	client, err := newClient(c)
	if err != nil {
		return nil, err
	}
	admin, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return nil, err
	}
	_, lists, err := admin.Discovery().ServerGroupsAndResources()
	if err != nil {
		return nil, err
	}
	served, err := discovery.GroupVersionResources(lists)
	if err != nil {
		return nil, err
	}
	return &Judge{
		cluster: c, client: client, admin: admin, store: &store{etcd: c.Etcd},
		served:     served,
		custom:     map[schema.GroupVersionResource]bool{},
		namespaces: map[string]string{},
		Patience:   patience,
	}, nil
}

// question is a case with the complete objects that it needs.
type question struct {
	*cases.Case
	// stored is the object in etcd, nil for none.
	stored  map[string]any
	skipped string
}

// File is a manifest with the cases to ask under it.
type File struct {
	Manifest []byte
	Cases    []*cases.Case

	questions []*question
}

// Prepare completes the objects of files. It has to see all files before the first is judged, because it needs a
// server without policies.
func (j *Judge) Prepare(ctx context.Context, files []*File) error {
	if err := j.serve(ctx, files); err != nil {
		return err
	}
	if err := j.store.remember(ctx); err != nil {
		return err
	}
	for _, f := range files {
		for _, c := range f.Cases {
			q, err := j.complete(ctx, c)
			if err != nil {
				return fmt.Errorf("%s: %w", c, err)
			}
			f.questions = append(f.questions, q)
		}
	}
	return j.store.reset(ctx)
}

// Completed are the requests of a file that was prepared, about whole objects, as a server is asked them. What the server fills in
// of an object that is made is not in them.
func (f *File) Completed() ([]*cases.Request, error) {
	var completed []*cases.Request
	for _, q := range f.questions {
		r := q.Request
		switch {
		case q.stored != nil && r.OldObject != nil && r.Kind == resources.KindOf(&r).Kind:
			r.OldObject = q.stored
		case r.Operation == "CREATE" && r.Subresource == "":
			namespace := ""
			if r.Namespaced() {
				namespace = r.Namespace
			}
			object, err := complete.Object(resources.KindOf(&r), namespace, r.Name, r.Object)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", q.Case, err)
			}
			r.Object = object
		}
		completed = append(completed, &r)
	}
	return completed, nil
}

// Admit is the part of Prepare that makes the server able to answer, under policies that no manifest of a file brings:
// custom resources and rights. It is enough where another judge has prepared the files.
func (j *Judge) Admit(ctx context.Context, files []*File) error {
	for _, f := range files {
		if err := j.permit(ctx, f); err != nil {
			return err
		}
	}
	return j.serve(ctx, files)
}

// serve defines custom resources and keeps the parameters of policies.
func (j *Judge) serve(ctx context.Context, files []*File) error {
	if err := j.Define(ctx, files); err != nil {
		return err
	}
	return j.keepParameters(ctx, files)
}

// Define defines the custom resources of files, each with the subresources that some case of any file is about, so that a judge
// of a part of them has to see all.
func (j *Judge) Define(ctx context.Context, files []*File) error {
	subresources := map[schema.GroupResource][]string{}
	for _, f := range files {
		for _, c := range f.Cases {
			if resource := resourceOf(&c.Request).GroupResource(); c.Request.Subresource != "" {
				subresources[resource] = append(subresources[resource], c.Request.Subresource)
			}
		}
	}
	for _, f := range files {
		for _, c := range f.Cases {
			if err := j.define(ctx, subresources[resourceOf(&c.Request).GroupResource()], &c.Request); err != nil {
				return fmt.Errorf("%s: %w", c, err)
			}
		}
	}
	return nil
}

// permit lets groups hold the verbs on locks that cases grant: through the roles that the manifest has for them, or else
// through a role for every lock.
func (j *Judge) permit(ctx context.Context, f *File) error {
	objects, err := evaluator.Objects(f.Manifest)
	if err != nil {
		return err
	}
	emitted := evaluator.LockRoles(objects)
	permitted := map[string]bool{}
	for _, c := range f.Cases {
		for _, verb := range c.Request.Grants {
			if permitted[verb] {
				continue
			}
			permitted[verb] = true
			roles := emitted[verb]
			if len(emitted) == 0 {
				role := grantGroup + verb
				rule := rbacv1.PolicyRule{APIGroups: []string{cluster.LocksGroup}, Resources: []string{"locks"}, Verbs: []string{verb}}
				if err := j.cluster.PutRole(ctx, role, rule); err != nil {
					return err
				}
				roles = []string{role}
			}
			for _, role := range roles {
				if err := j.cluster.Bind(ctx, role, grantGroup+verb); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// define makes the server serve a custom resource with the subresources.
func (j *Judge) define(ctx context.Context, subresources []string, r *cases.Request) error {
	gvr := resourceOf(r)
	kind := schema.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind}
	if resources.Plural(kind.GroupKind()) != "" || j.custom[gvr] {
		return nil
	}
	definitions := collection("apiextensions.k8s.io", "v1", "customresourcedefinitions", "")
	answer, err := j.client.do(ctx, http.MethodPost, definitions, nil, complete.Definition(kind, r.Resource, r.Namespaced(), subresources...), nil)
	if err != nil {
		return err
	}
	if answer.code != http.StatusConflict {
		if err := answer.err(); err != nil {
			return fmt.Errorf("define %s: %w", gvr.GroupResource(), err)
		}
	}
	if err := j.cluster.Allow(ctx, cluster.Testers, rbacv1.PolicyRule{
		APIGroups: []string{r.Group}, Resources: []string{"*"}, Verbs: []string{"*"},
	}); err != nil {
		return err
	}
	j.custom[gvr] = true
	return eventually(ctx, settleTimeout, func() (bool, error) {
		answer, err := j.client.do(ctx, http.MethodGet, collection(r.Group, r.Version, r.Resource, ""), nil, nil, nil)
		return err == nil && answer.ok(), err
	})
}

func (j *Judge) isCustom(r *cases.Request) bool { return j.custom[resourceOf(r)] }

func (j *Judge) isServed(r *cases.Request) bool {
	_, ok := j.served[resourceOf(r)]
	return ok || j.isCustom(r)
}

func resourceOf(r *cases.Request) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: r.Group, Version: r.Version, Resource: r.Resource}
}

// complete asks the server, by a dry run, for the full form of the stored object.
func (j *Judge) complete(ctx context.Context, c *cases.Case) (*question, error) {
	r := &c.Request
	q := &question{Case: c}
	if !j.isServed(r) {
		q.skipped = NotServed
		return q, nil
	}
	if r.Operation == "CREATE" && r.Subresource == "" {
		return q, nil
	}
	if isNamespace(r) {
		q.stored = namespaceObject(r.Name, r.Parent())
		return q, nil
	}
	partial := r.Parent()
	if partial == nil {
		partial = map[string]any{}
	}
	namespace := ""
	if r.Namespaced() {
		namespace = r.Namespace
		if err := j.putNamespace(ctx, namespace, nil); err != nil {
			return nil, err
		}
	}
	kind := schema.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind}
	object, err := complete.Object(kind, namespace, r.Name, partial)
	if err != nil {
		return nil, err
	}
	// A dry run of a create drops what only a stored object has.
	var stored map[string]any
	err = eventually(ctx, min(unasked, j.Patience), func() (bool, error) {
		answer, err := j.client.do(ctx, http.MethodPost, collectionOf(r), url.Values{"dryRun": {"All"}}, object, nil)
		if err != nil {
			return false, err
		}
		if answer.code == http.StatusConflict {
			// There is one already, and it will do where the case does not speak of it.
			q.skipped = ""
			stored, err = j.merged(ctx, r, partial)
			return err == nil, err
		}
		if !answer.ok() {
			q.skipped = fmt.Sprintf("the stored object cannot be made: %s", answer.message())
			return final(answer), nil
		}
		q.skipped = ""
		return true, json.Unmarshal(answer.body, &stored)
	})
	if q.skipped != "" {
		return q, nil
	}
	if err != nil {
		return nil, err
	}
	metadata := stored["metadata"].(map[string]any)
	delete(metadata, "managedFields")
	delete(metadata, "resourceVersion")
	from := object["metadata"].(map[string]any)
	for _, field := range []string{"deletionTimestamp", "deletionGracePeriodSeconds", "finalizers", "generation", "uid", "creationTimestamp"} {
		if value, ok := from[field]; ok {
			metadata[field] = value
		}
	}
	if status, ok := object["status"].(map[string]any); ok {
		current, _ := stored["status"].(map[string]any)
		if current == nil {
			current = map[string]any{}
		}
		for field, value := range status {
			current[field] = value
		}
		stored["status"] = current
	}
	q.stored = stored
	return q, nil
}

// merged is an object that the server has, with what a case says about it.
func (j *Judge) merged(ctx context.Context, r *cases.Request, partial map[string]any) (map[string]any, error) {
	answer, err := j.client.do(ctx, http.MethodGet, itemOf(r), nil, nil, nil)
	if err != nil {
		return nil, err
	}
	if err := answer.err(); err != nil {
		return nil, err
	}
	var present map[string]any
	if err := json.Unmarshal(answer.body, &present); err != nil {
		return nil, err
	}
	return complete.Update(schema.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind}, present, nil, withoutIdentity(partial)), nil
}

// Run judges a file: everything of the file before is removed, the manifest is applied, and its cases are asked.
func (j *Judge) Run(ctx context.Context, f *File) ([]Outcome, error) {
	if err := j.apply(ctx, f.Manifest); err != nil {
		return nil, err
	}
	if err := j.permit(ctx, f); err != nil {
		return nil, err
	}
	return j.Ask(ctx, f)
}

// Ask asks the cases of a file that was prepared, under what is on the server.
func (j *Judge) Ask(ctx context.Context, f *File) ([]Outcome, error) {
	var outcomes []Outcome
	for _, q := range f.questions {
		outcome, err := j.ask(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.Case, err)
		}
		outcomes = append(outcomes, outcome)
		if j.Brief && outcome.Problem != "" {
			break
		}
	}
	return outcomes, nil
}

// Access asks whether RBAC allows a user something, on a server that has the manifest of the last file.
func (j *Judge) Access(ctx context.Context, spec authorizationv1.SubjectAccessReviewSpec, expected bool) (allowed bool, err error) {
	review := &authorizationv1.SubjectAccessReview{Spec: spec}
	// The authorizer's caches follow the manifest a moment later.
	deadline := time.Now().Add(j.Patience)
	for {
		answer, err := j.admin.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil || answer.Status.Allowed == expected || time.Now().After(deadline) {
			return err == nil && answer.Status.Allowed, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// apply replaces all that is on the server by a manifest, and waits until its policies act and no other does.
func (j *Judge) apply(ctx context.Context, manifest []byte) error {
	if err := j.store.reset(ctx); err != nil {
		return err
	}
	clear(j.namespaces)
	return j.createAll(ctx, manifest)
}

func (j *Judge) ask(ctx context.Context, q *question) (outcome Outcome, err error) {
	outcome = Outcome{Case: q.Case, Skipped: q.skipped}
	if q.skipped != "" {
		return outcome, nil
	}
	r := &q.Request
	key := keyOf(r, j.isCustom(r))
	if r.Namespaced() {
		if err := j.putNamespace(ctx, r.Namespace, r.NamespaceObject); err != nil {
			return outcome, err
		}
	}
	if isNamespace(r) {
		// What is known about this namespace is about to change.
		delete(j.namespaces, r.Name)
	}
	// A right answer is right at once, whatever the caches of the server hold. A wrong one is asked again.
	restore, err := j.store.keep(ctx, key)
	if err != nil {
		return outcome, err
	}
	defer func() { err = errors.Join(err, restore()) }()
	if r.Resource == "bindings" && r.Group == "" {
		// Nothing is bound that is not there.
		done, failed := j.putPod(ctx, r)
		if failed != nil {
			return outcome, failed
		}
		defer func() { err = errors.Join(err, done()) }()
	}
	for _, given := range r.Beside() {
		done, failed := j.putGiven(ctx, given)
		if failed != nil {
			return outcome, failed
		}
		defer func() { err = errors.Join(err, done()) }()
	}
	for _, form := range r.AskedAs() {
		if err := j.askAs(ctx, q, form, key, &outcome); err != nil || outcome.Problem != "" || outcome.Skipped != "" {
			return outcome, err
		}
	}
	return outcome, nil
}

// putPod stores the pod that a Binding is of, until the returned function is called.
func (j *Judge) putPod(ctx context.Context, r *cases.Request) (done func() error, err error) {
	pod, err := complete.Object(schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, r.Namespace, r.Name, map[string]any{})
	if err != nil {
		return nil, err
	}
	key := registry + "pods/" + r.Namespace + "/" + r.Name
	if done, err = j.store.keep(ctx, key); err != nil {
		return nil, err
	}
	return done, j.store.put(ctx, key, pod)
}

// putGiven stores a ConfigMap that is there beside the object, until the returned function is called.
func (j *Judge) putGiven(ctx context.Context, given map[string]any) (done func() error, err error) {
	metadata, _ := given["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	namespace, _ := metadata["namespace"].(string)
	object, err := complete.Object(schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}, namespace, name, given)
	if err != nil {
		return nil, err
	}
	key := registry + "configmaps/" + namespace + "/" + name
	if done, err = j.store.keep(ctx, key); err != nil {
		return nil, err
	}
	return done, j.store.put(ctx, key, object)
}

// askAs asks until the answer is right, or until it is clear that it is not.
func (j *Judge) askAs(ctx context.Context, q *question, r *cases.Request, key string, outcome *Outcome) error {
	began := time.Now()
	arrange := j.arrange
	for {
		full, err := arrange(ctx, q, key)
		if err != nil {
			return err
		}
		j.forgetCalls()
		answer, err := j.send(ctx, r, full)
		if err != nil {
			return err
		}
		outcome.Problem, outcome.Skipped = judge(q.Case, answer)
		if outcome.Problem == "" && outcome.Skipped == "" {
			outcome.Problem = q.CheckCalls(j.calledFor(r))
		}
		if outcome.Problem != "" && r.Asked != "" {
			outcome.Problem += "\n\tasked as " + r.Asked
		}
		if answer.code == http.StatusConflict && q.stored != nil {
			// A controller has written the object, as it would after each arrangement: it stays as it is now.
			arrange = j.shown
		}
		absent := q.stored == nil && answer.code == http.StatusNotFound
		done := outcome.Problem == "" && (outcome.Skipped == "" || absent || final(answer))
		limit := j.Patience
		if outcome.Skipped != "" {
			limit = min(unasked, limit)
		}
		if done || time.Since(began) > limit {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// final says whether the server would not answer otherwise a moment later, when its caches and controllers are done.
func final(answer *reply) bool {
	return answer.code == http.StatusBadRequest || answer.code == http.StatusUnprocessableEntity
}

// arrange stores the object that the question is about and returns it as the server shows it.
func (j *Judge) arrange(ctx context.Context, q *question, key string) (map[string]any, error) {
	if q.stored == nil {
		return nil, j.store.remove(ctx, key)
	}
	if err := j.store.put(ctx, key, q.stored); err != nil {
		return nil, err
	}
	return j.shown(ctx, q, key)
}

// shown is the stored object as the server shows it.
func (j *Judge) shown(ctx context.Context, q *question, key string) (map[string]any, error) {
	answer, err := j.client.do(ctx, http.MethodGet, itemOf(&q.Request), nil, nil, nil)
	if err != nil {
		return nil, err
	}
	if err := answer.err(); err != nil {
		return nil, fmt.Errorf("the object is not found at %s: %w", key, err)
	}
	var full map[string]any
	return full, json.Unmarshal(answer.body, &full)
}

// send asks the question of a request.
func (j *Judge) send(ctx context.Context, r *cases.Request, full map[string]any) (*reply, error) {
	user := r.User
	if user.Username == "" {
		user.Username = anyone
	}
	user.Groups = append(slices.Clone(user.Groups), cluster.Testers)
	for _, verb := range r.Grants {
		user.Groups = append(user.Groups, grantGroup+verb)
	}
	query := url.Values{"dryRun": {"All"}}
	path := collectionOf(r) + "/" + url.PathEscape(cmp.Or(r.Asked, r.Name))
	if r.Subresource != "" {
		path += "/" + r.Subresource
	}
	kind := resources.KindOf(r)
	namespace := ""
	if r.Namespaced() {
		namespace = r.Namespace
	}
	switch r.Operation {
	case "CREATE":
		object, err := complete.Object(kind, namespace, r.Name, r.Object)
		if err != nil {
			return nil, err
		}
		if r.Subresource == "" {
			path = collectionOf(r)
		}
		return j.client.do(ctx, http.MethodPost, path, query, object, &user)
	case "UPDATE":
		if kind.Kind != r.Kind {
			// Both objects are of the subresource's kind, so the stored one is asked for again.
			answer, err := j.client.do(ctx, http.MethodGet, path, nil, nil, nil)
			if err != nil {
				return nil, err
			}
			full = nil
			if err := json.Unmarshal(answer.body, &full); err != nil {
				return nil, err
			}
			return j.client.do(ctx, http.MethodPut, path, query, complete.Update(kind, full, nil, scaleOnly(r.Object)), &user)
		}
		return j.client.do(ctx, http.MethodPut, path, query, complete.Update(kind, full, withoutIdentity(r.OldObject), withoutIdentity(r.Object)), &user)
	case "DELETE":
		if r.DeleteCollection {
			query.Set("fieldSelector", "metadata.name="+r.Name)
			return j.client.do(ctx, http.MethodDelete, collectionOf(r), query, nil, &user)
		}
		if metadata, _ := full["metadata"].(map[string]any); metadata["deletionTimestamp"] != nil {
			// As a kubelet ends a Pod: a delete that shortens nothing is answered without admission.
			query.Set("gracePeriodSeconds", "0")
		}
		return j.client.do(ctx, http.MethodDelete, path, query, nil, &user)
	case "CONNECT":
		query = url.Values{}
		switch r.Subresource {
		case "exec":
			query = url.Values{"command": {"true"}, "stdout": {"true"}}
		case "attach":
			query = url.Values{"stdout": {"true"}}
		}
		return j.client.do(ctx, http.MethodPost, path, query, nil, &user)
	}
	return nil, fmt.Errorf("unknown operation %q", r.Operation)
}

// scaleOnly leaves out what a Scale does not have.
func scaleOnly(partial map[string]any) map[string]any {
	replicas, found, err := unstructured.NestedFieldNoCopy(partial, "spec", "replicas")
	if !found || err != nil {
		return nil
	}
	return map[string]any{"spec": map[string]any{"replicas": replicas}}
}

// withoutIdentity leaves out what the stored object knows better.
func withoutIdentity(partial map[string]any) map[string]any {
	if partial == nil {
		return nil
	}
	partial = runtime.DeepCopyJSON(partial)
	delete(partial, "apiVersion")
	delete(partial, "kind")
	if metadata, ok := partial["metadata"].(map[string]any); ok {
		for _, field := range []string{"name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"} {
			delete(metadata, field)
		}
	}
	return partial
}

func refusedByPolicy(answer *reply) bool {
	return !answer.ok() && strings.Contains(answer.message(), "ValidatingAdmissionPolicy '")
}

// refusedByWebhook says whether a condition of a webhook could not be evaluated: webhooks themselves refuse nothing here.
func refusedByWebhook(answer *reply) bool {
	return answer.code == http.StatusForbidden && strings.Contains(answer.message(), "no such key")
}

// judge compares an answer with a case, or says why it answers another question.
func judge(c *cases.Case, answer *reply) (problem, skipped string) {
	var warnings []string
	for _, w := range answer.warnings {
		if strings.HasPrefix(w, "Validation failed for ValidatingAdmissionPolicy") {
			warnings = append(warnings, w)
		}
	}
	switch {
	case refusedByPolicy(answer), refusedByWebhook(answer):
		return c.Check(cases.Denied, []string{answer.message()}), ""
	case !answer.ok() && (c.Request.Operation != "CONNECT" || answer.code == http.StatusForbidden):
		// There is nobody to connect to, but any other request that admission lets pass succeeds. Who may not even ask is
		// not answered.
		return "", fmt.Sprintf("the server refuses by itself: %d %s", answer.code, answer.message())
	case len(warnings) > 0:
		return c.Check(cases.Warned, warnings), ""
	case c.Decision.Verdict == cases.Warned && len(c.Decision.Failed) > 0:
		// The warning quotes the expression that fails, and a text of several lines is no header.
		return "", "the server does not show the warning"
	}
	return c.Check(cases.Allowed, nil), ""
}

func isNamespace(r *cases.Request) bool { return r.Resource == "namespaces" && r.Group == "" }

// putNamespace stores a namespace and waits a moment for the caches of the server when it changes.
func (j *Judge) putNamespace(ctx context.Context, name string, partial map[string]any) error {
	object := namespaceObject(name, partial)
	text, err := json.Marshal(object)
	if err != nil {
		return err
	}
	if j.namespaces[name] == string(text) {
		return nil
	}
	if err := j.store.put(ctx, registry+"namespaces/"+name, object); err != nil {
		return err
	}
	j.namespaces[name] = string(text)
	time.Sleep(50 * time.Millisecond)
	return nil
}

func namespaceObject(name string, partial map[string]any) map[string]any {
	object, err := complete.Object(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, "", name, partial)
	if err != nil {
		panic(err)
	}
	metadata := object["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	if labels == nil {
		labels = map[string]any{}
	}
	labels["kubernetes.io/metadata.name"] = name
	metadata["labels"] = labels
	if metadata["uid"] == nil {
		metadata["uid"] = "00000000-0000-0000-0000-000000000000"
	}
	if metadata["deletionTimestamp"] != nil {
		object["status"] = map[string]any{"phase": "Terminating"}
	}
	return object
}

// eventually calls f until it is true, or until the time is up.
func eventually(ctx context.Context, limit time.Duration, f func() (bool, error)) error {
	return every(ctx, 50*time.Millisecond, limit, f)
}

// every is eventually with another time between two calls.
func every(ctx context.Context, interval, limit time.Duration, f func() (bool, error)) error {
	deadline := time.Now().Add(limit)
	for {
		done, err := f()
		if done {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %s (last error: %v)", limit, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(interval):
		}
	}
}
