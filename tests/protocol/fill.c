/* SPDX-License-Identifier: MIT */
#include "tests/protocol/fill.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const enum message_type all_types[] = {
#define MESSAGE(NAME, noun, Wire, code, from, to, sentence) MESSAGE_##NAME,
#define FACT(kind, name, sentence)
#define BODY(kind, name, sentence)
#define END(noun)
#include "protocol/messages.def"
};
const size_t all_types_count = sizeof(all_types) / sizeof(all_types[0]);

/* Every value is new: a counter runs through all of them. */
static uint32_t next_value;
static char texts[64][64];
static unsigned next_text;

static const char *fresh_text(const char *before, const char *after)
{
	char *text = texts[next_text++ % 64];

	snprintf(text, sizeof(texts[0]), "%s%u%s", before, next_value++, after);
	return text;
}

static void fill_u32(uint32_t *value)
{
	*value = 0x9000a000u + next_value++;
}

static void fill_enumeration(uint32_t *value)
{
	*value = 1 + next_value++ % 3;
}

#define fill_priority fill_enumeration
#define fill_error    fill_enumeration
#define fill_verb     fill_enumeration
#define fill_state    fill_enumeration
#define fill_severity fill_enumeration
#define fill_subject  fill_enumeration
#define fill_presence fill_enumeration

static void fill_u64(uint64_t *value)
{
	*value = 0xfedcba9800000000u + next_value++;
}

static void fill_flag(bool *value)
{
	*value = true;
}

static void fill_id(struct id *id)
{
	memset(id->bytes, (int)(0x80 | next_value++), sizeof(id->bytes));
}

static void fill_hash(struct hash *hash)
{
	memset(hash->bytes, (int)(0x80 | next_value++), sizeof(hash->bytes));
}

static void fill_text(struct text *text)
{
	text->at = fresh_text("Gr\xc3\xb6\xc3\x9f"
			      "e ",
			      " \xf0\x9f\x8c\x8a");
	text->bytes = (uint32_t)strlen(text->at);
}

static void fill_json(struct text *text)
{
	text->at = fresh_text("{\"n\":[", ",1.5,null]}");
	text->bytes = (uint32_t)strlen(text->at);
}

static void fill_bytes(struct bytes *bytes)
{
	bytes->at = (const uint8_t *)fresh_text("\xff\xfe", "\x80");
	bytes->bytes = (uint32_t)strlen((const char *)bytes->at) + 1; /* with its NUL */
}

static void header_fill(struct header *header)
{
	fill_id(&header->message_id);
	fill_id(&header->correlation);
	fill_id(&header->task_id);
	snprintf(header->sender, sizeof(header->sender), "client/alice/%08x", next_value++);
	snprintf(header->recipient, sizeof(header->recipient), "beta/%u", next_value++);
	fill_u64(&header->sender_seq);
	fill_u64(&header->sent_at_ms);
	snprintf(header->traceparent, sizeof(header->traceparent), "00-4bf92f3577b34da6a3ce929d0e0e4736-%016x-01", next_value++);
	header->masked = next_value++;
}

void message_fill(struct message *out_message, enum message_type type, uint32_t salt)
{
	next_value = salt;
	*out_message = (struct message){.type = type};
	header_fill(&out_message->header);
	switch (type) {
#define MESSAGE(NAME, noun, Wire, code, from, to, sentence)                                                                      \
	case MESSAGE_##NAME: {                                                                                                   \
		struct noun *self = &out_message->noun;
#define FACT(kind, name, sentence) fill_##kind(&self->name);
#define BODY(kind, name, sentence) fill_##kind(&self->name);
#define END(noun)                                                                                                                \
	break;                                                                                                                   \
	}
#include "protocol/messages.def"
	case MESSAGE_NONE:
		fail();
	}
}

#define same_number(a, b) assert_int_equal(*(a), *(b))
#define same_u32          same_number
#define same_u64          same_number
#define same_flag         same_number
#define same_priority     same_number
#define same_error        same_number
#define same_verb         same_number
#define same_state        same_number
#define same_severity     same_number
#define same_subject      same_number
#define same_presence     same_number
#define same_id(a, b)     assert_memory_equal((a), (b), sizeof(struct id))
#define same_hash(a, b)   assert_memory_equal((a), (b), sizeof(struct hash))
#define same_text         same_span
#define same_json         same_span
#define same_bytes        same_span
#define same_span(a, b)                                                                                                          \
	do {                                                                                                                     \
		assert_int_equal((a)->bytes, (b)->bytes);                                                                        \
		if ((a)->bytes)                                                                                                  \
			assert_memory_equal((a)->at, (b)->at, (a)->bytes);                                                       \
	} while (0)

static void assert_same_header(const struct header *a, const struct header *b)
{
	assert_true(id_equal(&a->message_id, &b->message_id));
	assert_true(id_equal(&a->correlation, &b->correlation));
	assert_true(id_equal(&a->task_id, &b->task_id));
	assert_string_equal(a->sender, b->sender);
	assert_string_equal(a->recipient, b->recipient);
	assert_int_equal(a->sender_seq, b->sender_seq);
	assert_int_equal(a->sent_at_ms, b->sent_at_ms);
	assert_string_equal(a->traceparent, b->traceparent);
	assert_int_equal(a->masked, b->masked);
}

void assert_same_message(const struct message *a, const struct message *b)
{
	assert_int_equal(a->type, b->type);
	assert_same_header(&a->header, &b->header);
	switch (a->type) {
#define MESSAGE(NAME, noun, Wire, code, from, to, sentence)                                                                      \
	case MESSAGE_##NAME: {                                                                                                   \
		const struct noun *one = &a->noun;                                                                               \
		const struct noun *two = &b->noun;
#define FACT(kind, name, sentence) same_##kind(&one->name, &two->name);
#define BODY(kind, name, sentence) same_##kind(&one->name, &two->name);
#define END(noun)                                                                                                                \
	break;                                                                                                                   \
	}
#include "protocol/messages.def"
	case MESSAGE_NONE:
		fail();
	}
}

uint8_t *message_exact(const struct message *message, size_t *out_bytes)
{
	struct buffer buffer = {0};
	uint8_t *exact;

	assert_int_equal(message_encode(message, &buffer), 0);
	exact = malloc(buffer.bytes);
	assert_non_null(exact);
	memcpy(exact, buffer.at, buffer.bytes);
	*out_bytes = buffer.bytes;
	buffer_release(&buffer);
	return exact;
}
