# klockc fn: what functions of kustomize and kpt read and print, byte for byte, and how they fail. Sourced by run.sh in its
# working directory. The tools themselves run it in tests/e2e.
mkdir function
cd function
cp ../good.klock ../bad.klock ../failing.klock ../warned.klock .
ln -s "$KLOCKC" klockc-fn
ln -s "$KLOCKC" KlockPolicy

# Runs the function on a file; leaves out, err and status behind.
fn() { # INPUT
	status=0
	./klockc-fn >out 2>err <"$1" || status=$?
}
list='apiVersion: config.kubernetes.io/v1
kind: ResourceList
'
config() { # FIELD...: of the spec
	printf 'functionConfig:\n  apiVersion: klock.dev/v1alpha1\n  kind: KlockPolicy\n  metadata: {name: locks}\n  spec:\n'
	for line; do printf '    %s\n' "$line"; done
}
items='items:
# about the first
-   apiVersion: v1   # behind
    kind: ConfigMap
    metadata:
      name: "a"
      annotations: {config.kubernetes.io/path: '"'a.yaml'"', internal.config.kubernetes.io/index: "0", unknown.example.com/x: &x y}
    data:
      text: |+
        # a text, not a comment

      again: *x

# about the second
- {apiVersion: example.com/v1, kind: Unknown, metadata: {name: b}, really: [1e3, 0o17, ~, 2024-01-01]} # there
-
  # inside
  kind: Folded
  text: >-
    - not
    - items
'
# What was given is there as it was, in its order, and something is new.
keeps() { # INPUT WHAT
	judge "$2: what was given stays" sh -c "! diff '$1' out | grep -q '^<'"
	judge "$2: something is new" sh -c "! cmp -s '$1' out"
}

# ---- a generator puts the objects behind the items ----
{ printf '%s%s' "$list" "$items"; config 'files: [good.klock]'; } >in
fn in
judge 'a generator' test "$status" -eq 0
keeps in 'a generator'
judge 'a generator says nothing' test ! -s err
judge 'nor are there results' sh -c "! grep -q '^results:' out"
"$KLOCKC" compile good.klock | sed '/^---$/d; s/^./  &/' >objects
sed -n '/^    - items$/,/^functionConfig:/p' out | sed '1d;$d; s/^- /  /' >added
judge 'the objects are those of compile' cmp -s objects added
cp out in.made
fn in.made
judge 'objects that are there are not made again' test "$status" -eq 1
judge 'it says which' grep -q 'ValidatingAdmissionPolicy good-objects--configmaps of policy good is here already' err
judge 'and how to replace them' grep -q "as: transformer" err
judge 'in a result about the object' grep -q 'resourceRef: {apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, name: good-objects--configmaps}' out

# Wherever the list stands, and however it is written.
for form in \
	"${list}items: []
$(config 'files: [good.klock]')" \
	"${list}items:
$(config 'files: [good.klock]')" \
	"${list}items: null
$(config 'files: [good.klock]')" \
	"$list$(config 'files: [good.klock]')" \
	"$list$(config 'files: [good.klock]')
items:
  - kind: Last
    text: |
      text" \
	"--- # a head
$list$(config 'files: [good.klock]')
items:
    -   kind: Last
# a tail
..." \
	"{apiVersion: config.kubernetes.io/v1, kind: ResourceList, items: [ {kind: A} , {kind: B}, ], functionConfig: {apiVersion: klock.dev/v1alpha1, kind: KlockPolicy, metadata: {name: l}, spec: {files: [good.klock]}},}" \
	'{"kind":"ResourceList","apiVersion":"config.kubernetes.io/v1","functionConfig":{"apiVersion":"klock.dev/v1alpha1","kind":"KlockPolicy","metadata":{"name":"l"},"spec":{"files":["good.klock"]}}}'; do
	printf '%s\n' "$form" >in
	fn in
	what=$(printf '%s' "$form" | tr '\n' '~' | cut -c1-120)
	judge "$what: status" test "$status" -eq 0
	judge "$what: objects" grep -q 'good-objects--configmaps' out
	# What it prints, a transformer leaves alone: it is read as it was meant.
	sed 's/files: \[good.klock\]/&, as: transformer/; s/"files":\["good.klock"\]/&,"as":"transformer"/; s/^    files: .*/&\n    as: transformer/; s/^\(    files: \[good.klock\]\), as: transformer/\1/' out >again
	fn again
	judge "$what: it is read back" test "$status" -eq 0
	judge "$what: and left alone" cmp -s again out
done
printf '%sitems:\n- kind: A\n' "$list" >in
config 'files: [good.klock]' | head -c -1 >>in
fn in
judge 'a last line without an end' test "$status" -eq 1
judge 'says so' grep -q 'the last line does not end' err

# ---- a transformer replaces what is there, and removes what is left over ----
{ printf '%sitems:\n# first\n- kind: ConfigMap\n' "$list"; config 'files: [good.klock]' 'as: transformer'; } >in
fn in
judge 'a transformer' test "$status" -eq 0
cp out made
fn made
judge 'a second time changes nothing' cmp -s made out
sed 's/policyName: good-objects--configmaps/policyName: else/; s/^    annotations: {klock.dev\/source: "good.klock#keep"}/    annotations: {config.kubernetes.io\/path: x.yaml, klock.dev\/source: "other"}/; s/^- kind: ConfigMap/&\n- apiVersion: admissionregistration.k8s.io\/v1\n  kind: ValidatingAdmissionPolicy\n  metadata: {name: left-over, labels: {klock.dev\/policy: good}}\n# kept\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: not-ours, labels: {klock.dev\/policy: good}}\n- apiVersion: rbac.authorization.k8s.io\/v1\n  kind: Role\n  metadata: {name: of-another, labels: {klock.dev\/policy: better}}/' made >in
fn in
judge 'a transformer on what was changed' test "$status" -eq 0
judge 'it puts it right' sh -c "! grep -q 'policyName: else' out"
judge 'it keeps annotations of others' grep -q 'config.kubernetes.io/path: x.yaml' out
judge 'but not its own' sh -c "! grep -q 'source: \"other\"' out"
judge 'it removes what is left over' sh -c "! grep -q left-over out"
judge 'with nothing beside it' grep -q '^# kept' out
judge 'it leaves objects of others' grep -q not-ours out
judge 'and of other policies' grep -q of-another out
judge 'nothing is there twice' test "$(grep -c 'kind: ValidatingAdmissionPolicy$' out)" -eq "$(grep -c 'kind: ValidatingAdmissionPolicy$' made)"
# Locks whose days are over leave nothing.
printf 'policy good\nlock l { resources secrets namespace default name n deny delete active until 2020-01-01 }\n' >over.klock
sed 's/files: .*/files: [over.klock]\n    at: "2021-01-01"/; /^- kind: ConfigMap/d; s/^# first//' made >in
fn in
judge 'a policy of which nothing is left' test "$status" -eq 0
judge 'leaves nothing' sh -c "! grep -q 'kind: Validating' out"
judge 'but a list' grep -q '^ *\[\]$' out
# On one line.
printf '{apiVersion: config.kubernetes.io/v1, kind: ResourceList, items: [{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: gone, labels: {klock.dev/policy: good}}}, {kind:   Kept}], functionConfig: {apiVersion: klock.dev/v1alpha1, kind: KlockPolicy, metadata: {name: l}, spec: {files: [good.klock], as: transformer}}}\n' >in
fn in
judge 'a list in brackets' grep -q 'items: \[{kind:   Kept}, {"apiVersion"' out

# ---- a validator emits nothing, and tests ----
{ printf '%s%s' "$list" "$items"; config 'as: validator' 'files: [good.klock]'; } >in
fn in
judge 'a validator' test "$status" -eq 0
judge 'gives back what it was given' cmp -s in out
sed 's/good.klock/failing.klock/' in >in.failing
fn in.failing
judge 'a test that fails' test "$status" -eq 1
judge 'is a result' grep -q 'message: "failing.klock:1[0-9]: test failed: good: others go (step 1): expected denied, but it is allowed' out
judge 'with the field' grep -q 'field: {path: "spec.files\[0\]"}' out
judge 'with the file' grep -q 'file: {path: failing.klock}' out
judge 'and is said' grep -q 'test failed: good: others go' err
keeps in.failing 'a validator that fails'
# kustomize refuses validators that give something back.
sed 's/unknown.example.com\/x: &x y/kustomize.config.k8s.io\/id: "x"/; /again: /d' in >in.kustomize
fn in.kustomize
judge 'a validator of kustomize' test "$status" -eq 0
judge 'gives back nothing' sh -c "! grep -q 'kind: ConfigMap' out && grep -q '^ *\[\]\$' out"
# Names that expressions know.
cat >granting.klock <<'POLICY'
policy granting
actor bot = new sa default/bot
grant g to bot { resources configmaps namespace default allow get }
POLICY
{ printf '%sitems: []\n' "$list"; config 'as: transformer' 'files: [granting.klock]'; } >in
fn in
sed 's/as: transformer/as: validator/' out >in
fn in
judge 'objects as the policy makes them' test "$status" -eq 0
sed 's/    name: bot$/    name: p-bot/' in >in.renamed
fn in.renamed
judge 'an account that was renamed' test "$status" -eq 1
judge 'is a result' grep -q 'message: "ServiceAccount default/p-bot of policy granting is not made by this policy' out

# ---- objects of somebody else's that the policy makes as well ----
cat >team.klock <<'POLICY'
policy team
deployer group platform
tenant web { namespaces web members group web role edit quota pods 5 deployer argocd }
POLICY
# As everything that a policy makes may be there: by group, kind, namespace and name.
plain='- {apiVersion: v1, kind: Namespace, metadata: {name: web, labels: {mine: "1"}, annotations: {config.kubernetes.io/path: base/web.yaml}}}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: web, namespace: web}}
- {apiVersion: v1, kind: ResourceQuota, metadata: {name: web, namespace: web}}
- {apiVersion: rbac.authorization.k8s.io/v1beta1, kind: RoleBinding, metadata: {name: "team_edit:web", namespace: web}}
- {apiVersion: argoproj.io/v1alpha1, kind: AppProject, metadata: {name: web, namespace: argocd}}
'
for as in generator transformer validator; do
	{ printf '%sitems:\n%s' "$list" "$plain"; config 'files: [team.klock]' "as: $as"; } >in
	fn in
	judge "$as: what is there already as somebody else's" test "$status" -eq 1
	judge "$as: each is named" test "$(grep -c 'is made by policy team as well' err)" -eq 5
	judge "$as: with its file" grep -q 'Namespace web, from base/web.yaml, is made by policy team as well' err
	judge "$as: and a way out" grep -q 'take it out; or, .* give it the label klock.dev/policy: team' err
	judge "$as: nothing is added" test "$(grep -c 'kind: Namespace, metadata' out)" -eq 1
	keeps in "$as"
	# What is in other namespaces, groups or without one is another object.
	sed 's/namespace: web}/namespace: other}/; s/namespace: argocd/namespace: other/; s/name: web, labels/name: other, labels/' in >in.others
	fn in.others
	judge "$as: others of these names" test "$status" -eq 0
done
sed 's/mine: "1"/&, klock.dev\/policy: team/; /^- .*kind: [SRA]/d; s/as: validator/as: transformer/' in >in.labelled
fn in.labelled
judge 'one that got the label' test "$status" -eq 0
judge 'is replaced' test "$(grep -c 'kind: Namespace' out)" -eq 1
judge 'and keeps what it had' grep -q 'mine: "1"' out
sed 's/mine: "1"/klock.dev\/policy: other/' in >in.other
fn in.other
judge 'one of another policy' grep -q 'Namespace web of policy other, from base/web.yaml, .*leave it out of one of the two policies' err
{ printf '%sitems:\n- apiVersion: v1\n  kind: List\n  items:\n%s' "$list" "$plain" | sed '$!{/^- {/s/^/  /}; $s/^/  /'; config 'files: [team.klock]' 'as: transformer'; } >in
fn in
judge 'in a List' test "$(grep -c 'is made by policy team as well: take it out of the List' err)" -eq 5
sed 's/mine: "1"/klock.dev\/policy: team/' in >in.ours
fn in.ours
judge 'one of the policy in a List' grep -q 'Namespace web of policy team, from base/web.yaml, is in a List, where it is not replaced' err
# Labels are shorter than names may be.
long=$(printf 'a%.0s' $(seq 80))
printf 'policy %s\nlock l { resources secrets namespace default name n deny delete }\n' "$long" >long.klock
{ printf '%sitems: []\n' "$list"; config 'files: [long.klock]' 'as: transformer'; } >in
fn in
cp out made
fn made
judge 'objects of a policy with a long name are known again' sh -c "test $status -eq 0 && cmp -s made out"

# ---- what is wrong is a result, a message and a status ----
{ printf '%s%s' "$list" "$items"; config 'files: [bad.klock]'; } >in
fn in
judge 'a policy with an error' test "$status" -eq 1
judge 'says it for people' grep -q '^bad.klock:3:[0-9]*: error: .*configmapz' err
judge 'has a result' grep -q "message: \"bad.klock:3:14: unknown resource 'configmapz' (K0103); did you mean" out
judge 'of severity error' grep -q '^  severity: error' out
judge 'with the KlockPolicy' grep -q 'resourceRef: {apiVersion: klock.dev/v1alpha1, kind: KlockPolicy, name: locks}' out
judge 'with the field' grep -q 'field: {path: "spec.files\[0\]"}' out
judge 'with the file' grep -q 'file: {path: bad.klock}' out
judge 'with code and place' grep -q 'tags: {code: K0103, line: "3", column: "14"}' out
keeps in 'errors'
judge 'and no object' sh -c "! grep -q Validating out"
sed 's/bad.klock/warned.klock/' in >in.warned
fn in.warned
judge 'a warning' test "$status" -eq 0
judge 'is a result' grep -q '^  severity: warning' out
judge 'is said' grep -q warning err
sed 's/bad.klock\]/&\n    warningsAsErrors: true/; s/bad/warned/' in >in.strict
fn in.strict
judge 'a warning that is an error' test "$status" -eq 1
{ printf '%sitems: []\nresults:\n- message: of another function\n' "$list"; config 'files: [warned.klock]'; } >in
fn in
judge 'results of another function give way' sh -c "! grep -q 'of another' out && grep -q 'severity.*warning' out && test \$(grep -c '^results:' out) -eq 1"

# The policy itself.
{
	printf '%sitems: []\n' "$list"
	config 'source: |'
	sed 's/^/      /' good.klock
} >in
fn in
judge 'a source' test "$status" -eq 0
judge 'is called like the KlockPolicy' grep -q 'klock.dev/source: "locks#keep"' out
sed 's/resources  configmaps/resources  configmapz/' in >in.bad
fn in.bad
judge 'an error in it' grep -q "message: \"spec.source:3:14: unknown resource" out
judge 'is about the field' grep -q 'field: {path: spec.source}' out

# Every field is known and right.
refuse_spec() { # FIELD WHY FIELD...: the spec and the message
	field=$1 why=$2
	shift 2
	{ printf '%sitems: []\n' "$list"; config "$@"; } >in
	fn in
	judge "$*: status" test "$status" -eq 1
	judge "$*: says $why" grep -q -e "$field: .*$why" err
	judge "$*: has a result" grep -q -e "field: {path: \"*$field\"*}" out
	judge "$*: no object" sh -c "! grep -q Validating out"
}
refuse_spec spec.file "did you mean 'files'" 'file: [good.klock]'
refuse_spec spec.nonsense 'no such field' 'files: [good.klock]' 'nonsense: true'
refuse_spec spec 'names no policy' 'as: generator'
refuse_spec spec.source 'files as well' 'files: [good.klock]' 'source: "policy x"'
refuse_spec spec.as 'generator, transformer or validator' 'files: [good.klock]' 'as: mutator'
refuse_spec spec.files 'not a list' 'files: good.klock'
refuse_spec spec.files 'empty' 'files: []'
refuse_spec 'spec.files\[1\]' 'not a path' 'files: [good.klock, {}]'
refuse_spec 'spec.files\[0\]' 'not below' 'files: [/etc/passwd]'
refuse_spec 'spec.files\[0\]' 'not below' 'files: [../good.klock]'
refuse_spec 'spec.files\[0\]' 'not below' 'files: [x/../../good.klock]'
refuse_spec 'spec.files\[0\]' 'No such file' 'files: [nothing.klock]'
refuse_spec spec.kubernetes 'in quotes' 'files: [good.klock]' 'kubernetes: 1.30'
refuse_spec spec.kubernetes 'not a version' 'files: [good.klock]' 'kubernetes: "2"'
refuse_spec spec.target 'api or static' 'files: [good.klock]' 'target: dynamic'
refuse_spec spec.controllers 'both, separate or shared' 'files: [good.klock]' 'controllers: none'
refuse_spec spec.at 'not a date' 'files: [good.klock]' 'at: 2024-13-01'
refuse_spec spec.warningsAsErrors 'true nor false' 'files: [good.klock]' 'warningsAsErrors: "yes"'
refuse_spec spec.source 'empty' 'source: ""'
{ printf '%sitems: []\n' "$list"; config 'files: [good.klock]' 'target: static' 'kubernetes: "1.36"' 'controllers: separate'; } >in
fn in
"$KLOCKC" compile --target static --kubernetes 1.36 --controllers separate good.klock 2>/dev/null | sed '/^---$/d; s/^./  &/' >objects
sed '/^apiVersion: config/d; /^kind: Res/d; /^items:/d; /^functionConfig:/,$d; s/^- /  /; s/^\[\]$//' out >added
judge 'the options are those of compile' cmp -s objects added
refuse_config() { # WHY CONFIG
	printf '%sitems: []\n%s\n' "$list" "$2" >in
	fn in
	judge "$2: status" test "$status" -eq 1
	judge "$2: says $1" grep -q -e "$1" err
}
refuse_config 'no functionConfig' ''
refuse_config "a 'ConfigMap' of 'v1'" 'functionConfig: {apiVersion: v1, kind: ConfigMap, data: {}}'
refuse_config 'functionConfig is not a KlockPolicy' 'functionConfig: text'
refuse_config 'has no name' 'functionConfig: {apiVersion: klock.dev/v1alpha1, kind: KlockPolicy, spec: {files: [good.klock]}}'
refuse_config 'no such field' 'functionConfig: {apiVersion: klock.dev/v1alpha1, kind: KlockPolicy, metadata: {name: l}, spec: {files: [good.klock]}, data: {}}'
refuse_config 'names no policy' 'functionConfig: {apiVersion: klock.dev/v1alpha1, kind: KlockPolicy, metadata: {name: l}}'

# Nothing outside of the working directory is read, whatever leads there.
mkdir -p below/crds dir
cp good.klock dir/one.klock
ln -s ../../good.klock below/out.klock
ln -s "$work" below/away
printf 'policy i\ninclude "../../good.klock"\n' >below/include.klock
printf 'policy i\ninclude "away/good.klock"\n' >below/link.klock
printf 'policy d\nresources from "away/*.yaml"\nlock l { resources secrets namespace d name n deny delete }\n' >below/list.klock
mkfifo below/pipe.klock
refuse_spec 'spec.files\[0\]' 'link that leaves' 'files: [below/away]'
for file in include link list; do
	{ printf '%sitems: []\n' "$list"; config "files: [below/$file.klock]"; } >in
	fn in
	judge "below/$file.klock: status" test "$status" -eq 1
	judge "below/$file.klock: says why" grep -q 'leaves the ' err
done
(
	cd below
	{ printf '%sitems: []\n' "$list"; config 'files: [out.klock]'; } >../in
	status=0
	timeout 10 ../klockc-fn >../out 2>../err <../in || status=$?
	echo $status >../status
)
judge 'a link out of the directory' test "$(cat status)" -eq 1
judge 'says so' grep -q 'link that leaves the directory' err
{ printf '%sitems: []\n' "$list"; config 'files: [below/pipe.klock]'; } >in
status=0
timeout 10 ./klockc-fn >out 2>err <in || status=$?
judge 'a pipe is not opened' test "$status" -eq 1
{ printf '%sitems: []\n' "$list"; config 'files: [dir]'; } >in
fn in
judge 'a directory of policies' test "$status" -eq 0
judge 'has their objects' grep -q 'klock.dev/source: "one.klock#keep"' out

# ---- definitions among the items ----
cat >widgets.klock <<'POLICY'
policy widgets
lock l {
  resources  widgets.example.com
  namespace  default
  name       n
  deny       delete
}
POLICY
definition='- apiVersion: apiextensions.k8s.io/v1
  kind: CustomResourceDefinition
  metadata: {name: widgets.example.com, annotations: {config.kubernetes.io/path: crds/w.yaml}}
  spec:
    group: example.com
    scope: Namespaced
    names: {plural: widgets, kind: Widget}
    versions:
    - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
'
{ printf '%s%s' "$list" "$items"; config 'files: [widgets.klock]'; } >in
fn in
judge 'a kind that nothing defines' test "$status" -eq 1
{ printf '%s%s%s' "$list" "$items" "$definition"; config 'files: [widgets.klock]'; } >in
fn in
judge 'an item that defines it' test "$status" -eq 0
keeps in 'a definition'
judge 'the lock is there' grep -q 'resources: \[widgets\]' out
sed 's/scope: Namespaced/scope: Nowhere/' in >in.bad
fn in.bad
judge 'a definition that is wrong' test "$status" -eq 1
judge 'is named' grep -q "message: \"CustomResourceDefinition widgets.example.com: 'Nowhere' is not a scope (K0010)" out
judge 'with its file' grep -q 'file: {path: crds/w.yaml}' out
printf '{"apiVersion":"config.kubernetes.io/v1","kind":"ResourceList","items":[{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.example.com"},"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"widgets","kind":"Widget"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{}}}]}}],"functionConfig":{"apiVersion":"klock.dev/v1alpha1","kind":"KlockPolicy","metadata":{"name":"l"},"spec":{"files":["widgets.klock"]}}}' >in
fn in
judge 'a definition in JSON' test "$status" -eq 0

# ---- what is no ResourceList ----
refuse_input() { # WHY: of the file `in`
	fn in
	judge "$1: status" test "$status" -eq 1
	judge "$1: says so" grep -q -e "$1" err
	judge "$1: a result" grep -q 'severity: error' out
	judge "$1: a list for whoever reads on" sh -c "head -n 3 out | grep -q '^kind: ResourceList'"
}
: >in
refuse_input 'nothing on standard input'
printf 'apiVersion: v1\nkind: List\nitems: []\n' >in
refuse_input 'no ResourceList'
printf -- '- 1\n' >in
refuse_input 'no ResourceList'
printf '%sitems: []\n---\na: b\n' "$list" >in
refuse_input 'line 4: there is more than one document'
printf '%sitems: [\n' "$list" >in
refuse_input 'line'
printf '%sitems: {}\n' "$list" >in
refuse_input "line 3: 'items' is not a list"
printf '%sitems:\n- kind: A\n- text\n' "$list" >in
refuse_input 'line 5: this item is not an object'
printf '%sitems: &a []\n' "$list" >in
refuse_input 'anchors, aliases and tags'
printf '%sitems:\n- metadata: &a {}\n' "$list" >in
refuse_input 'line 4: anchors, aliases and tags'
printf '%sitems:\n- <<: {kind: A}\n' "$list" >in
refuse_input 'line 4'
printf '%sitems: []\nitems: []\n' "$list" >in
refuse_input 'appears twice'
printf 'a: \377\n' >in
refuse_input 'not UTF-8'
printf '\357\273\277%sitems: []\n' "$list" >in
refuse_input 'byte order mark'
printf 'a: \000\n' >in
refuse_input 'line 1'
{ printf '%sitems: [{x: ' "$list"; head -c 200000 /dev/zero | tr '\0' '['; } >in
refuse_input 'nested too deeply'
head -c 68157440 /dev/zero | tr '\0' '#' >in
refuse_input 'more than 64 MiB'
{
	printf '%sitems:\n' "$list"
	seq 1 50000 | sed 's/.*/- {apiVersion: v1, kind: ConfigMap, metadata: {name: c&}}/'
	config 'files: [good.klock]'
} >in
status=0
timeout 20 ./klockc-fn >out 2>err <in || status=$?
judge 'fifty thousand items' test "$status" -eq 0
keeps in 'fifty thousand items'
rm in out

# Line ends that only some readers know: what cannot be put in its place is not put anywhere.
for end in '\r' '\302\205' '\342\200\250'; do
	{ printf '%sitems:%b- kind: A%b' "$list" "$end" "$end"; config 'files: [good.klock]'; } >in
	fn in
	judge "items between line ends $end: they stay, or it is said why not" sh -c "test $status -eq 1 && cmp -s in out && grep -q 'line feed' err || test $status -eq 0"
done
{ printf '%s%s' "$list" "$items"; config 'files: [good.klock]'; } | sed 's/$/\r/' >in
fn in
judge 'lines that end as on Windows' test "$status" -eq 0
keeps in 'lines that end as on Windows'

# ---- as a plugin ----
plugin() { # CONFIG INPUT
	status=0
	./KlockPolicy "$1" >out 2>err <"$2" || status=$?
}
printf 'apiVersion: klock.dev/v1alpha1\nkind: KlockPolicy\nmetadata:\n  name: locks\nspec:\n  files: [good.klock]\n' >config.yaml
plugin config.yaml /dev/null
judge 'a plugin' test "$status" -eq 0
"$KLOCKC" compile good.klock >objects
judge 'prints what compile prints' cmp -s objects out
printf '# head\nkind: A # one\n---\n# none\n---\nkind:   B\n' >in
plugin config.yaml in
cat in objects >wanted
judge 'behind the documents it was given' cmp -s wanted out
cp out in
sed 's/files:/as: transformer\n  &/' config.yaml >transformer.yaml
plugin transformer.yaml in
judge 'and leaves them alone' cmp -s in out
sed 's/policyName: .*/policyName: else/' in >in.changed
plugin transformer.yaml in.changed
judge 'and puts them right' cmp -s in out
sed 's/good.klock/failing.klock/; s/files:/as: validator\n  &/' config.yaml >validator.yaml
plugin validator.yaml in
judge 'a validator' test "$status" -eq 1
judge 'prints nothing where something is wrong' test ! -s out
judge 'and says what' grep -q 'test failed' err
sed 's/failing.klock/good.klock/' validator.yaml >validator-good.yaml
plugin validator-good.yaml in
judge 'a validator that is fine' cmp -s in out
sed 's/good.klock/bad.klock/' config.yaml >bad.yaml
plugin bad.yaml in
judge 'a policy that is wrong' test "$status" -eq 1 -a ! -s out
printf 'a: &b\n' >wrong.yaml
plugin wrong.yaml /dev/null
judge 'a KlockPolicy that is wrong' test "$status" -eq 2 -a ! -s out
plugin good.klock /dev/null
judge 'a policy in the place of a KlockPolicy' test "$status" -eq 1 -a ! -s out
judge 'is named' grep -q '^klockc: good.klock is not a KlockPolicy of klock.dev/v1alpha1$' err
plugin none.yaml /dev/null
judge 'a KlockPolicy that is not there' test "$status" -eq 2
printf 'kind: A' >in
plugin config.yaml in
judge 'a document whose last line does not end' test "$status" -eq 2
try 2 fn one.yaml two.yaml && says 'another argument'
try 2 fn --output json && says 'no option'
cp "$KLOCKC" fn-by-another-name
status=0
./fn-by-another-name fn config.yaml </dev/null >out 2>err || status=$?
judge 'the verb' cmp -s objects out
cd ..
