/* SPDX-License-Identifier: MIT
 *
 * What the files of the verifier share. Not for others.
 */
#ifndef VERIFIER_INNER_H
#define VERIFIER_INNER_H

#include <sqlite3.h>

#include "verifier/receipt.h"
#include "verifier/verify.h"

/* ---- files: a whole one in memory, read only ---- */

struct mapped {
	struct span span;
	bool is_mapped; /* else there was nothing to map */
};
/* False with a sentence. At most `bytes_max`. */
bool mapped_open(const char *path, uint64_t bytes_max, struct mapped *out_mapped, char out_why[512]);
void mapped_close(struct mapped *mapped);
void mapped_read_through(const struct mapped *mapped); /* it is going to be read from begin to end */

/* ---- what is said ---- */

__attribute__((format(printf, 2, 3))) enum verdict_code verdict_unreadable(struct verdict *verdict, const char *format, ...);
__attribute__((format(printf, 2, 3))) void verdict_note(struct verdict *verdict, const char *format, ...);
/* Carries the end of an inspection over: counts, findings, holes. */
enum verdict_code verdict_take(struct verdict *verdict, const struct inspection *inspection, int rc);

/* ---- notes from outside ---- */

struct outside {
	struct outside_note *note;
	size_t count, capacity;
	struct mapped *file;
	uint8_t **room; /* of the notes of receipts */
	size_t file_count;
};
/* Reads them all and checks the log's signatures. False: verdict says what is wrong. */
bool outside_read(const struct verify_options *options, struct outside *out_outside, struct verdict *verdict);
void outside_release(struct outside *outside);

/* ---- erasures ---- */

/* Which payloads may be gone. */
struct erasures {
	struct erasure *list;
	size_t count, capacity;
	bool sorted;
};
void erasures_release(struct erasures *erasures);
/* Enters the record `row`, which is of type Erased and stands at `seq`. False without memory; what cannot be read covers nothing. */
bool erasures_add(struct erasures *erasures, const struct row *row);
bool erasures_cover(struct erasures *erasures, const struct row *row);

/* ---- trails ---- */

enum verdict_code trail_file_verify(const char *path, const struct verify_options *options, struct verdict *verdict);
/* JSON lines, or the page around them. */
enum verdict_code export_verify(struct span text, const struct verify_options *options, struct verdict *verdict);
enum verdict_code receipt_verify(struct span text, const struct verify_options *options, struct verdict *verdict);

#endif
