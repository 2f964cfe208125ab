#!/bin/sh
# Prints what users of klockc rely on, a line each, as the program has it now: docs/stability.md promises that no line goes
# away. tests/docs/promised has those of all versions; what is retired keeps its line there, with "retired" in the place of "code".
#
#   tests/docs/promises.sh [--update]      adds to tests/docs/promised what is new
set -eu
cd "$(dirname "$0")/../.."
KLOCKC=${KLOCKC:-$PWD/build/${BUILD:-release}/klockc}
LC_ALL=C
export LC_ALL

promises() {
	sed -n 's/^DIAG("\(K[0-9]*\)", [A-Z_0-9]*, "\([a-z0-9-]*\)".*/code \1 \2/p' compiler/report/diag_codes.def
	sed -n 's/^KEYWORD([A-Z_]*, "\([^"]*\)".*/word \1/p' compiler/front/keywords.def
	"$KLOCKC" explain preset | sed -n 's/^\([a-z][a-z-]*\)  .*/preset \1/p'
	# "verb": {"option": ["choice", …], …}
	"$KLOCKC" version -o json | awk -F'"' '
		$0 ~ /^    "[a-z-]*": [{]/ {
			verb = $2
			print "verb " verb
			for (i = 4; i <= NF; i += 2) {
				if ($(i + 1) ~ /^: /) { option = $i; print "option " verb " --" option }
				else print "choice " verb " --" option " " $i
			}
		}'
	# Keys of objects in reports for programs.
	for report in check test describe verify; do
		case $report in
		check) "$KLOCKC" check -o json tests/golden/errors/*.klock ;;
		verify) "$KLOCKC" verify -o json examples/blog.klock --against examples/payments.yaml ;;
		*) "$KLOCKC" "$report" -o json examples/*.klock examples/seed/*.klock ;;
		esac 2>/dev/null | grep -o '"[a-z_A-Z]*":' | tr -d '":' | sed "s/^/key $report /"
	done
	# Labels and annotations of what is emitted.
	grep -hoE '(app\.kubernetes\.io/managed-by|klock\.dev/[a-z-]+): ' examples/*.yaml examples/seed/*.yaml | tr -d ' :' | sed 's/^/metadata /'
	# Fields of a KlockPolicy.
	sed -n '/known\[\] = {"as"/,/};/p' compiler/cli/cli_function_config.c | grep -o '"[a-zA-Z]*"' | tr -d '"' | sed 's/^/field KlockPolicy spec./'
}

if [ "${1-}" = --update ]; then
	lines=$({ cat tests/docs/promised 2>/dev/null || :; promises; } | sort -u)
	printf '%s\n' "$lines" >tests/docs/promised
else
	promises | sort -u
fi
