// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/runtime_dir.h - the directory the EAL makes for every process and never removes.
#pragma once

// Removes it with the files that are known to lie in it.
void runtime_dir_remove(void);
