/* SPDX-License-Identifier: MIT
 *
 * Replies as servers send them, with what is to be read out of them.
 */
#ifndef TESTS_MODELS_WIRE_SAMPLES_H
#define TESTS_MODELS_WIRE_SAMPLES_H

#include "models/wire.h"

struct wire_sample {
	const char *name;
	enum wire wire;
	unsigned status;
	const char *content_type;
	const char *retry_after;
	const char *bytes;
	struct wire_facts facts; /* `bytes` is not compared */
};

extern const struct wire_sample wire_samples[];
extern const size_t wire_sample_count;

#endif
