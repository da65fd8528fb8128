// SPDX-License-Identifier: Apache-2.0
// controlplane/ops/metrics.c - see metrics.h.
#include "controlplane/ops/metrics.h"

#include <gio/gio.h>
#include <stdarg.h>
#include <string.h>

const struct metrics_bounds metrics_call_bounds = {
	11,
	{0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 5},
};
const struct metrics_bounds metrics_handshake_bounds = {
	10,
	{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10},
};

struct collector {
	metrics_collect_fn collect;
	void *data;
};

struct metrics {
	GArray *collectors; // struct collector
};

struct metrics_page {
	GString *text;
	const char *family; // being written
};

struct metrics *metrics_new(void)
{
	struct metrics *m = g_new0(struct metrics, 1);

	m->collectors = g_array_new(FALSE, FALSE, sizeof(struct collector));
	return m;
}

void metrics_free(struct metrics **metrics)
{
	if (*metrics != NULL)
		g_array_unref((*metrics)->collectors);
	g_clear_pointer(metrics, g_free);
}

void metrics_add_collector(struct metrics *m, metrics_collect_fn collect, void *data)
{
	struct collector c = {collect, data};

	g_array_append_val(m->collectors, c);
}

char *metrics_text(const struct metrics *m)
{
	struct metrics_page page = {.text = g_string_new(NULL)};

	for (guint i = 0; i < m->collectors->len; i++) {
		const struct collector *c = &g_array_index(m->collectors, struct collector, i);
		c->collect(&page, c->data);
	}
	return g_string_free(page.text, FALSE);
}

// RFC 9110 12.5.3: gzip is listed, and not with a weight of 0.
static bool accepts_gzip(const char *accept_encoding)
{
	char **parts = g_strsplit(accept_encoding, ",", 32);
	bool accepted = false;

	for (size_t i = 0; parts[i] != NULL && !accepted; i++) {
		char **words = g_strsplit(g_strstrip(parts[i]), ";", 2);
		const char *q =
			words[0] != NULL && words[1] != NULL ? strstr(words[1], "q=") : NULL;
		accepted = words[0] != NULL &&
			   g_ascii_strcasecmp(g_strstrip(words[0]), "gzip") == 0 &&
			   (q == NULL || g_ascii_strtod(q + 2, NULL) > 0);
		g_strfreev(words);
	}
	g_strfreev(parts);
	return accepted;
}

// Memory streams do not fail. Takes `plain`.
static GBytes *gzip(GBytes *plain)
{
	GConverter *deflate = G_CONVERTER(g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP, 1));
	GOutputStream *memory = g_memory_output_stream_new_resizable();
	GOutputStream *stream = g_converter_output_stream_new(memory, deflate);
	GBytes *packed;

	g_output_stream_write_all(stream, g_bytes_get_data(plain, NULL), g_bytes_get_size(plain),
				  NULL, NULL, NULL);
	g_output_stream_close(stream, NULL, NULL);
	packed = g_memory_output_stream_steal_as_bytes(G_MEMORY_OUTPUT_STREAM(memory));
	g_object_unref(stream);
	g_object_unref(memory);
	g_object_unref(deflate);
	g_bytes_unref(plain);
	return packed;
}

GBytes *metrics_body(const struct metrics *m, const char *accept_encoding, bool *gzipped)
{
	char *text = metrics_text(m);
	GBytes *plain = g_bytes_new_take(text, strlen(text));

	*gzipped = accept_encoding != NULL && accepts_gzip(accept_encoding);
	return *gzipped ? gzip(plain) : plain;
}

void metrics_family(struct metrics_page *page, const char *name, enum metrics_type type,
		    const char *help)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};

	page->family = name;
	g_string_append_printf(page->text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
			       types[type]);
}

static void append_label(struct metrics_page *page, char before, const char *name,
			 const char *value)
{
	g_string_append_printf(page->text, "%c%s=\"", before, name);
	for (const char *c = value; *c != '\0'; c++) {
		if (*c == '\n')
			g_string_append(page->text, "\\n");
		else if (*c == '"' || *c == '\\')
			g_string_append_printf(page->text, "\\%c", *c);
		else
			g_string_append_c(page->text, *c);
	}
	g_string_append_c(page->text, '"');
}

// NAME[SUFFIX][{labels[,le="LE"]}] and a blank.
static void append_series(struct metrics_page *page, const char *suffix, const char *le,
			  va_list labels)
{
	const char *name;
	char before = '{';

	g_string_append_printf(page->text, "%s%s", page->family, suffix);
	while ((name = va_arg(labels, const char *)) != NULL) {
		append_label(page, before, name, va_arg(labels, const char *));
		before = ',';
	}
	if (le != NULL) {
		append_label(page, before, "le", le);
		before = ',';
	}
	g_string_append(page->text, before == '{' ? " " : "} ");
}

static void append_double(struct metrics_page *page, double value)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	g_string_append(page->text, g_ascii_formatd(text, sizeof(text), "%.12g", value));
	g_string_append_c(page->text, '\n');
}

static void append_count(struct metrics_page *page, uint64_t value)
{
	g_string_append_printf(page->text, "%" G_GUINT64_FORMAT "\n", value);
}

void metrics_count(struct metrics_page *page, uint64_t value, ...)
{
	va_list labels;

	va_start(labels, value);
	append_series(page, "", NULL, labels);
	va_end(labels);
	append_count(page, value);
}

void metrics_value(struct metrics_page *page, double value, ...)
{
	va_list labels;

	va_start(labels, value);
	append_series(page, "", NULL, labels);
	va_end(labels);
	append_double(page, value);
}

void metrics_single_count(struct metrics_page *page, const char *name, uint64_t value,
			  const char *help)
{
	metrics_family(page, name, METRICS_COUNTER, help);
	metrics_count(page, value, NULL);
}

void metrics_single_gauge(struct metrics_page *page, const char *name, double value,
			  const char *help)
{
	metrics_family(page, name, METRICS_GAUGE, help);
	metrics_value(page, value, NULL);
}

void metrics_observe(struct metrics_histogram *h, const struct metrics_bounds *bounds, double value)
{
	size_t i = 0;

	while (i < bounds->count && value > bounds->bound[i])
		i++;
	h->buckets[i]++;
	h->sum += value;
}

void metrics_histogram(struct metrics_page *page, const struct metrics_histogram *h,
		       const struct metrics_bounds *bounds, ...)
{
	char le[G_ASCII_DTOSTR_BUF_SIZE];
	uint64_t count = 0;
	va_list labels;

	for (size_t i = 0; i <= bounds->count; i++) {
		count += h->buckets[i];
		if (i < bounds->count)
			g_ascii_formatd(le, sizeof(le), "%g", bounds->bound[i]);
		va_start(labels, bounds);
		append_series(page, "_bucket", i < bounds->count ? le : "+Inf", labels);
		va_end(labels);
		append_count(page, count);
	}
	va_start(labels, bounds);
	append_series(page, "_sum", NULL, labels);
	va_end(labels);
	append_double(page, h->sum);
	va_start(labels, bounds);
	append_series(page, "_count", NULL, labels);
	va_end(labels);
	append_count(page, count);
}
