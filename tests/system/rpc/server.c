// SPDX-License-Identifier: Apache-2.0
// tests/system/rpc/server.c - the real API server over services that do what their request says.
//
// Path     grpc_test.py, http_test.py -> [server] -> controlplane/rpc
//
// room_id of CreateRoom: "fail..." fails, "later" answers from a timer, "hang" never answers,
// "binary" tells the values of the field test-bin in hexadecimal, anything else is answered with
// its name. WatchEvents: "count/N" streams N events, "flood" streams large ones until it is cut,
// "open" streams one and stays. GetRoom: participant_count says how many calls were cancelled so
// far. /echo/now gives a request's body back at once, /echo/hang never, any other path below /echo/
// after 20 ms; /echo/status answers DELETE with 204.
#include "controlplane/rpc/server.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/api/sluice/v1/room.pb-c.h"

static unsigned cancelled_count;
static GMainLoop *loop;

static void reply_room(struct rpc_call *call, char *name)
{
	Sluice__V1__Room room = SLUICE__V1__ROOM__INIT;

	room.name = name;
	room.participant_count = cancelled_count;
	rpc_call_reply(call, &room.base);
}

static void on_cancel(struct rpc_call *call, void *data)
{
	GSource *timer = data;

	cancelled_count++;
	if (timer != NULL)
		g_source_destroy(timer);
	rpc_call_finish(call);
}

static gboolean later(gpointer data)
{
	char name[] = "later";

	reply_room(data, name);
	return G_SOURCE_REMOVE;
}

static void fail_room(struct rpc_call *call, const char *id)
{
	rpc_call_fact(call, "value", "%s", id);
	rpc_call_fail(call, RPC_ALREADY_EXISTS, RPC_REASON(ROOM_EXISTS),
		      "room \"%s\" 100%% r\xc3\xa9"
		      "serv\xc3\xa9\n",
		      id);
}

static void reply_binary(struct rpc_call *call)
{
	GPtrArray *values = rpc_call_metadata_binary(call, "test-bin");
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < values->len; i++) {
		gsize size;
		const uint8_t *bytes = g_bytes_get_data(values->pdata[i], &size);

		g_string_append_c(text, '/');
		for (gsize k = 0; k < size; k++)
			g_string_append_printf(text, "%02x", bytes[k]);
	}
	reply_room(call, text->str);
	g_string_free(text, TRUE);
	g_ptr_array_unref(values);
}

static void create_room(struct rpc_call *call, void *data)
{
	const Sluice__V1__CreateRoomRequest *request = (const void *)rpc_call_request(call);

	(void)data;
	if (g_str_has_prefix(request->room_id, "fail"))
		fail_room(call, request->room_id);
	else if (strcmp(request->room_id, "later") == 0)
		g_timeout_add(20, later, call);
	else if (strcmp(request->room_id, "hang") == 0)
		rpc_call_on_cancel(call, on_cancel, NULL);
	else if (strcmp(request->room_id, "binary") == 0)
		reply_binary(call);
	else
		reply_room(call, request->room_id);
}

static void get_room(struct rpc_call *call, void *data)
{
	(void)data;
	reply_room(call, ((const Sluice__V1__GetRoomRequest *)rpc_call_request(call))->name);
}

static int send_event(struct rpc_call *call, uint64_t sequence, char *reason)
{
	Sluice__V1__Event event = SLUICE__V1__EVENT__INIT;

	event.sequence = sequence;
	event.reason = reason;
	return rpc_call_send(call, &event.base);
}

static void stream_flood(struct rpc_call *call)
{
	char *text = g_strnfill(100000, 'x');
	uint64_t sequence = 0;
	int err;

	rpc_call_on_cancel(call, on_cancel, NULL);
	while ((err = send_event(call, ++sequence, text)) == 0)
		;
	g_assert(err == -ENOBUFS);
	g_assert(send_event(call, ++sequence, text) == -ECANCELED);
	g_free(text);
}

static void watch_events(struct rpc_call *call, void *data)
{
	const Sluice__V1__WatchEventsRequest *request = (const void *)rpc_call_request(call);
	char none[] = "";

	(void)data;
	if (g_str_has_prefix(request->parent, "count/")) {
		for (uint64_t i = 0, n = g_ascii_strtoull(request->parent + 6, NULL, 10); i < n;
		     i++)
			send_event(call, i + 1, none);
		rpc_call_finish(call);
	} else if (strcmp(request->parent, "flood") == 0) {
		stream_flood(call);
	} else {
		send_event(call, 1, none);
		rpc_call_on_cancel(call, on_cancel, NULL);
	}
}

static const struct rpc_method methods[] = {
	{"CreateRoom", create_room},
	{"GetRoom", get_room},
	{"WatchEvents", watch_events},
};
static const struct rpc_service service = {
	"sluice.v1.RoomService",
	methods,
	G_N_ELEMENTS(methods),
	NULL,
};

// Holds its answer for 20 ms, and survives a client that does not wait.
struct late_echo {
	struct http_exchange *x;
	GSource *timer;
};

static void late_echo_closed(void *data, bool complete)
{
	struct late_echo *e = data;

	if (!complete)
		cancelled_count++;
	g_source_destroy(e->timer);
	g_source_unref(e->timer);
	g_free(e);
}

static gboolean late_echo_due(gpointer data)
{
	struct late_echo *e = data;

	http_reply(e->x, 200, NULL, 0, g_bytes_ref(e->x->body));
	return G_SOURCE_REMOVE;
}

static void echo(struct http_exchange *x, void *data)
{
	static const struct http_sink sink = {NULL, NULL, late_echo_closed};
	const struct http_field fields[] = {{"content-type", "text/plain"}, {"etag", "\"1\""}};
	struct late_echo *e;

	(void)data;
	if (g_str_has_suffix(x->path, "/now")) {
		http_reply(x, 201, fields, G_N_ELEMENTS(fields), g_bytes_ref(x->body));
		return;
	}
	e = g_new0(struct late_echo, 1);
	e->x = x;
	x->sink = &sink;
	x->sink_data = e;
	e->timer = g_timeout_source_new(g_str_has_suffix(x->path, "/hang") ? 600000 : 20);
	g_source_set_callback(e->timer, late_echo_due, e, NULL);
	g_source_attach(e->timer, NULL);
}

static void status_only(struct http_exchange *x, void *data)
{
	(void)data;
	http_reply(x, 204, NULL, 0, NULL);
}

static void register_routes(struct rpc_server *server)
{
	static const struct http_route routes[] = {
		{"/echo/", "GET, POST, PATCH", "etag", NULL, echo, NULL},
		{"/echo/status", "DELETE", NULL, NULL, status_only, NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(routes); i++)
		rpc_server_route(server, &routes[i]);
}

static void drained(void *data)
{
	(void)data;
	g_main_loop_quit(loop);
}

static gboolean drain(gpointer server)
{
	rpc_server_drain(server, 5000, drained, NULL);
	return G_SOURCE_CONTINUE;
}

// server LISTEN UNIX_SOCKET STATE_DIRECTORY WEB_DIRECTORY [ALLOWED_ORIGIN]
int main(int argc, char **argv)
{
	const char *listen[] = {argc > 1 ? argv[1] : NULL, NULL};
	const char *origins[] = {argc > 5 ? argv[5] : NULL, NULL};
	struct rpc_server_options options = {.listen = listen, .allowed_origins = origins};
	struct rpc_server *server;
	GError *error = NULL;

	if (argc < 5)
		return EXIT_FAILURE;
	options.unix_socket = argv[2];
	options.state_directory = argv[3];
	options.web_directory = argv[4];
	server = rpc_server_new(&options, &error);
	if (server != NULL) {
		rpc_server_register(server, &service);
		register_routes(server);
	}
	if (server == NULL || !rpc_server_start(server, &error)) {
		fprintf(stderr, "%s\n", error->message);
		return EXIT_FAILURE;
	}
	loop = g_main_loop_new(NULL, FALSE);
	g_unix_signal_add(SIGTERM, drain, server);
	printf("ready url=%s fingerprint=%s\n", rpc_server_url(server),
	       rpc_server_fingerprint(server));
	fflush(stdout);
	g_main_loop_run(loop);
	rpc_server_free(&server);
	g_main_loop_unref(loop);
	return EXIT_SUCCESS;
}
