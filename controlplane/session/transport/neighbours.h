// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/neighbours.h - link addresses of peers that may never send: what
// the host's kernel knows of its neighbours, over netlink.
//
// Path     transport/plain.c -> [neighbours] -> the record's remote_mac -> dataplane
// Thread   the API's GMainContext. Reading needs no privilege.
// Asking   a neighbour the kernel does not know is made known by an empty datagram to the discard
//          port of the peer (RFC 863), which the kernel resolves like any other.
// Spec     rtnetlink(7), RFC 826, RFC 4861.
#pragma once

#include "proto/rtc/addr.h"

#include <stdint.h>

struct neighbours;

// NULL where netlink is not to be had: then peers are learned from what they send.
struct neighbours *neighbours_new(void);
void neighbours_free(struct neighbours **neighbours);

// The address of the next hop from 'local' to 'remote' changed, or is known at last. Never from
// inside neighbours_watch().
typedef void (*neighbour_fn)(void *user, const uint8_t mac[6]);

// Fills 'mac' if the kernel knows it now, and tells 'changed' of every other one until
// neighbours_unwatch(). Accepts NULL neighbours.
void neighbours_watch(struct neighbours *n, const struct rtc_addr *local,
		      const struct rtc_addr *remote, uint8_t mac[6], neighbour_fn changed,
		      void *user);
void neighbours_unwatch(struct neighbours *n, const void *user);
