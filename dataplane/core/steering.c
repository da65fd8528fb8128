// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/steering.c - makes, moves and destroys rte_flow rules.
//
// Trust    the selected tuple is read from the segment, where the other process might write, too.
//          At worst a rule brings a stranger's packets to a queue, from where they are handed over.

#include "dataplane/core/steering.h"

#include "dataplane/tables/transport.h"
#include "proto/shm/snapshot.h"

#include <inttypes.h>
#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_flow.h>
#include <stdlib.h>
#include <string.h>

enum { FULL_WAIT_US = 1000000, SWEEP_SLOTS = 256 };

// A rule as rte_flow wants it; the items point into it.
struct match {
	struct rte_flow_item_ipv4 v4, v4_mask;
	struct rte_flow_item_ipv6 v6, v6_mask;
	struct rte_flow_item_udp udp, udp_mask;
	struct rte_flow_action_queue queue;
	struct rte_flow_item items[4];
	struct rte_flow_action actions[2];
};

static const struct rte_flow_attr inwards = {.ingress = 1};

static void match_ip(struct match *m, const struct rtc_addr *remote, const struct rtc_addr *local)
{
	if (remote->family == RTC_ADDR_V4) {
		memcpy(&m->v4.hdr.src_addr, remote->ip, 4);
		memcpy(&m->v4.hdr.dst_addr, local->ip, 4);
		m->v4_mask.hdr.src_addr = m->v4_mask.hdr.dst_addr = RTE_BE32(UINT32_MAX);
		m->items[1] = (struct rte_flow_item){
			.type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &m->v4, .mask = &m->v4_mask};
		return;
	}
	memcpy(m->v6.hdr.src_addr, remote->ip, sizeof(remote->ip));
	memcpy(m->v6.hdr.dst_addr, local->ip, sizeof(local->ip));
	memset(m->v6_mask.hdr.src_addr, 0xff, sizeof(m->v6_mask.hdr.src_addr));
	memset(m->v6_mask.hdr.dst_addr, 0xff, sizeof(m->v6_mask.hdr.dst_addr));
	m->items[1] = (struct rte_flow_item){
		.type = RTE_FLOW_ITEM_TYPE_IPV6, .spec = &m->v6, .mask = &m->v6_mask};
}

// From 'remote' to 'local' by UDP, to 'queue'.
static void match_make(struct match *m, const struct rtc_addr *remote, const struct rtc_addr *local,
		       uint32_t queue)
{
	*m = (struct match){.queue.index = (uint16_t)queue};
	m->udp.hdr.src_port = rte_cpu_to_be_16(remote->port);
	m->udp.hdr.dst_port = rte_cpu_to_be_16(local->port);
	m->udp_mask.hdr.src_port = m->udp_mask.hdr.dst_port = RTE_BE16(UINT16_MAX);
	m->items[0].type = RTE_FLOW_ITEM_TYPE_ETH;
	match_ip(m, remote, local);
	m->items[2] = (struct rte_flow_item){
		.type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &m->udp, .mask = &m->udp_mask};
	m->items[3].type = RTE_FLOW_ITEM_TYPE_END;
	m->actions[0] =
		(struct rte_flow_action){.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &m->queue};
	m->actions[1].type = RTE_FLOW_ACTION_TYPE_END;
}

static unsigned family_of(const struct rtc_addr *a)
{
	return a->family == RTC_ADDR_V6;
}

static const char *text_of(const struct rte_flow_error *error)
{
	return error->message != NULL ? error->message : rte_strerror(rte_errno);
}

// Whether the port takes such rules at all, by an example to its last queue.
static void probe(struct steering *s, uint8_t family)
{
	struct rtc_addr remote = {.ip = {192, 0, 2, 1}, .port = 40000, .family = family};
	struct rtc_addr local = {.ip = {192, 0, 2, 2}, .port = 3478, .family = family};
	struct rte_flow_error error = {0};
	unsigned f = family_of(&remote);
	struct match m;

	match_make(&m, &remote, &local, s->dp->worker_count - 1);
	s->supported[f] = rte_flow_validate(s->wire->id, &inwards, m.items, m.actions, &error) == 0;
	if (!s->supported[f])
		snprintf(s->why[f], sizeof(s->why[f]), "%s", text_of(&error));
}

bool steering_new(struct steering *s, struct dataplane *dp, const struct port *wire,
		  struct shm_worker_stats *stats)
{
	*s = (struct steering){.dp = dp, .wire = wire, .stats = stats};
	if (dp->worker_count > 1 && wire->id != PORT_NONE) {
		probe(s, RTC_ADDR_V4);
		probe(s, RTC_ADDR_V6);
	}
	s->rules = calloc(dp->limits.transports, sizeof(*s->rules));
	s->changes = STEERING_CHANGES_MAX;
	atomic_store(&dp->steers, s->supported[0] || s->supported[1]);
	return s->rules != NULL;
}

void steering_print(const struct steering *s, FILE *to)
{
	static const char *const names[2] = {"IPv4", "IPv6"};

	if (s->dp->worker_count < 2)
		return;
	fprintf(to, "steering on %s: %s", s->wire->name, s->wire->rss ? "RSS" : "no RSS");
	for (unsigned f = 0; f < 2; f++)
		fprintf(to, s->supported[f] ? ", rules for %s" : ", no rules for %s (%s)", names[f],
			s->why[f]);
	fputs("; what comes in elsewhere is handed over\n", to);
}

static void rule_destroy(struct steering *s, struct steering_rule *r)
{
	struct rte_flow_error error;

	if (r->flow == NULL)
		return;
	// One that cannot be destroyed is the driver's: there is nothing else to do with it.
	rte_flow_destroy(s->wire->id, r->flow, &error);
	*r = (struct steering_rule){0};
	s->stats->flow_rules--;
}

void steering_free(struct steering *s)
{
	for (uint32_t i = 0; s->rules != NULL && i < s->dp->limits.transports; i++)
		rule_destroy(s, &s->rules[i]);
	free(s->rules);
	s->rules = NULL;
}

// The state the owner has published, if it is 'ref''s and makes sense.
static bool state_of(const struct steering *s, struct shm_ref ref,
		     struct shm_transport_state *state)
{
	struct shm_transport_slot *slot = &s->dp->shm.transports[ref.index];

	return shm_snapshot_read(&slot->state_seq, state, &slot->state, sizeof(*state)) &&
	       state->generation == ref.generation && state->owner < s->dp->worker_count &&
	       (state->selected_remote.family == RTC_ADDR_V4 ||
		state->selected_remote.family == RTC_ADDR_V6) &&
	       state->selected_remote.family == state->selected_local.family;
}

static bool rule_is(const struct steering_rule *r, const struct shm_transport_state *state)
{
	return r->flow != NULL && r->generation == state->generation && r->queue == state->owner &&
	       rtc_addr_equal(&r->remote, &state->selected_remote) &&
	       rtc_addr_equal(&r->local, &state->selected_local);
}

static void refused(struct steering *s, const struct rte_flow_error *error, uint64_t now_us)
{
	if (s->stats->flow_rules_refused++ == 0)
		fprintf(stderr,
			"port %s: with %" PRIu64 " rules in it, it refuses another one (%s): its "
			"packets go on being handed over\n",
			s->wire->name, s->stats->flow_rules, text_of(error));
	s->refused_until_us = now_us + FULL_WAIT_US;
}

static void rule_make(struct steering *s, struct steering_rule *r,
		      const struct shm_transport_state *state, uint64_t now_us)
{
	struct rte_flow_error error = {0};
	struct match m;

	match_make(&m, &state->selected_remote, &state->selected_local, state->owner);
	struct rte_flow *flow = rte_flow_create(s->wire->id, &inwards, m.items, m.actions, &error);
	if (flow == NULL) {
		refused(s, &error, now_us);
		return;
	}
	*r = (struct steering_rule){
		.flow = flow,
		.generation = state->generation,
		.queue = state->owner,
		.remote = state->selected_remote,
		.local = state->selected_local,
	};
	s->stats->flow_rules++;
	s->stats->flow_rules_made++;
}

void steering_wanted(struct steering *s, struct shm_ref ref, uint64_t now_us)
{
	struct shm_transport_state state = {0};

	if (transport_config_of(s->dp, ref) == NULL || !state_of(s, ref, &state))
		return;
	struct steering_rule *r = &s->rules[ref.index];
	if (rule_is(r, &state) || !s->supported[family_of(&state.selected_remote)] ||
	    now_us < s->refused_until_us || s->changes == 0)
		return;
	s->changes--;
	rule_destroy(s, r);
	rule_make(s, r, &state, now_us);
}

void steering_due(struct steering *s)
{
	struct shm_transport_state state = {0};

	s->changes = STEERING_CHANGES_MAX;
	for (unsigned i = 0; s->stats->flow_rules != 0 && s->changes != 0 && i < SWEEP_SLOTS; i++) {
		struct shm_ref ref = {.index = s->next};
		struct steering_rule *r = &s->rules[ref.index];
		ref.generation = r->generation;
		s->next = (s->next + 1) % s->dp->limits.transports;
		if (r->flow == NULL || (transport_config_of(s->dp, ref) != NULL &&
					(!state_of(s, ref, &state) || rule_is(r, &state))))
			continue;
		s->changes--;
		rule_destroy(s, r);
	}
}
