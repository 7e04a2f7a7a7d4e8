/* SPDX-License-Identifier: MIT
 *
 * The merge of three trees in all its cases, as git's strategy ort (2.39) does it: what all its files know.
 *
 *     merge_collect   every path of the three trees that may matter; folders that one side left alone are put off, and opened only if a file
 *                    that went away could have come back in them
 *     merge_detect    what came back under another name, folders that moved as a whole, and what that means for the paths
 *     merge_settle    path by path, from the last to the first: the files, then the folders, then the tree
 *
 * The outcome of a merge with renames depends on the order in which paths are looked at, so the order is git's everywhere.
 * "Directory rename detection" of git's technical documentation says what the second step is after.
 *
 * The sides are counted as git does: 0 is the base, 1 ours, 2 theirs, and a mask has bit (1 << side).
 */
#ifndef WORKSPACE_MERGE_MERGE_INNER_H
#define WORKSPACE_MERGE_MERGE_INNER_H

#include "workspace/merge/path_map.h"
#include "workspace/merge/renames.h"
#include "workspace/store/agent.h"

enum side {
	SIDE_BASE = 0,
	SIDE_OURS = 1,
	SIDE_THEIRS = 2,
	SIDES = 3,
};

#define MASK_BASE   1u
#define MASK_OURS   2u
#define MASK_THEIRS 4u
#define MASK_ALL    7u

/* What one side has at a path; nothing: MODE_NONE and NULL. */
struct version {
	enum file_mode mode;
	const struct object *object;
};

/* What is said about a path that did not merge by itself. */
struct path_places {
	const struct conflict_place *at;
	size_t count;
};

/* A path of any of the three trees, or one that a file was moved to. */
struct path_info {
	const char *folder;     /* the key of the folder it is in; compared as a pointer */
	uint32_t name_at;       /* where in the path its last name begins */
	bool settled;           /* `result` stands */
	bool gone;              /* nothing stands there */
	bool folder_file;       /* a file on one side, a folder on another */
	bool disputed;          /* in a conflict beyond its content */
	uint8_t files, folders; /* masks: sides that have a file, a folder here */
	uint8_t same;           /* mask of sides with the same version, at least two of them; or 0 */
	struct version result;
	struct version stages[SIDES];
	const char *paths[SIDES]; /* where each had it */
	enum conflict_kind kind;  /* if kind_known */
	bool kind_known;
	struct path_places places;
};

/* A file that a side removed, added or gave another name. */
struct rename_pair {
	char status; /* 'D', 'A', 'R' */
	uint8_t side;
	const char *from, *to;
	struct version old, new;
};

struct rename_pairs {
	struct rename_pair *at;
	size_t count;
	size_t capacity;
};

/* What has to do with the renames of one side. */
struct merge_side {
	struct rename_pairs pairs;
	struct path_map folders_removed; /* number: enum rename_folder_need */
	struct path_map sources;         /* number: enum rename_need; removed files whose new name matters */
	struct path_map deferred;        /* folders put off; number: the folder mask then */
	struct path_map target_folders;  /* folders above known new names */
	bool may_defer;
	const struct rename_count *counts; /* what renames_find told of folders */
	size_t count_count;
	struct path_map folder_renames;   /* value: where it went */
	struct path_map known;            /* found before starting anew; value: the new name, NULL if it was removed */
	struct path_map known_targets;    /* the values of `known` */
	struct path_map known_irrelevant; /* looked for no further */
};

/* Paths on their way into trees (merge_write.h). */
struct tree_writer {
	struct written_entry {
		const char *name;
		const struct path_info *info;
	} * entries;
	size_t entry_count, entry_capacity;
	struct written_folder {
		const char *folder;
		size_t first; /* of its entries */
	} * folders;
	size_t folder_count, folder_capacity;
};

struct tree_merge {
	struct workspace_agent *agent;
	struct merge_pool *pool;
	unsigned depth; /* of bases that are merged themselves; 0 for the merge that was asked for */
	bool no_renames;
	bool favour_theirs;
	struct path_map favoured;  /* number: places */
	bool unclean;              /* a conflict that no path shows */
	const char *names[SIDES];  /* for conflict markers and names of files that are moved aside */
	struct path_map paths;     /* value: struct path_info */
	struct path_map conflicts; /* those that are not settled */
	struct path_map remarks;   /* conflicts of paths that have no stages: value is a struct path_info */
	struct merge_side sides[SIDES];
	unsigned
		folder_mask; /* while collecting: 0; the side that still has a folder that the other removed; or 7, all below is needed */
	unsigned restart; /* 0, 1: worth it; 2: being done */
	bool known_both;  /* keep `known` of both sides when starting anew */
	bool limit_met;
	const char *folder; /* that is being collected */
	struct tree_writer writer;
};

static inline bool version_same(const struct version *a, const struct version *b)
{
	return a->mode == b->mode && object_same(a->object, b->object);
}

static inline bool mode_is_file(enum file_mode mode)
{
	return mode == MODE_FILE || mode == MODE_EXECUTABLE;
}

/* Whether both are files, links or submodules; nothing is of no kind but its own. */
static inline bool mode_same_kind(enum file_mode a, enum file_mode b)
{
	return a == b || (mode_is_file(a) && mode_is_file(b));
}

static inline struct path_info *merge_path(const struct tree_merge *merge, const char *path)
{
	struct path_map_entry *entry = path_map_find(&merge->paths, path);
	return entry ? entry->value : NULL;
}

/* All give 0, ERR_MEMORY, ERR_FULL, ERR_TOO_LARGE (folders nested too deeply), ERR_MALFORMED (a name that a file would have to get), with the
 * sentence set; or MERGE_LOST. */

/* Renames that contradict one another, where git 2.39 stops with a failed assertion. The merge is done again without following renames. */
enum { MERGE_LOST = 1 };

int merge_memory(struct tree_merge *merge); /* sets the sentence, returns ERR_MEMORY */

MUST_CHECK int merge_collect(struct tree_merge *merge, const struct tree *const trees[SIDES]);
MUST_CHECK int merge_detect(struct tree_merge *merge);
MUST_CHECK int merge_settle(struct tree_merge *merge, const struct tree *const trees[SIDES], const struct tree **out_tree);

/* ---- pieces of merge_detect ---- */

/* Where folders of both sides went, by the majority of their files. */
MUST_CHECK int merge_folders_moved(struct tree_merge *merge);

/* Names that several files of a side would get by that: value is a struct. */
struct collision {
	size_t count; /* files that would come here */
	bool told;
};
MUST_CHECK int merge_collisions(struct tree_merge *merge, enum side side, struct path_map *out_collisions);

/* The name that a file gets because the other side moved its folder; NULL: it keeps its own. */
MUST_CHECK int merge_moved_along(struct tree_merge *merge, const char *path, enum side side,
				 const struct path_map collisions[SIDES], const char **out_path);

/* Move it there. */
MUST_CHECK int merge_move_along(struct tree_merge *merge, struct rename_pair *pair, const char *to);

/* What renames mean for the paths. */
MUST_CHECK int merge_apply_renames(struct tree_merge *merge, struct rename_pair *const *pairs, size_t count);

MUST_CHECK int rename_pairs_add(struct tree_merge *merge, struct rename_pairs *pairs, struct rename_pair pair);

/* ---- pieces of merge_settle ---- */

/* Three versions of one thing become one. `markers` is what is added to the length of conflict markers. */
MUST_CHECK int merge_content(struct tree_merge *merge, const struct version stages[SIDES], const char *const paths[SIDES],
			     unsigned markers, struct version *out_result, bool *out_clean, enum conflict_kind *out_kind,
			     struct path_places *out_places);

/* The first time something is said of a path counts. Nothing of merges of bases is remembered. */
void merge_remark(struct tree_merge *merge, struct path_info *info, enum conflict_kind kind);

#endif
