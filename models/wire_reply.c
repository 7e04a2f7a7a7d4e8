/* SPDX-License-Identifier: MIT
 *
 * Replies as they come. Two layers: what the bytes are (server-sent events as the WHATWG describes them, or JSON values one after another: a
 * document, a list, lines), and what the values in them mean (wire_rows.def). Nothing is kept but counts, so a reply may be of any size.
 */
#include "models/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "models/wire_scan.h"
#include "models/wire_words.h"

enum meaning {
	NOTHING,
	MODEL,
	IN,       /* all of it … */
	IN_FRESH, /* … or without what a cache held or took */
	IN_MORE,
	CACHED,
	CACHE_WRITE,
	OUT,
	THOUGHTS, /* not part of OUT */
	REASONING,
	TEXT,
	REASON,
	REASON_MORE, /* of a reason that only says "not complete" */
	CALL,
	CALL_WORD,
	REFUSAL,
	REFUSAL_WORD,
	KIND,
	ERROR,
	ERROR_WORD, /* what kind of error, if it is one */
	DELAY,
	MEANINGS
};

static const struct row {
	enum wire wire;
	const char *place;
	enum meaning meaning;
} rows[] = {
#define ROW(wire, place, meaning) {WIRE_##wire, place, meaning},
#include "models/wire_rows.def"
};

/* Of a line of server-sent events: what is being read. */
enum line { LINE_BEGIN, LINE_NAME, LINE_SPACE, LINE_MARK, LINE_DATA, LINE_SKIP };

#define NAME_BYTES 8u
#define MARK       "[DONE]" /* how OpenAI ends a stream: no JSON */

struct wire_reply {
	enum wire wire;
	bool events; /* server-sent events; else JSON values */
	enum line line;
	bool carriage, skipping; /* the last byte was a CR; after garbage, until the next line */
	bool data, spoiled;      /* of this event: it has data; it cannot be read */
	uint8_t name_bytes, mark_bytes;
	char name[NAME_BYTES];
	struct wire_scan scan;

	uint64_t counts[MEANINGS];
	bool said[MEANINGS];
	enum wire_ending reason, reason_more;
	bool failed;
	unsigned error_status;
	struct wire_facts facts; /* status, bytes, garbage, text, model, delay */
};

/* "3", "3.5", "3.5s" as milliseconds, rounded up; 0: none. */
static uint32_t delay_of(const char *text)
{
	uint64_t whole = wire_scan_count(text), thousandths = 0, unit = 100;

	text += strspn(text, "0123456789");
	for (text += *text == '.'; *text >= '0' && *text <= '9'; text++, unit /= 10) {
		thousandths += (uint64_t)(*text - '0') * unit;
		if (!unit && *text != '0') {
			thousandths++;
			break;
		}
	}
	return whole >= UINT32_MAX / 1000 ? UINT32_MAX : (uint32_t)(whole * 1000 + thousandths);
}

static void read_error_word(struct wire_reply *reply, const struct wire_scan_value *value)
{
	unsigned status = value->kind == WIRE_SCAN_NUMBER ? (unsigned)(wire_scan_count(value->text) % 1000u)
							  : wire_status_of_word(value->text);

	if (status >= 400 && status < 600 && (!reply->error_status || reply->error_status == 400))
		reply->error_status = status;
}

static void read_text(struct wire_reply *reply, enum meaning meaning, const struct wire_scan_value *value)
{
	switch (meaning) {
	case MODEL:
		snprintf(reply->facts.model, sizeof(reply->facts.model), "%s", value->text);
		break;
	case TEXT:
		reply->facts.text_bytes += value->bytes;
		reply->facts.pieces += value->bytes > 0;
		break;
	case REASON:
		reply->reason = wire_ending_of_word(value->text);
		break;
	case REASON_MORE:
		reply->reason_more = wire_ending_of_word(value->text);
		break;
	case CALL_WORD:
		reply->said[CALL] |= !strcmp(value->text, "function_call") || !strcmp(value->text, "custom_tool_call") ||
				     !strcmp(value->text, "local_shell_call");
		break;
	case REFUSAL_WORD:
		reply->said[REFUSAL] |= !strcmp(value->text, "refusal");
		break;
	case REFUSAL:
		reply->said[REFUSAL] |= value->bytes > 0;
		break;
	case KIND:
		reply->failed |= !strcmp(value->text, "error") || !strcmp(value->text, "response.failed");
		break;
	case ERROR:
		reply->failed = true;
		break;
	case DELAY:
		reply->facts.retry_after_ms = delay_of(value->text);
		break;
	default:
		reply->said[meaning] = true;
		break;
	}
}

static void read_value(void *context, const struct wire_scan_value *value)
{
	struct wire_reply *reply = context;
	enum meaning meaning = NOTHING;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows) && !meaning; i++) {
		if (rows[i].wire == reply->wire && strcmp(rows[i].place, value->place) == 0)
			meaning = rows[i].meaning;
	}
	if (meaning == ERROR_WORD && (value->kind == WIRE_SCAN_NUMBER || value->kind == WIRE_SCAN_STRING)) {
		read_error_word(reply, value);
	} else if (meaning && value->kind == WIRE_SCAN_STRING) {
		read_text(reply, meaning, value);
	} else if (meaning && value->kind == WIRE_SCAN_NUMBER) {
		reply->counts[meaning] = wire_scan_count(value->text);
		reply->said[meaning] = true;
	}
}

struct wire_reply *wire_reply_new(enum wire wire, unsigned status, const char *content_type, const char *retry_after)
{
	static const char events[] = "text/event-stream";
	struct wire_reply *reply = calloc(1, sizeof(*reply));

	if (!reply)
		return NULL;
	reply->wire = wire;
	reply->events = content_type && strncasecmp(content_type, events, sizeof(events) - 1) == 0;
	reply->facts.status = status;
	reply->facts.retry_after_ms = retry_after && *retry_after >= '0' && *retry_after <= '9' ? delay_of(retry_after) : 0;
	wire_scan_init(&reply->scan, read_value, reply);
	return reply;
}

void wire_reply_free(struct wire_reply *reply)
{
	free(reply);
}

static void feed_data(struct wire_reply *reply, const char *at, size_t bytes)
{
	if (!reply->spoiled && !wire_scan_feed(&reply->scan, at, bytes))
		reply->spoiled = true;
}

/* Data is kept back while it may still be the mark at the end of a stream. */
static void read_mark(struct wire_reply *reply, char byte)
{
	if (reply->mark_bytes < sizeof(MARK) - 1 && byte == MARK[reply->mark_bytes]) {
		reply->mark_bytes++;
		return;
	}
	feed_data(reply, MARK, reply->mark_bytes);
	feed_data(reply, &byte, 1);
	reply->line = LINE_DATA;
}

static void event_over(struct wire_reply *reply)
{
	bool whole = wire_scan_restart(&reply->scan);

	if (reply->data && (!whole || reply->spoiled))
		reply->facts.garbage++;
	reply->data = reply->spoiled = false;
}

static void line_over(struct wire_reply *reply)
{
	static const char *const known[] = {"", "event", "id", "retry"};
	bool is_known = false;

	if (reply->line == LINE_BEGIN) {
		event_over(reply);
		return;
	}
	if (reply->line == LINE_MARK && reply->mark_bytes < sizeof(MARK) - 1)
		feed_data(reply, MARK, reply->mark_bytes);
	if (reply->line == LINE_DATA || reply->line == LINE_MARK || reply->line == LINE_SPACE)
		feed_data(reply, "\n", 1);
	for (size_t i = 0; i < 4; i++)
		is_known |= strlen(known[i]) == reply->name_bytes && memcmp(known[i], reply->name, reply->name_bytes) == 0;
	if ((reply->line == LINE_NAME || reply->line == LINE_SKIP) && !is_known)
		reply->facts.garbage++;
	reply->line = LINE_BEGIN;
	reply->name_bytes = 0;
}

/* A byte of a field's name, or the colon after it. */
static void read_name(struct wire_reply *reply, char byte)
{
	reply->line = LINE_NAME;
	if (byte != ':') {
		if (reply->name_bytes < NAME_BYTES)
			reply->name[reply->name_bytes++] = byte;
		return;
	}
	reply->line = LINE_SKIP;
	if (reply->name_bytes == 4 && memcmp(reply->name, "data", 4) == 0) {
		reply->line = LINE_SPACE;
		reply->data = true;
		reply->mark_bytes = 0;
	}
}

static void read_line_byte(struct wire_reply *reply, char byte)
{
	switch (reply->line) {
	case LINE_BEGIN:
	case LINE_NAME:
		read_name(reply, byte);
		break;
	case LINE_SPACE:
		reply->line = LINE_MARK;
		if (byte != ' ')
			read_mark(reply, byte);
		break;
	case LINE_MARK:
		read_mark(reply, byte);
		break;
	default:
		break;
	}
}

static void feed_events(struct wire_reply *reply, const char *at, size_t bytes)
{
	const char *end = at + bytes;

	while (at < end) {
		if (reply->line == LINE_DATA || reply->line == LINE_SKIP) {
			size_t run = 0;
			while (at + run < end && at[run] != '\n' && at[run] != '\r')
				run++;
			if (reply->line == LINE_DATA)
				feed_data(reply, at, run);
			at += run;
			reply->carriage = reply->carriage && !run;
			if (at == end)
				break;
		}
		if (*at == '\r' || (*at == '\n' && !reply->carriage))
			line_over(reply);
		else if (*at != '\n')
			read_line_byte(reply, *at);
		reply->carriage = *at++ == '\r';
	}
}

/* Values one after another; what is none is skipped to the end of its line. */
static void feed_values(struct wire_reply *reply, const char *at, size_t bytes)
{
	const char *end = at + bytes;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline + 1 : end;
		if (!reply->skipping && !wire_scan_feed(&reply->scan, at, (size_t)(stop - at))) {
			reply->facts.garbage++;
			reply->skipping = true;
		}
		if (newline && reply->skipping) {
			wire_scan_restart(&reply->scan);
			reply->skipping = false;
		}
		at = stop;
	}
}

void wire_reply_feed(struct wire_reply *reply, const void *at, size_t bytes)
{
	reply->facts.bytes += bytes;
	if (!bytes)
		return;
	if (reply->events)
		feed_events(reply, at, bytes);
	else
		feed_values(reply, at, bytes);
}

void wire_reply_end(struct wire_reply *reply)
{
	if (!reply->events) {
		if (!wire_scan_restart(&reply->scan) && !reply->skipping)
			reply->facts.garbage++;
		return;
	}
	if (reply->line != LINE_BEGIN)
		line_over(reply);
	event_over(reply);
}

static enum wire_ending ending_of(const struct wire_reply *reply)
{
	if (reply->failed || reply->facts.status >= 400 || reply->reason == WIRE_ERROR)
		return WIRE_ERROR;
	if (reply->reason_more && reply->reason == WIRE_LENGTH)
		return reply->reason_more;
	if (reply->said[REFUSAL] && reply->reason != WIRE_LENGTH)
		return WIRE_REFUSAL;
	return reply->reason == WIRE_STOP && reply->said[CALL] ? WIRE_TOOLS : reply->reason;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void usage_of(const struct wire_reply *reply, struct wire_usage *usage)
{
	const uint64_t *counts = reply->counts;

	usage->in = sum(counts[IN], counts[IN_MORE]);
	if (reply->said[IN_FRESH])
		usage->in = sum(sum(counts[IN_FRESH], counts[CACHED]), counts[CACHE_WRITE]);
	usage->in_cached = least(counts[CACHED], usage->in);
	usage->in_cache_write = least(counts[CACHE_WRITE], usage->in - usage->in_cached);
	usage->out = sum(counts[OUT], counts[THOUGHTS]);
	usage->reasoning = least(sum(counts[REASONING], counts[THOUGHTS]), usage->out);
}

void wire_reply_facts(const struct wire_reply *reply, struct wire_facts *out_facts)
{
	*out_facts = reply->facts;
	usage_of(reply, &out_facts->usage);
	out_facts->has_usage = reply->said[IN] || reply->said[IN_FRESH] || reply->said[OUT];
	out_facts->ending = ending_of(reply);
	if (reply->facts.status < 400 && out_facts->ending == WIRE_ERROR)
		out_facts->status = reply->error_status ? reply->error_status : 500;
}
