/* SPDX-License-Identifier: MIT
 *
 * Changing files: a whole one, or one place in one. A file changes in one step or not at all. A symbolic link is not written through.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clones/agents/parse.h"
#include "tools/agent_inner.h"

#define PLACES_SHOWN 8u

/* Writes a file in one step: whoever looks sees the old one or the new one. */
static bool replace(int parent, const char *name, const char *at, size_t bytes, mode_t mode)
{
	char temporary[320];
	int fd;

	snprintf(temporary, sizeof(temporary), "%.200s.tmp.%d.%llx", name, (int)getpid(), (unsigned long long)loop_now_ms());
	fd = openat(parent, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	while (bytes > 0) {
		ssize_t written = write(fd, at, bytes);
		if (written < 0)
			break;
		at += written;
		bytes -= (size_t)written;
	}
	if (bytes > 0 || fchmod(fd, mode) != 0 || close(fd) != 0 || renameat(parent, temporary, parent, name) != 0) {
		int error = errno;
		unlinkat(parent, temporary, 0);
		errno = error;
		return false;
	}
	return true;
}

/* Mode of a file that is there, 0 if there is none; false after loop_refuse: it is no file to write. */
static bool mode_of(int parent, const char *name, const char *shown, mode_t *out_mode, struct loop_result *out)
{
	struct stat status;

	*out_mode = 0;
	if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return true;
	*out_mode = status.st_mode & 0777;
	if (S_ISREG(status.st_mode))
		return true;
	loop_refuse(out, "%.300s is %s; only files can be written.", shown,
		    S_ISDIR(status.st_mode)   ? "a folder"
		    : S_ISLNK(status.st_mode) ? "a symbolic link"
					      : "no file");
	return false;
}

static void written(struct loop_result *out, int parent, const char *name, const char *shown, const char *at, size_t bytes,
		    mode_t mode)
{
	if (!replace(parent, name, at, bytes, mode ? mode : 0644)) {
		loop_refuse(out, "%.300s could not be written: %s. It is as it was.", shown, strerror(errno));
		return;
	}
	snprintf(out->path, sizeof(out->path), "%s", shown);
	out->change = mode ? "update" : "add";
}

void loop_write(struct loop *loop, const json_t *arguments, struct loop_result *out)
{
	const char *path = loop_argument(arguments, "path", out);
	struct text content = agent_member(arguments, "content");
	char name[256], shown[1024];
	mode_t mode;
	int parent = path ? loop_open_parent(loop, path, LOOP_WRITE, true, name, shown, out) : -1;

	if (parent < 0)
		return;
	if (mode_of(parent, name, shown, &mode, out)) {
		written(out, parent, name, shown, content.at, content.bytes, mode);
		if (out->ok)
			loop_print(&out->text, "%s was %s (%u bytes).", shown, mode ? "replaced" : "made", content.bytes);
	}
	close(parent);
}

static unsigned line_at(const char *from, const char *at)
{
	unsigned line = 1;

	for (; from < at; from++)
		line += *from == '\n';
	return line;
}

/* All places of a text, overlapping ones too; how many there are, and the first. */
static size_t places(const struct loop_buffer *in, struct text old, const char **out_first, struct loop_buffer *out_lines)
{
	const char *at = in->at, *end = in->at + in->bytes;
	size_t count = 0;

	for (; at < end && (at = memmem(at, (size_t)(end - at), old.at, old.bytes)); at++) {
		if (count == 0)
			*out_first = at;
		if (count < PLACES_SHOWN)
			loop_print(out_lines, "%s%u", count ? ", " : "", line_at(in->at, at));
		count++;
	}
	return count;
}

static bool is_white(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Does the old text stand here but for its spaces and tabs? */
static bool loosely(const char *at, const char *end, struct text old)
{
	const char *word = old.at, *stop = old.at + old.bytes;

	for (;;) {
		while (word < stop && is_white(*word))
			word++;
		while (at < end && is_white(*at))
			at++;
		if (word == stop)
			return true;
		if (at == end || *at != *word)
			return false;
		at++;
		word++;
	}
}

/* Why a text is not there, as far as that can be seen. */
static void explain_absence(const struct loop_buffer *in, struct text old, const char *shown, struct loop_result *out)
{
	const char *end = in->at + in->bytes, *newline;

	for (const char *at = in->at; at && at < end; at = newline + 1) {
		if (loosely(at, end, old)) {
			loop_refuse(out,
				    "The old text is not in %.300s, but at line %u stands the same with other spaces or tabs. "
				    "Read that place and repeat it exactly. "
				    "Nothing was changed.",
				    shown, line_at(in->at, at));
			return;
		}
		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			break;
	}
	loop_refuse(out, "The old text is not in %.300s. Read the file and repeat a part of it exactly. Nothing was changed.",
		    shown);
}

/* The same with the line ends of Windows. */
static struct loop_buffer with_returns(struct text text)
{
	struct loop_buffer out = {0};

	for (uint32_t i = 0; i < text.bytes; i++) {
		if (text.at[i] == '\n' && (i == 0 || text.at[i - 1] != '\r'))
			loop_append(&out, "\r", 1);
		loop_append(&out, text.at + i, 1);
	}
	return out;
}

static void edit_text(int parent, const char *name, const char *shown, mode_t mode, const struct loop_buffer *in, struct text old,
		      struct text new, struct loop_result *out)
{
	struct loop_buffer lines = {0}, changed = {0};
	const char *first = NULL;
	size_t count = places(in, old, &first, &lines);

	if (count == 0) {
		explain_absence(in, old, shown, out);
	} else if (count > 1) {
		loop_refuse(out,
			    "The old text is in %.300s %zu times (lines %s%s). Give more of what stands around the one you mean. "
			    "Nothing was changed.",
			    shown, count, lines.at ? lines.at : "", count > PLACES_SHOWN ? ", …" : "");
	} else {
		loop_append(&changed, in->at, (size_t)(first - in->at));
		loop_append(&changed, new.at, new.bytes);
		loop_append(&changed, first + old.bytes, (size_t)(in->at + in->bytes - first) - old.bytes);
		if (changed.failed)
			loop_refuse(out, "Out of memory. Nothing was changed.");
		else
			written(out, parent, name, shown, changed.at, changed.bytes, mode);
		if (out->ok)
			loop_print(&out->text, "%s was changed at line %s.", shown, lines.at ? lines.at : "?");
	}
	loop_release(&lines);
	loop_release(&changed);
}

static void edit_file(int parent, const char *name, const char *shown, mode_t mode, const json_t *arguments,
		      struct loop_result *out)
{
	struct text old = agent_member(arguments, "old"), new = agent_member(arguments, "new");
	struct loop_buffer in = {0}, old_returns = {0}, new_returns = {0};
	int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0) {
		loop_refuse(out, "%.300s: %s.", shown, strerror(errno));
		return;
	}
	if (loop_read_file(fd, shown, &in, out)) {
		if (in.bytes && memmem(in.at, in.bytes, "\r\n", 2) && !memmem(in.at, in.bytes, old.at, old.bytes)) {
			old_returns = with_returns(old);
			new_returns = with_returns(new);
			if (memmem(in.at, in.bytes, old_returns.at, old_returns.bytes)) {
				old = (struct text){old_returns.at, (uint32_t)old_returns.bytes};
				new = (struct text){new_returns.at ? new_returns.at : "", (uint32_t)new_returns.bytes};
			}
		}
		if (loop_is_binary(in.at, in.bytes))
			loop_refuse(out, "%.300s is no text.", shown);
		else
			edit_text(parent, name, shown, mode, &in, old, new, out);
	}
	loop_release(&in);
	loop_release(&old_returns);
	loop_release(&new_returns);
	close(fd);
}

void loop_edit(struct loop *loop, const json_t *arguments, struct loop_result *out)
{
	const char *path = loop_argument(arguments, "path", out);
	struct text old = agent_member(arguments, "old"), new = agent_member(arguments, "new");
	char name[256], shown[1024];
	mode_t mode;
	int parent;

	if (!path)
		return;
	if (!old.bytes || (old.bytes == new.bytes &&memcmp(old.at, new.at, old.bytes) == 0)) {
		loop_refuse(out, old.bytes ? "The old and the new text are the same. Nothing was changed."
					   : "The old text is empty. To make a file, use write. Nothing was changed.");
		return;
	}
	parent = loop_open_parent(loop, path, LOOP_WRITE, false, name, shown, out);
	if (parent < 0)
		return;
	if (mode_of(parent, name, shown, &mode, out))
		edit_file(parent, name, shown, mode, arguments, out);
	close(parent);
}
