# klockc verify: what is found, in which format, with which status. Sourced by run.sh.
# shellcheck shell=sh disable=SC2154
"$KLOCKC" compile good.klock >good.yaml 2>/dev/null
"$KLOCKC" compile warned.klock >warned.yaml 2>/dev/null

refuses 'needs --against' verify good.klock
refuses 'needs an argument' verify
refuses 'exclude each other' verify good.klock --against good.yaml --cluster
refuses 'are for --cluster' verify good.klock --against good.yaml --context x
refuses 'are for --cluster' verify good.klock --against good.yaml --kubectl x
refuses 'either a policy or what is verified' verify - --against -
refuses 'use --against DIR' verify good.klock --cluster --target static
refuses 'human|json|sarif|github|gitlab' verify good.klock --against good.yaml -o junit
refuses 'no such file' verify good.klock --against nowhere.yaml
refuses 'no .yaml or .json file' verify good.klock --against empty
try 1 verify bad.klock --against good.yaml && says K0103

# what is no finding
for text in good.yaml ./good.yaml; do try 0 verify good.klock --against $text && quiet "$text" && silent "$text"; done
status=0
"$KLOCKC" verify good.klock --against - <good.yaml >out 2>err || status=$?
judge 'verify reads standard input' test "$status" -eq 0
"$KLOCKC" compile good.klock -o json >good.json 2>/dev/null
try 0 verify good.klock --against good.json
rm -rf rendered
"$KLOCKC" compile good.klock --output-dir rendered 2>/dev/null
try 0 verify good.klock --against rendered
try 0 verify good.klock warned.klock --against both.yaml
try 0 verify good.klock --against both.yaml
"$KLOCKC" compile good.klock --target static --output-dir manifests 2>/dev/null
try 0 verify good.klock --target static --against manifests
try 1 verify good.klock --against manifests

# one change, one code
found() { # CODE STATUS SED...: what verify says of good.yaml after that change
	code=$1 wanted=$2
	shift 2
	sed "$@" good.yaml >changed.yaml
	if cmp -s changed.yaml good.yaml; then fail "sed $*: changes nothing"; fi
	try "$wanted" verify good.klock --against changed.yaml
	says "\\[$code " "sed $*"
	judge "$*: only $code" test "$(sed -n 's/.*\[\(K07[0-9]*\) .*/\1/p' err | sort -u)" = "$code"
}
binding='/^kind: ValidatingAdmissionPolicyBinding/,/^---/'
found K0701 1 's/^kind: ValidatingAdmissionPolicyBinding/kind: Another/'
found K0702 1 "s/'settings'/'setting'/"
found K0703 1 's/\[Deny\]/[Warn, Audit]/'
found K0703 1 's/failurePolicy: Fail/failurePolicy: Ignore/'
found K0704 1 's/operations: \[UPDATE, DELETE\]/operations: [UPDATE]/'
found K0705 1 's/policyName: good/policyName: p-good/'
found K0707 0 's/ame: good-/ame: p-good-/'
found K0707 0 "$binding s/  name: good-/  name: p-good-/"
says "this is 'good-guards--namespaces' under another name, as is 1 other; they mean what they should"
found K0707 0 "$binding s/  name: good-objects/  name: p-good-objects/"
says "this is 'good-objects--configmaps' under another name; it means what it should" 'what is renamed alone'
found K0709 0 "$binding s/  labels:/  namespace: newns\\n  labels:/"
found K0710 1 's/klock.dev\/policy: good/klock.dev\/policy: better/'
says 'help: ' 'a finding has a way out'
sed "s/good-objects--configmaps/good-old/" good.yaml | cat good.yaml - >changed.yaml
try 1 verify good.klock --against changed.yaml && says 'K0706.*' && says "'good-old' has the label of policy 'good'"
sed 's/\[Deny\]/[Audit]/' good.yaml | cat good.yaml - >changed.yaml
try 1 verify good.klock --against changed.yaml && says K0711
printf 'policy named\nactor bot = new sa default/bot\ngrant read to bot { resources configmaps  namespace default  allow get }\n' >named.klock
"$KLOCKC" compile named.klock >named.yaml
try 0 verify named.klock --against named.yaml
sed 's/^  namespace: default$/  namespace: newns/' named.yaml >changed.yaml
try 1 verify named.klock --against changed.yaml && says K0708
: >nothing.yaml
try 1 verify good.klock --against nothing.yaml && says "K0712" && says "'good-objects--configmaps'"
try 1 verify good.klock --against warned.yaml && says K0712
echo 'Error: no such chart' >nothing.yaml
try 1 verify good.klock --against nothing.yaml && says 'nothing.yaml:1:1: error.*K0713'
judge 'what cannot be read is one finding' test "$(grep -c ': error:' err)" -eq 1
head -c 65536 "$KLOCKC" >binary.yaml
try 1 verify good.klock --against binary.yaml && says K0001

{
	printf 'apiVersion: v1\nkind: List\nitems:\n'
	seq 1 100000 | sed 's/.*/- {apiVersion: rbac.authorization.k8s.io\/v1, kind: Role, metadata: {name: r&}}/'
	sed '/^---$/d; s/^apiVersion/- &/; s/^[^-]/  &/' good.yaml
} >many.yaml
status=0
timeout 20 "$KLOCKC" verify good.klock --against many.yaml >out 2>err || status=$?
judge 'a List of a hundred thousand objects' test "$status" -eq 0
rm many.yaml

# warnings, also as errors
try 0 check good.klock --warnings-as-errors
sed 's/ame: good-/ame: p-good-/' good.yaml >changed.yaml
try 0 verify good.klock --against changed.yaml && says 'warning: .*K0707'
try 1 verify good.klock --against changed.yaml --warnings-as-errors && says 'error: .*K0707'
try 0 verify good.klock --against good.yaml --warnings-as-errors

# formats
sed 's/\[Deny\]/[Warn]/' good.yaml >changed.yaml
for form in human json sarif github; do
	try 1 verify good.klock --against changed.yaml -o $form && prints K0703
	quiet "verify -o $form"
	try 0 verify good.klock --against good.yaml -o $form
	case $form in
	json | sarif)
		if command -v python3 >/dev/null 2>&1; then judge "verify -o $form is JSON" python3 -m json.tool out /dev/null; fi
		;;
	esac
done
run verify good.klock --against changed.yaml -o github
prints '^::error file=changed.yaml,line=[0-9]*,.*title=K0703 softened::'
run verify good.klock --against changed.yaml -o sarif
prints '"ruleId": "K0703"'
run verify good.klock --against changed.yaml -o json
prints '"file": "changed.yaml"'

# --cluster: kubectl is asked without a shell, and what it says counts
cat >kubectl <<'SCRIPT'
#!/bin/sh
for word; do echo "$word"; done >>asked
echo end >>asked
if [ -e refused ]; then
	echo 'Error from server (Forbidden)' >&2
	exit 1
fi
case $* in
*validatingadmissionpolicies*) cat policies.yaml ;;
*) cat roles.yaml ;;
esac
SCRIPT
chmod +x kubectl
cp good.yaml policies.yaml
echo '{apiVersion: v1, kind: List, items: []}' >roles.yaml
try 0 verify good.klock --cluster --kubectl ./kubectl --context 'a b; touch c'
judge 'the context is one word' grep -q '^--context=a b; touch c$' asked
judge 'kubectl is asked twice' test "$(grep -c '^get$' asked)" -eq 2
judge 'for what is there, and nothing else' test "$(grep -c '^end$' asked)" -eq 2
judge 'roles by our label' grep -q '^--selector=klock.dev/policy$' asked
judge 'no shell reads it' test ! -e c
mkdir -p bin && cp kubectl bin/
status=0
PATH="$PWD/bin:$PATH" "$KLOCKC" verify good.klock --cluster >out 2>err || status=$?
judge 'kubectl is looked for in PATH' test "$status" -eq 0
cp changed.yaml policies.yaml
try 1 verify good.klock --cluster --kubectl ./kubectl && says K0703
judge 'of a cluster, a finding is at the policy' grep -q '^good.klock:2:6: error: .*K0703' err
: >policies.yaml
: >roles.yaml
try 1 verify good.klock --cluster --kubectl ./kubectl && says K0712
: >refused
try 2 verify good.klock --cluster --kubectl ./kubectl && says Forbidden && says 'status 1'
rm refused
refuses 'nowhere/kubectl: No such file' verify good.klock --cluster --kubectl nowhere/kubectl
printf '#!/bin/sh\nkill -9 $$\n' >kubectl
refuses 'signal 9' verify good.klock --cluster --kubectl ./kubectl
printf '#!/bin/sh\nwhile :; do echo "# nothing" || exit 7; done | head -c 100000\n' >kubectl
try 1 verify good.klock --cluster --kubectl ./kubectl && says K0712

# an anchor is looked for where a lock needs it
cat >doors.klock <<'POLICY'
policy doors
lock doors {
  resources  pods
  namespace  default
  labels     a=b
  deny       exec
  guard      no owners, no labels, no namespace
}
POLICY
"$KLOCKC" compile doors.klock >doors.yaml 2>/dev/null
printf '#!/bin/sh\ncase $* in *validating*) cat doors.yaml anchors.yaml ;; esac\n' >kubectl
: >anchors.yaml
try 1 verify doors.klock --cluster --kubectl ./kubectl && says K0714 && says "'klock-anchor--v1.pods'"
says 'help: klockc anchors … | kubectl apply' 'whose anchors: those of custom resources are not printed without the policy'
"$KLOCKC" anchors >anchors.yaml
try 0 verify doors.klock --cluster --kubectl ./kubectl
try 0 verify doors.klock --against doors.yaml

# what only some policies make is asked for where they make it, and Argo CD's only where it is served
cat >teams.klock <<'POLICY'
policy teams
deployer group platform
tenant webapp {
  namespaces  webapp
  members     group webapp-team
  role        edit
  deployer    argocd
  quota       pods 5
}
POLICY
"$KLOCKC" compile teams.klock >teams.yaml 2>/dev/null
only() { # KIND…: of teams.yaml the objects of these kinds
	awk -v kinds=" $* " 'function put() { if (index(kinds, " " kind " ")) printf "%s", text; text = "" }
		/^---$/ { put() } { text = text $0 "\n" } /^kind: / { kind = $2 } END { put() }' teams.yaml
}
"$KLOCKC" anchors teams.klock >anchors.yaml 2>/dev/null
{
	only ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding
	cat anchors.yaml
} >policies.yaml
only ClusterRole ClusterRoleBinding Role RoleBinding ServiceAccount >roles.yaml
only Namespace >namespaces.yaml
only ResourceQuota >resourcequotas.yaml
only AppProject >appprojects.yaml
cat >kubectl <<'SCRIPT'
#!/bin/sh
echo "$*" >>asked
case $* in
*validating*) cat policies.yaml ;;
*roles*) cat roles.yaml ;;
api-resources*) cat served ;;
'get namespaces '* | 'get resourcequotas '*) cat "$2.yaml" ;;
'get appprojects.v1alpha1.argoproj.io '*)
	grep -q '^appprojects\.argoproj\.io$' served || exit 1
	cat appprojects.yaml
	;;
*) exit 1 ;;
esac
SCRIPT
printf 'applications.argoproj.io\nappprojects.argoproj.io\n' >served
: >asked
try 0 verify teams.klock --cluster --kubectl ./kubectl
judge 'five questions, and one what is served' test "$(wc -l <asked)" -eq 6
sed 's/klock.dev\/tenant: webapp/klock.dev\/tenant: mine/' namespaces.yaml >changed.yaml
mv changed.yaml namespaces.yaml
try 1 verify teams.klock --cluster --kubectl ./kubectl && says K0710 && says 'klock.dev/tenant'
only Namespace >namespaces.yaml
sed 's/pods: "5"/pods: "500"/' resourcequotas.yaml >changed.yaml
mv changed.yaml resourcequotas.yaml
try 1 verify teams.klock --cluster --kubectl ./kubectl && says K0702 && says 'spec.hard\[pods\]'
only ResourceQuota >resourcequotas.yaml
only Namespace | sed 's/name: webapp/name: former/' >>namespaces.yaml
try 1 verify teams.klock --cluster --kubectl ./kubectl && says K0706 && says 'kubectl label namespace former klock.dev/policy- klock.dev/tenant-'
only Namespace >namespaces.yaml
for answer in '' 'applications.argoproj.io\n' 'myappprojects.argoproj.io\nappprojectsets.argoproj.io\n'; do
	# shellcheck disable=SC2059
	printf "$answer" >served
	try 1 verify teams.klock --cluster --kubectl ./kubectl && says K0701 && says "AppProject 'webapp'"
	judge "$answer: nothing else is missing" test "$(grep -c ': error:' err)" -eq 1
done
rm served
refuses 'status 1' verify teams.klock --cluster --kubectl ./kubectl
: >asked
sed '/deployer    argocd/d; /quota/d' teams.klock >fewer.klock
run verify fewer.klock --cluster --kubectl ./kubectl
judge 'neither quotas nor projects are asked for' test "$(grep -c 'resourcequotas\|argoproj' asked)" -eq 0
