// SPDX-License-Identifier: Apache-2.0
// controlplane/ops/log.c - see log.h.
#include "controlplane/ops/log.h"

#include <stdarg.h>
#include <unistd.h>

static enum log_level log_threshold = LOG_INFO;
static bool log_json;

static const char *const log_names[] = {"debug", "info", "warning", "error"};

void log_open(enum log_level threshold, bool json)
{
	log_threshold = threshold;
	log_json = json;
}

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

static void log_write(enum log_level level, const char *area, const char *text)
{
	GDateTime *now = g_date_time_new_now_utc();
	char *time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S.%fZ");
	GString *line = g_string_new(NULL);

	if (log_json) {
		g_string_printf(line,
				"{\"time\":\"%s\",\"level\":\"%s\",\"area\":\"%s\",\"text\":\"",
				time, log_names[level], area);
		log_append_json(line, text);
		g_string_append(line, "\"}\n");
	} else {
		g_string_printf(line, "%s %-7s %s: ", time, log_names[level], area);
		log_append_text(line, text);
		g_string_append_c(line, '\n');
	}
	if (write(STDERR_FILENO, line->str, line->len) < 0) {
		// There is nowhere to say so.
	}
	g_string_free(line, TRUE);
	g_free(time);
	g_date_time_unref(now);
}

void log_line(enum log_level level, const char *area, const char *format, ...)
{
	va_list args;
	char *text;

	if (level < log_threshold)
		return;
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	log_write(level, area, text);
	g_free(text);
}
