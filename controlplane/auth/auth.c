// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/auth.c - identifying and permitting. Contract in auth.h.
#include "controlplane/auth/auth.h"

#include <gio/gio.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/auth/refusal_counts.h"
#include "controlplane/auth/revoked.h"
#include "controlplane/auth/roles.h"
#include "controlplane/auth/token.h"
#include "controlplane/rpc/peer.h"

static const char bearer[] = "bearer ";

struct auth {
	bool development;
	struct token_keys *keys; // NULL: no token is of use
	char *audience;
	struct roles *roles;
	gid_t unix_group; // (gid_t)-1: none
	struct revoked *revoked;
	struct refusal_counts refusals;
	auth_tenant_fn tenant_of;
	void *tenant_user;
	rpc_gate_fn next;
	void *next_data;
};

static bool group_find(struct auth *a, const char *name, GError **error)
{
	const struct group *g = name != NULL ? getgrnam(name) : NULL;

	a->unix_group = g != NULL ? g->gr_gid : (gid_t)-1;
	if (name == NULL || g != NULL)
		return true;
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
		    "unix_group: \"%s\" is no group of this host", name);
	return false;
}

struct auth *auth_new(const struct auth_options *o, GError **error)
{
	struct auth *a = g_new0(struct auth, 1);

	a->development = o->development;
	a->audience = g_strdup(o->token_audience);
	a->roles = roles_new(o->roles);
	a->revoked = revoked_new();
	if (o->token_keys != NULL)
		a->keys = token_keys_load(o->token_keys, error);
	if ((o->token_keys != NULL && a->keys == NULL) || !group_find(a, o->unix_group, error))
		auth_free(&a);
	return a;
}

void auth_free(struct auth **where)
{
	struct auth *a = *where;

	*where = NULL;
	if (a == NULL)
		return;
	token_keys_free(&a->keys);
	roles_free(&a->roles);
	revoked_free(&a->revoked);
	g_free(a->audience);
	g_free(a);
}

void auth_set_tenants(struct auth *a, auth_tenant_fn tenant_of, void *user)
{
	a->tenant_of = tenant_of;
	a->tenant_user = user;
}

void auth_set_next(struct auth *a, rpc_gate_fn next, void *data)
{
	a->next = next;
	a->next_data = data;
}

void auth_collect(struct metrics_page *page, void *data)
{
	refusal_counts_collect(page, &((const struct auth *)data)->refusals);
}

void auth_revoke(struct auth *a, uint64_t token, int64_t expires_s)
{
	if (token != 0)
		revoked_add(a->revoked, token, expires_s + TOKEN_LEEWAY_S);
}

static int64_t now_s(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

void auth_attach(struct auth *a, struct shm_revoked *mapped)
{
	revoked_attach(a->revoked, mapped, now_s());
}

static bool counts_still(struct auth *a, const struct caller *caller, struct auth_refusal *why)
{
	if (!revoked_has(a->revoked, caller->token, now_s()))
		return true;
	auth_refuse(why, RPC_UNAUTHENTICATED, RPC_REASON(TOKEN_REVOKED),
		    "the token's participant has been removed");
	return false;
}

static struct caller *by_token(struct auth *a, const char *authorization, struct auth_refusal *why)
{
	if (g_ascii_strncasecmp(authorization, bearer, strlen(bearer)) != 0)
		return auth_refuse(why, RPC_UNAUTHENTICATED, RPC_REASON(TOKEN_MISSING),
				   "authorization is not \"Bearer\" and a token");
	struct caller *caller =
		token_verify(a->keys, a->audience, authorization + strlen(bearer), now_s(), why);
	if (caller == NULL || counts_still(a, caller, why))
		return caller;
	caller_drop(caller);
	return NULL;
}

// The socket's mode lets nobody else in either; this also tells who it was.
static struct caller *by_peer(const struct auth *a, const struct http_peer *from,
			      struct auth_refusal *why)
{
	char subject[32];

	g_snprintf(subject, sizeof(subject), "uid:%u", (unsigned)from->uid);
	if (from->uid == 0 || from->uid == geteuid() ||
	    (a->unix_group != (gid_t)-1 && http_peer_in_group(from, a->unix_group)))
		return caller_new(CALLER_PEER, GRANT_ADMINISTER, subject, "", "*");
	return auth_refuse(why, RPC_PERMISSION_DENIED, RPC_REASON(PEER_DENIED),
			   "user %u may not use this socket: unix_group names those who may",
			   (unsigned)from->uid);
}

static struct caller *by_certificate(const struct auth *a, const struct http_peer *from,
				     struct auth_refusal *why)
{
	struct caller *caller = roles_find(a->roles, from->names);

	if (caller == NULL)
		return auth_refuse(why, RPC_PERMISSION_DENIED, RPC_REASON(CERTIFICATE_ROLE_MISSING),
				   "no name of the client certificate has a role: client_roles "
				   "gives them");
	return caller;
}

struct caller *auth_identify(struct auth *a, const struct http_peer *from,
			     const char *authorization, struct auth_refusal *why)
{
	if (from->kind == HTTP_PEER_CERTIFICATE && from->names == NULL)
		return auth_refuse(why, RPC_UNAUTHENTICATED, RPC_REASON(CERTIFICATE_MISSING),
				   "this listener wants a client certificate");
	if (authorization != NULL && a->keys != NULL)
		return by_token(a, authorization, why);
	if (a->development)
		return caller_new(CALLER_DEVELOPMENT, GRANT_ADMINISTER, "development", "", "*");
	switch (from->kind) {
	case HTTP_PEER_UNIX:
		return by_peer(a, from, why);
	case HTTP_PEER_CERTIFICATE:
		return by_certificate(a, from, why);
	case HTTP_PEER_TCP:
		break;
	}
	return auth_refuse(why, RPC_UNAUTHENTICATED, RPC_REASON(TOKEN_MISSING),
			   "this server wants a bearer token in authorization");
}

static unsigned grants_of(enum auth_need need)
{
	switch (need) {
	case NEED_LISTING:
	case NEED_NODE_OBSERVE:
	case NEED_ROOM_OBSERVE:
		return GRANT_OBSERVE;
	case NEED_NODE_ADMINISTER:
	case NEED_ROOM_ADMINISTER:
		return GRANT_ADMINISTER;
	case NEED_PUBLISH:
		return GRANT_PUBLISH;
	case NEED_SUBSCRIBE:
		return GRANT_SUBSCRIBE;
	case NEED_NOTHING:
	case NEED_IDENTITY:
	case NEED_JOIN:
	case NEED_ROOM_MEMBER:
		break;
	}
	return 0;
}

static bool grant_missing(struct auth_refusal *why, const char *grant)
{
	auth_refuse(why, RPC_PERMISSION_DENIED, RPC_REASON(GRANT_MISSING),
		    "this needs the grant %s, which the caller has not", grant);
	why->grant = grant;
	return false;
}

// With an empty room id a need of a room is one of the node.
static bool of_node(enum auth_need need, const char *room_id)
{
	return need == NEED_NODE_OBSERVE || need == NEED_NODE_ADMINISTER ||
	       ((need == NEED_ROOM_OBSERVE || need == NEED_ROOM_MEMBER) &&
		(room_id == NULL || room_id[0] == '\0'));
}

static bool is_member(const struct caller *c)
{
	return caller_holds(c, GRANT_PUBLISH) || caller_holds(c, GRANT_SUBSCRIBE);
}

static bool holds(const struct caller *c, enum auth_need need, struct auth_refusal *why)
{
	static const char *const names[] = {
		[GRANT_PUBLISH] = "publish",
		[GRANT_SUBSCRIBE] = "subscribe",
		[GRANT_OBSERVE] = "observe",
		[GRANT_ADMINISTER] = "administer",
	};

	if (need == NEED_JOIN)
		return is_member(c) || grant_missing(why, "publish or subscribe");
	if (need == NEED_ROOM_MEMBER)
		return is_member(c) || caller_holds(c, GRANT_OBSERVE) ||
		       grant_missing(why, "observe");
	if (caller_holds(c, grants_of(need)))
		return true;
	return grant_missing(why, names[grants_of(need)]);
}

static bool room_wrong(struct auth_refusal *why)
{
	auth_refuse(why, RPC_PERMISSION_DENIED, RPC_REASON(TOKEN_ROOM_WRONG),
		    "the caller's grants are for other rooms");
	return false;
}

bool auth_permits(struct auth *a, const struct caller *c, enum auth_need need, const char *room_id,
		  struct auth_refusal *why)
{
	if (need == NEED_NOTHING || need == NEED_IDENTITY)
		return true;
	bool node = of_node(need, room_id);
	if (!holds(c, node && need == NEED_ROOM_MEMBER ? NEED_NODE_OBSERVE : need, why))
		return false;
	if (need == NEED_LISTING)
		return true;
	if (node)
		return (g_str_equal(c->rooms, "*") && c->tenant[0] == '\0') || room_wrong(why);
	if (!caller_reaches(c, room_id))
		return room_wrong(why);
	const char *tenant = a->tenant_of != NULL ? a->tenant_of(a->tenant_user, room_id) : NULL;
	return tenant == NULL || caller_speaks_for(c, tenant) || room_wrong(why);
}

static bool refuse_call(struct auth *a, struct rpc_call *call, const struct auth_refusal *why)
{
	refusal_counts_add(&a->refusals, why, rpc_call_peer(call), rpc_call_path(call));
	if (why->grant != NULL)
		rpc_call_fact(call, "value", "%s", why->grant);
	rpc_call_fail(call, why->code, why->reason, "%s", why->text);
	return false;
}

bool auth_head(struct rpc_call *call, void *data)
{
	struct auth *a = data;
	const struct auth_method *method = auth_method_find(rpc_call_path(call));
	struct auth_refusal why;

	if (method->need == NEED_NOTHING)
		return true;
	struct caller *caller = auth_identify(a, rpc_call_from(call),
					      rpc_call_metadata(call, "authorization"), &why);
	bool ok = caller != NULL &&
		  (method->field != NULL || auth_permits(a, caller, method->need, NULL, &why));
	if (caller != NULL)
		rpc_call_attach(call, caller, caller_drop);
	return ok || refuse_call(a, call, &why);
}

// What a call inside another one is asked for is who began the outer.
bool auth_gate(struct rpc_call *call, void *data)
{
	struct auth *a = data;
	const struct auth_method *method = auth_method_find(rpc_call_path(call));
	const struct caller *caller = rpc_call_caller(call);
	const ProtobufCMessage *request = rpc_call_request(call);
	bool outer = rpc_call_from(call) != NULL;
	struct auth_refusal why;

	if (method->need == NEED_NOTHING)
		return true;
	char *room_id = method->field != NULL && request != NULL
				? auth_room_id(auth_field(request, method->field))
				: NULL;
	bool ok = (!outer || counts_still(a, caller, &why)) && // it may have taken its time
		  auth_permits(a, caller, method->need, room_id, &why);
	g_free(room_id);
	if (ok)
		return a->next == NULL || a->next(call, a->next_data);
	return refuse_call(a, call, &why);
}

static void answer_refusal(struct http_exchange *x, const struct auth_refusal *why)
{
	bool missing = why->reason == RPC_REASON(TOKEN_MISSING);
	char *challenge =
		g_strdup_printf("Bearer realm=\"sluice\"%s%s%s",
				missing ? "" : ", error=\"invalid_token\", error_description=\"",
				missing ? "" : why->text, missing ? "" : "\"");
	const struct http_field fields[] = {
		{"content-type", "text/plain; charset=utf-8"},
		{"www-authenticate", challenge},
	};
	bool unknown = why->code == RPC_UNAUTHENTICATED;
	char *body = g_strdup_printf("%s\n", why->text);

	g_strdelimit(challenge + strlen("Bearer realm=\"sluice\""), "\\", '/');
	http_reply(x, unknown ? 401 : 403, fields, unknown ? 2 : 1,
		   g_bytes_new_take(body, strlen(body)));
	g_free(challenge);
}

struct caller *auth_exchange(struct auth *a, struct http_exchange *x, enum auth_need need,
			     const char *room_id)
{
	struct auth_refusal why;
	struct caller *caller = auth_identify(a, x->from, http_field_get(x, "authorization"), &why);

	if (caller != NULL && auth_permits(a, caller, need, room_id, &why))
		return caller;
	caller_drop(caller);
	// Never its path: that of a session is a secret.
	refusal_counts_add(&a->refusals, &why, x->from->text, x->method);
	answer_refusal(x, &why);
	return NULL;
}

bool auth_permits_metrics(struct http_exchange *x, void *data)
{
	struct caller *caller = auth_exchange(data, x, NEED_NODE_OBSERVE, NULL);

	caller_drop(caller);
	return caller != NULL;
}
