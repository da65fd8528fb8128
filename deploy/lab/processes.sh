# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The two processes in the lab's namespace: their command lines, start, readiness, end.

lab_api_port=${LAB_API_PORT:-8443}
lab_media_port=${LAB_MEDIA_PORT:-3478}
lab_build=$(realpath "${LAB_BUILD:-$lab_tree/build}")
lab_ready_seconds=30

# The one place that knows the flags. $1: workers, $2: af_packet or af_xdp; sets lab_command.
lab_dataplane_command() {
	local workers=$1 wire=$2 cpus devargs
	local -a eal
	cpus=$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)
	case $wire in
	af_packet) devargs=net_af_packet0,iface=$lab_wire,qpairs=$workers,framecnt=16384
		devargs+=,framesz=2048,blocksz=4096 ;;
	af_xdp) devargs=net_af_xdp0,iface=$lab_wire,start_queue=0,queue_count=$workers ;;
	*) die "wire \"$wire\" is not known: af_packet or af_xdp" ;;
	esac
	# The lab's few cores are everybody's: lcores are threads that may run on any of them.
	eal=(--no-pci "--file-prefix=$lab_name" "--lcores=(0-$workers)@($cpus)")
	if [[ -f $lab_state/no-huge ]]; then
		eal+=(--no-huge -m "$lab_huge_mb")
	else
		eal+=("--huge-dir=$lab_state/huge" --huge-unlink=always)
	fi
	lab_command=("$lab_build/dataplane/sluice-dataplane"
		--config "$lab_tree/deploy/sluice-dataplane.conf"
		--wire "$devargs" --kernel-port "tap=$lab_tap" --workers "$workers" --idle adaptive
		--socket "$lab_state/dataplane.sock" -- "${eal[@]}")
}

lab_controlplane_command() {
	lab_command=("$lab_build/controlplane/sluice-controlplane"
		--config "$lab_tree/deploy/sluice-controlplane.conf"
		--socket "$lab_state/dataplane.sock" --listen "$lab_sfu4:$lab_api_port"
		--web "$lab_tree/controlplane/web/dist" "$@")
}

# lab_start_dataplane WORKERS WIRE
lab_start_dataplane() {
	lab_undo dpdk_runtime "$lab_name"
	lab_dataplane_command "$1" "$2"
	lab_start dataplane
}

# lab_start_controlplane [FLAG...]
lab_start_controlplane() {
	lab_controlplane_command "$@"
	lab_start controlplane
}

# Starts lab_command as process $1 in the namespace and waits until it says that it is ready.
lab_start() {
	local log=$lab_state/$1.log pid first
	[[ -x ${lab_command[0]} ]] || die "${lab_command[0]##*/} is not built yet"
	lab_undo process "$1"
	printf '%s ' "${lab_command[@]}" >"$lab_state/$1.command"
	: >>"$log"
	first=$(($(wc -l <"$log") + 1))
	setsid ip netns exec "$lab_name" "${lab_command[@]}" </dev/null >>"$log" 2>&1 &
	pid=$!
	printf '%s %s\n' $pid "$(lab_start_time $pid)" >"$lab_state/$1.pid"
	lab_await "$log" $pid $first && return 0
	warn "$1 did not become ready; its last lines:"
	tail -n 20 "$log" >&2
	return 1
}

# lab_await LOG PID LINE: the ready line from LINE on; the end of the process ends the wait too.
lab_await() {
	grep -qm 1 -E '\bready\b' \
		< <(exec timeout $lab_ready_seconds tail -n "+$3" -f --pid="$2" "$1" 2>/dev/null) &&
		lab_start_time "$2" >/dev/null
}

# Prints the pid of process $1 of this lab while it lives.
lab_pid() {
	local pid start
	{ read -r pid start <"$lab_state/$1.pid"; } 2>/dev/null || return 1
	[[ -n $start && "$(lab_start_time "$pid")" == "$start" ]] && printf '%s' "$pid"
}

# lab_stop PROCESS [SIGNAL]
lab_stop() {
	local pid
	pid=$(lab_pid "$1") || return 0
	kill "-${2:-TERM}" "$pid" 2>/dev/null || true
	lab_gone 10 "$pid" || {
		warn "$1 did not end within 10 s of SIG${2:-TERM}: killing it"
		kill -KILL "$pid" 2>/dev/null || true
		lab_gone 5 "$pid"
	}
}

undo_process() { lab_stop "$1"; }

# What DPDK leaves of its own: configuration file and telemetry socket of this prefix.
undo_dpdk_runtime() {
	rm -rf "/run/dpdk/$1"
	[[ ! -d /run/dpdk ]] || rmdir --ignore-fail-on-non-empty /run/dpdk
}

# SHA-256 fingerprint of the certificate that the API shows.
lab_fingerprint() {
	ip netns exec "$lab_name" openssl s_client -connect "$lab_sfu4:$lab_api_port" \
		</dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256 | sed 's/.*=//'
}
