package live_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/live"
	"klock.dev/e2e/resources"
)

// TestEveryKind shows that the judge can hold, create, change and delete an object of every kind that a server knows.
func TestEveryKind(t *testing.T) {
	t.Parallel()
	minors := cluster.Minors()
	if wanted := strings.Fields(os.Getenv("KLOCK_MINORS")); len(wanted) > 0 {
		minors = wanted
	}
	manifest, err := os.ReadFile(filepath.Join(cluster.Root(), "tests", "e2e", "testdata", "table.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, minor := range minors {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			c := cluster.ForTest(t, cluster.Options{Minor: minor})
			judge, err := live.New(c)
			if err != nil {
				t.Fatal(err)
			}
			file := &live.File{Manifest: manifest, Cases: everyKind()}
			ctx := context.Background()
			if err := judge.Prepare(ctx, []*live.File{file}); err != nil {
				t.Fatal(err)
			}
			outcomes, err := judge.Run(ctx, file)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range outcomes {
				switch {
				case o.Skipped == live.NotServed:
				case o.Skipped != "":
					t.Errorf("%s of %s: %s", o.Case.Request.Operation, o.Case.Test, o.Skipped)
				case o.Problem != "":
					t.Error(o.Problem)
				}
			}
		})
	}
}

func everyKind() []*cases.Case {
	var list []*cases.Case
	labelled := func(value string) map[string]any {
		return map[string]any{"metadata": map[string]any{"labels": map[string]any{"e2e": value}}}
	}
	for _, r := range resources.All() {
		switch r.Kind {
		case "ClusterTrustBundle", "PodCertificateRequest":
			// They hold certificates and proofs of possession, which nobody writes into a policy's test.
			continue
		}
		if !slices.Contains(r.Verbs, "create") || !slices.Contains(r.Verbs, "update") {
			continue
		}
		question := cases.Case{Test: r.Plural + "." + r.Group, Expect: cases.Expect{Verdict: cases.Allowed}, Decision: cases.Decision{Verdict: cases.Allowed}}
		question.Request = cases.Request{
			Group: r.Group, Version: r.Version, Resource: r.Plural, Kind: r.Kind, Scope: "Cluster", Name: "subject",
			User: cases.User{Username: "olga", Groups: []string{"system:authenticated"}},
		}
		if r.Namespaced {
			question.Request.Scope, question.Request.Namespace = "Namespaced", "somewhere"
		}
		switch r.Kind {
		case "CustomResourceDefinition":
			question.Request.Name = "subjects.e2e.klock.dev"
		case "IPAddress":
			question.Request.Name = "10.9.9.9"
		case "APIService":
			question.Request.Name = "v1.e2e.klock.dev"
		}
		create, update, remove := question, question, question
		create.Request.Operation, create.Request.Object = "CREATE", labelled("new")
		update.Request.Operation, update.Request.OldObject, update.Request.Object = "UPDATE", labelled("old"), labelled("new")
		remove.Request.Operation, remove.Request.OldObject = "DELETE", labelled("old")
		list = append(list, &create, &update, &remove)
	}
	return list
}
