/* SPDX-License-Identifier: MIT
 *
 * While it runs: what its folder holds goes to refs/live/TASK/ATTEMPT every ten seconds or so, if it has said anything since; and its notes to the others.
 * The workspace is asked on a thread of its own, so that a large repository does not hold up the reading of what the agent prints.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/attempt_agent_inner.h"
#include "actors/workspace_call.h"

#define SNAPSHOT_MS 20000u
#define NOTES_NAME  "note.md"

static void *snapshot(void *context)
{
	struct agent_live *live = context;
	char sentence[SENTENCE_BYTES];

	/* What fails here is tried again with the next; the files are still where they were. */
	if (workspace_call(&live->state, json_incref(live->request), SNAPSHOT_MS, -1, &live->result, NULL, sentence))
		live->result = NULL;
	atomic_store(&live->done, true);
	return NULL;
}

static void begin(struct agent_attempt *agent, uint64_t now_ms)
{
	struct agent_live *live = &agent->live;
	const struct attempt *attempt = agent->attempt;

	live->state = agent->state;
	live->at_ms = now_ms;
	live->bytes = agent->log_total;
	live->request = attempt_harvest_request(attempt);
	json_object_del(live->request, "task");
	json_object_set_new(live->request, "to",
			    json_sprintf("refs/live/%s/%lld", attempt->task_id,
					 (long long)json_integer_value(json_object_get(attempt->assignment, "attempt"))));
	json_object_del(live->request, "attempt");
	json_object_set_new(live->request, "skip_ignored", json_true());
	if (live->commit[0])
		json_object_set_new(live->request, "replaces", json_string(live->commit));
	atomic_store(&live->done, false);
	live->started = pthread_create(&live->thread, NULL, snapshot, live) == 0;
	if (!live->started)
		json_decref(live->request);
}

static void finish(struct agent_attempt *agent)
{
	struct agent_live *live = &agent->live;
	const char *commit;

	pthread_join(live->thread, NULL);
	live->started = false;
	commit = json_string_value(json_object_get(live->result, "new"));
	if (commit)
		snprintf(live->commit, sizeof(live->commit), "%s", commit);
	if (live->result) {
		live->files = json_array_size(json_object_get(live->result, "changes"));
		live->known = true;
	}
	json_decref(live->result);
	json_decref(live->request);
	live->result = live->request = NULL;
}

void agent_live_look(struct agent_attempt *agent, uint64_t now_ms)
{
	struct agent_live *live = &agent->live;

	if (live->started) {
		if (atomic_load(&live->done))
			finish(agent);
		return;
	}
	if (now_ms - (live->at_ms ? live->at_ms : agent->begin_ms) < AGENT_LIVE_MS || strcmp(agent->stop, "none") != 0)
		return;
	agent_notes_publish(agent);
	if (agent->log_total != live->bytes)
		begin(agent, now_ms);
}

void agent_live_end(struct agent_attempt *agent)
{
	if (agent->live.started)
		finish(agent);
}

/* ---- notes ---- */

/* One file of bounded size, whatever the agent made of its name. */
static ssize_t read_note(const struct agent_attempt *agent, char *out, size_t room)
{
	char path[PATH_MAX];
	struct stat status;
	ssize_t got = -1;
	int fd;

	if (snprintf(path, sizeof(path), "%s/" NOTES_NAME, agent->notes) >= (int)sizeof(path))
		return -1;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		got = read(fd, out, room);
	if (fd >= 0)
		close(fd);
	return got;
}

/* True for what is one part of a path and nothing else. */
static bool label_is_good(const char *label)
{
	return *label != '.' && strlen(label) <= 64 && strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(label);
}

void agent_notes_publish(struct agent_attempt *agent)
{
	const char *label = agent->label ? agent->label : AGENT_LABEL_DEFAULT;
	char path[PATH_MAX + 128];
	char *note;
	ssize_t bytes;

	if (!agent->race || !agent->notes_wanted || !label_is_good(label))
		return;
	note = malloc(AGENT_NOTE_BYTES);
	bytes = note ? read_note(agent, note, AGENT_NOTE_BYTES) : -1;
	if (bytes > 0) {
		agent_mask(agent, note, (size_t)bytes);
		snprintf(path, sizeof(path), "%s/notes/%s.md", agent->context, label);
		if (file_publish(path, note, (size_t)bytes, 0600))
			fprintf(stderr, "the notes of %s could not be shown to the others: %s\n", label, strerror(errno));
	}
	free(note);
}
