// SPDX-License-Identifier: Apache-2.0
// controlplane/session/repeats.c - the kept answers, oldest first.

#include "controlplane/session/repeats.h"

#include <glib.h>
#include <string.h>

struct kept {
	char *key;
	int64_t until_us;
	const ProtobufCMessageDescriptor *type;
	uint8_t *bytes;
	size_t size;
};

struct repeats {
	GHashTable *by_key; // key -> struct kept, borrowed from the queue
	GQueue oldest_first; // struct kept
};

static void kept_free(struct kept *k)
{
	explicit_bzero(k->bytes, k->size);
	g_free(k->bytes);
	g_free(k->key);
	g_free(k);
}

struct repeats *repeats_new(void)
{
	struct repeats *r = g_new0(struct repeats, 1);

	r->by_key = g_hash_table_new(g_str_hash, g_str_equal);
	g_queue_init(&r->oldest_first);
	return r;
}

void repeats_free(struct repeats **repeats)
{
	struct repeats *r = *repeats;
	struct kept *k;

	*repeats = NULL;
	if (r == NULL)
		return;
	while ((k = g_queue_pop_head(&r->oldest_first)) != NULL)
		kept_free(k);
	g_hash_table_unref(r->by_key);
	g_free(r);
}

static void expire(struct repeats *r)
{
	int64_t now_us = g_get_monotonic_time();
	struct kept *k;

	while ((k = g_queue_peek_head(&r->oldest_first)) != NULL &&
	       (k->until_us <= now_us || g_queue_get_length(&r->oldest_first) > REPEATS_MAX)) {
		g_queue_pop_head(&r->oldest_first);
		g_hash_table_remove(r->by_key, k->key);
		kept_free(k);
	}
}

// The request is part of the key: another one under the same id is no repeat, and must not be
// handed an answer with somebody else's secret.
static char *key_of(const struct rpc_call *call, const char *request_id)
{
	const ProtobufCMessage *request = rpc_call_request(call);
	size_t size = protobuf_c_message_get_packed_size(request);
	uint8_t *bytes = g_malloc(size);

	protobuf_c_message_pack(request, bytes);
	char *digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes, size);
	char *key = g_strdup_printf("%s %s %s", rpc_call_path(call), digest, request_id);
	explicit_bzero(bytes, size);
	g_free(bytes);
	g_free(digest);
	return key;
}

bool repeats_answer(struct repeats *r, struct rpc_call *call, const char *request_id)
{
	if (request_id[0] == '\0')
		return false;
	expire(r);
	char *key = key_of(call, request_id);
	const struct kept *k = g_hash_table_lookup(r->by_key, key);
	g_free(key);
	if (k == NULL)
		return false;
	ProtobufCMessage *answer = protobuf_c_message_unpack(k->type, NULL, k->size, k->bytes);
	rpc_call_reply(call, answer);
	protobuf_c_message_free_unpacked(answer, NULL);
	return true;
}

void repeats_reply(struct repeats *r, struct rpc_call *call, const char *request_id,
		   const ProtobufCMessage *answer)
{
	if (request_id[0] != '\0') {
		struct kept *k = g_new0(struct kept, 1);
		k->key = key_of(call, request_id);
		k->until_us = g_get_monotonic_time() + REPEATS_KEPT_S * G_USEC_PER_SEC;
		k->type = answer->descriptor;
		k->size = protobuf_c_message_get_packed_size(answer);
		k->bytes = g_malloc(k->size);
		protobuf_c_message_pack(answer, k->bytes);
		g_queue_push_tail(&r->oldest_first, k);
		g_hash_table_insert(r->by_key, k->key, k);
		expire(r);
	}
	rpc_call_reply(call, answer);
}
