/* SPDX-License-Identifier: MIT
 *
 * Which names mean something to git, and which a tree may not have.
 */
#include "workspace/store/names.h"

#include <stdint.h>
#include <string.h>

#include "workspace/store/object.h"

/* What is left of a name; reading goes on with NUL behind its end. */
struct rest {
	const uint8_t *at;
	size_t bytes;
};

/* A name without its dot, and what its short form on NTFS begins with if the first four of them are taken. */
struct needle {
	enum name_kind kind;
	const char *name;
	const char *hashed;
};

static const struct needle needles[] = {
	{NAME_MODULES, "gitmodules", "gi7eba"},
	{NAME_ATTRIBUTES, "gitattributes", "gi7d29"},
};

static uint8_t byte_of(struct rest rest, size_t i)
{
	return i < rest.bytes ? rest.at[i] : 0;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool begins(struct rest rest, size_t from, const char *word, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (lower(byte_of(rest, from + i)) != (uint8_t)word[i])
			return false;
	}
	return true;
}

/* ---- HFS+ ---- */

static bool continues(struct rest rest, size_t from, size_t count)
{
	for (size_t i = from; i < from + count; i++) {
		if ((byte_of(rest, i) & 0xc0) != 0x80)
			return false;
	}
	return true;
}

/* How many bytes the next character of UTF-8 has; 0 for what is none (too long a form, half a pair, above the last one, U+FFFE and U+FFFF). */
static size_t character_bytes(struct rest rest)
{
	uint8_t first = byte_of(rest, 0), second = byte_of(rest, 1), third = byte_of(rest, 2);
	if (first < 0x80)
		return 1;
	if ((first & 0xe0) == 0xc0)
		return first >= 0xc2 && continues(rest, 1, 1) ? 2 : 0;
	if ((first & 0xf0) == 0xe0) {
		bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
			     (first == 0xef && second == 0xbf && third >= 0xbe);
		return !wrong && continues(rest, 1, 2) ? 3 : 0;
	}
	if ((first & 0xf8) == 0xf0) {
		bool wrong = (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f) || first > 0xf4;
		return !wrong && continues(rest, 1, 3) ? 4 : 0;
	}
	return 0;
}

/* U+200C–200F, 202A–202E, 206A–206F and FEFF. */
static bool is_ignored(const uint8_t *c)
{
	if (c[0] == 0xef)
		return c[1] == 0xbb && c[2] == 0xbf;
	if (c[0] != 0xe2)
		return false;
	return c[1] == 0x80 ? (c[2] >= 0x8c && c[2] <= 0x8f) || (c[2] >= 0xaa && c[2] <= 0xae)
			    : c[1] == 0x81 && c[2] >= 0xaa && c[2] <= 0xaf;
}

/* The next character that HFS+ looks at, in lower case if it is ASCII: 0 at the end and where no character is, 0x80 for all others. */
static uint8_t hfs_next(struct rest *rest)
{
	for (;;) {
		size_t bytes = character_bytes(*rest);
		if (bytes == 0 || rest->bytes == 0) {
			rest->bytes = 0;
			return 0;
		}
		const uint8_t *c = rest->at;
		rest->at += bytes;
		rest->bytes -= bytes;
		if (bytes == 1)
			return lower(c[0]);
		if (bytes != 3 || !is_ignored(c))
			return 0x80;
	}
}

static bool hfs_is(struct rest rest, const char *word)
{
	if (hfs_next(&rest) != '.')
		return false;
	for (; *word; word++) {
		if (hfs_next(&rest) != (uint8_t)*word)
			return false;
	}
	uint8_t end = hfs_next(&rest);
	return end == 0 || end == '/';
}

/* ---- NTFS ---- */

static bool ntfs_ends(struct rest rest, size_t from, bool also_separator)
{
	for (size_t i = from;; i++) {
		uint8_t c = byte_of(rest, i);
		if (c == 0 || c == ':' || (also_separator && (c == '\\' || c == '/')))
			return true;
		if (c != ' ' && c != '.')
			return false;
	}
}

static bool ntfs_is_repository(struct rest rest)
{
	if (begins(rest, 0, ".git", 4))
		return ntfs_ends(rest, 4, true);
	return begins(rest, 0, "git~1", 5) && ntfs_ends(rest, 5, true);
}

static bool is_digit(uint8_t c, char first)
{
	return c >= (uint8_t)first && c <= '9';
}

/* Eight characters: as much of the hashed beginning as there is room for, a tilde, and a number. */
static bool ntfs_is_hashed(struct rest rest, const char *hashed)
{
	size_t i = 0;
	while (i < 6 && lower(byte_of(rest, i)) == (uint8_t)hashed[i])
		i++;
	if (byte_of(rest, i) != '~' || !is_digit(byte_of(rest, i + 1), '1'))
		return false;
	for (i += 2; i < 8; i++) {
		if (!is_digit(byte_of(rest, i), '0'))
			return false;
	}
	return ntfs_ends(rest, i, false);
}

static bool ntfs_is(struct rest rest, const struct needle *needle)
{
	size_t bytes = strlen(needle->name);
	if (byte_of(rest, 0) == '.' && begins(rest, 1, needle->name, bytes))
		return ntfs_ends(rest, 1 + bytes, false);
	uint8_t number = byte_of(rest, 7);
	if (begins(rest, 0, needle->name, 6) && byte_of(rest, 6) == '~' && number >= '1' && number <= '4')
		return ntfs_ends(rest, 8, false);
	return ntfs_is_hashed(rest, needle->hashed);
}

/* ---- both ---- */

/* Whether a name is worth a second look: few are. */
static bool is_suspicious(uint8_t first)
{
	return first == '.' || first == 'g' || first == 'G' || first == '~' || first >= 0x80;
}

static unsigned kinds_at_start(struct rest rest)
{
	unsigned kinds = 0;
	if (rest.bytes == 0 || !is_suspicious(rest.at[0]))
		return 0;
	if (hfs_is(rest, "git") || ntfs_is_repository(rest))
		kinds |= NAME_REPOSITORY;
	for (size_t i = 0; i < sizeof(needles) / sizeof(needles[0]); i++) {
		if (hfs_is(rest, needles[i].name) || ntfs_is(rest, &needles[i]))
			kinds |= needles[i].kind;
	}
	return kinds;
}

/* What Windows takes for a name of its own: git looks for the repository and its modules there. */
static unsigned kinds_after_backslash(struct rest rest)
{
	unsigned kinds = 0;
	if (ntfs_is_repository(rest))
		kinds |= NAME_REPOSITORY;
	if (ntfs_is(rest, &needles[0]))
		kinds |= NAME_MODULES;
	return kinds;
}

unsigned name_kinds(const char *name, size_t bytes)
{
	const uint8_t *at = (const uint8_t *)name;
	unsigned kinds = kinds_at_start((struct rest){at, bytes});
	for (size_t i = 0; i < bytes; i++) {
		if (at[i] == '\\')
			kinds |= kinds_after_backslash((struct rest){at + i + 1, bytes - i - 1});
		else if (at[i] == '/' || at[i] == 0)
			kinds |= NAME_NESTED;
	}
	return kinds;
}

static const char *why_kind(unsigned kinds, enum file_mode mode)
{
	bool is_folder = mode == MODE_FOLDER || mode == MODE_SUBMODULE;
	if (kinds & NAME_NESTED)
		return "a name may hold neither a slash nor a NUL";
	if (kinds & NAME_REPOSITORY)
		return "the name means .git to some file system";
	if ((kinds & NAME_MODULES) && mode == MODE_SYMLINK)
		return "the name means .gitmodules to some file system, and that may not be a link";
	if ((kinds & (NAME_MODULES | NAME_ATTRIBUTES)) && is_folder)
		return "the name means .gitmodules or .gitattributes to some file system, and that has to be a file";
	return NULL;
}

int tree_name_check(const char *name, size_t bytes, enum file_mode mode, const char **out_why)
{
	const char *why;
	if (bytes == 0)
		why = "a name may not be empty";
	else if (bytes > WORKSPACE_PATH_MAX)
		why = "a name may have 4,095 bytes";
	else if (name[0] == '.' && (bytes == 1 || (bytes == 2 && name[1] == '.')))
		why = "a name may be neither \".\" nor \"..\"";
	else
		why = why_kind(name_kinds(name, bytes), mode);
	if (!why)
		return 0;
	*out_why = why;
	return ERR_MALFORMED;
}
