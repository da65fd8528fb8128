// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/consumer.h - one packet and one of its consumers. Inside forward/ only.
#pragma once

#include "dataplane/egress/egress.h"
#include "dataplane/egress/rtp.h"
#include "dataplane/forward/forward.h"
#include "dataplane/forward/layers.h"
#include "proto/rtc/bandwidth/sent_log.h"
#include "proto/rtc/continuity.h"
#include "proto/rtc/rtp_ext.h"

// What goes in front of the payload, as all consumers of one class get it.
struct class_head {
	bool built; // and the same for all
	struct egress_rtp_head rtp;
	uint8_t block[RTP_EXT_BLOCK_BYTES_MAX];
};

// One packet, read once for all consumers of this worker.
struct forwarding {
	const struct packet *packet;
	const uint8_t *payload;
	const struct track_config *track;
	unsigned codec; // of the track's
	enum packet_kind kind; // to the estimator
	bool red; // that is RED, and 'primary' the codec of its primary block
	unsigned primary; // of the track's; SHM_CODECS_MAX: none
	bool kept; // by the worker's history, or about to be
	bool shared; // by consumers some of which get other picture ids: one copy is worth it
	struct rte_mbuf *edited; // that copy; NULL: not needed yet
	struct rtp_continuity_in in;
	struct rtp_ext_set ext;
	uint32_t abs_send_time;
	struct class_head heads[FANOUT_EXT_CLASSES + 1]; // the last: of who is in no class
};

// The consumer has not negotiated RED: it gets the primary block alone.
static inline bool consumer_strips(const struct fanout_entry *c, const struct forwarding *f)
{
	return f->red && c->pt[f->codec] == 0xff && f->primary != SHM_CODECS_MAX &&
	       c->pt[f->primary] != 0xff;
}

// What a packet is to nearly every consumer: the next one of the encoding it gets, all of it or
// layers that nothing begins or ends with. consumer_take_next() then does what consumer_place()
// would, without a further look. Of packets that may be the next; 'steady': and of such layers.
static __rte_always_inline bool consumer_is_next(const struct subscription *s,
						 const struct packet *p,
						 const struct rtp_continuity_in *in, bool steady)
{
	return s->started && rtp_continuity_is_next(&s->continuity, in, s->srtp_index_reserved) &&
	       (s->whole || (steady && p->encoding == s->encoding && layers_is_steady(s, p)));
}

static __rte_always_inline void consumer_take_next(struct subscription *s, const struct packet *p,
						   const struct rtp_continuity_in *in,
						   struct placement *out)
{
	out->out = rtp_continuity_take_next(&s->continuity, in);
	if (!s->whole) {
		layers_take_steady(s, p, out);
		return;
	}
	out->marker = p->marker;
	out->patched = false;
}

// Decides whether and as what the consumer gets the packet (switch.c). False after counting the
// drop.
bool consumer_place(struct worker *w, const struct fanout_entry *c, const struct forwarding *f,
		    struct placement *out);

// Reads a packet once for all consumers of this worker. False if its track, its payload type or its
// consumers are gone.
bool forwarding_read(struct worker *w, struct rte_mbuf *m, struct forwarding *f);

// Sends the packet once more, as a repair of what went out under 'seq'. False after counting the
// drop.
bool consumer_resend(struct worker *w, const struct fanout_entry *c, struct forwarding *f,
		     uint16_t seq);

// Sends the packet as it was placed, if the path is still open.
void consumer_emit(struct worker *w, const struct fanout_entry *c, struct forwarding *f,
		   const struct placement *at);

// Places a packet of the history's for one consumer, and sends it or lets it wait (rewrite.c).
void consumer_send_kept(struct worker *w, const struct fanout_entry *c, struct rte_mbuf *m);

// Places the packet for one consumer, and sends it or lets it wait (rewrite.c).
void consumer_send(struct worker *w, const struct fanout_entry *c, struct forwarding *f);

// The same for each consumer of the list (burst.c).
void consumers_send(struct worker *w, const struct fanout_list *list, struct forwarding *f);
