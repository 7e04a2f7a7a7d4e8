/* SPDX-License-Identifier: MIT
 *
 * Text of unknown origin made safe for JSON, and what a path tells about its file.
 */
#include "clones/result.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */
static const char ellipsis[] = "\xE2\x80\xA6";    /* U+2026 */

/* Bytes of the valid UTF-8 sequence at the start of `at`, or 0 (RFC 3629: no overlong forms, no surrogates). */
static size_t sequence_bytes(const unsigned char *at, size_t left)
{
	unsigned char first = at[0];
	unsigned char low = 0x80, high = 0xBF;
	size_t bytes;

	if (first < 0x80)
		return 1;
	if (first < 0xC2 || first > 0xF4)
		return 0;
	bytes = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
	if (left < bytes)
		return 0;
	if (first == 0xE0)
		low = 0xA0;
	else if (first == 0xED)
		high = 0x9F;
	else if (first == 0xF0)
		low = 0x90;
	else if (first == 0xF4)
		high = 0x8F;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < bytes; i++) {
		if ((at[i] & 0xC0) != 0x80)
			return 0;
	}
	return bytes;
}

json_t *text_json(const char *at, size_t bytes, size_t most)
{
	size_t used = 0, next = 0;
	char *text;
	json_t *json;

	if (most > bytes * 3)
		most = bytes * 3;
	text = malloc(most + sizeof(ellipsis));
	if (!text)
		return NULL;
	while (next < bytes) {
		size_t length = sequence_bytes((const unsigned char *)at + next, bytes - next);
		const char *from = length && at[next] ? at + next : replacement;
		size_t room = length && at[next] ? length : sizeof(replacement) - 1;

		if (used + room > most)
			break;
		memcpy(text + used, from, room);
		used += room;
		next += length ? length : 1;
	}
	if (next < bytes) {
		memcpy(text + used, ellipsis, sizeof(ellipsis) - 1);
		used += sizeof(ellipsis) - 1;
	}
	json = json_stringn(text, used);
	free(text);
	return json;
}

static bool word_in(const char *word, size_t bytes, const char *const *list)
{
	for (; *list; list++) {
		if (strlen(*list) == bytes && strncasecmp(*list, word, bytes) == 0)
			return true;
	}
	return false;
}

/* Any folder of the path is in the list. */
static bool folder_in(const char *path, const char *const *list)
{
	for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
		if (word_in(path, (size_t)(slash - path), list))
			return true;
	}
	return false;
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), wanted = strlen(end);

	return length >= wanted && strcasecmp(text + length - wanted, end) == 0;
}

static bool any_end(const char *text, const char *const *list)
{
	for (; *list; list++) {
		if (ends_with(text, *list))
			return true;
	}
	return false;
}

bool path_in_test(const char *path)
{
	static const char *const folders[] = {"test",      "tests",    "testing",  "testdata",  "testsuite", "spec",    "specs",
					      "__tests__", "fixtures", "unittest", "unittests", "fuzz",      "fuzzing", NULL};
	static const char *const parts[] = {"_test.", "-test.", ".test.", ".spec.", "_spec.", "_tests.", NULL};
	const char *name;

	if (!path)
		return false;
	if (folder_in(path, folders))
		return true;
	name = file_name(path);
	if (strncasecmp(name, "test_", 5) == 0 || strncasecmp(name, "test.", 5) == 0 || strncasecmp(name, "tests.", 6) == 0 ||
	    strncasecmp(name, "conftest.", 9) == 0)
		return true;
	for (const char *const *part = parts; *part; part++) {
		if (strcasestr(name, *part))
			return true;
	}
	return false;
}

bool path_vendored(const char *path)
{
	static const char *const folders[] = {"vendor",       "vendors",  "vendored",  "third_party",      "third-party",
					      "thirdparty",   "3rdparty", "3rd_party", "bower_components", "site-packages",
					      "node_modules", "deps",     "external",  "extern",           NULL};

	return path && folder_in(path, folders);
}

bool path_generated(const char *path)
{
	static const char *const folders[] = {"dist", "generated", "__generated__", "autom4te.cache", NULL};
	static const char *const ends[] = {".min.js", ".min.css", "_pb2.py",    "_pb2_grpc.py", ".pb.c", ".pb.h",
					   ".pb.cc",  ".pb.go",   ".bundle.js", ".map",         NULL};

	static const char *const names[] = {"configure",   "config.guess", "config.sub",        "ltmain.sh",
					    "install-sh",  "missing",      "depcomp",           "compile",
					    "test-driver", "aclocal.m4",   "package-lock.json", NULL};

	if (!path)
		return false;
	return folder_in(path, folders) || any_end(path, ends) || word_in(file_name(path), strlen(file_name(path)), names) ||
	       strcasestr(file_name(path), ".generated.");
}
