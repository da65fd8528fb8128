// SPDX-License-Identifier: Apache-2.0
//
// tests/path/trust_test.c - what is not true changes nothing: no state, no answer, nothing relayed,
// one named counter. A good stream runs beside every bad packet and loses nothing.
//
// Each test runs with one worker and with two. "No state" is every byte of the tables.
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "dataplane/tables/transport.h"
#include "tests/path/checks.h"
#include "tests/path/media.h"

#include "proto/rtc/bytes.h"

enum { AUDIO = 0, AUDIO_SSRC = 0xa0d10, ANY_DROP = -1 };

struct scene {
	struct room *r;
	struct room_peer *publisher;
	struct room_peer *consumer;
	struct room_peer *other_family; // publishes nothing, is there to be spoken for in IPv6
	uint16_t sent; // good packets
	unsigned to_main;
};

static void scene_new(struct scene *s, unsigned workers, enum shm_suite suite)
{
	struct room *r = room_new(workers);

	*s = (struct scene){.r = r};
	s->publisher = room_join(r, suite, 0, "198.51.100.1");
	s->consumer = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, workers - 1, "198.51.100.7");
	s->other_family = room_join(r, suite, 0, "2001:db8::77");
	s->to_main = r->peer_count;
	room_track(r, AUDIO, s->publisher, SHM_KIND_AUDIO, SHM_CODEC_OPUS, AUDIO_SSRC);
	room_subscribe(r, 0, AUDIO, s->consumer, 0x1000);
	room_apply(r);
	checks_main(r);
}

static struct scene scene;

static int one_worker(void **state)
{
	scene_new(&scene, 1, SHM_SUITE_AEAD_AES_128_GCM);
	*state = &scene;
	return 0;
}

static int two_workers(void **state)
{
	scene_new(&scene, 2, SHM_SUITE_AES_CM_128_HMAC_SHA1_80);
	*state = &scene;
	return 0;
}

static size_t audio_write(uint8_t *rtp, uint16_t seq)
{
	return media_write_audio(rtp, AUDIO_SSRC, seq, 60);
}

// A packet of the good stream, sealed by the publisher.
static size_t audio_sealed(struct scene *s, uint8_t *out)
{
	int size = (int)audio_write(out, ++s->sent);

	assert_int_equal(srtp_protect(s->publisher->send, out, &size), srtp_err_status_ok);
	return (size_t)size;
}

// The good stream goes on: the consumer gets this very packet, and it alone.
static void good(struct scene *s)
{
	uint8_t bytes[400];
	struct room_packet *got[2];
	size_t size = audio_sealed(s, bytes);

	room_send_raw(s->r, s->publisher, bytes, size);
	room_collect(s->r);
	assert_int_equal(room_of(s->r, s->consumer->id, false, got, 2), 1);
	assert_int_equal(media_read(got[0]).m.seq, (uint16_t)(ROOM_SEQUENCE_START + s->sent - 1));
	assert_int_equal(media_read(got[0]).m.payload[7], s->sent & 0xff);
	s->to_main += checks_main(s->r).punts;
}

static int scene_end(void **state)
{
	struct scene *s = *state;

	good(s);
	assert_books(s->r, s->to_main);
	room_free(s->r);
	return 0;
}

// Every byte of the tables.
struct tables {
	size_t sizes[3];
	uint8_t *copies[3];
};

static const void *table(const struct dataplane *dp, int i)
{
	return i == 0	? (const void *)dp->transports
	       : i == 1 ? (const void *)dp->tracks
			: (const void *)dp->subscriptions;
}

static struct tables tables_copy(const struct dataplane *dp)
{
	struct tables t = {{dp->limits.transports * sizeof(struct transport),
			    dp->limits.tracks * sizeof(struct track),
			    dp->limits.subscriptions * sizeof(struct subscription)}};

	for (int i = 0; i < 3; i++) {
		t.copies[i] = malloc(t.sizes[i]);
		assert_non_null(t.copies[i]);
		memcpy(t.copies[i], table(dp, i), t.sizes[i]);
	}
	return t;
}

static void tables_unchanged(struct tables *t, const struct dataplane *dp)
{
	for (int i = 0; i < 3; i++) {
		// cmocka compares bytes one by one, and this runs for every forged packet.
		assert_int_equal(memcmp(t->copies[i], table(dp, i), t->sizes[i]), 0);
		free(t->copies[i]);
	}
}

// Takes 'm' in and finds nothing changed but one counter ('why', or any).
static void harmless_frame(struct scene *s, struct rte_mbuf *m, int why)
{
	struct room *r = s->r;
	struct tables before = tables_copy(&r->h->dp);
	uint64_t all = drops_all(r);
	uint64_t named = why >= 0 ? drops_of(r, (enum shm_ingress_drop)why) : 0;
	struct rte_mbuf *left;
	struct xmsg msg;

	path_ingress(&r->h->dp.workers[0], &m, 1);
	room_deliver(r);
	tables_unchanged(&before, &r->h->dp);
	assert_int_equal(drops_all(r), all + 1);
	if (why >= 0)
		assert_int_equal(drops_of(r, (enum shm_ingress_drop)why), named + 1);
	for (unsigned i = 0; i < r->h->dp.worker_count; i++) {
		assert_int_equal(harness_sent(r->h, i, &left, 1), 0);
		assert_int_equal(harness_to_main(r->h, i, &msg, 1), 0);
	}
}

static void harmless_from(struct scene *s, const struct rtc_addr *from, const void *bytes,
			  size_t size, int why)
{
	harmless_frame(s, datagram_from(s->r, from, 0, bytes, size), why);
}

static void harmless(struct scene *s, const void *bytes, size_t size, int why)
{
	harmless_from(s, &s->publisher->remote, bytes, size, why);
}

static struct rtc_addr stranger(void)
{
	return harness_addr("203.0.113.66", 6666);
}

static void untrue_checks(void **state)
{
	static const struct {
		struct check c;
		enum shm_ingress_drop why;
	} cases[] = {
		{{.pwd = "aaaaaaaaaaaaaaaaaaaaaaaa"}, SHM_INGRESS_DROP_STUN_INTEGRITY},
		{{.pwd = CHECKS_PEER_PWD}, SHM_INGRESS_DROP_STUN_INTEGRITY},
		{{.pwd = "a", .use_candidate = true}, SHM_INGRESS_DROP_STUN_INTEGRITY},
		{{.pwd = "a", .controlled = true}, SHM_INGRESS_DROP_STUN_INTEGRITY},
		{{.ufrag = "sluice9999"}, SHM_INGRESS_DROP_STUN_UNKNOWN_UFRAG},
		{{.ufrag = "sluice000"}, SHM_INGRESS_DROP_STUN_UNKNOWN_UFRAG},
		{{.ufrag = "a-ufrag-longer-than-any-of-our-own-ufrags-is"},
		 SHM_INGRESS_DROP_STUN_UNKNOWN_UFRAG},
	};
	struct scene *s = *state;
	struct rtc_addr addresses[] = {s->publisher->remote, stranger(),
				       harness_addr("2001:db8::bad", 6666)};
	uint8_t bytes[STUN_MESSAGE_BYTES_MAX];

	for (unsigned a = 0; a < 3; a++)
		for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			size_t size = check_write(bytes, s->publisher, &cases[i].c);
			harmless_from(s, &addresses[a], bytes, size, cases[i].why);
			good(s);
		}
}

// Any change of a byte under integrity, and any change of the fingerprint's value.
static void bent_and_cut_checks(void **state)
{
	struct scene *s = *state;
	uint8_t bytes[STUN_MESSAGE_BYTES_MAX];
	size_t size = check_write(bytes, s->publisher, &(struct check){.use_candidate = true});

	for (size_t i = 2; i < size; i++) {
		if (i >= size - 8 && i < size - 4)
			continue; // not under integrity: without FINGERPRINT the check is right
		bytes[i] ^= 0x10;
		harmless(s, bytes, size, ANY_DROP);
		bytes[i] ^= 0x10;
	}
	for (size_t cut = 0; cut < size; cut++)
		harmless(s, bytes, cut,
			 cut == 0 ? SHM_INGRESS_DROP_NOT_RTC : SHM_INGRESS_DROP_STUN_MALFORMED);
	good(s);
}

static void other_stun(void **state)
{
	struct scene *s = *state;
	uint8_t bytes[64] = {0x00, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1};

	harmless(s, bytes, 20, SHM_INGRESS_DROP_STUN_INDICATION);
	bytes[1] = 0x01; // a request without USERNAME
	harmless(s, bytes, 20, SHM_INGRESS_DROP_STUN_UNKNOWN_UFRAG);
	bytes[1] = 0x03; // Allocate
	harmless(s, bytes, 20, SHM_INGRESS_DROP_STUN_MALFORMED);
	// The right USERNAME, no integrity.
	const uint8_t username[] = {0x00, 0x06, 0,   15,  's', 'l', 'u', 'i', 'c', 'e',
				    '0',  '0',	'0', '0', ':', 'p', 'e', 'e', 'r', 0};
	bytes[1] = 0x01;
	bytes[3] = sizeof(username);
	memcpy(bytes + 20, username, sizeof(username));
	harmless(s, bytes, 20 + sizeof(username), SHM_INGRESS_DROP_STUN_INTEGRITY);
	good(s);
}

static void forged_media(void **state)
{
	struct scene *s = *state;
	uint8_t bytes[400], bent[400];

	good(s);
	size_t size = audio_sealed(s, bytes);
	for (size_t i = 1; i < size; i++) {
		// SSRC and MID have tests of their own; the lengths in the header may be malformed.
		if (i == 1 || (i >= 8 && i < 12) || i == 14 || i == 15)
			continue;
		memcpy(bent, bytes, size);
		bent[i] ^= 0x01;
		harmless(s, bent, size, SHM_INGRESS_DROP_SRTP_AUTH);
	}
	memcpy(bent, bytes, size);
	for (unsigned seq = 0; seq < 65536; seq += 1009) {
		bytes_store_be16(bent + 2, (uint16_t)(s->sent + 1 + seq));
		harmless(s, bent, size, ANY_DROP); // behind, it may count as too old
	}
	for (size_t cut = 0; cut < size; cut++)
		harmless(s, bytes, cut, ANY_DROP);
	// The very packet all this was made from is still fresh.
	room_send_raw(s->r, s->publisher, bytes, size);
	room_collect(s->r);
	assert_int_equal(s->r->got_count, 1);
	good(s);
}

static void replayed_and_plain_media(void **state)
{
	struct scene *s = *state;
	uint8_t kept[20][400], plain[400];
	size_t sizes[20];

	good(s);
	for (int i = 0; i < 20; i++) {
		sizes[i] = audio_sealed(s, kept[i]);
		room_send_raw(s->r, s->publisher, kept[i], sizes[i]);
		room_collect(s->r);
		assert_int_equal(s->r->got_count, 1);
	}
	for (int i = 0; i < 20; i++) {
		harmless(s, kept[i], sizes[i], SHM_INGRESS_DROP_SRTP_REPLAY);
		good(s);
	}
	size_t size = audio_write(plain, (uint16_t)(s->sent + 1));
	harmless(s, plain, size, SHM_INGRESS_DROP_SRTP_AUTH);
	good(s);
}

// Only a checked tuple speaks for a transport; what it says is still fresh afterwards.
static void from_unchecked_tuples(void **state)
{
	struct scene *s = *state;
	static const uint8_t hello[] = {22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0};
	struct rtc_addr addresses[] = {stranger(), s->publisher->remote, s->publisher->remote,
				       harness_addr("2001:db8::1:1", 50000)};
	uint8_t bytes[400], rtcp[64] = {0x80, 201, 0, 1, 0, 0x0a, 0x0d, 0x10};

	addresses[1].port++;
	addresses[2].ip[3]++;
	int rtcp_size = 8;
	size_t size = audio_sealed(s, bytes);
	assert_int_equal(srtp_protect_rtcp(s->publisher->send, rtcp, &rtcp_size), 0);
	for (unsigned i = 0; i < 4; i++) {
		enum shm_ingress_drop why = SHM_INGRESS_DROP_UNCHECKED_TUPLE;
		harmless_from(s, &addresses[i], bytes, size, why);
		harmless_from(s, &addresses[i], rtcp, (size_t)rtcp_size, why);
		harmless_from(s, &addresses[i], hello, sizeof(hello), why);
	}
	// From another's checked tuple it is that transport's, which has no such stream.
	harmless_from(s, &s->other_family->remote, bytes, size, SHM_INGRESS_DROP_RTP_UNKNOWN_SSRC);
	room_send_raw(s->r, s->publisher, bytes, size);
	room_send_raw(s->r, s->publisher, rtcp, (size_t)rtcp_size);
	room_collect(s->r);
	assert_int_equal(s->r->got_count, 1);
	assert_int_equal(drops_of(s->r, SHM_INGRESS_DROP_SRTCP_REPLAY), 0);
	good(s);
}

static void forged_and_replayed_feedback(void **state)
{
	struct scene *s = *state;
	uint8_t rtcp[128] = {0x80, 201, 0, 1, 0, 0, 0x12, 0x34}, bent[128];
	int size = 8;

	harmless(s, rtcp, 8, ANY_DROP); // too short to be sealed
	harmless(s, rtcp, 40, ANY_DROP); // plain
	assert_int_equal(srtp_protect_rtcp(s->publisher->send, rtcp, &size), 0);
	for (int i = 4; i < size; i++) {
		memcpy(bent, rtcp, sizeof(bent));
		bent[i] ^= 0x04;
		harmless(s, bent, (size_t)size, ANY_DROP);
	}
	for (int cut = 0; cut < size; cut++)
		harmless(s, rtcp, (size_t)cut, ANY_DROP);
	room_send_raw(s->r, s->publisher, rtcp, (size_t)size);
	assert_int_equal(drops_of(s->r, SHM_INGRESS_DROP_SRTCP_REPLAY), 0);
	harmless(s, rtcp, (size_t)size, SHM_INGRESS_DROP_SRTCP_REPLAY);
	good(s);
}

static void to_other_ports(void **state)
{
	struct scene *s = *state;
	uint8_t check[STUN_MESSAGE_BYTES_MAX];
	size_t size = check_write(check, s->publisher, &(struct check){.use_candidate = true});
	static const struct {
		uint16_t port;
		enum shm_ingress_drop why;
	} cases[] = {
		{HARNESS_INTERNAL_FIRST, SHM_INGRESS_DROP_INTERNAL_PORT},
		{HARNESS_INTERNAL_FIRST + 1, SHM_INGRESS_DROP_INTERNAL_PORT},
		{HARNESS_INTERNAL_LAST, SHM_INGRESS_DROP_INTERNAL_PORT},
		{HARNESS_INTERNAL_FIRST - 1, SHM_INGRESS_DROP_CLOSED_PORT},
		{HARNESS_INTERNAL_LAST + 1, SHM_INGRESS_DROP_CLOSED_PORT},
		{HARNESS_PUBLIC_PORT + 1, SHM_INGRESS_DROP_CLOSED_PORT},
		{0, SHM_INGRESS_DROP_CLOSED_PORT},
		{53, SHM_INGRESS_DROP_CLOSED_PORT},
	};
	const struct room_peer *from[] = {s->publisher, s->other_family};

	for (unsigned f = 0; f < 2; f++)
		for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct harness_udp u = {.from = from[f]->remote,
						.to = checks_sfu(&from[f]->remote),
						.payload = check,
						.payload_size = (uint16_t)size};
			u.to.port = cases[i].port;
			harmless_frame(s, harness_udp_frame(s->r->h, &u), cases[i].why);
			good(s);
		}
}

enum { V4 = 0, V6 = 1, ETHERNET = 14 };

// A right check as a frame's bytes, over IPv4 or IPv6.
static size_t check_frame(struct scene *s, int family, uint8_t out[FRAME_BYTES_MAX])
{
	const struct room_peer *p = family == V4 ? s->publisher : s->other_family;
	uint8_t check[STUN_MESSAGE_BYTES_MAX];
	size_t size = check_write(check, p, &(struct check){0});
	struct rte_mbuf *m = datagram_from(s->r, &p->remote, 0, check, size);

	size = m->data_len;
	memcpy(out, rte_pktmbuf_mtod(m, void *), size);
	rte_pktmbuf_free(m);
	return size;
}

// Rights the IPv4 header checksum after a change.
static void ipv4_resum(uint8_t *ip)
{
	uint32_t sum = 0;

	bytes_store_be16(ip + 10, 0);
	for (int i = 0; i < 20; i += 2)
		sum += bytes_be16(ip + i);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	bytes_store_be16(ip + 10, (uint16_t)~sum);
}

static void harmless_bytes(struct scene *s, const uint8_t *bytes, size_t size, int why)
{
	harmless_frame(s, harness_frame(s->r->h, bytes, size), why);
}

static void broken_ipv4(void **state)
{
	static const struct {
		uint8_t at;
		uint8_t value;
		bool resum;
		enum shm_ingress_drop why;
	} cases[] = {
		{6, 0x20, true, SHM_INGRESS_DROP_IP_FRAGMENT}, // more fragments
		{7, 0x01, true, SHM_INGRESS_DROP_IP_FRAGMENT}, // an offset
		{8, 0x3f, false, SHM_INGRESS_DROP_IP_CHECKSUM}, // TTL, and the old sum
		{0, 0x44, true, SHM_INGRESS_DROP_IP_MALFORMED}, // header of 16 bytes
		{0, 0x65, true, SHM_INGRESS_DROP_IP_MALFORMED}, // version 6
		{2, 0x05, true, SHM_INGRESS_DROP_IP_MALFORMED}, // longer than the frame
		{3, 19, true, SHM_INGRESS_DROP_IP_MALFORMED}, // shorter than its header
		{24, 0x10, false, SHM_INGRESS_DROP_UDP_MALFORMED}, // longer than the packet
		{25, 7, false, SHM_INGRESS_DROP_UDP_MALFORMED}, // shorter than its header
	};
	struct scene *s = *state;
	uint8_t frame[FRAME_BYTES_MAX];

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = check_frame(s, V4, frame);
		frame[ETHERNET + cases[i].at] = cases[i].value;
		if (cases[i].at == 3 || cases[i].at == 25)
			frame[ETHERNET + cases[i].at - 1] = 0;
		if (cases[i].resum)
			ipv4_resum(frame + ETHERNET);
		harmless_bytes(s, frame, size, cases[i].why);
		good(s);
	}
}

// Frames cut anywhere, over both families.
static void cut_frames(void **state)
{
	struct scene *s = *state;
	uint8_t frame[FRAME_BYTES_MAX];

	for (int family = V4; family <= V6; family++) {
		size_t size = check_frame(s, family, frame);
		for (size_t cut = 0; cut < size; cut++)
			harmless_bytes(s, frame, cut,
				       cut < ETHERNET ? SHM_INGRESS_DROP_L2_SHORT
						      : SHM_INGRESS_DROP_IP_MALFORMED);
		good(s);
	}
	const uint8_t tagged[17] = {[12] = 0x81};
	for (size_t cut = 14; cut <= sizeof(tagged); cut++)
		harmless_bytes(s, tagged, cut, SHM_INGRESS_DROP_L2_SHORT);
}

// Puts an extension header of 'type' before UDP.
static size_t ipv6_extend(uint8_t *frame, size_t size, uint8_t type)
{
	uint8_t *ip = frame + ETHERNET;

	memmove(ip + 48, ip + 40, size - ETHERNET - 40);
	memset(ip + 40, 0, 8);
	ip[40] = ip[6];
	ip[42] = 1; // PadN over the rest
	ip[43] = 4;
	ip[6] = type;
	bytes_store_be16(ip + 4, (uint16_t)(bytes_be16(ip + 4) + 8));
	return size + 8;
}

// Extension headers are no way round the port rules.
static void ipv6_extension_headers(void **state)
{
	static const uint8_t types[] = {0, 43, 60};
	struct scene *s = *state;
	uint8_t frame[FRAME_BYTES_MAX];

	for (unsigned i = 0; i < sizeof(types); i++) {
		size_t size = check_frame(s, V6, frame);
		bytes_store_be16(frame + ETHERNET + 42, HARNESS_INTERNAL_FIRST + 2);
		size = ipv6_extend(frame, size, types[i]);
		harmless_bytes(s, frame, size, SHM_INGRESS_DROP_INTERNAL_PORT);
		size = ipv6_extend(frame, size, 60); // and a second one
		harmless_bytes(s, frame, size, SHM_INGRESS_DROP_INTERNAL_PORT);
		frame[ETHERNET + 41] = 200; // a length that leads out of the packet
		harmless_bytes(s, frame, size, SHM_INGRESS_DROP_IP_MALFORMED);
	}
	size_t size = ipv6_extend(frame, check_frame(s, V6, frame), 44);
	harmless_bytes(s, frame, size, SHM_INGRESS_DROP_IP_FRAGMENT);
	size = ipv6_extend(frame, size, 60);
	harmless_bytes(s, frame, size, SHM_INGRESS_DROP_IP_FRAGMENT);
	good(s);
}

static uint32_t next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

// Noise of every class from a checked tuple. DTLS alone is for main (OpenSSL judges it).
static void noise(void **state)
{
	struct scene *s = *state;
	uint32_t x = 20261123;
	uint8_t bytes[200];

	for (int i = 0; i < 3000; i++) {
		size_t size = next_random(&x) % sizeof(bytes);
		for (size_t k = 0; k < sizeof(bytes); k++)
			bytes[k] = (uint8_t)next_random(&x);
		if (i % 3 == 0)
			bytes_store_be32(bytes + 8, AUDIO_SSRC);
		if (i % 5 == 0)
			bytes_store_be32(bytes + 4, STUN_MAGIC_COOKIE);
		if (i % 7 == 0)
			bytes[0] = 0x80;
		if (size == 0 || bytes[0] < 20 || bytes[0] > 63)
			harmless(s, bytes, size, ANY_DROP);
		struct rtc_addr from = stranger();
		harmless_from(s, &from, bytes, size, ANY_DROP);
	}
	good(s);
}

#define BOTH(test)                                                                                 \
	{"1 worker: " #test, test, one_worker, scene_end, NULL},                                   \
	{                                                                                          \
		"2 workers: " #test, test, two_workers, scene_end, NULL                            \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(untrue_checks),
		BOTH(bent_and_cut_checks),
		BOTH(other_stun),
		BOTH(forged_media),
		BOTH(replayed_and_plain_media),
		BOTH(from_unchecked_tuples),
		BOTH(forged_and_replayed_feedback),
		BOTH(to_other_ports),
		BOTH(broken_ipv4),
		BOTH(cut_frames),
		BOTH(ipv6_extension_headers),
		BOTH(noise),
	};

	return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
