/* SPDX-License-Identifier: MIT
 *
 * Who is alive. Heartbeats are not recorded one by one; a change is, and once a minute how many there were.
 */
#include <stdio.h>
#include <string.h>

#include "actors/shell.h"

#define MINUTE_MS           60000u
#define STRANGER_SILENCE_MS 10000u
#define LOAD_STEP           125u /* per mille of the host's cores: the first step of the scale on which load is recorded */
#define LOAD_STEPS          16u

static struct text text_of(const char *text)
{
	return (struct text){text, (uint32_t)strlen(text)};
}

/* ---- changes ---- */

static void record_presence(struct shell *shell, const char *peer, enum presence presence, uint32_t slots_free, uint32_t load)
{
	struct message message = {.type = MESSAGE_PRESENCE};

	message.presence_changed.peer = text_of(peer);
	message.presence_changed.presence = presence;
	message.presence_changed.slots_free = slots_free;
	message.presence_changed.load = load;
	shell_step_own(shell, &message);
}

static bool is_clone(const struct connection *connection)
{
	return connection->role_rights == CLONE;
}

/* Where step `step` of the scale begins: 0, 125, 250, 500, 1000, … */
static uint32_t load_of(uint32_t step)
{
	return step ? LOAD_STEP << (step - 1) : 0;
}

/* The step that a load belongs to. The one before is kept while the load is within a quarter of it: a load that wavers about an
 * edge would be a record at every heartbeat. */
static uint32_t load_step(uint32_t load, uint32_t before)
{
	uint32_t low = load_of(before), high = load_of(before + 1), step = 0;

	if (load >= low - low / 4 && load < high + high / 4)
		return before;
	while (step < LOAD_STEPS && load >= load_of(step + 1))
		step++;
	return step;
}

static void change_presence(struct shell *shell, struct connection *connection, enum presence presence)
{
	connection->presence = presence;
	if (is_clone(connection))
		record_presence(shell, connection->peer, presence, connection->slots_free, load_of(connection->load_step));
}

void presence_heartbeat(struct shell *shell, uint32_t index, const struct heartbeat *heartbeat)
{
	struct connection *connection = connection_at(shell, index);
	uint32_t step = load_step(heartbeat->load, connection->load_step);

	connection->heartbeats++;
	connection->slots_free = heartbeat->slots_free;
	if (connection->presence != PRESENCE_ALIVE || step != connection->load_step) {
		connection->load_step = step;
		change_presence(shell, connection, PRESENCE_ALIVE);
	}
	if (heartbeat->durable_through <= connection->acknowledged || heartbeat->durable_through > connection->seq_out)
		return;
	connection->acknowledged = heartbeat->durable_through;
	if (connection->delivery_due || connection->outcome_first == connection->outcome_next)
		return;
	connection->delivery_due = true;
	if (!shell->delivery_due++)
		shell->delivery_since_ms = shell->mono_ms;
}

static void deliver(struct shell *shell, struct connection *connection)
{
	struct message message = {.type = MESSAGE_DELIVERED};
	uint32_t outcomes = outcomes_covered(connection, connection->acknowledged);

	if (!outcomes)
		return;
	message.delivered.peer = text_of(connection->peer);
	message.delivered.through = connection->acknowledged;
	message.delivered.outcomes = outcomes;
	shell_step_own(shell, &message);
}

void presence_deliver(struct shell *shell)
{
	uint32_t left = 0;

	for (uint32_t i = 1; shell->delivery_due && i <= shell->connections.high; i++) {
		struct connection *connection = connection_at(shell, i);

		if (!connection->joined || !connection->delivery_due)
			continue;
		if (!ledger_room(shell)) {
			left++;
			continue;
		}
		connection->delivery_due = false;
		deliver(shell, connection);
	}
	shell->delivery_due = left;
}

void presence_lost(struct shell *shell, uint32_t index)
{
	struct connection *connection = connection_at(shell, index);

	presence_count(shell, index);
	if (connection->joined && !connection->leaving) /* who said Goodbye is known to be gone */
		change_presence(shell, connection, PRESENCE_LOST);
	connection_forget(&shell->connections, index);
}

/* ---- counts ---- */

static void record_count(struct shell *shell, const char *peer, enum message_type type, uint32_t count, uint32_t code)
{
	struct message message = {.type = MESSAGE_COUNTED};

	if (!count)
		return;
	message.counted.peer = text_of(peer);
	message.counted.counted_type = type;
	message.counted.count = count;
	message.counted.code = code;
	shell_step_own(shell, &message);
}

void presence_count(struct shell *shell, uint32_t index)
{
	struct connection *connection = connection_at(shell, index);

	record_count(shell, connection->peer, MESSAGE_HEARTBEAT, connection->heartbeats, 0);
	record_count(shell, connection->peer, MESSAGE_TASK_PROGRESS, connection->dropped, 0);
	record_count(shell, connection->peer, MESSAGE_REFUSAL, connection->refused_uncounted, connection->refused_code);
	connection->heartbeats = 0;
	connection->dropped = 0;
	connection->refused_uncounted = 0;
}

void presence_count_unknown(struct shell *shell)
{
	struct zap_counts counts;
	uint32_t unknown;

	zap_count(shell->zap, &counts);
	unknown = shell->unknown_keys + (uint32_t)(counts.unknown_key + counts.mechanism + counts.malformed);
	record_count(shell, "", MESSAGE_REFUSAL, unknown - shell->unknown_keys_counted, ERROR_NOT_ALLOWED);
	record_count(shell, "", MESSAGE_REFUSAL, shell->malformed - shell->malformed_counted, ERROR_MALFORMED);
	shell->unknown_keys_counted = unknown;
	shell->malformed_counted = shell->malformed;
}

static void count_all(struct shell *shell)
{
	for (uint32_t i = 1; i <= shell->connections.high; i++)
		if (connection_at(shell, i)->used)
			presence_count(shell, i);
	presence_count_unknown(shell);
	shell->minute_ms = shell->mono_ms + MINUTE_MS;
}

/* ---- silence ---- */

static void look_at(struct shell *shell, uint32_t index)
{
	struct connection *connection = connection_at(shell, index);
	uint64_t silence_ms = shell->mono_ms - connection->heard_ms;
	uint64_t beat_ms = shell->conf.heartbeat_ms;

	if (!connection->joined) {
		if (silence_ms >= STRANGER_SILENCE_MS)
			presence_lost(shell, index);
		return;
	}
	if (silence_ms >= LOST_HEARTBEATS * beat_ms) {
		presence_lost(shell, index);
		return;
	}
	if (silence_ms >= LATE_HEARTBEATS * beat_ms && connection->presence == PRESENCE_ALIVE)
		change_presence(shell, connection, PRESENCE_LATE);
	if (shell->mono_ms - connection->said_ms >= beat_ms)
		send_heartbeat(shell, index);
}

static void sweep_unreachable(struct shell *shell)
{
	shell->unreachable = 0;
	for (uint32_t i = 1; i <= shell->connections.high; i++)
		if (connection_at(shell, i)->used && connection_at(shell, i)->unreachable)
			presence_lost(shell, i);
}

/* A clone of the life before has had its time to come back. */
static void declare_absent(struct shell *shell)
{
	struct clone_view view;

	shell->absent_checked = true;
	for (size_t i = 0; i < omega_clone_count(shell->omega); i++) {
		char name[NAME_BYTES];

		if (omega_clone(shell->omega, i, &view) || view.presence == PRESENCE_LOST)
			continue;
		if (connection_named(&shell->connections, view.name))
			continue;
		snprintf(name, sizeof(name), "%s", view.name);
		record_presence(shell, name, PRESENCE_LOST, 0, 0);
	}
}

void presence_tick(struct shell *shell)
{
	if (shell->unreachable)
		sweep_unreachable(shell);
	if (shell->mono_ms >= shell->next_pulse_ms) {
		shell->next_pulse_ms = shell->mono_ms + shell->conf.heartbeat_ms;
		for (uint32_t i = 1; i <= shell->connections.high; i++)
			if (connection_at(shell, i)->used)
				look_at(shell, i);
	}
	if (!shell->absent_checked && shell->mono_ms - shell->started_ms >= (uint64_t)LOST_HEARTBEATS * shell->conf.heartbeat_ms)
		declare_absent(shell);
	if (shell->mono_ms >= shell->minute_ms)
		count_all(shell);
}

uint64_t presence_wake_ms(const struct shell *shell)
{
	return shell->unreachable ? shell->mono_ms : shell->next_pulse_ms;
}
