/* SPDX-License-Identifier: MIT
 *
 * Backups of a network under load, each set up again and gone on with: no task is lost that the backup knows of, and none ends twice.
 * An old backup is refused as a rollback until somebody accepts it, and then auditors see it.
 */
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/restore.h"
#include "audit/seal.h"
#include "protocol/id.h"
#include "tests/e2e/tally.h"

#define BACKUPS   5u
#define TASKS_MAX 20000u
#define WINDOW    64u
#define TRICKLE   6u /* tasks open at once while backups are made */
#define CLONES    2u

static struct network network;

/* ---- pieces ---- */

static void path_in(const struct network *of, const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", of->folder, name);
}

static struct state_folder state_of(const struct network *of)
{
	struct state_folder state;
	char why[SENTENCE_BYTES];

	if (state_open(of->state, &state, why))
		fail_msg("%s", why);
	return state;
}

static void start_clones(struct instant_clone clone[CLONES], struct network *of)
{
	for (unsigned i = 0; i < CLONES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "echo/%u", i + 1);
		clone[i] = (struct instant_clone){0};
		clone_start(&clone[i], of, name, 32);
	}
}

static void stop_clones(struct instant_clone clone[CLONES])
{
	for (unsigned i = 0; i < CLONES; i++)
		clone_stop(&clone[i]);
}

/* The task that a key stands for, wherever it is asked for; `id` NULL: for the first time. */
static int send_numbered(struct tally *tally, size_t number, const struct id *id)
{
	char key[32];
	struct request request = {.task_type = "echo", .parameters = "{\"a\":1}", .idempotency_key = key};

	if (id)
		request.task_id = *id;

	snprintf(key, sizeof(key), "task %zu", number);
	return tally_send(tally, &request);
}

static struct trail_verdict verify_sealed(const struct network *of, const char *keys_path, int expected)
{
	struct trail_verdict verdict = {0};
	struct trail *trail = NULL;
	struct log_keys keys;
	char path[160], why[SENTENCE_BYTES];
	int rc;

	snprintf(path, sizeof(path), "%s/trail.db", of->state);
	if (log_keys_load(keys_path, &keys, why) || trail_open(path, TRAIL_READ, &trail, why))
		fail_msg("%s", why);
	rc = trail_verify_sealed(trail, 0, &keys, &verdict);
	if (rc != expected)
		fail_msg("%s", verdict.why);
	trail_close(trail);
	return verdict;
}

/* ---- what a trail says of its tasks ---- */

struct ends {
	uint8_t *count; /* by number of the task */
	uint64_t capacity;
	uint64_t tasks, ended, twice;
	uint64_t restored, rollbacks; /* records of a restore */
};

static int count_end(void *context, const struct trail_entry *entry)
{
	struct ends *ends = context;

	if (entry->direction == TRAIL_IN && entry->type == MESSAGE_TASK_REQUEST && entry->task_number == entry->seq)
		ends->tasks++;
	if (entry->type == MESSAGE_RESTORED)
		ends->restored++;
	if (entry->direction == TRAIL_OUT && entry->end_state) {
		assert_true(entry->task_number < ends->capacity);
		ends->ended += ends->count[entry->task_number] == 0;
		ends->twice += ends->count[entry->task_number]++ > 0;
	}
	return 0;
}

static struct ends ends_of(const struct network *of)
{
	struct trail_query query = {0};
	struct ends ends = {0};
	struct trail *trail = NULL;
	char path[160], why[256];

	snprintf(path, sizeof(path), "%s/trail.db", of->state);
	if (trail_open(path, TRAIL_READ, &trail, why))
		fail_msg("%s", why);
	ends.capacity = trail_last_seq(trail) + 1;
	ends.count = calloc(ends.capacity, 1);
	assert_non_null(ends.count);
	assert_int_equal(trail_read(trail, &query, count_end, &ends), 0);
	trail_close(trail);
	free(ends.count);
	return ends;
}

/* ---- five backups under load ---- */

struct archivist {
	pthread_t thread;
	bool started;
	atomic_bool done;
	unsigned made;
	uint64_t longest_us, took_us;
	struct backup_facts facts[BACKUPS];
};

static void *make_backups(void *argument)
{
	struct archivist *archivist = argument;
	struct state_folder state = state_of(&network);
	char folder[128], why[SENTENCE_BYTES];

	for (unsigned i = 0; i < BACKUPS; i++) {
		struct backup_options options = {.state = &state, .routes = network.routes, .folder = folder, .secrets = true};
		struct trail_copied copied;
		uint64_t began_us = tally_now_us();

		snprintf(folder, sizeof(folder), "%s/backup-%u", network.folder, i);
		if (backup_make(&options, &archivist->facts[i], &copied, why)) {
			fprintf(stderr, "backup %u: %s\n", i, why);
			break;
		}
		archivist->made++;
		archivist->took_us += tally_now_us() - began_us;
		if (copied.longest_us > archivist->longest_us)
			archivist->longest_us = copied.longest_us;
	}
	atomic_store(&archivist->done, true);
	return NULL;
}

/* Tasks come and go for as long as backups are made. Their ids are the caller's to free. */
static struct id *load(struct archivist *archivist, size_t *out_count)
{
	struct client *client = network_client(&network, "client");
	struct tally tally;
	struct id *ids;

	tally_init(&tally, client, TASKS_MAX);
	while (tally.ended < 200 || !atomic_load(&archivist->done)) {
		if (tally.ended >= 200 && !archivist->started) {
			assert_int_equal(pthread_create(&archivist->thread, NULL, make_backups, archivist), 0);
			archivist->started = true;
		}
		while (tally.count < TASKS_MAX && tally.count - tally.ended < TRICKLE)
			assert_int_equal(send_numbered(&tally, tally.count, NULL), 0);
		assert_true(client_pump(client, 100) >= 0);
	}
	pthread_join(archivist->thread, NULL);
	while (tally.ended < tally.count)
		assert_true(client_pump(client, 100) >= 0);
	assert_int_equal(tally.strangers + tally.refused, 0);
	ids = calloc(tally.count, sizeof(*ids));
	assert_non_null(ids);
	for (size_t i = 0; i < tally.count; i++)
		ids[i] = tally.task[i].id;
	*out_count = tally.count;
	client_close(client);
	tally_release(&tally);
	return ids;
}

/* Everybody asks once more for what they had asked for, and hears the end of each task once. */
static void ask_again(struct network *of, const struct id *ids, size_t count)
{
	struct client *client = network_client(of, "client");
	struct tally tally;

	tally_init(&tally, client, count);
	while (tally.ended < count) {
		while (tally.count < count && tally.count - tally.ended < WINDOW)
			assert_int_equal(send_numbered(&tally, tally.count, &ids[tally.count]), 0);
		assert_true(client_pump(client, 100) >= 0);
		assert_int_equal(tally.strangers + tally.refused, 0);
	}
	client_close(client);
	tally_release(&tally);
}

static void set_up_again(unsigned number, const struct backup_facts *facts, const struct id *ids, size_t count)
{
	struct network again = network;
	struct instant_clone clone[CLONES];
	struct restore_view view;
	char folder[128], kept[PATH_BYTES], why[SENTENCE_BYTES], keys[160];
	struct restore_options options = {.folder = folder, .who = "test"};
	struct state_folder state;
	struct ends before, after;

	again.omega = 0;
	snprintf(again.state, sizeof(again.state), "%s/again-%u", network.folder, number);
	snprintf(folder, sizeof(folder), "%s/backup-%u", network.folder, number);
	state = state_of(&again);
	options.state = &state;
	/* Nobody can tell whether there was more, so somebody has to say so. */
	assert_int_equal(restore_do(&options, &view, kept, why), ERR_STATE);
	assert_true(view.rollback);
	options.accept_rollback = true;
	options.reason = "another machine";
	if (restore_do(&options, &view, kept, why))
		fail_msg("%s", why);
	before = ends_of(&again);
	network_start(&again);
	start_clones(clone, &again);
	ask_again(&again, ids, count);
	stop_clones(clone);
	assert_int_equal(network_stop(&again), 0);
	after = ends_of(&again);
	assert_int_equal(before.twice + after.twice, 0);
	assert_int_equal(after.tasks, count);
	assert_int_equal(after.ended, count);
	assert_int_equal(after.restored, 1);
	assert_true(before.tasks > 0 && before.tasks < count);
	network_verify(&again);
	snprintf(keys, sizeof(keys), "%s/keys/log.pub", again.state);
	assert_true(verify_sealed(&again, keys, 0).last_seq > facts->records);
}

static void test_five_backups_under_load_each_go_on_without_a_second_outcome(void **unused)
{
	struct instant_clone clone[CLONES];
	struct archivist archivist = {0};
	struct id *ids;
	size_t count;

	(void)unused;
	network_open(&network, NULL);
	network_start(&network);
	start_clones(clone, &network);
	ids = load(&archivist, &count);
	stop_clones(clone);
	assert_int_equal(archivist.made, BACKUPS);
	assert_int_equal(network_stop(&network), 0);
	print_message("           %u backups of %llu … %llu records in %llu ms each, beside %zu tasks; longest read %.1f ms\n",
		      BACKUPS, (unsigned long long)archivist.facts[0].records,
		      (unsigned long long)archivist.facts[BACKUPS - 1].records,
		      (unsigned long long)(archivist.took_us / BACKUPS / 1000), count, (double)archivist.longest_us / 1000);
	for (unsigned i = 0; i < BACKUPS; i++)
		set_up_again(i, &archivist.facts[i], ids, count);
	free(ids);
	network_close(&network);
}

/* ---- an old backup, a fresh one ---- */

static void run_tasks(struct network *of, size_t count)
{
	struct instant_clone clone[CLONES];
	struct client *client = network_client(of, "client");
	struct request request = {.task_type = "echo"};
	struct tally tally;

	start_clones(clone, of);
	tally_init(&tally, client, count);
	assert_int_equal(tally_run(&tally, &request, count, WINDOW, NULL, NULL), 0);
	client_close(client);
	tally_release(&tally);
	stop_clones(clone);
}

static void back_up(struct network *of, const char *name, struct backup_facts *out_facts)
{
	struct state_folder state = state_of(of);
	char folder[128], why[SENTENCE_BYTES];
	struct backup_options options = {.state = &state, .routes = of->routes, .folder = folder};
	struct trail_copied copied;

	path_in(of, name, folder);
	if (backup_make(&options, out_facts, &copied, why))
		fail_msg("%s", why);
}

static int restore(struct network *of, const char *name, bool accept, struct restore_view *out_view, char kept[PATH_BYTES])
{
	struct state_folder state = state_of(of);
	char folder[128], why[SENTENCE_BYTES];
	struct restore_options options = {
		.state = &state, .folder = folder, .accept_rollback = accept, .reason = accept ? "the test says so" : NULL};
	int rc;

	path_in(of, name, folder);
	rc = restore_do(&options, out_view, kept, why);
	if (rc && rc != ERR_STATE)
		fail_msg("%s", why);
	return rc;
}

static void copy_file(const char *from, const char *to)
{
	uint64_t bytes;

	assert_int_equal(backup_copy_file(from, to, 0600, NULL, &bytes), 0);
}

static void test_an_old_backup_is_a_rollback_and_accepted_it_shows(void **unused)
{
	char keys[160], old_keys[128], kept[PATH_BYTES];
	struct restore_view view;
	struct backup_facts facts;
	struct ends ends;

	(void)unused;
	network_open(&network, NULL);
	snprintf(keys, sizeof(keys), "%s/keys/log.pub", network.state);
	path_in(&network, "log.pub", old_keys);
	network_start(&network);
	run_tasks(&network, 20);
	back_up(&network, "backup", &facts);
	run_tasks(&network, 20);
	assert_int_equal(network_stop(&network), 0);
	copy_file(keys, old_keys);

	assert_int_equal(restore(&network, "backup", false, &view, kept), ERR_STATE);
	assert_true(view.rollback && view.live_seq > facts.records && view.same_seq == facts.records);
	assert_true(view.sealed_checkpoint > facts.checkpoint);
	assert_true(verify_sealed(&network, keys, 0).last_seq > facts.records); /* nothing was touched */

	assert_int_equal(restore(&network, "backup", true, &view, kept), 0);
	assert_int_equal(access(kept, R_OK), 0);
	assert_int_equal(verify_sealed(&network, keys, 0).last_seq, facts.records);
	network_start(&network);
	run_tasks(&network, 5);
	assert_int_equal(network_stop(&network), 0);
	verify_sealed(&network, keys, 0);
	verify_sealed(&network, old_keys, ERR_CORRUPT); /* whoever kept the keys of before notices */
	ends = ends_of(&network);
	assert_int_equal(ends.restored, 1);
	assert_int_equal(ends.twice, 0);
	network_verify(&network);
	network_close(&network);
}

/* The seal alone: the trail that was there is gone, so nobody else can say that the backup is old. */
static void test_the_seal_tells_an_old_backup_without_the_trail(void **unused)
{
	char trail[160], kept[PATH_BYTES], folder[128], why[SENTENCE_BYTES];
	struct restore_options options = {.folder = folder};
	struct restore_view view;
	struct backup_facts facts;
	struct state_folder state;

	(void)unused;
	network_open(&network, NULL);
	state = state_of(&network);
	options.state = &state;
	path_in(&network, "backup", folder);
	snprintf(trail, sizeof(trail), "%s/trail.db", network.state);
	network_start(&network);
	run_tasks(&network, 3);
	back_up(&network, "backup", &facts);
	run_tasks(&network, 3);
	assert_int_equal(network_stop(&network), 0);
	assert_int_equal(unlink(trail), 0);
	assert_int_equal(restore_drill(&options, &view, why), 0);
	assert_true(view.rollback && !view.live && view.sealed_checkpoint > facts.checkpoint);
	assert_int_equal(restore(&network, "backup", false, &view, kept), ERR_STATE);
	assert_true(view.rollback);
	network_close(&network);
}

static void overwrite(const char *path)
{
	FILE *file = fopen(path, "r+");

	assert_non_null(file);
	for (unsigned i = 0; i < 20000; i++)
		assert_true(fputs("garbage ", file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_a_backup_from_the_end_loses_nothing_and_live_tasks_go_on(void **unused)
{
	char trail[160], kept[PATH_BYTES], keys[160];
	struct instant_clone clone[CLONES];
	struct restore_view view;
	struct backup_facts facts;
	struct tally tally;
	struct client *client;
	struct ends ends;

	(void)unused;
	network_open(&network, NULL);
	snprintf(trail, sizeof(trail), "%s/trail.db", network.state);
	snprintf(keys, sizeof(keys), "%s/keys/log.pub", network.state);
	network_start(&network);
	run_tasks(&network, 5);
	client = network_client(&network, "client");
	tally_init(&tally, client, 10);
	while (tally.count < 10) /* nobody is there to do them */
		assert_int_equal(send_numbered(&tally, tally.count, NULL), 0);
	while (tally.task[9].accepted == 0)
		assert_true(client_pump(client, 100) >= 0);
	assert_int_equal(network_stop(&network), 0);
	back_up(&network, "backup", &facts);
	overwrite(trail);
	assert_int_equal(restore(&network, "backup", false, &view, kept), 0);
	assert_false(view.rollback || view.live);
	assert_true(view.live_why[0]);
	network_start(&network);
	start_clones(clone, &network);
	while (tally.ended < 10) /* the client finds Omega again, and hears the end of what it had asked for */
		assert_true(client_pump(client, 100) >= 0);
	client_close(client);
	stop_clones(clone);
	assert_int_equal(network_stop(&network), 0);
	ends = ends_of(&network);
	assert_int_equal(ends.ended, 15);
	assert_int_equal(ends.twice, 0);
	verify_sealed(&network, keys, 0);
	tally_release(&tally);
	network_close(&network);
}

/* ---- artefacts, and what is damaged ---- */

static void put_artefact(struct network *of, const char *text, struct hash *out_hash, char out_path[224])
{
	struct client *client = network_client(of, "client");
	char path[128], hex[65];
	uint64_t bytes;
	FILE *file;

	path_in(of, "upload", path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(client_put_artefact(client, path, 20000, out_hash, &bytes), 0);
	client_close(client);
	hex_print(out_hash->bytes, 32, hex);
	snprintf(out_path, 224, "%s/artefacts/%.2s/%s", of->state, hex, hex + 2);
	assert_int_equal(access(out_path, R_OK), 0);
}

static void append_to(const char *path)
{
	FILE *file = fopen(path, "a");

	assert_non_null(file);
	assert_true(fputs("x", file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_artefacts_are_checked_and_brought_back(void **unused)
{
	char whole_path[224], damaged_path[224], kept[PATH_BYTES];
	struct hash whole, damaged;
	struct restore_view view;
	struct backup_facts facts;
	struct ends ends;

	(void)unused;
	network_open(&network, NULL);
	network_start(&network);
	put_artefact(&network, "whole", &whole, whole_path);
	put_artefact(&network, "damaged", &damaged, damaged_path);
	assert_int_equal(network_stop(&network), 0);
	back_up(&network, "sound", &facts);
	assert_int_equal(facts.artefacts, 2);
	assert_int_equal(facts.damaged, 0);
	append_to(damaged_path);
	back_up(&network, "backup", &facts);
	assert_int_equal(facts.artefacts, 1);
	assert_int_equal(facts.damaged, 1);
	assert_memory_equal(&facts.damaged_hash[0], &damaged, sizeof(damaged));
	/* Of the sound one both come back: one that is gone, one that is damaged and put aside. */
	assert_int_equal(unlink(whole_path), 0);
	assert_int_equal(restore(&network, "sound", false, &view, kept), 0);
	back_up(&network, "again", &facts);
	assert_int_equal(facts.artefacts, 2);
	assert_int_equal(facts.damaged, 0);
	ends = ends_of(&network);
	assert_int_equal(ends.twice, 0);
	network_close(&network);
}

static void test_a_damaged_trail_makes_no_backup_and_leaves_nothing_behind(void **unused)
{
	char folder[128], trail[160], line[512], why[SENTENCE_BYTES];
	struct backup_options options = {.folder = folder};
	struct trail_copied copied;
	struct backup_facts facts;
	struct state_folder state;
	glob_t found;

	(void)unused;
	network_open(&network, NULL);
	state = state_of(&network);
	options.state = &state;
	network_start(&network);
	run_tasks(&network, 3);
	assert_int_equal(network_stop(&network), 0);
	snprintf(trail, sizeof(trail), "%s/trail.db", network.state);
	snprintf(line, sizeof(line),
		 "/usr/bin/python3 -c \"import sqlite3; c = sqlite3.connect('%s'); "
		 "c.execute('UPDATE payloads SET body = zeroblob(9) WHERE seq = (SELECT max(seq) FROM payloads)'); c.commit()\"",
		 trail);
	assert_int_equal(system(line), 0);
	path_in(&network, "backup", folder);
	assert_int_equal(backup_make(&options, &facts, &copied, why), ERR_CORRUPT);
	assert_non_null(strstr(why, "is the first that is wrong"));
	snprintf(line, sizeof(line), "%s/*backup*", network.folder);
	assert_int_equal(glob(line, 0, NULL, &found), GLOB_NOMATCH);
	snprintf(line, sizeof(line), "%s/.*backup*", network.folder);
	assert_int_equal(glob(line, 0, NULL, &found), GLOB_NOMATCH);
	network_close(&network);
}

/* ---- killed in the middle ---- */

/* The linker sends these calls of the program here; in the child that is to be killed, each is counted. */
static unsigned calls, kill_at;

static void count_call(void)
{
	if (++calls == kill_at)
		raise(SIGKILL);
}

int __real_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	count_call();
	return __real_renameat2(from_fd, from, to_fd, to, flags);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
	count_call();
	return __real_rename(from, to);
}

int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
	count_call();
	return __real_unlink(path);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	count_call();
	return __real_fsync(fd);
}

static bool restore_killed_at(unsigned call)
{
	struct restore_view view;
	char kept[PATH_BYTES];
	pid_t pid = fork();
	int status;

	if (!pid) {
		kill_at = call;
		calls = 0;
		_exit(restore(&network, "backup", true, &view, kept) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status);
}

/* Every trail that was put aside is whole, with its WAL; the one that was there first is among them. */
static void check_kept(uint64_t before)
{
	char pattern[160];
	bool first = false;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/trail.db.*[Z0-9]", network.state);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct trail *trail = NULL;
		struct trail_verdict verdict;
		char why[256];

		if (trail_open(found.gl_pathv[i], TRAIL_READ, &trail, why) || trail_verify(trail, 0, &verdict))
			fail_msg("%s: %s", found.gl_pathv[i], trail ? verdict.why : why);
		first |= verdict.last_seq == before;
		trail_close(trail);
	}
	globfree(&found);
	assert_true(first);
}

static void set_back(void)
{
	char line[512];

	snprintf(line, sizeof(line), "rm -rf '%s' && cp -a '%s/saved' '%s'", network.state, network.folder, network.state);
	assert_int_equal(system(line), 0);
}

/* The old trail or the new one, or a mark that keeps everybody from using either; and doing it again always ends well. */
static void test_a_restore_that_is_killed_anywhere_is_done_again(void **unused)
{
	char keys[160], line[512], kept[PATH_BYTES];
	unsigned unfinished = 0, killed = 0;
	struct state_folder state;
	struct restore_view view;
	struct backup_facts facts;
	uint64_t before;

	(void)unused;
	network_open(&network, NULL);
	state = state_of(&network);
	snprintf(keys, sizeof(keys), "%s/keys/log.pub", network.state);
	network_start(&network);
	run_tasks(&network, 5);
	back_up(&network, "backup", &facts);
	run_tasks(&network, 5);
	assert_int_equal(network_stop(&network), 0);
	before = verify_sealed(&network, keys, 0).last_seq;
	snprintf(line, sizeof(line), "cp -a '%s' '%s/saved'", network.state, network.folder);
	assert_int_equal(system(line), 0);
	while (restore_killed_at(killed + 1)) {
		killed++;
		if (restore_unfinished(&state)) {
			unfinished++;
		} else {
			uint64_t last = verify_sealed(&network, keys, 0).last_seq;

			assert_true(last == before || last == facts.records);
		}
		assert_int_equal(restore(&network, "backup", true, &view, kept), 0);
		assert_false(restore_unfinished(&state));
		assert_int_equal(verify_sealed(&network, keys, 0).last_seq, facts.records);
		check_kept(before);
		set_back();
	}
	assert_true(killed >= 10 && unfinished >= 5 && unfinished < killed);
	network_start(&network);
	run_tasks(&network, 3);
	assert_int_equal(network_stop(&network), 0);
	verify_sealed(&network, keys, 0);
	assert_int_equal(ends_of(&network).restored, 1);
	print_message("           a restore was killed at each of %u calls, %u of them between two trails\n", killed, unfinished);
	network_close(&network);
}

#define TEST(name) cmocka_unit_test(test_##name)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(five_backups_under_load_each_go_on_without_a_second_outcome),
		TEST(an_old_backup_is_a_rollback_and_accepted_it_shows),
		TEST(the_seal_tells_an_old_backup_without_the_trail),
		TEST(a_backup_from_the_end_loses_nothing_and_live_tasks_go_on),
		TEST(artefacts_are_checked_and_brought_back),
		TEST(a_damaged_trail_makes_no_backup_and_leaves_nothing_behind),
		TEST(a_restore_that_is_killed_anywhere_is_done_again),
	};

	network_be_child(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
