// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/keyframe_gate.h - merges the consumers' keyframe requests into few towards the
// publisher.
//
// Place   the publisher's worker, per encoding. Consumers' PLI and FIR, and consumers that start,
// ask. Thread  one owner.
//
// At most one request leaves per interval. A request is repeated each interval until a keyframe
// came or 'tries_max' were sent; a request that comes while one is under way joins it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define KEYFRAME_GATE_INTERVAL_US UINT64_C(500000)
enum { KEYFRAME_GATE_TRIES_MAX = 10 };

struct keyframe_gate {
	uint64_t interval_us;
	uint64_t next_us; // earliest next request towards the publisher
	uint32_t tries_max;
	uint32_t tries_left; // 0: nobody waits
};

void keyframe_gate_init(struct keyframe_gate *g, uint64_t interval_us, uint32_t tries_max);
// Somebody needs a keyframe. A new wish also renews the tries of one under way.
void keyframe_gate_request(struct keyframe_gate *g);
// True if a PLI or FIR shall leave now; it then counts as sent.
bool keyframe_gate_poll(struct keyframe_gate *g, uint64_t now_us);
// A keyframe of this encoding begins: everybody who waited is served.
void keyframe_gate_seen(struct keyframe_gate *g);
// When keyframe_gate_poll() is next true, UINT64_MAX while nobody waits.
uint64_t keyframe_gate_deadline_us(const struct keyframe_gate *g);
