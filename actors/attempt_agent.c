/* SPDX-License-Identifier: MIT
 *
 * The order of things: prepare, set up, run, and then find out what it was worth keeping.
 */
#include "actors/attempt_agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/attempt_agent_inner.h"
#include "actors/salvage.h"

/* ---- what becomes of the files ---- */

static bool has_changes(const json_t *harvest)
{
	return json_is_string(json_object_get(harvest, "ref"));
}

static enum agent_stop stop_of(const char *stop)
{
	if (strcmp(stop, "wall") == 0)
		return AGENT_STOP_WALL;
	if (strcmp(stop, "idle") == 0 || strcmp(stop, "first") == 0)
		return AGENT_STOP_IDLE;
	if (strcmp(stop, "none") == 0)
		return AGENT_STOP_NONE;
	return strcmp(stop, "cancelled") == 0 ? AGENT_STOP_CANCELLED : AGENT_STOP_BUDGET;
}

/* What the last answer of the model was, where that was none to end with. NONE: nothing is wrong with it. */
static enum agent_class class_of_last(const struct agent_attempt *agent, const char **out_words)
{
	switch (agent->count.last_ending) {
	case WIRE_OPEN:
		*out_words = "the last answer of the model broke off";
		return AGENT_CLASS_TRUNCATED;
	case WIRE_LENGTH:
		*out_words = "the last answer of the model was cut by its length";
		return AGENT_CLASS_TRUNCATED;
	case WIRE_REFUSAL:
		*out_words = "the last that came from the model was a refusal";
		return AGENT_CLASS_REFUSED;
	case WIRE_ERROR:
		*out_words = "the last that came from its model server was an error";
		return agent->count.last_status >= 400 ? agent_class_of_status(agent->count.last_status, (struct text){0})
						       : AGENT_CLASS_SERVER;
	default:
		return AGENT_CLASS_NONE;
	}
}

/* Whoever says that it is done has asked its model, and got an answer: that is known here, whatever it prints. */
static void doubt(struct agent_attempt *agent)
{
	const char *words = "";
	enum agent_class class = class_of_last(agent, &words);

	if (agent->count.requests == 0)
		(void)!agent_not_run(agent, AGENT_CLASS_CONFIG, "it says that it is done, and never asked the model");
	else if (agent->count.usage.out == 0)
		(void)!agent_not_run(agent, AGENT_CLASS_TRUNCATED,
				     "it says that it is done, and not a token came back from the model");
	else if (class != AGENT_CLASS_NONE)
		(void)!agent_not_run(agent, class, "it says that it is done, and %s", words);
	agent->verdict.status = agent->verdict.ok ? 0 : agent->count.last_status;
}

/* Silence, or no end, has a reason where the server's last word was an error: then that is what another try, or another lane, has to know. */
static void find_reason(struct agent_attempt *agent)
{
	unsigned status = agent->count.last_status;
	struct agent_verdict *verdict = &agent->verdict;
	enum agent_class class = agent_class_of_status(status, (struct text){0});

	if (verdict->class != AGENT_CLASS_TIMEOUT_IDLE && verdict->class != AGENT_CLASS_TIMEOUT_WALL)
		return;
	if (class != AGENT_CLASS_RATE_LIMIT && class != AGENT_CLASS_OVERLOADED && class != AGENT_CLASS_SERVER)
		return;
	verdict->class = class;
	verdict->retry = agent_class_retryable(class);
	verdict->status = status;
	snprintf(verdict->why, sizeof(verdict->why), "it was stopped while it asked again and again: %s (status %u)",
		 agent_class_sentence(class), status);
}

static void judge(struct agent_attempt *agent, enum agent_changed changed)
{
	struct agent_ending ending = {
		.stop = stop_of(agent->stop),
		.exit_status = agent->result.exit_status,
		.signal = agent->result.signal,
		.err = {agent->err, (uint32_t)(agent->err_total < AGENT_ERR_BYTES ? agent->err_total : AGENT_ERR_BYTES)},
		.changed = changed,
		.change_wanted = true};

	agent_run_verdict(&agent->run, &ending, &agent->verdict);
	if (agent->verdict.ok && agent->proxy)
		doubt(agent);
	else if (agent->proxy)
		find_reason(agent);
	if (agent->stop_why[0])
		snprintf(agent->verdict.why, sizeof(agent->verdict.why), "%s", agent->stop_why);
}

/* A run that went well and changed something is handed in; what any other run has left is kept, but nobody takes it for a result. */
static int take_files(struct agent_attempt *agent)
{
	struct attempt *attempt = agent->attempt;
	json_t **out = agent->verdict.ok ? &attempt->harvest : &attempt->kept;

	agent_copies_take_away(agent);
	if (attempt_harvest_agent(attempt, !agent->verdict.ok, out) != 0)
		return -1;
	agent->changed = has_changes(*out);
	agent->files = json_array_size(json_object_get(*out, "changes"));
	attempt->salvage = false;
	salvage_done(attempt->work);
	if (agent->ran)
		judge(agent, agent->changed ? AGENT_CHANGED_SOMETHING : AGENT_CHANGED_NOTHING);
	return 0;
}

/* ---- the run ---- */

static int run(struct agent_attempt *agent)
{
	int rc = agent_lay(agent);

	if (!rc)
		rc = agent_set_up(agent);
	if (rc)
		return rc;
	rc = agent_execute(agent);
	if (rc)
		return rc;
	agent->ran = true;
	judge(agent, AGENT_CHANGED_SOMETHING);
	return 0;
}

static int lay_salvage(struct agent_attempt *agent)
{
	json_t *request = attempt_harvest_request(agent->attempt);
	int rc = salvage_lay(agent->attempt->work, request, agent->socket_folder);

	json_decref(request);
	agent->attempt->salvage = rc == 0;
	return rc ? attempt_fail(agent->attempt, ERROR_IO, "the note for what has to be salvaged could not be written") : 0;
}

/* What is kept of what it printed; masked, since it becomes an artefact. */
static void take_logs(struct agent_attempt *agent, struct output *output)
{
	char *log = malloc(AGENT_LOG_BYTES + 256);
	size_t bytes = 0, err_bytes = agent->err_total < AGENT_ERR_BYTES ? (size_t)agent->err_total : AGENT_ERR_BYTES;

	if (log && agent->log_path[0] && file_read(agent->log_path, log, AGENT_LOG_BYTES + 1, &bytes) == 0) {
		agent_mask(agent, log, bytes);
		if (agent->log_total > agent->log_bytes)
			bytes +=
				(size_t)snprintf(log + bytes, 200, "\n{\"bunshin\":\"%llu bytes that followed were not kept\"}\n",
						 (unsigned long long)(agent->log_total - agent->log_bytes));
		output->out = (struct bytes){(uint8_t *)log, (uint32_t)bytes};
	} else {
		free(log);
	}
	if (err_bytes && agent->err) {
		agent_mask(agent, agent->err, err_bytes);
		output->err = (struct bytes){(uint8_t *)agent->err, (uint32_t)err_bytes};
		agent->err = NULL;
	}
	if (agent->log_path[0])
		remove(agent->log_path);
}

static void take_output(struct agent_attempt *agent, struct output *output)
{
	struct attempt *attempt = agent->attempt;
	const struct sandbox_result *result = &agent->result;
	struct wire_usage usage;
	const char *by;

	output->ran = agent->ran;
	if (!agent->ran)
		output->why = strdup(agent->verdict.why);
	output->exit_status = result->exit_status;
	output->signal = result->signal;
	output->timed_out = strcmp(agent->stop, "wall") == 0;
	output->wall_ms = result->wall_ms;
	output->cpu_ms = result->cpu_ms;
	output->peak_rss_kb = result->peak_rss_kb;
	attempt->cpu_ms += result->cpu_ms;
	attempt->processes_ended += result->processes_ended;
	attempt->processes_left += result->processes_left;
	agent_usage_of(agent, &usage, &by);
	attempt->tokens = usage.in + usage.out;
	attempt->cost_microusd = agent_cost_of(agent);
	attempt->agent = agent_json(agent);
}

static int cancelled(struct agent_attempt *agent)
{
	struct attempt *attempt = agent->attempt;
	const char *ref = json_string_value(json_object_get(attempt->kept, "ref"));

	return attempt_fail(attempt, ERROR_CANCELLED, "%s was asked to end and has ended; %s%s; %u processes are left",
			    agent->setup->title, ref ? "what it had changed is kept on " : "it had changed nothing",
			    ref ? ref : "", attempt->processes_left);
}

static void release(struct agent_attempt *agent)
{
	proxy_close(agent->proxy);
	agent_unlay(agent);
	acp_free(agent->acp);
	agent_command_release(&agent->command);
	agent_setup_free(agent->setup);
	agent_lines_release(&agent->lines);
	sandbox_release(&agent->result);
	json_decref(agent->copies);
	json_decref(agent->copies_left);
	free(agent->conf);
	free(agent->input);
	free(agent->err);
	vault_free(agent->vault);
	explicit_bzero(agent->key, sizeof(agent->key));
	free(agent);
}

int attempt_agent(struct attempt *attempt, struct output *output)
{
	struct agent_attempt *agent = calloc(1, sizeof(*agent));
	int rc;

	if (!agent)
		return attempt_fail(attempt, ERROR_MEMORY, "out of memory");
	*agent = (struct agent_attempt){
		.attempt = attempt, .stop = "none", .log_fd = -1, .copies = json_array(), .copies_left = json_array()};
	rc = agent_prepare(agent);
	if (!rc)
		rc = lay_salvage(agent);
	if (!rc)
		rc = run(agent);
	if (rc >= 0 && attempt->salvage)
		rc = take_files(agent);
	else if (rc > 0)
		rc = 0;
	if (!rc) {
		take_output(agent, output);
		take_logs(agent, output);
	}
	if (!rc && strcmp(agent->stop, "cancelled") == 0)
		rc = cancelled(agent);
	release(agent);
	return rc;
}
