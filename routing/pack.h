/* SPDX-License-Identifier: MIT
 *
 * Fields as bytes in a caller's buffer, the same on every machine: big-endian numbers, spans with their length before them.
 * For the canonical routing table and the core's snapshot. Allocates nothing and needs memory functions only.
 *
 * A packer goes on counting when its buffer is full, so packing into an empty one tells the bytes needed. An unpacker that has
 * met something it cannot read stays `bad` and yields zeros, so a reader may check once, at the end; lengths that steer a loop
 * must still be bounded where they are read.
 */
#ifndef ROUTING_PACK_H
#define ROUTING_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct packer {
	uint8_t *at;
	size_t capacity;
	size_t bytes; /* wanted so far; more than capacity: it did not fit */
};

struct unpacker {
	const uint8_t *at;
	size_t bytes;
	size_t used;
	bool bad;
};

static inline struct packer packer_of(uint8_t *at, size_t capacity)
{
	return (struct packer){.at = at, .capacity = capacity, .bytes = 0};
}

static inline bool packer_fits(const struct packer *packer)
{
	return packer->bytes <= packer->capacity;
}

static inline void pack_bytes(struct packer *packer, const void *from, size_t bytes)
{
	if (bytes && packer->bytes <= packer->capacity && bytes <= packer->capacity - packer->bytes)
		memcpy(packer->at + packer->bytes, from, bytes);
	packer->bytes += bytes;
}

static inline void pack_u8(struct packer *packer, uint8_t value)
{
	pack_bytes(packer, &value, 1);
}

static inline void pack_u16(struct packer *packer, uint16_t value)
{
	const uint8_t digits[2] = {(uint8_t)(value >> 8), (uint8_t)value};
	pack_bytes(packer, digits, sizeof(digits));
}

static inline void pack_u32(struct packer *packer, uint32_t value)
{
	const uint8_t digits[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
	pack_bytes(packer, digits, sizeof(digits));
}

static inline void pack_u64(struct packer *packer, uint64_t value)
{
	pack_u32(packer, (uint32_t)(value >> 32));
	pack_u32(packer, (uint32_t)value);
}

static inline void pack_flag(struct packer *packer, bool value)
{
	pack_u8(packer, value ? 1 : 0);
}

/* NUL-terminated text of at most 255 bytes in an array of `capacity`: its length in one byte, then its bytes. */
static inline void pack_text(struct packer *packer, const char *text, size_t capacity)
{
	size_t bytes = 0;

	while (bytes + 1 < capacity && bytes < 255 && text[bytes])
		bytes++;
	pack_u8(packer, (uint8_t)bytes);
	pack_bytes(packer, text, bytes);
}

static inline struct unpacker unpacker_of(const uint8_t *at, size_t bytes)
{
	return (struct unpacker){.at = at, .bytes = bytes, .used = 0, .bad = false};
}

/* True if everything was readable and nothing is left over. */
static inline bool unpacker_done(const struct unpacker *unpacker)
{
	return !unpacker->bad && unpacker->used == unpacker->bytes;
}

/* The next `bytes` bytes where they stand, or NULL. */
static inline const uint8_t *unpack_span(struct unpacker *unpacker, size_t bytes)
{
	const uint8_t *span;

	if (unpacker->bad || bytes > unpacker->bytes - unpacker->used) {
		unpacker->bad = true;
		return NULL;
	}
	span = unpacker->at + unpacker->used;
	unpacker->used += bytes;
	return span;
}

static inline void unpack_bytes(struct unpacker *unpacker, void *out, size_t bytes)
{
	const uint8_t *span = unpack_span(unpacker, bytes);

	if (!bytes)
		return;
	if (span)
		memcpy(out, span, bytes);
	else
		memset(out, 0, bytes);
}

static inline uint8_t unpack_u8(struct unpacker *unpacker)
{
	const uint8_t *digit = unpack_span(unpacker, 1);
	return digit ? digit[0] : 0;
}

static inline uint16_t unpack_u16(struct unpacker *unpacker)
{
	const uint8_t *digit = unpack_span(unpacker, 2);

	if (!digit)
		return 0;
	return (uint16_t)(digit[0] << 8 | digit[1]);
}

static inline uint32_t unpack_u32(struct unpacker *unpacker)
{
	const uint8_t *digit = unpack_span(unpacker, 4);

	if (!digit)
		return 0;
	return (uint32_t)digit[0] << 24 | (uint32_t)digit[1] << 16 | (uint32_t)digit[2] << 8 | digit[3];
}

static inline uint64_t unpack_u64(struct unpacker *unpacker)
{
	const uint64_t high = unpack_u32(unpacker);
	return high << 32 | unpack_u32(unpacker);
}

/* 0 or 1; anything else is bad, or two encodings would mean the same. */
static inline bool unpack_flag(struct unpacker *unpacker)
{
	const uint8_t value = unpack_u8(unpacker);

	if (value > 1)
		unpacker->bad = true;
	return value == 1;
}

/* The reverse of pack_text; zeros fill the rest of `out_text`. A NUL inside or a text that does not fit is bad. */
static inline void unpack_text(struct unpacker *unpacker, char *out_text, size_t capacity)
{
	const size_t bytes = unpack_u8(unpacker);
	const uint8_t *span = unpack_span(unpacker, bytes);

	memset(out_text, 0, capacity);
	if (!span)
		return;
	if (bytes >= capacity) {
		unpacker->bad = true;
		return;
	}
	for (size_t i = 0; i < bytes; i++) {
		if (!span[i])
			unpacker->bad = true;
		out_text[i] = (char)span[i];
	}
}

#endif
