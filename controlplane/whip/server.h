// SPDX-License-Identifier: Apache-2.0
// controlplane/whip/server.h - the inside of whip.h: what its files share.
//
// Path     whip.c (which resource, which method) -> endpoint.c (POST) | patch.c (PATCH) |
//          delete.c (DELETE)
// Thread   the API's GMainContext.
#pragma once

#include "controlplane/whip/rate.h"
#include "controlplane/whip/session.h"
#include "controlplane/whip/whip.h"

enum { WHIP_LINKS_MAX = 8 };

struct whip_server {
	struct node *node;
	struct auth *auth;
	struct rate_limit *rate;
	struct http_counts counts[2]; // of WHIP, of WHEP
	char *links[WHIP_LINKS_MAX]; // values of Link: <stun:...>; rel="ice-server"
	size_t link_count;
};

// Writes the link fields; returns how many.
size_t whip_server_links(const struct whip_server *server, struct http_field *out);

// Who asks comes first: others learn nothing, and send no offer. The session's URL is a capability
// of its own. False: answered.
bool whip_may_post(struct whip_server *server, struct http_exchange *x,
		   const struct whip_target *target);

// POST on an endpoint, PATCH and DELETE on a session: answered now or later.
void whip_post(struct whip_server *server, struct http_exchange *x,
	       const struct whip_target *target);
void whip_patch(struct whip_session *session, struct http_exchange *x);
void whip_delete(struct whip_session *session, struct http_exchange *x); // whatever its If-Match
