// SPDX-License-Identifier: Apache-2.0
// controlplane/main.c - sluice-controlplane: settings -> API server -> main loop -> drain.
//
// Thread   one GMainContext for API and rooms.
// Exit     0 after a drain; 1 if something could not be had; 2 for a wrong setting, before anything
//          has been started.
#include <glib-unix.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "controlplane/auth/auth.h"
#include "controlplane/ops/log.h"
#include "controlplane/ops/process_metrics.h"
#include "controlplane/ops/settings.h"
#include "controlplane/rpc/metrics_route.h"
#include "controlplane/rpc/server.h"
#include "controlplane/session/node.h"
#include "controlplane/whip/whip.h"

enum { EXIT_SETTING = 2 };

struct controlplane {
	struct settings settings;
	GMainLoop *loop;
	struct rpc_server *server;
	struct auth *auth;
	struct node *node;
	struct whip_server *whip;
	struct metrics *metrics;
	struct metrics_route metrics_route;
};

static void controlplane_drained(void *data)
{
	g_main_loop_quit(((struct controlplane *)data)->loop);
}

static gboolean controlplane_signal(gpointer data)
{
	struct controlplane *c = data;

	log_info("main", "shutting down: running calls have %u s", c->settings.drain_seconds);
	rpc_server_drain(c->server, c->settings.drain_seconds * 1000, controlplane_drained, c);
	return G_SOURCE_CONTINUE;
}

static void controlplane_add_metrics(struct controlplane *c)
{
	c->metrics = metrics_new();
	metrics_add_collector(c->metrics, rpc_server_collect, c->server);
	metrics_add_collector(c->metrics, auth_collect, c->auth);
	metrics_add_collector(c->metrics, whip_server_collect, c->whip);
	node_add_metrics(c->node, c->metrics);
	metrics_add_collector(c->metrics, log_collect, NULL);
	metrics_add_collector(c->metrics, process_metrics_collect, NULL);
	c->metrics_route = (struct metrics_route){c->metrics, auth_permits_metrics, c->auth};
	metrics_route_register(&c->metrics_route, c->server);
}

static bool controlplane_start(struct controlplane *c, GError **error)
{
	const struct settings *s = &c->settings;
	const struct rpc_server_options options = {
		.listen = (const char *const *)s->listen,
		.listen_plain = (const char *const *)s->listen_plain,
		.listen_metrics = (const char *const *)s->metrics_listen,
		.listen_mtls = (const char *const *)s->listen_mtls,
		.client_ca = s->client_ca,
		.unix_socket = s->unix_socket,
		.tls_certificate = s->tls_certificate,
		.tls_key = s->tls_key,
		.state_directory = s->state_directory,
		.names = (const char *const *)s->certificate_names,
		.web_directory = s->web_directory,
		.allowed_origins = (const char *const *)s->allowed_origins,
		.max_connections = s->max_connections,
		.max_request_bytes = s->max_request_bytes,
	};

	const struct auth_options auth = {
		.development = g_str_equal(s->auth, "development"),
		.token_keys = s->token_keys,
		.token_audience = s->token_audience,
		.roles = (const char *const *)s->client_roles,
		.unix_group = s->unix_group,
	};

	c->auth = auth_new(&auth, error);
	if (c->auth == NULL)
		return false;
	if (auth.development)
		log_warning("main", "auth = development: everybody who reaches the API may do "
				    "everything");
	c->server = rpc_server_new(&options, error);
	if (c->server == NULL)
		return false;
	c->node = node_new(s, error);
	if (c->node == NULL)
		return false;
	node_register(c->node, c->server, c->auth);
	c->whip = whip_server_new(c->node, c->server, c->auth);
	controlplane_add_metrics(c);
	return rpc_server_start(c->server, error);
}

static void controlplane_say_ready(const struct controlplane *c)
{
	const char *url = rpc_server_url(c->server);
	const char *fingerprint = rpc_server_fingerprint(c->server);

	printf("ready url=%s fingerprint=%s\n", url != NULL ? url : "none",
	       fingerprint != NULL ? fingerprint : "none");
	fflush(stdout);
}

static int controlplane_run(struct controlplane *c)
{
	GError *error = NULL;

	if (!controlplane_start(c, &error)) {
		log_error("main", "%s", error->message);
		g_error_free(error);
		rpc_server_free(&c->server);
		metrics_free(&c->metrics);
		auth_free(&c->auth);
		return EXIT_FAILURE;
	}
	c->loop = g_main_loop_new(NULL, FALSE);
	g_unix_signal_add(SIGTERM, controlplane_signal, c);
	g_unix_signal_add(SIGINT, controlplane_signal, c);
	g_unix_signal_add(SIGHUP, controlplane_signal, c);
	controlplane_say_ready(c);
	g_main_loop_run(c->loop);
	node_leave(c->node);
	rpc_server_free(&c->server);
	metrics_free(&c->metrics);
	whip_server_free(&c->whip);
	auth_free(&c->auth);
	g_main_loop_unref(c->loop);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct controlplane c = {0};
	int status = EXIT_SUCCESS;
	char *text;

	// Session keys and passwords lie in this memory: it goes into no core dump.
	prctl(PR_SET_DUMPABLE, 0);
	switch (settings_read(&c.settings, argc, argv, &text)) {
	case CONFIG_GO_ON:
		settings_open_log(&c.settings);
		status = controlplane_run(&c);
		break;
	case CONFIG_SHOWN:
		fputs(text, stdout);
		break;
	case CONFIG_WRONG:
		fprintf(stderr, "sluice-controlplane: %s\n", text);
		status = EXIT_SETTING;
		break;
	}
	g_free(text);
	settings_clear(&c.settings);
	return status;
}
