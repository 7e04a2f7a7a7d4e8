/* SPDX-License-Identifier: MIT */
#include "actors/payloads.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#define BYTES_PER_PLACE 128u

static void *map_fresh(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

int payloads_init(struct payloads *payloads, uint32_t capacity_bytes)
{
	uint32_t places = 1;

	while (places < capacity_bytes / BYTES_PER_PLACE)
		places *= 2;
	payloads->capacity = capacity_bytes;
	payloads->place_max = places;
	payloads->bytes = map_fresh(capacity_bytes);
	payloads->place = map_fresh(places * sizeof(*payloads->place));
	if (payloads->bytes && payloads->place)
		return 0;
	payloads_release(payloads);
	return ERR_MEMORY;
}

void payloads_release(struct payloads *payloads)
{
	if (payloads->bytes)
		munmap(payloads->bytes, payloads->capacity);
	if (payloads->place)
		munmap(payloads->place, payloads->place_max * sizeof(*payloads->place));
	memset(payloads, 0, sizeof(*payloads));
}

static struct payload_place *place_at(const struct payloads *payloads, uint64_t number)
{
	return &payloads->place[number & (payloads->place_max - 1)];
}

static bool overlaps(const struct payload_place *place, uint32_t offset, uint32_t bytes)
{
	return place->offset < offset + bytes && offset < place->offset + place->bytes;
}

/* The oldest places lie right behind the end of the newest, so that what is in the way is always the first. */
static void make_room(struct payloads *payloads, uint32_t bytes)
{
	if (payloads->end + bytes > payloads->capacity) {
		/* The rest of the ring stays unused; places in it are the oldest there are. */
		while (payloads->first < payloads->next && place_at(payloads, payloads->first)->offset >= payloads->end)
			payloads->first++;
		payloads->end = 0;
	}
	while (payloads->first < payloads->next && overlaps(place_at(payloads, payloads->first), payloads->end, bytes))
		payloads->first++;
	if (payloads->next - payloads->first == payloads->place_max)
		payloads->first++;
}

void payloads_add(struct payloads *payloads, uint64_t seq, struct bytes payload, uint32_t masked)
{
	if (payload.bytes == 0 || payload.bytes > payloads->capacity / 4)
		return;
	assert(payloads->first == payloads->next || place_at(payloads, payloads->next - 1)->seq < seq);
	make_room(payloads, payload.bytes);
	memcpy(payloads->bytes + payloads->end, payload.at, payload.bytes);
	*place_at(payloads, payloads->next++) = (struct payload_place){seq, payloads->end, payload.bytes, masked};
	payloads->end += payload.bytes;
}

static const struct payload_place *find_place(const struct payloads *payloads, uint64_t seq)
{
	uint64_t low = payloads->first;
	uint64_t high = payloads->next;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		const struct payload_place *place = place_at(payloads, middle);

		if (place->seq == seq)
			return place;
		if (place->seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

void payloads_clear(struct payloads *payloads)
{
	/* A private mapping without a file reads as zeros afterwards. */
	if (madvise(payloads->bytes, payloads->capacity, MADV_DONTNEED))
		memset(payloads->bytes, 0, payloads->capacity);
	payloads->first = payloads->next;
	payloads->end = 0;
}

struct bytes payloads_find(const struct payloads *payloads, uint64_t seq)
{
	const struct payload_place *place = find_place(payloads, seq);

	return place ? (struct bytes){payloads->bytes + place->offset, place->bytes} : (struct bytes){0};
}

bool payloads_masked(const struct payloads *payloads, uint64_t seq, uint32_t *out_masked)
{
	const struct payload_place *place = find_place(payloads, seq);

	if (place)
		*out_masked = place->masked;
	return place != NULL;
}
