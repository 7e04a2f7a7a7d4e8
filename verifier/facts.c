/* SPDX-License-Identifier: MIT */
#include "verifier/facts.h"

static bool take_byte(struct span *rest, uint8_t *out)
{
	if (!rest->bytes)
		return false;
	*out = *rest->at++;
	rest->bytes--;
	return true;
}

/* A number of `bytes` bytes, big-endian. */
static bool take_big(struct span *rest, unsigned bytes, uint64_t *out)
{
	*out = 0;
	for (unsigned i = 0; i < bytes; i++) {
		uint8_t byte;

		if (!take_byte(rest, &byte))
			return false;
		*out = *out << 8 | byte;
	}
	return true;
}

static bool take_array(struct span *rest, uint64_t *out_count)
{
	uint8_t mark;

	if (!take_byte(rest, &mark))
		return false;
	*out_count = mark & 0x0f;
	if ((mark & 0xf0) == 0x90)
		return true;
	return (mark == 0xdc || mark == 0xdd) && take_big(rest, mark == 0xdc ? 2 : 4, out_count);
}

/* nil is the default of every fact: 0, or empty. */
static bool take_number(struct span *rest, uint64_t *out)
{
	uint8_t mark;

	if (!take_byte(rest, &mark))
		return false;
	*out = mark;
	if (mark < 0x80)
		return true;
	*out = 0;
	if (mark == 0xc0)
		return true;
	return mark >= 0xcc && mark <= 0xcf && take_big(rest, 1u << (mark - 0xcc), out);
}

static bool take_text(struct span *rest, struct span *out)
{
	uint8_t mark;
	uint64_t bytes;

	if (!take_byte(rest, &mark))
		return false;
	bytes = mark & 0x1f;
	*out = (struct span){0};
	if (mark == 0xc0)
		return true;
	if ((mark & 0xe0) != 0xa0 && (mark < 0xd9 || mark > 0xdb || !take_big(rest, 1u << (mark - 0xd9), &bytes)))
		return false;
	if (bytes > rest->bytes)
		return false;
	*out = (struct span){rest->at, (size_t)bytes};
	rest->at += bytes;
	rest->bytes -= (size_t)bytes;
	return true;
}

bool facts_erased_read(struct span facts, struct facts_erased *out)
{
	uint64_t count;

	return take_array(&facts, &count) && count >= 2 && take_number(&facts, &out->task_number) &&
	       take_number(&facts, &out->through_seq);
}

bool facts_counted_read(struct span facts, struct facts_counted *out)
{
	uint64_t count;

	return take_array(&facts, &count) && count >= 4 && take_text(&facts, &out->peer) && take_number(&facts, &out->type) &&
	       take_number(&facts, &out->count) && take_number(&facts, &out->error);
}
