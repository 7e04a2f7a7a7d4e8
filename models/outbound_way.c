/* SPDX-License-Identifier: MIT
 *
 * The pool of ways: connections outlive requests.
 */
#include "models/outbound_way.h"

#include <pthread.h>
#include <stdlib.h>

#define WAYS_KEPT 8u

struct outbound_pool {
	pthread_mutex_t lock;
	struct way *idle;
	unsigned count;
};

static void begin_libcurl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct outbound_pool *outbound_pool_new(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct outbound_pool *pool = calloc(1, sizeof(*pool));

	pthread_once(&once, begin_libcurl);
	if (pool)
		pthread_mutex_init(&pool->lock, NULL);
	return pool;
}

static void way_free(struct way *way)
{
	if (!way)
		return;
	curl_easy_cleanup(way->easy);
	if (way->multi)
		curl_multi_cleanup(way->multi);
	free(way);
}

void outbound_pool_free(struct outbound_pool *pool)
{
	if (!pool)
		return;
	while (pool->idle) {
		struct way *way = pool->idle;
		pool->idle = way->next;
		way_free(way);
	}
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

static struct way *way_new(void)
{
	struct way *way = calloc(1, sizeof(*way));

	if (!way)
		return NULL;
	way->easy = curl_easy_init();
	way->multi = curl_multi_init();
	if (way->easy && way->multi)
		return way;
	way_free(way);
	return NULL;
}

struct way *outbound_way_take(struct outbound_pool *pool)
{
	struct way *way;

	pthread_mutex_lock(&pool->lock);
	way = pool->idle;
	if (way) {
		pool->idle = way->next;
		pool->count--;
	}
	pthread_mutex_unlock(&pool->lock);
	return way ? way : way_new();
}

void outbound_way_give(struct outbound_pool *pool, struct way *way)
{
	/* Nothing of the last request may stay: the next one may be another's. Connections stay, since there is one server. */
	curl_easy_reset(way->easy);
	pthread_mutex_lock(&pool->lock);
	if (pool->count < WAYS_KEPT) {
		way->next = pool->idle;
		pool->idle = way;
		pool->count++;
		way = NULL;
	}
	pthread_mutex_unlock(&pool->lock);
	way_free(way);
}
