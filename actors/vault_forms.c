/* SPDX-License-Identifier: MIT
 *
 * The forms in which a value may stand in a text.
 */
#include <assert.h>
#include <string.h>

#include "actors/vault_inner.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t forms_room(size_t value_bytes)
{
	return 16 * value_bytes + 64;
}

/* The form that was written to the end of the store since `from`. */
static void take_form(struct vault *vault, uint32_t owner, size_t from, unsigned lead, unsigned tail)
{
	size_t bytes = vault->store_bytes - from;

	assert(vault->store_bytes <= vault->store_room && vault->needle_count < vault->needle_room);
	vault->needle[vault->needle_count++] = (struct needle){.at = vault->store + from,
							       .bytes = (uint32_t)bytes,
							       .owner = owner,
							       .lead = (uint8_t)lead,
							       .tail = (uint8_t)tail};
}

static void put(struct vault *vault, uint8_t byte)
{
	vault->store[vault->store_bytes++] = byte;
}

/* Six bits of the value from bit `at` on. */
static unsigned six_bits(const uint8_t *value, size_t at)
{
	unsigned two = (unsigned)value[at / 8] << 8 | (at % 8 > 2 ? value[at / 8 + 1] : 0u);

	return two >> (10 - at % 8) & 63u;
}

/* Where a value does not begin with a group of three bytes, its first bits share a character with what stands before; so do its last ones
 * with what follows. The characters between are the value's alone. */
static void write_base64(struct vault *vault, uint32_t owner, const uint8_t *value, size_t bytes, unsigned phase,
			 const char *alphabet)
{
	size_t from = vault->store_bytes;
	size_t skipped = phase == 1 ? 4 : phase == 2 ? 2 : 0;
	size_t count = (8 * bytes - skipped) / 6;

	for (size_t i = 0; i < count; i++)
		put(vault, (uint8_t)alphabet[six_bits(value, skipped + 6 * i)]);
	take_form(vault, owner, from, skipped != 0, (8 * bytes - skipped) % 6 != 0);
}

static void write_hex(struct vault *vault, uint32_t owner, const uint8_t *value, size_t bytes, const char *digits)
{
	size_t from = vault->store_bytes;

	for (size_t i = 0; i < bytes; i++) {
		put(vault, (uint8_t)digits[value[i] >> 4]);
		put(vault, (uint8_t)digits[value[i] & 15]);
	}
	take_form(vault, owner, from, 0, 0);
}

/* Bytes taken for Latin-1 and written as UTF-8: what becomes of binary values that pass through text. */
static void write_latin(struct vault *vault, uint32_t owner, const uint8_t *value, size_t bytes)
{
	size_t from = vault->store_bytes;

	for (size_t i = 0; i < bytes; i++) {
		if (value[i] >= 0x80)
			put(vault, (uint8_t)(0xc0 | value[i] >> 6));
		put(vault, value[i] >= 0x80 ? (uint8_t)(0x80 | (value[i] & 63)) : value[i]);
	}
	if (vault->store_bytes - from != bytes)
		take_form(vault, owner, from, 0, 0);
}

/* As forms on web pages write spaces. */
static void write_plus(struct vault *vault, uint32_t owner, const uint8_t *value, size_t bytes)
{
	size_t from = vault->store_bytes;

	if (!memchr(value, ' ', bytes))
		return;
	for (size_t i = 0; i < bytes; i++)
		put(vault, value[i] == ' ' ? '+' : value[i]);
	take_form(vault, owner, from, 0, 0);
}

void forms_write(struct vault *vault, uint32_t owner)
{
	const struct known *known = &vault->known[owner];
	const uint8_t *value = vault->store + known->at;

	vault->needle[vault->needle_count++] = (struct needle){.at = value, .bytes = known->bytes, .owner = owner};
	for (unsigned phase = 0; phase < 3; phase++) {
		write_base64(vault, owner, value, known->bytes, phase, standard);
		write_base64(vault, owner, value, known->bytes, phase, for_urls);
	}
	write_hex(vault, owner, value, known->bytes, "0123456789abcdef");
	write_hex(vault, owner, value, known->bytes, "0123456789ABCDEF");
	write_latin(vault, owner, value, known->bytes);
	write_plus(vault, owner, value, known->bytes);
}
