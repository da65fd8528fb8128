// SPDX-License-Identifier: Apache-2.0
//
// dataplane/tables/tuple.h - a worker's own map from a packet's tuple to its transport.
//
// Thread   one worker. Entries are made by verified checks alone. They name a slot and a
// generation:
//          those of transports that are gone are recognised at look-up and swept in small steps.
// Note     an entry says where to send a packet; whether the tuple is still checked is for the
//          transport's owner to say (transport_tuple_known).
#pragma once

#include "dataplane/core/limits.h"
#include "dataplane/core/packet.h"
#include "proto/shm/abi.h"

#include <stdbool.h>

struct dataplane;
struct tuple_table;

// 'name' is unique among the process's tables. NULL without memory.
struct tuple_table *tuple_table_new(const char *name, uint32_t transports);
void tuple_table_free(struct tuple_table *t);

// Adds or changes; a full table forgets nothing and answers false.
bool tuple_table_add(struct tuple_table *t, const struct rtc_addr *remote,
		     const struct rtc_addr *local, struct shm_ref transport);
// As above, unless a transport that is there has the tuple.
bool tuple_table_add_vacant(struct tuple_table *t, const struct rtc_addr *remote,
			    const struct rtc_addr *local, struct shm_ref transport,
			    const struct dataplane *dp);
// Generation 0 if nobody has it.
struct shm_ref tuple_table_find(const struct tuple_table *t, const struct rtc_addr *remote,
				const struct rtc_addr *local);
// Unless it has become another transport's meanwhile.
void tuple_table_remove(struct tuple_table *t, const struct rtc_addr *remote,
			const struct rtc_addr *local, struct shm_ref transport);

// Writes the transport of each packet into packet_of()->transport; generation 0 where none.
void tuple_table_lookup(const struct tuple_table *t, struct rte_mbuf **pkts, unsigned count);

// Looks at a few entries and removes those whose transport is gone.
void tuple_table_sweep(struct tuple_table *t, const struct dataplane *dp);
