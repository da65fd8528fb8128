// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtcp.h - RTCP: walk a compound packet, read the packets we act on.
//
// Place   after SRTCP was opened; feedback and reports of one transport.
// Owns    nothing; everything points into the caller's bytes.
// Spec    RFC 3550 6 and A.2, RFC 4585 (NACK, PLI), RFC 5104 (FIR), RFC 5506 (reduced size);
//         transport-wide feedback is in twcc.h.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rtcp_type {
	RTCP_SR = 200,
	RTCP_RR = 201,
	RTCP_SDES = 202,
	RTCP_BYE = 203,
	RTCP_APP = 204,
	RTCP_RTPFB = 205,
	RTCP_PSFB = 206,
	RTCP_XR = 207,
};
enum { RTCP_RTPFB_NACK = 1, RTCP_RTPFB_TWCC = 15 }; // 'count' of RTCP_RTPFB
enum { RTCP_PSFB_PLI = 1, RTCP_PSFB_FIR = 4, RTCP_PSFB_AFB = 15 }; // 'count' of RTCP_PSFB
enum { RTCP_HEADER_BYTES = 4, RTCP_REPORT_BLOCK_BYTES = 24, RTCP_COUNT_MAX = 31 };

struct rtcp_packet {
	const uint8_t *body; // behind the 4-byte header
	uint16_t body_size; // without padding
	uint8_t type; // enum rtcp_type, or something we skip
	uint8_t count; // reception reports, sources, or feedback format
};

// True if 'buf' is a chain of well-formed RTCP packets that ends exactly at 'size': version 2,
// every length inside the datagram, padding inside its packet, and every packet of a type above
// long enough for what its count announces. Reduced-size chains are fine; an empty datagram is not.
// Check once; the readers below check again what they read, so their order is free.
bool rtcp_check(const uint8_t *buf, size_t size);

struct rtcp_walk {
	const uint8_t *at;
	size_t left;
	bool malformed;
};

void rtcp_walk_init(struct rtcp_walk *w, const uint8_t *buf, size_t size);
// Steps to the next packet. False at the end, or with 'malformed' set where a length does not fit.
bool rtcp_walk_next(struct rtcp_walk *w, struct rtcp_packet *p);

struct rtcp_sr {
	uint64_t ntp; // 32.32 seconds since 1900
	uint32_t ssrc;
	uint32_t ts;
	uint32_t packets;
	uint32_t bytes;
};
struct rtcp_report_block {
	uint32_t ssrc;
	uint8_t fraction_lost; // in 1/256
	int32_t cumulative_lost; // 24 bits, signed
	uint32_t extended_highest;
	uint32_t jitter; // in timestamp units
	uint32_t last_sr; // middle 32 bits of the last SR's NTP time, 0 if none came
	uint32_t delay_since_last_sr; // in 1/65536 s
};

// Readers return false if 'p' is not of that kind, too short, or has no 'i'-th element.
bool rtcp_read_sr(const struct rtcp_packet *p, struct rtcp_sr *sr);
bool rtcp_read_rr(const struct rtcp_packet *p, uint32_t *ssrc);
bool rtcp_read_report_block(const struct rtcp_packet *p, unsigned i, struct rtcp_report_block *b);
bool rtcp_read_bye(const struct rtcp_packet *p, unsigned i, uint32_t *ssrc);

// Any RTCP_RTPFB or RTCP_PSFB packet.
struct rtcp_feedback {
	const uint8_t *fci;
	uint16_t fci_size;
	uint32_t sender_ssrc;
	uint32_t media_ssrc; // 0 in FIR
};
bool rtcp_read_feedback(const struct rtcp_packet *p, struct rtcp_feedback *f);
bool rtcp_read_pli(const struct rtcp_packet *p, uint32_t *media_ssrc);

struct rtcp_fir {
	uint32_t ssrc;
	uint8_t seq; // a repeat of the last one seen from this sender is the same request
};
bool rtcp_read_fir(const struct rtcp_packet *p, unsigned i, struct rtcp_fir *fir);

struct rtcp_nack {
	uint16_t seq; // lost
	uint16_t following; // bit b set: seq + b + 1 is lost too
};
bool rtcp_read_nack(const struct rtcp_packet *p, unsigned i, struct rtcp_nack *nack);

// 32.32 NTP time of a Unix time.
static inline uint64_t rtcp_ntp_from_unix_us(uint64_t unix_us)
{
	uint64_t seconds = unix_us / 1000000 + UINT64_C(2208988800);
	return (seconds << 32) | (((unix_us % 1000000) << 32) / 1000000);
}
