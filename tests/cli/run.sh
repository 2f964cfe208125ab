#!/bin/sh
# The command line: every option, exit statuses, what is written and what is left alone, inputs that are no policies.
set -eu
cd "$(dirname "$0")/../.."
. tests/lib.sh
root=$PWD
cp "$root/examples/payments.klock" "$work/"
cd "$work"

# Runs klockc; leaves out, err and status behind.
run() {
	status=0
	"$KLOCKC" "$@" >out 2>err </dev/null || status=$?
}
judge() { # WHAT TEST...: one result
	what=$1
	shift
	if "$@"; then pass; else fail "$what" "status $status
$(head -c 2000 out)
$(head -c 2000 err)"; fi
}
# Runs klockc with the arguments and judges the exit status; more may be said of out and err with the functions below.
try() { # STATUS ARGUMENT...
	wanted=$1
	shift
	run "$@"
	judge "klockc $*: status $wanted" test "$status" -eq "$wanted"
}
says() { judge "$*: says it on standard error" grep -q -e "$1" err; }
prints() { judge "$*: prints it" grep -q -e "$1" out; }
silent() { judge "$*: standard output stays empty" test ! -s out; }
quiet() { judge "$*: standard error stays empty" test ! -s err; }
short() { judge "$*: one or two lines" test "$(wc -l <err)" -le 2; }
refuses() { # WHY ARGUMENT...: a usage error
	why=$1
	shift
	try 2 "$@"
	says "$why" "$@"
	silent "$@"
	short "$@"
}

cat >good.klock <<'POLICY'
policy good
lock keep {
  resources  configmaps
  namespace  default
  name       settings
  deny       delete
  guard      no owners
  accept     K0215 "nobody is against it"
}
test "nobody deletes it" {
  as user alice
  delete  configmaps default/settings
  expect  denied by keep
}
test "others go" {
  as user alice
  delete  configmaps default/other
  expect  allowed
}
POLICY
sed 's/name       settings/name       settings, more/' good.klock >changed.klock
sed 's/expect  allowed/expect  denied/' good.klock >failing.klock
sed 's/resources  configmaps/resources  configmapz/' good.klock >bad.klock
cat >warned.klock <<'POLICY'
policy warned
lock secret {
  resources  secrets
  namespace  default
  labels     a=b
  deny       delete
  guard      no owners
}
POLICY

# ---- help, version, completion ----
try 0 help && prints 'Usage:'
quiet help
cp out help
try 0 --help
judge '--help is help' cmp -s out help
try 0 -h
try 2
says 'klockc help'
silent nothing
verbs='compile check test describe verify anchors fn post-render explain completion version help'
for verb in $verbs; do
	judge "help names $verb" grep -q "^  $verb " help
	try 0 help $verb && prints 'Usage:'
	cp out verb-help
	try 0 $verb --help
	judge "$verb --help is help $verb" cmp -s out verb-help
	try 0 $verb -h
	sed -n 's/^  \(-., \)*--\([a-z-]*\).*/\2/p' verb-help | while read -r option; do echo "$verb $option"; done >>options
done
for verb in decide why who import fmt; do judge "help does not name $verb" sh -c "! grep -q '^  $verb ' help"; done
judge 'there are options' test "$(wc -l <options)" -gt 20
refuses "did you mean 'compile'" compil
refuses "did you mean 'check'" chekc x
refuses "unknown verb 'nonsense'" nonsense
refuses "option before the verb" --output=yaml compile
refuses "did you mean 'compile'" help compil
refuses "another argument" help compile check
try 0 version && prints '^klockc [0-9]*\.[0-9]*\.[0-9]*$'
try 0 --version && prints '^klockc '
try 0 version -o json && prints '"compile"'
try 0 version -o json && prints '"1.30"'
refuses 'another argument' version x
for shell in bash zsh fish; do
	try 0 completion $shell && prints klockc
	cp out completion.$shell
	while read -r verb option; do
		judge "completion $shell knows $verb --$option" grep -q -e "-*$option" completion.$shell
	done <options
	if command -v $shell >/dev/null 2>&1; then
		judge "$shell reads its completion" $shell -n completion.$shell
	else
		skip "$shell reads its completion" "there is no $shell"
	fi
done
refuses 'bash, zsh or fish' completion tcsh
refuses 'needs an argument' completion
if command -v bash >/dev/null 2>&1; then
	cat >complete.sh <<'SCRIPT'
. ./completion.bash
ask() { COMP_WORDS=(klockc "$@"); COMP_CWORD=$#; COMPREPLY=(); compopt() { :; }; _klockc; echo "${COMPREPLY[@]}"; }
test "$(ask comp)" = "compile completion" || { ask comp; exit 1; }
test "$(ask compile --output-d)" = --output-dir || exit 2
test "$(ask compile -o '')" = "yaml json" || exit 3
test "$(ask compile -o = j)" = json || exit 4
test "$(ask check --color a)" = "auto always" || exit 5
test "$(ask compile goo)" = good.klock || exit 6
test "$(ask verify goo)" = good.klock || exit 8
test "$(ask verify --against goo | tr ' ' '\n' | grep -c '^good')" -ge 1 || exit 9
test "$(ask explain K000)" != "" || exit 7
SCRIPT
	judge 'completion in bash' env PATH="$(dirname "$KLOCKC"):$PATH" bash complete.sh
fi
try 0 explain && prints K0203
try 0 explain K0203 && prints K0203
try 0 explain k0203 && prints K0203
for code in $(sed -n 's/^DIAG("\(K[0-9]*\)".*/\1/p' "$root/compiler/report/diag_codes.def"); do
	try 0 explain "$code" && prints "$code"
done
try 0 explain unknown-name && prints K0101
refuses 'K9999' explain K9999
try 0 explain preset && prints '^flux '
try 0 explain preset flux && prints '^serviceaccount flux-system/kustomize-controller$'
refuses 'preset nothing' explain preset nothing
try 0 explain resource && prints '^cert-manager '
try 0 explain resource cert && prints '^certificates.cert-manager.io$'
test "$("$KLOCKC" explain resource backups | grep -c '^backups[.]')" = 3 || fail 'explain resource backups shows all three'
test "$("$KLOCKC" explain resource backups.velero.io | grep -c '^backups[.]')" = 1 || fail 'a name with its group is one resource'
refuses 'resource nothing' explain resource nothing
refuses 'one code' explain resource pods nodes
refuses 'one code' explain K0203 K0204

# The man page names what the help names, and nothing else.
sed -n '/^\.SH OPTIONS/,/^\.SH EXIT/s/^\.B[IR]* .*\\-\\-\([a-z\\-]*\).*/\1/p' "$root/docs/klockc.1" | sed 's/\\//g' | sort -u >man-options
awk '{ print $2 }' options | sort -u >help-options
judge "options of the man page: $(diff help-options man-options || :)" cmp -s help-options man-options
for verb in $verbs; do judge "the man page names $verb" grep -q "^\.SS $verb" "$root/docs/klockc.1"; done
if command -v man >/dev/null 2>&1; then
	judge 'the man page is well-formed' sh -c "! man --warnings -E UTF-8 -l -Tutf8 -Z '$root/docs/klockc.1' 2>&1 >/dev/null | grep ."
else
	skip 'the man page is well-formed' 'there is no man'
fi

# ---- options ----
refuses 'did you mean --kubernetes' compile --kubernets 1.30 good.klock
refuses 'has no option -x' compile -x good.klock
refuses 'has no option --output-dir' check --output-dir x good.klock
refuses 'needs a value' compile good.klock -o
refuses 'yaml|json' compile good.klock -o yml
refuses 'did you mean json' check good.klock --output=jsn
refuses 'takes no value' compile --check=yes good.klock
refuses 'value is empty' compile --output-file= good.klock
refuses 'given before' compile -o yaml -o json good.klock
refuses 'not a version' compile --kubernetes latest good.klock
refuses 'not a version' compile --kubernetes 2.0 good.klock
refuses 'not a version' compile --kubernetes 1.30x good.klock
refuses 'not a date' compile --at yesterday good.klock
refuses 'not a date' compile --at 2026-02-29 good.klock
refuses 'api|static' compile --target cluster good.klock
refuses 'no such directory' compile --root nowhere good.klock
refuses 'exclude each other' compile --output-file a --output-dir b good.klock
refuses 'YAML only' compile --output-dir b -o json good.klock
refuses 'output-file or --output-dir' compile --check good.klock
refuses 'output-file or --output-dir' compile --depfile d good.klock
refuses 'writes nothing' compile --check --depfile d --output-file f good.klock
refuses 'cannot be combined' test --print-cases --run x good.klock
refuses 'cannot be combined' test --print chainsaw --run x good.klock
refuses 'cannot be combined' test --print chainsaw --require-tests good.klock
refuses 'cannot be combined' test --print chainsaw -o json good.klock
refuses 'cannot be combined' test --print chainsaw --print-cases good.klock
refuses 'static' test --print chainsaw --target static good.klock
refuses 'chainsaw' test --print kuttl good.klock
refuses 'source' compile --print chainsaw good.klock
refuses 'run' test --run '(' good.klock
refuses 'needs an argument' compile
refuses 'needs an argument' check
refuses 'needs an argument' test
judge 'nothing was written by a usage error' test ! -e a -a ! -e b -a ! -e d -a ! -e f

# ---- compile ----
try 0 compile good.klock && prints 'kind: ValidatingAdmissionPolicy$'
cp out good.yaml
for form in '-o yaml' '-oyaml' '-o=yaml' '--output yaml' '--output=yaml' '--kubernetes 1.30' '--kubernetes=v1.33.4' '--target api' \
	'--color never' '--at 2026-01-01' '--root .' '--'; do
	# shellcheck disable=SC2086
	try 0 compile $form good.klock
	judge "compile $form: the same output" cmp -s out good.yaml
done
try 0 compile good.klock -o json && prints '"kind": *"List"'
if command -v python3 >/dev/null 2>&1; then judge 'the JSON is JSON' python3 -m json.tool out /dev/null; fi
try 0 compile good.klock --target static
try 1 compile good.klock --kubernetes 1.29 && silent 1.29
says K0412
status=0
"$KLOCKC" compile - <good.klock >out 2>err || status=$?
judge 'standard input' test "$status" -eq 0
sed 's/stdin#/good.klock#/' out >back
judge 'standard input: the same output' cmp -s back good.yaml
try 0 compile good.klock warned.klock && prints 'warned-objects'
cp out both.yaml
try 0 compile warned.klock good.klock
judge 'the order of files does not matter' cmp -s out both.yaml
try 0 compile good.klock good.klock
judge 'a file that is named twice is one file' cmp -s out good.yaml
try 1 compile bad.klock && silent bad
says 'bad.klock:3:14: error'
try 1 compile warned.klock --warnings-as-errors && silent warned
mkdir -p policies/deep/er policies/.hidden
cp good.klock policies/deep/er/good.klock
cp warned.klock policies/
cp bad.klock policies/.hidden/
echo nonsense >policies/notes.txt
ln -s ../policies policies/loop
try 0 compile policies && prints 'good-objects'
try 0 compile policies/ && prints 'warned-objects'
mkdir empty
try 2 compile empty && silent empty
says 'no .klock file'
try 2 compile missing.klock && silent missing
says 'missing.klock'
try 2 check missing.klock
try 2 compile good.klock missing.klock && silent 'good and missing'
try 2 compile good.klock/x && silent 'below a file'

# to a file
try 0 compile good.klock --output-file one.yaml && silent one
judge 'output-file' cmp -s one.yaml good.yaml
judge 'output-file: permissions' test "$(ls -l one.yaml | cut -c1-10)" = "$(: >plain && ls -l plain | cut -c1-10)"
touch -t 202001010000 one.yaml
try 0 compile good.klock --output-file one.yaml
judge 'a file that stays the same is not written' test -n "$(find one.yaml ! -newer good.klock)"
chmod 600 one.yaml
try 0 compile changed.klock --output-file one.yaml
judge 'the permissions stay' test "$(ls -l one.yaml | cut -c1-10)" = -rw-------
ln -s one.yaml link.yaml
try 0 compile good.klock --output-file link.yaml
judge 'a link stays a link' test -L link.yaml
judge 'a link is followed' cmp -s one.yaml good.yaml
try 0 compile good.klock --output-file one.json -o json
try 0 compile good.klock --output-file -
judge '--output-file -: standard output' cmp -s out good.yaml
judge '--output-file -: no file of that name' test ! -e ./-
refuses 'output-file or --output-dir' compile --check --output-file - good.klock
try 1 compile bad.klock --output-file one.yaml
judge 'a failed compile leaves the file alone' cmp -s one.yaml good.yaml
try 1 compile bad.klock --output-file new.yaml
judge 'a failed compile makes no file' test ! -e new.yaml
try 2 compile good.klock --output-file nowhere/one.yaml
says 'nowhere/one.yaml: No such file'
try 2 compile good.klock --output-file policies
says 'policies: Is a directory'
judge 'no temporary file is left' test -z "$(find . -name '*.yaml.*')"

# --check with a file
try 0 compile good.klock --output-file one.yaml --check && silent same
try 1 compile changed.klock --output-file one.yaml --check && prints '^@@ '
cp out one.diff
says 'run: klockc compile changed.klock --output-file one.yaml$'
cp changed.klock "it's changed.klock"
try 1 compile "it's changed.klock" --check --output-file=one.yaml
says "run: klockc compile 'it'\\\\''s changed.klock' --output-file=one.yaml$"
judge '--check writes nothing' cmp -s one.yaml good.yaml
try 1 compile good.klock --output-file new.yaml --check && prints '^--- /dev/null'
judge '--check makes no file' test ! -e new.yaml
if command -v patch >/dev/null 2>&1; then
	cp one.yaml patched.yaml
	patch -s patched.yaml one.diff
	try 0 compile changed.klock --output-file patched.yaml --check
else
	skip 'the diff is a patch' 'there is no patch'
fi

# in sentences
try 0 describe good.klock && prints '^policy good'
try 0 describe good.klock -o markdown && prints '^# Policy good'
try 0 describe good.klock -o json && prints '"sentences"'
refuses 'human|markdown|json' describe good.klock -o yaml
try 1 describe bad.klock && silent describe

# to a directory
try 0 compile good.klock --output-dir deploy && silent deploy
judge 'output-dir' test -f deploy/validatingadmissionpolicy-good-objects--configmaps.yaml
judge 'a kustomization' grep -q '^- validatingadmissionpolicy-good-objects--configmaps.yaml' deploy/kustomization.yaml
judge 'a description' grep -q '^# Policy good' deploy/LOCKS.md
cat deploy/valid*.yaml | sort >parts
sort good.yaml >whole
judge 'the files together are the stream' cmp -s parts whole
try 0 compile good.klock --output-dir deploy --check && silent same
printf 'kind: ConfigMap\nmetadata:\n  labels:\n    app.kubernetes.io/managed-by: helm\n' >deploy/foreign.yaml
printf 'hello\n' >deploy/notes.txt
cat good.yaml >deploy/stream.yaml
try 1 compile warned.klock --output-dir deploy --check && prints '^+++ /dev/null'
judge '--check removes nothing' test -f deploy/validatingadmissionpolicy-good-objects--configmaps.yaml
try 0 compile warned.klock --output-dir deploy
judge 'what vanished is removed' test ! -e deploy/validatingadmissionpolicy-good-objects--configmaps.yaml
judge 'our description follows' grep -q '^# Policy warned' deploy/LOCKS.md
judge 'what is not ours stays' test -f deploy/foreign.yaml -a -f deploy/notes.txt -a -f deploy/stream.yaml
judge 'our kustomization follows' grep -q '^- validatingadmissionpolicy-warned-objects--secrets.yaml' deploy/kustomization.yaml
printf 'kind: Kustomization\nresources: [own]\n' >deploy/kustomization.yaml
printf 'What we lock\n' >deploy/LOCKS.md
try 0 compile good.klock --output-dir deploy
judge 'the description of somebody else stays' grep -q '^What we lock' deploy/LOCKS.md
judge 'the kustomization of somebody else stays' grep -q 'own' deploy/kustomization.yaml
ls deploy >before
try 1 compile bad.klock --output-dir deploy
ls deploy >after
judge 'a failed compile leaves the directory alone' cmp -s before after
printf 'policy nothing\n' >nothing.klock
try 1 compile nothing.klock --output-dir deploy
says 'K0005'
ls deploy >after
judge 'what makes no object leaves the directory alone' cmp -s before after
try 1 compile nothing.klock --output-file one.yaml
judge 'what makes no object leaves the file alone' test -s one.yaml
try 1 compile bad.klock --output-dir fresh
judge 'a failed compile makes no directory' test ! -e fresh
try 1 compile good.klock --output-dir fresh --check
judge '--check makes no directory' test ! -e fresh
try 0 compile good.klock --output-dir static --target static
judge 'nothing but objects for the API server' test ! -e static/kustomization.yaml -a ! -e static/LOCKS.md
try 2 compile good.klock --output-dir good.klock
try 2 compile good.klock --output-dir nowhere/deep

# what is there is not written through, nor over what was read
mkdir linked && printf 'precious\n' >precious.yaml && ln -s ../precious.yaml linked/validatingadmissionpolicy-good-objects--configmaps.yaml
ln -s ../precious.yaml linked/kustomization.yaml
mkfifo linked/validatingadmissionpolicybinding-good-objects--configmaps.yaml
try 1 compile good.klock --output-dir linked --check
try 0 compile good.klock --output-dir linked
judge 'a link in the directory is replaced' test ! -L linked/validatingadmissionpolicy-good-objects--configmaps.yaml
judge 'a pipe in the directory is replaced' test -f linked/validatingadmissionpolicybinding-good-objects--configmaps.yaml
judge 'a kustomization that is a link is left alone' test -L linked/kustomization.yaml
judge 'what a link led to stays' test "$(cat precious.yaml)" = precious
try 0 compile good.klock --output-dir deploy
judge 'the same objects as elsewhere' cmp -s deploy/validatingadmissionpolicy-good-objects--configmaps.yaml \
	linked/validatingadmissionpolicy-good-objects--configmaps.yaml
cp good.klock source.klock && ln -s source.klock to-source && ln source.klock hard.klock
for target in source.klock ./source.klock to-source hard.klock; do
	refuses 'would overwrite' compile source.klock --output-file $target
	refuses 'would overwrite' compile source.klock --output-file fresh.yaml --depfile $target
	judge "a source named $target stays" cmp -s source.klock good.klock
done
judge 'nothing was written' test ! -e fresh.yaml
printf 'include "source.klock"\npolicy outer\nlock x { resources pods  namespace a  name b  deny delete }\n' >outer.klock
try 2 compile outer.klock --output-file source.klock && says 'would overwrite'
refuses 'holds objects' compile good.klock --output-file both.out --depfile both.out
refuses 'holds objects' compile good.klock --output-dir deploy --depfile deploy/validatingadmissionpolicy-good-objects--configmaps.yaml

# the policy as source
printf '# A comment.\npolicy  loose include "good.klock" lock x { resources pods namespace a name b deny delete exclusive nobody }\n' >loose.klock
printf 'policy loose\n\ninclude "good.klock"\n\nlock x {\n  resources  pods\n  namespace  a\n  name       b\n  deny       delete\n  exclusive  nobody\n}\n' >tidy.klock
try 0 compile --print source loose.klock
judge 'the layout' cmp -s out tidy.klock
try 0 compile --print source --output-file printed.klock loose.klock
judge 'the same in a file' cmp -s printed.klock tidy.klock
try 0 compile --print source tidy.klock
judge 'what is tidy stays' cmp -s out tidy.klock
printf 'lock {\n' >broken.klock
try 1 compile --print source broken.klock
judge 'nothing of what is broken' test ! -s out
refuses 'one file' compile --print source tidy.klock loose.klock
refuses 'one file' compile --print source .
refuses 'writes to standard output' compile --print source -o json tidy.klock
refuses 'writes to standard output' compile --print source --output-dir d tidy.klock
refuses 'would overwrite' compile --print source --output-file loose.klock loose.klock

# depfile
. "$root/tests/cli/depfile.sh"

# ---- directories ----
mkdir piped && cp good.klock piped/ && mkfifo piped/pipe.klock
status=0
timeout 20 "$KLOCKC" check piped >out 2>err || status=$?
judge 'a pipe in a directory is left out' test "$status" -eq 0
mkfifo alone.klock
status=0
timeout 20 "$KLOCKC" check alone.klock >out 2>err || status=$?
judge 'a pipe that nobody writes to is refused' test "$status" -eq 2
says 'it is a pipe'
printf 'include "alone.klock"\npolicy top\n' >includes-pipe.klock
status=0
timeout 20 "$KLOCKC" check includes-pipe.klock >out 2>err || status=$?
judge 'a pipe is not included' test "$status" -eq 2
says 'not a regular file'
status=0
cat good.klock | "$KLOCKC" check /dev/stdin >out 2>err || status=$?
judge 'the pipe of the shell is read' test "$status" -eq 0

# links that leave what is compiled
mkdir -p tree/policies tree/shared && cp good.klock tree/shared/shared.klock
ln -s ../shared/shared.klock tree/policies/link.klock
try 2 check tree/policies && says 'this link leaves tree/policies'
try 0 check tree/policies --root tree
mkdir -p mounted/..data && cp good.klock mounted/..data/good.klock && ln -s ..data/good.klock mounted/good.klock
try 0 check mounted
printf 'token: "secret of another"\n' >secret.txt
mkdir -p inside && ln -s ../secret.txt inside/secret.klock
printf 'policy leak\ninclude "secret.klock"\n' >inside/leak.klock
try 1 check inside/leak.klock && says 'link that leaves the root'
judge 'nothing of it is shown' test "$(grep -c 'secret of another' err)" -eq 0

# ---- check ----
try 0 check good.klock && silent check
try 1 check bad.klock && silent 'check bad'
says '^bad.klock:3:14: error:.*\[K0103 '
try 0 check warned.klock
says 'warning'
try 1 check warned.klock --warnings-as-errors
judge 'every promoted warning is shown' test "$(grep -c 'more errors' err)" -eq 0
for form in human json sarif github gitlab junit; do
	try 1 check bad.klock -o $form && prints K0103
	quiet "check -o $form"
	try 0 check good.klock -o $form
	quiet "check -o $form"
	if command -v python3 >/dev/null 2>&1; then
		case $form in
		json | sarif | gitlab) judge "$form is JSON" python3 -m json.tool out /dev/null ;;
		junit) judge "$form is XML" python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse("out")' ;;
		esac
	fi
done
escape=$(printf '\033')
try 1 check bad.klock --color always
says "$escape"
try 1 check bad.klock --color never
judge 'no colour' sh -c "! grep -q '$escape' err"
CLICOLOR_FORCE=1 && export CLICOLOR_FORCE
try 1 check bad.klock
says "$escape"
NO_COLOR=1 && export NO_COLOR
try 1 check bad.klock
judge 'NO_COLOR is stronger' sh -c "! grep -q '$escape' err"
unset NO_COLOR CLICOLOR_FORCE

# ---- verify ----
. "$root/tests/cli/verify.sh"

# ---- check --rbac ----
. "$root/tests/cli/rbac.sh"

# ---- check --webhooks ----
. "$root/tests/cli/webhooks.sh"

# ---- test ----
try 0 test good.klock && prints '^2 passed, 0 failed$'
try 1 test failing.klock && prints '^1 passed, 1 failed$'
prints 'failing.klock:18: failed: good: others go (step 1)'
prints "^  lock '.*' "
try 1 test failing.klock -v && prints '^failing.klock:.*: passed: good: nobody'
try 0 test good.klock --verbose && prints ': passed: good: '
try 1 test bad.klock && silent 'test bad'
try 0 test failing.klock --run 'good/nobody' && prints '^1 passed, 0 failed$'
try 1 test failing.klock --run '^good/(nobody|others)'
try 1 test good.klock --run nothing && prints '^0 passed, 0 failed$'
says "no test matches"
try 1 test good.klock --run nothing --require-tests
try 0 test warned.klock
try 1 test warned.klock --require-tests
says 'there is no test'
try 0 test good.klock --require-tests
for form in human json github junit tap; do
	try 0 test good.klock -o $form
	try 1 test failing.klock -o $form && prints 'others go'
	if command -v python3 >/dev/null 2>&1; then
		case $form in
		json) judge "test -o $form is JSON" python3 -m json.tool out /dev/null ;;
		junit) judge "test -o $form is XML" python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("out")' ;;
		esac
	fi
done
try 1 test failing.klock -o github && prints '^::error file=failing.klock,line=18,title=good%3A others go::step 1: expected denied, but it is allowed'
prints '^1 passed, 1 failed$'
cp failing.klock 'a,b:c.klock'
try 1 test 'a,b:c.klock' -o github && prints '^::error file=a%2Cb%3Ac.klock,'
rm 'a,b:c.klock'
try 0 test good.klock -o tap && prints '^1\.\.2$'
try 0 test good.klock --print-cases && prints '"cases"'
try 0 test good.klock --print chainsaw && prints '^kind: Test$' && quiet 'test --print chainsaw'
if command -v python3 >/dev/null 2>&1 && python3 -c 'import yaml' 2>/dev/null; then
	judge 'test --print chainsaw is YAML' python3 -c 'import yaml; [test] = yaml.safe_load_all(open("out")); assert test["spec"]["steps"]'
fi
mv out first.yaml
try 0 test --print=chainsaw ./good.klock && judge 'the same tests give the same bytes' cmp out first.yaml
try 1 test failing.klock --print chainsaw && silent 'test --print chainsaw' && says '--print chainsaw: 1 of 2 tests fail'
sed '/^test/,$d' good.klock >untested.klock
try 1 test untested.klock --print chainsaw && silent 'test --print chainsaw' && says 'there is no test'
sed 's/as user alice/as user system:node:n1, group system:nodes/' good.klock >nodes.klock
try 1 test nodes.klock --print chainsaw && silent 'test --print chainsaw' && says 'none of the tests can be asked of a cluster'
sed '0,/as user alice/s//as user system:node:n1, group system:nodes/' good.klock >node.klock
try 0 test node.klock --print chainsaw && says '1 of 2 expectations are left out' && prints '^# Left out: node.klock:13: step 1 of "nobody deletes it": nodes '
rm -f first.yaml untested.klock nodes.klock node.klock

# ---- writing fails ----
if [ -e /dev/full ]; then
	for words in 'compile good.klock' 'check bad.klock -o json' 'test good.klock' 'explain' 'version' 'help' 'completion bash' \
		'compile good.klock --output-file new.yaml --check'; do
		status=0
		# shellcheck disable=SC2086
		"$KLOCKC" $words >/dev/full 2>err || status=$?
		: >out
		judge "$words on a full disk" test "$status" -eq 2
		says 'No space left' "$words"
	done
	status=0
	"$KLOCKC" check warned.klock >out 2>/dev/full || status=$?
	: >err
	judge 'check: warnings that are lost' test "$status" -eq 2
	try 2 compile good.klock --output-file /dev/full
	says 'No space left'
else
	skip 'a full disk' 'there is no /dev/full'
fi
status=$({ { sleep 0.2; s=0; "$KLOCKC" explain 2>err || s=$?; echo $s >&3; } | :; } 3>&1)
judge 'a closed pipe' test "$status" -eq 2
says 'Broken pipe'
status=0
"$KLOCKC" compile good.klock >&- 2>err || status=$?
judge 'standard output is closed' test "$status" -eq 2
status=0
"$KLOCKC" compile good.klock >out 2>&- || status=$?
judge 'standard error is closed' test "$status" -eq 0
status=0
"$KLOCKC" compile - <&- >out 2>err || status=$?
judge 'standard input is closed' test "$status" -ne 0
status=0
"$KLOCKC" compile - <policies >out 2>err || status=$?
judge 'standard input is a directory' test "$status" -eq 2

# Runs as somebody for whom permissions count.
mortal=
if [ "$(id -u)" -ne 0 ]; then
	mortal=env
elif command -v setpriv >/dev/null 2>&1; then
	mortal='setpriv --reuid=65534 --regid=65534 --clear-groups'
fi
mkdir locked && chmod 755 "$work" locked
cp good.klock secret.klock && chmod 000 secret.klock
chmod a+r good.klock
# shellcheck disable=SC2086
if [ -n "$mortal" ] && $mortal "$KLOCKC" version >/dev/null 2>&1; then
	status=0
	$mortal "$KLOCKC" compile secret.klock >out 2>err || status=$?
	judge 'an unreadable file' test "$status" -eq 2
	says 'secret.klock.*Permission denied'
	silent 'an unreadable file'
	chmod 555 locked
	status=0
	$mortal "$KLOCKC" compile good.klock --output-dir locked >out 2>err || status=$?
	judge 'a directory that is not writable' test "$status" -eq 2
	says 'Permission denied'
	mkdir -p dark/er && cp good.klock dark/er && chmod 000 dark/er
	status=0
	$mortal "$KLOCKC" compile dark >out 2>err || status=$?
	judge 'a directory that is not readable' test "$status" -eq 2
else
	skip 'unreadable files' 'permissions do not count for this user'
fi

# ---- inputs that are no policies ----
echo untouched >kept.yaml
hostile() { # NAME [STATUS]: compiles NAME.klock, which cannot be
	status=0
	timeout "${3:-60}" "$KLOCKC" compile "$1.klock" --output-file kept.yaml >out 2>err || status=$?
	judge "$1: status ${2:-1}" test "$status" -eq "${2:-1}"
	judge "$1: says why" grep -q 'error' err
	judge "$1: few words" test "$(wc -c <err)" -lt 10000000
	judge "$1: nothing is written" test "$(cat kept.yaml)" = untouched
	silent "$1"
}
letters() { head -c "$1" /dev/zero | tr '\0' "${2:-a}"; }
lock_start='policy p
lock l { resources pods namespace default deny delete
'
: >zero.klock
hostile zero
printf '# only a comment\n' >comment.klock
hostile comment
head -c 65536 "$KLOCKC" >binary.klock
hostile binary
printf 'policy a\0b\n' >nul.klock
hostile nul
printf '\357\273\277policy bom\n' >bom.klock
hostile bom
says 'byte order mark'
printf 'policy a # \377\n' >utf8.klock
hostile utf8
printf 'policy a # \355\240\200\n' >surrogate.klock
hostile surrogate
head -c 104857600 /dev/zero | tr '\0' '#' >large.klock
hostile large
rm large.klock
{ printf '%s' "$lock_start"; printf 'message "no end\n}\n'; } >string.klock
hostile string
{ printf '%s' "$lock_start"; printf 'message """no end\n}\n'; } >raw.klock
hostile raw
{ printf '%s where ' "$lock_start"; letters 1000000 '('; } >parentheses.klock
hostile parentheses
{ printf '%s where ' "$lock_start"; letters 1000000 '('; printf 'label a'; letters 1000000 ')'; echo '}'; } >closed.klock
hostile closed
{ printf '%s where ' "$lock_start"; yes 'not' | head -n 1000000; echo 'label a }'; } >nots.klock
hostile nots
{ printf '%s where label a' "$lock_start"; yes ' and label a' | head -n 200000; echo '}'; } >ands.klock
status=0
timeout 30 "$KLOCKC" compile ands.klock --output-file ands.yaml >out 2>err || status=$?
judge '200000 operands of and: no crash' test "$status" -le 1
{ printf '%s where label a0' "$lock_start"; awk 'BEGIN { for (i = 1; i < 200000; i++) print " or label a" i }'; echo '}'; } >ors.klock
hostile ors 1 60
letters 1000000 '{' >braces.klock
hostile braces
yes 'lock l {' | head -n 100000 >blocks.klock
hostile blocks
printf 'policy p\ninclude "cycle2.klock"\n' >cycle.klock
printf 'policy p\ninclude "cycle.klock"\n' >cycle2.klock
hostile cycle
printf 'include "self.klock"\n' >self.klock
hostile self
mkdir -p inner && printf 'include "../good.klock"\npolicy outside\n' >inner/outside.klock
hostile inner/outside
printf 'include "/etc/passwd"\n' >absolute.klock
hostile absolute
printf 'include "gone.klock"\n' >gone-include.klock
hostile gone-include 2
i=0
while [ $i -lt 100 ]; do
	printf 'include "chain%d.klock"\n' $((i + 1)) >chain$i.klock
	i=$((i + 1))
done
cp good.klock chain100.klock
hostile chain0
ln -s /etc inner/away
printf 'include "away/passwd"\n' >inner/link.klock
hostile inner/link
printf 'policy %s\n' "$(letters 300)" >policy-name.klock
hostile policy-name
printf 'policy p\nlock %s { resources pods namespace default all objects deny delete }\n' "$(letters 300)" >lock-name.klock
status=0
"$KLOCKC" compile lock-name.klock >out 2>err || status=$?
judge 'a long name of a lock: no crash' test "$status" -le 1
printf '%sname %s }\n' "$lock_start" "$(letters 254)" >object-name.klock
hostile object-name
printf 'policy p\nactor a = sa default/%s\n' "$(letters 254)" >account-name.klock
hostile account-name
printf 'policy p\nresource %s.example.com namespaced\n%sname x }\n' "$(letters 300)" "lock l { resources pods namespace default deny delete " >resource-name.klock
hostile resource-name
# more than an API server takes is said early
{
	echo 'policy names'
	echo 'actor ops = user alice'
	printf 'grant many to ops { allow get  resources configmaps  namespace default  name '
	awk -v long="$(letters 200)" 'BEGIN { for (i = 0; i < 8000; i++) printf "%s%s%d", i ? ", " : "", long, i; print " }" }'
} >names.klock
hostile names
says 'K0503'
awk 'BEGIN {
	print "policy sealed"
	for (i = 0; i < 1000; i++) printf "actor a%d = sa ns%d/op%d sealed\n", i, i, i
	printf "actor all = a0"
	for (i = 1; i < 1000; i++) printf ", a%d", i
	for (i = 0; i < 20; i++)
		printf "\nlock l%d { resources pods  namespace default  labels a=%d  deny delete  exclusive all  guard rbac }", i, i
	print ""
}' >sealed.klock
hostile sealed
says 'K0506'
sed 's/^lock l[1-9].*//' sealed.klock >fewer.klock
# A thousand actors of one lock are compiled, within 256 MiB.
status=0
(ulimit -v $((${SANITIZED:-0} ? 100000000 : 400000)) && timeout 60 "$KLOCKC" compile fewer.klock >out 2>err) || status=$?
judge 'a thousand sealed actors under guard rbac' test "$status" -eq 0
printf 'policy p\n%swhere name like "%s" }\n' "lock l { resources configmaps namespace default deny delete " "$(letters 200 '*a')" >stars.klock
hostile stars
says 'with 200'
printf 'include "good.klock"\npolicy top\nlock x { resources pods  namespace a  name b  deny delete }\n' >top.klock
try 0 compile top.klock --root .
printf 'include "../good.klock"\npolicy inside\n%s' 'lock x { resources pods  namespace a  name b  deny delete }' >inner/inside.klock
try 1 compile inner/inside.klock
try 0 compile inner/inside.klock --root .

# ---- definitions ----
mkdir -p defined/crds outside && cp "$root/tests/rows/definitions/widgets.yaml" defined/crds/ && cp defined/crds/widgets.yaml outside/out.yaml
printf 'policy defined\nresources from "crds/*.yaml"\nlock x { resources wg  namespace a  name b  deny delete }\n' >defined/p.klock
try 0 compile defined/p.klock --output-file defined.yaml --depfile defined.d
judge 'depfile: the definitions' grep -q '^  defined/crds/widgets.yaml' defined.d
try 0 compile --print source defined/p.klock && prints '^resources from "crds/\*.yaml"'
run compile defined/p.klock --output-file defined/crds/widgets.yaml
judge 'definitions are not overwritten' grep -q 'would overwrite' err
sed 's/$/\r/' outside/out.yaml >defined/crds/widgets.yaml
run compile defined/p.klock
judge 'the ends of lines do not count' cmp -s out defined.yaml
# The same from standard input, and the order in which files are found does not count.
run compile --root defined - <defined/p.klock
cp outside/out.yaml defined/crds/another.yaml
run compile defined/p.klock
judge 'what two files define alike is defined once' cmp -s out defined.yaml
rm defined/crds/*.yaml && ln -s ../../outside/out.yaml defined/crds/link.yaml
try 1 check defined/p.klock && says 'is a link that leaves the root'
try 0 check defined/p.klock --root .
rm defined/crds/link.yaml && ln -s nowhere defined/crds/link.yaml
try 2 check defined/p.klock && says "cannot read 'defined/crds/link.yaml'"
rm defined/crds/link.yaml && mkfifo defined/crds/pipe.yaml
status=0
timeout 20 "$KLOCKC" check defined/p.klock >out 2>err || status=$?
judge 'a pipe holds no definitions' test "$status" -eq 2
says 'not a regular file'
rm defined/crds/pipe.yaml && cp outside/out.yaml defined/crds/w.yaml
if [ "$(id -u)" -ne 0 ]; then
	chmod 0 defined/crds/w.yaml
	try 2 check defined/p.klock && says "cannot read 'defined/crds/w.yaml'"
	chmod 0 defined/crds
	try 2 check defined/p.klock && says "cannot list 'defined/crds'"
	chmod 755 defined/crds && chmod 644 defined/crds/w.yaml
fi
# Many of them: each takes as long as the first.
definitions() { # COUNT
	seq "$1" | sed 's|.*|---\n{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: w&.example.com}, spec: {group: example.com, scope: Namespaced, names: {plural: w&, kind: W&}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {}}}]}}|'
}
{
	cat outside/out.yaml
	definitions 20000
} >defined/crds/w.yaml
run check defined/p.klock
judge 'many definitions' test "$status" -eq 0
{
	echo '{apiVersion: v1, kind: List, items: ['
	definitions 20000 | sed '/^---$/d; s/}$/},/; s/name: w/name: -w/'
	echo ']}'
} >defined/crds/w.yaml
status=0
timeout 20 "$KLOCKC" check defined/p.klock >out 2>err || status=$?
judge 'many wrong definitions' test "$status" -eq 1

. "$root/tests/cli/fn.sh"
. "$root/tests/cli/post_render.sh"
. "$root/tests/cli/failing.sh"
. "$root/tests/cli/colliding.sh"
finish
