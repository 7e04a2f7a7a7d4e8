/* SPDX-License-Identifier: MIT
 *
 * An attempt that works on what the workspace has: it gets a clone of its own, and what its steps change there is handed in.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actors/attempt_inner.h"
#include "actors/workspace_call.h"

#define ASK_MS_MIN 5000u /* also when the time for work is over: what is done can be handed in */
#define AGAIN_MS   200u

static uint64_t time_to_ask(const struct attempt *attempt)
{
	uint64_t now = attempt_now_ms();
	uint64_t left = attempt->end_ms > now ? attempt->end_ms - now : 0;
	return left > ASK_MS_MIN ? left : ASK_MS_MIN;
}

static bool is_cancelled(const struct attempt *attempt, int wait_ms)
{
	struct pollfd asked = {.fd = attempt->cancel_fd, .events = POLLIN};
	return poll(&asked, 1, wait_ms) > 0;
}

static int find_state(struct attempt *attempt, struct state_folder *out_state)
{
	const char *path = getenv("BUNSHIN_STATE");
	char sentence[SENTENCE_BYTES];
	int rc = path && *path ? state_open_existing(path, out_state, sentence) : ERR_CONFIG;
	return rc ? attempt_fail(attempt, ERROR_CONFIG,
				 "BUNSHIN_STATE does not name a state folder, so the workspace cannot be found")
		  : 0;
}

/* Takes `request` over. A workspace that ended meanwhile is asked again: with the same request nothing is done twice. */
static int ask(struct attempt *attempt, json_t *request, bool again, json_t **out_result)
{
	struct state_folder state;
	char sentence[SENTENCE_BYTES] = "";
	uint64_t until = attempt_now_ms() + time_to_ask(attempt);
	int rc = find_state(attempt, &state);
	if (rc == 0) {
		do {
			uint64_t now = attempt_now_ms();
			rc = workspace_call(&state, json_incref(request), until > now ? until - now : 1,
					    attempt->cancelled ? -1 : attempt->cancel_fd, out_result, NULL, sentence);
		} while (rc == ERR_UNREACHABLE && again && attempt_now_ms() < until &&
			 (!is_cancelled(attempt, AGAIN_MS) || attempt->cancelled));
		if (rc == ERR_CANCELLED)
			attempt->cancelled = true;
		if (rc)
			rc = attempt_fail(attempt, rc == ERR_USAGE || rc == ERR_NOT_FOUND ? ERROR_INVALID_PARAMETERS : -rc,
					  "%s%s", sentence,
					  rc == ERR_NOT_FOUND ? "; `bunshin workspace import PATH` brings a repository into it"
							      : "");
	}
	json_decref(request);
	return rc;
}

/* Whoever changes files does not plan by what is in them: what the workspace says of them is enough, and reading all of them would take longer than all the rest. */
static json_t *known_inventory(const json_t *checkout)
{
	return json_pack("{s:O?, s:O?, s:b, s:O?}", "commit", json_object_get(checkout, "id"), "tree",
			 json_object_get(checkout, "tree"), "dirty", 0, "file_count", json_object_get(checkout, "files"));
}

int attempt_checkout(struct attempt *attempt)
{
	json_t *result = NULL, *request;
	if (snprintf(attempt->checkout, PATH_MAX, "%s/checkout", attempt->work) >= PATH_MAX ||
	    mkdir(attempt->checkout, 0700) != 0) {
		attempt->checkout[0] = '\0';
		return attempt_fail(attempt, ERROR_IO, "the folder 'checkout' could not be made in the work folder: %s",
				    strerror(errno));
	}
	attempt_progress(attempt, "checkout", 5, "getting %.200s from the workspace", attempt->requested);
	request = json_pack("{s:s, s:s, s:s, s:b}", "verb", "checkout", "repository", attempt->requested, "folder",
			    attempt->checkout, "history", 1);
	if (attempt->commit)
		json_object_set_new(request, "revision", json_string(attempt->commit));
	if (ask(attempt, request, false, &result) != 0)
		return -1;
	snprintf(attempt->base, sizeof(attempt->base), "%s", json_string_value(json_object_get(result, "id")));
	if (attempt->specialist->hands_in)
		attempt->inventory = known_inventory(result);
	json_decref(result);
	attempt->repository = attempt->checkout;
	snprintf(attempt->git, sizeof(attempt->git), "%.4000s/.git", attempt->checkout);
	attempt->commit = NULL; /* the folder holds it and nothing else */
	if (attempt->specialist->hands_in)
		memcpy(attempt->copy, attempt->checkout, sizeof(attempt->copy));
	return 0;
}

static json_t *message_of(const struct attempt *attempt)
{
	const json_t *message = json_object_get(attempt->parameters, "message");
	const char *text = json_string_value(message);
	return text && *text ? json_sprintf("%.500s\n\nTask: %s\nAttempt: %lld\n", text, attempt->task_id,
					    (long long)json_integer_value(json_object_get(attempt->assignment, "attempt")))
			     : json_sprintf("%s of task %s, attempt %lld", attempt->task_type, attempt->task_id,
					    (long long)json_integer_value(json_object_get(attempt->assignment, "attempt")));
}

const char *attempt_repository_path(const struct attempt *attempt)
{
	return attempt->requested[0] == '/' ? attempt->requested : NULL;
}

json_t *attempt_harvest_request(const struct attempt *attempt)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:O, s:o, s:o}", "verb", "harvest", "repository", attempt->requested,
			 "folder", attempt->copy, "base", attempt->base, "task", attempt->task_id, "attempt",
			 json_object_get(attempt->assignment, "attempt"), "message", message_of(attempt), "author",
			 json_sprintf("%s <%s@bunshin>", attempt->specialist->role, attempt->specialist->role));
}

int attempt_harvest_agent(struct attempt *attempt, bool kept, json_t **out_result)
{
	json_t *request = attempt_harvest_request(attempt);

	attempt_progress(attempt, "harvest", 940, kept ? "keeping what it has left" : "handing in what has changed");
	json_object_set_new(request, "skip_ignored", json_true());
	if (kept)
		json_object_set_new(request, "kept", json_true());
	return ask(attempt, request, true, out_result);
}

int attempt_harvest(struct attempt *attempt)
{
	if (is_cancelled(attempt, 0)) {
		attempt->cancelled = true;
		return attempt_fail(attempt, ERROR_CANCELLED, "the attempt was asked to end before its changes were handed in");
	}
	attempt_progress(attempt, "harvest", 940, "handing in what has changed");
	return ask(attempt, attempt_harvest_request(attempt), true, &attempt->harvest);
}
