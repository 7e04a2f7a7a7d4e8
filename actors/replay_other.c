/* SPDX-License-Identifier: MIT */
#include "actors/replay_inner.h"

int replay_suppose(struct replay *replay, const struct event *event)
{
	(void)replay;
	(void)event;
	return 0;
}

void replay_compare_fates(struct replay *replay)
{
	(void)replay;
}
