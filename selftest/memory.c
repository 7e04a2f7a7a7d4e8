/* SPDX-License-Identifier: MIT */
#include "selftest/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "audit/store.h"

#define REGIONS_MAX  64u
#define REGION_BYTES (32 << 10)

/* What connections to one file share. */
struct node {
	unsigned open;
	unsigned readers;  /* that hold SQLITE_LOCK_SHARED or more */
	bool reserved;     /* one of them holds more */
	bool exclusive;    /* and alone */
	unsigned mappings; /* connections that have the shared memory */
	uint8_t *region[REGIONS_MAX];
	unsigned slot_readers[SQLITE_SHM_NLOCK];
	bool slot_writer[SQLITE_SHM_NLOCK];
};

struct handle {
	sqlite3_file base;
	struct disk_file *file;
	struct node *node;
	int level; /* SQLITE_LOCK_… */
	bool mapped;
	bool keep_wal;
	uint8_t slots_shared;
	uint8_t slots_exclusive;
};

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *system;
	struct disk *disk;
	const char *folder;
	size_t folder_bytes;
	sqlite3_int64 wal_bytes;
	struct node node[DISK_FILES_MAX];
} memory;

static struct handle *handle_of(sqlite3_file *file)
{
	return (struct handle *)file;
}

/* The name within the folder; NULL: the path is not in it. */
static const char *name_of(const char *path)
{
	if (!memory.disk || !path || strncmp(path, memory.folder, memory.folder_bytes) != 0 || path[memory.folder_bytes] != '/')
		return NULL;
	return path + memory.folder_bytes + 1;
}

/* ---- bytes ---- */

static int file_close(sqlite3_file *file)
{
	struct handle *handle = handle_of(file);
	handle->node->open--;
	return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *at, int bytes, sqlite3_int64 offset)
{
	size_t there = disk_read(handle_of(file)->file, at, (size_t)bytes, (uint64_t)offset);
	return there == (size_t)bytes ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *file, const void *at, int bytes, sqlite3_int64 offset)
{
	return disk_write(handle_of(file)->file, at, (size_t)bytes, (uint64_t)offset) ? SQLITE_IOERR_NOMEM : SQLITE_OK;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 bytes)
{
	return disk_resize(handle_of(file)->file, (uint64_t)bytes) ? SQLITE_IOERR_NOMEM : SQLITE_OK;
}

static int file_sync(sqlite3_file *file, int flags)
{
	(void)file;
	(void)flags;
	return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *out_bytes)
{
	*out_bytes = (sqlite3_int64)handle_of(file)->file->size;
	return SQLITE_OK;
}

/* ---- locks of the database file ---- */

static int file_lock(sqlite3_file *file, int level)
{
	struct handle *handle = handle_of(file);
	struct node *node = handle->node;
	if (level <= handle->level)
		return SQLITE_OK;
	if (handle->level == SQLITE_LOCK_NONE) {
		if (node->exclusive)
			return SQLITE_BUSY;
		node->readers++;
		handle->level = SQLITE_LOCK_SHARED;
	}
	if (level == SQLITE_LOCK_SHARED)
		return SQLITE_OK;
	if (node->reserved && handle->level < SQLITE_LOCK_RESERVED)
		return SQLITE_BUSY;
	node->reserved = true;
	handle->level = SQLITE_LOCK_RESERVED;
	if (level == SQLITE_LOCK_RESERVED)
		return SQLITE_OK;
	if (node->readers > 1)
		return SQLITE_BUSY;
	node->exclusive = true;
	handle->level = SQLITE_LOCK_EXCLUSIVE;
	return SQLITE_OK;
}

static int file_unlock(sqlite3_file *file, int level)
{
	struct handle *handle = handle_of(file);
	struct node *node = handle->node;
	if (handle->level <= level)
		return SQLITE_OK;
	if (handle->level >= SQLITE_LOCK_RESERVED)
		node->reserved = node->exclusive = false;
	if (level == SQLITE_LOCK_NONE)
		node->readers--;
	handle->level = level;
	return SQLITE_OK;
}

static int file_check_lock(sqlite3_file *file, int *out_reserved)
{
	*out_reserved = handle_of(file)->node->reserved;
	return SQLITE_OK;
}

/* ---- what the file is ---- */

static int file_control(sqlite3_file *file, int what, void *argument)
{
	struct handle *handle = handle_of(file);
	int *number = argument;
	switch (what) {
	case SQLITE_FCNTL_LOCKSTATE:
		*number = handle->level;
		return SQLITE_OK;
	case SQLITE_FCNTL_PERSIST_WAL:
		if (*number >= 0)
			handle->keep_wal = *number;
		*number = handle->keep_wal;
		return SQLITE_OK;
	case SQLITE_FCNTL_SIZE_HINT:
		return SQLITE_OK;
	case STORE_FCNTL_WAL_BYTES:
		*(sqlite3_int64 *)argument = memory.wal_bytes;
		return SQLITE_OK;
	}
	return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *file)
{
	(void)file;
	return 4096;
}

static int file_device(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* ---- shared memory ---- */

static int file_shm_map(sqlite3_file *file, int page, int bytes, int extend, void volatile **out_at)
{
	struct handle *handle = handle_of(file);
	struct node *node = handle->node;
	*out_at = NULL;
	if (bytes != REGION_BYTES || page >= (int)REGIONS_MAX)
		return SQLITE_IOERR_SHMMAP;
	if (!handle->mapped)
		node->mappings++;
	handle->mapped = true;
	if (!node->region[page] && extend)
		node->region[page] = calloc(1, REGION_BYTES);
	if (!node->region[page] && extend)
		return SQLITE_IOERR_NOMEM;
	*out_at = node->region[page];
	return SQLITE_OK;
}

static int slots_take(struct handle *handle, int offset, int count, bool exclusive)
{
	struct node *node = handle->node;
	for (int i = offset; i < offset + count; i++) {
		bool mine = handle->slots_shared >> i & 1;
		if (node->slot_writer[i] || (exclusive && node->slot_readers[i] > mine))
			return SQLITE_BUSY;
	}
	for (int i = offset; i < offset + count; i++) {
		if (exclusive) {
			node->slot_writer[i] = true;
			handle->slots_exclusive |= (uint8_t)(1 << i);
		} else if (!(handle->slots_shared >> i & 1)) {
			node->slot_readers[i]++;
			handle->slots_shared |= (uint8_t)(1 << i);
		}
	}
	return SQLITE_OK;
}

static void slots_give(struct handle *handle, int offset, int count)
{
	struct node *node = handle->node;
	for (int i = offset; i < offset + count; i++) {
		if (handle->slots_exclusive >> i & 1)
			node->slot_writer[i] = false;
		if (handle->slots_shared >> i & 1)
			node->slot_readers[i]--;
		handle->slots_exclusive &= (uint8_t) ~(1 << i);
		handle->slots_shared &= (uint8_t) ~(1 << i);
	}
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
	if (flags & SQLITE_SHM_LOCK)
		return slots_take(handle_of(file), offset, count, flags & SQLITE_SHM_EXCLUSIVE);
	slots_give(handle_of(file), offset, count);
	return SQLITE_OK;
}

static void file_shm_barrier(sqlite3_file *file)
{
	(void)file;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Whoever maps it first finds it empty, as after a restart: the index of a WAL is worth nothing without its processes. */
static int file_shm_unmap(sqlite3_file *file, int delete)
{
	struct handle *handle = handle_of(file);
	(void)delete;
	if (!handle->mapped)
		return SQLITE_OK;
	slots_give(handle, 0, SQLITE_SHM_NLOCK);
	handle->mapped = false;
	if (--handle->node->mappings == 0)
		for (size_t i = 0; i < REGIONS_MAX && handle->node->region[i]; i++)
			memset(handle->node->region[i], 0, REGION_BYTES);
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_device,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

/* ---- the VFS ---- */

static int vfs_open(sqlite3_vfs *self, const char *path, sqlite3_file *file, int flags, int *out_flags)
{
	(void)self;
	struct handle *handle = handle_of(file);
	const char *name = name_of(path);
	if (!name)
		return memory.system->xOpen(memory.system, path, file, flags, out_flags);
	file->pMethods = NULL;
	struct disk_file *found = disk_find(memory.disk, name);
	if (!found && !(flags & (SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB)))
		return SQLITE_CANTOPEN;
	if (!found && (strlen(name) >= DISK_NAME_BYTES || disk_make(memory.disk, name, &found)))
		return SQLITE_CANTOPEN;
	*handle = (struct handle){.file = found, .node = &memory.node[found - memory.disk->file]};
	handle->node->open++;
	handle->base.pMethods = &methods;
	if (out_flags)
		*out_flags = flags;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *self, const char *path, int sync)
{
	(void)self;
	const char *name = name_of(path);
	if (!name)
		return memory.system->xDelete(memory.system, path, sync);
	if (!disk_find(memory.disk, name))
		return SQLITE_IOERR_DELETE_NOENT;
	disk_remove(memory.disk, name);
	return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *self, const char *path, int flags, int *out_there)
{
	(void)self;
	const char *name = name_of(path);
	if (!name)
		return memory.system->xAccess(memory.system, path, flags, out_there);
	const struct disk_file *file = disk_find(memory.disk, name);
	/* As the VFS of Unix: an empty file does not exist. */
	*out_there = file && (flags != SQLITE_ACCESS_EXISTS || file->size);
	return SQLITE_OK;
}

sqlite3_vfs *memory_vfs(void)
{
	if (memory.system)
		return &memory.vfs;
	memory.system = sqlite3_vfs_find("unix");
	if (!memory.system)
		return NULL;
	memory.vfs = *memory.system;
	memory.vfs.pNext = NULL;
	memory.vfs.zName = "bunshin-memory";
	if (memory.vfs.szOsFile < (int)sizeof(struct handle))
		memory.vfs.szOsFile = (int)sizeof(struct handle);
	memory.vfs.xOpen = vfs_open;
	memory.vfs.xDelete = vfs_delete;
	memory.vfs.xAccess = vfs_access;
	return sqlite3_vfs_register(&memory.vfs, 0) == SQLITE_OK ? &memory.vfs : NULL;
}

void memory_mount(struct disk *disk, const char *folder, uint32_t wal_bytes)
{
	for (size_t i = 0; i < DISK_FILES_MAX; i++)
		assert(!memory.node[i].open);
	memory.disk = disk;
	memory.folder = folder;
	memory.wal_bytes = wal_bytes;
	memory.folder_bytes = strlen(folder);
}

void memory_unmount(void)
{
	memory.disk = NULL;
	for (size_t i = 0; i < DISK_FILES_MAX; i++) {
		assert(!memory.node[i].open);
		for (size_t page = 0; page < REGIONS_MAX; page++)
			free(memory.node[i].region[page]);
		memory.node[i] = (struct node){0};
	}
}
