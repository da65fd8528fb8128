#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 5400
#
# Both commands of the README in a fresh Debian: a root made by debootstrap (minbase and git: no
# sudo, no ip, no CA bundle) with a clone of what is committed here, belonging to a user, as it
# would under sudo. Run by `tests/run --fresh`.
#
# Processes and mounts live in namespaces of their own and go with this script. Network and
# hugepages are the machine's. FRESH_TESTS: arguments for tests/run in there (default: none, all).
set -euo pipefail

tree=$(realpath "$(dirname "$(realpath "$0")")/../..")
user=dev

say() { printf 'fresh: %s\n' "$*"; }

mirror() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
		'Codename: bookworm' | head -n 1
}

make_root() {
	say "debootstrap bookworm from $(mirror)"
	debootstrap --variant=minbase --include=git bookworm "$root" "$(mirror)" >"$root.log" 2>&1 || {
		tail -n 20 "$root.log"
		exit 1
	}
	cp /etc/resolv.conf /etc/hosts "$root/etc/"
	# Certificates of this machine's own, as its administrator would add them.
	mkdir -p "$root/usr/local/share/ca-certificates"
	cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
	local absent
	for absent in usr/bin/sudo usr/sbin/ip sbin/ip etc/ssl/certs/ca-certificates.crt; do
		[[ ! -e $root/$absent ]] || { say "/$absent is in minbase: this proves nothing" && exit 1; }
	done
	chroot "$root" useradd --create-home $user
	git clone -q --no-hardlinks "$tree" "$root/home/$user/sluice"
	chroot "$root" chown -R $user: /home/$user/sluice
}

# inside COMMAND...: as root in the fresh root.
inside() {
	unshare --mount --pid --fork --kill-child=KILL bash -ec '
		root=$1 && shift
		mount --make-rprivate /
		mount --bind "$root" "$root" # ip netns wants its / to be a mount
		mount -t proc proc "$root/proc"
		mount -t sysfs sys "$root/sys"
		mount --rbind /dev "$root/dev"
		mount -t tmpfs -o mode=755 run "$root/run"
		exec chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			HOME=/root TERM=dumb ${http_proxy:+http_proxy="$http_proxy"} \
			${https_proxy:+https_proxy="$https_proxy"} "$@"' inside "$root" "$@"
}

not_roots() {
	local found
	found=$(find "$root/home/$user/sluice" ! -user "$(stat -c %u "$root/home/$user/sluice")" | head)
	[[ -z $found ]] || {
		say "not the user's any more: $found"
		return 1
	}
}

main() {
	local checkout=/home/$user/sluice started
	root=$(mktemp -d /var/tmp/sluice-fresh.XXXXXX)
	chmod 755 "$root"
	trap 'rm -rf --one-file-system "$root" "$root.log"' EXIT
	make_root
	say "deploy/quickstart --check, as under sudo"
	inside env SUDO_USER=$user $checkout/deploy/quickstart --check
	not_roots
	say "a second time"
	started=$EPOCHSECONDS
	inside env SUDO_USER=$user $checkout/deploy/quickstart --check
	# 20 s of those are the browsers' meeting.
	((EPOCHSECONDS - started < 90)) || { say "the second run took $((EPOCHSECONDS - started)) s" && exit 1; }
	say "tests/run, as root without sudo"
	# shellcheck disable=SC2086 # the arguments are words
	inside $checkout/tests/run ${FRESH_TESTS:-}
	not_roots
}

main
