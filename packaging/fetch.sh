#!/bin/sh
# Unpacks what packaging/sources names below a directory, each under its name. What has another checksum is not used.
#
#   packaging/fetch.sh DIRECTORY
set -eu
directory=$1
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
mkdir -p "$directory"
sed '/^#/d' packaging/sources | while read -r name version sum path; do
	archive=$directory/$(basename "$path")
	if ! echo "$sum  $archive" | sha256sum -c --status 2>/dev/null; then
		curl -sSf --retry 3 -o "$archive" "$mirror/pool/main/$path"
		echo "$sum  $archive" | sha256sum -c --status || {
			echo "packaging/fetch.sh: $archive is not $name $version: its checksum differs" >&2
			exit 1
		}
	fi
	rm -rf "${directory:?}/$name"
	mkdir "$directory/$name"
	tar -xzf "$archive" -C "$directory/$name" --strip-components=1
done
