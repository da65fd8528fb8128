# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Hugepages for one lab: reserves what is missing, mounts hugetlbfs at a directory of the lab's
# own, gives both back. Where there are none to be had the lab goes on with --no-huge.

lab_huge_mb=${LAB_HUGE_MB:-1024}
lab_huge_control=/proc/sys/vm/nr_hugepages

lab_meminfo() { awk -v key="$1:" '$1 == key { print $2 }' /proc/meminfo; }

# Sets lab_huge to the mount point, or to nothing and says why.
lab_hugepages() {
	local kb missing before
	lab_huge=
	kb=$(lab_meminfo Hugepagesize)
	if [[ -z $kb || ! -w $lab_huge_control ]]; then
		say "this kernel gives no hugepages here: going on with --no-huge (slower)"
		return
	fi
	missing=$((lab_huge_mb * 1024 / kb - $(lab_meminfo HugePages_Free) + $(lab_meminfo HugePages_Rsvd)))
	if ((missing > 0)); then
		before=$(<$lab_huge_control)
		say "reserving $missing hugepages of $((kb / 1024)) MB"
		lab_undo hugepages
		printf '%s' "$missing" >"$lab_state/hugepages"
		if ! printf '%s' $((before + missing)) 2>/dev/null >$lab_huge_control ||
			(($(<$lab_huge_control) < before + missing)); then
			say "only $(($(<$lab_huge_control) - before)) of $missing hugepages to be had" \
				"(memory is short or in pieces): going on with --no-huge (slower)"
			printf '%s' "$before" >$lab_huge_control || true
			rm -f "$lab_state/hugepages"
			return
		fi
	fi
	lab_undo mount "$lab_state/huge"
	mkdir "$lab_state/huge"
	if ! mount -t hugetlbfs -o "pagesize=${kb}K,mode=0700" "sluice-$lab_name" "$lab_state/huge"; then
		say "hugetlbfs cannot be mounted here: going on with --no-huge (slower)"
		undo_hugepages
		return
	fi
	lab_huge=$lab_state/huge
}

# Takes back what this lab added, not what was there before it: other labs come and go meanwhile.
undo_hugepages() {
	local added now
	{ added=$(<"$lab_state/hugepages"); } 2>/dev/null || return 0
	now=$(<$lab_huge_control)
	printf '%s' $((now > added ? now - added : 0)) >$lab_huge_control
	rm -f "$lab_state/hugepages"
}

undo_mount() {
	! mountpoint -q "$1" || umount "$1" || umount -l "$1"
	[[ ! -d $1 ]] || rmdir "$1"
}
