/* SPDX-License-Identifier: MIT
 *
 * What the history of a repository tells about its files, gathered commit by commit from the newest back.
 *
 * A file is followed through its renames: an older name counts for the file that carries it on. Only trees are compared, no
 * text is, except to see whether a file that came is one that went.
 */
#ifndef TOOLS_HISTORY_H
#define TOOLS_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clones/names.h"
#include "tools/reading.h"

#define HISTORY_COMMIT_FILES_MAX 30u /* a commit that changes more tells little about any of them */
#define HISTORY_PAIRS_MAX        1000000u
#define HISTORY_YEAR_SECONDS     (365 * 86400ll)

/* How often an author changed a file. */
struct share {
	uint32_t author;
	uint32_t commits;
};

struct past {
	uint32_t commits;       /* no merges; renames followed */
	uint32_t commits_year;  /* within 365 days of the newest commit */
	uint32_t small_commits; /* of at most HISTORY_COMMIT_FILES_MAX files */
	int64_t first, last;    /* commit times */
	struct share *shares;
	uint32_t share_count;
	bool living; /* in the tree that was asked for */
};

/* Two files that changed in one commit. */
struct pair {
	uint32_t a, b; /* a < b */
	uint32_t together;
	uint32_t together_year;
	int64_t last;
};

struct pairs;
struct pairs *pairs_new(void);
void pairs_free(struct pairs *pairs);
/* False: out of memory. Over the bound, new pairs are counted as dropped. */
bool pairs_count(struct pairs *pairs, uint32_t a, uint32_t b, int64_t when, bool in_year);
/* Those seen at least `least` times, most often first; `out_count` of them, valid until pairs_free. NULL: none. */
struct pair *pairs_sorted(struct pairs *pairs, uint32_t least, size_t *out_count);
size_t pairs_dropped(const struct pairs *pairs);

/* An author is an e-mail address after .mailmap; names are for people. */
struct author {
	uint32_t name; /* in names */
	uint32_t commits, commits_year;
	int64_t first, last;
	uint32_t owned; /* files */
};

struct gone {
	uint32_t path;       /* in paths */
	uint32_t renamed_to; /* in paths, or NAMES_NONE */
	int64_t when;
	char commit[GIT_OID_HEXSZ + 1];
};

struct history {
	struct reading reading;
	struct names *paths; /* every path that ever was */
	uint32_t *carrier;   /* by path: the number of the file that it stands for now */
	bool *ended;         /* by path: the commit that made this file has been seen */
	struct past *pasts;  /* by path; used for carriers */
	uint32_t path_room;
	struct names *mails;
	struct names *names;
	struct author *authors;
	uint32_t author_room;
	struct pairs *pairs;
	struct gone *gone;
	size_t gone_count, gone_room;
	git_mailmap *mailmap;
	int64_t newest, oldest;
	size_t commits, merges, large, unreadable;
	bool complete;
};

/* Walks back from the commit of the reading. 0, or 1 after a sentence on stderr. */
MUST_CHECK int history_walk(struct history *history);
void history_release(struct history *history);

/* The number of a path; the record of the file that it stands for. NAMES_NONE, NULL: out of memory. */
uint32_t history_path(struct history *history, const char *path);
struct past *history_past(struct history *history, uint32_t path);

/* The fewest authors who made more than half of a file's commits together. */
uint32_t past_bus_factor(const struct past *past);

/* The part of the answer about commits since the last tag: "log", "range" and "tags" (history_log.c). */
MUST_CHECK int history_log(struct history *history);

#endif
