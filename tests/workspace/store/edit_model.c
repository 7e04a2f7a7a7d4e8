/* SPDX-License-Identifier: MIT */
#include "tests/workspace/store/edit_model.h"

#include <assert.h>
#include <git2/sys/mempack.h>
#include <stdlib.h>
#include <string.h>

git_repository *model_repository(void)
{
	git_odb *odb;
	git_repository *repository;

	git_libgit2_init();
	/* It is only asked for ids: what a tree names needs not be there. */
	git_libgit2_opts(GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 0);
	git_odb_backend *memory;
	if (git_odb_new(&odb) || git_mempack_new(&memory) || git_odb_add_backend(odb, memory, 1) ||
	    git_repository_wrap_odb(&repository, odb))
		abort();
	git_odb_free(odb);
	return repository;
}

/* Whether `path` is `folder`, or below it. */
static bool is_below(const char *path, const char *folder)
{
	size_t bytes = strlen(folder);
	return !strncmp(path, folder, bytes) && (path[bytes] == 0 || path[bytes] == '/');
}

bool model_has(const struct model *model, const char *path)
{
	for (size_t i = 0; i < model->count; i++) {
		if (is_below(model->files[i].path, path))
			return true;
	}
	return false;
}

/* Files at or below the path; and with `above` also a file where the path has a folder. */
static void take_away(struct model *model, const char *path, bool above)
{
	size_t kept = 0;

	for (size_t i = 0; i < model->count; i++) {
		const char *file = model->files[i].path;
		if (!is_below(file, path) && !(above && is_below(path, file)))
			model->files[kept++] = model->files[i];
	}
	model->count = kept;
}

static bool contradicts(const struct workspace_edit *edits, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < count; j++) {
			bool both = edits[i].mode != MODE_NONE && edits[j].mode != MODE_NONE;
			if (i != j && (!strcmp(edits[i].path, edits[j].path) || (both && is_below(edits[j].path, edits[i].path))))
				return true;
		}
	}
	return false;
}

static bool misses(const struct model *model, const struct workspace_edit *edits, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (edits[i].mode == MODE_NONE && !model_has(model, edits[i].path))
			return true;
	}
	return false;
}

static void add(struct model *model, const struct workspace_edit *edit)
{
	struct model_file *file = &model->files[model->count++];

	assert(model->count <= MODEL_FILES_MAX && strlen(edit->path) < MODEL_PATH_MAX);
	strcpy(file->path, edit->path);
	file->mode = edit->mode;
	if (edit->id)
		memcpy(file->id.id, edit->id->bytes, OID_BYTES);
	else if (git_odb_hash(&file->id, edit->data.at, edit->data.bytes, GIT_OBJECT_BLOB))
		abort();
}

unsigned model_edit(struct model *model, const struct workspace_edit *edits, size_t count)
{
	unsigned faults = (contradicts(edits, count) ? MODEL_MALFORMED : 0) | (misses(model, edits, count) ? MODEL_NOT_FOUND : 0);

	if (faults)
		return faults;
	for (size_t i = 0; i < count; i++) {
		if (edits[i].mode == MODE_NONE)
			take_away(model, edits[i].path, false);
	}
	for (size_t i = 0; i < count; i++) {
		if (edits[i].mode == MODE_NONE)
			continue;
		take_away(model, edits[i].path, true);
		add(model, &edits[i]);
	}
	return 0;
}

void model_tree(const struct model *model, git_repository *repository, struct oid *out_id)
{
	git_index *index;
	git_oid id;

	if (git_index_new(&index))
		abort();
	for (size_t i = 0; i < model->count; i++) {
		git_index_entry entry = {.mode = model->files[i].mode, .id = model->files[i].id, .path = model->files[i].path};
		if (git_index_add(index, &entry))
			abort();
	}
	if (git_index_write_tree_to(&id, index, repository))
		abort();
	git_index_free(index);
	memcpy(out_id->bytes, id.id, OID_BYTES);
}
