#!/bin/sh
# Installs klockc from a release, and prints the directory of the program.
#
#   install.sh VERSION URL DIRECTORY
#
# VERSION is that of the release ("0.1.0"), URL where its files lie (https://HOST/OWNER/klock/releases/download/v0.1.0).
# What was downloaded has to have the sum that the release names.
set -eu
version=$1 url=$2 directory=$3
case $(uname -s) in
Linux) ;;
*)
	echo "install.sh: releases are for Linux; on $(uname -s), build klockc with make install" >&2
	exit 1
	;;
esac
case $(uname -m) in
x86_64) machine=amd64 ;;
aarch64) machine=arm64 ;;
*) machine=$(uname -m) ;;
esac
release=klock-$version-linux-$machine
mkdir -p "$directory"
cd "$directory"
for file in "$release.tar.gz" SHA256SUMS; do
	curl --fail --silent --show-error --location --retry 3 --output "$file" "$url/$file" || {
		echo "install.sh: there is no $url/$file" >&2
		exit 1
	}
done
grep " [ *]*$release.tar.gz\$" SHA256SUMS >"$release.sum" || {
	echo "install.sh: $url/SHA256SUMS does not name $release.tar.gz" >&2
	exit 1
}
sha256sum -c "$release.sum" >/dev/null || {
	echo "install.sh: $release.tar.gz is not what SHA256SUMS says; nothing of it is used" >&2
	exit 1
}
tar -xzf "$release.tar.gz"
"./$release/bin/klockc" version >&2
echo "$PWD/$release/bin"
