/* SPDX-License-Identifier: MIT
 *
 * Pushing to real servers: a path, file://, git daemon, git http-backend. All on this machine, on ports that the system chose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/workspace/exchange/yard.h"

static void assert_says(struct yard *yard, const char *command, const char *expected)
{
	char *said = yard_run(yard, "%s", command);
	assert_string_equal(said, expected);
	free(said);
}

static int push(struct yard *yard, const char *url, const char *refspec)
{
	const char *const refspecs[] = {refspec};
	return workspace_push(yard->agent, url, refspecs, 1);
}

static void must_push(struct yard *yard, const char *url, const char *refspec)
{
	if (push(yard, url, refspec))
		fail_msg("%s", workspace_sentence(yard->agent));
}

static void assert_refused(struct yard *yard, const char *url, const char *refspec, int rc, const char *words)
{
	assert_int_equal(push(yard, url, refspec), rc);
	if (!strstr(workspace_sentence(yard->agent), words))
		fail_msg("\"%s\" does not say \"%s\"", workspace_sentence(yard->agent), words);
}

/* The same where no connection comes about, of which libgit2 1.5 forgets to free a few bytes: in a process of its own. */
static void assert_unreachable(struct yard *yard, const char *url, const char *words)
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(push(yard, url, "branch0") != ERR_IO ? 1 : strstr(workspace_sentence(yard->agent), words) ? 0 : 2);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* What every server has to do. r.git is empty and stands behind `url`. */
static void push_everything(struct yard *yard, const char *url)
{
	yard_import(yard, "source");
	must_push(yard, url, "refs/heads/branch0:refs/heads/main");
	must_push(yard, url, "branch1");
	must_push(yard, url, "refs/tags/outer");
	yard_export(yard, "copy.git");
	assert_says(yard,
		    "git -C r.git rev-list --objects main branch1 outer | sort >a; git -C source rev-list --objects branch0 "
		    "branch1 outer | sort >b;"
		    "cmp a b && test -s a",
		    "");
	yard_fsck(yard, "r.git");
	yard_commit(yard, "refs/heads/branch0", "more", "more\n");
	must_push(yard, url, "refs/heads/branch0:refs/heads/main");
	assert_says(yard, "git -C r.git show main:more", "more\n");
	must_push(yard, url, "refs/heads/branch0:refs/heads/main"); /* nothing to do */
	/* Elsewhere somebody goes on. */
	free(yard_run(yard,
		      "git clone -q r.git w && cd w && git commit -q --allow-empty -m theirs && git push -q origin HEAD:main"));
	yard_commit(yard, "refs/heads/branch0", "more", "ours\n");
	assert_refused(yard, url, "refs/heads/branch0:refs/heads/main", ERR_MOVED, "does not lead to");
	must_push(yard, url, "+refs/heads/branch0:refs/heads/main");
	assert_says(yard, "git -C r.git show main:more", "ours\n");
	must_push(yard, url, ":refs/heads/branch1");
	assert_int_not_equal(yard_try(yard, "git -C r.git rev-parse -q --verify refs/heads/branch1"), 0);
	assert_says(yard, "git -C r.git fsck --full --strict --no-progress 2>&1 | grep -v ^dangling || true", "");
}

static void prepare(struct yard *yard)
{
	yard_open(yard);
	yard_history(yard, "source", 31, 60);
	free(yard_run(yard, "git init -q --bare -b main r.git && git -C r.git config http.receivepack true"));
}

static void test_to_a_path(void **state)
{
	struct yard yard;
	char path[128];
	(void)state;
	prepare(&yard);
	snprintf(path, sizeof(path), "%s/r.git", yard.folder);
	push_everything(&yard, path);
	yard_close(&yard);
}

static void test_to_a_file_url(void **state)
{
	struct yard yard;
	char url[128];
	(void)state;
	prepare(&yard);
	snprintf(url, sizeof(url), "file://%s/r.git", yard.folder);
	push_everything(&yard, url);
	yard_close(&yard);
}

/* ---- git daemon ---- */

/* One for each connection, as inetd would start it. */
_Noreturn static void serve(int listener, const char *folder)
{
	char base[128];
	snprintf(base, sizeof(base), "--base-path=%s", folder);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int connection = accept(listener, NULL, NULL);
		if (connection < 0)
			_exit(1);
		if (!fork()) {
			dup2(connection, 0);
			dup2(connection, 1);
			signal(SIGCHLD, SIG_DFL);
			execlp("git", "git", "daemon", "--inetd", "--export-all", "--enable=receive-pack", base, folder,
			       (char *)NULL);
			_exit(1);
		}
		close(connection);
	}
}

static pid_t start_daemon(struct yard *yard, unsigned *out_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, bytes), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &bytes), 0);
	*out_port = ntohs(address.sin_port);
	pid_t server = fork();
	assert_true(server >= 0);
	if (!server)
		serve(listener, yard->folder);
	close(listener);
	return server;
}

static void test_to_git_daemon(void **state)
{
	struct yard yard;
	char url[128];
	unsigned port;
	(void)state;
	prepare(&yard);
	pid_t server = start_daemon(&yard, &port);
	snprintf(url, sizeof(url), "git://127.0.0.1:%u/r.git", port);
	push_everything(&yard, url);
	snprintf(url, sizeof(url), "git://127.0.0.1:%u/nothing.git", port);
	assert_unreachable(&yard, url, "nothing.git");
	/* Somebody over there decides. */
	free(yard_run(&yard, "printf '#!/bin/sh\\necho not today >&2\\nexit 1\\n' >r.git/hooks/pre-receive && chmod +x "
			     "r.git/hooks/pre-receive"));
	snprintf(url, sizeof(url), "git://127.0.0.1:%u/r.git", port);
	assert_refused(&yard, url, "branch2", ERR_MOVED, "branch2 was refused there");
	kill(server, SIGTERM);
	assert_int_equal(waitpid(server, NULL, 0), server);
	assert_unreachable(&yard, url, "127.0.0.1");
	yard_close(&yard);
}

static void test_to_git_http_backend(void **state)
{
	struct yard yard;
	char url[128], line[16];
	int in[2], out[2];
	(void)state;
	prepare(&yard);
	assert_true(!pipe(in) && !pipe(out));
	pid_t server = fork();
	assert_true(server >= 0);
	if (!server) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		execlp("python3", "python3", SOURCE_DIR "/tests/workspace/exchange/http_server.py", yard.folder, (char *)NULL);
		_exit(1);
	}
	close(in[0]);
	close(out[1]);
	FILE *said = fdopen(out[0], "re");
	assert_non_null(fgets(line, sizeof(line), said));
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/r.git", atoi(line));
	push_everything(&yard, url);
	close(in[1]);
	fclose(said);
	assert_int_equal(waitpid(server, NULL, 0), server);
	yard_close(&yard);
}

/* ---- what cannot be pushed ---- */

static void test_what_cannot_be_pushed_is_said(void **state)
{
	struct yard yard;
	char path[128];
	(void)state;
	prepare(&yard);
	snprintf(path, sizeof(path), "%s/r.git", yard.folder);
	yard_commit(&yard, "refs/heads/main", "f", "1\n");
	assert_refused(&yard, path, "nothing", ERR_NOT_FOUND, "\"nothing\"");
	assert_refused(&yard, path, "refs/heads/*:refs/heads/*", ERR_MALFORMED, "*");
	assert_refused(&yard, "/no/such/repository", "main", ERR_NOT_FOUND, "/no/such/repository");
	/* libgit2 changes no repository that somebody works in. */
	free(yard_run(&yard, "git init -q w"));
	snprintf(path, sizeof(path), "%s/w", yard.folder);
	assert_int_not_equal(push(&yard, path, "main"), 0);
	yard_close(&yard);
}

static void test_a_history_without_its_beginning_is_not_pushed(void **state)
{
	struct yard yard;
	char path[128];
	struct import_result result;
	(void)state;
	prepare(&yard);
	snprintf(path, sizeof(path), "%s/r.git", yard.folder);
	struct import_options options = {.path = yard_path(&yard, "source"), .depth = 1};
	assert_int_equal(workspace_import(yard.agent, &options, &result), 0);
	assert_refused(&yard, path, "branch0", ERR_STATE, "export");
	assert_says(&yard, "git -C r.git for-each-ref; find r.git/objects -type f", "");
	yard_close(&yard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_to_a_path),
		cmocka_unit_test(test_to_a_file_url),
		cmocka_unit_test(test_to_git_daemon),
		cmocka_unit_test(test_to_git_http_backend),
		cmocka_unit_test(test_what_cannot_be_pushed_is_said),
		cmocka_unit_test(test_a_history_without_its_beginning_is_not_pushed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
