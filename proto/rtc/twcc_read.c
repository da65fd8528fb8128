// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/twcc_read.c - reading transport-wide feedback from a peer. Contract and spec in twcc.h.
#include "proto/rtc/twcc.h"

#include "proto/rtc/bytes.h"

#include <assert.h>

enum { FCI_HEAD_BYTES = 8, SYMBOL_RESERVED = 3 };

// Symbols a chunk holds: a run, 14 of one bit, or 7 of two.
static uint16_t chunk_symbols(uint16_t word)
{
	if ((word & 0x8000) == 0)
		return word & 0x1fff;
	return (word & 0x4000) == 0 ? 14 : 7;
}

// The symbol's value is also the size of its delta in bytes, but for the reserved one.
static unsigned chunk_symbol(uint16_t word, unsigned i)
{
	if ((word & 0x8000) == 0)
		return word >> 13 & 3;
	if ((word & 0x4000) == 0)
		return word >> (13 - i) & 1;
	return word >> (12 - 2 * i) & 3;
}

// Bytes of deltas announced by the first 'symbols' of a chunk; -1 if one is reserved.
static int32_t chunk_delta_bytes(uint16_t word, uint16_t symbols)
{
	if ((word & 0x8000) == 0) {
		unsigned symbol = chunk_symbol(word, 0);
		return symbol == SYMBOL_RESERVED ? -1 : (int32_t)(symbol * symbols);
	}
	unsigned sum = 0;
	for (unsigned i = 0; i < symbols; i++) {
		unsigned symbol = chunk_symbol(word, i);
		if (symbol == SYMBOL_RESERVED)
			return -1;
		sum += symbol;
	}
	return (int32_t)sum;
}

bool twcc_read(const struct rtcp_packet *p, struct twcc_feedback *f)
{
	struct rtcp_feedback fb;
	if (p->type != RTCP_RTPFB || p->count != RTCP_RTPFB_TWCC || !rtcp_read_feedback(p, &fb) ||
	    fb.fci_size < FCI_HEAD_BYTES)
		return false;
	*f = (struct twcc_feedback){
		.base_seq = bytes_be16(fb.fci),
		.status_count = bytes_be16(fb.fci + 2),
		.reference_64ms = bytes_be24(fb.fci + 4),
		.feedback_count = fb.fci[7],
		.chunks = fb.fci + FCI_HEAD_BYTES,
		.end = fb.fci + fb.fci_size,
	};
	if (f->status_count == 0)
		return false;
	uint16_t left = f->status_count;
	size_t delta_bytes = 0;
	for (f->deltas = f->chunks; left != 0; f->deltas += 2) {
		if (f->end - f->deltas < 2)
			return false;
		uint16_t word = bytes_be16(f->deltas);
		uint16_t symbols = chunk_symbols(word);
		if (symbols > left)
			symbols = left;
		int32_t bytes = chunk_delta_bytes(word, symbols);
		if (symbols == 0 || bytes < 0)
			return false;
		left = (uint16_t)(left - symbols);
		delta_bytes += (size_t)bytes;
	}
	return delta_bytes <= (size_t)(f->end - f->deltas);
}

void twcc_feedback_iter_init(struct twcc_feedback_iter *it, const struct twcc_feedback *f)
{
	*it = (struct twcc_feedback_iter){
		.chunk = f->chunks,
		.chunks_end = f->deltas,
		.delta = f->deltas,
		.deltas_end = f->end,
		.left = f->status_count,
		.seq = f->base_seq,
	};
}

bool twcc_feedback_next(struct twcc_feedback_iter *it, struct twcc_status *s)
{
	if (it->left == 0)
		return false;
	if (it->symbol == 0) {
		assert(it->chunks_end - it->chunk >= 2); // twcc_read() counted
		it->word = bytes_be16(it->chunk);
		it->chunk += 2;
	}
	unsigned symbol = chunk_symbol(it->word, it->symbol);
	assert(symbol <= (size_t)(it->deltas_end - it->delta));
	*s = (struct twcc_status){.seq = it->seq, .received = symbol != 0};
	if (symbol == 1)
		s->delta_250us = it->delta[0];
	else if (symbol == 2)
		s->delta_250us = (int16_t)bytes_be16(it->delta);
	it->delta += symbol;
	it->symbol++;
	if (it->symbol == chunk_symbols(it->word))
		it->symbol = 0;
	it->seq++;
	it->left--;
	return true;
}
