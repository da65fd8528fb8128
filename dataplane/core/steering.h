// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/steering.h - rules in the wire port (rte_flow): a transport's packets come in on
// the queue of the worker that owns it.
//
// RSS alone is right for most: an ICE transport belongs to the worker on whose queue its first
// check came in. A rule is made where a packet of the selected tuple came in on another one: plain
// transports, paths that moved. It goes with the transport, or when the tuple is not selected any
// more. While rules change a few packets may overtake each other.
//
// Thread   main. Workers ask by XMSG_STEER, once a second and transport, while 'dp->steers'.
// Bounds   one rule a transport; STEERING_CHANGES_MAX made or destroyed in 10 ms, as drivers may
// take
//          a millisecond for each. What is not done is asked for again.
// Refused  counted; packets go on being handed over (ingress/lookup.c).
// Tags     a rule names no VLAN: whether it finds tagged packets is the driver's business.
#pragma once

#include "dataplane/core/port.h"
#include "dataplane/core/worker.h"
#include "proto/rtc/addr.h"

#include <stdio.h>

struct rte_flow;

enum { STEERING_CHANGES_MAX = 4, STEERING_WHY_BYTES = 128 };

struct steering_rule {
	struct rte_flow *flow; // NULL: none
	uint32_t generation; // of the transport
	uint32_t queue;
	struct rtc_addr remote;
	struct rtc_addr local;
};

struct steering {
	struct dataplane *dp;
	const struct port *wire;
	struct shm_worker_stats *stats; // main's
	struct steering_rule *rules; // [limits.transports]
	uint32_t next; // slot the next sweep begins with
	unsigned changes; // left until steering_due()
	uint64_t refused_until_us; // the port may be full: not before
	bool supported[2]; // IPv4, IPv6
	char why[2][STEERING_WHY_BYTES]; // they are not
};

// Asks the port what it would take. False without memory.
bool steering_new(struct steering *s, struct dataplane *dp, const struct port *wire,
		  struct shm_worker_stats *stats);
// Destroys every rule. Before the port is closed.
void steering_free(struct steering *s);

// One line: how packets find their workers. Nothing where there is one worker.
void steering_print(const struct steering *s, FILE *to);

// XMSG_STEER: makes the rule for where 'ref' says in its state record that its peer is.
void steering_wanted(struct steering *s, struct shm_ref ref, uint64_t now_us);

// Every 10 ms: looks at some slots and destroys the rules nobody needs any more.
void steering_due(struct steering *s);
