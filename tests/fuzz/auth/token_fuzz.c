// SPDX-License-Identifier: Apache-2.0
//
// tests/fuzz/auth/token_fuzz.c - any bytes as a bearer token: no caller comes of them without a
// signature of the key, which the fuzzer does not know.
#undef NDEBUG
#include "controlplane/auth/token.h"

#include <assert.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <openssl/rand.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A random secret, by way of a file as the server reads it.
static struct token_keys *make_keys(void)
{
	unsigned char secret[TOKEN_SECRET_BYTES_MIN];
	char *path, *text, *line;
	int fd = g_file_open_tmp("sluice-fuzz-XXXXXX", &path, NULL);

	assert(fd >= 0 && g_close(fd, NULL));
	assert(RAND_bytes(secret, sizeof(secret)) == 1);
	text = g_base64_encode(secret, sizeof(secret));
	g_strdelimit(text, "+/", '-');
	text[strcspn(text, "=")] = '\0';
	line = g_strdup_printf("one HS256 %s\n", text);
	assert(g_file_set_contents_full(path, line, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
	struct token_keys *keys = token_keys_load(path, NULL);
	g_unlink(path);
	g_free(line);
	g_free(text);
	g_free(path);
	return keys;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct token_keys *keys;
	struct auth_refusal why = {.code = RPC_OK};

	if (keys == NULL)
		keys = make_keys();
	assert(keys != NULL);
	char *token = g_strndup((const char *)data, size);
	struct caller *caller = token_verify(keys, "sluice", token, 1700000000, &why);
	assert(caller == NULL && why.code == RPC_UNAUTHENTICATED);
	assert(memchr(why.text, '\0', sizeof(why.text)) != NULL);
	g_free(token);
	return 0;
}
