package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/grants"
	"klock.dev/e2e/stage"
)

// TestGrants holds compiler/kubernetes/exemptions.def against servers: every write that one grants to an account of the control plane is let
// through or withheld for a reason, and nothing is let through that its source does not grant.
func TestGrants(t *testing.T) {
	t.Parallel()
	rows, err := grants.Committed()
	if err != nil {
		t.Fatal(err)
	}
	var servers []grants.Servers
	for _, minor := range cluster.MinorsForTest(t) {
		s, err := grants.Read(context.Background(), minor)
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, s)
		for _, lacking := range grants.Lacking(s, rows) {
			t.Errorf("Kubernetes %s grants what compiler/kubernetes/exemptions.def lacks: %s", minor, lacking)
		}
		for _, unfounded := range grants.Unfounded(s, rows) {
			t.Errorf("compiler/kubernetes/exemptions.def lets through what Kubernetes %s does not grant: %s", minor, unfounded)
		}
	}
	if len(servers) == 3 {
		for _, idle := range grants.Idle(servers) {
			t.Errorf("nothing is granted that this exception could be about: %s", idle)
		}
	}
}

// TestOwnWrites takes a cluster through its life, from the oldest minor to the newest and through a restart: what the control plane
// writes is let through or withheld, and what the API server writes as itself it writes as a member of system:masters.
func TestOwnWrites(t *testing.T) {
	t.Parallel()
	rows, err := grants.Committed()
	if err != nil {
		t.Fatal(err)
	}
	minors := cluster.MinorsForTest(t)
	c := cluster.ForTest(t, cluster.Options{
		Minor: minors[0], ControllerManager: true, TypeChecker: true, Scheduler: "default-scheduler", Audit: true,
		APIServerFlags: []string{"--advertise-address=192.0.2.1", "--endpoint-reconciler-type=lease", "--runtime-config=api/all=true"},
	})
	s := stage.New(t, c)
	own := map[string]string{}
	seen := 0
	look := func(when string) {
		writes, end, err := c.Audit(seen)
		if err != nil {
			t.Fatal(err)
		}
		seen = end
		for _, strange := range grants.Strange(writes, rows) {
			t.Errorf("%s: neither let through nor withheld: %s", when, strange)
		}
		for _, w := range writes {
			if w.Who() == grants.APIServer && own[grants.Said(&w)] == "" {
				own[grants.Said(&w)] = when
			}
		}
	}
	look("start of " + minors[0])
	useCluster(s, "life")
	look("use of " + minors[0])
	last := minors[len(minors)-1]
	for i, minor := range append(slices.Clone(minors[1:]), last) {
		if err := c.Restart(minor); err != nil {
			t.Fatal(err)
		}
		look("start of " + minor + " on the same data")
		useCluster(s, fmt.Sprintf("life-%d", i))
		look("use of " + minor)
	}
	for _, said := range slices.Sorted(maps.Keys(own)) {
		t.Logf("%s (%s)", said, own[said])
	}
	wanted := []string{
		"create namespaces", "update endpoints", "update poddisruptionbudgets.policy/status", "create leases.coordination.k8s.io",
		"create clusterroles.rbac.authorization.k8s.io", "create flowschemas.flowcontrol.apiserver.k8s.io",
		"update customresourcedefinitions.apiextensions.k8s.io/status", "create apiservices.apiregistration.k8s.io",
	}
	if cluster.AtLeast(last, "1.33") {
		wanted = append(wanted, "create servicecidrs.networking.k8s.io", "create ipaddresses.networking.k8s.io", "delete ipaddresses.networking.k8s.io")
	}
	for _, what := range wanted {
		if own[grants.APIServer+": "+what] == "" {
			t.Errorf("the audit log shows nothing of: %s", what)
		}
	}
}

// useCluster lets people do what the API server follows with writes of its own.
func useCluster(s *stage.Stage, namespace string) {
	s.T.Helper()
	s.Namespace(namespace, "")
	plural := namespace + "s"
	s.Allowed("objects are made", func() error {
		return s.Admin.Create(fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: web, namespace: %[1]s}
spec: {ports: [{port: 80}], selector: {run: web}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: %[1]s}
spec: {minAvailable: 0, selector: {matchLabels: {run: web}}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: %[1]s, labels: {run: web}}
spec:
  containers: [{name: c, image: registry.example/image}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[2]s.example.com}
spec:
  group: example.com
  names: {plural: %[2]s, kind: %[3]s}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
`, namespace, plural, "Kind"+strings.ReplaceAll(namespace, "-", "")))
	})
	s.Allowed("the pod runs", func() error {
		return s.Admin.Patch(stage.At("pods "+namespace+"/web/status"), `{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`)
	})
	s.Until("the budget knows the pod", func() bool {
		status, _ := s.Admin.Get(stage.At("poddisruptionbudgets.policy " + namespace + "/web")).Object["status"].(map[string]any)
		return status["currentHealthy"] == int64(1)
	})
	s.Allowed("the pod is evicted", func() error {
		return s.Admin.Typed.PolicyV1().Evictions(namespace).Evict(context.Background(), &policyv1.Eviction{
			ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: namespace},
		})
	})
	s.Until("the definition is served", func() bool {
		return s.Admin.Exists("apiservices.apiregistration.k8s.io v1.example.com")
	})
	s.Allowed("the definition goes", func() error {
		return s.Admin.Remove(stage.At("customresourcedefinitions.apiextensions.k8s.io " + plural + ".example.com"))
	})
	s.Until("the definition is gone", func() bool {
		return !s.Admin.Exists(stage.At("customresourcedefinitions.apiextensions.k8s.io " + plural + ".example.com"))
	})
	s.Allowed("the service goes", func() error { return s.Admin.Remove(stage.At("services " + namespace + "/web")) })
}
