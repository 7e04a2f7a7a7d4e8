/* SPDX-License-Identifier: MIT
 *
 * `bunshin tool secrets [--commit REV] [--worktree] [--history MILLISECONDS] [--key HEX]`: credentials in a repository.
 *
 *   {"tool", "version", "commit", "source": "commit" or "folder", "files_total", "files_scanned", "skipped": [{"path", "reason"}],
 *    "findings": [{"rule", "kind", "severity", "confidence", "cwe", "path", "line", "column", "end_column" (null: on a later
 *                  line), "blob", "shown", "bytes", "entropy", "hash", "snippet", "commit" (null: in the tree itself)}],
 *    "findings_cut": count, "history": {"commits", "blobs", "complete", "milliseconds"} or null}
 *
 * The secret itself is never printed: `shown` is at most four characters, `hash` a keyed one. The key (64 hexadecimal digits) is
 * random unless it is given, so hashes can be compared within one answer, and across answers only by who gave both the same key.
 *
 * --worktree reads the files of the commit as they stand in the folder. --history also reads what recent commits brought and
 * later ones took away again, newest first, for at most that long.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "clones/result.h"
#include "tools/secret.h"
#include "tools/source.h"
#include "tools/tool.h"

#define FINDINGS_MAX   2000u
#define SKIPPED_MAX    2000u
#define HISTORY_MS_MAX 600000u
#define SNIPPET_ROOM   200u

struct search {
	git_repository *repository;
	struct secret_scanner *scanner;
	uint8_t key[DIGEST_KEY_BYTES];
	const char *commit; /* of the history being read, or NULL */
	json_t *findings;
	json_t *skipped;
	json_t *seen;  /* set: hashes that are reported already; history tells only what is new */
	json_t *blobs; /* set: blobs that have been read */
	size_t files_total, files_scanned, findings_cut;
	size_t history_commits, history_blobs;
	uint64_t history_end_ms;
	bool history_complete;
	bool no_memory;
};

struct arguments {
	const char *revision;
	const char *key;
	bool worktree;
	uint32_t history_ms;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void set_add(struct search *search, json_t *set, const char *key)
{
	if (json_object_set_new(set, key, json_true()))
		search->no_memory = true;
}

/* A text that may not be UTF-8. */
static json_t *text_of(const char *text)
{
	return text_json(text, strlen(text), 2000);
}

/* Nearest thousandth, so that the answer reads the same everywhere. */
static json_t *real_of(double value)
{
	return json_real((double)(long)(value * 1000 + 0.5) / 1000);
}

static json_t *hit_json(struct search *search, const struct source *source, const struct secret_hits *hits,
			const struct secret_hit *hit, struct source_place *place, const char *hash)
{
	char shown[SECRET_SHOWN_BYTES];
	char snippet[SNIPPET_ROOM];
	size_t bytes = hit->end - hit->start;
	uint32_t column = source_column(source, place, hit->start);
	bool one_line = !memchr(source->text + hit->start, '\n', bytes);

	secret_shown(source, hit, shown);
	secret_masked_line(source, hits, hit->start, snippet, sizeof(snippet));
	return json_pack("{s:s, s:s, s:s, s:o, s:I, s:o, s:I, s:I, s:o, s:s, s:s, s:I, s:o, s:s, s:o, s:s?}", "rule",
			 hit->rule->id, "kind", hit->rule->kind, "severity", hit->rule->severity, "confidence",
			 real_of(hit->confidence), "cwe", (json_int_t)hit->rule->cwe, "path", text_of(source->path), "line",
			 (json_int_t)place->line, "column", (json_int_t)column, "end_column",
			 one_line ? json_integer((json_int_t)(column + bytes)) : json_null(), "blob", source->blob, "shown",
			 shown, "bytes", (json_int_t)bytes, "entropy", real_of(hit->entropy), "hash", hash, "snippet",
			 text_of(snippet), "commit", search->commit);
}

static void report(struct search *search, const struct source *source, const struct secret_hits *hits)
{
	struct source_place place = {.line = 1};

	for (size_t i = 0; i < hits->count; i++) {
		char hash[DIGEST_KEYED_BYTES];

		if (!secret_hash(source, &hits->at[i], search->key, hash))
			search->no_memory = true;
		else if (search->commit && json_object_get(search->seen, hash))
			continue;
		else if (json_array_size(search->findings) >= FINDINGS_MAX)
			search->findings_cut++;
		else if (json_array_append_new(search->findings, hit_json(search, source, hits, &hits->at[i], &place, hash)))
			search->no_memory = true;
		set_add(search, search->seen, hash);
	}
	if (hits->cut)
		search->findings_cut++;
}

static void skip(struct search *search, const struct source *source)
{
	if (strcmp(source->skipped, "binary") == 0 || json_array_size(search->skipped) >= SKIPPED_MAX)
		return;
	if (json_array_append_new(search->skipped,
				  json_pack("{s:o, s:s}", "path", text_of(source->path), "reason", source->skipped)))
		search->no_memory = true;
}

static int visit(const struct source *source, void *context)
{
	struct search *search = context;

	search->files_total += !search->commit;
	set_add(search, search->blobs, source->blob);
	if (source->skipped) {
		if (!search->commit)
			skip(search, source);
		return 0;
	}
	search->files_scanned += !search->commit;
	report(search, source, secret_scan(search->scanner, source));
	return 0;
}

/* A file that a commit added or changed. */
static int visit_delta(const git_diff_delta *delta, float progress, void *payload)
{
	struct search *search = payload;
	char id[GIT_OID_HEXSZ + 1];

	(void)progress;
	if (delta->status != GIT_DELTA_ADDED && delta->status != GIT_DELTA_MODIFIED)
		return 0;
	if (delta->new_file.mode != GIT_FILEMODE_BLOB && delta->new_file.mode != GIT_FILEMODE_BLOB_EXECUTABLE)
		return 0;
	git_oid_tostr(id, sizeof(id), &delta->new_file.id);
	if (json_object_get(search->blobs, id))
		return 0;
	if (now_ms() >= search->history_end_ms)
		return 1;
	search->history_blobs++;
	return source_blob(search->repository, delta->new_file.path, &delta->new_file.id, visit, search);
}

/* What a commit changed against its first parent. A merge brings nothing that its other parents do not. */
static int search_commit(struct search *search, const git_oid *id)
{
	git_commit *commit = NULL, *parent = NULL;
	git_tree *new_tree = NULL, *old_tree = NULL;
	git_diff *diff = NULL;
	char name[GIT_OID_HEXSZ + 1];
	int rc = 0;

	if (git_commit_lookup(&commit, search->repository, id) || git_commit_parentcount(commit) > 1)
		goto out;
	if (git_commit_parentcount(commit) == 1 && (git_commit_parent(&parent, commit, 0) || git_commit_tree(&old_tree, parent)))
		goto out; /* a shallow clone ends here */
	if (git_commit_tree(&new_tree, commit) || git_diff_tree_to_tree(&diff, search->repository, old_tree, new_tree, NULL))
		goto out;
	search->history_commits++;
	search->commit = git_oid_tostr(name, sizeof(name), id);
	rc = git_diff_foreach(diff, visit_delta, NULL, NULL, NULL, search);
	search->commit = NULL;
out:
	git_diff_free(diff);
	git_tree_free(old_tree);
	git_tree_free(new_tree);
	git_commit_free(parent);
	git_commit_free(commit);
	return rc;
}

static json_t *search_history(struct search *search, const git_commit *head, uint32_t budget_ms)
{
	git_revwalk *walk = NULL;
	uint64_t start = now_ms();
	git_oid id;

	search->history_end_ms = start + budget_ms;
	if (!git_revwalk_new(&walk, search->repository) && !git_revwalk_push(walk, git_commit_id(head))) {
		git_revwalk_sorting(walk, GIT_SORT_TIME);
		search->history_complete = true;
		while (search->history_complete && !git_revwalk_next(&id, walk))
			search->history_complete = !search_commit(search, &id) && now_ms() < search->history_end_ms;
	}
	git_revwalk_free(walk);
	return json_pack("{s:I, s:I, s:b, s:I}", "commits", (json_int_t)search->history_commits, "blobs",
			 (json_int_t)search->history_blobs, "complete", search->history_complete, "milliseconds",
			 (json_int_t)(now_ms() - start));
}

static int arguments_read(int argc, char **argv, struct arguments *out)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		char *end = NULL;

		if (strcmp(argv[i], "--worktree") == 0) {
			out->worktree = true;
			continue;
		}
		if (value && strcmp(argv[i], "--commit") == 0)
			out->revision = value;
		else if (value && strcmp(argv[i], "--key") == 0 && strlen(value) == (size_t)2 * DIGEST_KEY_BYTES &&
			 strspn(value, "0123456789abcdefABCDEF") == strlen(value))
			out->key = value;
		else if (value && strcmp(argv[i], "--history") == 0 && strtoul(value, &end, 10) <= HISTORY_MS_MAX &&
			 end != value && !*end)
			out->history_ms = (uint32_t)strtoul(value, NULL, 10);
		else
			return tool_fail("secrets",
					 "'%s' was not understood; accepted are --commit REV, --worktree, --history "
					 "MILLISECONDS (up to %u) and --key with 64 hexadecimal digits",
					 argv[i], HISTORY_MS_MAX);
		i++;
	}
	return 0;
}

static bool key_read(const char *text, uint8_t key[DIGEST_KEY_BYTES])
{
	if (!text)
		return getrandom(key, DIGEST_KEY_BYTES, 0) == DIGEST_KEY_BYTES;
	for (size_t i = 0; i < DIGEST_KEY_BYTES; i++) {
		char digits[3] = {text[2 * i], text[2 * i + 1], 0};

		key[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return true;
}

static bool search_begin(struct search *search, const struct arguments *arguments)
{
	search->scanner = secret_scanner_new();
	search->findings = json_array();
	search->skipped = json_array();
	search->seen = json_object();
	search->blobs = json_object();
	return search->scanner && search->findings && search->skipped && search->seen && search->blobs &&
	       key_read(arguments->key, search->key);
}

static void search_release(struct search *search)
{
	secret_scanner_free(search->scanner);
	json_decref(search->findings);
	json_decref(search->skipped);
	json_decref(search->seen);
	json_decref(search->blobs);
	memset(search->key, 0, sizeof(search->key));
}

static int search_print(struct search *search, const git_commit *commit, const char *source, json_t *history)
{
	char id[GIT_OID_HEXSZ + 1];
	json_t *answer = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:O, s:O, s:I, s:o}", "tool", "secrets", "version",
				   BUNSHIN_VERSION, "commit", git_oid_tostr(id, sizeof(id), git_commit_id(commit)), "source",
				   source, "files_total", (json_int_t)search->files_total, "files_scanned",
				   (json_int_t)search->files_scanned, "skipped", search->skipped, "findings", search->findings,
				   "findings_cut", (json_int_t)search->findings_cut, "history", history);
	int rc;

	if (!answer || search->no_memory)
		rc = tool_fail("secrets", "out of memory");
	else
		rc = tool_print(answer);
	json_decref(answer);
	return rc;
}

int tool_secrets(int argc, char **argv)
{
	struct arguments arguments = {0};
	struct search search = {0};
	git_commit *commit = NULL;
	json_t *history = NULL;
	int rc = arguments_read(argc, argv, &arguments) ? 2 : 1;

	if (rc == 2)
		return rc;
	if (!search_begin(&search, &arguments)) {
		tool_fail("secrets", "out of memory");
		goto out;
	}
	if (tool_open_repository(&search.repository) || tool_find_commit(search.repository, arguments.revision, &commit))
		goto out;
	if (source_each(search.repository, commit, arguments.worktree, visit, &search))
		goto out;
	history = arguments.history_ms ? search_history(&search, commit, arguments.history_ms) : json_null();
	rc = search_print(&search, commit, arguments.worktree ? "folder" : "commit", history);
out:
	git_commit_free(commit);
	git_repository_free(search.repository);
	search_release(&search);
	return rc;
}
