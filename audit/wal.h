/* SPDX-License-Identifier: MIT
 *
 * SQLite's write-ahead log as a file: written out in advance, made durable, and overwritten when something was erased.
 * Internal to audit/. All return an SQLite code.
 */
#ifndef AUDIT_WAL_H
#define AUDIT_WAL_H

#include "audit/store.h"

/* When a writer opens: what SQLite then reads as the end of the trail is on the disk, the file has its size, and as much of it as no reader
 * needs has been moved into the database. */
MUST_CHECK int wal_settle(struct trail *trail);

/* Moves all of it into the database and overwrites the file, cuts it to nothing and writes it out again. SQLITE_BUSY if readers hold on
 * to it for longer than the busy timeout; then nothing is lost. Not within a transaction. */
MUST_CHECK int wal_scrub(struct trail *trail);

#endif
