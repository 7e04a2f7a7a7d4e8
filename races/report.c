/* SPDX-License-Identifier: MIT
 *
 * The result of a race as Markdown. What agents and tests have said is fenced or escaped: it is text, not a page.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "races/race.h"
#include "races/said.h"

struct page {
	char *text;
	size_t used, room;
	bool no_memory;
};

static void put(struct page *page, const char *text, size_t bytes)
{
	if (page->used + bytes + 1 > page->room) {
		size_t room = 2 * (page->used + bytes + 1);
		char *more = page->no_memory ? NULL : realloc(page->text, room);

		if (!more) {
			page->no_memory = true;
			return;
		}
		page->text = more;
		page->room = room;
	}
	memcpy(page->text + page->used, text, bytes);
	page->used += bytes;
	page->text[page->used] = '\0';
}

static void say(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct page *page, const char *format, ...)
{
	char line[1024];
	va_list arguments;
	int bytes;

	va_start(arguments, format);
	bytes = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	put(page, line, bytes < (int)sizeof(line) ? (size_t)bytes : sizeof(line) - 1);
}

/* Somebody else's words on one line: nothing in them is markup. */
static void quote(struct page *page, const char *text)
{
	for (; *text; text++) {
		if (strchr("\n\r\t", *text)) {
			put(page, " ", 1);
			continue;
		}
		if (strchr("\\`*_{}[]<>#|!&~", *text))
			put(page, "\\", 1);
		put(page, text, 1);
	}
}

static void quoted_line(struct page *page, const char *before, const char *text, const char *after)
{
	put(page, before, strlen(before));
	quote(page, text);
	put(page, after, strlen(after));
}

static void cell_number(struct page *page, const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (json_is_integer(value))
		say(page, " %lld |", (long long)json_integer_value(value));
	else
		say(page, " – |");
}

static void table(struct page *page, const json_t *attempts)
{
	const json_t *one;
	size_t i;

	say(page, "| rank | attempt | agent | verdict | files | lines | new findings | tokens | cost | time |\n");
	say(page, "|---|---|---|---|---|---|---|---|---|---|\n");
	json_array_foreach (attempts, i, one) {
		put(page, "|", 1);
		cell_number(page, one, "rank");
		quoted_line(page, " ", said_text(one, "label"), " |");
		quoted_line(page, " ", said_text(one, "agent"), " |");
		quoted_line(page, " ", said_text(one, "verdict"), "");
		say(page, "%s |", said_true(one, "lied") ? ", **untrue claim**" : "");
		cell_number(page, json_object_get(one, "change"), "files");
		cell_number(page, one, "size");
		cell_number(page, one, "new_findings");
		cell_number(page, one, "tokens");
		say(page, " $%.4f | %.1f s |\n", (double)said_number(one, "cost_microusd") / 1e6,
		    (double)said_number(one, "wall_ms") / 1e3);
	}
	put(page, "\n", 1);
}

static void details(struct page *page, const json_t *attempt)
{
	const json_t *gate, *try;
	size_t i;

	quoted_line(page, "### ", said_text(attempt, "label"), "\n\n");
	quoted_line(page, "", said_text(attempt, "why"), "\n\n");
	if (said_text(json_object_get(attempt, "claim"), "text")[0])
		quoted_line(page, "It says of itself: ", said_text(json_object_get(attempt, "claim"), "text"), "\n\n");
	json_array_foreach (json_object_get(attempt, "gates"), i, gate) {
		quoted_line(page, "- ", said_text(gate, "gate"), " ");
		quoted_line(page, "**", said_text(gate, "state"), "**: ");
		quoted_line(page, "", said_text(gate, "sentence"), "\n");
	}
	json_array_foreach (json_object_get(attempt, "tries"), i, try) {
		if (strcmp(said_text(try, "class"), "none") == 0)
			continue;
		quoted_line(page, "- a try of ", said_text(try, "agent"), ": ");
		quoted_line(page, "", said_text(try, "class"), ", ");
		quoted_line(page, "", said_text(try, "why"), "\n");
	}
	if (said_text(json_object_get(attempt, "change"), "ref")[0])
		quoted_line(page, "- its change is at ", said_text(json_object_get(attempt, "change"), "ref"), "\n");
	if (said_text(json_object_get(attempt, "kept"), "ref")[0])
		quoted_line(page, "- what it left is kept at ", said_text(json_object_get(attempt, "kept"), "ref"), "\n");
	put(page, "\n", 1);
}

static void choice(struct page *page, const json_t *result)
{
	const json_t *choice = json_object_get(result, "choice"), *merging = json_object_get(result, "merging"), *one;
	size_t i;

	quoted_line(page, "## Choice\n\n", said_text(choice, "sentence"), "\n\n");
	json_array_foreach (json_object_get(choice, "steps"), i, one) {
		quoted_line(page, "- ", said_text(one, "better"), " before ");
		quoted_line(page, "", said_text(one, "worse"), ", by ");
		quoted_line(page, "", said_text(one, "by"), ": ");
		quoted_line(page, "", said_text(one, "sentence"), "\n");
	}
	quoted_line(page, "\n## Merging\n\n", said_text(merging, "sentence"), "\n\n");
	json_array_foreach (json_object_get(merging, "conflicts"), i, one)
		quoted_line(page, "- conflict in ", said_text(one, "path"), "\n");
}

char *race_report_markdown(const json_t *result)
{
	struct page page = {0};
	const json_t *attempts = said_list(result, "attempts"), *one;
	size_t i;

	quoted_line(&page, "# Race ", said_text(result, "race"), "\n\n");
	quoted_line(&page, "", said_text(result, "text"), "\n\n");
	table(&page, attempts);
	choice(&page, result);
	say(&page, "\n## Attempts\n\n");
	json_array_foreach (attempts, i, one)
		details(&page, one);
	if (!page.no_memory)
		return page.text;
	free(page.text);
	return NULL;
}
