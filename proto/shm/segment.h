// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/segment.h - the segment: its header, where everything lies in it, and the attach check.
//
// Life     made by the dataplane with memfd_create, handed to the control plane over a Unix socket
//          (SCM_RIGHTS): no name on disk, and it lives as long as one of the two processes does.
// Trust    whoever maps the segment copies the header, checks the copy and computes its pointers
//          from the copy once (struct shm_view); the shared header is not asked for sizes again.
#pragma once

#include "proto/shm/abi.h"
#include "proto/shm/command.h"
#include "proto/shm/event.h"
#include "proto/shm/record.h"
#include "proto/shm/repeats.h"
#include "proto/shm/revoked.h"
#include "proto/shm/spsc.h"
#include "proto/shm/stats.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Every struct whose layout the two processes share: their sizes are compared at attach, which
// catches the stale binary that a forgotten version number misses.
#define SHM_STRUCTS(X)                                                                             \
	X(shm_header)                                                                              \
	X(shm_command)                                                                             \
	X(shm_ack)                                                                                 \
	X(shm_event)                                                                               \
	X(shm_transport_slot)                                                                      \
	X(shm_track_slot)                                                                          \
	X(shm_subscription_slot)                                                                   \
	X(shm_blob)                                                                                \
	X(shm_repeats)                                                                             \
	X(shm_revoked)                                                                             \
	X(shm_worker_slot)

// A record's slot: the control plane's lines, then the owning worker's.
struct shm_transport_slot {
	struct shm_transport_config config;
	alignas(SHM_CACHE_LINE) _Atomic uint32_t state_seq;
	struct shm_transport_state state;
	alignas(SHM_CACHE_LINE) _Atomic uint32_t stats_seq;
	struct shm_transport_stats stats;
};
struct shm_track_slot {
	struct shm_track_config config;
	alignas(SHM_CACHE_LINE) _Atomic uint32_t state_seq;
	struct shm_track_state state;
	alignas(SHM_CACHE_LINE) _Atomic uint32_t stats_seq;
	struct shm_encoding_stats stats[SHM_ENCODINGS_MAX];
};
struct shm_subscription_slot {
	struct shm_subscription_config config;
	alignas(SHM_CACHE_LINE) _Atomic uint32_t state_seq;
	struct shm_subscription_state state;
	alignas(SHM_CACHE_LINE) _Atomic uint32_t stats_seq;
	struct shm_subscription_stats stats;
};
struct shm_worker_slot {
	alignas(SHM_CACHE_LINE) _Atomic uint32_t stats_seq;
	struct shm_worker_stats stats;
};

enum shm_span_id {
	SHM_SPAN_COMMANDS, // struct shm_ring of struct shm_command
	SHM_SPAN_ACKS, // struct shm_ack[SHM_ACK_SLOTS]
	SHM_SPAN_EVENTS, // struct shm_ring of struct shm_event
	SHM_SPAN_TRANSPORTS, // struct shm_transport_slot[transports]
	SHM_SPAN_TRACKS,
	SHM_SPAN_SUBSCRIPTIONS,
	SHM_SPAN_BLOBS, // struct shm_blob[transports]
	SHM_SPAN_REPEATS, // struct shm_repeats
	SHM_SPAN_REVOKED, // struct shm_revoked
	SHM_SPAN_WORKERS, // struct shm_worker_slot[SHM_WORKERS_MAX + 1]
	SHM_SPAN_COUNT,
};
struct shm_span {
	uint64_t offset; // bytes from the start of the segment, a multiple of SHM_CACHE_LINE
	uint64_t size; // bytes
};

struct shm_limits_config { // what the configuration asked for; fixed for the segment's life
	uint32_t transports; // 1..SHM_TRANSPORTS_MAX
	uint32_t tracks; // 1..SHM_TRACKS_MAX
	uint32_t subscriptions; // 1..SHM_SUBSCRIPTIONS_MAX
	uint32_t workers; // 1..SHM_WORKERS_MAX
};

// An ethdev, as it was when it was opened.
struct shm_port_info {
	char name[64]; // NUL-padded; empty: there is none
	char driver[32]; // NUL-padded
	uint8_t mac[6];
	uint16_t mtu; // bytes, IP packet
	uint32_t queues; // queue pairs
};

enum { SHM_SIZES_MAX = 16 };
struct shm_header {
	_Atomic uint32_t
		magic; // SHM_MAGIC, stored last with release: its presence says "initialised"
	uint32_t abi_version; // the first 8 bytes never move
	uint64_t segment_size;
	uint64_t boot_id; // random per start of the dataplane
	struct shm_limits_config limits;
	uint16_t public_port; // the one UDP port clients see
	uint16_t internal_port_first; // the range libnice's sockets come from, both ends inclusive
	uint16_t internal_port_last;
	uint16_t wire_mtu; // bytes, IP packet
	uint16_t plain_port_first; // ports of plain transports that latch, both ends inclusive
	uint16_t plain_port_last;
	struct shm_port_info wire_port;
	struct shm_port_info kernel_port;
	uint32_t size_count; // entries used in 'sizes'
	uint32_t sizes[SHM_SIZES_MAX]; // sizeof of SHM_STRUCTS in order
	struct shm_span spans[SHM_SPAN_COUNT];
	// Dataplane's line.
	alignas(SHM_CACHE_LINE) _Atomic uint64_t applied_epoch; // the newest epoch acknowledged
	_Atomic uint64_t events_lost;
	_Atomic uint64_t dataplane_heartbeat_us; // CLOCK_MONOTONIC
	_Atomic uint64_t garbage; // things in the segment that made no sense and were ignored
	// Control plane's line.
	alignas(SHM_CACHE_LINE) _Atomic uint64_t control_heartbeat_us; // CLOCK_MONOTONIC
	_Atomic uint64_t
		control_epoch; // the newest epoch pushed, ever: a new control plane goes on
};

// Pointers into a mapped segment, computed from a checked copy of its header.
struct shm_view {
	struct shm_header *header;
	size_t size; // bytes mapped
	struct shm_limits_config limits;
	struct shm_ring *commands;
	struct shm_ack *acks;
	struct shm_ring *events;
	struct shm_transport_slot *transports;
	struct shm_track_slot *tracks;
	struct shm_subscription_slot *subscriptions;
	struct shm_blob *blobs;
	struct shm_repeats *repeats;
	struct shm_revoked *revoked;
	struct shm_worker_slot *workers; // [SHM_WORKERS_MAX] is the main lcore's
};

// Bytes of a segment with these limits. 0 if a limit is out of range.
uint64_t shm_segment_bytes(const struct shm_limits_config *limits);

// Makes an anonymous, sealed-in-size segment ("sluice"), maps it, writes the header and fills
// '*view'. The creator sets the header's ports and MTU before it hands the segment over. Excluded
// from core dumps. Returns the file descriptor (the caller owns it), or -errno.
int shm_segment_create(struct shm_view *view, const struct shm_limits_config *limits,
		       uint64_t boot_id);

// Maps and checks a segment received from the other process. Returns 0, or -errno with a sentence
// in 'why' that says what does not match. A refused segment is left unmapped.
int shm_segment_attach(struct shm_view *view, int fd, char *why, size_t why_size);

// Unmaps. Accepts a view that is not attached.
void shm_segment_detach(struct shm_view *view);

// The check of a header copy alone, for tests and the fuzz target: 0 or -EPROTO with a sentence.
int shm_header_check(const struct shm_header *copy, uint64_t mapped_size, char *why,
		     size_t why_size);
