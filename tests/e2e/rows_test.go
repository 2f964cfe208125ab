package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/evaluator"
	"klock.dev/e2e/live"
)

// row is a policy whose cases every judge answers.
type row struct {
	name     string
	manifest []byte
	cases    []*cases.Case
	err      error
}

// rows are the manifests whose cases are written by hand, and every policy that klockc compiles.
func rows(t *testing.T) []*row {
	t.Helper()
	rows := []*row{byHand("table"), byHand("shapes")}
	if _, err := os.Stat(cases.Klockc()); errors.Is(err, os.ErrNotExist) {
		t.Logf("no klockc at %s: only hand-written manifests are judged", cases.Klockc())
		return rows
	}
	for _, pattern := range []string{"tests/rows/*.klock", "examples/*.klock"} {
		files, err := filepath.Glob(filepath.Join(cluster.Root(), pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if file, err = filepath.Rel(cluster.Root(), file); err != nil {
				t.Fatal(err)
			}
			r := &row{name: strings.TrimSuffix(filepath.Base(file), ".klock")}
			if r.manifest, r.err = cases.Compile(file); r.err == nil {
				r.cases, r.err = cases.Load(file)
			}
			rows = append(rows, r)
		}
	}
	return rows
}

func byHand(name string) *row {
	path := filepath.Join(cluster.Root(), "tests", "e2e", "testdata", name)
	r := &row{name: name}
	if r.manifest, r.err = os.ReadFile(path + ".yaml"); r.err != nil {
		return r
	}
	var printed []byte
	if printed, r.err = os.ReadFile(path + ".json"); r.err == nil {
		r.cases, r.err = cases.Parse(printed)
	}
	return r
}

func TestRowsEvaluator(t *testing.T) {
	for _, r := range rows(t) {
		t.Run(r.name, func(t *testing.T) {
			if r.err != nil {
				t.Fatal(r.err)
			}
			e, err := evaluator.New(r.manifest)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range r.cases {
				verdict, err := e.Judge(&c.Request)
				if err != nil {
					t.Errorf("%s: %v", c, err)
					continue
				}
				if problem := c.Check(verdict.Verdict, append(verdict.Messages, verdict.Warnings...)); problem != "" {
					t.Error(problem)
				}
			}
		})
	}
}

func TestRowsLive(t *testing.T) {
	for _, minor := range minors(t) {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			c := cluster.ForTest(t, cluster.Options{Minor: minor})
			ctx := context.Background()
			judge, err := live.New(c)
			if err != nil {
				t.Fatal(err)
			}
			all := rows(t)
			files := map[*row]*live.File{}
			var list []*live.File
			for _, r := range all {
				if r.err == nil {
					files[r] = &live.File{Manifest: r.manifest, Cases: r.cases}
					list = append(list, files[r])
				}
			}
			if err := judge.Prepare(ctx, list); err != nil {
				t.Fatal(err)
			}
			asked, skipped := 0, 0
			for _, r := range all {
				t.Run(r.name, func(t *testing.T) {
					if r.err != nil {
						t.Fatal(r.err)
					}
					outcomes, err := judge.Run(ctx, files[r])
					if err != nil {
						t.Fatal(err)
					}
					for _, o := range outcomes {
						switch {
						case o.Skipped != "":
							skipped++
							t.Logf("not asked: %s: %s", o.Case, o.Skipped)
						case o.Problem != "":
							t.Error(o.Problem)
							asked++
						default:
							asked++
						}
					}
				})
			}
			t.Logf("%d cases asked, %d not", asked, skipped)
		})
	}
}

// minors are those of KLOCK_MINORS, or all that are built.
func minors(t *testing.T) []string {
	if wanted := strings.Fields(os.Getenv("KLOCK_MINORS")); len(wanted) > 0 {
		return wanted
	}
	built := cluster.Minors()
	if len(built) == 0 {
		t.Skipf("no servers in %s: run tests/e2e/servers/build.sh", cluster.Servers())
	}
	return built
}
