// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/config_read.c - where values come from: the file, then the flags.
#include "dataplane/core/config.h"
#include "dataplane/core/config_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "unknown"
#endif

static void help(void)
{
	puts("usage: sluice-dataplane [--config FILE] [--KEY VALUE]... [-- EAL ARGUMENTS]\n"
	     "\n"
	     "Forwards WebRTC media between a DPDK port and many subscribers. Every key of the\n"
	     "configuration file is a flag, with '-' for '_'; flags override the file.\n");
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *k = &config_keys[i];
		char flag[32];
		snprintf(flag, sizeof(flag), "%s", k->name);
		for (char *p = flag; *p != 0; p++)
			*p = *p == '_' ? '-' : *p;
		printf("  --%-16s %s%s%s%s\n", flag, k->means, k->standard[0] != 0 ? " [" : "",
		       k->standard, k->standard[0] != 0 ? "]" : "");
	}
}

// Cuts the spaces around 'text' off, in place.
static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && strchr(" \t\r\n", end[-1]) != NULL)
		*--end = 0;
	return text + strspn(text, " \t");
}

// One line: nothing, a comment, or KEY = VALUE. False with a sentence.
static bool read_line(struct config *c, char *line, char *why, size_t why_size)
{
	line[strcspn(line, "#")] = 0;
	char *key = trim(line);
	if (*key == 0)
		return true;
	char *equals = strchr(key, '=');
	if (equals == NULL) {
		snprintf(why, why_size, "\"%s\" is wrong: it wants KEY = VALUE", key);
		return false;
	}
	*equals = 0;
	return config_set(c, trim(key), trim(equals + 1), why, why_size);
}

// rte_cfgfile passes over lines it does not understand without a word; a mistyped key must not.
static bool read_file(struct config *c, const char *file, char *why, size_t why_size)
{
	FILE *f = fopen(file, "re");
	char *line = NULL;
	size_t room = 0;
	bool ok = true;

	if (f == NULL) {
		snprintf(why, why_size, "config = \"%s\" is wrong: %s; it wants a readable file",
			 file, strerror(errno));
		return false;
	}
	for (unsigned number = 1; ok && getline(&line, &room, f) >= 0; number++) {
		char what[CONFIG_WHY_BYTES - 256];
		ok = read_line(c, line, what, sizeof(what));
		if (!ok)
			snprintf(why, why_size, "%s line %u: %s", file, number, what);
	}
	free(line);
	fclose(f);
	return ok;
}

struct flag {
	char name[64]; // with '_' for '-'
	const char *value;
	int words; // of argv it took: 1 or 2
};

// "--key value" or "--key=value".
static bool flag_parse(struct flag *f, int argc, char **argv, int at, char *why, size_t why_size)
{
	const char *text = argv[at];
	size_t size = strcspn(text, "=");

	if (strncmp(text, "--", 2) != 0 || size < 3 || size - 2 >= sizeof(f->name)) {
		snprintf(why, why_size, "\"%s\" is wrong: it wants --KEY VALUE; --help lists them",
			 text);
		return false;
	}
	snprintf(f->name, sizeof(f->name), "%.*s", (int)(size - 2), text + 2);
	for (char *p = f->name; *p != 0; p++)
		*p = *p == '-' ? '_' : *p;
	f->words = text[size] == '=' ? 1 : 2;
	f->value = f->words == 1 ? text + size + 1 : at + 1 < argc ? argv[at + 1] : NULL;
	if (f->value == NULL || (f->words == 2 && strcmp(f->value, "--") == 0)) {
		snprintf(why, why_size, "%s is wrong: it wants a value", text);
		return false;
	}
	return true;
}

// Walks the flags. 'file' pass: only --config; else: everything but it.
static bool read_flags(struct config *c, int argc, char **argv, bool file, char *why,
		       size_t why_size)
{
	for (int at = 1; at < argc;) {
		struct flag f;
		if (!flag_parse(&f, argc, argv, at, why, why_size))
			return false;
		at += f.words;
		bool is_file = strcmp(f.name, "config") == 0;
		if (is_file != file)
			continue;
		if (is_file ? !read_file(c, f.value, why, why_size)
			    : !config_set(c, f.name, f.value, why, why_size))
			return false;
	}
	return true;
}

enum config_outcome config_read(struct config *c, int argc, char **argv, char *why, size_t why_size)
{
	int own = argc;

	config_defaults(c);
	for (int i = 1; i < own; i++) {
		if (strcmp(argv[i], "--") == 0) {
			own = i;
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			help();
			return CONFIG_SAID;
		} else if (strcmp(argv[i], "--version") == 0) {
			puts("sluice-dataplane " SLUICE_VERSION);
			return CONFIG_SAID;
		}
	}
	c->eal = argv + (own < argc ? own + 1 : argc);
	c->eal_count = own < argc ? argc - own - 1 : 0;
	if (!read_flags(c, own, argv, true, why, why_size) ||
	    !read_flags(c, own, argv, false, why, why_size) || !config_check(c, why, why_size))
		return CONFIG_WRONG;
	return CONFIG_OK;
}
