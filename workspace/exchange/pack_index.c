/* SPDX-License-Identifier: MIT */
#include "workspace/exchange/pack_index.h"

#include <stdlib.h>
#include <string.h>

#include "workspace/sha1.h"

#define FAN           256u
#define OFFSET_IS_FAR 0x80000000u

static uint8_t *put_u32(uint8_t *to, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		*to++ = (uint8_t)(value >> (24 - 8 * i));
	return to;
}

static size_t bucket_of(const struct pack_place *place)
{
	return (size_t)place->id->bytes[0] << 8 | place->id->bytes[1];
}

static int compare(const void *left, const void *right)
{
	const struct pack_place *a = left, *b = right;
	return memcmp(a->id->bytes, b->id->bytes, OID_BYTES);
}

/* By the first two bytes, which are as good as random, and then the few that share them. `starts` has 65,537 places. */
static void sort_places(const struct pack_place *from, struct pack_place *to, size_t count, size_t *starts)
{
	memset(starts, 0, 65537 * sizeof(*starts));
	for (size_t i = 0; i < count; i++)
		starts[bucket_of(&from[i]) + 1]++;
	for (size_t i = 0; i < 65536; i++)
		starts[i + 1] += starts[i];
	for (size_t i = 0; i < count; i++)
		to[starts[bucket_of(&from[i])]++] = from[i];
	/* Now each start is the end of its bucket. */
	for (size_t i = 0, begin = 0; i < 65536; begin = starts[i++])
		if (starts[i] - begin > 1)
			qsort(to + begin, starts[i] - begin, sizeof(*to), compare);
}

static int sort_in_place(struct pack_place *places, size_t count)
{
	struct pack_place *copy = malloc((count + 1) * sizeof(*copy));
	size_t *starts = malloc(65537 * sizeof(*starts));
	int rc = copy && starts ? 0 : ERR_MEMORY;
	if (!rc) {
		memcpy(copy, places, count * sizeof(*copy));
		sort_places(copy, places, count, starts);
	}
	free(starts);
	free(copy);
	return rc;
}

static uint8_t *put_fan(uint8_t *to, const struct pack_place *places, size_t count)
{
	size_t at = 0;
	for (unsigned first = 0; first < FAN; first++) {
		while (at < count && places[at].id->bytes[0] <= first)
			at++;
		to = put_u32(to, (uint32_t)at);
	}
	return to;
}

static uint8_t *put_offsets(uint8_t *to, const struct pack_place *places, size_t count)
{
	uint32_t far = 0;
	for (size_t i = 0; i < count; i++)
		to = put_u32(to, places[i].offset < OFFSET_IS_FAR ? (uint32_t)places[i].offset : OFFSET_IS_FAR | far++);
	for (size_t i = 0; i < count; i++)
		if (places[i].offset >= OFFSET_IS_FAR) {
			to = put_u32(to, (uint32_t)(places[i].offset >> 32));
			to = put_u32(to, (uint32_t)places[i].offset);
		}
	return to;
}

int pack_index(struct pack_place *places, size_t count, const uint8_t pack_sum[OID_BYTES], struct buffer *out)
{
	static const uint8_t begin[8] = {0xff, 't', 'O', 'c', 0, 0, 0, 2};
	size_t far = 0;
	if (count > UINT32_MAX)
		return ERR_LIMIT;
	int rc = sort_in_place(places, count);
	if (rc)
		return rc;
	for (size_t i = 0; i < count; i++)
		far += places[i].offset >= OFFSET_IS_FAR;
	size_t bytes = sizeof(begin) + 4 * FAN + count * (OID_BYTES + 4 + 4) + far * 8 + 2 * OID_BYTES;
	uint8_t *text = malloc(bytes), *to = text;
	if (!text)
		return ERR_MEMORY;
	memcpy(to, begin, sizeof(begin));
	to = put_fan(to + sizeof(begin), places, count);
	for (size_t i = 0; i < count; i++, to += OID_BYTES)
		memcpy(to, places[i].id->bytes, OID_BYTES);
	for (size_t i = 0; i < count; i++)
		to = put_u32(to, places[i].crc);
	to = put_offsets(to, places, count);
	memcpy(to, pack_sum, OID_BYTES);
	to += OID_BYTES;
	struct sha1_span span = {text, (size_t)(to - text)};
	sha1_of(&span, 1, to);
	rc = buffer_append(out, text, bytes);
	free(text);
	return rc;
}
