/* SPDX-License-Identifier: MIT
 *
 * One option of routing.conf and one value: what is accepted, and how it is read into the structs of conf.h.
 */
#ifndef ROUTING_CONF_VALUE_H
#define ROUTING_CONF_VALUE_H

#include <stddef.h>

#include "routing/conf.h"
#include "routing/conf_text.h"

enum section { SECTION_NETWORK, SECTION_CLONE, SECTION_AGENT, SECTION_ROUTE, SECTION_COUNT };

enum option_kind {
	DURATION,
	COUNT,
	FACTOR,
	PERCENT,
	PRIORITY,
	FLAG,
	ROLE,
	ROLES,
	ERRORS,
	ENDPOINT,
	COMMAND,
	PLACE,
	AGE,
	WORD,
	MONEY,
	LABEL,
	KEY,
	URL,
	POINTER,
	CONDITION,
	PLACES,
	VARIABLES
};

#define DEADLINE_MOST_MS 2592000000u    /* 30 days: the longest deadline a route may set */
#define AGE_MOST_MS      3155760000000u /* a hundred years */

/* A row of options.def. */
struct option {
	enum section section;
	const char *name;
	enum option_kind kind;
	size_t offset; /* in struct conf, struct clone_conf, struct agent_conf or struct route */
	uint64_t low;
	uint64_t high;
	const char *sentence;
};

size_t option_count(void);
const struct option *option_at(size_t index);
const struct option *option_find(enum section section, const char *name); /* NULL: none */
const char *section_name(enum section section);

/* True for the kinds whose values stand in braces. */
bool option_is_list(const struct option *option);

/* Reads the `index`-th value of an option into the struct that `base` points to. Returns 0, or ERR_CONFIG after a complaint. */
MUST_CHECK int option_read(const struct option *option, const char *value, size_t index, void *base, unsigned line,
			   struct complaint *complaint);

/* One value on its way into the struct. */
struct reading {
	const struct option *option;
	const char *value;
	size_t index; /* in a list */
	void *member;
	unsigned line;
	struct complaint *complaint;
};

/* The text as it is, within the bounds of the option. 0, or ERR_CONFIG after a complaint. */
MUST_CHECK int read_text(const struct reading *reading);

/* The kinds of agents (conf_agent.c). */
MUST_CHECK int read_word(const struct reading *reading);
MUST_CHECK int read_money(const struct reading *reading);
MUST_CHECK int read_label(const struct reading *reading);
MUST_CHECK int read_key(const struct reading *reading);
MUST_CHECK int read_url(const struct reading *reading);
MUST_CHECK int read_pointer(const struct reading *reading);
MUST_CHECK int read_condition(const struct reading *reading);
MUST_CHECK int read_places(const struct reading *reading);
MUST_CHECK int read_variables(const struct reading *reading);

/* True for up to 32 lower-case letters, digits, hyphens, underscores and dots, a letter first. */
bool agent_name_is_good(const char *name);

/* True for lower-case letters, digits and hyphens, a letter first, room for the NUL in `capacity`; task types may have dots and
 * underscores too. */
bool role_is_good(const char *name);
bool task_type_is_good(const char *name);

/* Writes a duration as the parser reads it, in the largest unit that it is a whole number of. */
void duration_print(uint64_t ms, char out_text[32]);

/* Of `count` names, the one that `word` probably was meant to be: about a quarter of its letters may differ. NULL: none. */
const char *name_nearest(const char *word, const char *const *names, size_t count);

#endif
