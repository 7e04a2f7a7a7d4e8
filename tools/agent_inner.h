/* SPDX-License-Identifier: MIT
 *
 * The parts of `bunshin tool agent`. Inner header of tools/agent*.c; tools/agent.h tells what the whole does.
 */
#ifndef TOOLS_AGENT_INNER_H
#define TOOLS_AGENT_INNER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clones/agents/class.h"
#include "clones/agents/lines.h"
#include "tools/agent.h"

enum loop_wire { LOOP_CHAT, LOOP_OLLAMA };
enum loop_tools { LOOP_TOOLS_AUTO, LOOP_TOOLS_NATIVE, LOOP_TOOLS_TEXT };

struct loop_options {
	enum loop_wire wire;
	const char *endpoint, *model;
	double temperature; /* negative: the server's own */
	uint32_t turns, retries, backoff_ms, wait_max_ms, connect_ms, first_ms, idle_ms, context, answer, command_ms;
	enum loop_tools tools;
};

/* Text that grows; always with a NUL after it. */
struct loop_buffer {
	char *at;
	size_t bytes, capacity;
	bool failed; /* out of memory: what was appended is not whole */
};
void loop_append(struct loop_buffer *buffer, const void *at, size_t bytes);
void loop_print(struct loop_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void loop_release(struct loop_buffer *buffer);

/* Any bytes as a string of JSON: what is no UTF-8 becomes U+FFFD. NULL: out of memory. */
json_t *loop_string(const char *at, size_t bytes);

/* --- What the model answered (agent_reply.c). --- */

enum loop_end { LOOP_OPEN, LOOP_STOP, LOOP_LENGTH, LOOP_REFUSAL };

struct loop_call {
	struct loop_buffer id, name, arguments; /* arguments: JSON as it came */
};

struct loop_reply {
	enum loop_wire wire;
	struct loop_buffer text, raw; /* raw: the beginning of what was no answer */
	struct loop_call calls[LOOP_CALLS_MAX];
	size_t call_count;
	enum loop_end end;
	bool done;       /* the wire's own last word came */
	bool calls_lost; /* more calls than there is room for, or no memory */
	uint64_t understood, garbage, bytes;
	bool has_usage;
	uint64_t in, in_cached, out, reasoning;
	struct loop_buffer error; /* inside the stream; "" with failed_inside: it said none */
	bool failed_inside;
	unsigned error_status;
	struct agent_lines lines;
	void (*piece)(void *context, const char *at, size_t bytes); /* text as it comes; may be NULL */
	void *context;
};

void loop_reply_init(struct loop_reply *reply, enum loop_wire wire);
void loop_reply_release(struct loop_reply *reply);
/* Any piece of the body of an answer with status 200. False: it is too long, or out of memory. */
bool loop_reply_feed(struct loop_reply *reply, const void *at, size_t bytes);
void loop_reply_end(struct loop_reply *reply);

/* --- The conversation (agent_talk.c, agent_history.c). --- */

struct loop {
	struct loop_options options;
	json_t *messages;
	int signal_fd;
	int stopped;      /* the signal that asked for the end; 0: none */
	bool text_tools;  /* tools are described in words */
	bool plain_usage; /* the server does not know stream_options */
	uint32_t turns, dropped;
	uint64_t started_ms;
	size_t result_bytes; /* of a tool at most */
	bool output_lost;    /* nobody reads what is printed */
	uint64_t hashes[32]; /* of the last calls and their results */
	size_t hash_count;
	unsigned malformed;
	struct loop_roots *roots;
};

/* How it ended; zeros: it goes on. */
struct loop_outcome {
	bool ended, ok;
	enum agent_class class;
	unsigned status;
	uint32_t retry_after_ms;
	char text[512]; /* of a failure */
};

uint64_t loop_now_ms(void);

/* Waits; true: it was asked to stop meanwhile (loop->stopped). */
bool loop_wait(struct loop *loop, uint32_t ms);
bool loop_check_stop(struct loop *loop); /* without waiting */

/* One question, with retries. On success `reply` holds a whole answer. False: `out` says how the run ends. */
bool loop_ask(struct loop *loop, struct loop_reply *reply, struct loop_outcome *out);

/* The request's body; NULL: out of memory. */
char *loop_request(const struct loop *loop);

void loop_history_begin(struct loop *loop, const char *task, size_t bytes);
void loop_history_user(struct loop *loop, const char *text);
/* `spoken`: tools were called in words. */
void loop_history_answer(struct loop *loop, const struct loop_reply *reply, bool spoken);
void loop_history_result(struct loop *loop, const struct loop_call *call, const struct loop_buffer *result, bool spoken);

/* Drops older results until the conversation fits, or at least half of what can be dropped when `forced`. False: there is nothing to drop and it does not fit. */
bool loop_history_fit(struct loop *loop, bool forced);

/* The system's message was made for tools as the wire has them; now they are described in words. */
void loop_history_in_words(struct loop *loop);

/* --- Calls in words (agent_words.c). --- */

/* Finds calls in the text of a reply and makes them its calls. True: there are some. */
bool loop_words_find(struct loop_reply *reply);
/* The words of a text that are meant for people: without what the model only thought. Borrowed. */
struct text loop_words_said(const struct loop_reply *reply);

/* --- Tools (agent_tools.c and below). --- */

struct loop_result {
	struct loop_buffer text; /* for the model */
	bool ok;
	bool malformed; /* the call could not be understood */
	bool has_exit;
	int exit_status;
	char path[1024];    /* of a file that was changed, from the work tree */
	const char *change; /* "add" or "update"; NULL: none was */
};

/* [{"type":"function","function":{…}}]; the caller owns it. */
json_t *loop_tools_json(void);
void loop_tools_describe(struct loop_buffer *out); /* in words */
bool loop_tools_has(const char *name, size_t bytes);

/* Runs one call and says so. */
void loop_tools_run(struct loop *loop, const struct loop_call *call, struct loop_result *out);

/* A tool; errors go into the result's text. */
typedef void loop_tool(struct loop *loop, const json_t *arguments, struct loop_result *out);
loop_tool loop_read, loop_list, loop_search, loop_edit, loop_write, loop_command;

/* A text among the arguments; NULL after loop_refuse if it has a NUL in it, and without a word if it is not there. */
const char *loop_argument(const json_t *arguments, const char *name, struct loop_result *out);

void loop_refuse(struct loop_result *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The folders that files are in: the current one, /context (to read) and /notes. */
struct loop_roots *loop_roots_open(void); /* NULL after a sentence on stderr */
void loop_roots_close(struct loop_roots *roots);

enum loop_access { LOOP_READ, LOOP_WRITE };
/* Opens the folder that holds `path` and gives its last name; nothing leads out of the roots. -1 after loop_refuse. `make`: folders that are not there are made. */
int loop_open_parent(struct loop *loop, const char *path, enum loop_access access, bool make, char out_name[256],
		     char out_shown[1024], struct loop_result *out);
/* Opens the file or folder itself, to read. */
int loop_open(struct loop *loop, const char *path, char out_shown[1024], struct loop_result *out);

#define LOOP_FILE_BYTES_MAX (32u << 20)
/* Reads a regular file. False after loop_refuse. */
bool loop_read_file(int fd, const char *shown, struct loop_buffer *out_text, struct loop_result *out);
bool loop_is_binary(const char *at, size_t bytes);

/* Ends every process that the commands have left; how many there were. */
unsigned loop_kill_rest(void);

/* --- Lines on the standard output (agent_say.c). They take the value over. --- */

void loop_say(struct loop *loop, json_t *value);
void loop_warn(struct loop *loop, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
