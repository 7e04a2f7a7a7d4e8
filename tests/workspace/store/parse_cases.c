/* SPDX-License-Identifier: MIT */
#include "tests/workspace/store/parse_cases.h"

#include <stdlib.h>
#include <string.h>

#include "tests/workspace/store/store_case.h"

#define WHO  "A U Thor <a@example.org> 1700000000 +0100"
#define LONG "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"

struct written {
	enum object_type type;
	const char *at;
	size_t bytes;
};
#define COMMIT(words)                                                                                                            \
	{                                                                                                                        \
		OBJECT_COMMIT, words, sizeof(words) - 1                                                                          \
	}
#define TREE(words)                                                                                                              \
	{                                                                                                                        \
		OBJECT_TREE, words, sizeof(words) - 1                                                                            \
	}
#define TAG(words)                                                                                                               \
	{                                                                                                                        \
		OBJECT_TAG, words, sizeof(words) - 1                                                                             \
	}

/* clang-format off */
static const struct written texts[] = {
	/* Good ones. */
	COMMIT("tree %1\nauthor " WHO "\ncommitter " WHO "\n\nmessage\n"),
	COMMIT("tree %1\nparent %3\nparent %4\nauthor " WHO "\ncommitter " WHO "\n\nmerge\n"),
	COMMIT("tree %1\nparent %3\nparent %3\nauthor " WHO "\ncommitter " WHO "\n\nthe same parent twice\n"),
	COMMIT("tree %1\nauthor " WHO "\ncommitter " WHO "\nencoding ISO-8859-1\n\n\xe9t\xe9\n"),
	COMMIT("tree %1\nauthor " WHO "\ncommitter " WHO "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n\nsigned\n"),
	COMMIT("tree %1\nauthor " WHO "\ncommitter " WHO "\nmergetag object %3\n type commit\n tag v1\n tagger " WHO "\n \n text\nunknown header\n\nm"),
	COMMIT("tree %1\nauthor " WHO "\ncommitter " WHO "\n\n"),
	COMMIT("tree %1\nauthor " WHO "\ncommitter " WHO "\n"),
	COMMIT("tree %1\nauthor  <> 0 +0000\ncommitter a <> 9223372036854775807 -9999\n\n"),
	COMMIT("tree %1\nauthor a <b>  17 +0000\ncommitter a <b> +17 +0000\n\n"),
	TREE(""),
	TREE("100644 a\0{0}"),
	TREE("100644 a\0{0}100755 b\0{0}120000 c\0{0}40000 d\0{1}160000 e\0{3}"),
	TREE("100644 a-\0{0}100644 a.b\0{0}40000 a\0{2}100644 a0\0{0}"),
	TREE("100664 a\0{0}"), TREE("100600 a\0{0}100711 b\0{0}40755 c\0{2}120777 d\0{0}160001 e\0{3}"),
	TREE("40000 empty\0{1}"),
	TREE("100644 .gitattributes\0{0}100644 .gitmodules\0{0}120000 .mailmap\0{0}"),
	TAG("object %3\ntype commit\ntag v1\ntagger " WHO "\n\nmessage\n"),
	TAG("object %2\ntype tree\ntag v1\ntagger " WHO "\n\nmessage\n"),
	TAG("object %0\ntype blob\ntag v1\ntagger " WHO "\n\nmessage\0with a NUL\n"),
	TAG("object %5\ntype tag\ntag v2\ntagger " WHO "\n\nof a tag\n"),
	TAG("object %3\ntype commit\ntag v1\n"),
	TAG("object %3\ntype commit\ntag v1\n\nold ones have no tagger\n"),
	TAG("object %3\ntype commit\ntag not a ref..name\ntagger " WHO "\nand a header\n\nmessage\n"),
	/* Trees that are none. */
	TREE("100644 a\0{0}100644 a\0{0}"), TREE("100644 b\0{0}100644 a\0{0}"), TREE("40000 a\0{2}100644 a\0{0}"),
	TREE("100644 a\0{0}40000 a\0{2}"), TREE("100644 a\0{0}100644 a.b\0{0}40000 a\0{2}"), TREE("100644 a\0{0}100644 a-\0{0}100644 a.b\0{0}40000 a\0{2}"),
	TREE("100644 a\0{0}100644 a0\0{0}40000 a\0{2}"), TREE("40000 a\0{2}100644 a.b\0{0}"),
	TREE("100644 \0{0}"), TREE("100644 .\0{0}"), TREE("40000 ..\0{2}"), TREE("40000 .git\0{2}"), TREE("100644 a/b\0{0}"), TREE("100644  \0{0}"),
	TREE("0100644 a\0{0}"), TREE("040000 a\0{2}"), TREE("100644a\0{0}"), TREE("100648 a\0{0}"), TREE(" a\0{0}"), TREE("a\0{0}"), TREE("-1 a\0{0}"),
	TREE("100644 a\0"), TREE("100644 a\0{0}1"), TREE("100644 a\0{0}100644 b"), TREE("100644 a\0{0}100644"), TREE("100644 a\0{0}100644 "),
	TREE("100644 a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), TREE("160000 a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), TREE("120000 .gitmodules\0{0}"), 
	  TREE("120000 .gitattributes\0{0}"), TREE("120000 .gitignore\0{0}"),
	/* Commits that are none. */
	COMMIT(""), COMMIT("\n"), COMMIT("\n\n"), COMMIT("tree %1"), COMMIT("tree %1\n"), COMMIT("tree %1\n\nauthor " WHO "\ncommitter " WHO "\n"),
	COMMIT("tree " LONG "\nauthor " WHO "\ncommitter " WHO "\n\n"), COMMIT("tree  %1\nauthor " WHO "\ncommitter " WHO "\n\n"),
	COMMIT("tree %1 \nauthor " WHO "\ncommitter " WHO "\n\n"), COMMIT("Tree %1\nauthor " WHO "\ncommitter " WHO "\n\n"),
	COMMIT("parent %3\ntree %1\nauthor " WHO "\ncommitter " WHO "\n\n"), COMMIT("tree %1\nauthor " WHO "\nparent %3\ncommitter " WHO "\n\n"),
	COMMIT("tree %1\nparent %3 \nauthor " WHO "\ncommitter " WHO "\n\n"), COMMIT("tree %1\nparent " LONG "\nauthor " WHO "\ncommitter " WHO "\n\n"),
	COMMIT("tree %1\nauthor " WHO "\nauthor " WHO "\ncommitter " WHO "\n\n"), COMMIT("tree %1\ncommitter " WHO "\nauthor " WHO "\n\n"),
	COMMIT("tree %1\ncommitter " WHO "\n\n"), COMMIT("tree %1\nauthor " WHO "\n\n"), COMMIT("tree %1\nauthor " WHO "\ncommitter " WHO),
	COMMIT("tree %1\nauthor " WHO "\ncommitter " WHO "\n\nNUL\0here\n"), COMMIT("tree %1\nauthor " WHO "\ncommitter " WHO "\nx\0y\n\n"),
	COMMIT("tree %1\nauthor <a@b> 1 +0000\ncommitter " WHO "\n\n"), COMMIT("tree %1\nauthor a<a@b> 1 +0000\ncommitter " WHO "\n\n"),
	COMMIT("tree %1\nauthor a a@b 1 +0000\ncommitter " WHO "\n\n"), COMMIT("tree %1\nauthor a> <a@b> 1 +0000\ncommitter " WHO "\n\n"),
	COMMIT("tree %1\nauthor a <a@b 1 +0000\ncommitter " WHO "\n\n"), COMMIT("tree %1\nauthor a <a<@b> 1 +0000\ncommitter " WHO "\n\n"),
	COMMIT("tree %1\nauthor a <a@b>1 +0000\ncommitter " WHO "\n\n"), COMMIT("tree %1\nauthor a <a@b> 01 +0000\ncommitter " WHO "\n\n"),
	COMMIT("tree %1\nauthor a <a@b> x +0000\ncommitter " WHO "\n\n"), COMMIT("tree %1\nauthor a <a@b> -1 +0000\ncommitter " WHO "\n\n"),
	COMMIT("tree %1\nauthor a <a@b> 9223372036854775808 +0000\ncommitter " WHO "\n\n"), COMMIT("tree %1\nauthor a <a@b> 99999999999999999999 +0000\ncommitter " WHO "\n\n"),
	COMMIT("tree %1\nauthor a <a@b> 1+0000\ncommitter " WHO "\n\n"), COMMIT("tree %1\nauthor a <a@b> 1 0000\ncommitter " WHO "\n\n"),
	COMMIT("tree %1\nauthor a <a@b> 1 +000\ncommitter " WHO "\n\n"), COMMIT("tree %1\nauthor a <a@b> 1 +00000\ncommitter " WHO "\n\n"),
	COMMIT("tree %1\nauthor a <a@b> 1 +0000 \ncommitter " WHO "\n\n"), COMMIT("tree %1\nauthor a <a@b> 1\ncommitter " WHO "\n\n"),
	COMMIT("tree %1\nauthor a <a@b>\ncommitter " WHO "\n\n"), COMMIT("tree %1\nauthor \ncommitter " WHO "\n\n"), COMMIT("tree %1\nauthor " WHO "\ncommitter a <a@b> 1 +00"),
	COMMIT("tree %0\nauthor " WHO "\ncommitter " WHO "\n\na blob as tree\n"), COMMIT("tree %1\nparent %1\nauthor " WHO "\ncommitter " WHO "\n\na tree as parent\n"),
	/* Tags that are none. */
	TAG(""), TAG("object %3\n"), TAG("object %3\ntype commit\n"), TAG("object %3\ntype commit\ntag v1"), TAG("object %3\ntag v1\ntype commit\n\n\n\n\n\n\n\n"),
	TAG("object %3\ntype commits\ntag v1\ntagger " WHO "\n\n"), TAG("object %3\ntype \ntag v1\ntagger " WHO "\n\n"), TAG("object " LONG "\ntype commit\ntag v1\ntagger " WHO "\n\n"),
	TAG("object %3\ntype commit\ntag v1\ntagger a <b> 1\n\n"), TAG("object %3\ntype commit\ntag v1\ntagger <b> 1 +0000\n\n"), TAG("object %3\ntype commit\ntag v\0001\ntagger " WHO "\n\n"),
	TAG("object %3\ntype tree\ntag v1\ntagger " WHO "\n\nanother kind\n"), TAG("object %0\ntype blob\ntag \n"), TAG("object %0\ntype blob\ntag 1\n"),
};
/* clang-format on */
enum { TEXTS = sizeof(texts) / sizeof(texts[0]) };

static bool add(struct raw *raw, const void *at, size_t bytes)
{
	if (raw->bytes + bytes > RAW_MAX)
		return false;
	memcpy(raw->at + raw->bytes, at, bytes);
	raw->bytes += (uint32_t)bytes;
	return true;
}

static bool is_number(char c)
{
	return c >= '0' && c < '0' + (int)GROUND_COUNT;
}

bool raw_fill(struct raw *raw, enum object_type type, const char *text, size_t bytes, const struct oid ids[GROUND_COUNT])
{
	bool fits = true;

	raw->type = type;
	raw->bytes = 0;
	for (size_t i = 0; fits && i < bytes; i++) {
		const char *at = text + i;
		char hex[OID_HEX_BYTES];
		if (i + 1 < bytes && at[0] == '%' && is_number(at[1])) {
			oid_print(&ids[at[1] - '0'], hex);
			fits = add(raw, hex, OID_HEX_BYTES - 1);
			i++;
		} else if (i + 2 < bytes && at[0] == '{' && is_number(at[1]) && at[2] == '}') {
			fits = add(raw, ids[at[1] - '0'].bytes, OID_BYTES);
			i += 2;
		} else {
			fits = add(raw, at, 1);
		}
	}
	return fits;
}

static void fill(struct raw *raw, const struct written *text, const struct oid ids[GROUND_COUNT])
{
	if (!raw_fill(raw, text->type, text->at, text->bytes, ids))
		abort();
}

void ground_make(struct oid ids[GROUND_COUNT], raw_given *give, void *context)
{
	static const struct written grounds[GROUND_COUNT] = {
		{OBJECT_BLOB, "# blob\n", 7},
		TREE(""),
		TREE("100644 file\0{0}"),
		COMMIT("tree %2\nauthor " WHO "\ncommitter " WHO "\n\nfirst\n"),
		COMMIT("tree %2\nparent %3\nauthor " WHO "\ncommitter " WHO "\n\nsecond\n"),
		TAG("object %3\ntype commit\ntag ground\ntagger " WHO "\n\ntag\n"),
	};
	for (size_t i = 0; i < GROUND_COUNT; i++) {
		struct raw raw;
		fill(&raw, &grounds[i], ids);
		give(context, &raw, &ids[i]);
	}
}

const struct raw *raw_case(const struct oid ids[GROUND_COUNT], size_t number)
{
	static struct raw raw;
	if (number >= TEXTS)
		return NULL;
	fill(&raw, &texts[number], ids);
	return &raw;
}

/* ---- mutations ---- */

static void replace(struct raw *raw, uint32_t from, uint32_t bytes, const void *with, uint32_t with_bytes)
{
	if (raw->bytes - bytes + with_bytes > RAW_MAX)
		return;
	memmove(raw->at + from + with_bytes, raw->at + from + bytes, raw->bytes - from - bytes);
	memcpy(raw->at + from, with, with_bytes);
	raw->bytes = raw->bytes - bytes + with_bytes;
}

static void line_at(const struct raw *raw, uint32_t at, uint32_t *out_from, uint32_t *out_bytes)
{
	uint32_t end = at;
	while (at > 0 && raw->at[at - 1] != '\n')
		at--;
	while (end < raw->bytes && raw->at[end] != '\n')
		end++;
	*out_from = at;
	*out_bytes = (end < raw->bytes ? end + 1 : end) - at;
}

static void change_line(struct raw *raw, uint64_t *random)
{
	uint32_t from, bytes, other, other_bytes;
	uint8_t copy[RAW_MAX];
	line_at(raw, random_below(random, raw->bytes), &from, &bytes);
	line_at(raw, random_below(random, raw->bytes), &other, &other_bytes);
	memcpy(copy, raw->at + other, other_bytes);
	replace(raw, from, random_below(random, 2) ? bytes : 0, copy, random_below(random, 3) ? other_bytes : 0);
}

void raw_mutate(struct raw *raw, uint64_t *random)
{
	static const char bytes[] = "\0\n <>+-0157 \n\xff/.a";
	static const char *const words[] = {"\n\n", "0",       "100644 ", "40000 ",  "120000 ",   " <",
					    "> ",   "parent ", ".git",    "+0000\n", "committer "};
	for (uint32_t i = 1 + random_below(random, 2); i > 0 && raw->bytes; i--) {
		uint32_t at = random_below(random, raw->bytes);
		const char *word = words[random_below(random, sizeof(words) / sizeof(words[0]))];
		switch (random_below(random, 6)) {
		case 0:
			raw->at[at] = (uint8_t)bytes[random_below(random, sizeof(bytes) - 1)];
			break;
		case 1:
			replace(raw, at, 1, "", 0);
			break;
		case 2:
			replace(raw, at, 0, bytes + random_below(random, sizeof(bytes) - 1), 1);
			break;
		case 3:
			replace(raw, at, 0, word, (uint32_t)strlen(word));
			break;
		case 4:
			change_line(raw, random);
			break;
		default:
			raw->bytes = random_below(random, 8) ? raw->bytes : at;
			break;
		}
	}
}
