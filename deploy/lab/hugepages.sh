# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Hugepages for one lab: reserves what is missing and gives it back. The dataplane takes them as
# anonymous memory (EAL's --in-memory), so there is no hugetlbfs to mount and no file to leave.
# Where there are none to be had the lab goes on with --no-huge.

lab_huge_mb=${LAB_HUGE_MB:-1024}
lab_huge_control=/proc/sys/vm/nr_hugepages

lab_meminfo() { awk -v key="$1:" '$1 == key { print $2 }' /proc/meminfo; }

# Leaves the file no-huge in the lab's state, and says why, where there are none.
lab_hugepages() {
	local kb missing before
	kb=$(lab_meminfo Hugepagesize)
	if [[ -z $kb || ! -w $lab_huge_control ]]; then
		lab_no_huge "this kernel gives no hugepages here"
		return
	fi
	missing=$((lab_huge_mb * 1024 / kb))
	# Free pages are ours to take unless another lab reserved them and is about to.
	[[ -n $(find "$lab_root" -mindepth 1 -maxdepth 1 ! -name "$lab_name") ]] ||
		missing=$((missing - $(lab_meminfo HugePages_Free) + $(lab_meminfo HugePages_Rsvd)))
	if ((missing > 0)); then
		before=$(<$lab_huge_control)
		say "reserving $missing hugepages of $((kb / 1024)) MB"
		lab_undo hugepages
		printf '%s' "$missing" >"$lab_state/hugepages"
		if ! printf '%s' $((before + missing)) 2>/dev/null >$lab_huge_control ||
			(($(<$lab_huge_control) < before + missing)); then
			lab_no_huge "only $(($(<$lab_huge_control) - before)) of $missing hugepages to be had"
			printf '%s' "$before" >$lab_huge_control || true
			rm -f "$lab_state/hugepages"
			return
		fi
	fi
}

lab_no_huge() {
	say "$1: going on with --no-huge (slower)"
	: >"$lab_state/no-huge"
}

# Takes back what this lab added, not what was there before it: other labs come and go meanwhile.
undo_hugepages() {
	local added now
	{ added=$(<"$lab_state/hugepages"); } 2>/dev/null || return 0
	now=$(<$lab_huge_control)
	printf '%s' $((now > added ? now - added : 0)) >$lab_huge_control
	rm -f "$lab_state/hugepages"
}
