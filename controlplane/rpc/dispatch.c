// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/dispatch.c - see dispatch.h.
#include "controlplane/rpc/dispatch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/rpc/call_state.h"

struct rpc_handler {
	rpc_call_start_fn start; // NULL: nobody has registered it
	void *data;
};

struct rpc_dispatch {
	struct rpc_calls calls;
	uint64_t unknown_methods; // calls of what no .proto declares
	GHashTable *services;
	struct rpc_handler *handlers; // one per row of api_methods
};

static int dispatch_compare(const void *path, const void *row)
{
	return strcmp(path, ((const struct api_method *)row)->path);
}

static const struct api_method *dispatch_find(const char *path)
{
	return bsearch(path, api_methods, api_method_count, sizeof(*api_methods), dispatch_compare);
}

struct rpc_dispatch *rpc_dispatch_new(void)
{
	struct rpc_dispatch *d = g_new0(struct rpc_dispatch, 1);

	g_queue_init(&d->calls.list);
	d->calls.dispatch = d;
	d->calls.request_bytes_max = RPC_REQUEST_BYTES_MAX;
	d->services = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	d->handlers = g_new0(struct rpc_handler, api_method_count);
	d->calls.counts = g_new0(struct call_counts, api_method_count);
	return d;
}

void rpc_dispatch_register(struct rpc_dispatch *d, const struct rpc_service *service)
{
	for (size_t i = 0; i < service->method_count; i++) {
		char *path = g_strdup_printf("/%s/%s", service->name, service->methods[i].name);
		const struct api_method *method = dispatch_find(path);

		if (method == NULL)
			g_error("%s: no .proto declares this method", path);
		assert(unpack_depth_is_bounded(method->request));
		d->handlers[method - api_methods] =
			(struct rpc_handler){service->methods[i].start, service->data};
		g_free(path);
	}
	g_hash_table_add(d->services, g_strdup(service->name));
}

GList *rpc_dispatch_services(const struct rpc_dispatch *d)
{
	return g_list_sort(g_hash_table_get_keys(d->services), (GCompareFunc)strcmp);
}

void rpc_dispatch_request(struct rpc_dispatch *d, struct http_exchange *x,
			  enum grpc_dialect dialect)
{
	const struct api_method *method = dispatch_find(x->path);
	struct grpc_reply reply = {.x = x, .dialect = dialect};
	const struct rpc_handler *handler;

	if (method == NULL) {
		d->unknown_methods++;
		const struct rpc_error error = {RPC_UNIMPLEMENTED, RPC_REASON(METHOD_UNKNOWN),
						"there is no such method", NULL};

		grpc_reply_status(&reply, &error);
		return;
	}
	handler = &d->handlers[method - api_methods];
	rpc_call_begin(&d->calls, x, dialect, method, handler->start, handler->data);
}

void rpc_dispatch_collect(const struct rpc_dispatch *d, struct metrics_page *page)
{
	call_counts_collect(page, d->calls.counts);
	metrics_single_count(page, "sluice_api_unknown_methods_total", d->unknown_methods,
			     "Calls of methods that no .proto declares.");
}

bool rpc_dispatch_charge(struct rpc_dispatch *d, size_t byte_count)
{
	if (d->calls.body_bytes + byte_count > DISPATCH_BODY_BYTES_MAX)
		return false;
	d->calls.body_bytes += byte_count;
	return true;
}

void rpc_dispatch_discharge(struct rpc_dispatch *d, size_t byte_count)
{
	d->calls.body_bytes -= byte_count;
}

void rpc_dispatch_set_request_max(struct rpc_dispatch *d, size_t byte_count)
{
	d->calls.request_bytes_max = byte_count;
}

void rpc_dispatch_set_gate(struct rpc_dispatch *d, const struct rpc_gate *gate)
{
	d->calls.gate = *gate;
}

static void dispatch_inner(struct rpc_call *outer, const char *path,
			   const ProtobufCMessage *request, struct rpc_inner inner)
{
	const struct rpc_dispatch *d = outer->calls->dispatch;
	const struct rpc_handler *handler;

	inner.method = dispatch_find(path);
	assert(inner.method != NULL && !inner.method->client_streaming &&
	       inner.method->server_streaming == (inner.sent != NULL));
	handler = &d->handlers[inner.method - api_methods];
	inner.start = handler->start;
	inner.start_data = handler->data;
	rpc_call_begin_inner(outer, request, &inner);
}

void rpc_call_inner(struct rpc_call *outer, const char *path, const ProtobufCMessage *request,
		    rpc_call_outcome_fn outcome, void *data)
{
	dispatch_inner(outer, path, request, (struct rpc_inner){.outcome = outcome, .data = data});
}

void rpc_call_inner_stream(struct rpc_call *outer, const char *path,
			   const ProtobufCMessage *request, rpc_call_sent_fn sent,
			   rpc_call_outcome_fn outcome, void *data, struct rpc_call **inner)
{
	dispatch_inner(
		outer, path, request,
		(struct rpc_inner){.sent = sent, .outcome = outcome, .data = data, .where = inner});
}

void rpc_dispatch_drain(struct rpc_dispatch *d)
{
	GList *next;

	d->calls.draining = true;
	for (GList *i = d->calls.list.head; i != NULL; i = next) {
		struct rpc_call *call = i->data;

		// A handler's on_cancel may end any other call, so the next one is looked at by
		// starting again.
		next = i->next;
		if (!call->method->server_streaming || call->cancelled || call->reply.status_sent)
			continue;
		rpc_call_abort(call, RPC_UNAVAILABLE, RPC_REASON(SERVER_SHUTTING_DOWN),
			       "the server is shutting down");
		next = d->calls.list.head;
	}
}

void rpc_dispatch_free(struct rpc_dispatch **where)
{
	struct rpc_dispatch *d = *where;

	if (d == NULL)
		return;
	*where = NULL;
	while (!g_queue_is_empty(&d->calls.list)) {
		struct rpc_call *call = g_queue_peek_head(&d->calls.list);

		g_queue_unlink(&d->calls.list, &call->link);
		call->calls = NULL;
	}
	g_hash_table_unref(d->services);
	g_free(d->handlers);
	g_free(d->calls.counts);
	g_free(d);
}
