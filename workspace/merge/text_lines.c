/* SPDX-License-Identifier: MIT
 *
 * Lines are numbered with a table of those that were seen, open addressing, at most half full.
 */
#include "workspace/merge/text_lines.h"

#include <stdlib.h>
#include <string.h>

struct seen {
	const uint8_t *at; /* NULL: free */
	uint32_t bytes;
	uint32_t number;
	uint64_t hash;
};

struct numbering {
	struct seen *table;
	size_t mask;
	uint32_t count;
};

/* Eight bytes at a time, multiplied and folded; the rest as one more word. */
uint64_t text_line_hash(const uint8_t *line, size_t bytes)
{
	uint64_t hash = 0x9e3779b97f4a7c15u ^ bytes, word;

	for (; bytes >= sizeof(word); line += sizeof(word), bytes -= sizeof(word)) {
		memcpy(&word, line, sizeof(word));
		hash = (hash ^ word) * 0xff51afd7ed558ccdu;
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, line, bytes);
	hash = (hash ^ word) * 0xff51afd7ed558ccdu;
	return hash ^ (hash >> 29);
}

static uint32_t number_of(struct numbering *numbering, const uint8_t *line, uint32_t bytes)
{
	uint64_t hash = text_line_hash(line, bytes);
	size_t at = hash & numbering->mask;
	struct seen *seen;

	for (; (seen = &numbering->table[at])->at; at = (at + 1) & numbering->mask)
		if (seen->hash == hash && seen->bytes == bytes && memcmp(seen->at, line, bytes) == 0)
			return seen->number;
	*seen = (struct seen){.at = line, .bytes = bytes, .number = numbering->count++, .hash = hash};
	return seen->number;
}

static size_t lines_in(struct bytes text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.bytes; i++)
		count += text.at[i] == '\n';
	return count + (text.bytes > 0 && text.at[text.bytes - 1] != '\n');
}

static void read_lines(struct text_lines *lines, struct numbering *numbering)
{
	const uint8_t *text = lines->text.at;
	uint32_t at = 0;

	for (size_t i = 0; i < lines->count; i++) {
		const uint8_t *newline = memchr(text + at, '\n', lines->text.bytes - at);
		uint32_t end = newline ? (uint32_t)(newline - text) + 1 : lines->text.bytes;
		lines->start[i] = at;
		lines->number[i] = number_of(numbering, text + at, end - at);
		at = end;
	}
	lines->start[lines->count] = at;
}

static int lines_init(struct text_lines *lines, struct bytes text)
{
	size_t count = lines_in(text);

	*lines = (struct text_lines){.text = text, .count = count};
	lines->start = malloc((2 * count + 1) * sizeof(*lines->start));
	if (!lines->start)
		return ERR_MEMORY;
	lines->number = lines->start + count + 1;
	return 0;
}

void text_lines_release(struct text_lines *lines)
{
	free(lines->start);
	*lines = (struct text_lines){0};
}

static int numbering_init(struct numbering *numbering, size_t lines)
{
	size_t size = 16;

	while (size < 2 * lines)
		size *= 2;
	numbering->table = calloc(size, sizeof(*numbering->table));
	numbering->mask = size - 1;
	numbering->count = 0;
	return numbering->table ? 0 : ERR_MEMORY;
}

int text_lines_read(const struct bytes *texts, size_t count, struct text_lines *out_lines, uint32_t *out_numbers)
{
	struct numbering numbering = {0};
	size_t lines = 0, ready = 0;
	int rc = 0;

	for (; ready < count && !rc; ready++) {
		rc = lines_init(&out_lines[ready], texts[ready]);
		lines += out_lines[ready].count;
	}
	if (!rc)
		rc = numbering_init(&numbering, lines);
	for (size_t i = 0; i < count && !rc; i++)
		read_lines(&out_lines[i], &numbering);
	while (rc && ready > 0)
		text_lines_release(&out_lines[--ready]);
	free(numbering.table);
	if (!rc)
		*out_numbers = numbering.count;
	return rc;
}

struct bytes text_lines_of(const struct text_lines *lines, struct text_span span)
{
	uint32_t at = lines->start[span.first];

	if (span.first == span.end)
		return (struct bytes){0};
	return (struct bytes){.at = lines->text.at + at, .bytes = lines->start[span.end] - at};
}
