// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/vp8.c - VP8 payload descriptors. Contract in vp8.h.
#include "proto/rtc/layer/vp8.h"

#include "proto/rtc/bytes.h"
#include "proto/rtc/layer/picture_id.h"

// Octet 1: X R N S R PID. Octet 2: I L T K RSV.
enum { X = 0x80, S = 0x10, PID = 0x07, I = 0x80, L = 0x40, T = 0x20, K = 0x10, Y = 0x20 };

static bool extension_read(struct vp8_descriptor *d, const uint8_t *p, size_t size)
{
	if (size < 2)
		return false;
	uint8_t fields = p[1];
	size_t at = 2;
	if ((fields & I) != 0) {
		size_t id = picture_id_read(p + at, size - at, &d->picture_id);
		if (id == 0)
			return false;
		d->picture_id_15 = id == 2;
		d->picture_id_offset = (uint8_t)at;
		at += id;
	}
	if ((fields & L) != 0) {
		if (at >= size)
			return false;
		d->tl0_offset = (uint8_t)at;
		d->tl0 = p[at++];
	}
	if ((fields & (T | K)) != 0) {
		if (at >= size)
			return false;
		d->has_temporal = (fields & T) != 0;
		d->temporal = d->has_temporal ? p[at] >> 6 : 0;
		d->layer_sync = d->has_temporal && (p[at] & Y) != 0;
		at++;
	}
	d->size = (uint8_t)at;
	return true;
}

bool vp8_descriptor_read(struct vp8_descriptor *d, const uint8_t *payload, size_t size)
{
	*d = (struct vp8_descriptor){.size = 1};
	if (size == 0)
		return false;
	if ((payload[0] & X) != 0 && !extension_read(d, payload, size))
		return false;
	d->frame_start = (payload[0] & S) != 0 && (payload[0] & PID) == 0;
	// The frame header's P bit is 0 in a keyframe.
	d->keyframe = d->frame_start && d->size < size && (payload[d->size] & 0x01) == 0;
	return true;
}
