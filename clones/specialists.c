/* SPDX-License-Identifier: MIT
 *
 * The table of specialists.
 */
#include "clones/clone.h"

#include <string.h>

#include "clones/specialists.h"

static const struct specialist *const specialists[] = {
#define SPECIALIST(role) &role##_specialist,
#include "clones/specialists.def"
	NULL};

const struct specialist *specialist_at(size_t index)
{
	for (size_t i = 0; specialists[i]; i++) {
		if (i == index)
			return specialists[i];
	}
	return NULL;
}

const struct specialist *specialist_for_type(const char *task_type)
{
	for (size_t i = 0; specialists[i]; i++) {
		if (strcmp(specialists[i]->task_type, task_type) == 0)
			return specialists[i];
	}
	return NULL;
}

const struct specialist *specialist_for_role(const char *role)
{
	for (size_t i = 0; specialists[i]; i++) {
		if (strcmp(specialists[i]->role, role) == 0)
			return specialists[i];
	}
	return NULL;
}
