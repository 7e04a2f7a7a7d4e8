/* SPDX-License-Identifier: MIT
 *
 * From the trail to a running core: check what is there, load the last snapshot, apply what follows, and begin a new life with a
 * Boot record. Nothing is decided again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "actors/changes.h"
#include "actors/entry.h"
#include "actors/fresh.h"
#include "actors/restore.h"
#include "actors/shell.h"

#define DAY_MS 86400000ull

/* The end of the trail as it was left. */
struct tail {
	struct shell *shell;
	uint64_t now_ms;
	uint64_t wall_ms;
	int rc;
};

/* ---- the core's memory ---- */

static int make_core(struct shell *shell)
{
	struct omega_limits limits = {.tasks_max = TASKS_MAX, .recent_max = RECENT_MAX};

	shell->memory_bytes = omega_bytes(&limits);
	shell->memory =
		mmap(NULL, shell->memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (shell->memory == MAP_FAILED) {
		shell->memory = NULL;
		return ERR_MEMORY;
	}
	return omega_init(shell->memory, shell->memory_bytes, &limits, &shell->omega);
}

/* ---- applying ---- */

static int apply_entry(void *context, const struct trail_entry *entry)
{
	struct tail *tail = context;
	struct shell *shell = tail->shell;
	struct record record;

	tail->now_ms = entry->now_ms;
	tail->wall_ms = entry->wall_ms;
	tail->rc = entry_record(entry, &shell->message, &record);
	if (!tail->rc)
		tail->rc = omega_apply(shell->omega, &record);
	if (tail->rc)
		snprintf(shell->why, sizeof(shell->why), "record %llu (%s) of the trail does not follow from those before it: %s",
			 (unsigned long long)entry->seq, message_name((enum message_type)entry->type), error_sentence(tail->rc));
	return tail->rc;
}

static int verify_tail(struct shell *shell, struct trail *trail, uint64_t after_seq)
{
	struct trail_verdict verdict;
	int rc = trail_verify(trail, after_seq, &verdict);

	if (rc)
		snprintf(shell->why, sizeof(shell->why), "the trail is damaged at record %llu: %s",
			 (unsigned long long)verdict.bad_seq, verdict.why[0] ? verdict.why : error_sentence(rc));
	return rc;
}

static int apply_range(struct trail *trail, uint64_t after_seq, uint64_t through_seq, bool with_payload, struct tail *tail)
{
	struct trail_query query = {.after_seq = after_seq, .through_seq = through_seq, .with_payload = with_payload};
	int rc = trail_read(trail, &query, apply_entry, tail);

	return tail->rc ? tail->rc : rc;
}

static int apply_trail(struct shell *shell, struct trail *trail, struct tail *tail)
{
	uint64_t last = trail_last_seq(trail);
	uint64_t snapshot = trail_snapshot_seq(trail);
	int rc = 0;

	if (!last)
		return 0;
	rc = verify_tail(shell, trail, snapshot ? snapshot - 1 : 0);
	if (!rc && snapshot)
		rc = apply_range(trail, snapshot - 1, snapshot, true, tail);
	if (!rc && last > snapshot)
		rc = apply_range(trail, snapshot, last, false, tail);
	shell->durable_seq = last;
	shell->snapshot_seq = snapshot;
	return rc;
}

/* ---- a new life ---- */

/* Logical time goes on from where it was, by as much as the wall clock says, within reason. */
static uint64_t clamp_clock(struct shell *shell, const struct tail *tail)
{
	uint64_t passed = shell->wall_ms > tail->wall_ms ? shell->wall_ms - tail->wall_ms : 0;
	uint64_t clamped = 0;

	if (!tail->wall_ms) {
		shell->base_now_ms = shell->wall_ms;
		return 0;
	}
	if (shell->wall_ms < tail->wall_ms)
		clamped = tail->wall_ms - shell->wall_ms;
	if (passed > DAY_MS) {
		clamped = passed - DAY_MS;
		passed = DAY_MS;
	}
	shell->base_now_ms = tail->now_ms + passed;
	return clamped;
}

static int say_boot(struct shell *shell, const struct tail *tail)
{
	struct message message = {.type = MESSAGE_BOOT};
	static const char software[] = "bunshin " BUNSHIN_VERSION;

	shell->boot = id_random();
	shell->wall_ms = wall_now_ms();
	shell->base_boottime_ms = boottime_now_ms();
	message.boot.clamped_ms = clamp_clock(shell, tail);
	shell_clock(shell);
	shell->started_ms = shell->mono_ms;
	message.boot.boot = shell->boot;
	random_fill(message.boot.seed.bytes, sizeof(message.boot.seed.bytes));
	message.boot.core_version = OMEGA_CORE_VERSION;
	message.boot.wall_ms = shell->wall_ms;
	message.boot.boottime_ms = shell->mono_ms;
	message.boot.software = (struct text){software, sizeof(software) - 1};
	return shell_step_own(shell, &message);
}

static int open_trail(struct shell *shell, struct trail **out_trail)
{
	char path[PATH_BYTES];
	char why[256];
	int rc = state_path(&shell->state, STATE_TRAIL, path);

	snprintf(why, sizeof(why), "%s", error_sentence(rc));
	if (!rc && restore_unfinished(&shell->state)) {
		snprintf(why, sizeof(why),
			 "a restore was not finished, so the trail must not be used; do it again: bunshin audit "
			 "restore FOLDER");
		rc = ERR_STATE;
	}
	if (!rc)
		rc = trail_open(path, TRAIL_WRITE, out_trail, why);
	if (rc)
		snprintf(shell->why, sizeof(shell->why), "%s", why);
	return rc;
}

static int open_reader(struct shell *shell)
{
	char path[PATH_BYTES];
	char why[256] = "";
	int rc = state_path(&shell->state, STATE_TRAIL, path);

	if (!rc)
		rc = trail_open(path, TRAIL_READ, &shell->reader, why);
	if (rc)
		snprintf(shell->why, sizeof(shell->why), "the trail cannot be read: %s", why);
	return rc;
}

/* What is in the trail already can be told from what is new by its age. */
static int init_freshness(struct shell *shell)
{
	struct trail_task youngest;
	int rc = trail_task_last(shell->reader, &youngest);

	freshness_init(&shell->freshness, RECENT_MAX, rc ? NULL : &youngest.task_id);
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

int shell_boot(struct shell *shell)
{
	struct trail *trail = NULL;
	struct tail tail = {.shell = shell};
	int rc = make_core(shell);

	if (!rc)
		rc = open_trail(shell, &trail);
	if (!rc)
		rc = apply_trail(shell, trail, &tail);
	if (!rc)
		rc = sealing_begin(shell, trail);
	if (!rc)
		rc = erasure_begin(shell, trail);
	if (!rc)
		rc = writer_new(trail, &shell->writer);
	if (rc) {
		trail_close(trail);
		return rc;
	}
	rc = open_reader(shell);
	if (!rc)
		rc = init_freshness(shell);
	if (!rc)
		rc = changes_new(shell->reader, &shell->changes);
	if (!rc)
		rc = lookup_key(shell);
	if (!rc)
		rc = say_boot(shell, &tail);
	if (!rc)
		rc = sealing_tell_restored(shell);
	if (!rc)
		rc = routes_load(shell, "start");
	if (rc == ERR_CONFIG)
		snprintf(shell->why, sizeof(shell->why), "%s", shell->reload_sentence);
	/* Whoever connects finds a core whose life is on the disk. */
	if (!rc)
		rc = ledger_drain(shell);
	if (!rc)
		restore_note_remove(&shell->state);
	return rc;
}

int shell_snapshot(struct shell *shell)
{
	struct message message = {.type = MESSAGE_SNAPSHOT};
	size_t bytes = 0;
	uint8_t *state = NULL;
	int rc = omega_save(shell->omega, NULL, 0, &bytes);

	if (rc == ERR_FULL) {
		state = malloc(bytes);
		rc = state ? omega_save(shell->omega, state, bytes, &bytes) : ERR_MEMORY;
	}
	if (!rc) {
		struct event event = {.message = &message, .has_payload = true};

		message.snapshot.core_version = OMEGA_CORE_VERSION;
		message.snapshot.state_bytes = bytes;
		message.snapshot.state = (struct bytes){state, (uint32_t)bytes};
		rc = shell_step(shell, &event);
	}
	if (!rc)
		shell->snapshot_seq = omega_next_seq(shell->omega) - 1;
	free(state);
	buffer_release(&shell->payload); /* nothing else that is encoded there is nearly as large */
	return rc;
}
