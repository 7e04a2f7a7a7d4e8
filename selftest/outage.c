/* SPDX-License-Identifier: MIT
 *
 * For each file: what is certain, as pages, and the operations since then. A disk is made by deciding for each sector how many
 * of these operations it has seen (its fate), and carrying them out in order where that allows.
 */
#include "selftest/outage.h"

#include <stdlib.h>
#include <string.h>

enum certainty {
	OPEN,
	LOST,    /* a sync of it failed: no later one makes it certain */
	CERTAIN, /* and kept only because something before it is lost */
};

struct open_op {
	const struct tape_op *op;
	enum certainty certainty;
};

struct inode {
	struct disk_file certain;
	struct open_op *op;
	uint32_t count;
	uint32_t capacity;
};

struct name {
	char name[TAPE_NAME_BYTES]; /* "": free */
	uint32_t file;
};

struct outage {
	const struct tape *tape;
	size_t at;
	struct inode inode[TAPE_FILES_MAX];
	struct name name[DISK_FILES_MAX]; /* certain */
	const struct tape_op **name_op;   /* changes of names that are not */
	size_t name_count;
	size_t name_capacity;
	const struct tape_op *last_write; /* which is torn */
	uint32_t *fate;                   /* of each sector of one file */
	size_t fates;
};

const char *const outage_names[OUTAGE_KINDS] = {"kept",    "lost",  "torn",  "files", "writes", "later",
						"sectors", "pages", "sizes", "empty", "rubbish"};

uint64_t random_below(uint64_t *random, uint64_t below)
{
	uint64_t z = *random += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) % below;
}

struct outage *outage_new(const struct tape *tape)
{
	struct outage *outage = calloc(1, sizeof(*outage));
	if (outage)
		outage->tape = tape;
	return outage;
}

void outage_free(struct outage *outage)
{
	if (!outage)
		return;
	for (uint32_t i = 0; i < TAPE_FILES_MAX; i++) {
		disk_file_clear(&outage->inode[i].certain);
		free(outage->inode[i].op);
	}
	free(outage->name_op);
	free(outage->fate);
	free(outage);
}

/* ---- what becomes certain ---- */

static int op_do(const struct tape *tape, const struct tape_op *op, struct disk_file *file)
{
	if (op->kind == TAPE_RESIZE)
		return disk_resize(file, op->offset);
	return disk_write(file, tape->bytes.at + op->data, op->bytes, op->offset);
}

/* Is all of a lost write hidden under later ones that are certain? */
static bool is_hidden(const struct inode *inode, uint32_t lost)
{
	uint64_t at = inode->op[lost].op->offset, end = at + inode->op[lost].op->bytes;
	for (uint32_t i = lost + 1; i < inode->count && at < end; i++) {
		const struct tape_op *op = inode->op[i].op;
		if (inode->op[i].certainty != CERTAIN || op->kind != TAPE_WRITE || op->offset > at ||
		    op->offset + op->bytes <= at)
			continue;
		at = op->offset + op->bytes;
		i = lost; /* what begins there may stand before this one */
	}
	return at >= end;
}

static int inode_sync(struct outage *outage, struct inode *inode)
{
	bool lost = false;
	for (uint32_t i = 0; i < inode->count; i++)
		if (inode->op[i].certainty == OPEN)
			inode->op[i].certainty = CERTAIN;
	for (uint32_t i = 0; i < inode->count; i++)
		lost |= inode->op[i].certainty == LOST && !is_hidden(inode, i);
	if (lost)
		return 0;
	for (uint32_t i = 0; i < inode->count; i++)
		if (op_do(outage->tape, inode->op[i].op, &inode->certain))
			return ERR_MEMORY;
	inode->count = 0;
	return 0;
}

static void inode_sync_failed(struct inode *inode)
{
	for (uint32_t i = 0; i < inode->count; i++)
		if (inode->op[i].certainty == OPEN && inode->op[i].op->kind == TAPE_WRITE)
			inode->op[i].certainty = LOST;
}

static struct name *name_place(struct name name[DISK_FILES_MAX], const char *wanted)
{
	for (size_t i = 0; i < DISK_FILES_MAX; i++)
		if (strcmp(name[i].name, wanted) == 0)
			return &name[i];
	return NULL;
}

static int names_do(const struct tape *tape, const struct tape_op *op, struct name name[DISK_FILES_MAX])
{
	const char *called = tape_name(tape, op);
	struct name *old = name_place(name, called);
	if (old)
		old->name[0] = 0;
	if (op->kind == TAPE_REMOVE)
		return 0;
	if (op->kind == TAPE_RENAME) {
		called = tape_to(tape, op);
		old = name_place(name, called);
		if (old)
			old->name[0] = 0;
	}
	struct name *place = name_place(name, "");
	if (!place)
		return ERR_FULL;
	memcpy(place->name, called, strlen(called) + 1);
	place->file = op->file;
	return 0;
}

static bool is_in_folder(const char *name, const char *folder)
{
	const char *slash = strrchr(name, '/');
	size_t bytes = slash ? (size_t)(slash - name) : 0;
	return strlen(folder) == bytes && memcmp(name, folder, bytes) == 0;
}

/* `folder` NULL: all of them. */
static int names_sync(struct outage *outage, const char *folder)
{
	size_t left = 0;
	for (size_t i = 0; i < outage->name_count; i++) {
		const struct tape_op *op = outage->name_op[i];
		if (folder && !is_in_folder(tape_name(outage->tape, op), folder))
			outage->name_op[left++] = op;
		else if (names_do(outage->tape, op, outage->name))
			return ERR_FULL;
	}
	outage->name_count = left;
	return 0;
}

static int op_keep(struct inode *inode, const struct tape_op *op)
{
	if (inode->count == inode->capacity) {
		uint32_t capacity = inode->capacity ? inode->capacity * 2 : 64;
		struct open_op *grown = realloc(inode->op, capacity * sizeof(*grown));
		if (!grown)
			return ERR_MEMORY;
		inode->op = grown;
		inode->capacity = capacity;
	}
	inode->op[inode->count++] = (struct open_op){.op = op};
	return 0;
}

static int name_keep(struct outage *outage, const struct tape_op *op)
{
	if (outage->name_count == outage->name_capacity) {
		size_t capacity = outage->name_capacity ? outage->name_capacity * 2 : 16;
		const struct tape_op **grown = realloc(outage->name_op, capacity * sizeof(const struct tape_op *));
		if (!grown)
			return ERR_MEMORY;
		outage->name_op = grown;
		outage->name_capacity = capacity;
	}
	outage->name_op[outage->name_count++] = op;
	return 0;
}

int outage_step(struct outage *outage)
{
	if (outage->at == outage->tape->count)
		return 0;
	const struct tape_op *op = &outage->tape->op[outage->at++];
	struct inode *inode = &outage->inode[op->file];
	switch (op->kind) {
	case TAPE_WRITE:
		outage->last_write = op;
		return op_keep(inode, op);
	case TAPE_RESIZE:
		return op_keep(inode, op);
	case TAPE_SYNC:
		return inode_sync(outage, inode);
	case TAPE_SYNC_FAILED:
		inode_sync_failed(inode);
		return 0;
	case TAPE_MAKE:
	case TAPE_REMOVE:
	case TAPE_RENAME:
		return name_keep(outage, op);
	case TAPE_FOLDER:
		return names_sync(outage, tape_name(outage->tape, op));
	case TAPE_MARK:
		break;
	}
	return 0;
}

int outage_settle(struct outage *outage)
{
	for (uint32_t i = 0; i < TAPE_FILES_MAX; i++)
		if (inode_sync(outage, &outage->inode[i]))
			return ERR_MEMORY;
	return names_sync(outage, NULL);
}

bool outage_open(const struct outage *outage)
{
	bool open = outage->name_count > 0;
	for (uint32_t i = 0; i < TAPE_FILES_MAX; i++)
		open |= outage->inode[i].count > 0;
	return open;
}

/* ---- fates ---- */

struct choice {
	struct outage *outage;
	const struct inode *inode;
	enum outage_kind kind;
	uint64_t *random;
	size_t sectors; /* that any open operation touches, from 0 */
	uint32_t size_moment;
};

static size_t sector_after(const struct tape_op *op)
{
	return (size_t)((op->offset + op->bytes + SECTOR_BYTES - 1) / SECTOR_BYTES);
}

/* Every sector that the operation touches has seen it; or, with false, has not. */
static void fate_set(struct choice *choice, uint32_t number, size_t from, size_t to, bool seen)
{
	for (size_t sector = from; sector < to; sector++)
		choice->outage->fate[sector] = seen ? number + 1 : number;
}

static void fates_fill(struct choice *choice, uint32_t seen)
{
	for (size_t sector = 0; sector < choice->sectors; sector++)
		choice->outage->fate[sector] = seen;
}

static void fates_torn(struct choice *choice)
{
	const struct inode *inode = choice->inode;
	uint32_t last = inode->count - 1;
	const struct tape_op *op = inode->op[last].op;
	fates_fill(choice, inode->count);
	if (op != choice->outage->last_write)
		return;
	size_t from = (size_t)(op->offset / SECTOR_BYTES), to = sector_after(op);
	size_t cut = from + random_below(choice->random, to - from + 1);
	switch (random_below(choice->random, 3)) {
	case 0:
		fate_set(choice, last, cut, to, false);
		break;
	case 1:
		fate_set(choice, last, from, cut, false);
		break;
	default:
		for (size_t sector = from; sector < to; sector++)
			fate_set(choice, last, sector, sector + 1, random_below(choice->random, 2));
	}
}

static void fates_writes(struct choice *choice)
{
	uint64_t of_eight = 1 + random_below(choice->random, 7);
	fates_fill(choice, 0);
	for (uint32_t i = 0; i < choice->inode->count; i++) {
		const struct tape_op *op = choice->inode->op[i].op;
		if (op->kind == TAPE_WRITE && random_below(choice->random, 8) < of_eight)
			fate_set(choice, i, (size_t)(op->offset / SECTOR_BYTES), sector_after(op), true);
	}
}

static void fates_later(struct choice *choice)
{
	uint32_t from = (uint32_t)random_below(choice->random, choice->inode->count);
	fates_fill(choice, 0);
	for (uint32_t i = from; i < choice->inode->count; i++) {
		const struct tape_op *op = choice->inode->op[i].op;
		if (op->kind == TAPE_WRITE)
			fate_set(choice, i, (size_t)(op->offset / SECTOR_BYTES), sector_after(op), true);
	}
}

static void fates_sectors(struct choice *choice, size_t group)
{
	uint32_t seen = 0;
	for (size_t sector = 0; sector < choice->sectors; sector++) {
		if (sector % group == 0)
			seen = (uint32_t)random_below(choice->random, choice->inode->count + 1u);
		choice->outage->fate[sector] = seen;
	}
}

/* No sector has seen less than what is certain. */
static void fates_floor(struct choice *choice)
{
	for (uint32_t i = 0; i < choice->inode->count; i++) {
		const struct open_op *open = &choice->inode->op[i];
		if (open->certainty != CERTAIN)
			continue;
		if (choice->size_moment <= i)
			choice->size_moment = i + 1;
		if (open->op->kind != TAPE_WRITE)
			continue;
		for (size_t sector = (size_t)(open->op->offset / SECTOR_BYTES); sector < sector_after(open->op); sector++)
			if (choice->outage->fate[sector] <= i)
				choice->outage->fate[sector] = i + 1;
	}
}

static uint32_t any_moment(struct choice *choice)
{
	return (uint32_t)random_below(choice->random, choice->inode->count + 1u);
}

static void fates_choose(struct choice *choice)
{
	uint32_t all = choice->inode->count;
	choice->size_moment = all;
	switch (choice->kind) {
	case OUTAGE_KEPT:
	case OUTAGE_KINDS:
		fates_fill(choice, all);
		break;
	case OUTAGE_LOST:
		fates_fill(choice, choice->size_moment = 0);
		break;
	case OUTAGE_TORN:
		fates_torn(choice);
		break;
	case OUTAGE_FILES:
		fates_fill(choice, choice->size_moment = any_moment(choice));
		break;
	case OUTAGE_WRITES:
		choice->size_moment = random_below(choice->random, 2) ? all : any_moment(choice);
		fates_writes(choice);
		break;
	case OUTAGE_LATER:
		fates_later(choice);
		break;
	case OUTAGE_SECTORS:
	case OUTAGE_PAGES:
		choice->size_moment = random_below(choice->random, 2) ? all : any_moment(choice);
		fates_sectors(choice, choice->kind == OUTAGE_PAGES ? 8 : 1);
		break;
	case OUTAGE_SIZES:
		choice->size_moment = any_moment(choice);
		fates_fill(choice, all);
		break;
	case OUTAGE_EMPTY:
		fates_fill(choice, 0);
		break;
	case OUTAGE_RUBBISH:
		fates_sectors(choice, 1);
		break;
	}
	fates_floor(choice);
}

static int fates_reserve(struct choice *choice)
{
	struct outage *outage = choice->outage;
	for (uint32_t i = 0; i < choice->inode->count; i++)
		if (choice->inode->op[i].op->kind == TAPE_WRITE && sector_after(choice->inode->op[i].op) > choice->sectors)
			choice->sectors = sector_after(choice->inode->op[i].op);
	if (choice->sectors <= outage->fates)
		return 0;
	uint32_t *grown = realloc(outage->fate, choice->sectors * 2 * sizeof(*grown));
	if (!grown)
		return ERR_MEMORY;
	outage->fate = grown;
	outage->fates = choice->sectors * 2;
	return 0;
}

/* ---- making it ---- */

/* The sectors of one write that have seen it, in runs; `limit`: from where nothing can be there. */
static int write_do(const struct choice *choice, uint32_t number, uint64_t limit, struct disk_file *file)
{
	const struct tape_op *op = choice->inode->op[number].op;
	const uint8_t *bytes = choice->outage->tape->bytes.at + op->data;
	uint64_t end = op->offset + op->bytes < limit ? op->offset + op->bytes : limit;
	for (uint64_t at = op->offset; at < end;) {
		uint64_t next = at;
		bool seen = choice->outage->fate[at / SECTOR_BYTES] > number;
		while (next < end && (choice->outage->fate[next / SECTOR_BYTES] > number) == seen)
			next = (next / SECTOR_BYTES + 1) * SECTOR_BYTES;
		if (next > end)
			next = end;
		if (seen && disk_write(file, bytes + (at - op->offset), (size_t)(next - at), at))
			return ERR_MEMORY;
		at = next;
	}
	return 0;
}

static uint64_t size_then(const struct choice *choice)
{
	uint64_t size = choice->inode->certain.size;
	for (uint32_t i = 0; i < choice->size_moment; i++) {
		const struct tape_op *op = choice->inode->op[i].op;
		if (op->kind == TAPE_RESIZE)
			size = op->offset;
		else if (op->offset + op->bytes > size)
			size = op->offset + op->bytes;
	}
	return size;
}

static int rubbish_do(const struct choice *choice, struct disk_file *file)
{
	uint8_t sector[SECTOR_BYTES];
	uint64_t first = (choice->inode->certain.size + SECTOR_BYTES - 1) / SECTOR_BYTES;
	for (uint64_t number = first; number < choice->sectors; number++) {
		for (size_t i = 0; i < SECTOR_BYTES; i++)
			sector[i] = (uint8_t)(number * 131 + i * 7 + 1);
		if (disk_write(file, sector, sizeof(sector), number * SECTOR_BYTES))
			return ERR_MEMORY;
	}
	return 0;
}

static int ops_do(const struct choice *choice, struct disk_file *file)
{
	uint64_t limit = UINT64_MAX;
	int rc = choice->kind == OUTAGE_RUBBISH ? rubbish_do(choice, file) : 0;
	for (uint32_t i = 0; i < choice->inode->count && rc == 0; i++) {
		const struct tape_op *op = choice->inode->op[i].op;
		if (op->kind == TAPE_WRITE)
			rc = write_do(choice, i, limit, file);
		else if (i < choice->size_moment)
			rc = disk_resize(file, op->offset);
		else if (op->offset < limit)
			limit = op->offset;
	}
	return rc ? rc : disk_resize(file, size_then(choice));
}

static int file_make(struct outage *outage, uint32_t number, enum outage_kind kind, uint64_t *random, struct disk_file *file)
{
	const struct inode *inode = &outage->inode[number];
	struct choice choice = {.outage = outage, .inode = inode, .kind = kind, .random = random};
	if (disk_file_copy(file, &inode->certain))
		return ERR_MEMORY;
	if (!inode->count)
		return 0;
	if (fates_reserve(&choice))
		return ERR_MEMORY;
	fates_choose(&choice);
	return ops_do(&choice, file);
}

static int names_choose(const struct outage *outage, enum outage_kind kind, uint64_t *random, struct name name[DISK_FILES_MAX])
{
	size_t seen = outage->name_count;
	int rc = 0;
	memcpy(name, outage->name, sizeof(outage->name));
	if (kind == OUTAGE_LOST)
		seen = 0;
	else if (kind != OUTAGE_KEPT && random_below(random, 4) == 0)
		seen = (size_t)random_below(random, outage->name_count + 1);
	for (size_t i = 0; i < seen && rc == 0; i++)
		rc = names_do(outage->tape, outage->name_op[i], name);
	return rc;
}

int outage_disk(struct outage *outage, enum outage_kind kind, uint64_t *random, struct disk *out_disk)
{
	struct name name[DISK_FILES_MAX];
	int rc = names_choose(outage, kind, random, name);
	for (size_t i = 0; i < DISK_FILES_MAX; i++)
		if (out_disk->file[i].name[0] && !name_place(name, out_disk->file[i].name))
			disk_remove(out_disk, out_disk->file[i].name);
	for (size_t i = 0; i < DISK_FILES_MAX && rc == 0; i++) {
		struct disk_file *file;
		if (!name[i].name[0])
			continue;
		rc = disk_make(out_disk, name[i].name, &file);
		if (rc == 0)
			rc = file_make(outage, name[i].file, kind, random, file);
	}
	return rc;
}
