/* SPDX-License-Identifier: MIT
 *
 * Which agents a task is given to when nobody has said so: by how hard it looks, how often each agent's work of this kind was verified, and what it costs. Pure, and the
 * same for the same facts; every choice comes with a sentence.
 *
 *	struct choice_estimate hard = choice_estimate(&(struct choice_task){.prompt = prompt, .files = 900});
 *	size_t count = choice_agents(agents, agent_count, hard.level, 3, picked);
 *	for (size_t i = 0; i < count; i++)
 *		use(agents[picked[i].index].name, picked[i].why);
 */
#ifndef RACES_CHOICE_H
#define RACES_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHOICE_WHY_BYTES  256u
#define CHOICE_AGENTS_MAX 64u /* that are looked at; more are not */

struct choice_task {
	const char *prompt; /* what is asked; NULL: nothing is known */
	uint32_t files;     /* of the repository; 0: not known */
};

struct choice_estimate {
	unsigned level; /* 1 simple, 2 usual, 3 hard */
	char why[CHOICE_WHY_BYTES];
};

struct choice_agent {
	const char *name;
	unsigned level;         /* the hardest work it is good for, 1…3; 0: not said, taken for 2 */
	uint64_t cost_microusd; /* of a usual task; 0: free */
	uint32_t attempts;      /* at tasks of this kind, in this network */
	uint32_t verified;      /* of them; for work that was not judged, count what succeeded */
	bool unusable;          /* not installed, no credentials: never chosen */
};

struct choice_picked {
	size_t index; /* into the agents that were given */
	char why[CHOICE_WHY_BYTES];
};

/* From the words of the prompt and the size of the repository. A guess, and says what it is made from. */
struct choice_estimate choice_estimate(const struct choice_task *task);

/* Writes up to `wanted` agents, the best first. First each that is good for the level, then, if these are too few, those that are good for less, and then the same ones
 * again, in order. Whoever fails nearly always comes after all others, however little that costs. Among equals: for hard work the one that succeeds more often, else the one whose success costs less; then the name. Returns how many: 0 only if none is
 * usable, or none is wanted. */
size_t choice_agents(const struct choice_agent *agents, size_t count, unsigned level, size_t wanted,
		     struct choice_picked *out_picked);

#endif
