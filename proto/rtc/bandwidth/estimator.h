// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/estimator.h - how much one consumer's path carries: delay-based, loss-based,
// probed; from transport-wide feedback, else from REMB and receiver reports.
//
// Place   the consumer's worker, per transport. Egress tells what left, feedback what arrived; the
//         estimate goes to the allocation and the pacer.
// Thread  one owner. Time is the caller's microseconds and never goes back.
// Owns    nothing: the slots of the log are the caller's.
// Spec    draft-ietf-rmcat-gcc-02, draft-holmer-rmcat-transport-wide-cc-extensions-01,
//         draft-alvestrand-rmcat-remb-03.
#pragma once

#include "proto/rtc/bandwidth/app_limit.h"
#include "proto/rtc/bandwidth/loss_control.h"
#include "proto/rtc/bandwidth/probe_control.h"
#include "proto/rtc/bandwidth/probe_result.h"
#include "proto/rtc/bandwidth/rate_control.h"
#include "proto/rtc/bandwidth/sent_log.h"
#include "proto/rtc/bandwidth/standing_queue.h"
#include "proto/rtc/bandwidth/throughput.h"
#include "proto/rtc/bandwidth/trendline.h"

enum {
	ESTIMATOR_SILENCE_US = 1000000, // without feedback while packets are out: slow down
	ESTIMATOR_POLL_US = 25000,
	ESTIMATOR_CALM_US = 1000000, // without overuse before a probe
	ESTIMATOR_UNREPORTED_US = 5000000, // without a receiver report
};

struct estimator_limits {
	uint64_t start_bps;
	uint64_t min_bps;
	uint64_t max_bps;
};

struct estimator {
	uint64_t silenced_us; // last slowing down for want of feedback
	struct sent_log log; // this and the one above: what every packet touches
	struct estimator_limits limits;
	struct arrival_groups groups;
	struct trendline trend;
	struct standing_queue standing;
	struct throughput acked;
	struct throughput sent; // by our own clock
	struct rate_control rate;
	struct loss_control loss;
	struct app_limit app;
	struct probe_control probes;
	struct probe_results results;
	uint64_t remb_bps; // 0: none came
	uint64_t wanted_bps;
	uint64_t feedback_us; // last transport-wide one, 0: none came
	uint64_t reported_us; // last receiver report, 0: none came
	uint64_t overused_us; // last
	uint64_t rtt_us; // smoothed
	uint64_t overuses; // counters
	uint64_t feedbacks;
	bool lossy; // receiver reports have told of losses that lowered the limit
};

// 'slots' as in sent_log.h.
void estimator_init(struct estimator *e, const struct estimator_limits *limits,
		    struct sent_packet *slots, uint32_t count, uint64_t now_us);
// What the consumer could use, were there no bound: probes go no further.
void estimator_set_wanted(struct estimator *e, uint64_t bps);
// A packet leaves under the number estimator_number().
static inline uint16_t estimator_number(const struct estimator *e)
{
	return sent_log_number(&e->log);
}
static inline void estimator_sent(struct estimator *e, uint32_t size, enum packet_kind kind,
				  uint32_t probe, uint64_t now_us)
{
	// Silence is counted from the first packet that is out.
	if (!sent_log_waits(&e->log))
		e->silenced_us = now_us;
	sent_log_add(&e->log, size, kind, probe, now_us);
}
// Counts what has left since the last time: rates of sending come in steps of these calls. Every
// ESTIMATOR_POLL_US; the functions below do it, too.
void estimator_account(struct estimator *e);

void estimator_feedback(struct estimator *e, const struct twcc_feedback *f, uint64_t now_us);
// Ignored once transport-wide feedback came, as are the receiver report and the two below.
void estimator_remb(struct estimator *e, uint64_t bps);
// 'fraction_lost' in 1/256, 'rtt_us' 0 if not known.
void estimator_report(struct estimator *e, uint8_t fraction_lost, uint64_t rtt_us, uint64_t now_us);
// 'bytes' left without transport-wide numbers.
void estimator_left(struct estimator *e, uint64_t bytes, uint64_t now_us);
// To be called every ESTIMATOR_POLL_US: nobody reports on what is not sent, so what losses held
// back is tried again in time.
void estimator_unreported(struct estimator *e, uint64_t now_us);
// True if anything but our start says what the path carries.
static inline bool estimator_knows(const struct estimator *e)
{
	return e->feedbacks != 0 || e->remb_bps != 0 || e->lossy;
}

// To be called every ESTIMATOR_POLL_US. Lets time pass: slows down where feedback stays away. True
// if a probe shall start, for the pacer.
bool estimator_poll(struct estimator *e, uint64_t now_us, struct probe *probe);
uint64_t estimator_bps(const struct estimator *e);
