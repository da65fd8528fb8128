// SPDX-License-Identifier: Apache-2.0
// tests/unit/rpc/config_test.c - settings: defaults, file, flags, and the sentence for each
// mistake.
#include <glib.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/ops/settings.h"

// In front of what is given: auth without keys, which would be a mistake otherwise.
static enum config_result run(struct settings *s, char **text, const char *a, const char *b)
{
	char *argv[] = {(char *)(uintptr_t) "test", (char *)(uintptr_t) "--auth=development",
			(char *)(uintptr_t)a, (char *)(uintptr_t)b};

	return settings_read(s, a == NULL ? 2 : b == NULL ? 3 : 4, argv, text);
}

static void test_defaults(void **state)
{
	struct settings s;
	char *text;

	(void)state;
	assert_int_equal(run(&s, &text, NULL, NULL), CONFIG_GO_ON);
	assert_int_equal(g_strv_length(s.listen), 2);
	assert_int_equal(s.media_port, 3478);
	assert_int_equal(s.internal_port_first, 40000);
	assert_int_equal(s.internal_port_last, 48191);
	assert_false(s.ice_full);
	assert_null(s.unix_socket);
	settings_clear(&s);
}

static void test_flags(void **state)
{
	struct settings s;
	char *text;

	(void)state;
	assert_int_equal(run(&s, &text, "--media-address", "192.0.2.1, 2001:db8::1"), CONFIG_GO_ON);
	assert_int_equal(g_strv_length(s.media_address), 2);
	assert_string_equal(s.media_address[1], "2001:db8::1");
	settings_clear(&s);
	assert_int_equal(run(&s, &text, "--ice=full", "--media_port=9"), CONFIG_GO_ON);
	assert_true(s.ice_full);
	assert_int_equal(s.media_port, 9);
	settings_clear(&s);
}

// Each sentence names the key, the value, and what would be right.
static void test_mistakes(void **state)
{
	static const struct {
		const char *flag, *key, *value, *cure;
	} rows[] = {
		{"--listen=1.2.3.4", "listen", "1.2.3.4", "ADDRESS:PORT"},
		{"--listen=1.2.3.4:65536", "listen", "1.2.3.4:65536", "ADDRESS:PORT"},
		{"--listen=::1:80", "listen", "::1:80", "ADDRESS:PORT"},
		{"--listen=[1.2.3.4]:80", "listen", "[1.2.3.4]:80", "ADDRESS:PORT"},
		{"--listen=host:80", "listen", "host:80", "ADDRESS:PORT"},
		{"--listen=", "listen", "", "unix_socket"},
		{"--unix-socket=here", "unix_socket", "here", "absolute"},
		{"--metrics-listen=0.0.0.0:9464", "metrics_listen", "0.0.0.0:9464", "loopback"},
		{"--allowed-origins=app", "allowed_origins", "app", "https://"},
		{"--allowed-origins=https://a/b", "allowed_origins", "https://a/b", "https://"},
		{"--media-port=0", "media_port", "0", "from 1 to 65535"},
		{"--media-port=x", "media_port", "x", "from 1 to 65535"},
		{"--media-port=", "media_port", "", "from 1 to 65535"},
		{"--media-port=40000", "media_port", "40000", "outside"},
		{"--internal-port-range=9-1", "internal_port_range", "9-1", "FIRST-LAST"},
		{"--ice=no", "ice", "no", "lite or full"},
		{"--ice=", "ice", "", "must not be empty"},
		{"--tls-key=/k", "tls_certificate", "", "together"},
		{"--log-level=loud", "log_level", "loud", "debug"},
		{"--auth=tokens", "token_keys", "", "development"},
		{"--auth=none", "auth", "none", "tokens or development"},
		{"--token-audience=a\"b", "token_audience", "a\"b", "letters"},
		{"--listen-mtls=192.0.2.1:8444", "client_ca", "", "listen_mtls needs"},
		{"--client-roles=me=king", "client_roles", "me=king", "administer or observe"},
		{"--client-roles==observe", "client_roles", "=observe", "SAN=ROLE"},
		{"--client-roles=me=observe@", "client_roles", "me=observe@", "TENANT"},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct settings s;
		char *text;

		assert_int_equal(run(&s, &text, rows[i].flag, NULL), CONFIG_WRONG);
		assert_non_null(strstr(text, rows[i].key));
		assert_non_null(strstr(text, rows[i].value));
		assert_non_null(strstr(text, rows[i].cure));
		assert_null(strchr(text, '\n'));
		g_free(text);
		settings_clear(&s);
	}
}

static void test_unknown(void **state)
{
	static const char *const flags[] = {"--nope=1", "nope", "--ice", "-x"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
		struct settings s;
		char *text;

		assert_int_equal(run(&s, &text, flags[i], NULL), CONFIG_WRONG);
		assert_non_null(strstr(text, flags[i]) != NULL ? text : NULL);
		assert_non_null(strstr(text, "--help"));
		g_free(text);
		settings_clear(&s);
	}
}

static enum config_result run_file(struct settings *s, char **text, const char *content,
				   const char *flag)
{
	char *path;
	int fd = g_file_open_tmp("sluice-config-XXXXXX", &path, NULL);
	char *config = g_strconcat("--config=", path, NULL);
	enum config_result result;

	assert_true(fd >= 0 && g_close(fd, NULL));
	assert_true(g_file_set_contents(path, content, -1, NULL));
	result = run(s, text, flag != NULL ? flag : config, flag != NULL ? config : NULL);
	g_unlink(path);
	g_free(path);
	g_free(config);
	return result;
}

static void test_file(void **state)
{
	struct settings s;
	char *text;

	(void)state;
	assert_int_equal(run_file(&s, &text, "[media]\nice = full\nmedia_port = 5000\n",
				  "--media-port=6000"),
			 CONFIG_GO_ON);
	assert_true(s.ice_full);
	assert_int_equal(s.media_port, 6000); // a flag wins, though it came first
	settings_clear(&s);
}

static void test_file_mistakes(void **state)
{
	static const struct {
		const char *content, *word;
	} rows[] = {
		{"[media]\nice = no\n", "ice"},
		{"[media]\nnope = 1\n", "nope"},
		{"[api]\nice = full\n", "[media]"},
		{"ice = full\n", "config"},
		{"[media\n", "config"},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct settings s;
		char *text;

		assert_int_equal(run_file(&s, &text, rows[i].content, NULL), CONFIG_WRONG);
		assert_non_null(strstr(text, rows[i].word));
		g_free(text);
		settings_clear(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_flags),
		cmocka_unit_test(test_mistakes), cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_file),	 cmocka_unit_test(test_file_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
