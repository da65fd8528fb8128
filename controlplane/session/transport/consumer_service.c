// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/consumer_service.c - the calls of TransportService about
// consumers: many at once, in one epoch.

#include "controlplane/session/node.h"
#include "controlplane/session/paging.h"
#include "controlplane/session/room.h"
#include "controlplane/session/services.h"
#include "controlplane/session/transport/fields.h"
#include "controlplane/session/transport/transport_service.h"

#include <string.h>

static void consumer_unref(gpointer c)
{
	consumer_drop(c);
}

static void reply(struct rpc_call *call, const GPtrArray *consumers, bool paused_call)
{
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)consumer_message_free);

	for (guint i = 0; i < consumers->len; i++)
		g_ptr_array_add(list, consumer_message(consumers->pdata[i]));
	if (paused_call) {
		Sluice__V1__SetConsumersPausedResponse m =
			SLUICE__V1__SET_CONSUMERS_PAUSED_RESPONSE__INIT;
		m.n_consumers = list->len;
		m.consumers = (Sluice__V1__Consumer **)list->pdata;
		rpc_call_reply(call, &m.base);
	} else {
		Sluice__V1__ConsumeResponse m = SLUICE__V1__CONSUME_RESPONSE__INIT;
		m.n_consumers = list->len;
		m.consumers = (Sluice__V1__Consumer **)list->pdata;
		rpc_call_reply(call, &m.base);
	}
	g_ptr_array_unref(list);
}

// A call that waits for one epoch; some of its consumers may be gone when the answer comes.
struct pending {
	struct change_wait *wait;
	GPtrArray *consumers; // counted
	bool creates;
	bool paused; // what they become, and each was; unless they are created
	bool *were;
};

static void delete_those_left(const GPtrArray *consumers)
{
	GPtrArray *left = g_ptr_array_new();

	for (guint i = 0; i < consumers->len; i++)
		if (!((struct consumer *)consumers->pdata[i])->gone)
			g_ptr_array_add(left, consumers->pdata[i]);
	consumers_delete(left);
	g_ptr_array_unref(left);
}

static void put_back(const struct pending *w)
{
	for (guint i = 0; w->were != NULL && i < w->consumers->len; i++) {
		struct consumer *c = w->consumers->pdata[i];
		c->config.paused = w->were[i];
		c->applied_generation = ++c->generation;
	}
}

static void on_push(void *user, struct link_epoch *e)
{
	struct pending *w = user;

	if (!w->creates)
		w->were = g_new(bool, w->consumers->len);
	for (guint i = 0; i < w->consumers->len; i++) {
		struct consumer *c = w->consumers->pdata[i];
		if (!w->creates) {
			w->were[i] = c->config.paused;
			c->config.paused = w->paused;
			c->generation++;
		}
		if (!c->gone)
			link_epoch_subscription(e, c->ref, &c->config);
	}
}

static void answer(struct pending *w, struct rpc_call *call, const struct link_result *result,
		   bool any_gone)
{
	if (result->kind != LINK_APPLIED)
		field_not_applied(call, result);
	else if (any_gone)
		rpc_call_fail(
			call, RPC_ABORTED, RPC_REASON(PARTICIPANT_LEFT),
			"A track or transport of the request was removed meanwhile; the other "
			"consumers stay.");
	else
		reply(call, w->consumers, !w->creates);
}

static void on_done(void *user, const struct link_result *result)
{
	struct pending *w = user;
	bool any_gone = false;
	uint64_t generation = 0; // the newest of theirs

	for (guint i = 0; i < w->consumers->len; i++) {
		struct consumer *c = w->consumers->pdata[i];
		any_gone |= c->gone;
		if (result->kind == LINK_APPLIED)
			c->applied_generation = c->generation;
		generation = MAX(generation, c->generation);
	}
	if (result->kind != LINK_APPLIED && w->creates)
		delete_those_left(w->consumers);
	else if (result->kind != LINK_APPLIED)
		put_back(w);
	struct rpc_call *call = change_wait_take(w->wait);
	if (call != NULL)
		answer(w, call, result, any_gone);
	change_wait_end(w->wait, generation,
			result->kind != LINK_APPLIED ? link_result_text(result)
			: any_gone		     ? "one of them was removed meanwhile"
						     : NULL);
	g_ptr_array_unref(w->consumers);
	g_free(w->were);
	g_free(w);
}

static void submit(struct node *n, struct rpc_call *call, GPtrArray *consumers,
		   const struct pending *what)
{
	const struct consumer *first = consumers->pdata[0];
	struct pending *w = g_new0(struct pending, 1);
	struct link_epoch *e = link_epoch_new(n->link);

	*w = *what;
	w->wait = change_wait_new(n, first->on->member->room->id, call, first->name);
	w->consumers = consumers;
	link_epoch_on_push(e, on_push, w);
	link_epoch_submit(e, on_done, w);
}

static struct track *source_track(struct node *n, struct rpc_call *call, const char *source)
{
	if (!g_str_has_prefix(source, "transports/"))
		return service_track(n, call, "source", source);
	const struct producer *p = field_producer(n, call, "source", source);
	return p != NULL ? p->track : NULL;
}

static bool connected(struct rpc_call *call, const struct media_transport *m, const char *name)
{
	if (m->phase == MEDIA_CONNECTED)
		return true;
	rpc_call_fact(call, "resource", "%s", name);
	rpc_call_fail(call, RPC_FAILED_PRECONDITION, RPC_REASON(TRANSPORT_NOT_CONNECTED),
		      "%s is not connected yet.", name);
	return false;
}

static bool fill_config(struct rpc_call *call, const Sluice__V1__ConsumerSpec *spec,
			const struct transport *t, const struct track *track,
			struct shm_subscription_config *c)
{
	memset(c, 0, sizeof(*c));
	if (!field_mid(call, spec->mid) ||
	    !field_extensions(call, spec->header_extensions, spec->n_header_extensions, &c->ext) ||
	    !field_payload_types(call, spec, track, c))
		return false;
	c->ssrc = spec->ssrc != 0 ? spec->ssrc : g_random_int() | 1; // odd, and RTX's even
	if (!field_rtx(call, spec, track, c))
		return false;
	c->track = track->ref;
	c->transport = t->member->publish.ref;
	c->paused = spec->paused != 0;
	c->sequence_start = (uint16_t)g_random_int_range(1, 1 << 15);
	c->timestamp_start = g_random_int();
	memcpy(c->mid, spec->mid, strlen(spec->mid));
	return true;
}

static bool id_free(struct rpc_call *call, const struct transport *t, const char *id)
{
	if (!g_hash_table_contains(t->consumers, id))
		return true;
	rpc_call_fact(call, "resource", "%s/consumers/%s", t->name, id);
	rpc_call_fail(call, RPC_ALREADY_EXISTS, RPC_REASON(CONSUMER_EXISTS),
		      "There is a consumer %s/consumers/%s already.", t->name, id);
	return false;
}

// One consumer of a request. NULL: the call has failed.
static struct consumer *make(struct node *n, struct rpc_call *call,
			     const Sluice__V1__ConsumerSpec *spec)
{
	struct shm_subscription_config config;
	struct transport *t = field_transport(n, call, "consumers.transport", spec->transport);

	if (t == NULL || !connected(call, transport_media(t), t->name))
		return NULL;
	struct track *track = source_track(n, call, spec->source);
	if (track == NULL || !connected(call, &track->owner->publish, track->name) ||
	    !fill_config(call, spec, t, track, &config))
		return NULL;
	char *id = field_id(call, "consumers.consumer_id", spec->consumer_id);
	if (id == NULL || !id_free(call, t, id)) {
		g_free(id);
		return NULL;
	}
	struct consumer *c = NULL;
	struct shm_ref ref = link_slot_take(n->link, SHM_RECORD_SUBSCRIPTION);
	if (ref.generation == 0) {
		rpc_call_fact(call, "limit", "subscriptions");
		rpc_call_fail(call, RPC_RESOURCE_EXHAUSTED, RPC_REASON(NODE_FULL),
			      "The node's limit of subscriptions is reached.");
	} else {
		c = consumer_new(t, id, track, spec->source);
		c->config = config;
		c->ref = ref;
	}
	g_free(id);
	return c;
}

static bool count_ok(struct rpc_call *call, const char *field, size_t count)
{
	if (count >= 1 && count <= TRANSPORT_CONSUMERS_PER_CALL)
		return true;
	rpc_call_fact(call, "field", "%s", field);
	rpc_call_fact(call, "value", "%zu", count);
	rpc_call_fact(call, "limit", "%d", TRANSPORT_CONSUMERS_PER_CALL);
	rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(TOO_MANY_ITEMS),
		      "%s: %zu of them: give 1 to %d.", field, count, TRANSPORT_CONSUMERS_PER_CALL);
	return false;
}

void transport_service_consume(struct rpc_call *call, void *data)
{
	struct node *n = data;
	const Sluice__V1__ConsumeRequest *q = (const void *)rpc_call_request(call);

	if (!count_ok(call, "consumers", q->n_consumers))
		return;
	GPtrArray *consumers = g_ptr_array_new_with_free_func(consumer_unref);
	for (size_t i = 0; i < q->n_consumers; i++) {
		struct consumer *c = make(n, call, q->consumers[i]);
		if (c == NULL) { // none of them, then
			delete_those_left(consumers);
			g_ptr_array_unref(consumers);
			return;
		}
		g_ptr_array_add(consumers, consumer_hold(c));
	}
	submit(n, call, consumers, &(struct pending){.creates = true});
}

// The consumers of a list of names; NULL: the call has failed.
static GPtrArray *named(struct node *n, struct rpc_call *call, char *const *names, size_t count)
{
	if (!count_ok(call, "names", count))
		return NULL;
	GPtrArray *list = g_ptr_array_new_with_free_func(consumer_unref);
	GHashTable *seen = g_hash_table_new(NULL, NULL);
	for (size_t i = 0; i < count; i++) {
		struct consumer *c = field_consumer(n, call, "names", names[i]);
		if (c == NULL) {
			g_clear_pointer(&list, g_ptr_array_unref);
			break;
		}
		if (g_hash_table_add(seen, c))
			g_ptr_array_add(list, consumer_hold(c));
	}
	g_hash_table_unref(seen);
	return list;
}

void transport_service_set_consumers_paused(struct rpc_call *call, void *data)
{
	struct node *n = data;
	const Sluice__V1__SetConsumersPausedRequest *q = (const void *)rpc_call_request(call);
	GPtrArray *list = named(n, call, q->names, q->n_names);

	if (list == NULL)
		return;
	submit(n, call, list, &(struct pending){.paused = q->paused != 0});
}

void transport_service_get_consumer(struct rpc_call *call, void *data)
{
	const Sluice__V1__GetConsumerRequest *q = (const void *)rpc_call_request(call);
	const struct consumer *c = field_consumer(data, call, "name", q->name);

	if (c == NULL)
		return;
	Sluice__V1__Consumer *m = consumer_message(c);
	rpc_call_reply(call, &m->base);
	consumer_message_free(m);
}

static gint by_id(gconstpointer a, gconstpointer b)
{
	return strcmp(((const struct consumer *)a)->id, ((const struct consumer *)b)->id);
}

// In order of their ids; a page's token is the last id on the one before.
void transport_service_list_consumers(struct rpc_call *call, void *data)
{
	const Sluice__V1__ListConsumersRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__ListConsumersResponse response = SLUICE__V1__LIST_CONSUMERS_RESPONSE__INIT;
	guint size = page_size_of(q->page_size);
	char *last = NULL;

	const struct transport *t = field_transport(data, call, "parent", q->parent);
	if (t == NULL || !page_id_ok(call, q->page_token))
		return;
	GPtrArray *page = g_ptr_array_new_with_free_func((GDestroyNotify)consumer_message_free);
	GList *all = g_list_sort(g_hash_table_get_values(t->consumers), by_id);
	for (const GList *i = all; i != NULL; i = i->next) {
		const struct consumer *c = i->data;
		if (strcmp(c->id, q->page_token) <= 0)
			continue;
		if (page->len == size) {
			response.next_page_token = last;
			break;
		}
		g_ptr_array_add(page, consumer_message(c));
		last = c->id;
	}
	response.n_consumers = page->len;
	response.consumers = (Sluice__V1__Consumer **)page->pdata;
	rpc_call_reply(call, &response.base);
	g_list_free(all);
	g_ptr_array_unref(page);
}

void transport_service_delete_consumers(struct rpc_call *call, void *data)
{
	const Sluice__V1__DeleteConsumersRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__DeleteConsumersResponse response = SLUICE__V1__DELETE_CONSUMERS_RESPONSE__INIT;
	GPtrArray *list = named(data, call, q->names, q->n_names);

	if (list == NULL)
		return;
	struct room *r = ((const struct consumer *)list->pdata[0])->on->member->room;
	consumers_delete(list);
	g_ptr_array_unref(list);
	change_settle(r, call, q->names[0], &response.base);
}
