/* SPDX-License-Identifier: MIT
 *
 * bunshin up, and the process behind it: bunshin supervise
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "actors/keys.h"
#include "actors/supervisor.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "cli/text.h"

/* Everything that a network needs before its processes start. */
struct network {
	struct state_folder state;
	struct conf *conf;
	char routes[PATH_BYTES];
	char program[PATH_BYTES];
	struct child_list children;
	struct supervisor_options options;
};

static int find_program(const struct call *call, char out_path[PATH_BYTES])
{
	ssize_t bytes = readlink("/proc/self/exe", out_path, PATH_BYTES - 1);

	if (bytes <= 0)
		return call_fail(call, ERR_SYSTEM, "is /proc mounted?", "this program cannot tell where it is");
	out_path[bytes] = 0;
	return 0;
}

static int open_state(const struct call *call, struct state_folder *out_state)
{
	char sentence[SENTENCE_BYTES];
	char path[PATH_BYTES];
	int rc = session_state_path(call, path);

	if (rc)
		return rc;
	rc = state_open(path, out_state, sentence);
	return rc ? call_fail(call, rc, "--state names another folder", "%s", sentence) : 0;
}

static int network_prepare(const struct call *call, struct network *network)
{
	char sentence[SENTENCE_BYTES];
	int rc = session_conf(call, network->routes, &network->conf);

	if (!rc)
		rc = open_state(call, &network->state);
	if (!rc)
		rc = find_program(call, network->program);
	if (rc)
		return rc;
	rc = keys_prepare(&network->state, network->conf, sentence);
	if (!rc)
		rc = children_build(network->conf, &network->state, network->program, network->routes, &network->children,
				    sentence);
	if (rc)
		return call_fail(call, rc, "`bunshin doctor` looks closer", "%s", sentence);
	network->options = (struct supervisor_options){
		.state = &network->state, .children = &network->children, .policy = RESTART_POLICY_DEFAULT};
	if (network->conf->restart_max)
		network->options.policy.intensity =
			network->conf->restart_max < RESTART_INTENSITY_MAX ? network->conf->restart_max : RESTART_INTENSITY_MAX;
	if (network->conf->restart_window_ms)
		network->options.policy.window_ms = network->conf->restart_window_ms;
	return 0;
}

static void network_release(struct network *network)
{
	children_release(&network->children);
	free(network->conf);
}

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int say_started(const struct call *call, const struct network *network, const char *problem, uint64_t took_ms)
{
	char span[SPAN_TEXT_BYTES];

	if (call->json)
		return print_json(json_pack("{s:s, s:s, s:i, s:I, s:o}", "state", network->state.root, "routes", network->routes,
					    "processes", (int)network->children.count, "took_ms", (json_int_t)took_ms, "problem",
					    *problem ? json_string(problem) : json_null()));
	span_print(took_ms, span);
	printf("Omega, the workspace and %zu clone%s are up after %s; state in %s\n", network->children.count - 2,
	       network->children.count == 3 ? "" : "s", span, network->state.root);
	if (*problem)
		fprintf(stderr,
			"bunshin up: %s\n  next: `bunshin status` shows the processes, the state folder's log/ what they wrote\n",
			problem);
	return 0;
}

static int start(struct call *call, struct network *network)
{
	char sentence[SENTENCE_BYTES] = "";
	uint64_t begun_ms = clock_ms();
	int rc = supervisor_start(&network->options, sentence);

	if (rc == ERR_LOCKED)
		return call_fail(call, rc, "`bunshin status` shows it, `bunshin down` stops it", "%s", sentence);
	if (rc)
		return call_fail(
			call, rc,
			"`bunshin doctor` looks for what is wrong; log/ in the state folder has what the processes wrote", "%s",
			sentence);
	return say_started(call, network, sentence, clock_ms() - begun_ms);
}

static void foreground_started(const char *problem, void *user)
{
	const struct call *call = user;

	call_note(call, "%s", *problem ? problem : "the network is up; Ctrl-C stops it");
}

static int run_here(struct call *call, struct network *network)
{
	char sentence[SENTENCE_BYTES] = "";
	int rc = supervisor_run(&network->options, foreground_started, call, sentence);

	return rc ? call_fail(call, rc,
			      rc == ERR_LOCKED ? "`bunshin status` shows it, `bunshin down` stops it"
					       : "`bunshin doctor` looks for what is wrong",
			      "%s", sentence)
		  : 0;
}

static int run(struct call *call)
{
	struct network *network = need(calloc(1, sizeof(*network)));
	int rc = network_prepare(call, network);

	if (!rc)
		rc = option_set(call, "foreground") ? run_here(call, network) : start(call, network);
	network_release(network);
	free(network);
	return rc;
}

static const struct option_row options[] = {
	{"foreground", NULL, "stay in front until Ctrl-C"},
	{NULL, NULL, NULL},
};

const struct command command_up = {
	.name = "up",
	.operands = "",
	.sentence = "Starts the network: Omega, the workspace, and the clones that routing.conf names",
	.example = "$ bunshin up\n$ bunshin up --routes ./routing.conf --state ./state",
	.notes = "The first start makes the state folder and all keys. Returns when every process is ready, and leaves them "
		 "running under a\n"
		 "supervisor that starts again what ends by itself. Exit code 6: it runs already.",
	.options = options,
	.run = run,
};

static int supervise(struct call *call)
{
	struct network *network = need(calloc(1, sizeof(*network)));
	int rc = network_prepare(call, network);

	if (!rc)
		rc = run_here(call, network);
	network_release(network);
	free(network);
	return rc;
}

const struct command command_supervise = {
	.name = "supervise",
	.operands = "",
	.sentence = "The supervisor itself, in the foreground, for systemd and the like",
	.example = "$ bunshin supervise --state /var/lib/bunshin --routes /etc/bunshin/routing.conf",
	.hidden = true,
	.run = supervise,
};
