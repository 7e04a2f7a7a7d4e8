/* SPDX-License-Identifier: MIT
 *
 * What Markdown documents point to: links, anchors, and the files and functions that they name in code spans.
 */
#ifndef TOOLS_LINKS_H
#define TOOLS_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clones/names.h"
#include "protocol/error.h"

#define LINK_BYTES_MAX 1000u

/* A link or image, or an href or src in HTML. */
struct link {
	uint32_t document; /* in the list of documents */
	uint32_t line;
	uint32_t url; /* in texts */
};

/* The content of a code span. */
struct span {
	uint32_t document;
	uint32_t line;
	uint32_t text; /* in texts */
};

/* What a document says by its words, so that a README can be looked at. */
struct document {
	uint32_t path; /* in texts */
	uint32_t words, headings, links, code_blocks;
	bool builds, tests, installs, licence;
};

struct documents {
	struct document *at;
	uint32_t count, room;
	struct link *links;
	size_t link_count, link_room;
	struct span *spans;
	size_t span_count, span_room;
	struct names *texts;
	struct names *anchors; /* "path#anchor" */
	bool no_memory;
};

int documents_init(struct documents *documents);
void documents_release(struct documents *documents);

/* Reads a document (GitHub Flavored Markdown, by cmark-gfm). Anything is a document; nothing fails but memory. */
void document_read(struct documents *documents, const char *path, const char *text, size_t bytes);

/* Only what its words say, for a README in another format. */
void document_read_plain(struct documents *documents, const char *path, const char *text, size_t bytes);

bool document_has_anchor(const struct documents *documents, const char *path, const char *anchor);

/* The anchor that GitHub gives a heading: lower case, punctuation gone, blanks become hyphens. `out` has room for LINK_BYTES_MAX. */
void anchor_of(const char *heading, char *out);

/* What a URL is, seen from the repository. */
enum link_kind {
	LINK_EXTERNAL, /* with a scheme or a host */
	LINK_ANCHOR,   /* within the same document */
	LINK_RELATIVE,
	LINK_ABSOLUTE, /* from the root of the repository, or of a web site */
	LINK_TEMPLATE, /* filled in by a program later */
};
enum link_kind link_kind_of(const char *url);

/* Parts of a relative URL, percent-decoded; each has room for LINK_BYTES_MAX. */
void link_split(const char *url, char *out_path, char *out_anchor);

#endif
