/* SPDX-License-Identifier: MIT
 *
 * .gitmodules and .gitattributes.
 *
 * A .gitmodules is a file of git's configuration (git-config(1), "Syntax"): [submodule "NAME"] and below it KEY = VALUE. Names, urls, paths
 * and updates that would make git run or overwrite something are refused.
 */
#include "workspace/store/special.h"

#include <stdbool.h>
#include <string.h>

#include "workspace/store/names.h"
#include "workspace/store/object_inner.h"

#define ATTRIBUTES_BYTES_MAX (100u << 20)
#define ATTRIBUTES_LINE_MAX  2047u
#define KEY_MAX              16u   /* of those that matter the longest is "update"; longer ones are cut */
#define VALUE_MAX            8192u /* longer names and urls are refused */

/* ---- urls ---- */

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool is_separator(char c)
{
	return c == '/' || c == '\\';
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Whether a line end comes out if what is written as %XX is decoded. */
static bool has_line_end(const char *url)
{
	for (; *url; url++) {
		if (*url == '\n')
			return true;
		if (*url == '%' && hex_value(url[1]) == 0 && hex_value(url[2]) == 10)
			return true;
	}
	return false;
}

/* "./" and "../" at the beginning; how many of the latter. */
static unsigned skip_dots(const char **url)
{
	unsigned count = 0;
	for (;;) {
		if ((*url)[0] == '.' && is_separator((*url)[1])) {
			*url += 2;
		} else if ((*url)[0] == '.' && (*url)[1] == '.' && is_separator((*url)[2])) {
			*url += 3;
			count++;
		} else {
			return count;
		}
	}
}

/* What is handed to curl; NULL if nothing is. */
static const char *curl_url(const char *url)
{
	static const char *const schemes[] = {"http", "https", "ftp", "ftps"};
	for (size_t i = 0; i < 4; i++) {
		size_t bytes = strlen(schemes[i]);
		if (!begins(url, schemes[i]))
			continue;
		if (begins(url + bytes, "::"))
			return url + bytes + 2;
		if (begins(url + bytes, "://"))
			return url;
	}
	return NULL;
}

static bool has_host(const char *url)
{
	const char *host = strstr(url, "://");
	if (!host || host == url)
		return false;
	host += 3;
	const char *end = host + strcspn(host, "/?#"), *at = strchr(host, '@');
	if (at && at < end)
		host = at + 1;
	return host < end;
}

static const char *url_fault(const char *url)
{
	const char *rest = url, *curl = curl_url(url);
	unsigned up = skip_dots(&rest);
	if (*url == '-')
		return "the url of a submodule looks like an option";
	if (rest != url || begins(url, "git://")) {
		if (has_line_end(url))
			return "the url of a submodule holds a line end";
		return up && (*rest == ':' || *rest == '/') ? "the url of a submodule leaves the host it is relative to" : NULL;
	}
	if (curl && (!has_host(curl) || has_line_end(curl)))
		return "the url of a submodule has no host, or holds a line end";
	return NULL;
}

/* ---- entries ---- */

struct words {
	char at[VALUE_MAX + 1]; /* NUL after */
	size_t bytes;
	bool is_cut;
};

static const char *name_fault(const char *name)
{
	bool begins_part = true;
	if (!*name)
		return "a submodule has an empty name";
	for (; *name; name++) {
		if (begins_part && name[0] == '.' && name[1] == '.' && (!name[2] || is_separator(name[2])))
			return "the name of a submodule holds \"..\"";
		begins_part = is_separator(*name);
	}
	return NULL;
}

/* `section` is "submodule.NAME" for what matters. */
static const char *entry_fault(const struct words *section, const char *key, const struct words *value)
{
	static const char word[] = "submodule.";
	if (!begins(section->at, word))
		return NULL;
	const char *fault =
		section->is_cut ? "a submodule has a name of more than 8,192 bytes" : name_fault(section->at + strlen(word));
	if (fault || !value)
		return fault;
	if (!strcmp(key, "url"))
		return value->is_cut ? "a submodule has a url of more than 8,192 bytes" : url_fault(value->at);
	if (!strcmp(key, "path") && value->at[0] == '-')
		return "the path of a submodule looks like an option";
	if (!strcmp(key, "update") && value->at[0] == '!')
		return "the update of a submodule is a command";
	return NULL;
}

/* ---- the syntax ---- */

struct reader {
	const uint8_t *at, *end;
	struct words section; /* a name in it behind a point */
	struct words value;
	char key[KEY_MAX + 1];
};

#define END (-1)

/* A line end may be written \r\n. */
static int next(struct reader *reader)
{
	if (reader->at == reader->end)
		return END;
	uint8_t c = *reader->at++;
	if (c == '\r' && reader->at < reader->end && *reader->at == '\n')
		c = *reader->at++;
	return c;
}

static bool is_space(int c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_key(int c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '-';
}

static void clear(struct words *words)
{
	words->at[0] = 0;
	words->bytes = 0;
	words->is_cut = false;
}

static void add(struct words *words, int c)
{
	if (words->bytes < VALUE_MAX)
		words->at[words->bytes++] = (char)c;
	else
		words->is_cut = true;
	words->at[words->bytes] = 0;
}

static int lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* Behind the spaces after a section: its name in quotes, and the bracket. */
static bool read_name(struct reader *reader)
{
	int c = ' ';
	while (is_space(c)) {
		c = next(reader);
		if (c == '\n' || c == END)
			return false;
	}
	if (c != '"')
		return false;
	add(&reader->section, '.');
	for (;;) {
		c = next(reader);
		if (c == '"')
			return next(reader) == ']';
		if (c == '\\')
			c = next(reader);
		if (c == '\n' || c == END)
			return false;
		add(&reader->section, c);
	}
}

/* [section], [section "name"] or, as once was written, [section.name]. */
static bool read_section(struct reader *reader)
{
	clear(&reader->section);
	for (;;) {
		int c = next(reader);
		if (c == ']')
			return reader->section.bytes > 0;
		if (is_space(c))
			return c != '\n' && read_name(reader);
		if (!is_key(c) && c != '.')
			return false;
		add(&reader->section, lower(c));
	}
}

static bool read_escape(struct reader *reader)
{
	int c = next(reader);
	if (c == '\n' || c == END)
		return true;
	if (c == 't')
		c = '\t';
	else if (c == 'b')
		c = '\b';
	else if (c == 'n')
		c = '\n';
	else if (c != '"' && c != '\\')
		return false;
	add(&reader->value, c);
	return true;
}

static bool read_value(struct reader *reader)
{
	bool is_quoted = false, is_comment = false;
	size_t spaces = 0;
	clear(&reader->value);
	for (;;) {
		int c = next(reader);
		if (c == '\n' || c == END)
			return !is_quoted;
		if (is_comment)
			continue;
		if (is_space(c) && !is_quoted) {
			spaces += reader->value.bytes > 0;
			continue;
		}
		if (!is_quoted && (c == ';' || c == '#')) {
			is_comment = true;
			continue;
		}
		for (; spaces; spaces--)
			add(&reader->value, ' ');
		if (c == '"')
			is_quoted = !is_quoted;
		else if (c != '\\')
			add(&reader->value, c);
		else if (!read_escape(reader))
			return false;
	}
}

/* From the first letter of a key to the end of its line. */
static bool read_entry(struct reader *reader, int c, const char **out_fault)
{
	size_t bytes = 0;
	for (; is_key(c); c = next(reader)) {
		if (bytes < KEY_MAX)
			reader->key[bytes++] = (char)lower(c);
	}
	reader->key[bytes] = 0;
	while (c == ' ' || c == '\t')
		c = next(reader);
	bool has_value = c != '\n' && c != END;
	if (has_value && (c != '=' || !read_value(reader)))
		return false;
	*out_fault = entry_fault(&reader->section, reader->key, has_value ? &reader->value : NULL);
	return true;
}

static void skip_line(struct reader *reader)
{
	int c;
	do {
		c = next(reader);
	} while (c != '\n' && c != END);
}

const char *modules_fault(struct bytes file)
{
	struct reader reader;
	const char *fault = NULL;
	reader.at = file.at;
	reader.end = file.at + file.bytes;
	clear(&reader.section);
	if (file.bytes >= 3 && !memcmp(file.at, "\xef\xbb\xbf", 3))
		reader.at += 3;
	while (!fault) {
		int c = next(&reader);
		if (c == END)
			break;
		if (is_space(c))
			continue;
		if (c == '#' || c == ';')
			skip_line(&reader);
		else if (c == '[' ? !read_section(&reader) : !is_letter(c) || !read_entry(&reader, c, &fault))
			break;
	}
	return fault;
}

const char *attributes_fault(struct bytes file)
{
	const uint8_t *at = file.at, *end;
	if (file.bytes > ATTRIBUTES_BYTES_MAX)
		return "a .gitattributes of more than 100 MiB";
	if (file.bytes == 0)
		return NULL;
	end = memchr(at, 0, file.bytes);
	if (!end)
		end = at + file.bytes;
	while (at < end) {
		const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
		if ((size_t)((stop ? stop : end) - at) > ATTRIBUTES_LINE_MAX)
			return "a .gitattributes has a line of more than 2,047 bytes";
		at = stop ? stop + 1 : end;
	}
	return NULL;
}

/* ---- in trees ---- */

struct special {
	const char *name;
	size_t name_bytes;
	unsigned kinds;
	const struct object *child;
};

static bool stands_in(const struct tree *like, const struct special *special)
{
	uint32_t index;
	return like && shape_find(like->shape, special->name, special->name_bytes, &index) &&
	       tree_child(like, index) == special->child;
}

static int child_check(struct workspace_agent *agent, const struct special *special, const struct tree *like)
{
	const struct object *child = special->child;
	unsigned kinds = special->kinds;
	const struct blob *blob = object_as_blob(child);
	uint8_t wanted = (uint8_t)((kinds & NAME_MODULES ? FLAG_MODULES : 0) | (kinds & NAME_ATTRIBUTES ? FLAG_ATTRIBUTES : 0));
	const char *fault = NULL;
	if (!blob || (atomic_load_explicit(&child->flags, memory_order_relaxed) & wanted) == wanted)
		return 0;
	if (kinds & NAME_MODULES)
		fault = modules_fault(blob_bytes(blob));
	if (!fault && (kinds & NAME_ATTRIBUTES))
		fault = attributes_fault(blob_bytes(blob));
	if (fault && stands_in(like, special))
		return 0;
	if (fault)
		return agent_fail(agent, ERR_MALFORMED, "%s: git would refuse it", fault);
	atomic_fetch_or_explicit(&((struct object *)(uintptr_t)child)->flags, wanted, memory_order_relaxed);
	return 0;
}

int special_check(struct workspace_agent *agent, const struct shape *shape, const struct object *const *children,
		  const struct tree *like)
{
	int rc = 0;
	for (uint32_t i = 0; !rc && i < shape->count; i++) {
		uint32_t at = shape_name_at(shape, i);
		struct special special = {(const char *)shape->raw + at, shape->id_at[i] - 1 - at, 0, children[i]};
		special.kinds = name_kinds(special.name, special.name_bytes);
		if ((special.kinds & (NAME_MODULES | NAME_ATTRIBUTES)) && shape_mode(shape, i) != MODE_SYMLINK)
			rc = child_check(agent, &special, like);
	}
	return rc;
}
