// SPDX-License-Identifier: Apache-2.0
// controlplane/session/repeats.c - keys, calls under way and kept answers, oldest first.

#include "controlplane/session/repeats.h"

#include "controlplane/auth/caller.h"
#include "controlplane/session/repeats_segment.h"
#include "proto/api/sluice/v1/signalling.pb-c.h"

#include <glib.h>
#include <string.h>

struct usage {
	unsigned count;
	size_t bytes;
};

// A call under way, later its answer.
struct kept {
	struct repeats *repeats;
	uint8_t key[SHM_REPEAT_DIGEST_BYTES];
	uint8_t body[SHM_REPEAT_DIGEST_BYTES];
	uint8_t tenant[SHM_REPEAT_TENANT_BYTES];
	bool final;
	GQueue waiting; // struct rpc_call: repeats of what still runs
	int64_t until_us;
	uint32_t slot; // in the segment
	enum rpc_status code;
	Sluice__V1__ErrorReason reason;
	uint8_t *bytes; // the packed answer, or the error: see error_bytes()
	size_t size;
};

struct repeats {
	int64_t ttl_us;
	GHashTable *by_key; // struct kept, owned
	GHashTable *tenants; // digest -> struct usage
	GQueue oldest_first; // the final ones
	size_t bytes;
	struct repeats_segment *segment; // NULL: nothing is attached
};

static guint digest_hash(gconstpointer digest)
{
	guint hash;

	memcpy(&hash, digest, sizeof(hash));
	return hash;
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, SHM_REPEAT_DIGEST_BYTES) == 0;
}

static gboolean tenant_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, SHM_REPEAT_TENANT_BYTES) == 0;
}

static struct usage *usage_of(struct repeats *r, const uint8_t *tenant)
{
	struct usage *u = g_hash_table_lookup(r->tenants, tenant);

	if (u != NULL)
		return u;
	u = g_new0(struct usage, 1);
	g_hash_table_insert(r->tenants, g_memdup2(tenant, SHM_REPEAT_TENANT_BYTES), u);
	return u;
}

static void kept_free(gpointer data)
{
	struct kept *k = data;

	if (k->bytes != NULL)
		explicit_bzero(k->bytes, k->size);
	g_free(k->bytes);
	g_queue_clear(&k->waiting);
	g_free(k);
}

struct repeats *repeats_new(unsigned ttl_s)
{
	struct repeats *r = g_new0(struct repeats, 1);

	r->ttl_us = (int64_t)ttl_s * G_USEC_PER_SEC;
	r->by_key = g_hash_table_new_full(digest_hash, key_equal, NULL, kept_free);
	r->tenants = g_hash_table_new_full(digest_hash, tenant_equal, g_free, g_free);
	g_queue_init(&r->oldest_first);
	return r;
}

void repeats_free(struct repeats **repeats)
{
	struct repeats *r = *repeats;

	*repeats = NULL;
	if (r == NULL)
		return;
	g_queue_clear(&r->oldest_first);
	g_hash_table_unref(r->by_key);
	g_hash_table_unref(r->tenants);
	repeats_segment_free(&r->segment);
	g_free(r);
}

static void forget(struct repeats *r, struct kept *k)
{
	struct usage *u = usage_of(r, k->tenant);

	if (k->slot != REPEATS_NO_SLOT && r->segment != NULL)
		repeats_segment_wipe(r->segment, k->slot);
	r->bytes -= k->size;
	u->bytes -= k->size;
	if (--u->count == 0)
		g_hash_table_remove(r->tenants, k->tenant);
	g_hash_table_remove(r->by_key, k->key); // frees it
}

static struct kept *kept_new(struct repeats *r, const uint8_t *key, const uint8_t *body,
			     const uint8_t *tenant)
{
	struct kept *k = g_new0(struct kept, 1);

	k->repeats = r;
	memcpy(k->key, key, sizeof(k->key));
	memcpy(k->body, body, sizeof(k->body));
	memcpy(k->tenant, tenant, sizeof(k->tenant));
	k->slot = REPEATS_NO_SLOT;
	g_queue_init(&k->waiting);
	g_hash_table_insert(r->by_key, k->key, k);
	usage_of(r, tenant)->count++;
	return k;
}

static void kept_finish(struct kept *k, const void *bytes, size_t size, int64_t until_us)
{
	k->final = true;
	k->until_us = until_us;
	k->bytes = g_memdup2(bytes, size);
	k->size = size;
	k->repeats->bytes += size;
	usage_of(k->repeats, k->tenant)->bytes += size;
	g_queue_push_tail(&k->repeats->oldest_first, k);
}

static void kept_put(struct kept *k)
{
	struct shm_repeat e = {
		.until_us = (uint64_t)k->until_us,
		.code = k->code,
		.reason = k->reason,
		.size = (uint32_t)k->size,
	};

	if (k->repeats->segment == NULL)
		return;
	memcpy(e.key, k->key, sizeof(e.key));
	memcpy(e.body, k->body, sizeof(e.body));
	memcpy(e.tenant, k->tenant, sizeof(e.tenant));
	k->slot = repeats_segment_put(k->repeats->segment, &e, k->bytes);
}

static bool on_found(void *user, uint32_t slot, const struct shm_repeat *e, const uint8_t *bytes)
{
	struct repeats *r = user;
	int64_t now_us = g_get_monotonic_time();

	if ((int64_t)e->until_us <= now_us ||
	    (int64_t)e->until_us > now_us + (int64_t)REPEATS_TTL_S_MAX * G_USEC_PER_SEC ||
	    g_hash_table_contains(r->by_key, e->key))
		return false;
	struct kept *k = kept_new(r, e->key, e->body, e->tenant);
	k->slot = slot;
	k->code = (enum rpc_status)e->code;
	k->reason = (Sluice__V1__ErrorReason)e->reason;
	// The queue is in order of expiry, also where the one before us kept for longer.
	kept_finish(k, bytes, e->size, MIN((int64_t)e->until_us, now_us + r->ttl_us));
	return true;
}

static gint by_end(gconstpointer a, gconstpointer b, gpointer user)
{
	const struct kept *x = a, *y = b;

	(void)user;
	return (x->until_us > y->until_us) - (x->until_us < y->until_us);
}

void repeats_attach(struct repeats *r, struct shm_repeats *mapped)
{
	repeats_segment_free(&r->segment);
	for (GList *i = r->oldest_first.head; i != NULL; i = i->next)
		((struct kept *)i->data)->slot = REPEATS_NO_SLOT;
	if (mapped == NULL)
		return;
	r->segment = repeats_segment_new(mapped, on_found, r);
	g_queue_sort(&r->oldest_first, by_end, NULL);
	for (GList *i = r->oldest_first.head; i != NULL; i = i->next)
		if (((struct kept *)i->data)->slot == REPEATS_NO_SLOT)
			kept_put(i->data);
}

void repeats_expire(struct repeats *r)
{
	int64_t now_us = g_get_monotonic_time();
	struct kept *k;

	while ((k = g_queue_peek_head(&r->oldest_first)) != NULL && k->until_us <= now_us) {
		g_queue_pop_head(&r->oldest_first);
		forget(r, k);
	}
}

unsigned repeats_count(const struct repeats *r)
{
	return g_hash_table_size(r->by_key);
}

// The sentence, then key and value of each fact, with a NUL between any two of them.
static GString *error_bytes(const struct rpc_error *e)
{
	GString *text = g_string_new(e->text);

	for (unsigned i = 0; e->facts != NULL && i < e->facts->count; i++)
		for (int part = 0; part < 2; part++) {
			g_string_append_c(text, '\0');
			g_string_append(text, part == 0 ? e->facts->keys[i] : e->facts->values[i]);
		}
	return text;
}

// The piece that begins at '*at', as a string of its own, and '*at' behind it; NULL: none is left.
static char *next_piece(const struct kept *k, size_t *at)
{
	const char *from = (const char *)k->bytes + *at;

	if (*at >= k->size)
		return NULL;
	size_t size = strnlen(from, k->size - *at);
	*at += size + 1;
	return g_utf8_make_valid(from, (gssize)size); // whoever wrote the segment
}

static void answer_error(const struct kept *k, struct rpc_call *call)
{
	size_t at = 0;
	char *text = next_piece(k, &at);
	char *keys[RPC_ERROR_FACTS_MAX] = {NULL};

	for (unsigned i = 0; i < RPC_ERROR_FACTS_MAX; i++) {
		char *value;

		keys[i] = next_piece(k, &at);
		value = next_piece(k, &at);
		if (value != NULL)
			rpc_call_fact(call, keys[i], "%s", value);
		g_free(value);
	}
	rpc_call_fail(call, k->code, k->reason, "%s", text != NULL ? text : "");
	for (unsigned i = 0; i < RPC_ERROR_FACTS_MAX; i++)
		g_free(keys[i]);
	g_free(text);
}

// Ends a call with what the first one ended with.
static void answer(const struct kept *k, struct rpc_call *call)
{
	if (k->code != RPC_OK) {
		answer_error(k, call);
		return;
	}
	ProtobufCMessage *m =
		protobuf_c_message_unpack(rpc_call_answer_type(call), NULL, k->size, k->bytes);
	if (m == NULL) {
		rpc_call_fail(call, RPC_INTERNAL, RPC_REASON(INTERNAL_ERROR),
			      "The answer kept under this request_id cannot be read.");
		return;
	}
	rpc_call_reply(call, m);
	protobuf_c_message_free_unpacked(m, NULL);
}

// Only what a repeat would meet again is worth keeping.
static bool is_final(enum rpc_status code)
{
	return code != RPC_UNAVAILABLE && code != RPC_DEADLINE_EXCEEDED &&
	       code != RPC_RESOURCE_EXHAUSTED && code != RPC_CANCELLED;
}

static void take_outcome(struct kept *k, const struct rpc_outcome *o)
{
	int64_t until_us = g_get_monotonic_time() + k->repeats->ttl_us;

	k->code = o->code;
	if (o->answer != NULL) {
		size_t size = protobuf_c_message_get_packed_size(o->answer);
		uint8_t *bytes = g_malloc(size + 1); // an answer may have nothing in it
		protobuf_c_message_pack(o->answer, bytes);
		kept_finish(k, bytes, size, until_us);
		explicit_bzero(bytes, size);
		g_free(bytes);
		return;
	}
	const struct rpc_error given_up = {
		.reason = RPC_REASON(DEADLINE_PASSED),
		.text = "The first call with this request_id was given up: send it again.",
	};
	const struct rpc_error *error = o->error != NULL ? o->error : &given_up;
	GString *text = error_bytes(error);
	k->reason = error->reason;
	kept_finish(k, text->str, text->len, until_us);
	g_string_free(text, TRUE);
}

static void on_outcome(const struct rpc_outcome *outcome, void *data)
{
	struct kept *k = data;
	struct rpc_call *call;

	take_outcome(k, outcome);
	// Answering may end other calls; none of them is this key's, whose answer is final by now.
	while ((call = g_queue_pop_head(&k->waiting)) != NULL)
		answer(k, call);
	if (is_final(k->code)) {
		kept_put(k);
		return;
	}
	g_queue_remove(&k->repeats->oldest_first, k);
	forget(k->repeats, k);
}

static void on_waiting_cancelled(struct rpc_call *call, void *data)
{
	g_queue_remove(&((struct kept *)data)->waiting, call);
	rpc_call_finish(call); // only frees it
}

static void digest(uint8_t *out, size_t size, const void *first, size_t first_size, ...)
{
	GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
	uint8_t whole[SHM_REPEAT_DIGEST_BYTES];
	gsize whole_size = sizeof(whole);
	va_list more;
	const char *part;

	g_checksum_update(sum, first, (gssize)first_size);
	va_start(more, first_size);
	while ((part = va_arg(more, const char *)) != NULL)
		g_checksum_update(sum, (const guchar *)part, (gssize)strlen(part) + 1);
	va_end(more);
	g_checksum_get_digest(sum, whole, &whole_size);
	g_checksum_free(sum);
	memcpy(out, whole, size);
}

static const void *field(const ProtobufCMessage *m, const char *name, ProtobufCType type)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);

	if (f == NULL || f->type != type || f->label == PROTOBUF_C_LABEL_REPEATED)
		return NULL;
	return *(void *const *)((const char *)m + f->offset);
}

static void digest_key(const struct rpc_call *call, const char *id, uint8_t *key)
{
	const ProtobufCMessage *session =
		field(rpc_call_request(call), "session", PROTOBUF_C_TYPE_MESSAGE);
	const char *participant =
		session != NULL && session->descriptor == &sluice__v1__session__descriptor
			? ((const Sluice__V1__Session *)session)->participant
			: "";
	const struct caller *caller = rpc_call_caller(call);
	const char kind[] = {(char)('0' + caller->kind), '\0'};

	digest(key, SHM_REPEAT_DIGEST_BYTES, "", 1, kind, caller->tenant, caller->subject,
	       participant, rpc_call_path(call), id, NULL);
}

static void digest_body(const struct rpc_call *call, uint8_t *body)
{
	const ProtobufCMessage *request = rpc_call_request(call);
	size_t size = protobuf_c_message_get_packed_size(request);
	uint8_t *bytes = g_malloc(size);

	protobuf_c_message_pack(request, bytes);
	digest(body, SHM_REPEAT_DIGEST_BYTES, bytes, size, NULL);
	explicit_bzero(bytes, size);
	g_free(bytes);
}

// False after refusing: there is no room to keep another answer.
static bool has_room(const struct repeats *r, struct rpc_call *call, const uint8_t *tenant)
{
	static const struct usage none;
	const struct usage *u = g_hash_table_lookup(r->tenants, tenant);
	bool counted_out = g_hash_table_size(r->by_key) >= REPEATS_MAX;

	u = u != NULL ? u : &none;
	counted_out = counted_out || u->count >= REPEATS_PER_TENANT_MAX;
	if (!counted_out && r->bytes < REPEATS_BYTES_MAX && u->bytes < REPEATS_BYTES_PER_TENANT_MAX)
		return true;
	rpc_call_fact(call, "limit", "%d",
		      counted_out ? REPEATS_PER_TENANT_MAX : REPEATS_BYTES_PER_TENANT_MAX);
	rpc_call_fail(call, RPC_RESOURCE_EXHAUSTED, RPC_REASON(REQUEST_IDS_FULL),
		      "request_id: no room to keep another answer for %d s: at most %d answers and "
		      "%d bytes; send it without request_id, or later.",
		      (int)(r->ttl_us / G_USEC_PER_SEC), REPEATS_PER_TENANT_MAX,
		      REPEATS_BYTES_PER_TENANT_MAX);
	return false;
}

static void repeat(struct kept *k, struct rpc_call *call)
{
	if (k->final) {
		answer(k, call);
		return;
	}
	g_queue_push_tail(&k->waiting, call);
	rpc_call_on_cancel(call, on_waiting_cancelled, k);
}

static void refuse_reuse(struct rpc_call *call, const char *id)
{
	rpc_call_fact(call, "field", "request_id");
	rpc_call_fact(call, "value", "%s", id);
	rpc_call_fail(call, RPC_FAILED_PRECONDITION, RPC_REASON(REQUEST_ID_REUSED),
		      "request_id: \"%s\" came with another request before: choose a new one for "
		      "each request, such as a UUID.",
		      id);
}

bool repeats_gate(struct rpc_call *call, void *data)
{
	struct repeats *r = data;
	const ProtobufCMessage *request = rpc_call_request(call);
	const char *id =
		request != NULL ? field(request, "request_id", PROTOBUF_C_TYPE_STRING) : NULL;
	uint8_t key[SHM_REPEAT_DIGEST_BYTES], body[SHM_REPEAT_DIGEST_BYTES];
	uint8_t tenant[SHM_REPEAT_TENANT_BYTES];

	if (id == NULL || id[0] == '\0')
		return true;
	if (strlen(id) > REPEATS_ID_BYTES_MAX) {
		rpc_call_fact(call, "limit", "%d", REPEATS_ID_BYTES_MAX);
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(REQUEST_ID_INVALID),
			      "request_id: %zu bytes are too long: at most %d, such as a UUID.",
			      strlen(id), REPEATS_ID_BYTES_MAX);
		return false;
	}
	repeats_expire(r);
	digest_key(call, id, key);
	digest_body(call, body);
	digest(tenant, SHM_REPEAT_TENANT_BYTES, "", 1, rpc_call_caller(call)->tenant, NULL);
	struct kept *k = g_hash_table_lookup(r->by_key, key);
	if (k != NULL && memcmp(k->body, body, sizeof(body)) != 0) {
		refuse_reuse(call, id);
		return false;
	}
	if (k != NULL) {
		repeat(k, call);
		return false;
	}
	if (!has_room(r, call, tenant))
		return false;
	rpc_call_on_outcome(call, on_outcome, kept_new(r, key, body, tenant));
	return true;
}
