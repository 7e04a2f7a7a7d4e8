/* SPDX-License-Identifier: MIT */
#include "tests/cli/exported.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "audit/seal.h"
#include "protocol/codec.h"
#include "protocol/id.h"
#include "tests/cli/made.h"

#define BATCH   500u
#define HOSTILE "client/<img src=x onerror=alert(1)>/1"

static const char *const texts[] = {
	"</script><script>document.title='OWNED'</script>",
	"<img src=x onerror=\"document.title='OWNED'\"><svg onload=document.title='OWNED'>",
	"<!--<script>",
	"]]></style><style>body{display:none}</style>",
	"&lt;b&gt; &amp;amp; \\u003c \\\\u003c \\\\\\u003cscript>",
	"{{script}}{{export}} ${document.title='OWNED'} `+alert(1)+`",
	"left \xe2\x80\xae"
	"thgir\xe2\x80\xac \xe2\x81\xa6isolated\xe2\x81\xa9 \xd8\x9c mark",
	"zero\xe2\x80\x8bwidth\xe2\x80\x8djoined\xc2\xadsoft\xef\xbb\xbf"
	"bom",
	"\033[2J\033]0;OWNED\007\xc2\x9b"
	"31m red \b\b\x7f",
	"line\none\rtwo\ttabbed\xe2\x80\xa8"
	"separated\xc2\x85"
	"next",
	"=HYPERLINK(\"http://example.org\",\"x\")",
	"+1+cmd|'/C calc'!A0",
	"-2",
	"@SUM(1,2)",
	"\t=1",
	"'already quoted",
	"plain, with a comma and a \"quote\"",
	"\xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf \xef\xbf\xbf \xef\xac\xb3 gr\xc3\xb6\xc3\x9f"
	"e",
	"javascript:alert(1)//\"onmouseover=\"alert(1)",
};

const char *hostile_text(size_t index, size_t *out_bytes)
{
	if (index >= sizeof(texts) / sizeof(texts[0]))
		return NULL;
	*out_bytes = strlen(texts[index]);
	return texts[index];
}

static struct text text(const char *at)
{
	return (struct text){at, (uint32_t)strlen(at)};
}

static void request(struct maker *maker, const char *id, const char *type, const char *client, const char *parameters)
{
	struct message message = {.type = MESSAGE_TASK_REQUEST};

	assert_int_equal(id_parse(id, strlen(id), &maker->task_id), 0);
	maker->number = maker->seq + 1;
	message.task_request.task_type = text(type);
	message.task_request.priority = PRIORITY_HIGH;
	message.task_request.budget_tokens = UINT64_MAX;
	message.task_request.parameters = text(parameters);
	made_put(maker, TRAIL_IN, client, 0, 0, &message);
}

static void complete(struct maker *maker, const char *client, const char *summary, const char *result)
{
	struct message message = {.type = MESSAGE_TASK_COMPLETION};

	message.task_completion.attempt = 1;
	message.task_completion.summary = text(summary);
	message.task_completion.result = text(result);
	made_put(maker, TRAIL_OUT, client, 1, STATE_COMPLETED, &message);
}

static void make_hostile(struct maker *maker)
{
	struct message message = {.type = MESSAGE_TASK_PROGRESS};
	size_t bytes;

	request(maker, HOSTILE_ID, "<h1>type</h1>", HOSTILE,
		"{\"__proto__\":{\"x\":1},\"constructor\":\"</script>\",\"a\":1,\"a\":2,\"big\":12345678901234567890,"
		"\"real\":0.1,\"less\":1e-7,\"\\u0000\":\"\\ud83d\\ude00\"}");
	message.task_progress.attempt = 1;
	message.task_progress.stage = text("<b>stage</b>");
	for (size_t i = 0; hostile_text(i, &bytes); i++) {
		message.task_progress.permille = (uint32_t)i * 10;
		message.task_progress.line = (struct text){texts[i], (uint32_t)bytes};
		made_put(maker, TRAIL_IN, "beta/1", 1, 0, &message);
	}
	message.task_progress.line = (struct text){"nul \0 within", 12};
	made_put(maker, TRAIL_IN, "beta/1", 1, 0, &message);
	complete(maker, HOSTILE, texts[0], "{\"html\":\"</script><img src=x onerror=alert(1)>\"}");
}

/* What a spreadsheet would carry out, where a field begins with it. */
static void make_formulas(struct maker *maker)
{
	static const char *const formulas[] = {"=HYPERLINK(\"http://example.org\",\"x\")", "''", "-2", "@x"};
	struct message message = {.type = MESSAGE_TASK_PROGRESS};

	for (size_t i = 0; i < sizeof(formulas) / sizeof(formulas[0]); i++) {
		message.task_progress.line = text(formulas[i]);
		made_put(maker, TRAIL_IN, "=1+1", 0, 0, &message);
	}
}

static void erase(struct maker *maker, uint64_t number)
{
	struct message message = {.type = MESSAGE_ERASED};

	message.erased.task_number = number;
	message.erased.through_seq = maker->seq;
	message.erased.who = text("operator/alice: asked by the person");
	maker->number = 0;
	made_put(maker, TRAIL_INNER, "", 0, 0, &message);
}

static void make_erased(struct maker *maker)
{
	request(maker, ERASED_ID, "documentation", "client/bob/1", "{\"secret\":\"" ERASED_CANARY "\"}");
	complete(maker, "client/bob/1", ERASED_CANARY " in the summary", "{\"text\":\"" ERASED_CANARY "\"}");
	erase(maker, maker->number);
}

/* ---- plain records, many at once ---- */

struct plain {
	struct maker *maker;
	struct buffer header;
	struct buffer facts;
	struct buffer payload;
	struct trail_entry entries[BATCH];
	size_t count;
};

static void encode(struct plain *plain)
{
	struct message message = {.type = MESSAGE_TASK_PROGRESS};

	message.header.task_id = plain->maker->task_id;
	message.task_progress.attempt = 1;
	message.task_progress.permille = 500;
	message.task_progress.stage = text("scan");
	message.task_progress.line = text("a line such as clones say when they have looked at one more file of a repository");
	assert_int_equal(message_encode_header(&message, &plain->header), 0);
	assert_int_equal(message_encode_facts(&message, &plain->facts), 0);
	assert_int_equal(message_encode_payload(&message, &plain->payload), 0);
}

static void append(struct plain *plain)
{
	int rc = plain->count ? trail_append(plain->maker->trail, plain->entries, plain->count) : 0;

	if (rc)
		print_error("%s\n", trail_why(plain->maker->trail));
	assert_int_equal(rc, 0);
	plain->count = 0;
}

static struct bytes whole(const struct buffer *buffer)
{
	return (struct bytes){buffer->at, (uint32_t)buffer->bytes};
}

/* Every second record has a payload. */
static void make_plain(struct maker *maker, uint64_t count)
{
	struct plain *plain = calloc(1, sizeof(*plain));

	assert_non_null(plain);
	plain->maker = maker;
	encode(plain);
	for (uint64_t i = 0; i < count; i++) {
		struct trail_entry *entry = &plain->entries[plain->count++];
		maker->wall_ms += 3;
		*entry = (struct trail_entry){.seq = ++maker->seq,
					      .now_ms = maker->wall_ms,
					      .wall_ms = maker->wall_ms,
					      .mono_ms = maker->seq,
					      .direction = TRAIL_IN,
					      .type = MESSAGE_TASK_PROGRESS,
					      .task_id = maker->task_id,
					      .task_number = maker->number,
					      .attempt = 1,
					      .sender_seq = maker->seq,
					      .header = whole(&plain->header),
					      .facts = whole(&plain->facts)};
		entry->boot.bytes[0] = 1;
		memcpy(entry->message_id.bytes, &maker->seq, sizeof(maker->seq));
		strcpy(entry->peer, "gamma/1");
		if (maker->seq % 2) {
			entry->payload = whole(&plain->payload);
			entry->payload_seq = entry->seq;
		}
		if (plain->count == BATCH)
			append(plain);
	}
	append(plain);
	buffer_release(&plain->header);
	buffer_release(&plain->facts);
	buffer_release(&plain->payload);
	free(plain);
}

/* An assignment, with the payload of the request. */
static void forward(struct maker *maker)
{
	struct message message = {.type = MESSAGE_TASK_ASSIGNMENT};
	struct buffer header = {0}, facts = {0};
	struct trail_entry entry = {.seq = ++maker->seq,
				    .now_ms = maker->wall_ms,
				    .wall_ms = maker->wall_ms,
				    .mono_ms = maker->seq,
				    .direction = TRAIL_OUT,
				    .type = MESSAGE_TASK_ASSIGNMENT,
				    .peer = "gamma/1",
				    .task_id = maker->task_id,
				    .task_number = maker->number,
				    .attempt = 1,
				    .payload_seq = maker->number};

	message.header.task_id = maker->task_id;
	message.task_assignment.task_type = text("security-analysis");
	message.task_assignment.attempt = 1;
	assert_int_equal(message_encode_header(&message, &header), 0);
	assert_int_equal(message_encode_facts(&message, &facts), 0);
	entry.header = whole(&header);
	entry.facts = whole(&facts);
	assert_int_equal(trail_append(maker->trail, &entry, 1), 0);
	buffer_release(&header);
	buffer_release(&facts);
}

/* ---- the whole ---- */

static void open_sealed(struct maker *maker, const char *state)
{
	char path[512], why[256] = "";
	struct sealer *sealer = NULL;
	struct sealed sealed;

	mkdir(state, 0700);
	snprintf(path, sizeof(path), "%s/trail.db", state);
	if (trail_open(path, TRAIL_WRITE, &maker->trail, why))
		fail_msg("%s", why);
	snprintf(path, sizeof(path), "%s/keys", state);
	mkdir(path, 0700);
	assert_int_equal(trail_sealed(maker->trail, &sealed), 0);
	if (sealer_open(path, &sealed, &sealer, why))
		fail_msg("%s", why);
	trail_seal(maker->trail, sealer, NULL, NULL);
}

uint64_t exported_make(const char *state, uint64_t plain, uint64_t unsealed)
{
	struct maker maker = {.wall_ms = 1770113472000u};
	struct message boot = {.type = MESSAGE_BOOT};

	open_sealed(&maker, state);
	boot.boot.software = text("bunshin 0.1.0");
	boot.boot.seed.bytes[3] = 9;
	made_put(&maker, TRAIL_INNER, "", 0, 0, &boot);
	make_hostile(&maker);
	assert_int_equal(trail_checkpoint(maker.trail), 0);
	make_erased(&maker);
	assert_int_equal(trail_checkpoint(maker.trail), 0);
	request(&maker, PLAIN_ID, "security-analysis", "client/alice/3f9c2e10",
		"{\"repo\":\"/srv/gr\xc3\xb6\xc3\x9f"
		"e\"}");
	make_formulas(&maker);
	make_plain(&maker, plain);
	forward(&maker);
	assert_int_equal(trail_checkpoint(maker.trail), 0);
	make_plain(&maker, unsealed);
	trail_close(maker.trail);
	return maker.seq;
}

void exported_erase(const char *state)
{
	struct maker maker = {.wall_ms = 1770113500000u};

	open_sealed(&maker, state);
	maker.seq = trail_last_seq(maker.trail);
	assert_int_equal(id_parse(HOSTILE_ID, strlen(HOSTILE_ID), &maker.task_id), 0);
	erase(&maker, 2);
	trail_close(maker.trail);
}
