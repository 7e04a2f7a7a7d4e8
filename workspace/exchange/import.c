/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "workspace/exchange/ancestry.h"
#include "workspace/exchange/import_inner.h"
#include "workspace/store/agent.h"
#include "workspace/store/hold.h"

#define TRIES_MAX 100u /* refs that move while they are looked at */

/* ---- refs ---- */

static int fail_apart(struct import *import, const struct import_tip *tip, const struct object *here)
{
	char ours[OID_HEX_BYTES], theirs[OID_HEX_BYTES];
	oid_print(&here->id, ours);
	oid_print(&tip->id, theirs);
	return agent_fail(
		import->agent, ERR_CONFLICT,
		"%s is at %.12s here and at %.12s in %s, which does not follow it; import it under a prefix, or move it first",
		tip->ref, ours, theirs, import->options->path);
}

/* Without a prefix the ref is the same branch on both sides: what was made here is not thrown away. */
static int settle_same(struct import *import, const struct import_tip *tip, const struct object *here, const struct object *there,
		       bool *out_change)
{
	const struct commit *ours = object_as_commit(here), *theirs = object_as_commit(there);
	bool follows = false, precedes = false;
	int rc = 0;
	if (ours && theirs && strncmp(tip->ref, "refs/tags/", 10) != 0) {
		rc = ancestry_leads(theirs, ours, &follows);
		if (!rc && !follows)
			rc = ancestry_leads(ours, theirs, &precedes);
	}
	if (rc)
		return agent_fail(import->agent, rc, "no memory to compare %s", tip->ref);
	*out_change = follows;
	return follows || precedes ? 0 : fail_apart(import, tip, here);
}

static int plan_ref(struct import *import, const struct import_tip *tip, struct ref_update *update, bool *out_change)
{
	const struct object *here = NULL, *there = object_find(import->agent, &tip->id);
	int rc = workspace_ref_get(import->agent, tip->ref, &here);
	if (rc && rc != ERR_NOT_FOUND)
		return rc;
	if (rc)
		here = NULL;
	*update = (struct ref_update){.ref = tip->ref, .from = here, .to = there};
	*out_change = here != there;
	return here && *out_change && !import->options->ref_prefix ? settle_same(import, tip, here, there, out_change) : 0;
}

static int try_refs(struct import *import, struct ref_update *updates)
{
	size_t count = 0;
	int rc = 0;
	for (size_t i = 0; i < import->tip_count && !rc; i++) {
		bool change = false;
		if (import->tips[i].ref)
			rc = plan_ref(import, &import->tips[i], &updates[count], &change);
		count += !rc && change;
	}
	import->result->refs = count;
	return rc || !count ? rc : workspace_refs_update(import->agent, updates, count);
}

/* In an import that stands for a clone, HEAD means what it means there, also when that is another branch than before. */
static int set_head(struct import *import)
{
	const struct object *object;
	if (!import->head || import->options->ref_prefix || workspace_ref_get(import->agent, import->head, &object))
		return 0;
	return workspace_head_set(import->agent, import->head);
}

int import_refs(struct import *import)
{
	struct ref_update *updates = calloc(import->tip_count + 1, sizeof(*updates));
	int rc = ERR_MOVED;
	if (!updates)
		return agent_fail(import->agent, ERR_MEMORY, "no memory for the refs of %s", import->options->path);
	for (unsigned i = 0; i < TRIES_MAX && rc == ERR_MOVED; i++) {
		workspace_begin(import->agent);
		rc = try_refs(import, updates);
		workspace_end(import->agent);
	}
	free(updates);
	return rc ? rc : set_head(import);
}

/* ---- all of it ---- */

static void release(struct import *import)
{
	for (size_t i = 0; i < import->tip_count; i++)
		free(import->tips[i].ref);
	free(import->tips);
	free(import->head);
	free(import->commits);
	oid_map_release(&import->known);
	buffer_release(&import->raws);
	buffer_release(&import->tags);
	buffer_release(&import->others);
	buffer_release(&import->order);
	source_close(&import->source);
}

int workspace_import(struct workspace_agent *agent, const struct import_options *options, struct import_result *out_result)
{
	struct import import = {.agent = agent, .options = options, .result = out_result};
	*out_result = (struct import_result){0};
	int rc = source_open(agent, options->path, &import.source);
	if (rc)
		return rc;
	bool held = hold_begin(agent);
	rc = import_tips(&import);
	if (!rc)
		rc = import_history(&import);
	if (!rc)
		rc = import_objects(&import);
	if (!rc)
		rc = import_refs(&import);
	hold_end(agent, held);
	release(&import);
	return rc;
}
