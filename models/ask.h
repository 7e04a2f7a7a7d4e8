/* SPDX-License-Identifier: MIT
 *
 * One question to a model server, one text as the answer: for what only words can settle. No tools, no history.
 */
#ifndef MODELS_ASK_H
#define MODELS_ASK_H

#include "models/price.h"

struct ask {
	enum wire wire;      /* any but NONE */
	const char *server;  /* as in struct proxy_options */
	const char *key;     /* NULL: none */
	const char *ca_file; /* as in struct proxy_options */
	const char *model;
	const char *system; /* NULL: none */
	const char *prompt;
	double temperature;  /* negative: the server's own */
	uint32_t tokens_max; /* of the answer; 0: 1,024 */
	uint32_t timeout_ms; /* 0: 60,000 */
	int cancel_fd;       /* readable: give up; -1: none */
};

struct ask_answer {
	char *text; /* the caller frees; never NULL after 0 */
	struct wire_facts facts;
};

/* Blocks. 0; ERR_UNREACHABLE, ERR_TIMEOUT, ERR_CANCELLED, ERR_NOT_ALLOWED (401, 403), ERR_OVERLOADED (429, 529), ERR_TASK_FAILED (any other error of the server, a refusal, an empty answer),
 * ERR_MEMORY, ERR_USAGE; with a sentence that never holds the key. */
MUST_CHECK int ask_model(const struct ask *ask, struct ask_answer *out_answer, char out_why[256]);

#endif
