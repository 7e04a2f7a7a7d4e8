/* SPDX-License-Identifier: MIT
 *
 * Trees of which files can be made. Others come with repositories that somebody else wrote.
 */
#ifndef WORKSPACE_EXCHANGE_FILE_NAMES_H
#define WORKSPACE_EXCHANGE_FILE_NAMES_H

#include "workspace/workspace.h"

/* ERR_MALFORMED with the path of what may be in no folder: a name that tree_name_check refuses, or a folder whose names are in disorder; ERR_LIMIT for
 * paths that are too long. The tree has to stay meanwhile. */
MUST_CHECK int file_names_check(struct workspace_agent *agent, const struct tree *tree);

#endif
