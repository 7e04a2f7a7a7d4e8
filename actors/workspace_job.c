/* SPDX-License-Identifier: MIT
 *
 * One request, done: the store it is about is opened, an agent joins it, the verb does its work.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "actors/fresh.h"
#include "actors/workspace_inner.h"

int job_fail(struct job *job, int rc, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(job->sentence, sizeof(job->sentence), format, arguments);
	va_end(arguments);
	return rc;
}

int job_failed(struct job *job, int rc)
{
	const char *sentence = job->agent ? workspace_sentence(job->agent) : "";

	if (rc && !job->sentence[0])
		snprintf(job->sentence, sizeof(job->sentence), "%s", sentence && *sentence ? sentence : error_sentence(rc));
	return rc;
}

static int work(struct job *job)
{
	switch (job->verb) {
	case WORKSPACE_IMPORT:
		return folder_import(job);
	case WORKSPACE_REFS:
		return look_refs(job);
	case WORKSPACE_LOG:
		return look_log(job);
	case WORKSPACE_SHOW:
		return look_show(job);
	case WORKSPACE_DIFF:
		return look_diff(job);
	case WORKSPACE_MEASURE:
		return look_measure(job);
	case WORKSPACE_RADAR:
		return look_radar(job);
	case WORKSPACE_HUNKS:
		return look_hunks(job);
	case WORKSPACE_COMBINE:
		return change_combine(job);
	case WORKSPACE_ADVANCE:
		return change_advance(job);
	case WORKSPACE_PICK:
		return change_pick(job);
	case WORKSPACE_MERGE:
		return change_merge(job);
	case WORKSPACE_EXPORT:
		return folder_export(job);
	case WORKSPACE_GC:
		return change_gc(job);
	case WORKSPACE_CHECKOUT:
		return folder_checkout(job);
	case WORKSPACE_HARVEST:
		return folder_harvest(job);
	case WORKSPACE_DELETE:
		return change_delete(job);
	default:
		return ERR_INTERNAL;
	}
}

/* What looks or merges does so in one bracket; the others open theirs where they need them, since they take long. */
static int work_in_bracket(struct job *job)
{
	bool quick = verb_class(job->verb) == CLASS_QUICK;
	int rc;

	if (quick)
		workspace_begin(job->agent);
	rc = work(job);
	rc = job_failed(job, rc);
	if (quick)
		workspace_end(job->agent);
	return rc;
}

static int take_store(struct job *job)
{
	bool imports = job->verb == WORKSPACE_IMPORT;
	const char *named = request_text(job->request, imports ? "path" : "repository");

	if (imports && named[0] != '/')
		return job_fail(job, ERR_USAGE, "\"%.200s\" is no absolute path", named);
	return depot_take(job->depot, named, imports, &job->store, job->sentence);
}

void job_run(struct job *job)
{
	if (!job->request) { /* opening it is all: what it owes is told then */
		job->rc = depot_take(job->depot, job->sentence, false, &job->store, job->sentence);
		return;
	}
	if (job->verb == WORKSPACE_LIST) {
		look_list(job);
		return;
	}
	job->rc = take_store(job);
	if (!job->rc)
		job->rc = workspace_join(job->store->workspace, &job->agent);
	if (!job->rc)
		job->rc = work_in_bracket(job);
	workspace_leave(job->agent);
	job->agent = NULL;
	if (job->rc && !job->sentence[0])
		snprintf(job->sentence, sizeof(job->sentence), "%s", error_sentence(job->rc));
}
