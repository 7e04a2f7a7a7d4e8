/* SPDX-License-Identifier: MIT
 *
 * What becomes of clones: they join, leave, are lost, and lose trust.
 */
#include "routing/apply.h"

static bool text_is(const struct text *text, const char *word)
{
	struct text other = text_of(word);
	return text->bytes == other.bytes && memcmp(text->at, other.at, other.bytes) == 0;
}

/* A peer of the role workspace that takes attempts is a clone of the time when that name was free. */
bool hello_is_clone(const struct hello *hello)
{
	static const char *const others[] = {"client", "operator", "auditor"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (text_is(&hello->role, others[i]))
			return false;
	return hello->slots || !text_is(&hello->role, "workspace");
}

static bool hello_lists(const struct hello *hello, const struct attempt *attempt)
{
	for (uint32_t at = 0; at + LIVE_ENTRY_BYTES <= hello->live.bytes; at += LIVE_ENTRY_BYTES)
		if (memcmp(hello->live.at + at, attempt->task_id.bytes, 16) == 0 &&
		    memcmp(hello->live.at + at + 20, attempt->lease.bytes, 16) == 0)
			return true;
	return false;
}

/* A new connection: attempts it does not list are lost, the others go on. */
static void take_back(struct omega *omega, uint32_t clone, const struct record *record)
{
	for (uint32_t a = omega->clone[clone].first_attempt, next; a; a = next) {
		struct attempt *attempt = &omega->attempt[a];
		next = attempt->after;
		if (hello_lists(&record->message.hello, attempt)) {
			attempt->silence_ms = record->now_ms + attempt->heartbeat_ms;
			attempt_wind(omega, a);
		} else if (attempt->task) {
			attempt->lost = true;
			attempt_wind(omega, a);
		} else {
			attempt_drop(omega, a);
		}
	}
}

int apply_hello(struct omega *omega, const struct record *record)
{
	const struct hello *hello = &record->message.hello;
	if (!hello_is_clone(hello))
		return 0;
	uint32_t clone = find_clone(omega, record->peer);
	if (!clone)
		clone = clone_take(omega);
	if (!clone)
		return ERR_CORRUPT;
	struct clone *c = &omega->clone[clone];
	char role[ROLE_BYTES];
	copy_name(role, sizeof(role), hello->role.at, hello->role.bytes);
	copy_name(c->name, sizeof(c->name), record->peer, text_of(record->peer).bytes);
	copy_name(c->task_types, sizeof(c->task_types), hello->task_types.at, hello->task_types.bytes);
	c->role = role_add(omega, role);
	c->slots = hello->slots < SLOTS_MAX ? hello->slots : SLOTS_MAX;
	c->presence = PRESENCE_ALIVE;
	c->leaving = false;
	take_back(omega, clone, record);
	return 0;
}

static void lose_clone(struct omega *omega, uint32_t clone)
{
	omega->clone[clone].presence = PRESENCE_LOST;
	for (uint32_t a = omega->clone[clone].first_attempt, next; a; a = next) {
		next = omega->attempt[a].after;
		if (!omega->attempt[a].task) {
			attempt_drop(omega, a);
			continue;
		}
		omega->attempt[a].lost = true;
		attempt_wind(omega, a);
	}
}

int apply_goodbye(struct omega *omega, const struct record *record)
{
	uint32_t clone = find_clone(omega, record->peer);
	if (clone && record->message.goodbye.draining)
		omega->clone[clone].leaving = true;
	else if (clone)
		lose_clone(omega, clone);
	return 0;
}

int apply_presence(struct omega *omega, const struct record *record)
{
	const struct presence_changed *facts = &record->message.presence_changed;
	char name[NAME_BYTES];
	copy_name(name, sizeof(name), facts->peer.at, facts->peer.bytes);
	uint32_t clone = find_clone(omega, name);
	if (!clone)
		return 0;
	omega->clone[clone].load = facts->load;
	if (facts->presence == PRESENCE_LOST)
		lose_clone(omega, clone);
	else if (omega->clone[clone].presence != PRESENCE_LOST)
		omega->clone[clone].presence = (uint8_t)facts->presence;
	return 0;
}

void break_circuit(struct omega *omega, uint32_t clone, uint64_t now_ms)
{
	struct clone *c = &omega->clone[clone];
	c->failed++;
	c->failures++;
	if (c->failures < omega->table.breaker_failures)
		return;
	c->breaker_until_ms = now_ms + omega->table.breaker_open_ms;
	clone_wind(omega, clone);
}

/* Failures that say nothing about the clone do not count against it. */
bool blames_clone(uint32_t code)
{
	return code == ERROR_TASK_FAILED || code == ERROR_TIMED_OUT || code == ERROR_HEARTBEAT || code == ERROR_INTERNAL;
}
