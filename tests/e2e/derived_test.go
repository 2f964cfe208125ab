package e2e

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

// madeBeside are owners, by the apiVersion and kind of a line of derived.def, what its controller needs to make something beside it,
// and since which minor it does that without a feature gate.
var madeBeside = map[string]struct {
	text, since string
}{
	"v1 Service": {text: `
apiVersion: v1
kind: Service
metadata: {name: selects, namespace: derived}
spec: {selector: {run: web}, ports: [{port: 80}]}
`, since: "1.30"},
	"v1 Endpoints": {text: `
apiVersion: v1
kind: Service
metadata: {name: by-hand, namespace: derived}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: by-hand, namespace: derived}
subsets: [{addresses: [{ip: 10.1.2.3}], ports: [{port: 80}]}]
`, since: "1.30"},
	"v1 Pod": {text: `
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: gpu, namespace: derived}
spec: {spec: {devices: {requests: [{name: gpu, exactly: {deviceClassName: gpu}}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: claims, namespace: derived}
spec: {containers: [{name: c, image: i}], resourceClaims: [{name: gpu, resourceClaimTemplateName: gpu}]}
`, since: "1.34"},
}

// TestDerived holds compiler/kubernetes/derived.def against what controllers make. Kubelets, which make CSINodes, are not here.
func TestDerived(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile(filepath.Join(cluster.Root(), "compiler", "kubernetes", "derived.def"))
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^DERIVED\("([^"]*)", "([^"]*)", "([^"]*)", "([^"]*)"\)$`).FindAllStringSubmatch(string(table), -1)
	if len(lines) <= len(madeBeside) {
		t.Fatalf("derived.def has %d lines", len(lines))
	}
	for _, minor := range cluster.MinorsForTest(t) {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			s := stage.New(t, cluster.ForTest(t, cluster.Options{Minor: minor, ControllerManager: true}))
			s.Namespace("derived", "")
			for _, line := range lines {
				resource, owner := stage.At(line[2]+"."+line[1]+" derived"), line[3]+" "+line[4]
				made, ok := madeBeside[owner]
				if !ok {
					if line[2] != "csinodes" {
						t.Errorf("nothing is made beside %s", owner)
					}
					continue
				}
				if !cluster.AtLeast(minor, made.since) {
					continue
				}
				s.Allowed(owner+" is made", func() error { return s.Admin.Create(made.text) })
				client, _, _ := s.Admin.Find(resource)
				s.Until(line[2]+" are made beside "+owner, func() bool {
					list, err := client.List(context.Background(), metav1.ListOptions{})
					if err != nil {
						t.Fatal(err)
					}
					for _, object := range list.Items {
						for _, reference := range object.GetOwnerReferences() {
							if reference.APIVersion+" "+reference.Kind == owner {
								return true
							}
						}
					}
					return false
				})
			}
			s.RemoveNamespace("derived")
		})
	}
}
