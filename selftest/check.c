/* SPDX-License-Identifier: MIT */
#include "selftest/check.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "audit/seal.h"

#define NEEDLE_BYTES 24u /* of an erased payload; every payload of a history is at least as long */
#define NEEDLES_MAX  3u  /* that are looked for in one image */

struct looking {
	struct check *check;
	struct trail *trail;
	uint64_t next_seq;
	enum check_result result;
};

__attribute__((format(printf, 3, 4))) static enum check_result wrong(struct check *check, enum check_result result,
								     const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(check->why, sizeof(check->why), format, arguments);
	va_end(arguments);
	return result;
}

/* ---- one record ---- */

static bool span_same(const struct bytes *a, const struct bytes *b)
{
	return a->bytes == b->bytes && (!a->bytes || memcmp(a->at, b->at, a->bytes) == 0);
}

static bool columns_same(const struct trail_entry *a, const struct trail_entry *b)
{
	bool same = true;
#define WIDE(name)   same &= a->name == b->name;
#define NARROW(name) same &= a->name == b->name;
#define FLAG(name)   same &= a->name == b->name;
#define ID(name)     same &= memcmp(&a->name, &b->name, sizeof(a->name)) == 0;
#define HASH(name)   /* the trail computes it, and trail_verify compares it */
#define NAME(name)   same &= strcmp(a->name, b->name) == 0;
#define SPAN(name)   same &= span_same(&a->name, &b->name);
#include "audit/columns.def"
	return same;
}

/* The one of the records that were told with this number which is this record; NULL: it is none of them. */
static const struct told *told_find(const struct check *check, const struct trail_entry *entry)
{
	const struct play *play = check->play;
	size_t index = entry->seq < play->latest_count ? play->latest[entry->seq] : SIZE_MAX;
	while (index != SIZE_MAX && index >= check->told)
		index = play->told[index].before;
	while (index != SIZE_MAX && !columns_same(batch_entry(play->records, index), entry)) {
		if (entry->seq <= check->acked)
			return NULL; /* of what was acknowledged only the last one can be meant */
		index = play->told[index].before;
	}
	return index == SIZE_MAX ? NULL : &play->told[index];
}

/* Some Erased record is there of which nobody knows what it had to erase. */
static bool is_strange(const struct looking *looking)
{
	const struct play *play = looking->check->play;
	uint64_t last = trail_last_seq(looking->trail);
	for (size_t i = 0; play->erases && i < looking->check->told; i++)
		if (play->told[i].strange && play->told[i].seq <= last)
			return true;
	return false;
}

static enum check_result payload_check(struct looking *looking, const struct trail_entry *entry, const struct told *told)
{
	const struct play *play = looking->check->play;
	const struct trail_entry *should = batch_entry(play->records, (size_t)(told - play->told));
	bool gone = told->erased_by && told->erased_by <= trail_last_seq(looking->trail);
	if (entry->payload_seq != entry->seq || is_strange(looking))
		return CHECK_FINE;
	if (!gone && !span_same(&entry->payload, &should->payload))
		return wrong(looking->check, CHECK_LOST, "the payload of record %llu is not the one that was handed over",
			     (unsigned long long)entry->seq);
	if (gone && entry->payload.bytes)
		return wrong(looking->check, CHECK_CORRUPT, "the payload of record %llu was erased by record %llu, and is there",
			     (unsigned long long)entry->seq, (unsigned long long)told->erased_by);
	return CHECK_FINE;
}

static int record_check(void *context, const struct trail_entry *entry)
{
	struct looking *looking = context;
	struct check *check = looking->check;
	const struct told *told = told_find(check, entry);
	if (entry->seq != looking->next_seq)
		looking->result = wrong(check, CHECK_LOST, "record %llu is missing", (unsigned long long)looking->next_seq);
	else if (!told)
		looking->result = wrong(check, entry->seq <= check->acked ? CHECK_LOST : CHECK_CORRUPT,
					"record %llu is not what was handed over", (unsigned long long)entry->seq);
	else
		looking->result = payload_check(looking, entry, told);
	looking->next_seq++;
	return looking->result ? 1 : 0;
}

/* ---- the trail ---- */

static enum check_result records_check(struct check *check, struct trail *trail)
{
	struct looking looking = {.check = check, .trail = trail, .next_seq = 1};
	struct trail_query query = {.with_payload = true};
	uint64_t last = trail_last_seq(trail);
	if (last < check->acked)
		return wrong(check, CHECK_LOST, "the trail ends with record %llu; %llu were acknowledged",
			     (unsigned long long)last, (unsigned long long)check->acked);
	int rc = trail_read(trail, &query, record_check, &looking);
	if (looking.result)
		return looking.result;
	if (rc)
		return wrong(check, CHECK_CORRUPT, "the trail cannot be read: %s", trail_why(trail));
	if (looking.next_seq != last + 1)
		return wrong(check, CHECK_CORRUPT, "%llu records can be read; the trail says %llu",
			     (unsigned long long)looking.next_seq - 1, (unsigned long long)last);
	return CHECK_FINE;
}

static enum check_result verify(struct check *check, struct trail *trail, bool file)
{
	struct trail_verdict verdict;
	char why[256];
	if (trail_verify(trail, 0, &verdict))
		return wrong(check, CHECK_CORRUPT, "record %llu: %s", (unsigned long long)verdict.bad_seq, verdict.why);
	if (verdict.records != trail_last_seq(trail))
		return wrong(check, CHECK_CORRUPT, "%llu records were verified; the trail has %llu",
			     (unsigned long long)verdict.records, (unsigned long long)trail_last_seq(trail));
	if (file && trail_check_file(trail, why))
		return wrong(check, CHECK_CORRUPT, "%s", why);
	return CHECK_FINE;
}

static enum check_result seal(struct check *check, struct trail *trail, const char *folder)
{
	char keys[4160], why[256];
	struct sealed sealed;
	struct sealer *sealer;
	snprintf(keys, sizeof(keys), "%s/keys", folder);
	if (trail_sealed(trail, &sealed))
		return wrong(check, CHECK_CORRUPT, "%s", trail_why(trail));
	if (sealer_open(keys, &sealed, &sealer, why))
		return wrong(check, CHECK_CORRUPT, "the keys do not go on where the trail ends: %s", why);
	trail_seal(trail, sealer, NULL, NULL);
	return CHECK_FINE;
}

/* Two more records, and what comes with them. */
static enum check_result go_on(struct check *check, struct trail *trail)
{
	static const uint8_t text[] = "after the power came back";
	struct trail_entry entries[2];
	for (unsigned i = 0; i < 2; i++) {
		uint64_t seq = trail_last_seq(trail) + 1 + i;
		entries[i] =
			(struct trail_entry){.seq = seq, .direction = TRAIL_INNER, .type = MESSAGE_PRESENCE, .payload_seq = seq};
		entries[i].payload = (struct bytes){.at = text, .bytes = sizeof(text) - 1};
	}
	if (trail_append(trail, entries, 2))
		return wrong(check, CHECK_CORRUPT, "the trail takes no more: %s", trail_why(trail));
	if (check->play->script->sealed && trail_checkpoint(trail))
		return wrong(check, CHECK_CORRUPT, "the trail cannot be sealed: %s", trail_why(trail));
	return CHECK_FINE;
}

static enum check_result open_and(struct check *check, const char *folder, bool again)
{
	char path[4160], why[256];
	struct trail *trail;
	enum check_result result = CHECK_FINE;
	snprintf(path, sizeof(path), "%s/trail.db", folder);
	if (trail_open(path, TRAIL_WRITE, &trail, why))
		return wrong(check, CHECK_CORRUPT, "%s: %s", again ? "opened once more" : "opened", why);
	if (!again) {
		check->last = trail_last_seq(trail);
		result = records_check(check, trail);
	}
	if (result == CHECK_FINE)
		result = verify(check, trail, check->closely);
	if (result == CHECK_FINE && check->play->script->sealed)
		result = seal(check, trail, folder);
	if (result == CHECK_FINE)
		result = go_on(check, trail);
	if (result == CHECK_FINE && check->closely)
		result = verify(check, trail, again);
	trail_close(trail);
	return result;
}

enum check_result check_trail(struct check *check, const char *folder)
{
	enum check_result result = open_and(check, folder, false);
	if (result == CHECK_FINE && check->closely)
		result = open_and(check, folder, true);
	return result;
}

/* ---- what was erased ---- */

enum check_result check_erased(struct check *check, const struct disk *disk, uint64_t through)
{
	const struct play *play = check->play;
	size_t count = play->erases ? check->told : 0;
	unsigned looked = 0;
	for (size_t i = 0; i < count && looked < NEEDLES_MAX; i++) {
		size_t index = (i + check->turn) % count;
		const struct told *told = &play->told[index];
		if (!told->erased_by || told->erased_by > through)
			continue;
		const struct bytes *payload = &batch_entry(play->records, index)->payload;
		assert(payload->bytes >= NEEDLE_BYTES);
		const char *file = disk_holds(disk, payload->at, NEEDLE_BYTES);
		if (file)
			return wrong(check, CHECK_CORRUPT,
				     "%s holds bytes of the payload of record %llu, which record %llu erased", file,
				     (unsigned long long)told->seq, (unsigned long long)told->erased_by);
		looked++;
	}
	return CHECK_FINE;
}
