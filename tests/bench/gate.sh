#!/bin/sh
# Holds the instructions that compiling takes against tests/bench/instructions, within 5 %: times differ from run to run,
# these do not. Fewer are told as well, so that the table says what is there.
#
#   gate.sh [--update]
set -eu
cd "$(dirname "$0")/../.."
. tests/lib.sh
table=tests/bench/instructions

# What the counts depend on besides klockc itself.
built_with() {
	echo "$("${CC:-cc}" --version | sed 1q), $(uname -m), $(getconf GNU_LIBC_VERSION 2>/dev/null || uname -s)," \
		"libyaml $(pkg-config --modversion yaml-0.1), cJSON $(pkg-config --modversion libcjson)"
}

# An empty environment, and the output in a file: neither is to count.
instructions() { # FILE: its name and thousands
	name=$(basename "$1" .klock)
	env -i PATH="$PATH" valgrind --tool=callgrind --callgrind-out-file=/dev/null "$KLOCKC" compile "$1" \
		2>"$work/valgrind-$name" >"$work/objects-$name" || {
		echo "gate.sh: $1 is not compiled" >&2
		return 1
	}
	sed -n 's/^==[0-9]*== Collected : \([0-9]*\).*/\1/p' "$work/valgrind-$name" | awk -v name="$name" '{ printf "%s %d\n", name, $1 / 1000 }'
}

# All files at once: counts do not depend on who else computes.
measure() {
	tests/bench/generate.sh 1000 >"$work/generated-1000.klock"
	tests/bench/generate.sh 1000 mixed >"$work/generated-1000-mixed.klock"
	tests/bench/generate.sh 1000 pods >"$work/generated-1000-pods.klock"
	tests/bench/generate.sh 3000 values >"$work/generated-3000-values.klock"
	tests/bench/generate.sh 3000 users >"$work/generated-3000-users.klock"
	tests/bench/generate.sh 300 or >"$work/generated-300-or.klock"
	for file in examples/*.klock examples/seed/*.klock "$work"/generated-*.klock; do
		instructions "$file" >"$work/count-$(basename "$file" .klock)" &
	done
	wait
	cat "$work"/count-*
}

if ! command -v valgrind >/dev/null 2>&1; then
	skip 'instructions' 'there is no valgrind; see .ci/deps gate'
elif [ "${BUILD:-release}" != release ]; then
	skip 'instructions' "they are those of the release build, not of $BUILD"
elif [ "${1-}" = --update ]; then
	{
		echo "# Instructions of klockc compile, in thousands; make bench-gate-update writes them."
		echo "# $(built_with)"
		measure
	} >"$work/table"
	cp "$work/table" $table
	cat $table
	exit
elif [ "$(sed -n 2p $table)" != "# $(built_with)" ]; then
	skip 'instructions' "the table is of another build: $(sed -n '2s/# //p' $table), and this is $(built_with)"
else
	measure >"$work/measured"
	sed '/^#/d' $table >"$work/expected"
	awk 'NR == FNR { expected[$1] = $2; next }
		!($1 in expected) { print "not ok", $1, "is not in the table: make bench-gate-update"; next }
		{ change = 100 * ($2 - expected[$1]) / expected[$1]; counted[$1] }
		change > 5 { printf "not ok %s takes %d thousand instructions instead of %d: %.1f %% more\n", $1, $2, expected[$1], change; next }
		change < -5 { printf "not ok %s takes %d thousand instructions instead of %d: %.1f %% fewer; make bench-gate-update\n", $1, $2, expected[$1], -change; next }
		{ printf "ok %s %+.2f %%\n", $1, change }
		END { for (name in expected) if (!(name in counted)) print "not ok", name, "is in the table and was not measured" }' \
		"$work/expected" "$work/measured" >"$work/judged"
	cat "$work/judged"
	passed=$(grep -c '^ok ' "$work/judged" || :) failed=$(grep -c '^not ok ' "$work/judged" || :)
fi
finish
