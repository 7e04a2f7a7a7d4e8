/* SPDX-License-Identifier: MIT */
#include "selftest/script.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/seal.h"
#include "audit/store.h"
#include "selftest/history.h"

#define TRAIL_NAME "trail.db"
#define KEYS_NAME  "keys"
#define TRIES_MAX  8u /* of one step, on a disk that goes on failing */

const struct script scripts[] = {
	{"one record at a time", "a1*14", 65536, false, false},
	{"small batches", "a3 a5 a2 a7 a4 a1 a6", 65536, false, false},
	{"one large batch", "a4 a48 a2", 0, false, false},
	{"payloads of many pages", "a2 A2 a3 A3 a2", 65536, false, false},
	{"tidied after each batch", "a3 t a4 t a2 t a5 t a1", 65536, false, false},
	{"tidied now and then", "a6 a4 t a1 a8 a2 t t a4", 131072, false, false},
	{"opened again", "a5 r a4 r r a3 t r a2", 65536, false, false},
	{"a reader in the way", "a4 R a3 t a5 t Q a2 t a4 R t Q a1", 65536, false, false},
	{"killed in a commit", "a4 k3 a4 a2 k6 a6 a2 k1 a3 a1", 65536, false, false},
	{"killed while tidying", "a8 k2 t a3 k5 t a2 k3 r a2", 65536, false, false},
	{"a sync fails", "a4 f a3 a2 f a5 t a2", 65536, false, false},
	{"a sync fails while tidying", "a6 f t a3 t f r a2", 65536, false, false},
	{"the index made anew", "a9 i a3 t i a2", 65536, false, false},
	{"sealed", "a3 c a2 c a4 a1 c t a2 c", 65536, true, false},
	{"sealed, killed and opened", "a3 c k4 c a2 c r a2 k8 c a1 c", 65536, true, false},
	{"sealed, and a sync fails", "a3 c f c a2 f c r a1 c", 65536, true, false},
	{"a task erased", "a70 t a1 a2 a1 e a3 t a1 a1 e a1", 65536, false, false},
	{"erased by age, sealed", "a60 c a20 E c a4 c", 65536, true, false},
	{"killed while erasing", "a70 k6 e a2 k14 e a3 k30 e a1", 65536, false, false},
	{"from format 1", "a20 1 a4 t a3", 65536, false, false},
	{"from format 1, killed", "a300 1 k4 r k12 r a4 a2", 65536, false, false},
	{"a subtree is completed", "a250 a4 a4 c t a3", 65536, true, true},
	{"all of it", "a5 c t k7 a4 a3 f a2 r c a60 R a2 t Q e a4 E t c A1 r a1 c", 131072, true, true},
};
const size_t script_count = sizeof(scripts) / sizeof(scripts[0]);

/* One run. */
struct run {
	struct play *play;
	struct trail *trail; /* NULL: not open */
	sqlite3 *reader;
	struct history history;
	struct history_room room;
	char path[4096];
	char keys[4096];
	uint64_t kill_after; /* operations into the next step; UINT64_MAX: not */
	bool early;
	bool sync_fails;
	bool faulty; /* the disk may fail at any moment */
	enum tape_fault fault;
	uint64_t fault_at;
	bool sticky;
	uint64_t faults;
	int trail_error;  /* what the trail answered last; an error of the keys is none of it */
	uint64_t erasing; /* the Erased record that may just have been written */
};

__attribute__((format(printf, 3, 4))) static int fail(struct run *run, int error, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(run->play->why, sizeof(run->play->why), format, arguments);
	va_end(arguments);
	return error;
}

static void mark(struct run *run, enum mark kind, uint64_t value)
{
	tape_mark(&run->play->tape, (uint64_t)kind << 56 | value);
}

/* ---- what was told ---- */

static int told_reserve(struct play *play, uint64_t seq)
{
	size_t count = batch_count(play->records);
	if (count == play->told_capacity) {
		size_t capacity = count ? count * 2 : 256;
		struct told *told = realloc(play->told, capacity * sizeof(*told));
		if (!told)
			return ERR_MEMORY;
		play->told = told;
		play->told_capacity = capacity;
	}
	if (seq >= play->latest_count) {
		size_t wanted = (size_t)seq * 2 + 64;
		size_t *latest = realloc(play->latest, wanted * sizeof(*latest));
		if (!latest)
			return ERR_MEMORY;
		for (size_t i = play->latest_count; i < wanted; i++)
			latest[i] = SIZE_MAX;
		play->latest = latest;
		play->latest_count = wanted;
	}
	return 0;
}

static int tell(struct play *play, const struct trail_entry *entry)
{
	size_t index = batch_count(play->records);
	int rc = told_reserve(play, entry->seq);
	if (rc == 0)
		rc = batch_add(play->records, entry);
	if (rc)
		return rc;
	play->told[index] = (struct told){.seq = entry->seq, .before = play->latest[entry->seq]};
	play->latest[entry->seq] = index;
	return 0;
}

/* Which payloads are gone since the record `seq`. */
struct looking {
	struct play *play;
	uint64_t by;
};

static int gone_note(void *context, const struct trail_entry *entry)
{
	const struct looking *looking = context;
	struct told *told = &looking->play->told[looking->play->latest[entry->seq]];
	if (entry->payload_seq == entry->seq && !entry->payload.bytes && !told->erased_by)
		told->erased_by = looking->by;
	return 0;
}

static int look_what_is_gone(struct run *run)
{
	struct looking looking = {.play = run->play, .by = run->erasing};
	struct trail_query query = {.with_payload = true};
	if (!run->erasing)
		return 0;
	run->erasing = 0;
	if (trail_last_seq(run->trail) < looking.by) {
		run->play->told[run->play->latest[looking.by]].strange = true;
		return 0;
	}
	int rc = trail_read(run->trail, &query, gone_note, &looking);
	return rc ? fail(run, rc, "reading what was erased: %s", trail_why(run->trail)) : 0;
}

/* ---- a process ---- */

static int seal(struct run *run)
{
	struct sealed sealed;
	struct sealer *sealer;
	char why[256];
	int rc = trail_sealed(run->trail, &sealed);
	if (rc)
		return fail(run, rc, "%s", trail_why(run->trail));
	rc = sealer_open(run->keys, &sealed, &sealer, why);
	if (rc)
		return fail(run, rc, "%s", why);
	trail_seal(run->trail, sealer, NULL, NULL);
	return 0;
}

static void process_end(struct run *run)
{
	sqlite3_close(run->reader);
	run->reader = NULL;
	trail_close(run->trail);
	run->trail = NULL;
}

static int process_begin(struct run *run)
{
	char why[256];
	int rc = trail_open(run->path, TRAIL_WRITE, &run->trail, why);
	if (rc)
		return fail(run, rc, "%s", why);
	uint64_t last = trail_last_seq(run->trail);
	run->history.next_seq = last + 1;
	run->play->acked = last;
	mark(run, MARK_ACKED, last);
	rc = look_what_is_gone(run);
	return rc == 0 && run->play->script->sealed ? seal(run) : rc;
}

static void fault_begin(struct run *run)
{
	if (run->faulty)
		tape_fault(run->fault, run->fault_at, run->sticky);
}

/* The disk is repaired, or was so all the time. */
static void fault_end(struct run *run)
{
	run->faults += tape_faults();
	run->faulty = false;
	tape_fault(FAULT_WRITE, 0, false);
}

/* A new process; the first one may meet a disk that fails still. */
static int process_revive(struct run *run)
{
	process_end(run);
	if (run->faulty && run->sticky && process_begin(run) == 0)
		return 0;
	process_end(run);
	fault_end(run);
	run->play->why[0] = 0;
	return process_begin(run);
}

/* A trail that failed takes nothing more: what it answered may or may not be so. */
static int must_refuse(struct run *run)
{
	struct trail_entry entry = {.direction = TRAIL_INNER, .type = MESSAGE_PRESENCE};
	int error = run->trail_error;
	run->trail_error = 0;
	if (!run->trail || (error != ERR_IO && error != ERR_AMBIGUOUS && error != ERR_CORRUPT))
		return 0;
	entry.seq = trail_last_seq(run->trail) + 1;
	int rc = trail_append(run->trail, &entry, 1);
	return rc == error ? 0
			   : fail(run, ERR_STATE, "the trail failed with %s, and then answered %s", error_name(error),
				  rc ? error_name(rc) : "that it goes on");
}

/* The process is dead, or ends because of an error that it was told of; another one starts. */
static int process_again(struct run *run, const struct history *before, int error)
{
	int refused = must_refuse(run);
	uint64_t seen = run->history.next_seq - 1;
	if (refused)
		return refused;
	process_end(run);
	tape_kill_after(UINT64_MAX);
	tape_fail_syncs(0);
	int rc = process_revive(run);
	if (rc == 0 && error == ERR_AMBIGUOUS && trail_last_seq(run->trail) < seen)
		run->play->ambiguous_gone++;
	else if (rc == 0 && error == ERR_AMBIGUOUS)
		run->play->ambiguous_there++;
	if (rc == 0 && trail_last_seq(run->trail) < seen) { /* it never happened: something else does */
		uint64_t random = run->history.random;
		run->history = *before;
		run->history.random = random + 1;
	}
	return rc;
}

/* ---- steps ---- */

static int batch_append(struct run *run, size_t first, size_t count)
{
	struct play *play = run->play;
	uint64_t last = batch_entry(play->records, first + count - 1)->seq;
	mark(run, MARK_TOLD, first + count);
	if (run->early)
		mark(run, MARK_ACKED, last);
	int rc = run->trail_error = trail_append(run->trail, batch_entry(play->records, first), count);
	if (rc)
		return fail(run, rc, "%s", trail_why(run->trail));
	play->acked = last;
	mark(run, MARK_ACKED, last);
	return look_what_is_gone(run);
}

static int step_append(struct run *run, unsigned count, bool large)
{
	struct trail_entry entry;
	size_t first = batch_count(run->play->records);
	for (unsigned i = 0; i < count; i++) {
		int rc = history_next(&run->history, large, &run->room, &entry);
		if (rc == 0)
			rc = tell(run->play, &entry);
		if (rc)
			return fail(run, rc, "%s", error_sentence(rc));
	}
	return batch_append(run, first, count);
}

static int step_erase(struct run *run, bool by_age)
{
	struct trail_entry entry;
	size_t first = batch_count(run->play->records);
	int rc = history_erase(&run->history, by_age, &run->room, &entry);
	if (rc == 0)
		rc = tell(run->play, &entry);
	if (rc)
		return fail(run, rc, "nothing to erase: %s", error_sentence(rc));
	run->erasing = entry.seq;
	run->play->erases = true;
	return batch_append(run, first, 1);
}

static int step_reader(struct run *run, bool begin)
{
	int rc = SQLITE_OK;
	if (begin) {
		rc = sqlite3_open_v2(run->path, &run->reader, SQLITE_OPEN_READONLY, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_db_config(run->reader, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(run->reader, "BEGIN; SELECT max(seq) FROM records", NULL, NULL, NULL);
	} else {
		sqlite3_close(run->reader);
		run->reader = NULL;
	}
	return rc ? fail(run, ERR_IO, "the reader cannot read: %s", sqlite3_errmsg(run->reader)) : 0;
}

/* What format 1 did not have goes, and so does its number. */
static int downgrade(sqlite3 *db)
{
	static const char views[] = "SELECT group_concat('DROP VIEW ' || name || ';', '') FROM sqlite_schema WHERE type = 'view'";
	static const char rest[] = "DROP TABLE nodes; DROP TABLE checkpoints; DROP TABLE erasures; DROP INDEX records_erased; "
				   "PRAGMA user_version = 1; PRAGMA wal_checkpoint(TRUNCATE)";
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(db, views, -1, &statement, NULL);
	const char *drop = NULL;
	if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		drop = (const char *)sqlite3_column_text(statement, 0);
	char *copy = drop ? sqlite3_mprintf("%s", drop) : NULL;
	int end = sqlite3_finalize(statement);
	if (rc == SQLITE_OK && end == SQLITE_OK && copy)
		rc = sqlite3_exec(db, copy, NULL, NULL, NULL);
	sqlite3_free(copy);
	return rc || end ? rc + end : sqlite3_exec(db, rest, NULL, NULL, NULL);
}

static int step_downgrade(struct run *run)
{
	sqlite3 *db = NULL;
	process_end(run);
	int rc = sqlite3_open_v2(run->path, &db, SQLITE_OPEN_READWRITE, NULL);
	if (rc == SQLITE_OK)
		rc = downgrade(db);
	if (rc)
		(void)fail(run, ERR_IO, "cannot be brought back to format 1: %s", sqlite3_errmsg(db));
	sqlite3_close(db);
	if (rc)
		return ERR_IO;
	mark(run, MARK_START, 0);
	fault_begin(run);
	return process_begin(run);
}

static int step_again(struct run *run)
{
	process_end(run);
	return process_begin(run);
}

static int step_once(struct run *run, char letter, unsigned number)
{
	switch (letter) {
	case 'a':
	case 'A':
		return step_append(run, number, letter == 'A');
	case 'e':
	case 'E':
		return step_erase(run, letter == 'E');
	case 'R':
	case 'Q':
		return step_reader(run, letter == 'R');
	case '1':
		return step_downgrade(run);
	case 'r':
		return step_again(run);
	case 't':
		return run->trail_error = trail_tidy(run->trail);
	case 'c':
		return run->trail_error = trail_checkpoint(run->trail);
	case 'i':
		return run->trail_error = trail_rebuild_index(run->trail);
	}
	return fail(run, ERR_STATE, "there is no step '%c'", letter);
}

/* What a step may answer when something was done to it. */
static bool is_expected(int rc)
{
	return rc == 0 || rc == ERR_IO || rc == ERR_AMBIGUOUS || rc == ERR_CORRUPT || rc == ERR_MEMORY;
}

/* The step in which the process is killed, or a sync fails; then another process starts. */
static int step_bad(struct run *run, char letter, unsigned number)
{
	struct history before = run->history;
	tape_kill_after(run->kill_after);
	tape_fail_syncs(run->sync_fails);
	run->kill_after = UINT64_MAX;
	run->sync_fails = false;
	int rc = step_once(run, letter, number);
	if (!is_expected(rc))
		return rc;
	tape_kill_after(0); /* if it is not dead yet, it dies now */
	return process_again(run, &before, rc);
}

/* On a disk that may fail: whoever is told of it gives up, and the next process does what is not there yet. */
static int step_faulty(struct run *run, char letter, unsigned number)
{
	for (unsigned tries = 0;; tries++) {
		struct history before = run->history;
		if (tries == TRIES_MAX)
			fault_end(run);
		int rc = step_once(run, letter, number);
		if (rc == 0 || tries == TRIES_MAX || !tape_faults() || !is_expected(rc))
			return rc;
		uint64_t wanted = run->history.next_seq;
		rc = process_again(run, &before, rc);
		if (rc || run->history.next_seq >= wanted)
			return rc;
	}
}

static int step(struct run *run, char letter, unsigned number)
{
	if (run->faulty)
		return step_faulty(run, letter, number);
	if (letter == 'k')
		run->kill_after = number;
	else if (letter == 'f')
		run->sync_fails = true;
	else if (run->kill_after != UINT64_MAX || run->sync_fails)
		return step_bad(run, letter, number);
	else
		return step_once(run, letter, number);
	return 0;
}

static int steps_run(struct run *run)
{
	const char *at = run->play->script->steps;
	int rc = 0;
	while (*at && rc == 0) {
		char letter = *at, *end;
		unsigned number = (unsigned)strtoul(at + 1, &end, 10), times = 1;
		if (*end == '*')
			times = (unsigned)strtoul(end + 1, &end, 10);
		for (unsigned i = 0; i < times && rc == 0; i++)
			rc = step(run, letter, number);
		if (rc && !run->play->why[0])
			(void)fail(run, rc, "step %c%u: %s", letter, number,
				   run->trail ? trail_why(run->trail) : error_sentence(rc));
		at = end + strspn(end, " ");
	}
	return rc;
}

static void run_init(struct run *run, struct play *play, const char *folder, uint64_t seed)
{
	run->play = play;
	run->kill_after = UINT64_MAX;
	history_init(&run->history, seed);
	snprintf(play->folder, sizeof(play->folder), "%s", folder);
	snprintf(run->path, sizeof(run->path), "%s/" TRAIL_NAME, folder);
	snprintf(run->keys, sizeof(run->keys), "%s/" KEYS_NAME, folder);
}

static int play_all(struct run *run, sqlite3_vfs *vfs)
{
	struct play *play = run->play;
	int rc = tape_begin(&play->tape, vfs, play->folder, play->script->wal_bytes);
	if (!strstr(play->script->steps, " 1 ")) /* else only what comes after that is of interest */
		fault_begin(run);
	if (rc == 0)
		rc = process_begin(run);
	if (rc && run->faulty && is_expected(rc))
		rc = process_revive(run);
	if (rc == 0)
		rc = steps_run(run);
	process_end(run);
	fault_end(run);
	tape_end();
	return rc == 0 && play->tape.no_memory ? ERR_MEMORY : rc;
}

static int play_begin(struct play *play, const struct script *script, struct run **out_run)
{
	*play = (struct play){.script = script, .records = batch_new()};
	*out_run = calloc(1, sizeof(**out_run));
	if (play->records && *out_run)
		return 0;
	free(*out_run);
	return ERR_MEMORY;
}

static void run_free(struct run *run)
{
	history_room_release(&run->room);
	free(run);
}

int play_run(struct play *play, const struct script *script, const char *folder, sqlite3_vfs *vfs, uint64_t seed, unsigned lies,
	     bool early)
{
	struct run *run;
	int rc = play_begin(play, script, &run);
	if (rc)
		return rc;
	run_init(run, play, folder, seed);
	play->tape.lies = lies;
	run->early = early;
	rc = play_all(run, vfs);
	run_free(run);
	return rc;
}

int play_with_fault(struct play *play, const struct script *script, const char *folder, sqlite3_vfs *vfs, uint64_t seed,
		    enum tape_fault fault, uint64_t at, bool sticky, uint64_t *out_faults)
{
	struct run *run;
	int rc = play_begin(play, script, &run);
	if (rc)
		return rc;
	run_init(run, play, folder, seed);
	run->faulty = true;
	run->sticky = sticky;
	run->fault = fault;
	run->fault_at = at;
	rc = play_all(run, vfs);
	*out_faults = run->faults;
	run_free(run);
	return rc;
}

void play_release(struct play *play)
{
	tape_release(&play->tape);
	batch_free(play->records);
	free(play->told);
	free(play->latest);
	*play = (struct play){0};
}
