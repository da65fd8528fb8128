// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/core/config_test.c - flags override the file, and wrong values are named.
#include "dataplane/core/config.h"
#include "dataplane/core/eal_args.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The program's name goes first; nothing is written to.
#define READ(c, why, ...)                                                                          \
	config_read(c, sizeof((const char *[]){"x", __VA_ARGS__}) / sizeof(char *),                \
		    (char **)(uintptr_t)(const char *[]){"x", __VA_ARGS__}, why, sizeof(why))

static void write_file(char *path, const char *text)
{
	strcpy(path, "/tmp/sluice-config-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void flags_override_the_file(void **state)
{
	char path[64], why[CONFIG_WHY_BYTES];
	struct config c;

	(void)state;
	write_file(path, "# comment\nworkers = 3 # three\nwire=net_null0\n\nidle = adaptive\n"
			 "internal_ports = 50000-50009\nworker_cores =\n");
	assert_int_equal(READ(&c, why, "--workers", "2", "--config", path, "--public-port=4000",
			      "--", "--no-huge", "-m", "64"),
			 CONFIG_OK);
	assert_int_equal(c.workers, 2);
	assert_string_equal(c.wire, "net_null0");
	assert_int_equal(c.idle, CONFIG_IDLE_ADAPTIVE);
	assert_int_equal(c.public_port, 4000);
	assert_int_equal(c.internal_port_first, 50000);
	assert_int_equal(c.internal_port_last, 50009);
	assert_int_equal(c.transports, 1024); // the documented default
	assert_int_equal(c.eal_count, 3);
	assert_string_equal(c.eal[0], "--no-huge");
	unlink(path);
}

// The sentence names the key and the value, and says what would be right.
static void wrong_values_are_named(void **state)
{
	static const struct {
		const char *key, *value, *right;
	} cases[] = {
		{"workers", "0", "1 to 16"},
		{"workers", "17", "1 to 16"},
		{"workers", "-1", "1 to 16"},
		{"workers", "2x", "1 to 16"},
		{"workers", "", "1 to 16"},
		{"workers", "4294967297", "1 to 16"},
		{"public_port", "65536", "1 to 65535"},
		{"idle", "lazy", "busy or adaptive"},
		{"internal_ports", "40000", "FIRST-LAST"},
		{"internal_ports", "40010-40000", "FIRST-LAST"},
		{"internal_ports", "80-90", "FIRST-LAST"},
		{"transports", "1e6", "1 to 65536"},
		{"colour", "blue", "no such key"},
	};
	struct config c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char why[CONFIG_WHY_BYTES] = "", named[64];
		config_defaults(&c);
		assert_false(config_set(&c, cases[i].key, cases[i].value, why, sizeof(why)));
		snprintf(named, sizeof(named), "%s = \"%s\"", cases[i].key, cases[i].value);
		assert_non_null(strstr(why, named));
		assert_non_null(strstr(why, cases[i].right));
	}
}

static void wrong_together(void **state)
{
	char why[CONFIG_WHY_BYTES];
	struct config c;

	(void)state;
#define WRONG(word, ...)                                                                           \
	do {                                                                                       \
		assert_int_equal(READ(&c, why, __VA_ARGS__), CONFIG_WRONG);                        \
		assert_non_null(strstr(why, word));                                                \
	} while (0)
	WRONG("wire", "--workers", "1");
	WRONG("outside internal_ports", "--wire", "net_null0", "--public-port", "40000");
	WRONG("qpairs=2", "--wire", "net_af_packet0,iface=a,qpairs=3", "--workers", "2");
	WRONG("as many CPUs", "--wire", "net_null0", "--workers", "2", "--worker-cores", "1");
	WRONG("as many CPUs", "--wire", "net_null0", "--worker-cores", "2-");
	WRONG("tap:NAME", "--wire", "net_null0", "--kernel-port", "tap:");
	WRONG("tap:NAME", "--wire", "net_null0", "--kernel-port", "tap:much-too-long-a-name");
	WRONG("characters", "--wire", "net_null0", "--socket", "");
	WRONG("libsrtp2", "--wire", "net_null0", "--srtp-engine", "openssl");
	WRONG("KEY VALUE", "wire");
	WRONG("wants a value", "--wire");
	WRONG("readable file", "--config", "/nonexistent/file");
#undef WRONG
}

static void wrong_files(void **state)
{
	static const char *const texts[] = {"workers = 99\n", "[section]\nworkers = 1\n",
					    "not a setting\n"};
	char path[64], why[CONFIG_WHY_BYTES];
	struct config c;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_file(path, texts[i]);
		assert_int_equal(READ(&c, why, "--wire", "net_null0", "--config", path),
				 CONFIG_WRONG);
		assert_non_null(strstr(why, path));
		unlink(path);
	}
}

static void cpu_lists(void **state)
{
	unsigned cpus[4];

	(void)state;
	assert_int_equal(config_cpus("2-4,7", cpus, 4), 4);
	assert_int_equal(cpus[0], 2);
	assert_int_equal(cpus[2], 4);
	assert_int_equal(cpus[3], 7);
	assert_int_equal(config_cpus("", cpus, 4), 0);
	assert_int_equal(config_cpus("1,", cpus, 4), -1);
	assert_int_equal(config_cpus("1-9", cpus, 4), -1);
	assert_int_equal(config_cpus("4-2", cpus, 4), -1);
	assert_int_equal(config_cpus("a", cpus, 4), -1);
}

static bool has(const struct eal_args *a, const char *arg)
{
	for (int i = 0; i < a->count; i++)
		if (strcmp(a->argv[i], arg) == 0)
			return true;
	return false;
}

static void eal_arguments(void **state)
{
	char why[CONFIG_WHY_BYTES];
	struct eal_args a;
	struct config c;

	(void)state;
	assert_int_equal(READ(&c, why, "--wire", "net_null0", "--workers", "2"), CONFIG_OK);
	assert_true(eal_args_make(&a, &c, 99, "0-1"));
	assert_true(has(&a, "--no-pci"));
	assert_true(has(&a, "--in-memory"));
	assert_true(has(&a, "--lcores=(0-2)@(0-1)"));
	eal_args_free(&a);

	assert_int_equal(READ(&c, why, "--wire", "0000:03:00.0", "--workers", "2", "--worker-cores",
			      "2,5", "--", "--no-huge", "--log-level=debug"),
			 CONFIG_OK);
	assert_true(eal_args_make(&a, &c, 99, "0-1"));
	assert_false(has(&a, "--no-pci"));
	assert_true(has(&a, "0000:03:00.0"));
	assert_true(has(&a, "--lcores=0@(0-1),1@2,2@5"));
	assert_false(has(&a, "--in-memory")); // the EAL refuses it with --no-huge
	assert_true(has(&a, "99"));
	assert_false(has(&a, "--log-level=warning"));
	assert_string_equal(a.argv[a.count - 1], "--log-level=debug"); // the user's come last
	eal_args_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_override_the_file),
		cmocka_unit_test(wrong_values_are_named),
		cmocka_unit_test(wrong_together),
		cmocka_unit_test(wrong_files),
		cmocka_unit_test(cpu_lists),
		cmocka_unit_test(eal_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
