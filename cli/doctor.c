/* SPDX-License-Identifier: MIT
 *
 * bunshin doctor
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "actors/keys.h"
#include "actors/supervisor.h"
#include "actors/workspace_call.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "cli/text.h"
#include "workspace/sandbox.h"

#define DISK_BYTES_WANTED (1ull << 30)
#define FILES_WANTED      8192u

static const struct column columns[] = {
	{"CHECK", "check", COLUMN_TEXT, false}, {"", "state", COLUMN_STATE, false}, {"FOUND", "found", COLUMN_TEXT, false},
	{"NEXT", "next", COLUMN_TEXT, false},   {NULL, NULL, COLUMN_TEXT, false},
};

struct doctor {
	struct call *call;
	json_t *rows;
	bool problem;
	bool have_state;
	struct state_folder state;
};

enum finding { FINE, WARNING, PROBLEM };

__attribute__((format(printf, 5, 6))) static void find(struct doctor *doctor, enum finding finding, const char *check,
						       const char *next, const char *format, ...)
{
	static const char *const words[] = {"ok", "warning", "problem"};
	char *found = NULL;
	va_list list;

	va_start(list, format);
	if (vasprintf(&found, format, list) < 0)
		found = need(NULL);
	va_end(list);
	json_array_append_new(doctor->rows, need(json_pack("{s:s, s:s, s:o, s:o}", "check", check, "state", words[finding],
							   "found", json_stringn_nocheck(found, strlen(found)), "next",
							   finding != FINE && next ? json_string(next) : json_null())));
	doctor->problem |= finding == PROBLEM;
	free(found);
}

/* ---- the checks ---- */

static void check_settings(struct doctor *doctor)
{
	const struct settings *settings = &doctor->call->settings;

	for (int i = 0; i < SETTING_COUNT; i++) {
		const struct setting *item = &settings->item[i];
		if (item->value && strcmp(item->origin, "default") != 0)
			find(doctor, FINE, "setting", NULL, "%s = %s (%s)", setting_name((enum setting_name)i), item->value,
			     item->origin);
	}
}

static void check_state(struct doctor *doctor)
{
	char path[PATH_BYTES], sentence[SENTENCE_BYTES];
	struct stat status;

	if (session_state_path(doctor->call, path)) {
		find(doctor, PROBLEM, "state folder", "name one with --state or BUNSHIN_STATE",
		     "none is set and none can be guessed");
		return;
	}
	switch (state_open_existing(path, &doctor->state, sentence)) {
	case 0:
		break;
	case ERR_NOT_FOUND:
		find(doctor, WARNING, "state folder", "`bunshin up` makes it", "%s is not there yet", path);
		return;
	default:
		find(doctor, PROBLEM, "state folder", "see `bunshin help up`", "%s", sentence);
		return;
	}
	doctor->have_state = true;
	if (stat(doctor->state.root, &status) == 0 && (status.st_mode & 077))
		find(doctor, PROBLEM, "state folder", "chmod 700 it", "%s can be read by others", doctor->state.root);
	else
		find(doctor, FINE, "state folder", NULL, "%s, only yours", doctor->state.root);
}

static void check_disk(struct doctor *doctor)
{
	struct statvfs disk;
	unsigned long long free_bytes;

	if (!doctor->have_state || statvfs(doctor->state.root, &disk))
		return;
	free_bytes = (unsigned long long)disk.f_bavail * disk.f_frsize;
	find(doctor,
	     free_bytes < DISK_BYTES_WANTED / 10 ? PROBLEM
	     : free_bytes < DISK_BYTES_WANTED    ? WARNING
						 : FINE,
	     "disk", "make room, or move the state folder: with a full disk nothing is accepted", "%.1f GiB free for the trail",
	     (double)free_bytes / (double)(1ull << 30));
}

static void check_keys(struct doctor *doctor)
{
	const char *identity = setting(&doctor->call->settings, SETTING_identity);
	char name[NAME_BYTES], sentence[SENTENCE_BYTES];
	struct keypair keys;
	struct peer *peers = NULL;
	size_t count = 0;
	int rc;

	if (!doctor->have_state)
		return;
	key_local_name(name);
	rc = keypair_read(&doctor->state, identity ? identity : name, &keys, sentence);
	keypair_forget(&keys);
	find(doctor, rc ? PROBLEM : FINE, "your key", "`bunshin up` makes it; --identity names another", "%s%s",
	     rc ? sentence : (identity ? identity : name), rc ? "" : " can speak");
	rc = peer_list(&doctor->state, &peers, &count, sentence);
	if (rc)
		find(doctor, PROBLEM, "peers", "put the file right, or remove the peer and add it again", "%s", sentence);
	else
		find(doctor, FINE, "peers", NULL, "%zu registered", count);
	free(peers);
}

static void check_routes(struct doctor *doctor)
{
	char path[PATH_BYTES], sentence[CONF_SENTENCE_BYTES];
	const size_t capacity = 1u << 20;
	struct conf *conf = need(calloc(1, sizeof(*conf)));
	char *text = need(malloc(capacity));
	size_t bytes;
	int rc = session_routes_path(doctor->call, path);

	if (rc)
		find(doctor, PROBLEM, "routes", "name a routing.conf with --routes", "there is none");
	else if (file_read(path, text, capacity, &bytes) == 0 && conf_parse(text, path, conf, sentence))
		find(doctor, PROBLEM, "routes", "docs/routing.md explains every option", "%s", sentence);
	else
		find(doctor, FINE, "routes", NULL, "%s: %u routes, %u clones", path, conf->table.route_count, conf->clone_count);
	free(text);
	free(conf);
}

static void check_sandbox(struct doctor *doctor)
{
	char why[256] = "";

	if (sandbox_check(why))
		find(doctor, PROBLEM, "sandbox", "no clone does anything without it", "%s", why);
	else
		find(doctor, FINE, "sandbox", NULL, "programs can be run in it");
}

static bool is_installed(const char *program)
{
	const char *path = getenv("PATH");
	const char *at = path ? path : "/usr/local/bin:/usr/bin:/bin";

	while (*at) {
		size_t bytes = strcspn(at, ":");
		char full[PATH_BYTES];
		snprintf(full, sizeof(full), "%.*s/%s", (int)bytes, at, program);
		if (access(full, X_OK) == 0)
			return true;
		at += bytes + (at[bytes] == ':');
	}
	return false;
}

static void check_tools(struct doctor *doctor)
{
	static const struct {
		const char *program, *package, *purpose;
	} tools[] = {
		{"flawfinder", "flawfinder", "beta on C"},
		{"bandit", "bandit", "beta on Python"},
		{"shellcheck", "shellcheck", "beta on shell"},
		{"git", "git", "sample and demo"},
	};

	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		char next[96];
		snprintf(next, sizeof(next), "apt install %s", tools[i].package);
		if (is_installed(tools[i].program))
			find(doctor, FINE, "tool", NULL, "%s (%s)", tools[i].program, tools[i].purpose);
		else
			find(doctor, WARNING, "tool", next, "%s is not installed; %s will be less complete", tools[i].program,
			     tools[i].purpose);
	}
}

static void check_files(struct doctor *doctor)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < FILES_WANTED)
		find(doctor, WARNING, "open files", "raise the limit (ulimit -Hn)", "at most %llu; %u are wanted for many peers",
		     (unsigned long long)limit.rlim_max, FILES_WANTED);
}

static uint64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* A trail that only says of itself that it is whole is believed by nobody who has reason to doubt. */
static void check_mirrors(struct doctor *doctor, const char *text)
{
	json_t *status = json_loads(text, 0, NULL), *mirror;
	bool elsewhere = false;
	size_t i;

	json_array_foreach (json_object_get(json_object_get(status, "seal"), "mirrors"), i, mirror) {
		const char *where = json_string_value(json_object_get(mirror, "where"));
		const char *why = json_string_value(json_object_get(mirror, "why"));
		bool fails = json_is_integer(json_object_get(mirror, "failing_since_ms"));
		bool same = json_is_true(json_object_get(mirror, "same_volume"));

		elsewhere |= !same;
		if (fails)
			find(doctor, PROBLEM, "mirror", "put it right, or name another in routing.conf",
			     "%s does not take checkpoints: %s", where ? where : "", why ? why : "");
		else
			find(doctor, FINE, "mirror", NULL, "%s has checkpoint %lld%s", where ? where : "",
			     (long long)json_integer_value(json_object_get(mirror, "checkpoint")),
			     same ? ", on the disk of the trail" : "");
	}
	if (status && !elsewhere)
		find(doctor, WARNING, "mirrors", "mirror_file, mirror_git or mirror_command in routing.conf; see docs/audit.md",
		     "no checkpoint leaves the disk that the trail is on");
	json_decref(status);
}

static void check_omega(struct doctor *doctor)
{
	struct client_options options = {.state_folder = doctor->state.root,
					 .name = setting(&doctor->call->settings, SETTING_identity),
					 .timeout_ms = 3000};
	char why[CLIENT_SENTENCE_BYTES] = "";
	struct client *client = NULL;
	struct refused refused;
	uint64_t begun_us;
	char *json = NULL;
	int rc = client_open(&options, &client, why);

	if (rc) {
		find(doctor, PROBLEM, "omega", "`bunshin down; bunshin up`, and log/omega.log in the state folder", "%s", why);
		return;
	}
	begun_us = clock_us();
	rc = client_status(client, SUBJECT_NETWORK, NULL, NULL, 3000, &json, &refused);
	find(doctor, rc ? PROBLEM : FINE, "omega", "log/omega.log in the state folder has what it wrote",
	     rc ? "joined, but no answer came (%.1f ms)" : "answers after %.1f ms", (double)(clock_us() - begun_us) / 1000);
	if (!rc)
		check_mirrors(doctor, json);
	free(json);
	client_close(client);
}

struct held {
	size_t repositories;
	size_t owing;
	double fullest; /* of its memory */
};

static struct held held_of(const json_t *result)
{
	struct held held = {.repositories = 0};
	const json_t *row;
	size_t i;

	json_array_foreach (json_object_get(result, "repositories"), i, row) {
		json_int_t most = json_integer_value(json_object_get(row, "memory_max_bytes"));
		double share = most ? (double)json_integer_value(json_object_get(row, "memory_bytes")) / (double)most : 0;
		held.repositories++;
		held.owing += json_is_true(json_object_get(row, "owes"));
		held.fullest = share > held.fullest ? share : held.fullest;
	}
	return held;
}

static void check_workspace(struct doctor *doctor)
{
	char sentence[SENTENCE_BYTES];
	uint64_t begun_us = clock_us();
	json_t *result = NULL;
	struct held held;

	if (workspace_call(&doctor->state, json_pack("{s:s}", "verb", "list"), 3000, -1, &result, NULL, sentence)) {
		find(doctor, PROBLEM, "workspace", "log/workspace.log in the state folder has what it wrote", "%s", sentence);
		return;
	}
	held = held_of(result);
	find(doctor, FINE, "workspace", NULL, "answers after %.1f ms; %zu repositor%s", (double)(clock_us() - begun_us) / 1000,
	     held.repositories, held.repositories == 1 ? "y" : "ies");
	if (held.owing)
		find(doctor, WARNING, "workspace", "`bunshin status` shows whether Omega is there",
		     "changes of %zu repositor%s are not yet on the trail", held.owing, held.owing == 1 ? "y" : "ies");
	if (held.fullest > 0.8)
		find(doctor, WARNING, "workspace", "`bunshin workspace gc`; delete refs that are not needed",
		     "a repository has taken %.0f %% of the memory it may", held.fullest * 100);
	json_decref(result);
}

static void check_processes(struct doctor *doctor)
{
	struct supervisor_view *view = need(calloc(1, sizeof(*view)));
	char sentence[SENTENCE_BYTES];

	if (!doctor->have_state || supervisor_look(&doctor->state, view, sentence)) {
		find(doctor, WARNING, "network", "`bunshin up` starts it", "it is not running");
		free(view);
		return;
	}
	for (size_t i = 0; i < view->count; i++) {
		const struct child_view *child = &view->child[i];
		bool ready = child->state == CHILD_READY;
		find(doctor, ready ? FINE : PROBLEM, "process", "log/ in the state folder has what it wrote", "%s is %s%s%s",
		     child->name, child_state_name(child->state), *child->why ? ": " : "", child->why);
	}
	free(view);
	check_omega(doctor);
	check_workspace(doctor);
}

static void check_trail(struct doctor *doctor)
{
	struct trail_verdict verdict = {0};
	char path[PATH_BYTES], why[256] = "";
	struct trail *trail = NULL;
	int rc;

	if (!doctor->have_state || state_path(&doctor->state, STATE_TRAIL, path) || access(path, F_OK))
		return;
	rc = trail_open(path, TRAIL_READ, &trail, why);
	if (!rc)
		rc = trail_verify(trail, 0, &verdict);
	if (rc)
		find(doctor, PROBLEM, "trail", "keep a copy of the state folder before anything else touches it", "%s",
		     *why ? why : verdict.why);
	else
		find(doctor, FINE, "trail", NULL, "%llu records are as they were written", (unsigned long long)verdict.records);
	trail_close(trail);
}

static int run(struct call *call)
{
	struct doctor doctor = {.call = call, .rows = json_array()};

	check_settings(&doctor);
	check_state(&doctor);
	check_disk(&doctor);
	check_keys(&doctor);
	check_routes(&doctor);
	check_sandbox(&doctor);
	check_tools(&doctor);
	check_files(&doctor);
	check_processes(&doctor);
	check_trail(&doctor);
	listing_print(call, "checks", doctor.rows, columns, NULL);
	return doctor.problem ? error_exit_code(ERR_STATE) : 0;
}

const struct command command_doctor = {
	.name = "doctor",
	.operands = "",
	.sentence = "Checks everything a network needs, and says what to do about what is missing",
	.example = "$ bunshin doctor",
	.notes = "Exit code 6: something must be put right.",
	.run = run,
};
