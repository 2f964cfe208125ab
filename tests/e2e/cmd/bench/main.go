// Command bench measures what locks cost an API server: the time of an UPDATE, the server's memory, and the time until
// they act.
//
//	bench [-locks 1000] [-requests 300] [-minor 1.37] [-layouts none,trivial,klockc,each,each+selector] [-manifest FILE] [-sync=false]
//	bench -cover [-locks 1000] [-pods 5000] [-requests 300] [-minor 1.37] [-sync=false]
//
// With -cover, the locks are on pods, and what is measured is what it costs that they reach evictions and exec: by
// parameters, by name, or never.
//
// The same locks are laid out in several ways: as klockc emits them, and by hand with a policy and a binding for each
// lock, with and without an objectSelector. "trivial" is a single policy that looks at nothing: what a server takes for
// having any. Every layout has a server of its own, and one request goes to each in turn,
// so that a noisy machine treats all alike. The requests are updates of a ConfigMap that no lock selects, of a locked
// one by its actor, and of a locked one by an administrator, whom every layout of locks refuses.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/live"
)

type options struct {
	minor           string
	locks, requests int
	layouts         string
	sync            bool
	manifest        string
	cover           bool
	pods            int
}

func main() {
	var o options
	flag.StringVar(&o.minor, "minor", "", "Kubernetes minor, the newest if empty")
	flag.IntVar(&o.locks, "locks", 1000, "how many locks")
	flag.IntVar(&o.requests, "requests", 300, "how many updates of each sort a layout gets")
	flag.StringVar(&o.layouts, "layouts", "none,trivial,klockc,each,each+selector", "what to compare with none")
	flag.StringVar(&o.manifest, "manifest", "", "the locks of layout klockc, in place of what klockc emits")
	flag.BoolVar(&o.sync, "sync", true, "let etcd wait for the disk")
	flag.BoolVar(&o.cover, "cover", false, "measure how locks reach evictions and exec")
	flag.IntVar(&o.pods, "pods", 5000, "how many pods there are, with -cover")
	flag.Parse()
	if o.locks < 1 || o.requests < 1 {
		log.Fatal("there is nothing to measure")
	}
	measure := run
	if o.cover {
		measure = runCover
	}
	if err := measure(o); err != nil {
		log.Fatal(err)
	}
}

// layout is a server with the locks in one form.
type layout struct {
	name     string
	manifest []byte
	cluster  *cluster.Cluster
	judge    *live.Judge
	sorts    []*sort
	// idle is the memory before the locks.
	idle, loaded memory
	created      time.Duration
	effective    time.Duration
}

// sort is a sort of requests.
type sort struct {
	name, object, app string
	client            typedcorev1.ConfigMapInterface
	refused           bool
	times             []time.Duration
}

// memory is that of an API server after a collection.
type memory struct{ rss, heap int64 }

func run(o options) (err error) {
	var layouts []*layout
	defer func() {
		for _, l := range layouts {
			if l.cluster != nil {
				l.cluster.Stop()
				os.RemoveAll(l.cluster.Dir)
			}
		}
	}()
	for _, name := range strings.Split(o.layouts, ",") {
		l := &layout{name: name}
		switch name {
		case "none":
		case "klockc":
			if o.manifest != "" {
				l.manifest, err = os.ReadFile(o.manifest)
			} else {
				l.manifest, err = compiled(o.locks)
			}
		case "trivial":
			l.manifest = []byte(trivial)
		case "each":
			l.manifest, err = oneEach(o.locks, false)
		case "each+selector":
			l.manifest, err = oneEach(o.locks, true)
		default:
			err = fmt.Errorf("there is no layout %q", name)
		}
		if err != nil {
			return err
		}
		layouts = append(layouts, l)
	}
	if layouts[0].name != "none" {
		return errors.New("the first layout must be none: the others are compared with it")
	}
	for _, l := range layouts {
		if err := l.start(o); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	// The servers build caches with their first requests.
	for range 20 {
		if err := round(layouts, false); err != nil {
			return err
		}
	}
	for _, l := range layouts {
		if l.idle, err = l.memory(); err != nil {
			return err
		}
	}
	for _, l := range layouts {
		if err := l.lock(); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s is ready\n", l.name)
	}
	// What a server does after so many changes is not what an update costs.
	time.Sleep(5 * time.Second)
	for range 20 {
		if err := round(layouts, true); err != nil {
			return err
		}
	}
	for _, l := range layouts {
		for _, s := range l.sorts {
			s.times = nil
		}
	}
	for range o.requests {
		if err := round(layouts, true); err != nil {
			return err
		}
	}
	for _, l := range layouts {
		if l.loaded, err = l.memory(); err != nil {
			return err
		}
	}
	return report(os.Stdout, o, layouts)
}

func (l *layout) start(o options) (err error) {
	if l.cluster, err = cluster.Start(cluster.Options{Minor: o.minor, Sync: o.sync}); err != nil {
		return err
	}
	if l.judge, err = live.New(l.cluster); err != nil {
		return err
	}
	ctx := context.Background()
	admin, err := kubernetes.NewForConfig(l.cluster.Config)
	if err != nil {
		return err
	}
	if _, err := admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	// A lock in the middle, that the order of locks may not favour.
	label := fmt.Sprintf("service-%d", o.locks/2)
	actor := "system:serviceaccount:deployers:" + actorOf(o.locks/2)
	for _, s := range []struct{ name, app, user string }{
		{"not locked", "something-else", "kubernetes-admin"},
		{"by its actor", label, actor},
		{"refused", label, "kubernetes-admin"},
	} {
		config := l.cluster.As(rest.ImpersonationConfig{UserName: s.user, Groups: []string{cluster.Testers, "system:authenticated"}})
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		object := strings.ReplaceAll(s.name, " ", "-")
		one := &sort{name: s.name, object: object, app: s.app, client: client.CoreV1().ConfigMaps(namespace), refused: s.name == "refused"}
		if _, err := one.client.Create(ctx, configMap(object, s.app, ""), metav1.CreateOptions{}); err != nil {
			return err
		}
		l.sorts = append(l.sorts, one)
	}
	return nil
}

func configMap(name, app, value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": app}, Annotations: map[string]string{"team": "bench"}},
		Data:       map[string]string{"value": value, "settings": strings.Repeat("key = value\n", 20)},
	}
}

// lock creates the locks and waits until they act.
func (l *layout) lock() error {
	if l.manifest == nil {
		return nil
	}
	started := time.Now()
	created, err := l.judge.ApplyTimed(context.Background(), l.manifest)
	l.created, l.effective = created, time.Since(started)-created
	return err
}

var value int

// round asks every layout once for each sort.
func round(layouts []*layout, locked bool) error {
	ctx := context.Background()
	for i := range layouts[0].sorts {
		value++
		// Who comes first changes, too.
		for turn := range layouts {
			l := layouts[(turn+value)%len(layouts)]
			s := l.sorts[i]
			object := configMap(s.object, s.app, strconv.Itoa(value))
			start := time.Now()
			_, err := s.client.Update(ctx, object, metav1.UpdateOptions{})
			s.times = append(s.times, time.Since(start))
			expected := s.refused && locked && l.manifest != nil && l.name != "trivial"
			if expected && (err == nil || !apierrors.IsForbidden(err)) {
				return fmt.Errorf("%s: the update is not refused: %v", l.name, err)
			}
			if !expected && err != nil {
				return fmt.Errorf("%s: %s: %w", l.name, s.name, err)
			}
		}
	}
	return nil
}

// memory asks the API server to collect its garbage first.
func (l *layout) memory() (m memory, err error) {
	client, err := kubernetes.NewForConfig(l.cluster.Config)
	if err != nil {
		return m, err
	}
	var profile []byte
	for range 2 {
		request := client.Discovery().RESTClient().Get().AbsPath("/debug/pprof/heap").Param("gc", "1").Param("debug", "1")
		if profile, err = request.DoRaw(context.Background()); err != nil {
			return m, err
		}
		time.Sleep(time.Second)
	}
	for line := range strings.Lines(string(profile)) {
		if text, ok := strings.CutPrefix(line, "# HeapAlloc = "); ok {
			if m.heap, err = strconv.ParseInt(strings.TrimSpace(text), 10, 64); err != nil {
				return m, err
			}
		}
	}
	m.rss, err = l.cluster.APIServerRSS()
	return m, err
}

func report(out io.Writer, o options, layouts []*layout) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "%d locks, p50 of %d updates\t", o.locks, o.requests)
	for _, s := range layouts[0].sorts {
		fmt.Fprintf(table, "%s ms\tratio\t", s.name)
	}
	fmt.Fprintf(table, "added heap MiB\tadded RSS MiB\tcreated s\teffective after s\t\n")
	none := layouts[0]
	for _, l := range layouts {
		fmt.Fprintf(table, "%s\t", l.name)
		for i, s := range l.sorts {
			p50 := median(s.times)
			fmt.Fprintf(table, "%.2f\t%.2f\t", float64(p50)/float64(time.Millisecond), float64(p50)/float64(median(none.sorts[i].times)))
		}
		// What every server adds by itself in the meantime is not the locks'.
		fmt.Fprintf(table, "%+.1f\t%+.1f\t%.1f\t%.1f\t\n", mib((l.loaded.heap-l.idle.heap)-(none.loaded.heap-none.idle.heap)),
			mib((l.loaded.rss-l.idle.rss)-(none.loaded.rss-none.idle.rss)), l.created.Seconds(), l.effective.Seconds())
	}
	return table.Flush()
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
