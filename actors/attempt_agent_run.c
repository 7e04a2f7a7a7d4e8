/* SPDX-License-Identifier: MIT
 *
 * The run itself. The sandbox calls back with what was printed and a few times a second; everything is decided there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/attempt_agent_inner.h"

#define FILE_BYTES_MAX   (2ull << 30)
#define OUTPUT_KEPT      4096u /* nothing is: all goes to the callbacks */
#define ENVIRONMENT_MAX  (AGENT_ENVIRONMENT_MAX + 32u)
#define CPU_LOOK_MS      1000u
#define CPU_BUSY_PERCENT 5u /* less of one processor is a program that waits */

/* ---- stopping ---- */

static void stop(struct agent_attempt *agent, struct sandbox_live *live, const char *reason)
{
	if (strcmp(agent->stop, "none") != 0)
		return;
	agent->stop = reason;
	if (agent->proxy)
		proxy_stop(agent->proxy);
	if (agent->acp)
		acp_cancel(agent->acp);
	sandbox_live_stop(live);
}

/* ---- what it prints ---- */

static void take_event(void *context, const struct agent_event *event)
{
	struct agent_attempt *agent = context;

	if (!agent->first_event_ms)
		agent->first_event_ms = attempt_now_ms();
	agent_note_event(agent, event);
}

static void log_out(struct agent_attempt *agent, const void *at, size_t bytes)
{
	size_t room = agent->log_bytes < AGENT_LOG_BYTES ? (size_t)(AGENT_LOG_BYTES - agent->log_bytes) : 0;

	agent->log_total += bytes;
	if (bytes > room)
		bytes = room;
	if (!bytes || agent->log_fd < 0)
		return;
	if (file_write_all(agent->log_fd, at, bytes)) {
		close(agent->log_fd); /* a full disk: the run goes on, its log ends */
		agent->log_fd = -1;
	} else {
		agent->log_bytes += bytes;
	}
}

/* The end of it stays. */
static void log_err(struct agent_attempt *agent, const char *at, size_t bytes)
{
	size_t skip = bytes > AGENT_ERR_BYTES ? bytes - AGENT_ERR_BYTES : 0, kept;

	kept = agent->err_total < AGENT_ERR_BYTES ? (size_t)agent->err_total : AGENT_ERR_BYTES;
	agent->err_total += bytes;
	at += skip;
	bytes -= skip;
	if (kept + bytes > AGENT_ERR_BYTES) {
		size_t drop = kept + bytes - AGENT_ERR_BYTES;

		memmove(agent->err, agent->err + drop, kept - drop);
		kept -= drop;
	}
	memcpy(agent->err + kept, at, bytes);
}

static void pump(struct agent_attempt *agent, struct sandbox_live *live)
{
	const char *at;
	size_t bytes;

	if (!agent->acp || agent->input_closed)
		return;
	at = acp_output(agent->acp, &bytes);
	if (bytes && sandbox_live_write(live, at, bytes) == 0)
		acp_written(agent->acp, bytes);
	if (acp_over(agent->acp)) {
		sandbox_live_close(live);
		agent->input_closed = true;
	}
}

static void on_output(void *context, struct sandbox_live *live, enum sandbox_stream stream, const void *at, size_t bytes)
{
	struct agent_attempt *agent = context;

	agent->active_ms = attempt_now_ms();
	if (stream == SANDBOX_ERR) {
		log_err(agent, at, bytes);
		return;
	}
	log_out(agent, at, bytes);
	if (agent_run_feed(&agent->run, &agent->lines, at, bytes))
		stop(agent, live, "events");
	if (agent_run_over(&agent->run))
		stop(agent, live, "events");
	pump(agent, live);
	agent_say_progress(agent, agent->active_ms, false);
}

/* ---- clocks ---- */

static void look_at_cpu(struct agent_attempt *agent, uint64_t now_ms, uint64_t cpu_ms)
{
	uint64_t elapsed = now_ms - agent->cpu_at_ms;

	if (elapsed < CPU_LOOK_MS)
		return;
	if ((cpu_ms - agent->cpu_ms) * 100 >= elapsed * CPU_BUSY_PERCENT)
		agent->active_ms = now_ms;
	agent->cpu_ms = cpu_ms;
	agent->cpu_at_ms = now_ms;
}

static bool is_spent(struct agent_attempt *agent)
{
	struct wire_usage usage;
	const char *by;

	agent_usage_of(agent, &usage, &by);
	if (agent->budget_tokens && usage.in + usage.out > agent->budget_tokens)
		return true;
	return agent->budget_microusd && agent_cost_of(agent) > agent->budget_microusd;
}

static const char *reason_to_stop(struct agent_attempt *agent, uint64_t now_ms)
{
	if (agent->count.spent || is_spent(agent))
		return "budget";
	if (!agent->log_total && now_ms - agent->begin_ms > agent->first_ms)
		return "first";
	return now_ms - agent->active_ms > agent->idle_ms ? "idle" : NULL;
}

static void on_tick(void *context, struct sandbox_live *live, uint64_t cpu_ms)
{
	struct agent_attempt *agent = context;
	uint64_t now_ms = attempt_now_ms();
	const char *reason;

	pump(agent, live);
	look_at_cpu(agent, now_ms, cpu_ms);
	if (agent->proxy)
		proxy_count(agent->proxy, &agent->count);
	if (agent->count.last_byte_ms > agent->active_ms)
		agent->active_ms = agent->count.last_byte_ms;
	agent_live_look(agent, now_ms);
	reason = reason_to_stop(agent, now_ms);
	if (reason)
		stop(agent, live, reason);
	agent_say_progress(agent, now_ms, false);
}

/* ---- the job ---- */

static void add_mounts(const struct agent_attempt *agent, struct sandbox_mount *mounts, size_t *out_count)
{
	size_t count = 0;

	mounts[count++] = (struct sandbox_mount){agent->home, AGENT_HOME, true};
	mounts[count++] = (struct sandbox_mount){agent->notes, "/notes", true};
	mounts[count++] = (struct sandbox_mount){agent->context, "/context", false};
	for (size_t i = 0; i < agent->setup->folder_count; i++)
		mounts[count++] = (struct sandbox_mount){agent->setup->folders[i], NULL, false};
	*out_count = count;
}

static void add_environment(const struct agent_attempt *agent, const char **environment)
{
	size_t count = 0;

	for (size_t i = 0; agent->command.environment[i]; i++)
		environment[count++] = agent->command.environment[i];
	for (size_t i = 0; attempt_environment[i]; i++)
		environment[count++] = attempt_environment[i];
	if (agent->setup->path[0])
		environment[count++] = agent->setup->path;
	environment[count] = NULL;
}

static int open_logs(struct agent_attempt *agent)
{
	snprintf(agent->log_path, sizeof(agent->log_path), "%.4000s/printed", agent->attempt->work);
	agent->log_fd = open(agent->log_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	agent->err = malloc(AGENT_ERR_BYTES + 1);
	return agent->log_fd >= 0 && agent->err
		       ? 0
		       : attempt_fail(agent->attempt, ERROR_IO, "what the agent prints cannot be kept: %s", strerror(errno));
}

/* How it ended, if it was not we in the callbacks who ended it. */
static void take_end(struct agent_attempt *agent)
{
	const struct sandbox_result *result = &agent->result;

	if (result->cancelled) {
		agent->attempt->cancelled = true;
		agent->stop = "cancelled";
	} else if (strcmp(agent->stop, "none") != 0) {
		return;
	} else if (agent->count.spent) { /* it was told so by the proxy, and ended before we asked it to */
		agent->stop = "budget";
	} else if (result->timed_out) {
		agent->stop = "wall";
	} else if (result->limit_reached) {
		agent->stop = "disk";
		snprintf(agent->stop_why, sizeof(agent->stop_why), "%s", result->why);
	} else if (result->stopped) {
		agent->stop = "cancelled";
	}
}

static int start(struct agent_attempt *agent, struct sandbox_job *job)
{
	int rc = sandbox_run(job, &agent->result);

	if (rc == ERR_TOOL_MISSING || rc == 0)
		return rc;
	return attempt_fail(agent->attempt, -rc, "%s cannot be run: %s", agent->setup->title,
			    agent->result.why[0] ? agent->result.why : error_sentence(rc));
}

/* The stages of a stop are part of the time for work: what comes after it has to be left for what becomes of the files. */
static uint32_t wall_of(const struct agent_attempt *agent)
{
	uint32_t left = attempt_time_left(agent->attempt), stages = 2 * agent->stage_ms;

	return left > 2 * stages ? left - stages : left / 2 + 1;
}

int agent_execute(struct agent_attempt *agent)
{
	const char *environment[ENVIRONMENT_MAX];
	struct sandbox_mount mounts[AGENT_FOLDERS_MAX + 3];
	struct sandbox_watch watch = {.context = agent,
				      .output = on_output,
				      .tick = on_tick,
				      .tick_ms = AGENT_TICK_MS,
				      .stage_ms = agent->stage_ms,
				      .talks = agent->acp != NULL};
	struct sandbox_job job = attempt_job(agent->attempt, wall_of(agent), OUTPUT_KEPT);
	int rc = open_logs(agent);

	if (rc)
		return rc;
	add_mounts(agent, mounts, &job.mount_count);
	add_environment(agent, environment);
	job.repository = NULL;
	job.argv = (const char *const *)agent->command.argv;
	job.environment = environment;
	job.bare_environment = true;
	job.work = agent->attempt->copy;
	job.in_work = true;
	job.mounts = mounts;
	job.input = (const uint8_t *)agent->input;
	job.input_bytes = agent->input_bytes;
	job.watch = &watch;
	job.disk_bytes = AGENT_DISK_BYTES;
	if (agent->proxy)
		job.relay = (struct sandbox_relay){AGENT_PORT, agent->socket};
	agent->run.sink = take_event;
	agent->run.context = agent;
	agent_lines_init(&agent->lines, 0);
	agent->begin_ms = agent->active_ms = agent->cpu_at_ms = attempt_now_ms();
	agent_say_progress(agent, agent->begin_ms, true);
	rc = start(agent, &job);
	agent_lines_end(&agent->lines, agent_run_line, &agent->run);
	agent_live_end(agent);
	agent_notes_publish(agent);
	if (agent->proxy)
		proxy_count(agent->proxy, &agent->count);
	if (rc == ERR_TOOL_MISSING)
		return agent_not_run(agent, AGENT_CLASS_NOT_INSTALLED, "%s", agent->result.why);
	if (!rc)
		take_end(agent);
	return rc;
}
