/* SPDX-License-Identifier: MIT
 *
 * Threads that are no workers. They write into a worker's queue from outside, and read from a mailbox of their own that any worker writes
 * to; an eventfd says when to look. It is written to once for all messages that come until the guest has looked.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "workspace/crew/inner.h"

static void signal_guest(struct crew_guest *guest)
{
	uint64_t one = 1;

	if (!atomic_exchange(&guest->signalled, 1))
		while (write(guest->fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
}

/* ---- to a guest ---- */

static int put_answer(struct crew_guest *guest, const struct crew_message *message)
{
	struct ask *ask;
	int rc = ERR_STATE;

	pthread_mutex_lock(&guest->mutex);
	ask = asks_find(&guest->asks, guest->spare, message->question);
	if (ask && !ask->answered) {
		ask->answered = true;
		rc = queue_put(&guest->mailbox, 0, 0, message);
	}
	pthread_mutex_unlock(&guest->mutex);
	return rc;
}

static int put_other(struct crew_guest *guest, const struct crew_message *message, uint64_t who)
{
	int rc = queue_put(&guest->mailbox, guest->spare, 0, message);

	if (rc != ERR_OVERLOADED)
		return rc;
	atomic_fetch_or(&guest->room_wanted, who);
	if (queue_has_room(&guest->mailbox, guest->spare)) /* it may have received everything before it could see that */
		crew_give_room(guest->crew, atomic_exchange(&guest->room_wanted, 0));
	return rc;
}

/* Whoever sends from outside is counted while it does. */
static struct actor *enter(struct crew *crew, struct crew_address to, uint64_t *out_word)
{
	if (to.number >= crew->actors_max)
		return NULL;
	atomic_fetch_add(&crew->actors[to.number].posts, 1);
	crew_actor_open(crew, to, out_word);
	return &crew->actors[to.number];
}

static void exit_from(struct crew *crew, struct actor *actor)
{
	uint32_t worker;

	atomic_fetch_sub(&actor->posts, 1);
	if (word_state(atomic_load(&actor->word)) != ACTOR_CLOSED)
		return;
	worker = word_worker(atomic_load(&actor->word)); /* its owner may be waiting for that */
	worker_nudge(&crew->workers[worker < crew->worker_count ? worker : 0], NULL);
}

int guest_put(struct crew *crew, struct crew_address to, const struct crew_message *message, uint64_t who)
{
	uint64_t word = 0;
	struct actor *actor = enter(crew, to, &word);
	int rc = ERR_NOT_FOUND;

	if (!actor)
		return rc;
	if (word_state(word) == ACTOR_GUEST) {
		rc = message->role == CREW_ANSWER ? put_answer(actor->guest, message) : put_other(actor->guest, message, who);
		if (!rc)
			signal_guest(actor->guest);
	}
	exit_from(crew, actor);
	return rc;
}

void guests_give_room(struct crew *crew)
{
	pthread_mutex_lock(&crew->mutex);
	for (struct crew_guest *guest = crew->guests; guest; guest = guest->next) {
		if (!atomic_exchange(&guest->refused, 0))
			continue;
		atomic_store(&guest->room, 1);
		signal_guest(guest);
	}
	pthread_mutex_unlock(&crew->mutex);
}

static void unanswered(struct crew_guest *guest)
{
	for (uint32_t i = 0; guest->asks.open && i < guest->spare; i++) {
		struct ask *ask = &guest->asks.entries[i];
		struct crew_message message = {.role = CREW_UNANSWERED};

		if (!ask->asker || ask->answered || !atomic_load(&ask->asked->leaving))
			continue;
		message.from = actor_address(ask->asked);
		message.question = asks_question(&guest->asks, ask, word_worker(atomic_load(&ask->asked->word)));
		ask->answered = true;
		if (!queue_put(&guest->mailbox, 0, 0, &message))
			signal_guest(guest);
	}
}

void guests_unanswered(struct crew *crew)
{
	pthread_mutex_lock(&crew->mutex);
	for (struct crew_guest *guest = crew->guests; guest; guest = guest->next) {
		pthread_mutex_lock(&guest->mutex);
		unanswered(guest);
		pthread_mutex_unlock(&guest->mutex);
	}
	pthread_mutex_unlock(&crew->mutex);
}

/* ---- from outside ---- */

static int put_outside(struct worker *worker, uint32_t spare, uint32_t number, const struct crew_message *message)
{
	struct crew *crew = worker->crew;
	int rc;

	atomic_fetch_add(&crew->posted, 1);
	rc = queue_put(&worker->outside, spare, number, message);
	if (!rc) {
		worker_nudge(worker, NULL);
		return 0;
	}
	atomic_fetch_add(&crew->unposted, 1);
	crew_say_idle(crew);
	return rc;
}

static int post(struct crew *crew, struct crew_address to, const struct crew_message *message, uint64_t *out_word)
{
	struct actor *actor = enter(crew, to, out_word);
	int rc = ERR_NOT_FOUND;

	if (!actor)
		return rc;
	if (word_state(*out_word) == ACTOR_OPEN)
		rc = put_outside(&crew->workers[word_worker(*out_word)], message->role == CREW_ANSWER ? 0 : crew->row_spare,
				 to.number, message);
	exit_from(crew, actor);
	return rc;
}

int crew_post(struct crew *crew, struct crew_address to, const struct crew_message *message)
{
	struct crew_message out = {.kind = message->kind, .body = message->body};
	uint64_t word = 0;
	int rc = post(crew, to, &out, &word);

	return word_state(word) == ACTOR_GUEST ? guest_put(crew, to, &out, 0) : rc;
}

/* To an actor or a guest; `refused` is set before room is asked for. */
static int guest_tell(struct crew_guest *guest, struct crew_address to, const struct crew_message *message)
{
	struct crew *crew = guest->crew;
	uint64_t word = 0;
	int rc = post(crew, to, message, &word);

	if (word_state(word) == ACTOR_GUEST) {
		atomic_store(&guest->refused, 1);
		rc = guest_put(crew, to, message, GUESTS_BIT);
		if (rc != ERR_OVERLOADED)
			atomic_store(&guest->refused, 0);
	} else if (rc == ERR_OVERLOADED) {
		atomic_store(&guest->refused, 1);
		atomic_fetch_or(&crew->workers[word_worker(word)].room_wanted, GUESTS_BIT);
		worker_nudge(&crew->workers[word_worker(word)], NULL);
	}
	return rc;
}

int crew_guest_send(struct crew_guest *guest, struct crew_address to, const struct crew_message *message)
{
	struct crew_message out = {.from = crew_guest_address(guest), .kind = message->kind, .body = message->body};

	return guest_tell(guest, to, &out);
}

/* The question has to be known before an answer can come; and while it is being made known the one asked must stay. */
int crew_guest_ask(struct crew_guest *guest, struct crew_address to, const struct crew_message *message, uint32_t *out_question)
{
	struct crew_message out = {
		.from = crew_guest_address(guest), .kind = message->kind, .role = CREW_QUESTION, .body = message->body};
	uint64_t word = 0;
	struct actor *asked = enter(guest->crew, to, &word);
	int rc = ERR_NOT_FOUND;

	if (!asked)
		return rc;
	pthread_mutex_lock(&guest->mutex);
	if (word_state(word))
		rc = asks_take(&guest->asks, guest->spare, word_worker(word), guest->actor, asked, &out.question);
	pthread_mutex_unlock(&guest->mutex);
	if (rc == ERR_OVERLOADED)
		atomic_store(&guest->refused, 1); /* the next answer makes room */
	if (!rc) {
		rc = guest_tell(guest, to, &out);
		pthread_mutex_lock(&guest->mutex);
		if (rc)
			asks_end(&guest->asks, asks_find(&guest->asks, guest->spare, out.question));
		pthread_mutex_unlock(&guest->mutex);
	}
	exit_from(guest->crew, asked);
	if (!rc)
		*out_question = out.question;
	return rc;
}

int crew_guest_answer(struct crew_guest *guest, const struct crew_message *question, const struct crew_message *answer)
{
	struct crew_message out = {.from = crew_guest_address(guest),
				   .kind = answer->kind,
				   .role = CREW_ANSWER,
				   .question = question->question,
				   .body = answer->body};
	uint64_t word = 0;
	int rc;

	if (question->role != CREW_QUESTION || question_worker(question->question) != guest->crew->worker_count)
		return ERR_STATE;
	rc = post(guest->crew, question->from, &out, &word);
	if (word_state(word) == ACTOR_GUEST)
		rc = guest_put(guest->crew, question->from, &out, 0);
	return rc == ERR_OVERLOADED ? ERR_STATE : rc;
}

/* ---- receiving ---- */

static bool receive_room(struct crew_guest *guest, struct crew_message *out_message)
{
	if (!atomic_load_explicit(&guest->room, memory_order_relaxed) || !atomic_exchange(&guest->room, 0))
		return false;
	*out_message = (struct crew_message){.role = CREW_ROOM};
	return true;
}

static void close_question(struct crew_guest *guest, uint32_t question)
{
	struct ask *ask;

	pthread_mutex_lock(&guest->mutex);
	ask = asks_find(&guest->asks, guest->spare, question);
	if (ask)
		asks_end(&guest->asks, ask);
	pthread_mutex_unlock(&guest->mutex);
	if (!atomic_exchange(&guest->refused, 0))
		return;
	atomic_store(&guest->room, 1);
	signal_guest(guest);
}

static bool receive(struct crew_guest *guest, struct crew_message *out_message)
{
	struct slot *slot;

	if (receive_room(guest, out_message))
		return true;
	slot = queue_next(&guest->mailbox);
	if (!slot)
		return false;
	*out_message = slot->message;
	queue_give_back(&guest->mailbox);
	if (atomic_load(&guest->room_wanted))
		crew_give_room(guest->crew, atomic_exchange(&guest->room_wanted, 0));
	if (out_message->role == CREW_ANSWER || out_message->role == CREW_UNANSWERED)
		close_question(guest, out_message->question);
	return true;
}

int crew_guest_receive(struct crew_guest *guest, struct crew_message *out_message)
{
	uint64_t count;
	ssize_t got;

	if (receive(guest, out_message))
		return 0;
	got = read(guest->fd, &count, sizeof(count)); /* it does not block, and how much it was does not matter */
	(void)got;
	atomic_store(&guest->signalled, 0);
	return receive(guest, out_message) ? 0 : ERR_NOT_FOUND;
}

/* ---- joining ---- */

static void guest_free(struct crew_guest *guest)
{
	if (!guest)
		return;
	if (guest->fd >= 0)
		close(guest->fd);
	asks_release(&guest->asks);
	queue_release(&guest->mailbox);
	pthread_mutex_destroy(&guest->mutex);
	free(guest);
}

static int guest_new(struct crew *crew, uint32_t max, struct crew_guest **out_guest)
{
	struct crew_guest *guest = aligned_alloc(LINE_BYTES, sizeof(*guest));
	int rc = ERR_MEMORY;

	if (!guest)
		return rc;
	*guest = (struct crew_guest){.crew = crew, .fd = -1, .spare = max / 4 < ASKS_MAX ? max / 4 : ASKS_MAX};
	pthread_mutex_init(&guest->mutex, NULL);
	if (asks_init(&guest->asks, guest->spare) || queue_init(&guest->mailbox, max))
		goto out;
	guest->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = guest->fd < 0 ? ERR_SYSTEM : 0;
	if (!rc)
		*out_guest = guest;
out:
	if (rc)
		guest_free(guest);
	return rc;
}

static int guest_enter(struct crew *crew, struct crew_guest *guest)
{
	struct actor *actor;

	if (crew->closing)
		return ERR_STATE;
	actor = crew_actor_take(crew);
	if (!actor)
		return ERR_FULL;
	actor->guest = guest;
	guest->actor = actor;
	guest->next = crew->guests;
	crew->guests = guest;
	atomic_store(&actor->word, actor_word((uint32_t)(atomic_load(&actor->word) >> 32), crew->worker_count, ACTOR_GUEST));
	return 0;
}

int crew_join(struct crew *crew, uint32_t mailbox_max, struct crew_guest **out_guest)
{
	uint32_t max = mailbox_max ? mailbox_max : 1024;
	struct crew_guest *guest = NULL;
	int rc;

	if (max & (max - 1) || max < 16 || max > 65536)
		return ERR_USAGE;
	rc = guest_new(crew, max, &guest);
	if (rc)
		return rc;
	pthread_mutex_lock(&crew->mutex);
	rc = guest_enter(crew, guest);
	pthread_mutex_unlock(&crew->mutex);
	if (rc)
		guest_free(guest);
	else
		*out_guest = guest;
	return rc;
}

void crew_part(struct crew_guest *guest)
{
	uint64_t word = atomic_load(&guest->actor->word);

	atomic_store(&guest->actor->word, actor_word((uint32_t)(word >> 32), word_worker(word), ACTOR_CLOSED));
	while (atomic_load(&guest->actor->posts))
		sched_yield();
	crew_give_room(guest->crew, atomic_exchange(&guest->room_wanted, 0)); /* they try again, and hear that it is gone */
}

static void guest_unlink(struct crew_guest *guest)
{
	struct crew_guest **link = &guest->crew->guests;

	while (*link != guest)
		link = &(*link)->next;
	*link = guest->next;
}

/* A round of the first worker takes it away, as it would an actor. */
void crew_leave(struct crew_guest *guest)
{
	struct crew *crew = guest ? guest->crew : NULL;
	struct crew_address address;

	if (!guest)
		return;
	crew_part(guest);
	address = crew_guest_address(guest);
	pthread_mutex_lock(&crew->mutex);
	guest_unlink(guest);
	pthread_mutex_unlock(&crew->mutex);
	crew_stop_push(crew, guest->actor, 0);
	crew_wait(crew, address);
	guest_free(guest);
}

struct crew_address crew_guest_address(const struct crew_guest *guest)
{
	return actor_address(guest->actor);
}

int crew_guest_fd(const struct crew_guest *guest)
{
	return guest->fd;
}
