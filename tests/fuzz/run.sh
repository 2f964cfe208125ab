#!/bin/sh
# Fuzzes build/fuzz/fuzz_compile for some seconds (60), from the policies of the repository. What it finds stays in
# build/fuzz/found.
set -eu
cd "$(dirname "$0")/../.."

mkdir -p build/fuzz/seeds build/fuzz/corpus build/fuzz/found
for policy in tests/rows/*.klock examples/*.klock tests/golden/*/*.klock; do
	# The first byte chooses options; a blank chooses none.
	{ printf ' '; cat "$policy"; } >"build/fuzz/seeds/$(echo "$policy" | tr / -)"
done
# The words of the language, from the grammar's tokens, and those that mean something inside of one clause.
{
	sed -n 's/.*%token.*/&/p; /^%token/,/^%nterm/p' grammar/klock.y | grep -o '"[a-z{}()=<>!,*/-]*"' | sort -u
	for word in audit attach controllers crd evictions exec label-in lifecycle none owners params portforward proxy rbac \
		warn write /binding /exec /scale /status /token; do
		printf '"%s"\n' "$word"
	done
} >build/fuzz/klock.dict
build/fuzz/fuzz_compile -max_total_time="${1:-60}" -max_len=8192 -timeout=10 -rss_limit_mb=2048 \
	-dict=build/fuzz/klock.dict -artifact_prefix=build/fuzz/found/ -print_final_stats=1 build/fuzz/corpus build/fuzz/seeds
