/* SPDX-License-Identifier: MIT */
#include "races/ledger.h"

#include <assert.h>

#include "races/said.h"

uint64_t ledger_left(const struct ledger *ledger)
{
	uint64_t gone = said_sum(ledger->spent, ledger->reserved);

	if (!ledger->budget)
		return UINT64_MAX;
	return gone < ledger->budget ? ledger->budget - gone : 0;
}

bool ledger_reserve(struct ledger *ledger, uint64_t amount)
{
	if (amount > ledger_left(ledger))
		return false;
	ledger->reserved = said_sum(ledger->reserved, amount);
	return true;
}

void ledger_settle(struct ledger *ledger, uint64_t reserved, uint64_t used)
{
	assert(reserved <= ledger->reserved);
	ledger->reserved -= reserved;
	ledger->spent = said_sum(ledger->spent, used);
	if (used < reserved)
		ledger->refunded = said_sum(ledger->refunded, reserved - used);
	else
		ledger->over = said_sum(ledger->over, used - reserved);
}

bool ledger_holds(const struct ledger *ledger)
{
	return !ledger->budget || said_sum(ledger->spent, ledger->reserved) <= said_sum(ledger->budget, ledger->over);
}
