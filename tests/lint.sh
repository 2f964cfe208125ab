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

# ---- direction of includes ----
# file: include, for what our files include of ours.
grep -n '^#include "' compiler/*.[ch] compiler/*.def emit/*.[ch] grammar/*.[hy] grammar/*.re |
	sed 's/^\([^:]*\):[0-9]*:#include "\([^"]*\)".*/\1 \2/' >"${TMPDIR:-/tmp}/lint.$$"
while read -r file header; do
	case $file in
	grammar/*)
		case $header in
		ast_build.h | arena.h | diag.h | lexer.h | parse_errors.h | text.h | celexpr_tree.h) ;;
		cel_lexer.h | *_parser.h) ;;
		*) complain "$file includes $header: a grammar knows the tree, its lexer and texts" ;;
		esac
		;;
	emit/*)
		case $header in
		ir.h | text.h | value.h | diag.h | arena.h | limits.h | span.h | catalog.h | names.h | celexpr.h | quantity.h) ;;
		*) [ -f "emit/$header" ] || complain "$file includes $header: emitters know the resolved policy, not how it was written" ;;
		esac
		;;
	compiler/main.c | compiler/cli*)
		case $header in
		cli*.h | cli_options.def) ;;
		*) complain "$file includes $header: the program knows the library by klock.h" ;;
		esac
		;;
	# These two join the stages, and the library's interface stands before them.
	compiler/driver.[ch] | compiler/klock.c) ;;
	# Reports in JSON.
	compiler/diag_print.c) ;;
	compiler/*)
		[ ! -f "emit/$header" ] || complain "$file includes $header: only the driver knows the emitters"
		;;
	esac
done <"${TMPDIR:-/tmp}/lint.$$"
rm -f "${TMPDIR:-/tmp}/lint.$$"
for library in yaml.h:emit/yamlio.c cjson/cJSON.h:json.c cJSON.h:json.c; do
	for file in $(grep -l "^#include <${library%%:*}>" compiler/*.[ch] emit/*.[ch]); do
		case $file in *"${library#*:}") ;; *) complain "$file includes ${library%%:*}: that is for ${library#*:} alone" ;; esac
	done
done

# ---- every header stands by itself ----
for header in compiler/*.h emit/*.h include/klock/*.h; do
	"${CC:-cc}" -std=c11 -D_POSIX_C_SOURCE=200809L -Iinclude -iquote include -iquote compiler -iquote emit -iquote build/gen \
		-fsyntax-only -x c "$header" 2>/dev/null || complain "$header does not compile by itself"
done

# ---- warnings as errors; the generators have theirs as errors in every build ----
warnings() { # COMPILER VARIANT
	${MAKE:-make} --no-print-directory -s BUILD="$2" CC="$1" CFLAGS=-Werror OUT="build/lint-$1" "build/lint-$1/libklock.a" \
		"build/lint-$1/klockc" || complain "warnings of $1"
}
warnings "${CC:-cc}" debug
if command -v "${CLANG:-clang}" >/dev/null 2>&1; then
	warnings "${CLANG:-clang}" debug
else
	echo "lint: there is no clang: only ${CC:-cc} was asked"
fi

# ---- scripts ----
for script in .ci/deps tests/run tests/lib.sh tests/lint.sh tests/*/*.sh tests/*/*/*.sh; do
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
found=$(git grep -nIE "$words" -- . ':!tests/lint.sh' 2>/dev/null || :)
[ -z "$found" ] || complain "words that do not belong here:
$found"
# Lines of prose and of scripts end with a line end and without blanks.
found=$(git grep -nIE '[ 	]+$' -- '*.c' '*.h' '*.sh' '*.y' '*.re' Makefile 2>/dev/null || :)
[ -z "$found" ] || complain "blanks at the end of a line:
$found"

[ $bad -eq 0 ] && echo "lint: fine"
exit $bad
