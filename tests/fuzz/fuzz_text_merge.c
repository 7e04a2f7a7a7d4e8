/* SPDX-License-Identifier: MIT
 *
 * Any three texts, parted by 0xff, after a byte that chooses the marks: merged as libgit2 merges them.
 *
 * In texts that begin with 0xfe each byte is a line of its own, out of eight: so the fuzzer comes to many lines with few bytes.
 */
#include <git2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/workspace/merge/text_check.h"

#define SEPARATOR 0xffu
#define AS_LINES  0xfeu

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes);

static struct bytes expanded(const uint8_t *at, size_t bytes)
{
	uint8_t *text = malloc(2 * bytes + 1);

	if (!text)
		abort();
	for (size_t i = 0; i < bytes; i++) {
		text[2 * i] = (uint8_t)('a' + at[i] % 8);
		text[2 * i + 1] = '\n';
	}
	return (struct bytes){.at = text, .bytes = (uint32_t)(2 * bytes)};
}

/* The next text, in memory of its own; `*at` goes behind its end. */
static struct bytes take(const uint8_t **at, const uint8_t *end)
{
	size_t left = (size_t)(end - *at);
	const uint8_t *from = *at, *separator = left > 0 ? memchr(from, SEPARATOR, left) : NULL;
	size_t bytes = separator ? (size_t)(separator - from) : left;
	uint8_t *text;

	*at = separator ? separator + 1 : end;
	if (bytes > 0 && from[0] == AS_LINES)
		return expanded(from + 1, bytes - 1);
	text = malloc(bytes > 0 ? bytes : 1);
	if (!text)
		abort();
	if (bytes > 0)
		memcpy(text, from, bytes);
	return (struct bytes){.at = text, .bytes = (uint32_t)bytes};
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes)
{
	const uint8_t *end = at + bytes, *next = at + 1;
	struct text_merge merge = {.algorithm = TEXT_MYERS};
	enum text_outcome outcome;
	const char *wrong;
	static int is_ready;

	if (bytes == 0)
		return 0;
	if (!is_ready)
		is_ready = git_libgit2_init();
	merge.base = take(&next, end);
	merge.ours = take(&next, end);
	merge.theirs = take(&next, end);
	wrong = text_check(&merge, at[0], &outcome);
	if (wrong) {
		fprintf(stderr, "%s\n", wrong);
		abort();
	}
	free((void *)(uintptr_t)merge.base.at);
	free((void *)(uintptr_t)merge.ours.at);
	free((void *)(uintptr_t)merge.theirs.at);
	return 0;
}
