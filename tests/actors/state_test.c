/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "actors/state.h"
#include "tests/actors/scratch.h"

static int setup(void **context)
{
	*context = scratch_make();
	return *context ? 0 : -1;
}

static int teardown(void **context)
{
	scratch_remove(*context);
	return 0;
}

static unsigned mode_of(const char *path)
{
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	return status.st_mode & 0777;
}

static void join(char out[PATH_BYTES], const char *a, const char *b)
{
	snprintf(out, PATH_BYTES, "%s/%s", a, b);
}

static void open_in(const char *scratch, const char *name, struct state_folder *out)
{
	char path[PATH_BYTES], sentence[SENTENCE_BYTES];
	join(path, scratch, name);
	assert_int_equal(state_open(path, out, sentence), 0);
	assert_string_equal(sentence, "");
}

static void test_the_folder_is_made_for_its_owner_alone(void **context)
{
	static const char *const names[] = {"", STATE_ARTEFACTS, STATE_KEYS, STATE_PEERS, STATE_RUN, STATE_LOG, STATE_MIRROR};
	struct state_folder state;
	char path[PATH_BYTES];
	mode_t old = umask(0);

	open_in(*context, "deep/er/state", &state);
	umask(old);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(state_path(&state, names[i], path), 0);
		assert_int_equal(mode_of(path), 0700);
	}
	join(path, *context, "deep");
	assert_int_equal(mode_of(path), 0700);
}

static void test_a_folder_that_others_can_write_is_refused(void **context)
{
	char path[PATH_BYTES], sentence[SENTENCE_BYTES];
	struct state_folder state = {.root = "untouched"};

	join(path, *context, "open");
	assert_int_equal(mkdir(path, 0700), 0);
	for (unsigned extra = 02; extra <= 020; extra *= 010) {
		assert_int_equal(chmod(path, 0700 | extra), 0);
		assert_int_equal(state_open(path, &state, sentence), ERR_NOT_ALLOWED);
		assert_non_null(strstr(sentence, "chmod go-w"));
		assert_int_equal(state_open_existing(path, &state, sentence), ERR_NOT_ALLOWED);
	}
	assert_string_equal(state.root, "untouched");
}

static void test_a_folder_of_somebody_else_is_refused(void **context)
{
	char path[PATH_BYTES], sentence[SENTENCE_BYTES];
	struct state_folder state;

	if (geteuid() != 0)
		skip(); /* only root can give a folder away */
	join(path, *context, "theirs");
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chown(path, 12345, 12345), 0);
	assert_int_equal(state_open(path, &state, sentence), ERR_NOT_ALLOWED);
	assert_non_null(strstr(sentence, "12345"));
}

static void test_a_subfolder_that_is_a_link_is_refused(void **context)
{
	char path[PATH_BYTES], sentence[SENTENCE_BYTES];
	struct state_folder state;

	join(path, *context, "state");
	assert_int_equal(mkdir(path, 0700), 0);
	join(path, *context, "state/keys");
	assert_int_equal(symlink("/tmp", path), 0);
	join(path, *context, "state");
	assert_int_equal(state_open(path, &state, sentence), ERR_NOT_ALLOWED);
}

static void test_loose_subfolders_are_closed_again(void **context)
{
	struct state_folder state;
	char path[PATH_BYTES];

	open_in(*context, "state", &state);
	assert_int_equal(state_path(&state, STATE_KEYS, path), 0);
	assert_int_equal(chmod(path, 0755), 0);
	open_in(*context, "state", &state);
	assert_int_equal(mode_of(path), 0700);
}

static void test_an_absent_folder_is_not_made_by_looking(void **context)
{
	char path[PATH_BYTES], sentence[SENTENCE_BYTES];
	struct state_folder state;

	join(path, *context, "absent");
	assert_int_equal(state_open_existing(path, &state, sentence), ERR_NOT_FOUND);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_the_default_follows_the_environment(void **context)
{
	char path[PATH_BYTES], sentence[SENTENCE_BYTES];

	(void)context;
	setenv("HOME", "/home/x", 1);
	setenv("BUNSHIN_STATE", "", 1);
	unsetenv("XDG_STATE_HOME");
	assert_int_equal(state_default(path, sentence), 0);
	assert_string_equal(path, "/home/x/.local/state/bunshin");
	setenv("XDG_STATE_HOME", "relative", 1);
	assert_int_equal(state_default(path, sentence), 0);
	assert_string_equal(path, "/home/x/.local/state/bunshin");
	setenv("XDG_STATE_HOME", "/xdg", 1);
	assert_int_equal(state_default(path, sentence), 0);
	assert_string_equal(path, "/xdg/bunshin");
	setenv("BUNSHIN_STATE", "/mine", 1);
	assert_int_equal(state_default(path, sentence), 0);
	assert_string_equal(path, "/mine");
	unsetenv("BUNSHIN_STATE");
	unsetenv("XDG_STATE_HOME");
}

static void test_a_file_is_replaced_whole_and_with_its_permissions(void **context)
{
	char path[PATH_BYTES], text[16];
	size_t bytes;

	join(path, *context, "file");
	assert_int_equal(file_replace(path, "one", 3, 0600), 0);
	int reader = open(path, O_RDONLY);
	assert_int_equal(file_replace(path, "second", 6, 0640), 0);
	assert_int_equal(read(reader, text, sizeof(text)), 3); /* who had it open still sees the old one */
	close(reader);
	assert_int_equal(file_read(path, text, sizeof(text), &bytes), 0);
	assert_string_equal(text, "second");
	assert_int_equal(mode_of(path), 0640);
	assert_int_equal(file_read(path, text, 6, &bytes), ERR_TOO_LARGE);
	join(path, *context, "none/file");
	assert_int_equal(file_replace(path, "x", 1, 0600), ERR_IO);
	assert_int_equal(errno, ENOENT);
}

static void test_a_failed_replacement_leaves_nothing_behind(void **context)
{
	char path[PATH_BYTES];

	join(path, *context, "target");
	assert_int_equal(mkdir(path, 0700), 0); /* a rename onto a folder fails */
	assert_int_equal(file_replace(path, "x", 1, 0600), ERR_IO);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(*context), 0); /* empty: no temporary file is left */
	assert_int_equal(mkdir(*context, 0700), 0);
}

static void test_the_endpoint_is_written_read_and_removed(void **context)
{
	struct state_folder state;
	char endpoint[ENDPOINT_TEXT_BYTES], sentence[SENTENCE_BYTES];

	open_in(*context, "state", &state);
	assert_int_equal(state_endpoint_read(&state, endpoint, sentence), ERR_NOT_FOUND);
	assert_non_null(strstr(sentence, "bunshin up"));
	assert_int_equal(state_endpoint_write(&state, "tcp://127.0.0.1:4242"), 0);
	assert_int_equal(state_endpoint_read(&state, endpoint, sentence), 0);
	assert_string_equal(endpoint, "tcp://127.0.0.1:4242");
	state_endpoint_remove(&state);
	assert_int_equal(state_endpoint_read(&state, endpoint, sentence), ERR_NOT_FOUND);
}

static void test_the_default_endpoint_lies_in_the_state_folder(void **context)
{
	struct state_folder state;
	char endpoint[ENDPOINT_TEXT_BYTES], sentence[SENTENCE_BYTES], expected[PATH_BYTES];

	open_in(*context, "state", &state);
	assert_int_equal(state_endpoint_default(&state, endpoint, sentence), 0);
	snprintf(expected, sizeof(expected), "ipc://%.200s/run/omega.sock", state.root);
	assert_string_equal(endpoint, expected);
	assert_int_equal(state_endpoint_check(endpoint, sentence), 0);
}

static void test_a_long_state_path_gets_a_short_socket_in_a_private_folder(void **context)
{
	struct state_folder one, two;
	char endpoint[ENDPOINT_TEXT_BYTES], other[ENDPOINT_TEXT_BYTES], sentence[SENTENCE_BYTES], name[160];

	memset(name, 'x', 120);
	name[120] = '\0';
	open_in(*context, name, &one);
	name[0] = 'y';
	open_in(*context, name, &two);
	setenv("XDG_RUNTIME_DIR", *context, 1);
	assert_int_equal(state_endpoint_default(&one, endpoint, sentence), 0);
	assert_true(strlen(endpoint) <= 6 + 107);
	assert_non_null(strstr(endpoint, *context));
	assert_int_equal(state_endpoint_check(endpoint, sentence), 0);
	assert_int_equal(state_endpoint_default(&two, other, sentence), 0);
	assert_string_not_equal(endpoint, other);
	unsetenv("XDG_RUNTIME_DIR");
}

static void test_endpoints_that_others_could_reach_are_refused(void **context)
{
	static const char *const bad[] = {"",
					  "127.0.0.1:5",
					  "udp://127.0.0.1:5",
					  "ipc://",
					  "ipc://relative",
					  "ipc://@abstract",
					  "ipc:///tmp/x.sock",
					  "ipc:///nonexistent/x",
					  "tcp://*:5555",
					  "tcp://localhost:5555",
					  "tcp://127.0.0.1",
					  "tcp://127.0.0.1:",
					  "tcp://127.0.0.1:x",
					  "tcp://127.0.0.1:65536",
					  "tcp://[::1]:5",
					  "tcp://127.0.0.1:-1",
					  "tcp://127.0.0.1: 80",
					  "tcp://1270.0.0.1.9.9:80"};
	static const char *const good[] = {"tcp://127.0.0.1:*", "tcp://127.0.0.1:0", "tcp://192.168.1.7:65535"};
	char sentence[SENTENCE_BYTES];

	(void)context;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(state_endpoint_check(bad[i], sentence), ERR_CONFIG);
		assert_true(strlen(sentence) > 20);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(state_endpoint_check(good[i], sentence), 0);
}

static void test_an_ipc_path_may_have_107_characters_and_not_one_more(void **context)
{
	char endpoint[160], sentence[SENTENCE_BYTES];
	const char *folder = *context;
	size_t bytes = (size_t)snprintf(endpoint, sizeof(endpoint), "ipc://%s/", folder);

	memset(endpoint + bytes, 'x', 6 + 107 - bytes);
	endpoint[6 + 107] = '\0';
	assert_int_equal(state_endpoint_check(endpoint, sentence), 0);
	strcat(endpoint, "x");
	assert_int_equal(state_endpoint_check(endpoint, sentence), ERR_CONFIG);
	assert_non_null(strstr(sentence, "107"));
}

static void test_names_become_file_names_and_back(void **context)
{
	char file_name[NAME_BYTES], name[NAME_BYTES], path[PATH_BYTES];
	struct state_folder state = {.root = "/s"};

	(void)context;
	state_name_encode("client/alice/3f", file_name);
	assert_string_equal(file_name, "client@alice@3f");
	state_name_decode(file_name, name);
	assert_string_equal(name, "client/alice/3f");
	assert_int_equal(state_path_of(&state, "keys", "beta/1", ".key", path), 0);
	assert_string_equal(path, "/s/keys/beta@1.key");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_folder_is_made_for_its_owner_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_folder_that_others_can_write_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_folder_of_somebody_else_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_subfolder_that_is_a_link_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loose_subfolders_are_closed_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_absent_folder_is_not_made_by_looking, setup, teardown),
		cmocka_unit_test(test_the_default_follows_the_environment),
		cmocka_unit_test_setup_teardown(test_a_file_is_replaced_whole_and_with_its_permissions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_failed_replacement_leaves_nothing_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_endpoint_is_written_read_and_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_default_endpoint_lies_in_the_state_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_long_state_path_gets_a_short_socket_in_a_private_folder, setup, teardown),
		cmocka_unit_test(test_endpoints_that_others_could_reach_are_refused),
		cmocka_unit_test_setup_teardown(test_an_ipc_path_may_have_107_characters_and_not_one_more, setup, teardown),
		cmocka_unit_test(test_names_become_file_names_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
