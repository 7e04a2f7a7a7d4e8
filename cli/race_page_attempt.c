/* SPDX-License-Identifier: MIT
 *
 * The attempts on the page of a race: the verdict next to the claim, and what each has changed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/markup.h"
#include "cli/race_page.h"
#include "cli/race_view.h"
#include "cli/text.h"

#define PATCH_BYTES_MAX (512u << 10) /* of one attempt */

/* ---- what it says, and what we found ---- */

static void put_claim(struct sink *sink, const json_t *attempt)
{
	const json_t *text = json_at(attempt, "claim.text");

	sink_text(sink, "<div class=\"side\"><h4>It says of itself</h4>");
	if (json_string_length(text)) {
		sink_text(sink, "<blockquote>");
		markup_recorded_lines(sink, json_string_value(text), json_string_length(text));
		sink_text(sink, "</blockquote>");
	} else {
		page_element(sink, "p", "none", "nothing");
	}
	if (json_is_true(json_object_get(attempt, "lied"))) {
		sink_text(sink, "<p class=\"lie\"><strong>That is not so.</strong> ");
		markup_recorded(sink, text_at(attempt, "lie"));
		sink_text(sink, "</p>");
	}
	sink_text(sink, "</div>");
}

static void put_found(struct sink *sink, const json_t *attempt)
{
	char *why = attempt_why(attempt);
	const json_t *gate;
	size_t i;

	sink_text(sink, "<div class=\"side\"><h4>What we found</h4>");
	if (*why)
		page_element(sink, "p", NULL, why);
	free(why);
	sink_text(sink, "<ul>");
	json_array_foreach (json_object_get(attempt, "gates"), i, gate) {
		const char *state = text_at(gate, "state");
		sink_text(sink, "<li>");
		markup_recorded(sink, text_at(gate, "gate"));
		sink_text(sink, ": ");
		page_element(sink, "span", page_class(state), state);
		sink_text(sink, ". ");
		markup_recorded(sink, text_at(gate, "sentence"));
		sink_text(sink, "</li>");
	}
	sink_text(sink, "</ul></div>");
}

static void put_warnings(struct sink *sink, const json_t *attempt)
{
	const json_t *path, *hidden;
	char text[256];
	size_t i;

	json_array_foreach (json_at(attempt, "change.protected"), i, path) {
		sink_text(sink, i ? ", " : "<p><strong>Protected paths:</strong> ");
		page_element(sink, "code", NULL, json_string_value(path) ? json_string_value(path) : "?");
	}
	sink_text(sink, i ? "</p>" : "");
	json_array_foreach (json_at(attempt, "change.hidden"), i, hidden) {
		snprintf(text, sizeof(text), "%.180s, line %" PRIu64 ": %.20s", text_at(hidden, "path"),
			 number_at(hidden, "line"), text_at(hidden, "character"));
		sink_text(sink, i ? "; " : "<p><strong>Characters that nobody would see:</strong> ");
		page_element(sink, "code", NULL, text);
	}
	sink_text(sink, i ? "</p>" : "");
}

static void put_tries(struct sink *sink, const json_t *attempt)
{
	const json_t *tries = json_object_get(attempt, "tries"), *try;
	char span[SPAN_TEXT_BYTES];
	size_t i;

	if (json_array_size(tries) < 2)
		return;
	sink_text(sink, "<h4>Tries</h4><ol>");
	json_array_foreach (tries, i, try) {
		sink_text(sink, "<li>");
		markup_recorded(sink, text_at(try, "agent"));
		sink_text(sink, ": ");
		markup_recorded(sink, *text_at(try, "class") ? text_at(try, "class") : "none");
		sink_text(sink, *text_at(try, "why") ? ", " : "");
		markup_recorded(sink, text_at(try, "why"));
		span_print(number_at(try, "wait_ms"), span);
		if (number_at(try, "wait_ms")) {
			sink_text(sink, "; then waited ");
			markup_text(sink, span);
		}
		sink_text(sink, "</li>");
	}
	sink_text(sink, "</ol>");
}

/* ---- what it changed ---- */

static const char *class_of_line(const char *line)
{
	if (strncmp(line, "diff ", 5) == 0 || strncmp(line, "+++", 3) == 0 || strncmp(line, "---", 3) == 0)
		return "file";
	return *line == '+' ? "add" : *line == '-' ? "del" : *line == '@' ? "hunk" : NULL;
}

static void put_lines(struct sink *sink, const char *text, size_t bytes)
{
	char *safe = text_safe_lines(text, bytes), *rest = safe, *line;

	sink_text(sink, "<div class=\"diff\" tabindex=\"0\" role=\"region\" aria-label=\"Changes\"><pre>");
	while ((line = strsep(&rest, "\n"))) {
		const char *class = class_of_line(line);
		if (!rest && !*line)
			break;
		sink_text(sink, "<span");
		if (class) {
			sink_text(sink, " class=\"");
			sink_text(sink, class);
			sink_text(sink, "\"");
		}
		sink_text(sink, ">");
		markup_text(sink, *line ? line : " ");
		sink_text(sink, "</span>");
	}
	sink_text(sink, "</pre></div>");
	free(safe);
}

static void put_change(const struct race_page *page, const json_t *attempt)
{
	const json_t *patch = json_object_get(page->patches, text_at(attempt, "label"));
	struct sink *sink = page->sink;

	sink_text(sink, "<h4>What it changed</h4>");
	if (!json_is_object(json_object_get(attempt, "change")) && !json_is_object(json_object_get(attempt, "kept")))
		page_element(sink, "p", "none", "nothing");
	else if (!json_is_string(patch))
		page_element(sink, "p", "none",
			     "The differences could not be read when this page was written: the workspace did not answer.");
	else if (json_string_length(patch) > PATCH_BYTES_MAX)
		page_element(sink, "p", "none", "Too much for a page; bunshin race compare shows it.");
	else
		put_lines(sink, json_string_value(patch), json_string_length(patch));
}

/* ---- an attempt ---- */

static void put_summary(struct sink *sink, const json_t *attempt)
{
	const char *verdict = text_at(attempt, "verdict");

	sink_text(sink, "<summary><h3>");
	markup_recorded(sink, text_at(attempt, "label"));
	sink_text(sink, "</h3> <span class=\"verdict-word ");
	sink_text(sink, page_class(verdict));
	sink_text(sink, "\">");
	markup_recorded(sink, verdict);
	sink_text(sink, "</span>");
	if (json_is_true(json_object_get(attempt, "lied")))
		page_element(sink, "span", "verdict-word lied", "says what is not so");
	sink_text(sink, "<span class=\"facts\">");
	markup_recorded(sink, text_at(attempt, "agent"));
	sink_text(sink, *text_at(attempt, "model") ? ", " : "");
	markup_recorded(sink, text_at(attempt, "model"));
	sink_text(sink, ", ");
	markup_recorded(sink, text_at(attempt, "ended"));
	sink_text(sink, "</span></summary>");
}

static void put_attempt(const struct race_page *page, const json_t *attempt, bool best)
{
	struct sink *sink = page->sink;

	sink_text(sink, best ? "<details class=\"attempt\" open>" : "<details class=\"attempt\">");
	put_summary(sink, attempt);
	sink_text(sink, "<div class=\"body\"><div class=\"sides\">");
	put_claim(sink, attempt);
	put_found(sink, attempt);
	sink_text(sink, "</div>");
	put_warnings(sink, attempt);
	put_tries(sink, attempt);
	put_change(page, attempt);
	sink_text(sink, "</div></details>\n");
}

/* The best first, then in the order of their rank, then the others. */
void page_attempts(const struct race_page *page)
{
	const json_t *order = json_at(page->race, "choice.order"), *attempts = json_object_get(page->race, "attempts"), *label,
		     *attempt;
	const char *best = text_at(page->race, "choice.label");
	json_t *shown = json_object();
	size_t i;

	json_array_foreach (order, i, label) {
		const char *name = json_string_value(label) ? json_string_value(label) : "";
		attempt = race_attempt(page->race, name);
		if (!attempt || json_object_get(shown, name))
			continue;
		put_attempt(page, attempt, strcmp(name, best) == 0);
		json_object_set_new_nocheck(shown, name, json_true());
	}
	json_array_foreach (attempts, i, attempt) {
		if (!json_object_get(shown, text_at(attempt, "label")))
			put_attempt(page, attempt, strcmp(text_at(attempt, "label"), best) == 0);
	}
	json_decref(shown);
}
