/* SPDX-License-Identifier: MIT
 *
 * Contents are lists of lines out of a small vocabulary, so that files resemble each other more or less; base names come from a short
 * list, so that they are often not unique.
 */
#include "tests/workspace/merge/rename_cases.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 60u

struct chance {
	uint64_t state;
};

/* SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
static uint64_t next(struct chance *chance)
{
	uint64_t z = chance->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static size_t below(struct chance *chance, size_t limit)
{
	return next(chance) % limit;
}

static bool one_in(struct chance *chance, size_t n)
{
	return below(chance, n) == 0;
}

/* ---- contents ---- */

struct content {
	uint16_t lines[LINES_MAX];
	size_t count;
	uint8_t ending; /* 0 LF, 1 CRLF */
	bool is_open;   /* without an end of the last line */
	bool is_binary;
	bool is_odd;
	enum file_mode mode;
};

static void content_init(struct content *content, struct chance *chance, size_t words, bool is_odd)
{
	*content = (struct content){.mode = one_in(chance, 8) ? MODE_EXECUTABLE : MODE_FILE, .is_odd = is_odd};
	content->count = one_in(chance, 12) ? 0 : 1 + below(chance, one_in(chance, 4) ? LINES_MAX : 12);
	content->ending = one_in(chance, 8);
	content->is_open = one_in(chance, 6);
	content->is_binary = one_in(chance, 12);
	if (one_in(chance, 25))
		content->mode = MODE_SYMLINK;
	else if (is_odd && one_in(chance, 25))
		content->mode = MODE_SUBMODULE;
	for (size_t i = 0; i < content->count; i++)
		content->lines[i] = (uint16_t)below(chance, words);
}

static void content_edit(struct content *content, struct chance *chance, size_t words)
{
	size_t edits = below(chance, 2 + content->count / 2);

	for (size_t i = 0; i < edits && content->count > 0; i++)
		content->lines[below(chance, content->count)] = (uint16_t)below(chance, words);
	if (one_in(chance, 3))
		content->count -= below(chance, content->count + 1) / 2;
	if (one_in(chance, 20))
		content->ending = !content->ending;
	if (one_in(chance, 20))
		content->mode = content->mode == MODE_FILE ? MODE_EXECUTABLE : MODE_FILE;
	if (content->is_odd && one_in(chance, 12))
		content->mode = one_in(chance, 2) ? MODE_SYMLINK : MODE_SUBMODULE;
}

/* Functions, blocks, blank lines; text that is cut in the middle of a character; bytes that are no text. */
static int print_line(const struct content *content, uint16_t line, char *text)
{
	static const char *const odd[] = {"",
					  "\treturn 1;",
					  "    }",
					  "}",
					  "void a_function(void) \t",
					  "fonction_d\xc3\xa9j\xc3\xa0_vue_\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9_"
					  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
					  "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac",
					  "int \xff\xfe;",
					  "$dollar {",
					  "_under: \xf0\x9f\x98\x80",
					  "\t\t{"};
	size_t odds = sizeof(odd) / sizeof(odd[0]);

	if (content->is_odd && line % 2 == 0)
		return sprintf(text, "%s", odd[line / 2 % odds]);
	return sprintf(text, line % 7 == 0 ? "%u %0100u" : "line %u of it", line, 7u);
}

static struct bytes content_print(const struct content *content)
{
	char text[LINES_MAX * 140] = "";
	size_t bytes = 0;
	uint8_t *at;

	for (size_t i = 0; i < content->count; i++) {
		bytes += (size_t)print_line(content, content->lines[i], text + bytes);
		if (content->is_binary && i == 0)
			text[bytes++] = 0;
		if (i + 1 == content->count && content->is_open)
			break;
		if (content->ending)
			text[bytes++] = '\r';
		text[bytes++] = '\n';
	}
	at = malloc(bytes + 1);
	assert(at);
	memcpy(at, text, bytes);
	return (struct bytes){.at = at, .bytes = (uint32_t)bytes};
}

/* ---- trees ---- */

static const char *const folders[] = {"", "a/", "a/b/", "a/b/c/", "d/", "d/b/", "e.f/", "a/d/"};
static const char *const bases[] = {"x", "y", "z.c", "Makefile", "main.c", "a"};
static const char *const odd_bases[] = {"a b",  "q\"q", "\xc3\xa9", "back\\slash", "tab\t", "\x01",
					"\x7f", "a.",   "a-b",      "new\nline",   " "};

static void path_new(struct chance *chance, char *path, size_t size, bool is_odd)
{
	const char *folder = folders[below(chance, sizeof(folders) / sizeof(folders[0]))];

	if (is_odd && one_in(chance, 3))
		snprintf(path, size, "%s%s", folder, odd_bases[below(chance, sizeof(odd_bases) / sizeof(odd_bases[0]))]);
	else if (one_in(chance, 3))
		snprintf(path, size, "%sn%u", folder, (unsigned)below(chance, 30));
	else
		snprintf(path, size, "%s%s", folder, bases[below(chance, sizeof(bases) / sizeof(bases[0]))]);
}

/* A file may not be a folder of another. */
static bool is_free(const struct case_tree *tree, const char *path)
{
	for (size_t i = 0; i < tree->count; i++) {
		const char *other = tree->files[i].path;
		size_t a = strlen(path), b = strlen(other);
		if (strcmp(other, path) == 0 || (a < b && strncmp(other, path, a) == 0 && other[a] == '/') ||
		    (b < a && strncmp(other, path, b) == 0 && path[b] == '/'))
			return false;
	}
	return tree->count < CASE_FILES_MAX;
}

static void make_id(struct bytes *data)
{
	uint8_t *id = calloc(OID_BYTES, 1);

	assert(id);
	memcpy(id, data->at, data->bytes < OID_BYTES ? data->bytes : OID_BYTES);
	id[0] |= 1;
	free((void *)(uintptr_t)data->at);
	*data = (struct bytes){.at = id, .bytes = OID_BYTES};
}

static bool add(struct case_tree *tree, const char *path, const struct content *content)
{
	struct case_file *file = &tree->files[tree->count];

	if (!is_free(tree, path))
		return false;
	snprintf(file->path, sizeof(file->path), "%s", path);
	file->mode = content->mode;
	file->data = content_print(content);
	if (file->mode == MODE_SYMLINK && (file->data.bytes == 0 || content->is_binary))
		file->mode = MODE_FILE;
	if (file->mode == MODE_SUBMODULE)
		make_id(&file->data);
	tree->count++;
	return true;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct case_file *)a)->path, ((const struct case_file *)b)->path);
}

/* Its base name kept, or not; the same folder for all from one, or not. */
static void moved_path(struct chance *chance, const char *path, const char *to_folder, char *out_path, size_t size, bool is_odd)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

	if (one_in(chance, 3))
		path_new(chance, out_path, size, is_odd);
	else
		snprintf(out_path, size, "%s%s", to_folder, base);
}

void rename_case_new(uint64_t number, struct case_tree *old, struct case_tree *new)
{
	struct chance chance = {number * 0xd1342543de82ef95u + 3};
	size_t words = 3 + below(&chance, one_in(&chance, 2) ? 10 : 300),
	       files = 1 + below(&chance, one_in(&chance, 4) ? 50 : 12);
	const char *to_folder = folders[below(&chance, sizeof(folders) / sizeof(folders[0]))];
	struct content contents[CASE_FILES_MAX];
	bool is_odd = number >= CASES_ODD;
	char path[80];

	old->count = new->count = 0;
	for (size_t i = 0; i < files; i++) {
		struct content *content = &contents[old->count];
		if (i > 0 && old->count > 0 && one_in(&chance, 5))
			*content = contents[below(&chance, old->count)];
		else
			content_init(content, &chance, words, is_odd);
		path_new(&chance, path, sizeof(path), is_odd);
		add(old, path, content);
	}
	for (size_t i = 0; i < old->count; i++) {
		struct content content = contents[i];
		if (one_in(&chance, 6))
			continue;
		if (one_in(&chance, 2))
			content_edit(&content, &chance, words);
		if (one_in(&chance, 3))
			snprintf(path, sizeof(path), "%s", old->files[i].path);
		else
			moved_path(&chance, old->files[i].path, to_folder, path, sizeof(path), is_odd);
		add(new, path, &content);
	}
	for (size_t i = below(&chance, 6); i > 0; i--) {
		struct content content = contents[below(&chance, old->count)];
		if (one_in(&chance, 2))
			content_init(&content, &chance, words, is_odd);
		path_new(&chance, path, sizeof(path), is_odd);
		add(new, path, &content);
	}
	qsort(old->files, old->count, sizeof(old->files[0]), by_path);
	qsort(new->files, new->count, sizeof(new->files[0]), by_path);
}

void case_tree_release(struct case_tree *tree)
{
	for (size_t i = 0; i < tree->count; i++)
		free((void *)(uintptr_t)tree->files[i].data.at);
	tree->count = 0;
}
