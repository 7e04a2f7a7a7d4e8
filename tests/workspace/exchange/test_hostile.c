/* SPDX-License-Identifier: MIT
 *
 * Folders as an agent could leave them that wants its harvester to run something, to read something else, to write where it should not, or never to
 * come to an end. Each is harvested by a process that the kernel kills if it starts a program or a process, opens a socket, or changes a
 * name; what was planted says if it was run after all; and the folder is the same afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/workspace/exchange/hostile_folders.h"
#include "tests/workspace/exchange/place.h"
#include "workspace/store/object.h"

#define NOBODY 65534

/* ---- a process that may only read ---- */

static void forbid(bool is_old_kernel)
{
	static const int calls[] = {
		SCMP_SYS(execve),    SCMP_SYS(execveat),  SCMP_SYS(fork),     SCMP_SYS(vfork),   SCMP_SYS(clone),
		SCMP_SYS(clone3),    SCMP_SYS(socket),    SCMP_SYS(connect),  SCMP_SYS(unlink),  SCMP_SYS(unlinkat),
		SCMP_SYS(rename),    SCMP_SYS(renameat2), SCMP_SYS(mkdir),    SCMP_SYS(mkdirat), SCMP_SYS(symlinkat),
		SCMP_SYS(linkat),    SCMP_SYS(fchmod),    SCMP_SYS(fchmodat), SCMP_SYS(mknodat), SCMP_SYS(truncate),
		SCMP_SYS(ftruncate), SCMP_SYS(utimensat), SCMP_SYS(chdir),    SCMP_SYS(fchdir),  SCMP_SYS(creat)};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	struct rlimit few = {32, 32}; /* descriptors */

	if (!filter || setrlimit(RLIMIT_NOFILE, &few))
		_exit(99);
	if (is_old_kernel && seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2), 0))
		_exit(95);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, calls[i], 0))
			_exit(98);
	for (unsigned flag = O_WRONLY; flag <= O_RDWR; flag++)
		if (seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(openat), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE, flag)))
			_exit(97);
	if (seccomp_load(filter))
		_exit(96);
	seccomp_release(filter);
}

struct report {
	int rc;
	struct harvest_result result;
	char sentence[WORKSPACE_SENTENCE_BYTES];
	char hex[OID_HEX_BYTES];
};

static void harvest_for(struct yard *yard, int folder, const struct harvest_options *options, struct report *report)
{
	const struct tree *tree = NULL;

	memset(report, 0, sizeof(*report));
	report->rc = workspace_harvest(yard->agent, folder, options, &tree, &report->result);
	if (report->rc)
		snprintf(report->sentence, sizeof(report->sentence), "%s", workspace_sentence(yard->agent));
	else
		oid_print(tree_id(tree), report->hex);
}

/* Returns how the process ended. */
static int harvest_forbidden(struct yard *yard, int folder, const struct harvest_options *options, bool stranger,
			     bool is_old_kernel, struct report *report)
{
	int ends[2], status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		if (stranger && geteuid() == 0 && (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)))
			_exit(94);
		forbid(is_old_kernel);
		harvest_for(yard, folder, options, report);
		_exit(write(ends[1], report, sizeof(*report)) != sizeof(*report));
	}
	close(ends[1]);
	ssize_t got = read(ends[0], report, sizeof(*report));
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return got == sizeof(*report) ? status : status ? status : -1;
}

static void test_the_guard_notices_programs_and_changes(void **state)
{
	(void)state;
	for (unsigned what = 0; what < 3; what++) {
		int status;
		pid_t child = fork();
		assert_true(child >= 0);
		if (!child) {
			forbid(false);
			if (what == 0)
				execl("/bin/true", "true", NULL);
			else if (what == 1)
				open("/dev/null", O_WRONLY | O_CLOEXEC);
			else
				fork();
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	}
}

/* ---- what a tree has ---- */

static void list(struct yard *yard, const struct tree *tree, const char *prefix, FILE *out)
{
	struct tree_view view;

	assert_int_equal(tree_view(yard->agent, tree, &view), 0);
	for (uint32_t i = 0; i < view.shape->count; i++) {
		struct tree_entry entry;
		char path[8192];
		tree_view_entry(&view, i, &entry);
		snprintf(path, sizeof(path), "%s%.*s", prefix, (int)entry.name_bytes, entry.name);
		if (entry.mode == MODE_FOLDER) {
			strcat(path, "/");
			list(yard, object_as_tree(entry.child), path, out);
		} else {
			fprintf(out, "%s%s%s", path,
				entry.mode == MODE_SYMLINK      ? "@"
				: entry.mode == MODE_EXECUTABLE ? "*"
								: "",
				"|");
		}
	}
}

static char *listing(struct yard *yard, const struct tree *tree)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	workspace_begin(yard->agent);
	list(yard, tree, "", out);
	workspace_end(yard->agent);
	fclose(out);
	return text;
}

/* ---- fifty and some folders ---- */

static char *look(const struct yard *yard)
{
	return yard_run(yard, "find f -xdev -printf '%%p %%y %%m %%n %%s %%T@ %%C@ %%l\\n' 2>/dev/null | sort | sha1sum");
}

static void check_ending(struct yard *yard, const struct folder *folder, const struct report *report, int root)
{
	struct harvest_result result;
	char hex[OID_HEX_BYTES];

	if (report->rc != folder->rc)
		fail_msg("%s: %d instead of %d, \"%s\"", folder->what, report->rc, folder->rc, report->sentence);
	if (folder->rc) {
		if (!strstr(report->sentence, folder->said))
			fail_msg("%s: said \"%s\"", folder->what, report->sentence);
		return;
	}
	const struct tree *tree = place_harvest(yard, root, &folder->options, &result);
	char *text = listing(yard, tree);
	oid_print(tree_id(tree), hex);
	assert_string_equal(hex, report->hex);
	if (folder->said && strcmp(text, folder->said) != 0)
		fail_msg("%s: \"%s\" was harvested", folder->what, text);
	if (report->result.skipped != folder->skipped)
		fail_msg("%s: %u were skipped", folder->what, (unsigned)report->result.skipped);
	free(text);
}

/* A sentence is read on a terminal. */
static void check_printable(const char *sentence)
{
	for (; *sentence; sentence++)
		assert_true((unsigned char)*sentence >= ' ' && *sentence != 0x7f);
}

static void harvest_one(const struct folder *folder, unsigned *made)
{
	struct yard yard;
	struct report report;

	yard_open(&yard);
	yard_write(&yard, "make", folder->make, strlen(folder->make));
	int status = yard_try(&yard, "mkdir f && cd f && sh ../make");
	if (status && status != 77)
		fail_msg("%s: could not be made (%d)", folder->what, status);
	*made += !status;
	if (!status) {
		int root = place_open(&yard, "f");
		char *before = look(&yard);
		for (unsigned is_old_kernel = 0; is_old_kernel < 2; is_old_kernel++) {
			int ended = harvest_forbidden(&yard, root, &folder->options, folder_is_strange(folder), is_old_kernel,
						      &report);
			if (ended)
				fail_msg("%s: the harvest ended with %d", folder->what, ended);
			check_printable(report.sentence);
			check_ending(&yard, folder, &report, root);
		}
		char *after = look(&yard);
		assert_string_equal(before, after);
		assert_int_equal(yard_try(&yard, "test -z \"$(find . -name pwned)\""), 0);
		free(before);
		free(after);
		close(root);
	}
	yard_try(&yard, "umount f/a 2>/dev/null");
	yard_close(&yard);
}

static void test_hostile_folders_are_harvested_or_refused_and_run_nothing(void **state)
{
	size_t count = sizeof(hostile_folders) / sizeof(*hostile_folders);
	unsigned made = 0;

	(void)state;
	for (size_t i = 0; i < count; i++)
		harvest_one(&hostile_folders[i], &made);
	print_message("%u of %zu folders\n", made, count);
	assert_true(made >= 50);
}

/* HOSTILE_FILES: how many; from a million on the limit is the one that everybody has. */
static void test_more_files_than_anybody_has_end_soon(void **state)
{
	const char *setting = getenv("HOSTILE_FILES");
	uint64_t count = setting ? strtoull(setting, NULL, 10) : 3000;
	struct harvest_options options = {.files_max = setting ? 0 : count};
	struct harvest_result result;
	const struct tree *tree;
	struct yard yard;

	(void)state;
	yard_open(&yard);
	assert_int_equal(yard_try(&yard,
				  "mkdir f && cd f && seq 0 99 | xargs mkdir && seq %llu | awk '{ print $1 %% 100 \"/\" $1 }' | "
				  "xargs -n 2000 touch",
				  (unsigned long long)count),
			 0);
	int root = place_open(&yard, "f");
	assert_int_equal(workspace_harvest(yard.agent, root, &options, &tree, &result), ERR_LIMIT);
	assert_non_null(strstr(workspace_sentence(yard.agent), "more files, links and folders"));
	close(root);
	yard_close(&yard);
}

/* ---- folders that change under our hands ---- */

#define SWAPPABLE                                                                                                                \
	"mkdir -p f/in/sub secret/sub folder; echo seen >f/in/file; echo seen >f/in/sub/x; ln -s nowhere f/in/target; "          \
	"echo secret >secret/sub/secret; echo secret >secret/secret; ln -s $PWD/secret way-out; ln -s $PWD/secret/secret link; " \
	"mkfifo pipe; echo other >other"

/* Nowhere is the name or the content of what is outside. */
static int harvest_without_secrets(struct yard *yard, int root)
{
	struct harvest_result result;
	struct workspace_file file;
	const struct tree *tree = NULL;
	int rc = workspace_harvest(yard->agent, root, &(struct harvest_options){0}, &tree, &result);

	if (rc && rc != ERR_MOVED)
		fail_msg("%d: %s", rc, workspace_sentence(yard->agent));
	if (rc)
		return rc;
	char *text = listing(yard, tree);
	assert_null(strstr(text, "secret"));
	free(text);
	workspace_begin(yard->agent);
	if (!workspace_read(yard->agent, tree, "in/file", &file) && file.mode == MODE_FILE)
		assert_true(file.data.bytes != 7 || memcmp(file.data.at, "secret\n", 7) != 0);
	workspace_end(yard->agent);
	return 0;
}

/* What fstatat has just told of `seen` is swapped, once. */
static struct moment {
	int folder;
	const char *seen, *from, *to;
} moment;

int __real_fstatat(int folder, const char *name, struct stat *out_info, int flags);
int __wrap_fstatat(int folder, const char *name, struct stat *out_info, int flags);

int __wrap_fstatat(int folder, const char *name, struct stat *out_info, int flags)
{
	int rc = __real_fstatat(folder, name, out_info, flags);

	if (moment.seen && !strcmp(name, moment.seen)) {
		moment.seen = NULL;
		assert_int_equal(renameat2(moment.folder, moment.from, moment.folder, moment.to, RENAME_EXCHANGE), 0);
	}
	return rc;
}

struct changer {
	int folder;
	_Atomic bool end;
	void (*change)(int folder, unsigned turn);
};

static void *change_on(void *argument)
{
	struct changer *changer = argument;

	for (unsigned turn = 0; !atomic_load(&changer->end); turn++)
		changer->change(changer->folder, turn);
	return NULL;
}

static void swap_folder(int folder, unsigned turn)
{
	(void)turn;
	renameat2(folder, "f/in", folder, "way-out", RENAME_EXCHANGE);
}

static void swap_file(int folder, unsigned turn)
{
	static const char *const others[] = {"link", "pipe", "folder"};

	renameat2(folder, "f/in/file", folder, others[turn / 2 % 3], RENAME_EXCHANGE);
}

static void grow_file(int folder, unsigned turn)
{
	int file = openat(folder, "f/in/file", O_WRONLY | O_CREAT | O_CLOEXEC | (turn % 8 ? O_APPEND : O_TRUNC), 0644);

	(void)!write(file, "0123456789abcdef", 16);
	close(file);
}

static void come_and_go(int folder, unsigned turn)
{
	(void)turn;
	unlinkat(folder, "f/in/file", 0);
	close(openat(folder, "f/in/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

/* Until it was in the way at least once, and often was not. */
static void harvest_while(void (*change)(int folder, unsigned turn))
{
	struct yard yard;
	unsigned good = 0, moved = 0;
	pthread_t thread;

	yard_open(&yard);
	free(yard_run(&yard, SWAPPABLE));
	int folder = open(yard.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), root = place_open(&yard, "f");
	struct changer changer = {.folder = folder, .change = change};
	assert_int_equal(pthread_create(&thread, NULL, change_on, &changer), 0);
	for (unsigned i = 0; i < 100000 && (good < 20 || moved < 1); i++) {
		int rc = harvest_without_secrets(&yard, root);
		good += !rc;
		moved += rc == ERR_MOVED;
	}
	atomic_store(&changer.end, true);
	pthread_join(thread, NULL);
	print_message("%u harvested, %u refused since it was changing\n", good, moved);
	assert_true(good >= 20 && moved >= 1);
	close(folder);
	close(root);
	yard_close(&yard);
}

static void test_whatever_is_replaced_meanwhile_nothing_outside_is_read(void **state)
{
	(void)state;
	harvest_while(swap_folder);
	harvest_while(swap_file);
	harvest_while(grow_file);
	harvest_while(come_and_go);
}

/* The worst moment: what was just looked at is another when it is opened. */
static void test_what_is_replaced_between_looking_and_opening_is_noticed(void **state)
{
	static const struct {
		const char *seen, *from, *to;
	} moments[] = {
		{"file", "f/in/file", "link"},
		{"file", "f/in/file", "pipe"},
		{"file", "f/in/file", "folder"},
		{"file", "f/in/file", "other"},
		{"target", "f/in/target", "other"},
		{"target", "f/in/target", "folder"},
		{"in", "f/in", "way-out"},
		{"in", "f/in", "other"},
		{"in", "f/in", "pipe"},
		{"sub", "f/in/sub", "way-out"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
		struct yard yard;
		yard_open(&yard);
		free(yard_run(&yard, SWAPPABLE));
		int folder = open(yard.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), root = place_open(&yard, "f");
		moment = (struct moment){folder, moments[i].seen, moments[i].from, moments[i].to};
		int rc = harvest_without_secrets(&yard, root);
		assert_null(moment.seen); /* it has come */
		if (rc != ERR_MOVED)
			fail_msg("%s became %s: %d", moments[i].from, moments[i].to, rc);
		assert_int_equal(harvest_without_secrets(&yard, root), 0);
		close(folder);
		close(root);
		yard_close(&yard);
	}
}

/* ---- the other way ---- */

/* Somebody puts links where folders are being made. */
static void plant_links(int folder, unsigned turn)
{
	(void)turn;
	symlinkat("../outside", folder, "f/d");
	unlinkat(folder, "f/d", 0);
	renameat2(folder, "f/d", folder, "planted", RENAME_EXCHANGE);
	renameat2(folder, "f/d", folder, "planted", RENAME_EXCHANGE);
}

static void test_nothing_is_written_through_a_link_that_somebody_plants(void **state)
{
	struct yard yard;
	pthread_t thread;
	unsigned good = 0;

	(void)state;
	yard_open(&yard);
	free(yard_run(&yard, "mkdir outside f; ln -s ../outside planted"));
	struct workspace_edit edits[] = {{"d/e/f", MODE_FILE, {(const uint8_t *)"x", 1}, NULL},
					 {"d/g", MODE_FILE, {(const uint8_t *)"x", 1}, NULL}};
	const struct tree *tree = NULL;
	assert_int_equal(workspace_tree_edit(yard.agent, NULL, edits, 2, &tree), 0);
	int folder = open(yard.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), root = place_open(&yard, "f");
	struct changer changer = {.folder = folder, .change = plant_links};
	assert_int_equal(pthread_create(&thread, NULL, change_on, &changer), 0);
	for (unsigned i = 0; i < 100; i++) {
		uint64_t files;
		good += !workspace_materialise(yard.agent, tree, root, &files);
		free(yard_run(&yard, "rm -rf f/* 2>/dev/null; true"));
	}
	atomic_store(&changer.end, true);
	pthread_join(thread, NULL);
	print_message("%u of 100 were written\n", good);
	assert_int_equal(yard_try(&yard, "test -z \"$(ls -A outside)\""), 0);
	close(folder);
	close(root);
	yard_close(&yard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_guard_notices_programs_and_changes),
		cmocka_unit_test(test_hostile_folders_are_harvested_or_refused_and_run_nothing),
		cmocka_unit_test(test_more_files_than_anybody_has_end_soon),
		cmocka_unit_test(test_whatever_is_replaced_meanwhile_nothing_outside_is_read),
		cmocka_unit_test(test_what_is_replaced_between_looking_and_opening_is_noticed),
		cmocka_unit_test(test_nothing_is_written_through_a_link_that_somebody_plants),
	};

	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
