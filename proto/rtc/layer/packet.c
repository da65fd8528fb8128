// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/packet.c - layers of a packet, whatever its codec. Contract in layer.h.
#include "proto/rtc/layer/packet.h"

#include "proto/rtc/layer/vp8.h"
#include "proto/rtc/layer/vp9.h"

#include <string.h>

static uint8_t flag(bool set, enum layer_flags which)
{
	return set ? (uint8_t)which : 0;
}

static void from_dd(struct layer_packet *l, const uint8_t *dd, size_t size, struct dd_structure *s)
{
	struct dd_frame f;

	if (!dd_read(&f, s, dd, size))
		return;
	l->form = LAYER_FORM_DD;
	l->flags = flag(f.start, LAYER_FRAME_START) | flag(f.end, LAYER_FRAME_END) |
		   flag(f.has_structure && f.reference_count == 0, LAYER_KEYFRAME);
	l->spatial = f.spatial;
	l->temporal = f.temporal;
	l->picture_id = f.number;
	l->indications = f.indications;
	l->reference_count = f.reference_count;
	memcpy(l->references, f.references, sizeof(l->references));
	for (unsigned i = 0; i < LAYER_TARGETS_MAX && i < s->target_count; i++) {
		l->target_layer[i] = (uint8_t)(s->target_spatial[i] << 4 | s->target_temporal[i]);
		l->target_count++;
	}
}

static void from_vp8(struct layer_packet *l, const uint8_t *payload, size_t size)
{
	struct vp8_descriptor d;

	if (!vp8_descriptor_read(&d, payload, size))
		return;
	l->form = LAYER_FORM_VP8;
	l->flags = flag(d.frame_start, LAYER_FRAME_START) | flag(d.keyframe, LAYER_KEYFRAME) |
		   flag(d.layer_sync, LAYER_SWITCH_UP) | flag(d.picture_id_15, LAYER_ID_15);
	l->temporal = d.temporal;
	l->picture_id = d.picture_id;
	l->tl0 = d.tl0;
	l->picture_id_offset = d.picture_id_offset;
	l->tl0_offset = d.tl0_offset;
}

static void from_vp9(struct layer_packet *l, const uint8_t *payload, size_t size)
{
	struct vp9_descriptor d;

	if (!vp9_descriptor_read(&d, payload, size))
		return;
	l->form = LAYER_FORM_VP9;
	l->flags = flag(d.frame_start, LAYER_FRAME_START) | flag(d.frame_end, LAYER_FRAME_END) |
		   flag(vp9_keyframe(&d, size), LAYER_KEYFRAME) |
		   flag(d.switching_up, LAYER_SWITCH_UP) | flag(d.predicted, LAYER_PREDICTED) |
		   flag(d.picture_id_15, LAYER_ID_15) | flag(d.flexible, LAYER_FLEXIBLE);
	l->spatial = d.spatial;
	l->temporal = d.temporal;
	l->picture_id = d.picture_id;
	l->tl0 = d.tl0;
	l->picture_id_offset = d.picture_id_offset;
	l->tl0_offset = d.tl0_offset;
}

void layer_read(struct layer_packet *l, enum codec codec, const uint8_t *payload, size_t size,
		const uint8_t *dd, size_t dd_size, struct dd_structure *structure)
{
	*l = (struct layer_packet){0};
	if (dd != NULL) {
		from_dd(l, dd, dd_size, structure);
		return;
	}
	if (codec == CODEC_VP8)
		from_vp8(l, payload, size);
	else if (codec == CODEC_VP9)
		from_vp9(l, payload, size);
	else
		l->flags = flag(codec_keyframe_starts(codec, payload, size), LAYER_KEYFRAME);
}
