// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/punt.h - main lcore: between the workers and the host's kernel, both ways.
//
// Place   up: XMSG_PUNT -> budgets -> public port becomes internal -> kernel port.
//         down: kernel port -> internal port becomes public -> XMSG_KERNEL_TX to a worker.
//         Clients see one UDP port; every ICE agent of the control plane has a socket of its own.
// Books   of the main lcore: what goes to the kernel is consumed, what does not is an ingress drop;
//         of the kernel's frames each is forwarded to a worker or an egress drop.
#pragma once

#include "dataplane/core/budget.h"
#include "dataplane/core/hmac.h"
#include "dataplane/core/kernel_port.h"
#include "dataplane/core/transactions.h"
#include "dataplane/core/worker.h"

#include <stdbool.h>

struct punt {
	struct dataplane *dp;
	struct kernel_port *kernel;
	struct shm_worker_stats *stats; // the main lcore's
	struct budget *budget;
	struct transactions *transactions;
	struct hmac *hmac;
	// Who has an internal port: epochs_transport_by_port().
	bool (*transport_by_port)(const void *context, uint16_t port, struct shm_ref *ref);
	const void *context;
	uint64_t now_us; // set by the caller before each turn
	struct rte_mbuf *queue[BURST_PKTS_MAX]; // towards the kernel
	unsigned queued;
};

// Makes tables and contexts; the caller has filled in what is before them. False without memory.
bool punt_new(struct punt *p, const struct config *c);
void punt_free(struct punt *p);

// XMSG_PUNT. Takes the mbuf.
void punt_up(struct punt *p, const struct xmsg *msg);

// XMSG_STUN_RESPONSE from 'worker': to a request of the control plane's? Then its tuple is checked,
// and the owner punts it. Takes the mbuf.
void punt_stun_response(struct punt *p, unsigned worker, const struct xmsg *msg);

// Hands what punt_up() has queued to the kernel.
void punt_flush(struct punt *p);

// A frame of the kernel's. Takes the mbuf.
void punt_down(struct punt *p, struct rte_mbuf *m);
