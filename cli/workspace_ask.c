/* SPDX-License-Identifier: MIT */
#include "cli/workspace_ask.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/workspace_call.h"
#include "cli/session.h"
#include "cli/text.h"

#define SLOW_MS  86400000u
#define ID_SHOWN 12u

/* ---- paths ---- */

char *repository_above(const char *folder)
{
	char *at = realpath(folder, NULL);

	while (at) {
		char path[PATH_BYTES];
		char *slash = strrchr(at, '/');
		snprintf(path, sizeof(path), "%s/.git", at);
		if (access(path, F_OK) == 0)
			return at;
		if (slash == at)
			break;
		*slash = 0;
	}
	free(at);
	return NULL;
}

char *path_absolute(const char *path)
{
	char *real = realpath(path, NULL);
	char *here, *whole = NULL;

	if (real)
		return real;
	if (*path == '/')
		return need(strdup(path));
	here = need(getcwd(NULL, 0));
	if (asprintf(&whole, "%s/%s", strcmp(here, "/") == 0 ? "" : here, path) < 0)
		whole = need(NULL);
	free(here);
	return whole;
}

int workspace_repo(const struct call *call, char **out_repo)
{
	const char *named = option(call, "repo");
	char *path = named ? realpath(named, NULL) : repository_above(".");

	if (!path && !named)
		return call_fail(call, ERR_USAGE, "name one with --repo; `bunshin workspace list` shows them",
				 "no repository is named, and there is none around the current folder");
	*out_repo = path ? path : strchr(named, '/') ? path_absolute(named) : need(strdup(named));
	return 0;
}

/* ---- requests ---- */

void request_add(json_t *request, const char *name, const char *value)
{
	if (value)
		json_object_set_new(request, name, json_string(value));
}

int workspace_request(const struct call *call, const char *verb, json_t **out_request)
{
	char *repo = NULL;
	int rc = workspace_repo(call, &repo);

	if (!rc)
		*out_request = need(json_pack("{s:s, s:s}", "verb", verb, "repository", repo));
	free(repo);
	return rc;
}

/* What to do next, as far as the error says. */
static const char *next_of(int rc)
{
	switch (rc) {
	case ERR_NOT_FOUND:
		return "`bunshin workspace list` shows what is there, `bunshin workspace refs` its branches; bunshin workspace "
		       "import PATH brings a repository";
	case ERR_UNREACHABLE:
		return "`bunshin status` shows whether it runs, log/workspace.log in the state folder why not";
	case ERR_MOVED:
		return "look again, and decide again";
	case ERR_FULL:
		return "`bunshin workspace gc` forgets what no ref leads to; `bunshin workspace delete` deletes refs";
	default:
		return NULL;
	}
}

int workspace_ask(const struct call *call, json_t *request, bool slow, json_t **out_result, json_t **out_conflicts)
{
	char sentence[SENTENCE_BYTES];
	uint32_t timeout_ms = session_timeout_ms(call);
	struct state_folder state;
	json_t *error = NULL;
	int rc = session_state(call, &state);

	if (rc) {
		json_decref(request);
		return rc;
	}
	json_object_set_new(request, "timeout_ms", json_integer(timeout_ms));
	/* It waits for Omega for that long itself; the answer may be a little later. */
	rc = workspace_call(&state, request, slow ? SLOW_MS : (uint64_t)timeout_ms * 2 + 5000, -1, out_result, &error, sentence);
	if (rc == ERR_CONFLICT && out_conflicts && error)
		*out_conflicts = json_incref(error);
	else if (rc)
		call_fail(call, rc, next_of(rc), "%s", sentence);
	json_decref(error);
	return rc ? error_exit_code(rc) : 0;
}

/* ---- people and ids ---- */

char *person_text(void)
{
	const char *name = getenv("GIT_AUTHOR_NAME"), *email = getenv("GIT_AUTHOR_EMAIL");
	const struct passwd *entry = getpwuid(geteuid());
	const char *login = entry ? entry->pw_name : "user";
	char host[HOST_NAME_MAX + 1] = "localhost";
	char *text = NULL;
	int rc;

	if (gethostname(host, sizeof(host) - 1))
		snprintf(host, sizeof(host), "localhost");
	name = name && *name ? name : login;
	if (email && *email)
		rc = asprintf(&text, "%s <%s>", name, email);
	else
		rc = asprintf(&text, "%s <%s@%s>", name, login, host);
	return rc < 0 ? need(NULL) : text;
}

json_t *id_shown(const json_t *id)
{
	const char *text = json_string_value(id);

	if (!text)
		return json_null();
	return isatty(STDOUT_FILENO) ? json_stringn(text, strlen(text) < ID_SHOWN ? strlen(text) : ID_SHOWN) : json_string(text);
}
