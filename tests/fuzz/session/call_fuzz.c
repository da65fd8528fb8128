// SPDX-License-Identifier: Apache-2.0
// tests/fuzz/session/call_fuzz.c - any calls one after the other, from the unpacked request on: the
// gate, request_id and the real handlers of every service, with a dataplane that only acknowledges.
//
// Input    records: one byte says the method (its place in `paths`, modulo their number), one how
//          (enum how), two the message's length, low byte first; then the message.
// Secrets  a fuzzer guesses none: a session that names a participant and no secret gets the right
// one. After    each input everything is removed again, and nothing may be left.
#include <string.h>

#include "controlplane/auth/auth.h"
#include "controlplane/session/node.h"
#include "controlplane/session/room.h"
#include "controlplane/session/transport/transport.h"
#include "proto/api/sluice/v1/node.pb-c.h"
#include "proto/api/sluice/v1/signalling.pb-c.h"
#include "tests/fuzz/session/exchange.h"
#include "tests/unit/link/fake_dataplane.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum how {
	HOW_HOLD = 1, // the next call comes before the dataplane has acknowledged this one's change
	HOW_REFUSE = 2, // the dataplane refuses the first change after it
	HOW_HALF_CLOSE = 4, // of Signal: the last request of the stream
	HOW_GO = 8, // the client goes away at once
};
enum { RECORD_BYTES = 4, CALLS_MAX = 64, ROUNDS_MAX = 2000, WAIT_MS = 300 };

// The order is the inputs': add new ones at the end.
static const char *const paths[] = {
	"RoomService/CreateRoom",
	"RoomService/GetRoom",
	"RoomService/ListRooms",
	"RoomService/UpdateRoom",
	"RoomService/DeleteRoom",
	"RoomService/ListParticipants",
	"RoomService/GetParticipant",
	"RoomService/RemoveParticipant",
	"RoomService/GetTrack",
	"RoomService/SetTrackServerMuted",
	"RoomService/GetSubscription",
	"RoomService/ListSubscriptions",
	"RoomService/UpdateSubscription",
	"RoomService/WatchEvents",
	"SignallingService/Join",
	"SignallingService/Publish",
	"SignallingService/WatchSession",
	"SignallingService/AnswerSubscribe",
	"SignallingService/AddIceCandidates",
	"SignallingService/SetTrackMuted",
	"SignallingService/SetSubscription",
	"SignallingService/Leave",
	"SignallingService/Signal",
	"TransportService/CreateTransport",
	"TransportService/ConnectTransport",
	"TransportService/RestartIce",
	"TransportService/AddTransportCandidates",
	"TransportService/GetTransport",
	"TransportService/ListTransports",
	"TransportService/DeleteTransport",
	"TransportService/Produce",
	"TransportService/SetProducerPaused",
	"TransportService/GetProducer",
	"TransportService/ListProducers",
	"TransportService/DeleteProducer",
	"TransportService/Consume",
	"TransportService/SetConsumersPaused",
	"TransportService/GetConsumer",
	"TransportService/ListConsumers",
	"TransportService/DeleteConsumers",
	"NodeService/GetNode",
	"NodeService/GetStatistics",
	"NodeService/ListCores",
	"NodeService/ListInterfaces",
	"NodeService/DrainNode",
	"NodeService/UndrainNode",
	"StatisticsService/GetStatistics",
	"StatisticsService/WatchStatistics",
	"SignallingService/RestartSubscribeIce",
};

static struct {
	struct settings settings;
	struct fake_dataplane *fake;
	struct rpc_dispatch *dispatch;
	struct node *node;
	struct auth *auth;
	const struct api_method *methods[G_N_ELEMENTS(paths)];
	GPtrArray *calls; // struct exchange
	GHashTable *secrets; // participant -> secret
	bool refuse; // the next epoch
} server;

// The services are registered with the dispatcher alone: there is no server.
void __wrap_rpc_server_register(struct rpc_server *none, const struct rpc_service *service);
void __wrap_rpc_server_register(struct rpc_server *none, const struct rpc_service *service)
{
	(void)none;
	rpc_dispatch_register(server.dispatch, service);
}

void __wrap_rpc_server_set_gate(struct rpc_server *none, const struct rpc_gate *gate);
void __wrap_rpc_server_set_gate(struct rpc_server *none, const struct rpc_gate *gate)
{
	(void)none;
	rpc_dispatch_set_gate(server.dispatch, gate);
}

static void find_methods(void)
{
	unsigned ours = 0;

	for (size_t i = 0; i < api_method_count; i++) {
		const char *path = api_methods[i].path;
		if (!g_str_has_prefix(path, "/sluice.v1."))
			continue;
		ours++;
		for (size_t k = 0; k < G_N_ELEMENTS(paths); k++)
			if (g_str_equal(path + strlen("/sluice.v1."), paths[k]))
				server.methods[k] = &api_methods[i];
	}
	for (size_t k = 0; k < G_N_ELEMENTS(paths); k++)
		g_assert(server.methods[k] != NULL);
	g_assert(ours == G_N_ELEMENTS(paths)); // a new method is missing in `paths`
}

static bool is_attached(void *user)
{
	(void)user;
	return link_client_view(server.node->link) != NULL;
}

static void read_settings(void)
{
	const char *const flags[] = {"fuzz",
				     "--media-address=127.0.0.1",
				     "--auth=development",
				     "--log-level=error",
				     "--internal-port-range=20000-32000",
				     "--request-id-ttl-s=1"};
	char *argv[G_N_ELEMENTS(flags) + 1];
	char *text = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
		argv[i] = g_strdup(flags[i]);
	argv[G_N_ELEMENTS(flags)] = g_strdup_printf("--dataplane-socket=%s", server.fake->path);
	if (settings_read(&server.settings, G_N_ELEMENTS(argv), argv, &text) != CONFIG_GO_ON)
		g_error("%s", text);
	settings_open_log(&server.settings);
	g_free(text);
	for (size_t i = 0; i < G_N_ELEMENTS(argv); i++)
		g_free(argv[i]);
}

static void start(void)
{
	static const struct shm_limits_config limits = {
		.transports = 32, .tracks = 64, .subscriptions = 256, .workers = 1};
	const struct auth_options auth = {.development = true};

	server.fake = fake_dataplane_new(&limits);
	server.fake->view.header->internal_port_first = 20000;
	server.fake->view.header->internal_port_last = 32000;
	server.fake->view.header->plain_port_first = 33000;
	server.fake->view.header->plain_port_last = 33999;
	read_settings();
	server.calls = g_ptr_array_new();
	server.secrets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	server.dispatch = rpc_dispatch_new();
	server.auth = auth_new(&auth, NULL);
	server.node = node_new(&server.settings, NULL);
	g_assert(server.auth != NULL && server.node != NULL);
	node_register(server.node, NULL, server.auth);
	find_methods();
	g_assert(fake_dataplane_spin(is_attached, NULL));
}

// Acknowledges what waits in the command ring. False: there was nothing.
static bool acknowledge(void)
{
	struct shm_command begin, op;

	if (!fake_dataplane_pop(server.fake, &begin))
		return false;
	g_assert(begin.kind == SHM_COMMAND_BEGIN);
	for (uint32_t i = 0; i < begin.op_count; i++)
		g_assert(fake_dataplane_pop(server.fake, &op) && op.kind == SHM_COMMAND_OP);
	fake_dataplane_ack(server.fake, begin.epoch,
			   server.refuse ? SHM_REFUSAL_NO_MEMORY : SHM_REFUSAL_NONE, 0);
	server.refuse = false;
	return true;
}

static void remember_secret(const struct exchange *e)
{
	ProtobufCMessage *m = exchange_answer(e);

	if (m == NULL)
		return;
	const Sluice__V1__Session *s = ((Sluice__V1__JoinResponse *)m)->session;
	g_hash_table_insert(server.secrets, g_strdup(s->participant), g_strdup(s->secret));
	protobuf_c_message_free_unpacked(m, NULL);
}

static void sweep(void)
{
	for (guint i = server.calls->len; i-- > 0;) {
		struct exchange *e = server.calls->pdata[i];
		if (!e->over)
			continue;
		if (g_str_equal(e->method->name, "Join"))
			remember_secret(e);
		g_ptr_array_remove_index_fast(server.calls, i);
		exchange_free(e);
	}
}

// Until nothing moves any more.
static void settle(void)
{
	for (int i = 0; i < ROUNDS_MAX; i++) {
		bool moved = g_main_context_iteration(NULL, FALSE);

		moved = acknowledge() || moved;
		sweep();
		if (!moved)
			return;
	}
}

// What another thread is to finish: gathering, the end of an agent.
static void await(bool (*done)(void))
{
	gint64 end_us = g_get_monotonic_time() + WAIT_MS * 1000;

	for (settle(); !done() && g_get_monotonic_time() < end_us; settle())
		g_usleep(200);
}

static bool answered(void)
{
	for (guint i = 0; i < server.calls->len; i++)
		if (!((struct exchange *)server.calls->pdata[i])->method->server_streaming)
			return false;
	return true;
}

static void fill_secret(Sluice__V1__Session *s)
{
	const char *secret = s != NULL ? g_hash_table_lookup(server.secrets, s->participant) : NULL;

	if (secret != NULL && s->secret[0] == '\0')
		s->secret = strdup(secret); // protobuf-c frees it, by its own allocator
}

static Sluice__V1__Session *session_of(ProtobufCMessage *m)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(m->descriptor, "session");

	if (m->descriptor == &sluice__v1__signal_request__descriptor) {
		const Sluice__V1__SignalRequest *q = (const void *)m;
		bool resumes = q->request_case == SLUICE__V1__SIGNAL_REQUEST__REQUEST_RESUME;
		return resumes ? q->resume : NULL;
	}
	return f != NULL ? *(Sluice__V1__Session **)((char *)m + f->offset) : NULL;
}

static struct exchange *open_call(const struct api_method *method)
{
	// The requests of one Signal go on one stream.
	for (guint i = 0; method->client_streaming && i < server.calls->len; i++)
		if (((struct exchange *)server.calls->pdata[i])->method == method)
			return server.calls->pdata[i];
	struct exchange *e = exchange_new(server.dispatch, method);
	g_ptr_array_add(server.calls, e);
	return e;
}

static void call(const struct api_method *method, unsigned how, ProtobufCMessage *m)
{
	uint8_t *bytes = g_malloc(protobuf_c_message_get_packed_size(m) + 1);
	size_t size = protobuf_c_message_pack(m, bytes);
	bool last = !method->client_streaming || (how & HOW_HALF_CLOSE) != 0;

	struct exchange *e = open_call(method);
	if (!e->over && !e->x.request_done)
		exchange_send(e, bytes, size, last);
	e->x.request_done = e->x.request_done || last;
	g_free(bytes);
	if ((how & HOW_GO) != 0) {
		g_ptr_array_remove_fast(server.calls, e);
		exchange_free(e);
	}
}

// One record; gives what it took of the input.
static size_t record(const uint8_t *data, size_t size)
{
	const struct api_method *method = server.methods[data[0] % G_N_ELEMENTS(paths)];
	size_t bytes = MIN(data[2] + 256u * data[3], size - RECORD_BYTES);
	ProtobufCMessage *m =
		protobuf_c_message_unpack(method->request, NULL, bytes, data + RECORD_BYTES);

	if (m != NULL) {
		server.refuse = server.refuse || (data[1] & HOW_REFUSE) != 0;
		fill_secret(session_of(m));
		call(method, data[1], m);
		protobuf_c_message_free_unpacked(m, NULL);
		if ((data[1] & HOW_HOLD) == 0)
			await(answered);
	}
	return RECORD_BYTES + bytes;
}

static void undrain(void)
{
	Sluice__V1__UndrainNodeRequest q = SLUICE__V1__UNDRAIN_NODE_REQUEST__INIT;

	for (size_t k = 0; k < G_N_ELEMENTS(paths); k++)
		if (g_str_equal(server.methods[k]->name, "UndrainNode"))
			call(server.methods[k], 0, &q.base);
}

static bool is_empty(void)
{
	return server.calls->len == 0 && transports_count(server.node) == 0 &&
	       g_hash_table_size(server.node->rooms) == 0 &&
	       g_hash_table_size(server.node->transports) == 0;
}

static void remove_everything(void)
{
	Sluice__V1__DeleteRoomRequest room = SLUICE__V1__DELETE_ROOM_REQUEST__INIT;
	GList *transports = transports_list(server.node);
	GList *rooms = g_hash_table_get_values(server.node->rooms);

	for (const GList *i = transports; i != NULL; i = i->next)
		transport_delete(i->data, "removed");
	g_list_free(transports);
	for (const GList *i = rooms; i != NULL; i = i->next) {
		room.name = ((struct room *)i->data)->name;
		call(server.methods[4], 0, &room.base);
	}
	g_list_free(rooms);
	undrain();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (server.node == NULL)
		start();
	for (unsigned n = 0; size >= RECORD_BYTES && n < CALLS_MAX; n++) {
		size_t used = record(data, size);
		data += used;
		size -= used;
	}
	server.refuse = false;
	await(answered);
	while (server.calls->len > 0)
		exchange_free(g_ptr_array_steal_index_fast(server.calls, 0));
	settle();
	remove_everything();
	await(is_empty);
	g_assert(is_empty());
	g_hash_table_remove_all(server.secrets);
	return 0;
}
