/* SPDX-License-Identifier: MIT
 *
 * Asking a program for its version, once for each file that it is.
 */
#include <ctype.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actors/agent_setup.h"
#include "workspace/sandbox.h"

#define ASK_MS      20000u
#define CACHE_BYTES 1024u

/* The first word that begins with a digit and has a dot in it. */
static void take_version(const char *text, char out[AGENT_VERSION_BYTES])
{
	size_t bytes = 0;

	while (*text) {
		const char *word = text + strspn(text, " \t\r\nv(");
		size_t length = strcspn(word, " \t\r\n,)");

		if (isdigit((unsigned char)*word) && memchr(word, '.', length)) {
			for (; bytes < length && bytes + 1 < AGENT_VERSION_BYTES && isgraph((unsigned char)word[bytes]); bytes++)
				out[bytes] = word[bytes];
			break;
		}
		text = word + length;
	}
	out[bytes] = '\0';
}

static int ask(struct agent_setup *setup, int cancel_fd, char out_sentence[SENTENCE_BYTES])
{
	const char *argv[] = {setup->program, "--version", NULL};
	const char *environment[] = {"NO_COLOR=1", "TERM=dumb", setup->path[0] ? setup->path : NULL, NULL};
	struct sandbox_mount mounts[AGENT_FOLDERS_MAX] = {0};
	struct sandbox_job job = {.argv = argv,
				  .environment = environment,
				  .mounts = mounts,
				  .mount_count = setup->folder_count,
				  .limits = {.wall_ms = ASK_MS,
					     .memory_bytes = 2ull << 30,
					     .output_bytes = 65536,
					     .file_bytes = 64u << 20,
					     .processes = 256,
					     .scratch_bytes = 256u << 20},
				  .cancel_fd = cancel_fd};
	struct sandbox_result result;
	int rc;

	for (size_t i = 0; i < setup->folder_count; i++)
		mounts[i].outside = setup->folders[i];
	rc = sandbox_run(&job, &result);
	if (rc || result.exit_status != 0) {
		snprintf(out_sentence, SENTENCE_BYTES, "%s does not say its version in the sandbox: %.300s", setup->title,
			 result.why[0] ? result.why : (const char *)(result.err ? result.err : (const uint8_t *)"it failed"));
		out_sentence[strcspn(out_sentence, "\n")] = '\0';
		rc = rc == ERR_SANDBOX ? rc : ERR_TASK_FAILED;
	} else {
		take_version((const char *)result.out, setup->version);
	}
	sandbox_release(&result);
	return rc;
}

/* STATE/agents/HASH: what the file was, and what it said. */
static int cache_path(const struct agent_setup *setup, const struct state_folder *state, char out_path[PATH_BYTES])
{
	uint8_t hash[crypto_generichash_BYTES_MIN];
	char text[2 * sizeof(hash) + 1], folder[PATH_BYTES], relative[64];

	crypto_generichash(hash, sizeof(hash), (const uint8_t *)setup->program, strlen(setup->program), NULL, 0);
	sodium_bin2hex(text, sizeof(text), hash, sizeof(hash));
	snprintf(relative, sizeof(relative), "agents/%.16s", text);
	if (state_path(state, "agents", folder) || (mkdir(folder, 0700) && errno != EEXIST))
		return ERR_IO;
	return state_path(state, relative, out_path);
}

static void stamp(const struct agent_setup *setup, char out[CACHE_BYTES])
{
	struct stat status;

	*out = '\0';
	if (stat(setup->program, &status) == 0)
		snprintf(out, CACHE_BYTES, "%lld.%09ld %lld\n", (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
			 (long long)status.st_size);
}

bool agent_setup_known_version(struct agent_setup *setup, const struct state_folder *state)
{
	char path[PATH_BYTES], wanted[CACHE_BYTES], found[CACHE_BYTES];
	size_t bytes;

	if (setup->own)
		return true;
	if (!setup->installed || setup->conf.command[0] || cache_path(setup, state, path))
		return false;
	stamp(setup, wanted);
	if (file_read(path, found, sizeof(found), &bytes) || strncmp(found, wanted, strlen(wanted)) != 0)
		return false;
	take_version(found + strlen(wanted), setup->version);
	return true;
}

int agent_setup_version(struct agent_setup *setup, const struct state_folder *state, int cancel_fd,
			char out_sentence[SENTENCE_BYTES])
{
	char path[PATH_BYTES], wanted[CACHE_BYTES];
	int rc;

	*out_sentence = '\0';
	if (agent_setup_known_version(setup, state) || !setup->installed || setup->conf.command[0])
		return 0;
	rc = ask(setup, cancel_fd, out_sentence);
	if (rc || cache_path(setup, state, path))
		return rc;
	stamp(setup, wanted);
	snprintf(wanted + strlen(wanted), sizeof(wanted) - strlen(wanted), "%s\n", setup->version);
	(void)!file_publish(path, wanted, strlen(wanted), 0600); /* without it, it is asked again next time */
	return 0;
}
