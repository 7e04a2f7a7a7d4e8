/* SPDX-License-Identifier: MIT
 *
 * The page: cli/page/race.html filled in.
 */
#include "cli/race_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/markup.h"
#include "cli/race_view.h"
#include "cli/text.h"

extern const char page_race[], page_css[], page_race_css[];

#define TITLE_CHARACTERS 100u

/* ---- pieces ---- */

void page_element(struct sink *sink, const char *name, const char *class, const char *text)
{
	sink_text(sink, "<");
	sink_text(sink, name);
	if (class && *class) {
		sink_text(sink, " class=\"");
		sink_text(sink, class);
		sink_text(sink, "\"");
	}
	sink_text(sink, ">");
	markup_recorded(sink, text);
	sink_text(sink, "</");
	sink_text(sink, name);
	sink_text(sink, ">");
}

void page_number(struct sink *sink, const char *text)
{
	page_element(sink, "td", "number", text);
}

const char *page_class(const char *word)
{
	static const char *const classes[][2] = {
		{"verified", "verified"},   {"with gaps", "with-gaps"}, {"not verified", "not-verified"},
		{"passed", "passed"},       {"failed", "failed"},       {"unknown", "unknown-state"},
		{"skipped", "skipped"},     {"merged", "merged"},       {"prepared", "prepared"},
		{"conflicts", "conflicts"}, {"refused", "refused"},     {"done, not so", "lied"},
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (strcmp(word, classes[i][0]) == 0)
			return classes[i][1];
	}
	return "";
}

/* ---- head ---- */

static void put_policy(const struct race_page *page)
{
	sink_text(page->sink, "default-src 'none'; style-src ");
	markup_sum(page->sink, page_css, page_race_css, NULL);
	sink_text(page->sink, "; base-uri 'none'; form-action 'none'");
}

static void put_style(const struct race_page *page)
{
	sink_text(page->sink, page_css);
	sink_text(page->sink, page_race_css);
}

static void put_version(const struct race_page *page)
{
	markup_text(page->sink, BUNSHIN_VERSION);
}

/* The first line of what was asked. */
static void put_title(const struct race_page *page)
{
	const char *prompt = text_at(page->parameters, "prompt");
	size_t bytes = strcspn(prompt, "\r\n"), characters = 0, end = 0;
	char *title;

	while (end < bytes && characters < TITLE_CHARACTERS) {
		end++;
		while (((unsigned char)prompt[end] & 0xc0) == 0x80)
			end++;
		characters++;
	}
	title = need(strndup(prompt, end));
	markup_text(page->sink, "Race: ");
	markup_recorded(page->sink, *title ? title : "(what was asked is erased)");
	if (prompt[end])
		markup_text(page->sink, " …");
	free(title);
}

static void put_lead(const struct race_page *page)
{
	size_t attempts = json_array_size(json_object_get(page->race, "attempts"));
	const char *branch = text_at(page->parameters, "branch");
	char text[256], span[SPAN_TEXT_BYTES];

	snprintf(text, sizeof(text), "%zu attempt%s in ", attempts, attempts == 1 ? "" : "s");
	markup_text(page->sink, text);
	markup_recorded(page->sink, text_at(page->parameters, "repo"));
	snprintf(text, sizeof(text), ", from %.12s", text_at(page->parameters, "commit"));
	markup_recorded(page->sink, text);
	if (*branch) {
		markup_text(page->sink, " for ");
		markup_recorded(page->sink, strncmp(branch, "refs/heads/", 11) == 0 ? branch + 11 : branch);
	}
	span_print(number_at(page->task, "took_ms"), span);
	snprintf(text, sizeof(text), " (%s). Begun %s, took %s. Race ", text_at(page->parameters, "merge"),
		 text_at(page->task, "accepted_at"), span);
	markup_recorded(page->sink, text);
	page_element(page->sink, "code", NULL, text_at(page->task, "task_id"));
}

static void put_verdict(const struct race_page *page)
{
	const char *label = text_at(page->race, "choice.label");
	const char *verdict = text_at(race_attempt(page->race, label), "verdict");
	const char *state = text_at(page->race, "merging.state");
	bool good = strcmp(verdict, "verified") == 0 && (strcmp(state, "merged") == 0 || strcmp(state, "prepared") == 0);
	bool bad = !*label || strcmp(verdict, "not verified") == 0 || strcmp(state, "conflicts") == 0;

	sink_text(page->sink, "<section class=\"verdict ");
	sink_text(page->sink, good ? "good" : bad ? "bad" : "partly");
	sink_text(page->sink, "\" aria-labelledby=\"verdict-line\"><h2 id=\"verdict-line\">");
	if (*label) {
		markup_recorded(page->sink, label);
		markup_text(page->sink, ": ");
		markup_recorded(page->sink, verdict);
		markup_text(page->sink, *state ? ", " : "");
		markup_recorded(page->sink, state);
	} else {
		markup_text(page->sink, "Nothing was chosen");
	}
	sink_text(page->sink, "</h2>");
	page_element(page->sink, "p", NULL, text_at(page->race, "text"));
	sink_text(page->sink, "</section>");
}

static void put_asked(const struct race_page *page)
{
	const json_t *prompt = json_object_get(page->parameters, "prompt");

	sink_text(page->sink, "<div class=\"asked-text\">");
	markup_recorded_lines(page->sink, json_is_string(prompt) ? json_string_value(prompt) : "", json_string_length(prompt));
	sink_text(page->sink, "</div>");
}

/* ---- the page ---- */

static const struct {
	const char *name;
	void (*put)(const struct race_page *page);
} slots[] = {
	{"policy", put_policy}, {"version", put_version},        {"title", put_title},      {"style", put_style},
	{"lead", put_lead},     {"verdict", put_verdict},        {"asked", put_asked},      {"compared", page_compared},
	{"gates", page_gates},  {"choice", page_choice},         {"merging", page_merging}, {"attempts", page_attempts},
	{"spent", page_spent},  {"provenance", page_provenance},
};

static void put_slot(const struct race_page *page, const char *name, size_t bytes)
{
	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		if (strlen(slots[i].name) == bytes && memcmp(slots[i].name, name, bytes) == 0)
			slots[i].put(page);
	}
}

void race_page_put(const struct race_page *page)
{
	const char *at = page_race, *slot;

	while ((slot = strstr(at, "{{"))) {
		const char *end = strstr(slot, "}}");
		sink_write(page->sink, at, (size_t)(slot - at));
		put_slot(page, slot + 2, (size_t)(end - slot) - 2);
		at = end + 2;
	}
	sink_text(page->sink, at);
}
