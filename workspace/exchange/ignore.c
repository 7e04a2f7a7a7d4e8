/* SPDX-License-Identifier: MIT
 *
 * A line is a pattern, and the last one that fits decides: first those of the file's own folder, then those above. "!" turns a decision round,
 * a slash at the end means folders only, one elsewhere that the pattern begins at the folder of the file.
 */
#include "workspace/exchange/ignore.h"

#include <stdlib.h>
#include <string.h>

#include "workspace/exchange/wildcard.h"

#define PLACES_ON_STACK 64u /* words: patterns of up to 2,000 steps */

struct ignore_pattern {
	struct wildcard wildcard;
	bool is_negative, is_folder_only, is_name_only;
};

/* ---- lines ---- */

/* Spaces at the end do not count, unless a backslash stands before them. */
static size_t without_spaces(const char *line, size_t bytes)
{
	size_t end = 0;

	for (size_t i = 0; i < bytes; i++) {
		bool is_space = line[i] == ' ';
		if (line[i] == '\\' && ++i == bytes)
			return bytes;
		if (!is_space)
			end = i + 1;
	}
	return end;
}

struct line {
	const char *at;
	size_t bytes;
};

/* The next line, without its end; false after the last. Lines end before a NUL, since to git they do. */
static bool next_line(struct line *rest, struct line *out_line)
{
	const char *end = rest->bytes ? memchr(rest->at, '\n', rest->bytes) : NULL;
	size_t bytes = end ? (size_t)(end - rest->at) : rest->bytes;

	if (!rest->bytes)
		return false;
	*out_line = (struct line){rest->at, bytes};
	rest->at += bytes + (end != NULL);
	rest->bytes -= bytes + (end != NULL);
	if (out_line->bytes && out_line->at[out_line->bytes - 1] == '\r')
		out_line->bytes--;
	out_line->bytes = strnlen(out_line->at, out_line->bytes);
	out_line->bytes = without_spaces(out_line->at, out_line->bytes);
	return true;
}

static bool is_pattern(const struct line *line)
{
	return line->bytes && line->at[0] != '#';
}

static size_t literal_bytes(const struct line *line)
{
	size_t bytes = 0;

	while (bytes < line->bytes && !strchr("*?[\\", line->at[bytes]))
		bytes++;
	return bytes;
}

static void pattern_read(struct line line, struct ignore_pattern *pattern)
{
	if (line.at[0] == '!') {
		pattern->is_negative = true;
		line = (struct line){line.at + 1, line.bytes - 1};
	}
	if (line.bytes && line.at[line.bytes - 1] == '/') {
		pattern->is_folder_only = true;
		line.bytes--;
	}
	pattern->is_name_only = !line.bytes || !memchr(line.at, '/', line.bytes);
	if (line.bytes && line.at[0] == '/')
		line = (struct line){line.at + 1, line.bytes - 1};
	/* git compares what stands before the first special character by itself, and only then looks at the rest as a pattern. */
	wildcard_read(line.at, line.bytes, pattern->is_name_only ? 0 : literal_bytes(&line), &pattern->wildcard);
}

/* ---- files ---- */

struct sizes {
	size_t patterns, steps, sets;
};

static struct line content(struct bytes file)
{
	struct line all = {(const char *)file.at, file.bytes};

	if (all.bytes >= 3 && !memcmp(all.at, "\xef\xbb\xbf", 3))
		all = (struct line){all.at + 3, all.bytes - 3};
	return all;
}

static size_t brackets(const struct line *line)
{
	size_t count = 0;

	for (size_t i = 0; i < line->bytes; i++)
		count += line->at[i] == '[';
	return count;
}

/* A path has 4,095 bytes; a pattern that is much longer fits nothing that is looked for. */
static bool is_too_long(const struct line *line)
{
	return line->bytes > 65535;
}

static struct sizes measure(struct bytes file)
{
	struct line rest = content(file), line;
	struct sizes sizes = {0};

	while (next_line(&rest, &line)) {
		if (!is_pattern(&line) || is_too_long(&line))
			continue;
		sizes.patterns++;
		sizes.steps += line.bytes;
		sizes.sets += brackets(&line);
	}
	return sizes;
}

int ignore_read(struct bytes file, const struct ignore *above, size_t folder_bytes, struct ignore *out_ignore)
{
	struct sizes sizes = measure(file);
	size_t sets_bytes = sizes.sets * sizeof(struct wildcard_set), steps_bytes = sizes.steps * sizeof(struct wildcard_step);
	size_t patterns_bytes = sizes.patterns * sizeof(struct ignore_pattern);
	char *memory = calloc(1, patterns_bytes + sets_bytes + steps_bytes + 1);
	struct line rest = content(file), line;
	struct wildcard_set *sets;
	struct wildcard_step *steps;

	if (!memory)
		return ERR_MEMORY;
	*out_ignore = (struct ignore){above, folder_bytes, (struct ignore_pattern *)(void *)memory, 0, memory};
	sets = (struct wildcard_set *)(void *)(memory + patterns_bytes);
	steps = (struct wildcard_step *)(void *)(memory + patterns_bytes + sets_bytes);
	while (next_line(&rest, &line)) {
		struct ignore_pattern *pattern = &out_ignore->patterns[out_ignore->count];
		if (!is_pattern(&line) || is_too_long(&line))
			continue;
		pattern->wildcard = (struct wildcard){.steps = steps, .sets = sets};
		pattern_read(line, pattern);
		steps += line.bytes;
		sets += brackets(&line);
		out_ignore->count++;
	}
	return 0;
}

void ignore_release(struct ignore *ignore)
{
	free(ignore->memory);
	*ignore = (struct ignore){0};
}

/* ---- matching ---- */

static int pattern_match(const struct ignore_pattern *pattern, const char *path, size_t bytes, bool *out_match)
{
	size_t words = 2 * (pattern->wildcard.count / 64 + 1);
	uint64_t some[PLACES_ON_STACK], *places = some;

	if (words > PLACES_ON_STACK) {
		places = malloc(words * sizeof(*places));
		if (!places)
			return ERR_MEMORY;
	}
	*out_match = wildcard_match(&pattern->wildcard, path, bytes, places);
	if (places != some)
		free(places);
	return 0;
}

int ignore_match(const struct ignore *ignore, const char *path, size_t bytes, bool is_folder, bool *out_ignored)
{
	const char *slash = memrchr(path, '/', bytes);
	const char *name = slash ? slash + 1 : path;

	*out_ignored = false;
	for (; ignore; ignore = ignore->above)
		for (size_t i = ignore->count; i-- > 0;) {
			const struct ignore_pattern *pattern = &ignore->patterns[i];
			const char *from = pattern->is_name_only ? name : path + ignore->folder_bytes;
			bool match = false;
			int rc = 0;
			if (!pattern->is_folder_only || is_folder)
				rc = pattern_match(pattern, from, (size_t)(path + bytes - from), &match);
			if (rc)
				return rc;
			if (match) {
				*out_ignored = !pattern->is_negative;
				return 0;
			}
		}
	return 0;
}
