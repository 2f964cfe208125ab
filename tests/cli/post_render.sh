# klockc post-render: the stream that Helm renders comes back byte for byte, with the objects of policies behind it, or not
# at all. Sourced by run.sh in its working directory. Helm itself runs it in tests/e2e.
mkdir render
cd render
cp ../good.klock ../bad.klock ../warned.klock ../function/widgets.klock .
"$KLOCKC" compile good.klock >objects

render() { # INPUT ARGUMENT...: leaves out, err and status behind
	input=$1
	shift
	status=0
	"$KLOCKC" post-render "$@" >out 2>err <"$input" || status=$?
}
fails() { # STATUS WHY: nothing is printed, and it is said why
	judge "$2: status" test "$status" -eq "$1"
	judge "$2: says so" grep -q -e "$2" err
	judge "$2: nothing is printed" test ! -s out
}

# ---- as Helm 3 renders: comments, hooks, any order ----
cat >in <<'STREAM'
---
# Source: web/templates/settings.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: "settings", annotations: {postrenderer.helm.sh/postrender-filename: 'web/templates/settings.yaml'}}
data:
  text: |+
    # a text, not a comment

---
# Source: web/templates/empty.yaml
# nothing is left of it
---
# Source: web/templates/hook.yaml
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations:
    "helm.sh/hook": pre-upgrade   # stays
STREAM
cat in objects >wanted
render in good.klock
judge 'a stream' test "$status" -eq 0
judge 'comes back, with the objects behind it' cmp -s wanted out
judge 'without a word' test ! -s err
cp out once
render once good.klock
judge 'a second time changes nothing' cmp -s once out
render /dev/null good.klock
judge 'an empty stream' cmp -s objects out

# ---- objects that are there already ----
sed 's/policyName: .*/policyName: else/' once >changed
cat objects >>changed
cat >>changed <<'STREAM'
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: left-over, labels: {klock.dev/policy: good}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: not-ours, labels: {klock.dev/policy: good}}
STREAM
render changed good.klock
judge 'objects that are there' test "$status" -eq 0
judge 'are put right' sh -c "! grep -q 'policyName: else' out"
judge 'stand there once' test "$(grep -c '^  name: good-objects--configmaps$' out)" -eq 2
judge 'what is left over goes' sh -c "! grep -q left-over out"
judge 'and what is not ours stays' grep -q not-ours out
sed 's/^  annotations: {klock.dev/  annotations: {postrenderer.helm.sh\/postrender-filename: web\/templates\/locks.yaml, klock.dev/; s/^    klock.dev\/source/    postrenderer.helm.sh\/postrender-filename: web\/templates\/locks.yaml\n&/' objects | sed 's/policyName: .*/policyName: else/' >changed
render changed good.klock
judge "Helm's own annotations stay on them" grep -q 'postrender-filename: web/templates/locks.yaml' out

# ---- objects of the chart that the policy makes as well ----
cat >team.klock <<'POLICY'
policy team
deployer group platform
tenant web { namespaces web members group web role edit }
POLICY
cat in - >twice <<'STREAM'
---
# Source: web/templates/namespace.yaml
apiVersion: v1
kind: Namespace
metadata: {name: web, labels: {mine: "1"}}
STREAM
render twice team.klock
fails 1 'Namespace web, from web/templates/namespace.yaml, is made by policy team as well: take it out; or, .*the label klock.dev/policy: team, and it is replaced'
sed 's/mine: "1"/&, klock.dev\/policy: team/' twice >labelled
render labelled team.klock
judge 'one that got the label' test "$status" -eq 0
judge 'is there once' test "$(grep -c '^kind: Namespace$' out)" -eq 1
judge 'and keeps what it had' grep -q 'mine: "1"' out
"$KLOCKC" verify team.klock --against out >verified 2>&1
judge 'which verify takes' test $? -eq 0
sed '/^# Source: .*namespace/d' twice >unnamed
render unnamed team.klock
fails 1 "Namespace web, on line $(grep -n '^kind: Namespace' unnamed | sed 's/:.*//' | awk '{print $1 - 1}') of standard input, is made"
sed 's/labels: {mine: "1"}/annotations: {postrenderer.helm.sh\/postrender-filename: web\/templates\/ns.yaml}/' unnamed >named
render named team.klock
fails 1 'Namespace web, from web/templates/ns.yaml, is made'
cat in - >listed <<'STREAM'
---
# Source: web/templates/all.yaml
apiVersion: v1
kind: NamespaceList
items:
- metadata: {name: web}
STREAM
render listed team.klock
fails 1 'Namespace web, from web/templates/all.yaml, is made by policy team as well: take it out of the List'

# ---- every kind that policies become ----
"$KLOCKC" compile "$root/examples/payments.klock" "$root/examples/webhooks.klock" >objects.all 2>err
judge 'all kinds are there' test "$(sed -n 's/^kind: //p' objects.all | sort -u | wc -l)" -eq 9
render objects.all "$root/examples/payments.klock" "$root/examples/webhooks.klock" --root "$root"
judge 'objects of every kind' test "$status" -eq 0
judge 'are known again' cmp -s objects.all out

# ---- definitions in the stream ----
cat in - >defined <<'STREAM'
---
# Source: web/templates/definition.yaml
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
STREAM
render in widgets.klock
fails 1 'widgets.example.com'
render defined widgets.klock
judge 'a definition in the stream' test "$status" -eq 0
judge 'declares its kind' grep -q 'resources: \[widgets\]' out
judge 'and stays' sh -c "head -c $(wc -c <defined) out | cmp -s - defined"
sed 's/scope: Namespaced/scope: Nowhere/' defined >wrong
render wrong widgets.klock
fails 1 "^standard input:$(grep -n 'scope: Nowhere' wrong | cut -d: -f1):10: "
render defined good.klock
judge 'a definition that no lock is about' test "$status" -eq 0

# ---- what cannot be given back ----
render in bad.klock
fails 1 K0103
render in warned.klock
judge 'a warning' test "$status" -eq 0 -a -s err
render in warned.klock --warnings-as-errors
fails 1 'error'
render in
fails 2 'post-render needs an argument: PATH...'
render in nowhere.klock
fails 2 'nowhere.klock'
mkdir none
render in none
fails 2 'no .klock file'
render in -
fails 2 'standard input is what Helm renders'
render in good.klock --output json
fails 2 'has no option'
head -c -1 in >cut
render cut good.klock
fails 2 'the last line does not end'
printf -- '---\nkind: A\nmetadata: {name: [\n' >cut
render cut good.klock
fails 2 'standard input: line '
printf -- '---\nkind: A\n--- \n- 1\n' >cut
render cut good.klock
fails 2 'standard input: line 4: this document is not an object'
printf 'kind: A\nname: "\377"\n' >cut
render cut good.klock
fails 2 'standard input: line 2: this is not UTF-8'
# Anchors and tags of others are theirs; in an object of ours they would be ours to understand.
printf -- '---\nkind: A\nx: &x {a: b}\ny: *x\nz: !t 1\n' >in.anchors
cat in.anchors objects >wanted
render in.anchors good.klock
judge 'anchors stay' cmp -s wanted out
sed 's/^spec:$/spec: \&x/' objects >cut
render cut good.klock
fails 1 'of policy good is no plain YAML'
sed 's/$/\r/' in >in.windows
cat in.windows objects >wanted
render in.windows good.klock
judge 'lines that end as on Windows' cmp -s wanted out
{ cat in; cat in; } >twice
cat twice objects >wanted
render twice good.klock
judge 'what stands there twice is not for us to judge' cmp -s wanted out
{ printf 'kind: ConfigMap\ndata:\n  x: |\n'; yes '    one line like another, so that there are many of them, and the file is a large one' | head -n 1200000; } >large
render large good.klock
fails 2 'more than 64 MiB'
rm -f large
status=0
"$KLOCKC" post-render good.klock <&- >out 2>err || status=$?
judge 'standard input that is closed is empty' cmp -s objects out
if [ -e /dev/full ]; then
	status=0
	"$KLOCKC" post-render good.klock <in >/dev/full 2>err || status=$?
	judge 'a full disk' test "$status" -eq 2
fi
# All locks are over: the release stays what it is, but a release of nothing is none.
sed 's/^  deny       delete/&\n  active     until 2026-01-01/' good.klock | sed '/^test/,$d' >over.klock
render in over.klock --at 2026-02-01
judge 'no lock is in force' cmp -s in out
render /dev/null over.klock --at 2026-02-01
fails 1 'there is nothing on standard input'
cd ..
