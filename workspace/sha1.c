/* SPDX-License-Identifier: MIT
 *
 * What of SHA-1 is around the compression: blocks out of pieces, the padding, and the choice of who compresses.
 */
#include "workspace/sha1.h"

#include <stdatomic.h>
#include <string.h>

#include "workspace/sha1_attack.h"
#include "workspace/sha1_engine.h"

/* Settled by the first message; two threads that come first at once find the same. */
static _Atomic(const struct sha1_engine *) chosen;

static const struct sha1_engine *best(void)
{
	const struct sha1_engine *engine = sha1_processor();
	return engine ? engine : sha1_library();
}

bool sha1_choose(enum sha1_choice choice)
{
	const struct sha1_engine *engine = choice == SHA1_BEST        ? best()
					   : choice == SHA1_PROCESSOR ? sha1_processor()
								      : sha1_library();
	if (!engine)
		return false;
	atomic_store_explicit(&chosen, engine, memory_order_release);
	return true;
}

static const struct sha1_engine *engine_now(void)
{
	const struct sha1_engine *engine = atomic_load_explicit(&chosen, memory_order_acquire);
	if (engine)
		return engine;
	const struct sha1_engine *found = best();
	/* Somebody's choice made meanwhile stays. */
	return atomic_compare_exchange_strong(&chosen, &engine, found) ? found : engine;
}

static void check_block(struct sha1 *hash, const uint8_t *block)
{
	uint32_t schedule[SHA1_STEPS], end[5];
	uint32_t before[5];
	memcpy(before, hash->chain, sizeof(before));
	hash->engine->expand(hash->chain, block, schedule);
	for (unsigned i = 0; i < 5; i++)
		end[i] = hash->chain[i] - before[i];
	hash->attacked |= sha1_block_attacked(schedule, end, hash->chain);
}

static void compress(struct sha1 *hash, const uint8_t *data, size_t count)
{
	if (!hash->checked) {
		hash->engine->blocks(hash->chain, data, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		check_block(hash, data + i * SHA1_BLOCK_BYTES);
}

static void begin(struct sha1 *hash, bool checked)
{
	static const uint32_t start[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	hash->engine = engine_now();
	memcpy(hash->chain, start, sizeof(start));
	hash->checked = checked;
	hash->attacked = false;
	hash->bytes = 0;
}

void sha1_init(struct sha1 *hash)
{
	begin(hash, false);
}

void sha1_init_checked(struct sha1 *hash)
{
	begin(hash, true);
}

void sha1_update(struct sha1 *hash, const void *data, size_t bytes)
{
	if (!bytes)
		return;
	const uint8_t *from = data;
	size_t held = hash->bytes % SHA1_BLOCK_BYTES;
	hash->bytes += bytes;
	if (held) {
		size_t fits = SHA1_BLOCK_BYTES - held < bytes ? SHA1_BLOCK_BYTES - held : bytes;
		memcpy(hash->rest + held, from, fits);
		if (held + fits < SHA1_BLOCK_BYTES)
			return;
		compress(hash, hash->rest, 1);
		from += fits;
		bytes -= fits;
	}
	if (bytes >= SHA1_BLOCK_BYTES)
		compress(hash, from, bytes / SHA1_BLOCK_BYTES);
	memcpy(hash->rest, from + bytes / SHA1_BLOCK_BYTES * SHA1_BLOCK_BYTES, bytes % SHA1_BLOCK_BYTES);
}

static void big_endian(uint8_t *out, uint64_t number, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		out[i] = (uint8_t)(number >> 8 * (bytes - 1 - i));
}

void sha1_final(struct sha1 *hash, uint8_t out_hash[SHA1_BYTES])
{
	size_t held = hash->bytes % SHA1_BLOCK_BYTES;
	hash->rest[held++] = 0x80;
	memset(hash->rest + held, 0, SHA1_BLOCK_BYTES - held);
	if (held > SHA1_BLOCK_BYTES - 8) {
		compress(hash, hash->rest, 1);
		memset(hash->rest, 0, SHA1_BLOCK_BYTES);
	}
	big_endian(hash->rest + SHA1_BLOCK_BYTES - 8, hash->bytes * 8, 8);
	compress(hash, hash->rest, 1);
	for (unsigned i = 0; i < 5; i++)
		big_endian(out_hash + 4 * i, hash->chain[i], 4);
}

static bool whole(struct sha1 *hash, const struct sha1_span *spans, size_t count, uint8_t out_hash[SHA1_BYTES])
{
	for (size_t i = 0; i < count; i++)
		sha1_update(hash, spans[i].data, spans[i].bytes);
	sha1_final(hash, out_hash);
	return hash->attacked;
}

void sha1_of(const struct sha1_span *spans, size_t count, uint8_t out_hash[SHA1_BYTES])
{
	struct sha1 hash;
	sha1_init(&hash);
	(void)whole(&hash, spans, count, out_hash);
}

bool sha1_attacked(const struct sha1_span *spans, size_t count, uint8_t out_hash[SHA1_BYTES])
{
	struct sha1 hash;
	sha1_init_checked(&hash);
	return whole(&hash, spans, count, out_hash);
}
