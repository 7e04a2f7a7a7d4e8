/* SPDX-License-Identifier: MIT
 *
 * Reading and listing files, and where they may be. The sandbox is what holds a model; that paths stay in the work tree here is so that a mistake
 * becomes a sentence instead of a surprise, and that a symbolic link in a repository leads nobody elsewhere.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clones/agents/parse.h"
#include "tools/agent_inner.h"
#include "tools/tool.h"

#define READ_LINES   500u
#define LIST_ENTRIES 600u
#define DEPTH_MAX    12
#define BINARY_BYTES 8192u

struct loop_roots {
	int work, context, notes; /* -1: there is none */
	char folder[4096];        /* absolute path of the current one */
};

struct loop_roots *loop_roots_open(void)
{
	struct loop_roots *roots = calloc(1, sizeof(*roots));

	if (!roots || !getcwd(roots->folder, sizeof(roots->folder)) ||
	    (roots->work = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0) {
		(void)tool_fail("agent", "the current folder cannot be opened: %s", strerror(errno));
		free(roots);
		return NULL;
	}
	roots->context = open("/context", O_PATH | O_DIRECTORY | O_CLOEXEC);
	roots->notes = open("/notes", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return roots;
}

void loop_roots_close(struct loop_roots *roots)
{
	close(roots->work);
	if (roots->context >= 0)
		close(roots->context);
	if (roots->notes >= 0)
		close(roots->notes);
	free(roots);
}

static int beneath(int root, const char *path, uint64_t flags, uint64_t more)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | more};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* What follows a folder's name in a path; NULL: it is not below it. */
static const char *below(const char *path, const char *folder)
{
	size_t bytes = strlen(folder);

	if (strncmp(path, folder, bytes) != 0 || (path[bytes] && path[bytes] != '/'))
		return NULL;
	path += bytes;
	while (*path == '/')
		path++;
	return *path ? path : ".";
}

/* The root of a path and the rest of it. -1 after loop_refuse. */
static int root_of(struct loop *loop, const char *path, enum loop_access access, const char **out_rest, struct loop_result *out)
{
	struct loop_roots *roots = loop->roots;

	if (*path != '/') {
		*out_rest = *path ? path : ".";
		return roots->work;
	}
	if ((*out_rest = below(path, roots->folder)))
		return roots->work;
	if (roots->notes >= 0 && (*out_rest = below(path, "/notes")))
		return roots->notes;
	if (roots->context >= 0 && access == LOOP_READ && (*out_rest = below(path, "/context")))
		return roots->context;
	loop_refuse(out, "%.300s is outside of the folder you work in (%.300s). Use a path relative to it.", path, roots->folder);
	return -1;
}

static void refuse_path(struct loop_result *out, const char *path)
{
	if (errno == EXDEV || errno == ELOOP)
		loop_refuse(out, "%.300s leads out of the folder you work in.", path);
	else
		loop_refuse(out, "%.300s: %s.", path, strerror(errno));
}

int loop_open(struct loop *loop, const char *path, char out_shown[1024], struct loop_result *out)
{
	const char *rest;
	int root = root_of(loop, path, LOOP_READ, &rest, out), fd;

	if (root < 0)
		return -1;
	snprintf(out_shown, 1024, "%s", root == loop->roots->work ? rest : path);
	fd = beneath(root, rest, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		refuse_path(out, path);
	return fd;
}

/* Does the opened folder lie in the work tree's .git, or is it the work tree and `name` is .git? Whatever way led there: "..", or a link. */
static bool is_git(struct loop *loop, int folder, const char *name)
{
	char link[64], path[8192];
	size_t bytes = strlen(loop->roots->folder);
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", folder);
	length = readlink(link, path, sizeof(path) - 300);
	if (length < 0)
		return true; /* it cannot be known */
	snprintf(path + length, sizeof(path) - (size_t)length, "/%s", name);
	if (strncmp(path, loop->roots->folder, bytes) != 0 || path[bytes] != '/')
		return false;
	return strncasecmp(path + bytes + 1, ".git", 4) == 0 && (!path[bytes + 5] || path[bytes + 5] == '/');
}

/* Opens a folder below a root, making what is missing of it. */
static int folder_made(int root, char *path, bool make)
{
	int fd = beneath(root, path, O_PATH | O_DIRECTORY, 0), parent;
	char *slash;

	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	slash = strrchr(path, '/');
	if (strcmp(slash ? slash + 1 : path, "..") == 0)
		return -1; /* out of a folder that is not there */
	if (slash)
		*slash = '\0';
	parent = slash ? folder_made(root, path, make) : beneath(root, ".", O_PATH | O_DIRECTORY, 0);
	if (slash)
		*slash = '/';
	if (parent < 0)
		return -1;
	fd = mkdirat(parent, slash ? slash + 1 : path, 0755);
	close(parent);
	return fd < 0 ? -1 : beneath(root, path, O_PATH | O_DIRECTORY, 0);
}

int loop_open_parent(struct loop *loop, const char *path, enum loop_access access, bool make, char out_name[256],
		     char out_shown[1024], struct loop_result *out)
{
	char folder[1024];
	const char *rest, *slash;
	int root = root_of(loop, path, access, &rest, out), fd;

	if (root < 0)
		return -1;
	slash = strrchr(rest, '/');
	if (strlen(rest) >= sizeof(folder) || strlen(slash ? slash + 1 : rest) > 255 || !*(slash ? slash + 1 : rest) ||
	    strcmp(rest, ".") == 0 || strcmp(slash ? slash + 1 : rest, "..") == 0) {
		loop_refuse(out, "\"%.300s\" is no name of a file.", path);
		return -1;
	}
	snprintf(out_name, 256, "%.255s", slash ? slash + 1 : rest);
	snprintf(out_shown, 1024, "%s", root == loop->roots->work ? rest : path);
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - rest) : 1, slash ? rest : ".");
	fd = folder_made(root, *folder ? folder : strcpy(folder, "."), make);
	if (fd < 0) {
		refuse_path(out, path);
	} else if (access == LOOP_WRITE && is_git(loop, fd, out_name)) {
		loop_refuse(out, "The .git folder is not to be touched.");
		close(fd);
		fd = -1;
	}
	return fd;
}

bool loop_is_binary(const char *at, size_t bytes)
{
	return memchr(at ? at : "", 0, bytes < BINARY_BYTES ? bytes : BINARY_BYTES) != NULL;
}

bool loop_read_file(int fd, const char *shown, struct loop_buffer *text, struct loop_result *out)
{
	char block[65536];
	struct stat status;
	ssize_t bytes = 0;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		loop_refuse(out, "%.300s is %s, not a file.", shown, S_ISDIR(status.st_mode) ? "a folder" : "something else");
		return false;
	}
	if ((uint64_t)status.st_size > LOOP_FILE_BYTES_MAX) {
		loop_refuse(out, "%.300s has %lld bytes; files up to %u can be read.", shown, (long long)status.st_size,
			    LOOP_FILE_BYTES_MAX);
		return false;
	}
	loop_append(text, "", 0); /* an empty file is a text too */
	while (text->bytes <= LOOP_FILE_BYTES_MAX && (bytes = read(fd, block, sizeof(block))) > 0)
		loop_append(text, block, (size_t)bytes);
	if (bytes >= 0 && !text->failed)
		return true;
	loop_refuse(out, "%.300s cannot be read: %s.", shown, bytes < 0 ? strerror(errno) : "out of memory");
	return false;
}

const char *loop_argument(const json_t *arguments, const char *name, struct loop_result *out)
{
	const json_t *value = json_object_get(arguments, name);
	const char *text = json_string_value(value);

	if (!text || strlen(text) == json_string_length(value))
		return text;
	loop_refuse(out, "The argument \"%s\" has a NUL in it.", name);
	return NULL;
}

static uint64_t count_lines(const struct loop_buffer *text)
{
	uint64_t lines = text->bytes && text->at[text->bytes - 1] != '\n';

	for (size_t i = 0; i < text->bytes; i++)
		lines += text->at[i] == '\n';
	return lines;
}

static void put_lines(const struct loop_buffer *text, uint64_t from, uint64_t to, size_t most, struct loop_buffer *out)
{
	const char *at = text->at, *end = text->at + text->bytes;

	for (uint64_t line = 1; at < end && line <= to; line++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
		if (line >= from) {
			if (out->bytes + (size_t)(stop - at) > most) {
				loop_print(out, "[the rest, from line %llu on, is left out: too long for one answer]\n",
					   (unsigned long long)line);
				return;
			}
			loop_print(out, "%6llu\t%.*s\n", (unsigned long long)line, (int)(stop - at), at);
		}
		at = newline ? newline + 1 : end;
	}
}

static void show(struct loop *loop, const json_t *arguments, const char *shown, const struct loop_buffer *text,
		 struct loop_result *out)
{
	uint64_t lines = count_lines(text), from = agent_number(arguments, "from"), to = agent_number(arguments, "to");

	if (!from)
		from = 1;
	if (!to)
		to = from + READ_LINES - 1;
	if (loop_is_binary(text->at, text->bytes)) {
		loop_refuse(out, "%.300s is no text (%zu bytes).", shown, text->bytes);
	} else if (text->bytes == 0) {
		loop_print(&out->text, "%s is empty.", shown);
	} else if (from > lines || to < from) {
		loop_refuse(out, "%.300s has the lines 1 to %llu; asked for were %llu to %llu.", shown, (unsigned long long)lines,
			    (unsigned long long)from, (unsigned long long)to);
	} else {
		put_lines(text, from, to, loop->result_bytes - 200, &out->text);
		loop_print(&out->text, "[%s: lines %llu to %llu of %llu]", shown, (unsigned long long)from,
			   (unsigned long long)(to < lines ? to : lines), (unsigned long long)lines);
	}
}

void loop_read(struct loop *loop, const json_t *arguments, struct loop_result *out)
{
	const char *path = loop_argument(arguments, "path", out);
	struct loop_buffer text = {0};
	char shown[1024];
	int fd = path ? loop_open(loop, path, shown, out) : -1;

	if (fd < 0)
		return;
	if (loop_read_file(fd, shown, &text, out))
		show(loop, arguments, shown, &text, out);
	loop_release(&text);
	close(fd);
}

struct listing {
	struct loop_buffer *out;
	unsigned entries, depth;
};

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_shown(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && strcmp(entry->d_name, ".git") != 0;
}

static void list_folder(struct listing *listing, int folder, const char *prefix, unsigned depth)
{
	struct dirent **entries = NULL;
	int count = scandirat(folder, ".", &entries, is_shown, by_name);

	for (int i = 0; i < count; i++) {
		struct stat status = {0};
		char path[1024];
		int inner;

		(void)fstatat(folder, entries[i]->d_name, &status, AT_SYMLINK_NOFOLLOW);
		if (listing->entries < LIST_ENTRIES)
			loop_print(listing->out, S_ISREG(status.st_mode) ? "%s%s (%lld bytes)\n" : "%s%s%.0lld%s\n", prefix,
				   entries[i]->d_name, S_ISREG(status.st_mode) ? (long long)status.st_size : 0LL,
				   S_ISDIR(status.st_mode)   ? "/"
				   : S_ISLNK(status.st_mode) ? " (a link)"
							     : "");
		listing->entries++;
		if (S_ISDIR(status.st_mode) && depth < listing->depth && listing->entries < LIST_ENTRIES &&
		    snprintf(path, sizeof(path), "%s%s/", prefix, entries[i]->d_name) < (int)sizeof(path) &&
		    (inner = openat(folder, entries[i]->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) >= 0) {
			list_folder(listing, inner, path, depth + 1);
			close(inner);
		}
		free(entries[i]);
	}
	free(entries);
}

void loop_list(struct loop *loop, const json_t *arguments, struct loop_result *out)
{
	const char *path = json_object_get(arguments, "path") ? loop_argument(arguments, "path", out) : ".";
	struct listing listing = {.out = &out->text, .depth = (unsigned)agent_number(arguments, "depth")};
	struct stat status;
	char shown[1024];
	int fd = path ? loop_open(loop, path, shown, out) : -1;

	if (fd < 0)
		return;
	if (!listing.depth || listing.depth > DEPTH_MAX)
		listing.depth = listing.depth ? DEPTH_MAX : 2;
	if (fstat(fd, &status) != 0 || !S_ISDIR(status.st_mode))
		loop_refuse(out, "%.300s is no folder.", shown);
	else
		list_folder(&listing, fd, "", 1);
	if (out->ok && listing.entries > LIST_ENTRIES)
		loop_print(&out->text, "[%u more are left out; ask for a folder of these]\n", listing.entries - LIST_ENTRIES);
	if (out->ok && !listing.entries)
		loop_print(&out->text, "%s is empty.", shown);
	close(fd);
}
