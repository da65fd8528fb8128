// SPDX-License-Identifier: Apache-2.0
//
// tests/path/checks.h - STUN checks of peers around a room, and what main and the wire got.
#pragma once

#include "dataplane/core/hmac.h"
#include "dataplane/core/packet.h"
#include "dataplane/core/path.h"
#include "proto/rtc/stun.h"
#include "tests/path/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Passwords as room.c has them.
#define CHECKS_SFU_PWD "sluicesluicesluicesluice"
#define CHECKS_PEER_PWD "peerpeerpeerpeerpeerpeer"

struct check {
	const char *ufrag; // NULL: the peer's transport's
	const char *pwd; // NULL: the right one
	bool controlled;
	bool use_candidate;
};

// What went to main since the last checks_main().
struct checks_main {
	unsigned punts;
	unsigned responses;
	unsigned moved; // XMSG_EVENT_PATH
	unsigned expired;
	unsigned bound;
	unsigned wanted; // streams asked for, and made
	struct xmsg last_event;
};

static inline struct rtc_addr checks_sfu(const struct rtc_addr *remote)
{
	return harness_addr(remote->family == RTC_ADDR_V4 ? "192.0.2.1" : "2001:db8::1",
			    HARNESS_PUBLIC_PORT);
}

static inline size_t check_write(uint8_t out[STUN_MESSAGE_BYTES_MAX], const struct room_peer *p,
				 const struct check *c)
{
	static uint8_t transaction[STUN_TRANSACTION_BYTES];
	char own[16];
	const char *pwd = c->pwd != NULL ? c->pwd : CHECKS_SFU_PWD;
	struct hmac *hmac = hmac_new();
	struct stun_hmac keyed = hmac_keyed(hmac, pwd, strlen(pwd));

	transaction[11]++;
	snprintf(own, sizeof(own), "sluice%04u", p->id);
	const char *ufrag = c->ufrag != NULL ? c->ufrag : own;
	const struct stun_request request = {
		.transaction = transaction,
		.remote_ufrag = ufrag,
		.remote_ufrag_size = (uint16_t)strlen(ufrag),
		.local_ufrag = "peer",
		.local_ufrag_size = 4,
		.priority = 1,
		.tie_breaker = 7,
		.controlling = !c->controlled,
		.use_candidate = c->use_candidate,
	};
	size_t size = stun_build_request(out, STUN_MESSAGE_BYTES_MAX, &request, &keyed);
	hmac_free(hmac);
	assert_int_not_equal(size, 0);
	return size;
}

static inline struct rte_mbuf *datagram_from(struct room *r, const struct rtc_addr *from,
					     uint16_t vlan_tci, const void *bytes, size_t size)
{
	const struct harness_udp u = {
		.from = *from,
		.to = checks_sfu(from),
		.vlan_tci = vlan_tci,
		.payload = bytes,
		.payload_size = (uint16_t)size,
	};

	return harness_udp_frame(r->h, &u);
}

static inline void send_from(struct room *r, unsigned worker, const struct rtc_addr *from,
			     uint16_t vlan_tci, const void *bytes, size_t size)
{
	struct rte_mbuf *m = datagram_from(r, from, vlan_tci, bytes, size);

	path_ingress(&r->h->dp.workers[worker], &m, 1);
	room_deliver(r);
}

static inline void check_from(struct room *r, const struct room_peer *p, unsigned worker,
			      const struct rtc_addr *from, const struct check *c)
{
	uint8_t bytes[STUN_MESSAGE_BYTES_MAX];

	send_from(r, worker, from, p->vlan_tci, bytes, check_write(bytes, p, c));
}

// A check from the peer's own tuple, as every browser sends them.
static inline void check_usual(struct room *r, const struct room_peer *p)
{
	check_from(r, p, p->worker, &p->remote, &(struct check){0});
}

static inline void checks_count(struct checks_main *got, struct room *r, unsigned worker,
				const struct xmsg *msg)
{
	switch (msg->kind) {
	case XMSG_PUNT:
		got->punts++;
		rte_pktmbuf_free(msg->mbuf);
		break;
	case XMSG_STUN_RESPONSE:
		got->responses++;
		rte_pktmbuf_free(msg->mbuf);
		break;
	case XMSG_WANT_STREAM:
		got->wanted++;
		epochs_message(r->epochs, worker, msg);
		break;
	case XMSG_FREE_STREAM:
		epochs_message(r->epochs, worker, msg);
		break;
	default:
		got->moved += msg->kind == XMSG_EVENT_PATH;
		got->expired += msg->kind == XMSG_EVENT_EXPIRED;
		got->bound += msg->kind == XMSG_EVENT_BOUND;
		got->last_event = *msg;
	}
}

// Plays main: takes every message, makes the streams that are wanted.
static inline struct checks_main checks_main(struct room *r)
{
	struct checks_main got = {0};
	struct xmsg msgs[32];
	unsigned n;

	room_deliver(r);
	for (unsigned i = 0; i < r->h->dp.worker_count; i++)
		while ((n = harness_to_main(r->h, i, msgs, 32)) > 0)
			for (unsigned k = 0; k < n; k++)
				checks_count(&got, r, i, &msgs[k]);
	room_deliver(r);
	return got;
}

// A STUN message that left.
struct checks_sent {
	struct rtc_addr to;
	uint8_t bytes[STUN_MESSAGE_BYTES_MAX];
	struct stun_view v;
};

static inline unsigned checks_keep(const struct harness_udp *u, struct checks_sent *out,
				   unsigned room)
{
	const uint8_t *bytes = u->payload;

	assert_int_not_equal(u->payload_size, 0);
	if (bytes[0] > 3)
		return 0;
	assert_int_not_equal(room, 0);
	assert_in_range(u->payload_size, STUN_HEADER_BYTES, sizeof(out->bytes));
	out->to = u->to;
	memcpy(out->bytes, bytes, u->payload_size);
	assert_true(stun_parse(&out->v, out->bytes, u->payload_size));
	return 1;
}

// Takes all that left and keeps the STUN. Returns how many messages.
static inline unsigned checks_sent(struct room *r, struct checks_sent *out, unsigned max)
{
	struct rte_mbuf *frames[64];
	unsigned count = 0, n;

	room_deliver(r);
	for (unsigned i = 0; i < r->h->dp.worker_count; i++) {
		while ((n = harness_sent(r->h, i, frames, 64)) > 0) {
			for (unsigned k = 0; k < n; k++) {
				struct harness_udp u;
				assert_null(harness_udp_read(frames[k], &u));
				count += checks_keep(&u, &out[count], max - count);
				rte_pktmbuf_free(frames[k]);
			}
		}
	}
	return count;
}

static inline bool checks_integrity(const struct stun_view *v, const char *pwd)
{
	struct hmac *hmac = hmac_new();
	struct stun_hmac keyed = hmac_keyed(hmac, pwd, strlen(pwd));
	bool ok = stun_integrity_ok(v, &keyed) && stun_fingerprint_ok(v);

	hmac_free(hmac);
	return ok;
}

static inline uint64_t drops_of(const struct room *r, enum shm_ingress_drop why)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < r->h->dp.worker_count; i++)
		sum += r->h->dp.workers[i].stats.ingress_drops[why];
	return sum;
}

static inline uint64_t drops_all(const struct room *r)
{
	uint64_t sum = 0;

	for (unsigned d = 0; d < SHM_INGRESS_DROP_COUNT; d++)
		sum += drops_of(r, (enum shm_ingress_drop)d);
	return sum;
}

// received = forwarded + consumed + dropped by name + given to main.
static inline void assert_books(const struct room *r, uint64_t to_main)
{
	uint64_t in = 0, out = drops_all(r) + to_main;

	for (unsigned i = 0; i < r->h->dp.worker_count; i++) {
		const struct shm_worker_stats *s = &r->h->dp.workers[i].stats;
		in += s->packets_received;
		out += s->packets_forwarded + s->packets_consumed;
	}
	assert_int_equal(in, out);
}
