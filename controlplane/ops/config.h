// SPDX-License-Identifier: Apache-2.0
// controlplane/ops/config.h - reads a table of keys from one file and from flags.
//
// Path     main.c -> settings.c -> [config]
// Owns     the strings and lists it writes into the settings.
//
// A file has [section] and key = value; a flag is --key VALUE or --key=VALUE, with - for _, and
// wins. Lists are separated by commas or blanks. An empty value means "none".
#ifndef SLUICE_CONTROLPLANE_OPS_CONFIG_H
#define SLUICE_CONTROLPLANE_OPS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

enum config_kind {
	CONFIG_TEXT, // char *, NULL when empty
	CONFIG_LIST, // char **, ends with NULL, never NULL itself
	CONFIG_NUMBER, // unsigned, from `min` to `max`
};

struct config_row {
	const char *section, *key;
	enum config_kind kind;
	size_t offset; // of the member in the settings
	const char *fallback;
	bool (*check)(const char *value); // of the text, or of each element; NULL: anything goes
	const char *want; // what would be right: "the key must be ..."
	unsigned min, max;
};

enum config_result {
	CONFIG_GO_ON,
	CONFIG_SHOWN, // --help: the text is for standard output, exit with 0
	CONFIG_WRONG, // the text is one sentence, exit with 2
};

// Fills `settings` from defaults, then the file of --config, then the flags. Gives `text`.
enum config_result config_read(const struct config_row *rows, size_t count, void *settings,
			       int argc, char *const *argv, char **text);
void config_clear(const struct config_row *rows, size_t count, void *settings);

#endif
