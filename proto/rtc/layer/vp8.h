// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/vp8.h - the VP8 payload descriptor: read, and patched for a consumer.
//
// Owns    nothing.
// Spec    RFC 7741 4.2 (descriptor), 4.3 (frame header).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vp8_descriptor {
	uint8_t size; // bytes; the payload proper begins there
	uint8_t picture_id_offset; // 0: absent
	uint8_t tl0_offset; // of TL0PICIDX; 0: absent
	bool picture_id_15; // 15 bits, else 7
	bool frame_start; // first packet of a frame
	bool keyframe; // told in the first packet of a frame only
	bool has_temporal;
	bool layer_sync; // Y: refers to the base temporal layer alone
	uint8_t temporal; // TID
	uint8_t tl0; // TL0PICIDX
	uint16_t picture_id;
};

// Returns false, nothing usable, if the payload ends inside its descriptor.
bool vp8_descriptor_read(struct vp8_descriptor *d, const uint8_t *payload, size_t size);
