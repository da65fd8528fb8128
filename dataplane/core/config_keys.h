// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/config_keys.h - every key of the configuration: name, kind, bounds, and the words
// for --help and for errors.
#pragma once

#include "dataplane/core/config.h"

enum config_kind { CONFIG_TEXT, CONFIG_NUMBER, CONFIG_IDLE, CONFIG_CHECKSUM, CONFIG_PORT_RANGE };

struct config_key {
	const char *name; // in the file; as a flag with '-' for '_'
	enum config_kind kind;
	size_t offset; // of the field in struct config
	uint32_t min, max; // CONFIG_NUMBER, both inclusive
	const char *standard;
	const char *means;
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

// NULL if there is no such key.
const struct config_key *config_key_find(const char *name);
