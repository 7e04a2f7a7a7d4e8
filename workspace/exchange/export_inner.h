/* SPDX-License-Identifier: MIT
 *
 * An export: which refs go where, what is missing there, a pack of that, and last the refs.
 *
 * A new repository is built beside its place under another name and renamed when it is complete. In one that is there nothing changes before the
 * pack is on the disk and all refs are locked and found where they were.
 */
#ifndef WORKSPACE_EXCHANGE_EXPORT_INNER_H
#define WORKSPACE_EXCHANGE_EXPORT_INNER_H

#include "workspace/exchange/pack_put.h"
#include "workspace/exchange/reach.h"
#include "workspace/exchange/ref_files.h"
#include "workspace/exchange/source.h"

struct export_ref {
	char *name;  /* where it goes */
	char *local; /* what it is called here */
	const struct object *object;
};

struct export
{
	struct workspace_agent *agent;
	const struct export_options *options;
	struct export_result *result;
	struct export_ref *refs; /* in the order of names */
	size_t ref_count;
	struct reach reach;
	struct reach_record *records;
	size_t record_count;

	git_repository *repository; /* that is there already; or NULL */
	struct oid *ends;           /* what `shallow` there has */
	size_t end_count;
	struct ref_write *writes; /* what changes there; the names are those of `refs` */
	size_t write_count;
};

MUST_CHECK int export_fail_system(struct export *export, const char *what); /* ERR_IO, with errno */

/* What is asked for, and where it goes. */
MUST_CHECK int export_refs(struct export *export);

/* What the refs lead to and is not there: `records`. */
MUST_CHECK int export_want(struct export *export);

/* Look at everything that would leave and was not looked at, without writing it. */
MUST_CHECK int export_check(struct export *export);

/* `records` as a pack below the open folder `git_folder`: not there yet, but on the disk. Nothing to write: no pack. */
MUST_CHECK int export_pack(struct export *export, int git_folder, struct pack_put *out_put);

/* `shallow` as it is to be: ids that were there and commits that come without parents. Empty: it stays as it is. */
MUST_CHECK int export_shallow(struct export *export, struct buffer *out_text);

MUST_CHECK int export_new(struct export *export);
MUST_CHECK int export_existing(struct export *export);

/* Which refs of the existing repository change, and what is there already (into `reach`). */
MUST_CHECK int export_plan(struct export *export);

#endif
