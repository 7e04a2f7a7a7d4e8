/* SPDX-License-Identifier: MIT
 *
 * What differs between two trees, as a list and as lines.
 */
#include <string.h>

#include "actors/workspace_inner.h"
#include "clones/result.h"

#define CHANGES_MAX     100000u
#define PATCH_BYTES_MAX (24u << 20)

struct differing {
	struct job *job;
	const struct diff_wish *wish;
	json_t *changes;
	struct buffer patch;
	int rc;
};

static json_t *path_text(const char *path)
{
	return path ? bytes_text(path, strlen(path)) : json_null();
}

static json_t *mode_number(enum file_mode mode)
{
	return mode == MODE_NONE ? json_null() : json_sprintf("%06o", (unsigned)mode);
}

static json_t *entry_json(const struct diff_entry *entry)
{
	char status[2] = {entry->status, '\0'};
	bool added = entry->status == 'A', deleted = entry->status == 'D';

	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "status", status, "similarity",
			 entry->status == 'R' ? json_integer(entry->similarity) : json_null(), "old_path",
			 added ? json_null() : path_text(entry->old_path), "new_path",
			 deleted ? json_null() : path_text(entry->new_path), "old_mode", mode_number(entry->old_mode), "new_mode",
			 mode_number(entry->new_mode), "old", added ? json_null() : oid_text(&entry->old_id), "new",
			 deleted ? json_null() : oid_text(&entry->new_id));
}

static int take_entry(void *context, const struct diff_entry *entry)
{
	struct differing *differing = context;

	if (json_array_size(differing->changes) >= CHANGES_MAX)
		differing->rc = job_fail(differing->job, ERR_LIMIT, "more than %u files differ; name a path below which to look",
					 CHANGES_MAX);
	else if (json_array_append_new(differing->changes, entry_json(entry)))
		differing->rc = ERR_MEMORY;
	if (!differing->rc && differing->wish->patch && differing->patch.bytes < PATCH_BYTES_MAX)
		differing->rc = workspace_patch(differing->job->agent, entry, differing->wish->context, &differing->patch);
	return differing->rc;
}

/* Lines of files are no UTF-8 in general; what is none is shown with signs in its place. */
static json_t *patch_json(const struct buffer *patch)
{
	json_t *whole = patch->bytes ? json_stringn((const char *)patch->at, patch->bytes) : json_string("");

	return whole ? whole : text_json((const char *)patch->at, patch->bytes, 4 * (size_t)PATCH_BYTES_MAX);
}

int diff_collect(struct job *job, const struct tree *from, const struct tree *to, const struct diff_wish *wish,
		 json_t **out_changes, json_t **out_patch)
{
	struct differing differing = {.job = job, .wish = wish, .changes = json_array()};
	struct diff_options options = {.renames = true, .prefix = wish->prefix};
	int rc = workspace_diff(job->agent, from, to, &options, take_entry, &differing);

	rc = differing.rc ? differing.rc : rc;
	if (!rc && differing.patch.bytes >= PATCH_BYTES_MAX)
		rc = job_fail(job, ERR_LIMIT, "the differences are more than %u MiB of text; name a path below which to look",
			      PATCH_BYTES_MAX >> 20);
	if (!rc) {
		*out_changes = json_incref(differing.changes);
		*out_patch = wish->patch ? patch_json(&differing.patch) : NULL;
	}
	json_decref(differing.changes);
	buffer_release(&differing.patch);
	return rc;
}
