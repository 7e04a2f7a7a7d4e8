/* SPDX-License-Identifier: MIT
 *
 * Durations of many operations, and what is told about them.
 */
#ifndef BENCH_WORKSPACE_SAMPLES_H
#define BENCH_WORKSPACE_SAMPLES_H

#include <stddef.h>

/* In microseconds. Zero it to begin. */
struct samples {
	double *us;
	size_t count;
	size_t capacity;
};

void samples_add(struct samples *samples, double us);
double samples_at(struct samples *samples, double share); /* 0.5: the median; 0 if there are none. Sorts */
double samples_sum(const struct samples *samples);
void samples_release(struct samples *samples);

double clock_us(void);     /* a clock that does not go back */
double clock_cpu_us(void); /* CPU time of this process and of its children that were waited for */

/* Resident memory of this process, in bytes. */
double memory_resident(void);

/* Ends the program with a sentence on stderr. */
_Noreturn void stop(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
