/* SPDX-License-Identifier: MIT
 *
 * run/supervisor.json: what runs, for `bunshin status` and for whoever wants to know. Written as a whole with every change.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/supervisor_inner.h"

#define STATUS_BYTES_MAX (512u * 1024u)

static const char *const state_names[] = {
	[CHILD_WAITING] = "waiting",   [CHILD_STARTING] = "starting", [CHILD_READY] = "ready",     [CHILD_BACKOFF] = "backoff",
	[CHILD_GIVEN_UP] = "given-up", [CHILD_STOPPING] = "stopping", [CHILD_STOPPED] = "stopped",
};

#define STATE_NAMES_COUNT (sizeof(state_names) / sizeof(state_names[0]))

const char *child_state_name(enum child_state state)
{
	return (size_t)state < STATE_NAMES_COUNT && state_names[state] ? state_names[state] : "?";
}

static enum child_state child_state_find(const char *name)
{
	for (size_t i = 1; i < STATE_NAMES_COUNT; i++)
		if (!strcmp(state_names[i], name))
			return (enum child_state)i;
	return CHILD_WAITING;
}

void exit_print(const struct process_exit *exit, char *out, size_t out_bytes)
{
	if (exit->signal)
		snprintf(out, out_bytes, "was ended by signal %d (%s)", exit->signal, strsignal(exit->signal));
	else
		snprintf(out, out_bytes, "exited with status %d", exit->status);
}

/* ---- writing ---- */

static json_t *child_json(const struct child *child)
{
	return json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:I, s:s}", "name", child->spec->name, "state",
			 child_state_name(child->state), "pid", (int)child->process.pid, "starts", (int)child->starts,
			 "last_status", child->last_exit.status, "last_signal", child->last_exit.signal, "since_ms",
			 (json_int_t)child->since_ms, "why", child->why);
}

static const char *phase_of(const struct supervisor *supervisor)
{
	return supervisor->stopping ? "stopping" : supervisor->started ? "running" : "starting";
}

static char *status_text(const struct supervisor *supervisor)
{
	json_t *children = json_array();

	for (size_t i = 0; i < supervisor->count; i++)
		json_array_append_new(children, child_json(&supervisor->child[i]));
	json_t *root =
		json_pack("{s:i, s:i, s:I, s:i, s:I, s:s, s:o}", "version", 1, "pid", (int)getpid(), "start_ticks",
			  (json_int_t)process_start_ticks(getpid()), "guardian", (int)supervisor->guardian_pid, "started_at_ms",
			  (json_int_t)supervisor->started_at_ms, "phase", phase_of(supervisor), "children", children);
	char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
	json_decref(root);
	return text;
}

void supervisor_status_write(const struct supervisor *supervisor)
{
	char path[PATH_BYTES];
	char *text = status_text(supervisor);

	if (text)
		vault_mask_json(supervisor->vault, text, strlen(text));
	if (!text || state_path(supervisor->options->state, STATE_SUPERVISOR, path) ||
	    file_publish(path, text, strlen(text), 0600))
		status_remove(supervisor->options->state); /* rather nothing than what is no longer so */
	free(text);
}

void status_remove(const struct state_folder *state)
{
	char path[PATH_BYTES];

	if (!state_path(state, STATE_SUPERVISOR, path))
		unlink(path);
}

/* ---- reading ---- */

static int child_parse(json_t *json, struct child_view *out)
{
	const char *name, *state, *why;
	int pid, starts, status, signal;
	json_int_t since_ms;

	if (json_unpack(json, "{s:s, s:s, s:i, s:i, s:i, s:i, s:I, s:s}", "name", &name, "state", &state, "pid", &pid, "starts",
			&starts, "last_status", &status, "last_signal", &signal, "since_ms", &since_ms, "why", &why))
		return ERR_CORRUPT;
	*out = (struct child_view){.state = child_state_find(state),
				   .pid = pid,
				   .starts = (uint32_t)starts,
				   .last_exit = {.status = status, .signal = signal},
				   .since_ms = (uint64_t)since_ms};
	snprintf(out->name, sizeof(out->name), "%s", name);
	snprintf(out->why, sizeof(out->why), "%s", why);
	return 0;
}

static int view_parse(json_t *root, struct supervisor_view *view)
{
	const char *phase;
	int pid, guardian, rc = 0;
	json_int_t ticks, started;
	json_t *children;

	if (json_unpack(root, "{s:i, s:I, s:i, s:I, s:s, s:o}", "pid", &pid, "start_ticks", &ticks, "guardian", &guardian,
			"started_at_ms", &started, "phase", &phase, "children", &children))
		return ERR_CORRUPT;
	view->pid = pid;
	view->guardian_pid = guardian;
	view->started_at_ms = (uint64_t)started;
	snprintf(view->phase, sizeof(view->phase), "%s", phase);
	view->count = json_array_size(children) < CHILDREN_LIMIT ? json_array_size(children) : CHILDREN_LIMIT;
	for (size_t i = 0; i < view->count && !rc; i++)
		rc = child_parse(json_array_get(children, i), &view->child[i]);
	/* A number alone could belong to somebody else by now. */
	return rc ? rc : process_start_ticks(pid) == (uint64_t)ticks ? 0 : ERR_NOT_FOUND;
}

static int status_load(const struct state_folder *state, json_t **out_root)
{
	char path[PATH_BYTES];
	size_t bytes;
	char *text = malloc(STATUS_BYTES_MAX);

	int rc = text ? state_path(state, STATE_SUPERVISOR, path) : ERR_MEMORY;
	if (!rc)
		rc = file_read(path, text, STATUS_BYTES_MAX, &bytes);
	if (!rc) {
		*out_root = json_loadb(text, bytes, 0, NULL);
		rc = *out_root ? 0 : ERR_CORRUPT;
	}
	free(text);
	return rc;
}

int supervisor_look(const struct state_folder *state, struct supervisor_view *out_view, char out_sentence[SENTENCE_BYTES])
{
	json_t *root = NULL;
	struct supervisor_view *view = calloc(1, sizeof(*view));

	*out_sentence = '\0';
	int rc = view ? status_load(state, &root) : ERR_MEMORY;
	if (!rc)
		rc = view_parse(root, view);
	if (!rc)
		memcpy(out_view, view, sizeof(*view));
	else if (rc == ERR_NOT_FOUND)
		snprintf(out_sentence, SENTENCE_BYTES, "no network runs in %.300s; start it with: bunshin up", state->root);
	else
		snprintf(out_sentence, SENTENCE_BYTES, "%.300s/" STATE_SUPERVISOR ": %s", state->root, error_sentence(rc));
	json_decref(root);
	free(view);
	return rc;
}
