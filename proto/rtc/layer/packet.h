// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/packet.h - which spatial and temporal layer a packet belongs to, and whether a
// receiver can begin to follow another layer with it: one form for all codecs.
//
// Place   ingress reads it once per packet; every consumer's selector decides by it.
// Thread  read by the publisher's owner; the result is plain data that crosses cores.
// Owns    nothing.
// Source  the Dependency Descriptor where the packet has one (any codec, payload never read), else
//         the payload descriptor of VP8 or VP9; a packet of any other codec is its only layer.
#pragma once

#include "proto/rtc/codec.h"
#include "proto/rtc/layer/dependency_descriptor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LAYER_TARGETS_MAX = 16 }; // decode targets told apart; further ones are not chosen

enum layer_form {
	LAYER_FORM_NONE, // no layers to tell apart
	LAYER_FORM_VP8,
	LAYER_FORM_VP9,
	LAYER_FORM_DD, // Dependency Descriptor
};

enum layer_flags {
	LAYER_FRAME_START = 1 << 0, // first packet of a (layer) frame
	LAYER_FRAME_END = 1 << 1, // last packet of a (layer) frame
	LAYER_KEYFRAME = 1 << 2, // a decoder can begin with it
	LAYER_SWITCH_UP = 1 << 3, // VP8 Y, VP9 U: a higher temporal layer can be followed
	LAYER_PREDICTED = 1 << 4, // VP9: refers to earlier pictures
	LAYER_ID_15 = 1 << 5, // the picture id has 15 bits on the wire, else 7
	LAYER_FLEXIBLE = 1 << 6, // VP9 F: no TL0PICIDX
};

struct layer_packet {
	uint64_t indications; // DD: two bits a decode target
	uint16_t references[DD_REFERENCES_MAX]; // DD: frames back
	uint16_t picture_id; // VP8, VP9; DD: frame number
	uint8_t form; // enum layer_form
	uint8_t flags; // enum layer_flags
	uint8_t spatial;
	uint8_t temporal;
	uint8_t tl0; // TL0PICIDX
	uint8_t picture_id_offset; // in the payload; 0: absent
	uint8_t tl0_offset; // in the payload; 0: absent
	uint8_t reference_count; // DD
	uint8_t target_count; // DD: 1..LAYER_TARGETS_MAX
	uint8_t target_layer[LAYER_TARGETS_MAX]; // DD: spatial << 4 | temporal, the target's
						 // highest
};

// Reads one packet. 'dd' is the value of its Dependency Descriptor extension (NULL: none) and
// 'structure' that of its encoding, kept by the caller from packet to packet. Where there is a
// descriptor the payload is not looked at, even if the descriptor cannot be read: it may be
// encrypted end to end. Never fails: what cannot be told has form LAYER_FORM_NONE.
void layer_read(struct layer_packet *l, enum codec codec, const uint8_t *payload, size_t size,
		const uint8_t *dd, size_t dd_size, struct dd_structure *structure);
