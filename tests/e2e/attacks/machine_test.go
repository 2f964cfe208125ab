package attacks

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"klock.dev/e2e/stage"
)

// machine is an HTTPS server in the place of kubelets, pods and webhooks. It remembers what the API server asks of it.
type machine struct {
	server *httptest.Server
	ip     string
	port   int32
	mutex  sync.Mutex
	seen   []string
	// answers are those to paths that somebody expects.
	answers map[string]http.HandlerFunc
}

func startMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{ip: outerAddress(t), answers: map[string]http.HandlerFunc{}}
	listener, err := net.Listen("tcp", net.JoinHostPort(m.ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	m.port = int32(listener.Addr().(*net.TCPAddr).Port)
	m.server = httptest.NewUnstartedServer(m)
	m.server.Listener.Close()
	m.server.Listener = listener
	m.server.TLS = &tls.Config{Certificates: []tls.Certificate{certificateOf(t, m.ip)}}
	m.server.StartTLS()
	t.Cleanup(m.server.Close)
	return m
}

// certificateOf is self-signed, for those who want to see the machine's address in one.
func certificateOf(t *testing.T, ip string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.ParseIP(ip)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// outerAddress is one that the API server connects to: it proxies to no loopback address.
func outerAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.IsGlobalUnicast() && network.IP.To4() != nil {
			return network.IP.String()
		}
	}
	t.Skip("this machine has no IPv4 address besides the loopback's")
	return ""
}

func (m *machine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mutex.Lock()
	m.seen = append(m.seen, r.URL.Path)
	answer := m.answers[r.URL.Path]
	m.mutex.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	fmt.Fprintln(w, "here I am")
}

// saw says whether somebody asked for a path with these parts.
func (m *machine) saw(parts ...string) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, path := range m.seen {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(path, part)
		}
		if all {
			return true
		}
	}
	return false
}

func (m *machine) answer(path string, f http.HandlerFunc) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.answers[path] = f
}

// join makes a node of the cluster with the machine as its kubelet, which stays alive as long as the test.
func (m *machine) join(s *stage.Stage, name string) {
	s.T.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"aura": "red"}}}
	nodes := s.Admin.Typed.CoreV1().Nodes()
	node, err := nodes.Create(context.Background(), node, metav1.CreateOptions{})
	if err != nil {
		s.T.Fatal(err)
	}
	patch := fmt.Sprintf(`{"status":{"addresses":[{"type":"InternalIP","address":%q}],"daemonEndpoints":{"kubeletEndpoint":{"Port":%d}},"conditions":[{"type":"Ready","status":"True"}],"capacity":{"cpu":"99","memory":"99Gi","pods":"999"},"allocatable":{"cpu":"99","memory":"99Gi","pods":"999"}}}`, m.ip, m.port)
	if err := s.Admin.Patch(stage.At("nodes "+node.Name+"/status"), patch); err != nil {
		s.T.Fatal(err)
	}
	s.Heartbeat(s.T.Context(), name, 10*time.Second)
}

// becomes lets a pod have the machine's address.
func (m *machine) becomes(w *world, pod string) {
	w.T.Helper()
	w.running(pod)
	w.Allowed("the pod has the address of the machine", func() error {
		return w.Admin.Patch(w.at(pod+"/status"), fmt.Sprintf(`{"status":{"podIP":%q,"podIPs":[{"ip":%[1]q}]}}`, m.ip))
	})
}

// text writes port and address of the machine into a text.
func (m *machine) text(s string) string {
	return strings.NewReplacer("PORT", strconv.Itoa(int(m.port)), "ADDRESS", m.ip).Replace(s)
}

// connect asks for an upgrade as kubectl exec does. Nothing is upgraded: it is enough that the kubelet hears of it.
func connect(who *stage.Actor, path string) error {
	config := rest.CopyConfig(who.Config)
	// HTTP/2 knows no upgrades.
	config.NextProtos = []string{"http/1.1"}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, config.Host+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "SPDY/3.1")
	return answered(transport.RoundTrip(request))
}

// ask gets a path, for what needs no upgrade.
func ask(who *stage.Actor, method, path string) error {
	transport, err := rest.TransportFor(who.Config)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, who.Config.Host+path, nil)
	if err != nil {
		return err
	}
	return answered(transport.RoundTrip(request))
}

// answered is a refusal.
func answered(response *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode < 400 {
		return nil
	}
	var status metav1.Status
	if json.Unmarshal(body, &status) == nil && status.Message != "" {
		return &statusError{status}
	}
	return fmt.Errorf("%s: %s", response.Status, body)
}

// statusError is what apierrors takes for an answer of the API server.
type statusError struct{ status metav1.Status }

func (e *statusError) Error() string         { return e.status.Message }
func (e *statusError) Status() metav1.Status { return e.status }
