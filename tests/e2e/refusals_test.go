package e2e

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

var rewriteRefusals = flag.Bool("refusals.rewrite", false, "write what kubectl prints into docs/refusals.md")

// TestRefusals does what docs/refusals.md shows, as the people of that page, and compares what kubectl prints. Without the
// policy, everything that it refuses works.
func TestRefusals(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	kubectl := kubectl(t)
	path := filepath.Join(cluster.Root(), "docs", "refusals.md")
	page := readPage(t, path)
	policy := filepath.Join(t.TempDir(), "payments.klock")
	if err := os.WriteFile(policy, []byte(page.policy), 0o600); err != nil {
		t.Fatal(err)
	}
	manifest := cases.MustCompile(t, policy)
	all := cluster.MinorsForTest(t)
	built := cluster.Minors()
	newest := built[len(built)-1]
	if *rewriteRefusals {
		all = []string{newest}
	}
	for _, minor := range all {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, minor, kubectl)
			free, printed := map[*command]string{}, map[*command]string{}
			for _, section := range page.sections {
				t.Run("free/"+section.title, func(t *testing.T) { o.In(t).do(section, free) })
			}
			o.reset()
			o.Allowed("the policy brings its own account", func() error { return o.Admin.Remove("serviceaccounts payments/operator") })
			o.Apply(manifest)
			for _, section := range page.sections {
				t.Run("locked/"+section.title, func(t *testing.T) {
					o.In(t).do(section, printed)
					compare(t, section, free, printed, minor == newest)
				})
			}
			if *rewriteRefusals && !t.Failed() {
				if err := page.rewrite(printed); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// office is where the people of the page work.
type office struct {
	*stage.Stage
	kubectl string
	// dir is where kubectl runs.
	dir string
	// operator is the account that the policy lets pass.
	operator *stage.Actor
}

func newOffice(t *testing.T, minor, kubectl string) *office {
	t.Helper()
	c := cluster.ForTest(t, cluster.Options{Minor: minor, ControllerManager: true, Users: map[string][]string{
		"alice": {"cluster-admins"}, "bob": {"developers"}, "carol": {"auditors"},
	}})
	o := &office{Stage: stage.New(t, c), kubectl: kubectl, dir: t.TempDir()}
	o.operator = o.Account("payments", "operator", cluster.Testers)
	if err := os.WriteFile(filepath.Join(o.dir, "limits.yaml"), []byte(strings.Replace(limits, `"100"`, `"1000"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	o.StartKubelet(ctx)
	o.StartNodes(ctx)
	o.Allowed("people get their roles", func() error { return o.Admin.Create(clusterAdmins) })
	return o
}

func (o *office) In(t *testing.T) *office {
	inner := *o
	inner.Stage = o.Stage.In(t)
	return &inner
}

const clusterAdmins = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: cluster-admins}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: cluster-admins}]
`

const limits = `
apiVersion: v1
kind: ConfigMap
metadata: {name: limits, namespace: payments, labels: {aura: red}}
data: {limit: "100"}
`

// furniture is what there is in the namespace when a section begins.
var furniture = []string{`
apiVersion: v1
kind: ServiceAccount
metadata: {name: operator, namespace: payments}
`, `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: developers, namespace: payments}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: developers}]
`, `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: auditors, namespace: payments}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: auditors}]
`, `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: ledger, namespace: payments, labels: {aura: red}}
spec:
  replicas: 1
  serviceName: ledger
  selector: {matchLabels: {app: ledger}}
  template:
    metadata: {labels: {app: ledger, aura: red}}
    spec:
      containers: [{name: ledger, image: "registry.example/ledger:1", ports: [{containerPort: 8080}]}]
`, `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: archive, namespace: payments}
spec:
  replicas: 0
  serviceName: archive
  selector: {matchLabels: {app: archive}}
  template:
    metadata: {labels: {app: archive, aura: red}}
    spec:
      containers: [{name: archive, image: "registry.example/archive:1"}]
`, `
apiVersion: v1
kind: Pod
metadata: {name: scratch, namespace: payments}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: scratch, image: "registry.example/scratch:1"}]}
`, limits}

// reset makes everything anew. The operator does it, so that it works under the policy, too.
func (o *office) reset() {
	o.T.Helper()
	ctx := context.Background()
	o.Namespace("payments", "")
	for _, place := range []stage.At{"statefulsets.apps payments", "pods payments", "configmaps payments"} {
		o.Until(string(place)+" are gone", func() bool {
			client, _, _ := o.operator.Find(place)
			list, err := client.List(ctx, metav1.ListOptions{FieldSelector: "metadata.name!=kube-root-ca.crt"})
			if err != nil {
				o.T.Fatal(err)
			}
			for _, item := range list.Items {
				err := client.Delete(ctx, item.GetName(), metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
				if err != nil && !apierrors.IsNotFound(err) {
					o.T.Fatalf("%s/%s: %v", place, item.GetName(), err)
				}
			}
			return len(list.Items) == 0
		})
	}
	for _, text := range furniture {
		who := o.operator
		if strings.Contains(text, "RoleBinding") {
			// A new one would be refused, even if there is one.
			if o.Admin.Count("rolebindings.rbac.authorization.k8s.io payments", "") >= 3 {
				continue
			}
			who = o.Admin
		}
		if err := who.Create(text); err != nil && !apierrors.IsAlreadyExists(err) {
			o.T.Fatal(err)
		}
	}
	if err := o.Admin.Patch("nodes n1", `{"spec":{"unschedulable":null}}`); err != nil {
		o.T.Fatal(err)
	}
	for _, name := range []string{"ledger-0", "scratch"} {
		o.Until(name+" runs", func() bool {
			pod, err := o.Admin.Typed.CoreV1().Pods("payments").Get(ctx, name, metav1.GetOptions{})
			return err == nil && pod.Status.Phase == corev1.PodRunning
		})
	}
}

// do runs the commands of a section and notes what they print.
func (o *office) do(s *section, printed map[*command]string) {
	o.reset()
	for _, c := range s.commands {
		printed[c] = o.run(c)
	}
}

// compare holds what was printed against the page, and shows that there was something to refuse. What older servers say by
// themselves is worded otherwise; the refusals of policies are not.
func compare(t *testing.T, s *section, free, printed map[*command]string, newest bool) {
	for _, c := range s.commands {
		same := printed[c] == c.output
		if !newest && !strings.Contains(c.output, stage.PolicyRefusal) {
			same = !strings.Contains(printed[c], stage.PolicyRefusal) && failed(printed[c]) == failed(c.output)
		}
		if !*rewriteRefusals && !same {
			t.Errorf("docs/refusals.md:%d: %s$ %s prints\n%sand on the page stands\n%s", c.at+1, c.user, c.line, printed[c], c.output)
		}
		// What the policy brings along is not there without it.
		if strings.Contains(printed[c], stage.PolicyRefusal) && failed(free[c]) && !strings.Contains(free[c], "(NotFound)") {
			t.Errorf("docs/refusals.md:%d: %s$ %s fails without the policy:\n%s", c.at+1, c.user, c.line, free[c])
		}
	}
}

// run returns what kubectl prints, with its exit status unless that is 0.
func (o *office) run(c *command) string {
	o.T.Helper()
	var kubeconfig string
	var err error
	if c.user == "operator" {
		kubeconfig, err = o.Cluster.AccountKubeconfig(context.Background(), "payments", c.user)
	} else {
		kubeconfig, err = o.Cluster.UserKubeconfig(c.user, "payments")
	}
	if err != nil {
		o.T.Fatal(err)
	}
	args, ok := strings.CutPrefix(c.line, "kubectl ")
	if !ok {
		o.T.Fatalf("docs/refusals.md:%d: not kubectl: %s", c.at+1, c.line)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", "exec "+o.kubectl+" "+args)
	cmd.Dir = o.dir
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "KUBECACHEDIR="+filepath.Join(o.Cluster.Dir, "cache-"+c.user))
	out := &forever{until: []byte("Forwarding from"), stop: func() { cmd.Process.Kill() }}
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		o.T.Fatal(err)
	}
	text := sortEvictions(out.text.String())
	if code := cmd.ProcessState.ExitCode(); code != 0 && !out.stopped {
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		text += fmt.Sprintf("[exit status %d]\n", code)
	}
	return text
}

// sortEvictions puts the lines in order that kubectl writes from several goroutines at once.
func sortEvictions(text string) string {
	lines := strings.Split(text, "\n")
	isEviction := func(line string) bool { return strings.HasPrefix(line, "evicting pod ") }
	for first := range lines {
		last := first
		for last < len(lines) && isEviction(lines[last]) {
			last++
		}
		slices.Sort(lines[first:last])
	}
	return strings.Join(lines, "\n")
}

func failed(printed string) bool { return strings.Contains(printed, "[exit status ") }

// forever is the output of a command that may not end by itself: it is stopped when it has begun.
type forever struct {
	mutex   sync.Mutex
	text    bytes.Buffer
	until   []byte
	stop    func()
	stopped bool
}

func (f *forever) Write(p []byte) (int, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	n, err := f.text.Write(p)
	if !f.stopped && bytes.Contains(f.text.Bytes(), f.until) {
		f.stopped = true
		f.stop()
	}
	return n, err
}
