// SPDX-License-Identifier: Apache-2.0
// tests/unit/auth/needs_test.c - every method of ours has a row of its own, with a field its
// request has; and what names and fields say.
#include "controlplane/auth/needs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/api/sluice/v1/signalling.pb-c.h"
#include "proto/api/table.h"

static bool has_field(const ProtobufCMessageDescriptor *m, const char *path)
{
	char **parts = g_strsplit(path, ".", -1);
	bool ok = true;

	for (char **p = parts; ok && *p != NULL; p++) {
		const ProtobufCFieldDescriptor *f =
			protobuf_c_message_descriptor_get_field_by_name(m, *p);
		ok = f != NULL && f->label != PROTOBUF_C_LABEL_REPEATED &&
		     f->type == (p[1] != NULL ? PROTOBUF_C_TYPE_MESSAGE : PROTOBUF_C_TYPE_STRING);
		if (ok && p[1] != NULL)
			m = f->descriptor;
	}
	g_strfreev(parts);
	return ok;
}

static void every_method_has_a_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < api_method_count; i++) {
		const struct api_method *m = &api_methods[i];
		const struct auth_method *row = auth_method_find(m->path);

		if (g_str_equal(row->path, "/"))
			fail_msg("%s has no row in controlplane/auth/needs.c", m->path);
		char **fields = g_strsplit(row->field != NULL ? row->field : "", "|", -1);
		for (char **f = fields; *f != NULL; f++)
			if (!has_field(m->request, *f))
				fail_msg("%s: its request has no string %s", m->path, *f);
		g_strfreev(fields);
	}
	assert_int_equal(auth_method_find("/sluice.v1.RoomService/Unknown")->need,
			 NEED_NODE_ADMINISTER);
	assert_int_equal(auth_method_find("/sluice.v1.TransportService/Anything")->need,
			 NEED_NODE_ADMINISTER);
	assert_int_equal(auth_method_find("/grpc.health.v1.Health/Check")->need, NEED_NOTHING);
}

static void fields_and_names(void **state)
{
	Sluice__V1__PublishRequest q = SLUICE__V1__PUBLISH_REQUEST__INIT;
	Sluice__V1__Session session = SLUICE__V1__SESSION__INIT;
	static const struct {
		const char *name, *id;
	} rows[] = {
		{"rooms/a", "a"},     {"rooms/a/participants/b", "a"},
		{"a", "a"},	      {"", ""},
		{"transports/t", ""}, {"rooms/", ""},
	};

	(void)state;
	assert_string_equal(auth_field(&q.base, "session.participant"), "");
	q.session = &session;
	session.participant = (char *)(uintptr_t) "rooms/r/participants/p";
	assert_string_equal(auth_field(&q.base, "session.participant"), session.participant);
	assert_string_equal(auth_field(&q.base, "nothing|session.secret|session.participant"),
			    session.participant);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		char *id = auth_room_id(rows[i].name);
		assert_string_equal(id, rows[i].id);
		g_free(id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method_has_a_row),
		cmocka_unit_test(fields_and_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
