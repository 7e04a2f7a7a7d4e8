/* SPDX-License-Identifier: MIT
 *
 * The words of a record's payload. Internal to audit/.
 */
#ifndef AUDIT_FINDER_TEXT_H
#define AUDIT_FINDER_TEXT_H

#include "audit/trail.h"

struct finder_text {
	struct buffer out; /* UTF-8, one line for each text or member of JSON: "parameters.repo: /srv/till" */
	struct buffer scratch;
};

/* Fills `out`; empty where there is nothing to find. 0; ERR_CORRUPT for bytes that are no message (nothing of it is indexed), ERR_MEMORY. */
MUST_CHECK int finder_text(struct finder_text *text, const struct trail_entry *entry);
void finder_text_release(struct finder_text *text);

#endif
