// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/bit_reader.h - reads fields of some bits, most significant first, and never past
// its end.
//
// Place   below the parsers of bit-packed formats.
// Owns    nothing; borrows the bytes. Once 'failed' is set every read gives 0, so that a parser
//         checks once, at its end.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bit_reader {
	const uint8_t *bytes;
	size_t bit; // next to be read
	size_t end; // bits there are
	bool failed; // somebody asked for more than there was
};

static inline void bit_reader_init(struct bit_reader *r, const uint8_t *bytes, size_t size)
{
	*r = (struct bit_reader){.bytes = bytes, .end = 8 * size};
}

// The next 'count' bits, 0..32.
static inline uint32_t bit_reader_take(struct bit_reader *r, unsigned count)
{
	uint32_t value = 0;

	if (r->failed || count > r->end - r->bit) {
		r->failed = true;
		return 0;
	}
	for (unsigned i = 0; i < count; i++, r->bit++)
		value = value << 1 | (r->bytes[r->bit / 8] >> (7 - r->bit % 8) & 1u);
	return value;
}

static inline bool bit_reader_flag(struct bit_reader *r)
{
	return bit_reader_take(r, 1) != 0;
}

// ns(n) of the AV1 RTP specification, A.8.2: a value below 'n' (1..2^16), in as few bits as that
// needs.
static inline uint32_t bit_reader_below(struct bit_reader *r, uint32_t n)
{
	unsigned width = 0;

	for (uint32_t x = n; x != 0; x >>= 1)
		width++;
	uint32_t short_ones = (UINT32_C(1) << width) - n;
	uint32_t value = bit_reader_take(r, width - 1);
	if (value < short_ones)
		return value;
	return (value << 1) - short_ones + bit_reader_take(r, 1);
}
