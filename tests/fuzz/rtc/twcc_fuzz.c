// SPDX-License-Identifier: Apache-2.0
//
// tests/fuzz/rtc/twcc_fuzz.c - the input is a peer's behaviour: 4 bytes an arrival (number, pause).
// Every feedback written must be well-formed and readable, within its room.
#undef NDEBUG
#include "proto/rtc/bytes.h"
#include "proto/rtc/twcc.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written(const uint8_t *buf, size_t size)
{
	struct rtcp_walk w;
	struct rtcp_packet p;
	struct twcc_feedback f;
	struct twcc_feedback_iter it;
	struct twcc_status s;
	unsigned received = 0;

	assert(rtcp_check(buf, size));
	rtcp_walk_init(&w, buf, size);
	assert(rtcp_walk_next(&w, &p) && w.left == 0 && twcc_read(&p, &f));
	twcc_feedback_iter_init(&it, &f);
	while (twcc_feedback_next(&it, &s))
		received += s.received;
	assert(received != 0 && it.delta == f.end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct twcc_receiver r;
	uint8_t buf[1200];
	uint64_t now_us = 1000000;

	if (size == 0)
		return 0;
	size_t room = TWCC_FEEDBACK_BYTES_MIN + data[0] * 4u;
	twcc_init(&r, 1, 100000);
	for (size_t off = 1; off + 4 <= size; off += 4) {
		uint16_t pause = bytes_be16(data + off + 2);
		now_us += (pause & 0x8000) != 0 ? (uint64_t)(pause & 0x7fff) * 1000 : pause;
		twcc_receive(&r, bytes_be16(data + off), 2, now_us);
		unsigned packets = 0;
		for (size_t got; (got = twcc_poll(&r, now_us, buf, room)) != 0;) {
			assert(got <= room && ++packets <= TWCC_WINDOW_PKTS);
			check_written(buf, got);
		}
	}
	return 0;
}
