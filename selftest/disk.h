/* SPDX-License-Identifier: MIT
 *
 * A disk in memory: a few files made of pages that copies of the disk share until one of them is written. So a copy
 * costs what is different about it, and thousands of disks that differ in a few sectors can be looked at in a second.
 *
 * Not for several threads, copies of one disk included.
 */
#ifndef SELFTEST_DISK_H
#define SELFTEST_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

#define DISK_FILES_MAX  16u
#define DISK_NAME_BYTES 64u
#define DISK_PAGE_BYTES 4096u
#define SECTOR_BYTES    512u /* what a disk writes as a whole or not at all */

struct disk_page;

struct disk_file {
	char name[DISK_NAME_BYTES]; /* within the folder; "": there is no file here */
	uint64_t size;
	struct disk_page **pages; /* NULL: all zero */
	size_t page_count;        /* that there is room for */
};

struct disk {
	struct disk_file file[DISK_FILES_MAX];
};

void disk_clear(struct disk *disk); /* removes every file; a zeroed disk is an empty one */

/* Makes `to` the same as `from`. 0 or ERR_MEMORY. */
MUST_CHECK int disk_copy(struct disk *to, const struct disk *from);
MUST_CHECK int disk_file_copy(struct disk_file *to, const struct disk_file *from); /* all but the name */
void disk_file_clear(struct disk_file *file);

struct disk_file *disk_find(struct disk *disk, const char *name);                           /* NULL: there is none */
MUST_CHECK int disk_make(struct disk *disk, const char *name, struct disk_file **out_file); /* found or made. ERR_FULL */
void disk_remove(struct disk *disk, const char *name);

/* Fills `at`, with zeros beyond the end. Returns how many bytes were before the end. */
size_t disk_read(const struct disk_file *file, void *at, size_t bytes, uint64_t offset);
MUST_CHECK int disk_write(struct disk_file *file, const void *at, size_t bytes, uint64_t offset); /* 0 or ERR_MEMORY */
MUST_CHECK int disk_resize(struct disk_file *file, uint64_t size);                                /* 0 or ERR_MEMORY */

/* The same for disks with the same files, and but for an accident of one in 2^64 for no others. */
uint64_t disk_hash(const struct disk *disk);

/* Do these bytes stand in any file? The name of the first such file, or NULL. Not found across two pages of a file. */
const char *disk_holds(const struct disk *disk, const void *at, size_t bytes);

/* Writes every file into the folder, replacing what is there, each as large as it is here. 0 or ERR_IO. */
MUST_CHECK int disk_export(const struct disk *disk, const char *folder);

/* Gives back the pages that are kept for later. */
void disk_pages_release(void);

#endif
