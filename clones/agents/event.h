/* SPDX-License-Identifier: MIT
 *
 * What an agent does, in one form whatever program it is: the normal events.
 *
 * Tokens have one meaning here, whatever the program counts: `in` is everything that was sent, with what came from a cache or went into one;
 * `out` is everything that came back, with what the model only thought.
 */
#ifndef CLONES_AGENTS_EVENT_H
#define CLONES_AGENTS_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "clones/agents/class.h"
#include "protocol/message.h"

enum agent_event_kind {
	AGENT_STARTED, /* session, model, version: what of it the program says */
	AGENT_TEXT, /* text; delta: a piece that others follow. Programs that print pieces may print the whole once more after them */
	AGENT_TOOL_START, /* id, name, text: the command or the like, path: the file it is about */
	AGENT_TOOL_END,   /* id, ok, exit_status, text: what went wrong */
	AGENT_FILE, /* path, name: "add", "update", "delete" or the tool's own word. A claim: what has changed only the files tell */
	AGENT_USAGE,  /* usage, scope, cost */
	AGENT_RETRY,  /* attempt, attempts_max, delay_ms, status, text: the program tries a request once more by itself */
	AGENT_WARN,   /* text */
	AGENT_DENIED, /* name: the tool, id, path */
	AGENT_FINAL, /* ok: what it says itself; class, status, text: of the error, or the last words; turns, duration_ms, cost */
	AGENT_EVENT_KINDS
};

enum agent_scope {
	AGENT_SCOPE_STEP,  /* adds to what was counted before */
	AGENT_SCOPE_RUN,   /* all of this run: replaces it */
	AGENT_SCOPE_THREAD /* all of the conversation, with runs before this one that it resumes: those are subtracted */
};

struct agent_usage {
	uint64_t in;
	uint64_t in_cached;      /* of `in` */
	uint64_t in_cache_write; /* of `in` */
	uint64_t out;
	uint64_t reasoning; /* of `out` */
};

/* Texts are borrowed until the sink returns, may hold any character, NUL too, and are not cut; an absent one has no bytes. */
struct agent_event {
	enum agent_event_kind kind;
	struct text session, model, version;
	struct text id, name, path, text;
	bool delta;
	bool ok;
	int exit_status; /* of a tool that is a command; -1: not said */
	struct agent_usage usage;
	enum agent_scope scope;
	uint32_t attempt, attempts_max, delay_ms;
	unsigned status; /* of HTTP; 0: not said */
	enum agent_class class;
	uint32_t turns;
	uint64_t duration_ms;
	double cost; /* in dollars, as the program reckons; negative: it does not say */
};

/* "started", "text", … Static text; "?" for what is no kind. */
const char *agent_event_name(enum agent_event_kind kind);

typedef void agent_sink(void *context, const struct agent_event *event);

#endif
