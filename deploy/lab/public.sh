# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Makes the lab reachable from elsewhere: the host forwards the API's TCP port and the one UDP
# port into the namespace, in a table of its own that goes with the lab.

# The address others know this host by, unless told: the one its default route speaks from.
lab_public_address() {
	ip -o route get 192.0.2.1 2>/dev/null | sed -n 's/.* src \([^ ]*\).*/\1/p' | head -n 1
}

# lab_public ADDRESS: forwards from ADDRESS, or, where the host does not have it itself (a cloud's
# 1:1 NAT), from the address of the default route. Sets lab_announced.
lab_public() {
	local family=ip inside=$lab_sfu4 local_address=$1
	lab_announced=$1
	[[ $1 != *:* ]] || family=ip6 inside=$lab_sfu6
	if [[ -z $(ip -o addr show to "$1") ]]; then
		local_address=$(lab_public_address)
		[[ $family == ip && -n $local_address ]] ||
			die "this host has neither the address $1 nor an IPv4 default route"
		say "$1 is not an address of this host: forwarding from $local_address"
	fi
	lab_forwarding $family "$local_address"
	lab_undo nft "sluice-$lab_name"
	nft -f - <<-RULES
		table inet sluice-$lab_name {
			chain from-outside {
				type nat hook prerouting priority dstnat;
				$family daddr $local_address tcp dport $lab_api_port dnat $family to $inside
				$family daddr $local_address udp dport $lab_media_port dnat $family to $inside
			}
			chain from-here {
				type nat hook output priority -100;
				$family daddr $local_address tcp dport $lab_api_port dnat $family to $inside
				$family daddr $local_address udp dport $lab_media_port dnat $family to $inside
			}
		}
	RULES
}

# Forwarding on the two interfaces concerned, not on all of the host. IPv6 has only the one
# switch for all; it would stop the host from listening to router advertisements, hence 2.
lab_forwarding() {
	local interface conf=/proc/sys/net
	interface=$(ip -o addr show to "$2" | awk '{ print $2; exit }')
	if [[ $1 == ip ]]; then
		lab_sysctl "$conf/ipv4/conf/$interface/forwarding" 1
		lab_sysctl "$conf/ipv4/conf/$lab_name-lab/forwarding" 1
	else
		[[ $(<"$conf/ipv6/conf/$interface/accept_ra") != 1 ]] ||
			lab_sysctl "$conf/ipv6/conf/$interface/accept_ra" 2
		lab_sysctl $conf/ipv6/conf/all/forwarding 1
	fi
	lab_warn_of_firewall
}

# A table of ours cannot allow what another table drops.
lab_warn_of_firewall() {
	! nft list ruleset 2>/dev/null | grep -q 'hook forward .*policy drop' ||
		warn "a firewall of this host drops what it forwards: allow interface $lab_name-lab there"
}

undo_nft() { ! nft list table inet "$1" >/dev/null 2>&1 || nft delete table inet "$1"; }

# Makes a key for tokens, for as long as the lab lives. Sets lab_token_keys.
lab_tokens() {
	local secret
	lab_token_keys=$lab_state/token-keys
	secret=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
	(umask 077 && printf 'quickstart HS256 %s\n' "$secret" >"$lab_token_keys")
}

# lab_join_link URL: the page's address with a token in its fragment.
lab_join_link() {
	SLUICE_BUILD=$lab_build "$lab_tree/controlplane/ctl/sluicectl" token --keys "$lab_token_keys" \
		--room '*' --subject guest --lifetime 86400 --link "$1"
}
