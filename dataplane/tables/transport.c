// SPDX-License-Identifier: Apache-2.0
//
// dataplane/tables/transport.c - tuples, ownership and the selected path of transports.

#include "dataplane/tables/transport.h"

#include "dataplane/core/packet.h"
#include "dataplane/core/worker.h"
#include "dataplane/egress/egress.h"
#include "dataplane/link/publish.h"
#include "dataplane/tables/tuple.h"

#include <string.h>

const struct transport_config *transport_config_of(const struct dataplane *dp, struct shm_ref ref)
{
	if (ref.generation == 0 || ref.index >= dp->limits.transports)
		return NULL;
	const struct transport_config *c =
		atomic_load_explicit(&dp->transports[ref.index].config, memory_order_acquire);
	return c != NULL && c->generation == ref.generation ? c : NULL;
}

struct transport *transport_owned(struct worker *w, struct shm_ref ref)
{
	if (transport_config_of(w->dp, ref) == NULL)
		return NULL;
	struct transport *t = &w->dp->transports[ref.index];
	return atomic_load_explicit(&t->owner, memory_order_relaxed) == w->id ? t : NULL;
}

bool transport_claim(struct transport *t, struct worker *w)
{
	uint32_t owner = TRANSPORT_UNOWNED;

	if (!atomic_compare_exchange_strong_explicit(&t->owner, &owner, w->id, memory_order_acq_rel,
						     memory_order_acquire))
		return owner == w->id;
	const struct transport_config *c = atomic_load_explicit(&t->config, memory_order_acquire);
	w->transports_owned[w->transports_owned_count++] = (uint32_t)(t - w->dp->transports);
	t->generation = c != NULL ? c->generation : 0;
	return true;
}

static struct checked_tuple *tuple_find(struct transport *t, const struct rtc_addr *remote,
					const struct rtc_addr *local)
{
	for (uint32_t i = 0; i < t->checked_count; i++)
		if (rtc_addr_equal(&t->checked[i].remote, remote) &&
		    rtc_addr_equal(&t->checked[i].local, local))
			return &t->checked[i];
	return NULL;
}

// The place of the tuple that goes: the oldest, but never the one we send to.
static struct checked_tuple *tuple_evict(struct worker *w, struct transport *t)
{
	uint32_t i = t->checked_count - 1;

	if (rtc_addr_equal(&t->checked[i].remote, &t->selected_remote) &&
	    rtc_addr_equal(&t->checked[i].local, &t->selected_local))
		i--;
	tuple_table_remove(w->tuples, &t->checked[i].remote, &t->checked[i].local,
			   (struct shm_ref){(uint32_t)(t - w->dp->transports), t->generation});
	return &t->checked[i];
}

void transport_tuple_checked(struct worker *w, struct transport *t, const struct packet *p)
{
	struct checked_tuple *at = tuple_find(t, &p->remote, &p->local);

	if (at == NULL && t->checked_count < SHM_CHECKED_TUPLES_MAX)
		at = &t->checked[t->checked_count++];
	else if (at == NULL)
		at = tuple_evict(w, t);
	memmove(&t->checked[1], &t->checked[0], (size_t)(at - t->checked) * sizeof(*at));
	t->checked[0] = (struct checked_tuple){
		.remote = p->remote,
		.local = p->local,
		.remote_mac = p->remote_mac,
		.local_mac = p->local_mac,
		.vlan_tci = p->vlan_tci,
		.used_us = w->now_us,
	};
}

bool transport_tuple_known(struct transport *t, const struct packet *p)
{
	return tuple_find(t, &p->remote, &p->local) != NULL;
}

const struct checked_tuple *transport_selected(struct transport *t)
{
	return tuple_find(t, &t->selected_remote, &t->selected_local);
}

bool transport_select(struct worker *w, struct transport *t, const struct rtc_addr *remote,
		      const struct rtc_addr *local)
{
	const struct checked_tuple *to = tuple_find(t, remote, local);

	if (to == NULL)
		return false;
	if (rtc_addr_equal(&t->selected_remote, remote) &&
	    rtc_addr_equal(&t->selected_local, local) && t->path.size != 0)
		return true;
	t->selected_remote = *remote;
	t->selected_local = *local;
	t->path_generation++;
	egress_header_template(w->dp, &t->path, to);
	consent_path_changed(&t->consent, w->now_us);
	publish_transport(w, t);
	return true;
}

void transport_feedback_start(struct transport *t, uint32_t rtcp_ssrc)
{
	twcc_init(&t->twcc, rtcp_ssrc, TWCC_INTERVAL_US);
	t->telling = (struct feedback_rate){0};
	t->xr = (struct rtcp_xr_responder){0};
	t->rrtr_last = 0;
	t->round_trip_us = 0;
	t->uplink = (struct uplink){0};
	t->goodbyes.count = 0;
	loss_control_init(&t->uplink.limit, REMB_START_BPS, REMB_MIN_BPS, REMB_MAX_BPS);
	t->listening = (struct rtcp_budget){0};
	resend_budget_init(&t->resend);
	resend_budget_set_rate(&t->resend, RESEND_UNESTIMATED_BPS);
}
