// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/rtx.h - the RTX payload format: an original packet inside one with an SSRC,
// payload type and numbering of its own.
//
// Place   out: egress, when a NACK is answered or a probe is padded. In: the publisher's worker,
// after
//         SRTP was opened.
// Owns    nothing but a sender's next number, which is also its SRTP index: none is given out
// twice. Spec    RFC 4588 4 (payload format), 8.8 (SSRC multiplexing).
#pragma once

#include "proto/rtc/rtp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RTX_OSN_BYTES = 2 }; // original sequence number, in front of the original payload

// What one RTX stream of ours will send next. Plain integers that may lie in shared memory.
struct rtx_sender {
	uint64_t next; // rollover counter << 16 | sequence number
	uint32_t ssrc;
	uint32_t pt; // 0..127
};

// 'first' is random below 2^15 (assert), so that receivers guess the rollover counter right.
void rtx_sender_init(struct rtx_sender *s, uint32_t ssrc, uint8_t pt, uint16_t first);
// Takes the next index. False when none is left under this key.
bool rtx_sender_take(struct rtx_sender *s, uint64_t *index);

// The original a received RTX packet stands for.
struct rtx_original {
	uint32_t ssrc;
	uint8_t pt;
};
// Turns the RTX packet of 'size' bytes at 'buf' into its original, in place: the header moves up
// over the original sequence number, so the original starts at buf + RTX_OSN_BYTES. 'v' is the
// packet parsed. False, nothing changed, if it holds no original: padding that only probed the
// path, or a payload too short.
bool rtx_unwrap(uint8_t *buf, size_t size, const struct rtp_view *v, const struct rtx_original *o);
