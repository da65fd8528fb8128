// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/list_service.c - the calls of TransportService that look for
// transports: ours, and the orphans beside them.

#include "controlplane/session/node.h"
#include "controlplane/session/orphans.h"
#include "controlplane/session/paging.h"
#include "controlplane/session/room.h"
#include "controlplane/session/transport/fields.h"
#include "controlplane/session/transport/transport_service.h"

static void reply_orphan(struct node *n, struct rpc_call *call, const struct orphan *o)
{
	Sluice__V1__Transport *m = transport_orphan_message(n, o);

	rpc_call_reply(call, &m->base);
	transport_message_free(m);
}

void transport_service_get(struct rpc_call *call, void *data)
{
	const Sluice__V1__GetTransportRequest *q = (const void *)rpc_call_request(call);
	struct node *n = data;
	const struct orphan *o = orphans_transport(n->orphans, q->name);

	if (o != NULL) {
		reply_orphan(n, call, o);
		return;
	}
	struct transport *t = field_transport(n, call, "name", q->name);
	if (t != NULL)
		transport_service_reply(call, t);
}

static bool in_room(const struct transport *t, const char *room)
{
	return room[0] == '\0' || g_str_equal(t->member->room->name, room);
}

static void add_orphans(struct node *n, const char *room, GPtrArray *page)
{
	const GPtrArray *all = orphans_all(n->orphans);

	for (guint i = 0; i < all->len; i++) {
		const struct orphan *o = all->pdata[i];
		if (o->transport == NULL)
			continue;
		Sluice__V1__Transport *m = transport_orphan_message(n, o);
		if (room[0] == '\0' || g_str_equal(m->room, room))
			g_ptr_array_add(page, m);
		else
			transport_message_free(m);
	}
}

void transport_service_list(struct rpc_call *call, void *data)
{
	struct node *n = data;
	const Sluice__V1__ListTransportsRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__ListTransportsResponse response = SLUICE__V1__LIST_TRANSPORTS_RESPONSE__INIT;
	guint size = page_size_of(q->page_size);
	uint64_t after, last = 0; // serials

	if (!page_number_of(call, q->page_token, &after))
		return;
	GPtrArray *page = g_ptr_array_new_with_free_func((GDestroyNotify)transport_message_free);
	GList *all = transports_list(n);
	char *next = NULL;
	if (q->page_token[0] == '\0')
		add_orphans(n, q->room, page);
	size += page->len; // beside a page's own
	for (const GList *i = all; i != NULL && next == NULL; i = i->next) {
		struct transport *t = i->data;
		if (t->serial <= after || !in_room(t, q->room))
			continue;
		if (page->len == size) {
			next = g_strdup_printf("%" G_GUINT64_FORMAT, last);
			break;
		}
		g_ptr_array_add(page, transport_message(t));
		last = t->serial;
	}
	g_list_free(all);
	response.n_transports = page->len;
	response.transports = (Sluice__V1__Transport **)page->pdata;
	if (next != NULL)
		response.next_page_token = next;
	rpc_call_reply(call, &response.base);
	g_free(next);
	g_ptr_array_unref(page);
}
