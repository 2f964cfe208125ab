#!/bin/sh
# Prints what programs that are linked with the shared library rely on, a line each: functions, values of enumerations, places
# and sizes of fields. tests/library/abi has the lines of all versions with this soname.
#
#   tests/library/abi.sh [--update]      adds to tests/library/abi what is new
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
LC_ALL=C
export LC_ALL

abi() {
	grep -v '^#\|^extern "C"' include/klock/klock.h | tr '\n' ' ' | awk '
		{
			gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, " ")
			gsub(/[ \t]+/, " ")
			print "#include <klock/klock.h>\n#include <stdio.h>\nint main(void) {"
			rest = $0
			while (match(rest, /KLOCK_API [^;]*;/)) {
				print "puts(\"function " substr(rest, RSTART + 10, RLENGTH - 11) "\");"
				rest = substr(rest, RSTART + RLENGTH)
			}
			rest = $0
			while (match(rest, /enum klock_[a-z_]+ [{][^}]*[}];/)) {
				count = split(substr(rest, RSTART, RLENGTH), word, /[ ,{};]+/)
				for (i = 3; i < count; i++) print "printf(\"enum " word[2] " " word[i] " %d\\n\", (int)" word[i] ");"
				rest = substr(rest, RSTART + RLENGTH)
			}
			rest = $0
			while (match(rest, /struct klock_[a-z_]+ [{][^}]*[}];/)) {
				body = substr(rest, RSTART, RLENGTH)
				rest = substr(rest, RSTART + RLENGTH)
				split(body, word, " ")
				sub(/^[^{]*[{]/, "", body)
				sub(/[}];$/, "", body)
				fields = split(body, field, ";")
				for (i = 1; i < fields; i++) {
					# A pointer to a function has commas of its own.
					if (match(field[i], /\(\*[a-z_]+\)/)) names = substr(field[i], RSTART + 2, RLENGTH - 3)
					else names = field[i]
					count = split(names, name, ",")
					for (j = 1; j <= count; j++) {
						sub(/^.*[ *]/, "", name[j])
						print "printf(\"field struct " word[2] " " name[j] " at %zu, %zu bytes\\n\", offsetof(struct " word[2] ", " name[j] \
							"), sizeof((struct " word[2] "){0}." name[j] "));"
					}
				}
			}
			print "}"
		}' >"$work/abi.c"
	${CC:-cc} -std=c11 -Iinclude -o "$work/abi" "$work/abi.c"
	"$work/abi"
	readelf -d "$(echo build/"${BUILD:-release}"/libklock.so.*.*.*)" | sed -n 's/.*soname: \[\(.*\)\]/soname \1/p'
}

if [ "${1-}" = --update ]; then
	lines=$({ cat tests/library/abi 2>/dev/null || :; abi; } | sort -u)
	printf '%s\n' "$lines" >tests/library/abi
else
	abi | sort -u
fi
