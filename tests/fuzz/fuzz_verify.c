/* SPDX-License-Identifier: MIT
 *
 * Any bytes to the readers of the separate verifier: JSON, notes, keys, receipts, exports, pages of a database. The first byte says which.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "verifier/facts.h"
#include "verifier/inner.h"
#include "verifier/pages.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes);

static void read_object(struct span text)
{
	struct object object;
	struct value item;
	char why[160];

	if (!object_read(text, &object, why))
		return;
	for (size_t i = 0; i < object.count; i++) {
		struct value *value = &object.member[i].value;
		uint8_t *room = malloc(value->raw.bytes + 1);
		size_t offset = 0;

		if (value->kind == VALUE_TEXT && value_text(value, room) > value->raw.bytes)
			abort();
		while (array_next(value, &offset, &item))
			if (offset > value->raw.bytes)
				abort();
		free(room);
	}
}

static void read_note(struct span text)
{
	struct signed_note note;
	struct public_keys keys;
	char why[160];

	(void)signed_read(text, &note, why);
	(void)public_keys_read(text, &keys, why);
}

static void read_receipt(struct span text)
{
	struct receipt_read receipt;
	char why[400];

	(void)receipt_open(text, NULL, &receipt, why);
	receipt_read_release(&receipt);
}

static void read_export(struct span text, enum file_kind kind)
{
	struct verdict verdict = {.kind = kind};

	export_verify(text, &(struct verify_options){.keys = NULL}, &verdict);
	verdict_release(&verdict);
}

static void read_record(struct span bytes)
{
	struct row row;
	uint8_t previous[SUM_BYTES];
	struct facts_erased erased;
	struct facts_counted counted;

	(void)row_parse(bytes, &row, previous);
	(void)facts_erased_read(bytes, &erased);
	(void)facts_counted_read(bytes, &counted);
}

static void read_pages(struct span file)
{
	struct pages pages;
	struct pages_walk walk;
	struct pages_column column[3];
	struct span record;
	int64_t key;

	/* Some of it as the log, some as the file. */
	size_t split = file.bytes > 2 && file.at[0] & 1 ? file.bytes / 2 : 0;

	if (!pages_open((struct span){file.at, file.bytes - split}, (struct span){file.at + file.bytes - split, split}, &pages))
		return;
	for (uint32_t root = 1; root <= pages.page_count && root < 8; root++) {
		pages_begin(&walk, &pages, root);
		while (pages_next(&walk, &key, &record) == PAGES_ROW)
			(void)pages_columns(record, 3, column);
		pages_end(&walk);
	}
	pages_close(&pages);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes)
{
	struct span rest;

	if (!bytes || sodium_init() < 0)
		return 0;
	rest = (struct span){at + 1, bytes - 1};
	switch (at[0] % 7) {
	case 0:
		read_object(rest);
		break;
	case 1:
		read_note(rest);
		break;
	case 2:
		read_receipt(rest);
		break;
	case 3:
		read_export(rest, KIND_EXPORT);
		break;
	case 4:
		read_export(rest, KIND_PAGE);
		break;
	case 5:
		read_record(rest);
		break;
	default:
		read_pages(rest);
		break;
	}
	return 0;
}
