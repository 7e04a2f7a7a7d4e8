/* SPDX-License-Identifier: MIT
 *
 * Requests to the workspace as JSON objects, {"verb", members of workspace_verbs.def, "timeout_ms"}, and the replies {"result": {…}} or
 * {"error": {"code", "sentence", …}}.
 */
#ifndef ACTORS_WORKSPACE_REQUEST_H
#define ACTORS_WORKSPACE_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/state.h"

#define REQUEST_BYTES_MAX  (1u << 20)
#define REPLY_BYTES_MAX    (64u << 20)
#define REQUEST_TIMEOUT_MS 30000u
#define REQUEST_DEPTH_MAX  4u

enum workspace_verb {
#define VERB(NAME, word, class, sentence, result) WORKSPACE_##NAME,
#define MEMBER(word, name, kind, required, sentence)
#define END(word)
#include "actors/workspace_verbs.def"
	WORKSPACE_VERBS,
};

enum workspace_class { CLASS_QUICK, CLASS_FOLDER, CLASS_SLOW, CLASSES };

const char *verb_word(enum workspace_verb verb);
enum workspace_class verb_class(enum workspace_verb verb);

/* Reads and checks a request: known verb, known members of the right kinds, none missing, nothing twice. 0 and the caller owns `*out_request`;
 * ERR_USAGE or ERR_MALFORMED with a sentence. */
MUST_CHECK int request_read(const char *at, size_t bytes, json_t **out_request, enum workspace_verb *out_verb,
			    char out_sentence[SENTENCE_BYTES]);

/* Of a request that has been checked: NULL, 0 or false where it is left out. */
const char *request_text(const json_t *request, const char *name);
uint64_t request_number(const json_t *request, const char *name);
bool request_flag(const json_t *request, const char *name);

/* Take `result` or `more` (members of the error, or NULL) over. Never NULL unless out of memory. */
json_t *reply_result(json_t *result);
json_t *reply_error(int code, const char *sentence, json_t *more);

#endif
