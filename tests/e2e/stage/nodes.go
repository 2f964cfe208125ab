package stage

import (
	"context"
	"strings"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
)

// ByHand is the annotation of pods that the kubelets do not end by themselves: those of Jobs.
const ByHand = "e2e.klock.dev/by-hand"

// Nodes stands in for the kubelets, and for the default scheduler where the cluster does not run it, with their names: it binds pods, runs
// them and ends them. What a policy refuses it is an error.
type Nodes struct {
	// scheduler puts everything on n1.
	scheduler *Actor
	stage     *Stage
	mutex     sync.Mutex
	refusals  []string
	// kubelets are those of the nodes that had something to do so far.
	kubelets map[string]*Actor
	// joined ends the heartbeats of nodes. It is nil for those that are lost.
	joined map[string]context.CancelFunc
}

// StartNodes lets pods go their way until the context ends.
func (s *Stage) StartNodes(ctx context.Context) *Nodes {
	s.T.Helper()
	n := &Nodes{stage: s, kubelets: map[string]*Actor{}, joined: map[string]context.CancelFunc{}}
	if s.Cluster.Options().Scheduler != corev1.DefaultSchedulerName {
		n.scheduler = s.User("system:kube-scheduler")
	}
	pods := informers.NewSharedInformerFactory(s.Admin.Typed, 0).Core().V1().Pods().Informer()
	go pods.RunWithContext(ctx)
	go func() {
		for ctx.Err() == nil {
			for _, object := range pods.GetStore().List() {
				n.look(ctx, object.(*corev1.Pod))
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	return n
}

// look takes a pod one step on where there is something to do. What is known of it may be old, so it is asked for then.
func (n *Nodes) look(ctx context.Context, known *corev1.Pod) {
	if n.step(known) == nil {
		return
	}
	pod, err := n.stage.Admin.Typed.CoreV1().Pods(known.Namespace).Get(ctx, known.Name, metav1.GetOptions{})
	if err != nil {
		return
	}
	if step := n.step(pod); step != nil {
		n.note(step(ctx))
	}
}

// step is the next that is to be done with a pod, nil if there is none.
func (n *Nodes) step(pod *corev1.Pod) func(ctx context.Context) error {
	if pod.Spec.NodeName == "" {
		if n.scheduler == nil || pod.DeletionTimestamp != nil || pod.Spec.SchedulerName != corev1.DefaultSchedulerName {
			return nil
		}
		return func(ctx context.Context) error { return n.schedule(ctx, pod) }
	}
	if n.lost(pod.Spec.NodeName) {
		return nil
	}
	if n.kubelets[pod.Spec.NodeName] == nil {
		n.kubelets[pod.Spec.NodeName] = n.stage.Node(pod.Spec.NodeName)
	}
	pods := n.kubelets[pod.Spec.NodeName].Typed.CoreV1().Pods(pod.Namespace)
	patch := func(status string) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			_, err := pods.Patch(ctx, pod.Name, types.MergePatchType, []byte(status), metav1.PatchOptions{}, "status")
			return err
		}
	}
	ready := len(pod.Status.Conditions) > 0 && pod.Status.Phase == corev1.PodRunning
	switch {
	case pod.DeletionTimestamp != nil:
		return func(ctx context.Context) error {
			return pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0)), Preconditions: &metav1.Preconditions{UID: &pod.UID}})
		}
	case pod.Labels["batch.kubernetes.io/job-name"] != "" && pod.Annotations[ByHand] == "" && pod.Status.Phase != corev1.PodSucceeded:
		return patch(Succeeded)
	case pod.Status.Phase == corev1.PodPending && !ready:
		return patch(running)
	}
	return nil
}

// running is the patch of the status of a pod that has begun.
const running = `{"status":{"phase":"Running","podIP":"10.1.2.3","podIPs":[{"ip":"10.1.2.3"}],"conditions":[{"type":"Ready","status":"True"}]}}`

// Succeeded is the patch of the status of a pod that ends well.
const Succeeded = `{"status":{"phase":"Succeeded","containerStatuses":[{"name":"c","image":"i","imageID":"","ready":false,"restartCount":0,"state":{"terminated":{"exitCode":0}}}]}}`

// schedule plays the scheduler.
func (n *Nodes) schedule(ctx context.Context, pod *corev1.Pod) error {
	return n.scheduler.Typed.CoreV1().Pods(pod.Namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: nodeFor(pod)},
	}, metav1.CreateOptions{})
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

func (n *Nodes) note(err error) {
	if err == nil || !strings.Contains(err.Error(), PolicyRefusal) {
		return
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.refusals = append(n.refusals, err.Error())
}

// TakeRefusals are those since it was last asked for them.
func (n *Nodes) TakeRefusals() []string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	taken := n.refusals
	n.refusals = nil
	return taken
}

// Join lets a kubelet make its node and what goes with it, and keeps it alive until it is lost.
func (n *Nodes) Join(ctx context.Context, name string, taints ...corev1.Taint) error {
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("99"), corev1.ResourceMemory: resource.MustParse("99Gi"), corev1.ResourcePods: resource.MustParse("999"),
	}
	_, err := n.stage.Node(name).Typed.CoreV1().Nodes().Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:   name,
			Labels: map[string]string{corev1.LabelHostname: name},
			// Volumes are attached by the control plane.
			Annotations: map[string]string{"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
		},
		Spec: corev1.NodeSpec{Taints: taints},
		Status: corev1.NodeStatus{
			Capacity: room, Allocatable: room,
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now()}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err := n.stage.Node(name).Typed.StorageV1().CSINodes().Create(ctx, &storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	n.mutex.Lock()
	n.joined[name] = cancel
	n.mutex.Unlock()
	n.stage.Heartbeat(ctx, name, time.Second)
	return nil
}

// Lose ends everything that the kubelet of a node does.
func (n *Nodes) Lose(name string) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.joined[name]()
	n.joined[name] = nil
}

func (n *Nodes) lost(name string) bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	cancel, joined := n.joined[name]
	return joined && cancel == nil
}

// Heartbeat renews the Lease of a node, as kubelets do, until the context ends.
func (s *Stage) Heartbeat(ctx context.Context, node string, every time.Duration) {
	leases := s.Node(node).Typed.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for ctx.Err() == nil {
			// What fails now succeeds with the next beat: the namespace is there soon after the start of an API server.
			_ = beat(ctx, leases, node)
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	}()
}

func beat(ctx context.Context, leases coordinationclient.LeaseInterface, node string) error {
	lease, err := leases.Get(ctx, node, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err := leases.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: node},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &node, LeaseDurationSeconds: new(int32(40)), RenewTime: new(metav1.NowMicro())},
		}, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	lease.Spec.RenewTime = new(metav1.NowMicro())
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}
