/* SPDX-License-Identifier: MIT */
#include "workspace/exchange/libgit2_inner.h"

#include <git2/sys/repository.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int started;

static void start(void)
{
	/* Of these, only worktreeconfig and partialclone are common; a partial clone has what it has, and what is missing is missed when it is read. */
	static const char *extensions[] = {"worktreeconfig", "partialclone", "preciousobjects"};
	started = git_libgit2_init();
	if (started < 0)
		return;
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, extensions, sizeof(extensions) / sizeof(*extensions));
}

int libgit2_start(void)
{
	pthread_once(&once, start);
	return started < 0 ? ERR_SYSTEM : 0;
}

const char *libgit2_reason(void)
{
	const git_error *error = git_error_last();
	return error && error->message ? error->message : "libgit2 gives no reason";
}

int libgit2_error(struct workspace_agent *agent, int rc)
{
	if (!rc)
		return 0;
	git_error_set_str(GIT_ERROR_ODB, workspace_sentence(agent));
	switch (rc) {
	case ERR_NOT_FOUND:
		return GIT_ENOTFOUND;
	case ERR_AMBIGUOUS:
		return GIT_EAMBIGUOUS;
	case ERR_MOVED:
		return GIT_EMODIFIED;
	case ERR_MALFORMED:
		return GIT_EINVALID;
	default:
		return GIT_ERROR;
	}
}

/* No settings of whoever runs this: what happens to a workspace does not depend on them. (libgit2 1.5 would also leak 10 KB for each setting that it
 * compares with a pattern.) */
static int set_empty_config(git_repository *repository)
{
	git_config *config = NULL;
	int error = git_config_new(&config);
	if (!error)
		error = git_repository_set_config(repository, config);
	git_config_free(config);
	return error;
}

static int open_on(git_odb *odb, git_refdb_backend **refs, git_repository **out)
{
	git_repository *repository = NULL;
	git_refdb *refdb = NULL;
	int error = git_repository_wrap_odb(&repository, odb);
	if (!error)
		error = set_empty_config(repository);
	if (!error)
		error = git_refdb_new(&refdb, repository);
	if (!error)
		error = git_refdb_set_backend(refdb, *refs);
	if (!error) {
		*refs = NULL; /* the refdb has it */
		error = git_repository_set_refdb(repository, refdb);
	}
	git_refdb_free(refdb);
	if (error)
		git_repository_free(repository);
	else
		*out = repository;
	return error;
}

int workspace_git_open(struct workspace_agent *agent, git_repository **out_repository)
{
	git_odb *odb = NULL;
	int rc = libgit2_start();
	if (rc)
		return rc;
	git_odb_backend *objects = libgit2_objects_new(agent);
	git_refdb_backend *refs = libgit2_refs_new(agent);
	int error = objects && refs ? git_odb_new(&odb) : GIT_ERROR;
	if (!error) {
		error = git_odb_add_backend(odb, objects, 1);
		if (!error)
			objects = NULL; /* the odb has it */
	}
	if (!error)
		error = open_on(odb, &refs, out_repository);
	git_odb_free(odb);
	if (objects)
		objects->free(objects);
	if (refs)
		refs->free(refs);
	return error ? ERR_MEMORY : 0;
}
