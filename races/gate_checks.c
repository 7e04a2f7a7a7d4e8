/* SPDX-License-Identifier: MIT
 *
 * The gate "checks", the user's own commands; and how many of the added lines the tests have reached.
 */
#include <string.h>

#include "races/gates.h"
#include "races/said.h"

static const json_t *check_of(const json_t *result, const char *name)
{
	const json_t *entity;
	size_t i;

	json_array_foreach (json_object_get(result, "entities"), i, entity)
		if (strcmp(said_text(entity, "kind"), "check") == 0 && strcmp(said_text(entity, "name"), name) == 0)
			return entity;
	return NULL;
}

static void last_words(const json_t *check, char out[200])
{
	const char *last = said_text(check, "last"), *line = strrchr(last, '\n');

	while (line && !line[1] && line > last) { /* the last line that is not empty */
		do
			line--;
		while (line > last && *line != '\n');
		if (strspn(line, "\n") != strlen(line))
			break;
	}
	out[0] = '\0';
	said_add(out, 200, "%.150s", line ? line + (*line == '\n') : last);
	out[strcspn(out, "\n")] = '\0';
}

void gate_checks(struct gate *gate, const struct race_spec *spec, const json_t *outcome)
{
	const json_t *result = gate_result(gate, outcome, "The checks"), *wanted;
	const char *failed = NULL, *unknown = NULL;
	size_t passed = 0, i;
	char last[200] = "";

	if (!result)
		return;
	json_array_foreach (spec->checks, i, wanted) {
		const char *name = said_text(wanted, "name");
		const json_t *check = check_of(result, name);
		const char *state = said_text(check, "state");

		if (strcmp(state, "passed") == 0) {
			passed++;
			gate_name(gate, "passed", name);
		} else if (strcmp(state, "failed") == 0) {
			if (!failed)
				last_words(check, last);
			failed = failed ? failed : name;
			gate_name(gate, "failed", name);
		} else {
			unknown = unknown ? unknown : name;
			gate_name(gate, "unknown", name);
		}
	}
	if (failed)
		gate_say(gate, GATE_FAILED, "The check %.64s fails%s%s.", failed, last[0] ? ", saying last: " : "", last);
	else if (unknown)
		gate_say(gate, GATE_UNKNOWN, "The check %.64s could not be run to its end: %.300s", unknown,
			 result_reason(result));
	else
		gate_say(gate, GATE_PASSED, "%zu check%s pass%s.", passed, passed == 1 ? "" : "s", passed == 1 ? "es" : "");
}

/* ---- coverage of what was added ---- */

struct range {
	uint64_t from, to;
};

static bool range_of(const json_t *pair, struct range *out)
{
	json_int_t from = json_integer_value(json_array_get(pair, 0)), to = json_integer_value(json_array_get(pair, 1));

	*out = (struct range){(uint64_t)from, (uint64_t)to};
	return from > 0 && to >= from && to < 100000000;
}

/* Lines that are in both lists of ranges. Ranges of one list do not overlap, as programs write them. */
static uint64_t common(const json_t *ranges, const json_t *others)
{
	const json_t *a, *b;
	struct range one, other;
	uint64_t lines = 0;
	size_t i, j;

	json_array_foreach (ranges, i, a) {
		if (!range_of(a, &one))
			continue;
		json_array_foreach (others, j, b) {
			if (!range_of(b, &other))
				continue;
			uint64_t from = one.from > other.from ? one.from : other.from, to = one.to < other.to ? one.to : other.to;

			lines += to >= from ? to - from + 1 : 0;
		}
	}
	return lines;
}

static const json_t *added_in(const json_t *measure, const char *path)
{
	const json_t *one;
	size_t i;

	json_array_foreach (json_object_get(json_object_get(measure, "result"), "paths"), i, one)
		if (strcmp(said_text(one, "path"), path) == 0)
			return said_list(one, "added");
	return NULL;
}

int64_t diff_coverage(const json_t *outcome, const json_t *measure)
{
	const json_t *result = json_object_get(outcome, "result"), *entity;
	uint64_t covered = 0, missed = 0;
	size_t i;

	json_array_foreach (json_object_get(result, "entities"), i, entity) {
		const json_t *added;

		if (strcmp(said_text(entity, "kind"), "coverage") != 0)
			continue;
		added = added_in(measure, said_text(entity, "path"));
		covered = said_sum(covered, common(added, said_list(entity, "covered")));
		missed = said_sum(missed, common(added, said_list(entity, "missed")));
	}
	if (covered + missed == 0 || result_is_cut(result, "entities"))
		return -1;
	return (int64_t)((double)covered / (double)(covered + missed) * 1000 + 0.5);
}
