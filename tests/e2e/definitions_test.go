package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	goyaml "sigs.k8s.io/yaml"

	"klock.dev/e2e/cluster"
)

// definitionFiles are those of the tests: whether klockc, and so every API server, takes what they define.
var definitionFiles = map[string]bool{
	"tests/golden/errors/crds/wrong.yaml":       false,
	"tests/golden/errors/crds/conversions.yaml": false,
	"tests/golden/errors/crds/converted.yaml":   true,
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
	var definitions []*unstructured.Unstructured
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return definitions
		}
		if err != nil {
			t.Fatal(err)
		}
		object := &unstructured.Unstructured{}
		if err := goyaml.Unmarshal(document, &object.Object); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if object.GetKind() == "CustomResourceDefinition" {
			definitions = append(definitions, object)
		}
	}
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
