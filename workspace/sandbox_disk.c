/* SPDX-License-Identifier: MIT
 *
 * Keeps the folders that a run of the sandbox may write within their limit, and the machine's disk from being filled.
 *
 * A folder of the machine has no size of its own. So the runner weighs them while the program runs, again and again, and spends about a
 * twentieth of its time on it. That is a promise about what stays, not about the moment; the moment is guarded by the reserve.
 */
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "workspace/census.h"
#include "workspace/sandbox_run.h"

#define STEP_MS      10u
#define PAUSE_FACTOR 20u
#define PAUSE_MS     200u

struct roots {
	const char *paths[MOUNTS_MAX + 2];
	size_t count;
};

static struct roots roots_of(const struct run *run)
{
	struct roots roots = {0};
	const struct mounts *mounts = &run->enclosure.mounts;
	if (run->job->work)
		roots.paths[roots.count++] = run->job->work;
	for (size_t i = 0; i < mounts->count; i++)
		if (mounts->entries[i].writable)
			roots.paths[roots.count++] = mounts->entries[i].outside;
	return roots;
}

bool disk_watched(const struct run *run)
{
	return roots_of(run).count > 0;
}

static void watch_reserve(struct run *run, const struct roots *roots)
{
	struct statvfs disk;
	for (size_t i = 0; i < roots->count; i++)
		if (statvfs(roots->paths[i], &disk) == 0 &&
		    (uint64_t)disk.f_bavail * disk.f_frsize < SANDBOX_DISK_RESERVE_BYTES) {
			run_end(run, &run->result->limit_reached, true,
				"ended because less than %llu MiB are left on the disk that holds its %s",
				SANDBOX_DISK_RESERVE_BYTES >> 20, roots->paths[i] == run->job->work ? "work folder" : "folders");
			return;
		}
}

/* The way around a weighing of folders is a file without a name. */
static uint64_t unlinked_bytes(const struct run *run, const struct roots *roots)
{
	dev_t devices[MOUNTS_MAX + 2];
	size_t count = 0;
	for (size_t i = 0; i < roots->count; i++) {
		struct stat status;
		if (stat(roots->paths[i], &status) == 0)
			devices[count++] = status.st_dev;
	}
	return census_unlinked_bytes(run->pid_namespace, devices, count);
}

static void watch_weight(struct run *run, const struct roots *roots)
{
	uint64_t bytes = 0;
	uint64_t begun = run_now_ms();
	if (begun < run->next_weigh_ms)
		return;
	bool over = weigh_step(&run->weigh, roots->paths, roots->count, STEP_MS, &bytes);
	if (over)
		bytes += unlinked_bytes(run, roots);
	uint64_t took = run_now_ms() - begun;
	run->next_weigh_ms = begun + (over && took * PAUSE_FACTOR < PAUSE_MS ? PAUSE_MS : took * PAUSE_FACTOR);
	if (over && bytes > run->job->disk_bytes)
		run_end(run, &run->result->limit_reached, true,
			"ended because the folders it may write hold %llu bytes, and only %llu are allowed",
			(unsigned long long)bytes, (unsigned long long)run->job->disk_bytes);
}

void disk_watch(struct run *run)
{
	struct roots roots = roots_of(run);
	watch_reserve(run, &roots);
	if (run->job->disk_bytes && !run->killed)
		watch_weight(run, &roots);
}
