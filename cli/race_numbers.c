/* SPDX-License-Identifier: MIT
 *
 * Money and tokens, in and out of words.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/race_parameters.h"

bool money_parse(const char *text, uint64_t *out_microusd)
{
	uint64_t dollars = 0, millionths = 0, place = 100000;
	bool digit = false;

	text += *text == '$';
	for (; *text >= '0' && *text <= '9'; text++, digit = true) {
		dollars = dollars * 10 + (uint64_t)(*text - '0');
		if (dollars > 1000000)
			return false;
	}
	if (*text == '.') {
		for (text++; *text >= '0' && *text <= '9' && place; text++, place /= 10, digit = true)
			millionths += (uint64_t)(*text - '0') * place;
	}
	if (*text || !digit)
		return false;
	*out_microusd = dollars * 1000000 + millionths;
	return true;
}

void money_print(uint64_t microusd, char out[MONEY_TEXT_BYTES])
{
	uint64_t cents = (microusd + 5000) / 10000;

	if (microusd == 0)
		snprintf(out, MONEY_TEXT_BYTES, "$0");
	else if (microusd >= 10000)
		snprintf(out, MONEY_TEXT_BYTES, "$%" PRIu64 ".%02" PRIu64, cents / 100, cents % 100);
	else if (microusd >= 100)
		snprintf(out, MONEY_TEXT_BYTES, "$0.%04" PRIu64, (microusd + 50) / 100);
	else
		snprintf(out, MONEY_TEXT_BYTES, "$0.%06" PRIu64, microusd);
}

void tokens_print(uint64_t tokens, char out[TOKENS_TEXT_BYTES])
{
	if (tokens < 1000)
		snprintf(out, TOKENS_TEXT_BYTES, "%" PRIu64, tokens);
	else if (tokens < 10000)
		snprintf(out, TOKENS_TEXT_BYTES, "%" PRIu64 ".%" PRIu64 "k", tokens / 1000, tokens % 1000 / 100);
	else if (tokens < 1000000)
		snprintf(out, TOKENS_TEXT_BYTES, "%" PRIu64 "k", tokens / 1000);
	else
		snprintf(out, TOKENS_TEXT_BYTES, "%" PRIu64 ".%" PRIu64 "M", tokens / 1000000, tokens % 1000000 / 100000);
}
