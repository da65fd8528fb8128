// SPDX-License-Identifier: Apache-2.0
// tests/unit/session/repeats_test.c - whose answer a repeated request_id brings, for how long, and
// that it outlives the control plane. The linker puts this test's clock and calls in place of
// GLib's and rpc/'s.
#include "controlplane/session/repeats.h"

#include "controlplane/auth/caller.h"

#include "proto/api/sluice/v1/room.pb-c.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

// One call, as the gate sees it.
struct rpc_call {
	const char *path;
	struct caller caller;
	Sluice__V1__CreateRoomRequest request;
	rpc_call_outcome_fn outcome;
	void *outcome_data;
	rpc_call_cancel_fn cancel;
	void *cancel_data;
	bool finished;
	int code; // -1: not ended
	Sluice__V1__ErrorReason reason;
	char *said; // uid of the room, or the sentence
	char facts[128]; // "key=value " each
};

enum { TTL_S = 600 };

static gint64 now_us = 1000;

gint64 __wrap_g_get_monotonic_time(void);
gint64 __wrap_g_get_monotonic_time(void)
{
	return now_us;
}

const char *__wrap_rpc_call_path(const struct rpc_call *call);
const char *__wrap_rpc_call_path(const struct rpc_call *call)
{
	return call->path;
}

void *__wrap_rpc_call_attached(const struct rpc_call *call);
void *__wrap_rpc_call_attached(const struct rpc_call *call)
{
	return (void *)(uintptr_t)&call->caller;
}

const ProtobufCMessage *__wrap_rpc_call_request(const struct rpc_call *call);
const ProtobufCMessage *__wrap_rpc_call_request(const struct rpc_call *call)
{
	return &call->request.base;
}

const ProtobufCMessageDescriptor *__wrap_rpc_call_answer_type(const struct rpc_call *call);
const ProtobufCMessageDescriptor *__wrap_rpc_call_answer_type(const struct rpc_call *call)
{
	(void)call;
	return &sluice__v1__room__descriptor;
}

void __wrap_rpc_call_on_outcome(struct rpc_call *call, rpc_call_outcome_fn outcome, void *data);
void __wrap_rpc_call_on_outcome(struct rpc_call *call, rpc_call_outcome_fn outcome, void *data)
{
	call->outcome = outcome;
	call->outcome_data = data;
}

void __wrap_rpc_call_on_cancel(struct rpc_call *call, rpc_call_cancel_fn cancel, void *data);
void __wrap_rpc_call_on_cancel(struct rpc_call *call, rpc_call_cancel_fn cancel, void *data)
{
	call->cancel = cancel;
	call->cancel_data = data;
}

void __wrap_rpc_call_finish(struct rpc_call *call);
void __wrap_rpc_call_finish(struct rpc_call *call)
{
	call->finished = true;
}

void __wrap_rpc_call_fact(struct rpc_call *call, const char *key, const char *format, ...);
void __wrap_rpc_call_fact(struct rpc_call *call, const char *key, const char *format, ...)
{
	size_t used = strlen(call->facts);
	va_list args;

	va_start(args, format);
	char *value = g_strdup_vprintf(format, args);
	va_end(args);
	g_snprintf(call->facts + used, sizeof(call->facts) - used, "%s=%s ", key, value);
	g_free(value);
}

void __wrap_rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *answer);
void __wrap_rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *answer)
{
	assert_int_equal(call->code, -1);
	call->code = RPC_OK;
	call->said = g_strdup(((const Sluice__V1__Room *)answer)->uid);
}

void __wrap_rpc_call_fail(struct rpc_call *call, enum rpc_status code,
			  Sluice__V1__ErrorReason reason, const char *format, ...);
void __wrap_rpc_call_fail(struct rpc_call *call, enum rpc_status code,
			  Sluice__V1__ErrorReason reason, const char *format, ...)
{
	va_list args;

	assert_int_equal(call->code, -1);
	call->code = (int)code;
	call->reason = reason;
	va_start(args, format);
	call->said = g_strdup_vprintf(format, args);
	va_end(args);
}

static char subject[] = "uid:0", another[] = "uid:1000", tenant[] = "";

static struct rpc_call new_call(const char *room_id, const char *request_id)
{
	struct rpc_call c = {
		.path = "/sluice.v1.RoomService/CreateRoom",
		.caller = {.kind = CALLER_PEER, .subject = subject, .tenant = tenant},
		.code = -1,
	};

	sluice__v1__create_room_request__init(&c.request);
	c.request.room_id = (char *)(uintptr_t)room_id;
	c.request.request_id = (char *)(uintptr_t)request_id;
	return c;
}

static void succeed(const struct rpc_call *call, const char *uid)
{
	Sluice__V1__Room room = SLUICE__V1__ROOM__INIT;

	room.uid = (char *)(uintptr_t)uid;
	call->outcome(&(struct rpc_outcome){.code = RPC_OK, .answer = &room.base},
		      call->outcome_data);
}

static void fail_with(const struct rpc_call *call, enum rpc_status code,
		      Sluice__V1__ErrorReason reason, const char *text)
{
	const struct rpc_error error = {code, reason, text, NULL};

	call->outcome(&(struct rpc_outcome){.code = code, .error = &error}, call->outcome_data);
}

static void first(struct repeats *r, const char *room_id, const char *id, const char *uid)
{
	struct rpc_call c = new_call(room_id, id);

	assert_true(repeats_gate(&c, r));
	succeed(&c, uid);
}

static void assert_repeats(struct repeats *r, const char *room_id, const char *id, const char *uid)
{
	struct rpc_call c = new_call(room_id, id);

	assert_false(repeats_gate(&c, r));
	assert_int_equal(c.code, RPC_OK);
	assert_string_equal(c.said, uid);
	g_free(c.said);
}

static void assert_is_new(struct repeats *r, const char *room_id, const char *id)
{
	struct rpc_call c = new_call(room_id, id);

	assert_true(repeats_gate(&c, r));
	c.outcome(&(struct rpc_outcome){.code = RPC_CANCELLED}, c.outcome_data);
}

static void test_first_answer(void **state)
{
	struct repeats *r = repeats_new(TTL_S);
	struct rpc_call other = new_call("b", "1");
	struct rpc_call none = new_call("a", "");

	(void)state;
	first(r, "a", "1", "uid-1");
	assert_repeats(r, "a", "1", "uid-1");
	assert_is_new(r, "a", "2");
	// The same id with another body is no repeat, and not a new request either.
	assert_false(repeats_gate(&other, r));
	assert_int_equal(other.code, RPC_FAILED_PRECONDITION);
	assert_int_equal(other.reason, RPC_REASON(REQUEST_ID_REUSED));
	g_free(other.said);
	assert_true(repeats_gate(&none, r));
	assert_null(none.outcome);
	repeats_free(&r);
}

static void test_key(void **state)
{
	struct repeats *r = repeats_new(TTL_S);
	struct rpc_call method = new_call("a", "1"), caller = new_call("a", "1");

	(void)state;
	first(r, "a", "1", "uid-1");
	method.path = "/sluice.v1.RoomService/DeleteRoom";
	assert_true(repeats_gate(&method, r));
	caller.caller.subject = another;
	assert_true(repeats_gate(&caller, r));
	repeats_free(&r);
}

static void test_running(void **state)
{
	struct repeats *r = repeats_new(TTL_S);
	struct rpc_call running = new_call("a", "1");
	struct rpc_call waiting[3] = {new_call("a", "1"), new_call("a", "1"), new_call("a", "1")};

	(void)state;
	assert_true(repeats_gate(&running, r));
	for (int i = 0; i < 3; i++) {
		assert_false(repeats_gate(&waiting[i], r));
		assert_int_equal(waiting[i].code, -1);
	}
	waiting[1].cancel(&waiting[1], waiting[1].cancel_data);
	assert_true(waiting[1].finished);
	succeed(&running, "uid-1");
	for (int i = 0; i < 3; i += 2) {
		assert_string_equal(waiting[i].said, "uid-1");
		g_free(waiting[i].said);
	}
	assert_int_equal(waiting[1].code, -1);
	repeats_free(&r);
}

static void test_errors(void **state)
{
	static const enum rpc_status passing[] = {RPC_UNAVAILABLE, RPC_DEADLINE_EXCEEDED,
						  RPC_RESOURCE_EXHAUSTED, RPC_CANCELLED};
	struct repeats *r = repeats_new(TTL_S);
	struct rpc_call c = new_call("a", "1"), again = new_call("a", "1");

	(void)state;
	assert_true(repeats_gate(&c, r));
	fail_with(&c, RPC_ALREADY_EXISTS, RPC_REASON(ROOM_EXISTS), "100 %s of it is there");
	assert_false(repeats_gate(&again, r));
	assert_int_equal(again.code, RPC_ALREADY_EXISTS);
	assert_int_equal(again.reason, RPC_REASON(ROOM_EXISTS));
	assert_string_equal(again.said, "100 %s of it is there");
	g_free(again.said);
	for (size_t i = 0; i < G_N_ELEMENTS(passing); i++) {
		struct rpc_call p = new_call("a", "2"), waits = new_call("a", "2");
		assert_true(repeats_gate(&p, r));
		assert_false(repeats_gate(&waits, r));
		fail_with(&p, passing[i], RPC_REASON(DATAPLANE_GONE), "not now");
		assert_int_equal(waits.code, passing[i]);
		g_free(waits.said);
	}
	assert_int_equal(repeats_count(r), 1);
	repeats_free(&r);
}

// A repeat of an error is told all that the first was, also by another control plane.
static void test_facts(void **state)
{
	struct shm_repeats *s = g_new0(struct shm_repeats, 1);
	struct repeats *r = repeats_new(TTL_S);
	char name[] = "rooms/a", none[] = "", text[] = "a b";
	const struct rpc_facts facts = {
		.keys = {"resource", "value", "field"}, .values = {name, none, text}, .count = 3};
	const struct rpc_error error = {RPC_ALREADY_EXISTS, RPC_REASON(ROOM_EXISTS),
					"There is one.", &facts};
	struct rpc_call c = new_call("a", "1");

	(void)state;
	repeats_attach(r, s);
	assert_true(repeats_gate(&c, r));
	c.outcome(&(struct rpc_outcome){.code = error.code, .error = &error}, c.outcome_data);
	for (int i = 0; i < 2; i++) {
		struct rpc_call again = new_call("a", "1");
		assert_false(repeats_gate(&again, r));
		assert_int_equal(again.reason, RPC_REASON(ROOM_EXISTS));
		assert_string_equal(again.said, "There is one.");
		assert_string_equal(again.facts, "resource=rooms/a value= field=a b ");
		g_free(again.said);
		repeats_free(&r);
		r = repeats_new(TTL_S);
		repeats_attach(r, s);
	}
	repeats_free(&r);
	g_free(s);
}

static void test_expiry(void **state)
{
	struct repeats *r = repeats_new(TTL_S);

	(void)state;
	first(r, "a", "1", "uid-1");
	now_us += TTL_S * G_USEC_PER_SEC - 1;
	assert_repeats(r, "a", "1", "uid-1");
	now_us += 1;
	assert_is_new(r, "a", "1");
	assert_int_equal(repeats_count(r), 0);
	repeats_free(&r);
}

static void test_bounds(void **state)
{
	struct repeats *r = repeats_new(TTL_S);
	struct rpc_call late = new_call("a", "late");
	char id[REPEATS_ID_BYTES_MAX + 2];

	(void)state;
	for (int i = 0; i < REPEATS_PER_TENANT_MAX; i++) {
		g_snprintf(id, sizeof(id), "%d", i);
		first(r, "a", id, "x");
	}
	assert_false(repeats_gate(&late, r));
	assert_int_equal(late.code, RPC_RESOURCE_EXHAUSTED);
	assert_int_equal(late.reason, RPC_REASON(REQUEST_IDS_FULL));
	assert_string_equal(late.facts, "limit=8192 ");
	g_free(late.said);
	assert_repeats(r, "a", "0", "x"); // those already in are not disturbed
	memset(id, 'x', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	struct rpc_call longer = new_call("a", id);
	assert_false(repeats_gate(&longer, r));
	assert_int_equal(longer.reason, RPC_REASON(REQUEST_ID_INVALID));
	g_free(longer.said);
	repeats_free(&r);
}

static void test_bounds_by_bytes(void **state)
{
	enum { SIZE = 64 << 10 };
	struct repeats *r = repeats_new(TTL_S);
	struct rpc_call late = new_call("a", "late"), other = new_call("a", "late");
	char *big = g_strnfill(SIZE, 'b'), theirs[] = "another";

	(void)state;
	for (int i = 0; i < REPEATS_BYTES_PER_TENANT_MAX / SIZE; i++) {
		char id[8];
		g_snprintf(id, sizeof(id), "%d", i);
		first(r, "a", id, big);
	}
	assert_false(repeats_gate(&late, r));
	assert_int_equal(late.reason, RPC_REASON(REQUEST_IDS_FULL));
	assert_string_equal(late.facts, "limit=4194304 ");
	g_free(late.said);
	assert_repeats(r, "a", "0", big);
	other.caller.tenant = theirs; // another one's room is its own
	assert_true(repeats_gate(&other, r));
	now_us += TTL_S * G_USEC_PER_SEC;
	assert_is_new(r, "a", "late");
	repeats_free(&r);
	g_free(big);
}

static bool is_wiped(const struct shm_repeats *s)
{
	const uint8_t *bytes = (const void *)s;

	for (size_t i = 0; i < sizeof(*s); i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

static void test_outlives_the_control_plane(void **state)
{
	struct shm_repeats *s = g_new0(struct shm_repeats, 1);
	struct repeats *r = repeats_new(TTL_S);
	char *big = g_strnfill(3 * SHM_REPEAT_BLOCK_BYTES, 'b');

	(void)state;
	first(r, "a", "before", "uid-0"); // nothing is attached yet
	repeats_attach(r, s);
	first(r, "a", "1", "uid-1");
	first(r, "a", "2", big);
	repeats_free(&r);

	r = repeats_new(TTL_S);
	repeats_attach(r, s);
	assert_int_equal(repeats_count(r), 3);
	assert_repeats(r, "a", "before", "uid-0");
	assert_repeats(r, "a", "1", "uid-1");
	assert_repeats(r, "a", "2", big);
	now_us += TTL_S * G_USEC_PER_SEC;
	repeats_expire(r);
	assert_true(is_wiped(s));
	repeats_free(&r);
	g_free(big);
	g_free(s);
}

// The next control plane may be told to keep answers for less.
static void test_outlives_into_a_shorter_time(void **state)
{
	struct shm_repeats *s = g_new0(struct shm_repeats, 1);
	struct repeats *r = repeats_new(TTL_S);

	(void)state;
	repeats_attach(r, s);
	first(r, "a", "long", "uid-1");
	repeats_free(&r);
	r = repeats_new(TTL_S / 10);
	repeats_attach(r, s);
	first(r, "a", "short", "uid-2");
	now_us += TTL_S / 10 * G_USEC_PER_SEC - 1;
	assert_repeats(r, "a", "long", "uid-1");
	assert_repeats(r, "a", "short", "uid-2");
	now_us += 1;
	repeats_expire(r);
	assert_true(is_wiped(s));
	repeats_free(&r);
	g_free(s);
}

// Whatever somebody wrote into the segment, what is taken up is whole.
static void test_scribbled(void **state)
{
	struct shm_repeats *s = g_new0(struct shm_repeats, 1);
	struct repeats *r = repeats_new(TTL_S);
	char *big = g_strnfill(3 * SHM_REPEAT_BLOCK_BYTES, 'b');

	(void)state;
	repeats_attach(r, s);
	for (int i = 0; i < 6; i++) {
		char id[2] = {(char)('0' + i), '\0'};
		first(r, "a", id, big);
	}
	repeats_free(&r);
	s->entries[0].first_block = SHM_REPEAT_BLOCKS_MAX;
	s->blocks[s->entries[1].first_block].next = s->entries[1].first_block; // a loop
	s->entries[2].size = UINT32_MAX;
	s->blocks[s->entries[3].first_block].bytes[7] ^= 1;
	s->entries[4].until_us += (uint64_t)3600 * G_USEC_PER_SEC;
	r = repeats_new(TTL_S);
	repeats_attach(r, s);
	assert_int_equal(repeats_count(r), 1);
	assert_repeats(r, "a", "5", big);
	first(r, "a", "6", big);
	assert_repeats(r, "a", "6", big);
	repeats_free(&r);
	g_free(big);
	g_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_answer),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_bounds_by_bytes),
		cmocka_unit_test(test_scribbled),
		cmocka_unit_test(test_outlives_the_control_plane),
		cmocka_unit_test(test_outlives_into_a_shorter_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
