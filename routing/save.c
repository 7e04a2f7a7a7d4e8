/* SPDX-License-Identifier: MIT
 *
 * The whole state as bytes and back: what a Snapshot record holds.
 *
 * Version, clock and boot, the routing table, roles, clones, tasks in the order they came, each clone's attempts, the recently
 * ended, the queues, the counters. Indexes differ between a core that ran and one that was restored, so things refer to each
 * other by id or name; two cores in the same state write the same bytes. Each structure is described once, for both ways.
 */
#include "routing/pack.h"
#include "routing/state.h"

struct ferry {
	struct packer *out; /* set: writing */
	struct unpacker *in;
};

static void f_u64(struct ferry *ferry, uint64_t *value)
{
	if (ferry->out)
		pack_u64(ferry->out, *value);
	else
		*value = unpack_u64(ferry->in);
}

static void f_u32(struct ferry *ferry, uint32_t *value)
{
	if (ferry->out)
		pack_u32(ferry->out, *value);
	else
		*value = unpack_u32(ferry->in);
}

static void f_u16(struct ferry *ferry, uint16_t *value)
{
	if (ferry->out)
		pack_u16(ferry->out, *value);
	else
		*value = unpack_u16(ferry->in);
}

static void f_u8(struct ferry *ferry, uint8_t *value)
{
	if (ferry->out)
		pack_u8(ferry->out, *value);
	else
		*value = unpack_u8(ferry->in);
}

static void f_flag(struct ferry *ferry, bool *value)
{
	if (ferry->out)
		pack_flag(ferry->out, *value);
	else
		*value = unpack_flag(ferry->in);
}

static void f_bytes(struct ferry *ferry, void *at, size_t bytes)
{
	if (ferry->out)
		pack_bytes(ferry->out, at, bytes);
	else
		unpack_bytes(ferry->in, at, bytes);
}

static void f_text(struct ferry *ferry, char *text, size_t capacity)
{
	if (ferry->out)
		pack_text(ferry->out, text, capacity);
	else
		unpack_text(ferry->in, text, capacity);
}

/* ---- what each thing consists of ---- */

static void f_moment(struct ferry *ferry, struct moment *moment)
{
	f_u64(ferry, &moment->next_seq);
	f_u64(ferry, &moment->now_ms);
	f_bytes(ferry, moment->boot.bytes, sizeof(moment->boot.bytes));
	f_bytes(ferry, moment->seed.bytes, sizeof(moment->seed.bytes));
	f_u64(ferry, &moment->boot_wall_ms);
	f_u64(ferry, &moment->boot_now_ms);
	f_flag(ferry, &moment->booted);
}

static void f_counters(struct ferry *ferry, struct omega_counters *counter)
{
	uint64_t values[sizeof(*counter) / sizeof(uint64_t)];
	memcpy(values, counter, sizeof(values));
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		f_u64(ferry, &values[i]);
	memcpy(counter, values, sizeof(values));
}

static void f_role(struct ferry *ferry, struct role *role)
{
	f_text(ferry, role->name, sizeof(role->name));
	for (uint32_t p = PRIORITY_LOW; p <= PRIORITY_URGENT; p++)
		f_u32(ferry, &role->credit[p]);
}

static void f_clone(struct ferry *ferry, struct clone *clone)
{
	f_flag(ferry, &clone->known);
	f_text(ferry, clone->name, sizeof(clone->name));
	f_text(ferry, clone->task_types, sizeof(clone->task_types));
	f_u32(ferry, &clone->role);
	f_u32(ferry, &clone->slots);
	f_u32(ferry, &clone->load);
	f_u32(ferry, &clone->failures);
	f_u64(ferry, &clone->breaker_until_ms);
	f_u64(ferry, &clone->assigned_seq);
	f_u64(ferry, &clone->completed);
	f_u64(ferry, &clone->failed);
	f_u64(ferry, &clone->lost);
	f_u8(ferry, &clone->presence);
	f_flag(ferry, &clone->leaving);
	f_flag(ferry, &clone->draining);
	f_flag(ferry, &clone->quarantined);
}

static void f_task(struct ferry *ferry, struct task *task)
{
	f_bytes(ferry, task->id.bytes, 16);
	f_bytes(ferry, task->key_hash.bytes, 16);
	f_bytes(ferry, task->body_hash.bytes, 16);
	f_u64(ferry, &task->number);
	f_u64(ferry, &task->accepted_ms);
	f_u64(ferry, &task->deadline_ms);
	f_u64(ferry, &task->queued_ms);
	f_u64(ferry, &task->backoff_ms);
	f_u64(ferry, &task->budget_tokens);
	f_u64(ferry, &task->spent_tokens);
	f_text(ferry, task->client, sizeof(task->client));
	f_u32(ferry, &task->attempts);
	f_u32(ferry, &task->failures);
	f_u32(ferry, &task->lost);
	f_u32(ferry, &task->last_error);
	f_u32(ferry, &task->timeout_ms);
	f_u16(ferry, &task->route);
	f_u16(ferry, &task->named_role);
	f_u8(ferry, &task->state);
	f_u8(ferry, &task->priority);
	f_u8(ferry, &task->destination);
	f_u8(ferry, &task->depth);
	f_flag(ferry, &task->escalated);
	f_flag(ferry, &task->orphaned);
}

static void f_attempt(struct ferry *ferry, struct attempt *attempt)
{
	f_bytes(ferry, attempt->lease.bytes, 16);
	f_bytes(ferry, attempt->task_id.bytes, 16);
	f_u64(ferry, &attempt->number);
	f_u64(ferry, &attempt->silence_ms);
	f_u64(ferry, &attempt->timeout_at);
	f_u32(ferry, &attempt->heartbeat_ms);
	f_u32(ferry, &attempt->timeout_ms);
	f_u32(ferry, &attempt->attempt);
	f_u32(ferry, &attempt->route_version);
	f_u8(ferry, &attempt->state);
	f_flag(ferry, &attempt->lost);
	f_flag(ferry, &attempt->unsure);
}

static void f_recent(struct ferry *ferry, struct recent *recent)
{
	f_bytes(ferry, recent->id.bytes, 16);
	f_bytes(ferry, recent->key_hash.bytes, 16);
	f_bytes(ferry, recent->body_hash.bytes, 16);
	f_u64(ferry, &recent->number);
	f_u64(ferry, &recent->outcome_seq);
	f_text(ferry, recent->client, sizeof(recent->client));
	f_u32(ferry, &recent->state);
}

/* ---- writing ---- */

static void save_table(const struct omega *omega, struct packer *out)
{
	uint8_t bytes[TABLE_BYTES_MAX];
	size_t used = 0;
	int rc = table_encode(&omega->table, bytes, sizeof(bytes), &used);
	assert(rc == 0);
	(void)rc;
	pack_u32(out, (uint32_t)used);
	pack_bytes(out, bytes, used);
	pack_u32(out, omega->table.version);
	for (uint32_t r = 0; r < omega->table.route_count; r++)
		pack_flag(out, omega->table.route[r].retired);
}

static void save_task(const struct omega *omega, struct ferry *ferry, uint32_t number)
{
	struct task task = omega->task[number];
	f_task(ferry, &task);
	struct id parent = task.parent ? omega->task[task.parent].id : (struct id){{0}};
	pack_bytes(ferry->out, parent.bytes, 16);
	pack_u32(ferry->out, task.follower_count);
	for (uint32_t f = task.first_follower; f; f = omega->follower[f].next)
		pack_text(ferry->out, omega->follower[f].name, NAME_BYTES);
}

static void save_tasks(const struct omega *omega, struct ferry *ferry)
{
	uint32_t count = 0;
	for (uint32_t t = omega->task_oldest; t; t = omega->task[t].newer)
		count++;
	pack_u32(ferry->out, count);
	for (uint32_t t = omega->task_oldest; t; t = omega->task[t].newer)
		save_task(omega, ferry, t);
}

static void save_clones(const struct omega *omega, struct ferry *ferry)
{
	pack_u32(ferry->out, omega->clone_high);
	for (uint32_t i = 1; i <= omega->clone_high; i++) {
		struct clone clone = omega->clone[i];
		f_clone(ferry, &clone);
	}
}

static void save_attempts(const struct omega *omega, struct ferry *ferry)
{
	for (uint32_t i = 1; i <= omega->clone_high; i++) {
		for (uint32_t a = omega->clone[i].first_attempt; a; a = omega->attempt[a].after) {
			struct attempt attempt = omega->attempt[a];
			pack_flag(ferry->out, true);
			f_attempt(ferry, &attempt);
			pack_flag(ferry->out, attempt.task != 0);
		}
		pack_flag(ferry->out, false);
	}
}

/* With the places that are empty because their task was revived: a ring that closed up would forget later than the one it was saved from. */
static void save_recents(const struct omega *omega, struct ferry *ferry)
{
	uint32_t max = omega->limits.recent_max, count = omega->recent_count;
	pack_u32(ferry->out, count);
	for (uint32_t i = max - count; i < max; i++) { /* from the oldest to the newest */
		struct recent recent = omega->recent[(omega->recent_next + i) % max + 1];
		f_recent(ferry, &recent);
	}
}

static void save_queues(const struct omega *omega, struct ferry *ferry)
{
	for (uint32_t q = 0; q < QUEUES_MAX; q++)
		for (uint32_t p = PRIORITY_LOW; p <= PRIORITY_URGENT; p++)
			for (uint32_t t = omega->queue[q][p].head; t; t = omega->task[t].after)
				pack_bytes(ferry->out, omega->task[t].id.bytes, 16);
}

int omega_save(const struct omega *omega, uint8_t *out, size_t capacity, size_t *out_bytes)
{
	struct packer packer = packer_of(out, capacity);
	struct ferry ferry = {.out = &packer};
	struct omega_counters counter = omega->counter;
	struct moment moment = omega->moment;
	pack_u32(&packer, OMEGA_CORE_VERSION);
	f_moment(&ferry, &moment);
	save_table(omega, &packer);
	pack_u32(&packer, omega->role_high);
	for (uint32_t r = 1; r <= omega->role_high; r++) {
		struct role role = omega->role[r];
		f_role(&ferry, &role);
	}
	save_clones(omega, &ferry);
	save_tasks(omega, &ferry);
	save_attempts(omega, &ferry);
	save_recents(omega, &ferry);
	save_queues(omega, &ferry);
	f_counters(&ferry, &counter);
	*out_bytes = packer.bytes;
	return packer_fits(&packer) ? 0 : ERR_FULL;
}

/* ---- reading ---- */

static int load_table(struct omega *omega, struct ferry *ferry)
{
	uint32_t bytes = unpack_u32(ferry->in);
	const uint8_t *at = unpack_span(ferry->in, bytes);
	if (!at || table_decode(at, bytes, &omega->table))
		return ERR_CORRUPT;
	omega->table.version = unpack_u32(ferry->in);
	for (uint32_t r = 0; r < omega->table.route_count; r++)
		omega->table.route[r].retired = unpack_flag(ferry->in);
	return 0;
}

static int load_roles(struct omega *omega, struct ferry *ferry)
{
	uint32_t high = unpack_u32(ferry->in);
	if (high > ROLES_MAX)
		return ERR_CORRUPT;
	omega->role_high = high;
	for (uint32_t r = 1; r <= high; r++)
		f_role(ferry, &omega->role[r]);
	for (uint32_t r = 0; r < omega->table.route_count; r++)
		for (uint32_t d = 0; d < omega->table.route[r].destination_count; d++)
			omega->route_role[r][d] = (uint16_t)role_add(omega, omega->table.route[r].destination[d]);
	return 0;
}

static int load_clones(struct omega *omega, struct ferry *ferry)
{
	uint32_t high = unpack_u32(ferry->in);
	if (high > PEERS_MAX)
		return ERR_CORRUPT;
	omega->clone_high = high;
	for (uint32_t i = 1; i <= high; i++) {
		f_clone(ferry, &omega->clone[i]);
		if (omega->clone[i].role > ROLES_MAX)
			return ERR_CORRUPT;
		clone_wind(omega, i);
	}
	return 0;
}

static int load_task(struct omega *omega, struct ferry *ferry)
{
	struct id parent_id;
	char name[NAME_BYTES];
	uint32_t task = task_take(omega);
	if (!task)
		return ERR_CORRUPT;
	struct task *t = &omega->task[task];
	f_task(ferry, t);
	if (t->route >= omega->table.route_count || t->named_role > ROLES_MAX || t->priority > PRIORITY_URGENT ||
	    t->destination >= DESTINATIONS_MAX)
		return ERR_CORRUPT;
	f_bytes(ferry, parent_id.bytes, 16);
	index_task(omega, task);
	if (!id_is_nil(&parent_id)) {
		uint32_t parent = find_task(omega, &parent_id);
		if (!parent)
			return ERR_CORRUPT;
		child_add(omega, parent, task);
	}
	uint32_t followers = unpack_u32(ferry->in);
	for (uint32_t i = 0; i < followers && !ferry->in->bad; i++) {
		f_text(ferry, name, sizeof(name));
		follower_add(omega, task, name);
	}
	task_wind(omega, task);
	return ferry->in->bad ? ERR_CORRUPT : 0;
}

static int load_attempt(struct omega *omega, struct ferry *ferry, uint32_t clone)
{
	uint32_t attempt = attempt_take(omega, clone);
	if (!attempt)
		return ERR_CORRUPT;
	struct attempt *a = &omega->attempt[attempt];
	f_attempt(ferry, a);
	if (unpack_flag(ferry->in)) {
		a->task = find_task(omega, &a->task_id);
		if (!a->task)
			return ERR_CORRUPT;
		omega->task[a->task].attempt = attempt;
	}
	omega->clone[clone].used += a->state != ATTEMPT_WAITING;
	attempt_wind(omega, attempt);
	return 0;
}

static int load_attempts(struct omega *omega, struct ferry *ferry)
{
	for (uint32_t i = 1; i <= omega->clone_high; i++)
		while (unpack_flag(ferry->in))
			if (load_attempt(omega, ferry, i))
				return ERR_CORRUPT;
	return 0;
}

static void load_recents(struct omega *omega, struct ferry *ferry)
{
	uint32_t count = unpack_u32(ferry->in);
	for (uint32_t i = 0; i < count && !ferry->in->bad; i++) {
		struct recent recent;
		f_recent(ferry, &recent);
		if (!recent.number) {
			(void)recent_take(omega);
			continue;
		}
		struct task task = {
			.id = recent.id, .key_hash = recent.key_hash, .body_hash = recent.body_hash, .number = recent.number};
		memcpy(task.client, recent.client, NAME_BYTES);
		remember(omega, &task, recent.outcome_seq, recent.state);
	}
}

/* The queues' order: every queued task is named once, each in its own queue. */
static int load_queues(struct omega *omega, struct ferry *ferry)
{
	uint64_t count = 0;
	for (uint32_t t = omega->task_oldest; t; t = omega->task[t].newer)
		count += omega->task[t].state == STATE_ACCEPTED;
	for (uint64_t i = 0; i < count; i++) {
		struct id id;
		f_bytes(ferry, id.bytes, 16);
		uint32_t task = find_task(omega, &id);
		if (!task || omega->task[task].state != STATE_ACCEPTED)
			return ERR_CORRUPT;
		queue_push(omega, task);
	}
	return 0;
}

static int load_parts(struct omega *omega, struct ferry *ferry)
{
	int rc = load_table(omega, ferry);
	if (!rc)
		rc = load_roles(omega, ferry);
	if (!rc)
		rc = load_clones(omega, ferry);
	uint32_t tasks = rc ? 0 : unpack_u32(ferry->in);
	for (uint32_t i = 0; i < tasks && !rc; i++)
		rc = load_task(omega, ferry);
	if (!rc)
		rc = load_attempts(omega, ferry);
	if (rc)
		return rc;
	load_recents(omega, ferry);
	return load_queues(omega, ferry);
}

int omega_load(struct omega *omega, const uint8_t *at, size_t bytes)
{
	struct unpacker unpacker = unpacker_of(at, bytes);
	struct ferry ferry = {.in = &unpacker};
	if (unpack_u32(&unpacker) > OMEGA_CORE_VERSION)
		return ERR_NEWER;
	f_moment(&ferry, &omega->moment);
	int rc = load_parts(omega, &ferry);
	if (rc)
		return rc;
	f_counters(&ferry, &omega->counter);
	return unpacker_done(&unpacker) ? 0 : ERR_CORRUPT;
}
