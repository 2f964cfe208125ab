package e2e

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
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

const policyRefusal = "ValidatingAdmissionPolicy '"

// stage is a cluster on which several people and the control plane act.
type stage struct {
	t     *testing.T
	c     *cluster.Cluster
	judge *live.Judge
	admin *actor
	// shared says that all controllers are one user.
	shared bool
}

func newStage(t *testing.T, c *cluster.Cluster) *stage {
	t.Helper()
	judge, err := live.New(c)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, c: c, judge: judge}
	// An administrator of the cluster as kubeadm makes one. No lock knows it.
	s.admin = s.user("kubernetes-admin", "system:masters")
	return s
}

// in is the stage for a subtest.
func (s *stage) in(t *testing.T) *stage {
	inner := &stage{t: t, c: s.c, judge: s.judge, shared: s.shared}
	inner.admin = inner.user("kubernetes-admin", "system:masters")
	return inner
}

func (s *stage) apply(manifest []byte) {
	s.t.Helper()
	if err := s.judge.Apply(context.Background(), manifest); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) remove(manifest []byte) {
	s.t.Helper()
	if err := s.judge.Remove(context.Background(), manifest); err != nil {
		s.t.Fatal(err)
	}
}

// actor is somebody who asks.
type actor struct {
	s       *stage
	name    string
	config  *rest.Config
	typed   kubernetes.Interface
	dynamic dynamic.Interface
}

// user has no other rights than those of its groups.
func (s *stage) user(name string, groups ...string) *actor {
	return s.holder(name, s.c.As(rest.ImpersonationConfig{UserName: name, Groups: append(groups, "system:authenticated")}))
}

// holder asks with credentials.
func (s *stage) holder(name string, config *rest.Config) *actor {
	return &actor{s: s, name: name, config: config, typed: kubernetes.NewForConfigOrDie(config), dynamic: dynamic.NewForConfigOrDie(config)}
}

func (s *stage) account(namespace, name string, groups ...string) *actor {
	return s.user("system:serviceaccount:"+namespace+":"+name, append(groups, "system:serviceaccounts", "system:serviceaccounts:"+namespace)...)
}

// node is a kubelet, with more rights than the node authorizer would give it.
func (s *stage) node(name string) *actor {
	return s.user("system:node:"+name, "system:nodes", cluster.Testers)
}

// at is an object's place: "deployments.apps shop/web", "nodes n1", with "/scale" after the name for a subresource.
type at string

func (a *actor) find(place at) (dynamic.ResourceInterface, string, []string) {
	what, where, _ := strings.Cut(string(place), " ")
	resource, group, _ := strings.Cut(what, ".")
	gvr := schema.GroupVersionResource{Group: group, Resource: resource, Version: "v1"}
	if versions := resources.Versions(gvr.GroupResource()); len(versions) > 0 {
		gvr.Version = versions[0]
	}
	namespaced := strings.HasSuffix(gvr.Group, ".example.com")
	for _, r := range resources.All() {
		if r.Plural == resource && r.Group == group {
			namespaced = r.Namespaced
		}
	}
	client := a.dynamic.Resource(gvr)
	parts := strings.Split(where, "/")
	if !namespaced {
		return client, parts[0], parts[1:]
	}
	if len(parts) == 1 {
		return client.Namespace(parts[0]), "", nil
	}
	return client.Namespace(parts[0]), parts[1], parts[2:]
}

func (a *actor) create(text string) error {
	objects, err := evaluator.Objects([]byte(text))
	if err != nil {
		return err
	}
	for _, object := range objects {
		kind := object.GroupVersionKind()
		plural := resources.Plural(kind.GroupKind())
		if plural == "" {
			plural = strings.ToLower(kind.Kind) + "s"
		}
		var client dynamic.ResourceInterface = a.dynamic.Resource(kind.GroupVersion().WithResource(plural))
		if object.GetNamespace() != "" {
			client = a.dynamic.Resource(kind.GroupVersion().WithResource(plural)).Namespace(object.GetNamespace())
		}
		if _, err := client.Create(context.Background(), object, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func (a *actor) patch(place at, patch string) error {
	client, name, sub := a.find(place)
	_, err := client.Patch(context.Background(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, sub...)
	return err
}

func (a *actor) remove(place at) error {
	client, name, sub := a.find(place)
	return client.Delete(context.Background(), name, metav1.DeleteOptions{}, sub...)
}

func (a *actor) get(place at) *unstructured.Unstructured {
	a.s.t.Helper()
	client, name, sub := a.find(place)
	object, err := client.Get(context.Background(), name, metav1.GetOptions{}, sub...)
	if err != nil {
		a.s.t.Fatalf("%s: %v", place, err)
	}
	return object
}

// count is the number of objects with the labels at "pods shop".
func (a *actor) count(place at, selector string) int {
	a.s.t.Helper()
	client, _, _ := a.find(place)
	list, err := client.List(context.Background(), metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		a.s.t.Fatalf("%s: %v", place, err)
	}
	return len(list.Items)
}

// first is the name of an object with the labels.
func (a *actor) first(place at, selector string) string {
	a.s.t.Helper()
	client, _, _ := a.find(place)
	list, err := client.List(context.Background(), metav1.ListOptions{LabelSelector: selector})
	if err != nil || len(list.Items) == 0 {
		a.s.t.Fatalf("%s: nothing found, error %v", place, err)
	}
	return list.Items[0].GetName()
}

func (a *actor) exists(place at) bool {
	a.s.t.Helper()
	client, name, _ := a.find(place)
	_, err := client.Get(context.Background(), name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		a.s.t.Fatalf("%s: %v", place, err)
	}
	return err == nil
}

// allowed fails unless the request succeeds. It is asked again while somebody else writes, or while RBAC's caches are
// behind.
func (s *stage) allowed(what string, request func() error) {
	s.t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := request()
		if err == nil {
			return
		}
		behind := apierrors.IsConflict(err) || apierrors.IsForbidden(err) && !strings.Contains(err.Error(), policyRefusal)
		if !behind || time.Now().After(deadline) {
			s.t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// refused fails unless the lock refuses.
func (s *stage) refused(lock, what string, err error) {
	s.t.Helper()
	if err == nil || !strings.Contains(err.Error(), policyRefusal) || !strings.Contains(err.Error(), "(lock "+lock+" of policy ") {
		s.t.Errorf("the lock %s does not refuse: %s: %v", lock, what, err)
	}
}

func (s *stage) until(what string, condition func() bool) {
	s.t.Helper()
	until(s.t, what, condition)
}

func (s *stage) namespace(name, labels string) {
	s.t.Helper()
	text := fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {%s}}}", name, labels)
	if err := s.admin.create(text); err != nil && !apierrors.IsAlreadyExists(err) {
		s.t.Fatal(err)
	}
	s.until("the namespace has its ServiceAccount", func() bool { return s.admin.exists(at("serviceaccounts " + name + "/default")) })
}

// removeNamespace shows that a namespace goes to its end.
func (s *stage) removeNamespace(name string) {
	s.t.Helper()
	s.removeNamespaceAs(s.admin, name)
}

func (s *stage) removeNamespaceAs(who *actor, name string) {
	s.t.Helper()
	s.allowed(who.name+" deletes the namespace", func() error { return who.remove(at("namespaces " + name)) })
	s.until("the namespace "+name+" is gone", func() bool { return !s.admin.exists(at("namespaces " + name)) })
}

// nodes stands in for the scheduler and the kubelets, with their names: it binds pods, runs them and ends them. What a
// policy refuses it is an error.
type nodes struct {
	scheduler *actor
	// kubelet is that of n1, on which the scheduler puts everything.
	kubelet  *actor
	mutex    sync.Mutex
	refusals []string
}

func (s *stage) startNodes(ctx context.Context) *nodes {
	s.t.Helper()
	n := &nodes{scheduler: s.user("system:kube-scheduler"), kubelet: s.node("n1")}
	go func() {
		for ctx.Err() == nil {
			list, err := n.kubelet.typed.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
			if err == nil {
				for i := range list.Items {
					n.note(n.move(ctx, &list.Items[i]))
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	return n
}

// move takes a pod one step on.
func (n *nodes) move(ctx context.Context, pod *corev1.Pod) error {
	kubelet := n.kubelet
	if pod.Spec.NodeName != "" && pod.Spec.NodeName != "n1" {
		kubelet = kubelet.s.node(pod.Spec.NodeName)
	}
	pods := kubelet.typed.CoreV1().Pods(pod.Namespace)
	ready := len(pod.Status.Conditions) > 0 && pod.Status.Phase == corev1.PodRunning
	switch {
	case pod.DeletionTimestamp != nil && pod.Spec.NodeName != "":
		return pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0)), Preconditions: &metav1.Preconditions{UID: &pod.UID}})
	case pod.Spec.NodeName == "" && pod.Spec.SchedulerName != corev1.DefaultSchedulerName:
		return nil
	case pod.DeletionTimestamp == nil && pod.Spec.NodeName == "":
		return n.scheduler.typed.CoreV1().Pods(pod.Namespace).Bind(ctx, &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID},
			Target:     corev1.ObjectReference{Kind: "Node", Name: nodeFor(pod)},
		}, metav1.CreateOptions{})
	case pod.Labels["batch.kubernetes.io/job-name"] != "" && pod.Status.Phase != corev1.PodSucceeded:
		_, err := pods.Patch(ctx, pod.Name, types.MergePatchType, []byte(`{"status":{"phase":"Succeeded","containerStatuses":[{"name":"c","image":"i","imageID":"","ready":false,"restartCount":0,"state":{"terminated":{"exitCode":0}}}]}}`), metav1.PatchOptions{}, "status")
		return err
	case pod.Status.Phase == corev1.PodPending && !ready && pod.DeletionTimestamp == nil:
		_, err := pods.Patch(ctx, pod.Name, types.MergePatchType, []byte(`{"status":{"phase":"Running","podIP":"10.1.2.3","podIPs":[{"ip":"10.1.2.3"}],"conditions":[{"type":"Ready","status":"True"}]}}`), metav1.PatchOptions{}, "status")
		return err
	}
	return nil
}

// nodeFor is n1, but a DaemonSet has a node for each of its pods, and replaces those that are elsewhere.
func nodeFor(pod *corev1.Pod) string {
	if a := pod.Spec.Affinity; a != nil && a.NodeAffinity != nil && a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		for _, term := range a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
			for _, field := range term.MatchFields {
				return field.Values[0]
			}
		}
	}
	return "n1"
}

func (n *nodes) note(err error) {
	if err == nil || !strings.Contains(err.Error(), policyRefusal) {
		return
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.refusals = append(n.refusals, err.Error())
}

func (n *nodes) takeRefusals() []string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	taken := n.refusals
	n.refusals = nil
	return taken
}

// controllerRefusals are the lines, after the offset, in which a controller complains about a policy.
func (s *stage) controllerRefusals(offset int) (lines []string, end int) {
	s.t.Helper()
	log, err := s.c.Log("kube-controller-manager")
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range bytes.Lines(log[offset:]) {
		if bytes.Contains(line, []byte(policyRefusal)) {
			lines = append(lines, string(bytes.TrimSpace(line)))
		}
	}
	return lines, len(log)
}
