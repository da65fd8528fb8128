// SPDX-License-Identifier: Apache-2.0
// controlplane/ops/config.c - see config.h.
#include "controlplane/ops/config.h"

#include <glib.h>
#include <string.h>

struct config {
	const struct config_row *rows;
	size_t count;
	void *settings;
	char **text; // of the first thing that is wrong
};

static bool config_say(const struct config *c, const char *format, ...) G_GNUC_PRINTF(2, 3);

// Always false, for "return config_say(...)".
static bool config_say(const struct config *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*c->text = g_strdup_vprintf(format, args);
	va_end(args);
	return false;
}

static void *config_member(const struct config *c, const struct config_row *row)
{
	return (char *)c->settings + row->offset;
}

static char **config_split(const char *value)
{
	char **parts = g_strsplit_set(value, ", \t", -1);
	size_t kept = 0;

	for (size_t i = 0; parts[i] != NULL; i++) {
		if (parts[i][0] == '\0')
			g_free(parts[i]);
		else
			parts[kept++] = parts[i];
	}
	parts[kept] = NULL;
	return parts;
}

static bool config_wrong(const struct config *c, const struct config_row *row, const char *value)
{
	return config_say(c, "%s: \"%s\" is not right: it must be %s", row->key, value, row->want);
}

static bool config_set_text(const struct config *c, const struct config_row *row, const char *value)
{
	char **member = config_member(c, row);

	if (value[0] != '\0' && row->check != NULL && !row->check(value))
		return config_wrong(c, row, value);
	g_free(*member);
	*member = value[0] != '\0' ? g_strdup(value) : NULL;
	return true;
}

static bool config_set_list(const struct config *c, const struct config_row *row, const char *value)
{
	char ***member = config_member(c, row);
	char **list = config_split(value);

	for (size_t i = 0; list[i] != NULL && row->check != NULL; i++) {
		if (!row->check(list[i])) {
			config_wrong(c, row, list[i]);
			g_strfreev(list);
			return false;
		}
	}
	g_strfreev(*member);
	*member = list;
	return true;
}

static bool config_set_number(const struct config *c, const struct config_row *row,
			      const char *value)
{
	guint64 number;

	if (!g_ascii_string_to_unsigned(value, 10, row->min, row->max, &number, NULL))
		return config_say(c, "%s: \"%s\" is not right: it must be a number from %u to %u",
				  row->key, value, row->min, row->max);
	*(unsigned *)config_member(c, row) = (unsigned)number;
	return true;
}

static bool config_set(const struct config *c, const struct config_row *row, const char *value)
{
	switch (row->kind) {
	case CONFIG_TEXT:
		return config_set_text(c, row, value);
	case CONFIG_LIST:
		return config_set_list(c, row, value);
	case CONFIG_NUMBER:
		return config_set_number(c, row, value);
	}
	g_assert_not_reached();
}

static const struct config_row *config_find(const struct config *c, const char *section,
					    const char *key)
{
	for (size_t i = 0; i < c->count; i++)
		if (g_str_equal(c->rows[i].key, key) &&
		    (section == NULL || g_str_equal(c->rows[i].section, section)))
			return &c->rows[i];
	return NULL;
}

static bool config_take_key(const struct config *c, GKeyFile *file, const char *path,
			    const char *section, const char *key)
{
	const struct config_row *row = config_find(c, section, key);
	const struct config_row *elsewhere = config_find(c, NULL, key);
	char *value;
	bool ok;

	if (row == NULL && elsewhere != NULL)
		return config_say(c, "%s: %s belongs to section [%s], not to [%s]", path, key,
				  elsewhere->section, section);
	if (row == NULL)
		return config_say(c, "%s: %s in section [%s] is no known key; --help lists them",
				  path, key, section);
	value = g_key_file_get_string(file, section, key, NULL);
	ok = value != NULL ? config_set(c, row, g_strstrip(value))
			   : config_say(c, "%s: the value of %s is not UTF-8", path, key);
	g_free(value);
	return ok;
}

static bool config_take_section(const struct config *c, GKeyFile *file, const char *path,
				const char *section)
{
	char **keys = g_key_file_get_keys(file, section, NULL, NULL);
	bool ok = true;

	for (size_t i = 0; ok && keys != NULL && keys[i] != NULL; i++)
		ok = config_take_key(c, file, path, section, keys[i]);
	g_strfreev(keys);
	return ok;
}

static bool config_take_file(const struct config *c, const char *path)
{
	GKeyFile *file = g_key_file_new();
	GError *error = NULL;
	char **sections;
	bool ok = true;

	if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &error)) {
		ok = config_say(c, "config: \"%s\" is not right: %s", path, error->message);
		g_error_free(error);
	}
	sections = g_key_file_get_groups(file, NULL);
	for (size_t i = 0; ok && sections[i] != NULL; i++)
		ok = config_take_section(c, file, path, sections[i]);
	g_strfreev(sections);
	g_key_file_free(file);
	return ok;
}

// One flag at argv[*at]; moves *at behind it. Gives key (with _) and value.
static bool config_flag(const struct config *c, int argc, char *const *argv, int *at, char **key,
			const char **value)
{
	const char *flag = argv[*at];
	const char *equals = strchr(flag, '=');

	if (!g_str_has_prefix(flag, "--"))
		return config_say(c, "\"%s\" is no flag; --help lists them", flag);
	if (equals == NULL && *at + 1 >= argc)
		return config_say(c, "%s: its value is missing; --help lists the flags", flag);
	*key = equals != NULL ? g_strndup(flag + 2, (gsize)(equals - flag - 2))
			      : g_strdup(flag + 2);
	g_strdelimit(*key, "-", '_');
	*value = equals != NULL ? equals + 1 : argv[*at + 1];
	*at += equals != NULL ? 1 : 2;
	return true;
}

// Two passes: the file named by --config first, whatever its place; then what overrides it.
static bool config_take_flags(const struct config *c, int argc, char *const *argv, bool file)
{
	bool ok = true;

	for (int at = 1; ok && at < argc;) {
		const struct config_row *row;
		const char *value = NULL, *flag = argv[at];
		char *key = NULL;

		if (!config_flag(c, argc, argv, &at, &key, &value))
			return false;
		row = config_find(c, NULL, key);
		if (g_str_equal(key, "config"))
			ok = !file || config_take_file(c, value);
		else if (row == NULL)
			ok = config_say(c, "%s is no known flag; --help lists them", flag);
		else
			ok = file || config_set(c, row, value);
		g_free(key);
	}
	return ok;
}

static char *config_help(const struct config *c, const char *program)
{
	GString *text = g_string_new(NULL);

	g_string_printf(text, "usage: %s [--config FILE] [--KEY VALUE]...\n\nkeys:\n", program);
	for (size_t i = 0; i < c->count; i++) {
		const struct config_row *row = &c->rows[i];
		char *flag = g_strdelimit(g_strdup(row->key), "_", '-');

		g_string_append_printf(text, "  --%-22s %s", flag,
				       row->want != NULL ? row->want : "");
		if (row->kind == CONFIG_NUMBER)
			g_string_append_printf(text, "%u to %u", row->min, row->max);
		g_string_append_printf(text, " (default: %s)\n",
				       row->fallback[0] != '\0' ? row->fallback : "none");
		g_free(flag);
	}
	return g_string_free(text, FALSE);
}

enum config_result config_read(const struct config_row *rows, size_t count, void *settings,
			       int argc, char *const *argv, char **text)
{
	const struct config c = {rows, count, settings, text};
	bool ok;

	*text = NULL;
	for (size_t i = 0; i < count; i++) {
		ok = config_set(&c, &rows[i], rows[i].fallback);
		g_assert(ok); // our own table
	}
	for (int i = 1; i < argc; i++) {
		if (g_str_equal(argv[i], "--help")) {
			*text = config_help(&c, argv[0]);
			return CONFIG_SHOWN;
		}
	}
	ok = config_take_flags(&c, argc, argv, true) && config_take_flags(&c, argc, argv, false);
	return ok ? CONFIG_GO_ON : CONFIG_WRONG;
}

void config_clear(const struct config_row *rows, size_t count, void *settings)
{
	const struct config c = {rows, count, settings, NULL};

	for (size_t i = 0; i < count; i++) {
		char **text = config_member(&c, &rows[i]);
		char ***list = config_member(&c, &rows[i]);

		if (rows[i].kind == CONFIG_TEXT)
			g_clear_pointer(text, g_free);
		else if (rows[i].kind == CONFIG_LIST)
			g_clear_pointer(list, g_strfreev);
	}
}
