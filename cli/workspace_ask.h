/* SPDX-License-Identifier: MIT
 *
 * What the commands of the workspace share: which repository is meant, asking, and saying what went wrong.
 */
#ifndef CLI_WORKSPACE_ASK_H
#define CLI_WORKSPACE_ASK_H

#include <jansson.h>

#include "cli/command.h"

#define REPO_OPTION                                                                                                              \
	{                                                                                                                        \
		"repo", "REPO", "path or name of the repository; by default the one around the current folder"                   \
	}

/* The repository that --repo names, else the one around the current folder. 0, or an exit code after saying why; free `*out_repo`. */
MUST_CHECK int workspace_repo(const struct call *call, char **out_repo);

/* The same as a path, for a repository that need not be in the workspace. NULL: there is none. Free it. */
char *repository_above(const char *folder);

/* An absolute path of something that need not be there. Free it. */
char *path_absolute(const char *path);

/* {"verb", "repository"}; 0 or an exit code. */
MUST_CHECK int workspace_request(const struct call *call, const char *verb, json_t **out_request);

/* Asks. `slow`: it may take as long as it takes. 0, and the caller owns `*out_result`; or an exit code after saying why and what to do next. With `out_conflicts`
 * (may be NULL) a conflict is only returned, as the error object. */
MUST_CHECK int workspace_ask(const struct call *call, json_t *request, bool slow, json_t **out_result, json_t **out_conflicts);

/* Adds a member if `value` is not NULL. */
void request_add(json_t *request, const char *name, const char *value);

/* "NAME <EMAIL>" of the person: GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL, else the login name at this machine. Free it. */
char *person_text(void);

/* The first digits of an id for a terminal, the whole id otherwise. */
json_t *id_shown(const json_t *id);

#endif
