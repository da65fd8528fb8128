// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtcp_remb.h - the receiver's estimate of its own bandwidth, for peers without
// transport-wide feedback.
//
// Place   with the other RTCP of a transport.
// Owns    nothing.
// Spec    draft-alvestrand-rmcat-remb-03 2.2.
#pragma once

#include "proto/rtc/bytes.h"
#include "proto/rtc/rtcp.h"

// False unless 'p' is a REMB whose list of SSRCs is inside it. '*bps' is what it says, up to
// UINT64_MAX where mantissa and exponent say more; it is no promise to believe.
bool rtcp_read_remb(const struct rtcp_packet *p, uint64_t *bps);
// The 'i'-th SSRC it speaks of.
bool rtcp_read_remb_ssrc(const struct rtcp_packet *p, unsigned i, uint32_t *ssrc);
// 'bps' is rounded down to 18 significant bits. 'count' is 0..255 (assert).
void rtcp_put_remb(struct bytes_writer *w, uint32_t sender_ssrc, uint64_t bps,
		   const uint32_t *ssrcs, size_t count);
