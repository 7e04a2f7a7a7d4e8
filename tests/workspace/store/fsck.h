/* SPDX-License-Identifier: MIT
 *
 * What git fsck --strict says of objects, many at a time.
 */
#ifndef TESTS_FSCK_H
#define TESTS_FSCK_H

#include <stdbool.h>

#include "workspace/store/object.h"

/* A repository on the disk, in a new folder. */
struct fsck;
struct fsck *fsck_new(void);
void fsck_free(struct fsck *fsck); /* removes it */

/* Write an object, whatever its bytes are. */
void fsck_add(struct fsck *fsck, enum object_type type, struct bytes raw, struct oid *out_id);

/* Ask git about all of them; then whether an error names this one. */
void fsck_run(struct fsck *fsck);
bool fsck_blames(const struct fsck *fsck, const struct oid *id);

#endif
