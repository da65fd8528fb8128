// SPDX-License-Identifier: Apache-2.0
//
// tests/path/no_egress.c - stands in for dataplane/egress and link/publish until they are there.
#include "dataplane/egress/egress.h"
#include "dataplane/link/publish.h"

#include <stdlib.h>

struct egress {
	int unused;
};

struct egress *egress_new(struct dataplane *dp, unsigned worker)
{
	(void)dp;
	(void)worker;
	return calloc(1, sizeof(struct egress));
}

void egress_free(struct egress *e)
{
	free(e);
}

void egress_header_template(const struct dataplane *dp, struct header_template *h,
			    const struct checked_tuple *to)
{
	(void)dp;
	(void)to;
	*h = (struct header_template){0};
}

void publish_transport(struct worker *w, const struct transport *t)
{
	(void)w;
	(void)t;
}
