// Package stage is a cluster on which several people and the control plane act. Kubelets are played, and the
// default scheduler where the cluster does not run it.
package stage

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/evaluator"
	"klock.dev/e2e/live"
	"klock.dev/e2e/resources"
)

// PolicyRefusal is in every refusal of a policy.
const PolicyRefusal = "ValidatingAdmissionPolicy '"

// Stage is a cluster on which several people and the control plane act.
type Stage struct {
	T       *testing.T
	Cluster *cluster.Cluster
	Judge   *live.Judge
	// Admin is an administrator of the cluster as kubeadm makes one. No lock knows it.
	Admin *Actor
	// Shared says that all controllers are one user.
	Shared bool

	defined *defined
}

func New(t *testing.T, c *cluster.Cluster) *Stage {
	t.Helper()
	judge, err := live.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := judge.Anchor(context.Background()); err != nil {
		t.Fatal(err)
	}
	s := &Stage{T: t, Cluster: c, Judge: judge, defined: &defined{
		kinds: map[schema.GroupKind]schema.GroupVersionResource{}, plurals: map[schema.GroupResource]schema.GroupVersionResource{},
	}}
	s.Admin = s.User("kubernetes-admin", "system:masters")
	return s
}

// In is the stage for a subtest.
func (s *Stage) In(t *testing.T) *Stage {
	inner := &Stage{T: t, Cluster: s.Cluster, Judge: s.Judge, Shared: s.Shared, defined: s.defined}
	inner.Admin = inner.User("kubernetes-admin", "system:masters")
	return inner
}

// Apply makes the objects of a manifest and waits until its policies act.
func (s *Stage) Apply(manifest []byte) {
	s.T.Helper()
	if err := s.Judge.Apply(context.Background(), manifest); err != nil {
		s.T.Fatal(err)
	}
}

// Remove takes them away again and waits until none of the policies acts.
func (s *Stage) Remove(manifest []byte) {
	s.T.Helper()
	if err := s.Judge.Remove(context.Background(), manifest); err != nil {
		s.T.Fatal(err)
	}
}

// Actor is somebody who asks.
type Actor struct {
	Config  *rest.Config
	Typed   kubernetes.Interface
	Dynamic dynamic.Interface

	s    *Stage
	name string
}

// User has no other rights than those of its groups.
func (s *Stage) User(name string, groups ...string) *Actor {
	return s.Holder(name, s.Cluster.As(rest.ImpersonationConfig{UserName: name, Groups: append(groups, "system:authenticated")}))
}

// Holder asks with credentials.
func (s *Stage) Holder(name string, config *rest.Config) *Actor {
	return &Actor{Config: config, Typed: kubernetes.NewForConfigOrDie(config), Dynamic: dynamic.NewForConfigOrDie(config), s: s, name: name}
}

func (s *Stage) Account(namespace, name string, groups ...string) *Actor {
	return s.User("system:serviceaccount:"+namespace+":"+name, append(groups, "system:serviceaccounts", "system:serviceaccounts:"+namespace)...)
}

// Bound has a token of the account that is bound to a pod.
func (s *Stage) Bound(namespace, name, pod string, groups ...string) *Actor {
	account := s.Account(namespace, name, groups...)
	account.Config.Impersonate.Extra = map[string][]string{"authentication.kubernetes.io/pod-name": {pod}}
	return s.Holder(account.name, account.Config)
}

// Node is a kubelet, with more rights than the node authorizer would give it unless there is one.
func (s *Stage) Node(name string) *Actor {
	groups := []string{"system:nodes"}
	if !s.Cluster.Options().NodeAuthorizer {
		groups = append(groups, cluster.Testers)
	}
	return s.User("system:node:"+name, groups...)
}

// At is an object's place: "deployments.apps shop/web", "nodes n1", with "/scale" after the name for a subresource.
type At string

// Find is the client for a place, with the names of the object and of the subresource there.
func (a *Actor) Find(place At) (dynamic.ResourceInterface, string, []string) {
	what, where, _ := strings.Cut(string(place), " ")
	resource, group, _ := strings.Cut(what, ".")
	gvr := schema.GroupVersionResource{Group: group, Resource: resource, Version: "v1"}
	if versions := resources.Versions(gvr.GroupResource()); len(versions) > 0 {
		gvr.Version = versions[0]
	}
	namespaced := strings.HasSuffix(gvr.Group, ".example.com")
	if custom, ok := a.s.defined.plurals[gvr.GroupResource()]; ok {
		gvr, namespaced = custom, true
	}
	for _, r := range resources.All() {
		if r.Plural == resource && r.Group == group {
			namespaced = r.Namespaced
		}
	}
	client := a.Dynamic.Resource(gvr)
	parts := strings.Split(where, "/")
	if !namespaced {
		return client, parts[0], parts[1:]
	}
	if len(parts) == 1 {
		return client.Namespace(parts[0]), "", nil
	}
	return client.Namespace(parts[0]), parts[1], parts[2:]
}

func (a *Actor) Create(text string) error {
	objects, err := evaluator.Objects([]byte(text))
	if err != nil {
		return err
	}
	for _, object := range objects {
		if _, err := a.clientOf(object).Create(context.Background(), object, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// Patch merges the patch into an object.
func (a *Actor) Patch(place At, patch string) error {
	client, name, sub := a.Find(place)
	_, err := client.Patch(context.Background(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, sub...)
	return err
}

func (a *Actor) Remove(place At) error {
	client, name, sub := a.Find(place)
	return client.Delete(context.Background(), name, metav1.DeleteOptions{}, sub...)
}

// Get is an object that must be there.
func (a *Actor) Get(place At) *unstructured.Unstructured {
	a.s.T.Helper()
	client, name, sub := a.Find(place)
	object, err := client.Get(context.Background(), name, metav1.GetOptions{}, sub...)
	if err != nil {
		a.s.T.Fatalf("%s: %v", place, err)
	}
	return object
}

// Count is the number of objects with the labels at "pods shop".
func (a *Actor) Count(place At, selector string) int {
	a.s.T.Helper()
	client, _, _ := a.Find(place)
	list, err := client.List(context.Background(), metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		a.s.T.Fatalf("%s: %v", place, err)
	}
	return len(list.Items)
}

// First is the name of an object with the labels.
func (a *Actor) First(place At, selector string) string {
	a.s.T.Helper()
	client, _, _ := a.Find(place)
	list, err := client.List(context.Background(), metav1.ListOptions{LabelSelector: selector})
	if err != nil || len(list.Items) == 0 {
		a.s.T.Fatalf("%s: nothing found, error %v", place, err)
	}
	return list.Items[0].GetName()
}

func (a *Actor) Exists(place At) bool {
	a.s.T.Helper()
	client, name, _ := a.Find(place)
	_, err := client.Get(context.Background(), name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		a.s.T.Fatalf("%s: %v", place, err)
	}
	return err == nil
}

// Allowed fails unless the request succeeds. It is asked again while somebody else writes, or while RBAC's caches are
// behind.
func (s *Stage) Allowed(what string, request func() error) {
	s.T.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := request()
		if err == nil {
			return
		}
		behind := apierrors.IsConflict(err) || apierrors.IsForbidden(err) && !strings.Contains(err.Error(), PolicyRefusal)
		if !behind || time.Now().After(deadline) {
			s.T.Fatalf("%s: %v", what, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Refused fails unless the lock refuses.
func (s *Stage) Refused(lock, what string, err error) {
	s.T.Helper()
	if err == nil || !strings.Contains(err.Error(), PolicyRefusal) || !strings.Contains(err.Error(), "(lock "+lock+" of policy ") {
		s.T.Errorf("the lock %s does not refuse: %s: %v", lock, what, err)
	}
}

// Namespace makes one, unless it is there, and waits until pods can be made in it.
func (s *Stage) Namespace(name, labels string) {
	s.T.Helper()
	text := fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {%s}}}", name, labels)
	if err := s.Admin.Create(text); err != nil && !apierrors.IsAlreadyExists(err) {
		s.T.Fatal(err)
	}
	s.Until("the namespace has its ServiceAccount", func() bool { return s.Admin.Exists(At("serviceaccounts " + name + "/default")) })
}

// RemoveNamespace shows that a namespace goes to its end.
func (s *Stage) RemoveNamespace(name string) {
	s.T.Helper()
	s.RemoveNamespaceAs(s.Admin, name)
}

func (s *Stage) RemoveNamespaceAs(who *Actor, name string) {
	s.T.Helper()
	s.Allowed(who.name+" deletes the namespace", func() error { return who.Remove(At("namespaces " + name)) })
	s.Until("the namespace "+name+" is gone", func() bool { return !s.Admin.Exists(At("namespaces " + name)) })
}

// Clear takes off what a life has left, however it ended: the policies of its manifest, and the namespaces that are neither the
// server's own nor the judge's. The next life finds the stage as this one did.
func (s *Stage) Clear(manifest []byte) {
	s.T.Helper()
	s.Remove(manifest)
	left := func() (names []string) {
		list, err := s.Admin.Typed.CoreV1().Namespaces().List(context.Background(), metav1.ListOptions{})
		if err != nil {
			s.T.Fatal(err)
		}
		for _, namespace := range list.Items {
			keep := namespace.Name == metav1.NamespaceDefault || namespace.Name == live.ProbeNamespace
			if !keep && !strings.HasPrefix(namespace.Name, "kube-") {
				names = append(names, namespace.Name)
			}
		}
		return names
	}
	for _, name := range left() {
		if err := s.Admin.Remove(At("namespaces " + name)); err != nil && !apierrors.IsConflict(err) {
			s.T.Errorf("the namespace %s is deleted: %v", name, err)
		}
	}
	s.Until("the namespaces are gone", func() bool { return len(left()) == 0 })
}

// ControllerRefusals are the lines, after the offset, in which a controller complains about a policy.
func (s *Stage) ControllerRefusals(offset int) (lines []string, end int) {
	s.T.Helper()
	log, err := s.Cluster.Log("kube-controller-manager")
	if err != nil {
		s.T.Fatal(err)
	}
	for line := range bytes.Lines(log[offset:]) {
		if bytes.Contains(line, []byte(PolicyRefusal)) {
			lines = append(lines, string(bytes.TrimSpace(line)))
		}
	}
	return lines, len(log)
}
