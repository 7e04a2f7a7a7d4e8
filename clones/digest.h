/* SPDX-License-Identifier: MIT
 *
 * Fingerprints of findings and of contents.
 */
#ifndef CLONES_DIGEST_H
#define CLONES_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FINGERPRINT_BYTES  65u /* 64 hexadecimal digits and NUL */
#define DIGEST_KEY_BYTES   32u
#define DIGEST_KEYED_BYTES 33u /* 32 hexadecimal digits and NUL */

/* The fingerprint of a finding: hexadecimal SHA-256 over rule, path, function, the line without white space, and its number among
 * equal ones (from 0). NULL counts as empty. False: libcrypto failed. */
bool fingerprint_of(const char *rule, const char *path, const char *function, const char *line, uint32_t occurrence,
		    char out[FINGERPRINT_BYTES]);

/* Hexadecimal SHA-256 of bytes. False: libcrypto failed. */
bool digest_of(const void *at, size_t bytes, char out[FINGERPRINT_BYTES]);

/* The first 128 bits of HMAC-SHA-256, hexadecimal: equal contents are seen to be equal, and nobody without the key can try words.
 * False: libcrypto failed. */
bool digest_keyed(const void *at, size_t bytes, const uint8_t key[DIGEST_KEY_BYTES], char out[DIGEST_KEYED_BYTES]);

#endif
