// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/config_read.c - where values come from: the file, then the flags.
#include "dataplane/core/config.h"
#include "dataplane/core/config_keys.h"

#include <errno.h>
#include <rte_cfgfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static bool read_entry(struct config *c, const char *file, const struct rte_cfgfile_entry *e,
		       char *why, size_t why_size)
{
	char what[CONFIG_WHY_BYTES - 256];

	if (config_set(c, e->name, e->value, what, sizeof(what)))
		return true;
	snprintf(why, why_size, "%s: %s", file, what);
	return false;
}

static bool read_entries(struct config *c, const char *file, struct rte_cfgfile *cfg, char *why,
			 size_t why_size)
{
	static const char section[] = "GLOBAL"; // rte_cfgfile's name for what precedes any section
	int count = rte_cfgfile_section_num_entries(cfg, section);
	bool ok = true;

	if (rte_cfgfile_num_sections(cfg, NULL, 0) != 1) {
		snprintf(why, why_size, "%s: it has sections; it wants lines of KEY = VALUE alone",
			 file);
		return false;
	}
	if (count <= 0)
		return true;
	struct rte_cfgfile_entry *entries = calloc((size_t)count, sizeof(*entries));
	if (entries == NULL || rte_cfgfile_section_entries(cfg, section, entries, count) != count) {
		snprintf(why, why_size, "%s: no memory to read it", file);
		ok = false;
	}
	for (int i = 0; ok && i < count; i++)
		ok = read_entry(c, file, &entries[i], why, why_size);
	free(entries);
	return ok;
}

static bool read_file(struct config *c, const char *file, char *why, size_t why_size)
{
	struct rte_cfgfile_parameters params = {.comment_character = '#'};

	if (access(file, R_OK) != 0) {
		snprintf(why, why_size, "config = \"%s\" is wrong: %s; it wants a readable file",
			 file, strerror(errno));
		return false;
	}
	struct rte_cfgfile *cfg = rte_cfgfile_load_with_params(
		file, CFG_FLAG_GLOBAL_SECTION | CFG_FLAG_EMPTY_VALUES, &params);
	if (cfg == NULL) {
		snprintf(why, why_size, "%s: a line is not KEY = VALUE (which one stands above)",
			 file);
		return false;
	}
	bool ok = read_entries(c, file, cfg, why, why_size);
	rte_cfgfile_close(cfg);
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
