/* SPDX-License-Identifier: MIT
 *
 * One kind of budget (tokens, millionths of a dollar): what is spent and what is set aside is never more than there is.
 *
 *	spent + reserved <= budget + over
 *
 * `over` is what others spent beyond what was set aside for them: a model server is only stopped between two requests.
 */
#ifndef RACES_LEDGER_H
#define RACES_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

struct ledger {
	uint64_t budget; /* 0: no bound */
	uint64_t spent, reserved;
	uint64_t refunded; /* set aside and not needed, in all */
	uint64_t over;
};

uint64_t ledger_left(const struct ledger *ledger); /* what can still be set aside; UINT64_MAX without a bound */

/* False, and nothing is changed, if there is not as much. */
bool ledger_reserve(struct ledger *ledger, uint64_t amount);

/* Gives back what was set aside, and books what was really used. */
void ledger_settle(struct ledger *ledger, uint64_t reserved, uint64_t used);

bool ledger_holds(const struct ledger *ledger); /* the sentence above */

#endif
