/* SPDX-License-Identifier: MIT
 *
 * An export as one page: cli/page/ filled in. The lines of the JSONL form stand in it byte for byte, but for "<", which is written \u003c so
 * that nothing recorded can end the script element that holds them. What is shown is made from these bytes by the page's own script; the table for readers
 * without scripts is the only thing printed here.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/note.h"
#include "cli/export.h"
#include "cli/markup.h"
#include "cli/story.h"
#include "cli/text.h"
#include "protocol/id.h"
#include "protocol/json.h"

extern const char page_html[], page_css[], page_proof[], page_story[], page_view[];

struct page {
	struct export *export;
	struct sink *sink;
	uint64_t bytes; /* of lines */
	int rc;
};

/* ---- the lines ---- */

/* Without any "<". */
static int put_unmarked(struct sink *sink, const uint8_t *at, size_t bytes)
{
	const uint8_t *less;

	while ((less = memchr(at, '<', bytes))) {
		sink_write(sink, at, (size_t)(less - at));
		sink_text(sink, "\\u003c");
		bytes -= (size_t)(less - at) + 1;
		at = less + 1;
	}
	sink_write(sink, at, bytes);
	return sink_good(sink) ? 0 : ERR_STATE;
}

static int put_line(void *context, const uint8_t *at, size_t bytes)
{
	struct page *page = context;

	page->bytes += bytes;
	if (page->bytes <= EXPORT_PAGE_BYTES)
		return put_unmarked(page->sink, at, bytes);
	snprintf(page->export->why, sizeof(page->export->why), "the records take more than %u MiB, which is too much for a page",
		 EXPORT_PAGE_BYTES >> 20);
	return ERR_TOO_LARGE;
}

static void put_export(struct page *page)
{
	page->rc = export_lines(page->export, put_line, page);
}

static void put_names(struct page *page)
{
	json_t *json = need(protocol_to_json());
	char *text = need(json_dumps(json, JSON_COMPACT));

	page->rc = put_unmarked(page->sink, (const uint8_t *)text, strlen(text));
	free(text);
	json_decref(json);
}

/* ---- the table for readers without scripts ---- */

static void cell(struct sink *sink, const char *text)
{
	sink_text(sink, "<td>");
	markup_recorded(sink, text);
	sink_text(sink, "</td>");
}

static void note_cell(struct sink *sink, const struct export_row *row)
{
	struct trail_entry entry = *row->entry;
	struct buffer buffer = {0};
	struct message message;
	char note[256] = "the stored bytes are no message";

	if (row->payload == PAYLOAD_HERE)
		entry.payload = row->body;
	if (record_message(&entry, &buffer, &message) == 0)
		record_note(&entry, &message, note, sizeof(note));
	if (row->payload == PAYLOAD_ERASED && !*note)
		snprintf(note, sizeof(note), "erased");
	cell(sink, note);
	buffer_release(&buffer);
}

static int put_row(void *context, const struct export_row *row)
{
	const struct trail_entry *entry = row->entry;
	struct sink *sink = context;
	char text[TIME_TEXT_BYTES], id[ID_TEXT_BYTES] = "";

	sink_text(sink, "<tr>");
	snprintf(text, sizeof(text), "%" PRIu64, entry->seq);
	cell(sink, text);
	time_print_utc(entry->wall_ms, text);
	cell(sink, text);
	cell(sink, entry->direction == TRAIL_IN ? "received" : entry->direction == TRAIL_OUT ? "sent" : "Omega's own");
	cell(sink, entry->peer);
	cell(sink, message_name((enum message_type)entry->type));
	if (!id_is_nil(&entry->task_id))
		id_print(&entry->task_id, id);
	cell(sink, id);
	cell(sink, entry->end_state ? state_name(entry->end_state) : "");
	note_cell(sink, row);
	sink_text(sink, "</tr>\n");
	return sink_good(sink) ? 0 : ERR_STATE;
}

static void put_table(struct page *page)
{
	sink_text(page->sink, "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">Record</th><th "
			      "scope=\"col\">Time</th><th scope=\"col\">Direction</th>"
			      "<th scope=\"col\">Peer</th><th scope=\"col\">Message</th><th scope=\"col\">Task</th>"
			      "<th scope=\"col\">Ended</th><th scope=\"col\">What it says</th></tr></thead>\n<tbody>\n");
	page->rc = export_each(page->export, put_row, page->sink);
	sink_text(page->sink, "</tbody>\n</table></div>\n");
}

/* ---- the rest of the page ---- */

static void put_script(struct page *page)
{
	sink_text(page->sink, page_proof);
	sink_text(page->sink, page_story);
	sink_text(page->sink, page_view);
}

static void put_style(struct page *page)
{
	sink_text(page->sink, page_css);
}

/* The browser runs this one script and takes this one style, loads nothing, sends nothing, and makes no markup out of text. */
static void put_policy(struct page *page)
{
	sink_text(page->sink, "default-src 'none'; script-src ");
	markup_sum(page->sink, page_proof, page_story, page_view, NULL);
	sink_text(page->sink, "; style-src ");
	markup_sum(page->sink, page_css, NULL);
	sink_text(page->sink, "; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'");
}

static void put_title(struct page *page)
{
	const struct export *export = page->export;
	char text[160];

	snprintf(text, sizeof(text), "Bunshin: %s %" PRIu64 " to %" PRIu64, export->whole ? "records" : "from records",
		 export->first, export->last);
	markup_text(page->sink, text);
}

static void put_lead(struct page *page)
{
	const struct export *export = page->export;
	struct note note = {0};
	char text[512], time[TIME_TEXT_BYTES], why[256];

	page->rc = note_read(export->checkpoint.note, strlen(export->checkpoint.note), &note, why);
	if (page->rc) {
		snprintf(page->export->why, sizeof(page->export->why), "checkpoint %" PRIu64 ": %s", export->checkpoint.number,
			 why);
		return;
	}
	time_print_utc(note.time_ms, time);
	if (export->whole)
		snprintf(text, sizeof(text), "All %" PRIu64 " records of the trail %s, sealed by checkpoint %" PRIu64 " of %s",
			 export->records, note.origin, export->checkpoint.number, time);
	else
		snprintf(text, sizeof(text),
			 "%" PRIu64 " record%s, %" PRIu64 " to %" PRIu64 ", chosen from the %" PRIu64 " that checkpoint %" PRIu64
			 " of %s sealed in the trail %s",
			 export->records, export->records == 1 ? "" : "s", export->first, export->last, export->checkpoint.size,
			 export->checkpoint.number, time, note.origin);
	markup_text(page->sink, text);
}

static void put_version(struct page *page)
{
	markup_text(page->sink, BUNSHIN_VERSION);
}

static const struct {
	const char *name;
	void (*put)(struct page *page);
} slots[] = {
	{"policy", put_policy}, {"version", put_version}, {"title", put_title}, {"lead", put_lead},     {"style", put_style},
	{"table", put_table},   {"export", put_export},   {"names", put_names}, {"script", put_script},
};

static void put_slot(struct page *page, const char *name, size_t bytes)
{
	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		if (strlen(slots[i].name) == bytes && memcmp(slots[i].name, name, bytes) == 0)
			slots[i].put(page);
	}
}

int export_html(struct export *export, struct sink *sink)
{
	struct page page = {.export = export, .sink = sink};
	const char *at = page_html;
	const char *slot;

	while (!page.rc && (slot = strstr(at, "{{"))) {
		const char *end = strstr(slot, "}}");
		sink_write(sink, at, (size_t)(slot - at));
		put_slot(&page, slot + 2, (size_t)(end - slot) - 2);
		at = end + 2;
	}
	if (!page.rc)
		sink_text(sink, at);
	return page.rc;
}
