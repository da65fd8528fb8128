// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_layer_test.c - layers of packets typed after the payload formats (RFC
// 7741 4.2, RFC 9628 4.2), and descriptors patched for a consumer.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/layer/packet.h"

#include <string.h>

enum {
	START = LAYER_FRAME_START,
	END = LAYER_FRAME_END,
	KEY = LAYER_KEYFRAME,
	UP = LAYER_SWITCH_UP,
	PREDICTED = LAYER_PREDICTED,
	ID_15 = LAYER_ID_15,
	FLEXIBLE = LAYER_FLEXIBLE,
};

static const struct {
	const char *what;
	enum codec codec;
	uint8_t size;
	uint8_t bytes[10];
	uint8_t form, flags, spatial, temporal, tl0, id_offset, tl0_offset;
	uint16_t id;
} rows[] = {
	{"VP8 without extension", CODEC_VP8, 2, {0x10, 0x10}, LAYER_FORM_VP8, START | KEY},
	{"VP8 second packet", CODEC_VP8, 2, {0x00, 0x10}, LAYER_FORM_VP8, 0},
	{"VP8 7-bit id",
	 CODEC_VP8,
	 4,
	 {0x90, 0x80, 0x7f, 0x11},
	 LAYER_FORM_VP8,
	 START,
	 .id_offset = 2,
	 .id = 0x7f},
	{"VP8 all, T2 synchronised",
	 CODEC_VP8,
	 7,
	 {0x90, 0xf0, 0xff, 0xfe, 9, 0xa0 | 3, 0x01},
	 LAYER_FORM_VP8,
	 START | UP | ID_15,
	 .temporal = 2,
	 .tl0 = 9,
	 .id_offset = 2,
	 .tl0_offset = 4,
	 .id = 0x7ffe},
	{"VP8 T1, not synchronised, no TL0PICIDX",
	 CODEC_VP8,
	 4,
	 {0x90, 0x20, 0x40, 0x01},
	 LAYER_FORM_VP8,
	 START,
	 .temporal = 1},
	{"VP8 KEYIDX alone is no layer",
	 CODEC_VP8,
	 4,
	 {0x90, 0x10, 0xff, 0x01},
	 LAYER_FORM_VP8,
	 START},
	{"VP8 cut in its extension", CODEC_VP8, 2, {0x90, 0x80}, LAYER_FORM_NONE, 0},
	{"VP9 key, base layer",
	 CODEC_VP9,
	 6,
	 {0xa8, 0x80, 0x05, 0x10, 7, 0},
	 LAYER_FORM_VP9,
	 START | KEY | UP | ID_15,
	 .tl0 = 7,
	 .id_offset = 1,
	 .tl0_offset = 4,
	 .id = 5},
	{"VP9 key, spatial layer 2",
	 CODEC_VP9,
	 5,
	 {0xac, 0x05, 0x05, 7, 0},
	 LAYER_FORM_VP9,
	 START | END,
	 .spatial = 2,
	 .tl0 = 7,
	 .id_offset = 1,
	 .tl0_offset = 3,
	 .id = 5},
	{"VP9 predicted, flexible, T2",
	 CODEC_VP9,
	 4,
	 {0xf4, 0x05, 0x52, 0x02},
	 LAYER_FORM_VP9,
	 END | PREDICTED | UP | FLEXIBLE,
	 .spatial = 1,
	 .temporal = 2,
	 .id_offset = 1,
	 .id = 5},
	{"VP9 cut in its layers", CODEC_VP9, 3, {0xa8, 0x05, 0x10}, LAYER_FORM_NONE, 0},
	{"VP9 without layers", CODEC_VP9, 2, {0x0c, 0}, LAYER_FORM_VP9, START | END | KEY},
	{"H.264 IDR", CODEC_H264, 3, {0x65, 0x88, 0x80}, LAYER_FORM_NONE, KEY},
	{"Opus", CODEC_OPUS, 1, {0xfc}, LAYER_FORM_NONE, KEY},
};

static void layers_of_packets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct layer_packet l;

		layer_read(&l, rows[i].codec, rows[i].bytes, rows[i].size, NULL, 0, NULL);
		if (l.form != rows[i].form || l.flags != rows[i].flags ||
		    l.spatial != rows[i].spatial || l.temporal != rows[i].temporal ||
		    l.tl0 != rows[i].tl0 || l.picture_id != rows[i].id ||
		    l.picture_id_offset != rows[i].id_offset || l.tl0_offset != rows[i].tl0_offset)
			fail_msg("%s: form %u flags 0x%x layer %u,%u tl0 %u at %u, id %u at %u",
				 rows[i].what, l.form, l.flags, l.spatial, l.temporal, l.tl0,
				 l.tl0_offset, l.picture_id, l.picture_id_offset);
	}
}

// The payload may be encrypted end to end: what looks like a keyframe in it need not be one.
static void with_a_descriptor_the_payload_is_not_read(void **state)
{
	static const uint8_t dd[] = {0xc0, 0, 1}; // its structure has not come
	static const struct {
		enum codec codec;
		uint8_t payload[4];
	} keyframes[] = {
		{CODEC_VP8, {0x10, 0x10}},
		{CODEC_VP9, {0x88, 0x01}},
		{CODEC_H264, {0x67, 0x42, 0, 0x1f}},
		{CODEC_AV1, {0x18, 0x0a, 0x01}},
	};
	struct dd_structure structure = {0};
	struct layer_packet l;

	(void)state;
	for (unsigned i = 0; i < sizeof(keyframes) / sizeof(keyframes[0]); i++) {
		const uint8_t *payload = keyframes[i].payload;
		layer_read(&l, keyframes[i].codec, payload, 4, NULL, 0, &structure);
		assert_int_equal(l.flags & LAYER_KEYFRAME, LAYER_KEYFRAME);
		layer_read(&l, keyframes[i].codec, payload, 4, dd, sizeof(dd), &structure);
		assert_int_equal(l.form, LAYER_FORM_NONE);
		assert_int_equal(l.flags, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layers_of_packets),
		cmocka_unit_test(with_a_descriptor_the_payload_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
