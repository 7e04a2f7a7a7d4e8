/* SPDX-License-Identifier: MIT */
#include "selftest/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_OF_ZEROS 1u

struct disk_page {
	uint32_t users;
	uint64_t hash; /* 0: not known; HASH_OF_ZEROS */
	struct disk_page *next;
	uint8_t bytes[DISK_PAGE_BYTES];
};

static struct disk_page *spare; /* pages of disks that are gone: they are wanted again at once */

/* ---- pages ---- */

static struct disk_page *page_new(void)
{
	struct disk_page *page = spare;
	if (page)
		spare = page->next;
	else
		page = malloc(sizeof(*page));
	if (page) {
		page->users = 1;
		page->hash = 0;
	}
	return page;
}

static void page_drop(struct disk_page *page)
{
	if (!page || --page->users)
		return;
	page->next = spare;
	spare = page;
}

void disk_pages_release(void)
{
	while (spare) {
		struct disk_page *page = spare;
		spare = page->next;
		free(page);
	}
}

/* A page of this file alone, which may be written; NULL without memory. */
static struct disk_page *page_own(struct disk_page **place)
{
	struct disk_page *page = *place;
	if (page && page->users == 1) {
		page->hash = 0;
		return page;
	}
	struct disk_page *mine = page_new();
	if (!mine)
		return NULL;
	if (page)
		memcpy(mine->bytes, page->bytes, DISK_PAGE_BYTES);
	else
		memset(mine->bytes, 0, DISK_PAGE_BYTES);
	page_drop(page);
	*place = mine;
	return mine;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0xff51afd7ed558ccdu;
	return hash ^ (hash >> 32);
}

static uint64_t bytes_hash(const struct disk_page *page)
{
	uint64_t hash[4] = {1, 2, 3, 4}, word[4];
	if (!page->bytes[0] && memcmp(page->bytes, page->bytes + 1, DISK_PAGE_BYTES - 1) == 0)
		return HASH_OF_ZEROS;
	for (size_t at = 0; at < DISK_PAGE_BYTES; at += sizeof(word)) {
		memcpy(word, page->bytes + at, sizeof(word));
		for (size_t i = 0; i < 4; i++)
			hash[i] = mix(hash[i], word[i]);
	}
	return mix(mix(hash[0], hash[1]), mix(hash[2], hash[3])) | 2;
}

/* A page of zeros and no page are the same. */
static uint64_t page_hash(struct disk_page *page)
{
	if (!page)
		return HASH_OF_ZEROS;
	if (!page->hash)
		page->hash = bytes_hash(page);
	return page->hash;
}

/* ---- files ---- */

static void file_drop_pages(struct disk_file *file, size_t from)
{
	for (size_t i = from; i < file->page_count; i++) {
		page_drop(file->pages[i]);
		file->pages[i] = NULL;
	}
}

void disk_file_clear(struct disk_file *file)
{
	file_drop_pages(file, 0);
	free(file->pages);
	*file = (struct disk_file){0};
}

static int file_reserve(struct disk_file *file, size_t page_count)
{
	if (page_count <= file->page_count)
		return 0;
	size_t count = file->page_count ? file->page_count * 2 : 64;
	while (count < page_count)
		count *= 2;
	struct disk_page **pages = realloc(file->pages, count * sizeof(struct disk_page *));
	if (!pages)
		return ERR_MEMORY;
	memset(pages + file->page_count, 0, (count - file->page_count) * sizeof(struct disk_page *));
	file->pages = pages;
	file->page_count = count;
	return 0;
}

int disk_file_copy(struct disk_file *to, const struct disk_file *from)
{
	if (file_reserve(to, from->page_count))
		return ERR_MEMORY;
	for (size_t i = 0; i < from->page_count; i++) {
		if (to->pages[i] == from->pages[i])
			continue;
		page_drop(to->pages[i]);
		to->pages[i] = from->pages[i];
		if (to->pages[i])
			to->pages[i]->users++;
	}
	file_drop_pages(to, from->page_count);
	to->size = from->size;
	return 0;
}

size_t disk_read(const struct disk_file *file, void *at, size_t bytes, uint64_t offset)
{
	uint8_t *out = at;
	size_t there = offset >= file->size ? 0 : file->size - offset < bytes ? (size_t)(file->size - offset) : bytes;
	for (size_t done = 0; done < there;) {
		size_t number = (size_t)((offset + done) / DISK_PAGE_BYTES), skip = (size_t)((offset + done) % DISK_PAGE_BYTES);
		size_t part = DISK_PAGE_BYTES - skip < there - done ? DISK_PAGE_BYTES - skip : there - done;
		const struct disk_page *page = number < file->page_count ? file->pages[number] : NULL;
		if (page)
			memcpy(out + done, page->bytes + skip, part);
		else
			memset(out + done, 0, part);
		done += part;
	}
	memset(out + there, 0, bytes - there);
	return there;
}

static bool is_there_already(const struct disk_page *page, const uint8_t *at, size_t bytes, size_t skip)
{
	static const uint8_t zeros[DISK_PAGE_BYTES];
	return memcmp(page ? page->bytes + skip : zeros, at, bytes) == 0;
}

int disk_write(struct disk_file *file, const void *at, size_t bytes, uint64_t offset)
{
	const uint8_t *in = at;
	if (file_reserve(file, (size_t)((offset + bytes + DISK_PAGE_BYTES - 1) / DISK_PAGE_BYTES)))
		return ERR_MEMORY;
	for (size_t done = 0; done < bytes;) {
		size_t number = (size_t)((offset + done) / DISK_PAGE_BYTES), skip = (size_t)((offset + done) % DISK_PAGE_BYTES);
		size_t part = DISK_PAGE_BYTES - skip < bytes - done ? DISK_PAGE_BYTES - skip : bytes - done;
		if (!is_there_already(file->pages[number], in + done, part, skip)) {
			struct disk_page *page = page_own(&file->pages[number]);
			if (!page)
				return ERR_MEMORY;
			memcpy(page->bytes + skip, in + done, part);
		}
		done += part;
	}
	if (file->size < offset + bytes)
		file->size = offset + bytes;
	return 0;
}

int disk_resize(struct disk_file *file, uint64_t size)
{
	size_t last = (size_t)(size / DISK_PAGE_BYTES), rest = (size_t)(size % DISK_PAGE_BYTES);
	if (size < file->size) {
		file_drop_pages(file, last + (rest != 0));
		if (rest && last < file->page_count && file->pages[last]) {
			struct disk_page *page = page_own(&file->pages[last]);
			if (!page)
				return ERR_MEMORY;
			memset(page->bytes + rest, 0, DISK_PAGE_BYTES - rest);
		}
	} else if (file_reserve(file, last + 1)) {
		return ERR_MEMORY;
	}
	file->size = size;
	return 0;
}

/* ---- disks ---- */

void disk_clear(struct disk *disk)
{
	for (size_t i = 0; i < DISK_FILES_MAX; i++)
		disk_file_clear(&disk->file[i]);
}

/* Name by name in the same place: files of one disk stay where they are in its copies. */
int disk_copy(struct disk *to, const struct disk *from)
{
	for (size_t i = 0; i < DISK_FILES_MAX; i++) {
		if (!from->file[i].name[0]) {
			to->file[i].name[0] = 0;
			file_drop_pages(&to->file[i], 0);
			to->file[i].size = 0;
			continue;
		}
		if (disk_file_copy(&to->file[i], &from->file[i]))
			return ERR_MEMORY;
		memcpy(to->file[i].name, from->file[i].name, DISK_NAME_BYTES);
	}
	return 0;
}

struct disk_file *disk_find(struct disk *disk, const char *name)
{
	for (size_t i = 0; i < DISK_FILES_MAX; i++)
		if (disk->file[i].name[0] && strcmp(disk->file[i].name, name) == 0)
			return &disk->file[i];
	return NULL;
}

int disk_make(struct disk *disk, const char *name, struct disk_file **out_file)
{
	*out_file = disk_find(disk, name);
	for (size_t i = 0; i < DISK_FILES_MAX && !*out_file; i++) {
		if (disk->file[i].name[0])
			continue;
		snprintf(disk->file[i].name, DISK_NAME_BYTES, "%s", name);
		*out_file = &disk->file[i];
	}
	return *out_file ? 0 : ERR_FULL;
}

void disk_remove(struct disk *disk, const char *name)
{
	struct disk_file *file = disk_find(disk, name);
	if (!file)
		return;
	file->name[0] = 0;
	file->size = 0;
	file_drop_pages(file, 0);
}

uint64_t disk_hash(const struct disk *disk)
{
	uint64_t hash = 0;
	for (size_t i = 0; i < DISK_FILES_MAX; i++) {
		const struct disk_file *file = &disk->file[i];
		uint64_t mine = mix(0x5eed, file->size);
		if (!file->name[0])
			continue;
		for (const char *at = file->name; *at; at++)
			mine = mix(mine, (uint64_t)*at);
		for (size_t page = 0; page < file->page_count; page++) {
			uint64_t of_page = page_hash(file->pages[page]);
			if (of_page != HASH_OF_ZEROS)
				mine = mix(mine ^ of_page, page + 1);
		}
		hash += mine;
	}
	return hash;
}

const char *disk_holds(const struct disk *disk, const void *at, size_t bytes)
{
	for (size_t i = 0; i < DISK_FILES_MAX; i++) {
		const struct disk_file *file = &disk->file[i];
		for (size_t page = 0; page < file->page_count; page++)
			if (file->name[0] && file->pages[page] && memmem(file->pages[page]->bytes, DISK_PAGE_BYTES, at, bytes))
				return file->name;
	}
	return NULL;
}

static int write_all(int fd, const uint8_t *at, size_t bytes, off_t offset)
{
	while (bytes) {
		ssize_t done = pwrite(fd, at, bytes, offset);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return ERR_IO;
		at += done;
		bytes -= (size_t)done;
		offset += done;
	}
	return 0;
}

static int file_export(const struct disk_file *file, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ERR_IO;
	int rc = ftruncate(fd, (off_t)file->size) ? ERR_IO : 0;
	for (size_t page = 0; rc == 0 && page < file->page_count; page++) {
		uint64_t offset = (uint64_t)page * DISK_PAGE_BYTES;
		if (!file->pages[page] || offset >= file->size)
			continue;
		size_t bytes = file->size - offset < DISK_PAGE_BYTES ? (size_t)(file->size - offset) : DISK_PAGE_BYTES;
		rc = write_all(fd, file->pages[page]->bytes, bytes, (off_t)offset);
	}
	return close(fd) || rc ? ERR_IO : 0;
}

int disk_export(const struct disk *disk, const char *folder)
{
	char path[4096];
	int rc = 0;
	for (size_t i = 0; i < DISK_FILES_MAX && rc == 0; i++) {
		if (!disk->file[i].name[0])
			continue;
		int bytes = snprintf(path, sizeof(path), "%s/%s", folder, disk->file[i].name);
		rc = bytes < (int)sizeof(path) ? file_export(&disk->file[i], path) : ERR_IO;
	}
	return rc;
}
