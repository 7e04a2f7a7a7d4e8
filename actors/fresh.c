/* SPDX-License-Identifier: MIT */
#include "actors/fresh.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

#include "protocol/id.h"

#define POOL_BYTES 4096u

static _Thread_local struct {
	uint8_t at[POOL_BYTES];
	size_t left;
} pool;

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

uint64_t boottime_now_ms(void)
{
	return clock_ms(CLOCK_BOOTTIME);
}

uint64_t wall_now_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

void random_fill(void *out, size_t bytes)
{
	if (bytes > POOL_BYTES / 8) {
		randombytes_buf(out, bytes);
		return;
	}
	if (pool.left < bytes) {
		randombytes_buf(pool.at, POOL_BYTES);
		pool.left = POOL_BYTES;
	}
	pool.left -= bytes;
	memcpy(out, pool.at + pool.left, bytes);
	/* What was given out stands nowhere else. */
	sodium_memzero(pool.at + pool.left, bytes);
}

struct id id_fresh(void)
{
	uint8_t random[10];

	random_fill(random, sizeof(random));
	return id_make(wall_now_ms(), random);
}

struct id id_random(void)
{
	struct id id;

	random_fill(id.bytes, sizeof(id.bytes));
	return id;
}
