// SPDX-License-Identifier: Apache-2.0
//
// dataplane/tables/plain.c - who may speak to a plain transport, and where its peer is.

#include "dataplane/tables/plain.h"

#include "dataplane/core/worker.h"
#include "dataplane/egress/egress.h"
#include "dataplane/link/publish.h"
#include "dataplane/tables/tuple.h"

#include <rte_malloc.h>
#include <string.h>

static uint32_t range_size(const struct dataplane *dp)
{
	return (uint32_t)dp->plain_port_last - dp->plain_port_first + 1;
}

static bool in_range(const struct dataplane *dp, uint16_t port)
{
	return dp->plain_ports != NULL && port >= dp->plain_port_first &&
	       port <= dp->plain_port_last;
}

bool plain_ports_new(struct dataplane *dp)
{
	dp->plain_ports = rte_zmalloc("plain_ports", range_size(dp) * sizeof(dp->plain_ports[0]),
				      RTE_CACHE_LINE_SIZE);
	return dp->plain_ports != NULL;
}

void plain_ports_free(struct dataplane *dp)
{
	rte_free(dp->plain_ports);
	dp->plain_ports = NULL;
}

void plain_ports_set(struct dataplane *dp, uint16_t port, struct shm_ref ref)
{
	if (in_range(dp, port))
		atomic_store_explicit(&dp->plain_ports[port - dp->plain_port_first],
				      (uint64_t)ref.generation << 32 | ref.index,
				      memory_order_release);
}

struct shm_ref plain_ports_find(const struct dataplane *dp, uint16_t port)
{
	if (!in_range(dp, port))
		return (struct shm_ref){0};
	uint64_t v = atomic_load_explicit(&dp->plain_ports[port - dp->plain_port_first],
					  memory_order_acquire);
	return (struct shm_ref){.index = (uint32_t)v, .generation = (uint32_t)(v >> 32)};
}

static const struct shm_transport_config *config_of(struct transport *t)
{
	const struct transport_config *c = atomic_load_explicit(&t->config, memory_order_acquire);

	return c != NULL ? &c->shm : NULL;
}

bool plain_admits(struct transport *t, const struct packet *p)
{
	const struct shm_transport_config *c = config_of(t);

	if (!t->latching)
		return transport_tuple_known(t, p);
	return c != NULL && rtc_addr_equal(&p->local, &c->selected_local);
}

static void tell(struct worker *w, struct transport *t, uint32_t kind, uint64_t value)
{
	struct xmsg event = {
		.kind = kind,
		.ref = {(uint32_t)(t - w->dp->transports), t->generation},
		.value = value,
		.time_us = w->now_us,
	};

	xmsg_to_main(w, &event); // a lost event is found in the state record
}

static void latch(struct worker *w, struct transport *t, const struct packet *p)
{
	struct shm_ref ref = {(uint32_t)(t - w->dp->transports), t->generation};

	t->latching = false;
	transport_tuple_checked(w, t, p);
	tuple_table_add_vacant(w->tuples, &p->remote, &p->local, ref, w->dp);
	transport_select(w, t, &p->remote, &p->local);
	tell(w, t, XMSG_EVENT_PATH, t->path_generation);
}

// Without authentication the link address is learned once: later it might be anybody's.
static void learn_link(struct worker *w, struct transport *t, const struct packet *p)
{
	const struct checked_tuple *known = &t->checked[0];

	if (rte_is_same_ether_addr(&known->remote_mac, &p->remote_mac) &&
	    known->vlan_tci == p->vlan_tci)
		return;
	if (t->rtp_only && !rte_is_zero_ether_addr(&known->remote_mac))
		return;
	transport_tuple_checked(w, t, p);
	egress_header_template(w->dp, &t->path, &t->checked[0]);
}

void plain_received(struct worker *w, struct transport *t, const struct packet *p)
{
	t->received_us = w->now_us;
	if (t->inactive) {
		t->inactive = false;
		tell(w, t, XMSG_EVENT_INACTIVE, 0);
	}
	if (t->latching)
		latch(w, t, p);
	else
		learn_link(w, t, p);
}

static void set_peer(struct worker *w, struct transport *t, const struct shm_transport_config *c)
{
	t->checked[0] = (struct checked_tuple){
		.remote = c->selected_remote,
		.local = c->selected_local,
		.local_mac = w->dp->wire_mac,
		.used_us = w->now_us,
	};
	memcpy(&t->checked[0].remote_mac, c->remote_mac, sizeof(c->remote_mac));
	t->checked_count = 1;
	t->path.size = 0; // made anew, even towards the same tuple
	transport_select(w, t, &c->selected_remote, &c->selected_local);
}

static void start(struct worker *w, struct transport *t, const struct epoch_transport *e)
{
	const struct shm_transport_config *c = &e->after->shm;

	w->transports_owned[w->transports_owned_count++] = e->index;
	t->plain = true;
	t->rtp_only = c->suite == SHM_SUITE_NONE;
	t->latching = (c->flags & SHM_TRANSPORT_LATCH) != 0;
	t->srtcp = e->srtcp;
	t->tag_bytes = (uint16_t)srtp_suite_tag_bytes((enum shm_suite)c->suite);
	t->srtcp_index = 1;
	transport_feedback_start(t, c->rtcp_ssrc);
	t->phase = SHM_PHASE_ESTABLISHED;
	t->received_us = w->now_us;
	t->rtcp_due_us = w->now_us + RTCP_INTERVAL_US;
	if (!t->latching)
		set_peer(w, t, c);
	publish_transport(w, t);
}

void plain_apply(struct worker *w, const struct epoch_transport *e)
{
	struct transport *t = &w->dp->transports[e->index];
	const struct transport_config *c = e->after != NULL ? e->after : e->before;
	struct shm_ref ref = {c->index, c->generation};
	bool fixed = (c->shm.flags & SHM_TRANSPORT_LATCH) == 0;
	bool mine = atomic_load_explicit(&t->owner, memory_order_acquire) == w->id;
	bool stays = e->before != NULL && e->after != NULL;
	bool moves = stays && !rtc_addr_equal(&e->before->shm.selected_remote,
					      &e->after->shm.selected_remote);

	if (fixed && (e->after == NULL || moves))
		tuple_table_remove(w->tuples, &e->before->shm.selected_remote,
				   &e->before->shm.selected_local, ref);
	if (fixed && (e->before == NULL || moves))
		tuple_table_add_vacant(w->tuples, &c->shm.selected_remote, &c->shm.selected_local,
				       ref, w->dp);
	if (mine && e->before == NULL)
		start(w, t, e);
	else if (mine && fixed && stays &&
		 (moves || memcmp(e->before->shm.remote_mac, c->shm.remote_mac, 6) != 0))
		set_peer(w, t, &c->shm);
}

void plain_due(struct worker *w, struct transport *t)
{
	const struct shm_transport_config *c = config_of(t);

	if (c == NULL || c->inactivity_ms == 0 || t->inactive ||
	    w->now_us - t->received_us < (uint64_t)c->inactivity_ms * 1000)
		return;
	t->inactive = true;
	tell(w, t, XMSG_EVENT_INACTIVE, 1);
}
