// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/dependency_descriptor.h - what the Dependency Descriptor says of a frame: its
// layers, what it refers to, and which decode targets need it. No payload byte is read for it, so
// media encrypted end to end is switched too.
//
// Place   ingress reads it once per packet; consumers' selectors use what it gave.
// Thread  the publisher's owner. A structure belongs to one encoding.
// Owns    nothing.
// Spec    AV1 RTP payload format, appendix A (A.8 syntax, A.9 semantics).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DD_TEMPLATES_MAX = 64,
	DD_TARGETS_MAX = 32,
	DD_CHAINS_MAX = 32,
	DD_REFERENCES_MAX = 8, // of one frame; a descriptor with more is refused
	DD_SPATIAL_MAX = 4,
	DD_TEMPORAL_MAX = 8,
};

// Decode target indication (A.4): what a frame is to a decode target.
enum dd_indication {
	DD_NOT_PRESENT = 0, // the target does without it
	DD_DISCARDABLE = 1, // nothing of the target refers to it
	DD_SWITCH = 2, // whoever has this frame can follow the target from here on
	DD_REQUIRED = 3,
};

// Indications of one frame or template: two bits a target, target 0 in the lowest.
static inline enum dd_indication dd_indication_of(uint64_t indications, unsigned target)
{
	return (enum dd_indication)(indications >> (2 * target) & 3);
}

struct dd_template {
	uint64_t indications;
	uint8_t spatial; // 0..DD_SPATIAL_MAX - 1
	uint8_t temporal; // 0..DD_TEMPORAL_MAX - 1
	uint8_t reference_count; // 0..DD_REFERENCES_MAX
	uint8_t references[DD_REFERENCES_MAX]; // how many frames back, 1..16
};

// The template dependency structure a keyframe brings.
struct dd_structure {
	uint8_t template_count; // 0: none yet
	uint8_t template_id_offset; // 0..63
	uint8_t target_count; // 1..DD_TARGETS_MAX
	uint8_t chain_count; // 0..DD_CHAINS_MAX
	bool has_resolutions;
	uint8_t target_spatial[DD_TARGETS_MAX]; // the highest layers of each decode target
	uint8_t target_temporal[DD_TARGETS_MAX];
	uint16_t width[DD_SPATIAL_MAX]; // pixels; 0: not said
	uint16_t height[DD_SPATIAL_MAX];
	struct dd_template templates[DD_TEMPLATES_MAX];
};

struct dd_frame {
	uint64_t indications;
	uint32_t active_targets; // bit per decode target; as announced with this packet
	uint16_t number; // frame number
	bool start; // first packet of the frame
	bool end; // last packet of the frame
	bool has_structure; // the packet brought one: a keyframe's first packet
	bool has_active_targets;
	uint8_t spatial;
	uint8_t temporal;
	uint8_t reference_count; // 0: refers to nothing
	uint16_t references[DD_REFERENCES_MAX]; // how many frames back, 1..4096
};

// Reads one descriptor. 's' is the encoding's structure: the one in force, replaced when the packet
// brings another. Returns false, nothing changed, if the bytes end early, contradict the structure
// or need one that has not come yet.
bool dd_read(struct dd_frame *f, struct dd_structure *s, const uint8_t *bytes, size_t size);

// Overwrites the frame number in a descriptor's bytes (at least 3 of them).
void dd_patch_frame_number(uint8_t *bytes, uint16_t number);
