# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The two processes in the lab's namespace: their command lines, start, readiness, end.

lab_api_port=${LAB_API_PORT:-8443}
lab_media_port=${LAB_MEDIA_PORT:-3478}
lab_build=$(realpath "${LAB_BUILD:-$lab_tree/build}")
lab_ready_seconds=30

# The one place that knows the flags. $1: workers, $2: af_packet or af_xdp; sets lab_command.
# Everything is given, so that no configuration file is needed to read a lab's command line.
lab_dataplane_command() {
	local workers=$1 devargs
	case $2 in
	af_packet)
		devargs=net_af_packet0,iface=$lab_wire,qpairs=$workers
		devargs+=,framecnt=16384,framesz=2048,blocksz=4096
		;;
	af_xdp) devargs=net_af_xdp0,iface=$lab_wire,start_queue=0,queue_count=$workers ;;
	*) die "wire \"$2\" is not known: af_packet or af_xdp" ;;
	esac
	lab_command=("$lab_build/dataplane/sluice-dataplane"
		--config "$lab_tree/deploy/sluice-dataplane.conf"
		--wire "$devargs" --kernel-port "tap:$lab_tap" --workers "$workers" --idle adaptive
		--public-port "$lab_media_port" --socket "$lab_state/dataplane.sock"
		-- "--file-prefix=sluice-$lab_name")
	[[ ! -f $lab_state/no-huge ]] || lab_command+=(--no-huge)
}

# Further flags follow; the last one of a kind wins.
lab_controlplane_command() {
	local listen=$lab_sfu4:$lab_api_port addresses=$lab_sfu4
	if lab_has_ip6; then
		listen+=",[$lab_sfu6]:$lab_api_port"
		addresses+=,$lab_sfu6
	fi
	lab_command=("$lab_build/controlplane/sluice-controlplane"
		--config "$lab_tree/deploy/sluice-controlplane.conf"
		--listen "$listen" --dataplane-socket "$lab_state/dataplane.sock"
		--media-address "$addresses" --media-port "$lab_media_port"
		--web-directory "$lab_tree/controlplane/web/dist"
		--auth development --unix-socket "$lab_state/api.sock" --metrics-listen 127.0.0.1:9464
		--state-directory "$lab_state/state" --drain-seconds 1 "$@")
	mkdir -p -m 700 "$lab_state/state"
}

# lab_start_dataplane WORKERS WIRE
lab_start_dataplane() {
	lab_undo dpdk_runtime "sluice-$lab_name"
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
	# Elsewhere the SFU has cores of its own; here browsers must not starve it.
	setsid ip netns exec "$lab_name" nice -n -10 "${lab_command[@]}" </dev/null >>"$log" 2>&1 &
	pid=$!
	printf '%s %s\n' $pid "$(lab_start_time $pid)" >"$lab_state/$1.pid"
	lab_await "$log" $pid $first && return 0
	warn "$1 did not become ready; its last lines:"
	tail -n 20 "$log" >&2
	return 1
}

# lab_await LOG PID LINE: the ready line from LINE on; the end of the process ends the wait too.
lab_await() {
	grep -qm 1 -E '^(sluice-[a-z]+: )?ready\b' \
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

# SHA-256 fingerprint of the API's certificate, as its ready line says it.
lab_fingerprint() { sed -n 's/^ready .*fingerprint=//p' "$lab_state/controlplane.log" | tail -n 1; }
