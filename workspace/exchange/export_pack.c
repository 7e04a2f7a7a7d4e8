/* SPDX-License-Identifier: MIT
 *
 * What is the same for a new repository and for one that is there: the pack, and what of it is shallow.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "workspace/exchange/export_inner.h"
#include "workspace/store/agent.h"

int export_fail_system(struct export *export, const char *what)
{
	return agent_fail(export->agent, ERR_IO, "%.120s: %s: %s", export->options->path, what, strerror(errno));
}

static int fail_pack(struct export *export, const struct packfile_result *result, int rc)
{
	char hex[OID_HEX_BYTES];
	if (rc != ERR_CORRUPT)
		return agent_fail(export->agent, rc, "no pack could be made for %s: %s", export->options->path,
				  error_sentence(rc));
	oid_print(&result->bad->id, hex);
	return agent_fail(export->agent, ERR_CORRUPT,
			  result->attacked ? "object %s was made so that another has the same SHA-1; it does not leave"
					   : "the bytes of object %s are not those of its id: memory was damaged",
			  hex);
}

int export_want(struct export *export)
{
	const struct object **objects = calloc(export->ref_count + 1, sizeof(*objects));
	int rc = objects ? 0 : ERR_MEMORY;
	for (size_t i = 0; i < export->ref_count && !rc; i++)
		objects[i] = export->refs[i].object;
	if (!rc)
		rc = reach_want(&export->reach, objects, export->ref_count);
	if (!rc)
		rc = reach_records(&export->reach, &export->records, &export->record_count);
	free(objects);
	return rc ? agent_fail(export->agent, rc, "no memory for the list of objects that go to %s", export->options->path) : 0;
}

/* objects/pack, which is not looked for behind links. */
static int open_packs(struct export *export, int git_folder)
{
	int objects = directory_open(git_folder, "objects", false);
	int packs = objects < 0 ? -1 : directory_open(objects, "pack", true);
	int saved = errno;
	if (objects >= 0)
		close(objects);
	errno = saved;
	if (packs >= 0)
		return packs;
	if (errno == ELOOP || errno == ENOTDIR)
		return agent_fail(export->agent, ERR_STATE,
				  "%s: objects or objects/pack is a symbolic link or no folder; packs are written into a "
				  "repository's own folders",
				  export->options->path);
	return export_fail_system(export, "objects/pack cannot be opened");
}

static int write_pack(struct export *export, int packs, struct pack_put *put)
{
	struct packfile_options options = {.check = !export->options->loosely_checked};
	int rc = pack_put_write(put, packs, export->records, export->record_count, &options);
	if (rc == ERR_IO) {
		errno = put->error;
		return export_fail_system(export, "the pack cannot be written");
	}
	return rc ? fail_pack(export, &put->result, rc) : 0;
}

int export_pack(struct export *export, int git_folder, struct pack_put *out_put)
{
	*out_put = (struct pack_put){.folder = -1};
	int packs = open_packs(export, git_folder);
	if (packs < 0)
		return packs;
	int rc = export->record_count ? write_pack(export, packs, out_put) : 0;
	if (rc || !export->record_count) {
		close(packs);
		out_put->folder = -1;
		return rc;
	}
	export->result->objects = export->record_count;
	export->result->pack_bytes = out_put->result.bytes;
	return 0;
}

int export_check(struct export *export)
{
	struct packfile_result result;
	int rc = packfile_check(export->records, export->record_count, &result);
	return rc ? fail_pack(export, &result, rc) : 0;
}

static int put_id(struct buffer *text, const struct oid *id)
{
	char line[OID_HEX_BYTES];
	oid_print(id, line);
	line[OID_HEX_BYTES - 1] = '\n';
	return buffer_append(text, line, OID_HEX_BYTES);
}

int export_shallow(struct export *export, struct buffer *out_text)
{
	const struct commit *const *cuts = (const struct commit *const *)(const void *)export->reach.cuts.at;
	size_t cut_count = export->reach.cuts.bytes / sizeof(*cuts);
	int rc = 0;
	for (size_t i = 0; i < export->end_count && cut_count && !rc; i++)
		rc = put_id(out_text, &export->ends[i]);
	for (size_t i = 0; i < cut_count && !rc; i++)
		if (!export->end_count || !bsearch(&cuts[i]->object.id, export->ends, export->end_count, OID_BYTES, oid_order))
			rc = put_id(out_text, &cuts[i]->object.id);
	return rc ? agent_fail(export->agent, rc, "no memory for the list of commits without parents") : 0;
}
