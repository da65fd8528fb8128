// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtcp_xr.h - extended reports: the receiver's own reference time, and the answer to it.
//
// Place   with the other RTCP of a transport: lets a peer that sends no media measure its round
// trip. Thread  one owner a responder. Owns    nothing; readers point into the caller's bytes. Spec
// RFC 3611 3, 4.4 (RRTR), 4.5 (DLRR).
#pragma once

#include "proto/rtc/bytes.h"
#include "proto/rtc/rtcp.h"

struct rtcp_dlrr {
	uint32_t ssrc; // of the receiver whose reference time this answers
	uint32_t last_rr; // middle 32 bits of it
	uint32_t delay_since_last_rr; // in 1/65536 s
};

// The reference time in an XR packet, 32.32 seconds since 1900. False if 'p' holds none.
bool rtcp_read_rrtr(const struct rtcp_packet *p, uint32_t *ssrc, uint64_t *ntp);
// The 'i'-th sub-block of the XR packet's DLRR blocks. False if there is none.
bool rtcp_read_dlrr(const struct rtcp_packet *p, unsigned i, struct rtcp_dlrr *d);

void rtcp_put_rrtr(struct bytes_writer *w, uint32_t ssrc, uint64_t ntp);
// 'count' is 1..RTCP_COUNT_MAX (assert).
void rtcp_put_dlrr(struct bytes_writer *w, uint32_t ssrc, const struct rtcp_dlrr *d, size_t count);

// Time since any start as an NTP timestamp, for who has no wallclock (RFC 3611 4.4, RFC 3550 4).
uint64_t rtcp_ntp_elapsed(uint64_t us);

// Remembers the last reference time of one peer, until its answer leaves.
struct rtcp_xr_responder {
	uint64_t arrival_us;
	uint32_t ssrc;
	uint32_t last_rr;
	bool pending;
};
void rtcp_xr_responder_receive(struct rtcp_xr_responder *r, uint32_t ssrc, uint64_t ntp,
			       uint64_t now_us);
// Fills the answer and counts it as sent. False if nothing waits for one.
bool rtcp_xr_responder_answer(struct rtcp_xr_responder *r, uint64_t now_us, struct rtcp_dlrr *d);
