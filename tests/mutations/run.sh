#!/bin/sh
# Breaks what emits objects, and what decides, in small ways, and tells which of them nobody notices.
#
#   tests/mutations/run.sh [MUTANTS]
#
# Of all mistakes that mutants.awk finds (one operator, constant or negation each), MUTANTS are tried, 200 if not said, or
# all: with the same SEED the same ones as long as their lines stay. Each is made in a copy of the sources, which is built
# and asked by one judge after the other until one notices: every case of the rows and examples, judged from the emitted
# objects (a second); of decide its unit test; of the emitter the rows and golden files, which see every byte. What is left
# is a hole in the rows, or no mistake: equivalent.txt says which of these are known, and why.
#
# JOBS=2 are tried at a time; FILES='compiler/decide/decide*.c' chooses what is broken. The last line is a count, and the
# status 1 when an unknown one is left.
set -eu
cd "$(dirname "$0")/../.."
mutants=${1:-200} jobs=${JOBS:-2} seed=${SEED:-1} files=${FILES:-emit/*.c emit/*.def compiler/decide/decide*.c}
work=$PWD/build/mutations
rm -rf "$work"
mkdir -p "$work/clean/build"
# The sources may change meanwhile. What is built already need not be built again.
cp -pR Makefile compiler deploy docs emit examples grammar include tests README.md "$work/clean"
for built in build/gen build/release; do [ ! -d "$built" ] || cp -pR "$built" "$work/clean/build"; done
cd "$work/clean"

echo "seed $seed"
# shellcheck disable=SC2086
awk -v seed="$seed" -f tests/mutations/mutants.awk $files | sort -n >"$work/all"
if [ "$mutants" = all ]; then cp "$work/all" "$work/chosen"; else head -n "$mutants" "$work/all" >"$work/chosen"; fi

build() { # TREE TARGET...
	tree=$1
	shift
	make -s -C "$tree" "$@" >"$tree/log" 2>&1
}

# A mistake may never come to an end: what a process computes is bounded, however busy the machine is.
judged() { # TREE
	(cd "$1" && ulimit -t 30 && build/release/tests/differential/judge --brief tests/rows/*.klock examples/*.klock examples/seed/*.klock tests/e2e/testdata/*.klock) >/dev/null 2>&1
}

suites() { # TREE
	(cd "$1" && ulimit -t 60 && tests/run golden && tests/run rows) >/dev/null 2>&1
}

unit=build/release/tests/unit/test_decide
tools="$unit all build/release/tests/golden/syntax build/release/tests/golden/unique build/release/tests/differential/judge"

is_of_decide() { # FILE
	[ "${1#compiler/decide/}" != "$1" ]
}

try() { # TREE FILE LINE OCCURRENCE FROM TO
	awk -v line="$3" -v occurrence="$4" -v from="$5" -v to="$6" '
		NR != line { print; next }
		{
			done = ""
			rest = $0
			for (n = 1; n <= occurrence; n++) {
				at = index(rest, from)
				if (n < occurrence) { done = done substr(rest, 1, at); rest = substr(rest, at + 1) }
			}
			print done substr(rest, 1, at - 1) to substr(rest, at + length(from))
		}' "$2" >"$1/$2"
	if ! build "$1" build/release/tests/differential/judge; then
		echo "does not compile"
	elif ! judged "$1"; then
		echo "judged"
	elif is_of_decide "$2"; then
		# The judge has asked all that decide is asked by the suites.
		if build "$1" $unit && (cd "$1" && "$unit") >/dev/null 2>&1; then echo "survived"; else echo "unit"; fi
	elif ! build "$1" $tools || ! suites "$1"; then
		echo "suites"
	else
		echo "survived"
	fi
	cp "$2" "$1/$2"
}

worker() { # NUMBER
	tree=$work/tree$1
	cp -pR "$work/clean" "$tree"
	# shellcheck disable=SC2086
	build "$tree" $tools || { cat "$tree/log"; exit 2; }
	# The suites are asked about the emitter alone.
	asked=suites
	! is_of_decide "$(cut -f 2 "$work/chosen" | sort | tail -n 1)" || asked=true
	if ! judged "$tree" || ! $asked "$tree"; then
		echo "what is to be broken is broken already" >&2
		exit 2
	fi
	awk -v jobs="$jobs" -v number="$1" 'NR % jobs == number' "$work/chosen" | tr '\t' '\1' |
		while IFS=$(printf '\1') read -r _ file line occurrence from to text; do
			verdict=$(try "$tree" "$file" "$line" "$occurrence" "$from" "$to")
			printf '%s\t%s:%s\t%s\t%s\t%s\n' "$verdict" "$file" "$line" "$from" "$to" "$text"
		done >"$work/results$1"
}

pids=
number=0
while [ "$number" -lt "$jobs" ]; do
	worker "$number" &
	pids="$pids $!"
	number=$((number + 1))
done
for pid in $pids; do wait "$pid"; done

# A survivor whose text and mistake stand in equivalent.txt is no hole.
cat "$work"/results* | awk -F '\t' '
	FNR == NR { if ($0 !~ /^#/ && NF >= 3) known[$1 FS $2 FS $3]; next }
	{ count[$1]++ }
	$1 == "survived" && ($3 FS $4 FS $5) in known { equivalent++ }
	END {
		for (verdict in count) printf "%s: %d\n", verdict, count[verdict]
		if (equivalent) printf "known to be equivalent: %d\n", equivalent
	}' tests/mutations/equivalent.txt - | sort
cat "$work"/results* | awk -F '\t' '
	FNR == NR { if ($0 !~ /^#/ && NF >= 3) known[$1 FS $2 FS $3]; next }
	$1 == "does not compile" { next }
	$1 != "survived" || ($3 FS $4 FS $5) in known { passed++; next }
	{ failed++; printf "not ok - nobody notices %s: \"%s\" for \"%s\"\n    %s\n", $2, $4, $3, $5 }
	END {
		printf "%d passed, %d failed\n", passed, failed
		exit failed > 0
	}' tests/mutations/equivalent.txt -
