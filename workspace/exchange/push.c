/* SPDX-License-Identifier: MIT
 *
 * git push, by libgit2 on the workspace's own objects. What would leave is looked at for SHA-1 attacks before anything is said to the other side.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

/* ---- refspecs ---- */

/* As libgit2 wants it: both sides with their full names. */
struct push_spec {
	bool force;
	char *source;      /* "": delete it there */
	char *destination; /* "refs/..." */
	char *text;
};

static void spec_release(struct push_spec *spec)
{
	free(spec->source);
	free(spec->destination);
	free(spec->text);
	*spec = (struct push_spec){0};
}

static int no_memory(struct push *push)
{
	return agent_fail(push->agent, ERR_MEMORY, "no memory for a refspec");
}

/* "main" is refs/heads/main if that is what it means here; an id or main~3 stays as it is. */
static int full_source(struct push *push, const char *name, size_t bytes, char **out_source)
{
	git_reference *ref = NULL;
	char *given = strndup(name, bytes);
	if (!given)
		return no_memory(push);
	if (bytes && !git_reference_dwim(&ref, push->repository, given)) {
		git_reference *direct = NULL;
		if (!git_reference_resolve(&direct, ref)) {
			free(given);
			given = strdup(git_reference_name(direct));
		}
		git_reference_free(direct);
	}
	git_reference_free(ref);
	*out_source = given;
	return given ? 0 : no_memory(push);
}

/* A short name goes to where its source has its place; a branch, if that is not a ref or is to be deleted. */
static int full_destination(struct push *push, const char *given, const char *source, char **out_destination)
{
	git_object *target = NULL;
	int printed;
	if (*source && git_revparse_single(&target, push->repository, source))
		return agent_fail(push->agent, ERR_NOT_FOUND, "there is no \"%.100s\" in the workspace that could be pushed",
				  source);
	git_object_free(target);
	if (!given && strncmp(source, "refs/", 5) != 0)
		return agent_fail(push->agent, ERR_MALFORMED,
				  "\"%.100s\" is no ref here, so where it should go must be said: %.100s:refs/heads/NAME", source,
				  source);
	if (!given || !strncmp(given, "refs/", 5))
		printed = asprintf(out_destination, "%s", given ? given : source);
	else
		printed = asprintf(out_destination, "refs/%s/%s", strncmp(source, "refs/tags/", 10) ? "heads" : "tags", given);
	if (printed >= 0)
		return 0;
	*out_destination = NULL;
	return no_memory(push);
}

static int spec_read(struct push *push, const char *refspec, struct push_spec *spec)
{
	const char *begin = refspec + (*refspec == '+');
	size_t bytes = strcspn(begin, ":");
	*spec = (struct push_spec){.force = *refspec == '+'};
	if (strchr(refspec, '*') || !*begin || !strcmp(begin, ":"))
		return agent_fail(
			push->agent, ERR_MALFORMED,
			"\"%.100s\" cannot be pushed: a refspec is SOURCE, SOURCE:THERE or :THERE, each one ref without *",
			refspec);
	int rc = full_source(push, begin, bytes, &spec->source);
	if (!rc)
		rc = full_destination(push, begin[bytes] ? begin + bytes + 1 : NULL, spec->source, &spec->destination);
	if (!rc && asprintf(&spec->text, "%s%s:%s", spec->force ? "+" : "", spec->source, spec->destination) < 0) {
		spec->text = NULL;
		rc = no_memory(push);
	}
	return rc;
}

/* ---- what would leave ---- */

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

static int check_all(struct push *push, const struct push_spec *specs, size_t count)
{
	struct export_options options = {.path = push->url};
	struct export_result result;
	struct export export = {.agent = push->agent, .options = &options, .result = &result};
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++)
		rc = *specs[i].source ? want_source(push, &export, specs[i].source) : 0;
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
				  "%.100s: a ref there does not lead to what would be pushed; merge what is there, or put \"+\" "
				  "before the refspec",
				  push->url);
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

static int upload(struct push *push, const struct push_spec *specs, size_t count)
{
	git_remote *remote = NULL;
	git_push_options options;
	git_strarray texts = {.strings = calloc(count + 1, sizeof(char *)), .count = count};
	if (!texts.strings)
		return no_memory(push);
	for (size_t i = 0; i < count; i++)
		texts.strings[i] = specs[i].text;
	(void)!git_push_options_init(&options, GIT_PUSH_OPTIONS_VERSION);
	options.callbacks.credentials = credentials;
	options.callbacks.push_update_reference = answered;
	options.callbacks.payload = push;
	int error = git_remote_create_anonymous(&remote, push->repository, push->url);
	if (!error)
		error = git_remote_push(remote, &texts, &options);
	int rc = error ? fail_push(push, error) : 0;
	if (!rc && push->refused[0])
		rc = agent_fail(push->agent, ERR_MOVED, "%s", push->refused);
	git_remote_free(remote);
	free(texts.strings);
	return rc;
}

/* What libgit2 would call an unknown protocol. */
static int check_path(struct push *push)
{
	if (strchr(push->url, ':') || !access(push->url, F_OK))
		return 0;
	return agent_fail(push->agent, ERR_NOT_FOUND, "there is no repository %.160s", push->url);
}

static int push_specs(struct push *push, const char *const *refspecs, struct push_spec *specs, size_t count)
{
	int rc = check_path(push);
	for (size_t i = 0; i < count && !rc; i++)
		rc = spec_read(push, refspecs[i], &specs[i]);
	if (!rc)
		rc = check_all(push, specs, count);
	return rc ? rc : upload(push, specs, count);
}

int workspace_push(struct workspace_agent *agent, const char *url, const char *const *refspecs, size_t count)
{
	struct push push = {.agent = agent, .url = url};
	struct push_spec *specs = calloc(count + 1, sizeof(*specs));
	int rc = specs ? workspace_git_open(agent, &push.repository) : ERR_MEMORY;
	if (rc) {
		free(specs);
		return agent_fail(agent, rc, "nothing can be pushed: %s", error_sentence(rc));
	}
	bool held = hold_begin(agent);
	rc = push_specs(&push, refspecs, specs, count);
	hold_end(agent, held);
	for (size_t i = 0; i < count; i++)
		spec_release(&specs[i]);
	free(specs);
	git_repository_free(push.repository);
	return rc;
}
