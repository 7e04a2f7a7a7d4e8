/* SPDX-License-Identifier: MIT
 *
 * A pack and its index (gitformat-pack(5)) written plainly, and git as a child process.
 */
#include "repository.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "workspace/sha1.h"
#include "workspace/store/object.h"

void merge_case_release(struct merge_case *one)
{
	buffer_release(&one->stages);
}

/* ---- folders ---- */

void folder_make(char out_path[256])
{
	const char *temporary = getenv("TMPDIR");
	if (!temporary)
		temporary = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(out_path, 256, "%s/bunshin-merges-XXXXXX", temporary);
	assert_non_null(mkdtemp(out_path));
}

static void run(const char *const *arguments, const char *input, const char *output, const char *objects, const char *alternate,
		int *out_status)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int in = open(input ? input : "/dev/null", O_RDONLY | O_CLOEXEC);
		int out = open(output ? output : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		char objects_env[300], alternate_env[300];
		snprintf(objects_env, sizeof(objects_env), "GIT_OBJECT_DIRECTORY=%s", objects ? objects : "");
		snprintf(alternate_env, sizeof(alternate_env), "GIT_ALTERNATE_OBJECT_DIRECTORIES=%s", alternate ? alternate : "");
		const char *environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
					     "GIT_CONFIG_NOSYSTEM=1",
					     "HOME=/nonexistent",
					     "LC_ALL=C",
					     objects ? objects_env : NULL,
					     objects ? alternate_env : NULL,
					     NULL};
		dup2(in, 0);
		dup2(out, 1);
		int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (!getenv("MERGE_LOUD"))
			dup2(quiet, 2);
		execvpe(arguments[0], (char *const *)(uintptr_t)arguments, (char *const *)(uintptr_t)environment);
		_exit(127);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	if (out_status)
		*out_status = status;
	else
		assert_int_equal(status, 0);
}

void folder_remove(const char *path)
{
	const char *const arguments[] = {"rm", "-rf", path, NULL};
	run(arguments, NULL, NULL, NULL, NULL, NULL);
}

static void file_write(const char *folder, const char *name, const void *at, size_t bytes)
{
	char path[400];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(at, 1, bytes, file), bytes);
	assert_int_equal(fclose(file), 0);
}

static void folder_in(const char *folder, const char *name)
{
	char path[400];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

/* ---- the pack ---- */

struct packed {
	struct oid id;
	uint32_t crc;
	uint64_t offset;
};

struct packing {
	struct workspace_agent *agent;
	struct buffer pack;
	struct packed *objects;
	size_t count, capacity;
	uint32_t crc_table[256];
};

static void add(struct buffer *buffer, const void *at, size_t bytes)
{
	assert_int_equal(buffer_append(buffer, at, bytes), 0);
}

static void add_u32(struct buffer *buffer, uint32_t value)
{
	const uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
	add(buffer, bytes, sizeof(bytes));
}

static void crc_init(struct packing *packing)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;
		for (unsigned bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320u : 0);
		packing->crc_table[i] = crc;
	}
}

static uint32_t crc_of(const struct packing *packing, const uint8_t *at, size_t bytes)
{
	uint32_t crc = 0xFFFFFFFFu;
	for (size_t i = 0; i < bytes; i++)
		crc = (crc >> 8) ^ packing->crc_table[(crc ^ at[i]) & 0xFF];
	return ~crc;
}

static void add_head(struct buffer *pack, unsigned type, uint64_t bytes)
{
	uint8_t byte = (uint8_t)(type << 4 | (bytes & 15));
	for (bytes >>= 4; bytes; bytes >>= 7) {
		byte |= 0x80;
		add(pack, &byte, 1);
		byte = bytes & 0x7F;
	}
	add(pack, &byte, 1);
}

/* zlib's format with stored blocks. */
static void add_stored(struct buffer *pack, struct bytes raw)
{
	uint32_t one = 1, two = 0;
	for (size_t i = 0; i < raw.bytes; i++) {
		one = (one + raw.at[i]) % 65521;
		two = (two + one) % 65521;
	}
	add(pack, "\x78\x01", 2);
	size_t done = 0;
	do {
		size_t piece = raw.bytes - done < 65535 ? raw.bytes - done : 65535;
		const uint8_t head[] = {done + piece == raw.bytes, (uint8_t)piece, (uint8_t)(piece >> 8), (uint8_t)~piece,
					(uint8_t)(~piece >> 8)};
		add(pack, head, sizeof(head));
		if (piece)
			add(pack, raw.at + done, piece);
		done += piece;
	} while (done < raw.bytes);
	add_u32(pack, two << 16 | one);
}

static int pack_object(void *context, const struct object *object)
{
	struct packing *packing = context;
	struct bytes raw;
	if (object->type > OBJECT_TAG)
		return 0;
	assert_int_equal(object_raw(packing->agent, object, &raw), 0);
	if (packing->count == packing->capacity) {
		packing->capacity = packing->capacity ? packing->capacity * 2 : 1024;
		packing->objects = realloc(packing->objects, packing->capacity * sizeof(packing->objects[0]));
		assert_non_null(packing->objects);
	}
	size_t offset = packing->pack.bytes;
	add_head(&packing->pack, object->type, raw.bytes);
	add_stored(&packing->pack, raw);
	packing->objects[packing->count++] = (struct packed){
		.id = object->id,
		.offset = offset,
		.crc = crc_of(packing, packing->pack.at + offset, packing->pack.bytes - offset),
	};
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, OID_BYTES);
}

static void add_sum(struct buffer *buffer)
{
	struct oid sum;
	const struct sha1_span span = {buffer->at, buffer->bytes};
	sha1_of(&span, 1, sum.bytes);
	add(buffer, sum.bytes, OID_BYTES);
}

static void index_of(struct packing *packing, struct buffer *index)
{
	qsort(packing->objects, packing->count, sizeof(packing->objects[0]), by_id);
	add(index, "\377tOc\0\0\0\2", 8);
	size_t at = 0;
	for (unsigned first = 0; first < 256; first++) {
		while (at < packing->count && packing->objects[at].id.bytes[0] <= first)
			at++;
		add_u32(index, (uint32_t)at);
	}
	for (size_t i = 0; i < packing->count; i++)
		add(index, packing->objects[i].id.bytes, OID_BYTES);
	for (size_t i = 0; i < packing->count; i++)
		add_u32(index, packing->objects[i].crc);
	for (size_t i = 0; i < packing->count; i++) {
		assert_true(packing->objects[i].offset < 0x80000000u);
		add_u32(index, (uint32_t)packing->objects[i].offset);
	}
	add(index, packing->pack.at + packing->pack.bytes - OID_BYTES, OID_BYTES);
	add_sum(index);
}

void repository_write(struct workspace_agent *agent, const char *folder)
{
	static const char config[] = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n";
	struct packing packing = {.agent = agent};
	struct buffer index = {0};
	crc_init(&packing);
	add(&packing.pack, "PACK\0\0\0\2\0\0\0\0", 12);
	assert_int_equal(objects_each(agent, pack_object, &packing), 0);
	for (unsigned i = 0; i < 4; i++)
		packing.pack.at[8 + i] = (uint8_t)(packing.count >> (24 - 8 * i));
	add_sum(&packing.pack);
	index_of(&packing, &index);
	folder_in(folder, "objects");
	folder_in(folder, "objects/pack");
	folder_in(folder, "refs");
	file_write(folder, "HEAD", "ref: refs/heads/main\n", 21);
	file_write(folder, "config", config, strlen(config));
	static const char name[] = "objects/pack/pack-1111111111111111111111111111111111111111";
	char path[100];
	snprintf(path, sizeof(path), "%s.pack", name);
	file_write(folder, path, packing.pack.at, packing.pack.bytes);
	snprintf(path, sizeof(path), "%s.idx", name);
	file_write(folder, path, index.at, index.bytes);
	buffer_release(&packing.pack);
	buffer_release(&index);
	free(packing.objects);
}

/* ---- git ---- */

static void pairs_write(const char *path, const struct merge_case *cases, size_t count)
{
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	for (size_t i = 0; i < count; i++) {
		char ours[OID_HEX_BYTES], theirs[OID_HEX_BYTES];
		oid_print(&cases[i].ours, ours);
		oid_print(&cases[i].theirs, theirs);
		fprintf(file, "%s %s\n", ours, theirs);
	}
	assert_int_equal(fclose(file), 0);
}

static char *file_read(const char *path, size_t *out_bytes)
{
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	struct stat info;
	assert_int_equal(fstat(fileno(file), &info), 0);
	char *at = malloc((size_t)info.st_size + 1);
	assert_non_null(at);
	*out_bytes = fread(at, 1, (size_t)info.st_size, file);
	at[*out_bytes] = '\0';
	fclose(file);
	return at;
}

/* The next text that ends with NUL; NULL if there is none. */
static const char *next_text(const char **at, const char *end)
{
	const char *text = *at;
	const char *nul = text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;
	if (!nul)
		return NULL;
	*at = nul + 1;
	return text;
}

static bool parse_case(const char **at, const char *end, struct merge_case *one)
{
	const char *clean = next_text(at, end), *tree = clean ? next_text(at, end) : NULL, *stage;
	if (!tree)
		return false;
	one->clean = *clean == '1';
	assert_int_equal(oid_parse(tree, &one->tree), 0);
	one->stages.bytes = 0;
	while ((stage = next_text(at, end)) != NULL && *stage)
		add(&one->stages, stage, strlen(stage) + 1);
	one->done = stage != NULL;
	return one->done;
}

/* Returns how many git came to an end with. */
static size_t merge_some(const char *folder, const char *objects, struct merge_case *cases, size_t count)
{
	char input[300], output[300], repository[300], alternate[300];
	int status;
	snprintf(input, sizeof(input), "%s/bunshin-input-%d", objects ? objects : folder, getpid());
	snprintf(output, sizeof(output), "%s/bunshin-output-%d", objects ? objects : folder, getpid());
	snprintf(repository, sizeof(repository), "--git-dir=%s", folder);
	snprintf(alternate, sizeof(alternate), "%s/objects", folder);
	const char *const arguments[] = {"git",
					 repository,
					 "-c",
					 "core.commitGraph=false",
					 "merge-tree",
					 "--write-tree",
					 "--allow-unrelated-histories",
					 "--no-messages",
					 "-z",
					 "--stdin",
					 NULL};
	pairs_write(input, cases, count);
	run(arguments, input, output, objects, alternate, &status);
	size_t bytes, done = 0;
	char *text = file_read(output, &bytes);
	const char *at = text;
	while (done < count && parse_case(&at, text + bytes, &cases[done]))
		done++;
	free(text);
	unlink(input);
	unlink(output);
	assert_true(done == count || !WIFEXITED(status) || WEXITSTATUS(status));
	return done;
}

void merges_by_git(const char *folder, const char *objects, struct merge_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		cases[i].done = false;
	for (size_t done = 0; done < count;) {
		done += merge_some(folder, objects, cases + done, count - done);
		/* It died somewhere in the rest; what it had not written out yet is asked for again, one by one up to there. */
		while (done < count && merge_some(folder, objects, cases + done, 1))
			done++;
		done++;
	}
}

void bases_by_git(const char *folder, const struct oid *ours, const struct oid *theirs, struct buffer *out)
{
	char output[300], repository[300], one[OID_HEX_BYTES], two[OID_HEX_BYTES];
	int status;
	size_t bytes;
	snprintf(output, sizeof(output), "%s/bunshin-bases-%d", folder, getpid());
	snprintf(repository, sizeof(repository), "--git-dir=%s", folder);
	oid_print(ours, one);
	oid_print(theirs, two);
	const char *const arguments[] = {"git", repository, "-c", "core.commitGraph=false", "merge-base", "--all",
					 one,   two,        NULL};
	run(arguments, NULL, output, NULL, NULL, &status);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	char *text = file_read(output, &bytes);
	add(out, text, bytes);
	free(text);
	unlink(output);
}

/* ---- ours ---- */

static void add_stage(struct buffer *out, const struct merge_conflict *conflict, const struct conflict_side *side, unsigned stage)
{
	char hex[OID_HEX_BYTES], head[80];
	if (side->mode == MODE_NONE)
		return;
	oid_print(&side->id, hex);
	int bytes = snprintf(head, sizeof(head), "%06o %s %u\t", side->mode, hex, stage);
	add(out, head, (size_t)bytes);
	add(out, conflict->path, strlen(conflict->path) + 1);
}

void stages_of(const struct merge_result *result, struct buffer *out)
{
	for (size_t i = 0; i < result->conflict_count; i++) {
		add_stage(out, &result->conflicts[i], &result->conflicts[i].base, 1);
		add_stage(out, &result->conflicts[i], &result->conflicts[i].ours, 2);
		add_stage(out, &result->conflicts[i], &result->conflicts[i].theirs, 3);
	}
}
