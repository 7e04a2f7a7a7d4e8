/* SPDX-License-Identifier: MIT
 *
 * Replies are pieces of a few kilobytes and keys are short: no cleverness is needed.
 */
#include "models/veil.h"

#include <string.h>

size_t proxy_veil(char *at, size_t bytes, const char *key)
{
	size_t length = key ? strlen(key) : 0, tail = 0;
	char *end = at + bytes, *found = at;

	if (!length)
		return 0;
	while ((found = memchr(found, key[0], (size_t)(end - found)))) {
		size_t there = (size_t)(end - found) < length ? (size_t)(end - found) : length;
		if (memcmp(found, key, there) != 0) {
			found++;
		} else if (there < length) {
			tail = there;
			break;
		} else {
			memset(found, '*', length);
			found += length;
		}
	}
	return tail;
}
