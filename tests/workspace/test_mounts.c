/* SPDX-License-Identifier: MIT
 *
 * What a program may be given of the host, what is refused with a sentence, and that nothing runs where there is no sandbox.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/workspace/probe.h"

struct place {
	char base[48];
	char work[64];
	char home[64];
	char tools[64];
	char ran[80];
};

static void file_make(const char *folder, const char *file, const char *content)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, file);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fputs(content, out);
	fclose(out);
}

static int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	snprintf(place->base, sizeof(place->base), "/tmp/mounts-XXXXXX");
	if (!mkdtemp(place->base))
		return -1;
	snprintf(place->work, sizeof(place->work), "%s/work", place->base);
	snprintf(place->home, sizeof(place->home), "%s/home", place->base);
	snprintf(place->tools, sizeof(place->tools), "%s/tools", place->base);
	snprintf(place->ran, sizeof(place->ran), "%s/ran", place->work);
	*state = place;
	if (mkdir(place->work, 0700) || mkdir(place->home, 0700) || mkdir(place->tools, 0700))
		return -1;
	file_make(place->tools, "tool", "a tool\n");
	return 0;
}

static int place_remove(void **state)
{
	struct place *place = *state;
	char command[160];
	snprintf(command, sizeof(command), "rm -rf '%s'", place->base);
	free(place);
	return system(command);
}

static struct sandbox_job job_of(void **state)
{
	const struct place *place = *state;
	return (struct sandbox_job){.limits = probe_limits(), .cancel_fd = -1, .work = place->work, .in_work = true};
}

static void assert_prints(struct sandbox_job *job, const char *script, const char *expected)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	struct sandbox_result result;
	job->argv = argv;
	int rc = sandbox_run(job, &result);
	if (rc)
		fail_msg("%s", result.why);
	if (strcmp(result.out ? (const char *)result.out : "", expected) != 0)
		fail_msg("%s%s", (const char *)result.out, (const char *)result.err);
	sandbox_release(&result);
}

/* And nothing has run. */
static void assert_refused(void **state, struct sandbox_job *job, const char *sentence)
{
	static const char *const argv[] = {"sh", "-c", "echo > /work/ran", NULL};
	const struct place *place = *state;
	struct sandbox_result result;
	job->argv = argv;
	int rc = sandbox_run(job, &result);
	if (rc != ERR_SANDBOX || !strstr(result.why, sentence))
		fail_msg("%d, not \"%s\" but \"%s\"", rc, sentence, result.why);
	assert_int_not_equal(access(place->ran, F_OK), 0);
}

static void assert_mount_refused(void **state, const char *outside, const char *inside, bool writable, const char *sentence)
{
	const struct sandbox_mount mount = {outside, inside, writable};
	struct sandbox_job job = job_of(state);
	job.mounts = &mount;
	job.mount_count = 1;
	assert_refused(state, &job, sentence);
}

/* ---- what is given ---- */

static void test_folders_and_files_are_seen_where_they_should_be(void **state)
{
	const struct place *place = *state;
	char link[80];
	char script[400];
	snprintf(link, sizeof(link), "%s/link", place->base);
	assert_int_equal(symlink(place->tools, link), 0);
	const struct sandbox_mount mounts[] = {
		{place->tools, NULL, false}, {place->home, "/home/agent", true},        {link, "/opt/linked/deep", false},
		{"/usr/lib", NULL, false},   {"/etc/hostname", "/context/name", false},
	};
	struct sandbox_job job = job_of(state);
	job.mounts = mounts;
	job.mount_count = access("/etc/hostname", R_OK) == 0 ? 5 : 4;
	snprintf(script, sizeof(script),
		 "cat %s/tool /opt/linked/deep/tool; echo x > /home/agent/made && echo written; echo x > %s/made || echo "
		 "refused; ls -d "
		 "/usr/lib; echo x > /opt/linked/made || echo refused",
		 place->tools, place->tools);
	assert_prints(&job, script, "a tool\na tool\nwritten\nrefused\n/usr/lib\nrefused\n");
	snprintf(script, sizeof(script), "%s/made", place->home);
	assert_int_equal(access(script, F_OK), 0);
}

static void test_the_home_is_writable_at_its_own_path(void **state)
{
	const struct place *place = *state;
	struct sandbox_job job = job_of(state);
	char expected[160];
	job.home = place->home;
	job.folder = place->home;
	snprintf(expected, sizeof(expected), "%s\n%s\nmade\n", place->home, place->home);
	assert_prints(&job, "echo $HOME; pwd; echo made > $HOME/made; cat made", expected);
}

static void test_a_bare_environment_holds_nothing_else(void **state)
{
	static const char *const environment[] = {"HOME=/elsewhere", "PATH=/usr/bin:/bin", NULL};
	struct sandbox_job job = job_of(state);
	job.bare_environment = true;
	assert_prints(&job, "cat /proc/$$/environ | tr '\\0' '\\n' | grep -v ^ASAN_OPTIONS= | cut -d= -f1 | sort", "PATH\nPWD\n");
	job.environment = environment;
	assert_prints(&job, "echo $HOME $PATH $LANG", "/elsewhere /usr/bin:/bin\n");
}

/* ---- what is refused ---- */

static void test_places_that_every_program_has_are_refused(void **state)
{
	const struct place *place = *state;
	static const char *const taken[] = {
		"/proc",    "/proc/self", "/dev",  "/dev/null", "/dev/pts",     "/usr",
		"/usr/bin", "/bin",       "/lib",  "/etc",      "/etc/passwd",  "/tmp",
		"/work",    "/work/.git", "/repo", "/git/x",    "/opt/bunshin", "/opt/bunshin/bunshin",
		"/sys/fs",  "/opt"};
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		assert_mount_refused(state, place->tools, taken[i], false, "every program has a");
	assert_mount_refused(state, place->tools, "/", false, "nothing can be mounted on /");
}

static void test_crooked_places_are_refused(void **state)
{
	const struct place *place = *state;
	static const char *const crooked[] = {"relative", "", "/a/../etc", "/a//b", "/a/./b", "/a/", "//", "/..", "/x/.."};
	for (size_t i = 0; i < sizeof(crooked) / sizeof(crooked[0]); i++)
		assert_mount_refused(state, place->tools, crooked[i], false, "is no place in the sandbox");
}

static void test_what_belongs_to_the_machine_is_refused(void **state)
{
	assert_mount_refused(state, "/", "/host", false, "is never given to the sandbox");
	assert_mount_refused(state, "/proc", "/host", false, "is never given to the sandbox");
	assert_mount_refused(state, "/proc/1", "/host", false, "is never given to the sandbox");
	assert_mount_refused(state, "/sys", "/host", false, "is never given to the sandbox");
	assert_mount_refused(state, "/dev", "/host", false, "is never given to the sandbox");
	assert_mount_refused(state, "/dev/shm", "/host", false, "is never given to the sandbox");
	assert_mount_refused(state, "/etc", "/host", true, "to write in");
	assert_mount_refused(state, "/usr/lib", "/host", true, "to write in");
	assert_mount_refused(state, "/tmp", "/host", true, "to write in");
	assert_mount_refused(state, "/bin/sh", "/host", true, "to write in");
}

static void test_a_link_to_what_is_refused_is_refused(void **state)
{
	const struct place *place = *state;
	char link[80];
	snprintf(link, sizeof(link), "%s/innocent", place->base);
	assert_int_equal(symlink("/proc", link), 0);
	assert_mount_refused(state, link, "/host", false, "is never given to the sandbox");
	unlink(link);
	assert_int_equal(symlink("/", link), 0);
	assert_mount_refused(state, link, "/host", false, "is never given to the sandbox");
	unlink(link);
	assert_int_equal(symlink("/etc", link), 0);
	assert_mount_refused(state, link, "/host", true, "to write in");
}

static void test_what_is_not_there_is_refused(void **state)
{
	struct sandbox_job job = job_of(state);
	assert_mount_refused(state, "/no/such/folder", "/host", false,
			     "/no/such/folder cannot be given to the sandbox: No such file");
	assert_mount_refused(state, "relative", "/host", false, "not an absolute path");
	assert_mount_refused(state, NULL, "/host", false, "does not say what");
	job.home = "/no/such/home";
	assert_refused(state, &job, "the home folder /no/such/home is not there");
	job.home = "/etc/passwd";
	assert_refused(state, &job, "is not a folder");
	job.home = NULL;
	job.folder = "relative";
	assert_refused(state, &job, "must be an absolute path");
}

static void test_overlapping_places_are_refused(void **state)
{
	const struct place *place = *state;
	const struct sandbox_mount mounts[] = {{place->tools, "/tools", false}, {place->home, "/tools/home", true}};
	struct sandbox_job job = job_of(state);
	job.mounts = mounts;
	job.mount_count = 2;
	assert_refused(state, &job, "overlap in the sandbox");
}

static void test_too_many_are_refused(void **state)
{
	struct sandbox_mount mounts[65];
	struct sandbox_job job = job_of(state);
	for (size_t i = 0; i < 65; i++)
		mounts[i] = (struct sandbox_mount){"/usr/lib", NULL, false};
	job.mounts = mounts;
	job.mount_count = 65;
	assert_refused(state, &job, "65 things cannot be given");
}

/* The first run puts a link where the second has its home. */
static void test_a_home_that_became_a_link_is_not_followed(void **state)
{
	const struct place *place = *state;
	char home[80];
	struct sandbox_job job = job_of(state);
	struct sandbox_mount mount = {home, "/home/agent", true};
	snprintf(home, sizeof(home), "%s/.home", place->work);
	assert_int_equal(mkdir(home, 0700), 0);
	assert_prints(&job, "rmdir .home && ln -s /root .home && echo done", "done\n");
	job.home = home;
	assert_refused(state, &job, "is not a folder but a link");
	job.home = NULL;
	job.mounts = &mount;
	job.mount_count = 1;
	assert_refused(state, &job, "to write in as a whole");
	/* Nor is one given that could become one. */
	assert_int_equal(unlink(home), 0);
	assert_int_equal(mkdir(home, 0700), 0);
	assert_refused(state, &job, "which is writable and holds it");
	job.mount_count = 0;
	job.home = home;
	assert_refused(state, &job, "which is writable and holds it");
}

/* ---- without a sandbox nothing runs ---- */

static void test_without_bubblewrap_no_agent_runs(void **state)
{
	const struct place *place = *state;
	struct sandbox_job job = job_of(state);
	char *path = strdup(getenv("PATH"));
	setenv("PATH", "/nowhere", 1);
	job.home = place->home;
	assert_refused(state, &job, "bubblewrap (bwrap) is not installed, and nothing runs without it");
	setenv("PATH", path, 1);
	free(path);
}

/* A bwrap that is broken, or is none. */
static void test_with_a_broken_bubblewrap_no_agent_runs(void **state)
{
	static const char *const broken[] = {"#!/bin/sh\nexit 1\n", "#!/bin/sh\nexit 0\n", "no program\n",
					     "#!/bin/sh\necho 'bwrap: Creating new namespace failed' >&2; exit 1\n"};
	const struct place *place = *state;
	char *path = strdup(getenv("PATH"));
	char file[80];
	struct sandbox_job job = job_of(state);
	snprintf(file, sizeof(file), "%s/bwrap", place->tools);
	setenv("PATH", place->tools, 1);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		file_make(place->tools, "bwrap", broken[i]);
		chmod(file, 0700);
		assert_refused(state, &job, "bubblewrap could not make the sandbox");
	}
	setenv("PATH", path, 1);
	free(path);
}

/* In a user namespace of its own, where the machine's owner has allowed no more of them. */
static int run_without_user_namespaces(const struct sandbox_job *job)
{
	struct sandbox_result result;
	if (unshare(CLONE_NEWUSER) != 0)
		return 77;
	int fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		return 77;
	if (sandbox_run(job, &result) != ERR_SANDBOX)
		return 1;
	return strstr(result.why, "user namespaces are switched off") ? 0 : 2;
}

static void test_without_user_namespaces_no_agent_runs(void **state)
{
	static const char *const argv[] = {"sh", "-c", "echo > /work/ran", NULL};
	const struct place *place = *state;
	struct sandbox_job job = job_of(state);
	int status = 0;
	job.argv = argv;
	pid_t child = fork();
	if (child == 0)
		_exit(run_without_user_namespaces(&job));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_not_equal(access(place->ran, F_OK), 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, place_make, place_remove)

int main(int argc, char **argv)
{
	int status = 0;
	if (probe_dispatch(argc, argv, &status))
		return status;
	const struct CMUnitTest tests[] = {
		TEST(test_folders_and_files_are_seen_where_they_should_be),
		TEST(test_the_home_is_writable_at_its_own_path),
		TEST(test_a_bare_environment_holds_nothing_else),
		TEST(test_places_that_every_program_has_are_refused),
		TEST(test_crooked_places_are_refused),
		TEST(test_what_belongs_to_the_machine_is_refused),
		TEST(test_a_link_to_what_is_refused_is_refused),
		TEST(test_what_is_not_there_is_refused),
		TEST(test_overlapping_places_are_refused),
		TEST(test_too_many_are_refused),
		TEST(test_a_home_that_became_a_link_is_not_followed),
		TEST(test_without_bubblewrap_no_agent_runs),
		TEST(test_with_a_broken_bubblewrap_no_agent_runs),
		TEST(test_without_user_namespaces_no_agent_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
