/* SPDX-License-Identifier: MIT
 *
 * What tokens cost: prices per million tokens in millionths of a dollar, so that one token of "$3 a million" is 3 of them. Pure.
 */
#ifndef MODELS_PRICE_H
#define MODELS_PRICE_H

#include "models/wire.h"

struct price {
	uint64_t in; /* of a million tokens, in millionths of a dollar */
	uint64_t in_cached;
	uint64_t in_cache_write;
	uint64_t out;
};

/* Reads "3", "0.25", "15.00": dollars for a million tokens, up to six decimals. 0 or ERR_MALFORMED. */
MUST_CHECK int price_parse(const char *text, uint64_t *out_price);

/* Rounded up; saturates. */
uint64_t price_of(const struct price *price, const struct wire_usage *usage);

#endif
