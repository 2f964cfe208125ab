#!/bin/sh
# Fills the template of krew's manifest with archives that lie here and will lie at a URL: the last item of the template stands
# for each of them.
#
#   packaging/krew.sh VERSION URL ARCHIVE...
set -eu
version=$1 url=${2%/}
shift 2
template=$(dirname "$0")/../deploy/krew/klock.yaml
sed "/^  platforms:/q; s|@VERSION@|$version|; /^#/d" "$template"
for archive; do
	name=${archive##*/}
	case $name in
	kubectl-klock-"$version"-*-*.tar.gz) ;;
	*)
		echo "packaging/krew.sh: $name is no archive of klock $version" >&2
		exit 1
		;;
	esac
	platform=${name#kubectl-klock-"$version"-}
	platform=${platform%.tar.gz}
	sum=$(sha256sum "$archive")
	sed "1,/^  platforms:/d; s|@URL@|$url/$name|; s|@OS@|${platform%-*}|; s|@ARCH@|${platform##*-}|; s|@SHA256@|${sum%% *}|" "$template"
done
