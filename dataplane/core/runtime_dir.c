// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/runtime_dir.c - leaves nothing of DPDK's behind in /run.
#include "dataplane/core/runtime_dir.h"

#include <rte_eal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void runtime_dir_remove(void)
{
	static const char *const files[] = {"config", "fbarray_memzone", "hugepage_info",
					    "mp_socket", "dpdk_telemetry.v2"};
	const char *directory = rte_eal_get_runtime_dir();
	char path[4096];

	if (directory == NULL || directory[0] == 0)
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, files[i]);
		unlink(path);
	}
	rmdir(directory); // stays if anything else lies there
}
