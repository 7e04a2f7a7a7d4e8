/* SPDX-License-Identifier: MIT
 *
 * A verdict while it comes about: what each kind of file has in common.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verifier/inner.h"

#define FILE_BYTES_MAX ((uint64_t)1 << 42)
#define POPULATE_MAX   ((uint64_t)4 << 30)

/* ---- files ---- */

static bool cannot(const char *path, const char *why, char out_why[512])
{
	snprintf(out_why, 512, "%.300s: %s", path, why);
	return false;
}

bool mapped_open(const char *path, uint64_t bytes_max, struct mapped *out_mapped, char out_why[512])
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	void *at;

	*out_mapped = (struct mapped){0};
	if (fd < 0)
		return cannot(path, strerror(errno), out_why);
	if (fstat(fd, &status) || !S_ISREG(status.st_mode)) {
		close(fd);
		return cannot(path, "this is no file", out_why);
	}
	if ((uint64_t)status.st_size > bytes_max) {
		close(fd);
		return cannot(path, "the file is larger than what such a file can be", out_why);
	}
	at = status.st_size ? mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	close(fd);
	if (at == MAP_FAILED)
		return cannot(path, strerror(errno), out_why);
	*out_mapped = (struct mapped){{at, (size_t)status.st_size}, at != NULL};
	return true;
}

/* What is mapped to be read can be unmapped and advised on. */
static void *address_of(const struct mapped *mapped)
{
	union {
		const uint8_t *read;
		void *at;
	} address = {.read = mapped->span.at};

	return address.at;
}

void mapped_read_through(const struct mapped *mapped)
{
	/* All at once is cheaper than page by page, as long as the tables for it are small. Either is only advice. */
	if (mapped->is_mapped)
		(void)madvise(address_of(mapped), mapped->span.bytes,
			      mapped->span.bytes <= POPULATE_MAX ? MADV_POPULATE_READ : MADV_SEQUENTIAL);
}

void mapped_close(struct mapped *mapped)
{
	if (mapped->is_mapped)
		munmap(address_of(mapped), mapped->span.bytes);
	*mapped = (struct mapped){0};
}

bool keys_of_file(const char *path, struct public_keys *out_keys, char out_why[512])
{
	struct mapped mapped;
	char why[160];
	bool fine;

	if (sodium_init() < 0)
		return cannot(path, "libsodium does not work here", out_why);
	if (!mapped_open(path, KEYS_BYTES_MAX, &mapped, out_why))
		return false;
	fine = public_keys_read(mapped.span, out_keys, why);
	mapped_close(&mapped);
	return fine || cannot(path, why, out_why);
}

/* ---- what is said ---- */

enum verdict_code verdict_unreadable(struct verdict *verdict, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (verdict->code != VERDICT_UNREADABLE)
		vsnprintf(verdict->why, sizeof(verdict->why), format, arguments);
	va_end(arguments);
	return verdict->code = VERDICT_UNREADABLE;
}

void verdict_note(struct verdict *verdict, const char *format, ...)
{
	va_list arguments;

	if (verdict->note_count == NOTES_MAX)
		return;
	va_start(arguments, format);
	vsnprintf(verdict->note[verdict->note_count], sizeof(verdict->note[0]), format, arguments);
	va_end(arguments);
	verdict->note_count++;
}

static void counts_take(struct verdict *verdict, const struct inspection *inspection)
{
	const struct numbers *numbers = &inspection->numbers;

	verdict->records = inspection->records;
	verdict->last_seq = inspection->begin + inspection->records;
	verdict->first_seq = inspection->records ? inspection->begin + 1 : 0;
	memcpy(verdict->head, inspection->head, SUM_BYTES);
	verdict->first_ms = inspection->first_ms;
	verdict->last_ms = inspection->last_ms;
	verdict->payloads = inspection->payloads;
	verdict->erased = inspection->erased;
	verdict->checkpoints = inspection->checkpoints;
	verdict->sealed_size = inspection->sealed_size;
	verdict->sealed_ms = inspection->sealed_ms;
	memcpy(verdict->sealed_root, inspection->sealed_root, SUM_BYTES);
	verdict->counted = numbers->counted;
	verdict->uncounted = numbers->uncounted;
	verdict->hole_count = numbers->hole_count;
	verdict->holes_kept = numbers->holes_kept;
	memcpy(verdict->hole, numbers->hole, sizeof(verdict->hole));
}

enum verdict_code verdict_take(struct verdict *verdict, const struct inspection *inspection, int rc)
{
	counts_take(verdict, inspection);
	if (rc == INSPECT_WRONG) {
		if (inspection->found) {
			verdict->found = true;
			verdict->finding = inspection->finding;
		}
		return verdict->code = VERDICT_WRONG;
	}
	if (rc == INSPECT_UNREADABLE)
		return verdict_unreadable(verdict, "out of memory");
	return verdict->code = verdict->hole_count ? VERDICT_HOLES : VERDICT_VERIFIED;
}

/* ---- receipts ---- */

enum verdict_code receipt_verify(struct span text, const struct verify_options *options, struct verdict *verdict)
{
	struct receipt_read *receipt = calloc(1, sizeof(*receipt));
	int rc = receipt ? receipt_open(text, options->keys, receipt, verdict->finding.sentence) : INSPECT_UNREADABLE;

	verdict->receipt = receipt;
	if (rc == INSPECT_UNREADABLE)
		return verdict_unreadable(verdict, "out of memory");
	if (rc == INSPECT_WRONG) {
		verdict->found = true;
		return verdict->code = VERDICT_WRONG;
	}
	verdict->records = 1;
	verdict->first_seq = verdict->last_seq = receipt->row.seq;
	verdict->first_ms = verdict->last_ms = receipt->row.wall_ms;
	memcpy(verdict->head, receipt->leaf, SUM_BYTES);
	verdict->payloads = receipt->opened;
	verdict->checkpoints = 1;
	verdict->sealed_size = receipt->note.size;
	verdict->sealed_ms = receipt->note.time_ms;
	memcpy(verdict->sealed_root, receipt->note.root, SUM_BYTES);
	return verdict->code = VERDICT_VERIFIED;
}

void verdict_release(struct verdict *verdict)
{
	if (verdict->receipt)
		receipt_read_release(verdict->receipt);
	free(verdict->receipt);
	verdict->receipt = NULL;
}

/* ---- which kind of file ---- */

const char *file_kind_name(enum file_kind kind)
{
	static const char *const names[] = {"unknown", "trail", "export", "page", "receipt"};

	return names[kind];
}

static enum file_kind kind_of(struct span text)
{
	static const char sqlite[] = "SQLite format 3"; /* with its NUL */
	struct span line, rest = text;

	if (text.bytes >= sizeof(sqlite) && memcmp(text.at, sqlite, sizeof(sqlite)) == 0)
		return KIND_TRAIL;
	if (memmem(text.at, text.bytes < 4096 ? text.bytes : 4096, "<html", 5) ||
	    memmem(text.at, text.bytes < 4096 ? text.bytes : 4096, "<!DOCTYPE", 9) ||
	    memmem(text.at, text.bytes < 4096 ? text.bytes : 4096, "<!doctype", 9))
		return KIND_PAGE;
	if (!span_line(&rest, &line) || line.at[0] != '{')
		return KIND_UNKNOWN;
	return memmem(line.at, line.bytes, "\"bunshin-export/", 16) ? KIND_EXPORT : KIND_RECEIPT;
}

enum verdict_code verify_path(const char *path, const struct verify_options *options, struct verdict *out_verdict)
{
	struct mapped mapped;
	struct verdict *verdict = out_verdict;

	*verdict = (struct verdict){.code = VERDICT_VERIFIED};
	if (sodium_init() < 0)
		return verdict_unreadable(verdict, "libsodium does not work here");
	if (!mapped_open(path, FILE_BYTES_MAX, &mapped, verdict->why))
		return verdict->code = VERDICT_UNREADABLE;
	verdict->kind = kind_of(mapped.span);
	switch (verdict->kind) {
	case KIND_TRAIL:
		mapped_close(&mapped);
		return trail_file_verify(path, options, verdict);
	case KIND_EXPORT:
	case KIND_PAGE:
		export_verify(mapped.span, options, verdict);
		break;
	case KIND_RECEIPT:
		receipt_verify(mapped.span, options, verdict);
		break;
	default:
		verdict_unreadable(verdict, "%.300s: this is neither a trail, nor an export (JSON lines or page), nor a receipt",
				   path);
	}
	mapped_close(&mapped);
	return verdict->code;
}
