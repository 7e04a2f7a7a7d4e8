/* SPDX-License-Identifier: MIT
 *
 * Changes on their way to Omega. They are said in the order in which they were made; the link keeps each until Omega has it on the disk, so
 * what it does not hold any more is durable.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/workspace_inner.h"

struct saying {
	struct saying *next;
	struct store *store; /* stays open while its diary has something to tell */
	uint64_t number;
	struct id message;
	uint32_t code; /* why Omega refused it, or it could not be said */
};

struct teller {
	struct link *link;
	struct saying *first, *last;
	size_t count;
};

int teller_new(struct link *link, struct teller **out_teller)
{
	struct teller *teller = calloc(1, sizeof(*teller));

	if (!teller)
		return ERR_MEMORY;
	teller->link = link;
	*out_teller = teller;
	return 0;
}

void teller_free(struct teller *teller)
{
	while (teller && teller->first) {
		struct saying *saying = teller->first;
		teller->first = saying->next;
		free(saying);
	}
	free(teller);
}

static struct text text_of(const char *text)
{
	return text ? (struct text){text, (uint32_t)strlen(text)} : (struct text){0};
}

static int say(struct teller *teller, const struct store *store, const struct diary_change *change)
{
	struct message message = {.type = MESSAGE_REF_CHANGED};
	struct ref_changed *facts = &message.ref_changed;

	message.header.message_id = change->message;
	message.header.task_id = change->task;
	facts->repository = text_of(store->name);
	facts->ref = text_of(change->ref);
	if (change->has_from)
		facts->from = (struct bytes){change->from.bytes, OID_BYTES};
	if (change->has_to)
		facts->to = (struct bytes){change->to.bytes, OID_BYTES};
	facts->version = change->version;
	facts->cause = text_of(change->cause);
	facts->journal = change->journal;
	facts->attempt = change->attempt;
	facts->sentence = text_of(change->sentence);
	return link_say(teller->link, &message, true);
}

struct telling {
	struct teller *teller;
	struct store *store;
};

static bool is_under_way(const struct teller *teller, const struct store *store, uint64_t number)
{
	for (const struct saying *saying = teller->first; saying; saying = saying->next)
		if (saying->store == store && saying->number == number)
			return true;
	return false;
}

static int take_change(void *context, const struct diary_change *change)
{
	struct telling *telling = context;
	struct teller *teller = telling->teller;
	struct saying *saying;
	int rc;

	if (change->number <= telling->store->said_number && is_under_way(teller, telling->store, change->number))
		return 0;
	saying = calloc(1, sizeof(*saying));
	if (!saying)
		return ERR_MEMORY;
	*saying = (struct saying){.store = telling->store, .number = change->number, .message = change->message};
	rc = say(teller, telling->store, change);
	saying->code = rc ? (uint32_t)-rc : 0;
	if (teller->last)
		teller->last->next = saying;
	else
		teller->first = saying;
	teller->last = saying;
	teller->count++;
	if (change->number > telling->store->said_number)
		telling->store->said_number = change->number;
	return 0;
}

int teller_store(struct teller *teller, struct store *store)
{
	struct telling telling = {teller, store};

	return diary_each_untold(store->diary, take_change, &telling);
}

void teller_refused(struct teller *teller, const struct id *message, uint32_t code)
{
	for (struct saying *saying = teller->first; saying; saying = saying->next)
		if (id_equal(&saying->message, message) && code != ERROR_SUPERSEDED) /* that it stands there already is as good */
			saying->code = code;
}

void teller_work(struct teller *teller, teller_settled *settled, void *context)
{
	struct saying *saying;

	while ((saying = teller->first) != NULL && !link_holds(teller->link, &saying->message)) {
		teller->first = saying->next;
		if (!teller->first)
			teller->last = NULL;
		teller->count--;
		settled(context, saying->store, saying->number, saying->code);
		diary_told(saying->store->diary, saying->number); /* last: with nothing owed the store may be closed */
		free(saying);
	}
}

size_t teller_waiting(const struct teller *teller)
{
	return teller->count;
}
