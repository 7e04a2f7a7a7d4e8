/* SPDX-License-Identifier: MIT
 *
 * The conditions of call_conditions.def as functions. Each looks at the tokens of one site and decides; none remembers anything.
 */
#ifndef TOOLS_CALL_CONDITIONS_H
#define TOOLS_CALL_CONDITIONS_H

#include "tools/call.h"

#define CONDITION(NAME, function, sentence) bool function(const struct call_rule *rule, const struct call_site *site);
#include "tools/call_conditions.def"

#endif
