/* SPDX-License-Identifier: MIT
 *
 * One end of moving an artefact between a file and Omega, in pieces, with credit.
 *
 * To Omega:   ArtefactPut without data is the offer; Omega says with ArtefactGet from where on and how much; the pieces follow; each
 *             ArtefactGet gives credit for more; one with offset = total says that Omega has all of it, durably.
 * From Omega: ArtefactGet asks from an offset, with credit; ArtefactPut brings the pieces; or Refusal.
 * Neither carries a sequence number. After an interruption the same first message resumes where the other side stopped.
 */
#ifndef ACTORS_TRANSFER_H
#define ACTORS_TRANSFER_H

#include "actors/link.h"
#include "actors/state.h"

#define PIECE_BYTES        49152u  /* of data in one ArtefactPut */
#define CREDIT_BYTES       786432u /* asked for or given at once: 16 pieces */
#define ARTEFACT_BYTES_MAX (1ull << 30)

struct upload {
	int fd;
	struct hash hash;
	uint64_t total;
	struct id offer_id; /* of the last offer: a refusal names it */
	struct id task_id;  /* that it is brought for; nil: none */
	bool done;
};

/* Opens and hashes a file. 0, ERR_IO, ERR_TOO_LARGE. */
MUST_CHECK int upload_open(struct upload *upload, const char *path);
void upload_close(struct upload *upload);
MUST_CHECK int upload_offer(struct upload *upload, struct link *link);
/* Answers an ArtefactGet that names this upload's hash; sets `done`. 0, ERR_IO (the file has changed), ERR_MEMORY. */
MUST_CHECK int upload_answer(struct upload *upload, struct link *link, const struct artefact_get *get);

struct download {
	int fd;
	char path[PATH_BYTES];
	char partial[PATH_BYTES];
	struct hash hash;
	uint64_t offset;
	uint64_t total; /* UINT64_MAX until the first piece */
	uint64_t granted;
	struct id ask_id;
	bool done;
};

/* Makes a temporary file beside `path`. 0 or ERR_IO. */
MUST_CHECK int download_open(struct download *download, const struct hash *hash, const char *path);
/* Removes what is not complete. */
void download_close(struct download *download);
MUST_CHECK int download_ask(struct download *download, struct link *link);
/* Takes a piece (payload decoded); at the end checks the hash and gives the file its name. 0, ERR_IO, ERR_CORRUPT, ERR_MEMORY. */
MUST_CHECK int download_take(struct download *download, struct link *link, const struct artefact_put *piece);

/* SHA-256 of a whole file, from its beginning. 0 or ERR_IO. */
MUST_CHECK int file_hash(int fd, struct hash *out_hash, uint64_t *out_bytes);

static inline bool hash_equal(const struct hash *a, const struct hash *b)
{
	uint8_t difference = 0;

	for (unsigned i = 0; i < sizeof(a->bytes); i++)
		difference |= (uint8_t)(a->bytes[i] ^ b->bytes[i]);
	return difference == 0;
}

#endif
