/* SPDX-License-Identifier: MIT
 *
 * A made-up history of tasks for tests of the trail: the same seed gives the same records, and a model says what the trail must
 * then know of each task.
 */
#ifndef TESTS_AUDIT_STORY_H
#define TESTS_AUDIT_STORY_H

#include "audit/note.h"
#include "audit/trail.h"
#include "audit/writer.h"

#define STORY_LIVE          12u
#define STORY_PAYLOAD_BYTES 700u

struct story_live {
	uint64_t number;
	uint32_t stage;
	uint32_t index; /* into tasks */
	uint64_t request_payload;
	uint64_t result_payload;
};

struct story {
	uint64_t random;
	uint64_t next_seq;
	struct story_live live[STORY_LIVE];
	struct trail_task *tasks; /* what the trail must know, in order of request_seq */
	size_t task_count;
	size_t task_capacity;
	uint64_t snapshot_seq;
	uint8_t header[160];
	uint8_t facts[96];
	uint8_t payload[STORY_PAYLOAD_BYTES];
};

void story_init(struct story *story, uint64_t seed);
void story_release(struct story *story);
uint64_t story_random(struct story *story, uint64_t below);

/* The next record; its bytes are the story's until the next call. */
void story_next(struct story *story, struct trail_entry *out_entry);

/* Empties `batch` and puts the next `count` records into it. */
void story_fill(struct story *story, struct batch *batch, size_t count);

/* A task id that depends on its number alone. */
struct id story_id(uint64_t number);

/* The next `count` records in one transaction. */
int story_append(struct story *story, struct trail *trail, size_t count);

/* A trail with `count` records of `seed`, written in batches of different size and closed again. */
void story_write(const char *path, uint64_t seed, size_t count);

/* A temporary folder with room for one trail. */
struct place {
	char folder[64];
	char trail[96];
	char keys[96]; /* a folder; made by seal_trail */
};
void place_make(struct place *place);
void place_remove(struct place *place);
void place_empty(struct place *place); /* removes the files, keeps the folder */

/* Opens or fails the test with the reason. */
struct trail *open_trail(const char *path, enum trail_mode mode);

/* From now on the trail is sealed with the keys in `place`, which are made if there are none; fails the test with the reason. */
void seal_trail(const struct place *place, struct trail *trail);
void read_keys(const struct place *place, struct log_keys *out_keys); /* its log.pub */

/* As story_write, sealed: a checkpoint after every `every` records and at the end. */
void story_write_sealed(const struct place *place, uint64_t seed, size_t count, size_t every);

/* Verifies everything and fails the test with the reason, if there is one. Returns the number of records. */
uint64_t verify_clean(struct trail *trail);

#endif
