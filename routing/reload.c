/* SPDX-License-Identifier: MIT
 *
 * A new routing table comes into force while tasks are live: routes keep their tasks by name, queues move as they are, and a
 * route that is no longer in the file but has live tasks stays, retired.
 */
#include "routing/state.h"

struct move {
	bool used[ROUTES_MAX];
	uint16_t to[ROUTES_MAX];
};

static void find_used(const struct omega *omega, struct move *move)
{
	for (uint32_t t = omega->task_oldest; t; t = omega->task[t].newer)
		move->used[omega->task[t].route] = true;
}

bool table_leaves_room(const struct omega *omega, const struct table *table)
{
	struct move move = {0};
	uint32_t count = table->route_count;
	find_used(omega, &move);
	for (uint32_t r = 0; r < omega->table.route_count; r++) {
		const char *type = omega->table.route[r].task_type;
		count += move.used[r] && table_find(table, type, text_of(type).bytes) < 0;
	}
	return count <= ROUTES_MAX;
}

/* Adds what must stay to the new table and notes where each old route is found in it. */
static void keep_routes(const struct omega *omega, struct table *table, struct move *move)
{
	for (uint32_t r = 0; r < omega->table.route_count; r++) {
		const struct route *old = &omega->table.route[r];
		if (!move->used[r])
			continue;
		int found = table_find(table, old->task_type, text_of(old->task_type).bytes);
		if (found < 0) {
			assert(table->route_count < ROUTES_MAX);
			found = (int)table->route_count++;
			table->route[found] = *old;
			table->route[found].retired = true;
		}
		move->to[r] = (uint16_t)found;
	}
}

static uint8_t nearest_destination(const struct table *table, uint32_t route, uint32_t destination)
{
	uint32_t last = table->route[route].destination_count - 1;
	return (uint8_t)(destination < last ? destination : last);
}

static void append_queue(struct omega *omega, struct queue *to, const struct queue *from)
{
	if (!from->count)
		return;
	if (to->tail) {
		omega->task[to->tail].after = from->head;
		omega->task[from->head].before = to->tail;
	} else {
		to->head = from->head;
	}
	to->tail = from->tail;
	to->count += from->count;
}

static void move_queues(struct omega *omega, const struct table *table, const struct move *move)
{
	memcpy(omega->queue_spare, omega->queue, sizeof(omega->queue));
	memset(omega->queue, 0, ROUTE_QUEUES * sizeof(omega->queue[0]));
	for (uint32_t q = 0; q < ROUTE_QUEUES; q++) {
		uint32_t from = q / DESTINATIONS_MAX;
		if (!move->used[from])
			continue;
		uint32_t to = move->to[from];
		uint32_t number = to * DESTINATIONS_MAX + nearest_destination(table, to, q % DESTINATIONS_MAX);
		for (uint32_t p = PRIORITY_LOW; p <= PRIORITY_URGENT; p++)
			append_queue(omega, &omega->queue[number][p], &omega->queue_spare[q][p]);
	}
	memset(omega->queue_busy, 0, sizeof(omega->queue_busy));
	for (uint32_t q = 0; q < QUEUES_MAX; q++)
		for (uint32_t p = PRIORITY_LOW; p <= PRIORITY_URGENT; p++)
			if (omega->queue[q][p].count)
				omega->queue_busy[q / 64] |= 1ull << (q % 64);
}

static void move_tasks(struct omega *omega, const struct move *move)
{
	memset(omega->route_waiting, 0, sizeof(omega->route_waiting));
	for (uint32_t t = omega->task_oldest; t; t = omega->task[t].newer) {
		struct task *task = &omega->task[t];
		task->route = move->to[task->route];
		task->destination = nearest_destination(&omega->table, task->route, task->destination);
		if (task->state == STATE_ACCEPTED)
			omega->route_waiting[task->route]++;
		task_wind(omega, t);
	}
}

/* Roles that neither a route nor a clone nor an operator's wish names any more make room. */
static void forget_roles(struct omega *omega)
{
	bool used[ROLES_MAX + 1] = {false};
	for (uint32_t i = 1; i <= omega->clone_high; i++)
		used[omega->clone[i].role] = true;
	for (uint32_t t = omega->task_oldest; t; t = omega->task[t].newer)
		used[omega->task[t].named_role] = true;
	for (uint32_t r = 0; r < omega->table.route_count; r++)
		for (uint32_t d = 0; d < omega->table.route[r].destination_count; d++)
			used[omega->route_role[r][d]] = true;
	for (uint32_t r = 1; r <= omega->role_high; r++)
		if (!used[r])
			omega->role[r] = (struct role){0};
}

static void name_roles(struct omega *omega)
{
	memset(omega->route_role, 0, sizeof(omega->route_role));
	for (uint32_t r = 0; r < omega->table.route_count; r++)
		for (uint32_t d = 0; d < omega->table.route[r].destination_count; d++)
			omega->route_role[r][d] = (uint16_t)role_add(omega, omega->table.route[r].destination[d]);
}

void table_install(struct omega *omega, const struct table *table)
{
	struct table next = *table;
	struct move move = {0};
	find_used(omega, &move);
	keep_routes(omega, &next, &move);
	move_queues(omega, &next, &move);
	omega->table = next;
	move_tasks(omega, &move);
	name_roles(omega);
	forget_roles(omega);
	name_roles(omega); /* again, for those that had found no room */
}
