// Package lives shows that a cluster lives under locks: its control plane is restarted and upgraded, and its components, the
// real ones but for the kubelets, do their work.
package lives

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

// phase is a time in the life of the cluster.
type phase struct {
	name, minor string
	// address is where the API server says that it is.
	address string
}

// phases are those of a cluster that is upgraded from the oldest minor to the newest, and then restarted.
func phases(t *testing.T) []phase {
	minors := cluster.MinorsForTest(t)
	var all []phase
	for i, minor := range append(slices.Clone(minors), minors[len(minors)-1]) {
		all = append(all, phase{name: minor, minor: minor, address: fmt.Sprintf("192.0.2.%d", i+1)})
	}
	all[len(all)-1].name = "restarted"
	return all
}

func (p phase) flags() []string {
	return []string{"--advertise-address=" + p.address, "--endpoint-reconciler-type=lease"}
}

// TestUpgrade shows that every life goes on under every policy, before and after each upgrade and a restart.
func TestUpgrade(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	phases := phases(t)
	places := append(slices.Clone(examples), everything, kept, tenant)
	for i, p := range phases {
		places = append(places, requirement(i, p.name))
	}
	s := stage.New(t, cluster.ForTest(t, cluster.Options{
		Minor: phases[0].minor, ControllerManager: true, Scheduler: corev1.DefaultSchedulerName, Audit: true, Certificates: true, NodeAuthorizer: true,
		APIServerFlags: append(phases[0].flags(), "--enable-bootstrap-token-auth"),
		ControllerManagerFlags: []string{
			"--controllers=*,bootstrap-signer-controller,token-cleaner-controller",
			"--kube-api-qps=200", "--kube-api-burst=400", "--pvclaimbinder-sync-period=2s",
			// A node is lost after a few seconds; all but one may be, without a stop to evictions.
			"--node-monitor-period=1s", "--node-monitor-grace-period=8s", "--node-eviction-rate=50", "--unhealthy-zone-threshold=1",
		},
	}))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	nodes := s.StartNodes(ctx)
	s.Allowed("n1 joins", func() error { return nodes.Join(ctx, "n1") })
	for role, group := range map[string]string{
		"system:node-bootstrapper": "system:bootstrappers",
		"system:certificates.k8s.io:certificatesigningrequests:nodeclient":     "system:bootstrappers",
		"system:certificates.k8s.io:certificatesigningrequests:selfnodeclient": "system:nodes",
	} {
		if err := s.Cluster.Bind(ctx, role, group); err != nil {
			t.Fatal(err)
		}
	}
	// What the oldest minor does not know yet.
	if err := s.Cluster.Allow(ctx, keepers, rbacv1.PolicyRule{APIGroups: []string{"resource.k8s.io"}, Resources: []string{"*"}, Verbs: []string{"*"}}); err != nil {
		t.Fatal(err)
	}
	var manifests [][]byte
	for _, p := range places {
		p.prepare(s)
		manifests = append(manifests, p.manifest(t))
	}
	each := func(t *testing.T, p phase, number int, takesPart func(at *place, l life) bool, do func(w *world, l life)) {
		for _, at := range places {
			for _, l := range lives {
				if !takesPart(at, l) || !cluster.AtLeast(p.minor, l.since) || l.only != nil && !l.only(at) {
					continue
				}
				t.Run(at.name+"/"+l.name, func(t *testing.T) {
					t.Parallel()
					name := l.name
					if at.before == "" {
						name += fmt.Sprintf("-%d", number)
					}
					do(at.world(s.In(t), ctx, nodes, name), l)
				})
			}
		}
	}
	t.Run("before", func(t *testing.T) {
		each(t, phases[0], 0, func(at *place, l life) bool { return at.before != "" && l.begins != nil }, func(w *world, l life) { l.begins(w) })
	})
	s.Apply(bytes.Join(manifests, []byte("\n---\n")))
	written := 0
	for i, p := range phases {
		t.Run(p.name, func(t *testing.T) {
			if i > 0 {
				restart(s.In(t), p)
			}
			t.Run("lives", func(t *testing.T) {
				each(t, p, i, func(at *place, _ life) bool { return at.before == "" || at.before == p.name }, func(w *world, l life) {
					if w.before == "" && l.begins != nil {
						l.begins(w)
					}
					l.goesOn(w)
				})
			})
			written = refused(s.In(t), written, func(w *cluster.Write) bool {
				return strings.Contains(w.ResponseStatus.Message, "of policy kept;") && w.Verb == "delete"
			})
			for _, line := range nodes.TakeRefusals() {
				t.Errorf("a node is refused: %s", line)
			}
		})
	}
}

// TestStart starts every minor where nothing may be written but by those without whom no cluster lives.
func TestStart(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	phases := phases(t)
	s := stage.New(t, cluster.ForTest(t, cluster.Options{Minor: phases[0].minor, Audit: true, APIServerFlags: phases[0].flags()}))
	locked := place{name: "start", policy: `
lock everywhere {
  resources  *
  namespace  *, kube-system, kube-public, kube-node-lease
  all objects
  deny       create, update, delete
  exclusive  user "klock:admin"
  exempt     lifecycle
  guard      no owners, no namespace
}

lock cluster {
  resources  *
  cluster
  all objects
  deny       create, update, delete
  exclusive  user "klock:admin"
  exempt     lifecycle
  guard      no owners
}
`}
	s.Apply(locked.manifest(t))
	written := 0
	for _, p := range phases[1:] {
		t.Run(p.name, func(t *testing.T) {
			s := s.In(t)
			restart(s, p)
			// Whoever may create a Service gets one: the server allocates its address.
			admin := s.Holder("klock:admin", s.Cluster.Config)
			s.Allowed("a Service is made", func() error {
				return admin.Create("{apiVersion: v1, kind: Service, metadata: {name: web, namespace: default}, spec: {ports: [{port: 80}]}}")
			})
			s.Allowed("the Service is deleted", func() error { return admin.Remove("services default/web") })
			written = refused(s, written, func(*cluster.Write) bool { return false })
		})
	}
}

// restart starts the next API server and waits until it has written what it writes at its start.
func restart(s *stage.Stage, p phase) {
	s.T.Helper()
	if err := s.Cluster.Restart(p.minor, p.flags()...); err != nil {
		s.T.Fatalf("%s does not start: %v", p.minor, err)
	}
	s.Until("the Service kubernetes leads to the API server", func() bool {
		subsets, _ := s.Admin.Get("endpoints default/kubernetes").Object["subsets"].([]any)
		return len(subsets) == 1 && strings.Contains(fmt.Sprint(subsets[0]), p.address)
	})
	s.Until("so does its slice", func() bool {
		endpoints, _ := s.Admin.Get("endpointslices.discovery.k8s.io default/kubernetes").Object["endpoints"].([]any)
		return strings.Contains(fmt.Sprint(endpoints), p.address)
	})
	if cluster.AtLeast(p.minor, "1.33") {
		s.Until("the range of Services is ready", func() bool {
			status, _ := s.Admin.Get("servicecidrs.networking.k8s.io kubernetes").Object["status"].(map[string]any)
			return status["conditions"] != nil
		})
	}
	if err := s.Cluster.Ended(); err != nil {
		s.T.Fatal(err)
	}
}

// refused fails for everything that a policy has refused since the last time, but for what it means to.
func refused(s *stage.Stage, written int, meant func(w *cluster.Write) bool) int {
	s.T.Helper()
	writes, end, err := s.Cluster.Audit(written)
	if err != nil {
		s.T.Fatal(err)
	}
	if !slices.ContainsFunc(writes, func(w cluster.Write) bool { return w.Who() == "system:apiserver" }) {
		s.T.Error("the API server has written nothing")
	}
	told := map[string]bool{}
	for _, w := range writes {
		if !strings.Contains(w.ResponseStatus.Message, stage.PolicyRefusal) || meant(&w) {
			continue
		}
		line := fmt.Sprintf("%s is refused: %s %s/%s %s/%s: %s", w.Who(), w.Verb, w.ObjectRef.Resource, w.ObjectRef.Subresource, w.ObjectRef.Namespace, w.ObjectRef.Name, w.ResponseStatus.Message)
		if !told[line] {
			told[line] = true
			s.T.Error(line)
		}
	}
	return end
}
