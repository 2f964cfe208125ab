#!/bin/sh
# Builds Flux for the end-to-end tests: its controllers, its program and the definitions of its kinds.
#
#   build.sh [kustomize-controller|helm-controller|flux...]          default: all
#
# They go to ${KLOCK_SERVERS:-<repository>/build/servers}/flux. What is there is kept while its module, Go version and flags are those
# of the last build.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=${KLOCK_SERVERS:-$here/../../../../build/servers}/flux
mkdir -p "$out/crds"
out=$(cd "$out" && pwd)
ldflags="-s -w"

# The release of Flux to which kustomize-controller belongs; what has no module of ours is taken from it.
flux=v2.9.5
source_controller=v1.9.5

[ $# -gt 0 ] || set -- kustomize-controller helm-controller flux

is_built() { # TOOL STAMP
	[ -x "$out/$1" ] && [ "$(cat "$out/$1.stamp" 2>/dev/null)" = "$2" ] || return 1
	echo "build.sh: $1 is up to date"
}

# Where the sources of a module are, in the module cache.
sources() { # MODULE@VERSION
	go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'
}

definitions() { # DIRECTORY
	for file in "$1"/config/crd/bases/*.yaml; do
		cp "$file" "$out/crds/"
		chmod u+w "$out/crds/${file##*/}"
	done
}

for tool in "$@"; do
	case $tool in
	*-controller)
		cd "$here/$tool"
		stamp=$({ cat go.mod go.sum; go version; echo "$ldflags $source_controller"; } | cksum)
		! is_built "$tool" "$stamp" || continue
		echo "build.sh: building $tool into $out"
		CGO_ENABLED=0 nice go build -trimpath -o "$out/" -ldflags "$ldflags" tool
		definitions "$(go list -m -f '{{.Dir}}' "github.com/fluxcd/$tool")"
		definitions "$(sources "github.com/fluxcd/source-controller@$source_controller")"
		;;
	flux)
		stamp=$({ go version; echo "$ldflags $flux"; } | cksum)
		! is_built "$tool" "$stamp" || continue
		echo "build.sh: building flux $flux into $out"
		# The program contains the manifests that it installs, which are made from several repositories and no part of its module.
		# Nothing here installs, so that one that is empty does. The module itself is the main one: its replace lines count.
		work=$(mktemp -d)
		trap 'rm -rf "$work"' EXIT
		cp -R "$(sources "github.com/fluxcd/flux2/v2@$flux")/." "$work"
		chmod -R u+w "$work"
		mkdir -p "$work/cmd/flux/manifests"
		: >"$work/cmd/flux/manifests/none.yaml"
		cd "$work"
		CGO_ENABLED=0 nice go build -trimpath -o "$out/flux" -ldflags "$ldflags -X main.VERSION=${flux#v}" ./cmd/flux
		;;
	*)
		echo "build.sh: no such tool: $tool" >&2
		exit 2
		;;
	esac
	echo "$stamp" >"$out/$tool.stamp"
done
