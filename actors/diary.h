/* SPDX-License-Identifier: MIT
 *
 * What the workspace owes the trail: each change of a ref from before it is made until Omega has it on the disk.
 *
 * One file for each repository, `changes`, one JSON object a line:
 *
 *   {"known": {"ref", "version", "id"}}     told and done with; only at the beginning, where the file was written anew
 *   {"begin": {"number", "ref", "version", "from", "cause", "task", "attempt", "message", "sentence"}}    on the disk before the change
 *   {"done": {"number", "version", "to", "journal"}}    it was made
 *   {"void": NUMBER}                        it was not
 *   {"told": NUMBER}                        Omega has it on the disk
 *
 * An id is 40 hexadecimal digits, or null where there is no ref. What has begun and is neither done nor void when the file is opened was under
 * way when the process ended: diary_settle looks at the ref. A line without an end is what a crash left, and nothing.
 *
 * Any thread may call; the functions that write block on the disk for as long as it takes.
 */
#ifndef ACTORS_DIARY_H
#define ACTORS_DIARY_H

#include <jansson.h>

#include "actors/state.h"
#include "workspace/workspace.h"

#define DIARY_CAUSE_BYTES   16u
#define DIARY_PENDING_MAX   2048u /* changes that may wait to be told before new ones are refused */
#define DIARY_REWRITE_BYTES (4u << 20)

struct diary;

struct diary_change {
	uint64_t number; /* of the diary; given by diary_begin */
	const char *ref;
	uint64_t version;
	bool has_from, has_to;
	struct oid from, to;
	const char *cause; /* "harvest" */
	struct id task;    /* nil: none */
	uint32_t attempt;
	struct id message; /* under which Omega is told, also again */
	const char *sentence;
	uint64_t journal;
};

/* Opens FOLDER/changes, making it if need be. 0; ERR_IO, ERR_MEMORY, or ERR_CORRUPT with the line in the sentence. */
MUST_CHECK int diary_open(const char *folder, struct diary **out_diary, char out_sentence[SENTENCE_BYTES]);
void diary_close(struct diary *diary); /* NULL is fine */

/* A change is about to be made; `to` is not looked at. On the disk when it returns. 0, ERR_IO, ERR_MEMORY; ERR_OVERLOADED if too many wait. */
MUST_CHECK int diary_begin(struct diary *diary, const struct diary_change *change, uint64_t *out_number);
/* It was made: `to` NULL, deleted. Or it was not. Errors are not told: after a crash the ref itself says what is so. */
void diary_done(struct diary *diary, uint64_t number, uint64_t version, const struct oid *to, uint64_t journal);
void diary_void(struct diary *diary, uint64_t number);
void diary_told(struct diary *diary, uint64_t number);

/* Changes that were made already, and of which the diary does not know: all of them in one go. `numbers` has `count` elements. */
MUST_CHECK int diary_found(struct diary *diary, const struct diary_change *changes, size_t count, uint64_t *out_numbers);

/* Where a ref was last: false if nothing is known of it. `out_id` is not set where it was not there. */
bool diary_known(struct diary *diary, const char *ref, uint64_t *out_version, struct oid *out_id, bool *out_there);
typedef int diary_ref_seen(void *context, const char *ref, uint64_t version, const struct oid *id); /* id NULL: not there */
int diary_each_known(struct diary *diary, diary_ref_seen *seen, void *context);

/* Called for each change that had begun when the file was opened: is the ref, or was it, at this version or past it? `*out_to` is where it is now. */
typedef bool diary_look(void *context, const char *ref, uint64_t *out_version, struct oid *out_to, bool *out_there);
void diary_settle(struct diary *diary, diary_look *look, void *context, uint64_t journal);

/* Changes that are made and not told, by number. The texts are valid during the call. */
typedef int diary_change_seen(void *context, const struct diary_change *change);
int diary_each_untold(struct diary *diary, diary_change_seen *seen, void *context);
size_t diary_pending(struct diary *diary); /* begun or made, and not told */
/* The number of the last change of this ref that is made and not told; 0: there is none. */
uint64_t diary_untold(struct diary *diary, const char *ref);

/* Does the file hold anything that is not told? Without opening it for writing. */
bool diary_owes(const char *folder);

#endif
