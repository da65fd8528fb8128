// SPDX-License-Identifier: Apache-2.0
//
// dataplane/ingress/stun.c - STUN on the one UDP port: integrity here, then answer, punt or drop.
//
// Path     ingress/parse.c -> [stun] -> egress (answers), ingress/punt.c (for libnice)
// Thread   the worker whose queue it came from verifies; the transport's owner acts.
// Trust    nothing happens before MESSAGE-INTEGRITY is right: no state, no answer, no punt.
// Spec     RFC 8445 7.3, RFC 8489 9.1, RFC 7675.

#include "dataplane/core/hmac.h"
#include "dataplane/egress/egress.h"
#include "dataplane/ingress/ingress.h"
#include "dataplane/link/publish.h"
#include "dataplane/tables/transport.h"
#include "dataplane/tables/tuple.h"
#include "dataplane/tables/ufrag.h"

// Which of the transport's credentials has this local ufrag; NULL if none.
static const struct shm_credentials *credentials_of(const struct transport_config *c,
						    const struct stun_ufrags *u)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct shm_credentials *cr = &c->shm.credentials[i];
		if (cr->local_ufrag_size != 0 && cr->local_ufrag_size == u->local_size &&
		    memcmp(cr->local_ufrag, u->local, u->local_size) == 0)
			return cr;
	}
	return NULL;
}

static void event_to_main(struct worker *w, const struct transport *t, uint32_t kind)
{
	struct xmsg event = {
		.kind = kind,
		.ref = {(uint32_t)(t - w->dp->transports), t->generation},
		.value = t->path_generation,
		.time_us = w->now_us,
	};

	xmsg_to_main(w, &event); // a lost event is found in the state record
}

static void tuple_verified(struct worker *w, struct transport *t, const struct packet *p)
{
	transport_tuple_checked(w, t, p);
	if (t->phase == SHM_PHASE_NEW) {
		t->phase = SHM_PHASE_CHECKED;
		publish_transport(w, t);
		event_to_main(w, t, XMSG_EVENT_CHECKED);
	}
}

static void answer(struct worker *w, struct transport *t, const struct packet *p,
		   const struct stun_view *v, const struct shm_credentials *cr, uint16_t error)
{
	struct stun_hmac hmac = hmac_keyed(w->hmac, cr->local_pwd, cr->local_pwd_size);
	uint8_t bytes[STUN_MESSAGE_BYTES_MAX];
	size_t size = error == 0 ? stun_build_success(bytes, sizeof(bytes), v->transaction,
						      &p->remote, &hmac)
				 : stun_build_error(bytes, sizeof(bytes), v->transaction, error,
						    NULL, 0, &hmac);

	if (size != 0 && egress_datagram(w, &t->checked[0], bytes, size))
		t->stats.consent_responses_sent++;
}

// A check on an established transport: answered here, with no control plane involved. True if it
// moved the path.
static bool check_established(struct worker *w, struct transport *t,
			      const struct transport_config *c, const struct packet *p,
			      const struct stun_view *v, const struct shm_credentials *cr)
{
	bool controlling = (c->shm.flags & SHM_TRANSPORT_ICE_CONTROLLING) != 0;

	if (v->controlled && !controlling) { // RFC 8445 7.3.1.1: both want to be controlled
		answer(w, t, p, v, cr, STUN_ROLE_CONFLICT);
		return false;
	}
	answer(w, t, p, v, cr, 0);
	uint32_t before = t->path_generation;
	bool moved = v->use_candidate && !controlling &&
		     transport_select(w, t, &p->remote, &p->local) && t->path_generation != before;
	if (moved)
		event_to_main(w, t, XMSG_EVENT_PATH);
	if (rtc_addr_equal(&p->remote, &t->selected_remote) &&
	    rtc_addr_equal(&p->local, &t->selected_local))
		consent_check_received(&t->consent, w->now_us);
	return moved;
}

// Owner: a request with correct integrity. Takes 'm'.
static void request_verified(struct worker *w, struct transport *t,
			     const struct transport_config *c, struct rte_mbuf *m,
			     const struct stun_view *v, const struct shm_credentials *cr)
{
	const struct packet *p = packet_of(m);

	if (t->phase == SHM_PHASE_EXPIRED) {
		drop_ingress(w, m, SHM_INGRESS_DROP_TRANSPORT_EXPIRED);
		return;
	}
	tuple_verified(w, t, p);
	if (t->phase != SHM_PHASE_ESTABLISHED || v->unknown_count != 0 || v->dtls ||
	    cr != transport_credentials(c)) {
		ingress_punt_one(w, m);
		return;
	}
	// libnice has to know a new tuple too, or it would not take a goodbye that comes from
	// there.
	if (check_established(w, t, c, p, v, cr))
		ingress_punt_one(w, m);
	else
		consumed(w, m);
}

// A plain transport's peer sends from there: nobody's check takes that away.
static bool tuple_is_plain(const struct worker *w, const struct packet *p)
{
	const struct transport_config *c =
		transport_config_of(w->dp, tuple_table_find(w->tuples, &p->remote, &p->local));

	return c != NULL && c->plain;
}

static void request(struct worker *w, struct rte_mbuf *m, const struct stun_view *v)
{
	struct packet *p = packet_of(m);
	struct stun_ufrags u;

	if (!stun_username_split(v, &u) ||
	    !ufrag_table_lookup(w->dp->ufrags, u.local, u.local_size, &p->transport)) {
		drop_ingress(w, m, SHM_INGRESS_DROP_STUN_UNKNOWN_UFRAG);
		return;
	}
	const struct transport_config *c = transport_config_of(w->dp, p->transport);
	const struct shm_credentials *cr = c != NULL ? credentials_of(c, &u) : NULL;
	if (cr == NULL) {
		drop_ingress(w, m, SHM_INGRESS_DROP_STUN_UNKNOWN_UFRAG);
		return;
	}
	struct stun_hmac hmac = hmac_keyed(w->hmac, cr->local_pwd, cr->local_pwd_size);
	if (!stun_integrity_ok(v, &hmac) || (v->fingerprint != NULL && !stun_fingerprint_ok(v))) {
		drop_ingress(w, m, SHM_INGRESS_DROP_STUN_INTEGRITY);
		return;
	}
	// libnice would answer it but take no DTLS from there yet, and the ClientHello that follows
	// the answer would be lost for a second. Unanswered, the check comes again at once.
	if (cr->remote_ufrag_size == 0) {
		drop_ingress(w, m, SHM_INGRESS_DROP_STUN_EARLY);
		return;
	}
	if (tuple_is_plain(w, p)) {
		drop_ingress(w, m, SHM_INGRESS_DROP_PLAIN_TUPLE);
		return;
	}
	struct transport *t = &w->dp->transports[p->transport.index];
	bool mine = transport_claim(t, w);
	if (!p->from_worker)
		tuple_table_add(w->tuples, &p->remote, &p->local, p->transport);
	if (mine)
		request_verified(w, t, c, m, v, cr);
	else
		ingress_hand_over(w, m, atomic_load_explicit(&t->owner, memory_order_acquire));
}

// A response to a consent request of our own? Owner only; false leaves the packet alone.
static bool consent_response(struct worker *w, struct transport *t, struct rte_mbuf *m,
			     const struct stun_view *v)
{
	const struct packet *p = packet_of(m);
	const struct transport_config *c = transport_config_of(w->dp, p->transport);

	if (t->phase != SHM_PHASE_ESTABLISHED || !consent_is_pending(&t->consent, v->transaction))
		return false;
	const struct shm_credentials *cr = transport_credentials(c);
	struct stun_hmac hmac = hmac_keyed(w->hmac, cr->remote_pwd, cr->remote_pwd_size);
	if (!stun_integrity_ok(v, &hmac)) {
		drop_ingress(w, m, SHM_INGRESS_DROP_STUN_INTEGRITY);
		return true;
	}
	if (v->msg_class == STUN_SUCCESS && rtc_addr_equal(&p->remote, &t->selected_remote) &&
	    rtc_addr_equal(&p->local, &t->selected_local))
		consent_response_received(&t->consent, v->transaction, w->now_us);
	consumed(w, m);
	return true;
}

// To a request of ours (the owner knows) or of libnice's (main knows its transactions).
static void response(struct worker *w, struct rte_mbuf *m, const struct stun_view *v)
{
	struct packet *p = packet_of(m);

	if (!p->from_worker)
		tuple_table_lookup(w->tuples, &m, 1);
	if (transport_config_of(w->dp, p->transport) != NULL) {
		struct transport *t = &w->dp->transports[p->transport.index];
		uint32_t owner = atomic_load_explicit(&t->owner, memory_order_acquire);
		if (owner == w->id && consent_response(w, t, m, v))
			return;
		if (owner != w->id && owner != TRANSPORT_UNOWNED) {
			ingress_hand_over(w, m, owner);
			return;
		}
	}
	struct xmsg msg = {.kind = XMSG_STUN_RESPONSE, .mbuf = m};
	if (!xmsg_to_main(w, &msg))
		drop_ingress(w, m, SHM_INGRESS_DROP_PUNT_FULL);
}

void ingress_stun(struct worker *w, struct burst *b)
{
	for (unsigned i = 0; i < b->count; i++) {
		struct rte_mbuf *m = b->pkts[i];
		struct stun_view v;

		if (!stun_parse(&v, packet_payload(m), packet_of(m)->payload_size) ||
		    v.method != STUN_METHOD_BINDING)
			drop_ingress(w, m, SHM_INGRESS_DROP_STUN_MALFORMED);
		else if (v.msg_class == STUN_REQUEST)
			request(w, m, &v);
		else if (v.msg_class == STUN_INDICATION)
			drop_ingress(w, m, SHM_INGRESS_DROP_STUN_INDICATION);
		else
			response(w, m, &v);
	}
	b->count = 0;
}

void ingress_add_tuple(struct worker *w, struct rte_mbuf *m, struct shm_ref ref)
{
	struct packet *p = packet_of(m);

	p->transport = ref;
	if (transport_config_of(w->dp, ref) == NULL) {
		drop_ingress(w, m, SHM_INGRESS_DROP_HANDOVER_STALE);
		return;
	}
	if (tuple_is_plain(w, p)) {
		drop_ingress(w, m, SHM_INGRESS_DROP_PLAIN_TUPLE);
		return;
	}
	struct transport *t = &w->dp->transports[ref.index];
	if (!p->from_worker)
		tuple_table_add(w->tuples, &p->remote, &p->local, ref);
	if (transport_claim(t, w)) {
		tuple_verified(w, t, p);
		ingress_punt_one(w, m);
		return;
	}
	struct xmsg msg = {.kind = XMSG_ADD_TUPLE, .ref = ref, .mbuf = m};
	p->from_worker = true;
	if (!xmsg_to_worker(w, atomic_load_explicit(&t->owner, memory_order_acquire), &msg))
		drop_ingress(w, m, SHM_INGRESS_DROP_HANDOVER_FULL);
}
