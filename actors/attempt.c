/* SPDX-License-Identifier: MIT
 *
 * One attempt at a task, as a process: reads the assignment, asks the specialist what to run, runs it, and says what came of it.
 */
#include "actors/attempt.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "actors/attempt_inner.h"
#include "actors/race_attempt.h"

#define REVISION_BYTES_MAX 250u
#define WORK_SHARE_PERCENT 80u
#define TIMEOUT_MS_DEFAULT 30000u

int attempt_fail(struct attempt *attempt, int code, const char *format, ...)
{
	va_list arguments;
	if (attempt->code)
		return -1;
	attempt->code = code < 0 ? -code : code;
	va_start(arguments, format);
	vsnprintf(attempt->sentence, sizeof(attempt->sentence), format, arguments);
	va_end(arguments);
	return -1;
}

uint64_t attempt_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void attempt_time_text(char out_text[32])
{
	struct timespec now;
	struct tm parts;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	size_t bytes = strftime(out_text, 32, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(out_text + bytes, 32 - bytes, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

void attempt_progress(const struct attempt *attempt, const char *stage, uint32_t permille, const char *format, ...)
{
	char line[SENTENCE_BYTES];
	va_list arguments;
	(void)attempt;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	attempt_print(json_pack("{s:{s:s, s:s, s:i}}", "progress", "stage", stage, "line", line, "permille", (int)permille));
}

/* ---- the assignment ---- */

static uint64_t milliseconds(const struct attempt *attempt, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(attempt->assignment, name));
	return value > 0 ? (uint64_t)value : 0;
}

static void take_time(struct attempt *attempt)
{
	uint64_t time_ms = milliseconds(attempt, "timeout_ms");
	uint64_t remaining_ms = milliseconds(attempt, "remaining_ms");
	if (time_ms == 0)
		time_ms = TIMEOUT_MS_DEFAULT;
	if (remaining_ms > 0 && remaining_ms < time_ms)
		time_ms = remaining_ms;
	attempt->end_ms = attempt->begin_ms + time_ms * WORK_SHARE_PERCENT / 100;
}

static int take_texts(struct attempt *attempt)
{
	attempt->task_id = json_string_value(json_object_get(attempt->assignment, "task_id"));
	attempt->task_type = json_string_value(json_object_get(attempt->assignment, "task_type"));
	attempt->work = json_string_value(json_object_get(attempt->assignment, "work"));
	if (attempt->task_id && attempt->task_type && attempt->work && attempt->work[0] == '/')
		return 0;
	return attempt_fail(attempt, ERROR_MALFORMED, "the assignment lacks task_id, task_type or work (an absolute path)");
}

static int take_commit(struct attempt *attempt)
{
	const json_t *commit = json_object_get(attempt->parameters, "commit");
	attempt->commit = json_string_value(commit);
	if (!commit || json_is_null(commit))
		return 0;
	if (attempt->commit && attempt->commit[0] && attempt->commit[0] != '-' && strlen(attempt->commit) <= REVISION_BYTES_MAX)
		return 0;
	return attempt_fail(attempt, ERROR_INVALID_PARAMETERS,
			    "parameters.commit must be a revision of git, like \"HEAD~1\" or an id");
}

static bool wants_workspace(const struct attempt *attempt)
{
	return attempt->specialist->hands_in || json_is_true(json_object_get(attempt->parameters, "workspace"));
}

static int take_parameters(struct attempt *attempt)
{
	attempt->parameters = json_object_get(attempt->assignment, "parameters");
	if (!json_is_object(attempt->parameters))
		return attempt_fail(attempt, ERROR_INVALID_PARAMETERS, "the task has no parameters; \"repo\" is required");
	attempt->requested = json_string_value(json_object_get(attempt->parameters, "repo"));
	attempt->repository = attempt->requested;
	if (!attempt->repository || !attempt->repository[0])
		return attempt_fail(
			attempt, ERROR_INVALID_PARAMETERS,
			"parameters.repo is missing; it must be the absolute path of a git repository on this machine");
	if (wants_workspace(attempt))
		return take_commit(attempt);
	if (attempt->repository[0] != '/')
		return attempt_fail(attempt, ERROR_INVALID_PARAMETERS,
				    "parameters.repo is '%.200s'; it must be an absolute path, beginning with /",
				    attempt->repository);
	return take_commit(attempt);
}

/* A linked worktree keeps its objects elsewhere, at a place that a file in it names; following it could show any folder. */
static int check_repository(struct attempt *attempt)
{
	struct stat status;
	char head[PATH_MAX];
	const char *path = attempt->repository;
	if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
		return attempt_fail(attempt, ERROR_INVALID_PARAMETERS, "there is no folder '%.300s' on this machine", path);
	if (snprintf(attempt->git, sizeof(attempt->git), "%s/.git", path) >= (int)sizeof(attempt->git) - 16)
		return attempt_fail(attempt, ERROR_INVALID_PARAMETERS, "the path of the repository is too long");
	if (lstat(attempt->git, &status) == 0 && S_ISDIR(status.st_mode))
		return 0;
	if (lstat(attempt->git, &status) == 0)
		return attempt_fail(attempt, ERROR_INVALID_PARAMETERS,
				    "'%.200s' is a linked worktree or a submodule; name the main repository, and the commit in "
				    "parameters.commit",
				    path);
	snprintf(attempt->git, sizeof(attempt->git), "%s", path);
	snprintf(head, sizeof(head), "%.4000s/HEAD", path);
	if (stat(head, &status) == 0 && S_ISREG(status.st_mode))
		return 0;
	return attempt_fail(attempt, ERROR_INVALID_PARAMETERS,
			    "'%.300s' is no git repository; `git init` there, or name another folder", path);
}

static int take_assignment(struct attempt *attempt, const struct specialist *(*find)(const char *task_type))
{
	if (!json_is_object(attempt->assignment))
		return attempt_fail(attempt, ERROR_MALFORMED, "the assignment on stdin is no JSON object: %s", attempt->sentence);
	take_time(attempt);
	if (take_texts(attempt) != 0)
		return -1;
	attempt->specialist = find(attempt->task_type);
	if (!attempt->specialist)
		return attempt_fail(attempt, ERROR_UNKNOWN_TYPE, "no specialist does tasks of type '%.100s'", attempt->task_type);
	if (take_parameters(attempt) != 0)
		return -1;
	return wants_workspace(attempt) ? 0 : check_repository(attempt);
}

/* ---- the work ---- */

static int hand_in(struct attempt *attempt, struct target *target, const struct plan *plan, const struct output *outputs)
{
	int rc = attempt->specialist->hands_in && attempt->specialist->hands_in(plan, outputs) ? attempt_harvest(attempt) : 0;
	target->harvest = attempt->harvest;
	target->agent = attempt->agent;
	target->kept = attempt->kept;
	return rc;
}

static int conclude(struct attempt *attempt, struct target *target, const struct plan *plan)
{
	struct output *outputs = calloc(plan->count + 1, sizeof(*outputs));
	json_t *result = NULL;
	int rc = outputs ? attempt_steps(attempt, plan, outputs) : attempt_fail(attempt, ERROR_MEMORY, "out of memory");
	if (rc == 0)
		rc = hand_in(attempt, target, plan, outputs);
	if (rc == 0) {
		attempt_progress(attempt, "conclude", 960, "reading what the tools said");
		result = attempt->specialist->conclude(target, plan, outputs);
		rc = result ? attempt_complete(attempt, result, plan, outputs)
			    : attempt_fail(attempt, ERROR_MEMORY, "out of memory while the outputs were read");
	}
	json_decref(result);
	if (outputs)
		attempt_release(outputs, plan->count);
	free(outputs);
	return rc;
}

static int work(struct attempt *attempt)
{
	char why[256] = "";
	struct plan plan = {0};
	struct arena *arena = arena_new();
	if (!arena)
		return attempt_fail(attempt, ERROR_MEMORY, "out of memory");
	int rc = wants_workspace(attempt) ? attempt_checkout(attempt) : 0;
	attempt_progress(attempt, "inventory", 10, "looking at %.300s", attempt->requested);
	if (rc == 0)
		rc = attempt_open(attempt);
	if (rc == 0) {
		struct target target = {
			.repository = attempt->requested,
			.inventory = attempt->inventory,
			.parameters = attempt->parameters,
			.task_id = attempt->task_id,
			.started = attempt->started,
		};
		int planned = attempt->specialist->plan(&target, arena, &plan, why);
		rc = planned ? attempt_fail(attempt, planned, "%s", why[0] ? why : error_sentence(planned))
			     : conclude(attempt, &target, &plan);
	}
	arena_free(arena);
	return rc;
}

/* Readable when this process is asked to end, or when nobody reads its stdout any more (no event needs to be named for
 * that). Both go to the sandbox as one descriptor. */
static int cancel_open(void)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	int asked = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	int all = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event wanted = {.events = EPOLLIN};
	if (all >= 0 && asked >= 0 && epoll_ctl(all, EPOLL_CTL_ADD, asked, &wanted) == 0) {
		wanted.events = 0;
		epoll_ctl(all, EPOLL_CTL_ADD, STDOUT_FILENO, &wanted); /* refused for plain files, which nobody closes */
		return all;
	}
	return -1;
}

/* What is wrong with it, if it is NULL, stands in `out_why`. Its end is not waited for: stdin stays open. */
static json_t *read_assignment(char out_why[SENTENCE_BYTES])
{
	json_error_t error;
	json_t *assignment = json_loadf(stdin, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
	snprintf(out_why, SENTENCE_BYTES, "%s", assignment ? "" : error.text);
	return assignment;
}

static bool is_race(const json_t *assignment)
{
	const char *task_type = json_string_value(json_object_get(assignment, "task_type"));
	return task_type && strcmp(task_type, RACE_TASK_TYPE) == 0;
}

int attempt_run(const struct specialist *(*find)(const char *task_type))
{
	struct attempt attempt = {.begin_ms = attempt_now_ms(), .cancel_fd = cancel_open(), .artefacts = json_array()};
	attempt.assignment = read_assignment(attempt.sentence);
	if (is_race(attempt.assignment)) {
		close(attempt.cancel_fd);
		json_decref(attempt.artefacts);
		return race_attempt_run(attempt.assignment);
	}
	attempt_time_text(attempt.started);
	int rc = attempt.cancel_fd < 0 ? attempt_fail(&attempt, ERROR_SYSTEM, "signals cannot be received")
				       : take_assignment(&attempt, find);
	if (rc == 0)
		rc = work(&attempt);
	attempt_clean(&attempt);
	if (rc)
		attempt_print_failure(&attempt);
	json_decref(attempt.artefacts);
	json_decref(attempt.inventory);
	json_decref(attempt.harvest);
	json_decref(attempt.agent);
	json_decref(attempt.kept);
	json_decref(attempt.assignment);
	if (attempt.cancel_fd >= 0)
		close(attempt.cancel_fd);
	return rc ? 1 : 0;
}

int attempt_main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		fputs("usage: bunshin attempt < ASSIGNMENT.json (a clone starts it, not a person)\n", stderr);
		return 2;
	}
	return attempt_run(specialist_for_type);
}
