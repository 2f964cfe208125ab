package e2e

import (
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/differential"
)

var (
	differentialSeed    = flag.Uint64("differential.seed", 1, "seed of the policies and requests")
	differentialFirst   = flag.Uint64("differential.first", 0, "number of the first policy")
	differentialForever = flag.Bool("differential.forever", false, "compare without end")
	differentialRefused = flag.Bool("differential.refused", false, "print the policies that klockc finds errors in")
)

// oracle is the program of tests/differential.
func oracle(t *testing.T) string {
	t.Helper()
	path := os.Getenv("KLOCK_ORACLE")
	if path == "" {
		path = filepath.Join(cluster.Root(), "build", "oracle")
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		t.Skipf("no oracle at %s", path)
	}
	return path
}

// TestDifferential compares klockc's decisions with those of the API server's evaluator, on policies and requests made
// at random. KLOCK_DIFFERENTIAL says on how many.
func TestDifferential(t *testing.T) {
	decisions := 100_000
	if text := os.Getenv("KLOCK_DIFFERENTIAL"); text != "" {
		var err error
		if decisions, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	if *differentialForever {
		decisions = -1
	}
	if *differentialRefused {
		differential.Refused = func(number uint64, policy, diagnostics string) {
			t.Logf("policy %d is refused:\n%s\n%s", number, diagnostics, policy)
		}
	}
	t.Logf("seed %d", *differentialSeed)
	totals, err := differential.Run(differential.Options{
		Oracle:    oracle(t),
		Seed:      *differentialSeed,
		First:     *differentialFirst,
		Decisions: decisions,
		Workers:   2,
		Requests:  100,
		Stop:      10,
		Report:    func(d *differential.Disagreement) { t.Errorf("seed %d, %s", *differentialSeed, d) },
	})
	if err != nil {
		t.Error(err)
	}
	compared := max(1, totals.Decisions.Load())
	t.Logf("%d%% denied, %d%% warned, %d with errors, %d by break-glass, %d policies refused", totals.Denied.Load()*100/compared,
		totals.Warned.Load()*100/compared, totals.Failed.Load(), totals.Glass.Load(), totals.Refused.Load())
	for _, sort := range slices.Sorted(maps.Keys(totals.Sorts())) {
		count := totals.Sorts()[sort]
		t.Logf("%-22s %6d decisions, %5d denied, %4d warned, %4d by break-glass", sort, count.Decisions, count.Denied, count.Warned, count.Glass)
	}
	// Every sort of request must come, and must be refused at times.
	for _, sort := range differential.Sorts() {
		if count := totals.Sorts()[sort]; compared >= 50_000 && totals.Disagreements.Load() == 0 && (count == nil || count.Denied < 5) {
			t.Errorf("%s: %+v of %d decisions are too few", sort, count, compared)
		}
	}
	t.Logf("differential: %d decisions, %d policies, %d disagreements", totals.Decisions.Load(), totals.Policies.Load(), totals.Disagreements.Load())
}
