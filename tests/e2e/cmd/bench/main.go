// Command bench measures what locks cost an API server: the time of an UPDATE, the server's memory, and the time until
// they act.
//
//	bench [-minor 1.33,1.37] [-locks 1,1000,10000] [-layouts none,trivial,klockc,table,each,each+selector,FILE...]
//	      [-requests 300] [-manifest FILE] [-profile DIR] [-sync=false]
//	bench -cover [-minor 1.37] [-locks 1000] [-pods 5000] [-requests 300] [-sync=false]
//	bench -configmaps [-minor 1.33,1.37] [-requests 300] [-sync=false]
//
// With -cover, the locks are on pods, and what is measured is what it costs that they reach evictions and exec: by
// parameters, by name, or never. With -configmaps, ConfigMaps are the locks: up to a thousand of a namespace.
//
// The same locks are laid out in several ways: as klockc emits them, and by hand: one policy with a table of labels and
// accounts, or a policy and a binding for each lock, with and without an objectSelector. "trivial" is a single policy
// that looks at nothing: what a server takes for having any. A FILE is a manifest, or a policy for klockc, whatever it
// locks. Every layout has a server of its own, and one request goes to each in turn, so that a noisy machine treats all
// alike. The requests are updates of a ConfigMap that no lock selects, of a locked one by its actor, and of a locked one
// by an administrator, whom every layout of locks refuses. What of the time is admission by policies is the server's own
// figure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/live"
)

type options struct {
	minor           string
	locks, requests int
	layouts         string
	sync            bool
	manifest        string
	profile         string
	cover           bool
	configMaps      bool
	pods            int
}

// mostEach is how many policies and bindings are made by hand, one for each lock: of more, a server takes minutes.
const mostEach = 1000

func main() {
	var o options
	var minors, locks string
	flag.StringVar(&minors, "minor", "", "Kubernetes minors, the newest if empty")
	flag.StringVar(&locks, "locks", "1000", "how many locks")
	flag.IntVar(&o.requests, "requests", 300, "how many updates of each sort a layout gets")
	flag.StringVar(&o.layouts, "layouts", "none,trivial,klockc,table,each,each+selector", "what to compare with none")
	flag.StringVar(&o.manifest, "manifest", "", "the locks of layout klockc, in place of what klockc emits")
	flag.StringVar(&o.profile, "profile", "", "where to put CPU profiles of the servers, one for each layout and sort of updates")
	flag.BoolVar(&o.sync, "sync", true, "let etcd wait for the disk")
	flag.BoolVar(&o.cover, "cover", false, "measure how locks reach evictions and exec")
	flag.BoolVar(&o.configMaps, "configmaps", false, "measure locks from ConfigMaps")
	flag.IntVar(&o.pods, "pods", 5000, "how many pods there are, with -cover")
	flag.Parse()
	measure := run
	if o.cover {
		measure = runCover
	}
	if o.configMaps {
		measure = runConfigMaps
	}
	for _, o.minor = range strings.Split(minors, ",") {
		for _, count := range strings.Split(locks, ",") {
			var err error
			if o.locks, err = strconv.Atoi(count); err != nil || o.locks < 1 || o.requests < 1 {
				log.Fatal("there is nothing to measure")
			}
			if err := measure(o); err != nil {
				log.Fatal(err)
			}
		}
	}
}

// layout is a server with the locks in one form.
type layout struct {
	name     string
	manifest []byte
	other    bool // locks something else
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
	admission         time.Duration // of one, by policies, as the server has it
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
		if o.locks > mostEach && strings.HasPrefix(name, "each") {
			continue
		}
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
		case "table":
			l.manifest, err = table(o.locks)
		case "each":
			l.manifest, err = oneEach(o.locks, false)
		case "each+selector":
			l.manifest, err = oneEach(o.locks, true)
		default:
			l.other = true
			l.name = filepath.Base(name)
			if filepath.Ext(name) != ".klock" {
				l.manifest, err = os.ReadFile(name)
			} else if name, err = filepath.Abs(name); err == nil {
				l.manifest, _, err = cases.Compile(name)
			}
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
	if err := warmUp(layouts, false); err != nil {
		return err
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
	if err := warmUp(layouts, true); err != nil {
		return err
	}
	// One sort after the other: what an expensive one leaves to be collected is not what the next one costs.
	for i := range layouts[0].sorts {
		if err := ask(o, layouts, i); err != nil {
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

// warmUp makes what servers and clients make once.
func warmUp(layouts []*layout, locked bool) error {
	for range 20 {
		for i := range layouts[0].sorts {
			if err := round(layouts, i, locked); err != nil {
				return err
			}
		}
	}
	for _, l := range layouts {
		for _, s := range l.sorts {
			s.times = nil
		}
	}
	return nil
}

// ask measures the sort of that index.
func ask(o options, layouts []*layout, i int) error {
	before := make([]admission, len(layouts))
	for j, l := range layouts {
		var err error
		if before[j], err = l.admission(); err != nil {
			return err
		}
	}
	for range o.requests {
		if err := round(layouts, i, true); err != nil {
			return err
		}
	}
	for j, l := range layouts {
		after, err := l.admission()
		if err != nil {
			return err
		}
		if count := after.count - before[j].count; count > 0 {
			l.sorts[i].admission = time.Duration((after.seconds - before[j].seconds) / count * float64(time.Second))
		}
	}
	if o.profile == "" {
		return nil
	}
	return profile(o, layouts, i)
}

// profile records what the servers compute while they get more of the sort of that index.
func profile(o options, layouts []*layout, i int) error {
	recorded := make(chan error, 1)
	go func() {
		errs := make([]error, len(layouts))
		var workers sync.WaitGroup
		for j, l := range layouts {
			name := fmt.Sprintf("%s-%d-%s-%s.pprof", l.cluster.Options().Minor, o.locks, l.name, l.sorts[i].name)
			path := filepath.Join(o.profile, strings.ReplaceAll(name, " ", "-"))
			workers.Go(func() { errs[j] = l.recordProfile(path) })
		}
		workers.Wait()
		recorded <- errors.Join(errs...)
	}()
	for {
		select {
		case err := <-recorded:
			return err
		default:
			if err := round(layouts, i, true); err != nil {
				return err
			}
		}
	}
}

func (l *layout) recordProfile(path string) error {
	client, err := kubernetes.NewForConfig(l.cluster.Config)
	if err != nil {
		return err
	}
	profile, err := client.Discovery().RESTClient().Get().AbsPath("/debug/pprof/profile").Param("seconds", "10").DoRaw(context.Background())
	if err != nil {
		return err
	}
	return os.WriteFile(path, profile, 0o644)
}

// round asks every layout once for the sort of that index.
func round(layouts []*layout, i int, locked bool) error {
	value++
	// Who comes first changes, too.
	for turn := range layouts {
		l := layouts[(turn+value)%len(layouts)]
		s := l.sorts[i]
		object := configMap(s.object, s.app, strconv.Itoa(value))
		start := time.Now()
		_, err := s.client.Update(context.Background(), object, metav1.UpdateOptions{})
		s.times = append(s.times, time.Since(start))
		expected := s.refused && locked && l.manifest != nil && !l.other && l.name != "trivial"
		if expected && (err == nil || !apierrors.IsForbidden(err)) {
			return fmt.Errorf("%s: the update is not refused: %v", l.name, err)
		}
		if !expected && err != nil {
			return fmt.Errorf("%s: %s: %w", l.name, s.name, err)
		}
	}
	return nil
}

// admission is what a server has spent in admission by policies on updates.
type admission struct{ seconds, count float64 }

func (l *layout) admission() (a admission, err error) {
	client, err := kubernetes.NewForConfig(l.cluster.Config)
	if err != nil {
		return a, err
	}
	metrics, err := client.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(context.Background())
	if err != nil {
		return a, err
	}
	const metric = "apiserver_admission_controller_admission_duration_seconds"
	for line := range strings.Lines(string(metrics)) {
		rest, ours := strings.CutPrefix(line, metric)
		if !ours || !strings.Contains(rest, `name="ValidatingAdmissionPolicy"`) || !strings.Contains(rest, `operation="UPDATE"`) {
			continue
		}
		number, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' ')+1:]), 64)
		if err != nil {
			return a, err
		}
		switch {
		case strings.HasPrefix(rest, "_sum"):
			a.seconds += number
		case strings.HasPrefix(rest, "_count"):
			a.count += number
		}
	}
	return a, nil
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
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		load = []byte("unknown")
	}
	none := layouts[0]
	fmt.Fprintf(out, "Kubernetes %s, locks: %d; p50 of %d updates, their ratio to none, and what of each is admission by policies; load of the machine: %s\n",
		none.cluster.Options().Minor, o.locks, o.requests, strings.TrimSpace(string(load)))
	fmt.Fprint(table, "\t")
	for _, s := range none.sorts {
		fmt.Fprintf(table, "%s ms\tratio\tpolicies ms\t", s.name)
	}
	fmt.Fprintf(table, "added heap MiB\tadded RSS MiB\tcreated s\teffective after s\t\n")
	for _, l := range layouts {
		fmt.Fprintf(table, "%s\t", l.name)
		for i, s := range l.sorts {
			p50 := median(s.times)
			fmt.Fprintf(table, "%.2f\t%.2f\t%.3f\t", ms(p50), float64(p50)/float64(median(none.sorts[i].times)), ms(s.admission))
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

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
