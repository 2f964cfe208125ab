// Package attacks goes the ways around locks that docs/ways-around.md tells of.
package attacks

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/live"
	"klock.dev/e2e/stage"
)

// openEverywhere goes the ways without a lock on all minors. What comes of that is Kubernetes' doing and not klockc's, so that it
// is enough to see it on the newest.
var openEverywhere = flag.Bool("attacks.open", false, "go the ways without a lock on all minors")

// A way leads around a lock on the objects of namespace NS, to which sa NS/keeper alone has a key. It is gone twice, in
// one namespace before there is a policy and in another under it: the first time every act succeeds and ends in `done`, the
// second time every act is refused and `done` stays away. NS stands for the namespace in texts and places.
type way struct {
	number int
	name   string
	// since is the oldest minor that has what the way needs.
	since string
	// policy has no `policy` clause: it is named like the way.
	policy string
	// early is what the API server must know for a while: it is made before the first way, and the way is the last.
	early func(w *world)
	setup func(w *world)
	acts  []act
	done  func(w *world) bool
	// deputy waits until whoever does the last part of the way has had its time under the policy. Where there is none, no
	// controller may be refused.
	deputy func(w *world)
	// after shows, under the policy, what else there is to see: that the keeper may, what stays open.
	after func(w *world)
	// end takes away what would be in the way of others.
	end func(w *world)
	// warns is what klockc says about the policy, unguarded what it says without the clauses that close the way.
	warns, unguarded string
	// alone says that the policy reaches beyond its namespace, so that the next way waits for its end.
	alone bool
}

// An act is one request of mallory, who may do anything that RBAC knows.
type act struct {
	what string
	do   func(w *world) error
	// by refuses: a lock or an actor of the policy, or one of the others below.
	by string
	// since is as for the way.
	since string
}

const (
	// guarded is the lock in most policies.
	guarded = "lock guarded"
	keeper  = "actor keeper"
	// authorizer is RBAC, which refuses what an earlier act did not bring about.
	authorizer = "RBAC"
	// nobody refuses: the act is no harm by itself.
	nobody = "nobody"
	// itself is the API server, which finds nothing to do.
	itself = "the API server itself"
	// failure is the policy, whose expression fails.
	failure = "a failing expression"
)

// world is the stage on which a way is gone.
type world struct {
	*stage.Stage
	ns      string
	policy  string
	locked  bool
	mallory *stage.Actor
	keeper  *stage.Actor
	// machine stands in for kubelets, pods and webhooks.
	machine *machine
}

// ways are all ways, in their order. The other files of the package hold them.
func ways() []way {
	all := slices.Concat(waysByObject, waysBySubresource, waysByDeputy, waysByDefinition, waysByIdentity, waysByCondition, waysByOthers, waysOutside)
	slices.SortStableFunc(all, func(a, b way) int { return a.number - b.number })
	return all
}

func (v *way) id() string { return fmt.Sprintf("%02d-%s", v.number, v.name) }

// TestAttacks goes every way around a lock on a running control plane: docs/ways-around.md. Most of the time of a way is waiting,
// so that those of a minor are dealt out to several control planes: TestAttacks/1.37/0/05-eviction.
func TestAttacks(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	const shares = 3
	minors := cluster.MinorsForTest(t)
	for _, minor := range minors {
		open := *openEverywhere || minor == minors[len(minors)-1]
		for share := range shares {
			t.Run(fmt.Sprintf("%s/%d", minor, share), func(t *testing.T) {
				t.Parallel()
				// What has to be made early comes last.
				var first, last []way
				for i, v := range ways() {
					switch {
					case i%shares != share:
					case v.early == nil:
						first = append(first, v)
					default:
						last = append(last, v)
					}
				}
				goAll(t, minor, slices.Concat(first, last), open)
			})
		}
	}
}

func goAll(t *testing.T, minor string, own []way, open bool) {
	options := cluster.Options{
		Minor: minor, ControllerManager: true, Scheduler: realScheduler, Certificates: true,
		APIServerFlags:         []string{"--enable-admission-plugins=NodeRestriction", "--enable-bootstrap-token-auth"},
		ControllerManagerFlags: []string{"--horizontal-pod-autoscaler-sync-period=1s", "--pvclaimbinder-sync-period=1s"},
	}
	if cluster.AtLeast(minor, unsafeDeletes) {
		options.APIServerFlags = append(options.APIServerFlags, "--feature-gates=AllowUnsafeMalformedObjectDeletion=true")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var machine *machine
	var nodes *stage.Nodes
	// Where only a few ways are wanted, the other shares start nothing.
	began := sync.OnceValue(func() *stage.Stage {
		s := stage.New(t, cluster.ForTest(t, options))
		machine = startMachine(t)
		machine.join(s, "n1")
		nodes = s.StartNodes(ctx)
		for _, v := range own {
			for _, suffix := range []string{"open", "shut"} {
				if v.early != nil {
					v.early(newWorld(s, v, machine, suffix))
				}
			}
		}
		return s
	})
	for _, v := range own {
		t.Run(v.id(), func(t *testing.T) {
			s := began().In(t)
			if !cluster.AtLeast(minor, v.since) {
				t.Skipf("Kubernetes %s has it, %s does not", v.since, minor)
			}
			if open {
				goesOpen(s, v, machine)
			}
			goesShut(s, v, machine)
		})
	}
	if nodes != nil {
		deputiesRest(began(), nodes)
	}
}

// deputiesRest fails if a policy refused what is no part of a way.
func deputiesRest(s *stage.Stage, n *stage.Nodes) {
	s.T.Helper()
	for _, line := range n.TakeRefusals() {
		s.T.Errorf("a node is refused: %s", line)
	}
	lines, _ := s.ControllerRefusals(0)
	for _, line := range lines {
		if !slices.ContainsFunc(ways(), func(v way) bool {
			return v.deputy != nil && strings.Contains(line, " of policy w"+v.id()+";")
		}) {
			s.T.Errorf("a controller is refused: %s", line)
		}
	}
}

func goesOpen(s *stage.Stage, v way, m *machine) {
	s.T.Helper()
	open := newWorld(s, v, m, "open")
	defer open.ends(v)
	open.begin(v)
	for _, a := range v.acts {
		if cluster.AtLeast(s.Cluster.Minor, a.since) {
			open.Allowed("without a lock: "+a.what, func() error { return a.do(open) })
		}
	}
	if v.done != nil {
		open.Until("without a lock the way leads to its end", func() bool { return v.done(open) })
	}
}

func goesShut(s *stage.Stage, v way, m *machine) {
	s.T.Helper()
	w := newWorld(s, v, m, "shut")
	w.locked = true
	defer w.ends(v)
	w.begin(v)
	if v.policy != "" {
		manifest, _ := w.compile(v)
		if v.warns != "" {
			w.warned(v.warns, againstInsiders(v.policy, nil))
		}
		if v.unguarded != "" {
			bare := closing.ReplaceAllString(v.policy, "")
			w.warned(v.unguarded, againstInsiders(bare, []string{"owners", "namespace", "crd"}))
		}
		// What policies know of parameters must not end with each of them: see live.
		if err := s.Judge.Admit(context.Background(), []*live.File{{Manifest: manifest}}); err != nil {
			s.T.Fatal(err)
		}
		s.Apply(manifest)
		defer w.withdraw(manifest, v.alone)
	}
	for _, a := range v.acts {
		if cluster.AtLeast(s.Cluster.Minor, a.since) {
			w.attempt(a)
		}
	}
	if v.deputy != nil {
		v.deputy(w)
	}
	if v.done != nil && v.done(w) {
		s.T.Error("the way leads to its end under the lock")
	}
	if v.after != nil {
		v.after(w)
	}
}

// closing are the clauses that close ways which klockc warns of.
var closing = regexp.MustCompile(`(?m)^  (guard|cascade).*$| sealed`)

var (
	lockBlock   = regexp.MustCompile(`(?s)\nlock .*?\n}`)
	guardClause = regexp.MustCompile(`(?m)^  guard +(.*)$`)
)

// againstInsiders is the policy with a head that has klockc warn of all ways, and without the guards that only this head
// gives it, or that are named.
func againstInsiders(policy string, without []string) string {
	without = slices.Concat(without, []string{"rbac", "accounts", "controllers"})
	locks := lockBlock.ReplaceAllStringFunc("\n"+policy, func(lock string) string {
		found := guardClause.FindStringSubmatch(lock)
		guards := ""
		if found != nil {
			guards = found[1]
		}
		if guards == "none" {
			return lock
		}
		for _, guard := range without {
			if !strings.Contains(guards, guard) {
				guards += ", no " + guard
			}
		}
		clause := "  guard      " + strings.TrimPrefix(guards, ", ")
		if found != nil {
			return strings.Replace(lock, found[0], clause, 1)
		}
		return strings.TrimSuffix(lock, "}") + clause + "\n}"
	})
	return "against insiders\n" + locks
}

// warned compiles the policy, whose first line ends its head.
func (w *world) warned(code, policy string) {
	w.T.Helper()
	head, rest, _ := strings.Cut(policy, "\n")
	file := filepath.Join(w.T.TempDir(), "way.klock")
	if err := os.WriteFile(file, []byte("policy "+w.policy+" "+head+"\n"+w.text(rest)), 0o600); err != nil {
		w.T.Fatal(err)
	}
	_, diagnostics, err := cases.Compile(file)
	if err != nil {
		w.T.Fatal(err)
	}
	if !strings.Contains(diagnostics, code) {
		w.T.Errorf("klockc does not warn with %s:\n%s", code, diagnostics)
	}
}

func newWorld(s *stage.Stage, v way, m *machine, suffix string) *world {
	w := &world{Stage: s, ns: "w" + v.id() + "-" + suffix, policy: "w" + v.id(), machine: m}
	w.mallory = s.User("mallory", "system:masters")
	w.keeper = s.Account(w.ns, "keeper", cluster.Testers)
	return w
}

func (w *world) begin(v way) {
	w.T.Helper()
	w.Namespace(w.ns, "way: "+w.ns)
	w.make(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: keeper, namespace: NS}}`)
	if v.setup != nil {
		v.setup(w)
	}
}

func (w *world) ends(v way) {
	if v.end != nil {
		v.end(w)
	}
}

func (w *world) compile(v way) (manifest []byte, diagnostics string) {
	w.T.Helper()
	file := filepath.Join(w.T.TempDir(), "way.klock")
	if err := os.WriteFile(file, []byte("policy "+w.policy+"\n"+w.text(v.policy)), 0o600); err != nil {
		w.T.Fatal(err)
	}
	manifest, diagnostics, err := cases.Compile(file)
	if err != nil {
		w.T.Fatal(err)
	}
	return manifest, diagnostics
}

func (w *world) withdraw(manifest []byte, wait bool) {
	w.T.Helper()
	remove := w.Judge.Withdraw
	if wait {
		remove = w.Judge.Remove
	}
	if err := remove(context.Background(), manifest); err != nil {
		w.T.Error(err)
	}
}

// attempt goes a part of the way under the lock.
func (w *world) attempt(a act) {
	w.T.Helper()
	by := a.by
	if by == "" {
		by = guarded
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := a.do(w)
		switch {
		case by == nobody && err == nil:
			return
		case by == nobody && !apierrors.IsConflict(err):
			w.T.Fatalf("%s: %v", a.what, err)
		case err == nil:
			w.T.Errorf("under the lock somebody may %s", a.what)
			return
		case w.refuses(by, err):
			return
		case time.Now().After(deadline) || !apierrors.IsConflict(err) && !isPolicyRefusal(err):
			w.T.Errorf("%s does not refuse to %s: %v", by, a.what, err)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func isPolicyRefusal(err error) bool { return strings.Contains(err.Error(), stage.PolicyRefusal) }

func (w *world) refuses(by string, err error) bool {
	text := err.Error()
	switch by {
	case authorizer:
		return apierrors.IsForbidden(err) && !isPolicyRefusal(err) || apierrors.IsUnauthorized(err)
	case itself:
		return !isPolicyRefusal(err)
	case failure:
		return strings.Contains(text, stage.PolicyRefusal+w.policy+"-") && !strings.Contains(text, " of policy ")
	}
	return strings.Contains(text, stage.PolicyRefusal+w.policy+"-") && strings.Contains(text, "("+by+" of policy "+w.policy+";")
}

// refusedBy fails unless somebody is refused what is not an act of the way.
func (w *world) refusedBy(by, what string, err error) {
	w.T.Helper()
	if err == nil || !w.refuses(by, err) {
		w.T.Errorf("%s does not refuse to %s: %v", by, what, err)
	}
}

// passes fails unless somebody may do it under the lock.
func (w *world) passes(what string, request func() error) {
	w.T.Helper()
	w.Allowed("under the lock: "+what, request)
}

// Until is the stage's, and shows the pods of the namespace when it waits in vain.
func (w *world) Until(what string, condition func() bool) {
	w.T.Helper()
	defer func() {
		if !w.T.Failed() {
			return
		}
		if list, err := w.Admin.Typed.CoreV1().Pods(w.ns).List(context.Background(), metav1.ListOptions{}); err == nil {
			for _, p := range list.Items {
				w.T.Logf("pod %s on %q: %s, deleted %v", p.Name, p.Spec.NodeName, p.Status.Phase, p.DeletionTimestamp)
			}
		}
	}()
	w.Stage.Until(what, condition)
}

// text is written for one namespace.
func (w *world) text(s string) string {
	return strings.NewReplacer("NS", w.ns, "POLICY", w.policy, "TOKEN", fmt.Sprintf("%06x", crc32.ChecksumIEEE([]byte(w.ns))&0xffffff)).Replace(s)
}

func (w *world) at(place string) stage.At { return stage.At(w.text(place)) }

// make creates objects as an administrator.
func (w *world) make(text string) {
	w.T.Helper()
	w.makeAsIs(w.text(text))
}

// makeAsIs makes objects that hold what only looks like the names that text fills in, such as certificates.
func (w *world) makeAsIs(text string) {
	w.T.Helper()
	w.Allowed("an object is made", func() error {
		if err := w.Admin.Create(text); !apierrors.IsAlreadyExists(err) {
			return err
		}
		return nil
	})
}

func (w *world) gone(place string) bool { return !w.Admin.Exists(w.at(place)) }

// going says whether an object is gone or about to go.
func (w *world) going(place string) bool {
	w.T.Helper()
	client, name, _ := w.Admin.Find(w.at(place))
	object, err := client.Get(context.Background(), name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		w.T.Fatalf("%s: %v", place, err)
	}
	return err != nil || object.GetDeletionTimestamp() != nil
}

// field is a value in an object, nil where there is none.
func (w *world) field(place string, path ...string) any {
	w.T.Helper()
	var value any = w.Admin.Get(w.at(place)).Object
	for _, key := range path {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// logged says whether the log of the controller manager, or of another process, tells of a refusal by a lock of the policy.
func (w *world) logged(by, process string) bool {
	w.T.Helper()
	log, err := w.Cluster.Log(process)
	if err != nil {
		w.T.Fatal(err)
	}
	return strings.Contains(string(log), "("+by+" of policy "+w.policy+";")
}

// deputyRefused waits until a controller is refused.
func deputyRefused(by string) func(*world) {
	return func(w *world) {
		w.T.Helper()
		w.Until("a controller is refused", func() bool { return w.logged(by, "kube-controller-manager") })
	}
}

func gone(place string) func(*world) bool {
	return func(w *world) bool { return w.gone(place) }
}

// The acts of many ways.

func removes(place string) act {
	return act{what: "delete " + place, do: func(w *world) error { return w.mallory.Remove(w.at(place)) }}
}

func patches(place, patch string) act {
	return act{what: "patch " + place + " with " + patch, do: func(w *world) error { return w.mallory.Patch(w.at(place), w.text(patch)) }}
}

func creates(what, text string) act {
	return act{what: "create " + what, do: func(w *world) error { return w.mallory.Create(w.text(text)) }}
}

func (a act) refusedBy(by string) act {
	a.by = by
	return a
}

func (a act) from(minor string) act {
	a.since = minor
	return a
}

// The objects of many ways.

// vault is the locked ConfigMap.
const vault = `{apiVersion: v1, kind: ConfigMap, metadata: {name: vault, namespace: NS, labels: {aura: red}}, data: {gold: "1"}}`

// app is the locked pod.
const app = `{apiVersion: v1, kind: Pod, metadata: {name: app, namespace: NS, labels: {aura: red}}, spec: {containers: [{name: c, image: "registry.example/image:1"}]}}`

func makes(texts ...string) func(*world) {
	return func(w *world) {
		w.T.Helper()
		for _, text := range texts {
			w.make(text)
		}
	}
}

// running waits for a pod.
func (w *world) running(place string) {
	w.T.Helper()
	w.Until(place+" runs", func() bool { return w.field(place, "status", "phase") == "Running" })
}

var errNothing = errors.New("nothing came of it")
