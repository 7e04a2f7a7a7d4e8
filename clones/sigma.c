/* SPDX-License-Identifier: MIT
 *
 * Sigma looks at what a repository tells its readers: which exported symbols are documented, where documents point to nothing or name
 * what is gone, what a README should say, and what changed since the last tag.
 *
 * Parameters besides "repo" and "commit": "budget_ms", how long each reader may read.
 *
 * The result: entities of kind "changes", "file_documentation" (most undocumented symbols first) and "undocumented"; findings of the
 * rules undocumented, broken-link, broken-anchor, drift, readme-…, licence-missing, changelog-missing; the metric
 * documentation_coverage per language and as a whole; "changelog", how the changes were grouped; "attachments" with changelog.md.
 */
#include "clones/sigma.h"

#include <stdio.h>
#include <string.h>

#include "clones/modules.h"
#include "clones/specialists.h"

#define BUDGET_MS 4500u

static int sigma_plan(const struct target *target, struct arena *arena, struct plan *out_plan, char out_why[256])
{
	const json_t *wanted = json_object_get(target->parameters, "budget_ms");
	uint32_t budget_ms = BUDGET_MS;

	if (wanted && (!json_is_integer(wanted) || json_integer_value(wanted) < 1 || json_integer_value(wanted) > 3600000)) {
		snprintf(out_why, 256, "parameters.budget_ms must be a number of milliseconds from 1 to 3600000");
		return ERR_INVALID_PARAMETERS;
	}
	if (wanted)
		budget_ms = (uint32_t)json_integer_value(wanted);
	if (!plan_tool(target, arena, out_plan, "symbols", budget_ms, NULL, NULL) ||
	    !plan_tool(target, arena, out_plan, "links", budget_ms, NULL, NULL) ||
	    !plan_tool(target, arena, out_plan, "history", budget_ms, "--log", "600"))
		return ERR_MEMORY;
	return 0;
}

static void synthesise(struct sigma *sigma)
{
	char text[600] = "";

	if (sigma->symbols && sigma->exported)
		snprintf(text, sizeof(text), "%u of %u exported symbols are documented (%.0f %%). ", sigma->documented,
			 sigma->exported, 100.0 * sigma->documented / sigma->exported);
	else if (sigma->symbols)
		snprintf(text, sizeof(text), "No exported symbol was found in a language that is read. ");
	if (sigma->links)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%zu broken link%s, %zu name%s that %s gone. ",
			 sigma->broken, sigma->broken == 1 ? "" : "s", sigma->drift, sigma->drift == 1 ? "" : "s",
			 sigma->drift == 1 ? "is" : "are");
	if (sigma->history)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%zu change%s since the last tag.", sigma->changes,
			 sigma->changes == 1 ? "" : "s");
	if (text[0])
		result_set(sigma->result, "synthesis",
			   json_pack("{s:s, s:s, s:[], s:i}", "by", "template", "text", text, "claims", "dropped_claims", 0));
}

static int conclude(struct sigma *sigma)
{
	int rc = sigma->inventory && sigma->attachments ? 0 : ERR_MEMORY;

	if (!rc)
		rc = sigma_changes(sigma);
	if (!rc)
		rc = sigma_coverage(sigma);
	if (!rc)
		rc = sigma_documents(sigma);
	if (!rc)
		synthesise(sigma);
	return rc;
}

static json_t *sigma_conclude(const struct target *target, const struct plan *plan, const struct output *outputs)
{
	struct sigma sigma = {.target = target, .result = result_begin(target, "sigma", "documentation")};
	json_t *symbols = answer_of(sigma.result, plan, outputs, "symbols");
	json_t *links = answer_of(sigma.result, plan, outputs, "links");
	json_t *history = answer_of(sigma.result, plan, outputs, "history");
	int rc;

	sigma.symbols = symbols;
	sigma.links = links;
	sigma.history = history;
	sigma.inventory = inventory_by_path(target);
	sigma.attachments = json_array();
	if (!symbols && !links && !history)
		result_status(sigma.result, BLOCKED, "None of the readers could be read, so there is nothing to conclude from.");
	rc = conclude(&sigma);
	result_set(sigma.result, "attachments", sigma.attachments);
	json_decref(sigma.inventory);
	json_decref(symbols);
	json_decref(links);
	json_decref(history);
	if (!rc)
		return result_end(sigma.result);
	result_free(sigma.result);
	return NULL;
}

const struct specialist sigma_specialist = {
	.role = "sigma",
	.task_type = "documentation",
	.sentence = "measures what is documented, finds links and names that lead nowhere, and drafts the list of changes",
	.plan = sigma_plan,
	.conclude = sigma_conclude,
};
