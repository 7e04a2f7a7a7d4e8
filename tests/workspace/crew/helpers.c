/* SPDX-License-Identifier: MIT */
#include "tests/workspace/crew/helpers.h"

#include <poll.h>
#include <sched.h>

struct crew *crew_make(struct crew_options options)
{
	char sentence[WORKSPACE_SENTENCE_BYTES];
	struct crew *crew = NULL;

	if (!options.workers)
		options.workers = 2;
	if (crew_open(&options, &crew, sentence))
		fail_msg("%s", sentence);
	return crew;
}

struct crew_address actor_make(struct crew *crew, uint32_t worker, crew_handle *handle, void *state)
{
	struct crew_actor actor = {handle, state, worker};
	struct crew_address address = {0};

	assert_int_equal(crew_start(crew, &actor, &address), 0);
	return address;
}

void post_surely(struct crew *crew, struct crew_address to, uint16_t kind, uint64_t word)
{
	struct crew_message message = words(kind, word, 0);
	int rc = crew_post(crew, to, &message);

	while (rc == ERR_OVERLOADED) {
		sched_yield();
		rc = crew_post(crew, to, &message);
	}
	assert_int_equal(rc, 0);
}

struct crew_message words(uint16_t kind, uint64_t first, uint64_t second)
{
	return (struct crew_message){.kind = kind, .body.words = {first, second}};
}

struct crew_message guest_next(struct crew_guest *guest)
{
	struct pollfd watch = {.fd = crew_guest_fd(guest), .events = POLLIN};
	struct crew_message message;

	while (crew_guest_receive(guest, &message))
		if (poll(&watch, 1, 60000) < 1)
			fail_msg("no message came within a minute");
	return message;
}
