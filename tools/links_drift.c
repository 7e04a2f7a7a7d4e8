/* SPDX-License-Identifier: MIT
 *
 * Looks up what code spans name: files in the tree, functions as words in everything that is no document.
 */
#include "tools/links_drift.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tools/imports.h"
#include "tools/language.h"
#include "tools/source.h"
#include "tools/tool.h"

#define OLD_TREES 3u
#define STEPS_MAX 200000u

bool span_path(const char *span, char *out)
{
	const char *slash = strrchr(span, '/');
	size_t bytes = strlen(span);

	if (strncmp(span, "./", 2) == 0)
		span += 2;
	bytes = strlen(span);
	if (!slash || !slash[1] || bytes >= 200 || span[0] == '/' || span[0] == '.' || strstr(span, "//") ||
	    !language_of_path(span))
		return false;
	for (size_t i = 0; i < bytes; i++)
		if (!isalnum((unsigned char)span[i]) && !strchr("_./-+", span[i]))
			return false;
	memcpy(out, span, bytes + 1);
	return true;
}

static bool several_words(const char *name, size_t bytes)
{
	bool joined = false;

	for (size_t i = 1; i + 1 < bytes; i++)
		joined |= name[i] == '_' || (islower((unsigned char)name[i]) && isupper((unsigned char)name[i + 1]));
	return joined && bytes >= 5;
}

bool span_call(const char *span, char *out)
{
	const char *open = strchr(span, '(');
	const char *end = open, *start;

	if (!open || span[strlen(span) - 1] != ')')
		return false;
	for (start = end; start > span && (isalnum((unsigned char)start[-1]) || start[-1] == '_'); start--)
		;
	for (const char *c = span; c < start; c++)
		if (!isalnum((unsigned char)*c) && !strchr("_.:>-", *c))
			return false;
	if (end - start >= 200 || isdigit((unsigned char)*start) || !several_words(start, (size_t)(end - start)))
		return false;
	memcpy(out, start, (size_t)(end - start));
	out[end - start] = 0;
	return true;
}

/* Documents about other times name what was or will be. */
static bool about_the_past(const char *path)
{
	static const char *const words[] = {"change",  "history", "news",    "release",  "migrat",   "upgrad",
					    "roadmap", "todo",    "archive", "deprecat", "proposal", "rfc"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(path, words[i]))
			return true;
	return false;
}

static bool path_there(const struct drift *drift, const char *document, const char *path)
{
	char joined[LINK_BYTES_MAX];
	size_t length = strlen(path);

	if (names_find(drift->paths, path, length) != NAMES_NONE)
		return true;
	if (path_join(document, path_folder(document), path, length, joined, sizeof(joined)) &&
	    names_find(drift->paths, joined, strlen(joined)) != NAMES_NONE)
		return true;
	for (uint32_t i = 0; i < names_count(drift->paths); i++) {
		const char *other = names_text(drift->paths, i);
		size_t bytes = strlen(other);

		if (bytes > length && other[bytes - length - 1] == '/' && strcmp(other + bytes - length, path) == 0)
			return true;
	}
	return false;
}

/* Only a path that starts in a folder of this repository was meant for it. */
static bool meant_here(const struct drift *drift, const char *path)
{
	return names_find(drift->folders, path, strcspn(path, "/")) != NAMES_NONE;
}

static struct drifted *drift_add(struct drift *drift, size_t span, bool is_path, const char *name)
{
	if (drift->count == drift->room) {
		size_t room = drift->room ? drift->room * 2 : 64;
		struct drifted *at = reallocarray(drift->at, room, sizeof(*at));

		if (!at) {
			drift->no_memory = true;
			return NULL;
		}
		drift->at = at;
		drift->room = room;
	}
	drift->at[drift->count] = (struct drifted){.span = span, .is_path = is_path};
	strncpy(drift->at[drift->count].name, name, sizeof(drift->at[0].name) - 1);
	return &drift->at[drift->count++];
}

/* Words that are looked for, and where each was seen. */
struct words {
	struct names *names;
	bool *seen;
	size_t missing; /* not seen yet */
	struct reading *reading;
	struct names *blobs; /* that were read */
};

static void look_at(struct words *words, const char *text, size_t bytes)
{
	for (size_t at = 0; at < bytes;) {
		size_t end = at;
		uint32_t number;

		while (end < bytes && (isalnum((unsigned char)text[end]) || text[end] == '_'))
			end++;
		number = end - at >= 5 ? names_find(words->names, text + at, end - at) : NAMES_NONE;
		if (number != NAMES_NONE && !words->seen[number]) {
			words->seen[number] = true;
			words->missing--;
		}
		at = end + 1;
	}
}

static int visit(const struct source *source, void *context)
{
	struct words *words = context;
	const char *language = language_of_path(source->path);

	if (!source->text || !words->missing || (language && strcmp(language, "Markdown") == 0))
		return 0;
	if (names_find(words->blobs, source->blob, strlen(source->blob)) != NAMES_NONE || reading_spent(words->reading))
		return 0;
	if (names_add(words->blobs, source->blob, strlen(source->blob)) == NAMES_NONE)
		return 1;
	look_at(words, source->text, source->bytes);
	return 0;
}

/* Candidates first, all of them; those whose word is found go again. */
static void collect(struct drift *drift, struct words *words)
{
	char name[200];

	for (size_t i = 0; i < drift->documents->span_count && !drift->no_memory; i++) {
		const struct span *span = &drift->documents->spans[i];
		const char *text = names_text(drift->documents->texts, span->text);
		const char *document = names_text(drift->documents->texts, drift->documents->at[span->document].path);
		struct drifted *added;

		if (about_the_past(document))
			continue;
		if (span_path(text, name)) {
			if (meant_here(drift, name) && !path_there(drift, document, name))
				drift_add(drift, i, true, name);
		} else if (span_call(text, name)) {
			added = drift_add(drift, i, false, name);
			if (added)
				added->word = names_add(words->names, name, strlen(name));
			drift->no_memory |= added && added->word == NAMES_NONE;
		}
	}
}

static void drop_found(struct drift *drift, const struct words *words)
{
	size_t kept = 0;

	for (size_t i = 0; i < drift->count; i++)
		if (drift->at[i].is_path || !words->seen[drift->at[i].word])
			drift->at[kept++] = drift->at[i];
	drift->count = kept;
}

static void note_seen(struct drift *drift, const struct words *words, const git_commit *commit)
{
	for (size_t i = 0; i < drift->count; i++) {
		struct drifted *drifted = &drift->at[i];

		if (drifted->is_path || drifted->seen[0] || !words->seen[drifted->word])
			continue;
		git_oid_tostr(drifted->seen, sizeof(drifted->seen), git_commit_id(commit));
		drifted->seen_when = git_commit_time(commit);
	}
}

/* The commit `steps` first parents back, or the last there is. */
static git_commit *back(const git_commit *from, size_t steps, size_t *out_steps)
{
	git_commit *commit = NULL;

	*out_steps = 0;
	if (git_commit_dup(&commit, (git_commit *)(uintptr_t)from))
		return NULL;
	while (*out_steps < steps) {
		git_commit *parent = NULL;

		if (!git_commit_parentcount(commit) || git_commit_parent(&parent, commit, 0))
			break;
		git_commit_free(commit);
		commit = parent;
		(*out_steps)++;
	}
	return commit;
}

/* Trees at a quarter, the half and three quarters of the way back. */
static int look_back(struct drift *drift, struct words *words, struct reading *reading)
{
	size_t all, steps;
	int rc = 0;

	git_commit_free(back(reading->commit, STEPS_MAX, &all));
	for (size_t i = 1; !rc && i <= OLD_TREES && words->missing && !reading_spent(reading); i++) {
		git_commit *commit = back(reading->commit, all * i / (OLD_TREES + 1), &steps);

		if (!commit)
			break;
		rc = source_each(reading->repository, commit, false, visit, words);
		note_seen(drift, words, commit);
		git_commit_free(commit);
	}
	return rc;
}

static int look(struct drift *drift, struct words *words, struct reading *reading)
{
	int rc;

	words->seen = calloc((size_t)names_count(words->names) + 1, sizeof(words->seen[0]));
	if (!words->seen)
		return tool_fail("links", "out of memory");
	words->missing = names_count(words->names);
	rc = source_each(reading->repository, reading->commit, false, visit, words);
	/* Without the whole tree nothing is known to be missing. */
	if (!rc && reading_spent(reading)) {
		reading_left_out(reading, "Names of functions in documents were not looked up: the time was over.");
		memset(words->seen, 1, (size_t)names_count(words->names) * sizeof(words->seen[0]));
	}
	drop_found(drift, words);
	return rc || reading_spent(reading) ? rc : look_back(drift, words, reading);
}

int drift_find(struct drift *drift, struct reading *reading)
{
	struct words words = {.names = names_new(), .blobs = names_new(), .reading = reading};
	int rc = 0;

	drift->no_memory = !words.names || !words.blobs;
	if (!drift->no_memory)
		collect(drift, &words);
	if (drift->no_memory)
		rc = tool_fail("links", "out of memory");
	else if (names_count(words.names))
		rc = look(drift, &words, reading);
	names_free(words.names);
	names_free(words.blobs);
	free(words.seen);
	return rc;
}

void drift_release(struct drift *drift)
{
	free(drift->at);
}
