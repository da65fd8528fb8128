// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/call.c - see call.h: the handler's side of a call, and its life.
#include "controlplane/rpc/call.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>

#include "controlplane/rpc/call_state.h"

void rpc_call_hold(struct rpc_call *call)
{
	call->holds++;
}

void rpc_call_discharge(struct rpc_call *call)
{
	if (call->calls != NULL)
		call->calls->body_bytes -= call->body_bytes;
	if (call->calls != NULL && call->anybodys)
		call->calls->anybody_bytes -= call->body_bytes;
	call->body_bytes = 0;
	grpc_deframer_clear(&call->deframer);
}

static void rpc_call_drop_source(GSource **source)
{
	if (*source == NULL)
		return;
	g_source_destroy(*source);
	g_source_unref(*source);
	*source = NULL;
}

// A call that got no status was left by its client.
static void rpc_call_count(const struct rpc_call *call)
{
	enum rpc_status code = call->reply.status_sent ? call->reply.status : RPC_CANCELLED;

	call_counts_add(&call->calls->counts[call->method - api_methods], call->method, code,
			g_get_monotonic_time() - call->began_us);
}

void rpc_call_release(struct rpc_call *call)
{
	assert(call->holds > 0);
	if (--call->holds > 0)
		return;
	assert(call->reply.x == NULL);
	rpc_call_drop_source(&call->deadline);
	rpc_call_drop_source(&call->cut);
	rpc_call_discharge(call);
	unpack_arena_clear(&call->arena);
	rpc_facts_clear(&call->facts);
	if (call->calls != NULL) {
		rpc_call_count(call);
		g_queue_unlink(&call->calls->list, &call->link);
	}
	g_free(call->peer);
	if (call->attached != NULL)
		call->attached_drop(call->attached);
	g_free(call);
}

// Someone still listens on the other side.
static bool rpc_call_is_open(const struct rpc_call *call)
{
	return call->reply.x != NULL && !call->reply.status_sent && !call->cancelled;
}

void rpc_call_cancel(struct rpc_call *call)
{
	rpc_call_drop_source(&call->cut);
	rpc_call_drop_source(&call->deadline);
	if (call->cancelled)
		return;
	call->cancelled = true;
	if (call->started && call->on_cancel != NULL)
		call->on_cancel(call, call->on_cancel_data);
}

void rpc_call_on_outcome(struct rpc_call *call, rpc_call_outcome_fn outcome, void *data)
{
	unsigned i = call->outcomes[0].tell == NULL ? 0 : 1;

	assert(call->outcomes[i].tell == NULL);
	call->outcomes[i].tell = outcome;
	call->outcomes[i].data = data;
}

static void rpc_call_tell(struct rpc_call *call, const struct rpc_outcome *outcome)
{
	if (call->inner) {
		call->reply.status_sent = true; // what it is counted by
		call->reply.status = outcome->code;
	}
	for (unsigned i = 0; i < RPC_OUTCOMES_MAX; i++)
		if (call->outcomes[i].tell != NULL)
			call->outcomes[i].tell(outcome, call->outcomes[i].data);
}

static void rpc_call_say_error(struct rpc_call *call, enum rpc_status code,
			       Sluice__V1__ErrorReason reason, const char *text)
{
	const struct rpc_error error = {code, reason, text, &call->facts};

	if (rpc_call_is_open(call))
		grpc_reply_status(&call->reply, &error);
	rpc_facts_clear(&call->facts);
}

void rpc_call_abort(struct rpc_call *call, enum rpc_status code, Sluice__V1__ErrorReason reason,
		    const char *text)
{
	rpc_call_hold(call);
	rpc_call_say_error(call, code, reason, text);
	rpc_call_discharge(call);
	rpc_call_cancel(call);
	rpc_call_release(call);
}

// The handler lets go.
static void rpc_call_end(struct rpc_call *call)
{
	assert(call->started);
	call->started = false;
	call->on_cancel = NULL;
	call->on_request = NULL;
	rpc_call_drop_source(&call->deadline);
	rpc_call_drop_source(&call->cut);
	rpc_call_discharge(call);
	unpack_arena_clear(&call->arena);
	call->request = NULL;
	rpc_call_release(call);
}

const ProtobufCMessage *rpc_call_request(const struct rpc_call *call)
{
	return call->request;
}

const ProtobufCMessageDescriptor *rpc_call_answer_type(const struct rpc_call *call)
{
	return call->method->answer;
}

void rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *answer)
{
	const struct rpc_outcome outcome = {.code = RPC_OK, .answer = answer};

	assert(answer->descriptor == call->method->answer);
	rpc_call_tell(call, &outcome);
	if (rpc_call_is_open(call)) {
		grpc_reply_frame(&call->reply, grpc_reply_message_frame(&call->reply, answer));
		grpc_reply_status(&call->reply, NULL);
	}
	rpc_call_end(call);
}

void rpc_call_fact(struct rpc_call *call, const char *key, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	rpc_facts_add(&call->facts, key, g_strdup_vprintf(format, args));
	va_end(args);
}

void rpc_call_fail(struct rpc_call *call, enum rpc_status code, Sluice__V1__ErrorReason reason,
		   const char *format, ...)
{
	va_list args;
	char *text;

	assert(code != RPC_OK);
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	const struct rpc_error error = {code, reason, text, &call->facts};
	const struct rpc_outcome outcome = {.code = code, .error = &error};
	rpc_call_tell(call, &outcome);
	rpc_call_say_error(call, code, reason, text);
	g_free(text);
	rpc_call_end(call);
}

void rpc_call_finish(struct rpc_call *call)
{
	const struct rpc_outcome outcome = {.code = call->cancelled ? RPC_CANCELLED : RPC_OK};

	rpc_call_tell(call, &outcome);
	if (rpc_call_is_open(call))
		grpc_reply_status(&call->reply, NULL);
	rpc_call_end(call);
}

static gboolean rpc_call_cut_due(gpointer data)
{
	struct rpc_call *call = data;

	rpc_call_hold(call);
	rpc_call_cancel(call);
	rpc_call_release(call);
	return G_SOURCE_REMOVE;
}

// A reset needs no flow-control window, so it reaches a reader who does not read.
static void rpc_call_cut_reader(struct rpc_call *call)
{
	call->reply.status_sent = true;
	call->reply.status = RPC_RESOURCE_EXHAUSTED;
	http_reset(call->reply.x, HTTP_RESET_CALM);
	call->cut = g_idle_source_new();
	g_source_set_callback(call->cut, rpc_call_cut_due, call, NULL);
	g_source_attach(call->cut, g_main_context_get_thread_default());
}

int rpc_call_send(struct rpc_call *call, const ProtobufCMessage *answer)
{
	GBytes *frame;
	size_t queued;

	assert(answer->descriptor == call->method->answer);
	if (call->sent != NULL && !call->cancelled) {
		call->sent(answer, call->sent_data);
		return 0;
	}
	if (!rpc_call_is_open(call))
		return -ECANCELED;
	frame = grpc_reply_message_frame(&call->reply, answer);
	queued = call->reply.x->queued_bytes;
	// An answer larger than the queue may go alone.
	if (queued > 0 && queued + g_bytes_get_size(frame) > RPC_SEND_QUEUE_BYTES_MAX) {
		g_bytes_unref(frame);
		rpc_call_cut_reader(call);
		return -ENOBUFS;
	}
	grpc_reply_frame(&call->reply, frame);
	return 0;
}

void rpc_call_on_cancel(struct rpc_call *call, rpc_call_cancel_fn cancel, void *data)
{
	call->on_cancel = cancel;
	call->on_cancel_data = data;
}

bool rpc_call_is_cancelled(const struct rpc_call *call)
{
	return call->cancelled;
}

void rpc_call_on_request(struct rpc_call *call, rpc_call_request_fn request, void *data)
{
	call->on_request = request;
	call->on_request_data = data;
}

const char *rpc_call_path(const struct rpc_call *call)
{
	return call->method->path;
}

void rpc_call_attach(struct rpc_call *call, void *box, GDestroyNotify drop)
{
	assert(call->attached == NULL);
	call->attached = box;
	call->attached_drop = drop;
}

void *rpc_call_attached(const struct rpc_call *call)
{
	return call->attached;
}

const struct http_peer *rpc_call_from(const struct rpc_call *call)
{
	return call->reply.x != NULL ? call->reply.x->from : NULL;
}

const char *rpc_call_peer(const struct rpc_call *call)
{
	return call->peer;
}

const char *rpc_call_metadata(const struct rpc_call *call, const char *key)
{
	return call->reply.x != NULL ? http_field_get(call->reply.x, key) : NULL;
}

GPtrArray *rpc_call_metadata_binary(const struct rpc_call *call, const char *key)
{
	GPtrArray *values = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	const GArray *fields = call->reply.x != NULL ? call->reply.x->fields : NULL;

	for (guint i = 0; fields != NULL && i < fields->len; i++) {
		const struct http_field *f = &g_array_index(fields, struct http_field, i);

		for (const char *at = g_str_equal(f->name, key) ? f->value : NULL; at != NULL;)
			g_ptr_array_add(values, grpc_binary_next(&at));
	}
	return values;
}

int64_t rpc_call_deadline_us(const struct rpc_call *call)
{
	return call->deadline_us;
}
