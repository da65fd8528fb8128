// SPDX-License-Identifier: Apache-2.0
//
// tests/fuzz/rtc/rtcp_fuzz.c - a compound packet through the walk and every reader, checked or not:
// the readers must be safe on packets rtcp_check() would refuse.
#undef NDEBUG
#include "proto/rtc/rtcp_remb.h"
#include "proto/rtc/rtcp_xr.h"
#include "proto/rtc/twcc.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_estimates(const struct rtcp_packet *p)
{
	struct rtcp_dlrr dlrr;
	uint64_t value;
	uint32_t ssrc;
	unsigned i = 0;

	if (rtcp_read_remb(p, &value))
		while (rtcp_read_remb_ssrc(p, i, &ssrc))
			assert(4 * ++i <= p->body_size);
	rtcp_read_rrtr(p, &ssrc, &value);
	for (i = 0; rtcp_read_dlrr(p, i, &dlrr);)
		assert(12 * ++i <= p->body_size);
}

static void read_all(const struct rtcp_packet *p, bool checked)
{
	struct rtcp_sr sr;
	struct rtcp_report_block block;
	struct rtcp_fir fir;
	struct rtcp_nack nack;
	struct twcc_feedback f;
	uint32_t ssrc;
	unsigned blocks = 0, byes = 0, i = 0;

	while (rtcp_read_report_block(p, blocks, &block))
		blocks++;
	while (rtcp_read_bye(p, byes, &ssrc))
		byes++;
	if (checked && (p->type == RTCP_SR || p->type == RTCP_RR))
		assert(blocks == p->count && (rtcp_read_sr(p, &sr) || rtcp_read_rr(p, &ssrc)));
	if (checked && p->type == RTCP_BYE)
		assert(byes == p->count);
	while (rtcp_read_fir(p, i, &fir))
		assert(8 * ++i <= p->body_size);
	for (i = 0; rtcp_read_nack(p, i, &nack);)
		assert(4 * ++i <= p->body_size);
	rtcp_read_pli(p, &ssrc);
	read_estimates(p);
	if (!twcc_read(p, &f))
		return;
	struct twcc_feedback_iter it;
	struct twcc_status s;
	twcc_feedback_iter_init(&it, &f);
	for (i = 0; twcc_feedback_next(&it, &s); i++)
		assert(s.seq == (uint16_t)(f.base_seq + i));
	assert(i == f.status_count && it.delta <= f.end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rtcp_walk w;
	struct rtcp_packet p;
	bool checked = rtcp_check(data, size);

	rtcp_walk_init(&w, data, size);
	while (rtcp_walk_next(&w, &p)) {
		assert(p.body >= data && p.body + p.body_size <= data + size);
		read_all(&p, checked);
	}
	assert(!checked || !w.malformed);
	return 0;
}
