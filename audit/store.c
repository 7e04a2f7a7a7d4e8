/* SPDX-License-Identifier: MIT
 *
 * Opening a trail so that nothing can go wrong later that could have been seen now.
 */
#include "audit/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/files.h"
#include "audit/root.h"
#include "audit/schema.h"
#include "audit/seal.h"
#include "audit/wal.h"

#define STRINGIFY(x)   #x
#define NUMBER_TEXT(x) STRINGIFY(x)
#define PATH_BYTES     4096u

int store_error(int sqlite_code)
{
	switch (sqlite_code & 0xff) {
	case SQLITE_OK:
		return 0;
	case SQLITE_NOMEM:
		return ERR_MEMORY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERR_CORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_LOCKED;
	case SQLITE_CONSTRAINT:
		return ERR_CONFLICT;
	}
	/* A read of a frame that did not fit into memory. */
	return sqlite_code == SQLITE_IOERR_NOMEM ? ERR_MEMORY : ERR_IO;
}

int store_fail(struct trail *trail, int sqlite_code, const char *doing)
{
	const char *says = sqlite3_errmsg(trail->db);
	if (!trail->db || (sqlite3_errcode(trail->db) & 0xff) != (sqlite_code & 0xff))
		says = sqlite3_errstr(sqlite_code);
	snprintf(trail->why, sizeof(trail->why), "%s: %s (SQLite code %d)", doing, says, sqlite_code);
	return store_error(sqlite_code);
}

/* ---- statements ---- */

static const char *statement_sql(enum statement which, char room[1024])
{
	static const char *const sql[] = {
#define STATEMENT_SQL(name, text) text,
		STATEMENT_LIST(STATEMENT_SQL)
#undef STATEMENT_SQL
	};
	if (which == STATEMENT_RECORD)
		snprintf(room, 1024, "SELECT NULL, seq%s, chain FROM records WHERE seq = ?1", record_columns);
	if (which != STATEMENT_INSERT_RECORD)
		return which == STATEMENT_RECORD ? room : sql[which];
	int bytes = snprintf(room, 1024, "INSERT INTO records(seq%s, chain) VALUES(?", record_columns);
	for (int column = RECORD_SEQ; column < RECORD_CHAIN; column++)
		bytes += snprintf(room + bytes, 1024 - (size_t)bytes, ",?");
	snprintf(room + bytes, 1024 - (size_t)bytes, ")");
	return room;
}

sqlite3_stmt *store_statement(struct trail *trail, enum statement which)
{
	char room[1024];
	sqlite3_stmt **statement = &trail->statements[which];
	if (*statement)
		sqlite3_reset(*statement); /* its result was looked at when it was stepped */
	else if (sqlite3_prepare_v3(trail->db, statement_sql(which, room), -1, SQLITE_PREPARE_PERSISTENT, statement, NULL))
		return NULL;
	return *statement;
}

int store_finish(sqlite3_stmt *statement)
{
	while (sqlite3_step(statement) == SQLITE_ROW)
		;
	return sqlite3_reset(statement);
}

int store_run(struct trail *trail, enum statement which)
{
	sqlite3_stmt *statement = store_statement(trail, which);
	return statement ? store_finish(statement) : sqlite3_extended_errcode(trail->db);
}

int store_number(struct trail *trail, enum statement which, uint64_t *out_number)
{
	sqlite3_stmt *statement = store_statement(trail, which);
	if (!statement)
		return sqlite3_extended_errcode(trail->db);
	uint64_t number = 0;
	if (sqlite3_step(statement) == SQLITE_ROW)
		number = (uint64_t)sqlite3_column_int64(statement, 0);
	int rc = sqlite3_reset(statement);
	if (rc == SQLITE_OK)
		*out_number = number;
	return rc;
}

void store_rollback(struct trail *trail)
{
	for (int i = 0; i < STATEMENT_COUNT; i++)
		if (trail->statements[i])
			sqlite3_reset(trail->statements[i]);
	if (sqlite3_get_autocommit(trail->db))
		return; /* SQLite has done it */
	int rc = store_run(trail, STATEMENT_ROLLBACK);
	if (rc && trail->mode == TRAIL_WRITE && !trail->broken)
		trail->broken = ERR_IO;
}

static int run_sql(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int number_of(sqlite3 *db, const char *sql, int64_t *out_number)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
	if (rc)
		return rc;
	rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		*out_number = sqlite3_column_int64(statement, 0);
	int end = sqlite3_finalize(statement);
	return rc == SQLITE_ROW ? SQLITE_OK : end ? end : SQLITE_ERROR;
}

/* ---- files ---- */

/* "PATH: sentence", with the end of a path that is too long to leave room for the sentence. */
__attribute__((format(printf, 3, 4))) static void say(char out_why[256], const char *path, const char *format, ...)
{
	va_list arguments;
	size_t path_bytes = strlen(path);
	bool cut = path_bytes > 80;
	int bytes = snprintf(out_why, 256, "%s%.80s: ", cut ? "..." : "", cut ? path + path_bytes - 80 : path);
	va_start(arguments, format);
	vsnprintf(out_why + bytes, 256 - (size_t)bytes, format, arguments);
	va_end(arguments);
}

static int system_fail(char out_why[256], const char *path, const char *doing)
{
	say(out_why, path, "%s: %s", doing, strerror(errno));
	return ERR_IO;
}

static void lock_holder(int fd, char out_text[32])
{
	char pid[16];
	ssize_t bytes = file_calls->pread(fd, pid, sizeof(pid) - 1, 0);
	pid[bytes > 0 ? bytes : 0] = 0;
	pid[strspn(pid, "0123456789")] = 0;
	snprintf(out_text, 32, pid[0] ? "process %s" : "another process", pid);
}

/* The lock belongs to the open file, not to the process: two opens in one process exclude each other too. */
static int lock_take(const char *path, int *out_fd, char out_why[256])
{
	char lock_path[PATH_BYTES];
	char holder[32];
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	snprintf(lock_path, sizeof(lock_path), "%s-lock", path);
	int fd = file_calls->open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return system_fail(out_why, lock_path, "cannot open the lock");
	if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
		char pid[16];
		int bytes = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
		/* Only a hint for whoever finds the trail locked. */
		if (file_calls->ftruncate(fd, 0) || file_calls->pwrite(fd, pid, (size_t)bytes, 0) != bytes)
			errno = 0;
		*out_fd = fd;
		return 0;
	}
	int rc = ERR_LOCKED;
	if (errno == EAGAIN || errno == EACCES) {
		lock_holder(fd, holder);
		say(out_why, path, "%s writes this trail; stop it first", holder);
	} else {
		rc = system_fail(out_why, lock_path, "cannot take the lock");
	}
	file_calls->close(fd);
	return rc;
}

/* A new file is for its owner alone; SQLite gives the WAL the same rights. */
static int file_create(const char *path, char out_why[256])
{
	int fd = file_calls->open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == EEXIST ? 0 : system_fail(out_why, path, "cannot create the trail");
	file_calls->close(fd);
	return 0;
}

static int directory_sync(const char *path, char out_why[256])
{
	char folder[PATH_BYTES];
	const char *slash = strrchr(path, '/');
	int bytes = slash ? (int)(slash - path) : 0;
	snprintf(folder, sizeof(folder), "%.*s%s", bytes, path, !slash ? "." : bytes ? "" : "/");
	int fd = file_calls->open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return system_fail(out_why, folder, "cannot open the folder of the trail");
	int rc = file_calls->fsync(fd) ? system_fail(out_why, folder, "cannot sync the folder of the trail") : 0;
	file_calls->close(fd);
	return rc;
}

/* ---- the WAL ---- */

static int wal_committed(void *context, sqlite3 *db, const char *name, int frames)
{
	(void)db;
	(void)name;
	struct trail *trail = context;
	trail->wal_frames = frames;
	return SQLITE_OK;
}

/* ---- the format ---- */

/* Says in `*out_fresh` whether the file is still empty, else whether this version can use it. */
static int database_check(struct trail *trail, const char *path, bool *out_fresh, char out_why[256])
{
	int64_t application = 0, version = 0, objects = 0;
	char name[64] = "";
	int rc = number_of(trail->db, "PRAGMA application_id", &application);
	if (rc == SQLITE_OK)
		rc = number_of(trail->db, "PRAGMA user_version", &version);
	if (rc == SQLITE_OK)
		rc = number_of(trail->db, "SELECT count(*) FROM sqlite_schema", &objects);
	if (rc)
		return store_fail(trail, rc, "reading the head of the trail");
	trail->format = TRAIL_USER_VERSION;
	*out_fresh = application == 0 && version == 0 && objects == 0;
	if (*out_fresh)
		return 0;
	if (application != TRAIL_APPLICATION_ID) {
		say(out_why, path, "an SQLite database, but no trail: its application id is 0x%08" PRIx64 ", not 0x%08x",
		    (uint64_t)application, TRAIL_APPLICATION_ID);
		return ERR_CORRUPT;
	}
	if (version > TRAIL_USER_VERSION) {
		say(out_why, path,
		    "written by a newer bunshin (format %" PRId64 "); this one reads format %d and older. Nothing was "
		    "changed. Use the newer program.",
		    version, TRAIL_USER_VERSION);
		return ERR_NEWER;
	}
	if (version < 1) {
		say(out_why, path, "the trail names format %" PRId64 ", which never was", version);
		return ERR_CORRUPT;
	}
	trail->format = (int)version;
	rc = schema_check(trail, trail->format, name);
	if (rc)
		return store_fail(trail, rc, "reading the schema");
	if (!name[0])
		return 0;
	say(out_why, path, "the schema is not that of format %" PRId64 ": '%s' is missing, has changed or was added", version,
	    name);
	return ERR_CORRUPT;
}

/* ---- the connection ---- */

/* Against our own mistakes, not against an attacker, who has tools of his own. */
static int authorize(void *context, int action, const char *first, const char *second, const char *database, const char *trigger)
{
	(void)second;
	(void)database;
	(void)trigger;
	const struct trail *trail = context;
	bool writer = trail->mode == TRAIL_WRITE;
	bool derived = first && (strcmp(first, "tasks") == 0 || strcmp(first, "snapshots") == 0 || strcmp(first, "nodes") == 0);
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_FUNCTION:
	case SQLITE_RECURSIVE:
	case SQLITE_TRANSACTION:
	case SQLITE_PRAGMA:
		return SQLITE_OK;
	case SQLITE_INSERT:
		return writer ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_UPDATE:
		if (trail->erasing && first && strcmp(first, "payloads") == 0)
			return SQLITE_OK;
		return writer && derived ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_DELETE:
		return writer && derived ? SQLITE_OK : SQLITE_DENY;
	}
	return SQLITE_DENY;
}

static int database_configure(struct trail *trail)
{
	static const struct {
		int option;
		int value;
	} options[] = {
		{SQLITE_DBCONFIG_DEFENSIVE, 1},   {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0}, {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
		{SQLITE_DBCONFIG_ENABLE_VIEW, 0}, {SQLITE_DBCONFIG_ENABLE_FKEY, 1},    {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
	};
	sqlite3 *db = trail->db;
	int rc = sqlite3_extended_result_codes(db, 1);
	for (size_t i = 0; rc == SQLITE_OK && i < sizeof(options) / sizeof(options[0]); i++)
		rc = sqlite3_db_config(db, options[i].option, options[i].value, NULL);
	if (rc == SQLITE_OK && trail->mode == TRAIL_READ)
		rc = sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(db, STORE_BUSY_MS);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	if (rc == SQLITE_OK)
		rc = run_sql(db,
			     "PRAGMA synchronous=FULL; PRAGMA mmap_size=0; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; "
			     "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=0; "
			     "PRAGMA journal_size_limit=-1;");
	if (rc == SQLITE_OK)
		rc = run_sql(db, trail->mode == TRAIL_WRITE ? "PRAGMA cache_size=-8192; PRAGMA secure_delete=ON"
							    : "PRAGMA cache_size=-2048");
	return rc;
}

static int database_prepare_writing(struct trail *trail, bool fresh)
{
	static const char doing[] = "preparing the trail for writing";
	int on = 1;
	int rc = SQLITE_OK;
	if (fresh)
		rc = schema_create(trail->db);
	else
		rc = run_sql(trail->db, "PRAGMA journal_mode=WAL");
	if (rc == SQLITE_OK)
		rc = sqlite3_file_control(trail->db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	if (rc == SQLITE_OK)
		rc = run_sql(trail->db, "SELECT count(*) FROM snapshots"); /* opens and recovers the WAL */
	if (rc == SQLITE_OK)
		rc = wal_settle(trail);
	if (rc)
		return store_fail(trail, rc, doing);
	if (trail->format < TRAIL_USER_VERSION) {
		rc = wal_scrub(trail);
		if (rc == SQLITE_OK)
			rc = root_clear(trail);
		if (rc)
			return store_fail(trail, rc, doing);
		rc = schema_upgrade(trail);
		if (rc)
			return rc;
	}
	rc = schema_views(trail);
	sqlite3_wal_hook(trail->db, wal_committed, trail);
	return rc ? store_fail(trail, rc, doing) : 0;
}

/* In one transaction: a writer may bring the trail to a newer format meanwhile. */
static int database_look(struct trail *trail, const char *path, bool *out_fresh, char out_why[256])
{
	int rc = run_sql(trail->db, "BEGIN");
	if (rc)
		return store_fail(trail, rc, "opening the trail");
	rc = database_check(trail, path, out_fresh, out_why);
	if (!sqlite3_get_autocommit(trail->db) && run_sql(trail->db, "ROLLBACK") && rc == 0)
		rc = store_fail(trail, sqlite3_extended_errcode(trail->db), "opening the trail");
	return rc;
}

static int database_open(struct trail *trail, const char *path, char out_why[256])
{
	bool fresh = false;
	int flags = trail->mode == TRAIL_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	int rc = sqlite3_open_v2(path, &trail->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc)
		return store_fail(trail, rc, "opening the trail");
	rc = database_configure(trail);
	if (rc)
		return store_fail(trail, rc, "setting up the connection");
	rc = database_look(trail, path, &fresh, out_why);
	if (rc)
		return rc;
	if (fresh && trail->mode == TRAIL_READ) {
		say(out_why, path, "the trail is still empty; start the network first");
		return ERR_NOT_FOUND;
	}
	if (trail->mode == TRAIL_WRITE) {
		rc = database_prepare_writing(trail, fresh);
		if (rc)
			return rc;
	}
	rc = sqlite3_set_authorizer(trail->db, authorize, trail);
	return rc ? store_fail(trail, rc, "setting up the connection") : 0;
}

int store_open(struct trail *trail, const char *path, char out_why[256])
{
	int rc = 0;
	trail->lock_fd = -1;
	if (strlen(path) > PATH_BYTES - 8 || strncmp(path, "file:", 5) == 0) {
		snprintf(out_why, 256, "the path of the trail is longer than %u bytes, or begins with 'file:'", PATH_BYTES - 8);
		return ERR_IO;
	}
	if (trail->mode == TRAIL_READ && access(path, F_OK)) {
		if (errno != ENOENT)
			return system_fail(out_why, path, "cannot look at the trail");
		say(out_why, path, "there is no trail; start the network first");
		return ERR_NOT_FOUND;
	}
	if (trail->mode == TRAIL_WRITE)
		rc = lock_take(path, &trail->lock_fd, out_why);
	if (rc == 0 && trail->mode == TRAIL_WRITE)
		rc = file_create(path, out_why);
	if (rc)
		return rc;
	rc = database_open(trail, path, out_why);
	if (rc == 0 && trail->mode == TRAIL_WRITE)
		rc = directory_sync(path, out_why);
	if (rc && !out_why[0])
		say(out_why, path, "%s", trail->why);
	return rc;
}

void store_close(struct trail *trail)
{
	for (int i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(trail->statements[i]);
	/* After a failure the next to open reads the tail from the disk; nothing is moved before that. */
	if (trail->db && trail->broken)
		sqlite3_db_config(trail->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	int rc = sqlite3_close(trail->db);
	assert(rc == SQLITE_OK); /* else a statement was left open */
	(void)rc;
	sealer_close(trail->sealing.sealer);
	if (trail->lock_fd >= 0)
		file_calls->close(trail->lock_fd);
}
