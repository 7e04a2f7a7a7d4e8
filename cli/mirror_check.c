/* SPDX-License-Identifier: MIT */
#include "cli/mirror_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/receipt.h"

#define DASH "\u2014 "

enum place { BETWEEN, IN_TEXT, IN_SIGNATURES };

struct checking {
	struct trail *trail;
	const struct log_keys *keys;
	struct mirror_checked *checked;
	uint64_t last_seq;
	enum place place;
	uint64_t line, note_line;
	char note[NOTE_BYTES_MAX];
	size_t bytes;
	char *why;
};

static int wrong(struct checking *checking, const char *what)
{
	snprintf(checking->why, 512, "the note in line %llu: %s", (unsigned long long)checking->note_line, what);
	return ERR_CORRUPT;
}

static int keep_first(void *context, const struct trail_checkpoint *checkpoint)
{
	*(struct trail_checkpoint *)context = *checkpoint;
	return 1;
}

/* The checkpoint of the trail with the number of the note; number 0: there is none. */
static int find_checkpoint(struct checking *checking, uint64_t number, struct trail_checkpoint *out_checkpoint)
{
	int rc;

	out_checkpoint->number = 0;
	rc = trail_checkpoints(checking->trail, number - 1, keep_first, out_checkpoint);
	if (rc == 1 && out_checkpoint->number != number)
		out_checkpoint->number = 0;
	return rc == 1 || rc == ERR_NOT_FOUND ? 0 : rc;
}

/* The note is the very checkpoint of that number, whose root was compared when the trail was verified; what is wrong is said as exactly as
 * it can be. */
static int compare(struct checking *checking, const struct note *note)
{
	struct trail_checkpoint checkpoint;
	struct hash root;
	char what[256];
	int rc;

	if (note->size > checking->last_seq) {
		snprintf(what, sizeof(what),
			 "checkpoint %llu covers %llu records, and the trail has %llu: it is shorter than what was mirrored, cut "
			 "or "
			 "rolled back",
			 (unsigned long long)note->number, (unsigned long long)note->size,
			 (unsigned long long)checking->last_seq);
		return wrong(checking, what);
	}
	rc = find_checkpoint(checking, note->number, &checkpoint);
	if (rc || (checkpoint.number && strlen(checkpoint.note) == checking->bytes &&
		   memcmp(checkpoint.note, checking->note, checking->bytes) == 0))
		return rc;
	rc = trail_root(checking->trail, note->size, &root);
	if (rc)
		return rc;
	if (memcmp(&root, &note->root, sizeof(root)) != 0)
		snprintf(what, sizeof(what), "the first %llu records of the trail are not those that checkpoint %llu covers",
			 (unsigned long long)note->size, (unsigned long long)note->number);
	else
		snprintf(what, sizeof(what),
			 checkpoint.number ? "the trail has another checkpoint %llu"
					   : "the trail has no checkpoint %llu any more",
			 (unsigned long long)note->number);
	return wrong(checking, what);
}

static int check_note(struct checking *checking)
{
	struct note note;
	char why[256];
	int rc;

	if (note_read(checking->note, checking->bytes, &note, why))
		return wrong(checking, why);
	if (strcmp(note.origin, checking->keys->origin) != 0)
		return wrong(checking, "it is of another log than the keys");
	if (note_check(checking->note, checking->bytes, note.origin, checking->keys->log))
		return wrong(checking, "the log key has not signed it");
	rc = compare(checking, &note);
	if (rc)
		return rc;
	checking->checked->notes++;
	if (note.size >= checking->checked->size) {
		checking->checked->number = note.number;
		checking->checked->size = note.size;
	}
	return 0;
}

static int add(struct checking *checking, const char *line, size_t bytes)
{
	if (checking->bytes + bytes > NOTE_BYTES_MAX - 1)
		return wrong(checking, "it is longer than any note");
	memcpy(checking->note + checking->bytes, line, bytes);
	checking->bytes += bytes;
	return 0;
}

static int end_note(struct checking *checking)
{
	int rc = checking->place == BETWEEN ? 0 : check_note(checking);

	checking->place = BETWEEN;
	checking->bytes = 0;
	return rc;
}

/* Remarks and empty lines may stand between notes. An empty line within one stands before its signatures. */
static int take_line(struct checking *checking, const char *line, size_t bytes)
{
	bool empty = bytes == 1 && *line == '\n';
	int rc = 0;

	checking->line++;
	if (checking->place == IN_SIGNATURES && strncmp(line, DASH, strlen(DASH)) != 0)
		rc = end_note(checking);
	if (rc || (checking->place == BETWEEN && (empty || *line == '#')))
		return rc;
	if (checking->place == BETWEEN) {
		checking->place = IN_TEXT;
		checking->note_line = checking->line;
	} else if (checking->place == IN_TEXT && empty) {
		checking->place = IN_SIGNATURES;
	}
	return add(checking, line, bytes);
}

static int take_file(struct checking *checking, FILE *file)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t bytes;
	int rc = 0;

	while (!rc && (bytes = getline(&line, &room, file)) > 0)
		rc = take_line(checking, line, (size_t)bytes);
	if (!rc && ferror(file))
		rc = ERR_IO;
	free(line);
	return rc ? rc : end_note(checking);
}

int mirror_check(struct trail *trail, const struct log_keys *keys, const char *path, struct mirror_checked *out_checked,
		 char out_why[512])
{
	struct checking checking = {
		.trail = trail, .keys = keys, .checked = out_checked, .last_seq = trail_last_seq(trail), .why = out_why};
	FILE *file = fopen(path, "re");
	int rc;

	*out_checked = (struct mirror_checked){0};
	out_why[0] = 0;
	if (!file) {
		snprintf(out_why, 512, "%s", strerror(errno));
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	}
	rc = take_file(&checking, file);
	fclose(file);
	if (!rc && !out_checked->notes) {
		snprintf(out_why, 512, "there is no signed note in it");
		rc = ERR_CORRUPT;
	}
	if (rc && !out_why[0])
		snprintf(out_why, 512, "%s", *trail_why(trail) ? trail_why(trail) : error_sentence(rc));
	return rc;
}
