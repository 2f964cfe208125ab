// Package lives shows that a cluster lives under locks: its control plane is restarted and upgraded, and its components, the
// real ones but for the kubelets, do their work.
package lives

import (
	"slices"
	"testing"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

// TestUpgrade takes a cluster from the oldest minor to the newest, and restarts that.
func TestUpgrade(t *testing.T) {
	minors := cluster.MinorsForTest(t)
	c := cluster.ForTest(t, cluster.Options{
		Minor: minors[0], ControllerManager: true, Scheduler: "default-scheduler", Audit: true,
		APIServerFlags: []string{"--advertise-address=192.0.2.1", "--endpoint-reconciler-type=lease"},
	})
	s := stage.New(t, c)
	s.Namespace("lives", "")
	written := 0
	for _, minor := range append(slices.Clone(minors[1:]), minors[len(minors)-1]) {
		if err := c.Restart(minor); err != nil {
			t.Fatalf("%s does not start: %v", minor, err)
		}
		if !s.Admin.Exists("namespaces lives") {
			t.Errorf("%s has other data", minor)
		}
		writes, end, err := c.Audit(written)
		if err != nil {
			t.Fatal(err)
		}
		written = end
		if !slices.ContainsFunc(writes, func(w cluster.Write) bool { return w.Who() == "system:apiserver" }) {
			t.Errorf("%s writes nothing at its start", minor)
		}
	}
}
