// SPDX-License-Identifier: Apache-2.0
// tests/unit/session/repeats_test.c - whose answer a repeated request_id brings, and for how long.
// The linker puts this test's clock and calls in place of GLib's and rpc/'s.
#include "controlplane/session/repeats.h"

#include "proto/api/sluice/v1/room.pb-c.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static gint64 now_us = 1000;
static const char *path = "/sluice.v1.RoomService/CreateRoom";
static Sluice__V1__CreateRoomRequest request;
static char *answered; // uid of the room last replied with

gint64 __wrap_g_get_monotonic_time(void);
gint64 __wrap_g_get_monotonic_time(void)
{
	return now_us;
}

const char *__wrap_rpc_call_path(const struct rpc_call *call);
const char *__wrap_rpc_call_path(const struct rpc_call *call)
{
	(void)call;
	return path;
}

const ProtobufCMessage *__wrap_rpc_call_request(const struct rpc_call *call);
const ProtobufCMessage *__wrap_rpc_call_request(const struct rpc_call *call)
{
	(void)call;
	return &request.base;
}

void __wrap_rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *answer);
void __wrap_rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *answer)
{
	(void)call;
	g_free(answered);
	answered = g_strdup(((const Sluice__V1__Room *)answer)->uid);
}

static bool ask(struct repeats *r, const char *room_id, const char *request_id)
{
	g_clear_pointer(&answered, g_free);
	sluice__v1__create_room_request__init(&request);
	request.room_id = (char *)(uintptr_t)room_id;
	request.request_id = (char *)(uintptr_t)request_id;
	return repeats_answer(r, NULL, request_id);
}

static void reply(struct repeats *r, const char *uid)
{
	Sluice__V1__Room room = SLUICE__V1__ROOM__INIT;

	room.uid = (char *)(uintptr_t)uid;
	repeats_reply(r, NULL, request.request_id, &room.base);
	assert_string_equal(answered, uid);
}

static void test_first_answer(void **state)
{
	struct repeats *r = repeats_new();

	(void)state;
	assert_false(ask(r, "a", "1"));
	reply(r, "first");
	assert_true(ask(r, "a", "1"));
	assert_string_equal(answered, "first");
	assert_false(ask(r, "a", "2"));
	// Another request, or another method, under the same id is no repeat.
	assert_false(ask(r, "b", "1"));
	path = "/sluice.v1.RoomService/DeleteRoom";
	assert_false(ask(r, "a", "1"));
	path = "/sluice.v1.RoomService/CreateRoom";
	assert_true(ask(r, "a", "1"));
	repeats_free(&r);
	assert_null(r);
	repeats_free(&r);
}

static void test_no_id_is_no_repeat(void **state)
{
	struct repeats *r = repeats_new();

	(void)state;
	assert_false(ask(r, "a", ""));
	reply(r, "first");
	assert_false(ask(r, "a", ""));
	repeats_free(&r);
}

static void test_they_go(void **state)
{
	struct repeats *r = repeats_new();
	char id[16];

	(void)state;
	assert_false(ask(r, "a", "old"));
	reply(r, "old");
	now_us += REPEATS_KEPT_S * G_USEC_PER_SEC - 1;
	assert_true(ask(r, "a", "old"));
	now_us += 1;
	assert_false(ask(r, "a", "old"));
	for (int i = 0; i <= REPEATS_MAX; i++) {
		g_snprintf(id, sizeof(id), "%d", i);
		assert_false(ask(r, "a", id));
		reply(r, id);
	}
	assert_false(ask(r, "a", "0"));
	assert_true(ask(r, "a", "1"));
	assert_string_equal(answered, "1");
	assert_true(ask(r, "a", id));
	repeats_free(&r);
	g_clear_pointer(&answered, g_free);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_answer),
		cmocka_unit_test(test_no_id_is_no_repeat),
		cmocka_unit_test(test_they_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
