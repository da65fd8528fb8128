// SPDX-License-Identifier: Apache-2.0
//
// bench/load/sink.c - from a received frame to its consumer's books.
//
// Latency  the SFU renumbers: out = in + a constant. An opened packet tells the constant, each
//          later one is then known by its plain header, and publishers_sent_ticks() says when it
//          left.
#include "bench/load/sink.h"

#include "dataplane/srtp/engine.h"
#include "proto/rtc/bytes.h"
#include "proto/rtc/rtp.h"

#include <rte_ip.h>
#include <rte_udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPEN_EVERY = 1000,
	HEADERS_BYTES =
		RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_udp_hdr),
};

struct sink {
	struct srtp_stream *stream;
	uint64_t packets; // since the start
	uint64_t trial_packets; // since sinks_reset()
	uint32_t ssrc;
	uint32_t publisher;
	uint16_t next; // sequence number expected
	uint16_t offset; // out less in
	bool known; // offset is
};

struct sinks {
	const struct publishers *from;
	struct srtp_lanes *lanes;
	struct sink_counts counts;
	uint32_t count;
	uint16_t first_port;
	struct sink sink[];
};

struct sinks *sinks_new(const struct plan *p, const struct publishers *from)
{
	const struct srtp_engine *engine = &srtp_engine_libsrtp2;
	struct sinks *s = calloc(1, sizeof(*s) + p->sink_count * sizeof(s->sink[0]));

	if (s == NULL || (s->lanes = engine->lanes_new()) == NULL) {
		fprintf(stderr, "bench: sinks: no memory\n");
		exit(1);
	}
	s->from = from;
	s->count = p->sink_count;
	s->first_port = p->sinks[0].port;
	for (uint32_t i = 0; i < p->sink_count; i++) {
		const struct plan_stream *to = &p->sinks[i];
		s->sink[i].stream =
			engine->stream_new(p->sink_suite, SRTP_RECEIVE, to->key, to->ssrc, 0);
		s->sink[i].ssrc = to->ssrc;
		s->sink[i].publisher = to->number;
		if (s->sink[i].stream == NULL) {
			fprintf(stderr, "bench: sinks: the suite or a key is refused\n");
			exit(1);
		}
	}
	return s;
}

void sinks_free(struct sinks *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		srtp_engine_libsrtp2.stream_free(s->sink[i].stream);
	srtp_engine_libsrtp2.lanes_free(s->lanes);
	free(s);
}

void sinks_reset(struct sinks *s)
{
	s->counts = (struct sink_counts){0};
	for (uint32_t i = 0; i < s->count; i++)
		s->sink[i].trial_packets = 0;
}

static bool opens(struct sinks *s, struct sink *k, uint8_t *rtp, size_t size, uint64_t *index)
{
	uint32_t publisher;
	struct rtp_view view;

	if (!rtp_parse_protected(&view, rtp, size))
		return false;
	struct srtp_job job = {
		.stream = k->stream,
		.packet = rtp,
		.header_size = view.header_size,
		.size = (uint16_t)size,
	};
	srtp_engine_libsrtp2.open(s->lanes, &job, 1);
	return job.status == SRTP_OK &&
	       publish_mark_read(rtp + job.header_size, job.out_size - job.header_size, &publisher,
				 index) &&
	       publisher == k->publisher;
}

static void open_and_check(struct sinks *s, struct sink *k, uint8_t *rtp, size_t size,
			   uint16_t sequence)
{
	uint64_t index = 0;

	s->counts.opened++;
	if (!opens(s, k, rtp, size, &index)) {
		s->counts.wrong++;
		return;
	}
	uint16_t offset = (uint16_t)(sequence - (uint16_t)index);
	if (k->known && offset != k->offset)
		s->counts.wrong++; // renumbered in mid-stream
	k->offset = offset;
	k->known = true;
}

static void sequence_check(struct sinks *s, struct sink *k, uint16_t sequence)
{
	uint16_t ahead = (uint16_t)(sequence - k->next);

	if (k->packets == 0)
		ahead = 0;
	if (ahead >= 0x8000) {
		s->counts.late++;
		return;
	}
	s->counts.holes += ahead;
	k->next = (uint16_t)(sequence + 1);
}

static void media_take(struct sinks *s, struct sink *k, uint8_t *rtp, size_t size, uint64_t ticks,
		       struct latency *l)
{
	uint16_t sequence = bytes_be16(rtp + 2);

	s->counts.media++;
	k->trial_packets++;
	sequence_check(s, k, sequence);
	if (!k->known || k->packets % OPEN_EVERY == 0)
		open_and_check(s, k, rtp, size, sequence);
	k->packets++;
	uint64_t left = k->known ? publishers_sent_ticks(s->from, k->publisher,
							 (uint16_t)(sequence - k->offset))
				 : 0;
	if (left != 0 && left < ticks)
		latency_add(l, ticks - left);
}

void sinks_take(struct sinks *s, uint8_t *frame, size_t size, uint64_t ticks, struct latency *l)
{
	const struct rte_ether_hdr *ether = (const struct rte_ether_hdr *)frame;
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(ether + 1);
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + 1);
	uint8_t *rtp = frame + HEADERS_BYTES;

	if (size < HEADERS_BYTES + RTP_HEADER_BYTES ||
	    ether->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) ||
	    ip->version_ihl != RTE_IPV4_VHL_DEF || ip->next_proto_id != IPPROTO_UDP) {
		s->counts.other++;
		return;
	}
	uint16_t number = (uint16_t)(rte_be_to_cpu_16(udp->dst_port) - s->first_port);
	if (rtp[1] >= 192 && rtp[1] <= 223) { // RFC 5761 4
		s->counts.rtcp++;
	} else if (number >= s->count || bytes_be32(rtp + 8) != s->sink[number].ssrc) {
		s->counts.other++;
	} else {
		size_t udp_bytes = rte_be_to_cpu_16(udp->dgram_len) - sizeof(*udp);
		if (udp_bytes > size - HEADERS_BYTES || udp_bytes < RTP_HEADER_BYTES)
			s->counts.other++;
		else
			media_take(s, &s->sink[number], rtp, udp_bytes, ticks, l);
	}
}

struct sink_counts sinks_counts(const struct sinks *s)
{
	struct sink_counts c = s->counts;

	c.least = UINT64_MAX;
	for (uint32_t i = 0; i < s->count; i++) {
		uint64_t n = s->sink[i].trial_packets;
		c.least = n < c.least ? n : c.least;
		c.most = n > c.most ? n : c.most;
	}
	return c;
}
