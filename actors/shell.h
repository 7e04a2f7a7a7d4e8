/* SPDX-License-Identifier: MIT
 *
 * What the files of Omega's shell share. One thread owns all of it.
 *
 *   intake.c    frames -> events, after everything that can be refused outside the core has been refused; greeting.c for Hello
 *   lookup.c    what the trail knows of a task or key, stamped into an event before the step
 *   ledger.c    records -> trail entries of the batch being filled
 *   outbox.c    records -> bytes per connection, held back until their batch is durable
 *   text.c      what Omega's own messages say to people; status.c what it answers about itself
 *   presence.c  heartbeats, silence, counts
 *   courier.c   pieces of artefacts
 *   erasure.c   texts that are erased, and what lies beside the trail
 *   boot.c      from the trail to a running core; sealing.c its seal; routes.c the routing table
 *   receipts.c  proofs for clients
 *   omega_actor.c  the loop
 */
#ifndef ACTORS_SHELL_H
#define ACTORS_SHELL_H

#include <stdatomic.h>
#include <zmq.h>

#include "actors/connections.h"
#include "actors/freshness.h"
#include "actors/mirror.h"
#include "actors/omega_actor.h"
#include "actors/payloads.h"
#include "actors/vault.h"
#include "actors/zap.h"
#include "audit/trail.h"
#include "audit/writer.h"
#include "protocol/codec.h"
#include "protocol/validate.h"
#include "routing/conf.h"
#include "routing/omega.h"

#define SENTENCE_TEXT_BYTES 512u
#define STATUS_BYTES_MAX    60000u
#define HASH_KEY_BYTES      32u
#define OUTBOX_BYTES_MAX    (8u << 20) /* held back for one batch; then nothing more is taken until it is durable */

/* One message to be sent once its batch is durable. */
struct outgoing {
	uint32_t connection;
	uint32_t next; /* of the same connection; 0: last */
	uint32_t offset;
	uint32_t bytes;
};

struct outbox {
	struct buffer bytes;
	struct outgoing *item; /* [1 … count] */
	uint32_t count;
	uint32_t capacity;
	uint32_t touched[CONNECTION_SLOTS];
	uint32_t touched_count;
	bool all; /* more were touched than the list holds */
};

struct courier; /* artefacts under way */
struct intake;

struct shell {
	const struct omega_options *options;
	struct state_folder state;
	struct conf conf;
	struct peers *peers;
	struct vault *vault; /* secrets that must not be recorded */
	const char *secret;  /* what the one is that a message was refused for; NULL: nothing to tell */
	struct zap *zap;
	void *zmq;
	void *socket;
	char endpoint[ENDPOINT_TEXT_BYTES];

	void *memory; /* of the core */
	size_t memory_bytes;
	struct omega *omega;
	struct records *records;
	struct freshness freshness;
	uint8_t hash_key[HASH_KEY_BYTES];

	struct writer *writer;
	struct trail *reader;
	struct mirrors *mirrors;
	struct batch *batch[2];
	struct outbox outbox[2];
	uint64_t batch_first_seq[2];
	unsigned filling; /* the batch that is being filled; the other one is being committed, or empty */
	bool committing;
	uint64_t durable_seq;
	uint64_t snapshot_seq;
	uint64_t submit_us; /* when the batch that is being committed was handed over */
	uint64_t commit_us; /* how long the last commit took */

	struct id boot;
	uint64_t base_now_ms;      /* logical time at */
	uint64_t base_boottime_ms; /* this moment */
	uint64_t started_ms;
	uint64_t now_ms;  /* logical; all three are read once per turn of the loop */
	uint64_t mono_ms; /* CLOCK_BOOTTIME */
	uint64_t wall_ms;

	struct connections connections;
	uint32_t current; /* connection whose message is being stepped; 0: none */
	const struct event *event;
	uint64_t event_seq;    /* of the record that owns the event's payload; 0: none yet */
	uint64_t ended_number; /* task that this step has ended; 0: none */
	struct payloads payloads;
	struct courier *courier;
	struct changes *changes; /* of refs, recorded lately */

	bool erased_any;          /* something was ever erased from this trail */
	uint64_t erasing_number;  /* task whose erasure is perhaps not durable yet; 0: none */
	atomic_bool erasing_last; /* the writer's thread removes what lies beside the trail when the next erasure is durable */
	uint64_t retention_ms;    /* as last looked at */
	uint64_t next_retention_ms;

	uint64_t next_pulse_ms; /* when presence is looked at again */
	uint64_t next_ack_ms;   /* when durable_through is said to those in ack_due; NEVER: none waits */
	uint32_t ack_due[CONNECTION_SLOTS];
	uint32_t ack_count;
	uint64_t minute_ms;         /* when counts are recorded */
	uint32_t delivery_due;      /* connections with deliveries to be recorded */
	uint64_t delivery_since_ms; /* how long the first of them has waited */
	bool absent_checked;        /* clones that did not come back after a restart have been declared lost */
	uint32_t unknown_keys;
	uint32_t malformed;
	uint32_t unknown_keys_counted; /* … in the trail */
	uint32_t malformed_counted;
	uint64_t stranger_window_ms;
	uint32_t stranger_answers;
	uint32_t unreachable; /* connections that a send found gone */

	struct buffer header, facts, payload, message, frame, fetched;
	char sentence[SENTENCE_TEXT_BYTES];
	char second[SENTENCE_TEXT_BYTES];
	char reload_sentence[CONF_SENTENCE_BYTES];
	char erase_sentence[256];
	char known_client[NAME_BYTES];
	char known_type[TASK_TYPE_BYTES];
	char *status; /* STATUS_BYTES_MAX */
	bool stopping;
	int failed; /* an error that ends this process */
	char why[SENTENCE_TEXT_BYTES];
};

static inline struct connection *connection_at(struct shell *shell, uint32_t index)
{
	return &shell->connections.slot[index];
}

void shell_clock(struct shell *shell);
void shell_fail(struct shell *shell, int rc, const char *why);

/* Steps one event and records, and holds back, what comes of it. 0 or ERR_STATE (nothing came of it). */
int shell_step(struct shell *shell, const struct event *event);
/* The same for an event of Omega's own. */
int shell_step_own(struct shell *shell, const struct message *message);

/* ledger.c */
void ledger_take(struct shell *shell, struct record *record);
void ledger_submit(struct shell *shell); /* hands the batch over if the writer is idle */
void ledger_done(struct shell *shell);   /* takes a finished batch and releases what it held back */
bool ledger_room(const struct shell *shell);
int ledger_drain(struct shell *shell); /* waits until everything is durable */
/* The entry of a record, wherever it is; its spans are valid until the next call. Its payload is in shell->fetched. */
int ledger_fetch(struct shell *shell, uint64_t seq, int (*each)(void *context, const struct trail_entry *entry), void *context);
/* The payload that a record owns; empty if there is none any more. */
struct bytes ledger_payload(struct shell *shell, uint64_t seq);
/* In how many places something was masked in it. */
uint32_t ledger_masked(struct shell *shell, uint64_t seq);

/* outbox.c */
void outbox_touch(struct shell *shell, uint32_t connection);
void outbox_add(struct shell *shell, uint32_t connection, enum message_type type, struct bytes header, struct bytes facts,
		struct bytes payload);
void outbox_close(struct shell *shell, unsigned which); /* what was taken so far becomes durable with this batch */
void outbox_release(struct shell *shell, unsigned which);
void outbox_free(struct outbox *outbox);
/* One message at once, outside the trail and unnumbered: heartbeats, artefact pieces, refusals beyond the limit. */
void send_loose(struct shell *shell, uint32_t connection, struct message *message);
void send_backlog(struct shell *shell);
void send_acks(struct shell *shell);
void send_heartbeat(struct shell *shell, uint32_t connection);

/* intake.c */
void intake_receive(struct shell *shell);

/* lookup.c */
void lookup_stamp(struct shell *shell, struct message *message, const char *peer);
MUST_CHECK int lookup_key(struct shell *shell); /* reads the key of the keyed hashes, or makes it */
/* The request that made a task, and the record that ended it, as far as they are durable. Text in shell->known_… */
struct known_task {
	struct trail_task task;
	uint32_t attempts;
	uint32_t priority;
};
MUST_CHECK int lookup_task(struct shell *shell, const struct id *task_id, struct known_task *out_known);

/* text.c, status.c */
void text_write(struct shell *shell, struct record *record);
void status_write(struct shell *shell, struct record *record);

/* presence.c */
void presence_heartbeat(struct shell *shell, uint32_t connection, const struct heartbeat *heartbeat);
void presence_lost(struct shell *shell, uint32_t connection);
void presence_deliver(struct shell *shell); /* records what peers have acknowledged since the last batch, one record each */
void presence_tick(struct shell *shell);
void presence_count(struct shell *shell, uint32_t connection); /* records what was only counted */
void presence_count_unknown(struct shell *shell);
uint64_t presence_wake_ms(const struct shell *shell); /* boottime */

/* courier.c */
MUST_CHECK int courier_new(struct shell *shell);
void courier_free(struct shell *shell);
int courier_fd(const struct shell *shell);
void courier_take_put(struct shell *shell, uint32_t connection, struct message *message);
void courier_take_get(struct shell *shell, uint32_t connection, struct message *message);
void courier_finished(struct shell *shell); /* when courier_fd is readable */
void courier_durable(struct shell *shell);  /* after each batch: tells uploaders that Omega has it all */

/* sealing.c: from now on the trail is sealed, and checkpoints go to the mirrors. Errors with a sentence in shell->why. */
MUST_CHECK int sealing_begin(struct shell *shell, struct trail *trail);
/* Records that the trail was set back, if it was since the last start. */
MUST_CHECK int sealing_tell_restored(struct shell *shell);

/* receipts.c: may this peer have the receipt it asks for, and can it be had? 0 or the code of the refusal; and the receipt itself, as the text of
 * a StatusResponse, valid until the next call: 0 or an error. */
uint32_t receipt_judge(struct shell *shell, const struct connection *connection, const struct message *query);
MUST_CHECK int receipt_answer(struct shell *shell, const struct text *name, char *out, size_t room, size_t *out_bytes);

MUST_CHECK int courier_drop_partial(struct shell *shell); /* artefacts that are not complete and do not grow */

/* erasure.c */
/* At the start, before anything is appended: finishes what a crash left, and has `trail` tell of erasures. 0 or an error with shell->why. */
MUST_CHECK int erasure_begin(struct shell *shell, struct trail *trail);
void erasure_take(struct intake *intake, struct message *message); /* the verbs erase and prune */
bool erasure_speaks_of_erased(struct shell *shell, const struct message *message);
void erasure_strip(struct shell *shell, struct message *message); /* takes the text from what speaks of an erased task */
void erasure_tick(struct shell *shell);                           /* retention */
uint64_t erasure_wake_ms(const struct shell *shell);              /* boottime */

/* boot.c, routes.c */
MUST_CHECK int shell_boot(struct shell *shell);
int shell_snapshot(struct shell *shell);
MUST_CHECK int routes_read(struct shell *shell, struct conf *out_conf, char out_sentence[CONF_SENTENCE_BYTES]);
/* Puts the table in force if it differs. 0, or ERR_CONFIG with a sentence in shell->reload_sentence. */
int routes_load(struct shell *shell, const char *who);

#endif
