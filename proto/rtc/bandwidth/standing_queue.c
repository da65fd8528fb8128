// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/standing_queue.c - delay against the least of late. Contract in
// standing_queue.h.
#include "proto/rtc/bandwidth/standing_queue.h"

void standing_queue_init(struct standing_queue *q)
{
	*q = (struct standing_queue){.window_us = 0};
}

void standing_queue_feed(struct standing_queue *q, int64_t delay_us)
{
	if (!q->reported || delay_us < q->report_us)
		q->report_us = delay_us;
	q->reported = true;
}

static void begin(struct standing_queue *q, uint64_t now_us)
{
	q->window_us = now_us;
	q->least_us[0] = q->least_us[1] = q->report_us;
	q->since_us = 0;
	q->tries = 0;
}

static int64_t empty_us(struct standing_queue *q, uint64_t now_us)
{
	if (now_us - q->window_us >= STANDING_WINDOW_US) {
		q->least_us[1] = q->least_us[0];
		q->least_us[0] = q->report_us;
		q->window_us = now_us;
	}
	if (q->report_us < q->least_us[0])
		q->least_us[0] = q->report_us;
	return q->least_us[0] < q->least_us[1] ? q->least_us[0] : q->least_us[1];
}

bool standing_queue_over(struct standing_queue *q, uint64_t now_us)
{
	if (!q->reported)
		return false;
	q->reported = false;
	if (q->window_us == 0)
		begin(q, now_us);
	if (q->report_us - empty_us(q, now_us) < STANDING_DELAY_US) {
		q->since_us = 0;
		q->tries = 0;
		return false;
	}
	if (q->since_us == 0)
		q->since_us = now_us;
	if (now_us - q->since_us < STANDING_US)
		return false;
	q->since_us = now_us;
	if (q->tries++ < STANDING_TRIES)
		return true;
	begin(q, now_us);
	return false;
}
