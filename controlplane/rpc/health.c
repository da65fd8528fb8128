// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/health.c - see health.h.
#include "controlplane/rpc/health.h"

#include <glib.h>

#include "proto/api/grpc/health/v1/health.pb-c.h"

struct health_watch {
	struct health *health;
	struct rpc_call *call;
	char *service;
	int told; // ServingStatus; 0 before the first
};

struct health {
	GHashTable *services; // name -> ServingStatus
	GQueue watches;
	struct rpc_service service;
};

static int health_get(const struct health *h, const char *service)
{
	gpointer status;

	if (!g_hash_table_lookup_extended(h->services, service, NULL, &status))
		return GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN;
	return GPOINTER_TO_INT(status);
}

static Grpc__Health__V1__HealthCheckResponse health_answer(int status)
{
	Grpc__Health__V1__HealthCheckResponse answer =
		GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

	answer.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
	return answer;
}

static void health_check(struct rpc_call *call, void *data)
{
	const Grpc__Health__V1__HealthCheckRequest *request = (const void *)rpc_call_request(call);
	int status = health_get(data, request->service);
	Grpc__Health__V1__HealthCheckResponse answer = health_answer(status);

	if (status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN)
		rpc_call_fail(call, RPC_NOT_FOUND, RPC_REASON(SERVICE_NOT_FOUND),
			      "there is no service \"%s\"", request->service);
	else
		rpc_call_reply(call, &answer.base);
}

static void health_list(struct rpc_call *call, void *data)
{
	const struct health *h = data;
	guint count = g_hash_table_size(h->services);
	Grpc__Health__V1__HealthListResponse answer = GRPC__HEALTH__V1__HEALTH_LIST_RESPONSE__INIT;
	Grpc__Health__V1__HealthListResponse__StatusesEntry *entries =
		g_new0(Grpc__Health__V1__HealthListResponse__StatusesEntry, count);
	Grpc__Health__V1__HealthCheckResponse *statuses =
		g_new0(Grpc__Health__V1__HealthCheckResponse, count);
	GHashTableIter i;
	gpointer name, status;

	answer.statuses = g_new0(Grpc__Health__V1__HealthListResponse__StatusesEntry *, count);
	for (g_hash_table_iter_init(&i, h->services); g_hash_table_iter_next(&i, &name, &status);) {
		size_t n = answer.n_statuses++;

		grpc__health__v1__health_list_response__statuses_entry__init(&entries[n]);
		statuses[n] = health_answer(GPOINTER_TO_INT(status));
		entries[n].key = name;
		entries[n].value = &statuses[n];
		answer.statuses[n] = &entries[n];
	}
	rpc_call_reply(call, &answer.base);
	g_free(answer.statuses);
	g_free(statuses);
	g_free(entries);
}

static void health_watch_end(struct rpc_call *call, void *data)
{
	struct health_watch *watch = data;

	g_queue_remove(&watch->health->watches, watch);
	g_free(watch->service);
	g_free(watch);
	rpc_call_finish(call);
}

static void health_tell(struct health_watch *watch)
{
	int status = health_get(watch->health, watch->service);
	Grpc__Health__V1__HealthCheckResponse answer = health_answer(status);

	if (watch->told == status)
		return;
	watch->told = status;
	(void)rpc_call_send(watch->call, &answer.base); // on_cancel follows if it fails
}

static void health_watch(struct rpc_call *call, void *data)
{
	const Grpc__Health__V1__HealthCheckRequest *request = (const void *)rpc_call_request(call);
	struct health_watch *watch = g_new0(struct health_watch, 1);

	watch->health = data;
	watch->call = call;
	watch->service = g_strdup(request->service);
	g_queue_push_tail(&watch->health->watches, watch);
	rpc_call_on_cancel(call, health_watch_end, watch);
	health_tell(watch);
}

static const struct rpc_method health_methods[] = {
	{"Check", health_check},
	{"List", health_list},
	{"Watch", health_watch},
};

struct health *health_new(void)
{
	struct health *h = g_new0(struct health, 1);

	h->services = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_queue_init(&h->watches);
	h->service = (struct rpc_service){
		.name = "grpc.health.v1.Health",
		.methods = health_methods,
		.method_count = G_N_ELEMENTS(health_methods),
		.data = h,
	};
	return h;
}

const struct rpc_service *health_service(const struct health *h)
{
	return &h->service;
}

static void health_tell_all(struct health *h)
{
	for (GList *i = h->watches.head; i != NULL; i = i->next)
		health_tell(i->data);
}

static int health_serving(bool serving)
{
	return serving ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
		       : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
}

void health_set(struct health *h, const char *service, bool serving)
{
	g_hash_table_insert(h->services, g_strdup(service),
			    GINT_TO_POINTER(health_serving(serving)));
	health_tell_all(h);
}

void health_set_all(struct health *h, bool serving)
{
	GHashTableIter i;

	for (g_hash_table_iter_init(&i, h->services); g_hash_table_iter_next(&i, NULL, NULL);)
		g_hash_table_iter_replace(&i, GINT_TO_POINTER(health_serving(serving)));
	health_tell_all(h);
}

void health_free(struct health **where)
{
	struct health *h = *where;

	if (h == NULL)
		return;
	*where = NULL;
	while (!g_queue_is_empty(&h->watches)) {
		struct health_watch *watch = g_queue_peek_head(&h->watches);

		health_watch_end(watch->call, watch);
	}
	g_hash_table_unref(h->services);
	g_free(h);
}
