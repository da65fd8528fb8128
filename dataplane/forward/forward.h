// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/forward.h - from one opened packet to its consumers, and feedback the other
// way.
//
// Thread   forward_rtp, forward_rtcp: the publisher's or the peer's owner. forward_local: the
//          consumers' worker. One received packet is opened once; every other worker with consumers
//          gets one reference to it over its ring.
#pragma once

#include "dataplane/core/packet.h"
#include "dataplane/core/worker.h"
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "dataplane/tables/transport.h"

#include <stddef.h>

// Takes opened RTP packets: own consumers at once, other workers by XMSG_FANOUT. A packet nobody
// wants (no consumers, track muted) is dropped as MUTED; the others count as forwarded.
void forward_rtp(struct worker *w, struct rte_mbuf **pkts, unsigned count);

// Takes one reference: rewrites and queues the packet for each of this worker's consumers
// (continuity, payload type, extension block of the consumer's own) by egress_rtp().
void forward_local(struct worker *w, struct rte_mbuf *m);

// An authenticated RTCP compound from the peer of 't': SR -> the encoding's clock pair, passed on
// to the workers of its consumers; RR -> statistics; PLI and FIR for a consumer's SSRC -> the
// publisher's worker; BYE of a publisher's stream ends what it is asked for; unknown packets are
// ignored. False: more than one transport is listened to, so not all of it was read.
bool forward_rtcp(struct worker *w, struct transport *t, const uint8_t *compound, size_t size);

// A consumer started or asked for a keyframe: to the gate of the publisher's encoding, here or on
// the publisher's worker.
void forward_keyframe_request(struct worker *w, struct shm_ref track, uint8_t encoding);

// Publisher's worker: a packet of video came in. Earns the source's keyframe budget, and measures
// what a keyframe costs.
void forward_keyframe_packet(struct track *t, struct encoding *e, const struct packet *p);

// Publisher's worker: true if the source can afford a keyframe of this encoding now. One that is
// paid for may be asked for again until it comes; the gate bounds how often.
bool forward_keyframe_afford(struct track *t, struct encoding *e, uint64_t now_us);

// Publisher's worker, from housekeeping before egress_rtcp_due(): when reports are due, the newest
// clock pairs once more to the consumers, for those that came after them.
void forward_due(struct worker *w, struct transport *t);

// A track is heard again after a mute, or after it was held back: this worker's consumers begin
// anew, with no gap.
void forward_track_resumed(struct worker *w, struct shm_ref track);

// XMSG_KEYFRAME and XMSG_SENDER_REPORT from other workers.
void forward_message(struct worker *w, const struct xmsg *msg);
