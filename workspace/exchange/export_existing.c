/* SPDX-License-Identifier: MIT
 *
 * Into a repository that is there. In this order, so that at any moment git finds it whole: the pack under a name that nobody looks at; the refs locked
 * and compared; `shallow` written aside; then the pack, `shallow` and the refs renamed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "workspace/exchange/export_inner.h"
#include "workspace/store/agent.h"

/* ---- reflogs ---- */

/* As git does without being told otherwise: of branches, remotes and notes, where somebody works. */
static bool is_logged(git_repository *repository, const char *ref)
{
	git_config *config = NULL;
	int wanted = !git_repository_is_bare(repository);
	if (!git_repository_config_snapshot(&config, repository))
		(void)!git_config_get_bool(&wanted, config, "core.logallrefupdates");
	git_config_free(config);
	return git_reference_has_log(repository, ref) > 0 ||
	       (wanted &&
		(!strncmp(ref, "refs/heads/", 11) || !strncmp(ref, "refs/remotes/", 13) || !strncmp(ref, "refs/notes/", 11)));
}

/* The refs have changed by now; a log that cannot be written takes nothing from that. */
static void log_ref(git_repository *repository, const struct ref_write *write)
{
	git_reflog *log = NULL;
	git_signature *who = NULL;
	git_oid id;
	memcpy(id.id, write->id.bytes, OID_BYTES);
	if (!is_logged(repository, write->name))
		return;
	if (git_signature_default(&who, repository))
		(void)!git_signature_now(&who, "bunshin", "bunshin");
	if (who && !git_reflog_read(&log, repository, write->name) && !git_reflog_append(log, &id, who, "bunshin export"))
		(void)!git_reflog_write(log);
	git_reflog_free(log);
	git_signature_free(who);
}

/* ---- shallow ---- */

#define SHALLOW_LOCK "shallow.lock" /* git's own name for it */

static int write_shallow(struct export *export, int git_folder, bool *out_written)
{
	struct buffer text = {0};
	int rc = export_shallow(export, &text);
	if (!rc && text.bytes) {
		*out_written = !directory_put(git_folder, SHALLOW_LOCK, text.at, text.bytes, 0666);
		if (!*out_written)
			rc = errno == EEXIST ? agent_fail(export->agent, ERR_LOCKED,
							  "%s/shallow.lock is there: another git is at work there, or has died",
							  export->options->path)
					     : export_fail_system(export, "shallow cannot be written");
	}
	buffer_release(&text);
	return rc;
}

/* ---- all of it ---- */

/* Everything lies ready. */
static int put_in_place(struct export *export, int git_folder, struct pack_put *pack, bool *shallow)
{
	int rc = 0;
	if (pack->folder >= 0 && pack_put_finish(pack)) {
		errno = pack->error;
		rc = export_fail_system(export, "the pack cannot be put in its place");
	}
	if (!rc && *shallow) {
		if (renameat(git_folder, SHALLOW_LOCK, git_folder, "shallow") || fsync(git_folder))
			rc = export_fail_system(export, "shallow cannot be put in its place");
		else
			*shallow = false;
	}
	if (rc)
		ref_files_cancel(export->writes, export->write_count);
	else
		rc = ref_files_commit(export->agent, git_folder, export->writes, export->write_count);
	return rc;
}

static int write_into(struct export *export, int git_folder)
{
	struct pack_put pack;
	bool shallow = false;
	int rc = export_pack(export, git_folder, &pack);
	if (rc)
		return rc;
	rc = ref_files_lock(export->agent, export->repository, git_folder, export->writes, export->write_count);
	if (!rc) {
		rc = write_shallow(export, git_folder, &shallow);
		if (rc)
			ref_files_cancel(export->writes, export->write_count);
	}
	if (!rc)
		rc = put_in_place(export, git_folder, &pack, &shallow);
	else if (pack.folder >= 0)
		pack_put_cancel(&pack);
	if (shallow)
		unlinkat(git_folder, SHALLOW_LOCK, 0);
	if (pack.folder >= 0)
		close(pack.folder);
	return rc;
}

int export_existing(struct export *export)
{
	int rc = export_plan(export);
	if (!rc)
		rc = export_want(export);
	if (rc || !export->write_count)
		return rc;
	int git_folder = open(git_repository_commondir(export->repository), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (git_folder < 0)
		return export_fail_system(export, "its folder cannot be opened");
	rc = write_into(export, git_folder);
	close(git_folder);
	for (size_t i = 0; i < export->write_count && !rc; i++)
		log_ref(export->repository, &export->writes[i]);
	if (!rc)
		export->result->refs = export->write_count;
	return rc;
}
