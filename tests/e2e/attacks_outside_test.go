package e2e

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"klock.dev/e2e/cluster"
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
			const binding = "validatingadmissionpolicybindings.admissionregistration.k8s.io POLICY-objects"
			w.refusedBy(authorizer, "delete the binding without the right", w.dev().remove(w.at(binding)))
			// The API applies no policy to policies: this stays open to whoever has the right.
			w.passes("whoever has the right deletes the binding", func() error { return w.mallory.remove(w.at(binding)) })
			w.until("the lock is no more", func() bool { return w.mallory.remove(w.at("configmaps NS/vault")) == nil })
		},
	},
	{
		number: 32, name: "etcd",
		policy: redConfigMaps,
		setup:  makes(vault),
		acts: []act{
			// This stays open.
			{what: "delete the object's key in etcd", by: nobody, do: func(w *world) error {
				_, err := w.c.Etcd.Delete(context.Background(), w.text("/registry/configmaps/NS/vault"))
				return err
			}},
		},
		after: func(w *world) {
			w.until("the vault is gone", func() bool { return w.gone("configmaps NS/vault") })
		},
	},
	{
		number: 44, name: "unsafe-delete", since: unsafeDeletes,
		// Nobody lists these in the meantime.
		policy: strings.Replace(redConfigMaps, "configmaps", "podtemplates", 1),
		setup: func(w *world) {
			makes(`{apiVersion: v1, kind: PodTemplate, metadata: {name: vault, namespace: NS, labels: {aura: red}}, template: {spec: {containers: [{name: c, image: i}]}}}`, dev, editor)(w)
			if _, err := w.c.Etcd.Put(context.Background(), w.text("/registry/podtemplates/NS/vault"), "no object"); err != nil {
				w.t.Fatal(err)
			}
		},
		acts: []act{
			{what: "delete it as others do", by: itself, do: func(w *world) error {
				if w.locked {
					return w.mallory.remove(w.at("podtemplates NS/vault"))
				}
				return nil
			}},
			// Whoever holds the verb passes by admission: this stays open.
			{what: "delete it unsafely", by: nobody, do: func(w *world) error {
				const path = "/api/v1/namespaces/NS/podtemplates/vault?ignoreStoreReadErrorWithClusterBreakingPotential=true"
				w.refusedBy(authorizer, "delete unsafely without the verb", w.dev().ask(http.MethodDelete, w.text(path)))
				return w.mallory.ask(http.MethodDelete, w.text(path))
			}},
		},
		after: func(w *world) {
			if !w.gone("podtemplates NS/vault") {
				w.t.Error("the vault is still there")
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
	const source = `
policy static-attacks
deployer user deployer
lock guarded {
  resources  configmaps
  namespace  default
  labels     aura=red
  deny       delete
  exclusive  sa default/keeper
}
`
	file := filepath.Join(t.TempDir(), "static-attacks.klock")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	files := mustCompile(t, "--target", "static", file)
	s := newStage(t, staticCluster(t, map[string][]byte{"policies": files}))
	vault := strings.ReplaceAll(vault, "NS", "default")

	t.Run("45-first-request", func(t *testing.T) {
		s := s.in(t)
		s.allowed("the vault is made", func() error { return s.admin.create(vault) })
		s.refused("guarded", "delete the vault", s.admin.remove("configmaps default/vault"))
	})
	t.Run("16-policy-binding", func(t *testing.T) {
		s := s.in(t)
		s.apply(mustCompile(t, file))
		const (
			policy  = at("validatingadmissionpolicies.admissionregistration.k8s.io static-attacks-objects")
			binding = at("validatingadmissionpolicybindings.admissionregistration.k8s.io static-attacks-objects")
			lock    = "admission-configuration"
		)
		s.refused(lock, "delete the binding", s.admin.remove(binding))
		s.refused(lock, "delete the policy", s.admin.remove(policy))
		s.refused(lock, "let the binding only warn", s.admin.patch(binding, `{"spec":{"validationActions":["Warn"]}}`))
		s.refused(lock, "take the label off", s.admin.patch(binding, `{"metadata":{"labels":{"klock.dev/policy":null}}}`))
		s.allowed("the deployer deletes the binding", func() error { return s.user("deployer", cluster.Testers).remove(binding) })
		s.refused("guarded", "delete the vault even then", s.admin.remove("configmaps default/vault"))
	})
}
