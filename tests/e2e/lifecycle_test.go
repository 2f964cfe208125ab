package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/live"
	"klock.dev/e2e/stage"
)

// renderings are the hand-written manifest of a policy in testdata and, when there is a klockc, the one that it prints.
func renderings(t *testing.T, name string, compile ...string) map[string][]byte {
	t.Helper()
	dir := filepath.Join(cluster.Root(), "tests", "e2e", "testdata")
	byHand, err := os.ReadFile(filepath.Join(dir, name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	manifests := map[string][]byte{"reference": byHand}
	if _, err := os.Stat(cases.Klockc()); errors.Is(err, os.ErrNotExist) {
		t.Logf("no klockc at %s: only the hand-written manifest is tested", cases.Klockc())
		return manifests
	}
	if manifests["klockc"], _, err = cases.Compile(append(compile, filepath.Join(dir, name+".klock"))...); err != nil {
		t.Fatal(err)
	}
	return manifests
}

// TestLifecycle shows that locked objects live and die as their controllers want while nobody else may touch them.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	for name, manifest := range renderings(t, "lifecycle") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cluster.ForTest(t, cluster.Options{ControllerManager: true})
			testLifecycle(t, c, manifest)
		})
	}
}

func testLifecycle(t *testing.T, c *cluster.Cluster, manifest []byte) {
	const namespace = "lifecycle"
	ctx := context.Background()
	admin := kubernetes.NewForConfigOrDie(c.Config)
	owner := kubernetes.NewForConfigOrDie(c.As(rest.ImpersonationConfig{UserName: "owner", Groups: []string{cluster.Testers}}))
	pods := func() int {
		list, err := admin.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return len(list.Items)
	}
	replicaSets := func() int {
		list, err := admin.AppsV1().ReplicaSets(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return len(list.Items)
	}

	if _, err := admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := live.Apply(ctx, c, manifest); err != nil {
		t.Fatal(err)
	}
	stage.Until(t, "the namespace has its ServiceAccount", func() bool {
		_, err := admin.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{})
		return err == nil
	})

	deploy(t, admin, namespace)
	stage.Until(t, "the Deployment rolls out", func() bool { return pods() == 3 })
	err := admin.AppsV1().Deployments(namespace).Delete(ctx, "web", metav1.DeleteOptions{})
	if err == nil || !strings.Contains(err.Error(), "ValidatingAdmissionPolicy '") {
		t.Fatalf("the administrator deletes the locked Deployment: %v", err)
	}

	update(t, owner, namespace, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "registry.example/image:2" })
	stage.Until(t, "a second ReplicaSet appears", func() bool { return replicaSets() == 2 })
	update(t, owner, namespace, func(d *appsv1.Deployment) { d.Spec.Replicas = new(int32(1)) })
	stage.Until(t, "the Deployment scales down", func() bool {
		d, err := admin.AppsV1().Deployments(namespace).Get(ctx, "web", metav1.GetOptions{})
		return err == nil && d.Status.ObservedGeneration == d.Generation && pods() <= 2
	})

	if err := owner.AppsV1().Deployments(namespace).Delete(ctx, "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	stage.Until(t, "what the Deployment owned is collected", func() bool { return pods() == 0 && replicaSets() == 0 })

	deploy(t, admin, namespace)
	stage.Until(t, "the Deployment rolls out again", func() bool { return pods() == 3 })
	if err := admin.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	stage.Until(t, "the namespace is gone", func() bool {
		_, err := admin.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

func deploy(t *testing.T, client kubernetes.Interface, namespace string) {
	t.Helper()
	labels := map[string]string{"app": "locked"}
	_, err := client.AppsV1().Deployments(namespace).Create(context.Background(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(3)),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "registry.example/image:1"}}},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// update repeats a change for as long as a controller writes in between.
func update(t *testing.T, client kubernetes.Interface, namespace string, change func(*appsv1.Deployment)) {
	t.Helper()
	ctx := context.Background()
	stage.Until(t, "the owner changes the Deployment", func() bool {
		d, err := client.AppsV1().Deployments(namespace).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		change(d)
		_, err = client.AppsV1().Deployments(namespace).Update(ctx, d, metav1.UpdateOptions{})
		if err != nil && !apierrors.IsConflict(err) {
			t.Fatal(err)
		}
		return err == nil
	})
}
