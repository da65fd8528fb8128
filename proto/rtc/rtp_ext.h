// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtp_ext.h - RTP header extensions: read both forms, build a consumer's own block.
//
// Place   ingress collects a packet's extensions once; egress builds one block per consumer.
// Owns    nothing; sets and items point into the packet they were collected from.
// Spec    RFC 8285 (forms), RFC 8852 and RFC 9143 (rid, mid), RFC 6464, the rest by its URI.
#pragma once

#include "proto/rtc/rtp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rtp_ext_kind {
	RTP_EXT_MID,
	RTP_EXT_RID,
	RTP_EXT_REPAIRED_RID,
	RTP_EXT_ABS_SEND_TIME,
	RTP_EXT_TRANSPORT_WIDE_CC,
	RTP_EXT_AUDIO_LEVEL,
	RTP_EXT_VIDEO_ORIENTATION,
	RTP_EXT_PLAYOUT_DELAY,
	RTP_EXT_ABS_CAPTURE_TIME,
	RTP_EXT_DEPENDENCY_DESCRIPTOR,
	RTP_EXT_COUNT,
};

// The URI in a=extmap, by kind.
extern const char *const rtp_ext_uri[RTP_EXT_COUNT];

enum {
	RTP_EXT_MID_BYTES_MAX = 32,
	// The largest block rtp_ext_build() can write: room of this size never overflows.
	RTP_EXT_BLOCK_BYTES_MAX = 336,
};

// What one m-line negotiated. Lies in shared memory.
struct rtp_ext_map {
	uint8_t id[RTP_EXT_COUNT]; // 0: not negotiated; 1..14; 15..255 make every block two-byte
	uint8_t allow_mixed; // 1: a=extmap-allow-mixed, a value over 16 bytes may switch to
			     // two-byte
	uint8_t reserved_zero;
};

struct rtp_ext_item {
	const uint8_t *data;
	uint8_t id;
	uint8_t size; // 1..16 in the one-byte form, 0..255 in the two-byte form
};

struct rtp_ext_iter {
	const uint8_t *at;
	const uint8_t *end;
	bool two_byte;
	bool malformed; // an element ran over the block's end; what came before it was fine
};

// Starts at the first element. An unknown profile (neither form) has no elements.
void rtp_ext_iter_init(struct rtp_ext_iter *it, const struct rtp_view *v);

// Steps to the next element. Returns false at the end, at a malformed element and, in the one-byte
// form, at id 15 or an id 0 with a length (RFC 8285 4.2 says stop).
bool rtp_ext_next(struct rtp_ext_iter *it, struct rtp_ext_item *item);

// Finds the first element with 'id'. Returns false if there is none.
bool rtp_ext_find(const struct rtp_view *v, uint8_t id, struct rtp_ext_item *item);

// All known extensions of one packet, found in one pass. data[k] is NULL where k is absent.
struct rtp_ext_set {
	const uint8_t *data[RTP_EXT_COUNT];
	uint8_t size[RTP_EXT_COUNT];
};

// Collects by the sender's numbering. The first element of an id counts; a value whose size cannot
// be right for its kind counts as absent.
void rtp_ext_collect(struct rtp_ext_set *set, const struct rtp_view *v,
		     const struct rtp_ext_map *map);

// Values of our own in a consumer's packet. Each is written only if the consumer negotiated it.
struct rtp_ext_own {
	const char *mid; // need not end in NUL
	uint8_t mid_size; // 0: no mid; at most RTP_EXT_MID_BYTES_MAX
	uint16_t twcc_seq;
	uint32_t abs_send_time; // 24 bits, 6.18 fixed point seconds; see rtp_ext_abs_send_time()
};

struct rtp_ext_built {
	uint16_t size; // whole block with its 4-byte header; 0: nothing to say, leave the X bit
		       // clear
	uint16_t
		abs_send_time_offset; // of the 3 value bytes from the block's start; 0: not written
	uint16_t twcc_offset; // of the 2 value bytes; 0: not written
	uint16_t mid_offset; // of the mid's first letter, behind which nothing comes; 0: not
			     // written
	uint16_t dd_offset; // of the Dependency Descriptor's value; 0: not written
	uint16_t left_out; // values that no form agreed with the consumer can carry
};

// Writes the consumer's own block into 'buf': its mid, our abs-send-time and transport-wide number;
// audio level, video orientation, playout delay, absolute capture time and dependency descriptor
// copied from 'in'; nothing else, so never a rid. Returns false, nothing usable written, if 'room'
// is too small.
bool rtp_ext_build(struct rtp_ext_built *built, uint8_t *buf, size_t room,
		   const struct rtp_ext_set *in, const struct rtp_ext_map *consumer,
		   const struct rtp_ext_own *own);

// 24-bit abs-send-time of an instant of any one monotonic clock.
static inline uint32_t rtp_ext_abs_send_time(uint64_t now_us)
{
	uint64_t seconds = now_us / 1000000;
	uint64_t fraction = ((now_us % 1000000) << 18) / 1000000;
	return (uint32_t)(((seconds << 18) | fraction) & 0xffffff);
}
