// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/send_path.c - estimator, probe and pacer of one path. Contract in
// send_path.h.
#include "proto/rtc/bandwidth/send_path.h"

void send_path_init(struct send_path *p, struct sent_packet *log, uint32_t log_count,
		    struct pacer_item *items, uint32_t item_count, uint64_t now_us)
{
	static const struct estimator_limits limits = {SEND_PATH_START_BPS, SEND_PATH_MIN_BPS,
						       SEND_PATH_MAX_BPS};

	*p = (struct send_path){0};
	estimator_init(&p->estimator, &limits, log, log_count, now_us);
	pacer_init(&p->pacer, items, item_count, now_us);
}

static bool probe_is_complete(const struct send_path *p)
{
	return p->probe_bytes >= p->probe.bytes && p->probe_pkts >= p->probe.pkts;
}

bool send_path_wants_padding(const struct send_path *p, uint64_t now_us)
{
	return p->probe_id != 0 && !probe_is_complete(p) &&
	       p->probe_bytes < p->probe.bps / 8 * (now_us - p->probe_us) / 1000000;
}

bool send_path_is_due(struct send_path *p, uint64_t now_us)
{
	if (p->probe_id != 0 && (probe_is_complete(p) || now_us - p->probe_us > PROBE_RESULT_US))
		p->probe_id = 0;
	return now_us >= p->poll_us;
}

bool send_path_poll(struct send_path *p, uint64_t now_us)
{
	struct probe probe;

	p->poll_us = now_us + ESTIMATOR_POLL_US;
	estimator_account(&p->estimator);
	if (p->estimator.feedbacks == 0 || !estimator_poll(&p->estimator, now_us, &probe))
		return false;
	p->probe = probe;
	p->probe_id = probe.id;
	p->probe_us = now_us;
	p->probe_bytes = 0;
	p->probe_pkts = 0;
	return true;
}

void send_path_pace(struct send_path *p, bool media_probes)
{
	uint64_t bps = estimator_bps(&p->estimator);

	p->paces = estimator_knows(&p->estimator);
	if (media_probes && p->probe_id != 0 && p->probe.bps > bps)
		bps = p->probe.bps;
	if (p->paces)
		pacer_set_rate(&p->pacer, bps);
}
