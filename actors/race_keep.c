/* SPDX-License-Identifier: MIT
 *
 * STATE/races/RACE: what one attempt at a race leaves for the next, and what the race's attempts may read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "actors/attempt_agent.h"
#include "actors/attempt_inner.h"
#include "actors/clone_inner.h"
#include "actors/fresh.h"
#include "actors/race_attempt_inner.h"

#define KEPT_FILE        "judge.json"
#define KEPT_BYTES_MAX   (1u << 20)
#define KEPT_DAYS        30
#define ELAPSED_MS_MOST  (30ull * 24 * 3600 * 1000)
#define STATUS_FILE_NAME "status.json"

static json_t *read_kept(const char *path)
{
	char *text = malloc(KEPT_BYTES_MAX);
	size_t bytes = 0;
	json_t *json = text && file_read(path, text, KEPT_BYTES_MAX, &bytes) == 0 ? json_loadb(text, bytes, 0, NULL) : NULL;

	free(text);
	if (json && json_is_object(json_object_get(json, "answers")) && json_is_string(json_object_get(json, "started")))
		return json;
	json_decref(json);
	return NULL;
}

static int write_kept(const struct race_keep *keep)
{
	char *text = json_dumps(keep->json, JSON_COMPACT);
	int rc = text ? file_replace(keep->path, text, strlen(text), 0600) : ERR_MEMORY;

	free(text);
	return rc;
}

/* Races that ended long ago; when one begins is often enough to look. */
static void remove_old(const struct state_folder *state)
{
	time_t oldest = time(NULL) - KEPT_DAYS * 24 * 3600;
	char races[PATH_BYTES], path[2 * PATH_BYTES];
	const struct dirent *entry;
	struct stat status;
	DIR *folder = state_path(state, "races", races) ? NULL : opendir(races);

	while (folder && (entry = readdir(folder))) {
		snprintf(path, sizeof(path), "%s/%s", races, entry->d_name);
		if (entry->d_name[0] != '.' && lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_mtime < oldest)
			work_folder_remove(path);
	}
	if (folder)
		closedir(folder);
}

static int begin_kept(struct race_keep *keep, const struct state_folder *state)
{
	char started[32];

	remove_old(state);
	attempt_time_text(started);
	keep->json = json_pack("{s:s, s:I, s:{}}", "started", started, "started_ms", (json_int_t)wall_now_ms(), "answers");
	return keep->json ? write_kept(keep) : ERR_MEMORY;
}

int race_keep_open(struct race_keep *keep, const struct state_folder *state, const char *race, char out_sentence[SENTENCE_BYTES])
{
	char folder[PATH_BYTES], context[PATH_BYTES];
	int rc = race_context_folder(state, race, context);

	memset(keep, 0, sizeof(*keep));
	if (!rc && (snprintf(folder, sizeof(folder), "races/%s/" KEPT_FILE, race) >= (int)sizeof(folder) ||
		    snprintf(keep->context, PATH_BYTES, "%s/" STATUS_FILE_NAME, context) >= (int)PATH_BYTES))
		rc = ERR_TOO_LARGE;
	if (!rc)
		rc = state_path(state, folder, keep->path);
	if (!rc) {
		keep->json = read_kept(keep->path);
		rc = keep->json ? 0 : begin_kept(keep, state);
	}
	if (rc)
		snprintf(out_sentence, SENTENCE_BYTES, "the folder of the race in the state folder cannot be used: %s",
			 rc == ERR_IO ? strerror(errno) : error_sentence(rc));
	return rc;
}

void race_keep_close(struct race_keep *keep)
{
	json_decref(keep->json);
	keep->json = NULL;
}

const json_t *race_keep_answer(const struct race_keep *keep, const char *key)
{
	return json_object_get(json_object_get(keep->json, "answers"), key);
}

void race_keep_put(struct race_keep *keep, const char *key, json_t *answer)
{
	json_object_set(json_object_get(keep->json, "answers"), key, answer);
	if (write_kept(keep))
		fprintf(stderr, "%s cannot be written; a later attempt would ask again\n", keep->path);
}

uint64_t race_keep_tokens(const struct race_keep *keep)
{
	const char *key;
	json_t *answer;
	uint64_t tokens = 0;

	json_object_foreach (json_object_get(keep->json, "answers"), key, answer) {
		const json_t *result = json_object_get(answer, "result");

		tokens += (uint64_t)(json_integer_value(json_object_get(result, "tokens_in")) +
				     json_integer_value(json_object_get(result, "tokens_out")));
	}
	return tokens;
}

/* By the wall clock, since the attempt before may have run before a restart of the machine. */
uint64_t race_keep_elapsed_ms(const struct race_keep *keep)
{
	json_int_t started = json_integer_value(json_object_get(keep->json, "started_ms"));
	uint64_t now = wall_now_ms();
	uint64_t elapsed = started > 0 && now > (uint64_t)started ? now - (uint64_t)started : 0;

	return elapsed < ELAPSED_MS_MOST ? elapsed : 0;
}

void race_keep_context(const struct race_keep *keep, const json_t *context)
{
	char *text = json_dumps(context, JSON_INDENT(1));

	if (!text || file_publish(keep->context, text, strlen(text), 0600))
		fprintf(stderr, "%s cannot be written\n", keep->context);
	free(text);
}
