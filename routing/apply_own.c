/* SPDX-License-Identifier: MIT
 *
 * What the records of Omega's own doings do to the state.
 */
#include "routing/apply.h"

/* No connection survives a start: every attempt gets the time to be reported again. */
static int apply_boot(struct omega *omega, const struct record *record)
{
	const struct boot *facts = &record->message.boot;
	omega->moment.boot = facts->boot;
	omega->moment.seed = facts->seed;
	omega->moment.boot_wall_ms = facts->wall_ms;
	omega->moment.boot_now_ms = record->now_ms;
	omega->moment.booted = true;
	for (uint32_t i = 1; i <= omega->clone_high; i++) {
		if (omega->clone[i].known && omega->clone[i].presence == PRESENCE_ALIVE)
			omega->clone[i].presence = PRESENCE_LATE;
		for (uint32_t a = omega->clone[i].first_attempt; a; a = omega->attempt[a].after) {
			struct attempt *attempt = &omega->attempt[a];
			uint64_t grace = attempt->state == ATTEMPT_ENDING ? omega->table.cancel_grace_ms : attempt->heartbeat_ms;
			attempt->silence_ms = record->now_ms + grace;
			attempt->unsure |= attempt->state == ATTEMPT_ASSIGNED;
			attempt_wind(omega, a);
		}
	}
	return 0;
}

static int apply_routes(struct omega *omega, const struct record *record)
{
	const struct routes_loaded *facts = &record->message.routes_loaded;
	struct table table;
	if (record->verdict)
		return 0;
	int rc = table_decode(facts->table.at, facts->table.bytes, &table);
	if (rc)
		return ERR_CORRUPT;
	table.version = facts->version;
	table_install(omega, &table);
	return 0;
}

static int apply_timer(struct omega *omega, const struct record *record)
{
	const struct timer *facts = &record->message.timer;
	char name[NAME_BYTES];
	copy_name(name, sizeof(name), facts->peer.at, facts->peer.bytes);
	uint32_t clone = find_clone(omega, name);
	uint32_t attempt = clone ? find_attempt(omega, clone, &facts->lease) : 0;
	uint32_t task = find_task(omega, &record->message.header.task_id);
	switch (facts->clock) {
	case CLOCK_BACKOFF:
		return task ? task_move(omega, task, LIFE_MOVE, record) : ERR_CORRUPT;
	case CLOCK_PARENT:
		if (!task)
			return ERR_CORRUPT;
		omega->task[task].orphaned = false;
		task_wind(omega, task);
		return 0;
	case CLOCK_LOST:
	case CLOCK_GRACE:
		if (!attempt)
			return ERR_CORRUPT;
		omega->clone[clone].lost += facts->clock == CLOCK_LOST;
		attempt_drop(omega, attempt);
		return 0;
	case CLOCK_BREAKER:
		if (!clone)
			return ERR_CORRUPT;
		omega->clone[clone].breaker_until_ms = 0;
		clone_wind(omega, clone);
		return 0;
	default:
		return 0;
	}
}

static int apply_retry(struct omega *omega, const struct record *record)
{
	const struct retry_scheduled *facts = &record->message.retry_scheduled;
	uint32_t task = find_task(omega, &record->message.header.task_id);
	if (!task)
		return ERR_CORRUPT;
	struct task *t = &omega->task[task];
	bool queued = t->state == STATE_ACCEPTED;
	if (queued) /* it leaves under its old name */
		queue_remove(omega, task);
	t->last_error = facts->code;
	t->failures = facts->failures;
	t->lost = facts->lost;
	t->destination = (uint8_t)facts->destination;
	t->named_role = (uint16_t)(facts->role.bytes ? find_role(omega, facts->role.at, facts->role.bytes) : t->named_role);
	if (queued)
		queue_push(omega, task);
	return task_move(omega, task, facts->wait_ms ? LIFE_DELAY : LIFE_MOVE, record);
}

int apply_inner(struct omega *omega, const struct record *record)
{
	switch (record->message.type) {
	case MESSAGE_BOOT:
		return apply_boot(omega, record);
	case MESSAGE_PRESENCE:
		return apply_presence(omega, record);
	case MESSAGE_ROUTES_LOADED:
		return apply_routes(omega, record);
	case MESSAGE_TIMER:
		return apply_timer(omega, record);
	case MESSAGE_RETRY_SCHEDULED:
		return apply_retry(omega, record);
	case MESSAGE_DELIVERED:
		omega->counter.delivered += record->message.delivered.outcomes;
		return 0;
	default:
		return 0;
	}
}
