// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/budget.h - how much may reach the kernel: in total, of each class, of each source.
//
// Place   core/punt.c, on the main lcore, which sees what all workers punt together.
// Bounds  sources are kept in a fixed table; the one unseen for longest goes first, and a flood of
//         invented sources is held by the other two budgets.
#pragma once

#include "dataplane/core/config.h"

#include <stdbool.h>
#include <stdint.h>

enum budget_class {
	BUDGET_STUN,
	BUDGET_DTLS,
	BUDGET_NEIGHBOUR, // ARP and ND
	BUDGET_ICMP,
	BUDGET_OTHER,
	BUDGET_CLASS_COUNT,
};

enum budget_verdict { BUDGET_OK, BUDGET_OVER_TOTAL, BUDGET_OVER_CLASS, BUDGET_OVER_SOURCE };

enum { BUDGET_SOURCE_BYTES = 16 }; // an IP address or a MAC, zero-padded

struct budget;

struct budget *budget_new(const struct config *c); // NULL without memory
void budget_free(struct budget *b); // accepts NULL

// Takes one packet's worth from all three budgets, or from none.
enum budget_verdict budget_take(struct budget *b, enum budget_class class,
				const uint8_t source[BUDGET_SOURCE_BYTES], uint64_t now_us);
