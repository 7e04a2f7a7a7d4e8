/* SPDX-License-Identifier: MIT */
#include "faulty.h"

#include <stddef.h>
#include <stdlib.h>
#include <sqlite3.h>

#include "audit/store.h"

struct file {
	sqlite3_file base;
	sqlite3_file *real; /* in the room behind */
	bool wal;
};

static sqlite3_vfs vfs;
static sqlite3_vfs *real_vfs;

static struct {
	bool armed;
	enum faulty_kind kind;
	uint64_t at;
	bool sticky;
	uint64_t count;
	uint64_t failures;
	uint64_t syncs;
	uint64_t wal_bytes;
	bool small_wal;
} plan;

static bool fails(enum faulty_kind kind)
{
	if (!plan.armed || kind != plan.kind)
		return false;
	plan.count++;
	if (plan.count != plan.at && !(plan.sticky && plan.count > plan.at))
		return false;
	plan.failures++;
	return true;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct file *)file)->real;
}

static int file_close(sqlite3_file *file)
{
	return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *at, int bytes, sqlite3_int64 offset)
{
	if (fails(FAULTY_READS))
		return SQLITE_IOERR_READ;
	return real_of(file)->pMethods->xRead(real_of(file), at, bytes, offset);
}

static int file_write(sqlite3_file *file, const void *at, int bytes, sqlite3_int64 offset)
{
	bool io = fails(FAULTY_WRITES), space = fails(FAULTY_SPACE);
	if (((struct file *)file)->wal)
		plan.wal_bytes += (uint64_t)bytes;
	if (!io && !space)
		return real_of(file)->pMethods->xWrite(real_of(file), at, bytes, offset);
	(void)real_of(file)->pMethods->xWrite(real_of(file), at, bytes / 2, offset);
	return io ? SQLITE_IOERR_WRITE : SQLITE_FULL;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 bytes)
{
	if (fails(FAULTY_WRITES))
		return SQLITE_IOERR_TRUNCATE;
	return real_of(file)->pMethods->xTruncate(real_of(file), bytes);
}

static int file_sync(sqlite3_file *file, int flags)
{
	plan.syncs++;
	if (fails(FAULTY_WRITES))
		return SQLITE_IOERR_FSYNC;
	return real_of(file)->pMethods->xSync(real_of(file), flags);
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

static int file_control(sqlite3_file *file, int what, void *argument)
{
	if (what == STORE_FCNTL_WAL_BYTES && plan.small_wal) {
		*(sqlite3_int64 *)argument = 65536;
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
	if (fails(FAULTY_OPENS))
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

static int vfs_open(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	(void)self;
	struct file *mine = (struct file *)file;
	mine->base.pMethods = NULL;
	if (fails(FAULTY_OPENS))
		return SQLITE_CANTOPEN;
	mine->real = (sqlite3_file *)&mine[1];
	mine->wal = flags & SQLITE_OPEN_WAL;
	int rc = real_vfs->xOpen(real_vfs, name, mine->real, flags, out_flags);
	if (mine->real->pMethods)
		mine->base.pMethods = &methods;
	return rc;
}

void faulty_install(void)
{
	real_vfs = sqlite3_vfs_find(NULL);
	vfs = *real_vfs;
	vfs.pNext = NULL;
	vfs.zName = "faulty";
	vfs.szOsFile = (int)sizeof(struct file) + real_vfs->szOsFile;
	vfs.xOpen = vfs_open;
	if (sqlite3_vfs_register(&vfs, 1))
		abort();
}

void faulty_small_wal(void)
{
	plan.small_wal = true;
}

void faulty_arm(enum faulty_kind kind, uint64_t at, bool sticky)
{
	plan.kind = kind;
	plan.at = at;
	plan.sticky = sticky;
	plan.count = 0;
	plan.failures = 0;
	plan.wal_bytes = 0;
	plan.armed = true;
}

void faulty_disarm(void)
{
	plan.armed = false;
}

uint64_t faulty_failures(void)
{
	return plan.failures;
}

uint64_t faulty_syncs(void)
{
	return plan.syncs;
}

uint64_t faulty_wal_bytes(void)
{
	return plan.wal_bytes;
}
