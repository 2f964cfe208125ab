#!/bin/sh
# The libraries from outside: what they give out, as they are installed, from Python, and as WebAssembly.
set -eu
cd "$(dirname "$0")/../.."
. tests/lib.sh
shared=$(echo "$OUT"/libklock.so.*.*.*)
declared() { sed -n 's/^KLOCK_API .*[ *]\(klock_[a-z_]*\)(.*/\1/p' include/klock/klock.h | sort; }

# ---- what is given out ----
if [ ! -e "$shared" ]; then
	skip 'the shared library' 'it is not built here'
else
	declared >"$work/declared"
	nm -D --defined-only "$shared" | sed -n 's/.* T \([a-z_]*\)@@KLOCK_[0-9.]*$/\1/p' | sort >"$work/exported"
	if [ -s "$work/declared" ] && difference=$(diff "$work/declared" "$work/exported"); then pass; else
		fail 'the shared library gives out what klock.h declares' "$difference"; fi
	others=$(nm -D --defined-only "$shared" | grep -v ' [TA] \(klock_\|KLOCK_\)' || :)
	if [ -z "$others" ]; then pass; else fail 'the shared library gives out nothing else' "$others"; fi
	if [ "$(getconf LONG_BIT)" != 64 ]; then skip 'the binary interface' 'tests/library/abi is that of 64-bit systems'
	elif tests/library/abi.sh >"$work/abi" 2>&1 && difference=$(diff tests/library/abi "$work/abi"); then pass; else
		fail 'the binary interface is that of tests/library/abi: make promises-update adds what is new, and what is gone breaks programs (docs/stability.md)' "${difference-$(cat "$work/abi")}"; fi
	soname=$(readelf -d "$shared" | sed -n 's/.*soname: \[\(.*\)\]/\1/p')
	if [ "$(readlink "$OUT/$soname")" = "$(basename "$shared")" ]; then pass; else fail "its soname is $soname, which leads to it"; fi
fi

# ---- one version ----
version=$(sed -n 's/^#define KLOCK_VERSION_[A-Z]* //p' include/klock/klock.h | paste -sd . -)
if [ "$("$KLOCKC" version)" = "klockc $version" ]; then pass; else fail 'klockc has another version than klock.h'; fi
if [ "$(sed -n '1s/^klock (\(.*\)) .*/\1/p' debian/changelog)" = "$version" ]; then pass; else fail 'debian/changelog has another version than klock.h'; fi
if [ "$(sed -n 's/^## \[\([0-9.]*\)\].*/\1/p' CHANGELOG.md | head -n 1)" = "$version" ]; then pass; else fail 'CHANGELOG.md has another version than klock.h'; fi
others=$(grep -oE '[0-9]+\.[0-9]+\.[0-9]+' docs/install.md | grep -vxF "$version" || :)
if [ -z "$others" ]; then pass; else fail 'docs/install.md has another version than klock.h' "$others"; fi

# ---- as it is installed ----
cat >"$work/program.c" <<'end'
#include <klock/klock.h>
#include <stdio.h>

int main(int count, char **paths) {
    struct klock_options options = {.size = sizeof options};
    struct klock_compiler *compiler = klock_new(&options);
    for (int i = 1; i < count; i++) klock_add_file(compiler, paths[i]);
    const enum klock_status status = klock_compile(compiler);
    if (status == KLOCK_OK) fputs(klock_output_text(compiler, "yaml"), stdout);
    klock_free(compiler);
    return (int)status;
}
end
"$KLOCKC" compile examples/payments.klock >"$work/expected" 2>/dev/null
if ! ${MAKE:-make} --no-print-directory -s DESTDIR="$work/root" PREFIX=/usr install >"$work/log" 2>&1; then
	fail 'make install' "$(cat "$work/log")"
else
	PKG_CONFIG_PATH=$work/root/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$work/root
	export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
	if [ "$(pkg-config --modversion klock)" = "$("$KLOCKC" version | sed 's/klockc //')" ]; then pass; else fail 'klock.pc has the version'; fi
	if [ "$(readlink "$work/root/usr/bin/klockc-fn")" = klockc ]; then pass; else fail 'klockc-fn is not installed'; fi
	plugin=$work/root/usr/share/klock/kustomize/plugin/klock.dev/v1alpha1/klockpolicy/KlockPolicy
	if [ "$(readlink "$plugin")" = /usr/bin/klockc ]; then pass; else fail 'the plugin of kustomize is not installed'; fi
	for file in $(find deploy -type f ! -path 'deploy/krew/*'); do
		if cmp -s "$file" "$work/root/usr/share/klock/${file#deploy/}"; then pass; else fail "$file is not installed"; fi
	done
	for form in shared static; do
		case $form in
		shared) [ -e "$shared" ] || continue; libraries=$(pkg-config --libs klock) ;;
		# Other libraries than ours are where the system has them.
		static) libraries="$work/root/usr/lib/libklock.a $(PKG_CONFIG_SYSROOT_DIR='' pkg-config --static --libs-only-l klock | sed 's/-lklock//')" ;;
		esac
		# shellcheck disable=SC2046,SC2086
		if ${CC:-cc} -std=c11 -Wall -Werror $(pkg-config --cflags klock) -o "$work/$form" "$work/program.c" $libraries 2>"$work/log" &&
			LD_LIBRARY_PATH=$work/root/usr/lib "$work/$form" examples/payments.klock >"$work/out" 2>"$work/log" &&
			cmp "$work/out" "$work/expected" >"$work/log" 2>&1; then pass; else
			fail "a program with the $form library prints what klockc does" "$(cat "$work/log")"; fi
	done
	${MAKE:-make} --no-print-directory -s DESTDIR="$work/root" PREFIX=/usr uninstall >"$work/log" 2>&1
	left=$(find "$work/root" ! -type d)
	if [ -z "$left" ]; then pass; else fail 'make uninstall leaves nothing' "$left"; fi
fi

# ---- from Python ----
if ! command -v python3 >/dev/null 2>&1; then
	skip 'the library from Python' 'there is no python3'
elif [ -e "$shared" ]; then
	python3 tests/library/klock.py "$shared" >"$work/out" 2>&1 || :
	passed=$((passed + $(grep -c '^ok - ' "$work/out" || :))) failed=$((failed + $(grep -c '^not ok - ' "$work/out" || :)))
	grep '^not ok - ' "$work/out" || :
	if [ "$(tail -n 1 "$work/out")" = done ]; then pass; else fail 'klock.py comes to its end' "$(cat "$work/out")"; fi
fi

# ---- as WebAssembly ----
wasm=build/klock.wasm
if ! command -v node >/dev/null 2>&1; then
	skip 'WebAssembly' 'there is no node'
elif [ ! -e $wasm ]; then
	skip 'WebAssembly' 'make wasm has not built it'
elif [ -n "$(find compiler emit grammar include wasm -type f -newer $wasm ! -path '*/cli/*' ! -name '*.mjs')" ]; then
	skip 'WebAssembly' "$wasm is older than the sources; see make wasm"
elif node tests/library/wasm.mjs $wasm examples/payments.klock >"$work/out" 2>"$work/log" &&
	cmp "$work/out" "$work/expected" >>"$work/log" 2>&1; then
	pass
else
	fail 'klock.wasm prints what klockc does' "$(cat "$work/log")"
fi
finish
