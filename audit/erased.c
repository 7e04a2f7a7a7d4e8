/* SPDX-License-Identifier: MIT
 *
 * All claims of a trail, read once and asked often: whoever verifies asks for every payload that is gone.
 *
 * What a claim reaches is min(through_seq, seq - 1). Claims of tasks are sorted twice, by number and by id; of those by age the reach
 * only grows along the list, each taking over that of the one before it if it is larger.
 */
#include "audit/erased.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/validate.h"

/* An erasure is sealed in the transaction that carries it out; what stands behind the last checkpoint could be anybody's. */
#define ERASED_SELECT                                                                                                            \
	"SELECT seq, task_id, header, facts, verdict, direction FROM records WHERE type = 104 AND seq > ?1 "                     \
	"AND seq <= coalesce((SELECT max(size) FROM checkpoints), seq) ORDER BY seq"
#define RECEIPT_SELECT "SELECT seq, receipt FROM erasures WHERE seq > ?1 ORDER BY seq"
_Static_assert(MESSAGE_ERASED == 104, "the partial index of the schema names the type by its number");

struct claims {
	struct erased_claim *at;
	size_t count;
	size_t capacity;
};

struct erased_list {
	struct claims by_number;
	struct claims by_id;
	struct claims by_age;
	uint64_t through_seq; /* records up to this one have been looked at … */
	uint64_t receipt_seq; /* … and receipts */
	bool receipts_signed; /* … with their signatures */
};

static uint64_t reach(const struct erased_claim *claim)
{
	return claim->through_seq < claim->seq ? claim->through_seq : claim->seq - 1;
}

/* ---- one claim ---- */

int erased_claim_read(const struct trail_entry *entry, struct erased_claim *out_claim)
{
	struct buffer buffer = {0};
	struct parts parts;
	struct message message;
	int rc = message_join((enum message_type)entry->type, entry->header, entry->facts, (struct bytes){0}, &buffer);
	if (rc == 0 && (validate_message(buffer.at, buffer.bytes, &parts) || message_decode(&parts, &message)))
		rc = ERR_CORRUPT;
	if (rc == 0 && (message.type != MESSAGE_ERASED || entry->direction != TRAIL_INNER || entry->verdict))
		rc = ERR_CORRUPT;
	if (rc == 0)
		*out_claim = (struct erased_claim){.seq = entry->seq,
						   .task_number = message.erased.task_number,
						   .task_id = message.header.task_id,
						   .through_seq = message.erased.through_seq};
	buffer_release(&buffer);
	return rc;
}

bool erased_claim_covers(const struct erased_claim *claim, const struct trail_entry *owner)
{
	if (owner->seq > reach(claim))
		return false;
	if (!claim->task_number || owner->task_number == claim->task_number)
		return true;
	return !owner->task_number && !id_is_nil(&claim->task_id) && id_equal(&owner->task_id, &claim->task_id);
}

/* ---- the list ---- */

static int claims_add(struct claims *claims, const struct erased_claim *claim)
{
	if (claims->count == claims->capacity) {
		size_t capacity = claims->capacity ? claims->capacity * 2 : 64;
		struct erased_claim *at = realloc(claims->at, capacity * sizeof(*at));
		if (!at)
			return ERR_MEMORY;
		claims->at = at;
		claims->capacity = capacity;
	}
	claims->at[claims->count++] = *claim;
	return 0;
}

int erased_list_add(struct erased_list *list, const struct erased_claim *claim)
{
	if (claim->task_number) {
		int rc = claims_add(&list->by_number, claim);
		return rc || id_is_nil(&claim->task_id) ? rc : claims_add(&list->by_id, claim);
	}
	struct claims *ages = &list->by_age;
	if (ages->count && reach(&ages->at[ages->count - 1]) >= reach(claim))
		return 0; /* it covers nothing that an earlier one does not */
	return claims_add(ages, claim);
}

void erased_list_free(struct erased_list *list)
{
	if (!list)
		return;
	free(list->by_number.at);
	free(list->by_id.at);
	free(list->by_age.at);
	free(list);
}

static int compare_numbers(const void *a, const void *b)
{
	const struct erased_claim *left = a, *right = b;
	if (left->task_number != right->task_number)
		return left->task_number < right->task_number ? -1 : 1;
	return left->seq < right->seq ? -1 : left->seq > right->seq;
}

static int compare_ids(const void *a, const void *b)
{
	const struct erased_claim *left = a, *right = b;
	int order = memcmp(&left->task_id, &right->task_id, sizeof(left->task_id));
	return order ? order : left->seq < right->seq ? -1 : left->seq > right->seq;
}

static void claims_sort(struct claims *claims, int (*compare)(const void *a, const void *b))
{
	if (claims->count)
		qsort(claims->at, claims->count, sizeof(*claims->at), compare);
}

static bool row_read(sqlite3_stmt *statement, struct trail_entry *out_entry)
{
	*out_entry = (struct trail_entry){.type = MESSAGE_ERASED};
	return column_wide(statement, 0, &out_entry->seq) && column_id(statement, 1, &out_entry->task_id) &&
	       column_span(statement, 2, &out_entry->header) && column_span(statement, 3, &out_entry->facts) &&
	       column_narrow(statement, 4, &out_entry->verdict) && column_narrow(statement, 5, &out_entry->direction);
}

static int row_take(struct trail *trail, sqlite3_stmt *statement)
{
	struct trail_entry entry;
	struct erased_claim claim;
	int rc = row_read(statement, &entry) ? erased_claim_read(&entry, &claim) : ERR_CORRUPT;
	if (rc == ERR_CORRUPT) {
		snprintf(trail->why, sizeof(trail->why), "record %lld is of type Erased and says nothing that can be read",
			 (long long)sqlite3_column_int64(statement, 0));
		return rc;
	}
	if (rc == 0)
		rc = erased_list_add(trail->erased, &claim);
	if (rc == 0)
		trail->erased->through_seq = claim.seq;
	return rc;
}

static int receipt_take(struct trail *trail, sqlite3_stmt *statement)
{
	struct erased_claim claim;
	char why[256] = "";
	const char *text = (const char *)sqlite3_column_text(statement, 1);
	size_t bytes = (size_t)sqlite3_column_bytes(statement, 1);
	uint64_t seq = (uint64_t)sqlite3_column_int64(statement, 0);
	int rc = text ? erased_receipt_read(text, bytes, trail->erased_keys, &trail->recorder.hasher, &claim, why) : ERR_CORRUPT;
	if (rc == 0 && claim.seq != seq)
		rc = ERR_CORRUPT;
	if (rc == 0)
		rc = erased_list_add(trail->erased, &claim);
	if (rc == ERR_CORRUPT)
		snprintf(trail->why, sizeof(trail->why), "the receipt of erasure %llu: %.180s", (unsigned long long)seq,
			 why[0] ? why : "it is another's");
	if (rc == 0)
		trail->erased->receipt_seq = seq;
	return rc;
}

static int rows_read(struct trail *trail, const char *sql, uint64_t after_seq,
		     int (*take)(struct trail *trail, sqlite3_stmt *statement))
{
	sqlite3_stmt *statement = NULL;
	int error = 0;
	int rc = sqlite3_prepare_v2(trail->db, sql, -1, &statement, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 1, (int64_t)after_seq);
	while (rc == SQLITE_OK && !error && sqlite3_step(statement) == SQLITE_ROW)
		error = take(trail, statement);
	int end = sqlite3_finalize(statement);
	rc = rc ? rc : end;
	return error ? error : rc ? store_fail(trail, rc, "reading what was erased") : 0;
}

/* Takes in what has been recorded since the last time. */
static int list_read(struct trail *trail)
{
	int rc = rows_read(trail, ERASED_SELECT, trail->erased->through_seq, row_take);
	if (rc == 0)
		rc = rows_read(trail, RECEIPT_SELECT, trail->erased->receipt_seq, receipt_take);
	claims_sort(&trail->erased->by_number, compare_numbers);
	claims_sort(&trail->erased->by_id, compare_ids);
	return rc;
}

/* ---- asking ---- */

/* The first of those claims that are equal to `key` but for their seq, or greater. */
static size_t lower_bound(const struct claims *claims, const struct erased_claim *key,
			  int (*compare)(const void *a, const void *b))
{
	size_t low = 0, high = claims->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare(&claims->at[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct erased_claim *find_among(const struct claims *claims, const struct erased_claim *key,
					     int (*compare)(const void *a, const void *b), const struct trail_entry *owner)
{
	for (size_t i = lower_bound(claims, key, compare); i < claims->count; i++) {
		struct erased_claim same = claims->at[i];
		same.seq = key->seq;
		if (compare(&same, key) != 0)
			return NULL;
		if (erased_claim_covers(&claims->at[i], owner))
			return &claims->at[i];
	}
	return NULL;
}

static const struct erased_claim *find_by_age(const struct claims *ages, uint64_t seq)
{
	size_t low = 0, high = ages->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (reach(&ages->at[middle]) < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ages->count ? &ages->at[low] : NULL;
}

static const struct erased_claim *list_find(const struct erased_list *list, const struct trail_entry *owner)
{
	struct erased_claim key = {.task_number = owner->task_number, .task_id = owner->task_id};
	const struct erased_claim *found = NULL;
	if (owner->task_number)
		found = find_among(&list->by_number, &key, compare_numbers, owner);
	else if (!id_is_nil(&owner->task_id))
		found = find_among(&list->by_id, &key, compare_ids, owner);
	return found ? found : find_by_age(&list->by_age, owner->seq);
}

int erase_covering(struct trail *trail, const struct trail_entry *entry, struct erased_claim *out_claim)
{
	if (trail->erased && trail->erased_keys && !trail->erased->receipts_signed) {
		erased_list_free(trail->erased); /* it was read without looking at signatures */
		trail->erased = NULL;
	}
	if (!trail->erased)
		trail->erased = calloc(1, sizeof(*trail->erased));
	if (trail->erased)
		trail->erased->receipts_signed |= trail->erased_keys != NULL;
	if (!trail->erased)
		return store_fail(trail, SQLITE_NOMEM, "reading what was erased");
	const struct erased_claim *found = list_find(trail->erased, entry);
	if (!found) { /* it may have been erased since the list was read */
		int rc = list_read(trail);
		if (rc)
			return rc;
		found = list_find(trail->erased, entry);
	}
	if (!found)
		return ERR_NOT_FOUND;
	*out_claim = *found;
	return 0;
}

int erase_covers(struct trail *trail, const struct trail_entry *entry)
{
	struct erased_claim claim;
	return erase_covering(trail, entry, &claim);
}
