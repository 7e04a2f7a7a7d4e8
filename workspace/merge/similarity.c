/* SPDX-License-Identifier: MIT */
#include "workspace/merge/similarity.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_MAX    64u
#define BINARY_BYTES 8000u

/* Two words that are turned round together, seven bits for each byte. */
struct roll {
	uint32_t low, high;
	uint32_t bytes;
};

static void roll_byte(struct roll *roll, uint8_t byte)
{
	uint32_t low = roll->low;

	roll->low = (roll->low << 7 ^ roll->high >> 25) + byte;
	roll->high = roll->high << 7 ^ low >> 25;
	roll->bytes++;
}

static int by_piece(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int make_room(struct piece_counter *counter, size_t file_bytes)
{
	size_t most = file_bytes < SIMILARITY_PIECES ? file_bytes : SIMILARITY_PIECES;

	if (!counter->bytes)
		counter->bytes = calloc(SIMILARITY_PIECES, sizeof(*counter->bytes));
	if (counter->bytes && counter->capacity < most) {
		uint32_t *touched = realloc(counter->touched, most * sizeof(*touched));
		if (!touched)
			return ERR_MEMORY;
		counter->touched = touched;
		counter->capacity = most;
	}
	return counter->bytes ? 0 : ERR_MEMORY;
}

static size_t count_pieces(struct piece_counter *counter, struct bytes file)
{
	bool is_text = file.bytes > 0 && !memchr(file.at, 0, file.bytes < BINARY_BYTES ? file.bytes : BINARY_BYTES);
	struct roll roll = {0};
	size_t touched = 0;

	for (size_t i = 0; i < file.bytes; i++) {
		if (is_text && file.at[i] == '\r' && i + 1 < file.bytes && file.at[i + 1] == '\n')
			continue;
		roll_byte(&roll, file.at[i]);
		if (roll.bytes == PIECE_MAX || file.at[i] == '\n') {
			uint32_t piece = (roll.low + roll.high * 0x61) % SIMILARITY_PIECES;
			if (counter->bytes[piece] == 0)
				counter->touched[touched++] = piece;
			counter->bytes[piece] += roll.bytes;
			roll = (struct roll){0};
		}
	}
	return touched;
}

int file_pieces_count(struct piece_counter *counter, struct bytes file, struct file_pieces *out_pieces)
{
	struct file_pieces pieces = {0};
	int rc = make_room(counter, file.bytes);

	if (rc)
		return rc;
	pieces.count = count_pieces(counter, file);
	pieces.at = malloc((pieces.count + 1) * sizeof(*pieces.at));
	if (pieces.count > 0)
		qsort(counter->touched, pieces.count, sizeof(*counter->touched), by_piece);
	for (size_t i = 0; i < pieces.count; i++) {
		uint32_t piece = counter->touched[i];
		if (pieces.at)
			pieces.at[i] = (struct piece_bytes){piece, counter->bytes[piece]};
		counter->bytes[piece] = 0;
	}
	if (!pieces.at)
		return ERR_MEMORY;
	*out_pieces = pieces;
	return 0;
}

void piece_counter_release(struct piece_counter *counter)
{
	free(counter->bytes);
	free(counter->touched);
	*counter = (struct piece_counter){0};
}

uint64_t file_pieces_common(const struct file_pieces *source, const struct file_pieces *target)
{
	uint64_t common = 0;

	for (size_t i = 0, j = 0; i < source->count && j < target->count;) {
		const struct piece_bytes *a = &source->at[i], *b = &target->at[j];
		if (a->piece == b->piece)
			common += a->bytes < b->bytes ? a->bytes : b->bytes;
		i += a->piece <= b->piece;
		j += b->piece <= a->piece;
	}
	return common;
}
