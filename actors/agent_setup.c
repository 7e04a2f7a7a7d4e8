/* SPDX-License-Identifier: MIT
 *
 * From a section of routing.conf to a row of the table of agents, and to a program on this machine.
 */
#include "actors/agent_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/supervisor.h"
#include "clones/agents/described.h"
#include "workspace/sandbox.h"

#define ROUTES_BYTES_MAX 262144u
#define WORDS_MAX        (AGENT_ARGUMENTS_MAX + 1u)
#define INTERPRETER      "node"

/* ---- the configuration ---- */

int agent_conf_read(struct conf **out_conf, char out_sentence[SENTENCE_BYTES])
{
	const char *path = getenv("BUNSHIN_ROUTES");
	char *text = malloc(ROUTES_BYTES_MAX);
	struct conf *conf = calloc(1, sizeof(*conf));
	size_t bytes;
	int rc = text && conf ? 0 : ERR_MEMORY;

	snprintf(out_sentence, SENTENCE_BYTES, "%s", rc ? "out of memory" : "");
	if (!rc && (!path || !*path)) { /* what is built in is there all the same */
		free(text);
		*out_conf = conf;
		return 0;
	}
	if (!rc && file_read(path, text, ROUTES_BYTES_MAX, &bytes)) {
		snprintf(out_sentence, SENTENCE_BYTES, "%.300s cannot be read", path);
		rc = ERR_CONFIG;
	}
	if (!rc)
		rc = conf_parse(text, path, conf, out_sentence);
	free(text);
	if (rc)
		free(conf);
	else
		*out_conf = conf;
	return rc;
}

static int set_described(struct agent_setup *setup, char out_sentence[SENTENCE_BYTES])
{
	const struct agent_conf *conf = &setup->conf;
	const char *const texts[][2] = {{"session", conf->session},
					{"model", conf->reported_model},
					{"text", conf->text},
					{"text_pieces", conf->text_pieces ? "yes" : ""},
					{"tool", conf->tool},
					{"path", conf->path},
					{"usage_in", conf->usage_in},
					{"usage_cached", conf->usage_cached},
					{"usage_out", conf->usage_out},
					{"usage_excludes_cached", conf->usage_excludes_cached ? "yes" : ""},
					{"usage_counts", conf->usage_counts},
					{"cost", conf->cost},
					{"error", conf->error},
					{"status", conf->status},
					{"final", conf->final},
					{"final_ok", conf->final_ok}};
	char why[AGENT_WHY_BYTES] = "";
	int rc = (setup->described = agent_described_new()) ? 0 : ERR_MEMORY;

	for (size_t i = 0; !rc && i < sizeof(texts) / sizeof(texts[0]); i++)
		if (*texts[i][1])
			rc = agent_described_set(setup->described, texts[i][0], texts[i][1], why);
	if (!rc)
		rc = agent_described_cli(setup->described, &setup->cli, why);
	if (rc)
		snprintf(out_sentence, SENTENCE_BYTES, "agent %s: %s", conf->name, *why ? why : error_sentence(rc));
	return rc == ERR_INVALID_PARAMETERS ? ERR_CONFIG : rc;
}

static int set_row(struct agent_setup *setup, char out_sentence[SENTENCE_BYTES])
{
	const struct agent_cli *row = agent_cli_find(setup->conf.adapter);

	if (strcmp(setup->conf.adapter, "jsonl") == 0)
		return set_described(setup, out_sentence);
	if (strcmp(setup->conf.adapter, "acp") == 0) {
		agent_cli_acp(&setup->cli);
		return 0;
	}
	if (!row) {
		snprintf(out_sentence, SENTENCE_BYTES, "agent %s: nobody knows how \"%s\" is started", setup->conf.name,
			 setup->conf.adapter);
		return ERR_CONFIG;
	}
	setup->cli = *row;
	return 0;
}

/* Further words go to the end, but before a lone dash, which says where the prompt comes from. */
static int add_words(struct agent_setup *setup, const char *const *words, char out_sentence[SENTENCE_BYTES])
{
	size_t count = 0;
	bool dash;

	while (count < AGENT_ARGUMENTS_MAX && setup->cli.arguments[count].text)
		count++;
	dash = count && strcmp(setup->cli.arguments[count - 1].text, "-") == 0;
	count -= dash;
	for (; *words; words++) {
		if (count + dash >= AGENT_ARGUMENTS_MAX) {
			snprintf(out_sentence, SENTENCE_BYTES, "agent %s has too many words to start it with; %u are possible",
				 setup->conf.name, AGENT_ARGUMENTS_MAX);
			return ERR_CONFIG;
		}
		setup->cli.arguments[count++] = (struct agent_template){.text = *words};
	}
	if (dash)
		setup->cli.arguments[count] = (struct agent_template){.text = "-"};
	return 0;
}

static int set_words(struct agent_setup *setup, char out_sentence[SENTENCE_BYTES])
{
	const char *words[WORDS_MAX + 1];
	bool described = setup->conf.command[0];
	const char *text = described ? setup->conf.command : setup->conf.arguments;
	char why[SENTENCE_BYTES] = "";
	int rc = *text ? command_split(text, setup->words, sizeof(setup->words) / 2, words, WORDS_MAX, why) : 0;

	if (rc)
		snprintf(out_sentence, SENTENCE_BYTES, "agent %s: %.400s", setup->conf.name, why);
	if (rc || !*text)
		return rc;
	if (described)
		setup->cli.program = words[0];
	rc = add_words(setup, words + described, out_sentence);
	if (rc || !described || !setup->conf.arguments[0])
		return rc;
	rc = command_split(setup->conf.arguments, setup->words + sizeof(setup->words) / 2, sizeof(setup->words) / 2, words,
			   WORDS_MAX, out_sentence);
	return rc ? rc : add_words(setup, words, out_sentence);
}

static void set_variables(struct agent_setup *setup)
{
	size_t count = 0;

	while (count < AGENT_ENVIRONMENT_MAX && setup->cli.environment[count].name)
		count++;
	memcpy(setup->variables, setup->conf.environment, sizeof(setup->variables));
	for (size_t i = 0; i < AGENT_VARIABLES_MAX && setup->variables[i][0] && count < AGENT_ENVIRONMENT_MAX; i++) {
		char *equals = strchr(setup->variables[i], '=');

		*equals = '\0';
		setup->cli.environment[count++] =
			(struct agent_variable){.name = setup->variables[i], .value = {.text = equals + 1}};
	}
}

/* ---- the model server ---- */

static void set_server(struct agent_setup *setup)
{
	static const char *const vendors[][2] = {{"anthropic", "https://api.anthropic.com"},
						 {"responses", "https://api.openai.com"},
						 {"gemini", "https://generativelanguage.googleapis.com"},
						 {"chat", "https://api.openai.com"},
						 {"ollama", "http://127.0.0.1:11434"}};
	bool described = strcmp(setup->conf.adapter, "jsonl") == 0 || strcmp(setup->conf.adapter, "acp") == 0;

	if (setup->conf.endpoint[0])
		setup->server = setup->conf.endpoint;
	for (size_t i = 0; !setup->server && !described && i < sizeof(vendors) / sizeof(vendors[0]); i++)
		if (setup->cli.wire && strcmp(setup->cli.wire, vendors[i][0]) == 0 && strcmp(setup->conf.adapter, "local") != 0)
			setup->server = vendors[i][1];
	if (!setup->conf.wire[0] && setup->cli.wire)
		snprintf(setup->conf.wire, sizeof(setup->conf.wire), "%s", setup->cli.wire);
}

/* ---- the program ---- */

/* What every program in the sandbox sees anyway. */
static bool is_seen(const char *path)
{
	return strncmp(path, "/usr/", 5) == 0 || strncmp(path, "/bin/", 5) == 0 || strncmp(path, "/sbin/", 6) == 0 ||
	       strncmp(path, "/lib/", 5) == 0 || strncmp(path, "/lib64/", 7) == 0;
}

/* The same, or below it. */
static bool is_within(const char *path, const char *folder)
{
	size_t bytes = strlen(folder);

	return strncmp(path, folder, bytes) == 0 && (path[bytes] == '\0' || path[bytes] == '/');
}

/* What is in a folder that is seen anyway is not mounted once more. */
static void add_folder(struct agent_setup *setup, const char *path)
{
	size_t kept = 0;

	if (is_seen(path) || setup->folder_count == AGENT_FOLDERS_MAX || strlen(path) >= PATH_MAX)
		return;
	for (size_t i = 0; i < setup->folder_count; i++)
		if (is_within(path, setup->folders[i]))
			return;
	for (size_t i = 0; i < setup->folder_count; i++)
		if (!is_within(setup->folders[i], path) && kept++ != i)
			memcpy(setup->folders[kept - 1], setup->folders[i], PATH_MAX);
	setup->folder_count = kept;
	snprintf(setup->folders[setup->folder_count++], PATH_MAX, "%s", path);
}

static bool is_program(const char *path, char out_real[PATH_MAX])
{
	struct stat status;

	return realpath(path, out_real) && stat(out_real, &status) == 0 && S_ISREG(status.st_mode) && access(out_real, X_OK) == 0;
}

static bool look_up(const char *name, char out_real[PATH_MAX])
{
	const char *path = getenv("PATH");
	char candidate[PATH_MAX];

	if (strchr(name, '/'))
		return *name == '/' && is_program(name, out_real);
	for (path = path ? path : "/usr/local/bin:/usr/bin:/bin"; *path;) {
		size_t bytes = strcspn(path, ":");

		if (bytes && *path == '/' &&
		    snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)bytes, path, name) < (int)sizeof(candidate) &&
		    is_program(candidate, out_real))
			return true;
		path += bytes + (path[bytes] == ':');
	}
	return false;
}

/* A package of npm is needed with those beside it; of anything else the file alone. */
static void add_program(struct agent_setup *setup, const char *real)
{
	const char *modules = strstr(real, "/node_modules/");
	char folder[PATH_MAX];

	if (modules)
		snprintf(folder, sizeof(folder), "%.*s/node_modules", (int)(modules - real), real);
	add_folder(setup, modules ? folder : real);
}

static bool wants_interpreter(const char *real)
{
	char line[128] = "";
	int fd = open(real, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, line, sizeof(line) - 1) : 0;

	if (fd >= 0)
		close(fd);
	line[got > 0 ? got : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return strncmp(line, "#!", 2) == 0 && strstr(line, INTERPRETER);
}

/* A script of Node.js whose interpreter is not where the sandbox looks. */
static void add_interpreter(struct agent_setup *setup)
{
	char real[PATH_MAX], folder[PATH_MAX];
	char *slash;

	if (!wants_interpreter(setup->program) || !look_up(INTERPRETER, real) || is_seen(real))
		return;
	snprintf(folder, sizeof(folder), "%s", real);
	slash = strrchr(folder, '/');
	*slash = '\0';
	add_folder(setup, real);
	snprintf(setup->path, sizeof(setup->path), "PATH=%s:/usr/local/bin:/usr/bin:/bin:/opt/bunshin", folder);
}

/* Files that the command names by their paths, such as a script. */
static void add_named_files(struct agent_setup *setup)
{
	struct stat status;

	for (size_t i = 0; setup->conf.command[0] && i < AGENT_ARGUMENTS_MAX && setup->cli.arguments[i].text; i++) {
		const char *word = setup->cli.arguments[i].text;

		if (*word == '/' && stat(word, &status) == 0 && S_ISREG(status.st_mode))
			add_folder(setup, word);
	}
}

static void find_program(struct agent_setup *setup)
{
	const char *wanted = setup->conf.program[0] && !setup->conf.command[0] ? setup->conf.program : setup->cli.program;

	for (size_t i = 0; i < AGENT_MOUNTS_MAX && setup->conf.mounts[i][0]; i++)
		add_folder(setup, setup->conf.mounts[i]);
	setup->own = strcmp(wanted, SANDBOX_NAME) == 0;
	if (setup->own) {
		setup->installed = true;
		snprintf(setup->version, sizeof(setup->version), "%s", BUNSHIN_VERSION);
		return;
	}
	setup->installed = look_up(wanted, setup->program);
	if (!setup->installed) {
		setup->program[0] = '\0';
		return;
	}
	add_program(setup, setup->program);
	add_interpreter(setup);
	add_named_files(setup);
	setup->cli.program = setup->program;
}

void agent_setup_hint(const struct agent_setup *setup, char out_sentence[SENTENCE_BYTES])
{
	const char *wanted = setup->conf.program[0] && !setup->conf.command[0] ? setup->conf.program : setup->cli.program;

	if (setup->cli.package)
		snprintf(out_sentence, SENTENCE_BYTES,
			 "the program %.200s is not there; `npm install -g %s` gets it, or `program` in section agent %s says "
			 "where it is",
			 wanted, setup->cli.package, setup->conf.name);
	else
		snprintf(out_sentence, SENTENCE_BYTES,
			 "the program %.200s is not there; section agent %s in routing.conf says what it is", wanted,
			 setup->conf.name);
}

/* ---- all of it ---- */

int agent_setup_new(const struct conf *conf, const char *name, struct agent_setup **out_setup, char out_sentence[SENTENCE_BYTES])
{
	const struct agent_conf *found = conf_agent(conf, name);
	struct agent_setup *setup;
	int rc;

	*out_sentence = '\0';
	if (!found) {
		snprintf(out_sentence, SENTENCE_BYTES, "there is no agent \"%.60s\"; `bunshin agent list` shows those there are",
			 name);
		return ERR_NOT_FOUND;
	}
	setup = calloc(1, sizeof(*setup));
	if (!setup)
		return ERR_MEMORY;
	setup->conf = *found;
	rc = set_row(setup, out_sentence);
	if (!rc)
		rc = set_words(setup, out_sentence);
	if (rc) {
		agent_setup_free(setup);
		return rc;
	}
	set_variables(setup);
	set_server(setup);
	find_program(setup);
	setup->title = setup->conf.title[0]                          ? setup->conf.title
		       : setup->conf.command[0] || !setup->cli.title ? setup->conf.name
								     : setup->cli.title;
	setup->cli.title = setup->title;
	*out_setup = setup;
	return 0;
}

void agent_setup_free(struct agent_setup *setup)
{
	if (!setup)
		return;
	agent_described_free(setup->described);
	free(setup);
}

/* ---- the key ---- */

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static int read_file_key(const char *path, char out_key[AGENT_KEY_VALUE_BYTES], char out_sentence[SENTENCE_BYTES])
{
	struct stat status;
	size_t bytes = 0;

	if (stat(path, &status) || file_read(path, out_key, AGENT_KEY_VALUE_BYTES, &bytes)) {
		snprintf(out_sentence, SENTENCE_BYTES, "the file of the key, %.300s, cannot be read", path);
		return ERR_NOT_FOUND;
	}
	if (status.st_mode & 077) {
		explicit_bzero(out_key, AGENT_KEY_VALUE_BYTES);
		snprintf(out_sentence, SENTENCE_BYTES, "the file of the key, %.300s, can be read by others; chmod 600 %.100s",
			 path, path);
		return ERR_NOT_FOUND;
	}
	out_key[strcspn(out_key, "\r\n")] = '\0';
	return 0;
}

static int read_variable_key(const char *name, char out_key[AGENT_KEY_VALUE_BYTES], char out_sentence[SENTENCE_BYTES])
{
	const char *value = getenv(name);

	if (!value || !*value || strlen(value) >= AGENT_KEY_VALUE_BYTES) {
		snprintf(out_sentence, SENTENCE_BYTES,
			 "the variable %.60s, which is to hold the key, was not set where the network was started", name);
		return ERR_NOT_FOUND;
	}
	snprintf(out_key, AGENT_KEY_VALUE_BYTES, "%s", value);
	return 0;
}

int agent_setup_key(const struct agent_setup *setup, const struct state_folder *state, char out_key[AGENT_KEY_VALUE_BYTES],
		    char out_sentence[SENTENCE_BYTES])
{
	const char *key = setup->conf.key;

	out_key[0] = *out_sentence = '\0';
	if (begins(key, "secret:"))
		return secret_read(state, key + 7, out_key, out_sentence) ? ERR_NOT_FOUND : 0;
	if (begins(key, "file:"))
		return read_file_key(key + 5, out_key, out_sentence);
	if (begins(key, "variable:"))
		return read_variable_key(key + 9, out_key, out_sentence);
	if (*key || !setup->server || setup->conf.endpoint[0] || begins(setup->server, "http://127.0.0.1"))
		return 0;
	snprintf(out_sentence, SENTENCE_BYTES,
		 "%s needs a key for %s: `bunshin secret add %s-key`, then key = \"secret:%s-key\" in section agent %s of "
		 "routing.conf",
		 setup->title, setup->server, setup->conf.name, setup->conf.name, setup->conf.name);
	return ERR_NOT_FOUND;
}
