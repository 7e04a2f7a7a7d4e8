/* SPDX-License-Identifier: MIT
 *
 * `bunshin tool links [--commit REV] [--budget-ms N]`: where the Markdown documents of a commit point, and what is not there.
 *
 *   {"tool": "links", "schema": 1, "commit",
 *    "documents": [{"path", "words", "headings", "links", "code_blocks", "builds", "tests", "installs", "licence"}],
 *    "broken": [{"path", "line", "url", "target", "reason": "missing", "case" or "anchor", "hint" (or null), "absolute"}],
 *    "drift": [{"path", "line", "span", "kind": "path" or "symbol", "name", "seen" (commit that still had it, or null), "seen_when"}],
 *    "counts": {"links", "checked", "external", "outside", "spans"}, "not_read", "left_out"}
 *
 * Links to other hosts are counted and not followed. A link without an ending may mean the .md file of that name, as web site
 * makers have it. Drift is a code span that names a file or function that is nowhere in the tree: files are looked up by
 * path, functions as a word in any file that is no document. Words that are missing are looked for in older trees, too: what was
 * there once was surely meant.
 */
#include "tools/links.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tools/imports.h"
#include "tools/language.h"
#include "tools/links_drift.h"
#include "tools/reading.h"
#include "tools/source.h"
#include "tools/tool.h"

#define BROKEN_MAX           2000u
#define DRIFT_MAX            1000u
#define NOT_READ_MAX         500u
#define DOCUMENTS_LISTED_MAX 2000u

struct check {
	struct reading reading;
	struct documents documents;
	struct names *paths; /* files, links and submodules */
	struct names *folders;
	struct names *lower; /* paths in lower case, same numbers as paths unless two fall together */
	json_t *broken, *not_read;
	size_t unread, checked, external, outside, broken_over;
};

static int note_entry(const char *folder, const git_tree_entry *entry, void *payload)
{
	struct check *check = payload;
	char path[LINK_BYTES_MAX];
	int bytes = snprintf(path, sizeof(path), "%s%s", folder, git_tree_entry_name(entry));
	struct names *names = git_tree_entry_type(entry) == GIT_OBJECT_TREE ? check->folders : check->paths;

	if (bytes <= 0 || (size_t)bytes >= sizeof(path))
		return 0;
	if (names_add(names, path, (size_t)bytes) == NAMES_NONE)
		return -1;
	/* What stands in a submodule is not known here; the submodule itself counts as a folder and as a file. */
	if (git_tree_entry_type(entry) == GIT_OBJECT_COMMIT && names_add(check->folders, path, (size_t)bytes) == NAMES_NONE)
		return -1;
	for (int i = 0; i < bytes; i++)
		path[i] = (char)tolower((unsigned char)path[i]);
	if (names == check->paths && names_add(check->lower, path, (size_t)bytes) == NAMES_NONE)
		return -1;
	return 0;
}

static int list_tree(struct check *check)
{
	git_tree *tree = NULL;
	int rc = git_commit_tree(&tree, check->reading.commit);

	if (!rc)
		rc = git_tree_walk(tree, GIT_TREEWALK_PRE, note_entry, check);
	git_tree_free(tree);
	return rc ? tool_fail("links", "the tree of the commit could not be read") : 0;
}

static bool is_markdown(const char *path)
{
	const char *language = language_of_path(path);

	return language && strcmp(language, "Markdown") == 0;
}

/* What tells people how to begin counts in any format. */
static bool is_guide(const char *path)
{
	static const char *const names[] = {"readme", "contributing", "hacking", "install"};
	const char *slash = strrchr(path, '/');
	const char *language = language_of_path(path);

	if (language && strcmp(language, "Text") != 0 && strcmp(language, "reStructuredText") != 0 &&
	    strcmp(language, "AsciiDoc") != 0)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncasecmp(slash ? slash + 1 : path, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static int visit(const struct source *source, void *context)
{
	struct check *check = context;
	const char *reason = source->skipped;

	if (!is_markdown(source->path) && !is_guide(source->path))
		return 0;
	if (!reason && reading_spent(&check->reading))
		reason = "the time was over";
	if (reason) {
		if (check->unread++ < NOT_READ_MAX)
			reading_append(&check->reading, check->not_read,
				       json_pack("{s:o, s:s}", "path", reading_text(source->path), "reason", reason));
	} else if (is_markdown(source->path)) {
		document_read(&check->documents, source->path, source->text, source->bytes);
	} else {
		document_read_plain(&check->documents, source->path, source->text, source->bytes);
	}
	return check->documents.no_memory || check->reading.no_memory;
}

static bool there(const struct check *check, const char *path)
{
	return !*path || names_find(check->paths, path, strlen(path)) != NAMES_NONE ||
	       names_find(check->folders, path, strlen(path)) != NAMES_NONE;
}

/* Below a submodule or a symbolic link nothing can be said. */
static bool below_unknown(const struct check *check, const char *path)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
		if (names_find(check->paths, path, (size_t)(slash - path)) != NAMES_NONE)
			return true;
	return false;
}

/* As the tools that make web sites read a link: the target with one of these endings. `out` gets the path that is there. */
static bool found(const struct check *check, const char *path, char *out)
{
	static const char *const endings[] = {"", ".md", ".markdown", ".mdx", ".rst", "/index.md", "/README.md", "/index.mdx"};
	size_t length = strlen(path);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		snprintf(out, LINK_BYTES_MAX, "%s%s", path, endings[i]);
		if (there(check, out))
			return true;
	}
	if (length > 5 && strcmp(path + length - 5, ".html") == 0) {
		snprintf(out, LINK_BYTES_MAX, "%.*s.md", (int)(length - 5), path);
		return there(check, out);
	}
	return false;
}

static const char *same_letters(const struct check *check, const char *path)
{
	char lower[LINK_BYTES_MAX];
	uint32_t number;

	snprintf(lower, sizeof(lower), "%s", path);
	for (char *c = lower; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	number = names_find(check->lower, lower, strlen(lower));
	return number != NAMES_NONE && names_count(check->lower) == names_count(check->paths) ? names_text(check->paths, number)
											      : NULL;
}

/* The only other file with that name. */
static const char *same_name(const struct check *check, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const char *match = NULL;

	for (uint32_t i = 0; *name && i < names_count(check->paths); i++) {
		const char *other = names_text(check->paths, i);
		const char *other_slash = strrchr(other, '/');

		if (strcmp(other_slash ? other_slash + 1 : other, name) != 0)
			continue;
		if (match)
			return NULL;
		match = other;
	}
	return match;
}

static void broken(struct check *check, const struct link *link, const char *target, const char *reason, const char *hint,
		   bool absolute)
{
	const char *path = names_text(check->documents.texts, check->documents.at[link->document].path);

	if (json_array_size(check->broken) >= BROKEN_MAX) {
		check->broken_over++;
		return;
	}
	reading_append(&check->reading, check->broken,
		       json_pack("{s:o, s:I, s:o, s:o, s:s, s:o, s:b}", "path", reading_text(path), "line",
				 (json_int_t)link->line, "url", reading_text(names_text(check->documents.texts, link->url)),
				 "target", reading_text(target), "reason", reason, "hint",
				 hint ? reading_text(hint) : json_null(), "absolute", absolute));
}

/* Letters that GitHub changes in ways of their own (other than ASCII) must not count. */
static bool similar_anchor(const struct check *check, const char *path, const char *anchor)
{
	char slug[LINK_BYTES_MAX];

	if (strncmp(anchor, "user-content-", 13) == 0)
		anchor += 13;
	if (document_has_anchor(&check->documents, path, anchor))
		return true;
	anchor_of(anchor, slug);
	for (const char *c = anchor; *c; c++)
		if ((unsigned char)*c > 127)
			return true;
	return document_has_anchor(&check->documents, path, slug);
}

static void check_anchor(struct check *check, const struct link *link, const char *path, const char *anchor)
{
	static const char *const known[] = {"", "top", "readme"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], anchor) == 0)
			return;
	if (is_markdown(path) && names_find(check->paths, path, strlen(path)) != NAMES_NONE && anchor[0] != ':' &&
	    !similar_anchor(check, path, anchor))
		broken(check, link, path, "anchor", NULL, false);
}

static void check_path(struct check *check, const struct link *link, const char *from, const char *url, bool absolute)
{
	char path[LINK_BYTES_MAX], anchor[LINK_BYTES_MAX], target[LINK_BYTES_MAX], actual[LINK_BYTES_MAX + 16];

	link_split(url, path, anchor);
	if (!path_join(from, absolute ? 0 : path_folder(from), path, strlen(path), target, sizeof(target))) {
		check->outside++; /* "../../issues" means a page of the forge */
		return;
	}
	check->checked++;
	if (found(check, target, actual)) {
		check_anchor(check, link, actual, anchor);
		return;
	}
	if (below_unknown(check, target))
		return;
	if (same_letters(check, target))
		broken(check, link, target, "case", same_letters(check, target), absolute);
	else
		broken(check, link, target, "missing", same_name(check, target), absolute);
}

static void check_link(struct check *check, const struct link *link)
{
	const char *from = names_text(check->documents.texts, check->documents.at[link->document].path);
	const char *url = names_text(check->documents.texts, link->url);
	char path[LINK_BYTES_MAX], anchor[LINK_BYTES_MAX];

	switch (link_kind_of(url)) {
	case LINK_ANCHOR:
		link_split(url, path, anchor);
		check->checked++;
		check_anchor(check, link, from, anchor);
		break;
	case LINK_RELATIVE:
		check_path(check, link, from, url, false);
		break;
	case LINK_ABSOLUTE:
		check_path(check, link, from, url, true);
		break;
	case LINK_EXTERNAL:
	case LINK_TEMPLATE:
		check->external++;
		break;
	}
}

static void list_documents(struct check *check)
{
	json_t *list = reading_array(&check->reading, "documents");

	for (uint32_t i = 0; i < check->documents.count && i < DOCUMENTS_LISTED_MAX; i++) {
		const struct document *document = &check->documents.at[i];

		reading_append(&check->reading, list,
			       json_pack("{s:o, s:I, s:I, s:I, s:I, s:b, s:b, s:b, s:b}", "path",
					 reading_text(names_text(check->documents.texts, document->path)), "words",
					 (json_int_t)document->words, "headings", (json_int_t)document->headings, "links",
					 (json_int_t)document->links, "code_blocks", (json_int_t)document->code_blocks, "builds",
					 document->builds, "tests", document->tests, "installs", document->installs, "licence",
					 document->licence));
	}
	if (check->documents.count > DOCUMENTS_LISTED_MAX)
		reading_left_out(&check->reading, "%u documents are not listed; their links were checked.",
				 check->documents.count - DOCUMENTS_LISTED_MAX);
}

static void list_drift(struct check *check, const struct drift *drift)
{
	json_t *list = reading_array(&check->reading, "drift");

	for (size_t i = 0; i < drift->count && i < DRIFT_MAX; i++) {
		const struct drifted *drifted = &drift->at[i];
		const struct span *span = &check->documents.spans[drifted->span];
		const char *path = names_text(check->documents.texts, check->documents.at[span->document].path);

		reading_append(&check->reading, list,
			       json_pack("{s:o, s:I, s:o, s:s, s:o, s:o, s:I}", "path", reading_text(path), "line",
					 (json_int_t)span->line, "span",
					 reading_text(names_text(check->documents.texts, span->text)), "kind",
					 drifted->is_path ? "path" : "symbol", "name", reading_text(drifted->name), "seen",
					 drifted->seen[0] ? json_string(drifted->seen) : json_null(), "seen_when",
					 (json_int_t)drifted->seen_when));
	}
	if (drift->count > DRIFT_MAX)
		reading_left_out(&check->reading, "%zu code spans that name nothing are not listed.", drift->count - DRIFT_MAX);
}

static int answer(struct check *check)
{
	struct drift drift = {.documents = &check->documents, .paths = check->paths, .folders = check->folders};
	int rc = list_tree(check);

	check->broken = reading_array(&check->reading, "broken");
	check->not_read = reading_array(&check->reading, "not_read");
	if (!rc)
		rc = source_each(check->reading.repository, check->reading.commit, false, visit, check);
	if (rc)
		return check->documents.no_memory ? tool_fail("links", "out of memory") : rc;
	for (size_t i = 0; i < check->documents.link_count; i++)
		check_link(check, &check->documents.links[i]);
	rc = drift_find(&drift, &check->reading);
	if (!rc) {
		list_documents(check);
		list_drift(check, &drift);
		if (check->unread)
			reading_left_out(&check->reading, "%zu documents were not read.", check->unread);
		if (check->broken_over)
			reading_left_out(&check->reading, "%zu broken links are not listed.", check->broken_over);
		reading_set(&check->reading, check->reading.answer, "counts",
			    json_pack("{s:I, s:I, s:I, s:I, s:I}", "links", (json_int_t)check->documents.link_count, "checked",
				      (json_int_t)check->checked, "external", (json_int_t)check->external, "outside",
				      (json_int_t)check->outside, "spans", (json_int_t)check->documents.span_count));
		rc = reading_print(&check->reading);
	}
	drift_release(&drift);
	return rc;
}

int tool_links(int argc, char **argv)
{
	struct check check = {.paths = names_new(), .folders = names_new(), .lower = names_new()};
	int rc = documents_init(&check.documents);
	int opened = reading_open(&check.reading, argc, argv);

	if (rc || !check.paths || !check.folders || !check.lower)
		rc = tool_fail("links", "out of memory");
	else
		rc = opened ? opened : answer(&check);
	reading_close(&check.reading);
	documents_release(&check.documents);
	names_free(check.paths);
	names_free(check.folders);
	names_free(check.lower);
	return rc;
}
