/* SPDX-License-Identifier: MIT
 *
 * One frame while it is being taken apart: shared by intake.c and greeting.c.
 */
#ifndef ACTORS_INTAKE_H
#define ACTORS_INTAKE_H

#include "actors/shell.h"

struct intake {
	struct shell *shell;
	struct peer peer; /* whose key it is; of those who have not joined */
	uint32_t connection;
	bool stop; /* the rest of the frame is not worth looking at */
};

/* True if one more refusal of this connection may be recorded and answered in full; counts it. */
bool refusal_allowed(struct shell *shell, struct connection *connection);

/* Refuses with an answer, but only a count in the trail. `message` NULL: it could not be read. */
void refuse_loose(struct shell *shell, uint32_t connection, const struct message *message, uint32_t code);

/* Has the core decide on a message of this connection. */
void step_message(struct intake *intake, struct message *message, uint32_t verdict);

/* Decodes the payload of a message and checks the JSON in it. 0, or the error code it is to be refused with. */
uint32_t intake_check_payload(struct message *message);

void take_hello(struct intake *intake, struct message *message);
void take_stranger(struct intake *intake, struct message *message); /* anything else from who has not joined */

#endif
