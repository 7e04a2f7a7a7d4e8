/* SPDX-License-Identifier: MIT
 *
 * What is said: one struct per message of messages.def, the header they share, and who may say what.
 *
 * Text and bytes in a message are borrowed: from the frame it was decoded from, or from whoever filled it in.
 */
#ifndef PROTOCOL_MESSAGE_H
#define PROTOCOL_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/error.h"

#define PROTOCOL_VERSION 1u

#define NAME_BYTES         64u      /* a peer's name with its NUL: client/NAME/random */
#define ROLE_BYTES         24u      /* a clone's role with its NUL */
#define TASK_TYPE_BYTES    48u      /* a task type with its NUL */
#define TRACEPARENT_BYTES  56u      /* W3C traceparent with its NUL */
#define FRAME_MESSAGES_MAX 64u      /* messages in one frame */
#define FRAME_TARGET_BYTES 65536u   /* a sender closes a frame that has reached this size */
#define FRAME_BYTES_MAX    1048576u /* a larger frame is refused and the connection closed */
#define PAYLOAD_BYTES_MAX  65536u   /* a larger payload is an artefact */
#define LIVE_ENTRY_BYTES   36u      /* one live attempt in Hello: task id 16, attempt 4 big-endian, lease 16 */

struct id {
	uint8_t bytes[16];
};

struct hash {
	uint8_t bytes[32];
};

struct text {
	const char *at; /* not NUL-terminated */
	uint32_t bytes;
};

struct bytes {
	const uint8_t *at;
	uint32_t bytes;
};

/* Enumerations: enum priority { PRIORITY_LOW = 1, … }, and 0 for "not said". */
#define ENUMERATION_LIST(X) X(priority) X(state) X(severity) X(subject) X(presence) X(verb)

enum priority {
	PRIORITY_NONE = 0,
	PRIORITY_LOW = 1,
	PRIORITY_MEDIUM = 2,
	PRIORITY_HIGH = 3,
	PRIORITY_URGENT = 4,
	PRIORITY_COUNT = 5
};
enum state {
	STATE_NONE = 0,
	STATE_ACCEPTED = 1,
	STATE_ASSIGNED = 2,
	STATE_RUNNING = 3,
	STATE_WAITING = 4,
	STATE_CANCELLING = 5,
	STATE_COMPLETED = 16, /* from here on the task has ended */
	STATE_FAILED = 17,
	STATE_CANCELLED = 18,
	STATE_EXPIRED = 19
};
enum severity { SEVERITY_NONE, SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR, SEVERITY_CRITICAL };
enum subject { SUBJECT_NONE, SUBJECT_NETWORK, SUBJECT_CLONE, SUBJECT_ROUTE, SUBJECT_TASK, SUBJECT_RECEIPT };
enum presence { PRESENCE_NONE, PRESENCE_ALIVE, PRESENCE_LATE, PRESENCE_LOST };
enum verb {
	VERB_NONE = 0,
	VERB_RETRY = 1,
	VERB_REASSIGN = 2,
	VERB_REPLAY = 3,
	VERB_RESOLVE = 4,
	VERB_FAIL = 5,
	VERB_DRAIN = 16,
	VERB_RESUME = 17,
	VERB_RESTART = 18,
	VERB_QUARANTINE = 19,
	VERB_REINSTATE = 20,
	VERB_RELOAD_ROUTES = 32,
	VERB_ERASE = 33,
	VERB_BACKUP = 34,
	VERB_PRUNE = 35
};
enum completeness { COMPLETE = 0, PARTIAL = 1, BLOCKED = 2 };

/* Name of a value ("high"), "?" if unknown; and the value of a name, 0 if unknown. */
#define ENUMERATION_FUNCTIONS(noun)                                                                                              \
	const char *noun##_name(uint32_t value);                                                                                 \
	uint32_t noun##_find(const char *name);
ENUMERATION_LIST(ENUMERATION_FUNCTIONS)
#undef ENUMERATION_FUNCTIONS

static inline bool state_is_end(uint32_t state)
{
	return state >= STATE_COMPLETED;
}

/* C types of the kinds in messages.def. */
typedef uint32_t kind_u32, kind_priority, kind_error, kind_verb, kind_state, kind_severity, kind_subject, kind_presence;
typedef uint64_t kind_u64;
typedef bool kind_flag;
typedef struct id kind_id;
typedef struct hash kind_hash;
typedef struct text kind_text, kind_json;
typedef struct bytes kind_bytes;

/* clang-format off */
#define MESSAGE(NAME, noun, Wire, code, from, to, sentence) struct noun {
#define FACT(kind, name, sentence) kind_##kind name;
#define BODY(kind, name, sentence) kind_##kind name;
#define END(noun) };
/* clang-format on */
#include "protocol/messages.def"

enum message_type {
	MESSAGE_NONE = 0,
#define MESSAGE(NAME, noun, Wire, code, from, to, sentence) MESSAGE_##NAME = (code),
#define FACT(kind, name, sentence)
#define BODY(kind, name, sentence)
#define END(noun)
#include "protocol/messages.def"
};

/* What every message says about itself. An all-zero id and an empty name mean "none". */
struct header {
	struct id message_id;  /* UUIDv7 */
	struct id correlation; /* the message this answers */
	struct id task_id;
	char sender[NAME_BYTES];
	char recipient[NAME_BYTES];
	uint64_t sender_seq; /* dense, from 1 per connection epoch; 0 in a Heartbeat */
	uint64_t sent_at_ms; /* UTC; evidence, never a decision */
	char traceparent[TRACEPARENT_BYTES];
	uint32_t masked; /* stamped: places in the payload where Omega has put '*' over a secret that it knows */
};

struct message {
	enum message_type type;
	struct header header;
	/* The payload as it stands in the frame, or empty. When it is set, encoding copies it and ignores the BODY members. */
	struct bytes payload;
	union {
#define MESSAGE(NAME, noun, Wire, code, from, to, sentence) struct noun noun;
#define FACT(kind, name, sentence)
#define BODY(kind, name, sentence)
#define END(noun)
#include "protocol/messages.def"
	};
};

/* Who a peer is; a peer may be several at once. */
enum speaker { CLIENT = 1, OPERATOR = 2, AUDITOR = 4, CLONE = 8, OMEGA = 16, WORKSPACE = 32 };

/* Wire name of a type ("TaskRequest"), "?" if unknown; the type of a name, MESSAGE_NONE if unknown. */
const char *message_name(enum message_type type);
enum message_type message_find(const char *name);
bool message_known(uint32_t code);

/* Sets of enum speaker. */
uint32_t message_from(enum message_type type);
uint32_t message_to(enum message_type type);

/* True if a peer with the rights `speakers` may send `type` to Omega. */
bool message_allowed(enum message_type type, uint32_t speakers);

static inline bool id_is_nil(const struct id *id)
{
	uint8_t any = 0;
	for (unsigned i = 0; i < sizeof(id->bytes); i++)
		any |= id->bytes[i];
	return any == 0;
}

static inline bool id_equal(const struct id *a, const struct id *b)
{
	uint8_t difference = 0;
	for (unsigned i = 0; i < sizeof(a->bytes); i++)
		difference |= (uint8_t)(a->bytes[i] ^ b->bytes[i]);
	return difference == 0;
}

#endif
