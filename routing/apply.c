/* SPDX-License-Identifier: MIT
 *
 * omega_apply: what each record does to the state. Nothing is decided here; the same records always give the same state.
 */
#include "routing/apply.h"

static int apply_snapshot(struct omega *omega, const struct record *record)
{
	const struct snapshot *facts = &record->message.snapshot;
	if (facts->core_version > OMEGA_CORE_VERSION)
		return ERR_NEWER;
	int rc = omega_load(omega, facts->state.at, facts->state.bytes);
	if (rc)
		return rc;
	if (omega->moment.next_seq != record->seq)
		return ERR_CORRUPT;
	omega->moment.next_seq++;
	return 0;
}

int omega_apply(struct omega *omega, const struct record *record)
{
	int rc;
	if (record->message.type == MESSAGE_SNAPSHOT && !omega->moment.booted && omega->moment.next_seq == 1)
		return apply_snapshot(omega, record);
	if (record->seq != omega->moment.next_seq)
		return ERR_CORRUPT;
	if (record->now_ms > omega->moment.now_ms)
		omega->moment.now_ms = record->now_ms;
	if (record->direction == DIRECTION_IN)
		rc = apply_in(omega, record);
	else
		rc = record->direction == DIRECTION_OUT ? apply_out(omega, record) : apply_inner(omega, record);
	if (rc)
		return ERR_CORRUPT;
	omega->moment.next_seq++;
	return 0;
}
