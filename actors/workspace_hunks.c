/* SPDX-License-Identifier: MIT
 *
 * What differs between two commits in pieces that can be picked: the hunks that git diff shows, numbered in each file from 1.
 */
#include <string.h>

#include "actors/workspace_inner.h"
#include "actors/workspace_patch_lines.h"

#define FILES_MAX       10000u
#define HUNKS_BYTES_MAX (24u << 20)

struct hunking {
	struct job *job;
	json_t *files;
	struct buffer patch;
	size_t bytes; /* of lines so far */
	json_t *hunks, *lines;
	json_int_t additions, deletions;
	int rc;
};

static int hunk_end(struct hunking *hunking)
{
	json_t *last = json_array_get(hunking->hunks, json_array_size(hunking->hunks) - 1);

	if (!hunking->lines)
		return 0;
	json_object_set_new(last, "lines", hunking->lines);
	json_object_set_new(last, "additions", json_integer(hunking->additions));
	json_object_set_new(last, "deletions", json_integer(hunking->deletions));
	hunking->lines = NULL;
	return 0;
}

static int hunk_begin(void *context, const struct patch_hunk *hunk)
{
	struct hunking *hunking = context;

	hunk_end(hunking);
	hunking->lines = json_array();
	hunking->additions = hunking->deletions = 0;
	return json_array_append_new(hunking->hunks,
				     json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "number", (json_int_t)hunk->number, "old_from",
					       (json_int_t)hunk->old_from, "old_count", (json_int_t)hunk->old_count, "new_from",
					       (json_int_t)hunk->new_from, "new_count", (json_int_t)hunk->new_count, "header",
					       bytes_text(hunk->header.at, hunk->header.bytes)))
		       ? ERR_MEMORY
		       : 0;
}

/* The sign is part of the line, its end is not. */
static int hunk_line(void *context, const struct patch_hunk *hunk, const struct patch_line *line)
{
	struct hunking *hunking = context;
	size_t bytes = line->text.bytes;

	(void)hunk;
	bytes -= bytes && line->text.at[bytes - 1] == '\n';
	hunking->additions += line->sign == '+';
	hunking->deletions += line->sign == '-';
	hunking->bytes += bytes;
	if (hunking->bytes > HUNKS_BYTES_MAX)
		return job_fail(hunking->job, ERR_LIMIT,
				"the hunks have more than %u MiB of text; name a path below which to look",
				HUNKS_BYTES_MAX >> 20);
	return json_array_append_new(hunking->lines, bytes_text(line->text.at - 1, bytes + 1)) ? ERR_MEMORY : 0;
}

static int hunk_file(struct hunking *hunking, const struct diff_entry *entry)
{
	struct patch_reader reader = {.context = hunking, .hunk = hunk_begin, .line = hunk_line};
	const char *path = entry->status == 'D' ? entry->old_path : entry->new_path;
	char status[2] = {entry->status, '\0'};
	bool binary = false;
	int rc;

	hunking->patch.bytes = 0;
	hunking->hunks = json_array();
	rc = workspace_patch(hunking->job->agent, entry, HUNK_CONTEXT, &hunking->patch);
	if (!rc)
		rc = patch_read((struct bytes){.at = hunking->patch.at, .bytes = (uint32_t)hunking->patch.bytes}, &reader,
				&binary);
	hunk_end(hunking);
	if (!rc)
		json_array_append_new(hunking->files, json_pack("{s:o, s:s, s:b, s:O}", "path", bytes_text(path, strlen(path)),
								"status", status, "binary", binary, "hunks", hunking->hunks));
	json_decref(hunking->hunks);
	return rc;
}

static int hunk_entry(void *context, const struct diff_entry *entry)
{
	struct hunking *hunking = context;

	if (json_array_size(hunking->files) >= FILES_MAX)
		hunking->rc = job_fail(hunking->job, ERR_LIMIT, "more than %u files differ; name a path below which to look",
				       FILES_MAX);
	else
		hunking->rc = hunk_file(hunking, entry);
	return hunking->rc;
}

int look_hunks(struct job *job)
{
	struct hunking hunking = {.job = job, .files = json_array()};
	struct diff_options options = {.prefix = request_text(job->request, "path")};
	const struct commit *from = NULL, *to = NULL;
	int rc = workspace_find(job->agent, request_text(job->request, "from"), &from);

	if (!rc)
		rc = workspace_find(job->agent, request_text(job->request, "to"), &to);
	if (!rc)
		rc = workspace_diff(job->agent, commit_tree(from), commit_tree(to), &options, hunk_entry, &hunking);
	rc = hunking.rc ? hunking.rc : rc;
	if (!rc)
		job->result = json_pack("{s:O}", "files", hunking.files);
	json_decref(hunking.files);
	buffer_release(&hunking.patch);
	return rc;
}
