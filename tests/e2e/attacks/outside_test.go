package attacks

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

// unsafeDeletes is the first minor with deletions of what cannot be read.
const unsafeDeletes = "1.33"

// The ways that lead past admission.
var waysOutside = []way{
	{
		number: 16, name: "policy-binding",
		policy: redConfigMaps,
		setup:  makes(vault, dev),
		acts:   []act{removes("configmaps NS/vault")},
		done:   gone("configmaps NS/vault"),
		after: func(w *world) {
			const binding = "validatingadmissionpolicybindings.admissionregistration.k8s.io POLICY-objects--configmaps"
			w.refusedBy(authorizer, "delete the binding without the right", w.dev().Remove(w.at(binding)))
			// The API applies no policy to policies: this stays open to whoever has the right.
			w.passes("whoever has the right deletes the binding", func() error { return w.mallory.Remove(w.at(binding)) })
			w.Until("the lock is no more", func() bool { return w.mallory.Remove(w.at("configmaps NS/vault")) == nil })
		},
	},
	{
		number: 32, name: "etcd",
		policy: redConfigMaps,
		setup:  makes(vault),
		acts: []act{
			// This stays open.
			{what: "delete the object's key in etcd", by: nobody, do: func(w *world) error {
				_, err := w.Cluster.Etcd.Delete(context.Background(), w.text("/registry/configmaps/NS/vault"))
				return err
			}},
		},
		after: func(w *world) {
			w.Until("the vault is gone", func() bool { return w.gone("configmaps NS/vault") })
		},
	},
	{
		number: 44, name: "unsafe-delete", since: unsafeDeletes,
		// Nobody lists these in the meantime.
		policy: strings.Replace(redConfigMaps, "configmaps", "podtemplates", 1),
		setup: func(w *world) {
			makes(`{apiVersion: v1, kind: PodTemplate, metadata: {name: vault, namespace: NS, labels: {aura: red}}, template: {spec: {containers: [{name: c, image: i}]}}}`, dev, editor)(w)
			if _, err := w.Cluster.Etcd.Put(context.Background(), w.text("/registry/podtemplates/NS/vault"), "no object"); err != nil {
				w.T.Fatal(err)
			}
		},
		acts: []act{
			{what: "delete it as others do", by: itself, do: func(w *world) error {
				if w.locked {
					return w.mallory.Remove(w.at("podtemplates NS/vault"))
				}
				return nil
			}},
			// Whoever holds the verb passes by admission: this stays open.
			{what: "delete it unsafely", by: nobody, do: func(w *world) error {
				const path = "/api/v1/namespaces/NS/podtemplates/vault?ignoreStoreReadErrorWithClusterBreakingPotential=true"
				w.refusedBy(authorizer, "delete unsafely without the verb", ask(w.dev(), http.MethodDelete, w.text(path)))
				return ask(w.mallory, http.MethodDelete, w.text(path))
			}},
		},
		after: func(w *world) {
			if !w.gone("podtemplates NS/vault") {
				w.T.Error("the vault is still there")
			}
		},
	},
}

// editor lets dev write PodTemplates.
const editor = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: editor, namespace: NS}
rules: [{apiGroups: [""], resources: [podtemplates], verbs: [get, list, create, update, patch, delete]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: editor, namespace: NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: editor}
subjects: [{kind: ServiceAccount, name: dev, namespace: NS}]
`

// TestAttacksStatic goes the ways that files of the API server close and its API cannot.
func TestAttacksStatic(t *testing.T) {
	t.Parallel()
	const source = `
policy static-attacks
deployer user deployer
lock guarded {
  resources  configmaps
  namespace  default
  labels     aura=red
  deny       delete
  exclusive  sa default/keeper
  exempt     lifecycle
  guard      no owners, no namespace
}
`
	file := filepath.Join(t.TempDir(), "static-attacks.klock")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	files := cases.MustCompile(t, "--target", "static", file)
	s := stage.New(t, cluster.StaticForTest(t, map[string][]byte{"policies": files}))
	vault := strings.ReplaceAll(vault, "NS", "default")

	t.Run("45-first-request", func(t *testing.T) {
		s := s.In(t)
		s.Allowed("the vault is made", func() error { return s.Admin.Create(vault) })
		s.Refused("guarded", "delete the vault", s.Admin.Remove("configmaps default/vault"))
	})
	t.Run("16-policy-binding", func(t *testing.T) {
		s := s.In(t)
		s.Apply(cases.MustCompile(t, file))
		const (
			policy  = stage.At("validatingadmissionpolicies.admissionregistration.k8s.io static-attacks-objects--configmaps")
			binding = stage.At("validatingadmissionpolicybindings.admissionregistration.k8s.io static-attacks-objects--configmaps")
			lock    = "admission-configuration"
		)
		s.Refused(lock, "delete the binding", s.Admin.Remove(binding))
		s.Refused(lock, "delete the policy", s.Admin.Remove(policy))
		s.Refused(lock, "let the binding only warn", s.Admin.Patch(binding, `{"spec":{"validationActions":["Warn"]}}`))
		s.Refused(lock, "take the label off", s.Admin.Patch(binding, `{"metadata":{"labels":{"klock.dev/policy":null}}}`))
		s.Allowed("the deployer deletes the binding", func() error { return s.User("deployer", cluster.Testers).Remove(binding) })
		s.Refused("guarded", "delete the vault even then", s.Admin.Remove("configmaps default/vault"))
	})
}
