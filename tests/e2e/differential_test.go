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

// TestDifferential compares klockc's decisions with what an API server answers given the emitted objects, on 100 000
// policies' requests made at random: all by the compiler's own admission, and about KLOCK_DIFFERENTIAL of them, 4 000,
// by the API server's evaluator, which must agree with both.
func TestDifferential(t *testing.T) {
	t.Parallel()
	decisions, evaluated := 100_000, 4_000
	if text := os.Getenv("KLOCK_DIFFERENTIAL"); text != "" {
		var err error
		if evaluated, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		decisions = max(decisions, evaluated)
	}
	every := uint64(max(1, decisions/max(1, evaluated)))
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
		Every:     every,
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
	t.Logf("differential: %d decisions, %d of them by the API server's evaluator, %d policies, %d disagreements, seed %d", totals.Decisions.Load(),
		totals.Evaluated.Load(), totals.Policies.Load(), totals.Disagreements.Load(), *differentialSeed)
	if totals.Disagreements.Load() == 0 && totals.Evaluated.Load() == 0 {
		t.Error("the API server's evaluator was not asked")
	}
}
