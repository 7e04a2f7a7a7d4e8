/* SPDX-License-Identifier: MIT
 *
 * A part of the trail, or all of it, on its way to somebody else.
 *
 * What is exported ends where the last checkpoint ends that was there at the beginning: what comes later is not sealed. All records up to there
 * are a *whole* export, and prove themselves by their chain; a choice of them is a *part*, in which each has a proof of its own; what chosen records
 * refer to, the owner of their payload and the record of its erasure, is chosen with them. Which records are chosen is settled before the first byte is written, in one bit for each record of the trail; everything else is read as it is written out, in
 * short transactions beside whoever writes the trail.
 *
 * docs/trail-format.md has the form of the lines, docs/audit.md tells what each form is for.
 */
#ifndef CLI_EXPORT_H
#define CLI_EXPORT_H

#include <jansson.h>

#include "audit/receipt.h"
#include "audit/trail.h"
#include "cli/sink.h"

#define EXPORT_TASKS_MAX  128u
#define EXPORT_KEYS_BYTES 16384u
#define EXPORT_PAGE_MAX   50000u       /* records in a page: a browser checks as many in some seconds */
#define EXPORT_PAGE_BYTES (200u << 20) /* the same of lines: browsers end at 512 MiB of text */

/* What a person asks for. */
struct export_choice {
	struct trail_query query; /* after_seq, through_seq, since_ms, until_ms, peer */
	struct id task[EXPORT_TASKS_MAX];
	size_t tasks; /* 0: any */
	bool part;    /* something was chosen, be it everything */
	bool without_payloads;
};

struct export
{
	struct trail *trail;
	bool whole;
	bool payloads;
	struct trail_checkpoint checkpoint; /* the last one at the beginning */
	uint64_t left_out;                  /* records behind it */
	uint64_t records;                   /* to be exported, of which … */
	uint64_t first;
	uint64_t last;
	uint64_t erased_seq;          /* a record of an erasure that was looked at */
	uint8_t *chosen;              /* bit seq - 1; NULL: all up to checkpoint.size */
	char keys[EXPORT_KEYS_BYTES]; /* lines of keys/log.pub without comments; "": the file is not there */
	char why[512];
};

/* What became of the payload of a record. */
enum export_payload {
	PAYLOAD_NONE,
	PAYLOAD_HERE,      /* it is given with this record, which owns it */
	PAYLOAD_ELSEWHERE, /* it is that of record payload_seq, which is in the export as well */
	PAYLOAD_ERASED,    /* as record erased_by says; 0: as a receipt in this backup says */
	PAYLOAD_LEFT_OUT,  /* nobody asked for payloads */
	PAYLOAD_MISSING,   /* and nothing says why: the trail is damaged */
};

/* One record, borrowed until the next one. */
struct export_row {
	const struct trail_entry *entry; /* with its payload for reading, if it may be shown */
	struct hash previous;            /* chain of the record before it */
	enum export_payload payload;
	uint64_t erased_by;
	const uint8_t *salt; /* with PAYLOAD_HERE */
	struct bytes body;   /* the same: the bytes that salt and commitment are of */
};

/* Settles what is exported. 0; ERR_NOT_FOUND: nothing is chosen; ERR_STATE: there is no checkpoint yet; ERR_IO, ERR_CORRUPT, ERR_MEMORY. With a
 * sentence in out_export->why. `keys_path` names log.pub. Release it in any case. */
MUST_CHECK int export_open(struct export *out_export, struct trail *trail, const struct export_choice *choice,
			   const char *keys_path);
void export_release(struct export *export);

/* Calls `each` for every record of the export, in order, until it returns non-zero, which is handed on. ERR_STATE: something was erased of which
 * no checkpoint says so yet. May be called again. */
MUST_CHECK int export_each(struct export *export, int (*each)(void *context, const struct export_row *row), void *context);

/* Has anything been erased since the export began? 0; ERR_STATE: yes, and it may stand in what was written; ERR_IO and so on. */
MUST_CHECK int export_still_true(struct export *export);

/* The message of a record as JSON, as message_to_json makes it; null if its bytes are none. A snapshot's state is left out. Owned by the caller. */
json_t *export_message(const struct export_row *row);

/* Calls `line` with every line of the JSONL form, each with its line feed. As export_each; ERR_MEMORY. */
MUST_CHECK int export_lines(struct export *export, int (*line)(void *context, const uint8_t *at, size_t bytes), void *context);

/* Each writes one form. As export_each; ERR_STATE also when the sink has failed, and then sink_close says how. */
MUST_CHECK int export_jsonl(struct export *export, struct sink *sink);
MUST_CHECK int export_csv(struct export *export, struct sink *sink);
MUST_CHECK int export_html(struct export *export, struct sink *sink); /* of at most EXPORT_PAGE_MAX records */

#endif
