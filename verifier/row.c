/* SPDX-License-Identifier: MIT */
#include "verifier/row.h"

#include <string.h>

#define LENGTH_BYTES 4u
#define NUMBER_BYTES 8u
#define VERSION      1u

/* ---- names ---- */

const char *code_name(uint64_t code)
{
	switch (code) {
#define MESSAGE(NAME, noun, Wire, number, from, to, sentence)                                                                    \
	case number:                                                                                                             \
		return #Wire;
#define FACT(kind, name, sentence)
#define BODY(kind, name, sentence)
#define END(noun)
#include "protocol/messages.def"
	default:
		return "?";
	}
}

/* ---- writing ---- */

size_t row_room(const struct row *row)
{
	size_t bytes = 2 + LENGTH_BYTES + NUMBER_BYTES;

#define ADD_NUMBER(name) bytes += LENGTH_BYTES + NUMBER_BYTES;
#define ADD_SPAN(name)   bytes += LENGTH_BYTES + row->name.bytes;
	ROW_COLUMNS(ADD_NUMBER, ADD_SPAN, ADD_SPAN, ADD_SPAN, ADD_SPAN)
	return bytes + LENGTH_BYTES + SUM_BYTES;
}

static inline uint8_t *put_number(uint8_t *at, uint64_t value)
{
	static const uint8_t length[LENGTH_BYTES] = {0, 0, 0, NUMBER_BYTES};
	uint64_t big_endian = __builtin_bswap64(value);

	memcpy(at, length, LENGTH_BYTES);
	memcpy(at + LENGTH_BYTES, &big_endian, NUMBER_BYTES);
	return at + LENGTH_BYTES + NUMBER_BYTES;
}

static inline uint8_t *put_span(uint8_t *at, struct span span)
{
	uint32_t big_endian = __builtin_bswap32((uint32_t)span.bytes);

	memcpy(at, &big_endian, LENGTH_BYTES);
	if (span.bytes)
		memcpy(at + LENGTH_BYTES, span.at, span.bytes);
	return at + LENGTH_BYTES + span.bytes;
}

/* An id or a hash: nothing, or always as many bytes, which the compiler then copies without a call. */
static inline uint8_t *put_fixed(uint8_t *at, struct span span, uint32_t size)
{
	uint32_t big_endian = __builtin_bswap32(size);

	if (span.bytes != size)
		return put_span(at, span);
	memcpy(at, &big_endian, LENGTH_BYTES);
	memcpy(at + LENGTH_BYTES, span.at, size);
	return at + LENGTH_BYTES + size;
}

size_t row_write(const struct row *row, const uint8_t previous[SUM_BYTES], uint8_t *out)
{
	uint8_t *at = out;

	*at++ = 0x00;
	*at++ = VERSION;
	at = put_number(at, row->seq);
#define PUT_NUMBER(name) at = put_number(at, row->name);
#define PUT_ID(name)     at = put_fixed(at, row->name, ID_BYTES);
#define PUT_SPAN(name)   at = put_span(at, row->name);
#define PUT_HASH(name)   at = put_fixed(at, row->name, SUM_BYTES);
	ROW_COLUMNS(PUT_NUMBER, PUT_ID, PUT_SPAN, PUT_SPAN, PUT_HASH)
	at = put_fixed(at, (struct span){previous, SUM_BYTES}, SUM_BYTES);
	return (size_t)(at - out);
}

/* ---- reading ---- */

static bool take_span(struct span *rest, struct span *out_span)
{
	uint32_t length;

	if (rest->bytes < LENGTH_BYTES)
		return false;
	memcpy(&length, rest->at, LENGTH_BYTES);
	length = __builtin_bswap32(length);
	if (length > rest->bytes - LENGTH_BYTES)
		return false;
	*out_span = (struct span){rest->at + LENGTH_BYTES, length};
	rest->at += LENGTH_BYTES + length;
	rest->bytes -= LENGTH_BYTES + length;
	return true;
}

static bool take_fixed(struct span *rest, struct span *out_span, size_t size)
{
	return take_span(rest, out_span) && (!out_span->bytes || out_span->bytes == size);
}

static bool take_number(struct span *rest, uint64_t *out_value)
{
	struct span bytes;

	if (!take_span(rest, &bytes) || bytes.bytes != NUMBER_BYTES)
		return false;
	memcpy(out_value, bytes.at, NUMBER_BYTES);
	*out_value = __builtin_bswap64(*out_value);
	return true;
}

bool row_parse(struct span canonical, struct row *out_row, uint8_t out_previous[SUM_BYTES])
{
	struct span rest = canonical, previous;
	struct row row = {0};

	if (!rest.bytes || rest.at[0] != VERSION)
		return false;
	rest.at++;
	rest.bytes--;
	if (!take_number(&rest, &row.seq) || !row.seq)
		return false;
#define TAKE(call)                                                                                                               \
	if (!(call))                                                                                                             \
		return false;
#define TAKE_NUMBER(name) TAKE(take_number(&rest, &row.name))
#define TAKE_ID(name)     TAKE(take_fixed(&rest, &row.name, ID_BYTES))
#define TAKE_SPAN(name)   TAKE(take_span(&rest, &row.name))
#define TAKE_HASH(name)   TAKE(take_fixed(&rest, &row.name, SUM_BYTES))
	ROW_COLUMNS(TAKE_NUMBER, TAKE_ID, TAKE_SPAN, TAKE_SPAN, TAKE_HASH)
	TAKE(take_span(&rest, &previous) && previous.bytes == SUM_BYTES && !rest.bytes)
	memcpy(out_previous, previous.at, SUM_BYTES);
	*out_row = row;
	return true;
}
