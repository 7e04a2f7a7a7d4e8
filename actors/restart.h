/* SPDX-License-Identifier: MIT
 *
 * When a child is started again: a pure function of its history, with time as an argument.
 *
 * At most `intensity` starts within any `window_ms`; a child that would need one more is given up. Between an exit and the next start lies
 * backoff_first_ms, doubled with every failure in a row up to backoff_max_ms, of which a random part up to one half is taken off. After a
 * child was ready for reset_ms the wait is the first one again. Exit status 125 means "do not start me again".
 */
#ifndef ACTORS_RESTART_H
#define ACTORS_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#define RESTART_INTENSITY_MAX 64u
#define RESTART_NEVER_STATUS  125

struct restart_policy {
	uint32_t intensity; /* 1 … RESTART_INTENSITY_MAX */
	uint32_t window_ms;
	uint32_t backoff_first_ms;
	uint32_t backoff_max_ms;
	uint32_t reset_ms;
};

#define RESTART_POLICY_DEFAULT                                                                                                   \
	{                                                                                                                        \
		.intensity = 5, .window_ms = 30000, .backoff_first_ms = 100, .backoff_max_ms = 30000, .reset_ms = 60000          \
	}

enum restart_verdict { RESTART_AGAIN = 1, RESTART_GIVE_UP = 2 };

struct restart_decision {
	enum restart_verdict verdict;
	uint64_t at_ms;  /* RESTART_AGAIN: when to start it */
	const char *why; /* RESTART_GIVE_UP: a sentence, static */
};

/* All zero: a child that was never started. */
struct restart_history {
	uint64_t started_ms[RESTART_INTENSITY_MAX]; /* the latest starts, a ring */
	uint32_t starts;                            /* since the last reset */
	uint32_t failures;                          /* in a row */
	uint64_t ready_ms;
	bool ready;
};

void restart_started(struct restart_history *history, uint64_t now_ms);
void restart_ready(struct restart_history *history, uint64_t now_ms);

/* The child has ended with `status` (-1: by a signal). `random` is any 32 bits. Times never go back. */
struct restart_decision restart_exited(struct restart_history *history, const struct restart_policy *policy, uint64_t now_ms,
				       int status, uint32_t random);

#endif
