# klockc check --rbac: what it reads, in which format, with which status. Sourced by run.sh.
# shellcheck shell=sh disable=SC2154
cat >rbac.yaml <<'end'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: admins}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: Group, name: admins}]
end
printf 'accept rbac-everything of clusterrolebinding admins "they are known"\n' >accepts.klock
printf 'accept rbac-bind "nobody does"\n' >stale.klock

refuses 'needs an argument' check
refuses 'either a policy or RBAC' check - --rbac -
refuses 'no such file' check --rbac nowhere.yaml
refuses 'no .yaml or .json file' check --rbac empty
refuses 'with a different value' check --rbac rbac.yaml --rbac good.yaml
refuses 'has no option --rbac' compile good.klock --rbac rbac.yaml

try 0 check --rbac rbac.yaml && says 'rbac.yaml:3:18: warning: group admins may do everything in the cluster.*K0801'
says 'accept rbac-everything of clusterrolebinding admins "reason"' 'a finding has a way out'
try 0 check good.klock --rbac rbac.yaml && says K0801
try 1 check --rbac rbac.yaml --warnings-as-errors && says 'error: .*K0801'
try 0 check accepts.klock --rbac rbac.yaml --warnings-as-errors && silent 'what is accepted'
try 0 check stale.klock --rbac rbac.yaml && says 'stale.klock:1:8: warning: .*K0212' && says K0801
try 1 check bad.klock --rbac rbac.yaml && says K0103
judge 'an error of the policy is all that is said' test "$(grep -c K0801 err)" -eq 0
# Beside a policy an acceptance of RBAC is neither used nor unused.
cat good.klock accepts.klock >both.klock
try 0 check both.klock
judge 'RBAC is accepted where it is checked' test "$(grep -c K0212 err)" -eq 0
try 0 compile both.klock && try 0 test both.klock
status=0
"$KLOCKC" check --rbac - <rbac.yaml >out 2>err || status=$?
judge 'RBAC from standard input' test "$status" -eq 0
says '^stdin:3:18: '
mkdir -p rbac.d/below && cp rbac.yaml rbac.d/below/one.yml
printf '{"apiVersion": "v1", "kind": "List", "items": []}' >rbac.d/two.json
try 0 check --rbac rbac.d && says 'rbac.d/below/one.yml:3:18'
printf '{\n    "apiVersion": "rbac.authorization.k8s.io/v1",\n    "kind": "ClusterRoleBinding",\n    "metadata": {"name": "admins"},\n    "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"},\n    "subjects": [{"kind": "User", "name": "carol"}]\n}\n' >rbac.json
try 0 check --rbac rbac.json && says 'rbac.json:4:26: warning: user carol may do everything'
for form in human json sarif github junit; do
	try 0 check --rbac rbac.yaml -o $form && prints K0801
	quiet "check --rbac -o $form"
done

# bad input
printf 'text' >text.yaml
try 1 check --rbac text.yaml && says 'text.yaml:1:1: error: .*K0813'
printf '\377' >binary.yaml
try 1 check --rbac binary.yaml && says K0001
: >nothing.yaml
try 0 check --rbac nothing.yaml && silent 'an empty file'
# Anchors that would be billions, and 50 MB of many rules and of what is no RBAC.
awk 'BEGIN { print "a0: &a0 [x]"; for (i = 1; i < 30; i++) printf "a%d: &a%d [*a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1 }' >laughs.yaml
printf 'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: x}\nrules: &r [*r]\n' >circle.yaml
for file in laughs circle; do
	status=0
	timeout 20 "$KLOCKC" check --rbac $file.yaml >out 2>err || status=$?
	judge "$file: status $status" test "$status" -eq 1
	says K0813
done
awk 'BEGIN {
	print "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: large}\nrules:"
	for (i = 0; i < 20000; i++) printf "  - {apiGroups: [\"\"], resources: [configmaps], resourceNames: [settings-%d], verbs: [get]}\n", i
	print "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: large}\ndata:\n  text: |"
	for (i = 0; i < 500000; i++) print "    a line of a hundred letters, which is no RBAC, and is skipped without being kept, as all data is so"
}' >large.yaml
judge '50 MB' test "$(wc -c <large.yaml)" -ge 50000000
status=0
timeout 120 "$KLOCKC" check --rbac large.yaml >out 2>err || status=$?
judge "50 MB of RBAC: status $status" test "$status" -eq 0
rm -f large.yaml
