#!/bin/sh
# Builds the programs that make bench compares klockc with into build/bench, from the modules of their releases.
#
#   deps.sh [NAME...]    default: all
set -eu
cd "$(dirname "$0")/../.."
out=$PWD/build/bench
command -v go >/dev/null 2>&1 || { echo "deps.sh: there is no go; it needs Go 1.26 or newer" >&2; exit 1; }
mkdir -p "$out"
[ $# -gt 0 ] || set -- helm gator kyverno

for name; do
	case $name in
	helm) module=helm.sh/helm/v3@v3.22.0 package=./cmd/helm ;;
	gator) module=github.com/open-policy-agent/gatekeeper/v3@v3.23.1 package=./cmd/gator ;;
	kyverno) module=github.com/kyverno/kyverno@v1.19.1 package=./cmd/cli/kubectl-kyverno ;;
	*)
		echo "deps.sh: $name is not known" >&2
		exit 2
		;;
	esac
	if [ -x "$out/$name" ] && [ "$(cat "$out/$name.module" 2>/dev/null)" = "$module" ]; then
		echo "deps.sh: $name is up to date"
		continue
	fi
	echo "deps.sh: building $name of $module"
	# Not by go install, which refuses what replaces modules as Kyverno does.
	source=$(mktemp -d)
	(cd "$source" && go mod download -json "$module" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",$/\1/p') >"$out/$name.source"
	cp -R "$(cat "$out/$name.source")/." "$source"
	chmod -R u+w "$source"
	(cd "$source" && go build -buildvcs=false -mod=mod -trimpath -ldflags '-s -w' -o "$out/$name" "$package")
	echo "$module" >"$out/$name.module"
	rm -rf "$source" "$out/$name.source"
done
