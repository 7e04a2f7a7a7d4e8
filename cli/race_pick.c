/* SPDX-License-Identifier: MIT
 *
 * Parts of what an attempt has changed.
 */
#include "cli/race_pick.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

static int refuse(const char *text, char *why)
{
	snprintf(why, PICK_WHY_BYTES, "\"%.120s\" is not accepted; LABEL:PATH, LABEL:PATH#2 or LABEL:PATH#1,3-5 would be", text);
	return ERR_INVALID_PARAMETERS;
}

/* The part behind the last "#", if it can be numbers. */
static const char *numbers_of(const char *path)
{
	const char *mark = strrchr(path, '#');

	return mark && mark[1] && strspn(mark + 1, "0123456789,-") == strlen(mark + 1) ? mark : NULL;
}

static int add_range(const char *word, json_t *hunks)
{
	char *end;
	unsigned long from = strtoul(word, &end, 10), to = from;

	if (end == word)
		return ERR_INVALID_PARAMETERS;
	if (*end == '-') {
		const char *second = end + 1;
		to = strtoul(second, &end, 10);
		if (end == second)
			return ERR_INVALID_PARAMETERS;
	}
	if (*end || from == 0 || to < from || to > PICK_HUNKS_MAX)
		return ERR_INVALID_PARAMETERS;
	for (unsigned long number = from; number <= to; number++)
		json_array_append_new(hunks, json_integer((json_int_t)number));
	return 0;
}

static int read_numbers(const char *text, json_t *hunks)
{
	char *copy = need(strdup(text)), *rest = copy, *word;
	int rc = 0;

	while (!rc && (word = strsep(&rest, ",")))
		rc = add_range(word, hunks);
	free(copy);
	return rc;
}

int pick_read(const char *text, char out_label[PICK_LABEL_BYTES], json_t **out_pick, char out_why[PICK_WHY_BYTES])
{
	const char *colon = strchr(text, ':'), *path = colon ? colon + 1 : "", *numbers = numbers_of(path);
	size_t bytes = numbers ? (size_t)(numbers - path) : strlen(path);
	json_t *pick, *hunks;

	if (!colon || colon == text || (size_t)(colon - text) >= PICK_LABEL_BYTES || bytes == 0)
		return refuse(text, out_why);
	pick = json_pack("{s:s%}", "path", path, bytes);
	if (!pick)
		return refuse(text, out_why);
	if (numbers) {
		hunks = json_array();
		json_object_set_new(pick, "hunks", hunks);
		if (read_numbers(numbers + 1, hunks)) {
			json_decref(pick);
			return refuse(text, out_why);
		}
	}
	snprintf(out_label, PICK_LABEL_BYTES, "%.*s", (int)(colon - text), text);
	*out_pick = pick;
	return 0;
}

int race_merge_check(const struct call *call, const char *merge)
{
	if (!merge || strcmp(merge, "theirs") == 0 || strcmp(merge, "auto") == 0 || strcmp(merge, "manual") == 0)
		return 0;
	return call_fail(call, ERR_USAGE, NULL,
			 "--merge: \"%s\" is not accepted; theirs (the best result as it is), auto (only without conflict, and "
			 "if the gates "
			 "still pass) and manual (prepared for you) would be",
			 merge);
}
