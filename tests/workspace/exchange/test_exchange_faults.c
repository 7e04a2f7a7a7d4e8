/* SPDX-License-Identifier: MIT
 *
 * Exports that come to an end in the middle: killed, out of space, or stopped because an object was made to collide. Whatever there was is whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/workspace/collisions.h"
#include "tests/workspace/exchange/yard.h"
#include "workspace/sha1.h"

static void many_commits(struct yard *yard, unsigned count)
{
	char path[64], text[4096];
	for (unsigned i = 0; i < count; i++) {
		size_t at = 0;
		for (unsigned j = 0; j < 300; j++)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%x ", (i + 1) * (j + 77) * 2654435761u);
		snprintf(path, sizeof(path), "folder%u/file%u", i % 7, i % 31);
		yard_commit(yard, "refs/heads/main", path, text);
	}
}

static int export_to(struct yard *yard, const char *name)
{
	struct export_options options = {.path = yard_path(yard, name), .bare = true};
	struct export_result result;
	return workspace_export(yard->agent, &options, &result);
}

static void assert_says(struct yard *yard, const char *command, const char *expected)
{
	char *said = yard_run(yard, "%s", command);
	assert_string_equal(said, expected);
	free(said);
}

/* ---- killed ---- */

static void nap(unsigned us)
{
	struct timespec time = {0, (long)us * 1000};
	nanosleep(&time, NULL);
}

/* A child exports and is killed after a while; true if it had come to its end before. */
static bool export_and_kill(struct yard *yard, const char *name, unsigned after_us)
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(export_to(yard, name) ? 1 : 0);
	nap(after_us);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status))
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFEXITED(status);
}

/* From at once to late enough, each time a little later. */
static void test_a_new_repository_is_there_whole_or_not_at_all(void **state)
{
	struct yard yard;
	unsigned ended = 0, killed = 0;
	(void)state;
	yard_open(&yard);
	many_commits(&yard, 150);
	for (unsigned after = 200; !ended && killed < 400; after += after / 6) {
		bool came_to_end = export_and_kill(&yard, "r.git", after);
		bool is_there = !access(yard_path(&yard, "r.git"), F_OK);
		ended += came_to_end;
		killed += !came_to_end;
		assert_true(is_there || !came_to_end);
		if (is_there)
			yard_fsck(&yard, "r.git");
		free(yard_run(&yard, "rm -rf r.git .bunshin-export-*"));
	}
	assert_true(ended && killed > 5);
	yard_close(&yard);
}

static void test_a_repository_stays_whole_whenever_an_export_dies(void **state)
{
	struct yard yard;
	unsigned ended = 0, killed = 0, moved = 0;
	(void)state;
	yard_open(&yard);
	many_commits(&yard, 20);
	yard_export(&yard, "before.git");
	many_commits(&yard, 150);
	char *old = yard_run(&yard, "git -C before.git rev-parse main");
	for (unsigned after = 200; ended < 3 && killed < 400; after += after / 6) {
		free(yard_run(&yard, "rm -rf r.git && cp -r before.git r.git"));
		bool came_to_end = export_and_kill(&yard, "r.git", after);
		ended += came_to_end;
		killed += !came_to_end;
		char *now = yard_run(&yard, "git -C r.git rev-parse main");
		moved += strcmp(now, old) != 0;
		assert_true(!came_to_end || strcmp(now, old) != 0);
		free(now);
		/* What was written and is not reachable yet may be there, nothing else. */
		char *said = yard_run(&yard, "git -C r.git fsck --full --strict --no-progress 2>&1 | grep -v ^dangling || true");
		assert_string_equal(said, "");
		free(said);
		/* And a second try gets it done. */
		free(yard_run(&yard, "find r.git -name '*.lock' -delete"));
		yard_export(&yard, "r.git");
		yard_fsck(&yard, "r.git");
	}
	assert_true(ended && moved >= ended && killed > 5);
	free(old);
	yard_close(&yard);
}

/* ---- no space ---- */

static void assert_no_space(struct yard *yard, const char *name, bool is_new)
{
	assert_int_equal(export_to(yard, name), ERR_IO);
	assert_non_null(strstr(workspace_sentence(yard->agent), "cannot be"));
	if (is_new) {
		assert_int_not_equal(access(yard_path(yard, name), F_OK), 0);
		return;
	}
	char *left = yard_run(yard,
			      "find %s -name 'tmp_*' -o -name '*.lock' -o -name '.bunshin*'; git -C %s fsck --full --strict 2>&1",
			      name, name);
	assert_string_equal(left, "");
	free(left);
}

static void test_a_file_that_cannot_grow_stops_it(void **state)
{
	struct yard yard;
	struct rlimit before, small = {100000, 100000};
	(void)state;
	yard_open(&yard);
	many_commits(&yard, 3);
	yard_export(&yard, "r.git");
	many_commits(&yard, 200);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		int rc = export_to(&yard, i ? "new.git" : "r.git");
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		assert_int_equal(rc, ERR_IO);
	}
	assert_says(&yard,
		    "find . -name 'tmp_*' -o -name '*.lock' -o -name '.bunshin*' -o -name new.git; git -C r.git fsck --full "
		    "--strict 2>&1",
		    "");
	assert_int_equal(export_to(&yard, "r.git"), 0);
	yard_fsck(&yard, "r.git");
	yard_close(&yard);
}

/* A small file system, filled up to each of several marks. */
static void test_a_disk_that_is_full_at_any_place_stops_it(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	free(yard_run(&yard, "mkdir disk"));
	if (mount("none", yard_path(&yard, "disk"), "tmpfs", 0, "size=1m,nr_inodes=200")) {
		yard_close(&yard);
		skip();
	}
	many_commits(&yard, 3);
	yard_export(&yard, "disk/r.git");
	many_commits(&yard, 100);
	unsigned failed = 0;
	for (unsigned room = 0; room <= 600; room += 40) {
		free(yard_run(&yard,
			      "rm -f disk/fill; a=$(df --output=avail -k disk | tail -1); [ $a -le %u ] || "
			      "dd if=/dev/zero of=disk/fill bs=1k count=$((a - %u)) status=none",
			      room, room));
		if (!export_to(&yard, "disk/r.git"))
			break;
		failed++;
		assert_no_space(&yard, "disk/r.git", false);
		assert_no_space(&yard, "disk/new.git", true);
	}
	assert_true(failed > 2);
	free(yard_run(&yard, "rm -f disk/fill"));
	yard_fsck(&yard, "disk/r.git");
	assert_int_equal(umount(yard_path(&yard, "disk")), 0);
	yard_close(&yard);
}

/* ---- attacks ---- */

static uint8_t shattered[320];

/* Nobody has published a collision of git objects: before a file git puts its kind and size, which takes the published blocks out of their place. So a file
 * that is the published message is looked at here as if nothing stood before it, by the real function. */
bool __real_sha1_attacked(const struct sha1_span *spans, size_t count, uint8_t out_hash[SHA1_BYTES]);
bool __wrap_sha1_attacked(const struct sha1_span *spans, size_t count, uint8_t out_hash[SHA1_BYTES]);

bool __wrap_sha1_attacked(const struct sha1_span *spans, size_t count, uint8_t out_hash[SHA1_BYTES])
{
	uint8_t other[SHA1_BYTES];
	bool attacked = __real_sha1_attacked(spans, count, out_hash);
	if (count == 2 && spans[1].bytes == sizeof(shattered) && !memcmp(spans[1].data, shattered, sizeof(shattered)))
		attacked |= __real_sha1_attacked(&spans[1], 1, other);
	return attacked;
}

static void commit_shattered(struct yard *yard, char out_hex[OID_HEX_BYTES])
{
	const struct workspace_person person = {"A Person", "person@example.org", 1700000000, 60};
	struct workspace_edit edit = {.path = "paper.pdf", .mode = MODE_FILE, .data = {shattered, sizeof(shattered)}};
	struct workspace_change change = {
		.edits = &edit, .count = 1, .author = person, .committer = person, .message = "A paper"};
	const struct commit *commit;
	struct workspace_file file;
	for (size_t i = 0; i < sizeof(shattered); i++) {
		unsigned byte;
		assert_int_equal(sscanf(shattered_1 + 2 * i, "%2x", &byte), 1);
		shattered[i] = (uint8_t)byte;
	}
	workspace_begin(yard->agent);
	assert_int_equal(workspace_commit(yard->agent, "refs/heads/paper", NULL, &change, &commit), 0);
	assert_int_equal(workspace_read(yard->agent, commit_tree(commit), "paper.pdf", &file), 0);
	oid_print(&file.id, out_hex);
	workspace_end(yard->agent);
}

static void test_what_was_made_to_collide_does_not_leave(void **state)
{
	struct yard yard;
	char hex[OID_HEX_BYTES];
	(void)state;
	yard_open(&yard);
	many_commits(&yard, 3);
	yard_export(&yard, "r.git");
	commit_shattered(&yard, hex);
	const char *const places[] = {"r.git", "new.git"};
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(export_to(&yard, places[i]), ERR_CORRUPT);
		assert_non_null(strstr(workspace_sentence(yard.agent), hex));
		assert_non_null(strstr(workspace_sentence(yard.agent), "SHA-1"));
	}
	free(yard_run(&yard, "git init -q --bare pushed.git"));
	const char *const specs[] = {"refs/heads/paper"};
	assert_int_equal(workspace_push(yard.agent, yard_path(&yard, "pushed.git"), specs, 1), ERR_CORRUPT);
	assert_non_null(strstr(workspace_sentence(yard.agent), hex));
	assert_says(&yard,
		    "ls -A; git -C r.git for-each-ref --format='%(refname)'; find . -name 'tmp_*' -o -name '*.lock'; find "
		    "pushed.git/objects -type f",
		    "pushed.git\nr.git\nrefs/heads/main\n");
	/* The rest can go. */
	const char *const refs[] = {"main"};
	struct export_options options = {.path = yard_path(&yard, "new.git"), .bare = true, .refs = refs, .ref_count = 1};
	struct export_result result;
	assert_int_equal(workspace_export(yard.agent, &options, &result), 0);
	yard_close(&yard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_repository_is_there_whole_or_not_at_all),
		cmocka_unit_test(test_a_repository_stays_whole_whenever_an_export_dies),
		cmocka_unit_test(test_a_file_that_cannot_grow_stops_it),
		cmocka_unit_test(test_a_disk_that_is_full_at_any_place_stops_it),
		cmocka_unit_test(test_what_was_made_to_collide_does_not_leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
