# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The lab's network (docs/architecture.md, "a lab without a NIC"):
#
#   host, or lab namespace NAME-lan      │  namespace NAME
#   NAME-lab  ── veth ───────────────────┼─ wire0   wire port: the dataplane's alone
#                                        │  sfu0    TAP, kernel port: carries the SFU's addresses
#
# The quickstart has its clients on the host. Tests use a lan namespace with a bridge in it, one
# client namespace NAME-cI for each client, and so touch nothing of the host.

lab_wire=wire0
lab_tap=sfu0
lab_sfu4=198.18.0.1
lab_sfu6=fd73:6c75:6963::1
lab_far4=198.18.0.254
lab_far6=fd73:6c75:6963::fe

lab_client4() { printf '198.18.0.%d' $((10 + $1)); }
lab_client6() { printf 'fd73:6c75:6963::%x' $((16 + $1)); }

# lab_network host|lan WORKERS
lab_network() {
	local far=$1 workers=$2
	# `ip netns add` makes /run/netns a mount point of its own and leaves it so.
	[[ -e /run/netns ]] || lab_undo netns_directory
	lab_namespace "$lab_name"
	if [[ $far == host ]]; then
		lab_far_on_host "$workers"
	else
		lab_far_in_lan "$workers"
	fi
	lab_wire_port
	lab_kernel_port "$workers"
}

lab_namespace() {
	lab_undo namespace "$1"
	ip netns add "$1"
	ip -n "$1" link set lo up
}

undo_namespace() {
	local -a pids
	[[ -e /run/netns/$1 ]] || return 0
	mapfile -t pids < <(ip netns pids "$1" 2>/dev/null)
	((${#pids[@]} == 0)) || kill -KILL "${pids[@]}" 2>/dev/null || true
	ip netns del "$1" 2>/dev/null || rm -f "/run/netns/$1"
}

undo_netns_directory() {
	[[ -d /run/netns && -z $(ls -A /run/netns) ]] || return 0
	! mountpoint -q /run/netns || umount /run/netns
	rmdir /run/netns
}

undo_interface() { ! ip link show dev "$1" >/dev/null 2>&1 || ip link del dev "$1"; }

# A veth hands over packets whose checksum is still to be filled in; the dataplane reads them
# from the wire, where there is no such thing. Segments too large for the wire go the same way.
lab_no_offload() {
	ip netns exec "$1" ethtool -K "$2" tx off tso off gso off gro off >/dev/null
}

lab_far_on_host() {
	local far=$lab_name-lab
	lab_undo interface "$far"
	ip link add name "$far" type veth peer name "$lab_wire" netns "$lab_name" \
		numrxqueues "$1" numtxqueues "$1"
	ethtool -K "$far" tx off tso off gso off gro off >/dev/null
	lab_far_addresses "$far"
}

lab_far_in_lan() {
	local lan=$lab_name-lan
	lab_namespace "$lan"
	ip -n "$lan" link add name br0 type bridge
	ip -n "$lan" link add name far0 type veth peer name "$lab_wire" netns "$lab_name" \
		numrxqueues "$1" numtxqueues "$1"
	lab_no_offload "$lan" far0
	ip -n "$lan" link set far0 master br0 up
	lab_far_addresses br0 "$lan"
}

# lab_far_addresses INTERFACE [NAMESPACE]
lab_far_addresses() {
	local -a ip=(ip ${2:+-n "$2"})
	"${ip[@]}" addr add "$lab_far4/24" dev "$1"
	! lab_has_ip6 || "${ip[@]}" addr add "$lab_far6/64" dev "$1" nodad
	"${ip[@]}" link set "$1" up
}

lab_has_ip6() {
	[[ -e /proc/sys/net/ipv6/conf/all/disable_ipv6 &&
		$(</proc/sys/net/ipv6/conf/all/disable_ipv6) == 0 ]]
}

# The namespace's kernel keeps its hands off the wire: it has no address there, answers no ARP,
# and drops what arrives. The wire port reads its copy before that (af_packet) or takes the
# packet away (af_xdp).
lab_wire_port() {
	ip netns exec "$lab_name" bash -ec '
		conf=/proc/sys/net
		[[ ! -d $conf/ipv6 ]] || echo 1 >$conf/ipv6/conf/$1/disable_ipv6
		echo 8 >$conf/ipv4/conf/$1/arp_ignore
		nft -f - <<-RULES
			table netdev wire {
				chain ingress {
					type filter hook ingress device "$1" priority 0; policy drop;
				}
			}
		RULES
		ethtool -K $1 gro off >/dev/null
		ip link set $1 up' lab-wire "$lab_wire"
}

# Persistent and multi-queue, so that addresses, routes and sockets outlive the dataplane.
# It has the wire's MAC and MTU: to the network both are one host.
lab_kernel_port() {
	local ns=$lab_name mac mtu
	mac=$(ip netns exec "$ns" cat "/sys/class/net/$lab_wire/address")
	mtu=$(ip netns exec "$ns" cat "/sys/class/net/$lab_wire/mtu")
	ip -n "$ns" tuntap add dev "$lab_tap" mode tap multi_queue
	ip -n "$ns" link set "$lab_tap" address "$mac" mtu "$mtu"
	# No duplicate address detection: nobody would answer before the dataplane runs.
	! lab_has_ip6 || ip netns exec "$ns" bash -ec '
		echo 0 >/proc/sys/net/ipv6/conf/$1/accept_dad
		echo 0 >/proc/sys/net/ipv6/conf/$1/accept_ra' lab-tap "$lab_tap"
	ip -n "$ns" link set "$lab_tap" up
	ip -n "$ns" addr add "$lab_sfu4/24" dev "$lab_tap"
	ip -n "$ns" route add default via "$lab_far4"
	! lab_has_ip6 || {
		ip -n "$ns" addr add "$lab_sfu6/64" dev "$lab_tap" nodad
		ip -n "$ns" -6 route add default via "$lab_far6" dev "$lab_tap"
	}
}

# lab_client I: a client namespace NAME-cI with eth0 on the lab's bridge. It has a default route
# because browsers look for the interface of theirs.
lab_client() {
	local ns=$lab_name-c$1 lan=$lab_name-lan
	lab_namespace "$ns"
	ip -n "$lan" link add name "c$1" type veth peer name eth0 netns "$ns"
	lab_no_offload "$ns" eth0
	lab_no_offload "$lan" "c$1"
	ip -n "$lan" link set "c$1" master br0 up
	# Nor for the link-local address: a browser takes its end, a second after the link's start, for
	# another network and gives up the requests under way (ERR_NETWORK_CHANGED).
	! lab_has_ip6 || ip netns exec "$ns" bash -ec '
		echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad
		echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_ra'
	ip -n "$ns" addr add "$(lab_client4 "$1")/24" dev eth0
	! lab_has_ip6 || ip -n "$ns" addr add "$(lab_client6 "$1")/64" dev eth0 nodad
	ip -n "$ns" link set eth0 up
	ip -n "$ns" route add default via "$lab_far4"
	! lab_has_ip6 || ip -n "$ns" -6 route add default via "$lab_far6" dev eth0
}
