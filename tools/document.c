/* SPDX-License-Identifier: MIT
 *
 * Markdown by cmark-gfm: the nodes tell links, code spans and headings with their lines.
 */
#include "tools/links.h"

#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DOCUMENT_LINKS_MAX 5000u

struct reader {
	struct documents *documents;
	uint32_t document;
	const char *path;
	size_t links;
	struct names *slugs; /* of this document, to number equal ones */
};

int documents_init(struct documents *documents)
{
	*documents = (struct documents){.texts = names_new(), .anchors = names_new()};
	return documents->texts && documents->anchors ? 0 : ERR_MEMORY;
}

void documents_release(struct documents *documents)
{
	free(documents->at);
	free(documents->links);
	free(documents->spans);
	names_free(documents->texts);
	names_free(documents->anchors);
}

/* Room for one more element; NULL if memory ran out, and then nothing has changed. */
static void *grown(void *at, size_t count, size_t *room, size_t size)
{
	void *more;

	if (count < *room)
		return at;
	more = reallocarray(at, *room ? *room * 2 : 64, size);
	if (more)
		*room = *room ? *room * 2 : 64;
	return more;
}

static uint32_t text_add(struct documents *documents, const char *text)
{
	uint32_t number = names_add(documents->texts, text, strlen(text));

	documents->no_memory |= number == NAMES_NONE;
	return number;
}

static void link_add(struct reader *reader, uint32_t line, const char *url)
{
	struct documents *documents = reader->documents;
	struct link *links = grown(documents->links, documents->link_count, &documents->link_room, sizeof(*links));
	uint32_t text = text_add(documents, url);

	documents->links = links ? links : documents->links;
	documents->no_memory |= !links;
	if (!links || text == NAMES_NONE || strlen(url) >= LINK_BYTES_MAX || reader->links++ >= DOCUMENT_LINKS_MAX)
		return;
	documents->links[documents->link_count++] = (struct link){.document = reader->document, .line = line, .url = text};
	documents->at[reader->document].links++;
}

static void span_add(struct reader *reader, uint32_t line, const char *literal)
{
	struct documents *documents = reader->documents;
	struct span *spans;
	uint32_t text;

	if (!*literal || strlen(literal) > 200 || strpbrk(literal, " \n"))
		return;
	spans = grown(documents->spans, documents->span_count, &documents->span_room, sizeof(*spans));
	text = text_add(documents, literal);
	documents->spans = spans ? spans : documents->spans;
	documents->no_memory |= !spans;
	if (spans && text != NAMES_NONE)
		documents->spans[documents->span_count++] =
			(struct span){.document = reader->document, .line = line, .text = text};
}

static void anchor_add(struct reader *reader, const char *anchor, size_t bytes)
{
	char whole[2 * LINK_BYTES_MAX];
	int length = snprintf(whole, sizeof(whole), "%s#%.*s", reader->path, (int)(bytes < LINK_BYTES_MAX ? bytes : 0), anchor);

	if (length > 0 && (size_t)length < sizeof(whole) &&
	    names_add(reader->documents->anchors, whole, (size_t)length) == NAMES_NONE)
		reader->documents->no_memory = true;
}

bool document_has_anchor(const struct documents *documents, const char *path, const char *anchor)
{
	char whole[2 * LINK_BYTES_MAX];
	int length = snprintf(whole, sizeof(whole), "%s#%s", path, anchor);

	return length > 0 && (size_t)length < sizeof(whole) &&
	       names_find(documents->anchors, whole, (size_t)length) != NAMES_NONE;
}

/* Bytes of the UTF-8 character at `at`, and whether it is punctuation or a picture, which anchors do not keep. */
static size_t character(const unsigned char *at, bool *out_dropped)
{
	uint32_t code;

	*out_dropped = false;
	if (at[0] < 0xC0 || !at[1])
		return 1;
	if (at[0] < 0xE0)
		return 2;
	if (!at[2])
		return 1;
	code = ((at[0] & 15u) << 12) | ((at[1] & 63u) << 6) | (at[2] & 63u);
	if (at[0] < 0xF0) {
		*out_dropped = (code >= 0x2000 && code <= 0x206F) || (code >= 0x2190 && code <= 0x2BFF) ||
			       (code >= 0x3000 && code <= 0x3003) || (code >= 0x3008 && code <= 0x3020) ||
			       (code >= 0xFF01 && code <= 0xFF0F) || (code >= 0xFF1A && code <= 0xFF20);
		return 3;
	}
	*out_dropped = at[0] == 0xF0 && at[1] == 0x9F;
	return at[3] ? 4 : 1;
}

void anchor_of(const char *heading, char *out)
{
	size_t used = 0;

	while (*heading == ' ')
		heading++;
	while (*heading && used + 5 < LINK_BYTES_MAX) {
		unsigned char c = (unsigned char)*heading;
		bool dropped;
		size_t bytes = character((const unsigned char *)heading, &dropped);

		if (c > 127 && !dropped) {
			memcpy(out + used, heading, bytes);
			used += bytes;
		} else if (isalnum(c) || c == '_' || c == '-') {
			out[used++] = (char)tolower(c);
		} else if (c == ' ') {
			out[used++] = '-';
		}
		heading += bytes;
	}
	out[used] = 0;
}

/* Equal headings get -1, -2, … */
static void heading_anchor(struct reader *reader, const char *text)
{
	char slug[LINK_BYTES_MAX], numbered[LINK_BYTES_MAX + 16];

	anchor_of(text, slug);
	snprintf(numbered, sizeof(numbered), "%s", slug);
	for (unsigned int n = 1; n < 1000 && names_find(reader->slugs, numbered, strlen(numbered)) != NAMES_NONE; n++)
		snprintf(numbered, sizeof(numbered), "%s-%u", slug, n);
	if (names_add(reader->slugs, numbered, strlen(numbered)) == NAMES_NONE)
		reader->documents->no_memory = true;
	anchor_add(reader, numbered, strlen(numbered));
}

/* The text of a heading as readers see it; `{#name}` at its end names an anchor of its own (kramdown, Docusaurus). */
static void heading_read(struct reader *reader, cmark_node *heading)
{
	char text[LINK_BYTES_MAX] = "";
	cmark_iter *iterator = cmark_iter_new(heading);
	cmark_event_type event;
	char *own;

	while ((event = cmark_iter_next(iterator)) != CMARK_EVENT_DONE) {
		cmark_node *node = cmark_iter_get_node(iterator);
		cmark_node_type type = cmark_node_get_type(node);
		const char *literal = cmark_node_get_literal(node);

		if (event == CMARK_EVENT_ENTER && (type == CMARK_NODE_TEXT || type == CMARK_NODE_CODE) && literal)
			strncat(text, literal, sizeof(text) - strlen(text) - 1);
		else if (event == CMARK_EVENT_ENTER && type == CMARK_NODE_SOFTBREAK)
			strncat(text, " ", sizeof(text) - strlen(text) - 1);
	}
	cmark_iter_free(iterator);
	own = strstr(text, "{#");
	if (own && strchr(own, '}')) {
		anchor_add(reader, own + 2, strcspn(own + 2, "}"));
		while (own > text && own[-1] == ' ')
			own--;
		*own = 0;
	}
	heading_anchor(reader, text);
	reader->documents->at[reader->document].headings++;
}

/* The value of attributes `name="value"` in HTML. */
static void html_attribute(struct reader *reader, const char *html, uint32_t line, const char *attribute, bool is_anchor)
{
	size_t length = strlen(attribute);
	const char *at = html;

	while ((at = strcasestr(at, attribute))) {
		const char *value = at + length + 1;
		bool begins =
			at > html && isspace((unsigned char)at[-1]) && at[length] == '=' && (value[0] == '"' || value[0] == '\'');
		const char *end = begins ? strchr(value + 1, value[0]) : NULL;
		uint32_t down = 0;

		at += length;
		if (!end || (size_t)(end - value) >= LINK_BYTES_MAX)
			continue;
		for (const char *c = html; c < value; c++)
			down += *c == '\n';
		if (is_anchor) {
			anchor_add(reader, value + 1, (size_t)(end - value - 1));
		} else {
			char url[LINK_BYTES_MAX];

			snprintf(url, sizeof(url), "%.*s", (int)(end - value - 1), value + 1);
			link_add(reader, line + down, url);
		}
	}
}

static void html_read(struct reader *reader, const char *html, uint32_t line)
{
	html_attribute(reader, html, line, "href", false);
	html_attribute(reader, html, line, "src", false);
	html_attribute(reader, html, line, "id", true);
	html_attribute(reader, html, line, "name", true);
}

static void node_read(struct reader *reader, cmark_node *node)
{
	cmark_node_type type = cmark_node_get_type(node);
	const char *literal = cmark_node_get_literal(node);
	uint32_t line = (uint32_t)cmark_node_get_start_line(node);

	if (type == CMARK_NODE_HEADING)
		heading_read(reader, node);
	else if ((type == CMARK_NODE_LINK || type == CMARK_NODE_IMAGE) && cmark_node_get_url(node))
		link_add(reader, line, cmark_node_get_url(node));
	else if (type == CMARK_NODE_CODE && literal)
		span_add(reader, line, literal);
	else if ((type == CMARK_NODE_HTML_BLOCK || type == CMARK_NODE_HTML_INLINE) && literal)
		html_read(reader, literal, line);
	else if (type == CMARK_NODE_CODE_BLOCK)
		reader->documents->at[reader->document].code_blocks++;
}

static cmark_node *parse(const char *text, size_t bytes)
{
	cmark_parser *parser;
	cmark_node *root;

	cmark_gfm_core_extensions_ensure_registered();
	parser = cmark_parser_new(CMARK_OPT_DEFAULT | CMARK_OPT_FOOTNOTES);
	cmark_parser_attach_syntax_extension(parser, cmark_find_syntax_extension("table"));
	cmark_parser_feed(parser, text, bytes);
	root = cmark_parser_finish(parser);
	cmark_parser_free(parser);
	return root;
}

static bool says(const char *text, size_t bytes, const char *const *words)
{
	for (; *words; words++) {
		size_t length = strlen(*words);

		for (size_t i = 0; i + length <= bytes; i++)
			if (strncasecmp(text + i, *words, length) == 0 && (i == 0 || !isalnum((unsigned char)text[i - 1])))
				return true;
	}
	return false;
}

static bool document_add(struct documents *documents, const char *path, const char *text, size_t bytes)
{
	static const char *const builds[] = {"build", "compil", "make",   "cmake", "npm run", "cargo",
					     "meson", "bazel",  "gradle", "mvn",   NULL};
	static const char *const tests[] = {"test", "pytest", "ctest", "tox", "runtest", NULL};
	static const char *const installs[] = {"install", "npm i ", "pip ", "docker", "download", "apt-get", "brew", NULL};
	static const char *const licences[] = {"license", "licence", "copyright", NULL};
	size_t room = documents->room;
	struct document *at = grown(documents->at, documents->count, &room, sizeof(*at));
	struct document document = {.path = text_add(documents, path)};

	documents->at = at ? at : documents->at;
	documents->room = (uint32_t)room;
	documents->no_memory |= !at;
	if (documents->no_memory)
		return false;
	for (size_t i = 0; i < bytes; i++)
		document.words += !isspace((unsigned char)text[i]) && (i == 0 || isspace((unsigned char)text[i - 1]));
	document.builds = says(text, bytes, builds);
	document.tests = says(text, bytes, tests);
	document.installs = says(text, bytes, installs);
	document.licence = says(text, bytes, licences);
	documents->at[documents->count++] = document;
	return true;
}

void document_read_plain(struct documents *documents, const char *path, const char *text, size_t bytes)
{
	/* When memory ran out it is known already. */
	(void)document_add(documents, path, text, bytes);
}

/* "---" around settings at the top is no Markdown; their lines are kept, so that lines still count right. */
static size_t front_matter(const char *text, size_t bytes)
{
	const char *end;

	if (bytes < 8 || memcmp(text, "---\n", 4) != 0)
		return 0;
	end = memmem(text + 3, bytes - 3, "\n---\n", 5);
	return end ? (size_t)(end - text) + 5 : 0;
}

void document_read(struct documents *documents, const char *path, const char *text, size_t bytes)
{
	struct reader reader = {.documents = documents, .document = documents->count, .path = path, .slugs = names_new()};
	size_t skipped = front_matter(text, bytes);
	uint32_t lines = 0;
	cmark_node *root;
	cmark_iter *iterator;
	cmark_event_type event;

	documents->no_memory |= !reader.slugs;
	if (documents->no_memory || !document_add(documents, path, text, bytes)) {
		names_free(reader.slugs);
		return;
	}
	for (size_t i = 0; i < skipped; i++)
		lines += text[i] == '\n';
	root = parse(text + skipped, bytes - skipped);
	iterator = cmark_iter_new(root);
	while ((event = cmark_iter_next(iterator)) != CMARK_EVENT_DONE)
		if (event == CMARK_EVENT_ENTER)
			node_read(&reader, cmark_iter_get_node(iterator));
	cmark_iter_free(iterator);
	cmark_node_free(root);
	names_free(reader.slugs);
	for (size_t i = documents->link_count; lines && i > 0 && documents->links[i - 1].document == reader.document; i--)
		documents->links[i - 1].line += lines;
	for (size_t i = documents->span_count; lines && i > 0 && documents->spans[i - 1].document == reader.document; i--)
		documents->spans[i - 1].line += lines;
}

enum link_kind link_kind_of(const char *url)
{
	size_t scheme = 0;

	if (strstr(url, "{{") || strstr(url, "{%") || strchr(url, '<') || strchr(url, '$') || strstr(url, "%7B%7B"))
		return LINK_TEMPLATE;
	if (url[0] == '#')
		return LINK_ANCHOR;
	if (strncmp(url, "//", 2) == 0)
		return LINK_EXTERNAL;
	while (isalnum((unsigned char)url[scheme]) || (scheme && strchr("+.-", url[scheme]) && url[scheme]))
		scheme++;
	if (scheme > 1 && url[scheme] == ':')
		return LINK_EXTERNAL;
	if (!*url || strchr(url, '@'))
		return LINK_EXTERNAL; /* somebody's address without mailto: */
	return url[0] == '/' ? LINK_ABSOLUTE : LINK_RELATIVE;
}

static int hexadecimal(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void decode(const char *from, size_t bytes, char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < bytes && used + 1 < LINK_BYTES_MAX; i++) {
		int high = i + 2 < bytes && from[i] == '%' ? hexadecimal(from[i + 1]) : -1;
		int low = high >= 0 ? hexadecimal(from[i + 2]) : -1;

		if (low >= 0 && high + low > 0) {
			out[used++] = (char)(high * 16 + low);
			i += 2;
		} else {
			out[used++] = from[i];
		}
	}
	out[used] = 0;
}

void link_split(const char *url, char *out_path, char *out_anchor)
{
	size_t path = strcspn(url, "?#");
	const char *anchor = strchr(url, '#');

	decode(url, path, out_path);
	decode(anchor ? anchor + 1 : "", anchor ? strlen(anchor + 1) : 0, out_anchor);
}
