// SPDX-License-Identifier: Apache-2.0
// controlplane/whip/whip.c - which resource, which method: see whip.h.
#include "controlplane/whip/whip.h"

#include <string.h>

#include "controlplane/rpc/peer.h"
#include "controlplane/whip/reply.h"
#include "controlplane/whip/server.h"

// Bodies nobody defined: RFC 9725 4.1 wants GET to succeed with no content.
static const char endpoint_methods[] = "GET, HEAD, OPTIONS, POST";
static const char session_methods[] = "DELETE, GET, HEAD, OPTIONS, PATCH";
static const char all_methods[] = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";

static bool reads(const struct http_exchange *x)
{
	return g_str_equal(x->method, "GET") || g_str_equal(x->method, "HEAD");
}

size_t whip_server_links(const struct whip_server *server, struct http_field *out)
{
	for (size_t i = 0; i < server->link_count; i++)
		out[i] = (struct http_field){"link", server->links[i]};
	return server->link_count;
}

static void reply_options(struct http_exchange *x, const struct whip_target *target)
{
	bool session = target->kind == WHIP_SESSION;
	const struct http_field fields[] = {
		{"allow", session ? session_methods : endpoint_methods},
		session ? (struct http_field){"accept-patch", WHIP_TYPE_FRAGMENT}
			: (struct http_field){"accept-post", WHIP_TYPE_SDP},
	};

	http_reply(x, 200, fields, G_N_ELEMENTS(fields), NULL);
}

static bool endpoint_head(struct whip_server *server, struct http_exchange *x,
			  const struct whip_target *target)
{
	// draft-ietf-wish-whep-04 4.2: players tell by it that this URL is an endpoint.
	const struct http_field found_by = {"content-type", WHIP_TYPE_SDP};

	if (g_str_equal(x->method, "POST"))
		return whip_may_post(server, x, target);
	if (reads(x))
		http_reply(x, 200, &found_by, target->whep ? 1 : 0, NULL);
	else
		whip_refuse_with(x, 405, "allow", endpoint_methods,
				 "method: an endpoint takes POST.");
	return false;
}

static struct whip_session *find_session(const struct whip_server *server, struct http_exchange *x,
					 const struct whip_target *target)
{
	struct whip_session *s = whip_session_find(server, target);

	if (s == NULL)
		whip_refuse(x, 404, "There is no such session: it has ended, or the URL is wrong.");
	return s;
}

static bool session_head(struct whip_server *server, struct http_exchange *x,
			 const struct whip_target *target)
{
	struct whip_session *s = find_session(server, x, target);

	if (s == NULL)
		return false;
	if (g_str_equal(x->method, "PATCH") || g_str_equal(x->method, "DELETE"))
		return true;
	if (reads(x)) {
		http_reply(x, 200, NULL, 0, NULL);
	} else {
		whip_refuse_with(x, 405, "allow", session_methods,
				 "method: a session takes PATCH and DELETE.");
	}
	return false;
}

// Answers all that needs no body: only who may POST, or knows a session's URL, gets to send one.
static bool on_head(struct http_exchange *x, void *data)
{
	struct whip_server *server = data;
	struct whip_target target;

	if (!whip_target_parse(x->path, &target))
		whip_refuse(x, 404,
			    "path: neither /whip/ROOM, /whep/ROOM nor /whep/ROOM/PARTICIPANT, each "
			    "1 to 64 characters of A-Z, a-z, 0-9, _ and -.");
	else if (g_str_equal(x->method, "OPTIONS"))
		reply_options(x, &target);
	else if (!reads(x) && !rate_limit_take(server->rate, x->from->text, g_get_monotonic_time()))
		whip_refuse(x, 429, "More than %u requests a second: wait.",
			    server->node->settings->whip_rate_per_s);
	else if (target.kind == WHIP_SESSION)
		return session_head(server, x, &target);
	else
		return endpoint_head(server, x, &target);
	return false;
}

static void on_request(struct http_exchange *x, void *data)
{
	struct whip_server *server = data;
	struct whip_target target;
	struct whip_session *s;

	if (!whip_target_parse(x->path, &target))
		g_assert_not_reached(); // on_head() has
	if (target.kind == WHIP_ENDPOINT)
		whip_post(server, x, &target);
	else if ((s = find_session(server, x, &target)) == NULL)
		return; // answered: it has ended since
	else if (g_str_equal(x->method, "DELETE"))
		whip_delete(s, x);
	else
		whip_patch(s, x);
}

// "turn:turn.example.net user password" as RFC 9725 4.6 writes it.
static char *link_of(const char *ice_server)
{
	char **words = g_strsplit(ice_server, " ", 3);
	char *link = g_strv_length(words) == 3
			     ? g_strdup_printf("<%s>; rel=\"ice-server\"; username=\"%s\"; "
					       "credential=\"%s\"; credential-type=\"password\"",
					       words[0], words[1], words[2])
			     : g_strdup_printf("<%s>; rel=\"ice-server\"", words[0]);

	g_strfreev(words);
	return link;
}

struct whip_server *whip_server_new(struct node *node, struct rpc_server *server, struct auth *auth)
{
	struct whip_server *w = g_new0(struct whip_server, 1);
	struct http_route route = {
		.methods = all_methods,
		.expose = "accept-patch, accept-post, etag, link, location, retry-after",
		.head = on_head,
		.handler = on_request,
		.data = w,
	};

	w->node = node;
	w->auth = auth;
	w->rate = rate_limit_new(node->settings->whip_rate_burst, node->settings->whip_rate_per_s);
	for (char **i = node->settings->ice_servers; *i != NULL && w->link_count < WHIP_LINKS_MAX;
	     i++)
		w->links[w->link_count++] = link_of(*i);
	route.prefix = "/whip/";
	route.counts = &w->counts[0];
	rpc_server_route(server, &route);
	route.prefix = "/whep/";
	route.counts = &w->counts[1];
	rpc_server_route(server, &route);
	return w;
}

void whip_server_collect(struct metrics_page *page, void *data)
{
	const struct whip_server *w = data;

	metrics_family(page, "sluice_whip_requests_total", METRICS_COUNTER,
		       "Requests of WHIP and WHEP that have been answered, by method and status.");
	http_counts_collect(page, &w->counts[0], "protocol", "whip");
	http_counts_collect(page, &w->counts[1], "protocol", "whep");
}

void whip_server_free(struct whip_server **whip)
{
	struct whip_server *w = *whip;

	*whip = NULL;
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->link_count; i++)
		g_free(w->links[i]);
	rate_limit_free(&w->rate);
	g_free(w);
}
