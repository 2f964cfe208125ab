// Package cases runs klockc and reads the test cases that it prints.
package cases

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"

	"klock.dev/e2e/cluster"
)

// The verdicts of a judge.
const (
	Allowed = "allowed"
	Denied  = "denied"
	Warned  = "warned"
)

// Case is one step of a test: a question, the answer that the policy's author expects, and klockc's own.
type Case struct {
	File     string   `json:"file"`
	Policy   string   `json:"policy"`
	Line     int      `json:"line"`
	Test     string   `json:"test"`
	Step     int      `json:"step"`
	Request  Request  `json:"request"`
	Expect   Expect   `json:"expect"`
	Decision Decision `json:"decision"`
}

// String names the case for a reader.
func (c *Case) String() string {
	return fmt.Sprintf("%s:%d: %q step %d", c.File, c.Line, c.Test, c.Step)
}

// Request is what reaches admission. Objects are partial: what the test says about them.
type Request struct {
	Operation   string `json:"operation"`
	Group       string `json:"group"`
	Version     string `json:"version"`
	Resource    string `json:"resource"`
	Kind        string `json:"kind"`
	Subresource string `json:"subresource"`
	Scope       string `json:"scope"`
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`
	User        User   `json:"user"`

	// Object may be left out of an update: then the update changes something that nobody asks about.
	Object    map[string]any `json:"object"`
	OldObject map[string]any `json:"oldObject"`
	// Stored is the parent object of a subresource whose own old object is of another kind, or that has none.
	Stored          map[string]any `json:"stored"`
	NamespaceObject map[string]any `json:"namespaceObject"`

	// Given are ConfigMaps that are there beside the object.
	Given []map[string]any `json:"given,omitempty"`

	// Asked is the name in the request, where that is another one than the object's: see AskedAs.
	Asked string `json:"-"`

	DeleteCollection bool `json:"deleteCollection"`
	// Grants are the verbs on locks.klock.dev that the user holds.
	Grants []string `json:"grants"`
}

// Namespaced says whether the object lives in a namespace.
func (r *Request) Namespaced() bool { return r.Scope == "Namespaced" }

// AskedAs are the same request under every name that a server understands: proxies are asked for by NAME, NAME:PORT and
// SCHEME:NAME:PORT.
func (r *Request) AskedAs() []*Request {
	forms := []*Request{r}
	if r.Operation == "CONNECT" && r.Subresource == "proxy" {
		for _, name := range []string{r.Name + ":8080", "https:" + r.Name + ":8443", "http:" + r.Name + ":"} {
			form := *r
			form.Asked = name
			forms = append(forms, &form)
		}
	}
	return forms
}

// Parent is the stored object that the request is about: the old object, or the parent of a subresource of another
// kind. It is nil for a create.
func (r *Request) Parent() map[string]any {
	if r.Stored != nil {
		return r.Stored
	}
	if kind, _ := r.OldObject["kind"].(string); r.Subresource == "scale" && kind == "Scale" {
		return nil
	}
	return r.OldObject
}

// Beside are those of the given ConfigMaps that are not the object which the request is about: that is as the request has it.
func (r *Request) Beside() []map[string]any {
	var beside []map[string]any
	for _, given := range r.Given {
		metadata, _ := given["metadata"].(map[string]any)
		same := r.Group == "" && r.Resource == "configmaps" && metadata["name"] == r.Name && metadata["namespace"] == r.Namespace
		if !same || r.OldObject == nil {
			beside = append(beside, given)
		}
	}
	return beside
}

// CarriesNameOnly says whether the request carries nothing of the object that it is about but the name.
func (r *Request) CarriesNameOnly() bool {
	switch r.Subresource {
	case "eviction", "binding", "token", "scale":
		return true
	}
	return r.Operation == "CONNECT"
}

// User is the requester.
type User struct {
	Username string              `json:"username"`
	UID      string              `json:"uid"`
	Groups   []string            `json:"groups"`
	Extra    map[string][]string `json:"extra"`
}

// Expect is the answer that the test's author wrote down. An empty lock leaves open which.
type Expect struct {
	Verdict string `json:"verdict"`
	Lock    string `json:"lock"`
}

// Decision is klockc's own answer.
type Decision struct {
	Verdict  string   `json:"verdict"`
	Locks    []string `json:"locks"`
	Messages []string `json:"messages"`
	// Failed are the locks whose expressions fail: nothing names them.
	Failed []string `json:"failed"`
	// Called are the webhooks that are asked.
	Called []string `json:"called"`
}

// Check compares the answer of a judge with a case. It returns what is wrong, or nothing.
func (c *Case) Check(verdict string, messages []string) string {
	var problems []string
	if verdict != c.Expect.Verdict {
		problems = append(problems, fmt.Sprintf("the test expects %s", c.Expect.Verdict))
	}
	if verdict != c.Decision.Verdict {
		problems = append(problems, fmt.Sprintf("klockc decides %s %v", c.Decision.Verdict, c.Decision.Locks))
	}
	// A server shows the first refusal only, so it suffices that one of the locks is named.
	if verdict != Allowed && len(c.Decision.Locks) > 0 && len(c.Decision.Failed) == 0 && !namesOne(messages, c.Decision.Locks) {
		problems = append(problems, fmt.Sprintf("no message names any of %v", c.Decision.Locks))
	}
	if len(problems) == 0 {
		return ""
	}
	return fmt.Sprintf("%s\n\tanswered %s, but %s\n\tmessages: %q", c, verdict, strings.Join(problems, "; "), messages)
}

// CheckCalls compares the webhooks that a judge saw called with those that klockc says are.
func (c *Case) CheckCalls(called []string) string {
	called = slices.Compact(slices.Sorted(slices.Values(called)))
	decided := slices.Sorted(slices.Values(c.Decision.Called))
	if slices.Equal(called, decided) {
		return ""
	}
	return fmt.Sprintf("%s\n\tcalled %v, but klockc decides %v", c, called, decided)
}

// namesOne looks for "(lock NAME of policy …" and, of a sealed actor, "(actor NAME of policy …". What is written by hand
// names its lock in any form.
func namesOne(messages, locks []string) bool {
	for _, message := range messages {
		byHand := !strings.Contains(message, " of policy ")
		for _, lock := range locks {
			if strings.Contains(message, "(lock "+lock+" of policy ") || strings.Contains(message, "(actor "+lock+" of policy ") ||
				byHand && strings.Contains(message, lock) {
				return true
			}
		}
	}
	return false
}

// Parse reads the output of klockc test --print-cases.
func Parse(data []byte) ([]*Case, error) {
	var list struct {
		Cases []*Case `json:"cases"`
	}
	// This decoder keeps integers, as the API server does.
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, err
	}
	for _, c := range list.Cases {
		c.Request.Normalize()
	}
	return list.Cases, nil
}

// Normalize adds the objects that every such request has. "update pods default/p labels a=b" says nothing about the
// change but that there is one, so an update without a new object gets one that differs.
func (r *Request) Normalize() {
	if (r.Operation == "UPDATE" || r.Operation == "DELETE") && r.OldObject == nil {
		r.OldObject = map[string]any{}
	}
	if r.Operation != "UPDATE" || r.Object != nil {
		return
	}
	if r.Subresource == "scale" {
		r.Object = map[string]any{"spec": map[string]any{"replicas": int64(7)}}
		return
	}
	r.Object = runtime.DeepCopyJSON(r.OldObject)
	r.changeUnseen()
}

// changeUnseen changes an annotation, or what a subresource writes where it does not write annotations.
func (r *Request) changeUnseen() {
	switch {
	case r.Subresource == "ephemeralcontainers":
		spec := child(r.Object, "spec")
		present, _ := spec["ephemeralContainers"].([]any)
		spec["ephemeralContainers"] = append(slices.Clone(present), map[string]any{"name": "e2e-changed", "image": "registry.example/image:1"})
	case r.Subresource == "resize":
		for memory, object := range map[string]map[string]any{"1Mi": r.OldObject, "2Mi": r.Object} {
			requests := map[string]any{"memory": memory}
			spec := child(object, "spec")
			containers, _ := spec["containers"].([]any)
			if len(containers) == 0 {
				containers = []any{map[string]any{"name": "c0", "image": "registry.example/image:1"}}
			}
			containers = runtime.DeepCopyJSONValue(containers).([]any)
			if first, ok := containers[0].(map[string]any); ok {
				child(first, "resources")["requests"] = requests
			}
			spec["containers"] = containers
		}
	case r.Subresource == "status" && statusTakesNothingElse(r.Group):
		status := child(r.Object, "status")
		present, _ := status["conditions"].([]any)
		status["conditions"] = append(slices.Clone(present), map[string]any{
			"type": "E2eChanged", "status": "True", "reason": "Test", "message": "changed", "lastTransitionTime": "2026-01-01T00:00:00Z",
		})
	default:
		child(child(r.Object, "metadata"), "annotations")["e2e.klock.dev/changed"] = "yes"
	}
}

// statusTakesNothingElse says where a write to /status leaves metadata as it is: at custom resources, whose groups are
// domains, and in some of the built-in groups.
func statusTakesNothingElse(group string) bool {
	switch group {
	case "apiextensions.k8s.io", "apiregistration.k8s.io", "admissionregistration.k8s.io", "flowcontrol.apiserver.k8s.io":
		return true
	}
	return strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io")
}

// child is the map at a key, which is made where it is missing.
func child(object map[string]any, key string) map[string]any {
	inner, ok := object[key].(map[string]any)
	if !ok {
		inner = map[string]any{}
		object[key] = inner
	}
	return inner
}

// Klockc is the compiler under test.
func Klockc() string {
	if path := os.Getenv("KLOCKC"); path != "" {
		return path
	}
	return filepath.Join(cluster.Root(), "build", "klockc")
}

// ExampleFiles are the patterns of the examples' files, below the repository. Repositories of gitops are none.
var ExampleFiles = []string{"examples/*.klock", "examples/seed/*.klock"}

// Examples are the files of the examples by their names.
func Examples(t testing.TB) map[string]string {
	t.Helper()
	named := map[string]string{}
	files, err := Files(ExampleFiles...)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".klock")
		if other := named[name]; other != "" {
			t.Fatalf("%s and %s have one name", other, file)
		}
		named[name] = file
	}
	if len(named) == 0 {
		t.Fatal("no examples")
	}
	return named
}

// Files match patterns below the repository.
func Files(patterns ...string) ([]string, error) {
	var all []string
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(cluster.Root(), pattern))
		if err != nil {
			return nil, err
		}
		all = append(all, files...)
	}
	return all, nil
}

// NeedKlockc skips a test when there is no klockc.
func NeedKlockc(t testing.TB) {
	t.Helper()
	if _, err := os.Stat(Klockc()); errors.Is(err, os.ErrNotExist) {
		t.Skipf("no klockc at %s", Klockc())
	}
}

// Load asks klockc for the cases of files. Paths are relative to the repository.
func Load(files ...string) ([]*Case, error) {
	out, _, err := run(append([]string{"test", "--print-cases"}, files...)...)
	if err != nil {
		return nil, err
	}
	return Parse(out)
}

// Diagnostic is one problem of a file. For people, klockc folds those that say the same of several locks.
type Diagnostic struct {
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Message  string `json:"message"`
	Line     int    `json:"line"` // from 1; 0 where the problem is of no file
	Column   int    `json:"column"`
}

// Diagnose asks klockc what is wrong with files: all of it, errors as well.
func Diagnose(args ...string) ([]Diagnostic, error) {
	out, _, err := run(append([]string{"check", "--output", "json"}, args...)...)
	var diagnostics []Diagnostic
	if parsed := json.Unmarshal(out, &diagnostics); parsed != nil {
		return nil, errors.Join(err, parsed)
	}
	return diagnostics, nil
}

// Compile asks klockc for the manifests of files. The diagnostics are there with and without an error.
func Compile(args ...string) (manifest []byte, diagnostics string, err error) {
	return run(append([]string{"compile"}, args...)...)
}

// MustCompile is Compile for a test that is nothing without a manifest.
func MustCompile(t testing.TB, args ...string) []byte {
	t.Helper()
	NeedKlockc(t)
	manifest, _, err := Compile(args...)
	if err != nil {
		t.Fatal(err)
	}
	return manifest
}

func run(args ...string) ([]byte, string, error) {
	cmd := exec.Command(Klockc(), args...)
	cmd.Dir = cluster.Root()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("klockc %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return stdout.Bytes(), stderr.String(), err
}
