// SPDX-License-Identifier: Apache-2.0
//
// dataplane/ingress/streams.h - which SSRC of a transport is which encoding, and its SRTP stream.
//
// Thread   the transport's owner. A stream for a new SSRC is made by main (it allocates): until it
// is
//          there the SSRC's packets are dropped by name, a packet or two in practice.
// Trust    an SSRC is bound to an encoding by its first authenticated packet; unbound ones are few
//          and the oldest gives way, so that forged SSRCs take nothing from those already bound.
#pragma once

#include "dataplane/core/worker.h"
#include "dataplane/tables/track.h"
#include "dataplane/tables/transport.h"
#include "proto/rtc/rtp.h"

// The stream of the packet's SSRC. An unknown SSRC with a MID (and RID) of a track gets a pending
// one. NULL: no track, or no room.
struct receive_stream *streams_find(struct worker *w, struct transport *t,
				    const struct rtp_view *v);

// A packet of the stream was authenticated: binds it if it is new. NULL if its track is gone.
const struct track_config *streams_bound(struct worker *w, struct transport *t,
					 struct receive_stream *s);

// XMSG_STREAM: main has made (or refused, NULL) the stream of an SSRC.
void streams_made(struct worker *w, struct shm_ref transport, uint32_t ssrc,
		  struct srtp_stream *made);

// An epoch brings the stream of an SSRC the control plane knows. Takes what 'made' points to.
void streams_add(struct worker *w, struct transport *t, const struct receive_stream *made);

// Frees all of a track's streams (any generation of it), or all of the transport's (NULL).
void streams_remove(struct worker *w, struct transport *t, const struct track_config *c);
