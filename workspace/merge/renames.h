/* SPDX-License-Identifier: MIT
 *
 * Which of the files that went away came back under another name: what git 2.39 finds (diffcore-rename), in its order and with its ties.
 *
 * Three searches, each among what the one before has left: files with the same content; files of the same base name that are at least 75 % alike,
 * if the name is unique on both sides or the folder's other files tell where it went; then, for each new file, the four most similar old ones, of
 * which the best pairs win. Alike means: how much of the larger file stands in the smaller one, counted by lines (or 64 bytes, if that is
 * less), wherever they stand.
 *
 * A merge (ort) needs less than a comparison, and asks for less: it says for each source why its new name matters, and for each folder that went
 * away whether it has to be known where to. What is not asked for is not searched, and since a target can be found only once, that shows in the
 * result.
 *
 * Nothing is kept, nothing waits; any number of threads.
 */
#ifndef WORKSPACE_MERGE_RENAMES_H
#define WORKSPACE_MERGE_RENAMES_H

#include "workspace/workspace.h"

#define RENAME_SCORE_MAX   60000u
#define RENAME_SCORE_MIN   30000u /* 50 % */
#define RENAME_LIMIT_DIFF  1000u
#define RENAME_LIMIT_MERGE 7000u
#define RENAME_NONE        SIZE_MAX

/* Why a merge wants to know where a source went. */
enum rename_need {
	RENAME_NEED_NOTHING = -1, /* not at all */
	RENAME_NEED_NO_MORE = 0,  /* it did, and what is known of its folder is enough; set by renames_find too */
	RENAME_NEED_CONTENT = 1,  /* the other side changed it */
	RENAME_NEED_PLACE = 2,    /* only to learn where its folder went */
};

/* The same of a folder that is gone on this side. */
enum rename_folder_need {
	RENAME_FOLDER_NOTHING = 0,
	RENAME_FOLDER_FOR_PARENT = 1, /* one above it is needed; set by renames_find too, once it knows enough of this one */
	RENAME_FOLDER_FOR_SELF = 2,
};

struct rename_source {
	const char *path;
	enum file_mode mode;
	struct oid id;
	struct bytes data;     /* of files; else not looked at */
	enum rename_need need; /* not looked at unless `merging` */
};

struct rename_target {
	const char *path;
	enum file_mode mode;
	struct oid id;
	struct bytes data;
	size_t source;  /* out: index, or RENAME_NONE */
	uint16_t score; /* out: of RENAME_SCORE_MAX */
};

struct rename_folder {
	const char *path; /* "" is the top */
	enum rename_folder_need need;
};

/* Found before, in another run. */
struct rename_known {
	const char *from, *to;
};

struct rename_options {
	unsigned limit;  /* the last search is left out if there would be more than limit * limit pairs to compare; 0: never */
	bool skip_empty; /* files without bytes take no part: merges do so, comparisons do not */
	bool merging;    /* look at `need`, and count folders */
	struct rename_folder *folders; /* that are gone on this side; none twice */
	size_t folder_count;
	const struct rename_known *known;
	size_t known_count;
};

/* `count` files went from one folder to the other, those of folders below included where they stayed together. */
struct rename_count {
	const char *from, *to;
	unsigned count;
};

/* What was found besides; release in any case. */
struct renames {
	const struct rename_count *counts; /* of folders whose need is not NOTHING, those of one `from` next to each other */
	size_t count_count;
	unsigned limit_needed; /* not 0: the last search was left out */
	void *memory;
};
void renames_release(struct renames *renames);

/* Sources are what a side removed, targets what it added, each in the order of the comparison, no path twice. Fills `source` and `score` of each target; 0 or
 * ERR_MEMORY. The paths in `out_renames` are its own. */
MUST_CHECK int renames_find(const struct rename_options *options, struct rename_source *sources, size_t source_count,
			    struct rename_target *targets, size_t target_count, struct renames *out_renames);

#endif
