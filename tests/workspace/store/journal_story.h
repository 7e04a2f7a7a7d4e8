/* SPDX-License-Identifier: MIT
 *
 * Changes that can be told from one another, written to a journal and looked for in it: change N of writer W is an object whose bytes follow from
 * the two, and a ref of two names (refs/heads/W and refs/tags/W) that goes to version N.
 */
#ifndef TESTS_WORKSPACE_STORE_JOURNAL_STORY_H
#define TESTS_WORKSPACE_STORE_JOURNAL_STORY_H

#include "workspace/store/journal.h"

#define STORY_WRITERS 16u

/* A folder of its own, removed by story_remove. */
void story_folder(char out_folder[256]);
void story_remove(const char *folder);
void story_file(const char *folder, char out_path[300]); /* the journal in it */

/* Bytes of the object of change N; 0 for the usual, which are about 200 to 2,200. */
struct change {
	unsigned writer;
	uint64_t number; /* from 1 */
	size_t bytes;
};

MUST_CHECK int change_append(struct journal_writer *writer, const struct change *change);
MUST_CHECK int change_rewrite(struct journal_rewrite *rewrite, const struct change *change);

/* What a journal holds: of each writer, the highest version of its refs, and how many objects. Asserts that each object and each ref is one that was
 * written, that the two names always move together, and that a ref's object is there. */
struct found {
	uint64_t last[STORY_WRITERS]; /* highest version of the refs */
	uint64_t objects[STORY_WRITERS];
	uint64_t *seen[STORY_WRITERS]; /* bits: which objects */
	size_t max;
	int refuse_after; /* the reader refuses after so many records; 0: never */
};
struct journal_reader found_reader(struct found *found);
bool found_has(const struct found *found, unsigned writer, uint64_t number);
void found_release(struct found *found);

/* Open, read all of it, close. What opening or reading returned; then `out_found` is to be released. */
int journal_look(const char *folder, struct found *out_found, char out_sentence[WORKSPACE_SENTENCE_BYTES]);

/* Open, read and leave open; asserts that it works. */
struct journal *journal_ready(const char *folder, enum workspace_durability durability, struct found *out_found);
struct journal_writer *writer_ready(struct journal *journal);

/* The whole file, to be freed; and the reverse. */
uint8_t *file_take(const char *path, size_t *out_bytes);
void file_put(const char *path, const uint8_t *at, size_t bytes);

#endif
