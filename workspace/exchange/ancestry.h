/* SPDX-License-Identifier: MIT
 *
 * Does one commit lead to another? Asked before a branch is moved. The caller holds the collector off or stands within a bracket.
 */
#ifndef WORKSPACE_EXCHANGE_ANCESTRY_H
#define WORKSPACE_EXCHANGE_ANCESTRY_H

#include "workspace/store/object.h"

/* `*out_leads` is true if `to` is `from` or stands behind it. What was cut off is not seen. 0, ERR_MEMORY. */
MUST_CHECK int ancestry_leads(const struct commit *from, const struct commit *to, bool *out_leads);

#endif
