// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/codec.c - where keyframes begin, by payload descriptor. Contract and specs in codec.h.
#include "proto/rtc/codec.h"

#include "proto/rtc/bytes.h"

enum { H264_IDR = 5, H264_SPS = 7, H264_STAP_A = 24, H264_FU_A = 28 };
enum { AV1_OBU_SEQUENCE_HEADER = 1 };

// A picture id of 7 bits, or 15 if its top bit is set (VP8 and VP9 alike). 0 if it does not fit.
static size_t picture_id_size(const uint8_t *at, size_t left)
{
	if (left == 0)
		return 0;
	size_t size = (at[0] & 0x80) != 0 ? 2 : 1;
	return size <= left ? size : 0;
}

// RFC 7741 4.2: descriptor X R N S R PID, then I L T K and their fields; 4.3: P of the frame
// header.
static bool vp8_keyframe(const uint8_t *p, size_t size)
{
	if (size < 2 || (p[0] & 0x10) == 0 || (p[0] & 0x07) != 0)
		return false; // not the start of the first partition
	size_t off = 1;
	if ((p[0] & 0x80) != 0) {
		uint8_t fields = p[off++];
		if ((fields & 0x80) != 0) {
			size_t id = picture_id_size(p + off, size - off);
			if (id == 0)
				return false;
			off += id;
		}
		off += (fields & 0x40) != 0 ? 1 : 0; // TL0PICIDX
		off += (fields & 0x30) != 0 ? 1 : 0; // TID, Y, KEYIDX
	}
	return off < size && (p[off] & 0x01) == 0;
}

// RFC 9628 4.2: I P L F B E V Z, picture id, layer indices. The base layer's first packet of a
// picture not predicted from another one.
static bool vp9_keyframe(const uint8_t *p, size_t size)
{
	if (size < 2 || (p[0] & 0x40) != 0 || (p[0] & 0x08) == 0)
		return false;
	size_t off = 1;
	if ((p[0] & 0x80) != 0) {
		size_t id = picture_id_size(p + off, size - off);
		if (id == 0)
			return false;
		off += id;
	}
	if ((p[0] & 0x20) != 0) {
		if (off >= size || (p[off] >> 1 & 0x07) != 0)
			return false; // a higher spatial layer
		off += (p[0] & 0x10) != 0 ? 1 : 2; // TL0PICIDX only in non-flexible mode
	}
	return off < size;
}

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
	switch (codec) {
	case CODEC_OPUS:
		return true;
	case CODEC_VP8:
		return vp8_keyframe(payload, size);
	case CODEC_VP9:
		return vp9_keyframe(payload, size);
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
