/* SPDX-License-Identifier: MIT
 *
 * What commands work on.
 */
#include "cli/session.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/keys.h"
#include "cli/story.h"
#include "cli/text.h"
#include "protocol/id.h"

#define ROUTES_BYTES_MAX (1u << 20)
#define TASKS_SEARCHED   100000u

/* ---- files ---- */

int session_state_path(const struct call *call, char out_path[PATH_BYTES])
{
	const char *set = setting(&call->settings, SETTING_state);
	char sentence[SENTENCE_BYTES];
	int rc;

	if (set) {
		if (snprintf(out_path, PATH_BYTES, "%s", set) >= (int)PATH_BYTES)
			return call_fail(call, ERR_CONFIG, NULL, "the path of the state folder is too long");
		return 0;
	}
	rc = state_default(out_path, sentence);
	return rc ? call_fail(call, rc, "name a folder with --state or BUNSHIN_STATE", "%s", sentence) : 0;
}

int session_state(const struct call *call, struct state_folder *out_state)
{
	char sentence[SENTENCE_BYTES];
	char path[PATH_BYTES];
	int rc = session_state_path(call, path);

	if (rc)
		return rc;
	rc = state_open_existing(path, out_state, sentence);
	if (rc == ERR_NOT_FOUND)
		return call_fail(call, rc, "`bunshin up` starts the network; --state names another folder",
				 "there is no network in %s", path);
	return rc ? call_fail(call, rc, NULL, "%s", sentence) : 0;
}

int session_trail(const struct call *call, struct trail **out_trail)
{
	struct state_folder state;
	char path[PATH_BYTES];
	char why[256] = "";
	int rc = session_state(call, &state);

	if (rc)
		return rc;
	rc = state_path(&state, STATE_TRAIL, path);
	if (!rc && access(path, F_OK) != 0)
		return call_fail(call, ERR_NOT_FOUND, "`bunshin up` starts the network and begins the trail",
				 "there is no trail in %s", state.root);
	if (!rc)
		rc = trail_open(path, TRAIL_READ, out_trail, why);
	return rc ? call_fail(call, rc, "`bunshin doctor` looks closer", "%s cannot be read: %s", path,
			      *why ? why : error_sentence(rc))
		  : 0;
}

int session_unreadable(const struct call *call, int error, const struct trail *trail)
{
	const char *why = trail_why(trail);

	return call_fail(call, error, "`bunshin audit verify` checks the trail", "the trail cannot be read: %s",
			 *why ? why : error_sentence(error));
}

static bool take_if_there(const char *path, char out_path[PATH_BYTES])
{
	if (access(path, R_OK) != 0)
		return false;
	snprintf(out_path, PATH_BYTES, "%s", path);
	return true;
}

int session_routes_path(const struct call *call, char out_path[PATH_BYTES])
{
	const char *set = setting(&call->settings, SETTING_routes);
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	char user[PATH_BYTES] = "";

	if (set) {
		char *real = realpath(set, NULL);
		bool there = real && take_if_there(real, out_path);
		free(real);
		return there ? 0
			     : call_fail(call, ERR_CONFIG, "name another with --routes or BUNSHIN_ROUTES", "%s cannot be read",
					 set);
	}
	if (config && *config == '/')
		snprintf(user, sizeof(user), "%s/bunshin/routing.conf", config);
	else if (home && *home)
		snprintf(user, sizeof(user), "%s/.config/bunshin/routing.conf", home);
	if (take_if_there(user, out_path) || take_if_there("/etc/bunshin/routing.conf", out_path) ||
	    take_if_there(BUNSHIN_ROUTES_SHIPPED, out_path))
		return 0;
	return call_fail(call, ERR_CONFIG, "name one with --routes or BUNSHIN_ROUTES",
			 "there is no routing.conf in ~/.config/bunshin or /etc/bunshin");
}

int session_conf(const struct call *call, char out_path[PATH_BYTES], struct conf **out_conf)
{
	char sentence[CONF_SENTENCE_BYTES];
	struct conf *conf;
	size_t bytes;
	char *text;
	int rc = session_routes_path(call, out_path);

	if (rc)
		return rc;
	text = need(malloc(ROUTES_BYTES_MAX));
	conf = need(calloc(1, sizeof(*conf)));
	rc = file_read(out_path, text, ROUTES_BYTES_MAX, &bytes);
	if (rc)
		rc = call_fail(call, ERR_CONFIG, NULL, "%s cannot be read: %s", out_path, error_sentence(rc));
	else if ((rc = conf_parse(text, out_path, conf, sentence)))
		rc = call_fail(call, rc, "docs/routing.md explains every option", "%s", sentence);
	free(text);
	if (rc)
		free(conf);
	else
		*out_conf = conf;
	return rc;
}

/* ---- Omega ---- */

uint32_t session_timeout_ms(const struct call *call)
{
	uint32_t ms = 10000;

	if (duration_parse(setting(&call->settings, SETTING_timeout), &ms)) /* checked when it was loaded */
		ms = 10000;
	return ms;
}

/* As what to join: an operator if the key is one, else what it is. NULL, the default, where the registry cannot be read. */
static const char *role_of(const struct state_folder *state, const char *identity)
{
	char name[NAME_BYTES], sentence[SENTENCE_BYTES];
	struct peer *peers = NULL;
	uint32_t rights = 0;
	size_t count = 0;

	key_local_name(name);
	if (peer_list(state, &peers, &count, sentence))
		count = 0;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(peers[i].name, identity ? identity : name) == 0)
			rights = peers[i].rights;
	}
	free(peers);
	return rights & OPERATOR ? "operator" : rights & CLIENT ? "client" : rights & AUDITOR ? "auditor" : NULL;
}

int session_client(const struct call *call, struct client **out_client)
{
	struct client_options options = {.name = setting(&call->settings, SETTING_identity),
					 .timeout_ms = session_timeout_ms(call)};
	char why[CLIENT_SENTENCE_BYTES] = "", endpoint[ENDPOINT_TEXT_BYTES], sentence[SENTENCE_BYTES];
	struct state_folder state;
	int rc = session_state(call, &state);

	if (rc)
		return rc == error_exit_code(ERR_NOT_FOUND) ? error_exit_code(ERR_UNREACHABLE) : rc;
	options.state_folder = state.root;
	options.role = role_of(&state, options.name);
	rc = client_open(&options, out_client, why);
	if (rc == ERR_UNREACHABLE || rc == ERR_TIMEOUT)
		return call_fail(call, ERR_UNREACHABLE,
				 "`bunshin up` starts the network, `bunshin doctor` looks for what is wrong", "%s",
				 *why ? why : error_sentence(ERR_UNREACHABLE));
	if (rc == ERR_NOT_FOUND && state_endpoint_read(&state, endpoint, sentence) == ERR_NOT_FOUND)
		return call_fail(call, ERR_UNREACHABLE, "`bunshin up` starts the network", "no network has been started in %s",
				 state.root);
	if (rc)
		return call_fail(call, rc, "`bunshin peer list` shows who may speak", "%s", *why ? why : error_sentence(rc));
	return 0;
}

static const char *next_step_of(int error)
{
	switch (error < 0 ? -error : error) {
	case ERROR_UNKNOWN_TYPE:
		return "`bunshin route list` shows the task types there are";
	case ERROR_NOT_ALLOWED:
		return "`bunshin peer list` shows who may say what";
	case ERROR_UNREACHABLE:
		return "`bunshin up` starts the network, `bunshin doctor` looks for what is wrong";
	case ERROR_CONFLICT:
		return "use another --key, or the same request";
	case ERROR_TIMEOUT:
		return "--timeout waits longer; `bunshin status` shows how the network is";
	default:
		return NULL;
	}
}

int session_refused(const struct call *call, int error, const struct refused *refused)
{
	const char *sentence = refused && refused->sentence[0] ? refused->sentence : error_sentence(error);
	char next[96];

	if (refused && refused->retry_after_ms) {
		char span[SPAN_TEXT_BYTES];
		span_print(refused->retry_after_ms, span);
		snprintf(next, sizeof(next), "try again in %s", span);
		return call_fail(call, error, next, "%s", sentence);
	}
	return call_fail(call, error, next_step_of(error), "%s", sentence);
}

int session_status(const struct call *call, struct client *client, enum subject subject, const char *name, json_t **out_status)
{
	struct refused refused = {0};
	json_error_t error;
	char *text = NULL;
	int rc = client_status(client, subject, name, NULL, session_timeout_ms(call), &text, &refused);

	if (rc)
		return session_refused(call, rc, &refused);
	*out_status = json_loads(text, 0, &error);
	free(text);
	if (!*out_status)
		return call_fail(call, ERR_INTERNAL, NULL, "Omega's answer is no JSON: %s", error.text);
	return 0;
}

/* ---- tasks by name ---- */

#define SAME_DIGITS_MAX 256u /* of more no type is asked: the digits are too few */

struct search {
	const char *digits;
	size_t count;
	unsigned found;
	struct id id[SAME_DIGITS_MAX];
};

static int look_at(void *context, const struct trail_task *task)
{
	struct search *search = context;
	char text[33];

	hex_print(task->task_id.bytes, 16, text);
	if (strncmp(text, search->digits, search->count) == 0 || strcmp(text + 32 - search->count, search->digits) == 0) {
		if (search->found < SAME_DIGITS_MAX)
			search->id[search->found] = task->task_id;
		search->found++;
	}
	return 0;
}

/* The digits of what was typed, in lower case, without hyphens and the mark of shortening; 0: it is no part of an id. */
static size_t digits_of(const char *text, char out[33])
{
	size_t count = 0;

	if (strncmp(text, "…", strlen("…")) == 0)
		text += strlen("…");
	for (; *text; text++) {
		if (*text == '-')
			continue;
		if (!strchr("0123456789abcdefABCDEF", *text) || count == 32)
			return 0;
		out[count++] = (char)(*text >= 'A' && *text <= 'F' ? *text - 'A' + 'a' : *text);
	}
	out[count] = 0;
	return count;
}

/* Leaves those of one type. Tasks that were made at the same time, such as a race and its attempts, have the same first digits. */
static void keep_type(struct search *search, struct trail *trail, const char *type)
{
	unsigned kept = 0;

	if (search->found > SAME_DIGITS_MAX)
		return;
	for (unsigned i = 0; i < search->found; i++) {
		struct story story;

		if (story_read(trail, &search->id[i], &story) == 0 && strcmp(story.task_type, type) == 0)
			search->id[kept++] = search->id[i];
	}
	if (kept)
		search->found = kept;
}

int session_task(const struct call *call, struct trail *trail, const char *text, struct id *out_id)
{
	return session_task_of(call, trail, text, NULL, out_id);
}

int session_task_of(const struct call *call, struct trail *trail, const char *text, const char *type, struct id *out_id)
{
	struct search search = {0};
	char digits[33];
	int rc;

	if (id_parse(text, strlen(text), out_id) == 0)
		return 0;
	search.digits = digits;
	search.count = digits_of(text, digits);
	if (!trail || search.count < 4)
		return call_fail(call, ERR_USAGE, "`bunshin task list` shows the ids",
				 "\"%s\" is no task id, nor four or more digits of one", text);
	rc = trail_tasks(trail, 0, TASKS_SEARCHED, look_at, &search);
	if (rc)
		return call_fail(call, rc, NULL, "the trail cannot be read: %s", trail_why(trail));
	if (type && search.found > 1)
		keep_type(&search, trail, type);
	if (search.found != 1)
		return call_fail(call, search.found ? ERR_CONFLICT : ERR_NOT_FOUND, "`bunshin task list` shows the ids",
				 search.found ? "more than one task has \"%s\" at the beginning or end of its id"
					      : "there is no task \"%s\"",
				 text);
	*out_id = search.id[0];
	return 0;
}

int session_task_id(struct call *call, const char *text, struct id *out_id)
{
	struct trail *trail = NULL;
	int rc;

	if (id_parse(text, strlen(text), out_id) == 0)
		return 0;
	rc = session_trail(call, &trail);
	if (!rc)
		rc = session_task(call, trail, text, out_id);
	trail_close(trail);
	return rc;
}
