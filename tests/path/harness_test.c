// SPDX-License-Identifier: Apache-2.0
//
// tests/path/harness_test.c - the harness tells right frames from wrong ones.
#include "tests/path/harness.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

static void frames_read_back(void **state)
{
	static const struct {
		const char *from, *to;
		uint16_t vlan_tci;
		uint16_t payload_size;
	} cases[] = {
		{"192.0.2.1", "198.51.100.2", 0, 5},
		{"192.0.2.1", "198.51.100.2", 0x2064, 0},
		{"2001:db8::1", "2001:db8::2", 0, 6},
		{"2001:db8::1", "2001:db8::2", 7, 1},
	};
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct harness_udp in = {
			.from = harness_addr(cases[i].from, 1234),
			.to = harness_addr(cases[i].to, 3478),
			.vlan_tci = cases[i].vlan_tci,
			.payload = "\xff\xfe\xfd\xfc\xfb\xfa",
			.payload_size = cases[i].payload_size,
		};
		struct harness_udp out;
		struct rte_mbuf *m = harness_udp_frame(h, &in);

		assert_null(harness_udp_read(m, &out));
		assert_true(rtc_addr_equal(&in.from, &out.from));
		assert_true(rtc_addr_equal(&in.to, &out.to));
		assert_int_equal(out.vlan_tci, in.vlan_tci);
		assert_int_equal(out.payload_size, in.payload_size);
		assert_memory_equal(out.payload, in.payload, in.payload_size);
		// Any changed bit behind the MACs is noticed.
		rte_pktmbuf_mtod(m, uint8_t *)[m->data_len - 1] ^= 0x10;
		assert_non_null(harness_udp_read(m, &out));
		rte_pktmbuf_free(m);
	}
}

// The header of RFC 1071's errata-proof classic: 4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7.
static void reads_a_known_checksum(void **state)
{
	static const uint8_t head[] = {
		0x02, 0,    0,	  0,	0,    1,    0x02, 0,	0,    0,    0,	  2,	0x08, 0x00,
		0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8,
		0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7, 0x04, 0x00, 0x0d, 0x96, 0x00, 0x5f, 0x00, 0x00,
	};
	uint8_t frame[14 + 0x73] = {0};
	struct harness_udp out;

	memcpy(frame, head, sizeof(head));
	struct rte_mbuf *m = harness_frame(*state, frame, sizeof(frame));
	assert_null(harness_udp_read(m, &out));
	assert_int_equal(out.from.port, 1024);
	rte_pktmbuf_mtod(m, uint8_t *)[14 + 11] ^= 1;
	assert_string_equal(harness_udp_read(m, &out), "the IPv4 header checksum is wrong");
	rte_pktmbuf_free(m);
}

static void counts_mbufs(void **state)
{
	struct harness *h = *state;
	unsigned before = harness_mbufs_in_use(h);
	struct rte_mbuf *m = harness_frame(h, "x", 1);

	assert_int_equal(harness_mbufs_in_use(h), before + 1);
	rte_pktmbuf_free(m);
	assert_int_equal(harness_mbufs_in_use(h), before);
}

static int setup(void **state)
{
	*state = harness_new(2);
	return 0;
}

static int teardown(void **state)
{
	return harness_free(*state) == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames_read_back, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_a_known_checksum, setup, teardown),
		cmocka_unit_test_setup_teardown(counts_mbufs, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
