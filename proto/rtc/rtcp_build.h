// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtcp_build.h - RTCP: append packets to a compound one in the caller's memory.
//
// Place   reports and keyframe requests of our own, before SRTCP sealing. The caller starts with SR
//         or RR, then SDES (RFC 3550 6.1), unless reduced size was negotiated.
// Owns    nothing. A packet that does not fit whole is left out whole and sets w->overflow.
// Spec    RFC 3550 6, RFC 4585 6.2.1 (NACK), 6.3.1 (PLI), RFC 5104 4.3.1 (FIR).
#pragma once

#include "proto/rtc/bytes.h"
#include "proto/rtc/rtcp.h"

// At most RTCP_COUNT_MAX blocks fit one packet; more is a caller's bug (assert).
void rtcp_put_sr(struct bytes_writer *w, const struct rtcp_sr *sr,
		 const struct rtcp_report_block *blocks, size_t count);
void rtcp_put_rr(struct bytes_writer *w, uint32_t ssrc, const struct rtcp_report_block *blocks,
		 size_t count);
// One chunk with one CNAME of 1..255 bytes, not NUL-terminated.
void rtcp_put_sdes_cname(struct bytes_writer *w, uint32_t ssrc, const char *cname, size_t size);
void rtcp_put_bye(struct bytes_writer *w, const uint32_t *ssrcs, size_t count);
void rtcp_put_pli(struct bytes_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc);
// 'seq' grows by one per new request and stays for a repeat of the same one.
void rtcp_put_fir(struct bytes_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t seq);
// 'seqs' are lost packets, oldest first; as many entries as they need, each for 17 neighbours.
// Returns how many of them fitted the room, whole or not: none if not even one entry did.
size_t rtcp_put_nack(struct bytes_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc,
		     const uint16_t *seqs, size_t count);
