package lives

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

// keepers pass the locks on everything.
const keepers = "keepers"

// place is a namespace under a policy, in which lives go on.
type place struct {
	// name is that of the policy.
	name string
	// policy is its text. Without it there is a file of that name, in examples or testdata.
	policy    string
	namespace string
	// labels are those of the locked objects, later those of what is made when the policy acts.
	labels, later string
	// group is that of the custom resource.
	group string
	// keeper may do what the policy lets somebody do, undertaker may delete what not even the keeper may.
	keeper, undertaker func(s *stage.Stage) *stage.Actor
	// everything is locked, in the cluster as well.
	everything bool
	// kept says that controllers may not delete.
	kept bool
	// before says that the policy finds the lives begun, and which stage of the test goes on with them.
	before string
}

// examples are the places of the policies that others wrote.
var examples = []*place{
	{name: "payments", namespace: "default", labels: `aura: red, allowed-for-deletion: "yes"`, keeper: account("default", "jonny-op")},
	{name: "database", namespace: "orders", labels: "app.kubernetes.io/instance: orders-db", keeper: account("flux-system", "kustomize-controller"), undertaker: member("on-call")},
	{name: "freeze", namespace: "shop", keeper: member("release-captains")},
	{name: "delete-protection", namespace: "default", labels: `allowed-for-deletion: "yes"`},
	{name: "operator", namespace: "db", group: "db.example.com", keeper: account("db-system", "database-operator")},
	{name: "workloads", namespace: "workloads", labels: "app.kubernetes.io/part-of: shop", keeper: member("platform-team")},
}

// everything is locked wherever it is, also for administrators, but for the controllers.
var everything = &place{name: "everything", namespace: "everything", everything: true, policy: `
lock everywhere {
  resources  *
  namespace  everything, default, kube-system, kube-public, kube-node-lease
  all objects
  deny       create, update, delete
  exclusive  group keepers, user "klock:admin"
  exempt     controllers
  guard      no owners, no namespace, no crd
}

lock cluster {
  resources  *
  cluster
  all objects
  deny       create, update, delete
  exclusive  group keepers, user "klock:admin"
  exempt     controllers
  guard      no owners, no crd
}
`}

// tenant is a namespace that a team has. Quotas and Pod Security are not of ours.
var tenant = &place{name: "tenant", namespace: "tenant", keeper: member("team"), undertaker: member("platform"), policy: `
deployer group platform

tenant tenant {
  namespaces  tenant
  members     group team
  role        admin
}
`}

// kept is what nobody deletes, controllers included.
var kept = &place{name: "kept", namespace: "kept", kept: true, policy: `
lock stays {
  resources  *
  namespace  kept
  all objects
  deny       delete
  exclusive  group keepers
  exempt     lifecycle
  guard      no owners, no namespace, no crd
}
`}

// requirement is a place with objects that are older than what is required of them.
func requirement(number int, stage string) *place {
	name := fmt.Sprintf("before-%d", number)
	return &place{name: name, namespace: name, later: "team: a", before: stage, policy: strings.ReplaceAll(`
resource databases.NAME.example.com/v1 namespaced kind Database subresources status

lock team {
  resources  pods, services, endpoints, endpointslices, persistentvolumeclaims, jobs, databases.NAME.example.com
  namespace  NAME
  require    label team
  exempt     lifecycle
}

lock team-of-the-cluster {
  resources  nodes, persistentvolumes
  name       NAME-lost-node, NAME-claim
  require    label team
  exempt     lifecycle
}
`, "NAME", name)}
}

func account(namespace, name string) func(*stage.Stage) *stage.Actor {
	return func(s *stage.Stage) *stage.Actor { return s.Account(namespace, name, cluster.Testers, keepers) }
}

func member(group string) func(*stage.Stage) *stage.Actor {
	return func(s *stage.Stage) *stage.Actor { return s.User("carol", group, cluster.Testers, keepers) }
}

// manifest is what klockc makes of the policy.
func (p *place) manifest(t *testing.T) []byte {
	t.Helper()
	if p.policy != "" {
		file := filepath.Join(t.TempDir(), p.name+".klock")
		if err := os.WriteFile(file, []byte("policy "+p.name+"\n"+p.policy), 0o600); err != nil {
			t.Fatal(err)
		}
		return cases.MustCompile(t, file)
	}
	file, is := cases.Examples(t)[p.name]
	if !is {
		file = filepath.Join(cluster.Root(), "tests", "e2e", "testdata", p.name+".klock")
	}
	return cases.MustCompile(t, file)
}

// prepare makes the namespace and the definition of the custom resource.
func (p *place) prepare(s *stage.Stage) {
	s.T.Helper()
	if p.group == "" {
		p.group = p.name + ".example.com"
	}
	s.Namespace(p.namespace, "")
	s.Allowed("the resource is defined", func() error {
		return s.Admin.Create(fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: databases.%[1]s}
spec:
  group: %[1]s
  scope: Namespaced
  names: {plural: databases, singular: database, kind: Database, listKind: DatabaseList}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`, p.group))
	})
	rule := rbacv1.PolicyRule{APIGroups: []string{p.group}, Resources: []string{"*"}, Verbs: []string{"*"}}
	if err := s.Cluster.Allow(context.Background(), keepers, rule); err != nil {
		s.T.Fatal(err)
	}
}

// world is the place for a life in a subtest.
func (p *place) world(s *stage.Stage, ctx context.Context, nodes *stage.Nodes, name string) *world {
	w := &world{Stage: s, place: p, nodes: nodes, nodeLife: ctx, name: name}
	keeper := p.keeper
	if keeper == nil {
		keeper = member("")
	}
	w.keeper = keeper(s)
	w.undertaker = w.keeper
	if p.undertaker != nil {
		w.undertaker = p.undertaker(s)
	}
	return w
}

// TestMain lets all lives go on at once: they wait most of the time.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "1000"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
