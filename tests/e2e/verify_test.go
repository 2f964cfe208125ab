package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
)

var finding = regexp.MustCompile(`: (?:error|warning): .* \[(K\d+) `)

// verify runs klockc verify, and says unless it finds what these codes say, each of them, and nothing else.
func (s *shell) verify(what, arguments string, status int, codes ...string) string {
	s.t.Helper()
	out, got := s.run(arguments)
	var found []string
	for _, match := range finding.FindAllStringSubmatch(out, -1) {
		found = append(found, match[1])
	}
	slices.Sort(found)
	if found = slices.Compact(found); got != status || !slices.Equal(found, codes) {
		s.t.Errorf("%s: %s: status %d, %v, not status %d, %v\n%s", what, arguments, got, found, status, codes, out)
	}
	return out
}

const (
	aPolicy  = "validatingadmissionpolicy/payments-objects--configmaps"
	aBinding = "validatingadmissionpolicybinding/payments-objects--configmaps"
)

// What happens to objects in a cluster, and what klockc verify says then.
var happenings = []struct {
	what, script string
	status       int
	codes        []string
	says         string
}{
	{"nothing", "true", 0, nil, ""},
	{"it is applied by another manager", "kubectl apply --server-side --force-conflicts --field-manager=flux -f payments.yaml", 0, nil, ""},
	{"tools put labels on", "kubectl label -f payments.yaml kustomize.toolkit.fluxcd.io/name=payments", 0, nil, ""},
	{"tools annotate", "kubectl annotate -f payments.yaml argocd.argoproj.io/tracking-id=x", 0, nil, ""},
	{"the mode is softened", "kubectl patch " + aBinding + ` --type=merge -p '{"spec":{"validationActions":["Warn","Audit"]}}'`, 1, []string{"K0703"},
		`spec\.validationActions is \[Warn, Audit\], not \[Deny\]`},
	{"errors are ignored", "kubectl patch " + aPolicy + ` --type=merge -p '{"spec":{"failurePolicy":"Ignore"}}'`, 1, []string{"K0703"}, "failurePolicy is Ignore"},
	{"a namespace is left out", "kubectl patch " + aPolicy +
		` --type=merge -p '{"spec":{"matchConstraints":{"namespaceSelector":{"matchExpressions":[{"key":"free","operator":"DoesNotExist"}]}}}}'`,
		1, []string{"K0704"}, "free DoesNotExist"},
	{"a binding is narrowed", "kubectl patch " + aBinding + ` --type=merge -p '{"spec":{"matchResources":{"objectSelector":{"matchLabels":{"a":"b"}}}}}'`,
		1, []string{"K0704"}, "matchResources"},
	{"an operation is left out", "kubectl patch " + aPolicy +
		` --type=json -p '[{"op":"replace","path":"/spec/matchConstraints/resourceRules/0/operations","value":["DELETE"]}]'`, 1, []string{"K0704"}, "resourceRules"},
	{"a match condition is added", "kubectl patch " + aPolicy +
		` --type=json -p '[{"op":"add","path":"/spec/matchConditions","value":[{"name":"not-me","expression":"request.userInfo.username != \"me\""}]}]'`,
		1, []string{"K0702", "K0704"}, "not-me"},
	{"a validation is replaced", "kubectl patch " + aPolicy +
		` --type=json -p '[{"op":"replace","path":"/spec/validations/0/expression","value":"true"}]'`, 1, []string{"K0702"}, "validation 1 says `true`"},
	{"a binding is led elsewhere", "kubectl patch " + aBinding + ` --type=merge -p '{"spec":{"policyName":"payments-connect--pods"}}'`, 1, []string{"K0702"},
		"policyName is 'payments-connect--pods'"},
	{"a binding is led to nothing", "kubectl patch " + aBinding + ` --type=merge -p '{"spec":{"policyName":"nothing"}}'`, 1, []string{"K0705"}, "it enforces nothing"},
	{"a binding is deleted", "kubectl delete " + aBinding, 1, []string{"K0701"}, "ValidatingAdmissionPolicyBinding 'payments-objects--configmaps' is not there"},
	{"a policy is deleted", "kubectl delete " + aPolicy, 1, []string{"K0701"}, "ValidatingAdmissionPolicy 'payments-objects--configmaps' is not there"},
	{"a policy is being deleted", "kubectl patch " + aPolicy + ` --type=merge -p '{"metadata":{"finalizers":["example.com/x"]}}'` +
		" && kubectl delete --wait=false " + aPolicy, 1, []string{"K0701"}, "it is being deleted, since 20"},
	{"its finalizer goes as it is replaced, and it with it", "true", 1, []string{"K0701"}, "ValidatingAdmissionPolicy 'payments-objects--configmaps' is not there"},
	{"a label is taken off", "kubectl label " + aPolicy + " klock.dev/policy-", 1, []string{"K0710"}, "klock.dev/policy is gone"},
	{"a role without the label is not found", "kubectl label -n default role/payments:app-op klock.dev/policy-", 1, []string{"K0701"}, "Role 'payments:app-op'"},
	{"a role gives more", "kubectl patch -n default role/payments:app-op --type=json" +
		` -p '[{"op":"add","path":"/rules/-","value":{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}}]'`, 1, []string{"K0702"}, `rules allow more: .\* \*\.\*`},
	{"others get a role", "kubectl patch -n default rolebinding/payments:app-op --type=json" +
		` -p '[{"op":"add","path":"/subjects/-","value":{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"me"}}]'`, 1, []string{"K0702"}, "User me"},
	{"an account is deleted", "kubectl delete -n default serviceaccount/jonny-op", 1, []string{"K0701"}, "ServiceAccount 'jonny-op'"},
	{"a lock was removed", "kubectl get " + aPolicy + " " + aBinding + " -o yaml | sed 's/payments-objects--configmaps/payments-objects--secrets/' | kubectl apply -f -",
		1, []string{"K0706"}, "kubectl delete ValidatingAdmissionPolicy payments-objects--secrets"},
	{"the leftovers go", "kubectl delete validatingadmissionpolicybinding/payments-objects--secrets validatingadmissionpolicy/payments-objects--secrets", 0, nil, ""},
	{"somebody binds the policy once more", "kubectl get " + aBinding + " -o yaml | sed '/^  labels:/,/^  name:/{/^  name:/!d;}; s/^  name: .*/  name: mine/' | kubectl create -f -", 0, nil, ""},
	{"an anchor is deleted", "kubectl delete validatingadmissionpolicybinding/klock-anchor--v1.pods", 1, []string{"K0714"}, "klock-anchor--v1.pods"},
}

// TestVerify does to the objects of an example what people and tools do in clusters, and has klockc look.
func TestVerify(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	for _, minor := range cluster.MinorsForTest(t) {
		kubectl(t)
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			c := cluster.ForTest(t, cluster.Options{Minor: minor})
			kubeconfig, err := c.Kubeconfig()
			if err != nil {
				t.Fatal(err)
			}
			s := newShell(t, kubeconfig)
			// Whoever writes the objects is of the team that the policy lets do so.
			s.before = `kubectl() { command kubectl --as=root --as-group=system:masters --as-group=platform-team "$@"; }` + "\n"
			source, err := os.ReadFile(filepath.Join(cluster.Root(), "examples", "payments.klock"))
			if err != nil {
				t.Fatal(err)
			}
			s.write("payments.klock", string(source))
			const verify = "klockc verify payments.klock --cluster"
			s.verify("before anything is applied", verify, 1, "K0712", "K0714")
			s.must("klockc anchors >anchors.yaml && klockc compile payments.klock >payments.yaml")
			s.must("kubectl apply -f anchors.yaml && kubectl apply --server-side -f payments.yaml")
			for _, happening := range happenings {
				s.must(happening.script)
				out := s.verify(happening.what, verify, happening.status, happening.codes...)
				if !regexp.MustCompile(happening.says).MatchString(out) {
					t.Errorf("%s: klockc verify does not say %q:\n%s", happening.what, happening.says, out)
				}
				// Replaced and applied, it is what it was: what others added is gone, and what is missing made.
				s.must("kubectl replace --validate=false -f payments.yaml -f anchors.yaml || kubectl apply --server-side --force-conflicts -f payments.yaml -f anchors.yaml")
			}
			s.verify("at the end", verify, 0)
			s.verify("with the name of a context", verify+" --kubectl kubectl --context $(kubectl config current-context)", 0)
			// It takes no more than to list these, and less than that is said.
			s.write("as-lister", "#!/bin/sh\nexec kubectl --as=lister \"$@\"\n")
			s.must("chmod +x as-lister")
			if out, status := s.run(verify + " --kubectl ./as-lister"); status != 2 || !strings.Contains(out, "forbidden") {
				t.Errorf("somebody who may not list: status %d\n%s", status, out)
			}
			s.must("kubectl create clusterrole lister --verb=list --resource=validatingadmissionpolicies,validatingadmissionpolicybindings," +
				"clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts && kubectl create clusterrolebinding lister --clusterrole=lister --user=lister")
			s.verify("somebody who may list", verify+" --kubectl ./as-lister", 0)
			if out, status := s.run(verify + " --context nowhere"); status != 2 || !strings.Contains(out, "nowhere") {
				t.Errorf("a context that is not there: status %d\n%s", status, out)
			}
			if out, status := s.run(verify + " --kubectl nothing-of-that-name"); status != 2 || !strings.Contains(out, "--kubectl") {
				t.Errorf("a kubectl that is not there: status %d\n%s", status, out)
			}
			s.must("kubectl get validatingadmissionpolicies,validatingadmissionpolicybindings,clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts -A -o yaml >stored.yaml")
			s.verify("what kubectl has printed", "klockc verify payments.klock --against stored.yaml", 0)
		})
	}
}

// TestVerifyRendered has kustomize, as kubectl has it, render what klockc compiles, in the ways in which people do.
func TestVerifyRendered(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	s := newShell(t, "/dev/null")
	s.write("shop.klock", `
policy shop
actor bot = new sa default/bot
lock settings {
  resources  pods
  namespace  default
  labels     settings=locked
  deny       update, delete, exec
  exclusive  bot
}
grant read to bot { resources configmaps  namespace default  allow get }
`)
	s.must("klockc compile shop.klock >shop.yaml && klockc compile shop.klock --output-dir parts")
	s.must(`mkdir policies roles && cp parts/validating* policies && cp parts/role* parts/serviceaccount* roles
		for part in policies roles; do (cd $part; echo resources:; printf -- '- %s\n' *.yaml) >kustomization.yaml && mv kustomization.yaml $part/; done
		echo 'namePrefix: p-' >>policies/kustomization.yaml`)
	s.write("empty.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
	for _, rendering := range []struct {
		what, kustomization string
		status              int
		codes               []string
	}{
		{"nothing is changed", "resources: [shop.yaml]", 0, nil},
		{"the directory is one as it is", "resources: [parts]", 0, nil},
		{"labels", "resources: [shop.yaml]\nlabels: [{pairs: {team: shop}, includeTemplates: true}]", 0, nil},
		{"labels, selectors included", "resources: [shop.yaml]\ncommonLabels: {team: shop}", 0, nil},
		{"annotations", "resources: [shop.yaml]\ncommonAnnotations: {team: shop}", 0, nil},
		{"another order", "resources: [shop.yaml]\nsortOptions: {order: fifo}", 0, nil},
		{"a prefix on policies and what binds them", "resources: [policies, roles]", 0, []string{"K0707"}},
		{"a prefix, accounts included", "resources: [shop.yaml]\nnamePrefix: p-", 1, []string{"K0701", "K0706", "K0707"}},
		{"a namespace", "resources: [shop.yaml]\nnamespace: newns", 1, []string{"K0702", "K0708", "K0709"}},
		{"a patch that softens", "resources: [shop.yaml]\npatches: [{target: {kind: ValidatingAdmissionPolicyBinding}, patch: '[{\"op\": \"replace\", \"path\": \"/spec/validationActions\", \"value\": [\"Audit\"]}]'}]",
			1, []string{"K0703"}},
		{"a patch that leaves something out", "resources: [shop.yaml]\npatches: [{target: {kind: ValidatingAdmissionPolicyBinding, name: shop-objects.*}, " +
			"patch: '{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: any}, $patch: delete}'}]", 1, []string{"K0701"}},
		{"nothing at all", "resources: [empty.yaml]", 1, []string{"K0712"}},
	} {
		s.write("kustomization.yaml", rendering.kustomization+"\n")
		s.must("kubectl kustomize . >rendered.yaml")
		s.verify(rendering.what, "klockc verify shop.klock --against - <rendered.yaml", rendering.status, rendering.codes...)
	}
	// What a pipe makes of a command that fails.
	s.write("kustomization.yaml", "resources: [gone.yaml]\n")
	s.verify("kustomize fails", "kubectl kustomize . 2>/dev/null | klockc verify shop.klock --against -", 1, "K0712")
}
