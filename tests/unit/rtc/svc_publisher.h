// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/svc_publisher.h - a model publisher of layered video: pictures of S spatial and T
// temporal layers with their references, and the Dependency Descriptors that say so.
//
// Written after the specification (AV1 RTP payload format A.8; scalability modes LxTy, LxTy_KEY of
// W3C webrtc-svc), from the frames' references alone; nothing here is read back by the same code.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { SVC_REFERENCES_MAX = 2, SVC_SPATIAL_MAX = 3, SVC_TEMPORAL_MAX = 3 };

struct svc_frame {
	unsigned number; // unwrapped
	unsigned picture; // unwrapped
	unsigned spatial, temporal;
	bool key; // of a key picture
	bool top; // last frame of its picture
	unsigned reference_count;
	unsigned references[SVC_REFERENCES_MAX]; // numbers of the frames it refers to
};

struct svc_publisher {
	unsigned spatial_count, temporal_count;
	bool key_mode; // LxTy_KEY: spatial layers refer to each other in key pictures only
	unsigned next_number, next_picture;
	unsigned phase; // in the temporal pattern
	unsigned newest[SVC_SPATIAL_MAX][SVC_TEMPORAL_MAX]; // frame numbers, by layer
};

// 0; 0-1; 0-2-1-2.
static inline unsigned svc_temporal_of(const struct svc_publisher *p)
{
	static const unsigned three[] = {0, 2, 1, 2};

	if (p->temporal_count == 3)
		return three[p->phase % 4];
	return p->temporal_count == 2 ? p->phase % 2 : 0;
}

// Makes the frames of the next picture, lowest spatial layer first. Returns how many.
static inline unsigned svc_next_picture(struct svc_publisher *p, bool key,
					struct svc_frame frames[SVC_SPATIAL_MAX])
{
	if (key)
		p->phase = 0;
	unsigned temporal = svc_temporal_of(p);

	for (unsigned s = 0; s < p->spatial_count && s < SVC_SPATIAL_MAX; s++) {
		struct svc_frame *f = &frames[s];
		*f = (struct svc_frame){
			.number = p->next_number++,
			.picture = p->next_picture,
			.spatial = s,
			.temporal = temporal,
			.key = key,
			.top = s + 1 == p->spatial_count,
		};
		if (!key) {
			// The newest of the layers below in time; the base refers to itself.
			unsigned newest = p->newest[s][0];
			for (unsigned t = 1; t < temporal; t++)
				if (p->newest[s][t] > newest)
					newest = p->newest[s][t];
			f->references[f->reference_count++] = newest;
		}
		if (s > 0 && (key || !p->key_mode))
			f->references[f->reference_count++] = f->number - 1;
		for (unsigned t = 0; key && t < p->temporal_count; t++)
			p->newest[s][t] = f->number;
		p->newest[s][temporal] = f->number;
	}
	p->next_picture++;
	p->phase++;
	return p->spatial_count;
}

// Decode target of these highest layers, in the order the specification's examples use.
static inline unsigned svc_target(const struct svc_publisher *p, unsigned spatial,
				  unsigned temporal)
{
	return spatial * p->temporal_count + temporal;
}

enum svc_indication { SVC_NOT_PRESENT, SVC_DISCARDABLE, SVC_SWITCH, SVC_REQUIRED };

// What a frame is to a target, by what the frames refer to: with the temporal patterns above every
// frame but one of the target's topmost temporal layer lets a decoder follow.
static inline enum svc_indication svc_indication_of(const struct svc_publisher *p,
						    const struct svc_frame *f, unsigned spatial,
						    unsigned temporal)
{
	if (f->spatial > spatial || f->temporal > temporal)
		return SVC_NOT_PRESENT;
	if (p->key_mode && !f->key && f->spatial != spatial)
		return SVC_NOT_PRESENT;
	if (f->temporal == temporal && temporal > 0)
		return SVC_DISCARDABLE;
	return f->spatial == spatial ? SVC_SWITCH : SVC_REQUIRED;
}

// --- the descriptor's bits ---

struct svc_bits {
	uint8_t bytes[256];
	size_t count;
};

static inline void svc_put(struct svc_bits *b, uint32_t value, unsigned width)
{
	for (unsigned i = width; i-- > 0; b->count++) {
		assert(b->count < 8 * sizeof(b->bytes));
		b->bytes[b->count / 8] |= (uint8_t)((value >> i & 1) << (7 - b->count % 8));
	}
}

// Templates: each layer twice, in a key picture and in any other.
static inline unsigned svc_template_of(const struct svc_publisher *p, const struct svc_frame *f)
{
	return 2 * svc_target(p, f->spatial, f->temporal) + (f->key ? 0 : 1);
}

static inline struct svc_frame svc_template(const struct svc_publisher *p, unsigned index)
{
	unsigned layer = index / 2;

	return (struct svc_frame){
		.spatial = layer / p->temporal_count,
		.temporal = layer % p->temporal_count,
		.key = index % 2 == 0,
	};
}

static inline void svc_put_indications(struct svc_bits *b, const struct svc_publisher *p,
				       const struct svc_frame *f)
{
	for (unsigned s = 0; s < p->spatial_count; s++)
		for (unsigned t = 0; t < p->temporal_count; t++)
			svc_put(b, svc_indication_of(p, f, s, t), 2);
}

static inline void svc_put_structure(struct svc_bits *b, const struct svc_publisher *p,
				     unsigned id_offset)
{
	unsigned targets = p->spatial_count * p->temporal_count, templates = 2 * targets;

	svc_put(b, id_offset, 6);
	svc_put(b, targets - 1, 5);
	for (unsigned i = 0; i < templates; i++) { // next_layer_idc
		struct svc_frame at = svc_template(p, i), next = svc_template(p, i + 1);
		bool last = i + 1 == templates;
		svc_put(b,
			last			     ? 3
			: next.spatial != at.spatial ? 2
						     : next.temporal != at.temporal,
			2);
	}
	for (unsigned i = 0; i < templates; i++) {
		struct svc_frame f = svc_template(p, i);
		svc_put_indications(b, p, &f);
	}
	for (unsigned i = 0; i < templates; i++) { // fdiffs: frames give their own
		svc_put(b, 1, 1);
		svc_put(b, i % 16, 4);
		svc_put(b, 0, 1);
	}
	svc_put(b, 0, 1); // chain_cnt 0 by ns(targets + 1): one bit less than the widest
	for (unsigned width = 2; (1u << width) <= targets + 1; width++)
		svc_put(b, 0, 1);
	svc_put(b, 1, 1); // resolutions
	for (unsigned s = 0; s < p->spatial_count; s++) {
		svc_put(b, (320u << s) - 1, 16);
		svc_put(b, (180u << s) - 1, 16);
	}
}

// One packet's descriptor. 'structure' as a keyframe's first packet has it.
static inline struct svc_bits svc_descriptor(const struct svc_publisher *p,
					     const struct svc_frame *f, bool start, bool end,
					     bool structure, unsigned id_offset)
{
	struct svc_bits b = {.count = 0};

	svc_put(&b, start, 1);
	svc_put(&b, end, 1);
	svc_put(&b, (svc_template_of(p, f) + id_offset) % 64, 6);
	svc_put(&b, f->number & 0xffff, 16);
	svc_put(&b, structure, 1);
	svc_put(&b, 0, 1); // active decode targets
	svc_put(&b, 0, 1); // custom indications
	svc_put(&b, 1, 1); // custom references
	svc_put(&b, 0, 1); // custom chains
	if (structure)
		svc_put_structure(&b, p, id_offset);
	for (unsigned i = 0; i < f->reference_count; i++) {
		unsigned back = f->number - f->references[i];
		unsigned size = back <= 16 ? 1 : back <= 256 ? 2 : 3;
		svc_put(&b, size, 2);
		svc_put(&b, back - 1, 4 * size);
	}
	svc_put(&b, 0, 2);
	return b;
}
