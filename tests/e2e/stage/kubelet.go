package stage

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// StartKubelet gives the cluster its Node n1, keeps it alive, and answers exec, attach and port-forward at its address as far
// as an API server and kubectl can tell. What happens to the pods is StartNodes' work.
func (s *Stage) StartKubelet(ctx context.Context) {
	s.T.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/exec/", runCommand)
	mux.HandleFunc("/attach/", runCommand)
	mux.HandleFunc("/portForward/", forwardPorts)
	server := httptest.NewTLSServer(mux)
	s.T.Cleanup(server.Close)

	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	number, _ := strconv.Atoi(port)
	node.Status = corev1.NodeStatus{
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(number)}},
		Conditions:      []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now()}},
	}
	if _, err := s.Admin.Typed.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
		s.T.Fatal(err)
	}
	s.Heartbeat(ctx, "n1", 10*time.Second)
}

// runCommand is a command that says hello and ends well, whatever it was.
func runCommand(w http.ResponseWriter, r *http.Request) {
	if _, err := httpstream.Handshake(r, w, []string{"v4.channel.k8s.io"}); err != nil {
		return
	}
	expected := 1
	for _, stream := range []string{"input", "output", "error"} {
		if r.FormValue(stream) == "1" {
			expected++
		}
	}
	streams := make(chan httpstream.Stream, expected)
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(stream httpstream.Stream, _ <-chan struct{}) error {
		streams <- stream
		return nil
	})
	if conn == nil {
		return
	}
	defer conn.Close()
	byType := map[string]httpstream.Stream{}
	for range expected {
		select {
		case stream := <-streams:
			byType[stream.Headers().Get(corev1.StreamType)] = stream
		case <-time.After(10 * time.Second):
			return
		}
	}
	if out := byType[corev1.StreamTypeStdout]; out != nil {
		fmt.Fprintln(out, "hello")
	}
	io.WriteString(byType[corev1.StreamTypeError], `{"metadata":{},"status":"Success"}`)
	for _, stream := range byType {
		stream.Close()
	}
	select {
	case <-conn.CloseChan():
	case <-time.After(time.Second):
	}
}

// forwardPorts takes connections and never has anything to say on them.
func forwardPorts(w http.ResponseWriter, r *http.Request) {
	if _, err := httpstream.Handshake(r, w, []string{"portforward.k8s.io"}); err != nil {
		return
	}
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(httpstream.Stream, <-chan struct{}) error { return nil })
	if conn == nil {
		return
	}
	defer conn.Close()
	<-conn.CloseChan()
}
