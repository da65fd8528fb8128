// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/eal_args.h - the configuration as EAL arguments, with the user's own last.
//
// Each argument of ours is left out where the user gives the same or one that excludes it.
// Lcores   0 is main; worker i is lcore i + 1.
#pragma once

#include "dataplane/core/config.h"

enum { EAL_ARGS_MAX = 128 };

struct eal_args {
	int count;
	char *argv[EAL_ARGS_MAX + 1]; // our own copies; the EAL reorders and keeps them
};

// 'memory_mb' is what --no-huge must set aside. 'allowed' are the CPUs main may use, as a list.
// False if there are too many arguments.
bool eal_args_make(struct eal_args *a, const struct config *c, unsigned memory_mb,
		   const char *allowed);
void eal_args_free(struct eal_args *a);

// The CPUs this process may run on, as a list such as "0-1".
bool eal_args_allowed_cpus(char *list, size_t size);

// True for devargs that name a PCI device.
bool eal_args_is_pci(const char *devargs);
