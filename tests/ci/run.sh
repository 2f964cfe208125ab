#!/bin/sh
# What pipelines use: hooks of pre-commit, the action, the jobs for GitLab, and reports, each with the tool that reads it or by its schema;
# and what docs/ci.md shows of them. Tools that are missing are installed, or it is said what is skipped.
set -eu
cd "$(dirname "$0")/../.."
. tests/lib.sh
root=$PWD
tools=${KLOCK_SERVERS:-$root/build/servers}/ci

if ! tests/ci/tools.sh >"$work/log" 2>&1; then
	skip 'what pipelines use' "tests/ci/tools.sh cannot install its tools: $(tail -n 1 "$work/log")"
	finish
	exit
fi
python=$tools/python/bin
# The program that hooks and steps find.
mkdir "$work/bin" && ln -s "$KLOCKC" "$work/bin/klockc"
PATH=$work/bin:$PATH
PRE_COMMIT_HOME=$work/pre-commit GIT_CONFIG_GLOBAL=$work/gitconfig GIT_CONFIG_NOSYSTEM=1
export PATH PRE_COMMIT_HOME GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM
git config --global user.name tester && git config --global user.email tester@example.com
git config --global init.defaultBranch main && git config --global advice.defaultBranchName false

# Runs a command; leaves out and status behind.
run() {
	status=0
	"$@" >"$work/out" 2>&1 </dev/null || status=$?
}
judge() { # WHAT TEST...
	what=$1
	shift
	if "$@"; then pass; else fail "$what" "status $status
$(head -c 3000 "$work/out")"; fi
}
works() { # WHAT COMMAND...
	what=$1
	shift
	run "$@"
	judge "$what" test "$status" -eq 0
}
# It fails, and says what.
fails() { # WHAT PATTERN COMMAND...
	what=$1 pattern=$2
	shift 2
	run "$@"
	judge "$what fails" test "$status" -ne 0
	judge "$what says $pattern" grep -q -e "$pattern" "$work/out"
}
says() { judge "it says $1" grep -q -e "$1" "$work/out"; }
# The block of docs/ci.md that is marked so.
block() { # MARK
	awk -v mark="$1" '$0 ~ "^```[a-z]* " mark "$" && !done { on = 1; next } /^```/ { if (on) done = 1; on = 0 } on' "$root/docs/ci.md"
}

# ---- a repository with policies ----
mkdir -p "$work/repository/policies" && cd "$work/repository" && git init -q
cat >policies/shop.klock <<'POLICY'
policy shop
include "common/actors.klock"
lock keep {
  resources  configmaps
  namespace  shop
  name       settings
  deny       delete
  exclusive  ops
  guard      no owners
  accept     controller-not-locked "it is a test"
}
test "nobody deletes it" {
  as user alice
  delete  configmaps shop/settings
  expect  denied by keep
}
POLICY
mkdir policies/common && printf 'actor ops = user ops\n' >policies/common/actors.klock
klockc compile policies --output-dir deploy
cp -r policies "$work/fine"
fine() { # The policies as they were.
	rm -rf policies && cp -r "$work/fine" policies
	klockc compile policies --output-dir deploy
}
warned() { sed '/accept/d' "$work/fine/shop.klock" >policies/shop.klock; }
changed() { sed 's/deny       delete/deny       delete, update/' "$work/fine/shop.klock" >policies/shop.klock; }
wrong() { sed 's/expect  denied by keep/expect  allowed/' "$work/fine/shop.klock" >policies/shop.klock; }
broken() { sed 's/configmaps/configmapz/' "$work/fine/shop.klock" >policies/shop.klock; }

# ---- pre-commit ----
works 'the manifest of the hooks' "$python/pre-commit" validate-manifest "$root/.pre-commit-hooks.yaml"
mkdir "$work/hooks" && cp "$root/.pre-commit-hooks.yaml" "$work/hooks/"
(cd "$work/hooks" && git init -q && git add . && git commit -qm hooks)
revision=$(git -C "$work/hooks" rev-parse HEAD)
block pre-commit | sed "s|https://github.com/OWNER/klock|$work/hooks|; s|rev: .*|rev: $revision|" >.pre-commit-config.yaml
judge 'docs/ci.md shows a configuration' grep -q "$work/hooks" .pre-commit-config.yaml
works 'the configuration' "$python/pre-commit" validate-config .pre-commit-config.yaml
git add . && git commit -qm first
works 'installing hooks' "$python/pre-commit" install
hooks() { "$python/pre-commit" run --all-files "$@"; }
works 'hooks where all is well' hooks
judge 'all three of them ran' test "$(grep -c 'Passed' "$work/out")" -eq 3
warned
git add .
fails 'a warning' 'K0215' hooks klockc-check
fails 'a commit with a warning' 'K0215' git commit -qm warned
judge 'nothing was committed' test "$(git rev-list --count HEAD)" -eq 1
broken
git add .
fails 'a mistake' 'K0103' git commit -qm broken
fine && wrong
git add .
fails 'a test that fails' '0 passed, 1 failed' hooks klockc-test
# What was compiled before does not fit: the hook writes it, and the second commit has it.
fine && changed
git add .
fails 'a commit without its objects' 'files were modified by this hook' git commit -qm changed
git add .
works 'a commit with its objects' git commit -qm changed
judge 'the objects are those of the policy' git diff --quiet HEAD -- deploy
works 'nothing is left to compile' klockc compile policies --output-dir deploy --check
# The other hooks.
cat >.pre-commit-config.yaml <<END
repos:
- repo: $work/hooks
  rev: $revision
  hooks:
  - id: klockc-check-files
    files: shop[.]klock
  - id: klockc-up-to-date
    args: [policies, --output-dir, deploy]
END
git add .
works 'the hooks that write nothing' hooks
fine && changed
sed 's/name       settings/name       other/' "$work/fine/shop.klock" >policies/shop.klock
git add .
fails 'objects that are not up to date' 'run: klockc compile policies --output-dir deploy' hooks klockc-up-to-date
judge 'nothing was written' git diff --quiet
warned
fails 'a warning in a file' 'K0215' hooks klockc-check-files
# Hooks without what they need.
mv "$work/bin/klockc" "$work/bin/klockc-away"
fails 'a machine without klockc' 'klockc' hooks klockc-check-files
mv "$work/bin/klockc-away" "$work/bin/klockc"
fine

# ---- the action ----
works 'the schema of action.yml' "$python/check-jsonschema" --builtin-schema vendor.github-actions "$root/action.yml"
block github >"$work/workflow.yml"
works 'the workflow of docs/ci.md' "$python/check-jsonschema" --builtin-schema vendor.github-workflows "$work/workflow.yml"
# Its inputs are those of the action.
sed -n '/OWNER\/klock/,/- uses/s/^        \([a-z-]*\):.*/\1/p' "$work/workflow.yml" >"$work/used"
while read -r input; do
	judge "docs/ci.md gives the input $input" grep -q "^  $input:" "$root/action.yml"
done <"$work/used"
judge 'docs/ci.md gives inputs' test "$(wc -l <"$work/used")" -ge 3
action() { "$python/python" "$root/tests/ci/runner.py" github "$root/action.yml" "$@"; }
works 'the action' action output-dir=deploy sarif=klock.sarif junit=klock.xml
judge 'it ran to its end' grep -q '^== Compile' "$work/out"
judge 'it leaves SARIF and JUnit' test -s klock.sarif -a -s klock.xml
warned
fails 'the action and a warning' '^::error file=policies/shop.klock,line=' action sarif=klock.sarif
judge 'SARIF is there to be uploaded' grep -q K0215 klock.sarif
works 'warnings that may be' action warnings-as-errors=false
says '^::warning file=policies/shop.klock,line='
fine && wrong
fails 'the action and a test that fails' '^::error file=policies/shop.klock,line=15,title=shop%3A nobody deletes it::' action junit=klock.xml
says '1 failed'
judge 'JUnit is there to be uploaded' grep -q '<failure' klock.xml
fine && changed
fails 'the action and objects of yesterday' 'run: klockc compile .*policies --output-dir deploy' action output-dir=deploy
fine
sed '/^test/,$d' "$work/fine/shop.klock" >policies/none.klock
sed -i 's/^policy shop/policy none/' policies/none.klock
fails 'policies without tests' 'there is no test' action policies=policies/none.klock
works 'policies that need no tests' action policies=policies/none.klock require-tests=false
rm policies/none.klock
fails 'an option that klockc does not know' 'kubernets' action 'options=--kubernets 1.33'
works 'options' action 'options=--kubernetes 1.33 --controllers separate'

# A release, from the web: this klockc, packed as a release is.
machine=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
version=$("$KLOCKC" version | sed 's/klockc //')
release=klock-$version-linux-$machine
mkdir -p "$work/web/v$version" "$work/tree/$release/bin" && cp "$KLOCKC" "$work/tree/$release/bin/klockc"
tar -czf "$work/web/v$version/$release.tar.gz" -C "$work/tree" "$release"
(cd "$work/web/v$version" && sha256sum "$release.tar.gz" >SHA256SUMS)
install() { # WHERE
	"$root/deploy/ci/install.sh" "$version" "file://$work/web/v$version" "$1"
}
works 'installing a release' install "$work/installed"
says "^$work/installed/$release/bin$"
works 'the program that was installed' "$work/installed/$release/bin/klockc" version
mv "$work/bin/klockc" "$work/bin/klockc-away"
works 'the action with a release' action version="$version" release-url="file://$work/web/v$version" output-dir=deploy
fails 'the action without klockc' "give the input 'version'" action
mv "$work/bin/klockc-away" "$work/bin/klockc"
fails 'a release that is not there' 'there is no' "$root/deploy/ci/install.sh" 9.9.9 "file://$work/web/v$version" "$work/missing"
# The job of docs/ci.md installs it too; the packages of its image stay out of this machine.
block gitlab | sed -n '/before_script:/,$s/^  - //p' | grep -v apt-get >"$work/before"
judge 'docs/ci.md installs a release' grep -q sha256sum "$work/before"
if [ "$machine" = amd64 ]; then
	echo 'command -v klockc' >>"$work/before"
	mkdir "$work/job"
	works 'what docs/ci.md does before a job' env -C "$work/job" KLOCK_VERSION="$version" KLOCK_RELEASE="file://$work/web/v$version" \
		bash --noprofile --norc -eo pipefail "$work/before"
	says "^$work/job/$release/bin/klockc$"
fi
echo more >>"$work/web/v$version/$release.tar.gz"
if [ "$machine" = amd64 ]; then
	rm -rf "$work/job" && mkdir "$work/job"
	fails 'what docs/ci.md does before a job, of a release that was changed' 'FAILED\|WARNING' env -C "$work/job" KLOCK_VERSION="$version" \
		KLOCK_RELEASE="file://$work/web/v$version" bash --noprofile --norc -eo pipefail "$work/before"
fi
fails 'a release that was changed' 'is not what SHA256SUMS says' install "$work/changed"
judge 'nothing of it is unpacked' test ! -e "$work/changed/$release"
: >"$work/web/v$version/SHA256SUMS"
fails 'a release without a sum' 'does not name' install "$work/nameless"

# ---- GitLab ----
works 'the schema of the jobs' "$python/check-jsonschema" --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci "$root/deploy/ci/gitlab.yml"
block gitlab >"$work/gitlab.yml"
works 'the pipeline of docs/ci.md' "$python/check-jsonschema" --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci "$work/gitlab.yml"
for variable in $(sed -n 's/^  \(KLOCK_[A-Z_]*\): .*/\1/p' "$root/deploy/ci/gitlab.yml"); do
	judge "a job uses $variable" grep -q "\\\$$variable" "$root/deploy/ci/gitlab.yml"
done
job() { "$python/python" "$root/tests/ci/runner.py" gitlab "$root/deploy/ci/gitlab.yml" "$@"; }
for name in klock-check klock-test klock-compile; do works "$name" job $name KLOCK_OUTPUT_DIR=deploy; done
warned
fails 'klock-check and a warning' 'K0215' job klock-check
judge 'the merge request shows it' "$python/python" -c '
import json
for finding in json.load(open("gl-code-quality-report.json")):
    assert finding["location"]["path"] == "policies/shop.klock" and finding["fingerprint"] and finding["severity"] == "major", finding'
fine && wrong
fails 'klock-test and a test that fails' '1 failed' job klock-test
judge 'its report has the failure' grep -q '<failure' klock-test.xml
fine && changed
fails 'klock-compile and objects of yesterday' 'run: klockc compile' job klock-compile KLOCK_OUTPUT_DIR=deploy
fine

# ---- reports, by the schemas of those who read them ----
multitool=$tools/node_modules/@microsoft/sarif-multitool-linux
# GitLab links a test to its file by an attribute that Jenkins does not know.
sed '/<xs:element name="testcase">/,/<\/xs:complexType>/s|<xs:attribute name="time"|<xs:attribute name="file" type="xs:string"/>&|' "$tools/junit-10.xsd" >"$work/junit.xsd"
cd "$root"
reports() { # NAME ARGUMENT...: of the same policies in every form
	name=$1
	shift
	"$KLOCKC" check "$@" -o sarif >"$work/$name.sarif" || :
	works "SARIF of $name" "$python/check-jsonschema" --schemafile "$multitool/sarif-2.1.0.json" "$work/$name.sarif"
	run "$multitool/Sarif.Multitool" validate "$work/$name.sarif" --rule-kind 'Sarif;Ghas'
	judge "Microsoft's validator has nothing against SARIF of $name" sh -c "[ $status -eq 0 ] && ! grep -E ': (error|warning) SARIF1' '$work/out'"
	"$KLOCKC" check "$@" -o junit >"$work/$name.xml" || :
	works "JUnit of $name" "$python/xmlschema-validate" --schema "$work/junit.xsd" "$work/$name.xml"
}
reports examples examples/*.klock examples/seed/*.klock
judge 'what is accepted is suppressed' grep -q '"justification": "autoscalers are kept from the namespace by RBAC"' "$work/examples.sarif"
reports errors tests/golden/errors/*.klock
judge 'errors are in it' test "$(grep -c '"level": "error"' "$work/errors.sarif")" -gt 100
for policy in tests/golden/errors/test*.klock examples/blog.klock "$work/repository/policies/shop.klock"; do
	"$KLOCKC" test "$policy" -o junit >"$work/tests.xml" 2>/dev/null || :
	[ -s "$work/tests.xml" ] || continue
	works "JUnit of the tests of $policy" "$python/xmlschema-validate" --schema "$work/junit.xsd" "$work/tests.xml"
done

# ---- make and ninja, as docs/ci.md shows them ----
cd "$work/repository"
block depfile >Makefile
works 'make' "${MAKE:-make}" --no-print-directory build/locks.yaml
judge 'make made it' test -s build/locks.yaml
works 'make again' "${MAKE:-make}" --no-print-directory build/locks.yaml
says 'up to date'
if command -v ninja >/dev/null 2>&1; then
	rm -rf build
	awk '/^```ninja depfile$/ { on = 1; next } /^```/ { on = 0 } on' "$root/docs/ci.md" >build.ninja
	works 'ninja' ninja
	judge 'ninja made it' test -s build/locks.yaml
	works 'ninja again' ninja
	says 'no work to do'
else
	skip 'ninja' 'there is no ninja'
fi
cd "$root"
finish
