// Command bench measures what manifests cost an API server: the time of an UPDATE and the server's memory.
//
//	bench [-minor 1.37] [-rounds 10] [-requests 200] MANIFEST...
//
// All variants run in one go and take turns, so that a noisy machine treats them alike. Memory is that of a server of
// its own for each manifest, after as many updates.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/live"
)

type variant struct {
	name     string
	manifest []byte
	times    []time.Duration
	rss      int64
}

func main() {
	minor := flag.String("minor", "", "Kubernetes minor, the newest if empty")
	rounds := flag.Int("rounds", 10, "how often the manifests take turns")
	requests := flag.Int("requests", 200, "updates in a turn")
	flag.Parse()
	if err := run(*minor, *rounds, *requests, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func run(minor string, rounds, requests int, paths []string) error {
	variants := []*variant{{name: "none"}}
	for _, path := range paths {
		manifest, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		variants = append(variants, &variant{name: filepath.Base(path), manifest: manifest})
	}
	if err := measure(minor, variants, rounds, requests); err != nil {
		return err
	}
	for _, v := range variants {
		// The times of these rounds are of no use: nothing else takes turns with them.
		alone := &variant{name: v.name, manifest: v.manifest}
		if err := measure(minor, []*variant{alone}, 1, requests); err != nil {
			return err
		}
		v.rss = alone.rss
	}

	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "manifest\tp50 ms\tp99 ms\tadded p50 ms\tadded MiB\t\n")
	none := variants[0]
	for _, v := range variants {
		slices.Sort(v.times)
		p50 := percentile(v.times, 50)
		fmt.Fprintf(table, "%s\t%.2f\t%.2f\t%+.2f\t%+d\t\n", v.name, milliseconds(p50), milliseconds(percentile(v.times, 99)),
			milliseconds(p50-percentile(none.times, 50)), (v.rss-none.rss)>>20)
	}
	return table.Flush()
}

// measure fills in times and memory of variants that share a server.
func measure(minor string, variants []*variant, rounds, requests int) error {
	c, err := cluster.Start(cluster.Options{Minor: minor})
	if err != nil {
		return err
	}
	defer os.RemoveAll(c.Dir)
	defer c.Stop()
	ctx := context.Background()
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	judge, err := live.New(c)
	if err != nil {
		return err
	}
	maps := client.CoreV1().ConfigMaps(metav1.NamespaceDefault)
	if _, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "bench"}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := judge.Prepare(ctx, nil); err != nil {
		return err
	}
	for round := range rounds {
		for _, v := range variants {
			if _, err := judge.Run(ctx, &live.File{Manifest: v.manifest}); err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
			for i := range requests {
				patch := []byte(`{"data":{"n":"` + strconv.Itoa(round*requests+i) + v.name + `"}}`)
				start := time.Now()
				if _, err := maps.Patch(ctx, "bench", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
					return fmt.Errorf("%s: %w", v.name, err)
				}
				v.times = append(v.times, time.Since(start))
			}
			if v.rss, err = c.APIServerRSS(); err != nil {
				return err
			}
		}
	}
	return nil
}

func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)-1)*p/100]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
