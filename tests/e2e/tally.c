/* SPDX-License-Identifier: MIT */
#include "tests/e2e/tally.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t tally_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static size_t place_of(const struct tally *tally, const struct id *id)
{
	uint64_t tail;
	size_t place;

	memcpy(&tail, id->bytes + 8, sizeof(tail));
	place = (size_t)(tail * 0x9e3779b97f4a7c15u >> 20) & tally->index_mask;
	while (tally->index[place] && !id_equal(&tally->task[tally->index[place] - 1].id, id))
		place = (place + 1) & tally->index_mask;
	return place;
}

struct tally_task *tally_find(struct tally *tally, const struct id *id)
{
	uint32_t found = tally->index[place_of(tally, id)];

	return found ? &tally->task[found - 1] : NULL;
}

static void on_accepted(void *context, const struct receipt *receipt)
{
	struct tally *tally = context;
	struct tally_task *task = tally_find(tally, &receipt->task_id);

	if (task)
		task->accepted++;
	else
		tally->strangers++;
}

static void on_refused(void *context, const struct refused *refused)
{
	struct tally *tally = context;
	struct tally_task *task = tally_find(tally, &refused->task_id);

	tally->refused++;
	if (task)
		task->refused++;
	else
		tally->strangers++;
}

static void on_ended(void *context, const struct id *task_id, enum state state, const struct message *outcome)
{
	struct tally *tally = context;
	struct tally_task *task = tally_find(tally, task_id);

	(void)outcome;
	if (!task || task->ended++) {
		tally->strangers++;
		return;
	}
	tally->ended++;
	task->state = state;
	task->took_us = tally_now_us() - task->sent_us;
}

void tally_init(struct tally *tally, struct client *client, size_t capacity)
{
	struct client_events events = {.context = tally, .accepted = on_accepted, .refused = on_refused, .ended = on_ended};

	memset(tally, 0, sizeof(*tally));
	tally->client = client;
	tally->capacity = capacity;
	tally->task = calloc(capacity, sizeof(*tally->task));
	tally->index_mask = 1;
	while (tally->index_mask < capacity * 2)
		tally->index_mask *= 2;
	tally->index = calloc(tally->index_mask, sizeof(*tally->index));
	tally->index_mask--;
	client_listen(client, &events);
}

void tally_release(struct tally *tally)
{
	free(tally->task);
	free(tally->index);
}

int tally_send(struct tally *tally, const struct request *request)
{
	struct tally_task *task = &tally->task[tally->count];
	int rc;

	task->sent_us = tally_now_us();
	rc = client_send(tally->client, request, &task->id);
	if (rc)
		return rc;
	tally->count++;
	tally->index[place_of(tally, &task->id)] = (uint32_t)tally->count;
	return 0;
}

int tally_run(struct tally *tally, const struct request *request, size_t total, size_t window, void (*turn)(void *context),
	      void *context)
{
	while (tally->ended + tally->refused < total) {
		int rc = 0;

		while (!rc && tally->count < total && tally->count - tally->ended - tally->refused < window)
			rc = tally_send(tally, request);
		if (!rc)
			rc = client_pump(tally->client, 100);
		if (rc < 0)
			return rc;
		if (turn)
			turn(context);
	}
	return 0;
}
