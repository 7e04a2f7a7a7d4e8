/* SPDX-License-Identifier: MIT
 *
 * How long it takes to merge a file of 4 KB that both sides changed in one line: far apart (the fast path), two lines apart (xdiff)
 * and in the same line (a conflict as data); beside libgit2's git_merge_file in the same run. Rounds alternate.
 *
 *   bench_text_merge [ROUNDS]
 */
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "workspace/merge/text_merge.h"

#define FILE_LINES   100u
#define ROUNDS_MAX   1000000u
#define ROUNDS_GIVEN 20000u

struct task {
	const char *name;
	unsigned ours; /* the lines that the sides change */
	unsigned theirs;
	bool by_libgit2;
	double *samples;
};

static _Noreturn void stop(const char *what)
{
	fprintf(stderr, "bench_text_merge: %s\n", what);
	exit(1);
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The file with one line changed; none, if `changed` is no line of it. */
static struct bytes file_of(char *text, unsigned changed, char mark)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < FILE_LINES; i++)
		bytes += (size_t)sprintf(text + bytes, "%c line %3u of a file of forty characters\n", i == changed ? mark : ' ',
					 i);
	return (struct bytes){.at = (const uint8_t *)text, .bytes = (uint32_t)bytes};
}

static git_merge_file_input input_of(struct bytes text)
{
	git_merge_file_input input;

	git_merge_file_input_init(&input, GIT_MERGE_FILE_INPUT_VERSION);
	input.ptr = (const char *)text.at;
	input.size = text.bytes;
	return input;
}

static void by_libgit2(const struct text_merge *merge)
{
	git_merge_file_input base = input_of(merge->base), ours = input_of(merge->ours), theirs = input_of(merge->theirs);
	git_merge_file_result result;

	if (git_merge_file(&result, &base, &ours, &theirs, NULL) < 0)
		stop("libgit2 does not merge");
	git_merge_file_result_free(&result);
}

static double once(const struct task *task, struct buffer *out, struct text_conflicts *conflicts)
{
	static char texts[3][FILE_LINES * 64];
	struct text_merge merge = {file_of(texts[0], FILE_LINES, ' '), file_of(texts[1], task->ours, 'o'),
				   file_of(texts[2], task->theirs, 't'), TEXT_HISTOGRAM};
	enum text_outcome outcome;
	double begin = now_ns();

	out->bytes = 0;
	if (task->by_libgit2)
		by_libgit2(&merge);
	else if (text_merge(&merge, &outcome, out, conflicts))
		stop("no merge");
	return now_ns() - begin;
}

static void print_task(const struct task *task, size_t rounds)
{
	qsort(task->samples, rounds, sizeof(*task->samples), order);
	printf("%-34s p50 %8.2f us   p99 %8.2f us\n", task->name, task->samples[rounds / 2] / 1e3,
	       task->samples[rounds * 99 / 100] / 1e3);
}

int main(int argc, char **argv)
{
	struct task tasks[] = {
		{"two distant lines, fast path", 10, 80, false, NULL},    {"two distant lines, libgit2", 10, 80, true, NULL},
		{"two lines apart, fast path", 10, 13, false, NULL},      {"two lines apart, libgit2", 10, 13, true, NULL},
		{"two neighbours, compared", 10, 11, false, NULL},        {"two neighbours, libgit2", 10, 11, true, NULL},
		{"the same line, conflict as data", 10, 10, false, NULL}, {"the same line, libgit2", 10, 10, true, NULL}};
	enum { TASKS = sizeof(tasks) / sizeof(tasks[0]) };
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS_GIVEN;
	struct buffer out = {0};
	struct text_conflicts conflicts = {0};

	if (rounds == 0 || rounds > ROUNDS_MAX)
		stop("ROUNDS is a number from 1 to 1000000");
	git_libgit2_init();
	for (size_t i = 0; i < TASKS; i++)
		if (!(tasks[i].samples = malloc(rounds * sizeof(double))))
			stop("out of memory");
	for (size_t round = 0; round < rounds; round++)
		for (size_t i = 0; i < TASKS; i++)
			tasks[i].samples[round] = once(&tasks[i], &out, &conflicts);
	for (size_t i = 0; i < TASKS; i++) {
		print_task(&tasks[i], rounds);
		free(tasks[i].samples);
	}
	buffer_release(&out);
	text_conflicts_release(&conflicts);
	git_libgit2_shutdown();
	return 0;
}
