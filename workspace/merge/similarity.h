/* SPDX-License-Identifier: MIT
 *
 * How much of one file stands in another, as git estimates it (diffcore-delta).
 *
 * A file is cut after each line end and after each 64 bytes, whichever comes first (an end that is neither is left out; "\r\n" counts as "\n"
 * in files that are text). Pieces are told apart by a number below SIMILARITY_PIECES only, so different ones may be taken for the same.
 */
#ifndef WORKSPACE_MERGE_SIMILARITY_H
#define WORKSPACE_MERGE_SIMILARITY_H

#include "protocol/codec.h"

#define SIMILARITY_PIECES 107927u

/* Of one number: how many bytes. */
struct piece_bytes {
	uint32_t piece;
	uint32_t bytes;
};

/* A file, ready to be compared: by number, none twice. */
struct file_pieces {
	struct piece_bytes *at; /* NULL: not counted yet; else for free() */
	size_t count;
};

/* For counting; zero it, and free `bytes` and `touched` at the end. */
struct piece_counter {
	uint32_t *bytes; /* by number; all zero between two files */
	uint32_t *touched;
	size_t capacity;
};
MUST_CHECK int file_pieces_count(struct piece_counter *counter, struct bytes file,
				 struct file_pieces *out_pieces); /* 0 or ERR_MEMORY */
void piece_counter_release(struct piece_counter *counter);

/* How many bytes of `source` stand in `target` too. */
uint64_t file_pieces_common(const struct file_pieces *source, const struct file_pieces *target);

#endif
