// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/send_path.h - how one transport's sender keeps to its path: what leaves is
// told the estimator, video keeps to the pacer, and what a probe is short of is padding.
//
// Place   the consumer's worker, per transport; the simulation's likewise. Packets and padding are
//         the caller's, and so are the queue's packets behind the pacer's handles.
// Thread  one owner. Time is the caller's microseconds and never goes back.
// Owns    nothing: slots of the log and items of the pacer are the caller's.
#pragma once

#include "proto/rtc/bandwidth/estimator.h"
#include "proto/rtc/bandwidth/pacer.h"

#include <stdalign.h>
#include <stddef.h>

enum {
	SEND_PATH_START_BPS = 5000000, // believed before the first feedback
	SEND_PATH_MIN_BPS = 50000,
	SEND_PATH_MAX_BPS = 100000000,
	SEND_PATH_PADDING_ONCE = 64, // packets a turn
};

struct send_path {
	// What every packet touches is in the first line, and the first of 'pacer'.
	alignas(64) uint32_t probe_id; // of 'probe'; 0: none is under way
	uint32_t probe_bytes; // sent of it
	uint32_t probe_pkts;
	bool paces; // there is an estimate to keep to
	struct estimator estimator;
	struct probe probe; // the newest
	uint64_t probe_us; // since when
	uint64_t poll_us; // next time
	alignas(64) struct pacer pacer;
};
static_assert(offsetof(struct send_path, estimator.log.reference) <= 64, "the first line");

// 'log_count' and 'item_count' as in sent_log.h and pacer.h.
void send_path_init(struct send_path *p, struct sent_packet *log, uint32_t log_count,
		    struct pacer_item *items, uint32_t item_count, uint64_t now_us);

// True if a packet of 'size' bytes on the wire may leave at once.
static inline bool send_path_passes(struct send_path *p, enum packet_kind kind, uint32_t size,
				    uint64_t now_us)
{
	return !p->paces || pacer_pass(&p->pacer, kind, size, now_us);
}

// The transport-wide number of a packet of 'size' bytes on the wire that leaves now.
static inline uint16_t send_path_number(struct send_path *p, enum packet_kind kind, uint32_t size,
					uint64_t now_us)
{
	uint16_t number = estimator_number(&p->estimator);

	estimator_sent(&p->estimator, size, kind, p->probe_id, now_us);
	if (p->probe_id != 0) {
		p->probe_bytes += size;
		p->probe_pkts++;
	}
	return number;
}

// True while a probe is under way of which less has left than its rate has by now: padding shall
// leave, SEND_PATH_PADDING_ONCE packets a turn at most.
bool send_path_wants_padding(const struct send_path *p, uint64_t now_us);

// To be called every turn: a probe that is complete, or whose result is waited for no longer, ends.
// True if it is time for send_path_poll().
bool send_path_is_due(struct send_path *p, uint64_t now_us);

// Lets time pass for the estimator. True if a probe begins.
bool send_path_poll(struct send_path *p, uint64_t now_us);

// Behind it: tells the pacer how fast. 'media_probes': there is no padding to make up the rate of
// the probe under way, so media is not to wait for what the probe shall find out.
void send_path_pace(struct send_path *p, bool media_probes);
