// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/main_lcore.c - main's loop. It shares its core willingly: nothing here is on the
// path of established media.
#include "dataplane/core/main_lcore.h"
#include "dataplane/core/clock.h"
#include "dataplane/core/core_place.h"
#include "dataplane/core/idle.h"
#include "proto/shm/snapshot.h"

#include <stdio.h>

enum {
	HEARTBEAT_AGE_US_MAX = 1000000,
	TURN_MESSAGES_MAX = 64,
	MAIN_HOUSEKEEPING_US = 10000,
	MEND_US = 1000000,
	EXPIRE_US = 1000000,
	SETTLE_US = 2 * PUBLISH_US,
};

static bool send_to_worker(void *context, unsigned worker, const struct xmsg *msg)
{
	struct main_lcore *m = context;

	return xmsg_from_main(&m->dp->workers[worker], msg);
}

static void epoch_acked(void *context, uint64_t epoch)
{
	struct main_lcore *m = context;
	struct shm_event e = {.kind = SHM_EVENT_EPOCH_ACKED, .value = epoch, .time_us = m->now_us};

	events_push(&m->events, &e);
}

static void speaker_changed(void *context, uint32_t room, struct shm_ref track)
{
	struct main_lcore *m = context;
	struct shm_event e = {
		.kind = SHM_EVENT_DOMINANT_SPEAKER,
		.record_type = SHM_RECORD_TRACK,
		.ref = track,
		.value = room,
		.time_us = m->now_us,
	};

	events_push(&m->events, &e);
}

static bool by_port(const void *context, uint16_t port, struct shm_ref *ref)
{
	return epochs_transport_by_port(context, port, ref);
}

bool main_lcore_new(struct main_lcore *m, struct dataplane *dp, const struct config *c,
		    const struct port *wire, struct kernel_port *kernel, int segment_fd, char *why,
		    size_t why_size)
{
	const struct epochs_hooks hooks = {
		.context = m, .send = send_to_worker, .acked = epoch_acked};

	*m = (struct main_lcore){.dp = dp, .wire = wire, .kernel = kernel};
	m->now_us = clock_us();
	m->server = server_new(c->socket, segment_fd, why, why_size);
	if (m->server == NULL)
		return false;
	m->events = (struct events){.shm = &dp->shm, .fd = server_event_fd(m->server)};
	m->epochs = epochs_new(dp, dp->srtp, &hooks);
	m->speakers = speakers_new(dp, speaker_changed, m);
	m->punt = (struct punt){.dp = dp,
				.kernel = kernel,
				.stats = &m->stats,
				.transport_by_port = by_port,
				.context = m->epochs};
	if (kernel->ifindex != 0)
		m->tap = tap_watch_new(kernel->ifindex);
	bool steering = steering_new(&m->steering, dp, wire, &m->stats);
	if (m->epochs != NULL && m->speakers != NULL && punt_new(&m->punt, c) && steering)
		return true;
	snprintf(why, why_size, "no memory for the main core's tables");
	main_lcore_free(m);
	return false;
}

void main_lcore_free(struct main_lcore *m)
{
	if (m->server == NULL)
		return;
	server_free(m->server);
	punt_free(&m->punt);
	steering_free(&m->steering);
	tap_watch_free(m->tap);
	speakers_free(m->speakers);
	if (m->epochs != NULL)
		epochs_free(m->epochs);
	m->server = NULL;
	m->epochs = NULL;
}

static void push_event(struct main_lcore *m, const struct xmsg *msg, uint32_t kind, uint32_t type,
		       uint64_t value)
{
	struct shm_event e = {
		.kind = kind,
		.record_type = type,
		.ref = msg->ref,
		.value = value,
		.time_us = msg->time_us != 0 ? msg->time_us : m->now_us,
	};

	events_push(&m->events, &e);
}

// The address a transport has moved to lies in its state, which the owner has just published.
static void push_path_event(struct main_lcore *m, const struct xmsg *msg)
{
	struct shm_transport_slot *slot = &m->dp->shm.transports[msg->ref.index];
	struct shm_transport_state state = {0};
	struct shm_event e = {
		.kind = SHM_EVENT_PATH_CHANGED,
		.record_type = SHM_RECORD_TRANSPORT,
		.ref = msg->ref,
		.value = msg->value,
		.time_us = msg->time_us,
	};

	if (shm_snapshot_read(&slot->state_seq, &state, &slot->state, sizeof(state)))
		e.remote = state.selected_remote;
	events_push(&m->events, &e);
}

static void message(struct main_lcore *m, unsigned worker, const struct xmsg *msg)
{
	switch (msg->kind) {
	case XMSG_PUNT:
		punt_up(&m->punt, msg);
		break;
	case XMSG_STUN_RESPONSE:
		punt_stun_response(&m->punt, worker, msg);
		break;
	case XMSG_STEER:
		steering_wanted(&m->steering, msg->ref, m->now_us);
		break;
	case XMSG_EVENT_CHECKED:
		push_event(m, msg, SHM_EVENT_TRANSPORT_CHECKED, SHM_RECORD_TRANSPORT, msg->value);
		break;
	case XMSG_EVENT_PATH:
		push_path_event(m, msg);
		break;
	case XMSG_EVENT_EXPIRED:
		push_event(m, msg, SHM_EVENT_CONSENT_EXPIRED, SHM_RECORD_TRANSPORT, msg->value);
		break;
	case XMSG_EVENT_INACTIVE:
		push_event(m, msg, msg->value != 0 ? SHM_EVENT_INACTIVE : SHM_EVENT_ACTIVE,
			   SHM_RECORD_TRANSPORT, 0);
		break;
	case XMSG_EVENT_BOUND:
		push_event(m, msg, SHM_EVENT_ENCODING_BOUND, SHM_RECORD_TRACK,
			   (uint64_t)msg->a << 32 | msg->b);
		break;
	case XMSG_EVENT_WANTED:
		push_event(m, msg, SHM_EVENT_LAYERS_WANTED, SHM_RECORD_TRACK, msg->a);
		break;
	default:
		epochs_message(m->epochs, worker, msg);
		break;
	}
}

static unsigned from_workers(struct main_lcore *m)
{
	struct xmsg msgs[TURN_MESSAGES_MAX];
	unsigned total = 0;

	for (unsigned id = 0; id < m->dp->worker_count; id++) {
		unsigned count = xmsg_receive(m->dp->workers[id].to_main, msgs, TURN_MESSAGES_MAX);
		for (unsigned i = 0; i < count; i++)
			message(m, id, &msgs[i]);
		total += count;
	}
	punt_flush(&m->punt);
	return total;
}

static unsigned from_kernel(struct main_lcore *m)
{
	struct rte_mbuf *frames[BURST_PKTS_MAX];
	unsigned count = kernel_port_receive(m->kernel, frames, BURST_PKTS_MAX);

	m->stats.polls++;
	m->stats.polls_empty += count == 0;
	for (unsigned i = 0; i < count; i++)
		punt_down(&m->punt, frames[i]);
	return count;
}

// A control plane that hangs is as good as none: its agents answer nobody.
static bool control_alive(const struct main_lcore *m)
{
	uint64_t seen_us, beat_us;

	if (!server_attached(m->server, &seen_us))
		return false;
	beat_us = atomic_load_explicit(&m->dp->shm.header->control_heartbeat_us,
				       memory_order_relaxed);
	// The other process's memory: a heartbeat from the future counts as none.
	if (beat_us > seen_us && beat_us <= m->now_us)
		seen_us = beat_us;
	return m->now_us - seen_us <= HEARTBEAT_AGE_US_MAX;
}

static void kernel_event(struct main_lcore *m, uint32_t kind)
{
	struct shm_event e = {.kind = kind, .time_us = m->now_us};

	events_push(&m->events, &e);
}

// The TAP was deleted: makes port, addresses and routes again. Media does not pass here.
static void kernel_port_mend(struct main_lcore *m)
{
	char why[PORT_WHY_BYTES];

	if (!m->kernel_lost && tap_watch_poll(m->tap)) {
		m->kernel_lost = true;
		kernel_event(m, SHM_EVENT_KERNEL_PORT_LOST);
		fprintf(stderr, "kernel port: interface %s is gone; making it again\n",
			m->kernel->interface);
	}
	if (!m->kernel_lost || m->now_us < m->mend_us)
		return;
	m->mend_us = m->now_us + MEND_US;
	if (!kernel_port_reopen(m->kernel, m->wire, m->dp->packets, why, sizeof(why))) {
		fprintf(stderr, "kernel port: %s\n", why);
		return;
	}
	tap_watch_restore(m->tap, m->kernel->ifindex);
	m->kernel_lost = false;
	kernel_event(m, SHM_EVENT_KERNEL_PORT_BACK);
}

// True once nothing of the last control plane's is on its way and every worker has published what
// came of it: the next one reads from the segment which slots are in use.
static bool settled(struct main_lcore *m)
{
	if (server_attached(m->server, NULL) || !epochs_settle(m->epochs))
		m->unsettled_us = m->now_us;
	return m->now_us - m->unsettled_us >= SETTLE_US;
}

// Answers that carry secrets expire, though nobody is there whose they are.
static void repeats_expire(struct main_lcore *m, bool attached)
{
	if (attached || m->now_us < m->expire_us)
		return;
	m->expire_us = m->now_us + EXPIRE_US;
	shm_repeats_expire(m->dp->shm.repeats, m->now_us);
}

static void housekeeping(struct main_lcore *m)
{
	kernel_port_mend(m);
	server_poll(m->server, m->now_us, settled(m));
	bool attached = control_alive(m);
	atomic_store_explicit(&m->dp->control_attached, attached, memory_order_relaxed);
	repeats_expire(m, attached);
	steering_due(&m->steering);
	atomic_store_explicit(&m->dp->shm.header->dataplane_heartbeat_us, m->now_us,
			      memory_order_relaxed);
	m->housekeeping_us = m->now_us + MAIN_HOUSEKEEPING_US;
}

static void publish(struct main_lcore *m)
{
	struct shm_worker_slot *slot = &m->dp->shm.workers[SHM_WORKERS_MAX];
	struct port_counts wire, kernel;

	port_counts(m->wire, &wire);
	port_counts(&m->kernel->port, &kernel);
	m->stats.kernel_bytes_received = kernel.bytes_received;
	m->stats.kernel_bytes_sent = kernel.bytes_sent;
	m->stats.port_packets_received = wire.received;
	m->stats.port_bytes_received = wire.bytes_received;
	m->stats.port_packets_sent = wire.sent;
	m->stats.port_bytes_sent = wire.bytes_sent;
	m->stats.port_missed = wire.missed + wire.no_mbuf;
	m->stats.port_send_errors = wire.send_errors;
	port_link(m->wire, &m->stats.wire_link);
	port_link(&m->kernel->port, &m->stats.kernel_link);
	m->stats.published_us = m->now_us;
	shm_snapshot_write(&slot->stats_seq, &slot->stats, &m->stats, sizeof(m->stats));
	m->publish_us = m->now_us + PUBLISH_US;
}

static void clock_read(struct main_lcore *m, bool worked)
{
	uint64_t now_us = clock_us();

	if (m->stats.polls != 0 && now_us - m->now_us > m->stats.drift_max_us)
		m->stats.drift_max_us = now_us - m->now_us;
	if (worked)
		m->stats.busy_us += now_us - m->now_us;
	m->now_us = m->punt.now_us = now_us;
}

// 'worked': the turn before this one did.
static bool turn(struct main_lcore *m, bool worked)
{
	clock_read(m, worked);
	unsigned work = from_workers(m) + from_kernel(m);
	epochs_poll(m->epochs);
	speakers_due(m->speakers, m->epochs, m->now_us);
	if (m->now_us >= m->housekeeping_us)
		housekeeping(m);
	if (m->now_us >= m->publish_us)
		publish(m);
	return work != 0;
}

void main_lcore_run(struct main_lcore *m, const volatile sig_atomic_t *stop)
{
	struct idle idle;
	bool worked = false;

	core_place(&m->stats);
	idle_start(&idle, IDLE_SLEEP_US_MAIN);
	while (!*stop) {
		worked = turn(m, worked);
		idle_after_poll(&idle, worked);
	}
	publish(m);
}
