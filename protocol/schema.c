/* SPDX-License-Identifier: MIT
 *
 * The list files, read as tables.
 */
#include "protocol/schema.h"

#include <string.h>

const struct schema *schema_find(uint32_t code)
{
	switch (code) {
/* clang-format off */
#define MESSAGE(NAME, noun, Wire, code, from, to, sentence) \
	case (code): { \
		typedef struct noun self; \
		enum { base = offsetof(struct message, noun) }; \
		static const struct schema schema = { #Wire, sentence, (code), (from), (to), {
#define FACT(kind, name, sentence) { #name, sentence, KIND_##kind, false, (size_t)base + offsetof(self, name) },
#define BODY(kind, name, sentence) { #name, sentence, KIND_##kind, true, (size_t)base + offsetof(self, name) },
#define END(noun) { NULL, NULL, KIND_COUNT, false, 0 } } }; \
		return &schema; \
	}
#include "protocol/messages.def"
	/* clang-format on */
	default:
		return NULL;
	}
}

const struct schema *schema_at(size_t index)
{
	static const uint32_t codes[] = {
#define MESSAGE(NAME, noun, Wire, code, from, to, sentence) (code),
#define FACT(kind, name, sentence)
#define BODY(kind, name, sentence)
#define END(noun)
#include "protocol/messages.def"
	};

	return index < sizeof(codes) / sizeof(codes[0]) ? schema_find(codes[index]) : NULL;
}

const char *kind_name(enum kind kind)
{
	static const char *const names[] = {
#define KIND(name) #name,
		KIND_LIST(KIND)
#undef KIND
	};

	return kind < KIND_COUNT ? names[kind] : "?";
}

/* names.def repeats the codes of the enumerations in message.h; they must agree. */
#define CHECK_priority(NAME, code)           _Static_assert(PRIORITY_##NAME == (code), "names.def and message.h differ");
#define CHECK_state(NAME, code)              _Static_assert(STATE_##NAME == (code), "names.def and message.h differ");
#define CHECK_severity(NAME, code)           _Static_assert(SEVERITY_##NAME == (code), "names.def and message.h differ");
#define CHECK_subject(NAME, code)            _Static_assert(SUBJECT_##NAME == (code), "names.def and message.h differ");
#define CHECK_presence(NAME, code)           _Static_assert(PRESENCE_##NAME == (code), "names.def and message.h differ");
#define CHECK_verb(NAME, code)               _Static_assert(VERB_##NAME == (code), "names.def and message.h differ");
#define VALUE(enumeration, NAME, name, code) CHECK_##enumeration(NAME, code)
#include "protocol/names.def"

static const struct value values[] = {
#define VALUE(enumeration, NAME, name, code) {KIND_##enumeration, name, (code)},
#include "protocol/names.def"
};

enum { VALUE_COUNT = sizeof(values) / sizeof(values[0]) };

const struct value *value_at(size_t index)
{
	return index < VALUE_COUNT ? &values[index] : NULL;
}

const char *value_name(enum kind kind, uint32_t code)
{
	if (kind == KIND_error) /* a code from outside may be anything; those of errors.def are small */
		return code > 0 && code <= INT32_MAX && error_find(error_name((int)code)) ? error_name((int)code) : NULL;
	for (size_t i = 0; i < VALUE_COUNT; i++) {
		if (values[i].kind == kind && values[i].code == code)
			return values[i].name;
	}
	return NULL;
}

uint32_t value_find(enum kind kind, const char *name)
{
	if (kind == KIND_error)
		return (uint32_t)error_find(name);
	for (size_t i = 0; i < VALUE_COUNT; i++) {
		if (values[i].kind == kind && strcmp(values[i].name, name) == 0)
			return values[i].code;
	}
	return 0;
}

bool kind_is_enumeration(enum kind kind)
{
	return kind >= KIND_priority && kind < KIND_COUNT;
}
