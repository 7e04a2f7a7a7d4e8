/* SPDX-License-Identifier: MIT
 *
 * Before the run: parameters, agent, folders, files, the command, the way to the model.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/attempt_agent_inner.h"
#include "actors/clone_inner.h"
#include "protocol/id.h"

#define SOCKET_BYTES_MAX 100u
#define STAGE_MS         2000u /* between the stages of a stop */
#define STAGE_MS_MIN     100u
#define RETRIES          1u /* of the program's own: who retries at length is us */
#define SETUP_SAID       200u

/* ---- the parameters ---- */

static const char *text_of(const struct agent_attempt *agent, const char *name)
{
	const char *text = json_string_value(json_object_get(agent->attempt->parameters, name));

	return text && *text ? text : NULL;
}

static uint64_t number_of(const json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));

	return value > 0 ? (uint64_t)value : 0;
}

static void take_timers(struct agent_attempt *agent)
{
	const json_t *timers = json_object_get(agent->attempt->parameters, "timers");
	uint64_t first = number_of(timers, "first_ms"), idle = number_of(timers, "idle_ms");
	uint64_t time_ms = (agent->attempt->end_ms - agent->attempt->begin_ms) / 16;

	agent->first_ms = first && first < UINT32_MAX ? (uint32_t)first : agent->setup->conf.first_ms;
	agent->idle_ms = idle && idle < UINT32_MAX ? (uint32_t)idle : agent->setup->conf.idle_ms;
	/* Two stages and the harvest have to fit into the fifth of the time that is not for work. */
	agent->stage_ms = time_ms > STAGE_MS ? STAGE_MS : time_ms < STAGE_MS_MIN ? STAGE_MS_MIN : (uint32_t)time_ms;
}

static void take_parameters(struct agent_attempt *agent)
{
	const json_t *parameters = agent->attempt->parameters, *temperature = json_object_get(parameters, "temperature");

	agent->prompt = text_of(agent, "prompt");
	agent->label = text_of(agent, "label");
	agent->race = text_of(agent, "race");
	agent->model = text_of(agent, "model");
	agent->notes_wanted = json_is_true(json_object_get(parameters, "notes"));
	agent->budget_tokens = number_of(agent->attempt->assignment, "budget_tokens");
	agent->budget_microusd = number_of(parameters, "budget_microusd");
	if (!agent->model && agent->setup->conf.model[0])
		agent->model = agent->setup->conf.model;
	if (json_is_number(temperature))
		snprintf(agent->temperature, sizeof(agent->temperature), "%.3g", json_number_value(temperature));
	else if (agent->setup->conf.temperature_permille != AGENT_TEMPERATURE_OWN)
		snprintf(agent->temperature, sizeof(agent->temperature), "%.3g",
			 agent->setup->conf.temperature_permille / 1000.0);
	take_timers(agent);
}

int agent_not_run(struct agent_attempt *agent, enum agent_class class, const char *format, ...)
{
	va_list arguments;

	agent->verdict = (struct agent_verdict){.class = class, .retry = agent_class_retryable(class)};
	va_start(arguments, format);
	vsnprintf(agent->verdict.why, sizeof(agent->verdict.why), format, arguments);
	va_end(arguments);
	return 1;
}

/* ---- the agent ---- */

static int find_state(struct agent_attempt *agent)
{
	const char *path = getenv("BUNSHIN_STATE");
	char sentence[SENTENCE_BYTES] = "";

	if (path && *path && state_open_existing(path, &agent->state, sentence) == 0)
		return 0;
	return attempt_fail(agent->attempt, ERROR_CONFIG, "BUNSHIN_STATE does not name a state folder %.200s", sentence);
}

static int choose(struct agent_attempt *agent, char sentence[SENTENCE_BYTES])
{
	struct agent_history *history = NULL;
	int rc = agent_history_read(&agent->state, &history);

	if (!rc)
		rc = agent_choose(agent->conf, &agent->state, history, agent->level, 1, &agent->chosen, sentence);
	agent_history_free(history);
	agent->name = agent->chosen.name;
	return rc;
}

static int find_agent(struct agent_attempt *agent)
{
	uint64_t files = number_of(agent->attempt->inventory, "file_count");
	char sentence[SENTENCE_BYTES] = "";
	int rc = agent_conf_read(&agent->conf, sentence);

	agent->level = agent_work_level(text_of(agent, "prompt"), (uint32_t)files);
	agent->name = text_of(agent, "agent");
	if (!rc && strcmp(agent->name, AGENT_AUTO) == 0)
		rc = choose(agent, sentence);
	if (!rc)
		rc = agent_setup_new(agent->conf, agent->name, &agent->setup, sentence);
	if (!rc && vault_new(&agent->state, &agent->vault))
		rc = ERR_IO;
	return rc ? attempt_fail(agent->attempt, rc == ERR_NOT_FOUND ? ERROR_INVALID_PARAMETERS : -rc, "%s",
				 *sentence ? sentence : error_sentence(rc))
		  : 0;
}

int agent_prepare(struct agent_attempt *agent)
{
	char sentence[SENTENCE_BYTES];
	int rc = find_state(agent);

	if (!rc)
		rc = find_agent(agent);
	if (rc)
		return rc;
	take_parameters(agent);
	agent_run_init(&agent->run, &agent->setup->cli,
		       &(struct agent_limits){.turns_max = agent->setup->conf.turns ? agent->setup->conf.turns + 1 : 0}, NULL,
		       NULL);
	if (!agent->setup->installed) {
		agent_setup_hint(agent->setup, sentence);
		return agent_not_run(agent, AGENT_CLASS_NOT_INSTALLED, "%.390s", sentence);
	}
	if (agent_setup_key(agent->setup, &agent->state, agent->key, sentence))
		return agent_not_run(agent, AGENT_CLASS_AUTH, "%.390s", sentence);
	rc = agent_setup_version(agent->setup, &agent->state, agent->attempt->cancel_fd, sentence);
	return rc ? agent_not_run(agent, AGENT_CLASS_CONFIG, "%.390s", sentence) : 0;
}

/* ---- folders and files ---- */

static int make_folders(const char *path)
{
	char part[PATH_MAX];

	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return -1;
	for (char *at = part + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(part, 0700) && errno != EEXIST)
			return -1;
		*at = '/';
	}
	return mkdir(part, 0700) && errno != EEXIST ? -1 : 0;
}

static int lay_folder(struct agent_attempt *agent, const char *name, char out_path[PATH_MAX])
{
	if (snprintf(out_path, PATH_MAX, "%s/%s", agent->attempt->work, name) < PATH_MAX && make_folders(out_path) == 0)
		return 0;
	return attempt_fail(agent->attempt, ERROR_IO, "the folder '%s' could not be made in the work folder: %s", name,
			    strerror(errno));
}

int race_context_folder(const struct state_folder *state, const char *race, char out_path[PATH_BYTES])
{
	char relative[128];
	struct id id;

	if (id_parse(race, strlen(race), &id))
		return ERR_USAGE;
	snprintf(relative, sizeof(relative), "races/%.40s/context/notes", race);
	if (state_path(state, relative, out_path) || make_folders(out_path))
		return ERR_IO;
	*strrchr(out_path, '/') = '\0';
	return 0;
}

static int lay_context(struct agent_attempt *agent)
{
	char path[PATH_BYTES];

	if (!agent->race)
		return lay_folder(agent, "context", agent->context);
	if (race_context_folder(&agent->state, agent->race, path))
		return attempt_fail(agent->attempt, ERROR_INVALID_PARAMETERS,
				    "parameters.race is \"%.60s\"; the id of the task that holds the race is accepted, or null",
				    agent->race);
	snprintf(agent->context, sizeof(agent->context), "%s", path);
	return 0;
}

/* What the agent sees below /home/agent is here below its home. */
static int outside(const struct agent_attempt *agent, const char *inside, char out_path[PATH_MAX])
{
	size_t bytes = sizeof(AGENT_HOME) - 1;

	if (strncmp(inside, AGENT_HOME "/", bytes + 1) != 0 || strstr(inside, "/../"))
		return -1;
	return snprintf(out_path, PATH_MAX, "%s%s", agent->home, inside + bytes) < PATH_MAX ? 0 : -1;
}

static int write_config(struct agent_attempt *agent)
{
	char path[PATH_MAX], folder[PATH_MAX];
	FILE *file;
	bool written;

	if (!agent->command.config_path)
		return 0;
	if (outside(agent, agent->command.config_path, path))
		return -1;
	snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	if (make_folders(folder))
		return -1;
	file = fopen(path, "wxe");
	written = file && fputs(agent->command.config, file) >= 0;
	if (file && fclose(file))
		written = false;
	return written ? 0 : -1;
}

static int lay_files(struct agent_attempt *agent)
{
	char path[PATH_MAX];

	for (size_t i = 0; agent->command.folders[i]; i++)
		if (outside(agent, agent->command.folders[i], path) || make_folders(path))
			return attempt_fail(agent->attempt, ERROR_IO, "a folder in the agent's home could not be made");
	return write_config(agent) ? attempt_fail(agent->attempt, ERROR_IO, "the agent's configuration could not be written") : 0;
}

/* ---- the command and the prompt ---- */

static int make_command(struct agent_attempt *agent)
{
	char why[AGENT_WHY_BYTES] = "";
	struct agent_settings settings = {.endpoint = AGENT_ENDPOINT,
					  .key = AGENT_KEY_SHOWN,
					  .model = agent->model,
					  .home = AGENT_HOME,
					  .worktree = AGENT_WORK,
					  .turns = agent->setup->conf.turns,
					  .temperature = agent->temperature[0] ? agent->temperature : NULL,
					  .budget = (double)agent->budget_microusd / 1e6,
					  .retries = RETRIES,
					  .idle_ms = agent->idle_ms};
	int rc = agent_command_make(&agent->setup->cli, &settings, &agent->command, why);

	if (rc == ERR_MEMORY)
		return attempt_fail(agent->attempt, ERROR_MEMORY, "out of memory");
	return rc ? agent_not_run(agent, AGENT_CLASS_CONFIG, "%s", why) : 0;
}

/* Who shares notes has to know of the others. */
static char *prompt_text(const struct agent_attempt *agent)
{
	static const char others[] =
		"\n\nOther agents work on the same task at the same time, each on a copy of its own. /context/status.json says "
		"how they "
		"are getting on, and the files in /context/notes are what they have noted; both may be missing. What may help "
		"them, and "
		"only that, you can write into /notes/note.md. Rely on nothing that stands there without checking it.\n";
	const char *more = agent->race && agent->notes_wanted ? others : "";
	size_t bytes = strlen(agent->prompt) + strlen(more) + 1;
	char *text = malloc(bytes);

	if (text)
		snprintf(text, bytes, "%s%s", agent->prompt, more);
	return text;
}

static int give_prompt(struct agent_attempt *agent, const char *prompt)
{
	struct acp_options options = {.worktree = AGENT_WORK, .prompt = prompt, .prompt_bytes = strlen(prompt), .context = agent};
	int rc;

	if (!agent->setup->cli.speaks_acp) {
		agent->input = agent_prompt_new(prompt, strlen(prompt), &agent->input_bytes);
		return agent->input ? 0 : attempt_fail(agent->attempt, ERROR_MEMORY, "out of memory");
	}
	rc = acp_new(&agent->run, &options, &agent->acp);
	return rc ? attempt_fail(agent->attempt, -rc, "the prompt could not be given to %s", agent->setup->title) : 0;
}

static int make_prompt(struct agent_attempt *agent)
{
	char *prompt = prompt_text(agent);
	int rc = prompt ? give_prompt(agent, prompt) : attempt_fail(agent->attempt, ERROR_MEMORY, "out of memory");

	free(prompt);
	return rc;
}

/* ---- the way to the model ---- */

/* The path of a socket is short: where the work folder's is not, a folder of ours elsewhere. */
static int place_socket(struct agent_attempt *agent)
{
	char folder[] = "/tmp/bunshin-model-XXXXXX";

	if (snprintf(agent->socket, sizeof(agent->socket), "%s/model", agent->attempt->work) <= (int)SOCKET_BYTES_MAX)
		return 0;
	if (!mkdtemp(folder))
		return -1;
	snprintf(agent->socket_folder, sizeof(agent->socket_folder), "%s", folder);
	snprintf(agent->socket, sizeof(agent->socket), "%s/model", folder);
	return 0;
}

static int open_proxy(struct agent_attempt *agent)
{
	const struct agent_conf *conf = &agent->setup->conf;
	struct proxy_options options = {.socket = agent->socket,
					.server = agent->setup->server,
					.key = agent->key[0] ? agent->key : NULL,
					.price = {conf->price_in, conf->price_cached, conf->price_cache_write, conf->price_out},
					.tokens_max = agent->budget_tokens,
					.microusd_max = conf->priced ? agent->budget_microusd : 0};
	char why[256] = "";

	if (!agent->setup->server)
		return 0;
	if (place_socket(agent))
		return attempt_fail(agent->attempt, ERROR_IO, "no place could be made for the socket of the model: %s",
				    strerror(errno));
	options.socket = agent->socket;
	return proxy_open(&options, &agent->proxy, why)
		       ? attempt_fail(agent->attempt, ERROR_CONFIG, "the way to the model server cannot be opened: %s", why)
		       : 0;
}

int agent_lay(struct agent_attempt *agent)
{
	int rc = lay_folder(agent, "home", agent->home);

	if (!rc)
		rc = lay_folder(agent, "notes", agent->notes);
	if (!rc)
		rc = lay_context(agent);
	if (!rc)
		rc = make_command(agent);
	if (!rc)
		rc = lay_files(agent);
	if (!rc)
		rc = make_prompt(agent);
	if (!rc)
		rc = open_proxy(agent);
	if (!rc)
		agent_copies_bring(agent);
	return rc;
}

void agent_unlay(struct agent_attempt *agent)
{
	if (agent->socket_folder[0])
		rmdir(agent->socket_folder);
	if (agent->log_fd >= 0)
		close(agent->log_fd);
}

/* ---- setup ---- */

static int set_up_line(struct agent_attempt *agent, size_t number, const char *line)
{
	const char *const argv[] = {"sh", "-c", line, NULL};
	struct sandbox_job job = attempt_job(agent->attempt, attempt_time_left(agent->attempt), AGENT_ERR_BYTES);
	struct sandbox_result result;
	int rc;

	attempt_progress(agent->attempt, "setup", 40, "setup line %zu: %.200s", number, line);
	job.argv = argv;
	job.work = agent->attempt->copy;
	job.in_work = true;
	job.environment = attempt_environment;
	rc = sandbox_run(&job, &result);
	if (rc)
		return attempt_fail(agent->attempt, -rc, "setup line %zu could not be run: %s", number, result.why);
	agent->attempt->cpu_ms += result.cpu_ms;
	if (result.cancelled) {
		agent->attempt->cancelled = true;
		agent->stop = "cancelled";
		rc = agent_not_run(agent, AGENT_CLASS_CANCELLED, "it was cancelled while the setup ran");
	} else if (result.exit_status != 0) {
		rc = agent_not_run(agent, AGENT_CLASS_CONFIG, "setup line %zu (%.80s) ended with %d: %.*s", number, line,
				   result.exit_status, (int)SETUP_SAID, result.err ? (const char *)result.err : "");
	}
	sandbox_release(&result);
	return rc;
}

int agent_set_up(struct agent_attempt *agent)
{
	const json_t *lines = json_object_get(agent->attempt->parameters, "setup"), *line;
	int rc = 0;
	size_t i;

	json_array_foreach (lines, i, line) {
		if (!rc)
			rc = set_up_line(agent, i + 1, json_string_value(line));
	}
	return rc;
}
