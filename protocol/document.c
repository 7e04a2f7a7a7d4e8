/* SPDX-License-Identifier: MIT
 *
 * Prints the protocol as Markdown.
 */
#include "protocol/document.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/schema.h"

/* A buffer that is printed to; the first failure sticks. */
struct page {
	struct buffer *buffer;
	int rc;
};

__attribute__((format(printf, 2, 3))) static void say(struct page *page, const char *format, ...)
{
	char line[1024];
	va_list list;
	int bytes;

	va_start(list, format);
	bytes = vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	if (bytes < 0 || (size_t)bytes >= sizeof(line)) /* a row longer than a screen: our own mistake */
		page->rc = ERR_INTERNAL;
	if (!page->rc)
		page->rc = buffer_append(page->buffer, line, (size_t)bytes);
}

static void say_text(struct page *page, const char *text)
{
	if (!page->rc)
		page->rc = buffer_append(page->buffer, text, strlen(text));
}

/* clang-format off */
static const char introduction[] =
	"# The protocol\n"
	"\n"
	"<!-- Printed by `bunshin protocol --markdown` from protocol/messages.def, names.def and errors.def. Do not edit. -->\n"
	"\n"
	"A peer in any language needs ZeroMQ, MessagePack and this page. The same in a form for machines is `protocol.json`\n"
	"beside it (`bunshin protocol --json`).\n"
	"\n"
	"## Frames\n"
	"\n"
	"Omega has a ROUTER socket, every peer a DEALER socket, secured by CURVE. One ZeroMQ message of one part is a *frame*. A\n"
	"frame holds one or more messages, one directly after the other: MessagePack says where each ends. A frame is taken whole\n"
	"or refused whole: one malformed message, or bytes that are no message, refuse it.\n"
	"\n"
	"A message is a MessagePack array of exactly five elements:\n"
	"\n"
	"| element | kind | what |\n"
	"|---|---|---|\n";

static const char elements[] =
	"| type | unsigned integer | code of the message, see below |\n"
	"| header | array | message_id, correlation, task_id, sender, recipient, sender_seq, sent_at_ms, traceparent, masked |\n"
	"| facts | array | the facts of the message, in the order of its table |\n"
	"| payload | map or nil | the members of the payload that are there, by name |\n"
	"\n"
	"`header` and `facts` grow at their own end. A reader skips elements it does not know, and keys of the payload it does not\n"
	"know; an element that is missing or nil has its default: 0, false, empty, none. A writer of an older version simply stops\n"
	"earlier.\n"
	"\n"
	"### Header\n"
	"\n"
	"| | kind | meaning |\n"
	"|---|---|---|\n"
	"| message_id | id | a UUIDv7, made by the sender; a message sent again has the same one |\n"
	"| correlation | id | the message this one answers |\n"
	"| task_id | id | the task this is about, a UUIDv7 made by whoever asked for it |\n"
	"| sender | text | who speaks; its key must allow the name |\n"
	"| recipient | text | for whom |\n"
	"| sender_seq | u64 | counts the sender's messages from 1 in each epoch, without a gap; 0 in a Heartbeat |\n"
	"| sent_at_ms | u64 | the sender's clock, UTC in milliseconds; evidence, never a decision |\n"
	"| traceparent | text | W3C trace context, optional |\n"
	"| masked | u32 | stamped by Omega: places in the payload where `*` stands over a secret that it knows; 0 if left out |\n"
	"\n"
	"### Kinds\n"
	"\n"
	"| kind | in MessagePack | in JSON |\n"
	"|---|---|---|\n"
	"| u32, u64 | unsigned integer | number; over 2^63 - 1 as text |\n"
	"| flag | boolean | boolean |\n"
	"| id | bin of 16 bytes, or nil for none | UUID as text, or null |\n"
	"| hash | bin of 32 bytes, or nil for none | 64 hexadecimal digits, or null |\n"
	"| text | str, UTF-8 | text |\n"
	"| bytes | bin | hexadecimal digits |\n"
	"| json | str that holds JSON | the value itself |\n"
	"| priority, state, severity, subject, presence, verb, error | unsigned integer | its name, or null for 0 |\n"
	"\n";
/* clang-format on */

static void say_limits(struct page *page)
{
	say(page, "### Limits\n\nA frame is refused when any of these does not hold.\n\n| | |\n|---|---|\n");
	say(page, "| frame | %u bytes, %u messages |\n", FRAME_BYTES_MAX, FRAME_MESSAGES_MAX);
	say(page, "| a good size at which to close a frame | %u bytes |\n", FRAME_TARGET_BYTES);
	say(page, "| payload of one message | %u bytes; more is an artefact |\n", PAYLOAD_BYTES_MAX);
	say(page, "| nesting | %u levels, the message itself being the first |\n", VALIDATE_DEPTH_MAX);
	say(page, "| elements outside the payload | %u |\n", VALIDATE_NODES_MAX);
	say(page, "| entries of one map | %u; in all maps open at one point %u |\n", VALIDATE_KEYS_MAX, VALIDATE_KEYS_OPEN_MAX);
	say(page, "| a peer's name, a task type | %u and %u bytes |\n", NAME_BYTES - 1, TASK_TYPE_BYTES - 1);
	say_text(page, "\nText must be UTF-8, keys of maps text and never twice in one map. Extension types are refused,\n"
		       "and floating point outside the payload. Names hold no control characters.\n\n");
}

static void say_speakers(struct page *page, uint32_t set)
{
	static const char *const names[] = {"client", "operator", "auditor", "clone", "Omega", "workspace"};
	const char *comma = "";

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(set & 1u << i))
			continue;
		say(page, "%s%s", comma, names[i]);
		comma = ", ";
	}
	if (set == 0)
		say(page, "nobody");
}

/* Markdown makes the anchor of a heading from it in lower case. */
static void say_anchor(struct page *page, const char *heading)
{
	for (; *heading; heading++)
		say(page, "%c", *heading >= 'A' && *heading <= 'Z' ? *heading - 'A' + 'a' : *heading);
}

static void say_summary(struct page *page)
{
	const struct schema *schema;

	say(page, "## Messages\n\nWhoever says what is not theirs to say gets a Refusal, and the trail keeps it. A message that\n"
		  "nobody says is a record of Omega's own: it stands in the trail and never travels.\n\n");
	say(page, "| code | message | from | to | |\n|---|---|---|---|---|\n");
	for (size_t i = 0; (schema = schema_at(i)); i++) {
		say(page, "| 0x%02x | [%s](#", schema->code, schema->name);
		say_anchor(page, schema->name);
		say(page, ") | ");
		say_speakers(page, schema->from);
		say(page, " | ");
		say_speakers(page, schema->to);
		say(page, " | %s |\n", schema->sentence);
	}
	say(page, "\n");
}

static bool has_body(const struct schema *schema)
{
	for (const struct field *field = schema->field; field->name; field++) {
		if (field->body)
			return true;
	}
	return false;
}

static void say_message(struct page *page, const struct schema *schema)
{
	unsigned index = 0;

	say(page, "### %s\n\nCode 0x%02x. %s.\n\n", schema->name, schema->code, schema->sentence);
	say(page, "| fact | name | kind | |\n|---|---|---|---|\n");
	for (const struct field *field = schema->field; field->name; field++) {
		if (!field->body)
			say(page, "| %u | %s | %s | %s |\n", index++, field->name, kind_name(field->kind), field->sentence);
	}
	say(page, "\n");
	if (!has_body(schema))
		return;
	say(page, "| in the payload | kind | |\n|---|---|---|\n");
	for (const struct field *field = schema->field; field->name; field++) {
		if (field->body)
			say(page, "| %s | %s | %s |\n", field->name, kind_name(field->kind), field->sentence);
	}
	say(page, "\n");
}

static void say_values(struct page *page)
{
	enum kind kind = KIND_COUNT;
	const struct value *value;

	say(page, "## Enumerations\n\n0 always means: not said.\n");
	for (size_t i = 0; (value = value_at(i)); i++) {
		if (value->kind != kind)
			say(page, "\n| %s | code |\n|---|---|\n", kind_name(value->kind));
		kind = value->kind;
		say(page, "| %s | %u |\n", value->name, value->code);
	}
	say(page, "\n");
}

static void say_errors(struct page *page)
{
	say(page, "## Errors\n\nThe exit code is that of the command line.\n\n");
	say(page, "| error | code | trying again may help | exit code | |\n|---|---|---|---|---|\n");
#define ERROR(name, code, retryable, exit_code, sentence)                                                                        \
	say(page, "| %s | %d | %s | %d | %s |\n", error_name(code), (code), (retryable) ? "yes" : "no", (exit_code), sentence);
#include "protocol/errors.def"
}

int protocol_markdown(struct buffer *buffer)
{
	struct page page = {buffer, 0};
	const struct schema *schema;

	say_text(&page, introduction);
	say(&page, "| version | unsigned integer | %u |\n", PROTOCOL_VERSION);
	say_text(&page, elements);
	say_limits(&page);
	say_summary(&page);
	for (size_t i = 0; (schema = schema_at(i)); i++)
		say_message(&page, schema);
	say_values(&page);
	say_errors(&page);
	return page.rc;
}
