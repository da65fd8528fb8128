// SPDX-License-Identifier: Apache-2.0
// controlplane/ops/settings.c - see settings.h.
#include "controlplane/ops/settings.h"

#include <gio/gio.h>
#include <string.h>

#include "controlplane/ops/log.h"

static bool settings_is_absolute(const char *value)
{
	return g_path_is_absolute(value);
}

static bool settings_is_address(const char *value)
{
	return g_hostname_is_ip_address(value);
}

static bool settings_is_address_port(const char *value)
{
	const char *colon = strrchr(value, ':');
	char *host;
	bool ok;

	if (colon == NULL || !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, NULL, NULL))
		return false;
	host = g_strndup(value, (gsize)(colon - value));
	if (host[0] == '[')
		ok = g_str_has_suffix(host, "]") && strchr(host, ':') != NULL &&
		     (host[strlen(host) - 1] = '\0', g_hostname_is_ip_address(host + 1));
	else
		ok = strchr(host, ':') == NULL && g_hostname_is_ip_address(host);
	g_free(host);
	return ok;
}

static bool settings_is_loopback_port(const char *value)
{
	return settings_is_address_port(value) &&
	       (g_str_has_prefix(value, "127.") || g_str_has_prefix(value, "[::1]:"));
}

static bool settings_is_origin(const char *value)
{
	GUri *uri;
	bool ok;

	if (g_str_equal(value, "*"))
		return true;
	uri = g_uri_parse(value, G_URI_FLAGS_NONE, NULL);
	ok = uri != NULL && g_uri_get_host(uri) != NULL && g_uri_get_path(uri)[0] == '\0' &&
	     (g_str_equal(g_uri_get_scheme(uri), "https") ||
	      g_str_equal(g_uri_get_scheme(uri), "http"));
	if (uri != NULL)
		g_uri_unref(uri);
	return ok;
}

static bool settings_is_name(const char *value)
{
	return g_hostname_is_ip_address(value) ||
	       strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") ==
		       strlen(value);
}

static bool settings_parse_range(const char *value, uint16_t *first, uint16_t *last)
{
	char **ends = g_strsplit(value, "-", 2);
	guint64 low, high;
	bool ok = g_strv_length(ends) == 2 &&
		  g_ascii_string_to_unsigned(ends[0], 10, 1024, 65535, &low, NULL) &&
		  g_ascii_string_to_unsigned(ends[1], 10, 1024, 65535, &high, NULL) && low <= high;

	g_strfreev(ends);
	if (ok) {
		*first = (uint16_t)low;
		*last = (uint16_t)high;
	}
	return ok;
}

static bool settings_is_range(const char *value)
{
	uint16_t first, last;

	return settings_parse_range(value, &first, &last);
}

// "stun:host", or "turn:host user password". It ends up in a header field.
static bool settings_is_ice_server(const char *value)
{
	char **words = g_strsplit(value, " ", -1);
	guint count = g_strv_length(words);
	bool stun = g_str_has_prefix(value, "stun:") || g_str_has_prefix(value, "stuns:");
	bool turn = g_str_has_prefix(value, "turn:") || g_str_has_prefix(value, "turns:");
	bool ok = ((stun && count == 1) || (turn && count == 3)) && g_str_is_ascii(value) &&
		  strpbrk(value, "<>\"\\\t\r\n") == NULL;

	for (char **word = words; *word != NULL; word++)
		ok = ok && (*word)[0] != '\0';
	g_strfreev(words);
	return ok;
}

static bool settings_is_ice(const char *value)
{
	return g_str_equal(value, "lite") || g_str_equal(value, "full");
}

static int settings_level(const char *value)
{
	static const char *const levels[] = {"debug", "info", "warning", "error", NULL};

	for (int i = 0; levels[i] != NULL; i++)
		if (g_str_equal(levels[i], value))
			return i;
	return -1;
}

static bool settings_is_level(const char *value)
{
	return settings_level(value) >= 0;
}

static bool settings_is_format(const char *value)
{
	return g_str_equal(value, "text") || g_str_equal(value, "json");
}

static bool settings_is_addresses(const char *value)
{
	return g_str_equal(value, "shown") || g_str_equal(value, "redacted");
}

static bool settings_is_auth(const char *value)
{
	return g_str_equal(value, "tokens") || g_str_equal(value, "development");
}

// A URI may hold "=" itself, so the last one counts.
static bool settings_is_role(const char *value)
{
	const char *equals = strrchr(value, '=');

	return equals != NULL && equals != value &&
	       (g_str_equal(equals, "=administer") || g_str_equal(equals, "=observe") ||
		(g_str_has_prefix(equals, "=administer@") && equals[strlen("=administer@")] != 0) ||
		(g_str_has_prefix(equals, "=observe@") && equals[strlen("=observe@")] != 0));
}

// Nothing that JSON would write otherwise.
static bool settings_is_audience(const char *value)
{
	return strspn(value,
		      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:/") ==
	       strlen(value);
}

#define ROW(section, kind, name) section, #name, CONFIG_##kind, offsetof(struct settings, name)
static const struct config_row settings_rows[] = {
	{ROW("api", LIST, listen), "0.0.0.0:8443, [::]:8443", settings_is_address_port,
	 "ADDRESS:PORT, such as 192.0.2.1:8443 or [2001:db8::1]:8443"},
	{ROW("api", LIST, listen_plain), "", settings_is_address_port,
	 "ADDRESS:PORT, such as 127.0.0.1:8080"},
	{ROW("api", TEXT, unix_socket), "", settings_is_absolute, "an absolute path"},
	{ROW("api", TEXT, tls_certificate), "", NULL, "the path of a PEM certificate chain"},
	{ROW("api", TEXT, tls_key), "", NULL, "the path of a PEM key"},
	{ROW("api", LIST, certificate_names), "", settings_is_name, "a host name or an address"},
	{ROW("api", TEXT, web_directory), "", NULL, "the directory of the built page"},
	{ROW("api", LIST, allowed_origins), "", settings_is_origin,
	 "an origin such as https://app.example.org, or *"},
	{ROW("api", NUMBER, max_connections), "1024", NULL, NULL, 1, 65536},
	{ROW("api", NUMBER, max_request_bytes), "1048576", NULL, NULL, 65536, 64 << 20},
	{ROW("api", NUMBER, drain_seconds), "10", NULL, NULL, 0, 3600},
	{ROW("api", LIST, metrics_listen), "", settings_is_loopback_port,
	 "a loopback ADDRESS:PORT, such as 127.0.0.1:9464 or [::1]:9464"},
	{ROW("api", NUMBER, whip_rate_burst), "200", NULL, NULL, 1, 1000000},
	{ROW("api", NUMBER, whip_rate_per_s), "50", NULL, NULL, 1, 1000000},
	{ROW("api", NUMBER, counter_offer_timeout_ms), "30000", NULL, NULL, 100, 600000},
	{ROW("api", NUMBER, request_id_ttl_s), "600", NULL, NULL, 1, 3600},
	{ROW("auth", TEXT, auth), "tokens", settings_is_auth, "tokens or development"},
	{ROW("auth", TEXT, token_keys), "", NULL, "the path of a file of keys"},
	{ROW("auth", TEXT, token_audience), "sluice", settings_is_audience,
	 "letters, digits and -._:/"},
	{ROW("auth", LIST, listen_mtls), "", settings_is_address_port,
	 "ADDRESS:PORT, such as 192.0.2.1:8444 or [2001:db8::1]:8444"},
	{ROW("auth", TEXT, client_ca), "", NULL, "the path of a PEM file of certificates"},
	{ROW("auth", LIST, client_roles), "", settings_is_role,
	 "SAN=ROLE or SAN=ROLE@TENANT, ROLE administer or observe"},
	{ROW("auth", TEXT, unix_group), "", NULL, "the name of a group of this host"},
	{ROW("auth", NUMBER, quota_rooms), "0", NULL, NULL, 0, 1000000},
	{ROW("auth", NUMBER, quota_participants), "0", NULL, NULL, 0, 1000000},
	{ROW("auth", NUMBER, quota_bitrate_kbps), "0", NULL, NULL, 0, 2000000000},
	{ROW("media", TEXT, dataplane_socket), "/run/sluice/dataplane.sock", NULL,
	 "the path of sluice-dataplane's socket"},
	{ROW("media", LIST, media_address), "", settings_is_address,
	 "an IP address of the kernel port, such as 192.0.2.1"},
	{ROW("media", NUMBER, media_port), "3478", NULL, NULL, 1, 65535},
	{ROW("media", TEXT, announce_address), "", settings_is_address,
	 "the public IP address of a 1:1 NAT, such as 203.0.113.1"},
	{ROW("media", LIST, ice_servers), "", settings_is_ice_server,
	 "stun:HOST, or turn:HOST USER PASSWORD"},
	{ROW("media", TEXT, internal_port_range), "40000-48191", settings_is_range,
	 "FIRST-LAST, both from 1024 to 65535"},
	{ROW("media", TEXT, ice), "lite", settings_is_ice, "lite or full"},
	{ROW("node", TEXT, state_directory), "/var/lib/sluice", NULL,
	 "a directory that may be written to"},
	{ROW("node", TEXT, log_level), "info", settings_is_level, "debug, info, warning or error"},
	{ROW("node", TEXT, log_addresses), "shown", settings_is_addresses, "shown or redacted"},
	{ROW("node", TEXT, log_format), "text", settings_is_format, "text or json"},
};
#undef ROW

static char *settings_check_auth(const struct settings *s)
{
	bool tokens = g_strcmp0(s->auth, "tokens") == 0;

	if (s->auth == NULL || s->token_audience == NULL)
		return g_strdup("auth and token_audience must not be empty");
	if (tokens && s->token_keys == NULL && (s->listen[0] != NULL || s->listen_plain[0] != NULL))
		return g_strdup("token_keys: \"\" is not right: whoever calls must show a token "
				"verified by a key of this file; auth = development does without");
	if (s->listen_mtls[0] != NULL && (s->client_ca == NULL || s->client_roles[0] == NULL))
		return g_strdup_printf("%s: \"\" is not right: listen_mtls needs client_ca and "
				       "client_roles",
				       s->client_ca == NULL ? "client_ca" : "client_roles");
	return NULL;
}

static char *settings_cross_check(const struct settings *s)
{
	if ((s->tls_certificate == NULL) != (s->tls_key == NULL))
		return g_strdup_printf(
			"%s: \"\" is not right: tls_certificate and tls_key are given together, or "
			"neither",
			s->tls_key == NULL ? "tls_key" : "tls_certificate");
	if (s->listen[0] == NULL && s->unix_socket == NULL)
		return g_strdup("listen: \"\" is not right: give an address here or a unix_socket");
	if (s->state_directory == NULL || s->internal_port_range == NULL || s->ice == NULL ||
	    s->log_level == NULL || s->log_format == NULL || s->log_addresses == NULL ||
	    s->dataplane_socket == NULL)
		return g_strdup("dataplane_socket, internal_port_range, ice, state_directory, "
				"log_level, log_format and log_addresses must not be empty");
	if (s->media_port >= s->internal_port_first && s->media_port <= s->internal_port_last)
		return g_strdup_printf("media_port: \"%u\" is not right: it must lie outside "
				       "internal_port_range, %s",
				       s->media_port, s->internal_port_range);
	return NULL;
}

enum config_result settings_read(struct settings *s, int argc, char *const *argv, char **text)
{
	enum config_result result;

	*s = (struct settings){0};
	result = config_read(settings_rows, G_N_ELEMENTS(settings_rows), s, argc, argv, text);
	if (result != CONFIG_GO_ON)
		return result;
	if (s->internal_port_range != NULL)
		settings_parse_range(s->internal_port_range, &s->internal_port_first,
				     &s->internal_port_last);
	s->ice_full = g_strcmp0(s->ice, "full") == 0;
	*text = settings_cross_check(s);
	if (*text == NULL)
		*text = settings_check_auth(s);
	return *text == NULL ? CONFIG_GO_ON : CONFIG_WRONG;
}

void settings_clear(struct settings *s)
{
	config_clear(settings_rows, G_N_ELEMENTS(settings_rows), s);
}

void settings_open_log(const struct settings *s)
{
	const struct log_options options = {
		.threshold = (enum log_level)settings_level(s->log_level),
		.json = g_str_equal(s->log_format, "json"),
		.redact_addresses = g_str_equal(s->log_addresses, "redacted"),
	};

	log_open(&options);
}
