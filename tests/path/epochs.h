// SPDX-License-Identifier: Apache-2.0
//
// tests/path/epochs.h - a room to push epochs at, right ones and wrong ones.
#pragma once

#include "tests/path/checks.h"

#include <rte_malloc.h>

static const enum shm_record_type TRANSPORT = SHM_RECORD_TRANSPORT;
static const enum shm_record_type TRACK = SHM_RECORD_TRACK;
static const enum shm_record_type SUBSCRIPTION = SHM_RECORD_SUBSCRIPTION;
static const enum shm_action APPLY = SHM_ACTION_APPLY;
static const enum shm_action REMOVE = SHM_ACTION_REMOVE;
static const enum shm_kind AUDIO = SHM_KIND_AUDIO;
static const enum shm_codec OPUS = SHM_CODEC_OPUS;

// Bytes of DPDK's heap in use: no tool looks for leaks there.
static inline size_t heap_used(void)
{
	struct rte_malloc_socket_stats stats;
	size_t used = 0;

	for (int socket = 0; socket < 8; socket++)
		if (rte_malloc_get_socket_stats(socket, &stats) == 0)
			used += stats.heap_allocsz_bytes;
	return used;
}

static size_t heap_before;

// Two peers, track 0 from the first to the second (subscription 0); transport 2 has no keys yet.
static inline int scene_new(void **state)
{
	if (heap_before == 0) // what DPDK keeps from its first port on is there already
		room_free(room_new(2));
	heap_before = heap_used();
	struct room *r = room_new(2);
	struct room_peer *a = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *b = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 1, "198.51.100.7");

	room_track(r, 0, a, AUDIO, OPUS, 0xa0);
	room_subscribe(r, 0, 0, b, 0x1000);
	struct shm_transport_config *c = &r->h->dp.shm.transports[2].config;
	*c = r->h->dp.shm.transports[0].config;
	c->flags &= ~(uint32_t)SHM_TRANSPORT_ESTABLISHED;
	c->internal_port = HARNESS_INTERNAL_FIRST + 2;
	memcpy(c->credentials[0].local_ufrag, "sluice0002", 10);
	room_op(r, TRANSPORT, APPLY, 2, 1);
	room_apply(r);
	checks_main(r);
	*state = r;
	return 0;
}

static inline int scene_end(void **state)
{
	struct room *r = *state;

	checks_main(r);
	room_free(r);
	assert_int_equal(heap_used(), heap_before);
	return 0;
}

// Pushes messages as they are and waits for the acknowledgement of r->epoch.
static inline enum shm_refusal push(struct room *r, const struct shm_command *msgs, uint32_t count)
{
	assert_true(shm_ring_push(r->h->dp.shm.commands, SHM_COMMAND_SLOTS, msgs, count));
	for (int i = 0; i < 6 && r->acked != r->epoch; i++) {
		epochs_poll(r->epochs);
		room_deliver(r);
	}
	assert_int_equal(r->acked, r->epoch);
	const struct shm_ack *ack = &r->h->dp.shm.acks[r->epoch % SHM_ACK_SLOTS];
	assert_int_equal(atomic_load(&ack->epoch), r->epoch);
	checks_main(r);
	return atomic_load(&ack->refusal);
}

// The epoch in the making, applied or refused.
static inline enum shm_refusal apply(struct room *r)
{
	struct shm_command msgs[65] = {
		{.kind = SHM_COMMAND_BEGIN, .op_count = r->op_count, .epoch = r->epoch + 1}};
	uint32_t count = r->op_count + 1;

	memcpy(&msgs[1], r->ops, r->op_count * sizeof(r->ops[0]));
	r->op_count = 0;
	r->epoch++;
	return push(r, msgs, count);
}

static inline uint32_t next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

#define TEST(test)                                                                                 \
	{                                                                                          \
#test, test, scene_new, scene_end, NULL                                            \
	}
