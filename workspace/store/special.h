/* SPDX-License-Identifier: MIT
 *
 * What may stand in .gitmodules and .gitattributes: git fsck (2.39) looks into them, because git itself acts on what they say.
 */
#ifndef WORKSPACE_STORE_SPECIAL_H
#define WORKSPACE_STORE_SPECIAL_H

#include "workspace/workspace.h"

/* NULL, or what is wrong. A file that cannot be read to its end is judged by what stands before: so does git. Never writes. */
const char *modules_fault(struct bytes file);
const char *attributes_fault(struct bytes file);

#endif
