# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The host as a lab may have changed it, as sorted lines: --check lists it before and after.

lab_host_state() {
	local items
	# Sorted afterwards: a sort under way would be one of the lab's processes.
	items=$(
		# What is not there is no failure but an empty list.
		set +e +o pipefail
		ls /run/netns 2>/dev/null | sed 's/^/namespace /'
		ip -o link show | sed 's/^[0-9]*: \([^:@]*\).*/interface \1/'
		ip -o addr show scope global | awk '{ print "address", $2, $4 }'
		sed 's/^\([^ ]*\) \([^ ]*\) \([^ ]*\) .*/mount \2 \3 \1/' /proc/mounts
		ls -d /run/sluice/* /run/dpdk/* 2>/dev/null | sed 's/^/runtime /'
		nft -s list ruleset 2>/dev/null | sed 's/^/nftables /'
		lab_hugepage_files | sed 's/^/hugepage-file /'
		lab_host_sysctls
		lab_sluice_processes
	)
	sort <<<"$items"
}

lab_hugepage_files() {
	awk '$3 == "hugetlbfs" { print $2 }' /proc/mounts | while read -r directory; do
		find "$directory" -type f
	done
}

lab_host_sysctls() {
	grep -s . /proc/sys/vm/nr_hugepages /proc/sys/vm/nr_overcommit_hugepages \
		/proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/forwarding \
		/proc/sys/net/ipv6/conf/*/{forwarding,accept_ra,disable_ipv6} | sed 's/^/sysctl /'
}

# Anything started by a lab, whatever its name.
lab_sluice_processes() {
	local pid
	env -u SLUICE_LAB grep -lazs '^SLUICE_LAB=' /proc/[0-9]*/environ |
		while IFS=/ read -r _ _ pid _; do
			printf 'process %s %s\n' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c 1-80)"
		done 2>/dev/null
}

# lab_compare BEFORE AFTER (files): says each difference, fails if there is one.
lab_compare() {
	local differences
	differences=$(diff "$1" "$2" | sed -n 's/^< /  gone: /p; s/^> /  left: /p')
	if [[ -n $differences ]]; then
		warn "the host is not as it was before:"
		warn "$differences"
		return 1
	fi
	say "the host is as it was before: $(wc -l <"$1") items compared (namespaces, interfaces," \
		"mounts, processes, nftables, hugepages, sysctls)"
}
