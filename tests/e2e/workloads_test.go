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
	"klock.dev/e2e/stage"
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
func liveWithWorkloads(s *stage.Stage, manifest []byte) {
	s.Namespace(shopName, "")
	s.Apply(manifest)
	platform := s.User("paula", "platform-team", cluster.Testers)
	const web, db = stage.At("deployments.apps workloads/web"), stage.At("statefulsets.apps workloads/db")
	gone := watchPods(s, shopName)

	s.Allowed("the platform team makes its workloads", func() error { return platform.Create(stage.Deployment(shopName, shop, shop)) })
	s.Allowed("the platform team makes its workloads", func() error { return platform.Create(shopWorkloads) })
	s.Until("the autoscaler scales up", s.RolledOut(shopName, 4))
	s.Until("the StatefulSet has its pods", readyOf(s, db, "run=db", 3))
	s.Until("the DaemonSet has its pod", func() bool { return s.Admin.Count("pods workloads", "run=agent") == 1 })
	s.Until("the Job ends and is taken away", func() bool { return !s.Admin.Exists("jobs.batch workloads/once") })

	s.Refused("locked", "scale the Deployment", s.Admin.Patch(web+"/scale", `{"spec":{"replicas":1}}`))
	s.Refused("locked", "change the Deployment", s.Admin.Patch(web, stage.NewImage))
	s.Refused("locked", "delete the StatefulSet", s.Admin.Remove(db))
	s.Refused("locked", "scale the StatefulSet", s.Admin.Patch(db+"/scale", `{"spec":{"replicas":1}}`))
	s.Refused("locked", "suspend the CronJob", s.Admin.Patch("cronjobs.batch workloads/often", `{"spec":{"suspend":true}}`))
	if out, err := drain(s, "kubernetes-admin", "system:masters"); err == nil || !strings.Contains(out, "(lock locked of policy workloads") {
		s.T.Errorf("the administrator drains the node: %v\n%s", err, out)
	}

	s.Allowed("a new image rolls out", func() error { return platform.Patch(web, stage.NewImage) })
	s.Until("the rollout ends", s.RolledOut(shopName, 4))
	s.Allowed("the StatefulSet is scaled down", func() error { return platform.Patch(db+"/scale", `{"spec":{"replicas":1}}`) })
	s.Until("it is scaled down", readyOf(s, db, "run=db", 1))
	s.Until("its pods end in their order", func() bool { return slices.Equal(gone("db-"), []string{"db-2", "db-1"}) })
	s.Allowed("a new image of the StatefulSet rolls out", func() error { return platform.Patch(db, stage.NewImage) })
	s.Until("the pod is replaced", func() bool { return len(gone("db-")) == 3 && readyOf(s, db, "run=db", 1)() })

	before := s.Admin.First("pods workloads", "run=web")
	if out, err := drain(s, "paula", "platform-team", cluster.Testers); err != nil {
		s.T.Errorf("the platform team drains the node: %v\n%s", err, out)
	}
	if s.Admin.Exists(stage.At("pods workloads/" + before)) {
		s.T.Errorf("the pod %s is still there when the node is drained", before)
	}
	s.Until("the evicted pods are replaced", func() bool { return s.RolledOut(shopName, 4)() && readyOf(s, db, "run=db", 1)() })

	for _, propagation := range []metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationForeground} {
		s.Allowed("the Deployment is deleted, "+string(propagation), func() error {
			return platform.Typed.AppsV1().Deployments(shopName).Delete(context.Background(), "web", metav1.DeleteOptions{PropagationPolicy: &propagation})
		})
		s.Until("the Deployment and what it owned are collected, "+string(propagation), func() bool { return !s.Admin.Exists(web) && collected(s, shopName)() })
		s.Allowed("it is made again", func() error { return platform.Create(stage.Deployment(shopName, shop, shop)) })
		s.Until("it rolls out again", s.RolledOut(shopName, 4))
	}
	s.Owned("ConfigMap", shopName, "settings", shop)
	outlives(s, "settings", "workloads", "configmaps workloads/settings")
	s.Allowed("the platform team deletes the settings", func() error { return platform.Remove("configmaps workloads/settings") })
	adopts(s, platform)

	s.Until("a Job of the CronJob has come and is taken away", func() bool {
		status, _ := s.Admin.Get("cronjobs.batch workloads/often").Object["status"].(map[string]any)
		return status["lastSuccessfulTime"] != nil && s.Admin.Count("jobs.batch workloads", "run=often") == 0
	})
	s.Refused("locked", "delete the namespace", s.Admin.Remove("namespaces workloads"))
	s.RemoveNamespaceAs(platform, "workloads")
}

// adopts shows that `guard owners` keeps controllers from pods that are there, since they could delete them then: whoever
// makes a StatefulSet anew hands its pods over.
func adopts(s *stage.Stage, platform *stage.Actor) {
	s.T.Helper()
	lines, _ := s.ControllerRefusals(0)
	for _, line := range lines {
		if isAdoption(line) {
			s.T.Errorf("a controller is refused: %s", line)
		}
	}
	const db, pod = stage.At("statefulsets.apps workloads/db"), stage.At("pods workloads/db-0")
	orphan := metav1.DeletePropagationOrphan
	set := s.Admin.Get(db)
	s.Allowed("the StatefulSet is deleted without its pods", func() error {
		return platform.Typed.AppsV1().StatefulSets(shopName).Delete(context.Background(), "db", metav1.DeleteOptions{PropagationPolicy: &orphan})
	})
	s.Until("it is gone and its pod is not", func() bool {
		return !s.Admin.Exists(db) && len(s.Admin.Get(pod).GetOwnerReferences()) == 0
	})
	again := set.DeepCopy()
	again.SetUID("")
	again.SetResourceVersion("")
	text, err := yaml.Marshal(again)
	if err != nil {
		s.T.Fatal(err)
	}
	s.Allowed("it is made again", func() error { return platform.Create(string(text)) })
	if s.Shared {
		// The garbage collector may write to any object, and here every controller has its name.
		s.Until("the StatefulSet has its pod", readyOf(s, db, "run=db", 1))
		return
	}
	s.Until("its controller may not adopt the pod", func() bool {
		lines, _ := s.ControllerRefusals(0)
		return slices.ContainsFunc(lines, isAdoption)
	})
	s.Allowed("the platform team hands it over", func() error {
		return platform.Patch(pod, fmt.Sprintf(`{"metadata":{"ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"db","uid":%q,"controller":true,"blockOwnerDeletion":true}]}}`, s.Admin.Get(db).GetUID()))
	})
	s.Until("the StatefulSet has its pod", readyOf(s, db, "run=db", 1))
}

func isAdoption(line string) bool {
	return strings.Contains(line, "rror syncing StatefulSet") && strings.Contains(line, "(lock locked of policy workloads")
}

// readyOf says whether a StatefulSet has so many pods, all of them the newest and ready.
func readyOf(s *stage.Stage, set stage.At, selector string, replicas int64) func() bool {
	return func() bool {
		object := s.Admin.Get(set)
		status, _ := object.Object["status"].(map[string]any)
		ready, _ := status["readyReplicas"].(int64)
		updated, _ := status["updatedReplicas"].(int64)
		return status["observedGeneration"] == object.GetGeneration() && ready == replicas && updated == replicas &&
			s.Admin.Count(stage.At("pods "+object.GetNamespace()), selector) == int(replicas)
	}
}

// watchPods returns a function that says which pods of a prefix have ended so far, in their order.
func watchPods(s *stage.Stage, namespace string) func(prefix string) []string {
	s.T.Helper()
	watcher, err := s.Admin.Typed.CoreV1().Pods(namespace).Watch(context.Background(), metav1.ListOptions{})
	if err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(watcher.Stop)
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
func drain(s *stage.Stage, user string, groups ...string) (string, error) {
	s.T.Helper()
	kubeconfig, err := s.Cluster.Kubeconfig()
	if err != nil {
		s.T.Fatal(err)
	}
	args := []string{"--kubeconfig", kubeconfig, "--cache-dir", filepath.Join(s.Cluster.Dir, "cache"), "--as=" + user}
	for _, group := range groups {
		args = append(args, "--as-group="+group)
	}
	run := func(more ...string) (string, error) {
		out, err := exec.Command(kubectl(s.T), append(args, more...)...).CombinedOutput()
		return string(out), err
	}
	out, err := run("drain", "n1", "--ignore-daemonsets", "--force", "--timeout=60s", "--pod-selector="+ofShop)
	if text, err := run("uncordon", "n1"); err != nil {
		s.T.Errorf("uncordon: %s", text)
	}
	if err != nil {
		err = fmt.Errorf("kubectl drain: %w", err)
	}
	return out, err
}
