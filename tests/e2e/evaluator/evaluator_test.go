package evaluator_test

import (
	"os"
	"path/filepath"
	"testing"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/evaluator"
)

func reference(t testing.TB) (*evaluator.Evaluator, []*cases.Case) {
	t.Helper()
	dir := filepath.Join(cluster.Root(), "tests", "e2e", "testdata")
	manifest, err := os.ReadFile(filepath.Join(dir, "table.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	printed, err := os.ReadFile(filepath.Join(dir, "table.json"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := cases.Parse(printed)
	if err != nil {
		t.Fatal(err)
	}
	e, err := evaluator.New(manifest)
	if err != nil {
		t.Fatal(err)
	}
	return e, list
}

func TestReference(t *testing.T) {
	e, list := reference(t)
	for _, c := range list {
		verdict, err := e.Judge(&c.Request)
		if err != nil {
			t.Errorf("%s: %v", c, err)
			continue
		}
		if problem := c.Check(verdict.Verdict, append(verdict.Messages, verdict.Warnings...)); problem != "" {
			t.Error(problem)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	e, list := reference(b)
	for i := 0; b.Loop(); i++ {
		if _, err := e.Judge(&list[i%len(list)].Request); err != nil {
			b.Fatal(err)
		}
	}
}
