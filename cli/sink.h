/* SPDX-License-Identifier: MIT
 *
 * Where an export goes: standard output, or a file that is there only when it is whole.
 *
 * A file is written under another name in the same folder, synced and renamed. What fails is remembered: writing goes on without effect, and
 * sink_close says what it was. Not for several threads.
 */
#ifndef CLI_SINK_H
#define CLI_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/command.h"

#define SINK_SUM_BYTES 65u /* SHA-256 in hexadecimal, with NUL */

struct sink;

/* `path` NULL or "-": standard output. Another file than a regular one is refused, a file that exists too without `replace`, and always one
 * in the folder `kept`. From now on Ctrl-C ends the export and not the program, and a reader that goes away is an error. Returns 0, or an exit
 * code after saying why. */
MUST_CHECK int sink_open(const struct call *call, const char *path, bool replace, const char *kept, struct sink **out_sink);

/* False once something has failed, or somebody pressed Ctrl-C: going on is no use. */
bool sink_good(const struct sink *sink);

void sink_write(struct sink *sink, const void *at, size_t bytes);
void sink_text(struct sink *sink, const char *text);

/* With `keep` false, or if anything failed, no file remains. Returns 0 with the sum of everything that was written, or an exit code after saying
 * what failed; with `keep` false 0 and nothing is said. Frees the sink. */
MUST_CHECK int sink_close(struct sink *sink, bool keep, char out_sum[SINK_SUM_BYTES]);

#endif
