/* SPDX-License-Identifier: MIT */
#include "tests/workspace/exchange/place.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define EDITS_MAX 512u

int place_open(const struct yard *yard, const char *name)
{
	int folder;

	mkdir(yard_path(yard, name), 0755);
	folder = open(yard_path(yard, name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(folder >= 0);
	return folder;
}

unsigned place_chance(unsigned *seed, unsigned below)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (unsigned)(((uint64_t)(*seed >> 4) * below) >> 28);
}

/* Sorted next to each other, as folders and as files; control characters, bytes that are no UTF-8, quotes, spaces. */
static const char *const names[] = {
	"a",         "b",           "a.b",        "a-b",   "ab",     "src",    "src.c",    "src-old",   "Makefile",
	"x\ny",      "\xff\xfe",    "o'k",        "\"q\"", " space", "trail ", "\xc3\xa4", "a\xcc\x88", "-f",
	"--",        "~",           "$(touch x)", "*",     "?",      "[a]",    "#c",       "!n",        "\\back",
	"tab\there", "\x1b[31mred", "CON",        "aux.c", "git",    ".gi",    "gitx",     ".github",   "very-long-name-",
};

static const char *name_by_chance(unsigned *seed)
{
	return names[place_chance(seed, sizeof(names) / sizeof(*names))];
}

static void path_by_chance(unsigned *seed, char *out, size_t bytes)
{
	size_t at = 0;

	for (unsigned depth = place_chance(seed, 4); depth > 0; depth--)
		at += (size_t)snprintf(out + at, bytes - at, "%s/", name_by_chance(seed));
	snprintf(out + at, bytes - at, "%s", name_by_chance(seed));
}

static uint32_t content_by_chance(unsigned *seed, char *out, size_t bytes)
{
	unsigned size = place_chance(seed, 8) ? place_chance(seed, 200) : 0;

	for (unsigned i = 0; i < size && i < bytes; i++)
		out[i] = (char)(place_chance(seed, 20) ? 'a' + (int)place_chance(seed, 26) : (int)place_chance(seed, 256));
	return size;
}

/* A path may lead through what another path is a file at: then the later one wins. One edit for each path. */
const struct tree *place_tree(struct yard *yard, unsigned seed, unsigned files)
{
	static const enum file_mode modes[] = {MODE_FILE, MODE_FILE, MODE_EXECUTABLE, MODE_SYMLINK};
	const struct tree *tree = NULL;

	for (unsigned i = 0; i < files || !tree; i++) {
		char path[512], content[256];
		uint32_t bytes = content_by_chance(&seed, content, sizeof(content));
		enum file_mode mode = modes[place_chance(&seed, 4)];
		path_by_chance(&seed, path, sizeof(path));
		if (mode == MODE_SYMLINK)
			bytes = (uint32_t)snprintf(content, sizeof(content), "%s%s", place_chance(&seed, 3) ? "../" : "/etc/",
						   path) %
				250;
		struct workspace_edit edit = {path, mode, {(const uint8_t *)content, bytes}, NULL};
		if (workspace_tree_edit(yard->agent, tree, &edit, 1, &tree))
			fail_msg("%s", workspace_sentence(yard->agent));
	}
	return tree;
}

/* ---- changes ---- */

static void clear_way(int folder, char *path)
{
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		unlinkat(folder, path, 0);
		mkdirat(folder, path, 0755);
		*slash = '/';
	}
}

static void file_make(int folder, const char *path, unsigned *seed)
{
	char content[256];
	uint32_t bytes = content_by_chance(seed, content, sizeof(content));
	int file =
		openat(folder, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, place_chance(seed, 3) ? 0644 : 0755);

	if (file < 0)
		return; /* a folder */
	assert_int_equal(write(file, content, bytes), bytes);
	close(file);
}

void place_change(int folder, unsigned seed, unsigned changes)
{
	for (unsigned i = 0; i < changes; i++) {
		char path[512];
		path_by_chance(&seed, path, sizeof(path));
		clear_way(folder, path);
		switch (place_chance(&seed, 6)) {
		case 0:
			unlinkat(folder, path, 0);
			break;
		case 1:
			unlinkat(folder, path, 0);
			(void)!symlinkat("nowhere", folder, path);
			break;
		case 2:
			fchmodat(folder, path, place_chance(&seed, 2) ? 0755 : 0600, 0);
			break;
		case 3:
			mkdirat(folder, path, 0755);
			break;
		default:
			file_make(folder, path, &seed);
		}
	}
}

/* ---- harvests ---- */

const struct tree *place_harvest(struct yard *yard, int folder, const struct harvest_options *options,
				 struct harvest_result *out_result)
{
	const struct tree *tree = NULL;

	if (workspace_harvest(yard->agent, folder, options, &tree, out_result))
		fail_msg("%s", workspace_sentence(yard->agent));
	return tree;
}

void place_git_tree(const struct yard *yard, const char *name, const char *arguments, char out_hex[OID_HEX_BYTES])
{
	char *said = yard_run(yard,
			      "test -e %s.git || git init -q --bare %s.git; export GIT_DIR=$PWD/%s.git GIT_WORK_TREE=$PWD/%s; "
			      "cd %s && git add -A %s . && git write-tree",
			      name, name, name, name, name, arguments);

	assert_true(strlen(said) >= OID_HEX_BYTES - 1);
	snprintf(out_hex, OID_HEX_BYTES, "%s", said);
	free(said);
}
