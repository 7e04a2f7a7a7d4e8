/* SPDX-License-Identifier: MIT
 *
 * Walks a tree and reads its blobs, or the files of the same names.
 */
#include "tools/source.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/language.h"
#include "tools/tool.h"

static const char too_large[] = "larger than 2 MiB";

struct walk {
	git_repository *repository;
	const char *folder; /* NULL: read blobs */
	source_visit visit;
	void *context;
	size_t files;
	uint64_t total_bytes;
	char *buffer; /* of one file read from the folder */
	int rc;       /* of the visitor */
};

static void hand_over(struct walk *walk, struct source *source, const char *text, size_t bytes)
{
	if (!source->skipped && bytes > SOURCE_BYTES_MAX)
		source->skipped = too_large;
	if (!source->skipped && content_binary(text, bytes))
		source->skipped = "binary";
	if (!source->skipped && walk->total_bytes + bytes > SOURCE_TOTAL_BYTES_MAX)
		source->skipped = "more than 1 GiB had been read before";
	if (!source->skipped) {
		source->text = text;
		source->bytes = bytes;
		walk->total_bytes += bytes;
	}
	walk->rc = walk->visit(source, walk->context);
}

/* The size stands in the object's header: a huge blob is never unpacked. */
static const char *blob_refused(git_repository *repository, const git_oid *id)
{
	git_odb *odb = NULL;
	size_t bytes = 0;
	git_object_t type = GIT_OBJECT_INVALID;
	const char *why = "not in the repository";

	if (!git_repository_odb(&odb, repository) && !git_odb_read_header(&bytes, &type, odb, id))
		why = bytes > SOURCE_BYTES_MAX ? too_large : NULL;
	git_odb_free(odb);
	return why;
}

static void visit_blob(struct walk *walk, struct source *source, const git_oid *id)
{
	git_blob *blob = NULL;

	source->skipped = blob_refused(walk->repository, id);
	if (!source->skipped && git_blob_lookup(&blob, walk->repository, id))
		source->skipped = "not in the repository";
	hand_over(walk, source, blob ? git_blob_rawcontent(blob) : "", blob ? (size_t)git_blob_rawsize(blob) : 0);
	git_blob_free(blob);
}

/* Below the folder and through no symbolic link; kernels and filters without openat2 get the weaker O_NOFOLLOW. */
static int open_below(const char *folder, const char *path)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
	int root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (root < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(root, path, (int)how.flags);
	close(root);
	return fd;
}

static ssize_t read_all(int fd, char *buffer, size_t room)
{
	size_t used = 0;

	while (used < room) {
		ssize_t got = read(fd, buffer + used, room - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	return (ssize_t)used;
}

static void visit_file(struct walk *walk, struct source *source)
{
	struct stat about;
	ssize_t bytes = 0;
	git_oid id;
	int fd = open_below(walk->folder, source->path);

	if (fd < 0)
		source->skipped = errno == ENOENT ? "not in the folder" : "could not be opened";
	else if (fstat(fd, &about) || !S_ISREG(about.st_mode))
		source->skipped = "no regular file";
	else if ((bytes = read_all(fd, walk->buffer, SOURCE_BYTES_MAX + 1)) < 0)
		source->skipped = "could not be read";
	if (fd >= 0)
		close(fd);
	if (source->skipped)
		bytes = 0;
	walk->buffer[bytes] = 0;
	if (!source->skipped && !git_odb_hash(&id, walk->buffer, (size_t)bytes, GIT_OBJECT_BLOB))
		git_oid_tostr(source->blob, sizeof(source->blob), &id);
	hand_over(walk, source, walk->buffer, (size_t)bytes);
}

static int visit_entry(const char *folder, const git_tree_entry *entry, void *payload)
{
	struct walk *walk = payload;
	char path[SOURCE_PATH_MAX];
	struct source source = {.path = path};
	int bytes;

	if (git_tree_entry_type(entry) != GIT_OBJECT_BLOB || git_tree_entry_filemode(entry) == GIT_FILEMODE_LINK)
		return 0;
	bytes = snprintf(path, sizeof(path), "%s%s", folder, git_tree_entry_name(entry));
	git_oid_tostr(source.blob, sizeof(source.blob), git_tree_entry_id(entry));
	if (bytes < 0 || (size_t)bytes >= sizeof(path))
		source.skipped = "its path is too long";
	else if (walk->files++ >= SOURCE_FILES_MAX)
		source.skipped = "more than 100,000 files";
	if (source.skipped)
		hand_over(walk, &source, "", 0);
	else if (walk->folder)
		visit_file(walk, &source);
	else
		visit_blob(walk, &source, git_tree_entry_id(entry));
	return walk->rc ? -1 : 0;
}

int source_each(git_repository *repository, git_commit *commit, bool worktree, source_visit visit, void *context)
{
	struct walk walk = {.repository = repository, .visit = visit, .context = context};
	git_tree *tree = NULL;
	int rc = 1;

	if (worktree)
		walk.folder = git_repository_workdir(repository);
	if (worktree && !walk.folder)
		return tool_fail("source", "a bare repository has no working tree to read");
	if (walk.folder && !(walk.buffer = malloc(SOURCE_BYTES_MAX + 2)))
		return tool_fail("source", "out of memory");
	if (git_commit_tree(&tree, commit) || (git_tree_walk(tree, GIT_TREEWALK_PRE, visit_entry, &walk) < 0 && !walk.rc))
		rc = tool_fail("source", "the tree could not be read: %s",
			       git_error_last() ? git_error_last()->message : "no reason given");
	else
		rc = walk.rc;
	git_tree_free(tree);
	free(walk.buffer);
	return rc;
}

int source_blob(git_repository *repository, const char *path, const git_oid *id, source_visit visit, void *context)
{
	struct walk walk = {.repository = repository, .visit = visit, .context = context};
	struct source source = {.path = path};

	git_oid_tostr(source.blob, sizeof(source.blob), id);
	visit_blob(&walk, &source, id);
	return walk.rc;
}

uint32_t source_column(const struct source *source, struct source_place *place, size_t offset)
{
	for (; place->offset < offset; place->offset++) {
		if (source->text[place->offset] != '\n')
			continue;
		place->line++;
		place->line_start = place->offset + 1;
	}
	return (uint32_t)(offset - place->line_start) + 1;
}

const char *source_line(const struct source *source, size_t offset, size_t *out_bytes)
{
	size_t start = offset, end = offset;

	while (start > 0 && source->text[start - 1] != '\n')
		start--;
	while (end < source->bytes && source->text[end] != '\n')
		end++;
	*out_bytes = end - start;
	return source->text + start;
}
