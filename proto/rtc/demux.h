// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/demux.h - which protocol a datagram on the one UDP port speaks, by its first bytes.
//
// Place   first look at a received datagram. Says nothing about validity.
// Spec    RFC 7983 section 7 (first byte), RFC 5761 section 4 (RTCP by second byte).
#pragma once

#include <stddef.h>
#include <stdint.h>

enum demux_class {
	DEMUX_STUN, // 0..3
	DEMUX_ZRTP, // 16..19
	DEMUX_DTLS, // 20..63
	DEMUX_TURN_CHANNEL, // 64..79
	DEMUX_RTP, // 128..191, second byte outside 192..223
	DEMUX_RTCP, // 128..191, second byte 192..223
	DEMUX_OTHER, // the rest, and an empty datagram
	DEMUX_CLASS_COUNT,
};

static inline enum demux_class demux_classify(const uint8_t *buf, size_t size)
{
	if (size == 0)
		return DEMUX_OTHER;
	uint8_t first = buf[0];
	if (first >= 128 && first <= 191) {
		if (size >= 2 && buf[1] >= 192 && buf[1] <= 223)
			return DEMUX_RTCP;
		return DEMUX_RTP;
	}
	if (first <= 3)
		return DEMUX_STUN;
	if (first >= 20 && first <= 63)
		return DEMUX_DTLS;
	if (first >= 16 && first <= 19)
		return DEMUX_ZRTP;
	if (first >= 64 && first <= 79)
		return DEMUX_TURN_CHANNEL;
	return DEMUX_OTHER;
}
