// SPDX-License-Identifier: Apache-2.0
//
// dataplane/ingress/consent.c - consent of owned transports: ask as a full agent, stop after 30 s.
//
// Thread   the transport's owner, from housekeeping.
// Spec     RFC 7675 5.1. Goes on with no control plane: everything it needs is in the record.

#include "dataplane/core/hmac.h"
#include "dataplane/core/random.h"
#include "dataplane/egress/egress.h"
#include "dataplane/ingress/ingress.h"
#include "dataplane/link/publish.h"
#include "dataplane/tables/transport.h"

enum { CONSENT_PRIORITY = 0x6e0000ff }; // peer-reflexive, RFC 8445 5.1.2.1

static void ask(struct worker *w, struct transport *t, const struct transport_config *c,
		const uint8_t *transaction)
{
	const struct shm_credentials *cr = transport_credentials(c);
	const struct checked_tuple *to = transport_selected(t);
	struct stun_request r = {
		.transaction = transaction,
		.remote_ufrag = cr->remote_ufrag,
		.remote_ufrag_size = cr->remote_ufrag_size,
		.local_ufrag = cr->local_ufrag,
		.local_ufrag_size = cr->local_ufrag_size,
		.priority = CONSENT_PRIORITY,
		.tie_breaker = c->shm.ice_tie_breaker,
		.controlling = (c->shm.flags & SHM_TRANSPORT_ICE_CONTROLLING) != 0,
	};
	struct stun_hmac hmac = hmac_keyed(w->hmac, cr->remote_pwd, cr->remote_pwd_size);
	uint8_t bytes[STUN_MESSAGE_BYTES_MAX];
	size_t size = to != NULL ? stun_build_request(bytes, sizeof(bytes), &r, &hmac) : 0;

	if (size != 0 && egress_datagram(w, to, bytes, size))
		t->stats.consent_requests_sent++;
}

static void stop(struct worker *w, struct transport *t, const struct transport_config *c)
{
	struct xmsg event = {
		.kind = XMSG_EVENT_EXPIRED,
		.ref = {c->index, c->generation},
		.time_us = w->now_us,
	};

	t->phase = SHM_PHASE_EXPIRED;
	t->path.size = 0;
	publish_transport(w, t);
	xmsg_to_main(w, &event); // a lost event is found in the state record
}

void ingress_consent_due(struct worker *w, struct transport *t)
{
	const struct transport_config *c = atomic_load_explicit(&t->config, memory_order_acquire);
	struct rtc_random random = random_source();
	uint8_t transaction[STUN_TRANSACTION_BYTES];

	if (c == NULL || t->phase != SHM_PHASE_ESTABLISHED)
		return;
	for (;;) {
		switch (consent_poll(&t->consent, w->now_us, &random, transaction)) {
		case CONSENT_NOTHING:
			return;
		case CONSENT_SEND_REQUEST:
			ask(w, t, c, transaction);
			break;
		case CONSENT_STOP:
			stop(w, t, c);
			return;
		}
	}
}
