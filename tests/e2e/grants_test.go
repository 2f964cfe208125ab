package e2e

import (
	"context"
	"testing"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/grants"
)

// TestGrants holds compiler/exemptions.def against servers: every write that one grants to an account of the control plane is let
// through or withheld for a reason, and nothing is let through that its source does not grant.
func TestGrants(t *testing.T) {
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
			t.Errorf("Kubernetes %s grants what compiler/exemptions.def lacks: %s", minor, lacking)
		}
		for _, unfounded := range grants.Unfounded(s, rows) {
			t.Errorf("compiler/exemptions.def lets through what Kubernetes %s does not grant: %s", minor, unfounded)
		}
	}
	if len(servers) == 3 {
		for _, idle := range grants.Idle(servers) {
			t.Errorf("nothing is granted that this exception could be about: %s", idle)
		}
	}
}
