/* SPDX-License-Identifier: MIT
 *
 * From routing.conf to the list of processes that the supervisor keeps alive.
 */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/supervisor.h"

#define ORDER_OMEGA     0
#define ORDER_WORKSPACE 1
#define ORDER_CLONES    2

/* ---- splitting a command ---- */

struct split {
	const char *at;
	char *text, *text_end;
	char quote; /* the open one, or 0 */
};

static int put_byte(struct split *split, char byte)
{
	if (split->text == split->text_end)
		return ERR_CONFIG;
	*split->text++ = byte;
	return 0;
}

/* Backslash: inside "…" it protects only what would mean something there; inside '…' nothing. */
static bool escapes(const struct split *split)
{
	if (*split->at != '\\' || split->quote == '\'' || !split->at[1])
		return false;
	return !split->quote || split->at[1] == '"' || split->at[1] == '\\' || split->at[1] == '$' || split->at[1] == '`';
}

/* One word, ended with NUL. */
static int word_take(struct split *split)
{
	for (; *split->at && (split->quote || !isspace((unsigned char)*split->at)); split->at++) {
		if (escapes(split))
			split->at++;
		else if (split->quote ? *split->at == split->quote : *split->at == '\'' || *split->at == '"') {
			split->quote = split->quote ? '\0' : *split->at;
			continue;
		}
		if (put_byte(split, *split->at))
			return ERR_CONFIG;
	}
	return put_byte(split, '\0');
}

static int split_fail(const char *command, const char *found, char *out_sentence)
{
	snprintf(out_sentence, SENTENCE_BYTES, "the command \"%.200s\" %s", command, found);
	return ERR_CONFIG;
}

int command_split(const char *command, char *text, size_t text_bytes, const char **out_argv, size_t argv_max,
		  char out_sentence[SENTENCE_BYTES])
{
	struct split split = {.at = command, .text = text, .text_end = text + text_bytes};
	size_t count = 0;

	*out_sentence = '\0';
	for (;;) {
		while (isspace((unsigned char)*split.at))
			split.at++;
		if (!*split.at)
			break;
		if (count + 1 >= argv_max)
			return split_fail(command, "has too many words", out_sentence);
		out_argv[count++] = split.text;
		if (word_take(&split))
			return split_fail(command, "is too long", out_sentence);
	}
	if (split.quote)
		return split_fail(command, "has a quote that is not closed", out_sentence);
	if (!count || !*out_argv[0])
		return split_fail(command, "names no program", out_sentence);
	out_argv[count] = NULL;
	return 0;
}

/* ---- building the list ---- */

struct builder {
	const struct state_folder *state;
	const char *program, *state_variable, *routes_variable, *routes_folder;
	struct child_list *list;
	char *at, *end; /* free part of the texts */
	char *sentence;
};

static const char *text_add(struct builder *builder, const char *before, const char *text)
{
	size_t left = (size_t)(builder->end - builder->at);
	int written = snprintf(builder->at, left, "%s%s", before, text);
	char *start = builder->at;

	if (written < 0 || (size_t)written >= left)
		return NULL;
	builder->at += written + 1;
	return start;
}

static struct child_spec *child_add(struct builder *builder, const char *name)
{
	struct child_spec *child = &builder->list->child[builder->list->count++];
	size_t count = 0;

	memset(child, 0, sizeof(*child));
	snprintf(child->name, sizeof(child->name), "%s", name);
	child->environment[count++] = builder->state_variable;
	if (builder->routes_variable)
		child->environment[count++] = builder->routes_variable;
	child->folder = builder->state->root;
	return child;
}

static void omega_add(struct builder *builder)
{
	struct child_spec *child = child_add(builder, CHILD_NAME_OMEGA);

	child->argv[0] = builder->program;
	child->argv[1] = "omega";
	child->order = ORDER_OMEGA;
	child->notifies = true;
	child->critical = true;
	child->reload_signal = SIGHUP;
}

/* Not critical: whatever does not need it goes on without. */
static void workspace_add(struct builder *builder)
{
	struct child_spec *child = child_add(builder, CHILD_NAME_WORKSPACE);

	child->argv[0] = builder->program;
	child->argv[1] = "workspace";
	child->argv[2] = "serve";
	child->order = ORDER_WORKSPACE;
	child->notifies = true;
}

static int command_put(struct builder *builder, struct child_spec *child, const char *command)
{
	int rc = command_split(command, builder->at, (size_t)(builder->end - builder->at), child->argv, CHILD_ARGV_MAX + 1,
			       builder->sentence);
	if (rc)
		return rc;
	size_t last = 0;
	while (child->argv[last + 1])
		last++;
	builder->at += (child->argv[last] - builder->at) + (ptrdiff_t)strlen(child->argv[last]) + 1;
	child->folder = builder->routes_folder;
	return 0;
}

static int clone_add(struct builder *builder, const struct clone_conf *clone, uint32_t instance)
{
	char name[NAME_BYTES], key[PATH_BYTES];

	snprintf(name, sizeof(name), "%s/%u", clone->role, instance);
	struct child_spec *child = child_add(builder, name);
	size_t count = 0;
	while (child->environment[count])
		count++;
	int rc = state_path_of(builder->state, STATE_KEYS, name, ".key", key);
	child->environment[count] = text_add(builder, "BUNSHIN_PEER=", name);
	child->environment[count + 1] = text_add(builder, "BUNSHIN_KEY=", key);
	child->order = ORDER_CLONES;
	child->notifies = !*clone->command;
	if (rc || !child->environment[count] || !child->environment[count + 1])
		return ERR_MEMORY;
	if (*clone->command)
		return command_put(builder, child, clone->command);
	child->argv[0] = builder->program;
	child->argv[1] = "clone";
	child->argv[2] = child->name;
	return 0;
}

static int clones_add(struct builder *builder, const struct conf *conf)
{
	for (uint32_t i = 0; i < conf->clone_count; i++)
		for (uint32_t n = 1; !conf->clone[i].external && n <= conf->clone[i].instances; n++) {
			int rc = clone_add(builder, &conf->clone[i], n);
			if (rc)
				return rc;
		}
	return 0;
}

static size_t children_count(const struct conf *conf)
{
	size_t count = 2;

	for (uint32_t i = 0; i < conf->clone_count; i++)
		count += conf->clone[i].external ? 0 : conf->clone[i].instances;
	return count;
}

/* The routes file as an absolute path, and its folder; both stay unset when it is not given. */
static int routes_put(struct builder *builder, const char *routes_path)
{
	char real[PATH_BYTES];

	builder->routes_folder = builder->state->root;
	if (!routes_path)
		return 0;
	if (!realpath(routes_path, real)) {
		snprintf(builder->sentence, SENTENCE_BYTES, "%.300s: %s", routes_path, strerror(errno));
		return ERR_CONFIG;
	}
	builder->routes_variable = text_add(builder, "BUNSHIN_ROUTES=", real);
	char *slash = strrchr(real, '/');
	slash[slash == real] = '\0';
	builder->routes_folder = text_add(builder, "", real);
	return 0;
}

int children_build(const struct conf *conf, const struct state_folder *state, const char *program, const char *routes_path,
		   struct child_list *out_list, char out_sentence[SENTENCE_BYTES])
{
	size_t count = children_count(conf);
	size_t bytes = 4 * (size_t)PATH_BYTES + count * (2 * (size_t)PATH_BYTES + COMMAND_BYTES);
	struct child_list list = {.child = NULL};

	*out_sentence = '\0';
	if (count > CHILDREN_LIMIT) {
		snprintf(out_sentence, SENTENCE_BYTES, "found %zu processes to run; %u is the limit", count, CHILDREN_LIMIT);
		return ERR_CONFIG;
	}
	list.child = calloc(count, sizeof(*list.child));
	list.texts = malloc(bytes);
	struct builder builder = {
		.state = state, .list = &list, .at = list.texts, .end = list.texts + bytes, .sentence = out_sentence};
	int rc = list.child && list.texts ? 0 : ERR_MEMORY;
	if (!rc) {
		builder.program = text_add(&builder, "", program);
		builder.state_variable = text_add(&builder, "BUNSHIN_STATE=", state->root);
		rc = routes_put(&builder, routes_path);
	}
	if (!rc) {
		omega_add(&builder);
		workspace_add(&builder);
		rc = clones_add(&builder, conf);
	}
	if (rc) {
		children_release(&list);
		return rc;
	}
	*out_list = list;
	return 0;
}

void children_release(struct child_list *list)
{
	free(list->child);
	free(list->texts);
	*list = (struct child_list){.child = NULL};
}

struct restart_policy supervisor_policy(const struct conf *conf)
{
	struct restart_policy policy = RESTART_POLICY_DEFAULT;

	if (conf->restart_max)
		policy.intensity = conf->restart_max < RESTART_INTENSITY_MAX ? conf->restart_max : RESTART_INTENSITY_MAX;
	if (conf->restart_window_ms)
		policy.window_ms = conf->restart_window_ms;
	return policy;
}
