// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/srtp/published_test.c - the figures typed in here are those of ../shared/vectors,
// where that folder is there.
#include "tests/vectors/srtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char text[8192];

static const char *const typed[] = {
	LIBSRTP_RTP,	  LIBSRTP_RTCP,	      LIBSRTP_CM_MASTER, LIBSRTP_CM_SRTP,
	LIBSRTP_CM_SRTCP, LIBSRTP_GCM_MASTER, LIBSRTP_GCM_SRTP,	 LIBSRTP_GCM_SRTCP,
};

static void same_as_shared(void **state)
{
	const char *shared = getenv("SLUICE_SHARED");
	char path[4096];
	(void)state;

	snprintf(path, sizeof(path), "%s/vectors/srtp.json", shared != NULL ? shared : "../shared");
	FILE *f = fopen(path, "r");
	if (f == NULL) {
		print_message("skipped: ../shared/vectors/srtp.json is not there\n");
		skip();
	}
	size_t size = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	assert_in_range(size, 1, sizeof(text) - 2);
	for (size_t i = 0; i < sizeof(typed) / sizeof(typed[0]); i++) {
		char quoted[256];
		snprintf(quoted, sizeof(quoted), "\"%s\"", typed[i]);
		if (strstr(text, quoted) == NULL)
			fail_msg("not in %s: %s", path, quoted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(same_as_shared)};
	return cmocka_run_group_tests_name("srtp published vectors", tests, NULL, NULL);
}
