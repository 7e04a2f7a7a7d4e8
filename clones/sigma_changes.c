/* SPDX-License-Identifier: MIT
 *
 * A list of changes from the log: grouped by the type that conventional commits name, else by the area before the colon, else by
 * the folder that a commit touches. Which of these a project has the habit of is counted, not asked.
 */
#include "clones/sigma.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONVENTIONAL_SHARE 0.6
#define AREA_SHARE         0.5
#define GROUP_BYTES        80u
#define GROUP_CHANGES_MAX  200u
#define PAGE_BYTES_MAX     200000u

/* Types of Conventional Commits as the Angular convention has them, in the order in which a reader wants them. */
static const struct {
	const char *type;
	const char *title;
} types[] = {{"feat", "Added"},           {"feature", "Added"},      {"fix", "Fixed"},         {"perf", "Faster"},
	     {"deprecate", "Deprecated"}, {"remove", "Removed"},     {"security", "Security"}, {"refactor", "Changed inside"},
	     {"revert", "Taken back"},    {"docs", "Documentation"}, {"doc", "Documentation"}, {"test", "Tests"},
	     {"tests", "Tests"},          {"build", "Build"},        {"deps", "Build"},        {"ci", "Continuous integration"},
	     {"style", "Layout"},         {"chore", "Other"},        {"release", "Other"}};

#define TYPES (sizeof(types) / sizeof(types[0]))

struct change {
	const json_t *json;
	const char *text; /* of the summary, without type or area */
	char group[GROUP_BYTES];
	bool breaking;
	size_t rank; /* of the group */
	size_t order;
};

static size_t type_rank(const char *type)
{
	for (size_t i = 0; i < TYPES; i++)
		if (strcasecmp(types[i].type, type) == 0)
			return i;
	return TYPES;
}

static const char *behind_colon(const char *at)
{
	if (*at != ':' || (at[1] != ' ' && at[1] != '\t'))
		return NULL;
	at += 1 + strspn(at + 1, " \t");
	return *at ? at : NULL;
}

bool summary_conventional(const char *summary, char *out_type, bool *out_breaking, const char **out_text)
{
	size_t bytes = 0;
	const char *at, *text;
	char type[32];
	bool breaking;

	while (isalpha((unsigned char)summary[bytes]) && bytes < sizeof(type) - 1) {
		type[bytes] = (char)tolower((unsigned char)summary[bytes]);
		bytes++;
	}
	type[bytes] = 0;
	at = summary + bytes;
	if (type_rank(type) == TYPES)
		return false;
	if (*at == '(')
		at = strchr(at, ')') ? strchr(at, ')') + 1 : at;
	breaking = *at == '!';
	text = behind_colon(at + breaking);
	if (!text)
		return false;
	memcpy(out_type, type, bytes + 1);
	*out_breaking = breaking;
	*out_text = text;
	return true;
}

bool summary_area(const char *summary, char *out_area, const char **out_text)
{
	size_t bytes = 0;
	const char *text;

	while (isalnum((unsigned char)summary[bytes]) || (summary[bytes] && strchr("_./-+*,", summary[bytes])))
		bytes++;
	text = behind_colon(summary + bytes);
	if (!bytes || bytes >= 40 || !text)
		return false;
	memcpy(out_area, summary, bytes);
	out_area[bytes] = 0;
	*out_text = text;
	return true;
}

static bool is_change(const json_t *commit)
{
	return json_is_string(json_object_get(commit, "summary")) && !json_is_true(json_object_get(commit, "merge"));
}

struct shares {
	size_t all, conventional, area;
};

static struct shares shares_of(const json_t *log)
{
	struct shares shares = {0, 0, 0};
	char word[64];
	bool breaking;
	const char *text;
	const json_t *commit;
	size_t i;

	json_array_foreach (log, i, commit) {
		if (!is_change(commit))
			continue;
		shares.all++;
		shares.conventional += summary_conventional(json_text(commit, "summary"), word, &breaking, &text);
		shares.area += summary_area(json_text(commit, "summary"), word, &text);
	}
	return shares;
}

static enum habit habit_of(struct shares shares)
{
	if ((double)shares.conventional >= CONVENTIONAL_SHARE * (double)shares.all)
		return HABIT_CONVENTIONAL;
	return (double)shares.area >= AREA_SHARE * (double)shares.all ? HABIT_AREA : HABIT_PATHS;
}

/* The first parts of a path that most paths of the commit share. */
static void group_by_path(const json_t *commit, size_t depth, char out[GROUP_BYTES])
{
	const char *path = json_string_value(json_array_get(json_object_get(commit, "paths"), 0));
	size_t bytes = 0;

	snprintf(out, GROUP_BYTES, "Other");
	if (!path)
		return;
	for (size_t i = 0; i < depth && path[bytes]; i++) {
		bytes += bytes > 0;
		bytes += strcspn(path + bytes, "/");
	}
	if (depth == 1 && !path[bytes])
		return; /* a file at the root */
	snprintf(out, GROUP_BYTES, "%.*s", (int)(bytes < GROUP_BYTES - 1 ? bytes : GROUP_BYTES - 1), path);
	out[strcspn(out, "\n")] = 0;
}

static void change_init(struct change *change, const json_t *commit, enum habit habit, size_t order)
{
	char word[64];

	*change = (struct change){.json = commit, .text = json_text(commit, "summary"), .order = order, .rank = TYPES};
	change->breaking = json_is_true(json_object_get(commit, "breaking"));
	snprintf(change->group, sizeof(change->group), "Other");
	if (habit == HABIT_CONVENTIONAL) {
		bool breaking = false;

		if (!summary_conventional(change->text, word, &breaking, &change->text))
			return;
		change->breaking |= breaking;
		snprintf(change->group, sizeof(change->group), "%s", types[type_rank(word)].title);
		/* Several types may share a title; the first of them gives the rank. */
		for (change->rank = 0; strcmp(types[change->rank].title, change->group) != 0;)
			change->rank++;
	} else if (habit == HABIT_AREA) {
		if (summary_area(change->text, word, &change->text))
			snprintf(change->group, sizeof(change->group), "%s", word);
	} else {
		group_by_path(commit, 1, change->group);
	}
}

static int by_group(const void *left, const void *right)
{
	const struct change *a = left, *b = right;
	int rc;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	rc = strcmp(a->group, b->group);
	return rc ? rc : (a->order > b->order) - (a->order < b->order);
}

static size_t group_end(const struct change *changes, size_t count, size_t first)
{
	size_t end = first + 1;

	while (end < count && strcmp(changes[end].group, changes[first].group) == 0)
		end++;
	return end;
}

/* By area or path the largest group comes first, "Other" last, and a group of one is part of "Other". */
static void rank_by_size(struct change *changes, size_t count, bool merge_single)
{
	for (size_t i = 0; i < count; i++)
		changes[i].rank = 0;
	qsort(changes, count, sizeof(*changes), by_group);
	for (size_t first = 0, end; first < count; first = end) {
		bool other;

		end = group_end(changes, count, first);
		other = strcmp(changes[first].group, "Other") == 0 || (merge_single && end - first == 1);
		for (size_t i = first; i < end; i++) {
			changes[i].rank = other ? count + 1 : count - (end - first);
			if (other)
				snprintf(changes[i].group, sizeof(changes[i].group), "Other");
		}
	}
	qsort(changes, count, sizeof(*changes), by_group);
}

/* Where nearly everything is under one folder, the next level tells more. */
static void regroup_paths(struct change *changes, size_t count)
{
	size_t most = 0;

	rank_by_size(changes, count, false);
	for (size_t first = 0, end; first < count; first = end) {
		end = group_end(changes, count, first);
		most = end - first > most ? end - first : most;
	}
	if (most * 10 > count * 6 && count > 10)
		for (size_t i = 0; i < count; i++)
			group_by_path(changes[i].json, 2, changes[i].group);
	rank_by_size(changes, count, true);
}

/* ---- the page ---- */

struct page {
	char *text;
	size_t used;
};

static void put(struct page *page, const char *text)
{
	size_t bytes = strlen(text);

	if (page->used + bytes >= PAGE_BYTES_MAX)
		return;
	memcpy(page->text + page->used, text, bytes + 1);
	page->used += bytes;
}

/* A summary is a stranger's text: what Markdown would take for a picture, a link or HTML loses its power. */
static void put_escaped(struct page *page, const char *text)
{
	char one[3] = "";

	for (; *text; text++) {
		bool special = strchr("<>[]`*_\\", *text) != NULL;

		snprintf(one, sizeof(one), special ? "\\%c" : "%c", (unsigned char)*text < ' ' ? ' ' : *text);
		put(page, one);
	}
}

static void put_change(struct page *page, const struct change *change)
{
	char id[24];

	put(page, "- ");
	if (change->breaking)
		put(page, "**breaking:** ");
	put_escaped(page, change->text);
	snprintf(id, sizeof(id), " (%.10s)\n", json_text(change->json, "id"));
	put(page, id);
}

static void put_page(struct page *page, const struct sigma *sigma, const struct change *changes, size_t count)
{
	const json_t *range = json_object_get(sigma->history, "range");
	const char *from = json_text(range, "from"), *to = json_text(range, "to");

	put(page, "# ");
	put_escaped(page, *to ? to : "Unreleased");
	put(page, "\n\n");
	if (*from) {
		put(page, "Changes since ");
		put_escaped(page, from);
		put(page, ".\n");
	}
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || strcmp(changes[i].group, changes[i - 1].group) != 0) {
			put(page, "\n## ");
			put_escaped(page, changes[i].group);
			put(page, "\n\n");
		}
		put_change(page, &changes[i]);
	}
}

static int attach(struct sigma *sigma, const struct change *changes, size_t count)
{
	struct page page = {.text = calloc(1, PAGE_BYTES_MAX)};
	int rc = page.text ? 0 : ERR_MEMORY;

	if (!rc) {
		put_page(&page, sigma, changes, count);
		rc = json_array_append_new(sigma->attachments,
					   json_pack("{s:s, s:s, s:o}", "name", "changelog.md", "media_type", "text/markdown",
						     "text", text_json(page.text, page.used, PAGE_BYTES_MAX)));
	}
	if (page.used + 500 > PAGE_BYTES_MAX)
		result_status(sigma->result, PARTIAL, "The list of changes is cut at %u bytes.", PAGE_BYTES_MAX);
	free(page.text);
	return rc ? ERR_MEMORY : 0;
}

static void group_entity(struct sigma *sigma, const struct change *changes, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count && i < GROUP_CHANGES_MAX; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b}", "commit", json_text(changes[i].json, "id"), "text",
						      changes[i].text, "author", json_text(changes[i].json, "author"), "breaking",
						      changes[i].breaking));
	result_add_entity(sigma->result, "changes",
			  json_pack("{s:o, s:I, s:o}", "group",
				    text_json(changes[0].group, strlen(changes[0].group), GROUP_BYTES), "count",
				    (json_int_t)count, "changes", list));
}

static void say_habit(struct sigma *sigma, enum habit habit, struct shares shares)
{
	static const char *const names[] = {"conventional commits", "area prefix", "paths"};
	const json_t *range = json_object_get(sigma->history, "range");

	result_set(sigma->result, "changelog",
		   json_pack("{s:s, s:s, s:s, s:I, s:f, s:f}", "grouped_by", names[habit], "from", json_text(range, "from"), "to",
			     json_text(range, "to"), "changes", (json_int_t)shares.all, "conventional_share",
			     shares.all ? (double)shares.conventional / (double)shares.all : 0, "area_share",
			     shares.all ? (double)shares.area / (double)shares.all : 0));
}

int sigma_changes(struct sigma *sigma)
{
	const json_t *log = json_object_get(sigma->history, "log");
	struct shares shares = shares_of(log);
	enum habit habit = habit_of(shares);
	struct change *changes = calloc(shares.all + 1, sizeof(*changes));
	const json_t *commit;
	size_t i, count = 0;
	int rc;

	if (!changes)
		return ERR_MEMORY;
	json_array_foreach (log, i, commit)
		if (is_change(commit)) {
			change_init(&changes[count], commit, habit, count);
			count++;
		}
	if (habit == HABIT_PATHS)
		regroup_paths(changes, count);
	else if (habit == HABIT_AREA)
		rank_by_size(changes, count, true);
	else
		qsort(changes, count, sizeof(*changes), by_group);
	for (size_t first = 0, end; first < count; first = end) {
		end = group_end(changes, count, first);
		group_entity(sigma, changes + first, end - first);
	}
	say_habit(sigma, habit, shares);
	sigma->changes = count;
	rc = count ? attach(sigma, changes, count) : 0;
	free(changes);
	return rc;
}
