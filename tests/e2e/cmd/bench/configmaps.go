package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/live"
)

// Locks from ConfigMaps: every request that the policy sees is evaluated once for each of those in its namespace.
const configMapSource = `policy bench
lock team-locks {
  resources   services
  namespace   *
  locks from  configmaps labeled klock.dev/lock=true
  deny        update, delete
  exclusive   group platform
}
`

// runConfigMaps measures what it costs that a namespace has so many of them.
func runConfigMaps(o options) error {
	ctx := context.Background()
	l := &layout{name: "configmaps"}
	defer func() {
		if l.cluster != nil {
			l.cluster.Stop()
			os.RemoveAll(l.cluster.Dir)
		}
	}()
	var err error
	if l.manifest, err = compileSource([]byte(configMapSource)); err != nil {
		return err
	}
	if l.cluster, err = cluster.Start(cluster.Options{Minor: o.minor, Sync: o.sync}); err != nil {
		return err
	}
	if l.judge, err = live.New(l.cluster); err != nil {
		return err
	}
	config := l.cluster.As(rest.ImpersonationConfig{UserName: "kubernetes-admin", Groups: []string{cluster.Testers, "system:authenticated"}})
	config.QPS, config.Burst = -1, -1
	admin, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	counts := []int{0, 1, 10, 100, 1000}
	for _, n := range counts {
		if err := fillWithLocks(ctx, admin, n); err != nil {
			return err
		}
	}
	without, err := timesBeside(ctx, admin, counts, o.requests)
	if err != nil {
		return err
	}
	if err := l.lock(); err != nil {
		return err
	}
	time.Sleep(5 * time.Second)
	with, err := timesBeside(ctx, admin, counts, o.requests)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "%s, p50 of %d updates in ms\twithout\twith\t\n", o.minor, o.requests)
	for i, n := range counts {
		fmt.Fprintf(table, "%d ConfigMaps\t%.2f\t%.2f\t\n", n, ms(without[i]), ms(with[i]))
	}
	return table.Flush()
}

// fillWithLocks makes a namespace with so many locks, and a Service that all of them leave alone.
func fillWithLocks(ctx context.Context, admin kubernetes.Interface, n int) error {
	namespace := crowdNamespace(n)
	if _, err := admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	for i := range n {
		_, err := admin.CoreV1().ConfigMaps(namespace).Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("lock-%d", i), Labels: map[string]string{"klock.dev/lock": "true"}},
			Data:       map[string]string{"labels": fmt.Sprintf("app=service-%d, tier=web", i), "exclusive": fmt.Sprintf("user user-%d, serviceaccount %s/ci", i, namespace)},
		}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
	}
	_, err := admin.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "free", Labels: map[string]string{"app": "free", "tier": "web"}},
		Spec:       corev1.ServiceSpec{ClusterIP: "None", Ports: []corev1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{})
	return err
}

// timesBeside are the medians of updates of a Service that is not locked, beside so many locks.
func timesBeside(ctx context.Context, admin kubernetes.Interface, counts []int, requests int) ([]time.Duration, error) {
	var medians []time.Duration
	for _, n := range counts {
		var times []time.Duration
		for round := range requests + 10 {
			patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"value":"%d"}}}`, time.Now().UnixNano())
			start := time.Now()
			_, err := admin.CoreV1().Services(crowdNamespace(n)).Patch(ctx, "free", types.MergePatchType, patch, metav1.PatchOptions{})
			if err != nil && !apierrors.IsConflict(err) {
				return nil, err
			}
			if round >= 10 {
				times = append(times, time.Since(start))
			}
		}
		medians = append(medians, median(times))
	}
	return medians, nil
}
