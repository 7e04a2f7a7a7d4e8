/* SPDX-License-Identifier: MIT
 *
 * What the history adds to the structure: where complicated code changes often, and what changes together without saying so.
 */
#include "clones/gamma.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/answer.h"

#define HOTSPOTS_MAX            20u
#define HOTSPOT_FINDINGS_MAX    8u
#define HOTSPOT_COMMITS_LEAST   6u
#define HOTSPOT_DECISIONS_LEAST 60u
#define HIDDEN_MAX              60u
#define HIDDEN_FINDINGS_MAX     15u
#define HIDDEN_TOGETHER_LEAST   5u
#define HIDDEN_SHARE_LEAST      0.4
#define YEAR_SECONDS            (365 * 86400ll)

struct hotspot {
	const struct module *module;
	double score; /* commits in a year times decisions */
};

static int by_score(const void *left, const void *right)
{
	const struct hotspot *a = left, *b = right;

	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	return strcmp(a->module->name, b->module->name);
}

/* Commits a year since the module came. */
static double usual_year(const struct module *module)
{
	double years = (double)(module->last - module->first) / (double)YEAR_SECONDS;

	return module->commits / (years < 1 ? 1 : years);
}

/* When the owner was last seen, 0 if the reader did not list them. */
static int64_t owner_seen(const struct gamma *gamma, const struct module *module)
{
	const json_t *author;
	size_t i;
	int64_t seen = 0;

	json_array_foreach (json_object_get(gamma->history, "authors"), i, author)
		if (module->owner && strcmp(json_text(author, "name"), module->owner) == 0 && json_time(author, "last") > seen)
			seen = json_time(author, "last");
	return seen;
}

/* Empty if the owner is active, or not known. */
static void owner_text(const struct gamma *gamma, const struct module *module, char *out, size_t room)
{
	int64_t seen = owner_seen(gamma, module);
	char age[32];

	out[0] = 0;
	if (!module->owner || !seen || gamma->newest - seen < YEAR_SECONDS)
		return;
	age_text(seen, gamma->newest, age);
	snprintf(out, room, " Its main author, %s (%u of %u commits), has committed nothing for %s.", module->owner,
		 module->owner_commits, module->file_commits, age);
}

static void hotspot_entity(struct gamma *gamma, const struct hotspot *hotspot, double top)
{
	const struct module *module = hotspot->module;

	result_add_entity(gamma->result, "hotspot",
			  json_pack("{s:s, s:s, s:f, s:I, s:I, s:f, s:I, s:I, s:s?, s:I, s:I}", "module", module->name, "path",
				    module->path, "score", (double)(int)(hotspot->score / top * 1000 + 0.5) / 1000,
				    "commits_365d", (json_int_t)module->commits_365d, "commits", (json_int_t)module->commits,
				    "commits_usual_year", (double)(int)(usual_year(module) * 10 + 0.5) / 10, "decisions",
				    (json_int_t)module->decisions, "code_lines", (json_int_t)module->code_lines, "owner",
				    module->owner, "bus_factor", (json_int_t)module->bus_factor, "last",
				    (json_int_t)module->last));
}

static void hotspot_finding(struct gamma *gamma, const struct hotspot *hotspot, double top)
{
	const struct module *module = hotspot->module;
	char title[1500], owner[500];
	struct finding finding = {.rule = "hotspot", .title = title, .path = module->path, .confidence = 0.7};

	owner_text(gamma, module, owner, sizeof(owner));
	snprintf(title, sizeof(title),
		 "%s changed in %u commits within a year (%.0f in a usual one) and holds %u decisions on %u lines.%s",
		 module->name, module->commits_365d, usual_year(module), module->decisions, module->code_lines, owner);
	finding.severity = owner[0] || module->bus_factor <= 1 ? "medium" : "low";
	finding.score = 20 + 30 * hotspot->score / top;
	finding.help = "Complicated code that changes often is where faults are most likely and tidying pays first.";
	finding.confidence_basis = "commits of the last 365 days times decisions";
	result_add_finding(gamma->result, &finding);
}

static int add_hotspots(struct gamma *gamma)
{
	struct hotspot *hotspots = calloc((size_t)gamma->modules.count + 1, sizeof(*hotspots));
	size_t count = 0;

	if (!hotspots)
		return ERR_MEMORY;
	for (uint32_t i = 0; i < gamma->modules.nodes; i++) {
		const struct module *module = gamma_module(gamma, i);

		if (module->language && module->commits_365d && module->decisions)
			hotspots[count++] = (struct hotspot){module, (double)module->commits_365d * module->decisions};
	}
	qsort(hotspots, count, sizeof(*hotspots), by_score);
	for (size_t i = 0; i < count && i < HOTSPOTS_MAX; i++) {
		const struct module *module = hotspots[i].module;

		hotspot_entity(gamma, &hotspots[i], hotspots[0].score);
		if (gamma->hotspots < HOTSPOT_FINDINGS_MAX && module->commits_365d >= HOTSPOT_COMMITS_LEAST &&
		    module->decisions >= HOTSPOT_DECISIONS_LEAST && ++gamma->hotspots)
			hotspot_finding(gamma, &hotspots[i], hotspots[0].score);
	}
	free(hotspots);
	return 0;
}

struct hidden {
	const struct module *a, *b;
	uint32_t together, year;
	double share; /* of the commits of the one that changes less */
	int64_t last;
};

static bool needs(const struct gamma *gamma, const struct module *a, const struct module *b)
{
	size_t there, back;

	modules_places(&gamma->modules, a->node, b->node, &there);
	modules_places(&gamma->modules, b->node, a->node, &back);
	return there + back > 0;
}

/* A module that a needs and that needs b, or NULL. */
static const struct module *between(const struct gamma *gamma, const struct module *a, const struct module *b)
{
	const struct graph *graph = &gamma->modules.graph;

	for (size_t i = graph->first[a->node]; i < graph->first[a->node + 1]; i++)
		if (graph_find(graph, graph->edge[i].to, b->node) != SIZE_MAX)
			return gamma_module(gamma, graph->edge[i].to);
	return NULL;
}

static bool counts(const struct module *module)
{
	return module && !module->outside && module->language && module->small_commits;
}

static bool hidden_of(const struct gamma *gamma, const json_t *pair, struct hidden *hidden)
{
	uint32_t least;

	hidden->a = modules_find(&gamma->modules, json_text(pair, "a"));
	hidden->b = modules_find(&gamma->modules, json_text(pair, "b"));
	hidden->together = json_number(pair, "together");
	hidden->year = json_number(pair, "together_365d");
	hidden->last = json_time(pair, "last");
	if (!counts(hidden->a) || !counts(hidden->b) || hidden->a == hidden->b || hidden->together < HIDDEN_TOGETHER_LEAST)
		return false;
	/* What parted long ago is no coupling today. */
	if (gamma->newest - hidden->last > 3 * YEAR_SECONDS || needs(gamma, hidden->a, hidden->b))
		return false;
	least = hidden->a->small_commits < hidden->b->small_commits ? hidden->a->small_commits : hidden->b->small_commits;
	hidden->share = least ? (double)hidden->together / least : 0;
	hidden->share = hidden->share > 1 ? 1 : hidden->share;
	return hidden->share >= HIDDEN_SHARE_LEAST;
}

static int by_strength(const void *left, const void *right)
{
	const struct hidden *a = left, *b = right;
	double x = a->share * a->together, y = b->share * b->together;

	if (x != y)
		return x > y ? -1 : 1;
	if (a->a != b->a)
		return strcmp(a->a->name, b->a->name);
	return strcmp(a->b->name, b->b->name);
}

static void hidden_add(struct gamma *gamma, const struct hidden *hidden)
{
	const struct module *link = between(gamma, hidden->a, hidden->b);
	char title[1500], age[32], through[400] = "";
	struct finding finding = {.rule = "hidden-coupling", .title = title, .severity = "low", .path = hidden->a->path};

	link = link ? link : between(gamma, hidden->b, hidden->a);
	if (link)
		snprintf(through, sizeof(through), " (there is a way through %.300s)", link->name);
	result_add_entity(gamma->result, "hidden_coupling",
			  json_pack("{s:s, s:s, s:I, s:I, s:f, s:I}", "a", hidden->a->name, "b", hidden->b->name, "together",
				    (json_int_t)hidden->together, "together_365d", (json_int_t)hidden->year, "share",
				    (double)(int)(hidden->share * 100 + 0.5) / 100, "last", (json_int_t)hidden->last));
	if (gamma->hidden++ >= HIDDEN_FINDINGS_MAX)
		return;
	age_text(hidden->last, gamma->newest, age);
	snprintf(title, sizeof(title),
		 "%s and %s changed together in %u commits, %.0f %% of those of the one that changes less, last %s ago, yet "
		 "neither imports "
		 "the other%s.",
		 hidden->a->name, hidden->b->name, hidden->together, hidden->share * 100, age, through);
	finding.help =
		"What changes together without an import shares knowledge that no compiler checks: a format, a protocol, a copy.";
	finding.snippet = hidden->b->path; /* tells the couplings of one module apart */
	finding.confidence = (0.3 + 0.4 * hidden->share) * (link ? 0.7 : 1);
	finding.confidence_basis = "commits of at most 30 files";
	result_add_finding(gamma->result, &finding);
}

static int add_hidden(struct gamma *gamma)
{
	const json_t *pairs = json_object_get(gamma->history, "cochange");
	struct hidden *hidden = calloc(json_array_size(pairs) + 1, sizeof(*hidden));
	const json_t *pair;
	size_t i, count = 0;

	if (!hidden)
		return ERR_MEMORY;
	json_array_foreach (pairs, i, pair)
		if (hidden_of(gamma, pair, &hidden[count]))
			count++;
	qsort(hidden, count, sizeof(*hidden), by_strength);
	for (i = 0; i < count && i < HIDDEN_MAX; i++)
		hidden_add(gamma, &hidden[i]);
	free(hidden);
	return 0;
}

int gamma_past(struct gamma *gamma)
{
	int rc = add_hotspots(gamma);

	return rc ? rc : add_hidden(gamma);
}
