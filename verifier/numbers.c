/* SPDX-License-Identifier: MIT */
#include "verifier/numbers.h"

#include <stdlib.h>
#include <string.h>

#include "verifier/facts.h"

#define PLACES_FIRST 256u
#define FRAME_MAX    64u /* messages in a frame: one that cannot be read takes those behind it along */

struct numbers_peer {
	char name[NAME_ROOM]; /* empty: a free place */
	uint32_t name_bytes;
	bool joined;
	uint64_t received; /* last number of the peer's own, and of Omega's towards it */
	uint64_t sent;
	uint64_t open; /* numbers that are missing and not explained yet */
	uint64_t open_since_ms;
	struct hole last; /* the last of them */
};

void numbers_init(struct numbers *numbers, bool from_beginning)
{
	*numbers = (struct numbers){.from_beginning = from_beginning};
}

void numbers_release(struct numbers *numbers)
{
	free(numbers->peers);
	*numbers = (struct numbers){0};
}

/* ---- peers ---- */

static uint64_t word_at(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static uint64_t mix(uint64_t print, uint64_t word)
{
	print = (print ^ word) * 0x9e3779b97f4a7c15u;
	return print ^ print >> 29;
}

/* Eight bytes at a time; the last ones together with some before them, so that none is read beyond the name. */
static uint64_t name_print(struct span name)
{
	uint64_t print = name.bytes;

	for (size_t i = 0; i + 8 <= name.bytes; i += 8)
		print = mix(print, word_at(name.at + i));
	if (name.bytes >= 8)
		return mix(print, word_at(name.at + name.bytes - 8));
	for (size_t i = 0; i < name.bytes; i++)
		print = print << 8 ^ name.at[i];
	return mix(print, 0);
}

static size_t place_of(const struct numbers *numbers, struct span name)
{
	size_t place = (size_t)(name_print(name) >> 16) & (numbers->places - 1);

	while (numbers->peers[place].name_bytes &&
	       (numbers->peers[place].name_bytes != name.bytes || memcmp(numbers->peers[place].name, name.at, name.bytes) != 0))
		place = (place + 1) & (numbers->places - 1);
	return place;
}

static bool grow(struct numbers *numbers)
{
	size_t places = numbers->places, stranger = numbers->stranger ? (size_t)(numbers->stranger - numbers->peers) : SIZE_MAX;
	struct numbers_peer *peers = numbers->peers;

	numbers->places = places ? places * 2 : PLACES_FIRST;
	numbers->peers = calloc(numbers->places, sizeof(*peers));
	if (!numbers->peers) {
		numbers->peers = peers;
		numbers->places = places;
		return false;
	}
	for (size_t i = 0; i < places; i++) {
		size_t place;

		if (!peers[i].name_bytes)
			continue;
		place = place_of(numbers, (struct span){(const uint8_t *)peers[i].name, peers[i].name_bytes});
		numbers->peers[place] = peers[i];
		if (i == stranger)
			numbers->stranger = &numbers->peers[place];
	}
	free(peers);
	return true;
}

/* NULL without memory, or if this cannot be a name. */
static struct numbers_peer *peer_of(struct numbers *numbers, struct span name)
{
	struct numbers_peer *peer;

	if (!name.bytes || name.bytes >= NAME_ROOM)
		return NULL;
	if (numbers->taken >= numbers->places / 2 && !grow(numbers))
		return NULL;
	peer = &numbers->peers[place_of(numbers, name)];
	if (!peer->name_bytes) {
		memcpy(peer->name, name.at, name.bytes);
		peer->name_bytes = (uint32_t)name.bytes;
		numbers->taken++;
	}
	return peer;
}

/* ---- holes ---- */

static void report(struct numbers *numbers, const struct hole *hole, uint64_t count)
{
	numbers->hole_count += count;
	if (numbers->holes_kept < HOLES_KEPT)
		numbers->hole[numbers->holes_kept++] = *hole;
}

static struct hole hole_of(const struct numbers_peer *peer, const struct row *row, uint64_t after, bool sent)
{
	struct hole hole = {.sent = sent, .first = after + 1, .last = row->sender_seq - 1, .before = row->seq};

	memcpy(hole.peer, peer->name, peer->name_bytes);
	return hole;
}

/* What is still open stays unexplained: it was not counted when it had to be. */
static void settle(struct numbers *numbers, struct numbers_peer *peer, bool cut_short)
{
	if (!peer->open)
		return;
	if (cut_short && numbers->mono_ms - peer->open_since_ms <= HOLE_WAIT_MS)
		numbers->uncounted += peer->open;
	else
		report(numbers, &peer->last, peer->open);
	peer->open = 0;
}

static void settle_all(struct numbers *numbers)
{
	for (size_t i = 0; i < numbers->places; i++) {
		if (!numbers->peers[i].name_bytes)
			continue;
		settle(numbers, &numbers->peers[i], true);
		numbers->peers[i].joined = false;
	}
}

static void open_hole(struct numbers_peer *peer, const struct row *row)
{
	if (!peer->open)
		peer->open_since_ms = row->mono_ms;
	peer->last = hole_of(peer, row, peer->received, false);
	peer->open += row->sender_seq - peer->received - 1;
}

/* ---- records ---- */

static bool counted(struct numbers *numbers, const struct row *row)
{
	struct facts_counted facts;
	struct numbers_peer *peer;
	uint64_t explained;

	if (!facts_counted_read(row->facts, &facts) || (facts.type != CODE_TASK_PROGRESS && facts.type != CODE_REFUSAL))
		return true;
	if (!facts.peer.bytes || facts.peer.bytes >= NAME_ROOM)
		return true;
	peer = peer_of(numbers, facts.peer);
	if (!peer)
		return false;
	explained = facts.count > UINT32_MAX ? UINT32_MAX : facts.count;
	if (facts.type == CODE_REFUSAL && facts.error == ERROR_OF_MALFORMED)
		explained *= FRAME_MAX;
	if (explained > peer->open)
		explained = peer->open;
	peer->open -= explained;
	numbers->counted += explained;
	return true;
}

static void joined(struct numbers *numbers, struct numbers_peer *peer, const struct row *row)
{
	settle(numbers, peer, false);
	peer->joined = true;
	peer->received = row->sender_seq;
	peer->sent = 0;
}

static void received(struct numbers *numbers, struct numbers_peer *peer, const struct row *row)
{
	numbers->stranger = NULL;
	if (row->verdict == ERROR_OF_STRANGERS || (row->type == CODE_HELLO && row->verdict)) {
		numbers->stranger = peer;
		return;
	}
	if (row->type == CODE_HELLO) {
		joined(numbers, peer, row);
		return;
	}
	if (!row->sender_seq || row->type == CODE_ARTEFACT_PUT || row->type == CODE_ARTEFACT_GET)
		return;
	if (!peer->joined) {
		struct hole hole = hole_of(peer, row, 0, false);

		if (numbers->from_beginning)
			report(numbers, &hole, 1);
		return;
	}
	if (row->sender_seq <= peer->received) {
		struct hole again = hole_of(peer, row, row->sender_seq, false);

		report(numbers, &again, 1);
		return;
	}
	if (row->sender_seq > peer->received + 1)
		open_hole(peer, row);
	peer->received = row->sender_seq;
}

/* Nothing that Omega says goes uncounted: its own numbers have no holes at all. */
static void sent(struct numbers *numbers, struct numbers_peer *peer, const struct row *row)
{
	if (!row->sender_seq || peer == numbers->stranger)
		return;
	if (peer->joined ? row->sender_seq != peer->sent + 1 : numbers->from_beginning) {
		struct hole hole = hole_of(peer, row, peer->joined ? peer->sent : 0, true);

		report(numbers, &hole, row->sender_seq > peer->sent + 1 ? row->sender_seq - peer->sent - 1 : 1);
	}
	peer->sent = row->sender_seq;
}

bool numbers_take(struct numbers *numbers, const struct row *row)
{
	struct numbers_peer *peer;

	if (row->direction == DIRECTION_OWN) {
		if (row->type == CODE_BOOT) {
			settle_all(numbers);
			numbers->from_beginning = true;
		}
		numbers->stranger = NULL;
		numbers->mono_ms = row->mono_ms;
		return row->type != CODE_COUNTED || counted(numbers, row);
	}
	numbers->mono_ms = row->mono_ms;
	if (!row->peer.bytes || row->peer.bytes >= NAME_ROOM)
		return true;
	/* A name that is only ever told something needs no place of its own. */
	if (row->direction == DIRECTION_SENT && !row->sender_seq)
		return true;
	peer = peer_of(numbers, row->peer);
	if (!peer)
		return false;
	if (row->direction == DIRECTION_RECEIVED)
		received(numbers, peer, row);
	else if (row->direction == DIRECTION_SENT)
		sent(numbers, peer, row);
	return true;
}

void numbers_end(struct numbers *numbers)
{
	settle_all(numbers);
}
