#!/bin/sh
# The tests on API servers, counted. They need Go 1.26 and the servers of $KLOCK_MINORS, which are built here when missing.
set -eu
cd "$(dirname "$0")/../.."
. tests/lib.sh

skip_all() {
	skip "the API-server part" "$1"
	finish
	exit
}

command -v go >/dev/null 2>&1 || skip_all "there is no go; it needs Go 1.26 or newer"
version=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null || :)
echo "$version" | awk -F'[go.]+' '{ exit !($2 > 1 || ($2 == 1 && $3 + 0 >= 26)) }' ||
	skip_all "go is ${version:-broken}; it needs Go 1.26 or newer"
[ -n "${KLOCK_MINORS-}" ] || skip_all "KLOCK_MINORS is empty"

# shellcheck disable=SC2086
if ! tests/e2e/servers/build.sh $KLOCK_MINORS; then
	fail "building the API servers ($KLOCK_MINORS)"
	finish
	exit 1
fi

# What these run is skipped where it cannot be built.
tests/e2e/servers/tools.sh || echo "the tools of others were not built"
tests/e2e/servers/flux/build.sh || echo "Flux was not built"
tests/e2e/servers/chainsaw/build.sh || echo "Chainsaw was not built"

# Tests on servers wait for them most of the time, so that many run at once; what computes all the time fills the gaps, with
# less of a right to the processors. The lives do not wait, and have the rest of the machine for themselves.
computing='^Test(Differential|JudgesNotice|NearNames|Quantities|RowsEvaluator|Strings)$'
# What a change has to pass is the same each time; KLOCK_SEED=$(date +%s) sees policies that no run has seen before.
seed=${KLOCK_SEED:-1}
# Garbage costs more time than there is memory to save.
GOGC=400
export GOGC
# The CEL of each of the servers, and of one in between, which the newest release imitates.
cel_minors="$KLOCK_MINORS 1.31"
(
	status=0
	(cd tests/e2e && nice -n 10 go test -vet=off -parallel 2 -count=1 -timeout 60m -json -run "$computing" . -differential.seed="$seed") || status=$?
	for minor in $cel_minors; do
		! nice -n 10 tests/fuzz/cel_oracle/run.sh "$minor" 2000 >"$work/cel-$minor" 2>&1 || mv "$work/cel-$minor" "$work/cel-$minor-agrees"
	done
	exit "$status"
) >"$work/computed" 2>>"$work/errors" &
status=0
(
	cd tests/e2e
	status=0
	# shellcheck disable=SC2046
	go test -vet=off -p 2 -parallel 4 -count=1 -timeout 60m -json -skip "$computing" $(go list ./... | grep -v /lives$) || status=$?
	go test -vet=off -parallel 2 -count=1 -timeout 30m -json ./lives || status=$?
	exit "$status"
) >"$work/events" 2>>"$work/errors" || status=$?
wait $! || status=$?
cat "$work/computed" >>"$work/events"
# One result for each test that has no subtests, and one for a package that failed without one of its tests doing so.
# What the tests wrote is shown for those that failed.
awk '
	function text(key,    value) {
		if (!match($0, "\"" key "\":\"([^\"\\\\]|\\\\.)*\"")) return ""
		value = substr($0, RSTART + length(key) + 4, RLENGTH - length(key) - 5)
		return value
	}
	{
		action = text("Action"); package = text("Package"); name = text("Test")
		id = package " " name
		if (action == "output") { output[id] = output[id] text("Output"); next }
		if (action != "pass" && action != "fail" && action != "skip") next
		# A package is tested in two runs.
		if (result[id] != "fail") result[id] = action
		if (name != "") {
			parent = name
			while (sub("/[^/]*$", "", parent)) has_subtests[package " " parent] = 1
		}
	}
	END {
		for (id in result) {
			split(id, part, " ")
			if (part[2] == "") continue
			if (result[id] == "fail") { bad[part[1]] = 1 }
			if (id in has_subtests && result[id] != "fail") continue
			if (id in has_subtests) {
				# Its subtests say why, unless all of them passed.
				explained = 0
				for (other in result) if (index(other, id "/") == 1 && result[other] == "fail") explained = 1
				if (explained) continue
			}
			print result[id], id
			if (result[id] != "pass") {
				text_of = output[id]
				gsub(/\\n/, "\n    ", text_of); gsub(/\\t/, "  ", text_of); gsub(/\\"/, "\"", text_of)
				gsub(/\\u003e/, ">", text_of); gsub(/\\u003c/, "<", text_of)
				print "    " text_of
			}
		}
		for (id in result) {
			split(id, part, " ")
			if (part[2] == "" && result[id] == "fail" && !(part[1] in bad)) {
				text_of = output[id]
				gsub(/\\n/, "\n    ", text_of)
				print "fail", id "\n    " text_of
			}
		}
	}' "$work/events" >"$work/results"
grep -v '^pass ' "$work/results" | sed 's/^fail /not ok - /; s/^skip /skipped - /; /^ *$/d' | head -400 || :
cat "$work/errors"
# How much was compared.
sed -n 's/.*"Output":" *[^"]*\(differential: [0-9][^"\\]*\).*/\1/p' "$work/events"
passed=$((passed + $(grep -c '^pass ' "$work/results" || :)))
failed=$((failed + $(grep -c '^fail ' "$work/results" || :)))
skipped=$((skipped + $(grep -c '^skip ' "$work/results" || :)))
if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then fail "go test ended with status $status"; fi

for minor in $cel_minors; do
	if [ -f "$work/cel-$minor-agrees" ]; then
		pass
		sed -n "\$s/^/CEL of $minor: /p" "$work/cel-$minor-agrees"
	else
		fail "CEL as Kubernetes $minor has it" "$(tail -40 "$work/cel-$minor")"
	fi
done
finish
