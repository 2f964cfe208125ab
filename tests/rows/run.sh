#!/bin/sh
# The acceptance rows offline: each file's tests by `klockc test`, and what its comments expect (README.md here).
# One result for each row, and one for the emitted objects of all of them.
set -eu
cd "$(dirname "$0")/../.."
. tests/lib.sh

# The lines of a kind of comment, without their key.
header() { # FILE KEY
	sed -n "/^#/!q; s/^# $2: //p" "$1"
}

# Says what is wrong with a file; nothing if all is well.
judge() { # FILE
	file=$1
	options=$(header "$file" expect-options)
	errors=$(header "$file" expect-error)
	status=0
	# shellcheck disable=SC2086
	"$KLOCKC" compile $options "$file" >"$work/yaml" 2>"$work/messages" || status=$?
	if [ -n "$errors" ]; then
		[ "$status" -eq 1 ] || echo "$file: status $status instead of 1"
		[ ! -s "$work/yaml" ] || echo "$file: objects were written in spite of errors"
	elif [ "$status" -ne 0 ]; then
		echo "$file: status $status"
		cat "$work/messages"
		return
	fi
	# For people, what is said of several locks is folded.
	# shellcheck disable=SC2086
	"$KLOCKC" check --output github $options "$file" >"$work/all" 2>&1 || :
	for severity in error warning; do
		header "$file" expect-$severity >"$work/expected"
		while read -r code place; do
			# ::error file=FILE,line=LINE,endLine=LINE,col=COLUMN,endColumn=COLUMN,title=CODE name::message
			found=$(awk -v start="::$severity " -v title="title=$code " -v place="$place" -v file="$file" '
				BEGIN { split(place, at, ":") }
				index($0, start) == 1 && index($0, title) && (place == "" || (index($0, "file=" file ",line=" at[1] ",") && index($0, ",col=" at[2] ","))) { print; exit }' "$work/all")
			[ -n "$found" ] || {
				echo "$file: no $severity $code ${place:+at $place}"
				sed 's/^/    /' "$work/messages"
			}
		done <"$work/expected"
	done
	[ -n "$errors" ] || "$OUT/tests/golden/unique" "$work/yaml" || echo "$file: something is written twice"
	header "$file" expect-output >"$work/expected"
	while IFS= read -r text; do
		grep -qF -e "$text" "$work/yaml" || echo "$file: the output lacks: $text"
	done <"$work/expected"
	header "$file" expect-no-output >"$work/expected"
	while IFS= read -r text; do
		! grep -qF -e "$text" "$work/yaml" || echo "$file: the output has: $text"
	done <"$work/expected"
	if [ -z "$errors" ]; then
		status=0
		# shellcheck disable=SC2086
		"$KLOCKC" test $options "$file" >"$work/tests" 2>&1 || status=$?
		[ "$status" -eq 0 ] || cat "$work/tests"
		# shellcheck disable=SC2086
		"$KLOCKC" verify $options "$file" --against "$work/yaml" >"$work/tests" 2>&1 || cat "$work/tests"
	fi
}

# The table and the directory are the same.
sed -n 's/^| \([A-Z][0-9][0-9]\|[a-z][a-z-]*\) | \[\([^]]*\)\](\([^)]*\)) .*/\1 \2 \3/p' tests/rows/README.md >"$work/table"
awk '$2 != $3 || index($2, $1) != 1 { print "the line of " $1 " in README.md links " $3 }' "$work/table" >"$work/problems"
awk '{ print $2 }' "$work/table" | sort >"$work/listed"
(cd tests/rows && ls -- *.klock) | sort >"$work/present"
diff "$work/listed" "$work/present" | sed -n 's/^</only in README.md:/p; s/^>/not in README.md:/p' >>"$work/problems"
if [ -s "$work/problems" ]; then fail "the table in tests/rows/README.md" "$(cat "$work/problems")"; else pass; fi

for row in $(awk '{ print $1 }' "$work/table" | uniq); do
	awk -v row="$row" '$1 == row { print $2 }' "$work/table" >"$work/files"
	: >"$work/wrong"
	while read -r name; do
		if [ -f "tests/rows/$name" ]; then judge "tests/rows/$name" >>"$work/wrong" </dev/null; fi
	done <"$work/files"
	if [ -s "$work/wrong" ]; then fail "$row" "$(cat "$work/wrong")"; else pass; fi
done

# What is emitted answers every case as the test expects and as the policy means, without what only spares evaluations as well.
for how in "" --bare; do
	# shellcheck disable=SC2086
	if "$OUT/tests/differential/judge" $how tests/rows/*.klock examples/*.klock examples/seed/*.klock tests/e2e/testdata/*.klock >"$work/judged"; then
		pass
	else
		fail "the emitted objects, judged $how" "$(cat "$work/judged")"
	fi
done
# The judge itself answers as whoever wrote manifests and cases by hand.
for name in table shapes ways; do
	if "$OUT/tests/differential/judge" "tests/e2e/testdata/$name.yaml" >"$work/judged"; then
		pass
	else
		fail "the judge, on $name" "$(cat "$work/judged")"
	fi
done
# Of the parts of what is too large for one policy, each answers about its own locks, and no other does.
tests/bench/generate.sh 3000 pods >"$work/parts.klock"
cat >>"$work/parts.klock" <<'end'
test "locks of every part" {
  as      user eve
  delete  configmaps team-0/a labels app=app-0
  expect  denied by keep0
  update  configmaps team-1500/a labels app=app-1500 -> labels app=app-0
  expect  denied by keep1500 (guard labels)
  delete  pods team-2999/a labels app=app-2999
  expect  denied by keep2999
  evict   pods team-2999/a labels app=app-2999
  expect  denied by keep2999
  delete  namespaces team-2222
  expect  denied by keep2222
  delete  configmaps team-1500/a labels app=app-1501
  expect  allowed
  delete  configmaps team-1500/a
  expect  allowed
  as      serviceaccount team-1500/operator
  delete  configmaps team-1500/a labels app=app-1500
  expect  allowed
}
end
if ! "$KLOCKC" compile "$work/parts.klock" 2>&1 | grep -q '^  name: bench-objects-2--configmaps$'; then
	fail "parts" "3000 locks are one policy"
elif "$OUT/tests/differential/judge" "$work/parts.klock" >"$work/judged"; then
	pass
else
	fail "parts" "$(cat "$work/judged")"
fi
finish
