/* SPDX-License-Identifier: MIT
 *
 * The commits since the last tag, as far as a list of changes needs them.
 *
 * The last tag is the one whose common ancestor with the newest commit is the youngest: an ordinary tag is that ancestor itself, a
 * tag on a release branch counts from where its branch left. If the newest commit carries a tag itself, the log is what that tag
 * brought: everything since the one before.
 */
#include "tools/history.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tool.h"

#define TAGS_MAX          5000u
#define TAGS_LISTED_MAX   200u
#define TAGS_COMPARED_MAX 16u
#define LOG_PATHS_MAX     12u

struct tag {
	char name[200];
	git_oid commit;
	int64_t when;
};

struct tags {
	git_repository *repository;
	struct tag *at;
	size_t count, room;
	size_t over;
	bool no_memory;
};

static void tag_add(struct tags *tags, const char *name, const git_commit *commit)
{
	if (tags->count >= TAGS_MAX || strlen(name) >= sizeof(tags->at[0].name)) {
		tags->over++;
		return;
	}
	if (tags->count == tags->room) {
		size_t room = tags->room ? tags->room * 2 : 64;
		struct tag *at = reallocarray(tags->at, room, sizeof(*at));

		if (!at) {
			tags->no_memory = true;
			return;
		}
		tags->at = at;
		tags->room = room;
	}
	tags->at[tags->count] = (struct tag){.commit = *git_commit_id(commit), .when = git_commit_time(commit)};
	strcpy(tags->at[tags->count++].name, name);
}

/* Tags of other things than commits, and tags without a digit ("latest"), mark no release. */
static int visit_tag(const char *name, git_oid *id, void *payload)
{
	struct tags *tags = payload;
	git_object *object = NULL, *commit = NULL;

	if (strncmp(name, "refs/tags/", 10) == 0)
		name += 10;
	if (!strpbrk(name, "0123456789"))
		return 0;
	if (git_object_lookup(&object, tags->repository, id, GIT_OBJECT_ANY) == 0 &&
	    git_object_peel(&commit, object, GIT_OBJECT_COMMIT) == 0)
		tag_add(tags, name, (git_commit *)commit);
	git_object_free(commit);
	git_object_free(object);
	return 0;
}

static int by_age(const void *left, const void *right)
{
	const struct tag *a = left, *b = right;

	if (a->when != b->when)
		return a->when > b->when ? -1 : 1;
	return strcmp(b->name, a->name);
}

/* When the history of a tag and that of `commit` parted; INT64_MIN if they never met or the tag is at the commit itself. */
static int64_t parted(const struct tags *tags, const struct tag *tag, const git_oid *commit)
{
	git_commit *base = NULL;
	int64_t when = INT64_MIN;
	git_oid id;

	if (git_oid_equal(&tag->commit, commit) || git_merge_base(&id, tags->repository, commit, &tag->commit))
		return INT64_MIN;
	if (git_commit_lookup(&base, tags->repository, &id) == 0)
		when = git_commit_time(base);
	git_commit_free(base);
	return when;
}

/* NULL: there is none. Only the youngest tags are compared; each may cost a walk over the whole history. */
static const struct tag *tag_before(const struct tags *tags, const git_oid *commit)
{
	const struct tag *best = NULL;
	int64_t best_when = INT64_MIN;

	for (size_t i = 0; i < tags->count && i < TAGS_COMPARED_MAX; i++) {
		int64_t when = best_when < tags->at[i].when ? parted(tags, &tags->at[i], commit) : INT64_MIN;

		if (when <= best_when)
			continue;
		best = &tags->at[i];
		best_when = when;
	}
	return best;
}

static const struct tag *tag_at(const struct tags *tags, const git_oid *commit)
{
	for (size_t i = 0; i < tags->count; i++)
		if (git_oid_equal(&tags->at[i].commit, commit))
			return &tags->at[i];
	return NULL;
}

static void list_tags(struct history *history, const struct tags *tags)
{
	json_t *list = reading_array(&history->reading, "tags");

	for (size_t i = 0; i < tags->count && i < TAGS_LISTED_MAX; i++)
		reading_append(
			&history->reading, list,
			json_pack("{s:o, s:I}", "name", reading_text(tags->at[i].name), "when", (json_int_t)tags->at[i].when));
	if (tags->over)
		reading_left_out(&history->reading, "%zu tags were not looked at.", tags->over);
}

/* The footer of Conventional Commits 1.0.0, item 12, at the start of a line. */
static bool breaking(const git_commit *commit)
{
	const char *body = git_commit_body((git_commit *)(uintptr_t)commit);

	for (; body; body = strchr(body, '\n') ? strchr(body, '\n') + 1 : NULL)
		if (strncmp(body, "BREAKING CHANGE:", 16) == 0 || strncmp(body, "BREAKING-CHANGE:", 16) == 0)
			return true;
	return false;
}

static json_t *commit_paths(struct history *history, const git_commit *commit, size_t *out_total)
{
	git_diff_options options;
	git_diff *diff = NULL;
	git_commit *parent = NULL;
	git_tree *before = NULL, *after = NULL;
	json_t *paths = json_array();

	*out_total = 0;
	if (git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION) || git_commit_tree(&after, commit))
		goto out;
	options.flags = GIT_DIFF_SKIP_BINARY_CHECK | GIT_DIFF_IGNORE_SUBMODULES;
	if (git_commit_parentcount(commit) && (git_commit_parent(&parent, commit, 0) || git_commit_tree(&before, parent)))
		goto out;
	if (git_diff_tree_to_tree(&diff, history->reading.repository, before, after, &options))
		goto out;
	*out_total = git_diff_num_deltas(diff);
	for (size_t i = 0; i < *out_total && i < LOG_PATHS_MAX; i++)
		reading_append(&history->reading, paths, reading_text(git_diff_get_delta(diff, i)->new_file.path));
out:
	git_diff_free(diff);
	git_tree_free(before);
	git_tree_free(after);
	git_commit_free(parent);
	return paths;
}

static void log_commit(struct history *history, json_t *log, const git_commit *commit)
{
	char id[GIT_OID_HEXSZ + 1];
	git_signature *author = NULL;
	const char *summary = git_commit_summary((git_commit *)(uintptr_t)commit);
	bool merge = git_commit_parentcount(commit) > 1;
	size_t total = 0;
	json_t *paths = merge ? json_array() : commit_paths(history, commit, &total);

	if (git_commit_author_with_mailmap(&author, commit, history->mailmap))
		author = NULL;
	git_oid_tostr(id, sizeof(id), git_commit_id(commit));
	reading_append(&history->reading, log,
		       json_pack("{s:s, s:I, s:o, s:o, s:b, s:b, s:o, s:I}", "id", id, "when",
				 (json_int_t)git_commit_time(commit), "author", author ? reading_text(author->name) : json_null(),
				 "summary", reading_text(summary ? summary : ""), "merge", merge, "breaking", breaking(commit),
				 "paths", paths, "paths_total", (json_int_t)total));
	git_signature_free(author);
}

static int list_log(struct history *history, const struct tag *from, bool *out_cut)
{
	json_t *log = reading_array(&history->reading, "log");
	git_revwalk *walk = NULL;
	git_commit *commit = NULL;
	git_oid id;
	int rc = git_revwalk_new(&walk, history->reading.repository);

	if (!rc)
		rc = git_revwalk_sorting(walk, GIT_SORT_TIME);
	if (!rc)
		rc = git_revwalk_push(walk, git_commit_id(history->reading.commit));
	if (!rc && from)
		rc = git_revwalk_hide(walk, &from->commit);
	while (!rc && git_revwalk_next(&id, walk) == 0 && !history->reading.no_memory) {
		*out_cut = json_array_size(log) >= history->reading.log_max;
		if (*out_cut || git_commit_lookup(&commit, history->reading.repository, &id))
			break;
		log_commit(history, log, commit);
		git_commit_free(commit);
	}
	git_revwalk_free(walk);
	return rc ? tool_fail("history", "the log could not be read: %s",
			      git_error_last() ? git_error_last()->message : "no reason given")
		  : 0;
}

int history_log(struct history *history)
{
	struct tags tags = {.repository = history->reading.repository};
	const git_oid *head = git_commit_id(history->reading.commit);
	const struct tag *from, *to;
	bool cut = false;
	int rc;

	if (!history->reading.log_max)
		return 0;
	if (git_tag_foreach(tags.repository, visit_tag, &tags) < 0)
		reading_left_out(&history->reading, "Some tags could not be read.");
	if (tags.count)
		qsort(tags.at, tags.count, sizeof(tags.at[0]), by_age);
	list_tags(history, &tags);
	from = tag_before(&tags, head);
	to = tag_at(&tags, head);
	rc = list_log(history, from, &cut);
	reading_set(&history->reading, history->reading.answer, "range",
		    json_pack("{s:o, s:o, s:b}", "from", from ? reading_text(from->name) : json_null(), "to",
			      to ? reading_text(to->name) : json_null(), "cut", cut));
	if (cut)
		reading_left_out(&history->reading, "The log ends after %u commits.", history->reading.log_max);
	history->reading.no_memory |= tags.no_memory;
	free(tags.at);
	return rc;
}
