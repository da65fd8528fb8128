// SPDX-License-Identifier: Apache-2.0
// tests/unit/ops/metrics_test.c - the text of a scrape, by the exposition format's own rules.
#include <gio/gio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/ops/metrics.h"
#include "controlplane/ops/process_metrics.h"

static const struct metrics_bounds bounds = {3, {0.5, 1, 2.5}};

static char *text_of(metrics_collect_fn collect, void *data)
{
	struct metrics *m = metrics_new();
	char *text;

	metrics_add_collector(m, collect, data);
	text = metrics_text(m);
	metrics_free(&m);
	assert_null(m);
	return text;
}

static void some_counters(struct metrics_page *page, void *data)
{
	(void)data;
	metrics_single_count(page, "a_total", UINT64_MAX, "All of them.");
	metrics_family(page, "b", METRICS_GAUGE, "Some.");
	metrics_value(page, -0.25, "x", "1", "y", "a\"b\\c\nd", NULL);
	metrics_value(page, 1e18, "x", "2", "y", "", NULL);
}

static void test_text(void **state)
{
	char *text = text_of(some_counters, NULL);

	(void)state;
	assert_string_equal(text, "# HELP a_total All of them.\n"
				  "# TYPE a_total counter\n"
				  "a_total 18446744073709551615\n"
				  "# HELP b Some.\n"
				  "# TYPE b gauge\n"
				  "b{x=\"1\",y=\"a\\\"b\\\\c\\nd\"} -0.25\n"
				  "b{x=\"2\",y=\"\"} 1e+18\n");
	g_free(text);
}

static void a_histogram(struct metrics_page *page, void *data)
{
	metrics_family(page, "h", METRICS_HISTOGRAM, "How long.");
	metrics_histogram(page, data, &bounds, "s", "t", NULL);
}

// Buckets are cumulative, a bound belongs to its bucket, and there is always one without bound.
static void test_histogram(void **state)
{
	static const double values[] = {0.5, 0.25, 1, 2, 9};
	struct metrics_histogram h = {0};
	char *text;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(values); i++)
		metrics_observe(&h, &bounds, values[i]);
	text = text_of(a_histogram, &h);
	assert_string_equal(text, "# HELP h How long.\n"
				  "# TYPE h histogram\n"
				  "h_bucket{s=\"t\",le=\"0.5\"} 2\n"
				  "h_bucket{s=\"t\",le=\"1\"} 3\n"
				  "h_bucket{s=\"t\",le=\"2.5\"} 4\n"
				  "h_bucket{s=\"t\",le=\"+Inf\"} 5\n"
				  "h_sum{s=\"t\"} 12.75\n"
				  "h_count{s=\"t\"} 5\n");
	g_free(text);
}

static void test_bounds_ascend(void **state)
{
	const struct metrics_bounds *all[] = {&metrics_call_bounds, &metrics_handshake_bounds};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		assert_in_range(all[i]->count, 1, METRICS_BOUNDS_MAX);
		for (size_t b = 1; b < all[i]->count; b++)
			assert_true(all[i]->bound[b] > all[i]->bound[b - 1]);
	}
}

static char *unpack(GBytes *packed)
{
	GConverter *inflate = G_CONVERTER(g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP));
	GInputStream *memory = g_memory_input_stream_new_from_bytes(packed);
	GInputStream *stream = g_converter_input_stream_new(memory, inflate);
	char *text = g_malloc0(4096);

	assert_true(g_input_stream_read_all(stream, text, 4095, NULL, NULL, NULL));
	g_object_unref(stream);
	g_object_unref(memory);
	g_object_unref(inflate);
	return text;
}

// RFC 9110 12.5.3.
static void test_gzip_when_asked(void **state)
{
	static const struct {
		const char *accepted;
		bool gzipped;
	} rows[] = {
		{NULL, false},	       {"", false},
		{"gzip", true},	       {"deflate, GZIP;q=0.5, br", true},
		{"gzip ; q=0", false}, {"gzip;q=0.000, identity", false},
		{"x-gzipped", false},  {",,;,", false},
	};
	struct metrics *m = metrics_new();
	char *plain;

	(void)state;
	metrics_add_collector(m, some_counters, NULL);
	plain = metrics_text(m);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		bool gzipped;
		GBytes *body = metrics_body(m, rows[i].accepted, &gzipped);
		char *text =
			gzipped ? unpack(body)
				: g_strndup(g_bytes_get_data(body, NULL), g_bytes_get_size(body));

		assert_int_equal(gzipped, rows[i].gzipped);
		assert_string_equal(text, plain);
		g_free(text);
		g_bytes_unref(body);
	}
	g_free(plain);
	metrics_free(&m);
}

static double value_of(const char *text, const char *name)
{
	char *line = g_strdup_printf("\n%s ", name);
	const char *at = strstr(text, line);
	double value;

	assert_non_null(at);
	value = g_ascii_strtod(at + strlen(line), NULL);
	g_free(line);
	return value;
}

static void test_process(void **state)
{
	char *text = text_of(process_metrics_collect, NULL);
	double started = value_of(text, "process_start_time_seconds");
	double now = (double)g_get_real_time() / G_USEC_PER_SEC;

	(void)state;
	assert_true(started <= now + 1 && started > now - 60);
	assert_true(value_of(text, "process_resident_memory_bytes") > 100000);
	assert_true(value_of(text, "process_virtual_memory_bytes") >
		    value_of(text, "process_resident_memory_bytes"));
	assert_true(value_of(text, "process_open_fds") >= 3);
	assert_true(value_of(text, "process_max_fds") >= value_of(text, "process_open_fds"));
	assert_true(value_of(text, "process_threads") >= 1);
	assert_non_null(strstr(text, "\nsluice_build_info{version=\"" SLUICE_VERSION "\"} 1\n"));
	g_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),	      cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_bounds_ascend), cmocka_unit_test(test_gzip_when_asked),
		cmocka_unit_test(test_process),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
