/* SPDX-License-Identifier: MIT */
#include "races/paths.h"

#include <stdio.h>
#include <string.h>

#include "races/said.h"

#define FOLDED_BYTES 4096u
#define STEPS_MAX    100000u /* of one match: a glob full of stars is given up, and then fits */

static const struct {
	const char *glob, *why;
} protected[] = {
#define PROTECTED(glob, why) {glob, why},
#include "races/protected.def"
};

static const char *const made[] = {
#define MADE(glob) glob,
#include "races/made.def"
};

static unsigned char fold(char character, bool folded)
{
	unsigned char byte = (unsigned char)character;

	return folded && byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + ('a' - 'A')) : byte;
}

/* `*glob` is behind '['; moves it behind ']'. A bracket that never ends is a bracket. */
static bool in_brackets(const char **glob, unsigned char byte, bool folded)
{
	const char *at = *glob;
	bool negated = *at == '!' || *at == '^', found = false;

	at += negated;
	for (bool first = true; *at && (*at != ']' || first); at++, first = false) {
		unsigned char from = fold(*at, folded), to = from;

		if (at[1] == '-' && at[2] && at[2] != ']') {
			to = fold(at[2], folded);
			at += 2;
		}
		found = found || (byte >= from && byte <= to);
	}
	if (!*at)
		return byte == '[';
	*glob = at + 1;
	return found != negated;
}

static bool fits(const char *glob, const char *path, bool folded, unsigned *steps);

static bool star_fits(const char *glob, const char *path, bool folded, unsigned *steps)
{
	bool wide = glob[1] == '*';
	const char *rest = glob + 1 + wide;

	if (wide && *rest == '/' && fits(rest + 1, path, folded, steps))
		return true; /* a double star and a slash may stand for nothing */
	for (; *steps < STEPS_MAX; path++) {
		if (fits(rest, path, folded, steps))
			return true;
		if (!*path || (*path == '/' && !wide))
			return false;
	}
	return true;
}

static bool fits(const char *glob, const char *path, bool folded, unsigned *steps)
{
	for (; *glob; path++) {
		if (++*steps > STEPS_MAX)
			return true;
		if (*glob == '*')
			return star_fits(glob, path, folded, steps);
		if (!*path)
			return false;
		if (*glob == '?' && *path != '/') {
			glob++;
		} else if (*glob == '[' && *path != '/') {
			glob++;
			if (!in_brackets(&glob, fold(*path, folded), folded))
				return false;
		} else if (fold(*glob++, folded) != fold(*path, folded)) {
			return false;
		}
	}
	return !*path;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool path_fits(const char *glob, const char *path, bool folded)
{
	unsigned steps = 0;

	return fits(glob, strchr(glob, '/') ? path : last_part(path), folded, &steps);
}

bool path_fits_any(const json_t *globs, const char *path, bool folded)
{
	const json_t *glob;
	size_t i;

	json_array_foreach (globs, i, glob)
		if (json_is_string(glob) && path_fits(json_string_value(glob), path, folded))
			return true;
	return false;
}

/* At the top, or below any folder. */
static bool fits_anywhere(const char *glob, const char *path)
{
	for (; path; path = strchr(path, '/') ? strchr(path, '/') + 1 : NULL)
		if (path_fits(glob, path, true))
			return true;
	return false;
}

/* Characters that HFS+ leaves out of names: U+200B…U+200F, U+202A…U+202E, U+2060…U+206F, U+FEFF. Their bytes, or 0. */
static size_t without_width(const char *at)
{
	const unsigned char *byte = (const unsigned char *)at;

	if (byte[0] == 0xe2 && byte[1] == 0x80 && ((byte[2] >= 0x8b && byte[2] <= 0x8f) || (byte[2] >= 0xaa && byte[2] <= 0xae)))
		return 3;
	if (byte[0] == 0xe2 && byte[1] == 0x81 && byte[2] >= 0xa0 && byte[2] <= 0xaf)
		return 3;
	return byte[0] == 0xef && byte[1] == 0xbb && byte[2] == 0xbf ? 3 : 0;
}

/* The name under which a careless file system would file it. */
static void plain_spelling(const char *path, char out[FOLDED_BYTES])
{
	size_t used = 0;

	while (*path && used + 1 < FOLDED_BYTES) {
		size_t skip = without_width(path);

		if (skip) {
			path += skip;
			continue;
		}
		if (*path == ':') { /* the stream of a file of NTFS is the file */
			path += strcspn(path, "/");
			continue;
		}
		if (*path == '/' || *path == '\\')
			while (used > 0 && (out[used - 1] == '.' || out[used - 1] == ' ') && !(used >= 2 && out[used - 2] == '/'))
				used--;
		out[used++] = *path == '\\' ? '/' : *path;
		path++;
	}
	while (used > 0 && (out[used - 1] == '.' || out[used - 1] == ' '))
		used--;
	out[used] = '\0';
}

const char *path_protected(const char *path, const json_t *globs, char out[256])
{
	char plain[FOLDED_BYTES];
	const json_t *glob;
	size_t g;

	plain_spelling(path, plain);
	for (size_t i = 0; i < sizeof(protected) / sizeof(protected[0]); i++)
		if (fits_anywhere(protected[i].glob, plain))
			return protected[i].why;
	json_array_foreach (globs, g, glob) {
		if (!json_is_string(glob) ||
		    !(fits_anywhere(json_string_value(glob), plain) || path_fits(json_string_value(glob), path, true)))
			continue;
		out[0] = '\0';
		said_add(out, 256, "it fits %.200s", json_string_value(glob));
		return out;
	}
	return NULL;
}

bool path_made(const char *path)
{
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		if (fits_anywhere(made[i], path))
			return true;
	return false;
}

static bool fits_one_of(const char *const globs[], size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (fits_anywhere(globs[i], path))
			return true;
	return false;
}

bool path_test(const char *path)
{
	static const char *const globs[] = {"test/**",  "tests/**", "testing/**", "spec/**",  "specs/**", "__tests__/**",
					    "t/**",     "test_*",   "*_test.*",   "*.test.*", "*-test.*", "*_spec.*",
					    "*.spec.*", "test.*",   "tests.*",    "*_test"};

	return fits_one_of(globs, sizeof(globs) / sizeof(globs[0]), path);
}

bool path_runs_tests(const char *path)
{
	static const char *const globs[] = {"Makefile", "GNUmakefile", "*.mk",        "package.json", "CMakeLists.txt",
					    "*.cmake",  "Makefile.am", "Makefile.in", "configure*",   "meson.build"};

	return fits_one_of(globs, sizeof(globs) / sizeof(globs[0]), path);
}
