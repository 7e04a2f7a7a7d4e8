/* SPDX-License-Identifier: MIT
 *
 * Finding processes in /proc and ending them: the part of process.h that must not miss anybody and must not hit anybody else.
 *
 * A process is known by number and start time; it is killed through a pidfd that was opened before its start time was read again. So a
 * number that has passed on to somebody else is never hit. The caller and its ancestors are never hit either.
 */
#ifndef ACTORS_SWEEP_H
#define ACTORS_SWEEP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sweep {
	const char *tag; /* hits whoever carries it; NULL: nobody by tag */
	pid_t root; /* an unreaped child: hits it, its group, its session and its descendants; the caller: its descendants; 0: none */
	bool orphans; /* hits children of the caller that it did not start and that carry no living leader's tag, and their descendants */
	bool look_only;      /* only counts */
	uint64_t not_before; /* spares whoever started earlier; clock ticks since boot */
};

/* Kills, waits, and looks again until two passes find nobody, for at most 2 s. Each process ended is counted once. Zombies do not count;
 * those that are orphans of the caller are reaped. */
void sweep_run(const struct sweep *sweep, uint32_t *out_ended, uint32_t *out_left);

/* True if `tag` is one or more whole parts of `carried`: "a/b" is of "x/a/b/c". */
bool tag_contains(const char *carried, const char *tag);

/* The leaders: children that process_spawn started here and that are not yet reaped. Adding fails when there are too many. */
bool process_leader_add(pid_t pid, const char *tag);
void process_leader_remove(pid_t pid);

/* True if process_spawn started this process here and it is not yet reaped; and if such a process has given this tag to its descendants. */
bool process_is_leader(pid_t pid);
bool process_owns_tag(const char *carried);

#endif
