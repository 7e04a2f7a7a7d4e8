/* SPDX-License-Identifier: MIT
 *
 * The files that keys are kept in. Internal to audit/; seal.h says what they are for.
 *
 * seal.key: two slots, each in a block of its own. A slot is, in this order, numbers big-endian: 16 bytes "bunshin seal 1" with
 * zeros, number (8), seed (32), seed after it (32), size (8), root (32), public log key (32), SHA-256 of all these (32);
 * zeros to the end of the block. A slot that is not whole, whatever is in it, is none.
 */
#ifndef AUDIT_SEAL_FILE_H
#define AUDIT_SEAL_FILE_H

#include <sys/types.h>

#include "audit/note.h"

#define SLOTS      2u
#define SLOT_BYTES 4096u
#define SEED_BYTES 32u

#define LOG_SECRET_FILE "log.key"
#define LOG_PUBLIC_FILE "log.pub"
#define SEAL_FILE       "seal.key"

struct seal_slot {
	bool whole;
	uint64_t number; /* of the checkpoint that `seed` will seal */
	uint8_t seed[SEED_BYTES];
	uint8_t after[SEED_BYTES]; /* of checkpoint number + 1 */
	uint64_t size;             /* of the last checkpoint that was durable, number - 1; 0: none was */
	struct hash root;
	uint8_t log_public[PUBLIC_KEY_BYTES];
};

/* "FOLDER/NAME: sentence". Returns `error`. */
__attribute__((format(printf, 5, 6))) int key_fail(char out_why[256], int error, const char *folder, const char *name,
						   const char *format, ...);

bool key_file_there(const char *folder, const char *name);

/* Opens a file of keys; for reading and writing, and only if nobody else may read it, if it is `secret`. 0; ERR_NOT_FOUND;
 * ERR_NOT_ALLOWED: others can read it; ERR_IO. */
MUST_CHECK int key_file_open(const char *folder, const char *name, bool secret, int *out_fd, char out_why[256]);

/* Reads from the beginning, at most `room` bytes. */
MUST_CHECK int key_file_read(const char *folder, const char *name, int fd, uint8_t *out_bytes, size_t room, size_t *out_count,
			     char out_why[256]);

/* The whole file in one step, and durable: another with the same name is replaced. 0 or ERR_IO. */
MUST_CHECK int key_file_put(const char *folder, const char *name, mode_t mode, const void *bytes, size_t count,
			    char out_why[256]);

void seal_slot_write(const struct seal_slot *slot, uint8_t out_block[SLOT_BYTES]);
void seal_slot_read(const uint8_t block[SLOT_BYTES], struct seal_slot *out_slot);

/* Overwrites one block of seal.key and syncs it. 0 or ERR_IO. */
MUST_CHECK int seal_block_put(int fd, unsigned index, const uint8_t block[SLOT_BYTES]);

#endif
