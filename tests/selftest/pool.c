/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define CLASSES     32u
#define CLASS_LEAST 5u /* 32 bytes */

/* Before each piece; as large as the alignment that malloc gives. */
struct piece {
	size_t class; /* it has 2^class bytes */
	struct piece *next;
};

static struct piece *spare[CLASSES];

static size_t class_of(int bytes)
{
	size_t class = CLASS_LEAST;
	while (((size_t)1 << class) < (size_t)bytes)
		class ++;
	return class;
}

static struct piece *piece_of(void *at)
{
	return (struct piece *)at - 1;
}

static void *pool_malloc(int bytes)
{
	size_t class = class_of(bytes);
	struct piece *piece = spare[class];
	if (piece)
		spare[class] = piece->next;
	else
		piece = malloc(sizeof(*piece) + ((size_t)1 << class));
	if (!piece)
		return NULL;
	piece->class = class;
	return piece + 1;
}

static void pool_free(void *at)
{
	struct piece *piece = piece_of(at);
	piece->next = spare[piece->class];
	spare[piece->class] = piece;
}

static int pool_size(void *at)
{
	return at ? 1 << piece_of(at)->class : 0;
}

static void *pool_realloc(void *at, int bytes)
{
	if (pool_size(at) >= bytes)
		return at;
	void *larger = pool_malloc(bytes);
	if (larger) {
		memcpy(larger, at, (size_t)pool_size(at));
		pool_free(at);
	}
	return larger;
}

static int pool_roundup(int bytes)
{
	return 1 << class_of(bytes);
}

static int pool_init(void *context)
{
	(void)context;
	return SQLITE_OK;
}

static void pool_shutdown(void *context)
{
	(void)context;
}

void pool_install(void)
{
	static const sqlite3_mem_methods methods = {
		.xMalloc = pool_malloc,
		.xFree = pool_free,
		.xRealloc = pool_realloc,
		.xSize = pool_size,
		.xRoundup = pool_roundup,
		.xInit = pool_init,
		.xShutdown = pool_shutdown,
	};
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) || sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0))
		abort();
}

void pool_release(void)
{
	sqlite3_shutdown();
	for (size_t class = 0; class < CLASSES; class ++) {
		while (spare[class]) {
			struct piece *piece = spare[class];
			spare[class] = piece->next;
			free(piece);
		}
	}
}
