#!/bin/sh
# The unit tests of build/$BUILD/tests/unit, counted.
set -eu
cd "$(dirname "$0")/../.."
. tests/lib.sh

CMOCKA_MESSAGE_OUTPUT=tap
export CMOCKA_MESSAGE_OUTPUT
for source in tests/unit/test_*.c; do
	name=$(basename "$source" .c)
	program=build/${BUILD:-release}/tests/unit/$name
	if [ ! -x "$program" ]; then
		fail "$name is not built"
		continue
	fi
	status=0
	"$program" >"$work/out" 2>&1 || status=$?
	good=$(grep -c '^ok ' "$work/out" || :)
	bad=$(grep -c '^not ok ' "$work/out" || :)
	passed=$((passed + good)) failed=$((failed + bad))
	if [ "$bad" -gt 0 ]; then sed "s/^/$name: /" "$work/out"; fi
	if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then fail "$name ended with status $status" "$(tail -40 "$work/out")"; fi
	if [ "$good" -eq 0 ] && [ "$bad" -eq 0 ] && [ "$status" -eq 0 ]; then fail "$name ran no test"; fi
done
finish
