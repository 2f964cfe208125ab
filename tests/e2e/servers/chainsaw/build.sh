#!/bin/sh
# Builds Chainsaw, which runs what 'klockc test --print chainsaw' prints, for the end-to-end tests.
#
#   build.sh
#
# It goes to ${KLOCK_SERVERS:-<repository>/build/servers}/chainsaw, and is kept there while its release, Go version and flags are
# those of the last build.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=${KLOCK_SERVERS:-$here/../../../../build/servers}/chainsaw
mkdir -p "$out"
out=$(cd "$out" && pwd)
ldflags="-s -w"
chainsaw=v0.2.12

# With the method that is added below.
stamp=$({ go version; echo "$ldflags $chainsaw ModulePath"; } | cksum)
if [ -x "$out/chainsaw" ] && [ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ]; then
	echo "build.sh: chainsaw is up to date"
	exit
fi
echo "build.sh: building chainsaw $chainsaw into $out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The module itself is the main one: its replace lines count.
sources=$(go mod download -json "github.com/kyverno/chainsaw@$chainsaw" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
cp -R "$sources/." "$work"
chmod -R u+w "$work"
# Chainsaw runs its steps as tests of Go, whose package of this version asks for a method more than the release has.
cat >"$work/pkg/runner/internal/module_path.go" <<'end'
package internal

func (*TestDeps) ModulePath() string { return "" }
end
cd "$work"
rm -f "$out/stamp"
CGO_ENABLED=0 nice go build -trimpath -o "$out/chainsaw" -ldflags "$ldflags" .
echo "$stamp" >"$out/stamp"
