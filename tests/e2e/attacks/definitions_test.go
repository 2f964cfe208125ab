package attacks

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

const (
	redWidgets = `
resource widgets.NS.example.com/v1 namespaced
kind Widget
lock guarded {
  resources  widgets.NS.example.com
  namespace  NS
  labels     aura=red
  deny       delete
  guard      crd, no owners, no namespace
  exclusive  sa NS/keeper
  exempt     lifecycle
}
`
	definition = "customresourcedefinitions.apiextensions.k8s.io widgets.NS.example.com"
)

// strip lets the machine take the label off whatever the API server shows it.
func (m *machine) strip(path string) {
	m.answer(path, func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		response := &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		if strings.Contains(string(review.Request.Object.Raw), `"aura":"red"`) {
			patchType := admissionv1.PatchTypeJSONPatch
			response.Patch, response.PatchType = []byte(`[{"op":"remove","path":"/metadata/labels/aura"}]`), &patchType
		}
		review.Response = response
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(review)
	})
}

// certificate is that of the machine, as a text of YAML in which no word is that a world puts something in place of.
func (m *machine) certificate() string {
	text := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.server.Certificate().Raw}))
	return `"` + strings.ReplaceAll(text, "N", `\x4e`) + `"`
}

// webhook is a configuration that sends the ConfigMaps of the world's namespace to the machine.
func (w *world) webhook(kind, name string) string {
	path := "/webhook/" + w.ns
	w.machine.strip(path)
	return fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: %s
metadata: {name: %s}
webhooks:
- name: strip.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}}
  clientConfig: {url: %q, caBundle: %s}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [UPDATE, DELETE], resources: [configmaps]}]
`, kind, name, w.ns, w.machine.text("https://ADDRESS:PORT"+path), w.machine.certificate())
}

// asked waits until the API server sends requests to the machine.
func (w *world) asked() {
	w.T.Helper()
	w.make(`{apiVersion: v1, kind: ConfigMap, metadata: {name: probe, namespace: NS}}`)
	n := 0
	w.Until("the webhook acts", func() bool {
		n++
		w.Allowed("a probe is written", func() error {
			return w.Admin.Patch(w.at("configmaps NS/probe"), fmt.Sprintf(`{"data":{"n":"%d"}}`, n))
		})
		return w.machine.saw("/webhook/" + w.ns)
	})
}

// convert lets the machine make gold of one version little gold of the other.
func (m *machine) convert(path string) {
	m.answer(path, func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Request    struct {
				UID               string           `json:"uid"`
				DesiredAPIVersion string           `json:"desiredAPIVersion"`
				Objects           []map[string]any `json:"objects"`
			} `json:"request"`
		}
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, object := range review.Request.Objects {
			object["apiVersion"] = review.Request.DesiredAPIVersion
			if strings.HasSuffix(review.Request.DesiredAPIVersion, "/v1") {
				object["spec"] = map[string]any{"gold": 1}
			}
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"apiVersion": review.APIVersion, "kind": review.Kind, "response": map[string]any{
			"uid": review.Request.UID, "result": map[string]any{"status": "Success"}, "convertedObjects": review.Request.Objects,
		}})
	})
}

// converted defines widgets that are stored as v1beta1, and that the machine converts.
func (w *world) converted() {
	w.T.Helper()
	path := "/convert/" + w.ns
	w.machine.convert(path)
	w.defineVersions("", "v1beta1", "v1", fmt.Sprintf(`  conversion:
    strategy: Webhook
    webhook:
      conversionReviewVersions: [v1]
      clientConfig: {url: %q, caBundle: %s}
`, w.machine.text("https://ADDRESS:PORT"+path), w.machine.certificate()))
}

// gold is what a version shows of the widget.
func (w *world) gold(version, name string) int64 {
	w.T.Helper()
	client, err := dynamic.NewForConfig(w.Admin.Config)
	if err != nil {
		w.T.Fatal(err)
	}
	widgets := client.Resource(schema.GroupVersionResource{Group: w.text("NS.example.com"), Version: version, Resource: "widgets"})
	object, err := widgets.Namespace(w.ns).Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		w.T.Fatal(err)
	}
	gold, _, err := unstructured.NestedInt64(object.Object, "spec", "gold")
	if err != nil {
		w.T.Fatal(err)
	}
	return gold
}

// ending removes an object, if it is still there.
func ending(place string) func(*world) {
	return func(w *world) {
		w.T.Helper()
		if !w.gone(place) {
			w.Allowed("an object goes", func() error { return w.Admin.Remove(w.at(place)) })
		}
	}
}

const (
	mutating   = "mutatingwebhookconfigurations.admissionregistration.k8s.io NS"
	validating = "validatingwebhookconfigurations.admissionregistration.k8s.io NS"
)

// The ways that lead through definitions: of kinds, of webhooks, of policies.
var waysByDefinition = []way{
	{
		number: 14, name: "definition",
		policy:    redWidgets,
		unguarded: "K0217",
		setup:     func(w *world) { w.define("status"); w.make(widget) },
		acts:      []act{removes(definition)},
		done:      gone(definition),
		after: func(w *world) {
			if w.gone("widgets.NS.example.com NS/vault") {
				w.T.Error("the widget is gone")
			}
			w.passes("the keeper deletes the definition", func() error { return w.keeper.Remove(w.at(definition)) })
			w.Until("it goes with its objects", func() bool { return w.gone(definition) })
		},
		alone: true,
	},
	{
		number: 15, name: "unserved-version",
		policy:    redWidgets,
		unguarded: "K0217",
		setup:     func(w *world) { w.define("status"); w.make(widget) },
		acts: []act{
			patches("apiservices.apiregistration.k8s.io v1.NS.example.com", `{"metadata":{"labels":{"kube-aggregator.kubernetes.io/automanaged":null}},"spec":{"versionPriority":7}}`),
			creates("another version that somebody else serves", `
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v9.NS.example.com}
spec: {group: NS.example.com, version: v9, groupPriorityMinimum: 9999, versionPriority: 99, insecureSkipTLSVerify: true, service: {namespace: NS, name: api}}
`),
			patches(definition+"/status", `{"status":{"storedVersions":["v1","v1beta1"]}}`),
			patches(definition, `{"spec":{"conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"],"clientConfig":{"url":"https://127.0.0.1:1/"}}}}}`),
			{what: "unserve the version", do: func(w *world) error {
				object := w.mallory.Get(w.at(definition))
				versions := object.Object["spec"].(map[string]any)["versions"].([]any)
				versions[0].(map[string]any)["served"] = false
				text, err := json.Marshal(map[string]any{"spec": map[string]any{"versions": versions}})
				if err != nil {
					return err
				}
				return w.mallory.Patch(w.at(definition), string(text))
			}},
		},
		done: func(w *world) bool {
			return ask(w.Admin, http.MethodGet, w.text("/apis/NS.example.com/v1/namespaces/NS/widgets/vault")) != nil
		},
		after: func(w *world) {
			w.passes("widgets are made", func() error { return w.mallory.Create(w.text(strings.Replace(widget, "vault", "other", 1))) })
			w.passes("the keeper changes the definition", func() error {
				return w.keeper.Patch(w.at(definition), `{"spec":{"names":{"shortNames":["wd"]}}}`)
			})
			w.Until("the API server follows", func() bool {
				return strings.Contains(fmt.Sprint(w.field(definition, "status", "acceptedNames")), "wd")
			})
		},
		end: func(w *world) {
			ending("apiservices.apiregistration.k8s.io v9.NS.example.com")(w)
			// What cannot be converted cannot be deleted, and namespaces wait for it.
			w.Allowed("nothing is converted", func() error {
				return w.Admin.Patch(w.at(definition), `{"spec":{"conversion":{"strategy":"None","webhook":null}}}`)
			})
		},
		alone: true,
	},
	{
		number: 17, name: "webhook",
		policy: `
lock guarded {
  resources  mutatingwebhookconfigurations, validatingwebhookconfigurations
  all objects
  deny       write
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no crd
}
`,
		setup: makes(vault),
		acts: []act{
			{what: "make a webhook that takes the label off", do: func(w *world) error {
				return w.mallory.Create(w.webhook("MutatingWebhookConfiguration", w.ns))
			}},
			{what: "have it do so", by: nobody, do: func(w *world) error {
				if !w.locked {
					w.asked()
				}
				return w.mallory.Patch(w.at("configmaps NS/vault"), `{"data":{"a":"b"}}`)
			}},
		},
		done:  func(w *world) bool { return w.field("configmaps NS/vault", "metadata", "labels", "aura") == nil },
		end:   ending(mutating),
		alone: true,
	},
	{
		number: 18, name: "mutation",
		// Whatever rewrites an object, the lock sees what comes of it.
		policy: redConfigMaps,
		setup: func(w *world) {
			w.make(vault)
			w.makeAsIs(w.webhook("MutatingWebhookConfiguration", w.ns))
			w.asked()
		},
		acts: []act{{what: "have a webhook take the label off", do: func(w *world) error {
			return w.mallory.Patch(w.at("configmaps NS/vault"), `{"data":{"a":"b"}}`)
		}}},
		done: func(w *world) bool { return w.field("configmaps NS/vault", "metadata", "labels", "aura") == nil },
		end:  ending(mutating),
	},
	{
		number: 18, name: "mutating-policy", since: "1.36",
		policy: redConfigMaps,
		setup: func(w *world) {
			w.make(vault)
			w.make(`{apiVersion: v1, kind: ConfigMap, metadata: {name: probe, namespace: NS, labels: {aura: blue}}}`)
			w.make(`
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: NS}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NS}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [configmaps]}]
  mutations: [{patchType: JSONPatch, jsonPatch: {expression: "[JSONPatch{op: 'remove', path: '/metadata/labels'}]"}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: NS}
spec: {policyName: NS}
`)
			n := 0
			w.Until("the policy acts", func() bool {
				n++
				w.Admin.Patch(w.at("configmaps NS/probe"), fmt.Sprintf(`{"data":{"n":"%d"}}`, n))
				return w.field("configmaps NS/probe", "metadata", "labels", "aura") == nil
			})
		},
		acts: []act{{what: "have a policy take the label off", do: func(w *world) error {
			return w.mallory.Patch(w.at("configmaps NS/vault"), `{"data":{"a":"b"}}`)
		}}},
		done: func(w *world) bool { return w.field("configmaps NS/vault", "metadata", "labels", "aura") == nil },
		end:  ending("mutatingadmissionpolicybindings.admissionregistration.k8s.io NS"),
	},
	{
		number: 31, name: "aggregated-server",
		policy: `
resource gold.NS.example.org/v1 namespaced
lock guarded {
  resources  gold.NS.example.org
  namespace  NS
  name       vault
  deny       write
  exclusive  sa NS/keeper
  exempt     lifecycle
  guard      no owners, no namespace, no crd
}
`,
		setup: func(w *world) {
			list := w.text(`{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"NS.example.org/v1","resources":[{"name":"gold","singularName":"","namespaced":true,"kind":"Gold","verbs":["delete"]}]}`)
			w.machine.answer(w.text("/apis/NS.example.org/v1"), func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprintln(w, list)
			})
			w.make(w.machine.text(`
apiVersion: v1
kind: Service
metadata: {name: api, namespace: NS}
spec: {type: ExternalName, externalName: ADDRESS, ports: [{port: PORT}]}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.NS.example.org}
spec: {group: NS.example.org, version: v1, groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: {namespace: NS, name: api, port: PORT}}
`))
			w.Until("the aggregated server answers", func() bool {
				return ask(w.Admin, http.MethodGet, w.text("/apis/NS.example.org/v1")) == nil && w.machine.saw(w.text("/apis/NS.example.org/v1"))
			})
		},
		acts: []act{
			// Such a server admits for itself: this stays open.
			{what: "delete what another server keeps", by: nobody, do: func(w *world) error {
				if err := ask(w.mallory, http.MethodDelete, w.text("/apis/NS.example.org/v1/namespaces/NS/gold/vault")); err != nil {
					return err
				}
				w.refusedBy(authorizer, "do so without the right", ask(w.Account(w.ns, "dev"), http.MethodDelete, w.text("/apis/NS.example.org/v1/namespaces/NS/gold/vault")))
				return w.heard(w.text("/namespaces/NS/gold/vault"))
			}},
		},
		end: ending("apiservices.apiregistration.k8s.io v1.NS.example.org"),
	},
	{
		number: 46, name: "validating-webhook",
		policy: redConfigMaps,
		setup: func(w *world) {
			w.make(vault)
			w.makeAsIs(w.webhook("ValidatingWebhookConfiguration", w.ns))
			w.asked()
		},
		acts: []act{{what: "delete what a webhook lets go", do: func(w *world) error { return w.mallory.Remove(w.at("configmaps NS/vault")) }}},
		done: gone("configmaps NS/vault"),
		end:  ending(validating),
	},
	{
		number: 73, name: "conversion",
		policy: `
resource widgets.NS.example.com/v1 namespaced
kind Widget
lock guarded {
  resources  widgets.NS.example.com
  namespace  NS
  all objects
  require    field spec.gold <= 1
  exempt     lifecycle
  guard      none
}
`,
		setup: func(w *world) { w.converted() },
		acts: []act{
			{what: "make a widget with too much gold", do: func(w *world) error {
				return w.mallory.Create(w.text(`{apiVersion: NS.example.com/v1, kind: Widget, metadata: {name: vault, namespace: NS}, spec: {gold: 9}}`))
			}},
			// The webhook is not one that the policy could tell from an honest one: this stays open.
			{what: "make one that the webhook shows with little gold", by: nobody, do: func(w *world) error {
				return w.mallory.Create(w.text(`{apiVersion: NS.example.com/v1beta1, kind: Widget, metadata: {name: hoard, namespace: NS}, spec: {gold: 9}}`))
			}},
		},
		after: func(w *world) {
			for version, gold := range map[string]int64{"v1": 1, "v1beta1": 9} {
				if shown := w.gold(version, "hoard"); shown != gold {
					w.T.Errorf("%s shows %d of the gold, not %d", version, shown, gold)
				}
			}
		},
		end: func(w *world) {
			w.Allowed("nothing is converted", func() error {
				return w.Admin.Patch(w.at(definition), `{"spec":{"conversion":{"strategy":"None","webhook":null}}}`)
			})
		},
	},
}
