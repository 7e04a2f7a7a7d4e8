/* SPDX-License-Identifier: MIT
 *
 * What may still be spent, and what is set aside for requests under way. Pure.
 *
 * A request sets its upper bound aside before it is sent, or what is left if that is less; then it is short, and while one is short no other
 * is let in. What others give back makes up for it first. So at every admission counted + reserved is at most the limit, and as long as bounds hold, what is
 * counted in the end is over the limit by less than one reply, whatever the order.
 * Inner header of models/.
 */
#ifndef MODELS_BUDGET_H
#define MODELS_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct spending {
	uint64_t tokens, microusd;
};

/* What one request has set aside. */
struct proxy_share {
	struct spending wanted, held;
};

struct proxy_budget {
	struct spending max; /* 0: no limit */
	struct spending counted, reserved;
	uint32_t requests_max, requests;
	struct proxy_share *shorted; /* the one that got less than it wanted, or NULL; it must stay where it is */
};

enum proxy_admission { PROXY_GO, PROXY_WAIT, PROXY_SPENT };

/* GO: it is set aside in `out_share`, and the request is counted. WAIT: until another gives back. SPENT: nothing that is under way can change that. */
enum proxy_admission proxy_budget_take(struct proxy_budget *budget, struct spending wanted, struct proxy_share *out_share);

/* The request is over and took `used`. */
void proxy_budget_give(struct proxy_budget *budget, struct proxy_share *share, struct spending used);

#endif
