// SPDX-License-Identifier: Apache-2.0
//
// dataplane/link/events.c - the producer of the event ring.
#include "dataplane/link/events.h"

#include <sys/eventfd.h>

void events_push(struct events *e, const struct shm_event *event)
{
	if (!shm_ring_push(e->shm->events, SHM_EVENT_SLOTS, event, 1))
		atomic_fetch_add_explicit(&e->shm->header->events_lost, 1, memory_order_relaxed);
	// Also for a lost one: whoever wakes up sees the count. A full counter is awake already.
	if (e->fd >= 0)
		(void)!eventfd_write(e->fd, 1);
}
