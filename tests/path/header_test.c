// SPDX-License-Identifier: Apache-2.0
//
// tests/path/header_test.c - headers of what we send, by path: IPv4 and IPv6, tagged and not, sums
// in software and left to the port. Frames are read back by the harness, byte for byte its own way.
#include "dataplane/core/path.h"
#include "dataplane/egress/egress.h"
#include "proto/rtc/bytes.h"
#include "tests/path/harness.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

static const struct rte_ether_addr peer_mac = {{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}};
static const struct rte_ether_addr own_mac = {{0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee}};

struct path {
	const char *remote, *local;
	uint16_t vlan_tci;
	uint8_t l2_size, l3_size;
};

static const struct path paths[] = {
	{"198.51.100.7", "192.0.2.1", 0, 14, 20},
	{"198.51.100.7", "192.0.2.1", 0x6123, 18, 20},
	{"2001:db8::7", "2001:db8::1", 0, 14, 40},
	{"2001:db8::7", "2001:db8::1", 0x0001, 18, 40},
};
enum { PATHS = sizeof(paths) / sizeof(paths[0]) };

static struct checked_tuple tuple(const struct path *p)
{
	return (struct checked_tuple){
		.remote = harness_addr(p->remote, 61000),
		.local = harness_addr(p->local, HARNESS_PUBLIC_PORT),
		.remote_mac = peer_mac,
		.local_mac = own_mac,
		.vlan_tci = p->vlan_tci,
	};
}

static struct rte_mbuf *one_frame(struct harness *h)
{
	struct rte_mbuf *m[2];

	egress_flush(&h->dp.workers[0]);
	assert_int_equal(harness_sent(h, 0, m, 2), 1);
	return m[0];
}

static void read_back(struct harness *h, const struct checked_tuple *t, const uint8_t *bytes,
		      uint16_t size)
{
	struct rte_mbuf *m = one_frame(h);
	struct harness_udp u;
	const char *wrong = harness_udp_read(m, &u);

	if (wrong != NULL)
		fail_msg("%s", wrong);
	assert_true(rtc_addr_equal(&u.from, &t->local));
	assert_true(rtc_addr_equal(&u.to, &t->remote));
	assert_int_equal(u.vlan_tci, t->vlan_tci);
	assert_memory_equal(&u.from_mac, &own_mac, 6);
	assert_memory_equal(&u.to_mac, &peer_mac, 6);
	assert_int_equal(u.payload_size, size);
	assert_memory_equal(u.payload, bytes, size);
	// A sum of 0 would mean "none": RFC 768, and forbidden in IPv6 by RFC 8200 8.1.
	assert_int_not_equal(bytes_be16((const uint8_t *)u.payload - 2), 0);
	rte_pktmbuf_free(m);
}

static void datagrams_of_every_size(void **state)
{
	struct harness *h = *state;
	uint8_t mixed[1400], ones[1400]; // ones: every addition carries

	memset(ones, 0xff, sizeof(ones));
	for (size_t i = 0; i < sizeof(mixed); i++)
		mixed[i] = (uint8_t)(i * i >> 3);
	for (unsigned p = 0; p < 2 * PATHS; p++) {
		struct checked_tuple t = tuple(&paths[p / 2]);
		const uint8_t *bytes = p % 2 == 0 ? mixed : ones;
		for (uint16_t size = 4; size <= sizeof(mixed); size += 1 + size / 40) {
			assert_true(egress_datagram(&h->dp.workers[0], &t, bytes, size));
			read_back(h, &t, bytes, size);
		}
	}
}

// Some pair of bytes makes the sum come out as 0, which has to leave as ffff.
static void a_sum_of_zero_is_sent_as_ones(void **state)
{
	struct harness *h = *state;
	struct checked_tuple t = tuple(&paths[0]);
	unsigned ones = 0;

	for (uint32_t v = 0; v < 0x10000; v++) {
		const uint8_t bytes[2] = {(uint8_t)(v >> 8), (uint8_t)v};
		assert_true(egress_datagram(&h->dp.workers[0], &t, bytes, 2));
		struct rte_mbuf *m = one_frame(h);
		ones += bytes_be16(rte_pktmbuf_mtod_offset(m, uint8_t *, 14 + 20 + 6)) == 0xffff;
		rte_pktmbuf_free(m);
	}
	assert_in_range(ones, 1, 2);
}

static void template_sizes(void **state)
{
	struct harness *h = *state;

	for (unsigned p = 0; p < PATHS; p++) {
		struct checked_tuple t = tuple(&paths[p]);
		struct header_template template;
		egress_header_template(&h->dp, &template, &t);
		assert_int_equal(template.l2_size, paths[p].l2_size);
		assert_int_equal(template.l3_size, paths[p].l3_size);
		assert_int_equal(template.size, paths[p].l2_size + paths[p].l3_size + 8);
	}
}

static void no_path_without_addresses(void **state)
{
	struct harness *h = *state;
	struct worker *w = &h->dp.workers[0];
	struct checked_tuple t = tuple(&paths[0]);
	struct header_template template;

	t.remote_mac = (struct rte_ether_addr){{0}};
	egress_header_template(&h->dp, &template, &t);
	assert_int_equal(template.size, 0);
	assert_false(egress_datagram(w, &t, (const uint8_t *)"x", 1));
	t = tuple(&paths[0]);
	t.local = harness_addr("2001:db8::1", 1);
	assert_false(egress_datagram(w, &t, (const uint8_t *)"x", 1));
	t.remote = t.local = (struct rtc_addr){0};
	assert_false(egress_datagram(w, &t, (const uint8_t *)"x", 1));
	assert_int_equal(w->stats.egress_drops[SHM_EGRESS_DROP_NO_PATH], 3);
}

// RFC 768: the port is given the sum over the pseudo header and the flags that ask for the rest.
static void sums_left_to_the_port(void **state)
{
	struct harness *h = *state;

	h->dp.tx_checksum_offload = true;
	for (unsigned p = 0; p < PATHS; p++) {
		struct checked_tuple t = tuple(&paths[p]);
		bool v4 = paths[p].l3_size == 20;
		size_t ip_size = v4 ? 4 : 16;
		uint32_t sum = 17 + 8 + 5;

		assert_true(egress_datagram(&h->dp.workers[0], &t, (const uint8_t *)"hello", 5));
		struct rte_mbuf *m = one_frame(h);
		assert_int_equal(m->l2_len, paths[p].l2_size);
		assert_int_equal(m->l3_len, paths[p].l3_size);
		assert_true((m->ol_flags & RTE_MBUF_F_TX_UDP_CKSUM) == RTE_MBUF_F_TX_UDP_CKSUM);
		assert_int_equal((m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0, v4);
		assert_int_equal((m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0, !v4);
		for (size_t i = 0; i < ip_size; i += 2)
			sum += bytes_be16(t.local.ip + i) + bytes_be16(t.remote.ip + i);
		while (sum > 0xffff)
			sum = (sum & 0xffff) + (sum >> 16);
		size_t at = (size_t)paths[p].l2_size + paths[p].l3_size + 6;
		assert_int_equal(bytes_be16(rte_pktmbuf_mtod_offset(m, uint8_t *, at)), sum);
		rte_pktmbuf_free(m);
	}
}

static void over_the_mtu(void **state)
{
	static const uint8_t bytes[1600];
	struct harness *h = *state;
	struct worker *w = &h->dp.workers[0];
	struct checked_tuple v4 = tuple(&paths[1]), v6 = tuple(&paths[3]);

	assert_true(egress_datagram(w, &v4, bytes, HARNESS_MTU - 28));
	assert_false(egress_datagram(w, &v4, bytes, HARNESS_MTU - 27));
	assert_true(egress_datagram(w, &v6, bytes, HARNESS_MTU - 48));
	assert_false(egress_datagram(w, &v6, bytes, HARNESS_MTU - 47));
	assert_int_equal(w->stats.egress_drops[SHM_EGRESS_DROP_TOO_LONG], 2);
	path_flush(w);
	struct rte_mbuf *m[3];
	assert_int_equal(harness_sent(h, 0, m, 3), 2);
	rte_pktmbuf_free_bulk(m, 2);
}

// That many datagrams, numbered from 0 in their first byte.
static void expect_in_order(struct harness *h, unsigned count)
{
	struct rte_mbuf *m[256];

	path_flush(&h->dp.workers[0]);
	assert_int_equal(harness_sent(h, 0, m, 256), count);
	for (unsigned i = 0; i < count; i++) {
		struct harness_udp u;
		assert_null(harness_udp_read(m[i], &u));
		assert_int_equal(((const uint8_t *)u.payload)[0], i);
	}
	rte_pktmbuf_free_bulk(m, count);
}

static void many_at_once_keep_their_order(void **state)
{
	enum { N = 150 }; // more than the queue holds between flushes
	struct harness *h = *state;
	struct worker *w = &h->dp.workers[0];
	struct checked_tuple t = tuple(&paths[0]);

	for (uint8_t i = 0; i < N; i++) {
		const uint8_t bytes[4] = {i};
		assert_true(egress_datagram(w, &t, bytes, sizeof(bytes)));
	}
	expect_in_order(h, N);
	assert_int_equal(w->stats.packets_sent, N);
}

// Frames of the kernel's take places that mbufs for our own lie in already.
static void the_kernels_go_between(void **state)
{
	enum { N = 200 };
	struct harness *h = *state;
	struct worker *w = &h->dp.workers[0];
	struct checked_tuple t = tuple(&paths[0]);

	for (unsigned often = 2; often < 20; often++) {
		for (uint8_t i = 0; i < N; i++) {
			const uint8_t bytes[4] = {i};
			struct harness_udp u = {t.local, t.remote, .payload = bytes,
						.payload_size = sizeof(bytes)};
			if (i % often == 1)
				egress_kernel_frame(w, harness_udp_frame(h, &u));
			else
				assert_true(egress_datagram(w, &t, bytes, sizeof(bytes)));
		}
		expect_in_order(h, N);
		assert_int_equal(harness_mbufs_in_use(h), 0);
	}
}

static int setup(void **state)
{
	*state = harness_new(1);
	return 0;
}

static int teardown(void **state)
{
	return harness_free(*state) == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(datagrams_of_every_size, setup, teardown),
		cmocka_unit_test_setup_teardown(a_sum_of_zero_is_sent_as_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(template_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(no_path_without_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(sums_left_to_the_port, setup, teardown),
		cmocka_unit_test_setup_teardown(over_the_mtu, setup, teardown),
		cmocka_unit_test_setup_teardown(many_at_once_keep_their_order, setup, teardown),
		cmocka_unit_test_setup_teardown(the_kernels_go_between, setup, teardown),
	};

	return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
