#!/bin/sh
# Compares what klockc says with what it said before.
#
#   tests/golden/run.sh [--update]
#
# errors/NAME.klock has its diagnostics in NAME.txt; syntax/NAME.klock its tree in NAME.ast, or what is wrong in NAME.txt;
# verify/NAME.sed is what happens to the objects of verify/policy.klock between compile and apply, and NAME.txt what 'klockc verify'
# says of the result;
# rbac/NAME.yaml is RBAC, and NAME.txt what 'klockc check --rbac' finds in it, with the policy NAME.klock if there is one; of bad-NAME.yaml
# it can be read no further; webhooks/ has the same of webhook configurations and 'klockc check --webhooks';
# chainsaw/NAME.klock has its tests in NAME.yaml as 'klockc test --print chainsaw' prints them;
# drafts/NAME.klock is a policy as somebody writes it who has read the documentation once, without a guard or an acceptance: it
# compiles, with at most one warning, which is in NAME.txt; examples/NAME.klock and examples/seed/NAME.klock have their objects in
# NAME.yaml, and what they do in NAME.md; examples/gitops/TOOL/locks.klock has its objects in policies beside it, where that is there.
set -eu
cd "$(dirname "$0")/../.."
. tests/lib.sh
update=${1-}

compare() { # EXPECTED ACTUAL
	if [ "$update" = --update ]; then
		cmp -s "$1" "$2" || cp "$2" "$1"
		pass
	elif [ ! -f "$1" ]; then
		fail "$1 is missing; see make golden-update"
	elif cmp -s "$1" "$2"; then
		pass
	else
		fail "$1" "$(diff -u "$1" "$2" || :)"
	fi
}

for policy in tests/golden/errors/*.klock; do
	name=$(basename "$policy" .klock)
	status=0
	# From its directory, so that the paths in messages are short.
	(cd tests/golden/errors && "$KLOCKC" check "$name.klock") >"$work/out" 2>"$work/err" || status=$?
	# 2 is for an include that cannot be read.
	if [ "$status" -ne 1 ] && [ "$status" -ne 2 ]; then
		fail "$policy: status $status instead of 1" "$(cat "$work/err")"
	elif [ -s "$work/out" ]; then
		fail "$policy: standard output is not empty"
	else
		compare "${policy%.klock}.txt" "$work/err"
	fi
	# Nothing is written when there is any error.
	status=0
	"$KLOCKC" compile "$policy" >"$work/out" 2>"$work/err" || status=$?
	if { [ "$status" -eq 1 ] || [ "$status" -eq 2 ]; } && [ ! -s "$work/out" ]; then pass; else fail "$policy: compiles, or writes something"; fi
done

"$KLOCKC" compile tests/golden/verify/policy.klock >"$work/compiled.yaml" 2>/dev/null
for script in tests/golden/verify/*.sed; do
	sed -f "$script" "$work/compiled.yaml" >"$work/rendered.yaml"
	if cmp -s "$work/compiled.yaml" "$work/rendered.yaml"; then fail "$script changes nothing"; fi
	status=0
	(cd tests/golden/verify && "$KLOCKC" verify policy.klock --against - <"$work/rendered.yaml") >"$work/out" 2>&1 || status=$?
	# A warning alone is for what does no harm.
	if [ "$status" -ne 1 ] && { [ "$status" -ne 0 ] || grep -q ' error: ' "$work/out"; }; then fail "$script: status $status" "$(cat "$work/out")"; fi
	compare "${script%.sed}.txt" "$work/out"
done

# What 'klockc check --OPTION' says of the files of others, with the policy beside them if there is one.
audited() { # OPTION HOW-MANY-AT-LEAST
	audited=0
	for file in "tests/golden/$1"/*.yaml; do
		name=$(basename "$file" .yaml) status=0 policy='' wanted=0
		[ ! -f "${file%.yaml}.klock" ] || policy=$name.klock
		case $name in bad-*) wanted=1 ;; esac
		# shellcheck disable=SC2086
		(cd "tests/golden/$1" && "$KLOCKC" check $policy "--$1" "$name.yaml") >"$work/out" 2>&1 || status=$?
		if [ "$status" -ne $wanted ]; then fail "$file: status $status instead of $wanted" "$(cat "$work/out")"; fi
		compare "${file%.yaml}.txt" "$work/out"
		audited=$((audited + 1))
	done
	if [ "$audited" -ge "$2" ]; then pass; else fail "only $audited files in tests/golden/$1"; fi
}
audited rbac 10
audited webhooks 3

# What 'klockc test --print chainsaw' makes of tests.
for policy in tests/golden/chainsaw/*.klock; do
	status=0
	"$KLOCKC" test --print chainsaw "$policy" >"$work/out" 2>"$work/err" || status=$?
	if [ "$status" -ne 0 ]; then fail "$policy: status $status" "$(cat "$work/err")"; fi
	compare "${policy%.klock}.yaml" "$work/out"
done

drafts=0
for policy in tests/golden/drafts/*.klock; do
	name=$(basename "$policy" .klock) status=0
	(cd tests/golden/drafts && "$KLOCKC" check "$name.klock") >"$work/out" 2>&1 || status=$?
	warned=$(grep -c ': warning: ' "$work/out" || :)
	if [ "$status" -ne 0 ] || [ "$warned" -gt 1 ]; then
		fail "$policy: status $status, $warned warnings" "$(cat "$work/out")"
	elif grep -q '^ *\(guard\|accept\|exempt\|cover\) ' "$policy"; then
		fail "$policy says more than a draft does"
	else
		compare "${policy%.klock}.txt" "$work/out"
	fi
	drafts=$((drafts + 1))
done
if [ "$drafts" -ge 9 ]; then pass; else fail "only $drafts drafts"; fi

for policy in tests/golden/syntax/*.klock; do
	name=$(basename "$policy" .klock) status=0
	(cd tests/golden/syntax && "$OLDPWD/build/${BUILD:-release}/tests/golden/syntax" "$name.klock") >"$work/out" 2>&1 || status=$?
	case $status in
	0) compare "${policy%.klock}.ast" "$work/out" ;;
	1) compare "${policy%.klock}.txt" "$work/out" ;;
	*) fail "$policy: status $status" "$(cat "$work/out")" ;;
	esac
done

# What is printed as source reads as the same tree; files with errors of syntax have none.
printed=0
for policy in tests/golden/*/*.klock tests/rows/*.klock examples/*.klock examples/seed/*.klock; do
	status=0
	"build/${BUILD:-release}/tests/golden/syntax" --again "$policy" >"$work/out" 2>&1 || status=$?
	case $status in
	0) pass && printed=$((printed + 1)) ;;
	1) ;;
	*) fail "$policy: printed as source it is another tree" "$(cat "$work/out")" ;;
	esac
done
if [ "$printed" -ge 250 ]; then pass; else fail "only $printed files were printed as source"; fi

# All of them can be in one cluster, and tests know them by their names alone.
twice=$(for policy in examples/*.klock examples/seed/*.klock; do basename "$policy"; done | sort | uniq -d)
if [ -z "$twice" ]; then pass; else fail 'two examples have one name' "$twice"; fi
for policy in examples/*.klock examples/seed/*.klock; do
	status=0
	"$KLOCKC" compile "$policy" >"$work/out" 2>"$work/err" || status=$?
	if [ "$status" -ne 0 ]; then
		fail "$policy: status $status" "$(cat "$work/err")"
		continue
	fi
	if [ -s "$work/err" ]; then fail "$policy: klockc warns of an example" "$(cat "$work/err")"; else pass; fi
	compare "${policy%.klock}.yaml" "$work/out"
	"$KLOCKC" describe -o markdown "$policy" >"$work/described" 2>/dev/null
	compare "${policy%.klock}.md" "$work/described"
	unique "$work/out" "$policy"
	"$KLOCKC" compile -o json "$policy" >"$work/out.json" 2>/dev/null
	unique "$work/out.json" "$policy as JSON"
	# Comments and blank lines are no part of a policy: not one byte changes.
	mkdir -p "$work/commented"
	{
		printf '# A comment.\n\n# And one more.\n'
		sed 's/$/ # a comment/; /"""/s/ # a comment$//' "$policy" | sed 's/^}/\n# The end of an item.\n}/'
	} >"$work/commented/$(basename "$policy")"
	"$KLOCKC" compile "$work/commented/$(basename "$policy")" >"$work/two" 2>"$work/err" || :
	if cmp -s "$work/out" "$work/two"; then pass; else fail "$policy: comments change what is written" "$(diff "$work/out" "$work/two" || :)"; fi
	# From standard input only the name of the file is another. One of the same length leaves lines as they are.
	cp "$policy" "$work/plain"
	"$KLOCKC" compile "$work/plain" 2>/dev/null | sed 's|klock.dev/source: "plain#|klock.dev/source: "stdin#|' >"$work/one"
	"$KLOCKC" compile - <"$policy" >"$work/two" 2>/dev/null
	if cmp -s "$work/one" "$work/two"; then pass; else fail "$policy: other bytes from standard input" "$(diff "$work/one" "$work/two" || :)"; fi
	# The same from standard input under another name, elsewhere, in another locale: where a policy is does not reach
	# its objects, but for the annotation that says so.
	for form in yaml json; do
		"$KLOCKC" compile -o $form "$policy" >"$work/one" 2>/dev/null
		(cd / && LC_ALL=C.UTF-8 TZ=Asia/Tokyo "$KLOCKC" compile -o $form "$OLDPWD/$policy") 2>/dev/null |
			sed "s|$PWD/||g" >"$work/two"
		if cmp -s "$work/one" "$work/two"; then pass; else fail "$policy: other bytes as $form from another place" "$(diff "$work/one" "$work/two" || :)"; fi
	done
done

# A repository for a tool that runs no plugins holds what is compiled, and whatever a commit leaves behind goes.
for policies in examples/gitops/*/policies; do
	policy=$(dirname "$policies")/locks.klock
	if output=$("$KLOCKC" test --require-tests "$policy" 2>&1); then pass; else fail "$policy" "$output"; fi
	if [ "$update" = --update ]; then
		"$KLOCKC" compile "$policy" --output-dir "$policies" 2>/dev/null && pass
	elif "$KLOCKC" compile --warnings-as-errors "$policy" --output-dir "$policies" --check >"$work/out" 2>&1; then
		pass
	else
		fail "$policies is not what $policy compiles to" "$(cat "$work/out")"
	fi
done

# What is applied once to each cluster is what the verb prints; with a policy, it is for what that looks up.
"$KLOCKC" anchors >"$work/out"
compare deploy/anchors.yaml "$work/out"
unique "$work/out" "anchors"
"$KLOCKC" anchors examples/database.klock >"$work/out" 2>/dev/null
"$KLOCKC" compile examples/database.klock 2>/dev/null | grep '^  paramKind: {' | sort -u >"$work/one"
grep '^  paramKind: {' "$work/out" | sort -u >"$work/two"
if [ -s "$work/one" ] && cmp -s "$work/one" "$work/two"; then pass; else fail "anchors of a policy are for other kinds" "$(diff "$work/one" "$work/two" || :)"; fi
if grep -q 'klock.dev/policy\|managed-by' deploy/anchors.yaml; then fail "anchors have the labels by which policies are pruned"; else pass; fi
finish
