/* SPDX-License-Identifier: MIT
 *
 * What an actor sends goes into the row of its worker to the receiver's.
 */
#include <assert.h>

#include "workspace/crew/inner.h"

struct actor *crew_actor_open(struct crew *crew, struct crew_address address, uint64_t *out_word)
{
	uint64_t word;

	if (address.number >= crew->actors_max)
		return NULL;
	word = atomic_load_explicit(&crew->actors[address.number].word, memory_order_acquire);
	if (word >> 32 != address.generation || (word_state(word) != ACTOR_OPEN && word_state(word) != ACTOR_GUEST))
		return NULL;
	*out_word = word;
	return &crew->actors[address.number];
}

/* The actor will hear CREW_ROOM. */
static int refuse(struct crew_context *context)
{
	struct worker *worker = context->worker;

	count_one(&worker->refusals);
	if (!context->actor->refused) {
		context->actor->refused = true;
		context->actor->refused_next = worker->refused;
		worker->refused = context->actor;
		count_one(&worker->sent);
	}
	return ERR_OVERLOADED;
}

static int refuse_until_room(struct crew_context *context, uint32_t target)
{
	struct worker *worker = &context->worker->crew->workers[target];

	refuse(context);
	atomic_fetch_or(&worker->room_wanted, 1ull << context->worker->number);
	worker_nudge(worker, context->worker);
	return ERR_OVERLOADED;
}

static void put(struct crew_context *context, uint32_t target, uint32_t number, const struct crew_message *message,
		enum crew_role role, uint32_t question)
{
	struct worker *worker = context->worker;
	struct envelope envelope = {actor_address(context->actor), number, question, role};

	count_one(&worker->sent);
	row_put(&worker->rows_out[target], &envelope, message);
	worker_nudge(&worker->crew->workers[target], worker);
}

static int put_guest(struct crew_context *context, struct crew_address to, const struct crew_message *message,
		     enum crew_role role, uint32_t question)
{
	struct crew_message out = *message;
	int rc;

	out.from = actor_address(context->actor);
	out.role = (uint16_t)role;
	out.question = question;
	rc = guest_put(context->worker->crew, to, &out, 1ull << context->worker->number);
	return rc == ERR_OVERLOADED ? refuse(context) : rc;
}

int crew_send(struct crew_context *context, struct crew_address to, const struct crew_message *message)
{
	struct crew *crew = context->worker->crew;
	uint64_t word;
	struct actor *actor = crew_actor_open(crew, to, &word);

	if (!actor)
		return ERR_NOT_FOUND;
	if (word_state(word) == ACTOR_GUEST)
		return put_guest(context, to, message, CREW_TELL, 0);
	if (!row_has_room(&context->worker->rows_out[word_worker(word)], crew->row_spare))
		return refuse_until_room(context, word_worker(word));
	put(context, word_worker(word), to.number, message, CREW_TELL, 0);
	return 0;
}

static int ask_guest(struct crew_context *context, struct asks *asks, struct crew_address to, const struct crew_message *message,
		     uint32_t question)
{
	int rc = put_guest(context, to, message, CREW_QUESTION, question);

	if (rc)
		asks_end(asks, asks_find(asks, context->worker->crew->asks_max, question));
	return rc;
}

int crew_ask(struct crew_context *context, struct crew_address to, const struct crew_message *message, uint32_t *out_question)
{
	struct worker *worker = context->worker;
	struct crew *crew = worker->crew;
	uint64_t word;
	struct actor *actor = crew_actor_open(crew, to, &word);
	uint32_t target = actor ? word_worker(word) : 0, question;
	int rc = 0;

	if (!actor)
		return ERR_NOT_FOUND;
	if (word_state(word) == ACTOR_OPEN && !row_has_room(&worker->rows_out[target], crew->row_spare))
		return refuse_until_room(context, target);
	if (asks_take(&worker->asks[target], crew->asks_max, target, context->actor, actor, &question))
		return refuse(context);
	if (word_state(word) == ACTOR_GUEST)
		rc = ask_guest(context, &worker->asks[target], to, message, question);
	else
		put(context, target, to.number, message, CREW_QUESTION, question);
	if (!rc)
		*out_question = question;
	return rc;
}

int crew_answer(struct crew_context *context, const struct crew_message *question, const struct crew_message *answer)
{
	uint64_t word;
	struct actor *asker;

	if (question->role != CREW_QUESTION || question_worker(question->question) != context->worker->number)
		return ERR_STATE;
	asker = crew_actor_open(context->worker->crew, question->from, &word);
	if (!asker)
		return ERR_NOT_FOUND;
	if (word_state(word) == ACTOR_GUEST)
		return put_guest(context, question->from, answer, CREW_ANSWER, question->question);
	if (!row_has_room(&context->worker->rows_out[word_worker(word)], CONTROLS))
		return ERR_STATE; /* room was set aside for each question, so this one was answered before */
	put(context, word_worker(word), question->from.number, answer, CREW_ANSWER, question->question);
	return 0;
}

/* ---- what an actor may know ---- */

struct crew_address crew_self(const struct crew_context *context)
{
	return actor_address(context->actor);
}

struct crew *crew_of(const struct crew_context *context)
{
	return context->worker->crew;
}

uint32_t crew_worker(const struct crew_context *context)
{
	return context->worker->number;
}

struct workspace_agent *crew_agent(struct crew_context *context)
{
	if (context->worker->agent && !context->bracket) {
		context->bracket = true;
		workspace_begin(context->worker->agent);
	}
	return context->worker->agent;
}
