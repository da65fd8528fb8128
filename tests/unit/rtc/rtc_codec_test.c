// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_codec_test.c - keyframe starts from payloads typed after the payload formats
// (RFC 7741, RFC 9628, RFC 6184, AV1 RTP 4.4).
#include "tests/unit/rtc/test.h"

#include "proto/rtc/codec.h"

static const struct {
	enum codec codec;
	bool starts;
	uint8_t size;
	uint8_t bytes[16];
	const char *what;
} cases[] = {
	{CODEC_OPUS, true, 1, {0xfc}, "audio always"},
	{CODEC_NONE, false, 4, {0x10, 0, 0, 0}, "no codec"},
	// VP8: X R N S R PID; P is bit 0 of the frame header
	{CODEC_VP8, true, 2, {0x10, 0x50}, "VP8 key, no extension"},
	{CODEC_VP8, false, 2, {0x10, 0x51}, "VP8 inter frame"},
	{CODEC_VP8, false, 2, {0x00, 0x50}, "VP8 not the start"},
	{CODEC_VP8, false, 2, {0x11, 0x50}, "VP8 second partition"},
	{CODEC_VP8, true, 4, {0x90, 0x80, 0x11, 0x10}, "VP8 7-bit picture id"},
	{CODEC_VP8, true, 5, {0x90, 0x80, 0x81, 0x11, 0x10}, "VP8 15-bit picture id"},
	{CODEC_VP8, true, 7, {0x90, 0xe0, 0x81, 0x11, 0x05, 0x20, 0x10}, "VP8 all but key index"},
	{CODEC_VP8, false, 7, {0x90, 0xe0, 0x81, 0x11, 0x05, 0x20, 0x11}, "VP8 the same, inter"},
	{CODEC_VP8, false, 6, {0x90, 0xe0, 0x81, 0x11, 0x05, 0x20}, "VP8 ends in its descriptor"},
	{CODEC_VP8, false, 3, {0x90, 0x80, 0x81}, "VP8 picture id cut in two"},
	{CODEC_VP8, false, 1, {0x10}, "VP8 descriptor only"},
	// VP9: I P L F B E V Z
	{CODEC_VP9, true, 3, {0x8a, 0x11, 0x00}, "VP9 key with picture id"},
	{CODEC_VP9, false, 3, {0xca, 0x11, 0x00}, "VP9 predicted"},
	{CODEC_VP9, false, 3, {0x82, 0x11, 0x00}, "VP9 not the beginning"},
	{CODEC_VP9, true, 6, {0xaa, 0x81, 0x11, 0x00, 0x01, 0x00}, "VP9 layer 0, TL0PICIDX"},
	{CODEC_VP9, false, 6, {0xaa, 0x81, 0x11, 0x03, 0x01, 0x00}, "VP9 spatial layer 1"},
	{CODEC_VP9, true, 5, {0xba, 0x81, 0x11, 0x00, 0x00}, "VP9 flexible mode: no TL0PICIDX"},
	{CODEC_VP9, false, 5, {0xaa, 0x81, 0x11, 0x00, 0x00}, "VP9 ends in its descriptor"},
	{CODEC_VP9, false, 2, {0x8a, 0x81}, "VP9 picture id cut in two"},
	// H.264
	{CODEC_H264, true, 4, {0x67, 0x42, 0xc0, 0x1f}, "H.264 SPS"},
	{CODEC_H264, true, 3, {0x65, 0x88, 0x80}, "H.264 IDR, first slice"},
	{CODEC_H264, false, 3, {0x65, 0x48, 0x80}, "H.264 IDR, later slice"},
	{CODEC_H264, false, 3, {0x41, 0x9a, 0x00}, "H.264 P slice"},
	{CODEC_H264, false, 3, {0xe5, 0x88, 0x80}, "H.264 forbidden bit"},
	{CODEC_H264,
	 true,
	 10,
	 {0x78, 0, 3, 0x67, 0x42, 0xc0, 0, 2, 0x68, 0xce},
	 "H.264 STAP-A SPS"},
	{CODEC_H264, true, 9, {0x78, 0, 2, 0x68, 0xce, 0, 2, 0x65, 0x88}, "H.264 STAP-A PPS, IDR"},
	{CODEC_H264, false, 5, {0x78, 0, 2, 0x68, 0xce}, "H.264 STAP-A PPS"},
	{CODEC_H264,
	 false,
	 10,
	 {0x78, 0, 3, 0x67, 0x42, 0xc0, 0, 9, 0x68, 0xce},
	 "H.264 STAP-A lies"},
	{CODEC_H264, false, 4, {0x78, 0, 0, 0x67}, "H.264 STAP-A empty unit"},
	{CODEC_H264, true, 3, {0x7c, 0x85, 0x88}, "H.264 FU-A IDR start"},
	{CODEC_H264, false, 3, {0x7c, 0x05, 0x88}, "H.264 FU-A IDR middle"},
	{CODEC_H264, false, 3, {0x7c, 0x81, 0x88}, "H.264 FU-A P start"},
	{CODEC_H264, false, 2, {0x7c, 0x85}, "H.264 FU-A cut"},
	// AV1: Z Y W W N; OBU header: forbidden, type (4), extension, size, reserved
	{CODEC_AV1, true, 4, {0x18, 0x08, 0x00, 0x00}, "AV1 one element, sequence header"},
	{CODEC_AV1, false, 4, {0x10, 0x08, 0x00, 0x00}, "AV1 N clear"},
	{CODEC_AV1, false, 4, {0x98, 0x08, 0x00, 0x00}, "AV1 continues a fragment"},
	{CODEC_AV1, false, 4, {0x18, 0x30, 0x00, 0x00}, "AV1 frame without sequence header"},
	{CODEC_AV1, true, 6, {0x28, 2, 0x08, 0x00, 0x30, 0x00}, "AV1 two elements"},
	{CODEC_AV1, true, 6, {0x08, 1, 0x10, 2, 0x08, 0x00}, "AV1 sized, temporal delimiter first"},
	{CODEC_AV1, false, 6, {0x08, 2, 0x08, 0x00, 9, 0x30}, "AV1 size over the end"},
	{CODEC_AV1, false, 3, {0x08, 0x80, 0x80}, "AV1 size never ends"},
	{CODEC_AV1, false, 6, {0x08, 0x80, 0x80, 0x80, 0x80, 0x01}, "AV1 size absurd"},
	{CODEC_AV1, false, 1, {0x18}, "AV1 header only"},
};

static void payloads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (codec_keyframe_starts(cases[i].codec, cases[i].bytes, cases[i].size) !=
		    cases[i].starts)
			fail_msg("%s: not %d", cases[i].what, cases[i].starts);
}

static void empty_payloads_never_start_video(void **state)
{
	(void)state;
	for (int c = CODEC_VP8; c <= CODEC_AV1; c++)
		assert_false(codec_keyframe_starts((enum codec)c, NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(payloads),
		cmocka_unit_test(empty_payloads_never_start_video),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
