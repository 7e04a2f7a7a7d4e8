/* SPDX-License-Identifier: MIT
 *
 * What Beta's own files share: the work of one conclusion, and the readers of what the programs printed.
 */
#ifndef CLONES_BETA_INNER_H
#define CLONES_BETA_INNER_H

#include "clones/evidence.h"

#define BETA_SHELLCHECK_FILES 28u /* a step: a step that runs out of time loses all of them */
#define BETA_SHELLCHECK_STEPS 16u
#define BETA_SHELLCHECK_LINES 3000 /* of a script; its time grows faster than its input */
#define BETA_HISTORY_MS       2500u

struct beta {
	const struct target *target;
	struct result *result;
	struct arena *arena; /* of the texts that evidence borrows */
	struct evidence_list list;
	json_t *documents;       /* array: parsed outputs that evidence borrows from */
	json_t *known;           /* set of the inventory's paths */
	const json_t *functions; /* of `bunshin tool calls`, or NULL */
	const json_t *lines;
	const json_t *names; /* array: functions of C that our own rules judge */
	json_t *masked;      /* "path:line" to the line with its credentials masked */
	bool masks_complete; /* every credential that can be found has been masked */
};

/* Files of the inventory in these languages that are no symbolic links, in the scope of the task. Returns their number; paths go to
 * `out_paths`, at most `most`, if it is not NULL. */
size_t beta_files(const struct target *target, const char *const *languages, const char **out_paths, size_t most);

/* The scripts that shellcheck gets: not those that a program made, and not the longest. */
size_t beta_scripts(const struct target *target, const char **out_paths, size_t most);

/* Is the path part of the task's scope, and of the commit? */
bool beta_in_scope(const struct beta *beta, const char *path);

/* Readers: each adds evidence and the run. An output that cannot be read lowers the status and says why. */
void beta_read_secrets(struct beta *beta, const struct step *step, const struct output *output);
void beta_read_calls(struct beta *beta, const struct step *step, const struct output *output);
void beta_read_flawfinder(struct beta *beta, const struct step *step, const struct output *output);
void beta_read_bandit(struct beta *beta, const struct step *step, const struct output *output);
void beta_read_shellcheck(struct beta *beta, const struct step *step, const struct output *output);

/* The output as JSON, kept until the end of the conclusion; NULL after the reason is in the result. `ok_exit` is the highest exit
 * status that is no failure. */
const json_t *beta_document(struct beta *beta, const struct step *step, const struct output *output, int ok_exit);

/* Members of an object that may be missing or of another type: then NULL, 0, and a low share. */
const char *member_text(const json_t *object, const char *name);
uint32_t member_number(const json_t *object, const char *name);
double member_share(const json_t *object, const char *name);

/* Without the "./" that programs put before paths. */
const char *beta_plain_path(const char *path);

/* Says that an output could not be read, unless the run has said why. `what` follows the name of the step. */
void beta_unreadable(struct beta *beta, const struct step *step, const struct output *output, const char *what);

/* Key of beta->masked. */
const char *beta_place_key(struct beta *beta, const char *path, uint32_t line);

/* The innermost function around a line, or NULL. */
const char *beta_function_around(const struct beta *beta, const char *path, uint32_t line);

/* Files that a program skipped: [{"path" or "filename", "reason"}]. */
void beta_keep_skipped(struct beta *beta, const char *tool, const json_t *skipped);

/* Adds a statement of another program: finds its rule's row, the function around it, and a snippet without credentials. */
void beta_foreign(struct beta *beta, struct evidence *evidence, const char *quoted_line);

#endif
