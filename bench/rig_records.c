// SPDX-License-Identifier: Apache-2.0
//
// bench/rig_records.c - fills a rig by the same epochs the control plane sends.
#include "bench/rig_records.h"

#include "dataplane/core/packet.h"
#include "dataplane/core/path.h"
#include "dataplane/forward/layers.h"
#include "dataplane/tables/bandwidth.h"
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/transport.h"
#include "dataplane/tables/tuple.h"
#include "proto/rtc/bytes.h"
#include "proto/rtc/rtp_ext.h"

#include <rte_ip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct rtc_addr local = {.family = RTC_ADDR_V4, .port = 3478, .ip = {192, 0, 2, 1}};

static struct rtc_addr remote_of(uint32_t transport)
{
	return (struct rtc_addr){
		.family = RTC_ADDR_V4,
		.port = (uint16_t)(50000 + transport % 10000),
		.ip = {198, 18, (uint8_t)(transport >> 8), (uint8_t)transport},
	};
}

static void master_of(uint32_t transport, uint8_t salt, uint8_t master[SHM_MASTER_BYTES_MAX])
{
	for (unsigned i = 0; i < SHM_MASTER_BYTES_MAX; i++)
		master[i] = (uint8_t)(i * 7 + transport * 31 + (transport >> 8) + salt);
}

static bool to_worker(void *context, unsigned worker, const struct xmsg *msg)
{
	struct rig *r = context;

	path_message(&r->dp.workers[worker], msg);
	return true;
}

static void acked(void *context, uint64_t epoch)
{
	struct rig *r = context;

	r->acked = epoch;
}

static void apply(struct rig *r)
{
	struct shm_command msgs[RIG_OPS_MAX + 1] = {
		{.kind = SHM_COMMAND_BEGIN, .op_count = r->op_count, .epoch = ++r->epoch}};

	if (r->op_count == 0)
		return;
	for (uint32_t i = 0; i < r->op_count; i++) {
		msgs[i + 1] = r->ops[i];
		msgs[i + 1].epoch = r->epoch;
	}
	if (!shm_ring_push(r->dp.shm.commands, SHM_COMMAND_SLOTS, msgs, r->op_count + 1))
		abort();
	for (unsigned i = 0; i < 4 && r->acked != r->epoch; i++)
		epochs_poll(r->epochs);
	const struct shm_ack *ack = &r->dp.shm.acks[r->epoch % SHM_ACK_SLOTS];
	if (r->acked != r->epoch || ack->refusal != SHM_REFUSAL_NONE) {
		fprintf(stderr, "bench: epoch refused: reason %u, op %u\n", ack->refusal, ack->op);
		exit(1);
	}
	r->op_count = 0;
}

static void op(struct rig *r, enum shm_record_type type, uint32_t slot)
{
	r->ops[r->op_count++] = (struct shm_command){
		.kind = SHM_COMMAND_OP,
		.record_type = type,
		.action = SHM_ACTION_APPLY,
		.ref = {slot, 1},
	};
	if (r->op_count == RIG_OPS_MAX)
		apply(r);
}

static void transport_record(struct rig *r, uint32_t slot)
{
	struct shm_transport_config *c = &r->dp.shm.transports[slot].config;
	struct shm_credentials *cr = &c->credentials[0];
	char ufrag[16];

	memset(c, 0, sizeof(*c));
	c->generation = 1;
	c->flags = SHM_TRANSPORT_ICE_LITE;
	c->internal_port = (uint16_t)(r->dp.internal_port_first + slot);
	c->rtcp_ssrc = 0x5f000000 + slot;
	snprintf(ufrag, sizeof(ufrag), "rig%08u", slot);
	cr->local_ufrag_size = (uint8_t)strlen(ufrag);
	memcpy(cr->local_ufrag, ufrag, cr->local_ufrag_size);
	cr->remote_ufrag_size = 4;
	memcpy(cr->remote_ufrag, "peer", 4);
	cr->local_pwd_size = cr->remote_pwd_size = 24;
	memset(cr->local_pwd, 'l', 24);
	memset(cr->remote_pwd, 'r', 24);
	memcpy(c->cname, "bench", 5);
	op(r, SHM_RECORD_TRANSPORT, slot);
}

// What a verified check does.
static void transport_check(struct rig *r, uint32_t slot)
{
	struct transport *t = &r->dp.transports[slot];
	struct packet p = {
		.remote = remote_of(slot),
		.local = local,
		.remote_mac.addr_bytes = {2, 0, 0, 0, 0, 2},
		.local_mac.addr_bytes = {2, 0, 0, 0, 0, 1},
	};

	uint32_t owner = slot < r->publishers ? 0 : (slot - r->publishers) % r->plan.workers;
	struct worker *w = &r->dp.workers[owner];

	if (!transport_claim(t, w) ||
	    !tuple_table_add(w->tuples, &p.remote, &p.local, (struct shm_ref){slot, 1}))
		abort();
	transport_tuple_checked(w, t, &p);
	t->phase = SHM_PHASE_CHECKED;
}

static void transport_establish(struct rig *r, uint32_t slot)
{
	struct shm_transport_config *c = &r->dp.shm.transports[slot].config;

	c->flags |= SHM_TRANSPORT_ESTABLISHED;
	c->suite = (uint16_t)r->plan.suite;
	c->selected_remote = remote_of(slot);
	c->selected_local = local;
	master_of(slot, 1, c->receive_master);
	master_of(slot, 2, c->send_master);
	op(r, SHM_RECORD_TRANSPORT, slot);
}

static void track_record(struct rig *r, uint32_t slot)
{
	struct shm_track_config *c = &r->dp.shm.tracks[slot].config;
	bool video = rig_is_video(&r->plan);

	memset(c, 0, sizeof(*c));
	c->generation = 1;
	c->kind = video ? SHM_KIND_VIDEO : SHM_KIND_AUDIO;
	c->codec_count = 1;
	c->encoding_count = 1;
	c->transport = (struct shm_ref){slot / ENCODINGS_RECEIVED_MAX, 1};
	snprintf(c->mid, sizeof(c->mid), "%u", slot % ENCODINGS_RECEIVED_MAX);
	c->feedback = SHM_FEEDBACK_TWCC;
	c->codecs[0] = (struct shm_track_codec){
		.pt = RIG_PT,
		.codec = video ? SHM_CODEC_VP8 : SHM_CODEC_OPUS,
		.clock_rate = video ? 90000 : 48000,
	};
	c->encodings[0].ssrc = RIG_TRACK_SSRC + slot;
	c->ext.id[RTP_EXT_AUDIO_LEVEL] = 1;
	c->ext.id[RTP_EXT_ABS_SEND_TIME] = 2;
	c->ext.id[RTP_EXT_TRANSPORT_WIDE_CC] = 3;
	op(r, SHM_RECORD_TRACK, slot);
}

// Extensions as browsers negotiate them: mid and transport-wide number; and send time for video,
// audio level for audio.
static void subscription_record(struct rig *r, uint32_t slot)
{
	struct shm_subscription_config *c = &r->dp.shm.subscriptions[slot].config;

	memset(c, 0, sizeof(*c));
	c->generation = 1;
	c->ssrc = 0x2000000 + slot;
	c->track = (struct shm_ref){slot % r->plan.tracks, 1};
	c->transport = (struct shm_ref){r->publishers + slot, 1};
	c->pt_count = 1;
	c->sequence_start = (uint16_t)(slot % 0x7fff);
	c->timestamp_start = slot;
	c->pts[0] = (struct shm_pt_map){RIG_PT, 100};
	c->ext.id[RTP_EXT_MID] = 4;
	c->ext.id[RTP_EXT_TRANSPORT_WIDE_CC] = (r->plan.features & BENCH_NUMBERS) != 0 ? 3 : 0;
	c->ext.id[rig_is_video(&r->plan) ? RTP_EXT_ABS_SEND_TIME : RTP_EXT_AUDIO_LEVEL] = 2;
	if ((r->plan.features & BENCH_HISTORY) != 0) {
		c->pts[0].rtx = 101;
		c->rtx_ssrc = 0x3000000 + slot;
	}
	snprintf(c->mid, sizeof(c->mid), "%u", slot % 10);
	op(r, SHM_RECORD_SUBSCRIPTION, slot);
}

static void publishers_keys(struct rig *r)
{
	uint8_t master[SHM_MASTER_BYTES_MAX];

	for (uint32_t i = 0; i < r->plan.tracks; i++) {
		master_of(i / ENCODINGS_RECEIVED_MAX, 1, master);
		r->streams[i] = r->plan.engine->stream_new(r->plan.suite, SRTP_SEND, master,
							   RIG_TRACK_SSRC + i, 0);
	}
}

void rig_records_make(struct rig *r)
{
	const struct epochs_hooks hooks = {r, to_worker, acked};
	uint32_t consumers = r->plan.tracks * r->plan.consumers;
	uint32_t transports = r->publishers + consumers;

	r->epochs = epochs_new(&r->dp, r->dp.srtp, &hooks);
	if (r->epochs == NULL)
		abort();
	for (uint32_t i = 0; i < transports; i++)
		transport_record(r, i);
	apply(r);
	for (uint32_t i = 0; i < transports; i++)
		transport_check(r, i);
	for (uint32_t i = 0; i < transports; i++)
		transport_establish(r, i);
	apply(r);
	for (uint32_t i = 0; i < r->plan.tracks; i++)
		track_record(r, i);
	apply(r);
	for (uint32_t i = 0; i < consumers; i++)
		subscription_record(r, i);
	apply(r);
	publishers_keys(r);
	// RTP header, extension header, mid (2), transport-wide number (3), send time (4) or audio
	// level (2), padded to words.
	uint32_t ext = 2 + ((r->plan.features & BENCH_NUMBERS) != 0 ? 3 : 0) +
		       (rig_is_video(&r->plan) ? 4 : 2);
	r->header_bytes = 12 + 4 + (ext + 3) / 4 * 4;
}

enum { PATH_BPS = 2000000000 };

void rig_paths_paced(struct rig *r)
{
	for (uint32_t i = 0; i < r->plan.tracks * r->plan.consumers; i++) {
		struct bandwidth *b = r->dp.transports[r->publishers + i].bandwidth;

		b->path.paces = true;
		pacer_set_rate(&b->path.pacer, PATH_BPS);
	}
}

void rig_layers_bound(struct rig *r)
{
	const struct layer_pair pair = {.temporal = RIG_TEMPORAL_MAX};
	const struct layer_target target = {.set = true, .step = pair, .pair = pair};

	for (uint32_t i = 0; i < r->plan.tracks * r->plan.consumers; i++)
		layers_want(&r->dp.subscriptions[i], &target);
}

void rig_frame_header(const struct rig *r, uint32_t from, uint8_t *frame, size_t udp_bytes)
{
	static const uint8_t ethernet[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
	struct rtc_addr remote = remote_of(from);
	uint8_t *ip = frame + sizeof(ethernet);

	(void)r;
	memcpy(frame, ethernet, sizeof(ethernet));
	memset(ip, 0, 28);
	ip[0] = 0x45;
	bytes_store_be16(ip + 2, (uint16_t)(28 + udp_bytes));
	ip[8] = 64;
	ip[9] = 17;
	memcpy(ip + 12, remote.ip, 4);
	memcpy(ip + 16, local.ip, 4);
	((struct rte_ipv4_hdr *)ip)->hdr_checksum = rte_ipv4_cksum((struct rte_ipv4_hdr *)ip);
	bytes_store_be16(ip + 20, remote.port);
	bytes_store_be16(ip + 22, local.port);
	bytes_store_be16(ip + 24, (uint16_t)(8 + udp_bytes)); // no checksum, as RFC 768 allows
}
