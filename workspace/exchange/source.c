/* SPDX-License-Identifier: MIT */
#include "workspace/exchange/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "workspace/store/agent.h"

int oid_order(const void *left, const void *right)
{
	return memcmp(left, right, OID_BYTES);
}

/* ---- shallow ---- */

static int shallow_lines(struct workspace_agent *agent, const char *path, FILE *file, struct buffer *ids)
{
	char line[128];
	unsigned number = 0;
	while (fgets(line, sizeof(line), file)) {
		struct oid id;
		number++;
		line[strcspn(line, "\r\n")] = 0;
		if (oid_parse(line, &id))
			return agent_fail(agent, ERR_CORRUPT, "%s:%u: \"%.60s\" is no id; each line has the 40 digits of one",
					  path, number, line);
		int rc = buffer_append(ids, &id, sizeof(id));
		if (rc)
			return agent_fail(agent, rc, "no memory for the list in %s", path);
	}
	return ferror(file) ? agent_fail(agent, ERR_IO, "%s cannot be read", path) : 0;
}

int shallow_read(struct workspace_agent *agent, const char *git_folder, struct oid **out_ids, size_t *out_count)
{
	char path[4200];
	struct buffer ids = {0};
	if ((size_t)snprintf(path, sizeof(path), "%s/shallow", git_folder) >= sizeof(path))
		return agent_fail(agent, ERR_IO, "the path of the repository is too long: %.100s…", git_folder);
	FILE *file = fopen(path, "re");
	if (!file && errno != ENOENT)
		return agent_fail(agent, ERR_IO, "%s cannot be read: %s", path, strerror(errno));
	int rc = file ? shallow_lines(agent, path, file, &ids) : 0;
	if (file)
		fclose(file);
	if (rc) {
		buffer_release(&ids);
		return rc;
	}
	*out_count = ids.bytes / OID_BYTES;
	*out_ids = (struct oid *)(void *)ids.at;
	if (*out_count > 1)
		qsort(*out_ids, *out_count, OID_BYTES, oid_order);
	return 0;
}

/* ---- opening ---- */

static bool says(const char *word)
{
	return strstr(libgit2_reason(), word) != NULL;
}

int repository_open(struct workspace_agent *agent, const char *path, git_repository **out_repository)
{
	int rc = libgit2_start();
	if (rc)
		return agent_fail(agent, rc, "libgit2 cannot be started");
	int error = git_repository_open_ext(out_repository, path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);
	if (!error)
		return 0;
	if (error == GIT_ENOTFOUND)
		return agent_fail(agent, ERR_NOT_FOUND, "%s holds no git repository: neither itself nor a .git in it", path);
	if (says("objectformat"))
		return agent_fail(agent, ERR_NEWER,
				  "%s keeps its objects under ids that are not SHA-1 (extensions.objectformat); only SHA-1 "
				  "repositories are read and "
				  "written",
				  path);
	if (says("extension") || says("version"))
		return agent_fail(agent, ERR_NEWER, "%s is kept in a way that is not known here: %s", path, libgit2_reason());
	return agent_fail(agent, ERR_IO, "%s cannot be opened: %s", path, libgit2_reason());
}

int source_open(struct workspace_agent *agent, const char *path, struct source *out_source)
{
	*out_source = (struct source){.agent = agent, .path = path};
	int rc = repository_open(agent, path, &out_source->repository);
	if (!rc && git_repository_odb(&out_source->odb, out_source->repository))
		rc = agent_fail(agent, ERR_IO, "the objects of %s cannot be opened: %s", path, libgit2_reason());
	if (!rc)
		rc = shallow_read(agent, git_repository_commondir(out_source->repository), &out_source->ends,
				  &out_source->end_count);
	if (rc)
		source_close(out_source);
	return rc;
}

void source_close(struct source *source)
{
	free(source->ends);
	git_odb_free(source->odb);
	git_repository_free(source->repository);
	*source = (struct source){0};
}

bool source_ends_at(const struct source *source, const struct oid *commit)
{
	return source->end_count && bsearch(commit, source->ends, source->end_count, OID_BYTES, oid_order);
}

/* ---- reading ---- */

static int fail_read(struct source *source, const struct oid *id, const struct oid *named_by, const char *what)
{
	char hex[OID_HEX_BYTES], by[OID_HEX_BYTES];
	oid_print(id, hex);
	if (!named_by)
		return agent_fail(source->agent, ERR_CORRUPT, "%s: object %s %s", source->path, hex, what);
	oid_print(named_by, by);
	return agent_fail(source->agent, ERR_CORRUPT, "%s: object %s, which %s names, %s", source->path, hex, by, what);
}

int source_read(struct source *source, const struct oid *id, enum object_type type, const struct oid *named_by,
		git_odb_object **out_object)
{
	git_oid theirs;
	memcpy(theirs.id, id->bytes, OID_BYTES);
	int error = git_odb_read(out_object, source->odb, &theirs);
	if (error == GIT_ENOTFOUND)
		return fail_read(source, id, named_by, "is missing");
	if (error) {
		char what[160];
		snprintf(what, sizeof(what), "cannot be read: %s", libgit2_reason());
		return fail_read(source, id, named_by, what);
	}
	const char *what = NULL;
	if (type && git_odb_object_type(*out_object) != (git_object_t)type)
		what = "is of another kind than it says";
	else if (git_odb_object_size(*out_object) > UINT32_MAX)
		what = "is larger than 4 GiB";
	if (what) {
		git_odb_object_free(*out_object);
		*out_object = NULL;
		return fail_read(source, id, named_by, what);
	}
	return 0;
}
