// SPDX-License-Identifier: Apache-2.0
//
// bench/load/plan.h - who sends and who receives: what bench/load/sfu.py has set up through the
// API, as lines of text on standard input.
//
//   suite NAME                                    IANA name, as the API has it; of the streams
//   below
//                                                 it, all publishers' alike and all sinks' alike
//   bytes N                                       RTP payload of a packet, 64..1400
//   sfu MAC ADDRESS PORT                          where publishers send
//   self MAC ADDRESS                              where all of them are
//   publisher PORT SSRC PT KEY                    KEY: key and salt, hexadecimal
//   sink PORT SSRC PUBLISHER KEY                  ports of sinks follow one another from the first
//   go                                            the end of the plan
//
// Keys     come in here and nowhere else: not on the command line, not in a file.
// Errors   end the process with a sentence and status 2.
#pragma once

#include "proto/shm/record.h"

#include <rte_ether.h>
#include <stdint.h>

enum { PLAN_PUBLISHERS_MAX = 64, PLAN_SINKS_MAX = 8192, PLAN_KEY_BYTES = 46 };

struct plan_stream {
	uint16_t port; // UDP, of the generator
	uint32_t ssrc;
	uint32_t number; // publisher: payload type; sink: index of its publisher
	uint8_t key[PLAN_KEY_BYTES]; // master key and salt
};

struct plan {
	enum shm_suite suite; // of the line read last
	enum shm_suite publisher_suite, sink_suite;
	uint32_t bytes;
	struct rte_ether_addr sfu_mac, self_mac;
	uint32_t sfu_address, self_address; // host order
	uint16_t sfu_port;
	uint32_t publisher_count, sink_count;
	struct plan_stream publishers[PLAN_PUBLISHERS_MAX];
	struct plan_stream sinks[PLAN_SINKS_MAX];
};

void plan_read(struct plan *p);
void plan_forget_keys(struct plan *p); // wipes them, once streams have been made
