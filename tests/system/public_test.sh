#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# `quickstart --public ADDRESS` is reachable from elsewhere: two browsers on another machine (a
# namespace behind a link of the host's own) meet through the address it announces, nobody comes in
# without the link's token, and nothing of it is left afterwards.
set -euo pipefail

cd "$(dirname "$(realpath "$0")")/../.."
# shellcheck source=deploy/lab/lab.sh
. deploy/lab/lab.sh

outside=pubtest-out
here=198.51.100.1
quickstart=
work=$(mktemp -d)

down() {
	[[ -z $quickstart ]] || { kill "$quickstart" && wait "$quickstart" || true; }
	ip netns del $outside 2>/dev/null || true
	rm -rf "$work"
}
trap down EXIT

link() {
	ip netns add $outside
	ip link add pubtest0 type veth peer name eth0 netns $outside
	ip addr add $here/24 dev pubtest0
	ip link set pubtest0 up
	ip -n $outside addr add 198.51.100.2/24 dev eth0
	ip -n $outside link set lo up
	ip -n $outside link set eth0 up
	ip -n $outside route add default via $here
	# Checksums left to a link that has no hardware for them do not survive the way through DPDK.
	ip netns exec $outside ethtool -K eth0 tx off >/dev/null
}

# Waits for the line that ends its greeting, or for its end.
await_greeting() {
	local line
	while read -r line; do
		printf '%s\n' "$line" >>"$work/log"
		[[ $line != *"Ctrl-C ends it"* ]] || return 0
	done <"$work/output"
	cat "$work/log"
	return 1
}

link
lab_host_state >"$work/before"
mkfifo "$work/output"
LAB_BUILD=${LAB_BUILD:-$PWD/build} deploy/quickstart --name pubtest --public $here >"$work/output" 2>&1 &
quickstart=$!
await_greeting
url=$(sed -n "s/.*Join link, with a token for a day: //p" "$work/log")
[[ $url == "https://$here:"* ]] || { echo "FAIL: it greets with \"$url\"" && exit 1; }
# Refused for the token, or (422) for an offer that is none.
knock() {
	ip netns exec $outside curl -sk -o /dev/null -w '%{http_code}' -H 'content-type: application/sdp' \
		"$@" -d v=0 "https://$here:8443/whip/demo"
}
token=${url##*#token=}
[[ "$(knock) $(knock -H "authorization: Bearer ${token}x") $(knock -H "authorization: Bearer $token")" == \
	"401 401 422" ]] || { echo "FAIL: who may come in" && exit 1; }
ip netns exec $outside node tests/browser/check.mjs --url "$url" --participants 2 --seconds 5 \
	--video 320x180@15 | tee "$work/check"
# Whoever comes from outside is told that address and no other.
! grep -v "candidate $here:3478 " "$work/check" | grep 'candidate' || exit 1
kill -TERM $quickstart
wait $quickstart || true
quickstart=
lab_host_state >"$work/after"
lab_compare "$work/before" "$work/after" || exit 1 # and says what is different
