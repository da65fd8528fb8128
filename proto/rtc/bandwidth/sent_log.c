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

void sent_log_add(struct sent_log *l, uint32_t size, enum packet_kind kind, uint32_t probe,
		  uint64_t now_us)
{
	struct sent_packet *s = &l->slots[l->next & l->mask];

	if (s->sent_us != 0 && s->fate == FATE_UNKNOWN)
		l->in_flight_bytes -= s->size;
	*s = (struct sent_packet){
		.number = l->next,
		.sent_us = now_us + 1,
		.size = size,
		.probe = probe,
		.kind = (uint8_t)kind,
	};
	l->in_flight_bytes += size;
	l->next++;
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

static struct sent_packet *find(struct sent_log *l, int64_t number)
{
	if (number < 0 || (uint64_t)number >= l->next)
		return NULL;
	struct sent_packet *s = &l->slots[(uint64_t)number & l->mask];
	return s->sent_us != 0 && s->number == (uint64_t)number ? s : NULL;
}

bool sent_log_next(struct sent_log_reader *r, struct sent_result *out)
{
	struct twcc_status status;

	while (twcc_feedback_next(&r->it, &status)) {
		struct sent_packet *s = find(r->log, ++r->number);
		if (status.received)
			r->arrival_us += (int64_t)status.delta_250us * DELTA_US;
		enum fate fate = status.received ? FATE_RECEIVED : FATE_LOST;
		if (s == NULL || s->fate >= fate)
			continue;
		*out = (struct sent_result){
			.sent_us = s->sent_us - 1,
			.arrival_us = r->arrival_us,
			.size = s->size,
			.probe = s->probe,
			.kind = s->kind,
			.received = status.received,
			.was_lost = s->fate == FATE_LOST,
		};
		if (s->fate == FATE_UNKNOWN)
			r->log->in_flight_bytes -= s->size;
		s->fate = (uint8_t)fate;
		return true;
	}
	return false;
}
