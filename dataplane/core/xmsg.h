// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/xmsg.h - messages between cores: worker to worker, worker to main and back.
//
// Carrier  one rte_ring per ordered pair of cores, single producer, single consumer, elements of
//          struct xmsg. A full ring refuses the new message by name and never blocks.
// Refs     index and generation, never the object: the receiver resolves its own, and an unknown
//          generation is dropped by name. The exceptions (mbufs, contexts, epochs) hand over
//          ownership with the pointer.
// Books    whoever ends a packet counts it: a punted one is 'consumed' (given to the kernel) or
//          dropped by name in main's statistics, not in the worker's.
#pragma once

#include "proto/shm/abi.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_ring;
struct worker;

enum xmsg_kind {
	// worker -> worker
	XMSG_FANOUT = 1, // 'mbuf' is one reference to an opened RTP packet of track 'ref'
	XMSG_HANDOVER, // 'mbuf' belongs to transport 'ref', owned by the receiver
	XMSG_KEYFRAME, // track 'ref', encoding 'a': a consumer wants a keyframe
	XMSG_SENDER_REPORT, // track 'ref', encoding 'a': NTP 'value', RTP timestamp 'b' of SSRC
			    // 'c', at 'time_us'
	XMSG_WANTED, // track 'ref': a consumers' worker wants the encodings of bit mask 'a';
		     // repeated every second (proto/rtc/layer/wanted.h)
	// worker -> main
	XMSG_PUNT, // 'mbuf' goes to the kernel; 'ref' the transport, 0 if it is about none
	XMSG_STUN_RESPONSE, // 'mbuf' is a STUN response: is it to a request of libnice's?
	XMSG_EVENT_CHECKED, // transport 'ref' has its first checked tuple
	XMSG_EVENT_PATH, // transport 'ref' moved; 'value' is the path generation
	XMSG_EVENT_EXPIRED, // transport 'ref' lost consent
	XMSG_EVENT_BOUND, // track 'ref', encoding 'a' has SSRC 'b'
	XMSG_WANT_STREAM, // transport 'ref' wants a receive stream for SSRC 'b'
	XMSG_FREE_STREAM, // 'pointer' is a receive stream nobody uses any more
	XMSG_FREE_SOURCE, // the same for the source of an SSRC without SRTP
	XMSG_EVENT_WANTED, // track 'ref': all workers together want the encodings of mask 'a'
	XMSG_STEER, // packets of transport 'ref', which the sender owns, come in on another queue
	XMSG_EVENT_INACTIVE, // plain transport 'ref' is silent ('value' 1), or heard again (0)
	// main -> worker
	XMSG_KERNEL_TX, // 'mbuf' is a finished frame for the wire port
	XMSG_ADD_TUPLE, // 'mbuf' is a STUN response main has verified: its tuple is checked for
			// 'ref'
	XMSG_STREAM, // 'pointer' is the receive stream for SSRC 'b' of transport 'ref'; NULL:
		     // refused
	XMSG_EPOCH, // switch to epoch 'pointer' now
};

struct xmsg {
	uint32_t kind; // enum xmsg_kind
	uint32_t a;
	struct shm_ref ref;
	union {
		struct rte_mbuf *mbuf;
		void *pointer;
		uint64_t value;
	};
	uint32_t b;
	uint32_t c;
	uint64_t time_us;
	uint64_t reserved2;
};
static_assert(sizeof(struct xmsg) == 48, "ring elements are a multiple of 16 bytes");

// Sends to the main lcore or to a worker. False: the ring is full; the caller still owns what
// 'msg' points to and counts the drop.
bool xmsg_to_main(struct worker *from, const struct xmsg *msg);
bool xmsg_to_worker(struct worker *from, unsigned to, const struct xmsg *msg);

// Main: as above, to a worker.
bool xmsg_from_main(struct worker *to, const struct xmsg *msg);

// Takes up to 'max' messages out of a ring the caller consumes.
unsigned xmsg_receive(struct rte_ring *ring, struct xmsg *msgs, unsigned max);

// Main, before the workers start and after they have stopped: every ring between 'count' workers
// and main. 0 or -ENOMEM.
int xmsg_rings_new(struct worker *workers, unsigned count);
void xmsg_rings_free(struct worker *workers, unsigned count);
size_t xmsg_rings_bytes(unsigned workers);
