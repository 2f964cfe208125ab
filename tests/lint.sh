#!/bin/sh
# Formatting, direction of includes, warnings as errors, scripts. Called by `make lint` with the files that are formatted.
set -u
cd "$(dirname "$0")/.."
bad=0
complain() {
	bad=1
	echo "lint: $*"
}

# ---- formatting ----
# Other versions lay out some lines otherwise.
case $("${CLANG_FORMAT:-clang-format}" --version 2>/dev/null) in
*"version 14."*) "${CLANG_FORMAT:-clang-format}" --dry-run -Werror "$@" || complain "run make format" ;;
*) echo "lint: formatting is not checked: that needs clang-format 14" ;;
esac

# ---- who may use whom: a room and the rooms whose headers it includes, besides its own ----
cat >"${TMPDIR:-/tmp}/rooms.$$" <<'end'
base
data        base
kubernetes  base
report      base data
cel         base data
policy      base data kubernetes cel
front       base report kubernetes
lower       base data report kubernetes cel policy front
check       base data report kubernetes cel policy front
decide      base data report kubernetes cel policy
describe    base data report kubernetes cel policy
chainsaw    base data report kubernetes policy decide emit
admission   base data kubernetes cel policy
emit        base data report kubernetes cel policy describe
verify      base data report admission emit
rbac        base data report kubernetes cel policy front decide
hooks       base data report policy check decide
grammar     base report front cel
cli         base data
end
# The driver and the library's interface join the rooms, and may use everything. klock.h is for all.
grep -rn '^#include "' compiler emit grammar |
	sed 's/^\([^:]*\):[0-9]*:#include "\([^"]*\)".*/\1 \2/' |
	awk -v table="${TMPDIR:-/tmp}/rooms.$$" '
		BEGIN { while ((getline line < table) > 0) { split(line, word, " "); allowed[word[1]] = " " line " " } }
		{
			count = split($1, part, "/")
			from = part[1] == "compiler" ? part[2] : part[1]
			if (part[1] == "compiler" && count == 2) next
			to = index($2, "/") ? substr($2, 1, index($2, "/") - 1) : ""
			if (to == "klock") next
			if (!(from in allowed)) print $1 " stands in a room that the table of tests/lint.sh does not know"
			else if (to == "" && $2 !~ /^(cel_lexer|klock_parser|cel_parser)[.]h$/) print $1 " includes " $2 ": say the room as well"
			else if (to != "" && !index(allowed[from], " " to " ")) print $1 " includes " $2 ": " from " may not use " to
		}' >"${TMPDIR:-/tmp}/lint.$$"
while read -r line; do complain "$line"; done <"${TMPDIR:-/tmp}/lint.$$"
rm -f "${TMPDIR:-/tmp}/lint.$$" "${TMPDIR:-/tmp}/rooms.$$"
for library in yaml.h:data/yamlio.c cjson/cJSON.h:data/json.c cJSON.h:data/json.c; do
	for file in $(grep -rl "^#include <${library%%:*}>" compiler emit); do
		case $file in *"${library#*:}") ;; *) complain "$file includes ${library%%:*}: that is for ${library#*:} alone" ;; esac
	done
done

# ---- every header stands by itself ----
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
alone=$(printf '%s\n' compiler/*.h compiler/*/*.h emit/*.h include/klock/*.h | xargs -P "$jobs" -I '{}' sh -c '
	"${CC:-cc}" -std=c11 -D_POSIX_C_SOURCE=200809L -Iinclude -iquote include -iquote compiler -iquote . -iquote build/gen \
		-fsyntax-only -x c {} 2>/dev/null || echo {} does not compile by itself')
[ -z "$alone" ] || complain "$alone"

# ---- warnings as errors; the generators have theirs as errors in every build ----
warnings() { # COMPILER FLAG...
	compiler=$1
	shift
	${MAKE:-make} --no-print-directory -s -j "$jobs" BUILD=debug CC="$compiler" CFLAGS="-Werror $*" OUT="build/lint-$compiler" objects ||
		complain "warnings of $compiler"
}
warnings "${CC:-cc}"
if command -v "${CLANG:-clang}" >/dev/null 2>&1; then
	# It needs no code for its warnings, as gcc does for some.
	warnings "${CLANG:-clang}" -fsyntax-only
else
	echo "lint: there is no clang: only ${CC:-cc} was asked"
fi

# ---- scripts ----
for script in .ci/deps deploy/ci/install.sh packaging/*.sh tests/run tests/lib.sh tests/lint.sh tests/*/*.sh tests/*/*/*.sh; do
	[ -f "$script" ] || continue
	sh -n "$script" || complain "$script"
done
bash -n .ci/run || complain .ci/run

# ---- Go ----
if command -v go >/dev/null 2>&1; then
	unformatted=$(gofmt -l tests)
	[ -z "$unformatted" ] || complain "gofmt: $unformatted"
	for module in tests/e2e/go.mod tests/fuzz/*/go.mod; do
		[ -f "$module" ] || continue
		(cd "$(dirname "$module")" && go vet ./...) || complain "go vet in $(dirname "$module")"
	done
else
	echo "lint: there is no go: its files were not looked at"
fi

# ---- words: no left-overs, no paths of one machine ----
words='TODO|FIXME|XXX:|/home/[a-z]|/Users/[a-z]'
# Argo CD's image keeps its plugins in the home of its user.
found=$(git grep -nIE "$words" -- . ':!tests/lint.sh' 2>/dev/null | grep -v /home/argocd/cmp-server || :)
[ -z "$found" ] || complain "words that do not belong here:
$found"
# Lines of prose and of scripts end with a line end and without blanks.
found=$(git grep -nIE '[ 	]+$' -- '*.c' '*.h' '*.sh' '*.y' '*.re' Makefile 2>/dev/null || :)
[ -z "$found" ] || complain "blanks at the end of a line:
$found"

[ $bad -eq 0 ] && echo "lint: fine"
exit $bad
