// SPDX-License-Identifier: Apache-2.0
//
// tests/path/port_test.c - a port with several queues hashes what it receives over them, where it
// can. The port is net_null, which says that it can and keeps what it is told.
#include "dataplane/core/port.h"
#include "tests/path/harness.h"

#include <rte_ethdev.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { PACKETS = 4095 };

static struct rte_mempool *packets;

static uint64_t hash_of(uint16_t queues, bool *rss)
{
	struct rte_eth_rss_conf conf = {0};
	char why[PORT_WHY_BYTES];
	struct port p;

	if (!port_open(&p, "net_null_port_test", queues, packets, why, sizeof(why)))
		fail_msg("%s", why);
	assert_int_equal(rte_eth_dev_rss_hash_conf_get(p.id, &conf), 0);
	*rss = p.rss;
	port_close(&p);
	return conf.rss_hf;
}

static void one_queue_needs_no_hash(void **state)
{
	bool rss;

	(void)state;
	assert_int_equal(hash_of(1, &rss), 0);
	assert_false(rss);
}

// By UDP's ports, too: all peers behind one address would else come in on one queue.
static void several_queues_are_hashed_by_the_tuple(void **state)
{
	const uint64_t wanted = RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
	bool rss;

	(void)state;
	assert_int_equal(hash_of(4, &rss) & wanted, wanted);
	assert_true(rss);
}

static int packets_new(void **state)
{
	(void)state;
	harness_eal();
	packets =
		rte_pktmbuf_pool_create("port_test", PACKETS, 0, 0, FRAME_BYTES_MAX, SOCKET_ID_ANY);
	return packets == NULL;
}

static int packets_free(void **state)
{
	(void)state;
	rte_mempool_free(packets);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_queue_needs_no_hash),
		cmocka_unit_test(several_queues_are_hashed_by_the_tuple),
	};

	return cmocka_run_group_tests(tests, packets_new, packets_free);
}
