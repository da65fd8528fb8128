# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A lab's state under /run/sluice/NAME, and the way back. Each change is written to the file
# `undo` before it is made, as the words of a call to undo_*; taking down is calling these from
# the last to the first. So it does not matter where a lab stopped, nor whether it was killed:
# the next start finds the file of an owner that is gone and calls what is in it.
# Every undo_* therefore succeeds when there is nothing to undo.

lab_root=/run/sluice
lab_name=
lab_state=

# Process start time in clock ticks: with the pid it names one process for good.
lab_start_time() {
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	# Field 22, counted behind the name, which may hold spaces. A zombie counts as gone.
	# shellcheck disable=SC2086
	set -- ${stat##*) }
	[[ $1 != Z ]] && printf '%s' "${20}"
}

# lab_gone SECONDS PID...: waits until all of them are gone.
lab_gone() {
	local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000)) pid
	shift
	for pid; do
		while lab_start_time "$pid" >/dev/null; do
			((${EPOCHREALTIME/./} < deadline)) || return 1
			sleep 0.02
		done
	done
}

lab_valid_name() {
	[[ $1 =~ ^[a-z][a-z0-9-]{0,10}$ ]] ||
		die "lab name \"$1\" is not usable: 1 to 11 of a-z, 0-9 and -, a letter first"
}

lab_owner_lives() {
	local pid start
	{ read -r pid start <"$1/owner"; } 2>/dev/null || return 1
	[[ "$(lab_start_time "$pid")" == "$start" ]]
}

# Takes over what labs left behind whose owner was killed.
lab_recover() {
	local state
	for state in "$lab_root"/*/; do
		state=${state%/}
		[[ -f $state/undo ]] || continue
		lab_owner_lives "$state" && continue
		say "removing what the lab \"${state##*/}\" left when it was killed"
		lab_name=${state##*/} lab_state=$state
		lab_take_down
	done
}

# lab_begin NAME: from here on this process owns the lab NAME.
lab_begin() {
	local start
	lab_valid_name "$1"
	lab_recover
	[[ ! -d $lab_root/$1 ]] ||
		die "the lab \"$1\" runs already (process $(cut -d ' ' -f 1 "$lab_root/$1/owner"))"
	start=$(lab_start_time $$)
	lab_name=$1
	lab_state=$lab_root/$1
	mkdir -p "$lab_root"
	mkdir -m 755 "$lab_state"
	# Inherited by everything the lab starts; unique, so it finds stray processes for sure.
	export SLUICE_LAB=$1:$$:$start
	: >"$lab_state/undo"
	printf '%s %s\n' $$ "$start" >"$lab_state/owner"
	lab_undo marked "$SLUICE_LAB"
}

# lab_join NAME: work on a lab that another process owns.
lab_join() {
	lab_valid_name "$1"
	[[ -f $lab_root/$1/owner ]] || die "there is no lab \"$1\""
	lab_name=$1
	lab_state=$lab_root/$1
}

lab_undo() { printf '%s\n' "$*" >>"$lab_state/undo"; }

lab_take_down() {
	local -a steps words
	local i
	[[ -n $lab_state && -f $lab_state/undo ]] || return 0
	mapfile -t steps <"$lab_state/undo"
	for ((i = ${#steps[@]} - 1; i >= 0; i--)); do
		read -ra words <<<"${steps[i]}"
		"undo_${words[0]}" "${words[@]:1}" || warn "could not undo: ${steps[i]}"
	done
	rm -rf --one-file-system "$lab_state"
	rmdir --ignore-fail-on-non-empty "$lab_root"
	lab_state=
}

# Whatever still runs with the lab's mark in its environment.
lab_marked() {
	env -u SLUICE_LAB grep -lazs "^SLUICE_LAB=$1\$" /proc/[0-9]*/environ |
		sed 's|/proc/\([0-9]*\)/.*|\1|' | grep -vx -e $$ -e "$BASHPID"
}

undo_marked() {
	local -a pids
	mapfile -t pids < <(lab_marked "$1")
	((${#pids[@]})) || return 0
	kill -TERM "${pids[@]}" 2>/dev/null || true
	lab_gone 5 "${pids[@]}" && return 0
	kill -KILL "${pids[@]}" 2>/dev/null || true
	lab_gone 5 "${pids[@]}"
}

undo_sysctl() { [[ ! -e $1 ]] || printf '%s' "$2" >"$1"; }

# lab_sysctl PATH VALUE: sets it for as long as the lab lives.
lab_sysctl() {
	local before
	before=$(<"$1")
	[[ $before != "$2" ]] || return 0
	lab_undo sysctl "$1" "$before"
	printf '%s' "$2" >"$1"
}
