/* SPDX-License-Identifier: MIT
 *
 * Notes from outside the trail: mirrors, a single note that somebody kept, receipts.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verifier/inner.h"

#define MIRROR_BYTES_MAX ((uint64_t)1 << 30)
#define NOTE_LINES       8u

static bool wrong(struct verdict *verdict, const char *file, uint64_t line, const char *why)
{
	verdict->code = VERDICT_WRONG;
	verdict->found = true;
	snprintf(verdict->finding.sentence, sizeof(verdict->finding.sentence), "%.120s, line %" PRIu64 ": %.200s", file, line,
		 why);
	return false;
}

static bool full(struct verdict *verdict)
{
	verdict_unreadable(verdict, "out of memory for the notes of mirrors, or more than a million of them");
	return false;
}

static bool note_add(struct outside *outside, const struct signed_note *note, const char *file)
{
	if (outside->count == outside->capacity) {
		size_t capacity = outside->capacity ? outside->capacity * 2 : 256;
		struct outside_note *list = capacity > OUTSIDE_MAX ? NULL : realloc(outside->note, capacity * sizeof(*list));

		if (!list)
			return false;
		outside->note = list;
		outside->capacity = capacity;
	}
	outside->note[outside->count] =
		(struct outside_note){.size = note->size, .number = note->next_number - 1, .file = file, .text = note->text};
	memcpy(outside->note[outside->count++].root, note->root, SUM_BYTES);
	return true;
}

/* The note that begins here: its lines up to and with the second signature. */
static struct span note_take(struct span *rest, uint64_t *line_number)
{
	struct span note = {rest->at, 0}, line;

	for (unsigned i = 0; i < NOTE_LINES && span_line(rest, &line); i++)
		(*line_number)++;
	note.bytes = (size_t)(rest->at - note.at);
	return note;
}

static bool notes_read(struct outside *outside, struct span text, const char *file, const struct verify_options *options,
		       struct verdict *verdict)
{
	struct span rest = text, line;
	uint64_t number = 0;

	while (rest.bytes) {
		struct span before = rest;
		struct signed_note note;
		uint64_t begin = number + 1;
		bool seal_known;
		char why[160];

		span_line(&rest, &line);
		if (!line.bytes || line.at[0] == '#') {
			number++;
			continue;
		}
		rest = before;
		if (!signed_read(note_take(&rest, &number), &note, why))
			return wrong(verdict, file, begin, why);
		if (!note_signed(&note, options->keys, &seal_known, why))
			return wrong(verdict, file, begin, why);
		if (!note_add(outside, &note, file))
			return full(verdict);
	}
	return true;
}

static bool receipt_note(struct outside *outside, struct span text, const char *file, size_t which,
			 const struct verify_options *options, struct verdict *verdict)
{
	struct receipt_read receipt;
	char why[400];
	int rc = receipt_open(text, options->keys, &receipt, why);
	bool fine = !rc && note_add(outside, &receipt.note, file);

	outside->room[which] = receipt.room; /* the note's text lies in it */
	if (rc == INSPECT_WRONG)
		return wrong(verdict, file, 1, why);
	return fine || full(verdict);
}

static int by_size(const void *a, const void *b)
{
	const struct outside_note *one = a, *two = b;

	if (one->size != two->size)
		return one->size < two->size ? -1 : 1;
	return one->number < two->number ? -1 : one->number > two->number;
}

static bool file_read(struct outside *outside, const char *path, const struct verify_options *options, struct verdict *verdict)
{
	size_t which = outside->file_count;
	struct span text;
	char why[512];

	if (!mapped_open(path, MIRROR_BYTES_MAX, &outside->file[which], why)) {
		verdict_unreadable(verdict, "%s", why);
		return false;
	}
	outside->file_count++;
	text = outside->file[which].span;
	if (text.bytes && text.at[0] == '{')
		return receipt_note(outside, text, path, which, options, verdict);
	return notes_read(outside, text, path, options, verdict);
}

bool outside_read(const struct verify_options *options, struct outside *out_outside, struct verdict *verdict)
{
	*out_outside = (struct outside){0};
	if (!options->mirror_count)
		return true;
	out_outside->file = calloc(options->mirror_count, sizeof(*out_outside->file));
	out_outside->room = calloc(options->mirror_count, sizeof(*out_outside->room));
	if (!out_outside->file || !out_outside->room)
		return full(verdict);
	for (size_t i = 0; i < options->mirror_count; i++)
		if (!file_read(out_outside, options->mirrors[i], options, verdict))
			return false;
	if (out_outside->count)
		qsort(out_outside->note, out_outside->count, sizeof(*out_outside->note), by_size);
	else
		verdict_note(verdict, "the mirrors given hold no note: nothing was compared with them");
	return true;
}

void outside_release(struct outside *outside)
{
	for (size_t i = 0; i < outside->file_count; i++) {
		mapped_close(&outside->file[i]);
		free(outside->room[i]);
	}
	free(outside->file);
	free(outside->room);
	free(outside->note);
	*outside = (struct outside){0};
}
