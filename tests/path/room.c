// SPDX-License-Identifier: Apache-2.0
//
// tests/path/room.c - see room.h.
#include "tests/path/room.h"

#include "dataplane/core/hmac.h"
#include "dataplane/core/path.h"
#include "dataplane/srtp/engine.h"
#include "proto/rtc/stun.h"
#include "proto/shm/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char sfu[] = "192.0.2.1";
static const char sfu6[] = "2001:db8::1";
static const char peer_ufrag[] = "peer", peer_pwd[] = "peerpeerpeerpeerpeerpeer";
static const char sfu_pwd[] = "sluicesluicesluicesluice";

static bool send_to_worker(void *context, unsigned worker, const struct xmsg *msg)
{
	struct room *r = context;
	return xmsg_from_main(&r->h->dp.workers[worker], msg);
}

static void acked(void *context, uint64_t epoch)
{
	struct room *r = context;
	r->acked = epoch;
}

struct room *room_new(unsigned workers)
{
	struct room *r = calloc(1, sizeof(*r));
	const struct epochs_hooks hooks = {r, send_to_worker, acked};

	assert_non_null(r);
	r->h = harness_new(workers);
	assert_true(srtp_engine_libsrtp2.start()); // for the peers
	r->epochs = epochs_new(&r->h->dp, r->h->dp.srtp, &hooks);
	assert_non_null(r->epochs);
	room_time(r, 1000000);
	return r;
}

void room_free(struct room *r)
{
	for (unsigned i = 0; i < r->peer_count; i++) {
		if (r->peers[i].suite == SHM_SUITE_NONE)
			continue;
		srtp_dealloc(r->peers[i].send);
		srtp_dealloc(r->peers[i].receive);
	}
	for (unsigned i = 0; i < r->h->dp.worker_count; i++) {
		struct rte_mbuf *frames[64];
		unsigned n;
		while ((n = harness_sent(r->h, i, frames, 64)) > 0)
			rte_pktmbuf_free_bulk(frames, n);
	}
	epochs_free(r->epochs);
	assert_int_equal(harness_free(r->h), 0);
	free(r);
}

void room_time(struct room *r, uint64_t now_us)
{
	r->now_us = now_us;
	harness_time(r->h, now_us);
}

void room_deliver(struct room *r)
{
	unsigned moved;

	do {
		moved = 0;
		for (unsigned i = 0; i < r->h->dp.worker_count; i++)
			moved += harness_deliver(r->h, i);
	} while (moved != 0);
	for (unsigned i = 0; i < r->h->dp.worker_count; i++)
		path_flush(&r->h->dp.workers[i]);
}

void room_op(struct room *r, enum shm_record_type type, enum shm_action action, uint32_t slot,
	     uint32_t generation)
{
	r->ops[r->op_count++] = (struct shm_command){
		.kind = SHM_COMMAND_OP,
		.epoch = r->epoch + 1,
		.record_type = type,
		.action = action,
		.ref = {slot, generation},
	};
}

enum shm_refusal room_try(struct room *r)
{
	struct shm_view *shm = &r->h->dp.shm;
	struct shm_command msgs[65] = {
		{.kind = SHM_COMMAND_BEGIN, .op_count = r->op_count, .epoch = r->epoch + 1}};

	memcpy(&msgs[1], r->ops, r->op_count * sizeof(r->ops[0]));
	assert_true(shm_ring_push(shm->commands, SHM_COMMAND_SLOTS, msgs, r->op_count + 1));
	r->op_count = 0;
	r->epoch++;
	for (int i = 0; i < 4 && r->acked != r->epoch; i++) {
		epochs_poll(r->epochs);
		room_deliver(r);
	}
	assert_int_equal(r->acked, r->epoch);
	return shm->acks[r->epoch % SHM_ACK_SLOTS].refusal;
}

void room_apply(struct room *r)
{
	enum shm_refusal refusal = room_try(r);

	if (refusal != SHM_REFUSAL_NONE)
		fail_msg("epoch refused: reason %u", refusal);
}

static srtp_t session(enum shm_suite suite, uint8_t *master, srtp_ssrc_type_t type)
{
	srtp_profile_t profile =
		suite == SHM_SUITE_AES_CM_128_HMAC_SHA1_80 ? srtp_profile_aes128_cm_sha1_80
		: suite == SHM_SUITE_AEAD_AES_128_GCM	   ? srtp_profile_aead_aes_128_gcm
							   : srtp_profile_aead_aes_256_gcm;
	srtp_policy_t policy = {.ssrc = {.type = type}, .key = master, .window_size = 1024};
	srtp_t s = NULL;

	srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile);
	srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile);
	assert_int_equal(srtp_create(&s, &policy), srtp_err_status_ok);
	return s;
}

static struct rtc_addr sfu_addr(const struct room_peer *p)
{
	return harness_addr(p->remote.family == RTC_ADDR_V4 ? sfu : sfu6, p->local_port);
}

static void text_copy(char *to, uint16_t *size, const char *from)
{
	*size = (uint16_t)strlen(from);
	memcpy(to, from, *size);
}

static void local_ufrag(const struct room_peer *p, char out[16])
{
	snprintf(out, 16, "sluice%04u", p->id);
}

static struct shm_transport_config *transport_record(struct room *r, const struct room_peer *p)
{
	struct shm_transport_config *c = &r->h->dp.shm.transports[p->id].config;
	struct shm_credentials *cr = &c->credentials[0];
	char ufrag[16];

	local_ufrag(p, ufrag);
	memset(c, 0, sizeof(*c));
	c->generation = 1;
	c->flags = r->ice_full ? 0 : SHM_TRANSPORT_ICE_LITE;
	c->internal_port = (uint16_t)(HARNESS_INTERNAL_FIRST + p->id);
	c->rtcp_ssrc = ROOM_RTCP_SSRC + p->id;
	text_copy(cr->local_ufrag, &cr->local_ufrag_size, ufrag);
	text_copy(cr->local_pwd, &cr->local_pwd_size, sfu_pwd);
	text_copy(cr->remote_ufrag, &cr->remote_ufrag_size, peer_ufrag);
	text_copy(cr->remote_pwd, &cr->remote_pwd_size, peer_pwd);
	memcpy(c->cname, "sluice-cname", 12);
	return c;
}

static void establish_record(struct room *r, const struct room_peer *p)
{
	struct shm_transport_config *c = &r->h->dp.shm.transports[p->id].config;

	c->flags |= SHM_TRANSPORT_ESTABLISHED;
	c->suite = (uint16_t)p->suite;
	c->selected_remote = p->remote;
	c->selected_local = sfu_addr(p);
	memcpy(c->receive_master, p->send_master, sizeof(c->receive_master));
	memcpy(c->send_master, p->receive_master, sizeof(c->send_master));
}

void room_send_raw(struct room *r, struct room_peer *from, const uint8_t *bytes, size_t size)
{
	const struct harness_udp u = {
		.from = from->remote,
		.to = sfu_addr(from),
		.vlan_tci = from->vlan_tci,
		.payload = bytes,
		.payload_size = (uint16_t)size,
	};
	struct rte_mbuf *m = harness_udp_frame(r->h, &u);

	if (!r->running)
		path_ingress(&r->h->dp.workers[from->worker], &m, 1);
	else if (rte_ring_enqueue(r->h->wire_rx[from->worker], m) != 0)
		rte_pktmbuf_free(m);
}

void room_check(struct room *r, struct room_peer *p)
{
	char ufrag[16];
	uint8_t bytes[STUN_MESSAGE_BYTES_MAX];
	uint8_t transaction[STUN_TRANSACTION_BYTES] = {1, 2, 3, (uint8_t)p->id};
	struct hmac *hmac = hmac_new();
	struct stun_hmac keyed = hmac_keyed(hmac, sfu_pwd, strlen(sfu_pwd));

	local_ufrag(p, ufrag);
	const struct stun_request request = {
		.transaction = transaction,
		.remote_ufrag = ufrag,
		.remote_ufrag_size = (uint16_t)strlen(ufrag),
		.local_ufrag = peer_ufrag,
		.local_ufrag_size = (uint16_t)strlen(peer_ufrag),
		.priority = 1,
		.tie_breaker = 7,
		.controlling = true,
	};
	size_t size = stun_build_request(bytes, sizeof(bytes), &request, &keyed);
	assert_int_not_equal(size, 0);
	room_send_raw(r, p, bytes, size);
	hmac_free(hmac);
}

// Main's side of what a joining peer causes: punts go to the kernel, which is not here.
static void drain_main(struct room *r)
{
	struct xmsg msgs[32];

	for (unsigned i = 0; i < r->h->dp.worker_count; i++) {
		unsigned n = harness_to_main(r->h, i, msgs, 32);
		for (unsigned k = 0; k < n; k++) {
			if (msgs[k].kind == XMSG_PUNT || msgs[k].kind == XMSG_STUN_RESPONSE)
				rte_pktmbuf_free(msgs[k].mbuf);
			else if (msgs[k].kind == XMSG_WANT_STREAM ||
				 msgs[k].kind == XMSG_FREE_STREAM ||
				 msgs[k].kind == XMSG_FREE_SOURCE)
				epochs_message(r->epochs, i, &msgs[k]);
		}
	}
	epochs_poll(r->epochs);
}

static struct room_peer *peer_new(struct room *r, enum shm_suite suite, unsigned worker,
				  const char *ip)
{
	struct room_peer *p = &r->peers[r->peer_count];

	*p = (struct room_peer){.id = r->peer_count++,
				.worker = worker,
				.suite = suite,
				.local_port = HARNESS_PUBLIC_PORT};
	p->remote = harness_addr(ip, (uint16_t)(50000 + p->id));
	p->vlan_tci = p->id % 2 != 0 ? 42 : 0;
	for (unsigned i = 0; i < SHM_MASTER_BYTES_MAX; i++) {
		p->send_master[i] = (uint8_t)(i * 7 + p->id + 1);
		p->receive_master[i] = (uint8_t)(i * 5 + p->id + 101);
	}
	if (suite == SHM_SUITE_NONE)
		return p;
	p->send = session(suite, p->send_master, ssrc_any_outbound);
	p->receive = session(suite, p->receive_master, ssrc_any_inbound);
	return p;
}

struct room_peer *room_plain(struct room *r, enum shm_suite suite, unsigned worker, const char *ip,
			     bool latch)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	struct room_peer *p = peer_new(r, suite, worker, ip);
	struct shm_transport_config *c = &r->h->dp.shm.transports[p->id].config;

	p->vlan_tci = 0;
	if (latch)
		p->local_port = (uint16_t)(HARNESS_PLAIN_FIRST + p->id);
	memset(c, 0, sizeof(*c));
	c->generation = 1;
	c->rtcp_ssrc = ROOM_RTCP_SSRC + p->id;
	establish_record(r, p);
	c->flags |= SHM_TRANSPORT_PLAIN | (latch ? SHM_TRANSPORT_LATCH : 0);
	if (latch)
		memset(&c->selected_remote, 0, sizeof(c->selected_remote));
	else
		memcpy(c->remote_mac, mac, sizeof(mac));
	room_op(r, SHM_RECORD_TRANSPORT, SHM_ACTION_APPLY, p->id, 1);
	room_apply(r);
	return p;
}

struct room_peer *room_join(struct room *r, enum shm_suite suite, unsigned worker, const char *ip)
{
	struct room_peer *p = peer_new(r, suite, worker, ip);

	transport_record(r, p);
	room_op(r, SHM_RECORD_TRANSPORT, SHM_ACTION_APPLY, p->id, 1);
	room_apply(r);
	room_check(r, p);
	room_deliver(r);
	drain_main(r);
	establish_record(r, p);
	room_op(r, SHM_RECORD_TRANSPORT, SHM_ACTION_APPLY, p->id, 1);
	room_apply(r);
	return p;
}

struct shm_track_config *room_track(struct room *r, uint32_t slot, const struct room_peer *from,
				    enum shm_kind kind, enum shm_codec codec, uint32_t ssrc)
{
	struct shm_track_config *c = &r->h->dp.shm.tracks[slot].config;
	bool audio = kind == SHM_KIND_AUDIO;

	memset(c, 0, sizeof(*c));
	c->generation = 1;
	c->kind = (uint8_t)kind;
	c->codec_count = 2;
	c->encoding_count = 1;
	c->transport = (struct shm_ref){from->id, 1};
	c->mid[0] = '0';
	c->feedback = audio ? SHM_FEEDBACK_TWCC : SHM_FEEDBACK_PLI | SHM_FEEDBACK_TWCC;
	c->codecs[0] = (struct shm_track_codec){
		.pt = audio ? ROOM_AUDIO_PT : ROOM_VIDEO_PT,
		.codec = (uint8_t)codec,
		.clock_rate = audio ? 48000 : 90000,
	};
	c->codecs[1] = c->codecs[0];
	c->codecs[1].pt = ROOM_OTHER_PT;
	c->encodings[0].ssrc = ssrc;
	c->ext.id[RTP_EXT_MID] = 9;
	c->ext.id[RTP_EXT_AUDIO_LEVEL] = 1;
	c->ext.id[RTP_EXT_TRANSPORT_WIDE_CC] = 3;
	c->ext.id[RTP_EXT_ABS_SEND_TIME] = 2;
	room_op(r, SHM_RECORD_TRACK, SHM_ACTION_APPLY, slot, 1);
	return c;
}

struct shm_subscription_config *room_subscribe(struct room *r, uint32_t slot, uint32_t track,
					       const struct room_peer *to, uint32_t ssrc)
{
	struct shm_subscription_config *c = &r->h->dp.shm.subscriptions[slot].config;
	const struct shm_track_config *t = &r->h->dp.shm.tracks[track].config;

	memset(c, 0, sizeof(*c));
	c->generation = 1;
	c->ssrc = ssrc;
	c->track = (struct shm_ref){track, 1};
	c->transport = (struct shm_ref){to->id, 1};
	c->pt_count = 1;
	c->sequence_start = ROOM_SEQUENCE_START;
	c->timestamp_start = ROOM_TIMESTAMP_START;
	c->pts[0] = (struct shm_pt_map){t->codecs[0].pt, 100};
	c->ext.id[RTP_EXT_MID] = 4;
	c->ext.id[RTP_EXT_TRANSPORT_WIDE_CC] = 5;
	c->ext.id[RTP_EXT_ABS_SEND_TIME] = 6;
	c->ext.id[RTP_EXT_AUDIO_LEVEL] = 7;
	snprintf(c->mid, sizeof(c->mid), "m%u", slot);
	room_op(r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_APPLY, slot, 1);
	return c;
}

void room_send_rtp(struct room *r, struct room_peer *from, const uint8_t *rtp, size_t size)
{
	uint8_t bytes[1600];
	int sealed = (int)size;

	memcpy(bytes, rtp, size);
	assert_int_equal(srtp_protect(from->send, bytes, &sealed), srtp_err_status_ok);
	room_send_raw(r, from, bytes, (size_t)sealed);
}

void room_send_rtcp(struct room *r, struct room_peer *from, const uint8_t *compound, size_t size)
{
	uint8_t bytes[1600];
	int sealed = (int)size;

	memcpy(bytes, compound, size);
	assert_int_equal(srtp_protect_rtcp(from->send, bytes, &sealed), srtp_err_status_ok);
	room_send_raw(r, from, bytes, (size_t)sealed);
}

static void receive(struct room *r, struct room_peer *p, const struct harness_udp *u)
{
	struct room_packet *g = &r->got[r->got_count];
	const uint8_t *bytes = u->payload;

	if (u->payload_size < 2 || bytes[0] >> 6 != 2)
		return; // STUN
	assert_true(r->got_count < ROOM_PACKETS_MAX);
	memcpy(g->bytes, bytes, u->payload_size);
	g->peer = p->id;
	g->size = u->payload_size;
	g->rtcp = bytes[1] >= 192 && bytes[1] <= 223;
	srtp_err_status_t status = p->suite == SHM_SUITE_NONE ? srtp_err_status_ok
				   : g->rtcp ? srtp_unprotect_rtcp(p->receive, g->bytes, &g->size)
					     : srtp_unprotect(p->receive, g->bytes, &g->size);
	assert_int_equal(status, srtp_err_status_ok);
	assert_int_equal(u->vlan_tci, p->vlan_tci);
	struct rtc_addr local = sfu_addr(p);
	assert_true(rtc_addr_equal(&u->from, &local));
	r->got_count++;
}

static struct room_peer *peer_at(struct room *r, const struct rtc_addr *remote)
{
	for (unsigned i = 0; i < r->peer_count; i++)
		if (rtc_addr_equal(&r->peers[i].remote, remote))
			return &r->peers[i];
	fail_msg("a frame to nobody");
	return NULL;
}

void room_collect(struct room *r)
{
	struct rte_mbuf *frames[64];
	unsigned n;

	room_deliver(r);
	r->got_count = 0;
	for (unsigned i = 0; i < r->h->dp.worker_count; i++) {
		while ((n = harness_sent(r->h, i, frames, 64)) > 0) {
			for (unsigned k = 0; k < n; k++) {
				struct harness_udp u;
				const char *wrong = harness_udp_read(frames[k], &u);
				if (wrong != NULL)
					fail_msg("frame to a peer: %s", wrong);
				receive(r, peer_at(r, &u.to), &u);
				rte_pktmbuf_free(frames[k]);
			}
		}
	}
}

unsigned room_of(struct room *r, unsigned id, bool rtcp, struct room_packet *out[], unsigned room)
{
	unsigned count = 0;

	for (unsigned i = 0; i < r->got_count; i++)
		if (r->got[i].peer == id && r->got[i].rtcp == rtcp && count < room)
			out[count++] = &r->got[i];
	return count;
}

void room_housekeeping(struct room *r)
{
	for (unsigned i = 0; i < r->h->dp.worker_count; i++) {
		struct worker *w = &r->h->dp.workers[i];

		if (w->now_us >= w->pacing_us)
			path_pacing(w);
		path_housekeeping(w);
	}
	room_deliver(r);
}

void room_pass(struct room *r, uint64_t us)
{
	for (uint64_t end = r->now_us + us; r->now_us < end;) {
		room_time(r, r->now_us + HOUSEKEEPING_US);
		room_housekeeping(r);
	}
}

void room_send_compound(struct room *r, unsigned peer, const struct bytes_writer *w)
{
	assert_false(w->overflow);
	room_send_rtcp(r, &r->peers[peer], w->start, w->size);
	room_deliver(r);
}

bool room_find_rtcp(struct room *r, unsigned peer, uint8_t type, int count, unsigned n,
		    struct rtcp_packet *out)
{
	struct rtcp_walk walk;

	for (unsigned i = 0; i < r->got_count; i++) {
		if (r->got[i].peer != peer || !r->got[i].rtcp)
			continue;
		rtcp_walk_init(&walk, r->got[i].bytes, (size_t)r->got[i].size);
		while (rtcp_walk_next(&walk, out))
			if (out->type == type && (count < 0 || out->count == count) && n-- == 0)
				return true;
	}
	return false;
}
