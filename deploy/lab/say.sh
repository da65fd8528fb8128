# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the lab tells its user, and long steps that a signal may interrupt. Output must never be
# the reason to stop half way (the terminal may be gone), so failing to write is ignored.

# The long step that runs now: its process group, so that a signal takes all of it.
lab_step=

say() { printf 'lab: %s\n' "$*" 2>/dev/null || true; }

warn() { printf 'lab: %s\n' "$*" >&2 2>/dev/null || true; }

die() {
	warn "$*"
	exit 1
}

# Runs a long command so that traps run at once: bash puts a signal off while it waits for a
# command in the foreground, not while it waits in `wait`.
lab_run() {
	local status=0
	setsid "$@" </dev/null &
	lab_step=$!
	wait "$lab_step" || status=$?
	lab_step=
	return $status
}

lab_stop_step() {
	[[ -n $lab_step ]] || return 0
	kill -TERM -- "-$lab_step" 2>/dev/null || true
	lab_gone 5 "$lab_step" || kill -KILL -- "-$lab_step" 2>/dev/null || true
	lab_step=
}

# Turns signals into an exit, so that one EXIT trap takes everything down, once and undisturbed.
lab_trap() {
	lab_at_exit=$1
	trap 'lab_finish $?' EXIT
	# A second signal (Ctrl-C twice, timeout's to process and group) must not cut the way out short.
	trap 'trap "" INT TERM HUP PIPE; exit 130' INT
	trap 'trap "" INT TERM HUP PIPE; exit 143' TERM
	trap 'trap "" INT TERM HUP PIPE; exit 129' HUP
	trap 'trap "" INT TERM HUP PIPE; exit 141' PIPE
}

lab_finish() {
	trap '' INT TERM HUP PIPE
	trap - EXIT
	lab_stop_step
	"$lab_at_exit" "$1"
	exit "$1"
}
