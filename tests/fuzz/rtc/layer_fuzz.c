// SPDX-License-Identifier: Apache-2.0
//
// tests/fuzz/rtc/layer_fuzz.c - a stream of packets through layer reading, a selector and the
// numbering behind it. Each packet: codec and what is wanted (1 byte), size of its Dependency
// Descriptor (0: none) and of its payload (1 byte each), then those bytes, copied so that they end
// where their heap blocks end.
#undef NDEBUG
#include "proto/rtc/layer/picture_id.h"
#include "proto/rtc/layer/selector.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
};

static uint8_t *take(struct input *in, size_t size)
{
	uint8_t *copy = malloc(size + (size == 0));

	assert(copy != NULL);
	memcpy(copy, in->at, size);
	in->at += size;
	in->left -= size;
	return copy;
}

static void number(struct picture_ids *ids, const struct layer_packet *l, bool forwarded)
{
	uint16_t mask = l->form == LAYER_FORM_DD	? 0xffff
			: (l->flags & LAYER_ID_15) != 0 ? 0x7fff
							: 0x7f;
	uint16_t id = 0;
	uint8_t tl0 = l->tl0;

	if (!ids->started || ids->mask != mask)
		picture_ids_switch(ids, mask, l->picture_id & mask, l->tl0);
	if (!forwarded)
		picture_ids_leave_out(ids, l->picture_id);
	else if (picture_ids_map(ids, l->picture_id, &id, &tl0))
		assert(id <= mask);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct dd_structure structure = {0};
	struct layer_selector selector;
	struct picture_ids ids = {0};
	uint32_t ts = 0;

	layer_selector_init(&selector, (struct layer_pair){LAYER_HIGHEST, LAYER_HIGHEST});
	while (in.left >= 3) {
		uint8_t head = in.at[0];
		size_t dd_size = in.at[1], payload_size = in.at[2];
		struct layer_packet l;

		in.at += 3;
		in.left -= 3;
		dd_size = dd_size < in.left ? dd_size : in.left;
		uint8_t *dd = take(&in, dd_size);
		payload_size = payload_size < in.left ? payload_size : in.left;
		uint8_t *payload = take(&in, payload_size);
		if ((head & 0x80) != 0)
			layer_selector_want(&selector,
					    (struct layer_pair){head >> 3 & 3, head >> 5 & 3});
		ts += (head & 0x40) != 0 ? 3000 : 0;
		layer_read(&l, (enum codec)(head % CODEC_COUNT), payload, payload_size,
			   dd_size == 0 ? NULL : dd, dd_size, &structure);
		assert(l.picture_id_offset < payload_size || l.picture_id_offset == 0);
		assert(l.tl0_offset < payload_size || l.tl0_offset == 0);
		enum layer_verdict verdict = layer_select(&selector, &l, ts);
		assert(l.form != LAYER_FORM_NONE || verdict == LAYER_FORWARD);
		(void)layer_selector_wants_keyframe(&selector, &l);
		if (l.form != LAYER_FORM_NONE)
			number(&ids, &l, verdict < LAYER_DROP);
		free(dd);
		free(payload);
	}
	return 0;
}
