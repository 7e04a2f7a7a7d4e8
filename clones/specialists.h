/* SPDX-License-Identifier: MIT
 *
 * Declares each specialist of specialists.def, for its own file and for the table.
 */
#ifndef CLONES_SPECIALISTS_H
#define CLONES_SPECIALISTS_H

#include "clones/clone.h"

#define SPECIALIST(role) extern const struct specialist role##_specialist;
#include "clones/specialists.def"

#endif
