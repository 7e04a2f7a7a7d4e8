/* SPDX-License-Identifier: MIT
 *
 * Tables of the page of a race, its choice and its merging.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/markup.h"
#include "cli/race_page.h"
#include "cli/race_parameters.h"
#include "cli/race_view.h"
#include "cli/text.h"

static void head(struct sink *sink, const char *const *names, size_t count, size_t words)
{
	sink_text(sink, "<table><thead><tr>");
	for (size_t i = 0; i < count; i++) {
		sink_text(sink, i < words ? "<th scope=\"col\">" : "<th scope=\"col\" class=\"number\">");
		markup_text(sink, names[i]);
		sink_text(sink, "</th>");
	}
	sink_text(sink, "</tr></thead><tbody>\n");
}

static void number_or_none(struct sink *sink, const json_t *json, const char *name)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, number_at(json, name));
	page_number(sink, json_is_integer(json_at(json, name)) ? text : "–");
}

/* ---- attempts side by side ---- */

static const char *claim_of(const json_t *attempt)
{
	if (!json_is_object(json_object_get(attempt, "claim")))
		return "–";
	if (json_is_true(json_object_get(attempt, "lied")))
		return "done, not so";
	if (json_is_true(json_at(attempt, "claim.ok")))
		return "done";
	return strcmp(text_at(attempt, "ended"), "failed") == 0 ? "not done" : "–";
}

static void figures(struct sink *sink, const json_t *attempt)
{
	const json_t *coverage = json_object_get(attempt, "diff_coverage_permille");
	char text[64];

	number_or_none(sink, attempt, "change.files");
	snprintf(text, sizeof(text), "+%" PRIu64 " −%" PRIu64, number_at(attempt, "change.additions"),
		 number_at(attempt, "change.deletions"));
	page_number(sink, json_is_object(json_object_get(attempt, "change")) ? text : "–");
	number_or_none(sink, attempt, "new_findings");
	number_or_none(sink, attempt, "fixed_findings");
	snprintf(text, sizeof(text), "%" PRIu64 " %%", number_at(attempt, "diff_coverage_permille") / 10);
	page_number(sink, json_is_integer(coverage) ? text : "–");
	tokens_print(number_at(attempt, "tokens"), text);
	page_number(sink, text);
	money_print(number_at(attempt, "cost_microusd"), text);
	page_number(sink, text);
	span_print(number_at(attempt, "wall_ms"), text);
	page_number(sink, number_at(attempt, "wall_ms") ? text : "–");
}

void page_compared(const struct race_page *page)
{
	static const char *const names[] = {"Rank",   "Attempt", "By",           "Verdict",        "It says",
					    "Files",  "Lines",   "New findings", "Fixed findings", "Changed lines tested",
					    "Tokens", "Cost",    "Time"};
	const char *best = text_at(page->race, "choice.label");
	struct sink *sink = page->sink;
	const json_t *attempt;
	size_t i;

	head(sink, names, sizeof(names) / sizeof(names[0]), 5);
	json_array_foreach (json_object_get(page->race, "attempts"), i, attempt) {
		const char *label = text_at(attempt, "label"), *verdict = text_at(attempt, "verdict");
		const char *model = text_at(attempt, "model");
		char rank[24];
		snprintf(rank, sizeof(rank), "%" PRIu64, number_at(attempt, "rank"));
		sink_text(sink, strcmp(label, best) == 0 ? "<tr class=\"best\">" : "<tr>");
		page_element(sink, "td", NULL, json_is_integer(json_object_get(attempt, "rank")) ? rank : "–");
		sink_text(sink, "<th scope=\"row\">");
		markup_recorded(sink, label);
		sink_text(sink, "</th>");
		page_element(sink, "td", NULL, *model ? model : text_at(attempt, "agent"));
		page_element(sink, "td", page_class(verdict), verdict);
		page_element(sink, "td", page_class(claim_of(attempt)), claim_of(attempt));
		figures(sink, attempt);
		sink_text(sink, "</tr>\n");
	}
	sink_text(sink, "</tbody></table>");
}

/* ---- gates ---- */

static const json_t *gate_of(const json_t *attempt, const char *name)
{
	const json_t *gate;
	size_t i;

	json_array_foreach (json_object_get(attempt, "gates"), i, gate) {
		if (strcmp(text_at(gate, "gate"), name) == 0)
			return gate;
	}
	return NULL;
}

static bool is_listed(const json_t *names, const char *name)
{
	const json_t *known;
	size_t i;

	json_array_foreach (names, i, known) {
		if (strcmp(json_string_value(known), name) == 0)
			return true;
	}
	return false;
}

static const char *sign_of(const char *state)
{
	return strcmp(state, "passed") == 0    ? "✓ "
	       : strcmp(state, "failed") == 0  ? "✗ "
	       : strcmp(state, "unknown") == 0 ? "? "
					       : "";
}

static void gate_row(const struct race_page *page, const char *name)
{
	struct sink *sink = page->sink;
	const json_t *attempt;
	char text[64];
	size_t i;

	sink_text(sink, "<tr><th scope=\"row\">");
	markup_recorded(sink, name);
	sink_text(sink, "</th>");
	json_array_foreach (json_object_get(page->race, "attempts"), i, attempt) {
		const char *state = text_at(gate_of(attempt, name), "state");
		snprintf(text, sizeof(text), "%s%.32s", sign_of(state), *state ? state : "–");
		page_element(sink, "td", page_class(state), text);
	}
	sink_text(sink, "</tr>\n");
}

void page_gates(const struct race_page *page)
{
	const json_t *attempts = json_object_get(page->race, "attempts"), *attempt, *gate;
	json_t *names = json_array();
	size_t i, j;

	sink_text(page->sink, "<table><thead><tr><th scope=\"col\">Gate</th>");
	json_array_foreach (attempts, i, attempt) {
		sink_text(page->sink, "<th scope=\"col\">");
		markup_recorded(page->sink, text_at(attempt, "label"));
		sink_text(page->sink, "</th>");
	}
	sink_text(page->sink, "</tr></thead><tbody>\n");
	json_array_foreach (attempts, i, attempt) {
		json_array_foreach (json_object_get(attempt, "gates"), j, gate) {
			const char *name = text_at(gate, "gate");
			if (!*name || is_listed(names, name))
				continue;
			gate_row(page, name);
			json_array_append_new(names, json_string_nocheck(name));
		}
	}
	sink_text(page->sink, "</tbody></table>");
	json_decref(names);
}

/* ---- the choice ---- */

void page_choice(const struct race_page *page)
{
	const json_t *choice = json_object_get(page->race, "choice"), *step;
	struct sink *sink = page->sink;
	size_t i;

	if (!json_is_object(choice))
		return;
	sink_text(sink, "<section aria-labelledby=\"choice\"><h2 id=\"choice\">The choice</h2>");
	page_element(sink, "p", NULL, text_at(choice, "sentence"));
	if (json_array_size(json_object_get(choice, "steps")))
		sink_text(sink, "<ol>");
	json_array_foreach (json_object_get(choice, "steps"), i, step)
		page_element(sink, "li", NULL, text_at(step, "sentence"));
	if (i)
		sink_text(sink, "</ol>");
	if (json_is_object(json_object_get(choice, "tie_break"))) {
		sink_text(sink, json_is_string(json_object_get(json_object_get(choice, "tie_break"), "label"))
					? "<h3>The tie was broken by a model, "
					: "<h3>A model was asked to break the tie and named none of them, ");
		markup_recorded(sink, text_at(choice, "tie_break.agent"));
		sink_text(sink, "</h3>");
		page_element(sink, "blockquote", NULL, text_at(choice, "tie_break.text"));
	}
	sink_text(sink, "</section>\n");
}

/* ---- merging ---- */

static void put_side(struct sink *sink, const char *title, const json_t *conflict, const char *side)
{
	const json_t *places = json_object_get(conflict, "places"), *place;
	const json_t *it = json_object_get(conflict, side);
	char text[96];
	size_t i;

	sink_text(sink, "<div class=\"side\"><h4>");
	markup_text(sink, title);
	sink_text(sink, "</h4>");
	page_element(sink, "p", NULL, json_is_object(it) ? text_at(it, "path") : "not there");
	json_array_foreach (places, i, place) {
		const json_t *range = json_object_get(place, side);
		uint64_t line = number_at(range, "line"), lines = number_at(range, "lines");
		if (!json_is_object(range))
			continue;
		if (lines)
			snprintf(text, sizeof(text), "lines %" PRIu64 " to %" PRIu64, line, line + lines - 1);
		else
			snprintf(text, sizeof(text), "nothing, before line %" PRIu64, line);
		page_element(sink, "p", NULL, text);
		if (json_is_string(json_object_get(range, "text")))
			page_element(sink, "blockquote", "mono", text_at(range, "text"));
	}
	sink_text(sink, "</div>");
}

static void put_conflicts(struct sink *sink, const json_t *conflicts)
{
	const json_t *conflict;
	size_t i;

	json_array_foreach (conflicts, i, conflict) {
		sink_text(sink, "<h3>");
		markup_recorded(sink, text_at(conflict, "path"));
		sink_text(sink, " <span class=\"conflicts\">");
		markup_recorded(sink, text_at(conflict, "kind"));
		sink_text(sink, "</span></h3><div class=\"sides\">");
		put_side(sink, "Where both began", conflict, "base");
		put_side(sink, "The branch", conflict, "ours");
		put_side(sink, "The result", conflict, "theirs");
		sink_text(sink, "</div>\n");
	}
}

void page_merging(const struct race_page *page)
{
	const json_t *merging = json_object_get(page->race, "merging"), *gate;
	struct sink *sink = page->sink;
	char next[RACE_NEXT_BYTES];
	size_t i;

	if (!json_is_object(merging))
		return;
	sink_text(sink, "<section aria-labelledby=\"merging\"><h2 id=\"merging\">Merging: ");
	page_element(sink, "span", page_class(text_at(merging, "state")), text_at(merging, "state"));
	sink_text(sink, "</h2>");
	page_element(sink, "p", NULL, text_at(merging, "sentence"));
	json_array_foreach (json_object_get(merging, "gates"), i, gate) {
		sink_text(sink, "<p>On the merged tree, ");
		markup_recorded(sink, text_at(gate, "gate"));
		sink_text(sink, ": ");
		page_element(sink, "span", page_class(text_at(gate, "state")), text_at(gate, "state"));
		sink_text(sink, ". ");
		markup_recorded(sink, text_at(gate, "sentence"));
		sink_text(sink, "</p>");
	}
	put_conflicts(sink, json_object_get(merging, "conflicts"));
	race_next(page->race, next);
	if (*next) {
		sink_text(sink, "<p>Next: ");
		page_element(sink, "code", NULL, next);
		sink_text(sink, "</p>");
	}
	sink_text(sink, "</section>\n");
}

/* ---- what it cost ---- */

static void put_bar(struct sink *sink, uint64_t part, uint64_t whole)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "<td><svg class=\"bar\" viewBox=\"0 0 100 6\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect "
		 "class=\"of\" width=\"100\" "
		 "height=\"6\"/><rect width=\"%" PRIu64 "\" height=\"6\"/></svg></td>",
		 whole ? part * 100 / whole : 0);
	sink_text(sink, text);
}

static void put_budget(const struct race_page *page)
{
	const json_t *budget = json_object_get(page->race, "budget");
	char tokens[TOKENS_TEXT_BYTES], money[MONEY_TEXT_BYTES], of[96] = "", of_money[96] = "", text[320],
								 part[MONEY_TEXT_BYTES];

	if (!json_is_object(budget))
		return;
	tokens_print(number_at(budget, "spent_tokens"), tokens);
	money_print(number_at(budget, "spent_microusd"), money);
	if (number_at(budget, "tokens")) {
		tokens_print(number_at(budget, "tokens"), part);
		snprintf(of, sizeof(of), " of %s allowed", part);
	}
	if (number_at(budget, "microusd")) {
		money_print(number_at(budget, "microusd"), part);
		snprintf(of_money, sizeof(of_money), " of %s allowed", part);
	}
	snprintf(text, sizeof(text), "%s tokens%s, %s%s.", tokens, of, money, of_money);
	page_element(page->sink, "p", NULL, text);
}

void page_spent(const struct race_page *page)
{
	static const char *const names[] = {"Agent", "Model", "Attempts", "Verified", "Tokens", "Cost", ""};
	const json_t *rows = json_object_get(page->race, "by_agent"), *row;
	uint64_t most = 1;
	char text[64];
	size_t i;

	put_budget(page);
	if (json_array_size(rows) == 0)
		return;
	json_array_foreach (rows, i, row)
		most = number_at(row, "tokens") > most ? number_at(row, "tokens") : most;
	sink_text(page->sink, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"spent\">");
	head(page->sink, names, sizeof(names) / sizeof(names[0]), 2);
	json_array_foreach (rows, i, row) {
		sink_text(page->sink, "<tr><th scope=\"row\">");
		markup_recorded(page->sink, text_at(row, "agent"));
		sink_text(page->sink, "</th>");
		page_element(page->sink, "td", NULL, *text_at(row, "model") ? text_at(row, "model") : "–");
		number_or_none(page->sink, row, "attempts");
		number_or_none(page->sink, row, "verified");
		tokens_print(number_at(row, "tokens"), text);
		page_number(page->sink, text);
		money_print(number_at(row, "cost_microusd"), text);
		page_number(page->sink, text);
		put_bar(page->sink, number_at(row, "tokens"), most);
		sink_text(page->sink, "</tr>\n");
	}
	sink_text(page->sink, "</tbody></table></div>");
}

/* ---- where everything is ---- */

static void place(struct sink *sink, const char *what, const char *ref, const char *commit, const char *task)
{
	if (!*ref && !*commit)
		return;
	sink_text(sink, "<tr><th scope=\"row\">");
	markup_recorded(sink, what);
	sink_text(sink, "</th>");
	page_element(sink, "td", "id", *ref ? ref : "–");
	page_element(sink, "td", "id", commit);
	page_element(sink, "td", "id", *task ? task : "–");
	sink_text(sink, "</tr>\n");
}

static void put_parts(const struct race_page *page)
{
	static const char *const names[] = {"File", "Hunk", "Taken from", "Now at line"};
	const json_t *candidate, *part;
	size_t i, j;

	json_array_foreach (json_object_get(page->parameters, "candidates"), i, candidate) {
		const json_t *parts = json_object_get(candidate, "provenance");
		if (json_array_size(parts) == 0)
			continue;
		sink_text(page->sink, "<h3>What ");
		markup_recorded(page->sink, text_at(candidate, "label"));
		sink_text(page->sink, " is made of</h3>");
		head(page->sink, names, sizeof(names) / sizeof(names[0]), 4);
		json_array_foreach (parts, j, part) {
			char hunk[32] = "whole file", line[32] = "";
			if (json_is_integer(json_object_get(part, "hunk"))) {
				snprintf(hunk, sizeof(hunk), "%" PRIu64, number_at(part, "hunk"));
				snprintf(line, sizeof(line), "%" PRIu64, number_at(part, "new_from"));
			}
			sink_text(page->sink, "<tr>");
			page_element(page->sink, "td", "path", text_at(part, "path"));
			page_element(page->sink, "td", NULL, hunk);
			page_element(page->sink, "td", "id", text_at(part, "from"));
			page_element(page->sink, "td", NULL, line);
			sink_text(page->sink, "</tr>\n");
		}
		sink_text(page->sink, "</tbody></table>");
	}
}

void page_provenance(const struct race_page *page)
{
	static const char *const names[] = {"What", "Ref in the workspace", "Commit", "Task"};
	const json_t *attempt;
	size_t i;

	head(page->sink, names, sizeof(names) / sizeof(names[0]), 4);
	place(page->sink, "where it began", "", text_at(page->parameters, "commit"), "");
	json_array_foreach (json_object_get(page->race, "attempts"), i, attempt) {
		place(page->sink, text_at(attempt, "label"), text_at(attempt, "change.ref"), text_at(attempt, "change.commit"),
		      text_at(attempt, "task"));
		if (json_is_object(json_object_get(attempt, "kept")))
			place(page->sink, text_at(attempt, "label"), text_at(attempt, "kept.ref"),
			      text_at(attempt, "kept.commit"), text_at(attempt, "task"));
	}
	place(page->sink, "the branch before", text_at(page->race, "merging.branch"), text_at(page->race, "merging.before"), "");
	place(page->sink, "what was merged", text_at(page->race, "merging.ref"), text_at(page->race, "merging.commit"), "");
	sink_text(page->sink, "</tbody></table>");
	put_parts(page);
}
