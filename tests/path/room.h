// SPDX-License-Identifier: Apache-2.0
//
// tests/path/room.h - peers around a dataplane: they join by real epochs and real checks, and their
// SRTP is libsrtp2's own, with nothing of dataplane/srtp in it.
#pragma once

#include "dataplane/link/epochs.h"
#include "proto/rtc/bytes.h"
#include "proto/rtc/rtcp.h"
#include "tests/path/harness.h"

#include <srtp2/srtp.h>

enum {
	ROOM_PEERS_MAX = 8,
	ROOM_PACKETS_MAX = 512,
	ROOM_AUDIO_PT = 111, // as the publisher numbers them
	ROOM_VIDEO_PT = 96,
	ROOM_OTHER_PT = 97, // a payload type of the track that no consumer has negotiated
	ROOM_RTCP_SSRC = 0x5f000000, // plus the peer's number: the dataplane's own towards it
	ROOM_SEQUENCE_START = 0x7ffe, // plus the slot: numbering crosses 2^15 at once
};
#define ROOM_TIMESTAMP_START UINT32_C(0xfffff000) // timestamps wrap, too

struct room_peer {
	unsigned id; // slot of its transport
	unsigned worker; // where its packets arrive
	enum shm_suite suite;
	struct rtc_addr remote;
	uint16_t vlan_tci;
	uint16_t local_port; // where it sends: the public one, or its own if it latches
	uint8_t send_master[SHM_MASTER_BYTES_MAX]; // the peer's
	uint8_t receive_master[SHM_MASTER_BYTES_MAX];
	srtp_t send;
	srtp_t receive;
};

// What a peer got, opened.
struct room_packet {
	unsigned peer;
	uint8_t bytes[1600];
	int size;
	bool rtcp;
};

struct room {
	struct harness *h;
	struct epochs *epochs;
	uint64_t epoch; // the newest pushed
	uint64_t acked;
	uint64_t now_us;
	struct shm_command ops[64];
	uint32_t op_count;
	bool ice_full; // of the peers that join from now on
	bool running; // workers are threads of their own: what peers send goes to the wire's rings
	struct room_peer peers[ROOM_PEERS_MAX];
	unsigned peer_count;
	struct room_packet got[ROOM_PACKETS_MAX]; // of the last room_collect()
	unsigned got_count;
};

struct room *room_new(unsigned workers);
// Fails the test if an mbuf is still in use.
void room_free(struct room *r);

void room_time(struct room *r, uint64_t now_us);

// Joins a peer: transport record, check from its tuple on 'worker', keys, established.
struct room_peer *room_join(struct room *r, enum shm_suite suite, unsigned worker, const char *ip);

// A check of the peer's with right credentials, from its tuple as it stands.
void room_check(struct room *r, struct room_peer *p);

// A plain transport, in an epoch of its own. Latching: 'ip' is where it will send from. Otherwise
// the record says where its frames go, so that it need never send. Packets of SRTP suite NONE are
// given to room_send_raw().
struct room_peer *room_plain(struct room *r, enum shm_suite suite, unsigned worker, const char *ip,
			     bool latch);

// Adds to the epoch in the making.
struct shm_track_config *room_track(struct room *r, uint32_t slot, const struct room_peer *from,
				    enum shm_kind kind, enum shm_codec codec, uint32_t ssrc);
struct shm_subscription_config *room_subscribe(struct room *r, uint32_t slot, uint32_t track,
					       const struct room_peer *to, uint32_t ssrc);
void room_op(struct room *r, enum shm_record_type type, enum shm_action action, uint32_t slot,
	     uint32_t generation);
// Pushes the epoch and fails the test unless it was applied.
void room_apply(struct room *r);
// The same, whatever comes of it: how it was refused.
enum shm_refusal room_try(struct room *r);

// A peer sends plain RTP or RTCP; sealed here, taken in by its worker.
void room_send_rtp(struct room *r, struct room_peer *from, const uint8_t *rtp, size_t size);
void room_send_rtcp(struct room *r, struct room_peer *from, const uint8_t *compound, size_t size);
// Sends bytes as they are.
void room_send_raw(struct room *r, struct room_peer *from, const uint8_t *bytes, size_t size);

// A compound that was written whole; what it causes is delivered.
void room_send_compound(struct room *r, unsigned peer, const struct bytes_writer *w);

// Hands on what lies in the rings, and flushes.
void room_deliver(struct room *r);
// Delivers, and collects in r->got what the peers got, opened by their libsrtp2.
// Fails the test on a packet that does not open or a frame that is wrong.
void room_collect(struct room *r);
// Of these, what peer 'id' got, in order: RTP or RTCP.
unsigned room_of(struct room *r, unsigned id, bool rtcp, struct room_packet *out[], unsigned room);
void room_housekeeping(struct room *r);
// Time passes, in housekeeping's steps.
void room_pass(struct room *r, uint64_t us);
// The n-th RTCP packet of a type that a peer got with the last room_collect(); 'count' -1: any.
bool room_find_rtcp(struct room *r, unsigned peer, uint8_t type, int count, unsigned n,
		    struct rtcp_packet *out);
