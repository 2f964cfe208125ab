package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/yaml"

	"klock.dev/e2e/cluster"
)

const (
	shop     = "app.kubernetes.io/part-of: shop"
	ofShop   = "app.kubernetes.io/part-of=shop"
	shopName = "workloads"
)

// What the platform team makes in its namespace. The autoscaler wants more pods than the Deployment has, which needs no
// metrics; the Job and those of the CronJob are taken away when they have ended.
const shopWorkloads = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: workloads, labels: {` + shop + `}}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: 4, maxReplicas: 6}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: workloads, labels: {` + shop + `}}
spec:
  replicas: 3
  serviceName: db
  selector: {matchLabels: {run: db}}
  template:
    metadata: {labels: {run: db, ` + shop + `}}
    spec: {containers: [{name: c, image: "registry.example/image:1"}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: workloads, labels: {` + shop + `}}
spec:
  ttlSecondsAfterFinished: 1
  template:
    metadata: {labels: {` + shop + `}}
    spec: {restartPolicy: Never, containers: [{name: c, image: i}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: often, namespace: workloads, labels: {` + shop + `}}
spec:
  schedule: "* * * * *"
  successfulJobsHistoryLimit: 0
  jobTemplate:
    metadata: {labels: {` + shop + `, run: often}}
    spec:
      template:
        metadata: {labels: {` + shop + `}}
        spec: {restartPolicy: Never, containers: [{name: c, image: i}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: workloads, labels: {` + shop + `}}
spec:
  selector: {matchLabels: {run: agent}}
  template:
    metadata: {labels: {run: agent, ` + shop + `}}
    spec: {containers: [{name: c, image: i}]}
`

// Whatever the platform team asks for, the controllers do with locked objects, and nobody else may ask for it.
func liveWithWorkloads(s *stage, manifest []byte) {
	s.namespace(shopName, "")
	s.apply(manifest)
	platform := s.user("paula", "platform-team", cluster.Testers)
	const web, db = at("deployments.apps workloads/web"), at("statefulsets.apps workloads/db")
	gone := s.watchPods(shopName)

	s.allowed("the platform team makes its workloads", func() error { return platform.create(deployment(shopName, shop, shop)) })
	s.allowed("the platform team makes its workloads", func() error { return platform.create(shopWorkloads) })
	s.until("the autoscaler scales up", s.rolledOut(shopName, 4))
	s.until("the StatefulSet has its pods", s.readyOf(db, "run=db", 3))
	s.until("the DaemonSet has its pod", func() bool { return s.admin.count("pods workloads", "run=agent") == 1 })
	s.until("the Job ends and is taken away", func() bool { return !s.admin.exists("jobs.batch workloads/once") })

	s.refused("locked", "scale the Deployment", s.admin.patch(web+"/scale", `{"spec":{"replicas":1}}`))
	s.refused("locked", "change the Deployment", s.admin.patch(web, newImage))
	s.refused("locked", "delete the StatefulSet", s.admin.remove(db))
	s.refused("locked", "scale the StatefulSet", s.admin.patch(db+"/scale", `{"spec":{"replicas":1}}`))
	s.refused("locked", "suspend the CronJob", s.admin.patch("cronjobs.batch workloads/often", `{"spec":{"suspend":true}}`))
	if out, err := s.drain("kubernetes-admin", "system:masters"); err == nil || !strings.Contains(out, "(lock locked of policy workloads") {
		s.t.Errorf("the administrator drains the node: %v\n%s", err, out)
	}

	s.allowed("a new image rolls out", func() error { return platform.patch(web, newImage) })
	s.until("the rollout ends", s.rolledOut(shopName, 4))
	s.allowed("the StatefulSet is scaled down", func() error { return platform.patch(db+"/scale", `{"spec":{"replicas":1}}`) })
	s.until("it is scaled down", s.readyOf(db, "run=db", 1))
	s.until("its pods end in their order", func() bool { return slices.Equal(gone("db-"), []string{"db-2", "db-1"}) })
	s.allowed("a new image of the StatefulSet rolls out", func() error { return platform.patch(db, newImage) })
	s.until("the pod is replaced", func() bool { return len(gone("db-")) == 3 && s.readyOf(db, "run=db", 1)() })

	before := s.admin.first("pods workloads", "run=web")
	if out, err := s.drain("paula", "platform-team", cluster.Testers); err != nil {
		s.t.Errorf("the platform team drains the node: %v\n%s", err, out)
	}
	if s.admin.exists(at("pods workloads/" + before)) {
		s.t.Errorf("the pod %s is still there when the node is drained", before)
	}
	s.until("the evicted pods are replaced", func() bool { return s.rolledOut(shopName, 4)() && s.readyOf(db, "run=db", 1)() })

	for _, propagation := range []metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationForeground} {
		s.allowed("the Deployment is deleted, "+string(propagation), func() error {
			return platform.typed.AppsV1().Deployments(shopName).Delete(context.Background(), "web", metav1.DeleteOptions{PropagationPolicy: &propagation})
		})
		s.until("the Deployment and what it owned are collected, "+string(propagation), func() bool { return !s.admin.exists(web) && s.collected(shopName)() })
		s.allowed("it is made again", func() error { return platform.create(deployment(shopName, shop, shop)) })
		s.until("it rolls out again", s.rolledOut(shopName, 4))
	}
	s.owned("ConfigMap", shopName, "settings", shop)
	s.outlives("settings", "workloads", "configmaps workloads/settings")
	s.allowed("the platform team deletes the settings", func() error { return platform.remove("configmaps workloads/settings") })
	s.adopts(platform)

	s.until("a Job of the CronJob has come and is taken away", func() bool {
		status, _ := s.admin.get("cronjobs.batch workloads/often").Object["status"].(map[string]any)
		return status["lastSuccessfulTime"] != nil && s.admin.count("jobs.batch workloads", "run=often") == 0
	})
	s.refused("locked", "delete the namespace", s.admin.remove("namespaces workloads"))
	s.removeNamespaceAs(platform, "workloads")
}

// adopts shows that `guard owners` keeps controllers from pods that are there, since they could delete them then: whoever
// makes a StatefulSet anew hands its pods over.
func (s *stage) adopts(platform *actor) {
	s.t.Helper()
	lines, _ := s.controllerRefusals(0)
	for _, line := range lines {
		if isAdoption(line) {
			s.t.Errorf("a controller is refused: %s", line)
		}
	}
	const db, pod = at("statefulsets.apps workloads/db"), at("pods workloads/db-0")
	orphan := metav1.DeletePropagationOrphan
	set := s.admin.get(db)
	s.allowed("the StatefulSet is deleted without its pods", func() error {
		return platform.typed.AppsV1().StatefulSets(shopName).Delete(context.Background(), "db", metav1.DeleteOptions{PropagationPolicy: &orphan})
	})
	s.until("it is gone and its pod is not", func() bool {
		return !s.admin.exists(db) && len(s.admin.get(pod).GetOwnerReferences()) == 0
	})
	again := set.DeepCopy()
	again.SetUID("")
	again.SetResourceVersion("")
	text, err := yaml.Marshal(again)
	if err != nil {
		s.t.Fatal(err)
	}
	s.allowed("it is made again", func() error { return platform.create(string(text)) })
	if s.shared {
		// The garbage collector may write to any object, and here every controller has its name.
		s.until("the StatefulSet has its pod", s.readyOf(db, "run=db", 1))
		return
	}
	s.until("its controller may not adopt the pod", func() bool {
		lines, _ := s.controllerRefusals(0)
		return slices.ContainsFunc(lines, isAdoption)
	})
	s.allowed("the platform team hands it over", func() error {
		return platform.patch(pod, fmt.Sprintf(`{"metadata":{"ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"db","uid":%q,"controller":true,"blockOwnerDeletion":true}]}}`, s.admin.get(db).GetUID()))
	})
	s.until("the StatefulSet has its pod", s.readyOf(db, "run=db", 1))
}

func isAdoption(line string) bool {
	return strings.Contains(line, "rror syncing StatefulSet") && strings.Contains(line, "(lock locked of policy workloads")
}

// readyOf says whether a StatefulSet has so many pods, all of them the newest and ready.
func (s *stage) readyOf(set at, selector string, replicas int64) func() bool {
	return func() bool {
		object := s.admin.get(set)
		status, _ := object.Object["status"].(map[string]any)
		ready, _ := status["readyReplicas"].(int64)
		updated, _ := status["updatedReplicas"].(int64)
		return status["observedGeneration"] == object.GetGeneration() && ready == replicas && updated == replicas &&
			s.admin.count(at("pods "+object.GetNamespace()), selector) == int(replicas)
	}
}

// watchPods returns a function that says which pods of a prefix have ended so far, in their order.
func (s *stage) watchPods(namespace string) func(prefix string) []string {
	s.t.Helper()
	watcher, err := s.admin.typed.CoreV1().Pods(namespace).Watch(context.Background(), metav1.ListOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(watcher.Stop)
	var mutex sync.Mutex
	var names []string
	go func() {
		for event := range watcher.ResultChan() {
			if pod, ok := event.Object.(*corev1.Pod); ok && event.Type == watch.Deleted {
				mutex.Lock()
				names = append(names, pod.Name)
				mutex.Unlock()
			}
		}
	}()
	return func(prefix string) (ended []string) {
		mutex.Lock()
		defer mutex.Unlock()
		for _, name := range names {
			if strings.HasPrefix(name, prefix) {
				ended = append(ended, name)
			}
		}
		return ended
	}
}

// drain drains the node of the shop's pods with kubectl, and lets it take new ones again.
func (s *stage) drain(user string, groups ...string) (string, error) {
	s.t.Helper()
	kubeconfig, err := s.c.Kubeconfig()
	if err != nil {
		s.t.Fatal(err)
	}
	args := []string{"--kubeconfig", kubeconfig, "--cache-dir", filepath.Join(s.c.Dir, "cache"), "--as=" + user}
	for _, group := range groups {
		args = append(args, "--as-group="+group)
	}
	run := func(more ...string) (string, error) {
		out, err := exec.Command(kubectl(s.t), append(args, more...)...).CombinedOutput()
		return string(out), err
	}
	out, err := run("drain", "n1", "--ignore-daemonsets", "--force", "--timeout=60s", "--pod-selector="+ofShop)
	if text, err := run("uncordon", "n1"); err != nil {
		s.t.Errorf("uncordon: %s", text)
	}
	if err != nil {
		err = fmt.Errorf("kubectl drain: %w", err)
	}
	return out, err
}
