// SPDX-License-Identifier: Apache-2.0
//
// tests/path/check_test.c - checks on established transports: answers, path changes, roaming,
// eviction, consent, and packets that arrive on another worker than their transport's.
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/transport.h"
#include "tests/path/checks.h"
#include "tests/path/media.h"

enum { AUDIO = 0, AUDIO_SSRC = 0xa0d10, SENT_MAX = 40 };
#define SECOND UINT64_C(1000000)

struct scene {
	struct room *r;
	struct room_peer *publisher;
	struct room_peer *consumer;
	uint16_t sent;
	unsigned to_main;
};

static struct scene scene;

static int scene_new(void **state, unsigned workers, bool ice_full)
{
	struct scene *s = &scene;

	*s = (struct scene){.r = room_new(workers)};
	s->r->ice_full = ice_full;
	s->publisher = room_join(s->r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	s->consumer = room_join(s->r, SHM_SUITE_AEAD_AES_256_GCM, workers - 1, "198.51.100.7");
	s->to_main = 2;
	room_track(s->r, AUDIO, s->publisher, SHM_KIND_AUDIO, SHM_CODEC_OPUS, AUDIO_SSRC);
	room_subscribe(s->r, 0, AUDIO, s->consumer, 0x1000);
	room_apply(s->r);
	checks_main(s->r);
	*state = s;
	return 0;
}

static int one_worker(void **state)
{
	return scene_new(state, 1, false);
}

static int two_workers(void **state)
{
	return scene_new(state, 2, false);
}

static int full_agent(void **state)
{
	return scene_new(state, 1, true);
}

// What main got; its packets stand in its own books.
static struct checks_main main_got(struct scene *s)
{
	struct checks_main got = checks_main(s->r);

	s->to_main += got.punts + got.responses;
	return got;
}

static int scene_end(void **state)
{
	struct scene *s = *state;

	main_got(s);
	assert_books(s->r, s->to_main);
	room_free(s->r);
	return 0;
}

static struct transport *transport(struct scene *s, const struct room_peer *p)
{
	return &s->r->h->dp.transports[p->id];
}

static void send_audio(struct scene *s)
{
	static const uint8_t payload[40] = {1};
	uint8_t rtp[200];
	const struct media m = {
		.ssrc = AUDIO_SSRC,
		.seq = ++s->sent,
		.ts = 960u * s->sent,
		.pt = ROOM_AUDIO_PT,
		.payload = payload,
		.size = sizeof(payload),
	};

	room_send_rtp(s->r, s->publisher, rtp, media_write(rtp, &m));
}

// How many media packets reach the consumer where it is now.
static unsigned audio_got(struct scene *s)
{
	struct room_packet *got[8];

	room_collect(s->r);
	return room_of(s->r, s->consumer->id, false, got, 8);
}

static unsigned audio_through(struct scene *s)
{
	send_audio(s);
	return audio_got(s);
}

// The one answer to the newest check.
static struct checks_sent answer(struct scene *s, const struct rtc_addr *to)
{
	struct checks_sent sent[2];

	assert_int_equal(checks_sent(s->r, sent, 2), 1);
	assert_true(rtc_addr_equal(&sent[0].to, to));
	assert_true(checks_integrity(&sent[0].v, CHECKS_SFU_PWD));
	return sent[0];
}

static struct checks_sent check(struct scene *s, const struct room_peer *p, unsigned worker,
				const struct rtc_addr *from, const struct check *c)
{
	check_from(s->r, p, worker, from, c);
	return answer(s, from);
}

static void a_check_is_answered(void **state)
{
	struct scene *s = *state;
	const struct rtc_addr from[] = {s->publisher->remote, harness_addr("2001:db8::5", 4242),
					harness_addr("203.0.113.5", 1)};
	uint8_t bytes[STUN_MESSAGE_BYTES_MAX];

	for (unsigned i = 0; i < 3; i++) {
		size_t size = check_write(bytes, s->publisher, &(struct check){0});
		send_from(s->r, 0, &from[i], 0, bytes, size);
		struct checks_sent a = answer(s, &from[i]);
		assert_int_equal(a.v.msg_class, STUN_SUCCESS);
		assert_int_equal(a.v.method, STUN_METHOD_BINDING);
		assert_memory_equal(a.bytes + 8, bytes + 8, STUN_TRANSACTION_BYTES);
		assert_true(rtc_addr_equal(&a.v.mapped, &from[i]));
		// Answered here: nothing of it is main's.
		struct checks_main got = main_got(s);
		assert_int_equal(got.punts + got.moved, 0);
	}
}

// More than a check on an established transport is libnice's.
static void an_unknown_attribute_is_for_libnice(void **state)
{
	struct scene *s = *state;
	static const uint8_t key[] = CHECKS_SFU_PWD;
	uint8_t bytes[STUN_MESSAGE_BYTES_MAX], mac[STUN_MAC_BYTES];
	size_t size = check_write(bytes, s->publisher, &(struct check){0}) - 8 - 24;
	struct hmac *hmac = hmac_new();
	struct stun_hmac keyed = hmac_keyed(hmac, key, sizeof(key) - 1);
	struct checks_sent sent[1];

	const uint8_t unknown[] = {0x7f, 0xff, 0, 4, 1, 2, 3, 4}; // comprehension required
	memcpy(bytes + size, unknown, sizeof(unknown));
	size += sizeof(unknown);
	bytes_store_be16(bytes + 2, (uint16_t)(size + 24 - STUN_HEADER_BYTES));
	const struct stun_part part = {bytes, size};
	assert_true(keyed.sha1(keyed.ctx, &part, 1, mac));
	bytes_store_be16(bytes + size, 0x0008);
	bytes_store_be16(bytes + size + 2, STUN_MAC_BYTES);
	memcpy(bytes + size + 4, mac, sizeof(mac));
	hmac_free(hmac);
	send_from(s->r, 0, &s->publisher->remote, 0, bytes, size + 24);
	assert_int_equal(checks_sent(s->r, sent, 1), 0);
	assert_int_equal(main_got(s).punts, 1);
}

static void both_controlled_is_a_conflict(void **state)
{
	struct scene *s = *state;
	struct transport *t = transport(s, s->consumer);
	struct rtc_addr elsewhere = harness_addr("203.0.113.9", 999);
	struct checks_sent a = check(s, s->consumer, s->consumer->worker, &elsewhere,
				     &(struct check){.controlled = true});

	assert_int_equal(a.v.msg_class, STUN_ERROR);
	assert_int_equal(a.v.error_code, STUN_ROLE_CONFLICT);
	assert_true(rtc_addr_equal(&t->selected_remote, &s->consumer->remote));
	assert_int_equal(audio_through(s), 1);
}

static void moves(struct scene *s, struct room_peer *p, unsigned worker, const struct rtc_addr *to)
{
	uint32_t before = transport(s, p)->path_generation;

	check(s, p, worker, to, &(struct check){.use_candidate = true});
	struct checks_main got = main_got(s);
	assert_int_equal(got.moved, 1);
	assert_int_equal(got.punts, 1); // libnice has to know the pair as well
	assert_int_equal(got.last_event.value, before + 1);
	assert_int_equal(got.last_event.ref.index, p->id);
	p->remote = *to;
	p->worker = worker;
}

// The consumer moves with USE-CANDIDATE, over to IPv6 and back; a mere check moves nothing.
static void use_candidate_moves_the_path(void **state)
{
	struct scene *s = *state;
	struct room_peer *c = s->consumer;
	struct rtc_addr old = c->remote;
	const struct rtc_addr to[] = {harness_addr("2001:db8::99", 777),
				      harness_addr("203.0.113.9", 999), old};

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(audio_through(s), 1);
		check(s, c, c->worker, &to[i], &(struct check){0});
		assert_int_equal(audio_through(s), 1);
		moves(s, c, c->worker, &to[i]);
		assert_int_equal(audio_through(s), 1);
		// Said again it is no news.
		check(s, c, c->worker, &to[i], &(struct check){.use_candidate = true});
		struct checks_main got = main_got(s);
		assert_int_equal(got.moved + got.punts, 0);
	}
	assert_int_equal(audio_through(s), 1);
}

// The publisher's address changes: heard again from its first check on, and from the old one too.
static void a_publisher_roams(void **state)
{
	struct scene *s = *state;
	struct rtc_addr old = s->publisher->remote;

	assert_int_equal(audio_through(s), 1);
	s->publisher->remote = harness_addr("198.51.100.1", 61000);
	assert_int_equal(audio_through(s), 0);
	assert_int_equal(drops_of(s->r, SHM_INGRESS_DROP_UNCHECKED_TUPLE), 1);
	check(s, s->publisher, 0, &s->publisher->remote, &(struct check){0});
	assert_int_equal(audio_through(s), 1);
	s->publisher->remote = old;
	assert_int_equal(audio_through(s), 1);
}

static struct rtc_addr numbered(unsigned i)
{
	return harness_addr("203.0.113.50", (uint16_t)(10000 + i));
}

// Many tuples come by: the selected one is never the one that goes, the newest 7 others stay.
static void the_selected_tuple_stays(void **state)
{
	struct scene *s = *state;
	struct rtc_addr home = s->publisher->remote;

	for (unsigned i = 0; i < 30; i++) {
		struct rtc_addr from = numbered(i);
		check(s, s->publisher, 0, &from, &(struct check){0});
		if (i == 20) { // an old one comes by again: it is young
			from = numbered(15);
			check(s, s->publisher, 0, &from, &(struct check){0});
		}
		assert_int_equal(transport(s, s->publisher)->checked_count,
				 i + 2 < SHM_CHECKED_TUPLES_MAX ? i + 2 : SHM_CHECKED_TUPLES_MAX);
	}
	assert_int_equal(audio_through(s), 1);
	for (unsigned i = 0; i < 30; i++) {
		s->publisher->remote = numbered(i);
		assert_int_equal(audio_through(s), i >= 23);
	}
	s->publisher->remote = home;
}

// Another transport's check from the same tuple takes it over; what the first one then loses is
// not the other's.
static void a_tuple_changes_hands(void **state)
{
	struct scene *s = *state;
	struct rtc_addr shared = numbered(0);

	check(s, s->consumer, s->consumer->worker, &shared, &(struct check){0});
	check(s, s->publisher, 0, &shared, &(struct check){0});
	for (unsigned i = 1; i <= SHM_CHECKED_TUPLES_MAX; i++) { // evicts it from the consumer's
		struct rtc_addr from = numbered(i);
		check(s, s->consumer, s->consumer->worker, &from, &(struct check){0});
	}
	s->publisher->remote = shared;
	assert_int_equal(audio_through(s), 1);
}

static void checks_at(struct scene *s, const struct room_peer *p, uint64_t at)
{
	room_time(s->r, at);
	check(s, p, p->worker, &p->remote, &(struct check){0});
}

// Takes all that left; how many of the frames go to 'to'.
static unsigned left_for(struct scene *s, const struct rtc_addr *to)
{
	struct rte_mbuf *frames[64];
	unsigned count = 0, n;

	room_deliver(s->r);
	for (unsigned i = 0; i < s->r->h->dp.worker_count; i++)
		while ((n = harness_sent(s->r->h, i, frames, 64)) > 0) {
			for (unsigned k = 0; k < n; k++) {
				struct harness_udp u;
				assert_null(harness_udp_read(frames[k], &u));
				count += rtc_addr_equal(&u.to, to);
			}
			rte_pktmbuf_free_bulk(frames, n);
		}
	return count;
}

static void consent_expires(void **state)
{
	struct scene *s = *state;
	uint64_t start = s->r->now_us;
	struct transport *t = transport(s, s->consumer);

	checks_at(s, s->consumer, start + 20 * SECOND);
	checks_at(s, s->publisher, start + 20 * SECOND);
	checks_at(s, s->publisher, start + 45 * SECOND);
	room_time(s->r, start + 50 * SECOND - 1);
	room_housekeeping(s->r);
	assert_int_equal(main_got(s).expired, 0);
	assert_int_equal(audio_through(s), 1);
	room_time(s->r, start + 50 * SECOND);
	room_housekeeping(s->r);
	struct checks_main got = main_got(s);
	assert_int_equal(got.expired, 1);
	assert_int_equal(got.last_event.ref.index, s->consumer->id);
	assert_int_equal(t->phase, SHM_PHASE_EXPIRED);
	room_collect(s->r);
	// Nothing leaves for it any more: no media, no report, no answer, for good.
	for (unsigned i = 0; i < 5; i++) {
		room_time(s->r, s->r->now_us + 2 * SECOND);
		send_audio(s);
		check_usual(s->r, s->consumer);
		check_from(s->r, s->consumer, s->consumer->worker, &s->consumer->remote,
			   &(struct check){.use_candidate = true});
		room_housekeeping(s->r);
		assert_int_equal(left_for(s, &s->consumer->remote), 0);
	}
	assert_int_equal(t->phase, SHM_PHASE_EXPIRED);
	assert_int_equal(drops_of(s->r, SHM_INGRESS_DROP_TRANSPORT_EXPIRED), 10);
	const struct worker *w = &s->r->h->dp.workers[s->consumer->worker];
	assert_in_range(w->stats.egress_drops[SHM_EGRESS_DROP_NO_CONSENT], 5, 100);
}

// An unverified check or one on a tuple not selected keeps nobody alive.
static void what_does_not_renew_consent(void **state)
{
	struct scene *s = *state;
	uint64_t start = s->r->now_us;
	struct rtc_addr elsewhere = numbered(3);

	for (unsigned i = 1; i < 30; i++) {
		room_time(s->r, start + i * SECOND);
		check_from(s->r, s->consumer, s->consumer->worker, &s->consumer->remote,
			   &(struct check){.pwd = "wrong"});
		check(s, s->consumer, s->consumer->worker, &elsewhere, &(struct check){0});
		checks_at(s, s->publisher, s->r->now_us);
		room_housekeeping(s->r);
		room_collect(s->r);
		assert_int_equal(main_got(s).expired, 0);
	}
	room_time(s->r, start + 30 * SECOND);
	room_housekeeping(s->r);
	assert_int_equal(main_got(s).expired, 1);
	assert_int_equal(transport(s, s->consumer)->phase, SHM_PHASE_EXPIRED);
	room_collect(s->r);
}

static void respond(struct scene *s, const struct room_peer *p, const struct checks_sent *request,
		    const char *pwd)
{
	uint8_t bytes[STUN_MESSAGE_BYTES_MAX];
	struct rtc_addr mapped = checks_sfu(&p->remote);
	struct hmac *hmac = hmac_new();
	struct stun_hmac keyed = hmac_keyed(hmac, pwd, strlen(pwd));
	size_t size = stun_build_success(bytes, sizeof(bytes), request->bytes + 8, &mapped, &keyed);

	hmac_free(hmac);
	send_from(s->r, p->worker, &p->remote, p->vlan_tci, bytes, size);
}

// One consent request towards 'p': what a full agent's looks like.
static void consent_request_ok(const struct scene *s, const struct checks_sent *q, uint64_t last_us)
{
	assert_int_equal(q->v.msg_class, STUN_REQUEST);
	assert_true(checks_integrity(&q->v, CHECKS_PEER_PWD));
	assert_int_equal(q->v.username_size, strlen("peer:sluice0000"));
	assert_memory_equal(q->v.username, "peer:sluice", 11);
	assert_true(q->v.controlled);
	assert_false(q->v.use_candidate);
	if (last_us != 0) // in steps of 100 ms
		assert_in_range(s->r->now_us - last_us, 4000000, 6100000);
}

// Time passes in steps of 100 ms; the consent requests towards 'p' meanwhile, answered under 'pwd'
// (NULL: not at all).
static unsigned requests_in(struct scene *s, const struct room_peer *p, unsigned seconds,
			    const char *pwd)
{
	struct checks_sent sent[SENT_MAX];
	uint64_t last_us = 0;
	unsigned count = 0;

	for (unsigned step = 0; step < 10 * seconds; step++) {
		room_time(s->r, s->r->now_us + SECOND / 10);
		room_housekeeping(s->r);
		unsigned n = checks_sent(s->r, sent, SENT_MAX);
		for (unsigned i = 0; i < n; i++) {
			if (!rtc_addr_equal(&sent[i].to, &p->remote))
				continue;
			consent_request_ok(s, &sent[i], last_us);
			last_us = s->r->now_us;
			count++;
			if (pwd != NULL)
				respond(s, p, &sent[i], pwd);
		}
	}
	return count;
}

// A full agent keeps consent by its own requests, with no check from the peer.
static void a_full_agent_asks(void **state)
{
	struct scene *s = *state;
	struct transport *t = transport(s, s->consumer);

	assert_in_range(requests_in(s, s->consumer, 120, CHECKS_PEER_PWD), 120 / 6, 120 / 4);
	assert_int_equal(t->phase, SHM_PHASE_ESTABLISHED);
	assert_int_equal(drops_of(s->r, SHM_INGRESS_DROP_STUN_INTEGRITY), 0);
	// Responses under another password are none.
	unsigned untrue = requests_in(s, s->consumer, 20, CHECKS_SFU_PWD);
	assert_int_equal(drops_of(s->r, SHM_INGRESS_DROP_STUN_INTEGRITY), untrue);
	requests_in(s, s->consumer, 3, NULL);
	assert_int_equal(t->phase, SHM_PHASE_ESTABLISHED);
	unsigned more = requests_in(s, s->consumer, 8, CHECKS_SFU_PWD);
	assert_int_equal(t->phase, SHM_PHASE_EXPIRED);
	assert_true(more <= 2);
	assert_int_equal(requests_in(s, s->consumer, 10, NULL), 0);
	assert_int_equal(main_got(s).responses, 0);
}

// A lite agent asks nobody.
static void a_lite_agent_does_not_ask(void **state)
{
	struct scene *s = *state;

	assert_int_equal(requests_in(s, s->consumer, 25, NULL), 0);
}

// A response nobody asked for is main's to judge, and a replayed one renews nothing.
static void responses_to_nothing(void **state)
{
	struct scene *s = *state;
	struct checks_sent q = {.bytes = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 9, 9, 9}};

	respond(s, s->consumer, &q, CHECKS_PEER_PWD);
	assert_int_equal(main_got(s).responses, 1);
	assert_int_equal(left_for(s, &s->consumer->remote), 0);
}

// The peer's packets come in on another queue (its path changed, the port's hash with it): from its
// check on they are handed over to the worker that owns it.
static void another_worker_hands_over(void **state)
{
	struct scene *s = *state;
	struct worker *other = &s->r->h->dp.workers[1];

	assert_int_equal(audio_through(s), 1);
	s->publisher->worker = 1;
	assert_int_equal(audio_through(s), 0);
	assert_int_equal(other->stats.ingress_drops[SHM_INGRESS_DROP_UNCHECKED_TUPLE], 1);
	struct checks_sent a = check(s, s->publisher, 1, &s->publisher->remote, &(struct check){0});
	assert_int_equal(a.v.msg_class, STUN_SUCCESS);
	assert_int_equal(other->stats.handovers, 1);
	assert_int_equal(atomic_load(&transport(s, s->publisher)->owner), 0);
	for (unsigned i = 2; i < 10; i++) {
		assert_int_equal(audio_through(s), 1);
		assert_int_equal(other->stats.handovers, i);
	}
	s->publisher->worker = 0; // and on both at once
	assert_int_equal(audio_through(s), 1);
}

static void a_path_moves_through_another_worker(void **state)
{
	struct scene *s = *state;
	struct rtc_addr to = harness_addr("2001:db8::99", 777);

	moves(s, s->publisher, 1, &to);
	assert_int_equal(audio_through(s), 1);
	to = harness_addr("203.0.113.9", 999);
	moves(s, s->consumer, 0, &to); // owned by worker 1
	assert_int_equal(audio_through(s), 1);
	assert_int_equal(atomic_load(&transport(s, s->consumer)->owner), 1);
}

// A tuple that went is refused by the owner, though the other worker still knows where to send it.
static void an_evicted_tuple_stays_out(void **state)
{
	struct scene *s = *state;
	struct rtc_addr home = s->publisher->remote;

	for (unsigned i = 0; i < SHM_CHECKED_TUPLES_MAX; i++) {
		struct rtc_addr from = numbered(i);
		check(s, s->publisher, 1, &from, &(struct check){0});
	}
	s->publisher->worker = 1;
	s->publisher->remote = numbered(0);
	assert_int_equal(audio_through(s), 0);
	assert_int_equal(drops_of(s->r, SHM_INGRESS_DROP_UNCHECKED_TUPLE), 1);
	s->publisher->remote = numbered(1);
	assert_int_equal(audio_through(s), 1);
	s->publisher->remote = home;
	s->publisher->worker = 0;
}

#define WITH(setup, test)                                                                          \
	{                                                                                          \
#setup ": " #test, test, setup, scene_end, NULL                                    \
	}
#define BOTH(test) WITH(one_worker, test), WITH(two_workers, test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_check_is_answered),
		BOTH(an_unknown_attribute_is_for_libnice),
		BOTH(both_controlled_is_a_conflict),
		BOTH(use_candidate_moves_the_path),
		BOTH(a_publisher_roams),
		BOTH(the_selected_tuple_stays),
		WITH(one_worker, a_tuple_changes_hands),
		BOTH(consent_expires),
		BOTH(what_does_not_renew_consent),
		WITH(full_agent, a_full_agent_asks),
		WITH(one_worker, a_lite_agent_does_not_ask),
		BOTH(responses_to_nothing),
		WITH(two_workers, another_worker_hands_over),
		WITH(two_workers, a_path_moves_through_another_worker),
		WITH(two_workers, an_evicted_tuple_stays_out),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
