/* SPDX-License-Identifier: MIT
 *
 * Hunks: changes that lie so near that the lines around them touch, written as one.
 */
#include "workspace/merge/patch_hunks.h"

#include <stdio.h>
#include <string.h>

#include "workspace/merge/text_diff.h"

#define FUNCTION_MAX 80u
#define HEADER_MAX   128u /* bytes of a whole @@ line, for git */
#define BLOCK_BYTES  1024u

struct hunks {
	struct text_lines old, new;
	struct text_script script;
	size_t context;
	size_t searched; /* for functions, up to this line of the old text */
	char function[FUNCTION_MAX];
	size_t function_bytes; /* of the last one found */
	struct buffer *out;
	int rc; /* the first failure stays */
};

static void put(struct hunks *hunks, const void *at, size_t bytes)
{
	if (!hunks->rc)
		hunks->rc = buffer_append(hunks->out, at, bytes);
}

/* ---- the line of the function ---- */

static bool is_space(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* git's guess for files of which it knows no more: a line that begins with a letter, _ or $. */
static bool begins_function(struct bytes line)
{
	uint8_t first = line.bytes > 0 ? line.at[0] : 0, lower = first | 0x20;

	return (lower >= 'a' && lower <= 'z') || first == '_' || first == '$';
}

static void note_function(struct hunks *hunks, struct bytes line)
{
	size_t bytes = line.bytes < FUNCTION_MAX ? line.bytes : FUNCTION_MAX;

	while (bytes > 0 && is_space(line.at[bytes - 1]))
		bytes--;
	memcpy(hunks->function, line.at, bytes);
	hunks->function_bytes = bytes;
}

/* The nearest one above; if there is none below where the last search began, the last one stays. */
static void find_function(struct hunks *hunks, size_t line)
{
	for (size_t i = line; i > hunks->searched;) {
		struct bytes text = text_lines_of(&hunks->old, (struct text_span){i - 1, i});
		if (begins_function(text)) {
			note_function(hunks, text);
			break;
		}
		i--;
	}
	hunks->searched = line;
}

/* Bytes of the longest beginning that is UTF-8 (without surrogates and the two last characters of the first plane). */
static size_t character_bytes(const uint8_t *at, size_t left)
{
	size_t bytes = at[0] < 0x80             ? 1
		       : (at[0] & 0xe0) == 0xc0 ? 2
		       : (at[0] & 0xf0) == 0xe0 ? 3
		       : (at[0] & 0xf8) == 0xf0 ? 4
						: 0;

	if (bytes == 0 || bytes > left)
		return 0;
	for (size_t i = 1; i < bytes; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((bytes == 2 && at[0] < 0xc2) || (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xef && at[1] == 0xbf && at[2] >= 0xbe) || (at[0] == 0xf0 && at[1] < 0x90) ||
	    (at[0] == 0xf4 && at[1] > 0x8f) || at[0] > 0xf4)
		return 0;
	return bytes;
}

static size_t readable_bytes(const char *text, size_t bytes)
{
	size_t at = 0;

	while (at < bytes) {
		size_t character = character_bytes((const uint8_t *)text + at, bytes - at);
		if (character == 0)
			break;
		at += character;
	}
	return at;
}

/* ---- a hunk ---- */

/* An empty range names the line before it; a single line needs no count. */
static int print_range(char *at, size_t size, char sign, struct text_span span)
{
	size_t count = span.end - span.first, first = span.first + (count > 0);

	return count == 1 ? snprintf(at, size, "%c%zu ", sign, first) : snprintf(at, size, "%c%zu,%zu ", sign, first, count);
}

static void put_header(struct hunks *hunks, struct text_span old, struct text_span new)
{
	char line[HEADER_MAX] = "@@ ";
	size_t bytes = 3, function;

	bytes += (size_t)print_range(line + bytes, sizeof(line) - bytes, '-', old);
	bytes += (size_t)print_range(line + bytes, sizeof(line) - bytes, '+', new);
	memcpy(line + bytes, "@@", 2);
	bytes += 2;
	find_function(hunks, old.first);
	function = hunks->function_bytes;
	if (function > 0) {
		line[bytes++] = ' ';
		if (function > sizeof(line) - bytes - 1)
			function = sizeof(line) - bytes - 1;
		memcpy(line + bytes, hunks->function, function);
		bytes += readable_bytes(hunks->function, function);
	}
	line[bytes++] = '\n';
	put(hunks, line, bytes);
}

static void put_lines(struct hunks *hunks, const struct text_lines *lines, struct text_span span, char sign)
{
	static const char unended[] = "\n\\ No newline at end of file\n";

	for (size_t i = span.first; i < span.end; i++) {
		struct bytes text = text_lines_of(lines, (struct text_span){i, i + 1});
		put(hunks, &sign, 1);
		put(hunks, text.at, text.bytes);
		if (text.at[text.bytes - 1] != '\n')
			put(hunks, unended, sizeof(unended) - 1);
	}
}

static size_t less(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Changes [first, end) of the script. */
static void put_hunk(struct hunks *hunks, size_t first, size_t end)
{
	const struct text_change *changes = hunks->script.at, *last = &changes[end - 1];
	size_t before = less(hunks->context, changes[first].old.first);
	size_t after = less(less(hunks->context, hunks->old.count - last->old.end), hunks->new.count - last->new.end);
	struct text_span old = {changes[first].old.first - before, last->old.end + after};
	struct text_span new = {changes[first].new.first - less(before, changes[first].new.first), last->new.end + after};
	size_t line = new.first;

	put_header(hunks, old, new);
	for (size_t i = first; i < end; i++) {
		put_lines(hunks, &hunks->new, (struct text_span){line, changes[i].new.first}, ' ');
		put_lines(hunks, &hunks->old, changes[i].old, '-');
		put_lines(hunks, &hunks->new, changes[i].new, '+');
		line = changes[i].new.end;
	}
	put_lines(hunks, &hunks->new, (struct text_span){line, new.end}, ' ');
}

static void put_hunks(struct hunks *hunks)
{
	const struct text_script *script = &hunks->script;

	for (size_t first = 0, end; first < script->count; first = end) {
		end = first + 1;
		while (end < script->count && script->at[end].old.first - script->at[end - 1].old.end <= 2 * hunks->context)
			end++;
		put_hunk(hunks, first, end);
	}
}

/* ---- the texts ---- */

/* Without context, git leaves out what both end with before it compares, in blocks, up to a line's end: that shows where lines repeat. */
static void leave_out_end(struct bytes *old, struct bytes *new)
{
	size_t least = less(old->bytes, new->bytes), same = 0, back = 0;
	const uint8_t *end = old->at + old->bytes;

	while (same + BLOCK_BYTES <= least &&
	       memcmp(end - same - BLOCK_BYTES, new->at + new->bytes - same - BLOCK_BYTES, BLOCK_BYTES) == 0)
		same += BLOCK_BYTES;
	while (back < same && end[(ptrdiff_t)back++ - (ptrdiff_t)same] != '\n')
		;
	old->bytes -= (uint32_t)(same - back);
	new->bytes -= (uint32_t)(same - back);
}

static int compare(struct hunks *hunks)
{
	struct text_part old = {&hunks->old, {0, hunks->old.count}}, new = {&hunks->new, {0, hunks->new.count}};
	struct text_lines lines[2];
	struct bytes texts[] = {hunks->old.text, hunks->new.text};
	struct text_differ *differ;
	uint32_t numbers;
	int rc = text_lines_read(texts, 2, lines, &numbers);

	if (rc)
		return rc;
	hunks->old = lines[0];
	hunks->new = lines[1];
	old.span.end = hunks->old.count;
	new.span.end = hunks->new.count;
	rc = text_differ_new(numbers, &differ);
	if (rc)
		return rc;
	rc = text_diff(differ, old, new, TEXT_MYERS, true, &hunks->script);
	text_differ_free(differ);
	return rc;
}

int patch_hunks_append(struct bytes old, struct bytes new, unsigned context_lines, struct buffer *out)
{
	struct hunks hunks = {.context = context_lines, .out = out};

	if (context_lines == 0)
		leave_out_end(&old, &new);
	hunks.old.text = old;
	hunks.new.text = new;
	hunks.rc = compare(&hunks);
	if (!hunks.rc)
		put_hunks(&hunks);
	text_script_release(&hunks.script);
	text_lines_release(&hunks.old);
	text_lines_release(&hunks.new);
	return hunks.rc;
}
