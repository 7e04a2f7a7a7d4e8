/* SPDX-License-Identifier: MIT
 *
 * A new repository: built beside its place, with one pack and one file of refs, and then renamed. Nobody ever sees half of it.
 *
 * One that is not bare gets the files of its HEAD too, and an index that knows them: there is no working tree yet that could be touched, and one without its
 * files would look as if somebody had deleted them all.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workspace/exchange/export_inner.h"
#include "workspace/exchange/file_names.h"
#include "workspace/store/agent.h"

/* Where it is built. */
struct building {
	int parent; /* the folder in which it is to stand */
	char name[256];
	char build_name[DIRECTORY_NAME_BYTES];
	int top;        /* the new folder */
	int git_folder; /* the same, or .git in it */
};

/* ---- the parts ---- */

static const struct object *peeled(const struct object *object)
{
	while (object->type == OBJECT_TAG)
		object = ((const struct tag *)(const void *)object)->target;
	return object;
}

static int append_text(struct buffer *text, const char *piece)
{
	return buffer_append(text, piece, strlen(piece));
}

static int append_ref(struct buffer *text, const struct export_ref *ref)
{
	char hex[OID_HEX_BYTES];
	const struct object *behind = peeled(ref->object);
	oid_print(&ref->object->id, hex);
	int rc = append_text(text, hex);
	if (!rc)
		rc = append_text(text, " ");
	if (!rc)
		rc = append_text(text, ref->name);
	if (!rc)
		rc = append_text(text, "\n");
	if (rc || behind == ref->object)
		return rc;
	oid_print(&behind->id, hex);
	rc = append_text(text, "^");
	if (!rc)
		rc = append_text(text, hex);
	return rc ? rc : append_text(text, "\n");
}

/* In the order of names, as the refs are. */
static int put_refs(struct export *export, int git_folder)
{
	struct buffer text = {0};
	int rc = append_text(&text, "# pack-refs with: peeled fully-peeled sorted \n");
	for (size_t i = 0; i < export->ref_count && !rc; i++)
		rc = append_ref(&text, &export->refs[i]);
	if (rc)
		rc = agent_fail(export->agent, rc, "no memory for the list of refs");
	else if (directory_put(git_folder, "packed-refs", text.at, text.bytes, 0666))
		rc = export_fail_system(export, "packed-refs cannot be written");
	buffer_release(&text);
	return rc;
}

/* The branch of the workspace's HEAD under its new name if it is among them, else the first branch; an empty repository keeps the name for later. */
static int choose_head(struct export *export, char out_head[WORKSPACE_REF_MAX + 1], const struct commit **out_born)
{
	const struct export_ref *branch = NULL;
	int rc = workspace_head_get(export->agent, out_head);
	for (size_t i = 0; i < export->ref_count && !rc; i++) {
		const struct export_ref *ref = &export->refs[i];
		bool is_branch = !strncmp(ref->name, "refs/heads/", 11) && ref->object->type == OBJECT_COMMIT;
		if (is_branch && (!branch || !strcmp(ref->local, out_head)))
			branch = ref;
		if (branch && !strcmp(branch->local, out_head))
			break;
	}
	if (branch)
		snprintf(out_head, WORKSPACE_REF_MAX + 1, "%s", branch->name);
	*out_born = branch ? object_as_commit(branch->object) : NULL;
	return rc;
}

/* `out_born`: where that branch is; NULL if it is for later. */
static int put_head(struct export *export, int git_folder, const struct commit **out_born)
{
	char head[WORKSPACE_REF_MAX + 1], text[WORKSPACE_REF_MAX + 16];
	int rc = choose_head(export, head, out_born);
	if (rc)
		return rc;
	int bytes = snprintf(text, sizeof(text), "ref: %s\n", head);
	return directory_put(git_folder, "HEAD", text, (size_t)bytes, 0666) ? export_fail_system(export, "HEAD cannot be written")
									    : 0;
}

/* What git init writes here. */
static int put_config(struct export *export, int git_folder)
{
	char text[256];
	int bytes =
		snprintf(text, sizeof(text), "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = %s\n%s",
			 export->options->bare ? "true" : "false", export->options->bare ? "" : "\tlogallrefupdates = true\n");
	return directory_put(git_folder, "config", text, (size_t)bytes, 0666)
		       ? export_fail_system(export, "config cannot be written")
		       : 0;
}

static int put_shallow(struct export *export, int git_folder)
{
	struct buffer text = {0};
	int rc = export_shallow(export, &text);
	if (!rc && text.bytes && directory_put(git_folder, "shallow", text.at, text.bytes, 0666))
		rc = export_fail_system(export, "shallow cannot be written");
	buffer_release(&text);
	return rc;
}

static int put_folders(struct export *export, int git_folder)
{
	static const char *const folders[] = {"objects",    "objects/pack", "objects/info", "refs",
					      "refs/heads", "refs/tags",    "info"};
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (mkdirat(git_folder, folders[i], 0777))
			return export_fail_system(export, "a folder cannot be made");
	return 0;
}

static int put_pack(struct export *export, int git_folder)
{
	struct pack_put pack;
	int rc = export_pack(export, git_folder, &pack);
	if (rc || pack.folder < 0)
		return rc;
	if (pack_put_finish(&pack)) {
		errno = pack.error;
		rc = export_fail_system(export, "the pack cannot be put in its place");
	}
	close(pack.folder);
	return rc;
}

/* ---- files ---- */

/* By libgit2, as git would: with the line ends that .gitattributes asks for, and without running a filter. */
static int put_files(struct export *export, const struct building *building)
{
	char path[64];
	git_repository *repository = NULL;
	git_checkout_options options;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", building->git_folder);
	(void)!git_checkout_options_init(&options, GIT_CHECKOUT_OPTIONS_VERSION);
	options.checkout_strategy = GIT_CHECKOUT_FORCE;
	int error = git_repository_open(&repository, path);
	if (!error)
		error = git_checkout_head(repository, &options);
	git_repository_free(repository);
	return error ? agent_fail(export->agent, ERR_IO, "%.100s: the files cannot be written: %s", export->options->path,
				  libgit2_reason())
		     : 0;
}

/* ---- all of it ---- */

static int build_in(struct export *export, const struct building *building)
{
	const struct commit *born = NULL;
	int git_folder = building->git_folder;
	int rc = put_folders(export, git_folder);
	if (!rc)
		rc = put_pack(export, git_folder);
	if (!rc)
		rc = put_shallow(export, git_folder);
	if (!rc)
		rc = put_refs(export, git_folder);
	if (!rc)
		rc = put_config(export, git_folder);
	if (!rc)
		rc = put_head(export, git_folder, &born);
	if (!rc && !export->options->bare && born)
		rc = file_names_check(export->agent, born->tree);
	if (!rc && !export->options->bare && born)
		rc = put_files(export, building);
	return rc;
}

static int open_place(struct export *export, struct building *building)
{
	char *copy = strdup(export->options->path), *other = strdup(export->options->path);
	int rc = copy && other ? 0 : agent_fail(export->agent, ERR_MEMORY, "no memory");
	if (!rc) {
		snprintf(building->name, sizeof(building->name), "%.255s", basename(other));
		building->parent = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (building->parent < 0)
			rc = export_fail_system(export, "the folder in which it is to stand cannot be opened");
	}
	free(other);
	free(copy);
	return rc;
}

static int begin(struct export *export, struct building *building)
{
	int rc = open_place(export, building);
	if (rc)
		return rc;
	directory_fresh_name(".bunshin-export-", building->build_name);
	if (mkdirat(building->parent, building->build_name, 0777))
		return export_fail_system(export, "no folder can be made beside it");
	building->top = directory_open(building->parent, building->build_name, false);
	if (building->top >= 0)
		building->git_folder = export->options->bare ? dup(building->top) : directory_open(building->top, ".git", true);
	return building->git_folder < 0 ? export_fail_system(export, "no folder can be made beside it") : 0;
}

static int finish(struct export *export, const struct building *building)
{
	if (!export->options->passing && syncfs(building->top))
		return export_fail_system(export, "it cannot be brought to the disk");
	if (renameat(building->parent, building->build_name, building->parent, building->name))
		return export_fail_system(export, "it cannot be put in its place");
	return fsync(building->parent) ? export_fail_system(export, "its folder cannot be brought to the disk") : 0;
}

int export_new(struct export *export)
{
	struct building building = {.parent = -1, .top = -1, .git_folder = -1};
	int rc = export_want(export);
	if (!rc)
		rc = begin(export, &building);
	if (!rc)
		rc = build_in(export, &building);
	if (!rc)
		rc = finish(export, &building);
	if (rc && building.build_name[0])
		directory_remove(building.parent, building.build_name);
	if (!rc)
		export->result->refs = export->ref_count;
	if (building.git_folder >= 0)
		close(building.git_folder);
	if (building.top >= 0)
		close(building.top);
	if (building.parent >= 0)
		close(building.parent);
	return rc;
}
