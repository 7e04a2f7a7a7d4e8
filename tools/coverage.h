/* SPDX-License-Identifier: MIT
 *
 * Which lines of which files were executed, gathered from whatever measured it.
 */
#ifndef TOOLS_COVERAGE_H
#define TOOLS_COVERAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

#define COVERAGE_ROOT      "/work/"
#define COVERAGE_OWN       ".bunshin/" /* what Delta makes itself, below the root */
#define COVERAGE_LINES_MAX 1000000u
#define COVERAGE_FILES_MAX 20000u

enum line_state { LINE_NOTHING, LINE_MISSED, LINE_COVERED }; /* the highest that anybody says holds */

struct coverage;

struct coverage *coverage_new(void); /* NULL: out of memory */
void coverage_free(struct coverage *coverage);

/* `path` as it was measured, absolute or relative to `folder` (NULL: the root). Paths outside of the root, Delta's own and lines beyond the limits are left out.
 * 0 or ERR_MEMORY. */
MUST_CHECK int coverage_line(struct coverage *coverage, const char *folder, const char *path, uint64_t line,
			     enum line_state state);

/* {"files": [{"path", "covered": [[from, to], …], "missed": […]}], "covered", "missed"}, paths in order; NULL: out of memory. */
json_t *coverage_json(const struct coverage *coverage);

/* One document each of `gcov --json-format`, of `coverage json`, and of NODE_V8_COVERAGE. The last reads the scripts that it names below `root`. 0 or ERR_MEMORY; what
 * cannot be understood is left out. */
MUST_CHECK int coverage_read_gcov(struct coverage *coverage, const json_t *document);
MUST_CHECK int coverage_read_python(struct coverage *coverage, const json_t *document);
MUST_CHECK int coverage_read_v8(struct coverage *coverage, const json_t *document);

#endif
