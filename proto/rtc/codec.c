// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/codec.c - where keyframes begin, by payload descriptor. Contract and specs in codec.h.
#include "proto/rtc/codec.h"

#include "proto/rtc/bytes.h"
#include "proto/rtc/layer/vp8.h"
#include "proto/rtc/layer/vp9.h"

enum { H264_IDR = 5, H264_SPS = 7, H264_STAP_A = 24, H264_FU_A = 28 };
enum { AV1_OBU_SEQUENCE_HEADER = 1 };

// 'nal' is the NAL unit's type; 'slice' what follows its header. A slice begins the picture if its
// first_mb_in_slice, an Exp-Golomb code, is 0: a single 1 bit.
static bool h264_nal_starts(uint8_t nal, const uint8_t *slice, size_t size)
{
	if (nal == H264_SPS)
		return size != 0;
	return nal == H264_IDR && size != 0 && (slice[0] & 0x80) != 0;
}

// RFC 6184 5.7.1: NAL units, each behind its 16-bit size.
static bool h264_aggregate_starts(const uint8_t *p, size_t size)
{
	bool starts = false;
	for (size_t off = 1; off < size;) {
		if (size - off < 3)
			return false;
		size_t nal_size = bytes_be16(p + off);
		off += 2;
		if (nal_size == 0 || nal_size > size - off)
			return false;
		starts |= h264_nal_starts(p[off] & 0x1f, p + off + 1, nal_size - 1);
		off += nal_size;
	}
	return starts;
}

static bool h264_keyframe(const uint8_t *p, size_t size)
{
	if (size < 2 || (p[0] & 0x80) != 0)
		return false;
	uint8_t nal = p[0] & 0x1f;
	if (nal == H264_STAP_A)
		return h264_aggregate_starts(p, size);
	if (nal == H264_FU_A) // RFC 6184 5.8: S E R type
		return (p[1] & 0x80) != 0 && h264_nal_starts(p[1] & 0x1f, p + 2, size - 2);
	return h264_nal_starts(nal, p + 1, size - 1);
}

// AV1 4.10.5: 7 bits a byte, least significant first. 0 bytes read: not inside 'size', or too
// large.
static size_t leb128(const uint8_t *at, size_t left, size_t *value)
{
	*value = 0;
	for (size_t i = 0; i < left && i < 4; i++) {
		*value |= (size_t)(at[i] & 0x7f) << (7 * i);
		if ((at[i] & 0x80) == 0)
			return i + 1;
	}
	return 0;
}

// AV1 RTP 4.4: aggregation header Z Y W N, then W OBU elements, each behind its size but the last;
// with W 0 every one has its size. N: first packet of a coded video sequence, which a sequence
// header opens.
static bool av1_keyframe(const uint8_t *p, size_t size)
{
	if (size < 2 || (p[0] & 0x80) != 0 || (p[0] & 0x08) == 0)
		return false;
	unsigned elements = p[0] >> 4 & 0x03;
	bool starts = false;
	size_t off = 1;
	for (unsigned i = 1; off < size; i++) {
		size_t element = size - off;
		if (i != elements) {
			size_t head = leb128(p + off, size - off, &element);
			off += head;
			if (head == 0 || element > size - off)
				return false;
		}
		if (element != 0)
			starts |= (p[off] >> 3 & 0x0f) == AV1_OBU_SEQUENCE_HEADER;
		off += element;
		if (i == elements)
			break;
	}
	return starts;
}

bool codec_keyframe_starts(enum codec codec, const uint8_t *payload, size_t size)
{
	struct vp8_descriptor vp8;
	struct vp9_descriptor vp9;

	switch (codec) {
	case CODEC_OPUS:
	case CODEC_RED:
		return true;
	case CODEC_VP8:
		return vp8_descriptor_read(&vp8, payload, size) && vp8.keyframe;
	case CODEC_VP9:
		return vp9_descriptor_read(&vp9, payload, size) && vp9_keyframe(&vp9, size);
	case CODEC_H264:
		return h264_keyframe(payload, size);
	case CODEC_AV1:
		return av1_keyframe(payload, size);
	case CODEC_NONE:
	case CODEC_COUNT:
		break;
	}
	return false;
}
