#!/bin/sh
# Compares the CEL of klockc with that of a server: which expressions are accepted, what they come
# to, and what that costs: never less than there, and never more than twice as much.
#
#   tests/fuzz/cel_oracle/run.sh MINOR [COUNT [SEED]]
#
# MINOR is 1.30, 1.33 or 1.37, for those releases' own compiler, or any other, which the newest imitates; COUNT is how many
# expressions are generated beside those of expressions.txt. The last line says how many were compared.
set -eu
cd "$(dirname "$0")/../../.."

minor=${1#1.}
make -s build/cel-driver
cd tests/fuzz/cel_oracle
options=
[ ! -f "go.$minor.mod" ] || options="-modfile=go.$minor.mod -tags=minor$minor"
# shellcheck disable=SC2086
exec go run $options . -minor "$minor" -count "${2:-0}" -seed "${3:-1}" ../../../build/cel-driver
