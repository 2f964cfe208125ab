# What the shell suites share: counting, and the closing line. Sourced at the root of the repository.
passed=0 failed=0 skipped=0

pass() { passed=$((passed + 1)); }
fail() { # WHAT [DETAIL]
	failed=$((failed + 1))
	echo "not ok - $1"
	[ -z "${2-}" ] || printf '%s\n' "$2" | sed -n '1,40s/^/    /p'
}
skip() { # WHAT WHY
	skipped=$((skipped + 1))
	echo "skipped - $1: $2"
}
# One result: nothing of the manifest is there twice, whoever made it.
unique() { # FILE WHAT
	if twice=$("$OUT/tests/golden/unique" "$1"); then pass; else fail "$2: something is there twice" "$twice"; fi
}
# To be called last: the suite's count and status.
finish() {
	if [ "$skipped" -gt 0 ]; then
		echo "$passed passed, $failed failed, $skipped skipped"
	else
		echo "$passed passed, $failed failed"
	fi
	[ "$failed" -eq 0 ]
}

OUT=$PWD/build/${BUILD:-release}
KLOCKC=${KLOCKC:-$PWD/build/${BUILD:-release}/klockc}
work=$(mktemp -d)
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
unset NO_COLOR CLICOLOR_FORCE
LC_ALL=C
export LC_ALL KLOCKC
