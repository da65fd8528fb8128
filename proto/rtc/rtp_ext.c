// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtp_ext.c - reading header extensions (RFC 8285 4.2, 4.3). Contract in rtp_ext.h.
#include "proto/rtc/rtp_ext.h"

#include <string.h>

enum {
	PROFILE_ONE_BYTE = 0xbede,
	PROFILE_TWO_BYTE = 0x1000, // the low 4 bits are appbits, ours to ignore
	ONE_BYTE_STOP_ID = 15,
};

const char *const rtp_ext_uri[RTP_EXT_COUNT] = {
	[RTP_EXT_MID] = "urn:ietf:params:rtp-hdrext:sdes:mid",
	[RTP_EXT_RID] = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
	[RTP_EXT_REPAIRED_RID] = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
	[RTP_EXT_ABS_SEND_TIME] = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
	[RTP_EXT_TRANSPORT_WIDE_CC] = "http://www.ietf.org/id/"
				      "draft-holmer-rmcat-transport-wide-cc-extensions-01",
	[RTP_EXT_AUDIO_LEVEL] = "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
	[RTP_EXT_VIDEO_ORIENTATION] = "urn:3gpp:video-orientation",
	[RTP_EXT_PLAYOUT_DELAY] = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
	[RTP_EXT_ABS_CAPTURE_TIME] = "http://www.webrtc.org/experiments/rtp-hdrext/"
				     "abs-capture-time",
	[RTP_EXT_DEPENDENCY_DESCRIPTOR] = "https://aomediacodec.github.io/av1-rtp-spec/"
					  "#dependency-descriptor-rtp-header-extension",
};

// Sizes a value of each kind can have.
static const struct {
	uint8_t min;
	uint8_t max;
} value_size[RTP_EXT_COUNT] = {
	[RTP_EXT_MID] = {1, RTP_EXT_MID_BYTES_MAX},
	[RTP_EXT_RID] = {1, 255},
	[RTP_EXT_REPAIRED_RID] = {1, 255},
	[RTP_EXT_ABS_SEND_TIME] = {3, 3},
	[RTP_EXT_TRANSPORT_WIDE_CC] = {2, 4}, // version 02 appends a feedback request
	[RTP_EXT_AUDIO_LEVEL] = {1, 1},
	[RTP_EXT_VIDEO_ORIENTATION] = {1, 1},
	[RTP_EXT_PLAYOUT_DELAY] = {3, 3},
	[RTP_EXT_ABS_CAPTURE_TIME] = {8, 16},
	[RTP_EXT_DEPENDENCY_DESCRIPTOR] = {1, 255},
};

void rtp_ext_iter_init(struct rtp_ext_iter *it, const struct rtp_view *v)
{
	bool one_byte = v->ext_profile == PROFILE_ONE_BYTE;
	bool two_byte = (v->ext_profile & 0xfff0) == PROFILE_TWO_BYTE;
	*it = (struct rtp_ext_iter){.two_byte = two_byte};
	if (v->ext == NULL || (!one_byte && !two_byte))
		return;
	it->at = v->ext;
	it->end = v->ext + v->ext_size;
}

static bool next_one_byte(struct rtp_ext_iter *it, struct rtp_ext_item *item)
{
	item->id = it->at[0] >> 4;
	item->size = (uint8_t)((it->at[0] & 0x0f) + 1);
	it->at += 1;
	return item->id != 0 && item->id != ONE_BYTE_STOP_ID;
}

static bool next_two_byte(struct rtp_ext_iter *it, struct rtp_ext_item *item)
{
	if (it->end - it->at < 2) {
		it->malformed = true;
		return false;
	}
	item->id = it->at[0];
	item->size = it->at[1];
	it->at += 2;
	return true;
}

static inline bool next(struct rtp_ext_iter *it, struct rtp_ext_item *item)
{
	// A whole zero byte is padding in both forms. In the one-byte form an id 0 with a length,
	// like id 15, ends the processing of the whole block (RFC 8285 4.2).
	while (it->at != it->end) {
		if (*it->at == 0) {
			it->at++;
			continue;
		}
		if (!(it->two_byte ? next_two_byte(it, item) : next_one_byte(it, item))) {
			it->at = it->end;
			return false;
		}
		if (item->size > it->end - it->at) {
			it->malformed = true;
			it->at = it->end;
			return false;
		}
		item->data = it->at;
		it->at += item->size;
		return true;
	}
	return false;
}

bool rtp_ext_next(struct rtp_ext_iter *it, struct rtp_ext_item *item)
{
	return next(it, item);
}

bool rtp_ext_find(const struct rtp_view *v, uint8_t id, struct rtp_ext_item *item)
{
	struct rtp_ext_iter it;
	rtp_ext_iter_init(&it, v);
	while (next(&it, item))
		if (item->id == id)
			return true;
	return false;
}

static void collect_item(struct rtp_ext_set *set, const struct rtp_ext_map *map,
			 const struct rtp_ext_item *item)
{
	for (unsigned kind = 0; kind < RTP_EXT_COUNT; kind++) {
		if (map->id[kind] != item->id)
			continue;
		if (set->data[kind] != NULL || item->size < value_size[kind].min ||
		    item->size > value_size[kind].max)
			return;
		set->data[kind] = item->data;
		set->size[kind] = item->size;
		return;
	}
}

void rtp_ext_collect(struct rtp_ext_set *set, const struct rtp_view *v,
		     const struct rtp_ext_map *map)
{
	struct rtp_ext_iter it;
	struct rtp_ext_item item;

	*set = (struct rtp_ext_set){0};
	rtp_ext_iter_init(&it, v);
	while (next(&it, &item))
		collect_item(set, map, &item);
}
