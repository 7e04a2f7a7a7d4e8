/* SPDX-License-Identifier: MIT */
#include "races/choice.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "races/said.h"

#define WORDS_LONG  180u
#define WORDS_SHORT 12u
#define FILES_MANY  3000u
#define PATHS_MANY  3u
#define RATE_LEAST  0.25 /* who succeeds less often, by Laplace's rule, is not good for such work: three failures of three */

/* ---- how hard ---- */

/* At least this many words of a kind speak; the first is named. A word fits where a word of the prompt begins with it. */
static const char *const easy_words[] = {"typo",    "spelling",  "comment", "readme",    "rename",    "whitespace",
					 "indent",  "format",    "bump",    "docstring", "changelog", "log message",
					 "wording", "copyright", "lint",    "unused",    NULL};
static const char *const hard_words[] = {
	"refactor",    "redesign",      "rewrite",     "migrat",       "architect",  "concurren", "race condition",
	"deadlock",    "thread",        "lock-free",   "performan",    "optimi",     "scal",      "security",
	"vulnerab",    "protocol",      "distributed", "transaction",  "backward",   "compiler",  "parser",
	"cryptograph", "memory leak",   "across the",  "every module", "whole code", "all files", "from scratch",
	"end-to-end",  "state machine", NULL};

static bool begins(const char *text, const char *word)
{
	for (; *word; word++, text++)
		if (tolower((unsigned char)*text) != *word)
			return false;
	return true;
}

static unsigned count_words(const char *prompt, const char *const *words, const char **out_first)
{
	unsigned count = 0;

	for (; *words; words++)
		for (const char *at = prompt; *at; at++) {
			if ((at > prompt && isalnum((unsigned char)at[-1])) || !begins(at, *words))
				continue;
			*out_first = *out_first ? *out_first : *words;
			count++;
			break; /* said twice is not harder */
		}
	return count;
}

struct shape {
	unsigned words, paths, items;
};

static struct shape shape_of(const char *prompt)
{
	struct shape shape = {0};
	bool line_begins = true;

	for (const char *at = prompt; *at;) {
		size_t bytes = strcspn(at, " \t\n"), digits = strspn(at, "0123456789");

		if (bytes) {
			const char *dot = memchr(at, '.', bytes);

			shape.words++;
			shape.paths += memchr(at, '/', bytes) != NULL || (dot && dot > at && isalpha((unsigned char)dot[1]));
			shape.items += line_begins && ((bytes == 1 && strchr("-*", *at)) || (digits && at[digits] == '.'));
		}
		line_begins = at[bytes] == '\n';
		at += bytes + (at[bytes] != '\0');
	}
	return shape;
}

struct choice_estimate choice_estimate(const struct choice_task *task)
{
	struct choice_estimate out = {.level = 2};
	const char *prompt = task->prompt ? task->prompt : "", *hard_word = NULL, *easy_word = NULL;
	unsigned hard = count_words(prompt, hard_words, &hard_word), easy = count_words(prompt, easy_words, &easy_word);
	struct shape shape = shape_of(prompt);
	int points = 0;

	if (!shape.words) {
		said_add(out.why, sizeof(out.why), "Usual work: nothing is known of it.");
		return out;
	}
	points += (int)(hard > 2 ? 4 : 2 * hard) - (int)(easy > 2 ? 4 : 2 * easy);
	points += shape.words >= WORDS_LONG ? 2 : shape.words <= WORDS_SHORT && !hard ? -1 : 0;
	points += shape.items >= 4 ? 2 : 0;
	points += shape.paths >= PATHS_MANY ? 1 : 0;
	points += task->files >= FILES_MANY ? 1 : 0;
	out.level = points >= 3 ? 3 : points <= -2 ? 1 : 2;
	said_add(out.why, sizeof(out.why), "%s work: %u word%s",
		 out.level == 1   ? "Simple"
		 : out.level == 2 ? "Usual"
				  : "Hard",
		 shape.words, shape.words == 1 ? "" : "s");
	if (hard_word)
		said_add(out.why, sizeof(out.why), ", which speak of \"%s\"%s", hard_word, hard > 1 ? " and the like" : "");
	if (easy_word)
		said_add(out.why, sizeof(out.why), ", %s of \"%s\"", hard_word ? "but also" : "which speak", easy_word);
	if (shape.items >= 4)
		said_add(out.why, sizeof(out.why), ", a list of %u items", shape.items);
	if (shape.paths >= PATHS_MANY)
		said_add(out.why, sizeof(out.why), ", %u files are named", shape.paths);
	if (task->files >= FILES_MANY)
		said_add(out.why, sizeof(out.why), ", in a repository of %u files", task->files);
	said_add(out.why, sizeof(out.why), ".");
	return out;
}

/* ---- who ---- */

static unsigned level_of(const struct choice_agent *agent)
{
	return agent->level ? agent->level : 2;
}

/* Laplace's rule: who has not tried yet is as likely to succeed as not, and a single success proves little. */
static double success_rate(const struct choice_agent *agent)
{
	uint32_t verified = agent->verified < agent->attempts ? agent->verified : agent->attempts;

	return ((double)verified + 1) / ((double)agent->attempts + 2);
}

static double cost_of_success(const struct choice_agent *agent)
{
	return (double)agent->cost_microusd / success_rate(agent);
}

/* Negative: a goes first. */
static int compare(const struct choice_agent *a, const struct choice_agent *b, unsigned level)
{
	double rate = success_rate(b) - success_rate(a), cost = cost_of_success(a) - cost_of_success(b);
	bool fit_a = level_of(a) >= level, fit_b = level_of(b) >= level;
	bool able_a = success_rate(a) >= RATE_LEAST, able_b = success_rate(b) >= RATE_LEAST;

	if (able_a != able_b)
		return able_a ? -1 : 1;
	if (fit_a != fit_b)
		return fit_a ? -1 : 1;
	if (!fit_a && level_of(a) != level_of(b))
		return level_of(a) > level_of(b) ? -1 : 1;
	if (level >= 3) {
		if (rate < 0 || rate > 0)
			return rate < 0 ? -1 : 1;
		if (cost < 0 || cost > 0)
			return cost < 0 ? -1 : 1;
	} else {
		if (cost < 0 || cost > 0)
			return cost < 0 ? -1 : 1;
		if (rate < 0 || rate > 0)
			return rate < 0 ? -1 : 1;
	}
	return strcmp(a->name, b->name);
}

static void explain(struct choice_picked *picked, const struct choice_agent *agent, unsigned level, bool again)
{
	char *why = picked->why;
	static const char *const works[] = {"simple", "simple", "usual", "hard"};

	why[0] = '\0';
	said_add(why, CHOICE_WHY_BYTES, "%s is good for %s work", agent->name, works[level_of(agent) > 3 ? 3 : level_of(agent)]);
	if (level_of(agent) < level)
		said_add(why, CHOICE_WHY_BYTES, ", and nobody else is left who is good for this");
	if (agent->attempts)
		said_add(why, CHOICE_WHY_BYTES, ", %u of %u attempts at such work succeeded",
			 agent->verified < agent->attempts ? agent->verified : agent->attempts, agent->attempts);
	else
		said_add(why, CHOICE_WHY_BYTES, ", has not tried such work yet");
	if (agent->cost_microusd)
		said_add(why, CHOICE_WHY_BYTES, ", and a success costs about $%.4f", cost_of_success(agent) / 1e6);
	else
		said_add(why, CHOICE_WHY_BYTES, ", and costs nothing");
	said_add(why, CHOICE_WHY_BYTES, again ? "; once more, since there are no others." : ".");
}

size_t choice_agents(const struct choice_agent *agents, size_t count, unsigned level, size_t wanted,
		     struct choice_picked *out_picked)
{
	size_t order[CHOICE_AGENTS_MAX], usable = 0;

	for (size_t i = 0; i < count && usable < CHOICE_AGENTS_MAX; i++) {
		size_t to = usable;

		if (agents[i].unusable || !agents[i].name)
			continue;
		for (; to > 0 && compare(&agents[i], &agents[order[to - 1]], level) < 0; to--)
			order[to] = order[to - 1];
		order[to] = i;
		usable++;
	}
	for (size_t i = 0; usable && i < wanted; i++) {
		out_picked[i].index = order[i % usable];
		explain(&out_picked[i], &agents[order[i % usable]], level, i >= usable);
	}
	return usable ? wanted : 0;
}
