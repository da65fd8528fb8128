// SPDX-License-Identifier: Apache-2.0
// controlplane/ops/log.c - see log.h.
#include "controlplane/ops/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include "controlplane/ops/log_limit.h"
#include "controlplane/ops/log_redact.h"

static struct log_options log_options = {.threshold = LOG_INFO};
static GMutex log_lock; // over log_limits
static struct log_limit log_limits;
static _Atomic uint64_t log_written[LOG_LEVELS], log_held_back;

static const char *const log_names[LOG_LEVELS] = {"debug", "info", "warning", "error"};

// RFC 8259 section 7. What is not UTF-8 is shown, not trusted.
static void log_append_json(GString *line, const char *text)
{
	char *valid = g_utf8_make_valid(text, -1);

	for (const char *c = valid; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			g_string_append_printf(line, "\\%c", *c);
		else if ((unsigned char)*c < 0x20)
			g_string_append_printf(line, "\\u%04x", (unsigned)*c);
		else
			g_string_append_c(line, *c);
	}
	g_free(valid);
}

// One line stays one line, whatever a peer put into it.
static void log_append_text(GString *line, const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		g_string_append_c(line, (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c);
}

static GString *log_json_line(const char *time, enum log_level level, const char *area,
			      const char *text, uint64_t held_back)
{
	GString *line = g_string_new(NULL);

	g_string_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"area\":\"", time,
			log_names[level]);
	log_append_json(line, area);
	g_string_append(line, "\",\"text\":\"");
	log_append_json(line, text);
	g_string_append_c(line, '"');
	if (held_back > 0)
		g_string_append_printf(line, ",\"held_back\":%" G_GUINT64_FORMAT, held_back);
	g_string_append(line, "}\n");
	return line;
}

static GString *log_text_line(const char *time, enum log_level level, const char *area,
			      const char *text, uint64_t held_back)
{
	GString *line = g_string_new(NULL);

	g_string_printf(line, "%s %-7s %s: ", time, log_names[level], area);
	log_append_text(line, text);
	if (held_back > 0)
		g_string_append_printf(line, " (%" G_GUINT64_FORMAT " such lines held back)",
				       held_back);
	g_string_append_c(line, '\n');
	return line;
}

static void log_write(enum log_level level, const char *area, const char *text, uint64_t held_back)
{
	GDateTime *now = g_date_time_new_now_utc();
	char *time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S.%fZ");
	char *redacted = log_options.redact_addresses ? log_redact(text) : NULL;
	GString *line = (log_options.json ? log_json_line : log_text_line)(
		time, level, area, redacted != NULL ? redacted : text, held_back);

	if (write(STDERR_FILENO, line->str, line->len) < 0) {
		// There is nowhere to say so.
	}
	g_string_free(line, TRUE);
	g_free(redacted);
	g_free(time);
	g_date_time_unref(now);
	atomic_fetch_add_explicit(&log_written[level], 1, memory_order_relaxed);
}

static bool log_allows(const void *message, uint64_t *held_back)
{
	bool allows;

	g_mutex_lock(&log_lock);
	allows = log_limit_allows(&log_limits, message, g_get_monotonic_time(), held_back);
	g_mutex_unlock(&log_lock);
	if (!allows)
		atomic_fetch_add_explicit(&log_held_back, 1, memory_order_relaxed);
	return allows;
}

void log_line(enum log_level level, const char *area, const char *format, ...)
{
	uint64_t held_back;
	va_list args;
	char *text;

	if (level < log_options.threshold || !log_allows(format, &held_back))
		return;
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	log_write(level, area, text, held_back);
	g_free(text);
}

static enum log_level log_level_of_glib(GLogLevelFlags flags)
{
	if ((flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) != 0)
		return LOG_ERROR;
	if ((flags & G_LOG_LEVEL_WARNING) != 0)
		return LOG_WARNING;
	return (flags & (G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO)) != 0 ? LOG_INFO : LOG_DEBUG;
}

// Libraries' messages are told apart by their log domain alone.
static GLogWriterOutput log_from_glib(GLogLevelFlags flags, const GLogField *fields, gsize count,
				      gpointer data)
{
	const char *domain = "glib", *text = "";
	enum log_level level = log_level_of_glib(flags);
	uint64_t held_back;

	(void)data;
	for (gsize i = 0; i < count; i++) {
		if (g_str_equal(fields[i].key, "GLIB_DOMAIN") && fields[i].value != NULL)
			domain = fields[i].value;
		else if (g_str_equal(fields[i].key, "MESSAGE") && fields[i].value != NULL)
			text = fields[i].value;
	}
	if (level >= log_options.threshold && log_allows(domain, &held_back))
		log_write(level, domain, text, held_back);
	return G_LOG_WRITER_HANDLED;
}

void log_open(const struct log_options *options)
{
	static bool taken_over; // GLib allows it once

	log_options = *options;
	if (!taken_over)
		g_log_set_writer_func(log_from_glib, NULL, NULL);
	taken_over = true;
}

void log_collect(struct metrics_page *page, void *data)
{
	(void)data;
	metrics_family(page, "sluice_log_lines_total", METRICS_COUNTER, "Log lines written.");
	for (size_t i = 0; i < LOG_LEVELS; i++)
		metrics_count(page, atomic_load(&log_written[i]), "level", log_names[i], NULL);
	metrics_single_count(page, "sluice_log_lines_held_back_total", atomic_load(&log_held_back),
			     "Log lines held back because their message came too often.");
}
