/* SPDX-License-Identifier: MIT
 *
 * Where the files of folders went, counted while renames are found.
 */
#ifndef WORKSPACE_MERGE_RENAME_FOLDERS_H
#define WORKSPACE_MERGE_RENAME_FOLDERS_H

#include "workspace/merge/rename_names.h"
#include "workspace/merge/renames.h"

/* So many files of a folder went to `to`. */
struct tally {
	struct name to;
	unsigned count;
	size_t next; /* of the same folder, in the order in which they came; SIZE_MAX ends them */
};

struct folder_tallies {
	size_t first, last; /* SIZE_MAX: none */
	unsigned count;
	struct name guess; /* at NULL: none */
};

struct rename_folders {
	struct rename_folder *folders;
	size_t folder_count;
	struct folder_tallies *tallies_of; /* by folder */
	struct name_map by_path;
	struct name_map by_target; /* of a folder */
	struct tally *tallies;
	size_t tally_count, tally_capacity;
};

/* Release in any case. All of them: 0 or ERR_MEMORY. Paths are borrowed. */
MUST_CHECK int rename_folders_init(struct rename_folders *folders, const struct rename_options *options);
void rename_folders_release(struct rename_folders *folders);

/* A file was renamed. */
MUST_CHECK int rename_folders_count(struct rename_folders *folders, const char *from, const char *to);

/* From what was counted so far: where each folder went, if it went anywhere. */
MUST_CHECK int rename_folders_guess(struct rename_folders *folders);

/* Where a file of that name would be if it went with its folder; false if nothing is known. */
MUST_CHECK bool rename_folders_target(const struct rename_folders *folders, const char *from, struct name *out_folder);

/* Of `sources`, numbers of those that are left: take away those that are asked for only because of folders of which enough is known. */
MUST_CHECK int rename_folders_cull(struct rename_folders *folders, struct rename_source *sources, size_t *left,
				   size_t *left_count);

MUST_CHECK int rename_folders_result(const struct rename_folders *folders, struct renames *out_renames);

#endif
