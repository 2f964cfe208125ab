#!/bin/sh
# Writes a thousand cases under COUNT locks, for `klockc test` or for another tool: a third of the updates is the actor's, and
# passes, the others are refused.
#
#   cases.sh COUNT klockc        prints the policy of generate.sh with its tests
#   cases.sh COUNT gator DIR     writes a suite: a constraint for each lock, a review for each case
#   cases.sh COUNT kyverno DIR   writes policies and tests: one for the cases of the actor, one for those of others
set -eu
cd "$(dirname "$0")/../.."
count=$1 tool=$2 dir=${3-}
cases=1000

case $tool in
klockc)
	tests/bench/generate.sh "$count"
	awk -v count="$count" -v cases=$cases 'BEGIN {
		for (i = 0; i < cases; i++) {
			lock = i % count
			if (i % 100 == 0) printf "%stest \"cases from %d\" {\n", i ? "}\n" : "", i
			printf "  as      %s\n", i % 3 ? "user somebody" : "serviceaccount team-" lock "/operator"
			printf "  update  configmaps team-%d/cm labels app=app-%d -> labels app=app-%d, here=was\n", lock, lock, lock
			printf "  expect  %s\n", i % 3 ? "denied by keep" lock : "allowed"
		}
		print "}"
	}'
	;;
gator)
	mkdir -p "$dir"
	cat >"$dir/template.yaml" <<'end'
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: locked}
spec:
  crd:
    spec:
      names: {kind: Locked}
      validation:
        openAPIV3Schema: {type: object, properties: {app: {type: string}, user: {type: string}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package locked
      violation[{"msg": msg}] {
        input.review.oldObject.metadata.labels.app == input.parameters.app
        input.review.userInfo.username != input.parameters.user
        msg := sprintf("denied, there is a lock: map[app:%v]", [input.parameters.app])
      }
end
	awk -v count="$count" -v cases=$cases -v dir="$dir" 'BEGIN {
		suite = dir "/suite.yaml"
		print "apiVersion: test.gatekeeper.sh/v1alpha1\nkind: Suite\nmetadata: {name: bench}\ntests:" >suite
		for (lock = 0; lock < count; lock++) {
			file = dir "/constraint-" lock ".yaml"
			printf "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Locked\nmetadata: {name: keep%d}\nspec:\n  match: {kinds: [{apiGroups: [\"\"], kinds: [ConfigMap, Secret]}], namespaces: [team-%d]}\n  parameters: {app: app-%d, user: \"system:serviceaccount:team-%d:operator\"}\n", lock, lock, lock, lock >file
			close(file)
			printf "- name: keep%d\n  template: template.yaml\n  constraint: constraint-%d.yaml\n  cases:\n", lock, lock >suite
			for (i = lock; i < cases; i += count) {
				printf "  - {name: case-%d, object: case-%d.yaml, assertions: [{violations: %s}]}\n", i, i, i % 3 ? "yes" : "no" >suite
				file = dir "/case-" i ".yaml"
				user = i % 3 ? "somebody" : "system:serviceaccount:team-" lock ":operator"
				object = "{apiVersion: v1, kind: ConfigMap, metadata: {name: cm, namespace: team-" lock ", labels: {app: app-" lock
				printf "apiVersion: admission.k8s.io/v1\nkind: AdmissionReview\nrequest:\n  uid: \"%d\"\n  kind: {group: \"\", version: v1, kind: ConfigMap}\n  resource: {group: \"\", version: v1, resource: configmaps}\n  name: cm\n  namespace: team-%d\n  operation: UPDATE\n  userInfo: {username: \"%s\"}\n  object: %s, here: was}}}\n  oldObject: %s}}}\n", i, lock, user, object, object >file
				close(file)
			}
		}
	}'
	;;
kyverno)
	# A test has one user.
	mkdir -p "$dir"
	awk -v count="$count" -v cases=$cases -v dir="$dir" '
	function begin(name, user) {
		system("mkdir -p " dir "/" name)
		test = dir "/" name "/kyverno-test.yaml"
		resources = dir "/" name "/resources.yaml"
		print "apiVersion: cli.kyverno.io/v1alpha1\nkind: UserInfo\nmetadata: {name: user}\nuserInfo: {username: \"" user "\"}" >(dir "/" name "/user.yaml")
		print "apiVersion: cli.kyverno.io/v1alpha1\nkind: Values\nmetadata: {name: values}\nglobalValues: {request.operation: UPDATE}" >(dir "/" name "/values.yaml")
		print "apiVersion: cli.kyverno.io/v1alpha1\nkind: Test\nmetadata: {name: " name "}\npolicies: [../policies.yaml]\nresources: [resources.yaml]\nuserinfo: user.yaml\nvariables: values.yaml\nresults:" >test
		close(dir "/" name "/user.yaml")
		close(dir "/" name "/values.yaml")
	}
	function add(i, lock, result) {
		printf "- {kind: ConfigMap, policy: keep%d, rule: locked, resources: [team-%d/cm-%d], result: %s}\n", lock, lock, i, result >test
		printf "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm-%d, namespace: team-%d, labels: {app: app-%d, here: was}}\n", i, lock, lock >resources
	}
	BEGIN {
		for (lock = 0; lock < count; lock++)
			printf "---\napiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: keep%d}\nspec:\n  background: false\n  rules:\n  - name: locked\n    match: {any: [{resources: {kinds: [ConfigMap, Secret], namespaces: [team-%d], selector: {matchLabels: {app: app-%d}}, operations: [UPDATE, DELETE]}}]}\n    exclude: {any: [{subjects: [{kind: ServiceAccount, name: operator, namespace: team-%d}]}]}\n    validate: {failureAction: Enforce, message: \"denied, there is a lock\", deny: {}}\n", lock, lock, lock, lock >(dir "/policies.yaml")
		begin("others", "somebody")
		for (i = 0; i < cases; i++)
			if (i % 3) add(i, i % count, "fail")
		close(test)
		close(resources)
		for (lock = 0; lock < count; lock++) {
			begin("actor-" lock, "system:serviceaccount:team-" lock ":operator")
			for (i = lock; i < cases; i += count)
				if (i % 3 == 0) add(i, lock, "skip")
			close(test)
			close(resources)
		}
	}'
	;;
esac
