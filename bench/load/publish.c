// SPDX-License-Identifier: Apache-2.0
//
// bench/load/publish.c - builds, seals and frames what publishers send.
#include "bench/load/publish.h"

#include "dataplane/srtp/engine.h"
#include "proto/rtc/bytes.h"
#include "proto/rtc/rtp.h"

#include <rte_ip.h>
#include <rte_udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FRAME_PACKETS = 10,
	KEYFRAME_FRAMES = 60,
	TIMESTAMP_STEP = 3000, // 90 kHz, 30 frames a second
	HEADERS_BYTES =
		RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_udp_hdr),
	MAGIC = 0x534c5543,
};

struct publisher {
	struct srtp_stream *stream;
	uint64_t index;
	uint64_t *sent; // ticks, by sequence number
	uint32_t ssrc;
	uint16_t port;
	uint8_t pt;
};

struct publishers {
	const struct plan *plan;
	struct srtp_lanes *lanes;
	struct publisher *publisher;
	uint32_t next;
	uint8_t payload[PUBLISH_FRAME_BYTES_MAX];
};

static void fail(const char *what)
{
	fprintf(stderr, "bench: publishers: %s\n", what);
	exit(1);
}

struct publishers *publishers_new(const struct plan *p)
{
	const struct srtp_engine *engine = &srtp_engine_ipsec_mb;
	struct publishers *ps = calloc(1, sizeof(*ps));

	if (ps == NULL || (ps->lanes = engine->lanes_new()) == NULL ||
	    (ps->publisher = calloc(p->publisher_count, sizeof(ps->publisher[0]))) == NULL)
		fail("no memory");
	ps->plan = p;
	memset(ps->payload, 0x5a, sizeof(ps->payload));
	for (uint32_t i = 0; i < p->publisher_count; i++) {
		const struct plan_stream *from = &p->publishers[i];
		ps->publisher[i] = (struct publisher){
			.stream = engine->stream_new(p->publisher_suite, SRTP_SEND, from->key,
						     from->ssrc, 0),
			.sent = calloc(PUBLISH_SENT_SLOTS, sizeof(uint64_t)),
			.ssrc = from->ssrc,
			.port = from->port,
			.pt = (uint8_t)from->number,
		};
		if (ps->publisher[i].stream == NULL || ps->publisher[i].sent == NULL)
			fail("the suite or a key is refused");
	}
	return ps;
}

void publishers_free(struct publishers *ps)
{
	for (uint32_t i = 0; i < ps->plan->publisher_count; i++) {
		srtp_engine_ipsec_mb.stream_free(ps->publisher[i].stream);
		free(ps->publisher[i].sent);
	}
	srtp_engine_ipsec_mb.lanes_free(ps->lanes);
	free(ps->publisher);
	free(ps);
}

// RFC 7741 4.2: X and S, then I, then M and 15 bits of picture id; RFC 6386 9.1: P is the lowest
// bit of the first byte, 0 in a keyframe.
static void payload_put(struct publishers *ps, uint32_t publisher, uint64_t index)
{
	uint64_t picture = index / FRAME_PACKETS;
	bool first = index % FRAME_PACKETS == 0;
	uint8_t *at = ps->payload;

	at[0] = first ? 0x90 : 0x80;
	at[1] = 0x80;
	bytes_store_be16(at + 2, (uint16_t)(0x8000 | (picture & 0x7fff)));
	at[4] = first && picture % KEYFRAME_FRAMES == 0 ? 0x00 : 0x01;
	bytes_store_be32(at + PUBLISH_VP8_BYTES, MAGIC);
	bytes_store_be32(at + PUBLISH_VP8_BYTES + 4, publisher);
	bytes_store_be64(at + PUBLISH_VP8_BYTES + 8, index);
}

bool publish_mark_read(const uint8_t *payload, size_t size, uint32_t *publisher, uint64_t *index)
{
	const uint8_t *at = payload + PUBLISH_VP8_BYTES;

	if (size < PUBLISH_VP8_BYTES + PUBLISH_MARK_BYTES || bytes_be32(at) != MAGIC)
		return false;
	*publisher = bytes_be32(at + 4);
	*index = bytes_be64(at + 8);
	return true;
}

static void rtp_put(const struct publisher *p, uint8_t *at)
{
	struct rtp_header h = {
		.ssrc = p->ssrc,
		.ts = (uint32_t)(p->index / FRAME_PACKETS) * TIMESTAMP_STEP,
		.seq = (uint16_t)p->index,
		.pt = p->pt,
		.marker = p->index % FRAME_PACKETS == FRAME_PACKETS - 1,
	};

	rtp_write_header(at, &h);
}

static void headers_put(const struct plan *plan, const struct publisher *p, uint8_t *frame,
			uint16_t udp_bytes)
{
	struct rte_ether_hdr *ether = (struct rte_ether_hdr *)frame;
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(ether + 1);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);

	ether->dst_addr = plan->sfu_mac;
	ether->src_addr = plan->self_mac;
	ether->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	*udp = (struct rte_udp_hdr){
		.src_port = rte_cpu_to_be_16(p->port),
		.dst_port = rte_cpu_to_be_16(plan->sfu_port),
		.dgram_len = rte_cpu_to_be_16((uint16_t)(sizeof(*udp) + udp_bytes)),
	};
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.time_to_live = 64,
		.next_proto_id = IPPROTO_UDP,
		.total_length =
			rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + sizeof(*udp) + udp_bytes)),
		.src_addr = rte_cpu_to_be_32(plan->self_address),
		.dst_addr = rte_cpu_to_be_32(plan->sfu_address),
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

uint16_t publishers_next(struct publishers *ps, uint8_t *frame, struct publish_id *id)
{
	struct publisher *p = &ps->publisher[ps->next];
	uint8_t *rtp = frame + HEADERS_BYTES;
	struct srtp_job job = {
		.stream = p->stream,
		.packet = rtp,
		.payload = ps->payload,
		.index = p->index,
		.header_size = RTP_HEADER_BYTES,
		.size = (uint16_t)(RTP_HEADER_BYTES + ps->plan->bytes),
	};

	payload_put(ps, ps->next, p->index);
	rtp_put(p, rtp);
	srtp_engine_ipsec_mb.seal(ps->lanes, &job, 1);
	if (job.status != SRTP_OK)
		fail("a packet was not sealed");
	headers_put(ps->plan, p, frame, job.out_size);
	*id = (struct publish_id){ps->next, (uint16_t)p->index};
	p->index++;
	ps->next = (ps->next + 1) % ps->plan->publisher_count;
	return (uint16_t)(HEADERS_BYTES + job.out_size);
}

void publishers_sent(struct publishers *ps, const struct publish_id *id, uint64_t ticks)
{
	ps->publisher[id->publisher].sent[id->sequence] = ticks;
}

uint64_t publishers_sent_ticks(const struct publishers *ps, uint32_t publisher, uint16_t sequence)
{
	return ps->publisher[publisher].sent[sequence];
}
