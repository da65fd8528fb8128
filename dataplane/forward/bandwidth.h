// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/bandwidth.h - what a transport's path carries: asked, fed and probed.
//
// Thread   the worker that owns the transport; bandwidth_new: main.
#pragma once

#include "dataplane/core/worker.h"
#include "dataplane/tables/transport.h"
#include "proto/rtc/rtcp.h"

struct bandwidth *bandwidth_new(void); // for rte_free(); NULL without memory
void bandwidth_start(struct bandwidth *b, uint64_t now_us);

// RTCP of the peer: transport-wide feedback or REMB; anything else is ignored. And a report block.
void bandwidth_feedback(struct worker *w, struct transport *t, const struct rtcp_packet *p);
void bandwidth_report(struct worker *w, struct transport *t, uint8_t fraction_lost,
		      uint64_t round_trip_us);

// The estimate in bit/s; ALLOCATE_UNBOUNDED_BPS as long as nobody reports on what is sent.
uint64_t bandwidth_bps(const struct transport *t);

// What waits in the pacer.
uint64_t bandwidth_waiting_bits(const struct transport *t);
// What its consumers could use, were there no bound.
void bandwidth_want(struct transport *t, uint64_t bps);

// Housekeeping: lets time pass, and sends what a probe under way is short of.
void bandwidth_due(struct worker *w, struct transport *t);
