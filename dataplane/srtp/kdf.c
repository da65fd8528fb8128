// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/kdf.c - SRTP session keys from a master key and salt.
//
// Place   at set-up only: SRTCP and the bulk engine derive here, libsrtp2 derives by itself.
// Owns    nothing; the output is the caller's to wipe.
// Spec    RFC 3711 4.3.1 and 4.3.3 (AES-CM as PRF, key derivation rate 0), RFC 7714 11 (a 96-bit
//         salt is followed by 16 zero bits).
#include "dataplane/srtp/srtcp.h"

#include <openssl/evp.h>
#include <string.h>

enum {
	PRF_BLOCK_BYTES = 16,
	PRF_SALT_BYTES_MAX = 14,
	PRF_LABEL_OFFSET = 7, // the label is 48 bits of packet index away from the salt's end
	PRF_LABEL_MAX = 5,
	PRF_OUT_BYTES_MAX = 32,
};

static const EVP_CIPHER *prf_cipher(size_t key_size)
{
	return key_size == 16 ? EVP_aes_128_ctr() : key_size == 32 ? EVP_aes_256_ctr() : NULL;
}

bool srtp_derive(const uint8_t *master_key, size_t key_size, const uint8_t *master_salt,
		 size_t salt_size, uint8_t label, uint8_t *out, size_t out_size)
{
	static const uint8_t zeros[PRF_OUT_BYTES_MAX];
	const EVP_CIPHER *cipher = prf_cipher(key_size);
	uint8_t iv[PRF_BLOCK_BYTES] = {0};
	int written = 0;

	if (cipher == NULL || salt_size > PRF_SALT_BYTES_MAX || label > PRF_LABEL_MAX ||
	    out_size > PRF_OUT_BYTES_MAX)
		return false;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	if (ctx == NULL)
		return false;
	memcpy(iv, master_salt, salt_size);
	iv[PRF_LABEL_OFFSET] ^= label;
	bool ok = EVP_EncryptInit_ex(ctx, cipher, NULL, master_key, iv) == 1 &&
		  EVP_EncryptUpdate(ctx, out, &written, zeros, (int)out_size) == 1 &&
		  (size_t)written == out_size;
	EVP_CIPHER_CTX_free(ctx); // wipes the key schedule
	OPENSSL_cleanse(iv, sizeof(iv));
	return ok;
}
