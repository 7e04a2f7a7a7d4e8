/* SPDX-License-Identifier: MIT
 *
 * Runs the programs of an attempt in the sandbox.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "actors/attempt_agent.h"
#include "actors/attempt_inner.h"

#define OUTPUT_BYTES_DEFAULT   (16u << 20)
#define OUTPUT_BYTES_MAX       (256u << 20)
#define INVENTORY_OUTPUT_BYTES (64u << 20)
#define FILE_BYTES_MAX         (2ull << 30)
#define SCRATCH_BYTES          (512ull << 20)
#define MEMORY_BYTES_MAX       (4ull << 30)
#define MEMORY_BYTES_MIN       (512ull << 20)
#define PROCESSES_MAX          512u
#define STEP_MS_MIN            100u /* nothing is started for less */
#define CLEAN_MS               20000u
#define FOLDERS_DEEP           100u /* each is held open meanwhile */
#define ENVIRONMENT_MAX        (STEP_ENVIRONMENT_MAX + 8)

/* In the sandbox every file belongs to somebody else than git expects; nothing there is worth protecting from itself. Leak
 * checkers trace, which is refused inside. */
const char *const attempt_environment[] = {
	"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*", "ASAN_OPTIONS=detect_leaks=0", NULL,
};

#define ALWAYS (sizeof(attempt_environment) / sizeof(attempt_environment[0]) - 1)

/* Half of the machine, within bounds. */
static uint64_t memory_limit(void)
{
	struct sysinfo machine;
	uint64_t bytes = sysinfo(&machine) == 0 ? (uint64_t)machine.totalram * machine.mem_unit / 2 : MEMORY_BYTES_MIN;
	if (bytes > MEMORY_BYTES_MAX)
		return MEMORY_BYTES_MAX;
	return bytes < MEMORY_BYTES_MIN ? MEMORY_BYTES_MIN : bytes;
}

uint32_t attempt_time_left(const struct attempt *attempt)
{
	uint64_t now = attempt_now_ms();
	uint64_t left = attempt->end_ms > now ? attempt->end_ms - now : 0;
	return left > UINT32_MAX ? UINT32_MAX : (uint32_t)left;
}

struct sandbox_job attempt_job(const struct attempt *attempt, uint32_t wall_ms, uint64_t output_bytes)
{
	return (struct sandbox_job){
		.repository = attempt->snapshot[0] ? attempt->snapshot : attempt->repository,
		.git = attempt->snapshot[0] ? attempt->git : NULL,
		.limits = {.wall_ms = wall_ms,
			   .memory_bytes = memory_limit(),
			   .output_bytes = output_bytes,
			   .file_bytes = FILE_BYTES_MAX,
			   .processes = PROCESSES_MAX,
			   .scratch_bytes = SCRATCH_BYTES},
		.cancel_fd = attempt->cancel_fd,
	};
}

/* Runs a job and looks after what every job has in common. 0, ERR_TOOL_MISSING, or -1 after attempt_fail. */
static int run(struct attempt *attempt, struct sandbox_job *job, const char *const *more_environment,
	       struct sandbox_result *result)
{
	const char *environment[ENVIRONMENT_MAX];
	size_t count = ALWAYS;
	memcpy(environment, attempt_environment, sizeof(attempt_environment));
	for (; more_environment && *more_environment && count < ENVIRONMENT_MAX - 1; more_environment++)
		environment[count++] = *more_environment;
	environment[count] = NULL;
	job->environment = environment;
	int rc = sandbox_run(job, result);
	job->environment = NULL;
	if (rc == ERR_TOOL_MISSING)
		return rc;
	if (rc)
		return attempt_fail(attempt, rc, "%s", result->why[0] ? result->why : error_sentence(rc));
	attempt->cpu_ms += result->cpu_ms;
	attempt->processes_ended += result->processes_ended;
	attempt->processes_left += result->processes_left;
	if (!result->cancelled)
		return 0;
	attempt->cancelled = true;
	sandbox_release(result);
	return attempt_fail(attempt, ERROR_CANCELLED, "the attempt was asked to end; %u processes were ended and %u are left",
			    attempt->processes_ended, attempt->processes_left);
}

/* The last line a tool said, without its newline. */
static const char *last_line(struct sandbox_result *result)
{
	char *text = (char *)result->err;
	if (!text)
		return "";
	while (result->err_bytes > 0 && text[result->err_bytes - 1] == '\n')
		text[--result->err_bytes] = '\0';
	const char *newline = strrchr(text, '\n');
	return newline ? newline + 1 : text;
}

/* Runs one of our own tools, which must succeed for the attempt to go on. */
static int run_own(struct attempt *attempt, struct sandbox_job *job, const char *name, const char *failure, int code,
		   struct sandbox_result *result)
{
	const char *const argv[] = {SANDBOX_NAME,    "tool", name, attempt->commit && !attempt->snapshot[0] ? "--commit" : NULL,
				    attempt->commit, NULL};
	job->argv = argv;
	int rc = run(attempt, job, NULL, result);
	job->argv = NULL;
	if (rc)
		return rc == ERR_TOOL_MISSING ? attempt_fail(attempt, ERROR_SANDBOX, "%s", result->why) : rc;
	if (result->exit_status == 0 && !result->output_cut)
		return 0;
	if (result->timed_out)
		rc = attempt_fail(attempt, ERROR_LIMIT, "%s did not end within %u ms; give the task more time", name,
				  job->limits.wall_ms);
	else
		rc = attempt_fail(attempt, code, "%s: %.300s", failure, last_line(result));
	sandbox_release(result);
	return rc;
}

static int folder_make(struct attempt *attempt, const char *name, char out_path[PATH_MAX])
{
	if (snprintf(out_path, PATH_MAX, "%s/%s", attempt->work, name) < PATH_MAX && mkdir(out_path, 0700) == 0)
		return 0;
	out_path[0] = '\0';
	return attempt_fail(attempt, ERROR_IO, "the folder '%s' could not be made in the work folder: %s", name, strerror(errno));
}

/* ---- the inventory and the snapshot ---- */

static int take_inventory(struct attempt *attempt)
{
	struct sandbox_result result;
	struct sandbox_job job = attempt_job(attempt, attempt_time_left(attempt), INVENTORY_OUTPUT_BYTES);
	int rc = run_own(attempt, &job, "inventory", "the repository could not be read", ERROR_INVALID_PARAMETERS, &result);
	if (rc)
		return rc;
	attempt->inventory = json_loadb((const char *)result.out, result.out_bytes, 0, NULL);
	sandbox_release(&result);
	if (json_is_object(attempt->inventory))
		return 0;
	return attempt_fail(attempt, ERROR_INTERNAL, "the inventory is no JSON object");
}

/* The folder serves as it is, unless it holds something else than the commit that is asked for, or no files at all. */
static bool snapshot_needed(const struct attempt *attempt)
{
	const char *commit = json_string_value(json_object_get(attempt->inventory, "commit"));
	const char *head = json_string_value(json_object_get(attempt->inventory, "head"));
	if (json_is_true(json_object_get(attempt->inventory, "bare")))
		return true;
	return attempt->commit &&
	       (json_is_true(json_object_get(attempt->inventory, "dirty")) || !commit || !head || strcmp(commit, head) != 0);
}

static int take_snapshot(struct attempt *attempt)
{
	char folder[PATH_MAX];
	struct sandbox_result result;
	if (folder_make(attempt, "snapshot", folder) != 0)
		return -1;
	struct sandbox_job job = attempt_job(attempt, attempt_time_left(attempt), OUTPUT_BYTES_DEFAULT);
	job.work = folder;
	job.git = attempt->git;
	if (!attempt->commit)
		attempt->commit = json_string_value(json_object_get(attempt->inventory, "commit"));
	attempt_progress(attempt, "snapshot", 30, "taking the files of commit %.40s",
			 json_string_value(json_object_get(attempt->inventory, "commit")));
	int rc = run_own(attempt, &job, "copy", "the commit could not be checked out", ERROR_TASK_FAILED, &result);
	memcpy(attempt->snapshot, folder, sizeof(folder));
	if (rc)
		return rc;
	sandbox_release(&result);
	json_object_set_new(attempt->inventory, "dirty", json_false());
	return 0;
}

int attempt_open(struct attempt *attempt)
{
	if (attempt->inventory)
		return 0; /* the workspace told it, with exactly these files */
	int rc = take_inventory(attempt);
	if (rc == 0 && snapshot_needed(attempt))
		rc = take_snapshot(attempt);
	return rc;
}

/* ---- the steps ---- */

static int copy_make(struct attempt *attempt)
{
	char folder[PATH_MAX];
	struct sandbox_result result;
	if (attempt->copy[0])
		return 0;
	if (folder_make(attempt, "copy", folder) != 0)
		return -1;
	struct sandbox_job job = attempt_job(attempt, attempt_time_left(attempt), OUTPUT_BYTES_DEFAULT);
	const char *commit = attempt->commit;
	memcpy(attempt->copy, folder, sizeof(folder));
	job.work = folder;
	attempt->commit = NULL; /* the folder that is mounted already holds the right files */
	int rc = run_own(attempt, &job, "copy", "the repository could not be copied", ERROR_TASK_FAILED, &result);
	attempt->commit = commit;
	if (rc == 0)
		sandbox_release(&result);
	return rc;
}

static const char *skip(struct output *output, char *why)
{
	output->ran = false;
	output->why = why;
	return why;
}

static void take_output(struct output *output, struct sandbox_result *result)
{
	output->ran = true;
	output->exit_status = result->exit_status;
	output->signal = result->signal;
	output->timed_out = result->timed_out;
	output->cut = result->output_cut;
	output->out = (struct bytes){result->out, (uint32_t)result->out_bytes};
	output->err = (struct bytes){result->err, (uint32_t)result->err_bytes};
	output->wall_ms = result->wall_ms;
	output->cpu_ms = result->cpu_ms;
	output->peak_rss_kb = result->peak_rss_kb;
	if (result->limit_reached)
		output->why = strdup(result->why);
}

static uint32_t step_time(const struct attempt *attempt, const struct step *step)
{
	uint32_t left = attempt_time_left(attempt);
	uint64_t share = (attempt->end_ms - attempt->begin_ms) * step->share_permille / 1000;
	return step->share_permille && share < left ? (uint32_t)share : left;
}

static int run_step(struct attempt *attempt, const struct step *step, const struct output *before, struct output *output)
{
	if (step->after_success && before && (!before->ran || before->exit_status != 0))
		return skip(output, strdup("the step before it did not succeed")) ? 0 : -1;
	if (step->writes && attempt_time_left(attempt) > STEP_MS_MIN && copy_make(attempt) != 0)
		return -1;
	if (step->agent)
		return attempt_agent(attempt, output);
	if (step_time(attempt, step) < STEP_MS_MIN) {
		output->timed_out = true;
		return skip(output, strdup("no time left")) ? 0 : -1;
	}
	uint64_t most = step->output_bytes ? step->output_bytes : OUTPUT_BYTES_DEFAULT;
	struct sandbox_job job =
		attempt_job(attempt, step_time(attempt, step), most < OUTPUT_BYTES_MAX ? most : OUTPUT_BYTES_MAX);
	struct sandbox_result result;
	job.argv = step->argv;
	job.work = step->writes ? attempt->copy : NULL;
	job.in_work = step->writes;
	int rc = run(attempt, &job, step->environment, &result);
	if (rc == ERR_TOOL_MISSING)
		return skip(output, strdup(result.why)) ? 0 : -1;
	if (rc)
		return rc;
	take_output(output, &result);
	return 0;
}

int attempt_steps(struct attempt *attempt, const struct plan *plan, struct output *outputs)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct step *step = &plan->step[i];
		attempt_progress(attempt, step->name, (uint32_t)(50 + 900 * i / plan->count), "step %zu of %zu: %s", i + 1,
				 plan->count, step->name);
		if (run_step(attempt, step, i > 0 ? &outputs[i - 1] : NULL, &outputs[i]) != 0)
			return attempt_fail(attempt, ERROR_MEMORY, "out of memory");
	}
	return 0;
}

void attempt_release(struct output *outputs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		/* Both were allocated here, and are const only for those who read them. */
		union {
			const void *read;
			void *own;
		} memory[] = {{outputs[i].out.at}, {outputs[i].err.at}, {outputs[i].why}};
		for (size_t j = 0; j < 3; j++)
			free(memory[j].own);
	}
}

/* By descriptors, so that no name leads elsewhere and none is too long. False: something is left. */
static bool remove_below(int parent, const char *name, unsigned depth)
{
	int fd = depth ? openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	bool all = true;

	if (!folder) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((entry = readdir(folder))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if ((entry->d_type == DT_DIR || unlinkat(fd, entry->d_name, 0)) && !remove_below(fd, entry->d_name, depth - 1))
			all = false;
	}
	closedir(folder);
	return unlinkat(parent, name, AT_REMOVEDIR) == 0 && all;
}

/* What is as usual goes at once. The rest inside the sandbox: what strangers' programs left may be nested without end, or be closed to its owner. */
void folder_remove(const char *folder)
{
	static const char *const argv[] = {
		"sh", "-c", "chmod -R u+rwX /work 2>/dev/null; find /work -mindepth 1 -maxdepth 1 -exec rm -rf {} +", NULL};
	struct sandbox_result result;
	const struct attempt nobody = {.repository = NULL, .cancel_fd = -1};
	struct sandbox_job job = attempt_job(&nobody, CLEAN_MS, 4096);
	if (!folder[0] || remove_below(AT_FDCWD, folder, FOLDERS_DEEP))
		return;
	job.argv = argv;
	job.work = folder;
	if (sandbox_run(&job, &result) == 0)
		sandbox_release(&result);
	rmdir(folder);
}

void attempt_clean(struct attempt *attempt)
{
	if (strcmp(attempt->copy, attempt->checkout) != 0)
		folder_remove(attempt->copy);
	folder_remove(attempt->snapshot);
	if (!attempt->salvage)
		folder_remove(attempt->checkout);
}
