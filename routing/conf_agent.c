/* SPDX-License-Identifier: MIT
 *
 * Agents in routing.conf: those that are built in, and the kinds of values that only sections `agent` have.
 */
#include <stdio.h>
#include <string.h>

#include "routing/conf_value.h"

#define REFUSE(reading, ...) complain((reading)->complaint, (reading)->line, __VA_ARGS__)

/* ---- those that are built in ---- */

#define BUILTIN(label)                                                                                                           \
	{                                                                                                                        \
		.name = label, .adapter = label, .slots = 4, .level = AGENT_LEVEL_DEFAULT, .idle_ms = 300000,                    \
		.first_ms = 120000, .temperature_permille = AGENT_TEMPERATURE_OWN                                                \
	}

static const struct agent_conf builtin[] = {BUILTIN("claude"),       BUILTIN("codex"),   BUILTIN("gemini"), BUILTIN("opencode"),
					    BUILTIN("qwen"),         BUILTIN("local"),   BUILTIN("ollama"), BUILTIN("gemini-acp"),
					    BUILTIN("opencode-acp"), BUILTIN("qwen-acp")};

static const struct alias {
	const char *alias, *name;
} aliases[] = {{"claude_code", "claude"}, {"claude-code", "claude"}, {"openai-codex", "codex"}, {"gemini-cli", "gemini"},
	       {"gemini_cli", "gemini"},  {"qwen-code", "qwen"},     {"qwen_code", "qwen"},     {"openai", "local"},
	       {"vllm", "local"},         {"llamacpp", "local"},     {"llama-cpp", "local"}};

const struct agent_conf *agent_builtin_at(size_t index)
{
	return index < sizeof(builtin) / sizeof(builtin[0]) ? &builtin[index] : NULL;
}

static const struct agent_conf *find_by_name(const struct conf *conf, const char *name)
{
	for (uint32_t i = 0; conf && i < conf->agent_count; i++)
		if (strcmp(conf->agent[i].name, name) == 0)
			return &conf->agent[i];
	for (size_t i = 0; i < sizeof(builtin) / sizeof(builtin[0]); i++)
		if (strcmp(builtin[i].name, name) == 0)
			return &builtin[i];
	return NULL;
}

const struct agent_conf *conf_agent(const struct conf *conf, const char *name)
{
	const struct agent_conf *found = find_by_name(conf, name);

	for (size_t i = 0; !found && i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(aliases[i].alias, name) == 0)
			found = find_by_name(conf, aliases[i].name);
	return found;
}

/* ---- words ---- */

static const struct words {
	const char *option;
	const char *word[14];
} words[] = {
	{"adapter",
	 {"claude", "codex", "gemini", "opencode", "qwen", "local", "ollama", "gemini-acp", "opencode-acp", "qwen-acp", "acp",
	  "jsonl"}},
	{"wire", {"anthropic", "responses", "chat", "gemini", "ollama"}},
	{"usage_counts", {"step", "run", "thread"}},
};

static const struct words *words_of(const char *option)
{
	size_t i = 0;

	while (strcmp(words[i].option, option) != 0)
		i++;
	return &words[i];
}

int read_word(const struct reading *reading)
{
	const struct words *known = words_of(reading->option->name);
	char list[160] = "";
	size_t used = 0;

	for (size_t i = 0; known->word[i]; i++) {
		if (strcmp(known->word[i], reading->value) == 0) {
			snprintf(reading->member, AGENT_WORD_BYTES, "%s", reading->value);
			return 0;
		}
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
					 i == 0                ? ""
					 : !known->word[i + 1] ? " or "
							       : ", ",
					 known->word[i]);
	}
	return REFUSE(reading, "%s is \"%.60s\"; accepted is %s", reading->option->name, reading->value, list);
}

/* ---- money ---- */

static bool money_read(const char *text, uint64_t *out_millionths)
{
	uint64_t number = 0;
	unsigned decimals = 0;
	bool point = false;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text; text++) {
		if (*text == '.' && !point && text[1]) {
			point = true;
			continue;
		}
		if (*text < '0' || *text > '9' || (point && ++decimals > 6) || number > 1000000000000ull)
			return false;
		number = number * 10 + (uint64_t)(*text - '0');
	}
	for (; decimals < 6; decimals++)
		number *= 10;
	*out_millionths = number;
	return true;
}

int read_money(const struct reading *reading)
{
	uint64_t millionths;

	if (money_read(reading->value, &millionths) && millionths <= reading->option->high) {
		*(uint64_t *)reading->member = millionths;
		return 0;
	}
	return REFUSE(reading, "%s is \"%.60s\"; accepted are dollars for a million tokens, such as 3 or 0.25",
		      reading->option->name, reading->value);
}

/* ---- names and places ---- */

int read_label(const struct reading *reading)
{
	if (!agent_name_is_good(reading->value))
		return REFUSE(reading,
			      "%s is \"%.60s\"; accepted is the name of an agent: up to %u lower-case letters, digits, hyphens, "
			      "underscores and dots, a letter first",
			      reading->option->name, reading->value, AGENT_LABEL_BYTES - 1);
	snprintf(reading->member, AGENT_LABEL_BYTES, "%s", reading->value);
	return 0;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* A key itself must not stand in a file that is recorded: only where it is. The value is not quoted in the refusal, for it may be one. */
int read_key(const struct reading *reading)
{
	const char *value = reading->value;

	if (strcmp(value, "none") == 0 || (begins(value, "secret:") && value[7]) || begins(value, "file:/") ||
	    (begins(value, "variable:") && value[9]))
		return read_text(reading);
	return REFUSE(
		reading,
		"%s does not say where the key is; accepted is secret:NAME (of `bunshin secret add`), file:/PATH, variable:NAME "
		"or none, never the key itself",
		reading->option->name);
}

int read_url(const struct reading *reading)
{
	const char *value = reading->value;
	const char *host = begins(value, "https://") ? value + 8 : begins(value, "http://") ? value + 7 : "";

	if (!*host || *host == '/' || strpbrk(value, " \"'<>\\@") || value[strlen(value) - 1] == '/')
		return REFUSE(
			reading,
			"%s is \"%.60s\"; accepted is https://HOST or http://HOST:PORT, perhaps with a path, without a name or "
			"password in it and without a slash at its end",
			reading->option->name, value);
	return read_text(reading);
}

int read_places(const struct reading *reading)
{
	struct reading one = *reading;

	if (reading->index >= AGENT_MOUNTS_MAX)
		return REFUSE(reading, "%s has more than %u paths; accepted are up to %u", reading->option->name,
			      AGENT_MOUNTS_MAX, AGENT_MOUNTS_MAX);
	if (reading->value[0] != '/' || !reading->value[1])
		return REFUSE(reading, "%s has \"%.60s\"; accepted are absolute paths of folders, and not all of them at once",
			      reading->option->name, reading->value);
	one.member = (char *)reading->member + reading->index * PLACE_BYTES;
	return read_text(&one);
}

int read_variables(const struct reading *reading)
{
	struct reading one = *reading;
	size_t name = strspn(reading->value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

	if (reading->index >= AGENT_VARIABLES_MAX)
		return REFUSE(reading, "%s has more than %u variables; accepted are up to %u", reading->option->name,
			      AGENT_VARIABLES_MAX, AGENT_VARIABLES_MAX);
	if (!name || reading->value[name] != '=')
		return REFUSE(reading, "%s has \"%.60s\"; accepted is NAME=VALUE", reading->option->name, reading->value);
	one.member = (char *)reading->member + reading->index * AGENT_VARIABLE_BYTES;
	return read_text(&one);
}

/* ---- pointers into JSON ---- */

/* "/path", up to `bytes` of it. */
static bool is_pointer(const char *text, size_t bytes)
{
	return bytes > 1 && text[0] == '/' && !memchr(text, ' ', bytes);
}

static bool is_condition(const char *text, size_t bytes)
{
	const char *equals = memchr(text, '=', bytes);

	return is_pointer(text, equals ? (size_t)(equals - text) : bytes);
}

int read_condition(const struct reading *reading)
{
	if (is_condition(reading->value, strlen(reading->value)))
		return read_text(reading);
	return REFUSE(reading, "%s is \"%.60s\"; accepted is /MEMBER=VALUE or /MEMBER, such as /type=result",
		      reading->option->name, reading->value);
}

int read_pointer(const struct reading *reading)
{
	const char *pointer = reading->value, *space;

	if (begins(pointer, "when:") && (space = strchr(pointer, ' ')) &&
	    is_condition(pointer + 5, (size_t)(space - pointer - 5)))
		pointer = space + 1;
	if (is_pointer(pointer, strlen(pointer)))
		return read_text(reading);
	return REFUSE(reading,
		      "%s is \"%.60s\"; accepted is a JSON pointer such as /message/text, or \"when:/type=result /usage/input\"",
		      reading->option->name, reading->value);
}
