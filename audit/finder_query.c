/* SPDX-License-Identifier: MIT
 *
 * From what people write to what FTS5 takes. Every word is put in quotes, so that no sign in it means anything to FTS5.
 */
#include <stdio.h>
#include <string.h>

#include "audit/finder.h"

struct reader {
	const char *at;
	char *out;
	size_t used;
	char *why;
	unsigned depth;   /* of parentheses */
	bool wants;       /* a word has to follow */
	char operator[8]; /* the last one, for what is said about it */
};

/* "BEFORE WHAT AFTER", with at most sixty bytes of what. */
static int refuse(struct reader *reader, const char *before, const char *what, size_t bytes, const char *after)
{
	snprintf(reader->why, 256, "%s%.*s%s", before, (int)(bytes < 60 ? bytes : 60), what, after);
	return ERR_USAGE;
}

static int put(struct reader *reader, const char *text, size_t bytes)
{
	if (reader->used + bytes + 1 > FINDER_QUERY_BYTES)
		return ERR_FULL;
	memcpy(reader->out + reader->used, text, bytes);
	reader->used += bytes;
	reader->out[reader->used] = 0;
	return 0;
}

static bool has_letters(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		unsigned char c = (unsigned char)text[i];
		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80)
			return true;
	}
	return false;
}

/* A word or a phrase, in quotes; a quote within it is doubled. */
static int put_word(struct reader *reader, const char *word, size_t bytes, bool beginning)
{
	int rc = 0;

	if (!has_letters(word, bytes))
		return refuse(reader, "there is nothing to look for in \"", word, bytes, "\": it has no letter or digit");
	if (!reader->wants)
		rc = put(reader, " AND ", 5);
	if (!rc)
		rc = put(reader, "\"", 1);
	for (size_t i = 0; !rc && i < bytes; i++)
		rc = word[i] == '"' ? put(reader, "\"\"", 2) : put(reader, word + i, 1);
	if (!rc)
		rc = beginning ? put(reader, "\"*", 2) : put(reader, "\"", 1);
	reader->wants = false;
	return rc;
}

static int read_phrase(struct reader *reader)
{
	const char *begin = reader->at + 1;
	const char *end = strchr(begin, '"');
	bool beginning;

	if (!end)
		return refuse(reader, "the quote before \"", begin, strlen(begin), "\" has no end");
	beginning = end[1] == '*';
	reader->at = end + 1 + beginning;
	return put_word(reader, begin, (size_t)(end - begin), beginning);
}

static int read_word(struct reader *reader)
{
	size_t bytes = strcspn(reader->at, " \t\r\n\"()");
	const char *word = reader->at;
	bool beginning = bytes > 1 && word[bytes - 1] == '*';

	reader->at += bytes;
	return put_word(reader, word, bytes - beginning, beginning);
}

static bool is_operator(const char *at, const char **out_name)
{
	static const char *const names[] = {"AND", "OR", "NOT"};

	for (size_t i = 0; i < 3; i++) {
		size_t bytes = strlen(names[i]);
		if (strncmp(at, names[i], bytes) == 0 && strcspn(at, " \t\r\n\"()") == bytes) {
			*out_name = names[i];
			return true;
		}
	}
	return false;
}

static int read_operator(struct reader *reader, const char *name)
{
	size_t bytes = strlen(name);

	if (reader->wants)
		return refuse(reader, "", name, bytes, " stands between two words, as in: till NOT ledger");
	snprintf(reader->operator, sizeof(reader->operator), "%s", name);
	reader->wants = true;
	reader->at += bytes;
	return put(reader, " ", 1) || put(reader, name, bytes) || put(reader, " ", 1) ? ERR_FULL : 0;
}

static int read_parenthesis(struct reader *reader)
{
	bool opens = *reader->at == '(';
	int rc = 0;

	if (opens && !reader->wants)
		rc = put(reader, " AND ", 5);
	if (!opens && reader->depth == 0)
		return refuse(reader, "", reader->at, 1, " closes a parenthesis that was never opened");
	if (!opens && reader->wants)
		return refuse(reader, "a word is missing before ", reader->at, 1, "");
	reader->depth += opens ? 1 : -1u;
	reader->wants = opens;
	reader->operator[0] = 0;
	return rc ? rc : put(reader, reader->at++, 1);
}

static int read_next(struct reader *reader)
{
	const char *name;

	if (*reader->at == '"')
		return read_phrase(reader);
	if (*reader->at == '(' || *reader->at == ')')
		return read_parenthesis(reader);
	if (is_operator(reader->at, &name))
		return read_operator(reader, name);
	return read_word(reader);
}

int finder_query(const char *words, char out_query[FINDER_QUERY_BYTES], char out_why[256])
{
	struct reader reader = {.at = words, .out = out_query, .why = out_why, .wants = true};
	int rc = 0;

	out_query[0] = 0;
	while (!rc && *(reader.at += strspn(reader.at, " \t\r\n")))
		rc = read_next(&reader);
	if (rc == ERR_FULL)
		snprintf(out_why, 256, "the question is longer than %u bytes", FINDER_QUERY_BYTES - 1);
	if (!rc && reader.wants && reader.operator[0])
		rc = refuse(&reader, "a word is missing after ", reader.operator, strlen(reader.operator), "");
	if (!rc && reader.depth)
		rc = refuse(&reader, "a parenthesis is not closed", "", 0, "");
	if (!rc && reader.wants)
		rc = refuse(&reader, "there is nothing to look for", "", 0, "");
	return rc;
}
