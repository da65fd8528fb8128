// SPDX-License-Identifier: Apache-2.0
// controlplane/ops/settings.h - everything sluice-controlplane can be told, checked.
//
// Path     main.c -> [settings] -> the parts, each given what it needs
// Owns     its strings and lists. Constant after settings_read.
//
// A new key is one member here, one row in settings.c and one line in
// deploy/sluice-controlplane.conf.
#ifndef SLUICE_CONTROLPLANE_OPS_SETTINGS_H
#define SLUICE_CONTROLPLANE_OPS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/ops/config.h"

// Texts are NULL when empty, lists end with NULL.
struct settings {
	// [api]
	char **listen, **listen_plain;
	char *unix_socket;
	char *tls_certificate, *tls_key;
	char **certificate_names;
	char *web_directory;
	char **allowed_origins;
	unsigned max_connections;
	unsigned max_request_bytes;
	unsigned drain_seconds;
	char **metrics_listen;
	unsigned whip_rate_burst, whip_rate_per_s; // requests of one address
	unsigned counter_offer_timeout_ms;
	unsigned request_id_ttl_s;
	// [auth]
	char *auth; // "tokens" or "development"
	char *token_keys;
	char *token_audience;
	char **listen_mtls;
	char *client_ca;
	char **client_roles;
	char *unix_group;
	unsigned quota_rooms, quota_participants, quota_bitrate_kbps; // of a tenant; 0: none
	// [media]
	char *dataplane_socket;
	char **media_address;
	unsigned media_port;
	char *announce_address;
	char **ice_servers;
	char *internal_port_range;
	char *ice; // "lite" or "full"
	// [node]
	char *state_directory;
	char *log_level;
	char *log_format;
	char *log_addresses; // "shown" or "redacted"
	// made of the above
	uint16_t internal_port_first, internal_port_last; // both included
	bool ice_full;
};

enum config_result settings_read(struct settings *settings, int argc, char *const *argv,
				 char **text);
void settings_clear(struct settings *settings);

// Sets up controlplane/ops/log by log_level and log_format.
void settings_open_log(const struct settings *settings);

#endif
