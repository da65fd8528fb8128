// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/tap_watch.h - notices over netlink when the kernel port's interface vanishes,
// which no driver tells, and gives addresses and routes back to the one that takes its place.
//
// Thread   main lcore, by polling a non-blocking socket.
// Spec     rtnetlink(7).
#pragma once

#include <stdbool.h>

struct tap_watch;

// Watches the interface of this index and remembers its addresses and routes from now on. NULL
// without netlink.
struct tap_watch *tap_watch_new(unsigned ifindex);
void tap_watch_free(struct tap_watch *w); // accepts NULL

// Reads what netlink has to say. True once the interface has been deleted.
bool tap_watch_poll(struct tap_watch *w);

// Puts the remembered addresses, then routes, on the interface of this index and watches it.
void tap_watch_restore(struct tap_watch *w, unsigned ifindex);
