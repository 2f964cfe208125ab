#!/bin/sh
# Builds the Kubernetes servers that the end-to-end tests run, one directory per minor.
#
#   build.sh [MINOR...]          default: every minor that has a directory here
#
# The binaries go to ${KLOCK_SERVERS:-<repository>/build/servers}/MINOR. A minor is skipped while its
# go.mod, go.sum, Go version and flags are those of the last build.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=${KLOCK_SERVERS:-$here/../../../build/servers}
mkdir -p "$out"
out=$(cd "$out" && pwd)

if [ $# -eq 0 ]; then
	set -- $(cd "$here" && ls -d [0-9]*.[0-9]*)
fi

for minor in "$@"; do
	if [ ! -f "$here/$minor/go.mod" ]; then
		echo "build.sh: no such minor: $minor" >&2
		exit 2
	fi
	cd "$here/$minor"
	version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)

	# Without these the servers call themselves v0.0.0 and turn features off.
	package=k8s.io/component-base/version
	ldflags="-s -w -X $package.gitVersion=$version -X $package.gitMajor=${minor%%.*} -X $package.gitMinor=${minor#*.}"

	stamp=$({ cat go.mod go.sum; go version; echo "$ldflags"; } | cksum)
	if [ -f "$out/$minor/stamp" ] && [ "$(cat "$out/$minor/stamp")" = "$stamp" ]; then
		echo "build.sh: $version is up to date"
		continue
	fi
	echo "build.sh: building $version into $out/$minor"
	mkdir -p "$out/$minor"
	rm -f "$out/$minor/stamp"
	CGO_ENABLED=0 go build -trimpath -o "$out/$minor/" -ldflags "$ldflags" tool
	if [ -f "$out/$minor/server" ]; then
		mv "$out/$minor/server" "$out/$minor/etcd"
	fi
	echo "$stamp" >"$out/$minor/stamp"
done
