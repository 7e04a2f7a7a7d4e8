/* SPDX-License-Identifier: MIT
 *
 * What the files of the vault share: vault.c reads values and watches them, vault_forms.c writes their forms, vault_scan.c looks for them.
 */
#ifndef ACTORS_VAULT_INNER_H
#define ACTORS_VAULT_INNER_H

#include "actors/search.h"
#include "actors/vault.h"
#include "protocol/codec.h"

#define LAYERS_MAX 3u /* of escapes over one another */
#define KIND_BYTES 96u
#define PLACES_MAX 1024u

struct known {
	char kind[KIND_BYTES];
	uint32_t at; /* in the store */
	uint32_t bytes;
};

/* A text with escapes resolved, and where in the text as it came each byte begins and ends. */
struct layer {
	uint8_t *at;
	uint32_t *from;
	uint32_t *to;
	size_t bytes;
	size_t capacity;
	bool mapped; /* from and to are filled */
};

struct place {
	uint32_t from, to;
};

struct vault {
	struct state_folder state;
	int watch;
	struct known *known;
	size_t count;
	uint8_t *store; /* values, then their forms; locked */
	size_t store_bytes, store_room;
	struct needle *needle;
	size_t needle_count, needle_room;
	struct search *search;
	size_t longest; /* value */
	struct layer layer[LAYERS_MAX];
	struct place place[PLACES_MAX];
	size_t place_count;
	const char *kind; /* of the first find; NULL: none */
	char problem[SENTENCE_BYTES];
};

/* All forms of value `owner`, into store and needles. Their places must be there: forms_room bytes, forms_count needles. */
void forms_write(struct vault *vault, uint32_t owner);
size_t forms_room(size_t value_bytes);
#define FORMS_COUNT 11u

#endif
