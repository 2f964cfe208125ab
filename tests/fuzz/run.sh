#!/bin/sh
# Fuzzes build/fuzz/fuzz_compile, from the policies of the repository, build/fuzz/fuzz_cel, from the expressions that
# are compared with those of the API server, build/fuzz/fuzz_verify, from what happens to objects in tests/golden/verify, and
# build/fuzz/fuzz_rbac, from tests/golden/rbac, for some seconds each (60). What it finds stays in build/fuzz/found.
set -eu
cd "$(dirname "$0")/../.."

mkdir -p build/fuzz/seeds build/fuzz/corpus build/fuzz/found build/fuzz/cel-seeds build/fuzz/cel-corpus
for policy in tests/rows/*.klock examples/*.klock examples/seed/*.klock tests/golden/*/*.klock; do
	# That one is about what takes longest: it is over when it has cost what an API server lets an expression cost.
	[ "$policy" != tests/rows/cel-cost.klock ] || continue
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

# Half of the expressions are for the oldest server, half for the newest.
grep -v '^#' tests/fuzz/cel_oracle/expressions.txt | awk 'NF { print (NR % 2 ? "6" : "-") $0 >("build/fuzz/cel-seeds/" NR); close("build/fuzz/cel-seeds/" NR) }'
{
	sed -n 's/^FUNCTION([A-Z0-9_]*, "\([^"_]*\)".*/"\1("/p' compiler/cel/cel_functions.def
	sed -n 's/^    {"\([a-zA-Z_]*\)", [0-9], [0-9]*, CEL_MACRO.*/"\1("/p' compiler/cel/cel_macros.c
	for word in object. spec. .? '[?' '{?' '&&' '||' ' in ' timestamp duration; do printf '"%s"\n' "$word"; done
} | sort -u >build/fuzz/cel.dict
build/fuzz/fuzz_cel -max_total_time="${1:-60}" -max_len=512 -timeout=10 -rss_limit_mb=2048 \
	-dict=build/fuzz/cel.dict -artifact_prefix=build/fuzz/found/ -print_final_stats=1 build/fuzz/cel-corpus build/fuzz/cel-seeds

mkdir -p build/fuzz/verify-seeds build/fuzz/verify-corpus
build/klockc compile tests/golden/verify/policy.klock >build/fuzz/compiled.yaml 2>/dev/null
for script in tests/golden/verify/*.sed; do
	for place in c ' '; do { printf %s "$place"; sed -f "$script" build/fuzz/compiled.yaml; } >"build/fuzz/verify-seeds/$(basename "$script" .sed)$place"; done
done
build/fuzz/fuzz_verify -max_total_time="${1:-60}" -max_len=16384 -timeout=10 -rss_limit_mb=2048 \
	-artifact_prefix=build/fuzz/found/ -print_final_stats=1 build/fuzz/verify-corpus build/fuzz/verify-seeds

mkdir -p build/fuzz/rbac-seeds build/fuzz/rbac-corpus
cp tests/golden/rbac/*.yaml build/fuzz/rbac-seeds
build/fuzz/fuzz_rbac -max_total_time="${1:-60}" -max_len=16384 -timeout=10 -rss_limit_mb=2048 \
	-artifact_prefix=build/fuzz/found/ -print_final_stats=1 build/fuzz/rbac-corpus build/fuzz/rbac-seeds
