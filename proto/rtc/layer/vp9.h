// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/vp9.h - the VP9 payload descriptor: read, and patched for a consumer.
//
// Owns    nothing.
// Spec    RFC 9628 4.2.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vp9_descriptor {
	uint8_t picture_id_offset; // 0: absent
	uint8_t tl0_offset; // of TL0PICIDX, non-flexible mode only; 0: absent
	bool picture_id_15;
	bool frame_start; // B: first packet of a layer frame
	bool frame_end; // E: last packet of a layer frame
	bool predicted; // P: refers to earlier pictures
	bool flexible; // F
	bool has_layers; // L
	bool switching_up; // U: from here on a higher temporal layer can be followed
	bool inter_layer; // D: refers to the spatial layer below
	bool has_structure; // V: a scalability structure follows
	bool not_referenced; // Z: no higher spatial layer refers to it
	uint8_t spatial; // SID
	uint8_t temporal; // TID
	uint8_t tl0;
	uint16_t picture_id;
	uint8_t layers_end; // bytes up to and with the layer indices
};

// Returns false, nothing usable, if the payload ends inside the fields above.
bool vp9_descriptor_read(struct vp9_descriptor *d, const uint8_t *payload, size_t size);
// A decoder can start with it: the base layer's first packet of a picture not predicted from
// another one, with something behind the descriptor.
static inline bool vp9_keyframe(const struct vp9_descriptor *d, size_t size)
{
	return d->frame_start && !d->predicted && d->spatial == 0 && d->layers_end < size;
}
