// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/shm/handshake_test.c - programs of different builds do not shake hands.
#include "proto/shm/handshake.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

static void same_build(void **state)
{
	struct shm_hello hello;
	char why[SHM_REASON_BYTES];

	(void)state;
	shm_hello_make(&hello);
	assert_int_equal(hello.sizes[0], sizeof(struct shm_header));
	assert_int_equal(shm_hello_check(&hello, why, sizeof(why)), 0);
}

static void other_builds(void **state)
{
	struct shm_hello hello;
	char why[SHM_REASON_BYTES];

	(void)state;
#define OTHER(field, value, word)                                                                  \
	do {                                                                                       \
		shm_hello_make(&hello);                                                            \
		hello.field = (value);                                                             \
		assert_int_equal(shm_hello_check(&hello, why, sizeof(why)), -EPROTO);              \
		assert_non_null(strstr(why, word));                                                \
	} while (0)
	OTHER(magic, 0x20544547, "sluice-controlplane"); // "GET "
	OTHER(abi_version, SHM_ABI_VERSION + 1, "ABI version");
	OTHER(size_count, UINT32_MAX, "struct sizes");
	OTHER(sizes[10], 1, "shm_worker_slot");
#undef OTHER
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_build),
		cmocka_unit_test(other_builds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
