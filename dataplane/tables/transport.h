// SPDX-License-Identifier: Apache-2.0
//
// dataplane/tables/transport.h - a transport as the dataplane runs it.
//
// Config   copied from the segment and checked by main (link/), swapped in by an epoch; the old one
// is
//          freed after every worker has acknowledged. Read by every worker.
// Owner    the first worker that sees a verified check claims the transport (compare and swap); it
//          alone touches everything below 'owner', for the transport's life.
#pragma once

#include "dataplane/core/limits.h"
#include "dataplane/srtp/engine.h"
#include "dataplane/srtp/srtcp.h"
#include "proto/rtc/addr.h"
#include "proto/rtc/bandwidth/loss_control.h"
#include "proto/rtc/consent.h"
#include "proto/rtc/feedback_rate.h"
#include "proto/rtc/layer/steady.h"
#include "proto/rtc/loss/resend.h"
#include "proto/rtc/rtcp_budget.h"
#include "proto/rtc/rtcp_xr.h"
#include "proto/rtc/rtp_source.h"
#include "proto/rtc/twcc.h"
#include "proto/shm/segment.h"

#include <rte_ether.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>

struct bandwidth;
struct dataplane;
struct packet;
struct worker;

enum { TRANSPORT_UNOWNED = UINT32_MAX };

// What an epoch made of a shm_transport_config: constant once published.
struct transport_config {
	uint32_t index; // slot
	uint32_t generation;
	struct shm_transport_config shm; // checked copy; wiped when the config is freed
	bool established;
	bool plain;
	uint32_t worker; // plain: who owns it
};

// One checked tuple: where a verified check came from, and how to send there (layer 2 as learned).
struct checked_tuple {
	struct rtc_addr remote;
	struct rtc_addr local;
	struct rte_ether_addr remote_mac;
	struct rte_ether_addr local_mac;
	uint16_t vlan_tci; // 0: untagged
	uint64_t used_us;
};

// A received SSRC. Free while ssrc == 0.
struct receive_stream {
	uint32_t ssrc;
	bool bound; // a packet was authenticated: it feeds 'track'
	bool repairs; // RTX (RFC 4588) of the encoding
	bool pending; // asked of main, not there yet
	uint8_t encoding;
	struct shm_ref track;
	bool plain; // comes without SRTP: 'source' is set, never pending
	union {
		struct srtp_stream *srtp; // NULL while pending
		struct rtp_source *source;
	};
	uint64_t asked_us;
};

// Prebuilt Ethernet/VLAN/IP/UDP header towards the selected tuple; lengths and checksums are 0.
// With IPv4 all of it is in one cache line.
struct header_template {
	alignas(64) uint8_t size; // bytes; 0: no path
	uint8_t l2_size;
	uint8_t l3_size;
	uint16_t udp_room; // bytes of UDP payload that fit the wire's MTU
	uint16_t tx_offload; // as mbufs have it: where the headers lie
	uint16_t tx_flags; // upper bits of ol_flags; 0: checksums are ours to compute
	// Ones' complement sum of the pseudo header, length left out: 16-bit words as they lie in
	// memory.
	uint16_t pseudo_sum;
	uint8_t ip_length_at; // in 'bytes': the length in the IP header
	uint8_t ip_length_over; // what it is beyond the UDP payload
	alignas(16) uint8_t bytes[80]; // Ethernet, VLAN, IPv4, UDP: 46; with IPv6 66
};

struct consumer_ssrc {
	uint32_t ssrc;
	uint32_t subscription; // slot
};

// What hangs on a transport: built anew by main for every epoch that changes it, read by the owner.
struct transport_links {
	uint32_t track_count;
	uint32_t subscription_count;
	const struct consumer_ssrc *consumers; // [subscription_count], ascending; behind 'index'
	uint32_t index[]; // slots: tracks received from it, then subscriptions sent to it
};

// Streams that ended, of which the peer is to be told. What does not fit it finds out by itself.
enum { GOODBYES_MAX = 30 }; // with our own SSRC what one BYE names
struct goodbyes {
	uint32_t count;
	uint32_t ssrcs[GOODBYES_MAX];
};

// What a peer that publishes is told by REMB where it has no transport-wide feedback.
struct uplink {
	struct loss_control limit;
	uint64_t received; // packets, as counted when the limit was last fed
	int64_t lost;
};

struct transport {
	alignas(64) _Atomic(const struct transport_config *) config; // NULL: slot free
	_Atomic(const struct transport_links *) links; // NULL: none
	_Atomic uint32_t owner; // worker id or TRANSPORT_UNOWNED

	// Owner only, from here on.
	alignas(64) uint32_t generation; // of the config the fields below belong to
	uint32_t path_generation;
	uint16_t twcc_next; // transport-wide number of the next packet sent, without 'bandwidth'
	struct header_template path; // to the selected tuple
	alignas(64) uint32_t phase; // enum shm_transport_phase
	uint32_t tag_bytes; // that sealing adds to an RTP packet
	struct bandwidth *bandwidth; // tables/bandwidth.h; NULL: plain, or not established
	struct shm_transport_stats stats;
	struct checked_tuple checked[SHM_CHECKED_TUPLES_MAX]; // most recently used first
	uint32_t checked_count;
	struct rtc_addr selected_remote;
	struct rtc_addr selected_local;
	struct consent consent;
	struct receive_stream streams[RECEIVE_STREAMS_MAX];
	struct srtcp *srtcp; // NULL until established
	uint32_t srtcp_index; // next to send
	uint32_t srtcp_index_reserved;
	struct twcc_receiver twcc; // arrivals of the peer's packets -> feedback
	struct feedback_rate telling; // what that may take of the way back
	bool plain; // this and the next: tables/plain.h
	bool rtp_only; // neither SRTP nor SRTCP
	bool latching; // its peer's address is not known yet
	bool inactive; // and an event has said so
	uint64_t received_us; // plain: the newest packet that proved itself
	struct rtcp_budget listening; // how much of its RTCP is read
	struct resend_budget resend; // what answers to its NACKs may cost
	struct rtcp_xr_responder xr; // the peer's reference time, until it is answered
	uint32_t rrtr_last; // middle 32 bits of our newest reference time; 0: none sent
	uint32_t round_trip_us; // by the peer's answer to it; 0: unknown
	struct uplink uplink;
	struct goodbyes goodbyes;
	uint32_t twcc_media_ssrc; // newest SSRC received with a transport-wide number
	uint64_t rtcp_due_us; // next SR/RR
	uint64_t steer_due_us; // not before: asks for a rule in the wire port
	uint64_t allocation_due_us; // next time layers are chosen for its consumers
	struct steady steady; // what outlasts a choice
	uint64_t layers_due_us; // next time the rates of its layers are told
	uint64_t wanted_due_us; // next time it is looked which of them are wanted
};

// Phase and tag at once, which lie side by side for that: packets to all of whom it is the same
// have one form.
static inline uint64_t transport_sealing(const struct transport *t)
{
	return (uint64_t)t->tag_bytes << 32 | t->phase;
}

static_assert(offsetof(struct transport, stats.consent_requests_sent) -
			      offsetof(struct transport, phase) <=
		      64,
	      "what every packet reads and counts is in one line");

// The credentials the selected pair belongs to: the older ones during an ICE restart.
static inline const struct shm_credentials *transport_credentials(const struct transport_config *c)
{
	return &c->shm.credentials[c->shm.credentials[1].local_ufrag_size != 0 ? 1 : 0];
}

// The owner's claim. Returns true if 'w' owns the transport afterwards.
bool transport_claim(struct transport *t, struct worker *w);

// The running config of 'ref', or NULL when it is gone or another generation.
const struct transport_config *transport_config_of(const struct dataplane *dp, struct shm_ref ref);

// Owner only: the transport behind 'ref' if 'w' owns it, else NULL.
struct transport *transport_owned(struct worker *w, struct shm_ref ref);

// Owner only: media may flow from now on; what is reported and asked for both ways begins anew.
void transport_feedback_start(struct transport *t, uint32_t rtcp_ssrc);

// Owner only: moves the packet's tuple to the front of the checked ones, adding it if it is new;
// the least recently used goes when there are too many. Learns layer 2 from the packet.
void transport_tuple_checked(struct worker *w, struct transport *t, const struct packet *p);

// Owner only: true if the packet's tuple is among the checked ones.
bool transport_tuple_known(struct transport *t, const struct packet *p);

// Owner only: the checked tuple everything goes out to, or NULL while none is selected.
const struct checked_tuple *transport_selected(struct transport *t);

// Owner only: selects a checked tuple and builds the header template; the path generation grows if
// it was another one. False if the tuple is not checked.
bool transport_select(struct worker *w, struct transport *t, const struct rtc_addr *remote,
		      const struct rtc_addr *local);
