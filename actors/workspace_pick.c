/* SPDX-License-Identifier: MIT
 *
 * A commit made of hunks and files of several others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/workspace_inner.h"
#include "actors/workspace_patch_lines.h"
#include "actors/workspace_pick_text.h"

#define PICKS_MAX 1000u

struct pick {
	const char *from, *path;
	const json_t *hunks; /* NULL: the whole file */
	const struct commit *commit;
	bool is_there; /* the file differs */
	char status;   /* of what differs */
	enum file_mode old_mode, new_mode;
	struct oid old_id, new_id;
	size_t next; /* the next one of this path, plus 1 */
	bool taken;  /* it is not the first of its path */
};

struct picking {
	struct job *job;
	char to[REF_TEXT_BYTES];
	char sentence[96];
	char person_room[512];
	const struct commit *base;
	struct pick *picks;
	size_t count;
	struct workspace_edit *edits;
	struct buffer *texts; /* of the edits */
	size_t edit_count;
	struct workspace_change change;
	const struct commit *commit;
	json_t *provenance;
};

/* ---- what is asked for ---- */

static int pick_read(struct picking *picking, const json_t *said, struct pick *pick)
{
	const char *name;
	const json_t *value, *hunk;
	size_t i;

	json_object_foreach ((json_t *)(uintptr_t)said, name, value) {
		if (strcmp(name, "from") != 0 && strcmp(name, "path") != 0 && strcmp(name, "hunks") != 0)
			return job_fail(picking->job, ERR_USAGE, "pick: a pick has from, path and hunks, and not %.40s", name);
	}
	pick->from = json_string_value(json_object_get(said, "from"));
	pick->path = json_string_value(json_object_get(said, "path"));
	pick->hunks = json_object_get(said, "hunks");
	if (!pick->from || !pick->path)
		return job_fail(picking->job, ERR_USAGE, "pick: each pick needs from, a commit, and path");
	if (pick->hunks && (!json_is_array(pick->hunks) || !json_array_size(pick->hunks)))
		return job_fail(picking->job, ERR_USAGE, "pick: hunks of %.200s has to be numbers from 1", pick->path);
	json_array_foreach (pick->hunks, i, hunk)
		if (!json_is_integer(hunk) || json_integer_value(hunk) < 1 || json_integer_value(hunk) > INT32_MAX)
			return job_fail(picking->job, ERR_USAGE, "pick: hunks of %.200s has to be numbers from 1", pick->path);
	return workspace_find(picking->job->agent, pick->from, &pick->commit);
}

static int picks_read(struct picking *picking)
{
	const json_t *list = json_object_get(picking->job->request, "picks"), *said;
	int rc = 0;
	size_t i;

	if (!json_array_size(list) || json_array_size(list) > PICKS_MAX)
		return job_fail(picking->job, ERR_USAGE, "pick: %zu picks; 1 to %u are accepted", json_array_size(list),
				PICKS_MAX);
	picking->picks = calloc(json_array_size(list), sizeof(*picking->picks));
	picking->edits = calloc(json_array_size(list), sizeof(*picking->edits));
	picking->texts = calloc(json_array_size(list), sizeof(*picking->texts));
	if (!picking->picks || !picking->edits || !picking->texts)
		return ERR_MEMORY;
	json_array_foreach (list, i, said) {
		if (!rc)
			rc = pick_read(picking, said, &picking->picks[i]);
		picking->count++;
	}
	return rc;
}

static int note_entry(void *context, const struct diff_entry *entry)
{
	struct pick *pick = context;

	if (strcmp(entry->new_path, pick->path) != 0)
		return 0;
	pick->is_there = true;
	pick->status = entry->status;
	pick->old_mode = entry->old_mode;
	pick->new_mode = entry->new_mode;
	pick->old_id = entry->old_id;
	pick->new_id = entry->new_id;
	return 0;
}

static int picks_look(struct picking *picking)
{
	for (size_t i = 0; i < picking->count; i++) {
		struct pick *pick = &picking->picks[i];
		struct diff_options options = {.prefix = pick->path};
		int rc = workspace_diff(picking->job->agent, commit_tree(picking->base), commit_tree(pick->commit), &options,
					note_entry, pick);
		if (rc && rc != ERR_NOT_FOUND)
			return rc;
		if (!pick->is_there)
			return job_fail(picking->job, ERR_NOT_FOUND, "%.60s does not change the file %.200s", pick->from,
					pick->path);
		for (size_t k = i; k-- > 0 && !pick->taken;)
			if (strcmp(picking->picks[k].path, pick->path) == 0) {
				picking->picks[k].next = i + 1;
				pick->taken = true;
			}
	}
	return 0;
}

/* ---- two that do not go together ---- */

static json_t *clash_side(const struct pick *pick, unsigned hunk)
{
	return json_pack("{s:o, s:o}", "from", bytes_text(pick->from, strlen(pick->from)), "hunk",
			 hunk ? json_integer(hunk) : json_null());
}

static int pick_clash(struct picking *picking, const struct pick *a, unsigned a_hunk, const struct pick *b, unsigned b_hunk)
{
	char a_name[32] = "the whole file", b_name[32] = "the whole file";

	if (a_hunk)
		snprintf(a_name, sizeof(a_name), "hunk %u", a_hunk);
	if (b_hunk)
		snprintf(b_name, sizeof(b_name), "hunk %u", b_hunk);
	picking->job->more =
		json_pack("{s:i, s:[{s:o, s:[o, o]}]}", "conflict_count", 1, "conflicts", "path",
			  bytes_text(a->path, strlen(a->path)), "picks", clash_side(a, a_hunk), clash_side(b, b_hunk));
	return job_fail(picking->job, ERR_CONFLICT,
			"%.150s: %s of %.60s and %s of %.60s change the same lines; nothing has changed", a->path, a_name,
			a->from, b_name, b->from);
}

/* ---- one file ---- */

static bool is_whole(const struct pick *pick)
{
	return !pick->hunks || pick->status != 'M';
}

static int provenance_add(struct picking *picking, const struct pick *pick, const struct picked_change *change)
{
	static const struct picked_change none;

	if (!change)
		change = &none;
	return json_array_append_new(picking->provenance,
				     json_pack("{s:o, s:o, s:o, s:I, s:I, s:I, s:I}", "path",
					       bytes_text(pick->path, strlen(pick->path)), "hunk",
					       change->hunk ? json_integer(change->hunk) : json_null(), "from",
					       bytes_text(pick->from, strlen(pick->from)), "old_from",
					       (json_int_t)(change->old_line + (change->old_lines > 0)), "old_count",
					       (json_int_t)change->old_lines, "new_from",
					       (json_int_t)(change->new_line + (change->new_lines > 0)), "new_count",
					       (json_int_t)change->new_lines))
		       ? ERR_MEMORY
		       : 0;
}

/* What is new or gone is as whole as its one hunk. */
static int check_whole_hunks(struct picking *picking, const struct pick *pick)
{
	const json_t *hunk;
	size_t i;

	json_array_foreach (pick->hunks, i, hunk)
		if (json_integer_value(hunk) != 1)
			return job_fail(picking->job, ERR_NOT_FOUND, "%.60s has no hunk %d of %.200s", pick->from,
					(int)json_integer_value(hunk), pick->path);
	return 0;
}

static int pick_whole(struct picking *picking, const struct pick *pick)
{
	struct workspace_edit *edit = &picking->edits[picking->edit_count];
	int rc = check_whole_hunks(picking, pick);

	for (const struct pick *at = pick; at->next && !rc;) {
		at = &picking->picks[at->next - 1];
		if (!is_whole(at) || at->new_mode != pick->new_mode ||
		    memcmp(&at->new_id, &pick->new_id, sizeof(at->new_id)) != 0)
			rc = pick_clash(picking, pick, 0, at,
					is_whole(at) ? 0 : (unsigned)json_integer_value(json_array_get(at->hunks, 0)));
	}
	if (rc)
		return rc;
	*edit = (struct workspace_edit){.path = pick->path, .mode = pick->new_mode};
	if (pick->status == 'D')
		edit->mode = MODE_NONE;
	else
		edit->id = &pick->new_id;
	picking->edit_count++;
	return provenance_add(picking, pick, NULL);
}

static int changes_take(struct picking *picking, const struct pick *pick, struct picked_changes *changes)
{
	struct diff_entry entry = {.status = 'M',
				   .old_path = pick->path,
				   .new_path = pick->path,
				   .old_mode = pick->old_mode,
				   .new_mode = pick->new_mode,
				   .old_id = pick->old_id,
				   .new_id = pick->new_id};
	size_t count = json_array_size(pick->hunks);
	unsigned *hunks = calloc(count, sizeof(*hunks)), missing = 0;
	struct buffer patch = {0};
	int rc = hunks ? workspace_patch(picking->job->agent, &entry, HUNK_CONTEXT, &patch) : ERR_MEMORY;

	for (size_t i = 0; hunks && i < count; i++)
		hunks[i] = (unsigned)json_integer_value(json_array_get(pick->hunks, i));
	if (!rc)
		rc = picked_changes_add(changes, (size_t)(pick - picking->picks),
					(struct bytes){.at = patch.at, .bytes = (uint32_t)patch.bytes}, hunks, count, &missing);
	if (!rc && missing)
		rc = job_fail(picking->job, ERR_NOT_FOUND, "%.60s has no hunk %u of %.200s", pick->from, missing, pick->path);
	buffer_release(&patch);
	free(hunks);
	return rc;
}

static int changes_put(struct picking *picking, const struct pick *pick, struct picked_changes *changes)
{
	struct workspace_edit *edit = &picking->edits[picking->edit_count];
	struct buffer *text = &picking->texts[picking->edit_count];
	struct workspace_file file;
	int rc = workspace_read(picking->job->agent, commit_tree(picking->base), pick->path, &file);

	if (!rc)
		rc = picked_changes_apply(changes, file.data, text);
	if (rc)
		return rc;
	*edit = (struct workspace_edit){
		.path = pick->path, .mode = file.mode, .data = {.at = text->at, .bytes = (uint32_t)text->bytes}};
	picking->edit_count++;
	for (size_t i = 0; i < changes->count && !rc; i++)
		rc = provenance_add(picking, &picking->picks[changes->at[i].pick], &changes->at[i]);
	return rc;
}

static int pick_hunks(struct picking *picking, const struct pick *first)
{
	const struct picked_change *clash[2];
	struct picked_changes changes = {0};
	int rc = 0;

	for (const struct pick *pick = first; pick && !rc; pick = pick->next ? &picking->picks[pick->next - 1] : NULL)
		rc = is_whole(pick)
			     ? pick_clash(picking, pick, 0, first, (unsigned)json_integer_value(json_array_get(first->hunks, 0)))
			     : changes_take(picking, pick, &changes);
	if (!rc)
		rc = picked_changes_settle(&changes, clash);
	if (rc == ERR_CONFLICT && !picking->job->more)
		rc = pick_clash(picking, &picking->picks[clash[0]->pick], clash[0]->hunk, &picking->picks[clash[1]->pick],
				clash[1]->hunk);
	if (!rc)
		rc = changes_put(picking, first, &changes);
	picked_changes_release(&changes);
	return rc;
}

/* ---- all of it ---- */

static int pick_prepare(struct picking *picking)
{
	struct job *job = picking->job;
	const char *message = request_text(job->request, "message");
	int rc;

	full_ref(request_text(job->request, "to"), picking->to);
	rc = ref_check(job, picking->to);
	if (!rc && ref_is_live(picking->to))
		rc = job_fail(job, ERR_USAGE, "%.200s is for what running attempts are at", picking->to);
	if (!rc)
		rc = workspace_find(job->agent, request_text(job->request, "base"), &picking->base);
	if (!rc)
		rc = picks_read(picking);
	if (!rc)
		rc = picks_look(picking);
	if (!rc)
		rc = person_of(job, request_text(job->request, "author"), picking->person_room, &picking->change.author);
	picking->change.committer = picking->change.author;
	picking->change.message = message ? message : "Picked changes";
	snprintf(picking->sentence, sizeof(picking->sentence), "picked %zu piece%s", picking->count,
		 picking->count == 1 ? "" : "s");
	return rc;
}

static int pick_commit(struct picking *picking)
{
	struct workspace_agent *agent = picking->job->agent;
	const struct tree *tree = NULL;
	int rc = 0;

	for (size_t i = 0; i < picking->count && !rc; i++)
		if (!picking->picks[i].taken)
			rc = is_whole(&picking->picks[i]) ? pick_whole(picking, &picking->picks[i])
							  : pick_hunks(picking, &picking->picks[i]);
	if (!rc)
		rc = workspace_tree_edit(agent, commit_tree(picking->base), picking->edits, picking->edit_count, &tree);
	return rc ? rc : workspace_commit_make(agent, tree, &picking->base, 1, &picking->change, &picking->commit);
}

static int pick_update(struct picking *picking, const struct ref_place *before)
{
	struct job *job = picking->job;
	const struct commit *old = NULL;
	struct ref_update update = {.ref = picking->to};
	int rc = pick_commit(picking);

	if (!rc)
		rc = ref_replaceable(job, picking->to, before);
	if (!rc && before->there)
		rc = workspace_commit_by_id(job->agent, &before->id, &old);
	update.from = (const struct object *)old;
	update.to = (const struct object *)picking->commit;
	return rc ? rc : workspace_refs_update(job->agent, &update, 1);
}

static int pick_work(struct job *job, struct picking *picking)
{
	struct ref_step step = {.ref = picking->to, .cause = "pick", .sentence = picking->sentence};
	int rc = pick_prepare(picking);

	if (!rc)
		rc = task_of(job, &step.task);
	if (!rc)
		rc = ref_begin(job, &step);
	if (rc)
		return rc;
	rc = ref_end(job, &step, job_failed(job, pick_update(picking, &step.before)), NULL);
	if (!rc)
		job->result = json_pack("{s:o, s:o, s:o, s:O}", "ref", bytes_text(picking->to, strlen(picking->to)), "new",
					oid_text(commit_id(picking->commit)), "tree",
					oid_text(tree_id(commit_tree(picking->commit))), "provenance", picking->provenance);
	return rc;
}

int change_pick(struct job *job)
{
	struct picking picking = {.job = job, .provenance = json_array()};
	int rc = pick_work(job, &picking);

	for (size_t i = 0; i < picking.count; i++)
		buffer_release(&picking.texts[i]);
	free(picking.picks);
	free(picking.edits);
	free(picking.texts);
	json_decref(picking.provenance);
	return rc;
}
