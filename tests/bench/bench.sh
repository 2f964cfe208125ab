#!/bin/sh
# Time, memory and size, as tables, beside what others take for the same. Times are the best of several runs.
#
#   bench.sh [programs|server]    what the programs take, what locks cost an API server, or both
set -eu
cd "$(dirname "$0")/../.."
klockc=$PWD/build/klockc
tools=$PWD/build/bench
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

# The best of several runs in milliseconds, as many as fit into two seconds, but two. What is fast is run ten times a turn: to
# look at the clock takes longer. Compiling may fail, where that is what is measured; nothing else may.
best() { # COMMAND...
	{
		turns=0 times=1 begun=$(now)
		while
			start=$(now) i=0
			while [ $i -lt $times ]; do
				"$@" >"$work/out" 2>"$work/err" || [ "$1" = "$klockc" ] || { cat "$work/err" >&2; exit 1; }
				i=$((i + 1))
			done
			end=$(now)
			echo "$start $end $times"
			turns=$((turns + 1))
			[ $turns -gt 1 ] || times=$(echo "$start $end" | awk '{ print $2 - $1 < 0.05 ? 10 : 1 }')
			[ $turns -lt 2 ] || [ "$(echo "$begun $end" | awk '{ print $2 - $1 < 2 }')" = 1 ]
		do :; done
	} | awk '{ ms = ($2 - $1) * 1000 / $3; if (best == "" || ms < best) best = ms } END { printf "%.1f", best }'
}

peak() { # COMMAND...: MiB
	if [ -z "$time_program" ]; then
		echo 0
	else
		"$time_program" -f %M -o "$work/peak" "$@" >/dev/null 2>&1 || :
		tail -1 "$work/peak" | awk '{ printf "%.1f", $1 / 1024 }'
	fi
}

has() { # TOOL: whether make bench-deps has made it
	[ -x "$tools/$1" ] && return
	echo "$1 is left out: make bench-deps"
	return 1
}

load() { cut -d' ' -f1-3 /proc/loadavg 2>/dev/null || uptime | sed 's/.*: //'; }

compiling() {
	echo "      locks     form   time ms   us/lock   peak MiB  output KiB  objects"
	for form in same mixed pods; do
		for count in 1 100 1000 10000; do
			argument=
			[ $form = same ] || argument=$form
			tests/bench/generate.sh $count $argument >"$work/$form-$count.klock"
			ms=$(best "$klockc" compile "$work/$form-$count.klock") || exit 1
			mib=$(peak "$klockc" compile "$work/$form-$count.klock")
			"$klockc" compile "$work/$form-$count.klock" 2>/dev/null >"$work/out"
			awk -v n=$count -v form=$form -v ms="$ms" -v mib="$mib" -v bytes="$(wc -c <"$work/out")" \
				-v objects="$(grep -c '^kind:' "$work/out")" 'BEGIN {
				printf "%11d %8s %9.1f %9.1f %10.1f %11.1f %8d\n", n, form, ms, ms * 1000 / n, mib, bytes / 1024, objects }'
		done
	done
	echo
	echo "  many in one lock             time ms   peak MiB"
	for corner in "300 or" "1000 or" "300 objects" "1000 unknown" "3000 values" "3000 users" "100 sealed" "1000 webhooks" "100 tenants" "1000 tenants"; do
		# shellcheck disable=SC2086
		tests/bench/generate.sh $corner >"$work/corner.klock"
		failed=
		"$klockc" compile "$work/corner.klock" >"$work/out" 2>"$work/err" || failed=" $(sed -n 's/.*\[\(K[0-9]* [-a-z]*\)\]$/\1/p;' "$work/err" | sed 1q)"
		printf "  %-24s %11.1f %10.1f%s\n" "$corner" "$(best "$klockc" compile "$work/corner.klock")" "$(peak "$klockc" compile "$work/corner.klock")" "$failed"
	done
}

# The same locks as a chart: only the protection of the objects themselves, unchecked, without tests.
beside_helm() {
	has helm || return 0
	echo "      locks                                                time ms   peak MiB  output KiB"
	for count in 1 1000 10000; do
		printf "%11d  %-44s %10.1f %10.1f %11.1f\n" $count "klockc compile" "$(best "$klockc" compile "$work/pods-$count.klock")" \
			"$(peak "$klockc" compile "$work/pods-$count.klock")" "$("$klockc" compile "$work/pods-$count.klock" 2>/dev/null | wc -c | awk '{ print $1 / 1024 }')"
		for form in table each; do
			[ $form = table ] || [ $count -le 1000 ] || continue
			tests/bench/chart.sh $count "$work/chart-$form-$count" $form
			what="helm template, a policy with a table"
			[ $form = table ] || what="helm template, a policy for each lock"
			printf "%11d  %-44s %10.1f %10.1f %11.1f\n" $count "$what" "$(best "$tools/helm" template bench "$work/chart-$form-$count")" \
				"$(peak "$tools/helm" template bench "$work/chart-$form-$count")" "$("$tools/helm" template bench "$work/chart-$form-$count" | wc -c | awk '{ print $1 / 1024 }')"
		done
	done
}

rbac() {
	echo " roles and bindings    time ms   peak MiB  input KiB"
	for count in 100 10000; do
		tests/bench/generate.sh $count rbac >"$work/rbac-$count.yaml"
		printf "%-19d %10.1f %10.1f %10.1f\n" $count "$(best "$klockc" check --rbac "$work/rbac-$count.yaml")" "$(peak "$klockc" check --rbac "$work/rbac-$count.yaml")" \
			"$(wc -c <"$work/rbac-$count.yaml" | awk '{ print $1 / 1024 }')"
	done
}

testing() {
	echo " 1000 cases     locks    time ms   peak MiB"
	for count in 10 1000; do
		tests/bench/cases.sh $count klockc >"$work/cases-$count.klock"
		"$klockc" test "$work/cases-$count.klock" >"$work/out" 2>&1 || { cat "$work/out" >&2; exit 1; }
		printf "%-13s %7d %10.1f %10.1f\n" "klockc test" $count "$(best "$klockc" test "$work/cases-$count.klock")" "$(peak "$klockc" test "$work/cases-$count.klock")"
	done
	if has gator; then
		for count in 10 1000; do
			tests/bench/cases.sh $count gator "$work/gator-$count"
			printf "%-13s %7d %10.1f %10.1f\n" "gator verify" $count "$(best "$tools/gator" verify "$work/gator-$count/suite.yaml")" "$(peak "$tools/gator" verify "$work/gator-$count/suite.yaml")"
		done
	fi
	if has kyverno; then
		tests/bench/cases.sh 10 kyverno "$work/kyverno"
		printf "%-13s %7d %10.1f %10.1f\n" "kyverno test" 10 "$(best "$tools/kyverno" test "$work/kyverno")" "$(peak "$tools/kyverno" test "$work/kyverno")"
	fi
}

programs() {
	echo "program: $(wc -c <"$klockc" | tr -d ' ') bytes, klockc version: $(best "$klockc" version) ms; load of the machine: $(load)"
	[ -n "$time_program" ] || echo "memory is not measured: there is no GNU time"
	echo
	compiling
	echo
	beside_helm
	echo
	rbac
	echo
	testing
}

# The locks as klockc emits them, beside no policy and beside the policies that people write by hand.
server() {
	if ! command -v go >/dev/null 2>&1; then
		echo "the API server's part is skipped: it needs Go"
		return
	fi
	# shellcheck disable=SC2086
	tests/e2e/servers/build.sh $(echo "${BENCH_MINORS:-1.33,1.37}" | tr , ' ')
	tests/bench/generate.sh 100 sealed >"$work/sealed.klock"
	payments=$PWD/examples/payments.klock
	(cd tests/e2e && go run ./cmd/bench -sync=false -minor "${BENCH_MINORS:-1.33,1.37}" -locks "${BENCH_LOCKS:-1,1000,10000}" -requests "${BENCH_REQUESTS:-200}" \
		-layouts "none,trivial,klockc,table,each+selector,$payments,$work/sealed.klock" ${BENCH_PROFILES:+-profile "$BENCH_PROFILES"})
}

case ${1-all} in
programs) programs ;;
server) server ;;
all)
	programs
	echo
	server
	;;
*)
	echo "bench.sh: unknown part: $1" >&2
	exit 2
	;;
esac
