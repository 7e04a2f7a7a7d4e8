/* SPDX-License-Identifier: MIT
 *
 * The first page of the table of payloads, as trails of format 1 left it. Internal to audit/.
 */
#ifndef AUDIT_ROOT_H
#define AUDIT_ROOT_H

#include "audit/store.h"

/* Overwrites what the root page of `payloads` keeps between its cells. Format 1 was written without secure_delete: when that table outgrew its first
 * page, the rows on it were copied to another one, and stayed behind in the old one, where no erasure finds them. Everything must have been moved out of
 * the WAL (wal_scrub), and nobody else may write. An SQLite code. */
MUST_CHECK int root_clear(struct trail *trail);

#endif
