package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/evaluator"
	"klock.dev/e2e/hooks"
	"klock.dev/e2e/resources"
	"klock.dev/e2e/stage"
)

// TestWebhooks has API servers call a webhook as policies say: by the rights of its account, with the consent of objects, never
// where it is kept out, and with the failures that were chosen.
func TestWebhooks(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	for _, minor := range cluster.MinorsForTest(t) {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			w := newHooked(t, minor)
			t.Run("applied twice", w.appliedTwice)
			t.Run("called and not called", w.called)
			t.Run("consent", w.consent)
			t.Run("invoked again", w.invokedAgain)
			t.Run("hanging", w.hanging)
			t.Run("without its rights", w.withoutRights)
			t.Run("down", w.down)
		})
	}
}

const hookedPolicy = `policy hooked

actor mutator = new sa hooks/mutator

grant mutator to mutator {
  resources  deployments
  namespace  *
  allow      create, update
}

webhook first.hooks.example.com mutating {
  url        "%[1]s/first.hooks.example.com"
  ca         file "ca.pem"
  on         create
  resources  deployments
  namespace  *
  labels     ordered
  reinvoke   if needed
}

webhook second.hooks.example.com mutating {
  url        "%[1]s/second.hooks.example.com"
  ca         file "ca.pem"
  on         create
  resources  deployments
  namespace  *
  labels     ordered
}

webhook account.hooks.example.com validating {
  url        "%[1]s/account.hooks.example.com"
  ca         file "ca.pem"
  on         create, update
  resources  deployments
  namespace  *
  labels     app=my-app
  account    mutator
}

webhook strict.hooks.example.com validating {
  url        "%[1]s/strict.hooks.example.com"
  ca         file "ca.pem"
  on         create, update
  resources  configmaps
  namespace  shop
  consent    strict by group platform
}

webhook lenient.hooks.example.com validating {
  url        "%[1]s/lenient.hooks.example.com"
  ca         file "ca.pem"
  on         create, update
  resources  configmaps
  namespace  shop
  consent    by group platform
}

webhook deny.hooks.example.com validating {
  url        "%[1]s/deny.hooks.example.com"
  ca         file "ca.pem"
  on         create
  resources  secrets
  namespace  shop
  timeout    1s
}

webhook allow.hooks.example.com validating {
  url         "%[1]s/allow.hooks.example.com"
  ca          file "ca.pem"
  on          create
  resources   services
  namespace   shop
  on failure  allow
  timeout     1s
}
`

// hooked is a cluster with the policy, whose webhooks are all one server.
type hooked struct {
	*stage.Stage
	server  *hooks.Server
	objects []*unstructured.Unstructured
	mary    *stage.Actor
}

func newHooked(t *testing.T, minor string) *hooked {
	t.Helper()
	server := hooks.Start()
	t.Cleanup(server.Stop)
	directory := t.TempDir()
	policy := filepath.Join(directory, "hooked.klock")
	text := fmt.Sprintf(hookedPolicy, strings.TrimSuffix(server.URL(""), "/"))
	for path, text := range map[string]string{policy: text, filepath.Join(directory, "ca.pem"): string(server.CA)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	objects, err := evaluator.Objects(cases.MustCompile(t, policy))
	if err != nil {
		t.Fatal(err)
	}
	w := &hooked{Stage: stage.New(t, cluster.ForTest(t, cluster.Options{Minor: minor})), server: server, objects: objects}
	w.mary = w.User("mary", "platform", cluster.Testers)
	for _, name := range []string{"hooks", "shop"} {
		if err := w.Admin.Create(fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s}}", name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, object := range objects {
		w.apply(t, object)
	}
	// A server learns of webhooks and policies by watching.
	stage.Until(t, "the webhook is called", func() bool {
		return slices.Contains(w.during(t, func() error { return w.deploy("shop", "probe", map[string]string{"app": "my-app"}) }), "account.hooks.example.com")
	})
	stage.Until(t, "the lock acts", func() bool {
		return w.configure(w.User("eve", cluster.Testers), "probe", map[string]string{"klock.dev/can-validate": "*"}) != nil
	})
	return w
}

// apply applies an object by server-side apply.
func (w *hooked) apply(t *testing.T, object *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	kind := object.GroupVersionKind()
	gvr := kind.GroupVersion().WithResource(resources.Plural(kind.GroupKind()))
	stored, err := w.Admin.Dynamic.Resource(gvr).Namespace(object.GetNamespace()).Patch(context.Background(), object.GetName(),
		types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: "klock-e2e", FieldValidation: "Strict"})
	if err != nil {
		t.Fatalf("apply %s %s: %v", kind.Kind, object.GetName(), err)
	}
	return stored
}

// during are the webhooks that are called for a request, which has to succeed.
func (w *hooked) during(t *testing.T, request func() error) []string {
	t.Helper()
	w.server.Forget()
	if err := request(); err != nil {
		t.Errorf("the request does not succeed: %v", err)
	}
	var called []string
	for _, call := range w.server.Calls() {
		called = append(called, call.Hook)
	}
	return called
}

func dryRun() metav1.CreateOptions { return metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}} }

func (w *hooked) deploy(namespace, name string, labels map[string]string) error {
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"run": name}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "registry.example/image:1"}}},
	}
	_, err := w.Admin.Typed.AppsV1().Deployments(namespace).Create(context.Background(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec:       appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"run": name}}, Template: template},
	}, dryRun())
	return err
}

func (w *hooked) configure(who *stage.Actor, name string, annotations map[string]string) error {
	_, err := who.Typed.CoreV1().ConfigMaps("shop").Create(context.Background(),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}}, dryRun())
	return err
}

func (w *hooked) secret() error {
	_, err := w.Admin.Typed.CoreV1().Secrets("shop").Create(context.Background(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s"}}, dryRun())
	return err
}

func (w *hooked) service() error {
	_, err := w.Admin.Typed.CoreV1().Services("shop").Create(context.Background(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "s"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	}, dryRun())
	return err
}

func expectCalls(t *testing.T, what string, called []string, expected ...string) {
	t.Helper()
	if !slices.Equal(called, expected) {
		t.Errorf("%s: called are %v, not %v", what, called, expected)
	}
}

// appliedTwice shows that a second apply writes nothing, and that everything is stored as it was emitted.
func (w *hooked) appliedTwice(t *testing.T) {
	for _, object := range w.objects {
		before := w.apply(t, object)
		after := w.apply(t, object)
		if before.GetResourceVersion() != after.GetResourceVersion() {
			t.Errorf("a second apply changes %s %s", object.GetKind(), object.GetName())
		}
		if strings.HasSuffix(object.GetKind(), "WebhookConfiguration") {
			if emitted, stored := text(object.Object["webhooks"]), text(after.Object["webhooks"]); !bytes.Equal(emitted, stored) {
				t.Errorf("%s: emitted and stored differ:\n%s\n%s", object.GetName(), emitted, stored)
			}
		}
	}
}

func (w *hooked) called(t *testing.T) {
	app := map[string]string{"app": "my-app"}
	expectCalls(t, "with the label", w.during(t, func() error { return w.deploy("shop", "web", app) }), "account.hooks.example.com")
	expectCalls(t, "with another", w.during(t, func() error { return w.deploy("shop", "web", map[string]string{"app": "x"}) }))
	expectCalls(t, "in kube-system", w.during(t, func() error { return w.deploy("kube-system", "web", app) }))
	expectCalls(t, "in kube-public", w.during(t, func() error { return w.deploy("kube-public", "web", app) }))
}

func (w *hooked) consent(t *testing.T) {
	const strict, lenient = "strict.hooks.example.com", "lenient.hooks.example.com"
	for _, c := range []struct {
		what     string
		list     map[string]string
		expected []string
	}{
		{"no annotation", nil, []string{lenient}},
		{"both", map[string]string{"klock.dev/can-validate": strict + ", " + lenient}, []string{strict, lenient}},
		{"one", map[string]string{"klock.dev/can-validate": strict}, []string{strict}},
		{"nobody", map[string]string{"klock.dev/can-validate": ""}, nil},
	} {
		called := w.during(t, func() error { return w.configure(w.mary, "c", c.list) })
		slices.Sort(called)
		slices.Sort(c.expected)
		expectCalls(t, c.what, called, c.expected...)
	}
	eve := w.User("eve", cluster.Testers)
	err := w.configure(eve, "c", map[string]string{"klock.dev/can-validate": ""})
	if err == nil || !strings.Contains(err.Error(), stage.PolicyRefusal) {
		t.Errorf("who may not give consent takes it away: %v", err)
	}
}

// invokedAgain has the second webhook change what the first has seen.
func (w *hooked) invokedAgain(t *testing.T) {
	patch := []byte(`[{"op": "add", "path": "/metadata/labels/patched", "value": "yes"}]`)
	w.server.Answer(func(call hooks.Call) *admissionv1.AdmissionResponse {
		if call.Hook != "second.hooks.example.com" {
			return nil
		}
		form := admissionv1.PatchTypeJSONPatch
		return &admissionv1.AdmissionResponse{Allowed: true, Patch: patch, PatchType: &form}
	})
	defer w.server.Answer(nil)
	called := w.during(t, func() error { return w.deploy("shop", "web", map[string]string{"ordered": "yes"}) })
	expectCalls(t, "reinvocation", called, "first.hooks.example.com", "second.hooks.example.com", "first.hooks.example.com")
}

func (w *hooked) hanging(t *testing.T) {
	w.server.Answer(func(call hooks.Call) *admissionv1.AdmissionResponse {
		if call.Hook == "deny.hooks.example.com" || call.Hook == "allow.hooks.example.com" {
			time.Sleep(3 * time.Second) // three times as long as anybody waits
		}
		return nil
	})
	defer w.server.Answer(nil)
	if err := w.secret(); err == nil || !strings.Contains(err.Error(), "deny.hooks.example.com") {
		t.Errorf("a webhook that hangs lets a request pass: %v", err)
	}
	if err := w.service(); err != nil {
		t.Errorf("a webhook that hangs refuses: %v", err)
	}
}

// withoutRights takes the binding of the account away: the webhook is not called any more, and nothing fails.
func (w *hooked) withoutRights(t *testing.T) {
	app := map[string]string{"app": "my-app"}
	if err := w.Admin.Typed.RbacV1().ClusterRoleBindings().Delete(context.Background(), "hooked:mutator", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	stage.Until(t, "the webhook is not called any more", func() bool {
		return len(w.during(t, func() error { return w.deploy("shop", "web", app) })) == 0
	})
	for _, object := range w.objects {
		if object.GetKind() == "ClusterRoleBinding" {
			w.apply(t, object)
		}
	}
	stage.Until(t, "the webhook is called again", func() bool {
		return len(w.during(t, func() error { return w.deploy("shop", "web", app) })) == 1
	})
}

// down is last: nobody is there any more.
func (w *hooked) down(t *testing.T) {
	w.server.Stop()
	if err := w.secret(); err == nil || !strings.Contains(err.Error(), "deny.hooks.example.com") {
		t.Errorf("a webhook that is down lets a request pass: %v", err)
	}
	if err := w.service(); err != nil {
		t.Errorf("a webhook that is down refuses: %v", err)
	}
	if err := w.deploy("kube-system", "web", map[string]string{"app": "my-app"}); err != nil {
		t.Errorf("kube-system is not left alone: %v", err)
	}
}
