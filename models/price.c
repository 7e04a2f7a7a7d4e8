/* SPDX-License-Identifier: MIT
 *
 * Millionths of a dollar for a million tokens: tokens times price is millionths of millionths, and the sum is rounded up once.
 */
#include "models/price.h"

#define MILLION 1000000u

int price_parse(const char *text, uint64_t *out_price)
{
	uint64_t value = 0, unit = MILLION;
	bool point = false;

	if (!text || *text < '0' || *text > '9')
		return ERR_MALFORMED;
	for (; *text; text++) {
		if (*text == '.' && !point && text[1]) {
			point = true;
			continue;
		}
		if (*text < '0' || *text > '9' || (point && unit == 1) || value > UINT64_MAX / 100 / MILLION)
			return ERR_MALFORMED;
		value = value * 10 + (uint64_t)(*text - '0');
		unit /= point ? 10 : 1;
	}
	*out_price = value * unit;
	return 0;
}

uint64_t price_of(const struct price *price, const struct wire_usage *usage)
{
	unsigned __int128 sum = 0;
	uint64_t cached = usage->in_cached < usage->in ? usage->in_cached : usage->in;
	uint64_t write = usage->in_cache_write < usage->in - cached ? usage->in_cache_write : usage->in - cached;

	sum += (unsigned __int128)(usage->in - cached - write) * price->in;
	sum += (unsigned __int128)cached * price->in_cached;
	sum += (unsigned __int128)write * price->in_cache_write;
	sum += (unsigned __int128)usage->out * price->out;
	sum = sum / MILLION + (sum % MILLION != 0);
	return sum > UINT64_MAX ? UINT64_MAX : (uint64_t)sum;
}
