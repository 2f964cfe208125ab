package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"k8s.io/client-go/discovery"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/resources"
)

// TestResources fails when the newest API server serves something that the compiler's table does not know.
func TestResources(t *testing.T) {
	t.Parallel()
	c := cluster.ForTest(t, cluster.Options{})
	client, err := discovery.NewDiscoveryClientForConfig(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	served, err := resources.Table(client)
	if err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile(filepath.Join(cluster.Root(), "compiler", "kubernetes", "resources.def"))
	if err != nil {
		t.Fatal(err)
	}
	known := resources.Lines(string(committed))
	for _, line := range resources.Lines(served) {
		if !slices.Contains(known, line) {
			t.Errorf("Kubernetes %s serves what compiler/kubernetes/resources.def lacks: %s", c.Minor, line)
		}
	}
}
