/* SPDX-License-Identifier: MIT
 *
 * What would conflict if several commits were merged into one, and with each other. Each merge is made in memory and forgotten.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/workspace_inner.h"

#define RADAR_REFS_MAX  16u
#define RADAR_PATHS_MAX 200u /* of one pair */

struct radar_ref {
	char name[REF_TEXT_BYTES];
	const struct commit *commit;
};

struct radar {
	struct job *job;
	const struct commit *onto;
	struct radar_ref refs[RADAR_REFS_MAX];
	size_t count;
	int rc;
};

/* ---- which ---- */

static int radar_add(struct radar *radar, const char *name)
{
	struct radar_ref *ref = &radar->refs[radar->count];

	if (radar->count == RADAR_REFS_MAX)
		return job_fail(radar->job, ERR_LIMIT, "more than %u refs; name those that matter", RADAR_REFS_MAX);
	if (strlen(name) >= sizeof(ref->name))
		return job_fail(radar->job, ERR_USAGE, "the name of a ref is too long");
	memcpy(ref->name, name, strlen(name) + 1);
	radar->count++;
	return workspace_find(radar->job->agent, name, &ref->commit);
}

static int radar_seen(void *context, const char *ref, const struct object *object, uint64_t version)
{
	struct radar *radar = context;

	(void)object;
	(void)version;
	radar->rc = ref_is_hidden(ref) ? 0 : radar_add(radar, ref);
	return radar->rc;
}

static int radar_take(struct radar *radar)
{
	const json_t *refs = json_object_get(radar->job->request, "refs"), *ref;
	const char *prefix = request_text(radar->job->request, "prefix");
	size_t i;
	int rc = 0;

	if (!refs == !prefix)
		return job_fail(radar->job, ERR_USAGE, "radar: either refs or prefix says which commits are meant");
	json_array_foreach (refs, i, ref)
		if (!rc)
			rc = radar_add(radar, json_string_value(ref));
	if (prefix) {
		rc = workspace_refs_each(radar->job->agent, prefix, radar_seen, radar);
		rc = radar->rc ? radar->rc : rc == ERR_NOT_FOUND ? 0 : rc;
	}
	return rc;
}

/* ---- what would come of it ---- */

static json_t *conflict_json(const struct merge_conflict *conflict, bool places)
{
	json_t *path = bytes_text(conflict->path, strlen(conflict->path));

	if (!places)
		return path;
	return json_pack("{s:o, s:I}", "path", path, "places", (json_int_t)(conflict->place_count ? conflict->place_count : 1));
}

static int radar_merge(struct radar *radar, const struct commit *ours, const struct commit *theirs, bool places,
		       json_t **out_conflicts)
{
	struct merge_options options = {.only_look = true};
	struct merge_result result = {.tree = NULL};
	json_t *list = json_array();
	int rc = ours == theirs ? 0 : workspace_merge(radar->job->agent, ours, theirs, &options, &result);

	for (size_t i = 0; !rc && i < result.conflict_count && i < RADAR_PATHS_MAX; i++)
		json_array_append_new(list, conflict_json(&result.conflicts[i], places));
	merge_result_release(&result);
	*out_conflicts = list;
	return rc;
}

static int count_entry(void *context, const struct diff_entry *entry)
{
	(void)entry;
	++*(json_int_t *)context;
	return 0;
}

/* Files that it changes, since it left the others. */
static int radar_files(struct radar *radar, const struct commit *commit, json_int_t *out_files)
{
	const struct commit *base = NULL;
	size_t count = 0;
	int rc = workspace_merge_bases(radar->job->agent, radar->onto, commit, &base, 1, &count);

	if (!rc)
		rc = workspace_diff(radar->job->agent, count ? commit_tree(base) : NULL, commit_tree(commit), NULL, count_entry,
				    out_files);
	return rc;
}

static int radar_row(struct radar *radar, const struct radar_ref *ref, json_t *rows)
{
	json_t *conflicts = NULL;
	json_int_t files = 0;
	int rc = radar_files(radar, ref->commit, &files);

	if (!rc)
		rc = radar_merge(radar, radar->onto, ref->commit, false, &conflicts);
	if (!rc)
		json_array_append_new(rows,
				      json_pack("{s:o, s:o, s:I, s:O}", "ref", bytes_text(ref->name, strlen(ref->name)), "commit",
						oid_text(commit_id(ref->commit)), "files", files, "onto_conflicts", conflicts));
	json_decref(conflicts);
	return rc;
}

static int radar_pair(struct radar *radar, const struct radar_ref *a, const struct radar_ref *b, json_t *pairs)
{
	json_t *conflicts = NULL;
	int rc = radar_merge(radar, a->commit, b->commit, true, &conflicts);

	if (!rc)
		json_array_append_new(pairs, json_pack("{s:o, s:o, s:O}", "a", bytes_text(a->name, strlen(a->name)), "b",
						       bytes_text(b->name, strlen(b->name)), "conflicts", conflicts));
	json_decref(conflicts);
	return rc;
}

static int radar_work(struct radar *radar)
{
	json_t *rows = json_array(), *pairs = json_array();
	int rc = workspace_find(radar->job->agent, request_text(radar->job->request, "onto"), &radar->onto);

	if (!rc)
		rc = radar_take(radar);
	for (size_t i = 0; i < radar->count && !rc; i++)
		rc = radar_row(radar, &radar->refs[i], rows);
	for (size_t i = 0; i < radar->count && !rc; i++)
		for (size_t k = i + 1; k < radar->count && !rc; k++)
			rc = radar_pair(radar, &radar->refs[i], &radar->refs[k], pairs);
	if (!rc)
		radar->job->result = json_pack("{s:O, s:O}", "refs", rows, "pairs", pairs);
	json_decref(rows);
	json_decref(pairs);
	return rc;
}

int look_radar(struct job *job)
{
	struct radar *radar = calloc(1, sizeof(*radar));
	int rc = ERR_MEMORY;

	if (radar) {
		radar->job = job;
		rc = radar_work(radar);
	}
	free(radar);
	return rc;
}
