/* SPDX-License-Identifier: MIT
 *
 * "LABEL:PATH#1,3-5": parts of what an attempt has changed, as a person names them.
 */
#ifndef CLI_RACE_PICK_H
#define CLI_RACE_PICK_H

#include <jansson.h>

#include "cli/command.h"

#define PICK_WHY_BYTES   256u
#define PICK_LABEL_BYTES 33u
#define PICK_HUNKS_MAX   10000u

/* {"path", "hunks": [numbers]}, without "hunks" for the whole file. A "#" that no numbers follow belongs to the path. 0 and the caller owns `*out_pick`;
 * ERR_INVALID_PARAMETERS with a sentence. */
MUST_CHECK int pick_read(const char *text, char out_label[PICK_LABEL_BYTES], json_t **out_pick, char out_why[PICK_WHY_BYTES]);

/* Is it a way to merge? NULL is. 0 or an exit code. */
MUST_CHECK int race_merge_check(const struct call *call, const char *merge);

#endif
