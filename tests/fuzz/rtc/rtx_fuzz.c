// SPDX-License-Identifier: Apache-2.0
//
// tests/fuzz/rtc/rtx_fuzz.c - an RTX packet: its original is a packet too, two bytes shorter, with
// the same header fields but those that are restored.
#undef NDEBUG
#include "proto/rtc/loss/rtx.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t packet[2048];
	struct rtp_view before, after;
	struct rtx_original o = {.ssrc = 0x12345678, .pt = 96};

	if (size > sizeof(packet) || !rtp_parse(&before, data, size))
		return 0;
	memcpy(packet, data, size);
	if (!rtx_unwrap(packet, size, &before, &o))
		return 0;
	assert(rtp_parse(&after, packet + RTX_OSN_BYTES, size - RTX_OSN_BYTES));
	assert(after.payload_size + RTX_OSN_BYTES == before.payload_size);
	assert(after.ssrc == o.ssrc && after.pt == o.pt && after.ts == before.ts);
	assert(after.header_size == before.header_size && after.marker == before.marker);
	return 0;
}
