/* SPDX-License-Identifier: MIT
 *
 * One run of an agent, read from what it prints: lines in, events out, and at the end a verdict.
 *
 *	struct agent_run run;
 *	agent_run_init(&run, agent_cli_find("claude"), NULL, sink, context);
 *	rc = agent_run_feed(&run, &lines, at, bytes);   (… as it comes; agent_run_over says when to stop the program)
 *	agent_lines_end(&lines, agent_run_line, &run);
 *	agent_run_verdict(&run, &ending, &verdict);
 *
 * A run is plain memory of a fixed size: it holds no pointer to anything it owns, may be copied to remember a moment, and needs no release.
 *
 * "ok" says that the run ended as a run ends that has done what it could: the program came to its own end with status 0, said that it
 * succeeded, and nothing it printed says otherwise. Whether the work is any good is found out on the files, by others. Programs lie in both
 * directions (statuses of 0 after an error of the server, "success" with nothing done), so everything has to agree.
 *
 * What no reader of this output can see: Gemini CLI prints the same for an answer that was cut or refused as for a good one, and so do Codex and
 * Qwen Code for a refusal.
 */
#ifndef CLONES_AGENTS_RUN_H
#define CLONES_AGENTS_RUN_H

#include <jansson.h>
#include <stddef.h>

#include "clones/agents/event.h"
#include "clones/agents/lines.h"
#include "protocol/error.h"

#define AGENT_NAME_BYTES  128u
#define AGENT_WHY_BYTES   400u
#define AGENT_WORDS_BYTES 16384u /* of the last words; of longer ones the end is kept, since conclusions stand there */

struct agent_cli;
struct acp;

/* A text of bounded size, always with a NUL after it; `cut`: some of it was dropped. */
struct agent_note {
	uint32_t bytes;
	bool cut;
	char at[AGENT_NAME_BYTES];
};

struct agent_words {
	uint32_t bytes;
	bool cut; /* its beginning was dropped */
	char at[AGENT_WORDS_BYTES];
};

/* 0: the value of agent_limits_default. */
struct agent_limits {
	uint64_t bytes_max;
	uint64_t events_max;
	uint32_t turns_max;
};
extern const struct agent_limits agent_limits_default; /* 256 MiB, 100,000 events, 500 turns */

struct agent_run {
	const struct agent_cli *cli;
	agent_sink *sink; /* may be NULL */
	void *context;
	struct acp *acp; /* of a row that speaks ACP: set by acp_new; not owned */
	struct agent_limits limits;
	struct agent_usage
		before; /* of the conversation that this run resumes; the caller may set it after init. Only counts of scope THREAD need it */

	/* What was read. */
	uint64_t bytes, lines;
	uint64_t garbage;                   /* lines that are no JSON object */
	uint64_t long_lines;                /* lines over the cap of the reader */
	uint64_t unknown;                   /* objects that the parser has no event for: programs change from week to week */
	uint64_t events[AGENT_EVENT_KINDS]; /* by kind */
	uint64_t ignored;                   /* bytes that came after a limit was reached */
	enum agent_class limit;             /* the limit that was reached, or NONE */
	struct agent_note session, model, version;
	struct agent_usage usage;
	bool has_usage;
	double cost;    /* as the program reckons; negative: it does not say. A price table of ours is to be trusted more */
	uint32_t turns; /* counted here */
	uint32_t reported_turns;
	uint64_t duration_ms;
	struct agent_words words;

	/* What it says about its own end. */
	bool final;    /* a terminal event was seen … */
	bool final_ok; /* … and it claimed success; if not, `error` is set */
	bool damaged;  /* a line of JSON that cannot be read came after the last terminal event, so what came last is not known */
	bool no_memory;   /* something could not be read for want of it */
	bool words_ended; /* the next text begins the last words anew */
	bool turn_open;
	enum agent_class error; /* of the worst that was said; stays when the program goes on */
	unsigned status;        /* of HTTP, with it */
	struct agent_note error_words;
	enum agent_class retry_class; /* of the last retry since something went well */
	unsigned retry_status;
	struct agent_note denied;   /* the first tool that was denied */
	struct agent_note rejected; /* a tool whose call was cut short and has not succeeded since */
	struct agent_note writing;  /* the tool that was last called about a file */
};

/* How the process ended, as the one who started it saw. */
enum agent_stop { AGENT_STOP_NONE, AGENT_STOP_CANCELLED, AGENT_STOP_WALL, AGENT_STOP_IDLE, AGENT_STOP_BUDGET };
enum agent_changed { AGENT_CHANGED_UNKNOWN, AGENT_CHANGED_SOMETHING, AGENT_CHANGED_NOTHING };

struct agent_ending {
	bool not_installed;   /* there was nothing to start; the rest is not read */
	enum agent_stop stop; /* we asked it to end, by whatever signal, whether it obeyed or not */
	int exit_status;      /* -1: it was ended by `signal` */
	int signal;
	struct text err;            /* the end of what stood on its standard error, or nothing */
	enum agent_changed changed; /* in the files */
	bool change_wanted;
};

struct agent_verdict {
	bool ok;
	enum agent_class class;    /* NONE exactly if ok */
	bool retry;                /* another try by the same agent is worth it */
	unsigned status;           /* of HTTP; 0: not known */
	char why[AGENT_WHY_BYTES]; /* one line for people, printable ASCII and UTF-8; "" if ok */
};

/* `limits` may be NULL. `sink` gets every event as it is read. */
void agent_run_init(struct agent_run *run, const struct agent_cli *cli, const struct agent_limits *limits, agent_sink *sink,
		    void *context);

/* Takes any piece of what the program prints. 0 or ERR_MEMORY: then a part of it was lost, and the run can only fail. */
MUST_CHECK int agent_run_feed(struct agent_run *run, struct agent_lines *lines, const void *at, size_t bytes);

/* Takes a line (an agent_line_function; `context` is the run). Never fails: what cannot be read is counted. After a limit was reached nothing
 * is read any more. */
void agent_run_line(void *run, struct text line, uint64_t dropped);

/* Was a limit reached? Then the program is to be stopped; the verdict is the limit's whatever it does. */
bool agent_run_over(const struct agent_run *run);

/* Judges. May be asked at any time, of any run, as often as wanted. */
void agent_run_verdict(const struct agent_run *run, const struct agent_ending *ending, struct agent_verdict *out_verdict);

#endif
