/* SPDX-License-Identifier: MIT
 *
 * Names and rights of messages.
 */
#include "protocol/message.h"

#include <string.h>

#include "protocol/schema.h"

#define DEFINE(noun)                                                                                                             \
	const char *noun##_name(uint32_t value)                                                                                  \
	{                                                                                                                        \
		const char *name = value_name(KIND_##noun, value);                                                               \
		return name ? name : "?";                                                                                        \
	}                                                                                                                        \
	uint32_t noun##_find(const char *name)                                                                                   \
	{                                                                                                                        \
		return value_find(KIND_##noun, name);                                                                            \
	}
ENUMERATION_LIST(DEFINE)
#undef DEFINE

const char *message_name(enum message_type type)
{
	const struct schema *schema = schema_find(type);

	return schema ? schema->name : "?";
}

enum message_type message_find(const char *name)
{
	const struct schema *schema;

	for (size_t i = 0; (schema = schema_at(i)); i++) {
		if (strcmp(schema->name, name) == 0)
			return (enum message_type)schema->code;
	}
	return MESSAGE_NONE;
}

bool message_known(uint32_t code)
{
	return schema_find(code) != NULL;
}

uint32_t message_from(enum message_type type)
{
	const struct schema *schema = schema_find(type);

	return schema ? schema->from : 0;
}

uint32_t message_to(enum message_type type)
{
	const struct schema *schema = schema_find(type);

	return schema ? schema->to : 0;
}

bool message_allowed(enum message_type type, uint32_t speakers)
{
	return (message_from(type) & speakers & ~(uint32_t)OMEGA) != 0 && (message_to(type) & OMEGA) != 0;
}
