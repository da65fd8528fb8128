// SPDX-License-Identifier: Apache-2.0
//
// tests/fuzz/rtc/estimator_fuzz.c - the input is a peer's feedback on what we send: whatever it
// says, the estimate stays within its limits and the log's books balance. An input is a list of
// steps: a byte of what, a byte of how much, and as many bytes of feedback.
#undef NDEBUG
#include "proto/rtc/bandwidth/estimator.h"
#include "proto/rtc/bytes.h"

#include <assert.h>
#include <string.h>

enum { SLOTS = 64, MIN_BPS = 30000, MAX_BPS = 20000000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct estimator e;
static struct sent_packet slots[SLOTS];

static void feedback(const uint8_t *fci, size_t size, uint64_t now_us)
{
	uint8_t body[8 + UINT8_MAX] = {0};
	struct rtcp_packet p = {.type = RTCP_RTPFB,
				.count = RTCP_RTPFB_TWCC,
				.body = body,
				.body_size = (uint16_t)(8 + size)};
	struct twcc_feedback f;

	memcpy(body + 8, fci, size);
	if (twcc_read(&p, &f))
		estimator_feedback(&e, &f, now_us);
}

static void check(void)
{
	assert(e.log.told <= e.log.next);
	assert(estimator_bps(&e) >= MIN_BPS && estimator_bps(&e) <= MAX_BPS);
	assert(e.rate.rate_bps >= MIN_BPS && e.rate.rate_bps <= MAX_BPS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct estimator_limits limits = {
		.start_bps = 300000, .min_bps = MIN_BPS, .max_bps = MAX_BPS};
	uint64_t now_us = 1000000;
	struct probe probe;
	uint32_t probing = 0;

	estimator_init(&e, &limits, slots, SLOTS, now_us);
	estimator_set_wanted(&e, UINT64_MAX);
	for (size_t at = 0; at + 2 <= size;) {
		uint8_t what = data[at], much = data[at + 1];
		size_t left = size - at - 2, take = 0;
		now_us += (uint64_t)(what >> 2) * 1000;
		switch (what & 3) {
		case 0:
			for (unsigned i = 0; i < much; i++)
				estimator_sent(&e, 1200, PACKET_VIDEO, probing, now_us + i * 1000);
			now_us += much * 1000;
			break;
		case 1:
			take = much < left ? much : left;
			feedback(data + at + 2, take, now_us);
			break;
		case 2:
			estimator_remb(&e, much == 0 ? 0 : UINT64_MAX >> (much & 63));
			break;
		default:
			estimator_report(&e, much, 50000, now_us);
		}
		if (estimator_poll(&e, now_us, &probe))
			probing = probe.id;
		check();
		at += 2 + take;
	}
	return 0;
}
