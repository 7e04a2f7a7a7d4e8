/* SPDX-License-Identifier: MIT
 *
 * A git repository in memory that all agents of a process share.
 *
 * Objects are those of git (ids are SHA-1 over the same bytes), so that what goes out is a repository like any other. Objects never
 * change and never move; branches are single atomic words. Readers therefore wait for nobody, and a writer only ever finds that
 * somebody was first (ERR_MOVED).
 *
 *     workspace_open(&options, &workspace, sentence)       one for the process
 *     workspace_join(workspace, &agent)                    one for each thread that works
 *       workspace_begin(agent)                             what is found from here on stays where it is …
 *         workspace_find(agent, "main", &parent)
 *         workspace_commit(agent, "refs/heads/main", parent, &change, &commit)
 *       workspace_end(agent)                               … until here
 *     workspace_leave(agent); workspace_close(workspace)
 *
 * Pointers to objects belong to the workspace. They are valid until the workspace_end that closes the outermost workspace_begin; an
 * object that a ref leads to is found again by its id. Functions may be called outside such a bracket too, but then the pointers they
 * give may only be compared. A long bracket keeps memory from being reclaimed, nothing else.
 *
 * Every function returns 0 or an error of protocol/errors.def; after an error nothing has changed, and workspace_sentence says what was
 * found and what would have been accepted. Those that recur:
 *
 *   ERR_NOT_FOUND  there is no such object, ref or path
 *   ERR_MOVED      a ref is not where the caller believed: look again, and decide again
 *   ERR_MALFORMED  a path, name or object that git would refuse (`.git` in all its spellings, "..", NUL, double entries, a wrong order, …);
 *                  also where such a folder came with an import and is to be compared, changed or written
 *   ERR_FULL       the memory cap is reached; workspace_gc and deleting refs help
 *   ERR_STATE      a ref would be a folder of another one; or garbage is to be collected within a bracket
 *   ERR_MEMORY
 *   ERR_IO         the journal cannot be written. Once a change of refs was visible before that was found out, the workspace can only be read: that change was
 *                  not acknowledged and is not there when it is opened again, so nothing may be built on it
 *
 * An agent belongs to one thread at a time; everything else may be shared. Unless it says so, no function blocks or touches a disk, but
 * for the journal's write into the page cache. A collection of garbage makes everybody wait.
 */
#ifndef WORKSPACE_WORKSPACE_H
#define WORKSPACE_WORKSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/codec.h"
#include "protocol/error.h"

#define OID_BYTES                20u
#define OID_HEX_BYTES            41u /* with the NUL */
#define WORKSPACE_SENTENCE_BYTES 256u
#define WORKSPACE_PATH_MAX       4095u
#define WORKSPACE_REF_MAX        1023u

struct oid {
	uint8_t bytes[OID_BYTES];
};

/* Objects, opaque here (workspace/store/object.h has them); each begins with a struct object. */
struct object;
struct blob;
struct tree;
struct commit;

struct workspace;
struct workspace_agent;

/* The modes that git stores. */
enum file_mode {
	MODE_NONE = 0,
	MODE_FOLDER = 040000,
	MODE_FILE = 0100644,
	MODE_EXECUTABLE = 0100755,
	MODE_SYMLINK = 0120000,
	MODE_SUBMODULE = 0160000, /* the commit of another repository: an id, and no object of this one */
};

/* ---- opening ---- */

enum workspace_durability {
	DURABLE_MEMORY = 0,  /* nothing outlives the process */
	DURABLE_PROCESS = 1, /* in the page cache before the call returns: survives kill -9, not a loss of power */
	DURABLE_DISK = 3,    /* on the disk before the call returns; calls of several agents share one fdatasync. Blocks */
};

struct workspace_options {
	const char *journal; /* a folder for it, made if need be; NULL only with DURABLE_MEMORY */
	enum workspace_durability durability;
	uint64_t memory_max_bytes; /* 0: half of the machine's */
	bool check_collisions;     /* look for SHA-1 attacks before anything is published, not only before it leaves */
};

/* Open, and read the journal back if there is one. `out_sentence` says what is wrong. Blocks while it reads. ERR_LOCKED if another
 * process has it; ERR_CORRUPT with the place if a journal holds what was never written (an unfinished end is no damage). */
MUST_CHECK int workspace_open(const struct workspace_options *options, struct workspace **out_workspace,
			      char out_sentence[WORKSPACE_SENTENCE_BYTES]);

/* All agents must have left. Writes what is left to write. NULL is fine. */
int workspace_close(struct workspace *workspace);

MUST_CHECK int workspace_join(struct workspace *workspace, struct workspace_agent **out_agent);
void workspace_leave(struct workspace_agent *agent); /* NULL is fine */

void workspace_begin(struct workspace_agent *agent); /* may be nested */
void workspace_end(struct workspace_agent *agent);

/* Of the last error of this agent; empty if there was none. Valid until its next call. */
const char *workspace_sentence(const struct workspace_agent *agent);

struct workspace_figures {
	uint64_t memory_bytes; /* taken from the system */
	uint64_t memory_max_bytes;
	uint64_t object_count;
	uint64_t ref_count;
	uint64_t journal_bytes;
	uint64_t journal_head; /* grows with everything written; what is below it is as durable as was asked for */
	uint64_t gc_count;
};
void workspace_measure(struct workspace *workspace, struct workspace_figures *out_figures);

/* ---- looking ---- */

void oid_print(const struct oid *id, char out_hex[OID_HEX_BYTES]);
MUST_CHECK int oid_parse(const char *hex, struct oid *out_id); /* 40 digits; else ERR_MALFORMED */
const struct oid *object_id(const struct object *object);
const struct oid *commit_id(const struct commit *commit);
const struct oid *tree_id(const struct tree *tree);
const struct tree *commit_tree(const struct commit *commit);
size_t commit_parent_count(const struct commit *commit);
const struct commit *commit_parent(const struct commit *commit, size_t index); /* NULL: cut off by a shallow import */

/* By id; ERR_NOT_FOUND also if it is of another kind. */
MUST_CHECK int workspace_commit_by_id(struct workspace_agent *agent, const struct oid *id, const struct commit **out_commit);
MUST_CHECK int workspace_tree_by_id(struct workspace_agent *agent, const struct oid *id, const struct tree **out_tree);

/* A commit as people name it: 40 digits or a unique beginning of at least four, a full ref, or what git tries for a short one (NAME, refs/NAME, refs/tags/NAME,
 * refs/heads/NAME), HEAD; each may be followed by ~N and ^N. Tags lead to their commit. */
MUST_CHECK int workspace_find(struct workspace_agent *agent, const char *revision, const struct commit **out_commit);

struct workspace_file {
	enum file_mode mode;
	struct oid id;
	struct bytes data; /* a file's bytes, a link's target; empty for folders and submodules */
};

/* What stands at a path of a tree, such as "src/main.c"; "" is the tree itself. */
MUST_CHECK int workspace_read(struct workspace_agent *agent, const struct tree *tree, const char *path,
			      struct workspace_file *out_file);

/* ---- changing ---- */

struct workspace_edit {
	const char *path;     /* folders on the way are made; a file in the way of a folder, or the reverse, gives way */
	enum file_mode mode;  /* MODE_NONE: remove it, file or folder (ERR_NOT_FOUND if it is not there); 0 bytes is a file too */
	struct bytes data;    /* of files and links */
	const struct oid *id; /* instead of data: an object that is there already, or the commit of a submodule */
};

struct workspace_person {
	const char *name; /* without <, > and line ends, which are left out as git does */
	const char *email;
	int64_t seconds; /* since 1970 */
	int minutes;     /* east of UTC */
};

struct workspace_change {
	const struct workspace_edit *edits; /* one for each path; together they lead to one tree, in any order */
	size_t count;
	struct workspace_person author;
	struct workspace_person committer;
	const char *message; /* UTF-8; a line end is added if it lacks one */
};

/* The tree with the edits; pieces that did not change are shared with `base` (NULL: begin with nothing). */
MUST_CHECK int workspace_tree_edit(struct workspace_agent *agent, const struct tree *base, const struct workspace_edit *edits,
				   size_t count, const struct tree **out_tree);

/* A commit that no ref leads to yet. Parents in order, none twice. Until the second garbage collection from now it stays there by itself. */
MUST_CHECK int workspace_commit_make(struct workspace_agent *agent, const struct tree *tree, const struct commit *const *parents,
				     size_t parent_count, const struct workspace_change *change, /* without edits */
				     const struct commit **out_commit);

/* Commit edits on a ref: from `parent`, which must be where `ref` is (NULL: the ref is to be made). Its id is known and its journal written
 * on return. */
MUST_CHECK int workspace_commit(struct workspace_agent *agent, const char *ref, const struct commit *parent,
				const struct workspace_change *change, const struct commit **out_commit);

/* ---- refs ---- */

struct ref_update {
	const char *ref;           /* "refs/…", as git check-ref-format accepts; no ref may be a folder of another */
	const struct object *from; /* where it must be; NULL: it must not be there */
	const struct object *to;   /* NULL: delete it */
	bool anywhere;             /* from does not matter */
};

/* All of them or none, and no reader sees one without the others. No ref may be named twice. A ref whose `to` is where it is stays as it is: so a change
 * can depend on it. As in git, a ref and one below its name cannot change places in one step (ERR_STATE). A branch, "refs/heads/…", leads to
 * a commit. */
MUST_CHECK int workspace_refs_update(struct workspace_agent *agent, const struct ref_update *updates, size_t count);
MUST_CHECK int workspace_ref_get(struct workspace_agent *agent, const char *ref, const struct object **out_object);

/* In the order of names, those that begin with `prefix` (NULL: all), as they are at one moment; refs that change all the time may be seen each at a moment of its
 * own. The callback returns 0 to go on; anything else ends it and is returned. `version` counts the changes of this ref since it was made; what
 * was deleted is counted on until a collection forgets the name. */
typedef int workspace_ref_seen(void *context, const char *ref, const struct object *object, uint64_t version);
MUST_CHECK int workspace_refs_each(struct workspace_agent *agent, const char *prefix, workspace_ref_seen *seen, void *context);

/* HEAD: the branch that is meant when none is named. Needs not exist. */
MUST_CHECK int workspace_head_set(struct workspace_agent *agent, const char *ref);
MUST_CHECK int workspace_head_get(struct workspace_agent *agent, char out_ref[WORKSPACE_REF_MAX + 1]);

/* ---- reclaiming ---- */

struct workspace_gc_result {
	uint64_t objects_before, objects_after;
	uint64_t bytes_before, bytes_after;
	uint64_t journal_before, journal_after;
	uint64_t pause_us; /* during which agents had to wait */
};

/* Forget what no ref leads to, and what was not made since the last collection (`now`: even that). Waits until all agents are outside of
 * their brackets; their next calls wait for the end. Writes the journal anew if that is worth it; ERR_IO if that fails, and then the old one counts. */
MUST_CHECK int workspace_gc(struct workspace_agent *agent, bool now, struct workspace_gc_result *out_result);

/* ---- comparing ---- */

/* NULL instead of it: everything, without renames. */
struct diff_options {
	bool renames;       /* as git diff -M does, 50 % alike */
	const char *prefix; /* only this path and below; NULL: everything; ERR_NOT_FOUND if neither has it */
};

struct diff_entry {
	char status;          /* 'A', 'D', 'M', 'T' (kind of file changed), 'R' */
	uint8_t similarity;   /* of 'R', in percent */
	const char *old_path; /* the same as the new one, but of 'R' */
	const char *new_path;
	enum file_mode old_mode, new_mode;
	struct oid old_id, new_id;
};

/* In the order of paths, as git diff-tree -r. Either may be NULL, the empty tree. */
typedef int workspace_diff_seen(void *context, const struct diff_entry *entry);
MUST_CHECK int workspace_diff(struct workspace_agent *agent, const struct tree *from, const struct tree *to,
			      const struct diff_options *options, workspace_diff_seen *seen, void *context);

/* The patch of one entry as git diff --full-index prints it, appended. Files over 64 MiB are called binary; they are only named. */
MUST_CHECK int workspace_patch(struct workspace_agent *agent, const struct diff_entry *entry, unsigned context_lines,
			       struct buffer *out);

/* Commits reachable from `from` and not from `without` (NULL: all), newest first, never a parent before its children. */
typedef int workspace_log_seen(void *context, const struct commit *commit);
MUST_CHECK int workspace_log(struct workspace_agent *agent, const struct commit *from, const struct commit *without,
			     workspace_log_seen *seen, void *context);

#define COMMIT_NAME_MAX 255u

struct commit_text {
	struct workspace_person author; /* name and email borrowed from `names`; longer ones are cut */
	struct workspace_person committer;
	const char *message; /* of the commit, in whatever encoding it has */
	char names[4 * (COMMIT_NAME_MAX + 1)];
};
/* What a commit of an old repository lacks is empty, or 0; so are times beyond 63 bits, and zones beyond 99 hours. */
MUST_CHECK int commit_read(const struct commit *commit, struct commit_text *out_text);

/* ---- merging ---- */

/* All best common ancestors, in the order of git merge-base --all; at most `max` are written, `out_count` says how many there are. */
MUST_CHECK int workspace_merge_bases(struct workspace_agent *agent, const struct commit *ours, const struct commit *theirs,
				     const struct commit **out_bases, size_t max, size_t *out_count);

enum conflict_kind {
	CONFLICT_CONTENT,       /* both changed the same lines */
	CONFLICT_BINARY,        /* both changed a file that is not text, or a link */
	CONFLICT_ADD_ADD,       /* both added different files */
	CONFLICT_MODIFY_DELETE, /* one changed, the other removed or moved away */
	CONFLICT_RENAME_RENAME, /* one file was renamed to two names */
	CONFLICT_RENAME_ADD,    /* a name was given twice */
	CONFLICT_RENAME_DELETE, /* one renamed, the other removed */
	CONFLICT_FOLDER_FILE,   /* a folder on one side, a file on the other */
	CONFLICT_FOLDER_RENAME, /* where files of a renamed folder belong; without sides: of the folder at `path`, or of files that would all come to it */
	CONFLICT_KIND, /* file on one side, link or submodule on the other */
	CONFLICT_SUBMODULE,
};

struct conflict_side {
	enum file_mode mode; /* MODE_NONE: not there */
	struct oid id;
	const char *path; /* where that side has it */
};

/* A place in a text; lines count from 0. */
struct conflict_range {
	size_t line, lines;
	size_t at, bytes;
};

struct conflict_place {
	struct conflict_range base, ours, theirs;
};

struct merge_conflict {
	enum conflict_kind kind;
	const char *path; /* as git's index has it: sides are its stages 1, 2 and 3 */
	struct conflict_side base, ours, theirs;
	const struct conflict_place *places; /* in the sides' bytes, where lines of the file itself conflict; else none */
	size_t place_count;
};

struct merge_options {
	const char *ours_name; /* for conflict markers; NULL: the commit's id */
	const char *theirs_name;
	bool no_renames;
	bool favour_theirs; /* where both changed the same lines, file or link, what theirs has stands: as git merge -X theirs */
	bool only_look; /* the journal is not written; the tree is to be compared and read in this bracket, and nothing may be built on it */
	const struct commit *base; /* what both sides come from; NULL: where their histories met */
};

/* A path where theirs stands because that was asked for. */
struct merge_favoured {
	const char *path; /* where ours has it */
	size_t places;    /* of lines; 1 where the whole file or link was taken */
};

/* What came of a merge. `tree` is what `git merge-tree --write-tree` (2.39, without configuration) writes: clean if `conflict_count` is 0, else with markers in the
 * files. Where git stops with a failed assertion, renames are not followed; where it would lose a file, the file stays. Attributes (`.gitattributes`) are
 * not looked at, as in a bare repository. Everything but the tree is owned by the result. */
struct merge_result {
	const struct tree *tree;
	const struct merge_conflict *conflicts; /* in the order of paths */
	size_t conflict_count;
	const struct merge_favoured *favoured; /* with favour_theirs, in the order of paths */
	size_t favoured_count;
	void *memory;
};
void merge_result_release(struct merge_result *result);

MUST_CHECK int workspace_merge(struct workspace_agent *agent, const struct commit *ours, const struct commit *theirs,
			       const struct merge_options *options, struct merge_result *out_result);

/* Merge `theirs` into a ref, as often as the ref moves meanwhile: nothing if it is there, a fast-forward if that is enough, else a merge commit. With
 * conflicts ERR_CONFLICT, nothing changed, and `out_result` says where. `out_commit` is where the ref is then. */
MUST_CHECK int workspace_merge_into(struct workspace_agent *agent, const char *ref, const struct commit *theirs,
				    const struct workspace_change *change, const struct merge_options *options,
				    struct merge_result *out_result, const struct commit **out_commit);

/* ---- in and out; these block on disks and networks ---- */

struct import_options {
	const char *path;             /* a repository, bare or not, or a linked worktree */
	const char *const *revisions; /* what to bring; NULL: all branches and tags. Ends with NULL */
	size_t revision_count;
	uint32_t depth;         /* commits deep; 0: whole histories */
	const char *ref_prefix; /* refs come to PREFIX/heads/…; NULL: to where they were */
};

struct import_result {
	uint64_t objects, bytes; /* that were not there yet */
	uint64_t refs;
};

/* Read a repository; what is there already is not read again. Nothing in it is run, so it may belong to anybody.
 *
 * A revision that is the name of a ref brings that ref (HEAD: its branch); any other, such as an id, brings objects only, for which the caller makes a ref
 * before the second garbage collection. Without a prefix a ref is one on both sides: it moves forward, stays if it is ahead, and is ERR_CONFLICT if both sides
 * have gone on, or for a tag that is another one there; and HEAD becomes the source's if that branch is here now. With a prefix refs follow the source
 * anywhere. Where histories were cut off before, they stay cut off: asking for more of them is ERR_STATE.
 *
 * SHA-256 repositories are ERR_NEWER. Objects that are missing, that hash to something else, or that git itself cannot read, are ERR_CORRUPT with their
 * ids; no ref is changed then. Garbage collection waits for the end.
 *
 * Whatever git can read comes in, as git clone takes it, and goes out again to the last bit: old modes, people without an address, times that are none. Names that git
 * checks out nowhere (`.git`, "..") come in too; no file is made of them, and a folder that has one can be changed only by removing it. One whose names
 * stand twice, in a wrong order or with a slash in them can be read, and no more. */
MUST_CHECK int workspace_import(struct workspace_agent *agent, const struct import_options *options,
				struct import_result *out_result);

struct export_options {
	const char *path;        /* an existing repository, or a place for a new one */
	bool bare;               /* for a new one */
	const char *const *refs; /* as they are named here; NULL: all */
	size_t ref_count;
	const char *ref_prefix; /* where they go, instead of "refs/"; NULL: the same names */
	bool force;             /* also where that is no fast-forward */
	bool passing;           /* a copy that is made again after a loss of power: less is waited for */
	bool loosely_checked;   /* leave the search for SHA-1 attacks out: for measurements only */
};

struct export_result {
	uint64_t objects, pack_bytes, refs;
};

/* Write refs and what they lead to, as one pack, and only what is missing there.
 *
 * A new repository (a new name, or an empty folder) is there whole or not at all; one that is not bare has the files of its HEAD (ERR_MALFORMED if
 * it has a name that git checks out nowhere). In one that is there refs change
 * last and all together, or not at all: ERR_CONFLICT where that is no fast-forward or a tag is another one, unless forced; ERR_STATE for a branch that is checked
 * out (working trees are never touched), a name that cannot stand beside those that are there, and symbolic links in the place of folders; ERR_LOCKED and ERR_MOVED if
 * somebody else is at work. Who is killed leaves at most files tmp_* and *.lock, or a folder .bunshin-export-* beside a new one. A history that was
 * cut off is shallow there. ERR_CORRUPT names an object made for a SHA-1 collision. Garbage collection waits for the end. */
MUST_CHECK int workspace_export(struct workspace_agent *agent, const struct export_options *options,
				struct export_result *out_result);

/* git push, by libgit2: `url` as it takes it, refspecs as git writes them but without *. ERR_MOVED if what is there would be lost ("+" before a refspec allows it) or
 * the other side refuses; ERR_STATE for histories that were cut off; ERR_CORRUPT as above. Of credentials it knows only an ssh agent's. */
MUST_CHECK int workspace_push(struct workspace_agent *agent, const char *url, const char *const *refspecs, size_t count);

/* ---- folders ---- */

/* Write a tree into an empty folder: files, links and folders, nothing for submodules but an empty folder. Never follows a link, never leaves
 * `folder` (an open directory). Times are now; the umask does not matter. ERR_STATE if the folder is not empty; ERR_LIMIT and ERR_MALFORMED for names
 * and targets that no file system takes; after any other error what was written is taken away again, as far as that can be done. */
MUST_CHECK int workspace_materialise(struct workspace_agent *agent, const struct tree *tree, int folder, uint64_t *out_files);

/* NULL instead of it: the defaults. */
struct harvest_options {
	const struct tree
		*base; /* what the folder was made from: files that kept size and time are still read, since both can be set */
	uint64_t files_max; /* of files, links and folders; 0: 1,000,000 */
	uint64_t bytes_max; /* of files and links; 0: 4 GiB */
	bool skip_ignored;  /* leave out what .gitignore files of `base` name and `base` does not have */
};

struct harvest_result {
	uint64_t files, bytes;
	uint64_t skipped; /* sockets, devices and pipes, which git cannot hold, and a `.git` at the top */
};

/* The content of a folder as a tree. By content only: runs nothing, reads no configuration, follows no link, opens no `.git`. Names that git refuses are
 * ERR_MALFORMED with the path. Folders with a `.git` of their own are ERR_MALFORMED too, and so is what is mounted in the folder; but a folder where
 * `base` has a submodule is not looked into: that stays. Folders without anything are left out, as git does. ERR_LIMIT with the path for more files
 * or bytes than accepted, a file of 4 GiB, a path of more than 4,095 bytes. ERR_MOVED if something was replaced or changed while it was
 * read: what is returned was all there. Files that are as in `base` keep their nodes, and are compared and not hashed. */
MUST_CHECK int workspace_harvest(struct workspace_agent *agent, int folder, const struct harvest_options *options,
				 const struct tree **out_tree, struct harvest_result *out_result);

#endif
