/* SPDX-License-Identifier: MIT
 *
 * How large a change is, file by file and line by line, and what in it nobody would see.
 */
#include <stdio.h>
#include <string.h>

#include "actors/workspace_inner.h"
#include "actors/workspace_patch_lines.h"
#include "workspace/merge/hidden_text.h"

#define PATHS_MAX  100000u
#define HIDDEN_MAX 1000u

struct measuring {
	struct job *job;
	json_t *paths, *hidden;
	json_int_t additions, deletions;
	uint64_t hidden_count;

	/* of the file that is being read */
	const char *path;
	struct buffer patch;
	json_t *added; /* [[from, to]…] */
	json_int_t plus, minus;
	size_t run_from, run_to; /* lines that were added one after the other */
	size_t line;
	int rc;
};

static int hidden_add(void *context, size_t column, uint32_t character)
{
	struct measuring *measuring = context;
	char name[16];

	if (++measuring->hidden_count > HIDDEN_MAX)
		return 0;
	snprintf(name, sizeof(name), "U+%04X", character);
	return json_array_append_new(measuring->hidden,
				     json_pack("{s:o, s:I, s:I, s:s}", "path",
					       bytes_text(measuring->path, strlen(measuring->path)), "line",
					       (json_int_t)measuring->line, "column", (json_int_t)column, "character", name))
		       ? ERR_MEMORY
		       : 0;
}

static int run_end(struct measuring *measuring)
{
	json_t *run;

	if (!measuring->run_to)
		return 0;
	run = json_pack("[I, I]", (json_int_t)measuring->run_from, (json_int_t)measuring->run_to);
	measuring->run_to = 0;
	return json_array_append_new(measuring->added, run) ? ERR_MEMORY : 0;
}

static int take_line(void *context, const struct patch_hunk *hunk, const struct patch_line *line)
{
	struct measuring *measuring = context;
	int rc = 0;

	(void)hunk;
	if (line->sign == '-')
		measuring->minus++;
	if (line->sign != '+')
		return 0;
	measuring->plus++;
	if (!measuring->run_to || measuring->run_to + 1 != line->new) {
		rc = run_end(measuring);
		measuring->run_from = line->new;
	}
	measuring->run_to = line->new;
	measuring->line = line->new;
	return rc ? rc : hidden_text_find(line->text, line->new == 1, hidden_add, measuring);
}

/* A name that is new is text that a person reads, too; it stands in line 0. */
static int look_at_name(struct measuring *measuring, const struct diff_entry *entry)
{
	struct bytes name = {.at = (const uint8_t *)entry->new_path, .bytes = (uint32_t)strlen(entry->new_path)};

	measuring->line = 0;
	return entry->status == 'A' || entry->status == 'R' ? hidden_text_find(name, false, hidden_add, measuring) : 0;
}

static int path_add(struct measuring *measuring, const struct diff_entry *entry, bool binary)
{
	char status[2] = {entry->status, '\0'};
	const char *path = entry->status == 'D' ? entry->old_path : entry->new_path;
	json_t *old = entry->status == 'R' ? bytes_text(entry->old_path, strlen(entry->old_path)) : json_null();

	measuring->additions += measuring->plus;
	measuring->deletions += measuring->minus;
	return json_array_append_new(measuring->paths,
				     json_pack("{s:o, s:s, s:o, s:I, s:I, s:b, s:O}", "path", bytes_text(path, strlen(path)),
					       "status", status, "old_path", old, "additions", measuring->plus, "deletions",
					       measuring->minus, "binary", binary, "added", measuring->added))
		       ? ERR_MEMORY
		       : 0;
}

static int measure_file(struct measuring *measuring, const struct diff_entry *entry)
{
	struct patch_reader reader = {.context = measuring, .line = take_line};
	bool binary = false;
	int rc;

	measuring->path = entry->status == 'D' ? entry->old_path : entry->new_path;
	measuring->patch.bytes = 0;
	measuring->plus = measuring->minus = 0;
	measuring->added = json_array();
	rc = look_at_name(measuring, entry);
	if (!rc)
		rc = workspace_patch(measuring->job->agent, entry, 0, &measuring->patch);
	if (!rc)
		rc = patch_read((struct bytes){.at = measuring->patch.at, .bytes = (uint32_t)measuring->patch.bytes}, &reader,
				&binary);
	if (!rc)
		rc = run_end(measuring);
	if (!rc)
		rc = path_add(measuring, entry, binary);
	json_decref(measuring->added);
	return rc;
}

/* What became another kind of thing went away and came anew. */
static int measure_entry(void *context, const struct diff_entry *entry)
{
	struct measuring *measuring = context;

	if (json_array_size(measuring->paths) >= PATHS_MAX)
		measuring->rc = job_fail(measuring->job, ERR_LIMIT, "more than %u files differ", PATHS_MAX);
	else
		measuring->rc = measure_file(measuring, entry);
	return measuring->rc;
}

int look_measure(struct job *job)
{
	struct measuring measuring = {.job = job, .paths = json_array(), .hidden = json_array()};
	struct diff_options options = {.renames = true};
	const struct commit *from = NULL, *to = NULL;
	int rc = workspace_find(job->agent, request_text(job->request, "from"), &from);

	if (!rc)
		rc = workspace_find(job->agent, request_text(job->request, "to"), &to);
	if (!rc)
		rc = workspace_diff(job->agent, commit_tree(from), commit_tree(to), &options, measure_entry, &measuring);
	rc = measuring.rc ? measuring.rc : rc;
	if (!rc)
		job->result =
			json_pack("{s:I, s:I, s:I, s:O, s:O, s:I, s:o}", "files", (json_int_t)json_array_size(measuring.paths),
				  "additions", measuring.additions, "deletions", measuring.deletions, "paths", measuring.paths,
				  "hidden", measuring.hidden, "hidden_count", (json_int_t)measuring.hidden_count, "tree",
				  oid_text(tree_id(commit_tree(to))));
	json_decref(measuring.paths);
	json_decref(measuring.hidden);
	buffer_release(&measuring.patch);
	return rc;
}
