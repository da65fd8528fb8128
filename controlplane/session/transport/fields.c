// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/fields.c - names, ids, addresses, keys and ICE of a request.

#include "controlplane/session/transport/fields.h"

#include "controlplane/dtls/srtp_keys.h"
#include "controlplane/session/change.h"
#include "controlplane/session/names.h"
#include "controlplane/session/node.h"

#include <gio/gio.h>
#include <string.h>

void field_wrong(struct rpc_call *call, const char *field, const char *value, const char *cure)
{
	rpc_call_fact(call, "field", "%s", field);
	rpc_call_fact(call, "value", "%s", value);
	rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_INVALID),
		      "%s: \"%.200s\" is not right: %s.", field, value, cure);
}

void field_not_applied(struct rpc_call *call, const struct link_result *result)
{
	if (result->kind != LINK_REFUSED || result->refusal != SHM_REFUSAL_DUPLICATE_SSRC) {
		change_fail(call, result);
		return;
	}
	rpc_call_fact(call, "value", "%s", link_result_text(result));
	rpc_call_fail(call, RPC_ALREADY_EXISTS, RPC_REASON(SSRC_EXISTS),
		      "Operation %u: %s: choose another.", result->op, link_result_text(result));
}

enum { TRANSPORT = 2, UNDER_TRANSPORT = 4 }; // parts of a name

// The parts of a name with so many, or NULL after failing the call.
static char **parts_of(struct rpc_call *call, const char *field, const char *name,
		       const char *collection)
{
	char **parts = g_strsplit(name, "/", UNDER_TRANSPORT + 1);
	guint wanted = collection != NULL ? UNDER_TRANSPORT : TRANSPORT;
	bool ok = g_strv_length(parts) == wanted && g_str_equal(parts[0], "transports") &&
		  name_id_ok(parts[1]);

	if (ok && collection != NULL)
		ok = g_str_equal(parts[2], collection) && name_id_ok(parts[3]);
	if (ok)
		return parts;
	g_strfreev(parts);
	rpc_call_fact(call, "field", "%s", field);
	rpc_call_fact(call, "value", "%s", name);
	rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(NAME_INVALID),
		      "%s: \"%.200s\" is not a name of the form transports/{transport}%s%s%s.",
		      field, name, collection != NULL ? "/" : "",
		      collection != NULL ? collection : "", collection != NULL ? "/{id}" : "");
	return NULL;
}

static void not_found(struct rpc_call *call, Sluice__V1__ErrorReason reason, const char *name)
{
	rpc_call_fact(call, "resource", "%s", name);
	rpc_call_fail(call, RPC_NOT_FOUND, reason, "There is no %s.", name);
}

struct transport *field_transport(struct node *n, struct rpc_call *call, const char *field,
				  const char *name)
{
	char **parts = parts_of(call, field, name, NULL);

	if (parts == NULL)
		return NULL;
	struct transport *t = transport_find(n, parts[1]);
	if (t == NULL)
		not_found(call, RPC_REASON(TRANSPORT_NOT_FOUND), name);
	g_strfreev(parts);
	return t;
}

struct producer *field_producer(struct node *n, struct rpc_call *call, const char *field,
				const char *name)
{
	char **parts = parts_of(call, field, name, "producers");

	if (parts == NULL)
		return NULL;
	struct transport *t = transport_find(n, parts[1]);
	struct producer *p = t != NULL ? g_hash_table_lookup(t->producers, parts[3]) : NULL;
	if (p == NULL)
		not_found(call, RPC_REASON(PRODUCER_NOT_FOUND), name);
	g_strfreev(parts);
	return p;
}

struct consumer *field_consumer(struct node *n, struct rpc_call *call, const char *field,
				const char *name)
{
	char **parts = parts_of(call, field, name, "consumers");

	if (parts == NULL)
		return NULL;
	struct transport *t = transport_find(n, parts[1]);
	struct consumer *c = t != NULL ? g_hash_table_lookup(t->consumers, parts[3]) : NULL;
	if (c == NULL)
		not_found(call, RPC_REASON(CONSUMER_NOT_FOUND), name);
	g_strfreev(parts);
	return c;
}

char *field_id(struct rpc_call *call, const char *field, const char *id)
{
	if (id[0] == '\0')
		return name_random(8);
	if (name_id_ok(id))
		return g_strdup(id);
	rpc_call_fact(call, "field", "%s", field);
	rpc_call_fact(call, "value", "%s", id);
	rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(ID_INVALID),
		      "%s: \"%.200s\" is not an id: 1 to 64 characters of A-Z, a-z, 0-9, _ and -.",
		      field, id);
	return NULL;
}

static bool unicast(GInetAddress *a)
{
	return !g_inet_address_get_is_any(a) && !g_inet_address_get_is_multicast(a) &&
	       !g_inet_address_get_is_loopback(a);
}

// False for what is no address and port that media may go to.
static bool address_parse(const char *text, struct rtc_addr *out)
{
	GSocketConnectable *parsed = g_network_address_parse(text, 0, NULL);
	struct sockaddr_storage native;

	if (parsed == NULL)
		return false;
	const char *host = g_network_address_get_hostname(G_NETWORK_ADDRESS(parsed));
	guint16 port = g_network_address_get_port(G_NETWORK_ADDRESS(parsed));
	GInetAddress *ip = g_inet_address_new_from_string(host);
	bool ok = ip != NULL && port != 0 && unicast(ip);
	if (ok) {
		GSocketAddress *a = g_inet_socket_address_new(ip, port);
		ok = g_socket_address_to_native(a, &native, sizeof(native), NULL) &&
		     node_addr_from(&native, port, out);
		g_object_unref(a);
	}
	g_clear_object(&ip);
	g_object_unref(parsed);
	return ok;
}

bool field_address(struct rpc_call *call, const char *field, const char *text, struct rtc_addr *out)
{
	if (address_parse(text, out))
		return true;
	rpc_call_fact(call, "field", "%s", field);
	rpc_call_fact(call, "value", "%s", text);
	rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(ADDRESS_INVALID),
		      "%s: \"%.200s\" is not an address media may go to: a unicast one with a "
		      "port, such as 192.0.2.7:50000 or [2001:db8::7]:50000.",
		      field, text);
	return false;
}

static bool key_ok(struct rpc_call *call, const char *field, const ProtobufCBinaryData *key,
		   size_t size)
{
	if (key->len == size)
		return true;
	rpc_call_fact(call, "field", "%s", field);
	rpc_call_fact(call, "limit", "%zu", size);
	rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(KEY_INVALID),
		      "%s: %zu bytes; the suite wants %zu: master key, then master salt.", field,
		      key->len, size);
	return false;
}

bool field_srtp(struct rpc_call *call, const Sluice__V1__SrtpParameters *m,
		struct shm_transport_config *out)
{
	static const struct {
		enum shm_suite suite;
		size_t bytes; // of key and salt
	} suites[] = {{SHM_SUITE_AES_CM_128_HMAC_SHA1_80, 30},
		      {SHM_SUITE_AEAD_AES_128_GCM, 28},
		      {SHM_SUITE_AEAD_AES_256_GCM, 44}};

	out->suite = SHM_SUITE_NONE;
	if (m == NULL)
		return true;
	for (size_t i = 0; i < G_N_ELEMENTS(suites); i++) {
		if (!g_str_equal(dtls_srtp_suite_name(suites[i].suite), m->suite))
			continue;
		if (!key_ok(call, "srtp.receive_key", &m->receive_key, suites[i].bytes) ||
		    !key_ok(call, "srtp.send_key", &m->send_key, suites[i].bytes))
			return false;
		if (memcmp(m->receive_key.data, m->send_key.data, suites[i].bytes) == 0) {
			rpc_call_fact(call, "field", "srtp.send_key");
			rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(KEY_INVALID),
				      "srtp.send_key: the same as receive_key: give each direction "
				      "a key of its own.");
			return false;
		}
		out->suite = (uint16_t)suites[i].suite;
		memcpy(out->receive_master, m->receive_key.data, suites[i].bytes);
		memcpy(out->send_master, m->send_key.data, suites[i].bytes);
		return true;
	}
	rpc_call_fact(call, "field", "srtp.suite");
	rpc_call_fact(call, "value", "%s", m->suite);
	rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(SUITE_UNSUPPORTED),
		      "srtp.suite: \"%.200s\" is not served: AES_CM_128_HMAC_SHA1_80, "
		      "AEAD_AES_128_GCM or AEAD_AES_256_GCM.",
		      m->suite);
	return false;
}

bool field_ice(struct rpc_call *call, const Sluice__V1__IceParameters *m,
	       struct ice_credentials *out)
{
	if (m == NULL) {
		rpc_call_fact(call, "field", "ice");
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_MISSING),
			      "ice: missing: give username_fragment and password of the peer.");
		return false;
	}
	if (ice_credentials_set(out, m->username_fragment, m->password) == 0)
		return true;
	field_wrong(call, "ice.username_fragment", m->username_fragment,
		    "4 to 256 ice-chars, with a password of 22 to 256");
	return false;
}

bool field_fingerprint(struct rpc_call *call, const Sluice__V1__DtlsParameters *m,
		       struct dtls_fingerprint *out)
{
	const char *text = m != NULL ? m->fingerprint : "";

	if (dtls_fingerprint_parse(text, out) == 0)
		return true;
	field_wrong(call, "dtls.fingerprint", text,
		    "a hash name and digits as in a=fingerprint, such as sha-256 AB:CD:...");
	return false;
}
