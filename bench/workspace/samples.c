/* SPDX-License-Identifier: MIT */
#include "bench/workspace/samples.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

_Noreturn void stop(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

void samples_add(struct samples *samples, double us)
{
	if (samples->count == samples->capacity) {
		samples->capacity = samples->capacity ? samples->capacity * 2 : 1024;
		samples->us = realloc(samples->us, samples->capacity * sizeof(*samples->us));
		if (!samples->us)
			stop("out of memory");
	}
	samples->us[samples->count++] = us;
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double samples_at(struct samples *samples, double share)
{
	if (!samples->count)
		return 0;
	qsort(samples->us, samples->count, sizeof(*samples->us), order);
	size_t at = (size_t)(share * (double)samples->count);
	return samples->us[at < samples->count ? at : samples->count - 1];
}

double samples_sum(const struct samples *samples)
{
	double sum = 0;

	for (size_t i = 0; i < samples->count; i++)
		sum += samples->us[i];
	return sum;
}

void samples_release(struct samples *samples)
{
	free(samples->us);
	*samples = (struct samples){0};
}

double clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double used_us(int who)
{
	struct rusage usage;

	if (getrusage(who, &usage))
		stop("getrusage failed");
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

double clock_cpu_us(void)
{
	return used_us(RUSAGE_SELF) + used_us(RUSAGE_CHILDREN);
}

double memory_resident(void)
{
	unsigned long pages = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file || fscanf(file, "%lu %lu", &pages, &resident) != 2)
		stop("/proc/self/statm cannot be read");
	fclose(file);
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}
