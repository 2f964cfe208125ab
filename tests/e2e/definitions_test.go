package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/evaluator"
)

// definitionFiles are those of the tests: whether klockc, and so every API server, takes what they define.
var definitionFiles = map[string]bool{
	"tests/golden/errors/crds/wrong.yaml":       false,
	"tests/golden/errors/crds/conversions.yaml": false,
	"tests/golden/errors/crds/converted.yaml":   true,
	"tests/rows/definitions/gadgets.json":       true,
	"tests/rows/definitions/widgets.yaml":       true,
}

// takenAnyway are definitions that klockc refuses because nothing is served by them; API servers keep them.
var takenAnyway = map[string]bool{"not-served.example.com": true}

func definitionsOf(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cluster.Root(), file))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := evaluator.Objects(text)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() != "CustomResourceDefinition" })
}

// TestDefinitions asks API servers for what klockc says of definitions.
func TestDefinitions(t *testing.T) {
	t.Parallel()
	for _, minor := range cluster.MinorsForTest(t) {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			client, err := dynamic.NewForConfig(cluster.ForTest(t, cluster.Options{Minor: minor}).Config)
			if err != nil {
				t.Fatal(err)
			}
			server := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
			for file, taken := range definitionFiles {
				definitions := definitionsOf(t, file)
				if len(definitions) == 0 {
					t.Errorf("%s defines nothing", file)
				}
				for _, definition := range definitions {
					_, err := server.Create(context.Background(), definition, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
					if expected := taken || takenAnyway[definition.GetName()]; (err == nil) != expected {
						t.Errorf("%s: %s: expected to be taken: %t, but the server says: %v", file, definition.GetName(), expected, err)
					}
				}
			}
		})
	}
}
