// Package cluster runs a Kubernetes control plane of loopback processes: etcd, kube-apiserver and, when asked for,
// kube-controller-manager and kube-scheduler. There are no nodes.
package cluster

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	// Testers is the group that may do everything but hold a verb on locks: see allowTesters.
	Testers = "klock:testers"

	// LocksGroup is the API group whose authorizer checks stand for the permission to unlock.
	LocksGroup = "klock.dev"

	// StaticMinor is the first minor whose servers are tested with static manifests.
	StaticMinor = "1.37"

	adminToken     = "admin"
	managerToken   = "controller-manager"
	schedulerToken = "scheduler"
	// An API server whose first writes fail gives up after a minute at most.
	startTimeout = 90 * time.Second
)

// Options says what to start.
type Options struct {
	// Minor is the Kubernetes minor, "1.37". Empty is the newest that is built.
	Minor string
	// ControllerManager starts kube-controller-manager too.
	ControllerManager bool
	// TypeChecker lets the controller manager check the types in policies. That takes most of its time where policies come
	// and go, and it writes to nothing but their status, which no policy sees.
	TypeChecker bool
	// SharedCredentials lets all controllers be the user system:kube-controller-manager, as in a cluster that runs
	// them without --use-service-account-credentials.
	SharedCredentials bool
	// Scheduler is the name by which pods ask for kube-scheduler. Empty starts none.
	Scheduler string
	// NodeAuthorizer gives kubelets the rights that they have in a cluster, and no others.
	NodeAuthorizer bool
	// Audit lets the API server note every write: see Cluster.Audit.
	Audit bool
	// Sync lets etcd wait for the disk, as it does where its data matter.
	Sync bool
	// Users are people with a token of their own, and their groups.
	Users map[string][]string
	// StaticPolicies is a directory of manifests that the ValidatingAdmissionPolicy plugin loads at start.
	StaticPolicies string
	// Certificates lets the API server trust client certificates of a CA (ca.crt, ca.key in Dir) with which the controller
	// manager signs what is approved.
	Certificates bool
	// APIServerFlags and ControllerManagerFlags come after all others.
	APIServerFlags, ControllerManagerFlags []string
}

// Cluster is a running control plane.
type Cluster struct {
	Minor string
	// Dir holds certificates, data and the logs NAME.log.
	Dir string
	// Config is that of a member of system:masters.
	Config *rest.Config
	// Etcd is the store behind the API server.
	Etcd *clientv3.Client

	options Options
	etcdURL string
	ports   ports
	// allowed are the rules that groups have been given.
	allowed   map[string][]rbacv1.PolicyRule
	apiserver *process
	processes []*process
}

// ports are those on which the components listen.
type ports struct{ etcd, peer, apiserver, manager, scheduler int }

// Servers is the directory that servers/build.sh fills.
func Servers() string {
	if dir := os.Getenv("KLOCK_SERVERS"); dir != "" {
		return dir
	}
	return filepath.Join(Root(), "build", "servers")
}

// Root is the top of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

// Minors lists the minors that are built, oldest first.
func Minors() []string {
	found, _ := filepath.Glob(filepath.Join(Servers(), "*", "kube-apiserver"))
	var minors []string
	for _, path := range found {
		minors = append(minors, filepath.Base(filepath.Dir(path)))
	}
	sort.Slice(minors, func(i, j int) bool { return minorNumber(minors[i]) < minorNumber(minors[j]) })
	return minors
}

// MinorsForTest are those of KLOCK_MINORS, or all that are built.
func MinorsForTest(t testing.TB) []string {
	if wanted := strings.Fields(os.Getenv("KLOCK_MINORS")); len(wanted) > 0 {
		return wanted
	}
	built := Minors()
	if len(built) == 0 {
		t.Skipf("no servers in %s: run tests/e2e/servers/build.sh", Servers())
	}
	return built
}

// AtLeast says whether a minor is not older than another.
func AtLeast(minor, since string) bool { return minorNumber(minor) >= minorNumber(since) }

func minorNumber(minor string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(minor, "1."))
	return n
}

// ForTest starts a cluster that ends with the test. It skips the test when the servers are not built, and shows the
// end of the logs when the test fails.
func ForTest(t testing.TB, o Options) *Cluster {
	t.Helper()
	minors := Minors()
	if len(minors) == 0 || (o.Minor != "" && !slices.Contains(minors, o.Minor)) {
		t.Skipf("no servers for Kubernetes %s in %s: run tests/e2e/servers/build.sh", o.Minor, Servers())
	}
	c, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended := c.Ended()
		c.Stop()
		if t.Failed() {
			if ended != nil {
				t.Log(ended)
			}
			t.Logf("logs are kept in %s", c.Dir)
			return
		}
		os.RemoveAll(c.Dir)
	})
	return c
}

// StaticForTest is ForTest with manifests that the API server loads at start, by name.
func StaticForTest(t testing.TB, manifests map[string][]byte) *Cluster {
	t.Helper()
	dir := t.TempDir()
	for name, manifest := range manifests {
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), manifest, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return ForTest(t, Options{Minor: StaticMinor, StaticPolicies: dir})
}

// Start starts a cluster and waits until it is ready. A port that somebody else takes between its choice and its use
// is the one expected failure, so a start is tried more than once.
func Start(o Options) (*Cluster, error) {
	if o.Minor == "" {
		minors := Minors()
		if len(minors) == 0 {
			return nil, fmt.Errorf("no servers in %s", Servers())
		}
		o.Minor = minors[len(minors)-1]
	}
	var err error
	for range 3 {
		var c *Cluster
		if c, err = start(o); err == nil {
			return c, nil
		}
	}
	return nil, err
}

func start(o Options) (_ *Cluster, err error) {
	dir, err := os.MkdirTemp("", "klock-e2e-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{Minor: o.Minor, Dir: dir, options: o}
	defer func() {
		if err != nil {
			c.Stop()
			os.RemoveAll(dir)
		}
	}()
	free, err := freePorts(5)
	if err != nil {
		return nil, err
	}
	c.ports = ports{etcd: free[0], peer: free[1], apiserver: free[2], manager: free[3], scheduler: free[4]}
	c.etcdURL = fmt.Sprintf("http://127.0.0.1:%d", c.ports.etcd)
	c.Config = &rest.Config{
		Host:            fmt.Sprintf("https://127.0.0.1:%d", c.ports.apiserver),
		BearerToken:     adminToken,
		TLSClientConfig: rest.TLSClientConfig{Insecure: true},
		QPS:             -1,
	}
	if err := c.writeCredentials(); err != nil {
		return nil, err
	}
	if err := c.startEtcd(); err != nil {
		return nil, err
	}
	if err := c.startAPIServer(); err != nil {
		return nil, err
	}
	if c.Etcd, err = clientv3.New(clientv3.Config{
		Endpoints: []string{c.etcdURL},
		Logger:    zap.NewNop(),
	}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := c.allowTesters(ctx); err != nil {
		return nil, err
	}
	return c, c.startControllers()
}

// startControllers starts what acts through the API server.
func (c *Cluster) startControllers() error {
	if c.options.ControllerManager {
		if err := c.startControllerManager(); err != nil {
			return err
		}
	}
	if c.options.Scheduler != "" {
		return c.startScheduler()
	}
	return nil
}

// startEtcd uses the etcd of the newest minor: it serves every API server.
func (c *Cluster) startEtcd() error {
	minors := Minors()
	peer := fmt.Sprintf("http://127.0.0.1:%d", c.ports.peer)
	return c.start("etcd", filepath.Join(Servers(), minors[len(minors)-1], "etcd"),
		"--name=e2e",
		"--data-dir="+filepath.Join(c.Dir, "etcd"),
		"--unsafe-no-fsync="+strconv.FormatBool(!c.options.Sync),
		"--listen-client-urls="+c.etcdURL,
		"--advertise-client-urls="+c.etcdURL,
		"--listen-peer-urls="+peer,
		"--initial-advertise-peer-urls="+peer,
		"--initial-cluster=e2e="+peer,
		"--log-level=warn",
	)
}

// writeCredentials writes what the components know each other and their users by.
func (c *Cluster) writeCredentials() error {
	if err := writeKey(c.accountKey()); err != nil {
		return err
	}
	text := fmt.Appendln(nil, adminToken+`,klock:admin,,"system:masters"`)
	text = fmt.Appendln(text, managerToken+",system:kube-controller-manager,")
	text = fmt.Appendln(text, schedulerToken+",system:kube-scheduler,")
	for name, groups := range c.options.Users {
		text = fmt.Appendf(text, "%s,%s,,%q\n", userToken(name), name, strings.Join(groups, ","))
	}
	if err := os.WriteFile(c.tokens(), text, 0o600); err != nil || !c.options.Certificates {
		return err
	}
	return c.writeCA()
}

func (c *Cluster) accountKey() string { return filepath.Join(c.Dir, "service-account.key") }

func (c *Cluster) tokens() string { return filepath.Join(c.Dir, "tokens.csv") }

// startAPIServer waits until it is ready: by then it has written everything without which it would give up.
func (c *Cluster) startAPIServer() error {
	o := &c.options
	args := []string{
		"--etcd-servers=" + c.etcdURL,
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(c.ports.apiserver),
		"--cert-dir=" + filepath.Join(c.Dir, "certs"),
		"--service-account-key-file=" + c.accountKey(),
		"--service-account-signing-key-file=" + c.accountKey(),
		"--service-account-issuer=https://e2e.klock.dev",
		"--service-cluster-ip-range=10.0.0.0/16",
		"--authorization-mode=RBAC",
		"--token-auth-file=" + c.tokens(),
		"--allow-privileged=true",
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none",
	}
	if !o.ControllerManager {
		// Nobody makes the default ServiceAccounts without which the plugin refuses every Pod.
		args = append(args, "--disable-admission-plugins=ServiceAccount")
	}
	if o.StaticPolicies != "" {
		config, err := c.writeAdmissionConfig(o.StaticPolicies)
		if err != nil {
			return err
		}
		args = append(args, "--admission-control-config-file="+config)
	}
	if o.Certificates {
		args = append(args, "--client-ca-file="+c.caFile())
	}
	if o.NodeAuthorizer {
		args = append(args, "--authorization-mode=Node", "--enable-admission-plugins=NodeRestriction")
	}
	if o.Audit {
		flags, err := c.auditFlags()
		if err != nil {
			return err
		}
		args = append(args, flags...)
	}
	args = append(args, o.APIServerFlags...)
	if err := c.start("kube-apiserver", filepath.Join(Servers(), c.Minor, "kube-apiserver"), args...); err != nil {
		return err
	}
	c.apiserver = c.processes[len(c.processes)-1]
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return c.waitReady(ctx)
}

func (c *Cluster) writeAdmissionConfig(manifests string) (string, error) {
	manifests, err := filepath.Abs(manifests)
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.Dir, "admission.yaml")
	return path, os.WriteFile(path, fmt.Appendf(nil, `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: ValidatingAdmissionPolicy
  configuration:
    apiVersion: apiserver.config.k8s.io/v1
    kind: ValidatingAdmissionPolicyConfiguration
    staticManifestsDir: %q
`, manifests), 0o600)
}

func (c *Cluster) startControllerManager() error {
	o := &c.options
	kubeconfig, err := c.writeKubeconfig("kube-controller-manager", managerToken, "default")
	if err != nil {
		return err
	}
	if o.SharedCredentials {
		// Then it needs the rights of all controllers.
		text, err := os.ReadFile(kubeconfig)
		if err != nil {
			return err
		}
		shared := fmt.Sprintf("{token: %q, as: system:kube-controller-manager, as-groups: [system:masters]", adminToken)
		text = bytes.Replace(text, fmt.Appendf(nil, "{token: %q", managerToken), []byte(shared), 1)
		if err := os.WriteFile(kubeconfig, text, 0o600); err != nil {
			return err
		}
	}
	args := []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--service-account-private-key-file=" + c.accountKey(),
		"--use-service-account-credentials=" + strconv.FormatBool(!o.SharedCredentials),
		"--leader-elect=false",
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(c.ports.manager),
		"--cert-dir=" + filepath.Join(c.Dir, "certs"),
		"--concurrent-gc-syncs=2",
	}
	if o.Certificates {
		args = append(args, "--cluster-signing-cert-file="+c.caFile(), "--cluster-signing-key-file="+filepath.Join(c.Dir, "ca.key"))
	}
	if !o.TypeChecker {
		args = append(args, "--controllers=*,-validatingadmissionpolicy-status-controller")
	}
	args = append(args, o.ControllerManagerFlags...)
	return c.start("kube-controller-manager", filepath.Join(Servers(), c.Minor, "kube-controller-manager"), args...)
}

func (c *Cluster) startScheduler() error {
	kubeconfig, err := c.writeKubeconfig("kube-scheduler", schedulerToken, "default")
	if err != nil {
		return err
	}
	config := filepath.Join(c.Dir, "scheduler.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: %q}
leaderElection: {leaderElect: false}
profiles: [{schedulerName: %q}]
`, kubeconfig, c.options.Scheduler), 0o600); err != nil {
		return err
	}
	return c.start("kube-scheduler", filepath.Join(Servers(), c.Minor, "kube-scheduler"),
		"--config="+config,
		"--authentication-kubeconfig="+kubeconfig,
		"--authorization-kubeconfig="+kubeconfig,
		"--bind-address=127.0.0.1",
		"--secure-port="+strconv.Itoa(c.ports.scheduler),
		"--cert-dir="+filepath.Join(c.Dir, "certs"),
	)
}

// Log is what a process has written so far.
func (c *Cluster) Log(process string) ([]byte, error) {
	return os.ReadFile(filepath.Join(c.Dir, process+".log"))
}

// Kubeconfig writes a kubeconfig of the administrator and returns its path.
func (c *Cluster) Kubeconfig() (string, error) {
	return c.writeKubeconfig("admin", adminToken, "default")
}

// UserKubeconfig writes a kubeconfig of one of the Users, with a namespace to begin in, and returns its path.
func (c *Cluster) UserKubeconfig(name, namespace string) (string, error) {
	return c.writeKubeconfig(name, userToken(name), namespace)
}

// AccountKubeconfig does the same for a service account, with a token that the account asks for itself: no policy keeps an
// actor from that.
func (c *Cluster) AccountKubeconfig(ctx context.Context, namespace, name string) (string, error) {
	account := rest.ImpersonationConfig{UserName: "system:serviceaccount:" + namespace + ":" + name, Groups: []string{Testers}}
	client, err := kubernetes.NewForConfig(c.As(account))
	if err != nil {
		return "", err
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(3600))}}
	if request, err = client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{}); err != nil {
		return "", err
	}
	return c.writeKubeconfig(namespace+"."+name, request.Status.Token, namespace)
}

func userToken(name string) string { return "token-of-" + name }

func (c *Cluster) writeKubeconfig(user, token, namespace string) (string, error) {
	path := filepath.Join(c.Dir, user+".kubeconfig")
	return path, os.WriteFile(path, fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: e2e
clusters:
- name: e2e
  cluster: {server: %q, insecure-skip-tls-verify: true}
users:
- name: %[2]q
  user: {token: %[3]q}
contexts:
- name: e2e
  context: {cluster: e2e, user: %[2]q, namespace: %[4]q}
`, c.Config.Host, user, token, namespace), 0o600)
}

// Options are those that the cluster was started with.
func (c *Cluster) Options() Options { return c.options }

// As is the configuration of an impersonated user.
func (c *Cluster) As(user rest.ImpersonationConfig) *rest.Config {
	config := rest.CopyConfig(c.Config)
	config.Impersonate = user
	return config
}

// APIServerRSS is the resident memory of kube-apiserver in bytes.
func (c *Cluster) APIServerRSS() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.apiserver.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("no VmRSS in /proc")
}

// Stop ends the processes, newest first.
func (c *Cluster) Stop() {
	if c.Etcd != nil {
		c.Etcd.Close()
	}
	for _, p := range slices.Backward(c.processes) {
		p.stop(2 * time.Second)
	}
	c.processes = nil
}

func (c *Cluster) waitReady(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	for {
		_, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		if err == nil {
			return nil
		}
		if err := c.Ended(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("kube-apiserver is not ready: %w\n%s", err, c.apiserver.tail())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Ended says which process has ended by itself, and what it said last. It is nil while all of them run.
func (c *Cluster) Ended() error {
	for _, p := range c.processes {
		select {
		case <-p.done:
			return fmt.Errorf("%s ended: %v\n%s", p.name, p.err, p.lastWords())
		default:
		}
	}
	return nil
}

// allowTesters lets the testers do everything except pass an authorizer check on locks, which a grant for cluster-admin
// would let everybody pass.
func (c *Cluster) allowTesters(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	groups, err := client.Discovery().ServerGroups()
	if err != nil {
		return err
	}
	var names []string
	for _, g := range groups.Groups {
		names = append(names, g.Name)
	}
	if err := c.Allow(ctx, Testers, rbacv1.PolicyRule{
		APIGroups: names, Resources: []string{"*"}, Verbs: []string{"*"},
	}, rbacv1.PolicyRule{
		NonResourceURLs: []string{"*"}, Verbs: []string{"*"},
	}); err != nil {
		return err
	}
	// The server's authorizer learns of it by watching.
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		Groups: []string{Testers}, ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "create", Resource: "namespaces"},
	}}
	for {
		answer, err := client.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		if answer.Status.Allowed {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s hold no rights: %w", Testers, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Allow gives the rules to a group, in every namespace, in addition to those that an earlier call gave it. It writes them
// into etcd: static policies may already keep everybody from making such roles.
func (c *Cluster) Allow(ctx context.Context, group string, rules ...rbacv1.PolicyRule) error {
	if c.allowed == nil {
		c.allowed = map[string][]rbacv1.PolicyRule{}
	}
	c.allowed[group] = append(c.allowed[group], rules...)
	if err := c.PutRole(ctx, group, c.allowed[group]...); err != nil {
		return err
	}
	return c.Bind(ctx, group, group)
}

// PutRole writes a ClusterRole into etcd.
func (c *Cluster) PutRole(ctx context.Context, name string, rules ...rbacv1.PolicyRule) error {
	return c.put(ctx, "clusterroles/"+name, &rbacv1.ClusterRole{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"},
		ObjectMeta: metadata(name), Rules: rules,
	})
}

// Bind gives a ClusterRole to a group, through etcd.
func (c *Cluster) Bind(ctx context.Context, role, group string) error {
	name := role
	if role != group {
		name = role + ":" + group
	}
	return c.put(ctx, "clusterrolebindings/"+name, &rbacv1.ClusterRoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"},
		ObjectMeta: metadata(name),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group}},
	})
}

func metadata(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, UID: types.UID(name), CreationTimestamp: metav1.Now()}
}

func (c *Cluster) put(ctx context.Context, key string, object any) error {
	text, err := json.Marshal(object)
	if err != nil {
		return err
	}
	_, err = c.Etcd.Put(ctx, "/registry/"+key, string(text))
	return err
}

type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

func (c *Cluster) start(name, path string, args ...string) error {
	return c.Run(name, path, nil, args...)
}

// Run starts a program that works with the API server, with these variables in its environment. It ends with the cluster, and
// before the API server does.
func (c *Cluster) Run(name, path string, env []string, args ...string) error {
	p := &process{name: name, log: filepath.Join(c.Dir, name+".log"), done: make(chan struct{})}
	// What a process has written before it was started again stays.
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd = exec.Command(path, args...)
	p.cmd.Dir = c.Dir
	// Servers that live for minutes need no thrift with memory, and collecting garbage is a fifth of what they do.
	p.cmd.Env = append(append(os.Environ(), "GOGC=400"), env...)
	if name == "kube-apiserver" && minorNumber(c.Minor) < 36 {
		// A policy that is compiled writes into a map that the evaluation of every other one reads (kubernetes#135757), and
		// the Go runtime ends a process where it sees both at once. Its maps are not preempted, so one processor cannot.
		p.cmd.Env = append(p.cmd.Env, "GOMAXPROCS=1")
	}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// The servers must not outlive a test binary that is killed.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// Pdeathsig follows the thread that forked, so that thread has to stay.
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	c.processes = append(c.processes, p)
	return nil
}

// stop kills a process that does not end by itself.
func (p *process) stop(patience time.Duration) {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		p.cmd.Process.Kill()
		<-p.done
	}
}

// lastWords is the beginning of a Go program's report of its own death, else the end of the log.
func (p *process) lastWords() []byte {
	log, _ := os.ReadFile(p.log)
	if at := lastWords.FindIndex(log); at != nil {
		return log[at[0]:min(at[0]+4000, len(log))]
	}
	return p.tail()
}

var lastWords = regexp.MustCompile(`(?m)^(fatal error|panic): `)

func (p *process) tail() []byte {
	log, _ := os.ReadFile(p.log)
	lines := bytes.Split(log, []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-20):], []byte("\n"))
}

var nextPort atomic.Uint32

func init() { nextPort.Store(mathrand.Uint32N(22_000)) }

// freePorts are some that nobody listens on, below those that a system takes for connections by itself: between the choice and
// the use passes a while, in which the other clusters connect and start as well.
// Nobody in this process is given one twice, and others begin elsewhere.
func freePorts(n int) ([]int, error) {
	var ports []int
	for tries := 0; len(ports) < n; tries++ {
		port := 10_000 + int(nextPort.Add(1)%22_000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil && tries < 100 {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, port)
	}
	return ports, nil
}

func writeKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}
