// SPDX-License-Identifier: Apache-2.0
//
// tests/path/punt_test.c - between workers and kernel: which port, which transport, which budget.
#include "dataplane/core/packet.h"
#include "dataplane/core/punt.h"
#include "dataplane/tables/transport.h"
#include "proto/rtc/bytes.h"
#include "tests/path/harness.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <rte_dev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>
#include <stdlib.h>
#include <string.h>

enum { SLOT = 5, GENERATION = 3, INTERNAL = 40007, NOBODYS = 40008 };
static const char remote_password[] = "remotepasswordremotepass";
static const struct shm_ref ref = {SLOT, GENERATION};

struct fixture {
	struct harness *h;
	struct punt punt;
	struct kernel_port kernel;
	struct rte_ring *to_kernel;
	struct rte_ring *from_kernel;
	struct shm_worker_stats stats;
	struct transport_config config;
	struct hmac *hmac;
};

static bool by_port(const void *context, uint16_t port, struct shm_ref *out)
{
	(void)context;
	*out = ref;
	return port == INTERNAL;
}

static void kernel_port_new(struct fixture *f)
{
	f->to_kernel = rte_ring_create("to_kernel", 64, SOCKET_ID_ANY, 0);
	f->from_kernel = rte_ring_create("from_kernel", 64, SOCKET_ID_ANY, 0);
	int port = rte_eth_from_rings("kernel", &f->from_kernel, 1, &f->to_kernel, 1, 0);
	struct rte_eth_conf conf = {0};
	assert_true(port >= 0);
	f->kernel.port.id = (uint16_t)port;
	assert_int_equal(rte_eth_dev_configure((uint16_t)port, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup((uint16_t)port, 0, 64, 0, NULL, f->h->dp.packets),
			 0);
	assert_int_equal(rte_eth_tx_queue_setup((uint16_t)port, 0, 64, 0, NULL), 0);
	assert_int_equal(rte_eth_dev_start((uint16_t)port), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct config c;

	f->h = harness_new(2);
	kernel_port_new(f);
	config_defaults(&c);
	c.punt_source = 400; // a bucket of 100
	c.punt_stun = 480; // of 120
	c.punt_total = 560; // of 140
	f->config = (struct transport_config){.index = SLOT, .generation = GENERATION};
	f->config.shm.internal_port = INTERNAL;
	f->config.shm.credentials[0].local_ufrag_size = 8;
	f->config.shm.credentials[0].remote_pwd_size = sizeof(remote_password) - 1;
	memcpy(f->config.shm.credentials[0].remote_pwd, remote_password,
	       sizeof(remote_password) - 1);
	atomic_store(&f->h->dp.transports[SLOT].config, &f->config);
	f->punt = (struct punt){.dp = &f->h->dp,
				.kernel = &f->kernel,
				.stats = &f->stats,
				.transport_by_port = by_port,
				.now_us = 1000000};
	f->hmac = hmac_new();
	*state = f;
	return punt_new(&f->punt, &c) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	punt_free(&f->punt);
	hmac_free(f->hmac);
	port_close(&f->kernel.port);
	rte_ring_free(f->to_kernel);
	rte_ring_free(f->from_kernel);
	unsigned left = harness_free(f->h);
	free(f);
	return left == 0 ? 0 : -1;
}

// A frame from the wire as the worker leaves it: parsed, then punted.
static struct xmsg punted(struct fixture *f, const char *from, const char *to, uint8_t class,
			  const void *payload, uint16_t size)
{
	struct harness_udp u = {.from = harness_addr(from, 5000),
				.to = harness_addr(to, HARNESS_PUBLIC_PORT),
				.payload = payload,
				.payload_size = size};
	struct rte_mbuf *m = harness_udp_frame(f->h, &u);
	struct packet *p = packet_of(m);

	memset(p, 0, sizeof(*p));
	p->remote = u.from;
	p->local = u.to;
	p->class = class;
	p->l3_offset = 14;
	p->udp_offset = u.from.family == RTC_ADDR_V4 ? 34 : 54;
	p->payload_offset = (uint16_t)(p->udp_offset + 8);
	p->payload_size = size;
	return (struct xmsg){.kind = XMSG_PUNT, .ref = ref, .mbuf = m};
}

static unsigned kernel_got(struct fixture *f, struct rte_mbuf **m)
{
	punt_flush(&f->punt);
	return rte_ring_dequeue(f->to_kernel, (void **)m) == 0;
}

static void up_goes_to_the_internal_port(void **state)
{
	static const char *const from_to[][2] = {{"192.0.2.9", "198.18.0.1"},
						 {"2001:db8::9", "2001:db8::1"}};
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		struct xmsg msg =
			punted(f, from_to[i][0], from_to[i][1], PACKET_DTLS, "\x16hello", 6);
		struct harness_udp u;
		struct rte_mbuf *m;
		punt_up(&f->punt, &msg);
		assert_true(kernel_got(f, &m));
		assert_null(harness_udp_read(m, &u)); // the checksum still holds
		assert_int_equal(u.to.port, INTERNAL);
		assert_int_equal(u.from.port, 5000);
		assert_memory_equal(u.payload, "\x16hello", 6);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(f->stats.packets_consumed, 2);
}

static void up_needs_transport_and_control(void **state)
{
	struct fixture *f = *state;
	struct rte_mbuf *m;
	struct xmsg msg = punted(f, "192.0.2.9", "198.18.0.1", PACKET_DTLS, "\x16", 1);

	msg.ref.generation = GENERATION + 1;
	punt_up(&f->punt, &msg);
	assert_int_equal(f->stats.ingress_drops[SHM_INGRESS_DROP_HANDOVER_STALE], 1);
	msg = punted(f, "192.0.2.9", "198.18.0.1", PACKET_DTLS, "\x16", 1);
	msg.ref = (struct shm_ref){0};
	punt_up(&f->punt, &msg);
	assert_int_equal(f->stats.ingress_drops[SHM_INGRESS_DROP_UNCHECKED_TUPLE], 1);
	atomic_store(&f->h->dp.control_attached, false);
	msg = punted(f, "192.0.2.9", "198.18.0.1", PACKET_DTLS, "\x16", 1);
	punt_up(&f->punt, &msg);
	assert_int_equal(f->stats.ingress_drops[SHM_INGRESS_DROP_NO_CONTROL], 1);
	assert_false(kernel_got(f, &m));
}

static void arp(struct fixture *f, uint8_t last_byte_of_source)
{
	uint8_t frame[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0, 0x08, 0x06};
	struct rte_mbuf *m = harness_frame(f->h, frame, sizeof(frame));
	struct xmsg msg = {.kind = XMSG_PUNT, .mbuf = m};

	memset(packet_of(m), 0, sizeof(struct packet));
	packet_of(m)->class = PACKET_OTHER;
	packet_of(m)->l3_offset = 14;
	packet_of(m)->remote_mac.addr_bytes[5] = last_byte_of_source;
	punt_up(&f->punt, &msg);
}

static void arp_passes_without_control(void **state)
{
	struct fixture *f = *state;
	struct rte_mbuf *m;

	atomic_store(&f->h->dp.control_attached, false);
	arp(f, 1);
	assert_true(kernel_got(f, &m));
	assert_int_equal(m->data_len, 60);
	rte_pktmbuf_free(m);
}

static unsigned flood(struct fixture *f, const char *from, unsigned count)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < count; i++) {
		struct rte_mbuf *m;
		struct xmsg msg = punted(f, from, "198.18.0.1", PACKET_STUN, "\0\1", 2);
		punt_up(&f->punt, &msg);
		if (!kernel_got(f, &m))
			continue;
		rte_pktmbuf_free(m);
		passed++;
	}
	return passed;
}

static void budgets_hold(void **state)
{
	struct fixture *f = *state;
	const uint64_t *drops = f->stats.ingress_drops;
	unsigned neighbours = 0;
	struct rte_mbuf *m;

	assert_int_equal(flood(f, "192.0.2.9", 150), 100);
	assert_int_equal(drops[SHM_INGRESS_DROP_PUNT_RATE_SOURCE], 50);
	assert_int_equal(flood(f, "192.0.2.10", 50), 20); // the class had 120
	assert_int_equal(drops[SHM_INGRESS_DROP_PUNT_RATE_CLASS], 30);
	for (uint8_t i = 0; i < 30; i++) { // all had 140
		arp(f, i);
		if (!kernel_got(f, &m))
			continue;
		rte_pktmbuf_free(m);
		neighbours++;
	}
	assert_int_equal(neighbours, 20);
	assert_int_equal(drops[SHM_INGRESS_DROP_PUNT_RATE], 10);
	f->punt.now_us += 100000; // 0.1 s: 40 tokens for the source, 48 for the class
	assert_int_equal(flood(f, "192.0.2.9", 60), 40);
}

// A frame of the kernel's, from an internal port unless told otherwise.
static struct rte_mbuf *from_kernel(struct fixture *f, uint16_t port, bool v6, const void *payload,
				    uint16_t size)
{
	struct harness_udp u = {
		.from = harness_addr(v6 ? "2001:db8::1" : "198.18.0.1", port),
		.to = harness_addr(v6 ? "2001:db8::9" : "192.0.2.9", 5000),
		.payload = payload,
		.payload_size = size,
	};

	return harness_udp_frame(f->h, &u);
}

static bool worker_got(struct fixture *f, unsigned id, struct xmsg *msg)
{
	return xmsg_receive(f->h->dp.workers[id].from_main, msg, 1) == 1;
}

static size_t request(struct fixture *f, uint8_t *out, const char *password)
{
	struct stun_hmac hmac = hmac_keyed(f->hmac, password, strlen(password));
	struct stun_request r = {.transaction = (const uint8_t *)"abcdefghijkl",
				 .remote_ufrag = "theirs00",
				 .remote_ufrag_size = 8,
				 .local_ufrag = "oursours",
				 .local_ufrag_size = 8};

	return stun_build_request(out, STUN_MESSAGE_BYTES_MAX, &r, &hmac);
}

static void down_stun_leaves_from_the_public_port(void **state)
{
	struct fixture *f = *state;

	for (int v6 = 0; v6 < 2; v6++) {
		uint8_t stun[STUN_MESSAGE_BYTES_MAX];
		size_t size = request(f, stun, remote_password);
		struct harness_udp u;
		struct xmsg msg;
		punt_down(&f->punt, from_kernel(f, INTERNAL, v6 != 0, stun, (uint16_t)size));
		assert_true(worker_got(f, 0, &msg));
		assert_int_equal(msg.kind, XMSG_KERNEL_TX);
		assert_int_equal(msg.ref.generation, 0);
		assert_null(harness_udp_read(msg.mbuf, &u));
		assert_int_equal(u.from.port, HARNESS_PUBLIC_PORT);
		assert_int_equal(u.payload_size, size);
		rte_pktmbuf_free(msg.mbuf);
	}
}

static void down_the_rest_goes_to_checked_tuples(void **state)
{
	struct fixture *f = *state;
	struct transport *t = &f->h->dp.transports[SLOT];
	struct xmsg msg;

	punt_down(&f->punt, from_kernel(f, INTERNAL, false, "\x16", 1));
	assert_int_equal(f->stats.egress_drops[SHM_EGRESS_DROP_KERNEL_UNMAPPED], 1);
	atomic_store(&t->owner, 1);
	punt_down(&f->punt, from_kernel(f, INTERNAL, false, "\x16", 1));
	assert_true(worker_got(f, 1, &msg));
	assert_int_equal(msg.ref.index, SLOT);
	assert_int_equal(msg.ref.generation, GENERATION);
	// The owner compares with tuples as the wire knows them.
	struct rtc_addr remote = harness_addr("192.0.2.9", 5000);
	struct rtc_addr local = harness_addr("198.18.0.1", HARNESS_PUBLIC_PORT);
	assert_true(rtc_addr_equal(&packet_of(msg.mbuf)->remote, &remote));
	assert_true(rtc_addr_equal(&packet_of(msg.mbuf)->local, &local));
	rte_pktmbuf_free(msg.mbuf);
	punt_down(&f->punt, from_kernel(f, NOBODYS, false, "\x16", 1));
	assert_int_equal(f->stats.egress_drops[SHM_EGRESS_DROP_KERNEL_UNMAPPED], 2);
	punt_down(&f->punt, from_kernel(f, 53, false, "dns", 3));
	assert_true(worker_got(f, 0, &msg));
	assert_int_equal(msg.ref.generation, 0);
	rte_pktmbuf_free(msg.mbuf);
}

// An ICMP error (v4: port unreachable, v6: the same) that quotes a datagram to 'port'.
static struct rte_mbuf *icmp_error(struct fixture *f, bool v6, uint16_t port)
{
	struct rte_mbuf *m = from_kernel(f, 1, v6, "", 0);
	size_t header = v6 ? 40 : 20;
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *), *ip = frame + 14;
	uint8_t quoted[48];

	memcpy(quoted, ip, header + 8);
	bytes_store_be16(quoted + header + 2, port);
	ip[v6 ? 6 : 9] = v6 ? 58 : 1;
	bytes_store_be16(ip + (v6 ? 4 : 2), (uint16_t)(header + 16 + (v6 ? 0 : 20)));
	rte_pktmbuf_append(m, (uint16_t)(header + 8));
	uint8_t *icmp = ip + header;
	memset(icmp, 0, 8);
	icmp[0] = v6 ? 1 : 3;
	icmp[1] = v6 ? 4 : 3;
	memcpy(icmp + 8, quoted, header + 8);
	return m;
}

static void down_no_icmp_error_about_internal_ports(void **state)
{
	struct fixture *f = *state;

	for (int v6 = 0; v6 < 2; v6++) {
		struct xmsg msg;
		punt_down(&f->punt, icmp_error(f, v6 != 0, NOBODYS));
		assert_false(worker_got(f, 0, &msg));
		punt_down(&f->punt, icmp_error(f, v6 != 0, 9));
		assert_true(worker_got(f, 0, &msg));
		rte_pktmbuf_free(msg.mbuf);
	}
	assert_int_equal(f->stats.egress_drops[SHM_EGRESS_DROP_KERNEL_ICMP], 2);
}

static void down_malformed_frames_end_here(void **state)
{
	struct fixture *f = *state;
	struct rte_mbuf *m = harness_frame(f->h, "short", 5);

	punt_down(&f->punt, m);
	m = from_kernel(f, INTERNAL, false, "x", 1);
	rte_pktmbuf_trim(m, 5); // the IP length says more
	punt_down(&f->punt, m);
	m = from_kernel(f, INTERNAL, true, "x", 1);
	bytes_store_be16(rte_pktmbuf_mtod_offset(m, uint8_t *, 54 + 4), 100); // UDP length
	punt_down(&f->punt, m);
	assert_int_equal(f->stats.egress_drops[SHM_EGRESS_DROP_KERNEL_MALFORMED], 3);
	assert_int_equal(f->stats.packets_received, 3);
}

// Every cut of a frame is either passed on or dropped by name; the sanitizers watch.
static void down_every_length(void **state)
{
	struct fixture *f = *state;

	for (int v6 = 0; v6 < 2; v6++) {
		for (uint16_t cut = 0; cut < 100; cut++) {
			struct rte_mbuf *m = icmp_error(f, v6 != 0, NOBODYS);
			struct xmsg msg;
			if (cut >= m->data_len) {
				rte_pktmbuf_free(m);
				break;
			}
			rte_pktmbuf_trim(m, cut);
			punt_down(&f->punt, m);
			if (worker_got(f, 0, &msg))
				rte_pktmbuf_free(msg.mbuf);
		}
	}
	uint64_t drops = f->stats.egress_drops[SHM_EGRESS_DROP_KERNEL_MALFORMED] +
			 f->stats.egress_drops[SHM_EGRESS_DROP_KERNEL_ICMP];
	assert_int_equal(f->stats.packets_received, drops + f->stats.packets_forwarded);
}

static struct xmsg response(struct fixture *f, const char *password, const char *transaction)
{
	struct stun_hmac hmac = hmac_keyed(f->hmac, password, strlen(password));
	struct rtc_addr mapped = harness_addr("198.18.0.1", HARNESS_PUBLIC_PORT);
	uint8_t stun[STUN_MESSAGE_BYTES_MAX];
	size_t size = stun_build_success(stun, sizeof(stun), (const uint8_t *)transaction, &mapped,
					 &hmac);

	return punted(f, "192.0.2.9", "198.18.0.1", PACKET_STUN, stun, (uint16_t)size);
}

static void responses_to_requests_of_the_kernels(void **state)
{
	struct fixture *f = *state;
	uint8_t stun[STUN_MESSAGE_BYTES_MAX];
	struct xmsg msg, add;

	punt_down(&f->punt, from_kernel(f, INTERNAL, false, stun,
					(uint16_t)request(f, stun, "any password")));
	assert_true(worker_got(f, 0, &msg));
	rte_pktmbuf_free(msg.mbuf);
	msg = response(f, remote_password, "abcdefghijkl");
	punt_stun_response(&f->punt, 1, &msg);
	assert_true(worker_got(f, 1, &add));
	assert_int_equal(add.kind, XMSG_ADD_TUPLE);
	assert_int_equal(add.ref.index, SLOT);
	assert_int_equal(add.ref.generation, GENERATION);
	assert_ptr_equal(add.mbuf, msg.mbuf);
	rte_pktmbuf_free(add.mbuf);
	msg = response(f, "wrong password wrong", "abcdefghijkl");
	punt_stun_response(&f->punt, 1, &msg);
	assert_int_equal(f->stats.ingress_drops[SHM_INGRESS_DROP_STUN_INTEGRITY], 1);
	msg = response(f, remote_password, "ABCDEFGHIJKL");
	punt_stun_response(&f->punt, 1, &msg);
	assert_int_equal(f->stats.ingress_drops[SHM_INGRESS_DROP_STUN_UNMATCHED], 1);
	f->punt.now_us += 40000001;
	msg = response(f, remote_password, "abcdefghijkl");
	punt_stun_response(&f->punt, 1, &msg);
	assert_int_equal(f->stats.ingress_drops[SHM_INGRESS_DROP_STUN_UNMATCHED], 2);
	assert_false(worker_got(f, 1, &add));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(up_goes_to_the_internal_port),
		T(up_needs_transport_and_control),
		T(arp_passes_without_control),
		T(budgets_hold),
		T(down_stun_leaves_from_the_public_port),
		T(down_the_rest_goes_to_checked_tuples),
		T(down_no_icmp_error_about_internal_ports),
		T(down_malformed_frames_end_here),
		T(down_every_length),
		T(responses_to_requests_of_the_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
