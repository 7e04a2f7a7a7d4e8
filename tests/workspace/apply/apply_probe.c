/* SPDX-License-Identifier: MIT
 *
 * apply_run and apply_recover for scripts; what came of it as JSON on stdout.
 *
 *   apply_probe run REPOSITORY REF OLD NEW [--patch] [--back] [--late] [--from BARE]     paths on stdin: "MODE PATH", ended by NUL each
 *   apply_probe recover REPOSITORY
 *   apply_probe hold REPOSITORY       has the lock until stdin ends, and says so
 *
 * --from brings the commit from there, when it is asked for; --late looks at no paths before.
 */
#include <fcntl.h>
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/exchange/apply.h"
#include "workspace/exchange/libgit2.h"

static const char *const kinds[] = {"nothing", "ref", "files", "patch", "back", "forward"};

struct places {
	const char *to, *from;
	struct oid old, new;
};

static int write_pack(git_repository *to, git_repository *from, const struct places *places)
{
	git_packbuilder *builder = NULL;
	git_revwalk *walk = NULL;
	git_oid old, new;
	char path[4096];
	int error;

	memcpy(old.id, places->old.bytes, OID_BYTES);
	memcpy(new.id, places->new.bytes, OID_BYTES);
	snprintf(path, sizeof(path), "%sobjects/pack", git_repository_commondir(to));
	error = git_revwalk_new(&walk, from);
	if (!error)
		error = git_revwalk_push(walk, &new) || git_revwalk_hide(walk, &old);
	if (!error)
		error = git_packbuilder_new(&builder, from) || git_packbuilder_insert_walk(builder, walk) ||
			(git_packbuilder_object_count(builder) && git_packbuilder_write(builder, path, 0, NULL, NULL));
	git_packbuilder_free(builder);
	git_revwalk_free(walk);
	return error;
}

/* What it lacks comes as a pack, as from an export. */
static int bring(void *context, char sentence[APPLY_SENTENCE_BYTES])
{
	const struct places *places = context;
	git_repository *to = NULL, *from = NULL;
	int error =
		git_repository_open(&to, places->to) || git_repository_open(&from, places->from) || write_pack(to, from, places);

	if (error)
		snprintf(sentence, APPLY_SENTENCE_BYTES, "nothing comes from %.300s: %.100s", places->from, libgit2_reason());
	git_repository_free(to);
	git_repository_free(from);
	return error ? ERR_IO : 0;
}

static int print(int rc, const struct apply_outcome *outcome)
{
	printf("{\"code\": \"%s\", \"kind\": \"%s\", \"files\": %llu, \"sentence\": \"", rc ? error_name(rc) : "",
	       kinds[outcome->kind], (unsigned long long)outcome->files);
	for (const char *at = outcome->sentence; *at; at++)
		putchar(*at == '"' || *at == '\\' || (unsigned char)*at < ' ' ? '_' : *at);
	printf("\", \"edits\": [");
	for (size_t i = 0; i < outcome->edit_count; i++)
		printf("%s[\"%s\", \"%s\"]", i ? ", " : "", outcome->edits[i].path, outcome->edits[i].what);
	printf("]}\n");
	return rc ? 1 : 0;
}

static size_t read_paths(struct apply_path *paths, size_t most)
{
	char *line = NULL;
	size_t room = 0, count = 0;

	while (count < most && getdelim(&line, &room, '\0', stdin) > 8) {
		paths[count].mode = (enum file_mode)strtoul(line, NULL, 8);
		paths[count++].path = strdup(line + 7);
	}
	free(line);
	return count;
}

static int do_run(int count, char **words)
{
	static struct apply_path paths[20000];
	struct places places = {.to = words[2]};
	bool late = false;
	struct apply_wish wish = {.repository = words[2], .ref = words[3], .message = "bunshin: race for a test"};
	struct apply_outcome outcome;
	int rc;

	if (oid_parse(words[4], &wish.old) || oid_parse(words[5], &wish.new))
		return 2;
	for (int i = 6; i < count; i++) {
		wish.patch = wish.patch || strcmp(words[i], "--patch") == 0;
		wish.back = wish.back || strcmp(words[i], "--back") == 0;
		late = late || strcmp(words[i], "--late") == 0;
		if (strcmp(words[i], "--from") == 0)
			places.from = words[i + 1];
	}
	places.old = wish.old;
	places.new = wish.new;
	wish.bring = places.from ? bring : NULL;
	wish.context = &places;
	wish.path_count = late ? 0 : read_paths(paths, 20000);
	wish.paths = late ? NULL : paths;
	rc = apply_run(&wish, &outcome);
	rc = print(rc, &outcome);
	apply_outcome_release(&outcome);
	for (size_t i = 0; i < wish.path_count; i++)
		free((char *)(uintptr_t)paths[i].path);
	return rc;
}

static int do_recover(const char *repository)
{
	struct apply_outcome outcome;
	int rc = apply_recover(repository, &outcome);

	rc = print(rc, &outcome);
	apply_outcome_release(&outcome);
	return rc;
}

static int do_hold(const char *repository)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/.git/bunshin.lock", repository);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fcntl(fd, F_OFD_SETLK, &lock))
		return 1;
	puts("held");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}

int main(int count, char **words)
{
	if (count >= 6 && strcmp(words[1], "run") == 0)
		return do_run(count, words);
	if (count == 3 && strcmp(words[1], "recover") == 0)
		return do_recover(words[2]);
	return count == 3 && strcmp(words[1], "hold") == 0 ? do_hold(words[2]) : 2;
}
