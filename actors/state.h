/* SPDX-License-Identifier: MIT
 *
 * The state folder: everything one network keeps on disk, readable by its owner alone.
 *
 *   trail.db               the trail
 *   search.db              an index of the texts in it, made anew when needed (audit/finder.h)
 *   artefacts/             content-addressed payloads
 *   keys/NAME.key          CURVE key pairs, 0600; keys/omega.key and keys/omega.pub are the coordinator's (keys.h)
 *   keys/secrets/NAME      values that must never stand in a record, 0600 (vault.h)
 *   peers/NAME             who may speak, and as what (keys.h)
 *   run/omega.sock         where Omega listens by default
 *   run/endpoint           where Omega really listens; clients and clones read it
 *   run/workspace          where the workspace listens (workspace_call.h)
 *   run/supervisor.lock    held while a network runs; run/supervisor.json says what runs (supervisor.h)
 *   run/erasing            artefacts that an erasure may still have to remove (eraser.h)
 *   workspace/NAME/        one repository of the workspace (depot.h)
 *   races/RACE/            what the judge of a race keeps between attempts, and what the attempts of the race may read (race_attempt.h)
 *   log/NAME.log           what each process wrote, NAME.log.1 the part before
 *   mirror/log.checkpoints the checkpoints of the trail, unless routing.conf names another place (mirror.h)
 *
 * In file names a peer's name has '@' in place of '/': beta/1 is beta@1.
 */
#ifndef ACTORS_STATE_H
#define ACTORS_STATE_H

#include <stddef.h>

#include "protocol/message.h"

#define PATH_BYTES          4096u
#define SENTENCE_BYTES      512u
#define ENDPOINT_TEXT_BYTES 256u

#define STATE_TRAIL      "trail.db"
#define STATE_ARTEFACTS  "artefacts"
#define STATE_KEYS       "keys"
#define STATE_SECRETS    STATE_KEYS "/secrets"
#define STATE_PEERS      "peers"
#define STATE_RUN        "run"
#define STATE_LOG        "log"
#define STATE_MIRROR     "mirror"
#define STATE_ENDPOINT   "run/endpoint"
#define STATE_LOCK       "run/supervisor.lock"
#define STATE_SUPERVISOR "run/supervisor.json"

#define STATE_WORKSPACE          "workspace"
#define STATE_WORKSPACE_ENDPOINT "run/workspace"

#define STATE_MIRROR_FILE STATE_MIRROR "/log.checkpoints"

struct state_folder {
	char root[PATH_BYTES]; /* absolute, real path, no slash at the end */
};

/* Where the state is when nobody says: $BUNSHIN_STATE, else $XDG_STATE_HOME/bunshin, else ~/.local/state/bunshin. An empty variable
 * counts as unset. Returns 0; ERR_CONFIG with a sentence if none of them can be used. */
MUST_CHECK int state_default(char out_path[PATH_BYTES], char out_sentence[SENTENCE_BYTES]);

/* Opens the folder at `path`, making it (0700) and its subfolders where missing. Refuses a folder that belongs to somebody else
 * or that others can write, ERR_NOT_ALLOWED; ERR_IO otherwise. Both with a sentence that says what to do. */
MUST_CHECK int state_open(const char *path, struct state_folder *out_state, char out_sentence[SENTENCE_BYTES]);

/* Opens it only if it is there: ERR_NOT_FOUND, and nothing is made. */
MUST_CHECK int state_open_existing(const char *path, struct state_folder *out_state, char out_sentence[SENTENCE_BYTES]);

/* root + "/" + relative. Returns 0 or ERR_TOO_LARGE. */
MUST_CHECK int state_path(const struct state_folder *state, const char *relative, char out_path[PATH_BYTES]);

/* FOLDER/NAME + suffix, with the peer's name made safe: ("keys", "beta/1", ".key") gives …/keys/beta@1.key. */
MUST_CHECK int state_path_of(const struct state_folder *state, const char *folder, const char *name, const char *suffix,
			     char out_path[PATH_BYTES]);

/* A peer's name as a file name and back; `out` takes NAME_BYTES. */
void state_name_encode(const char *name, char out[NAME_BYTES]);
void state_name_decode(const char *file_name, char out[NAME_BYTES]);

/* The endpoint Omega should bind when the configuration names none: ipc:// in run/, or, where that path is over the 107
 * characters of a socket's address, in $XDG_RUNTIME_DIR or /tmp/bunshin-UID (made 0700, ownership checked). */
MUST_CHECK int state_endpoint_default(const struct state_folder *state, char out_endpoint[ENDPOINT_TEXT_BYTES],
				      char out_sentence[SENTENCE_BYTES]);

/* Checks an endpoint that a person configured: ipc:// with a path that fits, in a folder of ours that others cannot enter, or
 * tcp:// with a numeric loopback or host address and a port (* or 0: the system chooses). ERR_CONFIG with a sentence. */
MUST_CHECK int state_endpoint_check(const char *endpoint, char out_sentence[SENTENCE_BYTES]);

/* run/endpoint: written by Omega once it is bound (atomically), read by everybody else, removed when Omega stops. Reading gives
 * ERR_NOT_FOUND when no Omega has bound, with a sentence. */
MUST_CHECK int state_endpoint_write(const struct state_folder *state, const char *endpoint);
MUST_CHECK int state_endpoint_read(const struct state_folder *state, char out_endpoint[ENDPOINT_TEXT_BYTES],
				   char out_sentence[SENTENCE_BYTES]);
void state_endpoint_remove(const struct state_folder *state);

/* The same for the workspace, which listens for this user's processes alone: run/workspace tells where. */
MUST_CHECK int state_workspace_default(const struct state_folder *state, char out_endpoint[ENDPOINT_TEXT_BYTES],
				       char out_sentence[SENTENCE_BYTES]);
MUST_CHECK int state_workspace_write(const struct state_folder *state, const char *endpoint);
MUST_CHECK int state_workspace_read(const struct state_folder *state, char out_endpoint[ENDPOINT_TEXT_BYTES],
				    char out_sentence[SENTENCE_BYTES]);
void state_workspace_remove(const struct state_folder *state);

/* Writes all of it where `fd` stands, whatever a call takes at once. 0, or ERR_IO with errno set. Blocks. */
MUST_CHECK int file_write_all(int fd, const void *data, size_t bytes);

/* Writes a whole file so that a reader, and a crash, sees the old or the new content: a temporary file in the same folder, fsync,
 * rename, fsync of the folder. `mode` as chmod takes it. Returns 0 or ERR_IO with errno set. */
MUST_CHECK int file_replace(const char *path, const void *data, size_t bytes, unsigned mode);

/* The same for what need not survive a crash of the machine: a reader sees the old or the new content, nothing is fsynced. */
MUST_CHECK int file_publish(const char *path, const void *data, size_t bytes, unsigned mode);

/* Reads a whole file of at most capacity - 1 bytes and ends it with NUL. 0, ERR_NOT_FOUND, ERR_TOO_LARGE or ERR_IO. */
MUST_CHECK int file_read(const char *path, char *out, size_t capacity, size_t *out_bytes);

#endif
