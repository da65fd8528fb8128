// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/standing_queue.h - a queue that is full and stays so: its delay no longer
// grows, so the trendline calls the path fine, and what it drops looks like a radio link's loss.
//
// Place   the estimator, beside the trendline; fed with every arrival.
// Thread  one owner. 'now_us' is the caller's time and never goes back; delays are by two clocks,
// so
//         that only their differences count. The least of the last 15 to 30 s is an empty queue's:
//         clocks drift by less than 3 ms meanwhile.
// Others  may fill the queue. What stays after STANDING_TRIES slowdowns is taken for theirs.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	STANDING_DELAY_US = 120000, // of every packet, above an empty queue's
	STANDING_US = 300000, // for so long, and once more after each slowdown
	STANDING_TRIES = 6,
	STANDING_WINDOW_US = 15000000,
};

struct standing_queue {
	int64_t least_us[2]; // delay of this window and of the one before
	int64_t report_us; // least delay of the feedback under way
	uint64_t window_us; // start of this window; 0: none yet
	uint64_t since_us; // how long the queue stands; 0: it does not
	uint32_t tries;
	bool reported; // 'report_us' is set
};

void standing_queue_init(struct standing_queue *q);
// A packet arrived 'delay_us' after it left.
void standing_queue_feed(struct standing_queue *q, int64_t delay_us);
// The feedback is read. True if the rate shall go down.
bool standing_queue_over(struct standing_queue *q, uint64_t now_us);
