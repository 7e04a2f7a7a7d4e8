/* SPDX-License-Identifier: MIT
 *
 * Entries and their bytes in two growing arrays. When the bytes move, the spans of all entries move with them.
 */
#include "audit/writer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_BYTES   (4u * BATCH_BYTES_MAX) /* an emptied batch gives back what is beyond this */
#define KEEP_ENTRIES (2u * BATCH_RECORDS_MAX)

struct batch {
	struct trail_entry *entries;
	size_t count;
	size_t capacity;
	uint8_t *at;
	size_t bytes;
	size_t bytes_capacity;
};

struct batch *batch_new(void)
{
	return calloc(1, sizeof(struct batch));
}

void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	free(batch->entries);
	free(batch->at);
	free(batch);
}

static int entries_reserve(struct batch *batch)
{
	if (batch->count < batch->capacity)
		return 0;
	size_t capacity = batch->capacity ? batch->capacity * 2 : 64;
	struct trail_entry *entries = realloc(batch->entries, capacity * sizeof(*entries));
	if (!entries)
		return ERR_MEMORY;
	batch->entries = entries;
	batch->capacity = capacity;
	return 0;
}

static void span_move(struct bytes *span, const uint8_t *from, uint8_t *to)
{
	if (span->bytes)
		span->at = to + (span->at - from);
}

static int bytes_reserve(struct batch *batch, size_t more)
{
	if (more <= batch->bytes_capacity - batch->bytes)
		return 0;
	size_t capacity = batch->bytes_capacity ? batch->bytes_capacity * 2 : 16384;
	while (capacity - batch->bytes < more)
		capacity *= 2;
	uint8_t *at = malloc(capacity);
	if (!at)
		return ERR_MEMORY;
	if (batch->bytes)
		memcpy(at, batch->at, batch->bytes);
	for (size_t i = 0; i < batch->count; i++) {
		span_move(&batch->entries[i].header, batch->at, at);
		span_move(&batch->entries[i].facts, batch->at, at);
		span_move(&batch->entries[i].payload, batch->at, at);
	}
	free(batch->at);
	batch->at = at;
	batch->bytes_capacity = capacity;
	return 0;
}

static struct bytes span_copy(struct batch *batch, struct bytes span)
{
	struct bytes copy = {.at = span.bytes ? batch->at + batch->bytes : NULL, .bytes = span.bytes};
	if (span.bytes)
		memcpy(batch->at + batch->bytes, span.at, span.bytes);
	batch->bytes += span.bytes;
	return copy;
}

int batch_add(struct batch *batch, const struct trail_entry *entry)
{
	size_t bytes = (size_t)entry->header.bytes + entry->facts.bytes + entry->payload.bytes;
	if (entries_reserve(batch) || bytes_reserve(batch, bytes))
		return ERR_MEMORY;
	struct trail_entry *copy = &batch->entries[batch->count];
	*copy = *entry;
	copy->header = span_copy(batch, entry->header);
	copy->facts = span_copy(batch, entry->facts);
	copy->payload = span_copy(batch, entry->payload);
	batch->count++;
	return 0;
}

size_t batch_count(const struct batch *batch)
{
	return batch->count;
}

size_t batch_bytes(const struct batch *batch)
{
	return batch->bytes;
}

const struct trail_entry *batch_entry(const struct batch *batch, size_t index)
{
	assert(index < batch->count);
	return &batch->entries[index];
}

void batch_clear(struct batch *batch)
{
	batch->count = 0;
	batch->bytes = 0;
	if (batch->bytes_capacity > KEEP_BYTES) {
		free(batch->at);
		batch->at = NULL;
		batch->bytes_capacity = 0;
	}
	if (batch->capacity > KEEP_ENTRIES) {
		free(batch->entries);
		batch->entries = NULL;
		batch->capacity = 0;
	}
}
