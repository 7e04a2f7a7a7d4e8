/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <zmq.h>

#include "actors/keys.h"
#include "tests/actors/scratch.h"

#define PATIENCE_MS 20000

struct fixture {
	char *scratch;
	struct state_folder state;
	char sentence[SENTENCE_BYTES];
};

static int setup(void **context)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char path[PATH_BYTES];

	fixture->scratch = scratch_make();
	snprintf(path, sizeof(path), "%s/state", fixture->scratch);
	*context = fixture;
	return state_open(path, &fixture->state, fixture->sentence);
}

static int teardown(void **context)
{
	struct fixture *fixture = *context;
	scratch_remove(fixture->scratch);
	free(fixture);
	return 0;
}

static void key_make(char out[KEY_TEXT_BYTES])
{
	char secret[KEY_TEXT_BYTES];
	assert_int_equal(zmq_curve_keypair(out, secret), 0);
}

static void path_of(const struct fixture *fixture, const char *relative, char out[PATH_BYTES])
{
	assert_int_equal(state_path(&fixture->state, relative, out), 0);
}

static void write_peer(const struct fixture *fixture, const char *file_name, const char *text)
{
	char relative[256], path[PATH_BYTES];
	snprintf(relative, sizeof(relative), "peers/%s", file_name);
	path_of(fixture, relative, path);
	assert_int_equal(file_replace(path, text, strlen(text), 0600), 0);
}

static unsigned mode_of(const struct fixture *fixture, const char *relative)
{
	struct stat status;
	char path[PATH_BYTES];
	path_of(fixture, relative, path);
	return stat(path, &status) ? 0 : status.st_mode & 0777;
}

static struct conf *conf_make(void)
{
	struct conf *conf = calloc(1, sizeof(*conf));
	conf->clone_count = 2;
	snprintf(conf->clone[0].role, ROLE_BYTES, "beta");
	conf->clone[0].instances = 2;
	snprintf(conf->clone[1].role, ROLE_BYTES, "remote");
	conf->clone[1].instances = 1;
	conf->clone[1].external = true;
	return conf;
}

/* ---- the first start ---- */

static void test_a_first_start_makes_every_key_and_a_second_none(void **context)
{
	struct fixture *fixture = *context;
	struct conf *conf = conf_make();
	char local[NAME_BYTES], omega[KEY_TEXT_BYTES], again[KEY_TEXT_BYTES];
	struct keypair keys, later;
	struct peer *peers;
	size_t count;
	mode_t old = umask(0);

	assert_int_equal(keys_prepare(&fixture->state, conf, fixture->sentence), 0);
	umask(old);
	assert_int_equal(mode_of(fixture, "keys/omega.key"), 0600);
	assert_int_equal(mode_of(fixture, "keys/beta@1.key"), 0600);
	assert_int_equal(mode_of(fixture, "keys/beta@2.key"), 0600);
	assert_int_equal(mode_of(fixture, "keys/remote@1.key"), 0600);
	assert_int_equal(key_of_omega(&fixture->state, omega, fixture->sentence), 0);
	assert_int_equal(keypair_read(&fixture->state, "omega", &keys, fixture->sentence), 0);
	assert_string_equal(keys.public_key, omega);
	key_local_name(local);
	assert_int_equal(keypair_read(&fixture->state, local, &keys, fixture->sentence), 0);
	assert_int_equal(peer_list(&fixture->state, &peers, &count, fixture->sentence), 0);
	assert_int_equal(count, 5);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(peers[i].rights, !strcmp(peers[i].name, local)            ? CLIENT | OPERATOR | AUDITOR
						  : !strcmp(peers[i].name, WORKSPACE_PEER) ? WORKSPACE
											   : CLONE);
	free(peers);
	assert_int_equal(keys_prepare(&fixture->state, conf, fixture->sentence), 0);
	assert_int_equal(key_of_omega(&fixture->state, again, fixture->sentence), 0);
	assert_string_equal(omega, again);
	assert_int_equal(keypair_read(&fixture->state, local, &later, fixture->sentence), 0);
	assert_memory_equal(&keys, &later, sizeof(keys));
	free(conf);
}

static void test_the_two_halves_of_a_pair_belong_together(void **context)
{
	struct fixture *fixture = *context;
	struct keypair keys;
	char derived[KEY_TEXT_BYTES];

	assert_int_equal(peer_add(&fixture->state, "alice", "client", NULL, fixture->sentence), 0);
	assert_int_equal(keypair_read(&fixture->state, "alice", &keys, fixture->sentence), 0);
	assert_int_equal(zmq_curve_public(derived, keys.secret_key), 0);
	assert_string_equal(derived, keys.public_key);
	keypair_forget(&keys);
	for (size_t i = 0; i < sizeof(keys); i++)
		assert_int_equal(((const char *)&keys)[i], 0);
}

static void test_a_removed_peer_of_the_configuration_gets_a_new_key(void **context)
{
	struct fixture *fixture = *context;
	struct conf *conf = conf_make();
	struct keypair before, after;

	assert_int_equal(keys_prepare(&fixture->state, conf, fixture->sentence), 0);
	assert_int_equal(keypair_read(&fixture->state, "beta/1", &before, fixture->sentence), 0);
	assert_int_equal(peer_remove(&fixture->state, "beta/1", fixture->sentence), 0);
	assert_int_equal(keypair_read(&fixture->state, "beta/1", &after, fixture->sentence), ERR_NOT_FOUND);
	assert_int_equal(keys_prepare(&fixture->state, conf, fixture->sentence), 0);
	assert_int_equal(keypair_read(&fixture->state, "beta/1", &after, fixture->sentence), 0);
	assert_string_not_equal(before.public_key, after.public_key);
	free(conf);
}

static void test_a_key_whose_registration_was_lost_is_not_taken_up_again(void **context)
{
	struct fixture *fixture = *context;
	struct conf *conf = conf_make();
	struct keypair before, after;
	char path[PATH_BYTES];

	assert_int_equal(keys_prepare(&fixture->state, conf, fixture->sentence), 0);
	assert_int_equal(keypair_read(&fixture->state, "beta/2", &before, fixture->sentence), 0);
	path_of(fixture, "peers/beta@2", path);
	assert_int_equal(unlink(path), 0); /* as a crash in the middle of a removal leaves it */
	assert_int_equal(keys_prepare(&fixture->state, conf, fixture->sentence), 0);
	assert_int_equal(keypair_read(&fixture->state, "beta/2", &after, fixture->sentence), 0);
	assert_string_not_equal(before.public_key, after.public_key);
	free(conf);
}

static void test_a_clone_of_ours_whose_secret_is_elsewhere_is_reported(void **context)
{
	struct fixture *fixture = *context;
	struct conf *conf = conf_make();
	char key[KEY_TEXT_BYTES];

	key_make(key);
	assert_int_equal(peer_add(&fixture->state, "remote/1", "clone:remote", key, fixture->sentence), 0);
	assert_int_equal(keys_prepare(&fixture->state, conf, fixture->sentence), 0); /* external: somebody else has it */
	assert_int_equal(peer_remove(&fixture->state, "beta/1", fixture->sentence), 0);
	assert_int_equal(peer_add(&fixture->state, "beta/1", "clone:beta", key, fixture->sentence), ERR_STATE);
	key_make(key);
	assert_int_equal(peer_add(&fixture->state, "beta/1", "clone:beta", key, fixture->sentence), 0);
	assert_int_equal(keys_prepare(&fixture->state, conf, fixture->sentence), ERR_CONFIG);
	assert_non_null(strstr(fixture->sentence, "bunshin peer remove beta/1"));
	free(conf);
}

static void test_a_secret_that_others_can_read_is_refused(void **context)
{
	struct fixture *fixture = *context;
	struct keypair keys;
	char path[PATH_BYTES];

	assert_int_equal(peer_add(&fixture->state, "alice", "client", NULL, fixture->sentence), 0);
	path_of(fixture, "keys/alice.key", path);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(keypair_read(&fixture->state, "alice", &keys, fixture->sentence), ERR_NOT_ALLOWED);
	assert_non_null(strstr(fixture->sentence, "chmod 600"));
}

static void test_a_secret_never_stands_among_the_peers(void **context)
{
	struct fixture *fixture = *context;
	char path[PATH_BYTES], text[2048];
	size_t bytes;

	assert_int_equal(peer_add(&fixture->state, "alice", "client", NULL, fixture->sentence), 0);
	path_of(fixture, "peers/alice", path);
	assert_int_equal(file_read(path, text, sizeof(text), &bytes), 0);
	assert_null(strstr(text, "secret"));
	path_of(fixture, "keys/alice.key", path);
	assert_int_equal(file_read(path, text, sizeof(text), &bytes), 0);
	assert_non_null(strstr(text, "secret-key = \""));
}

/* ---- names, roles and files ---- */

static void test_names_and_roles_are_checked(void **context)
{
	static const struct {
		const char *name, *roles;
	} bad[] = {{"", "client"},
		   {"omega", "client"},
		   {"/a", "client"},
		   {"a/", "client"},
		   {"a//b", "client"},
		   {"a/b/c/d/e", "client"},
		   {"..", "client"},
		   {"a/../b", "client"},
		   {".hidden", "client"},
		   {"a b", "client"},
		   {"a@b", "client"},
		   {"a\n", "client"},
		   {"\xc3\xa9", "client"},
		   {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "client"},
		   {"alice", ""},
		   {"alice", "client,"},
		   {"alice", "client,client"},
		   {"alice", "root"},
		   {"alice", "clone"},
		   {"alice", "clone:"},
		   {"alice", "clone:beta"}, /* not called beta/N */
		   {"beta/1", "clone:gamma"},
		   {"beta/1/2", "clone:beta"},
		   {"betamax/1", "clone:beta"},
		   {"beta/1", "clone:beta,clone:beta"},
		   {"Beta/1", "clone:Beta"},
		   {"x/1", "clone:x/1"}};
	struct fixture *fixture = *context;
	struct peer *peers;
	size_t count;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(peer_add(&fixture->state, bad[i].name, bad[i].roles, NULL, fixture->sentence), ERR_USAGE);
		assert_non_null(strstr(fixture->sentence, "expected"));
	}
	assert_int_equal(peer_add(&fixture->state, "a", "client", "too short", fixture->sentence), ERR_USAGE);
	assert_int_equal(peer_add(&fixture->state, "a", "client", "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~", fixture->sentence),
			 ERR_USAGE);
	assert_int_equal(peer_remove(&fixture->state, "../../etc/passwd", fixture->sentence), ERR_USAGE);
	assert_int_equal(peer_list(&fixture->state, &peers, &count, fixture->sentence), 0);
	assert_int_equal(count, 0);
	free(peers);
}

static void test_a_peer_is_listed_as_it_was_added(void **context)
{
	struct fixture *fixture = *context;
	char key[KEY_TEXT_BYTES], roles[ROLES_TEXT_BYTES];
	struct peer *peers;
	size_t count;

	key_make(key);
	assert_int_equal(peer_add(&fixture->state, "beta/1", "clone:beta,client", key, fixture->sentence), 0);
	assert_int_equal(peer_add(&fixture->state, "alice", "auditor", NULL, fixture->sentence), 0);
	assert_int_equal(peer_list(&fixture->state, &peers, &count, fixture->sentence), 0);
	assert_int_equal(count, 2);
	assert_string_equal(peers[0].name, "alice");
	assert_int_equal(peers[0].rights, AUDITOR);
	assert_string_equal(peers[1].name, "beta/1");
	assert_string_equal(peers[1].role, "beta");
	assert_string_equal(peers[1].public_key, key);
	roles_print(&peers[1], roles);
	assert_string_equal(roles, "client,clone:beta");
	free(peers);
}

static void test_a_name_or_a_key_is_registered_once(void **context)
{
	struct fixture *fixture = *context;
	char key[KEY_TEXT_BYTES];

	key_make(key);
	assert_int_equal(peer_add(&fixture->state, "alice", "client", key, fixture->sentence), 0);
	assert_int_equal(peer_add(&fixture->state, "alice", "client", NULL, fixture->sentence), ERR_STATE);
	assert_int_equal(peer_add(&fixture->state, "bob", "operator", key, fixture->sentence), ERR_STATE);
	assert_non_null(strstr(fixture->sentence, "alice"));
	assert_int_equal(peer_remove(&fixture->state, "alice", fixture->sentence), 0);
	assert_int_equal(peer_remove(&fixture->state, "alice", fixture->sentence), ERR_NOT_FOUND);
	assert_int_equal(peer_add(&fixture->state, "bob", "operator", key, fixture->sentence), 0);
}

static void test_of_ten_commands_at_once_one_registers_the_name(void **context)
{
	struct fixture *fixture = *context;
	int winners = 0, status;

	for (int i = 0; i < 10; i++)
		if (!fork())
			_exit(peer_add(&fixture->state, "alice", "client", NULL, fixture->sentence) ? 1 : 0);
	for (int i = 0; i < 10; i++) {
		assert_true(wait(&status) > 0);
		winners += status == 0;
	}
	assert_int_equal(winners, 1);
	/* And what is registered is the pair that is kept. */
	struct keypair keys;
	struct peer *peers;
	size_t count;
	assert_int_equal(keypair_read(&fixture->state, "alice", &keys, fixture->sentence), 0);
	assert_int_equal(peer_list(&fixture->state, &peers, &count, fixture->sentence), 0);
	assert_string_equal(peers[0].public_key, keys.public_key);
	free(peers);
}

static void test_a_damaged_file_lets_nobody_in_and_is_named(void **context)
{
	static const char key[] = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"; /* of the ZeroMQ guide */
	static const struct {
		const char *file, *before, *after, *complaint;
	} bad[] = {
		{"a", "metadata\n  name = \"a\"\n  roles = \"client\"\n", "", "no public-key"},
		{"b", "name = \"b\"\nroles = \"king\"\npublic-key = \"", "\"\n", "king"},
		{"c", "name = \"d\"\nroles = \"client\"\npublic-key = \"", "\"\n", "named after"},
		{"d", "name = \"d\"\nname = \"d\"\nroles = \"client\"\npublic-key = \"", "\"\n", "peers/d:2: "},
		{"e", "name = \"e\"\nroles = \"client\"\npublic-key = \"", "", "one quote"},
		{"f", "name = \"f\"\nroles = \"client\"\npublic-key = \"x", "\"\n", "peers/f:3: "},
		{"g", "roles = \"client\"\npublic-key = \"", "\"\n", "named after"},
		{"h", "name = \"h\"\nroles = \"\"\npublic-key = \"", "\"\n", "empty"},
		{"omega", "name = \"omega\"\nroles = \"client\"\npublic-key = \"", "\"\n", "named after"},
	};
	struct fixture *fixture = *context;
	struct peers *peers;
	struct peer peer;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[512], path[PATH_BYTES], relative[64], problem[SENTENCE_BYTES];
		snprintf(text, sizeof(text), "%s%s%s", bad[i].before, i ? key : "", bad[i].after);
		write_peer(fixture, bad[i].file, text);
		assert_int_equal(peers_new(&fixture->state, &peers), 0);
		assert_int_equal(peers_find(peers, key, &peer), ERR_NOT_FOUND);
		peers_problem(peers, problem);
		assert_non_null(strstr(problem, bad[i].complaint));
		peers_free(peers);
		snprintf(relative, sizeof(relative), "peers/%s", bad[i].file);
		path_of(fixture, relative, path);
		assert_int_equal(unlink(path), 0);
	}
	write_peer(fixture, "b",
		   "# good\nmetadata\n  name=b\n  roles = 'client'\n  other = \"x\"\ncurve\n\tpublic-key = "
		   "\"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\"\n");
	assert_int_equal(peers_new(&fixture->state, &peers), 0);
	assert_int_equal(peers_find(peers, key, &peer), 0);
	peers_free(peers);
}

static void test_a_key_with_two_names_lets_neither_in(void **context)
{
	static const char format[] = "name = \"%s\"\nroles = \"client\"\npublic-key = \"%s\"\n";
	struct fixture *fixture = *context;
	char key[KEY_TEXT_BYTES], text[256], problem[SENTENCE_BYTES];
	struct peers *peers;
	struct peer peer;

	key_make(key);
	snprintf(text, sizeof(text), format, "one", key);
	write_peer(fixture, "one", text);
	snprintf(text, sizeof(text), format, "two", key);
	write_peer(fixture, "two", text);
	assert_int_equal(peers_new(&fixture->state, &peers), 0);
	assert_int_equal(peers_find(peers, key, &peer), ERR_NOT_FOUND);
	peers_problem(peers, problem);
	assert_non_null(strstr(problem, "same key"));
	peers_free(peers);
}

/* ---- the registry in memory ---- */

static void await_change(struct peers *peers)
{
	struct pollfd item = {.fd = peers_fd(peers), .events = POLLIN};
	assert_int_equal(poll(&item, 1, PATIENCE_MS), 1);
	assert_true(peers_refresh(peers));
}

static void test_the_registry_follows_its_folder(void **context)
{
	struct fixture *fixture = *context;
	char key[KEY_TEXT_BYTES];
	struct peers *peers;
	struct peer peer;

	key_make(key);
	assert_int_equal(peers_new(&fixture->state, &peers), 0);
	uint64_t generation = peers_generation(peers);
	assert_true(generation > 0);
	assert_false(peers_refresh(peers));
	assert_int_equal(peers_generation(peers), generation);
	assert_int_equal(peer_add(&fixture->state, "alice", "client", key, fixture->sentence), 0);
	await_change(peers);
	assert_true(peers_generation(peers) > generation);
	assert_int_equal(peers_find(peers, key, &peer), 0);
	assert_string_equal(peer.name, "alice");
	assert_int_equal(peer.rights, CLIENT);
	generation = peers_generation(peers);
	assert_int_equal(peer_remove(&fixture->state, "alice", fixture->sentence), 0);
	await_change(peers);
	assert_true(peers_generation(peers) > generation);
	assert_int_equal(peers_find(peers, key, &peer), ERR_NOT_FOUND);
	assert_int_equal(peers_find(peers, NULL, &peer), ERR_NOT_FOUND);
	assert_int_equal(peers_find(peers, "", &peer), ERR_NOT_FOUND);
	peers_free(peers);
}

static void test_a_folder_that_is_gone_lets_nobody_in(void **context)
{
	struct fixture *fixture = *context;
	char key[KEY_TEXT_BYTES], from[PATH_BYTES], to[PATH_BYTES];
	struct peers *peers;
	struct peer peer;

	key_make(key);
	assert_int_equal(peer_add(&fixture->state, "alice", "client", key, fixture->sentence), 0);
	assert_int_equal(peers_new(&fixture->state, &peers), 0);
	assert_int_equal(peers_find(peers, key, &peer), 0);
	path_of(fixture, "peers", from);
	path_of(fixture, "gone", to);
	assert_int_equal(rename(from, to), 0);
	await_change(peers);
	assert_int_equal(peers_find(peers, key, &peer), ERR_NOT_FOUND);
	peers_free(peers);
}

struct readers {
	struct peers *peers;
	char key[KEY_TEXT_BYTES];
	atomic_bool stop;
	atomic_ulong found, absent;
};

static void *reader_run(void *argument)
{
	struct readers *readers = argument;
	struct peer peer;

	while (!atomic_load(&readers->stop)) {
		if (peers_find(readers->peers, readers->key, &peer))
			atomic_fetch_add(&readers->absent, 1);
		else if (!strcmp(peer.name, "alice") && peer.rights == CLIENT)
			atomic_fetch_add(&readers->found, 1);
		peers_refresh(readers->peers);
	}
	return NULL;
}

static void test_threads_may_ask_while_the_table_changes(void **context)
{
	struct fixture *fixture = *context;
	struct readers readers = {.stop = false};
	pthread_t thread[3];

	key_make(readers.key);
	assert_int_equal(peers_new(&fixture->state, &readers.peers), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, reader_run, &readers), 0);
	for (int round = 0; round < 20 || (round < 2000 && !(atomic_load(&readers.found) && atomic_load(&readers.absent)));
	     round++) {
		assert_int_equal(peer_add(&fixture->state, "alice", "client", readers.key, fixture->sentence), 0);
		assert_int_equal(peer_remove(&fixture->state, "alice", fixture->sentence), 0);
	}
	atomic_store(&readers.stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	assert_true(readers.found > 0 && readers.absent > 0);
	peers_free(readers.peers);
}

static void test_a_peer_may_only_use_its_own_name(void **context)
{
	struct peer alice = {.name = "alice", .rights = CLIENT | AUDITOR};
	struct peer beta = {.name = "beta/1", .role = "beta", .rights = CLONE};

	(void)context;
	assert_true(peer_may_be(&alice, "client", "client/alice"));
	assert_true(peer_may_be(&alice, "client", "client/alice/3f9c2e10"));
	assert_true(peer_may_be(&alice, "auditor", "auditor/alice/x"));
	assert_false(peer_may_be(&alice, "operator", "operator/alice/x"));
	assert_false(peer_may_be(&alice, "client", "client/alice/"));
	assert_false(peer_may_be(&alice, "client", "client/alicex/1"));
	assert_false(peer_may_be(&alice, "client", "client/bob/1"));
	assert_false(peer_may_be(&alice, "client", "beta/1"));
	assert_false(peer_may_be(&alice, "beta", "beta/1"));
	assert_true(peer_may_be(&beta, "beta", "beta/1"));
	assert_false(peer_may_be(&beta, "beta", "beta/2"));
	assert_false(peer_may_be(&beta, "gamma", "gamma/1"));
	assert_false(peer_may_be(&beta, "client", "client/beta/1"));
	assert_false(peer_may_be(&beta, "", "beta/1"));
	assert_false(peer_may_be(&alice, "", "alice"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_first_start_makes_every_key_and_a_second_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_two_halves_of_a_pair_belong_together, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_removed_peer_of_the_configuration_gets_a_new_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_key_whose_registration_was_lost_is_not_taken_up_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_clone_of_ours_whose_secret_is_elsewhere_is_reported, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_secret_that_others_can_read_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_secret_never_stands_among_the_peers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_and_roles_are_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_peer_is_listed_as_it_was_added, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_name_or_a_key_is_registered_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_of_ten_commands_at_once_one_registers_the_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_damaged_file_lets_nobody_in_and_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_key_with_two_names_lets_neither_in, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_registry_follows_its_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_folder_that_is_gone_lets_nobody_in, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads_may_ask_while_the_table_changes, setup, teardown),
		cmocka_unit_test(test_a_peer_may_only_use_its_own_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
