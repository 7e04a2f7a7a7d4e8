/* SPDX-License-Identifier: MIT
 *
 * `bunshin tool history [--commit REV] [--budget-ms N] [--log N]`: what the past of a repository tells.
 *
 *   {"tool": "history", "schema": 1, "commit", "newest", "oldest" (seconds since 1970), "complete": false if time ran out,
 *    "commits": {"walked", "merges", "large" (over 30 files), "unreadable"},
 *    "authors": [{"name", "commits", "commits_365d", "first", "last", "owned"}], "authors_total", "bus_factor",
 *    "files": [{"path", "commits", "commits_365d", "small_commits", "authors", "bus_factor", "owner", "owner_commits", "first", "last"}],
 *    "cochange": [{"a", "b", "together", "together_365d", "last"}],
 *    "gone": [{"path", "renamed_to" (or null), "when", "commit"}],
 *    "tags": [{"name", "when"}], "range": {"from", "to" (tags or null), "cut"},
 *    "log": [{"id", "when", "author", "summary", "merge", "breaking", "paths", "paths_total"}], "left_out"}
 *
 * Merges count for nothing but their number. Commits of more than 30 files count for files, not for pairs. 365 days end at the
 * newest commit, so the answer does not depend on the day it is asked for. An author is an e-mail address, after .mailmap;
 * addresses are not printed. Programs ("[bot]") own nothing. With --log 0 there are no "tags", "range" and "log". Owner: who made most commits to a file. Bus factor of a file: the
 * fewest authors with more than half of its commits; of the repository: the fewest owners without whom more than half of the
 * files have lost theirs.
 */
#include "tools/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tool.h"

#define FILES_MAX       20000u
#define AUTHORS_MAX     100u
#define PAIRS_MAX       3000u
#define PAIRS_LEAST     3u
#define GONE_LISTED_MAX 3000u

static json_t *path_json(const struct history *history, uint32_t path)
{
	return path == NAMES_NONE ? json_null() : reading_text(names_text(history->paths, path));
}

static json_t *file_json(struct history *history, uint32_t path)
{
	struct past *past = &history->pasts[path];
	uint32_t bus_factor = past_bus_factor(past);
	const struct share *owner = past->share_count ? &past->shares[0] : NULL;
	json_t *name = json_null();

	if (owner) {
		name = reading_text(names_text(history->names, history->authors[owner->author].name));
		history->authors[owner->author].owned++;
	}
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I}", "path", path_json(history, path), "commits",
			 (json_int_t)past->commits, "commits_365d", (json_int_t)past->commits_year, "small_commits",
			 (json_int_t)past->small_commits, "authors", (json_int_t)past->share_count, "bus_factor",
			 (json_int_t)bus_factor, "owner", name, "owner_commits", (json_int_t)(owner ? owner->commits : 0),
			 "first", (json_int_t)past->first, "last", (json_int_t)past->last);
}

/* Returns how many files have an owner. */
static size_t list_files(struct history *history)
{
	json_t *list = reading_array(&history->reading, "files");
	size_t over = 0, owned = 0;

	for (uint32_t i = 0; i < names_count(history->paths); i++) {
		if (!history->pasts[i].living || !history->pasts[i].commits)
			continue;
		owned += history->pasts[i].share_count > 0;
		if (json_array_size(list) >= FILES_MAX)
			over++;
		else
			reading_append(&history->reading, list, file_json(history, i));
	}
	if (over)
		reading_left_out(&history->reading, "%zu files are not listed: the list ends at %u.", over, FILES_MAX);
	return owned;
}

static int by_owned(const void *left, const void *right)
{
	const struct author *a = left, *b = right;

	if (a->owned != b->owned)
		return a->owned > b->owned ? -1 : 1;
	if (a->commits != b->commits)
		return a->commits > b->commits ? -1 : 1;
	return (a->name > b->name) - (a->name < b->name);
}

static void list_authors(struct history *history, size_t owned)
{
	json_t *list = reading_array(&history->reading, "authors");
	uint32_t count = names_count(history->mails);
	uint32_t bus_factor = 0;
	size_t lost = 0;

	if (count)
		qsort(history->authors, count, sizeof(history->authors[0]), by_owned);
	for (uint32_t i = 0; i < count && i < AUTHORS_MAX; i++) {
		const struct author *author = &history->authors[i];

		reading_append(&history->reading, list,
			       json_pack("{s:o, s:I, s:I, s:I, s:I, s:I}", "name",
					 reading_text(names_text(history->names, author->name)), "commits",
					 (json_int_t)author->commits, "commits_365d", (json_int_t)author->commits_year, "first",
					 (json_int_t)author->first, "last", (json_int_t)author->last, "owned",
					 (json_int_t)author->owned));
	}
	for (; bus_factor < count && lost * 2 <= owned && owned; bus_factor++)
		lost += history->authors[bus_factor].owned;
	reading_set(&history->reading, history->reading.answer, "authors_total", json_integer(count));
	reading_set(&history->reading, history->reading.answer, "bus_factor", json_integer(bus_factor));
}

static void list_pairs(struct history *history)
{
	json_t *list = reading_array(&history->reading, "cochange");
	size_t dropped = pairs_dropped(history->pairs);
	size_t count;
	const struct pair *pairs = pairs_sorted(history->pairs, PAIRS_LEAST, &count);

	for (size_t i = 0; i < count && i < PAIRS_MAX; i++)
		reading_append(&history->reading, list,
			       json_pack("{s:o, s:o, s:I, s:I, s:I}", "a", path_json(history, pairs[i].a), "b",
					 path_json(history, pairs[i].b), "together", (json_int_t)pairs[i].together,
					 "together_365d", (json_int_t)pairs[i].together_year, "last", (json_int_t)pairs[i].last));
	if (count > PAIRS_MAX)
		reading_left_out(&history->reading, "%zu pairs of files that changed together least often are not listed.",
				 count - PAIRS_MAX);
	if (dropped)
		reading_left_out(&history->reading, "%zu pairs of files were not counted: there were over %u.", dropped,
				 HISTORY_PAIRS_MAX);
}

static void list_gone(struct history *history)
{
	json_t *list = reading_array(&history->reading, "gone");

	for (size_t i = 0; i < history->gone_count && i < GONE_LISTED_MAX; i++) {
		const struct gone *gone = &history->gone[i];

		reading_append(&history->reading, list,
			       json_pack("{s:o, s:o, s:I, s:s}", "path", path_json(history, gone->path), "renamed_to",
					 path_json(history, gone->renamed_to), "when", (json_int_t)gone->when, "commit",
					 gone->commit));
	}
	if (history->gone_count > GONE_LISTED_MAX)
		reading_left_out(&history->reading, "%zu files that are gone longest are not listed.",
				 history->gone_count - GONE_LISTED_MAX);
}

static void say_extent(struct history *history)
{
	json_t *answer = history->reading.answer;

	reading_set(&history->reading, answer, "newest", json_integer(history->newest));
	reading_set(&history->reading, answer, "oldest", json_integer(history->oldest));
	reading_set(&history->reading, answer, "complete", json_boolean(history->complete));
	reading_set(&history->reading, answer, "commits",
		    json_pack("{s:I, s:I, s:I, s:I}", "walked", (json_int_t)history->commits, "merges",
			      (json_int_t)history->merges, "large", (json_int_t)history->large, "unreadable",
			      (json_int_t)history->unreadable));
	if (!history->complete)
		reading_left_out(&history->reading, "The walk ended after %zu commits: %s.", history->commits,
				 reading_spent(&history->reading) ? "the time was over"
								  : "older ones could not be read (a shallow clone?)");
	if (history->unreadable)
		reading_left_out(&history->reading, "%zu commits could not be compared with their parent.", history->unreadable);
}

static int answer(struct history *history)
{
	int rc = history_walk(history);

	if (rc)
		return rc;
	list_authors(history, list_files(history));
	list_pairs(history);
	list_gone(history);
	rc = history_log(history);
	if (rc)
		return rc;
	say_extent(history);
	return reading_print(&history->reading);
}

int tool_history(int argc, char **argv)
{
	struct history history = {
		.paths = names_new(), .mails = names_new(), .names = names_new(), .pairs = pairs_new(), .complete = false};
	int rc = reading_open(&history.reading, argc, argv);

	if (!rc && (!history.paths || !history.mails || !history.names || !history.pairs))
		rc = tool_fail("history", "out of memory");
	if (!rc)
		rc = answer(&history);
	history_release(&history);
	return rc;
}
