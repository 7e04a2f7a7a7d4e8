/* SPDX-License-Identifier: MIT
 *
 * Verbs that only look: list, refs, log, show, diff; and how ids, times and bytes stand in a reply.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/workspace_inner.h"
#include "clones/result.h"

#define FILES_MEASURED  50000u
#define TEXT_MEASURED   (1u << 20)
#define LOG_COUNT       100u
#define LOG_COUNT_MAX   100000u
#define SHOWN_BYTES_MAX (4u << 20) /* of one text in a reply */
#define FILE_SHOWN_MAX  (16u << 20)
#define CONTEXT_LINES   3u

/* ---- small things ---- */

json_t *oid_text(const struct oid *id)
{
	char hex[OID_HEX_BYTES];

	if (!id)
		return json_null();
	oid_print(id, hex);
	return json_string(hex);
}

json_t *bytes_text(const void *at, size_t bytes)
{
	return text_json(bytes ? at : "", bytes, SHOWN_BYTES_MAX);
}

json_t *time_text(int64_t seconds, int minutes)
{
	char text[64] = "";
	time_t local = (time_t)(seconds + (int64_t)minutes * 60);
	struct tm parts;
	size_t bytes = gmtime_r(&local, &parts) ? strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts) : 0;
	int away = minutes < 0 ? -minutes : minutes;

	if (minutes)
		snprintf(text + bytes, sizeof(text) - bytes, "%c%02d:%02d", minutes < 0 ? '-' : '+', away / 60 % 100, away % 60);
	else
		snprintf(text + bytes, sizeof(text) - bytes, "Z");
	return json_string(text);
}

static int person_parse(struct job *job, const char *text, char room[512], struct workspace_person *person)
{
	const char *open = strchr(text, '<');
	const char *close = open ? strchr(open, '>') : NULL;

	if (!open || open == text || !close || close[1] || strlen(text) >= 512)
		return job_fail(job, ERR_USAGE, "\"%.100s\" is no author; \"NAME <EMAIL>\" is one", text);
	snprintf(room, 512, "%s", text);
	room[close - text] = '\0';
	person->email = room + (open - text) + 1;
	char *end = room + (open - text);
	while (end > room && end[-1] == ' ')
		end--;
	*end = '\0';
	person->name = room;
	return 0;
}

int person_of(struct job *job, const char *text, char room[512], struct workspace_person *out_person)
{
	struct workspace_person person = {.name = "bunshin", .email = "bunshin@localhost", .seconds = (int64_t)time(NULL)};
	int rc = text ? person_parse(job, text, room, &person) : 0;

	if (!rc)
		*out_person = person;
	return rc;
}

/* ---- list ---- */

static int list_row(void *context, const struct depot_row *row)
{
	const struct workspace_figures *figures = &row->figures;
	json_t *json = json_pack("{s:s, s:o, s:b, s:b}", "name", row->name, "path", bytes_text(row->path, strlen(row->path)),
				 "open", row->open, "owes", row->owes);
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {{"memory_bytes", figures->memory_bytes},   {"memory_max_bytes", figures->memory_max_bytes},
		       {"objects", figures->object_count},        {"refs", figures->ref_count},
		       {"journal_bytes", figures->journal_bytes}, {"collections", figures->gc_count}};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		json_object_set_new(json, numbers[i].name, row->open ? json_integer((json_int_t)numbers[i].value) : json_null());
	return json_array_append_new(context, json) ? ERR_MEMORY : 0;
}

void look_list(struct job *job)
{
	json_t *rows = json_array();

	job->rc = depot_each(job->depot, list_row, rows);
	job->result = json_pack("{s:o}", "repositories", rows);
}

/* ---- refs ---- */

static int refs_row(void *context, const char *ref, const struct object *object, uint64_t version)
{
	if (ref_is_hidden(ref))
		return 0;
	return json_array_append_new(context, json_pack("{s:o, s:o, s:I}", "ref", bytes_text(ref, strlen(ref)), "id",
							oid_text(object_id(object)), "version", (json_int_t)version))
		       ? ERR_MEMORY
		       : 0;
}

int look_refs(struct job *job)
{
	const char *prefix = request_text(job->request, "prefix");
	char head[WORKSPACE_REF_MAX + 1] = "";
	json_t *rows = json_array();
	int rc = workspace_refs_each(job->agent, prefix ? prefix : "refs/", refs_row, rows);

	job->result = json_pack("{s:o, s:o}", "head",
				workspace_head_get(job->agent, head) == 0 && *head ? bytes_text(head, strlen(head)) : json_null(),
				"refs", rows);
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* ---- log ---- */

static json_t *commit_json(const struct commit *commit, int *out_rc)
{
	struct commit_text text;
	json_t *parents = json_array();

	*out_rc = commit_read(commit, &text);
	for (size_t i = 0; i < commit_parent_count(commit); i++) {
		const struct commit *parent = commit_parent(commit, i);
		json_array_append_new(parents, oid_text(parent ? commit_id(parent) : NULL));
	}
	if (*out_rc) {
		json_decref(parents);
		return NULL;
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "id", oid_text(commit_id(commit)), "parents", parents, "author",
			 bytes_text(text.author.name, strlen(text.author.name)), "email",
			 bytes_text(text.author.email, strlen(text.author.email)), "at",
			 time_text(text.author.seconds, text.author.minutes), "message",
			 bytes_text(text.message, strlen(text.message)));
}

struct logging {
	json_t *commits;
	uint64_t most;
	bool more;
	int rc;
};

static int log_row(void *context, const struct commit *commit)
{
	struct logging *logging = context;
	json_t *json;

	if (json_array_size(logging->commits) >= logging->most) {
		logging->more = true;
		return 1;
	}
	json = commit_json(commit, &logging->rc);
	if (json && json_array_append_new(logging->commits, json))
		logging->rc = ERR_MEMORY;
	return logging->rc;
}

static int find(struct job *job, const char *member, const struct commit **out_commit)
{
	const char *revision = request_text(job->request, member);

	return workspace_find(job->agent, revision ? revision : "HEAD", out_commit);
}

int look_log(struct job *job)
{
	uint64_t count = request_number(job->request, "count");
	struct logging logging = {.commits = json_array(), .most = count ? count : LOG_COUNT};
	const struct commit *from = NULL, *without = NULL;
	int rc = find(job, "revision", &from);

	if (logging.most > LOG_COUNT_MAX)
		logging.most = LOG_COUNT_MAX;
	if (!rc && request_text(job->request, "without"))
		rc = find(job, "without", &without);
	if (!rc)
		rc = workspace_log(job->agent, from, without, log_row, &logging);
	if (logging.rc || rc > 0)
		rc = logging.rc;
	job->result = json_pack("{s:o, s:b}", "commits", logging.commits, "more", logging.more);
	return rc;
}

/* ---- show ---- */

static int show_commit(struct job *job, const struct commit *commit)
{
	const struct commit *parent = commit_parent_count(commit) ? commit_parent(commit, 0) : NULL;
	struct diff_wish wish = {.patch = true, .context = CONTEXT_LINES};
	json_t *changes = NULL, *patch = NULL;
	int rc = 0;

	job->result = commit_json(commit, &rc);
	if (!rc)
		rc = diff_collect(job, parent ? commit_tree(parent) : NULL, commit_tree(commit), &wish, &changes, &patch);
	if (rc)
		return rc;
	json_object_set_new(job->result, "tree", oid_text(tree_id(commit_tree(commit))));
	json_object_set_new(job->result, "changes", changes);
	json_object_set_new(job->result, "patch", patch);
	return 0;
}

static bool is_text(const struct bytes *data)
{
	json_t *json = data->bytes ? json_stringn((const char *)data->at, data->bytes) : json_string("");
	bool text = json && (!data->bytes || !memchr(data->at, 0, data->bytes));

	json_decref(json);
	return text;
}

static json_t *base64(const struct bytes *data)
{
	size_t room = sodium_base64_ENCODED_LEN(data->bytes, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(room);
	json_t *json =
		text ? json_string(sodium_bin2base64(text, room, data->at, data->bytes, sodium_base64_VARIANT_ORIGINAL)) : NULL;

	free(text);
	return json;
}

static json_t *mode_text(enum file_mode mode)
{
	char text[8];

	snprintf(text, sizeof(text), "%06o", (unsigned)mode);
	return json_string(text);
}

/* What a folder holds, from the files below it: names up to the next slash, each once. */
struct folding {
	json_t *entries;
	size_t prefix_bytes;
	char last[WORKSPACE_PATH_MAX + 1];
};

static int fold(void *context, const struct diff_entry *entry)
{
	struct folding *folding = context;
	const char *name = entry->new_path + folding->prefix_bytes;
	size_t bytes = strcspn(name, "/");
	bool folder = name[bytes] == '/';

	if (bytes == strlen(folding->last) && memcmp(name, folding->last, bytes) == 0)
		return 0;
	snprintf(folding->last, sizeof(folding->last), "%.*s", (int)bytes, name);
	return json_array_append_new(folding->entries, json_pack("{s:o, s:o, s:o}", "name", bytes_text(name, bytes), "mode",
								 mode_text(folder ? MODE_FOLDER : entry->new_mode), "id",
								 folder ? json_null() : oid_text(&entry->new_id)))
		       ? ERR_MEMORY
		       : 0;
}

static int show_folder(struct job *job, const struct tree *tree, const char *path)
{
	struct folding folding = {.entries = json_array(), .prefix_bytes = *path ? strlen(path) + 1 : 0};
	struct diff_options options = {.prefix = *path ? path : NULL};
	int rc = workspace_diff(job->agent, NULL, tree, &options, fold, &folding);

	json_object_set_new(job->result, "entries", folding.entries);
	return rc;
}

static int show_path(struct job *job, const struct commit *commit, const char *path)
{
	struct workspace_file file;
	int rc = workspace_read(job->agent, commit_tree(commit), path, &file);

	if (rc)
		return rc;
	job->result = json_pack("{s:o, s:o, s:o, s:I}", "id", oid_text(&file.id), "path", bytes_text(path, strlen(path)), "mode",
				mode_text(file.mode), "bytes", (json_int_t)file.data.bytes);
	if (file.mode == MODE_FOLDER)
		return show_folder(job, commit_tree(commit), path);
	if (file.mode == MODE_SUBMODULE)
		return 0;
	if (file.data.bytes > FILE_SHOWN_MAX)
		return job_fail(job, ERR_LIMIT,
				"%.200s has %u bytes, and %u can be shown; bunshin workspace checkout brings it whole", path,
				file.data.bytes, FILE_SHOWN_MAX);
	if (is_text(&file.data))
		json_object_set_new(job->result, "text",
				    json_stringn(file.data.bytes ? (const char *)file.data.at : "", file.data.bytes));
	else
		json_object_set_new(job->result, "base64", base64(&file.data));
	return 0;
}

/* ---- size ---- */

struct sizing {
	struct job *job;
	const struct tree *tree;
	uint64_t files, bytes;
};

static int size_one(void *context, const struct diff_entry *entry)
{
	struct sizing *sizing = context;
	struct workspace_file file;

	sizing->files++;
	if (sizing->files <= FILES_MEASURED && workspace_read(sizing->job->agent, sizing->tree, entry->new_path, &file) == 0 &&
	    file.data.bytes <= TEXT_MEASURED)
		sizing->bytes += file.data.bytes;
	return 0;
}

static int show_size(struct job *job, const struct commit *commit)
{
	struct sizing sizing = {.job = job, .tree = commit_tree(commit)};
	int rc = workspace_diff(job->agent, NULL, sizing.tree, &(struct diff_options){.prefix = NULL}, size_one, &sizing);

	if (rc)
		return rc;
	if (sizing.files > FILES_MEASURED) /* the others are taken to be as large */
		sizing.bytes = sizing.bytes / FILES_MEASURED * sizing.files;
	job->result = json_pack("{s:o, s:I, s:I}", "id", oid_text(commit_id(commit)), "files", (json_int_t)sizing.files, "bytes",
				(json_int_t)sizing.bytes);
	return 0;
}

int look_show(struct job *job)
{
	const char *path = request_text(job->request, "path");
	const struct commit *commit = NULL;
	int rc = find(job, "revision", &commit);

	if (rc)
		return rc;
	if (request_flag(job->request, "size"))
		return show_size(job, commit);
	return path ? show_path(job, commit, path) : show_commit(job, commit);
}

/* ---- diff ---- */

int look_diff(struct job *job)
{
	const json_t *context = json_object_get(job->request, "context");
	struct diff_wish wish = {.prefix = request_text(job->request, "path"),
				 .patch = request_flag(job->request, "patch"),
				 .context = context ? (unsigned)json_integer_value(context) : CONTEXT_LINES};
	const struct commit *from = NULL, *to = NULL;
	json_t *changes = NULL, *patch = NULL;
	int rc = find(job, "from", &from);

	if (!rc)
		rc = find(job, "to", &to);
	if (!rc)
		rc = diff_collect(job, commit_tree(from), commit_tree(to), &wish, &changes, &patch);
	if (!rc)
		job->result = json_pack("{s:o, s:o, s:o, s:o}", "from", oid_text(commit_id(from)), "to", oid_text(commit_id(to)),
					"changes", changes, "patch", patch ? patch : json_null());
	return rc;
}
