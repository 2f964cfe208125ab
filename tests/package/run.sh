#!/bin/sh
# What users install, installed and used as they do: the static program where there is nothing else, the Debian packages in a clean
# root, krew's manifest with krew and kubectl, the image with podman and kustomize. What is missing here is skipped.
#
# build/package keeps the clean root; DEBIAN_MIRROR is where it and the packages that klock needs come from.
set -eu
cd "$(dirname "$0")/../.."
. tests/lib.sh
make=${MAKE:-make}
unset MAKEFLAGS MAKELEVEL MFLAGS
version=$(sed -n 's/^#define KLOCK_VERSION_[A-Z]* //p' include/klock/klock.h | paste -sd . -)
there() { command -v "$1" >/dev/null 2>&1; }
judge() { # WHAT COMMAND...
	judged=$1
	shift
	if "$@" >"$work/log" 2>&1; then pass; else fail "$judged" "$(tail -n 40 "$work/log")"; fi
}
same() { # WHAT EXPECTED-FILE ACTUAL-FILE
	judge "$1" diff -u "$2" "$3"
}

# ---- the static program ----
cat >"$work/list.yaml" <<'list'
apiVersion: config.kubernetes.io/v1
kind: ResourceList
items: []
functionConfig:
  apiVersion: klock.dev/v1alpha1
  kind: KlockPolicy
  metadata: {name: locks}
  spec:
    source: |
      policy blog
      lock red { resources configmaps namespace default labels aura=red exclusive serviceaccount default/jonny-op }
list
"$KLOCKC" fn <"$work/list.yaml" >"$work/list.expected"
archive=
if ! there "${MUSL_CC:-musl-gcc}"; then
	skip 'the static program' 'there is no musl-gcc; .ci/deps static says how to get it'
elif ! packaging/fetch.sh build/static/sources 2>"$work/log"; then
	skip 'the static program' "the sources of libyaml and cJSON cannot be had: $(tail -n 1 "$work/log")"
elif ! $make tarball >"$work/log" 2>&1; then
	fail 'make tarball' "$(tail -n 40 "$work/log")"
else
	archive=$(echo build/dist/klock-"$version"-linux-*.tar.gz)
	# From the sources as they are given out, elsewhere, by somebody with another umask.
	judge 'make source' $make source
	mkdir "$work/elsewhere"
	tar -xzf build/dist/klock-"$version".tar.gz -C "$work/elsewhere"
	elsewhere=$work/elsewhere/klock-$version
	mkdir -p "$elsewhere/build/static/sources"
	cp build/static/sources/*.tar.gz "$elsewhere/build/static/sources/"
	if (umask 077 && cd "$elsewhere" && $make -j"$(getconf _NPROCESSORS_ONLN)" tarball) >"$work/log" 2>&1; then
		for packed in "$archive" build/dist/kubectl-"${archive##*/}"; do
			judge "the same sources give the same bytes: $packed" cmp "$packed" "$elsewhere/$packed"
		done
	else
		fail 'make tarball, from the sources that are given out' "$(tail -n 40 "$work/log")"
	fi
	rm -rf "$elsewhere"

	mkdir "$work/empty"
	tar -xzf "$archive" -C "$work/empty" --strip-components=1
	static=$work/empty/bin/klockc
	if readelf -lW "$static" | grep -q 'INTERP\|DYNAMIC'; then fail "$static needs libraries of the system"; else pass; fi
	if [ -z "$(nm "$static" 2>/dev/null)" ]; then pass; else fail "$static is not stripped"; fi
	for path in share/man/man1/klockc.1 share/zsh/site-functions/_klockc share/klock/anchors.yaml share/klock/kustomize/names.yaml \
		share/doc/klock/licenses/musl share/doc/klock/licenses/libyaml share/doc/klock/licenses/cjson; do
		judge "$path is in the archive" test -s "$work/empty/$path"
	done
	links=$(find "$work/empty" -type l ! -exec test -e {} \; -print)
	if [ -z "$links" ]; then pass; else fail 'links of the archive lead nowhere' "$links"; fi
	absolute=$(find "$work/empty" -type l -lname '/*')
	if [ -z "$absolute" ]; then pass; else fail 'links of the archive depend on where it is' "$absolute"; fi

	if [ "$(id -u)" -ne 0 ]; then
		skip 'the static program in an empty root' 'only root may change the root directory'
	else
		# As in the container: another user, nothing but the program, no /dev and no /proc.
		empty() { chroot --userspec=65534:65534 "$work/empty" "$@"; }
		mkdir "$work/empty/policies"
		cp examples/payments.klock "$work/empty/policies/"
		chmod 755 "$work/empty"
		judge 'klockc version, in an empty root' test "$(empty /bin/klockc version)" = "klockc $version"
		empty /bin/klockc compile /policies >"$work/out" 2>"$work/log" || :
		same 'klockc compile, in an empty root' examples/payments.yaml "$work/out"
		empty /bin/klockc-fn <"$work/list.yaml" >"$work/out" 2>"$work/log" || :
		same 'klockc-fn, in an empty root' "$work/list.expected" "$work/out"
	fi
fi

# ---- Debian packages ----
# The root of a system as it is installed first, of the release that the packages are built on, from a file that is kept.
clean_root() { # FILE
	[ ! -s "$1" ] || return 0
	# shellcheck disable=SC1091
	. /etc/os-release
	suite=$VERSION_CODENAME components=main mirror=http://deb.debian.org/debian
	[ "$ID" != ubuntu ] || { components=main,universe mirror=http://archive.ubuntu.com/ubuntu; }
	mkdir -p "$(dirname "$1")"
	# No half a file is kept.
	debootstrap --variant=minbase --components="$components" --include=man-db,bash-completion "$suite" "$work/bootstrap" \
		"${DEBIAN_MIRROR:-$mirror}" && tar -C "$work/bootstrap" -cf "$1.part" . && mv "$1.part" "$1"
}
# Every file but those in which package managers keep their own books.
files_of() { # ROOT
	(cd "$1" && find . \( -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/cache -o -path ./var/log -o -path ./tmp -o -path ./debs \
		-o -path ./proc -o -path ./dev -o -path ./etc/ld.so.cache \) -prune -o -print | sort)
}
# The commands of docs/install.md, by the number of the block.
commands() { # NUMBER
	awk -v wanted="$1" '/^```sh$/ { on = ++count == wanted; next } /^```/ { on = 0 } on' docs/install.md | sed "s/amd64/$architecture/g"
}
# An example of the tutorial, and what `describe` says of it there.
awk '/^```klock$/ { on = 1; next } /^```/ && on { exit } on' docs/tutorial.md >"$work/blog.klock"
awk '/^```text$/ { on = 1; next } /^```/ && on { exit } on' docs/tutorial.md >"$work/described"

# Documentation that is installed refers to nothing that is not, but for the sources.
links_of() { # DIRECTORY
	(cd "$1" && for document in README.md CHANGELOG.md docs/*.md; do
		grep -o '](\([^)#:]*\))' "$document" | sed 's/^](//; s/)$//' | while read -r target; do
			case ${target#../} in compiler/* | tests/* | include/* | wasm/* | action.yml | HACKING.md) continue ;; esac
			[ -e "$(dirname "$document")/$target" ] || echo "$document: $target"
		done
	done)
}

# Everything that is installed below a directory of the clean root, used as the documentation says.
use_installed() { # HOW DIRECTORY DIRECTORY-OF-ZSH DIRECTORY-OF-DOCUMENTS
	cp "$work/blog.klock" "$root/root/"
	judge "$1: klockc version" test "$(inside klockc version)" = "klockc $version"
	# The first commands of the tutorial.
	sed -n 's/^    \(klockc .*\)/\1/p' docs/tutorial.md | sed '/kubectl/,$d' >"$work/commands"
	if [ "$(wc -l <"$work/commands")" -ge 2 ]; then pass; else fail 'docs/tutorial.md does not begin with klockc check and describe'; fi
	while read -r command; do
		inside sh -ec "cd; $command" >"$work/said" 2>&1 </dev/null || fail "$1: $command" "$(cat "$work/said")"
	done <"$work/commands"
	same "$1: klockc describe says what the tutorial shows" "$work/described" "$work/said"

	lost=$(links_of "$root$4")
	if [ -z "$lost" ]; then pass; else fail "$1: documents refer to what is not there" "$lost"; fi
	for page in klockc klockc-fn; do judge "$1: man -w $page" inside man -w "$page"; done
	inside man klockc 2>"$work/log" >"$work/page" || :
	if grep -q 'EXIT STATUS' "$work/page"; then pass; else fail "$1: man klockc" "$(cat "$work/log")"; fi
	# As a shell does it when somebody presses the key.
	# shellcheck disable=SC2016
	inside bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader klockc || [ $? -eq 124 ]
		function=$(complete -p klockc | sed "s/.*-F \([^ ]*\).*/\1/")
		COMP_WORDS=(klockc comp) COMP_CWORD=1 COMP_LINE="klockc comp" COMP_POINT=11 COMPREPLY=()
		"$function" klockc comp klockc; echo "${COMPREPLY[@]}"' >"$work/out" 2>&1 || :
	if grep -q '\<compile\>' "$work/out"; then pass; else fail "$1: bash completes klockc" "$(cat "$work/out")"; fi
	if there zsh; then
		# shellcheck disable=SC2016
		found=$(zsh -fc 'fpath=('"$root$3"' $fpath); autoload -Uz compinit; compinit -D -u; print -- $_comps[klockc]' 2>&1)
		judge "$1: zsh finds the completion" test "$found" = _klockc
	else
		skip 'zsh finds the completion' 'there is no zsh'
	fi
	if there fish; then
		found=$(XDG_DATA_DIRS="$root$2/share" HOME="$work" fish -c 'complete -C "klockc comp"' 2>&1)
		case $found in compile*) pass ;; *) fail "$1: fish completes klockc" "$found" ;; esac
	else
		skip 'fish completes klockc' 'there is no fish'
	fi

	mkdir "$root/root/plugin"
	cp "$work/blog.klock" "$root/root/plugin/"
	echo 'generators: [locks.yaml]' >"$root/root/plugin/kustomization.yaml"
	cat >"$root/root/plugin/locks.yaml" <<'policy'
apiVersion: klock.dev/v1alpha1
kind: KlockPolicy
metadata: {name: locks}
spec: {files: [blog.klock]}
policy
	if there "${kubectl:-}" && cp "$kubectl" "$root/root/kubectl"; then
		judge "$1: the plugin, by kubectl kustomize" inside sh -c "cd /root/plugin && export KUSTOMIZE_PLUGIN_HOME=$2/share/klock/kustomize/plugin &&
			/root/kubectl kustomize --enable-alpha-plugins . >/root/built.yaml && klockc verify blog.klock --against /root/built.yaml"
		rm -f "$root/root/kubectl"
	else
		skip 'the plugin, by kubectl kustomize' 'there is no kubectl; tests/e2e/servers/build.sh builds one'
	fi
	rm -rf "$root/root/plugin" "$root/root/blog.klock" "$root/root/built.yaml"
}

# Real programs that other suites have built, or those of the system.
kubectl=$(find -L "${KLOCK_SERVERS:-build/servers}" -name kubectl -type f 2>/dev/null | sort -V | tail -n 1)
[ -n "$kubectl" ] || kubectl=$(command -v kubectl || :)
[ -z "$kubectl" ] || kubectl=$(readlink -f "$kubectl")
kustomize=$(find -L "${KLOCK_SERVERS:-build/servers}" -name kustomize -type f 2>/dev/null | sort -V | tail -n 1)
[ -z "$kustomize" ] || kustomize=$(readlink -f "$kustomize")

packages=
if ! there dpkg-buildpackage || ! there dh; then
	skip 'the Debian packages' 'there is no debhelper; .ci/deps deb says how to get it'
elif ! $make deb >"$work/log" 2>&1; then
	fail 'make deb' "$(tail -n 40 "$work/log")"
else
	if there lintian; then
		lintian --allow-root --display-info build/deb/*.changes >"$work/said" 2>"$work/log" || :
		if [ ! -s "$work/said" ] && [ ! -s "$work/log" ]; then pass; else fail 'lintian has something to say' "$(cat "$work/said" "$work/log")"; fi
	else
		skip 'lintian has nothing to say' 'there is no lintian; .ci/deps package says how to get it'
	fi

	packages=$(echo build/dist/*_"$version"_*.deb)

	# Building with what the packages have.
	mkdir "$work/unpacked"
	for package in build/dist/libklock*_"$version"_*.deb; do dpkg-deb -x "$package" "$work/unpacked"; done
	cat >"$work/program.c" <<'program'
#include <klock/klock.h>
#include <stdio.h>
int main(void) { return puts(klock_version()) < 0; }
program
	directory=$(dirname "$(find "$work/unpacked" -name 'klock.pc')")
	# shellcheck disable=SC2046
	judge 'a program is linked with libklock-dev' env PKG_CONFIG_PATH="$directory" PKG_CONFIG_SYSROOT_DIR="$work/unpacked" sh -ec \
		"${CC:-cc} -o '$work/program' '$work/program.c' \$(pkg-config --cflags --libs klock)"
	judge 'it runs with libklock0.1' test "$(LD_LIBRARY_PATH=$(dirname "$directory") "$work/program")" = "$version"
fi

# ---- in a clean root ----
root=$work/root
architecture=$(dpkg --print-architecture 2>/dev/null || :)
kept=build/package/$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null || :)-$architecture.tar
inside() { chroot "$root" env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
if [ "$(id -u)" -ne 0 ]; then
	skip 'a clean root' 'only root may change the root directory'
elif [ ! -s "$kept" ] && ! there debootstrap; then
	skip 'a clean root' 'there is no debootstrap; .ci/deps package says how to get it'
elif ! clean_root "$kept" >"$work/log" 2>&1; then
	skip 'a clean root' "debootstrap does not reach the mirror: $(tail -n 1 "$work/log")"
elif ! { mkdir "$root" && tar -xf "$kept" -C "$root"; } >"$work/log" 2>&1; then
	fail 'unpacking the clean root' "$(cat "$work/log")"
else
	cp -L /etc/resolv.conf "$root/etc/resolv.conf"
	# Nobody is there to be asked.
	echo 'APT::Get::Assume-Yes "true";' >"$root/etc/apt/apt.conf.d/assume-yes"
	if [ -z "$archive" ]; then
		skip 'the archive in a clean root' 'there is no static program'
	else
		find "$root/usr/local" ! -type d >"$work/before"
		cp "$archive" "$root/tmp/"
		(cd build/dist && sha256sum ./* | sed 's|\./||') >"$root/tmp/SHA256SUMS"
		judge 'docs/install.md, the archive' inside sh -exc "cd /tmp; $(commands 1)"
		use_installed 'the archive' /usr/local /usr/local/share/zsh/site-functions /usr/local/share/doc/klock
		judge 'docs/install.md, removing the archive' inside sh -exc "cd /tmp; $(commands 2)"
		find "$root/usr/local" ! -type d >"$work/after"
		same 'removing the archive leaves nothing' "$work/before" "$work/after"
		# Its directories may stay, for others.
		find "$root/usr/local" -depth -type d -empty -delete
	fi
	if [ -z "$packages" ]; then
		skip 'the Debian packages in a clean root' 'they are not built'
	elif ! inside apt-get -qq update >"$work/log" 2>&1; then
		skip 'the Debian packages in a clean root' "apt does not reach the mirror: $(tail -n 1 "$work/log")"
	else
		cp $packages "$root/tmp/"
		files_of "$root" >"$work/before"
		if inside sh -exc "cd /tmp; $(commands 3)" >"$work/log" 2>&1; then
			pass
			use_installed 'the Debian packages' /usr /usr/share/zsh/vendor-completions /usr/share/doc/klockc
			judge 'the library' inside sh -exc "apt-get -qq install /tmp/libklock0.1_*.deb && apt-get -qq purge libklock0.1"
			judge 'docs/install.md, purging' inside sh -exc "$(commands 4); apt-get -qq autoremove --purge"
			files_of "$root" >"$work/after"
			same 'purging leaves nothing' "$work/before" "$work/after"
		else
			fail 'docs/install.md, the Debian packages' "$(cat "$work/log")"
		fi
	fi
fi

# ---- krew ----
krew=${KLOCK_SERVERS:-build/servers}/krew
if [ -z "$archive" ]; then
	skip 'kubectl klock, by krew' 'there is no static program'
elif ! there go || [ -z "$kubectl" ] || ! there git; then
	skip 'kubectl klock, by krew' 'it needs go, git and a kubectl'
elif ! tests/package/krew/build.sh "$krew" >"$work/log" 2>&1; then
	fail 'building krew' "$(tail -n 20 "$work/log")"
else
	mkdir -p "$work/krew" "$work/bin"
	ln -s "$kubectl" "$work/bin/kubectl"
	ln -s "$(readlink -f "$krew/krew")" "$work/bin/kubectl-krew"
	krew=$(readlink -f "$krew")
	plugin=build/dist/kubectl-${archive##*/}
	packaging/krew.sh "$version" https://klock.invalid "$plugin" >"$work/klock.yaml"
	with_krew() { env KREW_ROOT="$work/krew" KREW_NO_UPGRADE_CHECK=1 HOME="$work" PATH="$work/krew/bin:$work/bin:$PATH" "$@" </dev/null; }
	installed() { # HOW
		judge "$1: kubectl klock version" test "$(with_krew kubectl klock version 2>&1)" = "klockc $version"
		with_krew kubectl klock compile examples/payments.klock >"$work/out" 2>"$work/log" || :
		same "$1: kubectl klock compile" examples/payments.yaml "$work/out"
	}
	judge 'krew installs the archive' with_krew kubectl krew install --manifest="$work/klock.yaml" --archive="$plugin"
	installed 'by manifest'
	# An index is a repository; its manifest names an archive that is downloaded, and a sum that it must have.
	if ! there python3; then
		skip 'krew, by an index' 'there is no python3, which serves the archive'
	else
		mkdir -p "$work/served" "$work/index/plugins"
		cp "$plugin" "$work/served/"
		(cd "$work/served" && exec python3 -u -m http.server --bind 127.0.0.1 0) >"$work/server" 2>&1 &
		server=$!
		port=
		for _ in $(seq 600); do
			port=$(sed -n 's/.*http:\/\/127\.0\.0\.1:\([0-9]*\)\/.*/\1/p' "$work/server" | head -n 1)
			[ -z "$port" ] || break
			sleep 0.1
		done
		packaging/krew.sh "$version" "http://127.0.0.1:$port/" "$plugin" >"$work/index/plugins/klock.yaml"
		judge 'an index' sh -ec "cd '$work/index' && git init -q -b master && git add plugins &&
			git -c user.name=klock -c user.email=klock@klock.invalid commit -q -m 'Add klock'"
		judge 'krew adds the index' with_krew kubectl krew index add default "file://$work/index"
		judge 'krew uninstalls klock' with_krew kubectl krew uninstall klock
		if with_krew kubectl klock version >"$work/log" 2>&1; then fail 'it is still there'; else pass; fi
		judge 'the judge of manifests' with_krew "$krew/validate-krew-manifest" -manifest "$work/index/plugins/klock.yaml"
		judge 'krew installs klock' with_krew kubectl krew install klock
		installed 'by an index'
		judge 'krew uninstalls it again' with_krew kubectl krew uninstall klock
		echo >>"$work/served/${plugin##*/}"
		if with_krew kubectl krew install klock >"$work/out" 2>&1; then
			fail 'krew installs another archive than the manifest means'
		else
			judge 'krew says why' grep -qi checksum "$work/out"
		fi
		kill "$server"
	fi
fi

# ---- the image ----
# Nothing of it goes into the images of the user.
storage="--root $work/storage --runroot $work/run --storage-driver vfs"
if [ -z "$archive" ]; then
	skip 'the image' 'there is no static program'
elif ! there podman || [ "$(id -u)" -ne 0 ]; then
	skip 'the image' 'it needs podman, and root; the empty root above has what the image has'
elif ! $make image BUILDER="podman $storage" >"$work/log" 2>&1; then
	fail 'make image' "$(tail -n 20 "$work/log")"
else
	# Inside of another container there may be no right to more files, and cgroups that crun does not take.
	printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n' >"$work/containers.conf"
	! there runc || printf '[engine]\nruntime = "runc"\n' >>"$work/containers.conf"
	export CONTAINERS_CONF="$work/containers.conf"
	# shellcheck disable=SC2086
	contained() { podman $storage run --rm -i --read-only --network none --cap-drop all --log-driver none "$@"; }
	if ! contained klock:"$version" version >"$work/out" 2>"$work/log"; then
		fail 'the image runs' "$(cat "$work/log")"
	else
		judge 'the image has the version' test "$(cat "$work/out")" = "klockc $version"
		contained klock:"$version" <"$work/list.yaml" >"$work/out" 2>"$work/log" || :
		same 'without arguments, the image is a function' "$work/list.expected" "$work/out"
		contained -v "$PWD/examples:/policies:ro" klock:"$version" compile payments.klock >"$work/out" 2>"$work/log" || :
		same 'policies are mounted' examples/payments.yaml "$work/out"
		mkdir "$work/docker"
		printf '#!/bin/sh\nexec %s %s "$@"\n' "$(command -v podman)" "$storage" >"$work/docker/docker"
		chmod +x "$work/docker/docker"
		ln -s docker "$work/docker/podman"
		mkdir "$work/contained"
		cp "$work/blog.klock" "$work/contained/"
		judge 'docs/install.md, the container' sh -ec "cd '$work/contained'; PATH=$work/docker:\$PATH; $(commands 6)"
		judge 'its user is not root' test "$(podman $storage image inspect -f '{{.Config.User}}' klock:"$version")" = 65534:65534
		rm -rf "$work/loaded"
		judge 'make image writes an archive that can be loaded' podman --root "$work/loaded" --runroot "$work/run2" --storage-driver vfs load -i build/dist/klock-"$version"-linux-*.oci.tar
		if [ -n "$kustomize" ]; then
			# kustomize calls the program docker.
			echo 'generators: [locks.yaml]' >"$work/contained/kustomization.yaml"
			cat >"$work/contained/locks.yaml" <<policy
apiVersion: klock.dev/v1alpha1
kind: KlockPolicy
metadata:
  name: locks
  annotations:
    config.kubernetes.io/function: |
      container:
        image: klock:$version
        mounts: [{type: bind, src: ., dst: /policies}]
spec: {files: [blog.klock]}
policy
			if PATH=$work/docker:$PATH "$kustomize" build --enable-alpha-plugins "$work/contained" >"$work/built.yaml" 2>"$work/log"; then
				judge 'kustomize build, with the image' "$KLOCKC" verify "$work/blog.klock" --against "$work/built.yaml"
			else
				fail 'kustomize build, with the image' "$(cat "$work/log")"
			fi
		else
			skip 'kustomize build, with the image' 'there is no kustomize; tests/e2e/servers/build.sh builds one'
		fi
	fi
fi
finish
