/* SPDX-License-Identifier: MIT
 *
 * The result of a race for people, as text.
 */
#include "cli/race_view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/race_parameters.h"
#include "cli/text.h"

#define SHORT_ID 10

/* ---- the table of attempts ---- */

static const char *claim_word(const json_t *attempt)
{
	const json_t *claim = json_object_get(attempt, "claim");

	if (!json_is_object(claim))
		return "-";
	if (json_is_true(json_object_get(attempt, "lied")))
		return "done, not so";
	if (json_is_true(json_at(attempt, "claim.ok")))
		return "done";
	return strcmp(text_at(attempt, "ended"), "failed") == 0 ? "not done" : "-";
}

static void cell_change(struct grid *grid, const json_t *attempt)
{
	char text[64];

	if (!json_is_object(json_object_get(attempt, "change"))) {
		grid_number(grid, NULL);
		grid_number(grid, NULL);
		return;
	}
	snprintf(text, sizeof(text), "%" PRIu64, number_at(attempt, "change.files"));
	grid_number(grid, text);
	snprintf(text, sizeof(text), "+%" PRIu64 " -%" PRIu64, number_at(attempt, "change.additions"),
		 number_at(attempt, "change.deletions"));
	grid_number(grid, text);
}

static void cell_spent(struct grid *grid, const json_t *attempt)
{
	char tokens[TOKENS_TEXT_BYTES], money[MONEY_TEXT_BYTES], span[SPAN_TEXT_BYTES];

	tokens_print(number_at(attempt, "tokens"), tokens);
	money_print(number_at(attempt, "cost_microusd"), money);
	span_print(number_at(attempt, "wall_ms"), span);
	grid_number(grid, tokens);
	grid_number(grid, money);
	grid_number(grid, number_at(attempt, "wall_ms") ? span : NULL);
}

static void cell_rank(struct grid *grid, const json_t *attempt)
{
	char rank[24] = "";

	if (json_is_integer(json_object_get(attempt, "rank")))
		snprintf(rank, sizeof(rank), "%" PRIu64, number_at(attempt, "rank"));
	grid_number(grid, rank);
}

static void print_attempts(const struct paper *paper, const json_t *race)
{
	static const char *const headings[] = {"RANK",  "ATTEMPT", "BY",     "VERDICT", "IT SAYS",
					       "FILES", "LINES",   "TOKENS", "COST",    "TIME"};
	struct grid *grid = grid_new(sizeof(headings) / sizeof(headings[0]));
	const json_t *attempt;
	size_t i;

	for (i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
		grid_cell(grid, headings[i]);
	json_array_foreach (json_object_get(race, "attempts"), i, attempt) {
		const char *model = text_at(attempt, "model");
		cell_rank(grid, attempt);
		grid_cell(grid, text_at(attempt, "label"));
		grid_cell(grid, *model ? model : text_at(attempt, "agent"));
		grid_cell(grid, text_at(attempt, "verdict"));
		grid_cell(grid, claim_word(attempt));
		cell_change(grid, attempt);
		cell_spent(grid, attempt);
	}
	grid_print(grid, paper);
	grid_free(grid);
}

/* ---- gates: a row each, a column for each attempt ---- */

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

/* Names of all gates in the order in which they come first. */
static json_t *gate_names(const json_t *race)
{
	json_t *names = json_array();
	const json_t *attempt, *gate;
	size_t i, j;

	json_array_foreach (json_object_get(race, "attempts"), i, attempt) {
		json_array_foreach (json_object_get(attempt, "gates"), j, gate) {
			json_t *name = json_object_get(gate, "gate");
			bool known = false;
			for (size_t k = 0; k < json_array_size(names); k++)
				known |= json_equal(json_array_get(names, k), name);
			if (!known && json_is_string(name))
				json_array_append(names, name);
		}
	}
	return names;
}

static void print_gates(const struct paper *paper, const json_t *race)
{
	const json_t *attempts = json_object_get(race, "attempts"), *attempt, *name;
	json_t *names = gate_names(race);
	struct grid *grid = grid_new(json_array_size(attempts) + 1);
	size_t i, j;

	grid_cell(grid, "GATE");
	json_array_foreach (attempts, i, attempt)
		grid_cell(grid, text_at(attempt, "label"));
	json_array_foreach (names, j, name) {
		grid_cell(grid, json_string_value(name));
		json_array_foreach (attempts, i, attempt)
			grid_cell(grid, text_at(gate_of(attempt, json_string_value(name)), "state"));
	}
	if (json_array_size(names)) {
		fputc('\n', paper->out);
		grid_print(grid, paper);
	}
	grid_free(grid);
	json_decref(names);
}

/* ---- what there is to say of an attempt ---- */

static void print_heading(const struct paper *paper, const char *text)
{
	if (paper->color)
		fprintf(paper->out, "\n\033[1m%s\033[0m\n", text);
	else
		fprintf(paper->out, "\n%s\n", text);
}

static bool is_state(const json_t *gate, const char *state)
{
	return strcmp(text_at(gate, "state"), state) == 0;
}

/* Said already, as part of another sentence? */
static bool is_within(const char *whole, const char *part)
{
	return *part && strstr(whole, part) != NULL;
}

static void print_gate_sentences(const struct paper *paper, const json_t *attempt)
{
	const json_t *gate;
	char first[80];
	size_t i;

	json_array_foreach (json_object_get(attempt, "gates"), i, gate) {
		if ((!is_state(gate, "failed") && !is_state(gate, "unknown")) ||
		    is_within(text_at(attempt, "lie"), text_at(gate, "sentence")))
			continue;
		snprintf(first, sizeof(first), "    %.24s %.12s: ", text_at(gate, "gate"), text_at(gate, "state"));
		for (char *c = first; *c; c++) /* a name of ours, but nothing is trusted */
			*c = (unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f ? '?' : *c;
		prose_json(paper, first, json_object_get(gate, "sentence"));
	}
}

static void print_paths(const struct paper *paper, const char *first, const json_t *paths)
{
	const json_t *path;
	char *text = NULL;
	size_t bytes = 0, i;
	FILE *list;

	if (json_array_size(paths) == 0)
		return;
	list = need(open_memstream(&text, &bytes));
	json_array_foreach (paths, i, path)
		fprintf(list, "%s%s", i ? ", " : "", json_string_value(path) ? json_string_value(path) : "?");
	fclose(list);
	prose_print(paper, first, text);
	free(text);
}

static bool has_news(const json_t *attempt)
{
	const json_t *gate;
	size_t i;

	if (strcmp(text_at(attempt, "verdict"), "verified") != 0 || *text_at(attempt, "lie") ||
	    json_is_object(json_object_get(attempt, "kept")) || json_array_size(json_at(attempt, "change.protected")) ||
	    json_array_size(json_object_get(attempt, "tries")) > 1)
		return true;
	json_array_foreach (json_object_get(attempt, "gates"), i, gate) {
		if (is_state(gate, "failed") || is_state(gate, "unknown"))
			return true;
	}
	return false;
}

static void print_tries(const struct paper *paper, const json_t *attempt)
{
	const json_t *tries = json_object_get(attempt, "tries"), *try;
	char text[512], span[SPAN_TEXT_BYTES];
	size_t i;

	if (json_array_size(tries) < 2)
		return;
	json_array_foreach (tries, i, try) {
		span_print(number_at(try, "wait_ms"), span);
		snprintf(text, sizeof(text), "%.60s %.60s%s%.200s%s%s", text_at(try, "agent"),
			 *text_at(try, "class") ? text_at(try, "class") : "none", *text_at(try, "why") ? ": " : "",
			 text_at(try, "why"), number_at(try, "wait_ms") ? ", then waited " : "",
			 number_at(try, "wait_ms") ? span : "");
		prose_print(paper, i ? "           " : "    tries: ", text);
	}
}

static void print_why(const struct paper *paper, const json_t *attempt)
{
	char *why = attempt_why(attempt);

	if (*why && strcmp(text_at(attempt, "verdict"), "verified") != 0)
		prose_print(paper, "    ", why);
	free(why);
}

static void print_attempt(const struct paper *paper, const json_t *attempt)
{
	const json_t *kept = json_object_get(attempt, "kept");
	char *label = text_safe(text_at(attempt, "label"), strlen(text_at(attempt, "label")));

	fprintf(paper->out, "  %s\n", label);
	free(label);
	print_why(paper, attempt);
	if (json_is_true(json_object_get(attempt, "lied"))) {
		if (!strchr(text_at(attempt, "lie"), '"'))
			prose_json(paper, "    it says: ", json_at(attempt, "claim.text"));
		prose_json(paper, "    not so: ", json_object_get(attempt, "lie"));
	}
	print_gate_sentences(paper, attempt);
	print_paths(paper, "    protected paths: ", json_at(attempt, "change.protected"));
	print_tries(paper, attempt);
	if (json_is_object(kept))
		prose_json(paper, "    what it left is kept: ", json_object_get(kept, "ref"));
}

static void print_news(const struct paper *paper, const json_t *race)
{
	const json_t *attempt;
	bool begun = false;
	size_t i;

	json_array_foreach (json_object_get(race, "attempts"), i, attempt) {
		if (!has_news(attempt))
			continue;
		if (!begun)
			print_heading(paper, "What there is to say");
		begun = true;
		print_attempt(paper, attempt);
	}
}

/* ---- the choice ---- */

static void print_choice(const struct paper *paper, const json_t *race)
{
	const json_t *choice = json_object_get(race, "choice"), *step;
	size_t i;

	if (!json_is_object(choice))
		return;
	print_heading(paper, "The choice");
	prose_json(paper, "  ", json_object_get(choice, "sentence"));
	json_array_foreach (json_object_get(choice, "steps"), i, step)
		prose_json(paper, "  - ", json_object_get(step, "sentence"));
	if (json_is_object(json_object_get(choice, "tie_break"))) {
		fputs(json_is_string(json_object_get(json_object_get(choice, "tie_break"), "label"))
			      ? "  The tie was broken by a model"
			      : "  A model was asked to break the tie and named none of them",
		      paper->out);
		prose_json(paper, ", which says: ", json_at(choice, "tie_break.text"));
	}
}

/* ---- merging ---- */

/* "lines 3-5, 20" of the place of a side. */
static void places_print(const json_t *conflict, const char *side, char *out, size_t bytes)
{
	const json_t *places = json_object_get(conflict, "places"), *place;
	size_t used = 0, i;

	snprintf(out, bytes, "%s", json_is_object(json_object_get(conflict, side)) ? "there" : "not there");
	json_array_foreach (places, i, place) {
		uint64_t line = number_at(json_object_get(place, side), "line");
		uint64_t lines = number_at(json_object_get(place, side), "lines");
		if (used + 48 > bytes)
			break;
		used += (size_t)snprintf(out + used, bytes - used, "%s", i ? ", " : "lines ");
		if (lines > 1)
			used += (size_t)snprintf(out + used, bytes - used, "%" PRIu64 "-%" PRIu64, line, line + lines - 1);
		else
			used += (size_t)snprintf(out + used, bytes - used, lines ? "%" PRIu64 : "before %" PRIu64, line);
	}
}

void race_print_conflicts(const struct paper *paper, const json_t *conflicts)
{
	struct grid *grid;
	const json_t *conflict;
	char text[160];
	size_t i;

	if (json_array_size(conflicts) == 0)
		return;
	grid = grid_new(4);
	grid_cell(grid, "CONFLICT IN");
	grid_cell(grid, "KIND");
	grid_cell(grid, "THE BRANCH");
	grid_cell(grid, "THE RESULT");
	json_array_foreach (conflicts, i, conflict) {
		grid_cell(grid, text_at(conflict, "path"));
		grid_cell(grid, text_at(conflict, "kind"));
		places_print(conflict, "ours", text, sizeof(text));
		grid_cell(grid, text);
		places_print(conflict, "theirs", text, sizeof(text));
		grid_cell(grid, text);
	}
	grid_print(grid, paper);
	grid_free(grid);
}

/* An id holds nothing but digits; anything else is not shown. */
static const char *shown_id(const char *id)
{
	return strspn(id, "0123456789abcdef") == strlen(id) ? id : "?";
}

static void print_merging(const struct paper *paper, const json_t *race)
{
	const json_t *merging = json_object_get(race, "merging"), *gate;
	size_t i;

	if (!json_is_object(merging))
		return;
	print_heading(paper, "Merging");
	prose_json(paper, "  ", json_object_get(merging, "sentence"));
	if (strcmp(text_at(merging, "state"), "merged") == 0)
		fprintf(paper->out, "  %.*s -> %.*s\n", SHORT_ID, shown_id(text_at(merging, "before")), SHORT_ID,
			shown_id(text_at(merging, "commit")));
	json_array_foreach (json_object_get(merging, "gates"), i, gate) {
		if (!is_state(gate, "failed") && !is_state(gate, "unknown"))
			continue;
		prose_json(paper, "  on the merged tree: ", json_object_get(gate, "sentence"));
	}
	race_print_conflicts(paper, json_object_get(merging, "conflicts"));
}

/* ---- what was thought before ---- */

static void print_chosen(const struct paper *paper, const json_t *race)
{
	bool any = false;
	const json_t *attempt;
	size_t i;

	json_array_foreach (json_object_get(race, "attempts"), i, attempt) {
		char lead[64];

		if (!*text_at(attempt, "chosen"))
			continue;
		if (!any)
			print_heading(paper, "Who was chosen");
		any = true;
		snprintf(lead, sizeof(lead), "  %s: ", text_at(attempt, "label"));
		prose_json(paper, lead, json_object_get(attempt, "chosen"));
	}
}

static void print_set_aside_of(const struct paper *paper, const json_t *attempt)
{
	uint64_t tokens = number_at(attempt, "set_aside.tokens"), microusd = number_at(attempt, "set_aside.microusd");
	char lead[64], text[600], token_text[TOKENS_TEXT_BYTES], money_text[MONEY_TEXT_BYTES];
	const char *basis = text_at(attempt, "set_aside.basis");

	tokens_print(tokens, token_text);
	money_print(microusd, money_text);
	snprintf(lead, sizeof(lead), "  %s: ", text_at(attempt, "label"));
	snprintf(text, sizeof(text), "%s%s%s%s%s; %s", tokens ? token_text : "", tokens ? " tokens" : "",
		 tokens && microusd ? ", " : "", microusd ? money_text : "", tokens || microusd ? "" : "nothing", basis);
	if (*basis)
		prose_print(paper, lead, text);
}

/* Without a budget nothing is set aside. */
static void print_set_aside(const struct paper *paper, const json_t *race)
{
	const json_t *attempt;
	bool any = false;
	size_t i;

	if (!number_at(race, "budget.tokens") && !number_at(race, "budget.microusd"))
		return;
	json_array_foreach (json_object_get(race, "attempts"), i, attempt) {
		if (!*text_at(attempt, "set_aside.basis"))
			continue;
		if (!any)
			print_heading(paper, "Set aside");
		any = true;
		print_set_aside_of(paper, attempt);
	}
}

/* ---- what was spent ---- */

static void print_budget(const struct paper *paper, const json_t *race)
{
	const json_t *budget = json_object_get(race, "budget");
	char tokens[TOKENS_TEXT_BYTES], money[MONEY_TEXT_BYTES], of[TOKENS_TEXT_BYTES], of_money[MONEY_TEXT_BYTES];

	if (!json_is_object(budget))
		return;
	tokens_print(number_at(budget, "spent_tokens"), tokens);
	money_print(number_at(budget, "spent_microusd"), money);
	tokens_print(number_at(budget, "tokens"), of);
	money_print(number_at(budget, "microusd"), of_money);
	print_heading(paper, "Spent");
	fprintf(paper->out, "  %s%s%s tokens, %s%s%s\n", tokens, number_at(budget, "tokens") ? " of " : "",
		number_at(budget, "tokens") ? of : "", money, number_at(budget, "microusd") ? " of " : "",
		number_at(budget, "microusd") ? of_money : "");
}

static void print_by_agent(const struct paper *paper, const json_t *race)
{
	static const char *const headings[] = {"AGENT", "MODEL", "ATTEMPTS", "VERIFIED", "TOKENS", "COST"};
	const json_t *rows = json_object_get(race, "by_agent"), *row;
	struct grid *grid = grid_new(sizeof(headings) / sizeof(headings[0]));
	char text[32];
	size_t i;

	for (i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
		grid_cell(grid, headings[i]);
	json_array_foreach (rows, i, row) {
		grid_cell(grid, text_at(row, "agent"));
		grid_cell(grid, text_at(row, "model"));
		snprintf(text, sizeof(text), "%" PRIu64, number_at(row, "attempts"));
		grid_number(grid, text);
		snprintf(text, sizeof(text), "%" PRIu64, number_at(row, "verified"));
		grid_number(grid, text);
		tokens_print(number_at(row, "tokens"), text);
		grid_number(grid, text);
		money_print(number_at(row, "cost_microusd"), text);
		grid_number(grid, text);
	}
	if (json_array_size(rows))
		grid_print(grid, paper);
	grid_free(grid);
}

/* ---- all of it ---- */

static void print_next(const struct paper *paper, const json_t *race)
{
	char next[RACE_NEXT_BYTES];

	race_next(race, next);
	if (*next) {
		fputc('\n', paper->out);
		prose_print(paper, "  next: ", next);
	}
}

struct place {
	json_t *attempt;
	uint64_t rank;
	size_t index;
};

static int place_compare(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

/* A copy with the attempts by rank, and those without one behind them as they came. */
static json_t *ranked(const json_t *race)
{
	const json_t *attempts = json_object_get(race, "attempts");
	json_t *copy = json_object(), *sorted = json_array(), *attempt;
	struct place *places = need(calloc(json_array_size(attempts) + 1, sizeof(*places)));
	const char *key;
	json_t *member;
	size_t i;

	json_array_foreach (attempts, i, attempt) {
		bool has = json_is_integer(json_object_get(attempt, "rank"));
		places[i] = (struct place){attempt, has ? number_at(attempt, "rank") : UINT64_MAX, i};
	}
	if (json_array_size(attempts))
		qsort(places, json_array_size(attempts), sizeof(*places), place_compare);
	for (i = 0; i < json_array_size(attempts); i++)
		json_array_append(sorted, places[i].attempt);
	json_object_foreach ((json_t *)(uintptr_t)race, key, member)
		json_object_set_nocheck(copy, key, member);
	json_object_set_new(copy, "attempts", sorted);
	free(places);
	return copy;
}

void race_print(const struct paper *paper, const json_t *given)
{
	json_t *race = ranked(given);

	prose_json(paper, "", json_object_get(race, "text"));
	fputc('\n', paper->out);
	print_attempts(paper, race);
	print_gates(paper, race);
	print_news(paper, race);
	print_choice(paper, race);
	print_merging(paper, race);
	print_chosen(paper, race);
	print_set_aside(paper, race);
	print_budget(paper, race);
	print_by_agent(paper, race);
	print_next(paper, race);
	json_decref(race);
}

void race_print_end(const struct paper *paper, const json_t *given)
{
	json_t *race = ranked(given);

	print_attempts(paper, race);
	print_news(paper, race);
	print_choice(paper, race);
	print_merging(paper, race);
	json_decref(race);
}
