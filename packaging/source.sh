#!/bin/sh
# Copies the sources below a directory that is made anew: what git knows or would add, as it lies here; without git, everything
# but what was built.
#
#   packaging/source.sh DIRECTORY
set -eu
rm -rf "$1"
mkdir -p "$1"
directory=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
# What was copied already lies below a build/ of another repository, which knows nothing of it.
if [ "$(git rev-parse --show-toplevel 2>/dev/null || :)" = "$(pwd -P)" ]; then
	git ls-files -z --cached --others --exclude-standard
else
	find . -path ./build -prune -o ! -type d -print0
fi | tar --null -T - -cf - | tar -C "$directory" -xf -
