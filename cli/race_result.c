/* SPDX-License-Identifier: MIT
 *
 * The result of a race for programs: its members, the exit code it stands for, and what a person may do next.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/race_view.h"
#include "cli/text.h"

/* ---- members ---- */

const json_t *json_at(const json_t *json, const char *path)
{
	const char *dot;
	char name[64];

	while ((dot = strchr(path, '.'))) {
		snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
		json = json_object_get(json, name);
		path = dot + 1;
	}
	return json_object_get(json, path);
}

const char *text_at(const json_t *json, const char *path)
{
	const char *text = json_string_value(json_at(json, path));

	return text ? text : "";
}

uint64_t number_at(const json_t *json, const char *path)
{
	json_int_t number = json_integer_value(json_at(json, path));

	return number > 0 ? (uint64_t)number : 0;
}

const json_t *race_of_result(const json_t *result)
{
	const json_t *inner = json_object_get(result, "race");

	if (strncmp(text_at(result, "schema"), "bunshin-race/", 13) == 0)
		return result;
	return strncmp(text_at(inner, "schema"), "bunshin-race/", 13) == 0 ? inner : NULL;
}

const json_t *race_attempt(const json_t *race, const char *label)
{
	const json_t *attempt;
	size_t i;

	json_array_foreach (json_object_get(race, "attempts"), i, attempt) {
		if (strcmp(text_at(attempt, "label"), label) == 0)
			return attempt;
	}
	return NULL;
}

char *attempt_why(const json_t *attempt)
{
	const char *why = text_at(attempt, "why"), *lie = text_at(attempt, "lie"), *at = *lie ? strstr(why, lie) : NULL;
	size_t bytes = at ? (size_t)(at - why) : strlen(why);

	while (bytes && why[bytes - 1] == ' ')
		bytes--;
	return need(strndup(why, bytes));
}

/* ---- the exit code ---- */

static bool budget_ended(const json_t *race)
{
	const json_t *attempt;
	size_t i;

	json_array_foreach (json_object_get(race, "attempts"), i, attempt) {
		if (strcmp(text_at(attempt, "ended"), "budget") == 0)
			return true;
	}
	return false;
}

int race_exit_code(const json_t *race)
{
	const json_t *best = race_attempt(race, text_at(race, "choice.label"));
	const char *merging = text_at(race, "merging.state");
	bool verified = best && strcmp(text_at(best, "verdict"), "verified") == 0;

	if (strcmp(merging, "conflicts") == 0 || (verified && strcmp(merging, "refused") == 0))
		return error_exit_code(ERR_CONFLICT);
	if (verified)
		return 0;
	return budget_ended(race) ? error_exit_code(ERR_BUDGET) : 1;
}

/* ---- what next ---- */

/* The first attempt that nothing but an approval stands against; NULL: there is none. */
static const json_t *awaits_approval(const json_t *race)
{
	const json_t *attempt, *gate;
	size_t i, j;

	json_array_foreach (json_object_get(race, "attempts"), i, attempt) {
		bool is_protected = false, others = false;
		json_array_foreach (json_object_get(attempt, "gates"), j, gate) {
			bool failed = strcmp(text_at(gate, "state"), "failed") == 0;
			is_protected |= failed && strcmp(text_at(gate, "gate"), "protected") == 0;
			others |= failed && strcmp(text_at(gate, "gate"), "protected") != 0;
		}
		if (is_protected && !others)
			return attempt;
	}
	return NULL;
}

void race_next(const json_t *race, char out[RACE_NEXT_BYTES])
{
	const char *state = text_at(race, "merging.state"), *id = text_at(race, "race");
	const json_t *waiting = *text_at(race, "choice.label") ? NULL : awaits_approval(race);

	out[0] = 0;
	if (strcmp(state, "prepared") == 0)
		snprintf(out, RACE_NEXT_BYTES, "bunshin race compare %s looks at it, bunshin race accept %s takes it", id, id);
	else if (strcmp(state, "merged") == 0)
		snprintf(out, RACE_NEXT_BYTES,
			 "bunshin race accept %s brings it into your folder, bunshin race undo %s takes it back", id, id);
	else if (strcmp(state, "conflicts") == 0)
		snprintf(out, RACE_NEXT_BYTES,
			 "bunshin race accept %s --theirs lets the result stand where both changed the same", id);
	else if (waiting)
		snprintf(out, RACE_NEXT_BYTES, "bunshin race approve %s %s shows what is protected, and asks", id,
			 text_at(waiting, "label"));
	else if (strcmp(state, "refused") == 0 &&
		 strcmp(text_at(race_attempt(race, text_at(race, "choice.label")), "verdict"), "verified"))
		snprintf(out, RACE_NEXT_BYTES,
			 "bunshin race compare %s looks at it, bunshin race accept %s --theirs takes it with its gaps", id, id);
	else if (strcmp(state, "refused") == 0)
		snprintf(out, RACE_NEXT_BYTES, "bunshin race accept %s tries again on the branch as it is now", id);
}
