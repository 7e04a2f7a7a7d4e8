/* SPDX-License-Identifier: MIT
 *
 * A branch here, and the same branch in the workspace.
 */
#include "cli/race_sync.h"

#include <stdio.h>
#include <string.h>

#include "cli/race_checkout.h"
#include "cli/race_view.h"
#include "cli/text.h"
#include "cli/workspace_ask.h"
#include "protocol/id.h"

#define MERGED       "/merged"
#define RACE_REFS    "refs/bunshin/"
#define RACE_REF_LEN (sizeof(RACE_REFS) - 1 + ID_TEXT_BYTES - 1 + sizeof(MERGED) - 1)

/* ---- asking ---- */

static int import(const struct call *call, const char *repo, const char *a, const char *b, bool *out_apart)
{
	json_t *request = need(json_pack("{s:s, s:s}", "verb", "import", "path", repo)), *result = NULL, *apart = NULL,
	       *list = json_array();
	int rc;

	if (a && *a)
		json_array_append_new(list, json_string(a));
	if (b && *b)
		json_array_append_new(list, json_string(b));
	json_object_set_new(request, "revisions", list);
	rc = workspace_ask(call, request, true, &result, out_apart ? &apart : NULL);
	if (apart)
		*out_apart = true;
	json_decref(apart);
	json_decref(result);
	return rc;
}

int race_import_commit(const struct call *call, const char *repo, const char *commit)
{
	return import(call, repo, commit, NULL, NULL);
}

int race_ref_find(const struct call *call, const char *repo, const char *ref, char out_id[41])
{
	json_t *request = json_pack("{s:s, s:s, s:s}", "verb", "refs", "repository", repo, "prefix", ref), *result = NULL;
	const json_t *row;
	size_t i;
	int rc = workspace_ask(call, need(request), false, &result, NULL);

	out_id[0] = 0;
	json_array_foreach (json_object_get(result, "refs"), i, row)
		if (strcmp(text_at(row, "ref"), ref) == 0)
			snprintf(out_id, 41, "%s", text_at(row, "id"));
	json_decref(result);
	return rc;
}

int race_ref_move(const struct call *call, const char *repo, const char *ref, const char *old, const char *new, bool back,
		  const char *task)
{
	json_t *request = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "verb", "advance", "repository", repo, "ref", ref, "old",
				    old, "new", new, "back", (int)back);
	json_t *result = NULL;
	int rc;

	request_add(need(request), "task", task);
	rc = workspace_ask(call, request, false, &result, NULL);
	json_decref(result);
	return rc;
}

/* ---- both ---- */

static const char *short_name(const char *ref)
{
	return strncmp(ref, "refs/heads/", 11) == 0 ? ref + 11 : ref;
}

/* The workspace has something that is not here. */
static int settle(const struct call *call, const char *repo, const char *branch, struct race_sync *sync, bool apart)
{
	int rc;

	if (checkout_has(repo, sync->there)) {
		rc = race_ref_move(call, repo, branch, sync->there, sync->here, true, NULL);
		if (!rc)
			call_note(call, "%s was set back here, from %.10s to %.10s; the workspace follows", short_name(branch),
				  sync->there, sync->here);
		memcpy(sync->there, sync->here, sizeof(sync->there));
		return rc;
	}
	sync->apart = apart;
	if (!apart)
		call_note(call, "%s is at %.10s in the workspace, which was merged there and is not here yet; it comes along",
			  short_name(branch), sync->there);
	return 0;
}

int race_sync(const struct call *call, const char *repo, const char *branch, const char *commit, struct race_sync *out_sync)
{
	char why[CHECKOUT_WHY_BYTES];
	struct checkout here = {0};
	bool apart = false;
	int rc;

	*out_sync = (struct race_sync){.apart = false};
	if (*branch && checkout_look(repo, branch, &here, why) == 0)
		memcpy(out_sync->here, here.commit, sizeof(out_sync->here));
	checkout_release(&here);
	if (!*out_sync->here)
		return commit ? race_import_commit(call, repo, commit) : 0;
	rc = import(call, repo, branch, commit, &apart);
	if (apart)
		rc = import(call, repo, out_sync->here, commit, NULL);
	if (!rc)
		rc = race_ref_find(call, repo, branch, out_sync->there);
	if (!rc && *out_sync->there && strcmp(out_sync->there, out_sync->here) != 0)
		rc = settle(call, repo, branch, out_sync, apart);
	return rc;
}

/* ---- apart ---- */

/* Which race has merged what stands there; "": none. */
static void merged_by(const struct call *call, const char *repo, const char *commit, char out[ID_TEXT_BYTES])
{
	json_t *request = json_pack("{s:s, s:s, s:s}", "verb", "refs", "repository", repo, "prefix", RACE_REFS), *result = NULL;
	const json_t *row;
	size_t i;

	out[0] = 0;
	if (workspace_ask(call, need(request), false, &result, NULL))
		return;
	json_array_foreach (json_object_get(result, "refs"), i, row) {
		const char *ref = text_at(row, "ref");
		if (strlen(ref) == RACE_REF_LEN && strcmp(ref + RACE_REF_LEN - strlen(MERGED), MERGED) == 0 &&
		    strcmp(text_at(row, "id"), commit) == 0)
			snprintf(out, ID_TEXT_BYTES, "%.36s", ref + strlen(RACE_REFS));
	}
	json_decref(result);
}

int race_apart(const struct call *call, const char *repo, const char *branch, const struct race_sync *sync)
{
	char race[ID_TEXT_BYTES], next[960];

	merged_by(call, repo, sync->there, race);
	if (*race)
		snprintf(next, sizeof(next),
			 "bunshin race accept %s merges it with what is here, bunshin race undo %s takes it back", race, race);
	else
		snprintf(next, sizeof(next),
			 "bunshin workspace export %.200s --ref %.200s --prefix refs/remotes/workspace/ brings it here as "
			 "workspace/%.200s, to be merged or rebased; bunshin workspace delete %.200s forgets it",
			 repo, branch, strncmp(branch, "refs/", 5) == 0 ? branch + 5 : branch, branch);
	return call_fail(call, ERR_CONFLICT, next,
			 "%s is at %.10s here, and at %.10s in the workspace, where something was merged that is not here",
			 short_name(branch), sync->here, sync->there);
}
