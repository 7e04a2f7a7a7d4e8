/* SPDX-License-Identifier: MIT */
#include "workspace/merge/hidden_text.h"

#define BYTE_ORDER_MARK 0xfeffu
#define JOINER          0x200du
#define NO_CHARACTER    0xffffffffu

struct range {
	uint32_t first, last;
};

static const struct range hidden[] = {
	{0x00ad, 0x00ad}, {0x034f, 0x034f}, {0x061c, 0x061c},   {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},
	{0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},   {0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
	{0xffa0, 0xffa0}, {0xfff0, 0xfff8}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

/* Characters that are shown as text or as a picture, and pictures: somewhat wider than emoji-data.txt, and nothing in it is without a shape. */
static const struct range pictures[] = {
	{0x0023, 0x0023}, {0x002a, 0x002a}, {0x0030, 0x0039}, {0x00a9, 0x00a9}, {0x00ae, 0x00ae},
	{0x203c, 0x203c}, {0x2049, 0x2049}, {0x2122, 0x2122}, {0x2139, 0x2139}, {0x2194, 0x21aa},
	{0x231a, 0x23ff}, {0x24c2, 0x24c2}, {0x25aa, 0x27bf}, {0x2934, 0x2935}, {0x2b05, 0x2b55},
	{0x3030, 0x3030}, {0x303d, 0x303d}, {0x3297, 0x3297}, {0x3299, 0x3299}, {0x1f000, 0x1faff},
};

static bool is_among(const struct range *ranges, size_t count, uint32_t character)
{
	for (size_t i = 0; i < count; i++)
		if (character >= ranges[i].first && character <= ranges[i].last)
			return true;
	return false;
}

static bool is_picture(uint32_t character)
{
	return is_among(pictures, sizeof(pictures) / sizeof(pictures[0]), character);
}

static bool is_presentation(uint32_t character)
{
	return character == 0xfe0e || character == 0xfe0f;
}

/* RFC 3629; the length of what is there, 1 and NO_CHARACTER where it is no UTF-8. */
static size_t decode(const uint8_t *at, size_t left, uint32_t *out_character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t bytes = at[0] < 0x80             ? 1
		       : (at[0] & 0xe0) == 0xc0 ? 2
		       : (at[0] & 0xf0) == 0xe0 ? 3
		       : (at[0] & 0xf8) == 0xf0 ? 4
						: 0;
	uint32_t character = bytes > 1 ? at[0] & (0x7fu >> bytes) : at[0];

	*out_character = NO_CHARACTER;
	if (bytes == 0 || bytes > left)
		return 1;
	for (size_t i = 1; i < bytes; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 1;
		character = character << 6 | (at[i] & 0x3f);
	}
	if (bytes > 1 && (character < least[bytes] || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff)))
		return 1;
	*out_character = character;
	return bytes;
}

struct scanning {
	uint32_t before, before_that; /* the two characters before */
	bool first;
};

/* Does it belong to the picture it stands in? */
static bool is_part(const struct scanning *scanning, uint32_t character, struct bytes rest)
{
	uint32_t next = NO_CHARACTER;

	if (is_presentation(character))
		return is_picture(scanning->before);
	if (character != JOINER || !rest.bytes)
		return false;
	decode(rest.at, rest.bytes, &next);
	return is_picture(next) && next > 0xff && scanning->before > 0xff &&
	       (is_picture(scanning->before) || (is_presentation(scanning->before) && is_picture(scanning->before_that)));
}

int hidden_text_find(struct bytes line, bool first, hidden_text_seen *seen, void *context)
{
	struct scanning scanning = {NO_CHARACTER, NO_CHARACTER, first};
	int rc = 0;

	for (size_t column = 1; line.bytes && !rc; column++) {
		uint32_t character;
		size_t bytes = decode(line.at, line.bytes, &character);
		line.at += bytes;
		line.bytes -= (uint32_t)bytes;
		if (character > 0x7f && is_among(hidden, sizeof(hidden) / sizeof(hidden[0]), character) &&
		    !is_part(&scanning, character, line) && !(first && column == 1 && character == BYTE_ORDER_MARK))
			rc = seen(context, column, character);
		scanning.before_that = scanning.before;
		scanning.before = character;
	}
	return rc;
}
