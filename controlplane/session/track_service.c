// SPDX-License-Identifier: Apache-2.0
// controlplane/session/track_service.c - RoomService's part about tracks and subscriptions.

#include "controlplane/session/node.h"
#include "controlplane/session/paging.h"
#include "controlplane/session/services.h"

enum { LAYER_MAX = 3, PRIORITY_MAX = 255 };

static void reply_track(struct rpc_call *call, const struct track *t)
{
	Sluice__V1__Track *m = track_message(t);

	rpc_call_reply(call, &m->base);
	track_message_free(m);
}

static void get_track(struct rpc_call *call, void *data)
{
	const Sluice__V1__GetTrackRequest *q = (const void *)rpc_call_request(call);
	const struct track *t = service_track(data, call, "name", q->name);

	if (t != NULL)
		reply_track(call, t);
}

static void set_track_server_muted(struct rpc_call *call, void *data)
{
	const Sluice__V1__SetTrackServerMutedRequest *q = (const void *)rpc_call_request(call);
	struct track *t = service_track(data, call, "name", q->name);

	if (t != NULL)
		track_mute(t, true, q->server_muted, call, reply_track);
}

// Finds both ends; otherwise the call has been failed.
static struct subscription *find(struct node *node, struct rpc_call *call, const char *participant,
				 const char *track, struct participant **p)
{
	*p = service_participant(node, call, "participant", participant);
	const struct track *t = *p != NULL ? service_track(node, call, "track", track) : NULL;
	struct subscription *s = t != NULL ? subscribe_find(*p, t) : NULL;

	if (t != NULL && s == NULL) {
		rpc_call_fact(call, "resource", "%s", track);
		rpc_call_fail(call, RPC_NOT_FOUND, RPC_REASON(SUBSCRIPTION_NOT_FOUND),
			      "%s is not subscribed to %s.", participant, track);
	}
	return s;
}

static void reply_subscription(struct rpc_call *call, const struct participant *p,
			       const struct subscription *s)
{
	Sluice__V1__Subscription *m = subscription_message(p, s);

	rpc_call_reply(call, &m->base);
	subscription_message_free(m);
}

static void get_subscription(struct rpc_call *call, void *data)
{
	const Sluice__V1__GetSubscriptionRequest *q = (const void *)rpc_call_request(call);
	struct participant *p;
	const struct subscription *s = find(data, call, q->participant, q->track, &p);

	if (s != NULL)
		reply_subscription(call, p, s);
}

static gint by_line(gconstpointer a, gconstpointer b)
{
	const struct subscription *x = *(struct subscription *const *)a;
	const struct subscription *y = *(struct subscription *const *)b;

	return x->line - y->line;
}

static void list_subscriptions(struct rpc_call *call, void *data)
{
	const Sluice__V1__ListSubscriptionsRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__ListSubscriptionsResponse response =
		SLUICE__V1__LIST_SUBSCRIPTIONS_RESPONSE__INIT;
	const struct participant *p = service_participant(data, call, "parent", q->parent);
	uint64_t next_line; // the first that has not been sent
	char next[32] = "";

	if (p == NULL || !page_number_of(call, q->page_token, &next_line))
		return;
	GPtrArray *page = g_ptr_array_new_with_free_func((GDestroyNotify)subscription_message_free);
	GPtrArray *all = g_ptr_array_copy(p->subscriptions, NULL, NULL);
	g_ptr_array_set_free_func(all, NULL);
	g_ptr_array_sort(all, by_line);
	for (guint i = 0; i < all->len; i++) {
		const struct subscription *s = all->pdata[i];
		if ((uint64_t)s->line < next_line)
			continue;
		if (page->len == page_size_of(q->page_size)) {
			g_snprintf(next, sizeof(next), "%d", s->line);
			break;
		}
		g_ptr_array_add(page, subscription_message(p, s));
	}
	g_ptr_array_unref(all);
	response.n_subscriptions = page->len;
	response.subscriptions = (Sluice__V1__Subscription **)page->pdata;
	response.next_page_token = next;
	rpc_call_reply(call, &response.base);
	g_ptr_array_unref(page);
}

static const struct service_field wish_fields[] = {
	{"paused", WISH_PAUSED},
	{"priority", WISH_PRIORITY},
	{"wanted", WISH_WANTED},
	{"minimum", WISH_MINIMUM},
	{"maximum", WISH_MAXIMUM},
	{"tile_pixels", WISH_TILE_PIXELS},
	{NULL, 0},
};

unsigned service_given_wishes(const Sluice__V1__Subscription *m)
{
	return (m->paused ? WISH_PAUSED : 0u) | (m->priority != 0 ? WISH_PRIORITY : 0u) |
	       (m->wanted != NULL ? WISH_WANTED : 0u) | (m->minimum != NULL ? WISH_MINIMUM : 0u) |
	       (m->maximum != NULL ? WISH_MAXIMUM : 0u) |
	       (m->tile_pixels != 0 ? WISH_TILE_PIXELS : 0u);
}

static bool take_layer(struct rpc_call *call, const char *field, const Sluice__V1__Layer *m,
		       struct layer_wish *out)
{
	*out = (struct layer_wish){0};
	if (m == NULL)
		return true;
	if (m->spatial > LAYER_MAX || m->temporal > LAYER_MAX) {
		rpc_call_fact(call, "field", "%s", field);
		rpc_call_fact(call, "value", "%u, %u", m->spatial, m->temporal);
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_INVALID),
			      "%s: there is no layer %u, %u: spatial and temporal are 0 to %d.",
			      field, m->spatial, m->temporal, LAYER_MAX);
		return false;
	}
	*out = (struct layer_wish){true, (uint8_t)m->spatial, (uint8_t)m->temporal};
	return true;
}

static bool above(const struct layer_wish *low, const struct layer_wish *high)
{
	return low->is_set && high->is_set &&
	       (low->spatial > high->spatial ||
		(low->spatial == high->spatial && low->temporal > high->temporal));
}

static bool check_order(struct rpc_call *call, const struct subscription_wishes *w)
{
	const struct layer_wish *high = above(&w->minimum, &w->maximum) ? &w->maximum : &w->wanted;

	if (!above(&w->minimum, high))
		return true;
	rpc_call_fact(call, "field", "minimum");
	rpc_call_fact(call, "value", "%u, %u", w->minimum.spatial, w->minimum.temporal);
	rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_INVALID),
		      "minimum: layer %u, %u is above %s, %u, %u: nothing would be left to send.",
		      w->minimum.spatial, w->minimum.temporal,
		      high == &w->maximum ? "maximum" : "wanted", high->spatial, high->temporal);
	return false;
}

bool service_wishes(struct rpc_call *call, const Sluice__V1__Subscription *m,
		    const Google__Protobuf__FieldMask *mask, unsigned given,
		    struct subscription_wishes *out, unsigned *fields)
{
	if (m->priority > PRIORITY_MAX) {
		rpc_call_fact(call, "field", "priority");
		rpc_call_fact(call, "value", "%u", m->priority);
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_INVALID),
			      "priority: %u is too high: 0 to %d.", m->priority, PRIORITY_MAX);
		return false;
	}
	out->paused = m->paused;
	out->priority = (uint8_t)m->priority;
	out->tile_pixels = m->tile_pixels;
	return take_layer(call, "wanted", m->wanted, &out->wanted) &&
	       take_layer(call, "minimum", m->minimum, &out->minimum) &&
	       take_layer(call, "maximum", m->maximum, &out->maximum) && check_order(call, out) &&
	       service_mask(call, mask, wish_fields, given, fields);
}

static void update_subscription(struct rpc_call *call, void *data)
{
	const Sluice__V1__UpdateSubscriptionRequest *q = (const void *)rpc_call_request(call);
	const Sluice__V1__Subscription *m = q->subscription;
	struct subscription_wishes wishes;
	struct participant *p;
	unsigned fields;

	if (m == NULL) {
		rpc_call_fact(call, "field", "subscription");
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_MISSING),
			      "subscription: missing: send participant, track and what is to "
			      "change.");
		return;
	}
	struct subscription *s = find(data, call, m->participant, m->track, &p);
	if (s != NULL &&
	    service_wishes(call, m, q->update_mask, service_given_wishes(m), &wishes, &fields))
		subscription_wish(p, s, &wishes, fields, true, call, reply_subscription);
}

static const struct rpc_method methods[] = {
	{"GetTrack", get_track},
	{"SetTrackServerMuted", set_track_server_muted},
	{"GetSubscription", get_subscription},
	{"ListSubscriptions", list_subscriptions},
	{"UpdateSubscription", update_subscription},
};

void track_service_register(struct node *node, struct rpc_server *server)
{
	static struct rpc_service service = {
		.name = "sluice.v1.RoomService",
		.methods = methods,
		.method_count = G_N_ELEMENTS(methods),
	};

	service.data = node;
	rpc_server_register(server, &service);
}
