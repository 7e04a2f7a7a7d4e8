/* SPDX-License-Identifier: MIT
 *
 * What an import brings: all branches and tags, or what revisions name.
 */
#include <stdio.h>
#include <stdlib.h>

#include "workspace/exchange/import_inner.h"
#include "workspace/store/agent.h"

static int fail(struct import *import, const char *what)
{
	return agent_fail(import->agent, ERR_IO, "%s: %s: %s", import->options->path, what, libgit2_reason());
}

/* refs/heads/main becomes PREFIX/heads/main. */
static int place_of(struct import *import, const char *ref, char **out_ref)
{
	const char *prefix = import->options->ref_prefix;
	size_t bytes = prefix ? strlen(prefix) : 0;
	while (bytes && prefix[bytes - 1] == '/')
		bytes--;
	int rc = bytes ? asprintf(out_ref, "%.*s/%s", (int)bytes, prefix, ref + strlen("refs/")) : asprintf(out_ref, "%s", ref);
	if (rc >= 0)
		return 0;
	*out_ref = NULL;
	return agent_fail(import->agent, ERR_MEMORY, "no memory for a ref");
}

static bool is_there(const struct import *import, const char *ref)
{
	for (size_t i = 0; i < import->tip_count; i++)
		if (import->tips[i].ref && !strcmp(import->tips[i].ref, ref))
			return true;
	return false;
}

/* `ref`: its name in the source, or NULL. */
static int add_tip(struct import *import, const char *ref, const git_oid *id)
{
	char *place = NULL;
	int rc = ref ? place_of(import, ref, &place) : 0;
	if (rc || (import->options->revisions && place && is_there(import, place))) {
		free(place);
		return rc;
	}
	struct import_tip *tips = realloc(import->tips, (import->tip_count + 1) * sizeof(*tips));
	if (!tips) {
		free(place);
		return agent_fail(import->agent, ERR_MEMORY, "no memory for a ref");
	}
	import->tips = tips;
	tips[import->tip_count].ref = place;
	memcpy(tips[import->tip_count++].id.bytes, id->id, OID_BYTES);
	return 0;
}

/* A symbolic ref comes as what it leads to. */
static int add_ref(struct import *import, git_reference *ref, const char *name)
{
	git_reference *direct = NULL;
	if (git_reference_resolve(&direct, ref)) {
		char what[WORKSPACE_SENTENCE_BYTES];
		snprintf(what, sizeof(what), "%.120s leads nowhere", git_reference_name(ref));
		return fail(import, what);
	}
	int rc = add_tip(import, name, git_reference_target(direct));
	git_reference_free(direct);
	return rc;
}

static int add_all(struct import *import)
{
	git_reference_iterator *iterator = NULL;
	git_reference *ref = NULL;
	int rc = 0, error;
	if (git_reference_iterator_new(&iterator, import->source.repository))
		return fail(import, "its refs cannot be read");
	while (!rc && !(error = git_reference_next(&ref, iterator))) {
		const char *name = git_reference_name(ref);
		if (!strncmp(name, "refs/heads/", 11) || !strncmp(name, "refs/tags/", 10))
			rc = add_ref(import, ref, name);
		git_reference_free(ref);
	}
	if (!rc && error != GIT_ITEROVER)
		rc = fail(import, "its refs cannot be read");
	git_reference_iterator_free(iterator);
	return rc;
}

/* HEAD means its branch; without one it is a commit like any other that has no name. */
static int add_named(struct import *import, git_reference *ref)
{
	git_reference *direct = NULL;
	if (strcmp(git_reference_name(ref), "HEAD") != 0)
		return add_ref(import, ref, git_reference_name(ref));
	if (git_reference_type(ref) == GIT_REFERENCE_DIRECT)
		return add_tip(import, NULL, git_reference_target(ref));
	if (git_reference_resolve(&direct, ref))
		return fail(import, "HEAD leads nowhere");
	int rc = add_tip(import, git_reference_name(direct), git_reference_target(direct));
	git_reference_free(direct);
	return rc;
}

static int add_revision(struct import *import, const char *revision)
{
	git_reference *ref = NULL;
	git_object *object = NULL;
	int rc;
	if (!git_reference_dwim(&ref, import->source.repository, revision)) {
		rc = add_named(import, ref);
	} else if (!git_revparse_single(&object, import->source.repository, revision)) {
		rc = add_tip(import, NULL, git_object_id(object));
	} else {
		rc = agent_fail(import->agent, ERR_NOT_FOUND,
				"%s has nothing that \"%s\" could mean; a branch, a tag, HEAD or an id would do",
				import->options->path, revision);
	}
	git_object_free(object);
	git_reference_free(ref);
	return rc;
}

static int find_head(struct import *import)
{
	git_reference *head = NULL;
	int rc = 0;
	if (!git_reference_lookup(&head, import->source.repository, "HEAD") &&
	    git_reference_type(head) == GIT_REFERENCE_SYMBOLIC && !strncmp(git_reference_symbolic_target(head), "refs/", 5))
		rc = place_of(import, git_reference_symbolic_target(head), &import->head);
	git_reference_free(head);
	return rc;
}

int import_tips(struct import *import)
{
	const char *const *revisions = import->options->revisions;
	size_t count = import->options->revision_count;
	int rc = revisions ? 0 : add_all(import);
	for (size_t i = 0; revisions && !rc && (count ? i < count : revisions[i] != NULL); i++)
		rc = add_revision(import, revisions[i]);
	return rc ? rc : find_head(import);
}
