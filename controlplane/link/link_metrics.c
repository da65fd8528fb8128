// SPDX-License-Identifier: Apache-2.0
// controlplane/link/link_metrics.c - see link_metrics.h.
//
// The books are kept for each direction by itself: from the wire, received = forwarded + consumed +
// dropped (the ingress drops); from the kernel the same, where main's egress drops are the drops.
// The blocks are written at different times: under traffic the difference is a few packets that are
// in a ring or in a block not published yet; it must not grow.

#include "controlplane/link/link_metrics.h"

#include "controlplane/link/client_state.h"
#include "proto/shm/snapshot.h"

#include <string.h>

enum { MAIN_LCORE = SHM_WORKERS_MAX }; // its block comes last

struct link_metrics {
	const struct link_client *client;
	uint32_t worker_count;
	struct shm_worker_stats block[SHM_WORKERS_MAX + 1];
	uint64_t events_lost, garbage;
	struct shm_limits_config limits;
};

struct books {
	uint64_t received, forwarded, consumed, dropped;
};

static const char *const ingress_names[] = {
#define X(name, text) #name,
	SHM_INGRESS_DROPS(X)
#undef X
};
static const char *const egress_names[] = {
#define X(name, text) #name,
	SHM_EGRESS_DROPS(X)
#undef X
};
static const char *const refusal_names[] = {
#define X(name, text) #name,
	SHM_REFUSALS(X)
#undef X
};

struct link_metrics *link_metrics_new(const struct link_client *client)
{
	struct link_metrics *m = g_new0(struct link_metrics, 1);

	m->client = client;
	return m;
}

void link_metrics_free(struct link_metrics **metrics)
{
	g_clear_pointer(metrics, g_free);
}

static void read_segment(struct link_metrics *m)
{
	const struct shm_view *v = link_client_view(m->client);

	if (v == NULL)
		return;
	if (m->worker_count != v->limits.workers)
		memset(m->block, 0, sizeof(m->block)); // another dataplane
	m->worker_count = v->limits.workers;
	m->limits = v->limits;
	m->events_lost = atomic_load(&v->header->events_lost);
	m->garbage = atomic_load(&v->header->garbage);
	for (uint32_t i = 0; i <= MAIN_LCORE; i++) {
		struct shm_worker_stats s;
		if ((i < m->worker_count || i == MAIN_LCORE) &&
		    shm_snapshot_read(&v->workers[i].stats_seq, &s, &v->workers[i].stats,
				      sizeof(s)))
			m->block[i] = s;
	}
}

static struct books books_of_wire(const struct link_metrics *m)
{
	const struct shm_worker_stats *main_block = &m->block[MAIN_LCORE];
	// What workers gave to main for the kernel ended there.
	struct books b = {
		.consumed = main_block->packets_consumed,
		.dropped = shm_drops_sum(main_block->ingress_drops),
	};

	for (uint32_t i = 0; i < m->worker_count; i++) {
		b.received += m->block[i].packets_received;
		b.forwarded += m->block[i].packets_forwarded;
		b.consumed += m->block[i].packets_consumed;
		b.dropped += shm_drops_sum(m->block[i].ingress_drops);
	}
	return b;
}

static struct books books_of_kernel(const struct link_metrics *m)
{
	const struct shm_worker_stats *s = &m->block[MAIN_LCORE];

	return (struct books){
		.received = s->packets_received,
		.forwarded = s->packets_forwarded,
		.dropped = shm_drops_sum(s->egress_drops),
	};
}

static void collect_term(struct metrics_page *page, const char *name, const char *help,
			 uint64_t wire, uint64_t kernel)
{
	metrics_family(page, name, METRICS_COUNTER, help);
	metrics_count(page, wire, "from", "wire", NULL);
	metrics_count(page, kernel, "from", "kernel", NULL);
}

static double difference(const struct books *b)
{
	return (double)(int64_t)(b->received - b->forwarded - b->consumed - b->dropped);
}

static void collect_books(struct metrics_page *page, const struct link_metrics *m)
{
	struct books w = books_of_wire(m), k = books_of_kernel(m);

	collect_term(page, "sluice_packets_received_total",
		     "Packets received from the wire port or from the host kernel.", w.received,
		     k.received);
	collect_term(page, "sluice_packets_forwarded_total",
		     "Media packets with a consumer; from the kernel: given to the wire port.",
		     w.forwarded, k.forwarded);
	collect_term(page, "sluice_packets_consumed_total",
		     "Packets answered or used here, or given to the host kernel.", w.consumed,
		     k.consumed);
	collect_term(page, "sluice_packets_dropped_total", "Packets received and dropped by name.",
		     w.dropped, k.dropped);
	metrics_family(page, "sluice_books_difference_packets", METRICS_GAUGE,
		       "Received - forwarded - consumed - dropped: packets under way; must not "
		       "grow.");
	metrics_value(page, difference(&w), "from", "wire", NULL);
	metrics_value(page, difference(&k), "from", "kernel", NULL);
}

static void collect_drops(struct metrics_page *page, const struct link_metrics *m)
{
	uint64_t ingress[SHM_DROPS_MAX] = {0}, egress[SHM_DROPS_MAX] = {0};

	for (uint32_t i = 0; i <= MAIN_LCORE; i++) {
		for (size_t d = 0; d < SHM_DROPS_MAX; d++) {
			ingress[d] += m->block[i].ingress_drops[d];
			egress[d] += m->block[i].egress_drops[d];
		}
	}
	metrics_family(page, "sluice_ingress_drops_total", METRICS_COUNTER,
		       "Received packets dropped, by reason (proto/shm/drops.h).");
	for (size_t i = 0; i < G_N_ELEMENTS(ingress_names); i++)
		metrics_count(page, ingress[i], "reason", ingress_names[i], NULL);
	metrics_family(page, "sluice_egress_drops_total", METRICS_COUNTER,
		       "Packets not sent to a consumer, by reason (proto/shm/drops.h).");
	for (size_t i = 0; i < G_N_ELEMENTS(egress_names); i++)
		metrics_count(page, egress[i], "reason", egress_names[i], NULL);
}

#define WORKER_COUNTERS(X)                                                                         \
	X(packets_received, "sluice_worker_packets_received_total", "Packets received.")           \
	X(packets_sent, "sluice_worker_packets_sent_total", "Packets sent.")                       \
	X(polls, "sluice_worker_polls_total", "Polls of the worker's port queue.")                 \
	X(polls_empty, "sluice_worker_empty_polls_total", "Polls that found nothing.")             \
	X(handovers, "sluice_worker_handovers_total",                                              \
	  "Packets given to another worker, which owns their transport.")                          \
	X(keyframe_groups_sent, "sluice_worker_keyframe_groups_sent_total",                        \
	  "Consumers that began with the last keyframe, so that no new one was asked for.")

static const struct {
	size_t offset;
	const char *name, *help;
} worker_counters[] = {
#define X(field, name, help) {offsetof(struct shm_worker_stats, field), name, help},
	WORKER_COUNTERS(X)
#undef X
};

// "0", "1", ... and "main". True while there is one more.
static bool next_worker(const struct link_metrics *m, uint32_t *i, char name[8])
{
	if (*i == m->worker_count && *i < MAIN_LCORE)
		*i = MAIN_LCORE;
	if (*i > MAIN_LCORE)
		return false;
	if (*i == MAIN_LCORE)
		g_strlcpy(name, "main", 8);
	else
		g_snprintf(name, 8, "%u", *i);
	return true;
}

static void collect_workers(struct metrics_page *page, const struct link_metrics *m)
{
	char name[8];

	for (size_t c = 0; c < G_N_ELEMENTS(worker_counters); c++) {
		metrics_family(page, worker_counters[c].name, METRICS_COUNTER,
			       worker_counters[c].help);
		for (uint32_t i = 0; next_worker(m, &i, name); i++) {
			const char *block = (const char *)&m->block[i];
			uint64_t value;
			memcpy(&value, block + worker_counters[c].offset, sizeof(value));
			metrics_count(page, value, "worker", name, NULL);
		}
	}
	metrics_family(page, "sluice_worker_busy_seconds_total", METRICS_COUNTER,
		       "Time in turns that found work: its rate is the share of the core in use.");
	for (uint32_t i = 0; next_worker(m, &i, name); i++)
		metrics_value(page, (double)m->block[i].busy_us / G_USEC_PER_SEC, "worker", name,
			      NULL);
	metrics_family(page, "sluice_worker_poll_gap_max_seconds", METRICS_GAUGE,
		       "The longest time between two polls since the dataplane's start.");
	for (uint32_t i = 0; next_worker(m, &i, name); i++)
		metrics_value(page, (double)m->block[i].drift_max_us / G_USEC_PER_SEC, "worker",
			      name, NULL);
}

static void collect_wire(struct metrics_page *page, const struct shm_worker_stats *s)
{
	metrics_single_count(page, "sluice_wire_receive_packets_total", s->port_packets_received,
			     "Packets the wire port received, by its own count.");
	metrics_single_count(page, "sluice_wire_receive_bytes_total", s->port_bytes_received,
			     "Bytes of frames the wire port received.");
	metrics_single_count(page, "sluice_wire_transmit_packets_total", s->port_packets_sent,
			     "Packets the wire port sent, by its own count.");
	metrics_single_count(page, "sluice_wire_transmit_bytes_total", s->port_bytes_sent,
			     "Bytes of frames the wire port sent.");
	metrics_single_count(page, "sluice_wire_missed_packets_total", s->port_missed,
			     "Packets the wire port lost before a worker polled them.");
	metrics_single_count(page, "sluice_wire_transmit_errors_total", s->port_send_errors,
			     "Packets the wire port took and could not send.");
	metrics_single_gauge(
		page, "sluice_wire_flow_rules", (double)s->flow_rules,
		"Rules in the wire port that bring a transport's packets to its worker.");
	metrics_single_count(page, "sluice_wire_flow_rules_made_total", s->flow_rules_made,
			     "Such rules made, since the dataplane's start.");
	metrics_single_count(page, "sluice_wire_flow_rules_refused_total", s->flow_rules_refused,
			     "Such rules the wire port has refused; packets are handed over.");
}

static void collect_tables(struct metrics_page *page, const struct link_metrics *m)
{
	const struct {
		enum shm_record_type type;
		uint32_t limit;
		const char *used_name, *used, *limit_name, *limit_help;
	} rows[] = {
		{SHM_RECORD_TRANSPORT, m->limits.transports, "sluice_transports",
		 "Transports there are.", "sluice_transports_limit",
		 "The most transports there can be."},
		{SHM_RECORD_TRACK, m->limits.tracks, "sluice_tracks", "Tracks there are.",
		 "sluice_tracks_limit", "The most tracks there can be."},
		{SHM_RECORD_SUBSCRIPTION, m->limits.subscriptions, "sluice_subscriptions",
		 "Subscriptions there are.", "sluice_subscriptions_limit",
		 "The most subscriptions there can be."},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		metrics_single_gauge(page, rows[i].used_name,
				     link_slots_taken(m->client, rows[i].type), rows[i].used);
		metrics_single_gauge(page, rows[i].limit_name, rows[i].limit, rows[i].limit_help);
	}
}

static void collect_epochs(struct metrics_page *page, const struct link_counts *c)
{
	metrics_single_count(page, "sluice_epochs_applied_total", c->applied,
			     "Epochs the dataplane applied.");
	metrics_family(page, "sluice_epochs_refused_total", METRICS_COUNTER,
		       "Epochs the dataplane refused, by reason (proto/shm/command.h).");
	for (size_t i = SHM_REFUSAL_NONE + 1; i < G_N_ELEMENTS(refusal_names); i++)
		metrics_count(page, c->refused[i], "reason", refusal_names[i], NULL);
	metrics_single_count(page, "sluice_epochs_unanswered_total", c->gone,
			     "Epochs that no dataplane answered.");
	metrics_family(page, "sluice_epoch_seconds", METRICS_HISTOGRAM,
		       "From the submission of an epoch to its answer, waiting for those before it "
		       "included.");
	metrics_histogram(page, &c->seconds, &metrics_call_bounds, NULL);
}

static double heartbeat_age(const struct shm_view *v)
{
	uint64_t now_us = (uint64_t)g_get_monotonic_time();
	uint64_t beat_us = v != NULL ? atomic_load(&v->header->dataplane_heartbeat_us) : 0;

	return beat_us != 0 && beat_us < now_us ? (double)(now_us - beat_us) / G_USEC_PER_SEC : 0;
}

void link_metrics_collect(struct metrics_page *page, void *data)
{
	struct link_metrics *m = data;
	const struct shm_view *v = link_client_view(m->client);

	read_segment(m);
	metrics_single_gauge(page, "sluice_dataplane_attached", v != NULL,
			     "1 while a dataplane is attached.");
	metrics_single_gauge(page, "sluice_dataplane_heartbeat_age_seconds", heartbeat_age(v),
			     "How long ago the dataplane's main core last said that it lives.");
	metrics_single_gauge(page, "sluice_dataplane_workers", m->worker_count,
			     "Workers of the dataplane seen last.");
	collect_books(page, m);
	collect_drops(page, m);
	collect_workers(page, m);
	collect_wire(page, &m->block[MAIN_LCORE]);
	collect_tables(page, m);
	collect_epochs(page, &m->client->counts);
	metrics_single_count(page, "sluice_dataplane_events_lost_total", m->events_lost,
			     "Events of the dataplane lost for want of room in their ring.");
	metrics_single_count(page, "sluice_segment_garbage_total", m->garbage,
			     "Things in the shared segment that made no sense to the dataplane.");
}
