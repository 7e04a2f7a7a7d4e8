/* SPDX-License-Identifier: MIT
 *
 * What the parsers of agents share. A parser takes one JSON object and says what it means by calling these; it keeps nothing itself.
 * Inner header of clones/agents.
 */
#ifndef CLONES_AGENTS_PARSE_H
#define CLONES_AGENTS_PARSE_H

#include <jansson.h>

#include "clones/agents/run.h"

/* An event with nothing in it yet. */
struct agent_event agent_event_of(enum agent_event_kind kind);

/* Counts the event, draws what follows for the run from it (usage, last words, denials, the end) and tells the sink. */
void agent_emit(struct agent_run *run, const struct agent_event *event);

/* One more turn begins, where the program says so itself. */
void agent_turn(struct agent_run *run);

/* Something went wrong for good. The first error stays, unless it was only a guess (PROTOCOL, CRASH) and this one is not. */
void agent_error(struct agent_run *run, enum agent_class class, unsigned status, struct text words);

/* The object means nothing to this parser. */
void agent_unknown(struct agent_run *run);

/* Members; absent ones and those of another type are nothing, 0, false. */
struct text agent_text(const json_t *string);
struct text agent_member(const json_t *object, const char *key);
bool agent_member_is(const json_t *object, const char *key, const char *value);
uint64_t agent_number(const json_t *object, const char *key); /* a real is cut, a negative is 0 */
double agent_cost(const json_t *object, const char *key);     /* negative: absent */
bool agent_is(struct text text, const char *value);

/* What a tool was called with: its file and its command, under the names that the programs use. */
void agent_input(struct agent_event *event, const json_t *input);

/* Emits TEXT, WARN and FILE. */
void agent_say(struct agent_run *run, struct text text, bool delta);
void agent_warn(struct agent_run *run, struct text text);
void agent_file(struct agent_run *run, struct text path, struct text change);

/* Copies into a note, its beginning. */
void agent_note_set(struct agent_note *note, struct text text);

/* The parsers: one object each. */
typedef void agent_parser(struct agent_run *run, const json_t *object);
agent_parser agent_parse_claude, agent_parse_codex, agent_parse_gemini, agent_parse_opencode, agent_parse_qwen, agent_parse_local,
	agent_parse_acp, agent_parse_pointers;

#endif
