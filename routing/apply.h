/* SPDX-License-Identifier: MIT
 *
 * What the applying files share, private to routing/. Each apply_… returns 0, or an error if the record cannot follow what was
 * applied so far.
 */
#ifndef ROUTING_APPLY_H
#define ROUTING_APPLY_H

#include "routing/state.h"

/* ---- by direction of the record ---- */
int apply_in(struct omega *omega, const struct record *record);
int apply_out(struct omega *omega, const struct record *record);
int apply_inner(struct omega *omega, const struct record *record);

/* ---- apply_peers.c ---- */
int apply_hello(struct omega *omega, const struct record *record);
int apply_goodbye(struct omega *omega, const struct record *record);
int apply_presence(struct omega *omega, const struct record *record);
bool blames_clone(uint32_t code);
void break_circuit(struct omega *omega, uint32_t clone, uint64_t now_ms); /* one more failure of this clone */

/* ---- life.c ---- */
void orphan_children(struct omega *omega, uint32_t task); /* their parent has ended, or is being cancelled */

#endif
