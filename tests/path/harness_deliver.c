// SPDX-License-Identifier: Apache-2.0
//
// tests/path/harness_deliver.c - plays the loop's part for the rings towards a worker.
#include "dataplane/core/path.h"
#include "tests/path/harness.h"

static unsigned deliver(struct worker *w, struct rte_ring *ring)
{
	struct xmsg msg;
	unsigned count = 0;

	while (ring != NULL && xmsg_receive(ring, &msg, 1) == 1) {
		path_message(w, &msg);
		count++;
	}
	return count;
}

unsigned harness_deliver(struct harness *h, unsigned id)
{
	struct worker *w = &h->dp.workers[id];
	unsigned count = deliver(w, w->from_main);

	for (unsigned from = 0; from < h->dp.worker_count; from++)
		count += deliver(w, w->from_worker[from]);
	return count;
}
