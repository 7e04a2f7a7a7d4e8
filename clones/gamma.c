/* SPDX-License-Identifier: MIT
 *
 * Gamma looks at how a repository is put together: which module needs which, where that goes in circles, which modules everything
 * hangs on, and, from the history, where complicated code changes often and what changes together without saying so.
 *
 * Parameters besides "repo" and "commit": "budget_ms", how long each reader may read.
 *
 * The result: entities of kind "cycle", "hub", "hotspot", "hidden_coupling", "module" and "edge" in this order; findings of the rules
 * import-cycle, hub, hotspot, hidden-coupling, unresolved-import; metrics of the whole; "recommendations", decision records whose
 * effect was computed; "attachments" with the graph as DOT and Mermaid.
 */
#include "clones/gamma.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/answer.h"
#include "clones/specialists.h"

#define BUDGET_MS               12000u
#define MODULE_ENTITIES_MAX     3000u
#define EDGE_ENTITIES_MAX       3000u
#define UNRESOLVED_FINDINGS_MAX 20u
#define UNSTABLE_STEP           0.3

static int gamma_plan(const struct target *target, struct arena *arena, struct plan *out_plan, char out_why[256])
{
	const json_t *wanted = json_object_get(target->parameters, "budget_ms");
	uint32_t budget_ms = BUDGET_MS;

	if (wanted && (!json_is_integer(wanted) || json_integer_value(wanted) < 1 || json_integer_value(wanted) > 3600000)) {
		snprintf(out_why, 256, "parameters.budget_ms must be a number of milliseconds from 1 to 3600000");
		return ERR_INVALID_PARAMETERS;
	}
	if (wanted)
		budget_ms = (uint32_t)json_integer_value(wanted);
	if (!plan_tool(target, arena, out_plan, "imports", budget_ms, NULL, NULL) ||
	    !plan_tool(target, arena, out_plan, "history", budget_ms, "--log", "0"))
		return ERR_MEMORY;
	return 0;
}

void gamma_recommend(struct gamma *gamma, const char *title, const char *context, json_t *options, const char *outcome,
		     json_t *before, json_t *after)
{
	json_t *record = json_pack("{s:s, s:s, s:o, s:s, s:{s:o, s:o}}", "title", title, "context", context, "considered_options",
				   options, "decision_outcome", outcome, "consequences", "before", before, "after", after);

	json_array_append_new(gamma->recommendations, record);
}

/* ---- hubs ---- */

static int by_need(const void *left, const void *right)
{
	const struct module *const *a = left, *const *b = right;

	if ((*a)->in != (*b)->in)
		return (*a)->in > (*b)->in ? -1 : 1;
	return strcmp((*a)->name, (*b)->name);
}

/* What cost there would be if the module needed nothing itself: the least that splitting it could reach. */
static double cost_without(struct gamma *gamma, const struct module *module)
{
	struct graph *graph = &gamma->modules.graph;
	double cost = -1;

	for (size_t i = graph->first[module->node]; i < graph->first[module->node + 1]; i++)
		graph->edge[i].cut = true;
	if (graph_propagation(graph, &cost))
		cost = -1;
	for (size_t i = graph->first[module->node]; i < graph->first[module->node + 1]; i++)
		graph->edge[i].cut = false;
	return cost;
}

/* A hub that needs much itself ties everything to everything. One that needs nothing is a foundation, and fine. */
static void hub_finding(struct gamma *gamma, const struct module *module, double cost)
{
	char title[1200], outcome[400];
	struct finding finding = {.rule = "hub", .title = title, .path = module->path, .severity = "medium", .confidence = 0.8};

	snprintf(title, sizeof(title),
		 "%s is needed by %u of %u modules and needs %u itself: through it a change reaches %.0f %% of them.",
		 module->name, module->in, gamma->modules.nodes - 1, module->out, gamma->propagation * 100);
	snprintf(outcome, sizeof(outcome),
		 "Part what the others need from what needs the others; at best, a change then reaches %.0f %% of the modules "
		 "instead of %.0f %%.",
		 cost * 100, gamma->propagation * 100);
	finding.help = "A module that most others need and that needs most others makes them one piece.";
	finding.fix_hint = outcome;
	finding.confidence_basis = "computed from the imports";
	result_add_finding(gamma->result, &finding);
	gamma_recommend(gamma, "Part the foundation from the rest", title, json_pack("[s]", module->name), outcome,
			json_pack("{s:f}", "propagation_cost", gamma->propagation), json_pack("{s:f}", "propagation_cost", cost));
}

static int add_hubs(struct gamma *gamma)
{
	for (uint32_t i = 0; i < gamma->modules.nodes; i++) {
		const struct module *module = gamma_module(gamma, i);
		double cost;

		if (!module->hub)
			continue;
		gamma->hubs++;
		cost = gamma->propagation >= 0 && module->out ? cost_without(gamma, module) : -1;
		result_add_entity(gamma->result, "hub",
				  json_pack("{s:s, s:s, s:I, s:I}", "module", module->name, "path", module->path, "in",
					    (json_int_t)module->in, "out", (json_int_t)module->out));
		if (cost >= 0 && module->out * 10 >= gamma->modules.nodes && cost < gamma->propagation * 0.9)
			hub_finding(gamma, module, cost);
	}
	return 0;
}

/* ---- modules and edges ---- */

static void module_entity(struct gamma *gamma, const struct module *module)
{
	result_add_entity(gamma->result, "module",
			  json_pack("{s:s, s:s, s:s?, s:I, s:I, s:I, s:I, s:I, s:f, s:I, s:s?, s:I}", "name", module->name,
				    "path", module->path, "language", module->language, "files", (json_int_t)module->files,
				    "code_lines", (json_int_t)module->code_lines, "decisions", (json_int_t)module->decisions,
				    "in", (json_int_t)module->in, "out", (json_int_t)module->out, "instability",
				    (double)(int)(module_instability(module) * 100 + 0.5) / 100, "commits_365d",
				    (json_int_t)module->commits_365d, "owner", module->owner, "bus_factor",
				    (json_int_t)module->bus_factor));
}

static int add_modules(struct gamma *gamma)
{
	const struct module **sorted = calloc((size_t)gamma->modules.nodes + 1, sizeof(*sorted));

	if (!sorted)
		return ERR_MEMORY;
	for (uint32_t i = 0; i < gamma->modules.nodes; i++)
		sorted[i] = gamma_module(gamma, i);
	qsort(sorted, gamma->modules.nodes, sizeof(sorted[0]), by_need);
	for (uint32_t i = 0; i < gamma->modules.nodes && i < MODULE_ENTITIES_MAX; i++)
		module_entity(gamma, sorted[i]);
	if (gamma->modules.nodes > MODULE_ENTITIES_MAX)
		result_status(gamma->result, PARTIAL, "Of %u modules, the %u most needed are listed.", gamma->modules.nodes,
			      MODULE_ENTITIES_MAX);
	free(sorted);
	return 0;
}

/* The stable dependencies principle: lean on what changes less. Returns the edges against it. */
static size_t add_edges(struct gamma *gamma)
{
	const struct graph *graph = &gamma->modules.graph;
	size_t against = 0;

	for (size_t i = 0; i < graph->edges; i++) {
		const struct module *from = gamma_module(gamma, graph->edge[i].from),
				    *to = gamma_module(gamma, graph->edge[i].to);
		bool unstable = module_instability(to) - module_instability(from) >= UNSTABLE_STEP;

		against += unstable;
		if (i < EDGE_ENTITIES_MAX)
			result_add_entity(gamma->result, "edge",
					  json_pack("{s:s, s:s, s:I, s:b}", "from", from->name, "to", to->name, "places",
						    (json_int_t)graph->edge[i].weight, "to_less_stable", unstable));
	}
	if (graph->edges > EDGE_ENTITIES_MAX)
		result_status(gamma->result, PARTIAL, "Of %zu edges, %u are listed.", graph->edges, EDGE_ENTITIES_MAX);
	return against;
}

/* ---- imports that lead nowhere ---- */

static const json_t *inventory_file(const struct gamma *gamma, const char *path)
{
	const json_t *file;
	size_t i;

	json_array_foreach (json_object_get(gamma->target->inventory, "files"), i, file)
		if (strcmp(json_text(file, "path"), path) == 0)
			return file;
	return NULL;
}

static void unresolved_finding(struct gamma *gamma, const json_t *unresolved)
{
	const char *path = json_text(unresolved, "path"), *spec = json_text(unresolved, "spec");
	bool ambiguous = strcmp(json_text(unresolved, "reason"), "ambiguous") == 0;
	const json_t *about = inventory_file(gamma, path);
	char title[800];
	struct finding finding = {.rule = "unresolved-import", .title = title, .severity = "info", .path = path};

	snprintf(title, sizeof(title),
		 ambiguous ? "'%.300s' could be several files of the repository." : "'%.300s' is not in the repository.", spec);
	finding.line = json_number(unresolved, "line");
	finding.snippet = spec;
	finding.confidence = 0.3;
	finding.confidence_basis = "generated files and include paths of the build are not known";
	finding.in_test = path_in_test(path);
	finding.vendored = json_is_true(json_object_get(about, "vendored")) || path_vendored(path);
	if (!finding.vendored)
		result_add_finding(gamma->result, &finding);
}

static void add_unresolved(struct gamma *gamma, const json_t *imports)
{
	const json_t *unresolved;
	size_t i;

	json_array_foreach (json_object_get(imports, "unresolved"), i, unresolved)
		if (i < UNRESOLVED_FINDINGS_MAX)
			unresolved_finding(gamma, unresolved);
}

/* ---- the whole ---- */

static void metric(struct gamma *gamma, const char *name, double value, const char *unit, const char *method)
{
	result_add_metric(gamma->result, name, "", value, unit, method);
}

static void add_metrics(struct gamma *gamma, const json_t *imports, size_t against)
{
	const struct modules *modules = &gamma->modules;
	double calm = -1;

	metric(gamma, "modules", modules->nodes, "modules", "imports");
	metric(gamma, "modules_outside", modules->outside, "modules", "tests, examples, vendored and generated code");
	metric(gamma, "edges", (double)modules->graph.edges, "edges", "imports");
	metric(gamma, "type_only_edges", modules->type_edges, "places", "imports");
	metric(gamma, "cycles", gamma->cycles, "cycles", "strongly connected components without hubs");
	metric(gamma, "modules_in_cycles", gamma->cyclic_modules, "modules", "strongly connected components without hubs");
	metric(gamma, "largest_cycle", gamma->largest_cycle > 1 ? gamma->largest_cycle : 0, "modules",
	       "strongly connected components without hubs");
	metric(gamma, "hubs", gamma->hubs, "modules", "needed by 40 % of the modules");
	metric(gamma, "edges_to_less_stable", (double)against, "edges", "instability differs by 0.3 or more");
	if (gamma->propagation >= 0)
		metric(gamma, "propagation_cost", gamma->propagation, "ratio", "transitive closure");
	if (graph_propagation(&modules->calm, &calm) == 0)
		metric(gamma, "propagation_cost_without_hubs", calm, "ratio", "transitive closure");
	metric(gamma, "outside_dependencies", json_number(json_object_get(imports, "counts"), "external"), "names", "imports");
	if (gamma->history) {
		metric(gamma, "commits", json_number(json_object_get(gamma->history, "commits"), "walked"), "commits", "history");
		metric(gamma, "authors", json_number(gamma->history, "authors_total"), "authors", "history");
		metric(gamma, "bus_factor", json_number(gamma->history, "bus_factor"), "authors",
		       "fewest owners without whom half of the files have lost theirs");
	}
}

static void synthesise(struct gamma *gamma)
{
	char text[900];

	if (gamma->cycles)
		snprintf(text, sizeof(text),
			 "%u modules with %zu edges; %u of them in %u cycle%s, the largest of %u; %u hub%s; %zu hotspot%s; %zu "
			 "hidden "
			 "coupling%s.",
			 gamma->modules.nodes, gamma->modules.graph.edges, gamma->cyclic_modules, gamma->cycles,
			 gamma->cycles == 1 ? "" : "s", gamma->largest_cycle, gamma->hubs, gamma->hubs == 1 ? "" : "s",
			 gamma->hotspots, gamma->hotspots == 1 ? "" : "s", gamma->hidden, gamma->hidden == 1 ? "" : "s");
	else
		snprintf(text, sizeof(text),
			 "%u modules with %zu edges, no cycle; %u hub%s; %zu hotspot%s; %zu hidden coupling%s.",
			 gamma->modules.nodes, gamma->modules.graph.edges, gamma->hubs, gamma->hubs == 1 ? "" : "s",
			 gamma->hotspots, gamma->hotspots == 1 ? "" : "s", gamma->hidden, gamma->hidden == 1 ? "" : "s");
	result_set(gamma->result, "synthesis",
		   json_pack("{s:s, s:s, s:[], s:i}", "by", "template", "text", text, "claims", "dropped_claims", 0));
}

static int conclude(struct gamma *gamma, const json_t *imports)
{
	size_t against;
	int rc = modules_init(&gamma->modules, gamma->target, imports, gamma->history);

	if (rc == ERR_LIMIT) {
		result_status(gamma->result, PARTIAL, "There are more modules than are looked at (%u), or their list is odd.",
			      MODULES_MAX);
		return 0;
	}
	if (!rc && graph_propagation(&gamma->modules.graph, &gamma->propagation))
		gamma->propagation = -1;
	if (!rc)
		rc = gamma_cycles(gamma);
	if (!rc)
		rc = add_hubs(gamma);
	if (!rc && gamma->history)
		rc = gamma_past(gamma);
	if (!rc)
		rc = gamma_draw(gamma);
	if (!rc)
		rc = add_modules(gamma);
	if (rc)
		return rc;
	against = add_edges(gamma);
	add_unresolved(gamma, imports);
	add_metrics(gamma, imports, against);
	synthesise(gamma);
	return 0;
}

/* What was looked at: the files that the reader of imports read. */
static void say_analysed(struct gamma *gamma, const json_t *imports)
{
	const json_t *file;
	size_t i, code = 0;

	json_array_foreach (json_object_get(imports, "files"), i, file) {
		if (!json_is_string(json_object_get(file, "language")))
			continue;
		result_analysed(gamma->result, json_text(file, "path"));
		code++;
	}
	result_files_total(gamma->result, code + json_array_size(json_object_get(imports, "not_read")));
	if (imports && !code)
		result_status(gamma->result, PARTIAL,
			      "There is no file of C, C++, Python, JavaScript or TypeScript; imports of other languages are not "
			      "read yet.");
}

static json_t *gamma_conclude(const struct target *target, const struct plan *plan, const struct output *outputs)
{
	struct gamma gamma = {.target = target, .result = result_begin(target, "gamma", "architecture-design")};
	json_t *imports = answer_of(gamma.result, plan, outputs, "imports");
	json_t *history = answer_of(gamma.result, plan, outputs, "history");
	int rc;

	gamma.history = history;
	gamma.newest = json_time(history, "newest");
	gamma.recommendations = json_array();
	gamma.attachments = json_array();
	if (!imports && !history)
		result_status(gamma.result, BLOCKED,
			      "Neither imports nor history could be read, so there is nothing to conclude from.");
	say_analysed(&gamma, imports);
	rc = conclude(&gamma, imports);
	result_set(gamma.result, "recommendations", gamma.recommendations);
	result_set(gamma.result, "attachments", gamma.attachments);
	modules_release(&gamma.modules);
	json_decref(imports);
	json_decref(history);
	if (!rc)
		return result_end(gamma.result);
	result_free(gamma.result);
	return NULL;
}

const struct specialist gamma_specialist = {
	.role = "gamma",
	.task_type = "architecture-design",
	.sentence = "maps the modules, their cycles, hubs and hotspots, and says which edge to take out",
	.plan = gamma_plan,
	.conclude = gamma_conclude,
};
