// SPDX-License-Identifier: Apache-2.0
// controlplane/session/statistics_workers.c - cores, drops and the books of the whole node.

#include "controlplane/session/node.h"
#include "controlplane/session/statistics.h"
#include "proto/shm/snapshot.h"

static void fill_drops(struct statistics *a, const uint64_t ingress[SHM_DROPS_MAX],
		       const uint64_t egress[SHM_DROPS_MAX])
{
	static const struct {
		const char *name, *text;
		bool is_egress;
		unsigned index;
	} drops[] = {
#define X(name, text) {#name, text, false, SHM_INGRESS_DROP_##name},
		SHM_INGRESS_DROPS(X)
#undef X
#define X(name, text) {#name, text, true, SHM_EGRESS_DROP_##name},
			SHM_EGRESS_DROPS(X)
#undef X
	};

	for (size_t i = 0; i < G_N_ELEMENTS(drops); i++) {
		Sluice__V1__DropCounter *m = statistics_add(a->drops, sizeof(*m));
		sluice__v1__drop_counter__init(m);
		m->name = (char *)(uintptr_t)drops[i].name;
		m->text = (char *)(uintptr_t)drops[i].text;
		m->egress = drops[i].is_egress;
		m->packets = (drops[i].is_egress ? egress : ingress)[drops[i].index];
	}
}

void statistics_fill_worker(Sluice__V1__WorkerStats *m, uint32_t number,
			    const struct shm_worker_stats *s)
{
	sluice__v1__worker_stats__init(m);
	m->worker = number;
	m->packets_received = s->packets_received;
	m->packets_forwarded = s->packets_forwarded;
	m->packets_consumed = s->packets_consumed;
	m->packets_sent = s->packets_sent;
	m->polls = s->polls;
	m->polls_empty = s->polls_empty;
	m->handovers = s->handovers;
	m->drift_max_us = s->drift_max_us;
	m->busy_us = s->busy_us;
	m->packets_dropped = shm_drops_sum(s->ingress_drops);
	m->copies_dropped = shm_drops_sum(s->egress_drops);
	// What main drops of the kernel's packets stands among the egress drops.
	if (number == SHM_WORKERS_MAX) {
		m->packets_dropped += m->copies_dropped;
		m->copies_dropped = 0;
	}
}

static void fill_worker(struct statistics *a, uint32_t number, const struct shm_worker_stats *s)
{
	Sluice__V1__WorkerStats *m = statistics_add(a->workers, sizeof(*m));

	statistics_fill_worker(m, number, s);
	a->books.packets_received += m->packets_received;
	a->books.packets_forwarded += m->packets_forwarded;
	a->books.packets_consumed += m->packets_consumed;
	a->books.packets_dropped += m->packets_dropped;
	a->books.copies_dropped += m->copies_dropped;
}

void statistics_add_workers(struct statistics *a, struct node *n)
{
	const struct shm_view *v = link_client_view(n->link);
	uint64_t ingress[SHM_DROPS_MAX] = {0};
	uint64_t egress[SHM_DROPS_MAX] = {0};

	for (uint32_t i = 0; i <= SHM_WORKERS_MAX; i++) {
		struct shm_worker_stats s;
		// The last block is the main lcore's: shown as a worker with that number.
		if ((i >= v->limits.workers && i < SHM_WORKERS_MAX) ||
		    !shm_snapshot_read(&v->workers[i].stats_seq, &s, &v->workers[i].stats,
				       sizeof(s)))
			continue;
		fill_worker(a, i, &s);
		for (unsigned d = 0; d < SHM_DROPS_MAX; d++) {
			ingress[d] += s.ingress_drops[d];
			egress[d] += s.egress_drops[d];
		}
	}
	fill_drops(a, ingress, egress);
	a->books.difference = (int64_t)(a->books.packets_received - a->books.packets_forwarded -
					a->books.packets_consumed - a->books.packets_dropped);
}
