/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "workspace/exchange/export_inner.h"
#include "workspace/store/agent.h"
#include "workspace/store/hold.h"

/* Nothing there, or an empty folder. */
static bool is_place_for_new(const char *path)
{
	struct stat info;
	bool empty = true;
	if (stat(path, &info))
		return errno == ENOENT;
	DIR *entries = S_ISDIR(info.st_mode) ? opendir(path) : NULL;
	if (!entries)
		return false;
	for (struct dirent *entry; empty && (entry = readdir(entries));)
		empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
	closedir(entries);
	return empty;
}

static int export_to(struct export *export)
{
	const char *path = export->options->path;
	if (is_place_for_new(path))
		return export_new(export);
	int rc = repository_open(export->agent, path, &export->repository);
	if (rc == ERR_NOT_FOUND)
		return agent_fail(export->agent, ERR_STATE,
				  "%s is there and holds no git repository; a repository, an empty folder or a new name would do",
				  path);
	return rc ? rc : export_existing(export);
}

static void release(struct export *export)
{
	for (size_t i = 0; i < export->ref_count; i++) {
		free(export->refs[i].name);
		free(export->refs[i].local);
	}
	free(export->refs);
	free(export->writes);
	free(export->records);
	free(export->ends);
	reach_release(&export->reach);
	git_repository_free(export->repository);
}

int workspace_export(struct workspace_agent *agent, const struct export_options *options, struct export_result *out_result)
{
	struct export export = {.agent = agent, .options = options, .result = out_result};
	*out_result = (struct export_result){0};
	int rc = libgit2_start();
	if (rc)
		return agent_fail(agent, rc, "libgit2 cannot be started");
	bool held = hold_begin(agent);
	rc = export_refs(&export);
	if (!rc)
		rc = export_to(&export);
	hold_end(agent, held);
	release(&export);
	if (rc)
		*out_result = (struct export_result){0};
	return rc;
}
