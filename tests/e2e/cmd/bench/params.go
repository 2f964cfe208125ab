package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/live"
)

// Locks on pods that deny deletes and connections, and how they reach evictions and exec, which carry a name alone.
var coverLayouts = []struct{ name, selects, cover string }{
	{"none", "", ""},
	{"never", "labels     app=service-%d", "never"},
	{"by params", "labels     app=service-%d", "by params"},
	{"by name", "name       pod-%d", "by name"},
}

// crowds are the numbers of locked pods in a namespace: each request by parameters looks at all of them.
var crowds = []int{10, 100, 1000}

func crowdNamespace(n int) string { return fmt.Sprintf("services-%d", n) }

func coverSource(locks int, selects, cover string) []byte {
	var namespaces []string
	for _, n := range crowds {
		namespaces = append(namespaces, crowdNamespace(n))
	}
	var b bytes.Buffer
	b.WriteString("policy bench\n")
	for i := range locks {
		fmt.Fprintf(&b, "\nlock service-%d {\n  resources  pods\n  namespace  %s\n  %s\n  deny       delete, connect\n  exclusive  serviceaccount deployers/%s\n  cover      evictions, connect %s\n}\n",
			i, strings.Join(namespaces, ", "), fmt.Sprintf(selects, i), actorOf(i), cover)
	}
	return b.Bytes()
}

// coverRun is a server with the locks in one form.
type coverRun struct {
	name         string
	layout       *layout
	admin        kubernetes.Interface
	times        [][]time.Duration
	idle, loaded memory
}

// question is a sort of requests.
type question struct {
	name    string
	refused bool // where the locks reach such requests
	ask     func(ctx context.Context, admin kubernetes.Interface, value int) error
}

func questions() []question {
	list := []question{{name: "update of a pod", ask: func(ctx context.Context, admin kubernetes.Interface, value int) error {
		patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"value":"%d"}}}`, value)
		_, err := admin.CoreV1().Pods(crowdNamespace(crowds[0])).Patch(ctx, "free", types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	}}}
	for _, n := range crowds {
		for _, pod := range []string{"free", "pod-3"} {
			refused, sort := pod != "free", ""
			if refused {
				sort = ", refused"
			}
			list = append(list, question{fmt.Sprintf("eviction among %d%s", n, sort), refused, func(ctx context.Context, admin kubernetes.Interface, _ int) error {
				return admin.CoreV1().Pods(crowdNamespace(n)).EvictV1(ctx, &policyv1.Eviction{
					ObjectMeta:    metav1.ObjectMeta{Name: pod},
					DeleteOptions: &metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}},
				})
			}}, question{fmt.Sprintf("exec among %d%s", n, sort), refused, func(ctx context.Context, admin kubernetes.Interface, _ int) error {
				err := admin.CoreV1().RESTClient().Post().Resource("pods").Namespace(crowdNamespace(n)).Name(pod).SubResource("exec").
					VersionedParams(&corev1.PodExecOptions{Command: []string{"true"}, Stdout: true}, scheme.ParameterCodec).Do(ctx).Error()
				if apierrors.IsForbidden(err) {
					return err
				}
				// There is no node, so nothing that may be connected to is.
				return nil
			}})
		}
	}
	return list
}

// runCover measures what it costs that locks reach evictions and connections.
func runCover(o options) error {
	var runs []*coverRun
	defer func() {
		for _, r := range runs {
			if r.layout.cluster != nil {
				r.layout.cluster.Stop()
				os.RemoveAll(r.layout.cluster.Dir)
			}
		}
	}()
	asked := questions()
	ctx := context.Background()
	for _, each := range coverLayouts {
		r := &coverRun{name: each.name, layout: &layout{name: each.name}, times: make([][]time.Duration, len(asked))}
		runs = append(runs, r)
		if each.cover != "" {
			var err error
			if r.layout.manifest, err = compileSource(coverSource(o.locks, each.selects, each.cover)); err != nil {
				return err
			}
		}
		if err := r.start(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	for _, r := range runs {
		var err error
		if r.idle, err = r.layout.memory(); err != nil {
			return err
		}
		if err := r.layout.lock(); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s is ready\n", r.name)
	}
	time.Sleep(5 * time.Second)
	// One sort after the other: what an expensive one leaves to be collected is not what the next one costs.
	for q := range asked {
		for round := range o.requests + 20 {
			if round == 20 {
				for _, r := range runs {
					r.times[q] = nil
				}
			}
			for _, turn := range rand.Perm(len(runs)) {
				if err := runs[turn].ask(ctx, &asked[q], q, round); err != nil {
					return err
				}
			}
		}
	}
	for _, r := range runs {
		var err error
		if r.loaded, err = r.layout.memory(); err != nil {
			return err
		}
	}
	return reportCover(os.Stdout, o, asked, runs)
}

func (r *coverRun) start(ctx context.Context, o options) (err error) {
	l := r.layout
	if l.cluster, err = cluster.Start(cluster.Options{Minor: o.minor, Sync: o.sync}); err != nil {
		return err
	}
	if l.judge, err = live.New(l.cluster); err != nil {
		return err
	}
	config := l.cluster.As(rest.ImpersonationConfig{UserName: "kubernetes-admin", Groups: []string{cluster.Testers, "system:authenticated"}})
	if r.admin, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	rest := o.pods
	for _, n := range crowds {
		if err := r.populate(ctx, crowdNamespace(n), n, o.locks); err != nil {
			return err
		}
		if err := r.create(ctx, crowdNamespace(n), "free", "something-else"); err != nil {
			return err
		}
		rest -= n + 1
	}
	return r.populate(ctx, "others", max(0, rest), o.locks)
}

// populate makes a namespace with so many pods, of which each has the label of a lock.
func (r *coverRun) populate(ctx context.Context, namespace string, pods, locks int) error {
	if _, err := r.admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	var failed error
	var mutex sync.Mutex
	var workers sync.WaitGroup
	const parallel = 8
	for w := range parallel {
		workers.Go(func() {
			for i := w; i < pods; i += parallel {
				if err := r.create(ctx, namespace, fmt.Sprintf("pod-%d", i), fmt.Sprintf("service-%d", i%locks)); err != nil {
					mutex.Lock()
					failed = err
					mutex.Unlock()
					return
				}
			}
		})
	}
	workers.Wait()
	return failed
}

func (r *coverRun) create(ctx context.Context, namespace, name, app string) error {
	container := corev1.Container{
		Name: "main", Image: "registry.example/" + app + ":1",
		Env: []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}},
	}
	_, err := r.admin.CoreV1().Pods(namespace).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": app, "version": "1"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{container}},
	}, metav1.CreateOptions{})
	return err
}

func (r *coverRun) ask(ctx context.Context, q *question, index, value int) error {
	start := time.Now()
	err := q.ask(ctx, r.admin, value)
	r.times[index] = append(r.times[index], time.Since(start))
	reached := q.refused && (r.name == "by params" || r.name == "by name")
	if reached != apierrors.IsForbidden(err) || !reached && err != nil {
		return fmt.Errorf("%s, %s: %v", r.name, q.name, err)
	}
	return nil
}

func reportCover(out io.Writer, o options, asked []question, runs []*coverRun) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "%d locks, %d pods, p50 of %d in ms\t", o.locks, o.pods, o.requests)
	for _, r := range runs {
		fmt.Fprintf(table, "%s\t", r.name)
	}
	fmt.Fprintln(table)
	for i := range asked {
		fmt.Fprintf(table, "%s\t", asked[i].name)
		for _, r := range runs {
			fmt.Fprintf(table, "%.2f\t", float64(median(r.times[i]))/float64(time.Millisecond))
		}
		fmt.Fprintln(table)
	}
	none := runs[0]
	for _, row := range []struct {
		name string
		of   func(memory) int64
	}{{"added heap MiB", func(m memory) int64 { return m.heap }}, {"added RSS MiB", func(m memory) int64 { return m.rss }}} {
		fmt.Fprintf(table, "%s\t", row.name)
		for _, r := range runs {
			fmt.Fprintf(table, "%+.1f\t", mib(row.of(r.loaded)-row.of(r.idle)-row.of(none.loaded)+row.of(none.idle)))
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

// compileSource is what klockc emits for a policy.
func compileSource(source []byte) ([]byte, error) {
	dir, err := os.MkdirTemp("", "klock-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "bench.klock")
	if err := os.WriteFile(path, source, 0o600); err != nil {
		return nil, err
	}
	manifest, _, err := cases.Compile(path)
	return manifest, err
}
