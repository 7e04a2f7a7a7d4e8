/* SPDX-License-Identifier: MIT
 *
 * A state is a prefix of a word. `next` is complete: following it never has to fall back while searching, because the
 * fallbacks are worked in while building. Each state carries the set of words that end there, as bits.
 */
#include "tools/keywords.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64u
#define ALPHABET  256u

struct state {
	uint16_t next[ALPHABET];
	uint16_t fallback; /* the longest proper suffix that is a prefix of a word */
	uint64_t ends;
};

struct keywords {
	struct state *states;
	size_t count;
	size_t length[WORDS_MAX];
};

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

static void add_word(struct keywords *keywords, size_t number, const char *word)
{
	size_t state = 0;

	for (const unsigned char *c = (const unsigned char *)word; *c; c++) {
		uint16_t *next = &keywords->states[state].next[*c];

		if (!*next)
			*next = (uint16_t)keywords->count++;
		state = *next;
	}
	keywords->states[state].ends |= UINT64_C(1) << number;
	keywords->length[number] = strlen(word);
}

/* Breadth first, so that a state's fallback is complete before the state is. */
static void link_states(struct keywords *keywords, uint16_t *queue)
{
	size_t head = 0, tail = 0;

	for (size_t c = 0; c < ALPHABET; c++) {
		if (keywords->states[0].next[c])
			queue[tail++] = keywords->states[0].next[c];
	}
	while (head < tail) {
		struct state *state = &keywords->states[queue[head++]];
		const struct state *fallback = &keywords->states[state->fallback];

		state->ends |= fallback->ends;
		for (size_t c = 0; c < ALPHABET; c++) {
			uint16_t next = state->next[c];

			if (!next) {
				state->next[c] = fallback->next[c];
				continue;
			}
			keywords->states[next].fallback = fallback->next[c];
			queue[tail++] = next;
		}
	}
}

struct keywords *keywords_new(const char *const *words, size_t count)
{
	struct keywords *keywords = calloc(1, sizeof(*keywords));
	uint16_t *queue = NULL;
	size_t room = 1;

	for (size_t i = 0; i < count; i++)
		room += words[i] ? strlen(words[i]) : 0;
	if (!keywords || count > WORDS_MAX || room > UINT16_MAX)
		goto fail;
	keywords->states = calloc(room, sizeof(*keywords->states));
	queue = calloc(room, sizeof(*queue));
	if (!keywords->states || !queue)
		goto fail;
	keywords->count = 1;
	for (size_t i = 0; i < count; i++) {
		if (words[i])
			add_word(keywords, i, words[i]);
	}
	link_states(keywords, queue);
	free(queue);
	return keywords;
fail:
	free(queue);
	keywords_free(keywords);
	return NULL;
}

void keywords_free(struct keywords *keywords)
{
	if (!keywords)
		return;
	free(keywords->states);
	free(keywords);
}

int keywords_search(const struct keywords *keywords, const char *text, size_t bytes, keywords_found found, void *context)
{
	size_t state = 0;

	for (size_t i = 0; i < bytes; i++) {
		uint64_t ends;

		state = keywords->states[state].next[lower((unsigned char)text[i])];
		for (ends = keywords->states[state].ends; ends; ends &= ends - 1) {
			size_t word = (size_t)__builtin_ctzll(ends);
			int rc = found(word, i + 1 - keywords->length[word], context);

			if (rc)
				return rc;
		}
	}
	return 0;
}
