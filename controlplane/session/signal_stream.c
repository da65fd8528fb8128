// SPDX-License-Identifier: Apache-2.0
// controlplane/session/signal_stream.c - SignallingService.Signal: the unary calls and the events
// of a session on one stream.
//
// Place    rpc/ -> [signal_stream] -> the same handlers as over the wire, as inner calls: gate,
//          request_id and all. Events are those of an inner WatchSession.
// Thread   the API's GMainContext.
// Owns     struct signal_stream, until its call has ended and no inner call is under way.

#include "controlplane/session/services.h"

#include <string.h>

#define SIGNALLING "/sluice.v1.SignallingService/"

enum { SIGNAL_PENDING_MAX = 64 };

struct signal_stream {
	struct rpc_call *call; // NULL: nobody listens any more
	struct rpc_call *watch; // the inner WatchSession, or NULL
	Sluice__V1__Session *session; // NULL: none yet
	struct signal_request *opening; // the join or resume under way, or NULL
	bool half_closed; // the client has sent its last request
	bool over; // ends when all is answered
	unsigned pending;
};

// A request under way.
struct signal_request {
	struct signal_stream *stream;
	uint64_t id;
	Sluice__V1__SignalAnswer__AnswerCase answer;
};

static const struct signal_method {
	Sluice__V1__SignalRequest__RequestCase request;
	Sluice__V1__SignalAnswer__AnswerCase answer;
	const char *path;
} methods[] = {
	{SLUICE__V1__SIGNAL_REQUEST__REQUEST_JOIN, SLUICE__V1__SIGNAL_ANSWER__ANSWER_JOIN,
	 SIGNALLING "Join"},
	{SLUICE__V1__SIGNAL_REQUEST__REQUEST_RESUME, SLUICE__V1__SIGNAL_ANSWER__ANSWER_RESUMED,
	 SIGNALLING "WatchSession"},
	{SLUICE__V1__SIGNAL_REQUEST__REQUEST_PUBLISH, SLUICE__V1__SIGNAL_ANSWER__ANSWER_PUBLISH,
	 SIGNALLING "Publish"},
	{SLUICE__V1__SIGNAL_REQUEST__REQUEST_ANSWER_SUBSCRIBE,
	 SLUICE__V1__SIGNAL_ANSWER__ANSWER_ANSWER_SUBSCRIBE, SIGNALLING "AnswerSubscribe"},
	{SLUICE__V1__SIGNAL_REQUEST__REQUEST_RESTART_SUBSCRIBE_ICE,
	 SLUICE__V1__SIGNAL_ANSWER__ANSWER_RESTART_SUBSCRIBE_ICE, SIGNALLING "RestartSubscribeIce"},
	{SLUICE__V1__SIGNAL_REQUEST__REQUEST_ADD_ICE_CANDIDATES,
	 SLUICE__V1__SIGNAL_ANSWER__ANSWER_ADD_ICE_CANDIDATES, SIGNALLING "AddIceCandidates"},
	{SLUICE__V1__SIGNAL_REQUEST__REQUEST_SET_TRACK_MUTED,
	 SLUICE__V1__SIGNAL_ANSWER__ANSWER_SET_TRACK_MUTED, SIGNALLING "SetTrackMuted"},
	{SLUICE__V1__SIGNAL_REQUEST__REQUEST_SET_SUBSCRIPTION,
	 SLUICE__V1__SIGNAL_ANSWER__ANSWER_SET_SUBSCRIPTION, SIGNALLING "SetSubscription"},
	{SLUICE__V1__SIGNAL_REQUEST__REQUEST_LEAVE, SLUICE__V1__SIGNAL_ANSWER__ANSWER_LEAVE,
	 SIGNALLING "Leave"},
};

static const struct signal_method *method_of(const Sluice__V1__SignalRequest *q)
{
	for (size_t i = 0; i < G_N_ELEMENTS(methods); i++)
		if (methods[i].request == q->request_case)
			return &methods[i];
	return NULL;
}

static void drop_session(struct signal_stream *s)
{
	if (s->session == NULL)
		return;
	explicit_bzero(s->session->secret, strlen(s->session->secret));
	sluice__v1__session__free_unpacked(g_steal_pointer(&s->session), NULL);
}

static void keep_session(struct signal_stream *s, const Sluice__V1__Session *from)
{
	size_t size = sluice__v1__session__get_packed_size(from);
	uint8_t *bytes = g_malloc(size + 1);

	drop_session(s);
	sluice__v1__session__pack(from, bytes);
	s->session = sluice__v1__session__unpack(NULL, size, bytes);
	explicit_bzero(bytes, size);
	g_free(bytes);
}

// Ends what has come to its end. The stream may be gone afterwards.
static void settle(struct signal_stream *s)
{
	bool serves = !s->over && (s->watch != NULL || !s->half_closed);

	if (s->pending > 0)
		return;
	if (s->call != NULL && !serves)
		rpc_call_finish(g_steal_pointer(&s->call));
	if (s->call != NULL || s->watch != NULL)
		return;
	drop_session(s);
	g_free(s);
}

static void send_response(struct signal_stream *s, const Sluice__V1__SignalResponse *response)
{
	if (s->call != NULL)
		rpc_call_send(s->call, &response->base); // a cut reader is told by on_cancel
}

static void send_answer(struct signal_stream *s, Sluice__V1__SignalAnswer *answer)
{
	Sluice__V1__SignalResponse response = SLUICE__V1__SIGNAL_RESPONSE__INIT;

	response.response_case = SLUICE__V1__SIGNAL_RESPONSE__RESPONSE_ANSWER;
	response.answer = answer;
	send_response(s, &response);
}

static void send_error(struct signal_stream *s, uint64_t id, const struct rpc_error *e)
{
	Sluice__V1__SignalAnswer answer = SLUICE__V1__SIGNAL_ANSWER__INIT;
	Sluice__V1__SignalError error = SLUICE__V1__SIGNAL_ERROR__INIT;
	Sluice__V1__SignalError__MetadataEntry entries[RPC_ERROR_FACTS_MAX];
	Sluice__V1__SignalError__MetadataEntry *metadata[RPC_ERROR_FACTS_MAX];
	const ProtobufCEnumValue *reason = protobuf_c_enum_descriptor_get_value(
		&sluice__v1__error_reason__descriptor, (int)e->reason);

	error.code = e->code;
	error.reason = (char *)(uintptr_t)reason->name;
	error.message = rpc_error_text(e->text);
	error.metadata = metadata;
	for (unsigned i = 0; e->facts != NULL && i < e->facts->count; i++) {
		sluice__v1__signal_error__metadata_entry__init(&entries[i]);
		entries[i].key = (char *)(uintptr_t)e->facts->keys[i];
		entries[i].value = e->facts->values[i];
		metadata[error.n_metadata++] = &entries[i];
	}
	answer.id = id;
	answer.answer_case = SLUICE__V1__SIGNAL_ANSWER__ANSWER_ERROR;
	answer.error = &error;
	send_answer(s, &answer);
	g_free(error.message);
}

// Answers a request, of which nothing is left then.
static void end_request(struct signal_request *r, const ProtobufCMessage *message,
			const struct rpc_error *error)
{
	struct signal_stream *s = r->stream;
	Sluice__V1__SignalAnswer answer = SLUICE__V1__SIGNAL_ANSWER__INIT;

	if (s->opening == r)
		s->opening = NULL;
	answer.id = r->id;
	answer.answer_case = r->answer;
	answer.join = (void *)(uintptr_t)message; // members of a oneof share their place
	if (error != NULL)
		send_error(s, r->id, error);
	else
		send_answer(s, &answer);
	g_free(r);
	s->pending--;
}

static void on_event(const ProtobufCMessage *event, void *data)
{
	struct signal_stream *s = data;
	Sluice__V1__SignalResponse response = SLUICE__V1__SIGNAL_RESPONSE__INIT;
	const Sluice__V1__SignalResumed resumed = SLUICE__V1__SIGNAL_RESUMED__INIT;

	// The first event says that the session was found.
	if (s->opening != NULL)
		end_request(s->opening, &resumed.base, NULL);
	response.response_case = SLUICE__V1__SIGNAL_RESPONSE__RESPONSE_EVENT;
	response.event = (Sluice__V1__SessionEvent *)(uintptr_t)event;
	send_response(s, &response);
}

static void on_watch_end(const struct rpc_outcome *outcome, void *data)
{
	struct signal_stream *s = data;

	s->watch = NULL;
	if (s->opening != NULL) { // it was no session
		drop_session(s);
		end_request(s->opening, NULL, outcome->error);
	} else {
		s->over = true;
	}
	settle(s);
}

static void watch(struct signal_stream *s)
{
	Sluice__V1__WatchSessionRequest q = SLUICE__V1__WATCH_SESSION_REQUEST__INIT;

	q.session = s->session;
	rpc_call_inner_stream(s->call, SIGNALLING "WatchSession", &q.base, on_event, on_watch_end,
			      s, &s->watch);
}

static void on_outcome(const struct rpc_outcome *outcome, void *data)
{
	struct signal_request *r = data;
	struct signal_stream *s = r->stream;
	bool joined = r == s->opening && outcome->code == RPC_OK;

	s->pending++; // until all is done here
	if (joined)
		keep_session(s, ((const Sluice__V1__JoinResponse *)outcome->answer)->session);
	end_request(r, outcome->answer, outcome->error);
	if (joined && s->call != NULL)
		watch(s);
	s->pending--;
	settle(s);
}

G_GNUC_PRINTF(4, 5)
static void refuse(struct signal_stream *s, const Sluice__V1__SignalRequest *q,
		   struct rpc_error error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = g_strdup_vprintf(format, args);
	va_end(args);
	error.text = text;
	send_error(s, q->id, &error);
	g_free(text);
}

// The session a request would act for: the stream's, if it names none. False after refusing it.
static bool fill_session(struct signal_stream *s, const Sluice__V1__SignalRequest *q,
			 ProtobufCMessage *m)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(m->descriptor, "session");
	Sluice__V1__Session **session = (void *)((char *)m + f->offset);

	if (*session == NULL)
		*session = s->session; // what we unpacked is ours, and freed as a whole
	if (g_str_equal((*session)->participant, s->session->participant))
		return true;
	struct rpc_facts facts = {0};
	rpc_facts_add(&facts, "field", g_strdup("session.participant"));
	rpc_facts_add(&facts, "value", g_strdup((*session)->participant));
	refuse(s, q,
	       (struct rpc_error){RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_INVALID), NULL, &facts},
	       "session.participant: \"%.200s\" is not the session of this stream, %s: leave "
	       "session out.",
	       (*session)->participant, s->session->participant);
	rpc_facts_clear(&facts);
	return false;
}

// False after refusing it.
static bool admit(struct signal_stream *s, const Sluice__V1__SignalRequest *q,
		  const struct signal_method *method)
{
	bool opens = q->request_case == SLUICE__V1__SIGNAL_REQUEST__REQUEST_JOIN ||
		     q->request_case == SLUICE__V1__SIGNAL_REQUEST__REQUEST_RESUME;
	bool open = s->session != NULL || s->opening != NULL;
	char request[] = "request";
	const struct rpc_facts missing = {.keys = {"field"}, .values = {request}, .count = 1};

	if (method == NULL)
		refuse(s, q,
		       (struct rpc_error){RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_MISSING), NULL,
					  &missing},
		       "request: missing, or not known to this server: send one of %s's.",
		       q->base.descriptor->name);
	else if (s->pending >= SIGNAL_PENDING_MAX)
		refuse(s, q,
		       (struct rpc_error){RPC_RESOURCE_EXHAUSTED, RPC_REASON(SERVER_BUSY), NULL,
					  NULL},
		       "%d requests of this stream are under way, the limit: wait for an answer.",
		       SIGNAL_PENDING_MAX);
	else if (opens && open)
		refuse(s, q,
		       (struct rpc_error){RPC_FAILED_PRECONDITION, RPC_REASON(SESSION_OPEN), NULL,
					  NULL},
		       "This stream has its session already: open another for another session.");
	else if (!opens && s->session == NULL)
		refuse(s, q,
		       (struct rpc_error){RPC_FAILED_PRECONDITION, RPC_REASON(SESSION_NOT_OPEN),
					  NULL, NULL},
		       "This stream has no session yet: send join or resume, and wait for its "
		       "answer.");
	else
		return true;
	return false;
}

// 'm' is in memory of the stream's call, which may end inside.
static void run(struct signal_stream *s, const Sluice__V1__SignalRequest *q,
		const struct signal_method *method, ProtobufCMessage *m)
{
	struct signal_request *r = g_new(struct signal_request, 1);

	*r = (struct signal_request){s, q->id, method->answer};
	s->pending++;
	if (s->session == NULL)
		s->opening = r;
	if (q->request_case == SLUICE__V1__SIGNAL_REQUEST__REQUEST_RESUME) {
		keep_session(s, q->resume);
		watch(s);
	} else {
		rpc_call_inner(s->call, method->path, m, on_outcome, r);
	}
}

static void on_request(struct rpc_call *call, const ProtobufCMessage *message, void *data)
{
	struct signal_stream *s = data;
	const Sluice__V1__SignalRequest *q = (const void *)message;

	(void)call;
	if (q == NULL) {
		s->half_closed = true;
		settle(s);
		return;
	}
	const struct signal_method *method = method_of(q);
	if (s->over || !admit(s, q, method))
		return;
	ProtobufCMessage *m = (void *)q->join; // whichever it is
	if (s->session == NULL || fill_session(s, q, m))
		run(s, q, method, m);
}

static void on_cancel(struct rpc_call *call, void *data)
{
	struct signal_stream *s = data;

	s->call = NULL;
	rpc_call_finish(call); // only frees it
	if (s->watch != NULL)
		rpc_call_cancel(s->watch); // settles
	else
		settle(s);
}

void signal_stream_open(struct rpc_call *call, void *data)
{
	struct signal_stream *s = g_new0(struct signal_stream, 1);

	(void)data;
	s->call = call;
	rpc_call_on_request(call, on_request, s);
	rpc_call_on_cancel(call, on_cancel, s);
}
