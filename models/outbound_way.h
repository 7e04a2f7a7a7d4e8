/* SPDX-License-Identifier: MIT
 *
 * A handle of libcurl and the multi handle that drives it travel together, because the connections and the names that were looked up belong to the
 * latter. Whoever holds a way is the only one that touches it. Inner header of models/.
 */
#ifndef MODELS_OUTBOUND_WAY_H
#define MODELS_OUTBOUND_WAY_H

#include <curl/curl.h>

#include "models/outbound.h"

struct way {
	CURL *easy;
	CURLM *multi;
	struct way *next;
};

/* One that is idle, or a new one; NULL: out of memory. */
struct way *outbound_way_take(struct outbound_pool *pool);

/* Back; the easy handle must not be in the multi handle any more. */
void outbound_way_give(struct outbound_pool *pool, struct way *way);

#endif
