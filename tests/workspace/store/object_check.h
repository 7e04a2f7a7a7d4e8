/* SPDX-License-Identifier: MIT
 *
 * What must hold of any object that was made from bytes, whoever wrote them.
 */
#ifndef TESTS_OBJECT_CHECK_H
#define TESTS_OBJECT_CHECK_H

#include "workspace/store/object.h"

/* Make it; NULL if all is well, whether it was taken in or refused, else what is not. The caller has a bracket open. */
const char *object_check(struct workspace_agent *agent, enum object_judge judge, enum object_type type, struct bytes raw,
			 const struct tree *base, bool shallow, bool *out_taken);

#endif
