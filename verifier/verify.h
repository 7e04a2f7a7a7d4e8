/* SPDX-License-Identifier: MIT
 *
 * Is this trail, export or receipt what was sealed? The program bunshin-verify is a command line around this.
 *
 * Nothing here trusts what it reads: sizes are bounded, nothing recurses, and SQLite is told to expect a hostile file. Nothing is written,
 * neither to the trail nor beside it. Shares no code with audit/, which writes trails: two that make the same mistake would agree.
 */
#ifndef VERIFIER_VERIFY_H
#define VERIFIER_VERIFY_H

#include "verifier/inspect.h"

#define NOTES_MAX   12u
#define OUTSIDE_MAX (1u << 20) /* notes from mirrors */

/* The exit codes of bunshin-verify. */
enum verdict_code {
	VERDICT_VERIFIED = 0,
	VERDICT_WRONG = 1,      /* something is not what was sealed: verdict.finding */
	VERDICT_USAGE = 2,      /* of the command line only */
	VERDICT_UNREADABLE = 3, /* nothing can be said: verdict.why */
	VERDICT_HOLES = 4,      /* what is there is genuine, but numbers are missing that nothing explains */
};

enum file_kind { KIND_UNKNOWN, KIND_TRAIL, KIND_EXPORT, KIND_PAGE, KIND_RECEIPT };
const char *file_kind_name(enum file_kind kind);

struct verify_options {
	const struct public_keys *keys; /* NULL: signatures are not looked at, and the verdict says so */
	const char *const *mirrors;     /* files: mirrors, single notes, receipts */
	size_t mirror_count;
	uint64_t from_seq; /* 0: everything; else records up to this one are taken on trust (trails only) */
	bool pages;        /* also SQLite's check of every page and index (trails only) */
	bool statements;   /* reads through SQLite statements even where the file itself could be read: slower; for tests */
	bool show;         /* a receipt is shown */
};

struct verdict {
	enum verdict_code code;
	enum file_kind kind;
	char why[512];
	bool found;
	struct finding finding;

	uint32_t format; /* of a trail: 1 or 2 */
	bool part;       /* an export of some records */
	uint64_t records;
	uint64_t first_seq, last_seq;
	uint8_t head[SUM_BYTES];
	uint64_t first_ms, last_ms;
	uint64_t payloads; /* opened and found to be those committed to */
	uint64_t erased;   /* gone, and an erasure is on record */
	uint64_t left_out; /* not in the export */
	uint64_t checkpoints;
	uint64_t sealed_size;
	uint64_t sealed_ms;
	uint8_t sealed_root[SUM_BYTES];
	uint64_t outside; /* notes from outside that the trail contains */
	uint64_t counted, uncounted;
	uint64_t hole_count;
	struct hole hole[HOLES_KEPT];
	size_t holes_kept;
	char note[NOTES_MAX][320]; /* things to be said aloud */
	size_t note_count;
	struct receipt_read *receipt; /* of a receipt that is to be shown; verdict_release */
};

/* Verifies the file at `path`, whatever it is. The verdict is always filled in. */
enum verdict_code verify_path(const char *path, const struct verify_options *options, struct verdict *out_verdict);
void verdict_release(struct verdict *verdict);

/* Reads a key file. False with a sentence. */
bool keys_of_file(const char *path, struct public_keys *out_keys, char out_why[512]);

/* What is not proved by a verdict that is good: the index-th sentence for people, NULL after the last one. `room` is the caller's. */
const char *verdict_unproved(const struct verdict *verdict, const struct verify_options *options, size_t index, char room[320]);

void verdict_print(const struct verdict *verdict, const char *path, const struct verify_options *options);
void verdict_print_json(const struct verdict *verdict, const char *path, const struct verify_options *options);

#endif
