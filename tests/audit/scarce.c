/* SPDX-License-Identifier: MIT */
#include "scarce.h"

#include <sqlite3.h>
#include <stdlib.h>

/* From openssl/crypto.h, which cannot stand beside protocol/error.h: audit/hasher.h says why. */
int CRYPTO_set_mem_functions(void *(*allocate)(size_t, const char *, int), void *(*reallocate)(void *, size_t, const char *, int),
			     void (*release)(void *, const char *, int));

static struct {
	bool armed;
	bool sticky;
	uint64_t at;
	uint64_t count;
	uint64_t failures;
} plan;

static bool fails(void)
{
	if (!plan.armed)
		return false;
	plan.count++;
	if (plan.count != plan.at && !(plan.sticky && plan.count > plan.at))
		return false;
	plan.failures++;
	return true;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *at, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *at, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
	return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	return fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *at, size_t bytes)
{
	return fails() ? NULL : __real_realloc(at, bytes);
}

static sqlite3_mem_methods sqlite_real;

static void *sqlite_malloc(int bytes)
{
	return fails() ? NULL : sqlite_real.xMalloc(bytes);
}

static void *sqlite_realloc(void *at, int bytes)
{
	return fails() ? NULL : sqlite_real.xRealloc(at, bytes);
}

static void *crypto_malloc(size_t bytes, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails() ? NULL : __real_malloc(bytes);
}

static void *crypto_realloc(void *at, size_t bytes, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails() ? NULL : __real_realloc(at, bytes);
}

static void crypto_free(void *at, const char *file, int line)
{
	(void)file;
	(void)line;
	free(at);
}

void scarce_install(void)
{
	sqlite3_mem_methods mine;
	if (!CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free))
		abort();
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_real))
		abort();
	mine = sqlite_real;
	mine.xMalloc = sqlite_malloc;
	mine.xRealloc = sqlite_realloc;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &mine))
		abort();
}

void scarce_arm(uint64_t at, bool sticky)
{
	plan.at = at;
	plan.sticky = sticky;
	plan.count = 0;
	plan.failures = 0;
	plan.armed = true;
}

void scarce_disarm(void)
{
	plan.armed = false;
}

uint64_t scarce_failures(void)
{
	return plan.failures;
}
