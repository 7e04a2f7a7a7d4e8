/* SPDX-License-Identifier: MIT */
#include "selftest/tape.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/files.h"
#include "audit/store.h"

#define DESCRIPTORS_MAX 1024
#define NO_FILE         UINT32_MAX

struct handle {
	sqlite3_file base;
	sqlite3_file *real; /* in the room behind */
	uint32_t file;
	bool sqlite_wal;
	bool folder_due; /* the first sync of a new WAL or journal also syncs the folder */
};

struct live {
	char name[TAPE_NAME_BYTES]; /* "": no file has this number any more */
};

/* What a descriptor of audit/files.h is. */
struct descriptor {
	bool taped;
	bool folder;
	uint32_t file;
	char name[TAPE_NAME_BYTES];
};

static struct {
	struct tape *tape;
	sqlite3_vfs vfs;
	sqlite3_vfs *parent;
	const char *folder;
	size_t folder_bytes;
	sqlite3_int64 wal_bytes;
	struct live live[TAPE_FILES_MAX];
	uint32_t files;
	struct descriptor descriptor[DESCRIPTORS_MAX];
	uint64_t life; /* operations until death */
	unsigned failing_syncs;
	enum tape_fault fault;
	uint64_t fault_at; /* 0: none */
	uint64_t fault_count;
	uint64_t faults;
	bool sticky;
	bool settling; /* the WAL is being written again, and LIE_NO_SETTLE */
} recorder;

/* ---- the record ---- */

void tape_release(struct tape *tape)
{
	free(tape->op);
	buffer_release(&tape->bytes);
	*tape = (struct tape){0};
}

const char *tape_name(const struct tape *tape, const struct tape_op *op)
{
	return (const char *)tape->bytes.at + op->data;
}

const char *tape_to(const struct tape *tape, const struct tape_op *op)
{
	const char *name = tape_name(tape, op);
	return name + strlen(name) + 1;
}

static void tape_note(struct tape *tape, struct tape_op op, const void *first, size_t first_bytes, const void *second,
		      size_t second_bytes)
{
	if (tape->count == tape->capacity) {
		size_t capacity = tape->capacity ? tape->capacity * 2 : 256;
		struct tape_op *grown = realloc(tape->op, capacity * sizeof(*grown));
		tape->no_memory |= !grown;
		if (!grown)
			return;
		tape->op = grown;
		tape->capacity = capacity;
	}
	op.data = tape->bytes.bytes;
	if (buffer_append(&tape->bytes, first, first_bytes) || buffer_append(&tape->bytes, second, second_bytes))
		tape->no_memory = true;
	else
		tape->op[tape->count++] = op;
}

void tape_mark(struct tape *tape, uint64_t what)
{
	tape_note(tape, (struct tape_op){.kind = TAPE_MARK, .offset = what}, NULL, 0, NULL, 0);
}

static void tape_name_note(enum tape_kind kind, uint32_t file, const char *name, const char *to)
{
	tape_note(recorder.tape, (struct tape_op){.kind = kind, .file = file}, name, strlen(name) + 1, to,
		  to ? strlen(to) + 1 : 0);
}

/* ---- names ---- */

static const char *name_of(const char *path)
{
	if (!path || strncmp(path, recorder.folder, recorder.folder_bytes) != 0 || path[recorder.folder_bytes] != '/')
		return NULL;
	const char *name = path + recorder.folder_bytes + 1;
	return *name && strlen(name) < TAPE_NAME_BYTES ? name : NULL;
}

static uint32_t live_find(const char *name)
{
	for (uint32_t i = 0; i < recorder.files; i++)
		if (strcmp(recorder.live[i].name, name) == 0)
			return i;
	return NO_FILE;
}

/* The file of that name; it is new if there is none. */
static uint32_t live_make(const char *name)
{
	uint32_t file = live_find(name);
	if (file != NO_FILE)
		return file;
	assert(recorder.files < TAPE_FILES_MAX);
	file = recorder.files++;
	snprintf(recorder.live[file].name, TAPE_NAME_BYTES, "%s", name);
	tape_name_note(TAPE_MAKE, file, name, NULL);
	return file;
}

static void live_remove(const char *name)
{
	uint32_t file = live_find(name);
	if (file == NO_FILE)
		return;
	tape_name_note(TAPE_REMOVE, file, name, NULL);
	recorder.live[file].name[0] = 0;
}

static void live_rename(const char *from, const char *to)
{
	uint32_t file = live_find(from), gone = live_find(to);
	if (file == NO_FILE)
		return;
	tape_name_note(TAPE_RENAME, file, from, to);
	if (gone != NO_FILE)
		recorder.live[gone].name[0] = 0;
	snprintf(recorder.live[file].name, TAPE_NAME_BYTES, "%s", to);
}

/* The folder of a name, "" for the topmost. */
static void folder_note(const char *name)
{
	char folder[TAPE_NAME_BYTES];
	const char *slash = strrchr(name, '/');
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - name) : 0, name);
	if (!(recorder.tape->lies & LIE_NO_FOLDER))
		tape_name_note(TAPE_FOLDER, 0, folder, NULL);
}

/* ---- bad days ---- */

void tape_kill_after(uint64_t operations)
{
	recorder.life = operations;
}

void tape_fail_syncs(unsigned count)
{
	recorder.failing_syncs = count;
}

void tape_fault(enum tape_fault fault, uint64_t at, bool sticky)
{
	recorder.fault = fault;
	recorder.fault_at = at;
	recorder.fault_count = recorder.faults = 0;
	recorder.sticky = sticky;
}

uint64_t tape_faults(void)
{
	return recorder.faults;
}

/* One more operation of this kind. True: it fails. */
static bool is_faulty(enum tape_fault fault)
{
	if (!recorder.fault_at || fault != recorder.fault)
		return false;
	recorder.fault_count++;
	if (recorder.fault_count != recorder.fault_at && !(recorder.sticky && recorder.fault_count > recorder.fault_at))
		return false;
	recorder.faults++;
	return true;
}

static bool is_dead(void)
{
	return recorder.life == 0;
}

/* One more operation that changes a file. False: the process did not live to do it. */
static bool live_on(void)
{
	if (recorder.life && recorder.life != UINT64_MAX)
		recorder.life--;
	return recorder.life != 0;
}

/* ---- operations ---- */

static void tape_write(uint32_t file, const void *at, size_t bytes, uint64_t offset)
{
	tape_note(recorder.tape, (struct tape_op){.kind = TAPE_WRITE, .file = file, .bytes = (uint32_t)bytes, .offset = offset},
		  at, bytes, NULL, 0);
}

static void tape_resize(uint32_t file, uint64_t bytes)
{
	tape_note(recorder.tape, (struct tape_op){.kind = TAPE_RESIZE, .file = file, .offset = bytes}, NULL, 0, NULL, 0);
}

static void tape_sync(uint32_t file, bool failed)
{
	tape_note(recorder.tape, (struct tape_op){.kind = failed ? TAPE_SYNC_FAILED : TAPE_SYNC, .file = file}, NULL, 0, NULL, 0);
}

static bool sync_fails(uint32_t file)
{
	if (!recorder.failing_syncs && !is_faulty(FAULT_SYNC))
		return false;
	if (recorder.failing_syncs)
		recorder.failing_syncs--;
	tape_sync(file, true);
	return true;
}

/* ---- under SQLite ---- */

static struct handle *handle_of(sqlite3_file *file)
{
	return (struct handle *)file;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
	return handle_of(file)->real;
}

static int file_close(sqlite3_file *file)
{
	return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *at, int bytes, sqlite3_int64 offset)
{
	if (is_faulty(FAULT_READ))
		return SQLITE_IOERR_READ;
	return real_of(file)->pMethods->xRead(real_of(file), at, bytes, offset);
}

/* A WAL that is written as it was, from its beginning to the next sync: nobody but trail_open does so. */
static bool is_settling(struct handle *handle, const void *at, int bytes, sqlite3_int64 offset)
{
	uint8_t is[64];
	if (!(recorder.tape->lies & LIE_NO_SETTLE) || !handle->sqlite_wal)
		return false;
	if (offset == 0 && bytes >= (int)sizeof(is) &&
	    handle->real->pMethods->xRead(handle->real, is, sizeof(is), 0) == SQLITE_OK)
		recorder.settling = memcmp(is, at, sizeof(is)) == 0;
	return recorder.settling;
}

static int file_write(sqlite3_file *file, const void *at, int bytes, sqlite3_int64 offset)
{
	if (!live_on())
		return SQLITE_IOERR_WRITE;
	bool settling = is_settling(handle_of(file), at, bytes, offset);
	bool io = is_faulty(FAULT_WRITE), space = is_faulty(FAULT_SPACE);
	if (io || space)
		bytes /= 2;
	int rc = real_of(file)->pMethods->xWrite(real_of(file), at, bytes, offset);
	if (rc == SQLITE_OK && !settling)
		tape_write(handle_of(file)->file, at, (size_t)bytes, (uint64_t)offset);
	return io ? SQLITE_IOERR_WRITE : space ? SQLITE_FULL : rc;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 bytes)
{
	if (!live_on() || is_faulty(FAULT_WRITE))
		return SQLITE_IOERR_TRUNCATE;
	int rc = real_of(file)->pMethods->xTruncate(real_of(file), bytes);
	if (rc == SQLITE_OK)
		tape_resize(handle_of(file)->file, (uint64_t)bytes);
	return rc;
}

static int file_sync(sqlite3_file *file, int flags)
{
	struct handle *handle = handle_of(file);
	if (!live_on())
		return SQLITE_IOERR_FSYNC;
	if (sync_fails(handle->file))
		return SQLITE_IOERR_FSYNC;
	int rc = handle->real->pMethods->xSync(handle->real, flags);
	bool lie = (recorder.settling && handle->sqlite_wal) ||
		   (!handle->sqlite_wal && (recorder.tape->lies & LIE_NO_DATABASE_SYNC));
	if (rc == SQLITE_OK && !lie)
		tape_sync(handle->file, false);
	if (rc == SQLITE_OK && handle->folder_due)
		folder_note(recorder.live[handle->file].name);
	handle->folder_due = false;
	recorder.settling &= !handle->sqlite_wal;
	return rc;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *out_bytes)
{
	return real_of(file)->pMethods->xFileSize(real_of(file), out_bytes);
}

static int file_lock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_check_lock(sqlite3_file *file, int *out_reserved)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out_reserved);
}

/* SQLite shows the VFS every PRAGMA before it obeys; what stands there may be written over. */
static void pragma_lie(char *const *argument)
{
	unsigned lies = recorder.tape->lies;
	if (argument[1] && argument[2] && sqlite3_stricmp(argument[1], "synchronous") == 0 && strlen(argument[2]) >= 1 &&
	    (lies & (LIE_NORMAL | LIE_OFF)))
		memcpy(argument[2], lies & LIE_OFF ? "0" : "1", 2);
}

static int file_control(sqlite3_file *file, int what, void *argument)
{
	if (what == SQLITE_FCNTL_PRAGMA)
		pragma_lie(argument);
	if (what == STORE_FCNTL_WAL_BYTES) {
		*(sqlite3_int64 *)argument = recorder.wal_bytes;
		return SQLITE_OK;
	}
	return real_of(file)->pMethods->xFileControl(real_of(file), what, argument);
}

static int file_sector(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_device(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int bytes, int extend, void volatile **out_at)
{
	if (is_faulty(FAULT_OPEN))
		return SQLITE_IOERR_SHMMAP;
	return real_of(file)->pMethods->xShmMap(real_of(file), page, bytes, extend, out_at);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
	return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
	real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int delete)
{
	return real_of(file)->pMethods->xShmUnmap(real_of(file), delete);
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

static int vfs_open(sqlite3_vfs *self, const char *path, sqlite3_file *file, int flags, int *out_flags)
{
	(void)self;
	struct handle *handle = handle_of(file);
	const char *name = name_of(path);
	if (!name)
		return recorder.parent->xOpen(recorder.parent, path, file, flags, out_flags);
	*handle = (struct handle){.real = (sqlite3_file *)&handle[1], .sqlite_wal = flags & SQLITE_OPEN_WAL};
	if ((is_dead() && (flags & SQLITE_OPEN_CREATE)) || is_faulty(FAULT_OPEN))
		return SQLITE_CANTOPEN;
	int rc = recorder.parent->xOpen(recorder.parent, path, handle->real, flags, out_flags);
	if (rc)
		return rc;
	bool fresh = live_find(name) == NO_FILE;
	handle->file = live_make(name);
	handle->folder_due = fresh && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL));
	handle->base.pMethods = &methods;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *self, const char *path, int sync)
{
	(void)self;
	const char *name = name_of(path);
	if (name && (!live_on() || is_faulty(FAULT_WRITE)))
		return SQLITE_IOERR_DELETE;
	int rc = recorder.parent->xDelete(recorder.parent, path, sync);
	if (rc == SQLITE_OK && name) {
		live_remove(name);
		if (sync)
			folder_note(name);
	}
	return rc;
}

static int vfs_access(sqlite3_vfs *self, const char *path, int flags, int *out_there)
{
	(void)self;
	return recorder.parent->xAccess(recorder.parent, path, flags, out_there);
}

/* ---- under audit/files.h ---- */

static int failed_call(int error)
{
	errno = error;
	return -1;
}

/* The lock beside the trail is worth nothing without its process. */
static bool is_of_interest(const char *name)
{
	size_t bytes = strlen(name);
	return bytes < 5 || strcmp(name + bytes - 5, "-lock") != 0;
}

static struct descriptor *descriptor_of(int fd)
{
	return fd >= 0 && fd < DESCRIPTORS_MAX && recorder.descriptor[fd].taped ? &recorder.descriptor[fd] : NULL;
}

static int call_open(const char *path, int flags, mode_t mode)
{
	const char *name = name_of(path);
	bool top = strcmp(path, recorder.folder) == 0;
	if (is_dead() || (name && is_faulty(FAULT_OPEN)))
		return failed_call(EIO);
	int fd = file_calls_system.open(path, flags, mode);
	if (fd < 0 || fd >= DESCRIPTORS_MAX || (!name && !top) || (name && !is_of_interest(name)))
		return fd;
	struct descriptor *descriptor = &recorder.descriptor[fd];
	*descriptor = (struct descriptor){.taped = true, .folder = top || (flags & O_DIRECTORY)};
	snprintf(descriptor->name, sizeof(descriptor->name), "%s", top ? "" : name);
	if (descriptor->folder)
		return fd;
	descriptor->file = live_make(name);
	if (flags & O_TRUNC)
		tape_resize(descriptor->file, 0);
	return fd;
}

static int call_close(int fd)
{
	struct descriptor *descriptor = descriptor_of(fd);
	if (descriptor)
		descriptor->taped = false;
	return file_calls_system.close(fd);
}

static ssize_t call_pread(int fd, void *at, size_t bytes, off_t offset)
{
	if (descriptor_of(fd) && is_faulty(FAULT_READ))
		return failed_call(EIO);
	return file_calls_system.pread(fd, at, bytes, offset);
}

static ssize_t call_pwrite(int fd, const void *at, size_t bytes, off_t offset)
{
	const struct descriptor *descriptor = descriptor_of(fd);
	if (!live_on())
		return failed_call(EIO);
	bool io = descriptor && is_faulty(FAULT_WRITE), space = descriptor && is_faulty(FAULT_SPACE);
	if (io || space || (descriptor && bytes > 1 && is_faulty(FAULT_SHORT)))
		bytes /= 2;
	ssize_t done = file_calls_system.pwrite(fd, at, bytes, offset);
	if (done > 0 && descriptor)
		tape_write(descriptor->file, at, (size_t)done, (uint64_t)offset);
	return io ? failed_call(EIO) : space ? failed_call(ENOSPC) : done;
}

static int call_ftruncate(int fd, off_t bytes)
{
	const struct descriptor *descriptor = descriptor_of(fd);
	if (!live_on() || (descriptor && is_faulty(FAULT_WRITE)))
		return failed_call(EIO);
	int rc = file_calls_system.ftruncate(fd, bytes);
	if (rc == 0 && descriptor)
		tape_resize(descriptor->file, (uint64_t)bytes);
	return rc;
}

static int call_sync(int fd, int (*real)(int fd))
{
	const struct descriptor *descriptor = descriptor_of(fd);
	if (!live_on())
		return failed_call(EIO);
	if (descriptor && !descriptor->folder && sync_fails(descriptor->file))
		return failed_call(EIO);
	if (descriptor && descriptor->folder && is_faulty(FAULT_SYNC))
		return failed_call(EIO);
	int rc = real(fd);
	if (rc || !descriptor)
		return rc;
	if (!descriptor->folder && !(recorder.tape->lies & LIE_NO_KEY_SYNC))
		tape_sync(descriptor->file, false);
	if (descriptor->folder && !(recorder.tape->lies & LIE_NO_FOLDER))
		tape_name_note(TAPE_FOLDER, 0, descriptor->name, NULL);
	return rc;
}

static int call_fdatasync(int fd)
{
	return call_sync(fd, file_calls_system.fdatasync);
}

static int call_fsync(int fd)
{
	return call_sync(fd, file_calls_system.fsync);
}

static int call_mkdir(const char *path, mode_t mode)
{
	return is_dead() ? failed_call(EIO) : file_calls_system.mkdir(path, mode);
}

static int call_rename(const char *from, const char *to)
{
	if (!live_on() || is_faulty(FAULT_WRITE))
		return failed_call(EIO);
	int rc = file_calls_system.rename(from, to);
	if (rc == 0 && name_of(from) && name_of(to))
		live_rename(name_of(from), name_of(to));
	return rc;
}

static int call_unlink(const char *path)
{
	if (!live_on() || is_faulty(FAULT_WRITE))
		return failed_call(EIO);
	int rc = file_calls_system.unlink(path);
	if (rc == 0 && name_of(path))
		live_remove(name_of(path));
	return rc;
}

static const struct file_calls calls = {
	.open = call_open,
	.pread = call_pread,
	.pwrite = call_pwrite,
	.ftruncate = call_ftruncate,
	.fdatasync = call_fdatasync,
	.fsync = call_fsync,
	.close = call_close,
	.mkdir = call_mkdir,
	.rename = call_rename,
	.unlink = call_unlink,
};

/* ---- beginning and end ---- */

int tape_begin(struct tape *tape, sqlite3_vfs *parent, const char *folder, uint32_t wal_bytes)
{
	memset(&recorder, 0, sizeof(recorder));
	recorder.tape = tape;
	recorder.parent = parent;
	recorder.folder = folder;
	recorder.folder_bytes = strlen(folder);
	recorder.wal_bytes = wal_bytes;
	recorder.life = UINT64_MAX;
	recorder.vfs = *parent;
	recorder.vfs.pNext = NULL;
	recorder.vfs.zName = "bunshin-tape";
	recorder.vfs.szOsFile = (int)sizeof(struct handle) + parent->szOsFile;
	recorder.vfs.xOpen = vfs_open;
	recorder.vfs.xDelete = vfs_delete;
	recorder.vfs.xAccess = vfs_access;
	if (sqlite3_vfs_register(&recorder.vfs, 1))
		return ERR_SYSTEM;
	file_calls = &calls;
	return 0;
}

void tape_end(void)
{
	file_calls = &file_calls_system;
	sqlite3_vfs_unregister(&recorder.vfs);
	sqlite3_vfs_register(sqlite3_vfs_find("unix"), 1);
}
