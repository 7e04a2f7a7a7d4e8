/* SPDX-License-Identifier: MIT */
#include "bench/workspace/shape.h"

#include <stdio.h>
#include <string.h>

#define LINE_BYTES 64u

const struct shape_of_repository shapes[] = {
	{"1k", 3, 10},
	{"10k-wide", 2, 100},
	{0},
};

const struct shape_of_repository *shape_named(const char *name)
{
	for (const struct shape_of_repository *shape = shapes; shape->name; shape++)
		if (!strcmp(shape->name, name))
			return shape;
	return NULL;
}

unsigned shape_files(const struct shape_of_repository *shape)
{
	unsigned files = 1;

	for (unsigned i = 0; i < shape->depth; i++)
		files *= shape->width;
	return files;
}

/* The lowest digit of the index is the outermost folder: neighbours are far apart. */
void shape_path(const struct shape_of_repository *shape, unsigned index, char out_path[PATH_BYTES])
{
	size_t at = 0;

	for (unsigned level = 0; level < shape->depth; level++, index /= shape->width)
		at += (size_t)snprintf(out_path + at, PATH_BYTES - at, "%s%02u%s", level + 1 == shape->depth ? "file" : "folder",
				       index % shape->width, level + 1 == shape->depth ? ".txt" : "/");
}

static void line(char *out, unsigned number, unsigned index, unsigned version)
{
	unsigned mixed = (number * 2654435761u) ^ (index * 40503u) ^ (version * 69069u);
	char text[LINE_BYTES + 32];

	snprintf(text, sizeof(text), "line %3u of file %8u in version %10u says %08x%20s", number, index, version, mixed, "");
	memcpy(out, text, LINE_BYTES - 1);
	out[LINE_BYTES - 1] = '\n';
}

void shape_content(unsigned index, unsigned version, char out_data[FILE_BYTES])
{
	for (unsigned i = 0; i < FILE_BYTES / LINE_BYTES; i++)
		line(out_data + i * LINE_BYTES, i, index, version);
}

void shape_text(unsigned early, unsigned late, char out_data[TEXT_BYTES])
{
	unsigned lines = TEXT_BYTES / LINE_BYTES;

	for (unsigned i = 0; i < lines; i++)
		line(out_data + i * LINE_BYTES, i, 0, i == 1 ? early : i == lines - 2 ? late : 0);
}
