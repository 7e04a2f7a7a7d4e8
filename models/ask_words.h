/* SPDX-License-Identifier: MIT
 *
 * A question in the words of each wire, and the text in its answer. Pure. Inner header of models/.
 */
#ifndef MODELS_ASK_WORDS_H
#define MODELS_ASK_WORDS_H

#include <jansson.h>

#include "models/ask.h"

#define ASK_PATH_BYTES 256u

/* The path to POST to, after the server's address. ERR_USAGE: the model's name cannot stand in a path, where the wire wants it there. */
MUST_CHECK int ask_path(const struct ask *ask, char out_path[ASK_PATH_BYTES]);

/* The body. The caller frees; NULL: out of memory, or a text is not UTF-8. */
char *ask_body(const struct ask *ask);

/* What the model said, "" if nothing; thoughts left out. The caller frees; NULL: out of memory. */
char *ask_text(enum wire wire, const json_t *reply);

/* What the server says went wrong, borrowed; "" if it does not say. */
const char *ask_complaint(const json_t *reply);

#endif
