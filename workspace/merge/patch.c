/* SPDX-License-Identifier: MIT
 *
 * The parts of a patch: what happened to the file, its two names, and its hunks. "Generating patch text with -p" in git-diff(1) has the
 * format; what git itself does beyond it is said where it is done.
 */
#include "workspace/merge/patch.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "workspace/merge/patch_hunks.h"

#define BINARY_BYTES 8000u

struct writer {
	const struct patch_file *old, *new;
	struct buffer *out;
	int rc; /* the first failure stays */
};

__attribute__((format(printf, 2, 3))) static void print(struct writer *writer, const char *format, ...)
{
	char text[256];
	va_list arguments;
	int bytes;

	va_start(arguments, format);
	bytes = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (!writer->rc)
		writer->rc = buffer_append(writer->out, text, (size_t)bytes);
}

/* ---- names ---- */

static bool is_plain(uint8_t byte)
{
	return byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\';
}

static bool needs_quotes(const char *path)
{
	for (; *path; path++)
		if (!is_plain((uint8_t)*path))
			return true;
	return false;
}

static void put_escaped(struct writer *writer, uint8_t byte)
{
	static const char special[] = "\a\b\t\n\v\f\r\"\\", letters[] = "abtnvfr\"\\";
	const char *at = strchr(special, byte);

	if (is_plain(byte))
		print(writer, "%c", byte);
	else if (byte && at)
		print(writer, "\\%c", letters[at - special]);
	else
		print(writer, "\\%03o", byte);
}

/* As in C, if it has to be. */
static void put_name(struct writer *writer, const char *prefix, const char *path)
{
	bool quotes = needs_quotes(path);

	print(writer, "%s%s", quotes ? "\"" : "", prefix);
	for (; *path; path++)
		put_escaped(writer, (uint8_t)*path);
	print(writer, "%s", quotes ? "\"" : "");
}

static void put_label(struct writer *writer, const char *prefix, const struct patch_file *file)
{
	if (file->mode == MODE_NONE)
		print(writer, "/dev/null");
	else
		put_name(writer, prefix, file->path);
}

/* ---- what happened ---- */

static const char *path_of(const struct patch_file *file, const struct patch_file *other)
{
	return file->mode == MODE_NONE ? other->path : file->path;
}

static void put_modes(struct writer *writer)
{
	unsigned old = writer->old->mode, new = writer->new->mode;

	if (old == MODE_NONE)
		print(writer, "new file mode %06o\n", new);
	else if (new == MODE_NONE)
		print(writer, "deleted file mode %06o\n", old);
	else if (old != new)
		print(writer, "old mode %06o\nnew mode %06o\n", old, new);
}

static void put_rename(struct writer *writer, int similarity)
{
	print(writer, "similarity index %d%%\nrename from ", similarity);
	put_name(writer, "", writer->old->path);
	print(writer, "\nrename to ");
	put_name(writer, "", writer->new->path);
	print(writer, "\n");
}

static bool is_same_content(const struct writer *writer)
{
	return memcmp(&writer->old->id, &writer->new->id, sizeof(writer->old->id)) == 0;
}

static void put_ids(struct writer *writer)
{
	char old[OID_HEX_BYTES], new[OID_HEX_BYTES];

	oid_print(&writer->old->id, old);
	oid_print(&writer->new->id, new);
	print(writer, "index %s..%s", old, new);
	if (writer->old->mode == writer->new->mode)
		print(writer, " %06o", (unsigned)writer->old->mode);
	print(writer, "\n");
}

static void put_header(struct writer *writer, int similarity)
{
	print(writer, "diff --git ");
	put_name(writer, "a/", path_of(writer->old, writer->new));
	print(writer, " ");
	put_name(writer, "b/", path_of(writer->new, writer->old));
	print(writer, "\n");
	put_modes(writer);
	if (similarity >= 0)
		put_rename(writer, similarity);
	if (!is_same_content(writer))
		put_ids(writer);
}

/* ---- content ---- */

static bool is_binary(const struct patch_file *file)
{
	size_t bytes = file->data.bytes < BINARY_BYTES ? file->data.bytes : BINARY_BYTES;

	return file->data.bytes > PATCH_FILE_MAX || (bytes > 0 && memchr(file->data.at, 0, bytes));
}

static void put_binary(struct writer *writer)
{
	print(writer, "Binary files ");
	put_label(writer, "a/", writer->old);
	print(writer, " and ");
	put_label(writer, "b/", writer->new);
	print(writer, " differ\n");
}

/* A name with a space in it gets a tab behind, for programs that look for its end. */
static void put_side(struct writer *writer, const char *sign, const char *prefix, const struct patch_file *file)
{
	print(writer, "%s ", sign);
	put_label(writer, prefix, file);
	print(writer, "%s\n", file->mode != MODE_NONE && strchr(file->path, ' ') ? "\t" : "");
}

/* What git shows of a submodule. */
static struct bytes content_of(const struct patch_file *file, char text[80])
{
	char hex[OID_HEX_BYTES];

	if (file->mode != MODE_SUBMODULE)
		return file->data;
	oid_print(&file->id, hex);
	return (struct bytes){.at = (const uint8_t *)text, .bytes = (uint32_t)snprintf(text, 80, "Subproject commit %s\n", hex)};
}

static void put_content(struct writer *writer, unsigned context_lines)
{
	char old_text[80], new_text[80];
	struct bytes old = content_of(writer->old, old_text), new = content_of(writer->new, new_text);

	if (writer->rc || is_same_content(writer) || (old.bytes == 0 && new.bytes == 0))
		return;
	if (is_binary(writer->old) || is_binary(writer->new)) {
		put_binary(writer);
		return;
	}
	put_side(writer, "---", "a/", writer->old);
	put_side(writer, "+++", "b/", writer->new);
	if (!writer->rc)
		writer->rc = patch_hunks_append(old, new, context_lines, writer->out);
}

int patch_append(const struct patch_file *old, const struct patch_file *new, int similarity, unsigned context_lines,
		 struct buffer *out)
{
	struct writer writer = {.old = old, .new = new, .out = out};
	size_t before = out->bytes;

	put_header(&writer, similarity);
	put_content(&writer, context_lines);
	if (writer.rc)
		out->bytes = before;
	return writer.rc;
}
