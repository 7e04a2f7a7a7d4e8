/* SPDX-License-Identifier: MIT
 *
 * git push, by libgit2 on the workspace's own objects. What would leave is looked at for SHA-1 attacks before anything is said to the other side.
 */
#include <stdio.h>
#include <stdlib.h>

#include "workspace/exchange/export_inner.h"
#include "workspace/store/agent.h"
#include "workspace/store/hold.h"

struct push {
	struct workspace_agent *agent;
	const char *url;
	git_repository *repository;
	char refused[WORKSPACE_SENTENCE_BYTES]; /* by the other side; empty: nothing */
	unsigned attempts;                      /* to say who we are */
};

/* ---- what would leave ---- */

/* "+refs/heads/main:refs/heads/main", "main", ":gone" */
static int source_of(struct push *push, const char *refspec, char **out_source)
{
	const char *begin = *refspec == '+' ? refspec + 1 : refspec;
	*out_source = strndup(begin, strcspn(begin, ":"));
	return *out_source ? 0 : agent_fail(push->agent, ERR_MEMORY, "no memory for a refspec");
}

static int want_source(struct push *push, struct export *export, const char *source)
{
	git_object *target = NULL;
	struct oid id;
	if (git_revparse_single(&target, push->repository, source))
		return agent_fail(push->agent, ERR_NOT_FOUND, "there is no \"%.100s\" in the workspace that could be pushed",
				  source);
	memcpy(id.bytes, git_object_id(target)->id, OID_BYTES);
	git_object_free(target);
	workspace_begin(push->agent);
	const struct object *object = object_find(push->agent, &id);
	workspace_end(push->agent);
	return object ? reach_want(&export->reach, &object, 1) : 0;
}

static int want_refspec(struct push *push, struct export *export, const char *refspec)
{
	char *source = NULL;
	int rc = 0;
	if (strchr(refspec, '*'))
		return agent_fail(push->agent, ERR_MALFORMED,
				  "\"%.100s\" cannot be pushed: a refspec names one source, without *", refspec);
	rc = source_of(push, refspec, &source);
	if (!rc && *source)
		rc = want_source(push, export, source);
	free(source);
	return rc;
}

/* libgit2 walks to the end of a history, and there must be one. */
static int check_whole(struct push *push, const struct reach *reach)
{
	char hex[OID_HEX_BYTES];
	const struct commit *cut;
	if (!reach->cuts.bytes)
		return 0;
	memcpy(&cut, reach->cuts.at, sizeof(struct commit *));
	oid_print(&cut->object.id, hex);
	return agent_fail(push->agent, ERR_STATE,
			  "the parents of commit %s are not in the workspace (it was imported without them), so its history "
			  "cannot be pushed; "
			  "an export writes it as shallow",
			  hex);
}

static int check_all(struct push *push, const char *const *refspecs, size_t count)
{
	struct export_options options = {.path = push->url};
	struct export_result result;
	struct export export = {.agent = push->agent, .options = &options, .result = &result};
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++)
		rc = want_refspec(push, &export, refspecs[i]);
	if (!rc)
		rc = check_whole(push, &export.reach);
	if (!rc)
		rc = reach_records(&export.reach, &export.records, &export.record_count);
	if (!rc)
		rc = export_check(&export);
	free(export.records);
	reach_release(&export.reach);
	return rc;
}

/* ---- the other side ---- */

/* What an ssh agent has, and once: it would be asked again and again. Everything else needs somebody to ask. */
static int credentials(git_credential **out, const char *url, const char *user, unsigned int allowed, void *payload)
{
	struct push *push = payload;
	(void)url;
	if (push->attempts++ || !(allowed & GIT_CREDENTIAL_SSH_KEY))
		return GIT_PASSTHROUGH;
	return git_credential_ssh_key_from_agent(out, user ? user : "git");
}

static int answered(const char *ref, const char *status, void *payload)
{
	struct push *push = payload;
	if (status && !push->refused[0])
		snprintf(push->refused, sizeof(push->refused), "%.100s was refused there: %.100s", ref, status);
	return 0;
}

static int fail_push(struct push *push, int error)
{
	const char *reason = libgit2_reason();
	switch (error) {
	case GIT_ENONFASTFORWARD:
		return agent_fail(push->agent, ERR_MOVED,
				  "%.100s: %s; what is there does not lead to what would be pushed (\"+\" before the refspec "
				  "moves it all the "
				  "same)",
				  push->url, reason);
	case GIT_EAUTH:
		return agent_fail(push->agent, ERR_NOT_ALLOWED, "%.100s: %s", push->url, reason);
	case GIT_EINVALIDSPEC:
		return agent_fail(push->agent, ERR_MALFORMED, "%.100s: %s", push->url, reason);
	case GIT_ENOTFOUND:
		return agent_fail(push->agent, ERR_NOT_FOUND, "%.100s: %s", push->url, reason);
	default:
		return agent_fail(push->agent, ERR_IO, "%.100s: %s", push->url, reason);
	}
}

static int upload(struct push *push, const char *const *refspecs, size_t count)
{
	git_remote *remote = NULL;
	git_push_options options;
	git_strarray specs = {.strings = calloc(count + 1, sizeof(char *)), .count = count};
	if (!specs.strings)
		return agent_fail(push->agent, ERR_MEMORY, "no memory for refspecs");
	for (size_t i = 0; i < count; i++)
		specs.strings[i] = (char *)(uintptr_t)refspecs[i]; /* libgit2 reads them only */
	(void)!git_push_options_init(&options, GIT_PUSH_OPTIONS_VERSION);
	options.callbacks.credentials = credentials;
	options.callbacks.push_update_reference = answered;
	options.callbacks.payload = push;
	int error = git_remote_create_anonymous(&remote, push->repository, push->url);
	if (!error)
		error = git_remote_push(remote, &specs, &options);
	int rc = error ? fail_push(push, error) : 0;
	if (!rc && push->refused[0])
		rc = agent_fail(push->agent, ERR_MOVED, "%s", push->refused);
	git_remote_free(remote);
	free(specs.strings);
	return rc;
}

int workspace_push(struct workspace_agent *agent, const char *url, const char *const *refspecs, size_t count)
{
	struct push push = {.agent = agent, .url = url};
	int rc = workspace_git_open(agent, &push.repository);
	if (rc)
		return agent_fail(agent, rc, "libgit2 cannot be started");
	bool held = hold_begin(agent);
	rc = check_all(&push, refspecs, count);
	if (!rc)
		rc = upload(&push, refspecs, count);
	hold_end(agent, held);
	git_repository_free(push.repository);
	return rc;
}
