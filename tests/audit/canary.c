/* SPDX-License-Identifier: MIT */
#include "tests/audit/canary.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static size_t place_of(const struct canary *canary, uint64_t window)
{
	size_t mask = canary->places - 1;
	size_t place = (size_t)(window * 0x9e3779b97f4a7c15u >> 24) & mask;
	while (canary->window[place] && canary->window[place] != window)
		place = (place + 1) & mask;
	return place;
}

void canary_init(struct canary *canary)
{
	*canary = (struct canary){.places = 4096};
	canary->window = calloc(canary->places, sizeof(*canary->window));
	assert_non_null(canary->window);
}

void canary_release(struct canary *canary)
{
	free(canary->window);
}

static void grow(struct canary *canary)
{
	struct canary larger = {.places = canary->places * 2, .count = canary->count};
	larger.window = calloc(larger.places, sizeof(*larger.window));
	assert_non_null(larger.window);
	for (size_t i = 0; i < canary->places; i++)
		if (canary->window[i])
			larger.window[place_of(&larger, canary->window[i])] = canary->window[i];
	free(canary->window);
	*canary = larger;
}

static uint64_t window_at(const uint8_t *at)
{
	uint64_t window;
	memcpy(&window, at, sizeof(window));
	return window;
}

void canary_add(struct canary *canary, const void *at, size_t bytes)
{
	for (size_t i = 0; i + CANARY_WINDOW <= bytes; i++) {
		uint64_t window = window_at((const uint8_t *)at + i);
		if (canary->count * 2 >= canary->places)
			grow(canary);
		size_t place = place_of(canary, window);
		canary->count += !canary->window[place];
		canary->window[place] = window;
	}
}

static size_t hits_in(struct canary *canary, const char *path, const uint8_t *at, size_t bytes)
{
	size_t hits = 0;
	for (size_t i = 0; i + CANARY_WINDOW <= bytes; i++) {
		uint64_t window = window_at(at + i);
		if (!window || canary->window[place_of(canary, window)] != window)
			continue;
		if (!canary->first[0])
			snprintf(canary->first, sizeof(canary->first), "%s, byte %zu: %.8s", path, i, (const char *)at + i);
		hits++;
	}
	return hits;
}

static size_t search_file(struct canary *canary, const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0; /* it went away meanwhile, or is no file that can be read */
	size_t hits = 0;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
		void *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		assert_true(at != MAP_FAILED);
		hits = hits_in(canary, path, at, (size_t)status.st_size);
		munmap(at, (size_t)status.st_size);
	}
	close(fd);
	return hits;
}

size_t canary_hits_in_file(struct canary *canary, const char *path)
{
	canary->first[0] = 0;
	return search_file(canary, path);
}

static struct canary *searching; /* nftw gives its callback no context */
static size_t found;

static int look(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)place;
	if (kind == FTW_F && S_ISREG(status->st_mode))
		found += search_file(searching, path);
	return 0;
}

size_t canary_hits_below(struct canary *canary, const char *folder)
{
	canary->first[0] = 0;
	searching = canary;
	found = 0;
	assert_int_equal(nftw(folder, look, 16, FTW_PHYS), 0);
	return found;
}

void canary_text(uint64_t seed, char *out, size_t bytes)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	/* Another multiplier than that of the sequence: texts of neighbouring seeds must not be the same one, shifted. */
	uint64_t random = (seed + 1) * 0xd1342543de82ef95u;
	random ^= random >> 29;
	random *= 0xaf251af3b0f025b5u;
	for (size_t i = 0; i < bytes; i++) { /* splitmix64 */
		uint64_t z = random += 0x9e3779b97f4a7c15u;
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		out[i] = letters[(z ^ (z >> 31)) & 63];
	}
	out[bytes] = 0;
}
