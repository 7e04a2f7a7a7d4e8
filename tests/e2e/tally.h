/* SPDX-License-Identifier: MIT
 *
 * Many tasks of one client, and what became of each: sent, accepted, ended, how often.
 */
#ifndef TESTS_E2E_TALLY_H
#define TESTS_E2E_TALLY_H

#include "tests/e2e/network.h"

struct tally_task {
	struct id id;
	uint32_t accepted;
	uint32_t ended;
	uint32_t refused;
	uint32_t state;
	uint64_t sent_us;
	uint64_t took_us;
};

struct tally {
	struct tally_task *task;
	size_t count; /* sent so far */
	size_t capacity;
	size_t ended;
	size_t refused;
	size_t strangers; /* events about tasks that were never sent, and second ends */
	uint32_t *index;  /* by id: open addressing */
	size_t index_mask;
	struct client *client;
};

void tally_init(struct tally *tally, struct client *client, size_t capacity);
void tally_release(struct tally *tally);
int tally_send(struct tally *tally, const struct request *request);
struct tally_task *tally_find(struct tally *tally, const struct id *id);
uint64_t tally_now_us(void);

/* Sends until `total` have been sent, with at most `window` open, and waits until every one has ended or was refused. Calls `turn`
 * between pumps. 0, or an error. */
int tally_run(struct tally *tally, const struct request *request, size_t total, size_t window, void (*turn)(void *context),
	      void *context);

#endif
