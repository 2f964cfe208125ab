#!/bin/sh
# What the documentation says is tried: every ```klock block in it is compiled and its tests are run, links lead somewhere,
# and the README shows the policy of examples/blog.klock.
set -eu
cd "$(dirname "$0")/../.."
. tests/lib.sh

for document in README.md HACKING.md CHANGELOG.md examples/seed/README.md docs/*.md; do
	# One file a block, named by its line.
	rm -f "$work"/block-*
	awk -v prefix="$work/block-" '
		/^```klock$/ { file = prefix NR ".klock"; next }
		/^```/ { if (file != "") close(file); file = ""; next }
		file != "" { print > file }' "$document"
	for block in "$work"/block-*.klock; do
		[ -f "$block" ] || continue
		line=${block##*block-}
		line=${line%.klock}
		# What is shown may be a part of a file, without the line that names its policy.
		{ grep -q '^policy ' "$block" || echo 'policy doc'; cat "$block"; } >"$work/doc.klock"
		if output=$("build/${BUILD:-release}/tests/golden/syntax" --again "$block" 2>&1); then pass; else fail "$document:$line, printed as source" "$output"; fi
		rm "$block"
		if output=$("$KLOCKC" test "$work/doc.klock" 2>&1); then pass; else fail "$document:$line" "$output"; fi
	done
	for target in $(grep -o '](\([^)#:]*\))' "$document" | sed 's/^](//; s/)$//'); do
		if [ -e "$(dirname "$document")/$target" ]; then pass; else fail "$document links $target, which is not there"; fi
	done
done

# The README's policy is the example, without its comments and tests.
strip() { sed 's/^ *#.*//; /^ *$/d' "$1"; }
awk '/^```klock$/ { on = 1; next } /^```/ { on = 0 } on' README.md >"$work/readme.klock"
strip "$work/readme.klock" | sed '/^test /,$d' >"$work/one"
strip examples/blog.klock | sed '/^test /,$d' >"$work/two"
if cmp -s "$work/one" "$work/two"; then pass; else fail "README.md shows another policy than examples/blog.klock" "$(diff "$work/one" "$work/two" || :)"; fi
refusal=$(sed -n 's/^    \(denied, there is a lock: .*\)/\1/p' README.md)
if "$KLOCKC" compile examples/blog.klock 2>/dev/null | grep -qF "$refusal"; then pass; else fail "README.md shows a refusal that is not in the output"; fi
# Refusals that docs/refused.md shows are those of docs/refusals.md, which servers are asked for.
grep '^Error from server' docs/refused.md | while read -r refusal; do
	grep -qxF "$refusal" docs/refusals.md || echo "$refusal"
done >"$work/unknown"
if [ ! -s "$work/unknown" ] && grep -q '^Error from server' docs/refused.md; then pass; else fail "docs/refused.md shows a refusal that docs/refusals.md does not" "$(cat "$work/unknown")"; fi
if [ "$(wc -l <README.md)" -le 100 ]; then pass; else fail "README.md is longer than 100 lines"; fi

# Verbs and formats of docs/cli.md are those of the program.
"$KLOCKC" help | sed -n 's/^  \([a-z-]*\)  *[a-z].*/\1/p' >"$work/verbs"
while read -r verb; do
	if grep -q "^| .$verb" docs/cli.md; then pass; else fail "docs/cli.md lacks $verb"; fi
done <"$work/verbs"

# The first policy of the tutorial is described as the tutorial shows.
awk '/^```klock$/ { on = 1; next } /^```/ && on { exit } on' docs/tutorial.md >"$work/blog.klock"
awk '/^```text$/ { on = 1; next } /^```/ && on { exit } on' docs/tutorial.md >"$work/one"
(cd "$work" && "$KLOCKC" describe blog.klock 2>&1) >"$work/two" || :
if cmp -s "$work/one" "$work/two"; then pass; else fail 'docs/tutorial.md shows another description than klockc gives' "$(diff "$work/one" "$work/two" || :)"; fi

# What docs/stability.md promises: nothing goes away, and what is new is promised as well. A code is for one problem.
tests/docs/promises.sh >"$work/promises"
grep -v '^retired ' tests/docs/promised | comm -23 - "$work/promises" >"$work/gone"
comm -13 tests/docs/promised "$work/promises" >"$work/new"
sed -n 's/^\(code\|retired\) //p' tests/docs/promised >"$work/codes"
if [ ! -s "$work/gone" ]; then pass; else fail 'promised in tests/docs/promised, and gone: see docs/stability.md' "$(cat "$work/gone")"; fi
if [ ! -s "$work/new" ]; then pass; else fail 'not yet in tests/docs/promised: make promises-update' "$(cat "$work/new")"; fi
for column in 1 2; do
	twice=$(cut -d' ' -f$column "$work/codes" | sort | uniq -d)
	if [ -z "$twice" ]; then pass; else fail 'given to two problems, of which one may be retired' "$twice"; fi
done

# docs/language.md explains the clauses of compiler/front/clauses.def, each where it belongs.
for title in 'Object clauses' 'Lock clauses'; do
	awk -v title="## $title" '/^## / { on = $0 == title } on && /^\| `/ { split($0, cell, "|"); print cell[2] }' docs/language.md |
		grep -o '`[a-z][^`]*`' | tr -d '`' | sort >"$work/explained"
	sed -n 's/^CLAUSE(\([A-Z_]*\), "\([a-z -]*\)", \([A-Z]*\), \([A-Z]*\), \([A-Z]*\),.*/\3 \4 \5 \2/p' compiler/front/clauses.def >"$work/clauses"
	case $title in
	Object*) awk '$1 == "NO" && $2 != "NO" && $NF != "accept"' "$work/clauses" ;;
	*) awk '$1 != "NO" || ($2 == "NO" && $3 != "NO")' "$work/clauses" ;;
	esac | cut -d' ' -f4- >"$work/wanted"
	while read -r keyword; do
		if grep -q "^$keyword\( \|\$\)" "$work/explained"; then pass; else fail "docs/language.md, $title: no '$keyword'"; fi
	done <"$work/wanted"
	[ "$(wc -l <"$work/wanted")" -ge 10 ] || fail "clauses.def is not read"
done

# Every example passes its own tests.
for policy in examples/*.klock examples/seed/*.klock $(find examples/gitops -name '*.klock'); do
	if output=$("$KLOCKC" test --require-tests "$policy" 2>&1); then pass; else fail "$policy" "$output"; fi
done
# Every code that the documentation names exists.
for code in $(grep -oh 'K0[0-9][0-9][0-9]' README.md docs/*.md | sort -u); do
	if "$KLOCKC" explain "$code" >/dev/null 2>&1; then pass; else fail "$code is named, and does not exist"; fi
done
finish
