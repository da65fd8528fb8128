// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/vp9.c - VP9 payload descriptors. Contract in vp9.h.
#include "proto/rtc/layer/vp9.h"

#include "proto/rtc/layer/picture_id.h"

enum { I = 0x80, P = 0x40, L = 0x20, F = 0x10, B = 0x08, E = 0x04, V = 0x02, Z = 0x01 };

// TID U SID D, and TL0PICIDX behind it in non-flexible mode.
static size_t layers_read(struct vp9_descriptor *d, const uint8_t *p, size_t size, size_t at)
{
	size_t end = at + (d->flexible ? 1 : 2);

	if (end > size)
		return 0;
	d->temporal = p[at] >> 5;
	d->switching_up = (p[at] & 0x10) != 0;
	d->spatial = p[at] >> 1 & 0x07;
	d->inter_layer = (p[at] & 0x01) != 0;
	if (!d->flexible) {
		d->tl0_offset = (uint8_t)(at + 1);
		d->tl0 = p[at + 1];
	}
	return end;
}

bool vp9_descriptor_read(struct vp9_descriptor *d, const uint8_t *payload, size_t size)
{
	size_t at = 1;

	*d = (struct vp9_descriptor){0};
	if (size == 0)
		return false;
	uint8_t fields = payload[0];
	d->predicted = (fields & P) != 0;
	d->has_layers = (fields & L) != 0;
	d->flexible = (fields & F) != 0;
	d->frame_start = (fields & B) != 0;
	d->frame_end = (fields & E) != 0;
	d->has_structure = (fields & V) != 0;
	d->not_referenced = (fields & Z) != 0;
	if ((fields & I) != 0) {
		size_t id = picture_id_read(payload + at, size - at, &d->picture_id);
		if (id == 0)
			return false;
		d->picture_id_15 = id == 2;
		d->picture_id_offset = (uint8_t)at;
		at += id;
	}
	if (d->has_layers)
		at = layers_read(d, payload, size, at);
	d->layers_end = (uint8_t)at;
	return at != 0;
}
