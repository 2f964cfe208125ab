#!/bin/sh
# Builds the tools of others that the end-to-end tests run beside Kubernetes: Helm 3, Helm 4 and Argo CD.
#
#   tools.sh [TOOL...]          default: every one that has a directory here
#
# The binaries go to ${KLOCK_SERVERS:-<repository>/build/servers}/TOOL. A tool is skipped while its go.mod, go.sum, Go version
# and flags are those of the last build.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=${KLOCK_SERVERS:-$here/../../../build/servers}
mkdir -p "$out"
out=$(cd "$out" && pwd)
[ $# -gt 0 ] || set -- helm-3 helm-4 argocd

for tool in "$@"; do
	case $tool in helm-3 | helm-4 | argocd) ;; *)
		echo "tools.sh: no such tool: $tool" >&2
		exit 2
		;;
	esac
	cd "$here/$tool"
	ldflags="-s -w"
	stamp=$({ cat go.mod go.sum ./*.go 2>/dev/null; go version; echo "$ldflags"; } | cksum)
	if [ -f "$out/$tool/stamp" ] && [ "$(cat "$out/$tool/stamp")" = "$stamp" ]; then
		echo "tools.sh: $tool is up to date"
		continue
	fi
	echo "tools.sh: building $tool into $out/$tool"
	mkdir -p "$out/$tool"
	rm -f "$out/$tool/stamp"
	if [ "$tool" = argocd ]; then
		# One program, which looks at the name by which it is called; and the definitions of its kinds.
		CGO_ENABLED=0 nice go build -trimpath -o "$out/argocd/argocd" -ldflags "$ldflags" .
		for name in argocd-cmp-server argocd-repo-server argocd-application-controller redis; do ln -sf argocd "$out/argocd/$name"; done
		mkdir -p "$out/argocd/crds"
		cp -f "$(go list -m -f '{{.Dir}}' github.com/argoproj/argo-cd/v3)"/manifests/crds/*-crd.yaml "$out/argocd/crds/"
		chmod u+w "$out"/argocd/crds/*
	else
		CGO_ENABLED=0 nice go build -trimpath -o "$out/$tool/" -ldflags "$ldflags" tool
	fi
	echo "$stamp" >"$out/$tool/stamp"
done
