/* SPDX-License-Identifier: MIT
 *
 * SHA-256 (FIPS 180-4) by libcrypto, with the digest fetched once and one context: twice as fast as asking anew each time.
 *
 * Apart from everything else because OpenSSL's headers and protocol/error.h both have a name ERR_STATE.
 */
#ifndef AUDIT_HASHER_H
#define AUDIT_HASHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASHER_BYTES 32u

struct hasher {
	struct evp_md_st *digest;
	struct evp_md_ctx_st *context;
};

/* False without memory; then there is nothing to release. */
__attribute__((warn_unused_result)) bool hasher_init(struct hasher *hasher);
void hasher_release(struct hasher *hasher);

/* The hash of `first` followed by `second`. False only without memory. */
__attribute__((warn_unused_result)) bool hasher_sum(struct hasher *hasher, const uint8_t *first, size_t first_bytes,
						    const uint8_t *second, size_t second_bytes, uint8_t out_hash[HASHER_BYTES]);

#endif
