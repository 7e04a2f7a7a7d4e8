/* SPDX-License-Identifier: MIT
 *
 * A field is quoted or not; a quote within quotes is doubled; CR LF, LF or the end of the bytes end a record.
 */
#include "clones/csv.h"

static bool at_end(const struct csv *csv)
{
	return csv->next >= csv->bytes;
}

/* Copies a quoted field; `next` is behind the quote that opens it. */
static size_t read_quoted(struct csv *csv, char *out)
{
	size_t used = 0;

	while (!at_end(csv)) {
		char c = csv->at[csv->next++];

		if (c != '"') {
			out[used++] = c;
		} else if (!at_end(csv) && csv->at[csv->next] == '"') {
			out[used++] = '"';
			csv->next++;
		} else {
			return used;
		}
	}
	return used; /* the quote is open: csv_next sees the end */
}

static size_t read_plain(struct csv *csv, char *out)
{
	size_t used = 0;

	while (!at_end(csv) && csv->at[csv->next] != ',' && csv->at[csv->next] != '\n')
		out[used++] = csv->at[csv->next++];
	if (used && out[used - 1] == '\r')
		used--;
	return used;
}

/* What follows a closing quote belongs to nobody. */
static void skip_plain(struct csv *csv)
{
	while (!at_end(csv) && csv->at[csv->next] != ',' && csv->at[csv->next] != '\n')
		csv->next++;
}

/* Bytes up to the end of the field are its largest size. */
static size_t field_room(const struct csv *csv)
{
	bool quoted = csv->at[csv->next] == '"';
	size_t end = csv->next + quoted;

	while (end < csv->bytes && (quoted || (csv->at[end] != ',' && csv->at[end] != '\n'))) {
		if (csv->at[end] == '"' && quoted) {
			if (end + 1 >= csv->bytes || csv->at[end + 1] != '"')
				break;
			end++;
		}
		end++;
	}
	return end - csv->next + 1;
}

static bool read_field(struct csv *csv)
{
	char *out = at_end(csv) ? arena_take(csv->arena, 1) : arena_take(csv->arena, field_room(csv) + 1);

	if (!out)
		return false;
	if (!at_end(csv) && csv->at[csv->next] == '"') {
		csv->next++;
		out[read_quoted(csv, out)] = 0;
		skip_plain(csv);
	} else {
		out[read_plain(csv, out)] = 0;
	}
	if (csv->count < CSV_FIELDS_MAX)
		csv->field[csv->count++] = out;
	return true;
}

bool csv_next(struct csv *csv)
{
	csv->count = 0;
	csv->cut = false;
	if (at_end(csv))
		return false;
	for (;;) {
		if (!read_field(csv))
			return false;
		if (at_end(csv)) {
			csv->cut = true;
			return true;
		}
		if (csv->at[csv->next++] == '\n')
			return true;
	}
}
