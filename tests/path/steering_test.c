// SPDX-License-Identifier: Apache-2.0
//
// tests/path/steering_test.c - rules in the wire port: what is in them, and that they come, move,
// go and are refused without a packet being lost.
//
// The port's rte_flow is this file's: it keeps rules as a NIC would, and says on which queue a
// tuple comes in - a rule's, or else the one the hash is said to give.
#include "dataplane/core/steering.h"
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_flow.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

enum { SSRC = 0xa0d10, WORKERS = 2, NIC_RULES = 8, TURN_US = 10000, SECOND_US = 1000000 };

struct rte_flow {
	bool used;
	struct rtc_addr remote, local;
	uint16_t queue;
};

static struct {
	struct rte_flow rules[NIC_RULES];
	unsigned room;
	int unsupported[2]; // IPv4, IPv6: the error, 0: none
	unsigned created, destroyed;
} nic;

// Fails the test on anything but Ethernet, IP, UDP to one queue, with every bit of the tuple in it.
static struct rte_flow flow_read(uint16_t port, const struct rte_flow_attr *attr,
				 const struct rte_flow_item *items,
				 const struct rte_flow_action *actions)
{
	const struct rte_flow_item_udp *udp = items[2].spec, *udp_mask = items[2].mask;
	const struct rte_flow_action_queue *queue = actions[0].conf;
	struct rte_flow f = {.used = true, .queue = queue->index};
	uint8_t ones[16];

	assert_int_not_equal(port, PORT_NONE);
	assert_true(attr->ingress && !attr->egress && !attr->transfer && attr->group == 0);
	assert_int_equal(items[0].type, RTE_FLOW_ITEM_TYPE_ETH);
	assert_null(items[0].spec);
	assert_int_equal(items[2].type, RTE_FLOW_ITEM_TYPE_UDP);
	assert_int_equal(items[3].type, RTE_FLOW_ITEM_TYPE_END);
	assert_int_equal(actions[0].type, RTE_FLOW_ACTION_TYPE_QUEUE);
	assert_int_equal(actions[1].type, RTE_FLOW_ACTION_TYPE_END);
	assert_int_equal(udp_mask->hdr.src_port & udp_mask->hdr.dst_port, UINT16_MAX);
	assert_int_equal(udp_mask->hdr.dgram_len | udp_mask->hdr.dgram_cksum, 0);
	memset(ones, 0xff, sizeof(ones));
	if (items[1].type == RTE_FLOW_ITEM_TYPE_IPV4) {
		const struct rte_flow_item_ipv4 *ip = items[1].spec, *mask = items[1].mask;
		f.remote.family = f.local.family = RTC_ADDR_V4;
		memcpy(f.remote.ip, &ip->hdr.src_addr, 4);
		memcpy(f.local.ip, &ip->hdr.dst_addr, 4);
		assert_int_equal(mask->hdr.src_addr & mask->hdr.dst_addr, UINT32_MAX);
		assert_int_equal(mask->hdr.next_proto_id | mask->hdr.total_length, 0);
	} else {
		const struct rte_flow_item_ipv6 *ip = items[1].spec, *mask = items[1].mask;
		assert_int_equal(items[1].type, RTE_FLOW_ITEM_TYPE_IPV6);
		f.remote.family = f.local.family = RTC_ADDR_V6;
		memcpy(f.remote.ip, ip->hdr.src_addr, 16);
		memcpy(f.local.ip, ip->hdr.dst_addr, 16);
		assert_memory_equal(mask->hdr.src_addr, ones, 16);
		assert_memory_equal(mask->hdr.dst_addr, ones, 16);
		assert_int_equal(mask->hdr.vtc_flow, 0);
	}
	f.remote.port = rte_be_to_cpu_16(udp->hdr.src_port);
	f.local.port = rte_be_to_cpu_16(udp->hdr.dst_port);
	return f;
}

static int answer(struct rte_flow_error *error, int code, const char *message)
{
	*error = (struct rte_flow_error){.message = code != 0 ? message : NULL};
	rte_errno = code;
	return -code;
}

int rte_flow_validate(uint16_t port, const struct rte_flow_attr *attr,
		      const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
		      struct rte_flow_error *error)
{
	struct rte_flow f = flow_read(port, attr, pattern, actions);

	return answer(error, nic.unsupported[f.remote.family == RTC_ADDR_V6], "no such filter");
}

struct rte_flow *rte_flow_create(uint16_t port, const struct rte_flow_attr *attr,
				 const struct rte_flow_item pattern[],
				 const struct rte_flow_action actions[],
				 struct rte_flow_error *error)
{
	struct rte_flow f = flow_read(port, attr, pattern, actions);

	assert_int_equal(nic.unsupported[f.remote.family == RTC_ADDR_V6], 0);
	for (unsigned i = 0; i < nic.room; i++) {
		if (nic.rules[i].used)
			continue;
		nic.rules[i] = f;
		nic.created++;
		return &nic.rules[i];
	}
	answer(error, ENOSPC, "the table is full");
	return NULL;
}

int rte_flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error)
{
	assert_int_not_equal(port, PORT_NONE);
	assert_true(flow >= nic.rules && flow < nic.rules + NIC_RULES && flow->used);
	*flow = (struct rte_flow){0};
	nic.destroyed++;
	return answer(error, 0, NULL);
}

// What a test works with: a room, and main's part of steering.
struct scene {
	struct room *r;
	struct port wire;
	struct steering steering;
	struct shm_worker_stats stats;
	uint16_t seq;
};

static void begin(struct scene *s)
{
	s->wire = (struct port){.id = s->r->h->dp.wire_port, .name = "wire"};
	s->stats = (struct shm_worker_stats){0};
	assert_true(steering_new(&s->steering, &s->r->h->dp, &s->wire, &s->stats));
}

static int enter(void **state)
{
	static struct scene scene;

	memset(&nic, 0, sizeof(nic));
	nic.room = NIC_RULES;
	scene = (struct scene){.r = room_new(WORKERS)};
	begin(&scene);
	*state = &scene;
	return 0;
}

static int leave(void **state)
{
	struct scene *s = *state;

	steering_free(&s->steering);
	assert_int_equal(nic.created, nic.destroyed);
	assert_int_equal(s->stats.flow_rules, 0);
	room_free(s->r);
	return 0;
}

// Main's turn. Returns how often workers have asked.
static unsigned main_turn(struct scene *s)
{
	struct xmsg msgs[64];
	unsigned asked = 0;

	for (unsigned id = 0; id < WORKERS; id++) {
		unsigned n = harness_to_main(s->r->h, id, msgs, 64);
		for (unsigned i = 0; i < n; i++) {
			if (msgs[i].kind == XMSG_FREE_STREAM)
				epochs_message(s->r->epochs, id, &msgs[i]);
			if (msgs[i].kind != XMSG_STEER)
				continue;
			asked++;
			steering_wanted(&s->steering, msgs[i].ref, s->r->now_us);
		}
	}
	return asked;
}

static void later(struct scene *s, uint64_t us)
{
	room_time(s->r, s->r->now_us + us);
	steering_due(&s->steering);
}

static struct rtc_addr local_of(const struct room_peer *p)
{
	return harness_addr(p->remote.family == RTC_ADDR_V6 ? "2001:db8::1" : "192.0.2.1",
			    p->local_port);
}

static const struct rte_flow *rule_of(const struct room_peer *p)
{
	struct rtc_addr local = local_of(p);

	for (unsigned i = 0; i < NIC_RULES; i++)
		if (nic.rules[i].used && rtc_addr_equal(&nic.rules[i].remote, &p->remote) &&
		    rtc_addr_equal(&nic.rules[i].local, &local))
			return &nic.rules[i];
	return NULL;
}

static uint64_t handovers(const struct scene *s)
{
	return s->r->h->dp.workers[0].stats.handovers + s->r->h->dp.workers[1].stats.handovers;
}

// One packet of the peer's on the queue the NIC chooses, 'hash' where no rule is in the way.
static void packet(struct scene *s, struct room_peer *p, unsigned hash)
{
	static const uint8_t payload[60] = {0xaa};
	const struct rte_flow *rule = rule_of(p);
	const struct media m = {.ssrc = SSRC + p->id,
				.seq = ++s->seq,
				.ts = 960u * s->seq,
				.pt = ROOM_AUDIO_PT,
				.payload = payload,
				.size = sizeof(payload)};
	uint8_t rtp[1600];
	size_t size = media_write(rtp, &m);

	p->worker = rule != NULL ? rule->queue : hash;
	room_send_rtp(s->r, p, rtp, size);
	room_deliver(s->r);
}

static unsigned owner_of(const struct scene *s, const struct room_peer *p)
{
	return atomic_load(&s->r->h->dp.transports[p->id].owner);
}

// A plain transport that publishes; the hash is never right.
static struct room_peer *publisher(struct scene *s, const char *ip, bool latch)
{
	struct room_peer *p = room_plain(s->r, SHM_SUITE_AEAD_AES_128_GCM, 0, ip, latch);

	room_track(s->r, p->id, p, SHM_KIND_AUDIO, SHM_CODEC_OPUS, SSRC + p->id);
	room_apply(s->r);
	main_turn(s);
	return p;
}

static unsigned wrong(const struct scene *s, const struct room_peer *p)
{
	return 1 - owner_of(s, p);
}

static uint64_t received(const struct scene *s, const struct room_peer *p)
{
	return s->r->h->dp.transports[p->id].stats.packets_received;
}

// Packets are handed over until the rule is there, and not one afterwards.
static void handed_over_once(struct scene *s, struct room_peer *p)
{
	uint64_t before = handovers(s), got = received(s, p);

	packet(s, p, wrong(s, p));
	assert_int_equal(handovers(s), before + 1);
	assert_int_equal(main_turn(s), 1);
	assert_non_null(rule_of(p));
	assert_int_equal(rule_of(p)->queue, owner_of(s, p));
	for (unsigned i = 0; i < 20; i++) {
		later(s, SECOND_US);
		packet(s, p, wrong(s, p));
		assert_int_equal(main_turn(s), 0);
	}
	assert_int_equal(handovers(s), before + 1);
	assert_int_equal(received(s, p), got + 21);
}

static void a_rule_ends_the_handing_over(void **state)
{
	struct scene *s = *state;
	static const char *const ips[] = {"198.51.100.1", "2001:db8::2", "198.51.100.3"};

	for (unsigned i = 0; i < 3; i++) {
		struct room_peer *p = publisher(s, ips[i], i == 2);
		if (i == 2) { // where its peer is it learns from its first packet
			packet(s, p, wrong(s, p));
			assert_int_equal(main_turn(s), 0);
		}
		handed_over_once(s, p);
	}
	assert_int_equal(s->stats.flow_rules, 3);
	assert_int_equal(s->stats.flow_rules_made, 3);
	assert_int_equal(s->stats.flow_rules_refused, 0);
}

// Where the hash is right nobody asks: an ICE transport is owned where its first check came in.
static void no_rule_where_the_hash_is_right(void **state)
{
	struct scene *s = *state;
	struct room_peer *p = publisher(s, "198.51.100.1", false);
	struct room_peer *ice = room_join(s->r, SHM_SUITE_AEAD_AES_128_GCM, 1, "198.51.100.9");

	room_track(s->r, ice->id, ice, SHM_KIND_AUDIO, SHM_CODEC_OPUS, SSRC + ice->id);
	room_apply(s->r);
	packet(s, p, owner_of(s, p));
	packet(s, ice, 1);
	assert_int_equal(main_turn(s), 0);
	assert_int_equal(nic.created, 0);
}

// Another owner of its old tuple is not in the way: the rule follows the selected one.
static void a_rule_moves_with_its_path(void **state)
{
	struct scene *s = *state;
	struct room_peer *p = publisher(s, "198.51.100.1", false);
	struct room_peer former = *p;
	struct shm_transport_config *c = &s->r->h->dp.shm.transports[p->id].config;

	handed_over_once(s, p);
	p->remote.port++;
	c->selected_remote = p->remote;
	room_op(s->r, SHM_RECORD_TRANSPORT, SHM_ACTION_APPLY, p->id, 1);
	room_apply(s->r);
	handed_over_once(s, p);
	assert_null(rule_of(&former));
	assert_int_equal(s->stats.flow_rules, 1);
	// And to where the hash is right: nobody asks, and the rule goes all the same.
	former = *p;
	p->remote.port++;
	c->selected_remote = p->remote;
	room_op(s->r, SHM_RECORD_TRANSPORT, SHM_ACTION_APPLY, p->id, 1);
	room_apply(s->r);
	packet(s, p, owner_of(s, p));
	assert_non_null(rule_of(&former));
	later(s, TURN_US);
	assert_null(rule_of(&former));
	assert_int_equal(s->stats.flow_rules, 0);
}

// An ICE peer that roams to a tuple which comes in on the other queue.
static void a_rule_for_a_peer_that_roams(void **state)
{
	struct scene *s = *state;
	struct room_peer *p = room_join(s->r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct rtc_addr home = p->remote, local = local_of(p), roamed;
	struct worker *owner = &s->r->h->dp.workers[0];
	struct transport *t = &s->r->h->dp.transports[p->id];

	room_track(s->r, p->id, p, SHM_KIND_AUDIO, SHM_CODEC_OPUS, SSRC + p->id);
	room_apply(s->r);
	p->remote = roamed = harness_addr("203.0.113.5", 777);
	p->worker = 1;
	room_check(s->r, p);
	room_deliver(s->r);
	packet(s, p, 1); // checked, and not selected: no rule
	assert_int_equal(main_turn(s), 0);
	assert_true(transport_select(owner, t, &roamed, &local));
	handed_over_once(s, p);
	p->remote = home;
	assert_null(rule_of(p));
}

static void a_rule_goes_with_its_transport(void **state)
{
	struct scene *s = *state;
	struct room_peer *p = publisher(s, "198.51.100.1", false);

	handed_over_once(s, p);
	room_op(s->r, SHM_RECORD_TRACK, SHM_ACTION_REMOVE, p->id, 1);
	room_op(s->r, SHM_RECORD_TRANSPORT, SHM_ACTION_REMOVE, p->id, 1);
	room_apply(s->r);
	assert_int_equal(main_turn(s), 0);
	later(s, TURN_US);
	assert_null(rule_of(p));
	assert_int_equal(nic.destroyed, 1);
	steering_wanted(&s->steering, (struct shm_ref){p->id, 1}, s->r->now_us); // a late message
	assert_int_equal(nic.created, 1);
}

// A full table: counted, asked again a second later, and media goes on meanwhile.
static void a_full_port_hands_over(void **state)
{
	struct scene *s = *state;
	struct room_peer *p = publisher(s, "198.51.100.1", false);
	struct room_peer *q = publisher(s, "198.51.100.2", false);

	nic.room = 1;
	handed_over_once(s, p);
	for (unsigned i = 0; i < 5; i++)
		packet(s, q, wrong(s, q));
	assert_int_equal(main_turn(s), 1);
	assert_int_equal(s->stats.flow_rules_refused, 1);
	assert_int_equal(received(s, q), 5);
	later(s, SECOND_US / 2);
	steering_wanted(&s->steering, (struct shm_ref){q->id, 1}, s->r->now_us);
	assert_int_equal(s->stats.flow_rules_refused, 1); // not asked so soon
	nic.room = 2;
	later(s, SECOND_US / 2);
	handed_over_once(s, q);
	assert_int_equal(s->stats.flow_rules, 2);
}

// The port knows no such rules: workers do not ask for any.
static void a_port_without_rules(void **state)
{
	struct scene *s = *state;
	struct room_peer *p = publisher(s, "198.51.100.1", false);
	char said[512] = "";

	steering_free(&s->steering);
	nic.unsupported[0] = nic.unsupported[1] = ENOSYS;
	begin(s);
	for (unsigned i = 0; i < 3; i++) {
		later(s, SECOND_US);
		packet(s, p, wrong(s, p));
		assert_int_equal(main_turn(s), 0);
	}
	assert_int_equal(received(s, p), 3);
	FILE *to = fmemopen(said, sizeof(said), "w");
	assert_non_null(to);
	steering_print(&s->steering, to);
	fclose(to);
	assert_string_equal(said, "steering on wire: no RSS, no rules for IPv4 (no such filter), "
				  "no rules for IPv6 (no such filter); what comes in elsewhere is "
				  "handed over\n");
}

static void a_port_with_rules_for_one_family(void **state)
{
	struct scene *s = *state;

	steering_free(&s->steering);
	nic.unsupported[1] = ENOTSUP;
	begin(s);
	struct room_peer *p = publisher(s, "2001:db8::2", false);
	for (unsigned i = 0; i < 3; i++)
		packet(s, p, wrong(s, p));
	assert_int_equal(main_turn(s), 1); // and is told nothing: no rule
	assert_int_equal(received(s, p), 3);
	handed_over_once(s, publisher(s, "198.51.100.1", false));
}

// Many at once: so many a turn of main's, the rest when they ask again.
static void few_changes_at_once(void **state)
{
	enum { PEERS = STEERING_CHANGES_MAX + 2 };
	struct scene *s = *state;
	struct room_peer *p[PEERS];
	char ip[16];

	for (unsigned i = 0; i < PEERS; i++) {
		snprintf(ip, sizeof(ip), "198.51.100.%u", i + 1);
		p[i] = publisher(s, ip, false);
	}
	for (unsigned i = 0; i < PEERS; i++)
		packet(s, p[i], wrong(s, p[i]));
	assert_int_equal(main_turn(s), PEERS);
	assert_int_equal(nic.created, STEERING_CHANGES_MAX);
	later(s, SECOND_US);
	for (unsigned i = 0; i < PEERS; i++)
		packet(s, p[i], wrong(s, p[i]));
	assert_int_equal(main_turn(s), PEERS - STEERING_CHANGES_MAX);
	assert_int_equal(nic.created, PEERS);
}

// The other process's bytes in the state record make no rule to a queue that is not there.
static void garbage_makes_no_rule(void **state)
{
	struct scene *s = *state;
	struct room_peer *p = publisher(s, "198.51.100.1", false);
	struct shm_transport_state *shown = &s->r->h->dp.shm.transports[p->id].state;
	struct shm_ref ref = {p->id, 1};

	shown->owner = WORKERS;
	steering_wanted(&s->steering, ref, s->r->now_us);
	shown->owner = 0;
	shown->selected_remote.family = 9;
	steering_wanted(&s->steering, ref, s->r->now_us);
	shown->selected_remote.family = RTC_ADDR_V6;
	steering_wanted(&s->steering, ref, s->r->now_us);
	steering_wanted(&s->steering, (struct shm_ref){UINT32_MAX, 1}, s->r->now_us);
	assert_int_equal(nic.created, 0);
	shown->selected_remote.family = RTC_ADDR_V4;
	steering_wanted(&s->steering, ref, s->r->now_us);
	assert_int_equal(nic.created, 1);
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(a_rule_ends_the_handing_over),
		IN_SCENE(no_rule_where_the_hash_is_right),
		IN_SCENE(a_rule_moves_with_its_path),
		IN_SCENE(a_rule_for_a_peer_that_roams),
		IN_SCENE(a_rule_goes_with_its_transport),
		IN_SCENE(a_full_port_hands_over),
		IN_SCENE(a_port_without_rules),
		IN_SCENE(a_port_with_rules_for_one_family),
		IN_SCENE(few_changes_at_once),
		IN_SCENE(garbage_makes_no_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
