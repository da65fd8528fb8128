// SPDX-License-Identifier: Apache-2.0
//
// tests/fuzz/rtc/rtp_fuzz.c - RTP and its header extensions; what is read must lie inside the
// input, and what is built from it must be readable again.
#undef NDEBUG
#include "proto/rtc/rtp_ext.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(const uint8_t *at, size_t count, const uint8_t *data, size_t size)
{
	assert(at >= data && at <= data + size && count <= (size_t)(data + size - at));
	volatile uint8_t sink = 0;
	for (size_t i = 0; i < count; i++)
		sink ^= at[i];
	(void)sink;
}

static void check_iteration(const struct rtp_view *v, const uint8_t *data, size_t size)
{
	struct rtp_ext_iter it;
	struct rtp_ext_item item, found;
	size_t steps = 0;
	rtp_ext_iter_init(&it, v);
	while (rtp_ext_next(&it, &item)) {
		check_inside(item.data, item.size, data, size);
		assert(++steps <= v->ext_size);
		assert(rtp_ext_find(v, item.id, &found) && found.data <= item.data);
	}
}

// Ids 1.. for a consumer of the one-byte form; every third input asks for the two-byte form.
static void check_built(const struct rtp_view *v)
{
	struct rtp_ext_map map = {.allow_mixed = v->seq & 1};
	struct rtp_ext_set in, again;
	struct rtp_ext_built built;
	uint8_t block[RTP_EXT_BLOCK_BYTES_MAX];
	const struct rtp_ext_own own = {.mid = "ab", .mid_size = 2, .twcc_seq = v->seq};
	for (unsigned kind = 0; kind < RTP_EXT_COUNT; kind++)
		map.id[kind] = (uint8_t)(1 + kind + (v->seq % 3 == 0 ? 20 : 0));
	struct rtp_ext_map sender = {0};
	for (unsigned kind = 0; kind < RTP_EXT_COUNT; kind++)
		sender.id[kind] = (uint8_t)(1 + kind);
	rtp_ext_collect(&in, v, &sender);
	assert(rtp_ext_build(&built, block, sizeof(block), &in, &map, &own));
	assert(built.size >= 4 && built.size % 4 == 0);
	struct rtp_view out = {.ext = block + 4,
			       .ext_size = (uint16_t)(built.size - 4),
			       .ext_profile = (uint16_t)(block[0] << 8 | block[1])};
	rtp_ext_collect(&again, &out, &map);
	assert(again.data[RTP_EXT_RID] == NULL && again.data[RTP_EXT_REPAIRED_RID] == NULL);
	assert(again.size[RTP_EXT_MID] == 2 && memcmp(again.data[RTP_EXT_MID], "ab", 2) == 0);
	assert(again.data[RTP_EXT_TRANSPORT_WIDE_CC] == block + built.twcc_offset);
	assert(again.data[RTP_EXT_ABS_SEND_TIME] == block + built.abs_send_time_offset);
	for (unsigned kind = RTP_EXT_AUDIO_LEVEL; kind < RTP_EXT_COUNT; kind++)
		if (again.data[kind] != NULL)
			assert(again.size[kind] == in.size[kind] &&
			       memcmp(again.data[kind], in.data[kind], in.size[kind]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rtp_view v, protected;
	bool good = rtp_parse(&v, data, size);
	bool protected_good = rtp_parse_protected(&protected, data, size);
	assert(!good || protected_good);
	if (!protected_good)
		return 0;
	check_inside(protected.payload, protected.payload_size, data, size);
	assert((size_t) protected.header_size + protected.payload_size == size);
	check_iteration(&protected, data, size);
	if (!good)
		return 0;
	assert((size_t)v.header_size + v.payload_size + v.padding_size == size);
	check_built(&v);
	return 0;
}
