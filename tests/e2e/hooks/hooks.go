// Package hooks is an admission webhook that remembers what it was asked: one HTTPS server for any number of webhooks, each below a
// path of its own name.
package hooks

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	admissionv1 "k8s.io/api/admission/v1"
)

// Call is a review that a webhook was asked for.
type Call struct {
	Hook    string
	Request *admissionv1.AdmissionRequest
}

// Server answers reviews. What it answers is Allow, unless Answer says otherwise.
type Server struct {
	// CA is the PEM of its certificate, which signed itself.
	CA []byte

	server *httptest.Server
	mutex  sync.Mutex
	calls  []Call
	answer func(Call) *admissionv1.AdmissionResponse
	hangs  chan struct{}
}

// Start starts a server on a free port.
func Start() *Server {
	s := &Server{hangs: make(chan struct{})}
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0) // who hangs up is the test's business
	s.server.StartTLS()
	s.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
	return s
}

// URL is where the webhook of that name is.
func (s *Server) URL(hook string) string { return s.server.URL + "/" + hook }

// Answer has the server answer what the function does: nil is to allow, and a response that is never given is one of Hang.
func (s *Server) Answer(answer func(Call) *admissionv1.AdmissionResponse) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.answer = answer
}

// Hang keeps whoever asks waiting until the server is stopped.
func (s *Server) Hang(Call) *admissionv1.AdmissionResponse {
	<-s.hangs
	return nil
}

// Calls are those since the last Forget, in their order.
func (s *Server) Calls() []Call {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]Call(nil), s.calls...)
}

// Forget forgets all calls.
func (s *Server) Forget() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.calls = nil
}

// Stop closes the port: whoever asks finds nobody.
func (s *Server) Stop() {
	select {
	case <-s.hangs:
	default:
		close(s.hangs)
	}
	s.server.CloseClientConnections()
	s.server.Close()
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	review := &admissionv1.AdmissionReview{}
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(body)).Decode(review)
	}
	if err != nil || review.Request == nil {
		http.Error(w, fmt.Sprintf("no review: %v", err), http.StatusBadRequest)
		return
	}
	call := Call{Hook: strings.TrimPrefix(r.URL.Path, "/"), Request: review.Request}
	s.mutex.Lock()
	s.calls = append(s.calls, call)
	answer := s.answer
	s.mutex.Unlock()
	response := &admissionv1.AdmissionResponse{Allowed: true}
	if answer != nil {
		if given := answer(call); given != nil {
			response = given
		}
	}
	response.UID = review.Request.UID
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(&admissionv1.AdmissionReview{TypeMeta: review.TypeMeta, Response: response})
}
