#!/bin/sh
# Tells where what klockc prints for the rows, the examples and the golden files differs from what it printed at a commit,
# for changes that are not to change it:  tests/same_output.sh [COMMIT]
#
# KLOCKC_BEFORE names a program to compare with instead. Objects, diagnostics and exit statuses are compared.
set -eu
cd "$(dirname "$0")/.."
commit=${1:-HEAD}
work=$(mktemp -d)
before=${KLOCKC_BEFORE-}
cleanup() {
	[ ! -d "$work/tree" ] || git worktree remove --force "$work/tree"
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 2' HUP INT TERM

if [ -z "$before" ]; then
	git worktree add -q --detach "$work/tree" "$commit"
	make -s -j"$(nproc)" -C "$work/tree" build/klockc
	before=$work/tree/build/klockc
fi
after=build/klockc

print() { # PROGRAM FILE OPTION...
	program=$1
	shift
	"$program" "$@" 2>&1 || echo "exit $?"
}
compared=0 different=0
compare() {
	print "$before" "$@" >"$work/before"
	print "$after" "$@" >"$work/after"
	compared=$((compared + 1))
	cmp -s "$work/before" "$work/after" && return
	different=$((different + 1))
	echo "differs: klockc $*"
	diff "$work/before" "$work/after" | head -20 | sed 's/^/    /'
}

for file in tests/rows/*.klock examples/*.klock examples/seed/*.klock tests/golden/*/*.klock; do
	compare compile "$file"
	compare compile --kubernetes 1.36 --target static "$file"
	compare test "$file"
done
for file in examples/*.klock examples/seed/*.klock; do
	compare compile --kubernetes 1.33 "$file"
	compare test --output json "$file"
	compare anchors "$file"
	compare check --output json "$file"
done
echo "$compared outputs compared, $different differ"
[ "$different" -eq 0 ]
