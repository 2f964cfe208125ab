#!/bin/sh
# Time, memory and size, as tables. Times are the best of several runs.
set -eu
cd "$(dirname "$0")/../.."
klockc=$PWD/build/klockc
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM

time_program=
for candidate in /usr/bin/time gtime; do
	if command -v $candidate >/dev/null 2>&1 && $candidate -f %M true 2>/dev/null; then
		time_program=$candidate
		break
	fi
done

# Seconds since some moment, as fine as date has them.
now() { date +%s.%N 2>/dev/null | sed 's/N$/0/'; }

# The best of RUNS runs in milliseconds; the command's output is thrown away.
best() { # RUNS COMMAND...
	runs=$1
	shift
	while [ "$runs" -gt 0 ]; do
		start=$(now)
		"$@" >"$work/out" 2>"$work/err" || { cat "$work/err" >&2; exit 1; }
		echo "$start $(now)"
		runs=$((runs - 1))
	done | awk '{ ms = ($2 - $1) * 1000; if (best == "" || ms < best) best = ms } END { printf "%.1f", best }'
}

peak() { # COMMAND...: KiB
	if [ -z "$time_program" ]; then
		echo 0
	else
		"$time_program" -f %M -o "$work/peak" "$@" >/dev/null 2>&1
		tail -1 "$work/peak"
	fi
}

echo "program: $(wc -c <"$klockc" | tr -d ' ') bytes, klockc version: $(best 20 "$klockc" version) ms"
[ -n "$time_program" ] || echo "memory is not measured: there is no GNU time"
echo
echo "      locks     form   time ms   us/lock   peak KiB  KiB/lock  output KiB  objects"
for form in same mixed; do
	for count in 1 100 1000 10000; do
		argument=
		[ $form = same ] || argument=mixed
		tests/bench/generate.sh $count $argument >"$work/bench.klock"
		runs=10
		[ $count -lt 1000 ] || runs=3
		ms=$(best $runs "$klockc" compile "$work/bench.klock") || exit 1
		kib=$(peak "$klockc" compile "$work/bench.klock")
		"$klockc" compile "$work/bench.klock" 2>/dev/null >"$work/out"
		objects=$(grep -c '^kind:' "$work/out")
		bytes=$(wc -c <"$work/out")
		awk -v n=$count -v form=$form -v ms="$ms" -v kib="$kib" -v bytes="$bytes" -v objects="$objects" 'BEGIN {
			printf "%11d %8s %9.1f %9.1f %10d %9.1f %11.1f %8d\n", n, form, ms, ms * 1000 / n, kib, kib / n, bytes / 1024, objects }'
	done
done

echo
if command -v go >/dev/null 2>&1 && [ -d "${KLOCK_SERVERS:-build/servers}" ]; then
	tests/bench/generate.sh 100 >"$work/hundred.klock"
	"$klockc" compile "$work/hundred.klock" >"$work/hundred.yaml" 2>/dev/null
	"$klockc" compile examples/payments.klock >"$work/payments.yaml" 2>/dev/null
	(cd tests/e2e && go run ./cmd/bench "$work/payments.yaml" "$work/hundred.yaml")
else
	echo "the API server's part is skipped: it needs Go and the servers that make check builds"
fi
