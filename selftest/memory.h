/* SPDX-License-Identifier: MIT
 *
 * An SQLite VFS whose files are those of a disk in memory. Everything else (temporary files, time, chance) is the system's.
 *
 * It says of itself what the VFS of Unix says, so that SQLite takes the same way; locks work between the connections of one
 * process, which are all there can be.
 */
#ifndef SELFTEST_MEMORY_H
#define SELFTEST_MEMORY_H

#include <sqlite3.h>

#include "selftest/disk.h"

/* The VFS; registered once under the name "bunshin-memory", and not the default until somebody makes it so. */
sqlite3_vfs *memory_vfs(void);

/* Paths "FOLDER/NAME" are now the files NAME of this disk (borrowed, as is the path); the main file of a database is made when it is
 * opened, and WALs are written out to `wal_bytes` instead of what a real trail takes. Shared memory begins empty. Every file of the
 * disk before must be closed. */
void memory_mount(struct disk *disk, const char *folder, uint32_t wal_bytes);
void memory_unmount(void); /* gives back the shared memory too */

#endif
