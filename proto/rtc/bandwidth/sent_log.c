// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/sent_log.c - from transport-wide feedback to packets. Contract in sent_log.h.
#include "proto/rtc/bandwidth/sent_log.h"

#include "proto/rtc/seq.h"

#include <assert.h>
#include <string.h>

enum {
	REFERENCE_US = 64000,
	DELTA_US = 250,
	CLOCK_SLACK_US = 10000000, // a feedback may be about packets this much older than the last
};
enum fate { FATE_UNKNOWN, FATE_LOST, FATE_RECEIVED };

void sent_log_init(struct sent_log *l, struct sent_packet *slots, uint32_t count)
{
	assert(count != 0 && count <= 32768 && (count & (count - 1)) == 0);
	memset(slots, 0, count * sizeof(*slots));
	*l = (struct sent_log){.slots = slots, .mask = count - 1};
}

static int64_t unwrap_reference(const struct sent_log *l, uint32_t reference)
{
	if (!l->referenced)
		return reference;
	uint32_t ahead = (reference - (uint32_t)l->reference) & 0xffffff;
	return l->reference + (int64_t)ahead - (ahead >= 0x800000 ? 0x1000000 : 0);
}

bool sent_log_read(struct sent_log_reader *r, struct sent_log *l, const struct twcc_feedback *f,
		   uint64_t now_us)
{
	int64_t reference = unwrap_reference(l, f->reference_64ms);
	int64_t offset = reference * REFERENCE_US - (int64_t)now_us;
	bool jumped = !l->referenced || offset - l->clock_offset_us > CLOCK_SLACK_US ||
		      l->clock_offset_us - offset > CLOCK_SLACK_US;

	if (jumped) {
		l->absurd += l->referenced;
		l->clock_offset_us = offset;
		l->referenced = true;
	}
	l->reference = reference;
	*r = (struct sent_log_reader){
		.log = l,
		.arrival_us = reference * REFERENCE_US,
		.number = seq_unwrap((int64_t)l->next - 1, f->base_seq) - 1,
	};
	twcc_feedback_iter_init(&r->it, f);
	return !jumped;
}

// Slots are filled one after another, so they hold the newest numbers and no others.
static struct sent_packet *find(struct sent_log *l, int64_t number)
{
	if (number < 0 || (uint64_t)number >= l->next || l->next - (uint64_t)number > l->mask + 1)
		return NULL;
	return &l->slots[(uint64_t)number & l->mask];
}

static uint64_t time_of(const struct sent_log *l, const struct sent_packet *s)
{
	return l->newest_us - sent_time(l->newest_us - s->word);
}

static enum fate fate_of(const struct sent_packet *s)
{
	return (enum fate)(s->word >> SENT_FATE_BIT);
}

static void fate_set(struct sent_packet *s, enum fate fate)
{
	s->word = (s->word & ((UINT64_C(1) << SENT_FATE_BIT) - 1)) | (uint64_t)fate
									     << SENT_FATE_BIT;
}

bool sent_log_next(struct sent_log_reader *r, struct sent_result *out)
{
	struct twcc_status status;

	while (twcc_feedback_next(&r->it, &status)) {
		struct sent_packet *s = find(r->log, ++r->number);
		if (status.received)
			r->arrival_us += (int64_t)status.delta_250us * DELTA_US;
		enum fate fate = status.received ? FATE_RECEIVED : FATE_LOST;
		if (s == NULL || fate_of(s) >= fate)
			continue;
		*out = (struct sent_result){
			.sent_us = time_of(r->log, s),
			.arrival_us = r->arrival_us,
			.size = s->word >> SENT_SIZE_BIT & SENT_SIZE_MAX,
			.probe = s->word >> SENT_PROBE_BIT & SENT_PROBE_MAX,
			.kind = s->word >> SENT_KIND_BIT & 3,
			.received = status.received,
			.was_lost = fate_of(s) == FATE_LOST,
		};
		if ((uint64_t)r->number >= r->log->told)
			r->log->told = (uint64_t)r->number + 1;
		fate_set(s, fate);
		return true;
	}
	return false;
}
