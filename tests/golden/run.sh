#!/bin/sh
# Compares what tests/golden/syntax/*.klock read as with the .ast (tree) or .txt (diagnostics) beside each.
# Usage: run.sh PROGRAM [--update]
set -u
program=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
update=${2:-}
cd "$(dirname "$0")/syntax" || exit 2
failed=0 count=0
actual=$(mktemp) || exit 2
trap 'rm -f "$actual"' EXIT
for source in *.klock; do
    name=${source%.klock}
    count=$((count + 1))
    "$program" "$source" >"$actual"
    case $? in
        0) expected=$name.ast other=$name.txt ;;
        1) expected=$name.txt other=$name.ast ;;
        *) echo "$source: the program failed"; failed=1; continue ;;
    esac
    if [ "$update" = --update ]; then
        cp "$actual" "$expected" && rm -f "$other"
    elif [ -e "$other" ]; then
        echo "$source: gave $expected, and $other is there"; failed=1
    elif ! diff -u "$expected" "$actual"; then
        failed=1
    fi
done
[ "$failed" = 0 ] && echo "golden: $count files"
exit "$failed"
