/* SPDX-License-Identifier: MIT
 *
 * SHA-256 and HMAC from libcrypto. Nothing else of ours is included here: OpenSSL's names collide with our errors.
 */
#include "clones/digest.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

/* `out` has two digits for each byte, and a NUL. */
static void hexadecimal(const unsigned char *digest, size_t bytes, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes; i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	out[2 * bytes] = 0;
}

bool digest_of(const void *at, size_t bytes, char out[FINGERPRINT_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	out[0] = 0;
	if (EVP_Digest(bytes ? at : "", bytes, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	hexadecimal(digest, 32, out);
	return true;
}

/* Text and its NUL, so that ("ab", "c") and ("a", "bc") differ. */
static bool digest_text(EVP_MD_CTX *context, const char *text)
{
	return EVP_DigestUpdate(context, text ? text : "", (text ? strlen(text) : 0) + 1) == 1;
}

static bool digest_line(EVP_MD_CTX *context, const char *line)
{
	for (const char *c = line ? line : ""; *c; c++) {
		if (!isspace((unsigned char)*c) && EVP_DigestUpdate(context, c, 1) != 1)
			return false;
	}
	return digest_text(context, "");
}

bool fingerprint_of(const char *rule, const char *path, const char *function, const char *line, uint32_t occurrence,
		    char out[FINGERPRINT_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned char number[4] = {(unsigned char)(occurrence >> 24), (unsigned char)(occurrence >> 16),
				   (unsigned char)(occurrence >> 8), (unsigned char)occurrence};
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool done;

	out[0] = 0;
	done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 && digest_text(context, rule) &&
	       digest_text(context, path) && digest_text(context, function) && digest_line(context, line) &&
	       EVP_DigestUpdate(context, number, sizeof(number)) == 1 && EVP_DigestFinal_ex(context, digest, NULL) == 1;
	EVP_MD_CTX_free(context);
	if (done)
		hexadecimal(digest, 32, out);
	return done;
}

bool digest_keyed(const void *at, size_t bytes, const uint8_t key[DIGEST_KEY_BYTES], char out[DIGEST_KEYED_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int digest_bytes = 0;

	out[0] = 0;
	if (!HMAC(EVP_sha256(), key, DIGEST_KEY_BYTES, at, bytes, digest, &digest_bytes))
		return false;
	hexadecimal(digest, (DIGEST_KEYED_BYTES - 1) / 2, out);
	return true;
}
