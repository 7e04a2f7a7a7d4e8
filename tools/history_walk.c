/* SPDX-License-Identifier: MIT
 *
 * Walks from the newest commit back and counts, file by file, who changed what with what.
 */
#include "tools/history.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tool.h"

#define RENAMES_COMPARED_MAX 60u /* came times went: more are matched by equal content alone */
#define GONE_MAX             20000u

static bool grow_paths(struct history *history, uint32_t least)
{
	uint32_t room = history->path_room ? history->path_room * 2 : 1024;
	uint32_t *carrier;
	bool *ended;
	struct past *pasts;

	if (least < history->path_room)
		return true;
	carrier = reallocarray(history->carrier, room, sizeof(*carrier));
	history->carrier = carrier ? carrier : history->carrier;
	ended = reallocarray(history->ended, room, sizeof(*ended));
	history->ended = ended ? ended : history->ended;
	pasts = reallocarray(history->pasts, room, sizeof(*pasts));
	history->pasts = pasts ? pasts : history->pasts;
	if (!carrier || !ended || !pasts)
		return false;
	memset(ended + history->path_room, 0, (room - history->path_room) * sizeof(*ended));
	memset(pasts + history->path_room, 0, (room - history->path_room) * sizeof(*pasts));
	for (uint32_t i = history->path_room; i < room; i++)
		carrier[i] = i;
	history->path_room = room;
	return true;
}

uint32_t history_path(struct history *history, const char *path)
{
	uint32_t number = names_add(history->paths, path, strlen(path));

	if (number != NAMES_NONE && grow_paths(history, number))
		return number;
	history->reading.no_memory = true;
	return NAMES_NONE;
}

struct past *history_past(struct history *history, uint32_t path)
{
	return path == NAMES_NONE ? NULL : &history->pasts[history->carrier[path]];
}

static bool automatic(const git_signature *author)
{
	return strcasestr(author->name, "[bot]") || strcasestr(author->email, "[bot]");
}

/* The number of an author, NAMES_NONE for a program or if memory ran out. */
static uint32_t author_add(struct history *history, const git_signature *signature, int64_t when)
{
	const char *key = signature->email && *signature->email ? signature->email : signature->name;
	char lower[256];
	size_t bytes = 0;
	uint32_t number;
	struct author *author;

	if (automatic(signature))
		return NAMES_NONE;
	for (; key[bytes] && bytes < sizeof(lower); bytes++)
		lower[bytes] = (char)tolower((unsigned char)key[bytes]);
	number = names_add(history->mails, lower, bytes);
	if (number != NAMES_NONE && number >= history->author_room) {
		uint32_t room = history->author_room ? history->author_room * 2 : 64;
		struct author *authors = reallocarray(history->authors, room, sizeof(*authors));

		number = authors ? number : NAMES_NONE;
		if (authors)
			memset(authors + history->author_room, 0, (room - history->author_room) * sizeof(*authors));
		history->authors = authors ? authors : history->authors;
		history->author_room = authors ? room : history->author_room;
	}
	if (number == NAMES_NONE) {
		history->reading.no_memory = true;
		return NAMES_NONE;
	}
	author = &history->authors[number];
	if (!author->commits) {
		author->name = names_add(history->names, signature->name, strlen(signature->name));
		history->reading.no_memory |= author->name == NAMES_NONE;
		author->first = author->last = when;
	}
	author->first = when < author->first ? when : author->first;
	author->last = when > author->last ? when : author->last;
	author->commits++;
	author->commits_year += history->newest - when < HISTORY_YEAR_SECONDS;
	return number;
}

static void share_count(struct history *history, struct past *past, uint32_t author)
{
	struct share *shares;

	for (uint32_t i = 0; i < past->share_count; i++) {
		if (past->shares[i].author == author) {
			past->shares[i].commits++;
			return;
		}
	}
	shares = reallocarray(past->shares, past->share_count + 1, sizeof(*shares));
	if (!shares) {
		history->reading.no_memory = true;
		return;
	}
	past->shares = shares;
	past->shares[past->share_count++] = (struct share){.author = author, .commits = 1};
}

static void past_count(struct history *history, struct past *past, uint32_t author, int64_t when, bool small)
{
	if (!past->commits)
		past->first = past->last = when;
	past->commits++;
	past->small_commits += small;
	past->commits_year += history->newest - when < HISTORY_YEAR_SECONDS;
	past->first = when < past->first ? when : past->first;
	past->last = when > past->last ? when : past->last;
	if (author != NAMES_NONE)
		share_count(history, past, author);
}

static void gone_add(struct history *history, uint32_t path, uint32_t to, int64_t when, const git_commit *commit)
{
	if (history->gone_count >= GONE_MAX || history->pasts[path].living)
		return;
	if (history->gone_count == history->gone_room) {
		size_t room = history->gone_room ? history->gone_room * 2 : 128;
		struct gone *gone = reallocarray(history->gone, room, sizeof(*gone));

		if (!gone) {
			history->reading.no_memory = true;
			return;
		}
		history->gone = gone;
		history->gone_room = room;
	}
	history->gone[history->gone_count] = (struct gone){.path = path, .renamed_to = to, .when = when};
	git_oid_tostr(history->gone[history->gone_count++].commit, GIT_OID_HEXSZ + 1, git_commit_id(commit));
}

/* Before this commit the file was called `from`. A file that lives under that name today keeps it, unless it came later. */
static void follow(struct history *history, uint32_t from, uint32_t to)
{
	if (history->pasts[from].living && !history->ended[from])
		return;
	history->carrier[from] = history->carrier[to];
	history->ended[from] = false;
}

/* One commit: which files, then what they tell about one another. */
struct change {
	uint32_t files[HISTORY_COMMIT_FILES_MAX];
	size_t count;
};

static void change_add(struct change *change, uint32_t file)
{
	for (size_t i = 0; i < change->count; i++)
		if (change->files[i] == file)
			return;
	if (change->count < HISTORY_COMMIT_FILES_MAX)
		change->files[change->count++] = file;
}

struct occasion {
	const git_commit *commit;
	uint32_t author;
	int64_t when;
	bool small;
};

static void count_delta(struct history *history, const git_diff_delta *delta, const struct occasion *occasion,
			struct change *change)
{
	uint32_t new_path = history_path(history, delta->new_file.path);
	uint32_t old_path = history_path(history, delta->old_file.path);
	struct past *past = history_past(history, new_path);

	if (!past || old_path == NAMES_NONE)
		return;
	if (delta->status == GIT_DELTA_DELETED)
		gone_add(history, old_path, NAMES_NONE, occasion->when, occasion->commit);
	if (past->living) {
		past_count(history, past, occasion->author, occasion->when, occasion->small);
		if (occasion->small)
			change_add(change, history->carrier[new_path]);
	}
	if (delta->status == GIT_DELTA_RENAMED) {
		gone_add(history, old_path, history->carrier[new_path], occasion->when, occasion->commit);
		follow(history, old_path, new_path);
	}
	if (delta->status == GIT_DELTA_RENAMED || delta->status == GIT_DELTA_ADDED)
		history->ended[new_path] = true;
}

static void count_pairs(struct history *history, const struct change *change, int64_t when)
{
	for (size_t i = 0; i < change->count; i++)
		for (size_t j = i + 1; j < change->count; j++)
			history->reading.no_memory |= !pairs_count(history->pairs, change->files[i], change->files[j], when,
								   history->newest - when < HISTORY_YEAR_SECONDS);
}

/* Contents are compared only where something came and something went. */
static int find_renames(git_diff *diff)
{
	git_diff_find_options options;
	size_t came = git_diff_num_deltas_of_type(diff, GIT_DELTA_ADDED);
	size_t went = git_diff_num_deltas_of_type(diff, GIT_DELTA_DELETED);

	if (!came || !went || git_diff_find_options_init(&options, GIT_DIFF_FIND_OPTIONS_VERSION))
		return 0;
	options.flags = GIT_DIFF_FIND_RENAMES;
	if (came > RENAMES_COMPARED_MAX || went > RENAMES_COMPARED_MAX)
		options.flags |= GIT_DIFF_FIND_EXACT_MATCH_ONLY;
	options.rename_limit = 1000;
	return git_diff_find_similar(diff, &options);
}

static int diff_of(git_repository *repository, const git_commit *commit, git_diff **out_diff)
{
	git_diff_options options;
	git_commit *parent = NULL;
	git_tree *before = NULL, *after = NULL;
	int rc = git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);

	options.flags = GIT_DIFF_SKIP_BINARY_CHECK | GIT_DIFF_IGNORE_SUBMODULES;
	if (!rc && git_commit_parentcount(commit))
		rc = git_commit_parent(&parent, commit, 0);
	if (!rc && parent)
		rc = git_commit_tree(&before, parent);
	if (!rc)
		rc = git_commit_tree(&after, commit);
	if (!rc)
		rc = git_diff_tree_to_tree(out_diff, repository, before, after, &options);
	git_tree_free(before);
	git_tree_free(after);
	git_commit_free(parent);
	return rc;
}

static void count_commit(struct history *history, const git_commit *commit, const git_signature *author)
{
	git_diff *diff = NULL;
	struct change change = {.count = 0};
	struct occasion occasion = {.commit = commit, .when = git_commit_time(commit)};
	size_t deltas;

	occasion.author = author_add(history, author, occasion.when);
	if (diff_of(history->reading.repository, commit, &diff) || find_renames(diff)) {
		history->unreadable++;
		goto out;
	}
	deltas = git_diff_num_deltas(diff);
	occasion.small = deltas <= HISTORY_COMMIT_FILES_MAX;
	history->large += !occasion.small;
	for (size_t i = 0; i < deltas; i++)
		count_delta(history, git_diff_get_delta(diff, i), &occasion, &change);
	count_pairs(history, &change, occasion.when);
out:
	git_diff_free(diff);
}

static int visit_commit(struct history *history, const git_oid *id)
{
	git_commit *commit = NULL;
	git_signature *author = NULL;
	int64_t when;

	if (git_commit_lookup(&commit, history->reading.repository, id))
		return -1;
	when = git_commit_time(commit);
	history->oldest = when < history->oldest ? when : history->oldest;
	history->commits++;
	if (git_commit_parentcount(commit) > 1)
		history->merges++;
	else if (git_commit_author_with_mailmap(&author, commit, history->mailmap) == 0)
		count_commit(history, commit, author);
	else
		history->unreadable++;
	git_signature_free(author);
	git_commit_free(commit);
	return 0;
}

static int note_living(const char *folder, const git_tree_entry *entry, void *payload)
{
	struct history *history = payload;
	char path[4096];
	uint32_t number;

	if (git_tree_entry_type(entry) != GIT_OBJECT_BLOB)
		return 0;
	if (strlen(folder) + strlen(git_tree_entry_name(entry)) >= sizeof(path))
		return 0;
	strcpy(path, folder);
	strcat(path, git_tree_entry_name(entry));
	number = history_path(history, path);
	if (number == NAMES_NONE)
		return -1;
	history->pasts[number].living = true;
	return 0;
}

static int living_files(struct history *history)
{
	git_tree *tree = NULL;
	int rc = git_commit_tree(&tree, history->reading.commit);

	if (!rc)
		rc = git_tree_walk(tree, GIT_TREEWALK_PRE, note_living, history);
	git_tree_free(tree);
	return rc ? tool_fail("history", "the tree of the commit could not be read: %s",
			      git_error_last() ? git_error_last()->message : "no reason given")
		  : 0;
}

static int walk_back(struct history *history, git_revwalk *walk)
{
	git_oid id;
	int rc;

	while ((rc = git_revwalk_next(&id, walk)) == 0) {
		if (history->reading.no_memory || reading_spent(&history->reading))
			return history->reading.no_memory ? tool_fail("history", "out of memory") : 0;
		if (visit_commit(history, &id))
			break;
	}
	history->complete = rc == GIT_ITEROVER;
	return 0;
}

int history_walk(struct history *history)
{
	git_revwalk *walk = NULL;
	int rc = living_files(history);

	if (rc)
		return rc;
	history->newest = history->oldest = git_commit_time(history->reading.commit);
	if (git_mailmap_from_repository(&history->mailmap, history->reading.repository))
		history->mailmap = NULL;
	rc = git_revwalk_new(&walk, history->reading.repository);
	if (!rc)
		rc = git_revwalk_sorting(walk, GIT_SORT_TIME);
	if (!rc)
		rc = git_revwalk_push(walk, git_commit_id(history->reading.commit));
	rc = rc ? tool_fail("history", "the history could not be read: %s",
			    git_error_last() ? git_error_last()->message : "no reason given")
		: walk_back(history, walk);
	git_revwalk_free(walk);
	return rc;
}

static int by_commits(const void *left, const void *right)
{
	const struct share *a = left, *b = right;

	if (a->commits != b->commits)
		return a->commits > b->commits ? -1 : 1;
	return (a->author > b->author) - (a->author < b->author);
}

/* Leaves the shares sorted, the greatest first. */
uint32_t past_bus_factor(const struct past *past)
{
	uint32_t all = 0, sum = 0, count = 0;

	if (past->share_count)
		qsort(past->shares, past->share_count, sizeof(past->shares[0]), by_commits);
	for (uint32_t i = 0; i < past->share_count; i++)
		all += past->shares[i].commits;
	while (count < past->share_count && sum * 2 <= all)
		sum += past->shares[count++].commits;
	return count;
}

void history_release(struct history *history)
{
	for (uint32_t i = 0; i < history->path_room; i++)
		free(history->pasts[i].shares);
	free(history->pasts);
	free(history->carrier);
	free(history->ended);
	free(history->authors);
	free(history->gone);
	pairs_free(history->pairs);
	names_free(history->paths);
	names_free(history->mails);
	names_free(history->names);
	git_mailmap_free(history->mailmap);
	reading_close(&history->reading);
}
