// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/token_keys.c - see token_keys.h.
#include "controlplane/auth/token_keys.h"

#include <errno.h>
#include <gio/gio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

struct token_keys {
	GPtrArray *list; // struct token_key
};

static void key_free(void *data)
{
	struct token_key *k = data;

	if (k->bytes != NULL)
		OPENSSL_cleanse(k->bytes, k->size);
	g_free(k->bytes);
	g_free(k->kid);
	g_free(k->algorithm);
	g_free(k);
}

static bool wrong(GError **error, const char *path, unsigned line, const char *format, ...)
	G_GNUC_PRINTF(4, 5);

static bool wrong(GError **error, const char *path, unsigned line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "token_keys: %s, line %u: %s", path,
		    line, text);
	g_free(text);
	return false;
}

// RFC 4648 5, without padding.
static unsigned char *base64url(const char *text, size_t *size)
{
	char *plain = g_strdelimit(g_strdup(text), "-", '+');
	size_t length = strlen(g_strdelimit(plain, "_", '/'));
	char *padded = g_strdup_printf("%s%s", plain, &"==="[3 - (4 - length % 4) % 4]);
	unsigned char *bytes = g_base64_decode(padded, size);

	OPENSSL_cleanse(plain, length);
	OPENSSL_cleanse(padded, strlen(padded));
	g_free(plain);
	g_free(padded);
	return bytes;
}

static bool read_secret(struct token_key *k, const char *value, const char *path, unsigned line,
			GError **error)
{
	if (strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") !=
	    strlen(value))
		return wrong(error, path, line, "key \"%s\" is not base64url (RFC 4648 5)", k->kid);
	k->bytes = base64url(value, &k->size);
	if (k->size >= TOKEN_SECRET_BYTES_MIN)
		return true;
	return wrong(error, path, line,
		     "key \"%s\" has %zu octets; HS256 wants at least %d (sluicectl token "
		     "--new-key makes one)",
		     k->kid, k->size, TOKEN_SECRET_BYTES_MIN);
}

static bool is_p256(const unsigned char *pem, size_t size)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)size);
	EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	char group[32] = "";
	bool ok = key != NULL && EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
		  g_str_equal(group, "prime256v1");

	EVP_PKEY_free(key);
	BIO_free(bio);
	return ok;
}

static bool read_pem(struct token_key *k, const char *value, const char *path, unsigned line,
		     GError **error)
{
	char *folder = g_path_get_dirname(path);
	char *file = g_canonicalize_filename(value, folder);
	GError *cause = NULL;
	bool ok = g_file_get_contents(file, (char **)&k->bytes, &k->size, &cause);

	if (!ok)
		wrong(error, path, line, "key \"%s\": %s", k->kid, cause->message);
	else if (!(ok = is_p256(k->bytes, k->size)))
		wrong(error, path, line, "key \"%s\": %s is no PEM public key on P-256", k->kid,
		      file);
	g_clear_error(&cause);
	g_free(file);
	g_free(folder);
	return ok;
}

static bool read_line(struct token_keys *keys, const char *text, const char *path, unsigned line,
		      GError **error)
{
	char **words = g_strsplit_set(text, " \t", -1);
	const char *word[3] = {NULL};
	unsigned count = 0;
	bool ok;

	for (char **w = words; *w != NULL; w++)
		if (**w != '\0' && count++ < 3)
			word[count - 1] = *w;
	if (count != 3) {
		g_strfreev(words);
		return wrong(error, path, line, "%u words; a line is KID ALGORITHM VALUE", count);
	}
	struct token_key *k = g_new0(struct token_key, 1);
	k->kid = g_strdup(word[0]);
	k->algorithm = g_strdup(word[1]);
	if (keys->list->len == TOKEN_KEYS_MAX)
		ok = wrong(error, path, line, "more than %d keys", TOKEN_KEYS_MAX);
	else if (token_keys_find(keys, k->kid) != NULL)
		ok = wrong(error, path, line, "there is a key \"%s\" already", k->kid);
	else if (g_str_equal(k->algorithm, "HS256"))
		ok = read_secret(k, word[2], path, line, error);
	else if (g_str_equal(k->algorithm, "ES256"))
		ok = read_pem(k, word[2], path, line, error);
	else
		ok = wrong(error, path, line, "algorithm \"%s\" is not HS256 or ES256",
			   k->algorithm);
	g_strfreev(words);
	g_ptr_array_add(keys->list, k);
	return ok;
}

// Whoever reads the file can make tokens.
static bool is_private(const char *path, GError **error)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "token_keys: %s: %s", path,
			    g_strerror(errno));
		return false;
	}
	if ((st.st_mode & S_IRWXO) == 0)
		return true;
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
		    "token_keys: %s has mode %04o and everybody can read it: chmod o= %s", path,
		    (unsigned)st.st_mode & 07777, path);
	return false;
}

static bool read_lines(struct token_keys *keys, const char *path, char *text, GError **error)
{
	char **lines = g_strsplit(text, "\n", -1);
	bool ok = true;

	for (unsigned i = 0; ok && lines[i] != NULL; i++) {
		g_strstrip(lines[i]);
		if (lines[i][0] != '\0' && lines[i][0] != '#')
			ok = read_line(keys, lines[i], path, i + 1, error);
	}
	for (char **l = lines; *l != NULL; l++)
		OPENSSL_cleanse(*l, strlen(*l));
	g_strfreev(lines);
	if (ok && keys->list->len == 0)
		ok = wrong(error, path, 1, "there is no key in it");
	return ok;
}

struct token_keys *token_keys_load(const char *path, GError **error)
{
	struct token_keys *keys;
	char *text;
	size_t size;

	if (!is_private(path, error) || !g_file_get_contents(path, &text, &size, error))
		return NULL;
	keys = g_new0(struct token_keys, 1);
	keys->list = g_ptr_array_new_with_free_func(key_free);
	if (!read_lines(keys, path, text, error))
		token_keys_free(&keys);
	OPENSSL_cleanse(text, size);
	g_free(text);
	return keys;
}

void token_keys_free(struct token_keys **keys)
{
	if (*keys == NULL)
		return;
	g_ptr_array_unref((*keys)->list);
	g_clear_pointer(keys, g_free);
}

const struct token_key *token_keys_find(const struct token_keys *keys, const char *kid)
{
	for (guint i = 0; i < keys->list->len; i++) {
		const struct token_key *k = keys->list->pdata[i];

		if (strcmp(k->kid, kid) == 0)
			return k;
	}
	return NULL;
}
