/* SPDX-License-Identifier: MIT
 *
 * How far a seal has come, read without changing anything, also while somebody else seals.
 */
#include <fcntl.h>
#include <sodium.h>
#include <string.h>

#include "audit/files.h"
#include "audit/seal.h"
#include "audit/seal_file.h"

#define TRIES 3 /* a slot that is being written at this moment is whole at the next look; the other one is whole all the time */

struct look {
	uint8_t block[SLOTS * SLOT_BYTES];
	struct seal_slot slot[SLOTS];
};

static int look_once(const char *folder, int fd, struct look *look, uint64_t *out_number, uint64_t *out_size, char out_why[256])
{
	size_t bytes = 0;
	const struct seal_slot *newest = NULL;
	int rc = key_file_read(folder, SEAL_FILE, fd, look->block, sizeof(look->block), &bytes, out_why);
	if (rc)
		return rc;
	memset(look->block + bytes, 0, sizeof(look->block) - bytes);
	for (unsigned i = 0; i < SLOTS; i++) {
		seal_slot_read(look->block + i * SLOT_BYTES, &look->slot[i]);
		if (look->slot[i].whole && (!newest || look->slot[i].number > newest->number))
			newest = &look->slot[i];
	}
	if (!newest)
		return key_fail(out_why, ERR_CORRUPT, folder, SEAL_FILE, "holds no whole key: it is damaged");
	*out_number = newest->number - 1;
	*out_size = newest->size;
	return 0;
}

int sealer_look(const char *folder, uint64_t *out_number, uint64_t *out_size, char out_why[256])
{
	struct look look;
	int fd = -1;
	int rc = key_file_open(folder, SEAL_FILE, true, &fd, out_why);
	if (rc)
		return rc;
	rc = ERR_CORRUPT;
	for (int i = 0; i < TRIES && rc == ERR_CORRUPT; i++)
		rc = look_once(folder, fd, &look, out_number, out_size, out_why);
	sodium_memzero(&look, sizeof(look));
	file_calls->close(fd);
	return rc;
}
