/* SPDX-License-Identifier: MIT */
#include "audit/hasher.h"

#include <openssl/evp.h>

bool hasher_init(struct hasher *hasher)
{
	hasher->digest = EVP_MD_fetch(NULL, "SHA256", NULL);
	hasher->context = EVP_MD_CTX_new();
	if (hasher->digest && hasher->context)
		return true;
	hasher_release(hasher);
	return false;
}

void hasher_release(struct hasher *hasher)
{
	EVP_MD_CTX_free(hasher->context);
	EVP_MD_free(hasher->digest);
	*hasher = (struct hasher){0};
}

bool hasher_sum(struct hasher *hasher, const uint8_t *first, size_t first_bytes, const uint8_t *second, size_t second_bytes,
		uint8_t out_hash[HASHER_BYTES])
{
	return EVP_DigestInit_ex2(hasher->context, hasher->digest, NULL) &&
	       EVP_DigestUpdate(hasher->context, first, first_bytes) &&
	       (!second_bytes || EVP_DigestUpdate(hasher->context, second, second_bytes)) &&
	       EVP_DigestFinal_ex(hasher->context, out_hash, NULL);
}
