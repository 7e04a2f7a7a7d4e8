/* SPDX-License-Identifier: MIT
 *
 * Searching the text files of a folder. The pattern is a model's, the files are a stranger's: matching has bounds of its own.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clones/agents/parse.h"
#include "tools/agent_inner.h"

#define SEARCH_FILE_BYTES_MAX (2u << 20)
#define SEARCH_FOUND_MAX      200u
#define SEARCH_MS             20000u
#define SEARCH_DEPTH          64
#define LINE_BYTES_SHOWN      300u
#define MATCH_LIMIT           1000000u

struct searching {
	struct loop *loop;
	struct loop_buffer *out;
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *context;
	uint64_t until_ms;
	unsigned found, files, large;
	bool out_of_time, too_costly;
};

static bool is_over(struct searching *search)
{
	search->out_of_time |= loop_now_ms() > search->until_ms || loop_check_stop(search->loop);
	return search->out_of_time || search->found >= SEARCH_FOUND_MAX;
}

static bool line_matches(struct searching *search, const char *at, size_t bytes)
{
	int rc = pcre2_match(search->code, (PCRE2_SPTR)at, bytes, 0, 0, search->match, search->context);

	search->too_costly |= rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_HEAPLIMIT;
	return rc >= 0;
}

static void search_text(struct searching *search, const char *shown, const struct loop_buffer *text)
{
	const char *at = text->at, *end = text->at + text->bytes;

	for (unsigned line = 1; at < end && search->found < SEARCH_FOUND_MAX; line++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
		size_t bytes = (size_t)(stop - at);

		if (line_matches(search, at, bytes)) {
			search->found++;
			loop_print(search->out, "%s:%u: %.*s%s\n", shown, line,
				   (int)(bytes < LINE_BYTES_SHOWN ? bytes : LINE_BYTES_SHOWN), at,
				   bytes > LINE_BYTES_SHOWN ? " …" : "");
		}
		if ((line & 4095) == 0 && is_over(search))
			return;
		at = newline ? newline + 1 : end;
	}
}

static void search_file(struct searching *search, int fd, const struct stat *status, const char *shown)
{
	struct loop_buffer text = {0};
	struct loop_result unread = {0};

	if ((uint64_t)status->st_size > SEARCH_FILE_BYTES_MAX) {
		search->large++;
		return;
	}
	if (loop_read_file(fd, shown, &text, &unread) && !loop_is_binary(text.at, text.bytes)) {
		search->files++;
		search_text(search, shown, &text);
	}
	loop_release(&text);
	loop_release(&unread.text);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Folders that nobody means when they search a project. */
static int is_searched(const struct dirent *entry)
{
	static const char *const skipped[] = {".", "..", ".git", "node_modules", "__pycache__", ".venv"};

	for (size_t i = 0; i < sizeof(skipped) / sizeof(*skipped); i++) {
		if (strcmp(entry->d_name, skipped[i]) == 0)
			return 0;
	}
	return 1;
}

static void search_folder(struct searching *search, int folder, const char *prefix, int depth);

static void search_entry(struct searching *search, int folder, const char *name, const char *prefix, int depth)
{
	struct stat status;
	char path[1024];
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fstat(fd, &status) == 0 && snprintf(path, sizeof(path), "%s%s", prefix, name) < (int)sizeof(path) - 1) {
		if (S_ISREG(status.st_mode)) {
			search_file(search, fd, &status, path);
		} else if (S_ISDIR(status.st_mode) && depth < SEARCH_DEPTH) {
			strcat(path, "/");
			search_folder(search, fd, path, depth + 1);
		}
	}
	close(fd);
}

static void search_folder(struct searching *search, int folder, const char *prefix, int depth)
{
	struct dirent **entries = NULL;
	int count = scandirat(folder, ".", &entries, is_searched, by_name);

	for (int i = 0; i < count; i++) {
		if (!is_over(search))
			search_entry(search, folder, entries[i]->d_name, prefix, depth);
		free(entries[i]);
	}
	free(entries);
}

static bool compile(struct searching *search, const json_t *arguments, struct loop_result *out)
{
	struct text pattern = agent_member(arguments, "pattern");
	bool fixed = json_is_true(json_object_get(arguments, "fixed"));
	uint32_t flags = (fixed ? PCRE2_LITERAL : PCRE2_NEVER_BACKSLASH_C) | PCRE2_MATCH_INVALID_UTF | PCRE2_UTF |
			 (json_is_true(json_object_get(arguments, "ignore_case")) ? PCRE2_CASELESS : 0);
	PCRE2_UCHAR words[256];
	PCRE2_SIZE offset;
	int error;

	search->code = pcre2_compile((PCRE2_SPTR)pattern.at, pattern.bytes, flags, &error, &offset, NULL);
	if (!search->code) {
		pcre2_get_error_message(error, words, sizeof(words));
		loop_refuse(out, "The pattern cannot be read: at character %zu: %s. For plain text, say \"fixed\": true.",
			    (size_t)offset + 1, (const char *)words);
		return false;
	}
	search->match = pcre2_match_data_create_from_pattern(search->code, NULL);
	search->context = pcre2_match_context_create(NULL);
	if (!search->match || !search->context) {
		loop_refuse(out, "Out of memory.");
		return false;
	}
	pcre2_set_match_limit(search->context, MATCH_LIMIT);
	pcre2_set_heap_limit(search->context, 20000);
	return true;
}

static void conclude(const struct searching *search, struct loop_result *out)
{
	if (!search->found)
		loop_print(&out->text, "Nothing was found in %u files.", search->files);
	else if (search->found >= SEARCH_FOUND_MAX)
		loop_print(&out->text, "[%u places; there may be more: search a folder or for something more special]",
			   search->found);
	else
		loop_print(&out->text, "[%u places in %u files that were searched]", search->found, search->files);
	if (search->large)
		loop_print(&out->text, " %u files over 2 MiB were not searched.", search->large);
	if (search->out_of_time)
		loop_print(&out->text, " The time was over before everything was searched.");
	if (search->too_costly)
		loop_print(&out->text, " In some lines the pattern took too long and was given up.");
}

void loop_search(struct loop *loop, const json_t *arguments, struct loop_result *out)
{
	struct searching search = {.loop = loop, .out = &out->text, .until_ms = loop_now_ms() + SEARCH_MS};
	const char *path = json_string_value(json_object_get(arguments, "path"));
	struct stat status;
	char shown[1024], prefix[1026];
	int fd = -1;

	if (compile(&search, arguments, out))
		fd = loop_open(loop, path && *path ? path : ".", shown, out);
	if (fd >= 0 && fstat(fd, &status) == 0) {
		snprintf(prefix, sizeof(prefix), "%s/", shown);
		if (S_ISREG(status.st_mode))
			search_file(&search, fd, &status, shown);
		else if (S_ISDIR(status.st_mode))
			search_folder(&search, fd, strcmp(shown, ".") == 0 ? "" : prefix, 0);
		conclude(&search, out);
	}
	if (fd >= 0)
		close(fd);
	pcre2_match_context_free(search.context);
	pcre2_match_data_free(search.match);
	pcre2_code_free(search.code);
}
