/* SPDX-License-Identifier: MIT
 *
 * Where two histories last met.
 */
#ifndef WORKSPACE_MERGE_BASES_H
#define WORKSPACE_MERGE_BASES_H

#include "workspace/store/object.h"

/* As workspace_merge_bases, of commits that need not be in the store: only seconds, generation and parents are looked at. 0 or ERR_MEMORY. */
MUST_CHECK int merge_bases_find(const struct commit *one, const struct commit *two, const struct commit **out_bases, size_t max,
				size_t *out_count);

#endif
